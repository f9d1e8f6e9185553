"""Event lists: read from files, turned into segment labels and back."""

from __future__ import annotations

import numbers
import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ave_sklearn._checks import check_positive_integer, first_few
from ave_sklearn._targets.events import segments_to_events
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._targets.labels import as_array, is_background, read_labels
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._event_rows import check_frame, name_row, name_rows, read_table
from ave_sklearn.datasets._names import equal_names, nearest, refuse_near

if TYPE_CHECKING:
    from typing import Any, Literal

    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Label, PathLike

__all__ = ["read_events", "to_events", "to_segments"]


def read_events(file: PathLike) -> pd.DataFrame:
    r"""Read an event list: a row an event, with the columns that sed_eval and the DCASE challenges use.

    The first line names the columns ``filename``, ``onset``, ``offset`` (seconds), ``event_label`` and, if wanted,
    ``score``, in any order. They are separated by commas, tabs or semicolons, whichever the first line has. Blanks
    around a field are dropped, blank lines are skipped. A row with a file name alone says that this file holds no
    event. ``video`` and ``probability`` are read as older names of ``filename`` and ``score``.

    Parameters
    ----------
    file : str or path
        UTF-8 text.

    Returns
    -------
    events : DataFrame
        The rows of the file, in its order, with the columns ``filename`` (str), ``onset`` and ``offset`` (float),
        ``event_label`` (str) and, if the file has it, ``score`` (float). Of a file without events ``onset`` and
        ``offset`` are NaN and ``event_label`` is missing.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, no UTF-8 text or has no header; if a column is missing, unknown or there twice; if a row
        has too many or too few fields, no file name or half an event; if a time is not a number or negative, or an
        event does not end after its onset. The message names the file and the line.

    See Also
    --------
    to_segments : Label the segments of videos by such events.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from ave_sklearn.datasets import read_events
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "events.csv")
    ...     _ = file.write_text("filename,onset,offset,event_label\n001.mp4,1.0,3.5,dog\n")
    ...     read_events(file)
      filename  onset  offset event_label
    0  001.mp4    1.0     3.5         dog
    """
    return read_table(file).reset_index(drop=True)


def to_segments(
    events: pd.DataFrame,
    videos: ArrayLike,
    *,
    n_segments: int,
    segment_seconds: float = 1.0,
    hop_seconds: float | None = None,
    background: Label = "background",
    min_overlap: float = 0.5,
    unknown: Literal["raise", "ignore"] = "raise",
) -> NDArray[Any]:
    r"""Label the segments of videos by the events that they hold.

    Segment :math:`t` of a video stands for the time from :math:`t h` to :math:`(t + 1) h` seconds, where :math:`h` is
    ``hop_seconds``. It gets the label :math:`c` if the events :math:`e` of that label together cover enough of it:

    .. math:: \frac{1}{h} |[t h, (t + 1) h] \cap \bigcup_{e: label(e) = c} [onset_e, offset_e]| \ge min\_overlap

    The covered time may fall short by a tolerance of 1e-6 seconds, and an event must cover more than that of a segment
    to be in it. Times and numbers in float32 or float16 are first read as their shortest decimals: an event from 0.2 to
    0.7 covers half a second in float32 too.

    Parameters
    ----------
    events : DataFrame
        Columns and rows as `read_events` returns them; labels may also be integers.
    videos : array-like of shape (n_videos,)
        The ``filename`` of each row of the result. Videos without events are all background. Names are the same but
        for Unicode's forms of a letter, blanks at their ends, backslashes, doubled slashes and ``./``.
    n_segments : int
        Segments of a video.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part in the labels but as the default of `hop_seconds`.
        Events may last until the last window ends, and half a window longer.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
    background : label, default="background"
        The label of segments without an event.
    min_overlap : float, default=0.5
        The share of a segment, within [0, 1], that its event must cover; 0 stands for any time above zero.
    unknown : {"raise", "ignore"}, default="raise"
        What to do about events of files that are not among ``videos``. A name that nearly is that of a video
        without events, but for its case or suffix for example, is an error in either case.

    Returns
    -------
    y : ndarray of shape (n_videos, n_segments)
        Labels, text unless ``events`` and ``background`` are numbers.

    Raises
    ------
    ValueError
        If an argument is out of its range, a row of ``events`` is no event (see `read_events`), an event is called
        ``background``, ends more than half a window after the last one or is of an unknown file, if two labels
        claim one segment, or if a file name could be several videos. The message names the row or the names.

    Warns
    -----
    UserWarning
        If an event is too short to mark any segment.

    See Also
    --------
    to_events : The way back.

    Examples
    --------
    >>> import pandas as pd
    >>> from ave_sklearn.datasets import to_segments
    >>> events = pd.DataFrame({"filename": ["a"], "onset": [0.7], "offset": [2.5], "event_label": ["dog"]})
    >>> to_segments(events, ["a", "b"], n_segments=4).tolist()
    [['background', 'dog', 'dog', 'background'], ['background', 'background', 'background', 'background']]
    """
    videos, grid, min_overlap = _check_videos(videos), check_grid(segment_seconds, hop_seconds), as_decimal(min_overlap)
    check_options(n_segments, min_overlap, unknown)
    events = known_events(events, videos, unknown)
    _check_ends(events, n_segments, grid)
    hop = grid.hop_seconds
    codes, labels = encode_labels(events, background)
    marks = mark_segments(events, codes, *_pairs(events, n_segments, hop), min_overlap, hop)
    warn_unmarked(events[~np.isin(np.arange(len(events)), marks["event"])], min_overlap, hop)
    y = np.zeros((len(videos), n_segments), dtype=int)
    y[marks["video"], marks["segment"]] = marks["code"]
    return labels[y]


def to_events(
    y: ArrayLike,
    videos: ArrayLike | None = None,
    *,
    background: Label | None = "background",
    segment_seconds: float = 1.0,
    hop_seconds: float | None = None,
    scores: ArrayLike | None = None,
) -> pd.DataFrame:
    """List the events of segment labels: each maximal run of one label that is not background.

    Parameters
    ----------
    y : array-like of shape (n_videos, n_segments)
        Labels: int, str or object.
    videos : array-like of shape (n_videos,), default=None
        Names of the rows of ``y``; their numbers 0, 1, ... if None.
    background : label or None, default="background"
        The label which is no event; None if there is none, so that every segment belongs to an event.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
    scores : array-like of shape (n_videos, n_segments), default=None
        Probability of each segment's label, within [0, 1].

    Returns
    -------
    events : DataFrame
        One row an event, in the order of ``y``'s rows and then of time, with the columns ``filename``, ``onset``
        and ``offset`` (seconds), ``event_label`` and, if ``scores`` is given, ``score``: the mean of the run's.
        ``events.to_csv(file, index=False)`` writes what `read_events` reads.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, ``y`` holds no labels, ``background`` is text and the labels are numbers
        or the other way round, ``segment_seconds`` or ``hop_seconds`` is not positive, or a score lies outside [0, 1].

    See Also
    --------
    to_segments : The way back.

    Examples
    --------
    >>> from ave_sklearn.datasets import to_events
    >>> to_events([["background", "dog", "dog", "cat"]], ["a.mp4"])
      filename  onset  offset event_label
    0    a.mp4    1.0     3.0         dog
    1    a.mp4    3.0     4.0         cat
    """
    grid = {"segment_seconds": segment_seconds, "hop_seconds": hop_seconds}
    return segments_to_events(y, background=background, **grid, scores=scores, videos=videos)


def _check_videos(videos):
    """Return the names of the videos as an Index; those of pathlib as text."""
    if not isinstance(videos, str):
        videos = [os.fspath(name) if isinstance(name, os.PathLike) else name for name in videos]
    names = as_array(videos, "videos")
    if names.ndim != 1:
        raise ValueError(f"videos must be a list of names; got the shape {names.shape}.")
    names = pd.Index(names.tolist())
    if names.has_duplicates:
        raise ValueError(f"videos must name each video once; got {names[names.duplicated()][0]!r} again.")
    return names


def check_options(n_segments, min_overlap, unknown="raise"):
    """Refuse options of `to_segments` that are out of their range."""
    check_positive_integer(n_segments, "n_segments")
    if not isinstance(min_overlap, numbers.Real) or not 0 <= min_overlap <= 1 + TIME_TOLERANCE:
        raise ValueError(f"min_overlap must be a number within [0, 1]; got {min_overlap!r}.")
    if unknown not in ("raise", "ignore"):
        raise ValueError(f"unknown must be 'raise' or 'ignore'; got {unknown!r}.")


def known_events(events, videos, unknown="raise"):
    """Return the rows that are events of known videos, checked; the column `video` is the number of the video."""
    events, videos = check_frame(events), videos.tolist()
    names = events["filename"].unique().tolist()
    same = equal_names(names, videos)
    strangers = [name for name in names if name not in same]
    if strangers and unknown == "raise":
        raise ValueError(
            f"events has {len(strangers)} file names that are not among the {len(videos)} videos: "
            f"{first_few(strangers)}; videos has {first_few(videos)}.{nearest(strangers, videos)} unknown='ignore' "
            "drops them."
        )
    refuse_near(names, videos, same, "events")
    number_of = {name: number for number, name in enumerate(videos)}
    of_video = [number_of[same[name]] if name in same else -1 for name in events["filename"]]
    events = events.assign(video=np.array(of_video, dtype=int))
    return events[(events["video"] >= 0) & events["event_label"].notna()]


def _check_ends(events, n_segments, grid):
    """Refuse events that end more than half a window after the last one, or half a segment where that is later."""
    until = max((n_segments + 0.5) * grid.hop_seconds, grid.span(n_segments) + 0.5 * grid.segment_seconds)
    late = events[events["offset"] > until + TIME_TOLERANCE]
    if len(late):
        row = late.iloc[0]
        apart = f", {grid.hop_seconds:g} s apart" if grid.hop_seconds != grid.segment_seconds else ""
        raise ValueError(
            f"{name_row(late.index, 0)}: the event ends at {row['offset']:g} s, but the video {row['filename']!r} "
            f"has {n_segments} segments of {grid.segment_seconds:g} s{apart}, {grid.span(n_segments):g} s together."
        )


def encode_labels(events, background):
    """Return the code of each event, from 1, and the labels by code, of which `background` is the first."""
    labels = read_labels(events["event_label"].to_numpy(), "event_label")
    named = np.flatnonzero(is_background(labels, background))
    if background is None or len(named):
        row = "" if background is None else f"{name_row(events.index, named[0])}: "
        raise ValueError(f"{row}background={background!r} must be the label of segments without an event.")
    classes, codes = np.unique(labels, return_inverse=True)
    first = np.array([background])
    return codes + 1, np.concatenate([first, classes]) if len(classes) else first


def _pairs(events, n_segments, hop):
    """Return which event, by its position, touches which segment: two arrays of shape (n_pairs,)."""
    onset, offset = (np.minimum(events[name] / hop, n_segments).to_numpy() for name in ("onset", "offset"))
    first = np.floor(onset).astype(int)
    return repeat_ranges(first, np.ceil(offset).astype(int))


def repeat_ranges(first, stop):
    """Return the whole numbers from `first` to before `stop` of each row, behind each other, and the rows' numbers.

    Returns
    -------
    row, number : ndarrays of shape ((stop - first).sum(),)
    """
    count = stop - first
    row = np.repeat(np.arange(len(first)), count)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(count) - count - first, count)


def mark_segments(events, codes, event, segment, min_overlap, hop=1.0):
    """List the segments that events mark as theirs.

    Parameters
    ----------
    events : DataFrame of n_events rows
        Of `known_events`.
    codes : ndarray of shape (n_events,)
        Of `encode_labels`.
    event, segment : ndarrays of shape (n_pairs,)
        Positions of events and numbers of segments that they touch; no others are looked at.
    min_overlap, hop : float

    Returns
    -------
    marks : DataFrame
        Columns ``video``, ``segment``, ``code``, ``event`` (its position) and ``share``: how much of the segment
        all events of this code cover. Sorted by the first three.

    Raises
    ------
    ValueError
        If two labels claim one segment.
    """
    touches = _touches(events, codes, event, segment, hop)
    marks = touches[touches["share"] * hop >= max(min_overlap * hop - TIME_TOLERANCE, TIME_TOLERANCE)]
    _check_one_label(marks, events, hop)
    return marks


def _touches(events, codes, event, segment, hop):
    """Return the pairs of `mark_segments` that share more time than the tolerance."""
    onset, offset = (events[name].to_numpy() / hop for name in ("onset", "offset"))
    uncovered = np.maximum(onset, _covered_until(events["video"], codes, onset, offset))
    stop, video = np.minimum(offset[event], segment + 1), events["video"].to_numpy()[event]
    touches = pd.DataFrame({"video": video, "segment": segment, "code": codes[event], "event": event})
    touches["share"] = np.maximum(stop - np.maximum(uncovered[event], segment), 0)
    touches = touches[(stop - np.maximum(onset[event], segment)) * hop > TIME_TOLERANCE]
    cell = ["video", "segment", "code"]
    return touches.assign(share=touches.groupby(cell)["share"].transform("sum")).sort_values(cell)


def _covered_until(video, codes, onset, offset):
    """Return until when events of the same label that begin before each event cover its video."""
    order = np.argsort(onset, kind="stable")
    ends = pd.DataFrame({"video": video.to_numpy()[order], "code": codes[order], "offset": offset[order]})
    by_label = ends.groupby(["video", "code"])["offset"]
    covered = np.empty(len(onset))
    covered[order] = by_label.cummax().groupby([ends["video"], ends["code"]]).shift(fill_value=0)
    return covered


def _check_one_label(marks, events, hop):
    """Refuse segments that are marked with two labels."""
    n_codes = marks.groupby(["video", "segment"])["code"].transform("nunique")
    clash = marks[n_codes > 1]
    if len(clash):
        video, segment = clash[["video", "segment"]].iloc[0]
        rows = events.iloc[np.sort(clash.loc[(clash["video"] == video) & (clash["segment"] == segment), "event"])]
        labels = " and ".join(map(repr, rows["event_label"].unique().tolist()))
        raise ValueError(
            f"{name_rows(rows.index)}: the segment from {segment * hop:g} to "
            f"{(segment + 1) * hop:g} s of {rows['filename'].iloc[0]!r} has the labels {labels}, but may have "
            "one. Mend the events, or raise min_overlap."
        )


def warn_unmarked(short, min_overlap, hop):
    """Warn of events that marked no segment."""
    if len(short):
        row = short.iloc[0]
        warn_user(
            f"{len(short)} of the events cover less than {min_overlap:g} of each segment of {hop:g} s, or lie "
            f"behind the last, and are lost: first {name_row(short.index, 0, 'row')}, {row['event_label']!r} in "
            f"{row['filename']!r} from {row['onset']:g} to {row['offset']:g} s.",
        )
