"""Datasets of HDF5 files: mapped into memory where their bytes lie in one piece, else read chunk by chunk."""

import math
import os
from contextlib import contextmanager

import numpy as np

from ave_sklearn._features.source import RowSource

TILE_BYTES = 32_000_000  # of a chunk's rows, read at a time; more only where a single chunk has more


def read_hdf5(file, key=None):
    """Read a dataset into memory.

    Parameters
    ----------
    file : path-like
    key : str or None
        None for the only dataset of the file.

    Returns
    -------
    array : ndarray

    Raises
    ------
    FileNotFoundError, ValueError, ImportError
        As `open_hdf5` does.
    """
    with _open_dataset(file, key) as dataset:
        return dataset[...]


def open_hdf5(file, key=None):
    """Open a dataset of numbers without reading it.

    Parameters
    ----------
    file : path-like
    key : str or None
        None for the only dataset of the file.

    Returns
    -------
    rows : np.memmap or HDF5Rows
        The first if the dataset is contiguous and of a type that NumPy has too.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it is no whole HDF5 file, has no such dataset, or one that cannot be read as numbers; the error
        names the file.
    ImportError
        If h5py is not installed.
    """
    with _open_dataset(file, key) as dataset:
        if _is_mappable(dataset):
            place = os.path.abspath(dataset.file.filename)
            return np.memmap(place, dataset.dtype, "r", offset=dataset.id.get_offset(), shape=dataset.shape)
        return HDF5Rows(dataset.file.filename, dataset)


class HDF5Rows(RowSource):
    """Rows of a dataset that cannot be mapped into memory: chunked, compressed, or not of NumPy's types.

    The file is opened for each read, which takes about a millisecond, so that nothing is left open in
    forked processes, threads, and pickles. Each chunk is decompressed once a read, however many of its rows
    are asked for.

    Parameters
    ----------
    file : path-like
    dataset : h5py.Dataset
        Open, of this file.
    """

    storage = "in HDF5"

    def __init__(self, file, dataset):
        self.file = os.path.abspath(file)
        self.key = dataset.name
        self.shape = dataset.shape
        self.dtype = dataset.dtype
        self._tile = _tile_shape(dataset)

    def copy_rows(self, rows, out, places):
        """Write rows into an array, chunk by chunk; see `RowSource`."""
        if not len(rows):
            return
        with _open_dataset(self.file, self.key) as dataset:
            self._check_unchanged(dataset)
            for group in _groups(rows // self._tile[0]):
                self._copy_group(dataset, rows[group], out, places[group])

    def _copy_group(self, dataset, rows, out, places):
        """Copy rows that lie in the same chunks, one tile of them at a time."""
        first, stop = int(rows.min()), int(rows.max()) + 1
        for tile in _tiles(self.shape[1:], self._tile[1:]):
            block = dataset[(slice(first, stop), *tile)]
            for place, row in zip(places, rows, strict=True):
                out[place][tile] = block[row - first]

    def check(self, name):
        """Raise a ValueError if the file is gone, damaged, or holds something else; see `RowSource`."""
        try:
            with _open_dataset(self.file, self.key) as dataset:
                self._check_unchanged(dataset)
        except (OSError, ValueError) as error:
            raise ValueError(f"{name} is read from {self.file}, which has changed or gone: {error}") from error

    def _check_unchanged(self, dataset):
        if (dataset.shape, dataset.dtype) != (self.shape, self.dtype):
            raise ValueError(
                f"dataset {self.key!r} of {self.file} was of shape {self.shape} and dtype {self.dtype} when it "
                f"was opened, and is of shape {dataset.shape} and dtype {dataset.dtype} now."
            )

    def __getstate__(self):
        modified = os.stat(self.file).st_mtime_ns  # two states of a file are two entries of joblib's cache
        return {**vars(self), "modified": modified}

    def __setstate__(self, state):
        del state["modified"]
        vars(self).update(state)

    def __deepcopy__(self, memo):
        return self


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
def _open_dataset(file, key):
    """Open a file and find the dataset in it; OSErrors on the way are ValueErrors that name the file."""
    h5py = _import_h5py()
    file = os.fspath(file)
    if os.path.isdir(file):
        raise ValueError(f"{file} is a folder, not an HDF5 file.")
    try:
        with h5py.File(file, "r") as opened:
            dataset = _find(h5py, opened, file, key)
            _check_dataset(h5py, dataset, file)
            yield dataset
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        raise ValueError(f"{file} cannot be read as an HDF5 file: {error}") from error


def _import_h5py():
    try:
        import h5py
    except ImportError as error:
        raise ImportError('HDF5 files need h5py. Install it with: pip install "ave_sklearn[hdf5]"') from error
    return h5py


def _find(h5py, opened, file, key):
    """Return the dataset of that name, or the only one."""
    if key is None:
        names = _dataset_names(h5py, opened)
        if len(names) != 1:
            raise ValueError(f"{file} has not one dataset but {len(names)}; choose one by its key: {_listed(names)}.")
        key = names[0]
    try:
        found = opened[key]
    except (KeyError, ValueError, TypeError) as error:
        names = _listed(_dataset_names(h5py, opened))
        raise ValueError(f"{file} has no dataset {key!r}. Its datasets: {names}.") from error
    if not isinstance(found, h5py.Dataset):
        names = _listed(_dataset_names(h5py, opened))
        raise ValueError(f"{key!r} of {file} is a {type(found).__name__.lower()}. Its datasets: {names}.")
    return found


def _dataset_names(h5py, opened):
    names = []
    opened.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def _listed(names, limit=20):
    shown = ", ".join(map(repr, names[:limit])) or "none"
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def _check_dataset(h5py, dataset, file):
    """Check that a dataset is an array of real numbers whose filters are installed."""
    what = f"dataset {dataset.name!r} of {file}"
    try:
        dtype = dataset.dtype
    except TypeError as error:
        raise ValueError(f"{what} is of a type that NumPy does not have: {error}.") from error
    if dtype.kind not in "biuf":
        raise ValueError(f"{what} must be of real numbers, got dtype {dtype}.")
    if dataset.shape is None:
        raise ValueError(f"{what} is empty: it has no shape.")
    plist = dataset.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            raise ValueError(f"{what} is compressed with filter {code} ({name.decode()!r}), which is not installed.")


def _is_mappable(dataset):
    """Tell whether the file holds the elements in one piece, as NumPy would."""
    h5py = _import_h5py()
    plist = dataset.id.get_create_plist()
    is_contiguous = plist.get_layout() == h5py.h5d.CONTIGUOUS and not plist.get_external_count()
    if not is_contiguous or not dataset.size or dataset.id.get_offset() is None:
        return False
    return dataset.id.get_type() == h5py.h5t.py_create(dataset.dtype, logical=True)
