"""Small videos with known pictures and sounds, written by PyAV, for tests of what reads videos."""

from fractions import Fraction

import av
import numpy as np

DARK, BRIGHT = 30, 230
SQUARE = 16  # pixels


def write_video(
    path,
    seconds=2.0,
    fps=5,
    size=(64, 48),
    video_codec="mpeg4",
    audio_codec="aac",
    rate=44100,
    layout="mono",
    tone=440.0,
    with_video=True,
    with_audio=True,
    picture=None,
    sound=None,
    audio_seconds=None,
    video_start=0.0,
    audio_start=0.0,
    pixel_format="yuv420p",
    gop_size=None,
    metadata=None,
):
    """Write a video file and return its path; the suffix (.mp4, .mkv, .avi, .mov, .wav, ...) is the container.

    Parameters
    ----------
    path : path-like
    seconds : float
        Length of the pictures, and of the sound if `audio_seconds` is None.
    fps : int or Fraction
    size : (width, height)
    video_codec, audio_codec : str
        Such as "mpeg4", "libx264" (see `has_encoder`), "mjpeg", "ffv1" (no loss, in .mkv with
        ``pixel_format="bgr0"``); "aac", "pcm_s16le" (no loss, not in .mp4), "flac".
    rate : int
        Samples per second.
    layout : "mono", "stereo", "5.1", ...
    tone : float
        Frequency of the default sound in Hz.
    with_video, with_audio : bool
        Whether the file has this stream; a stream of 0 seconds is there, but empty.
    picture : callable (t, size) -> uint8 array of shape (height, width, 3), or None
        The RGB picture at the time `t` in seconds; None is `moving_square`.
    sound : callable (times of shape (n,)) -> float array of shape (n,) or (n_channels, n) within [-1, 1], or None
        None is a sine of `tone` Hz and amplitude 0.5 in each channel.
    audio_seconds : float or None
        Length of the sound where it differs from that of the pictures.
    video_start, audio_start : float
        Time stamp of the first picture (rounded to a whole number of pictures) and of the first sample; `picture`
        and `sound` still begin at 0.
    gop_size : int or None
        Pictures from one key frame to the next.
    metadata : dict of str to str, or None
        Of the container, such as {"title": "..."}.
    """
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        streams = []  # all streams must be there before the first packet
        if with_video:
            streams.append(_add_video(container, video_codec, fps, size, pixel_format, gop_size))
        if with_audio:
            streams.append(container.add_stream(audio_codec, rate=rate, layout=layout))
        if with_video:
            _encode(container, streams[0], _pictures(picture or moving_square, seconds, fps, size, video_start))
        if with_audio:
            length = seconds if audio_seconds is None else audio_seconds
            _encode(container, streams[-1], _sounds(sound or sine(tone), length, rate, layout, audio_start))
    return path


def has_encoder(name):
    """Tell whether the FFmpeg at hand can write this codec."""
    try:
        return av.Codec(name, "w").is_encoder
    except ValueError:
        return False


def moving_square(t, size):
    """Draw a bright square on a dark background, which walks from left to right, 16 pixels a second."""
    width, height = size
    image = np.full((height, width, 3), DARK, dtype=np.uint8)
    left = round(t * SQUARE) % max(width - SQUARE, 1)
    top = (height - SQUARE) // 2
    image[top : top + SQUARE, left : left + SQUARE] = BRIGHT
    return image


def grey(levels):
    """Return a `picture` of one brightness in each second: ``levels[int(t)]``, from 0 to 255."""

    def picture(t, size):
        width, height = size
        return np.full((height, width, 3), levels[min(int(t + 1e-9), len(levels) - 1)], dtype=np.uint8)

    return picture


def sine(tone, amplitude=0.5):
    """Return a `sound`: a sine of this frequency in Hz."""
    return lambda times: amplitude * np.sin(2 * np.pi * tone * times)


def _add_video(container, codec, fps, size, pixel_format, gop_size):
    stream = container.add_stream(codec, rate=Fraction(fps))
    stream.width, stream.height = size
    stream.pix_fmt = pixel_format
    stream.codec_context.bit_rate = 1_000_000
    if gop_size is not None:
        stream.gop_size = gop_size
    return stream


def _pictures(picture, seconds, fps, size, start):
    for number in range(round(seconds * fps)):
        frame = av.VideoFrame.from_ndarray(picture(number / float(fps), size), format="rgb24")
        frame.pts, frame.time_base = number + round(start * fps), 1 / Fraction(fps)
        yield frame


def _sounds(sound, seconds, rate, layout, start, block=1024):
    n_samples = round(seconds * rate)
    n_channels = av.AudioLayout(layout).nb_channels
    samples = np.broadcast_to(sound(np.arange(n_samples) / rate), (n_channels, n_samples)).astype(np.float32)
    for first in range(0, n_samples, block):
        part = np.ascontiguousarray(samples[:, first : first + block])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, first + round(start * rate), Fraction(1, rate)
        yield frame


def _encode(container, stream, frames):
    for frame in frames:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
