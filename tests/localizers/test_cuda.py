"""What holds on a GPU as on the CPU. Most tests take their device as a parameter, and run without a GPU too."""

import gc
import inspect
import os
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import torch
from helpers import small_params
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer, _device
from ave_sklearn._systems import SYSTEMS
from ave_sklearn._training import model
from ave_sklearn._training.batches import VideoDataset
from ave_sklearn._training.statistics import feature_statistics
from ave_sklearn.datasets import make_av_events
from ave_sklearn.nn import NETWORKS, AVELNet, Dropout, Noise
from ave_sklearn.nn.standardize import FeatureDropout

pytestmark = pytest.mark.slow  # nearly each test fits
ESTIMATORS = {"full": EventLocalizer, "weak": WeakEventLocalizer}
CASES = [(name, supervision) for name, system in SYSTEMS.items() for supervision in system.supervisions]
on_each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
of_each_system = pytest.mark.parametrize(("name", "supervision"), CASES)

# Sums in another order differ by roundings of 2e-16 in float64, however many layers add them up.
SAME = {"rtol": 0, "atol": 1e-9}
# AdamW divides a gradient by its own size, so that roundings count for more where a gradient is small.
SAME_FIT = {"rtol": 0, "atol": 1e-6}


def quick(estimator=PSPLocalizer, **params):
    """A small estimator in float64, in which no similarity lies within a rounding of a threshold."""
    return estimator(**{"max_epochs": 2, "precision": "float64", "random_state": 0, **params})


def system(name, supervision, device, *, dropout=True, **params):
    """A small estimator of this system; without `dropout` it draws nothing in training."""
    sizes = small_params(name)
    if not dropout:
        rates = [rate for rate in inspect.signature(NETWORKS[name]).parameters if rate.endswith("dropout")]
        sizes, params = {**sizes, **dict.fromkeys(rates, 0.0)}, {"feature_dropout": 0.0, **params}
    return quick(ESTIMATORS[supervision], network=name, network_params=sizes, device=device, **params)


def on_cpu(localizer):
    """A fitted estimator as it is loaded where there is no GPU."""
    state, loaded = localizer.__getstate__(), clone(localizer)
    loaded.__setstate__({**state, "_forms_": {**state["_forms_"], "device": "cpu"}})
    assert places(loaded) == {"cpu"}
    return loaded


def places(localizer):
    """The kinds of devices that the network of a fitted estimator is on."""
    return {tensor.device.type for tensor in localizer.net_.module_.state_dict().values()}


# ------------------------------------------------------------------- predictions and fits
@of_each_system
@on_each_device
def test_a_model_predicts_the_same_on_the_cpu(videos, device, name, supervision):
    localizer = system(name, supervision, device).fit(*videos)
    assert places(localizer) == {device}
    assert_allclose(on_cpu(localizer).predict_proba(videos[0]), localizer.predict_proba(videos[0]), **SAME)


@of_each_system
@on_each_device
def test_a_fit_is_that_of_the_cpu(videos, device, name, supervision):
    localizer, other = (system(name, supervision, place, dropout=False) for place in (device, "cpu"))
    localizer.fit(*videos), other.fit(*videos)
    drawing = [layer for layer in localizer.net_.module_.modules() if isinstance(layer, Dropout) and layer.p]
    assert not drawing  # each device has a generator of its own, and other masks
    losses = [[row["train_loss"] for row in fitted.history_] for fitted in (localizer, other)]
    assert_allclose(*losses, rtol=1e-6)
    assert_allclose(localizer.predict_proba(videos[0]), other.predict_proba(videos[0]), **SAME_FIT)


@pytest.mark.parametrize(
    ("rnn", "atol"),
    [
        ("ieee", 1e-4),  # roundings of 6e-8 in sums of some hundred terms, layer behind layer
        ("tf32", 5e-3),  # cuDNN's default: LSTMs round what they multiply to 10 bits, by 5e-4 at most
    ],
)
@on_each_device
def test_a_model_of_float32_predicts_nearly_the_same_on_the_cpu(videos, device, rnn, atol, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn.rnn, "fp32_precision", rnn)
    localizer = system("avel", "full", device, precision="float32").fit(*videos)  # it has no thresholds
    assert_allclose(on_cpu(localizer).predict_proba(videos[0]), localizer.predict_proba(videos[0]), rtol=0, atol=atol)


@pytest.mark.parametrize("layout", ["videos", "pooled"])
@on_each_device
def test_all_that_a_model_shows_is_the_same_on_the_cpu(layout, device, request):
    X, y = request.getfixturevalue(layout)
    localizer = quick(WeakPSPLocalizer, hidden_size=8, early_stopping=2, device=device).fit(X, y)
    loaded = on_cpu(localizer)
    assert_array_equal(localizer.predict(X), loaded.predict(X))
    assert localizer.score(X, y) == loaded.score(X, y)
    assert_allclose(localizer.predict_video_proba(X), loaded.predict_video_proba(X), **SAME)
    assert_allclose(localizer.predict_events(X)["score"], loaded.predict_events(X)["score"], **SAME)
    assert_allclose(localizer.embed(X), loaded.embed(X), **SAME)
    for got, expected in zip(
        (*localizer.embed(X, layer="propagated"), *localizer.propagation(X, tau=0.2)),
        (*loaded.embed(X, layer="propagated"), *loaded.propagation(X, tau=0.2)),
        strict=True,
    ):
        assert_allclose(got, expected, **SAME)
    if layout == "videos":
        assert_allclose(localizer.attention(X), loaded.attention(X), **SAME)


@on_each_device
def test_a_network_of_the_users_is_seeded(videos, device):
    class Own(AVELNet):
        """Draws its masks from torch's global generator."""

        def forward(self, audio, visual):
            return super().forward(torch.nn.functional.dropout(audio, 0.5, self.training), visual)

    fits = [quick(EventLocalizer, network=Own, random_state=seed, device=device) for seed in (0, 0, 1)]
    first, again, other = (localizer.fit(*videos).predict_proba(videos[0]) for localizer in fits)
    assert_allclose(again, first, **SAME_FIT)
    assert np.abs(other - first).max() > 1e-3


# ------------------------------------------------------------------- features
@pytest.mark.parametrize("layout", ["videos", "pooled"])
@on_each_device
def test_features_that_are_held_and_streamed_give_the_same_fit(layout, device, request, monkeypatch):
    X, y = request.getfixturevalue(layout)
    were_held, pieces, probabilities = set(), VideoDataset.pieces, []

    def noted(dataset, *args):
        were_held.add(dataset.on_device is not None)
        return pieces(dataset, *args)

    monkeypatch.setattr(VideoDataset, "pieces", noted)
    for limit in (0, X.shape[0] * X.shape[1] * 8):
        monkeypatch.setattr(model, "bytes_for_features", lambda device, limit=limit: limit)
        were_held.clear()
        localizer = quick(hidden_size=8, batch_size=16, device=device).fit(X, y)
        assert were_held == {limit > 0}
        probabilities.append(localizer.predict_proba(X))
    assert_allclose(*probabilities, **SAME_FIT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@on_each_device
def test_batches_that_are_held_and_streamed_have_the_same_bits(videos, device, dtype):
    held, streamed = (VideoDataset(videos[0], dtype, device=torch.device(device)) for _ in range(2))
    held.keep_on_device(np.inf)
    assert {x.device.type for x in held.on_device} == {device}
    for rows in (np.arange(60), np.array([7, 0, 59, 7])):
        batches = [dataset.batch(rows)[0].load() for dataset in (held, streamed)]
        for one, other, expected in zip(*batches, videos[0].take(rows), strict=True):
            assert one.device.type == other.device.type == device
            assert_array_equal(one.cpu(), expected.astype(dtype))
            assert_array_equal(other.cpu(), expected.astype(dtype))


@on_each_device
def test_statistics_are_those_of_the_cpu(videos, device):
    weight = np.linspace(0.5, 2, 60)
    here, there = (
        feature_statistics(VideoDataset(videos[0], "float32", weight=weight, device=torch.device(place)))
        for place in (device, "cpu")
    )
    for (mean, scale), (expected, other) in zip(here, there, strict=True):
        assert_array_equal(mean, expected)
        assert scale == other
    module = quick(precision="float32", hidden_size=8, device=device).fit(*videos).net_.module_
    expected = quick(precision="float32", hidden_size=8, device="cpu").fit(*videos).net_.module_
    for name in ("audio_scaling", "visual_scaling"):
        assert_array_equal(getattr(module, name).mean.cpu(), getattr(expected, name).mean)
        assert getattr(module, name).scale.item() == getattr(expected, name).scale.item()


@pytest.mark.cuda
def test_half_of_the_free_memory_is_for_features():
    free, _ = torch.cuda.mem_get_info()
    assert _device.bytes_for_features(torch.device("cuda")) == pytest.approx(free / 2, rel=0.1)


# ------------------------------------------------------------------- precision, draws and memory
@of_each_system
@on_each_device
def test_bfloat16_fits(videos, device, name, supervision, request):
    if device == "cpu":
        request.getfixturevalue("with_bfloat16")
    elif not _device.multiplies_bfloat16(torch.device(device)):
        pytest.skip("this GPU does not multiply bfloat16")
    localizer = system(name, supervision, device, precision="bfloat16").fit(*videos)
    proba = localizer.predict_proba(videos[0])
    assert localizer.net_.autocast_dtype == torch.bfloat16
    assert {weight.dtype for weight in localizer.net_.module_.parameters()} == {torch.float32}
    assert np.isfinite(proba).all() and proba.dtype == np.float32
    assert_allclose(proba.sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", [Dropout, FeatureDropout])
@on_each_device
def test_dropout_masks_have_their_rate_and_follow_the_seed(device, kind, dtype):
    layer, x = kind(0.4), torch.ones(1000, 1, 1000, dtype=dtype, device=device)

    def mask(seed):
        layer.generator = torch.Generator(device).manual_seed(seed)
        return layer(x)

    first = mask(0)
    assert first.device.type == device and first.dtype == dtype
    assert torch.equal(mask(0), first) and not torch.equal(mask(1), first)
    hidden = (first == 0).double().mean().item()
    assert hidden == pytest.approx(0.4, abs=0.003)  # of a million draws: six standard deviations of 0.0005
    assert_allclose(first[first > 0].double().cpu(), 1 / 0.6, rtol=2**-8)


@on_each_device
def test_noise_follows_the_seed(device):
    layer, x = Noise(0.5), torch.zeros(1000, 1000, device=device)
    drawn = []
    for seed in (0, 0, 1):
        layer.generator = torch.Generator(device).manual_seed(seed)
        drawn.append(layer(x))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert drawn[0].std().item() == pytest.approx(0.5, rel=0.01)


@pytest.fixture
def limit_memory():
    """Let PyTorch allocate so many bytes more on the GPU than it holds already; all of it again at the end."""

    def limit(n_bytes):
        torch.cuda.empty_cache()
        allowed = torch.cuda.memory_reserved() + n_bytes
        torch.cuda.set_per_process_memory_fraction(allowed / torch.cuda.mem_get_info()[1])

    yield limit
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


@pytest.mark.cuda
def test_a_batch_that_does_not_fit_is_an_error_about_batch_size(limit_memory, monkeypatch):
    X, y = make_av_events(128, map_size=(7, 7), n_visual_features=512, random_state=0)  # 128 MB in float32
    monkeypatch.setattr(model, "bytes_for_features", lambda device: 0)
    localizer = PSPLocalizer(max_epochs=1, device="cuda", random_state=0)
    localizer.set_params(batch_size=4).fit(X, y)  # what CUDA's libraries load and keep
    limit_memory(1.5 * X.shape[0] * X.shape[1] * 4)  # a batch of all takes at least its features and a copy
    with pytest.raises(MemoryError, match="batch_size is 128, too many videos .* a smaller one, such as 32"):
        localizer.set_params(batch_size=128).fit(X, y)
    with pytest.raises(MemoryError, match="batch_size is 128, too many videos"):
        localizer.predict(X)
    gc.collect()  # what the errors' frames may still hold
    assert localizer.set_params(batch_size=4).fit(X, y).predict(X).shape == y.shape


# ------------------------------------------------------------------- files
@on_each_device
def test_a_model_is_loaded_onto_the_device_of_its_fit(videos, device, tmp_path):
    localizer = quick(hidden_size=8, device=device).fit(*videos)
    joblib.dump(localizer, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    assert places(loaded) == {device} and loaded.device == device
    assert_allclose(loaded.predict_proba(videos[0]), localizer.predict_proba(videos[0]), **SAME)


@pytest.mark.cuda
def test_auto_is_the_gpu_and_cpu_stays_the_cpu(videos):
    assert places(quick(hidden_size=8).fit(*videos)) == {"cuda"}
    localizer = quick(hidden_size=8, device="cpu").fit(*videos)
    loaded = pickle.loads(pickle.dumps(localizer))
    assert places(localizer) == places(loaded) == {"cpu"}
    assert_array_equal(loaded.predict_proba(videos[0]), localizer.predict_proba(videos[0]))


LOAD = """
import sys, joblib, numpy as np, torch
assert not torch.cuda.is_available()
localizer, X = joblib.load(sys.argv[1])
np.save(sys.argv[2], localizer.predict_proba(X))
print(*{weight.device for weight in localizer.net_.module_.parameters()}, localizer.device)
"""


@on_each_device
def test_a_model_is_loaded_by_a_process_without_a_gpu(videos, device, tmp_path):
    localizer = quick(hidden_size=8, device=device).fit(*videos)
    joblib.dump((localizer, videos[0]), tmp_path / "model.joblib")
    command = [sys.executable, "-c", LOAD, tmp_path / "model.joblib", tmp_path / "proba.npy"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.split() == ["cpu", device]
    assert_allclose(np.load(tmp_path / "proba.npy"), localizer.predict_proba(videos[0]), **SAME)
