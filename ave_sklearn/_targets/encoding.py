"""Targets as class codes: every form of y in, codes of segments or proportions of videos out."""

from dataclasses import dataclass, replace

import numpy as np

from ave_sklearn._targets.labels import (
    background_code,
    check_one_hot,
    check_proportions,
    check_segment_order,
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
    form : {"labels", "proportions", "categories"}
        What the target held: labels of segments, one-hot or not, proportions or labels of videos.
    one_label : bool
        The target was one label a video of one segment, and predictions are to be so.
    """

    values: np.ndarray
    classes: np.ndarray
    background: int | None
    form: str = "labels"
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
    form : str or None
        That of the targets of an earlier fit, see :class:`Targets`: how to read what could have two forms.
    names : list or None
        What the user called the columns of the target.
    name : str
        What errors call the target.
    """

    classes: object = None
    background: object = "background"
    known: np.ndarray | None = None
    strict: bool = True
    form: str | None = None
    names: list | None = None
    name: str = "y"

    def encode(self, labels):
        """Return codes of the shape of `labels`, and the sorted classes."""
        classes = self._given
        classes = np.unique(labels) if classes is None else classes
        missing = labels_outside(labels, classes)
        if missing and (self.strict or label_kind(labels) != label_kind(classes)):
            raise ValueError(
                f"{self.name} holds labels that are not in classes: {missing}; classes are {classes.tolist()}."
            )
        classes = np.union1d(classes, labels) if missing else classes
        return np.searchsorted(classes, labels), classes

    def align(self, y):
        """Return the sorted classes, and `y` (..., K) with its columns in their order.

        Columns that the user named are the classes of these names; those of a class that has none are 0.
        """
        if self.names is not None and y.ndim == 2:
            return self._align_by_name(y)
        default = np.arange(y.shape[-1]) if self.known is None else self.known
        classes, order = sorted_classes(default if self.classes is None else self.classes)
        if len(classes) != y.shape[-1]:
            raise ValueError(
                f"{self.name} has {y.shape[-1]} columns, but there are {len(classes)} classes: {classes.tolist()}."
            )
        return classes, y[..., order]

    def _align_by_name(self, y):
        names, order = sorted_classes(self.names, f"the columns of {self.name}")
        classes = names if self._given is None else self._given
        unknown = labels_outside(names, classes)
        if unknown:
            raise ValueError(
                f"{self.name} has the columns {unknown}, which are no classes; classes are {classes.tolist()}. Name "
                "the columns after them, or pass an array, whose columns are in the order of classes."
            )
        aligned = np.zeros((len(y), len(classes)), y.dtype)
        aligned[:, np.searchsorted(classes, names)] = y[:, order]
        return classes, aligned

    @property
    def _given(self):
        """Sorted classes, where an earlier fit or the user tells them, else None."""
        if self.known is not None or self.classes is None:
            return self.known
        return sorted_classes(self.classes)[0]

    @property
    def n_classes(self):
        """C, where an earlier fit or the user tells it, else None."""
        return None if self._given is None else len(self._given)

    @property
    def names_classes(self):
        """Whether the user named the columns of the target after classes, so that it holds proportions."""
        if self.names is None or set(self.names) == set(range(len(self.names))):  # these may be segments
            return False
        given = set() if self._given is None else set(self._given.tolist())
        return set(self.names) <= given or self.background in self.names


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


def holds_proportions(y, rule, n_segments=None):
    """Whether `y`, of two dimensions, is read as class proportions: :func:`is_proportions`, or by its names."""
    return rule.names_classes and label_kind(y) == "numbers" or is_proportions(y, n_segments)


def is_ambiguous(y, n_segments, rule):
    """Whether `y` holds zeros and ones in T > 1 columns that may stand for T segments or for T classes."""
    n_classes = n_segments if rule.n_classes is None else rule.n_classes
    if y.shape[1] != n_segments or n_segments == 1 or n_classes != n_segments or rule.names_classes:
        return False
    return bool(((y == 0) | (y == 1)).all())


def refuse_ambiguous(y, n_segments, rule):
    """Raise the ValueError for a target of :func:`is_ambiguous`, which says how to tell what it holds."""
    by_classes = ", with classes=[0, 1]" if rule.n_classes is None and n_segments != 2 else ""
    raise ValueError(
        f"{rule.name} is an array of zeros and ones of shape {y.shape} with as many columns as X has segments, so it "
        f"could hold segment labels or one-hot video categories. Pass segment labels as text{by_classes} or in one-hot "
        "form (n_videos, n_segments, n_classes); video categories as a 1-D array of labels, or as a DataFrame whose "
        "columns are named after the classes, with classes=."
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
    if holds_proportions(y, rule, n_segments):
        return encode_proportions(y, rule)
    return encode_labels(y, replace(rule, classes=None))


def encode_labels(y, rule):
    """Encode segment labels (n, T)."""
    check_segment_order(rule.names, rule.name)
    codes, classes = rule.encode(read_labels(y, rule.name))
    return Targets(codes, classes, background_code(classes, rule.background))


def encode_one_hot(y, rule):
    """Encode one-hot segment labels (n, T, C), their columns as `rule` has them."""
    check_one_hot(y, rule.name)
    classes, y = rule.align(y)
    return Targets(y.argmax(2), classes, background_code(classes, rule.background))


def encode_proportions(y, rule):
    """Encode class proportions (n, C), their columns as `rule` has them."""
    check_proportions(y, rule.name)
    classes, y = rule.align(y)
    return Targets(y.astype(np.float64), classes, background_code(classes, rule.background), form="proportions")


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
        targets = encode_labels(y[:, None] if one_label else y, rule)
    if targets.values.ndim != 2 or targets.values.shape[1] != n_segments:
        flat = " A 2-D X is read as videos of one segment." if n_segments == 1 else ""
        raise ValueError(
            f"{rule.name} has the shape {y.shape}; wanted labels (n_videos, {n_segments}), one for each segment of X, "
            f"or their one-hot form (n_videos, {n_segments}, n_classes).{flat}"
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
    form = "categories" if y.ndim == 1 else "labels"
    return Targets(share, labels.classes, labels.background, form, one_label=y.ndim == 1 and n_segments == 1)


def is_video_target(y, n_segments, rule):
    """Whether `y` is a target of weak supervision that holds proportions; raise ValueError if it is no target.

    One column of numbers is of labels: proportions of a single class would all be 1. Zeros and ones that could be both
    are what the fit had.
    """
    if y.ndim != 2 or label_kind(y) == "text" and y.shape[1] == n_segments:
        return False
    if label_kind(y) == "text":
        raise ValueError(
            f"{rule.name} has the shape {y.shape}; wanted proportions (n_videos, n_classes) with rows that sum to 1, "
            f"segment labels (n_videos, {n_segments}), or a category for each video (n_videos,)."
        )
    if is_ambiguous(y, n_segments, rule):
        if rule.form not in ("labels", "proportions"):
            refuse_ambiguous(y, n_segments, rule)
        return rule.form == "proportions"
    return rule.names_classes or y.shape[1] > 1 and is_proportions(y, n_segments)


def sorted_classes(classes, name="classes"):
    """Return the sorted `classes`, each once, and the order that sorts them."""
    classes = read_labels(classes, name)
    if classes.ndim != 1:
        raise ValueError(f"{name} must be a list of labels; got the shape {classes.shape}.")
    unique, order = np.unique(classes, return_index=True)
    if len(unique) < len(classes):
        raise ValueError(f"{name} holds a label more than once: {classes.tolist()}.")
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
