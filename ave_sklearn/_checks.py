"""Checks of single numbers, and names written into messages."""

import numbers

import numpy as np


def check_positive(value, name):
    """Return a positive finite number as a float, or raise ValueError."""
    if not isinstance(value, numbers.Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def check_positive_integer(value, name):
    """Return a positive integer, or raise ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer; got {value!r}.")
    return value


def first_few(names, limit=3):
    """Write the first names of many."""
    names = list(names)
    return ", ".join(map(repr, names[:limit])) + (", ..." if len(names) > limit else "") or "none"
