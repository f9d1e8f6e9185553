"""Arrays of features: their layouts, and the checks of their shapes and numbers."""

from decimal import Decimal
from numbers import Integral, Real

import numpy as np

from ave_sklearn._checks import holds_masked
from ave_sklearn._features.source import RowSource

LAYOUTS = {
    "audio": {3: "(n_videos, n_segments, n_audio_features)"},
    "visual": {
        3: "(n_videos, n_segments, n_visual_features)",
        5: "(n_videos, n_segments, height, width, n_visual_features)",
    },
    "X": {3: "(n_videos, n_segments, n_features)"},
}


def as_feature_array(name, values):
    """Keep an array as it is, make one of anything else, and check that it can hold features.

    Parameters
    ----------
    name : {"audio", "visual", "X"}
        What errors call it, and which of `LAYOUTS` it may have.
    values : array-like or RowSource

    Returns
    -------
    array : ndarray or RowSource
        Of booleans, integers or floats; arrays of numbers as objects become float64.

    Raises
    ------
    ValueError
        If it is of another layout, empty along an axis other than the first, or not of real numbers.
    """
    is_kept = type(values) in (np.ndarray, np.memmap) or isinstance(values, RowSource)
    array = values if is_kept else _convert(name, values)
    array = _as_real(name, array)
    _check_layout(name, array)
    return array


def refuse_masked(name, values):
    """Raise ValueError where `values` have masked ones, which an array of them would uncover."""
    if holds_masked(values):
        raise ValueError(f"{name} has masked values; fill them first, for example with {name}.filled(0).")


def _convert(name, values):
    refuse_masked(name, values)
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of real numbers: {error}") from error


def _as_real(name, array):
    if array.dtype.kind == "O":
        return _real_objects(name, array)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be of real numbers, got dtype {array.dtype}.")
    return array


def _real_objects(name, array):
    for value in array.flat:
        if not isinstance(value, (Real, np.bool_, Decimal)):
            raise ValueError(f"{name} must be of real numbers, got the {type(value).__name__} {value!r:.60}.")
    try:
        return array.astype(np.float64)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name} must be of real numbers that fit in float64: {error}.") from error


def _check_layout(name, array):
    layouts = LAYOUTS[name]
    if array.ndim not in layouts:
        raise ValueError(f"{name} must be of shape {' or '.join(layouts.values())}, got shape {array.shape}.")
    if 0 in array.shape[1:]:
        raise ValueError(
            f"{name} must have at least one segment and one feature, got shape {array.shape} for {layouts[array.ndim]}."
        )


def check_pair(audio, visual):
    """Raise a ValueError unless audio and visual features are of as many videos and segments."""
    for axis, what in enumerate(("videos", "segments")):
        if audio.shape[axis] != visual.shape[axis]:
            raise ValueError(
                f"audio and visual must have the same number of {what}, got {audio.shape[axis]} in audio of "
                f"shape {audio.shape} and {visual.shape[axis]} in visual of shape {visual.shape}."
            )


def check_n_audio_features(n_audio_features, n_features):
    """Raise a ValueError unless it is an integer that leaves some columns to audio and some to visual features."""
    is_integer = isinstance(n_audio_features, Integral) and not isinstance(n_audio_features, bool)
    if not is_integer or not 1 <= n_audio_features < n_features:
        raise ValueError(
            f"n_audio_features must be an integer from 1 to {n_features - 1}, so that some of the "
            f"{n_features} columns of X are audio and some visual, got {n_audio_features!r}."
        )


def check_finite(array, name, tell_row):
    """Raise ValueError when `array` holds NaN or infinity; `tell_row` turns a row of it into what the user calls it."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=array.dtype)):
            return
    bad = ~np.isfinite(array).reshape(len(array), array.shape[1], -1).all(-1)
    if bad.any():
        row, segment = np.argwhere(bad)[0]
        what = "NaN" if np.isnan(array[row, segment]).any() else f"infinity or a value too large for {array.dtype}"
        raise ValueError(
            f"Input {name} contains {what}, first in segment {segment} of {tell_row(row)}; finite features are wanted."
        )
