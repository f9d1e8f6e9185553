"""X, weights and parameters: array-likes in, AVFeatures and plain arrays out, and every error message."""

from collections.abc import Mapping
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils.validation import _check_sample_weight, validate_data

from ave_sklearn._features.container import AVFeatures


def check_finite(array, name, rows):
    """Raise ValueError when `array`, features of the videos `rows`, holds NaN or infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=array.dtype)):
            return
    bad = ~np.isfinite(array).reshape(len(array), array.shape[1], -1).all(-1)
    if bad.any():
        row, segment = np.argwhere(bad)[0]
        what = "NaN" if np.isnan(array[row, segment]).any() else f"infinity or a value too large for {array.dtype}"
        raise ValueError(
            f"Input {name} contains {what}, first in segment {segment} of video {rows[row]}; "
            "finite features are wanted."
        )


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


def validate_features(estimator, X, *, reset):
    """Return `X` in any accepted form as AVFeatures; check it, or remember its width when `reset`.

    Sets ``n_features_in_`` (and ``feature_names_in_`` for a DataFrame) on `estimator` when `reset`.

    Raises
    ------
    ValueError
        Naming X, what came and what was wanted.
    """
    features = as_features(X, estimator.n_audio_features)
    if features is None:
        X = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32])
        features = AVFeatures(X[:, None, :], X[:, None, :])
    elif reset:
        estimator.n_features_in_ = features.shape[1] // features.n_segments
    if len(features) == 0:
        raise ValueError(f"X holds 0 videos ({features!r}); at least 1 is wanted.")
    return features


def check_same_layout(estimator, X, layout, name="X"):
    """Raise ValueError when the videos of `X` are not laid out as those of `layout` (:func:`layout_of`)."""
    found = layout_of(X)
    for part, what in (
        ("n_audio_features", "audio features"),
        ("n_visual_features", "visual features"),
        ("map_size", "as map size of its visual features"),
        ("n_segments", "segments"),
    ):
        if found[part] != layout[part]:
            raise ValueError(
                f"{name} has {found[part]} {what}, but {type(estimator).__name__} is expecting {layout[part]} "
                f"{what} as in the fit. {name} is {X!r}."
            )


def layout_of(X):
    """Return what must agree between fit and predict, as a dict of plain values."""
    return {
        "n_audio_features": int(X.n_audio_features),
        "n_visual_features": int(X.n_visual_features),
        "map_size": None if X.map_size is None else tuple(map(int, X.map_size)),
        "n_segments": int(X.n_segments),
    }


def check_weights(sample_weight, X):
    """Return `sample_weight` as a float64 array of shape (n,), non-negative and not all zero."""
    if sample_weight is None:
        return np.ones(len(X))
    return _check_sample_weight(
        sample_weight,
        np.empty((len(X), 1)),
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=False,
    )


def check_validation(early_stopping, X_val, y_val):
    """Raise ValueError when the validation arguments of `fit` do not fit together."""
    if early_stopping is True:
        raise ValueError("early_stopping is True; wanted False or a patience in epochs, such as 10.")
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}; wanted both or neither.")
    if X_val is not None and early_stopping is False:
        raise ValueError(
            "X_val was given with early_stopping=False, where nothing would use it; set early_stopping to a "
            "patience in epochs."
        )


def room_on(device):
    """Return how many bytes of features may stay on a torch.device: half of a GPU's free memory, none on others."""
    return torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else 0


@contextmanager
def memory_of_batches(batch_size):
    """Say in the error which batch did not fit where memory runs out within."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
        hint = f"a smaller one, such as {batch_size // 4}" if batch_size >= 8 else "more memory"
        raise MemoryError(
            f"batch_size is {batch_size}, too many videos at once for this memory; wanted {hint}."
        ) from error


def ran_out_of_memory(error):
    """Whether NumPy or PyTorch, on the CPU or a GPU, raised `error` for want of memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def resolve_device(device, fallback=False):
    """Return the torch.device that `device` ("auto" or a torch name) means here.

    Parameters
    ----------
    fallback : bool, default=False
        Return the CPU in place of a CUDA device that this machine does not have, in place of raising.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device is {device!r}; wanted 'auto' or a torch device such as 'cpu'.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        if not fallback:
            raise ValueError(f"device is {str(device)!r}, but torch finds no CUDA device; wanted 'auto' or 'cpu'.")
        return torch.device("cpu")
    return device
