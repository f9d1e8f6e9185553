"""Event lists written: read back, and by the readers of others."""

import html
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st

from ave_sklearn.datasets import read_events, to_events, to_segments, write_events
from ave_sklearn.datasets._event_files import OF_ONE_VIDEO, SUFFIXES

COLUMNS = ["filename", "onset", "offset", "event_label", "score"]
TWO = [("day1/a.mp4", 1.0, 3.5, "dog", 0.75), ("b.mp4", None, None, None, None), ("day1/a.mp4", 0.0, 1.0, "cat", 0.5)]


def events_of(*rows):
    return pd.DataFrame(rows, columns=COLUMNS).astype({"onset": float, "offset": float, "score": float})


def one(*labels, at=0.0, step=1.0):
    return events_of(*[("a.mp4", at + step * i, at + step * (i + 1), label, 0.5) for i, label in enumerate(labels)])


def written(events, format):
    file = io.StringIO()
    write_events(events, file, format=format)
    return file.getvalue()


# ----------------------------------------------------------------- CSV and JSON
def test_csv_is_read_back_equal(tmp_path):
    events = events_of(*TWO, ('=1+1,\t"x";', 1e5, 100000.123456789, 'a "b", c;\td', 1 / 3), ("犬.mp4", 0, 0.1, "é", 0))
    write_events(events, tmp_path / "out.CSV")
    again = read_events(tmp_path / "out.CSV")
    pd.testing.assert_frame_equal(again, events, check_dtype=False)
    assert os.listdir(tmp_path) == ["out.CSV"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).map(str.strip), min_size=1))
def test_any_label_and_name_is_read_back(tmp_path_factory, texts):
    texts = [text or "x" for text in texts]
    events = events_of(*[(text, 0.0, 1.0, text, 0.5) for text in texts])
    file = tmp_path_factory.getbasetemp() / "any.csv"
    write_events(events, file)
    assert read_events(file)["event_label"].tolist() == read_events(file)["filename"].tolist() == texts


def test_json_has_a_record_a_row_and_null_for_what_is_missing(tmp_path):
    write_events(events_of(*TWO), tmp_path / "out.json")
    records = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert [tuple(record.values()) for record in records] == TWO
    assert list(records[1]) == COLUMNS


def test_older_names_are_written_as_the_new_ones_and_columns_have_their_order():
    events = events_of(*TWO)[COLUMNS[::-1]].rename(columns={"filename": "video", "score": "probability"})
    assert written(events, "csv") == written(events_of(*TWO), "csv")
    assert written(events, "csv").startswith("filename,onset,offset,event_label,score\nday1/a.mp4,1.0,3.5,dog,0.75\n")


def test_labels_and_names_may_be_numbers_and_paths():
    events = to_events([[28, 3, 3]], [Path("x", "a.mp4")], background=28)
    assert json.loads(written(events, "json")) == [
        {"filename": str(Path("x/a.mp4")), "onset": 1.0, "offset": 3.0, "event_label": 3}
    ]
    assert written(events, "audacity") == "1.000000\t3.000000\t3\n"
    assert written(to_events([[28, 3, 3]], background=28), "csv").splitlines()[1] == "0,1.0,3.0,3"


def test_what_was_predicted_comes_back_as_the_same_segments(tmp_path):
    y = np.random.default_rng(0).choice(["background", "cat", "dog"], (20, 7))
    names = [f"{number}.mp4" for number in range(20)]
    write_events(to_events(y, names, hop_seconds=0.32), tmp_path / "events.csv")
    again = to_segments(read_events(tmp_path / "events.csv"), names, n_segments=7, hop_seconds=0.32)
    np.testing.assert_array_equal(again, y)


# ----------------------------------------------------------- formats of one video
LABELS = ["a <b>x</b> & y --> z", "two\nlines\r\nand\ta tab", "{\\an8}top", "NOTE", "\x1b[2J\x00", "1", "<c.red>犬"]
CUE = "\n00:00:0{}.000 --> 00:00:0{}.000\n{}\n"


def test_vtt_is_read_by_a_library_and_its_labels_are_text():
    text = written(one(*LABELS), "vtt")
    cues = webvtt.from_string(text)
    assert [html.unescape(cue.raw_text) for cue in cues] == [
        "a <b>x</b> & y --> z",
        "two lines and a tab",
        "{\\an8}top",
        "NOTE",
        "[2J",
        "1",
        "<c.red>犬",
    ]
    assert [(cue.start_in_seconds, cue.end_in_seconds) for cue in cues] == [(i, i + 1) for i in range(len(LABELS))]
    assert not any(char in cue.raw_text for cue in cues for char in "<>")
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na &lt;b&gt;x&lt;/b&gt; &amp; y --&gt; z\n")


def test_srt_is_read_by_a_library_and_its_labels_are_no_markup(tmp_path):
    write_events(one(*LABELS), tmp_path / "out.srt")
    cues = webvtt.from_srt(tmp_path / "out.srt")
    assert [cue.raw_text for cue in cues] == [
        "a ‹b›x‹/b› & y --› z",
        "two lines and a tab",
        "(\\an8)top",
        "NOTE",
        "[2J",
        "1",
        "‹c.red›犬",
    ]
    assert (tmp_path / "out.srt").read_text(encoding="utf-8").startswith("1\n00:00:00,000 --> 00:00:01,000\na ‹b›")


def test_labels_of_audacity_have_six_decimals_and_three_fields(tmp_path):
    write_events(one(*LABELS, at=0.1, step=1 / 3), tmp_path / "labels.txt")
    rows = [line.split("\t") for line in (tmp_path / "labels.txt").read_text(encoding="utf-8").splitlines()]
    assert rows[1] == ["0.433333", "0.766667", "two lines and a tab"]
    assert rows[0][2] == LABELS[0] and {len(row) for row in rows} == {3}


@pytest.mark.parametrize(
    ("onset", "offset", "times"),
    [
        (0.0004, 0.0006, "00:00:00.000 --> 00:00:00.001"),
        (59.9996, 60.0, "00:01:00.000 --> 00:01:00.001"),
        (3599.9994, 3600.5, "00:59:59.999 --> 01:00:00.500"),
        (359_999.5, 360_000.25, "99:59:59.500 --> 100:00:00.250"),
        (3_600_000.0, 1e9, "1000:00:00.000 --> 277777:46:40.000"),
        (0.1 + 0.2, 0.96 * 3, "00:00:00.300 --> 00:00:02.880"),
    ],
)
def test_times_are_whole_milliseconds_of_any_number_of_hours(onset, offset, times):
    events = events_of(("a", onset, offset, "dog", 0.5))
    assert written(events, "vtt").splitlines()[2] == times
    assert written(events, "srt").splitlines()[1] == times.replace(".", ",")
    (cue,) = webvtt.from_string(written(events, "vtt"))
    assert cue.start_in_seconds <= cue.end_in_seconds


def test_one_video_is_in_the_order_of_time_without_scores_and_rows_without_events():
    events = events_of(("a", 5.0, 6.0, "dog", 0.5), ("a", None, None, None, None), ("a", 0.0, 5.0, "cat", 0.5))
    assert written(events, "vtt") == "WEBVTT\n" + CUE.format(0, 5, "cat") + CUE.format(5, 6, "dog")
    quiet = events[1:2]
    assert [written(quiet, name) for name in OF_ONE_VIDEO] == ["WEBVTT\n", "", ""]
    assert list(webvtt.from_string(written(quiet, "vtt"))) == []


# ------------------------------------------------------------------------ folders
@pytest.mark.parametrize("format", OF_ONE_VIDEO)
@pytest.mark.parametrize("name", ["there", "new/"])
def test_several_videos_are_files_in_a_folder(tmp_path, format, name):
    (tmp_path / "there").mkdir()
    write_events(events_of(*TWO), f"{tmp_path}/{name}", format=format)
    folder, suffix = tmp_path / name, SUFFIXES[format]
    assert sorted(os.listdir(folder)) == [f"a{suffix}", f"b{suffix}"]
    events = events_of(*TWO)
    assert (folder / f"a{suffix}").read_text() == written(events[events["filename"] == "day1/a.mp4"], format)
    assert (folder / f"b{suffix}").read_text() == written(events[1:2], format)


@pytest.mark.parametrize(
    ("videos", "files"),
    [
        (["a.mp4", "x/b.mp4", "/abs/c.tar.gz"], ["a", "b", "c.tar"]),
        (["a.mp4", "a.avi", "b.mp4"], ["a.mp4", "a.avi", "b"]),
        (["d1/a.mp4", "d2/a.mp4", "a.avi"], ["d1_a.mp4", "d2_a.mp4", "a.avi"]),
        (["A.mp4", "a.mkv"], ["A.mp4", "a.mkv"]),
        (["../../a.mp4", "..", "x\\y:z?.mp4", "/", "c\n.mp4"], ["a", "..", "y_z_", "video", "c_"]),
        (["caf\u00e9.mp4", "cafe\u0301.avi"], ["caf\u00e9.mp4", "cafe\u0301.avi"]),
        (["a", "a.mp4"], ["a", "a.mp4"]),
        (["a.mp4", "A.mp4"], None),
        (["d/a.mp4", "d_a.mp4", "e/a.mp4", "d_a.mp4.mkv"], None),
    ],
)
def test_files_are_named_by_the_videos_and_none_hides_another(tmp_path, videos, files):
    events = events_of(*[(video, 0.0, 1.0 + i, "dog", 0.5) for i, video in enumerate(videos)])
    if files is None:
        with pytest.raises(ValueError, match="the files of the videos .* and .* would both be named"):
            write_events(events, tmp_path, format="vtt")
        assert os.listdir(tmp_path) == []
        return
    write_events(events, tmp_path, format="vtt")
    found = {path.name: path.read_text().split("--> ")[1][:8] for path in tmp_path.iterdir()}
    assert found == {f"{name}.vtt": f"00:00:0{i + 1}" for i, name in enumerate(files)}


def test_a_folder_gets_all_files_or_none(tmp_path, monkeypatch):
    (tmp_path / "a.vtt").write_text("old")
    (tmp_path / "b.vtt").mkdir()
    with pytest.raises(ValueError, match=r"b\.vtt is a folder, not a file for events"):
        write_events(events_of(*TWO), tmp_path, format="vtt")
    (tmp_path / "b.vtt").rmdir()
    calls = []

    def full(path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("ave_sklearn.datasets._event_files.flush", full)
    with pytest.raises(OSError, match="No space left on device, while writing"):
        write_events(events_of(*TWO), tmp_path, format="vtt")
    assert os.listdir(tmp_path) == ["a.vtt"] and (tmp_path / "a.vtt").read_text() == "old"


# -------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("name", "format", "error", "message"),
    [
        (
            "out.xyz",
            None,
            ValueError,
            "'.*out.xyz' must end in one of .csv, .json, .vtt, .srt, .txt, or a format be gi",
        ),
        ("out", None, ValueError, "'.*out' must end in one of .csv"),
        (
            "out.csv",
            "xml",
            ValueError,
            "format must be one of 'csv', 'json', 'vtt', 'srt', 'audacity', or None; got 'xml'",
        ),
        ("out.csv", 3, ValueError, "format must be one of .* got 3"),
        (
            "out.vtt",
            None,
            ValueError,
            "out.vtt cannot hold the events of 2 videos as vtt, which is of one video: give a",
        ),
        ("out", "srt", ValueError, "out cannot hold the events of 2 videos as srt"),
        ("dir", "csv", IsADirectoryError, "dir is a folder; the name of a file is wanted"),
        ("new/", "json", IsADirectoryError, "new/ is a folder; the name of a file is wanted"),
        ("none/out.csv", None, FileNotFoundError, "the folder .*none is not there, so out.csv cannot be made in it"),
        ("none/new/", "vtt", FileNotFoundError, "the folder .*none is not there, so new cannot be made in it"),
        ("pipe", "csv", ValueError, "pipe is no regular file, not a file for events"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path, name, format, error, message):
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(error, match=message):
        write_events(events_of(*TWO), f"{tmp_path}/{name}", format=format)
    assert sorted(os.listdir(tmp_path)) == ["dir", "pipe"] and os.listdir(tmp_path / "dir") == []


@pytest.mark.parametrize("format", SUFFIXES)
def test_what_is_no_event_or_no_text_leaves_the_old_file(tmp_path, format):
    file = tmp_path / "out"
    file.write_text("old")
    for bad, message in [
        (one("dog").assign(offset=0.0), "row 0: the event must end after its onset"),
        (one("dog").drop(columns="onset"), "the columns must be"),
        (one("dog\udcff").assign(filename="\udcff"), "cannot be written in UTF-8"),
        ("a,0,1,dog", "events must be a DataFrame"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_events(bad, file, format=format)
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["out"]


def test_open_files_are_of_text_and_say_their_format(tmp_path):
    with open(tmp_path / "a.vtt", "w", encoding="utf-8") as file:
        write_events(one("dog"), file)
    assert (tmp_path / "a.vtt").read_text() == "WEBVTT\n" + CUE.format(0, 1, "dog")
    with pytest.raises(ValueError, match="'' must end in one of"):
        write_events(one("dog"), io.StringIO())
    with pytest.raises(ValueError, match="an open file cannot hold the events of 2 videos as srt"):
        write_events(events_of(*TWO), io.StringIO(), format="srt")
    raw = io.BytesIO()
    with pytest.raises(ValueError, match="file must be open for text; got a BytesIO that takes bytes"):
        write_events(one("dog"), raw, format="csv")
    assert raw.getvalue() == b""


@pytest.mark.slow
def test_a_disk_that_is_full_leaves_the_old_file(tmp_path):
    """A limit of the process stands in for the disk."""
    (tmp_path / "out.csv").write_text("old")
    code = (
        "import pandas as pd, resource, signal, sys; from ave_sklearn.datasets import write_events\n"
        "events = pd.DataFrame({'filename': ['a'], 'onset': [0.0], 'offset': [1.0], 'event_label': ['x' * 100_000]})\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n"
        "try:\n    write_events(events, sys.argv[1])\nexcept OSError as error:\n    print(error.filename)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "out.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'out.csv'}\n"
    assert os.listdir(tmp_path) == ["out.csv"] and (tmp_path / "out.csv").read_text() == "old"
