"""Mapped arrays byte by byte: where each lies in its file, and the shortest file that holds it."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from ave_sklearn import AVFeatures
from ave_sklearn._features.memmap import MappedArray, check_mapped_file, file_range
from ave_sklearn._features.npy import check_disk_space

N = 6000  # numbers of two bytes: more than two pages of memory
OFFSETS = [0, 2, 128, 4096, 4098, 8192]  # bytes


def mapped(folder, offset, mode="r"):
    """A map of a file whose n-th number is n, from a byte on: a number tells where in the file it lies."""
    file = folder / "numbers.bin"
    np.arange(N, dtype="<u2").tofile(file)
    return np.memmap(file, "<u2", mode, offset=offset, shape=(10, 4, 5))


VIEWS = {
    "all": lambda x: x,
    "rows": lambda x: x[3:7],
    "one row": lambda x: x[9],
    "one number": lambda x: x[4:5, 2:3, 1:2],
    "backwards": lambda x: x[::-1],
    "backwards along each axis": lambda x: x[::-2, ::-1, ::-3],
    "every second": lambda x: x[1::2, :, ::2],
    "transposed": lambda x: x.T,
    "a view of a view": lambda x: x[2:][::2][1:, 1:],
    "no memmap": lambda x: np.asarray(x)[5:8],
}
each_view = pytest.mark.parametrize("view", VIEWS)
each_offset = pytest.mark.parametrize("offset", OFFSETS)


@each_view
@each_offset
def test_the_place_of_an_array_is_that_of_its_bytes(tmp_path, view, offset):
    array = VIEWS[view](mapped(tmp_path, offset))
    places = 2 * np.asarray(array).astype(int)  # each number tells its own
    place = MappedArray.of("audio", array)
    assert place.first == places.ravel()[0]
    assert (place.start, place.stop) == (places.min(), places.max() + 2) == file_range(array)
    assert place.file == os.fspath(tmp_path / "numbers.bin")


@each_view
@each_offset
def test_it_is_opened_again_as_it_was(tmp_path, view, offset):
    array = VIEWS[view](mapped(tmp_path, offset))
    again = MappedArray.of("audio", array).open("audio")
    np.testing.assert_array_equal(again, array)
    assert (again.dtype, again.strides, again.flags.writeable) == (array.dtype, array.strides, False)


@each_view
@pytest.mark.parametrize("offset", [0, 4098])
@pytest.mark.parametrize("folder", ["mine", "joblib_memmapping_folder_1"])
def test_a_file_may_end_with_the_last_byte_and_not_before(tmp_path, view, offset, folder):
    (tmp_path / folder).mkdir()
    array = VIEWS[view](mapped(tmp_path / folder, offset))
    place, file = MappedArray.of("audio", array), tmp_path / folder / "numbers.bin"
    stop = 2 * int(np.asarray(array).max()) + 2
    expected = np.array(array)
    os.truncate(file, stop)
    check_mapped_file("audio", array)
    np.testing.assert_array_equal(place.open("audio"), expected)
    os.truncate(file, stop - 1)
    told = f"audio is memory-mapped from .*numbers.bin, which has {stop - 1} bytes where at least {stop} are wanted"
    with pytest.raises(ValueError, match=told):
        check_mapped_file("audio", array)
    with pytest.raises(ValueError, match=told):
        place.open("audio")


def test_a_file_that_is_gone_is_named_with_what_it_should_hold(tmp_path):
    array = mapped(tmp_path, 2)[2:]
    place = MappedArray.of("audio", array)
    os.remove(tmp_path / "numbers.bin")
    for check in (lambda: check_mapped_file("audio", array), lambda: place.open("audio")):
        with pytest.raises(ValueError, match="numbers.bin, of which at least 402 bytes are wanted, but it cannot be"):
            check()


@pytest.mark.parametrize("lacking", [0, 1])
def test_npy_files_are_read_to_their_last_byte(tmp_path, lacking):
    files = [tmp_path / "audio.npy", tmp_path / "visual.npy"]
    audio, visual = np.arange(24.0).reshape(4, 3, 2), np.arange(36.0, dtype="f4").reshape(4, 3, 3)
    for file, array in zip(files, (audio, visual), strict=True):
        np.save(file, array)
    os.truncate(files[1], os.path.getsize(files[1]) - lacking)
    if lacking:
        with pytest.raises(ValueError, match="visual.npy cannot be read as an .npy file"):
            AVFeatures.from_npy(*files)
        return
    X = AVFeatures.from_npy(*files)
    np.testing.assert_array_equal(X.audio, audio)
    np.testing.assert_array_equal(X.visual, visual)
    os.truncate(files[1], os.path.getsize(files[1]) - 1)
    with pytest.raises(ValueError, match="visual is memory-mapped from .*visual.npy, which has"):
        X.check_files()


def test_written_files_have_the_size_of_their_numbers(tmp_path):
    X = AVFeatures(np.ones((5, 3, 2)), np.ones((5, 3, 7)))
    files = [tmp_path / "audio.npy", tmp_path / "visual.npy"]
    X.to_npy(*files, dtype="f4")
    for file, n_features in zip(files, (2, 7), strict=True):
        header = len(file.read_bytes()) - 5 * 3 * n_features * 4
        assert header > 0 and header % 64 == 0
        assert np.load(file).shape == (5, 3, n_features)


@pytest.mark.parametrize("free", [100, 99])
def test_a_disk_may_be_filled_to_its_last_byte(tmp_path, monkeypatch, free):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    needed = {tmp_path / "audio.npy": 60, tmp_path / "visual.npy": 40}
    if free == 100:
        check_disk_space(needed)
        return
    with pytest.raises(OSError, match="100 bytes are needed, 99 are free"):
        check_disk_space(needed)
