"""Folders of features made one, as if their videos had been extracted in one run."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pandas as pd

from ave_sklearn._features.npy import check_output_files
from ave_sklearn.datasets._text import write_table
from ave_sklearn.extraction._folder_writing import being_written, check_output_folder, publish_files
from ave_sklearn.extraction._folders import (
    AUDIO,
    EXTRACTOR,
    FILES,
    SKIPPED,
    VIDEOS,
    VISUAL,
    as_one,
    read_columns,
    read_features,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ave_sklearn._features.container import AVFeatures
    from ave_sklearn._typing import PathLike

SCRATCH = ".merge-"  # how the hidden folder of a merge at work begins
TABLES = {  # the columns that each has, and those that it may have, with what is written where one lacks them
    VIDEOS: (["filename", "start"], {"padding": "0.0"}),
    SKIPPED: (["filename"], {"start": "0.0", "error": ""}),
}


def merge_features(folders: Iterable[PathLike], output: PathLike, *, force: bool = False) -> AVFeatures:
    """Make one folder of features of several.

    The new folder has the bytes that one run over all videos would have written: the rows, ``videos.csv`` and
    ``skipped.csv`` of the folders one after the other, and ``extractor.json``. Rows are copied block by block. All
    files appear as one thing when they are finished; a merge that fails or is interrupted leaves what was there.

    Parameters
    ----------
    folders : list of path
        As `read_features` takes them. Of those that are parts of one list of videos all are wanted, in any order.
    output : path
        The new folder, none of `folders`; its parent must be there.
    force : bool, default=False
        Whether features that it holds may be replaced.

    Returns
    -------
    features : AVFeatures
        The new ones, memory-mapped.

    Raises
    ------
    FileExistsError
        If `output` holds features, without `force`, or is a file.
    FileNotFoundError
        If a file of a folder is missing, or the parent folder of `output`.
    OSError
        If the disk has no room. A BlockingIOError, if another process is writing into `output`.
    TypeError
        If `folders` is a single path.
    ValueError
        If the folders cannot be joined: see `read_features`; if `output` is one of them.

    See Also
    --------
    read_features : Joins folders without copying them.

    Examples
    --------
    >>> from ave_sklearn.extraction import merge_features
    >>> X = merge_features(["part1", "part2"], "features")  # doctest: +SKIP
    """
    if isinstance(folders, str | bytes | os.PathLike):
        raise TypeError(f"folders is the one path {os.fspath(folders)!r}; wanted a list of paths.")
    parts = as_one(list(folders), all_parts=True)
    output = check_output_folder(output, force)
    if os.path.realpath(output) in map(os.path.realpath, parts):
        raise ValueError(f"{output} is one of the folders to merge; wanted another one for the result.")
    features, _ = read_features(*parts)
    tables = {name: _joined(parts, name, *columns) for name, columns in TABLES.items()}
    with _in_the_making(output, force) as folder:
        features.to_npy(folder / AUDIO, folder / VISUAL)
        for name, table in tables.items():
            if table is not None:
                write_table(table, folder / name)
        if Path(parts[0], EXTRACTOR).is_file():
            shutil.copyfile(Path(parts[0], EXTRACTOR), folder / EXTRACTOR)
    return read_features(output)[0]


def _joined(folders, name, needed, optional):
    """Return the rows of the tables of a name, one after the other, as text; None if no folder has one.

    Parameters
    ----------
    folders : list of path
    name : str
    needed : list of str
        Columns that each table has.
    optional : dict of str to str
        Columns that the result has where any table has them, and what is written for the rows of others.
    """
    tables = []
    for file in (Path(folder, name) for folder in folders):
        if file.is_file():
            columns = read_columns(file, needed, list(optional))[1]
            wanted = [column for column in (*needed, *optional) if column in columns]
            tables.append(pd.DataFrame({column: columns[column] for column in wanted}, dtype="str"))
    if not tables:
        return None
    joined = pd.concat(tables, ignore_index=True).fillna(optional)
    return joined[[column for column in (*needed, *optional) if column in joined]]


@contextmanager
def _in_the_making(output, force):
    """Yield a hidden folder, whose files get their places in `output`, as one thing, where no error ends the block."""
    with being_written(output):
        check_output_folder(output, force)  # another process may have finished in the meantime
        check_output_files([output / name for name in FILES])
        for left in output.glob(f"{SCRATCH}*"):  # a copy, of a merge that was killed
            shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(dir=output, prefix=SCRATCH) as scratch:
            yield Path(scratch)
            publish_files(Path(scratch), output)
