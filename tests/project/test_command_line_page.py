"""The page of the command line: its sessions are run by the site's build, and begin with the folder that they say."""

import re

import pytest
from documents import code_blocks, command_arguments, load_script, read_document

from ave_sklearn.cli.commands import COMMANDS, build_parser

PAGE = read_document("docs/command_line.md")


@pytest.fixture(scope="module")
def session():
    """The directive's module."""
    return load_script("docs/_ext/session.py")


@pytest.fixture(scope="module")
def folder(session, tmp_path_factory):
    """What the sessions of a page begin with."""
    folder = tmp_path_factory.mktemp("session")
    session.write_videos(folder)
    return folder


def test_the_commands_of_the_sessions_parse():
    commands = command_arguments("".join(code_blocks(PAGE, "{session}")))
    assert {arguments[0] for arguments in commands} == {"extract", "fit", "score", "search", "predict", "report"}
    for arguments in commands:
        build_parser().parse_args(arguments)


def test_the_options_of_each_command_are_on_the_page():
    names = [module.__name__.rpartition(".")[-1] for module in COMMANDS]
    assert re.findall(r"^   :path: (.*)$", PAGE, flags=re.M) == names
    assert re.findall(r"^### Options of `(.*)`$", PAGE, flags=re.M) == names


def test_a_session_shows_what_a_terminal_gets(session, folder):
    assert session.run_command("ls", folder) == (0, "events.csv\nnew1.mp4\nnew2.mp4\nvideos\n")
    status, output = session.run_command("ave-sklearn --version", folder)
    assert (status, output.split()[0]) == (0, "ave-sklearn")
    line = "ave-sklearn extract videos/*.mp4 --visual nosuch:net --audio log-mel -o features"
    status, output = session.run_command(line, folder)
    assert status == 1 and "nosuch" in output
    status, output = session.run_command("ave-sklearn extract nosuch/*.mp4 -o features", folder)
    assert status == 2 and "no videos are given" in output


@pytest.mark.slow
def test_a_session_has_no_progress_and_no_paths(session, folder):
    line = "ave-sklearn extract videos/*.mp4 --visual efficientnet-lite0 --audio log-mel --frames-per-segment 1 "
    status, output = session.run_command(f"{line} --image-size 32 -o features", folder)
    assert status == 0
    assert re.fullmatch(r"features: AVFeatures\(n_videos=10, .*\)", output.strip()), output
