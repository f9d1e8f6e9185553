"""Displays of what an estimator found and of what it did on the way, in the manner of scikit-learn's."""

__all__: list[str] = []
