"""Several folders of features on the command line: extracted in parts, fitted, scored, predicted and merged."""

import json
import shutil

import joblib
import numpy as np
import pytest
from helpers import grey, write_video

from ave_sklearn.cli import main
from ave_sklearn.datasets import read_events
from ave_sklearn.extraction import read_features

PARTS = ["part1", "part2", "part3"]
NAMES = [f"v{number}.mp4" for number in range(5)]
OPTIONS = ["--n-segments", "2", "--audio", "log-mel", "--visual", "own_greys:means", "--image-size", "8"]
OPTIONS += ["--frames-per-segment", "2", "--quiet"]
FIT = ["--set", "max_epochs=2", "--set", "hidden_size=4", "--set", "tau=None", "--random-state", "0", "--quiet"]
CODE = "def means(pictures):\n    return pictures.mean((2, 3))\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Five videos, the fourth without sound; folders of one run and of three parts of a list; a model of the parts."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "own_greys.py").write_text(CODE)
    for number, name in enumerate(NAMES):
        write_video(folder / name, fps=2, picture=grey([40, 220] if number % 2 else [220, 40]), with_audio=number != 3)
    (folder / "list.txt").write_text("".join(f"{name}\r\n" for name in NAMES), encoding="utf-8-sig")
    (folder / "events.csv").write_text(
        "filename,onset,offset,event_label\nv0.mp4,0,1,dog\nv1.mp4,1,2,dog\nv2.mp4,0,2,cat\nv4.mp4,,,\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.chdir(folder)
        assert main(["extract", *NAMES, "-o", "whole", "--on-error", "skip", *OPTIONS]) == 0
        for number in (1, 2, 3):
            part = ["--shard", f"{number}/3", "-o", f"part{number}", "--on-error", "skip"]
            assert main(["extract", "--from-file", "list.txt", *part, *OPTIONS]) == 0
        assert main(["fit", "--features", *PARTS, "--annotations", "events.csv", "-o", "m", *FIT]) == 0
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A copy of what was made, as the current folder."""
    shutil.copytree(made, tmp_path / "place")
    monkeypatch.syspath_prepend(tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def model(place):
    """A model of the three parts."""
    return "m"


def error_of(capsys):
    """What standard error says, after the program's name."""
    return capsys.readouterr().err.removeprefix("ave-sklearn: error: ").rstrip()


def read_files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


def test_parts_say_what_they_are_and_merge_to_the_bytes_of_one_run(place, capsys):
    shards = [json.loads((place / part / "shard.json").read_text()) for part in PARTS]
    assert [(shard["shard"], shard["of"], shard["n_videos"]) for shard in shards] == [(1, 3, 5), (2, 3, 5), (3, 3, 5)]
    assert [read_features(part)[1]["filename"].tolist() for part in PARTS] == [NAMES[:2], NAMES[2:3], NAMES[4:]]
    assert main(["merge", "part3", "part1", "part2", "-o", "all"]) == 0
    out, err = capsys.readouterr()
    assert (out.startswith("all: AVFeatures(n_videos=4, n_segments=2"), err) == (True, "")
    assert read_files(place / "all") == read_files(place / "whole")
    assert main(["merge", *PARTS, "-o", "all"]) == 1
    assert error_of(capsys).startswith(
        "all already holds audio.npy, visual.npy, videos.csv, skipped.csv, extractor.json"
    )
    assert main(["merge", *PARTS, "-o", "all", "--force", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_force_makes_a_whole_of_a_part(place):
    assert main(["extract", *NAMES[:3], "-o", "part1", "--force", *OPTIONS]) == 0
    assert not (place / "part1" / "shard.json").exists()


@pytest.mark.slow
def test_a_model_of_parts_is_that_of_the_whole_and_scores_alike(place, model, capsys):
    paths = ["--annotations", "events.csv"]
    assert main(["fit", "--features", "whole", *paths, "-o", "of_whole", *FIT]) == 0
    one, other = joblib.load(model), joblib.load("of_whole")
    X = read_features("whole")[0]
    np.testing.assert_array_equal(one["localize"].predict_proba(X), other["localize"].predict_proba(X))
    assert one["extract"].get_params() == other["extract"].get_params()
    capsys.readouterr()
    for features in (["--features", "whole"], ["--features", "part3", "part1", "--features", "part2"]):
        assert main(["score", model, *features, *paths, "--quiet"]) == 0
    out = capsys.readouterr().out
    assert out[: len(out) // 2] == out[len(out) // 2 :]


def test_one_part_alone_is_noted(place, model, capsys):
    capsys.readouterr()
    assert main(["score", model, "--features", "part1", "--annotations", "events.csv"]) == 0
    assert "note: part1 is shard 1/3 of 5 videos: the other parts are left out\n" in capsys.readouterr().err
    assert main(["score", model, "--features", "part1", "--annotations", "events.csv", "--quiet"]) == 0
    assert "shard" not in capsys.readouterr().err


@pytest.mark.slow
def test_events_of_features_are_those_of_their_videos(place, model):
    used = [name for name in NAMES if name != "v3.mp4"]
    assert main(["predict", model, *used, "-o", "videos.csv", "--quiet"]) == 0
    assert main(["predict", model, "--features", *PARTS, "-o", "parts.csv", "--quiet"]) == 0
    assert main(["predict", model, "--features", "whole", "-o", "whole.csv", "--quiet"]) == 0
    assert read_events("parts.csv")["filename"].drop_duplicates().tolist() == used
    assert (place / "parts.csv").read_bytes() == (place / "whole.csv").read_bytes()
    assert (place / "parts.csv").read_bytes() == (place / "videos.csv").read_bytes()
    table = (place / "part1" / "videos.csv").read_text().replace("v0.mp4", "renamed")
    (place / "part1" / "videos.csv").write_text(table)
    assert main(["predict", model, "--features", "part1", "-o", "part.csv", "--quiet"]) == 0
    assert read_events("part.csv")["filename"].unique().tolist() == ["renamed", "v1.mp4"]


def test_predict_keeps_features_in_a_cache_and_takes_lists(place, model, monkeypatch):
    argv = ["predict", model, "--from-file", "list.txt", "--on-error", "skip", "--cache", "cache", "--quiet"]
    assert main([*argv, "-o", "one.csv"]) == 0
    kept = sorted((place / "cache").rglob("output.pkl"))
    assert len(kept) == 4

    def read(*args):
        raise AssertionError("a video was read again")

    monkeypatch.setattr("ave_sklearn.extraction._recipe.read_pictures", read)
    (place / "list.txt").write_text("v0.mp4\nv2.mp4\n")
    assert main([*argv, "-o", "two.csv"]) == 0
    assert sorted((place / "cache").rglob("output.pkl")) == kept
    assert set(read_events("two.csv")["filename"]) == {"v0.mp4", "v2.mp4"}


def test_the_models_extractor_decides_about_short_videos_unless_told(place, model, capsys):
    write_video(place / "short.mp4", fps=2, seconds=1)
    assert main(["predict", model, "short.mp4"]) == 1
    assert "short.mp4: it lasts 1" in error_of(capsys)
    assert main(["predict", model, "short.mp4", "--short", "pad", "-o", "out.csv", "--quiet"]) == 0
    assert read_events("out.csv")["filename"].unique().tolist() == ["short.mp4"]
    pipeline = joblib.load(model)
    joblib.dump(pipeline.set_params(extract__short="pad"), model)
    assert main(["predict", model, "short.mp4", "--quiet", "-o", "out.csv"]) == 0
    assert main(["predict", model, "short.mp4", "--short", "error"]) == 1


COMMANDS = {
    "fit": ["fit", "--annotations", "events.csv", "-o", "new", *FIT, "--features"],
    "score": ["score", "m", "--annotations", "events.csv", "--features"],
    "predict": ["predict", "m", "-o", "new.csv", "--features"],
    "merge": ["merge", "-o", "new"],
}


@pytest.fixture
def other(place):
    """The last part, extracted otherwise."""
    part = ["--shard", "3/3", "-o", "other", "--on-error", "skip"]
    assert main(["extract", "--from-file", "list.txt", *part, *OPTIONS, "--max-damage", "1"]) == 0
    return "other"


@pytest.mark.parametrize("command", COMMANDS)
def test_folders_that_do_not_go_together_are_one_line_and_nothing_is_written(place, model, other, capsys, command):
    before = sorted(place.rglob("*"))
    for folders, message in [
        (
            ["part1", "part2", other],
            "is 0.5 in part1 and 1.0 in other.",
        ),
        (["part1", "part3"], "the features lack 1 of 3 parts, shard 2/3: there are those of 'part1', 'part3'."),
        (["whole", *PARTS], "whole and part1 have 2 clips in common, first that of 'v0.mp4' from 0 s."),
        (["part1", "part2", "part3", "part1"], "part1 is given twice."),
        (["part1", "none"], "none is no folder of features: audio.npy is missing"),
    ]:
        capsys.readouterr()
        assert main([*COMMANDS[command], *folders]) == 1
        err = error_of(capsys)
        assert message in err
        assert err.count("\n") == 0
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", ["score", "predict"])
def test_features_of_another_recipe_than_the_models_are_refused(place, model, capsys, command):
    kept = json.loads((place / "whole" / "extractor.json").read_text())
    for change, message in [
        ({"frames_per_segment": 3}, " is 3 in whole and 2 in m."),
        ({"visual": "vgg19"}, " is 'vgg19' in whole and 'own_greys:means' in m."),
    ]:
        (place / "whole" / "extractor.json").write_text(json.dumps({**kept, **change}))
        capsys.readouterr()
        assert main([*COMMANDS[command], "whole"]) == 1
        err = error_of(capsys)
        assert err.startswith("whole: the features are of another recipe than those that m takes: ")
        assert err.endswith(message)
    (place / "whole" / "extractor.json").write_text(json.dumps({**kept, "short": "skip", "max_damage": 3}))
    assert main([*COMMANDS[command], "whole"]) == 0
    (place / "whole" / "extractor.json").unlink()
    assert main([*COMMANDS[command], "whole"]) == 0
