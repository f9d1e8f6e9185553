"""What a user gives to a report, read: models, features or videos, names, truth."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError

from ave_sklearn._checks import first_few
from ave_sklearn._targets.grid import LEAST_HOP, Grid, check_grid
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal
from ave_sklearn._user_warnings import gathering, warn_user
from ave_sklearn.extraction._prediction import EXTRACTOR, extract_clips, model_parts, own_extractor
from ave_sklearn.extraction._report import cut_for
from ave_sklearn.inspection._wrapped import unwrap
from ave_sklearn.inspection.report._arguments import (
    PICTURES,
    ReportInput,
    check_media,
    check_min_overlap,
    check_pictures,
    check_title,
    name_of,
)
from ave_sklearn.inspection.report._extra import import_pillow
from ave_sklearn.inspection.report._truth import is_event_list, label_events, read_event_truth, read_label_truth

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from numpy.typing import NDArray

PATH = (str, os.PathLike)
CLIP_COLUMNS = ["filename", "start", "padding"]
MOST_SECONDS = 1e10  # of a start: numbers of segments must be whole in float64, which the page has
WANTED = "model must be a fitted localizer, a pipeline or search that ends in one, or a pair (extractor, localizer)"


class Model(NamedTuple):
    """A model, read.

    Attributes
    ----------
    extractor : fitted extractor or None
        Where the model has one.
    estimator : fitted estimator
        The localizer, or what wraps it.
    localizer : fitted localizer
    """

    extractor: Any
    estimator: Any
    localizer: Any


def read_report(
    model: Any,
    X: Any,
    y_true: Any = None,
    videos: Any = None,
    *,
    clips: Any = None,
    media: Any = None,
    pictures: int = PICTURES,
    min_overlap: float = 0.5,
    hop_seconds: float | None = None,
    segment_seconds: float | None = None,
    title: str | None = None,
) -> ReportInput:
    """Return what a report is made of, of the arguments of `write_report`, all of which are checked."""
    pictures, min_overlap, title = check_pictures(pictures), check_min_overlap(min_overlap), check_title(title)
    media, parts = check_media(media), read_model(model)
    grid = _read_grid(parts.extractor, segment_seconds, hop_seconds)
    options = {"media": media, "pictures": pictures, "title": title}
    X = list(X) if isinstance(X, Iterator) else X
    if is_paths(X):
        if videos is not None or clips is not None:
            given = "videos" if clips is None else "clips"
            raise ValueError(
                f"{given} is given, but X is a list of video files, which say what it would; leave it out."
            )
        if pictures:
            import_pillow()  # before the extraction
        with gathering() as told:
            X, clips, y = _extract(parts, X, y_true, grid, min_overlap)
        options["media"] = {name: name for name in clips["filename"]} if media is None else media
        return make_input(parts.localizer, X, clips, grid, y, notes=told, **options)
    localizer, X = unwrap(parts.estimator, X, "predict_events")
    X = _validated(localizer, X)
    names = None if clips is None else read_clips(clips, len(X), X.n_segments, grid)
    if names is None:
        names = pd.DataFrame({"filename": pd.array(read_names(videos, len(X)), dtype=object), "start": 0.0})
    elif videos is not None:
        raise ValueError("videos and clips are given, both of which name the videos; leave out videos.")
    with gathering() as told:
        y = _read_truth(y_true, localizer, names, X.n_segments, grid, min_overlap)
    return make_input(localizer, X, names, grid, y, notes=told, **options)


def make_input(
    localizer: Any,
    X: Any,
    clips: pd.DataFrame,
    grid: Grid,
    y: NDArray[Any] | None = None,
    *,
    media: Any = None,
    pictures: int = PICTURES,
    title: str | None = None,
    source: str | None = None,
    notes: Iterable[str] = (),
) -> ReportInput:
    """Return what a report is made of, where the features and their labels have been read.

    Parameters
    ----------
    localizer : fitted localizer
    X : features of n clips
        In any form that the localizer takes.
    clips : DataFrame of n rows
        Columns ``filename``, ``start`` and, where clips are padded, ``padding``.
    grid : Grid
    y : ndarray of shape (n, T), or None, default=None
        True labels.
    media : folder, mapping of names to paths, or None, default=None
    pictures, title, source, notes
        As of `ReportInput`; a title of None is the one by default.

    Returns
    -------
    report_input : ReportInput

    Raises
    ------
    ValueError
        If the features are not such as the localizer takes, or something else is not as it should be.
    """
    X = _validated(localizer, X)
    clips, media = read_clips(clips, len(X), X.n_segments, grid), check_media(media)
    _check_media_names(media, set(clips["filename"]))
    return ReportInput(
        localizer=localizer,
        X=X,
        clips=clips,
        grid=grid,
        y=y,
        media=media,
        pictures=check_pictures(pictures),
        title=check_title(title),
        model_name=type(localizer).__name__,
        source=source,
        notes=tuple(notes),
    )


def _validated(localizer: Any, X: Any) -> Any:
    """Return features as the localizer takes them; what it refuses is a ValueError of one line."""
    try:
        return localizer._validate(X)
    except (TypeError, ValueError) as error:
        said = " ".join(str(error).split())
        if isinstance(error, TypeError):  # of what is no array at all
            said = f"X is a {type(X).__name__}; wanted features, or a list of video files: {said}"
        raise ValueError(said) from error


def _check_media_names(media: Any, names: set[str]) -> None:
    """Refuse media files none of which is that of a video; warn of some that are not."""
    unknown = [name for name in media if name not in names] if isinstance(media, Mapping) else []
    if not unknown:
        return
    said = f"media has {len(unknown)} names that are not among the {len(names)} videos: {first_few(unknown)}"
    if len(unknown) == len(media):
        raise ValueError(f"{said}; the videos are {first_few(sorted(names))}.")
    warn_user(said)


# ------------------------------------------------------------------- models
def read_model(model: Any) -> Model:
    """Return the parts of a model; refuse what is none before anything slow begins."""
    if isinstance(model, PATH):
        raise ValueError(f"{WANTED}; got the text {name_of(model)!r:.100}: load it with joblib.load.")
    steps = [step for _, step in getattr(model, "steps", ())]
    extractor = None
    if isinstance(model, list | tuple) or steps and all(hasattr(steps[0], name) for name in EXTRACTOR):
        extractor, estimator = model_parts(model)
    else:
        estimator = model
    localizer = _localizer_in(estimator)
    if extractor is not None and extractor.n_segments != localizer.n_segments_:
        raise ValueError(
            f"{WANTED}; the extractor gives {extractor.n_segments} segments a clip, but the localizer was fitted to "
            f"{localizer.n_segments_}."
        )
    return Model(extractor, estimator, localizer)


def _localizer_in(estimator: Any) -> Any:
    """Return the fitted localizer that an estimator is, or wraps."""
    from sklearn.utils.validation import check_is_fitted

    from ave_sklearn.localizers._base import BaseLocalizer

    try:
        localizer, _ = unwrap(estimator, None, "predict_events")
    except ValueError:
        localizer = None
    if not isinstance(localizer, BaseLocalizer):
        is_class = isinstance(estimator, type)
        what = f"the class {estimator.__name__}" if is_class else f"an object of type {type(estimator).__name__}"
        raise ValueError(f"{WANTED}; got {what}.")
    for layer in (localizer, estimator):  # a search that is not fitted may hold a localizer that is
        try:
            check_is_fitted(layer)
        except NotFittedError as error:
            raise ValueError(f"{WANTED}; this {type(layer).__name__} is not fitted.") from error
    return localizer


def _read_grid(extractor: Any, segment_seconds: float | None, hop_seconds: float | None) -> Grid:
    """Return the segments in time: those of the extractor, or else as the user says."""
    grid: Grid
    if extractor is None:
        grid = check_grid(1.0 if segment_seconds is None else segment_seconds, hop_seconds)
    else:
        grid = check_grid(extractor.segment_seconds, extractor.hop_seconds)
        given = {"segment_seconds": segment_seconds, "hop_seconds": hop_seconds}
        for name, value in given.items():
            if value is not None and as_decimal(value) != getattr(grid, name):
                raise ValueError(
                    f"{name} is {value!r}, but the extractor of the model has {getattr(grid, name):g}; leave it out."
                )
    if grid.hop_seconds < LEAST_HOP:
        raise ValueError(f"hop_seconds must be {LEAST_HOP:g} or more; got {grid.hop_seconds:g}.")
    for name in ("segment_seconds", "hop_seconds"):
        if getattr(grid, name) > MOST_SECONDS:
            raise ValueError(f"{name} must be {MOST_SECONDS:.0f} or less; got {getattr(grid, name):g}.")
    return grid


# ------------------------------------------------------- videos and features
def is_paths(X: Any) -> bool:
    """Tell whether X is a list of video files; raise ValueError for a single one, and for one that mixes."""
    if X is None or isinstance(X, list | tuple) and not X:
        raise ValueError(f"X is {X!r}; wanted features, or a list of video files.")
    if isinstance(X, (*PATH, bytes)):
        raise ValueError(f"X is the one path {name_of(X)!r:.100}; wanted features, or a list of video files: pass [X].")
    if hasattr(X, "columns") or not isinstance(X, list | tuple | np.ndarray | pd.Series | pd.Index):
        return False
    if isinstance(X, np.ndarray) and (X.ndim != 1 or X.dtype.kind not in "OUT"):
        return False
    found = [isinstance(one, PATH) for one in X]
    if any(found) and not all(found):
        wrong = list(X)[found.index(False)]
        raise ValueError(f"X must be features, or a list of video files; got one that holds {wrong!r:.60} too.")
    return bool(found) and all(found)


def _extract(
    parts: Model, X: Any, y_true: Any, grid: Grid, min_overlap: float
) -> tuple[Any, pd.DataFrame, NDArray[Any] | None]:
    """Return the features of video files, of which clips they are, and their labels."""
    extractor, _, localizer = parts
    if extractor is None:
        raise ValueError(
            f"X is a list of video files, but model has no extractor of their features: it is a "
            f"{type(parts.estimator).__name__}; wanted a pipeline or pair of an extractor and a localizer, or features."
        )
    paths = read_names(list(X), len(X), "X")
    own = own_extractor(extractor, {})
    cut, events, y = None, None, None
    if y_true is not None and is_event_list(y_true):
        events = read_event_truth(y_true, paths, localizer)
    elif y_true is not None:
        cut = cut_for(own, paths)
        y = read_label_truth(y_true, localizer, len(cut), own.n_segments)
    features, clips, is_used = extract_clips(own, cut_for(own, paths) if cut is None else cut)
    if events is not None:
        skipped = set(own.report_["filename"][~is_used])
        y = label_events(events, clips, own.n_segments, skipped, localizer, grid, min_overlap)
    elif y is not None:
        y = y[is_used]
    return features, clips, y


def _read_truth(
    y_true: Any, localizer: Any, clips: pd.DataFrame, n_segments: int, grid: Grid, min_overlap: float
) -> NDArray[Any] | None:
    """Return the labels of features, or None where there is no truth."""
    if y_true is None:
        return None
    if is_event_list(y_true):
        events = read_event_truth(y_true, clips["filename"].unique().tolist(), localizer)
        return label_events(events, clips, n_segments, (), localizer, grid, min_overlap)
    return read_label_truth(y_true, localizer, len(clips), n_segments)


# --------------------------------------------------------------------- names
def read_names(videos: Any, n_videos: int, name: str = "videos") -> list[str]:
    """Return the names of videos as text, each once: their numbers where they are None.

    Raises
    ------
    ValueError
        If it is no list of as many names, one is missing, or one comes twice.
    """
    if videos is None:
        return [str(number) for number in range(n_videos)]
    if isinstance(videos, PATH) or not pd.api.types.is_list_like(videos, allow_sets=False):  # sets have no order
        raise ValueError(
            f"{name} is {videos!r:.100}; wanted a list of names, one for each of the {n_videos} videos of X."
        )
    given = list(videos)
    if len(given) != n_videos:
        raise ValueError(f"{name} has {len(given)} names; wanted one for each of the {n_videos} videos of X.")
    names = [_check_name(one, name) for one in given]
    again = [one for one, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f"{name} must name each video once; got {again[0]!r:.100} again.")
    return names


def _check_name(given: Any, where: str) -> str:
    """Return the name of a video as text; refuse what is none."""
    is_one = isinstance(given, (*PATH, int, float, np.number)) and not isinstance(given, bool)
    if not is_one or not isinstance(given, os.PathLike) and (given == "" or pd.isna(given)):
        raise ValueError(f"{where} holds {given!r:.100}; wanted the name of a video.")
    return name_of(given)


def read_clips(clips: Any, n_clips: int, n_segments: int, grid: Grid) -> pd.DataFrame:
    """Return the table that says which clip of which video each row is, checked, with a new index.

    Parameters
    ----------
    clips : DataFrame
        Columns ``filename``, ``start`` and, where clips are padded, ``padding``; others are left out.
    n_clips, n_segments : int
        Of X.
    grid : Grid

    Raises
    ------
    ValueError
        If it is no such table of as many rows, a clip begins at no multiple of the hop, or one comes twice.
    """
    wanted = f"a DataFrame of {n_clips} rows, one for each of X, with the columns 'filename' and 'start'"
    if not isinstance(clips, pd.DataFrame):
        raise ValueError(f"clips is a {type(clips).__name__}; wanted {wanted}, as read_features returns it.")
    columns = [name for name in CLIP_COLUMNS if name in clips]
    if columns[:2] != CLIP_COLUMNS[:2] or not clips.columns.is_unique:
        raise ValueError(f"clips has the columns {first_few(clips.columns, 6)}; wanted {wanted}.")
    if len(clips) != n_clips:
        raise ValueError(f"clips has {len(clips)} rows; wanted {wanted}.")
    names = [_check_name(name, "clips") for name in clips["filename"]]
    checked = pd.DataFrame({"filename": pd.array(names, dtype=object)})
    for name in columns[1:]:
        checked[name] = _seconds(clips[name], name)
    starts = [grid.number_at(start) for start in checked["start"]]
    hop = grid.hop_seconds
    for row, (name, number) in enumerate(zip(names, starts, strict=True)):
        if number is None:
            start = checked["start"][row]
            raise ValueError(
                f"clips, row {row}: {name!r:.100} begins at {start:g} s, no multiple of hop_seconds={hop:g}."
            )
    again = [clip for clip, count in Counter(zip(names, starts, strict=True)).items() if count > 1]
    if again:
        raise ValueError(f"clips has the clip of {again[0][0]!r:.100} from {again[0][1] * hop:g} s twice.")
    span = grid.span(n_segments)
    if "padding" in checked and (is_all := checked["padding"] >= span - 2 * TIME_TOLERANCE).any():
        row = int(is_all.idxmax())
        raise ValueError(
            f"clips, row {row}: padding is {checked['padding'][row]:g} s; wanted less than the {span:g} of a clip."
        )
    return checked


def _seconds(column: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """Return a column of seconds, refusing what is no finite number of 0 or more."""
    if column.dtype.kind in "bcmM":  # which NumPy would make numbers of: times as nanoseconds
        raise ValueError(f"clips: {name} must hold seconds, numbers of 0 or more; got the dtype {column.dtype}.")
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"clips: {name} must hold seconds, numbers of 0 or more: {error}") from error
    bad = np.flatnonzero(~np.isfinite(values) | (values < 0) | (values > MOST_SECONDS))
    if len(bad):
        raise ValueError(
            f"clips, row {bad[0]}: {name} is {values[bad[0]]:g}; wanted seconds from 0 to {MOST_SECONDS:.0f}."
        )
    return values
