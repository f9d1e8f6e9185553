"""What timelines are drawn from: labels, probabilities, names and tables of events, read and checked."""

import os
from collections import Counter

import numpy as np
import pandas as pd

from ave_sklearn._checks import check_positive_integer, first_few
from ave_sklearn._targets.labels import as_array, label_kind, read_labels, read_numbers
from ave_sklearn.datasets._event_rows import check_frame


def check_n_videos(n_videos):
    """Return how many videos to draw, an int, or None for all."""
    return None if n_videos is None else int(check_positive_integer(n_videos, "n_videos"))


def first_rows(X, n_videos):
    """Return the number of videos, and the first `n_videos` of them; None, and all, of what has no shape."""
    shape = getattr(X, "shape", ())
    if not shape or n_videos is None:
        return (shape[0] if shape else None), X
    return shape[0], X.iloc[:n_videos] if hasattr(X, "iloc") else X[:n_videos]


def probabilities_of(estimator, X):
    """Return the probabilities that an estimator predicts."""
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(f"show_proba=True needs an estimator with predict_proba; got {estimator!r}.")
    return np.asarray(estimator.predict_proba(X))


def read_rows(y, name):
    """Return labels (n, T); those of one video (T,) as (1, T)."""
    y = read_labels(y, name)
    return y[None] if y.ndim == 1 else y


def read_classes(classes, y):
    """Return the labels of the argument `classes`, of the kind of those that are drawn."""
    classes = read_labels(classes, "classes")
    if classes.ndim != 1:
        raise ValueError(f"classes must be a list of labels; got the shape {classes.shape}.")
    if len(classes) and y.size and label_kind(classes) != label_kind(y):
        raise ValueError(f"classes are {label_kind(classes)}, such as {classes[0]!r}; the labels are {label_kind(y)}.")
    return classes


def check_proba(y_proba, y_pred, classes):
    """Return the probabilities (n, T, C); those of one video (T, C) as (1, T, C)."""
    if classes is None:
        raise ValueError("y_proba needs classes, the labels of its columns in their order; got classes=None.")
    y_proba = read_numbers(y_proba, "y_proba")
    y_proba = y_proba[None] if y_proba.ndim == 2 and len(y_pred) == 1 else y_proba
    if y_proba.shape != (wanted := (*y_pred.shape, len(classes))):
        raise ValueError(
            f"y_proba must hold a number for each video, segment and class, shape {wanted}; got {y_proba.shape}."
        )
    if not np.all((y_proba >= 0) & (y_proba <= 1 + 1e-6)):
        raise ValueError("y_proba must hold probabilities within [0, 1]; got others, or NaN.")
    return y_proba


def read_names(videos, n_videos=None):
    """Return the names of the videos, each once, as a list; those of pathlib as text, numbers by default."""
    if videos is None:
        return list(range(n_videos))
    names = videos if pd.api.types.is_list_like(videos) else [videos]
    names = as_array([os.fspath(name) if isinstance(name, os.PathLike) else name for name in names], "videos")
    if names.ndim != 1 or len(names) == 0 or n_videos not in (None, len(names)):
        wanted = "a list of names" if n_videos is None else f"the names of {n_videos} videos"
        raise ValueError(f"videos must be {wanted}; got the shape {names.shape}.")
    names = names.tolist()
    if again := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"videos must name each video once; got {again[0]!r} again.")
    return names


def read_events_table(events, name):
    """Return a table of events, checked, with names of pathlib as text."""
    events = check_frame(events, name)
    names = [os.fspath(file) if isinstance(file, os.PathLike) else file for file in events["filename"].tolist()]
    return events.assign(filename=pd.array(names, dtype=object))


def labels_of(events):
    """Return the labels of a table's events, an array of numbers or text."""
    return read_labels(events["event_label"].dropna().to_numpy(), "event_label")


def check_kinds(**tables):
    """Raise ValueError where the labels of one table (None: there is none) are text and those of another numbers."""
    labels = {name: labels_of(table) for name, table in tables.items() if table is not None}
    kinds = {name: label_kind(found) for name, found in labels.items() if len(found)}
    if len(set(kinds.values())) > 1:
        raise ValueError(f"event_label must be all text or all numbers; got {kinds}.")


def names_of_tables(true, predicted):
    """Return the videos of both tables, in the order in which they come."""
    predicted = predicted["filename"].unique().tolist()
    true = [] if true is None else true["filename"].unique().tolist()
    if not true and not predicted:
        raise ValueError("There is no video to draw: the tables have no row, and videos is None; name some by videos.")
    if true and predicted and not set(true) & set(predicted):
        raise ValueError(
            f"true_events and predicted_events have no video in common: filename is {first_few(true)} in the former "
            f"and {first_few(predicted)} in the latter. Name them alike, or say which to draw by videos."
        )
    return list(dict.fromkeys([*true, *predicted]))


def rows_of_videos(events, names):
    """Return the rows of a table that are events of these videos."""
    return events[events["filename"].isin(names) & events["event_label"].notna()]


def labels_in_order(classes, *labels):
    """Return `classes` as a list and, behind them, the other labels that occur, sorted."""
    known = [] if classes is None else classes.tolist()
    found = {label for some in labels for label in np.unique(some).tolist()}
    return [*known, *sorted(found - set(known))]
