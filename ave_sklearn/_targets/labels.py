"""Labels: array-likes in, plain arrays of numbers or of text out, and what is said about bad ones."""

import numbers

import numpy as np
import pandas as pd


def as_labels(y, name, *, whole=True):
    """Return labels as an array of numbers or of text.

    Parameters
    ----------
    y : array-like of shape (n_videos,) or (n_videos, n_segments)
        Labels: int, bool, str or object, or floats that are whole numbers.
    name : str
        What error messages call ``y``.
    whole : bool, default=True
        Whether floats must be whole numbers.

    Returns
    -------
    labels : ndarray, shaped like ``y``
        An object array of numbers comes back as an array of numbers.

    Raises
    ------
    ValueError
        If ``y`` has another number of dimensions, or holds missing values, fractions, or text and numbers
        mixed.
    """
    y = as_array(y, name)
    if y.ndim not in (1, 2):
        raise ValueError(
            f"{name} must hold labels, of shape (n_videos,) or (n_videos, n_segments); got the shape "
            f"{y.shape}. Turn a one-hot array into labels with classes[{name}.argmax(axis=-1)]."
        )
    y = _plain_dtype(y, name)
    if whole and y.dtype.kind == "f" and np.any(y != np.round(y)):
        raise ValueError(
            f"{name} must hold labels, text or whole numbers (no proportions); got {y.dtype} numbers such as "
            f"{y[y != np.round(y)][0]:g}."
        )
    return y


def as_segment_labels(y, name):
    """Return `as_labels` of a target which must have two dimensions, videos and segments."""
    y = as_labels(y, name)
    if y.ndim != 2:
        raise ValueError(
            f"{name} must have the shape (n_videos, n_segments), since events run along the segments; got "
            f"{y.shape}. For one video pass [{name}], for videos of one segment {name}[:, None]."
        )
    return y


def as_array(y, name):
    """Return ``y`` as an array; an error for nested lists of different lengths names the argument."""
    try:
        return np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{name} must be an array, with rows of one length: {error}") from error


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


def is_background(y, background):
    """Mark background labels; text never equals a number, so that mix is an error.

    Parameters
    ----------
    y : ndarray
        Labels, as `as_labels` returns them.
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
    if background is None:
        return np.zeros(y.shape, dtype=bool)
    kind = label_kind(np.asarray(background))
    if y.size and kind != label_kind(y):
        raise ValueError(
            f"background={background!r} is {kind}, but the labels are {label_kind(y)}, such as "
            f"{_first(y)!r}: pass the label that means background, or None if no label does."
        )
    return np.asarray(y == background)


def background_code(labels, background):
    """Return the position of the label `background` in an array of labels, or None."""
    found = np.flatnonzero([label == background for label in labels.tolist()])
    return int(found[0]) if len(found) else None


def event_category(share, background):
    """Give each video its greatest event class.

    Parameters
    ----------
    share : ndarray of shape (n_videos, n_classes)
        How much of each class a video has, not negative.
    background : int or None
        Column of the background; None if there is none.

    Returns
    -------
    category : ndarray of int, of shape (n_videos,)
        Column of the greatest share among the events, the first of equals; `background` where those are all 0.
    """
    if background is None:
        return share.argmax(1)
    events = share.copy()
    events[:, background] = 0
    return np.where(events.any(1), events.argmax(1), background)


def label_kind(y):
    """Return "text" or "numbers": what an array of labels holds."""
    return "numbers" if y.dtype.kind in "biuf" else "text"


def _first(y):
    """Return the first label as Python prints it."""
    return y.ravel()[:1].tolist()[0]


def check_positive(value, name):
    """Return a positive finite number as a float, or raise ValueError."""
    if not isinstance(value, numbers.Real) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a positive number; got {value!r}.")
    return float(value)


def check_positive_integer(value, name):
    """Return a positive integer, or raise ValueError."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a positive integer; got {value!r}.")
    return value


def check_label_pair(y_true, y_pred, as_labels=as_labels):
    """Return true and predicted labels as arrays of one shape, of one kind and not empty."""
    y_true, y_pred = as_labels(y_true, "y_true"), as_labels(y_pred, "y_pred")
    if y_true.shape != y_pred.shape:
        raise ValueError(f"y_true and y_pred must have the same shape; got {y_true.shape} and {y_pred.shape}.")
    if label_kind(check_not_empty(y_true)) != label_kind(y_pred):
        raise ValueError(
            f"y_true and y_pred must both be text or both be numbers; got {label_kind(y_true)}, such as "
            f"{_first(y_true)!r}, and {label_kind(y_pred)}, such as {_first(y_pred)!r}."
        )
    return y_true, y_pred


def check_not_empty(y_true):
    """Return labels; none at all is an error."""
    if y_true.size == 0:
        raise ValueError(f"y_true must have at least one segment; got the shape {y_true.shape}.")
    return y_true


def name_rows(report, labels, summaries):
    """Name a report's rows: the labels as they are, and then the summaries."""
    return report.set_axis(pd.Index([*labels.tolist(), *summaries], dtype=object, name="label"))


def first_few(names, limit=3):
    """Write the first names of many."""
    names = list(names)
    return ", ".join(map(repr, names[:limit])) + (", ..." if len(names) > limit else "") or "none"
