"""Checks of what is handed to fit and predict: features, targets, weights, validation videos."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_consistent_length, validate_data

from ave_sklearn._features.forms import as_features, one_segment_features
from ave_sklearn._stratified import stratified_split
from ave_sklearn._targets.encoding import ClassRule
from ave_sklearn._targets.labels import column_names, read_target


@dataclass(frozen=True)
class FittedForms:
    """How a fit read its arguments, so that what comes later is read the same way, in plain values.

    Attributes
    ----------
    n_audio_features : int or None
        Columns of a joined X that are audio; None where no joined X was split, or the visual features are maps.
    classes : list or None
        The parameter of that name: the order of one-hot and proportion columns.
    background : object
        The background label.
    target : str
        Form of y, as :class:`ave_sklearn._targets.encoding.Targets` calls it.
    one_label : bool
        Whether y was one label a video of one segment, and predictions are to be so.
    device : str
        The parameter of that name, for a copy.
    """

    n_audio_features: int | None
    classes: list | None
    background: object
    target: str
    one_label: bool
    device: str

    def rule(self, known, y, *, strict=True, name="y"):
        """Return how the labels of `y` become codes of the `known` classes."""
        return ClassRule(
            self.classes, self.background, known, strict, form=self.target, names=column_names(y), name=name
        )


def validate_features(estimator, X, n_audio_features, *, reset, name="X"):
    """Return `X` in any accepted form as AVFeatures; check it, or keep its width in mind when `reset`.

    Sets ``n_features_in_`` (and ``feature_names_in_`` for a DataFrame) on `estimator` when `reset`.

    Raises
    ------
    ValueError
        Naming it by `name`, what came and what was wanted.
    """
    with naming(name):
        features = as_features(X, n_audio_features, name)
        if features is None:
            X = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32])
            features = one_segment_features(X, n_audio_features)
        elif reset:
            estimator.n_features_in_ = features.shape[1] // features.n_segments
    if len(features) == 0:
        raise ValueError(f"{name} holds 0 videos ({features!r}); at least 1 is wanted.")
    return features


@contextmanager
def naming(name):
    """Let a ValueError or TypeError of other libraries, within, name the argument."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if re.search(rf"\b{name}\b", str(error)):
            raise
        kind = ValueError if isinstance(error, ValueError) else TypeError
        raise kind(f"{name}: {error}") from error


def layout_of(X):
    """Return what must agree between fit and predict, as a dict of plain values."""
    return {
        "n_audio_features": int(X.n_audio_features),
        "n_visual_features": int(X.n_visual_features),
        "map_size": None if X.map_size is None else tuple(map(int, X.map_size)),
        "n_segments": int(X.n_segments),
    }


def check_same_layout(estimator, X, spec, name="X"):
    """Raise ValueError when the videos of `X` are not laid out as the NetworkSpec `spec` says."""
    kinds = {
        "n_audio_features": "audio features",
        "n_visual_features": "visual features",
        "map_size": "as map size of its visual features",
        "n_segments": "segments",
    }
    for part, found in layout_of(X).items():
        wanted = getattr(spec, part)
        if found != wanted:
            raise ValueError(
                f"{name} has {found} {kinds[part]}, but {type(estimator).__name__} is expecting {wanted} "
                f"{kinds[part]} as in the fit. {name} is {X!r}."
            )


def validate_target(estimator, y, X, name="y"):
    """Return the target `y` of the videos `X` as an array of numbers or text, in one of its forms."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    y = read_target(y, name)
    with naming(name):
        check_consistent_length(np.empty(len(X)), y)
    return y


def positive_rows(weight):
    """Return the rows of the weights above 0; those which are 0 beside the largest do not count either."""
    return np.flatnonzero(weight / weight.max())


def relative_weights(weight):
    """Return positive weights divided by their mean.

    They are divided by the largest first, so that equal weights are 1 to the bit, and none overflows.
    """
    weight = weight / weight.max()
    return weight / weight.mean()


def check_validation(early_stopping, X_val, y_val, sample_weight_val):
    """Raise ValueError when the validation arguments of `fit` do not fit together."""
    if early_stopping is True:
        raise ValueError("early_stopping is True; wanted False, 'best' or a patience in epochs, such as 10.")
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}; wanted both or neither.")
    if sample_weight_val is not None and X_val is None:
        raise ValueError("sample_weight_val was given without X_val and y_val, whose weights it holds.")


def hold_out(rows, categories, fraction, seed):
    """Split `rows` into training and validation rows, stratified by category.

    Categories with a single video stay in training.

    Parameters
    ----------
    rows : int ndarray of shape (m,)
    categories : int ndarray of shape (n,)
        Of all videos.
    fraction : float
        Share of validation rows.
    seed : int
    """
    too_few = (
        f"X has {len(rows)} videos, too few to hold out validation_fraction={fraction} of them by "
        "category; pass X_val and y_val, or early_stopping=False."
    )
    kept, held_out = stratified_split(categories[rows], fraction, seed, too_few)
    return rows[kept], rows[held_out]
