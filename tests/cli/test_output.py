"""Output of ``ave-sklearn predict``: formats, files, folders, and standard output in a pipe and on a terminal."""

import csv
import io
import json
import os
import pty
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import webvtt
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ave_sklearn import AVFeatures
from ave_sklearn.cli import main
from ave_sklearn.cli.output import format_rows
from ave_sklearn.cli.predict import FORMATS
from ave_sklearn.datasets import read_events
from ave_sklearn.datasets._event_files import SUFFIXES

CLASSES = np.array(["background", "cat", "<dog>\t-->"])
EVENTS = [["110.mp4", 0.0, 2.0, "cat", 0.8], ["000.mp4"], ["202.mp4", 0.0, 1.0, CLASSES[2], 0.8]]
EVENTS += [["202.mp4", 2.0, 3.0, CLASSES[2], 0.8]]
NAMES = ["110.mp4", "000.mp4", "202.mp4"]


class Extractor(BaseEstimator):
    """Features that a path names: the digits are the classes of its three segments; it reads no file."""

    def __init__(self, n_jobs=None, device="auto", on_error="raise", weights_dir=None, verbose=0):
        self.n_segments, self.segment_seconds, self.hop_seconds = 3, 1.0, None
        self.n_jobs, self.device, self.on_error = n_jobs, device, on_error
        self.weights_dir, self.verbose = weights_dir, verbose

    def transform(self, X):
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(error="")
        codes = [[int(digit) for digit in os.path.basename(path)[:3]] for path, _ in X]
        return AVFeatures(*2 * [np.eye(3, dtype="f4")[codes]])


class Localizer(BaseEstimator):
    """Is sure of what the features say to 80 %."""

    classes_, background_ = CLASSES, "background"

    def fit(self, X, y):
        raise NotImplementedError

    def predict_proba(self, X):
        return X.audio * 0.7 + 0.1

    def predict_events(self, X):
        raise NotImplementedError

    def __sklearn_is_fitted__(self):
        return True


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a model."""
    joblib.dump(Pipeline([("extract", Extractor()), ("localize", Localizer())]), tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*argv, names=NAMES):
    return main(["predict", "model", *names, *argv])


def on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def rows_of(text):
    """Rows of CSV, as `EVENTS` has them."""
    header, *rows = csv.reader(io.StringIO(text))
    assert header == ["filename", "onset", "offset", "event_label", "score"]
    numbers = [[row[0], *(float(row[i]) if i != 3 else row[i] for i in range(1, 5) if row[i])] for row in rows]
    return [[round(cell, 6) if isinstance(cell, float) else cell for cell in row] for row in numbers]


# ------------------------------------------------------------ standard output
@pytest.mark.parametrize("argv", [[], ["-o", "-"], ["--format", "csv"], ["-o", "-", "--format", "csv", "--quiet"]])
def test_a_pipe_gets_csv_and_nothing_else(argv, capfd):
    assert predict(*argv) == 0
    out, err = capfd.readouterr()
    assert rows_of(out) == EVENTS and err == ""


def test_a_pipe_gets_json_that_parses(capfd):
    assert predict("--format", "json", "-o", "-") == 0
    records = json.loads(capfd.readouterr().out)
    assert [[value for value in record.values() if value is not None] for record in records] == [
        [cell if not isinstance(cell, float) else pytest.approx(cell) for cell in row] for row in EVENTS
    ]


def test_standard_output_of_python_code_may_take_text_alone(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert predict() == 0
    assert rows_of(sys.stdout.getvalue()) == EVENTS


@pytest.mark.parametrize("argv", [[], ["-o", "-"]])
def test_a_terminal_gets_a_table_whose_titles_are_the_columns(argv, capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    assert predict(*argv) == 0
    assert capsys.readouterr().out.splitlines() == [
        "filename  onset  offset  event_label  score",
        "110.mp4       0       2  cat          0.800",
        "000.mp4       -       -  (none)           -",
        r"202.mp4       0       1  <dog>\t-->   0.800",
        r"202.mp4       2       3  <dog>\t-->   0.800",
    ]


def test_other_formats_on_a_terminal_are_harmless(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    assert predict("--format", "csv") == 0
    assert capsys.readouterr().out.splitlines()[3] == r"202.mp4,0.0,1.0,<dog>\t-->,0.800000011920929"


def test_times_of_a_table_have_their_decimals():
    rows = pd.DataFrame([("a", 14400.64, 1234567.125, "x", 1.0)], columns=["filename", *"xyz", "score"])
    rows.columns = ["filename", "onset", "offset", "event_label", "score"]
    assert format_rows(rows).splitlines()[1].split() == ["a", "14400.64", "1234567.125", "x", "1.000"]


# ------------------------------------------------------------ files and folders
@pytest.mark.parametrize(("name", "format"), [("out.CSV", None), ("out", "csv"), ("out.json", "csv")])
def test_a_file_gets_the_events_and_standard_output_nothing(name, format, capfd):
    assert predict("-o", name, *(["--format", format] if format else [])) == 0
    assert capfd.readouterr() == ("", "")
    assert len(read_events(name)) == 4


def test_with_a_file_the_table_is_for_terminals_and_not_under_quiet(capsys, monkeypatch):
    on_a_terminal(monkeypatch)
    assert predict("-o", "out.csv") == 0
    assert capsys.readouterr().out.startswith("filename  onset")
    assert predict("-o", "out.csv", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert predict("-o", "out.table", "--format", "table", "--quiet") == 0
    with open("out.table", encoding="utf-8") as file:
        assert file.readline() == "filename  onset  offset  event_label  score\n"


@pytest.mark.parametrize("output", ["there", "new/"])
def test_a_folder_gets_subtitles_that_a_library_reads(folder, output):
    (folder / "there").mkdir()
    names = ["day1/202.mp4", "day2/202.mp4", "110.mp4", "000.mp4"]
    assert predict("-o", output, "--format", "vtt", names=names) == 0
    files = {path.name: webvtt.read(path) for path in (folder / output).iterdir()}
    assert {name: len(cues) for name, cues in files.items()} == {
        "day1_202.mp4.vtt": 2,
        "day2_202.mp4.vtt": 2,
        "110.vtt": 1,
        "000.vtt": 0,
    }
    cue = files["day1_202.mp4.vtt"][1]
    assert (cue.start, cue.end, cue.raw_text) == ("00:00:02.000", "00:00:03.000", "&lt;dog&gt; --&gt;")


def test_one_video_is_a_file_or_a_stream_of_subtitles(capfd):
    for format in ("srt", "audacity", "vtt"):
        assert predict("-o", f"one{SUFFIXES[format]}", names=["202.mp4"]) == 0
        assert predict("--format", format, names=["202.mp4"]) == 0
        with open(f"one{SUFFIXES[format]}", encoding="utf-8") as file:
            assert capfd.readouterr().out == file.read()
    assert [cue.raw_text for cue in webvtt.from_srt("one.srt")] == ["‹dog› --›"] * 2


# -------------------------------------------------------------- probabilities
@pytest.mark.parametrize("name", ["all.csv", "all.json"])
def test_probabilities_have_a_row_for_each_second_and_class(name):
    assert predict("--probabilities", "-o", name) == 0
    rows = read_events(name) if name.endswith("csv") else pd.DataFrame(json.load(open(name, encoding="utf-8")))
    assert rows["filename"].tolist() == np.repeat(NAMES, 9).tolist()
    assert rows["onset"].tolist() == 3 * np.repeat([0.0, 1.0, 2.0], 3).tolist()
    assert rows["offset"].tolist() == (rows["onset"] + 1).tolist()
    assert rows["event_label"].tolist() == 9 * CLASSES.tolist()
    best = [[int(digit) for digit in name[:3]] for name in NAMES]
    np.testing.assert_allclose(rows["score"].to_numpy().reshape(3, 3, 3), np.eye(3)[best] * 0.7 + 0.1, rtol=1e-6)


# -------------------------------------------------------------- what is refused
@pytest.fixture
def no_work(monkeypatch):
    """Let nothing slow begin."""

    def work(*args, **kwargs):
        raise AssertionError("the work began")

    monkeypatch.setattr("ave_sklearn.cli.predict.load_model", work)


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "xml"], "argument --format: invalid choice: 'xml'"),
        (["-o", "out.xyz"], "argument -o/--output: 'out.xyz' must end in one of .csv, .json, .vtt, .srt, .txt, or"),
        (["-o", "out"], "argument -o/--output: 'out' must end in one of .csv"),
        (["-o", "new/"], "argument -o/--output: 'new/' must end in one of .csv"),
        (["-o", ""], "argument -o/--output: '' must end in one of .csv"),
        (["--probabilities", "--format", "vtt"], "argument --probabilities: not allowed with the format vtt"),
        (["--probabilities", "-o", "out.srt"], "argument --probabilities: not allowed with the format srt"),
        (["--probabilities", "-o", "out.txt"], "argument --probabilities: not allowed with the format audacity"),
    ],
)
def test_formats_that_cannot_be_are_usage_errors(argv, message, capsys, folder):
    with pytest.raises(SystemExit, match="^2$"):
        predict(*argv)
    out, err = capsys.readouterr()
    assert out == "" and message in err
    assert os.listdir(folder) == ["model"]


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "vtt"], "standard output cannot hold the events of 3 videos as vtt, which is of one video: give"),
        (["-o", "out.srt"], "the file out.srt cannot hold the events of 3 videos as srt, which is of one video"),
        (["-o", "out", "--format", "audacity"], "the file out cannot hold the events of 3 videos as audacity"),
        (["-o", "dir", "--format", "csv"], "dir is a folder; the name of a file is wanted."),
        (["-o", "dir", "--format", "table"], "dir is a folder; the name of a file is wanted."),
        (["-o", "none/out.csv"], "the folder none is not there, so out.csv cannot be made in it."),
        (["-o", "none/out/", "--format", "srt"], "the folder none is not there, so out cannot be made in it."),
        (["-o", "pipe", "--format", "csv"], "pipe is no regular file, not a file for events"),
        (["-o", "pipe", "--format", "table"], "pipe is no regular file, not a file for events"),
    ],
)
def test_outputs_that_cannot_be_are_found_before_the_work(argv, message, capsys, folder):
    (folder / "dir").mkdir()
    os.mkfifo("pipe")
    assert predict(*argv) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"ave-sklearn: error: {message}") and err.count("\n") == 1
    assert sorted(os.listdir()) == ["dir", "model", "pipe"]


@pytest.mark.usefixtures("no_work")
def test_files_of_one_name_in_a_folder_are_found_before_the_work(capsys):
    assert predict("-o", "dir/", "--format", "vtt", names=["x/110.mp4", "y/110.mp4", "x_110.mp4.mp4"]) == 1
    assert (
        "files of the videos 'x/110.mp4' and 'x_110.mp4.mp4' would both be named x_110.mp4.vtt"
        in capsys.readouterr().err
    )
    assert os.listdir() == ["model"]


def test_the_formats_of_the_command_are_those_of_python():
    assert FORMATS == ("table", *SUFFIXES)


# -------------------------------------------------------------- as a process
COMMAND = "import sys, test_output; from ave_sklearn.cli import run; run()"


def process(*argv, stdout=subprocess.PIPE, **variables):
    path = os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", COMMAND, "predict", "model", *NAMES, *argv]
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, check=True)


@pytest.mark.slow
def test_the_bytes_of_a_pipe_are_those_of_a_file_whatever_its_encoding(folder):
    os.rename("model", "odd")
    localizer = Localizer()
    localizer.classes_ = np.array(["background", "犬", "dog\r"])
    joblib.dump(Pipeline([("extract", Extractor()), ("localize", localizer)]), "model")
    done = process(PYTHONIOENCODING="ascii")
    process("-o", "out.csv")
    assert done.stdout == (folder / "out.csv").read_bytes() and "犬".encode() in done.stdout


@pytest.mark.slow
def test_a_real_terminal_gets_a_table():
    ours, theirs = pty.openpty()
    process(stdout=theirs)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:
        assert terminal.read(1000).startswith(b"filename  onset  offset  event_label  score\r\n110.mp4       0 ")
