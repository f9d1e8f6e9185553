"""Report on videos: those that can be used, those that cannot, and what is said about both."""

from __future__ import annotations

import math
import os
from collections import Counter
from numbers import Real
from typing import TYPE_CHECKING

import pandas as pd

from ave_sklearn._checks import check_positive_integer, printable
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction._log_mel import SAMPLE_RATE
from ave_sklearn.extraction._media import END_TOLERANCE, ExtractionError, check_length, probe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ave_sklearn._typing import PathLike

MOST_LINES = 10  # of a warning
HEADER_TOLERANCE = 0.05  # seconds that a file may end before its header says so
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
        If it is one path, a table, empty, or holds something else.
    """
    wanted = "X must be a list of paths to videos, str or pathlib.Path, or of pairs (path, start)"
    if isinstance(videos, PATH | bytes):
        raise ValueError(f"{wanted}; got the one path {os.fspath(videos)!r}: pass [path].")
    if hasattr(videos, "columns"):
        raise ValueError(f"{wanted}; got a {type(videos).__name__}: pass one of its columns, {list(videos.columns)}.")
    videos = list(videos)
    wrong = [video for video in videos if not isinstance(video, PATH) and not _is_clip(video)]
    if wrong or not videos:
        raise ValueError(f"{wanted}; got {f'{wrong[0]!r:.60}' if wrong else 'an empty list'}.")
    return [_as_clip(video) for video in videos]


def _is_clip(video):
    """Tell whether it is a pair of a path and a start in seconds."""
    is_pair = isinstance(video, tuple | list) and len(video) == 2 and isinstance(video[0], PATH)
    return is_pair and isinstance(video[1], Real) and 0 <= video[1] < math.inf


def _as_clip(video):
    path, start = (video, 0) if isinstance(video, PATH) else video
    return os.fspath(path), float(start)


def cut_clips(videos: Iterable[PathLike], n_segments: int = 10) -> list[tuple[str, float]]:
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
    check_positive_integer(n_segments, "n_segments")
    return [(path, start) for path, _ in check_clips(videos) for start in _clip_starts(path, n_segments)]


def _clip_starts(path, n_segments):
    """Return where the clips of a video begin, in seconds."""
    try:
        duration = probe(path).duration
    except ExtractionError:
        duration = 0
    n_seconds = math.ceil(duration - END_TOLERANCE - HEADER_TOLERANCE)
    starts = [float(start) for start in range(0, n_seconds - n_segments + 1, n_segments)] or [0.0]
    rest = n_seconds - n_segments - starts[-1]
    return starts + [starts[-1] + rest] * (rest > 0)


def probe_all(clips, n_segments):
    """Read the headers of videos, each once.

    Parameters
    ----------
    clips : list of (str, float)
    n_segments : int
        Seconds wanted of each.

    Returns
    -------
    report : DataFrame of len(clips) rows
        Columns ``filename``, ``start``, ``error`` and ``warning``, "" where there is nothing to say.
    """
    n_clips = Counter(path for path, _ in clips)
    infos = {path: _info_or_error(path) for path in n_clips}
    rows = []
    for path, start in clips:
        try:
            rows.append((path, start, "", _peculiarities(path, start, infos[path], n_segments, n_clips[path] == 1)))
        except ExtractionError as error:
            rows.append((path, start, error.reason, ""))
    return pd.DataFrame(rows, columns=["filename", "start", "error", "warning"])


def _info_or_error(path):
    try:
        return probe(path)
    except ExtractionError as error:
        return error


def _peculiarities(path, start, info, n_segments, is_alone):
    """Say what is unusual about a video that can be used, or raise an ExtractionError."""
    if isinstance(info, ExtractionError):
        raise info
    check_length(path, "it", info.duration, n_segments, start)
    notes = []
    if is_alone and not start and info.duration >= n_segments + 1:
        notes.append(f"of {info.duration:.1f} s the first {n_segments} are used")
    if info.sample_rate < SAMPLE_RATE:
        notes.append(f"sound of {info.sample_rate} Hz has nothing above {info.sample_rate // 2} Hz")
    return "; ".join(notes)


def refuse(report, on_error):
    """Raise an ExtractionError that lists the clips that cannot be used; with "skip" only if none can."""
    bad = report[report["error"] != ""]
    if len(bad) and (on_error == "raise" or len(bad) == len(report)):
        raise ExtractionError(f"{_count(bad, report)} cannot be used:\n" + "\n".join(_lines(bad, "error")))


def tell(report):
    """Warn of what a finished report says."""
    for column, what in (("error", "were skipped"), ("warning", "are used, but")):
        said = report[report[column] != ""]
        if len(said):
            lines = _lines(said, column)
            more = [f"... and {len(lines) - MOST_LINES} more"] * (len(lines) > MOST_LINES)
            message = "\n".join([f"{_count(said, report)} {what}:", *lines[:MOST_LINES], *more])
            warn_user(message)


def _count(part, report):
    """Write how many of the clips, which are videos where none is cut."""
    return f"{len(part)} of {len(report)} {'clips' if report['filename'].duplicated().any() else 'videos'}"


def _lines(report, column):
    """Write what a column of the report says of its clips, a line each."""
    rows = zip(report["filename"], report["start"], report[column], strict=True)
    return [f"{printable(name)}{f' from {start:g} s' if start else ''}: {text}" for name, start, text in rows]
