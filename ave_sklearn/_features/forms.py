"""Forms of X: AVFeatures, joined arrays, and whatever answers ``X["audio"]`` and ``X["visual"]``."""

from collections.abc import Mapping

import numpy as np

from ave_sklearn._features.arrays import refuse_masked
from ave_sklearn._features.container import AVFeatures


def as_features(X, n_audio_features=None, name="X"):
    """Return `X` as AVFeatures, or None when it is one of scikit-learn's 2-D forms.

    Parameters
    ----------
    X : AVFeatures, array-like of shape (n, T, F), or anything with ``X["audio"]`` and ``X["visual"]``
    n_audio_features : int or None
        For a 3-D `X`: its first columns that are audio; the rest is pooled visual.
    name : str, default="X"
        What errors call it.
    """
    if isinstance(X, AVFeatures):
        return X
    streams = _two_streams(X, name)
    if streams is not None:
        return AVFeatures(*streams)
    refuse_masked(name, X)
    ndim = _ndim(X)
    if ndim == 3:
        return _split_joined(X, n_audio_features, name)
    if ndim > 3:
        raise ValueError(
            f"{name} has {ndim} dimensions; wanted AVFeatures(audio, visual), an array (n_videos, n_segments, "
            "n_features) with n_audio_features set, or a 2-D array of one-segment videos."
        )
    return None


def one_segment_features(X, n_audio_features=None):
    """Return the 2-D array `X` as AVFeatures of one-segment videos.

    Its first `n_audio_features` columns are audio, and the others visual; None: all are both.
    """
    X = X[:, None, :]
    if n_audio_features is None:
        return AVFeatures(X, X)
    return AVFeatures.from_array(X, n_audio_features)


def _ndim(X):
    if hasattr(X, "ndim"):
        return X.ndim
    try:
        return np.asarray(X).ndim
    except ValueError:  # ragged: scikit-learn's check has the message
        return 2


def _two_streams(X, name):
    """Return ``X["audio"], X["visual"]`` of a mapping, structured array or the like, else None."""
    names = getattr(getattr(X, "dtype", None), "names", None)
    keyed = isinstance(X, Mapping | dict) or names
    if not keyed and (isinstance(X, list | tuple) or hasattr(X, "__array__") or hasattr(X, "shape")):
        return None
    try:
        return X["audio"], X["visual"]
    except (KeyError, IndexError, ValueError, TypeError):
        if not keyed:
            return None
    found = sorted(map(str, names or X))
    raise ValueError(f"{name} is a {type(X).__name__} with the keys {found}; wanted 'audio' and 'visual'.")


def _split_joined(X, n_audio_features, name):
    if n_audio_features is None:
        raise ValueError(
            f"{name} is a 3-D array of shape {np.shape(X)} and n_audio_features is None; set n_audio_features to the "
            "number of its first columns that are audio, or pass AVFeatures(audio, visual)."
        )
    return AVFeatures.from_array(X, n_audio_features)
