"""Random numbers that are a caller's own, never those of NumPy's global generator."""

import numpy as np
from sklearn.utils import check_random_state


def own_random_state(random_state):
    """Return the RandomState of `random_state`; None gives a fresh one.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Raises
    ------
    ValueError
        If `random_state` is none of these.
    """
    if random_state is None:
        return np.random.RandomState()
    try:
        return check_random_state(random_state)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"random_state is {random_state!r}; wanted an integer from 0 to {2**32 - 1}, a RandomState or None."
        ) from error


def own_generator(random_state):
    """Return a numpy.random.Generator seeded by one draw from `random_state`, of which None gives a fresh one.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        A RandomState instance moves on by one draw.

    Raises
    ------
    ValueError
        If `random_state` is none of these.
    """
    return np.random.default_rng(own_random_state(random_state).randint(2**31 - 1))
