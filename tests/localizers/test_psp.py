"""The two estimators on generated videos: learning, input and target forms, ablations, what they return."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from skorch.helper import SliceDict

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.nn import PSPNet

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]
QUICK = {"max_epochs": 2, "hidden_size": 8, "random_state": 0}


def quick(estimator, **params):
    return estimator(**{**QUICK, **params})


def proportions(y):
    """Class proportions of segment labels, columns in sorted order."""
    return (y[:, :, None] == np.unique(y)).mean(1)


# ------------------------------------------------------------------- learning
def seconds(X):
    """The features of every second, one a row, for models that see no other."""
    return np.asarray(X).reshape(len(X) * X.n_segments, -1)


@pytest.fixture(scope="module")
def benchmark():
    X, y = make_av_events(n_videos=500, random_state=0)
    return X[:350], y[:350], X[350:], y[350:]


@pytest.mark.slow
def test_full_supervision_learns(benchmark):
    X, y, X_test, y_test = benchmark
    localizer = PSPLocalizer(max_epochs=15, hidden_size=64, random_state=0).fit(X, y)
    assert localizer.score(X_test, y_test) > np.mean(y_test == "background") + 0.3
    linear = LogisticRegression(max_iter=1000).fit(seconds(X), y.ravel())
    assert localizer.score(X_test, y_test) > linear.score(seconds(X_test), y_test.ravel()) + 0.06
    assert localizer.score(X_test, y_test) < 0.95
    assert localizer.history_[-1]["train_loss"] < localizer.history_[0]["train_loss"]


@pytest.mark.slow
def test_weak_supervision_localizes_what_it_was_never_told(benchmark):
    X, y, X_test, y_test = benchmark
    localizer = WeakPSPLocalizer(max_epochs=15, hidden_size=64, random_state=0).fit(X, proportions(y))
    labels = np.unique(y)[localizer.predict(X_test)]
    assert np.mean(labels == y_test) > np.mean(y_test == "background") + 0.1


# ---------------------------------------------------------------- input forms
@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_all_forms_of_pooled_features_give_the_same_model(pooled, estimator):
    X, y = pooled
    expected = quick(estimator).fit(X, y).predict_proba(X)
    joined = np.concatenate([X.audio, X.visual], axis=2)
    structured = np.empty(len(X), [("audio", "f4", X.audio.shape[1:]), ("visual", "f4", X.visual.shape[1:])])
    structured["audio"], structured["visual"] = X.audio, X.visual
    for form in (
        {"audio": X.audio, "visual": X.visual},
        SliceDict(audio=X.audio, visual=X.visual),
        structured,
        AVFeatures.from_array(joined, 6),
    ):
        assert_array_equal(quick(estimator).fit(form, y).predict_proba(form), expected)
    array = quick(estimator, n_audio_features=6).fit(joined, y)
    assert_array_equal(array.predict_proba(joined.tolist()), expected)
    assert array.n_features_in_ == 11


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_two_dimensional_input_is_videos_of_one_segment(estimator):
    X = pd.DataFrame(np.random.RandomState(0).randn(100, 3), columns=["a", "b", "c"])
    y = np.where(X["a"] > 0, "yes", "no")
    localizer = quick(estimator, max_epochs=20, hidden_size=32).fit(X, y)
    assert localizer.predict(X).shape == (100,) and localizer.predict_proba(X).shape == (100, 2)
    assert localizer.feature_names_in_.tolist() == ["a", "b", "c"]
    assert localizer.score(X, y) > 0.8
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one-segment videos need no background
        assert quick(estimator, n_audio_features=1).fit(X, y[:, None]).predict(X).shape == (100, 1)


def test_refitting_on_other_features_forgets_the_old_names(pooled):
    X = pd.DataFrame(np.eye(4), columns=list("abcd"))
    localizer = quick(PSPLocalizer).fit(X, [0, 1, 0, 1]).fit(*pooled)
    assert not hasattr(localizer, "feature_names_in_")
    assert localizer.n_features_in_ == 11 and localizer.n_segments_ == 8


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_float64_integers_and_memory_maps_are_cast_by_batch(pooled, estimator, tmp_path):
    X, y = pooled
    expected = quick(estimator).fit(X, y).predict_proba(X)
    np.save(tmp_path / "audio.npy", X.audio.astype(np.float64))
    mapped = AVFeatures(np.load(tmp_path / "audio.npy", mmap_mode="r"), X.visual)
    assert_array_equal(quick(estimator).fit(mapped, y).predict_proba(mapped), expected)
    integers = AVFeatures(np.round(X.audio * 10).astype(np.int16), X.visual)
    assert np.isfinite(quick(estimator).fit(integers, y).predict_proba(integers)).all()


# --------------------------------------------------------------- target forms
@pytest.mark.slow
def test_full_targets_as_integers_objects_and_one_hot_give_the_same_model(pooled):
    X, y = pooled
    classes, codes = np.unique(y, return_inverse=True)
    expected = quick(PSPLocalizer).fit(X, y).predict_proba(X)
    integers = quick(PSPLocalizer, background=0).fit(X, codes)
    assert_array_equal(integers.predict_proba(X), expected)
    assert_array_equal(classes[integers.predict(X)], quick(PSPLocalizer).fit(X, y.astype(object)).predict(X))
    order = [2, 0, 3, 1]  # columns in the user's order, classes_ sorted
    one_hot = codes[:, :, None] == order
    from_columns = quick(PSPLocalizer, classes=classes[order]).fit(X, one_hot)
    assert_array_equal(from_columns.predict_proba(X), expected)
    assert_array_equal(from_columns.classes_, classes)
    assert from_columns.score(X, one_hot) == from_columns.score(X, y)


def test_weak_targets_as_labels_and_proportions_give_the_same_model(pooled):
    X, y = pooled
    classes = np.unique(y)
    expected = quick(WeakPSPLocalizer).fit(X, y)
    order = [3, 1, 0, 2]
    columns = quick(WeakPSPLocalizer, classes=classes[order]).fit(X, proportions(y)[:, order])
    assert_allclose(columns.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    assert_array_equal(columns.predict(X), expected.predict(X))


def test_weak_category_targets(pooled):
    X, y = pooled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        pooled_by_us = quick(WeakPSPLocalizer, target="category").fit(X, y)
        categories = np.array([row[row != "background"][0] for row in y])
        tags = quick(WeakPSPLocalizer, classes=np.unique(y)).fit(X, categories)
    assert_array_equal(tags.predict_proba(X), pooled_by_us.predict_proba(X))
    assert tags.predict(X).shape == y.shape


@pytest.mark.slow
def test_weak_score_of_categories_compares_videos(pooled):
    X, y = pooled
    localizer = quick(WeakPSPLocalizer, max_epochs=10).fit(X, y)
    categories = np.array([row[row != "background"][0] for row in y])
    predicted = []
    for row in localizer.predict(X):
        events, counts = np.unique(row[row != "background"], return_counts=True)
        predicted.append(events[counts.argmax()] if len(events) else "background")
    expected = np.mean(np.array(predicted) == categories)
    assert localizer.score(X, categories) == pytest.approx(expected)
    assert localizer.score(X, proportions(y)) == pytest.approx(expected)
    assert localizer.score(X, y) != pytest.approx(expected)


def test_score_is_segment_accuracy_with_video_weights(pooled):
    X, y = pooled
    localizer, weight = quick(PSPLocalizer).fit(X, y), np.arange(60.0)
    right = (localizer.predict(X) == y).mean(1)
    assert localizer.score(X, y) == pytest.approx(right.mean())
    assert localizer.score(X, y, sample_weight=weight) == pytest.approx(np.average(right, weights=weight))


def test_score_counts_classes_unseen_in_fit_as_wrong(pooled):
    X, y = pooled
    seen = ~(y == "event_2").any(1)
    localizer = quick(PSPLocalizer).fit(X[seen], y[seen])
    unseen = ~seen
    assert localizer.score(X[unseen], y[unseen]) == np.mean(localizer.predict(X[unseen]) == y[unseen])


def test_classes_lets_a_fit_miss_a_class(pooled):
    X, y = pooled
    classes = [*np.unique(y), "zebra"]
    localizer = quick(PSPLocalizer, classes=classes).fit(X, y)
    assert localizer.classes_.tolist() == sorted(classes)
    assert localizer.predict_proba(X).shape == (60, 8, 5)


# ------------------------------------------------------------------- results
@pytest.mark.slow
@pytest.mark.parametrize("variant", ["paper", "released"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_a_localizer_returns(videos, estimator, variant):
    X, y = videos
    localizer = quick(estimator, variant=variant).fit(X, y)
    proba = localizer.predict_proba(X)
    assert proba.shape == (60, 10, 4)
    assert_allclose(proba.sum(-1), 1, atol=1e-6)
    assert_array_equal(localizer.predict(X), localizer.classes_[proba.argmax(-1)])
    assert localizer.embed(X).shape == (60, 10, 8)
    attention = localizer.attention(X)
    assert attention.shape == (60, 10, 3, 3)
    assert_allclose(attention.sum((2, 3)), 1, atol=1e-5)
    for gamma in localizer.propagation(X):
        assert gamma.shape == (60, 10, 10) and (gamma >= 0).all() and (gamma.sum(-1) < 1 + 1e-5).all()


def test_fitted_attributes(videos):
    X, y = videos
    localizer = quick(PSPLocalizer).fit(X, y)
    assert_array_equal(localizer.classes_, np.unique(y))
    assert (localizer.n_segments_, localizer.n_features_in_) == (10, 6 + 9 * 5)
    assert (localizer.n_iter_, localizer.best_epoch_, localizer.validation_score_) == (2, 2, None)
    assert [entry["epoch"] for entry in localizer.history_] == [1, 2]
    assert set(localizer.history_[0]) == {"epoch", "train_loss", "dur"}


def test_video_probabilities_are_the_mean_of_the_weighted_scores(videos):
    X, y = videos
    localizer = quick(WeakPSPLocalizer).fit(X, y)
    (logits,) = localizer._model_.outputs(X, 32, "logits")
    mean = np.exp(logits.mean(1))
    assert_allclose(localizer.predict_video_proba(X), mean / mean.sum(1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize("params", [{}, {"standardize": False, "feature_dropout": 0.0}])
def test_forward_hooks_fire_on_the_torch_module_and_see_what_the_network_sees(videos, params):
    X, y = videos
    localizer = quick(PSPLocalizer, **params).fit(X, y)
    seen = []
    handle = localizer.net_.module_.register_forward_hook(
        lambda module, inputs, outputs: seen.append((inputs, outputs))
    )
    proba = localizer.predict_proba(X)
    handle.remove()
    localizer.predict(X)
    (((audio, visual), outputs),) = seen  # one batch, and none after the hook is gone
    assert_array_equal(outputs["logits"].softmax(-1).numpy(), proba)
    expected = X.audio if params else (X.audio - X.audio.mean((0, 1))) / np.sqrt(X.audio.var((0, 1)).mean())
    assert_allclose(audio.numpy(), expected, atol=1e-5)
    assert visual.shape == X.visual.shape


@pytest.mark.slow
def test_predicted_events_are_the_runs_of_predicted_labels(videos):
    X, y = videos
    localizer = quick(PSPLocalizer, max_epochs=10).fit(X, y)
    names = [f"video {i}" for i in range(60)]
    events = localizer.predict_events(X, segment_seconds=2.0, videos=names)
    rebuilt = np.full(y.shape, "background", dtype=object)
    for event in events.itertuples():
        rebuilt[names.index(event.filename), int(event.onset / 2) : int(event.offset / 2)] = event.event_label
    assert len(events) > 10
    assert_array_equal(rebuilt, localizer.predict(X))
    first = events.iloc[0]
    row, start, stop = names.index(first.filename), int(first.onset / 2), int(first.offset / 2)
    assert first.score == pytest.approx(localizer.predict_proba(X)[row, start:stop].max(-1).mean())


def test_without_background_every_segment_is_in_an_event(pooled):
    X, y = pooled
    localizer = quick(PSPLocalizer, lam=0).fit(X, np.unique(y, return_inverse=True)[1])
    events = localizer.predict_events(X)
    assert (events["offset"] - events["onset"]).sum() == 60 * 8


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_predictions_do_not_depend_on_the_other_videos(videos, estimator):
    X, y = videos
    localizer = quick(estimator, batch_size=7).fit(X, y)
    assert_allclose(localizer.predict_proba(X[5:8]), localizer.predict_proba(X)[5:8], atol=1e-6)


# ----------------------------------------------------------------- parameters
@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_ablations_of_table_1_are_different_models(videos, estimator):
    X, y = videos
    settings = [{"tau": None}, {"tau": -np.inf}, {"tau": 0}, {"tau": 0.095}, {"self_attention": True}]
    results = [quick(estimator, **params).fit(X, y).predict_proba(X) for params in settings]
    for i, one in enumerate(results):
        assert np.isfinite(one).all()
        assert all(abs(one - other).max() > 1e-6 for other in results[:i])


@pytest.mark.slow
def test_tau_prunes_more_the_higher_it_is(videos):
    X, y = videos
    kept = [
        np.mean(quick(PSPLocalizer, tau=tau, max_epochs=1, lr=1e-9).fit(X, y).propagation(X)[0] != 0)
        for tau in (-np.inf, 0, 0.095, 0.14)
    ]
    assert kept[0] == 1 and kept == sorted(kept, reverse=True) and len(set(kept)) == 4


def test_lam_weighs_the_pair_similarity_loss(videos):
    X, y = videos
    losses = [
        quick(PSPLocalizer, lam=lam, max_epochs=1, lr=1e-9).fit(X, y).history_[0]["train_loss"] for lam in (0, 10, 20)
    ]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)
    assert losses[1] > losses[0]


def test_weighting_branch_can_be_left_out(videos):
    localizer = quick(WeakPSPLocalizer, weighting=False).fit(*videos)
    assert not any("weighting" in name for name, _ in localizer.net_.module_.named_parameters())


@pytest.mark.slow
def test_standardize_makes_the_scale_of_features_irrelevant(pooled):
    X, y = pooled
    scaled = AVFeatures(X.audio * 1000 + 7, X.visual * 0.001 - 3)
    for standardize, same in ((True, True), (False, False)):
        localizer = quick(PSPLocalizer, precision="float64", standardize=standardize)
        one, other = clone(localizer).fit(X, y), clone(localizer).fit(scaled, y)
        assert np.allclose(one.predict_proba(X), other.predict_proba(scaled), atol=1e-3) == same


def test_standardize_uses_the_means_and_the_common_scale_of_the_weighted_training_videos(videos):
    X, y = videos
    weight = np.arange(60) % 4
    localizer = quick(PSPLocalizer, batch_size=7).fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(60), weight)
    for name, array in (("audio", X.audio[rows]), ("visual", X.visual[rows])):
        scaling = getattr(localizer.net_.module_, f"{name}_scaling")
        flat = array.reshape(-1, array.shape[-1]).astype(np.float64)
        assert_allclose(scaling.mean, flat.mean(0), atol=1e-6)
        assert scaling.scale.item() == pytest.approx(np.sqrt(flat.var(0).mean()))


def test_constant_features_do_not_break_standardize(pooled):
    X, y = pooled
    constant = AVFeatures(np.full_like(X.audio, 3.0), X.visual)
    assert np.isfinite(quick(PSPLocalizer).fit(constant, y).predict_proba(constant)).all()


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("standardize", [True, False])
def test_feature_dropout_hides_features_in_training_alone(pooled, estimator, standardize):
    X, y = pooled
    localizer = quick(estimator, standardize=standardize, dropout=0.0)
    none, some = (clone(localizer).set_params(feature_dropout=p).fit(X, y) for p in (0.0, 0.5))
    assert none.history_[0]["train_loss"] != some.history_[0]["train_loss"]
    again = clone(some).fit(X, y)
    assert_array_equal(again.predict_proba(X), some.predict_proba(X))
    assert_array_equal(some.predict_proba(X), some.predict_proba(X))


def test_the_features_that_are_left_are_standardized_and_scaled_up(pooled, monkeypatch):
    X, y = pooled
    seen, forward = [], PSPNet.forward

    def watch(net, audio, visual, mask=None):
        seen.append((audio.detach().numpy(), visual.detach().numpy()))
        return forward(net, audio, visual, mask)

    monkeypatch.setattr(PSPNet, "forward", watch)
    quick(PSPLocalizer, max_epochs=1, batch_size=60, feature_dropout=0.5).fit(X, y)
    (*batch,), _ = seen  # the one of the training, and a look at the outputs at its end
    for features, array in zip(batch, (X.audio, X.visual), strict=True):
        hidden = (features == 0).all(1)  # (n, d)
        assert hidden.mean() == pytest.approx(0.5, abs=0.1)
        standardized = (array - array.mean((0, 1))) / np.sqrt(array.var((0, 1)).mean())
        left = features.transpose(0, 2, 1)[~hidden] / 2
        nearest = np.abs(left.ravel()[:, None] - standardized.ravel()).min(1)
        assert nearest.max() < 1e-5


def test_sample_weight_zero_is_leaving_the_video_out(pooled):
    X, y = pooled
    weight = (np.arange(60) % 3 > 0).astype(float)
    kept = weight > 0
    weighted = quick(PSPLocalizer).fit(X, y, sample_weight=weight)
    assert_array_equal(weighted.predict_proba(X), quick(PSPLocalizer).fit(X[kept], y[kept]).predict_proba(X))


def test_sample_weight_two_is_showing_the_video_twice(pooled):
    X, y = pooled
    rows = np.r_[np.arange(60), np.arange(30)]
    without = {"dropout": 0, "feature_dropout": 0}  # masks are drawn by position
    full_batch = quick(PSPLocalizer, batch_size=1000, precision="float64", **without)
    weighted = clone(full_batch).fit(X, y, sample_weight=np.r_[np.full(30, 2.0), np.ones(30)])
    repeated = clone(full_batch).fit(X[rows], y[rows])
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-9)


# ------------------------------------------------------------------- warnings
def test_missing_background_is_said_once(pooled):
    X, y = pooled
    codes = np.unique(y, return_inverse=True)[1]
    with pytest.warns(UserWarning, match="background label 'background' is not among the classes") as record:
        quick(PSPLocalizer).fit(X, codes)
    assert len(record) == 1 and record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(PSPLocalizer, lam=0).fit(X, codes)
        quick(PSPLocalizer, background=0).fit(X, codes)


def test_weak_targets_without_background_are_said_to_be_useless_for_localizing(pooled):
    X, y = pooled
    with pytest.warns(UserWarning, match="calls every second an event") as record:
        quick(WeakPSPLocalizer, target="category").fit(X, y)
    assert record[0].filename == __file__


def test_tau_too_high_for_the_number_of_segments_warns(pooled):
    with pytest.warns(UserWarning, match=r"tau=0.2 prunes nearly all.*0.119") as record:
        quick(PSPLocalizer, tau=0.2).fit(*pooled)
    assert record[0].filename == __file__
