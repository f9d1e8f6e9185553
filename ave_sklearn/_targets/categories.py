"""Category of a video: its most frequent event class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._targets.encoding import ClassRule, encode_labels, encode_target, event_category
from ave_sklearn._targets.labels import column_names, read_labels, read_target

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import Label


def video_category(
    y: ArrayLike,
    *,
    background: Label | None = "background",
    classes: ArrayLike | None = None,
    n_segments: int | None = None,
) -> NDArray[Any]:
    """Give each video one label: its most frequent event label, or background if it has no event.

    Equally frequent labels: the one that sorts first, whatever the form of ``y``.

    Parameters
    ----------
    y : array-like
        The targets of n videos, in any of the forms that the localizers accept:

        - (n_videos,): categories already, returned as they are;
        - (n_videos, n_segments) of int, bool, str, object, or floats that are whole numbers: segment labels. A 0/1
          integer array is always read as segment labels;
        - (n_videos, n_segments, n_classes): one-hot segment labels;
        - (n_videos, n_classes) of floats: proportions, rows that sum to 1; the largest is taken. The columns of a
          DataFrame are the classes that they are named after.
    background : label or None, default="background"
        The label which is no event. For one-hot targets and proportions it is found among ``classes``; if
        it is not there, the background column is not known and counts like any other.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of one-hot targets and proportions; if None, the names of a DataFrame's columns or
        ``arange(n_classes)``.
    n_segments : int or None, default=None
        Segments of a video, where they are known: numbers in another number of columns are proportions then, and
        whole numbers in as many columns are labels. None: floats of 0 and 1 whose rows sum to 1 are proportions.

    Returns
    -------
    category : ndarray of shape (n_videos,)
        One label a video.

    Raises
    ------
    ValueError
        If ``y`` has none of these forms, has no videos or no segments, or ``classes`` does not name each
        column.

    Examples
    --------
    >>> from ave_sklearn.model_selection import video_category
    >>> y = [["background", "dog", "background"], ["background", "background", "background"]]
    >>> video_category(y).tolist()
    ['dog', 'background']
    >>> video_category([[0.8, 0.2, 0.0], [1.0, 0.0, 0.0]], background=0).tolist()
    [1, 0]
    """
    return target_category(read_target(y), ClassRule(classes, background, names=column_names(y)), n_segments)


def target_category(y, rule, n_segments=None):
    """Return what :func:`video_category` does of a target `y` that :func:`read_target` has read, by its ClassRule."""
    if y.ndim == 1 and y.size:
        return read_labels(y)
    return group_category(y, np.arange(len(y)), rule, n_segments)


def group_category(y, groups, rule, n_segments=None):
    """Give each group of videos one label: the most frequent event label of all their segments together.

    Parameters
    ----------
    y : ndarray
        Target of n videos that :func:`read_target` has read. Of categories (n_videos,) each counts once.
    groups : int ndarray of shape (n_videos,)
        Of each video, 0 to n_groups - 1.
    rule : ClassRule
    n_segments : int or None, default=None
        As in :func:`video_category`.

    Returns
    -------
    category : ndarray of shape (n_groups,)
        Background where no video of the group has an event. Of equally frequent labels the one that sorts first.
    """
    if y.size == 0:
        raise ValueError(f"y must have at least one video and one segment; got the shape {y.shape}.")
    if y.ndim == 1:
        targets = encode_labels(read_labels(y)[:, None], ClassRule(None, rule.background))
    else:
        targets = encode_target(y, rule, n_segments)
    share = np.zeros((groups.max() + 1, len(targets.classes)))
    np.add.at(share, groups, targets.proportions())
    return targets.classes[event_category(share, targets.background)]
