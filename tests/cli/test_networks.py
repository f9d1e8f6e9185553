"""The command line with networks by name and by "module:callable", from videos to events."""

import json
import sys

import joblib
import numpy as np
import pytest
from helpers import grey, write_video

from ave_sklearn import AVFeatures
from ave_sklearn.cli.commands import main
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._folders import read_extractor, read_features

FIT = ["--set", "max_epochs=1", "--set", "hidden_size=4", "--random-state", "0"]
NOTE = "note: --visual own_colours:colours: 'ave-sklearn predict' imports and runs that code\n"


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    levels = {"a": [40, 220], "b": [220, 40]}
    for name, grey_levels in levels.items():
        write_video(folder / f"{name}.mp4", fps=2, picture=grey(grey_levels))
    (folder / "events.csv").write_text("filename,onset,offset,event_label\na.mp4,0,1,dog\nb.mp4,1,2,cat\n")
    return folder


@pytest.fixture
def own_colours(tmp_path, monkeypatch):
    """A module of the user's, and a function that forgets that it was imported."""
    code = "def colours(pictures):\n    return pictures[:, :, ::4, ::4]\n"
    (tmp_path / "own_colours.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda: sys.modules.pop("own_colours", None)
    sys.modules.pop("own_colours", None)


def extract(videos, output, *options):
    paths = [str(videos / name) for name in ("a.mp4", "b.mp4")]
    return main(["extract", *paths, "-o", str(output), "--n-segments", "2", "--audio", "log-mel", "--quiet", *options])


def test_the_options_of_extract_are_those_of_the_extractor_and_are_kept(videos, tmp_path):
    options = {"image_size": 32, "frames_per_segment": 2, "pool": "mean", "segment_seconds": 0.8, "hop_seconds": 1.0}
    options |= {"short": "pad", "max_damage": 0.25, "visual": "efficientnet-lite0"}
    argv = [text for name, value in options.items() for text in ("--" + name.replace("_", "-"), str(value))]
    assert extract(videos, tmp_path / "features", *argv) == 0
    kept = json.loads((tmp_path / "features" / "extractor.json").read_text())
    assert kept.items() >= (options | {"audio": "log-mel", "n_segments": 2, "preprocessing": "centred"}).items()
    X, _ = read_features(tmp_path / "features")
    assert (X.audio.shape, X.visual.shape) == ((2, 2, 128), (2, 2, 1280))
    same = VideoFeatureExtractor(audio="log-mel", n_segments=2, **options).transform([str(videos / "a.mp4")])
    np.testing.assert_array_equal(X.visual[:1], same.visual)
    assert read_extractor(tmp_path / "features").get_params().items() >= options.items()


def test_code_of_the_users_is_imported_by_extract_and_predict_alone_and_named(videos, tmp_path, own_colours, capsys):
    features, model = str(tmp_path / "features"), str(tmp_path / "model.joblib")
    assert extract(videos, features, "--visual", "own_colours:colours", "--image-size", "8") == 0
    assert AVFeatures.from_npy(*(f"{features}/{name}.npy" for name in ("audio", "visual"))).map_size == (2, 2)
    own_colours()
    annotated = ["--features", features, "--annotations", str(videos / "events.csv")]
    assert main(["fit", *annotated, "-o", model, *FIT]) == 0
    assert main(["score", model, *annotated]) == 0
    assert "own_colours" not in sys.modules
    assert capsys.readouterr().err.count(NOTE) == 1
    assert main(["predict", model, str(videos / "a.mp4")]) == 0
    assert "own_colours" in sys.modules
    out, err = capsys.readouterr()
    assert NOTE in err and "a.mp4" in out
    joblib.load(model).predict([str(videos / "a.mp4")])


def test_a_module_that_is_not_there_is_one_line(videos, tmp_path, capsys):
    assert extract(videos, tmp_path / "features", "--visual", "own_nowhere:net") == 1
    err = capsys.readouterr().err
    assert err.startswith("ave-sklearn: error: --visual own_nowhere:net: the module 'own_nowhere' cannot be imported")
    assert err.count("\n") == 1 and not (tmp_path / "features").exists()


def test_a_window_that_is_too_short_for_vggish_is_one_line(videos, tmp_path, capsys):
    argv = ["extract", str(videos / "none.mp4"), "-o", str(tmp_path / "features"), "--segment-seconds", "0.5"]
    assert main(argv) == 1
    assert "--audio vggish takes windows of 0.96 s; --segment-seconds 0.5 is shorter" in capsys.readouterr().err
