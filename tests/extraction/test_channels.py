"""Sound of any number of channels, each read in a process of its own: one that dies takes no other test with it."""

import multiprocessing

import av
import numpy as np
import pytest
from media_files import clock_noise, encode_by_time, number_frames, sound_errors, sound_frames

from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test starts a process
LAYOUTS = {
    1: "mono",
    2: "stereo",
    6: "5.1",
    7: "6.1",
    8: "7.1",
    9: "9 channels",
    16: "hexadecagonal",
}
LOSSLESS = {"pcm_s16le": ("mkv", 64), "pcm_f32le": ("mov", 64), "wavpack": ("mkv", 64), "flac": ("mkv", 8)}
LOSSY = {"aac": ("mp4", 16), "libopus": ("mkv", 8), "ac3": ("ts", 6), "eac3": ("mkv", 6)}
RATE = 48000


def write_channels(path, codec, n_channels, weights):
    """Write 3 s of the noise times one of `weights` in each channel."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream(codec, rate=RATE, layout=LAYOUTS[n_channels])
        if codec == "wavpack":  # of 8 bits, unless told
            sound.codec_context.format = "fltp"
        samples = weights[:, None] * clock_noise(0, 3 * RATE, RATE)
        frames = sound_frames(samples, RATE, LAYOUTS[n_channels])
        encode_by_time(container, [(stream, number_frames(3, 25, (64, 48))), (sound, frames)])
    return str(path)


def _read(path):
    for name, n_segments, start in (("whole", 3, 0.0), ("clip", 1, 1.5)):
        windows, rate = read_sound(path, n_segments, start)
        assert rate == RATE
        np.save(f"{path}.{name}.npy", windows)


def read_in_a_process(path):
    """Return the windows of the whole and of a clip."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    context = multiprocessing.get_context("forkserver")  # a fork of this process may hang, which has threads
    context.set_forkserver_preload(["ave_sklearn.extraction._sound"])
    process = context.Process(target=_read, args=(path,))
    process.start()
    process.join(120)
    assert process.exitcode == 0, f"the process ended with {process.exitcode}"  # -11 is a violation of memory
    return [np.load(f"{path}.{name}.npy") for name in ("whole", "clip")]


def cases(codecs):
    return [
        (codec, n) for codec, (_, most) in codecs.items() for n in LAYOUTS if n <= most and (codec, n) != ("aac", 9)
    ]


@pytest.mark.parametrize(("codec", "n_channels"), cases(LOSSLESS))
def test_the_average_of_the_channels(tmp_path, codec, n_channels):
    weights = np.linspace(-0.4, 1.0, n_channels) if n_channels > 1 else np.ones(1)
    path = write_channels(tmp_path / f"a.{LOSSLESS[codec][0]}", codec, n_channels, weights)
    whole, clip = read_in_a_process(path)
    expected = weights.mean() * clock_noise(0, 3 * RATE, RATE)
    np.testing.assert_allclose(whole.ravel(), expected, atol=1e-3)
    lags = range(-RATE // 1000, RATE // 1000 + 1)  # stamps of Matroska are whole milliseconds
    begin = RATE * 3 // 2
    gaps = [np.abs(clip[0, 100:-100] - expected[begin + lag :][100 : RATE - 100]).max() for lag in lags]
    assert min(gaps) < 1e-3


@pytest.mark.parametrize(("codec", "n_channels"), cases(LOSSY))
def test_lossy_sound_of_many_channels(tmp_path, codec, n_channels):
    path = write_channels(tmp_path / f"a.{LOSSY[codec][0]}", codec, n_channels, np.ones(n_channels))
    whole, clip = read_in_a_process(path)
    for windows, starts in ((whole, np.arange(3.0)), (clip, np.array([1.5]))):
        errors, alike = sound_errors(windows, RATE, starts)
        assert alike.min() > 0.7 and np.abs(errors).max() < 0.03  # the lead-in of the encoder
