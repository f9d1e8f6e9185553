"""Features in HDF5 and .npy files, and joined ones: read in place, copied safely, and reopened elsewhere."""

import copy
import errno
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
from pathlib import Path

import h5py
import joblib
import numpy as np
import pytest

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._features import files as feature_files
from ave_sklearn._features import hdf5
from ave_sklearn._features.hdf5 import HDF5Rows, open_hdf5, read_hdf5
from ave_sklearn._features.npy import npy_files
from ave_sklearn._features.source import RowSource

N, T = 23, 4
VISUAL_SHAPE = (N, T, 3, 2, 5)
ROWS = [5, 5, -1, 0, 22, 7, 6]
REAL_FILES = Path(__file__).parents[3] / "shared" / "ave"
needs_real_files = pytest.mark.skipif(not REAL_FILES.is_dir(), reason=f"no released files in {REAL_FILES}")


def numbers(shape, dtype="f4"):
    """Every element another one, so that no mix-up goes unseen."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


AUDIO, VISUAL = numbers((N, T, 6), "f8"), -numbers(VISUAL_SHAPE)


def write_hdf5(file, **datasets):
    """Write datasets: arrays, or dicts of arguments of `create_dataset`."""
    with h5py.File(file, "w") as opened:
        for key, values in datasets.items():
            opened.create_dataset(key, **(values if isinstance(values, dict) else {"data": values}))
    return file


@pytest.fixture
def audio_file(tmp_path):
    return write_hdf5(tmp_path / "audio.h5", audio=AUDIO)


def from_layout(folder, layout):
    """Features whose visual file is of one of the LAYOUTS, and the visual features as they should be."""
    _, values, write = LAYOUTS[layout]
    file = folder / "visual.h5"
    write(file, values)
    audio = write_hdf5(folder / "audio.h5", audio=AUDIO)
    return AVFeatures.from_hdf5(audio, file, visual_key="visual", external_files=folder), values


def written(**arguments):
    return lambda file, values: write_hdf5(file, visual={"data": values, **arguments})


def behind_a_user_block(file, values):
    with h5py.File(file, "w", userblock_size=1024) as opened:
        opened["visual"] = values


def compact(file, values):
    with h5py.File(file, "w") as opened:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_layout(h5py.h5d.COMPACT)
        space, kind = h5py.h5s.create_simple(values.shape), h5py.h5t.py_create(values.dtype)
        h5py.Dataset(h5py.h5d.create(opened.id, b"visual", kind, space, plist))[...] = values


def twelve_bits(file, values):
    """Integers of a precision that NumPy does not have."""
    kind = h5py.h5t.STD_I16LE.copy()
    kind.set_precision(12)
    with h5py.File(file, "w") as opened:
        space = h5py.h5s.create_simple(values.shape)
        h5py.Dataset(h5py.h5d.create(opened.id, b"visual", kind, space))[...] = values


def virtual(file, values):
    source = write_hdf5(file.with_name("source.h5"), data=values)
    layout = h5py.VirtualLayout(values.shape, values.dtype)
    layout[...] = h5py.VirtualSource(source, "data", values.shape)
    with h5py.File(file, "w") as opened:
        opened.create_virtual_dataset("visual", layout)


def linked(file, values):
    write_hdf5(file.with_name("source.h5"), data=values)
    with h5py.File(file, "w") as opened:
        opened["visual"] = h5py.ExternalLink("source.h5", "data")


LAYOUTS = {
    "contiguous": ("mapped", VISUAL, written()),
    "user block": ("mapped", VISUAL, behind_a_user_block),
    "float64": ("mapped", VISUAL.astype("f8") / 3, written()),
    "float16": ("mapped", numbers(VISUAL_SHAPE, "f2"), written()),
    "big-endian": ("mapped", VISUAL.astype(">f8"), written()),
    "booleans": ("mapped", VISUAL % 3 == 0, written()),
    "external link": ("mapped", VISUAL, linked),
    "compact": ("read", VISUAL, compact),
    "12 bits": ("read", -numbers(VISUAL_SHAPE, "i2") % 2000, twelve_bits),
    "virtual": ("read", VISUAL, virtual),
    "external storage": (
        "read", VISUAL,
        lambda file, values: written(external=[(str(file) + ".raw", 0, values.nbytes)])(file, values),
    ),
    "no videos": ("read", VISUAL[:0], written()),
    "chunked rows": ("read", VISUAL, written(chunks=(1, *VISUAL_SHAPE[1:]))),
    "chunked all over": ("read", VISUAL, written(chunks=(5, 3, 2, 1, 4))),
    "one chunk": ("read", VISUAL, written(chunks=VISUAL_SHAPE)),
    "gzip": ("read", VISUAL, written(chunks=(7, *VISUAL_SHAPE[1:]), compression="gzip", shuffle=True)),
    "lzf, float64, swapped": ("read", VISUAL.astype(">f8") / 3, written(chunks=True, compression="lzf")),
    "resizable": ("read", VISUAL, written(maxshape=(None, *VISUAL_SHAPE[1:]))),
}  # fmt: skip


# HDF5: what is read


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "no videos"])
def test_any_layout_of_hdf5(tmp_path, layout):
    X, visual = from_layout(tmp_path, layout)
    is_read = LAYOUTS[layout][0] == "read"
    assert isinstance(X._visual.base, HDF5Rows) == is_read
    assert repr(X).endswith(", audio memory-mapped, visual in HDF5)" if is_read else ", memory-mapped)")
    assert (len(X), X.map_size, X.nbytes) == (N, (3, 2), AUDIO.nbytes + visual.nbytes)
    np.testing.assert_array_equal(X.visual, visual, strict=True)
    np.testing.assert_array_equal(X[::-3].visual, visual[::-3], strict=True)
    np.testing.assert_array_equal(X.take(ROWS)[1], visual[ROWS], strict=True)
    np.testing.assert_array_equal(X[3:].take([1], "f4")[1], visual[[4]].astype("f4"), strict=True)
    flat = np.concatenate([AUDIO, visual.reshape(N, T, -1)], axis=2).reshape(N, -1)
    np.testing.assert_array_equal(np.asarray(X[ROWS]), flat[ROWS], strict=True)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "no videos"])
def test_any_layout_is_pickled_by_name_and_copied(tmp_path, layout):
    X, visual = from_layout(tmp_path, layout)
    for view, rows in ((X, slice(None)), (X[ROWS], ROWS)):
        data = pickle.dumps(view)
        assert len(data) < (1500 if layout in ("virtual", "external storage") else 1000)  # they name two files
        for again in (pickle.loads(data), pickle.loads(pickle.dumps(pickle.loads(data))), copy.deepcopy(view)):
            np.testing.assert_array_equal(again.visual, visual[rows], strict=True)
            np.testing.assert_array_equal(again.audio, AUDIO[rows], strict=True)


def test_buffers_are_filled_and_cast(tmp_path):
    X, visual = from_layout(tmp_path, "lzf, float64, swapped")
    buffers = np.full((9, T, 6), 7.0, "f4"), np.full((9, *VISUAL_SHAPE[1:]), 7.0, "f4")
    X.take(ROWS, out=buffers)
    np.testing.assert_array_equal(buffers[1][:7], visual[ROWS].astype("f4"))
    assert (buffers[1][7:] == 7).all()


def test_no_videos(tmp_path):
    file = write_hdf5(tmp_path / "empty.h5", audio=AUDIO[:0], visual={"data": VISUAL[:0], "maxshape": VISUAL_SHAPE})
    X = AVFeatures.from_hdf5(file, file, audio_key="audio", visual_key="visual")
    for view in (X, X[[]], pickle.loads(pickle.dumps(X))):
        assert view.visual.shape == (0, *VISUAL_SHAPE[1:]) and view.audio.shape == (0, T, 6)
    saved = X.to_npy(tmp_path / "audio.npy", tmp_path / "visual.npy")
    assert saved.visual.shape == (0, *VISUAL_SHAPE[1:])


@pytest.mark.parametrize(
    ("tile_bytes", "n_reads"),
    [(10**9, 4), (4 * 5 * 3 * 30, 4 * 2), (1, 4 * 2 * 2 * 2 * 2)],
    ids=["rows of chunks", "a column of chunks", "single chunks"],
)
def test_every_chunk_is_read_once(tmp_path, monkeypatch, tile_bytes, n_reads):
    """Chunks of 5 rows: 0, 1, 5-7 and 22 lie in 3 of them, and 12 in a fourth; 2 x 2 x 2 x 2 beside one another."""
    monkeypatch.setattr(hdf5, "TILE_BYTES", tile_bytes)
    X, visual = from_layout(tmp_path, "chunked all over")
    keys = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: keys.append(key) or read(self, key))
    rows = [22, 0, 7, 6, 1, 5, 5, 12, 0]
    taken = X.take(rows)[1]
    assert len(keys) == n_reads
    np.testing.assert_array_equal(taken, visual[rows])


def test_memory_is_that_of_the_rows_and_a_tile(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "TILE_BYTES", 1_000_000)
    values = numbers((100, 10, 4, 4, 100))  # 6.4 MB, in chunks of 100 rows
    file = write_hdf5(tmp_path / "visual.h5", visual={"data": values, "chunks": (100, 1, 4, 4, 10)})
    X = AVFeatures.from_hdf5(write_hdf5(tmp_path / "audio.h5", audio=np.zeros((100, 10, 1))), file)
    tracemalloc.start()
    taken = X.take([0, 99])[1]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(taken, values[[0, 99]])
    assert taken.nbytes < peak < taken.nbytes + 1_300_000


def test_two_datasets_of_one_file_and_keys(tmp_path):
    file = write_hdf5(tmp_path / "both.h5", **{"features/audio": AUDIO, "visual": {"data": VISUAL, "chunks": True}})
    for audio_key in ("features/audio", "/features/audio"):
        X = AVFeatures.from_hdf5(str(file), file, audio_key=audio_key, visual_key="visual")
        np.testing.assert_array_equal(X.audio, AUDIO)
        np.testing.assert_array_equal(X.visual, VISUAL)


def test_the_only_dataset_is_found_in_groups(tmp_path, audio_file):
    file = write_hdf5(tmp_path / "visual.h5", **{"a/b/visual": VISUAL})
    np.testing.assert_array_equal(AVFeatures.from_hdf5(audio_file, file).visual, VISUAL)


def test_relative_names_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X = AVFeatures.from_hdf5(
        write_hdf5("a.h5", audio=AUDIO), write_hdf5("v.h5", visual={"data": VISUAL, "chunks": True})
    )
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(X)).visual, VISUAL)


# HDF5: processes, threads, estimators


def read_in_worker(X, rows):
    X.check_files()
    return os.getpid(), X.take(rows)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_workers_read_the_same(tmp_path, backend):
    X, visual = from_layout(tmp_path, "gzip")
    rng = np.random.default_rng(0)
    tasks = [rng.integers(0, N, 15) for _ in range(12)]
    X.take([0])  # reading before a fork must not harm
    with joblib.Parallel(2, backend=backend, max_nbytes=1000, temp_folder=tmp_path) as parallel:
        done = parallel(joblib.delayed(read_in_worker)(X, rows) for rows in tasks)
    for rows, (process, taken) in zip(tasks, done, strict=True):
        assert (process == os.getpid()) == (backend == "threading")
        np.testing.assert_array_equal(taken[0], AUDIO[rows], strict=True)
        np.testing.assert_array_equal(taken[1], visual[rows], strict=True)


def read_in_fork(X, queue):
    queue.put(X.take(ROWS)[1])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_reads_while_the_file_is_open_here(tmp_path):
    X, visual = from_layout(tmp_path, "gzip")
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    with h5py.File(tmp_path / "visual.h5") as opened:
        process = context.Process(target=read_in_fork, args=(X, queue))
        process.start()
        np.testing.assert_array_equal(queue.get(timeout=60), visual[ROWS])
        process.join(60)
        np.testing.assert_array_equal(opened["visual"][...], visual)
    np.testing.assert_array_equal(X.take(ROWS)[1], visual[ROWS])


@pytest.mark.slow
def test_a_localizer_learns_the_same_from_files(tmp_path, videos):
    X, y = videos
    file = write_hdf5(
        tmp_path / "both.h5",
        audio=X.audio.astype("f8"),
        visual={"data": X.visual.astype("f8"), "chunks": (7, 5, 3, 3, 2), "compression": "gzip"},
    )
    stored = AVFeatures.from_hdf5(file, file, audio_key="audio", visual_key="visual")
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0)
    expected = localizer.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(localizer.fit(stored, y).predict_proba(stored), expected)


@pytest.mark.parametrize("n_videos", [3, pytest.param(178, marks=needs_real_files)])
def test_a_file_in_the_released_layout_is_mapped(n_videos, tmp_path):
    """The file of 178 clips is the AVE dataset's own and may be missing; its twin, of three, is written here."""
    name, shape = "audio_feature_noisy.h5", (n_videos, 10, 128)
    file = REAL_FILES / name if n_videos == 178 else write_hdf5(tmp_path / name, avadataset=numbers(shape, "f8"))
    rows = open_hdf5(file)
    assert isinstance(rows, np.memmap) and rows.shape == shape
    np.testing.assert_array_equal(rows, read_hdf5(file, "avadataset"), strict=True)


# HDF5: errors


def patch_filter(file):
    """Write a file that is compressed with a filter that nobody has."""
    write_hdf5(file, visual={"data": VISUAL, "compression": "lzf"})
    content = file.read_bytes()
    lzf, unknown = (number.to_bytes(2, "little") + bytes([8, 0]) for number in (32000, 32123))
    assert content.count(lzf) == 1
    file.write_bytes(content.replace(lzf, unknown))


def cut(file):
    write_hdf5(file, visual=VISUAL)
    os.truncate(file, file.stat().st_size - 100)


def write_empty(file):
    with h5py.File(file, "w") as opened:
        opened["visual"] = h5py.Empty("f4")


BAD_FILES = {
    "text": (lambda file: file.write_text("no features"), {}, "cannot be read as an HDF5 file"),
    "nothing": (lambda file: file.write_bytes(b""), {}, "cannot be read as an HDF5 file"),
    "truncated": (cut, {}, "cannot be read as an HDF5 file: .*truncated"),
    "folder": (lambda file: file.mkdir(), {}, "is a folder"),
    "no dataset": (lambda file: write_hdf5(file), {}, "has not one dataset but 0.*: none"),
    "two datasets": (lambda file: write_hdf5(file, a=VISUAL, b=AUDIO), {}, "not one dataset but 2.*: 'a', 'b'"),
    "wrong key": (written(), {"visual_key": "maps"}, "has no dataset 'maps'. Its datasets: 'visual'"),
    "number as key": (written(), {"visual_key": 3}, "has no dataset 3"),
    "group": (
        lambda file: write_hdf5(file, **{"group/maps": VISUAL}), {"visual_key": "group"},
        "'group' of .* is a group. Its datasets: 'group/maps'",
    ),
    "three axes too many": (lambda file: write_hdf5(file, visual=VISUAL[None]), {}, r"got shape \(1, 23, 4, 3, 2, 5\)"),
    "four axes, chunked": (
        lambda file: write_hdf5(file, visual={"data": VISUAL[0], "chunks": True}), {}, r"got shape \(4, 3, 2, 5\)"
    ),
    "scalar": (lambda file: write_hdf5(file, visual=3.0), {}, r"got shape \(\)"),
    "no segments": (
        lambda file: write_hdf5(file, visual={"data": VISUAL[:, :0], "maxshape": VISUAL_SHAPE}), {}, "at least one seg"
    ),
    "no shape": (write_empty, {}, "has no shape"),
    "text as data": (lambda file: write_hdf5(file, visual=VISUAL.astype("S")), {}, "real numbers, got dtype |S"),
    "strings": (lambda file: write_hdf5(file, visual=["a", "b"]), {}, "real numbers, got dtype object"),
    "complex": (lambda file: write_hdf5(file, visual=VISUAL.astype("c8")), {}, "got dtype complex64"),
    "records": (
        lambda file: write_hdf5(file, visual=np.zeros(VISUAL_SHAPE, [("a", "f4")])), {}, "real numbers, got dtype"
    ),
    "filter": (patch_filter, {}, r"filter 32123 \('lzf'\), which is not installed"),
    "fewer videos": (lambda file: write_hdf5(file, visual=VISUAL[1:]), {}, "audio.h5 and .*same number of videos"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_hdf5_files_are_named(tmp_path, audio_file, case):
    write, keys, message = BAD_FILES[case]
    file = tmp_path / "visual.h5"
    write(file, *([VISUAL] if write is BAD_FILES["wrong key"][0] or case == "number as key" else []))
    with pytest.raises(ValueError, match=message) as caught:
        AVFeatures.from_hdf5(audio_file, file, **keys)
    assert str(file) in str(caught.value)


def test_a_missing_hdf5_file(tmp_path, audio_file):
    with pytest.raises(FileNotFoundError, match=r"visual\.h5"):
        AVFeatures.from_hdf5(audio_file, tmp_path / "visual.h5")


def test_hdf5_needs_h5py(tmp_path, monkeypatch, audio_file):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r'pip install "ave_sklearn\[hdf5\]"'):
        AVFeatures.from_hdf5(audio_file, audio_file)


@pytest.mark.slow
def test_h5py_is_not_imported_without_need():
    code = "import sys, ave_sklearn, ave_sklearn.datasets; sys.exit('h5py' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def write_in_place(file, values):
    with h5py.File(file, "r+") as opened:
        opened["visual"][...] = values


def rewritten(file):
    LAYOUTS["gzip"][2](file.with_name("new"), VISUAL)
    os.replace(file.with_name("new"), file)


CHANGES = {
    "missing": (os.remove, "No such file"),
    "other shape": (lambda file: write_hdf5(file, visual=VISUAL[1:]), r"of shape \(22, 4, 3, 2, 5\).* now"),
    "other type": (lambda file: write_hdf5(file, visual=VISUAL.astype("f8")), "dtype float64 now"),
    "other key": (lambda file: write_hdf5(file, maps=VISUAL), "has no dataset '/visual'"),
    "no HDF5": (lambda file: file.write_text("gone"), "cannot be read as an HDF5 file"),
    "truncated": (lambda file: os.truncate(file, 3000), "truncated"),
    "written in place": (lambda file: write_in_place(file, VISUAL + 1), "when it was opened and has|written to"),
    "written anew, the same": (lambda file: rewritten(file), "replaced by another file|written to, or touched"),
    "touched": (os.utime, "written to, or touched"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_is_an_error(tmp_path, change):
    X, _ = from_layout(tmp_path, "gzip")
    view, joined, data = X[3:5], AVFeatures.concatenate([X, X[:2]]), pickle.dumps(X)
    act, message = CHANGES[change]
    act(tmp_path / "visual.h5")
    for check in (X.check_files, view.check_files, joined.check_files, lambda: pickle.loads(data)):
        with pytest.raises(ValueError, match=rf"visual is read from .*visual\.h5, .*{message}"):
            check()
    with pytest.raises((ValueError, FileNotFoundError), match=r"visual\.h5"):
        X.take([0])


def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path):
    X, _ = from_layout(tmp_path, "gzip")
    with h5py.File(tmp_path / "visual.h5") as opened:
        chunk = opened["visual"].id.get_chunk_info(1)
    with open(tmp_path / "visual.h5", "r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(bytes(chunk.size))
    X = AVFeatures.from_hdf5(tmp_path / "audio.h5", tmp_path / "visual.h5")
    X.take([0])
    with pytest.raises(ValueError, match=r"visual\.h5 cannot be read"):
        X.take([8])


def test_joblib_hash_changes_with_the_file(tmp_path):
    X, _ = from_layout(tmp_path, "gzip")
    before = joblib.hash(X[2:5])
    assert before == joblib.hash(X[[2, 3, 4]]) != joblib.hash(X[3:6])
    os.utime(tmp_path / "visual.h5", ns=(1, 1))
    assert before != joblib.hash(X[2:5])


# Joined features


@pytest.fixture
def parts(tmp_path):
    """Features in memory, in .npy files and in two kinds of HDF5 files, with float32 and float64 numbers."""
    (tmp_path / "gzip").mkdir()
    (tmp_path / "mapped").mkdir()
    in_hdf5, _ = from_layout(tmp_path / "gzip", "gzip")
    mapped, _ = from_layout(tmp_path / "mapped", "float64")
    saved = AVFeatures(AUDIO + 1000, VISUAL - 1000).to_npy(tmp_path / "a.npy", tmp_path / "v.npy")
    return [in_hdf5[4:], AVFeatures(AUDIO[:2] + 0.5, VISUAL[:2]), saved[[3, 1]], mapped[::-1], in_hdf5[:0]]


def whole(parts):
    return np.concatenate([X.audio for X in parts]), np.concatenate([X.visual for X in parts])


def test_joined_features(parts):
    X, (audio, visual) = AVFeatures.concatenate(parts), whole(parts)
    assert len(X) == 19 + 2 + 2 + N and X.visual.dtype == np.float64
    np.testing.assert_array_equal(X.audio, audio, strict=True)
    np.testing.assert_array_equal(X.visual, visual, strict=True)
    assert X.nbytes == audio.nbytes + visual.nbytes
    assert repr(X).endswith("audio memory-mapped and in memory, visual in HDF5 and in memory and memory-mapped)")
    flat = np.concatenate([audio, visual.reshape(len(X), T, -1)], axis=2).reshape(len(X), -1)
    np.testing.assert_array_equal(np.asarray(X), flat, strict=True)


def test_rows_of_joined_features(parts):
    X, (audio, visual) = AVFeatures.concatenate(parts), whole(parts)
    rows = np.random.default_rng(0).integers(0, len(X), 60)
    view, rows = X[rows][::2], rows[::2]
    for again in (
        view,
        pickle.loads(pickle.dumps(view)),
        copy.deepcopy(view),
        AVFeatures.concatenate([view[:9], view[9:]]),
    ):
        np.testing.assert_array_equal(again.take([3, 29, 3])[0], audio[rows[[3, 29, 3]]], strict=True)
        np.testing.assert_array_equal(again.visual, visual[rows], strict=True)
    buffers = np.zeros((40, T, 6), "f4"), np.zeros((40, *VISUAL_SHAPE[1:]), "f4")
    view.take(out=buffers)
    np.testing.assert_array_equal(buffers[1][:30], visual[rows].astype("f4"))
    assert not buffers[1][30:].any()


def test_joined_files_are_pickled_by_name(parts):
    X = AVFeatures.concatenate([parts[0], parts[2], parts[3]])
    assert len(pickle.dumps(X)) < 3000
    assert joblib.hash(X[2:4]) == joblib.hash(X[[2, 3]]) != joblib.hash(X[1:3])


def test_joined_features_in_memory_have_no_file():
    X = AVFeatures.concatenate([AVFeatures(AUDIO, VISUAL), AVFeatures(AUDIO, VISUAL)])
    assert repr(X).endswith(" kB)")
    X.check_files()


def test_joined_features_must_be_alike():
    with pytest.raises(ValueError, match=r"visual of videos to join must be of the same shape.*\(4, 3, 2, 5\)"):
        AVFeatures.concatenate([AVFeatures(AUDIO, VISUAL), AVFeatures(AUDIO, VISUAL[..., 1:])])


def test_a_part_that_is_truncated_is_an_error(parts, tmp_path):
    X = AVFeatures.concatenate(parts)
    os.truncate(tmp_path / "v.npy", 500)
    with pytest.raises(ValueError, match=r"visual is memory-mapped from .*v\.npy, which has 500 bytes"):
        X.check_files()


# .npy files: reading


@pytest.mark.parametrize("order", ["C", "F"])
def test_from_npy(tmp_path, order):
    np.save(tmp_path / "a.npy", np.array(AUDIO, order=order))
    np.save(tmp_path / "v.npy", np.array(VISUAL.astype(">f4"), order=order))
    X = AVFeatures.from_npy(tmp_path / "a.npy", str(tmp_path / "v.npy"))
    assert repr(X).endswith("memory-mapped)")
    np.testing.assert_array_equal(X.take(ROWS)[0], AUDIO[ROWS], strict=True)
    np.testing.assert_array_equal(X.visual, VISUAL.astype(">f4"), strict=True)
    assert len(pickle.dumps(X)) < 1000


def save_cut(size):
    def save(file):
        np.save(file, VISUAL)
        os.truncate(file, size)

    return save


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda file: file.write_text("no features at all"), "cannot be read as an .npy file: .*magic"),
        (lambda file: file.write_bytes(b""), "cannot be read as an .npy file"),
        (save_cut(50), "cannot be read as an .npy file"),
        (save_cut(3000), "cannot be read as an .npy file: .*greater than file size"),
        (lambda file: np.save(file, VISUAL.astype(object)), "cannot be read as an .npy file: .*Python objects"),
        (lambda file: np.savez(open(file, "wb"), VISUAL), "cannot be read as an .npy file: .*magic"),
        (lambda file: np.save(file, VISUAL[0]), r": visual must be of shape .*got shape \(4, 3, 2, 5\)"),
        (lambda file: np.save(file, VISUAL.astype("c8")), "real numbers, got dtype complex64"),
        (lambda file: np.save(file, VISUAL[:, 1:]), "a.npy and .*v.npy: .*same number of segments"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_bad_npy_files_are_named(tmp_path, save, message):
    np.save(tmp_path / "a.npy", AUDIO)
    save(tmp_path / "v.npy")
    with pytest.raises(ValueError, match=message) as caught:
        AVFeatures.from_npy(tmp_path / "a.npy", tmp_path / "v.npy")
    assert str(tmp_path / "v.npy") in str(caught.value)


def test_a_missing_npy_file(tmp_path):
    np.save(tmp_path / "a.npy", AUDIO)
    with pytest.raises(FileNotFoundError, match=r"v\.npy"):
        AVFeatures.from_npy(tmp_path / "a.npy", tmp_path / "v.npy")


# .npy files: writing


class Failing(RowSource):
    """Rows of which the one in the middle cannot be read."""

    shape, dtype, storage = VISUAL_SHAPE, np.dtype("f4"), None

    def __init__(self, error):
        self.error = error

    def copy_rows(self, rows, out, places):
        if 12 in rows:
            raise self.error
        out[places] = VISUAL[rows]

    def check(self, name):
        pass


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two rows of visual features."""
    monkeypatch.setattr(feature_files, "BLOCK_BYTES", 2 * VISUAL[0].nbytes)


@pytest.fixture
def older(tmp_path):
    """Files that have the names already."""
    folder = tmp_path / "older"
    folder.mkdir()
    (folder / "a.npy").write_text("older audio")
    (folder / "v.npy").write_text("older visual")
    return folder


def assert_untouched(folder):
    contents = {file.name: file.read_text() for file in folder.iterdir()}
    assert contents == {"a.npy": "older audio", "v.npy": "older visual"}


@pytest.mark.parametrize("dtype", [None, "f4", np.float16, ">f8"])
@pytest.mark.parametrize("layout", ["float64", "gzip"])
def test_to_npy(tmp_path, older, small_blocks, layout, dtype):
    X, visual = from_layout(tmp_path, layout)
    saved = X[ROWS].to_npy(older / "a.npy", older / "v.npy", dtype=dtype)
    assert repr(saved).endswith("memory-mapped)")
    assert sorted(file.name for file in older.iterdir()) == [".a.npy.pair", ".v.npy.pair", "a.npy", "v.npy"]
    for file, array, want in (("a.npy", saved.audio, AUDIO), ("v.npy", saved.visual, visual)):
        want = want[ROWS].astype(dtype or want.dtype)
        np.testing.assert_array_equal(array, want, strict=True)
        np.testing.assert_array_equal(np.load(older / file), want, strict=True)


def test_to_npy_writes_the_rights_of_new_files(tmp_path):
    (tmp_path / "other").write_text("")
    AVFeatures(AUDIO, VISUAL).to_npy(tmp_path / "a.npy", tmp_path / "v.npy")
    assert (tmp_path / "a.npy").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_to_npy_may_replace_its_own_files(tmp_path, small_blocks):
    files = tmp_path / "a.npy", tmp_path / "v.npy"
    X = AVFeatures(AUDIO, VISUAL).to_npy(*files)
    saved = X[::-1].to_npy(*files, dtype="f8")
    np.testing.assert_array_equal(saved.visual, VISUAL[::-1].astype("f8"), strict=True)
    np.testing.assert_array_equal(X.visual, VISUAL, strict=True)


def test_to_npy_reads_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "BLOCK_BYTES", 300_000)
    X = AVFeatures(np.zeros((1000, 10, 1)), np.broadcast_to(np.float32(1), (1000, 10, 4, 4, 10)))
    tracemalloc.start()
    saved = X.to_npy(tmp_path / "a.npy", tmp_path / "v.npy")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert saved.visual.nbytes == 6_400_000 and (saved.visual == 1).all()
    assert 200_000 < peak < 1_000_000


@pytest.mark.parametrize("error", [RuntimeError("unreadable"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_what_was_there(older, small_blocks, error):
    X = AVFeatures(AUDIO, Failing(error))
    with pytest.raises(type(error)):
        X.to_npy(older / "a.npy", older / "v.npy")
    assert_untouched(older)


def test_nothing_is_renamed_before_both_are_finished(older, monkeypatch):
    unfinished = []

    def replace(source, target):
        if Path(target).name in ("a.npy", "v.npy"):
            parts = [*older.glob(".a.npy.*.part"), *older.glob(".v.npy.*.part")]
            unfinished.append(len(parts))
            assert all(len(np.load(part)) == N for part in parts)
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    AVFeatures(AUDIO, VISUAL).to_npy(older / "a.npy", older / "v.npy")
    assert unfinished == [2, 1]


def test_no_room_is_known_before_writing(older, monkeypatch):
    free = AUDIO.nbytes + VISUAL.nbytes - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 10**9, free))
    with pytest.raises(OSError, match=rf"a\.npy and .*v\.npy: {free + 1} bytes are needed, {free} are free") as caught:
        AVFeatures(AUDIO, VISUAL).to_npy(older / "a.npy", older / "v.npy")
    assert caught.value.errno == errno.ENOSPC
    assert_untouched(older)
    half = AVFeatures(AUDIO, VISUAL).to_npy(older / "a.npy", older / "v.npy", dtype="f2")  # this fits
    assert half.audio.dtype == half.visual.dtype == np.float16 and half.nbytes <= free


FULL_DISK = """
import resource, sys
import numpy as np
from ave_sklearn import AVFeatures
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
X = AVFeatures(np.ones((50, 10, 2)), np.ones((50, 10, 300)))
try:
    X.to_npy(sys.argv[1] + "/a.npy", sys.argv[1] + "/v.npy")
except OSError as error:
    print(error.filename, error.errno)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_write_that_fails_leaves_what_was_there(older):
    command = [sys.executable, "-c", FULL_DISK, str(older)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [str(older / "v.npy"), str(errno.EFBIG)], done.stderr
    assert_untouched(older)


@pytest.mark.parametrize(
    ("audio", "visual", "dtype", "error", "message"),
    [
        ("none/a.npy", "v.npy", None, FileNotFoundError, "none"),
        ("a.npy", "none/v.npy", None, FileNotFoundError, "No such folder to write to.*none"),
        ("a.npy", ".", None, IsADirectoryError, "folder"),
        ("a.npy", "a.npy", None, ValueError, "a file of its own"),
        ("a.npy", "../older/a.npy", None, ValueError, "a file of its own"),
        ("a.npy", "v.npy", "c8", ValueError, "dtype must be one of real numbers, got complex64"),
        ("a.npy", "v.npy", object, ValueError, "dtype must be one of real numbers, got object"),
    ],
)
def test_wrong_targets_are_errors(older, audio, visual, dtype, error, message):
    with pytest.raises(error, match=message):
        AVFeatures(AUDIO, VISUAL).to_npy(older / audio, older / visual, dtype=dtype)
    assert_untouched(older)


def test_to_npy_checks_the_files_that_it_reads(tmp_path, older):
    X, _ = from_layout(tmp_path, "contiguous")
    os.truncate(tmp_path / "visual.h5", 3000)
    with pytest.raises(ValueError, match=r"visual\.h5, which has 3000 bytes"):
        X.to_npy(older / "a.npy", older / "v.npy")
    assert_untouched(older)


# The writer by itself


@pytest.mark.parametrize("counts", [[], [0], [5], [1] * 11, [3, 0, 100]])
def test_rows_are_appended_until_the_block_ends(tmp_path, counts):
    rows = numbers((sum(counts), 2, 3))
    a, b = tmp_path / "a.npy", tmp_path / "b.npy"
    with npy_files({a: ((2, 3), "f8"), str(b): ((), ">i2")}) as (first, second):
        for stop, count in zip(np.cumsum(counts), counts, strict=True):
            first.append(rows[stop - count : stop])
        second.append([1, 2, 3])
        assert first.n_rows == len(rows)
        assert not a.exists() and not b.exists()
    np.testing.assert_array_equal(np.load(a), rows.astype("f8"), strict=True)
    np.testing.assert_array_equal(np.load(b), np.array([1, 2, 3], ">i2"), strict=True)
    np.save(tmp_path / "numpy.npy", rows.astype("f8"))
    assert a.read_bytes() == (tmp_path / "numpy.npy").read_bytes()
    assert (a.stat().st_size - 8 * rows.size) % 64 == 0


def test_the_header_has_room_for_many_rows(tmp_path):
    with npy_files({tmp_path / "a.npy": ((3,), "f4")}) as (writer,):
        size = writer._header_size
        writer.n_rows = 10**18
        writer._stream.seek(0)
        assert writer._write_header() == size
        assert size % 64 == 0
        writer.n_rows = 0


@pytest.mark.parametrize("rows", [np.zeros((2, 4)), np.zeros(3), np.zeros((2, 3, 1)), 5.0])
def test_rows_of_another_shape_are_refused(tmp_path, rows):
    with pytest.raises(ValueError, match=r"a\.npy takes rows of shape .*3.* got shape"):
        with npy_files({tmp_path / "a.npy": ((3,), "f4")}) as (writer,):
            writer.append(rows)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_made_removes_the_others(tmp_path):
    long = tmp_path / ("x" * 250 + ".npy")
    with pytest.raises(OSError, match="File name too long, while writing"):
        with npy_files({tmp_path / "a.npy": ((3,), "f4"), long: ((3,), "f4")}):
            pass
    assert not list(tmp_path.iterdir())


def test_a_link_to_a_chunked_dataset_of_another_file(tmp_path, audio_file):
    write_hdf5(tmp_path / "data.h5", visual={"data": VISUAL, "chunks": True})
    with h5py.File(tmp_path / "link.h5", "w") as opened:
        opened["linked"] = h5py.ExternalLink("data.h5", "/visual")
    X = AVFeatures.from_hdf5(audio_file, tmp_path / "link.h5", visual_key="linked", external_files=tmp_path)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(X[2:])).visual, VISUAL[2:])


@pytest.mark.parametrize("arguments", [None, {}, {"chunks": True}])
def test_numbers_that_a_type_cannot_hold_are_not_written(tmp_path, older, arguments):
    visual = np.where(VISUAL == VISUAL.min(), -1e6, VISUAL)
    X = AVFeatures(AUDIO, visual)
    if arguments is not None:
        file = write_hdf5(tmp_path / "both.h5", audio=AUDIO, visual={"data": visual, **arguments})
        X = AVFeatures.from_hdf5(file, file, audio_key="audio", visual_key="visual")
    with pytest.raises(ValueError, match="visual has numbers that dtype float16 cannot hold"):
        X.to_npy(older / "a.npy", older / "v.npy", dtype="float16")
    assert_untouched(older)
