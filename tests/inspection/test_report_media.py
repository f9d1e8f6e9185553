"""Media of a report: links that lead to their files, what is said of those that do not play, and thumbnails."""

import base64
import io
import ntpath
import os
import posixpath
import struct
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import av
import numpy as np
import pytest
from media_files import read_numbers, write_clock
from PIL import Image

from ave_sklearn.extraction import ExtractionError
from ave_sklearn.inspection.report._media import (
    MOST_THUMBNAILS,
    draw_thumbnails,
    link_media,
    playing_note,
    relative_url,
    spread,
)

ODD_NAMES = [
    "a b.mp4",
    "100%25 #1?.mp4",
    "élan ねこ.mp4",
    "javascript:alert(1).mp4",
    "C:.mp4",
    "a&b<i>'\".mp4",
    "-o.mp4",
]


def led_to(page, url):
    """The file that a browser which shows a page takes a relative link for."""
    parts = urlsplit(urljoin(Path(os.path.abspath(page)).as_uri(), url))
    assert parts.scheme == "file" and not parts.netloc and not parts.query and not parts.fragment
    return Path(unquote(parts.path))


@pytest.fixture
def empty(tmp_path):
    """Make empty files, which are there, in a folder."""

    def make(*names, folder="media"):
        for name in names:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).touch()
        return tmp_path / folder

    return make


# -------------------------------------------------------------------- links
@pytest.mark.parametrize("page", ["report.html", "pages/deep er/report.html", "media/report.html", "media/b/c.html"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_link_leads_to_its_file_and_is_relative(tmp_path, empty, page, name):
    folder = empty(name)
    (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
    (link,) = link_media([name], tmp_path / page, folder).values()
    assert link.url.startswith(("./", "../")) and str(tmp_path) not in link.url
    assert link.url.isascii() and not set(link.url) & set("#?: <>\"'\\")
    assert led_to(tmp_path / page, link.url) == folder / name == link.path


def test_links_are_relative_to_the_page_whatever_the_current_folder_is(tmp_path, empty, monkeypatch):
    empty("a.mp4", folder="out/media")
    monkeypatch.chdir(tmp_path / "out")
    for page, url in [("report.html", "./media/a.mp4"), ("../report.html", "./out/media/a.mp4")]:
        assert link_media(["v"], page, {"v": "media/a.mp4"})["v"].url == url


def test_a_folder_that_is_a_link_keeps_its_name(tmp_path, empty):
    """Browsers do not follow links of the file system when they go up in an address."""
    empty("a.mp4", folder="disk/media")
    (tmp_path / "disk" / "pages").mkdir()
    (tmp_path / "home").mkdir()
    for name in ("media", "pages"):
        (tmp_path / "home" / name).symlink_to(tmp_path / "disk" / name)
    page = tmp_path / "home" / "pages" / "report.html"
    assert link_media(["a.mp4"], page, tmp_path / "home" / "media")["a.mp4"].url == "../media/a.mp4"
    up = tmp_path / "home" / "media" / ".." / "media" / "a.mp4"  # the system goes up from where the link leads to
    url = link_media(["a"], page, {"a": up})["a"].url
    assert os.path.samefile(led_to(page, url), up)


def test_no_relative_link_leads_to_another_drive():
    assert relative_url("D:\\media\\a b.mp4", "C:\\pages", ntpath) is None
    assert relative_url("C:\\media\\a b.mp4", "C:\\pages", ntpath) == "../media/a%20b.mp4"
    assert relative_url("/media/a\\b.mp4", "/media", posixpath) == "./a%5Cb.mp4"


def test_names_that_are_no_text_are_linked_by_their_bytes(tmp_path):
    name = os.fsdecode(b"caf\xe9.mp4")
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system takes text alone")
    assert link_media([name], tmp_path / "r.html", tmp_path)[name].url == "./caf%E9.mp4"


def test_without_media_there_are_no_links(tmp_path):
    assert link_media(["a.mp4"], tmp_path / "report.html", None) == {}


# ------------------------------------------------------------------ folders
def test_files_are_found_by_the_whole_name_or_its_last_parts(tmp_path, empty):
    folder = empty("day1/a.mp4", "b.mp4", "c.MOV", "d.e.webm")
    names = ["day1/a.mp4", "old/place/day1/b.mp4", "/elsewhere/c.MOV", "d.e", "../../b.mp4"]
    found = link_media(names[:4], tmp_path / "r.html", folder)
    assert [link.path.relative_to(folder).as_posix() for link in found.values()] == [
        "day1/a.mp4",
        "b.mp4",
        "c.MOV",
        "d.e.webm",
    ]
    assert link_media(names[4:], tmp_path / "r.html", folder)["../../b.mp4"].path == folder / "b.mp4"


def test_nothing_outside_of_the_folder_is_found(tmp_path, empty):
    folder = empty("a.mp4")
    (tmp_path / "b.mp4").touch()
    links = link_media(["../b.mp4", str(tmp_path / "b.mp4"), "..", "", "/"], tmp_path / "r.html", folder)
    assert [link.path for link in links.values()] == [None] * 5


def test_a_missing_file_is_said_and_where_it_was_looked_for(tmp_path, empty):
    folder = empty("a.mp4")
    links = link_media(["day1/b.mp4"], tmp_path / "r.html", folder)
    assert links["day1/b.mp4"] == (None, f"The media file is not there; looked for at {folder / 'b.mp4'}.", None)
    links = link_media(["x", "y", "z"], tmp_path / "r.html", {"x": folder / "c.mp4", "z": folder})
    assert links["x"].note == f"The media file is not there; looked for at {folder / 'c.mp4'}."
    assert links["y"] == (None, "No media file is given for this video.", None)
    assert links["z"].path is None


def test_a_file_that_may_be_that_of_several_videos_is_none_of_them(tmp_path, empty):
    folder = empty("a.mp4", "b.mp4")
    links = link_media(["day1/a.mp4", "day2/a.mp4", "b.mp4", "day2/b.mp4"], tmp_path / "r.html", folder)
    said = "The media file is not told by its name: {} may be that of 'day1/a.mp4' or 'day2/a.mp4'."
    assert links["day1/a.mp4"] == links["day2/a.mp4"] == (None, said.format(folder / "a.mp4"), None)
    assert links["b.mp4"].path == folder / "b.mp4"
    assert links["day2/b.mp4"].path is None and "'b.mp4' or 'day2/b.mp4'" in links["day2/b.mp4"].note


# ------------------------------------------------------------------ playing
PLAYED = [("mp4", "libx264", "aac"), ("webm", "libvpx", "libopus"), ("webm", "libvpx-vp9", "libopus")]
NOT_PLAYED = [
    ("mp4", "mpeg4", "aac", "Its pictures are MPEG-4 part 2 in MP4 or MOV, which browsers do not play"),
    ("avi", "mpeg2video", "mp2", "Its pictures are MPEG-2 video in AVI, which browsers do not play"),
    ("ts", "libx264", "aac", "in an MPEG transport stream, which browsers do not play"),
    ("mkv", "libx264", "aac", "in Matroska or WebM, which some browsers do not play"),
    ("mp4", "libx265", "aac", "HEVC (High Efficiency Video Coding) in MP4 or MOV, which some browsers do not play"),
    ("mp4", "libx264", "ac3", "Its sound is ATSC A/52A (AC-3) in MP4 or MOV, which some browsers do not play"),
    (
        "mov",
        "libx264",
        "pcm_s16le",
        "Its sound is PCM signed 16-bit little-endian in MP4 or MOV, which browsers",
    ),
]


def write(path, video, audio, **options):
    """A file of a second, or None where the libraries lack an encoder."""
    if not {video, audio} <= set(av.codecs_available):
        pytest.skip(f"PyAV has no {video} or no {audio}")
    return Path(write_clock(path, 1.0, video=video, audio=audio, rate=48000, layout="stereo", **options))


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "video", "audio"), PLAYED)
def test_what_browsers_play_has_no_note(tmp_path, suffix, video, audio):
    assert playing_note(write(tmp_path / f"a.{suffix}", video, audio)) is None


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "video", "audio", "said"), NOT_PLAYED)
def test_what_browsers_do_not_play_is_linked_and_said(tmp_path, suffix, video, audio, said):
    path = write(tmp_path / f"a.{suffix}", video, audio)
    link = link_media([path.name], tmp_path / "r.html", tmp_path)[path.name]
    assert link.url == f"./a.{suffix}" and said in link.note
    assert link.note.endswith("'ffmpeg -i INPUT -pix_fmt yuv420p OUTPUT.mp4' converts it.")


@pytest.mark.slow
def test_unusual_pixels_of_h264_are_said(tmp_path):
    path = write(tmp_path / "a.mp4", "libx264", "aac", video_options={"profile": "high444"}, pixel_format="yuv420p")
    assert playing_note(path) is None
    with av.open(str(tmp_path / "b.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "of yuv444p pixels in MP4 or MOV, which some browsers do not play" in playing_note(tmp_path / "b.mp4")


@pytest.mark.slow
def test_damaged_media_is_said_and_the_rest_works(tmp_path):
    good = write(tmp_path / "good.mp4", "libx264", "aac")
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:-3000])
    (tmp_path / "text.mp4").write_text("no video\n" * 100)
    (tmp_path / "empty.mp4").touch()
    names = ["cut.mp4", "good.mp4", "text.mp4", "empty.mp4"]
    links = link_media(names, tmp_path / "r.html", tmp_path)
    assert [link.url for link in links.values()] == [f"./{name}" for name in names]
    assert [link.note is None for link in links.values()] == [False, True, False, False]
    assert links["text.mp4"].note.startswith("The file cannot be decoded: ")
    assert links["empty.mp4"].note == "The file is empty (0 bytes)."


# --------------------------------------------------------------- thumbnails
def pictures_of(thumbnails):
    """The pictures of data URLs, which must be JPEGs."""
    for url in thumbnails:
        head, _, data = url.partition(",")
        assert head == "data:image/jpeg;base64"
        yield np.asarray(Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=["JPEG"]))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["mp4", "ts", "avi"])
def test_a_thumbnail_is_the_picture_on_screen_at_its_time(tmp_path, suffix):
    """Times that are close are decoded on, others are entered anew."""
    codecs = {"mp4": ("mpeg4", "aac"), "ts": ("mpeg2video", "aac"), "avi": ("mpeg4", "pcm_s16le")}[suffix]
    path = write_clock(tmp_path / f"a.{suffix}", 30.0, size=(320, 240), fps=10, video=codecs[0], audio=codecs[1])
    times = [0.0, 0.5, 1.5, 2.5, 2.55, 14.5, 28.5, 29.95]
    pictures = np.stack(list(pictures_of(draw_thumbnails(path, times))))
    assert pictures.shape == (8, 120, 160, 3)
    assert read_numbers(pictures).tolist() == [0, 5, 15, 25, 25, 145, 285, 299]


@pytest.mark.slow
def test_behind_the_end_there_is_no_picture_and_the_last_one_is_held(tmp_path):
    path = write_clock(tmp_path / "a.mp4", 2.0, size=(320, 240), audio_seconds=4.0)
    thumbnails = draw_thumbnails(path, [0.5, 1.5, 2.5, 3.5, 4.5, 1e9])
    assert [one is None for one in thumbnails] == [False, False, False, False, True, True]
    assert thumbnails[2] == thumbnails[3]


@pytest.mark.slow
def test_thumbnails_are_small_and_keep_the_shape_of_the_picture(tmp_path):
    path = write_clock(tmp_path / "a.mp4", 1.0, size=(640, 272))
    (url,) = draw_thumbnails(path, [0.5])
    (picture,) = pictures_of([url])
    assert picture.shape == (68, 160, 3) and len(url) < 8000


@pytest.mark.slow
def test_pictures_that_were_filmed_sideways_stand_upright(tmp_path):
    path = Path(write_clock(tmp_path / "a.mp4", 1.0, size=(320, 240)))
    (before,) = pictures_of(draw_thumbnails(path, [0.5]))
    data = bytearray(path.read_bytes())
    at = data.find(b"tkhd") + 44  # the matrix of the pictures; they are turned by 90 degrees clockwise
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    (after,) = pictures_of(draw_thumbnails(path, [0.5]))
    assert (before.shape, after.shape) == ((120, 160, 3), (160, 120, 3))
    assert np.abs(np.rot90(before, -1).astype(int) - after).mean() < 5


@pytest.mark.slow
def test_pixels_that_are_not_square_are_stretched(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 160, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2)
        frame = av.VideoFrame.from_ndarray(np.zeros((160, 160, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (picture,) = pictures_of(draw_thumbnails(tmp_path / "a.mp4", [0.0]))
    assert picture.shape == (80, 160, 3)


@pytest.mark.slow
def test_of_a_long_video_some_thumbnails_are_drawn_spread_evenly(tmp_path):
    path = write_clock(tmp_path / "a.mp4", 150.0, size=(64, 48), fps=2)
    thumbnails = draw_thumbnails(path, (np.arange(150) + 0.5).tolist())
    drawn = [number for number, one in enumerate(thumbnails) if one is not None]
    assert len(drawn) == MOST_THUMBNAILS and len(thumbnails) == 150
    assert drawn == spread(150, MOST_THUMBNAILS) and max(np.diff(drawn)) <= 2


def test_what_cannot_be_decoded_is_an_error_that_names_it(tmp_path):
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(ExtractionError, match="a.mp4: cannot be decoded"):
        draw_thumbnails(tmp_path / "a.mp4", [0.5])
    assert spread(5, 10) == [0, 1, 2, 3, 4] and spread(10, 3) == [1, 5, 8] and spread(0, 3) == []
