"""scikit-learn's private names that the package uses, in one place: where a new version may break it."""

from sklearn.utils._param_validation import HasMethods, Interval, Options, StrOptions

__all__ = ["HasMethods", "Interval", "Options", "StrOptions"]
