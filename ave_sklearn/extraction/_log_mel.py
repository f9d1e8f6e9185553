"""The log-mel front end of VGGish, in NumPy, and the resampling before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

SAMPLE_RATE = 16000  # Hz
WINDOW, HOP, N_FFT = 400, 160, 512  # samples
N_BANDS, LOWEST, HIGHEST = 64, 125.0, 7500.0  # mel bands, Hz
LOG_OFFSET = 0.01
N_FRAMES = 96  # frames of one example of VGGish


def mel(frequency):
    """Return the mel of a frequency in Hz, on HTK's scale: 1127 ln(1 + f / 700)."""
    return 1127.0 * np.log1p(np.asarray(frequency) / 700.0)


def mel_filterbank() -> NDArray[np.float64]:
    """Return the triangles that turn a magnitude spectrum into the mel bands of VGGish [1]_.

    Triangles are linear in mel, not in Hz, and each rises to 1: none is divided by its width. The bin at 0 Hz is in
    none of them.

    Returns
    -------
    weights : ndarray of shape (257, 64)
        Weight of each bin of a 512-point spectrum at 16 kHz in each band from 125 to 7500 Hz.

    References
    ----------
    .. [1] S. Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017.

    Examples
    --------
    >>> from ave_sklearn.extraction import mel_filterbank
    >>> weights = mel_filterbank()
    >>> weights.shape
    (257, 64)
    >>> tone = weights[32]  # the bin at 32 * 16000 / 512 = 1000 Hz, in two bands
    >>> tone.nonzero()[0].tolist(), round(float(tone.sum()), 6)
    ([19, 20], 1.0)
    """
    bins = mel(np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1))[:, None]
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), N_BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    weights[0] = 0
    return weights


def log_mel_spectrogram(waveform: ArrayLike) -> NDArray[np.float64]:
    """Return ln(mel bands of the magnitude spectrum + 0.01) of each 10 ms, as VGGish takes it [1]_.

    Parameters
    ----------
    waveform : array-like of shape (..., n_samples)
        Mono sound at 16 kHz, within [-1, 1].

    Returns
    -------
    spectrogram : ndarray of float64, of shape (..., n_frames, 64)
        ``n_frames = 1 + (n_samples - 400) // 160``: windows of 25 ms (periodic Hann), none reaching past the end.

    Raises
    ------
    ValueError
        If there are fewer than 400 samples, one window.

    References
    ----------
    .. [1] S. Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from ave_sklearn.extraction import log_mel_spectrogram
    >>> second = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    >>> log_mel_spectrogram(second).shape
    (98, 64)
    """
    waveform = np.asarray(waveform, np.float64)
    if waveform.ndim == 0 or waveform.shape[-1] < WINDOW:
        raise ValueError(f"waveform must have at least {WINDOW} samples, one window; got the shape {waveform.shape}.")
    frames = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW, axis=-1)[..., ::HOP, :]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    spectrum = np.abs(np.fft.rfft(frames * hann, N_FFT))
    return np.log(spectrum @ mel_filterbank() + LOG_OFFSET)


def resample(waveform, rate):
    """Resample mono sound to 16 kHz.

    Parameters
    ----------
    waveform : ndarray of shape (n_samples,)
    rate : int
        Its samples a second.

    Returns
    -------
    resampled : ndarray
        Of about n_samples * 16000 / rate samples.
    """
    import soxr

    return waveform if rate == SAMPLE_RATE else soxr.resample(waveform, rate, SAMPLE_RATE, quality="HQ")


def log_mel_examples(windows, rate, seconds=1.0):
    """Turn windows of sound into log-mel spectrograms, the examples that audio networks take.

    Each window is resampled for itself, so that none hears its neighbours.

    Parameters
    ----------
    windows : ndarray of shape (n_windows, n_samples)
        Mono sound.
    rate : int
        Samples a second.
    seconds : float, default=1.0
        Length of each window.

    Returns
    -------
    examples : ndarray of float32, of shape (n_windows, n_frames_of(seconds), 64)
    """
    n_samples, n_frames = round(seconds * SAMPLE_RATE), n_frames_of(seconds)
    examples = np.empty((len(windows), n_frames, N_BANDS), np.float32)
    for example, window in zip(examples, windows, strict=True):
        waveform = _cut_or_pad(resample(window, rate), n_samples)
        example[...] = log_mel_spectrogram(waveform)[:n_frames]
    return examples


def n_frames_of(seconds):
    """Return the frames of a window's spectrogram: those that lie in it as a whole, but 96 of the 98 of a second."""
    n_samples = round(seconds * SAMPLE_RATE)
    return N_FRAMES if n_samples == SAMPLE_RATE else 1 + (n_samples - WINDOW) // HOP


def _cut_or_pad(waveform, n_samples):
    """Cut or pad with silence to `n_samples`: a resampler may give one more or one fewer."""
    waveform = waveform[:n_samples]
    return np.pad(waveform, (0, n_samples - len(waveform)))


def vggish_examples(spectrograms):
    """Cut spectrograms into the examples of 96 frames that VGGish takes.

    As few as cover the spectrogram, evenly spaced from its first frame to its last; they overlap where it is no
    multiple of 96 frames long. A spectrogram that lacks frames, as one of 0.96 s lacks two, has its last one repeated.

    Parameters
    ----------
    spectrograms : ndarray of shape (n, n_frames, 64)

    Returns
    -------
    examples : list of ndarrays of shape (n, 96, 64)
        One for up to 96 frames, and so for a second.
    """
    lack = max(0, N_FRAMES - spectrograms.shape[1])
    spectrograms = np.pad(spectrograms, ((0, 0), (0, lack), (0, 0)), mode="edge")
    n_frames = spectrograms.shape[1]
    begins = np.linspace(0, n_frames - N_FRAMES, -(-n_frames // N_FRAMES)).round().astype(int)
    return [spectrograms[:, begin : begin + N_FRAMES] for begin in begins]
