"""Extraction that goes on where it was stopped, to the bytes of a run without a break."""

import gc
import importlib
import json
import linecache
import os
import shutil
import signal
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import resumed
import torch
from helpers import grey, write_video

from ave_sklearn import AVFeatures
from ave_sklearn._files import locked
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, _journal, _media
from ave_sklearn.extraction._hash import digest_network
from ave_sklearn.extraction._journal import line_of

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
N = 5
NAMES = ["audio.npy", "visual.npy"]
WHOLE = sorted([*NAMES, ".audio.npy.pair", ".visual.npy.pair"])
UNFINISHED = sorted([".audio.npy.journal", ".audio.npy.rows", ".visual.npy.rows"])

calls = []  # of the visual network
events = {}  # what happens at a call, by its number from 1 on


def colours(pictures):
    """A network without parameters that the digest of a network sees, and that may be stopped."""
    calls.append(len(pictures))
    events.get(len(calls), lambda: None)()
    return pictures.mean((2, 3))


def bands(spectrograms):
    return spectrograms.mean((1, 2))


def interrupt():
    raise KeyboardInterrupt


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def small(**params):
    params = {"visual": colours, "audio": bands, "n_segments": 2, "image_size": 8, "frames_per_segment": 2, **params}
    return VideoFeatureExtractor(**params)


@pytest.fixture(autouse=True)
def no_events():
    calls.clear()
    events.clear()


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """What outlasts a loss of power is not tested here."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    for number in range(N):
        picture = grey([20 + 40 * number, 220 - 40 * number])
        write_video(folder / f"v{number}.mp4", fps=2, size=(32, 32), tone=300.0 + 200 * number, picture=picture)
    return folder


@pytest.fixture(scope="module")
def whole(originals, tmp_path_factory):
    """The bytes of both files after a run without a break."""
    folder = tmp_path_factory.mktemp("whole")
    small().transform_to(paths_in(originals), *files_in(folder))
    return bytes_in(folder)


@pytest.fixture
def videos(originals, tmp_path):
    """Copies of the videos, which a test may change."""
    shutil.copytree(originals, tmp_path / "videos")
    return paths_in(tmp_path / "videos")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "features").mkdir()
    return tmp_path / "features"


def paths_in(folder):
    return sorted(map(str, folder.glob("v*.mp4")))


def files_in(folder):
    return [folder / name for name in NAMES]


def bytes_in(folder):
    return [file.read_bytes() for file in files_in(folder)]


def listed(folder):
    return sorted(file.name for file in folder.iterdir())


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def run(folder, videos, **params):
    return small(**params).transform_to(videos, *files_in(folder), resume=True)


def stop(folder, videos, after=3, how=interrupt, **params):
    """Run until the visual network has done so many clips."""
    calls.clear()
    events[after + 1] = how
    with pytest.raises(KeyboardInterrupt) as caught:
        run(folder, videos, **params)
    events.clear()
    calls.clear()
    return caught.value


def child(work):
    """Work in a process of its own; return how it ended."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(process, 0)[1]


# ---------------------------------------------------------------- going on
@pytest.mark.parametrize("after", [1, 3])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(folder, videos, whole, after):
    error = stop(folder, videos, after)
    assert listed(folder) == UNFINISHED
    assert error.__notes__[-1] == (
        f"{after} of 5 clips are done: transform_to(..., resume=True) goes on, resume=False begins anew."
    )
    X = run(folder, videos)
    assert len(calls) == N - after and len(X) == N
    assert bytes_in(folder) == whole and listed(folder) == WHOLE


def test_two_clips_at_once_are_kept_as_they_are_finished(folder, videos, whole):
    stop(folder, videos, 4, n_jobs=2)
    run(folder, videos, n_jobs=2)
    assert len(calls) < N  # a thread may have been at a clip that was given up
    assert bytes_in(folder) == whole and listed(folder) == WHOLE


def test_a_run_that_ends_early_has_no_advice_of_joblibs(folder, videos, monkeypatch, recwarn):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_journal.Journal, "add", full)
    with pytest.raises(OSError, match="No space"):
        run(folder, videos, n_jobs=2)
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_without_resume_nothing_outlives_an_error(folder, videos):
    events[4] = interrupt
    with pytest.raises(KeyboardInterrupt):
        small().transform_to(videos, *files_in(folder))
    assert listed(folder) == []


def test_where_nothing_was_done_nothing_is_left(folder, videos):
    with pytest.raises(ExtractionError):
        run(folder, [*videos, "none.mp4"])
    error = stop(folder, videos, 0)
    assert listed(folder) == [] and not hasattr(error, "__notes__")


def test_the_report_is_that_of_a_run_without_a_break(folder, videos):
    write_video(videos[1], fps=2, size=(32, 32), rate=8000, seconds=5.0)
    with pytest.warns(UserWarning, match="1 of 5 videos are used"):
        (expected := small()).transform_to(videos, *files_in(folder))
    stop(folder, videos)
    with pytest.warns(UserWarning, match="1 of 5 videos are used"):
        (extractor := small()).transform_to(videos, *files_in(folder), resume=True)
    pd.testing.assert_frame_equal(extractor.report_, expected.report_)
    assert "8000 Hz" in extractor.report_["warning"][1]


def test_what_reading_a_clip_found_is_kept(folder, videos):
    write_video(videos[0], fps=2, size=(32, 32), audio_seconds=1.2, seconds=1.2)
    stop(folder, videos, short="pad")
    with pytest.warns(UserWarning, match="padding"):
        (extractor := small(short="pad")).transform_to(videos, *files_in(folder), resume=True)
    assert extractor.report_["padding"][0] == pytest.approx(0.8, abs=0.1) and len(calls) == 2


def test_the_progress_counts_what_was_done_before(folder, videos, capsys):
    stop(folder, videos, 3)
    run(folder, videos, verbose=1)
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("clip 3 of 5: ") and last.startswith("clip 5 of 5: ")


def test_a_cache_and_a_journal_go_together(folder, videos, whole, tmp_path):
    stop(folder, videos, 2, memory=tmp_path / "cache")
    run(folder, videos, memory=tmp_path / "cache")
    assert bytes_in(folder) == whole


def test_videos_are_read_through_once(folder, videos, monkeypatch):
    read = []
    probe = _media._probe
    monkeypatch.setattr(_media, "_probe", lambda path: read.append(path) or probe(path))
    stop(folder, videos)
    assert sorted(read) == videos
    _media._known.clear()  # as a new process has it
    run(folder, videos)
    assert sorted(read) == videos


# ------------------------------------------------------------------- kills
@needs_fork
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_killed_run_goes_on(folder, videos, whole, n_jobs):
    for after in (2, 1):
        events[after + 1] = die
        assert os.WTERMSIG(child(lambda: run(folder, videos, n_jobs=n_jobs))) == signal.SIGKILL
    events.clear()
    run(folder, videos, n_jobs=n_jobs)
    assert bytes_in(folder) == whole and listed(folder) == WHOLE
    assert len(calls) <= 3


@needs_fork
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_60_clips_killed_at_ten_random_moments(n_jobs):
    assert resumed.show(n_jobs=n_jobs, seed=n_jobs)


def count_calls(names, n):
    """Let a process be killed at the n-th call to the operating system of these names; return how many there were."""
    counted = [0]

    def wrap(function):
        def call(*args, **kwargs):
            counted[0] += 1
            if counted[0] == n:
                die()
            return function(*args, **kwargs)

        return call

    for name in names:
        setattr(os, name, wrap(getattr(os, name)))
    return counted


@needs_fork
@pytest.mark.filterwarnings("ignore:removed what a process")
@pytest.mark.parametrize(("older", "order", "step"), [(False, 1, 4), pytest.param(True, -1, 1, marks=pytest.mark.slow)])
def test_a_kill_while_the_files_get_their_names_loses_nothing(folder, videos, whole, order, older, step):
    if older:
        AVFeatures(np.ones((2, 2, 3), "f4"), np.ones((2, 2, 3), "f4")).to_npy(*files_in(folder))
    stop(folder, videos[::order], 4)
    names, n_ended = ("replace", "unlink", "link", "remove"), 0
    for n in range(1, 60, step):
        kept = folder.parent / f"kept{n}"
        shutil.copytree(folder, kept)

        def work(kept=kept, n=n):
            count_calls(names, n)
            run(kept, videos)

        if child(work) == 0:
            break
        if not (kept / ".audio.npy.journal").exists():  # nothing is left to do but to remove the rows
            assert bytes_in(kept) == whole
            n_ended += 1
            continue
        calls.clear()
        run(kept, videos)
        assert calls == [], n
        assert bytes_in(kept) == whole and listed(kept) == WHOLE, n
    assert 12 < n < 59 and n_ended <= 4


# ------------------------------------------------------------------ damage
def half_a_row(folder):
    file = folder / ".visual.npy.rows"
    os.truncate(file, file.stat().st_size - 5)
    return 1


def half_a_line(folder):
    file = folder / ".audio.npy.journal"
    os.truncate(file, file.stat().st_size - 20)
    return 1


def a_line_without_its_end(folder):
    file = folder / ".audio.npy.journal"
    os.truncate(file, file.stat().st_size - 1)
    return 1


def rows_without_a_line(folder):
    with open(folder / ".audio.npy.rows", "ab") as file:
        file.write(b"rows of a clip whose line is not there, and half of one" * 20)
    return 0


def zeros_in_place_of_a_row(folder):  # what a loss of power leaves
    with open(folder / ".audio.npy.rows", "r+b") as file:
        file.seek(128 + 4 * 64)
        file.write(bytes(100))
    return 1


def zeros_in_place_of_a_line(folder):
    lines = (folder / ".audio.npy.journal").read_bytes().split(b"\n")
    lines[-3] = bytes(len(lines[-3]))
    (folder / ".audio.npy.journal").write_bytes(b"\n".join(lines))
    return 1


def another_second(folder):
    text = (folder / ".audio.npy.journal").read_text().replace('"padding": 0.0', '"padding": 0.5', 1)
    (folder / ".audio.npy.journal").write_text(text)
    return 1


def other_text(old, new, n_lost):
    """Return a function that replaces text in the journal, as an editor does; so many clips are lost."""

    def replace(folder):
        file = folder / ".audio.npy.journal"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
        return n_lost

    return replace


def no_rows(folder):
    (folder / ".audio.npy.rows").unlink()
    return 3


def no_whole_line(folder):
    (folder / ".audio.npy.journal").write_text('{"form')
    return 3


DAMAGE = [half_a_row, half_a_line, a_line_without_its_end, rows_without_a_line, zeros_in_place_of_a_row]
DAMAGE += [zeros_in_place_of_a_line, another_second, no_rows, no_whole_line]
DAMAGE += [other_text('"<f4"', type_, 3) for type_ in ('"<f8"', '"<i4"', '"|O"')]
DAMAGE += [other_text('"info": [2.0', '"info": [0.5', 0)]


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_done_again(folder, videos, whole, damage):
    stop(folder, videos)
    n_lost = damage(folder)
    run(folder, videos)
    assert len(calls) == 2 + n_lost
    assert bytes_in(folder) == whole and listed(folder) == WHOLE


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ('{"format": "0.1"}', "its format is '0.1', and that of this version"),
        ("[1]", "a line holds a list"),
        ('{"format": "%s", "parameters": {}, "networks": {}}', "a line was changed"),
        ("[" * 100_000, "recursion"),
        ('{"format": "%s", "parameters": 1, "networks": {}}', "must be names and values"),
    ],
)
def test_a_journal_of_another_kind_is_an_error_that_says_how_to_begin_anew(folder, videos, head, message):
    from ave_sklearn.extraction._journal import FORMAT

    (folder / ".audio.npy.journal").write_text((head % FORMAT if "%" in head else head) + "\n")
    before = contents(folder)
    with pytest.raises(ValueError, match=rf"\.audio\.npy\.journal .*{message}.*resume=False begins anew"):
        run(folder, videos)
    assert contents(folder) == before
    small().transform_to(videos, *files_in(folder))
    assert listed(folder) == WHOLE


def test_lines_of_strangers_end_in_no_odd_error(folder, videos, whole):
    stop(folder, videos)
    with open(folder / ".audio.npy.journal", "a") as file:
        file.write("{}\n3\n")
        for content in ({"clip": 3, "row": 1}, {"rows": [[[1e99], "f4"]]}, {"video": [1], "info": []}):
            file.write(line_of(content).decode())
        file.write(line_of({"clip": [videos[0], 0.0], "row": 10**15, "size": 1, "modified": 2}).decode())
    run(folder, videos)
    assert bytes_in(folder) == whole


def all_bands(spectrograms):
    return spectrograms.flatten(1)


@needs_fork
@pytest.mark.parametrize(("full", "audio"), [(".audio.npy.rows", all_bands), (".audio.npy.journal", bands)])
def test_a_full_disk_costs_one_clip(folder, videos, full, audio):
    stop(folder, videos, 3, audio=audio)
    room = (folder / full).stat().st_size - 100  # which the third clip does not fit in
    for name in UNFINISHED:
        (folder / name).unlink()

    import resource  # which Windows lacks

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, -1))
        try:
            run(folder, videos, audio=audio)
        except OSError as error:
            (folder.parent / "said").write_text(f"{error}\n{error.__notes__[-1]}")

    assert child(work) == 0
    error, note = (folder.parent / "said").read_text().split("\n")
    assert f"while writing: '{folder / full}'" in error and note.startswith("2 of 5 clips are done")
    run(folder, videos, audio=audio)
    assert len(calls) == 3
    small(audio=audio).transform_to(videos, *files_in(folder.parent))
    assert bytes_in(folder) == bytes_in(folder.parent) and listed(folder) == WHOLE


def test_no_room_for_what_is_missing_is_known_before_it_is_written(folder, videos, monkeypatch):
    stop(folder, videos)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    with pytest.raises(OSError, match=r"no room for .*rows.*: 1072 bytes are needed, 1000 are free") as caught:
        run(folder, videos)
    assert caught.value.__notes__[-1].startswith("3 of 5 clips are done")
    monkeypatch.undo()
    assert len(run(folder, videos)) == N


@pytest.mark.parametrize("order", [1, -1])
def test_without_hard_links_rows_are_copied(folder, videos, whole, monkeypatch, order):
    monkeypatch.setattr(os, "link", lambda *args: (_ for _ in ()).throw(PermissionError("no links")))
    stop(folder, videos[::order])
    run(folder, videos)
    assert bytes_in(folder) == whole and listed(folder) == WHOLE


# ------------------------------------------------------------------ videos
def test_a_damaged_video_costs_no_other_and_its_place_is_kept(folder, videos, whole):
    good = Path(videos[2]).read_bytes()
    Path(videos[2]).write_bytes(good[:6000] + bytes(len(good) - 9000) + good[-3000:])
    with pytest.raises(ExtractionError, match=r"1 of 5 videos cannot be used:\n.*v2\.mp4") as caught:
        run(folder, videos)
    assert caught.value.__notes__[-1].startswith("4 of 5 clips are done")
    calls.clear()
    with pytest.raises(ExtractionError):  # it is tried again
        run(folder, videos)
    assert calls == []
    Path(videos[2]).write_bytes(good)
    run(folder, videos)
    assert len(calls) == 1
    assert bytes_in(folder) == whole and listed(folder) == WHOLE


def test_a_video_that_is_skipped_leaves_no_gap(folder, videos, originals, tmp_path):
    good = Path(videos[1]).read_bytes()
    Path(videos[1]).write_bytes(good[:6000] + bytes(len(good) - 9000) + good[-3000:])
    (tmp_path / "others").mkdir()
    small().transform_to([*videos[:1], *videos[2:]], *files_in(tmp_path / "others"))
    for n_jobs in (1, 2):
        stop(folder, videos, 2, on_error="skip", n_jobs=n_jobs)
        with pytest.warns(UserWarning, match="1 of 5 videos were skipped"):
            run(folder, videos, on_error="skip", n_jobs=n_jobs)
        assert bytes_in(folder) == bytes_in(tmp_path / "others")


def test_a_video_that_changed_is_done_again(folder, videos, originals, tmp_path):
    stop(folder, videos)
    shutil.copy(originals / "v4.mp4", videos[1])
    run(folder, videos)
    assert len(calls) == 3
    (tmp_path / "others").mkdir()
    small().transform_to(videos, *files_in(tmp_path / "others"))
    assert bytes_in(folder) == bytes_in(tmp_path / "others")


@pytest.mark.parametrize("chosen", [[4, 3, 2, 1, 0], [2, 0], [1, 1, 4]])
def test_other_videos_in_another_order(folder, videos, tmp_path, chosen):
    stop(folder, videos)
    others = [videos[number] for number in chosen]
    run(folder, others)
    assert len(calls) == sum(number > 2 for number in chosen)
    (tmp_path / "others").mkdir()
    small().transform_to(others, *files_in(tmp_path / "others"))
    assert bytes_in(folder) == bytes_in(tmp_path / "others") and listed(folder) == WHOLE


def test_rows_of_a_finished_file_are_not_written_into(folder, videos, whole):
    """A kill right after the files got their names leaves rows that are the same file."""
    stop(folder, videos[:3], 2)
    for name in UNFINISHED:
        shutil.copy(folder / name, folder.parent)
    run(folder, videos[:3])
    three = bytes_in(folder)
    for name in UNFINISHED:
        shutil.move(folder.parent / name, folder)
    for name in NAMES:
        os.unlink(folder / f".{name}.rows")
        os.link(folder / name, folder / f".{name}.rows")
    events[3] = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(folder, videos)
    assert bytes_in(folder) == three
    AVFeatures.from_npy(*files_in(folder))
    events.clear()
    run(folder, videos)
    assert bytes_in(folder) == whole


# -------------------------------------------------------------- other recipes
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_segments": 1}, "with n_segments=2, and this one has n_segments=1"),
        ({"image_size": 16, "pool": "mean"}, "image_size=8, .* image_size=16; pool=None, .*pool='mean'"),
        ({"hop_seconds": 0.5}, r"with hop_seconds=1\.0, and this one has hop_seconds=0\.5"),
        ({"audio": "log-mel"}, "with audio='function', and this one has audio='log-mel'"),
        ({"audio": lambda x: x.mean((1, 2)) + 1}, "with other weights or code of audio .digest [0-9a-f]+, now"),
        ({"preprocessing": lambda x: x / 255}, "with preprocessing='imagenet', and"),
    ],
)
def test_another_recipe_is_refused_and_changes_nothing(folder, videos, whole, params, message):
    stop(folder, videos)
    before = contents(folder)
    with pytest.raises(ValueError, match=f"was begun .*{message}.*begin anew .resume=False.*: 3 clips") as caught:
        run(folder, videos, **params)
    assert contents(folder) == before and not hasattr(caught.value, "__notes__") and calls == []
    run(folder, videos, batch_size=2, device="cpu", hop_seconds=1.0, on_error="skip", preprocessing="imagenet")
    assert bytes_in(folder) == whole


def test_a_parameter_that_the_journal_does_not_know_is_none_there(folder, videos, whole):
    stop(folder, videos)
    file = folder / ".audio.npy.journal"
    head, *lines = file.read_bytes().splitlines(keepends=True)
    begun = {name: value for name, value in json.loads(head).items() if name != "check"}
    networks = begun["networks"] | {"pca_params": "0123"}
    file.write_bytes(b"".join([line_of(begun | {"networks": networks}), *lines]))
    with pytest.raises(ValueError, match="with other weights or code of pca_params .digest 0123, now None"):
        run(folder, videos)
    del begun["parameters"]["pool"]
    file.write_bytes(b"".join([line_of(begun), *lines]))
    with pytest.raises(ValueError, match="with pool=None, and this one has pool='mean'"):
        run(folder, videos, pool="mean")
    run(folder, videos)
    assert len(calls) == 2 and bytes_in(folder) == whole


def test_without_resume_unfinished_work_goes_when_the_new_files_are_there(folder, videos, whole):
    stop(folder, videos)
    events[2] = interrupt
    with pytest.raises(KeyboardInterrupt):
        small().transform_to(videos, *files_in(folder))
    assert listed(folder) == UNFINISHED
    events.clear()
    calls.clear()
    small().transform_to(videos, *files_in(folder))
    assert len(calls) == N and listed(folder) == WHOLE and bytes_in(folder) == whole


def test_a_network_is_told_by_its_weights_and_its_code(tmp_path, monkeypatch):
    layer = torch.nn.Linear(2, 2)
    first = digest_network(layer, layer, None)
    assert first == digest_network(layer, layer, None) != digest_network(colours, colours, None)
    with torch.no_grad():
        layer.weight += 1
    assert digest_network(layer, layer, None) != first
    (tmp_path / "one").write_bytes(b"weights")
    (tmp_path / "two").write_bytes(b"weights")
    assert digest_network("vgg19", "vgg19", tmp_path / "one") == digest_network("vgg19", "vgg19", tmp_path / "two")
    assert digest_network("vgg19", "vgg19", None) != digest_network("vggish", "vggish", None)
    with pytest.raises(ValueError, match=r"as resume does.*resume=False"):
        digest_network(locking := partial(colours, threading.Lock()), locking, None)


OBJECT = """
from functools import partial

class Network:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, pictures):
        return pictures.mean((2, 3)) * self.factor

    def method(self, pictures):
        return self(pictures)

def scaled(pictures, factor):
    return pictures.mean((2, 3)) * factor

whole, bound, part = Network(2), Network(2).method, partial(scaled, factor=2)
"""


@pytest.mark.parametrize("name", ["whole", "bound", "part"])
def test_objects_are_told_by_their_code_and_what_they_hold(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(tmp_path)

    def digest(number, code):
        (tmp_path / "holding.py").write_text(code + f"# {number}\n")
        sys.modules.pop("holding", None)
        importlib.invalidate_caches()
        linecache.checkcache()
        network = getattr(importlib.import_module("holding"), name)
        return digest_network(network, network, None)

    codes = [OBJECT, OBJECT, OBJECT.replace("mean((2, 3))", "amax((2, 3))"), OBJECT.replace("(2)", "(3)")]
    codes[3] = codes[3].replace("=2", "=3")
    first, again, *others = (digest(number, code) for number, code in enumerate(codes))
    assert first == again and len({first, *others}) == 3


def test_two_at_once_are_refused(folder, videos):
    stop(folder, videos)
    before = contents(folder)
    with locked(folder / "audio.npy"), pytest.raises(BlockingIOError, match="another process is writing it"):
        run(folder, videos)
    assert contents(folder) == before
