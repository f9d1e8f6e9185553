"""Small files of strangers: tables and settings of feature folders, event lists, models. Errors name the file."""

import io
import json
import pickle
import struct
import tracemalloc
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.cli import main
from ave_sklearn.datasets import read_events, to_segments
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._clips import clip_labels, join_clips
from ave_sklearn.extraction._folders import read_extractor, read_features, read_skipped
from ave_sklearn.extraction._prediction import event_rows

HEADER = "filename,onset,offset,event_label\n"
DEEP = 100_000


@pytest.fixture
def folder(tmp_path):
    """A folder of features of two clips of three segments."""
    for name in ("audio.npy", "visual.npy"):
        np.save(tmp_path / name, np.zeros((2, 3, 4), "f4"))
    (tmp_path / "videos.csv").write_text("filename,start\na.mp4,0.0\na.mp4,3.0\n")
    (tmp_path / "extractor.json").write_text(json.dumps({"n_segments": 3, "weights": "random"}))
    return tmp_path


# ------------------------------------------------------------------ videos.csv
def table(*rows, header="filename,start"):
    return "\n".join([header, *rows, ""]).encode()


ODD_TABLES = [  # what any table of a folder may be
    (b"", "must have the columns"),
    (b'""', "must have the columns"),
    (b"\n\n", "must have the columns"),
    (b"\xff\xfe" + table("a,0").decode().encode("utf-16-le"), "line 1 holds a zero byte"),
    (table("a,0", "b\0,1"), "line 3 holds a zero byte"),
    (table("a,0") + b"\xe9,1\n", "line 3: 'utf-8' codec can't decode byte 0xe9"),
    (table('"a,0', "b,1"), "line 2: the fields cannot be told apart: unexpected end of data"),
    (table('"a"b,0'), "line 2: the fields cannot be told apart"),
    (table("a" * 131_073 + ",0"), r"line 2: the fields cannot be told apart: field larger than field limit"),
    (table("a,0,1"), r"line 2: a row must have 2 fields, \['filename', 'start'\]; got \['a', '0', '1'\]"),
    (table("a"), "line 2: a row must have 2 fields"),
    (table("a" + "," * 100_000), "line 2: a row must have 2 fields"),
    (table(header=",".join(map(str, range(100_000)))), "must have the columns"),
    (table("a,0,b", header="filename,start,filename"), "must have the columns 'filename'.*each once; got"),
    (table("[[" + "[" * DEEP), "line 2"),
]


def assert_refused_by_name(read, place, file, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(place)
    assert str(caught.value).startswith(str(file))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("data", "message"),
    [
        *ODD_TABLES,
        *[
            (table("a,0", f"b,{start}"), f"line 3: 'start' must be whole seconds from 0 to 2592000; got '{start}'")
            for start in (
                "1e10",
                "2592001",
                "-1",
                "nan",
                "inf",
                "-inf",
                "1e400",
                "9" * 50,
                "0.5",
                "True",
                "x",
                "",
                "1_0",
            )
        ],
        (table("a,0", "a,0.0"), "line 3: the clip is that of line 2 again"),
        (table("b/a,0", "./b//a,0.0"), "line 3: the clip is that of line 2 again"),
        (table("a,0", ",3"), "line 3: the clip has no file name"),
        (table("a,0,1", header="filename,start,start"), "must have the columns 'filename' and 'start', each once"),
        (table("a,0"), "names 1 clips, but the arrays have 2 rows"),
    ],
)
def test_a_table_of_clips_is_read_or_refused_by_name_and_line(folder, data, message):
    (folder / "videos.csv").write_bytes(data)
    assert_refused_by_name(read_features, folder, folder / "videos.csv", message)


@pytest.mark.parametrize(("data", "message"), ODD_TABLES)
def test_a_table_of_skipped_videos_is_read_or_refused_by_name(folder, data, message):
    (folder / "skipped.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message) as caught:
        read_skipped(folder)
    assert str(caught.value).startswith(str(folder / "skipped.csv"))


@pytest.mark.parametrize(
    "text", ["\ufefffilename,start\na.mp4,0.0\na.mp4,3.0\n", "start,note,filename\r\n0,x,a.mp4\r\n3e0,y,a.mp4\r\n"]
)
def test_tables_of_other_editors_are_read(folder, text):
    (folder / "videos.csv").write_bytes(text.encode())
    assert read_features(folder)[1].to_dict("list") == {"filename": ["a.mp4", "a.mp4"], "start": [0.0, 3.0]}


def test_names_are_kept_as_they_are(folder):
    names = [' "a"\n,\x1b[2J.mp4 ', "NA"]
    pd.DataFrame({"filename": names, "start": 0.0}).to_csv(folder / "videos.csv", index=False)
    assert read_features(folder)[1]["filename"].tolist() == names


# ---------------------------------------------------------- memory of joined clips
FAR = pd.DataFrame({"filename": ["a", "a", "b"], "start": [0.0, 2_592_000.0, 0.0]})


def peak(call):
    """What a call returns, and the most memory, in bytes, that it took."""
    tracemalloc.start()
    try:
        return call(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_labels_of_clips_that_lie_apart_take_memory_by_the_clips():
    events = pd.DataFrame(
        [("a", 0.0, 2_592_003.0, "dog"), ("b", 1.0, 2.0, "cat")], columns=["filename", "onset", "offset", "event_label"]
    )
    with pytest.warns(UserWarning, match="1 of the events lie in clips that were skipped"):
        y, size = peak(lambda: clip_labels(events, FAR, 3, {"a"}))
    assert y.tolist() == [["dog"] * 3, ["dog"] * 3, ["background", "cat", "background"]]
    assert size < 1e6
    with pytest.raises(ValueError, match="row 0: the event ends at 2.592e\\+06 s, but the features of 'a' end before"):
        clip_labels(events, FAR, 3, set())


@pytest.mark.parametrize(("onset", "offset"), [(0.0, 1e300), (1e300, 1.1e300), (3.0, 1e18), (2.5, 1e10)])
def test_events_of_any_length_take_no_memory(onset, offset):
    events = pd.DataFrame({"filename": ["b"], "onset": [onset], "offset": [offset], "event_label": ["dog"]})

    def refused():
        with pytest.raises(ValueError, match="row 0: the event ends at"):
            clip_labels(events, FAR, 3, set())
        with pytest.raises(ValueError, match="row 0: the event ends at"):
            to_segments(events, ["b"], n_segments=3)

    assert peak(refused)[1] < 1e6


def test_clips_are_joined_in_the_order_of_time_whatever_the_order_of_their_rows():
    clips = pd.DataFrame({"filename": ["b", "a", "b"], "start": [3.0, 0.0, 0.0]})
    joined = [(*found, seconds.tolist()) for *found, seconds in join_clips(np.arange(9).reshape(3, 3), clips)]
    assert joined == [("b", 0, [6, 7, 8, 0, 1, 2]), ("a", 0, [3, 4, 5])]


def test_events_of_clips_that_lie_apart_take_memory_by_the_clips():
    proba = np.eye(2)[[[0, 1, 1], [1, 1, 0], [0, 0, 0]]]
    localizer = SimpleNamespace(predict_proba=lambda X: proba, classes_=np.array(["-", "dog"]), background_="-")
    rows, size = peak(lambda: event_rows(localizer, None, FAR))
    assert rows["onset"].tolist()[:2] == [1.0, 2_592_000.0] and size < 1e6


# --------------------------------------------------------------- extractor.json
def test_what_extract_writes_is_taken_over(folder):
    written = {
        name: value for name, value in VideoFeatureExtractor(n_segments=3, pca_params="/pca.pth").get_params().items()
    }
    for name in ("n_jobs", "memory", "verbose", "on_error", "batch_size", "device", "weights_dir"):
        del written[name]
    (folder / "extractor.json").write_text(json.dumps(written))
    assert (
        read_extractor(folder).get_params() == VideoFeatureExtractor(n_segments=3, pca_params="/pca.pth").get_params()
    )


@pytest.mark.parametrize(
    "name",
    ["memory", "n_jobs", "device", "weights_dir", "verbose", "on_error", "batch_size", "speed", "__class__", "\x1b[2J"],
)
def test_other_parameters_are_refused(folder, name):
    (folder / "extractor.json").write_text(json.dumps({"n_segments": 3, name: None}))
    with pytest.raises(ValueError, match="extractor.json cannot be read as .*: '.*' is none of audio, ") as caught:
        read_extractor(folder)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ('""', "it holds a str; wanted names and values"),
        ("null", "it holds a NoneType"),
        ("[" * DEEP, "recursion|nested"),
        ('{"n_segments": ' * 50_000, "recursion|nested"),
        (" " * 1_000_001, "is larger than 1000000 bytes"),
        ('{"n_segments": "3"}', "'n_segments' parameter of VideoFeatureExtractor must be an int"),
        ('{"n_segments": 3.0}', "n_segments is 3.0; wanted text, a whole number or null"),
        ('{"n_segments": true}', "n_segments is True; wanted text"),
        ('{"n_segments": 1e400}', "n_segments is inf"),
        ('{"n_segments": NaN}', "n_segments is nan"),
        ('{"n_segments": -1}', "'n_segments' parameter"),
        ('{"n_segments": ' + "9" * 5000 + "}", "integer"),
        ('{"n_segments": {"a": 1}}', "n_segments is {'a': 1}"),
        ('{"n_segments": 10000000000}', "the pictures of one clip would take more than 4294967296 bytes"),
        ('{"image_size": 1000000}', "the pictures of one clip would take more"),
        ('{"visual": ["vgg19"]}', "visual is .*; wanted text"),
        ('{"visual": "resnet"}', "'visual' parameter"),
        ('{"visual": "os:"}', "'visual' parameter"),
        ('{"audio": "efficientnet-lite0"}', "'audio' parameter"),
        ('{"visual": "efficientnet-lite0", "preprocessing": "caffe"}', "'caffe' is not for the weights of visual='eff"),
        ('{"segment_seconds": 0.5}', "audio='vggish' takes windows of 0.96 s; segment_seconds=0.5 is shorter"),
        ('{"segment_seconds": 1e400}', "segment_seconds is inf; wanted text, a finite number or null"),
        ('{"hop_seconds": NaN}', "hop_seconds is nan; wanted text, a finite number or null"),
        ('{"hop_seconds": 3e9}', "the sound of one clip would last more than 21600 s"),
        ('{"segment_seconds": 7200, "hop_seconds": 0.1}', "the sound of one clip would last more than 21600 s"),
        ('{"max_damage": true}', "max_damage is True; wanted text, a finite number or null"),
        ('{"preprocessing": null}', "'preprocessing' parameter"),
        ('{"pca_params": 1}', "'pca_params' parameter"),
        ('{"weights": "other"}', "'weights' parameter"),
    ],
)
def test_damaged_settings_are_refused_at_reading(folder, text, message):
    (folder / "extractor.json").write_text(text)
    assert_refused_by_name(read_extractor, folder, folder / "extractor.json", message)


# ------------------------------------------------------------------- event lists
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'""', "list.csv is empty"),
        (b'" "\n', "list.csv is empty"),
        (b"[]", r"line 1: the columns must be"),
        (b'{"filename": "a"}', "line 1: the columns must be"),
        (b'[{"filename": "a", "onset": 0}]', "line 1: the fields cannot be told apart"),
        (b"[" * DEEP, "line 1: the columns must be"),
        (b'"' * (DEEP + 1), "line 1: the fields cannot be told apart"),
        (HEADER.encode("utf-16"), "line 1 holds a zero byte"),
        ((HEADER + "a,0,1,dog\n").encode() + b"\xff,0,1,dog\n", "line 3: 'utf-8' codec"),
        ((HEADER + "a,0,1e400,dog\n").encode(), "line 2: offset must be finite; got inf"),
        ((HEADER + "a,0," + "9" * 5000 + ",dog\n").encode(), "line 2: offset must be finite"),
        ((HEADER + "a,0,NaN,dog\n").encode(), "line 2: offset must be a number; got 'NaN'"),
        ((HEADER + "a," + "x" * DEEP + ",1,dog\n").encode(), "line 2: onset must be a number; got 'xxx"),
        ((HEADER + "a" * 131_073 + ",0,1,dog\n").encode(), "line 2: the fields cannot be told apart"),
        ((HEADER + '"a,0,1,dog\n' + "b,0,1,dog\n" * 9).encode(), "line 2: the fields cannot be told apart"),
        ((HEADER + "a" + "," * DEEP + "\n").encode(), "line 2: a row must have 4 fields"),
        (",".join(map(str, range(DEEP))).encode(), "line 1: the columns must be"),
    ],
)
def test_odd_event_lists_are_refused_by_name_and_line(tmp_path, data, message):
    (tmp_path / "list.csv").write_bytes(data)
    assert_refused_by_name(read_events, tmp_path / "list.csv", tmp_path / "list.csv", message)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("filename", [1], r"row 0: filename must be a name; got \[1\]"),
        ("filename", {"a": 1}, "row 0: filename must be a name"),
        ("onset", {"a": 1}, "row 0: onset must be a number; got {'a': 1}"),
        ("onset", pd.NaT, "row 0: onset is missing"),
        ("offset", 10**400, "row 0: offset must be finite; got inf"),
        ("onset", 1 + 2j, "row 0: onset must be a number"),
        ("event_label", [1], "event_label must hold labels"),
        ("event_label", {}, "event_label must hold labels"),
    ],
)
def test_odd_cells_of_events_are_refused(column, value, message):
    events = pd.DataFrame({"filename": ["a"], "onset": [0.0], "offset": [1.0], "event_label": ["dog"]})
    events[column] = pd.Series([value], dtype=object)
    with pytest.raises(ValueError, match=message):
        to_segments(events, ["a"], n_segments=1)


# ------------------------------------------------------------------------- models
def pickled(*steps):
    return pickle.dumps(Pipeline(list(steps)))


def dumped(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"some text\n",
        b'{"a": 1}',
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"PK\3\4" + bytes(50),
        b"BZh9 is not so",
        b"\xfd7zXZ\0" + bytes(20),
        b"\x80\5\x96" + struct.pack("<Q", 10**12),  # bytes of a terabyte
        b"cno_such_module\nClass\n.",
        b"cave_sklearn\nNoSuchClass\n.",
        b"c\x1b[2J\nClass\n.",
        pickle.dumps({"a": 1}),
        pickle.dumps(None),
        pickle.dumps(PSPLocalizer),
        dumped(np.zeros(3)),
        dumped(Pipeline([("extract", VideoFeatureExtractor()), ("localize", PSPLocalizer())]))[:-20],
        pickled(("extract", VideoFeatureExtractor()), ("localize", PSPLocalizer())),  # not fitted
        pickled(("extract", VideoFeatureExtractor), ("localize", PSPLocalizer)),
        pickled(("extract", VideoFeatureExtractor()), ("localize", LogisticRegression())),
        pickled(("a", 1, 2)),
        pickle.dumps(Pipeline(None)),
    ],
)
def test_what_is_no_model_is_one_line_that_names_it(tmp_path, capsys, data):
    file = tmp_path / "model.joblib"
    file.write_bytes(data)
    assert main(["predict", str(file), "a.mp4"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"ave-sklearn: error: {file} ") and "\x1b" not in err


@pytest.mark.parametrize("device", ["mps", "xpu", "meta", "vulkan", "cuda:99", "", "CPU", "privateuseone"])
def test_a_device_that_is_not_here_is_one_line(folder, capsys, device):
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has it")
    X = AVFeatures(*np.random.default_rng(0).normal(size=(2, 6, 3, 4)))
    with pytest.raises(ValueError, match=f"device is '{device}'"):
        PSPLocalizer(device=device, max_epochs=1).fit(X, [["a", "b", "background"]] * 6)
    (folder / "a.mp4").write_text("no video, but the device is looked at first")
    argv = ["extract", str(folder / "a.mp4"), "-o", str(folder / "new"), "--weights", "random", "--device", device]
    assert main(argv) == 1
    assert f"error: --device is '{device}'" in capsys.readouterr().err
