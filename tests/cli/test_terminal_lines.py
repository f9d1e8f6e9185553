"""What the command line says, to whom: a terminal or a pipe, the log file, quiet and verbose."""

import logging
import os
import re
import sys
import warnings

import pytest

from ave_sklearn._progress import progress
from ave_sklearn.cli import main, terminal

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")
ARGV = ["score", "m", "--features", "f", "--annotations", "e"]


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run `score` with another work, and return the exit code and the lines of the log file without their times."""

    def run(work, *argv):
        monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: work())
        file = tmp_path / "log.txt"
        status = main([*ARGV, "--log-file", str(file), *argv])
        lines = file.read_text().splitlines() if file.exists() else []
        assert all(STAMP.match(line) and line.isprintable() for line in lines)
        return status, [line[20:] for line in lines]

    return run


def prefix(kind):
    return "" if kind == "detail" else f"{kind}: "


def speak():
    for kind in ("detail", "note", "warning", "error"):
        terminal.say(kind, f"a {kind}")
    warnings.warn("of a library", DeprecationWarning, stacklevel=1)
    logging.getLogger("library.part").warning("said %s", "so")
    logging.getLogger("library.part").info("not said")


@pytest.mark.parametrize(
    ("argv", "kinds"),
    [([], "note warning error"), (["-v"], "detail note warning error"), (["--quiet"], "warning error")],
)
def test_the_terminal_gets_as_much_as_is_wanted(run, capsys, argv, kinds):
    assert run(speak, *argv)[0] == 0
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if not re.match("ave-sklearn: (ave-sklearn|exit code|in the)", line)]
    said = [f"ave-sklearn: {prefix(kind)}a {kind}" for kind in kinds.split()]
    library = ["ave-sklearn: warning: of a library", "ave-sklearn: warning: library.part: said so"]
    assert (out, lines) == ("", said + library)


@pytest.mark.parametrize(("argv", "kinds"), [([], "note"), (["-v"], "detail note"), (["--quiet"], "note")])
def test_the_log_file_has_the_command_what_was_said_and_the_end(run, argv, kinds):
    _, (begin, *lines, end) = run(speak, *argv)
    assert re.fullmatch(r"ave-sklearn \S+: score m --features f --annotations e --log-file \S+.*", begin)
    assert re.fullmatch(r"exit code 0 after \d+\.\d s", end)
    if argv == ["-v"]:
        assert re.match(rf"in the folder {os.getcwd()}, with Python 3.*, scikit-learn \d.*torch \d", lines.pop(0))
    said = [f"{prefix(kind)}a {kind}" for kind in [*kinds.split(), "warning", "error"]]
    assert lines == [*said, "warning: of a library", "warning: library.part: said so"]


def test_the_log_file_is_added_to(run, tmp_path):
    (tmp_path / "log.txt").write_text("2026-01-01 00:00:00 before\n")
    run(lambda: None)
    _, lines = run(lambda: None)
    assert lines[0] == "before" and [line.split()[0] for line in lines[1:]] == ["ave-sklearn", "exit"] * 2


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_the_log_file_has_the_lines_of_progress(run, capsys, quiet):
    status, lines = run(lambda: list(progress(range(40), 40, "clip")), *quiet)
    counted = [line for line in lines if line.startswith("clip ")]
    assert len(counted) == 22 and counted[-1].startswith("clip 40 of 40: 00:0")
    assert capsys.readouterr().err.count("ave-sklearn: clip ") == (0 if quiet else 22)


def test_a_bar_leaves_its_lines_to_the_log_file(run, capsys, monkeypatch):
    def work():
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        list(progress(range(3), 3, "clip"))
        terminal.say("note", "a note")

    _, lines = run(work)
    err = capsys.readouterr().err
    assert [line for line in lines if line.startswith("clip 3 of 3: ")]
    assert "3/3" in err and "clip 3 of 3" not in err and err.endswith("\nave-sklearn: note: a note\n")
    monkeypatch.undo()


def test_quiet_shows_no_bar_where_the_log_file_has_progress(run, capsys, monkeypatch):
    def work():
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        list(progress(range(3), 3, "clip"))

    _, lines = run(work, "--quiet")
    assert [line for line in lines if line.startswith("clip 3 of 3: ")] and capsys.readouterr().err == ""


def test_lists_have_ten_lines_and_are_whole_in_the_log_file(run, capsys):
    def work():
        raise ValueError("\n".join(["30 of 40 videos cannot be used:", *(f"{n}.mp4: \x1b[2J" for n in range(30))]))

    status, lines = run(work)
    shown = capsys.readouterr().err.splitlines()
    wanted = ["  0.mp4: \\x1b[2J", *(f"  {n}.mp4: \\x1b[2J" for n in range(1, 10)), "  ... and 20 more"]
    assert (status, shown) == (1, ["ave-sklearn: error: 30 of 40 videos cannot be used:", *wanted])
    everything = [f"  {n}.mp4: \\x1b[2J" for n in range(30)]
    assert lines[1:-1] == ["error: 30 of 40 videos cannot be used:", *everything]


@pytest.mark.parametrize("items", [10, 11])
def test_a_list_that_was_cut_is_not_cut_again(capsys, items, run):
    more = ["... and 5 more"] * (items == 11)
    run(lambda: terminal.say("warning", "\n".join(["15:", *("a" for _ in range(10)), *more])))
    assert capsys.readouterr().err.splitlines() == [
        "ave-sklearn: warning: 15:",
        *["  a"] * 10,
        *(f"  {m}" for m in more),
    ]


@pytest.mark.parametrize("traceback", [False, True])
def test_the_traceback_of_an_unexpected_error_is_in_the_log_file(run, capsys, monkeypatch, tmp_path, traceback):
    def work():
        raise (ValueError if traceback else RuntimeError)("a bug\x1b")

    monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: work())
    argv = [*["--traceback"] * traceback, *ARGV, "--log-file", str(tmp_path / "log.txt")]
    with pytest.raises((RuntimeError, ValueError), match="a bug"):
        main(argv)
    lines = [line[20:] for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert lines[1] == "traceback: Traceback (most recent call last):"
    assert lines[-1] == f"  {'ValueError' if traceback else 'RuntimeError'}: a bug\\x1b" and len(lines) > 5
    assert capsys.readouterr().err == ""


def test_an_interruption_is_said(run, capsys):
    def work():
        raise KeyboardInterrupt

    status, lines = run(work, "--quiet")
    assert (status, capsys.readouterr().err) == (130, "ave-sklearn: interrupted\n")
    assert lines[1] == "interrupted" and lines[2].startswith("exit code 130 after ")


@pytest.mark.parametrize(("name", "reason"), [("none/log.txt", "No such file or directory"), (".", "Is a directory")])
def test_a_log_file_that_cannot_be_written_is_an_error_before_the_work(capsys, monkeypatch, tmp_path, name, reason):
    monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: pytest.fail("the work began"))
    assert main([*ARGV, "--log-file", str(tmp_path / name)]) == 1
    assert capsys.readouterr().err == f"ave-sklearn: error: --log-file {tmp_path / name}: {reason}\n"


def test_a_log_file_is_no_file_that_the_command_reads(capsys, monkeypatch, tmp_path):
    (tmp_path / "events.csv").write_text("events")
    argv = ["score", "m", "--features", "f", "--annotations", str(tmp_path / "events.csv")]
    monkeypatch.chdir(tmp_path)
    assert main([*argv, "--log-file", "./events.csv"]) == 1
    assert "--log-file ./events.csv: that file is also --annotations; name another one." in capsys.readouterr().err
    assert (tmp_path / "events.csv").read_text() == "events"


@pytest.mark.parametrize("text", ["filename,start\na.mp4,0\n", "\n", "2026-01-01,dog"])
def test_nothing_is_added_to_a_file_that_is_no_log(capsys, monkeypatch, tmp_path, text):
    monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: pytest.fail("the work began"))
    (tmp_path / "videos.csv").write_text(text)
    assert main([*ARGV, "--log-file", str(tmp_path / "videos.csv")]) == 1
    assert "videos.csv: that file is there and is no log; name another one." in capsys.readouterr().err
    assert (tmp_path / "videos.csv").read_text() == text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is wanted")
def test_a_full_disk_ends_the_log_and_not_the_work(capsys, monkeypatch):
    done = []
    monkeypatch.setattr("ave_sklearn.cli.score.run", lambda args: done.append(terminal.say("note", "at work")))
    assert main([*ARGV, "--log-file", "/dev/full"]) == 0
    warning, note = capsys.readouterr().err.splitlines()
    assert warning.startswith("ave-sklearn: warning: --log-file ") and "No space left on device" in warning
    assert done and note == "ave-sklearn: note: at work"


def test_a_long_command_line_is_cut_and_parameters_are_one_line(run):
    _, lines = run(lambda: terminal.say("detail", "Net(a=1,\n    b=2)"), "-v", "--features", "x" * 5000)
    assert len(lines[0]) < 1200 and lines[0].endswith("xxx") and lines[0].split()[3:5] == ["m", "--features"]
    assert lines[2] == "Net(a=1, b=2)"


def test_nothing_is_left_of_a_run(run):
    before = logging.getLogger("ave_sklearn").level, list(logging.getLogger().handlers), warnings.showwarning
    run(speak, "-v")
    after = logging.getLogger("ave_sklearn").level, list(logging.getLogger().handlers), warnings.showwarning
    assert after == before
