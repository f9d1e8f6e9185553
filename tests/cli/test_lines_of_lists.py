"""Rows of event lists that cannot be used with the features are named by their lines in the file."""

import pytest
from test_hold_out import HEADER, NAMES, folder, run  # noqa: F401

from ave_sklearn.datasets import read_events, to_segments

BEGIN = f'{HEADER}\n"{NAMES[0]}",0,1,"two\nlines"\n\n'  # the row behind it begins in line 6


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (f"{NAMES[1]},0,9,dog", " 6: the event ends at 9 s"),
        (f"{NAMES[1]},0,1,background", "background='background' must be the label of segments without"),
        (f"{NAMES[0]},0,1,dog", "s [3, 6]: the segment from 0 to 1 s"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "score"])
def test_rows_are_named_by_their_line(folder, run, row, message, command):  # noqa: F811
    if command == "score":
        assert run("fit", "--quiet")[0] == 0
    (folder / "events.csv").write_text(BEGIN + row + "\n")
    status, _, err = run(command, "--quiet")
    assert status == 1
    assert message in err and f"error: {folder}/events.csv, line" in err


def test_events_that_mark_nothing_are_named_by_their_line(folder, run):  # noqa: F811
    (folder / "events.csv").write_text(f"{BEGIN}{NAMES[1]},0,0.2,dog\n")
    assert "are lost: first " + f"{folder}/events.csv, line 6, 'dog' in" in run("fit", "--quiet")[2]


def test_in_python_rows_are_those_of_the_frame(tmp_path):
    (tmp_path / "a.csv").write_text(f"{HEADER}\na,0,1,dog\n\na,0,9,dog\n")
    events = read_events(tmp_path / "a.csv")
    assert events.index.tolist() == [0, 1] and events.index.name is None
    with pytest.raises(ValueError, match="^events, row 1: the event ends at 9 s"):
        to_segments(events, ["a"], n_segments=2)
