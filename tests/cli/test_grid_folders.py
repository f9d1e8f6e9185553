"""Folders of features on any grid, and of padded clips: read, labelled, predicted and scored on the command line."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ave_sklearn import AVFeatures
from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid
from ave_sklearn.cli import main
from ave_sklearn.datasets import read_events
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_extractor, read_features, read_grid

EVENTS = "filename,onset,offset,event_label\n"
CODES = {"a": [0, 1, 1, 0, 0, 2], "b": [2, 2, 0, 1]}  # of the segments of two videos, 0.32 s each, windows of 0.96 s
PARAMS = {"n_segments": 4, "segment_seconds": 0.96, "hop_seconds": 0.32, "weights": "random"}


def write_folder(folder, clips, params, n_segments=4, codes=None):
    """Features whose level tells the code of each segment, with the tables beside them."""
    folder.mkdir()
    codes = np.zeros((len(clips), n_segments), int) if codes is None else np.array(codes)
    np.save(folder / "audio.npy", np.eye(4, dtype="f4")[codes])
    np.save(folder / "visual.npy", np.eye(4, dtype="f4")[codes])
    clips.to_csv(folder / "videos.csv", index=False)
    if params is not None:
        (folder / "extractor.json").write_text(json.dumps(params))
    return folder


def clips_of(*rows, **columns):
    return pd.DataFrame(rows, columns=["filename", "start"]).assign(**columns)


@pytest.fixture
def folder(tmp_path):
    """The two videos in three clips of four segments; the second clip of the first overlaps its first."""
    clips = clips_of(("a", 0.0), ("a", 0.64), ("b", 0.0), padding=[0.0, 0.0, 0.7])
    codes = [CODES["a"][:4], CODES["a"][2:], CODES["b"]]
    return write_folder(tmp_path / "features", clips, PARAMS, codes=codes)


# ------------------------------------------------------------------- reading
def test_the_grid_of_a_folder_is_that_of_its_extractor(tmp_path):
    clips = clips_of(("a", 0.0))
    for number, (params, grid) in enumerate(
        [
            (PARAMS, Grid(0.96, 0.32)),
            ({"segment_seconds": 2}, Grid(2.0, 2.0)),
            ({"segment_seconds": 0.5, "hop_seconds": None, "audio": "log-mel"}, Grid(0.5, 0.5)),
            ({}, WHOLE_SECONDS),
            (None, WHOLE_SECONDS),
        ]
    ):
        folder = write_folder(tmp_path / str(number), clips, params)
        assert read_grid(folder) == grid
        if params is not None:
            extractor = read_extractor(folder)
            assert (extractor.segment_seconds, extractor.hop_seconds) == (
                params.get("segment_seconds", 1.0),
                params.get("hop_seconds"),
            )


@pytest.mark.parametrize("read", [read_grid, read_features])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"hop_seconds": 0}', "hop_seconds must be a positive number; got 0"),
        ('{"hop_seconds": -0.5}', "hop_seconds must be a positive number; got -0.5"),
        ('{"hop_seconds": 1e-9}', "segments are 1e-09 s apart; wanted at least 0.001 s"),
        ('{"segment_seconds": 1e-9}', "segments are 1e-09 s apart"),
        ('{"segment_seconds": null}', "segment_seconds must be a positive number; got None"),
        ('{"segment_seconds": "1"}', "segment_seconds must be a positive number; got '1'"),
        ('{"segment_seconds": true}', "segment_seconds is True; wanted text, a finite number or null"),
        ('{"segment_seconds": 1e400}', "segment_seconds is inf; wanted text, a finite number"),
        ('{"hop_seconds": NaN}', "hop_seconds is nan"),
        ('{"hop_seconds": [1]}', r"hop_seconds is \[1\]"),
        ('{"hop_seconds": ' + "9" * 4000 + "}", "hop_seconds must be a positive number|integer"),
        ("[1]", "it holds a list; wanted names and values"),
        ("{", "Expecting"),
        ("[" * 100_000, "recursion|nested"),
    ],
)
def test_a_grid_that_is_none_is_refused_by_name(folder, read, text, message):
    (folder / "extractor.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read(folder)
    assert str(caught.value).startswith(str(folder / "extractor.json"))


def test_fractions_that_are_not_finite_are_refused_with_the_settings(folder):
    (folder / "extractor.json").write_text('{"hop_seconds": 0.32, "max_damage": Infinity}')
    with pytest.raises(ValueError, match="max_damage is inf; wanted text, a finite number or null"):
        read_extractor(folder)
    read_features(folder)  # by which it plays no part


@pytest.mark.parametrize("hop", [0.1, 0.25, 0.32, 1 / 3, 2.0])
def test_starts_are_multiples_of_the_hop(tmp_path, hop):
    starts = [0.0, hop, sum([hop] * 7), 2_000_000 // hop * hop]
    clips = clips_of(*[("a", start) for start in starts])
    folder = write_folder(tmp_path / "f", clips, {"hop_seconds": hop})
    read = read_features(folder)[1]
    assert read.columns.tolist() == ["filename", "start"]
    assert read["start"].tolist() == [0.0, hop, 7 * hop, 2_000_000 // hop * hop]
    for wrong in (f"{hop / 2}", f"{hop + 1e-5}", "-1e-5", "nan", "inf", "2592001", "x", ""):
        (folder / "videos.csv").write_text(f"filename,start\na,0\na,{wrong}\na,{hop}\na,{3 * hop}\n")
        message = rf"videos.csv, line 3: 'start' must be a multiple of hop_seconds={hop:g} from 0 to 2592000; got '"
        with pytest.raises(ValueError, match=message):
            read_features(folder)
    (folder / "videos.csv").write_text(f"filename,start\na,{hop}\na,0\na,{hop + 1e-7!r}\na,{3 * hop}\n")
    with pytest.raises(ValueError, match="line 4: the clip is that of line 2 again"):
        read_features(folder)


def test_padding_is_read_where_the_table_has_it(folder):
    assert read_features(folder)[1]["padding"].tolist() == [0.0, 0.0, 0.7]
    span = 3 * 0.32 + 0.96
    for wrong in ("-0.1", f"{span!r}", "1.93", "nan", "inf", "", "x", "1_0"):
        (folder / "videos.csv").write_text(f"padding,filename,start\n0,a,0\n1.9,a,0.64\n{wrong},b,0\n")
        with pytest.raises(
            ValueError, match=r"videos.csv, line 4: 'padding' must be seconds from 0 to less than the 1"
        ):
            read_features(folder)
    (folder / "videos.csv").write_text("padding,filename,start,padding\n0,a,0,0\n0,a,0.64,0\n0,b,0,0\n")
    with pytest.raises(ValueError, match="may have the columns 'padding' once"):
        read_features(folder)


class Extractor(BaseEstimator):
    """Stands in for an extractor: the features of the two videos, the second of which is padded by 0.7 s."""

    def __init__(self, segment_seconds=0.96, hop_seconds=0.32, n_jobs=None, device="auto", on_error="raise"):
        self.n_segments, self.segment_seconds, self.hop_seconds = 4, segment_seconds, hop_seconds
        self.n_jobs, self.device, self.on_error = n_jobs, device, on_error
        self.weights_dir = self.verbose = None

    def set_params(self, **params):
        return self

    def transform(self, X):
        firsts = [round(start / 0.32) for _, start in X]
        codes = [CODES[path][first : first + 4] for (path, _), first in zip(X, firsts, strict=True)]
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(
            error="", warning="", padding=[0.7 * (path == "b") for path, _ in X]
        )
        return AVFeatures(*np.eye(4, dtype="f4")[[codes, codes]])

    def _transform_to(self, X, audio, visual, journal):
        self.transform(X).to_npy(audio, visual)


def test_padding_is_written_where_a_clip_has_any(tmp_path):
    for names, columns in [("ab", ["filename", "start", "padding"]), ("a", ["filename", "start"])]:
        write_features(tmp_path / names, Extractor(), [(name, 0.0) for name in names])
        assert pd.read_csv(tmp_path / names / "videos.csv").columns.tolist() == columns
    assert read_features(tmp_path / "ab")[1]["padding"].tolist() == [0.0, 0.7]


# ------------------------------------------------------------ the command line
class Localizer(BaseEstimator):
    """Knows the code of each segment by its features."""

    classes_ = np.array(["background", "cat", "dog"])
    background_ = "background"

    def fit(self, X, y):
        self.y_ = y
        return self

    def predict_proba(self, X):
        return X.audio[..., :3]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(-1)]

    def predict_events(self, X):
        raise NotImplementedError

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "ave_sklearn.extraction._report.cut_clips",
        lambda videos, n_segments, **grid: [
            (video, start) for video in videos for start in {"a": [0.0, 0.64]}.get(video, [0.0])
        ],
    )
    joblib.dump(Pipeline([("extract", Extractor()), ("localize", Localizer())]), tmp_path / "model.joblib")
    return str(tmp_path / "model.joblib")


def test_predicted_events_go_by_the_hop_and_end_with_the_video(model, tmp_path):
    """The second clip lasts 1.92 s, of which 0.7 s are padding."""
    assert main(["predict", model, "a", "b", "--quiet", "-o", str(tmp_path / "out.csv")]) == 0
    rows = read_events(tmp_path / "out.csv").drop(columns="score").to_numpy().tolist()
    assert rows == [
        ["a", 0.32, 3 * 0.32, "cat"],
        ["a", 5 * 0.32, 6 * 0.32, "dog"],
        ["b", 0.0, 0.64, "dog"],
        ["b", 3 * 0.32, pytest.approx(1.22), "cat"],
    ]


def test_labels_of_a_folder_go_by_its_grid(folder, model, tmp_path, capsys):
    """Of the second video the fourth window, from 0.96 to 1.92 s, has more padding than video: it is background."""
    (tmp_path / "events.csv").write_text(EVENTS + "a,0.32,0.96,cat\na,1.6,2.4,dog\nb,0,0.64,dog\nb,0.96,2,cat\n")
    paths = ["--features", str(folder), "--annotations", str(tmp_path / "events.csv")]
    assert main(["score", model, *paths]) == 0
    out, err = capsys.readouterr()
    assert "segment accuracy     0.900\n" in out  # of 10 segments; those that two clips share count once
    assert "1 of the events cover less" in err
    fitted = tmp_path / "fitted.joblib"
    assert main(["fit", *paths, "-o", str(fitted), "--set", "max_epochs=1", "--set", "tau=None", "--quiet"]) == 0
    extractor = joblib.load(fitted)["extract"]
    assert (extractor.segment_seconds, extractor.hop_seconds) == (0.96, 0.32)


def test_features_on_another_grid_than_the_models_are_refused(folder, model, tmp_path, capsys):
    (folder / "extractor.json").write_text("{}")
    pd.read_csv(folder / "videos.csv").assign(start=[0, 2, 0]).to_csv(folder / "videos.csv", index=False)
    (tmp_path / "events.csv").write_text(EVENTS + "a,0.32,0.96,cat\n")
    paths = ["--features", str(folder), "--annotations", str(tmp_path / "events.csv")]
    assert main(["score", model, *paths, "--quiet"]) == 1
    said = (
        f"{folder}: the features are of segments of 1 s, 1 s apart, but those that {model} takes are of 0.96 s, 0.32 s"
    )
    assert said in capsys.readouterr().err
