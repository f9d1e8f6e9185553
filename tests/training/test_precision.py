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


def test_auto_is_bfloat16_where_the_hardware_multiplies_it(videos, with_bfloat16):
    assert used(quick(precision="auto", max_epochs=1).fit(*videos)) == ({"torch.float32"}, torch.bfloat16)


def test_auto_is_float32_elsewhere(videos, without_bfloat16):
    automatic, plain = (quick(precision=precision, max_epochs=1).fit(*videos) for precision in ("auto", "float32"))
    assert used(automatic) == ({"torch.float32"}, None)
    np.testing.assert_array_equal(automatic.predict_proba(videos[0]), plain.predict_proba(videos[0]))


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
        _device.resolve_precision("float64", torch.device("mps"))


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
