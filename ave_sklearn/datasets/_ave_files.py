"""The files of the AVE dataset as they were released: where they come from, and what has to be in them."""

import errno
import os

import numpy as np
import pandas as pd

from ave_sklearn._features.container import AVFeatures
from ave_sklearn._features.hdf5 import read_hdf5

BACKGROUND = "background"
KEY = "avadataset"  # of all HDF5 files but those of the splits
ORDER_FILES = {"train": "train_order.h5", "validation": "val_order.h5", "test": "test_order.h5"}
FEATURE_FILES = ("audio_feature.h5", "visual_feature.h5")
NOISY_FILES = ("audio_feature_noisy.h5", "visual_feature_noisy.h5")
COLUMNS = ["category", "video_id", "quality", "start", "end"]
LINE_BYTES = 1000  # of an annotation, the longest of which have 60
HEADER = "Category&VideoID&Quality&StartTime&EndTime"

PAGE = "https://github.com/YapengTian/AVE-ECCV18"
DRIVE = "https://drive.google.com/file/d"
WHERE = {
    "audio_feature.h5": f"{DRIVE}/1F6p4BAOY-i0fDXUOhG7xHuw_fnO5exBS",
    "visual_feature.h5": f"{DRIVE}/1hQwbhutA3fQturduRnHMyfRqdrRHgmC9 (7.7 GB)",
    "visual_feature_noisy.h5": f"{DRIVE}/1I3OtOHJ8G1-v5G2dHIGCfevHQPn-QyLh",
}  # the other files lie in the folder `data` of the page's repository


# Which files are there


def require_files(folder, names):
    """Raise a FileNotFoundError that tells which files a folder lacks, and where to get them.

    Parameters
    ----------
    folder : str
    names : iterable of str
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "data_home must be the folder of the AVE files; there is none", folder)
    missing = [name for name in names if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        sources = "; ".join(f"{name} from {WHERE.get(name, f'{PAGE}/tree/master/data')}" for name in missing)
        message = f"files are missing, and load_ave downloads none; get {sources} (all are listed on {PAGE})"
        raise FileNotFoundError(errno.ENOENT, message, folder)


def open_features(folder, names, external_files=None):
    """Open the two files of features without reading them.

    Parameters
    ----------
    folder : str
    names : pair of str
        Audio and visual file.
    external_files : path-like or None
        As in `load_ave`.

    Returns
    -------
    X : AVFeatures
        With visual maps.
    """
    audio, visual = (os.path.join(folder, name) for name in names)
    X = AVFeatures.from_hdf5(audio, visual, audio_key=KEY, visual_key=KEY, external_files=external_files)
    if X.map_size is None:
        raise ValueError(
            f"{visual} must hold visual maps of shape (n_videos, n_segments, height, width, n_visual_features), got "
            f"pooled features of shape {(len(X), X.n_segments, X.n_visual_features)}."
        )
    return X


def open_background(folder, like, external_files=None):
    """Open the features of the background clips, which must be like those of the videos in all but number."""
    X = open_features(folder, NOISY_FILES, external_files)
    sizes = [(x.n_segments, x.n_audio_features, x.map_size, x.n_visual_features) for x in (X, like)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{' and '.join(NOISY_FILES)} of {folder} must be of the same (n_segments, n_audio_features, map_size, "
            f"n_visual_features) as {' and '.join(FEATURE_FILES)}, {sizes[1]}, got {sizes[0]}."
        )
    return X


# Annotations.txt


def read_annotations(file, n_videos, n_segments):
    """Read the event of each video.

    Parameters
    ----------
    file : str
        Lines ``category&video_id&quality&start&end``, with or without a line of column names.
    n_videos, n_segments : int
        How many the features are of.

    Returns
    -------
    videos : DataFrame of n_videos rows
        With the `COLUMNS`; start and end are whole seconds.

    Raises
    ------
    ValueError
        Naming the file and the line.
    """
    lines = _read_lines(file, LINE_BYTES * (n_videos + 1000))
    first = int(_is_header(lines[0], file))
    rows = [
        _parse_line(line, f"{file}, line {number}", n_segments)
        for number, line in enumerate(lines[first:], start=first + 1)
    ]
    if len(rows) != n_videos:
        raise ValueError(f"{file} must have a line for each of the {n_videos} videos of the features, got {len(rows)}.")
    return pd.DataFrame(rows, columns=COLUMNS)


def _read_lines(file, most):
    """Read the lines of a text file of at most so many bytes."""
    size = os.path.getsize(file)
    if size > most:
        raise ValueError(f"{file} has {size} bytes, where so many annotations take {most} at most.")
    try:
        with open(file, encoding="utf-8-sig") as opened:
            return opened.read().rstrip("\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must be a text file in UTF-8: {error}.") from error


def _is_header(line, file):
    """Tell a line of column names, which has no number in it, from an annotation."""
    fields = [field.strip() for field in line.split("&")]
    if len(fields) < 2 or any(field.lstrip("+-").replace(".", "", 1).isdigit() for field in fields):
        return False
    if [field.lower() for field in fields] != HEADER.lower().split("&"):
        raise ValueError(f"{file}, line 1: the columns must be {HEADER}, got {line!r:.200}.")
    return True


def _parse_line(line, where, n_segments):
    if len(line) > LINE_BYTES:
        raise ValueError(f"{where}: a line has {LINE_BYTES} characters at most, got {len(line)}.")
    fields = [field.strip() for field in line.split("&")]
    if any(character < " " or character == "\x7f" for field in fields for character in field):
        raise ValueError(f"{where}: names must be free of control characters, got {line!r:.200}.")
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{where}: wanted {'&'.join(COLUMNS)}, got {len(fields)} fields in {line!r:.200}.")
    category, video_id, quality, *times = fields
    if not category or not video_id:
        raise ValueError(f"{where}: the {'video_id' if category else 'category'} is missing in {line!r:.200}.")
    if category == BACKGROUND:
        raise ValueError(f"{where}: no category may be called {BACKGROUND!r}, as seconds without an event are.")
    if not all(time.isascii() and time.isdigit() and len(time) < 10 for time in times):
        raise ValueError(f"{where}: start and end must be whole numbers of at least 0, got {line!r:.200}.")
    start, end = map(int, times)
    if not start <= end <= n_segments:
        raise ValueError(f"{where}: wanted start <= end <= {n_segments} seconds, got {line!r:.200}.")
    return category, video_id, quality, start, end


# Splits


def read_orders(folder, n_videos, external_files=None):
    """Read which rows belong to which split.

    Parameters
    ----------
    folder : str
    n_videos : int
    external_files : path-like or None
        As in `load_ave`.

    Returns
    -------
    orders : dict {split: int ndarray}

    Raises
    ------
    ValueError
        If a file is not of integers from 0 to ``n_videos - 1``, each once and in one split only.
    """
    orders, owner = {}, np.full(n_videos, "", dtype=object)
    for split, name in ORDER_FILES.items():
        file = os.path.join(folder, name)
        rows = _read_order(file, n_videos, external_files)
        taken = rows[owner[rows] != ""]
        if len(taken):
            raise ValueError(
                f"{file}: row {taken[0]} is also in {ORDER_FILES[owner[taken[0]]]}; splits must not overlap."
            )
        owner[rows] = split
        orders[split] = rows
    return orders


def _read_order(file, n_videos, external_files):
    """Read the rows of one split, each of them one of the videos, and none twice."""

    def check(shape, dtype):
        if len(shape) != 1 or dtype.kind not in "iu":
            raise ValueError(f"{file} must hold row numbers of shape (n,), got shape {shape} and dtype {dtype}.")
        if shape[0] > n_videos:
            raise ValueError(f"{file} has {shape[0]} row numbers, more than the {n_videos} videos.")

    rows = read_hdf5(file, "order", external_files=external_files, check=check)
    outside = rows[(rows < 0) | (rows >= n_videos)]
    if len(outside):
        raise ValueError(f"{file}: row {outside[0]} is not one of the {n_videos} videos.")
    values, counts = np.unique(rows, return_counts=True)
    if len(values) < len(rows):
        raise ValueError(f"{file}: row {values[counts > 1][0]} is there {counts.max()} times.")
    return rows.astype(np.intp)
