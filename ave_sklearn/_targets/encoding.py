"""y: labels, one-hot arrays, proportions and tags in, class codes out, with every error message."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, column_or_1d

from ave_sklearn._targets.labels import background_code, event_category, label_kind

PROPORTION_TOLERANCE = 1e-3


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
    flat : bool
        The target was one label a video of one segment, and predictions are to be so.
    """

    values: np.ndarray
    classes: np.ndarray
    background: int | None
    flat: bool = False

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


def sorted_classes(classes):
    """Return the sorted `classes`, each once, and the order that sorts them."""
    classes = column_or_1d(np.asarray(classes))
    unique, order = np.unique(classes, return_index=True)
    if len(unique) < len(classes):
        raise ValueError(f"classes holds a label more than once: {classes.tolist()}.")
    return unique, order


def labels_outside(labels, classes):
    """Return the labels, as a list, that `classes` lacks; a number is never equal to a string."""
    known = set(classes.tolist())
    return [label for label in np.unique(labels).tolist() if label not in known]


def segment_proportions(codes, n_classes):
    """Share of segments of each class (n, C) of class codes (n, T): the paper's Y_weak (Sec. 3)."""
    return (codes[:, :, None] == np.arange(n_classes)).mean(1)


def check_target(y, n_videos, estimator):
    """Return `y` as an array of `n_videos` rows, checked as scikit-learn checks targets."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    y = check_array(y, ensure_2d=False, allow_nd=True, dtype=None, input_name="y", estimator=estimator)
    check_consistent_length(np.empty(n_videos), y)
    return y


def encode_segments(y, n_segments, rule):
    """Encode the targets of full supervision.

    Parameters
    ----------
    y : array of shape (n, T) of labels, (n, T, C) one-hot, or (n,) when T = 1
    n_segments : int
        T.
    rule : ClassRule

    Returns
    -------
    targets : Targets
        With codes of shape (n, T).
    """
    flat = y.ndim == 1 and n_segments == 1
    if y.ndim == 3:
        check_one_hot(y)
        classes, order = rule.columns(y.shape[2])
        codes = y[:, :, order].argmax(2)
    else:
        check_classification_targets(y.ravel())
        codes, classes = rule.encode(y[:, None] if flat else y)
    if codes.ndim != 2 or codes.shape[1] != n_segments:
        raise ValueError(
            f"y has the shape {y.shape}; wanted labels (n_videos, {n_segments}), one for each segment of X, or "
            f"their one-hot form (n_videos, {n_segments}, n_classes)."
        )
    return Targets(codes, classes, background_code(classes, rule.background), flat)


def check_one_hot(y):
    """Raise ValueError unless each last-axis row of `y` holds one 1 and zeros."""
    if y.dtype.kind not in "biuf" or not (((y == 0) | (y == 1)).all() and (y.sum(2) == 1).all()):
        raise ValueError(f"y is a 3-D array of shape {y.shape} but not one-hot along its last axis.")


def encode_videos(y, n_segments, rule, target="proportion"):
    """Encode the targets of weak supervision.

    Parameters
    ----------
    y : array of shape (n, C) of proportions, (n, T) of segment labels, or (n,) of video categories
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
    if is_proportions(y, n_segments, rule):
        return encode_proportions(y, rule)
    if y.ndim > 2 or y.ndim == 2 and y.shape[1] != n_segments:
        raise ValueError(
            f"y has the shape {y.shape}; wanted proportions (n_videos, n_classes) with rows that sum to 1, segment "
            f"labels (n_videos, {n_segments}), or a category for each video (n_videos,)."
        )
    y_2d = y.reshape(len(y), -1)
    labels = encode_segments(y_2d, y_2d.shape[1], rule)
    share = labels.proportions()
    if target == "category":
        share = np.eye(len(labels.classes))[labels.categories()]
    return Targets(share, labels.classes, labels.background, flat=y.ndim == 1 and n_segments == 1)


def is_proportions(y, n_segments, rule):
    """Whether `y` is read as class proportions (n, C), and not as labels.

    Raises
    ------
    ValueError
        For zeros and ones in T > 1 columns, which could be either.
    """
    if y.ndim != 2 or y.dtype.kind not in "biuf" or y.shape[1] == 1:
        return False
    if y.shape[1] != n_segments:
        return True
    n_classes = next((len(c) for c in (rule.known, rule.classes) if c is not None), n_segments)
    if ((y == 0) | (y == 1)).all() and n_classes == n_segments:
        raise ValueError(
            f"y is an array of zeros and ones of shape {y.shape} with as many columns as X has segments, so it "
            "could hold segment labels or one-hot video categories. Pass segment labels as strings, or video "
            "categories as a 1-D array of labels."
        )
    return y.dtype.kind == "f" and bool((y % 1).any())


def encode_proportions(y, rule):
    """Encode class proportions (n, C), their columns as `rule` has them."""
    if (y < 0).any():
        row = np.flatnonzero((y < 0).any(1))[0]
        raise ValueError(f"y holds a negative proportion, {y[row].min():g}, in row {row}; wanted 0 to 1.")
    total = y.sum(1)
    off = np.flatnonzero(abs(total - 1) > PROPORTION_TOLERANCE)
    if len(off):
        raise ValueError(
            f"y has the shape {y.shape}, read as proportions (n_videos, n_classes), but its row {off[0]} sums to "
            f"{total[off[0]]:g} where 1 is wanted. Segment labels must have as many columns as X has segments."
        )
    classes, order = rule.columns(y.shape[1])
    return Targets(y[:, order].astype(np.float64), classes, background_code(classes, rule.background))


def split_rows(rows, categories, fraction, seed):
    """Split `rows` into training and validation rows, stratified by category.

    Categories with a single video stay in training.

    Parameters
    ----------
    rows : int ndarray of shape (m,)
    categories : int ndarray of shape (n,)
        Of all videos.
    fraction : float
        Share of validation rows.
    seed : int
    """
    labels, counts = np.unique(categories[rows], return_counts=True)
    paired = np.isin(categories[rows], labels[counts > 1])
    candidates, alone = rows[paired], rows[~paired]
    n_held_out = max(round(fraction * len(rows)), (counts > 1).sum(), 1)
    if len(candidates) - n_held_out < max((counts > 1).sum(), 1):
        raise ValueError(
            f"X has {len(rows)} videos, too few to hold out validation_fraction={fraction} of them in every "
            "category; pass X_val and y_val, or early_stopping=False."
        )
    kept, held_out = train_test_split(
        candidates, test_size=int(n_held_out), random_state=seed, stratify=categories[candidates]
    )
    return np.sort(np.concatenate([kept, alone])), np.sort(held_out)
