"""The estimators."""

from ave_sklearn.localizers._any_network import EventLocalizer, WeakEventLocalizer
from ave_sklearn.localizers._psp import PSPLocalizer, WeakPSPLocalizer

__all__ = ["EventLocalizer", "PSPLocalizer", "WeakEventLocalizer", "WeakPSPLocalizer"]
