"""HDF5 files that lead to others: followed only where their folder is named, and never to nothing."""

import os
import pickle
import shutil
import subprocess
import sys

import h5py
import joblib
import numpy as np
import pytest

from ave_sklearn import AVFeatures
from ave_sklearn._features.hdf5 import HDF5Rows, open_hdf5, read_hdf5
from ave_sklearn.datasets import load_ave

N, SHAPE = 6, (6, 3, 4)
VALUES = np.arange(N * 3 * 4.0).reshape(SHAPE) + 1


def write(file, values=VALUES, **arguments):
    file.parent.mkdir(exist_ok=True)
    with h5py.File(file, "w") as opened:
        opened.create_dataset("values", data=values, **arguments)
    return file


def write_virtual(file, parts, shape=SHAPE, key="values", **arguments):
    """Write a virtual dataset of parts: (rows, file, name, shape, rows of the source)."""
    file.parent.mkdir(exist_ok=True)
    layout = h5py.VirtualLayout(shape, "f8", **arguments)
    for rows, source, name, source_shape, chosen in parts:
        layout[rows] = h5py.VirtualSource(str(source), name, source_shape)[chosen]
    with h5py.File(file, "a") as opened:
        opened.create_virtual_dataset(key, layout)
    return file


def link(file, target, name="values", key="values"):
    file.parent.mkdir(exist_ok=True)
    with h5py.File(file, "a") as opened:
        opened[key] = h5py.ExternalLink(str(target), name)
    return file


# Each way leads from main.h5 of one folder to a file, named by `target`, whose path is `there`


def by_link(main, target, there):
    write(there)
    return link(main, target), "values"


def by_link_to_a_group(main, target, there):
    write(there)
    return link(main, target, "/", "group"), "group/values"


def by_soft_link_to_a_link(main, target, there):
    by_link_to_a_group(main, target, there)
    with h5py.File(main, "a") as opened:
        opened["soft"] = h5py.SoftLink("/group/values")
    return main, "soft"


def by_storage(main, target, there):
    there.parent.mkdir(exist_ok=True)
    VALUES.tofile(there)
    main.parent.mkdir(exist_ok=True)
    with h5py.File(main, "w") as opened:
        opened.create_dataset("values", SHAPE, "f8", external=[(str(target), 0, VALUES.nbytes)])
    return main, "values"


def by_virtual(main, target, there):
    write(there)
    return write_virtual(main, [(slice(0, 6), target, "values", SHAPE, slice(None))]), "values"


def by_virtual_of_a_link(main, target, there):
    """The source in the same file is a link to another."""
    write(there)
    link(main, target, "/", "group")
    return write_virtual(main, [(slice(0, 6), ".", "group/values", SHAPE, slice(None))]), "values"


def by_virtual_of_virtual(main, target, there):
    by_virtual(main, target, there)
    return write_virtual(main, [(slice(0, 6), ".", "values", SHAPE, slice(None))], key="outer"), "outer"


WAYS = [
    by_link,
    by_link_to_a_group,
    by_soft_link_to_a_link,
    by_storage,
    by_virtual,
    by_virtual_of_a_link,
    by_virtual_of_virtual,
]
each_way = pytest.mark.parametrize("way", WAYS, ids=[way.__name__ for way in WAYS])


@each_way
def test_nothing_elsewhere_is_read_unless_its_folder_is_named(tmp_path, way):
    main, key = way(tmp_path / "here/main.h5", tmp_path / "there/data", tmp_path / "there/data")
    (tmp_path / "other").mkdir()
    for read in (open_hdf5, read_hdf5):
        with pytest.raises(ValueError, match=r"main\.h5.*there/data.*external_files="):
            read(main, key)
        for folder in (tmp_path / "here", tmp_path / "other", tmp_path / "the"):
            folder.mkdir(exist_ok=True)
            with pytest.raises(ValueError, match=r"main\.h5.* leads to .*there/data, which is not in .*external_files"):
                read(main, key, external_files=folder)
        for folder in (tmp_path / "there", str(tmp_path), tmp_path / "other/../there"):
            np.testing.assert_array_equal(
                read(main, key, external_files=folder)[:] if read is read_hdf5 else VALUES, VALUES
            )
    X = AVFeatures.from_hdf5(main, main, audio_key=key, visual_key=key, external_files=tmp_path / "there")
    np.testing.assert_array_equal(X.take([4, 0])[0], VALUES[[4, 0]])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
@each_way
def test_nothing_is_opened_to_find_that_out(tmp_path, way):
    """A pipe in place of the file would have whoever opens it wait for ever."""
    there = tmp_path / "there/data"
    main, key = way(tmp_path / "here/main.h5", there, there)
    there.unlink()
    os.mkfifo(there)
    with pytest.raises(ValueError, match="external_files="):
        open_hdf5(main, key)
    with pytest.raises(ValueError, match="not in"):
        open_hdf5(main, key, external_files=tmp_path / "here")
    with pytest.raises(ValueError, match=r"there/data is no regular file"):
        open_hdf5(main, key, external_files=tmp_path / "there")


@each_way
def test_links_of_the_file_system_do_not_lead_out(tmp_path, way):
    folder, secret = tmp_path / "here", tmp_path / "there/secret"
    main, key = way(folder / "main.h5", folder / "data", folder / "data")
    secret.parent.mkdir()
    shutil.move(folder / "data", secret)
    (folder / "data").symlink_to(secret)
    with pytest.raises(ValueError, match=r"there/secret, which is not in"):
        open_hdf5(main, key, external_files=folder)
    assert len(open_hdf5(main, key, external_files=tmp_path)) == N


@each_way
def test_parents_in_names_do_not_lead_out(tmp_path, way, monkeypatch):
    """Even behind a link to a folder, where a parent is another one than the text tells."""
    folder = tmp_path / "here"
    (tmp_path / "there/deep").mkdir(parents=True)
    folder.mkdir()
    (folder / "deep").symlink_to(tmp_path / "there/deep")
    monkeypatch.chdir(folder)
    main, key = way(folder / "main.h5", "deep/../data", tmp_path / "there/data")
    with pytest.raises(ValueError, match=r"there/data, which is not in"):
        open_hdf5(main, key, external_files=folder)
    assert len(open_hdf5(main, key, external_files="..")) == N


@each_way
def test_a_file_that_is_not_there_is_named(tmp_path, way):
    there = tmp_path / "there/data"
    main, key = way(tmp_path / "here/main.h5", there, there)
    there.unlink()
    with pytest.raises(ValueError, match=r"main\.h5.*there/data.*not there"):
        open_hdf5(main, key, external_files=tmp_path)


@each_way
def test_views_in_other_processes_keep_the_folder(tmp_path, way):
    there = tmp_path / "there/data"
    main, key = way(tmp_path / "here/main.h5", there, there)
    X = AVFeatures.from_hdf5(main, main, audio_key=key, visual_key=key, external_files=tmp_path / "there")[1:]
    before, data = joblib.hash(X), pickle.dumps(X)
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).take([2])[0].sum())"
    if way is by_virtual:
        done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, timeout=60)
        assert float(done.stdout) == VALUES[3].sum(), done.stderr
    np.testing.assert_array_equal(pickle.loads(data).take([2])[1][0], VALUES[3])
    assert joblib.hash(pickle.loads(data)) == before
    os.utime(there, ns=(1, 1))
    for read in (lambda: X.take([0]), lambda: pickle.loads(data)):
        with pytest.raises(ValueError, match=r"there/data.* was written to, or touched"):
            read()
    assert joblib.hash(X) != before


@pytest.mark.parametrize("folder", ["nowhere", "main.h5"])
def test_external_files_must_be_a_folder(tmp_path, folder):
    file = write(tmp_path / "main.h5")
    with pytest.raises(ValueError, match="external_files must be the folder"):
        AVFeatures.from_hdf5(file, file, external_files=tmp_path / folder)


# How HDF5 looks for files


@pytest.mark.parametrize(
    ("way", "variable"),
    [(by_link, "HDF5_EXT_PREFIX"), (by_virtual, "HDF5_VDS_PREFIX"), (by_virtual_of_virtual, "HDF5_VDS_PREFIX")],
)
def test_it_is_decided_by_what_hdf5_opens(tmp_path, monkeypatch, way, variable):
    """In its order: the folders of the variable, the folder of the file, the working directory."""
    main, key = way(tmp_path / "here/main.h5", "data", tmp_path / "work/data")
    monkeypatch.chdir(tmp_path / "work")
    folders = [tmp_path / name for name in ("second", "first")]

    def read(folder):
        with h5py.File(main) as opened:  # what HDF5 itself reads is what we are to have
            expected = opened[key][...]
        rows = open_hdf5(main, key, external_files=folder)
        rows = AVFeatures(rows, rows).audio if isinstance(rows, HDF5Rows) else rows
        np.testing.assert_array_equal(rows, expected)
        for other in {tmp_path / "work", tmp_path / "here", *folders} - {folder}:
            if other.is_dir():
                with pytest.raises(ValueError, match="not in the folder"):
                    open_hdf5(main, key, external_files=other)
        return expected[0, 0, 0]

    assert read(tmp_path / "work") == 1
    write(tmp_path / "here/data", VALUES + 10)
    assert read(tmp_path / "here") == 11
    for number, folder in enumerate(folders, start=2):
        write(folder / "data", VALUES + 10 * number)
        prefix = f"{tmp_path / 'none'}{os.pathsep}{folder}{os.pathsep}{tmp_path / 'here'}"
        monkeypatch.setenv(variable, prefix)
        assert read(folder) == 10 * number + 1


def test_an_absolute_name_that_is_gone_is_looked_for_beside_the_file(tmp_path):
    main, key = by_virtual(tmp_path / "here/main.h5", tmp_path / "gone/data", tmp_path / "here/data")
    assert len(open_hdf5(main, key, external_files=tmp_path / "here")) == N
    (tmp_path / "gone").mkdir()
    with pytest.raises(ValueError, match="here/data, which is not in"):
        open_hdf5(main, key, external_files=tmp_path / "gone")


def test_what_names_lead_to_may_not_change_after_opening(tmp_path, monkeypatch):
    main, key = by_virtual(tmp_path / "here/main.h5", "data", tmp_path / "work/data")
    monkeypatch.chdir(tmp_path / "work")
    X = AVFeatures.from_hdf5(main, main, external_files=tmp_path)
    X.take([0])
    monkeypatch.chdir(tmp_path)  # HDF5 would read zeros now
    with pytest.raises(ValueError, match=r"'data' in .*main\.h5 no longer leads to .*work/data"):
        X.take([0])
    monkeypatch.chdir(tmp_path / "work")
    write(tmp_path / "here/data", VALUES + 10)  # and this file now
    with pytest.raises(ValueError, match=r"'data' in .*main\.h5 no longer leads to .*work/data"):
        X.check_files()


def test_storage_is_never_mapped(tmp_path, monkeypatch):
    """Its offset is one in another file."""
    monkeypatch.chdir(tmp_path)
    np.concatenate([[7.0], VALUES.ravel()[:20]]).tofile("one.raw")
    np.concatenate([VALUES.ravel()[20:], [7.0]]).tofile("two.raw")
    with h5py.File("main.h5", "w") as opened:
        pieces = [("one.raw", 8, 160), ("two.raw", 0, h5py.h5f.UNLIMITED)]
        opened.create_dataset("values", SHAPE, "f8", external=pieces)
    rows = open_hdf5("main.h5", external_files=".")
    assert isinstance(rows, HDF5Rows)
    np.testing.assert_array_equal(AVFeatures(rows, rows).audio, VALUES)
    with open("one.raw", "r+b") as opened:
        opened.truncate(8 + 50)
    with pytest.raises(ValueError, match=r"should have rows 0 to 1 in 'one\.raw', which is too short"):
        open_hdf5("main.h5", external_files=".")


# Virtual datasets: what is missing

ALL = slice(None)
FIRST, LAST = (slice(0, 3), "first.h5", "values", (3, 3, 4), ALL), (slice(3, 6), "last.h5", "values", (3, 3, 4), ALL)


@pytest.fixture
def parts(tmp_path):
    write(tmp_path / "first.h5", VALUES[:3])
    write(tmp_path / "last.h5", VALUES[3:], chunks=(2, 3, 4))
    return tmp_path


def unwritten_rows(file, rows):
    with h5py.File(file, "w") as opened:
        values = opened.create_dataset("values", (3, 3, 4), "f8", chunks=(1, 3, 4))
        for row in set(range(3)) - set(rows):
            values[row] = 1


MISSING = {
    "a file": ([FIRST, LAST], lambda f: (f / "last.h5").unlink(), "rows 3 to 5, 'values' of 'last.h5', which is"),
    "both files": (
        [FIRST, LAST], lambda f: [(f / name).unlink() for name in ("first.h5", "last.h5")],
        "rows 0 to 2, 'values' of 'first.h5', which is not there, rows 3 to 5, 'values' of 'last.h5'",
    ),
    "a dataset": (
        [FIRST, (slice(3, 6), "last.h5", "other", (3, 3, 4), ALL)], lambda f: None, "rows 3 to 5, 'other' of 'last.h5'"
    ),
    "a group": (
        [FIRST, (slice(3, 6), "last.h5", "/", (3, 3, 4), ALL)], lambda f: None, "rows 3 to 5, '/' of 'last.h5'"
    ),
    "rows": ([FIRST, LAST], lambda f: write(f / "last.h5", VALUES[3:5]), r"rows 3 to 5.*whose shape \(2, 3, 4\)"),
    "rows of a part": (
        [FIRST, (slice(3, 5), "last.h5", "values", (3, 3, 4), slice(1, 3)), (5, "first.h5", "values", (3, 3, 4), 0)],
        lambda f: write(f / "last.h5", VALUES[3:5]), r"rows 3 to 4, .*whose shape \(2, 3, 4\)",
    ),
    "a mapping": ([LAST], lambda f: None, "rows that were never written.*rows 0 to 2 of 6"),
    "all mappings": ([], lambda f: None, "rows that were never written.*rows 0 to 5 of 6"),
    "a row": (
        [(slice(0, 2), "first.h5", "values", (3, 3, 4), slice(0, 2)), LAST], lambda f: None, "row 2 of 6"
    ),
    "every second row": ([(slice(0, 6, 2), *FIRST[1:])], lambda f: None, "rows 1, 3 and 5 of 6"),
    "columns": ([FIRST, (np.s_[3:6, :, :2], "last.h5", "values", (3, 3, 4), np.s_[:, :, :2])], lambda f: None,
                "rows 3 to 5 of 6"),
    "rows never written": (
        [FIRST, LAST], lambda f: unwritten_rows(f / "last.h5", [0, 2]),
        "rows 3 to 5, 'values' of 'last.h5', whose rows 0 and 2 were never written",
    ),
    "no HDF5": ([FIRST, LAST], lambda f: (f / "last.h5").write_text("none"), "last.h5 cannot be read as an HDF5 file"),
    "no numbers": (
        [FIRST, LAST], lambda f: write(f / "last.h5", np.zeros((3, 3, 4), "S4")), "last.h5 must be of real numbers"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISSING)
@pytest.mark.parametrize("nested", [False, True])
def test_virtual_datasets_lack_nothing(parts, case, nested):
    mappings, act, message = MISSING[case]
    file = write_virtual(parts / "main.h5", mappings)
    if nested:
        file = write_virtual(parts / "outer.h5", [(slice(0, 6), "main.h5", "values", SHAPE, ALL)])
    act(parts)
    for read in (open_hdf5, read_hdf5):
        with pytest.raises(ValueError, match="never written" if nested and "of 6" in message else message) as caught:
            read(file, external_files=parts)
        assert str(file) in str(caught.value)


def test_unlimited_mappings(tmp_path):
    """A virtual dataset that grows with its sources has what the shorter of them lacks as fill values."""
    endless = h5py.h5s.UNLIMITED
    for name, n_rows in (("a", 6), ("b", 4)):
        write(tmp_path / f"{name}.h5", VALUES[:n_rows], maxshape=(None, 3, 4))
    for file, names in (("good.h5", "a"), ("bad.h5", "ab")):
        layout = h5py.VirtualLayout((2, 3, 4 * len(names)), "f8", maxshape=(None, 3, 4 * len(names)))
        for number, name in enumerate(names):
            source = h5py.VirtualSource(f"{name}.h5", "values", (2, 3, 4), maxshape=(None, 3, 4))
            layout[:endless, :, 4 * number : 4 * number + 4] = source[:endless]
        with h5py.File(tmp_path / file, "w") as opened:
            opened.create_virtual_dataset("values", layout)
    np.testing.assert_array_equal(read_hdf5(tmp_path / "good.h5", external_files=tmp_path), VALUES)
    with pytest.raises(ValueError, match="rows 4 to 5 of 6"):
        open_hdf5(tmp_path / "bad.h5", external_files=tmp_path)


def test_numbered_sources_are_refused(tmp_path):
    write(tmp_path / "part0.h5")
    space = h5py.h5s.create_simple(SHAPE, (h5py.h5s.UNLIMITED, 3, 4))
    space.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), SHAPE, SHAPE)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_virtual(space, b"part%b.h5", b"values", h5py.h5s.create_simple(SHAPE))
    with h5py.File(tmp_path / "main.h5", "w") as opened:
        h5py.h5d.create(opened.id, b"values", h5py.h5t.IEEE_F64LE, space, plist)
    with pytest.raises(ValueError, match=r"numbered sources, 'part%b\.h5'"):
        open_hdf5(tmp_path / "main.h5", external_files=tmp_path)


def test_percent_signs_in_names(tmp_path):
    write(tmp_path / "100%.h5")
    file = write_virtual(tmp_path / "main.h5", [(slice(0, 6), "100%%.h5", "values", SHAPE, ALL)])
    np.testing.assert_array_equal(read_hdf5(file, external_files=tmp_path), VALUES)


def test_virtual_datasets_in_circles(tmp_path):
    """HDF5 would go round for ever."""
    write_virtual(tmp_path / "a.h5", [(slice(0, 6), "b.h5", "values", SHAPE, ALL)])
    write_virtual(tmp_path / "b.h5", [(slice(0, 6), "a.h5", "values", SHAPE, ALL)])
    write_virtual(tmp_path / "self.h5", [(slice(0, 6), ".", "values", SHAPE, ALL)])
    for name in ("a.h5", "self.h5"):
        with pytest.raises(ValueError, match=rf"{name}.* is made of .* or of itself"):
            open_hdf5(tmp_path / name, external_files=tmp_path)


def test_a_virtual_dataset_of_its_own_file(tmp_path):
    """No other file is needed, so no folder is."""
    file = write(tmp_path / "main.h5")
    write_virtual(file, [(slice(0, 6), ".", "values", SHAPE, slice(None))], key="same")
    np.testing.assert_array_equal(read_hdf5(file, "same"), VALUES)
    write_virtual(file, [(slice(0, 6, 2), ".", "values", SHAPE, slice(0, 3))], key="half")
    with pytest.raises(ValueError, match="rows 1, 3 and 5 of 6"):
        open_hdf5(file, "half")


def test_a_source_that_changes_after_opening(parts):
    file = write_virtual(parts / "main.h5", [FIRST, LAST])
    X = AVFeatures.from_hdf5(file, file, external_files=parts)
    np.testing.assert_array_equal(X.take([4, 1])[0], VALUES[[4, 1]])
    (parts / "last.h5").unlink()
    for act in (lambda: X.take([0]), X.check_files, lambda: pickle.dumps(X)):
        with pytest.raises(ValueError, match=r"last\.h5"):
            act()


# load_ave


def test_load_ave_takes_the_folder(tmp_path):
    data, home = tmp_path / "data", tmp_path / "home"
    home.mkdir()
    files = {"audio_feature": VALUES, "visual_feature": np.ones((N, 3, 2, 2, 5))}
    for name, values in files.items():
        write(data / f"{name}.h5", values)
        link(home / f"{name}.h5", data / f"{name}.h5", key="avadataset")
    for split, rows in {"train": [0, 3], "val": [1, 2], "test": [4, 5]}.items():
        write(data / f"{split}.h5", np.array(rows))
        layout = h5py.VirtualLayout((2,), "i8")
        layout[:] = h5py.VirtualSource(data / f"{split}.h5", "values", (2,))
        with h5py.File(home / f"{split}_order.h5", "w") as opened:
            opened.create_virtual_dataset("order", layout)
    (home / "Annotations.txt").write_text("".join(f"Bark&id{row}&good&0&{row % 3}\n" for row in range(N)))
    with pytest.raises(ValueError, match=r"audio_feature\.h5.*external_files="):
        load_ave(home)
    with pytest.raises(ValueError, match=r"audio_feature\.h5.*not in"):
        load_ave(home, external_files=home)
    X = load_ave(home, external_files=data).data
    np.testing.assert_array_equal(X.audio, VALUES[[0, 3]])
    link(home / "mil_labels.h5", tmp_path / "elsewhere.h5", key="avadataset")
    with pytest.raises(ValueError, match=r"mil_labels\.h5.*elsewhere"):
        load_ave(home, external_files=data)
