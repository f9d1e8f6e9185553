"""Videos of a command: which files they are, and which part of them is wanted."""

import argparse
import os
import sys
from typing import NamedTuple

from ave_sklearn.cli.terminal import say

STANDARD_INPUT = "-"


class Video(NamedTuple):
    """A video as it was given.

    Attributes
    ----------
    name : str
        Its path.
    source : str
        The list and the line, or the folder, that it comes from; "" for one that the command names itself.
    """

    name: str
    source: str = ""

    def __str__(self):
        return f"{self.name} ({self.source})" if self.source else self.name


def shard(text):
    """Read K/N, part K of N, for the parser of arguments."""
    number, slash, of = text.partition("/")
    is_shard = slash and all(part.isascii() and part.isdigit() for part in (number, of)) and len(of) < 10
    if not (is_shard and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form K/N, part K of N from 1/N to N/N")
    return int(number), int(of)


def find_videos(args):
    """Return the paths of the videos that a command is given; see `find_shard`."""
    return find_shard(args)[0]


def find_shard(args):
    """Return the videos that a command is given, and which part of all they are.

    Parameters
    ----------
    args : argparse.Namespace
        With what `add_videos` adds, and ``shard`` where the command has it.

    Returns
    -------
    videos : list of str
        Those that are named, then those of lists, in that order; those of a folder in its place, sorted.
    shard : dict or None
        For ``shard.json``: `videos` is that part of all of them. None without --shard.

    Raises
    ------
    ValueError
        If a name is no text, a folder is given without --recursive, or has no videos, a video is given twice, or there
        are fewer videos than parts.
    FileNotFoundError
        If videos are not there, and may not be skipped.
    """
    if not (args.videos or args.from_file):
        args.usage_error("no videos are given: VIDEO or --from-file LIST is wanted")
    given = [*map(Video, args.videos), *(video for file in args.from_file for video in _listed(file))]
    videos = [found for video in given for found in _expand(video, args)]
    _check_names(videos)
    _check_once(videos)
    chosen, part = (videos, None) if getattr(args, "shard", None) is None else _take_part(videos, *args.shard)
    if args.on_error != "skip":
        _check_there(chosen)
    return [video.name for video in chosen], part


def _listed(file):
    """Return the videos of a list, a path a line."""
    from ave_sklearn._files import reading
    from ave_sklearn.datasets._text import decode_utf8, numbered_lines, read_utf8

    if file == STANDARD_INPUT:
        file = "standard input"
        with reading(file, "a list of videos, UTF-8 text"):
            text = decode_utf8(sys.stdin.buffer.read())
    else:
        text = read_utf8(file, "a list of videos")
    videos = [Video(line, f"{file}, line {number}") for number, line in numbered_lines(text)]
    if not videos:
        raise ValueError(f"{file} names no videos; wanted a path a line.")
    return videos


# ---------------------------------------------------------------- folders
def _expand(video, args):
    """Return the videos in a folder, with --recursive; a file is its own."""
    if not os.path.isdir(video.name):
        return [video]
    if not args.recursive:
        raise ValueError(f"{video} is a folder; give the video files in it. With --recursive they are found.")
    files = sorted(_files_in(video.name))
    names = _without_links(name for name in files if _is_video(name))
    n_others = len(files) - len(names)
    if not names:
        raise ValueError(f"{video} holds no videos: none of its {n_others} files ends in .mp4 or as other videos do.")
    if n_others:
        say("note", f"{video}: {len(names)} videos are taken, {n_others} other files are left out")
    return [Video(name, f"in {video}") for name in names]


def _files_in(folder):
    """Yield the files in a folder and its folders, each folder once; hidden ones are left out."""
    seen = {_identity(folder)}
    for place, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        inner = {}
        for name in sorted(folders):
            identity = _identity(os.path.join(place, name))
            if not name.startswith(".") and identity not in seen:
                inner.setdefault(identity, name)
        folders[:] = inner.values()
        seen.update(inner)
        yield from (os.path.join(place, name).removeprefix("./") for name in files if not name.startswith("."))


def _raise(error):
    raise error


def _is_video(name):
    """Tell whether a file is named as videos are, and no pipe or device; a link to nowhere is found missing later."""
    from ave_sklearn.datasets._names import VIDEO_SUFFIXES

    is_named = os.path.splitext(name)[1][1:].lower() in VIDEO_SUFFIXES
    return is_named and (os.path.isfile(name) or not os.path.exists(name))


def _without_links(names):
    """Return the first name of each file."""
    first = {}
    for name in names:
        first.setdefault(_identity(name), name)
    return list(first.values())


# ----------------------------------------------------------------- checks
def _check_names(videos):
    """Refuse names that are no text, before anything slow begins."""
    for video in videos:
        try:
            video.name.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{video.name!r} is not a name in UTF-8; rename the file.") from error


def _check_once(videos):
    """Refuse videos that are given twice.

    A link, or another form of a name that the file system takes for the same, is the file again.
    """
    from ave_sklearn._checks import first_lines

    seen, twice = {}, []
    for video in videos:
        first = seen.setdefault(_identity(video.name), video)
        if first is not video:
            other = "" if str(first) == str(video) else f" It is the file {first}."
            twice.append(f"{video} is given twice.{other}")
    if len(twice) > 1:
        twice = ["\n".join([f"{len(twice)} videos are given twice:", *first_lines(twice)])]
    if twice:
        raise ValueError(twice[0])


def _identity(path):
    """Return what two names of one file have in common; of a file that is not there its full name."""
    try:
        state = os.stat(path)
    except OSError:
        return os.path.abspath(path)
    return state.st_dev, state.st_ino


def _check_there(videos):
    """Refuse videos that are not there, naming all; where no list names one, the extractor says so."""
    from ave_sklearn._checks import MOST_LINES

    gone = [video for video in videos if not os.path.exists(video.name)]
    if any(video.source for video in gone):
        lines = [f"{video}: no such file" for video in gone[:MOST_LINES]]
        if rest := gone[MOST_LINES:]:
            lines.append(f"... and {len(rest)} more: {', '.join(map(str, rest))}")
        raise FileNotFoundError("\n".join([f"{len(gone)} of {len(videos)} videos cannot be used:", *lines]))


# ------------------------------------------------------------------ parts
def _take_part(videos, number, of):
    """Return part `number` of videos, parts of equal length but for one video, and what ``shard.json`` says of it."""
    from ave_sklearn.extraction._shards import Shard

    if of > len(videos):
        raise ValueError(
            f"--shard {number}/{of}: there are only {len(videos)} videos, so that some of {of} parts would be empty."
        )
    length, longer = divmod(len(videos), of)
    start, stop = (end * length + min(end, longer) for end in (number - 1, number))
    return videos[start:stop], Shard.of_list(number, of, [video.name for video in videos])._asdict()
