"""scikit-learn's tools around the estimators: searches, pipelines, clones, routing, representation."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    cross_val_score,
    cross_validate,
    learning_curve,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_html_repr

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.metrics import event_f1_scorer, segment_accuracy_scorer, segment_log_loss_scorer
from ave_sklearn.model_selection import VideoStratifiedKFold, cross_val_predict_proba

pytestmark = pytest.mark.slow  # nearly each test fits, most of them several times
ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]
CV = VideoStratifiedKFold(2, random_state=0)


def quick(estimator, **params):
    return estimator(**{"max_epochs": 2, "hidden_size": 8, "random_state": 0, **params})


def proportions(y):
    return (y[:, :, None] == np.unique(y)).mean(1)


def test_grid_search_over_tau_and_lam_in_two_processes(videos):
    X, y = videos
    grid = {"tau": [None, -np.inf, 0, 0.095], "lam": [0, 100]}
    parallel = GridSearchCV(quick(PSPLocalizer), grid, cv=CV, n_jobs=2, error_score="raise").fit(X, y)
    serial = GridSearchCV(quick(PSPLocalizer), grid, cv=CV).fit(X, y)
    scores = parallel.cv_results_["mean_test_score"]
    assert_array_equal(scores, serial.cv_results_["mean_test_score"])
    assert len(scores) == 8 and len(set(scores)) > 4
    best = clone(parallel.estimator).set_params(**parallel.best_params_).fit(X, y)
    assert_array_equal(parallel.predict(X), best.predict(X))
    assert parallel.score(X, y) == best.score(X, y)


def test_grid_search_finds_what_is_better(pooled):
    X, y = pooled
    search = GridSearchCV(quick(PSPLocalizer, max_epochs=8), {"lr": [1e-7, 4e-3]}, cv=CV).fit(X, y)
    assert search.best_params_ == {"lr": 4e-3}


def test_weak_grid_search_scores_segments_while_the_fit_sees_videos(pooled):
    X, y = pooled
    search = GridSearchCV(quick(WeakPSPLocalizer), {"weighting": [True, False]}, cv=CV).fit(X, y)
    train, test = next(CV.split(X, y))
    classes = np.unique(y)
    known = quick(WeakPSPLocalizer, classes=classes).fit(X[train], proportions(y[train]))
    assert search.cv_results_["split0_test_score"][0] == np.mean(known.predict(X[test]) == y[test])


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_scorer_and_cross_validation_with_groups(videos, estimator):
    X, y = videos
    scoring = {
        "accuracy": segment_accuracy_scorer,
        "f1": event_f1_scorer,
        "log loss": segment_log_loss_scorer,
    }
    result = cross_validate(
        quick(estimator),
        X,
        y,
        groups=np.arange(60) // 2,
        cv=GroupKFold(2),
        scoring=scoring,
        error_score="raise",
    )
    default = cross_val_score(quick(estimator), X, y, groups=np.arange(60) // 2, cv=GroupKFold(2))
    assert_array_equal(result["test_accuracy"], default)
    assert (result["test_f1"] >= 0).all() and (result["test_log loss"] < 0).all()


def test_weak_targets_as_proportions_pass_through_cross_validation(videos):
    X, y = videos
    estimator = quick(WeakPSPLocalizer, background=0)
    scores = cross_val_score(estimator, X, proportions(y), cv=CV, error_score="raise")
    assert ((scores > 0) & (scores <= 1)).all()


def test_out_of_fold_probabilities(videos):
    X, y = videos
    proba = cross_val_predict_proba(quick(PSPLocalizer), X, y, cv=CV)
    train, test = next(CV.split(X, y))
    assert_array_equal(proba[test], quick(PSPLocalizer).fit(X[train], y[train]).predict_proba(X[test]))
    assert proba.shape == (60, 10, 4)


def louder(X):
    return AVFeatures(X.audio * 2, X.visual)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_pipelines(videos, pooled, estimator):
    X, y = videos
    pipeline = make_pipeline(FunctionTransformer(louder), quick(estimator)).fit(X, y)
    assert pipeline.predict(X).shape == y.shape
    assert pipeline.score(X, y) == quick(estimator).fit(louder(X), y).score(louder(X), y)
    flat = pooled[0].audio[:, 0].astype(float)
    labels = np.where(pooled[1][:, 0] == "background", "no", "yes")
    scaled = make_pipeline(StandardScaler(), quick(estimator, lr=0.01)).fit(flat, labels)
    assert scaled.predict(flat).shape == (60,)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_learning_curve_and_halving_search(videos, estimator):
    X, y = videos
    sizes, train, test = learning_curve(
        quick(estimator, classes=np.unique(y)), X, y, cv=CV, train_sizes=[0.5, 1.0], error_score="raise"
    )
    assert sizes.tolist() == [15, 30] and train.shape == test.shape == (2, 2)
    halving = HalvingGridSearchCV(
        quick(estimator, classes=np.unique(y), max_epochs=15, batch_size=4),
        {"lr": [1e-6, 1e-5, 4e-3, 8e-3]},
        cv=CV,
        factor=2,
        min_resources=30,
        error_score="raise",
    ).fit(X, y)
    assert halving.best_params_["lr"] >= 4e-3 and halving.n_resources_ == [30, 60]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_clone_copies_parameters_and_nothing_fitted(videos, estimator):
    fitted = quick(estimator, tau=-np.inf, dropout=0.3).fit(*videos)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert vars(copy).keys() == fitted.get_params().keys()


def test_train_test_split_and_row_indexing(videos):
    X, y = videos
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    assert isinstance(X_test, AVFeatures)
    assert 0 < quick(PSPLocalizer).fit(X_train, y_train).score(X_test, y_test) <= 1


def test_sample_weight_is_routed(videos):
    X, y = videos
    weight = np.arange(60.0)
    with config_context(enable_metadata_routing=True):
        localizer = quick(PSPLocalizer).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(louder), localizer)
        routed = GridSearchCV(pipeline, {"psplocalizer__tau": [0.095]}, cv=CV, error_score="raise")
        routed.fit(X, y, sample_weight=weight)
        without = GridSearchCV(clone(pipeline), {"psplocalizer__tau": [0.095]}, cv=CV, error_score="raise").fit(X, y)
    direct = quick(PSPLocalizer).fit(louder(X), y, sample_weight=weight)
    assert_array_equal(routed.predict_proba(X), direct.predict_proba(louder(X)))
    assert (routed.predict_proba(X) != without.predict_proba(X)).any()


def test_representations():
    localizer = PSPLocalizer(tau=0.05)
    assert repr(localizer) == "PSPLocalizer(tau=0.05)"
    html = estimator_html_repr(localizer)
    assert "PSPLocalizer" in html and "0.05" in html
