"""Displays of what an estimator found and of what it did on the way, in the manner of scikit-learn's, and a report.

Examples
--------
>>> from ave_sklearn.inspection import ablations
>>> ablations()[3]  # the grid of the paper's Table 3, for a search
[{'tau': [0, 0.025, 0.075, 0.095, 0.115]}]
"""

from ave_sklearn.inspection._ablations import AblationTable, ablation_table, ablations
from ave_sklearn.inspection._attention import AttentionDisplay
from ave_sklearn.inspection._curves import HistoryDisplay, TauCurveDisplay
from ave_sklearn.inspection._embedding import EmbeddingDisplay
from ave_sklearn.inspection._propagation import PropagationDisplay
from ave_sklearn.inspection._timeline import EventTimelineDisplay
from ave_sklearn.inspection.report._write import write_report

__all__ = [
    "AblationTable",
    "AttentionDisplay",
    "EmbeddingDisplay",
    "EventTimelineDisplay",
    "HistoryDisplay",
    "PropagationDisplay",
    "TauCurveDisplay",
    "ablation_table",
    "ablations",
    "write_report",
]
