"""Data to fit on: a generated task, and a benchmark of real recordings."""

from ave_sklearn.datasets._digits import load_av_digits
from ave_sklearn.datasets._synthetic import make_av_events

__all__ = ["load_av_digits", "make_av_events"]
