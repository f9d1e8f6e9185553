"""Small pictures at single times, of files parts of which are damaged."""

import av
import pytest
from media_files import read_numbers, write_clock

from ave_sklearn.extraction import ExtractionError
from ave_sklearn.extraction._stills import read_stills

FPS = 5
SECONDS = [0.5, 6.1, 11.5]


@pytest.fixture
def clock(tmp_path):
    """A file each picture of which is decoded by itself."""
    return write_clock(tmp_path / "clock.mkv", 12.0, size=(128, 96), fps=FPS, video="ffv1", gop=1)


def damage(path, seconds):
    """Overwrite the pictures from a time on by zeros, but for the head of each packet."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        places = [(p.pos + 8, p.pos + p.size) for p in packets if p.pts * p.time_base >= seconds]
    with open(path, "r+b") as file:
        for begin, end in places:
            file.seek(begin)
            file.write(bytes(end - begin))


def numbers(pictures):
    return [int(read_numbers(picture[None])[0]) for picture in pictures]


@pytest.mark.slow
def test_the_picture_before_the_damage_is_held(clock):
    assert numbers(read_stills(clock, SECONDS, 128)) == [2, 30, 57]
    damage(clock, 5.0)
    assert numbers(read_stills(clock, SECONDS, 128)) == [2, 24, 24]


@pytest.mark.slow
def test_pictures_none_of_which_is_decoded_are_an_error(clock):
    damage(clock, 0.0)
    with pytest.raises(ExtractionError, match=r"clock\.mkv: cannot be decoded: no picture comes out"):
        read_stills(clock, SECONDS, 128)
    assert read_stills(clock, [], 128) == []
