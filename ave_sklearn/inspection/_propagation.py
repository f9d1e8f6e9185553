"""Display of the connections that PSP keeps and cuts in one video (Figure 4, right)."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._targets.labels import read_numbers
from ave_sklearn.inspection._one_video import check_labels, event_runs, labels_of_video, take_video
from ave_sklearn.inspection._panels import add_key, frame_key, halo, panels_of
from ave_sklearn.inspection._style import BOX, INK, KEPT_COLORS, QUIET, text_color
from ave_sklearn.inspection._wrapped import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, Self

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Features, Label

DIRECTIONS = {"va": ("visual", "audio"), "av": ("audio", "visual")}  # who takes, and from whom
SIGNED_COLORS = "PuOr"  # of weights that may be negative, which are told by their sign in grey
MOST_WRITTEN = 12  # segments of a video whose shares are written into the cells
HATCH = "#a6a6a6"  # the colour of CUT_HATCH
CUT_HATCH = "////"  # of connections that are cut
NEGATIVE_HATCH = "...."  # of weights below 0, where their sign is not written


class PropagationDisplay:
    r"""Connections of one video that PSP keeps: what each segment takes from each of the other modality.

    A panel shows a matrix of connections, :math:`\gamma^{va}` or :math:`\gamma^{av}` of Eq. 2: row t is visual
    segment t, and its cells are the shares that it takes from each audio segment s, or the reverse. Connections that
    are cut are exactly 0; they are hatched on white, so that they do not look like small shares. All panels have one
    scale of colours, from 0 to the largest share that is shown. With weights below 0, which ``tau=-inf`` leaves, the
    scale has two hues, one for each sign. Boxes are around the cells of which both segments belong to events of the
    same label.

    Use :meth:`from_estimator` or :meth:`from_connections` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    gamma_va : ndarray of shape (k, T, T) or None, default=None
        Row t of each matrix is what visual segment t takes from each audio segment. None draws none of them.
    gamma_av : ndarray of shape (k, T, T) or None, default=None
        Row t of each matrix is what audio segment t takes from each visual segment.
    tau : sequence of k floats or "fitted", or None, default=None
        Threshold of each matrix, for the titles; "fitted" is the one of the fit.
    labels : ndarray of shape (T,) or None, default=None
        Label of each segment; None for no boxes.
    background : label or None, default="background"
        The label that is no event.
    labels_are : {"true", "predicted"}, default="true"
        What the key calls the labels.

    Attributes
    ----------
    axes_ : ndarray of Axes, of shape (number of panels,)
        By the threshold; with both directions those of `gamma_va` first.
    figure_ : Figure
    images_ : list of AxesImage
        Of each panel; cut connections are masked.
    texts_ : list of list of Text
        The shares in percent that are written into each panel's cells.
    boxes_ : list of list of Rectangle
        Around the events of each panel. The edges of segment t are t - 0.5 and t + 0.5.
    colorbar_ : Colorbar
    key_ : Legend or None
        What the boxes are; None without.

    See Also
    --------
    AttentionDisplay : Where the network looks in each segment.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import PropagationDisplay
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
    >>> display = PropagationDisplay.from_estimator(localizer, X, y, video=3, tau=[0, 0.095, 0.11], direction="va")
    >>> display.gamma_va.shape
    (3, 10, 10)
    """

    def __init__(
        self,
        *,
        gamma_va: NDArray[Any] | None = None,
        gamma_av: NDArray[Any] | None = None,
        tau: Sequence[float | Literal["fitted"]] | None = None,
        labels: NDArray[Any] | None = None,
        background: Label | None = "background",
        labels_are: Literal["true", "predicted"] = "true",
    ) -> None:
        self.gamma_va = gamma_va
        self.gamma_av = gamma_av
        self.tau = tau
        self.labels = labels
        self.background = background
        self.labels_are = labels_are

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Features,
        y: ArrayLike | None = None,
        *,
        video: int = 0,
        tau: float | Literal["fitted"] | Sequence[float | Literal["fitted"]] = "fitted",
        direction: Literal["va", "av", "both"] = "both",
        include_values: bool | None = None,
        ax: Axes | NDArray[Any] | None = None,
    ) -> Self:
        """Draw the connections of one video, for one threshold or a row of several, of one fitted model.

        Parameters
        ----------
        estimator : fitted localizer
            With a network that propagates, such as a :class:`~ave_sklearn.PSPLocalizer`; or a pipeline or search that
            ends in one.
        X : like `X` of its `fit`
            Of which the one video is read.
        y : array-like of shape (n, T) or (n, T, C), or None, default=None
            Labels of segments, for the boxes; those that the estimator predicts where it is None.
        video : int, default=0
            Number of the video in `X`.
        tau : float, "fitted", or a sequence of these, default="fitted"
            Thresholds at which the model's similarities are pruned, in [0, 1] or -inf; "fitted" is that of the fit.
        direction : {"va", "av", "both"}, default="both"
            "va" for what visual segments take from audio segments, "av" for the reverse.
        include_values : bool or None, default=None
            As in :meth:`plot`.
        ax : Axes, array of Axes, or None, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : PropagationDisplay

        Raises
        ------
        ValueError
            If `X` has no such video, `y` holds no labels of its segments, `direction` is another, or `tau` holds
            nothing or no threshold; or if the estimator's network has no propagation.
        """
        _check_direction(direction)
        thresholds = _as_list(tau)
        if not thresholds:
            raise ValueError("tau is empty; wanted at least one threshold.")
        localizer, X_video = unwrap(estimator, take_video(X, video), "propagation")
        pairs = [localizer.propagation(X_video, tau=threshold) for threshold in thresholds]
        gamma_va, gamma_av = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
        shown = {"va": {"gamma_va": gamma_va}, "av": {"gamma_av": gamma_av}}
        shown["both"] = shown["va"] | shown["av"]
        labels = labels_of_video(estimator, X, y, video, gamma_va.shape[-1])
        return cls.from_connections(**shown[direction], tau=tau, **labels, include_values=include_values, ax=ax)

    @classmethod
    def from_connections(
        cls,
        gamma_va: ArrayLike | None = None,
        gamma_av: ArrayLike | None = None,
        *,
        tau: float | Literal["fitted"] | Sequence[float | Literal["fitted"]] | None = None,
        labels: ArrayLike | None = None,
        background: Label | None = "background",
        labels_are: Literal["true", "predicted"] = "true",
        include_values: bool | None = None,
        ax: Axes | NDArray[Any] | None = None,
    ) -> Self:
        """Draw connections that are there as arrays.

        Parameters
        ----------
        gamma_va : array-like of shape (T, T) or (k, T, T), or None, default=None
            Row t of each matrix is what visual segment t takes from each audio segment.
        gamma_av : array-like of shape (T, T) or (k, T, T), or None, default=None
            Row t of each matrix is what audio segment t takes from each visual segment.
        tau : float, "fitted", a sequence of k of these, or None, default=None
            Threshold of each matrix, for the titles.
        labels : array-like of shape (T,) or None, default=None
            Label of each segment; None for no boxes.
        background : label or None, default="background"
            The label that is no event; None if there is none.
        labels_are : {"true", "predicted"}, default="true"
            What the key calls the labels.
        include_values : bool or None, default=None
            As in :meth:`plot`.
        ax : Axes, array of Axes, or None, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : PropagationDisplay

        Raises
        ------
        ValueError
            If both matrices are None, they are not square and finite, or differ in shape; if `tau` holds another number
            of thresholds or `labels` another number of labels.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> from ave_sklearn.inspection import PropagationDisplay
        >>> gamma_va = [[0.5, 0.5, 0], [0.4, 0.6, 0], [0, 0, 0]]
        >>> display = PropagationDisplay.from_connections(gamma_va, labels=["dog", "dog", "background"])
        >>> display.axes_[0].get_ylabel()
        'visual segment t takes ...'
        """
        gammas = {"gamma_va": gamma_va, "gamma_av": gamma_av}
        gammas = {name: _read_gamma(gamma, name) for name, gamma in gammas.items() if gamma is not None}
        if not gammas:
            raise ValueError("gamma_va and gamma_av are None; wanted at least one of them.")
        if len(shapes := {gamma.shape for gamma in gammas.values()}) > 1:
            raise ValueError(f"gamma_va and gamma_av have the shapes {sorted(shapes)}; wanted equal shapes.")
        ((n_matrices, n_segments, _),) = shapes
        tau = None if tau is None else _check_thresholds(tau, n_matrices)
        if labels is not None:
            labels = check_labels(labels, background, labels_are, n_segments)
        display = cls(**gammas, tau=tau, labels=labels, background=background, labels_are=labels_are)
        return display.plot(include_values=include_values, ax=ax)

    def plot(self, *, include_values: bool | None = None, ax: Axes | NDArray[Any] | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        include_values : bool or None, default=None
            Whether to write the shares into the cells, in percent; None where there are 12 segments or fewer.
        ax : Axes, array of Axes, or None, default=None
            As many as there are panels; None for a new figure.

        Returns
        -------
        display : PropagationDisplay
            This one.

        Raises
        ------
        ValueError
            If `ax` holds another number of Axes than there are panels.
        """
        panels = self._panels()
        n_columns = 2 if len(panels) == 2 else len(panels) // self._n_directions
        n_rows = len(panels) // n_columns
        size = 0.9 + 3.1 * n_columns, 0.4 + 3.6 * n_rows
        self.axes_ = panels_of(ax, n_rows, n_columns, len(panels), size)
        self.figure_ = self.axes_[0].figure
        gammas = np.stack([gamma for _, _, gamma in panels])
        write = gammas.shape[-1] <= MOST_WRITTEN if include_values is None else include_values
        norm, colors = _scale_of(gammas)
        self.images_ = [_draw_kept(one, gamma, norm, colors) for one, gamma in zip(self.axes_, gammas, strict=True)]
        self.boxes_ = [self._box_events(one) for one in self.axes_]
        drawn = zip(self.axes_, gammas, self.images_, strict=True)
        self.texts_ = [_write_values(*panel) if write else [] for panel in drawn]
        for one, (direction, tau, gamma) in zip(self.axes_, panels, strict=True):
            _name_axes(one, direction, tau, gamma)
            if not write:
                _mark_negative(one, gamma)
        self.colorbar_ = _draw_scale(self.axes_, self.images_[0], mark_negative=not write)
        self.key_ = self._explain_boxes(own_figure=ax is None)
        return self

    @property
    def _n_directions(self):
        return sum(gamma is not None for gamma in (self.gamma_va, self.gamma_av))

    def _panels(self):
        """Return direction, threshold and matrix of each panel."""
        gammas = {"va": self.gamma_va, "av": self.gamma_av}
        return [
            (direction, tau, matrix)
            for direction, gamma in gammas.items()
            if gamma is not None
            for tau, matrix in zip([None] * len(gamma) if self.tau is None else self.tau, gamma, strict=True)
        ]

    def _box_events(self, ax):
        """Box the cells of which both segments belong to events of one label."""
        from matplotlib.patches import Rectangle

        runs = event_runs(self.labels, self.background)
        pairs = [(t, s) for t in runs for s in runs if self.labels[t[0]] == self.labels[s[0]]]
        style = {"fill": False, "edgecolor": BOX, "linewidth": 2, "clip_on": False, "path_effects": halo(4)}
        return [ax.add_patch(Rectangle((s[0] - 0.5, t[0] - 0.5), s[1] - s[0], t[1] - t[0], **style)) for t, s in pairs]

    def _explain_boxes(self, own_figure):
        text = f"both segments belong to the event ({self.labels_are} labels)"
        return add_key(self.axes_, [frame_key(text)] if self.boxes_[0] else [], own_figure=own_figure)


def _check_direction(direction):
    if direction not in ("va", "av", "both"):
        raise ValueError(f"direction is {direction!r}; wanted 'va', 'av' or 'both'.")


def _as_list(tau):
    """Return thresholds as a list: of one, or of a sequence."""
    return [tau] if isinstance(tau, str | Real) or tau is None else list(tau)


def _check_thresholds(tau, n_matrices):
    """Return the thresholds of all matrices as a list, or raise ValueError."""
    tau = _as_list(tau)
    if len(tau) != n_matrices:
        raise ValueError(f"tau holds {len(tau)} thresholds; wanted {n_matrices}, one for each matrix.")
    for threshold in tau:
        if not isinstance(threshold, Real) and threshold != "fitted":
            raise ValueError(f"tau holds {threshold!r}; wanted numbers or 'fitted'.")
    return tau


def _read_gamma(gamma, name):
    """Return matrices as an array (k, T, T), or raise ValueError."""
    gamma = read_numbers(gamma, name)
    if gamma.ndim not in (2, 3) or gamma.shape[-1] != gamma.shape[-2] or not gamma.size:
        raise ValueError(
            f"{name} has the shape {gamma.shape}; wanted a square matrix (n_segments, n_segments), or several of them "
            "(k, n_segments, n_segments)."
        )
    if not np.all(np.isfinite(gamma)):
        raise ValueError(f"{name} holds NaN or infinity; wanted shares, which are finite.")
    return gamma if gamma.ndim == 3 else gamma[None]


def _scale_of(cells):
    """Return the norm and the colour map for all cells shown, from 0 or, with negative ones, on both sides of it."""
    from matplotlib.colors import Normalize

    largest = float(abs(cells).max()) or 1.0
    if cells.min() < 0:
        return Normalize(-largest, largest), SIGNED_COLORS
    return Normalize(0, largest), KEPT_COLORS


def _draw_kept(ax, gamma, norm, colors):
    """Draw the connections that are kept; those that are cut show the hatched ground."""
    ax.set_facecolor("white")
    ax.patch.set(hatch=CUT_HATCH, edgecolor=HATCH, linewidth=0)
    return ax.imshow(np.ma.masked_equal(gamma, 0), norm=norm, cmap=colors, interpolation="nearest")


def _write_values(ax, gamma, image):
    """Write each connection that is kept into its cell, in percent."""
    style = {"ha": "center", "va": "center", "size": 7}
    colors = image.to_rgba(gamma)
    return [
        ax.text(s, t, _percent(gamma[t, s]), color=text_color(colors[t, s]), **style) for t, s in np.argwhere(gamma)
    ]


def _percent(share):
    """Write a share in percent; one that would be written as 0 is not 0."""
    number = round(100 * float(share))
    return f"{number}".replace("-", "\N{MINUS SIGN}") if number else "\N{ALMOST EQUAL TO}0"


def _mark_negative(ax, gamma):
    """Hatch weights below 0, so that grey tells them from those above."""
    edges = np.arange(len(gamma) + 1) - 0.5
    if np.any(gamma < 0):
        negative = np.ma.masked_where(gamma >= 0, gamma)
        ax.pcolor(edges, edges, negative, facecolor="none", edgecolor="none", hatch=NEGATIVE_HATCH, zorder=1.5)


def _name_axes(ax, direction, tau, gamma):
    from matplotlib.ticker import MaxNLocator

    taker, giver = DIRECTIONS[direction]
    threshold = "" if tau is None else f", {_threshold(tau)}"
    kept = f"{np.count_nonzero(gamma)} of {gamma.size} kept"
    ax.set_title(f"$\\gamma^{{{direction}}}${threshold}\n{kept}", size="medium")
    ax.set(xlabel=f"... from {giver} segment s", ylabel=f"{taker} segment t takes ...")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins=10))


def _threshold(tau):
    """Write a threshold for a title."""
    if isinstance(tau, str):
        return r"$\tau$ of the fit"
    return r"$\tau = -\infty$" if tau == -np.inf else rf"$\tau = {tau:g}$"


def _draw_scale(axes, image, mark_negative):
    """Draw the colour bar, with a hatched cell below it for what is cut."""
    from matplotlib.patches import Rectangle
    from matplotlib.ticker import PercentFormatter

    bar = axes[0].figure.colorbar(image, ax=list(axes), format=PercentFormatter(1, decimals=None))
    bar.set_label("share that segment t takes", color=INK)
    if mark_negative and bar.vmin < 0:
        bar.ax.axhspan(bar.vmin, 0, facecolor="none", edgecolor=INK, linewidth=0, hatch=NEGATIVE_HATCH)
    style = {"facecolor": "white", "edgecolor": HATCH, "hatch": CUT_HATCH, "clip_on": False}
    bar.ax.add_patch(Rectangle((0, -0.09), 1, 0.05, transform=bar.ax.transAxes, **style))
    bar.ax.text(1.6, -0.065, "cut", transform=bar.ax.transAxes, va="center", color=QUIET, size="small")
    return bar
