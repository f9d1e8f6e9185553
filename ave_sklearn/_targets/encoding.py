"""Targets as class codes: every form of y in, codes of segments or proportions of videos out."""

from dataclasses import dataclass, replace

import numpy as np

from ave_sklearn._targets.labels import (
    background_code,
    check_one_hot,
    check_proportions,
    has_fractions,
    label_kind,
    labels_outside,
    read_labels,
)

TIE = 1e-6
"""Proportions that differ by less are equal: those of .1 + .2 and of .3, for example."""


@dataclass
class Targets:
    """Encoded targets of n videos.

    Attributes
    ----------
    values : ndarray
        Class codes of segments, int of shape (n, T), or class proportions of videos, float of shape (n, C).
    classes : ndarray of shape (C,)
        Sorted; `values` index it.
    background : int or None
        Code of the background class; None when it is not among the classes.
    one_label : bool
        The target was one label a video of one segment, and predictions are to be so.
    """

    values: np.ndarray
    classes: np.ndarray
    background: int | None
    one_label: bool = False

    def take(self, rows):
        """Return the targets of the videos `rows`."""
        return replace(self, values=self.values[rows])

    def proportions(self):
        """Share of segments of each class (n, C)."""
        if self.values.dtype.kind == "f":
            return self.values
        return segment_proportions(self.values, len(self.classes))

    def categories(self):
        """Each video's most frequent event class, as codes of shape (n,); background where it has no event."""
        return event_category(self.proportions(), self.background)


@dataclass
class ClassRule:
    """How labels become codes.

    Attributes
    ----------
    classes : array-like of shape (C,) or None
        As the user gave them: the order of one-hot and proportion columns. None: 0, 1, ..., C - 1 for columns,
        the labels that occur for labels.
    background : object
        The background label.
    known : ndarray or None
        Sorted classes of an earlier fit, which labels must be among.
    strict : bool
        False adds labels that are not among the known classes to them (to score an unseen class as wrong).
    """

    classes: object = None
    background: object = "background"
    known: np.ndarray | None = None
    strict: bool = True

    def encode(self, labels):
        """Return codes of the shape of `labels`, and the sorted classes."""
        classes = self.known
        if classes is None:
            classes, _ = sorted_classes(np.unique(labels) if self.classes is None else self.classes)
        missing = labels_outside(labels, classes)
        if missing and (self.strict or label_kind(labels) != label_kind(classes)):
            raise ValueError(f"y holds labels that are not in classes: {missing}; classes are {classes.tolist()}.")
        classes = np.union1d(classes, labels) if missing else classes
        return np.searchsorted(classes, labels), classes

    def columns(self, n_columns):
        """Return the sorted classes that `n_columns` columns stand for, and the order that sorts the columns."""
        default = np.arange(n_columns) if self.known is None else self.known
        classes, order = sorted_classes(default if self.classes is None else self.classes)
        if len(classes) != n_columns:
            raise ValueError(f"y has {n_columns} columns, but there are {len(classes)} classes: {classes.tolist()}.")
        return classes, order

    @property
    def n_classes(self):
        """C, where an earlier fit or the user tells it, else None."""
        return next((len(classes) for classes in (self.known, self.classes) if classes is not None), None)


# -------------------------------------------------------------- reading the form
def is_proportions(y, n_segments=None):
    """Whether `y`, of two dimensions, is read as class proportions (n, C), and not as labels (n, T).

    Fractions are proportions. Whole numbers are labels if X has as many segments as `y` has columns. Where
    `n_segments` is not known, floats of 0 and 1 whose rows sum to 1 are proportions, of videos of one class.
    """
    if label_kind(y) == "text":
        return False
    if has_fractions(y):
        return True
    if n_segments is not None:
        return y.shape[1] != n_segments
    return y.dtype.kind == "f" and bool(((y == 0) | (y == 1)).all() and (y.sum(1) == 1).all())


def refuse_ambiguous(y, n_segments, rule):
    """Raise ValueError for zeros and ones in T > 1 columns that may stand for T segments or for T classes."""
    n_classes = n_segments if rule.n_classes is None else rule.n_classes
    if y.shape[1] != n_segments or n_segments == 1 or n_classes != n_segments:
        return
    if ((y == 0) | (y == 1)).all():
        raise ValueError(
            f"y is an array of zeros and ones of shape {y.shape} with as many columns as X has segments, so it "
            "could hold segment labels or one-hot video categories. Pass segment labels as strings, or video "
            "categories as a 1-D array of labels."
        )


# -------------------------------------------------------------- encoding
def encode_target(y, rule, n_segments=None):
    """Encode a target of two or three dimensions in whatever form it is; see :func:`is_proportions`.

    Parameters
    ----------
    y : ndarray of :func:`read_target`
    rule : ClassRule
        Its `classes` name columns; labels need not be among them.
    n_segments : int or None, default=None

    Returns
    -------
    targets : Targets
    """
    if y.ndim == 3:
        return encode_one_hot(y, rule)
    if is_proportions(y, n_segments):
        return encode_proportions(y, rule)
    return encode_labels(read_labels(y), replace(rule, classes=None))


def encode_labels(labels, rule):
    """Encode segment labels (n, T)."""
    codes, classes = rule.encode(labels)
    return Targets(codes, classes, background_code(classes, rule.background))


def encode_one_hot(y, rule):
    """Encode one-hot segment labels (n, T, C), their columns as `rule` has them."""
    check_one_hot(y)
    classes, order = rule.columns(y.shape[2])
    return Targets(y[:, :, order].argmax(2), classes, background_code(classes, rule.background))


def encode_proportions(y, rule):
    """Encode class proportions (n, C), their columns as `rule` has them."""
    check_proportions(y)
    classes, order = rule.columns(y.shape[1])
    return Targets(y[:, order].astype(np.float64), classes, background_code(classes, rule.background))


def encode_segments(y, n_segments, rule):
    """Encode the targets of full supervision.

    Parameters
    ----------
    y : ndarray of shape (n, T) of labels, (n, T, C) one-hot, or (n,) when T = 1
    n_segments : int
        T.
    rule : ClassRule

    Returns
    -------
    targets : Targets
        With codes of shape (n, T).
    """
    one_label = y.ndim == 1 and n_segments == 1
    if y.ndim == 3:
        targets = encode_one_hot(y, rule)
    else:
        labels = read_labels(y)
        targets = encode_labels(labels[:, None] if one_label else labels, rule)
    if targets.values.ndim != 2 or targets.values.shape[1] != n_segments:
        raise ValueError(
            f"y has the shape {y.shape}; wanted labels (n_videos, {n_segments}), one for each segment of X, or "
            f"their one-hot form (n_videos, {n_segments}, n_classes)."
        )
    return replace(targets, one_label=one_label)


def encode_videos(y, n_segments, rule, target="proportion"):
    """Encode the targets of weak supervision.

    Parameters
    ----------
    y : ndarray of shape (n, C) of proportions, (n, T) of segment labels or (n, T, C) one-hot, or (n,) of categories
    n_segments : int
        T.
    rule : ClassRule
    target : {"proportion", "category"}
        What segment labels are pooled to: their time mean, or the video's event class.

    Returns
    -------
    targets : Targets
        With proportions of shape (n, C).
    """
    if is_video_target(y, n_segments, rule):
        return encode_proportions(y, rule)
    labels = encode_segments(y, n_segments, rule) if y.ndim > 1 else encode_segments(y[:, None], 1, rule)
    share = labels.proportions()
    if target == "category":
        share = np.eye(len(labels.classes))[labels.categories()]
    return Targets(share, labels.classes, labels.background, one_label=y.ndim == 1 and n_segments == 1)


def is_video_target(y, n_segments, rule):
    """Whether `y` is a target of weak supervision that holds proportions; raise ValueError if it is no target.

    One column of numbers is of labels: proportions of a single class would all be 1.
    """
    if y.ndim != 2 or label_kind(y) == "text" and y.shape[1] == n_segments:
        return False
    if label_kind(y) == "text":
        raise ValueError(
            f"y has the shape {y.shape}; wanted proportions (n_videos, n_classes) with rows that sum to 1, segment "
            f"labels (n_videos, {n_segments}), or a category for each video (n_videos,)."
        )
    refuse_ambiguous(y, n_segments, rule)
    return y.shape[1] > 1 and is_proportions(y, n_segments)


def sorted_classes(classes):
    """Return the sorted `classes`, each once, and the order that sorts them."""
    classes = read_labels(classes, "classes")
    if classes.ndim != 1:
        raise ValueError(f"classes must be a list of labels; got the shape {classes.shape}.")
    unique, order = np.unique(classes, return_index=True)
    if len(unique) < len(classes):
        raise ValueError(f"classes holds a label more than once: {classes.tolist()}.")
    return unique, order


# -------------------------------------------------------------- what videos hold
def segment_proportions(codes, n_classes):
    """Share of segments of each class (n, C) of class codes (n, T): the paper's Y_weak (Sec. 3)."""
    return (codes[:, :, None] == np.arange(n_classes)).mean(1)


def event_category(share, background):
    """Give each video its greatest event class.

    Parameters
    ----------
    share : ndarray of shape (n_videos, n_classes)
        How much of each class a video has, not negative.
    background : int or None
        Column of the background; None if there is none.

    Returns
    -------
    category : ndarray of int, of shape (n_videos,)
        Column of the greatest share among the events, the first of equals; `background` where those are all 0.
    """
    events = share if background is None else np.where(np.arange(share.shape[1]) == background, 0, share)
    first = (events >= events.max(1, keepdims=True) - TIE).argmax(1)
    return first if background is None else np.where(events.any(1), first, background)
