"""Labels as plain arrays of numbers or of text: the one place that reads what a user hands over as y."""

import numpy as np
import pandas as pd

from ave_sklearn._checks import holds_masked

TOLERANCE = 1e-3
"""How far the sum of proportions, or of probabilities, may be from 1."""

FORMS = (
    "categories (n_videos,), labels (n_videos, n_segments), their one-hot form (n_videos, n_segments, n_classes) or "
    "proportions (n_videos, n_classes)"
)


# ---------------------------------------------------------------- reading
def as_array(y, name):
    """Return `y` as an array; an error for masked values, and for nested lists of different lengths, names it."""
    if holds_masked(y):
        raise ValueError(f"{name} has masked values; leave these videos out, or fill them with {name}.filled(value).")
    try:
        array = np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, with rows of one length: {error}") from error
    if array.dtype.kind == "U" and not hasattr(y, "dtype"):  # numbers in a list with text have become text
        return np.asarray(y, dtype=object)
    return array


def read_numbers(values, name):
    """Return real numbers, such as weights or probabilities, as an array: floats as they are, others in float64.

    Raises
    ------
    ValueError
        Naming them, for masked values, text, complex numbers, and objects that are no real numbers.
    """
    array = as_array(values, name)
    if array.dtype.kind not in "biufO":
        raise ValueError(f"{name} must hold real numbers; got the dtype {array.dtype}.")
    if array.dtype.kind == "O" and (wrong := [x for x in array.flat if isinstance(x, str | bytes)]):
        raise ValueError(f"{name} must hold real numbers; got the {type(wrong[0]).__name__} {wrong[0]!r:.60}.")
    try:
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}.") from error


def check_weights(weight, n_videos, name="sample_weight"):
    """Return the weight of each video as a float64 array; None is 1 for all, and so is a number.

    Raises
    ------
    ValueError
        As :func:`read_numbers`; for another shape than (n_videos,), NaN, infinity, negative weights, and none above 0.
    """
    if weight is None:
        return np.ones(n_videos)
    weight = read_numbers(weight, name).astype(np.float64)
    if weight.ndim == 0:
        weight = np.full(n_videos, weight)
    if weight.shape != (n_videos,):
        raise ValueError(f"{name} must hold a number for each of {n_videos} videos; got the shape {weight.shape}.")
    if not (np.all(np.isfinite(weight)) and np.all(weight >= 0) and np.any(weight > 0)):
        raise ValueError(f"{name} must be finite, not negative and not all zero.")
    return weight


def read_target(y, name="y"):
    """Return a target, in any of its forms, as an array of numbers or of text.

    Parameters
    ----------
    y : array-like of one to three dimensions
        See :data:`FORMS`: int, bool, str, or objects that are all numbers or all text; floats for proportions.
    name : str, default="y"
        What error messages call it.

    Returns
    -------
    y : ndarray
        An object array of numbers comes back as an array of numbers.

    Raises
    ------
    ValueError
        For another number of dimensions, missing or masked values, and text and numbers mixed.
    """
    y = _plain_dtype(as_array(y, name), name)
    if y.ndim not in (1, 2, 3) or y.ndim == 3 and label_kind(y) == "text":
        raise ValueError(f"{name} must hold {FORMS}; got {y.dtype} of shape {y.shape}.")
    return y


def column_names(y):
    """Return the names that the user gave to the columns of a DataFrame, as a list, or None where there are none."""
    columns = getattr(y, "columns", None)
    return None if columns is None or isinstance(columns, pd.RangeIndex) else list(columns)


def read_labels(y, name="y"):
    """Return the labels of a target of :func:`read_target` that is no proportions.

    Parameters
    ----------
    y : array-like of shape (n_videos,), (n_videos, n_segments), or one-hot (n_videos, n_segments, n_classes)
        Floats must be whole numbers. The labels of one-hot columns are their numbers, 0 to n_classes - 1.
    name : str, default="y"

    Returns
    -------
    labels : ndarray of shape (n_videos,) or (n_videos, n_segments)

    Raises
    ------
    ValueError
        As :func:`read_target`; for proportions, and for three dimensions that are not one-hot.
    """
    check_segment_order(column_names(y), name)
    y = read_target(y, name)
    if y.ndim == 3:
        check_one_hot(y, name)
        return y.argmax(2)
    if has_fractions(y):
        raise ValueError(
            f"{name} must hold labels, text or whole numbers (no proportions); got {y.dtype} numbers such as "
            f"{y[y != np.round(y)][0]:g}. Unknown label type: continuous."
        )
    return y


def read_segment_labels(y, name="y"):
    """Return `read_labels` of a target which must have two dimensions, videos and segments."""
    y = read_labels(y, name)
    if y.ndim != 2:
        raise ValueError(
            f"{name} must have the shape (n_videos, n_segments), since events run along the segments; got "
            f"{y.shape}. For one video pass [{name}], for videos of one segment {name}[:, None]."
        )
    return y


def read_label_pair(y_true, y_pred, read=read_labels, name="y_pred"):
    """Return true and predicted labels as arrays of one shape, of one kind and not empty; `name` is the latter's."""
    y_true, y_pred = read(y_true, "y_true"), read(y_pred, name)
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y_true and {name} must have the same shape; got {y_true.shape} and {y_pred.shape}.")
    if label_kind(check_not_empty(y_true)) != label_kind(y_pred):
        raise ValueError(
            f"y_true and {name} must both be text or both be numbers; got {label_kind(y_true)}, such as "
            f"{_first(y_true)!r}, and {label_kind(y_pred)}, such as {_first(y_pred)!r}."
        )
    return y_true, y_pred


def _plain_dtype(y, name):
    """Turn object arrays of numbers into number arrays, and refuse missing values and mixtures."""
    if y.dtype.kind in "OT":
        y = y.astype(object)
        content = pd.api.types.infer_dtype(y.ravel(), skipna=False)
        if content in ("integer", "boolean", "floating", "mixed-integer-float"):
            y = np.array(y.tolist())
        elif content not in ("string", "empty"):
            raise ValueError(
                f"{name} must hold labels, all text or all numbers, none missing; got objects ({content})."
            )
    elif y.dtype.kind not in "biufU":
        raise ValueError(f"{name} must hold labels, text or numbers; got the dtype {y.dtype}.")
    if y.dtype.kind == "f" and not np.all(np.isfinite(y)):
        raise ValueError(f"{name} must hold labels; got NaN or infinity.")
    return y


# ---------------------------------------------------------------- checks
def check_segment_order(names, name="y"):
    """Raise ValueError where the columns of segment labels, `names` or None, are numbered in another order."""
    if names is not None and names != list(range(len(names))) and set(names) == set(range(len(names))):
        raise ValueError(f"{name} has the columns {names}; wanted the segments in their order, 0 first.")


def has_fractions(y):
    """Whether `y` holds numbers that are not whole."""
    return y.dtype.kind == "f" and bool(np.any(y != np.round(y)))


def check_one_hot(y, name="y"):
    """Raise ValueError unless each row of the last axis of `y` holds one 1 and zeros."""
    bad = (y.sum(-1) != 1) | ((y != 0) & (y != 1)).any(-1)
    if bad.any():
        raise ValueError(
            f"{name} is an array of shape {y.shape}, read as the one-hot form of labels, but it is not one-hot along "
            f"its last axis, first in row {np.argwhere(bad)[0].tolist()}."
        )


def check_proportions(y, name="y"):
    """Raise ValueError unless the rows of `y` are not negative and sum to 1, up to `TOLERANCE`."""
    read_as = f"{name} has the shape {y.shape} and the dtype {y.dtype}, read as proportions (n_videos, n_classes)"
    negative = np.flatnonzero((y < 0).any(1))
    if len(negative):
        row = negative[0]
        raise ValueError(f"{read_as}, but it holds a negative proportion, {y[row].min():g}, in row {row}.")
    total = y.sum(1)
    off = np.flatnonzero(abs(total - 1) > TOLERANCE)
    if len(off):
        raise ValueError(
            f"{read_as}, but its row {off[0]} sums to {total[off[0]]:g} where 1 is wanted. Segment labels must have "
            "as many columns as X has segments, and be text or whole numbers."
        )


def check_not_empty(y_true):
    """Return labels; none at all is an error."""
    if y_true.size == 0:
        raise ValueError(f"y_true must have at least one segment; got the shape {y_true.shape}.")
    return y_true


def label_kind(y):
    """Return "text" or "numbers": what an array of labels holds."""
    return "numbers" if y.dtype.kind in "biuf" else "text"


def labels_outside(labels, classes):
    """Return the labels, as a list, that `classes` lacks; a number is never equal to a string."""
    known = set(classes.tolist())
    return [label for label in np.unique(labels).tolist() if label not in known]


def _first(y):
    """Return the first label as Python prints it."""
    return y.ravel()[:1].tolist()[0]


# ------------------------------------------------------------- background
def is_background(y, background):
    """Mark background labels; text never equals a number, so that mix is an error.

    Parameters
    ----------
    y : ndarray
        Labels, as `read_labels` returns them.
    background : label or None
        The background label; None marks nothing.

    Returns
    -------
    mask : ndarray of bool, shaped like ``y``
        True where a label is background.

    Raises
    ------
    ValueError
        If ``background`` is text and the labels are numbers, or the other way round.
    """
    check_background(background)
    if background is None:
        return np.zeros(y.shape, dtype=bool)
    kind = label_kind(np.asarray(background))
    if y.size and kind != label_kind(y):
        raise ValueError(
            f"background={background!r} is {kind}, but the labels are {label_kind(y)}, such as "
            f"{_first(y)!r}: pass the label that means background, or None if no label does."
        )
    return np.asarray(y == background)


def check_background(background):
    """Raise ValueError for a background that is no label: a missing value, or more than one."""
    if pd.api.types.is_list_like(background) or background is not None and pd.isna(background):
        raise ValueError(f"background is {background!r:.60}; wanted one label, or None if no label means background.")


def background_code(labels, background):
    """Return the position of the label `background` in an array of labels, or None."""
    check_background(background)
    found = np.flatnonzero([label == background for label in labels.tolist()])
    return int(found[0]) if len(found) else None
