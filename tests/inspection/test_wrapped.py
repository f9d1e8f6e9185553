"""Displays of a localizer within a pipeline or a search: they draw what it finds in the features that it is given."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.inspection import (
    AttentionDisplay,
    EmbeddingDisplay,
    HistoryDisplay,
    PropagationDisplay,
    TauCurveDisplay,
)
from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold


def other(X):
    """Features that are seen to be others."""
    return AVFeatures(X.audio + 1, X.visual * 2)


WAYS = ["search", "search of kept scores", "pipeline", "search of a pipeline", "pipeline of a search"]


@pytest.fixture(scope="module", params=WAYS)
def wrapped(request, videos, tmp_path_factory):
    """An estimator, the localizer within it, what this one gets of 20 videos, these, and their labels."""
    X, y = videos[0][:20], videos[1][:20]
    folds = VideoStratifiedKFold(2, random_state=0)
    localizer = PSPLocalizer(max_epochs=1, hidden_size=4, early_stopping="best", random_state=0)
    step = FunctionTransformer(other)
    if request.param == "search":
        search = GridSearchCV(localizer, {"tau": [0.05]}, cv=folds).fit(X, y)
        return search, search.best_estimator_, X, X, y
    if request.param == "search of kept scores":
        kept = KeptScores(localizer, tmp_path_factory.mktemp("kept"))
        search = GridSearchCV(kept, {"estimator__tau": [0.05]}, cv=folds).fit(X, y)
        return search, search.best_estimator_.estimator_, X, X, y
    if request.param == "pipeline":
        pipeline = make_pipeline(step, localizer).fit(X, y)
        return pipeline, pipeline[-1], other(X), X, y
    if request.param == "search of a pipeline":
        search = GridSearchCV(make_pipeline(step, localizer), {"psplocalizer__tau": [0.05]}, cv=folds).fit(X, y)
        return search, search.best_estimator_[-1], other(X), X, y
    pipeline = make_pipeline(step, GridSearchCV(localizer, {"tau": [0.05]}, cv=folds)).fit(X, y)
    return pipeline, pipeline[-1].best_estimator_, other(X), X, y


@pytest.mark.parametrize("labelled", [True, False])
def test_connections_and_attention(wrapped, labelled):
    estimator, localizer, inner, X, y = wrapped
    y = y if labelled else None
    display = PropagationDisplay.from_estimator(estimator, X, y, video=3, tau=["fitted", 0.0])
    for i, tau in enumerate(["fitted", 0.0]):
        gamma_va, gamma_av = localizer.propagation(inner[3:4], tau=tau)
        np.testing.assert_array_equal(display.gamma_va[i], gamma_va[0])
        np.testing.assert_array_equal(display.gamma_av[i], gamma_av[0])
    labels = localizer.predict(inner[3:4])[0] if y is None else y[3]
    np.testing.assert_array_equal(display.labels, labels)
    display = AttentionDisplay.from_estimator(estimator, X, y, video=3)
    np.testing.assert_array_equal(display.attention, localizer.attention(inner[3:4])[0])
    np.testing.assert_array_equal(display.labels, labels)


def test_layers(wrapped):
    estimator, localizer, inner, X, y = wrapped
    options = {"method": "pca", "max_points": 50, "random_state": 0}
    display = EmbeddingDisplay.from_estimator(estimator, X, y, layers=["fused"], **options)
    expected = EmbeddingDisplay.from_estimator(localizer, inner, y, layers=["fused"], **options)
    np.testing.assert_array_equal(display.points["fused"], expected.points["fused"])
    assert display.background == "background"


def test_history_and_the_connections_that_a_search_keeps(wrapped):
    estimator, localizer, inner, X, _ = wrapped
    display = HistoryDisplay.from_estimator(estimator)
    assert (display.history, display.kept_epoch) == (localizer.history_, localizer.best_epoch_)
    if hasattr(estimator, "cv_results_") or hasattr(estimator[-1], "cv_results_"):
        gammas = localizer.propagation(inner, tau=0.05)
        kept = np.mean([np.mean(gamma != 0) for gamma in gammas])
        display = TauCurveDisplay.from_estimator(estimator, X)
        assert display.kept.tolist() == [kept]
        assert "not trained again" in display.axes_["kept"].get_title(loc="left")


@pytest.mark.parametrize("draw", [PropagationDisplay.from_estimator, AttentionDisplay.from_estimator])
def test_what_holds_no_localizer_is_named(draw, videos):
    with pytest.raises(ValueError, match=r"must have, or wrap .* '(propagation|attention)'; got LogisticRegression"):
        draw(LogisticRegression(), videos[0])


def test_a_pipeline_without_a_localizer_is_named(videos):
    with pytest.raises(ValueError, match="'embed'; got Pipeline"):
        EmbeddingDisplay.from_estimator(make_pipeline(LogisticRegression()), *videos)
