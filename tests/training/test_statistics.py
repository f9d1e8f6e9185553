"""Statistics of features of any size, any distance from 0 and any type; videos that were never written."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer
from ave_sklearn._training.batches import VideoDataset
from ave_sklearn._training.statistics import feature_statistics
from ave_sklearn.nn import Standardize, StandardizedNetwork

QUICK = {"max_epochs": 2, "batch_size": 30, "hidden_size": 8, "random_state": 0}
WEIGHT = np.linspace(0.2, 2, 40)


def changed(X, audio=lambda x: x, visual=lambda x: x):
    """Return the features, in float64, changed by a function for each modality."""
    return AVFeatures(audio(X.audio.astype(float)), visual(X.visual.astype(float)))


CHANGES = {  # of features around 0 whose scale is about 1: what happens to them, and the type they are kept in
    "squares overflow in float32": (lambda x: x * 2.0**66, "float32"),
    "squares vanish in float32": (lambda x: x * 2.0**-100, "float32"),
    "numbers that float32 counts in steps": (lambda x: x * 2.0**-140, "float64"),
    "beyond float32": (lambda x: x * 1e50, "float64"),
    "below float32": (lambda x: x * 1e-50, "float64"),
    "squares overflow in float64": (lambda x: x * 1e200, "float64"),
    "squares vanish in float64": (lambda x: x * 1e-250, "float64"),
    "offset": (lambda x: 1e9 + x, "float64"),
    "offset below 0, one for each feature": (lambda x: x - 3e8 * np.arange(1, 1 + x.shape[-1]), "float64"),
    "offset of nanoseconds": (lambda x: 1.7e18 + np.round(x * 1e9), "int64"),
    "offset and size": (lambda x: 1e-30 * (1e7 + x), "float64"),
    "unsigned integers": (lambda x: 3e9 + x * 1024, "uint32"),
    "offset in float32": (lambda x: 1e4 + x, "float32"),
}


@pytest.fixture(scope="module", params=["float32", "float64"])
def ordinary(request, pooled):
    """Precision, rounded features that each type holds after each change, labels, and probabilities after a fit."""
    X, y = changed(pooled[0], *2 * [lambda x: np.round(x * 1024) / 1024]), pooled[1]
    proba = PSPLocalizer(precision=request.param, **QUICK).fit(X[:40], y[:40], WEIGHT).predict_proba(X)
    return request.param, X, y, proba


@pytest.mark.slow
@pytest.mark.parametrize("case", CHANGES)
def test_features_of_any_size_and_offset_train_as_ordinary_ones(ordinary, case):
    (precision, X, y, expected), (change, dtype) = ordinary, CHANGES[case]
    moved = changed(X, *2 * [lambda x: change(x).astype(dtype)])
    localizer = PSPLocalizer(precision=precision, **QUICK).fit(moved[:40], y[:40], WEIGHT)
    got = localizer.predict_proba(moved)
    assert np.ptp(expected, axis=(0, 1)).min() > 0.005
    assert_allclose(got, expected, atol=1e-4)
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict_proba(moved), got)
    assert_allclose(localizer.predict_proba(moved[47]), got[47:48], atol=1e-6)  # one that is new


@pytest.mark.slow
@pytest.mark.parametrize("case", CHANGES)
def test_wide_statistics_are_those_of_a_slow_loop(videos, case, monkeypatch):
    monkeypatch.setattr("ave_sklearn.nn.blocking.BLOCK_SIZE", 7 * videos[0].shape[1])  # blocks of seven videos
    change, dtype = CHANGES[case]
    X = changed(videos[0], visual=lambda x: change(x).astype(dtype))
    weight = np.linspace(0.5, 2, len(X)).astype("f4")
    _, (mean, scale) = feature_statistics(VideoDataset(X, "float32", weight=weight))
    flat = X.visual.reshape(60, -1, 5).astype(np.longdouble)
    expected = weight @ flat.mean(1) / weight.sum()
    variance = weight @ ((flat - expected) ** 2).mean(1) / weight.sum()
    root = np.sqrt(variance.mean())
    assert np.abs(mean - expected).max() <= 1e-5 * root
    assert_allclose(float(scale / root), 1, rtol=1e-5)


def test_ordinary_modalities_are_read_as_ever_beside_another(videos):
    X, y = videos
    plain, moved = (VideoDataset(x, "float32") for x in (X, changed(X, audio=lambda x: x * 1e40)))
    (_, expected), (_, got) = feature_statistics(plain), feature_statistics(moved)
    assert_array_equal(got[0], expected[0])
    assert got[1] == expected[1]


def test_ordinary_features_are_read_once_and_leave_the_state_as_it_was(videos, monkeypatch):
    X, y = videos
    taken = []
    take = AVFeatures.take
    monkeypatch.setattr(AVFeatures, "take", lambda *args, **kwargs: taken.append(args) or take(*args, **kwargs))
    feature_statistics(VideoDataset(changed(X), "float32"))
    assert len(taken) == 1
    state = PSPLocalizer(**QUICK).fit(X, y).net_.module_.state_dict()
    assert not [name for name in state if "wide" in name]


@pytest.mark.slow
@pytest.mark.parametrize("store", ["npy", "hdf5"])
def test_wide_features_in_files(videos, store, tmp_path):
    X, y = videos
    moved = changed(X, lambda x: 5e9 + x, lambda x: x * 1e-60)
    if store == "npy":
        stored = moved.to_npy(tmp_path / "audio.npy", tmp_path / "visual.npy")
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "X.h5", "w") as file:
            file.create_dataset("audio", data=moved.audio, chunks=(7, 10, 6), compression="gzip")
            file["visual"] = moved.visual
        stored = AVFeatures.from_hdf5(tmp_path / "X.h5", tmp_path / "X.h5", audio_key="audio", visual_key="visual")
    fits = [PSPLocalizer(**QUICK).fit(features[10:], y[10:]) for features in (moved, stored)]
    proba = fits[0].predict_proba(moved)
    assert_array_equal(fits[1].predict_proba(stored), proba)
    assert_allclose(PSPLocalizer(**QUICK).fit(X[10:], y[10:]).predict_proba(X), proba, atol=1e-4)


def test_early_stopping_and_validation_videos_are_read_in_the_same_way(pooled):
    X, y = pooled
    moved = changed(X, lambda x: 1e10 + x, lambda x: x * 1e-300)
    for more in ({}, {"X_val": slice(40, 60)}):
        parts = [{"X_val": x[40:], "y_val": y[40:]} if more else {} for x in (X, moved)]
        fits = [
            PSPLocalizer(**QUICK, early_stopping=5).fit(x[:40], y[:40], **part)
            for x, part in zip((X, moved), parts, strict=True)
        ]
        losses = [[row["valid_loss"] for row in localizer.history_] for localizer in fits]
        assert_allclose(*losses, rtol=1e-4)


def test_the_module_called_directly_standardises_as_the_batches_do(videos):
    X, y = videos
    moved = changed(X, lambda x: 1e9 + x, lambda x: x * 1e45)
    localizer = PSPLocalizer(**QUICK).fit(moved, y)
    with torch.no_grad():
        outputs = localizer.net_.module_(torch.from_numpy(moved.audio), torch.from_numpy(moved.visual))
    assert outputs["logits"].dtype == torch.float32
    assert_allclose(outputs["logits"].softmax(-1).numpy(), localizer.predict_proba(moved), atol=1e-5)


@pytest.mark.parametrize("map_type", [torch.float32, torch.bfloat16])
def test_wide_features_are_cast_after_they_are_standardised(videos, map_type, monkeypatch):
    monkeypatch.setattr("ave_sklearn.nn.blocking.BLOCK_SIZE", 7 * videos[0].shape[1])  # blocks of seven videos
    X = changed(videos[0], lambda x: 1e11 + x, lambda x: x * 1e-70)
    network = StandardizedNetwork(torch.nn.Identity(), 6, 5).eval()
    network.set_statistics((X.audio.mean((0, 1)), 1.5), (X.visual.mean((0, 1, 2, 3)), 2e-70))
    rows = np.array([5, 0, *range(40, 60)])
    expected = (
        (X.audio[rows] - X.audio.mean((0, 1))) / 1.5,
        X.visual[rows] / 2e-70 - X.visual.mean((0, 1, 2, 3)) / 2e-70,
    )
    for kept in (False, True):  # as on a GPU
        dataset = VideoDataset(X, "float32")
        dataset.wide = network.wide
        dataset.keep_on_device(10**9 if kept else 0)
        batch, _ = dataset.batch(rows)
        audio, visual = batch.load(network.scalings(len(batch), batch.n_visual_axes), map_type)
        assert (audio.dtype, visual.dtype) == (torch.float32, map_type)
        assert_allclose(audio, expected[0], rtol=1e-5, atol=1e-5)
        assert_allclose(visual.float(), expected[1], rtol=2**-8 if map_type == torch.bfloat16 else 1e-6, atol=1e-6)


def test_the_wide_statistics_are_part_of_the_state_dict():
    layer = Standardize(3)
    mean = np.array([1e9, -2e9, 0.5])
    layer.set_statistics(mean, 0.25)
    x = torch.from_numpy(mean + np.linspace(-1, 1, 15).reshape(5, 3))
    expected = (x.numpy() - mean) / 0.25
    other = Standardize(3)
    other.load_state_dict(layer.state_dict())
    for standardize in (layer, other, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), layer.double().float()):
        assert_allclose(standardize(x).numpy(), expected, rtol=1e-6)
    other.load_state_dict(Standardize(3).state_dict())  # of ordinary features
    assert other.wide is None and set(other.state_dict()) == {"mean", "scale"}
    network = StandardizedNetwork(torch.nn.Identity(), 3, 3)
    network.load_state_dict(
        {f"{part}_scaling.{k}": v for part in ("audio", "visual") for k, v in layer.state_dict().items()}
    )
    assert network.wide[0].scale == 0.25 and network.wide[1].mean[0] == 1e9
    layer.reset()
    assert layer.wide is None


@pytest.mark.slow
@pytest.mark.parametrize("constant", [0.0, 0.1, -7.3, 1e9 + 0.1, 1e60, 1e-60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_modality_is_centred_only(pooled, constant, dtype):
    X, y = pooled
    if dtype == "float32" and constant == 1e60:
        return
    audio = np.full(X.audio.shape, constant, dtype)
    audio[..., 1] = 3  # each feature is constant
    mean, scale = feature_statistics(VideoDataset(AVFeatures(audio, X.visual), "float32"))[0]
    assert_array_equal(mean, audio[0, 0].astype(float))
    assert scale == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = PSPLocalizer(**QUICK).fit(AVFeatures(audio, X.visual), y).predict_proba(AVFeatures(audio, X.visual))
    zero = np.zeros_like(X.audio)
    with pytest.warns(UserWarning, match="X.audio is all zero in all 60 videos"):
        without = PSPLocalizer(**QUICK).fit(AVFeatures(zero, X.visual), y).predict_proba(AVFeatures(zero, X.visual))
    assert_allclose(proba, without, atol=1e-6)


def test_new_values_that_are_too_large_are_an_error(pooled):
    X, y = pooled
    localizer = PSPLocalizer(**QUICK).fit(changed(X, audio=lambda x: x * 1e-60), y)
    with pytest.raises(ValueError, match=r"X.audio contains .*too large for float32, first in segment 0 of video 0"):
        localizer.predict(X)


@pytest.mark.parametrize(("where", "value"), [("audio", 1e300), ("visual", -1e60), ("visual", 3e38)])
def test_a_video_that_is_far_larger_than_the_others_is_an_error(pooled, where, value):
    arrays = {"audio": pooled[0].audio.astype(float), "visual": pooled[0].visual.astype(float)}
    arrays[where][23, 3] = value
    with pytest.raises(ValueError, match=f"X.{where} contains a value too large for float32.* in video 23"):
        PSPLocalizer(**QUICK).fit(AVFeatures(**arrays), pooled[1])


@pytest.mark.parametrize("where", ["audio", "visual"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_found_in_float64_too(videos, where, value):
    arrays = {name: videos[0][name] * np.float64(1e50) for name in ("audio", "visual")}
    arrays[where][41, 7] = value
    with pytest.raises(ValueError, match=f"X.{where} contains (NaN|inf).*in segment 7 of video 41"):
        PSPLocalizer(**QUICK).fit(AVFeatures(**arrays), videos[1])


def test_a_spread_beyond_float64_is_an_error(pooled):
    sign = np.where(np.arange(60) % 2, 1, -1)[:, None, None]
    with pytest.raises(ValueError, match="X.audio spans more than float64 holds"):
        PSPLocalizer(**QUICK).fit(changed(pooled[0], audio=lambda x: 0 * x + sign * 1.7e308), pooled[1])


# ------------------------------------------------------- videos that were never written
def blank(X, audio=(), visual=(), dtype=None):
    """Return the features with all zeros in the audio of some videos, and in the visual features of some."""
    arrays = X.audio.astype(dtype or X.audio.dtype), X.visual.astype(dtype or X.visual.dtype)
    for array, rows in zip(arrays, (audio, visual), strict=True):
        array[list(rows)] = 0
    return AVFeatures(*arrays)


def zero_warnings(X, y, weight=None, fit_params=None, **params):
    """Return the warnings of a fit that speak of zeros."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        EventLocalizer(network="avel", **{"max_epochs": 2, "random_state": 0, **params}).fit(
            X, y, weight, **fit_params or {}
        )
    assert all(warning.filename == __file__ for warning in caught)
    return [str(warning.message) for warning in caught if "zero" in str(warning.message)]


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"standardize": False}, {"early_stopping": 2}, {"feature_dropout": 0}])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_videos_that_are_zero_are_named_once(videos, params, dtype):
    X, y = videos
    audio, visual = (58, 3, 17, 4, 31, 30, 29), (4,)
    (message,) = zero_warnings(blank(X, audio, visual, dtype), y, **params)
    assert "X.audio is all zero in 7 of 60 videos, rows 3, 4, 17, 29, 30, ..." in message
    assert "X.visual is all zero in 1 of 60 videos, rows 4." in message


def test_wide_features_tell_zeros_from_small_numbers(pooled):
    X, y = pooled
    X = changed(blank(X, audio=(5, 8)), audio=lambda x: x * 1e-60)
    (message,) = zero_warnings(X, y)
    assert "X.audio is all zero in 2 of 60 videos, rows 5, 8." in message and "X.visual" not in message


def test_a_modality_that_is_missing_altogether(pooled):
    X, y = pooled
    (message,) = zero_warnings(blank(X, visual=range(60)), y)
    assert "X.visual is all zero in all 60 videos: nothing can be learned from it." in message
    (message,) = zero_warnings(changed(X, audio=lambda x: x * 1e-60), y, standardize=False)
    assert "X.audio is too small for float32, and all zero there, in all 60 videos" in message


def test_videos_of_weight_0_and_validation_videos_are_not_reported(pooled):
    X, y = pooled
    weight = np.ones(60)
    weight[[0, 1, 9]] = 0
    assert zero_warnings(blank(X, audio=(0, 9)), y, weight) == []
    (message,) = zero_warnings(blank(X, audio=(0, 9, 12)), y, weight)
    assert "X.audio is all zero in 1 of 57 videos, rows 12." in message
    val = {"X_val": blank(X, audio=(2,))[:20], "y_val": y[:20]}
    assert zero_warnings(X, y, fit_params=val, early_stopping=2) == []


def test_ordinary_videos_with_zeros_in_part_are_not_reported(videos):
    X, y = videos
    visual = X.visual.copy()
    visual[:, :9] = 0  # all but the last segment
    assert zero_warnings(AVFeatures(X.audio, visual), y) == []
