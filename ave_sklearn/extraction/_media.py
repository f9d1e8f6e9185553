"""Video files: what they hold, the pictures on screen at given times, and the sound second by second."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

LEAD = 1.0  # seconds before the start of a clip from which decoding begins, so that decoders are under way
MAX_DRIFT = 0.1  # seconds that sound may be from its time stamps before it is moved; stamps may be rounded to ms
END_TOLERANCE = 0.5  # seconds that may be missing of the last segment


class ExtractionError(ValueError):
    """A video cannot be used; the message names the file and the cause.

    Parameters
    ----------
    reason : str
        The cause; with no `path` the whole message.
    path : str or None, default=None
        The file.
    """

    def __init__(self, reason, path=None):
        super().__init__(reason, path)
        self.reason, self.path = reason, path

    def __str__(self):
        return self.reason if self.path is None else f"{self.path}: {self.reason}"


@dataclass(frozen=True)
class MediaInfo:
    """What the header of a video file says.

    Attributes
    ----------
    duration : float or None
        Seconds in which there are both pictures and sound; None if the header does not say.
    sample_rate : int
        Samples of sound a second.
    """

    duration: float | None
    sample_rate: int


def import_av():
    """Import PyAV, or say which extra it comes with."""
    try:
        import av
    except ImportError as error:
        raise ImportError(
            'Reading videos needs PyAV and soxr, which come with: pip install "ave_sklearn[video]"'
        ) from error
    return av


@contextmanager
def open_media(path):
    """Open a media file; what goes wrong while it is open is an `ExtractionError` that names it.

    Parameters
    ----------
    path : str

    Yields
    ------
    container : av.container.InputContainer
    """
    av = import_av()
    _check_is_file(path)
    try:
        with av.open(path) as container:
            yield container
    except (av.FFmpegError, OSError) as error:
        raise ExtractionError(f"cannot be decoded: {error.strerror or error}.", path) from error


def _check_is_file(path):
    """Raise an ExtractionError unless `path` is a file with something in it."""
    if not os.path.exists(path):
        raise ExtractionError("there is no such file.", path)
    if not os.path.isfile(path):
        raise ExtractionError("is not a file; wanted a video.", path)
    if os.path.getsize(path) == 0:
        raise ExtractionError("is empty (0 bytes).", path)


def file_stamp(path):
    """Return what changes when a file does: its absolute path, size and time of change.

    Raises
    ------
    ExtractionError
        If it is not there.
    """
    _check_is_file(path)
    stat = os.stat(path)
    return os.path.abspath(path), stat.st_size, stat.st_mtime_ns


def video_stream(container, path):
    """Return the first stream of moving pictures; a cover image does not count."""
    cover = import_av().stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & cover:
            return stream
    raise ExtractionError("has no pictures; wanted a video with pictures and sound.", path)


def audio_stream(container, path):
    """Return the first stream of sound."""
    if not container.streams.audio:
        raise ExtractionError("has no sound; wanted a video with pictures and sound.", path)
    return container.streams.audio[0]


def probe(path):
    """Read the header of a video file.

    Parameters
    ----------
    path : str

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    ExtractionError
        If it is no video, or has no pictures or no sound.
    """
    with open_media(path) as container:
        streams = video_stream(container, path), audio_stream(container, path)
        ends = [end for end in (_end(stream, container) for stream in streams) if end is not None]
        return MediaInfo(min(ends, default=None), int(streams[1].rate))


def _end(stream, container):
    """Return when a stream ends by its header, else when the file does, in seconds from its begin; else None."""
    if stream.duration is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base) - _begin(container)
    return None if container.duration is None else container.duration / 1e6


def check_length(path, what, duration, n_segments, start=0.0):
    """Raise an ExtractionError if half a second or more is missing of `n_segments` seconds from `start` on."""
    if duration - start <= n_segments - END_TOLERANCE:
        after = f" from {start:g} s on" if start else ""
        raise ExtractionError(
            f"{what} lasts {duration:.2f} s; wanted {n_segments} segments of 1 s (n_segments={n_segments}){after}, of "
            f"which the last may lack less than {END_TOLERANCE} s.",
            path,
        )


def _begin(container):
    """Return the time stamp, in seconds, at which the file begins; encoders' lead-in before 0 is not counted."""
    return max(0.0, (container.start_time or 0) / 1e6)


def _decode(container, stream, start):
    """Yield the frames of a stream from `start` seconds on, or from somewhat earlier.

    Where a container cannot jump there and lands later, it is decoded from its begin.
    """
    target = _begin(container) + start - LEAD
    if target > 0:
        container.seek(int(target * 1e6))
        first = next(container.decode(stream), None)
        container.seek(int(target * 1e6) if first is not None and _is_by(first, target + LEAD) else 0)
    yield from container.decode(stream)


def _is_by(frame, time):
    """Tell whether a frame begins at `time` at the latest."""
    return frame.time is not None and frame.time <= time


# ------------------------------------------------------------------ pictures
def read_pictures(path, n_segments, frames_per_segment, image_size, start=0.0):
    """Read the pictures that are on screen at evenly spaced times, ``start + t + i / frames_per_segment``.

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
    times = start + np.arange(n_segments * frames_per_segment) / frames_per_segment
    with open_media(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        begin = _begin(container)
        decoded = _decode(container, stream, start)
        frames = ((frame.time - begin, frame) for frame in decoded if frame.time is not None)
        pictures, shown, end = pictures_at(times, frames, lambda frame: _to_rgb(frame, image_size), _length(stream))
    check_length(path, "the picture", end, n_segments, start)
    share = np.zeros((n_segments, len(pictures)), np.float32)
    np.add.at(share, (np.arange(len(times)) // frames_per_segment, shown), 1 / frames_per_segment)
    return np.stack(pictures), share


def pictures_at(times, frames, convert, last_length=0.0):
    """Choose the frame on screen at each time.

    Parameters
    ----------
    times : ndarray of shape (n,)
        Seconds, increasing.
    frames : iterable of (float, frame)
        Time stamps in seconds, increasing, and what is shown from then on. No more are read than are needed.
    convert : callable
        Applied to each chosen frame once.
    last_length : float, default=0.0
        Seconds that the last frame stays.

    Returns
    -------
    chosen : list
        The converted frames.
    shown : list of int, of length n
        Which of `chosen` is on screen at each time; before the first frame it is the first.
    end : float
        When the frames end, or the last time if they reach it.
    """
    chosen, shown, current, stamp = [], [], None, -last_length
    for stamp, frame in frames:
        until = np.searchsorted(times, stamp)  # these times come before this frame
        if current is not None and until > len(shown):
            chosen.append(convert(current))
            shown += [len(chosen) - 1] * (until - len(shown))
        if len(shown) == len(times):
            return chosen, shown, np.inf
        current = frame
    if current is not None:
        chosen.append(convert(current))
    return chosen, shown + [len(chosen) - 1] * (len(times) - len(shown)), stamp + last_length


def _length(stream):
    """Return the seconds that a frame usually lasts."""
    return float(1 / stream.average_rate) if stream.average_rate else 0.0


def _to_rgb(frame, image_size):
    """Scale a frame, and turn it as its file says that it is to be shown (telephones film sideways)."""
    rgb = frame.reformat(width=image_size, height=image_size, format="rgb24", interpolation="BILINEAR").to_ndarray()
    return np.rot90(rgb, round(frame.rotation / 90))


# --------------------------------------------------------------------- sound
def read_sound(path, n_segments, start=0.0):
    """Read the sound of each second, all channels averaged.

    Parameters
    ----------
    path : str
    n_segments : int
    start : float, default=0.0
        Seconds from the begin of the file to that of the first segment.

    Returns
    -------
    seconds : ndarray of float32, of shape (n_segments, rate)
        Within [-1, 1]; silence where the file has none.
    rate : int
        Samples a second, those of the file.

    Raises
    ------
    ExtractionError
        If it cannot be decoded or the sound ends too early.
    """
    with open_media(path) as container:
        stream = audio_stream(container, path)
        rate = int(stream.rate)
        waveform = np.zeros(n_segments * rate, np.float32)
        end = _fill(waveform, _sound_chunks(container, stream, start), rate)
    check_length(path, "the sound", start + end / rate, n_segments, start)
    return waveform.reshape(n_segments, rate), rate


def _sound_chunks(container, stream, start):
    """Yield the time stamp, in seconds from `start`, and the samples, channels averaged, of each piece of sound."""
    to_float = import_av().AudioResampler(format="fltp")
    begin = _begin(container) + start
    for frame in _decode(container, stream, start):
        for piece in to_float.resample(frame):
            yield (None if piece.time is None else piece.time - begin), piece.to_ndarray().mean(axis=0)


def _fill(waveform, chunks, rate):
    """Write pieces of sound one after the other, at their time stamps where these differ; return the end.

    Pieces outside of the waveform are left out: those before it, and a lead-in whose negative time stamp has become a
    very large one.
    """
    position, end = None, 0
    for time, samples in chunks:
        stamped = position if time is None else round(time * rate)
        if position is None or abs(stamped - position) > MAX_DRIFT * rate:
            position = stamped or 0
        first, stop = np.clip([position, position + len(samples)], 0, len(waveform))
        waveform[first:stop] = samples[first - position : stop - position]
        position += len(samples)
        end = stop if stop > first else end
        if end == len(waveform):
            break
    return end
