r"""Estimators of the paper's two systems, PSP with full and with weak supervision.

References
----------
J. Zhou, L. Zheng, Y. Zhong, S. Hao and M. Wang, "Positive sample propagation along the audio-visual event line",
CVPR 2021.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._sklearn import Interval, Options, StrOptions
from ave_sklearn.localizers._base import BaseLocalizer, WeakLocalizer
from ave_sklearn.localizers._released import FULL_NAMES, RELEASED_PARAMS, WEAK_NAMES, read_released
from ave_sklearn.localizers._supervision import FullSupervision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Self

    import torch
    from numpy.typing import ArrayLike

    from ave_sklearn._typing import Label, PathLike, RandomStateLike, Variant

NETWORK_CONSTRAINTS: dict = {
    "tau": [None, Interval(Real, 0, 1, closed="both"), Options(Real, {-np.inf})],
    "variant": [StrOptions({"paper", "released"})],
    "self_attention": ["boolean"],
    "hidden_size": [Interval(Integral, 2, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
}


def psp_params(tau, variant, self_attention, hidden_size, dropout):
    """Return the parameters of the network "psp" as plain values."""
    return {
        "tau": tau if tau is None else float(tau),
        "variant": variant,
        "self_attention": bool(self_attention),
        "hidden_size": int(hidden_size),
        "dropout": float(dropout),
    }


class PSPLocalizer(BaseLocalizer):
    r"""Fully supervised audio-visual event localization by positive sample propagation.

    Audio-guided attention and two BiLSTMs encode the modalities; every visual segment is connected with every
    audio segment by its similarity (Eq. 1); negative and weak connections are cut (Eq. 2); features propagate
    along the others (Eq. 3), are fused (Eq. 4) and classified. The loss is
    :math:`L_{ce} + \lambda L_{avps}` (Eq. 7-10, with :func:`ave_sklearn.nn.pair_similarity_loss` for Eq. 8).

    Parameters
    ----------
    tau : float in [0, 1], -inf or None, default=0.095
        Least share of its row that a connection needs to be kept (Eq. 2). 0 cuts the negative ones only
        ("WPSP"), -inf none ("ASP"), None means no propagation at all ("w/o PSP", Table 1). Shares of T segments
        are about 1 / T: for other lengths than 10 use about 0.95 / T.
    lam : float, default=10.0
        Weight of the audio-visual pair similarity loss L_avps (Eq. 10); 0 leaves it out. The paper has 100.
    variant : {"paper", "released"}, default="paper"
        The network of the equations, or the authors' code layer by layer.
    self_attention : bool, default=False
        Self-attention over segments before the LSTMs ("SAPSP", Table 1).
    hidden_size : int, default=128
        Length d_l of the encoded features, both LSTM directions together; even. The authors' code has 256, the paper
        gives no number.
    dropout : float in [0, 1), default=0.0
        In the linear layers and, with ``variant="paper"``, behind the LSTMs.
    standardize : bool, default=True
        Subtract each feature's mean over the training videos, and divide each modality by one scale, the root of
        its features' mean variance (1 if they are constant). Features of any size and offset that float64 resolves.
    feature_dropout : float in [0, 1), default=0.4
        Share of the features, standardised or as they are, that are set to 0 in training: drawn anew for each video
        and epoch, and the same ones in all segments and regions of the video.
    max_epochs : int, default=40
        Passes over the training videos.
    batch_size : int, default=32
        Videos in a batch of `fit`; `predict` takes up to eight times as many where they have few features.
    lr : float, default=0.002
        Learning rate of AdamW; the peak of "one_cycle".
    lr_schedule : {"one_cycle", "constant", "released"}, default="one_cycle"
        "one_cycle" rises to `lr` and anneals to 0 over all batches; "released" is the authors': times 0.8 after
        epochs 60 and 120. Gradients are clipped to norm 1 except under "released".
    weight_decay : float, default=0.01
        Of AdamW.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes.
    early_stopping : False, "best" or int, default=False
        False keeps the last epoch's weights. "best" trains all epochs and keeps those of the best, by the score of
        validation videos; a number is that of epochs without a better one after which training stops.
    validation_fraction : float in (0, 1), default=0.1
        Share of the training videos that are held out for validation, when `early_stopping` is not False and `fit`
        gets no `X_val`; stratified by the videos' categories.
    n_audio_features : int or None, default=None
        For an `X` that is one array: number of its first columns that are audio.
    background : object, default="background"
        Label of segments without an event. The AVE dataset's integers have 28.
    classes : array-like of shape (C,) or None, default=None
        All labels, background included, in the order of one-hot columns. None: those that occur in `y`.
    precision : {"float32", "bfloat16", "auto", "float64"}, default="float32"
        Of features, weights and products. "bfloat16" has float32 weights and multiplies in bfloat16, which makes maps
        faster where the hardware does it, and pooled features not; "auto" is "bfloat16" for maps there, and "float32"
        otherwise. `fit` decides, and the model keeps it.
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
    background_ : object
        The background label of the fit, among the classes or not.
    n_segments_ : int
        T.
    n_features_in_ : int
        Features of a segment: d_a + d_v, or d_a + H * W * d_v with maps.
    feature_names_in_ : ndarray of shape (``n_features_in_``,)
        Only after a fit on a DataFrame.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, called once a batch with features that are standardised
        already: forward hooks on it fire.
    history_ : list of dict
        An entry an epoch: train_loss, dur (seconds) and, with validation videos, valid_loss and valid_score.
    n_iter_ : int
        Epochs that were trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept.
    validation_score_ : float or None
        Its score on the validation videos, weighted as these are; None without.

    See Also
    --------
    WeakPSPLocalizer : Trained on targets of whole videos.

    Notes
    -----
    `X` is one of

    * an :class:`~ave_sklearn.AVFeatures` of n videos of T segments;
    * an array of shape (n, T, F) with `n_audio_features` set;
    * a 2-D array or DataFrame (n, F), n videos of one segment: `n_audio_features` divides the columns, without it
      both streams get all of them;
    * anything that answers ``X["audio"]`` and ``X["visual"]``, such as skorch's SliceDict.

    `y` is an array of labels (n, T), their one-hot form (n, T, C), or (n,) when T is 1.

    A fit remembers how it read its arguments. After it, only the parameters `batch_size` and `verbose` are looked at.

    The authors' training recipe is ``variant="released", tau=0.099, lam=100, hidden_size=256, standardize=False,
    feature_dropout=0, dropout=0.1, max_epochs=300, batch_size=128, lr=1e-3, lr_schedule="released", weight_decay=0,
    label_smoothing=0``.

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

    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        **NETWORK_CONSTRAINTS,
        "lam": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        tau: float | None = 0.095,
        lam: float = 10.0,
        variant: Variant = "paper",
        self_attention: bool = False,
        hidden_size: int = 128,
        dropout: float = 0.0,
        standardize: bool = True,
        feature_dropout: float = 0.4,
        max_epochs: int = 40,
        batch_size: int = 32,
        lr: float = 0.002,
        lr_schedule: Literal["one_cycle", "constant", "released"] = "one_cycle",
        weight_decay: float = 0.01,
        label_smoothing: float = 0.05,
        early_stopping: bool | int | Literal["best"] = False,
        validation_fraction: float = 0.1,
        n_audio_features: int | None = None,
        background: Label | None = "background",
        classes: ArrayLike | None = None,
        precision: Literal["auto", "bfloat16", "float32", "float64"] = "float32",
        device: str | torch.device = "auto",
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

    def _choose_network(self):
        return "psp", psp_params(self.tau, self.variant, self.self_attention, self.hidden_size, self.dropout)

    def _make_supervision(self):
        return FullSupervision(self.lam)

    @classmethod
    def from_released(
        cls,
        checkpoint: PathLike | Mapping[str, torch.Tensor],
        *,
        classes: ArrayLike,
        background: Label,
        tau: float | None = 0.099,
        device: str | torch.device = "auto",
    ) -> Self:
        """Return an estimator fitted with the authors' weights (their file ``PSP_fully.pt``).

        Parameters
        ----------
        checkpoint : str, path or dict of tensors
            Their whole-module pickle, a state dict saved by torch, or a state dict. No code in a file is run, and
            a file that is refused leaves the process as it was.
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
            Fitted, with ``variant="released"``, ``standardize=False`` and ``feature_dropout=0``, for raw VGG-19 and
            VGGish features.

        Raises
        ------
        OSError
            If the file is missing or may not be read.
        ValueError
            If the file is damaged or none of ``torch.save``, or the weights are of another network, not finite, or
            larger than four times their file; the message names the file. Or if `classes` do not fit the weights.
        """
        localizer = cls(tau=tau, classes=classes, background=background, device=device, **RELEASED_PARAMS)
        localizer._validate_params()
        return localizer._set_weights(*read_released(checkpoint, FULL_NAMES, classes, background, tau))


class WeakPSPLocalizer(WeakLocalizer):
    r"""Weakly supervised audio-visual event localization by positive sample propagation.

    The network of :class:`PSPLocalizer` with a head that weighs and averages segment scores to a prediction for
    the video (Eq. 5), trained by binary cross-entropy on video targets (Eq. 11). It predicts a label for each
    segment nonetheless: the class of the largest weighted score, which the paper does not say.

    Parameters
    ----------
    tau : float in [0, 1], -inf or None, default=0.095
        As in :class:`PSPLocalizer`.
    weighting : bool, default=True
        The weighting branch of Eq. 5; False is Eq. 6.
    target : {"proportion", "category"}, default="proportion"
        What segment labels given to `fit` are pooled to: their mean over time, the paper's Y_weak, or the
        video's event class, as the authors' code of other systems has it (:class:`WeakEventLocalizer`).
    variant : {"paper", "released"}, default="paper"
        The network of the equations, or the authors' code layer by layer.
    self_attention : bool, default=False
        Self-attention over segments before the LSTMs ("SAPSP", Table 1).
    hidden_size : int, default=128
        Length d_l of the encoded features, both LSTM directions together; even. The authors' code has 256, the paper
        gives no number.
    dropout : float in [0, 1), default=0.2
        In the linear layers and, with ``variant="paper"``, behind the LSTMs.
    standardize : bool, default=True
        Subtract each feature's mean over the training videos, and divide each modality by one scale, the root of
        its features' mean variance (1 if they are constant). Features of any size and offset that float64 resolves.
    feature_dropout : float in [0, 1), default=0.2
        As in :class:`PSPLocalizer`.
    max_epochs : int, default=40
        Passes over the training videos.
    batch_size : int, default=32
        Videos in a batch of `fit`; `predict` takes up to eight times as many where they have few features.
    lr : float, default=0.002
        Learning rate of AdamW; the peak of "one_cycle".
    lr_schedule : {"one_cycle", "constant", "released"}, default="one_cycle"
        As in :class:`PSPLocalizer`; "released" lowers `lr` after epochs 80 and 160.
    weight_decay : float, default=0.01
        Of AdamW.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes.
    early_stopping : False, "best" or int, default=False
        False keeps the last epoch's weights. "best" trains all epochs and keeps those of the best, by the score of
        validation videos; a number is that of epochs without a better one after which training stops.
    validation_fraction : float in (0, 1), default=0.1
        Share of the training videos that are held out for validation, when `early_stopping` is not False and `fit`
        gets no `X_val`; they are scored by their category alone.
    n_audio_features : int or None, default=None
        For an `X` that is one array: number of its first columns that are audio.
    background : object, default="background"
        Label of segments without an event. The AVE dataset's integers have 28.
    classes : array-like of shape (C,) or None, default=None
        All labels, background included, in the order of proportion columns. None: 0 to C - 1 for proportions,
        those that occur in `y` for labels.
    precision : {"float32", "bfloat16", "auto", "float64"}, default="float32"
        Of features, weights and products. "bfloat16" has float32 weights and multiplies in bfloat16, which makes maps
        faster where the hardware does it, and pooled features not; "auto" is "bfloat16" for maps there, and "float32"
        otherwise. `fit` decides, and the model keeps it.
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
    background_ : object
        The background label of the fit, among the classes or not.
    n_segments_ : int
        T.
    n_features_in_ : int
        Features of a segment: d_a + d_v, or d_a + H * W * d_v with maps.
    feature_names_in_ : ndarray of shape (``n_features_in_``,)
        Only after a fit on a DataFrame.
    net_ : skorch.NeuralNet
        The trained net; ``net_.module_`` is the torch module, called once a batch with features that are standardised
        already: forward hooks on it fire.
    history_ : list of dict
        An entry an epoch: train_loss, dur (seconds) and, with validation videos, valid_loss and valid_score.
    n_iter_ : int
        Epochs that were trained.
    best_epoch_ : int
        The epoch, from 1, whose weights were kept.
    validation_score_ : float or None
        Its score on the validation videos, weighted as these are; None without.

    See Also
    --------
    PSPLocalizer : Trained on a label for each segment.

    Notes
    -----
    `X` is as in :class:`PSPLocalizer`; a 2-D array without `n_audio_features` warns, as targets of videos do not tell
    whether it has lost its segments. `y` is one of

    * proportions (n, C), non-negative rows that sum to 1; columns of a DataFrame are the classes that they are named
      after, and without names in the order of `classes`;
    * segment labels (n, T) or their one-hot form (n, T, C), which `fit` pools by `target` before anything else sees
      them, so that scikit-learn's searches can score by segments what learns from videos;
    * categories of videos (n,).

    An array of zeros and ones with as many columns as there are segments could be either of the first two. It is
    refused by `fit`, and read by `score` as what the fit had.

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

    _parameter_constraints: dict = {
        **WeakLocalizer._parameter_constraints,
        **NETWORK_CONSTRAINTS,
        "weighting": ["boolean"],
    }

    def __init__(
        self,
        *,
        tau: float | None = 0.095,
        weighting: bool = True,
        target: Literal["proportion", "category"] = "proportion",
        variant: Variant = "paper",
        self_attention: bool = False,
        hidden_size: int = 128,
        dropout: float = 0.2,
        standardize: bool = True,
        feature_dropout: float = 0.2,
        max_epochs: int = 40,
        batch_size: int = 32,
        lr: float = 0.002,
        lr_schedule: Literal["one_cycle", "constant", "released"] = "one_cycle",
        weight_decay: float = 0.01,
        label_smoothing: float = 0.05,
        early_stopping: bool | int | Literal["best"] = False,
        validation_fraction: float = 0.1,
        n_audio_features: int | None = None,
        background: Label | None = "background",
        classes: ArrayLike | None = None,
        precision: Literal["auto", "bfloat16", "float32", "float64"] = "float32",
        device: str | torch.device = "auto",
        random_state: RandomStateLike = None,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

    def _choose_network(self):
        params = psp_params(self.tau, self.variant, self.self_attention, self.hidden_size, self.dropout)
        return "psp", {**params, "weighting": bool(self.weighting)}

    @classmethod
    def from_released(
        cls,
        checkpoint: PathLike | Mapping[str, torch.Tensor],
        *,
        classes: ArrayLike,
        background: Label,
        tau: float | None = 0.095,
        device: str | torch.device = "auto",
    ) -> Self:
        """Return an estimator fitted with the authors' weights (their file ``PSP_weakly.pt``).

        Parameters
        ----------
        checkpoint, classes, background, tau, device
            As in :meth:`PSPLocalizer.from_released`.

        Returns
        -------
        localizer : WeakPSPLocalizer
            Fitted, with ``variant="released"``, ``standardize=False`` and ``feature_dropout=0``, for raw VGG-19 and
            VGGish features.
        """
        localizer = cls(tau=tau, classes=classes, background=background, device=device, **RELEASED_PARAMS)
        localizer._validate_params()
        return localizer._set_weights(*read_released(checkpoint, WEAK_NAMES, classes, background, tau))
