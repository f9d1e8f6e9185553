"""Time stamps that begin anew, wrap or begin before 0: the file runs on, pictures and sound in step."""

import av
import numpy as np
import pytest
from media_files import assert_tells, joined, write_clock

from ave_sklearn.extraction import cut_clips
from ave_sklearn.extraction._media import probe
from ave_sklearn.extraction._sound import read_sound

pytestmark = pytest.mark.slow  # each test writes a video and decodes it
WRAP = 2**33 / 90_000  # seconds after which the clock of MPEG streams begins at 0 again
SEAM = 0.12  # seconds by which a part may be off: the parts' sound and pictures need not end together
APART = 0.06  # seconds by which pictures and sound may be apart there: both are moved as one, and sound is not torn

TS = {"video": "mpeg4", "audio": "mp2", "rate": 48000}
MPEG2 = {"video": "mpeg2video", "audio": "mp2", "rate": 48000}
VP8 = {"video": "libvpx", "audio": "libopus", "rate": 48000, "video_options": {"deadline": "realtime", "cpu-used": "8"}}
FRAGMENTS = {"rate": 44100, "options": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}
KINDS = {
    "ts": TS,
    "m2ts": MPEG2 | {"audio": "ac3"},
    "mpg": MPEG2,
    "vob": MPEG2 | {"audio": "ac3"},
    "mkv": {"rate": 44100},
    "webm": VP8,
    "mp4": FRAGMENTS,
    "nut": {"rate": 44100},
}


def parts(folder, suffix, lengths, stamps=None, **options):
    """Write parts whose clocks follow each other, each with its own time stamps, and join them."""
    stamps = [0.0] * len(lengths) if stamps is None else stamps
    begins = np.cumsum([0, *lengths[:-1]])
    files = [
        write_clock(folder / f"{i}.{suffix}", n, begin=begin, stamp=stamp, gop=12, **(KINDS[suffix] | options))
        for i, (n, begin, stamp) in enumerate(zip(lengths, begins, stamps, strict=True))
    ]
    return joined(folder / f"joined.{suffix}", *files)


def assert_runs_on(path, seconds):
    """Header, clips and reads agree on the length, and all of it tells the time."""
    assert probe(path).duration == pytest.approx(seconds, abs=0.2)
    assert [start for _, start in cut_clips([path], 2)] == list(range(0, int(seconds) - 1, 2))
    assert_tells(path, int(seconds), within=SEAM, apart=APART)
    for start in np.arange(0, seconds - 2, 2.5):
        assert_tells(path, 2, start, within=SEAM, apart=APART)


@pytest.mark.parametrize("suffix", ["ts", "m2ts", "mpg", "vob", "mkv", "webm"])
def test_joined_files_run_on(tmp_path, suffix):
    assert_runs_on(parts(tmp_path, suffix, [4, 6]), 10)


def test_joined_fragments_run_on(tmp_path):
    """FFmpeg discards the first group of pictures behind the seam, which lasts 0.5 s here; it is held meanwhile."""
    path = parts(tmp_path, "mp4", [4, 6])
    assert probe(path).duration == pytest.approx(10, abs=0.2)
    assert_tells(path, 4, within=SEAM, apart=APART)
    for start in (5.0, 6.5, 8.0):
        assert_tells(path, 2, start, within=SEAM, apart=APART)


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_three_parts(tmp_path, suffix):
    assert_runs_on(parts(tmp_path, suffix, [3, 4, 3]), 10)


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
@pytest.mark.parametrize(
    "stamps", [(20, 10), (5, 5), (10, 14), (10, 0), (1000, 3), (0, 1000), (3, 80_000), (80_000, 3), (30, 28)]
)
def test_the_second_clock_may_be_lower_equal_or_far_higher(tmp_path, suffix, stamps):
    assert_runs_on(parts(tmp_path, suffix, [4, 6], stamps), 10)


def test_a_gap_in_a_recording_stays_one(tmp_path):
    """3 s were not recorded: the picture before it is held, and nothing is heard."""
    files = [write_clock(tmp_path / "a.ts", 4, gop=12, **TS)]
    files.append(write_clock(tmp_path / "b.ts", 4, begin=7, stamp=7, gop=12, **TS))
    path = joined(tmp_path / "gap.ts", *files)
    assert probe(path).duration == pytest.approx(11, abs=0.1)
    assert_tells(path, 3)
    assert_tells(path, 3, 8.0)
    windows, _ = read_sound(path, 11)
    assert np.abs(windows[5:6]).max() < 0.01 and windows[7:].std(axis=1).min() > 0.1


@pytest.mark.parametrize("back", [0.5, 0.9])
def test_stamps_that_overlap_a_little_are_no_new_begin(tmp_path, back):
    """Sound that ends after its pictures is no restart of the clock."""
    path = write_clock(tmp_path / "a.ts", 6, audio_seconds=6 + back, gop=12, **TS)
    assert_tells(path, 6)


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_parts_without_sound_are_silent(tmp_path, silent):
    lengths = [3, 3, 4]
    files = [
        write_clock(
            tmp_path / f"{i}.ts", n, begin=sum(lengths[:i]), audio_seconds=0 if i == silent else n, gop=12, **TS
        )
        for i, n in enumerate(lengths)
    ]
    path = joined(tmp_path / "joined.ts", *files)
    windows, _ = read_sound(path, 9 if silent < 2 else 6)
    loud = np.array([part != silent for part, n in enumerate(lengths) for _ in range(n)])[: len(windows)]
    middle = windows[:, windows.shape[1] // 4 : -windows.shape[1] // 4].std(axis=1)
    assert (middle[loud] > 0.1).all() and (middle[~loud] < 0.01).all()
    for part, n in enumerate(lengths):
        if part != silent:
            assert_tells(path, n - 1, sum(lengths[:part]) + 0.25, within=SEAM, apart=APART)


@pytest.mark.parametrize("blind", [1, 2])
def test_parts_without_pictures_hold_the_last_one(tmp_path, blind):
    lengths, files = [3, 3, 4], []
    for i, n in enumerate(lengths):
        options = {"seconds": 0, "audio_seconds": n} if i == blind else {"seconds": n}
        path = tmp_path / f"{i}.ts"
        if i == blind:  # the numbers of the streams stay: a first stream without packets
            with av.open(str(path), "w", format="mpegts", options={"mpegts_start_pid": "257"}) as container:
                _only_sound(container, n, sum(lengths[:i]))
        else:
            write_clock(path, begin=sum(lengths[:i]), gop=12, **options, **TS)
        files.append(path)
    path = joined(tmp_path / "joined.ts", *files)
    assert probe(path).duration == pytest.approx(10, abs=0.2)
    windows, _ = read_sound(path, 9)
    assert windows.std(axis=1).min() > 0.1
    assert_tells(path, 2, 0.25, within=SEAM, apart=APART)
    if blind == 1:
        assert_tells(path, 3, 6.25, within=SEAM, apart=APART)


def _only_sound(container, seconds, begin):
    from media_files import encode_by_time, noise_frames

    stream = container.add_stream("mp2", rate=48000, layout="mono")
    encode_by_time(container, [(stream, noise_frames(seconds, 48000, begin=begin))])


# ------------------------------------------------------------- the clock of 33 bits
@pytest.mark.parametrize("suffix", ["ts", "m2ts", "mpg", "vob"])
@pytest.mark.parametrize("before", [0.02, 0.5, 3.0, 5.9])
def test_a_clock_that_wraps_soon_after_the_begin(tmp_path, suffix, before):
    path = write_clock(tmp_path / f"a.{suffix}", 8, stamp=WRAP - before, gop=12, **KINDS[suffix])
    assert_runs_on(path, 8)


@pytest.mark.parametrize(("audio_delay", "video_delay"), [(0.6, 0.0), (0.0, 0.6)])
def test_a_clock_that_wraps_between_the_begins_of_pictures_and_sound(tmp_path, audio_delay, video_delay):
    delays = {"audio_delay": audio_delay, "video_delay": video_delay}
    path = write_clock(tmp_path / "a.ts", 8, stamp=WRAP - 0.3, gop=12, **delays, **TS)
    assert probe(path).duration == pytest.approx(8, abs=0.1)
    for start in (1, 2.5, 5.5):
        assert_tells(path, 2, start)


@pytest.mark.parametrize("suffix", ["ts", "mpg"])
def test_a_clock_that_wraps_after_more_than_a_minute(tmp_path, suffix):
    """FFmpeg takes stamps within a minute below the wrap for negative ones, others it believes."""
    path = write_clock(tmp_path / f"a.{suffix}", 70, stamp=WRAP - 65, gop=25, size=(64, 48), **KINDS[suffix])
    assert probe(path).duration == pytest.approx(70, abs=0.1)
    assert cut_clips([path], 10)[-1][1] == 60
    for start in (0, 61.5, 63.5, 64.9, 67.5):
        assert_tells(path, 2, start)


def test_a_clock_that_wraps_and_begins_anew(tmp_path):
    path = parts(tmp_path, "ts", [4, 5, 3], [WRAP - 2, 100, WRAP - 1])
    assert_runs_on(path, 12)


# ------------------------------------------------------------- where time begins
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_lead_in_before_0_is_not_counted(tmp_path, suffix):
    path = write_clock(tmp_path / f"a.{suffix}", 4, audio="aac", rate=44100)
    assert_tells(path, 4, within=0.001, apart=0.001)


@pytest.mark.parametrize("stamp", [0.0, 1.4, 10.0, 4000.0, 80_000.0])
@pytest.mark.parametrize("suffix", ["ts", "mpg", "mkv", "nut"])
def test_time_begins_where_the_file_begins_wherever_its_clock_is(tmp_path, suffix, stamp):
    path = write_clock(tmp_path / f"a.{suffix}", 6, stamp=stamp, gop=12, **KINDS[suffix])
    assert probe(path).duration == pytest.approx(6, abs=0.15)
    for start in (0, 1.7, 4):
        assert_tells(path, 2, start)


@pytest.mark.parametrize("suffix", ["ts", "mpg", "vob", "mp4", "mkv", "avi", "flv"])
def test_a_clip_has_the_pictures_and_the_sound_of_the_whole(tmp_path, suffix):
    """B-frames and frames of sound that lie across packets: an offset of the whole file may not differ in its clips."""
    kinds = KINDS | {"flv": {"video": "flv", "audio": "libmp3lame", "rate": 44100}, "avi": {"audio": "libmp3lame"}}
    bframes = {} if suffix in ("flv", "mkv") else {"video_options": {"bf": "2"}}
    path = write_clock(tmp_path / f"a.{suffix}", 10, gop=12, **(kinds[suffix] | bframes))
    whole, rate = read_sound(path, 10)
    for start in (1, 2.5, 5.75, 8):
        clip, _ = read_sound(path, 2, start)
        part = whole.ravel()[round(start * rate) :][: 2 * rate]
        gaps = [np.abs(np.roll(part, lag) - clip.ravel())[rate // 4 : -rate // 4].max() for lag in range(-50, 51)]
        assert min(gaps) < 2e-2
