"""What an HDF5 dataset really has in store: its bytes against those it declares, and the rows never written.

HDF5 reads fill values, 0 as a rule, for whatever is missing: chunks that were never written, virtual sources that are
gone, external files that are too short. Here they are found, once, before anything is read.
"""

import math
import os
import sys
from array import array
from typing import NamedTuple

import numpy as np

from ave_sklearn._features.hdf5_links import allow, import_h5py

EXPANSION = 1032  # bytes that one byte of a chunk can become: deflate writes 258 equal ones in two bits
BOUNDED_FILTERS = (1, 2, 3, 5, 32000)  # deflate, shuffle, Fletcher-32, n-bit, LZF; others may reach its square
SAME_SIZE_FILTERS = (2, 3)  # shuffle, Fletcher-32
SMALL_CHUNK = 1_000_000  # bytes of equal numbers that scale-offset, among those others, takes to 21


class Survey(NamedTuple):
    """What was found out about a dataset.

    Attributes
    ----------
    shape : tuple of int
    unwritten : list of (int, int)
        Ranges of rows that hold fill values, from start to before stop.
    references : tuple of Reference
        The other files that its numbers come from.
    """

    shape: tuple
    unwritten: list
    references: tuple = ()


def check_numbers(dataset, file):
    """Check that a dataset is an array of real numbers whose filters are installed, opening no other file.

    Parameters
    ----------
    dataset : h5py.Dataset
    file : str
        What errors call its file.
    """
    h5py = import_h5py()
    what = f"dataset {dataset.name!r} of {file}"
    try:
        dtype = dataset.dtype
    except TypeError as error:
        raise ValueError(f"{what} is of a type that NumPy does not have: {error}.") from error
    if dtype.kind not in "biuf":
        raise ValueError(f"{what} must be of real numbers, got dtype {dtype}.")
    for code, name in _filters(dataset):
        if not h5py.h5z.filter_avail(code):
            raise ValueError(f"{what} is compressed with filter {code} ({name!r}), which is not installed.")


def tell_rows(ranges, limit=5):
    """Put ranges of rows into words: "row 7", or "rows 2 to 5, 7 and 3 more ranges"."""
    told = [str(start) if stop == start + 1 else f"{start} to {stop - 1}" for start, stop in ranges[:limit]]
    if len(ranges) > limit:
        told.append(f"{len(ranges) - limit} more ranges")
    if len(told) == 1:
        return f"{'rows' if ' ' in told[0] else 'row'} {told[0]}"
    return f"rows {', '.join(told[:-1])} and {told[-1]}" if told else "no rows"


def _filters(dataset):
    plist = dataset.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(number)
        yield code, name.decode("utf-8", "backslashreplace")


def shape_of(dataset, file):
    """Shape of a dataset, if an array can be of it."""
    shape = dataset.shape
    if shape is None:
        raise ValueError(f"dataset {dataset.name!r} of {file} is empty: it has no shape.")
    if math.prod(max(length, 1) for length in shape) * _itemsize(dataset) > sys.maxsize:
        raise ValueError(f"dataset {dataset.name!r} of {file} declares the shape {shape}, which no array can have.")
    return shape


def _itemsize(dataset):
    """Bytes of a number, the most of those in the file and in memory."""
    return max(dataset.dtype.itemsize, dataset.id.get_type().get_size())


def _too_large(dataset, file, wanted, found):
    return ValueError(
        f"dataset {dataset.name!r} of {file} declares {wanted} bytes, of which its file can hold {found} at most."
    )


# One piece: contiguous and compact


def check_piece(dataset, layout, shape, file):
    """Check that the bytes lie in the file; unwritten rows are all or none."""
    wanted = math.prod(shape) * dataset.id.get_type().get_size()
    if not wanted:
        return []
    stored = dataset.id.get_storage_size()
    if layout == import_h5py().h5d.CONTIGUOUS:
        offset = dataset.id.get_offset()
        if offset is None:
            return [(0, shape[0] if shape else 1)]
        stored = min(stored, os.path.getsize(file) - offset)
    if stored < wanted:
        raise _too_large(dataset, file, wanted, max(stored, 0))
    return []


# Chunks


def check_chunks(dataset, plist, shape, file):
    """Check each chunk's bytes, and return the ranges of rows of which a chunk is missing."""
    chunks = plist.get_chunk()
    if 0 in shape:
        return []
    counts = [-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)]
    wanted = math.prod(chunks) * dataset.id.get_type().get_size()
    written, bound = array("q"), _ChunkBound(dataset, wanted, os.path.getsize(file))

    def look(chunk):
        if chunk.byte_offset is None:
            return None
        bound.check(chunk)
        places = [start // step for start, step in zip(chunk.chunk_offset, chunks, strict=True)]
        if all(place < count for place, count in zip(places, counts, strict=True)):
            written.append(_number(places, counts))
        return bound.problem  # the first ends the iteration

    if dataset.id.chunk_iter(look):
        raise ValueError(f"dataset {dataset.name!r} of {file} {bound.problem}.")
    n_beside = math.prod(counts[1:])
    return _missing_rows(np.unique(written) // n_beside, n_beside, counts[0], chunks[0], shape[0])


def _number(places, counts):
    """Return the number of a chunk, the last axis running fastest."""
    number = 0
    for place, count in zip(places, counts, strict=True):
        number = number * count + place
    return number


class _ChunkBound:
    """Whether the file can hold the chunks of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
    wanted : int
        Bytes of a chunk when it is decompressed.
    size : int
        Bytes of the file.

    Attributes
    ----------
    problem : str or None
        What is wrong with the chunks so far.
    """

    def __init__(self, dataset, wanted, size):
        self.wanted, self.size = wanted, size
        self.codes = [code for code, _ in _filters(dataset)]
        self.stored, self.problem = 0, None

    def check(self, chunk):
        """Look whether one more chunk lies in the file, beside the others, and can have the size of a chunk."""
        active = [code for place, code in enumerate(self.codes) if not chunk.filter_mask >> place & 1]
        self.stored += chunk.size
        found = self._most(chunk.size, active)
        if chunk.byte_offset + chunk.size > self.size or self.stored > self.size:
            self.problem = f"has chunks that take more than the {self.size} bytes of the file"
        elif self.wanted > found:
            self.problem = f"declares chunks of {self.wanted} bytes, where one can have {found} at most"

    def _most(self, stored, active):
        """Bytes that a chunk of so many stored ones can have, after the filters that were used for it."""
        steps = [1 if code in BOUNDED_FILTERS else 2 for code in active if code not in SAME_SIZE_FILTERS]
        return max(stored * EXPANSION ** sum(steps), SMALL_CHUNK if 2 in steps else 0)


def _missing_rows(groups, n_beside, n_groups, chunk, n_rows):
    """Ranges of rows that not all chunks beside one another are there for.

    Parameters
    ----------
    groups : int ndarray
        For each chunk that was written, which of the `n_groups` of rows it is of.
    n_beside : int
        Chunks of one group of rows.
    n_groups, chunk, n_rows : int
        Groups, rows of a group, and of all of them.
    """
    groups, counts = np.unique(groups, return_counts=True)
    ranges, first = [], 0
    for group in [*groups[counts == n_beside].tolist(), n_groups]:
        if first < group:
            ranges.append((first * chunk, min(group * chunk, n_rows)))
        first = group + 1
    return ranges


# External storage


def check_external(dataset, plist, shape, place, folder):
    """Find the rows whose bytes are in none of the external files."""
    left = math.prod(shape) * dataset.id.get_type().get_size()
    row_bytes = max(1, left // max(1, shape[0] if shape else 1))
    start, unwritten, references = 0, [], []
    for number in range(plist.get_external_count()):
        name, offset, size = plist.get_external(number)
        what = f"the external storage of dataset {dataset.name!r}"
        reference = allow(os.fsdecode(name), place.file, "HDF5_EXTFILE_PREFIX", folder, what)
        size = min(size, left)
        there = 0 if reference is None else max(0, min(size, reference.state.size - offset))
        if there < size:
            rows = (start + there) // row_bytes, -(-(start + size) // row_bytes)
            raise ValueError(
                f"{what} of {place.file} should have {tell_rows([rows])} in {os.fsdecode(name)!r}, which "
                f"{'is not there' if reference is None else 'is too short'}."
            )
        references.append(reference)
        start, left = start + size, left - size
    if left:
        unwritten.append((start // row_bytes, shape[0] if shape else 1))
    return Survey(shape, unwritten, tuple(references))
