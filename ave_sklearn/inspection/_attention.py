"""Display of where the network looks in each segment of one video (Figure 4, left)."""

from __future__ import annotations

from numbers import Integral
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._checks import check_positive_integer
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._targets.labels import TOLERANCE, is_background, read_numbers
from ave_sklearn.inspection._one_video import check_labels, labels_of_video, take_video
from ave_sklearn.inspection._panels import add_key, frame_key, halo, panels_of
from ave_sklearn.inspection._style import BOX, INK, KEPT_COLORS, QUIET
from ave_sklearn.inspection._wrapped import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Literal, Self

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Features, Label

CAPTION = "Attention sums to 1 in each segment: it always lands somewhere,\nalso where there is nothing to see or hear."
OVERLAY = 0.5  # opacity of the attention on a picture
GREY = (0.299, 0.587, 0.114)  # of a picture's red, green and blue: the hues are those of the attention
STRONG = 2  # even shares, which the regions within a line exceed
LINE = 1.5  # its width in points
LABEL_WIDTH = 20  # letters in a line of a label below a panel


class AttentionDisplay:
    r"""Where the network looks in each segment of one video: audio-guided attention over the regions of its pictures.

    A panel is a segment. Its attention is laid over its picture, or shown as a map of H times W regions where no
    pictures are given. All panels have one scale of colours, from 0 to the largest share that is shown, and the colour
    bar is marked at 1 / (H W), the share of each region if attention were spread evenly. Pictures are drawn in grey, so
    that hues are attention alone, with a white line around what has more than twice an even share. Segments of events
    have a thick frame and their label.

    Attention is a softmax over regions: its shares sum to 1 in each segment, so that it lands somewhere also where
    there is nothing to see or hear. The caption says so.

    Use :meth:`from_estimator` or :meth:`from_attention` to make one. All parameters are stored as attributes.

    Parameters
    ----------
    attention : ndarray of shape (T, H, W)
        Share of each region in each segment.
    pictures : list of T ndarrays of shape (h, w, 3) or None, default=None
        A picture of each segment, uint8 or float from 0 to 1; None for maps alone.
    segments : list of int or None, default=None
        Numbers of the segments that are shown; None for all.
    labels : ndarray of shape (T,) or None, default=None
        Label of each segment; None for no frames.
    background : label or None, default="background"
        The label that is no event.
    labels_are : {"true", "predicted"}, default="true"
        What the key calls the labels.
    hop_seconds : float, default=1.0
        Seconds from one segment to the next, for the titles.

    Attributes
    ----------
    axes_ : ndarray of Axes, of shape (number of segments shown,)
    figure_ : Figure
    images_ : list of AxesImage
        The attention of each panel.
    pictures_ : list of AxesImage
        The pictures below, in grey; empty without.
    contours_ : list of QuadContourSet or None
        The line of each panel around more than twice an even share, or None where no region has it; empty without
        pictures.
    colorbar_ : Colorbar
    caption_ : str
        What the figure says below its panels, or below the caption that it had.
    key_ : Legend or None
        What the thick frames are; None without.

    See Also
    --------
    PropagationDisplay : What each segment takes from those of the other modality.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import AttentionDisplay
    >>> X, y = make_av_events(n_videos=40, map_size=(3, 3), random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
    >>> display = AttentionDisplay.from_estimator(localizer, X, y, video=3, segments=[0, 4, 8])
    >>> display.attention.shape
    (10, 3, 3)
    >>> display.axes_[1].get_title()
    '4 to 5 s'
    """

    def __init__(
        self,
        *,
        attention: NDArray[Any],
        pictures: Sequence[NDArray[Any]] | None = None,
        segments: Sequence[int] | None = None,
        labels: NDArray[Any] | None = None,
        background: Label | None = "background",
        labels_are: Literal["true", "predicted"] = "true",
        hop_seconds: float = 1.0,
    ) -> None:
        self.attention = attention
        self.pictures = pictures
        self.segments = segments
        self.labels = labels
        self.background = background
        self.labels_are = labels_are
        self.hop_seconds = hop_seconds

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Features,
        y: ArrayLike | None = None,
        *,
        video: int = 0,
        pictures: Sequence[ArrayLike] | None = None,
        segments: Sequence[int] | None = None,
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        n_columns: int = 5,
        ax: Axes | NDArray[Any] | None = None,
    ) -> Self:
        """Draw the attention of a fitted model in the segments of one video.

        Parameters
        ----------
        estimator : fitted localizer
            Fitted on visual maps, with a network that attends to their regions; or a pipeline or search that ends in
            one.
        X : like `X` of its `fit`
            Of which the one video is read.
        y : array-like of shape (n, T) or (n, T, C), or None, default=None
            Labels of segments, for the frames; those that the estimator predicts where it is None.
        video : int, default=0
            Number of the video in `X`.
        pictures : sequence of T arrays of shape (h, w, 3), or None, default=None
            As in :meth:`from_attention`.
        segments : sequence of int or None, default=None
            As in :meth:`from_attention`.
        segment_seconds : float, default=1.0
            As in :meth:`from_attention`.
        hop_seconds : float or None, default=None
            As in :meth:`from_attention`.
        n_columns : int, default=5
            As in :meth:`plot`.
        ax : Axes, array of Axes, or None, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ValueError
            If `X` has no such video or its visual features are pooled, `y` holds no labels of its segments, or as
            :meth:`from_attention`; or if the estimator's network has no attention.
        """
        localizer, X_video = unwrap(estimator, take_video(X, video), "attention")
        (attention,) = localizer.attention(X_video)
        return cls.from_attention(
            attention,
            pictures=pictures,
            segments=segments,
            **labels_of_video(estimator, X, y, video, len(attention)),
            segment_seconds=segment_seconds,
            hop_seconds=hop_seconds,
            n_columns=n_columns,
            ax=ax,
        )

    @classmethod
    def from_attention(
        cls,
        attention: ArrayLike,
        *,
        pictures: Sequence[ArrayLike] | None = None,
        segments: Sequence[int] | None = None,
        labels: ArrayLike | None = None,
        background: Label | None = "background",
        labels_are: Literal["true", "predicted"] = "true",
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        n_columns: int = 5,
        ax: Axes | NDArray[Any] | None = None,
    ) -> Self:
        """Draw attention that is there as an array.

        Parameters
        ----------
        attention : array-like of shape (T, H, W)
            Share of each region; they sum to 1 in each segment.
        pictures : sequence of T arrays of shape (h, w, 3), or None, default=None
            A picture of each segment of the video, those that are not shown too, uint8 or float from 0 to 1. The H
            times W regions are taken to cover the whole of each.
        segments : sequence of int or None, default=None
            Numbers of the segments to show, in this order; None for all.
        labels : array-like of shape (T,) or None, default=None
            Label of each segment; None for no frames.
        background : label or None, default="background"
            The label that is no event; None if there is none.
        labels_are : {"true", "predicted"}, default="true"
            What the key calls the labels.
        segment_seconds : float, default=1.0
            Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
        hop_seconds : float or None, default=None
            Seconds from one segment to the next, for the titles; `segment_seconds` if None.
        n_columns : int, default=5
            As in :meth:`plot`.
        ax : Axes, array of Axes, or None, default=None
            As in :meth:`plot`.

        Returns
        -------
        display : AttentionDisplay

        Raises
        ------
        ValueError
            If `attention` is no array of this shape or does not sum to 1 in each segment; if `pictures` are not as many
            as segments, or one of them is no picture; if `segments` has a number that is no segment, or `labels`
            another number of labels.

        Examples
        --------
        >>> import matplotlib
        >>> matplotlib.use("Agg")
        >>> import numpy as np
        >>> from ave_sklearn.inspection import AttentionDisplay
        >>> attention = np.full((4, 7, 7), 1 / 49)
        >>> display = AttentionDisplay.from_attention(attention, labels=["dog", "dog", "background", "background"])
        >>> display.axes_[0].get_xlabel()
        'dog'
        """
        attention = _read_attention(attention)
        if pictures is not None:
            pictures = _read_pictures(pictures, len(attention))
        if labels is not None:
            labels = check_labels(labels, background, labels_are, len(attention))
        display = cls(
            attention=attention,
            pictures=pictures,
            segments=None if segments is None else _check_segments(segments, len(attention)),
            labels=labels,
            background=background,
            labels_are=labels_are,
            hop_seconds=check_grid(segment_seconds, hop_seconds).hop_seconds,
        )
        return display.plot(n_columns=n_columns, ax=ax)

    def plot(self, *, n_columns: int = 5, ax: Axes | NDArray[Any] | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        n_columns : int, default=5
            Panels side by side in a new figure, at most.
        ax : Axes, array of Axes, or None, default=None
            As many as segments are shown; None for a new figure.

        Returns
        -------
        display : AttentionDisplay
            This one.

        Raises
        ------
        ValueError
            If `ax` holds another number of Axes than segments are shown, or `n_columns` is no positive integer.
        """
        shown = range(len(self.attention)) if self.segments is None else self.segments
        n_columns = min(check_positive_integer(n_columns, "n_columns"), len(shown))
        n_rows = -(-len(shown) // n_columns)
        size = 1.6 + 1.7 * n_columns, 1.1 + (0.6 + 1.6 * self._height_to_width) * n_rows
        self.axes_ = panels_of(ax, n_rows, n_columns, len(shown), size)
        self.figure_ = self.axes_[0].figure
        norm = _scale_of(self.attention[list(shown)])
        self.images_, self.pictures_, self.contours_ = [], [], []
        for one, t in zip(self.axes_, shown, strict=True):
            self._draw(one, t, norm)
            self._name(one, t)
        self.colorbar_ = self._draw_scale()
        self.caption_ = self._write_caption()
        self.key_ = self._explain_frames(shown, own_figure=ax is None)
        return self

    @property
    def _height_to_width(self):
        """Height of a panel in widths."""
        height, width = self.attention.shape[1:] if self.pictures is None else self.pictures[0].shape[:2]
        return float(np.clip(height / width, 0.4, 2))

    def _draw(self, ax, t, norm):
        """Draw the attention of segment t, over its picture where there is one."""
        attention = self.attention[t]
        height, width = attention.shape if self.pictures is None else self.pictures[t].shape[:2]
        style = {"norm": norm, "cmap": KEPT_COLORS, "extent": (0, width, height, 0)}
        if self.pictures is None:
            self.images_.append(ax.imshow(attention, interpolation="nearest", **style))
            return
        grey = _as_shares(self.pictures[t]) @ GREY
        self.pictures_.append(ax.imshow(grey, cmap="gray", vmin=0, vmax=1, extent=style["extent"]))
        self.images_.append(ax.imshow(attention, interpolation="bilinear", alpha=OVERLAY, **style))
        self.contours_.append(_draw_contour(ax, attention, width, height))

    def _name(self, ax, t):
        """Write the seconds and, of an event, its label; frame the panel."""
        is_event = self._is_event[t]
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"{t * self.hop_seconds:g} to {(t + 1) * self.hop_seconds:g} s", size="medium", color=INK)
        label = fill(str(self.labels[t]), LABEL_WIDTH) if is_event else ""
        ax.set_xlabel(label, color=INK, size="small")
        for spine in ax.spines.values():
            spine.set(color=BOX if is_event else QUIET, linewidth=3.5 if is_event else 0.8)

    @property
    def _is_event(self):
        """Whether each segment is one of an event, as an array (T,)."""
        if self.labels is None:
            return np.zeros(len(self.attention), bool)
        return ~is_background(self.labels, self.background)

    def _draw_scale(self):
        """Draw the colour bar, marked where each region has the same share."""
        from matplotlib.ticker import PercentFormatter

        _, height, width = self.attention.shape
        even = 1 / (height * width)
        bar = self.figure_.colorbar(self.images_[0], ax=list(self.axes_), format=PercentFormatter(1, decimals=None))
        bar.set_label("share of attention", color=INK)
        bar.ax.axhline(even, color=INK, linewidth=2, path_effects=halo(4))
        bar.ax.secondary_yaxis("left").set_yticks([even], [f"even:\n1 / {height * width}"], size="small", color=INK)
        return bar

    def _write_caption(self):
        """Write below the panels that attention always lands somewhere, unless the figure has a text there."""
        if not self.figure_.get_supxlabel():
            self.figure_.supxlabel(CAPTION, size="small", color=INK)
        return self.figure_.get_supxlabel()

    def _explain_frames(self, shown, own_figure):
        has_event = self._is_event[list(shown)].any()
        handles = [frame_key(f"segment of an event ({self.labels_are} labels)")] if has_event else []
        if self.pictures is not None:
            handles.append(_contour_key())
        return add_key(self.axes_, handles, own_figure=own_figure, side="upper")


def _scale_of(attention):
    """Return the norm of the colours of all panels: from 0 to the largest share that is shown."""
    from matplotlib.colors import Normalize

    return Normalize(0, float(attention.max()))


def _read_attention(attention):
    """Return attention as an array (T, H, W), or raise ValueError."""
    attention = read_numbers(attention, "attention")
    if attention.ndim != 3 or not attention.size:
        raise ValueError(
            f"attention has the shape {attention.shape}; wanted that of one video, (n_segments, height, width)."
        )
    if not attention.min() >= 0:  # NaN too
        raise ValueError("attention holds negative shares, or NaN; wanted shares of 0 to 1.")
    total = attention.sum((1, 2))
    off = np.flatnonzero(abs(total - 1) > TOLERANCE)
    if len(off):
        raise ValueError(f"attention sums to {total[off[0]]:g} in segment {off[0]}; wanted 1 in each segment.")
    return attention


def _read_pictures(pictures, n_segments):
    """Return the pictures as a list of arrays (h, w, 3), or raise ValueError."""
    pictures = [np.asarray(picture) for picture in pictures]
    if len(pictures) != n_segments:
        raise ValueError(f"pictures holds {len(pictures)} of them; wanted {n_segments}, one for each segment.")
    for t, picture in enumerate(pictures):
        if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise ValueError(f"pictures[{t}] has the shape {picture.shape}; wanted (height, width, 3).")
        is_share = picture.dtype.kind == "f" and picture.min() >= 0 and picture.max() <= 1
        if picture.dtype != np.uint8 and not is_share:
            raise ValueError(f"pictures[{t}] holds {picture.dtype}; wanted uint8, or floats from 0 to 1.")
    return pictures


def _check_segments(segments, n_segments):
    """Return the numbers of segments as a list, or raise ValueError."""
    segments = list(segments)
    for t in segments:
        if not isinstance(t, Integral) or isinstance(t, bool) or not 0 <= t < n_segments:
            raise ValueError(f"segments holds {t!r}; wanted numbers from 0 to {n_segments - 1}.")
    if not segments:
        raise ValueError("segments is empty; wanted the number of at least one segment.")
    return segments


def _as_shares(picture):
    """Return a picture in floats from 0 to 1."""
    return picture / 255 if picture.dtype == np.uint8 else picture


def _draw_contour(ax, attention, width, height):
    """Draw a line around the regions of a picture that have more than `STRONG` even shares."""
    rows, columns = ((np.arange(n) + 0.5) * size / n for n, size in zip(attention.shape, (height, width), strict=True))
    padded = np.pad(attention, 1, mode="edge")  # to the edges of the picture, as the colours are
    x, y = np.r_[0, columns, width], np.r_[0, rows, height]
    level = STRONG / attention.size
    if not attention.min() < level < attention.max():
        return None
    contour = ax.contour(x, y, padded, levels=[level], colors="white", linewidths=LINE)
    contour.set(path_effects=halo(2 * LINE, INK))
    return contour


def _contour_key():
    """Return the handle of a key for these lines."""
    from matplotlib.lines import Line2D

    style = {"color": "white", "linewidth": LINE, "path_effects": halo(2 * LINE, INK)}
    return Line2D([], [], label="more than twice an even share", **style)
