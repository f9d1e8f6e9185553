"""Predictions that tell no second of a video from another, to read a score beside theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._targets.categories import group_category
from ave_sklearn._targets.encoding import ClassRule
from ave_sklearn._targets.groups import read_groups
from ave_sklearn._targets.labels import check_not_empty, is_background, read_segment_labels

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Label


def reference_predictions(
    y_true: ArrayLike, *, background: Label = "background", groups: ArrayLike | None = None
) -> dict[str, NDArray[Any]]:
    """Predict, from the true labels, what tells no second of a video from another.

    A system that finds *when* something happens should be better than either. The second is handed the category of
    each video, which a system has to find.

    Parameters
    ----------
    y_true : array-like of shape (n_videos, n_segments)
        True labels; of a one-hot array (n_videos, n_segments, n_classes) the columns are 0 to n_classes - 1.
    background : label, default="background"
        The label which is no event.
    groups : array-like of shape (n_videos,), default=None
        Of which video each row is, where videos are cut into several; they share the category, the most frequent
        event label of all their segments together.

    Returns
    -------
    predictions : dict of str to ndarray of shape (n_videos, n_segments)
        ``"everything background"`` and ``"right category, every second an event"``. The latter has `background` in
        videos without an event. Of equally frequent labels it has the one that sorts first, as `video_category` does.

    Raises
    ------
    ValueError
        If ``y_true`` holds no segment labels, ``background`` is None or text where the labels are numbers, or the
        other way round, or ``groups`` does not name the video of each row.

    Examples
    --------
    >>> from ave_sklearn.metrics import reference_predictions, segment_accuracy_score
    >>> y_true = [["background", "dog", "dog"], ["cat", "cat", "background"]]
    >>> for name, y_pred in reference_predictions(y_true).items():
    ...     print(f"{name}: {segment_accuracy_score(y_true, y_pred):.3f}")
    everything background: 0.333
    right category, every second an event: 0.667
    """
    y = check_not_empty(read_segment_labels(y_true, "y_true"))
    if background is None:
        raise ValueError("background is None; wanted the label that means background.")
    is_background(y, background)  # refuses text among numbers
    groups = np.arange(len(y)) if groups is None else read_groups(groups, len(y))
    category = group_category(y, groups, ClassRule(None, background))[groups]
    return {
        "everything background": np.full(y.shape, background),
        "right category, every second an event": np.repeat(category[:, None], y.shape[1], axis=1),
    }
