"""One video of X, in whatever form X is, and the labels of its segments."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._checks import plain
from ave_sklearn._targets.events import find_runs
from ave_sklearn._targets.labels import is_background, read_labels
from ave_sklearn.inspection._true_labels import read_true
from ave_sklearn.metrics._scorers import fitted_background

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

LABELS_ARE = ("true", "predicted")


def take_video(X: Any, video: int) -> Any:
    """Return the features of one video in the form that X has; no other video is read.

    Raises
    ------
    ValueError
        If `video` is no number of a video of X, or X is a mapping without audio or visual features.
    """
    if isinstance(X, Mapping):
        if not {"audio", "visual"} <= set(X):
            raise ValueError(f"X is a {type(X).__name__} with the keys {sorted(X)}; wanted 'audio' and 'visual'.")
        return {name: take_video(X[name], video) for name in ("audio", "visual")}
    if not isinstance(video, Integral) or isinstance(video, bool) or not 0 <= video < len(X):
        raise ValueError(f"video is {plain(video)!r}; wanted the number of one of the {len(X)} videos of X, from 0 on.")
    return getattr(X, "iloc", X)[video : video + 1]


def labels_of_video(estimator: Any, X: Any, y: Any, video: int, n_segments: int) -> dict[str, Any]:
    """Return the labels of a video as a display takes them: its labels, their background, and what they are.

    Parameters
    ----------
    estimator : fitted localizer
        Predicts the labels where `y` is None.
    X : features of all videos
    y : array-like of shape (n, T), one-hot (n, T, C), or None
    video : int
    n_segments : int
        T.
    """
    if y is None:
        labels = np.asarray(estimator.predict(take_video(X, video))).reshape(n_segments)
    else:
        n_videos = len(X["audio"] if isinstance(X, Mapping) else X)
        labels = read_true(y, estimator, n_videos, n_segments)[video]
    background = fitted_background(estimator)
    background = background if background in labels.tolist() else None
    return {"labels": labels, "background": background, "labels_are": "true" if y is not None else "predicted"}


def check_labels(labels: Any, background: Any, labels_are: str, n_segments: int) -> NDArray[Any]:
    """Return the labels of a video as an array (T,), or raise ValueError."""
    labels = read_labels(labels, "labels")
    if labels.shape != (n_segments,):
        raise ValueError(f"labels has the shape {labels.shape}; wanted a label for each of the {n_segments} segments.")
    if labels_are not in LABELS_ARE:
        raise ValueError(f"labels_are is {labels_are!r}; wanted 'true' or 'predicted'.")
    is_background(labels, background)
    return labels


def event_runs(labels: NDArray[Any] | None, background: Any) -> list[tuple[int, int]]:
    """Return the first segment of each event of a video, and the one behind its last; none without labels."""
    if labels is None:
        return []
    runs = find_runs(labels[None], is_background(labels, background)[None])
    return list(zip(runs["start"].tolist(), runs["stop"].tolist(), strict=True))
