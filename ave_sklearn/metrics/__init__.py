"""Metrics of event localization, over segments and over events, and the scorers made of them.

A scorer is called as ``scorer(estimator, X, y)`` and can be given to ``scoring=`` of scikit-learn's tools,
alone or several in a dict. All of them are such that higher is better.

- ``segment_accuracy_scorer``: `segment_accuracy_score` of ``predict``
- ``event_f1_scorer``: `event_f1_score` of ``predict`` at an IoU of 0.5, an `EventF1Scorer`
- ``segment_log_loss_scorer``: minus `segment_log_loss` of ``predict_proba``, a `SegmentLogLossScorer`

`paired_difference` compares two systems by one of the metrics, with an interval and a p-value. `reference_predictions`
gives two predictions that any system should be read beside.

Examples
--------
>>> from ave_sklearn.metrics import event_f1_score, segment_accuracy_score
>>> y_true = [["dog", "dog", "background", "background"]]
>>> y_pred = [["dog", "dog", "dog", "background"]]  # found, and a segment too long
>>> segment_accuracy_score(y_true, y_pred), event_f1_score(y_true, y_pred)
(0.75, 1.0)
"""

from ave_sklearn.metrics._comparison import PairedDifference, paired_difference
from ave_sklearn.metrics._events import event_f1_score, event_report
from ave_sklearn.metrics._references import reference_predictions
from ave_sklearn.metrics._scorers import (
    EventF1Scorer,
    SegmentLogLossScorer,
    event_f1_scorer,
    segment_accuracy_scorer,
    segment_log_loss_scorer,
)
from ave_sklearn.metrics._segments import (
    segment_accuracy_score,
    segment_classification_report,
    segment_log_loss,
)

__all__ = [
    "EventF1Scorer",
    "PairedDifference",
    "SegmentLogLossScorer",
    "event_f1_score",
    "event_f1_scorer",
    "event_report",
    "paired_difference",
    "reference_predictions",
    "segment_accuracy_score",
    "segment_accuracy_scorer",
    "segment_classification_report",
    "segment_log_loss",
    "segment_log_loss_scorer",
]
