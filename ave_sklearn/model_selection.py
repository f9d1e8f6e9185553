"""Splits of videos, stratified by category: folds, one hold-out; out-of-fold probabilities, kept scores.

Examples
--------
>>> from ave_sklearn.datasets import make_av_events
>>> from ave_sklearn.model_selection import split_videos
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> train, test = split_videos(y, test_size=0.25, random_state=0)
>>> len(train), len(test)
(15, 5)
"""

from __future__ import annotations

import numbers
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
)
from sklearn.utils import check_consistent_length

from ave_sklearn._checks import plain
from ave_sklearn._dask import dask_client
from ave_sklearn._kept_scores import KeptScores
from ave_sklearn._random import own_random_state
from ave_sklearn._stratified import stratified_split
from ave_sklearn._targets.categories import group_category, target_category, video_category
from ave_sklearn._targets.encoding import ClassRule, holds_proportions
from ave_sklearn._targets.groups import read_groups
from ave_sklearn._targets.labels import column_names, label_kind, read_target
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.metrics._scorers import attribute_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._features.container import AVFeatures
    from ave_sklearn._typing import Label, RandomStateLike

__all__ = [
    "KeptScores",
    "VideoStratifiedKFold",
    "cross_val_predict_proba",
    "dask_client",
    "split_videos",
    "video_category",
]


class VideoStratifiedKFold(BaseCrossValidator):
    """K folds of videos, each with about the same share of every category.

    A video's category is read off its target by `video_category`: its most frequent event label.
    scikit-learn's own ``cv=5`` is an unshuffled `KFold` where ``y`` has two dimensions: on data that is
    sorted by class, most test videos then have a class that the training videos lack.

    Without ``groups`` each category is dealt out to the folds as evenly as can be, so that the counts of
    a category, and those of all videos, differ by one at most between folds. With ``groups``, such as the
    recording or the speaker, no group is in two folds, by `StratifiedGroupKFold` or, where no category has
    ``n_splits`` videos, by `GroupKFold`. No fold is empty: where `StratifiedGroupKFold` leaves one so, it gets the
    group whose move keeps the shares of the categories most even.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether to draw which videos of a category go to which fold; if False, each fold gets neighbours.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. None gives other folds with every call, and neither uses nor moves NumPy's
        global generator.
    background : label or None, default="background"
        The label which is no event.

    Raises
    ------
    ValueError
        If ``n_splits`` is not an integer above 1, or ``random_state`` is given but ``shuffle`` is False.
    TypeError
        If ``shuffle`` is not a bool.

    Examples
    --------
    >>> import numpy as np
    >>> from ave_sklearn.model_selection import VideoStratifiedKFold
    >>> y = np.repeat([["background", "dog"], ["cat", "background"]], 4, axis=0)
    >>> X = np.zeros((8, 2, 3))
    >>> cv = VideoStratifiedKFold(2, shuffle=False)
    >>> [test.tolist() for train, test in cv.split(X, y)]
    [[0, 1, 4, 5], [2, 3, 6, 7]]
    """

    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: RandomStateLike = None,
        background: Label | None = "background",
    ) -> None:
        n_splits, shuffle = plain(n_splits), plain(shuffle)
        if not isinstance(n_splits, numbers.Integral):
            raise ValueError(f"n_splits is {n_splits!r}; wanted an integer, 2 or more, of the type Integral.")
        StratifiedKFold(n_splits, shuffle=shuffle, random_state=random_state)  # raises on other bad values
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state
        self.background = background

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Ignored.

        Returns
        -------
        n_splits : int
            The parameter of that name.
        """
        return self.n_splits

    def split(
        self, X: AVFeatures | ArrayLike | None, y: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Generate the row numbers of training and test videos, fold by fold.

        Parameters
        ----------
        X : AVFeatures or array-like of n_videos videos, or None
            Its length and its number of segments are looked at. A plain dict has the wrong length: use `AVFeatures`.
        y : array-like
            The videos' targets in any form that `video_category` reads.
        groups : array-like of shape (n_videos,), default=None
            Group of each video, none missing; videos of one group stay together.

        Yields
        ------
        train, test : ndarray of int
            Row numbers, ascending; at least one each.

        Raises
        ------
        ValueError
            If ``y`` is missing or of no known form, lengths differ, a group is missing, or there are fewer videos
            (or groups) than folds.

        Warns
        -----
        UserWarning
            If a category has fewer videos than there are folds; or if numbers are the segment labels but
            ``background`` is text, so that background counts as an event.
        """
        if y is None:
            raise ValueError("y must be given: VideoStratifiedKFold stratifies on each video's category.")
        try:
            check_consistent_length(X, y)
        except (TypeError, ValueError) as error:
            raise type(error)(f"X and y must have a row for each video: {error}") from error
        groups = None if groups is None else self._group_codes(groups, len(y))
        codes = self._category_codes(X, y)
        fold = self._deal(codes) if groups is None else self._deal_groups(codes, groups)
        for k in range(self.n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def _group_codes(self, groups, n_videos):
        """Return each video's group as a number 0, 1, ...; at least as many groups as folds."""
        groups = read_groups(groups, n_videos)
        n_groups = len(np.unique(groups))
        if self.n_splits > n_groups:
            raise ValueError(
                f"n_splits={self.n_splits} must not be greater than the number of groups; groups has {n_groups} "
                f"different ones for {n_videos} videos."
            )
        return groups

    def _category_codes(self, X, y):
        """Return each video's category as a number 0, 1, ..."""
        rule, y, n_segments = ClassRule(None, self.background, names=column_names(y)), read_target(y), _n_segments(X)
        category = target_category(y, rule, n_segments)
        if self.n_splits > len(category):
            raise ValueError(
                f"n_splits={self.n_splits} must not be greater than the number of videos, {len(category)}."
            )
        _warn_of_unmeant_background(y, rule, n_segments)
        return np.unique(category, return_inverse=True)[1]

    def _deal(self, codes):
        """Deal the videos, sorted by category, to the folds in turn; return each video's fold."""
        _warn_of_rare_categories(codes, self.n_splits)
        order = self._random_state().permutation(len(codes)) if self.shuffle else np.arange(len(codes))
        order = order[np.argsort(codes[order], kind="stable")]
        turn = np.arange(len(codes)) % self.n_splits
        fold = np.empty(len(codes), dtype=int)
        fold[order] = turn[np.lexsort((turn, codes[order]))]  # neighbours of a category share a fold
        return fold

    def _deal_groups(self, codes, groups):
        """Let scikit-learn deal the groups; return each video's fold."""
        stratify = np.bincount(codes).max() >= self.n_splits  # else StratifiedGroupKFold refuses
        if not stratify:
            _warn_of_rare_categories(codes, self.n_splits)
        splitter = (StratifiedGroupKFold if stratify else GroupKFold)(
            self.n_splits, shuffle=self.shuffle, random_state=self._random_state() if self.shuffle else None
        )
        fold = np.empty(len(codes), dtype=int)
        for k, (_, test) in enumerate(splitter.split(codes, codes, groups)):
            fold[test] = k
        return _fill_empty_folds(fold, codes, groups, self.n_splits)

    def _random_state(self):
        """Return the generator; for None a fresh one, since scikit-learn would take the global one."""
        return own_random_state(self.random_state)


def split_videos(
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    test_size: float = 0.2,
    random_state: RandomStateLike = None,
    background: Label | None = "background",
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split videos once into training and test videos, each category by about the same share.

    A category with a single video stays in training. At least as many videos are held out as there are other
    categories, which is more than ``test_size`` of them where categories are small. With ``groups``, such as the file
    that clips are cut from, "video" means a group: no group is on both sides, and its category is the most frequent
    event label of all its rows together.

    Parameters
    ----------
    y : array-like
        The targets of n rows in any form that `video_category` reads.
    groups : array-like of shape (n_rows,), default=None
        Group of each row, none missing; each row is a video of its own if None.
    test_size : float, default=0.2
        Share of the videos that are held out, between 0 and 1.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw. None gives another split with every call, and neither uses nor moves NumPy's global
        generator. With groups the split depends on their names, not on the order of the rows.
    background : label or None, default="background"
        The label which is no event.

    Returns
    -------
    train, test : ndarray of int
        Row numbers, ascending; at least one each.

    Raises
    ------
    ValueError
        If ``test_size`` is not between 0 and 1, ``y`` has no known form, a group is missing, or there are too few
        videos for one on either side.

    Warns
    -----
    UserWarning
        If numbers are the segment labels but ``background`` is text, so that background counts as an event.

    See Also
    --------
    VideoStratifiedKFold : Several splits, for a cross-validation.

    Examples
    --------
    >>> from ave_sklearn.model_selection import split_videos
    >>> y = [["dog", "background"]] * 4 + [["cat", "cat"]] * 4
    >>> train, test = split_videos(y, ["a", "a", "b", "b", "c", "c", "d", "e"], test_size=0.4, random_state=0)
    >>> train.tolist(), test.tolist()
    ([0, 1, 6, 7], [2, 3, 4, 5])
    """
    test_size = plain(test_size)
    if not isinstance(test_size, numbers.Real) or isinstance(test_size, bool) or not 0 < test_size < 1:
        raise ValueError(f"test_size is {test_size!r}; wanted a share of the videos, a number between 0 and 1.")
    rule, y = ClassRule(None, background, names=column_names(y)), read_target(y)
    groups = np.arange(len(y)) if groups is None else read_groups(groups, len(y))
    category = group_category(y, groups, rule)
    _warn_of_unmeant_background(y, rule, None)
    names, codes, counts = np.unique(category, return_inverse=True, return_counts=True)
    too_few = (
        f"too few videos to hold out a share of {test_size:g} by category: {len(category)} in all, of {len(names)} "
        f"categories, {(counts > 1).sum()} of which have more than one; either side needs at least as many."
    )
    _, held_out = stratified_split(codes, test_size, own_random_state(random_state), too_few)
    is_test = np.isin(groups, held_out)
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def cross_val_predict_proba(
    estimator: BaseEstimator,
    X: AVFeatures | ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    cv: int | BaseCrossValidator | Iterable[tuple[ArrayLike, ArrayLike]] | None = None,
    n_jobs: int | None = None,
    params: dict[str, Any] | None = None,
    verbose: int = 0,
) -> NDArray[np.floating[Any]]:
    """Predict each video's probabilities by a clone that was not trained on it.

    scikit-learn's ``cross_val_predict(method="predict_proba")`` is not for segment labels: it encodes each
    column of ``y`` for itself, so that one number means another label in another segment.

    Parameters
    ----------
    estimator : estimator
        A localizer, or a pipeline or search that ends in one; it is cloned, not fitted. It needs
        ``predict_proba``, and ``classes_`` once fitted.
    X : AVFeatures or array-like of n_videos videos
        What the estimator's ``fit`` takes.
    y : array-like of n_videos targets
        What the estimator's ``fit`` takes.
    groups : array-like of shape (n_videos,), default=None
        Group of each video, for the splitter.
    cv : int, splitter, iterable of (train, test) or None, default=None
        A number of folds means ``VideoStratifiedKFold(cv, random_state=0)`` with the estimator's own
        ``background``; None means 5 of them.
    n_jobs : int, default=None
        Number of folds fitted at the same time, as joblib counts them.
    params : dict, default=None
        Further arguments of ``fit``; those with n_videos entries, such as ``sample_weight``, are split
        with the videos.
    verbose : int, default=0
        Verbosity of joblib.

    Returns
    -------
    y_proba : ndarray of shape (n_videos, n_segments, n_classes) or (n_videos, n_classes)
        Columns are the sorted union of the ``classes_`` of all folds: of the labels of ``y`` and of the
        estimator's parameter ``classes``, where it is set. A label that a fold's clone does not know has
        probability 0 there.

    Raises
    ------
    TypeError
        If the estimator has no ``predict_proba``.
    ValueError
        If the test folds do not hold each video just once, or a fold has no training video, no test video or a video
        that is both.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from ave_sklearn.model_selection import cross_val_predict_proba
    >>> X, y = np.arange(20.0)[:, None], np.repeat(["cat", "dog"], 10)
    >>> cross_val_predict_proba(LogisticRegression(), X, y).argmax(axis=1).tolist()
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(f"estimator must have predict_proba; got {estimator!r}.")
    splits = _check_folds(_check_cv(cv, estimator).split(X, y, groups), len(y))
    rows = cross_val_predict(_ProbaRows(estimator), X, y, cv=splits, n_jobs=n_jobs, params=params, verbose=verbose)
    return _align_columns(rows)


class _ProbaRows(BaseEstimator):
    """An estimator whose ``predict`` gives, for each video, the classes and their probabilities."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, **params):
        """Fit a clone of the estimator."""
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def predict(self, X):
        """Return, for each video, the classes and their probabilities."""
        y_proba = self.estimator_.predict_proba(X)
        rows = np.empty(len(y_proba), dtype=object)
        for i, p in enumerate(y_proba):
            rows[i] = (self.estimator_.classes_, p)
        return rows

    def get_metadata_routing(self):
        """Route metadata as the estimator asks."""
        return self.estimator.get_metadata_routing()


def _align_columns(rows):
    """Join (classes, probabilities) of single videos into one array over the union of the classes."""
    labels = np.unique(np.concatenate([classes for classes, _ in rows]))
    n_segments = rows[0][1].shape[:-1]
    y_proba = np.zeros((len(rows), *n_segments, len(labels)), dtype=rows[0][1].dtype)
    for i, (classes, p) in enumerate(rows):
        y_proba[i][..., np.searchsorted(labels, classes)] = p
    return y_proba


def _fill_empty_folds(fold, codes, groups, n_splits):
    """Move a group into each fold without one, so that the categories stay as even as can be.

    Parameters
    ----------
    fold, codes, groups : ndarray of int, of shape (n_videos,)
        The fold, the category and the group of each video, from 0.
    n_splits : int
        At most the number of groups.

    Returns
    -------
    fold : ndarray of int, of shape (n_videos,)
    """
    by_group = pd.crosstab(groups, codes, normalize="columns").to_numpy()  # the share of each category's videos
    fold_of = np.zeros(len(by_group), dtype=int)
    fold_of[groups] = fold
    for empty in np.setdiff1d(np.arange(n_splits), fold_of):
        shares = np.zeros((n_splits, by_group.shape[1]))
        np.add.at(shares, fold_of, by_group)
        movable = np.flatnonzero(np.bincount(fold_of)[fold_of] > 1)
        left, moved = shares[fold_of[movable]], by_group[movable]
        # means over folds are fixed, so the least sum of squares is the least spread
        change = ((left - moved) ** 2 + moved**2 - left**2).sum(axis=1)
        fold_of[movable[change.argmin()]] = empty
    return fold_of[groups]


def _check_cv(cv, estimator):
    """Return a splitter; a number of folds, or None, becomes stratified folds of videos."""
    if cv is not None and not isinstance(cv, numbers.Integral):
        return check_cv(cv)
    background = attribute_or_none(estimator, "background")
    return VideoStratifiedKFold(5 if cv is None else cv, random_state=0, background=background)


def _check_folds(splits, n_videos):
    """Return folds as a list of (train, test); each has both, they share no video, and each video is tested once."""
    splits = [(np.asarray(train), np.asarray(test)) for train, test in splits]
    for k, (train, test) in enumerate(splits):
        if not (train.size and test.size):
            raise ValueError(
                f"cv must leave training and test videos in each fold; fold {k} has {train.size} training and "
                f"{test.size} test videos."
            )
        both = np.intersect1d(train, test)
        if both.size:
            raise ValueError(f"cv must keep training and test videos apart; fold {k} has both of video {both[0]}.")
    tested = np.sort(np.concatenate([test for _, test in splits])) if splits else np.zeros(0)
    if not np.array_equal(tested, np.arange(n_videos)):
        raise ValueError(
            f"cv must test each of {n_videos} videos just once; its {len(splits)} folds test {len(np.unique(tested))} "
            f"different ones, {tested.size} in all."
        )
    return splits


def _warn_of_rare_categories(codes, n_splits):
    """Warn, once, of categories with fewer videos than there are folds."""
    counts = np.bincount(codes)
    if counts.min() < n_splits:
        warn_user(
            f"The least frequent category has only {counts.min()} videos, fewer than n_splits={n_splits}: "
            "not every fold tests it."
        )


def _n_segments(X):
    """Return how many segments the videos of `X` have, where its form tells, else None."""
    if hasattr(X, "n_segments"):
        return X.n_segments
    return X.shape[1] if getattr(X, "ndim", None) == 3 else None


def _warn_of_unmeant_background(y, rule, n_segments):
    """Warn if segment labels are numbers but the background label is text."""
    are_labels = y.ndim == 2 and y.shape[1] > 1 and not holds_proportions(y, rule, n_segments)
    if are_labels and label_kind(y) == "numbers" and isinstance(rule.background, str):
        warn_user(
            f"background={rule.background!r} is text, but y holds numbers, so no segment counts as background: "
            "give VideoStratifiedKFold the number that means background, or None if none does."
        )


def __dir__():
    return __all__
