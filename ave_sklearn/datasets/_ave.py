"""The AVE dataset, from the files of features and annotations that its authors released."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ave_sklearn._features.container import AVFeatures
from ave_sklearn._features.files import row_blocks
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._ave_files import (
    BACKGROUND,
    FEATURE_FILES,
    NOISY_FILES,
    ORDER_FILES,
    open_background,
    open_features,
    read_annotations,
    read_orders,
    require_files,
)
from ave_sklearn.datasets._ave_labels import check_background_labels, check_label_files, class_names, segment_labels
from ave_sklearn.datasets._text import read_text

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from ave_sklearn._typing import PathLike

__all__ = ["load_ave"]


@overload
def load_ave(
    data_home: PathLike,
    *,
    split: Literal["train", "validation", "val", "test", "all"] = "train",
    visual: Literal["map", "mean"] = "map",
    return_X_y: Literal[False] = False,
    as_frame: bool = False,
    background_videos: bool = False,
    drop_leaks: bool = False,
    external_files: PathLike | None = None,
) -> Bunch: ...
@overload
def load_ave(
    data_home: PathLike,
    *,
    split: Literal["train", "validation", "val", "test", "all"] = "train",
    visual: Literal["map", "mean"] = "map",
    return_X_y: Literal[True],
    as_frame: Literal[False] = False,
    background_videos: bool = False,
    drop_leaks: bool = False,
    external_files: PathLike | None = None,
) -> tuple[AVFeatures, NDArray[np.str_]]: ...
@overload
def load_ave(
    data_home: PathLike,
    *,
    split: Literal["train", "validation", "val", "test", "all"] = "train",
    visual: Literal["map", "mean"] = "map",
    return_X_y: Literal[True],
    as_frame: Literal[True],
    background_videos: bool = False,
    drop_leaks: bool = False,
    external_files: PathLike | None = None,
) -> tuple[AVFeatures, pd.DataFrame]: ...
def load_ave(
    data_home: PathLike,
    *,
    split: Literal["train", "validation", "val", "test", "all"] = "train",
    visual: Literal["map", "mean"] = "map",
    return_X_y: bool = False,
    as_frame: bool = False,
    background_videos: bool = False,
    drop_leaks: bool = False,
    external_files: PathLike | None = None,
) -> Bunch | tuple[AVFeatures, NDArray[np.str_] | pd.DataFrame]:
    """Load AVE, the Audio-Visual Event dataset [1]_, from the files that its authors released.

    4143 videos of 10 seconds, each annotated with one of 28 events and the span of whole seconds in which it
    is both heard and seen; all other seconds are background. The features are memory-mapped: loading takes
    less than a second, and as good as no memory, for any split.

    ==================   ==============================================
    Classes              29: 28 events and "background"
    Videos               3339 train, 402 validation, 402 test
    Segments             10 a video, one second each
    Audio features       128 (VGGish)
    Visual features      512 in each of 7 x 7 regions (VGG-19)
    ==================   ==============================================

    Nothing is downloaded. Put these files into one folder; they are listed on the pages of AVE [2]_, in
    whose repository the small ones lie (folder ``data``), and of PSP [3]_:

    * ``audio_feature.h5`` and ``visual_feature.h5`` (7.7 GB), the features;
    * ``Annotations.txt``, a line ``category&video_id&quality&start&end`` for each row of the features;
    * ``train_order.h5``, ``val_order.h5`` and ``test_order.h5``, the rows of each split;
    * for `background_videos`, ``audio_feature_noisy.h5`` and ``visual_feature_noisy.h5``.

    The labels are made of the annotations. Label files (``labels.h5``, ``right_labels.h5`` or
    ``right_label.h5``, ``prob_label.h5``, ``mil_labels.h5``, ``labels_closs.h5``, ``labels_noisy.h5``) are
    not needed: those in the folder are compared with the annotations.

    Parameters
    ----------
    data_home : path-like
        The folder of the files.
    split : {"train", "validation", "val", "test", "all"}, default="train"
        The official split to load, in the order of its file; "val" is "validation". "all" is all videos, in
        the order of the annotations.
    visual : {"map", "mean"}, default="map"
        "map" leaves the features in their files. "mean" reads the chosen videos once, a block at a time, and
        returns features in memory: audio features as they are, visual ones averaged over the map's regions,
        both float32. Keep them with :meth:`~ave_sklearn.AVFeatures.to_npy` to read the maps only once.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, the target is a DataFrame: a row for each video, named by its id, and a column for each
        second.
    background_videos : bool, default=False
        Append the 178 clips without an event that weakly supervised training was published with. They are
        training videos of the category "background", with the made-up ids "noisy_000", "noisy_001", ...
    drop_leaks : bool, default=False
        Leave out the training videos that are in the validation or the test split too, under another
        category: 19 rows, of 18 videos.
    external_files : path-like or None, default=None
        The folder of the files that the HDF5 files may lead to, as :meth:`~ave_sklearn.AVFeatures.from_hdf5` has it.
        None for none.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes

        data, X : AVFeatures
            ``audio`` of shape (n_videos, 10, 128); ``visual`` of shape (n_videos, 10, 7, 7, 512), or
            (n_videos, 10, 512) for ``visual="mean"``.
        target, y : ndarray of str, of shape (n_videos, 10), or DataFrame
            The label of each second.
        frame : DataFrame of n_videos rows
            ``category``, ``video_id``, ``quality``, ``start`` and ``end`` of the event in seconds (the second
            ``end`` is background), and ``split``, "" for a video of none.
        groups : ndarray of str, of shape (n_videos,)
            The id of each video, for splitters: some videos have two or three rows.
        target_names : ndarray of str, of shape (29,)
            The classes, in the order of the columns of the label files.
        background : str
            The label of the background, "background".
        DESCR : str
            The description of the dataset.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the labels alone.

    Raises
    ------
    FileNotFoundError
        If a file is missing, telling where to get it.
    ValueError
        If an argument is none of the above, if `background_videos` is asked for with the validation or the
        test split, or if a file is damaged, not as described, has rows that were never written or leads to others
        that are not in `external_files`, naming the file and the line or row.
    ImportError
        If h5py is not installed: ``pip install "ave_sklearn[hdf5]"``.

    Warns
    -----
    UserWarning
        If training videos are in another split too and are not dropped; if a label file disagrees with the
        annotations, naming the first rows that do.

    See Also
    --------
    load_av_digits : A benchmark that needs no download.
    make_av_events : A generated task of the same kind.

    References
    ----------
    .. [1] Y. Tian, J. Shi, B. Li, Z. Duan and C. Xu, "Audio-Visual Event Localization in Unconstrained Videos",
           ECCV 2018. https://arxiv.org/abs/1803.08842
    .. [2] https://github.com/YapengTian/AVE-ECCV18
    .. [3] https://github.com/jasongief/PSP_CVPR_2021

    Examples
    --------
    >>> from ave_sklearn.datasets import load_ave
    >>> ave = load_ave("data", drop_leaks=True)  # doctest: +SKIP
    >>> ave.data  # doctest: +SKIP
    AVFeatures(n_videos=3320, n_segments=10, audio=(128,) float64, visual=(7, 7, 512) float64, 6.7 GB, memory-mapped)
    """
    split = _check_arguments(split, visual, background_videos)
    folder = os.path.abspath(os.path.expanduser(data_home))
    require_files(folder, _needed_files(background_videos))
    X, videos, rows = _read_videos(folder, split, drop_leaks, external_files)
    target_names = class_names(videos)
    X, videos = X[rows], videos.iloc[rows]
    if background_videos:
        X, videos = _append_background(X, videos, folder, target_names, external_files)
    if visual == "mean":
        X = _average_maps(X)
    videos = videos.reset_index(drop=True)
    groups = videos["video_id"].to_numpy(dtype=str)
    y = segment_labels(videos, X.n_segments)
    if as_frame:
        y = pd.DataFrame(y, index=pd.Index(groups, name="video_id"))
    if return_X_y:
        return X, y
    described = {"target_names": target_names, "background": BACKGROUND, "DESCR": read_text("ave.txt")}
    return Bunch(data=X, target=y, X=X, y=y, frame=videos, groups=groups, **described)


def _check_arguments(split, visual, background_videos):
    """Return the split under its full name."""
    choices = [*ORDER_FILES, "val", "all"]
    if not isinstance(split, str) or split not in choices:
        raise ValueError(f"split must be one of {choices}, got {split!r}.")
    if not isinstance(visual, str) or visual not in ("map", "mean"):
        raise ValueError(f"visual must be 'map' or 'mean', got {visual!r}.")
    if background_videos and split not in ("train", "all"):
        raise ValueError(f"background_videos are training videos: split must be 'train' or 'all', got {split!r}.")
    return "validation" if split == "val" else split


def _needed_files(background_videos):
    return [*FEATURE_FILES, "Annotations.txt", *ORDER_FILES.values(), *(NOISY_FILES if background_videos else ())]


def _read_videos(folder, split, drop_leaks, external_files):
    """Return all features, the annotations and split of all videos, and the rows that were asked for."""
    X = open_features(folder, FEATURE_FILES, external_files)
    videos = read_annotations(os.path.join(folder, "Annotations.txt"), X.n_videos, X.n_segments)
    orders = read_orders(folder, X.n_videos, external_files)
    videos["split"] = ""
    for name, rows in orders.items():
        videos.loc[rows, "split"] = name
    _warn(check_label_files(folder, videos, X.n_segments, external_files))
    rows = np.arange(X.n_videos) if split == "all" else orders[split]
    is_leak, message = _find_leaks(videos)
    if drop_leaks:
        return X, videos, rows[~is_leak[rows]]
    if is_leak[rows].any():
        _warn([message])
    return X, videos, rows


def _find_leaks(videos):
    """Find the training rows of videos that are in another split too: a mask of all rows, and what to say."""
    ids = {split: set(videos.loc[videos["split"] == split, "video_id"]) for split in ORDER_FILES}
    shared = {split: ids["train"] & ids[split] for split in ("test", "validation")}
    is_leak = (videos["split"] == "train") & videos["video_id"].isin(set.union(*shared.values()))
    counts = " and ".join(f"{len(both)} are in the {split} split" for split, both in shared.items())
    return is_leak.to_numpy(), (
        f"Of the videos of the training split, {counts} too ({is_leak.sum()} rows of the training split). "
        "drop_leaks=True drops these rows."
    )


def _append_background(X, videos, folder, target_names, external_files):
    """Put the background clips after the other videos."""
    clips = open_background(folder, X, external_files)
    _warn(check_background_labels(folder, len(clips), target_names, external_files))
    names = [f"noisy_{row:03d}" for row in range(len(clips))]
    about = {"category": BACKGROUND, "video_id": names, "quality": "", "start": 0, "end": 0, "split": "train"}
    return AVFeatures.concatenate([X, clips]), pd.concat([videos, pd.DataFrame(about)])


def _average_maps(X):
    """Read features into memory as float32, the maps averaged over their regions."""
    audio = np.empty((len(X), X.n_segments, X.n_audio_features), np.float32)
    visual = np.empty((len(X), X.n_segments, X.n_visual_features), np.float32)
    for block in row_blocks(X):
        rows = slice(block.start, block.stop)
        audio[rows], maps = X.take(rows)
        visual[rows] = maps.mean(axis=(2, 3), dtype=np.float64)
    return AVFeatures(audio, visual)


def _warn(messages):
    """Warn of each."""
    for message in messages:
        warn_user(message)
