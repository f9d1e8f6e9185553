"""The command line: the whole way on real media once, everything else on small feature folders."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from io import StringIO
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import grey, write_video
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ave_sklearn import (
    AVFeatures,
    EventLocalizer,
    PSPLocalizer,
    WeakEventLocalizer,
    WeakPSPLocalizer,
    __version__,
)
from ave_sklearn.cli.arguments import setting
from ave_sklearn.cli.commands import main
from ave_sklearn.cli.output import format_rows
from ave_sklearn.datasets import read_events, to_events, to_segments
from ave_sklearn.datasets._matching import match_names
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, cut_clips
from ave_sklearn.extraction._clips import clip_labels, join_clips
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_features

N_SEGMENTS, LABELS = 3, ["cat", "dog"]
FAST = ["--set", "max_epochs=2", "--set", "hidden_size=8", "--random-state", "0", "--quiet"]
EVENTS = "filename,onset,offset,event_label\n"


class FakeExtractor(BaseEstimator):
    """Features that a path names: rows of one small array; "bad" in a name is an error."""

    def __init__(self, n_jobs=None, device="auto", on_error="raise", weights_dir=None, verbose=0):
        self.n_segments, self.segment_seconds, self.hop_seconds = N_SEGMENTS, 1.0, None
        self.n_jobs, self.device, self.on_error = n_jobs, device, on_error
        self.weights_dir, self.verbose = weights_dir, verbose

    def transform(self, X):
        errors = ["is bad" if "bad" in path else "" for path, _ in X]
        if any(errors) and self.on_error == "raise":
            raise ExtractionError(f"{sum(map(bool, errors))} of {len(X)} videos cannot be used:\nfirst\nsecond")
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(error=errors, warning="")
        good = [path for (path, _), error in zip(X, errors, strict=True) if not error]
        return features_of(good)

    def _transform_to(self, X, audio, visual, journal):
        features = self.transform(X)
        np.save(audio, features.audio)
        if "interrupt" in X[-1][0]:
            raise KeyboardInterrupt
        np.save(visual, features.visual)


def features_of(names):
    """Features whose level tells the label of each segment: the digits in the name."""
    codes = codes_of(names)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(2, *codes.shape, 4))
    audio, visual = np.eye(3, 4)[codes] + noise
    return AVFeatures(audio.astype("f4"), visual.astype("f4"))


def codes_of(names):
    return np.array([[int(digit) for digit in Path(name).stem if digit.isdigit()] for name in names])


def labels_of(names):
    return np.array(["background", *LABELS])[codes_of(names)]


NAMES = [f"videos/{a}{b}{c}.mp4" for a in "012" for b in "012" for c in "012"]
NAMES = [name for name in NAMES if not {"1", "2"} <= set(name[7:10])]  # a video has one event class


@pytest.fixture
def folder(tmp_path):
    """A folder of features, `features`, and its event list, `events.csv`, with a wrong event in no video."""
    features = features_of(NAMES)
    (tmp_path / "features").mkdir()
    np.save(tmp_path / "features" / "audio.npy", features.audio)
    np.save(tmp_path / "features" / "visual.npy", features.visual)
    pd.DataFrame({"filename": NAMES, "start": 0.0}).to_csv(tmp_path / "features" / "videos.csv", index=False)
    (tmp_path / "features" / "extractor.json").write_text(json.dumps({"n_segments": 3, "weights": "random"}))
    y = labels_of(NAMES)
    events = to_events(y, NAMES)
    events.loc[len(events)] = ["videos/000.mp4", np.nan, np.nan, None]
    events.to_csv(tmp_path / "events.csv", index=False)
    return tmp_path


@pytest.fixture
def fit(folder):
    """Run `ave-sklearn fit` on the folder; further arguments may replace the usual ones."""

    def fit(*argv, features=None, annotations=None, output=None):
        paths = ["--features", features or folder / "features", "--annotations", annotations or folder / "events.csv"]
        return main(["fit", *map(str, paths), "-o", str(output or folder / "model.joblib"), *FAST, *argv])

    return fit


@pytest.fixture
def model(folder):
    """A file with a model that knows its two classes, behind the extractor of the tests."""
    y = labels_of(NAMES)
    localizer = PSPLocalizer(tau=0.3, hidden_size=16, max_epochs=40, lr=0.02, random_state=0)
    localizer.fit(features_of(NAMES), y)
    joblib.dump(Pipeline([("extract", FakeExtractor()), ("localize", localizer)]), folder / "ready.joblib")
    return str(folder / "ready.joblib")


def error_line(capsys):
    """Return what one line of standard error, and indented ones of a list, say after the program's name."""
    out, err = capsys.readouterr()
    assert out == ""
    assert all(line.startswith("  ") for line in err.splitlines()[1:]), err
    assert err.startswith("ave-sklearn: error: ")
    return err.removeprefix("ave-sklearn: error: ").rstrip()


# ---------------------------------------------------------------- whole way
@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Four small videos and a silent one, their features, and a model: all made by the command line."""
    folder = tmp_path_factory.mktemp("real")
    for number in range(4):
        levels = [40, 220] if number % 2 else [220, 40]
        write_video(folder / f"v{number}.mp4", fps=1, tone=300.0 * (number + 1), picture=grey(levels))
    write_video(folder / "silent.mp4", fps=1, with_audio=False)
    (folder / "events.csv").write_text(EVENTS + "v0.mp4,0,1,dog\nv1.mp4,1,2,dog\nv2.mp4,0,2,cat\n")
    videos = [str(folder / name) for name in ("v0.mp4", "v1.mp4", "silent.mp4", "v2.mp4", "v3.mp4")]
    options = ["--n-segments", "2", "--weights", "random", "--on-error", "skip", "--cache", str(folder / "cache")]
    assert main(["extract", *videos, "-o", str(folder / "features"), *options, "--quiet"]) == 0
    paths = ["--features", str(folder / "features"), "--annotations", str(folder / "events.csv")]
    assert main(["fit", *paths, "-o", str(folder / "model.joblib"), *FAST]) == 0
    return folder


@pytest.mark.slow
def test_extract_writes_a_folder_that_tells_its_rows_and_how_it_was_made(real):
    X, clips = read_features(real / "features")
    assert clips["filename"].tolist() == [(real / f"v{number}.mp4").as_posix() for number in range(4)]
    assert (X.n_videos, X.n_segments, X.audio.shape[2:], X.visual.shape[2:]) == (4, 2, (128,), (7, 7, 512))
    skipped = pd.read_csv(real / "features" / "skipped.csv")
    assert skipped["filename"].tolist() == [(real / "silent.mp4").as_posix()]
    assert "no sound" in skipped["error"][0]
    params = json.loads((real / "features" / "extractor.json").read_text())
    assert params.items() >= {"n_segments": 2, "weights": "random", "preprocessing": "imagenet"}.items()
    assert not params.keys() & {"n_jobs", "memory", "verbose", "on_error", "batch_size", "device", "weights_dir"}
    names = {file.name for file in (real / "features").iterdir()}
    manifests = {".audio.npy.pair", ".visual.npy.pair"}
    assert names == {"audio.npy", "visual.npy", "videos.csv", "skipped.csv", "extractor.json", *manifests}
    assert any((real / "cache").rglob("output.pkl"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:weights='random'")
def test_predict_in_a_process_of_its_own_agrees_with_python_and_is_scored(real, capsys):
    videos = [str(real / "v0.mp4"), str(real / "v2.mp4")]
    command = [sys.executable, "-m", "ave_sklearn", "predict", str(real / "model.joblib"), *videos]
    done = subprocess.run([*command, "-o", str(real / "out.csv")], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr.count("ave-sklearn: warning: --weights random of 'ave-sklearn extract': the features") == 1
    y = joblib.load(real / "model.joblib").predict(videos)
    events = read_events(real / "out.csv")
    np.testing.assert_array_equal(to_segments(events, videos, n_segments=2), y)
    assert events.dropna()["score"].between(1 / 3, 1).all()

    paths = ["--features", str(real / "features"), "--annotations", str(real / "events.csv")]
    assert main(["score", str(real / "model.joblib"), *paths]) == 0
    out, err = capsys.readouterr()
    assert "warning: 1 of 4 videos are not in" in err
    X, _ = read_features(real / "features")
    truth = [["dog", "background"], ["background", "dog"], ["cat", "cat"], ["background", "background"]]
    accuracy = np.mean(joblib.load(real / "model.joblib").named_steps["localize"].predict(X) == truth)
    assert f"segment accuracy     {accuracy:.3f}\n" in out


# --------------------------------------------------------------------- fit
@pytest.mark.slow
def test_fit_saves_a_pipeline_of_the_extractor_and_the_estimator(fit, folder, capsys):
    assert fit() == 0
    model = joblib.load(folder / "model.joblib")
    assert list(model.named_steps) == ["extract", "localize"]
    assert isinstance(model["extract"], VideoFeatureExtractor)
    assert (model["extract"].n_segments, model["extract"].weights) == (3, "random")
    y = labels_of(NAMES)
    expected = PSPLocalizer(max_epochs=2, hidden_size=8, random_state=0).fit(features_of(NAMES), y)
    np.testing.assert_array_equal(
        model["localize"].predict_proba(features_of(NAMES)), expected.predict_proba(features_of(NAMES))
    )
    assert model["localize"].get_params() == expected.get_params()
    assert capsys.readouterr() == ("", "")
    assert sorted(file.name for file in folder.iterdir()) == ["events.csv", "features", "model.joblib"]


@pytest.mark.slow
def test_weak_and_settings_reach_the_estimator(fit, folder):
    assert fit("--weak", "--set", "target=category", "--set", "tau=-inf", "--set", "weighting=False") == 0
    localizer = joblib.load(folder / "model.joblib")["localize"]
    assert type(localizer) is WeakPSPLocalizer
    assert (localizer.target, localizer.tau, localizer.weighting) == ("category", -np.inf, False)


@pytest.mark.slow
def test_another_network_is_trained_by_name(folder, capsys):
    paths = sum(([flag, str(folder / name)] for flag, name in PATHS), [])
    options = ["--set", "max_epochs=1", "--set", "network_params={'hidden_size': 8}", "--quiet"]
    assert main(["fit", *paths, "--network", "avel", *options]) == 0
    localizer = joblib.load(folder / "model.joblib")["localize"]
    assert (type(localizer), localizer.network) == (EventLocalizer, "avel")
    assert main(["fit", *paths, "--network", "cpsp", "--weak", *options]) == 0
    localizer = joblib.load(folder / "model.joblib")["localize"]
    assert (type(localizer), localizer.network) == (WeakEventLocalizer, "cpsp")
    assert localizer.embed(features_of(NAMES)).shape[-1] == 8
    capsys.readouterr()
    assert main(["fit", *paths, "--network", "avell", *options]) == 1
    assert "network is 'avell'; wanted one of ['avel', " in error_line(capsys)


@pytest.mark.slow
def test_another_background_label_is_that_of_the_events_too(fit, folder):
    assert fit("--set", "background=nothing") == 0
    assert joblib.load(folder / "model.joblib")["localize"].classes_.tolist() == ["cat", "dog", "nothing"]


def test_notes_and_warnings_are_lines_and_quiet_keeps_the_warnings(fit, folder, capsys):
    text = (folder / "events.csv").read_text()
    lines = [line for line in text.splitlines() if "videos/0" not in line]
    (folder / "events.csv").write_text("\n".join([*lines, "x,0,1,cat", "y,0,1,cat", "y,1,2,cat", ""]))
    assert fit() == 0
    out, err = capsys.readouterr()
    strangers = f"2 of the 10 file names in {folder / 'events.csv'} are not among the features: 'x', 'y'"
    unlisted = f"7 of 15 videos are not in {folder / 'events.csv'}: taken as all background (see --unlisted): "
    assert out == ""
    assert [line.removeprefix("ave-sklearn: warning: ")[: len(unlisted)] for line in err.splitlines()] == [
        strangers[: len(unlisted)],
        unlisted,
    ]
    main(["fit", *sum(([flag, str(folder / name)] for flag, name in PATHS), []), "--set", "max_epochs=1"])
    out, err = capsys.readouterr()
    assert out == f"{folder / 'model.joblib'}: PSPLocalizer of the classes background, cat, dog\n"
    assert f"warning: 7 of 15 videos are not in {folder / 'events.csv'}: taken as all background" in err


PATHS = [("--features", "features"), ("--annotations", "events.csv"), ("-o", "model.joblib")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=None", None),
        ("x=-inf", -np.inf),
        ("x=Inf", np.inf),
        ("x={[]: 1}", "{[]: 1}"),
        ("x=inf", np.inf),
        ("x=1e-3", 0.001),
        ("x=False", False),
        ("x=['a', 2]", ["a", 2]),
        ("x=constant", "constant"),
        ("x=001", "001"),
        ("x='28'", "28"),
        ("x=a=b", "a=b"),
        ("x=", ""),
    ],
)
def test_settings_are_literals_or_text(text, value):
    assert setting(text) == ("x", value)
    assert type(setting(text)[1]) is type(value)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "features/videos.csv",
            None,
            "features is no folder of features: videos.csv is missing ('ave-sklearn extract'",
        ),
        ("features/audio.npy", None, "features is no folder of features: audio.npy is missing"),
        ("features/extractor.json", None, "features is no folder of features: extractor.json is missing"),
        (
            "features/extractor.json",
            "{",
            "extractor.json cannot be read as the parameters of a VideoFeatureExtractor: Exp",
        ),
        (
            "features/extractor.json",
            '{"speed": 1}',
            "'speed' is none of audio, frames_per_segment, hop_seconds, image_size, ",
        ),
        ("features/extractor.json", "[1]", "it holds a list; wanted names and values"),
        (
            "features/videos.csv",
            "video\na\n",
            "videos.csv must have the columns 'filename' and 'start', each once; got ['vid",
        ),
        (
            "features/videos.csv",
            "filename,start\na,b\n",
            "line 2: 'start' must be whole seconds from 0 to 2592000; got 'b'",
        ),
        (
            "features/videos.csv",
            "filename,start\na,.5\n",
            "line 2: 'start' must be whole seconds from 0 to 2592000; got '.5'",
        ),
        (
            "features/extractor.json",
            '{"n_segments": 4}',
            "the arrays have 3 segments, but extractor.json n_segments=4.",
        ),
        ("features/videos.csv", "filename,start\na,0\n", "videos.csv names 1 clips, but the arrays have 15 rows"),
        ("features/visual.npy", "no array", "visual.npy"),
        ("events.csv", None, "events.csv: No such file or directory"),
        ("events.csv", "", "events.csv is empty"),
        ("events.csv", EVENTS + "videos/010.mp4,2,1,dog\n", "events.csv, line 2: the event must end after its onset"),
        ("events.csv", EVENTS + "z.mp4,0,1,dog\n", "none of the 1 file names in "),
        ("events.csv", EVENTS, "none of the 0 file names in "),
        (
            "events.csv",
            EVENTS + "videos/010.mp4,1,5,dog\n",
            "the event ends at 5 s, but the features of 'videos/010.mp4' end",
        ),
        ("events.csv", EVENTS + "videos/010.mp4,1,2,dog\nvideos/010.mp4,1,2,cat\n", "has the labels 'dog' and 'cat'"),
        ("events.csv", EVENTS + "videos/010.mp4,1,2,background\n", "background='background' must be the label of"),
    ],
)
def test_what_fit_cannot_read_is_one_line(fit, folder, capsys, file, content, message):
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    assert fit() == 1
    assert message in error_line(capsys)
    assert not (folder / "model.joblib").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--set", "speed=1"], "--set speed: PSPLocalizer has the parameters background, batch_size, "),
        (["--weak", "--set", "lam=1"], "--set lam: WeakPSPLocalizer has the parameters "),
        (["--set", "lr=-1"], "--set lr must be a float in the range (0.0, inf). Got -1 instead."),
        (["--set", "background=3"], "--set background=3 is numbers, but the labels are text"),
    ],
)
def test_a_failed_fit_leaves_the_old_model(fit, folder, capsys, options, message):
    (folder / "model.joblib").write_text("old")
    assert fit(*options) == 1
    assert message in error_line(capsys)
    assert (folder / "model.joblib").read_text() == "old"
    assert len(list(folder.iterdir())) == 3


def test_fit_needs_a_place_for_the_model_and_a_folder_of_features(fit, folder, capsys):
    assert fit(output=folder / "none" / "model.joblib") == 1
    assert error_line(capsys) == f"the folder {folder / 'none'} is not there, so model.joblib cannot be made in it."
    assert fit(output=folder / "features") == 1
    assert error_line(capsys) == f"{folder / 'features'} is a folder; the name of a file is wanted."
    assert fit(features=folder / "none") == 1
    assert f"{folder / 'none'} is no folder of features" in error_line(capsys)


# ------------------------------------------------------------------- names
def named(*names):
    return pd.DataFrame({"filename": names, "onset": range(len(names))})


def test_names_match_as_given_and_then_only_so():
    events = named("a/1.mp4", "b/2.mp4", "a/1.mp4")
    with pytest.warns(UserWarning, match="1 of the 2 file names in list are not among the features: 'b/2.mp4'"):
        matched = match_names(events, ["a/1.mp4", "c/3.mp4"], "list")
    assert matched["filename"].tolist() == ["a/1.mp4", "a/1.mp4"]
    assert matched["onset"].tolist() == [0, 2]


def test_files_in_other_folders_are_told():
    with pytest.warns(
        UserWarning, match="1 of the 2 file names .* other folders, .*: 'b/2.mp4' for 'c/2.mp4'"
    ) as caught:
        matched = match_names(named("a/1.mp4", "b/2.mp4"), ["a/1.mp4", "c/2.mp4"], "list")
    assert matched["filename"].tolist() == ["a/1.mp4", "c/2.mp4"]
    assert len(caught) == 1


@pytest.mark.parametrize("prefix", ["", "/data/", "C:\\data\\"])
def test_names_match_without_folders_if_none_matches_with(prefix, recwarn):
    matched = match_names(named(f"{prefix}2.mp4", f"{prefix}1.mp4"), ["v/1.mp4", "v/2.mp4", "v/3.mp4"], "list")
    assert matched["filename"].tolist() == ["v/2.mp4", "v/1.mp4"]
    assert not recwarn.list


@pytest.mark.parametrize(
    ("names", "videos"), [(["1.mp4"], ["a/1.mp4", "b/1.mp4"]), (["x/1.mp4", "y/1.mp4"], ["a/1.mp4"])]
)
def test_names_that_could_be_several_are_refused(names, videos):
    with pytest.raises(ValueError, match=f"are not unique then: '{names[0]}'.* there, '{videos[0]}'.* here"):
        match_names(named(*names), videos, "list")


def test_names_without_any_match_are_shown():
    with pytest.raises(ValueError, match="none of the 4 .* list has '1', '2', '3', ..., the features have 'a/1.mp4'"):
        match_names(named("1", "2", "3", "4"), ["a/1.mp4"], "list")
    with pytest.raises(
        ValueError, match=r"'/d/1.MP4' is nearest to 'a/1.mp4': from character 3 of '1.MP4' and '1.mp4' on, 'MP'"
    ):
        match_names(named("/d/1.MP4"), ["a/1.mp4"], "list")


def test_names_that_nearly_match_end_a_fit(folder, fit, capsys):
    file = Path(folder, "events.csv")
    text = file.read_text()
    name = text.splitlines()[1].split(",")[0]
    file.write_text(text.replace(name, f"./{name}"))
    assert fit() == 0
    file.write_text(text.replace(name, name.upper()))
    capsys.readouterr()
    assert fit() == 1
    assert f"'{name.upper()}' is no video, and '{name}' has no events" in error_line(capsys)


def test_names_of_skipped_videos_are_compared_as_others_are(folder, fit, capsys):
    file = Path(folder, "events.csv")
    with file.open("a") as lines:
        lines.write("caf\u00e9.mp4,0,1,dog\n")
    Path(folder, "features", "skipped.csv").write_text(
        "filename,start,error\n./cafe\u0301.mp4,0,bad\n", encoding="utf-8"
    )
    assert fit() == 0
    assert "are not among the features: 'caf" in capsys.readouterr().err


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_one_file_by_two_names_is_given_twice(tmp_path, link, capsys):
    (tmp_path / "a.mp4").write_bytes(b"x")
    link(tmp_path / "a.mp4", tmp_path / "b.mp4")
    argv = ["extract", str(tmp_path / "a.mp4"), str(tmp_path / "b.mp4"), "-o", str(tmp_path / "out")]
    assert main(argv) == 1
    assert error_line(capsys) == f"{tmp_path / 'b.mp4'} is given twice. It is the file {tmp_path / 'a.mp4'}."


# ------------------------------------------------------- predict and score
def test_predict_prints_and_writes_csv(model, folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["predict", model, "110.mp4", "000.mp4", "202.mp4", "-o", str(folder / "out.csv")]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[:4] for line in out.splitlines()] == [
        ["filename", "onset", "offset", "event_label"],
        ["110.mp4", "0", "2", "cat"],
        ["000.mp4", "-", "-", "(none)"],
        ["202.mp4", "0", "1", "dog"],
        ["202.mp4", "2", "3", "dog"],
    ]
    events = read_events(folder / "out.csv")
    assert events.columns.tolist() == ["filename", "onset", "offset", "event_label", "score"]
    assert events["filename"].tolist() == ["110.mp4", "000.mp4", "202.mp4", "202.mp4"]
    assert events["event_label"].fillna("").tolist() == ["cat", "", "dog", "dog"]
    assert not list(folder.glob(".*.part"))


@pytest.mark.slow
def test_predict_writes_json_and_is_quiet(model, folder, capsys):
    assert main(["predict", model, "000.mp4", "020.mp4", "-o", str(folder / "é.JSON"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    quiet, event = json.loads((folder / "é.JSON").read_text(encoding="utf-8"))
    assert quiet == {"filename": "000.mp4", "onset": None, "offset": None, "event_label": None, "score": None}
    assert 0.5 < event.pop("score") <= 1
    assert event == {"filename": "020.mp4", "onset": 1.0, "offset": 2.0, "event_label": "dog"}


@pytest.mark.slow
def test_predict_without_any_event_and_without_a_file(model, capsys):
    assert main(["predict", model, "000.mp4", "--quiet", "--format", "table"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()][1] == ["000.mp4", "-", "-", "(none)", "-"]


@pytest.mark.slow
def test_skipped_videos_are_not_listed(model, capsys):
    assert main(["predict", model, "bad.mp4", "010.mp4", "--on-error", "skip"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ["filename", "010.mp4"]


@pytest.mark.slow
def test_the_error_of_videos_has_a_line_each(model, capsys):
    assert main(["predict", model, "bad.mp4"]) == 1
    assert error_line(capsys) == "1 of 1 videos cannot be used:\n  first\n  second"


def test_tables_are_aligned():
    rows = pd.DataFrame(
        {
            "filename": ["a.mp4", "long.mp4"],
            "onset": [0.0, np.nan],
            "offset": [10.5, np.nan],
            "event_label": ["dog barks", None],
            "score": [0.25, np.nan],
        }
    )
    assert format_rows(rows).splitlines() == [
        "filename  onset  offset  event_label  score",
        "a.mp4         0    10.5  dog barks    0.250",
        "long.mp4      -       -  (none)           -",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["none.joblib", "a.mp4"], "none.joblib: No such file or directory"),
        (["events.csv", "a.mp4"], "events.csv is no model of 'ave-sklearn fit': it is a table (CSV)."),
        (["list.joblib", "a.mp4"], "list.joblib is no model of 'ave-sklearn fit': it holds an object of the type list"),
        (["ready.joblib", "features"], "features is a folder; give the video files in it."),
        (["ready.joblib", "a.mp4", "./a.mp4"], "./a.mp4 is given twice."),
        (["ready.joblib", "a.mp4", "-o", "dir.csv"], "dir.csv is a folder; the name of a file is wanted."),
        (["ready.joblib", "a.mp4", "-o", "none/out.csv"], "the folder none is not there, so out.csv cannot be made"),
    ],
)
def test_what_predict_cannot_do_is_one_line(model, folder, capsys, monkeypatch, argv, message):
    monkeypatch.chdir(folder)
    os.mkdir("dir.csv")
    joblib.dump([1], "list.joblib")
    assert main(["predict", *argv]) == 1
    assert error_line(capsys).startswith(message)


@pytest.mark.slow
def test_score_prints_the_metrics(model, folder, capsys):
    paths = ["--features", str(folder / "features"), "--annotations", str(folder / "events.csv")]
    assert main(["score", model, *paths]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("segment accuracy     1.000\nevent F1 (IoU 0.5)   1.000\n\nreferences")
    assert "\n\nsegments\n" in out
    assert err == f"ave-sklearn: note: {model} does not say which videos it was trained on\n"
    (folder / "events.csv").write_text(EVENTS + "".join(f"{name},,,\n" for name in NAMES))
    assert main(["score", model, *paths]) == 0
    share = np.mean(labels_of(NAMES) == "background")
    out = capsys.readouterr().out
    assert f"segment accuracy     {share:.3f}\nevent F1 (IoU 0.5)   0.000\n" in out
    assert {line.split()[0] for line in out.splitlines() if line} >= {"background", "cat", "dog", "micro", "macro"}


@pytest.mark.slow
def test_score_of_features_of_another_shape_is_one_line(model, folder, capsys):
    np.save(folder / "features" / "audio.npy", np.zeros((len(NAMES), N_SEGMENTS, 7), "f4"))
    assert main(["score", model, *sum(([flag, str(folder / name)] for flag, name in PATHS[:2]), [])]) == 1
    assert error_line(capsys).startswith("--features has 7 audio features, but PSPLocalizer is expecting 4")


# ----------------------------------------------------------------- extract
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["events.csv", "features"], "features is a folder; give the video files in it."),
        (["a.mp4", "b.mp4", "a.mp4"], "a.mp4 is given twice."),
        (["none.mp4"], "1 of 1 videos cannot be used:\n  none.mp4: "),
        (["events.csv"], "1 of 1 videos cannot be used:\n  events.csv: "),
        (["a.mp4", "-o", "none/new"], "the folder none is not there, so new cannot be made in it."),
        (["a.mp4", "-o", "features"], "features already holds audio.npy, visual.npy, videos.csv, extractor.json; --f"),
        (["\udcff.mp4"], "'\\udcff.mp4' is not a name in UTF-8; rename the file."),
        (["a.mp4", "-o", "events.csv"], "events.csv is a file; a folder for features is wanted."),
        (["a.mp4", "--n-segments", "0"], "--n-segments must be an int in the range [1, inf). Got 0 instead."),
        (["a.mp4", "--weights", "pretrained"], "--weights-dir is not given and the environment variable"),
        (["a.mp4", "--pca-params", "none.npz"], "--pca-params: there is no file "),
    ],
)
def test_what_extract_cannot_do_is_one_line_and_leaves_no_folder(folder, capsys, monkeypatch, argv, message):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("AVE_SKLEARN_WEIGHTS", raising=False)
    before = sorted(folder.rglob("*"))
    assert main(["extract", "-o", "new", "--weights", "random", *argv]) == 1
    assert error_line(capsys).startswith(message)
    assert sorted(folder.rglob("*")) == before


def test_force_replaces_features_and_forgets_what_was_skipped(folder):
    target = folder / "features"
    (target / "skipped.csv").write_text("filename,error\nold.mp4,bad\n")
    write_features(target, FakeExtractor(), [("120.mp4", 0.0)], force=True)
    X, clips = read_features(target)
    assert clips.to_dict("list") == {"filename": ["120.mp4"], "start": [0]}
    np.testing.assert_array_equal(X.audio, features_of(["120.mp4"]).audio)
    names = {"audio.npy", "visual.npy", "videos.csv", "extractor.json", ".audio.npy.pair", ".visual.npy.pair"}
    assert {file.name for file in target.iterdir()} == names


@pytest.mark.parametrize(("last", "error"), [("1interrupt.mp4", KeyboardInterrupt), ("bad.mp4", ExtractionError)])
def test_an_interrupted_extraction_leaves_the_old_features_or_nothing(folder, last, error):
    old = {file: file.read_bytes() for file in (folder / "features").iterdir()}
    for name in ("features", "new"):
        with pytest.raises(error):
            write_features(folder / name, FakeExtractor(), [("1.mp4", 0.0), (last, 0.0)], force=True)
    assert {file: file.read_bytes() for file in (folder / "features").iterdir()} == old
    assert not (folder / "new").exists()


# ----------------------------------------------------------- program itself
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "COMMAND"),
        (["train"], "invalid choice: 'train'"),
        (["extract", "a.mp4"], "-o/--output"),
        (["extract", "-o", "new"], "no videos are given: VIDEO or --from-file LIST"),
        (["extract", "a.mp4", "-o", "new", "--n-segments", "two"], "invalid int value: 'two'"),
        (["fit", "--features", "f", "--annotations", "e", "-o", "m", "--set", "tau"], "'tau' is not of the form NAME="),
        (["predict", "m", "a.mp4", "-o", "out.dat"], "'out.dat' must end in one of .csv, .json, .vtt, .srt, .txt, or"),
        (["score", "m", "--features", "f"], "--annotations"),
    ],
)
def test_wrong_usage_exits_with_2(capsys, argv, message):
    with pytest.raises(SystemExit, match="^2$"):
        main(argv)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["extract"], ["merge"], ["fit"], ["predict"], ["score"], ["report"]])
def test_help_exits_with_0(capsys, command):
    with pytest.raises(SystemExit, match="^0$"):
        main([*command, "--help"])
    assert " ".join(["usage: ave-sklearn", *command]) in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"ave-sklearn {__version__}\n"


def test_traceback_lets_the_error_through():
    with pytest.raises(FileNotFoundError):
        main(["--traceback", "predict", "none.joblib", "a.mp4"])


def test_ctrl_c_exits_with_130(monkeypatch, capsys):
    def run(args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ave_sklearn.cli.score.run", run)
    assert main(["score", "m", "--features", "f", "--annotations", "e"]) == 130
    assert capsys.readouterr() == ("", "ave-sklearn: interrupted\n")


def test_an_error_of_the_code_is_not_hidden(monkeypatch):
    def run(args):
        raise RuntimeError("a bug")

    monkeypatch.setattr("ave_sklearn.cli.score.run", run)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["score", "m", "--features", "f", "--annotations", "e"])


@pytest.mark.slow
def test_help_of_the_module_loads_nothing_slow():
    code = (
        "import sys; from ave_sklearn.cli.commands import build_parser; build_parser().format_help()\n"
        "assert not {'numpy', 'pandas', 'sklearn', 'torch'} & set(sys.modules)\n"
        "print(*sorted(name for name in sys.modules if name.startswith('ave_sklearn.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = [name.removeprefix("ave_sklearn.") for name in done.stdout.split()]
    modules = [
        "annotated",
        "arguments",
        "commands",
        "completion",
        "extract",
        "fit",
        "merge",
        "models",
        "predict",
        "report",
        "score",
        "search",
        "terminal",
        "videos",
        "wording",
    ]
    assert loaded == ["_files", "_systems", "_version", "cli", *(f"cli.{name}" for name in modules)]


@pytest.mark.slow
def test_output_that_nobody_reads_is_no_error(fit, folder):
    assert fit() == 0
    paths = ["--features", str(folder / "features"), "--annotations", str(folder / "events.csv")]
    command = [sys.executable, "-m", "ave_sklearn", "score", str(folder / "model.joblib"), *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()
        assert said.startswith("ave-sklearn: warning: 15 of the 15 videos were trained on") and said.count("\n") == 1
    assert process.returncode == 1


# -------------------------------------------------------------------- clips
def clips_of(*rows):
    return pd.DataFrame(rows, columns=["filename", "start"])


def test_seconds_of_clips_are_joined_and_the_earlier_clip_decides():
    clips = clips_of(("a", 0.0), ("a", 3.0), ("a", 5.0), ("b", 0.0), ("c", 0.0), ("c", 6.0))
    values = np.arange(18).reshape(6, 3)
    joined = [(name, start, seconds.tolist()) for name, start, seconds in join_clips(values, clips)]
    assert joined == [
        ("a", 0, [0, 1, 2, 3, 4, 5, 7, 8]),
        ("b", 0, [9, 10, 11]),
        ("c", 0, [12, 13, 14]),  # the clip in between is missing
        ("c", 6, [15, 16, 17]),
    ]


def test_labels_of_clips_are_those_of_their_seconds():
    clips = clips_of(("b", 0), ("a", 0), ("a", 3), ("a", 5))
    events = pd.DataFrame(
        [("a", 1.0, 4.0, "dog"), ("a", 6.6, 8.4, "cat"), ("b", 2.0, 3.0, "cat")],
        columns=["filename", "onset", "offset", "event_label"],
    )
    y = clip_labels(events, clips, 3, set(), background="-")
    assert y.tolist() == [["-", "-", "cat"], ["-", "dog", "dog"], ["dog", "-", "-"], ["-", "-", "cat"]]
    assert clip_labels(events.replace(3.0, 3.55), clips, 3, set(), background="-").tolist() == y.tolist()


@pytest.mark.parametrize("seconds", [3, 10, 60, 3600])
def test_what_clips_leave_out_does_not_depend_on_rounding(seconds):
    """0.6 s behind the end are refused and 0.55 s are left out, wherever the end is."""
    clips = clips_of(*[("a", start) for start in range(0, seconds, min(seconds, 10))])
    events = pd.DataFrame({"filename": ["a"], "onset": [1.0], "offset": [seconds + 0.6], "event_label": ["dog"]})
    with pytest.raises(ValueError, match="features of 'a' end before"):
        clip_labels(events, clips, min(seconds, 10), set())
    y = clip_labels(events.assign(offset=seconds + 0.55), clips, min(seconds, 10), set())
    assert (y == "dog").sum() == seconds - 1


LATE = [("a", 2.0, 3.6, "dog"), ("a", 5.0, 9.0, "dog"), ("a", 8.0, 10.0, "dog"), ("b", 3.0, 4.0, "dog")]


@pytest.mark.parametrize("late", LATE)
def test_events_in_skipped_clips_are_warned_of_and_others_without_features_refused(late):
    """Of "a" the seconds 3 to 6 are missing."""
    clips = clips_of(("a", 0), ("a", 6), ("b", 0))
    events = pd.DataFrame([("b", 1.0, 2.0, "cat"), late], columns=["filename", "onset", "offset", "event_label"])
    with pytest.raises(ValueError, match=f"row 1: the event ends at .* features of '{late[0]}' end before"):
        clip_labels(events, clips, 3, set())
    with pytest.warns(UserWarning, match="1 of the events lie in clips that were skipped.*first 'dog'"):
        y = clip_labels(events, clips, 3, {late[0]})
    assert y[2].tolist() == ["background", "cat", "background"]


@pytest.mark.slow
def test_long_videos_are_cut_for_training_and_put_together_again(model, folder, tmp_path, capsys, monkeypatch):
    """Seven seconds of a real file in clips of three; the features come from the fake extractor."""
    write_video(tmp_path / "110110.mp4", fps=1, seconds=6)
    write_video(tmp_path / "2.mp4", fps=1, seconds=7)
    clips = [(str(tmp_path / name), float(start)) for name, start in [("110110.mp4", 0), ("110110.mp4", 3)]]
    seen = []

    def transform(self, X):
        seen.extend(X)
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(error="")
        return features_of([f"{'110110'[int(start) : int(start) + 3]}.mp4" for _, start in X])

    monkeypatch.setattr(FakeExtractor, "transform", transform)
    assert main(["predict", model, str(tmp_path / "110110.mp4"), "--quiet", "-o", str(folder / "out.csv")]) == 0
    assert seen == clips
    events = read_events(folder / "out.csv")
    assert events[["onset", "offset", "event_label"]].to_numpy().tolist() == [[0, 2, "cat"], [3, 5, "cat"]]
    assert cut_clips([tmp_path / "2.mp4"], 3) == [(str(tmp_path / "2.mp4"), float(start)) for start in (0, 3, 4)]


@pytest.mark.slow
def test_a_models_own_events_score_one(model, folder, capsys, monkeypatch):
    """Seconds that two clips share count once, and events that cross their border are one."""
    features, names = folder / "long", [f"{'110011'[start : start + 3]}.mp4" for start in (0, 2, 3)]
    features.mkdir()
    np.save(features / "audio.npy", features_of(names).audio)
    np.save(features / "visual.npy", features_of(names).visual)
    clips_of(("v", 0), ("v", 2), ("v", 3)).to_csv(features / "videos.csv", index=False)
    (folder / "own.csv").write_text(EVENTS + "v,0,2,cat\nv,4,6,cat\n")
    assert main(["score", model, "--features", str(features), "--annotations", str(folder / "own.csv")]) == 0
    out = capsys.readouterr().out
    assert "segment accuracy     1.000\nevent F1 (IoU 0.5)   1.000\n" in out
    n_true = pd.read_fwf(StringIO(out.split("events\n")[1]))["n_true"]
    assert n_true.iloc[0] == 2


# ---------------------------------------------------------------- signals
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_work_and_leaves_nothing(tmp_path, number):
    videos = [str(write_video(tmp_path / f"{name}.mp4", fps=25, seconds=5)) for name in "abc"]
    options = ["--weights", "random", "--n-segments", "5", "--n-jobs", "2", "-o", str(tmp_path / "features")]
    command = [sys.executable, "-m", "ave_sklearn", "extract", *videos, *options]
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore Ctrl-C
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, preexec_fn=attended, **pipes) as process:
        while b"clip 0 of 3" not in os.read(process.stderr.fileno(), 10_000):  # the networks are at work
            assert process.poll() is None
        time.sleep(1)
        process.send_signal(number)
        assert process.wait(timeout=10) == 130  # a video takes longer
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "c.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["predict", "fit"])
def test_a_result_that_cannot_be_written_is_found_before_the_work(model, fit, folder, capsys, monkeypatch, command):
    def work(*args, **kwargs):
        raise AssertionError("the work began")

    monkeypatch.setattr(FakeExtractor, "transform", work)
    monkeypatch.setattr(PSPLocalizer, "fit", work)
    target = folder / f"{'x' * 250}.csv"  # too long a name for the temporary file beside it
    run = fit(output=target) if command == "fit" else main(["predict", model, "110.mp4", "-o", str(target)])
    assert run == 1
    assert error_line(capsys) == f"{target}: {os.strerror(errno.ENAMETOOLONG)}, while writing"
