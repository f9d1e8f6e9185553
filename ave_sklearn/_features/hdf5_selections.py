"""Parts that the mappings of a virtual dataset take of arrays, in plain numbers, and the rows that none of them takes.

A part is a list of boxes. A box has for each axis an array of ranges, of shape (n, 2), from start to before stop.
"""

import math
from typing import NamedTuple

import numpy as np

from ave_sklearn._features.hdf5_links import import_h5py

MAX_PIECES = 1_000_000  # of a selection, and of the grid that selections cut a dataset into


class Selection(NamedTuple):
    """A selection in plain numbers: h5py closes a file the slower the more of HDF5's own ones there are.

    Attributes
    ----------
    axes : list of (start, stride, count, block) or None
        Of a regular selection; None for all elements, or if there are blocks.
    blocks : int ndarray of shape (n_blocks, 2, n_axes) or None
        First and last elements of an irregular selection.
    """

    axes: list | None = None
    blocks: np.ndarray | None = None

    @classmethod
    def of(cls, space, what):
        h5s = import_h5py().h5s
        kind = space.get_select_type()
        if kind == h5s.SEL_ALL:
            return cls()
        if kind == h5s.SEL_NONE:
            return cls(blocks=np.empty((0, 2, space.get_simple_extent_ndims()), np.int64))
        if kind != h5s.SEL_HYPERSLABS:
            raise ValueError(f"{what} has a mapping that cannot be checked, of single points.")
        if space.is_regular_hyperslab():
            return cls(axes=list(zip(*space.get_regular_hyperslab(), strict=True)))
        _check_pieces(space.get_select_hyper_nblocks(), what)
        return cls(blocks=space.get_select_hyper_blocklist().astype(np.int64))

    @property
    def endless_axis(self):
        """The axis along which it goes as far as its dataset does, or None."""
        unlimited = import_h5py().h5s.UNLIMITED
        return next((axis for axis, numbers in enumerate(self.axes or ()) if unlimited in numbers), None)

    def boxes(self, shape, what):
        """Return what it takes of an array of a shape."""
        if self.axes is None and self.blocks is None:
            return [[np.array([[0, length]]) for length in shape]]
        n_axes = len(self.axes) if self.blocks is None else self.blocks.shape[2]
        if n_axes != len(shape):
            raise ValueError(f"{what} has a mapping of {n_axes} axes, to or from an array of shape {shape}.")
        if self.blocks is None:
            return [[_ranges(*axis, length, what) for axis, length in zip(self.axes, shape, strict=True)]]
        bounds = np.stack([self.blocks[:, 0], self.blocks[:, 1] + 1], axis=-1)
        bounds = np.minimum(bounds, np.array(shape, np.int64)[:, np.newaxis])
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


def shorten(boxes, axis, wanted):
    """Cut a selection without an end, along its axis, to as many numbers as there are."""
    (box,) = boxes
    lengths = np.diff(box[axis], axis=1)[:, 0]
    left = wanted // max(1, n_numbers(boxes) // max(1, int(lengths.sum())))
    kept = np.clip(left - (np.cumsum(lengths) - lengths), 0, lengths)
    ranges = np.stack([box[axis][:, 0], box[axis][:, 0] + kept], axis=1)
    return [[*box[:axis], ranges, *box[axis + 1 :]]]


def n_numbers(boxes):
    """How many numbers boxes hold."""
    return sum(math.prod(int(np.diff(ranges).sum()) for ranges in box) for box in boxes)


def rows_of(boxes):
    """Ranges of rows that boxes have a part of, those that touch one another joined."""
    ranges = sorted(tuple(row) for box in boxes if box for row in box[0].tolist() if row[0] < row[1])
    joined = []
    for start, stop in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        else:
            joined.append((start, stop))
    return joined


def uncovered_rows(boxes, shape, what):
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
    return rows_of([[np.stack([edges[0][rows], edges[0][rows + 1]], axis=1)]])


def _cells(ranges, places):
    """Which cells between edges lie in ranges."""
    starts, stops = np.searchsorted(places, ranges.T)
    return np.concatenate([np.arange(start, stop) for start, stop in zip(starts, stops, strict=True)])
