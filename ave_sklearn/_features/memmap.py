"""Memory-mapped arrays described by where they lie in their file: to check the file, to read it and to reopen it."""

import mmap
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np
from numpy.lib.array_utils import byte_bounds

from ave_sklearn._features.source import RowSource
from ave_sklearn._files import FileState, naming_machine

JOBLIB_FOLDER = "joblib_memmapping_folder_"
BLOCK_BYTES = 2**18  # read at a time, small enough for the cache, where numbers are cast or have gaps between them
MOST_GAPS = 4  # a row is read where it spans at most so many times its own bytes
READ_ONLY = os.O_RDONLY | getattr(os, "O_BINARY", 0)  # Windows would change line ends


def backing_map(array):
    """Find the memory map whose bytes an array shows.

    Parameters
    ----------
    array : ndarray
        Anything from the map itself to a strided view of a plain view of it.

    Returns
    -------
    mapped : np.memmap or None
        The map as it was opened, or None when the array lies in memory. Slices of a map carry the ``offset``
        of the map they were cut from: only this one's ``offset`` belongs to its own first element.
    """
    while array is not None:
        base = getattr(array, "base", None)
        if isinstance(array, np.memmap) and isinstance(base, mmap.mmap):
            return array
        array = base
    return None


def is_joblib_temporary(mapped):
    """Tell joblib's own copy of an array in memory, which goes when its call ends, from a user's file."""
    return mapped.filename is not None and JOBLIB_FOLDER in str(mapped.filename)


def check_mapped_file(name, array):
    """Raise a ValueError if an array's file no longer holds all of its bytes.

    Reading past the end of a memory-mapped file ends the process with a bus error, which nobody can catch.

    Parameters
    ----------
    name : str
        What the error calls the array, "audio" for example.
    array : ndarray
        Arrays in memory are always fine.
    """
    mapped = backing_map(array)
    if mapped is None or not array.size:
        return
    if mapped.filename is None or is_joblib_temporary(mapped):  # readable for as long as it is mapped
        _require_bytes(name, mapped.filename or "an unnamed file", mapped.base.size(), file_range(array)[1])
    else:
        MappedArray.of(name, array)


def require_file(name, file, wanted):
    """Raise a ValueError if a file is missing or has fewer bytes than wanted."""
    try:
        size = os.stat(file).st_size
    except OSError as error:
        raise _gone(name, file, wanted, error) from error
    _require_bytes(name, file, size, wanted)


def _gone(name, file, wanted, error):
    return ValueError(
        f"{name} is memory-mapped from {file}, of which at least {wanted} bytes are wanted, "
        f"but it cannot be opened: {error.strerror}."
    )


def _require_bytes(name, file, found, wanted):
    if found < wanted:
        raise ValueError(
            f"{name} is memory-mapped from {file}, which has {found} bytes where at least {wanted} are "
            "wanted. Was it truncated, or written anew, after it was opened?"
        )


def file_range(array):
    """First byte of a memory-mapped array in its file, and the byte after its last."""
    mapped = backing_map(array)
    low, high = byte_bounds(array)
    shift = mapped.offset - address(mapped)
    return low + shift, high + shift


def address(array):
    """Address in memory of an array's first element."""
    return array.__array_interface__["data"][0]


@dataclass(frozen=True)
class MappedArray:
    """Place, type and layout of an array in a file.

    Attributes
    ----------
    file : str
        Absolute path.
    dtype : str
        As in ``np.dtype.str``, byte order included.
    shape, strides : tuple of int
        Strides in bytes; negative ones and gaps are fine.
    first : int
        Byte of the file at which element ``[0, ..., 0]`` begins.
    start, stop : int
        The bytes of the file that the elements lie in.
    """

    file: str
    dtype: str
    shape: tuple
    strides: tuple
    first: int
    start: int
    stop: int

    @classmethod
    def of(cls, name, array):
        """Describe a non-empty array over a named file, once the file is found to hold it.

        Parameters
        ----------
        name : str
            What errors call the array.
        array : ndarray
            An array that `backing_map` finds a map for.

        Raises
        ------
        ValueError
            If the file is missing or too short.
        """
        mapped = backing_map(array)
        file = os.path.abspath(mapped.filename)
        first = mapped.offset + address(array) - address(mapped)
        start, stop = file_range(array)
        require_file(name, file, stop)
        return cls(file, array.dtype.str, array.shape, array.strides, first, start, stop)

    def open(self, name):
        """Map the array again, read-only.

        Returns
        -------
        array : read-only ndarray

        Raises
        ------
        ValueError
            If the file is missing or too short.
        """
        require_file(name, self.file, self.stop)
        raw = np.memmap(self.file, np.uint8, "r", offset=self.start, shape=(self.stop - self.start,))
        return np.ndarray(self.shape, self.dtype, raw, self.first - self.start, self.strides)


def as_rows(name, array):
    """Return the rows of an array over a user's named file as `MappedRows`, and any other array as it is.

    Other than in a file are the edits of a map of mode "c"; joblib's own files, and unnamed ones, are readable for as
    long as they are mapped.

    Raises
    ------
    ValueError
        If the file is missing or too short.
    """
    mapped = None if isinstance(array, RowSource) else backing_map(array)
    if mapped is None or not array.size or mapped.mode == "c" or mapped.filename is None or is_joblib_temporary(mapped):
        return array
    return MappedRows(name, array)


class MappedRows(RowSource):
    """Rows of an array over a named file, which may change at any time.

    Reading a map of a file that another program shortens ends the process, and one that is written anew gives rows of
    two states. So rows are read from the file itself, into the memory of the batch, and the file is compared with the
    state in which it was opened before and after each read. It is open during a read alone: nothing is left open in
    forked processes, threads and pickles, and what has the file's name is looked at each time.

    Rows that lie too far apart in the file (Fortran order), and those on systems without ``preadv``, are read from the
    map, behind the same comparison.

    Parameters
    ----------
    name : str
        What errors call the array.
    array : ndarray of shape (n_rows, n_segments, ...)
        An array that `backing_map` finds a map of a named file for. Where this map may be written to, only the size
        of the file may not change.

    Attributes
    ----------
    place : MappedArray
    state : FileState
        Of the file, when it was opened.
    may_be_written : bool
    """

    storage = "memory-mapped"

    def __init__(self, name, array):
        self.name, self.place, self._array = name, MappedArray.of(name, array), array
        self.may_be_written = backing_map(array).mode != "r"
        self.state = FileState.of(self.place.file)
        self._set_layout()
        if backing_map(array).base.size() != self.state.size:
            raise ValueError(f"{name} is memory-mapped from {self.place.file}, which was replaced: open it anew.")

    def _set_layout(self):
        place = self.place
        self.shape, self.dtype = place.shape, np.dtype(place.dtype)
        low, high = _span(self.shape[1:], place.strides[1:], self.itemsize)
        row_bytes = self.size // len(self) * self.itemsize
        self._is_read = hasattr(os, "preadv") and high - low <= MOST_GAPS * row_bytes
        self._is_packed = _is_packed(self.shape[1:], place.strides[1:], self.itemsize)
        self._follow = self._is_packed and place.strides[0] == row_bytes

    @property
    def array(self):
        """The array as it was given, or a read-only one, mapped when it is first asked for.

        Raises
        ------
        ValueError
            If the map's file is shorter than the array. A file that was replaced or removed lives on in its map.
        """
        if self._array is None:
            with self._unchanged() as descriptor:
                key = self.place, FileState.of(descriptor)
                self._array = _MAPS.get(key)
                if self._array is None:
                    self._array = _MAPS[key] = self.place.open(self.name)
        _require_bytes(self.name, self.place.file, backing_map(self._array).base.size(), self.place.stop)
        return self._array

    def copy_rows(self, rows, out, places):
        """Write rows into an array; see `RowSource`."""
        if not len(rows):
            return
        with self._unchanged() as descriptor:
            if not self._is_read:
                array = np.asarray(self.array)
                for place, row in zip(places.tolist(), rows.tolist(), strict=True):
                    out[place] = array[row]
            elif self._is_packed and out.dtype == self.dtype and out.flags.c_contiguous:
                self._read_into(descriptor, rows, out, places)
            else:
                self._read_by_blocks(descriptor, rows, out, places)

    def _read_into(self, descriptor, rows, out, places):
        """Read rows as they are into an array; those that follow one another, all at once."""
        out = out.reshape(len(out), -1).view(np.uint8)
        ends = np.ones(len(rows), bool)
        if self._follow:
            ends[:-1] = (np.diff(rows) != 1) | (np.diff(places) != 1)
        stops = np.flatnonzero(ends) + 1
        starts = np.concatenate([[0], stops[:-1]])
        from_place, first = places[starts], self._firsts(rows[starts])
        to_place = from_place + (stops - starts)
        for start, stop, byte in zip(from_place.tolist(), to_place.tolist(), first, strict=True):
            chosen = out[start:stop]
            if os.preadv(descriptor, (chosen,), byte) < chosen.size:
                self._read_all(descriptor, chosen.reshape(-1), byte)

    def _read_by_blocks(self, descriptor, rows, out, places):
        """Read rows, some of their segments at a time, into a small buffer, and write them to an array as its type."""
        step = self._segments_of_a_block()
        blocks, strides = [], self.place.strides[1:]
        low, high = _span((step, *self.shape[2:]), strides, self.itemsize)
        buffer = np.empty(high - low, np.uint8)
        for start in range(0, self.shape[1], step):
            shape = (min(step, self.shape[1] - start), *self.shape[2:])
            low, high = _span(shape, strides, self.itemsize)
            seen = np.ndarray(shape, self.dtype, buffer, -low, strides)
            blocks.append((slice(start, start + step), start * strides[0] + low, buffer[: high - low], seen))
        for place, byte in zip(places.tolist(), self._firsts(rows), strict=True):
            written = out[place]
            for segments, first, block, seen in blocks:
                if os.preadv(descriptor, (block,), byte + first) < block.size:
                    self._read_all(descriptor, block, byte + first)
                written[segments] = seen

    def _segments_of_a_block(self):
        """How many segments to read at a time: all of a row where it is small, or where they lie among each other."""
        (low, high), (first, stop) = (
            _span((n, *self.shape[2:]), self.place.strides[1:], self.itemsize) for n in self.shape[1:2] + (1,)
        )
        n_segments, of_row, of_segment = self.shape[1], high - low, stop - first
        if of_row <= BLOCK_BYTES or n_segments * of_segment > 2 * of_row:
            return n_segments
        return max(1, BLOCK_BYTES // of_segment)

    def _firsts(self, rows):
        """Bytes of the file at which the first elements of rows begin, a list."""
        return (self.place.first + rows * self.place.strides[0]).tolist()

    def _read_all(self, descriptor, buffer, first):
        """Read bytes of the file from `first` on, which one call does not give all of."""
        done = 0
        while done < len(buffer):
            count = os.preadv(descriptor, (buffer[done:],), first + done)
            if not count:
                self._compare(descriptor)
                raise ValueError(f"{self.name} is memory-mapped from {self.place.file}, which ended while it was read.")
            done += count

    @contextmanager
    def _unchanged(self):
        """Yield a descriptor of the file; a ValueError if it is not as it was, before the block or at its end."""
        with naming_machine(self.place.file, self.state):
            try:
                descriptor = os.open(self.place.file, READ_ONLY)
            except OSError as error:
                raise _gone(self.name, self.place.file, self.place.stop, error) from error
        try:
            self._compare(descriptor)
            yield descriptor
            self._compare(descriptor)
        except OSError as error:  # of the disk
            raise OSError(error.errno, error.strerror, self.place.file) from error
        finally:
            os.close(descriptor)

    def _compare(self, descriptor):
        now = FileState.of(descriptor)
        if now == self.state:
            return
        with naming_machine(self.place.file, self.state):
            _require_bytes(self.name, self.place.file, now.size, self.place.stop)
            change = self.state.change(now, may_be_written=self.may_be_written)
            if change is not None:
                raise ValueError(f"{self.name} is memory-mapped from {self.place.file}, which {change}: open it anew.")

    def check(self, name):
        """Raise a ValueError if the file is gone or has changed; see `RowSource`."""
        with self._unchanged():
            pass

    def __getstate__(self):
        if not self.state.is_from_elsewhere:
            require_file(self.name, self.place.file, self.place.stop)
        now = self.state.modified
        with suppress(OSError):  # who only passes a pickle on, as Dask's scheduler does, need not have the file
            now = FileState.of(self.place.file).modified  # two states of a file are two entries of joblib's cache
        return self.name, self.place, self.may_be_written, self.state.anywhere(), now

    def __setstate__(self, state):
        self.name, self.place, self.may_be_written, self.state, _ = state
        self._array = None
        self._set_layout()

    @property
    def is_writable(self):
        """Whether this process has a map of the file that it may write to."""
        return self._array is not None and backing_map(self._array).mode != "r"


_MAPS = WeakValueDictionary()  # {(MappedArray, FileState): array}: each is mapped once a process


def _span(shape, strides, itemsize):
    """First byte of an array, counted from that of its first element, and the byte after its last."""
    ends = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    return sum(end for end in ends if end < 0), sum(end for end in ends if end > 0) + itemsize


def _is_packed(shape, strides, itemsize):
    """Tell whether an array lies in one piece, in C order."""
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != itemsize:
            return False
        itemsize *= size
    return True
