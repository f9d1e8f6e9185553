"""Which of several tracks is used: the one marked default, and sound that belongs to the pictures."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from media_files import (
    FPS,
    encode_by_time,
    noise_frames,
    number_frames,
    numbers_shown,
    read_numbers,
    sound_errors,
    write_clock,
)

from ave_sklearn.extraction import ExtractionError
from ave_sklearn.extraction._media import probe
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
D = av.stream.Disposition
APART = 100  # seconds of the clock between a track and the next one


def write_tracks(path, pictures=(D.default,), sounds=(D.default,), sound_first=False, audio="aac", options=None):
    """Write 3 s with so many tracks of these dispositions; the clock of track i tells i times `APART` more."""
    with av.open(str(path), "w", options=options or {}) as container:
        pairs = []

        def add_sounds():
            for i, disposition in enumerate(sounds):
                stream = container.add_stream(audio, rate=48000, layout="mono")
                stream.disposition = disposition
                pairs.append((stream, noise_frames(3, 48000, begin=i * APART)))

        if sound_first:
            add_sounds()
        for i, disposition in enumerate(pictures):
            stream = container.add_stream("mpeg4", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
            stream.disposition = disposition
            pairs.append((stream, number_frames(3, FPS, (96, 80), begin=i * APART)))
        if not sound_first:
            add_sounds()
        encode_by_time(container, pairs)
    return str(path)


def tracks_used(path, n_segments=2, start=0.5):
    """Return which track of pictures and which of sound is read, by their clocks."""
    numbers = numbers_shown(*read_pictures(path, n_segments, 4, 64, start), 4)
    assert (numbers >= 0).all()
    picture = {int(number / FPS // APART) for number in numbers.ravel()}
    windows, rate = read_sound(path, n_segments, start)
    sound = [
        i for i in range(4) if (sound_errors(windows, rate, i * APART + start + np.arange(n_segments))[1] > 0.5).all()
    ]
    assert len(picture) == len(sound) == 1
    return picture.pop(), sound[0]


@pytest.mark.parametrize("default", [0, 1, 2])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_the_sound_marked_default_is_used(tmp_path, suffix, default):
    sounds = [D.default if i == default else 0 for i in range(3)]
    path = write_tracks(tmp_path / f"a.{suffix}", sounds=sounds)
    assert tracks_used(path) == (0, default)
    (note,) = probe(path).notes
    assert f"of 3 tracks of sound number {default + 1}" in note


@pytest.mark.parametrize("default", [0, 1])
def test_the_pictures_marked_default_are_used(tmp_path, default):
    path = write_tracks(tmp_path / "a.mkv", pictures=[D.default if i == default else 0 for i in range(2)])
    assert tracks_used(path) == (default, 0)
    (note,) = probe(path).notes
    assert f"of 2 tracks of pictures number {default + 1}" in note


def test_streams_may_come_in_any_order(tmp_path):
    path = write_tracks(tmp_path / "a.mkv", sounds=[0, D.default], sound_first=True)
    assert tracks_used(path) == (0, 1)
    assert "of 2 tracks of sound number 2" in probe(path).notes[0]


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "avi"])
def test_without_a_choice_there_is_no_note(tmp_path, suffix):
    path = write_tracks(tmp_path / f"a.{suffix}", audio="mp2")
    assert tracks_used(path) == (0, 0) and tuple(probe(path).notes) == ()


def test_tracks_that_are_not_marked(tmp_path):
    """Something is used, the same by each read, and said."""
    path = write_tracks(tmp_path / "a.ts", sounds=[0, 0], audio="mp2")
    assert len({tracks_used(path, 2, start) for start in (0.0, 0.5, 1.0)}) == 1
    assert "of 2 tracks of sound" in probe(path).notes[0]


@pytest.mark.parametrize("kind", [D.visual_impaired, D.hearing_impaired])
@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_sound_for_the_impaired_is_not_taken_for_the_first(tmp_path, suffix, kind):
    path = write_tracks(tmp_path / f"a.{suffix}", sounds=[kind, 0], audio="mp2")
    assert tracks_used(path) == (0, 1)


def test_a_commentary_is_not_the_default(tmp_path):
    path = write_tracks(tmp_path / "a.mkv", sounds=[D.comment, D.default])
    assert tracks_used(path) == (0, 1)


def test_the_length_is_that_of_the_tracks_used(tmp_path):
    """A short commentary beside the default sound does not end the video."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        pairs = [(stream, number_frames(4, FPS, (96, 80)))]
        for seconds, disposition in ((1, 0), (4, D.default)):
            stream = container.add_stream("aac", rate=48000, layout="mono")
            stream.disposition = disposition
            pairs.append((stream, noise_frames(seconds, 48000)))
        encode_by_time(container, pairs)
    assert probe(str(path)).duration == pytest.approx(4, abs=0.1)
    assert read_sound(str(path), 4)[0].std(axis=1).min() > 0.1


# ------------------------------------------------------------------- covers
def with_cover(path, cover_first, film=True):
    """Write 3 s of a song with a cover, with or without moving pictures."""
    with av.open(str(path), "w") as container:

        def add_cover():
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
            cover.disposition = D.attached_pic
            return cover

        cover = add_cover() if cover_first else None
        pairs = []
        if film:
            stream = container.add_stream("mpeg4", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
            pairs.append((stream, number_frames(3, FPS, (96, 80))))
        stream = container.add_stream("aac", rate=48000, layout="mono")
        pairs.append((stream, noise_frames(3, 48000)))
        cover = cover or add_cover()
        image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        image.pts, image.time_base = 0, Fraction(1)
        container.mux(cover.encode(image.reformat(format="yuvj420p")))
        container.mux(cover.encode(None))
        encode_by_time(container, pairs)
    return str(path)


@pytest.mark.parametrize("cover_first", [True, False])
def test_a_cover_is_no_choice(tmp_path, cover_first):
    path = with_cover(tmp_path / "a.mp4", cover_first)
    pictures, _ = read_pictures(path, 3, 4, 64)
    assert (read_numbers(pictures) >= 0).all() and len(pictures) == 12
    assert tuple(probe(path).notes) == ()


def test_a_cover_alone_is_no_video(tmp_path):
    path = with_cover(tmp_path / "a.mp4", True, film=False)
    with pytest.raises(ExtractionError, match="has no pictures"):
        probe(path)


# ------------------------------------------------------------------- programs
def crc32_mpeg(data):
    """Return the checksum of a table in a transport stream."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def table_of_programs(programs, counter):
    """Return a packet that lists programs: {number: packets' id of its table}."""
    entries = b"".join(struct.pack(">HH", number, 0xE000 | pid) for number, pid in programs.items())
    section = struct.pack(">BHHBBB", 0, 0xB000 | 9 + len(entries), 1, 0xC1, 0, 0) + entries
    section += struct.pack(">I", crc32_mpeg(section))
    packet = struct.pack(">BHB", 0x47, 0x4000, 0x10 | counter & 15) + b"\0" + section
    return packet + b"\xff" * (188 - len(packet))


def write_programs(folder, rich_sound):
    """Write a transport stream of two programs; the sound of the program `rich_sound` has more bits and channels."""
    packets = []
    for number in range(2):
        options = {"mpegts_service_id": str(number + 1), "mpegts_pmt_start_pid": str(4096 + 16 * number)}
        options["mpegts_start_pid"] = str(256 + 256 * number)
        rich = number == rich_sound
        path = write_clock(
            folder / f"{number}.ts",
            3,
            begin=number * APART,
            size=(96, 80) if rich else (192, 160),
            gop=12,
            audio="mp2",
            rate=48000,
            layout="stereo" if rich else "mono",
            audio_bit_rate=256_000 if rich else 48_000,
            options=options,
        )
        with open(path, "rb") as file:
            data = file.read()
        packets.append([data[at : at + 188] for at in range(0, len(data), 188)])
    merged, counter = [], 0
    order = sorted(
        (i / len(some), number, packet) for number, some in enumerate(packets) for i, packet in enumerate(some)
    )
    for _, number, packet in order:
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        if pid > 31:
            merged.append(packet)
        elif pid == 0 and number == 0:
            merged.append(table_of_programs({1: 4096, 2: 4112}, counter))
            counter += 1
    path = folder / "programs.ts"
    path.write_bytes(b"".join(merged))
    return str(path)


@pytest.mark.parametrize("rich_sound", [0, 1])
def test_pictures_and_sound_are_of_one_program(tmp_path, rich_sound):
    path = write_programs(tmp_path, rich_sound)
    with av.open(path) as container:
        assert len(container.streams.video) == len(container.streams.audio) == 2
    picture, sound = tracks_used(path)
    assert picture == sound
    assert "of 2 tracks of pictures" in " ".join(probe(path).notes)
