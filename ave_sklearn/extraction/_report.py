"""Which videos can be used, which cannot, and what is said about both."""

import os
import warnings

import pandas as pd

from ave_sklearn.extraction._log_mel import SAMPLE_RATE
from ave_sklearn.extraction._media import ExtractionError, probe

MOST_LINES = 10  # of a warning


def check_paths(paths):
    """Return paths as a list of str.

    Raises
    ------
    ValueError
        If it is one path, empty, or holds something else.
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise ValueError(f"X must be a list of paths to videos; got the one path {os.fspath(paths)!r}: pass [path].")
    paths = list(paths)
    wrong = [path for path in paths if not isinstance(path, str | os.PathLike)]
    if wrong or not paths:
        came = f"a {type(wrong[0]).__name__}" if wrong else "an empty list"
        raise ValueError(f"X must be a list of paths to videos, str or pathlib.Path; got {came}.")
    return [os.fspath(path) for path in paths]


def probe_all(paths, n_segments, on_error):
    """Read the headers of videos.

    Parameters
    ----------
    paths : list of str
    n_segments : int
        Seconds wanted of each.
    on_error : {"raise", "skip"}

    Returns
    -------
    report : DataFrame of len(paths) rows
        Columns ``filename``, ``error`` and ``warning``, "" where there is nothing to say.

    Raises
    ------
    ExtractionError
        Listing the videos that cannot be used; with "skip" only if none can.
    """
    rows, errors = [], []
    for path in paths:
        try:
            rows.append((path, "", _peculiarities(probe(path, n_segments), n_segments)))
        except ExtractionError as error:
            rows.append((path, error.reason, ""))
            errors.append(str(error))
    if errors and (on_error == "raise" or len(errors) == len(paths)):
        raise ExtractionError(f"{len(errors)} of {len(paths)} videos cannot be used:\n" + "\n".join(errors))
    return pd.DataFrame(rows, columns=["filename", "error", "warning"])


def _peculiarities(info, n_segments):
    """Say what is unusual about a video that can be used."""
    notes = []
    if info.duration is not None and info.duration >= n_segments + 1:
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
