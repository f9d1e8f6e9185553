"""Checks of the networks' parameters: errors that name what came and what was wanted."""

from numbers import Integral, Real

import numpy as np


def check_choice(name, value, choices):
    """Raise ValueError unless `value` is one of the texts `choices`."""
    if not isinstance(value, str) or value not in choices:
        wanted = " or ".join(map(repr, choices))
        raise ValueError(f"{name} is {value!r}; wanted {wanted}.")


def check_full_only(system, supervision):
    """Raise ValueError unless `supervision`, of a system without a weakly supervised form, is "full"."""
    if supervision != "full":
        raise ValueError(f"{system} has no weakly supervised form; supervision is {supervision!r}, wanted 'full'.")


def check_size(name, value, *, even=False, divisor=1):
    """Raise ValueError unless `value` is a positive integer, even if so told, and a multiple of `divisor`."""
    is_size = is_count(value) and value >= 1
    if not is_size or even and value % 2 or value % divisor:
        kind = "even number, half of it for each LSTM direction" if even else "integer"
        multiple = f", a multiple of {divisor}" if divisor > 1 else ""
        raise ValueError(f"{name} is {value!r}; wanted a positive {kind}{multiple}.")


def check_count(name, value):
    """Raise ValueError unless `value` is an integer that is not negative."""
    if not is_count(value):
        raise ValueError(f"{name} is {value!r}; wanted an integer from 0 on.")


def is_count(value):
    """Whether `value` is an integer that is not negative."""
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= 0


def check_share(name, value, *, whole=False):
    """Raise ValueError unless `value` is a number in [0, 1), or [0, 1] if `whole`."""
    if not isinstance(value, Real) or isinstance(value, bool) or not (0 <= value < 1 or whole and value == 1):
        raise ValueError(f"{name} is {value!r}; wanted a number in [0, 1{']' if whole else ')'}.")


def check_weight(name, value, *, positive=False):
    """Raise ValueError unless `value` is a finite number that is not negative, or above 0 if `positive`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value < float("inf") or positive and value == 0:
        raise ValueError(f"{name} is {value!r}; wanted a {'positive number' if positive else 'number from 0 on'}.")


def check_flag(name, value):
    """Raise ValueError unless `value` is True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} is {value!r}; wanted True or False.")
