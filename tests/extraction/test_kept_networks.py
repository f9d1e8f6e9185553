"""Networks that stay loaded between calls of `predict_videos`."""

import gc
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from test_predict_videos import Localizer, folder  # noqa: F401

from ave_sklearn.extraction import VGG19, VideoFeatureExtractor, _prediction, _recipe, predict_videos


@pytest.fixture
def loads(monkeypatch):
    """Files from which weights are loaded."""
    files, load = [], _recipe.load_network

    def counted(name, file):
        files.append(name)
        return load(name, file)

    monkeypatch.setattr(_recipe, "load_network", counted)
    return files


@pytest.fixture
def extractor():
    options = {"n_segments": 2, "image_size": 32, "frames_per_segment": 1, "weights": "random", "pool": "mean"}
    return VideoFeatureExtractor(visual="vgg19", audio="log-mel", **options)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_networks_are_loaded_once_and_give_the_same(folder, extractor, loads):  # noqa: F811
    before, videos = pickle.dumps(extractor), [folder / "dark.mkv"]
    first = predict_videos((extractor, Localizer()), videos)
    with ThreadPoolExecutor(2) as pool:
        others = list(pool.map(lambda _: predict_videos((extractor, Localizer()), videos), range(4)))
    assert loads.count("vgg19") == 1
    assert all(first.equals(other) for other in others)
    assert pickle.dumps(extractor) == before
    assert not any(isinstance(value, _recipe.KeptNetworks) for value in vars(extractor).values())
    predict_videos((pickle.loads(before), Localizer()), videos)
    assert loads.count("vgg19") == 2
    predict_videos((extractor.set_params(precision="bfloat16"), Localizer()), videos)
    assert loads.count("vgg19") == 3


def test_networks_go_with_their_extractor():
    mine = VideoFeatureExtractor()
    _prediction._kept_networks.setdefault(mine, _recipe.KeptNetworks())
    before = len(_prediction._kept_networks)
    del mine
    gc.collect()
    assert len(_prediction._kept_networks) < before


def test_networks_of_other_files_are_others(tmp_path):
    def network(file, argument="visual", device="cpu"):
        return _recipe.Network(argument, "vgg19", file, torch.device(device), "float32")

    (tmp_path / "a.pth").write_bytes(b"1")
    kept = _recipe.KeptNetworks()
    first = kept.share(network(tmp_path / "a.pth"))
    assert kept.share(network(tmp_path / "a.pth")) is first
    assert kept.share(network(tmp_path / "a.pth", device="meta")) is not first
    first = kept.share(network(tmp_path / "a.pth"))
    (tmp_path / "b.pth").write_bytes(b"22")
    shutil.move(tmp_path / "b.pth", tmp_path / "a.pth")
    assert kept.share(network(tmp_path / "a.pth")) is not first
    module = _recipe.Network("visual", VGG19(), None, torch.device("cpu"), "float32")
    assert kept.share(module) is module
    assert kept.share(_recipe.Network("visual", module.given, None, torch.device("cpu"), "float32")) is not module
