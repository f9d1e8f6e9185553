"""Event lists in files: CSV, JSON, subtitles and labels."""

from __future__ import annotations

import csv
import json
import os
import re
import unicodedata
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ave_sklearn._files import check_parent, flush, naming_file, require_regular, whole_file
from ave_sklearn.datasets._event_rows import COLUMNS, check_frame
from ave_sklearn.datasets._subtitles import format_audacity, format_srt, format_vtt

if TYPE_CHECKING:
    from typing import Literal, TextIO

    import pandas as pd

    from ave_sklearn._typing import PathLike

SUFFIXES = {"csv": ".csv", "json": ".json", "vtt": ".vtt", "srt": ".srt", "audacity": ".txt"}
OF_ONE_VIDEO = {"vtt": format_vtt, "srt": format_srt, "audacity": format_audacity}


def write_events(
    events: pd.DataFrame,
    file: PathLike | TextIO,
    *,
    format: Literal["csv", "json", "vtt", "srt", "audacity"] | None = None,
) -> None:
    r"""Write an event list into a file, for `read_events`, other programs, players or Audacity.

    "csv" and "json" hold any number of videos, those without an event too; `read_events` reads the CSV back. Labels
    and names are written as they are, also those that a spreadsheet would run as formulas.

    "vtt" (WebVTT), "srt" (SubRip) and "audacity" (labels, separated by tabs) are of one video: the events in the order
    of time, without scores. Each lasts a millisecond (for Audacity a microsecond) or longer. Labels are put on one
    line, without control characters. WebVTT has them escaped; SubRip, which cannot, has ``‹›()`` for ``<>{}``.

    Parameters
    ----------
    events : DataFrame
        Columns and rows as `read_events` returns them; labels may also be numbers.
    file : path or text file that is open for writing
        A file at a path appears whole or not at all. For the formats of one video it may be a folder: one that is
        there, or a name that ends in "/", which is made. It gets a file for each video, all of them or none, which is
        named by the video: ``a.vtt`` for "day1/a.mp4". Videos that would share a name keep their suffix (``a.mp4.vtt``
        and ``a.avi.vtt``), and their folders too where that does not help (``day1_a.mp4.vtt``). Characters that some
        systems do not have in names become "_".
    format : {"csv", "json", "vtt", "srt", "audacity"} or None, default=None
        None goes by the suffix: .csv, .json, .vtt, .srt, and .txt for Audacity.

    Raises
    ------
    ValueError
        If there is no such format, or none can be told from the name; if a row of `events` is no event (see
        `read_events`); if a format of one video is to hold several without a folder, or two of their files would have
        one name; if text cannot be written in UTF-8.
    OSError
        If the file cannot be written. A FileNotFoundError if the folder that it goes to is not there, an
        IsADirectoryError if it is a folder, in "csv" and "json".

    See Also
    --------
    read_events : The way back, from CSV.

    Examples
    --------
    >>> import sys
    >>> from ave_sklearn.datasets import to_events, write_events
    >>> events = to_events([["background", "dog", "dog", "cat"]], ["a.mp4"])
    >>> write_events(events, sys.stdout, format="csv")
    filename,onset,offset,event_label
    a.mp4,1.0,3.0,dog
    a.mp4,3.0,4.0,cat
    >>> write_events(events, sys.stdout, format="srt")
    1
    00:00:01,000 --> 00:00:03,000
    dog
    <BLANKLINE>
    2
    00:00:03,000 --> 00:00:04,000
    cat
    """
    is_open = hasattr(file, "write")
    format = check_format(format, getattr(file, "name", None) if is_open else file)
    events = check_frame(events)
    events = events[[name for name in COLUMNS if name in events]]
    videos = events["filename"].map(_text).unique().tolist()
    if is_open:
        refuse_several(videos, format, "an open file")
        _write_into(file, format_events(events, format))
    elif check_target(file, format, videos):
        _write_folder(Path(file), _texts_by_file(events, videos, format))
    else:
        text = _encoded(format_events(events, format))
        with whole_file(file) as temporary:
            temporary.write_bytes(text)


def check_format(format, file):
    """Return the name of a format; that of the suffix of a file's name if it is None.

    Raises
    ------
    ValueError
        If there is none of that name, or of that suffix.
    """
    if format is None:
        name = os.fspath(file) if isinstance(file, str | os.PathLike) else ""
        given = os.path.splitext(name)[1].lower()
        format = next((known for known, suffix in SUFFIXES.items() if suffix == given), None)
        if format is None:
            endings = ", ".join(SUFFIXES.values())
            raise ValueError(f"{name!r} must end in one of {endings}, or a format be given.")
    if format not in SUFFIXES:
        raise ValueError(f"format must be one of {', '.join(map(repr, SUFFIXES))}, or None; got {format!r}.")
    return format


def means_folder(name):
    """Tell whether a path is that of a folder, which is there or to be made."""
    return os.path.isdir(name) or name.endswith(("/", os.sep))


def check_target(file, format, videos):
    """Refuse a path that events cannot be written to, and tell whether it is that of a folder.

    Parameters
    ----------
    file : path
    format : str
        Of `check_format`.
    videos : list of str
        Their names.

    Raises
    ------
    ValueError, IsADirectoryError, FileNotFoundError
        As `write_events`.
    """
    name = os.fspath(file)
    is_folder = means_folder(name)
    if is_folder and format not in OF_ONE_VIDEO:
        raise IsADirectoryError(f"{name} is a folder; the name of a file is wanted.")
    if is_folder:
        targets = [os.path.join(name, part) for part in _file_names(videos, SUFFIXES[format]).values()]
    else:
        refuse_several(videos, format, f"the file {name}")
        targets = [name]
    for target in filter(os.path.exists, targets):
        require_regular(target, "a file for events")
    check_parent(name)
    return is_folder


def refuse_several(videos, format, target):
    """Refuse to put several videos into one file of a format that is of one."""
    if format in OF_ONE_VIDEO and len(videos) > 1:
        raise ValueError(
            f"{target} cannot hold the events of {len(videos)} videos as {format}, which is of one video: give a "
            "folder that is there, or a name that ends in '/', for a file a video."
        )


def format_events(events, format):
    """Return checked events as text; line breaks are LF."""
    if format in OF_ONE_VIDEO:
        return OF_ONE_VIDEO[format](events.dropna(subset=["event_label"]))
    events = events.assign(filename=events["filename"].map(_text))
    if format == "json":
        records = events.astype(object).where(events.notna(), None).to_dict("records")
        return json.dumps(records, indent=2, ensure_ascii=False) + "\n"
    texts = events[["filename", "event_label"]].map(str)
    has_returns = texts.map(lambda text: "\r" in text).any(axis=None)  # which csv leaves bare before Python 3.13
    quoting = csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL
    return events.to_csv(index=False, lineterminator="\n", quoting=quoting)


def _text(name):
    """Return the name of a video as text; paths may be of pathlib, and numbers stand for rows."""
    return os.fspath(name) if isinstance(name, os.PathLike) else str(name)


def _write_into(file, text):
    """Write text into an open file; one that takes bytes is refused before anything is written."""
    try:
        file.write("")
    except TypeError as error:
        raise ValueError(f"file must be open for text; got a {type(file).__name__} that takes bytes.") from error
    file.write(text)


def _encoded(text):
    """Return text in UTF-8, or say what of it cannot be."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        near = text[max(0, error.start - 30) : error.end + 30]
        raise ValueError(f"events hold text that cannot be written in UTF-8: {near!r}.") from error


def _texts_by_file(events, videos, format):
    """Return what the file of each video, by its name in the folder, holds."""
    files, rows = _file_names(videos, SUFFIXES[format]), events.groupby(events["filename"].map(_text)).indices
    return {files[video]: _encoded(format_events(events.iloc[rows[video]], format)) for video in videos}


def _write_folder(folder, texts):
    """Write files into a folder, each whole; none gets its name before all are written."""
    folder.mkdir(exist_ok=True)
    with naming_file(folder), TemporaryDirectory(dir=folder, prefix=".events-") as scratch:
        for name, text in texts.items():
            Path(scratch, name).write_bytes(text)
            flush(Path(scratch, name))
        for name in texts:
            os.replace(Path(scratch, name), folder / name)


def _file_names(videos, ending):
    """Return names of files for videos, by the videos; see `write_events`.

    Raises
    ------
    ValueError
        If two videos would have one file, be it on a system that takes capitals and small letters for the same.
    """
    whole = {video: video.replace("\\", "/").strip("/") for video in videos}
    base = {video: path.rpartition("/")[2] for video, path in whole.items()}
    names = {video: _portable(os.path.splitext(name)[0]) for video, name in base.items()}
    for longer in (base, whole):
        names |= {video: _portable(longer[video]) for group in _shared(names) for video in group}
    for first, second, *_ in _shared(names):
        raise ValueError(
            f"the files of the videos {first!r} and {second!r} would both be named {names[first]}{ending}."
        )
    return {video: name + ending for video, name in names.items()}


def _shared(names):
    """Return the groups of videos whose names are one to some file system."""
    folded = {video: unicodedata.normalize("NFC", name).casefold() for video, name in names.items()}
    count = Counter(folded.values())
    groups = {name: [] for name, n in count.items() if n > 1}
    for video, name in folded.items():
        if name in groups:
            groups[name].append(video)
    return list(groups.values())


def _portable(name):
    """Return a name without what file systems refuse, or take for a folder or a device."""
    return re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).strip(" ") or "video"
