"""Media files of a report: links from the page to them, whether browsers play them, and small pictures."""

from __future__ import annotations

import base64
import io
import os
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import numpy as np

from ave_sklearn.datasets._names import VIDEO_SUFFIXES
from ave_sklearn.extraction._opening import ExtractionError, file_stamp, open_media
from ave_sklearn.extraction._stills import read_stills
from ave_sklearn.inspection.report._extra import import_pillow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType
    from typing import Any

    from numpy.typing import NDArray

WIDTH = 160  # pixels of the longer side of a thumbnail
QUALITY = 60  # of its JPEG
MOST_THUMBNAILS = 120  # of a video: half a megabyte
# What today's browsers play of each container (as FFmpeg calls it), and what some of them do beside.
PLAYED = {
    "mov": {"h264", "av1", "vp9", "aac", "mp3", "opus", "flac"},
    "matroska": {"vp8", "vp9", "av1", "opus", "vorbis"},
    "ogg": {"opus", "vorbis", "flac"},
    "mp3": {"mp3"},
    "flac": {"flac"},
    "wav": {"pcm_s16le"},
}
PLAYED_BY_SOME = {
    "mov": {"hevc", "alac", "ac3", "eac3"},
    "matroska": {"h264", "hevc", "aac", "mp3", "flac"},
}
PLAIN_PIXELS = {"yuv420p", "yuvj420p"}  # of H.264; with others only some browsers play it
CONTAINERS = {
    "mov": "MP4 or MOV",
    "matroska": "Matroska or WebM",
    "ogg": "Ogg",
    "avi": "AVI",
    "mpegts": "an MPEG transport stream",
    "mpeg": "an MPEG program stream",
    "flv": "Flash video",
    "asf": "Windows Media (ASF)",
}
ADVICE = "'ffmpeg -i INPUT -pix_fmt yuv420p OUTPUT.mp4' converts it"


class Media(NamedTuple):
    """A media file as a page links to it.

    Attributes
    ----------
    url : str or None
        Relative to the page, percent-encoded, with "/" on every system, and beginning with "./" or "../"; None where
        there is nothing to link to.
    note : str or None
        Why it does not play, or not everywhere.
    path : Path or None
        Of the file, where it is there.
    """

    url: str | None
    note: str | None = None
    path: Path | None = None


def link_media(
    names: Iterable[str], file: str | os.PathLike[str], media: Mapping[str, Any] | str | os.PathLike[str] | None
) -> dict[str, Media]:
    """Return the links of a page to the media files of videos.

    A link leads from the folder of the page to the file by their names: it holds as long as the page is opened by the
    path that it was written to, and as long as both are moved together. Where a folder on the way is a link of the file
    system, browsers do not follow it: a link that goes up ("../") holds by the names that were given, and not by those
    that the link leads to.

    Parameters
    ----------
    names : iterable of str
        The videos.
    file : path-like
        Of the page.
    media : mapping of str to path, path-like, or None
        The file of each video, or a folder in which they lie by their names; None for no media.

    Returns
    -------
    links : dict of str to Media
        By name, in the order of `names`; empty without media. What is missing, damaged or not played by browsers has a
        note.
    """
    if media is None:
        return {}
    names = list(dict.fromkeys(names))
    folder = Path(as_named(Path(file).parent))
    found = _given(names, media) if isinstance(media, Mapping) else _in_folder(names, Path(media))
    return {name: one if isinstance(one, Media) else _link(one, folder) for name, one in found.items()}


def draw_thumbnails(path: str | os.PathLike[str], seconds: Sequence[float], width: int = WIDTH) -> list[str | None]:
    """Draw the pictures of a video at some times, small.

    Parameters
    ----------
    path : path-like
    seconds : sequence of float
        From the begin of the file, not decreasing.
    width : int, default=160
        Pixels of the longer side.

    Returns
    -------
    thumbnails : list of str or None
        ``data:`` URLs of JPEGs; None where there is no picture, and for all but 120 times, spread evenly.

    Raises
    ------
    ExtractionError
        If no picture can be decoded.
    """
    chosen = spread(len(seconds), MOST_THUMBNAILS)
    thumbnails: list[str | None] = [None] * len(seconds)
    kept: dict[int, str] = {}  # times that share a picture share its text
    pictures = read_stills(os.fspath(path), [seconds[number] for number in chosen], width)
    for number, picture in zip(chosen, pictures, strict=True):
        if picture is not None:
            thumbnails[number] = kept[id(picture)] = kept.get(id(picture)) or _as_url(picture)
    return thumbnails


def spread(n: int, most: int) -> list[int]:
    """Return the numbers from 0 to n - 1, or if these are too many some of them, spread evenly."""
    if n <= most:
        return list(range(n))
    return [int(number) for number in (np.arange(most) + 0.5) * n / most]


# ------------------------------------------------------------------- files
def _given(names: list[str], media: Mapping[str, Any]) -> dict[str, Path | Media]:
    """Return the files of a mapping by the names of the videos."""
    found: dict[str, Path | Media] = {}
    for name in names:
        if name not in media:
            found[name] = Media(None, "No media file is given for this video.")
        else:
            path = Path(media[name])
            found[name] = path if os.path.isfile(path) else _missing(path)
    return found


def _in_folder(names: list[str], folder: Path) -> dict[str, Path | Media]:
    """Return the files of a folder by the names of the videos: by the whole name, or else by its last parts.

    A name without the suffix of a video may lack it. A file that could be that of several videos is none's.
    """
    found: dict[str, Path | Media] = {}
    owners: defaultdict[str, list[str]] = defaultdict(list)  # names by the file that they lead to
    guesses: defaultdict[str, list[str]] = defaultdict(list)  # and by that which their last parts lead to
    for name in names:
        for is_whole, path in _candidates(name, folder):
            if os.path.isfile(path):
                found[name] = path
                (owners if is_whole else guesses)[os.path.realpath(path)].append(name)
                break
        else:
            found[name] = _missing(folder / PurePath(name).name)
    for file, others in guesses.items():
        claims = [*owners[file], *others]
        if len(claims) > 1:
            said = (
                f"The media file is not told by its name: {file} may be that of {' or '.join(map(repr, claims[:3]))}."
            )
            found.update(dict.fromkeys(others, Media(None, said)))
    return found


def _candidates(name: str, folder: Path) -> Iterable[tuple[bool, Path]]:
    """Yield where the file of a video may lie in a folder, and whether by its whole name."""
    parts = [part for part in PurePath(name).parts if part != PurePath(name).anchor]
    while ".." in parts:  # nothing outside of the folder is looked for
        parts = parts[parts.index("..") + 1 :]
    suffixes = [""] if _has_suffix(name) else ["", *(f".{suffix}" for suffix in sorted(VIDEO_SUFFIXES))]
    for first in range(len(parts)):
        for suffix in suffixes:
            place = folder.joinpath(*parts[first:])
            yield first == 0 and not PurePath(name).anchor, place.with_name(place.name + suffix)


def _has_suffix(name: str) -> bool:
    return PurePath(name).suffix[1:].lower() in VIDEO_SUFFIXES


def _missing(path: Path) -> Media:
    if os.path.exists(path):
        return Media(None, f"The media file is none: {path} is a folder, or no regular file.")
    return Media(None, f"The media file is not there; looked for at {path}.")


# ------------------------------------------------------------------- links
def _link(path: Path, folder: Path) -> Media:
    """Return the link to a file that is there, from a folder, an absolute path."""
    url = relative_url(as_named(path), folder)
    if url is None:
        return Media(None, f"{path} lies on another drive than the page, to which no relative link leads.", path)
    return Media(url, playing_note(path), path)


def as_named(path: str | os.PathLike[str]) -> str:
    """Return the absolute path of a file, links of the file system in it kept where ".." is not behind one."""
    plain = os.path.abspath(path)
    try:
        return plain if os.path.samefile(plain, path) else os.path.realpath(path)
    except OSError:
        return os.path.realpath(path)


def relative_url(
    path: str | os.PathLike[str], folder: str | os.PathLike[str], system: ModuleType = os.path
) -> str | None:
    """Return the URL of a file relative to a folder, both absolute; None if they are on different drives.

    Parameters
    ----------
    path, folder : path-like
    system : module, default=os.path
        ``posixpath`` or ``ntpath``.
    """
    try:
        relative = system.relpath(path, folder)
    except ValueError:
        return None
    if system.sep != "/":
        relative = relative.replace(system.sep, "/")
    url = quote(os.fsencode(relative))
    return url if url.startswith("../") else f"./{url}"


# ----------------------------------------------------------------- playing
def playing_note(path: Path) -> str | None:
    """Say why browsers do not play a file, or some do not; None if they do, as far as its header tells."""
    try:
        return _note_of(file_stamp(os.fspath(path)))
    except ExtractionError as error:
        return f"The file {error.reason}"


@lru_cache(maxsize=10_000)
def _note_of(stamp: tuple[str, int, int]) -> str | None:
    """Return the note on one state of a file, which is read once."""
    with open_media(stamp[0]) as container:
        kind = container.format.name.partition(",")[0]
        where = CONTAINERS.get(kind, container.format.long_name)
        streams = [container.streams.best("video"), container.streams.best("audio")]
        notes = [_stream_note(stream, kind, where) for stream in streams if stream is not None]
        return next(filter(None, notes), None) if notes else "The file holds neither pictures nor sound."


def _stream_note(stream: Any, kind: str, where: str) -> str | None:
    """Say why browsers do not play a stream; None if they do."""
    what = "pictures" if stream.type == "video" else "sound"
    if stream.codec_context is None:
        return f"Its {what} are of an unknown codec." if what == "pictures" else "Its sound is of an unknown codec."
    codec = stream.codec_context.codec
    is_plain = codec.canonical_name != "h264" or stream.codec_context.pix_fmt in {None, *PLAIN_PIXELS}
    if codec.canonical_name in PLAYED.get(kind, ()) and is_plain:
        return None
    is_played = codec.canonical_name in PLAYED.get(kind, set()) | PLAYED_BY_SOME.get(kind, set())
    who = "some browsers do not play" if is_played else "browsers do not play"
    held = f"{codec.long_name}{'' if is_plain else f' of {stream.codec_context.pix_fmt} pixels'} in {where}"
    return f"Its {what} {'are' if what == 'pictures' else 'is'} {held}, which {who}; {ADVICE}."


# -------------------------------------------------------------- thumbnails
def _as_url(picture: NDArray[np.uint8]) -> str:
    """Return a picture as the ``data:`` URL of a JPEG."""
    data = io.BytesIO()
    import_pillow().fromarray(picture).save(data, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"
