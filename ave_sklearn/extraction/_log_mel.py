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
N_FRAMES = 96  # frames of one example, 0.96 s apart from first to last


def mel(frequency):
    """Return the mel of a frequency in Hz, on HTK's scale: 1127 ln(1 + f / 700)."""
    return 1127.0 * np.log1p(np.asarray(frequency) / 700.0)


def mel_filterbank() -> NDArray[np.float64]:
    """Return the triangles that turn a magnitude spectrum into mel bands.

    Triangles are linear in mel, not in Hz, and each rises to 1: none is divided by its width. The bin at 0 Hz is in
    none of them.

    Returns
    -------
    weights : ndarray of shape (257, 64)
        Weight of each bin of a 512-point spectrum at 16 kHz in each band from 125 to 7500 Hz.

    References
    ----------
    S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017.
    """
    bins = mel(np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1))[:, None]
    edges = np.linspace(mel(LOWEST), mel(HIGHEST), N_BANDS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    weights[0] = 0
    return weights


def log_mel_spectrogram(waveform: ArrayLike) -> NDArray[np.float64]:
    """Return ln(mel bands of the magnitude spectrum + 0.01) of each 10 ms.

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
    S. Hershey et al., "CNN Architectures for Large-Scale Audio Classification", ICASSP 2017.

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


def log_mel_examples(seconds, rate):
    """Turn seconds of sound into the examples that VGGish takes, one a second.

    Each second is resampled for itself, so that no second hears its neighbours; of its 98 frames the first 96 are
    the example.

    Parameters
    ----------
    seconds : ndarray of shape (n_seconds, rate)
        Mono sound.
    rate : int
        Samples a second.

    Returns
    -------
    examples : ndarray of float32, of shape (n_seconds, 96, 64)
    """
    examples = np.empty((len(seconds), N_FRAMES, N_BANDS), np.float32)
    for example, second in zip(examples, seconds, strict=True):
        example[...] = log_mel_spectrogram(_one_second(resample(second, rate)))[:N_FRAMES]
    return examples


def _one_second(waveform):
    """Cut or pad with silence to 16000 samples: a resampler may give one more or one fewer."""
    waveform = waveform[:SAMPLE_RATE]
    return np.pad(waveform, (0, SAMPLE_RATE - len(waveform)))
