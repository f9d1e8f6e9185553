"""A little damage is left out with a warning, in pictures and sound alike; more is an error."""

import os

import av
import numpy as np
import pytest
from media_files import (
    assert_tells,
    clock_noise,
    encode_by_time,
    joined,
    noise_frames,
    number_frames,
    numbers_shown,
    picture_errors,
    sound_errors,
    write_clock,
)

from ave_sklearn.extraction import ExtractionError
from ave_sklearn.extraction._media import Findings, probe
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
N, START = 6, 0.0


SOUNDS = [("aac", "mp4"), ("aac", "mkv"), ("mp2", "mkv"), ("ac3", "mkv"), ("flac", "mkv")]


def damaged(path, kind, seconds, at=3.0, fill=None, seed=1):
    """Overwrite what packets of a stream ("audio" or "video") hold, at `at` and so many seconds on; return how many."""
    rng = np.random.default_rng(seed)
    with av.open(path) as container:
        packets = [p for p in container.demux(getattr(container.streams, kind)[0]) if p.size]
        times = np.array([float(packet.pts * packet.time_base) for packet in packets])
        first = np.searchsorted(times + 1e-6, at)
        chosen = [(packets[i].pos, bytes(packets[i])) for i in range(first, np.searchsorted(times, at + seconds) or 1)]
        chosen = chosen or [(packets[first].pos, bytes(packets[first]))]
    with open(path, "rb") as file:
        data = bytearray(file.read())
    for pos, held in chosen:
        place = data.find(held[3:], pos)  # behind the header of a block; Matroska may leave out the first bytes
        assert place >= 0
        size = len(held) - 3
        data[place : place + size] = rng.integers(0, 256, size, np.uint8).tobytes() if fill is None else fill * size
    with open(path, "wb") as file:
        file.write(data)
    return len(chosen)


def assert_sound_in_place(path, hole, findings, **options):
    """Outside of a hole, in seconds from and until, the sound is where it was."""
    windows, rate = read_sound(path, N, findings=findings, **options)
    errors, alike = sound_errors(windows, rate, np.arange(N), piece=0.125)
    begins = np.arange(8 * N) / 8
    whole = (begins + 0.125 <= hole[0] - 0.05) | (begins >= hole[1] + 0.05)
    assert (alike[whole] > 0.5).all() and np.abs(errors[whole]).max() < 0.002
    return windows, rate


@pytest.mark.parametrize("fill", [None, b"\0", b"\xff"])
@pytest.mark.parametrize(
    ("audio", "suffix"), [("aac", "mp4"), ("aac", "mkv"), ("mp2", "mkv"), ("ac3", "mkv"), ("flac", "mkv")]
)
def test_a_lost_packet_of_sound(tmp_path, audio, suffix, fill):
    path = write_clock(tmp_path / f"a.{suffix}", N, audio=audio, rate=48000 if audio != "flac" else 44100)
    assert damaged(path, "audio", 0.0, fill=fill) == 1
    findings = Findings()
    assert_sound_in_place(path, (3.0, 3.2), findings)
    if findings.damage:  # decoders may conceal it, or not notice
        assert 0.005 < findings.damage < 0.2
        assert any("sound" in warning for warning in findings.warnings)


def test_a_lost_packet_of_sound_is_counted(tmp_path):
    path = write_clock(tmp_path / "a.mp4", N, rate=16000)
    assert damaged(path, "audio", 0.0) == 1
    findings = Findings()
    assert_sound_in_place(path, (3.0, 3.2), findings)
    assert findings.damage == pytest.approx(0.064, abs=0.03) and len(findings.warnings) == 1


@pytest.mark.parametrize("start", [1.0, 2.5])
@pytest.mark.parametrize(("seconds", "is_too_much"), [(0.2, False), (0.45, False), (0.7, True), (2.0, True)])
def test_up_to_half_a_second_of_sound(tmp_path, seconds, is_too_much, start):
    path = write_clock(tmp_path / "a.mp4", N, rate=48000)
    damaged(path, "audio", seconds)
    findings = Findings()
    if is_too_much:
        with pytest.raises(ExtractionError, match=r"a.mp4: .*sound.*max_damage=0.5"):
            read_sound(path, 3, start, findings=findings)
        read_sound(path, 3, start, findings=findings, max_damage=3.0)
    else:
        read_sound(path, 3, start, findings=findings)
    assert findings.damage == pytest.approx(min(seconds, start), abs=0.1)  # it begins at 3 s, the clip is 3 s long


@pytest.mark.parametrize("max_damage", [0.0, 0.5])
def test_damage_outside_of_a_clip_is_none_of_it(tmp_path, max_damage):
    path = write_clock(tmp_path / "a.mp4", 8, rate=48000, gop=12)
    damaged(path, "audio", 1.5, at=3.0)
    for start in (0.0, 5.5):
        findings = Findings()
        read_sound(path, 2, start, findings=findings, max_damage=max_damage)
        read_pictures(path, 2, 4, 32, start, findings=findings, max_damage=max_damage)
        assert findings.damage == 0 and findings.warnings == []


def test_no_damage_is_tolerated_where_none_is_to_be(tmp_path):
    path = write_clock(tmp_path / "a.mp4", N, rate=16000)
    damaged(path, "audio", 0.0)
    with pytest.raises(ExtractionError, match="max_damage=0"):
        read_sound(path, N, max_damage=0.0)


def test_damage_in_several_places_is_summed(tmp_path):
    path = write_clock(tmp_path / "a.mp4", N, rate=48000)
    for at in (1.0, 2.0, 3.0, 4.0):
        damaged(path, "audio", 0.2, at=at)
    with pytest.raises(ExtractionError, match="max_damage=0.5"):
        read_sound(path, N)
    findings = Findings()
    read_sound(path, N, findings=findings, max_damage=1.0)
    assert findings.damage == pytest.approx(0.8, abs=0.15)


@pytest.mark.parametrize(("seconds", "is_too_much"), [(0.04, False), (0.3, False), (1.5, True)])
def test_damaged_pictures_without_references(tmp_path, seconds, is_too_much):
    """In MJPEG each picture stands for itself."""
    options = {"video": "mjpeg", "pixel_format": "yuvj420p", "audio": "pcm_s16le"}
    path = write_clock(tmp_path / "a.mkv", N, rate=16000, **options)
    lost = damaged(path, "video", seconds - 0.01, fill=b"\0") / 25
    assert lost == pytest.approx(seconds, abs=0.021)
    findings = Findings()
    if is_too_much:
        with pytest.raises(ExtractionError, match=r"a.mkv: .*picture.*max_damage=0.5"):
            read_pictures(path, N, 16, 64)
    options = {"max_damage": 2.0} if is_too_much else {}
    pictures, share = read_pictures(path, N, 16, 64, findings=findings, **options)
    numbers = numbers_shown(pictures, share, 16).ravel()
    times = np.arange(16 * N) / 16
    whole = (times < 3.0) | (times >= 3.0 + lost)
    assert (picture_errors(numbers[whole], times[whole])[0] == 0).all()
    assert findings.damage == pytest.approx(seconds, abs=0.05)
    assert any("picture" in warning for warning in findings.warnings)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264", "mpeg2video", "libvpx"])
def test_pictures_after_a_lost_packet_are_in_their_place(tmp_path, codec):
    options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx" else {}
    path = write_clock(tmp_path / "a.mkv", N, video=codec, gop=12, rate=48000, video_options=options)
    assert damaged(path, "video", 0.0, at=3.12) == 1
    pictures, share = read_pictures(path, N, 16, 64)
    numbers, times = numbers_shown(pictures, share, 16).ravel(), np.arange(16 * N) / 16
    whole = (times < 3.1) | (times >= 4.0)  # from the next key frame on
    assert (np.abs(picture_errors(numbers[whole], times[whole])[1]) < 0.045).all()
    assert read_sound(path, N)[0].std(axis=1).min() > 0.1


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_lost_packets_of_a_stream(tmp_path, suffix):
    """A hole of some kB, as bad reception makes one: pictures and sound go on in step behind it."""
    options = {"video": "mpeg2video", "audio": "mp2", "rate": 48000}
    path = write_clock(tmp_path / f"a.{suffix}", 8, gop=12, **options)
    data = bytearray(open(path, "rb").read())
    at = len(data) // 2 // 188 * 188
    del data[at : at + 188 * 10]
    open(path, "wb").write(data)
    assert_tells(path, 3)
    assert_tells(path, 2, 5.5, apart=0.06)  # program streams tell the time of packs, not of frames
    read_sound(path, 8)
    read_pictures(path, 8, 4, 32)


def test_packets_that_are_missing_leave_silence(tmp_path):
    """Nothing is there to be damaged: stamps say that 0.3 s are missing, and what follows stays in its place."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        frames = (frame for frame in noise_frames(N, 16000) if not 3.0 <= frame.time < 3.3)
        encode_by_time(container, [(stream, number_frames(N, 25, (96, 80))), (sound, frames)])
    windows, rate = assert_sound_in_place(str(path), (2.95, 3.4), Findings())
    assert np.abs(windows.ravel()[round(3.08 * rate) : round(3.25 * rate)]).max() == 0


# ------------------------------------------------------------------- samples that are none
def write_samples(path, samples, rate=16000, codec="pcm_f32le"):
    """Write 2 s of pictures and these samples (n_channels, n), as they are."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        sound = container.add_stream(codec, rate=rate, layout=layout)

        def frames():
            packed = np.ascontiguousarray(samples.T, np.float32)
            for first in range(0, len(packed), 1000):
                frame = av.AudioFrame.from_ndarray(packed[first : first + 1000].reshape(1, -1), "flt", layout)
                frame.rate, frame.pts = rate, first
                yield frame

        encode_by_time(container, [(stream, number_frames(2, 25, (96, 80))), (sound, frames())])
    return str(path)


def read_with_findings(path):
    findings = Findings()
    windows, _ = read_sound(path, 2, findings=findings)
    assert np.isfinite(windows).all() and np.abs(windows).max() <= 1
    return windows.ravel(), findings


def test_sound_beyond_full_scale_is_clipped(tmp_path):
    loud = 20 * clock_noise(0, 32000, 16000)
    found, findings = read_with_findings(write_samples(tmp_path / "a.mkv", loud[None]))
    np.testing.assert_allclose(found, np.clip(loud, -1, 1), atol=1e-6)
    assert len(findings.warnings) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_few_samples_that_are_no_numbers(tmp_path, value):
    samples = clock_noise(0, 32000, 16000).copy()
    samples[16000:16010] = value
    found, findings = read_with_findings(write_samples(tmp_path / "a.mkv", samples[None]))
    np.testing.assert_allclose(found[:15000], samples[:15000], atol=1e-6)
    np.testing.assert_allclose(found[18000:], samples[18000:], atol=1e-6)
    assert findings.damage > 0 and len(findings.warnings) == 1


def test_many_samples_that_are_no_numbers(tmp_path):
    samples = clock_noise(0, 32000, 16000).copy()
    samples[8000:] = np.nan
    path = write_samples(tmp_path / "a.mkv", samples[None])
    with pytest.raises(ExtractionError, match="a.mkv: .*sound"):
        read_sound(path, 2)


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_s16le", "flac"])
def test_silence_throughout_is_warned_of(tmp_path, codec):
    found, findings = read_with_findings(write_samples(tmp_path / "a.mkv", np.zeros((1, 32000)), codec=codec))
    assert not found.any() and len(findings.warnings) == 1 and "silen" in findings.warnings[0]


def test_silence_of_a_second_is_not_warned_of(tmp_path):
    samples = clock_noise(0, 32000, 16000).copy()
    samples[16000:] = 0
    assert read_with_findings(write_samples(tmp_path / "a.mkv", samples[None]))[1].warnings == []


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_opposite_phase_is_warned_of(tmp_path, codec):
    noise = clock_noise(0, 32000, 16000)
    _, findings = read_with_findings(write_samples(tmp_path / "a.mkv", np.stack([noise, -noise]), codec=codec))
    assert len(findings.warnings) == 1
    assert "phase" in findings.warnings[0] or "cancel" in findings.warnings[0]


def test_stereo_is_not_warned_of(tmp_path):
    samples = np.stack([clock_noise(0, 32000, 16000), clock_noise(32000, 32000, 16000)])
    assert read_with_findings(write_samples(tmp_path / "a.mkv", samples))[1].warnings == []


def test_sound_on_one_side_alone_is_not_warned_of(tmp_path):
    noise = clock_noise(0, 32000, 16000)
    found, findings = read_with_findings(write_samples(tmp_path / "a.mkv", np.stack([noise, 0 * noise])))
    np.testing.assert_allclose(found, noise / 2, atol=1e-6)
    assert findings.warnings == []


# ------------------------------------------------------- what is not there
def test_clips_in_a_gap_of_the_sound_are_silent(tmp_path):
    files = [write_clock(tmp_path / "a.ts", 4, gop=12), write_clock(tmp_path / "b.ts", 5, begin=9, stamp=9, gop=12)]
    path = joined(tmp_path / "gap.ts", *files)
    whole, _ = read_sound(path, 14)
    for start, n_segments in [(3, 2), (4, 2), (5, 3), (6, 2)]:
        findings = Findings()
        windows, _ = read_sound(path, n_segments, start, findings=findings)
        quiet = [second for second in range(n_segments) if 5 <= start + second < 8]
        assert np.abs(windows[quiet]).max() == 0 if quiet else True
        np.testing.assert_allclose(windows.std(axis=1), whole[start : start + n_segments].std(axis=1), atol=0.02)
        assert any("it has no sound" in warning for warning in findings.warnings)


def test_sound_that_begins_late_is_told(tmp_path):
    path = str(write_clock(tmp_path / "a.mkv", 6, audio_delay=3))
    findings = Findings()
    windows, _ = read_sound(path, 2, findings=findings)
    assert np.abs(windows).max() == 0
    assert "for 2.0 s it has no sound" in findings.warnings
    assert "its sound is silent throughout" in findings.warnings


def test_what_ffmpeg_does_not_read_of_a_file_is_told(tmp_path):
    parts = [write_clock(tmp_path / f"{i}.mkv", 3) for i in range(3)]
    path = joined(tmp_path / "joined.mkv", *parts)
    (warning,) = probe(path).warnings
    assert "of its" in warning and str(os.path.getsize(path)) in warning
    assert probe(str(parts[0])).warnings == ()


def test_sound_of_which_nothing_can_be_decoded_is_damaged_not_short(tmp_path):
    path = write_clock(tmp_path / "a.mp4", 4)
    with av.open(path) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    with open(path, "r+b") as file:
        for pos, size in packets:
            file.seek(pos)
            file.write(b"\xff" * size)
    with pytest.raises(ExtractionError, match=r"a.mp4: \d\.\d\d s of its sound, between 0 and 4 s, cannot be decoded"):
        read_sound(str(path), 4)
