"""Checks of what is handed to fit and predict: features, targets, weights, validation videos."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_consistent_length, validate_data

from ave_sklearn._features.container import AVFeatures
from ave_sklearn._features.forms import as_features
from ave_sklearn._sklearn import check_sample_weight
from ave_sklearn._targets.labels import read_target


def validate_features(estimator, X, *, reset):
    """Return `X` in any accepted form as AVFeatures; check it, or keep its width in mind when `reset`.

    Sets ``n_features_in_`` (and ``feature_names_in_`` for a DataFrame) on `estimator` when `reset`.

    Raises
    ------
    ValueError
        Naming X, what came and what was wanted.
    """
    features = as_features(X, estimator.n_audio_features)
    if features is None:
        X = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32])
        features = AVFeatures(X[:, None, :], X[:, None, :])
    elif reset:
        estimator.n_features_in_ = features.shape[1] // features.n_segments
    if len(features) == 0:
        raise ValueError(f"X holds 0 videos ({features!r}); at least 1 is wanted.")
    return features


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


def validate_target(estimator, y, X):
    """Return the target `y` of the videos `X` as an array of numbers or text, in one of its forms."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    y = read_target(y)
    check_consistent_length(np.empty(len(X)), y)
    return y


def check_weights(sample_weight, X):
    """Return `sample_weight` as a float64 array of shape (n,), non-negative and not all zero."""
    if sample_weight is None:
        return np.ones(len(X))
    return check_sample_weight(
        sample_weight,
        np.empty((len(X), 1)),
        dtype=np.float64,
        ensure_non_negative=True,
        allow_all_zero_weights=False,
    )


def check_validation(early_stopping, X_val, y_val):
    """Raise ValueError when the validation arguments of `fit` do not fit together."""
    if early_stopping is True:
        raise ValueError("early_stopping is True; wanted False or a patience in epochs, such as 10.")
    if (X_val is None) != (y_val is None):
        given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
        raise ValueError(f"{given} was given without {missing}; wanted both or neither.")
    if X_val is not None and early_stopping is False:
        raise ValueError(
            "X_val was given with early_stopping=False, where nothing would use it; set early_stopping to a "
            "patience in epochs."
        )


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
    labels, counts = np.unique(categories[rows], return_counts=True)
    paired = np.isin(categories[rows], labels[counts > 1])
    candidates, alone = rows[paired], rows[~paired]
    n_held_out = max(round(fraction * len(rows)), (counts > 1).sum(), 1)
    if len(candidates) - n_held_out < max((counts > 1).sum(), 1):
        raise ValueError(
            f"X has {len(rows)} videos, too few to hold out validation_fraction={fraction} of them in every "
            "category; pass X_val and y_val, or early_stopping=False."
        )
    kept, held_out = train_test_split(
        candidates, test_size=int(n_held_out), random_state=seed, stratify=categories[candidates]
    )
    return np.sort(np.concatenate([kept, alone])), np.sort(held_out)
