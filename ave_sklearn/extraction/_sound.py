"""The sound of a video, second by second."""

from itertools import chain

import numpy as np

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn.extraction._media import (
    ExtractionError,
    audio_stream,
    begin_of,
    check_length,
    check_sound,
    decode,
    import_av,
    open_media,
)

MAX_DRIFT = 0.1  # seconds that sound may be from its time stamps before it is moved; stamps may be rounded to ms


def read_sound(path, n_segments, start=0.0, *, grid=WHOLE_SECONDS, findings=None, max_damage=0.5, pad=False):
    """Read the sound of each segment's window, all channels averaged.

    Parameters
    ----------
    path : str
    n_segments : int
    start : float, default=0.0
        Seconds from the begin of the file to that of the first segment.
    grid : Grid
    findings : Findings or None
        Where to note what is found; None is nowhere.
    max_damage : float
        Seconds of the clip that may be damaged.
    pad : bool
        Whether a clip that reaches behind the end of the video is filled up by silence.

    Returns
    -------
    windows : ndarray of float32, of shape (n_segments, round(segment_seconds * rate))
        Within [-1, 1]; silence where the file has none.
    rate : int
        Samples a second, those of the file.

    Raises
    ------
    ExtractionError
        If it cannot be decoded or the sound ends too early.
    """
    with open_media(path) as container:
        frames = decode(container, audio_stream(container, path), start)
        first = next(frames, None)
        if first is None:
            check_length(path, "the sound", 0.0, n_segments, start, grid)
        rate = first.sample_rate  # what the header says may be half of it
        check_sound(rate, first.layout.nb_channels, path)
        first_samples = np.round(np.arange(n_segments) * grid.hop_seconds * rate).astype(int)
        window = round(grid.segment_seconds * rate)
        waveform = np.zeros(first_samples[-1] + window, np.float32)
        end = _fill(waveform, _pieces(chain([first], frames), begin_of(container) + start, rate, path), rate)
        check_length(path, "the sound", start + end / rate, n_segments, start, grid)
    return np.lib.stride_tricks.sliding_window_view(waveform, window)[first_samples], rate


def _pieces(frames, begin, rate, path):
    """Yield the time stamp, in seconds from `begin`, and the samples, channels averaged, of each piece of sound."""
    layout = None
    for frame in frames:
        if frame.sample_rate != rate:
            raise ExtractionError(f"its sound changes from {rate} to {frame.sample_rate} Hz.", path)
        if (frame.format.name, frame.layout.name) != layout:  # broadcasts go from mono to stereo
            layout = frame.format.name, frame.layout.name
            check_sound(rate, frame.layout.nb_channels, path)
            to_float = import_av().AudioResampler(format="fltp")
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
