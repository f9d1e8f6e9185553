"""Videos that are file objects: copied to temporary files, which messages call by the names of the objects."""

import io
import os
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from ave_sklearn._checks import printable
from ave_sklearn._user_warnings import rename, renaming
from ave_sklearn.extraction._opening import ExtractionError

PIECE = 1 << 20  # bytes that are read at once
PATH = str | os.PathLike


@contextmanager
def as_paths(videos):
    """Yield paths of videos, some of which may be file objects; copies of those are removed in the end.

    Parameters
    ----------
    videos : iterable of paths and binary file objects

    Yields
    ------
    paths : list of str
    names : dict of str to str
        What a copy, by its path, is called.

    Raises
    ------
    ValueError
        If `videos` is no such list, a file object gives no bytes, or two have one name.
    OSError
        If a file object cannot be read, or there is no room for its copy; it names the object.
    """
    videos = _check(videos)
    names = [os.fspath(video) if isinstance(video, PATH) else _name(video, i) for i, video in enumerate(videos)]
    _refuse_twice(names)
    with TemporaryDirectory(prefix="ave_sklearn-") as folder:
        paths, called = [], {}
        for number, (video, name) in enumerate(zip(videos, names, strict=True)):
            paths.append(name if isinstance(video, PATH) else os.path.join(folder, f"{number}.video{_suffix(name)}"))
            if not isinstance(video, PATH):
                called[paths[-1]] = name
                _copy(video, paths[-1], name)
        yield paths, called


def _check(videos):
    """Return videos as a list of paths and of what can be read."""
    wanted = "videos must be a list of paths, str or pathlib.Path, and of binary file objects"
    if isinstance(videos, PATH | bytes) or hasattr(videos, "read"):
        raise ValueError(f"{wanted}; got one {type(videos).__name__}: pass [video].")
    if hasattr(videos, "columns"):
        raise ValueError(f"{wanted}; got a {type(videos).__name__}: pass one of its columns, {list(videos.columns)}.")
    videos = list(videos)
    wrong = [video for video in videos if not isinstance(video, PATH) and not callable(getattr(video, "read", None))]
    wrong += [video for video in videos if isinstance(video, io.TextIOBase)]  # open(file) without "rb"
    if wrong or not videos:
        raise ValueError(f"{wanted}; got {f'{wrong[0]!r:.60}' if wrong else 'an empty list'}.")
    return videos


def _name(video, number):
    """Return what a file object is called."""
    name = getattr(video, "name", None)
    return (os.path.basename(name) if isinstance(name, str) else "") or f"video {number}"


def _refuse_twice(names):
    """Refuse two videos of one name, whose events could not be told apart."""
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(f"videos must have different names; two are called {twice!r}.")


def _suffix(name):
    """Return the suffix of a name, by which FFmpeg knows some formats, if it is a plain one."""
    suffix = os.path.splitext(name)[1]
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 8 else ""


def _copy(video, path, name):
    """Copy what a file object has left."""
    try:
        with open(path, "wb") as target:
            for piece in iter(lambda: video.read(PIECE), b""):
                if not isinstance(piece, bytes | bytearray | memoryview):
                    raise ValueError(
                        f"{printable(name)}: the file object must give bytes when it is read, until its end; got "
                        f"{type(piece).__name__}."
                    )
                target.write(piece)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror or error}, while copied to a temporary file", name) from error


@contextmanager
def in_their_names(names):
    """Let warnings and errors about videos call copies by the names of their file objects.

    Parameters
    ----------
    names : dict of str to str
        Of `as_paths`.
    """
    shown = {path: printable(name) for path, name in names.items()}
    shown |= {printable(path): name for path, name in shown.items()}
    try:
        with renaming(shown):
            yield
    except ExtractionError as error:
        raise ExtractionError(rename(str(error), shown)) from error
