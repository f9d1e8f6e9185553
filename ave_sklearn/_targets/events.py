"""Events of segment labels: runs of one label that are not background."""

import numpy as np
import pandas as pd

from ave_sklearn._targets.grid import check_grid
from ave_sklearn._targets.labels import as_array, is_background, read_numbers, read_segment_labels


def segments_to_events(y, *, background="background", segment_seconds=1.0, hop_seconds=None, scores=None, videos=None):
    r"""List the events of segment labels: each maximal run of one label that is not background.

    A run of label :math:`c` over the segments :math:`s, \dots, e - 1` of a video becomes one row with
    onset :math:`s \cdot h` and offset :math:`e \cdot h`, where :math:`h` is ``hop_seconds``.

    Parameters
    ----------
    y : array-like of shape (n_videos, n_segments)
        Labels: int, str or object.
    background : label or None, default="background"
        The label which is no event; None if there is none, so that every segment belongs to an event.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
    scores : array-like of shape (n_videos, n_segments), default=None
        Probability of each segment's label, within [0, 1].
    videos : array-like of shape (n_videos,), default=None
        Names of the rows of ``y``; their numbers 0, 1, ... if None.

    Returns
    -------
    events : DataFrame
        One row an event, in the order of ``y``'s rows and then of time, with the columns ``filename``,
        ``onset`` and ``offset`` (seconds), ``event_label`` and, if ``scores`` is given, ``score``: the
        mean of the run's scores.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, ``y`` holds no labels (missing values, proportions),
        ``background`` is text and the labels are numbers or the other way round, ``segment_seconds`` or
        ``hop_seconds`` is not positive, or a score lies outside [0, 1].

    Examples
    --------
    >>> from ave_sklearn._targets.events import segments_to_events
    >>> segments_to_events([["background", "dog", "dog", "cat"]], videos=["a.mp4"])
      filename  onset  offset event_label
    0    a.mp4    1.0     3.0         dog
    1    a.mp4    3.0     4.0         cat
    """
    y = read_segment_labels(y, "y")
    hop = check_grid(segment_seconds, hop_seconds).hop_seconds
    videos = _check_videos(videos, len(y))
    runs = find_runs(y, is_background(y, background))
    events = pd.DataFrame(
        {
            "filename": videos[runs["video"]],
            "onset": runs["start"] * hop,
            "offset": runs["stop"] * hop,
            "event_label": y[runs["video"], runs["start"]],
        }
    )
    return events if scores is None else events.assign(score=_mean_scores(_check_scores(scores, y), runs))


def code_events(codes, scores, classes, background, **options):
    """List the events of class codes; a background label that is not among the classes marks none.

    Parameters
    ----------
    codes : ndarray of int, of shape (n_videos, n_segments)
    scores : ndarray of shape (n_videos, n_segments)
        Probability of each segment's class.
    classes : ndarray of shape (n_classes,)
    background : label
    **options
        For `segments_to_events`.

    Returns
    -------
    events : DataFrame
    """
    known = background if background in classes.tolist() else None
    return segments_to_events(classes[codes], background=known, scores=scores, **options)


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


def _check_videos(videos, n_videos):
    """Return the names of the videos as an array, their numbers by default."""
    videos = np.arange(n_videos) if videos is None else as_array(videos, "videos")
    if videos.shape != (n_videos,):
        raise ValueError(f"videos must name the {n_videos} rows of y; got the shape {videos.shape}.")
    return videos


def _check_scores(scores, y):
    """Return the scores as float64, shaped like ``y`` and within [0, 1] up to rounding."""
    scores = read_numbers(scores, "scores").astype(np.float64)
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
