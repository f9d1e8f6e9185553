"""Media files whose pictures and sound tell the time: what is read from them is compared with what was written.

Pictures carry their number as bright and dark blocks, which lossy coding and scaling to 64 pixels leave readable. Sound
is noise that is known for each second, and is found again by correlation.
"""

from fractions import Fraction
from functools import cache

import av
import numpy as np
from scipy.fft import irfft, rfft

FPS = 25
N_ROWS, N_COLUMNS = 5, 4  # blocks
N_CHECKS = 5  # bits, beside 15 of the number
DARK, BRIGHT = 45, 205
BAND = 300, 3400  # Hz, of the noise
LOUDNESS = 0.15  # its standard deviation


# ------------------------------------------------------------------- clocks
def number_blocks(number):
    """Return the brightness of each block of the picture `number`: its bits, and those of its rest by 31."""
    bits = number << N_CHECKS | number % 31
    return np.array([BRIGHT if bits >> i & 1 else DARK for i in range(N_ROWS * N_COLUMNS)], np.uint8)


def number_picture(number, size):
    """Draw a number as YUV 4:2:0, an array of shape (3 / 2 height, width)."""
    width, height = size
    rows, columns = np.arange(height) * N_ROWS // height, np.arange(width) * N_COLUMNS // width
    blocks = number_blocks(number).reshape(N_ROWS, N_COLUMNS)
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = blocks[rows[:, None], columns]
    return picture


def read_numbers(pictures):
    """Read the numbers of pictures (n, height, width, 3); -1 is a picture that is none, grey or torn."""
    n, height, width = pictures.shape[:3]
    blocks = np.empty((n, N_ROWS, N_COLUMNS))
    for row in range(N_ROWS):
        for column in range(N_COLUMNS):
            top, left = (row + 0.3) * height / N_ROWS, (column + 0.3) * width / N_COLUMNS
            bottom, right = (row + 0.7) * height / N_ROWS, (column + 0.7) * width / N_COLUMNS
            part = pictures[:, int(top) + 1 : int(bottom) + 1, int(left) + 1 : int(right) + 1]
            blocks[:, row, column] = part.mean((1, 2, 3))
    blocks = blocks.reshape(n, -1)
    clear = (np.abs(blocks - (DARK + BRIGHT) / 2) > 30).all(axis=1)
    bits = ((blocks > 125) << np.arange(N_ROWS * N_COLUMNS)).sum(axis=1)
    numbers = bits >> N_CHECKS
    return np.where(clear & (bits % (1 << N_CHECKS) == numbers % 31), numbers, -1)


def numbers_shown(pictures, share, frames_per_segment):
    """Return the number on screen at each time of a clip, of shape (n_segments, frames_per_segment)."""
    counts = np.round(share * frames_per_segment).astype(int)
    return np.stack([np.repeat(read_numbers(pictures), row) for row in counts])


@cache
def _noise_second(second, rate):
    rng = np.random.default_rng([11, second])
    spectrum = np.zeros(rate // 2 + 1, complex)
    angles = rng.uniform(0, 2 * np.pi, BAND[1] - BAND[0])
    n = min(BAND[1], len(spectrum) - 1) - BAND[0]
    spectrum[BAND[0] : BAND[0] + n] = np.exp(1j * angles[:n])
    noise = irfft(spectrum, rate)
    return (noise * LOUDNESS / noise.std()).astype(np.float32)


def clock_noise(first, n, rate):
    """Return `n` samples of the noise from the sample `first` on; before 0 it is silent, and it has no end."""
    seconds = range(first // rate, (first + n) // rate + 1)
    silence = np.zeros(rate, np.float32)
    noise = np.concatenate([_noise_second(second, rate) if second >= 0 else silence for second in seconds])
    return noise[first - seconds[0] * rate :][:n]


def place_of_sound(samples, rate, expected, reach=0.3):
    """Return how many seconds after `expected` in the noise a piece of sound was, and how alike both are, from 0 to 1.

    It is looked for within `reach` seconds around `expected`.
    """
    n, margin = len(samples), int(reach * rate)
    first = round(expected * rate) - margin
    truth = clock_noise(first, n + 2 * margin, rate)
    size = len(truth) + n
    products = irfft(rfft(truth, size) * np.conj(rfft(samples, size)), size)[: len(truth) - n + 1]
    energy = np.concatenate([[0.0], np.cumsum(np.square(truth, dtype=float))])
    least = 0.1 * n * LOUDNESS**2  # the silence before the noise is like nothing
    energy = np.sqrt(np.maximum(energy[n:] - energy[:-n], least) * np.square(samples, dtype=float).sum()) + 1e-9
    likeness = np.abs(products / energy)
    best = int(likeness.argmax())
    return (first + best) / rate - expected, float(likeness[best])


# ------------------------------------------------------------------- writing
def number_frames(seconds, fps, size, begin=0.0, stamp=0.0):
    """Yield the pictures from `begin` of the clock on, with time stamps from `stamp` on."""
    for k in range(round(seconds * fps)):
        picture = number_picture(k + round(begin * fps), size)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = k + round(stamp * fps), 1 / Fraction(fps)
        yield frame


def noise_frames(seconds, rate, layout="mono", begin=0.0, stamp=0.0, block=1024):
    """Yield the sound from `begin` of the clock on, with time stamps from `stamp` on; all channels are alike."""
    n_samples, n_channels = round(seconds * rate), av.AudioLayout(layout).nb_channels
    noise = clock_noise(round(begin * rate), n_samples, rate)
    yield from sound_frames(np.broadcast_to(noise, (n_channels, n_samples)), rate, layout, stamp, block)


def sound_frames(samples, rate, layout="mono", stamp=0.0, block=1024):
    """Yield samples (n_channels, n) in blocks, with time stamps from `stamp` on."""
    packed = np.ascontiguousarray(samples.T, np.float32)  # more than 8 channels have no planar frames in PyAV
    for first in range(0, len(packed), block):
        frame = av.AudioFrame.from_ndarray(packed[first : first + block].reshape(1, -1), format="flt", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, first + round(stamp * rate), Fraction(1, rate)
        yield frame


def encode_by_time(container, pairs):
    """Encode frames of several (stream, frames) so that the streams go on together, as a recorder writes them."""
    frames = [iter(frames) for _, frames in pairs]
    following = [next(each, None) for each in frames]
    while any(frame is not None for frame in following):
        at = min((i for i, f in enumerate(following) if f is not None), key=lambda i: following[i].time)
        container.mux(pairs[at][0].encode(following[at]))
        following[at] = next(frames[at], None)
    for stream, _ in pairs:
        container.mux(stream.encode(None))


def write_clock(
    path,
    seconds=4.0,
    *,
    fps=FPS,
    size=(128, 96),
    video="mpeg4",
    audio="aac",
    rate=16000,
    layout="mono",
    pixel_format="yuv420p",
    gop=None,
    video_options=None,
    audio_options=None,
    audio_bit_rate=None,
    container_format=None,
    options=None,
    begin=0.0,
    stamp=0.0,
    audio_seconds=None,
    audio_delay=0.0,
    video_delay=0.0,
):
    """Write a file whose pictures and sound tell the time, and return its path as text.

    Parameters
    ----------
    path : path-like
        The suffix is the container, unless `container_format` is one.
    seconds, audio_seconds : float
        Length of the pictures, and of the sound where it differs; 0 is no such stream.
    video, audio : str
        Codecs.
    gop : int or None
        Pictures from one key frame to the next.
    video_options, audio_options, options : dict of str to str, or None
        Of the encoders and of the container.
    begin : float
        What the clock tells at the begin of the file.
    stamp : float
        Time stamp of the begin of the file.
    audio_delay, video_delay : float
        Seconds of the file before sound or pictures begin; the clock goes on meanwhile.
    """
    audio_seconds = seconds if audio_seconds is None else audio_seconds
    with av.open(str(path), "w", format=container_format, options=options or {}) as container:
        pairs = []
        if seconds:
            stream = container.add_stream(video, rate=Fraction(fps), options=video_options or {})
            stream.width, stream.height = size
            stream.pix_fmt = pixel_format
            stream.codec_context.bit_rate = 1_000_000
            if gop is not None:
                stream.gop_size = gop
            delays = begin + video_delay, stamp + video_delay
            pairs.append((stream, number_frames(seconds - video_delay, fps, size, *delays)))
        if audio_seconds:
            stream = container.add_stream(audio, rate=rate, layout=layout, options=audio_options or {})
            if audio_bit_rate is not None:
                stream.codec_context.bit_rate = audio_bit_rate
            delays = begin + audio_delay, stamp + audio_delay
            pairs.append((stream, noise_frames(audio_seconds - audio_delay, rate, layout, *delays)))
        encode_by_time(container, pairs)
    return str(path)


# ------------------------------------------------------------------- reading
def picture_errors(numbers, times, fps=FPS):
    """Return how far the pictures shown are from those of the clock, in frames and in seconds, below 0 if too early.

    A picture is right from its begin until that of the next; the seconds are how far the time asked for is outside.

    Parameters
    ----------
    numbers, times : ndarray of shape (n,)
        The picture shown and what the clock should tell.
    """
    fps = float(fps)
    frames = numbers - np.floor(times * fps + 1e-6)
    late, early = numbers / fps - times, (numbers + 1) / fps - times
    seconds = np.where(late > 1e-6, late, np.where(early < 1e-6, np.minimum(early, 0), 0.0))
    return frames.astype(int), seconds


def sound_errors(windows, rate, starts, piece=0.25, reach=0.3, far=None):
    """Return how many seconds too far on the sound of each piece is, and how alike it is to the noise.

    What is not found within `reach` seconds is looked for within `far` seconds, if these are given.

    Parameters
    ----------
    windows : ndarray of shape (n_segments, n)
    starts : ndarray of shape (n_segments,)
        What the clock should tell at the begin of each.
    piece : float
        Seconds of each piece.
    """
    n = round(piece * rate)
    found = []
    for window, start in zip(windows, starts, strict=True):
        for first in range(0, len(window) - n + 1, n):
            piece, expected = window[first : first + n], start + first / rate
            place = place_of_sound(piece, rate, expected, reach)
            found.append(place_of_sound(piece, rate, expected, far) if far and place[1] < 0.5 else place)
    return np.array(found).T


def assert_tells(path, n_segments, start=0.0, clock=None, within=0.06, apart=0.03, fps=FPS, findings=None, **options):
    """Check a clip against the clock: pictures and sound tell the time, and the same one.

    Parameters
    ----------
    clock : float or None
        What the clock tells at the begin of the clip; None is `start`.
    within : float
        Seconds by which both may be off.
    apart : float
        Seconds by which they may be off each other.
    """
    from ave_sklearn.extraction._pictures import read_pictures
    from ave_sklearn.extraction._sound import read_sound

    if findings is not None:
        options["findings"] = findings
    clock = start if clock is None else clock
    numbers = numbers_shown(*read_pictures(path, n_segments, 16, 64, start, **options), 16).ravel()
    assert (numbers >= 0).all(), f"pictures {np.flatnonzero(numbers < 0)} of {numbers.size} are none that were written"
    times = clock + np.arange(n_segments * 16) / 16
    pictures = picture_errors(numbers, times, fps)[1]
    assert np.abs(pictures).max() <= within, f"pictures are off by {np.round(pictures[::4], 2)} s"
    windows, rate = read_sound(path, n_segments, start, **options)
    sound, alike = sound_errors(windows, rate, clock + np.arange(n_segments), far=n_segments + 2)
    assert (alike > 0.5).all(), f"quarters of seconds {np.flatnonzero(alike <= 0.5)} of the sound are not the clock's"
    assert np.abs(sound).max() <= within, f"sound is off by {np.round(sound, 3)} s"
    gaps = picture_errors(numbers, times + np.repeat(sound, 4), fps)[1]
    assert np.abs(gaps).max() <= apart, f"pictures and sound are apart by {np.round(gaps[::4], 3)} s"


def joined(path, *parts):
    """Write files one after the other into one, as ``cat`` does, and return its path as text."""
    with open(path, "wb") as target:
        for part in parts:
            with open(part, "rb") as source:
                target.write(source.read())
    return str(path)
