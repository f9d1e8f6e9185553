"""Memory-mapped arrays described by where they lie in their file: to check the file and to reopen it."""

import mmap
import os
from dataclasses import dataclass

import numpy as np
from numpy.lib.array_utils import byte_bounds

JOBLIB_FOLDER = "joblib_memmapping_folder_"


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


def stat_file(name, file, wanted):
    """Size and age of a file; a ValueError if it is missing or has fewer bytes than wanted."""
    try:
        stat = os.stat(file)
    except OSError as error:
        raise ValueError(
            f"{name} is memory-mapped from {file}, of which at least {wanted} bytes are wanted, "
            f"but it cannot be opened: {error.strerror}."
        ) from error
    _require_bytes(name, file, stat.st_size, wanted)
    return stat


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
    modified : int
        When the file was last changed, in nanoseconds: two states of a file are two descriptions, also in
        joblib's cache.
    """

    file: str
    dtype: str
    shape: tuple
    strides: tuple
    first: int
    start: int
    stop: int
    modified: int

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
        modified = stat_file(name, file, stop).st_mtime_ns
        return cls(file, array.dtype.str, array.shape, array.strides, first, start, stop, modified)

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
        stat_file(name, self.file, self.stop)
        raw = np.memmap(self.file, np.uint8, "r", offset=self.start, shape=(self.stop - self.start,))
        return np.ndarray(self.shape, self.dtype, raw, self.first - self.start, self.strides)
