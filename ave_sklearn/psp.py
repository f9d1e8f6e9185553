r"""The paper's two systems as estimators.

References
----------
J. Zhou, L. Zheng, Y. Zhong, S. Hao and M. Wang, "Positive sample propagation along the audio-visual event line",
CVPR 2021.
"""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._base import BaseLocalizer, softmax
from ave_sklearn._checkpoint import (
    FULLY_NAMES,
    WEAKLY_NAMES,
    read_state_dict,
    rename,
    sort_classes,
    square_map,
)
from ave_sklearn._supervision import FullSupervision, WeakSupervision
from ave_sklearn._targets import ClassRule
from ave_sklearn.nn import PSPNet

RELEASED_SEGMENTS = 10
PRUNES_ALL = 1.5  # tau * n_segments above this leaves next to no connection


class PSPMixin:
    """What the fully and the weakly supervised PSP share, beside :class:`BaseLocalizer`."""

    _network = PSPNet
    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        "tau": [None, Interval(Real, 0, 1, closed="both"), Options(Real, {-np.inf})],
        "variant": [StrOptions({"paper", "released"})],
        "self_attention": ["boolean"],
        "hidden_size": [Interval(Integral, 2, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    def _network_params(self):
        if self.hidden_size % 2:
            raise ValueError(
                f"hidden_size is {self.hidden_size}; wanted an even number, half of it for each LSTM direction."
            )
        return {
            "tau": self.tau if self.tau is None else float(self.tau),
            "variant": self.variant,
            "self_attention": bool(self.self_attention),
            "hidden_size": int(self.hidden_size),
            "dropout": float(self.dropout),
        }

    def _warn(self, X, targets):
        super()._warn(X, targets)
        if self.tau is not None and self.tau * X.n_segments > PRUNES_ALL:
            warnings.warn(
                f"tau={self.tau} prunes nearly all connections of videos of {X.n_segments} segments, whose shares "
                f"are about {1 / X.n_segments:.3g}; about {0.95 / X.n_segments:.3g} is the paper's choice for them.",
                UserWarning,
                stacklevel=4,
            )

    def propagation(self, X):
        """Return the connections that PSP keeps (Eq. 2).

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        gamma_va, gamma_av : ndarrays of shape (n, T, T)
            Row t of `gamma_va` holds what visual segment t takes from each audio segment, and `gamma_av` the
            reverse. Rows sum to 1, or are 0 where all connections were cut.

        Raises
        ------
        ValueError
            After a fit with ``tau=None``, which has no propagation.
        """
        check_is_fitted(self)
        if self._plan_["params"]["tau"] is None:
            raise ValueError(
                "propagation needs connections, but this estimator was fitted with tau=None, without propagation; "
                "fit with tau=0 to see all positive ones."
            )
        gamma_va, gamma_av = self._outputs(X, "gamma_va", "gamma_av")
        return gamma_va, gamma_av

    @classmethod
    def _from_released(cls, checkpoint, names, estimator):
        """Return `estimator` fitted with the weights of a checkpoint of the authors."""
        state_dict = checkpoint if hasattr(checkpoint, "items") else read_state_dict(checkpoint)
        weights = rename(state_dict, names)
        head = names["L2"]
        n_classes = len(weights[f"{head}.weight"])
        rule = ClassRule(estimator.classes, estimator.background)
        classes, order = rule.columns(n_classes)
        estimator._take_released(classes, released_layout(weights))
        estimator._restore(sort_classes(weights, order, head))
        return estimator

    def _take_released(self, classes, layout):
        """Set the fitted attributes of an estimator that was trained elsewhere."""
        self.classes_, self.n_segments_, self._flat_ = classes, layout["n_segments"], False
        self._plan_ = self._make_plan(layout, len(classes))
        n_regions = int(np.prod(layout["map_size"]))
        self.n_features_in_ = layout["n_audio_features"] + n_regions * layout["n_visual_features"]
        self.history_, self.n_iter_, self.best_epoch_, self.validation_score_ = [], 0, 0, None


def released_layout(weights):
    """Return the layout of the videos that released `weights`, by this package's names, were trained on."""
    audio = weights.get("encoder.audio_input.0.weight", weights["encoder.attention.audio.weight"])
    return {
        "n_audio_features": audio.shape[1],
        "n_visual_features": weights["encoder.attention.visual.weight"].shape[1],
        "map_size": square_map(len(weights["encoder.attention.audio_key.weight"])),
        "n_segments": RELEASED_SEGMENTS,
    }


class PSPLocalizer(PSPMixin, BaseLocalizer):
    r"""Fully supervised audio-visual event localization by positive sample propagation.

    Audio-guided attention and two BiLSTMs encode the modalities; every visual segment is connected with every
    audio segment by its similarity (Eq. 1); negative and weak connections are cut (Eq. 2); features propagate
    along the others (Eq. 3), are fused (Eq. 4) and classified. The loss is
    :math:`L_{ce} + \lambda L_{avps}` (Eq. 7-10).

    Parameters
    ----------
    tau : float in [0, 1], -inf or None, default=0.095
        Least share of its row that a connection needs to be kept (Eq. 2). 0 cuts the negative ones only
        ("WPSP"), -inf none ("ASP"), None means no propagation at all ("w/o PSP", Table 1). Shares of T segments
        are about 1 / T: for other lengths than 10 use about 0.95 / T.
    lam : float, default=100.0
        Weight of the audio-visual pair similarity loss L_avps (Eq. 10); 0 leaves it out.
    variant : {"paper", "released"}, default="paper"
        The network of the equations, or the authors' code layer by layer.
    self_attention : bool, default=False
        Self-attention over segments before the LSTMs ("SAPSP", Table 1).
    hidden_size : int, default=256
        Length d_l of the encoded features, both LSTM directions together; even.
    dropout : float in [0, 1), default=0.2
        In the linear layers and, with ``variant="paper"``, behind the LSTMs.
    standardize : bool, default=True
        Subtract each feature's mean over the training videos, and divide each modality by one scale, the root of
        its features' mean variance.
    max_epochs : int, default=40
        Passes over the training videos.
    batch_size : int, default=32
        Videos in a batch, in `fit` and in `predict`.
    lr : float, default=0.004
        Learning rate of AdamW; the peak of "one_cycle".
    lr_schedule : {"one_cycle", "constant", "released"}, default="one_cycle"
        "one_cycle" rises to `lr` and anneals to 0 over all batches; "released" is the authors': times 0.8 after
        epochs 60 and 120. Gradients are clipped to norm 1 except under "released".
    weight_decay : float, default=0.01
        Of AdamW.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes.
    early_stopping : False or int, default=False
        Epochs without a better validation score after which training stops; the best epoch's weights are kept.
    validation_fraction : float in (0, 1), default=0.1
        Share of the training videos that early stopping holds out, when `fit` gets no `X_val`; stratified by the
        videos' categories.
    n_audio_features : int or None, default=None
        For a 3-D `X`: number of its first columns that are audio.
    background : object, default="background"
        Label of segments without an event. The AVE dataset's integers have 28.
    classes : array-like of shape (C,) or None, default=None
        All labels, background included, in the order of one-hot columns. None: those that occur in `y`.
    precision : {"float32", "float64"}, default="float32"
        Of features and weights.
    device : str or torch.device, default="auto"
        "auto" is the GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Draws weights, dropout, the order of videos and the held-out part.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Sorted labels, background included.
    n_segments_ : int
        T.
    n_features_in_ : int
        Features of a segment: d_a + d_v, or d_a + H * W * d_v with maps.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only after a fit on a DataFrame.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : list of dict
        An entry an epoch: train_loss, dur (seconds) and, with early stopping, valid_loss and valid_score.
    n_iter_ : int
        Epochs that were trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept.
    validation_score_ : float or None
        Its score on the validation videos.

    See Also
    --------
    WeakPSPLocalizer : Trained on targets of whole videos.

    Notes
    -----
    `X` is one of

    * an :class:`~ave_sklearn.AVFeatures` of n videos of T segments;
    * an array of shape (n, T, F) with `n_audio_features` set;
    * a 2-D array or DataFrame (n, F), n videos of one segment of which both streams get all columns;
    * anything that answers ``X["audio"]`` and ``X["visual"]``, such as skorch's SliceDict.

    `y` is an array of labels (n, T), their one-hot form (n, T, C), or (n,) when T is 1.

    The authors' training recipe is ``variant="released", tau=0.099, standardize=False, dropout=0.1,
    max_epochs=300, batch_size=128, lr=1e-3, lr_schedule="released", weight_decay=0, label_smoothing=0``.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
    >>> localizer.predict(X).shape
    (40, 10)
    """

    _supervision = FullSupervision()
    _parameter_constraints: dict = {
        **PSPMixin._parameter_constraints,
        "lam": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        tau=0.095,
        lam=100.0,
        variant="paper",
        self_attention=False,
        hidden_size=256,
        dropout=0.2,
        standardize=True,
        max_epochs=40,
        batch_size=32,
        lr=0.004,
        lr_schedule="one_cycle",
        weight_decay=0.01,
        label_smoothing=0.05,
        early_stopping=False,
        validation_fraction=0.1,
        n_audio_features=None,
        background="background",
        classes=None,
        precision="float32",
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            standardize=standardize,
            max_epochs=max_epochs,
            batch_size=batch_size,
            lr=lr,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_audio_features=n_audio_features,
            background=background,
            classes=classes,
            precision=precision,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.tau = tau
        self.lam = lam
        self.variant = variant
        self.self_attention = self_attention
        self.hidden_size = hidden_size
        self.dropout = dropout

    def _network_params(self):
        return {**super()._network_params(), "supervision": "full"}

    @classmethod
    def from_released(cls, checkpoint, *, classes, background, tau=0.099, device="auto"):
        """Return an estimator fitted with the authors' weights (their file ``PSP_fully.pt``).

        Parameters
        ----------
        checkpoint : str, path or dict of tensors
            Their whole-module pickle, a state dict saved by torch, or a state dict. No code in a file is run.
        classes : array-like of shape (C,)
            Labels in the order of the network's outputs. For the AVE dataset: the 28 categories in order of
            first appearance in ``Annotations.txt``, then the background label.
        background : object
            The background label, one of `classes`.
        tau : float, default=0.099
            The released threshold; the paper says 0.095.
        device : str or torch.device, default="auto"

        Returns
        -------
        localizer : PSPLocalizer
            Fitted, with ``variant="released"`` and ``standardize=False``, for raw VGG-19 and VGGish features.
        """
        estimator = cls(
            variant="released",
            tau=tau,
            standardize=False,
            classes=classes,
            background=background,
            device=device,
        )
        return cls._from_released(checkpoint, FULLY_NAMES, estimator)


class WeakPSPLocalizer(PSPMixin, BaseLocalizer):
    r"""Weakly supervised audio-visual event localization by positive sample propagation.

    The network of :class:`PSPLocalizer` with a head that weighs and averages segment scores to a prediction for
    the video (Eq. 5), trained by binary cross-entropy on video targets (Eq. 11). It predicts a label for each
    segment nonetheless.

    Parameters
    ----------
    tau : float in [0, 1], -inf or None, default=0.095
        As in :class:`PSPLocalizer`.
    weighting : bool, default=True
        The weighting branch of Eq. 5; False is Eq. 6.
    target : {"proportion", "category"}, default="proportion"
        What segment labels given to `fit` are pooled to: their mean over time, the paper's Y_weak, or the
        video's event class, as other weakly supervised systems use.
    variant : {"paper", "released"}, default="paper"
        The network of the equations, or the authors' code layer by layer.
    self_attention : bool, default=False
        Self-attention over segments before the LSTMs ("SAPSP", Table 1).
    hidden_size : int, default=256
        Length d_l of the encoded features, both LSTM directions together; even.
    dropout : float in [0, 1), default=0.2
        In the linear layers and, with ``variant="paper"``, behind the LSTMs.
    standardize : bool, default=True
        Subtract each feature's mean over the training videos, and divide each modality by one scale, the root of
        its features' mean variance.
    max_epochs : int, default=40
        Passes over the training videos.
    batch_size : int, default=32
        Videos in a batch, in `fit` and in `predict`.
    lr : float, default=0.004
        Learning rate of AdamW; the peak of "one_cycle".
    lr_schedule : {"one_cycle", "constant", "released"}, default="one_cycle"
        As in :class:`PSPLocalizer`; "released" lowers `lr` after epochs 80 and 160.
    weight_decay : float, default=0.01
        Of AdamW.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes.
    early_stopping : False or int, default=False
        Epochs without a better validation score after which training stops; the best epoch's weights are kept.
    validation_fraction : float in (0, 1), default=0.1
        Share of the training videos that early stopping holds out, when `fit` gets no `X_val`; they are scored
        by their category alone.
    n_audio_features : int or None, default=None
        For a 3-D `X`: number of its first columns that are audio.
    background : object, default="background"
        Label of segments without an event. The AVE dataset's integers have 28.
    classes : array-like of shape (C,) or None, default=None
        All labels, background included, in the order of proportion columns. None: 0 to C - 1 for proportions,
        those that occur in `y` for labels.
    precision : {"float32", "float64"}, default="float32"
        Of features and weights.
    device : str or torch.device, default="auto"
        "auto" is the GPU where there is one.
    random_state : int, RandomState instance or None, default=None
        Draws weights, dropout, the order of videos and the held-out part.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (C,)
        Sorted labels, background included.
    n_segments_ : int
        T.
    n_features_in_ : int
        Features of a segment: d_a + d_v, or d_a + H * W * d_v with maps.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only after a fit on a DataFrame.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module.
    history_ : list of dict
        An entry an epoch: train_loss, dur (seconds) and, with early stopping, valid_loss and valid_score.
    n_iter_ : int
        Epochs that were trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept.
    validation_score_ : float or None
        Its score on the validation videos.

    See Also
    --------
    PSPLocalizer : Trained on a label for each segment.

    Notes
    -----
    `X` is as in :class:`PSPLocalizer`. `y` is one of

    * proportions (n, C), non-negative rows that sum to 1;
    * segment labels (n, T), which `fit` pools by `target` before anything else sees them, so that scikit-learn's
      searches can score by segments what learns from videos;
    * categories of videos (n,).

    An array of zeros and ones with as many columns as there are segments could be either of the first two and
    is refused.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> from ave_sklearn import WeakPSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = WeakPSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
    >>> localizer.predict(X).shape
    (40, 10)
    """

    _supervision = WeakSupervision()
    _parameter_constraints: dict = {
        **PSPMixin._parameter_constraints,
        "weighting": ["boolean"],
        "target": [StrOptions({"proportion", "category"})],
    }

    def __init__(
        self,
        *,
        tau=0.095,
        weighting=True,
        target="proportion",
        variant="paper",
        self_attention=False,
        hidden_size=256,
        dropout=0.2,
        standardize=True,
        max_epochs=40,
        batch_size=32,
        lr=0.004,
        lr_schedule="one_cycle",
        weight_decay=0.01,
        label_smoothing=0.05,
        early_stopping=False,
        validation_fraction=0.1,
        n_audio_features=None,
        background="background",
        classes=None,
        precision="float32",
        device="auto",
        random_state=None,
        verbose=0,
    ):
        super().__init__(
            standardize=standardize,
            max_epochs=max_epochs,
            batch_size=batch_size,
            lr=lr,
            lr_schedule=lr_schedule,
            weight_decay=weight_decay,
            label_smoothing=label_smoothing,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_audio_features=n_audio_features,
            background=background,
            classes=classes,
            precision=precision,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.tau = tau
        self.weighting = weighting
        self.target = target
        self.variant = variant
        self.self_attention = self_attention
        self.hidden_size = hidden_size
        self.dropout = dropout

    def _network_params(self):
        return {**super()._network_params(), "supervision": "weak", "weighting": bool(self.weighting)}

    def predict_video_proba(self, X):
        """Return the probability of each class for the whole video, the prediction o of Eq. 5.

        Parameters
        ----------
        X : like `X` of :meth:`fit`

        Returns
        -------
        proba : ndarray of shape (n, C)
            Columns follow ``classes_`` and sum to 1. After a fit on proportions they estimate proportions.
        """
        (logits,) = self._outputs(X, "video_logits")
        return softmax(logits)

    @classmethod
    def from_released(cls, checkpoint, *, classes, background, tau=0.095, device="auto"):
        """Return an estimator fitted with the authors' weights (their file ``PSP_weakly.pt``).

        Parameters
        ----------
        checkpoint, classes, background, tau, device
            As in :meth:`PSPLocalizer.from_released`.

        Returns
        -------
        localizer : WeakPSPLocalizer
            Fitted, with ``variant="released"`` and ``standardize=False``, for raw VGG-19 and VGGish features.
        """
        estimator = cls(
            variant="released",
            tau=tau,
            standardize=False,
            classes=classes,
            background=background,
            device=device,
        )
        return cls._from_released(checkpoint, WEAKLY_NAMES, estimator)
