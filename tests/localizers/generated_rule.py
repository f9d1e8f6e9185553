"""The rule of generated cases: how one may end, and what breaks it."""

import re
from contextlib import contextmanager

import numpy as np
import pandas as pd

KINDS = ("works", "names the argument", "does not name it", "other exception", "wrong result", "stray warning")
WORKING, NAMED, UNNAMED, OTHER, WRONG, WARNED = KINDS


class WrongResultError(Exception):
    """A result that breaks the rule."""


def wanted(condition, what):
    """Raise WrongResultError unless `condition` holds."""
    if not condition:
        raise WrongResultError(what)


@contextmanager
def unexpected(where):
    """Turn any exception into a WrongResultError."""
    try:
        yield
    except WrongResultError:
        raise
    except Exception as error:
        raise WrongResultError(f"{where} {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


class Outcome:
    """How a case ended: one of KINDS, and what was said."""

    def __init__(self, seed, kind, description, message=""):
        self.seed, self.kind, self.description, self.message = seed, kind, description, message

    @property
    def failed(self):
        """Whether the case breaks the rule."""
        return self.kind not in (WORKING, NAMED)

    def __str__(self):
        return f"seed {self.seed}, {self.kind}: {self.description}\n    {self.message}"


def kind_of(error, names):
    """Return the kind of an exception, which is to name one of `names`."""
    if isinstance(error, MemoryError) and any(map(str(error).__contains__, names)):
        return NAMED
    if not isinstance(error, ValueError | TypeError):
        return OTHER
    named = any(re.search(rf"(?<![\w]){re.escape(name)}(?!\w)", str(error)) for name in names)
    return NAMED if named else UNNAMED


def is_stray(warning):
    """Whether a warning is none of the package's own, such as one of NumPy on the way to a result."""
    return not issubclass(warning.category, UserWarning) or "/torch/" in warning.filename


def same(a, b):
    """Whether two results are equal to the bit."""
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        return a.equals(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")
