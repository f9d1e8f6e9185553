"""Former place of the PSP estimators: models saved in formats up to 3 name it, and get an error that says so."""

from ave_sklearn.localizers import PSPLocalizer, WeakPSPLocalizer

__all__ = ["PSPLocalizer", "WeakPSPLocalizer"]
