"""Folders of features on disk: two arrays, the names of their rows and how they were extracted."""

from __future__ import annotations

import json
import math
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ave_sklearn._checks import first_few
from ave_sklearn._features.container import AVFeatures
from ave_sklearn._features.pairs import one_run, refuse_unfinished
from ave_sklearn._files import FileState, reading
from ave_sklearn._targets.grid import LEAST_HOP, WHOLE_SECONDS, check_grid
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._text import by_column, one_line_end, read_utf8, split_rows
from ave_sklearn.extraction._extractor import VideoFeatureExtractor
from ave_sklearn.extraction._joining import check_clips_once, check_folders_once, check_shapes
from ave_sklearn.extraction._media import MAX_DURATION
from ave_sklearn.extraction._same_recipe import (
    NOT_KEPT,
    WHICH_CLIPS,
    differences,
    keep_digests,
    recipe_of,
    say_differences,
)
from ave_sklearn.extraction._shards import Shard, in_order

if TYPE_CHECKING:
    from ave_sklearn._typing import PathLike

AUDIO, VISUAL = "audio.npy", "visual.npy"
SKIPPED, EXTRACTOR = "skipped.csv", "extractor.json"
VIDEOS, SHARD = "videos.csv", "shard.json"
FILES = (AUDIO, VISUAL, VIDEOS, SKIPPED, EXTRACTOR, SHARD)
UNFINISHED = ".unfinished"  # hidden folder of an extraction that is at work or was stopped
EXTRACTOR_PARAMS = "the parameters of a VideoFeatureExtractor"
SHARD_SAYS = "what 'extract --shard' says of a part"
NETWORKS = "networks"  # what extractor.json calls their digests
DIGESTED = ("visual", "audio", "pca_params")  # of what
MOST_CHARACTERS = 1000  # of a digest
SECONDS = {"segment_seconds", "hop_seconds", "max_damage"}  # the parameters that may be fractions
MOST_BYTES = 1_000_000  # of extractor.json, which has some 300
MOST_PICTURES = 4 * 2**30  # bytes of the pictures of one clip
MOST_SECONDS = 6 * 3600  # of the sound of one clip, 4 GB at 48 kHz


def read_features(*folders: PathLike) -> tuple[AVFeatures, pd.DataFrame]:
    """Open the features of one or several folders of ``ave-sklearn extract``, without reading them.

    Parameters
    ----------
    *folders : path
        Several are joined: folders of one recipe, extracted with the same parameters and networks, without a clip in
        common. Of those that are parts of one list of videos (``extract --shard``) all are wanted; they are put in the
        order of the list; one of which each video was skipped adds nothing. One part may be opened alone.

    Returns
    -------
    features : AVFeatures of n clips
        Memory-mapped.
    clips : DataFrame of n rows
        Of which video, ``filename``, and from which second on, ``start``, each row is; where a table has it,
        ``padding``, by how many seconds the clip reaches behind the end of its video.

    Raises
    ------
    FileNotFoundError
        If a file of a folder is missing.
    ValueError
        If a file is damaged, or the files of a folder do not belong together or are being written; if folders are of
        different recipes, naming the parameter, or features of different shapes; if they share a clip, or a part of
        the list is there twice or missing; if each video was skipped.

    See Also
    --------
    merge_features : Makes one folder of several.

    Examples
    --------
    >>> from ave_sklearn.extraction import read_features
    >>> X, clips = read_features("features1", "features2")  # doctest: +SKIP
    >>> groups = clips["filename"]  # of a cross-validation: clips of one video stay together  # doctest: +SKIP
    """
    folders = with_features(as_one(folders))
    parts, clips = zip(*map(_read_features, folders), strict=True)
    if len(folders) == 1:
        return parts[0], clips[0]
    check_shapes(folders, parts)
    check_clips_once(folders, clips)
    joined = pd.concat(clips, ignore_index=True)
    if "padding" in joined:
        joined["padding"] = joined["padding"].fillna(0.0)
    return AVFeatures.concatenate(parts), joined


def _read_features(folder):
    with one_run((Path(folder, AUDIO), Path(folder, VISUAL))):
        audio, visual, file = (_existing(folder, name) for name in (AUDIO, VISUAL, VIDEOS))
        features = AVFeatures.from_npy(audio, visual)
        clips = _read_clips(file, features.n_segments, _read_grid(folder))
        if len(clips) != features.n_videos:
            raise ValueError(f"{file} names {len(clips)} clips, but the arrays have {features.n_videos} rows.")
        return features, clips


# ----------------------------------------------------- several folders as one
def as_one(folders, *, all_parts=False):
    """Return folders in the order of their rows, once it is certain that they may be joined, but for the clips."""
    if not folders:
        raise ValueError("no folder of features is given; wanted at least one.")
    check_folders_once(folders)
    if len(folders) > 1:  # or an unfinished part would be called missing
        for folder in folders:
            _check_complete(folder)
    folders = in_order({folder: read_shard(folder) for folder in folders}, all_parts=all_parts)
    if len(folders) > 1:
        _check_one_recipe(folders)
    return folders


def _check_complete(folder):
    """Refuse a folder that is not there, or is being written."""
    refuse_unfinished((Path(folder, AUDIO), Path(folder, VISUAL)))
    for name in (VIDEOS,) if is_without_features(folder) else (AUDIO, VISUAL, VIDEOS):
        _existing(folder, name)


def is_without_features(folder):
    """Whether a folder is a finished part of a list of videos of which each was skipped."""
    there = {name for name in (AUDIO, VISUAL, VIDEOS, SHARD, SKIPPED) if Path(folder, name).is_file()}
    return there == {VIDEOS, SHARD, SKIPPED} and not read_columns(Path(folder, VIDEOS), ["filename"])[0]


def with_features(folders):
    """Return the folders that have features; a ValueError if there are none."""
    found = [folder for folder in folders if not is_without_features(folder)]
    if not found:
        raise ValueError(f"{first_few(map(str, folders))}: there are no features, since each video was skipped.")
    return found


def read_shard(folder):
    """Return which part of a list of videos a folder has, a `Shard`; None where it is a whole."""
    file = Path(folder, SHARD)
    if not file.is_file():
        return None
    if FileState.of(file).size > MOST_BYTES:
        raise ValueError(f"{file} is larger than {MOST_BYTES} bytes, too large for {SHARD_SAYS}.")
    text = read_utf8(file, "JSON")
    with reading(file, SHARD_SAYS, parsing=True):
        return Shard.parse(json.loads(text))


def _check_one_recipe(folders):
    """Refuse folders that were extracted in different ways."""
    recipes = {folder: _read_recipe(folder) for folder in folders}
    (first, one), *others = recipes.items()
    for folder, recipe in others:
        if (one is None) != (recipe is None):
            with_it, without = (folder, first) if one is None else (first, folder)
            raise ValueError(f"{without} has no {EXTRACTOR} to compare with that of {with_it}: how was it extracted?")
        found = [] if one is None else differences(one, recipe)
        if found:
            raise ValueError(f"{first} and {folder} are of different recipes: {say_differences(found, first, folder)}.")


def _read_recipe(folder):
    """Return what the features of a folder depend on; None where nothing says it."""
    return _recipe_of(_read_extractor(folder)) if Path(folder, EXTRACTOR).is_file() else None


def _recipe_of(extractor):
    return recipe_of(extractor, set(VideoFeatureExtractor().get_params()) - NOT_KEPT)


# ------------------------------------------------------------------- tables
def _read_clips(file, n_segments, grid):
    """Return the names and starts of clips, each given once, and their padding where the table has it.

    Starts are bounded as the length of a video is.
    """
    lines, columns = read_columns(file, ["filename", "start"], ["padding"])
    hop = "whole seconds" if grid.hop_seconds == 1 else f"a multiple of hop_seconds={grid.hop_seconds:g}"
    seen = {}
    for line, name, text in zip(lines, columns["filename"], columns["start"], strict=True):
        start = _number(text)
        number = grid.number_at(start) if 0 <= start <= MAX_DURATION else None
        if number is None:
            raise ValueError(
                f"{file}, line {line}: 'start' must be {hop} from 0 to {MAX_DURATION:.0f}; got {text!r:.100}."
            )
        clip = posixpath.normpath(name), number
        if not name or clip in seen:
            what = f"is that of line {seen[clip]} again" if name else "has no file name"
            raise ValueError(f"{file}, line {line}: the clip {what}.")
        seen[clip] = line
    starts = [number * grid.hop_seconds for _, number in seen]
    clips = pd.DataFrame({"filename": columns["filename"], "start": starts})
    clips = clips.astype({"filename": "str", "start": float})
    if "padding" not in columns:
        return clips
    return clips.assign(padding=_check_padding(columns["padding"], lines, file, grid.span(n_segments)))


def _check_padding(texts, lines, file, span):
    """Return the padding of clips as numbers, of which each clip of `span` seconds has less."""
    for line, text in zip(lines, texts, strict=True):
        if not 0 <= _number(text) < span:
            raise ValueError(
                f"{file}, line {line}: 'padding' must be seconds from 0 to less than the {span:g} of a clip; got "
                f"{text!r:.100}."
            )
    return [_number(text) for text in texts]


def _number(text):
    """Read a number; NaN for what is none."""
    try:
        return float(text.replace("_", "x"))
    except ValueError:
        return math.nan


def read_columns(file, names, optional=()):
    """Read a table of a folder.

    Parameters
    ----------
    file : path
    names : list of str
        Columns that it must have, each once; others are left out.
    optional : list of str, default=()
        Columns that it may have, once.

    Returns
    -------
    lines : list of int
        Of the rows.
    columns : dict of str to tuple of str
    """
    rows = split_rows(read_utf8(file, "a table"), file)
    (_, header), *rows = rows or [(1, [])]
    if any(header.count(name) != 1 for name in names):
        raise ValueError(
            f"{file} must have the columns {' and '.join(map(repr, names))}, each once; got {header!r:.300}."
        )
    if any(header.count(name) > 1 for name in optional):
        raise ValueError(f"{file} may have the columns {', '.join(map(repr, optional))} once; got {header!r:.300}.")
    return [line for line, _ in rows], by_column(header, rows, file)


def read_skipped(*folders):
    """Return the names of the videos of which clips were skipped, of one or several folders."""
    return set().union(*map(_read_skipped, folders))


def _read_skipped(folder):
    file = Path(folder, SKIPPED)
    return set(read_columns(file, ["filename"])[1]["filename"]) if file.is_file() else set()


def read_extractor(*folders):
    """Return the extractor of the features of folders, a `VideoFeatureExtractor` with the parameters it had.

    Only what `write_features` writes is taken over: a stranger's folder sets no cache, which would be unpickled, no
    device and no folder of weights. It may name a file of a PCA, which is read as tensors or numbers alone, and code
    as "module:callable", which is imported when videos are extracted, not here. The digests of the networks, where
    they are known, are its attribute ``networks_``, a dict.

    Raises
    ------
    ValueError
        If the file is damaged, names other parameters, or a value has the wrong type or asks for too much memory; if
        the folders cannot be joined.
    """
    return _read_extractor(as_one(folders)[0])


def _read_extractor(folder):
    file, params = _read_params(folder)
    with reading(file, EXTRACTOR_PARAMS):
        digests = params.pop(NETWORKS, {})
        _check_digests(digests)
        _check_params(params, set(VideoFeatureExtractor().get_params()) - NOT_KEPT)
        extractor = VideoFeatureExtractor(**params).fit([file])  # which checks the parameters and opens nothing
        if extractor.n_segments * extractor.frames_per_segment * extractor.image_size**2 * 3 > MOST_PICTURES:
            raise ValueError(f"the pictures of one clip would take more than {MOST_PICTURES} bytes")
        grid = check_grid(extractor.segment_seconds, extractor.hop_seconds)
        if max(grid.span(extractor.n_segments), extractor.n_segments * grid.segment_seconds) > MOST_SECONDS:
            raise ValueError(f"the sound of one clip would last more than {MOST_SECONDS} s")
    if digests:
        keep_digests(extractor, digests)
    return extractor


def read_grid(*folders):
    """Return the grid of the features of folders; whole seconds where nothing says how they were extracted.

    Raises
    ------
    ValueError
        If the file is damaged, or says no lengths of time; if segments follow each other by less than a millisecond.
        Its other parameters are not looked at where it is the only one. If the folders cannot be joined.
    """
    return _read_grid(as_one(folders)[0])


def _read_grid(folder):
    if not Path(folder, EXTRACTOR).is_file() and not _is_unfinished(folder):
        return WHOLE_SECONDS
    file, params = _read_params(folder)
    with reading(file, EXTRACTOR_PARAMS):
        own = {name: params[name] for name in ("segment_seconds", "hop_seconds") if name in params}
        _check_params(own, SECONDS)
        grid = check_grid(**own)
        if grid.hop_seconds < LEAST_HOP:
            raise ValueError(f"segments are {grid.hop_seconds:g} s apart; wanted at least {LEAST_HOP:g} s")
        return grid


def check_recipe(folders, extractor, model):
    """Refuse features that were not extracted as those that a model was fitted to.

    What tells which clips are used, not how (``short``, ``max_damage``), may differ. Of folders that do not say how
    they were extracted the grid is taken to be whole seconds, and nothing else is compared, with a warning.

    Parameters
    ----------
    folders : list of path
    extractor : VideoFeatureExtractor
        Of the model.
    model : path
        The file of the model.

    Raises
    ------
    ValueError
        Naming the folder and the difference.
    """
    folder = as_one(folders)[0]
    grid, wanted = _read_grid(folder), check_grid(extractor.segment_seconds, extractor.hop_seconds)
    if grid != wanted:
        raise ValueError(
            f"{folder}: the features are of segments of {grid.segment_seconds:g} s, {grid.hop_seconds:g} s apart, "
            f"but those that {model} takes are of {wanted.segment_seconds:g} s, {wanted.hop_seconds:g} s apart."
        )
    recipe = _read_recipe(folder)
    if recipe is None:
        warn_user(f"{folder} has no {EXTRACTOR}: whether its features are such as {model} takes cannot be told.")
    found = [] if recipe is None else differences(recipe, _recipe_of(extractor), leave_out=WHICH_CLIPS)
    if found:
        raise ValueError(
            f"{folder}: the features are of another recipe than those that {model} takes: "
            f"{say_differences(found, folder, model)}."
        )


def _read_params(folder):
    """Return the file that says how a folder's features were extracted, and what it says, as a dict."""
    refuse_unfinished((Path(folder, AUDIO), Path(folder, VISUAL)))
    file = _existing(folder, EXTRACTOR)
    if FileState.of(file).size > MOST_BYTES:
        raise ValueError(f"{file} is larger than {MOST_BYTES} bytes, too large for the parameters of an extractor.")
    text = read_utf8(file, "JSON")
    with reading(file, EXTRACTOR_PARAMS, parsing=True):
        params = json.loads(one_line_end(text))
        if not isinstance(params, dict):
            raise ValueError(f"it holds a {type(params).__name__}; wanted names and values")
    return file, params


def _check_digests(digests):
    """Refuse what is no dict of the digests of networks."""
    is_dict = isinstance(digests, dict) and set(digests) <= set(DIGESTED)
    if not (
        is_dict and all(isinstance(value, str) and 0 < len(value) <= MOST_CHARACTERS for value in digests.values())
    ):
        raise ValueError(f"{NETWORKS} is {digests!r:.100}; wanted the digests, text, of {', '.join(DIGESTED)}")


def _check_params(params, kept):
    """Refuse parameters that are not among those that are kept, and values that no parameter may have."""
    for name, value in params.items():
        if name not in kept:
            raise ValueError(f"{name!r:.100} is none of {', '.join(sorted(kept))}")
        number = int | float if name in SECONDS else int
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(value, str | number | None) or isinstance(value, bool) or not is_finite:
            kind = "finite number" if name in SECONDS else "whole number"
            raise ValueError(f"{name} is {value!r:.100}; wanted text, a {kind} or null")


def _is_unfinished(folder):
    """Whether a folder holds an extraction that was not finished, and no features."""
    return Path(folder, UNFINISHED).is_dir() and not Path(folder, VIDEOS).is_file()


def _existing(folder, name):
    """Return the path of a file that a complete folder has."""
    file = Path(folder, name)
    if not file.is_file() and _is_unfinished(folder):
        raise FileNotFoundError(
            f"{folder}: the extraction is not finished, {name} is missing; the same command 'ave-sklearn extract' goes "
            "on where it was stopped."
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"{folder} is no folder of features: {name} is missing ('ave-sklearn extract' makes one)."
        )
    return file
