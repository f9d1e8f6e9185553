"""Split of videos into two parts that is stratified by category."""

import numpy as np
from sklearn.model_selection import train_test_split


def stratified_split(categories, fraction, random_state, too_few):
    """Split videos into those that are kept and those that are held out, each category by about the same share.

    Categories with a single video are kept. Either side has at least as many videos as there are other categories, so
    that more than the fraction are held out where the categories are small.

    Parameters
    ----------
    categories : int ndarray of shape (n,)
    fraction : float
        Share of the videos to hold out, within (0, 1).
    random_state : int or RandomState
    too_few : str
        What the error says.

    Returns
    -------
    kept, held_out : int ndarrays
        Positions, ascending; at least one each.

    Raises
    ------
    ValueError
        If there are too few videos for that.
    """
    codes, counts = np.unique(categories, return_counts=True)
    n_paired = (counts > 1).sum()
    paired = np.isin(categories, codes[counts > 1])
    candidates, alone = np.flatnonzero(paired), np.flatnonzero(~paired)
    n_held_out = max(round(fraction * len(categories)), n_paired, 1)
    if len(candidates) - n_held_out < max(n_paired, 1):
        raise ValueError(too_few)
    kept, held_out = train_test_split(
        candidates, test_size=int(n_held_out), random_state=random_state, stratify=categories[candidates]
    )
    return np.sort(np.concatenate([kept, alone])), np.sort(held_out)
