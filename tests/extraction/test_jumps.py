"""Clips in the midst of files: nothing is shown before its key frame, and a jump that lands late steps back."""

import numpy as np
import pytest
from helpers import grey, has_encoder, write_video
from media_files import assert_tells, numbers_shown, read_numbers, write_clock

from ave_sklearn.extraction import _decoding
from ave_sklearn.extraction._media import probe
from ave_sklearn.extraction._pictures import read_pictures

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
X264 = {"video": "libx264", "video_options": {"preset": "ultrafast", "bf": "2"}}
OPEN = {
    "video": "libx264",
    "video_options": {"preset": "ultrafast", "x264-params": "open-gop=1:bframes=2:b-adapt=0:scenecut=0"},
}
VP8 = {"video": "libvpx", "audio": "libopus", "video_options": {"deadline": "realtime", "cpu-used": "8"}}
KINDS = {
    "mpeg4 in ts": ("ts", {"video": "mpeg4", "audio": "mp2"}),
    "mpeg4 with B-frames in ts": ("ts", {"video": "mpeg4", "audio": "mp2", "video_options": {"bf": "2"}}),
    "mpeg4 in mkv": ("mkv", {}),
    "mpeg4 in avi": ("avi", {"audio": "libmp3lame"}),
    "mpeg2 in ts": ("ts", {"video": "mpeg2video", "audio": "mp2"}),
    "mpeg2 in mpg": ("mpg", {"video": "mpeg2video", "audio": "mp2"}),
    "h264 in ts": ("ts", X264),
    "h264 in mkv": ("mkv", X264),
    "h264 in mp4": ("mp4", X264),
    "open GOP in ts": ("ts", OPEN),
    "open GOP in mp4": ("mp4", OPEN),
    "fragments": ("mp4", X264 | {"options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}),
    "flv": ("flv", {"video": "flv", "audio": "libmp3lame", "rate": 44100}),
    "vp8 in webm": ("webm", VP8),
}


@pytest.mark.parametrize("kind", KINDS)
def test_clips_with_key_frames_8_s_apart(tmp_path, kind):
    suffix, options = KINDS[kind]
    options = {"rate": 48000} | options
    path = write_clock(tmp_path / f"a.{suffix}", 20, gop=200, size=(96, 80), **options)
    for start in (2.0, 6.5, 7.9, 8.0, 8.1, 12.0, 15.9, 18.0):
        assert_tells(path, 2, start, within=0.09, apart=0.06)


@pytest.mark.parametrize("gop", [12, 1000])
@pytest.mark.parametrize("suffix", ["ts", "mpg", "mkv", "avi"])
def test_one_key_frame_at_the_begin_alone(tmp_path, suffix, gop):
    options = {"video": "mpeg2video", "audio": "mp2"} if suffix == "mpg" else {"audio": "libmp3lame"}
    if suffix == "mpg":
        gop = min(gop, 250)  # this encoder takes no more than 600 and 10 s
    path = write_clock(tmp_path / f"a.{suffix}", 14, gop=gop, size=(96, 80), rate=44100, **options)
    for start in (3.5, 12.0):
        assert_tells(path, 2, start)


def cut_before(path, target, share, packet=188):
    """Write what lies behind a share of a stream's packets, as a recorder that is switched on does."""
    data = path.read_bytes()
    at = int(len(data) * share) // packet * packet
    target.write_bytes(data[at:])
    return str(target)


@pytest.mark.parametrize("codec", ["mpeg4", "mpeg2video", "libx264"])
@pytest.mark.parametrize("share", [0.07, 0.21, 0.5])
def test_a_stream_cut_anywhere_shows_nothing_that_was_not_written(tmp_path, codec, share):
    """Until the first key frame there is nothing to see: the first picture stands for it."""
    whole = tmp_path / "whole.ts"
    options = {"video_options": {"bf": "0", "x264-params": "scenecut=0"}} if codec == "libx264" else {}
    write_clock(whole, 12, gop=75, size=(96, 80), video=codec, audio="mp2", rate=48000, **options)
    path = cut_before(whole, tmp_path / "cut.ts", share)
    n_segments = int(probe(path).duration)
    pictures, picture_share = read_pictures(path, n_segments, 8, 64)
    assert (read_numbers(pictures) >= 0).all()
    shown = numbers_shown(pictures, picture_share, 8).ravel()
    assert (np.diff(shown) >= 0).all() and shown[0] % 75 == 0
    begun = np.flatnonzero(np.diff(shown))[0] + 1  # from here on pictures go on with time
    steps = np.diff(shown[begun:]) * 8 / 25
    assert abs(steps.mean() - 1) < 0.1 and steps.max() < 1.4


@pytest.mark.parametrize("kind", ["mpeg4 in ts", "h264 in ts", "mpeg2 in mpg", "fragments"])
def test_the_whole_and_its_clips_show_the_same(tmp_path, kind):
    suffix, options = KINDS[kind]
    path = write_clock(tmp_path / f"a.{suffix}", 10, gop=50, size=(96, 80), **({"rate": 48000} | options))
    whole = numbers_shown(*read_pictures(path, 10, 25, 64), 25)
    for start in range(0, 9, 2):
        np.testing.assert_array_equal(
            numbers_shown(*read_pictures(path, 2, 25, 64, float(start)), 25), whole[start:][:2]
        )


# ------------------------------------------------------------------- what a clip costs
def frames_decoded(monkeypatch, path, start):
    """Return how many pictures are decoded for 2 s from `start` on."""
    count = 0
    frames = _decoding._frames

    def counted(*args, **kwargs):
        nonlocal count
        for each in frames(*args, **kwargs):
            count += 1
            yield each

    monkeypatch.setattr(_decoding, "_frames", counted)
    read_pictures(path, 2, 4, 32, start)
    monkeypatch.setattr(_decoding, "_frames", frames)
    return count


@pytest.mark.parametrize("kind", ["mpeg4 in ts", "h264 in ts", "mpeg2 in mpg", "h264 in mkv", "fragments"])
def test_the_cost_of_a_clip_does_not_grow_with_its_place(tmp_path, monkeypatch, kind):
    suffix, options = KINDS[kind]
    options = {"rate": 48000} | options
    path = write_clock(tmp_path / f"a.{suffix}", 60, gop=50, size=(64, 48), **options)
    counts = [frames_decoded(monkeypatch, path, start) for start in (20.0, 40.0, 58.0)]
    assert max(counts) <= 25 * (2 + 1 + 2 + 4)  # the clip, the lead, a group of pictures, a step back


# ------------------------------------------------------- few pictures a second, shown in another order
@pytest.mark.parametrize("fps", [1, 2])
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "flv", "avi"])
def test_pictures_far_apart_that_are_not_decoded_in_their_turn(tmp_path, suffix, fps):
    """Stamps of decoding and of showing lie seconds apart then, which is no clock that begins anew."""
    if not has_encoder("libx264"):
        pytest.skip("this FFmpeg cannot write libx264")
    levels = np.arange(10, 250, 12)
    path = str(write_video(tmp_path / f"a.{suffix}", 20, fps, video_codec="libx264", picture=grey(levels), gop_size=50))
    assert probe(path).duration == pytest.approx(20, abs=0.1)
    for start, n_segments in [(0, 20), (7, 3), (16.0, 4)]:
        pictures, share = read_pictures(path, n_segments, 4, 16, start)
        shown = share @ pictures.mean(axis=(1, 2, 3))
        late = 12 / fps if suffix == "avi" else 0  # FFmpeg leaves out the second stamp of an AVI
        np.testing.assert_allclose(shown, levels[int(start) :][:n_segments], atol=4 + late)
