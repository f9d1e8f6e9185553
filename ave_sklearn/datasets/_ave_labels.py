"""The labels of the AVE dataset, made of its annotations and compared with the label files released."""

import os
from itertools import groupby

import numpy as np

from ave_sklearn._features.hdf5 import read_hdf5
from ave_sklearn.datasets._ave_files import BACKGROUND, KEY

N_SHOWN = 3  # rows that a warning tells about


def class_names(videos):
    """Names of the classes in the integer order of the label files: as they first appear, background last."""
    return np.array([*dict.fromkeys(videos["category"]), BACKGROUND])


def event_seconds(videos, n_segments):
    """Tell in which seconds of each video its event takes place: from start to before end.

    Parameters
    ----------
    videos : DataFrame
        With the columns start and end.
    n_segments : int

    Returns
    -------
    is_event : bool ndarray of shape (n_videos, n_segments)
    """
    seconds = np.arange(n_segments)
    start, end = (videos[[name]].to_numpy() for name in ("start", "end"))
    return (start <= seconds) & (seconds < end)


def segment_labels(videos, n_segments):
    """Label of each second, ndarray of str, of shape (n_videos, n_segments)."""
    category = videos["category"].to_numpy(dtype=str)[:, np.newaxis]
    return np.where(event_seconds(videos, n_segments), category, BACKGROUND)


def check_label_files(folder, videos, n_segments, external_files=None):
    """Compare the label files that a folder has with the annotations.

    Parameters
    ----------
    folder : str
    videos : DataFrame
        The annotations of all videos.
    n_segments : int
    external_files : path-like or None
        As in `load_ave`.

    Returns
    -------
    messages : list of str
        For each file that disagrees: in how many rows, and what the first of them hold.

    Raises
    ------
    ValueError
        If a file is of another shape or cannot be read.
    """
    names = class_names(videos)
    seconds = [f"second {t}" for t in range(n_segments)]
    expected = _expected_labels(videos, names, n_segments)
    messages = []
    for name, wanted in expected.items():
        columns = seconds if name == "labels_closs.h5" else names
        messages += _compare(os.path.join(folder, name), wanted, columns, external_files)
    return messages


def check_background_labels(folder, n_videos, names, external_files=None):
    """Compare labels_noisy.h5, if it is there, with all background; returns messages as `check_label_files`."""
    background = np.eye(len(names))[-1]
    wanted = np.tile(background, (n_videos, 1))
    return _compare(os.path.join(folder, "labels_noisy.h5"), wanted, names, external_files)


def _expected_labels(videos, names, n_segments):
    """Make what each label file should hold: {name: array}."""
    numbers = {name: number for number, name in enumerate(names.tolist())}
    category = videos["category"].map(numbers).to_numpy()
    is_event = event_seconds(videos, n_segments)
    one_hot = np.eye(len(names))
    segments = one_hot[np.where(is_event, category[:, np.newaxis], len(names) - 1)]  # (n, T, C + 1)
    return {
        "labels.h5": segments,
        "right_labels.h5": segments,
        "right_label.h5": segments,
        "prob_label.h5": segments.mean(axis=1),
        "mil_labels.h5": one_hot[category],
        "labels_closs.h5": is_event.astype(float),
    }


def _compare(file, wanted, columns, external_files):
    """Return a list of no message, or of one if the file is there and disagrees."""

    def check(shape, dtype):
        if shape != wanted.shape:
            raise ValueError(
                f"{file} must be of shape {wanted.shape} to fit the annotations, got {shape}. Labels are made of the "
                "annotations and only compared with this file: load_ave works without it."
            )

    if not os.path.isfile(file):
        return []
    found = read_hdf5(file, KEY, external_files=external_files, check=check)
    agrees = np.isclose(found, wanted, atol=1e-4).reshape(len(wanted), -1).all(axis=1)
    rows = np.flatnonzero(~agrees)
    if not len(rows):
        return []
    message = f"{file} disagrees with the annotations, which are used, in {len(rows)} of {len(wanted)} rows."
    for row in rows[:N_SHOWN]:
        message += f" Row {row}: it has {_tell(found[row], columns)}, wanted {_tell(wanted[row], columns)}."
    return [message]


def _tell(values, columns):
    """Put a row of a label file into words: the columns that are not 0, in runs of seconds that are the same."""
    if values.ndim == 2:
        runs = [(text, len(list(run))) for text, run in groupby(_tell(second, columns) for second in values)]
        return ", ".join(f"{text} x {length}" for text, length in runs)
    parts = [
        column if value == 1 else f"{column} ({value:g})"
        for column, value in zip(columns, values, strict=True)
        if value
    ]
    return " + ".join(parts) or "nothing"
