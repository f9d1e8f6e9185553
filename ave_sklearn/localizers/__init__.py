"""The estimators.

Examples
--------
>>> import ave_sklearn
>>> from ave_sklearn.localizers import PSPLocalizer
>>> PSPLocalizer is ave_sklearn.PSPLocalizer
True
"""

from ave_sklearn.localizers._any_network import EventLocalizer, WeakEventLocalizer
from ave_sklearn.localizers._psp import PSPLocalizer, WeakPSPLocalizer

__all__ = ["EventLocalizer", "PSPLocalizer", "WeakEventLocalizer", "WeakPSPLocalizer"]
