"""Scores of stretches of segments, such as those that the clips of long videos join to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._targets.labels import label_kind
from ave_sklearn.metrics._events import event_f1_score
from ave_sklearn.metrics._references import reference_predictions
from ave_sklearn.metrics._segments import segment_accuracy_score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray


def score_stretches(
    names: Sequence[str], true: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]], background: Any
) -> dict[str, Any]:
    """Return the scores of stretches of segments, and of what to read them beside.

    Parameters
    ----------
    names : sequence of str
        The video of each stretch.
    true, found : sequences of ndarrays
        Labels of the segments of each stretch; a segment of a video must be in one of them alone.
    background : label or None
        Without one there are no references.

    Returns
    -------
    scores : dict
        ``videos`` and ``segments`` (how many), ``model`` and ``references`` (measures, and such a dict for each
        reference).
    """
    beside = {}
    if background is not None:
        references = reference_predictions(pad_rows(true, background), background=background, groups=names)
        beside = {
            name: [row[: len(labels)] for row, labels in zip(rows, true, strict=True)]
            for name, rows in references.items()
        }
    return {
        "videos": len(set(names)),
        "segments": sum(map(len, true)),
        "model": _measures(true, found, background),
        "references": {name: _measures(true, rows, background) for name, rows in beside.items()},
    }


def joined_stretches(
    true: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]], background: Any
) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return stretches of labels as pairs of true and found ones: all in one row, and a row a stretch, filled up."""
    segments = [np.concatenate(stretches)[None] for stretches in (true, found)]
    return segments, [pad_rows(stretches, background) for stretches in (true, found)]


def pad_rows(rows: Sequence[NDArray[Any]], fill: Any) -> NDArray[Any]:
    """Return label sequences of different lengths as one array, the shorter ones filled up at their end."""
    n_columns = max(map(len, rows))
    return np.array([np.concatenate([row, np.full(n_columns - len(row), fill)]) for row in rows])


def _measures(true: Sequence[NDArray[Any]], found: Sequence[NDArray[Any]], background: Any) -> dict[str, float]:
    """Return the measures of stretches of labels, lists of arrays."""
    fill = _other_label([*true, *found]) if background is None else background
    segments, events = joined_stretches(true, found, fill)
    return {
        "segment_accuracy": segment_accuracy_score(*segments),
        "event_f1": event_f1_score(*events, background=fill),
    }


def _other_label(rows: Sequence[NDArray[Any]]) -> Any:
    """Return a label that is none of those of some rows, of their kind."""
    labels = np.unique(np.concatenate(rows))
    if label_kind(labels) == "numbers":
        return int(labels.max()) + 1
    return "x" * (1 + max(map(len, labels.tolist())))
