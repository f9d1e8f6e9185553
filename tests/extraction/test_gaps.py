"""What is missing: gaps in the sound, pictures that do not come out of a decoder, one stream that restarts alone."""

import struct

import av
import numpy as np
import pytest
from media_files import assert_tells, joined, numbers_shown, write_clock

from ave_sklearn.extraction import ExtractionError
from ave_sklearn.extraction._media import Findings, probe
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
TS = {"video": "mpeg4", "audio": "mp2", "rate": 48000, "gop": 12}
X264 = {
    "video": "libx264",
    "rate": 48000,
    "video_options": {"preset": "ultrafast", "bf": "2", "x264-params": "scenecut=0"},
}


@pytest.mark.parametrize("suffix", ["ts", "mkv"])
@pytest.mark.parametrize(("start", "loud"), [(3.0, [1, 0]), (4.5, [0, 0]), (6.0, [0, 0]), (8.0, [0, 1])])
def test_clips_in_a_gap_are_silent_where_nothing_was_recorded(tmp_path, suffix, start, loud):
    files = [write_clock(tmp_path / f"a.{suffix}", 4, **TS)]
    files.append(write_clock(tmp_path / f"b.{suffix}", 4, begin=9, stamp=9, **TS))
    windows, _ = read_sound(joined(tmp_path / f"gap.{suffix}", *files), 2, start)
    assert (windows.std(axis=1) > 0.1).tolist() == [bool(each) for each in loud]


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4"])
def test_clips_before_sound_that_begins_late_are_silent(tmp_path, suffix):
    path = write_clock(tmp_path / f"a.{suffix}", 8, audio_delay=5.0, **TS)
    findings = Findings()
    assert not read_sound(path, 2, 1.0, findings=findings)[0].any()
    assert findings.padding == 0
    assert findings.warnings == ["its sound is silent throughout", "for 2.0 s it has no sound"]
    assert_tells(path, 2, 5.5)


def test_a_last_packet_without_a_length_counts(tmp_path):
    """Packets of WavPack in Matroska do not tell how long they are."""
    path = write_clock(tmp_path / "a.mkv", 3, audio="wavpack", rate=48000)
    assert probe(path).duration == pytest.approx(3, abs=0.1)
    assert_tells(path, 3)


# ------------------------------------------------------------------- one stream restarts
def shifted(path, pid, seconds, after):
    """Shift the stamps of a transport stream's PID by seconds, from a time stamp on."""
    data = bytearray(open(path, "rb").read())
    for at in range(0, len(data) - 187, 188):
        begin = at + 4 + (1 + data[at + 4] if data[at + 3] & 0x20 else 0)
        is_first = data[at + 1] & 0x40 and data[at + 3] & 0x10 and data[begin : begin + 3] == b"\0\0\1"
        if (data[at + 1] & 0x1F) << 8 | data[at + 2] != pid or not is_first:
            continue
        places = [begin + 9, begin + 14][: (0, 0, 1, 2)[data[begin + 7] >> 6]]
        stamps = [_stamp(data, place) for place in places]
        for place, stamp in zip(places, stamps, strict=True):
            if stamps[-1] >= after * 90_000:
                _write_stamp(data, place, (stamp + round(seconds * 90_000)) % 2**33)
    open(path, "wb").write(data)
    return path


def _stamp(data, at):
    high, middle, low = struct.unpack_from(">BHH", data, at)
    return (high >> 1 & 7) << 30 | middle >> 1 << 15 | low >> 1


def _write_stamp(data, at, stamp):
    parts = data[at] & 0xF1 | stamp >> 30 << 1, (stamp >> 15 & 0x7FFF) << 1 | 1, (stamp & 0x7FFF) << 1 | 1
    struct.pack_into(">BHH", data, at, *parts)


@pytest.mark.parametrize("pids", [(256,), (257,), (256, 257)], ids=["pictures", "sound", "both"])
@pytest.mark.parametrize("seconds", [-5.0, -1.3, 60.0])
def test_a_stream_that_restarts_goes_on_beside_the_other(tmp_path, pids, seconds):
    path = write_clock(tmp_path / "a.ts", 10, **TS)
    for pid in pids:
        shifted(path, pid, seconds, 6.0)
    assert probe(path).duration == pytest.approx(10, abs=0.1)
    assert_tells(path, 10)
    assert_tells(path, 2, 7.5)


# ------------------------------------------------------------------- pictures that do not come out
def overwrite(path, first, n):
    """Overwrite packets of pictures, in the order of decoding, by noise."""
    with av.open(path) as container:
        packets = [(p.pos, bytes(p)) for p in container.demux(container.streams.video[0]) if p.size][first : first + n]
    data, rng = bytearray(open(path, "rb").read()), np.random.default_rng(1)
    for pos, held in packets:
        place = data.find(held[3:], pos)
        data[place : place + len(held) - 3] = rng.integers(0, 256, len(held) - 3, np.uint8).tobytes()
    open(path, "wb").write(data)
    return path


@pytest.mark.parametrize(("gop", "is_too_much"), [(10, False), (25, True)])
@pytest.mark.parametrize(("suffix", "options"), [("mp4", X264), ("mkv", X264), ("mp4", {}), ("mkv", {})])
def test_without_its_first_key_frame_a_group_of_pictures_is_damage(tmp_path, suffix, options, gop, is_too_much):
    path = overwrite(write_clock(tmp_path / f"a.{suffix}", 4, gop=gop, **options), 0, 1)
    if is_too_much:
        with pytest.raises(ExtractionError, match=rf"a.{suffix}: 1\.00 s of its pictures.*max_damage=0.5"):
            read_pictures(path, 4, 25, 64)
    findings = Findings()
    pictures, share = read_pictures(path, 4, 25, 64, findings=findings, max_damage=1.0)
    assert findings.damage == pytest.approx(gop / 25, abs=0.01) and len(findings.warnings) == 1
    expected = np.maximum(np.arange(100), gop)  # the first picture that there is stands for those before
    np.testing.assert_array_equal(numbers_shown(pictures, share, 25).ravel(), expected)


def test_a_freeze_after_damage_is_damage_as_a_whole(tmp_path):
    """The decoder complains of a few packets, but shows nothing until the next key frame."""
    options = {"video": "libx265", "video_options": {"preset": "ultrafast", "x265-params": "log-level=none"}}
    path = overwrite(write_clock(tmp_path / "a.mp4", 4, gop=25, **options), 50, 1)
    with pytest.raises(ExtractionError, match=r"a.mp4: 1\.00 s of its pictures, between 0 and 4 s"):
        read_pictures(path, 4, 4, 64)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [("mp4", X264), ("ts", X264), ("mkv", {}), ("avi", {"audio": "libmp3lame"}), ("mpg", TS | {"video": "mpeg2video"})],
)
def test_nothing_is_damaged_in_whole_files(tmp_path, suffix, options):
    path = write_clock(tmp_path / f"a.{suffix}", 8, **({"gop": 50, "rate": 48000} | options))
    for n_segments, start in ((8, 0.0), (2, 2.5), (2, 5.9)):
        findings = Findings()
        read_pictures(path, n_segments, 25, 32, start, findings=findings, max_damage=0.0)
        assert findings.damage == 0 and findings.warnings == []
