"""Metrics over events: runs of one label, each of which counts once."""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from ave_sklearn._checks import as_float
from ave_sklearn._targets.events import find_runs
from ave_sklearn._targets.grid import check_grid
from ave_sklearn._targets.labels import is_background, read_label_pair, read_segment_labels
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal
from ave_sklearn.metrics._segments import name_rows

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

    from ave_sklearn._typing import Label


def event_f1_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    background: Label | None = "background",
    collar: float | None = None,
    iou: float | None = None,
    average: Literal["micro", "macro"] = "micro",
    segment_seconds: float = 1.0,
    hop_seconds: float | None = None,
    zero_division: float = 0.0,
) -> float:
    r"""F1 of events: runs of one label, found again at about the right time.

    A true and a predicted event may be paired if they have the same video and label and

    - ``collar``: :math:`|on - \hat{on}| \le collar` and :math:`|off - \hat{off}| \le collar`, or
    - ``iou``: the time they share, divided by the time that either takes, is at least ``iou``.

    Both hold up to a tolerance of 1e-6 (seconds, or of the ratio), so that what float arithmetic rounds, such as the
    thresholds of ``np.arange(0.1, 1, 0.1)`` or a collar of ``3 * 0.1``, decides nothing. float32 and float16 numbers
    are first read as their shortest decimals. sed_eval compares without a tolerance; mir_eval rounds to four decimals.

    Each event is in one pair at most, and the pairs are chosen so that they are as many as possible
    (maximum bipartite matching), as sed_eval and DCASE do it [1]_. With TP pairs, F1 is

    .. math:: \frac{2 TP}{n_{true} + n_{predicted}}

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_videos, n_segments)
        True and predicted labels; of a one-hot array (n_videos, n_segments, n_classes) the columns are 0 to
        n_classes - 1.
    background : label or None, default="background"
        The label which is no event; None if there is none.
    collar : float, default=None
        Tolerance of onset and of offset, in seconds. sed_eval, unlike this, may widen the offset's collar
        with the length of the event; give it ``percentage_of_length=0`` to compare.
    iou : float, default=None
        Intersection over union that is needed, within (0, 1]; 0.5 if ``collar`` is None, too.
    average : {"micro", "macro"}, default="micro"
        One F1 over the events of all labels, or the mean of each label's F1 over the labels which have a
        true or a predicted event.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
    zero_division : float, default=0.0
        The result if there is neither a true nor a predicted event. If there are only true or only
        predicted events, F1 is 0.

    Returns
    -------
    f1 : float
        Within [0, 1]; higher is better.

    Raises
    ------
    ValueError
        If the shapes differ or are not (n_videos, n_segments), both ``collar`` and ``iou`` are given or
        one is out of range, ``average`` is neither word, ``segment_seconds`` or ``hop_seconds`` is not positive, or
        ``background`` is text and the labels are numbers or the other way round.

    See Also
    --------
    event_report : Precision, recall and F1 of each label.

    References
    ----------
    .. [1] A. Mesaros, T. Heittola, T. Virtanen, "Metrics for Polyphonic Sound Event Detection", Applied
       Sciences 6(6):162, 2016.

    Examples
    --------
    >>> from ave_sklearn.metrics import event_f1_score
    >>> y_true = [["background", "dog", "dog", "dog", "background"]]
    >>> y_pred = [["background", "background", "dog", "dog", "cat"]]
    >>> event_f1_score(y_true, y_pred)
    0.6666666666666666
    >>> event_f1_score(y_true, y_pred, collar=0.5)
    0.0
    """
    if average not in ("micro", "macro"):
        raise ValueError(f"average must be 'micro' or 'macro'; got {average!r}.")
    labels, counts = _event_counts(
        y_true, y_pred, background, _check_match(collar, iou, check_grid(segment_seconds, hop_seconds))
    )
    if average == "micro" or len(labels) == 0:
        counts = counts.sum().to_frame().T
    return float(_rates(counts, zero_division)["f1"].mean())


def event_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    background: Label | None = "background",
    collar: float | None = None,
    iou: float | None = None,
    segment_seconds: float = 1.0,
    hop_seconds: float | None = None,
    zero_division: float = 0.0,
) -> pd.DataFrame:
    """Precision, recall and F1 of each label's events, as a DataFrame.

    Events are paired as `event_f1_score` describes. Precision is the number of pairs divided by that of
    predicted events, recall divided by that of true events.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_videos, n_segments)
        True and predicted labels; of a one-hot array (n_videos, n_segments, n_classes) the columns are 0 to
        n_classes - 1.
    background : label or None, default="background"
        The label which is no event; None if there is none.
    collar : float, default=None
        Tolerance of onset and of offset, in seconds.
    iou : float, default=None
        Intersection over union that is needed, within (0, 1]; 0.5 if ``collar`` is None, too.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.
    zero_division : float, default=0.0
        Precision where no event is predicted, recall where none is true, F1 where there is neither.

    Returns
    -------
    report : DataFrame
        The columns ``precision``, ``recall``, ``f1``, ``n_true``, ``n_predicted`` and ``n_matched``. One
        row a label that has a true or a predicted event, sorted, and then ``"micro avg"``, over all
        events, and ``"macro avg"``, the mean of the labels' rows.

    Raises
    ------
    ValueError
        As `event_f1_score`.

    Examples
    --------
    >>> from ave_sklearn.metrics import event_report
    >>> y_true = [["background", "dog", "dog", "dog", "background"]]
    >>> y_pred = [["background", "background", "dog", "dog", "cat"]]
    >>> event_report(y_true, y_pred).round(2)  # doctest: +NORMALIZE_WHITESPACE
               precision  recall    f1  n_true  n_predicted  n_matched
    label
    cat              0.0     0.0  0.00       0            1          0
    dog              1.0     1.0  1.00       1            1          1
    micro avg        0.5     1.0  0.67       1            2          1
    macro avg        0.5     0.5  0.50       1            2          1
    """
    labels, counts = _event_counts(
        y_true, y_pred, background, _check_match(collar, iou, check_grid(segment_seconds, hop_seconds))
    )
    totals = counts.sum().to_frame().T
    rates, micro = _rates(counts, zero_division), _rates(totals, zero_division)
    macro = rates.mean().to_frame().T if len(labels) else micro
    report = pd.concat([pd.concat([rates, micro, macro]), pd.concat([counts, totals, totals])], axis=1)
    return name_rows(report, labels, ["micro avg", "macro avg"])


def match_runs(true, pred, *, collar=None, iou=None, hop=1.0):
    r"""Pair true and predicted runs one to one, as many as possible.

    Two runs may be paired if they have the same video and label and, with ``collar``, their starts and
    their stops each differ by ``collar`` at most, or, with ``iou``,

    .. math:: \frac{|true \cap pred|}{|true \cup pred|} \ge iou

    up to `TIME_TOLERANCE`; runs that share no time are not paired by ``iou``, however small it is. Of all ways to pair
    them, one with the most pairs is taken (Hopcroft and Karp's maximum matching).

    Parameters
    ----------
    true, pred : dict of str to ndarray of shape (n_true,) or (n_pred,)
        ``video``, ``label``, ``start`` and ``stop`` of each run, in segments.
    collar, iou : float, default=None
        One of the two: the tolerance in seconds, or the least intersection over union.
    hop : float, default=1.0
        Seconds from one segment to the next.

    Returns
    -------
    partner : ndarray of shape (n_true,)
        The index of each true run's partner; -1 if it has none.
    """
    if len(true["video"]) == 0 or len(pred["video"]) == 0:
        return np.full(len(true["video"]), -1)
    left, right = (pd.DataFrame(runs).reset_index() for runs in (true, pred))
    pairs = left.merge(right, on=["video", "label"], suffixes=("_true", "_pred"))
    if iou is None:
        fits = _distance(pairs) * hop <= collar + TIME_TOLERANCE
    else:
        fits = _iou(pairs) >= max(iou - TIME_TOLERANCE, TIME_TOLERANCE)
    pairs = pairs[fits]
    edges = (np.ones(len(pairs), dtype=np.int8), (pairs["index_true"], pairs["index_pred"]))
    graph = csr_array(edges, shape=(len(left), len(right)))
    return maximum_bipartite_matching(graph, perm_type="column")


def _distance(pairs):
    """Return how many segments the starts or the stops of each pair of runs are apart, whichever is more."""
    start = (pairs["start_true"] - pairs["start_pred"]).abs()
    stop = (pairs["stop_true"] - pairs["stop_pred"]).abs()
    return np.maximum(start, stop)


def _iou(pairs):
    """Return intersection over union of each pair of runs."""
    first = np.maximum(pairs["start_true"], pairs["start_pred"])
    last = np.minimum(pairs["stop_true"], pairs["stop_pred"])
    intersection = np.maximum(last - first, 0)
    lengths = pairs["stop_true"] - pairs["start_true"] + pairs["stop_pred"] - pairs["start_pred"]
    return intersection / (lengths - intersection)


def _check_match(collar, iou, grid):
    """Return the options of `match_runs` as floats: the collar and the hop, or the intersection over union."""
    collar, iou = as_decimal(collar), as_decimal(iou)
    if collar is not None and iou is not None:
        raise ValueError(f"Give collar or iou, not both; got collar={collar!r} and iou={iou!r}.")
    if collar is not None:
        if not 0 <= as_float(collar) < np.inf:
            raise ValueError(f"collar must be a number of seconds, 0 or more; got {collar!r}.")
        return {"collar": float(collar), "hop": grid.hop_seconds}
    iou = 0.5 if iou is None else iou
    if not 0 < as_float(iou) <= 1 + TIME_TOLERANCE:
        raise ValueError(f"iou must be above 0 and at most 1; got {iou!r}.")
    return {"iou": float(iou)}


def _event_counts(y_true, y_pred, background, match):
    """Count each label's true, predicted and paired events; labels without any are left out."""
    y_true, y_pred = read_label_pair(y_true, y_pred, read_segment_labels)
    both = np.stack([y_true, y_pred])
    is_event = ~is_background(both, background)
    labels, codes = np.unique(both, return_inverse=True)
    true, pred = (_coded_runs(*half) for half in zip(codes.reshape(both.shape), is_event, strict=True))
    partner = match_runs(true, pred, **match)
    found = {"n_true": true["label"], "n_predicted": pred["label"], "n_matched": true["label"][partner >= 0]}
    counts = pd.DataFrame({name: np.bincount(code, minlength=len(labels)) for name, code in found.items()})
    occurs = (counts["n_true"] + counts["n_predicted"]).to_numpy() > 0
    return labels[occurs], counts[occurs]


def _coded_runs(codes, is_event):
    """Find the events of integer labels, each with its label."""
    runs = find_runs(codes, ~is_event)
    return {**runs, "label": codes[runs["video"], runs["start"]]}


def _rates(counts, zero_division):
    """Compute precision, recall and F1 from the counts of events, row by row."""
    if not isinstance(zero_division, numbers.Real):
        raise ValueError(f"zero_division must be a number; got {zero_division!r}.")
    matched = counts["n_matched"]
    rates = {
        "precision": matched / counts["n_predicted"],
        "recall": matched / counts["n_true"],
        "f1": 2 * matched / (counts["n_true"] + counts["n_predicted"]),
    }
    return pd.DataFrame(rates).fillna(as_float(zero_division))
