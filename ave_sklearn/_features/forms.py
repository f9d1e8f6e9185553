"""Forms of X: AVFeatures, joined arrays, and whatever answers ``X["audio"]`` and ``X["visual"]``."""

from collections.abc import Mapping

import numpy as np

from ave_sklearn._features.container import AVFeatures


def as_features(X, n_audio_features=None):
    """Return `X` as AVFeatures, or None when it is one of scikit-learn's 2-D forms.

    Parameters
    ----------
    X : AVFeatures, array-like of shape (n, T, F), or anything with ``X["audio"]`` and ``X["visual"]``
    n_audio_features : int or None
        For a 3-D `X`: its first columns that are audio; the rest is pooled visual.
    """
    if isinstance(X, AVFeatures):
        return X
    streams = _two_streams(X)
    if streams is not None:
        return AVFeatures(*streams)
    ndim = _ndim(X)
    if ndim == 3:
        return _split_joined(X, n_audio_features)
    if ndim > 3:
        raise ValueError(
            f"X has {ndim} dimensions; wanted AVFeatures(audio, visual), an array (n_videos, n_segments, "
            "n_features) with n_audio_features set, or a 2-D array of one-segment videos."
        )
    return None


def _ndim(X):
    if hasattr(X, "ndim"):
        return X.ndim
    try:
        return np.asarray(X).ndim
    except ValueError:  # ragged: scikit-learn's check has the message
        return 2


def _two_streams(X):
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
    raise ValueError(f"X is a {type(X).__name__} with the keys {found}; wanted 'audio' and 'visual'.")


def _split_joined(X, n_audio_features):
    if n_audio_features is None:
        raise ValueError(
            f"X is a 3-D array of shape {np.shape(X)} and n_audio_features is None; set n_audio_features to the "
            "number of its first columns that are audio, or pass AVFeatures(audio, visual)."
        )
    return AVFeatures.from_array(X, n_audio_features)
