"""`ave-sklearn extract` goes on where it was stopped, and says so."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from helpers import grey, write_video

from ave_sklearn.cli.commands import main
from ave_sklearn.extraction._folders import read_extractor, read_features
from ave_sklearn.extraction._journal import Journal

N = 4
FILES = ["audio.npy", "extractor.json", "videos.csv", "visual.npy"]
WHOLE = sorted([*FILES, ".audio.npy.pair", ".visual.npy.pair"])
CODE = """
from time import sleep
n_calls, stop_at, seconds = 0, None, 0

def colours(pictures):
    global n_calls
    n_calls += 1
    sleep(seconds)
    if n_calls == stop_at:
        raise KeyboardInterrupt
    return pictures.mean((2, 3))

def bands(spectrograms):
    return spectrograms.mean((1, 2))
"""


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Videos, one of which is two clips long, and their features."""
    folder = tmp_path_factory.mktemp("originals")
    for number in range(N - 1):
        seconds = 4.0 if number == 1 else 2.0
        picture = grey([20 + 40 * number, 220 - 40 * number] * 2)
        write_video(folder / f"v{number}.mp4", seconds, 2, (32, 32), tone=300.0 + 200 * number, picture=picture)
    return folder


@pytest.fixture
def networks(tmp_path, monkeypatch):
    """The module of the networks; its `stop_at` is the call at which Ctrl-C comes."""
    (tmp_path / "stopping.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    import stopping

    yield stopping
    del sys.modules["stopping"]


@pytest.fixture
def folder(tmp_path, networks, originals, monkeypatch):
    """The working folder, with videos and the features of a run without a break, `whole`."""
    for file in originals.iterdir():
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    assert extract("whole", "--quiet") == 0
    networks.n_calls = 0
    return tmp_path


OPTIONS = ["--n-segments", "2", "--visual", "stopping:colours", "--audio", "stopping:bands", "--image-size", "8"]
OPTIONS += ["--frames-per-segment", "2"]


def extract(output, *options, videos=None):
    videos = sorted(map(str, Path().glob("v*.mp4"))) if videos is None else videos
    return main(["extract", *videos, "-o", output, *OPTIONS, *options])


def stop(networks, *options, after=2, output="features"):
    """Extract until so many clips are done."""
    networks.n_calls, networks.stop_at = 0, after + 1
    assert extract(output, *options) == 130
    networks.n_calls, networks.stop_at = 0, None


def listed(folder="features"):
    return sorted(os.listdir(folder))


def assert_whole(folder="features"):
    assert listed(folder) == WHOLE
    for name in FILES:
        assert Path(folder, name).read_bytes() == Path("whole", name).read_bytes(), name


# ---------------------------------------------------------------- going on
def test_the_same_command_goes_on_and_says_so(folder, networks, capsys):
    stop(networks)
    err = capsys.readouterr().err
    *_, hint, last = err.splitlines()
    assert hint == "ave-sklearn: hint: 2 of 4 clips are done: the same command goes on, --restart begins anew."
    assert last == "ave-sklearn: interrupted"
    assert listed() == [".unfinished"]
    assert listed("features/.unfinished") == ["audio.rows", "journal.jsonl", "visual.rows"]
    assert extract("features") == 0
    assert "ave-sklearn: note: 2 of 4 clips are done already\n" in capsys.readouterr().err
    assert networks.n_calls == 2
    assert_whole()


def test_quiet_says_how_to_go_on_and_no_more(folder, networks, capsys):
    stop(networks, "--quiet")
    hint, last = capsys.readouterr().err.splitlines()
    assert hint.startswith("ave-sklearn: hint: 2 of 4 clips are done: ") and last == "ave-sklearn: interrupted"
    assert extract("features", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["fit", "score"])
def test_a_folder_that_is_not_finished_says_so_where_it_is_read(folder, networks, capsys, command):
    stop(networks)
    capsys.readouterr()
    with pytest.raises(FileNotFoundError, match="features: the extraction is not finished, audio.npy is missing"):
        read_features("features")
    if command == "fit":
        argv = ["--features", "features", "--annotations", "none.csv", "-o", "model.joblib"]
        assert main([command, *argv]) == 1
        assert "the extraction is not finished" in capsys.readouterr().err


def test_restart_begins_anew(folder, networks):
    stop(networks, "--n-segments", "1")
    assert extract("features", "--restart", "--quiet") == 0
    assert networks.n_calls == N
    assert_whole()


def test_other_options_are_refused_as_options(folder, networks, capsys):
    stop(networks)
    capsys.readouterr()
    before = {file: file.read_bytes() for file in Path("features/.unfinished").iterdir()}
    assert extract("features", "--frames-per-segment", "3", "--quiet") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "begun with --frames-per-segment 2, and this one has --frames-per-segment 3" in line
    assert extract("features", "--pool", "mean") == 1
    assert "begun with no --pool, and this one has --pool mean" in capsys.readouterr().err
    assert "begin anew (--restart), which drops what is done: 2 clips" in line
    assert {file: file.read_bytes() for file in Path("features/.unfinished").iterdir()} == before
    assert extract("features", "--quiet", "--n-jobs", "2", "--on-error", "skip", "--cache", "cache") == 0
    assert_whole()


def test_other_code_is_refused(folder, networks, capsys):
    stop(networks)
    Path("stopping.py").write_text(CODE + "\n# another\n")
    assert extract("features", "--quiet") == 1
    assert "begun with other weights or code of visual (digest " in capsys.readouterr().err


def test_force_keeps_the_old_features_until_the_new_are_whole(folder, networks, capsys):
    assert extract("features", "--quiet", "--short", "pad", videos=["v0.mp4"]) == 0
    old = Path("features/videos.csv").read_bytes()
    networks.n_calls = 0
    stop(networks, "--force")
    assert Path("features/videos.csv").read_bytes() == old and len(read_features("features")[0]) == 1
    assert extract("features", "--quiet") == 1
    assert "features already holds" in capsys.readouterr().err
    assert extract("features", "--quiet", "--force") == 0
    assert networks.n_calls == 2
    assert_whole()


def test_two_at_once_are_refused(folder, networks, capsys):
    from ave_sklearn._files import locked

    stop(networks)
    with locked("features/audio.npy"):
        assert extract("features", "--quiet") == 1
    assert "another process is writing it" in capsys.readouterr().err
    assert extract("features", "--quiet") == 0
    assert_whole()


def test_what_is_left_behind_the_end_is_no_unfinished_work(folder, networks):
    stop(networks)
    Path("features/.unfinished.old").mkdir()
    Path("features/.unfinished.old/audio.rows").write_text("")
    assert extract("features", "--quiet") == 0
    assert_whole()


# ------------------------------------------------------------------- kills
def killed_at(n, names, work):
    """Work in a process that is killed at its n-th call of these names; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        counted = [0]

        def wrap(function):
            def call(*args, **kwargs):
                counted[0] += 1
                if counted[0] == n:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **kwargs)

            return call

        for name in names:
            setattr(os, name, wrap(getattr(os, name)))
        status = 1
        try:
            status = work()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
@pytest.mark.filterwarnings("ignore:removed what a process")
@pytest.mark.parametrize(
    ("options", "step"),
    [([], 9), pytest.param(["--force"], 2, marks=pytest.mark.slow)],
)
def test_a_kill_while_the_files_get_their_names_loses_nothing(folder, networks, options, step):
    if options:
        assert extract("features", "--quiet", "--short", "pad", videos=["v0.mp4"]) == 0
    stop(networks, *options, after=3)
    shutil.copytree("features", "stopped")
    for n in range(1, 150, step):
        shutil.rmtree("features")
        shutil.copytree("stopped", "features")
        networks.n_calls = 0
        if killed_at(n, ("replace", "unlink", "link", "rename"), lambda: extract("features", "--quiet", *options)):
            break
        if Path("features/.unfinished").exists():
            assert extract("features", "--quiet", *options) == 0, n
            assert networks.n_calls == 0 or n <= 2, n  # before the last clip
        else:
            assert len(read_features("features")[0]) == N
            shutil.rmtree("features/.unfinished.old", ignore_errors=True)
            for file in Path("features").glob(".*.lock"):
                file.unlink()
        assert_whole()
    assert 25 < n < 149


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_answered_by_how_to_go_on(folder, networks, number):
    Path("stopping.py").write_text(CODE.replace("seconds = 0, None, 0", "seconds = 0, None, 3"))
    command = [sys.executable, "-m", "ave_sklearn", "extract", *sorted(map(str, Path().glob("v*.mp4")))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(folder)])}
    listens = partial(signal.signal, number, signal.SIG_DFL)  # what runs in the background of a shell may ignore it
    command += ["-o", "features", *OPTIONS, "--quiet"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=listens)
    journal = Path("features/.unfinished/journal.jsonl")
    while not (journal.exists() and b'"row"' in journal.read_bytes()) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    hint, last = err.splitlines()
    assert hint.endswith(" of 4 clips are done: the same command goes on, --restart begins anew.")
    assert last == "ave-sklearn: interrupted"


# ------------------------------------------------------------------ videos
def test_many_bad_videos_are_ten_lines_and_a_file(folder, networks, capsys):
    bad = [f"bad{number:02}.mp4" for number in range(13)]
    for name in bad:
        Path(name).write_text("no video")
    assert extract("features", "--quiet", videos=["v0.mp4", *bad]) == 1
    err = capsys.readouterr().err
    assert "13 of 14 videos cannot be used" in err and "bad09.mp4" in err and "bad10.mp4" not in err
    assert "... and 3 more, all of them in features/.unfinished/errors.csv" in err
    table = pd.read_csv("features/.unfinished/errors.csv")
    assert table.columns.tolist() == ["filename", "start", "error"] and table["filename"].tolist() == bad
    assert extract("features", "--quiet", "--on-error", "skip", videos=["v0.mp4", *bad]) == 0
    err = capsys.readouterr().err
    assert "... and 3 more, all of them in features/skipped.csv" in err and "bad10.mp4" not in err
    assert pd.read_csv("features/skipped.csv")["filename"].tolist() == bad
    assert ".unfinished" not in listed()


def test_a_bad_video_that_decoding_finds_costs_no_other(folder, networks, capsys):
    good = Path("v0.mp4").read_bytes()
    Path("v0.mp4").write_bytes(good[:3000] + bytes(len(good) - 5500) + good[-2500:])
    assert extract("features", "--quiet") == 1
    err = capsys.readouterr().err
    assert "3 of 4 clips are done: the same command goes on" in err and "v0.mp4: " in err
    Path("v0.mp4").write_bytes(good)
    networks.n_calls = 0
    assert extract("features", "--quiet") == 0
    assert networks.n_calls == 1
    assert_whole()


# ---------------------------------------------------------- extractor.json
def test_digests_of_the_networks_are_kept_and_checked(folder):
    file = Path("whole/extractor.json")
    content = json.loads(file.read_text())
    assert set(content["networks"]) == {"visual", "audio"} and all(map(len, content["networks"].values()))
    params = read_extractor("whole").get_params()
    assert params.items() >= {n: value for n, value in content.items() if n != "networks"}.items()
    for wrong in ({"other": "x"}, [], {"visual": 1}, {"visual": ""}, "x"):
        file.write_text(json.dumps(content | {"networks": wrong}))
        with pytest.raises(ValueError, match=r"whole.extractor\.json cannot be read as .*networks"):
            read_extractor("whole")
    del content["networks"]
    file.write_text(json.dumps(content))
    assert read_extractor("whole").visual == "stopping:colours"


def test_a_journal_is_read_without_a_folder(tmp_path):
    journal = Journal(tmp_path / "none" / "journal.jsonl", [tmp_path / "a", tmp_path / "b"])
    assert journal.read() is None and journal.count([("a.mp4", 0.0)]) == 0
    journal.discard()
