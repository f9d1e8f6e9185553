"""Groups of videos, such as speakers or recordings: read in any form, as numbers."""

import numpy as np
import pandas as pd

from ave_sklearn._targets.labels import as_array


def read_groups(groups, n_videos):
    """Return the group of each video as a number.

    Parameters
    ----------
    groups : array-like of shape (n_videos,)
        Names of any kind that can be sorted: text, numbers, dates.
    n_videos : int

    Returns
    -------
    codes : ndarray of int, of shape (n_videos,)
        0 to n_groups - 1, in the order of the sorted names.

    Raises
    ------
    ValueError
        If `groups` has another shape, misses a name (None, NaN, masked) or mixes text and numbers.
    """
    if isinstance(groups, list | tuple):
        groups = as_array(pd.Series(groups, dtype=object).to_numpy(), "groups")  # NumPy makes the text "nan" of NaN
    names = as_array(groups, "groups")
    if names.shape != (n_videos,):
        raise ValueError(f"groups must name the group of each of {n_videos} videos; got the shape {names.shape}.")
    missing = np.flatnonzero(pd.isna(names))
    if len(missing):
        raise ValueError(f"groups must name the group of each video; got {names[missing[0]]} for video {missing[0]}.")
    try:
        return np.unique(names, return_inverse=True)[1]
    except TypeError as error:
        raise ValueError(f"groups must be all text or all numbers; got a mixture: {error}.") from error
