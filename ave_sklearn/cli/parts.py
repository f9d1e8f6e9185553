"""Parts of the videos of a fit: those that are trained on, that choose the epoch, and that are held out."""

import re

import numpy as np
import pandas as pd

from ave_sklearn._checks import first_few
from ave_sklearn._targets.labels import labels_outside
from ave_sklearn.cli.annotated import label, read_folder, read_matched
from ave_sklearn.cli.terminal import say
from ave_sklearn.datasets._event_rows import read_table
from ave_sklearn.datasets._matching import match_names
from ave_sklearn.datasets._text import numbered_lines, read_utf8
from ave_sklearn.model_selection import split_videos


def read_parts(args, localizer, grid):
    """Return the annotated videos of a fit in up to three parts, which have no video in common.

    Parameters
    ----------
    args : Namespace
        Of the command ``fit``.
    localizer : estimator
        Its parameters ``background``, ``classes`` and ``random_state`` are looked at.
    grid : Grid

    Returns
    -------
    parts : dict of str to Annotated
        ``"training"`` and, where the arguments ask for them, ``"validation"`` and ``"held_out"``.
    """
    folder, background = read_folder(args), localizer.background
    events = read_matched(args.annotations, folder)
    names, own = ([], None) if args.validation is None else read_validation(args.validation, folder)
    rest = folder.take(names, others=True)
    if len(rest.X) == 0:
        raise ValueError(f"{args.validation} names all {len(names)} videos of the features; none is left to train on.")
    parts = {"training": label(rest, events, args.annotations, args, background, grid)}
    if args.validation is not None:
        given, source = (events, args.annotations) if own is None else (own, args.validation)
        chosen = label(folder.take(names), given, source, args, background, grid, "validation videos")
        parts["validation"] = chosen
    if args.holdout is not None:
        parts |= _hold_out(parts["training"], args.holdout, localizer)
    if args.validation is not None:
        _check_labels(parts, args.validation, localizer.classes)
    _tell_parts(parts)
    return parts


def read_validation(file, folder):
    """Read the videos that choose the epoch.

    Parameters
    ----------
    file : str
        A name a line, or an event list: a table with a column ``filename`` or ``video`` and others.
    folder : Folder

    Returns
    -------
    names : list of str
        As the folder has them.
    events : DataFrame or None
        Those of an event list.

    Raises
    ------
    ValueError
        If the file names no video of the folder, or cannot be read.
    """
    lines = [line.strip() for _, line in numbered_lines(read_utf8(file, "a list of videos"))]
    header = [name.strip("\"' ") for name in re.split("[,;\t]", lines[0])] if lines else []
    has_title = "filename" in header or "video" in header
    is_table = has_title and len(header) > 1
    names = lines[1:] if has_title else lines
    listed = read_table(file) if is_table else pd.DataFrame({"filename": names}, dtype="str")
    if listed.empty:
        raise ValueError(f"{file} names no video; wanted a name a line, or an event list.")
    events = match_names(listed, folder.videos, file, folder.skipped, limit=len(listed))
    return events["filename"].unique().tolist(), events if is_table else None


def _hold_out(annotated, share, localizer):
    """Divide annotated videos into those that are trained on and those that are held out."""
    options = {"test_size": share, "random_state": localizer.random_state, "background": localizer.background}
    try:
        train, test = split_videos(annotated.y, annotated.clips["filename"], **options)
    except ValueError as error:
        raise ValueError(f"--holdout {share:g}: {error}") from error
    return {"training": annotated.take(train), "held_out": annotated.take(test)}


def _check_labels(parts, file, classes):
    """Refuse validation videos with labels that no training video has."""
    known = np.unique(parts["training"].y) if classes is None else np.asarray(classes)
    strange = labels_outside(parts["validation"].y, known)
    if strange:
        raise ValueError(f"{file}: the validation videos have labels that no training video has: {first_few(strange)}.")


def _tell_parts(parts):
    """Say how many videos are in the parts that are not trained on."""
    counts = {name: part.clips["filename"].nunique() for name, part in parts.items()}
    for name, said in (("validation", "are for validation"), ("held_out", "are held out")):
        if name in counts:
            say("note", f"{counts[name]} of {sum(counts.values())} videos {said}")
