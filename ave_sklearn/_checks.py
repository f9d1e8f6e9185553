"""Checks of numbers and masks, and text and names written into messages."""

import numbers
import os
from fractions import Fraction

import numpy as np

MOST_LINES = 10  # of a message that lists something; the command line shows no more


def check_positive(value, name):
    """Return a positive finite number as a float, or raise ValueError."""
    if not 0 < (number := as_float(value)) < np.inf:
        raise ValueError(f"{name} must be a positive number; got {value!r}.")
    return number


def as_float(value):
    """Return a real number as a float, infinite if it is an integer beyond float64; NaN for what is no number."""
    try:
        return float(value) if isinstance(value, numbers.Real) else np.nan
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def check_positive_integer(value, name):
    """Return a positive integer, or raise ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer; got {value!r}.")
    return value


def plain(value):
    """Return NumPy's scalars as Python's, within lists, tuples and dicts too; fractions and huge integers as floats.

    ``np.False_ is False`` is not true, and ``np.uint8(200) * 2`` is 144.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Fraction) or type(value) is int and abs(value) > 2**63:
        return as_float(value)
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    return value


def holds_masked(values):
    """Whether an array, or one in (nested) lists, has masked values, which ``np.asarray`` would uncover."""
    if isinstance(values, list | tuple):
        return any(holds_masked(item) for item in values if isinstance(item, list | tuple | np.ma.MaskedArray))
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


def first_few(names, limit=3):
    """Write the first names of many."""
    names = list(names)
    return ", ".join(map(repr, names[:limit])) + (", ..." if len(names) > limit else "") or "none"


def first_lines(lines, kept=None):
    """Return the first `MOST_LINES` of many, and a line that counts the others; `kept` is the file that has all."""
    n_more = len(lines) - MOST_LINES
    where = f", all of them in {os.fspath(kept)}" if kept else ""
    return lines if n_more <= 0 else [*lines[:MOST_LINES], f"... and {n_more} more{where}"]


def printable(text):
    """Escape what a terminal would act upon or not show, as repr does: control characters, marks of direction."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
