"""Clips of videos: labels from the events of the whole, and their segments put together again."""

import numpy as np
import pandas as pd

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._event_lists import (
    check_options,
    encode_labels,
    known_events,
    mark_segments,
    repeat_ranges,
    warn_unmarked,
)
from ave_sklearn.datasets._event_rows import name_row

LACKING = 0.6  # share of a segment that an event may take although the features lack it; a label needs half
SLACK = 0.1  # seconds at the end of a video, beside half a window; clips leave out up to 0.05


def clip_labels(events, clips, n_segments, skipped, *, grid=WHOLE_SECONDS, background="background", min_overlap=0.5):
    """Label the segments of clips by the events of the videos that they are cut from.

    Segment t of a clip that begins at s stands for the time from ``s + t * hop_seconds`` to
    ``s + (t + 1) * hop_seconds``. Memory goes with the segments of all clips together, wherever in their videos they
    lie.

    Parameters
    ----------
    events : DataFrame
        Of `read_events`; times are from the beginning of the video.
    clips : DataFrame of n_clips rows
        Of `read_features`. Segments of which half the window or more lies in the padding are background, and events
        end with the video.
    n_segments : int
    skipped : set of str
        Videos of which clips were skipped.
    grid : Grid
    background, min_overlap
        As in `to_segments`.

    Returns
    -------
    y : ndarray of shape (n_clips, n_segments)

    Raises
    ------
    ValueError
        If an event lies behind the end of its video, or `to_segments` would refuse it; if a clip does not begin at a
        multiple of the hop.

    Warns
    -----
    UserWarning
        If an event lies in a clip that was skipped, or is too short to mark any segment.
    """
    min_overlap = as_decimal(min_overlap)
    check_options(n_segments, min_overlap)
    hop, ends = grid.hop_seconds, video_ends(clips, n_segments, grid)
    segments = _first_segments(clips, grid)[:, None] + np.arange(n_segments)
    row_length = segments.max() + 3  # numbers all segments of all videos; two of each lie behind every clip
    cells = ends.index.get_indexer(clips["filename"])[:, None] * row_length + segments
    there = np.unique(cells)
    given = known_events(events, ends.index)
    events = _end_with_videos(given, ends.to_numpy())
    near = events.assign(**{name: np.minimum(events[name], row_length * hop) for name in ("onset", "offset")})
    row = near["video"].to_numpy() * row_length
    spans = np.floor(near["onset"] / hop), np.ceil(near["offset"] / hop)
    begin, end = (row + np.minimum(numbers, row_length - 1).to_numpy(int) for numbers in spans)
    stop = there[np.searchsorted(there, row + row_length) - 1] + 1
    stop_seconds = (stop - row) * hop
    is_absent = _lack_segments(near, begin, end, stop, there, hop) | _go_on_behind(events, stop_seconds, grid)
    _tell_absent(given[is_absent], skipped)
    codes, labels = encode_labels(given, background)
    event, position = repeat_ranges(np.searchsorted(there, begin), np.searchsorted(there, end))
    in_video = ~_is_padding(there, row_length, ends.to_numpy(), grid)[position]
    marks = mark_segments(near, codes, event[in_video], there[position[in_video]] % row_length, min_overlap, hop)
    is_unmarked = ~np.isin(np.arange(len(given)), marks["event"]) & ~is_absent
    counts = (given["onset"] < stop_seconds) | (given["offset"] - given["onset"] >= LACKING * hop - TIME_TOLERANCE)
    warn_unmarked(given[is_unmarked & counts], min_overlap, hop)
    code_of = np.zeros(len(there), int)
    code_of[np.searchsorted(there, marks["video"] * row_length + marks["segment"])] = marks["code"]
    return labels[code_of[np.searchsorted(there, cells)]]


def video_ends(clips, n_segments, grid):
    """Return when videos end, as far as the padding of their clips tells.

    Parameters
    ----------
    clips : DataFrame of n_clips rows
        Columns ``filename``, ``start`` and, where clips are padded, ``padding`` (seconds).
    n_segments : int
    grid : Grid

    Returns
    -------
    ends : Series of float
        In seconds, by the names of the videos, in the order of the clips; infinite where nothing is padded.
    """
    padding = clips.get("padding", pd.Series(0.0, index=clips.index))
    ends = (clips["start"] + grid.span(n_segments) - padding).where(padding > 0, np.inf)
    return ends.groupby(clips["filename"], sort=False).min()


def _first_segments(clips, grid):
    """Return the number of the segment that each clip begins with, ndarray of int of shape (n_clips,)."""
    numbers = [grid.number_at(start) for start in clips["start"]]
    if None in numbers:
        wrong = clips.iloc[numbers.index(None)]
        raise ValueError(
            f"{wrong['filename']}: a clip begins at {wrong['start']:g} s, which is no multiple of "
            f"hop_seconds={grid.hop_seconds:g}."
        )
    return np.array(numbers)


def _end_with_videos(events, ends):
    """Return events that end with their videos; one that begins behind the end of its video lasts no time."""
    offset = np.minimum(events["offset"], ends[events["video"].to_numpy()])
    return events.assign(offset=np.maximum(offset, events["onset"]))


def _is_padding(there, row_length, ends, grid):
    """Tell of which segments half the window or more lies behind the end of the video.

    Parameters
    ----------
    there : ndarray of int of shape (n,)
        Numbers of segments, `row_length` for each video.
    row_length : int
    ends : ndarray of shape (n_videos,)
        Of `video_ends`.
    grid : Grid
    """
    video, segment = np.divmod(there, row_length)
    return segment * grid.hop_seconds + grid.segment_seconds / 2 >= ends[video] - TIME_TOLERANCE


def _lack_segments(events, begin, end, stop, there, hop):
    """Tell which events lack features of a segment before the end of the video, and more of it than they may.

    Parameters
    ----------
    events : DataFrame of n_events rows
    begin, end : ndarrays of shape (n_events,)
        Numbers of the first segment that an event touches, and of that behind its last.
    stop : ndarray of shape (n_events,)
        Numbers of the segments at which the features of the events' videos end.
    there : sorted ndarray of int
        Numbers of the segments that the features have.
    hop : float
    """
    onset, offset = (events[name].to_numpy() / hop for name in ("onset", "offset"))
    in_first = np.minimum(offset, np.floor(onset) + 1) - onset
    in_last = offset - np.maximum(onset, np.ceil(offset) - 1)
    lacks_first, lacks_last = (begin < stop) & ~np.isin(begin, there), (end <= stop) & ~np.isin(end - 1, there)
    inner = np.minimum(end, stop)
    n_lacking = inner - begin - (np.searchsorted(there, inner) - np.searchsorted(there, begin))
    lacks_whole = n_lacking > lacks_first.astype(int) + (lacks_last & (end - 1 > begin))
    least = LACKING - TIME_TOLERANCE / hop
    return lacks_whole | (lacks_first & (in_first >= least)) | (lacks_last & (in_last >= least))


def _go_on_behind(events, stop, grid):
    """Tell which events go on behind the second `stop` of their videos for longer than what clips leave out there."""
    least = grid.segment_seconds / 2 + SLACK - TIME_TOLERANCE
    return (events["offset"] - np.maximum(events["onset"], stop)).to_numpy() >= least


def _tell_absent(events, skipped):
    """Refuse events that lie behind the end of their video; warn of those in clips that were skipped."""
    is_skipped = events["filename"].isin(skipped)
    behind = events[~is_skipped]
    if len(behind):
        first = behind.iloc[0]
        raise ValueError(
            f"{name_row(behind.index, 0)}: the event ends at {first['offset']:g} s, but the features of "
            f"{first['filename']!r} end before."
        )
    if len(events):
        first = events.iloc[0]
        warn_user(
            f"{len(events)} of the events lie in clips that were skipped, wholly or in part, first "
            f"{first['event_label']!r} in {first['filename']!r} from {first['onset']:g} to {first['offset']:g} s.",
        )


def join_clips(values, clips, grid=WHOLE_SECONDS):
    """Join what belongs to the segments of clips that follow each other.

    Of segments that two clips share the earlier clip decides. Those that begin behind the end of their video, in the
    padding, are left out.

    Parameters
    ----------
    values : ndarray of shape (n_clips, n_segments, ...)
    clips : DataFrame of n_clips rows
        Columns ``filename``, ``start`` and, where clips are padded, ``padding``.
    grid : Grid

    Yields
    ------
    filename : str
    first : int
        Number of the segment with which the stretch begins; a file has several where clips in between are missing.
    joined : ndarray of shape (n_joined, ...)

    Raises
    ------
    ValueError
        If a clip does not begin at a multiple of the hop.
    """
    n_segments = values.shape[1]
    segments = _first_segments(clips, grid)[:, None] + np.arange(n_segments)
    ends = video_ends(clips, n_segments, grid)
    rows_of = clips.groupby("filename").indices
    for filename, end in ends.items():
        rows = rows_of[filename][np.argsort(segments[rows_of[filename], 0], kind="stable")]
        numbers, chosen = np.unique(segments[rows], return_index=True)  # the first of equal ones: the earlier clip's
        is_before = numbers * grid.hop_seconds < end - TIME_TOLERANCE
        numbers, joined = numbers[is_before], values[rows].reshape(-1, *values.shape[2:])[chosen[is_before]]
        borders = [0, *np.flatnonzero(np.diff(numbers) > 1) + 1, len(numbers)]
        for begin, stop in zip(borders, borders[1:], strict=False):
            if stop > begin:
                yield filename, int(numbers[begin]), joined[begin:stop]
