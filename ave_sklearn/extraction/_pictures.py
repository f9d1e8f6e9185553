"""The pictures of a video that are on screen at given times."""

import numpy as np

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn.extraction._media import begin_of, check_length, decode, open_media, video_stream


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
    times, order = picture_times(n_segments, frames_per_segment, start, grid)
    with open_media(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        frames = _timed(decode(container, stream, start), begin_of(container), stream)
        pictures, shown, end = pictures_at(times, frames, lambda frame: _to_rgb(frame, image_size))
    check_length(path, "the picture", end, n_segments, start, grid)
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


def _timed(frames, begin, stream):
    """Yield when each frame is shown, from and until, in seconds, and the frame."""
    usual = float(1 / stream.average_rate) if stream.average_rate else 0.0
    for frame in frames:
        if frame.time is not None:
            length = float(frame.duration * frame.time_base) if frame.duration else usual
            yield frame.time - begin, frame.time - begin + length, frame


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
        n_before = np.searchsorted(times, stamp)  # times before this frame
        if current is not None and n_before > len(shown):
            chosen.append(convert(current))
            shown += [len(chosen) - 1] * (n_before - len(shown))
        if len(shown) == len(times):
            return chosen, shown, np.inf
        current, end = frame, until
    if current is not None:
        chosen.append(convert(current))
    return chosen, shown + [len(chosen) - 1] * (len(times) - len(shown)), end


def _to_rgb(frame, image_size):
    """Scale a frame, and turn it as its file says that it is to be shown (telephones film sideways)."""
    rgb = frame.reformat(width=image_size, height=image_size, format="rgb24", interpolation="BILINEAR").to_ndarray()
    return np.rot90(rgb, round(frame.rotation / 90))
