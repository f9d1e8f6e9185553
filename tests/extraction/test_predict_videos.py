"""Events of videos predicted in Python: paths and file objects, as the command line does."""

import io
import socket
import tempfile
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import grey, write_video
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ave_sklearn import PSPLocalizer
from ave_sklearn.cli import main
from ave_sklearn.datasets import read_events
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, predict_videos
from ave_sklearn.extraction._file_objects import PIECE
from ave_sklearn.extraction._prediction import event_rows

COLUMNS = ["filename", "onset", "offset", "event_label", "score"]


def brightness(pictures):
    """Stand in for a network for pictures."""
    return pictures.mean((2, 3))


class Localizer(BaseEstimator):
    """Calls bright seconds "day" and dark ones background."""

    classes_, background_ = np.array(["background", "day"]), "background"

    def predict_proba(self, X):
        is_day = 0.8 * (X.visual[..., :1] > 0) + 0.1
        return np.concatenate([1 - is_day, is_day], -1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video of five seconds, bright in the 2nd, 3rd and 5th, one of two dark seconds, and one without sound."""
    folder = tmp_path_factory.mktemp("videos")
    write_video(folder / "long.mp4", seconds=5, fps=4, picture=grey([30, 220, 220, 30, 220]))
    write_video(folder / "dark.mkv", seconds=2, fps=4, picture=grey([30, 30]))
    write_video(folder / "silent.mp4", seconds=2, fps=4, with_audio=False)
    return folder


@pytest.fixture
def extractor():
    return VideoFeatureExtractor(visual=brightness, audio="log-mel", n_segments=2, image_size=16, frames_per_segment=2)


@pytest.fixture(autouse=True)
def _no_file_stays(tmp_path, monkeypatch):
    """Temporary files have a folder of their own, and are removed."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield
    assert list((tmp_path / "temporary").glob("ave_sklearn-*")) == []


LONG = [(1.0, 3.0, "day", 0.9), (4.0, 5.0, "day", 0.9)]


def rows_of(name):
    return [(name, *event) for event in LONG]


def found(rows):
    assert rows.columns.tolist() == COLUMNS
    rows = rows.round({"score": 6})
    return list(rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None))


# -------------------------------------------------------------- paths, models
def test_videos_are_cut_and_joined_in_the_order_that_they_were_given(folder, extractor):
    paths = [folder / "dark.mkv", str(folder / "long.mp4")]
    quiet = (str(paths[0]), None, None, None, None)
    expected = [quiet, *rows_of(paths[1])]
    before = extractor.get_params()
    assert found(predict_videos((extractor, Localizer()), paths)) == expected
    pipeline = Pipeline([("a", extractor), ("b", Localizer())])
    assert found(predict_videos(pipeline, iter(paths), n_jobs=2, device="cpu", on_error="skip")) == expected
    assert extractor.get_params() == before and not hasattr(extractor, "report_")


def test_the_command_and_the_function_give_the_same(folder, extractor, tmp_path, monkeypatch):
    """A localizer that was fitted, on features of the same extractor."""
    monkeypatch.chdir(folder)
    clips = [("long.mp4", 0.0), ("long.mp4", 2.0), ("dark.mkv", 0.0), ("long.mp4", 3.0)]
    y = np.array([["-", "day"], ["day", "-"], ["-", "-"], ["-", "day"]])
    localizer = PSPLocalizer(hidden_size=8, max_epochs=2, background="-", random_state=0)
    model = Pipeline([("extract", extractor), ("localize", localizer.fit(extractor.transform(clips), y))])
    joblib.dump(model, tmp_path / "model.joblib")
    names = ["long.mp4", "dark.mkv"]
    assert main(["predict", str(tmp_path / "model.joblib"), *names, "--quiet", "-o", str(tmp_path / "out.csv")]) == 0
    rows = predict_videos(model, names)
    pd.testing.assert_frame_equal(read_events(tmp_path / "out.csv"), rows, check_dtype=False)
    argv = ["--quiet", "--probabilities", "-o", str(tmp_path / "all.csv")]
    assert main(["predict", str(tmp_path / "model.joblib"), *names, *argv]) == 0
    rows = predict_videos(model, names, probabilities=True)
    pd.testing.assert_frame_equal(read_events(tmp_path / "all.csv"), rows, check_dtype=False)
    assert len(rows) == (5 + 2) * 2


def test_what_the_extractor_has_holds_unless_it_is_given(folder, extractor, tmp_path):
    extractor.set_params(on_error="skip", short="pad", memory=tmp_path / "own")
    paths = [folder / "silent.mp4", folder / "long.mp4"]
    with pytest.warns(UserWarning, match="1 of 4 clips were skipped"):
        assert found(predict_videos((extractor, Localizer()), paths)) == rows_of(str(paths[1]))
    assert (tmp_path / "own").is_dir()
    with pytest.raises(ExtractionError, match="1 of 4 clips cannot be used:\n.*silent.mp4: has no sound"):
        predict_videos((extractor, Localizer()), paths, on_error="raise")
    extractor.set_params(n_segments=3)
    with pytest.warns(UserWarning, match="are padding"):
        predict_videos((extractor, Localizer()), [folder / "dark.mkv"])
    with pytest.raises(ExtractionError, match="dark.mkv"):
        predict_videos((extractor, Localizer()), [folder / "dark.mkv"], short="error")


def test_probabilities_are_of_each_segment_and_class_and_end_with_the_video(folder, extractor):
    write_video(folder / "short.mp4", seconds=2.6, fps=5, picture=grey([30, 220, 220]))
    extractor.set_params(n_segments=2, segment_seconds=1.0, hop_seconds=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = predict_videos((extractor, Localizer()), [folder / "short.mp4"], probabilities=True)
        events = predict_videos((extractor, Localizer()), [folder / "short.mp4"])
    assert rows.columns.tolist() == COLUMNS
    assert rows["event_label"].tolist() == ["background", "day"] * (len(rows) // 2)
    assert rows["onset"].tolist() == np.repeat(np.arange(len(rows) // 2) / 2, 2).tolist()
    assert (rows["offset"] - rows["onset"] == 0.5).all()
    np.testing.assert_allclose(rows.groupby("onset")["score"].sum(), 1)
    is_day = rows[(rows["event_label"] == "day") & (rows["score"] > 0.5)]
    assert (is_day["onset"].min(), is_day["offset"].max()) == (events["onset"][0], events["offset"].iloc[-1])


def test_labels_that_are_numbers_stay_whole_beside_a_video_without_events():
    localizer = Localizer()
    localizer.classes_, localizer.background_ = np.array([3, 28]), 28
    proba = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])
    localizer.predict_proba = lambda X: proba
    rows = event_rows(localizer, None, pd.DataFrame({"filename": ["a", "b"], "start": 0.0}))
    assert rows["event_label"].map(str).tolist() == ["nan", "3"]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("model.joblib", "got an object of type str: load it with joblib.load"),
        (None, "got an object of type NoneType"),
        (PSPLocalizer(), "got an object of type PSPLocalizer"),
        ((VideoFeatureExtractor(),), "got 1 parts: VideoFeatureExtractor"),
        ((VideoFeatureExtractor(), PSPLocalizer()), "type PSPLocalizer, given as a localizer, is not fitted"),
        (
            (Localizer(), VideoFeatureExtractor()),
            "type Localizer, given as an extractor, is no such thing: it has no tr",
        ),
        (
            (VideoFeatureExtractor(), None),
            "type NoneType, given as a localizer, is no such thing: it has no predict_pr",
        ),
        (Pipeline([("a", VideoFeatureExtractor())]), "got 1 parts: VideoFeatureExtractor"),
    ],
)
def test_what_is_no_model_is_refused_at_once(model, message):
    with pytest.raises(ValueError, match=f"^model must be a fitted pipeline .*{message}"):
        predict_videos(model, ["none.mp4"])


# ---------------------------------------------------------------- file objects
class Stream(io.RawIOBase):
    """Bytes that come a piece at a time, and only once."""

    def __init__(self, data):
        self.rest, self.asked = data, []

    def readable(self):
        return True

    def seekable(self):
        return False

    def read(self, n=-1):
        self.asked.append(n)
        piece, self.rest = self.rest[: min(n, 1000)], self.rest[min(n, 1000) :]
        return piece


def test_file_objects_give_what_their_paths_give_under_their_own_names(folder, extractor):
    data, model = (folder / "long.mp4").read_bytes(), (extractor, Localizer())
    spooled = tempfile.SpooledTemporaryFile()  # what a web framework hands over
    spooled.write(data)
    spooled.seek(0)
    named = io.BytesIO(data)
    named.name = "up/load\n.mp4"
    stream = Stream(data)
    with open(folder / "long.mp4", "rb") as file:
        rows = predict_videos(model, [folder / "dark.mkv", spooled, file, stream, named])
    assert rows["filename"].unique().tolist() == [
        str(folder / "dark.mkv"),
        "video 1",
        "long.mp4",
        "video 3",
        "load\n.mp4",
    ]
    for name in ("video 1", "long.mp4", "video 3", "load\n.mp4"):
        assert found(rows[rows["filename"] == name]) == rows_of(name)
    assert set(stream.asked) == {PIECE}


def test_a_socket_is_read_to_its_end(folder, extractor):
    ours, theirs = socket.socketpair()

    def send():
        with theirs:
            theirs.sendall((folder / "long.mp4").read_bytes())

    sender = threading.Thread(target=send)
    sender.start()
    with ours, ours.makefile("rb") as file:
        assert found(predict_videos((extractor, Localizer()), [file])) == rows_of("video 0")
    sender.join()


def test_a_file_object_is_read_from_where_it_stands(folder, extractor):
    file = io.BytesIO(b"header" + (folder / "long.mp4").read_bytes())
    file.seek(6)
    assert found(predict_videos((extractor, Localizer()), [file])) == rows_of("video 0")
    with pytest.raises(ExtractionError, match=r"^1 of 1 videos cannot be used:\nvideo 0: is empty \(0 bytes\)\.$"):
        predict_videos((extractor, Localizer()), [file])


def test_errors_and_warnings_call_file_objects_by_their_names(folder, extractor, tmp_path):
    """Eleven, so that one path is the begin of no other."""
    bad = [io.BytesIO(f"no video {i}".encode()) for i in range(11)]
    bad[3].name = "\x1b[2J.mp4"
    with pytest.raises(ExtractionError) as caught:
        predict_videos((extractor, Localizer()), bad)
    first, *lines = str(caught.value).split("\n")
    assert first == "11 of 11 videos cannot be used:"
    assert [line.split(": cannot be")[0] for line in lines] == [
        *(f"video {i}" for i in range(3)),
        "\\x1b[2J.mp4",
        *(f"video {i}" for i in range(4, 11)),
    ]
    with (folder / "silent.mp4").open("rb") as silent, pytest.warns(UserWarning) as told:
        rows = predict_videos((extractor, Localizer()), [silent, folder / "dark.mkv"], on_error="skip")
    assert rows["filename"].tolist() == [str(folder / "dark.mkv")]
    assert "1 of 2 videos were skipped:\nsilent.mp4: has no sound" in str(told[0].message)
    assert str(tmp_path) not in str(told[0].message) and told[0].filename == __file__


def test_a_cache_holds_no_copies(folder, extractor, tmp_path):
    model, data = (extractor.set_params(memory=tmp_path / "own"), Localizer()), (folder / "long.mp4").read_bytes()
    predict_videos(model, [io.BytesIO(data)], memory=tmp_path / "cache")
    assert not (tmp_path / "own").exists() and not (tmp_path / "cache").exists()
    assert model[0].memory == tmp_path / "own"


class Broken(io.BytesIO):
    """A connection that is lost after the first piece."""

    name = "upload.mp4"

    def read(self, n=-1):
        if self.tell():
            raise ConnectionResetError(104, "Connection reset by peer")
        return super().read(10)


def test_a_connection_that_is_lost_is_named(extractor):
    with pytest.raises(ConnectionResetError, match="reset by peer, while copied to a temporary file: 'upload.mp4'"):
        predict_videos((extractor, Localizer()), [Broken(b"x" * 100)])


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ("a.mp4", r"got one str: pass \[video\]"),
        (Path("a.mp4"), r"got one PosixPath: pass \[video\]"),
        (io.BytesIO(b"x"), r"got one BytesIO: pass \[video\]"),
        ([], "got an empty list"),
        ([("a.mp4", 1.0)], r"got \('a.mp4', 1.0\)"),
        ([b"bytes of a video"], "got b'bytes of a video'"),
        (pd.DataFrame({"path": ["a.mp4"]}), r"got a DataFrame: pass one of its columns, \['path'\]"),
        (["a.mp4", "b.mp4", "a.mp4"], "different names; two are called 'a.mp4'"),
        ([io.StringIO("text")], "and of binary file objects; got <_io.StringIO"),
    ],
)
def test_what_is_no_list_of_videos_is_refused(extractor, videos, message):
    with pytest.raises(ValueError, match=message):
        predict_videos((extractor, Localizer()), videos)


def test_a_file_that_is_open_for_text_is_refused_before_it_is_read(folder, extractor):
    with open(folder / "dark.mkv") as file, pytest.raises(ValueError, match="of binary file objects; got <_io.TextIO"):
        predict_videos((extractor, Localizer()), [file])
