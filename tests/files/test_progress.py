"""Progress of long work: a bar where it can be redrawn, lines elsewhere, and to the logger of the package."""

import logging
import os
import re
import select
from contextlib import contextmanager, redirect_stderr

import pytest

from ave_sklearn import _progress
from ave_sklearn._progress import Progress, progress, telling_time, without_bars

LINE = re.compile(r"clip (\d+) of (\d+): \d\d:\d\d elapsed(, \d\d:\d\d left)?")


def counts(text):
    """The counts of all lines, each of which must be one of progress."""
    lines = [LINE.fullmatch(line) for line in text.splitlines()]
    assert all(lines), text
    return [int(line[1]) for line in lines]


@contextmanager
def terminal():
    """Make standard error a terminal, and yield a function that reads what it was given."""
    ours, theirs = pytest.importorskip("pty").openpty()
    pytest.importorskip("termios").tcsetwinsize(ours, (24, 80))
    with os.fdopen(theirs, "w") as stream, redirect_stderr(stream):

        def read():
            stream.flush()
            parts = []
            while select.select([ours], [], [], 0.1)[0]:
                parts.append(os.read(ours, 10_000))
            return b"".join(parts).decode()

        yield read
    os.close(ours)


@pytest.fixture
def log(monkeypatch):
    """Records that the logger of the package gets."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("ave_sklearn")
    monkeypatch.setattr(logger, "level", logging.INFO)
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.manager._clear_cache()
    yield records
    logger.manager._clear_cache()


@pytest.mark.parametrize(("total", "n_lines"), [(1, 2), (3, 4), (20, 21), (47, 22), (60, 22), (10_000, 22)])
def test_a_pipe_gets_about_twenty_lines_for_any_number(capsys, total, n_lines):
    assert list(progress(range(total), total, "clip")) == list(range(total))
    out, err = capsys.readouterr()
    told = counts(err)
    assert out == "" and "\r" not in err
    assert told[:2] == [0, 1] and told[-1] == total and len(told) == n_lines
    assert max(b - a for a, b in zip(told, told[1:], strict=False)) <= max(1, -(-total // 20))


def test_what_was_done_before_is_counted_and_takes_no_time(capsys, monkeypatch):
    seconds = iter([0.0, 0.0, 30.0, 90.0, 120.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(seconds))
    assert list(progress("abc", 60, "clip", initial=57)) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines() == [
        "clip 57 of 60: 00:00 elapsed",
        "clip 58 of 60: 00:30 elapsed, 01:00 left",
        "clip 60 of 60: 01:30 elapsed, 00:00 left",
    ]


@pytest.mark.parametrize("initial", [0, 4])
def test_a_work_of_nothing_has_one_line(capsys, initial):
    assert list(progress([], initial, "clip", initial=initial)) == []
    assert counts(capsys.readouterr().err) == [initial]


def test_an_interrupted_work_says_how_far_it_came(capsys):
    with pytest.raises(KeyboardInterrupt):
        for number in progress(range(100), 100, "clip"):
            if number == 38:
                raise KeyboardInterrupt
    assert counts(capsys.readouterr().err) == [0, 1, 5, 10, 15, 20, 25, 30, 35, 38]


def test_nothing_is_shown_without_verbose(capfd, log):
    assert list(progress("ab", 2, "clip", verbose=0)) == ["a", "b"]
    assert capfd.readouterr() == ("", "") and log == []


def test_what_is_said_of_an_item_is_in_its_line(capsys):
    with Progress(2, "epoch") as shown:
        shown.advance("loss 0.5")
        shown.advance()
    first, second = (line.partition(": ")[2] for line in capsys.readouterr().err.splitlines()[1:])
    assert first.startswith("loss 0.5, 00:0") and second.startswith("00:0")


def test_a_terminal_gets_a_bar_and_no_lines():
    with terminal() as read:
        list(progress(range(60), 60, "clip"))
        shown = read()
    assert "60/60" in shown and "\r" in shown and "clip 60 of 60" not in shown


def test_a_terminal_without_bars_gets_lines():
    with terminal() as read, without_bars():
        list(progress(range(3), 3, "clip"))
        assert counts(read()) == [0, 1, 2, 3]


def test_the_logger_gets_the_lines_if_it_has_handlers(capfd, log):
    list(progress(range(3), 3, "clip"))
    assert [LINE.fullmatch(record.getMessage())[1] for record in log] == ["0", "1", "2", "3"]
    assert {record.levelno for record in log} == {logging.INFO}
    assert not any(hasattr(record, "behind_bar") for record in log)
    assert capfd.readouterr() == ("", "")


def test_the_logger_gets_lines_beside_a_bar_that_say_so(log):
    with terminal() as read:
        list(progress(range(3), 3, "clip"))
        assert "3/3" in read()
    assert [record.behind_bar for record in log] == [True] * 4


def test_a_logger_that_takes_no_information_leaves_the_lines_to_standard_error(capsys, log, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ave_sklearn"), "level", logging.WARNING)
    list(progress(range(1), 1, "clip"))
    assert log == [] and counts(capsys.readouterr().err) == [0, 1]


def test_the_time_of_a_part_is_for_those_who_want_details(log, monkeypatch):
    def work():
        with telling_time("a.mp4 from 10 s"):
            pass

    work()
    assert log == []
    monkeypatch.setattr(logging.getLogger("ave_sklearn"), "level", logging.DEBUG)
    logging.getLogger("ave_sklearn").manager._clear_cache()
    work()
    assert [record.getMessage() for record in log] == ["a.mp4 from 10 s: 0.00 s"]
    with pytest.raises(OSError, match="bad"), telling_time("b.mp4"):
        raise OSError("bad")
    assert len(log) == 1
