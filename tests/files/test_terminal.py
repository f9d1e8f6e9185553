"""What the command line prints: names and labels do not act upon the terminal, nor break its lines."""

import io
import json
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from ave_sklearn._checks import printable
from ave_sklearn.cli import main, terminal
from ave_sklearn.cli.output import format_report, format_rows
from ave_sklearn.datasets import read_events, write_events
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor
from ave_sklearn.metrics import segment_classification_report

CLEAR, TITLE, TURNED, NEXT_LINE = "\x1b[2J", "\x1b]0;title\x07", "\u202egpj", "\u2028"
NASTY = f"{CLEAR}{TITLE}a\nb\r\t{TURNED}{NEXT_LINE}\x9b31m\x00\udcff"


def assert_harmless(text, n_lines=None):
    lines = text.split("\n")
    assert all(line.isprintable() for line in lines), repr(text)
    assert n_lines is None or len(lines) == n_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dog barks (2).mp4", "dog barks (2).mp4"),
        ("Hündin 犬 🐕 C:\\new", "Hündin 犬 🐕 C:\\new"),
        (CLEAR + "x", "\\x1b[2Jx"),
        ("a\nb\r", "a\\nb\\r"),
        (TURNED, "\\u202egpj"),
        ("\x9b\x7f\udcff\U000e0001", "\\x9b\\x7f\\udcff\\U000e0001"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert printable(text) == shown


def table(label="dog", name="a.mp4"):
    return pd.DataFrame(
        {"filename": [name, "b.mp4"], "onset": [0.0, 1.0], "offset": [1.0, 2.0], "event_label": [label, "cat"]}
    ).assign(score=0.5)


@pytest.mark.parametrize("rows", [table(label=NASTY), table(name=NASTY)])
def test_the_table_of_events_has_a_line_an_event(rows):
    text = format_rows(rows)
    assert_harmless(text, n_lines=3)
    assert len({len(line) for line in text.split("\n")}) == 1  # aligned
    assert printable(NASTY) in text


def test_tables_of_scores_have_a_line_a_label():
    y = np.array([[NASTY, "dog"]])
    assert_harmless(format_report(segment_classification_report(y, y)), n_lines=5)


@pytest.mark.parametrize(
    "argv",
    [
        ["predict", NASTY, "a.mp4"],
        ["predict", f"x{CLEAR}\n.joblib", "a.mp4"],
        ["extract", "--weights", "random", "-o", "new", f"{CLEAR}\nx.mp4"],
        ["extract", "-o", f"no\n{CLEAR}/new", "a.mp4"],
        ["extract", "-o", "new", "a.mp4", f"\n{CLEAR}", f"\n{CLEAR}"],
        ["fit", "--features", f"\n{CLEAR}", "--annotations", "e.csv", "-o", "m"],
        ["fit", "--features", "f", "--annotations", "e.csv", "-o", f"\n{CLEAR}/m"],
        ["fit", "--features", "f", "--annotations", "e", "-o", "m", "--network", f"{CLEAR}\n"],
        ["score", NASTY, "--features", "f", "--annotations", "e"],
    ],
)
def test_errors_are_one_harmless_line(argv, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("ave-sklearn: error: ")
    assert_harmless(err, n_lines=3 if "cannot be used:\n  " in err else 2)


def test_an_error_shows_the_name_that_it_is_about(capsys):
    assert main(["predict", f"{CLEAR}a\nb.joblib", "a.mp4"]) == 1
    assert capsys.readouterr().err == "ave-sklearn: error: \\x1b[2Ja\\nb.joblib: No such file or directory\n"


@pytest.mark.parametrize(
    "argv",
    [
        [CLEAR],
        ["extract", "a.mp4", "-o", "new", f"--{CLEAR}"],
        ["extract", "a.mp4", "-o", "new", "--n-segments", f"{CLEAR}\n"],
        ["extract", "a.mp4", "-o", "new", "--weights", f"{CLEAR}\n"],
        ["predict", "m", "a.mp4", "-o", f"{CLEAR}\n"],
        ["fit", "--features", "f", "--annotations", "e", "-o", "m", "--set", f"{CLEAR}\n"],
        ["score", "m", "--features", "f", "--annotations", "e", f"x\n{CLEAR}", TURNED],
    ],
)
def test_usage_errors_are_harmless(argv, capsys):
    with pytest.raises(SystemExit, match="^2$"):
        main(argv)
    err = capsys.readouterr().err
    assert_harmless(err)
    assert "\\x1b" in err.split("\n")[-2]


@pytest.mark.parametrize("message", [f"{CLEAR}a\nb", f"2 videos:\n{CLEAR}a: bad\nb: bad"])
def test_warnings_and_notes_are_harmless_lines(message, capsys, monkeypatch):
    def run(args):
        warnings.warn(message, stacklevel=1)
        terminal.say("note", message)

    monkeypatch.setattr("ave_sklearn.cli.score.run", run)
    assert main(["score", "m", "--features", "f", "--annotations", "e"]) == 0
    err = capsys.readouterr().err
    listed = ":\n" in message
    assert_harmless(err, n_lines=7 if listed else 3)
    assert err.count("\n  \\x1b[2Ja: bad\n  b: bad\n" if listed else "a\\nb\n") == 2


def test_videos_that_cannot_be_used_have_a_line_each(tmp_path):
    names = [str(tmp_path / f"{CLEAR}a\nb.mp4"), str(tmp_path / "c.mp4")]
    with pytest.raises(ExtractionError) as caught:
        VideoFeatureExtractor(weights="random", image_size=32).transform(names)
    assert_harmless(str(caught.value), n_lines=3)


def test_characters_that_the_terminal_lacks_are_escaped(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    monkeypatch.setattr(sys, "stdout", stream)
    terminal.show("犬.mp4", "dog")
    stream.flush()
    assert stream.buffer.getvalue() == b"\\u72ac.mp4\ndog\n"


@pytest.mark.slow
def test_a_traceback_is_harmless():
    command = [sys.executable, "-m", "ave_sklearn", "--traceback", "predict", f"{CLEAR}a.joblib", "a.mp4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert_harmless(done.stderr)
    assert "\\x1b[2Ja.joblib" in done.stderr.split("\n")[-2]


def test_files_keep_their_cells_as_they_are(tmp_path):
    rows = table(label="=1+1", name=f'@SUM(A1)"\n{CLEAR}.mp4')
    write_events(rows, tmp_path / "out.csv")
    pd.testing.assert_frame_equal(read_events(tmp_path / "out.csv"), rows, check_dtype=False)
    write_events(rows, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == rows.to_dict("records")
