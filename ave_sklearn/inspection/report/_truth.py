"""Truth of a report: labels of segments, or the events of a list, as a label for each segment of the clips."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ave_sklearn._checks import first_few
from ave_sklearn._targets.labels import label_kind, read_labels
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._event_rows import OLD_NAMES, REQUIRED, check_frame
from ave_sklearn.datasets._matching import match_names
from ave_sklearn.extraction._clips import clip_labels
from ave_sklearn.inspection._true_labels import read_true
from ave_sklearn.inspection.report._arguments import name_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ave_sklearn._targets.grid import Grid


def is_event_list(y_true: Any) -> bool:
    """Tell whether a truth is a list of events; raise ValueError for a file's name."""
    if isinstance(y_true, str | os.PathLike):
        raise ValueError(
            f"y_true is the text {name_of(y_true)!r:.100}; wanted labels or a DataFrame of events: read it with "
            "ave_sklearn.datasets.read_events."
        )
    return isinstance(y_true, pd.DataFrame) and not {*REQUIRED, *OLD_NAMES}.isdisjoint(y_true.columns)


def read_event_truth(y_true: pd.DataFrame, names: Sequence[str], localizer: Any) -> pd.DataFrame:
    """Return the events of a list, its files called as the videos are.

    Parameters
    ----------
    y_true : DataFrame
    names : sequence of str
        The videos of the report.
    localizer : fitted localizer

    Returns
    -------
    events : DataFrame
        Those of `names`.

    Raises
    ------
    ValueError
        If a row is no event, no file is among the videos or one could be several of them, or the labels are not of
        the kind of the model's.

    Warns
    -----
    UserWarning
        If files of the list are not among the videos, or videos are not in the list.
    """
    events = check_frame(y_true, "y_true")
    events = events.assign(filename=pd.array([name_of(name) for name in events["filename"]], dtype=object))
    _check_kind(events, localizer)
    if events.empty:
        raise ValueError("y_true has no row; wanted events, or a row of its name alone for each video without any.")
    matched: pd.DataFrame = match_names(events, list(names), "y_true")
    listed = set(matched["filename"])
    unlisted = [name for name in names if name not in listed]
    if unlisted:
        background = localizer.background_
        warn_user(
            f"{len(unlisted)} of {len(names)} videos are not in y_true: taken as all {background}: "
            f"{first_few(unlisted)}"
        )
    return matched


def label_events(
    events: pd.DataFrame,
    clips: pd.DataFrame,
    n_segments: int,
    skipped: Collection[str],
    localizer: Any,
    grid: Grid,
    min_overlap: float,
) -> NDArray[Any]:
    """Return the labels (n, T) that events give the segments of clips; see `clip_labels`."""
    events = events[events["filename"].isin(clips["filename"])]
    options = {"grid": grid, "background": localizer.background_, "min_overlap": min_overlap}
    try:
        return np.asarray(clip_labels(events, clips, n_segments, set(skipped), **options))
    except ValueError as error:
        raise ValueError(f"y_true: {error}") from error


def read_label_truth(y_true: Any, localizer: Any, n_rows: int, n_segments: int) -> NDArray[Any]:
    """Return the labels (n, T) of a truth that is an array, one-hot or not, as the localizer's ``score`` reads it."""
    try:
        return np.asarray(read_true(y_true, localizer, n_rows, n_segments, name="y_true"))
    except TypeError as error:  # of whole numbers beyond 64 bits, which NumPy keeps as objects
        raise ValueError(f"y_true holds labels that cannot be compared with the model's classes: {error}") from error


def _check_kind(events: pd.DataFrame, localizer: Any) -> None:
    """Refuse events whose labels cannot be those of the model."""
    background, classes = localizer.background_, np.asarray(localizer.classes_)
    labels = read_labels(events["event_label"].dropna().to_numpy(), "event_label of y_true")
    if background is None or label_kind(np.asarray(background)) != label_kind(classes):
        raise ValueError(
            f"y_true is a list of events, beside which all is background, but the model has none: its background_ is "
            f"{background!r}, and its classes are {first_few(classes.tolist())}. Give a label for each segment."
        )
    if len(labels) and label_kind(labels) != label_kind(classes):
        raise ValueError(
            f"y_true: event_label is {label_kind(labels)}, such as {labels.tolist()[0]!r}; the model's classes are "
            f"{label_kind(classes)}, such as {classes.tolist()[0]!r}."
        )
