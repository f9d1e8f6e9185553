"""Features that are unpickled by another process or machine: errors name the machine and the file."""

import asyncio
import os
import pickle
import shutil
import socket
import subprocess
import sys

import h5py
import joblib
import numpy as np
import pytest

from ave_sklearn import AVFeatures

N = 8
AUDIO, VISUAL = np.arange(N * 6, dtype="f4").reshape(N, 2, 3), np.arange(N * 20, dtype="f4").reshape(N, 2, 2, 1, 5)
HOST = f"{socket.gethostname()}; the files of features must be there under the same path"
NOT_HERE, HERE = f"is not on the machine {HOST}", f"This is the machine {HOST}, of the same size and time of change"


def of_npy(folder):
    return AVFeatures(AUDIO, VISUAL).to_npy(folder / "audio.npy", folder / "visual.npy")


def of_hdf5(folder):
    """Compressed audio, and visual features that are memory-mapped."""
    with h5py.File(folder / "both.h5", "w") as file:
        file.create_dataset("audio", data=AUDIO, compression="gzip")
        file.create_dataset("visual", data=VISUAL)
    return AVFeatures.from_hdf5(folder / "both.h5", folder / "both.h5", audio_key="audio", visual_key="visual")


def joined(folder):
    X = of_npy(folder)
    return AVFeatures.concatenate([X[:3], X[1:]])


KINDS = {"npy": (of_npy, "audio.npy"), "hdf5": (of_hdf5, "both.h5"), "joined": (joined, "audio.npy")}
each_kind = pytest.mark.parametrize("kind", KINDS)


def lengthen(file):
    with open(file, "ab") as opened:
        opened.write(b"0")


def cut_off(file):
    os.truncate(file, 200)


CHANGES = {"gone": (os.remove, NOT_HERE), "longer": (lengthen, HERE), "touched": (os.utime, HERE)}
CHANGES["shorter"] = cut_off, HERE


@each_kind
@pytest.mark.parametrize("change", CHANGES)
def test_an_unpickled_reference_names_machine_and_file(tmp_path, kind, change):
    make, name = KINDS[kind]
    X = make(tmp_path)
    data, again = pickle.dumps(X), pickle.loads(pickle.dumps(X))
    act, where = CHANGES[change]
    act(tmp_path / name)
    for read in (lambda: pickle.loads(data), again.check_files, again.take, lambda: again[1:].take([0])):
        with pytest.raises(ValueError) as caught:
            read()
        assert where in str(caught.value) and str(tmp_path / name) in str(caught.value)
        assert str(caught.value).count(HOST) == 1
    with pytest.raises((ValueError, OSError)) as caught:  # an error about a file of this process's own
        X.take()
    assert HOST not in str(caught.value)


@pytest.mark.slow
def test_another_process_names_machine_and_file(tmp_path):
    joblib.dump(of_npy(tmp_path), tmp_path / "X.joblib")
    os.rename(tmp_path / "audio.npy", tmp_path / "moved.npy")
    command = [sys.executable, "-c", "import sys, joblib; joblib.load(sys.argv[1])", tmp_path / "X.joblib"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert f"{tmp_path / 'audio.npy'} {NOT_HERE}" in done.stderr.splitlines()[-1]


@each_kind
def test_in_an_event_loop_files_are_looked_at_when_they_are_read(tmp_path, kind):
    """An error there would close the connection that a message came by, and nobody would see it."""
    make, name = KINDS[kind]
    data = pickle.dumps(make(tmp_path))
    os.rename(tmp_path / name, tmp_path / "moved")

    async def load():
        return pickle.loads(data)

    X = asyncio.run(load())
    passed_on = pickle.dumps(X)  # as Dask's scheduler does, whose machine need not have the files
    with pytest.raises(ValueError, match=NOT_HERE):
        X.take()
    with pytest.raises(ValueError, match=NOT_HERE):
        pickle.loads(passed_on)
    os.rename(tmp_path / "moved", tmp_path / name)
    np.testing.assert_array_equal(pickle.loads(passed_on).take()[0], X.take()[0])


@each_kind
def test_copies_with_their_times_are_the_same_files(tmp_path, kind):
    make, name = KINDS[kind]
    X = make(tmp_path)
    data, values = pickle.dumps(X), X.take()[1]
    shutil.copy2(tmp_path / name, tmp_path / "copy")
    os.replace(tmp_path / "copy", tmp_path / name)
    np.testing.assert_array_equal(pickle.loads(data).take()[1], values)


@each_kind
def test_size_in_memory_is_that_of_rows_in_memory(tmp_path, kind):
    X, in_memory = KINDS[kind][0](tmp_path), AVFeatures(AUDIO, VISUAL)
    assert sys.getsizeof(X) < 1000
    both = AUDIO.nbytes + VISUAL.nbytes
    assert both < sys.getsizeof(in_memory) < both + 1000
    assert both / 2 < sys.getsizeof(in_memory[: N // 2]) < both
    half = AVFeatures.concatenate([X, in_memory])
    assert both < sys.getsizeof(half) < both + 2000
