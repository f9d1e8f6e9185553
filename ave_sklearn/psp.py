"""Former place of the PSP estimators: models saved in formats up to 3 name it, and get an error that says so.

Examples
--------
>>> import ave_sklearn
>>> from ave_sklearn.psp import PSPLocalizer
>>> PSPLocalizer is ave_sklearn.PSPLocalizer
True
"""

from ave_sklearn.localizers import PSPLocalizer, WeakPSPLocalizer

__all__ = ["PSPLocalizer", "WeakPSPLocalizer"]
