"""Which videos can be used, which cannot, and what is said about both."""

import math
import os
import warnings
from collections import Counter
from numbers import Integral, Real

import pandas as pd

from ave_sklearn.extraction._log_mel import SAMPLE_RATE
from ave_sklearn.extraction._media import END_TOLERANCE, ExtractionError, check_length, probe

MOST_LINES = 10  # of a warning
PATH = str | os.PathLike


def check_clips(videos):
    """Return videos as a list of (path, start).

    Parameters
    ----------
    videos : array-like of paths or of pairs (path, start)
        Start is in seconds, 0 for a path alone.

    Returns
    -------
    clips : list of (str, float)

    Raises
    ------
    ValueError
        If it is one path, empty, or holds something else.
    """
    if isinstance(videos, PATH | bytes):
        raise ValueError(f"X must be a list of paths to videos; got the one path {os.fspath(videos)!r}: pass [path].")
    videos = list(videos)
    wrong = [video for video in videos if not isinstance(video, PATH) and not _is_clip(video)]
    if wrong or not videos:
        came = f"{wrong[0]!r:.60}" if wrong else "an empty list"
        raise ValueError(
            f"X must be a list of paths to videos, str or pathlib.Path, or of pairs (path, start); got {came}."
        )
    return [_as_clip(video) for video in videos]


def _is_clip(video):
    """Tell whether it is a pair of a path and a start in seconds."""
    is_pair = isinstance(video, tuple) and len(video) == 2 and isinstance(video[0], PATH)
    return is_pair and isinstance(video[1], Real) and 0 <= video[1] < math.inf


def _as_clip(video):
    path, start = (video, 0) if isinstance(video, PATH) else video
    return os.fspath(path), float(start)


def cut_clips(videos, n_segments=10):
    """Cut videos into clips of equal length, one after the other, for `VideoFeatureExtractor.transform`.

    The last clip of a video that is no whole number of clips long overlaps the one before it. Of the last second of a
    video less than half may be missing.

    Parameters
    ----------
    videos : list of paths
    n_segments : int, default=10
        Seconds of a clip.

    Returns
    -------
    clips : list of (str, float)
        The path and the start, in seconds, of each clip, in the order of the videos. Of a video that cannot be read,
        or is too short, there is one clip, from 0 on; the extractor then says what is wrong with it.

    Raises
    ------
    ValueError
        If `videos` is no list of paths, or `n_segments` no positive integer.

    Examples
    --------
    >>> from ave_sklearn.extraction import VideoFeatureExtractor, cut_clips
    >>> clips = cut_clips(["holiday.mp4"])  # doctest: +SKIP
    >>> clips  # doctest: +SKIP
    [('holiday.mp4', 0.0), ('holiday.mp4', 10.0), ('holiday.mp4', 17.0)]
    >>> X = VideoFeatureExtractor().transform(clips)  # doctest: +SKIP
    """
    if not isinstance(n_segments, Integral) or isinstance(n_segments, bool) or n_segments < 1:
        raise ValueError(f"n_segments must be a positive integer; got {n_segments!r}.")
    return [(path, start) for path, _ in check_clips(videos) for start in _clip_starts(path, n_segments)]


def _clip_starts(path, n_segments):
    """Return where the clips of a video begin, in seconds."""
    try:
        duration = probe(path).duration
    except ExtractionError:
        duration = None
    n_seconds = 0 if duration is None else math.ceil(duration - END_TOLERANCE)
    starts = [float(start) for start in range(0, n_seconds - n_segments + 1, n_segments)] or [0.0]
    rest = n_seconds - n_segments - starts[-1]
    return starts + [starts[-1] + rest] * (rest > 0)


def probe_all(clips, n_segments, on_error):
    """Read the headers of videos.

    Parameters
    ----------
    clips : list of (str, float)
    n_segments : int
        Seconds wanted of each.
    on_error : {"raise", "skip"}

    Returns
    -------
    report : DataFrame of len(clips) rows
        Columns ``filename``, ``start``, ``error`` and ``warning``, "" where there is nothing to say.

    Raises
    ------
    ExtractionError
        Listing the videos that cannot be used; with "skip" only if none can.
    """
    rows, errors = [], []
    n_clips = Counter(path for path, _ in clips)
    for path, start in clips:
        try:
            rows.append((path, start, "", _peculiarities(path, start, n_segments, n_clips[path] == 1)))
        except ExtractionError as error:
            rows.append((path, start, error.reason, ""))
            errors.append(str(error))
    if errors and (on_error == "raise" or len(errors) == len(clips)):
        raise ExtractionError(f"{len(errors)} of {len(clips)} videos cannot be used:\n" + "\n".join(errors))
    return pd.DataFrame(rows, columns=["filename", "start", "error", "warning"])


def _peculiarities(path, start, n_segments, is_alone):
    """Say what is unusual about a video that can be used, or raise an ExtractionError."""
    info = probe(path)
    notes = []
    if info.duration is not None:
        check_length(path, "it", info.duration, n_segments, start)
        if is_alone and not start and info.duration >= n_segments + 1:
            notes.append(f"of {info.duration:.1f} s the first {n_segments} are used")
    if info.sample_rate < SAMPLE_RATE:
        notes.append(f"sound of {info.sample_rate} Hz has nothing above {info.sample_rate // 2} Hz")
    return "; ".join(notes)


def tell(report, stacklevel):
    """Warn of what a finished report says, or raise an ExtractionError if no video could be used."""
    if (report["error"] != "").all():
        raise ExtractionError("none of the videos can be used:\n" + _lines(report, "error"))
    for column, what in (("error", "were skipped"), ("warning", "are used, but")):
        said = report[report[column] != ""]
        if len(said):
            message = f"{len(said)} of {len(report)} videos {what}:\n{_lines(said, column)}"
            warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


def _lines(report, column):
    """Write what a column of the report says of its videos, a line each."""
    lines = [f"{filename}: {text}" for filename, text in zip(report["filename"], report[column], strict=True)]
    more = [f"... and {len(lines) - MOST_LINES} more"] * (len(lines) > MOST_LINES)
    return "\n".join(lines[:MOST_LINES] + more)
