"""What an HDF5 dataset really has in store: its bytes against those it declares, and the rows never written.

HDF5 reads fill values, 0 as a rule, for whatever is missing: chunks that were never written, virtual sources that are
gone, external files that are too short. Here they are found, once, before anything is read.
"""

import math
import os
import sys
from array import array
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from ave_sklearn._features.hdf5_links import MAX_LINKS, Place, allow, follow, import_h5py, open_file
from ave_sklearn._files import reading

EXPANSION = 1032  # bytes that one byte of a chunk can become: deflate writes 258 equal ones in two bits, others less
BOUNDED_FILTERS = (1, 2, 3, 5, 32000)  # deflate, shuffle, Fletcher-32, n-bit, LZF: no byte becomes more than that
SAME_SIZE_FILTERS = (2, 3)  # shuffle, Fletcher-32
SMALL_CHUNK = 1_000_000  # bytes that a chunk of equal numbers may have, whatever takes them to nothing
MAX_PIECES = 1_000_000  # of the selections of a virtual dataset, and of the grid that they cut it into


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


def check_whole(dataset, place, folder):
    """Check that all numbers of a dataset are there, and that its size is one that its files can hold.

    Parameters
    ----------
    dataset : h5py.Dataset
    place : Place
        Where it is.
    folder : str or None
        The folder whose files it may lead to.

    Returns
    -------
    references : tuple of Reference
        The other files that its numbers come from.

    Raises
    ------
    ValueError
        If it is larger than its files, leads to files elsewhere, or has rows that were never written.
    """
    found = survey(dataset, place, folder)
    if found.unwritten:
        raise ValueError(
            f"dataset {dataset.name!r} of {place.file} has rows that were never written, of which HDF5 reads fill "
            f"values: {tell_rows(found.unwritten)} of {found.shape[0] if found.shape else 1}."
        )
    return found.references


def survey(dataset, place, folder, trail=(), known=None):
    """Look at the storage of a dataset, and of those that it is made of.

    Parameters
    ----------
    dataset, place, folder
        As in `check_whole`.
    trail : tuple
        The virtual datasets that led here.
    known : dict or None
        Surveys of the same call.

    Returns
    -------
    found : Survey
    """
    h5py = import_h5py()
    known = {} if known is None else known
    plist = dataset.id.get_create_plist()
    layout = plist.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return _survey_virtual(dataset, plist, place, folder, trail, known)
    shape = _shape(dataset, place.file)
    if layout == h5py.h5d.CHUNKED:
        return Survey(shape, _check_chunks(dataset, plist, shape, place.file))
    if plist.get_external_count():
        return _survey_external(dataset, plist, shape, place, folder)
    return Survey(shape, _check_piece(dataset, layout, shape, place.file))


def tell_rows(ranges, limit=5):
    """Put ranges of rows into words: "rows 2 to 5, 7 and 3 more ranges"."""
    told = [str(start) if stop == start + 1 else f"{start} to {stop - 1}" for start, stop in ranges[:limit]]
    if len(ranges) > limit:
        told.append(f"{len(ranges) - limit} more ranges")
    return "rows " + " and ".join([", ".join(told[:-1]), told[-1]] if len(told) > 1 else told)


def _filters(dataset):
    plist = dataset.id.get_create_plist()
    for number in range(plist.get_nfilters()):
        code, _, _, name = plist.get_filter(number)
        yield code, name.decode("utf-8", "backslashreplace")


def _shape(dataset, file):
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


def _check_piece(dataset, layout, shape, file):
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


def _check_chunks(dataset, plist, shape, file):
    """Check each chunk's bytes, and return the ranges of rows of which a chunk is missing."""
    chunks = plist.get_chunk()
    if 0 in shape:
        return []
    counts = [-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)]
    n_chunks = math.prod(counts)
    wanted = math.prod(chunks) * dataset.id.get_type().get_size()
    size = os.path.getsize(file)
    rows, bound = array("q"), _ChunkBound(dataset, wanted, size)

    def look(chunk):
        numbers = [start // step for start, step in zip(chunk.chunk_offset, chunks, strict=True)]
        if all(number < count for number, count in zip(numbers, counts, strict=True)):
            rows.append(numbers[0])
        if bound.passes(chunk) and len(rows) <= n_chunks:
            return None
        return True  # the last chunk that is looked at

    if dataset.id.chunk_iter(look):
        raise _too_large(dataset, file, math.prod(shape) * dataset.dtype.itemsize, bound.found)
    return _missing_rows(np.frombuffer(rows, np.int64), n_chunks // counts[0], counts[0], chunks[0], shape[0])


class _ChunkBound:
    """How many bytes the chunks of a dataset may have, judged by those that the file has for them.

    Parameters
    ----------
    dataset : h5py.Dataset
    wanted : int
        Bytes of a chunk when it is decompressed.
    size : int
        Bytes of the file.
    """

    def __init__(self, dataset, wanted, size):
        self.wanted, self.size = wanted, size
        self.codes = [code for code, _ in _filters(dataset)]
        self.found = self.stored = 0

    def passes(self, chunk):
        """Tell whether a chunk lies in the file, beside those before it, and can be decompressed to its size."""
        active = [code for place, code in enumerate(self.codes) if not chunk.filter_mask >> place & 1]
        self.stored += chunk.size
        self.found = self._most(chunk.size, active)
        in_file = chunk.byte_offset is not None and chunk.byte_offset + chunk.size <= self.size
        return in_file and self.stored <= self.size and self.wanted <= self.found

    def _most(self, stored, active):
        """Bytes that a chunk can have at most."""
        n_compressing = sum(code not in SAME_SIZE_FILTERS for code in active)
        if all(code in BOUNDED_FILTERS for code in active):
            return stored * EXPANSION**n_compressing
        return max(self.size * EXPANSION**n_compressing, SMALL_CHUNK)


def _missing_rows(written, n_beside, n_groups, chunk, n_rows):
    """Ranges of rows that not all chunks beside one another are there for.

    Parameters
    ----------
    written : int ndarray
        For each chunk that was written, which of the `n_groups` of rows it is of.
    n_beside : int
        Chunks of one group of rows.
    n_groups, chunk, n_rows : int
        Groups, rows of a group, and of all of them.
    """
    groups, counts = np.unique(written, return_counts=True)
    whole = groups[counts >= n_beside].tolist()
    ranges, first = [], 0
    for group in [*whole, n_groups]:
        if first < group:
            ranges.append((first * chunk, min(group * chunk, n_rows)))
        first = group + 1
    return ranges


# External storage


def _survey_external(dataset, plist, shape, place, folder):
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


# Virtual datasets


def _survey_virtual(dataset, plist, place, folder, trail, known):
    """Survey the sources of a virtual dataset, and find the rows that none of them is mapped to."""
    what = f"dataset {dataset.name!r} of {place.file}"
    here = os.path.realpath(place.file), import_h5py().h5o.get_info(dataset.id).addr
    if here in trail or len(trail) == MAX_LINKS:
        raise ValueError(f"{what} is made of more than {MAX_LINKS} virtual datasets in a row, or of itself.")
    mappings = [_Mapping.of(plist, number) for number in range(plist.get_virtual_count())]
    _check_elsewhere(mappings, what, folder)
    found = [_survey_source(mapping, dataset, place, folder, (*trail, here), known) for mapping in mappings]
    shape = _shape(dataset, place.file)  # asked for only now: HDF5 looks into sources of no fixed size for it
    boxes = []
    for mapping, (source, sources_name) in zip(mappings, found, strict=True):
        boxes += _check_mapping(mapping, source, sources_name, shape, what)
    references = dict.fromkeys(reference for source, _ in found if source for reference in source.references)
    return Survey(shape, _uncovered_rows(boxes, shape, what), tuple(references))


class _Mapping(NamedTuple):
    """A part of a virtual dataset, and what it is a part of."""

    file: str
    key: bytes
    target: object  # h5py.h5s.SpaceID, as is source
    source: object

    @classmethod
    def of(cls, plist, number):
        file, key = plist.get_virtual_filename(number), plist.get_virtual_dsetname(number)
        spaces = plist.get_virtual_vspace(number), plist.get_virtual_srcspace(number)
        return cls(os.fsdecode(file), key if isinstance(key, bytes) else key.encode(errors="surrogateescape"), *spaces)


def _check_elsewhere(mappings, what, folder):
    """Refuse sources in other files, unless their folder is named, and sources that are only numbered."""
    for mapping in mappings:
        if "%b" in mapping.file.replace("%%", "") or b"%b" in mapping.key.replace(b"%%", b""):
            raise ValueError(f"{what} has numbered sources, {mapping.file!r}; they are not followed.")
    files = list(dict.fromkeys(mapping.file for mapping in mappings if mapping.file != "."))
    if files and folder is None:
        shown = ", ".join(map(repr, files[:5])) + (f" and {len(files) - 5} more" if len(files) > 5 else "")
        raise ValueError(
            f"{what} is virtual: its numbers lie in other files, {shown}. These are followed only where external_files= "
            "names the folder of them."
        )


def _survey_source(mapping, dataset, place, folder, trail, known):
    """Survey the source of a mapping: returns None instead if there is none, and what errors call it."""
    what = f"dataset {dataset.name!r}"
    file, key = mapping.file.replace("%%", "%"), mapping.key.replace(b"%%", b"%")
    name = f"{key.decode('utf-8', 'backslashreplace')!r} of {place.file if file == '.' else repr(file)}"
    reference = None if file == "." else allow(file, place.file, "HDF5_VDS_PREFIX", folder, what)
    if reference is None and file != ".":
        return None, name
    path = place.file if reference is None else reference.path
    if (path, key) not in known:
        with ExitStack() as stack:
            opened = stack.enter_context(open_file(path))
            with reading(path, "an HDF5 file"):
                source = follow(key, Place(opened["/"].id, path, ()), folder, stack)
                known[path, key] = source and _survey_found(source, folder, trail, known)
    source = known[path, key]
    if source is not None and reference is not None:
        source = source._replace(references=(reference, *source.references))
    return source, name


def _survey_found(place, folder, trail, known):
    """Survey the dataset at the end of the links to a source; None if it is none."""
    h5py = import_h5py()
    if not isinstance(place.item, h5py.h5d.DatasetID):
        return None
    dataset = h5py.Dataset(place.item)
    check_numbers(dataset, place.file)
    found = survey(dataset, place, folder, trail, known)
    return found._replace(references=(*place.references, *found.references))


def _check_mapping(mapping, source, name, shape, what):
    """Return the boxes of a virtual dataset that a mapping fills, once its source is found to have all of that."""
    filled = _boxes(mapping.target, shape, what)
    if source is None:
        raise ValueError(f"{what} should have {tell_rows(_rows(filled))} of {name}, which is not there.")
    taken = _boxes(mapping.source, source.shape, what)
    if _is_unlimited(mapping.target):
        filled = _shorten(filled, mapping.target, _n_numbers(taken))
    elif _n_numbers(taken) != _n_numbers(filled):
        raise ValueError(
            f"{what} should have {tell_rows(_rows(filled))} of {name}, which has not the numbers that are mapped: it is "
            f"of shape {source.shape}."
        )
    missing = [
        (max(start, first), min(stop, last))
        for start, stop in source.unwritten
        for first, last in _rows(taken)
        if max(start, first) < min(stop, last)
    ]
    if missing:
        raise ValueError(
            f"{what} has {tell_rows(_rows(filled))} of {name}, whose {tell_rows(missing)} were never written."
        )
    return filled


# Selections: lists of boxes, and for each axis of a box an array of ranges, from start to before stop


def _boxes(space, shape, what):
    """Return the numbers that a selection takes of an array."""
    h5s = import_h5py().h5s
    kind = space.get_select_type()
    if kind == h5s.SEL_NONE:
        return []
    if kind == h5s.SEL_ALL:
        return [[np.array([[0, length]]) for length in shape]]
    if kind != h5s.SEL_HYPERSLABS or space.get_simple_extent_ndims() != len(shape):
        raise ValueError(f"{what} has a mapping that cannot be checked, to or from an array of shape {shape}.")
    if space.is_regular_hyperslab():
        axes = zip(*space.get_regular_hyperslab(), shape, strict=True)
        return [[_ranges(*axis, what) for axis in axes]]
    _check_pieces(space.get_select_hyper_nblocks(), what)
    blocks = space.get_select_hyper_blocklist().astype(np.int64)  # first and last element, in each axis
    bounds = np.minimum(np.stack([blocks[:, 0], blocks[:, 1] + 1], axis=-1), np.array(shape)[:, np.newaxis])
    return [[axis[np.newaxis] for axis in box] for box in bounds]


def _ranges(start, stride, count, block, length, what):
    """Ranges of a regular selection along one axis, as far as the axis goes."""
    start, stride = min(start, length), max(stride, 1)
    block = min(block, length - start)
    count = min(count, -(-(length - start) // stride))
    if count < 2 or block >= stride:
        return np.array([[start, min(length, start + max(count - 1, 0) * stride + block)]])
    _check_pieces(count, what)
    starts = start + stride * np.arange(count)
    return np.stack([starts, np.minimum(starts + block, length)], axis=1)


def _check_pieces(count, what):
    if count > MAX_PIECES:
        raise ValueError(f"{what} is cut into {count} pieces, of which at most {MAX_PIECES} can be checked.")


def _is_unlimited(space):
    """Tell whether a selection goes as far as its dataset does."""
    unlimited = import_h5py().h5s.UNLIMITED
    if space.get_select_type() != import_h5py().h5s.SEL_HYPERSLABS or not space.is_regular_hyperslab():
        return False
    _, _, count, block = space.get_regular_hyperslab()
    return any(number == unlimited for number in (*count, *block))


def _shorten(boxes, space, n_numbers):
    """Cut a selection without an end to as many numbers as there are."""
    _, _, count, block = space.get_regular_hyperslab()
    unlimited = import_h5py().h5s.UNLIMITED
    axis = next(i for i, both in enumerate(zip(count, block, strict=True)) if unlimited in both)
    (box,) = boxes
    lengths = np.diff(box[axis], axis=1)[:, 0]
    left = n_numbers // max(1, _n_numbers(boxes) // max(1, int(lengths.sum())))
    kept = np.clip(left - (np.cumsum(lengths) - lengths), 0, lengths)
    ranges = np.stack([box[axis][:, 0], box[axis][:, 0] + kept], axis=1)
    return [[*box[:axis], ranges, *box[axis + 1 :]]]


def _n_numbers(boxes):
    return sum(math.prod(int(np.diff(ranges).sum()) for ranges in box) for box in boxes)


def _rows(boxes):
    """Ranges of rows that boxes have a part of, those that touch one another joined."""
    ranges = sorted(tuple(row) for box in boxes if box for row in box[0].tolist() if row[0] < row[1])
    joined = []
    for start, stop in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined


def _uncovered_rows(boxes, shape, what):
    """Ranges of rows that boxes leave a part of free, found on the grid that their edges make."""
    if 0 in shape or not shape:
        return []
    edges = [
        np.unique(np.concatenate([[0, length], *(box[axis].ravel() for box in boxes)]))
        for axis, length in enumerate(shape)
    ]
    _check_pieces(math.prod(len(places) - 1 for places in edges), what)
    is_covered = np.zeros([len(places) - 1 for places in edges], bool)
    for box in boxes:
        is_covered[np.ix_(*(_cells(ranges, places) for ranges, places in zip(box, edges, strict=True)))] = True
    rows = np.flatnonzero(~is_covered.reshape(len(is_covered), -1).all(axis=1))
    return _rows([[np.stack([edges[0][rows], edges[0][rows + 1]], axis=1)]])


def _cells(ranges, places):
    """Which cells between edges lie in ranges."""
    starts, stops = np.searchsorted(places, ranges.T)
    return np.concatenate([np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)])
