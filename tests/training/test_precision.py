"""precision: what "auto" means, what bfloat16 changes, and devices that lack it."""

import pickle

import numpy as np
import pytest
import torch

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakPSPLocalizer, _device
from ave_sklearn.nn import NETWORKS

pytestmark = pytest.mark.slow  # nearly each test fits
CPU = torch.device("cpu")
needs_bfloat16 = pytest.mark.skipif(
    not _device.multiplies_bfloat16(CPU), reason="this processor does not multiply bfloat16"
)


@pytest.fixture
def without_bfloat16(monkeypatch):
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: False)


def quick(estimator=PSPLocalizer, **params):
    return estimator(**{"max_epochs": 6, "hidden_size": 16, "random_state": 0, **params})


def used(localizer):
    """The types of the weights and of the products of a fitted estimator."""
    return {str(weight.dtype) for weight in localizer.net_.module_.parameters()}, localizer.net_.autocast_dtype


@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_auto_is_bfloat16_for_maps_where_the_hardware_multiplies_it(videos, estimator, with_bfloat16):
    localizer = quick(estimator, precision="auto", max_epochs=1).fit(*videos)
    assert used(localizer) == ({"torch.float32"}, torch.bfloat16)


@pytest.mark.parametrize("layout, hardware", [("videos", False), ("pooled", False), ("pooled", True)])
def test_auto_is_float32_without_maps_and_without_the_hardware(layout, hardware, request, monkeypatch):
    X, y = request.getfixturevalue(layout)
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: hardware)
    automatic, plain = (quick(precision=precision, max_epochs=1).fit(X, y) for precision in ("auto", "float32"))
    assert used(automatic) == ({"torch.float32"}, None)
    np.testing.assert_array_equal(automatic.predict_proba(X), plain.predict_proba(X))


def test_one_array_has_no_maps_for_auto(pooled, with_bfloat16):
    rows = np.concatenate([pooled[0].audio, pooled[0].visual], -1)
    localizer = quick(precision="auto", max_epochs=1, n_audio_features=pooled[0].audio.shape[-1])
    assert used(localizer.fit(rows, pooled[1])) == ({"torch.float32"}, None)


@pytest.mark.parametrize("has_maps", [False, True])
@pytest.mark.parametrize("hardware", [False, True])
@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_auto_goes_by_the_layout_and_the_hardware(kind, hardware, has_maps, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": hardware}, raising=False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: hardware)
    expected = "bfloat16" if hardware and has_maps else "float32"
    assert _device.resolve_precision("auto", torch.device(kind), has_maps=has_maps) == expected
    for asked in ("float32", "float64"):
        assert _device.resolve_precision(asked, torch.device(kind), has_maps=has_maps) == asked


def test_bfloat16_that_is_asked_for_is_taken_without_maps_too(pooled, with_bfloat16):
    localizer = quick(precision="bfloat16", max_epochs=1).fit(*pooled)
    assert used(localizer) == ({"torch.float32"}, torch.bfloat16)


def test_a_fitted_model_keeps_what_auto_meant(videos, monkeypatch, with_bfloat16):
    localizer = quick(precision="auto", max_epochs=1).fit(*videos)
    data = pickle.dumps(localizer)
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: False)
    elsewhere = pickle.loads(data)
    assert used(elsewhere) == ({"torch.float32"}, None)
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: True)
    back = pickle.loads(pickle.dumps(elsewhere))  # came from a machine that has no bfloat16
    assert used(back) == ({"torch.float32"}, torch.bfloat16)
    np.testing.assert_array_equal(back.predict_proba(videos[0]), localizer.predict_proba(videos[0]))


def test_a_model_of_float32_stays_so_on_a_machine_with_bfloat16(videos, monkeypatch):
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: False)
    localizer = quick(precision="auto", max_epochs=1).fit(*videos)
    data, expected = pickle.dumps(localizer), localizer.predict_proba(videos[0])
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: True)
    loaded = pickle.loads(data)
    assert used(loaded) == ({"torch.float32"}, None)
    np.testing.assert_array_equal(loaded.predict_proba(videos[0]), expected)


def test_bfloat16_where_the_device_lacks_it(videos, without_bfloat16):
    localizer = quick(max_epochs=1).fit(*videos)
    before = localizer.predict_proba(videos[0])
    with pytest.raises(
        ValueError, match="precision is 'bfloat16', which the cpu device .* wanted 'float32', or 'auto'"
    ):
        localizer.set_params(precision="bfloat16").fit(*videos)
    np.testing.assert_array_equal(localizer.predict_proba(videos[0]), before)


def test_float64_where_the_device_lacks_it():
    with pytest.raises(ValueError, match="precision is 'float64', which the mps device does not have"):
        _device.resolve_precision("float64", torch.device("mps"), has_maps=True)


def test_capabilities_of_the_processor_decide(monkeypatch):
    for capabilities, expected in ({"avx512_f": True}, False), ({"amx_bf16": True}, True), ({"bf16": True}, True):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False)
        assert _device.multiplies_bfloat16(CPU) == expected


@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_bfloat16_learns_what_float32_learns(videos, estimator, with_bfloat16):
    X, y = videos
    half, full = (
        quick(estimator, precision=precision, max_epochs=15).fit(X, y) for precision in ("bfloat16", "float32")
    )
    assert half.predict_proba(X).dtype == np.float32
    assert 0 < np.abs(half.predict_proba(X) - full.predict_proba(X)).mean() < 0.1
    assert half.score(X, y) == pytest.approx(full.score(X, y), abs=0.05)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_trains_in_bfloat16(videos, network, with_bfloat16):
    localizer = EventLocalizer(network=network, precision="bfloat16", max_epochs=1, random_state=0).fit(*videos)
    proba = localizer.predict_proba(videos[0])
    assert np.isfinite(proba).all() and localizer.embed(videos[0]).dtype == np.float32
    np.testing.assert_allclose(proba.sum(-1), 1, rtol=1e-5)


def test_model_of_bfloat16_predicts_in_float32_where_the_device_lacks_it(videos, monkeypatch, with_bfloat16):
    localizer = quick(precision="bfloat16").fit(*videos)
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: False)
    loaded = pickle.loads(pickle.dumps(localizer))
    assert used(loaded) == ({"torch.float32"}, None)
    np.testing.assert_allclose(loaded.predict_proba(videos[0]), localizer.predict_proba(videos[0]), atol=0.05)


@needs_bfloat16
def test_bfloat16_is_found_here_and_reproduces(videos):
    one, other = (quick(precision="bfloat16").fit(*videos) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(videos[0]), other.predict_proba(videos[0]))
