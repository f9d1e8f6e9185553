"""Standard output and error that take nothing more: the work goes on, and what was predicted is kept."""

import os
import sys

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from test_output import NAMES, Extractor, Localizer

from ave_sklearn.cli import commands, terminal
from ave_sklearn.cli.output import write_rows
from ave_sklearn.datasets import read_events
from ave_sklearn.extraction import predict_videos

full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is wanted")


@pytest.fixture
def rows():
    return predict_videos(Pipeline([("extract", Extractor()), ("localize", Localizer())]), NAMES)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Folder where results are saved that cannot be written."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@full
@pytest.mark.parametrize("format", ["csv", "table", "json"])
def test_events_for_a_full_standard_output_are_saved_elsewhere(rows, saved, monkeypatch, format):
    with (
        pytest.raises(OSError, match="while writing; the result is saved as") as caught,
        open("/dev/full", "w") as file,
    ):
        monkeypatch.setattr(sys, "stdout", file)
        try:
            write_rows(rows, None, format)
        finally:
            monkeypatch.undo()
            with pytest.raises(OSError):  # what its buffer holds
                file.close()
    assert caught.value.filename == "standard output"
    (file,) = saved.glob("ave-sklearn-*.csv")
    assert str(file) in str(caught.value)
    pd.testing.assert_frame_equal(read_events(file), rows.astype({"filename": "str", "event_label": "str"}))


def test_events_for_a_folder_that_is_full_are_saved_elsewhere(rows, saved, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    (saved / "events").mkdir()
    monkeypatch.setattr("ave_sklearn.datasets._event_files._write_folder", fail)
    with pytest.raises(OSError, match="No space left on device, while writing; the result is saved as"):
        write_rows(rows, str(saved / "events"), "vtt")
    (file,) = saved.glob("ave-sklearn-*.csv")
    assert len(read_events(file)) == len(rows)


@full
def test_work_goes_on_when_standard_error_is_full(monkeypatch):
    args = commands.build_parser().parse_args(["score", "m", "--features", "f", "--annotations", "a"])
    with open("/dev/full", "w") as file, terminal.reporting(args):
        monkeypatch.setattr(sys, "stderr", file)
        terminal.say("note", "1 of 2")  # raises nothing
        monkeypatch.undo()
        with pytest.raises(OSError):
            file.close()


@full
def test_an_error_of_standard_output_names_it():
    with open("/dev/full", "w") as file:
        with pytest.raises(OSError) as caught:
            terminal.show("1", file=file)
        with pytest.raises(OSError):
            file.close()
    assert terminal.message_of(caught.value) == "standard output: No space left on device, while writing"


def test_streams_that_are_closed_are_nobody_elses(monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *args: None)
    monkeypatch.setattr(sys, "excepthook", None)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(commands, "main", lambda: (sys.stdout.name, sys.stderr.name))
    with pytest.raises(SystemExit) as caught:
        commands.run()
    sys.stdout.close(), sys.stderr.close()
    assert caught.value.code == (os.devnull, os.devnull)
