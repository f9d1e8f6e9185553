"""Tracks of a video file: which pictures and which sound are used, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ave_sklearn.extraction._opening import ExtractionError, import_av

if TYPE_CHECKING:
    from typing import Any

# What a header declares decides how much memory is taken; no camera or recorder comes near these.
MAX_SAMPLE_RATE = 768_000  # Hz
MAX_CHANNELS = 64
MAX_PIXELS = 100_000_000  # of one picture


def video_stream(container: Any, path: str) -> Any:
    """Return the stream of moving pictures that players show, of bounded size."""
    stream = _best(_moving(container), container.streams.best("video"), "pictures", path)
    if stream.width * stream.height > MAX_PIXELS:
        raise ExtractionError(
            f"declares pictures of {stream.width} x {stream.height}; wanted at most {MAX_PIXELS} pixels.", path
        )
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # pictures may change their size
    return stream


def audio_stream(container, path):
    """Return the stream of sound that players play beside the pictures, of bounded rate."""
    best = container.streams.best("audio", related=container.streams.best("video"))
    stream = _best(container.streams.audio, best, "sound", path)
    check_sound(stream.rate, stream.channels, path)
    return stream


def used_streams(container, path):
    """Return the streams of pictures and of sound, or the one that there is."""
    streams = [video_stream(container, path)] if _moving(container) else []
    if container.streams.audio or not streams:
        streams.append(audio_stream(container, path))
    return streams


def _moving(container: Any) -> list[Any]:
    """Return the streams of pictures; a cover image does not count."""
    cover = import_av().stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def _best(streams: Any, best: Any, what: str, path: str) -> Any:
    """Return FFmpeg's choice of some streams, which is the one marked as default, or the first that can be decoded."""
    if not streams:
        raise ExtractionError(f"has no {what}; wanted a video with pictures and sound.", path)
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise ExtractionError(f"has {what} of an unknown codec.", path)
    return best if best in known else known[0]


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


def track_notes(container, path):
    """Say which track is used where there are several."""
    chosen = (
        ("pictures", _moving(container), video_stream(container, path)),
        ("sound", container.streams.audio, audio_stream(container, path)),
    )
    default = import_av().stream.Disposition.default
    return tuple(
        f"of {len(streams)} tracks of {what} number {streams.index(stream) + 1}"
        f"{', marked as default,' if stream.disposition & default else ''} is used"
        for what, streams, stream in chosen
        if len(streams) > 1
    )
