import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from helpers import grey, has_encoder, moving_square, sine, write_video

from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, cut_clips
from ave_sklearn.extraction._media import open_media, probe
from ave_sklearn.extraction._pictures import pictures_at, read_pictures
from ave_sklearn.extraction._sound import read_sound

LOSSLESS = {"video_codec": "ffv1", "pixel_format": "bgr0", "audio_codec": "pcm_s16le"}

pytestmark = pytest.mark.slow  # nearly each test writes a video and decodes it


def frame_number(t, size):
    """A picture whose brightness is four times its number at 25 frames a second."""
    return np.full((size[1], size[0], 3), 4 * round(25 * t), dtype=np.uint8)


def shown_numbers(pictures, share, scale=4):
    """The number of the picture at each of the 16 times of each segment, read off its brightness."""
    numbers = np.round(pictures.reshape(len(pictures), -1).mean(axis=1) / scale).astype(int)
    counts = np.round(share * 16).astype(int)
    return [sum(([number] * count for number, count in zip(numbers, row, strict=True)), []) for row in counts]


# ------------------------------------------------------------------ pictures
@pytest.mark.parametrize("seed", range(3))
def test_the_picture_at_a_time_is_the_last_one_that_began(seed):
    rng = np.random.default_rng(seed)
    stamps = np.sort(rng.uniform(0, 3, 20))
    times = np.arange(48) / 16
    chosen, shown, _ = pictures_at(times, enumerate_frames(stamps), lambda frame: f"picture {frame}")
    for time, index in zip(times, shown, strict=True):
        begun = [number for number, stamp in enumerate(stamps) if stamp <= time]
        assert chosen[index] == f"picture {begun[-1] if begun else 0}"
    assert len(set(chosen)) == len(chosen)


def enumerate_frames(stamps):
    return ((stamp, stamp, number) for number, stamp in enumerate(stamps))


def test_no_more_frames_are_read_than_needed_and_only_shown_ones_are_converted():
    read, converted = [], []

    def frames():
        for number in range(1000):
            read.append(number)
            yield number / 100, number / 100, number

    _, shown, end = pictures_at(np.arange(16) / 16, frames(), converted.append)
    assert len(converted) == 16 and len(read) == 95 and end == np.inf  # the last time is 0.9375


def test_frames_that_begin_late_and_end_early_are_held():
    chosen, shown, end = pictures_at(np.arange(4) / 4, iter([(0.3, 0.5, "a"), (0.6, 0.7, "b")]), str)
    assert ([chosen[index] for index in shown], end) == (["a", "a", "a", "b"], pytest.approx(0.7))


def test_no_frames_at_all():
    assert pictures_at(np.arange(2), iter([]), str)[2] == 0


@pytest.mark.parametrize("suffix", ["mkv", "avi"])
def test_sixteen_pictures_a_second_of_25(tmp_path, suffix):
    path = write_video(tmp_path / f"a.{suffix}", fps=25, seconds=2.4, picture=frame_number, **LOSSLESS)
    pictures, share = read_pictures(str(path), 2, 16, 24)
    assert pictures.shape == (32, 24, 24, 3) and pictures.dtype == np.uint8
    expected = [[int(25 * (second + i / 16)) for i in range(16)] for second in range(2)]
    assert shown_numbers(pictures, share) == expected


@pytest.mark.parametrize("fps", [3, 5, Fraction(30000, 1001), 60])
def test_each_picture_is_read_once_and_shares_sum_to_one(tmp_path, fps):
    path = write_video(tmp_path / "a.mp4", fps=fps, seconds=3)
    pictures, share = read_pictures(str(path), 3, 16, 32)
    assert len(pictures) == min(48, round(3 * fps))
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-6)
    assert share.any(axis=0).all()


def test_variable_frame_rate_goes_by_the_time_stamps(tmp_path):
    stamps = [0, 100, 130, 700, 1400, 1450, 1900]  # ms
    path = tmp_path / "variable.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 30 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), format="s16", layout="mono")
        silence.rate, silence.pts = 8000, 0
        container.mux(sound.encode(silence))
    expected = [max(n for n, stamp in enumerate(stamps) if stamp <= 1000 * i / 16) for i in range(32)]
    assert shown_numbers(*read_pictures(str(path), 2, 16, 32), scale=30) == [expected[:16], expected[16:]]


@pytest.mark.parametrize("start", [2.0, 10.0])
def test_time_begins_where_the_file_begins(tmp_path, start):
    options = {"seconds": 2, "picture": grey([40, 200]), "sound": lambda t: np.where(t < 1, 0.1, 0.6)}
    path = write_video(tmp_path / "a.mkv", fps=10, video_start=start, audio_start=start, **LOSSLESS, **options)
    pictures, share = read_pictures(str(path), 2, 16, 8)
    np.testing.assert_array_equal(share @ pictures.reshape(len(pictures), -1).mean(axis=1), [40, 200])
    seconds, _ = read_sound(str(path), 2)
    np.testing.assert_allclose(seconds.mean(axis=1), [0.1, 0.6], atol=1e-3)


@pytest.mark.parametrize("codec", ["mpeg4", "libx264", "mjpeg"])
def test_lossy_codecs_show_the_right_second(tmp_path, codec):
    if not has_encoder(codec):
        pytest.skip(f"this FFmpeg cannot write {codec}")
    pixels = {"pixel_format": "yuvj420p"} if codec == "mjpeg" else {}
    picture = grey([20, 120, 220])
    path = write_video(tmp_path / "a.mp4", fps=25, seconds=3, picture=picture, video_codec=codec, **pixels)
    pictures, share = read_pictures(str(path), 3, 16, 32)
    np.testing.assert_allclose(share @ pictures.reshape(len(pictures), -1).mean(axis=1), [20, 120, 220], atol=6)


def test_pictures_are_rgb_and_fill_the_square(tmp_path):
    def halves(t, size):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[:, : size[0] // 2, 0] = 200  # red on the left
        image[:, size[0] // 2 :, 2] = 100  # blue on the right
        return image

    path = write_video(tmp_path / "a.mkv", size=(96, 40), seconds=1, picture=halves, **LOSSLESS)
    pictures, _ = read_pictures(str(path), 1, 4, 32)
    np.testing.assert_array_equal(pictures[0, 5, 3], [200, 0, 0])
    np.testing.assert_array_equal(pictures[0, 30, 28], [0, 0, 100])


@pytest.mark.parametrize(("degrees", "corner"), [(90, (31, 0)), (180, (31, 31)), (-90, (0, 31))])
def test_videos_filmed_sideways_are_turned(tmp_path, degrees, corner):
    def bright_corner(t, size):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[: size[1] // 4, : size[0] // 4] = 220  # at the top, on the left
        return image

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.set_display_rotation(degrees)
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(bright_corner(0, (64, 64)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 5)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pictures, _ = read_pictures(str(tmp_path / "a.mp4"), 1, 2, 32)
    brightness = {at: pictures[0, at[0], at[1]].mean() for at in [(0, 0), (0, 31), (31, 0), (31, 31)]}
    assert max(brightness, key=brightness.get) == corner


# --------------------------------------------------------------------- sound
def test_sound_is_cut_at_whole_seconds(tmp_path):
    path = write_video(tmp_path / "a.mkv", seconds=3, sound=lambda t: 0.1 + 0.2 * np.floor(t), **LOSSLESS)
    seconds, rate = read_sound(str(path), 3)
    assert (seconds.shape, seconds.dtype, rate) == ((3, 44100), np.float32, 44100)
    np.testing.assert_allclose(seconds, np.repeat([[0.1], [0.3], [0.5]], 44100, axis=1), atol=1e-4)


@pytest.mark.parametrize(("layout", "n_channels"), [("mono", 1), ("stereo", 2), ("5.1", 6)])
@pytest.mark.parametrize("rate", [8000, 48000])
def test_channels_are_averaged_at_any_rate(tmp_path, layout, n_channels, rate):
    levels = np.linspace(-0.3, 0.9, n_channels)
    path = write_video(
        tmp_path / "a.mkv", rate=rate, layout=layout, sound=lambda t: levels[:, None] + 0 * t, **LOSSLESS
    )
    seconds, found = read_sound(str(path), 2)
    assert found == rate and seconds.shape == (2, rate)
    np.testing.assert_allclose(seconds, levels.mean(), atol=1e-4)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s32le", "pcm_f32le", "flac"])
def test_samples_of_any_type_lie_within_one(tmp_path, codec):
    path = write_video(tmp_path / "a.mkv", **(LOSSLESS | {"audio_codec": codec}), sound=lambda t: -0.75 + 0 * t)
    seconds, _ = read_sound(str(path), 2)
    np.testing.assert_allclose(seconds, -0.75, atol=1e-2 if codec == "pcm_u8" else 1e-4)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_aac_keeps_its_place(tmp_path, suffix, layout):
    """The encoder's lead-in is left out: the sound is where it was, to 0.1 ms."""
    path = write_video(tmp_path / f"a.{suffix}", seconds=2, layout=layout, rate=48000, tone=440)
    seconds, rate = read_sound(str(path), 2)
    found, true = seconds.ravel()[4000:-4000], sine(440)(np.arange(2 * rate) / rate)
    delays = range(-60, 61)  # half a period is 55 samples
    likeness = [found @ true[4000 + delay : -4000 + delay] for delay in delays]
    assert abs(delays[int(np.argmax(likeness))]) <= 5
    heard = 5 / 6 if layout == "5.1" else 1  # AAC holds nothing but bass in the sixth channel
    assert np.sqrt(np.mean((found - heard * true[4000:-4000]) ** 2)) < 0.02


def test_time_stamps_rounded_to_milliseconds_leave_no_gaps(tmp_path):
    """Matroska rounds; 44100 Hz in blocks of 1024 samples is never a whole number of milliseconds."""
    path = write_video(tmp_path / "a.mkv", seconds=3, sound=lambda t: 0.5 + 0 * t, **LOSSLESS)
    seconds, _ = read_sound(str(path), 3)
    assert seconds.min() > 0.499


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path):
    options = LOSSLESS | {"sound": lambda t: 0.5 + 0 * t, "audio_start": 0.75, "audio_seconds": 1.25}
    path = write_video(tmp_path / "a.mkv", seconds=2, rate=16000, **options)
    seconds, _ = read_sound(str(path), 2)
    np.testing.assert_allclose(np.flatnonzero(seconds.ravel() > 0.4)[0] / 16000, 0.75, atol=2e-3)
    assert (seconds[0, :11900] == 0).all() and (seconds[1] > 0.4).all()


def test_the_last_segment_may_lack_less_than_half_a_second(tmp_path):
    path = write_video(tmp_path / "a.mkv", seconds=1.6, rate=8000, sound=lambda t: 0.5 + 0 * t, **LOSSLESS)
    assert probe(str(path)).duration == pytest.approx(1.6, abs=0.01)
    seconds, _ = read_sound(str(path), 2)
    assert (seconds[1, :4700] > 0.4).all() and (seconds[1, 4900:] == 0).all()
    assert read_pictures(str(path), 2, 16, 8)[1].shape[0] == 2


# --------------------------------------------------------------------- clips
@pytest.mark.parametrize("start", [0.5, 1, 2.25, 7, 13])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_a_clip_is_a_part_of_the_whole(tmp_path, suffix, start):
    """Jumping to a start shows and plays what reading from the begin does; key frames are 4 s apart."""
    options = {"gop_size": 40, "layout": "stereo", "sound": lambda t: 0.3 * np.sin(2 * np.pi * (200 + 50 * t) * t)}
    path = str(write_video(tmp_path / f"a.{suffix}", seconds=15, fps=10, picture=grey(range(20, 245, 15)), **options))
    pictures, share = read_pictures(path, 2, 16, 8, start)
    seconds, rate = read_sound(path, 2, start)
    all_pictures, all_share = read_pictures(path, 15, 16, 8)
    frames = np.repeat(np.arange(len(all_pictures)), np.round(all_share.sum(axis=0) * 16).astype(int))
    shown = np.repeat(np.arange(len(pictures)), np.round(share.sum(axis=0) * 16).astype(int))
    begin = int(start * 16)
    np.testing.assert_array_equal(pictures[shown], all_pictures[frames[begin : begin + 32]])
    whole, first = read_sound(path, 15)[0].ravel(), int(start * rate)
    lags = range(-rate // 1000, rate // 1000 + 1) if suffix == "mkv" else [0]  # its time stamps are whole milliseconds
    gaps = [np.abs(seconds.ravel()[50:-50] - whole[first + lag :][50 : 2 * rate - 50]).max() for lag in lags]
    assert min(gaps) < 1e-3 and whole.std() > 0.2


def test_a_clip_past_the_end_is_too_short(tmp_path):
    path = str(write_video(tmp_path / "a.mp4", seconds=3))
    for read in (lambda: read_pictures(path, 2, 16, 8, 2), lambda: read_sound(path, 2, 2)):
        with pytest.raises(ExtractionError, match=r"wanted 2 segments of 1 s \(n_segments=2\) from 2 s on"):
            read()


# ------------------------------------------------------------------ bad input
def broken_copy(source, target, keep):
    data = source.read_bytes()
    target.write_bytes(data[: int(keep * len(data))])
    return target


def test_header_of_a_good_file(tmp_path):
    info = probe(str(write_video(tmp_path / "a.mp4", seconds=3, audio_seconds=2.5, rate=22050)))
    assert (info.duration, info.sample_rate) == (pytest.approx(2.5, abs=0.05), 22050)


def test_a_stream_that_begins_late_ends_late(tmp_path):
    path = write_video(tmp_path / "a.mp4", seconds=3, audio_start=1, audio_seconds=2)
    assert probe(str(path)).duration == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "missing.mp4", "there is no such file"),
        (lambda p: p, "is not a file"),
        (lambda p: broken_copy(write_video(p / "b.mp4"), p / "a.mp4", 0), r"is empty \(0 bytes\)"),
        (lambda p: broken_copy(write_video(p / "b.mp4"), p / "a.mp4", 0.5), "cannot be decoded: Invalid data"),
        (lambda p: write_video(p / "a.mp4", with_audio=False), "has no sound"),
        (lambda p: write_video(p / "a.mp4", with_video=False), "has no pictures"),
    ],
)
def test_unusable_files_are_found_by_their_header(tmp_path, make, message):
    path = make(tmp_path)
    with pytest.raises(ExtractionError, match=message) as caught:
        probe(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_text_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_text("a list of things to do, and nothing to see or hear " * 50)
    with pytest.raises(ExtractionError, match="a.mp4: cannot be decoded"):
        probe(str(tmp_path / "a.mp4"))


def test_a_cover_is_no_moving_picture(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        image = av.VideoFrame.from_ndarray(moving_square(0, (64, 48)), format="rgb24").reformat(format="yuvj420p")
        container.mux(cover.encode(image))
        container.mux(cover.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    with pytest.raises(ExtractionError, match="has no pictures"):
        probe(str(path))


def test_a_file_that_ends_in_the_middle_is_found(tmp_path):
    """The header of Matroska still says 4 s, but does not decide."""
    whole = write_video(tmp_path / "whole.mkv", seconds=4, fps=10)
    path = broken_copy(whole, tmp_path / "half.mkv", 0.5)
    assert probe(str(path)).duration < 2.5
    for read in (lambda: read_pictures(str(path), 4, 16, 8), lambda: read_sound(str(path), 4)):
        with pytest.raises(ExtractionError, match="half.mkv: (the (picture|sound) lasts|cannot be decoded)"):
            read()


# ------------------------------------------------------ headers that declare too much
RATE, WIDTH, HEIGHT, CHANNELS = b"\xb5\x88", b"\xb0\x82", b"\xba\x82", b"\x9f\x81"  # elements of Matroska


def with_header(tmp_path, **elements):
    """A good .mkv of FFV1 and PCM, and one that differs in numbers of its header."""
    options = LOSSLESS | {"rate": 16000, "size": (320, 300), "fps": 1}
    good = write_video(tmp_path / "good.mkv", **options)
    old = {"rate": (RATE, ">d", 16000.0), "width": (WIDTH, ">H", 320), "height": (HEIGHT, ">H", 300)}
    old["channels"] = (CHANNELS, ">B", 1)
    data = good.read_bytes()
    for name, value in elements.items():
        element, form, number = old[name]
        assert data.count(element + struct.pack(form, number)) == 1
        data = data.replace(element + struct.pack(form, number), element + struct.pack(form, value))
    (tmp_path / "bad.mkv").write_bytes(data)
    return [str(tmp_path / name) for name in ("bad.mkv", "good.mkv")]


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ({"rate": 5e8}, "declares sound of 500000000 Hz and 1 channels; wanted at most 768000 Hz and 64 channels"),
        ({"rate": 2e9}, "declares sound of 2000000000 Hz"),
        ({"rate": 768001.0}, "declares sound of 768001 Hz"),
        ({"channels": 255}, "declares sound of 16000 Hz and 255 channels"),
        ({"width": 12000, "height": 12000}, "declares pictures of 12000 x 12000; wanted at most 100000000 pixels"),
    ],
)
def test_headers_that_no_camera_writes_are_refused_before_memory_is_taken(tmp_path, elements, message):
    bad, good = with_header(tmp_path, **elements)
    with pytest.raises(ExtractionError, match=f"bad.mkv: {message}"):
        probe(bad)
    options = {"visual": lambda x: x.mean((2, 3)), "audio": lambda x: x.mean((1, 2)), "image_size": 8}
    extractor = VideoFeatureExtractor(n_segments=2, frames_per_segment=2, on_error="skip", **options)
    with pytest.warns(UserWarning, match="1 of 2 videos were skipped"):
        assert extractor.transform(cut_clips([bad, good], 2)).n_videos == 1
    with pytest.raises(ExtractionError, match=message):
        extractor.set_params(on_error="raise").transform([bad, good])


def test_a_size_that_ffmpeg_does_not_take_is_found_when_decoded(tmp_path):
    bad, _ = with_header(tmp_path, width=65535, height=65535)
    with pytest.raises(ExtractionError, match="bad.mkv: cannot be decoded"):
        read_pictures(bad, 2, 2, 8)


def test_the_highest_rate_is_read(tmp_path):
    bad, _ = with_header(tmp_path, rate=768000.0)
    assert probe(bad).sample_rate == 768000


def test_a_video_that_declares_years_is_refused_and_cut_into_one_clip(tmp_path, monkeypatch):
    path = str(write_video(tmp_path / "a.mp4", fps=1, seconds=3))
    assert len(cut_clips([path], 1)) == 3
    monkeypatch.setattr("ave_sklearn.extraction._media.MAX_DURATION", 2.5)  # the bound is 30 days
    monkeypatch.setattr("ave_sklearn.extraction._media._known", {})  # what a file holds is remembered
    with pytest.raises(ExtractionError, match=r"a.mp4: declares 3 s; wanted at most 2 s"):
        probe(path)
    assert cut_clips([path], 1) == [(path, 0.0)]


def test_pictures_may_not_grow_past_the_bound_on_their_way(tmp_path, monkeypatch):
    path = broadcast(tmp_path, size=(128, 128))
    assert len(read_pictures(path, 6, 1, 8)[1]) == 6
    monkeypatch.setattr("ave_sklearn.extraction._tracks.MAX_PIXELS", 100 * 100)
    with pytest.raises(ExtractionError, match="a.ts: "):
        read_pictures(path, 6, 1, 8)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OverflowError("too large"), "a.mkv: cannot be decoded: too large"),
        (ZeroDivisionError(), "a.mkv: cannot be decoded: ZeroDivisionError"),
        (TypeError("None"), "a.mkv: cannot be decoded: None"),
        (av.MemoryError(12, "Cannot allocate memory"), "a.mkv: cannot be decoded: Cannot allocate memory"),
        (MemoryError("of this machine"), None),
        (ImportError("of this installation"), None),
    ],
)
def test_what_goes_wrong_in_a_file_is_its_own_fault_unless_it_is_the_machines(tmp_path, error, raised):
    path = str(write_video(tmp_path / "a.mkv", fps=1))
    with pytest.raises(ExtractionError if raised else type(error), match=raised or str(error)):
        with open_media(path):
            raise error


# ------------------------------------------------------------------- odd files
BROADCAST = {"video_codec": "mpeg2video", "audio_codec": "mp2", "fps": 25}


@pytest.mark.parametrize(("seconds", "audio_seconds"), [(5, 5.6), (4.9, 5.7), (5.7, 4.9), (4.48, 4.48)])
def test_ends_are_found_where_the_header_tells_of_the_longest_stream_only(tmp_path, seconds, audio_seconds):
    path = str(write_video(tmp_path / "a.mkv", seconds=seconds, audio_seconds=audio_seconds, fps=10))
    assert probe(path).duration == pytest.approx(audio_seconds, abs=0.15)  # the last picture is held
    for _, start in cut_clips([path], 2):
        read_pictures(path, 2, 16, 8, start)
        read_sound(path, 2, start)


@pytest.mark.parametrize("seconds", [3, 9])
def test_program_streams_whose_headers_guess(tmp_path, seconds):
    path = str(write_video(tmp_path / "a.mpg", seconds=seconds, **BROADCAST))
    assert probe(path).duration == pytest.approx(seconds, abs=0.1)
    clips = cut_clips([path], 2)
    assert clips[-1] == (path, seconds - 2)
    for path, start in clips:
        assert read_pictures(path, 2, 16, 8, start)[1].shape[0] == 2
        assert read_sound(path, 2, start)[0].std(axis=1).min() > 0.3


def test_a_half_of_a_long_file_is_found_without_decoding(tmp_path):
    whole = write_video(tmp_path / "whole.mkv", seconds=30, fps=10)
    path = broken_copy(whole, tmp_path / "half.mkv", 0.5)
    assert 10 < probe(str(path)).duration < 20


def broadcast(tmp_path, **second):
    """A transport stream of 3 s of mono sound at 44.1 kHz, and of 3 s of another kind."""
    first = write_video(tmp_path / "1.ts", seconds=3, **BROADCAST)
    rest = write_video(tmp_path / "2.ts", seconds=3, video_start=3, audio_start=3, **BROADCAST, **second)
    path = tmp_path / "a.ts"
    path.write_bytes(first.read_bytes() + rest.read_bytes())
    return str(path)


def test_sound_may_change_from_mono_to_stereo(tmp_path):
    seconds, rate = read_sound(broadcast(tmp_path, layout="stereo"), 6)
    np.testing.assert_allclose(seconds.std(axis=1), 0.5 / np.sqrt(2), atol=0.02)
    assert rate == 44100


def test_sound_that_changes_its_rate_is_an_error(tmp_path):
    with pytest.raises(ExtractionError, match="a.ts: its sound changes from 44100 to 48000 Hz"):
        read_sound(broadcast(tmp_path, rate=48000), 6)


def test_titles_need_not_be_utf_8(tmp_path):
    path = write_video(tmp_path / "a.avi", metadata={"title": "Muenchen"})
    path.write_bytes(path.read_bytes().replace(b"Muenchen", b"M\xfcnchen\0"))
    assert probe(str(path)).duration == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("name", ["a:b.mp4", "data:x.mp4", "pipe:0.mp4", "file:x.mp4", "ä b.mp4", "http:/a.mp4"])
def test_names_are_names_of_files(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(write_video(tmp_path / "plain.mp4").read_bytes())
    assert probe(name).sample_rate == 44100


def test_the_last_picture_stays_as_long_as_the_file_says(tmp_path):
    """Screen recordings show no new picture where nothing moves."""
    with av.open(str(tmp_path / "held.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        packets = []
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 50 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        packets[-1].duration = int(Fraction(5, 2) / packets[-1].time_base)
        container.mux(packets)
    pictures, share = read_pictures(str(tmp_path / "held.mp4"), 3, 16, 8)
    assert shown_numbers(pictures, share, scale=50)[1:] == [[4] * 16] * 2
    with pytest.raises(ExtractionError, match=r"the picture lasts 2\.\d+ s; wanted 4 segments"):
        read_pictures(str(tmp_path / "held.mp4"), 4, 16, 8)
