"""Estimators of any network: those of the paper's comparison, by name, and the user's own."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

from ave_sklearn._sklearn import Interval, StrOptions
from ave_sklearn.localizers._base import BaseLocalizer, WeakLocalizer
from ave_sklearn.localizers._networks import pair_loss_weight
from ave_sklearn.localizers._supervision import FullSupervision

if TYPE_CHECKING:
    from typing import Any, Literal

    import torch
    from numpy.typing import ArrayLike

    from ave_sklearn._typing import Label, RandomStateLike

NETWORK_CONSTRAINTS: dict = {
    "network": "no_validation",  # checked in fit, with an error that lists the names
    "network_params": "no_validation",
}


class EventLocalizer(BaseLocalizer):
    r"""Fully supervised audio-visual event localization by any network.

    The systems that the paper compares with [1]_ (Table 4), DMRN, the later CPSP, CMBS and CACE-Net, and networks of
    your own, trained and scored by one rule. ``GridSearchCV(EventLocalizer(), {"network": ["avel", "psp", ...]})`` is
    that table.

    Parameters
    ----------
    network : str or type, default="psp"
        * "avel", "dmrn": Tian et al. 2018;
        * "avsdn": Lin et al. 2019;
        * "cman": Xuan et al. 2020;
        * "dam": Wu et al. 2019;
        * "avrb": Ramaswamy and Das 2020;
        * "avin": Ramaswamy 2020;
        * "avt": Lin and Wang 2020;
        * "cmran": Xu et al. 2020;
        * "psp": Zhou et al. 2021, the paper;
        * "cpsp": Zhou et al. 2022;
        * "cmbs": Xia and Zhao 2022;
        * "cacenet": He et al. 2024;
        * a ``torch.nn.Module`` class that follows the contract in :mod:`ave_sklearn.nn`, whose classes' docstrings say
          where each system comes from, and what of it is a reconstruction.

        "dam", "cmran", "cpsp", "cmbs" and "cacenet" are gated: they decide for each segment between event and
        background, and give all events of a video one category.
    network_params : dict or None, default=None
        Parameters of the network's constructor, such as ``{"tau": 0}`` of "psp"; None is its defaults. Search them
        as a list of dicts, or with a network at a time as a list of grids.
    lam : float or "auto", default="auto"
        Weight of the audio-visual pair similarity loss L_avps (Eq. 8-10) with any network that gives the similarity;
        "auto" is 10 for "psp" and "cpsp", which come with this loss, and 0 for the others.
    standardize, feature_dropout, max_epochs, batch_size, lr, lr_schedule, weight_decay, label_smoothing
        As in :class:`PSPLocalizer`.
    early_stopping, validation_fraction, n_audio_features, background, classes, precision, device, random_state, verbose
        As in :class:`PSPLocalizer`.

    Attributes
    ----------
    classes_, background_, n_segments_, n_features_in_, feature_names_in_, net_, history_
        As in :class:`PSPLocalizer`.
    n_iter_, best_epoch_, validation_score_
        As in :class:`PSPLocalizer`.

    See Also
    --------
    PSPLocalizer : The same with ``network="psp"`` and its parameters by name.
    WeakEventLocalizer : Trained on targets of whole videos.

    Notes
    -----
    `X` and `y` are as in :class:`PSPLocalizer`. With maps as visual features, "avt" and "psp" in its released form are
    tied to the number of regions; with pooled features "avt", "cmran", "cmbs" and "cacenet" see a map of one region.

    The networks of this package draw their weights and dropout masks from generators seeded by `random_state`. A class
    of yours is constructed and trained with torch's global generator seeded by it, and set back afterwards; such fits
    in parallel threads wait for each other, in processes they do not. `fit` compares it with a copy, as pickle and
    ``copy.deepcopy`` make it: where state is lost on the way it warns, and such a fit cannot be pickled or copied.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> from ave_sklearn import EventLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = EventLocalizer(network="avel", max_epochs=2, random_state=0).fit(X, y)
    >>> localizer.predict(X).shape
    (40, 10)
    """

    _parameter_constraints: dict = {
        **BaseLocalizer._parameter_constraints,
        **NETWORK_CONSTRAINTS,
        "lam": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        network: str | type[torch.nn.Module] = "psp",
        network_params: dict[str, Any] | None = None,
        lam: float | Literal["auto"] = "auto",
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
        return self.network, self.network_params

    def _make_supervision(self):
        return FullSupervision(pair_loss_weight(self.network) if self.lam == "auto" else self.lam)


class WeakEventLocalizer(WeakLocalizer):
    r"""Weakly supervised audio-visual event localization by any network.

    The networks of :class:`EventLocalizer` with a head that pools segment scores to a prediction for the video,
    trained by binary cross-entropy on video targets (Eq. 11 of the paper [1]_). They predict a label for each segment
    nonetheless.

    Parameters
    ----------
    network : str or type, default="psp"
        As in :class:`EventLocalizer`; "dam" and "cacenet" have no weakly supervised form.
    network_params : dict or None, default=None
        As in :class:`EventLocalizer`. All but the gated ones take ``weighting``, PSP's weighting branch (Eq. 5).
    target : {"proportion", "category"}, default="proportion"
        What segment labels given to `fit` are pooled to: their mean over time, the paper's Y_weak, or the
        video's event class, as the authors' code of "avel", "cmran", "cpsp" and "cmbs" has it. "cpsp" uses the event
        classes only.
    standardize, feature_dropout, max_epochs, batch_size, lr, lr_schedule, weight_decay, label_smoothing
        As in :class:`WeakPSPLocalizer`.
    early_stopping, validation_fraction, n_audio_features, background, classes, precision, device, random_state, verbose
        As in :class:`WeakPSPLocalizer`.

    Attributes
    ----------
    classes_, background_, n_segments_, n_features_in_, feature_names_in_, net_, history_
        As in :class:`PSPLocalizer`.
    n_iter_, best_epoch_, validation_score_
        As in :class:`PSPLocalizer`.

    See Also
    --------
    WeakPSPLocalizer : The same with ``network="psp"`` and its parameters by name.
    EventLocalizer : Trained on a label for each segment.

    Notes
    -----
    `X` and `y` are as in :class:`WeakPSPLocalizer`; random numbers are as in :class:`EventLocalizer`. A gated network
    needs the background label among the classes: where `y` holds categories of videos alone, name all of them in
    `classes`.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> from ave_sklearn import WeakEventLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = WeakEventLocalizer(network="avel", max_epochs=2, random_state=0).fit(X, y)
    >>> localizer.predict(X).shape
    (40, 10)
    """

    _parameter_constraints: dict = {**WeakLocalizer._parameter_constraints, **NETWORK_CONSTRAINTS}

    def __init__(
        self,
        *,
        network: str | type[torch.nn.Module] = "psp",
        network_params: dict[str, Any] | None = None,
        target: Literal["proportion", "category"] = "proportion",
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
        return self.network, self.network_params
