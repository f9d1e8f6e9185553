"""Rows of an array as an index beside the array: composed, pickled and read lazily."""

import copy
import math
import pickle
import sys
from asyncio import get_running_loop
from numbers import Integral

import numpy as np

from ave_sklearn._features.memmap import MappedRows, backing_map, check_mapped_file, is_joblib_temporary
from ave_sklearn._features.source import RowSource


def row_positions(key, n_rows):
    """Translate an index into positions from 0 to ``n_rows - 1``.

    Parameters
    ----------
    key : int, slice, bool mask of shape (n_rows,) or int array-like of shape (n,)
        Negative integers count from the end. An integer stands for the one row.
    n_rows : int

    Returns
    -------
    positions : range or int ndarray of shape (n,)

    Raises
    ------
    IndexError
        For a row that is not there, a mask of another length and anything else.
    """
    if isinstance(key, slice):
        return range(n_rows)[key]
    if isinstance(key, Integral) and not isinstance(key, bool):
        row = int(_from_start(np.array([key]), n_rows)[0])
        return range(row, row + 1)
    key = np.asarray(key)
    if key.dtype == bool and key.ndim == 1:
        return _masked(key, n_rows)
    if key.ndim != 1 or (key.size and key.dtype.kind not in "iu"):
        raise IndexError(
            "rows must be an integer, a slice, a boolean mask or a 1-D array of integers, "
            f"got an array of shape {key.shape} and dtype {key.dtype}."
        )
    return _from_start(key, n_rows)


def _masked(mask, n_rows):
    if len(mask) != n_rows:
        raise IndexError(f"a boolean mask must have one entry a video, {n_rows}, got {len(mask)}.")
    return np.flatnonzero(mask)


def _from_start(rows, n_rows):
    outside = (rows < -n_rows) | (rows >= n_rows)
    if outside.any():
        raise IndexError(f"row {rows[outside][0]} is out of range for {n_rows} videos.")
    rows = rows.astype(np.intp)
    return np.where(rows < 0, rows + n_rows, rows)


def _as_slice(rows):
    if not rows:
        return slice(0, 0)
    return slice(rows.start, rows.stop if rows.stop >= 0 else None, rows.step)


class RowIndex:
    """Which rows of a base array a view shows, in which order.

    Parameters
    ----------
    rows : range or int ndarray of shape (n,)
        From 0 to ``n_base - 1``.
    n_base : int
        Rows of the base array.
    """

    def __init__(self, rows, n_base):
        self.rows = rows
        self.n_base = n_base

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        return iter(self.rows if isinstance(self.rows, range) else self.rows.tolist())

    @property
    def is_whole(self):
        """Whether these are all rows of the base, in order."""
        return isinstance(self.rows, range) and self.rows == range(self.n_base)

    @property
    def key(self):
        """What to index the base with: a slice where one will do."""
        return _as_slice(self.rows) if isinstance(self.rows, range) else self.rows

    def select(self, positions):
        """Rows of these rows.

        Parameters
        ----------
        positions : range or int ndarray of shape (n,)
            From `row_positions`.

        Returns
        -------
        index : RowIndex
        """
        if isinstance(positions, range):
            rows = self.rows[_as_slice(positions)]
        elif isinstance(self.rows, range):
            rows = self.rows.start + self.rows.step * positions
        else:
            rows = self.rows[positions]
        return RowIndex(rows, self.n_base)

    def __reduce__(self):
        return _unpack, (_pack(self.rows, self.n_base), self.n_base)


def whole_index(n_base):
    """Index of all rows of a base array of `n_base` rows."""
    return RowIndex(range(n_base), n_base)


def _pack(rows, n_base):
    """Shortest form of an index: a range, the bits of a mask, or integers of the smallest type."""
    if isinstance(rows, range):
        return rows
    if len(rows) < 2:
        return range(rows[0], rows[0] + 1) if len(rows) else range(0)
    steps = np.diff(rows)
    if steps[0] and (steps == steps[0]).all():
        return range(int(rows[0]), int(rows[-1] + np.sign(steps[0])), int(steps[0]))
    integers = rows.astype(np.min_scalar_type(n_base - 1))
    if steps.min() > 0 and n_base < 8 * integers.nbytes:
        mask = np.zeros(n_base, bool)
        mask[rows] = True
        return "mask", np.packbits(mask).tobytes()
    return integers.dtype.str, integers.tobytes()


def _unpack(packed, n_base):
    """Build the `RowIndex` that `_pack` was given."""
    if isinstance(packed, range):
        return RowIndex(packed, n_base)
    kind, data = packed
    if kind == "mask":
        bits = np.frombuffer(data, np.uint8)
        return RowIndex(np.flatnonzero(np.unpackbits(bits, count=n_base)), n_base)
    return RowIndex(np.frombuffer(data, kind).astype(np.intp), n_base)


class StoredRows:
    """Some rows of one array or row source; none is read before it is asked for.

    Parameters
    ----------
    name : str
        What errors call the array.
    base : ndarray or RowSource of shape (n_base, ...)
    index : RowIndex of length n
    """

    def __init__(self, name, base, index):
        self.name = name
        self.base = base
        self.index = index

    def __len__(self):
        return len(self.index)

    @property
    def shape(self):
        """Shape of the rows, ``(n, ...)``."""
        return (len(self.index), *self.base.shape[1:])

    @property
    def nbytes(self):
        """Bytes of the rows."""
        return math.prod(self.shape) * self.base.itemsize

    @property
    def is_source(self):
        """Whether the rows are those of a `RowSource`, not of an array."""
        return isinstance(self.base, RowSource)

    @property
    def storage(self):
        """Where the rows lie: "memory-mapped", for example, or None for in memory."""
        if self.is_source:
            return self.base.storage
        return None if backing_map(self.base) is None else "memory-mapped"

    @property
    def is_in_memory(self):
        """Whether the rows lie in memory that no file of the user's is behind."""
        if self.is_source:
            return False
        mapped = backing_map(self.base)
        return mapped is None or is_joblib_temporary(mapped)

    def lie_as(self, dtype):
        """Whether each row lies in memory in one piece, in C order, as numbers of `dtype`."""
        if not self.is_in_memory:
            return False
        base = np.asarray(self.base)
        return base.dtype == dtype and base.flags.aligned and base[:1].flags.c_contiguous

    @property
    def first(self):
        """The first row where it lies in the base, an ndarray (1, ...)."""
        self.check_file()
        return np.asarray(self.base)[self.index.rows[0]][np.newaxis]

    @property
    def array(self):
        """The rows: the base itself if it is an array and they are all of it, a view if a slice, else a copy."""
        is_mapped = isinstance(self.base, MappedRows) and isinstance(self.index.rows, range)
        if self.is_source and not is_mapped:
            return self.read()
        array = self.base.array if is_mapped else self.base
        return array if self.index.is_whole else array[self.index.key]

    def select(self, positions):
        """Rows of these rows, at positions from `row_positions`."""
        return StoredRows(self.name, self.base, self.index.select(positions))

    def copy_to(self, out, places=None):
        """Write the rows into an array, cast to its dtype.

        Parameters
        ----------
        out : ndarray of shape (m, ...)
            The axes after the first may be joined: as many elements a row as the base has, in its order.
        places : int ndarray of shape (n,) or None
            Which rows of `out` to write to; None is all of them, in order.
        """
        out = out.reshape(len(out), *self.base.shape[1:])  # a view: it only splits axes
        places = np.arange(len(self.index)) if places is None else places
        if self.is_source:
            self.base.copy_rows(np.asarray(self.index.rows, np.intp), out, places)
            return
        self.check_file()
        base = np.asarray(self.base)  # a np.memmap would make a np.memmap of every row
        for place, row in zip(places.tolist(), self.index, strict=True):
            out[place] = base[row]

    def read(self, dtype=None):
        """Copy the rows into a new array of shape (n, ...)."""
        out = np.empty(self.shape, self.base.dtype if dtype is None else dtype)
        self.copy_to(out)
        return out

    def check_file(self):
        """Raise a ValueError if the file of the rows is missing, too short, or not as it was."""
        if self.is_source:
            self.base.check(self.name)
        else:
            check_mapped_file(self.name, self.base)

    def __getstate__(self):
        if self.is_source:
            return self.name, self.base, self.index
        self.check_file()
        in_memory, mapped = self.is_in_memory, backing_map(self.base)
        if in_memory and self.index.is_whole:
            return self.name, self.base, self.index
        if not in_memory and mapped.filename is not None and self.base.size:
            _refuse_copy_on_write(self.name, mapped)
        return self.name, self.read(), whole_index(len(self.index))

    def __setstate__(self, state):
        self.name, self.base, self.index = state
        if self.is_source and not _is_in_event_loop():
            self.check_file()

    def __sizeof__(self):
        """Bytes in memory, the rows among them where they lie there: Dask sends what is large only once."""
        return object.__sizeof__(self) + (sys.getsizeof(self.base) if self.is_source else self.nbytes)

    def __deepcopy__(self, memo):
        if isinstance(self.base, MappedRows):
            is_shared = not self.base.is_writable
        elif self.is_source:
            return StoredRows(self.name, copy.deepcopy(self.base, memo), self.index)
        else:
            mapped = backing_map(self.base)
            is_shared = mapped is not None and mapped.mode == "r"
        if is_shared:
            return StoredRows(self.name, self.base, self.index)
        return StoredRows(self.name, self.read(), whole_index(len(self.index)))


class JoinedRows(RowSource):
    """Rows of several arrays or row sources, one after the other.

    Pickled, each part is what it is alone: by reference where its rows lie in a file.

    Parameters
    ----------
    parts : list of StoredRows
        Of rows of the same shape.

    Raises
    ------
    ValueError
        If the rows of two parts differ in shape.
    """

    def __init__(self, parts):
        row_shapes = [part.shape[1:] for part in parts]
        if len(set(row_shapes)) > 1:
            raise ValueError(f"{parts[0].name} of videos to join must be of the same shape, got {row_shapes}.")
        self.parts = parts
        self._stops = np.cumsum([len(part) for part in parts])
        self.shape = (int(self._stops[-1]), *row_shapes[0])
        self.dtype = np.result_type(*(part.base.dtype for part in parts))

    @property
    def storage(self):
        """Where the rows of the parts lie."""
        kinds = dict.fromkeys(part.storage for part in self.parts)
        return None if not any(kinds) else " and ".join(kind or "in memory" for kind in kinds)

    def copy_rows(self, rows, out, places):
        """Write rows into an array, those of one part after those of another; see `RowSource`."""
        numbers = np.searchsorted(self._stops, rows, side="right")
        for number, part in enumerate(self.parts):
            chosen = np.flatnonzero(numbers == number)
            if chosen.size:
                start = self._stops[number] - len(part)
                part.select(rows[chosen] - start).copy_to(out, places[chosen])

    def check(self, name):
        """Raise a ValueError if a part's file is missing or has changed; see `RowSource`."""
        for part in self.parts:
            part.check_file()

    def __sizeof__(self):
        return object.__sizeof__(self) + sum(map(sys.getsizeof, self.parts))


def _is_in_event_loop():
    """Tell whether messages may be read here, as by Dask: an error would close the connection that they come by.

    Then files are checked when they are read, in a task whose error the user sees.
    """
    try:
        get_running_loop()
    except RuntimeError:
        return False
    return True


def _refuse_copy_on_write(name, mapped):
    if mapped.mode == "c":
        raise pickle.PicklingError(
            f"{name} is memory-mapped with mode 'c' (copy on write) from {mapped.filename}: pickled by file "
            "name it would lose its edits. Open it with mode 'r', or copy it into memory with np.array."
        )
