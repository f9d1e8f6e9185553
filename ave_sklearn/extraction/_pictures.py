"""The pictures of a video that are on screen at given times."""

import numpy as np

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn.extraction._clock import clock_of
from ave_sklearn.extraction._decoding import decode
from ave_sklearn.extraction._media import Findings, check_length, note_damage
from ave_sklearn.extraction._opening import ExtractionError, open_media
from ave_sklearn.extraction._orientation import upright
from ave_sklearn.extraction._tracks import video_stream

MOST_HELD = 2.0  # seconds for which the last picture is held without a word
MOST_DELAY = 0.5  # seconds by which the stamps of frames may be off those of their packets


def read_pictures(
    path,
    n_segments,
    frames_per_segment,
    image_size,
    start=0.0,
    *,
    grid=WHOLE_SECONDS,
    findings=None,
    max_damage=0.5,
    pad=False,
):
    """Read the pictures that are on screen at evenly spaced times of each segment's window.

    Those of segment t are ``start + t * hop_seconds + i * segment_seconds / frames_per_segment``.

    The picture at a time is the last one whose time stamp is not later, whatever the frame rate and whether it is
    constant.

    Parameters
    ----------
    path : str
    n_segments, frames_per_segment : int
    image_size : int
        Height and width in pixels that the pictures are scaled to.
    start : float, default=0.0
        Seconds from the begin of the file to that of the first segment.
    grid : Grid
    findings : Findings or None
        Where to note what is found; None is nowhere.
    max_damage : float
        Seconds of the clip that may be damaged.
    pad : bool
        Whether a clip that reaches behind the end of the video is filled up by its last picture.

    Returns
    -------
    pictures : ndarray of uint8, of shape (n_pictures, image_size, image_size, 3)
        RGB; each picture once.
    share : ndarray of float32, of shape (n_segments, n_pictures)
        How much of each segment's frames is each picture; rows sum to 1.

    Raises
    ------
    ExtractionError
        If it cannot be decoded or the pictures end too early.
    """
    findings = Findings() if findings is None else findings
    times, order = picture_times(n_segments, frames_per_segment, start, grid)
    stop, lost = start + grid.span(n_segments), []
    with open_media(path) as container:
        stream, clock = video_stream(container, path), clock_of(path)
        track_end = clock.tracks[stream.index].end
        what = "the sound" if container.streams.audio else "the picture"
        check_length(path, what, clock.duration, n_segments, start, grid, pad=pad)
        stream.thread_type = "AUTO"
        frames = _timed(decode(container, stream, clock, start, lost))
        pictures, shown, end = pictures_at(times, frames, lambda frame: upright(frame, image_size))
    if not pictures:
        raise ExtractionError("cannot be decoded: no picture comes out.", path)
    if end < track_end - MOST_DELAY:  # frames that are in the file do not come out of the decoder
        lost.append((end, track_end))
    note_damage(path, "pictures", lost, start, min(stop, clock.duration), max_damage, findings)
    findings.held = max(0.0, min(stop, clock.duration) - max(start, track_end))
    if findings.held > MOST_HELD:
        findings.warnings.append(f"the last picture is held for {findings.held:.1f} s, until the sound ends")
    share = np.zeros((n_segments, len(pictures)), np.float32)
    np.add.at(share, (order // frames_per_segment, shown), 1 / frames_per_segment)
    return np.stack(pictures), share


def picture_times(n_segments, frames_per_segment, start, grid):
    """Return the times of all pictures of a clip.

    Returns
    -------
    times : ndarray of shape (n_segments * frames_per_segment,)
        Seconds, not decreasing; windows that overlap take turns.
    order : ndarray of int, of the same shape
        The number of each among the pictures of the first segment, the second, ...
    """
    offsets = np.arange(frames_per_segment) * grid.segment_seconds / frames_per_segment
    times = (start + np.arange(n_segments)[:, None] * grid.hop_seconds + offsets).ravel()
    order = np.argsort(times, kind="stable")
    return times[order], order


def _timed(frames):
    """Leave out frames without a time."""
    return (item for item in frames if item[0] is not None)


def pictures_at(times, frames, convert):
    """Choose the frame on screen at each time.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Seconds, increasing.
    frames : iterable of (float, float, frame)
        Seconds from which and until which a frame is shown, increasing. A gap before the next is filled by the frame.
        No more are read than are needed.
    convert : callable
        Applied to each chosen frame once.

    Returns
    -------
    chosen : list
        The converted frames.
    shown : list of int, of length n
        Which of `chosen` is on screen at each time; before the first frame it is the first.
    end : float
        When the last frame ends; infinity if frames were left over.
    """
    chosen, shown, current, end = [], [], None, 0.0
    for stamp, until, frame in frames:
        n_before = np.searchsorted(times, stamp - TIME_TOLERANCE)  # times before this frame
        if current is not None and n_before > len(shown):
            chosen.append(convert(current))
            shown += [len(chosen) - 1] * (n_before - len(shown))
        if len(shown) == len(times):
            return chosen, shown, np.inf
        current, end = frame, until
    if current is not None:
        chosen.append(convert(current))
    return chosen, shown + [len(chosen) - 1] * (len(times) - len(shown)), end
