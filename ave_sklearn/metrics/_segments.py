"""Metrics over segments: each second of each video counts for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from ave_sklearn._targets.labels import (
    TOLERANCE,
    check_not_empty,
    check_weights,
    label_kind,
    read_label_pair,
    read_labels,
    read_numbers,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def segment_accuracy_score(y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None) -> float:
    r"""Share of segments whose label is right, the metric of the paper.

    .. math:: \frac{\sum_i w_i \frac{1}{T} \sum_t [\hat y_{it} = y_{it}]}{\sum_i w_i}

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_videos, n_segments) or (n_videos,)
        True and predicted labels; of a one-hot array (n_videos, n_segments, n_classes) the columns are 0 to
        n_classes - 1.
    sample_weight : array-like of shape (n_videos,), default=None
        Weight of each video; all 1 if None.

    Returns
    -------
    accuracy : float
        Within [0, 1]; higher is better.

    Raises
    ------
    ValueError
        If the two shapes differ, there is no segment, labels are missing, masked or fractions, text labels meet
        numbers, or the weights are not n_videos non-negative numbers with a positive sum.

    References
    ----------
    .. [1] J. Zhou et al., "Positive Sample Propagation along the Audio-Visual Event Line", CVPR 2021.

    Examples
    --------
    >>> from ave_sklearn.metrics import segment_accuracy_score
    >>> segment_accuracy_score([["dog", "dog"], ["cat", "cat"]], [["dog", "cat"], ["cat", "cat"]])
    0.75
    """
    y_true, y_pred = read_label_pair(y_true, y_pred)
    weight = check_weights(sample_weight, len(y_true))
    correct = np.asarray(y_true == y_pred).reshape(len(y_true), -1)
    return mean_of_videos(correct, weight)


def segment_classification_report(
    y_true: ArrayLike, y_pred: ArrayLike, *, labels: ArrayLike | None = None, sample_weight: ArrayLike | None = None
) -> pd.DataFrame:
    r"""Precision, recall and F1 of each class over all segments, as a DataFrame.

    For a class with TP segments right, FP wrongly given and FN missed: precision TP / (TP + FP), recall
    TP / (TP + FN), F1 2 TP / (2 TP + FP + FN); 0 where the denominator is 0.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_videos, n_segments) or (n_videos,)
        True and predicted labels; of a one-hot array (n_videos, n_segments, n_classes) the columns are 0 to
        n_classes - 1.
    labels : array-like of shape (n_labels,), default=None
        The classes to list, in this order; all that occur, sorted, if None.
    sample_weight : array-like of shape (n_videos,), default=None
        Weight of each video; all 1 if None.

    Returns
    -------
    report : DataFrame
        The columns ``precision``, ``recall``, ``f1`` and ``support`` (segments whose true label is the
        class; their weight if weighted). One row a class, background too, and then ``"accuracy"``, the
        share of all segments that are right (the same in three columns, since every segment has just one
        label), and ``"macro avg"``, the mean over the listed classes. ``report.iloc[:-2]`` is the classes.

    Raises
    ------
    ValueError
        As `segment_accuracy_score`; or if ``labels`` is empty, repeats a label or mixes text and numbers.

    Examples
    --------
    >>> from ave_sklearn.metrics import segment_classification_report
    >>> report = segment_classification_report([["dog", "dog", "cat"]], [["dog", "cat", "cat"]])
    >>> report.round(2)  # doctest: +NORMALIZE_WHITESPACE
               precision  recall    f1  support
    label
    cat             0.50    1.00  0.67      1.0
    dog             1.00    0.50  0.67      2.0
    accuracy        0.67    0.67  0.67      3.0
    macro avg       0.75    0.75  0.67      3.0
    """
    y_true, y_pred = read_label_pair(y_true, y_pred)
    weight = check_weights(sample_weight, len(y_true))
    scaled, exponent = _in_range(weight)
    segment_weight = np.repeat(scaled, y_true.size // len(y_true))
    labels = np.unique(np.stack([y_true, y_pred])) if labels is None else _check_labels(labels, y_true)
    columns = precision_recall_fscore_support(
        y_true.ravel(), y_pred.ravel(), labels=labels, sample_weight=segment_weight, zero_division=0.0
    )
    names = ["precision", "recall", "f1", "support"]
    report = pd.DataFrame(dict(zip(names, columns, strict=True)), dtype=float)
    accuracy = segment_accuracy_score(y_true, y_pred, sample_weight=weight)
    summary = pd.DataFrame([[accuracy] * 3 + [segment_weight.sum()], report.mean()], columns=names)
    summary.loc[1, "support"] = report["support"].sum()
    report = pd.concat([report, summary])
    with np.errstate(over="ignore"):  # sums of weights beyond float64 are infinite
        report["support"] = np.ldexp(report["support"], exponent)
    return name_rows(report, labels, ["accuracy", "macro avg"])


def segment_log_loss(
    y_true: ArrayLike, y_proba: ArrayLike, *, labels: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    r"""Mean over the segments of :math:`-\log p` of the true label.

    .. math:: -\frac{1}{\sum_i w_i} \sum_i w_i \frac{1}{T} \sum_t \log p_{it, y_{it}}

    Probabilities are clipped from below at the machine epsilon of their dtype, so that one that is 0
    costs 36 in float64 and 16 in float32 rather than infinity.

    Parameters
    ----------
    y_true : array-like of shape (n_videos, n_segments) or (n_videos,)
        True labels.
    y_proba : array-like of shape (n_videos, n_segments, n_classes) or (n_videos, n_classes)
        Probabilities, as ``predict_proba`` gives them.
    labels : array-like of shape (n_classes,)
        The label of each column of ``y_proba``, in the columns' order: the estimator's ``classes_``.
    sample_weight : array-like of shape (n_videos,), default=None
        Weight of each video; all 1 if None.

    Returns
    -------
    loss : float
        In nats, not negative; lower is better.

    Raises
    ------
    ValueError
        If the shapes do not fit, ``labels`` repeats a label or misses one of ``y_true``, or ``y_proba``
        leaves [0, 1] or does not sum to 1 (to within 0.001) over the classes.

    Examples
    --------
    >>> from ave_sklearn.metrics import segment_log_loss
    >>> y_proba = [[[0.5, 0.5], [0.25, 0.75]]]
    >>> round(segment_log_loss([["dog", "dog"]], y_proba, labels=["cat", "dog"]), 4)
    0.4904
    """
    y_true = check_not_empty(read_labels(y_true, "y_true"))
    labels = _check_labels(labels, y_true)
    y_proba = _check_proba(y_proba, (*y_true.shape, len(labels)))
    weight = check_weights(sample_weight, len(y_true))
    column = _column_of(y_true, labels)
    p_true = np.take_along_axis(y_proba, column[..., None], axis=-1)
    log_p = np.log(np.clip(p_true, np.finfo(y_proba.dtype).eps, 1), dtype=np.float64)
    return abs(mean_of_videos(log_p.reshape(len(log_p), -1), weight))


def mean_of_videos(values, weight):
    """Return the weighted mean of the means of rows."""
    return float(np.average(values.mean(axis=1), weights=_in_range(weight)[0]))


def _in_range(weight):
    """Return weights divided, exactly, by a power of two, so that sums stay in float64's range; and its exponent."""
    exponent = np.frexp(weight.max())[1]
    return np.ldexp(weight, -exponent), exponent


def _check_labels(labels, y_true):
    """Return the labels as an array without repetitions, of the same kind as the true ones."""
    labels = read_labels(labels, "labels")
    if labels.ndim != 1 or labels.size == 0 or len(np.unique(labels)) < len(labels):
        raise ValueError(f"labels must be a list of different labels, at least one; got {labels.tolist()}.")
    if label_kind(labels) != label_kind(y_true):
        raise ValueError(
            f"labels and y_true must both be text or both be numbers; got {label_kind(labels)} and "
            f"{label_kind(y_true)}."
        )
    return labels


def _check_proba(y_proba, shape):
    """Return probabilities of the given shape as floats; each within [0, 1], summing to 1."""
    y_proba = read_numbers(y_proba, "y_proba")
    if y_proba.shape != shape:
        raise ValueError(
            f"y_proba must have the shape {shape}, y_true's and one column for each of labels; got {y_proba.shape}."
        )
    if not np.all((y_proba >= 0) & (y_proba <= 1 + TOLERANCE)):
        raise ValueError("y_proba must lie within [0, 1]; got other values, or NaN.")
    sums = y_proba.sum(axis=-1, dtype=np.float64)
    if not np.allclose(sums, 1, rtol=0, atol=TOLERANCE):
        raise ValueError(
            f"y_proba must sum to 1 over its last axis; got sums from {sums.min():.4g} to {sums.max():.4g}."
        )
    return y_proba


def _column_of(y_true, labels):
    """Return the position of each true label in ``labels``."""
    order = np.argsort(labels)
    position = np.searchsorted(labels[order], y_true)
    column = order[np.minimum(position, len(labels) - 1)]
    missing = np.unique(y_true[labels[column] != y_true])
    if missing.size:
        raise ValueError(
            f"labels must hold every label of y_true; missing: {missing[:5].tolist()}. If a training fold "
            "lacked them, name all classes in the estimator's parameter classes."
        )
    return column


def name_rows(report, labels, summaries):
    """Name a report's rows: the labels as they are, and then the summaries."""
    return report.set_axis(pd.Index([*labels.tolist(), *summaries], dtype=object, name="label"))
