"""Clips of videos: labels from the events of the whole, and their seconds put together again."""

import numpy as np
import pandas as pd

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

LEFT_OUT = 0.6  # seconds at the end of a video; clips leave out up to 0.55


def clip_labels(events, clips, n_segments, skipped, *, background="background", min_overlap=0.5):
    """Label the segments of clips by the events of the videos that they are cut from.

    Memory goes with the seconds of all clips together, wherever in their videos they lie.

    Parameters
    ----------
    events : DataFrame
        Of `read_events`; times are from the begin of the video.
    clips : DataFrame of n_clips rows
        Of `read_features`.
    n_segments : int
    skipped : set of str
        Videos of which clips were skipped.
    background, min_overlap
        As in `to_segments`.

    Returns
    -------
    y : ndarray of shape (n_clips, n_segments)

    Raises
    ------
    ValueError
        If an event lies behind the end of its video, or `to_segments` would refuse it.

    Warns
    -----
    UserWarning
        If an event lies in a clip that was skipped, or is too short to mark any segment.
    """
    min_overlap = as_decimal(min_overlap)
    check_options(n_segments, min_overlap)
    videos = pd.Index(clips["filename"].unique())
    seconds = clips["start"].to_numpy().astype(int)[:, None] + np.arange(n_segments)
    row_length = seconds.max() + 3  # numbers all seconds of all videos; two of each lie behind every clip
    cells = videos.get_indexer(clips["filename"])[:, None] * row_length + seconds
    there = np.unique(cells)
    events = known_events(events, videos)
    spans = [np.minimum(times, row_length - 1) for times in (np.floor(events["onset"]), np.ceil(events["offset"]))]
    begin, end = (events["video"].to_numpy() * row_length + times.to_numpy(int) for times in spans)
    stop = there[np.searchsorted(there, (events["video"].to_numpy() + 1) * row_length) - 1] % row_length + 1
    is_absent = _is_absent(events, begin, end, stop, there)
    _tell_absent(events[is_absent], skipped)
    codes, labels = encode_labels(events, background)
    event, position = repeat_ranges(np.searchsorted(there, begin), np.searchsorted(there, end))
    marks = mark_segments(events, codes, event, there[position] % row_length, min_overlap)
    is_unmarked = ~np.isin(np.arange(len(events)), marks["event"])
    warn_unmarked(events[is_unmarked & ~is_absent & (events["onset"] < stop)], min_overlap, 1.0)
    code_of = np.zeros(len(there), int)
    code_of[np.searchsorted(there, marks["video"] * row_length + marks["segment"])] = marks["code"]
    return labels[code_of[np.searchsorted(there, cells)]]


def _is_absent(events, begin, end, stop, there):
    """Tell of which events the features lack more of a second than clips leave out at the end of a video.

    Parameters
    ----------
    events : DataFrame of n_events rows
    begin, end : ndarrays of shape (n_events,)
        Numbers of the first second that an event touches, and of that behind its last.
    stop : ndarray of shape (n_events,)
        Seconds at which the features of an event's video end.
    there : sorted ndarray of int
        Numbers of the seconds that the features have.
    """
    onset, offset = events["onset"].to_numpy(), events["offset"].to_numpy()
    behind = offset - np.maximum(onset, stop)
    in_first = np.minimum(offset, np.floor(onset) + 1) - onset
    in_last = offset - np.maximum(onset, np.ceil(offset) - 1)
    lacks_first, lacks_last = ~np.isin(begin, there), ~np.isin(end - 1, there)
    n_lacking = end - begin - (np.searchsorted(there, end) - np.searchsorted(there, begin))
    lacks_whole = n_lacking > lacks_first.astype(int) + (lacks_last & (end - 1 > begin))
    least = LEFT_OUT - TIME_TOLERANCE
    return lacks_whole | (lacks_first & (in_first >= least)) | (lacks_last & (in_last >= least)) | (behind >= least)


def _tell_absent(events, skipped):
    """Refuse events that lie behind the end of their video; warn of those in clips that were skipped."""
    is_skipped = events["filename"].isin(skipped)
    behind = events[~is_skipped]
    if len(behind):
        first = behind.iloc[0]
        raise ValueError(
            f"events, row {first.name!r}: the event ends at {first['offset']:g} s, but the features of "
            f"{first['filename']!r} end before."
        )
    if len(events):
        first = events.iloc[0]
        warn_user(
            f"{len(events)} of the events lie in clips that were skipped, wholly or in part, first "
            f"{first['event_label']!r} in {first['filename']!r} from {first['onset']:g} to {first['offset']:g} s.",
        )


def join_clips(values, clips):
    """Join what belongs to the seconds of clips that follow each other.

    Parameters
    ----------
    values : ndarray of shape (n_clips, n_segments, ...)
    clips : DataFrame of n_clips rows
        Columns ``filename`` and ``start``.

    Yields
    ------
    filename : str
    start : int
        Second at which the stretch begins; a file has several where clips in between are missing.
    joined : ndarray of shape (n_seconds, ...)
    """
    for filename, rows in clips.reset_index(drop=True).groupby("filename", sort=False):
        rows = rows.sort_values("start", kind="stable")
        begin = stop = int(rows["start"].iloc[0])
        parts = []
        for row, start in rows["start"].astype(int).items():
            if start > stop:
                yield filename, begin, np.concatenate(parts)
                begin = stop = start
                parts = []
            parts.append(values[row, stop - start :])
            stop = start + values.shape[1]
        yield filename, begin, np.concatenate(parts)


def pad_rows(rows, fill):
    """Return label sequences of different lengths as one array, the shorter ones filled up at their end."""
    n_columns = max(map(len, rows))
    return np.array([np.concatenate([row, np.full(n_columns - len(row), fill)]) for row in rows])
