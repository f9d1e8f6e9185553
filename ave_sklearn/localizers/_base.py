"""Base class of the localizers: fit, predict, score, persistence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Integral, Real
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._checks import check_positive_integer, plain
from ave_sklearn._device import ran_out_of_memory, resolve_device, resolve_precision
from ave_sklearn._random import own_random_state
from ave_sklearn._sklearn import DocLinkMixin, FitHTMLMixin, Interval, StrOptions
from ave_sklearn._targets.encoding import ClassRule
from ave_sklearn._targets.events import code_events
from ave_sklearn._targets.labels import check_weights, column_names, read_labels
from ave_sklearn._training.model import Recipe, TrainedNetwork, TrainingLog, Videos
from ave_sklearn._training.spec import NetworkSpec
from ave_sklearn.localizers._inputs import (
    FittedForms,
    check_same_layout,
    check_validation,
    hold_out,
    layout_of,
    positive_rows,
    relative_weights,
    validate_features,
    validate_target,
)
from ave_sklearn.localizers._networks import (
    check_network,
    check_threshold,
    is_without_propagation,
    takes_threshold,
    warn_of_pruning,
)
from ave_sklearn.localizers._summary import fit_summary
from ave_sklearn.localizers._supervision import SUPERVISIONS, WeakSupervision, code_accuracy, validation_score
from ave_sklearn.nn.contract import network_name

if TYPE_CHECKING:
    from typing import Any, Literal, Self

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray
    from skorch import NeuralNet

    from ave_sklearn._typing import Features, Floats

FORMAT_VERSION = 5
SAVED = ("spec", "recipe", "weights", "forms")  # parts of a saved fit


class BaseLocalizer(FitHTMLMixin, DocLinkMixin, ClassifierMixin, BaseEstimator, ABC):
    """Base class of the estimators: everything that is not the network's own.

    A subclass has

    * :meth:`_choose_network` and :meth:`_make_supervision`;
    * an explicit ``__init__`` with every default, the parameters below among them, which calls ``_store``.

    A fit works on a fresh twin of the estimator, which is taken over at its end: an earlier fit stays as it is until
    then. What was learned is ``_model_``, a TrainedNetwork; ``_forms_``, a FittedForms, says how the fit read its
    arguments; the other fitted attributes describe both. After a fit only the parameters `batch_size` and `verbose`
    are looked at.
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
        "early_stopping": ["boolean", StrOptions({"best"}), Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_audio_features": [None, Interval(Integral, 1, None, closed="left")],
        "background": "no_validation",
        "classes": ["array-like", None],
        "precision": [StrOptions({"auto", "bfloat16", "float32", "float64"})],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    @abstractmethod
    def _choose_network(self):
        """Return the network, a name or a class (see :mod:`ave_sklearn.nn`), and a dict of its parameters, or None."""

    @abstractmethod
    def _make_supervision(self):
        """Return what full or weak supervision asks for; see ``_supervision.py``."""

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

    def _fit_summary(self):
        if not hasattr(self, "_model_"):  # scikit-learn takes what is within a fitted estimator for fitted
            return {}
        learned = self.classes_, self.background_, self.n_iter_, self.best_epoch_, self.validation_score_
        return fit_summary(self._model_.spec, *learned)

    @property
    def net_(self) -> NeuralNet:
        """The trained skorch.NeuralNet."""
        return self._model_.net

    # ------------------------------------------------------------------ fit
    def fit(
        self,
        X: Features,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Features | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network; an earlier fit stays as it is until the training has succeeded.

        Parameters
        ----------
        X : AVFeatures of n videos, array of shape (n, T, F) or (n, F), or ``X["audio"], X["visual"]``
            The features; see the class. A plain dict works, but scikit-learn's splitters cannot slice it.
        y : array-like
            The targets; see the class.
        sample_weight : array-like of shape (n,), default=None
            Weight of each video in the loss, in the feature statistics and in the scores of the held-out part.
            Only their ratios count; 0 is to leave a video out.
        X_val, y_val : like `X` and `y`, default=None
            Validation videos, in place of a part of the training videos: they are scored after each epoch, and
            choose the best one where `early_stopping` is not False. A `y_val` of segment labels is scored by
            segments, with weak supervision too; any other by the videos' categories. Under scikit-learn's searches,
            an `X_val` that is as long as `X` gets sliced by the training rows of each fold, silently: take another
            number of videos.
        sample_weight_val : array-like, default=None
            Weight of each video of `X_val` in its loss and score.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a parameter out of its range, features that are not finite, targets that do not fit the features,
            or a training that ends in a loss, weights or outputs that are not finite. The message names the argument,
            what came and what was wanted; rows are counted as in the argument.
        """
        fitted = type(self)(**{name: plain(value) for name, value in self.get_params(deep=False).items()})
        fitted._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)
        self._replace_fit(fitted)
        return self

    def _fit(self, X, y, sample_weight, X_val, y_val, sample_weight_val):
        """Fit this estimator, a fresh twin, of plain parameters, of the one that the user holds."""
        self._validate_params()
        check_validation(self.early_stopping, X_val, y_val, sample_weight_val)
        device, supervision = resolve_device(self.device), self._make_supervision()
        X, targets = self._read(X, y, supervision)
        weight, seeds = check_weights(sample_weight, len(X)), self._draw_seeds()
        spec = self._make_spec(layout_of(X), targets, supervision.name, seeds["weights"])
        supervision.warn(targets, spec.n_segments, self.background)
        if self._is_undivided(X):
            supervision.warn_of_undivided(X)
        warn_of_pruning(spec.network, spec.params, spec.n_segments)
        self._set_forms(X, targets)
        rows, held_out, score = self._split(spec, X, targets, weight, seeds["split"], X_val, y_val, sample_weight_val)
        model = TrainedNetwork.drawn(spec, self._make_recipe(supervision.milestones), device)
        criterion = supervision.criterion(targets.background, self.label_smoothing, model.extra_loss)
        train = Videos(X[rows], targets.values[rows], relative_weights(weight[rows]), rows)
        log = model.train(criterion, train, seeds, held_out, score)
        model.compare_copy(train.X)
        self._set_fitted(model, targets, log)

    def _read(self, X, y, supervision):
        """Return the features as AVFeatures, and the Targets of the training."""
        X = validate_features(self, X, self.n_audio_features, reset=True)
        rule = ClassRule(self.classes, self.background, names=column_names(y))
        return X, supervision.encode(validate_target(self, y, X), X.n_segments, rule)

    def _check_parameters(self, X, y):
        """Raise what a fit of this estimator, a fresh twin, would raise before it trains: the network is built."""
        self._validate_params()
        check_validation(self.early_stopping, None, None, None)
        resolve_device(self.device)
        supervision = self._make_supervision()
        X, targets = self._read(X, y, supervision)
        self._make_spec(layout_of(X), targets, supervision.name, seed=0).build(draw=False)

    def _replace_fit(self, fitted):
        """Take over what `fitted` learned; forget an earlier fit."""
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        for name, value in vars(fitted).items():
            if name.endswith("_"):
                setattr(self, name, value)

    def _is_undivided(self, X):
        """Whether the AVFeatures `X` came as a 2-D array, of which all columns are both audio and visual."""
        return X.n_audio_features == self.n_features_in_

    def _set_forms(self, X, targets):
        """Keep in mind how the arguments were read; `X` is AVFeatures or a NetworkSpec, which know their layout."""
        self._forms_ = FittedForms(
            n_audio_features=None if X.map_size or self._is_undivided(X) else int(X.n_audio_features),
            classes=None if self.classes is None else read_labels(self.classes, "classes").tolist(),
            background=self.background,
            target=targets.form,
            one_label=targets.one_label,
            device=str(self.device),
        )

    def _set_fitted(self, model, targets, log):
        """Set the fitted attributes."""
        self._model_, self.background_ = model, self.background
        self.classes_, self.n_segments_ = targets.classes, model.spec.n_segments
        self.history_, self.n_iter_ = log.history, len(log.history)
        self.best_epoch_, self.validation_score_ = log.best_epoch, log.validation_score

    def _set_weights(self, layout, targets, weights):
        """Set the fitted attributes around the weights, a dict of ndarrays, of a training elsewhere."""
        supervision = self._make_supervision()
        spec = self._make_spec(layout, targets, supervision.name, seed=0)
        self.n_features_in_ = spec.n_audio_features + int(np.prod(spec.map_size or ())) * spec.n_visual_features
        self._set_forms(spec, targets)
        model = self._rebuild(spec, self._make_recipe(supervision.milestones), weights)
        self._set_fitted(model, targets, TrainingLog([], 0, None))
        return self

    def _rebuild(self, spec, recipe, weights):
        """Return the network of `spec` around its weights, a dict of ndarrays; on the CPU where there is no GPU."""
        device = resolve_device(self._forms_.device, fallback=True)
        return TrainedNetwork.of_weights(spec, recipe, device, weights)

    def _draw_seeds(self):
        """Draw a seed for each use of random numbers; None means fresh entropy, not NumPy's global state."""
        random = own_random_state(self.random_state)
        return {use: int(random.randint(np.iinfo(np.int32).max)) for use in ("weights", "dropout", "order", "split")}

    def _make_spec(self, layout, targets, supervision, seed):
        """Return what the network is built from."""
        network, params = self._choose_network()
        device = resolve_device(self.device, fallback=True)
        return NetworkSpec(
            network=network,
            params=check_network(network, params, supervision),
            supervision=supervision,
            seed=seed,
            **layout,
            n_classes=len(targets.classes),
            background=targets.background,
            standardize=bool(self.standardize),
            feature_dropout=float(self.feature_dropout),
            precision=resolve_precision(self.precision, device, has_maps=layout["map_size"] is not None),
        )

    def _make_recipe(self, milestones):
        """Return how the network is trained."""
        return Recipe(
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            lr_schedule=self.lr_schedule,
            milestones=milestones,
            weight_decay=self.weight_decay,
            early_stopping=self.early_stopping,
            verbose=self.verbose,
        )

    def _split(self, spec, X, targets, weight, seed, X_val, y_val, sample_weight_val):
        """Return the training rows, and the validation videos with the score of predicted codes, or None twice."""
        rows, held_out = positive_rows(weight), None
        if X_val is None and self.early_stopping is False:
            return rows, None, None
        if X_val is None:
            rows, held_out = hold_out(rows, targets.categories(), self.validation_fraction, seed)
            weight, reference = relative_weights(weight[held_out]), targets.take(held_out)
            score = validation_score(reference, weight)
            return rows, Videos(X[held_out], reference.values, weight, held_out), score
        X_val = validate_features(self, X_val, self._forms_.n_audio_features, reset=False, name="X_val")
        check_same_layout(self, X_val, spec, "X_val")
        rule, supervision = self._forms_.rule(targets.classes, y_val, name="y_val"), self._make_supervision()
        y_val = validate_target(self, y_val, X_val, "y_val")
        weight = check_weights(sample_weight_val, len(X_val), "sample_weight_val")
        chosen = positive_rows(weight)
        encoded = supervision.encode(y_val, X_val.n_segments, rule).take(chosen)
        reference = supervision.reference(y_val, X_val.n_segments, rule).take(chosen)
        weight = relative_weights(weight[chosen])
        return rows, Videos(X_val[chosen], encoded.values, weight, chosen, "X_val"), validation_score(reference, weight)

    # -------------------------------------------------------------- predict
    def _validate(self, X):
        """Return `X` as AVFeatures laid out as those of the fit."""
        check_is_fitted(self)
        X = validate_features(self, X, self._forms_.n_audio_features, reset=False)
        check_same_layout(self, X, self._model_.spec)
        return X

    def _videos_at_once(self):
        """Return the parameter `batch_size`, which may have changed since the fit."""
        size = self.batch_size
        size = int(size) if isinstance(size, bool | np.bool_) else size  # True is 1 in fit
        return int(check_positive_integer(size, "batch_size"))

    def predict_proba(self, X: Features) -> Floats:
        """Return the probability of each class at each segment.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        proba : ndarray of shape (n, T, C)
            Columns follow ``classes_`` and sum to 1; (n, C) after a fit on one label a one-segment video.
        """
        X = self._validate(X)
        proba = self._model_.probabilities(X, self._videos_at_once())
        return proba[:, 0] if self._forms_.one_label else proba

    def predict(self, X: Features) -> NDArray[Any]:
        """Return the most probable label of each segment.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        y : ndarray of shape (n, T)
            (n,) after a fit on one label a one-segment video.
        """
        X = self._validate(X)
        codes, _ = self._model_.codes(X, self._videos_at_once())
        return self.classes_[codes[:, 0] if self._forms_.one_label else codes]

    def score(self, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
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
        X = self._validate(X)
        codes, _ = self._model_.codes(X, self._videos_at_once())
        rule = self._forms_.rule(self.classes_, y, strict=False)
        supervision = SUPERVISIONS[self._model_.spec.supervision]
        reference = supervision.reference(validate_target(self, y, X), X.n_segments, rule)
        weight = None if sample_weight is None else check_weights(sample_weight, len(X))
        return code_accuracy(np.searchsorted(reference.classes, self.classes_)[codes], reference, weight)

    def predict_events(
        self,
        X: Features,
        *,
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        videos: ArrayLike | None = None,
    ) -> pd.DataFrame:
        """Return the predicted events: runs of segments with the same label other than background.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        segment_seconds : float, default=1.0
            Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
        hop_seconds : float, default=None
            Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
            ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
        videos : array-like of shape (n,), default=None
            Names of the videos; 0, 1, ... when None.

        Returns
        -------
        events : DataFrame
            Columns filename, onset, offset (seconds), event_label, score (mean probability of the label).
        """
        X = self._validate(X)
        codes, scores = self._model_.codes(X, self._videos_at_once())
        options = {"segment_seconds": segment_seconds, "hop_seconds": hop_seconds, "videos": videos}
        return code_events(codes, scores, self.classes_, self.background_, **options)

    # ------------------------------------------------ what the network shows
    @overload
    def embed(self, X: Features, *, layer: Literal["fused"] = "fused") -> Floats: ...
    @overload
    def embed(self, X: Features, *, layer: Literal["input", "encoded", "propagated"]) -> tuple[Floats, Floats]: ...
    @overload
    def embed(self, X: Features, *, layer: str) -> Floats | tuple[Floats, Floats]: ...
    def embed(self, X: Features, *, layer: str = "fused") -> Floats | tuple[Floats, Floats]:
        """Return the features of each segment, as they are at a layer of the network.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        layer : str, default="fused"
            * "fused": both modalities in one (Eq. 4), which all systems have;
            * "input": what enters the BiLSTMs, the audio features standardised, the visual ones behind the attention
              over regions;
            * "encoded": what leaves the BiLSTMs;
            * "propagated": what leaves PSP (Eq. 3); with ``tau=None`` it is "encoded".

            PSP and CPSP have all of them. AVEL, DMRN, AVRB and AVIN have all but "propagated", and so have CMRAN, CMBS
            and CACE-Net, in which the relations within each modality stand for the BiLSTMs. A network of yours has
            those that it names, see the contract in :mod:`ave_sklearn.nn`.

        Returns
        -------
        features : ndarray of shape (n, T, d), or a pair of ndarrays of shape (n, T, d_1) and (n, T, d_2)
            Those of "fused", or else the audio and the visual ones.

        Raises
        ------
        ValueError
            For a layer that the network does not have; the message names those that it has.

        Examples
        --------
        >>> from ave_sklearn import PSPLocalizer
        >>> from ave_sklearn.datasets import make_av_events
        >>> X, y = make_av_events(n_videos=40, random_state=0)
        >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
        >>> audio, visual = localizer.embed(X, layer="propagated")
        >>> localizer.embed(X).shape, audio.shape, visual.shape
        ((40, 10, 128), (40, 10, 128), (40, 10, 128))
        """
        check_is_fitted(self)
        layers = self._model_.layers
        if not isinstance(layer, str) or layer not in layers:
            raise ValueError(f"layer is {layer!r}; network {network_name(self._model_.spec.network)} has {layers}.")
        X = self._validate(X)
        if layer == "fused":
            (fused,) = self._model_.outputs(X, self._videos_at_once(), "fused")
            return fused
        audio, visual = self._model_.layer(X, self._videos_at_once(), layer)
        return audio, visual

    def attention(self, X: Features) -> Floats:
        """Return where the network looks: ndarray of shape (n, T, H, W), each map summing to 1.

        Raises
        ------
        ValueError
            After a fit on pooled visual features, which have no regions to attend to, or of a network without
            attention.
        """
        check_is_fitted(self)
        if self._model_.spec.map_size is None:
            raise ValueError(
                "attention needs visual maps (n, T, H, W, d_v), but this estimator was fitted on pooled visual "
                "features (n, T, d_v), which have no regions to attend to."
            )
        X = self._validate(X)
        (attention,) = self._model_.outputs(X, self._videos_at_once(), "attention")
        return attention

    def propagation(self, X: Features, *, tau: float | Literal["fitted"] = "fitted") -> tuple[Floats, Floats]:
        """Return the connections that PSP keeps (Eq. 2), at the threshold of the fit or at another one.

        Parameters
        ----------
        X : like `X` of :meth:`fit`
        tau : "fitted", or float in [0, 1] or -inf, default="fitted"
            "fitted" is the threshold of the fit. A number prunes the similarities of the fitted network (Eq. 1) at
            that threshold: nothing is trained anew, and nothing of the fit changes. 0 cuts the negative ones only,
            -inf none, as in :class:`PSPLocalizer`.

        Returns
        -------
        gamma_va, gamma_av : ndarrays of shape (n, T, T)
            Row t of `gamma_va` holds what visual segment t takes from each audio segment, and `gamma_av` the
            reverse. Rows sum to 1, or are 0 where all connections were cut; at -inf their absolute values sum to 1,
            and in the released weakly supervised network, which does not divide again, they sum to less.

        Raises
        ------
        ValueError
            For a `tau` out of its range. Of a network without propagation, such as that of ``tau=None``; and where
            another `tau` is asked for, of one that takes none.

        Examples
        --------
        >>> from ave_sklearn import PSPLocalizer
        >>> from ave_sklearn.datasets import make_av_events
        >>> X, y = make_av_events(n_videos=40, random_state=0)
        >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
        >>> gamma_va, gamma_av = localizer.propagation(X)
        >>> stricter, _ = localizer.propagation(X, tau=0.2)
        >>> bool((stricter > 0).sum() < (gamma_va > 0).sum())
        True
        """
        check_is_fitted(self)
        tau, spec = check_threshold(tau), self._model_.spec
        if is_without_propagation(spec.network, spec.params):
            raise ValueError(
                "propagation needs connections, but this estimator was fitted with tau=None, without propagation; "
                "fit with tau=0 to see all positive ones."
            )
        X, names = self._validate(X), ("gamma_va", "gamma_av")
        if tau is not None and not takes_threshold(spec.network):
            self._model_.outputs(X[:1], 1, *names)  # of a network without connections this is the error
            raise ValueError(f"network {network_name(spec.network)} takes no tau; wanted tau='fitted' here, not {tau}.")
        model = self._model_ if tau is None else self._model_.copied(tau=tau)
        gamma_va, gamma_av = model.outputs(X, self._videos_at_once(), *names)
        return gamma_va, gamma_av

    def _predict_with(self, X, names):
        """Return class probabilities (n, T, C), and outputs of the network by their names, of one pass through it."""
        return self._model_.probabilities_with(self._validate(X), self._videos_at_once(), *names)

    # ---------------------------------------------------------- persistence
    def __getstate__(self):
        state = dict(super().__getstate__())
        model = state.pop("_model_", None)
        if model is not None:  # plain values and NumPy arrays, so that the file names no class but the estimator's
            if model.copy_error is not None:
                raise ValueError(f"This {type(self).__name__} cannot be pickled or copied: {model.copy_error}")
            state = {**state, "_weights_": model.weights(), "_forms_": dict(vars(self._forms_))}
            state = {**state, "_spec_": dict(vars(model.spec)), "_recipe_": dict(vars(model.recipe))}
        return {**state, "_format_version": FORMAT_VERSION}

    def __setstate__(self, state):
        if not isinstance(state, dict):
            raise self._damaged(f"it is a {type(state).__name__}")
        state = dict(state)
        version = state.pop("_format_version", FORMAT_VERSION)
        if type(version) is not int:
            raise self._damaged(f"its format is {version!r}, and not a number")
        if version != FORMAT_VERSION:
            other = "a newer" if version > FORMAT_VERSION else "an older"
            raise ValueError(
                f"This {type(self).__name__} was saved in format {version} by {other} ave_sklearn; this version "
                f"reads format {FORMAT_VERSION}. Load it with the version that saved it."
            )
        saved = [state.pop(f"_{name}_", None) for name in SAVED]
        super().__setstate__(state)
        if all(part is None for part in saved) and not hasattr(self, "classes_"):
            return
        try:
            self._load_fit(*saved)
        except (TypeError, KeyError, AttributeError, IndexError, RuntimeError, ValueError) as error:
            if ran_out_of_memory(error):
                raise
            raise self._damaged(" ".join(f"{type(error).__name__}: {error}".split())) from error

    def _load_fit(self, spec, recipe, weights, forms):
        """Set the network and the forms of a fit; raise whatever comes of values that are none of a fit."""
        for name, part in zip(SAVED, (spec, recipe, weights, forms), strict=True):
            if not isinstance(part, dict):
                raise ValueError(f"its {name} is a {type(part).__name__}; wanted a dict")
        spec, recipe, self._forms_ = NetworkSpec(**spec), Recipe(**recipe), FittedForms(**forms)
        if np.shape(self.classes_) != (spec.n_classes,) or self.n_segments_ != spec.n_segments:
            raise ValueError(
                f"its classes_ have the shape {np.shape(self.classes_)} and its n_segments_ is {self.n_segments_}; its "
                f"network has {spec.n_classes} classes and {spec.n_segments} segments"
            )
        self._model_ = self._rebuild(spec, recipe, weights)

    def _damaged(self, reason):
        """Return the error for a saved state that is none of a fit."""
        return ValueError(f"This saved {type(self).__name__} cannot be loaded, its state is damaged: {reason[:500]}.")


class WeakLocalizer(BaseLocalizer):
    """Base class of the weakly supervised estimators."""

    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        "target": [StrOptions({"proportion", "category"})],
    }

    def _make_supervision(self):
        return WeakSupervision(self.target)

    def predict_video_proba(self, X: Features) -> Floats:
        """Return the probability of each class for the whole video, the prediction o of Eq. 5.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        proba : ndarray of shape (n, C)
            Columns follow ``classes_`` and sum to 1. After a fit on proportions they estimate proportions. A network
            whose video prediction has no background class gives background 0.
        """
        X = self._validate(X)
        return self._model_.video_probabilities(X, self._videos_at_once())
