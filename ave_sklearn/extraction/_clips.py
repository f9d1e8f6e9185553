"""Clips of videos: labels from the events of the whole, and their seconds put together again."""

import numpy as np
import pandas as pd

from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets import to_segments

LEFT_OUT = 0.6  # seconds at the end of a video; clips leave out up to 0.55


def clip_labels(events, clips, n_segments, skipped, **options):
    """Label the segments of clips by the events of the videos that they are cut from.

    Parameters
    ----------
    events : DataFrame
        Of `read_events`; times are from the begin of the video.
    clips : DataFrame of n_clips rows
        Of `read_features`.
    n_segments : int
    skipped : set of str
        Videos of which clips were skipped.
    **options
        For `to_segments`.

    Returns
    -------
    y : ndarray of shape (n_clips, n_segments)

    Raises
    ------
    ValueError
        If an event lies behind the end of its video, or `to_segments` refuses it.

    Warns
    -----
    UserWarning
        If an event lies in a clip that was skipped.
    """
    starts = clips["start"].astype(int)
    videos = pd.Index(clips["filename"].unique())
    row = videos.get_indexer(clips["filename"])
    seconds = starts.to_numpy()[:, None] + np.arange(n_segments)
    is_there = np.zeros((len(videos), seconds.max() + 1), bool)
    is_there[row[:, None], seconds] = True
    _tell_absent(_absent(events, is_there[videos.get_indexer(events["filename"])]), skipped)
    events = events.assign(offset=events["offset"].clip(upper=is_there.shape[1]))
    y = to_segments(events[~(events["onset"] >= events["offset"])], videos, n_segments=is_there.shape[1], **options)
    return y[row[:, None], seconds]


def _absent(events, is_there):
    """Return the events of which the features lack more of a second than clips leave out at the end of a video.

    Parameters
    ----------
    events : DataFrame of n_events rows
    is_there : ndarray of bool, of shape (n_events, n_seconds)
        Which seconds of its video the features have.
    """
    second = np.arange(is_there.shape[1] + 1)
    is_there = np.column_stack([is_there, np.zeros(len(is_there), bool)])  # the last stands for all behind it
    onset, offset = events["onset"].to_numpy()[:, None], events["offset"].to_numpy()[:, None]
    stop = np.where(second < second[-1], second + 1, np.inf)
    length = np.minimum(offset, stop) - np.maximum(onset, second)  # how much of each second the event is
    return events[((length >= LEFT_OUT - TIME_TOLERANCE) & ~is_there).any(axis=1)]


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
        Columns ``filename`` and ``start``, in the order of time.

    Yields
    ------
    filename : str
    start : int
        Second at which the stretch begins; a file has several where clips in between are missing.
    joined : ndarray of shape (n_seconds, ...)
    """
    for filename, rows in clips.reset_index(drop=True).groupby("filename", sort=False):
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
