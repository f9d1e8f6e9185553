"""Video files: what they hold, the pictures on screen at given times, and the sound second by second."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

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


def probe(path, n_segments):
    """Read the header of a video file, and refuse what can be refused without decoding it.

    Parameters
    ----------
    path : str
    n_segments : int
        Seconds wanted.

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    ExtractionError
        If it is no video, has no pictures or no sound, or is too short.
    """
    with open_media(path) as container:
        streams = video_stream(container, path), audio_stream(container, path)
        durations = [d for d in (_duration(stream, container) for stream in streams) if d is not None]
        info = MediaInfo(min(durations, default=None), int(streams[1].rate))
    if info.duration is not None:
        check_length(path, "it", info.duration, n_segments)
    return info


def _duration(stream, container):
    """Return the seconds that a stream lasts by its header, else those of the file, else None."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / 1e6


def check_length(path, what, duration, n_segments):
    """Raise an ExtractionError if half a second or more is missing of `n_segments` seconds."""
    if duration <= n_segments - END_TOLERANCE:
        raise ExtractionError(
            f"{what} lasts {duration:.2f} s; wanted {n_segments} segments of 1 s (n_segments={n_segments}), of which "
            f"the last may lack less than {END_TOLERANCE} s.",
            path,
        )


def _begin(container):
    """Return the time stamp, in seconds, at which the file begins; encoders' lead-in before 0 is not counted."""
    return max(0.0, (container.start_time or 0) / 1e6)


# ------------------------------------------------------------------ pictures
def read_pictures(path, n_segments, frames_per_segment, image_size):
    """Read the pictures that are on screen at evenly spaced times, ``t + i / frames_per_segment``.

    The picture at a time is the last one whose time stamp is not later, whatever the frame rate and whether it is
    constant.

    Parameters
    ----------
    path : str
    n_segments, frames_per_segment : int
    image_size : int
        Height and width in pixels that the pictures are scaled to.

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
    times = np.arange(n_segments * frames_per_segment) / frames_per_segment
    with open_media(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        begin = _begin(container)
        frames = ((frame.time - begin, frame) for frame in container.decode(stream) if frame.time is not None)
        pictures, shown, end = pictures_at(times, frames, lambda frame: _to_rgb(frame, image_size), _length(stream))
    check_length(path, "the picture", end, n_segments)
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
def read_sound(path, n_segments):
    """Read the sound of each second, all channels averaged.

    Parameters
    ----------
    path : str
    n_segments : int

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
        end = _fill(waveform, _sound_chunks(container, stream), rate)
    check_length(path, "the sound", end / rate, n_segments)
    return waveform.reshape(n_segments, rate), rate


def _sound_chunks(container, stream):
    """Yield the time stamp in seconds and the samples, channels averaged, of each piece of sound."""
    to_float = import_av().AudioResampler(format="fltp")
    begin = _begin(container)
    for frame in container.decode(stream):
        for piece in to_float.resample(frame):
            yield (None if piece.time is None else piece.time - begin), piece.to_ndarray().mean(axis=0)


def _fill(waveform, chunks, rate):
    """Write pieces of sound one after the other, at their time stamps where these differ; return the end."""
    position = None
    for time, samples in chunks:
        stamped = None if time is None else round(time * rate)
        if position is None:
            position = stamped or 0
        elif stamped is not None and abs(stamped - position) > MAX_DRIFT * rate:
            position = stamped
        start, stop = np.clip([position, position + len(samples)], 0, len(waveform))
        waveform[start:stop] = samples[start - position : stop - position]
        position += len(samples)
        if position >= len(waveform):
            break
    return position or 0
