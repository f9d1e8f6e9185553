"""Opening of video files, and what is said of those that cannot be used."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ave_sklearn._checks import printable
from ave_sklearn._files import FileState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class ExtractionError(ValueError):
    """A video cannot be used; the message names the file and the cause.

    Parameters
    ----------
    reason : str
        The cause; with no `path` the whole message.
    path : str or None, default=None
        The file.

    Examples
    --------
    >>> from ave_sklearn.extraction import ExtractionError
    >>> try:
    ...     raise ExtractionError("it holds no sound", path="lesson.mp4")
    ... except ExtractionError as error:
    ...     print(error)
    lesson.mp4: it holds no sound
    >>> issubclass(ExtractionError, ValueError)
    True
    """

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason, path)
        self.reason, self.path = reason, path

    def __str__(self) -> str:
        return self.reason if self.path is None else f"{printable(self.path)}: {self.reason}"


def import_av() -> Any:
    """Import PyAV, or say which extra it comes with; soxr, which is needed later, must be there too."""
    try:
        import av
        import soxr  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'Reading videos needs PyAV and soxr, which come with: pip install "ave_sklearn[video]"'
        ) from error
    return av


@contextmanager
def blaming(path):
    """Turn what goes wrong while a video is read into an `ExtractionError` that names it.

    What a file declares is bounded, so that memory which Python does not get is the machine's fault: that MemoryError
    passes. FFmpeg raises its own where a file declares more than FFmpeg takes: that is the file's.
    """
    try:
        yield
    except (ExtractionError, ImportError):
        raise
    except Exception as error:  # a damaged header makes numbers that overflow, are missing or cannot be divided by
        if isinstance(error, MemoryError) and not isinstance(error, import_av().FFmpegError):
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ExtractionError(f"cannot be decoded: {reason}.", path) from error


@contextmanager
def open_media(path: str) -> Iterator[Any]:
    """Open a media file; what goes wrong while it is open is its fault, see `blaming`.

    Parameters
    ----------
    path : str

    Yields
    ------
    container : av.container.InputContainer
    """
    av = import_av()
    file_state(path)
    with blaming(path):
        # "a:b.mp4" is no protocol; FFmpeg's own guess at wraps moves recordings that begin anew by a day
        with av.open(f"file:{path}", metadata_errors="replace", options={"correct_ts_overflow": "0"}) as container:
            yield container


def file_state(path: str) -> Any:
    """Return the state of a file with something in it, a FileState; anything else is an `ExtractionError`."""
    try:
        state, is_file = FileState.of(path), os.path.isfile(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ExtractionError("there is no such file.", path) from error
    except (OSError, ValueError) as error:  # a folder that may not be entered, a disk that fails, a name with a NUL
        raise ExtractionError(f"cannot be read: {getattr(error, 'strerror', None) or error}.", path) from error
    if not is_file:
        raise ExtractionError("is not a file; wanted a video.", path)
    if state.size == 0:
        raise ExtractionError("is empty (0 bytes).", path)
    return state


def file_stamp(path: str) -> tuple[str, int, int]:
    """Return what changes when a file does: its absolute path, size and time of change.

    Raises
    ------
    ExtractionError
        If it is not there.
    """
    state = file_state(path)
    return os.path.abspath(path), state.size, state.modified
