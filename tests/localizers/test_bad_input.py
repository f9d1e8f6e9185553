"""Bad input: a clear error that names the argument, what came and what was wanted; an earlier fit stays usable."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]


def quick(estimator, **params):
    return estimator(**{"max_epochs": 1, "hidden_size": 8, "random_state": 0, "batch_size": 16, **params})


def spoiled(X, value, where="audio"):
    arrays = {"audio": X.audio.copy(), "visual": X.visual.copy()}
    arrays[where][40, 3] = value
    return AVFeatures(**arrays)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(("value", "what"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_features_that_are_not_finite(pooled, estimator, standardize, value, what):
    X, y = pooled
    for where in ("audio", "visual"):
        with pytest.raises(ValueError, match=f"X.{where} contains {what}.*segment 3 of video 40"):
            quick(estimator, standardize=standardize).fit(spoiled(X, value, where), y)
    fitted = quick(estimator).fit(X, y)
    with pytest.raises(ValueError, match=what):
        fitted.predict(spoiled(X, value))


@pytest.mark.slow
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("part", ["early stopping", "weights", "batches of one", "a view"])
def test_the_row_that_is_named_is_the_users(pooled, standardize, part):
    X, y = pooled
    params = {"early stopping": {"early_stopping": 2}, "batches of one": {"batch_size": 1}}.get(part, {})
    weight = np.where(np.arange(60) % 3 == 0, 0, 1) if part == "weights" else None
    rows = np.arange(60)[::-1] if part == "a view" else np.arange(60)
    localizer = quick(PSPLocalizer, standardize=standardize, **params)
    video = r"19 \(row 40 of the array that it lies in\)" if part == "a view" else 40
    for where in ("audio", "visual"):
        with pytest.raises(ValueError, match=f"Input X.{where} contains NaN, first in segment 3 of video {video};"):
            localizer.fit(spoiled(X, np.nan, where)[rows], y[rows], sample_weight=weight)


@pytest.mark.parametrize("early_stopping", [False, 2])
def test_validation_videos_are_told_from_training_videos(pooled, early_stopping):
    X, y = pooled
    localizer = quick(PSPLocalizer, early_stopping=early_stopping)
    val = {"X_val": spoiled(X, np.inf)[20:], "y_val": y[20:], "sample_weight_val": np.r_[np.zeros(5), np.ones(35)]}
    with pytest.raises(ValueError, match="Input X_val.audio contains infinity.* first in segment 3 of video 20 "):
        localizer.fit(X, y, **val)
    flat = np.asarray(X)[:, :11]
    broken = np.where(np.arange(60)[:, None] == 7, np.nan, flat)
    with pytest.raises(ValueError, match="X_val: Input X contains NaN"):
        localizer.fit(flat, y[:, 0], X_val=broken, y_val=y[:, 0])
    with pytest.raises(ValueError, match="X_val: X has 10 features, but PSPLocalizer is expecting 11"):
        localizer.fit(flat, y[:, 0], X_val=flat[:, 1:], y_val=y[:, 0])
    for target, message in (
        (y[:7], "y_val: Found input"),
        (y[:, :3], "y_val has the shape"),
        (y == "b", "y_val holds"),
    ):
        with pytest.raises(ValueError, match=message):
            localizer.fit(X, y, X_val=X, y_val=target)


def test_nan_in_a_memory_map_is_found_while_reading(pooled, tmp_path):
    X, y = pooled
    bad = spoiled(X, np.nan)
    np.save(tmp_path / "audio.npy", bad.audio)
    mapped = AVFeatures(np.load(tmp_path / "audio.npy", mmap_mode="r"), X.visual)
    with pytest.raises(ValueError, match="X.audio contains NaN, first in segment 3 of video 40"):
        quick(PSPLocalizer).fit(mapped, y)


def test_values_beyond_float32(pooled):
    X, y = pooled
    audio = X.audio.astype(np.float64)
    audio[2, 1, 0] = 1e300
    with pytest.raises(ValueError, match="too large for float32"):
        quick(PSPLocalizer).fit(AVFeatures(audio, X.visual), y)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (np.zeros((4, 3, 2), complex), "audio.*complex"),
        (np.full((4, 3, 2), "a"), "audio"),
        (np.full((4, 3, 2), None), "audio"),
        (np.zeros((5, 3, 2)), "audio.*visual|5.*4"),
        (np.zeros((4, 2, 2)), "segments"),
        (np.zeros((4, 0, 2)), "segments|audio"),
        (np.zeros((4, 3)), "audio"),
    ],
)
def test_features_of_a_wrong_kind(audio, message):
    with pytest.raises(ValueError, match=message):
        quick(PSPLocalizer).fit({"audio": audio, "visual": np.zeros((4, 3, 2))}, np.zeros((4, 3), int))


def test_no_videos(pooled):
    X, y = pooled
    with pytest.raises(ValueError, match="0 videos"):
        quick(PSPLocalizer).fit(X[:0], y[:0])
    with pytest.raises(ValueError, match="0 videos"):
        quick(PSPLocalizer).fit(X, y).predict(X[:0])


def test_three_dimensional_array_without_n_audio_features(pooled):
    X, y = pooled
    with pytest.raises(ValueError, match=r"shape \(60, 8, 6\).*n_audio_features"):
        quick(PSPLocalizer).fit(X.audio, y)


def test_more_dimensions_and_dicts_without_the_streams(pooled):
    X, y = pooled
    with pytest.raises(ValueError, match="X has 5 dimensions; wanted AVFeatures"):
        quick(PSPLocalizer).fit(np.zeros((2, 3, 4, 4, 5)), y[:2])
    with pytest.raises(ValueError, match=r"keys \['sound', 'visual'\]; wanted 'audio' and 'visual'"):
        quick(PSPLocalizer).fit({"sound": X.audio, "visual": X.visual}, y)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_other_features_at_predict_than_at_fit(pooled, videos, estimator):
    X, y = pooled
    localizer = quick(estimator).fit(X, y)
    name = estimator.__name__
    with pytest.raises(ValueError, match=f"X has 5 audio features, but {name} is expecting 6"):
        localizer.predict(AVFeatures(X.audio[:, :, :5], X.visual))
    with pytest.raises(ValueError, match=f"X has 4 visual features, but {name} is expecting 5"):
        localizer.predict_proba(AVFeatures(X.audio, X.visual[:, :, :4]))
    with pytest.raises(ValueError, match=f"X has 4 segments, but {name} is expecting 8"):
        localizer.embed(AVFeatures(X.audio[:, :4], X.visual[:, :4]))
    with pytest.raises(ValueError, match="map size"):
        localizer.predict(videos[0])


# ------------------------------------------------------------------- targets
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_targets_of_a_wrong_shape(pooled, estimator):
    X, y = pooled
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        quick(estimator).fit(X, y[:59])
    with pytest.raises(ValueError, match=r"y has the shape \(60, 7\); wanted"):
        quick(estimator).fit(X, y[:, :7])
    with pytest.raises(ValueError, match="y is None"):
        quick(estimator).fit(X, None)


def test_full_targets_of_a_wrong_kind(pooled):
    X, y = pooled
    with pytest.raises(ValueError, match=r"y has the shape \(60,\); wanted labels \(n_videos, 8\)"):
        quick(PSPLocalizer).fit(X, y[:, 0])
    with pytest.raises(ValueError, match="not one-hot"):
        quick(PSPLocalizer).fit(X, np.ones((60, 8, 4)))
    with pytest.raises(ValueError, match="Unknown label type"):
        quick(PSPLocalizer).fit(X, np.linspace(0, 1, 480).reshape(60, 8))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_labels_outside_classes(pooled, estimator):
    X, y = pooled
    with pytest.raises(ValueError, match=r"not in classes: \['background'.*classes are \['event_0', 'event_1'\]"):
        quick(estimator, classes=["event_0", "event_1"]).fit(X, y)
    with pytest.raises(ValueError, match="not in classes"):
        quick(estimator, classes=[0, 1, 2, 3]).fit(X, y)
    with pytest.raises(ValueError, match="more than once"):
        quick(estimator, classes=[*np.unique(y), "event_0"]).fit(X, y)


def test_zeros_and_ones_that_could_be_labels_or_categories(pooled):
    X, _ = pooled
    y = np.eye(8, dtype=int)[np.arange(60) % 8]
    with pytest.raises(ValueError, match=r"Pass segment labels as text, with classes=\[0, 1\] or in one-hot"):
        quick(WeakPSPLocalizer).fit(X, y)
    with pytest.raises(ValueError, match="could hold segment labels or one-hot"):
        quick(WeakPSPLocalizer).fit(X, y.astype(float))
    quick(WeakPSPLocalizer, background=0).fit(X, y.astype(str))
    quick(WeakPSPLocalizer, classes=[0, 1], background=0).fit(X, y)  # two classes, so 8 columns are segments


def test_proportions_that_are_none(pooled):
    X, _ = pooled
    y = np.full((60, 4), 0.25)
    y[7] = [0.5, 0.7, -0.2, 0]
    with pytest.raises(ValueError, match="negative proportion, -0.2, in row 7"):
        quick(WeakPSPLocalizer).fit(X, y)
    y[7] = [0.5, 0.2, 0, 0]
    with pytest.raises(ValueError, match="row 7 sums to 0.7 where 1 is wanted"):
        quick(WeakPSPLocalizer).fit(X, y)
    y[7] = [0.5, 0.5, 0, 0]
    with pytest.raises(ValueError, match="y has 4 columns, but there are 3 classes"):
        quick(WeakPSPLocalizer, classes=["a", "b", "background"]).fit(X, y)


# ---------------------------------------------------------------- parameters
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", "0.1"),
        ("tau", np.nan),
        ("tau", -0.1),
        ("tau", 1.5),
        ("tau", np.inf),
        ("dropout", 1),
        ("dropout", -0.1),
        ("feature_dropout", 1),
        ("feature_dropout", -0.1),
        ("batch_size", 0),
        ("max_epochs", 0),
        ("lr", 0.0),
        ("hidden_size", 7),
        ("variant", "ours"),
        ("lr_schedule", "cosine"),
        ("precision", "float16"),
        ("label_smoothing", 1.0),
        ("weight_decay", -1.0),
        ("validation_fraction", 1.0),
        ("early_stopping", True),
        ("early_stopping", 0),
        ("device", "gpu"),
        ("n_audio_features", 0),
    ],
)
def test_parameters_out_of_range(pooled, estimator, name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        quick(estimator, **{name: value}).fit(*pooled)


def test_parameters_of_one_estimator_out_of_range(pooled):
    with pytest.raises(ValueError, match="lam.*-1"):
        quick(PSPLocalizer, lam=-1).fit(*pooled)
    with pytest.raises(ValueError, match="target.*'tags'"):
        quick(WeakPSPLocalizer, target="tags").fit(*pooled)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(pooled):
    with pytest.raises(ValueError, match="device is 'cuda', but torch finds no CUDA device"):
        quick(PSPLocalizer, device="cuda").fit(*pooled)


@pytest.mark.parametrize(
    "device", ["meta", "vulkan", "hpu", "privateuseone", torch.device("meta"), "cuda:99", "cpu:0:1"]
)
def test_a_device_that_is_not_here(pooled, device):
    with pytest.raises(ValueError, match=f"device is '?{device}'?"):
        quick(PSPLocalizer, device=device).fit(*pooled)


@pytest.mark.parametrize("name", ["lr", "lam", "weight_decay", "tau"])
def test_an_integer_beyond_float64(pooled, name):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of PSPLocalizer must be"):
        quick(PSPLocalizer, **{name: 10**400}).fit(*pooled)


def test_a_batch_of_true_videos_is_one(pooled):
    X, y = pooled
    localizer = quick(PSPLocalizer, batch_size=16).fit(X, y)
    expected = localizer.predict(X)
    for batch_size in (True, np.True_, 1):
        assert_array_equal(localizer.set_params(batch_size=batch_size).predict(X), expected)
    with pytest.raises(ValueError, match="batch_size must be a positive integer; got 0"):
        localizer.set_params(batch_size=False).predict(X)


def test_a_network_that_no_memory_holds(pooled):
    with pytest.raises(
        MemoryError, match="network 'psp' with the parameters .*'hidden_size': 1073741824.* wanted smaller"
    ):
        quick(PSPLocalizer, hidden_size=2**30).fit(*pooled)


def test_a_fit_on_a_device_that_is_not_here_predicts_on_the_cpu(pooled):
    X, y = pooled
    localizer = quick(PSPLocalizer, device="cpu").fit(X, y)
    localizer.set_params(device="hpu")
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict_proba(X), localizer.predict_proba(X))


def test_validation_arguments_that_do_not_fit_together(pooled):
    X, y = pooled
    with pytest.raises(ValueError, match="sample_weight_val was given without X_val and y_val"):
        quick(PSPLocalizer).fit(X, y, sample_weight_val=np.ones(60))
    with pytest.raises(ValueError, match="X_val was given without y_val"):
        quick(PSPLocalizer, early_stopping=3).fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="X_val has 5 audio features"):
        quick(PSPLocalizer, early_stopping=3).fit(X, y, X_val=AVFeatures(X.audio[..., :5], X.visual), y_val=y)
    with pytest.raises(ValueError, match="too few to hold out"):
        quick(PSPLocalizer, early_stopping=3).fit(X[:1], y[:1])


# ------------------------------------------------------------ what stays usable
BREAKING = [
    ({}, lambda X, y: (spoiled(X, np.nan), y)),
    ({"tau": 2}, lambda X, y: (X, y)),
    ({}, lambda X, y: (X, y[:, :3])),
    ({"lr": 1e30, "standardize": False}, lambda X, y: (AVFeatures(X.audio * 1e30, X.visual), y)),
    ({}, lambda X, y: (np.zeros((60, 3)), y)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("params", "data"), BREAKING)
def test_an_earlier_fit_survives_a_failed_one(pooled, params, data):
    X, y = pooled
    localizer = quick(PSPLocalizer, max_epochs=3).fit(X, y)
    before, attributes = localizer.predict_proba(X), set(vars(localizer))
    localizer.set_params(**params)
    with pytest.raises(ValueError):
        localizer.fit(*data(X, y))
    assert set(vars(localizer)) == attributes
    assert_array_equal(localizer.predict_proba(X), before)


def test_a_loss_that_is_not_finite_names_the_epoch(pooled):
    X, y = pooled
    huge = AVFeatures(X.audio * 1e30, X.visual * 1e30)
    with pytest.raises(ValueError, match=r"training loss is (nan|inf) in epoch \d+. Try a smaller lr, standardize"):
        quick(PSPLocalizer, standardize=False, lr=1e30, lr_schedule="constant", max_epochs=5).fit(huge, y)


DIVERGING = [{"weight_decay": 1e300}, {"lr": 1e30}, {"lr": 1e38}, {"lr": 1e3, "max_epochs": 20}]


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer])
@pytest.mark.parametrize("params", DIVERGING)
@pytest.mark.parametrize("early_stopping", [False, "best"])
def test_a_training_that_diverges_is_no_fit(pooled, estimator, params, early_stopping):
    X, y = pooled[0][:20], pooled[1][:20]
    small = {"hidden_size": 8} if estimator in ESTIMATORS else {"network": "cman"}
    localizer = estimator(max_epochs=1, random_state=0, **small).fit(X, y)
    before = localizer.predict_proba(X)
    localizer.set_params(lr_schedule="constant", early_stopping=early_stopping, **params)
    with pytest.raises(ValueError, match="Try a smaller lr, standardize=True, features of a smaller scale, or"):
        localizer.fit(X, y)
    assert_array_equal(localizer.predict_proba(X), before)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_events", "embed", "propagation", "attention"])
def test_unfitted(pooled, estimator, method):
    with pytest.raises(NotFittedError):
        getattr(estimator(), method)(pooled[0])


def test_nothing_to_show(pooled):
    X, y = pooled
    localizer = quick(PSPLocalizer, tau=None).fit(X, y)
    with pytest.raises(ValueError, match="fitted with tau=None, without propagation"):
        localizer.propagation(X)
    with pytest.raises(ValueError, match="no regions to attend to"):
        localizer.attention(X)


def test_a_memory_map_that_is_cut_between_fit_and_predict(pooled, tmp_path):
    X, y = pooled
    np.save(tmp_path / "audio.npy", np.tile(X.audio, (1, 1, 40)))
    mapped = AVFeatures(np.load(tmp_path / "audio.npy", mmap_mode="r"), X.visual)
    localizer = quick(PSPLocalizer).fit(mapped, y)
    with open(tmp_path / "audio.npy", "r+b") as file:
        file.truncate(5000)
    with pytest.raises(ValueError, match="audio.npy"):
        localizer.predict(mapped)
    with pytest.raises(ValueError, match="audio.npy"):
        quick(PSPLocalizer).fit(mapped, y)
