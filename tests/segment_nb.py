"""A small honest classifier of segments, for the tests of metrics and model selection."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB


class SegmentNB(ClassifierMixin, BaseEstimator):
    """Naive Bayes over single segments: (n, T, F) arrays or AVFeatures, labels (n, T); or (n, F) and (n,)."""

    def __init__(self, background="background", var_smoothing=1e-9):
        self.background = background
        self.var_smoothing = var_smoothing

    def fit(self, X, y, sample_weight=None):
        X, y = segments_of(X), np.asarray(y)
        weight = None if sample_weight is None else np.repeat(sample_weight, y.size // len(y))
        nb = GaussianNB(var_smoothing=self.var_smoothing)
        self.nb_ = nb.fit(X.reshape(-1, X.shape[-1]), y.ravel(), sample_weight=weight)
        self.classes_ = self.nb_.classes_
        return self

    def predict_proba(self, X):
        X = segments_of(X)
        return self.nb_.predict_proba(X.reshape(-1, X.shape[-1])).reshape(*X.shape[:-1], -1)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=-1)]


def segments_of(X):
    """Turn AVFeatures into the array (n, T, F); leave arrays as they are."""
    return np.concatenate([X.audio, X.visual], axis=-1) if hasattr(X, "audio") else np.asarray(X)


def make_videos(n_videos=60, n_segments=5, seed=0, labels=("background", "cat", "dog")):
    """Make videos of one event each whose features tell the label, with noise: X (n, T, 4), y (n, T)."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    code = rng.integers(1, len(labels), n_videos)[:, None] * np.ones(n_segments, int)
    start, stop = np.sort(rng.integers(0, n_segments + 1, (2, n_videos, 1)), axis=0)
    segment = np.arange(n_segments)
    code = np.where((segment >= start) & (segment < stop), code, 0)
    X = rng.normal(size=(n_videos, n_segments, 4)) + 1.5 * np.eye(len(labels), 4)[code]
    return X, labels[code]
