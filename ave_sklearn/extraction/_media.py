"""Video files: what they hold, how long they last, and their frames from a given time on."""

import os
from contextlib import contextmanager
from dataclasses import dataclass, field

from ave_sklearn._checks import printable
from ave_sklearn._targets.grid import WHOLE_SECONDS

LEAD = 1.0  # seconds before the start of a clip from which decoding begins, so that decoders are under way
TAIL = 10.0  # seconds at the end of a file that are searched for the ends of its streams
END_TOLERANCE = 0.5  # share of the last segment that may be missing

# What a header declares decides how much memory is taken; no camera or recorder comes near these.
MAX_SAMPLE_RATE = 768_000  # Hz
MAX_CHANNELS = 64
MAX_PIXELS = 100_000_000  # of one picture
MAX_DURATION = 30 * 24 * 3600.0  # seconds


class ExtractionError(ValueError):
    """A video cannot be used; the message names the file and the cause.

    Parameters
    ----------
    reason : str
        The cause; with no `path` the whole message.
    path : str or None, default=None
        The file.
    """

    def __init__(self, reason: str, path: str | None = None) -> None:
        super().__init__(reason, path)
        self.reason, self.path = reason, path

    def __str__(self) -> str:
        return self.reason if self.path is None else f"{printable(self.path)}: {self.reason}"


@dataclass(frozen=True)
class MediaInfo:
    """What is known of a video file before it is decoded.

    Attributes
    ----------
    duration : float
        Seconds until the pictures or the sound end, whichever is first.
    sample_rate : int
        Samples of sound a second.
    notes : tuple of str
        What is worth knowing, such as which of several tracks is used.
    """

    duration: float
    sample_rate: int
    notes: tuple[str, ...] = ()


@dataclass
class Findings:
    """What reading a clip found.

    Attributes
    ----------
    held : float
        Seconds of the clip for which the last picture is held, because the pictures end before the sound.
    padding : float
        Seconds that were added behind the end of the video.
    damage : float
        Seconds that could not be decoded and were skipped, of pictures or of sound, whichever is more.
    warnings : list of str
        What the user should know, without the name of the file.
    """

    held: float = 0.0
    padding: float = 0.0
    damage: float = 0.0
    warnings: list[str] = field(default_factory=list)


def import_av():
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
def open_media(path):
    """Open a media file; what goes wrong while it is open is an `ExtractionError` that names it.

    What a file declares is bounded, so that memory which Python does not get is the machine's fault: that MemoryError
    passes. FFmpeg raises its own where a file declares more than FFmpeg takes: that is the file's.

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
        with av.open(f"file:{path}", metadata_errors="replace") as container:  # "a:b.mp4" is no protocol
            yield container
    except (ExtractionError, ImportError):
        raise
    except Exception as error:  # a damaged header makes numbers that overflow, are missing or cannot be divided by
        if isinstance(error, MemoryError) and not isinstance(error, av.FFmpegError):
            raise
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ExtractionError(f"cannot be decoded: {reason}.", path) from error


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
    """Return the first stream of moving pictures, of bounded size; a cover image does not count."""
    cover = import_av().stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & cover:
            _check_decoder(stream, path)
            if stream.width * stream.height > MAX_PIXELS:
                raise ExtractionError(
                    f"declares pictures of {stream.width} x {stream.height}; wanted at most {MAX_PIXELS} pixels.", path
                )
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # pictures may change their size
            return stream
    raise ExtractionError("has no pictures; wanted a video with pictures and sound.", path)


def audio_stream(container, path):
    """Return the first stream of sound, of bounded rate."""
    if not container.streams.audio:
        raise ExtractionError("has no sound; wanted a video with pictures and sound.", path)
    stream = container.streams.audio[0]
    _check_decoder(stream, path)
    check_sound(stream.rate, stream.channels, path)
    return stream


def _check_decoder(stream, path):
    """Raise an ExtractionError if FFmpeg does not know how a stream is coded."""
    if stream.codec_context is None:
        raise ExtractionError(f"has {stream.type} of an unknown codec.", path)


def check_sound(rate, n_channels, path):
    """Raise an ExtractionError for sound of more samples a second, or more channels, than any recorder makes.

    A header may leave both open, as 0; decoded sound has them.
    """
    if not (0 <= rate <= MAX_SAMPLE_RATE and 0 <= n_channels <= MAX_CHANNELS):
        raise ExtractionError(
            f"declares sound of {rate} Hz and {n_channels} channels; wanted at most {MAX_SAMPLE_RATE} Hz and "
            f"{MAX_CHANNELS} channels.",
            path,
        )


def probe(path):
    """Read what a video file holds and how long it lasts, without decoding it.

    Parameters
    ----------
    path : str

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    ExtractionError
        If it is no video, has no pictures or no sound, or declares more of them than any camera makes.
    """
    with open_media(path) as container:
        streams = video_stream(container, path), audio_stream(container, path)
        duration = min(_ends(container, streams))
        if duration > MAX_DURATION:
            raise ExtractionError(f"declares {duration:.0f} s; wanted at most {MAX_DURATION:.0f} s.", path)
        return MediaInfo(duration, int(streams[1].rate))


def _ends(container, streams):
    """Return when streams end, in seconds from the begin of the file."""
    if container.format.name != "mpeg" and all(stream.duration is not None for stream in streams):
        begin = begin_of(container)
        return [float((s.duration + (s.start_time or 0)) * s.time_base) - begin for s in streams]
    last = (container.duration or 0) / 1e6  # of the longest stream; in MPEG program streams a guess
    ends = _search_ends(container, streams, last - TAIL)
    return ends if all(ends) else _search_ends(container, streams, 0)


def _search_ends(container, streams, start):
    """Read the packets from `start` seconds on, and return when the last of each stream ends; 0 if there is none."""
    begin = begin_of(container)
    ends = {stream.index: 0.0 for stream in streams}
    container.seek(max(0, int((begin + start) * 1e6)))
    for packet in container.demux(streams):
        if packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - begin
            ends[packet.stream.index] = max(end, ends[packet.stream.index])
    return list(ends.values())


def check_length(path, what, duration, n_segments, start=0.0, grid=WHOLE_SECONDS):
    """Raise an ExtractionError if half of the last of `n_segments` windows from `start` on is missing, or more."""
    if duration - start <= grid.span(n_segments) - END_TOLERANCE * grid.segment_seconds:
        after = f" from {start:g} s on" if start else ""
        hop = f", {grid.hop_seconds:g} s apart" if grid.hop_seconds != grid.segment_seconds else ""
        raise ExtractionError(
            f"{what} lasts {duration:.2f} s; wanted {n_segments} segments of {grid.segment_seconds:g} s{hop} "
            f"(n_segments={n_segments}){after}, of which the last may lack less than "
            f"{END_TOLERANCE * grid.segment_seconds:g} s.",
            path,
        )


def begin_of(container):
    """Return the time stamp, in seconds, at which the file begins; encoders' lead-in before 0 is not counted."""
    return max(0.0, (container.start_time or 0) / 1e6)


def decode(container, stream, start):
    """Yield the frames of a stream from `start` seconds on, or from somewhat earlier.

    Where a container cannot jump there and lands later, it is decoded from its begin.
    """
    target = begin_of(container) + start - LEAD
    if target > 0:
        container.seek(int(target * 1e6))
        frames = _frames(container, stream, is_amid=True)
        first = next(frames, None)
        if first is not None and _is_by(first, target + LEAD):
            yield first
            yield from frames
            return
        container.seek(0)
    yield from _frames(container, stream, is_amid=target > 0)


def _frames(container, stream, is_amid):
    """Yield frames; after a jump into the midst of a file its first packets may be fragments, which are left out."""
    invalid = import_av().error.InvalidDataError
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except invalid:
            if not is_amid:
                raise
            continue
        for frame in frames:
            is_amid = False
            yield frame


def _is_by(frame, time):
    """Tell whether a frame begins at `time` at the latest."""
    return frame.time is not None and frame.time <= time
