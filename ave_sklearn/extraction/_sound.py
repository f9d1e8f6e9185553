"""The sound of a video, segment by segment."""

from collections import deque
from itertools import chain, islice
from statistics import mode

import numpy as np

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn.extraction._clock import clock_of
from ave_sklearn.extraction._decoding import decode
from ave_sklearn.extraction._media import Findings, check_length, note_damage
from ave_sklearn.extraction._opening import ExtractionError, import_av, open_media
from ave_sklearn.extraction._tracks import audio_stream, check_sound

MAX_DRIFT = 0.1  # seconds that sound may be from its time stamps before it is moved; stamps may be rounded to ms
JITTER = 0.005  # seconds by which the first stamp of a run of sound may differ from what the others say
N_STAMPS = 16  # pieces of sound whose stamps say where a run begins
LOUDEST = 1e3  # of full scale; what lies beyond would overflow when it is squared
SILENT = 1e-4  # of full scale, -80 dB
CANCELLED = 1e-3  # power of the average of the channels, as a share of their own, below which they cancel out
MOST_MISSING = 0.5  # seconds of a clip for which there is no sound without a word
MOST_CLIPPED = 0.01  # share of the samples that may lie beyond full scale without a word


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
    findings = Findings() if findings is None else findings
    stop, lost = start + grid.span(n_segments), []
    with open_media(path) as container:
        stream, clock = audio_stream(container, path), clock_of(path)
        track_end = clock.tracks[stream.index].end
        frames = decode(container, stream, clock, start, lost)
        first = list(islice(frames, N_STAMPS))
        if not first:
            note_damage(path, "sound", lost, start, stop, max_damage, findings)
            check_length(path, "the sound", 0.0, n_segments, start, grid, pad=pad)
        rate = mode(frame.sample_rate for *_, frame in first)  # what the header says may be half of it
        check_sound(rate, 0, path)
        begins = np.round(np.arange(n_segments) * grid.hop_seconds * rate).astype(int)
        window = round(grid.segment_seconds * rate)
        waveform, power = np.zeros((2, begins[-1] + window), np.float32)
        is_heard = np.zeros(waveform.shape, bool)
        pieces = _pieces(chain(first, frames), start, rate, lost, path, max_damage)
        end = start + _fill((waveform, power, is_heard), pieces, rate, (track_end - start) * rate) / rate
    length = max([end, *(until for _, until in lost)])
    check_length(path, "the sound", length, n_segments, start, grid, pad=pad)
    note_damage(path, "sound", lost, start, min(stop, length), max_damage, findings)
    findings.padding = max(0.0, stop - track_end)
    findings.warnings += _peculiarities(waveform, power)
    missing = np.count_nonzero(~is_heard[: round((min(stop, track_end) - start) * rate)]) / rate - findings.damage
    if missing > MOST_MISSING:
        findings.warnings.append(f"for {missing:.1f} s it has no sound")
    np.clip(waveform, -1, 1, out=waveform)
    return np.lib.stride_tricks.sliding_window_view(waveform, window)[begins], rate


def _pieces(frames, start, rate, lost, path, max_damage):
    """Yield pieces of sound.

    Yields
    ------
    time : float or None
        The time stamp, in seconds from `start`.
    samples, power : ndarray of float32
        All channels averaged, and the average of their squares.
    is_after_loss : bool
        Whether something that could not be decoded lies between this piece and the last.
    """
    layout, n_lost, other = None, 0, 0.0
    for time, until, frame in frames:
        if frame.sample_rate != rate:  # where parts are joined, a frame or two are read of what is none
            other += frame.samples / frame.sample_rate
            if other > max_damage:
                raise ExtractionError(f"its sound changes from {rate} to {frame.sample_rate} Hz.", path)
            lost.append((start, start) if time is None else (time, until))
            continue
        if (frame.format.name, frame.layout.name) != layout:  # broadcasts go from mono to stereo
            layout = frame.format.name, frame.layout.name
            n_channels = frame.layout.nb_channels
            check_sound(rate, n_channels, path)
            to_packed = import_av().AudioResampler(format="flt")  # PyAV reads eight planes of a planar frame at most
        for piece in to_packed.resample(frame):
            channels = piece.to_ndarray().reshape(-1, n_channels)
            is_finite = np.isfinite(channels).all(axis=1)
            if not is_finite.all():
                lost.append((time, time + len(channels) / rate) if time is not None else (start, start))
                channels = np.where(is_finite[:, None], channels, 0)
            channels = channels.clip(-LOUDEST, LOUDEST)
            power = np.square(channels).mean(axis=1)
            yield (None if time is None else time - start), channels.mean(axis=1), power, len(lost) > n_lost
            n_lost = len(lost)


def _fill(arrays, pieces, rate, track_end):
    """Write pieces of sound one after the other, at their time stamps where these differ; return the end.

    Nothing is heard where pieces are missing. Pieces before the clip are left out, and a lead-in whose negative time
    stamp has become a very large one.

    Parameters
    ----------
    arrays : tuple of ndarray of shape (n_samples,)
        For the samples, for their power and for whether there are any.
    pieces : iterator
        Of `_pieces`.
    rate : int
    track_end : float
        Samples until the last piece of the file ends.
    """
    pieces, ahead, position, end = iter(pieces), deque(), None, 0
    n_samples = len(arrays[0])
    while end < n_samples:
        piece = ahead.popleft() if ahead else next(pieces, None)
        if piece is None:
            break
        time, samples, squares, is_after_loss = piece
        if time is not None and (position is None or is_after_loss or abs(time * rate - position) > MAX_DRIFT * rate):
            ahead.extend(islice(pieces, N_STAMPS - len(ahead)))
            position = _anchor([piece, *ahead], rate)
        position = position or 0
        if n_samples <= position < track_end:
            return n_samples
        first, stop = np.clip([position, position + len(samples)], 0, n_samples)
        if stop > first:
            for array, values in zip(arrays, (samples, squares, np.ones(len(samples), bool)), strict=True):
                array[first:stop] = values[first - position : stop - position]
            end = stop
        position += len(samples)
    return end


def _anchor(pieces, rate):
    """Return the sample at which a run of pieces begins: where its first stamp says, unless most others differ.

    Some files without edit lists put a gap behind their first frame, and program streams stamp packs, not frames.
    """
    position = run = round(pieces[0][0] * rate)
    drifts = []
    for time, samples, _, is_after_loss in pieces:
        if time is not None:
            if drifts and (is_after_loss or abs(time * rate - run) > MAX_DRIFT * rate):
                break
            drifts.append(time * rate - run)
        run += len(samples)
    drift = np.median(drifts)
    return position + (round(drift) if abs(drift) > JITTER * rate else 0)


def _peculiarities(waveform, power):
    """Say what is unusual about a clip's sound."""
    notes = []
    if power.max() <= SILENT**2:
        notes.append("its sound is silent throughout")
    elif np.square(waveform).mean() < CANCELLED * power.mean():
        notes.append("its channels cancel each other out: their average is silent")
    clipped = (np.abs(waveform) > 1).mean()
    if clipped > MOST_CLIPPED:
        notes.append(f"{clipped:.0%} of its sound lies beyond full scale and is clipped")
    return notes
