"""Datasets of HDF5 files: mapped into memory where their bytes lie in one piece, else read chunk by chunk."""

import math
import os
from contextlib import ExitStack, contextmanager

import numpy as np

from ave_sklearn._features.hdf5_links import KIND, Place, absolute, allowed_folder, follow, import_h5py, open_file
from ave_sklearn._features.hdf5_storage import check_numbers
from ave_sklearn._features.hdf5_survey import check_whole
from ave_sklearn._features.source import RowSource
from ave_sklearn._files import FileState, naming_machine, reading

TILE_BYTES = 32_000_000  # of a chunk's rows, read at a time; more only where a single chunk has more


def read_hdf5(file, key=None, *, external_files=None, check=None):
    """Read a dataset into memory.

    Parameters
    ----------
    file : path-like
    key : str or None
        None for the only dataset of the file.
    external_files : path-like or None
        As in `open_hdf5`.
    check : callable or None
        Called with shape and dtype before anything is read; may raise.

    Returns
    -------
    array : ndarray

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As `open_hdf5` does.
    """
    folder = allowed_folder(external_files)
    with _open_dataset(file, key, folder) as (dataset, place), reading(file, KIND):
        check_whole(dataset, place, folder)
        if check is not None:
            check(dataset.shape, dataset.dtype)
        return dataset[...]


def open_hdf5(file, key=None, *, external_files=None):
    """Open a dataset of numbers without reading it.

    Parameters
    ----------
    file : path-like
    key : str or None
        None for the only dataset of the file.
    external_files : path-like or None
        The folder whose files the dataset may lie in, by links, as external storage or as sources of a virtual dataset.
        None for none: then every number comes from the file itself.

    Returns
    -------
    rows : np.memmap or HDF5Rows
        The first if the dataset is contiguous and of a type that NumPy has too.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it is no whole HDF5 file, has no such dataset, one that cannot be read as numbers, that leads to files
        elsewhere, or rows that were never written; the error names the file.
    ImportError
        If h5py is not installed.
    """
    folder = allowed_folder(external_files)
    with _open_dataset(file, key, folder) as (dataset, place), reading(file, KIND):
        references = check_whole(dataset, place, folder)
        if _is_mappable(dataset):
            return np.memmap(place.file, _plain(dataset.dtype), "r", dataset.id.get_offset(), dataset.shape)
        return HDF5Rows(place.file, dataset, folder, references)


class HDF5Rows(RowSource):
    """Rows of a dataset that cannot be mapped into memory: chunked, compressed, or not of NumPy's types.

    The file is opened for each read, which takes about a millisecond, so that nothing is left open in
    forked processes, threads, and pickles. Each chunk is decompressed once a read, however many of its rows
    are asked for.

    Parameters
    ----------
    file : str
        Absolute path.
    dataset : h5py.Dataset
        Open, of this file.
    folder : str or None
        The folder whose files it may lead to.
    references : tuple of Reference
        The other files that its numbers come from.
    """

    storage = "in HDF5"

    def __init__(self, file, dataset, folder=None, references=()):
        self.file = file
        self.key = dataset.name
        self.shape = dataset.shape
        self.dtype = _plain(dataset.dtype)
        self._folder = folder
        self._references = references
        self._tile = _tile_shape(dataset)
        self._state = FileState.of(self.file)

    def copy_rows(self, rows, out, places):
        """Write rows into an array, chunk by chunk; see `RowSource`."""
        if not len(rows):
            return
        with self._opened() as dataset:
            for group in _groups(rows // self._tile[0]):
                self._copy_group(dataset, rows[group], out, places[group])
            self._check_unchanged(dataset)  # nothing was written while it was read

    def _copy_group(self, dataset, rows, out, places):
        """Copy rows that lie in the same chunks, one tile of them at a time."""
        first, stop = int(rows.min()), int(rows.max()) + 1
        for tile in _tiles(self.shape[1:], self._tile[1:]):
            with reading(self.file, KIND):
                block = dataset[(slice(first, stop), *tile)]
            for place, row in zip(places, rows, strict=True):
                out[place][tile] = block[row - first]

    def check(self, name):
        """Raise a ValueError if the file is gone, damaged, or holds something else; see `RowSource`."""
        try:
            with self._opened():
                pass
        except (OSError, ValueError) as error:
            raise ValueError(f"{name} is read from {self.file}, which has changed or gone: {error}") from error

    @contextmanager
    def _opened(self):
        """Open the dataset, once it is found to lead nowhere else than it did."""
        with ExitStack() as stack:
            with naming_machine(self.file, self._state):
                dataset, _ = stack.enter_context(_open_dataset(self.file, self.key, self._folder))
                with reading(self.file, KIND):
                    for reference in self._references:
                        reference.check()
                    self._check_unchanged(dataset)
            yield dataset

    def _check_unchanged(self, dataset):
        if (dataset.shape, dataset.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"dataset {self.key!r} of {self.file} was of shape {self.shape} and dtype {self.dtype} when it "
                f"was opened, and is of shape {dataset.shape} and dtype {dataset.dtype} now."
            )
        change = self._state.change(FileState.of(self.file))
        if change is not None:
            raise ValueError(f"dataset {self.key!r} lies in {self.file}, which {change}: open it anew.")

    def __getstate__(self):
        elsewhere = tuple(reference.anywhere() for reference in self._references)
        state = {"_state": self._state.anywhere(), "_references": elsewhere, "modified": self._modified()}
        return {**vars(self), **state}

    def _modified(self):
        """When each file was last changed: two states of a file are two entries of joblib's cache."""
        try:
            return [FileState.of(file).modified for file in (self.file, *(to.path for to in self._references))]
        except OSError as error:
            if self._state.is_from_elsewhere:  # who only passes a pickle on need not have the files
                return [state.modified for state in (self._state, *(to.state for to in self._references))]
            raise ValueError(f"rows of {self.file} cannot be read any more: {error}.") from error

    def __setstate__(self, state):
        del state["modified"]
        vars(self).update(state)

    def __deepcopy__(self, memo):
        return self


def _plain(dtype):
    """Return a type without what h5py tells beside it, the names of an enumeration for example."""
    return np.dtype(dtype.str)


def _tile_shape(dataset):
    """Rows and columns to read at a time: whole chunks, side by side up to `TILE_BYTES`."""
    chunks = dataset.chunks or (1, *dataset.shape[1:])
    tile = [chunks[0], *dataset.shape[1:]]
    for axis in range(1, len(tile)):
        excess = math.prod(tile) * dataset.dtype.itemsize / TILE_BYTES
        if excess > 1:
            n_chunks = max(1, int(tile[axis] / excess / chunks[axis]))
            tile[axis] = min(tile[axis], n_chunks * chunks[axis])
    return tuple(tile)


def _tiles(shape, tile):
    """Cover an array with tiles: tuples of slices."""
    counts = [range(0, size, step) for size, step in zip(shape, tile, strict=True)]
    grid = np.stack(np.meshgrid(*counts, indexing="ij"), axis=-1).reshape(-1, len(shape))
    for corner in grid.tolist():
        yield tuple(slice(start, start + step) for start, step in zip(corner, tile, strict=True))


def _groups(values):
    """Positions of each distinct value, by value."""
    order = np.argsort(values, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(values[order])) + 1)


@contextmanager
def _open_dataset(file, key, folder):
    """Open a file and find the dataset in it; yields the dataset and its `Place`, which may be in another file."""
    h5py = import_h5py()
    stack = ExitStack()
    try:
        with reading(file, KIND):
            opened = stack.enter_context(open_file(file))
            place = _find(h5py, opened, file, key, folder, stack)
            dataset = h5py.Dataset(place.item)
            check_numbers(dataset, place.file)
        yield dataset, place
    finally:
        with reading(file, KIND):
            stack.close()


def _find(h5py, opened, file, key, folder, stack):
    """Return the place of the dataset of that name, or of the only one."""
    name = os.fsdecode(file)
    if key is None:
        names = _dataset_names(h5py, opened)
        if len(names) != 1:
            raise ValueError(f"{name} has not one dataset but {len(names)}; choose one by its key: {_listed(names)}.")
        key = names[0]
    root = Place(opened["/"].id, absolute(file), ())
    place = follow(key, root, folder, stack) if isinstance(key, (str, bytes)) else None
    if place is None:
        raise ValueError(f"{name} has no dataset {key!r}. Its datasets: {_listed(_dataset_names(h5py, opened))}.")
    if not isinstance(place.item, h5py.h5d.DatasetID):
        kind = "group" if isinstance(place.item, h5py.h5g.GroupID) else "datatype"
        raise ValueError(f"{key!r} of {name} is a {kind}. Its datasets: {_listed(_dataset_names(h5py, opened))}.")
    return place


def _dataset_names(h5py, opened):
    names = []
    opened.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _listed(names, limit=20):
    shown = ", ".join(map(repr, names[:limit])) or "none"
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _is_mappable(dataset):
    """Tell whether the file holds the elements in one piece, as NumPy would."""
    h5py = import_h5py()
    plist = dataset.id.get_create_plist()
    is_contiguous = plist.get_layout() == h5py.h5d.CONTIGUOUS and not plist.get_external_count()
    if not is_contiguous or not dataset.size or dataset.id.get_offset() is None:
        return False
    return dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype, logical=True)
