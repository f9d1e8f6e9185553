"""Segment labels and what is read off them: events (runs of one label) and a video's category."""

import numpy as np
import pandas as pd

from ave_sklearn._targets.labels import (
    as_array,
    as_labels,
    as_segment_labels,
    background_code,
    check_positive,
    event_category,
    is_background,
)

__all__ = ["segments_to_events", "video_category"]


def segments_to_events(y, *, background="background", segment_duration=1.0, scores=None, videos=None):
    r"""List the events of segment labels: each maximal run of one label that is not background.

    A run of label :math:`c` over the segments :math:`s, \dots, e - 1` of a video becomes one row with
    onset :math:`s \cdot d` and offset :math:`e \cdot d`, where :math:`d` is ``segment_duration``.

    Parameters
    ----------
    y : array-like of shape (n_videos, n_segments)
        Labels: int, str or object.
    background : label or None, default="background"
        The label which is no event; None if there is none, so that every segment belongs to an event.
    segment_duration : float, default=1.0
        Length of a segment in seconds.
    scores : array-like of shape (n_videos, n_segments), default=None
        Probability of each segment's label, within [0, 1].
    videos : array-like of shape (n_videos,), default=None
        Names of the rows of ``y``; their numbers 0, 1, ... if None.

    Returns
    -------
    events : DataFrame
        One row an event, in the order of ``y``'s rows and then of time, with the columns ``video``,
        ``onset`` and ``offset`` (seconds), ``event_label`` and, if ``scores`` is given, ``score``: the
        mean of the run's scores.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, ``y`` holds no labels (missing values, proportions, one-hot),
        ``background`` is text and the labels are numbers or the other way round, ``segment_duration`` is
        not positive, or a score lies outside [0, 1].

    Examples
    --------
    >>> from ave_sklearn._targets.events import segments_to_events
    >>> segments_to_events([["background", "dog", "dog", "cat"]], videos=["a.mp4"])
       video  onset  offset event_label
    0  a.mp4    1.0     3.0         dog
    1  a.mp4    3.0     4.0         cat
    """
    y = as_segment_labels(y, "y")
    duration = check_positive(segment_duration, "segment_duration")
    videos = _check_videos(videos, len(y))
    runs = find_runs(y, is_background(y, background))
    events = pd.DataFrame(
        {
            "video": videos[runs["video"]],
            "onset": runs["start"] * duration,
            "offset": runs["stop"] * duration,
            "event_label": y[runs["video"], runs["start"]],
        }
    )
    return events if scores is None else events.assign(score=_mean_scores(_check_scores(scores, y), runs))


def video_category(y, *, background="background", classes=None):
    """Give each video one label: its most frequent event label, or background if it has no event.

    Equally frequent labels: the one that sorts first.

    Parameters
    ----------
    y : array-like
        The targets of n videos, in any of the forms that the localizers accept:

        - (n_videos,): categories already, returned as they are;
        - (n_videos, n_segments) of int, bool, str or object: segment labels. A 0/1 integer array is
          always read as segment labels;
        - (n_videos, n_segments, n_classes): one-hot segment labels;
        - (n_videos, n_classes) of floats: proportions, rows that sum to 1; the largest is taken.
    background : label or None, default="background"
        The label which is no event. For one-hot targets and proportions it is found among ``classes``; if
        it is not there, the background column is not known and counts like any other.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of one-hot targets and proportions; ``arange(n_classes)`` if None.

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
    y = as_array(y, "y")
    if y.size == 0:
        raise ValueError(f"y must have at least one video and one segment; got the shape {y.shape}.")
    if y.ndim == 1:
        return as_labels(y, "y", whole=False)
    weight, labels = _class_weights(y, classes)
    return labels[event_category(weight, background_code(labels, background))]


def find_runs(y, background_mask):
    """Find the maximal runs of equal labels that are not background.

    Parameters
    ----------
    y : ndarray of shape (n_videos, n_segments)
        Labels.
    background_mask : ndarray of shape (n_videos, n_segments)
        Where ``y`` is background.

    Returns
    -------
    runs : dict of str to ndarray of shape (n_runs,)
        The row ``video``, the first segment ``start`` and the segment ``stop`` after the last, in the
        order of rows and then of time.
    """
    n_segments = y.shape[1]
    begins = np.ones(y.shape, dtype=bool)
    begins[:, 1:] = y[:, 1:] != y[:, :-1]
    first = np.flatnonzero(begins)  # of every run, background included; no run crosses a row's end
    length = np.diff(first, append=y.size)
    keep = ~background_mask.ravel()[first]
    video, start = np.divmod(first[keep], max(n_segments, 1))
    return {"video": video, "start": start, "stop": start + length[keep]}


def _class_weights(y, classes):
    """Return how much of each class each video has, (n_videos, n_classes), and the classes' labels."""
    if y.ndim == 2 and y.dtype.kind != "f":
        return _label_counts(as_labels(y, "y"))
    if y.ndim not in (2, 3) or y.dtype.kind not in "biuf":
        raise ValueError(
            "y must be categories (n_videos,), labels (n_videos, n_segments), a one-hot array (n_videos, "
            f"n_segments, n_classes) or proportions (n_videos, n_classes); got {y.dtype} of shape {y.shape}."
        )
    _check_columns_sum_to_one(y)
    weight = y if y.ndim == 2 else y.sum(axis=1)
    return weight, _column_labels(classes, y.shape[-1])


def _label_counts(y):
    """Count each label in each row of (n_videos, n_segments) labels."""
    labels, codes = np.unique(y, return_inverse=True)
    cell = np.arange(len(y))[:, None] * len(labels) + codes.reshape(y.shape)
    counts = np.bincount(cell.ravel(), minlength=len(y) * len(labels))
    return counts.reshape(len(y), len(labels)), labels


def _check_columns_sum_to_one(y):
    """Refuse proportions or one-hot rows that are negative or do not sum to 1 (to within 0.001)."""
    bad = ~np.isclose(y.sum(axis=-1), 1, rtol=0, atol=1e-3) | ~np.all(y >= 0, axis=-1)
    if np.any(bad):
        form = "a one-hot array (n_videos, n_segments, n_classes)" if y.ndim == 3 else "proportions"
        raise ValueError(
            f"y has the shape {y.shape} and the dtype {y.dtype}, so it is read as {form}, but its columns "
            f"are negative or do not sum to 1, first in row {np.argwhere(bad)[0].tolist()}. Segment labels "
            "that are numbers must be integers."
        )


def _column_labels(classes, n_columns):
    """Return the labels of the columns, ``arange`` by default."""
    labels = np.arange(n_columns) if classes is None else as_labels(classes, "classes")
    if labels.shape != (n_columns,):
        raise ValueError(f"classes must name the {n_columns} columns of y; got the shape {labels.shape}.")
    return labels


def _check_videos(videos, n_videos):
    """Return the names of the videos as an array, their numbers by default."""
    videos = np.arange(n_videos) if videos is None else as_array(videos, "videos")
    if videos.shape != (n_videos,):
        raise ValueError(f"videos must name the {n_videos} rows of y; got the shape {videos.shape}.")
    return videos


def _check_scores(scores, y):
    """Return the scores as float64, shaped like ``y`` and within [0, 1] up to rounding."""
    scores = as_array(scores, "scores").astype(np.float64)
    if scores.shape != y.shape:
        raise ValueError(
            f"scores must hold one number for each of y's segments, shape {y.shape}; got the shape "
            f"{scores.shape}. Of (n, T, C) probabilities take the maximum over the last axis."
        )
    if not np.all((scores >= 0) & (scores <= 1 + 1e-6)):
        raise ValueError("scores must be probabilities within [0, 1]; got others, or NaN.")
    return scores


def _mean_scores(scores, runs):
    """Average the scores of each run."""
    row = runs["video"] * scores.shape[1]
    edges = np.column_stack([row + runs["start"], row + runs["stop"]]).ravel()
    sums = np.add.reduceat(np.append(scores, 0.0), edges)[::2]  # every other sum is of a gap between runs
    return sums / (runs["stop"] - runs["start"])
