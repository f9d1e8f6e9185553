"""The random numbers of the datasets."""

import numpy as np

from ave_sklearn._random import own_random_state


def make_generator(random_state):
    """Make a generator of `random_state`; None gives a fresh one, never NumPy's global one.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        A RandomState instance moves on by one draw.

    Returns
    -------
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If `random_state` is none of these.
    """
    return np.random.default_rng(own_random_state(random_state).randint(2**31 - 1))
