"""Displays of what an estimator found and of what it did on the way, in the manner of scikit-learn's."""

from ave_sklearn.inspection._attention import AttentionDisplay
from ave_sklearn.inspection._propagation import PropagationDisplay
from ave_sklearn.inspection._timeline import EventTimelineDisplay

__all__ = [
    "AttentionDisplay",
    "EventTimelineDisplay",
    "PropagationDisplay",
]
