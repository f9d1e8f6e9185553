"""The benchmarks' data: AV-Digits by speaker, an ``.npz`` file, or the folder of the AVE dataset."""

import hashlib
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from ave_sklearn import AVFeatures
from ave_sklearn.datasets import load_av_digits, load_ave
from ave_sklearn.datasets._ave_files import FEATURE_FILES, ORDER_FILES, require_files

SPLITS = ("train", "validation", "test")
N_SPEAKERS = 6
AV_DIGITS = "AV-Digits"  # its stamp


def default_folds(data):
    """Return how many folds the data with the stamp `data` have: the six test speakers of AV-Digits, else 3 seeds."""
    return N_SPEAKERS if data == AV_DIGITS else 3


@lru_cache(maxsize=1)
def load(path, fold=None):
    """Return (X, y) of the training, validation and test videos.

    Parameters
    ----------
    path : str or None
        None is AV-Digits. A folder is the AVE dataset (:func:`load_ave`): its own split, training videos that are in
        another part too left out, no background clips. A file holds ``audio``
        (n, T, d_a), ``visual`` (n, T, d_v) or (n, T, H, W, d_v), ``y`` (n, T) labels with "background", and ``split``
        (n,), 0 for training, 1 for validation and 2 for test; or banks of sounds and pictures (:func:`compose`).
    fold : int or None, default=None
        The test speaker of AV-Digits, 0 to 5; None is its default split. The others have one split.
    """
    if path is None:
        speakers = {} if fold is None else {"test_speaker": fold, "val_speaker": (fold + 4) % N_SPEAKERS}
        return [load_av_digits(subset=subset, return_X_y=True, **speakers) for subset in SPLITS]
    if Path(path).is_dir():
        splits = [load_ave(path, split=split, drop_leaks=True) for split in ("train", "val", "test")]
        return [(split.data, split.target) for split in splits]
    with np.load(path) as arrays:
        audio, visual, y = compose(arrays) if "audio_bank" in arrays else (arrays[k] for k in ("audio", "visual", "y"))
        X, split = AVFeatures(audio, visual), arrays["split"]
    return [(X[split == part], y[split == part]) for part in range(3)]


@cache
def stamp(path):
    """Return what tells one benchmark's data from another's.

    It is the hash of a file; of the AVE dataset's folder the hashes of annotations and splits, and the sizes of the
    features. FileNotFoundError tells which files a folder lacks.
    """
    if path is None:
        return AV_DIGITS
    if not Path(path).is_dir():
        return file_hash(path)
    small = ["Annotations.txt", *ORDER_FILES.values()]
    require_files(path, [*FEATURE_FILES, *small])
    sizes = [f"{name} {Path(path, name).stat().st_size}" for name in FEATURE_FILES]
    return sizes + [f"{name} {file_hash(Path(path, name))}" for name in small]


def file_hash(path):
    """Return the SHA-256 of a file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def scale_each(splits):
    """Return the splits with each feature divided by its standard deviation over the training videos."""
    audio, visual = (
        StandardScaler(with_mean=False).fit(array.reshape(-1, array.shape[-1])).scale_.astype(array.dtype)
        for array in (splits[0][0].audio, splits[0][0].visual)
    )
    return [(AVFeatures(X.audio / audio, X.visual / visual), y) for X, y in splits]


def compose(arrays):
    """Return audio, visual and labels of videos that a file gives as indices into banks.

    A second's sound is ``audio_bank[audio_idx]`` and its picture ``visual_bank[visual_idx]``, of whose columns those
    from ``cut`` on, or up to -``cut`` before the end, are of ``visual_bank[visual_idx2]`` (0: none); ``y`` indexes
    ``classes``, the last of which is background.
    """
    audio = arrays["audio_bank"][arrays["audio_idx"]].astype(np.float32)
    bank = arrays["visual_bank"].astype(np.float32)
    visual, other = bank[arrays["visual_idx"]], bank[np.maximum(arrays["visual_idx2"], 0)]
    columns, cut = np.arange(visual.shape[-2]), arrays["cut"].astype(int)[..., None]
    is_other = (cut > 0) & (columns >= cut) | (cut < 0) & (columns < len(columns) + cut)
    visual = np.where(is_other[:, :, None, :, None], other, visual)
    names = np.append(arrays["classes"][:-1].astype(object), "background").astype(str)
    return audio, visual, names[arrays["y"]]
