"""Trained network: its training, its weights, and what it gives for videos."""

import copy
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from ave_sklearn._device import WEIGHT_DTYPES, autocast_dtype, bytes_for_features, naming_batch_size
from ave_sklearn._features.container import AVFeatures
from ave_sklearn._training.batches import BatchIterator, VideoDataset, prediction_batch_size, watch_zeros
from ave_sklearn._training.callbacks import EpochProgress, Validation, learning_rate_callbacks
from ave_sklearn._training.net import LocalizerNet, diverged, inner_network
from ave_sklearn._training.spec import torch_seed
from ave_sklearn._training.state import (
    check_learned,
    check_state,
    first_difference,
    kept_generators,
    load_module_state,
    state_arrays,
    state_tensors,
    wide_statistics,
)
from ave_sklearn._training.statistics import feature_statistics
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.nn import StandardizedNetwork, video_probabilities
from ave_sklearn.nn.contract import network_name
from ave_sklearn.nn.taps import LAYER_OUTPUTS, layer_names, tap

HISTORY_KEYS = ("epoch", "train_loss", "valid_loss", "valid_score", "dur")
N_COPIES = 3  # that are compared where a constructor draws from NumPy


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: parameters of the estimators, and the `milestones` of the released schedule."""

    max_epochs: int
    batch_size: int
    lr: float
    lr_schedule: str
    milestones: tuple
    weight_decay: float
    early_stopping: bool | int | str
    verbose: int


class Videos(NamedTuple):
    """Features of videos, with encoded targets, weights of mean 1, and what errors call them.

    Attributes
    ----------
    X, target, weight, rows, name
        See :class:`VideoDataset`.
    """

    X: AVFeatures
    target: np.ndarray | None = None
    weight: np.ndarray | None = None
    rows: np.ndarray | None = None
    name: str = "X"


@dataclass(frozen=True)
class TrainingLog:
    """How a training went: what each epoch recorded, the epoch whose weights were kept, and its validation score."""

    history: list
    best_epoch: int
    validation_score: float | None


class TrainedNetwork:
    """A network, its training and its predictions.

    Parameters
    ----------
    spec : NetworkSpec
    recipe : Recipe
    device : torch.device
    module : torch.nn.Module
        Built of `spec`.

    Attributes
    ----------
    net : LocalizerNet
        After a training, or around given weights.
    copy_error : str or None
        Why a copy, built anew around the weights, would not be the same network.
    """

    def __init__(self, spec, recipe, device, module):
        self.spec, self.recipe, self.device, self.module = spec, recipe, device, module
        self.net = self.copy_error = None

    @classmethod
    def drawn(cls, spec, recipe, device):
        """Return a network of initial weights."""
        return cls(spec, recipe, device, spec.build(draw=True))

    @classmethod
    def of_weights(cls, spec, recipe, device, weights):
        """Return a network of given weights and buffers, a dict of ndarrays, and of what it keeps as extra state.

        Raises
        ------
        ValueError
            For weights that are not finite, and such of a network of this package that are not those of `spec`.
        RuntimeError
            For weights that a network of the user's does not take; whatever else it raises.
        """
        wide_statistics(weights)
        module = spec.build(draw=False)
        if not spec.is_foreign:
            check_state(module, weights)
            module.to_empty(device="cpu")
        load_module_state(module, state_tensors(weights))
        check_learned(module)
        return cls.of_module(spec, recipe, device, module)

    @classmethod
    def of_module(cls, spec, recipe, device, module):
        """Return a network around a trained module."""
        model = cls(spec, recipe, device, module)
        model.net = model._make_net(torch.nn.Identity(), spec.contract()).initialize()
        model.net.release_training_state()
        return model

    def weights(self):
        """Return the weights as :meth:`of_weights` takes them."""
        return state_arrays(self.net.module_)

    @property
    def extra_loss(self):
        """The network's own loss, or None."""
        return getattr(inner_network(self.module), "extra_loss", None)

    # ------------------------------------------------------------ training
    def train(self, criterion, train, seeds, validation=None, score=None):
        """Train the network; its features' statistics come first.

        Parameters
        ----------
        criterion : torch.nn.Module
            Called as ``criterion(outputs, target, weight)``.
        train : Videos
        seeds : dict
            ``dropout`` and ``order``.
        validation : Videos or None, default=None
            Videos that are scored after each epoch, and choose the best one where the recipe stops early.
        score : callable or None, default=None
            Maps the predicted codes (n, T) of `validation` to a number; higher is better.

        Returns
        -------
        log : TrainingLog
        """
        train = self._dataset(*train)
        if self.spec.standardize:
            self.module.set_statistics(*feature_statistics(train))
            train.wide = self.module.wide
        paired = getattr(criterion, "needs_similarity", False) and self.spec.n_segments > 1
        self.net = self._make_net(criterion, self.spec.contract(paired=paired))
        callbacks, best = self._callbacks(train), None
        if validation is not None:
            best = Validation(self._dataset(*validation), self._decode, score, self.recipe.early_stopping)
            callbacks.append(("validation", best))
        if self.recipe.verbose:
            callbacks.append(("progress", EpochProgress()))
        seed = seeds["dropout"] if self.spec.is_foreign else None
        with torch_seed(seed), naming_batch_size(self.recipe.batch_size):
            datasets = [train] if best is None else [train, best.dataset]
            watch_zeros([dataset for dataset in datasets if dataset.name == "X"])
            for dataset in datasets:
                dataset.keep_on_device(bytes_for_features(self.device))
            self.net.fit_dataset(train, callbacks, seeds["order"], seeds["dropout"])
            if best is None:  # else they were decoded after each epoch
                self._check_outputs(train)
        return training_log(self.net.history, best)

    def _check_outputs(self, train):
        """Raise ValueError where the outputs for a batch are not finite: no loss follows the last step."""
        self._decode(self.net.evaluation_step(next(iter(BatchIterator(train, self.recipe.batch_size)))))

    def _decode(self, outputs):
        """Decode a batch in the course of a training, which is to blame for outputs that are not finite."""
        try:
            return self.spec.decode(outputs)
        except ValueError as error:
            raise diverged(f"After epoch {len(self.net.history)}: {str(error).partition(';')[0]}") from error

    def _callbacks(self, train):
        """Return the callbacks of the learning rate."""
        recipe = self.recipe
        n_steps = len(BatchIterator(train, recipe.batch_size)) * recipe.max_epochs
        return learning_rate_callbacks(recipe.lr_schedule, recipe.lr, n_steps, recipe.milestones)

    def _make_net(self, criterion, contract):
        """Return a skorch net around the module."""
        net = LocalizerNet(
            self.module,
            criterion=criterion,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.recipe.weight_decay,
            optimizer__fused=True,
            lr=self.recipe.lr,
            max_epochs=self.recipe.max_epochs,
            batch_size=self.recipe.batch_size,
            iterator_train=BatchIterator,
            iterator_valid=BatchIterator,
            train_split=None,
            callbacks__print_log=None,
            device=self.device,
            verbose=0,
        )
        net.autocast_dtype = autocast_dtype(self.spec.precision, self.device)
        net.contract = contract
        return net

    # ------------------------------------------------------------ copies
    def compare_copy(self, X):
        """Compare a network of the user's with a copy that is built anew around its weights, and warn if they differ.

        Parameters
        ----------
        X : AVFeatures
            The training videos; one batch of them is looked at.
        """
        if not self.spec.is_foreign:
            return
        try:
            differs = self._difference_of_copies(X[: self.recipe.batch_size])
            problem = differs and f"its {differs!r} differs in evaluation mode"
        except Exception as error:  # whatever a network of the user's raises
            problem = f"{type(error).__name__}: {error}"
        if problem:
            self.copy_error = (
                f"network {network_name(self.spec.network)} is not the same when it is built anew around its state, as "
                f"pickle, joblib and copy.deepcopy do: {problem}. Keep what training changes in parameters, buffers or "
                "by get_extra_state, what the constructor draws from NumPy in a buffer, and draw nothing in evaluation "
                "mode. See the contract in ave_sklearn.nn."
            )
            warn_user(f"This fit cannot be pickled or copied: {self.copy_error}")

    def _difference_of_copies(self, X):
        """Return the name of an output that differs between the network and a copy for the videos `X`, or None."""
        (batch,) = BatchIterator(self._dataset(X), len(X))
        with kept_generators() as have_moved:
            outputs = self._twin().evaluate(batch, seed=0)
            for _ in range(N_COPIES):
                copied = self.of_weights(self.spec, self.recipe, self.device, self.weights())
                differs = first_difference(outputs, copied.evaluate(batch, seed=1))
                if differs or not have_moved():  # what was drawn from NumPy may be the same by chance
                    return differs
        return None

    def _twin(self):
        """Return the network with a module copied attribute by attribute, which may be used and thrown away."""
        try:
            module = copy.deepcopy(self.module)
        except Exception:  # whatever a module of the user's holds
            module = self.module
        return self.of_module(self.spec, self.recipe, self.device, module)

    def copied(self, **params):
        """Return the network built anew around its weights, with these `params` of its constructor in place of its own.

        Raises
        ------
        ValueError
            Of a network of the user's that is not the same when it is built anew.
        """
        if self.copy_error is not None:
            raise ValueError(f"This needs a copy of the network, but {self.copy_error}")
        spec = replace(self.spec, params={**self.spec.params, **params})
        return self.of_weights(spec, self.recipe, self.device, self.weights())

    def evaluate(self, batch, seed):
        """Return the outputs for a batch in evaluation mode, torch's global generators seeded by `seed`."""
        with torch_seed(seed):
            return self.net.evaluation_step(batch)

    # ------------------------------------------------------------ predictions
    def probabilities(self, X, batch_size):
        """Return the class probabilities (n, T, C) of the AVFeatures `X`."""
        (proba,) = collect(len(X), ([self.spec.decode(outputs)] for outputs in self._batches(X, batch_size)))
        return proba

    def probabilities_with(self, X, batch_size, *names):
        """Return what `probabilities` does, and what `outputs` does, of one pass through the network."""
        batches = self._batches(X, batch_size)
        parts = ([self.spec.decode(outputs), *self.spec.choose(outputs, names)] for outputs in batches)
        return collect(len(X), parts)

    def codes(self, X, batch_size):
        """Return the most probable class of each segment and its probability, both (n, T)."""
        batches = (self.spec.decode(outputs).max(-1) for outputs in self._batches(X, batch_size))
        scores, codes = collect(len(X), batches)
        return codes, scores

    def video_probabilities(self, X, batch_size):
        """Return the class probabilities of whole videos (n, C)."""
        (logits,) = self.outputs(X, batch_size, "video_logits")
        return video_probabilities(torch.from_numpy(logits), self.spec.n_classes, self.spec.background).numpy()

    def outputs(self, X, batch_size, *names):
        """Return the network's outputs of these names, a list of ndarrays with a row for each video."""
        return collect(len(X), (self.spec.choose(outputs, names) for outputs in self._batches(X, batch_size)))

    @property
    def layers(self):
        """Names of the layers whose features the network gives, in its order."""
        return [*layer_names(inner_network(self.module)), "fused"]

    def layer(self, X, batch_size, layer):
        """Return the audio and the visual features, each (n, T, d), of a layer that the network has taps for."""
        copied = self.copied()
        tap(inner_network(copied.net.module_), layer)
        return copied.outputs(X, batch_size, *LAYER_OUTPUTS)

    def _batches(self, X, batch_size):
        """Yield the network's outputs, batch by batch."""
        dataset = self._dataset(X)
        with naming_batch_size(batch_size):
            batches = BatchIterator(dataset, prediction_batch_size(X, batch_size))
            yield from map(self.net.evaluation_step, batches)

    def _dataset(self, X, target=None, weight=None, rows=None, name="X"):
        """Return videos as the network reads them where it is."""
        dataset = VideoDataset(X, WEIGHT_DTYPES[self.spec.precision], target, weight, self.device, rows, name)
        if isinstance(self.module, StandardizedNetwork):
            dataset.wide = self.module.wide
        return dataset


def collect(n_videos, batches):
    """Return what the Tensors of all batches hold, in ndarrays; nothing else of a batch is kept.

    Parameters
    ----------
    n_videos : int
        Of all batches.
    batches : iterable of sequences of Tensors
        Each Tensor has a row for each video of its batch.

    Returns
    -------
    results : list of ndarrays
    """
    results, stop = None, 0
    for parts in batches:
        if results is None:
            results = [part.new_empty((n_videos, *part.shape[1:]), device="cpu") for part in parts]
        start, stop = stop, stop + len(parts[0])
        for result, part in zip(results, parts, strict=True):
            result[start:stop] = part.detach()  # a view of a weight has a gradient without a graph too
    return [result.numpy() for result in results]


def training_log(history, best):
    """Return the log of a skorch `history`; `best` is the Validation or None."""
    rows = [{key: np.asarray(row[key]).item() for key in HISTORY_KEYS if key in row} for row in history]
    return TrainingLog(rows, best.kept_epoch_ if best else len(rows), best.kept_score_ if best else None)
