"""What every localizer shares, whatever its network: fit, predict, score, persistence."""

from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._device import product_type, resolve_precision
from ave_sklearn._random import own_random_state
from ave_sklearn._targets.encoding import ClassRule, check_target, split_rows
from ave_sklearn._targets.events import segments_to_events
from ave_sklearn._training.batches import BatchIterator, feature_statistics
from ave_sklearn._training.model import OutputsMixin
from ave_sklearn._training.net import LocalizerNet, Progress, Validation, learning_rate_callbacks
from ave_sklearn.localizers._inputs import (
    check_same_layout,
    check_validation,
    check_weights,
    layout_of,
    memory_of_batches,
    resolve_device,
    room_on,
    validate_features,
)
from ave_sklearn.localizers._networks import (
    build_module,
    check_network,
    draws_own_weights,
    inner_network,
    network_class,
    torch_seed,
    warn_of_pruning,
)
from ave_sklearn.localizers._supervision import code_accuracy
from ave_sklearn.nn.contract import Contract

FORMAT_VERSION = 3
HISTORY_KEYS = ("epoch", "train_loss", "valid_loss", "valid_score", "dur")


class BaseLocalizer(OutputsMixin, ClassifierMixin, BaseEstimator):
    """Base class of the estimators: everything that is not the network's own.

    A subclass has

    * ``_network_choice()``, which returns the network, a name or a class (see :mod:`ave_sklearn.nn`), and a dict of
      its parameters;
    * ``_supervision``, what full or weak supervision asks for (see ``_supervision.py``);
    * an explicit ``__init__`` with every default, the parameters below among them, which calls ``_store``.
    """

    _parameter_constraints: dict = {
        "standardize": ["boolean"],
        "feature_dropout": [Interval(Real, 0, 1, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"one_cycle", "constant", "released"})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean", Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_audio_features": [None, Interval(Integral, 1, None, closed="left")],
        "background": "no_validation",
        "classes": ["array-like", None],
        "precision": [StrOptions({"auto", "bfloat16", "float32", "float64"})],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def _store(self, values):
        """Store the constructor's parameters, found in `values`, its ``locals()``, as they are."""
        for name in self._get_param_names():
            setattr(self, name, values[name])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.target_tags.multi_output = True
        tags.target_tags.two_d_labels = True
        return tags

    # ------------------------------------------------------------------ fit
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None):
        """Train the network; an earlier fit stays as it is until the training has succeeded.

        Parameters
        ----------
        X : AVFeatures of n videos, array of shape (n, T, F) or (n, F), or ``X["audio"], X["visual"]``
            The features; see the class. A plain dict works, but scikit-learn's splitters cannot slice it.
        y : array-like
            The targets; see the class.
        sample_weight : array-like of shape (n,), default=None
            Weight of each video in the loss and in the feature statistics.
        X_val, y_val : like `X` and `y`, default=None
            Videos that choose the best epoch, in place of a part of the training videos; they need
            `early_stopping`. A `y_val` of segment labels is scored by segments, with weak supervision too; any
            other by the videos' categories. Under scikit-learn's searches, an `X_val` that is as long as `X`
            gets sliced by the training rows of each fold, silently: take another number of videos.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter out of its range, features that are not finite, targets that do not fit the features,
            or a loss that is not finite. The message names the argument, what came and what was wanted.
        """
        fitted = type(self)(**self.get_params(deep=False))
        fitted._fit(X, y, sample_weight, X_val, y_val)
        self._adopt(fitted)
        return self

    def _fit(self, X, y, sample_weight, X_val, y_val):
        """Fit this estimator, a fresh twin of the one that the user holds."""
        self._validate_params()
        check_validation(self.early_stopping, X_val, y_val)
        device = resolve_device(self.device)
        X = validate_features(self, X, reset=True)
        targets = self._encode(self._supervision.encode, y, X)
        weight = check_weights(sample_weight, X)
        seeds = self._draw_seeds()
        self._remember(layout_of(X), targets, seeds["weights"])
        self._warn(X, targets)
        rows, validation = self._split(X, targets, np.flatnonzero(weight), seeds["split"], X_val, y_val)
        train = self._dataset(X[rows], targets.values[rows], weight[rows])
        module = self._initial_module(train, seeds)
        self.net_ = self._make_net(module, self._criterion(module), device)
        seed = seeds["dropout"] if draws_own_weights(self._plan_["network"]) else None
        with torch_seed(seed), memory_of_batches(self.batch_size):
            for dataset in [train] if validation is None else [train, validation[0]]:
                dataset.hold(room_on(device))
            self._train(train, validation, seeds)

    def _adopt(self, fitted):
        """Take over what `fitted` learned; forget an earlier fit."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name, value in vars(fitted).items():
            if name.endswith("_"):
                setattr(self, name, value)

    def _encode(self, encode, y, X, known=None, strict=True):
        """Encode the targets `y` of the videos `X` by a method of the supervision."""
        rule = ClassRule(self.classes, self.background, known, strict)
        return encode(check_target(y, len(X), self), X.n_segments, rule, self)

    def _draw_seeds(self):
        """Draw a seed for each use of random numbers; None means fresh entropy, not NumPy's global state."""
        random = own_random_state(self.random_state)
        return {use: int(random.randint(np.iinfo(np.int32).max)) for use in ("weights", "dropout", "order", "split")}

    def _warn(self, X, targets):
        """Say what would disappoint in a fit that is about to start."""
        self._supervision.warn(targets, X.n_segments, self)
        warn_of_pruning(self._plan_["network"], self._plan_["params"], X.n_segments)

    def _remember(self, layout, targets, seed=0):
        """Set the fitted attributes that describe the data, and the plan of the network, of plain values."""
        self.classes_, self.n_segments_, self._flat_ = targets.classes, layout["n_segments"], targets.flat
        network, params = self._network_choice()
        self._plan_ = {
            "network": network,
            "params": check_network(network, params, self._supervision.name),
            "seed": seed,
            "layout": layout,
            "n_classes": len(targets.classes),
            "background": targets.background,
            "standardize": bool(self.standardize),
            "feature_dropout": float(self.feature_dropout),
            "precision": resolve_precision(self.precision, resolve_device(self.device, fallback=True)),
        }

    def _pair_loss_weight(self):
        """Return the weight of L_avps of a fully supervised estimator: `lam`, or the network's own for "auto"."""
        if self.lam != "auto":
            return self.lam
        return getattr(network_class(self._plan_["network"]), "pair_loss_weight", 0.0)

    def _split(self, X, targets, rows, seed, X_val, y_val):
        """Return the training rows and, with early stopping, what to validate on: data and reference."""
        if self.early_stopping is False:
            return rows, None
        if X_val is None:
            rows, held_out = split_rows(rows, targets.categories(), self.validation_fraction, seed)
            reference = targets.take(held_out)
            return rows, (self._dataset(X[held_out], reference.values), reference)
        X_val = validate_features(self, X_val, reset=False)
        check_same_layout(self, X_val, self._plan_["layout"], "X_val")
        encoded, reference = (
            self._encode(encode, y_val, X_val, self.classes_)
            for encode in (self._supervision.encode, self._supervision.reference)
        )
        return rows, (self._dataset(X_val, encoded.values), reference)

    def _initial_module(self, train, seeds):
        """Build the network with initial weights and the statistics of the training features."""
        module = build_module(self._plan_, draw=True)
        if self.standardize:
            module.set_statistics(*feature_statistics(train))
        return module

    def _criterion(self, module):
        """Return the loss that `module` is trained by."""
        extra_loss = getattr(inner_network(module), "extra_loss", None)
        return self._supervision.criterion(self._plan_["background"], self, extra_loss)

    def _make_net(self, module, criterion, device):
        """Return a skorch net around `module`."""
        net = LocalizerNet(
            module,
            criterion=criterion,
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            lr=self.lr,
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            iterator_train=BatchIterator,
            iterator_valid=BatchIterator,
            train_split=None,
            callbacks__print_log=None,
            device=device,
            verbose=0,
        )
        plan, weak = self._plan_, self._supervision.name == "weak"
        paired = getattr(criterion, "needs_similarity", False) and self.n_segments_ > 1
        net.product_type = product_type(plan["precision"], device)
        net.contract = Contract(plan["network"], plan["n_classes"], plan["background"], weak, paired)
        return net

    def _train(self, train, validation, seeds):
        """Train ``net_`` and set the fitted attributes that describe how it went."""
        n_steps = len(BatchIterator(train, self.batch_size)) * self.max_epochs
        callbacks = learning_rate_callbacks(self.lr_schedule, self.lr, n_steps, self._supervision.milestones)
        best = None
        if validation is not None:
            dataset, reference = validation
            best = Validation(dataset, self._proba, lambda codes: code_accuracy(codes, reference), self.early_stopping)
            callbacks.append(("validation", best))
        if self.verbose:
            callbacks.append(("progress", Progress()))
        self.net_.fit_dataset(train, callbacks, seeds["order"], seeds["dropout"])
        self.history_ = [
            {key: np.asarray(row[key]).item() for key in HISTORY_KEYS if key in row} for row in self.net_.history
        ]
        self.n_iter_ = len(self.history_)
        self.best_epoch_ = best.best_epoch_ if best else self.n_iter_
        self.validation_score_ = best.best_[0] if best else None

    # -------------------------------------------------------------- predict
    def predict_proba(self, X):
        """Return the probability of each class at each segment.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        proba : ndarray of shape (n, T, C)
            Columns follow ``classes_`` and sum to 1; (n, C) after a fit on one label a one-segment video.
        """
        proba = self._segment_proba(X)
        return proba[:, 0] if self._flat_ else proba

    def predict(self, X):
        """Return the most probable label of each segment.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        y : ndarray of shape (n, T)
            (n,) after a fit on one label a one-segment video.
        """
        codes, _ = self._segment_codes(X)
        return self.classes_[codes[:, 0] if self._flat_ else codes]

    def score(self, X, y, sample_weight=None):
        """Return the segment accuracy, the paper's metric.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        y : array-like
            Segment labels (n, T) or their one-hot form; of a weakly supervised estimator also proportions or
            categories of videos, which are compared with the most frequent event class of the prediction.
        sample_weight : array-like of shape (n,), default=None
            Weight of each video.

        Returns
        -------
        score : float in [0, 1]
        """
        check_is_fitted(self)
        X = validate_features(self, X, reset=False)
        codes, _ = self._segment_codes(X)
        reference = self._encode(self._supervision.reference, y, X, self.classes_, strict=False)
        weight = None if sample_weight is None else check_weights(sample_weight, X)
        return code_accuracy(np.searchsorted(reference.classes, self.classes_)[codes], reference, weight)

    def predict_events(self, X, *, segment_duration=1.0, videos=None):
        """Return the predicted events: runs of segments with the same label other than background.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        segment_duration : float, default=1.0
            In seconds.
        videos : array-like of shape (n,), default=None
            Names of the videos; 0, 1, ... when None.

        Returns
        -------
        events : DataFrame
            Columns video, onset, offset (seconds), event_label, score (mean probability of the label).
        """
        return self._events(*self._segment_codes(X), segment_duration, videos)

    def _events(self, codes, scores, segment_duration, videos):
        """Return the events of class codes and their probabilities, both (n, T); see :meth:`predict_events`."""
        has_background = self.background in self.classes_.tolist()
        return segments_to_events(
            self.classes_[codes],
            background=self.background if has_background else None,
            segment_duration=segment_duration,
            scores=scores,
            videos=videos,
        )

    # ---------------------------------------------------------- persistence
    def __getstate__(self):
        state = {name: value for name, value in super().__getstate__().items() if name != "net_"}
        if hasattr(self, "net_"):
            weights = self.net_.module_.state_dict()
            state["_weights_"] = {
                name: value.cpu().numpy() if torch.is_tensor(value) else value  # a module's own extra state
                for name, value in weights.items()
            }
        return {**state, "_format_version": FORMAT_VERSION}

    def __setstate__(self, state):
        state = dict(state)
        version = state.pop("_format_version", FORMAT_VERSION)
        if version != FORMAT_VERSION:
            other = "a newer" if version > FORMAT_VERSION else "an older"
            raise ValueError(
                f"This {type(self).__name__} was saved in format {version} by {other} ave_sklearn; this version "
                f"reads format {FORMAT_VERSION}. Load it with the version that saved it."
            )
        weights = state.pop("_weights_", None)
        super().__setstate__(state)
        if weights is not None:
            self._restore(weights)

    def _restore(self, weights):
        """Build ``net_`` anew around `weights`, a dict of ndarrays; on the CPU where there is no GPU."""
        module = build_module(self._plan_, draw=False)
        module.load_state_dict(
            {
                name: torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value
                for name, value in weights.items()
            }
        )
        device = resolve_device(self.device, fallback=True)
        self.net_ = self._make_net(module, torch.nn.Identity(), device).initialize()
        self.net_.release_training_state()
