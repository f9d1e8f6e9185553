"""Files of features that other programs shorten, rewrite, replace or remove while they are used."""

import copy
import errno
import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import joblib
import numpy as np
import pytest

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._features import memmap
from ave_sklearn._training.batches import VideoDataset
from ave_sklearn.model_selection import cross_val_predict_proba

N, T = 24, 4
ROWS = [3, 4, 5, 23, 0, -2, 5]
AUDIO = np.arange(N * T * 6.0, dtype="f4").reshape(N, T, 6)
VISUAL = -np.arange(N * T * 30.0).reshape(N, T, 3, 2, 5)
HOUR = 3600 * 10**9
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not change files that are mapped")
pytestmark = on_posix


def save(file, array, **options):
    """Save an array, as if an hour ago: a change has another time, however coarse the clock of the disk is."""
    np.save(file, array, **options)
    return aged(file)


def aged(file):
    then = os.stat(file).st_mtime_ns - HOUR
    os.utime(file, ns=(then, then))
    return file


def open_map(file, mode="r"):
    return np.load(file, mmap_mode=mode)


def in_hdf5(folder, visual):
    with h5py.File(folder / "visual.h5", "w") as opened:
        opened["visual"] = visual
    return AVFeatures.from_hdf5(folder / "audio.h5", aged(folder / "visual.h5"))._visual.base.array


LAYOUTS = {  # of visual features: the file, and the map of it
    "same type": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL.astype("f4")))),
    "cast": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL))),
    "swapped": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL.astype(">f4")))),
    "reversed": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL[::-1]))[::-1]),
    "columns": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL.repeat(2, -1)))[..., ::2]),
    "segments": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", VISUAL.repeat(2, 1)))[:, ::-2]),
    "channels first": (
        "visual.npy",
        lambda folder: np.moveaxis(open_map(save(folder / "visual.npy", np.moveaxis(VISUAL, -1, 1).copy())), 1, -1),
    ),
    "fortran": ("visual.npy", lambda folder: open_map(save(folder / "visual.npy", np.asfortranarray(VISUAL)))),
    "broadcast": (
        "visual.npy",
        lambda folder: np.broadcast_to(open_map(save(folder / "visual.npy", VISUAL[:1, :, :1])), VISUAL.shape),
    ),
}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


def features(folder, layout="same type"):
    return AVFeatures(open_map(save(folder / "audio.npy", AUDIO)), LAYOUTS[layout][1](folder))


def shorten(file):
    os.truncate(file, 300)


def lengthen(file):
    with open(file, "ab") as opened:
        opened.write(bytes(10))


def rewrite(file):
    """Write other numbers of the same size into the same file."""
    with open(file, "r+b") as opened:
        opened.seek(-80, os.SEEK_END)
        opened.write(bytes(80))


def replace(file):
    """Let another file, of the same size and time, have the name."""
    other = f"{file}.new"
    shutil.copy2(file, other)
    with open(other, "r+b") as opened:
        opened.seek(-80, os.SEEK_END)
        opened.write(bytes(80))
    shutil.copystat(file, other)
    os.replace(other, file)


CHANGES = {
    "shortened": (shorten, "which has 300 bytes where at least [0-9]+ are wanted"),
    "lengthened": (lengthen, "which had [0-9]+ bytes when it was opened and has [0-9]+ now"),
    "rewritten": (rewrite, "which was written to, or touched, after it was opened: open it anew"),
    "replaced": (replace, "which was replaced by another file after it was opened"),
    "removed": (os.remove, "but it cannot be opened: No such file"),
    "touched": (os.utime, "which was written to, or touched, after it was opened"),
}
each_change = pytest.mark.parametrize("change", CHANGES)


def told(change, file):
    return rf"memory-mapped from .*{re.escape(os.fspath(file))}.*{CHANGES[change][1]}"


# Every way to read


@each_layout
@each_change
def test_a_file_that_changes_is_an_error_of_every_read(tmp_path, layout, change):
    X = features(tmp_path, layout)
    joined, file = AVFeatures.concatenate([X, X[:2]]), tmp_path / "visual.npy"
    X.take(ROWS)
    CHANGES[change][0](file)
    buffers = np.empty((2, T, 6), "f4"), np.empty((2, T, 3, 2, 5), "f4")
    for read in (
        X.check_files,
        lambda: X.take([1]),
        lambda: X[2:4].take(out=buffers),
        lambda: np.asarray(X[[0]]),
        lambda: X[[2, 0]].visual,
        lambda: joined[[0, 25]].take(),
        joined.check_files,
        lambda: X.to_npy(tmp_path / "a.npy", tmp_path / "v.npy"),
    ):
        with pytest.raises(ValueError, match=f"^visual is {told(change, file)}"):
            read()
    assert not (tmp_path / "a.npy").exists()


@each_change
def test_datasets_that_lie_in_one_piece(tmp_path, change):
    for name, values in ("audio", AUDIO), ("visual", VISUAL):
        with h5py.File(tmp_path / f"{name}.h5", "w") as opened:
            opened["first"], opened[name] = np.zeros(100), values
        aged(tmp_path / f"{name}.h5")
    files = tmp_path / "audio.h5", tmp_path / "visual.h5"
    X = AVFeatures.from_hdf5(*files, audio_key="audio", visual_key="visual")
    np.testing.assert_array_equal(X.take(ROWS)[1], VISUAL[ROWS], strict=True)
    CHANGES[change][0](files[1])
    with pytest.raises(ValueError, match=f"^visual is {told(change, files[1])}"):
        X.take([0])


def test_a_shortened_file_is_an_error_before_its_map_is_given(tmp_path):
    X = features(tmp_path)
    shorten(tmp_path / "visual.npy")
    for read in (lambda: X.visual, lambda: X[3:]["visual"], lambda: copy.deepcopy(X).visual):
        with pytest.raises(ValueError, match=f"^visual is {told('shortened', tmp_path / 'visual.npy')}"):
            read()


@pytest.mark.parametrize("act", [replace, os.remove])
def test_a_file_that_lost_its_name_lives_on_in_its_map(tmp_path, act):
    X = features(tmp_path)
    act(tmp_path / "visual.npy")
    np.testing.assert_array_equal(X.visual, VISUAL)
    with pytest.raises(ValueError, match=r"visual\.npy"):
        X.take()


def test_a_map_whose_file_was_replaced_before(tmp_path):
    visual = open_map(save(tmp_path / "visual.npy", VISUAL))
    save(tmp_path / "new.npy", VISUAL.repeat(2, -1))
    os.replace(tmp_path / "new.npy", tmp_path / "visual.npy")
    with pytest.raises(ValueError, match=r"visual is memory-mapped from .*visual\.npy, which was replaced"):
        AVFeatures(AUDIO, visual)


# While it is read


@each_layout
def test_what_is_written_during_a_read_is_seen_at_its_end(tmp_path, monkeypatch, layout):
    X = features(tmp_path, layout)
    copy_rows, file = memmap.MappedRows._compare, tmp_path / "visual.npy"
    seen = []

    def compare(self, descriptor):
        copy_rows(self, descriptor)
        if self.name == "visual" and not seen:
            seen.append(rewrite(file))

    monkeypatch.setattr(memmap.MappedRows, "_compare", compare)
    with pytest.raises(ValueError, match=told("rewritten", file)):
        X.take(ROWS, dtype="f4")


@pytest.mark.parametrize("layout", ["same type", "cast", "columns"])
def test_a_file_that_is_shortened_during_a_read(tmp_path, monkeypatch, layout):
    X, file = features(tmp_path, layout), tmp_path / "visual.npy"
    preadv, calls = os.preadv, []

    def shortening(descriptor, buffers, offset):
        calls.append(offset)
        if len(calls) == 5:
            shorten(file)
        return preadv(descriptor, buffers, offset)

    monkeypatch.setattr(os, "preadv", shortening)
    with pytest.raises(ValueError, match=told("shortened", file)):
        X.take(np.arange(N)[::-1], dtype="f4")
    assert len(calls) < N + 5


def test_a_disk_that_fails_is_named(tmp_path, monkeypatch):
    X = features(tmp_path)

    def fail(*arguments):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "preadv", fail)
    with pytest.raises(OSError, match=r"Input/output error: .*audio\.npy"):
        X.take([0])


# What is read is what the map holds


@each_layout
@pytest.mark.parametrize("how", ["whole", "in pieces", "small blocks", "no preadv"])
def test_rows_are_those_of_the_map(tmp_path, monkeypatch, layout, how):
    preadv = os.preadv
    if how == "in pieces":  # as a signal, or 2 GB, would end a read

        def few(descriptor, buffers, offset):
            return preadv(descriptor, [memoryview(buffers[0]).cast("B")[:37]], offset)

        monkeypatch.setattr(os, "preadv", few)
    elif how == "small blocks":
        monkeypatch.setattr(memmap, "BLOCK_BYTES", 300)
    elif how == "no preadv":
        monkeypatch.delattr(os, "preadv")
    X = features(tmp_path, layout)
    want = np.array(X.visual)
    rng = np.random.default_rng(0)
    for rows in (ROWS, np.arange(N), np.arange(N)[::-1], rng.integers(0, N, 40), np.repeat(range(3, 20), 2), []):
        for dtype in ("f4", "f8", ">f4", "f2"):
            np.testing.assert_array_equal(X.take(rows, dtype)[1], want[rows].astype(dtype), strict=True)
        np.testing.assert_array_equal(X.take(rows)[1], want[rows], strict=True)
        np.testing.assert_array_equal(X[rows].visual, want[rows], strict=True)
        flat = np.concatenate([AUDIO, want.reshape(N, T, -1)], axis=2)[rows].reshape(X[rows].shape)
        np.testing.assert_array_equal(np.asarray(X[rows]), flat)
        wide = np.zeros((len(rows), T, 3, 2, 10), want.dtype)
        X[rows]._visual.copy_to(wide[..., ::2])
        np.testing.assert_array_equal(wide[..., ::2], want[rows])
        assert not wide[..., 1::2].any()


def test_one_video_and_one_segment(tmp_path):
    values = np.arange(5.0).reshape(1, 1, 5)
    X = AVFeatures(open_map(save(tmp_path / "a.npy", values)), open_map(save(tmp_path / "v.npy", values))[:, ::-1])
    for taken in X.take():
        np.testing.assert_array_equal(taken, values)


# Maps that their owner may write to


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_edits_of_a_map_are_read(tmp_path, mode):
    visual = open_map(save(tmp_path / "visual.npy", VISUAL), mode)
    X = AVFeatures(AUDIO, visual)
    for value in (7, 8):
        visual[3] = value
        visual.flush()
        os.utime(tmp_path / "visual.npy", ns=(value, value))
        X.check_files()
        assert (X.take([3])[1] == value).all() and (copy.deepcopy(X).visual[3] == value).all()
    if mode == "r+":
        again = pickle.loads(pickle.dumps(X))
        visual[3] = 9
        os.utime(tmp_path / "visual.npy", ns=(9, 9))
        assert (again.take([3])[1] == 9).all()


@pytest.mark.parametrize("change", ["shortened", "lengthened", "replaced", "removed"])
def test_the_size_of_a_writable_map_may_not_change(tmp_path, change):
    X = AVFeatures(AUDIO, open_map(save(tmp_path / "visual.npy", VISUAL), "r+"))
    CHANGES[change][0](tmp_path / "visual.npy")
    with pytest.raises(ValueError, match=told(change, tmp_path / "visual.npy")):
        X.take([0])


# Pickles


@each_layout
@each_change
def test_a_pickle_is_compared_with_its_file(tmp_path, layout, change):
    X, file = features(tmp_path, layout), tmp_path / "visual.npy"
    data = pickle.dumps(X[1:])
    np.testing.assert_array_equal(pickle.loads(data).visual, X.visual[1:])
    again = pickle.loads(data)
    CHANGES[change][0](file)
    if change == "replaced":  # as when a folder is restored with its times: size and time are what a pickle can know
        pickle.loads(data).take([0])
        return
    for read in (lambda: pickle.loads(data), lambda: again.take([0]), lambda: again.visual):
        with pytest.raises(ValueError, match=f"^visual is {told(change, file)}"):
            read()


@pytest.mark.parametrize("copy_file", [shutil.copy, shutil.copy2])
def test_a_folder_that_moved_or_was_restored(tmp_path, copy_file):
    (tmp_path / "old").mkdir()
    data = pickle.dumps(features(tmp_path / "old"))
    os.rename(tmp_path / "old", tmp_path / "new")
    with pytest.raises(ValueError, match=r"audio is memory-mapped from .*old.audio\.npy, .* cannot be opened"):
        pickle.loads(data)
    shutil.copytree(tmp_path / "new", tmp_path / "old", copy_function=copy_file)
    if copy_file is shutil.copy:
        with pytest.raises(ValueError, match=r"old.audio\.npy, which was written to, or touched"):
            pickle.loads(data)
    else:
        np.testing.assert_array_equal(pickle.loads(data).visual, VISUAL)


def test_hashes_are_those_of_the_file_and_the_rows(tmp_path):
    X = features(tmp_path)
    before = joblib.hash(X[1:])
    assert before == joblib.hash(pickle.loads(pickle.dumps(X))[1:]) == joblib.hash(copy.deepcopy(X[1:]))
    os.utime(tmp_path / "visual.npy")
    assert before != joblib.hash(X[1:])


# Descriptors, threads, forks


def count_descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("layout", ["same type", "cast", "fortran"])
def test_views_and_pickles_leave_nothing_open(tmp_path, layout):
    X = features(tmp_path, layout)
    data, kept = pickle.dumps(X), []
    before = count_descriptors()
    for row in range(300):
        view = pickle.loads(data)[row % N :]
        view.take([0])
        kept.append(view)
    assert count_descriptors() <= before + 2  # the map of rows in Fortran order is one for all
    for view in kept:
        assert view.visual.shape[1:] == VISUAL.shape[1:] and view.audio.shape[1:] == AUDIO.shape[1:]
    assert count_descriptors() <= before + 2
    shorten(tmp_path / "visual.npy")
    for _ in range(10):
        with pytest.raises(ValueError, match="bytes"):
            kept[0].take([0])
    assert count_descriptors() <= before + 2


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_fits_leave_nothing_open(tmp_path, pooled):
    X, y = stored(tmp_path, pooled)
    quick(max_epochs=1).fit(X, y)
    before = count_descriptors()
    for _ in range(2):
        quick(max_epochs=1).fit(X, y).predict(X)
    assert count_descriptors() == before


def test_threads_read_the_same_rows(tmp_path):
    X = features(tmp_path, "cast")
    tasks = [np.random.default_rng(seed).integers(0, N, 30) for seed in range(40)]
    with ThreadPoolExecutor(4) as pool:
        for rows, taken in zip(tasks, pool.map(lambda rows: X.take(rows, "f4"), tasks), strict=True):
            np.testing.assert_array_equal(taken[1], VISUAL[rows].astype("f4"))


def read_in_fork(X, queue):
    queue.put(X.take(ROWS)[1])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_reads_beside_this_one(tmp_path):
    X, context = features(tmp_path), multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=read_in_fork, args=(X, queue))
    process.start()
    for _ in range(50):
        np.testing.assert_array_equal(X.take(ROWS)[1], VISUAL[ROWS])
    np.testing.assert_array_equal(queue.get(timeout=60), VISUAL[ROWS])
    process.join(60)


# Fits and predictions


def quick(**params):
    return PSPLocalizer(**{"max_epochs": 2, "hidden_size": 8, "batch_size": 16, "random_state": 0, **params})


def stored(folder, videos):
    X, y = videos
    X.to_npy(folder / "audio.npy", folder / "visual.npy")
    files = [aged(folder / f"{name}.npy") for name in ("audio", "visual")]
    return AVFeatures.from_npy(*files), y


def change_at(monkeypatch, call, act):
    """Let `act` happen before the features of the `call`-th batch are read."""
    calls, fill = [], VideoDataset.fill

    def counting(self, rows, out=None):
        calls.append(len(rows))
        if len(calls) == call:
            act()
        return fill(self, rows, out)

    monkeypatch.setattr(VideoDataset, "fill", counting)
    return calls


@pytest.mark.parametrize("change", ["rewritten", "replaced", "removed", "touched"])
@pytest.mark.parametrize("call", [1, 3, 7])
def test_a_fit_ends_where_a_file_changes(tmp_path, pooled, monkeypatch, call, change):
    """The first call is that of the statistics; behind it two epochs of four batches."""
    X, y = stored(tmp_path, pooled)
    localizer = quick().fit(X, y)
    kept = localizer.net_
    calls = change_at(monkeypatch, call, lambda: CHANGES[change][0](tmp_path / "visual.npy"))
    with pytest.raises(ValueError, match=told(change, tmp_path / "visual.npy")):
        localizer.set_params(max_epochs=2).fit(X, y)
    assert len(calls) == call and localizer.net_ is kept


@pytest.mark.parametrize("read", ["predict", "predict_proba", "embed", "predict_events", "score"])
def test_a_prediction_ends_where_a_file_changes(tmp_path, pooled, monkeypatch, read):
    X, y = stored(tmp_path, pooled)
    localizer = quick().fit(X, y).set_params(batch_size=4)
    change_at(monkeypatch, 1, lambda: rewrite(tmp_path / "audio.npy"))
    with pytest.raises(ValueError, match=told("rewritten", tmp_path / "audio.npy")):
        getattr(localizer, read)(*(X, y)[: 2 if read == "score" else 1])


def test_videos_of_validation_that_change(tmp_path, pooled, monkeypatch):
    X, y = stored(tmp_path, pooled)
    change_at(monkeypatch, 6, lambda: rewrite(tmp_path / "audio.npy"))  # statistics and four batches come before
    with pytest.raises(ValueError, match=told("rewritten", tmp_path / "audio.npy")):
        quick().fit(*pooled, X_val=X, y_val=y)


def test_a_cross_validation_ends_where_a_file_changes(tmp_path, pooled, monkeypatch):
    X, y = stored(tmp_path, pooled)
    change_at(monkeypatch, 12, lambda: rewrite(tmp_path / "audio.npy"))
    with pytest.raises(ValueError, match=told("rewritten", tmp_path / "audio.npy")):
        cross_val_predict_proba(quick(), X, y, cv=3)


SHORTENED = """
import os, sys
import numpy as np
from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._training.batches import VideoDataset
from ave_sklearn.model_selection import cross_val_predict_proba

folder, what, call = sys.argv[1], sys.argv[2], int(sys.argv[3])
fill, calls = VideoDataset.fill, []

def shortening(self, rows, out=None):
    calls.append(0)
    if len(calls) == call:
        os.truncate(folder + "/visual.npy", 5000)
    return fill(self, rows, out)

class Shortening(PSPLocalizer):
    def fit(self, X, y):
        VideoDataset.fill = shortening
        return super().fit(X, y)

if __name__ == "__main__":
    X = AVFeatures.from_npy(folder + "/audio.npy", folder + "/visual.npy")
    y = np.where(np.arange(64 * 5).reshape(64, 5) % 2, "background", "dog")
    params = {"max_epochs": 2, "hidden_size": 8, "batch_size": 8}
    try:
        if what == "fit":
            Shortening(**params).fit(X, y)
        elif what == "predict":
            localizer = PSPLocalizer(**params).fit(X, y).set_params(batch_size=1)
            VideoDataset.fill = shortening
            localizer.predict(X)
        else:
            cross_val_predict_proba(Shortening(**params), X, y, cv=2, n_jobs=2)
    except ValueError as error:
        print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["fit 1", "fit 3", "fit 12", "predict 1", "cross_val 4"])
def test_a_file_that_is_shortened_does_not_end_the_process(tmp_path, moment):
    """Pages of a map that the file has no more end it with a bus error."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "audio.npy", rng.normal(size=(64, 5, 16)).astype("f4"))
    np.save(tmp_path / "visual.npy", rng.normal(size=(64, 5, 1024)).astype("f4"))
    (tmp_path / "script.py").write_text(SHORTENED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, tmp_path / "script.py", tmp_path, *moment.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(r"visual is memory-mapped from .*visual\.npy, which has 5000 bytes where at least", done.stdout)
