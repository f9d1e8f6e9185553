"""Pairs of files are one thing: manifests, notes of unfinished writes, locks, and what is left behind."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from ave_sklearn import AVFeatures
from ave_sklearn._features import pairs
from ave_sklearn._features.pairs import one_run, writing
from ave_sklearn._files import locked
from ave_sklearn.cli.commands import main
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_extractor, read_features

N = 3
MANIFESTS = [".audio.npy.pair", ".visual.npy.pair"]
NAMES = [*MANIFESTS, "audio.npy", "visual.npy"]
LISTS = re.compile(r"The new files: (.*)\. The old ones: (.*)\. If no process")
pytestmark = pytest.mark.filterwarnings("ignore:1 of 4 clips were skipped")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def features_of(run, n_features=3):
    return AVFeatures(np.full((N, 2, 3), run, "f4"), np.full((N, 2, n_features), run, "f4"))


def files_in(folder):
    return folder / "audio.npy", folder / "visual.npy"


def read(folder):
    """Return the runs that the features of a folder come from."""
    X = AVFeatures.from_npy(*files_in(folder))
    return {*np.unique(X.audio).tolist(), *np.unique(X.visual).tolist()}


def listed(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """What outlasts a loss of power is not tested here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path):
    """A folder with a pair of run 1."""
    (tmp_path / "pair").mkdir()
    features_of(1).to_npy(*files_in(tmp_path / "pair"))
    return tmp_path / "pair"


@pytest.fixture
def other(tmp_path):
    """Another one, of run 2."""
    (tmp_path / "other").mkdir()
    features_of(2).to_npy(*files_in(tmp_path / "other"))
    return tmp_path / "other"


# ---------------------------------------------------------------- what reading refuses
def copy(source, target, *names):
    for name in names:
        shutil.copy2(source / name, target / name)


def other_shape(folder, other):
    np.save(folder / "visual.npy", np.zeros((N, 2, 5)))


def one_number(folder, other):
    array = np.load(folder / "visual.npy", mmap_mode="r+")
    array[1, 1, 1] = 7
    array.flush()
    os.utime(folder / "visual.npy", ns=(0, 0))


REFUSED = {
    "an audio file of another run": lambda folder, other: copy(other, folder, "audio.npy"),
    "with its manifest": lambda folder, other: copy(other, folder, "audio.npy", ".audio.npy.pair"),
    "a visual file with its manifest": lambda folder, other: copy(other, folder, "visual.npy", ".visual.npy.pair"),
    "one saved by NumPy": lambda folder, other: np.save(folder / "audio.npy", np.full((N, 2, 3), 2, "f4")),
    "one of another shape": other_shape,
    "both of another run": lambda folder, other: copy(other, folder, "audio.npy", "visual.npy"),
    "the manifests of another run": lambda folder, other: copy(other, folder, *MANIFESTS),
    "a manifest is gone": lambda folder, other: (folder / ".audio.npy.pair").unlink(),
    "one number was changed": one_number,
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pair_that_is_not_of_one_run_is_refused(folder, other, case):
    REFUSED[case](folder, other)
    message = r"(audio|visual)\.npy.* (is|was) not .*together.* delete .*\.npy\.pair"
    with pytest.raises(ValueError, match=message) as caught:
        read(folder)
    assert str(folder / "audio.npy") in str(caught.value) and str(folder / "visual.npy") in str(caught.value)
    for file in folder.glob(".*.pair"):
        assert repr(str(file)) in str(caught.value)
        file.unlink()
    read(folder)


def test_the_content_is_read_where_the_time_does_not_tell(tmp_path, monkeypatch):
    read_files = []
    fingerprint = pairs.fingerprint
    monkeypatch.setattr(pairs, "fingerprint", lambda file, size: read_files.append(file) or fingerprint(file, size))
    for step, n_read in ((10**12, 2), (-1, 0)):
        monkeypatch.setattr(pairs, "CLOCK_STEP", step)
        features_of(1).to_npy(*files_in(tmp_path))
        read_files.clear()
        assert read(tmp_path) == {1} and len(read_files) == n_read
    os.utime(tmp_path / "audio.npy")
    assert read(tmp_path) == {1} and read_files == [str(tmp_path / "audio.npy")]


@pytest.mark.parametrize("where", [0, 10_000_000 // 2, -1], ids=["first", "middle", "last"])
def test_large_files_are_compared_by_blocks(tmp_path, where):
    file = tmp_path / "large"
    content = np.zeros(10_000_000, np.uint8)
    content.tofile(file)
    before = pairs.fingerprint(file, content.size)
    content[where] = 1
    content.tofile(file)
    assert (pairs.fingerprint(file, content.size) == before) == (where == 5_000_000)  # which lies between two blocks


def test_a_fingerprint_reads_little(tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "N_BLOCKS", 5)
    monkeypatch.setattr(pairs, "BLOCK", 2)
    file, content, seen = tmp_path / "file", bytearray(range(40)), []
    for place in range(-1, 40):
        changed = content.copy()
        if place >= 0:
            changed[place] = 255
        file.write_bytes(changed)
        seen.append(pairs.fingerprint(file, 40))
    assert [place for place in range(40) if seen[place + 1] != seen[0]] == [0, 1, 9, 10, 19, 20, 28, 29, 38, 39]


# ---------------------------------------------------------------- what it does not mind
def copied(folder, other):
    shutil.copytree(folder, folder.parent / "copy", copy_function=shutil.copy)  # without the times
    for file in (folder.parent / "copy").iterdir():
        os.utime(file, (1, 1))
    return files_in(folder.parent / "copy")


def copied_without_manifests(folder, other):
    for file in files_in(folder):
        shutil.copy(file, other)
    for name in MANIFESTS:
        (other / name).unlink()
    return files_in(other)


def renamed(folder, other):
    return files_in(folder.rename(folder.parent / "renamed"))


def one_renamed(folder, other):
    return folder / "audio.npy", (folder / "visual.npy").rename(folder / "maps.npy")


def beside_a_third(folder, other):
    np.save(folder / "pooled.npy", np.ones((N, 2, 1)))
    return folder / "audio.npy", folder / "pooled.npy"


def of_two_pairs(folder, other):
    copy(folder, other, "audio.npy")
    return files_in(folder)[0], features_of(1).to_npy(other / "a.npy", other / "v.npy") and other / "v.npy"


def touched(folder, other):
    for file in files_in(folder):
        file.touch()
    return files_in(folder)


def saved_again(folder, other):
    for file in files_in(folder):
        np.save(file, np.load(file))
    return files_in(folder)


def in_two_folders(folder, other):
    (folder / "a").mkdir()
    (folder / "v").mkdir()
    features_of(1).to_npy(folder / "a" / "x.npy", folder / "v" / "x.npy")
    renamed = folder.rename(folder.parent / "renamed")
    return renamed / "a" / "x.npy", renamed / "v" / "x.npy"


def moved_apart(folder, other):
    _, visual = in_two_folders(folder, other)
    shutil.move(visual.parents[1] / "a", other / "elsewhere")
    return other / "elsewhere" / "x.npy", visual


def linked(folder, other):
    links = other / "audio-link.npy", other / "visual.npy"
    links[1].unlink()
    for link, file in zip(links, files_in(folder), strict=True):
        link.symlink_to(file)
    return links


def in_a_linked_folder(folder, other):
    (other / "link").symlink_to(folder, target_is_directory=True)
    return files_in(other / "link")


READ = (
    *(copied, copied_without_manifests, renamed, one_renamed, beside_a_third, of_two_pairs, touched, saved_again),
    *(in_two_folders, moved_apart, linked, in_a_linked_folder),
)


@pytest.mark.parametrize("change", READ, ids=lambda change: change.__name__)
def test_what_is_whole_is_read(folder, other, change):
    files = change(folder, other)
    before = {file: file.stat().st_mtime_ns for file in folder.parent.rglob("*")}
    X = AVFeatures.from_npy(*map(str, files))
    assert (X.audio == 1).all() and (X.visual == 1).all()
    assert {file: file.stat().st_mtime_ns for file in folder.parent.rglob("*")} == before  # reading writes nothing


def test_pairs_through_a_link_are_compared_too(folder, other):
    files = linked(folder, other)
    copy(other, folder, "audio.npy")
    np.save(folder / "audio.npy", np.zeros((N, 2, 3)))
    with pytest.raises(ValueError, match="is not as it was written together with"):
        AVFeatures.from_npy(*files)


def test_a_file_that_is_gone_is_an_error_of_its_own(folder):
    (folder / "audio.npy").unlink()
    (folder / ".audio.npy.pair").unlink()
    with pytest.raises(FileNotFoundError, match=r"audio\.npy"):
        read(folder)


def test_a_pair_that_is_written_anew_while_it_is_opened_is_refused(folder):
    with pytest.raises(ValueError, match=r"audio\.npy.*visual\.npy.* were written anew while they were opened"):
        with one_run(files_in(folder)):
            features_of(2).to_npy(*files_in(folder))
    assert read(folder) == {2}


# ---------------------------------------------------------------- hidden files that are damaged or hostile
DAMAGED = [b"", b"[]", b"{", b"\xff\xfe", b"[" * 50_000, b"null", b"{}", b"1" * 6000, b'{"nonce": {}, "others": 5}']


@pytest.mark.parametrize("name", [".visual.npy.pair", ".visual.npy.writing"])
@pytest.mark.parametrize("content", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_note_is_an_error_that_names_it(folder, name, content):
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as") as caught:
        read(folder)
    assert len(str(caught.value)) < 1000
    features_of(2).to_npy(*files_in(folder))
    assert read(folder) == {2} and listed(folder) == NAMES


@pytest.mark.parametrize(
    "content",
    [
        {"nonce": "a", "others": [5], "size": 1, "modified": 1, "fingerprint": ""},
        {"nonce": "a", "others": ["visual.npy\0"], "size": 1, "modified": 1, "fingerprint": ""},
        {"nonce": "a", "others": ["\ud800"], "size": 1, "modified": 1, "fingerprint": ""},
        {"nonce": "a", "others": ["visual.npy"], "size": "x", "modified": 1, "fingerprint": ""},
        {"nonce": "a", "others": ["visual.npy"], "size": [], "modified": 1, "fingerprint": ""},
        {"files": [[None, None, None]], "hidden": [], "old_is_whole": True},
        {"files": [["a"]], "hidden": [], "old_is_whole": True},
        {"files": [["a", 5, "b"]], "hidden": [], "old_is_whole": True},
        {"files": [["a", "b", "c"]], "hidden": [{}], "old_is_whole": True},
        {"files": [["a\0", "\ud800", "c"]], "hidden": [], "old_is_whole": True},
    ],
)
def test_a_note_of_other_things_is_an_error_that_names_it(folder, content):
    name = ".audio.npy.pair" if "nonce" in content else ".audio.npy.writing"
    (folder / name).write_text(json.dumps(content))
    with pytest.raises(ValueError, match=name):
        read(folder)


def test_names_in_a_note_reach_the_terminal_escaped(folder):
    content = {"files": [["\x1b[2J\n", None, "\x07"]], "hidden": ["\x1b"], "old_is_whole": True}
    (folder / ".audio.npy.writing").write_text(json.dumps(content))
    with pytest.raises(ValueError) as caught:
        read(folder)
    assert str(caught.value).isprintable()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
@pytest.mark.parametrize("name", [".visual.npy.pair", ".visual.npy.writing"])
def test_a_pipe_in_place_of_a_note_is_not_waited_for(folder, name):
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(ValueError, match=rf"{name} cannot be read as .*no regular file"):
        read(folder)


def test_a_name_too_long_for_a_manifest_has_none(tmp_path):
    files = tmp_path / ("a" * 251 + ".npy"), tmp_path / ("v" * 251 + ".npy")
    for file in files:
        np.save(file, np.zeros((N, 2, 3)))
    assert len(AVFeatures.from_npy(*files)) == N


# ---------------------------------------------------------------- locks
def hold(file, started, stop):
    with locked(file):
        started.set()
        stop.wait(20)


@pytest.fixture
def someone_writes():
    """Let another thread hold the lock of a file."""
    threads, stop = [], threading.Event()

    def start(file):
        started = threading.Event()
        threads.append(threading.Thread(target=hold, args=(file, started, stop)))
        threads[-1].start()
        assert started.wait(20)

    yield start
    stop.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("name", ["audio.npy", "visual.npy"])
def test_files_that_another_writes_are_not_written(folder, someone_writes, name):
    someone_writes(folder / name)
    with pytest.raises(BlockingIOError, match="another process is writing it") as caught:
        features_of(2).to_npy(*files_in(folder))
    assert caught.value.filename == str(folder / name) and caught.value.errno == errno.EWOULDBLOCK
    assert read(folder) == {1} and listed(folder) == sorted([*NAMES, f".{name}.lock"])


def test_an_extraction_is_refused_before_its_work(folder, someone_writes):
    someone_writes(folder / "audio.npy")
    with pytest.raises(BlockingIOError, match="another process is writing it"):
        VideoFeatureExtractor(weights="random").transform_to(["none.mp4"], *files_in(folder))


def test_other_files_of_the_folder_may_be_written(folder, someone_writes):
    someone_writes(folder / "audio.npy")
    assert len(features_of(2).to_npy(folder / "a.npy", folder / "v.npy")) == N


def test_no_lock_is_left(folder):
    assert listed(folder) == NAMES
    with pytest.raises(RuntimeError), writing(files_in(folder)):
        assert {".audio.npy.lock", ".visual.npy.lock"} < set(listed(folder))
        raise RuntimeError
    assert listed(folder) == NAMES


def test_a_lock_whose_file_was_removed_is_not_taken(tmp_path):
    """Many threads take the same lock, whose file each of them removes: never two at a time."""
    inside, most, lost = [0], [], []

    def work():
        for _ in range(30):
            try:
                with locked(tmp_path / "file"):
                    inside[0] += 1
                    most.append(inside[0])
                    inside[0] -= 1
            except BlockingIOError:
                lost.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(most) + len(lost) == 120 and len(most) > 30
    assert listed(tmp_path) == []


HOLDER = """
import sys, time
from ave_sklearn._features.pairs import writing
with writing(sys.argv[1:]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="locks of Unix")
def test_a_file_system_without_locks_is_written_without(folder, monkeypatch):
    import fcntl

    def no_locks(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    features_of(2).to_npy(*files_in(folder))
    assert read(folder) == {2} and [name for name in listed(folder) if not name.endswith(".lock")] == NAMES


@pytest.mark.slow
def test_a_dead_process_holds_no_lock(folder):
    command = [sys.executable, "-c", HOLDER, *map(str, files_in(folder))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            features_of(2).to_npy(*files_in(folder))
        process.kill()
    assert ".audio.npy.lock" in listed(folder) and read(folder) == {1}
    features_of(2).to_npy(*files_in(folder))
    assert read(folder) == {2} and listed(folder) == NAMES


@needs_fork
@pytest.mark.slow
def test_processes_that_write_the_same_files_do_not_mix_them(folder):
    def write_often(run):
        written = 0
        while written < 8:
            with suppress(BlockingIOError, ValueError):  # the other writes, or wrote before this one read its own
                features_of(run).to_npy(*files_in(folder))
                written += 1

    children = []
    for run in (2, 3):
        children.append(os.fork())
        if not children[-1]:
            try:
                write_often(run)
                os._exit(0)
            finally:
                os._exit(1)
    seen = []
    while children:
        try:
            seen.append(read(folder))
        except ValueError as error:  # while it was opened, or while it was read; for a moment there is none
            assert any(what in str(error) for what in ("written", "replaced", "cannot be opened"))
        except FileNotFoundError as error:
            assert error.filename in map(str, files_in(folder))
        done, status = os.waitpid(-1, os.WNOHANG)
        if done:
            assert status == 0
            children.remove(done)
    assert seen and all(len(runs) == 1 for runs in seen)
    assert read(folder) <= {2, 3} and listed(folder) == NAMES


# ---------------------------------------------------------------- failures and kills
class Interrupted:
    """Stands in for a function of `os`: raises at one call, or kills the process after it."""

    def __init__(self, function, n, error=None):
        self.function, self.n, self.error, self.calls = function, n, error, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.n and self.error:
            raise self.error
        result = self.function(*args, **kwargs)
        if self.calls == self.n:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


@pytest.mark.parametrize("n", range(1, 11))
@pytest.mark.parametrize("error", [OSError(errno.EPERM, "Operation not permitted"), KeyboardInterrupt()])
def test_an_exception_between_two_renames_leaves_what_was_there(folder, monkeypatch, n, error):
    monkeypatch.setattr(os, "replace", Interrupted(os.replace, n, error))
    with pytest.raises(type(error)) as caught:
        features_of(2).to_npy(*files_in(folder))
    assert isinstance(error, KeyboardInterrupt) or "npy" in caught.value.filename
    assert read(folder) == {1} and listed(folder) == NAMES


@pytest.mark.parametrize("n", range(1, 7))
def test_an_exception_between_two_renames_leaves_nothing_where_nothing_was(tmp_path, monkeypatch, n):
    monkeypatch.setattr(os, "replace", Interrupted(os.replace, n, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        features_of(2).to_npy(*files_in(tmp_path))
    assert listed(tmp_path) == []


@pytest.mark.parametrize("n", range(1, 8))
def test_a_disk_that_fails_leaves_what_was_there(folder, monkeypatch, n):
    monkeypatch.setattr(os, "fsync", Interrupted(os.fsync, n, OSError(errno.EIO, "Input/output error")))
    try:
        features_of(2).to_npy(*files_in(folder))
    except OSError as error:
        assert error.errno == errno.EIO and "npy" in error.filename
        assert read(folder) == {1}
    else:
        assert n == 7 and read(folder) == {2}  # the seventh is that of the folder, which not every system has
    assert listed(folder) == NAMES


def kill_at(n, work):
    """Work in a process that is killed after the n-th change of a name."""
    child = os.fork()
    if not child:
        try:
            os.replace = Interrupted(os.replace, n)
            work()
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


@needs_fork
@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 9])
def test_a_kill_between_two_renames_is_told_and_cleared_up(folder, n):
    kill_at(n, lambda: features_of(2).to_npy(*files_in(folder)))
    message = r"audio\.npy is being written, or was .*killed.*The new files: .*The old ones: .*delete .*writing"
    with pytest.raises(ValueError, match=message):
        read(folder)
    with pytest.warns(UserWarning, match=r"removed what a process that was killed, or failed, left behind: .*npy"):
        features_of(3).to_npy(*files_in(folder))
    assert read(folder) == {3} and listed(folder) == NAMES


@needs_fork
@pytest.mark.parametrize("n", [2, 4, 9])
def test_the_whole_files_lie_where_the_error_says(folder, n):
    kill_at(n, lambda: features_of(2).to_npy(*files_in(folder)))
    with pytest.raises(ValueError) as caught:
        read(folder)
    new, old = (text.split("'")[1::2] for text in LISTS.search(str(caught.value)).groups())
    assert [np.unique(np.load(file)).tolist() for file in new] == [[2], [2]]
    assert [np.unique(np.load(file)).tolist() for file in old] == [[1], [1]]


def test_what_a_killed_process_left_is_removed_and_nothing_else(folder):
    left = [".audio.npy.0123456789ab.part", ".visual.npy.0123456789ab.old", "..audio.npy.pair.0123456789ab.part"]
    kept = [".audio.npy.01234567.part", ".x.npy.0123456789ab.part", "audio.npy.0123456789ab.part", ".audio.npy.part"]
    for name in (*left, *kept):
        (folder / name).write_text("")
    with pytest.warns(UserWarning) as caught:
        features_of(2).to_npy(*files_in(folder))
    (warning,) = caught
    assert all(name in str(warning.message) for name in left) and warning.filename == __file__
    assert listed(folder) == sorted([*NAMES, *kept])


# ---------------------------------------------------------------- folders of the command line
class Extractor(BaseEstimator):
    """Stands in for the extractor; all features are the number of the run."""

    def __init__(self, run=0):
        self.run = run

    def _transform_to(self, X, audio, visual, journal):
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(error="", warning="")
        if self.run == 1:
            self.report_.loc[len(self.report_)] = ["bad.mp4", 0.0, "is bad", ""]
        features_of(self.run).to_npy(audio, visual)


def extract(folder, run):
    write_features(folder, Extractor(run), [(f"{run}.mp4", float(start)) for start in range(N)], force=True)


WHOLE = sorted([*NAMES, "extractor.json", "videos.csv"])


@pytest.fixture
def features(tmp_path):
    """A folder of features of run 1, with a file of the user's."""
    extract(tmp_path / "features", 1)
    (tmp_path / "features" / "notes.txt").write_text("mine")
    return tmp_path / "features"


def test_a_folder_holds_its_files_and_no_more(features):
    assert listed(features) == sorted([*WHOLE, "notes.txt", "skipped.csv"])
    extract(features, 2)
    assert listed(features) == sorted([*WHOLE, "notes.txt"])  # nothing was skipped
    assert set(read_features(features)[1]["filename"]) == {"2.mp4"}


@pytest.mark.parametrize("n", [*range(1, 7, 2), *range(7, 22)])
def test_an_exception_leaves_the_old_features(features, monkeypatch, n):
    monkeypatch.setattr(os, "replace", Interrupted(os.replace, n, KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        extract(features, 2)
    X, clips = read_features(features)
    assert (X.audio == 1).all() and (X.visual == 1).all() and set(clips["filename"]) == {"1.mp4"}
    assert listed(features) == sorted([*WHOLE, "notes.txt", "skipped.csv"])


@pytest.mark.parametrize("n", [10, 12, 15, 17])
def test_features_whose_old_files_could_not_be_put_back_are_not_read(features, monkeypatch, n):
    replace, calls = os.replace, []

    def failing(*args):
        calls.append(1)
        if len(calls) >= n:
            raise OSError(errno.EIO, "Input/output error")
        replace(*args)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output error"):
        extract(features, 2)
    for reader in (read_features, read_extractor, read):
        with pytest.raises(ValueError, match="is being written") as caught:
            reader(features)
    new, old = LISTS.search(str(caught.value)).groups()
    assert new == "lost"
    old = old.split("'")[1:4:2]
    assert [np.unique(np.load(file)).tolist() for file in old] == [[1], [1]]


@needs_fork
def test_a_killed_extraction_leaves_a_hidden_folder_which_the_next_one_takes_over(features):
    kill_at(2, lambda: extract(features, 2))  # while it writes within its hidden folder
    assert (features / ".unfinished").is_dir()
    assert set(read_features(features)[1]["filename"]) == {"1.mp4"}
    extract(features, 3)
    assert listed(features) == sorted([*WHOLE, "notes.txt"]) and read(features) == {3}


def test_what_earlier_versions_left_is_named_and_left(features):
    (features / ".extract-x1").mkdir()
    with pytest.warns(UserWarning, match=f"had done is left as it is: '{features / '.extract-x1'}'"):
        extract(features, 3)
    assert listed(features) == sorted([*WHOLE, ".extract-x1", "notes.txt"])


@needs_fork
@pytest.mark.parametrize("n", [7, 9, 14])
def test_a_folder_killed_between_two_renames_is_refused_until_it_is_whole(features, n, capsys):
    kill_at(n, lambda: extract(features, 2))
    for reader in (read_features, read_extractor, read):
        with pytest.raises(
            ValueError, match=r"is being written, or was .*killed.*videos\.csv.*The old ones: .*skipped"
        ):
            reader(features)
    (features.parent / "a.mp4").write_text("")
    assert main(["extract", str(features.parent / "a.mp4"), "-o", str(features)]) == 1
    assert "The new files: " in (message := capsys.readouterr().err) and "--force writes features again" in message
    with pytest.warns(UserWarning, match="left"):
        extract(features, 3)
    assert set(read_features(features)[1]["filename"]) == {"3.mp4"} and read(features) == {3}
    assert listed(features) == sorted([*WHOLE, "notes.txt"])


def test_a_folder_that_another_writes_is_not_written(features, someone_writes):
    someone_writes(features / "audio.npy")
    with pytest.raises(BlockingIOError, match="another process is writing it"):
        extract(features, 2)
    assert set(read_features(features)[1]["filename"]) == {"1.mp4"}


def test_a_new_folder_that_could_not_be_filled_is_not_left(tmp_path):
    with pytest.raises(AttributeError):
        write_features(tmp_path / "new", BaseEstimator(), [])
    assert listed(tmp_path) == []


def test_names_of_videos_may_be_edited(features):
    table = pd.read_csv(features / "videos.csv")
    table.assign(filename=["x.mp4", "y.mp4", "z.mp4"]).to_csv(features / "videos.csv", index=False)
    assert read_features(features)[1]["filename"].tolist() == ["x.mp4", "y.mp4", "z.mp4"]


def test_a_folder_in_place_of_a_file_is_an_error_before_the_work(features):
    (features / "skipped.csv").unlink()
    (features / "skipped.csv").mkdir()
    with pytest.raises(IsADirectoryError, match=r"skipped\.csv"):
        extract(features, 2)
    assert Path(features, "skipped.csv").is_dir()
