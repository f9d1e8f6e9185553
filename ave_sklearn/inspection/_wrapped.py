"""Localizer within a pipeline or a search, and the features as it is given them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ave_sklearn.metrics._scorers import layers_to

if TYPE_CHECKING:
    from typing import Any


def unwrap(estimator: Any, X: Any, name: str) -> tuple[Any, Any]:
    """Return what an estimator wraps that has a method, and `X` as the steps of pipelines before it transform it.

    Parameters
    ----------
    estimator : fitted localizer, or a pipeline or search that ends in one
    X : features of some videos, or None
    name : str
        Name of the method.

    Raises
    ------
    ValueError
        If nothing has it.
    """
    *outer, inner = layers_to(estimator, name)
    for layer in outer:
        if X is not None and len(getattr(layer, "steps", ())) > 1:
            X = layer[:-1].transform(X)
    return inner, X
