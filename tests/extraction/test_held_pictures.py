"""The last picture is held to the end of the sound, whatever the header says of lengths."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from media_files import (
    FPS,
    assert_tells,
    encode_by_time,
    noise_frames,
    number_picture,
    numbers_shown,
    read_numbers,
    write_clock,
)

from ave_sklearn.extraction import ExtractionError, cut_clips
from ave_sklearn.extraction._media import Findings, probe
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
SECONDS = 12
KINDS = {
    "mp4": {},
    "mov": {},
    "mkv": {},
    "avi": {"audio": "libmp3lame"},
    "ts": {"audio": "mp2"},
    "mpg": {"video": "mpeg2video", "audio": "mp2"},
    "flv": {"video": "flv", "audio": "libmp3lame", "rate": 44100},
}


def write_slides(path, stamps, seconds=SECONDS, video="mpeg4", audio="aac", rate=48000):
    """Write a picture at each of `stamps`, whose number tells its second, and sound of so many seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(video, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        sound = container.add_stream(audio, rate=rate, layout="mono")

        def slides():
            for stamp in stamps:
                frame = av.VideoFrame.from_ndarray(number_picture(round(stamp), (96, 80)), format="yuv420p")
                frame.pts, frame.time_base = round(stamp * FPS), Fraction(1, FPS)
                yield frame

        encode_by_time(container, [(stream, slides()), (sound, noise_frames(seconds, rate))])
    return str(path)


def seconds_shown(path, n_segments, start, findings=None):
    """Return the number on screen in the middle of each second."""
    pictures, share = read_pictures(path, n_segments, 4, 64, start, findings=findings)
    return numbers_shown(pictures, share, 4)[:, 2].tolist()


@pytest.mark.parametrize("suffix", sorted(KINDS.keys() - {"mpg"}))  # one stamp for several small pictures
def test_slides_are_held(tmp_path, suffix):
    path = write_slides(tmp_path / f"a.{suffix}", [0, 3, 6, 9], **KINDS[suffix])
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.15)
    assert cut_clips([path], 3) == [(path, start) for start in (0, 3, 6, 9)]
    assert seconds_shown(path, 12, 0.0) == np.repeat([0, 3, 6, 9], 3).tolist()
    for start in (1, 4, 7, 9):
        assert seconds_shown(path, 3, start) == [(start + i) // 3 * 3 for i in range(3)]
    assert read_sound(path, 3, 9.0)[0].std(axis=1).min() > 0.1


@pytest.mark.parametrize("suffix", KINDS)
def test_a_still_with_music(tmp_path, suffix):
    path = write_slides(tmp_path / f"a.{suffix}", [0], **KINDS[suffix])
    assert probe(path).duration == pytest.approx(SECONDS, abs=0.15)
    assert cut_clips([path], 4) == [(path, start) for start in (0, 4, 8)]
    for start in (0.0, 4.0, 8.0):
        findings = Findings()
        assert seconds_shown(path, 4, start, findings) == [0] * 4
        assert findings.held == pytest.approx(4, abs=0.2)
        assert any("held" in warning for warning in findings.warnings)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize(("held", "is_warned"), [(0.0, False), (1.4, False), (2.6, True)])
def test_what_is_held_is_counted_and_more_than_2_s_are_warned_of(tmp_path, suffix, held, is_warned):
    options = KINDS[suffix] | {"rate": 48000}
    path = write_clock(tmp_path / f"a.{suffix}", 6 - held, audio_seconds=6, gop=12, **options)
    assert probe(path).duration == pytest.approx(6, abs=0.1)
    for start, expected in ((3.0, held), (0.0, 0.0)):
        findings = Findings()
        n_segments = 3 if start else 2
        read_pictures(path, n_segments, 4, 32, start, findings=findings)
        read_sound(path, n_segments, start, findings=findings)
        assert findings.held == pytest.approx(expected, abs=0.1)
        assert any("held" in warning for warning in findings.warnings) == (is_warned and start > 0)


def test_pictures_held_between_two_are_not_counted(tmp_path):
    path = write_slides(tmp_path / "a.mkv", [0, 11.9])
    findings = Findings()
    assert seconds_shown(path, 10, 0.0, findings) == [0] * 10
    assert findings.held == 0 and findings.warnings == []


def test_pictures_are_not_held_beyond_the_sound(tmp_path):
    path = write_clock(tmp_path / "a.mkv", 4, audio_seconds=6)
    with pytest.raises(ExtractionError, match="wanted 8 segments"):
        read_pictures(path, 8, 4, 32)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_sound_that_ends_before_the_pictures_ends_the_video(tmp_path, suffix):
    path = write_clock(tmp_path / f"a.{suffix}", 6, audio_seconds=4, audio="mp2", rate=48000, gop=12)
    assert probe(path).duration == pytest.approx(4, abs=0.1)
    with pytest.raises(ExtractionError, match="the sound lasts 4"):
        read_sound(path, 6)


def test_one_picture_that_the_file_shows_for_long_is_not_held(tmp_path):
    """Its duration is written: the picture track goes on."""
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        sound = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.VideoFrame.from_ndarray(number_picture(7, (96, 80)), format="yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1, FPS)
        packets = [*stream.encode(frame), *stream.encode(None)]
        packets[-1].duration = int(6 / packets[-1].time_base)
        container.mux(packets)
        encode_by_time(container, [(sound, noise_frames(6, 48000))])
    findings = Findings()
    assert seconds_shown(str(tmp_path / "a.mp4"), 6, 0.0, findings) == [7] * 6
    assert findings.held == pytest.approx(0, abs=0.1) and findings.warnings == []


# ------------------------------------------------------------------- headers that contradict the stamps
def patched(path, tag, offset, form, value, where=slice(None)):
    """Write a value `offset` bytes behind each `tag` of a file, or those chosen."""
    data = bytearray(open(path, "rb").read())
    places, at = [], data.find(tag)
    while at >= 0:
        places.append(at + len(tag) + offset)
        at = data.find(tag, at + 1)
    assert places
    for place in places[where]:
        data[place : place + struct.calcsize(form)] = struct.pack(form, value)
    open(path, "wb").write(data)
    return path


def assert_goes_by_stamps(path, seconds=SECONDS):
    assert probe(path).duration == pytest.approx(seconds, abs=0.15)
    assert [start for _, start in cut_clips([path], 3)] == list(range(0, seconds - 2, 3))
    assert_tells(path, seconds)
    assert_tells(path, 3, seconds - 3.0)


@pytest.mark.parametrize("factor", [0.1, 0.5, 3.0, 100.0])
@pytest.mark.parametrize("boxes", [["mvhd"], ["mdhd"], ["tkhd"], ["mvhd", "mdhd", "tkhd"]])
def test_durations_of_mp4(tmp_path, boxes, factor):
    path = write_clock(tmp_path / "a.mp4", SECONDS, rate=44100, gop=12, video_options={"bf": "2"})
    offsets = {"mvhd": 16, "mdhd": 16, "tkhd": 20}
    for box in boxes:
        for number in range(1 if box == "mvhd" else 2):
            data = open(path, "rb").read()
            at = [i for i in range(len(data)) if data.startswith(box.encode(), i)][number] + 4 + offsets[box]
            (ticks,) = struct.unpack_from(">I", data, at)
            patched(path, box.encode(), offsets[box], ">I", int(ticks * factor), slice(number, number + 1))
    assert_goes_by_stamps(path)


@pytest.mark.parametrize("milliseconds", [0.0, 1000.0, 5e5])
def test_the_duration_of_matroska(tmp_path, milliseconds):
    path = write_clock(tmp_path / "a.mkv", SECONDS, rate=44100, gop=12)
    patched(path, b"\x44\x89\x88", 0, ">d", milliseconds, slice(1))
    assert_goes_by_stamps(path)


def test_the_durations_of_matroskas_tags(tmp_path):
    path = write_clock(tmp_path / "a.mkv", SECONDS, rate=44100, gop=12)
    data = open(path, "rb").read()
    assert data.count(b"00:00:12.") == 2
    open(path, "wb").write(data.replace(b"00:00:12.", b"00:00:03."))
    assert_goes_by_stamps(path)


@pytest.mark.parametrize("frames", [0, 10, 100_000])
@pytest.mark.parametrize("which", [slice(1), slice(1, 2), slice(None)], ids=["pictures", "sound", "both"])
def test_the_lengths_of_avi(tmp_path, frames, which):
    path = write_clock(tmp_path / "a.avi", SECONDS, audio="libmp3lame", rate=44100, gop=12)
    patched(path, b"avih", 4 + 16, "<I", frames)
    patched(path, b"strh", 4 + 32, "<I", frames, which)
    assert_goes_by_stamps(path)


@pytest.mark.parametrize("seconds", [0.0, 2.0, 500.0])
def test_the_duration_of_flash(tmp_path, seconds):
    path = write_clock(tmp_path / "a.flv", SECONDS, video="flv", audio="libmp3lame", rate=44100, gop=12)
    patched(path, b"duration", 1, ">d", seconds)
    assert_goes_by_stamps(path)


def test_the_number_on_a_slide_is_readable():
    pictures = np.stack([np.full((64, 64, 3), 128, np.uint8)])
    assert read_numbers(pictures)[0] == -1
