"""Completion in a shell, and the help of each command with its example."""

import os
import shlex
import subprocess
import sys

import pytest

from ave_sklearn.cli.commands import COMMANDS, build_parser, main

pytest.importorskip("argcomplete")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a model, videos and folders, which is the current one."""
    for name in ("model.joblib", "morning.mp4", "evening.mp4", "events.csv"):
        (tmp_path / name).touch()
    for name in ("features", "feathers"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completions(line, folder):
    """What the program answers a shell that asks how a line goes on."""
    state = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    state |= {
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(folder / "out"),
    }
    code = "from ave_sklearn.cli import run; run()"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **state}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return {name.strip() for name in (folder / "out").read_text().split("\n")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("ave-sklearn pre", {"predict"}),
        ("ave-sklearn predict mo", {"model.joblib", "morning.mp4"}),
        ("ave-sklearn score --fea", {"--features"}),
        ("ave-sklearn fit --network avr", {"avrb"}),
        ("ave-sklearn fit --features ", {"features/", "feathers/"}),
        ("ave-sklearn fit --annotations eve", {"evening.mp4", "events.csv"}),
        ("ave-sklearn extract --on-error ", {"raise", "skip"}),
    ],
)
def test_commands_options_and_names_are_completed(folder, line, wanted):
    assert completions(line, folder) == wanted


@pytest.mark.slow
def test_bash_completes_by_the_script_of_argcomplete(folder):
    """The shell's own function, as a user's shell would call it, and a program by the name."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "ave-sklearn"
    program.write_text(f"#!{sys.executable}\n# PYTHON_ARGCOMPLETE_OK\nfrom ave_sklearn.cli import run\nrun()\n")
    program.chmod(0o755)
    script = (
        "source <(python -m argcomplete.scripts.register_python_argcomplete ave-sklearn); COMP_TYPE=9; COMP_KEY=9\n"
        'COMP_LINE="ave-sklearn score model.joblib --features fe"; COMP_POINT=${#COMP_LINE}; COMP_WORDS=($COMP_LINE)\n'
        "COMP_CWORD=4; _python_argcomplete ave-sklearn fe --features; printf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    path = os.pathsep.join([str(folder / "bin"), os.path.dirname(sys.executable), os.environ["PATH"]])
    done = subprocess.run(["bash", "-c", script], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == ["feathers/", "features/"], done.stderr


def test_help_needs_no_argcomplete(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    for setting in ({}, {"_ARGCOMPLETE": "1"}):
        for name, value in setting.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SystemExit, match="^0$"):
            main(["--help"])
        assert capsys.readouterr().out.startswith("usage: ave-sklearn ")


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__)
def test_the_help_of_a_command_ends_in_an_example_that_parses(module, capsys):
    name = module.__name__.rpartition(".")[-1]
    with pytest.raises(SystemExit, match="^0$"):
        main([name, "--help"])
    shown = capsys.readouterr().out
    lines = shown.partition("\nexample:\n")[2].splitlines()
    assert lines == [f"  {line}" for line in module.EXAMPLE.splitlines()]
    for line in lines:
        program, *argv = shlex.split(line)
        assert program == "ave-sklearn" and build_parser().parse_args(argv).command in COMMANDS
    assert any(shlex.split(line)[1] == name for line in lines)
