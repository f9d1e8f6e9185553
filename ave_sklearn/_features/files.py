"""Files of features: checked with the file named in every error, and written block by block."""

import math
import os
from contextlib import contextmanager

import numpy as np

from ave_sklearn._features.arrays import as_feature_array, check_pair
from ave_sklearn._features.npy import check_disk_space, check_output_files, npy_files
from ave_sklearn._features.pairs import writing

BLOCK_BYTES = 64_000_000  # of features read at a time when all are read


def check_from_files(files, arrays):
    """Check what two files hold.

    Parameters
    ----------
    files : pair of path-like
    arrays : pair of ndarray or RowSource
        Audio and visual features.

    Returns
    -------
    audio, visual : ndarray or RowSource

    Raises
    ------
    ValueError
        If they cannot be the features of the same videos; it begins with the name of the file.
    """
    checked = []
    for name, file, array in zip(("audio", "visual"), files, arrays, strict=True):
        with _naming(os.fspath(file)):
            checked.append(as_feature_array(name, array))
    with _naming(" and ".join(map(os.fspath, files))):
        check_pair(*checked)
    return checked


@contextmanager
def _naming(what):
    """Let a ValueError begin with what it is about."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error


def write_npy(files, arrays, dtype=None):
    """Write arrays into .npy files, block by block, as one thing; both are there in the end, or neither.

    Parameters
    ----------
    files : pair of path-like
    arrays : pair of StoredRows
    dtype : dtype or None
        None keeps the type of each array.

    Raises
    ------
    FileNotFoundError, OSError, ValueError
        As `AVFeatures.to_npy` does.
    """
    check_output_files(files)
    layouts, sizes = {}, {}
    for file, rows in zip(files, arrays, strict=True):
        kind = _real_dtype(rows.base.dtype if dtype is None else dtype)
        layouts[file] = rows.shape[1:], kind
        sizes[file] = math.prod(rows.shape) * kind.itemsize
    check_disk_space(sizes)
    with writing(files), npy_files(layouts) as writers:
        for writer, rows in zip(writers, arrays, strict=True):
            for block in row_blocks(rows):
                writer.append(_read_as(writer.dtype, rows.select(block)))


def _read_as(dtype, rows):
    """Read rows as numbers of a type that holds them."""
    try:
        with np.errstate(over="raise"):
            return rows.read(dtype)
    except FloatingPointError as error:
        raise ValueError(f"{rows.name} has numbers that dtype {dtype} cannot hold: {error}.") from error


def _real_dtype(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind not in "biuf":
        raise ValueError(f"dtype must be one of real numbers, got {dtype}.")
    return dtype


def row_blocks(rows):
    """Ranges of rows, one after the other, each of at most `BLOCK_BYTES` or of one row.

    Parameters
    ----------
    rows : StoredRows or AVFeatures

    Yields
    ------
    block : range
    """
    n_rows = len(rows)
    step = max(1, BLOCK_BYTES * n_rows // max(1, rows.nbytes))
    for start in range(0, n_rows, step):
        yield range(start, min(n_rows, start + step))
