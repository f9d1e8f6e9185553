"""Events of videos: cut into clips, predicted, and joined again."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from ave_sklearn._targets.events import code_events
from ave_sklearn._targets.grid import WHOLE_SECONDS, check_grid
from ave_sklearn.extraction._clips import join_clips, video_ends
from ave_sklearn.extraction._extractor import VideoFeatureExtractor
from ave_sklearn.extraction._file_objects import as_paths, in_their_names
from ave_sklearn.extraction._recipe import KeptNetworks
from ave_sklearn.extraction._report import cut_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, BinaryIO, Literal

    import joblib
    import torch

    from ave_sklearn._typing import PathLike

_kept_networks = WeakKeyDictionary()  # of each extractor, as long as it lives
WANTED = "model must be a fitted pipeline of an extractor and a localizer, or a pair (extractor, localizer)"
EXTRACTOR = ("transform", "set_params", "n_segments", "segment_seconds", "hop_seconds")  # what its like must have
LOCALIZER = ("predict_proba", "classes_", "background_")


def predict_videos(
    model: Any,
    videos: Iterable[PathLike | BinaryIO],
    *,
    n_jobs: int | None = None,
    device: str | torch.device | None = None,
    weights_dir: PathLike | None = None,
    memory: PathLike | joblib.Memory | None = None,
    on_error: Literal["raise", "skip"] | None = None,
    short: Literal["error", "skip", "pad"] | None = None,
    probabilities: bool = False,
    verbose: int = 0,
) -> pd.DataFrame:
    """List the events of videos of any length, as ``ave-sklearn predict`` does.

    Videos are cut into clips, whose features are extracted; the model predicts each segment, and the segments of
    clips that follow each other are joined before events are made of them. Where clips overlap the earlier one decides.
    Named networks stay loaded for further calls with the same extractor, as long as it lives and their files do not
    change.

    Parameters
    ----------
    model : Pipeline, or pair (extractor, localizer)
        A fitted pipeline as ``ave-sklearn fit`` saves it, loaded by joblib, or a `VideoFeatureExtractor` and the
        fitted localizer that takes its features. Neither is changed.
    videos : list of paths and binary file objects
        A file object is read from where it stands to its end, and copied to a temporary file, a piece at a time: it
        may be an upload, `io.BytesIO` or a pipe, and need not be able to seek.
    n_jobs, device, weights_dir, memory, on_error, short : default=None
        As of :class:`VideoFeatureExtractor`; None is what the extractor has. Without file objects among the videos
        their features are kept in `memory`, otherwise none are.
    probabilities : bool, default=False
        Whether to list the probability of each class at each segment, background among them, in place of events.
    verbose : int, default=0
        1 shows the progress of the extraction.

    Returns
    -------
    rows : DataFrame
        Columns ``filename``, ``onset``, ``offset`` (seconds from the beginning of the video), ``event_label`` and
        ``score`` (mean probability of the label), in the order of the videos and then of time, as
        `ave_sklearn.datasets.write_events` takes them. A video without events has one row, in which all but the name
        is missing; one that was skipped has none. With `probabilities` a row for each segment and class.

        ``filename`` is the path as given. A file object is called by the last part of its ``name`` where that is
        text, otherwise "video 0" for the first of `videos`, and so on; messages call it so too.

    Raises
    ------
    ExtractionError
        If videos cannot be used, naming each and the cause; with ``on_error="skip"`` if none can.
    ValueError
        If `model` is no such model, or not fitted; if `videos` is no list of paths and binary file objects, or two
        have one name; if a parameter is out of its range.
    FileNotFoundError, ImportError
        As :meth:`VideoFeatureExtractor.transform`.
    OSError
        If a file object cannot be read, or there is no room for its copy.

    See Also
    --------
    ave_sklearn.datasets.write_events : Write them as CSV, JSON or subtitles.

    Examples
    --------
    >>> import joblib
    >>> from ave_sklearn.extraction import predict_videos
    >>> model = joblib.load("model.joblib")  # doctest: +SKIP
    >>> predict_videos(model, ["dog.mp4", "bell.mp4"])  # doctest: +SKIP
      filename  onset  offset event_label  score
    0  dog.mp4    2.0     5.0         dog   0.91
    1  dog.mp4    7.0     8.0         dog   0.64
    2 bell.mp4    NaN     NaN         NaN    NaN
    """
    extractor, localizer = model_parts(model)
    given = {"n_jobs": n_jobs, "device": device, "weights_dir": weights_dir, "memory": memory}
    given |= {"on_error": on_error, "short": short, "verbose": verbose}
    own = own_extractor(extractor, given)
    with as_paths(videos) as (paths, names):
        if names and "memory" in own.get_params(deep=False):
            own.set_params(memory=None)  # nobody will ever ask for a copy by its path again
        with in_their_names(names):
            X, clips, _ = extract_clips(own, cut_for(own, paths))
    clips = clips.assign(filename=[names.get(path, path) for path in clips["filename"]])
    grid = check_grid(own.segment_seconds, own.hop_seconds)
    return rows_of_clips(localizer, X, clips, grid, probabilities=probabilities)


def rows_of_clips(localizer, X, clips, grid, *, probabilities):
    """List the events of videos whose clips' features are there, or the probabilities of their segments."""
    return (segment_rows if probabilities else event_rows)(localizer, X, clips, grid)


def own_extractor(extractor, given):
    """Return a copy of an extractor that shares its networks, with the parameters given that are not None."""
    own = copy.copy(extractor).set_params(**{name: value for name, value in given.items() if value is not None})
    if isinstance(extractor, VideoFeatureExtractor):
        own._share_network = _kept_networks.setdefault(extractor, KeptNetworks()).share
    return own


def extract_clips(extractor, cut):
    """Extract the features of clips, and say which of them have some.

    Parameters
    ----------
    extractor : extractor
    cut : list
        Of `cut_for`.

    Returns
    -------
    X : AVFeatures of n_clips rows
    clips : DataFrame of n_clips rows
        Of ``report_``, with a new index.
    is_used : ndarray of bool, of shape (len(cut),)
        False for the clips that were skipped.
    """
    X = extractor.transform(cut)
    is_used = (extractor.report_["error"] == "").to_numpy()
    return X, extractor.report_[is_used].reset_index(drop=True), is_used


def model_parts(model):
    """Return the extractor and the localizer of a model; refuse what is no such thing before anything slow begins."""
    parts = [part for _, part in model.steps] if hasattr(model, "steps") else model
    if not isinstance(parts, list | tuple):
        hint = ": load it with joblib.load" if isinstance(model, str | os.PathLike) else ""
        raise ValueError(f"{WANTED}; got {_an(model)}{hint}.")
    if len(parts) != 2:
        raise ValueError(f"{WANTED}; got {len(parts)} parts: {', '.join(type(part).__name__ for part in parts)}.")
    for part, kind, names in zip(parts, ("an extractor", "a localizer"), (EXTRACTOR, LOCALIZER), strict=True):
        lacking = [name for name in names if not hasattr(part, name)]
        if lacking:
            is_unfitted = all(name.endswith("_") for name in lacking) and hasattr(part, "fit")
            reason = "is not fitted" if is_unfitted else f"is no such thing: it has no {', '.join(lacking)}"
            raise ValueError(f"{WANTED}; {_an(part)}, given as {kind}, {reason}.")
    return parts


def _an(thing):
    """Write which type something is of."""
    return f"an object of type {type(thing).__name__}"


def event_rows(localizer, X, clips, grid=WHOLE_SECONDS):
    """List the events of videos that may be cut into clips.

    Parameters
    ----------
    localizer : fitted estimator
    X : AVFeatures
    clips : DataFrame of len(X) rows
        Columns ``filename``, ``start`` (seconds, a multiple of the hop) and, where clips are padded, ``padding``. Of
        segments that two clips share the earlier clip decides. Events end with their video.
    grid : Grid

    Returns
    -------
    rows : DataFrame
        Columns ``filename``, ``onset``, ``offset`` (seconds from the beginning of the file), ``event_label`` and
        ``score``, in the order of the files and then of time; a file without events has one row, in which all but the
        name is missing.
    """
    proba = localizer.predict_proba(X)
    stretches = join_clips(proba, clips, grid)
    events = pd.concat([_stretch_events(localizer, *stretch, grid.hop_seconds) for stretch in stretches])
    if pd.api.types.is_numeric_dtype(events["event_label"]):
        events["event_label"] = events["event_label"].astype(object)  # 3 is 3.0 where one is missing
    events = _end_with_videos(events, video_ends(clips, proba.shape[1], grid))
    return pd.DataFrame({"filename": clips["filename"].unique()}).merge(events, on="filename", how="left")


def segment_rows(localizer, X, clips, grid=WHOLE_SECONDS):
    """List the probabilities of the classes at the segments of videos that may be cut into clips.

    Parameters
    ----------
    localizer, X, clips, grid
        As of `event_rows`.

    Returns
    -------
    rows : DataFrame
        The columns of `event_rows`, a row for each segment and class: in the order of the files, of time, and of
        ``classes_``.
    """
    proba = localizer.predict_proba(X)
    stretches = join_clips(proba, clips, grid)
    rows = pd.concat(
        [_stretch_segments(localizer, *stretch, grid.hop_seconds) for stretch in stretches], ignore_index=True
    )
    return _end_with_videos(rows, video_ends(clips, proba.shape[1], grid))


def _end_with_videos(rows, ends):
    """Return rows that end with their videos, whose ends are a Series by their names."""
    return rows.assign(offset=np.minimum(rows["offset"], ends[rows["filename"]].to_numpy()))


def _stretch_events(localizer, name, first, proba, hop):
    """Return the events of successive segments of a video, the first of which has the number `first`."""
    codes, scores = proba.argmax(-1)[None], proba.max(-1)[None]
    events = code_events(codes, scores, localizer.classes_, localizer.background_, videos=[name])
    return events.assign(onset=(events["onset"] + first) * hop, offset=(events["offset"] + first) * hop)


def _stretch_segments(localizer, name, first, proba, hop):
    """Return the classes of successive segments of a video, the first of which has the number `first`."""
    number = np.repeat(np.arange(first, first + len(proba)), proba.shape[1])
    labels = np.tile(localizer.classes_, len(proba))
    times = {"onset": number * hop, "offset": (number + 1) * hop}
    return pd.DataFrame({"filename": name, **times, "event_label": labels, "score": proba.ravel()})
