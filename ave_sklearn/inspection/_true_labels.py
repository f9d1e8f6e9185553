"""True labels that are drawn beside what an estimator predicts."""

from ave_sklearn._targets.encoding import ClassRule, encode_segments
from ave_sklearn._targets.labels import column_names, read_target
from ave_sklearn.metrics._scorers import attribute_or_none, find_attribute, fitted_background


def read_true(y, estimator, n_videos, n_segments, name="y"):
    """Return the labels (n, T) of a target of an estimator, read as its ``score`` reads it; errors call it `name`."""
    columns = attribute_or_none(estimator, "classes")  # None too where it has no such parameter
    names, y = column_names(y), read_target(y, name)
    if y.ndim == 1 and n_videos == 1 and n_segments > 1:
        y = y[None]
    classes, background = find_attribute(estimator, "classes_"), fitted_background(estimator)
    targets = encode_segments(
        y, n_segments, ClassRule(columns, background, classes, strict=False, names=names, name=name)
    )
    if len(y) != n_videos:
        raise ValueError(f"{name} has labels of {len(y)} videos, shape {y.shape}; wanted those of the {n_videos} of X.")
    return targets.classes[targets.values]
