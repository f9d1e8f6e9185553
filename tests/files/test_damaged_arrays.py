"""Damaged .npy and HDF5 files: ValueErrors that name file and cause, before memory is asked for or anything waits."""

import os
import struct
import warnings

import h5py
import numpy as np
import pytest

from ave_sklearn import AVFeatures
from ave_sklearn._features.hdf5 import HDF5Rows, open_hdf5, read_hdf5
from ave_sklearn._features.npy import open_npy

VALUES = np.arange(12 * 3 * 4).reshape(12, 3, 4).astype("f4")

# .npy


def write_npy(file, header, version=(1, 0), length=None, data=bytes(36)):
    """Write a file with a header of any text, and of any length that it claims to have."""
    text = header.encode("utf-8") if isinstance(header, str) else header
    claimed = struct.pack("<H" if version[0] == 1 else "<I", len(text) if length is None else length)
    file.write_bytes(b"\x93NUMPY" + bytes(version) + claimed + text + data)


def header(shape="(1, 3, 3)", descr="'<f4'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


HEADERS = {
    "bracket never closed": header("(1, 3"),
    "brackets": "(" * 4000,
    "signs": "-" * 5000 + "1",
    "a long number": header(f"({'9' * 5000}, 3)"),
    "other text": "features",
    "bytes": b"\xff\xfe\x00" * 10,
    "nothing": "",
    "a number as text": "7",
    "keys missing": "{'shape': (1, 3, 3)}",
    "a key more": "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 3), 'more': 1}",
    "escapes": "{'descr': '\\d\\q'}",
    "numbers that run into words": "1or 2",
    "shape beyond 64 bits": header("(18446744073709551616, 3, 3)"),
    "product beyond 64 bits": header("(4294967296, 4294967296, 3)"),
    "product beyond 64 bits, of no rows": header("(0, 4294967296, 4294967296)"),
    "bytes beyond 64 bits": header("(2305843009213693952, 1, 1)"),
    "negative shape": header("(-1, 3, 3)"),
    "two negative lengths": header("(-1, -9, 1)"),
    "shape of booleans": header("(True, 3, 3)"),
    "shape of floats": header("(1.0, 3, 3)"),
    "shape of 70 axes": header(f"({'1, ' * 70})"),
    "shape as a list": header("[1, 3, 3]"),
    "more than there is": header("(2, 3, 3)"),
    "order": header(order="'C'"),
    "no type": header(descr="'?!'"),
    "number as type": header(descr="4"),
    "objects": header(descr="'|O'"),
    "records": header(descr="[('a', '<f4')]"),
    "arrays in an array": header(descr="('<f4', (3,))", shape="(1, 3)"),
    "text": header(descr="'<U9'"),
    "times": header(descr="'<M8[s]'"),
    "time spans": header(descr="'<m8[s]'"),
    "raw bytes": header(descr="'|V4'"),
    "complex": header(descr="'<c8'", shape="(1, 1, 3)"),
}


@pytest.mark.parametrize("case", HEADERS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_damaged_headers_of_npy_files(tmp_path, case, version):
    file = tmp_path / "bad.npy"
    write_npy(file, HEADERS[case], version)
    with warnings.catch_warnings(), pytest.raises(ValueError, match=r"bad\.npy"):
        warnings.simplefilter("error")
        AVFeatures.from_npy(file, file)


@pytest.mark.parametrize(
    ("version", "length", "message"),
    [
        ((1, 0), 65535, "header has 65535 bytes"),
        ((2, 0), 2**32 - 1, "header has 4294967295 bytes"),
        ((3, 0), 2**31, "header has 2147483648 bytes"),
        ((1, 0), 0, "cannot be read as an .npy file"),
        ((4, 0), None, r"version is 4\.0"),
        ((1, 7), None, r"version is 1\.7"),
        ((0, 0), None, r"version is 0\.0"),
    ],
)
def test_damaged_versions_and_lengths_of_npy_files(tmp_path, version, length, message):
    file = tmp_path / "bad.npy"
    write_npy(file, header(), version, length)
    with pytest.raises(ValueError, match=rf"bad\.npy cannot be read as an \.npy file: .*{message}|{message}"):
        open_npy(file)


def test_every_cut_of_an_npy_file(tmp_path):
    file = tmp_path / "cut.npy"
    np.save(file, VALUES)
    whole = file.read_bytes()
    for size in [*range(0, 140), len(whole) - 1]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut\.npy cannot be read as an \.npy file"):
            open_npy(file)


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_whole_npy_files_of_all_versions(tmp_path, version, order):
    with open(tmp_path / "good.npy", "wb") as opened:
        np.lib.format.write_array(opened, np.array(VALUES, order=order), version)
        opened.write(b"what follows is not looked at")
    mapped = open_npy(tmp_path / "good.npy")
    assert isinstance(mapped, np.memmap) and mapped.mode == "r" and mapped.flags.f_contiguous == (order == "F")
    np.testing.assert_array_equal(mapped, VALUES, strict=True)


def test_an_npy_file_of_python_2(tmp_path):
    write_npy(tmp_path / "old.npy", header("(1L, 3L, 3L)"))
    with pytest.warns(UserWarning, match="Python 2"):
        assert open_npy(tmp_path / "old.npy").shape == (1, 3, 3)


# Neither


def opened_by(kind, file, other):
    if kind == "npy":
        AVFeatures.from_npy(other, file)
    else:
        AVFeatures.from_hdf5(other, file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@pytest.mark.parametrize("kind", ["npy", "hdf5"])
def test_pipes_devices_and_folders_are_named_without_waiting(tmp_path, kind):
    np.save(tmp_path / "good.npy", VALUES)
    with h5py.File(tmp_path / "good.hdf5", "w") as opened:
        opened["values"] = VALUES
    names = ["/dev/zero", tmp_path / "folder", tmp_path / "pipe"]
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, what in zip(names, ["no regular file", "a folder", "no regular file"], strict=True):
        with pytest.raises(ValueError, match=rf"{name} is {what}, not an"):
            opened_by(kind, name, tmp_path / f"good.{kind}")


# HDF5: declared sizes


def patch(file, old, new):
    content = file.read_bytes()
    assert content.count(old) == 1
    file.write_bytes(content.replace(old, new))


def lengths(*numbers):
    return struct.pack(f"<{len(numbers)}Q", *numbers)


def write(file, values=VALUES, libver="earliest", **arguments):
    with h5py.File(file, "w", libver=libver) as opened:
        opened.create_dataset("values", data=values, **arguments)
    return file


def larger_piece(file):
    """Declare more rows, and an amount of bytes that fits."""
    write(file)
    patch(file, lengths(12, 3, 4, 12, 3, 4), lengths(2**40, 3, 4, 2**40, 3, 4))
    content = file.read_bytes()
    place = content.index(struct.pack("<Q", VALUES.nbytes), 512)
    file.write_bytes(content[:place] + struct.pack("<Q", 2**40 * 48) + content[place + 8 :])


def larger_product(file):
    write(file, chunks=(2, 3, 4), maxshape=(24, 3, 4))
    patch(file, lengths(12, 3, 4, 24, 3, 4), lengths(2**40, 2**30, 4, 2**40, 2**30, 4))


def more_rows_of_chunks(file):
    write(file, chunks=(2, 3, 4), compression="gzip", maxshape=(24, 3, 4))
    patch(file, lengths(12, 3, 4, 24), lengths(2**40, 3, 4, 2**40))


def huge_chunks(file, **arguments):
    """Write chunks of 12 rows that say that they have a million times as many numbers."""
    write(file, chunks=(12, 3, 4), **arguments)
    patch(file, struct.pack("<4I", 12, 3, 4, 4), struct.pack("<4I", 12, 3000, 4000, 4))


def huge_chunk_in_earnest(file):
    """A chunk of 100 MB of which the file has 1 kB: deflate cannot make that of it."""
    with h5py.File(file, "w") as opened:
        values = opened.create_dataset("values", (10, 1000, 2500), "f4", chunks=(10, 1000, 2500), compression="gzip")
        values.id.write_direct_chunk((0, 0, 0), b"x" * 1000)


def cut_chunk(file):
    """A chunk that is stored as it is, but for its end."""
    with h5py.File(file, "w") as opened:
        values = opened.create_dataset("values", (4, 3, 4), "f4", chunks=(4, 3, 4), shuffle=True)
        values.id.write_direct_chunk((0, 0, 0), bytes(100))


LARGER = {
    "one piece": (larger_piece, "declares .* bytes, of which its file can hold|invalid dataset size"),
    "no array": (larger_product, "declares the shape .* which no array can have"),
    "rows without chunks": (more_rows_of_chunks, f"rows 12 to {2**40 - 1} of {2**40}"),
    "chunks": (huge_chunks, "declares chunks of|cannot be read"),
    "compressed chunks": (lambda file: huge_chunks(file, compression="gzip"), "declares chunks of|cannot be read"),
    "a chunk of 100 MB": (huge_chunk_in_earnest, "declares chunks of 100000000 bytes, where one can have 1032000"),
    "a chunk that is cut": (cut_chunk, "declares chunks of 192 bytes, where one can have 100 at most"),
}


@pytest.mark.parametrize("case", LARGER)
@pytest.mark.parametrize("read", [open_hdf5, read_hdf5])
def test_sizes_that_an_hdf5_file_cannot_hold(tmp_path, case, read):
    act, message = LARGER[case]
    act(tmp_path / "large.h5")
    with pytest.raises(ValueError, match=rf"large\.h5.*({message})"):
        read(tmp_path / "large.h5")


@pytest.mark.parametrize(
    "arguments",
    [
        {"compression": "gzip", "compression_opts": 9},
        {"compression": "gzip", "shuffle": True, "fletcher32": True},
        {"compression": "lzf"},
        {"scaleoffset": 0},
        {"fletcher32": True},
    ],
)
@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_nothing_but_zeros_is_not_too_large(tmp_path, arguments, libver):
    """The chunks that shrink most."""
    values = np.zeros((50, 100, 100), "i4")
    file = write(tmp_path / "zeros.h5", values, libver, chunks=(20, 100, 100), **arguments)
    np.testing.assert_array_equal(read_hdf5(file), values)


def test_numbers_that_cannot_be_compressed_are_stored_as_they_are(tmp_path):
    values = np.random.default_rng(0).integers(0, 2**32, (20, 5, 5), np.uint32)
    file = write(tmp_path / "noise.h5", values, chunks=(3, 5, 5), compression="lzf")
    np.testing.assert_array_equal(read_hdf5(file), values)


# HDF5: what was never written

LAYOUTS = {
    "rows": {"chunks": (1, 3, 4)},
    "beside one another": {"chunks": (5, 2, 3)},
    "resizable": {"chunks": (2, 3, 4), "maxshape": (None, 3, 4)},
    "resizable twice": {"chunks": (2, 3, 4), "maxshape": (None, None, 4)},
    "compressed": {"chunks": (5, 3, 2), "compression": "gzip"},
    "one chunk": {"chunks": (12, 3, 4)},
}


def write_rows(file, rows, libver, **arguments):
    """Write some rows of a dataset, and return which rows lie in chunks that were not written."""
    unwritten = np.ones(12, bool)
    with h5py.File(file, "w", libver=libver) as opened:
        values = opened.create_dataset("values", VALUES.shape, "f4", **arguments)
        for row in rows:
            values[row] = VALUES[row]
            first = row // arguments["chunks"][0] * arguments["chunks"][0]
            unwritten[first : first + arguments["chunks"][0]] = False
    return np.flatnonzero(unwritten)


def told_rows(message):
    """Rows as an error names them."""
    told = message.partition("fill values: ")[2].partition(" of ")[0].replace(" and ", ", ")
    rows = []
    for part in told.removeprefix("rows ").removeprefix("row ").split(", "):
        first, _, last = part.partition(" to ")
        rows += range(int(first), int(last or first) + 1)
    return rows


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("rows", [(), (0,), (11,), (0, 1, 2, 3, 4), (3, 8), tuple(range(12))])
def test_chunks_that_were_never_written(tmp_path, layout, libver, rows):
    file = tmp_path / "values.h5"
    unwritten = write_rows(file, rows, libver, **LAYOUTS[layout])
    if not len(unwritten):
        assert isinstance(open_hdf5(file), HDF5Rows)
        return
    for read in (open_hdf5, read_hdf5):
        with pytest.raises(ValueError, match=r"dataset '/values' of .*values\.h5 has rows that were never") as caught:
            read(file)
        assert told_rows(str(caught.value)) == unwritten.tolist()


def test_a_part_of_a_row_that_was_never_written(tmp_path):
    with h5py.File(tmp_path / "values.h5", "w") as opened:
        values = opened.create_dataset("values", (6, 4, 2), "f4", chunks=(2, 2, 2))
        values[:, :2] = 1
        values[:2] = 1
    with pytest.raises(ValueError, match="rows 2 to 5 of 6"):
        open_hdf5(tmp_path / "values.h5")


def test_one_piece_that_was_never_written(tmp_path):
    with h5py.File(tmp_path / "values.h5", "w") as opened:
        opened.create_dataset("values", (6, 4, 2), "f8", fillvalue=7.0)
    with pytest.raises(ValueError, match=r"fill values: rows 0 to 5 of 6"):
        open_hdf5(tmp_path / "values.h5")


@pytest.mark.parametrize(
    "arguments", [{}, {"chunks": (2, 3, 4), "maxshape": (9, 3, 4)}, {"maxshape": (None, 3, 4), "compression": "gzip"}]
)
def test_no_rows_lack_nothing(tmp_path, arguments):
    with h5py.File(tmp_path / "values.h5", "w") as opened:
        opened.create_dataset("values", (0, 3, 4), "f4", **arguments)
    assert open_hdf5(tmp_path / "values.h5").shape == read_hdf5(tmp_path / "values.h5").shape == (0, 3, 4)


def test_a_dataset_that_was_made_smaller(tmp_path):
    with h5py.File(write(tmp_path / "values.h5", chunks=(5, 2, 3), maxshape=(None, 3, 4)), "a") as opened:
        opened["values"].resize((7, 3, 4))
    np.testing.assert_array_equal(read_hdf5(tmp_path / "values.h5"), VALUES[:7])


def test_many_chunks_are_counted_once(tmp_path, monkeypatch):
    """When the dataset is opened, not with every batch."""
    file = write(tmp_path / "values.h5", chunks=(1, 1, 1))
    X = AVFeatures.from_hdf5(file, file)
    monkeypatch.setattr("ave_sklearn._features.hdf5_survey.check_chunks", None)
    X.check_files()
    np.testing.assert_array_equal(X.take([3, 1])[0], VALUES[[3, 1]])


# HDF5: types, names and links


def test_types_that_are_no_numbers(tmp_path):
    kinds = {
        "compound": np.zeros(VALUES.shape, [("a", "f4")]),
        "strings": np.zeros(VALUES.shape, "S3"),
        "array": np.zeros(VALUES.shape[:2], np.dtype(("f4", (4,)))),
        "opaque": np.zeros(VALUES.shape, "V4"),
    }
    with h5py.File(tmp_path / "kinds.h5", "w") as opened:
        for key, values in kinds.items():
            opened.create_dataset(key, VALUES.shape[: values.ndim], values.dtype if key != "array" else "(4,)f4")
        opened.create_dataset("ragged", VALUES.shape, h5py.vlen_dtype("f4"))
        opened.create_dataset("reference", VALUES.shape, h5py.ref_dtype)
        opened.create_dataset("region", VALUES.shape, h5py.regionref_dtype)
        opened.create_dataset("times", VALUES.shape, h5py.opaque_dtype(np.dtype("M8[s]")))
        opened["type"] = np.dtype("f4")
        keys = [key for key in opened if key != "type"]
    for key in keys:
        with pytest.raises(ValueError, match=rf"'/{key}' of .*kinds\.h5 (must be of real numbers|is of a type)"):
            open_hdf5(tmp_path / "kinds.h5", key)
    with pytest.raises(ValueError, match=r"'type' of .*kinds\.h5 is a datatype"):
        open_hdf5(tmp_path / "kinds.h5", "type")


def test_numbers_of_named_and_enumerated_types(tmp_path):
    with h5py.File(tmp_path / "kinds.h5", "w") as opened:
        opened["type"] = np.dtype("<f4")
        opened.create_dataset("named", data=VALUES, dtype=opened["type"])
        kind = h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, "i4")
        opened.create_dataset("enum", data=VALUES.astype("i4") % 3, dtype=kind)
        opened.create_dataset("chunked", data=VALUES.astype("i4") % 3, dtype=kind, chunks=True)
    np.testing.assert_array_equal(open_hdf5(tmp_path / "kinds.h5", "named"), VALUES)
    for key in ("enum", "chunked"):
        assert open_hdf5(tmp_path / "kinds.h5", key).dtype.metadata is None  # np.save would warn of it
    np.testing.assert_array_equal(read_hdf5(tmp_path / "kinds.h5", "enum"), VALUES.astype("i4") % 3)


def test_soft_links_are_followed_inside_the_file(tmp_path):
    with h5py.File(tmp_path / "links.h5", "w") as opened:
        opened["deep/er/values"] = VALUES
        opened["soft"] = h5py.SoftLink("/deep/er")
        opened["deep/relative"] = h5py.SoftLink("er/./values")
        opened["dangling"] = h5py.SoftLink("/nowhere")
        opened["circle"] = h5py.SoftLink("circle/again")
        opened["one"], opened["two"] = h5py.SoftLink("two"), h5py.SoftLink("one")
        opened["deep/er/up"] = opened["deep"]
    for key in ("soft/values", "/deep/relative", "deep//er/./values", b"deep/er/values", "deep/er/up/er/up/relative"):
        np.testing.assert_array_equal(open_hdf5(tmp_path / "links.h5", key), VALUES)
    for key in (
        "dangling",
        "..",
        "deep/../deep/er/values",
        "deep/er/values/more",
        "",
        "deep\0/er/values",
        3,
        ("deep",),
    ):
        with pytest.raises(ValueError, match=r"links\.h5 has no dataset|'' of .*links\.h5 is a group"):
            open_hdf5(tmp_path / "links.h5", key)
    for key in ("circle", "one"):
        with pytest.raises(ValueError, match=rf"more than 16 links lead to '{key}' of .*links\.h5"):
            open_hdf5(tmp_path / "links.h5", key)
    np.testing.assert_array_equal(open_hdf5(tmp_path / "links.h5"), VALUES)  # the only one, though groups go in circles


def test_names_that_are_no_utf_8(tmp_path):
    with h5py.File(tmp_path / "names.h5", "w") as opened:
        opened.create_dataset(b"\xff\xfe", data=VALUES, chunks=(2, 3, 4))
    rows = open_hdf5(tmp_path / "names.h5")
    out = np.empty((1, 3, 4), "f4")
    rows.copy_rows(np.array([5]), out, np.array([0]))
    np.testing.assert_array_equal(out[0], VALUES[5])


def test_what_h5py_raises_while_it_reads_names_the_file(tmp_path, monkeypatch):
    file = write(tmp_path / "values.h5", chunks=(2, 3, 4))
    X = AVFeatures.from_hdf5(file, file)
    for error in (RuntimeError("a"), KeyError("b"), OSError("c"), TypeError("d"), OverflowError("e"), SystemError("f")):
        with monkeypatch.context() as patched, pytest.raises(ValueError, match=rf"values\.h5 cannot .*{error.args[0]}"):
            patched.setattr(h5py.Dataset, "__getitem__", lambda *_, error=error: (_ for _ in ()).throw(error))
            X.take([0])
        with monkeypatch.context() as patched, pytest.raises(ValueError, match=rf"values\.h5 cannot .*{error.args[0]}"):
            patched.setattr(h5py.Group, "visititems", lambda *_, error=error: (_ for _ in ()).throw(error))
            open_hdf5(file)
