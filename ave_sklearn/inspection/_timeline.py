"""Timelines of videos: true events above the predicted ones, along the seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._checks import check_positive
from ave_sklearn._targets.events import segments_to_events
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._targets.labels import read_label_pair
from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn.inspection._style import CLASS_COLORS, INK, QUIET, axes_of, class_colors, text_color
from ave_sklearn.inspection._timeline_input import (
    check_kinds,
    check_n_videos,
    check_proba,
    first_rows,
    labels_in_order,
    labels_of,
    names_of_tables,
    probabilities_of,
    read_classes,
    read_events_table,
    read_names,
    read_rows,
    rows_of_videos,
)
from ave_sklearn.inspection._true_labels import read_true
from ave_sklearn.metrics._scorers import find_attribute, fitted_background

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self

    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from numpy.typing import ArrayLike, NDArray
    from sklearn.base import BaseEstimator

    from ave_sklearn._typing import Features, Label

WIDTH = 9.0  # of a new figure, in inches
BAR, CURVE, MARK = 0.27, 0.24, 0.06  # heights in the same inches, the unit of the y axis
SPACE, GAP = 0.03, 0.16  # between the rows of a video, and between videos
EDGE = 0.003  # of the width, so that the outlines of bars at both ends are whole
FONT_SIZE = 8.5
LONGEST_NAME = 28  # characters of a video's name
LOOK = ["facecolor", "edgecolor", "hatch"]
HATCHES = ("", "////", "....", "xxxx", "||||", "----")  # each for a round of the colours
GRID, AREA = "#d9d9d9", "#c8c8c8"  # lines of seconds; the surface under a curve of probability
DIFFER, CURVE_NAME = "true and predicted differ", "probability of the likeliest event, 0 to 1"


class EventTimelineDisplay:
    """Timelines of videos, true events (T) above predicted ones (P).

    A run of segments of one label is one bar. Its label is written on it where it fits; labels that do not fit
    somewhere are in a legend. A class has the same colour in all rows, and where there are more than eight classes a
    hatch tells those of one colour apart. Background stays empty. A thin dark mark below P shows the time where true
    and predicted events differ.

    Make one by :meth:`from_estimator`, :meth:`from_predictions` or :meth:`from_events`; what they compute are the
    parameters here, stored as attributes of these names.

    Parameters
    ----------
    predicted_events : DataFrame
        The columns ``filename``, ``onset``, ``offset`` (seconds) and ``event_label``, a row an event.
    true_events : DataFrame, default=None
        The same of the true events; None draws rows of P alone.
    videos : sequence of n_shown names
        The videos to draw, from top to bottom: values of ``filename``, each once.
    classes : sequence of labels
        Labels of events, in the order in which they take the colours.
    seconds : float
        Where the x axis ends.
    probabilities : ndarray of shape (n_shown, n_segments), default=None
        Probability of the likeliest event in each segment, drawn as a curve below P.
    hop_seconds : float, default=1.0
        Seconds from one segment of `probabilities` to the next.
    n_videos : int, default=None
        Number of videos of which the drawn ones are the first; those drawn are all if None.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the timelines.
    figure_ : matplotlib Figure
        Figure that contains them.
    true_bars_ : BarContainer or None
        Bars of the true events, in the order of ``true_events`` (of the videos that are drawn).
    predicted_bars_ : BarContainer
        Bars of the predicted events.
    marks_ : BarContainer or None
        Marks of the times where true and predicted events differ.
    curves_ : list of StepPatch
        Curves of the probabilities, one a video; empty without `probabilities`.
    texts_ : list of Text
        The labels that fitted on their bars.
    legend_ : Legend or None
        What marks and curves mean, and the classes that some bar has no room to name.

    See Also
    --------
    ave_sklearn.metrics.event_report : Precision, recall and F1 of each label's events.

    Examples
    --------
    >>> from ave_sklearn.inspection import EventTimelineDisplay
    >>> y_true = [["background", "dog", "dog", "dog", "background"]]
    >>> y_pred = [["background", "background", "dog", "dog", "cat"]]
    >>> display = EventTimelineDisplay.from_predictions(y_true, y_pred, videos=["a.mp4"])
    >>> [text.get_text() for text in display.texts_]
    ['dog', 'dog', 'cat']
    >>> [(mark.get_x(), mark.get_width()) for mark in display.marks_]  # doctest: +NORMALIZE_WHITESPACE
    [(np.float64(1.0), np.float64(1.0)), (np.float64(4.0), np.float64(1.0))]
    """

    def __init__(
        self,
        *,
        predicted_events: pd.DataFrame,
        true_events: pd.DataFrame | None = None,
        videos: Sequence[Any],
        classes: Sequence[Any],
        seconds: float,
        probabilities: NDArray[np.floating[Any]] | None = None,
        hop_seconds: float = 1.0,
        n_videos: int | None = None,
    ) -> None:
        self.predicted_events = predicted_events
        self.true_events = true_events
        self.videos = videos
        self.classes = classes
        self.seconds = seconds
        self.probabilities = probabilities
        self.hop_seconds = hop_seconds
        self.n_videos = n_videos

    # ---------------------------------------------------------------- making
    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Features,
        y: ArrayLike | None = None,
        *,
        videos: ArrayLike | None = None,
        n_videos: int | None = 8,
        show_proba: bool = False,
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Predict the events of videos, and draw them below the true ones.

        Parameters
        ----------
        estimator : object
            A fitted localizer, or a pipeline or search that ends in one.
        X : AVFeatures of n videos, or what else its ``predict`` takes
        y : array-like of shape (n, T), default=None
            True labels of the segments, text or numbers, or their one-hot form (n, T, C), read as ``score`` reads
            them; (T,) is one video. None draws predictions alone.
        videos : array-like of shape (n,), default=None
            Names of the videos; 0, 1, ... if None.
        n_videos : int or None, default=8
            How many videos are drawn, the first ones, and predicted (of a dict all are predicted). None is all.
        show_proba : bool, default=False
            Whether to draw the probability of the likeliest event below each prediction.
        segment_seconds : float, default=1.0
            Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
        hop_seconds : float, default=None
            Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
            ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        display : EventTimelineDisplay

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        ValueError
            If `y` holds no segment labels (but proportions, or categories of videos), it or `videos` are not as many
            as the videos of `X`, `n_videos` is no positive integer, or `segment_seconds` or `hop_seconds` is not
            positive.

        Examples
        --------
        >>> from ave_sklearn import PSPLocalizer
        >>> from ave_sklearn.datasets import make_av_events
        >>> from ave_sklearn.inspection import EventTimelineDisplay
        >>> X, y = make_av_events(n_videos=40, random_state=0)
        >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X[:30], y[:30])
        >>> display = EventTimelineDisplay.from_estimator(localizer, X[30:], y[30:], n_videos=3, show_proba=True)
        >>> display.ax_.get_xlabel(), len(display.curves_)
        ('seconds', 3)
        """
        check_is_fitted(estimator)
        n_all, first = first_rows(X, check_n_videos(n_videos))
        y_pred = np.asarray(estimator.predict(first))
        y_proba = probabilities_of(estimator, first) if show_proba else None
        if y_pred.ndim == 1:  # of one label a one-segment video
            y_pred, y_proba = y_pred[:, None], None if y_proba is None else y_proba[:, None]
        n_all = len(y_pred) if n_all is None else n_all
        y_true = None if y is None else read_true(y, estimator, n_all, y_pred.shape[1])
        classes, background = find_attribute(estimator, "classes_"), fitted_background(estimator)
        if not any(background in labels.tolist() for labels in (classes, np.unique(y_pred if y is None else y_true))):
            background = None  # it marks nothing here
        return cls._from_rows(
            y_true,
            y_pred,
            y_proba,
            background=background,
            classes=classes,
            videos=read_names(videos, n_all),
            n_videos=n_videos,
            hop_seconds=check_grid(segment_seconds, hop_seconds).hop_seconds,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike | None,
        y_pred: ArrayLike,
        *,
        y_proba: ArrayLike | None = None,
        background: Label | None = "background",
        classes: ArrayLike | None = None,
        videos: ArrayLike | None = None,
        n_videos: int | None = 8,
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw predicted labels below the true ones.

        Parameters
        ----------
        y_true : array-like of shape (n, T), or None
            True labels of the segments, text or numbers, or their one-hot form (n, T, C) with the labels
            0 to C - 1. None draws predictions alone. (T,) is one video; labels of n videos of one segment are
            ``y[:, None]``.
        y_pred : array-like of shape (n, T)
            Predicted labels, in the same forms.
        y_proba : array-like of shape (n, T, C), default=None
            Probability of each class in each segment, with columns in the order of `classes`. The greatest of those
            that are not background is drawn below each prediction.
        background : label or None, default="background"
            The label which is no event; None if there is none.
        classes : array-like of shape (C,), default=None
            Labels in the order in which they take the colours, so that several pictures have the same; background may
            be among them. Other labels that occur come behind them. All that occur, sorted, if None.
        videos : array-like of shape (n,), default=None
            Names of the videos; 0, 1, ... if None.
        n_videos : int or None, default=8
            How many videos are drawn, the first ones. None is all.
        segment_seconds : float, default=1.0
            Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
        hop_seconds : float, default=None
            Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
            ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        display : EventTimelineDisplay

        Raises
        ------
        ValueError
            If the shapes of `y_true` and `y_pred` differ, they hold no labels (missing values, proportions), `videos`
            does not name each video once, `y_proba` has another shape than (n, T, C) or is not within [0, 1],
            `background` is text and the labels are numbers or the other way round, `n_videos` is no positive integer,
            or `segment_seconds` or `hop_seconds` is not positive.

        Examples
        --------
        >>> from ave_sklearn.inspection import EventTimelineDisplay
        >>> display = EventTimelineDisplay.from_predictions(None, [[28, 28, 3, 3]], background=28, hop_seconds=0.5)
        >>> [(bar.get_x(), bar.get_width()) for bar in display.predicted_bars_]
        [(np.float64(1.0), np.float64(1.0))]
        """
        if y_true is None:
            y_pred = read_rows(y_pred, "y_pred")
        else:
            y_true, y_pred = read_label_pair(y_true, y_pred, read_rows)
        if y_pred.size == 0:
            raise ValueError(f"y_pred must have at least one segment; got the shape {y_pred.shape}.")
        classes = None if classes is None else read_classes(classes, y_pred)
        return cls._from_rows(
            y_true,
            y_pred,
            None if y_proba is None else check_proba(y_proba, y_pred, classes),
            background=background,
            classes=classes,
            videos=read_names(videos, len(y_pred)),
            n_videos=check_n_videos(n_videos),
            hop_seconds=check_grid(segment_seconds, hop_seconds).hop_seconds,
            ax=ax,
        )

    @classmethod
    def from_events(
        cls,
        true_events: pd.DataFrame | None,
        predicted_events: pd.DataFrame,
        *,
        videos: ArrayLike | None = None,
        n_videos: int | None = 8,
        classes: ArrayLike | None = None,
        seconds: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw tables of events, as ``predict_events``, ``read_events`` and ``to_events`` give them.

        Events of one row that overlap are drawn over each other.

        Parameters
        ----------
        true_events : DataFrame or None
            The columns ``filename``, ``onset``, ``offset`` (seconds) and ``event_label``; a ``score`` is not looked
            at. A row of a file name alone is a video without events. None draws predictions alone.
        predicted_events : DataFrame
            The same of the predicted events.
        videos : array-like of names, default=None
            The videos to draw, in this order, one without events too. All of both tables if None, in the order in
            which they come.
        n_videos : int or None, default=8
            How many videos are drawn, the first ones. None is all.
        classes : array-like of labels, default=None
            Labels in the order in which they take the colours. Others that occur come behind them.
        seconds : float, default=None
            Where the x axis ends; where the last of the events drawn ends if None.
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        display : EventTimelineDisplay

        Raises
        ------
        ValueError
            If a table lacks a column or holds a row that is no event, no video of one is in the other, `videos` does
            not name each video once, or `n_videos` or `seconds` is not positive.

        Examples
        --------
        >>> from ave_sklearn.datasets import to_events
        >>> from ave_sklearn.inspection import EventTimelineDisplay
        >>> events = to_events([["background", "dog", "dog", "cat"]], ["a.mp4"])
        >>> display = EventTimelineDisplay.from_events(events, events[:1])
        >>> [(mark.get_x(), mark.get_width()) for mark in display.marks_]
        [(np.float64(3.0), np.float64(1.0))]
        """
        n_videos, predicted = check_n_videos(n_videos), read_events_table(predicted_events, "predicted_events")
        true = None if true_events is None else read_events_table(true_events, "true_events")
        check_kinds(true_events=true, predicted_events=predicted)
        classes = None if classes is None else read_classes(classes, labels_of(predicted))
        names = names_of_tables(true, predicted) if videos is None else read_names(videos)
        tables = [None if table is None else rows_of_videos(table, names[:n_videos]) for table in (true, predicted)]
        ends = [table["offset"].max() for table in tables if table is not None and len(table)]
        display = cls(
            true_events=tables[0],
            predicted_events=tables[1],
            videos=names[:n_videos],
            classes=labels_in_order(classes, *(labels_of(table) for table in (true, predicted) if table is not None)),
            seconds=max(ends, default=1.0) if seconds is None else check_positive(seconds, "seconds"),
            n_videos=len(names),
        )
        return display.plot(ax=ax)

    @classmethod
    def _from_rows(cls, y_true, y_pred, y_proba, *, background, classes, videos, n_videos, hop_seconds, ax):
        """Draw labels (n, T) that have been read; of y_pred, and of y_proba (n, T, C), the first rows suffice."""
        names, labels = videos[:n_videos], [y_pred] if y_true is None else [y_true, y_pred]
        options = {"background": background, "hop_seconds": hop_seconds, "videos": names}
        tables = [segments_to_events(y[: len(names)], **options) for y in labels]
        known = labels_in_order(classes, *(y.ravel() for y in labels))
        if y_proba is not None:
            is_event = [label != background for label in classes.tolist()]
            y_proba = y_proba[: len(names), :, np.flatnonzero(is_event)].max(axis=2, initial=0)
        display = cls(
            true_events=tables[0] if len(tables) == 2 else None,
            predicted_events=tables[-1],
            videos=names,
            classes=[label for label in known if label != background],
            seconds=y_pred.shape[1] * hop_seconds,
            probabilities=y_proba,
            hop_seconds=hop_seconds,
            n_videos=len(videos),
        )
        return display.plot(ax=ax)

    # --------------------------------------------------------------- drawing
    def plot(self, *, ax: Axes | None = None) -> Self:
        """Draw the timelines.

        The legend stands above the axes. So set a title by ``display.figure_.suptitle``, and make a figure of your own
        with ``layout="constrained"``, which leaves room for it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure if None.

        Returns
        -------
        display : EventTimelineDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        rows, pitch = self._rows()
        height = pitch * len(self.videos)
        is_new = ax is None
        self.ax_ = axes_of(ax, figsize=(WIDTH, height + 0.9))
        self.figure_ = self.ax_.figure
        self._draw_axes(rows, pitch, height)
        true = None if self.true_events is None else self._draw_bars(self.true_events, rows["T"], pitch)
        self.true_bars_, self.predicted_bars_ = true, self._draw_bars(self.predicted_events, rows["P"], pitch)
        self.marks_ = None if true is None else self._draw_marks(rows["mark"], pitch)
        self.curves_ = [] if self.probabilities is None else self._draw_curves(rows["curve"], pitch)
        left_out = self._write_labels()
        self.legend_ = self._draw_legend(left_out, is_new)
        return self

    def _rows(self):
        """Return top and height of each row within a video, a dict, and the height of a video."""
        heights = {"T": BAR, "P": BAR, "curve": CURVE, "mark": MARK}
        if self.true_events is None:
            del heights["T"], heights["mark"]
        if self.probabilities is None:
            del heights["curve"]
        rows, top = {}, GAP / 2
        for name, height in heights.items():
            rows[name] = (top, height)
            top += height + SPACE
        return rows, top - SPACE + GAP / 2

    def _draw_axes(self, rows, pitch, height):
        """Set limits and labels of the axes; a line of the grid for some of the seconds."""
        from matplotlib.ticker import MaxNLocator

        named = next(iter(rows))  # the first row of a video has its name
        ticks = {
            i * pitch + rows[row][0] + rows[row][1] / 2: f"{_short(name)}  {row}" if row == named else row
            for i, name in enumerate(self.videos)
            for row in ("T", "P")
            if row in rows
        }
        margin = EDGE * self.seconds
        n_shown, n_all = len(self.videos), self.n_videos or 0
        ylabel = f"the first {n_shown} of {n_all} videos" if n_all > n_shown else ""
        ax, limits = self.ax_, {"xlim": (-margin, self.seconds + margin), "ylim": (height, 0)}
        ax.set(**limits, xlabel="seconds", ylabel=ylabel, axisbelow=True)
        ax.set_yticks(list(ticks), list(ticks.values()), parse_math=False)
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=11, steps=[1, 2, 5, 10]))
        ax.grid(axis="x", color=GRID, linewidth=0.6)
        ax.hlines(pitch * np.arange(n_shown), 0, 1, GRID, linewidth=0.6, transform=ax.get_yaxis_transform())
        ax.spines[["top", "right", "left"]].set_visible(False)

    def _draw_bars(self, events, row, pitch):
        """Draw the events of a table, each a bar."""
        looks = self._looks()
        looks = pd.DataFrame([looks[label] for label in events["event_label"].tolist()], columns=LOOK)
        return self.ax_.barh(
            _positions(events["filename"], self.videos) * pitch + row[0],
            (events["offset"] - events["onset"]).to_numpy(),
            left=events["onset"].to_numpy(),
            height=row[1],
            align="edge",
            linewidth=0.8,
            color=looks["facecolor"].tolist(),
            edgecolor=looks["edgecolor"].tolist(),
            hatch=looks["hatch"].tolist(),
        )

    def _looks(self):
        """Return how the bars of each class are filled: another hatch for each round of the colours."""
        colors, looks = class_colors(self.classes), {}
        for i, (label, color) in enumerate(colors.items()):
            hatch = HATCHES[i // len(CLASS_COLORS) % len(HATCHES)]
            looks[label] = dict(zip(LOOK, (color, text_color(color) if hatch else INK, hatch), strict=True))
        return looks

    def _draw_marks(self, row, pitch):
        """Mark the times at which true and predicted events differ."""
        wrong = []
        for i, name in enumerate(self.videos):
            tables = [events[events["filename"] == name] for events in (self.true_events, self.predicted_events)]
            wrong += [(i, start, stop) for start, stop in _differences(*tables)]
        video, start, stop = np.array(wrong).reshape(-1, 3).T
        return self.ax_.barh(
            video * pitch + row[0], stop - start, left=start, height=row[1], align="edge", color=INK, linewidth=0
        )

    def _draw_curves(self, row, pitch):
        """Draw the probabilities of each video as steps, below a dotted line at 1."""
        edges = np.arange(self.probabilities.shape[1] + 1) * self.hop_seconds
        bottoms = np.arange(len(self.videos)) * pitch + sum(row)
        self.ax_.hlines(bottoms - row[1], 0, self.seconds, color=QUIET, linewidth=0.6, linestyle="dotted")
        return [
            self.ax_.stairs(
                bottom - row[1] * values, edges, baseline=bottom, fill=True, fc=AREA, ec=QUIET, linewidth=0.8
            )
            for bottom, values in zip(bottoms, self.probabilities, strict=True)
        ]

    def _write_labels(self):
        """Write the labels on the bars where they fit; return the classes of the others, in their order."""
        bars = [*(self.true_bars_ or ()), *self.predicted_bars_]
        tables = [table for table in (self.true_events, self.predicted_events) if table is not None]
        labels = [label for table in tables for label in table["event_label"].tolist()]
        texts = [self._write(bar, label) for bar, label in zip(bars, labels, strict=True)]
        self.figure_.figure.draw_without_rendering()  # puts the axes where they will be
        fits = [_fits(text, bar) for text, bar in zip(texts, bars, strict=True)]
        self.texts_ = [text for text, fit in zip(texts, fits, strict=True) if fit]
        for text, fit in zip(texts, fits, strict=True):
            if not fit:
                text.remove()
        missing = {label for label, fit in zip(labels, fits, strict=True) if not fit}
        return [label for label in self.classes if label in missing]

    def _write(self, bar, label) -> Text:
        """Write a label in the middle of its bar, on a plate: white below black, so that it can be read in grey too."""
        center = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
        color = text_color(bar.get_facecolor())
        ground = "#ffffff" if color == "#000000" else bar.get_facecolor()
        return self.ax_.text(
            *center,
            str(label),
            color=color,
            size=FONT_SIZE,
            ha="center",
            va="center_baseline",
            bbox={"boxstyle": "round,pad=0.15", "facecolor": ground, "edgecolor": "none"},
            clip_on=True,
            parse_math=False,
        )

    def _draw_legend(self, left_out, is_new):
        """Draw the legend above the axes: the classes that are `left_out`, and what is no bar."""
        from matplotlib.patches import Patch

        looks = self._looks()
        entries = [(str(label), looks[label]) for label in left_out]
        if self.marks_ is not None and len(self.marks_):
            entries.append((DIFFER, {"facecolor": INK}))
        if self.curves_:
            entries.append((CURVE_NAME, {"facecolor": AREA, "edgecolor": QUIET}))
        if not entries:
            return None
        n_columns, n_lines = _columns([name for name, _ in entries], self.ax_)
        if is_new:
            self.figure_.set_figheight(self.figure_.get_figheight() + 0.2 * n_lines)
        handles = [Patch(**style) for _, style in entries]
        place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "ncols": n_columns}
        legend = self.ax_.legend(handles, ["-"] * len(entries), frameon=False, fontsize=FONT_SIZE, **place)
        for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
            text.set(text=name, parse_math=False)  # here, because a legend leaves out names that begin with "_"
        return legend


def _short(name):
    """Return a video's name as text, the end of a long one; a number is told from labels that are numbers."""
    text = name if isinstance(name, str) else f"video {name}"
    return text if len(text) <= LONGEST_NAME else "\u2026" + text[1 - LONGEST_NAME :]


def _positions(names, videos):
    """Return where in the list of videos each name stands."""
    return names.map({name: i for i, name in enumerate(videos)}).to_numpy(dtype=int)


def _differences(true, predicted):
    """Return the longest times, pairs of onset and offset, at which two tables of one video have other labels."""
    edges = np.unique(np.concatenate([table[["onset", "offset"]].to_numpy().ravel() for table in (true, predicted)]))
    spans = []
    for start, stop in zip(edges[:-1], edges[1:], strict=True):
        middle = (start + stop) / 2
        if stop - start <= TIME_TOLERANCE or _labels_at(true, middle) == _labels_at(predicted, middle):
            continue
        if spans and start - spans[-1][1] <= TIME_TOLERANCE:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _labels_at(events, time):
    """Return the labels of the events that are on at a time, as a set."""
    return set(events["event_label"][(events["onset"] <= time) & (time < events["offset"])])


def _fits(text, bar):
    """Whether a text stands within its bar, as both will be drawn."""
    inner, outer = text.get_window_extent(), bar.get_window_extent()
    return inner.width + 4 <= outer.width and inner.height <= outer.height


def _columns(names, ax):
    """Return into how many columns and lines of a legend the names go, within the width of the axes."""
    points = ax.get_window_extent().width / ax.figure.dpi * 72
    longest = max(map(len, names)) + 6  # a patch and a space beside it
    n_columns = min(len(names), max(1, int(points / (0.55 * FONT_SIZE * longest))))
    return n_columns, -(-len(names) // n_columns)
