"""Pictures that a file says are to be turned or mirrored."""

import gc
import os
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_files import encode_by_time, noise_frames, write_clock

from ave_sklearn.extraction._pictures import read_pictures

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
COLOURS = {"R": (220, 30, 30), "G": (30, 220, 30), "B": (30, 30, 220), "W": (220, 220, 220)}

# Matrices (a, b, c, d) of QuickTime: a point (x, y), x to the right and y down, is shown at (a x + c y, b x + d y).
# Beside each: what a picture of R G above B W is shown as, and the value of EXIF that says the same.
ORIENTATIONS = {
    "as it is": ((1, 0, 0, 1), "RG BW", 1),
    "mirrored left to right": ((-1, 0, 0, 1), "GR WB", 2),
    "turned by 180": ((-1, 0, 0, -1), "WB GR", 3),
    "mirrored top to bottom": ((1, 0, 0, -1), "BW RG", 4),
    "transposed": ((0, 1, 1, 0), "RB GW", 5),
    "turned by 90 clockwise": ((0, 1, -1, 0), "BR WG", 6),
    "transposed over the other diagonal": ((0, -1, -1, 0), "WG BR", 7),
    "turned by 90 the other way": ((0, -1, 1, 0), "GW RB", 8),
}
CASES = pytest.mark.parametrize(("matrix", "shown", "exif"), ORIENTATIONS.values(), ids=ORIENTATIONS)


def quarters(size):
    """A picture of four colours, R G above B W."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    for i, colour in enumerate(COLOURS.values()):
        rows = slice(height // 2, None) if i // 2 else slice(height // 2)
        columns = slice(width // 2, None) if i % 2 else slice(width // 2)
        picture[rows, columns] = colour
    return picture


def write_quarters(path, size=(64, 64), codec="mpeg4", pixel_format="yuv420p", change=None, **options):
    """Write 2 s of that picture, and return the path as text; `change` makes the bytes of a packet anew."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        sound = container.add_stream("pcm_s16le" if path.suffix in (".avi", ".mkv", ".mov") else "aac", rate=16000)
        packets = []
        for number in range(10):
            frame = av.VideoFrame.from_ndarray(quarters(size), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            container.mux(packet if change is None else changed(packet, change(bytes(packet))))
        encode_by_time(container, [(sound, noise_frames(2, 16000))])
    return str(path)


def changed(packet, data):
    """Return a packet of other bytes, but the same time."""
    other = av.Packet(data)
    other.pts, other.dts, other.time_base, other.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    other.stream, other.is_keyframe = packet.stream, packet.is_keyframe
    return other


def turned(path, matrix, scale=1.0):
    """Write `matrix` into the header of a file's pictures."""
    data = bytearray(open(path, "rb").read())
    at = data.find(b"tkhd") + 44
    assert struct.unpack(">9i", data[at : at + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (round(entry * scale * 65536) for entry in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    open(path, "wb").write(data)
    return path


def colours_shown(path):
    """Return the colours of the quarters of each picture that is read, as "RG BW"."""
    pictures, share = read_pictures(path, 2, 4, 64)
    assert pictures.shape[1:] == (64, 64, 3) and share.shape == (2, len(pictures))
    found = set()
    for picture in pictures:
        points = [picture[y, x].astype(int) for y in (16, 48) for x in (16, 48)]
        names = [min(COLOURS, key=lambda name: np.abs(point - COLOURS[name]).sum()) for point in points]
        found.add("".join(names[:2]) + " " + "".join(names[2:]))
    assert len(found) == 1
    return found.pop()


@CASES
@pytest.mark.parametrize(("suffix", "size"), [("mp4", (64, 64)), ("mp4", (48, 128)), ("mov", (128, 48))])
def test_matrices_turn_and_mirror(tmp_path, suffix, size, matrix, shown, exif):
    assert colours_shown(turned(write_quarters(tmp_path / f"a.{suffix}", size), matrix)) == shown


@CASES
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_the_scale_of_a_matrix_does_not_matter(tmp_path, scale, matrix, shown, exif):
    assert colours_shown(turned(write_quarters(tmp_path / "a.mp4", (96, 64)), matrix, scale)) == shown


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 0, 0, 1)])
def test_a_matrix_that_shows_nothing_is_not_followed(tmp_path, matrix):
    assert colours_shown(turned(write_quarters(tmp_path / "a.mp4"), matrix)) == "RG BW"


@pytest.mark.parametrize("degrees", [-3, 2])
def test_a_matrix_that_is_nearly_upright_is_taken_as_upright(tmp_path, degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    assert colours_shown(turned(write_quarters(tmp_path / "a.mp4"), (cosine, sine, -sine, cosine))) == "RG BW"


def test_clips_are_turned_as_the_whole(tmp_path):
    path = turned(write_clock(tmp_path / "a.mp4", 6, gop=12), (0, 1, -1, 0))
    whole, share = read_pictures(path, 6, 5, 32)
    clip, clip_share = read_pictures(path, 2, 5, 32, 3.0)
    np.testing.assert_array_equal(clip[clip_share.argmax(axis=1)], whole[share.argmax(axis=1)][3:5])


# ------------------------------------------------------------------- EXIF
def with_exif(orientation):
    """Return a function that puts the orientation, in EXIF, behind the first marker of a JPEG."""
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1)
    tiff += struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack(">I", 0)
    exif = b"Exif\0\0" + tiff

    def change(jpeg):
        assert jpeg[:2] == b"\xff\xd8"
        return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]

    return change


@CASES
@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
def test_exif_turns_and_mirrors(tmp_path, suffix, matrix, shown, exif):
    """Action cameras and digital cameras film MJPEG whose pictures say how they are to be shown."""
    options = {"codec": "mjpeg", "pixel_format": "yuvj420p", "change": with_exif(exif)}
    assert colours_shown(write_quarters(tmp_path / f"a.{suffix}", (96, 64), **options)) == shown


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_exif_that_says_nothing_known_changes_nothing(tmp_path, orientation):
    options = {"codec": "mjpeg", "pixel_format": "yuvj420p", "change": with_exif(orientation)}
    assert colours_shown(write_quarters(tmp_path / "a.avi", **options)) == "RG BW"


# ------------------------------------------------------------------- H.264
def with_orientation_message(hflip, vflip, turns):
    """Return a function that puts a message of display orientation (SEI 47) in front of each packet of H.264.

    ``turns`` are quarters of a circle, anticlockwise, after the flips.
    """
    bits = "0" + f"{hflip:b}{vflip:b}" + f"{turns * 0x4000:016b}" + "010" + "0"  # repetition period 1 is ue(1) = 010
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    payload = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    unit = bytes([6, 47, len(payload)]) + payload + b"\x80"
    for zeros in (b"\0\0\0", b"\0\0\1", b"\0\0\2", b"\0\0\3"):
        unit = unit.replace(zeros, zeros[:2] + b"\3" + zeros[2:])
    return lambda data: b"\0\0\0\1" + unit + data


MESSAGES = [  # flips and turns, and what is shown
    ((0, 0, 0), "RG BW"),
    ((1, 0, 0), "GR WB"),
    ((0, 1, 0), "BW RG"),
    ((1, 1, 0), "WB GR"),
    ((0, 0, 1), "GW RB"),
    ((0, 0, 2), "WB GR"),
    ((0, 0, 3), "BR WG"),
]


@pytest.mark.parametrize(("message", "shown"), MESSAGES)
@pytest.mark.parametrize("suffix", ["ts", "avi"])
def test_messages_of_h264_turn_and_mirror(tmp_path, suffix, message, shown):
    options = {
        "codec": "libx264",
        "change": with_orientation_message(*message),
        "bf": "0",
        "x264-params": "repeat-headers=1",
    }
    assert colours_shown(write_quarters(tmp_path / f"a.{suffix}", (96, 64), **options)) == shown


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts threads by Linux's own list of them")
def test_no_thread_of_a_decoder_is_left_to_the_garbage_collector(tmp_path):
    """A process that forks meanwhile would wait for them for ever."""
    path = str(write_quarters(tmp_path / "a.mp4"))
    gc.collect()
    gc.disable()
    try:
        read_pictures(path, 1, 5, 32)
        before = len(os.listdir("/proc/self/task"))
        for _ in range(3):
            read_pictures(path, 1, 5, 32)
        assert len(os.listdir("/proc/self/task")) == before < 8
    finally:
        gc.enable()
