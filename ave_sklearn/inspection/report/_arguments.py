"""What a report is made of, read and checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._checks import as_float, plain
from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid
from ave_sklearn._targets.times import as_decimal

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import NDArray

PICTURES = 20  # videos with thumbnails
TITLE = "Audio-visual events"


@dataclass(frozen=True)
class ReportInput:
    """What a report is made of.

    Attributes
    ----------
    localizer : fitted localizer
        With ``predict_proba``, ``classes_`` and ``background_``.
    X : features of n clips
        In a form that the localizer takes, of which ``X[begin:end]``, or ``X.iloc[begin:end]``, are some clips.
    clips : DataFrame of n rows
        Of which video, ``filename``, and from which second on, ``start``, each row is; where clips are padded,
        ``padding``, by how many seconds they reach behind the end of their videos.
    grid : Grid
        The segments of a clip, in time.
    y : ndarray of shape (n, T), or None
        True labels, of the kind of ``classes_``; None for a report without truth.
    media : dict of str to path, path, or None
        The media file of each video that has one, by its name, or the folder in which they are looked for; None if no
        media was asked for.
    pictures : int
        Of how many videos thumbnails are drawn.
    title : str
    model_name : str
        Class of the localizer.
    source : str or None
        File of the model, where it is known.
    notes : tuple of str
        What is said at the top, such as that some of the videos were trained on.
    """

    localizer: Any
    X: Any
    clips: pd.DataFrame
    grid: Grid = WHOLE_SECONDS
    y: NDArray[Any] | None = None
    media: dict[str, Path] | Path | None = None
    pictures: int = PICTURES
    title: str = TITLE
    model_name: str = ""
    source: str | None = None
    notes: tuple[str, ...] = ()


def check_pictures(pictures: Any) -> int:
    """Return of how many videos thumbnails are drawn, an int of 0 or more."""
    if not isinstance(pictures, Integral) or isinstance(pictures, bool) or pictures < 0:
        raise ValueError(
            f"pictures is {plain(pictures)!r:.100}; wanted a whole number of 0 or more, of how many videos thumbnails "
            "are drawn."
        )
    return int(pictures)


def check_min_overlap(min_overlap: Any) -> float:
    """Return the share of a segment that its event must cover, a float in (0, 1]."""
    number = np.nan if isinstance(min_overlap, bool) else as_float(as_decimal(min_overlap))
    if not 0 < number <= 1:
        raise ValueError(f"min_overlap is {plain(min_overlap)!r:.100}; wanted a number above 0, and 1 at the most.")
    return float(number)


def check_title(title: Any) -> str:
    """Return the title of a report, text; None is the one by default."""
    if title is None:
        return TITLE
    if not isinstance(title, str) or not title.strip():
        raise ValueError(f"title is {title!r:.100}; wanted text, or None for {TITLE!r}.")
    return title


def check_media(media: Any) -> dict[str, Path] | Path | None:
    """Return where media files are: a folder that is there, a dict of paths by the videos' names, or None.

    Raises
    ------
    ValueError
        If it is something else, or holds something else than paths.
    FileNotFoundError, NotADirectoryError
        If the folder is not there, or is none.
    """
    if media is None:
        return None
    if isinstance(media, Mapping):
        return {name_of(name): _check_path(path, name) for name, path in media.items()}
    if not isinstance(media, str | os.PathLike):
        raise ValueError(
            f"media is a {type(media).__name__}; wanted a folder, a dict of the videos' names and their files, or None."
        )
    folder = Path(media)
    if not os.path.isdir(folder):  # unlike that of Path it takes a name that is too long for one that is not there
        is_there = os.path.exists(folder)
        kind, what = (NotADirectoryError, "is no folder") if is_there else (FileNotFoundError, "is not there")
        raise kind(f"media is {os.fspath(media)!r:.300}, which {what}; wanted a folder of media files.")
    return folder


def name_of(name: Any) -> str:
    """Return the name of a video as text, be it of pathlib or a number."""
    return os.fspath(name) if isinstance(name, os.PathLike) else str(plain(name))


def _check_path(path: Any, name: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise ValueError(f"media has for {name_of(name)!r:.100} a {type(path).__name__}; wanted the path of its file.")
    return Path(path)
