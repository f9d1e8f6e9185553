"""Report on videos: those that can be used, those that cannot, and what is said about both."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING

import pandas as pd

from ave_sklearn._checks import check_positive_integer, first_lines, printable
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction._log_mel import SAMPLE_RATE
from ave_sklearn.extraction._media import MediaInfo, TooShort, check_length, count_windows, probe
from ave_sklearn.extraction._opening import ExtractionError, file_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ave_sklearn._typing import PathLike

HEADER_TOLERANCE = 0.05  # seconds that a file may end before its header says so
DECIMALS = 9  # of the starts of clips, so that three hops of 0.1 s are 0.3 s
PATH = str | os.PathLike
TEXT = pd.StringDtype("python", na_value=math.nan)  # that of pyarrow refuses names of files that are not UTF-8
TEXTS, NUMBERS = ("error", "warning", "note"), ("held", "padding", "damage")  # columns of a report


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


def cut_clips(
    videos: Iterable[PathLike],
    n_segments: int = 10,
    *,
    segment_seconds: float = 1.0,
    hop_seconds: float | None = None,
) -> list[tuple[str, float]]:
    """Cut videos into clips of equal length, one after the other, for `VideoFeatureExtractor.transform`.

    Clips begin at multiples of the hop, `n_segments` hops apart. The last clip of a video that is no whole number of
    clips long overlaps the one before it, so that the end is covered. Of the last window of a video less than half may
    be missing.

    Parameters
    ----------
    videos : list of paths
    n_segments : int, default=10
        Segments of a clip.
    segment_seconds : float, default=1.0
        Length of the window in seconds that a segment's pictures and sound are taken from.
    hop_seconds : float or None, default=None
        Seconds from the beginning of one window to that of the next. None is `segment_seconds`.

    Returns
    -------
    clips : list of (str, float)
        The path and the start, in seconds, of each clip, in the order of the videos. Of a video that cannot be read,
        or is shorter than a clip, there is one clip, from 0 on; the extractor then says what is wrong with it, or with
        ``short="pad"`` fills it up.

    Raises
    ------
    ValueError
        If `videos` is no list of paths, `n_segments` no positive integer, or another value no positive number.

    Examples
    --------
    >>> from ave_sklearn.extraction import VideoFeatureExtractor, cut_clips
    >>> clips = cut_clips(["holiday.mp4"])  # doctest: +SKIP
    >>> clips  # doctest: +SKIP
    [('holiday.mp4', 0.0), ('holiday.mp4', 10.0), ('holiday.mp4', 17.0)]
    >>> X = VideoFeatureExtractor().transform(clips)  # doctest: +SKIP
    """
    check_positive_integer(n_segments, "n_segments")
    grid = check_grid(segment_seconds, hop_seconds)
    return [(path, start) for path, _ in check_clips(videos) for start in _clip_starts(path, n_segments, grid)]


def cut_for(extractor, videos):
    """Cut videos into the clips that an extractor takes."""
    grid = {"segment_seconds": extractor.segment_seconds, "hop_seconds": extractor.hop_seconds}
    return cut_clips(videos, extractor.n_segments, **grid)


def _clip_starts(path, n_segments, grid):
    """Return where the clips of a video begin, in seconds."""
    try:
        duration = probe(path).duration
    except ExtractionError:
        duration = 0.0
    last = max(0, count_windows(duration - HEADER_TOLERANCE, grid) - n_segments)
    return [round(hop * grid.hop_seconds, DECIMALS) for hop in [*range(0, last, n_segments), last]]


class NothingUsableError(ExtractionError):
    """Each video may be skipped, and none can be used."""


@dataclass
class Report:
    """What is said of the clips of an extraction: which cannot be used, and what is to be known of the others.

    Attributes
    ----------
    table : DataFrame of n_clips rows
        ``report_`` of the extractor: ``filename``, ``start``, and the columns of `TEXTS` and `NUMBERS`, "" and 0
        where there is nothing to say.
    on_error : {"raise", "skip"}
    short : {"error", "skip", "pad"}
    infos : dict of str to (tuple or None, MediaInfo or ExtractionError)
        Of each file its stamp, of before it was read, and what it holds or why it cannot be read.
    fatal : set of int
        Rows for whose sake an error is raised in the end.
    """

    table: pd.DataFrame
    on_error: str
    short: str
    infos: dict[str, tuple[tuple | None, MediaInfo | ExtractionError]]
    fatal: set[int] = field(default_factory=set)

    def add(self, row, told):
        """Note what is told of a clip: why it cannot be used, or what was found when it was read.

        Parameters
        ----------
        row : int
        told : ExtractionError or Findings
        """
        if isinstance(told, ExtractionError):
            self.table.loc[row, ["error", "warning"]] = told.reason, ""  # which was of a clip that is used
            is_left_out = self.on_error == "skip" or (self.short == "skip" and isinstance(told, TooShort))
            self.fatal |= set() if is_left_out else {row}
            return
        texts = [self.table.at[row, "warning"], *told.warnings]
        if told.padding:
            texts.append(f"the last {told.padding:.2f} s are padding, its last picture and silence")
        self.table.at[row, "warning"] = "; ".join(filter(None, texts))
        for name in NUMBERS:
            self.table.at[row, name] = getattr(told, name)

    def usable(self):
        """Return the rows of clips without an error."""
        return self.table.index[self.table["error"] == ""]

    def refuse(self):
        """Raise an `ExtractionError` that lists the clips with fatal errors, or all clips if none can be used."""
        rows = sorted(self.fatal) or ([] if len(self.usable()) else list(self.table.index))
        if rows:
            listed = self.table.loc[rows]
            lines = "\n".join(_lines(listed, "error"))
            kind = ExtractionError if self.fatal else NothingUsableError
            raise kind(f"{_count(listed, self.table)} cannot be used:\n{lines}")


def probe_all(clips, n_segments, grid, on_error, short):
    """Read the headers of videos, each once.

    Parameters
    ----------
    clips : list of (str, float)
    n_segments : int
        Segments wanted of each.
    grid : Grid
    on_error : {"raise", "skip"}
    short : {"error", "skip", "pad"}

    Returns
    -------
    report : Report
    """
    paths, starts = zip(*clips, strict=True)
    columns = {name: pd.Series("", range(len(clips)), TEXT) for name in TEXTS} | dict.fromkeys(NUMBERS, 0.0)
    table = pd.DataFrame({"filename": pd.Series(paths, dtype=TEXT), "start": starts, **columns})
    n_clips = Counter(paths)
    infos = {path: _info_or_error(path) for path in n_clips}
    report = Report(table, on_error, short, infos)
    for row, (path, start) in enumerate(clips):
        _, info = infos[path]
        try:
            if isinstance(info, ExtractionError):
                raise info
            check_length(path, "it", info.duration, n_segments, start, grid, pad=short == "pad")
        except ExtractionError as error:
            report.add(row, error)
        else:
            is_whole = n_clips[path] == 1 and not start
            report.table.at[row, "warning"] = _peculiarities(info, is_whole, n_segments, grid)
            report.table.at[row, "note"] = "; ".join(info.notes)
    return report


def _info_or_error(path):
    """Return the stamp of a file and what it holds; None and an error if it cannot be used."""
    try:
        return file_stamp(path), probe(path)
    except ExtractionError as error:
        return None, error


def _peculiarities(info, is_whole, n_segments, grid):
    """Say what is unusual about a video that can be used, as far as its header tells."""
    texts = list(info.warnings)
    if is_whole and info.duration >= grid.span(n_segments) + grid.hop_seconds:
        texts.append(f"of {info.duration:.1f} s the first {grid.span(n_segments):g} are used")
    if info.sample_rate < SAMPLE_RATE:
        texts.append(f"sound of {info.sample_rate} Hz has nothing above {info.sample_rate // 2} Hz")
    return "; ".join(texts)


def tell(table, kept=None):
    """Warn of what the table of a finished report says; `kept` is the file that has all errors, if there is one."""
    for column, what in (("error", "were skipped"), ("warning", "are used, but")):
        said = table[table[column] != ""]
        if len(said):
            lines = first_lines(_lines(said, column), kept if column == "error" else None)
            warn_user("\n".join([f"{_count(said, table)} {what}:", *lines]))


def _count(part, table):
    """Write how many of the clips, which are videos where none is cut."""
    return f"{len(part)} of {len(table)} {'clips' if table['filename'].duplicated().any() else 'videos'}"


def _lines(table, column):
    """Write what a column of the table says of its clips, a line each."""
    rows = zip(table["filename"], table["start"], table[column], strict=True)
    return [f"{printable(name)}{f' from {start:g} s' if start else ''}: {text}" for name, start, text in rows]
