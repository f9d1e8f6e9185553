"""Small pictures of a video at single times, as players show them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn.extraction._clock import clock_of
from ave_sklearn.extraction._decoding import decode
from ave_sklearn.extraction._opening import ExtractionError, open_media
from ave_sklearn.extraction._orientation import upright_within
from ave_sklearn.extraction._tracks import video_stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

APART = 4.0  # seconds between two times from which on it is faster to enter the file anew than to decode on


def read_stills(path: str, seconds: Sequence[float], size: int) -> list[NDArray[Any] | None]:
    """Read the pictures that are on screen at some times.

    As in an extraction, the picture at a time is the last one whose time stamp is not later, the first one before it,
    and the last one is held until the sound ends.

    Parameters
    ----------
    path : str
    seconds : sequence of float
        From the begin of the file, not decreasing.
    size : int
        Pixels of the longer side of a picture; see `upright_within`.

    Returns
    -------
    pictures : list of ndarray of uint8, of shape (height, width, 3), or None
        None for a time behind the end of the video, or at which it cannot be decoded. Times that share a picture share
        the array.

    Raises
    ------
    ExtractionError
        If none of the pictures of a video that has some can be decoded, or it is no video.
    """
    clock, found, errors = clock_of(path), [], []
    end = max(clock.duration, *(track.end for track in clock.tracks.values()))
    for run in _runs([time for time in seconds if time < end]):
        try:
            found += _read_run(path, run, size)
        except ExtractionError as error:
            found += [None] * len(run)
            errors.append(error)
    if errors and all(picture is None for picture in found):
        raise errors[0]
    return found + [None] * (len(seconds) - len(found))


def _runs(seconds: list[float]) -> Iterator[list[float]]:
    """Yield the times in runs; those of a run lie so close that the file is decoded on from one to the next."""
    if not seconds:
        return
    borders = [number for number, (time, after) in enumerate(pairwise(seconds), 1) if after - time > APART]
    for begin, stop in pairwise([0, *borders, len(seconds)]):
        yield seconds[begin:stop]


def _read_run(path: str, seconds: list[float], size: int) -> list[NDArray[Any] | None]:
    """Read the pictures at the times of a run; none is read that is not needed."""
    found: list[NDArray[Any] | None] = []
    with open_media(path) as container:
        stream, clock = video_stream(container, path), clock_of(path)
        stream.thread_type = "AUTO"
        aspect = float(stream.sample_aspect_ratio or 1)
        current: Any = None
        for stamp, _, frame in decode(container, stream, clock, seconds[0], []):
            if stamp is None:
                continue
            n_before = sum(time < stamp - TIME_TOLERANCE for time in seconds)
            if current is not None and n_before > len(found):
                found += [upright_within(current, size, aspect)] * (n_before - len(found))
            if len(found) == len(seconds):
                return found
            current = frame
        if current is None:
            raise ExtractionError("cannot be decoded: no picture comes out.", path)
        return found + [upright_within(current, size, aspect)] * (len(seconds) - len(found))
