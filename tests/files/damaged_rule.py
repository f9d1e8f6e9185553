"""The rule of damaged files: how the reading of one may end, and what breaks the rule."""

import errno
import linecache
import re
from typing import NamedTuple

import numpy as np
import pandas as pd

EITHER, REFUSED, SAME = "either", "refused", "same"  # what a damage may end in
KINDS = (
    "right numbers",
    "other numbers",
    "refused by name",
    "does not name the file",
    "other exception",
    "too much memory",
    "wrong result",
    "stray warning or text",
    "process changed",
    "process killed",
    "time-out",
)
RIGHT, OTHERS, NAMED, UNNAMED, OTHER, MEMORY, WRONG, STRAY, CHANGED, KILLED, LATE = KINDS
PASSING = (RIGHT, OTHERS, NAMED)
NATURAL = (FileNotFoundError, PermissionError, IsADirectoryError)
NOT_FINITE = re.compile("Input X.* contains (NaN|infinity)")  # said by the estimator that reads a batch
TOO_LARGE = "gives outputs that are not finite"  # said of weights that are finite


class WrongResultError(Exception):
    """A result that breaks the rule."""


class Outcome(NamedTuple):
    """How a case ended: one of KINDS, what was damaged how, and what was said."""

    seed: int
    kind: str
    file_kind: str
    damage: str
    message: str = ""
    error: str = ""  # type of the exception
    place: str = ""  # the last line of the package that it went through

    @property
    def failed(self):
        """Whether the case breaks the rule."""
        return self.kind not in PASSING

    def __str__(self):
        said = f"\n    {self.message}" if self.message else ""
        return f"seed {self.seed}, {self.kind}: {self.file_kind}, {self.damage}{said}"


def judge_result(result, good, allowed):
    """Return the kind and message of a reading that succeeded."""
    if allowed == REFUSED:
        return WRONG, f"it was accepted: {shown(result)}"
    if same(result, good):
        return RIGHT, ""
    if allowed == SAME:
        return WRONG, f"other numbers came of what was not damaged: {shown(result)}"
    bad = [name for name, value in result.items() if not is_finite(value)]
    return (WRONG, f"{bad[0]} is not finite: {shown(result)}") if bad else (OTHERS, "")


def judge_error(error, names, allowed):
    """Return the kind and message of a reading that ended by an exception; it is to name one of `names`."""
    message = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if isinstance(error, WrongResultError):
        return WRONG, str(error)
    if ran_out(error):
        return MEMORY, message
    if not isinstance(error, (ValueError, *NATURAL)):
        return OTHER, message
    if allowed == SAME:
        return WRONG, f"it was refused: {message}"
    is_named = any(name in str(error) for name in names) or (allowed == EITHER and TOO_LARGE in str(error))
    is_named = is_named or NOT_FINITE.search(str(error))
    return (NAMED if is_named else UNNAMED), message


def ran_out(error):
    """Whether an exception, or one that it came of, says that memory ran out; a parser's limit of depth is no such."""
    while error is not None:
        full = isinstance(error, OSError) and error.errno == errno.ENOMEM
        if full or re.search(r"(?i)unable to allocate|can't allocate memory|not enough memory", str(error)):
            return True
        if isinstance(error, MemoryError) and not of_parser(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def of_parser(error):
    """Whether a MemoryError came out of Python's parser, where brackets are too deep."""
    *_, last = frames(error) or [("", 0)]
    return last[0].endswith("/ast.py") or "compile(" in linecache.getline(*last)


def frames(error):
    """Return file and line of each frame that an exception went through."""
    found, trace = [], error.__traceback__
    while trace is not None:
        found.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return found


def place_of(error):
    """Return the last line of the package that an exception went through."""
    own = [(file, line) for file, line in frames(error) if "/ave_sklearn/" in file]
    return f"{own[-1][0].rpartition('/ave_sklearn/')[2]}:{own[-1][1]}" if own else ""


def is_stray(warning):
    """Whether a warning is none of the package's own."""
    if issubclass(warning.category, ResourceWarning):  # open files are counted
        return False
    return not issubclass(warning.category, UserWarning) or "/site-packages/" in warning.filename


def same(a, b):
    """Whether two results are equal to the bit."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        return a.equals(b)
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def is_finite(value):
    """Whether the numbers in a part of a result are finite; the missing times of an event list are."""
    if isinstance(value, pd.DataFrame):
        return not np.isinf(value.select_dtypes("number").to_numpy()).any()
    value = np.asarray(value)
    return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())


def shown(result):
    """Return a result in a few words."""
    return ", ".join(f"{name} {getattr(value, 'shape', value)}" for name, value in result.items())[:200]
