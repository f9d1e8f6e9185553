"""The metrics as scorers: objects that score a fitted estimator, for scikit-learn's ``scoring=``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer
from sklearn.utils.metadata_routing import UNUSED

from ave_sklearn.metrics._events import event_f1_score
from ave_sklearn.metrics._segments import segment_accuracy_score, segment_log_loss

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import ArrayLike

    from ave_sklearn._typing import Features


class EventF1Scorer(BaseEstimator):
    """Score a fitted localizer by `event_f1_score`, for ``scoring=`` of scikit-learn's tools.

    The background label is that of the localizer's fit (its parameter ``background``), also when the localizer is the
    last step of a pipeline or is wrapped in a search. For a classifier without that parameter use
    ``make_scorer(event_f1_score, background=...)``.

    Parameters
    ----------
    collar : float, default=None
        Tolerance of onset and of offset, in seconds.
    iou : float, default=None
        Intersection over union that is needed; 0.5 if ``collar`` is None, too.
    average : {"micro", "macro"}, default="micro"
        As in `event_f1_score`.
    segment_seconds : float, default=1.0
        Length of a segment's window in seconds. It plays no part here but as the default of `hop_seconds`.
    hop_seconds : float, default=None
        Seconds from one segment to the next; `segment_seconds` if None. Segment t stands for the time from
        ``t * hop_seconds`` to ``(t + 1) * hop_seconds``.

    Examples
    --------
    >>> from ave_sklearn.metrics import EventF1Scorer
    >>> EventF1Scorer(collar=1.0)
    EventF1Scorer(collar=1.0)
    """

    __metadata_request__score = {"estimator": UNUSED}

    def __init__(
        self,
        *,
        collar: float | None = None,
        iou: float | None = None,
        average: Literal["micro", "macro"] = "micro",
        segment_seconds: float = 1.0,
        hop_seconds: float | None = None,
    ) -> None:
        self.collar = collar
        self.iou = iou
        self.average = average
        self.segment_seconds = segment_seconds
        self.hop_seconds = hop_seconds

    def __call__(self, estimator: BaseEstimator, X: Features, y: ArrayLike) -> float:
        """Return the same as `score`."""
        return self.score(estimator, X, y)

    def score(self, estimator: BaseEstimator, X: Features, y: ArrayLike) -> float:
        """Return the F1 of the events that the estimator predicts.

        Parameters
        ----------
        estimator : object
            A fitted localizer, or a pipeline or search that ends in one.
        X : array-like of n_videos videos
            What the estimator's ``predict`` takes.
        y : array-like of shape (n_videos, n_segments)
            True labels.

        Returns
        -------
        f1 : float
            Within [0, 1]; higher is better.

        Raises
        ------
        ValueError
            As `event_f1_score`, or if the estimator has no parameter ``background``.
        """
        background = fitted_background(estimator)
        return event_f1_score(y, estimator.predict(X), background=background, **self.get_params())

    def _accept_sample_weight(self):
        return False  # scikit-learn asks this of each scorer of a dict if fit has sample weights


class SegmentLogLossScorer(BaseEstimator):
    """Score a fitted localizer by minus its `segment_log_loss`, so that higher is better.

    ``make_scorer(segment_log_loss, response_method="predict_proba")`` does not do: with two classes
    scikit-learn keeps one column of ``predict_proba``, which of a three-dimensional array is the second
    segment.

    If a fold's test videos have a label that its training videos miss, the loss cannot be computed: name
    all classes in the localizer's parameter ``classes``.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> from sklearn import config_context
    >>> from ave_sklearn.metrics import segment_log_loss_scorer
    >>> with config_context(enable_metadata_routing=True):  # a clone, or all users would be weighted
    ...     weighted = clone(segment_log_loss_scorer).set_score_request(sample_weight=True)
    """

    __metadata_request__score = {"estimator": UNUSED}

    def __call__(
        self, estimator: BaseEstimator, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the same as `score`."""
        return self.score(estimator, X, y, sample_weight=sample_weight)

    def score(
        self, estimator: BaseEstimator, X: Features, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return minus the log loss of the estimator's probabilities.

        Parameters
        ----------
        estimator : object
            A fitted localizer, or a pipeline or search that ends in one.
        X : array-like of n_videos videos
            What the estimator's ``predict_proba`` takes.
        y : array-like of shape (n_videos, n_segments) or (n_videos,)
            True labels.
        sample_weight : array-like of shape (n_videos,), default=None
            Weight of each video; all 1 if None.

        Returns
        -------
        score : float
            In nats, not positive; higher is better.

        Raises
        ------
        ValueError
            As `segment_log_loss`.
        """
        y_proba = estimator.predict_proba(X)
        labels = find_attribute(estimator, "classes_")
        return -segment_log_loss(y, y_proba, labels=labels, sample_weight=sample_weight)

    def _accept_sample_weight(self):
        return True  # scikit-learn asks this of each scorer of a dict if fit has sample weights


def fitted_background(estimator):
    """Return the background label that an estimator, or the one that it wraps, was fitted with."""
    try:
        return find_attribute(estimator, "background_")
    except ValueError:
        return find_attribute(estimator, "background")


def find_attribute(estimator, name):
    """Return an attribute of an estimator or, if it has none, of the estimator that it wraps.

    Parameters
    ----------
    estimator : object
        An estimator, or a pipeline, a search or another meta-estimator around it, fitted or not.
    name : str
        Name of the attribute.

    Returns
    -------
    value : object
        The first that is met, from the outside in.

    Raises
    ------
    ValueError
        If there is none.
    """
    return getattr(layers_to(estimator, name)[-1], name)


def attribute_or_none(estimator, name):
    """Return what `find_attribute` does, or None if there is none."""
    try:
        return find_attribute(estimator, name)
    except ValueError:
        return None


def layers_to(estimator, name):
    """Return an estimator and those that it wraps, from the outside in, up to the first with an attribute.

    Raises
    ------
    ValueError
        As `find_attribute`.
    """
    layers = [estimator]
    while not hasattr(layers[-1], name):
        inner = _wrapped(layers[-1])
        if inner is None:
            raise ValueError(
                f"estimator must have, or wrap an estimator with, the attribute {name!r}; got {estimator!r}."
            )
        layers.append(inner)
    return layers


def _wrapped(estimator):
    """Return the last step of a pipeline, or the estimator inside a meta-estimator; None if none is."""
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    names = ("best_estimator_", "estimator_", "estimator")
    return next((getattr(estimator, name) for name in names if hasattr(estimator, name)), None)


segment_accuracy_scorer = make_scorer(segment_accuracy_score)
"""Score a fitted localizer by the accuracy of its segments, for ``scoring=`` of scikit-learn's tools.

It is :func:`segment_accuracy_score` of what ``predict`` returns, a share of segments, within [0, 1]. It is called as
``segment_accuracy_scorer(estimator, X, y)``.

Examples
--------
>>> import numpy as np
>>> from ave_sklearn import PSPLocalizer
>>> from ave_sklearn.datasets import make_av_events
>>> from ave_sklearn.metrics import segment_accuracy_scorer
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> localizer = PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
>>> accuracy = segment_accuracy_scorer(localizer, X, y)
>>> bool(np.isclose(accuracy, np.mean(localizer.predict(X) == y)))
True
"""

event_f1_scorer = EventF1Scorer()
"""Score a fitted localizer by the F1 of the events that it predicts, for ``scoring=`` of scikit-learn's tools.

It is an :class:`EventF1Scorer` with its default parameters: an event is found at an intersection over union of 0.5. It
is called as ``event_f1_scorer(estimator, X, y)``, and returns a number within [0, 1].

Examples
--------
>>> from ave_sklearn import PSPLocalizer
>>> from ave_sklearn.datasets import make_av_events
>>> from ave_sklearn.metrics import event_f1_score, event_f1_scorer
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> localizer = PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
>>> f1 = event_f1_scorer(localizer, X, y)
>>> f1 == event_f1_score(y, localizer.predict(X))
True
"""

segment_log_loss_scorer = SegmentLogLossScorer()
"""Score a fitted localizer by minus its :func:`segment_log_loss`, for ``scoring=`` of scikit-learn's tools.

It is a :class:`SegmentLogLossScorer`, called as ``segment_log_loss_scorer(estimator, X, y)``. It returns nats, not
positive; higher is better.

Examples
--------
>>> from sklearn.model_selection import cross_val_score
>>> from ave_sklearn import PSPLocalizer
>>> from ave_sklearn.datasets import make_av_events
>>> from ave_sklearn.metrics import segment_log_loss_scorer
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> localizer = PSPLocalizer(max_epochs=1, random_state=0)
>>> scorer = segment_log_loss_scorer
>>> scores = cross_val_score(localizer, X, y, cv=2, scoring=scorer)
>>> scores.shape, bool((scores < 0).all())
((2,), True)
"""
