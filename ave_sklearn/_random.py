"""Random numbers that are a caller's own."""

import numpy as np
from sklearn.utils import check_random_state


def own_random_state(random_state):
    """Return the RandomState of `random_state`; None gives a fresh one, never NumPy's global one.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Raises
    ------
    ValueError
        If `random_state` is none of these.
    """
    return np.random.RandomState() if random_state is None else check_random_state(random_state)
