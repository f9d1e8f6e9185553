"""Files of type .npy: read as memory maps, and written row by row, all of them whole or none at all."""

import errno
import io
import math
import os
import shutil
import sys
import warnings
from contextlib import contextmanager, suppress

import numpy as np
from numpy.lib import format as npy_format

from ave_sklearn._features.pairs import publish
from ave_sklearn._files import naming_file, reading, require_regular, temporary_beside, whole_file

MAX_HEADER = 10_000  # bytes, as NumPy has it; headers of arrays of numbers have 118
HEADER_READERS = {  # by version: bytes that the header's length takes, and what parses both
    (1, 0): (2, npy_format.read_array_header_1_0),
    (2, 0): (4, npy_format.read_array_header_2_0),
    (3, 0): (4, npy_format.read_array_header_2_0),  # UTF-8, which only the names of records need
}


def open_npy(file):
    """Map an .npy file into memory, read-only.

    Parameters
    ----------
    file : path-like

    Returns
    -------
    array : np.memmap

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no .npy file of real numbers, or has fewer bytes than it declares; the error names the file.
    """
    require_regular(file, "an .npy file")
    with open(file, "rb") as opened:
        with reading(file, "an .npy file", parsing=True):
            shape, is_fortran, dtype = read_header(opened, os.fstat(opened.fileno()).st_size)
        start = opened.tell()
    with reading(file, "an .npy file"):
        return np.memmap(file, dtype, "r", start, shape, "F" if is_fortran else "C")


def read_header(opened, size):
    """Read the header of an .npy file, and leave the file at its first number.

    Parameters
    ----------
    opened : binary file
    size : int
        Bytes of the file.

    Returns
    -------
    shape : tuple of int
    is_fortran : bool
        Whether the numbers lie in Fortran's order.
    dtype : np.dtype
        Of real or complex numbers.

    Raises
    ------
    ValueError
        If it is damaged, or declares more than the file has. Of damaged text NumPy raises more: see
        `ave_sklearn._files.reading`.
    """
    major, minor = npy_format.read_magic(opened)
    if (major, minor) not in HEADER_READERS:
        raise ValueError(f"its version is {major}.{minor}, not one of 1.0, 2.0 and 3.0")
    n_bytes, read = HEADER_READERS[major, minor]
    prefix = opened.read(n_bytes)
    length = int.from_bytes(prefix, "little")
    if length > min(MAX_HEADER, size - opened.tell()):
        raise ValueError(f"its header has {length} bytes, of a file of {size}; at most {MAX_HEADER} are read")
    with warnings.catch_warnings():
        for category in (SyntaxWarning, DeprecationWarning):  # of what a damaged header looks like to a parser
            warnings.simplefilter("ignore", category)
        shape, is_fortran, dtype = read(io.BytesIO(prefix + opened.read(length)), max_header_size=MAX_HEADER)
    _check_declared(shape, dtype, size - opened.tell())
    return shape, is_fortran, dtype


def _check_declared(shape, dtype, n_bytes):
    """Check that an array is one of real numbers, and that so many bytes hold them."""
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    if dtype.kind not in "biufc":  # complex numbers are refused where features are
        raise ValueError(f"it must be of real numbers, got dtype {dtype}")
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"its shape must be of integers of at least 0, got {shape!s:.200}")
    if math.prod(max(length, 1) for length in shape) * dtype.itemsize > sys.maxsize:
        raise ValueError(f"no array can be of its shape, {shape!s:.200}")
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > n_bytes:
        raise ValueError(
            f"numbers of shape {shape!s:.200} and dtype {dtype} take {wanted} bytes, which is greater than file size: "
            f"{n_bytes} bytes follow the header"
        )


@contextmanager
def npy_files(layouts):
    """Write .npy files, row by row, that appear under their names as one thing when all of them are finished.

    The rows go to temporary files in the same folders. When the block ends without an exception these get
    their final number of rows and then their names (`pairs.publish`). After an exception, a KeyboardInterrupt
    included, the temporary files are removed, and files that had the names before are as they were. The caller
    holds the locks of the files (`pairs.writing`).

    Parameters
    ----------
    layouts : dict {path: (row_shape, dtype)}
        For each file, in a folder that is there, the shape of one row and the type of its numbers. How many
        rows there will be need not be known.

    Yields
    ------
    writers : tuple of NpyWriter
        In the order of `layouts`.

    Raises
    ------
    FileNotFoundError
        If a folder is not there.
    IsADirectoryError
        If a name is that of a folder.
    ValueError
        If two paths are of the same file.
    OSError
        If a file cannot be written, naming it.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from ave_sklearn._features.npy import npy_files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, second = os.path.join(folder, "a.npy"), os.path.join(folder, "b.npy")
    ...     with npy_files({first: ((10, 2), "f4"), second: ((3,), np.float64)}) as (a, b):
    ...         a.append(np.zeros((5, 10, 2)))
    ...         a.append(np.zeros((1, 10, 2)))
    ...         b.append(np.ones((4, 3)))
    ...     np.load(first).shape, np.load(second).shape
    ((6, 10, 2), (4, 3))
    """
    check_output_files(layouts)
    writers = []
    try:
        for file, (row_shape, dtype) in layouts.items():
            writers.append(NpyWriter(file, row_shape, dtype))
        yield tuple(writers)
        for writer in writers:
            writer.finish()
        publish({writer.file: writer.temporary for writer in writers}, [writer.file for writer in writers])
    finally:
        for writer in writers:
            writer.discard()


class NpyWriter:
    """One .npy file in the making, under a temporary name.

    Parameters
    ----------
    file : path-like
        The name that the finished file gets.
    row_shape : tuple of int
        Shape of one row.
    dtype : dtype

    Attributes
    ----------
    n_rows : int
        How many rows were appended.
    temporary : str
        The name of the file in the making.
    """

    def __init__(self, file, row_shape, dtype):
        self.file = os.path.abspath(file)
        self.row_shape = tuple(int(size) for size in row_shape)
        self.dtype = np.dtype(dtype)
        self.n_rows = 0
        self.temporary = temporary_beside(self.file)
        with naming_file(self.file):
            self._stream = open(self.temporary, "xb")
        try:
            self._header_size = self._write_header()
        except BaseException:
            self.discard()
            raise

    def append(self, rows):
        """Write rows after those already there.

        Parameters
        ----------
        rows : array-like of shape (n, *row_shape)
            Cast to the file's type.

        Raises
        ------
        ValueError
            If the rows are of another shape.
        OSError
            If they cannot be written, naming the file.
        """
        rows = np.asarray(rows)
        if rows.shape[1:] != self.row_shape or not rows.ndim:
            raise ValueError(f"{self.file} takes rows of shape {('n', *self.row_shape)}, got shape {rows.shape}.")
        with naming_file(self.file):
            self._stream.write(np.ascontiguousarray(rows, self.dtype))
        self.n_rows += len(rows)

    def finish(self):
        """Write the final number of rows and close the file, which still has its temporary name."""
        with naming_file(self.file):
            self._stream.seek(0)
            if self._write_header() != self._header_size:
                raise RuntimeError(f"the header of {self.file} has no room for {self.n_rows} rows.")
            self._stream.close()

    def discard(self):
        """Remove the file if it has no other name by now."""
        with suppress(OSError):  # what it could not write before, it cannot write now
            self._stream.close()
        with suppress(FileNotFoundError):
            os.remove(self.temporary)

    def _write_header(self):
        """Write the header and return its size."""
        with naming_file(self.file):
            return self._stream.write(_header(self.n_rows, self.row_shape, self.dtype))


class NpyRows:
    """The rows of one .npy file in the making, which outlives its process; a row may be written before those before it.

    What lies between rows that were written is zeros, and takes no room on most file systems. Nothing here tells which
    rows were written: who writes them keeps a list.

    Parameters
    ----------
    file : path-like
        Made with the first row that is written.
    row_shape : tuple of int
        Shape of one row.
    dtype : dtype

    Attributes
    ----------
    row_size : int
        Bytes of one row.
    """

    def __init__(self, file, row_shape, dtype):
        self.file = os.fspath(file)
        self.row_shape = tuple(row_shape)
        self.dtype = np.dtype(dtype)
        self.row_size = math.prod(self.row_shape) * self.dtype.itemsize
        self._header_size = len(_header(0, self.row_shape, self.dtype))  # the same for any number of rows
        self._stream = None

    def write(self, number, row):
        """Write the row of a number; when this returns the system has it, though the disk may not yet.

        Raises
        ------
        ValueError
            If the row is of another shape.
        OSError
            If it cannot be written, naming the file.
        """
        if row.shape != self.row_shape:
            raise ValueError(f"{self.file} takes rows of shape {self.row_shape}, got shape {row.shape}.")
        with naming_file(self.file):
            stream = self._opened()
            stream.seek(self._place(number))
            stream.write(np.ascontiguousarray(row, self.dtype))
            stream.flush()

    def read(self, number):
        """Return the bytes of a row, none where the file ends before it does."""
        with open(self.file, "rb") as stream:
            if os.fstat(stream.fileno()).st_size < self._place(number + 1):
                return b""
            stream.seek(self._place(number))
            return stream.read(self.row_size)

    def take(self, number):
        """Return a row that was written."""
        return np.frombuffer(self.read(number), self.dtype).reshape(self.row_shape)

    def finish(self, n_rows):
        """Make it an .npy file of its first rows, and close it."""
        self.close()
        header, size = _header(n_rows, self.row_shape, self.dtype), self._place(n_rows)
        with open(self.file, "rb") as stream:
            is_finished = os.fstat(stream.fileno()).st_size == size and stream.read(len(header)) == header
        if not is_finished:  # else it may have a finished file's name too, which opening for writing would take from it
            with naming_file(self.file), self._opened() as stream:
                stream.write(header)
                stream.truncate(size)
            self._stream = None

    def close(self):
        """Close the file; what could not be written has raised its error before."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()
            self._stream = None

    def _opened(self):
        """Return the file, open for writing; one that has a second name is replaced by a copy before."""
        if self._stream is None:
            if os.path.exists(self.file) and os.stat(self.file).st_nlink > 1:
                with whole_file(self.file) as temporary:
                    shutil.copyfile(self.file, temporary)
            self._stream = open(self.file, "r+b" if os.path.exists(self.file) else "w+b")
        return self._stream

    def _place(self, number):
        return self._header_size + number * self.row_size


def _header(n_rows, row_shape, dtype):
    """Return the header of an .npy file, whose length NumPy keeps the same for any number of rows."""
    header, descr = io.BytesIO(), npy_format.dtype_to_descr(dtype)
    fields = {"shape": (n_rows, *row_shape), "fortran_order": False, "descr": descr}
    npy_format.write_array_header_1_0(header, fields)
    return header.getvalue()


def check_output_files(files):
    """Check that files can be made: in folders that are there, under names that are no folder's, all different.

    Parameters
    ----------
    files : iterable of path-like
    """
    seen = set()
    for file in files:
        folder = os.path.dirname(os.path.abspath(file))
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, "No such folder to write to", folder)
        if os.path.isdir(file):
            raise IsADirectoryError(errno.EISDIR, "Is a folder, not a file to write", os.fspath(file))
        if os.path.realpath(file) in seen:
            raise ValueError(f"each array needs a file of its own, got {os.fspath(file)} twice.")
        seen.add(os.path.realpath(file))


def check_disk_space(needed):
    """Check that the disks have room for files.

    Parameters
    ----------
    needed : dict {path: int}
        Bytes of each file to write.

    Raises
    ------
    OSError
        With `errno.ENOSPC`, naming the files, the bytes that they need and the bytes that are free.
    """
    disks = {}
    for file in needed:
        folder = os.path.dirname(os.path.abspath(file))
        disks.setdefault(os.stat(folder).st_dev, []).append(file)
    for files in disks.values():
        wanted = sum(needed[file] for file in files)
        free = shutil.disk_usage(os.path.dirname(os.path.abspath(files[0]))).free
        if wanted > free:
            names = " and ".join(os.fspath(file) for file in files)
            raise OSError(errno.ENOSPC, f"no room for {names}: {wanted} bytes are needed, {free} are free")
