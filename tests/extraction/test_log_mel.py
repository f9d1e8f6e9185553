import math

import numpy as np
import pytest

from ave_sklearn.extraction import log_mel_spectrogram, mel_filterbank
from ave_sklearn.extraction._log_mel import log_mel_examples, resample

RATE = 16000


def slow_log_mel(waveform, n_frames):
    """The front end from its definition: one frame, one bin, one band at a time."""

    def mel(hz):
        return 1127 * math.log(1 + hz / 700)

    step = (mel(7500) - mel(125)) / 65
    window = [0.5 - 0.5 * math.cos(2 * math.pi * n / 400) for n in range(400)]
    turns = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    result = np.zeros((n_frames, 64))
    for frame in range(n_frames):
        piece = [waveform[160 * frame + n] * window[n] for n in range(400)]
        magnitude = [abs(sum(turns[k] * piece)) for k in range(257)]
        for band in range(64):
            total = 0.0
            for k in range(1, 257):
                position = (mel(k * 31.25) - mel(125)) / step - band  # 0 to 2 within the triangle
                total += magnitude[k] * max(0.0, 1 - abs(position - 1))
            result[frame, band] = math.log(total + 0.01)
    return result


def test_the_spectrogram_is_that_of_its_definition():
    waveform = np.random.default_rng(0).uniform(-1, 1, 400 + 2 * 160)
    np.testing.assert_allclose(log_mel_spectrogram(waveform), slow_log_mel(waveform, 3), rtol=0, atol=1e-9)


def test_silence_is_the_logarithm_of_the_offset():
    np.testing.assert_allclose(log_mel_spectrogram(np.zeros(RATE)), np.full((98, 64), math.log(0.01)), atol=1e-12)


@pytest.mark.parametrize("position", [0, 57, 200, 399])
def test_an_impulse_has_the_windows_height_in_every_bin(position):
    waveform = np.zeros(400)
    waveform[position] = 0.7
    height = 0.7 * math.sin(math.pi * position / 400) ** 2  # periodic Hann
    expected = np.log(height * mel_filterbank().sum(axis=0) + 0.01)
    np.testing.assert_allclose(log_mel_spectrogram(waveform)[0], expected, atol=1e-9)


@pytest.mark.parametrize("k", [16, 40, 100])
def test_a_tone_in_the_middle_of_a_bin(k):
    """The periodic Hann window sums to 200, so a sine of amplitude 1 has the magnitude 100 in its bin."""
    tone = np.sin(2 * np.pi * k * 31.25 * np.arange(400) / RATE)
    weights = mel_filterbank()
    loudest = np.argmax(log_mel_spectrogram(tone)[0])
    assert weights[k, loudest] == weights[k].max()
    magnitude = np.abs(np.fft.rfft(tone * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)), 512))
    assert magnitude[k] == pytest.approx(100, rel=1e-3)


def test_triangles_are_linear_in_mel_and_reach_from_125_to_7500_hz():
    weights = mel_filterbank()
    assert weights.shape == (257, 64)
    assert (weights[0] == 0).all()
    used = np.flatnonzero(weights.any(axis=1)) * 31.25
    assert used.min() > 125 and used.max() < 7500
    inside = weights[(np.arange(257) * 31.25 > 200) & (np.arange(257) * 31.25 < 7200)]
    np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-12)  # two neighbouring triangles share each bin


def test_leading_axes_are_kept():
    waveform = np.random.default_rng(1).normal(size=(2, 3, 800))
    spectrogram = log_mel_spectrogram(waveform)
    assert spectrogram.shape == (2, 3, 3, 64)
    np.testing.assert_array_equal(spectrogram[1, 2], log_mel_spectrogram(waveform[1, 2]))


@pytest.mark.parametrize("waveform", [0.0, np.zeros(399), np.zeros((3, 10))])
def test_less_than_a_window_is_an_error(waveform):
    with pytest.raises(ValueError, match="waveform must have at least 400 samples"):
        log_mel_spectrogram(waveform)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_a_second_of_any_rate_becomes_one_example(rate):
    times = np.arange(rate) / rate
    seconds = np.stack([np.sin(2 * np.pi * 500 * times), np.zeros(rate)]).astype(np.float32)
    examples = log_mel_examples(seconds, rate)
    assert examples.shape == (2, 96, 64) and examples.dtype == np.float32
    same = log_mel_spectrogram(np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE))[:96]
    loud = same > 0  # the bands of the tone; the rest is what resamplers differ in
    np.testing.assert_allclose(examples[0][8:-8][loud[8:-8]], same[8:-8][loud[8:-8]], atol=0.02)
    np.testing.assert_allclose(examples[1], math.log(0.01), atol=1e-5)


def test_seconds_do_not_hear_their_neighbours():
    rng = np.random.default_rng(2)
    seconds = rng.normal(size=(3, 44100)).astype(np.float32)
    changed = seconds.copy()
    changed[[0, 2]] = 0
    np.testing.assert_array_equal(log_mel_examples(seconds, 44100)[1], log_mel_examples(changed, 44100)[1])


def test_resampling_keeps_a_tone_and_drops_what_16_khz_cannot_hold():
    times = np.arange(48000) / 48000
    kept = resample(np.sin(2 * np.pi * 1000 * times), 48000)
    np.testing.assert_allclose(kept[500:-500], np.sin(2 * np.pi * 1000 * np.arange(16000) / RATE)[500:-500], atol=1e-3)
    assert np.abs(resample(np.sin(2 * np.pi * 12000 * times), 48000)[500:-500]).max() < 1e-3


# ------------------------------------------------------------ what of a second is seen
def changing_second(n_samples=RATE):
    """Noise that grows louder, so that no two frames are alike."""
    return np.random.default_rng(3).normal(size=n_samples) * np.linspace(0.01, 1, n_samples)


def test_the_example_is_the_first_96_of_98_frames():
    second = changing_second()
    frames = log_mel_spectrogram(second)
    assert frames.shape == (98, 64)
    np.testing.assert_array_equal(log_mel_examples(second[None], RATE)[0], frames[:96].astype(np.float32))


@pytest.mark.parametrize("part", [slice(0, 400), slice(15200, 15600)])
def test_sound_from_the_first_to_the_last_sample_of_these_frames_counts(part):
    silence = np.zeros((1, RATE))
    sound = silence.copy()
    sound[0, part] = 1.0
    changed = (log_mel_examples(sound, RATE) != log_mel_examples(silence, RATE)).any(axis=(0, 2))
    frame = 0 if part.start == 0 else 95
    assert changed[frame]
    sound = silence.copy()
    sound[0, 15600:] = 1.0  # behind the 96th frame, of samples 15200 to 15599
    np.testing.assert_array_equal(log_mel_examples(sound, RATE), log_mel_examples(silence, RATE))


@pytest.mark.parametrize("n_samples", [15000, 15599, 15999, 16001, 16400])
def test_a_second_that_is_too_long_or_too_short_is_cut_or_followed_by_silence(n_samples):
    second = changing_second(n_samples)
    expected = np.zeros(RATE)
    for i in range(min(n_samples, RATE)):
        expected[i] = second[i]
    np.testing.assert_array_equal(log_mel_examples(second[None], RATE), log_mel_examples(expected[None], RATE))
