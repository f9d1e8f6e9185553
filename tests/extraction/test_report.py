"""Report of an extraction: clips on grids, short videos, errors that are collected, and what is said of each clip."""

import gc
import os
import threading
import tracemalloc
import warnings
import weakref
from fractions import Fraction
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from documents import code_blocks, read_guide
from helpers import grey, sine, write_video
from hypothesis import example, given
from hypothesis import strategies as st

from ave_sklearn._targets.grid import Grid, check_grid
from ave_sklearn.cli.commands import main
from ave_sklearn.datasets import read_events, to_segments
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, cut_clips
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._media import MediaInfo, TooShort, check_length, count_windows, probe
from ave_sklearn.extraction._opening import file_stamp

COLUMNS = ["filename", "start", "error", "warning", "note", "held", "padding", "damage"]
PROBE = "ave_sklearn.extraction._report.probe"


# ------------------------------------------------------------------ clips on any grid
def cut(duration, n_segments, **grid):
    """Return the starts of the clips of a video of this duration."""
    with mock.patch(PROBE, return_value=MediaInfo(duration, 16000)):
        return [start for _, start in cut_clips(["a.mp4"], n_segments, **grid)]


def n_windows_there(milliseconds, grid, tolerance="0"):
    """Count the windows of which less than half lacks, one after the other, in exact arithmetic."""
    window, hop = Fraction(str(grid.segment_seconds)), Fraction(str(grid.hop_seconds))
    end, n = Fraction(milliseconds, 1000) - Fraction(tolerance), 0
    while n * hop + window - end < window / 2:
        n += 1
    return n


hops, windows = st.sampled_from([0.25, 0.32, 0.5, 1.0, 2.0]), st.sampled_from([0.96, 1.0, 2.0])
on_a_grid = given(milliseconds=st.integers(0, 60_000), n_segments=st.integers(1, 12), hop=hops, window=windows)


@on_a_grid
@example(milliseconds=9_500, n_segments=10, hop=1.0, window=1.0)  # half of the last second
@example(milliseconds=9_550, n_segments=10, hop=1.0, window=1.0)
@example(milliseconds=20_550, n_segments=10, hop=1.0, window=1.0)
@example(milliseconds=7_850, n_segments=3, hop=0.32, window=0.96)
def test_clips_cover_every_window_that_is_there_and_the_extractor_takes_them(milliseconds, n_segments, hop, window):
    duration, grid = milliseconds / 1000, Grid(window, hop)
    starts = cut(duration, n_segments, segment_seconds=window, hop_seconds=hop)
    first_windows = [round(start / hop) for start in starts]
    assert starts == pytest.approx([number * hop for number in first_windows], abs=1e-9)
    covered = sorted({first + t for first in first_windows for t in range(n_segments)})
    there = n_windows_there(milliseconds, grid, "0.05")
    assert covered == list(range(max(there, n_segments)))
    assert len(set(starts)) == len(starts)
    assert first_windows[:-1] == [n_segments * clip for clip in range(len(starts) - 1)]
    for start in starts if there >= n_segments else []:
        check_length("a.mp4", "it", duration, n_segments, start, grid)


@on_a_grid
def test_windows_are_counted_as_a_loop_counts_them(milliseconds, n_segments, hop, window):
    grid = Grid(window, hop)
    there = n_windows_there(milliseconds, grid)
    assert count_windows(milliseconds / 1000, grid) == there
    for noise in (-1e-9, 1e-9):
        assert abs(count_windows(milliseconds / 1000 + noise, grid) - there) <= 1
    if there < n_segments:
        with pytest.raises(TooShort, match=f"n_segments={n_segments}"):
            check_length("a.mp4", "it", milliseconds / 1000, n_segments, 0.0, grid)
    else:
        check_length("a.mp4", "it", milliseconds / 1000, n_segments, 0.0, grid)


@pytest.mark.parametrize("noise", [-1e-9, 0, 1e-9])
def test_half_of_the_last_window_is_half_with_float_noise_too(noise):
    assert count_windows(9.5 + noise, Grid()) == 9
    assert count_windows(1.6 + 0.48 + noise, Grid(0.96, 0.32)) == 5
    assert cut(20.55 + noise, 10) == [0, 10]
    with pytest.raises(TooShort):
        check_length("a.mp4", "it", 9.5 + noise, 10)
    with pytest.raises(TooShort):
        check_length("a.mp4", "it", 109.5 + noise, 10, 100.0)


def test_clips_begin_at_decimals():
    assert cut(1.6, 3, segment_seconds=0.1) == [0.0, 0.3, 0.6, 0.9, 1.2]  # 3 * 0.1 is 0.30000000000000004
    assert cut(10, 10, segment_seconds=np.float32(0.96), hop_seconds=np.float32(0.32)) == [0, 3.2, 6.4]
    assert cut(27, 10) == [0, 10, 17]
    assert cut(7, 10) == cut(0, 10) == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segment_seconds": 0}, "segment_seconds must be a positive number; got 0"),
        ({"hop_seconds": -1}, "hop_seconds must be a positive number; got -1"),
        ({"hop_seconds": float("nan")}, "hop_seconds must be a positive number; got nan"),
        ({"segment_seconds": "1"}, "segment_seconds must be a positive number; got '1'"),
    ],
)
def test_a_grid_is_of_positive_numbers(options, message):
    with pytest.raises(ValueError, match=message):
        cut_clips(["a.mp4"], **options)


# ------------------------------------------------------------------ files whose reading is told beforehand
class Files:
    """Files in a folder, of which a test says what reading them finds."""

    def __init__(self, folder):
        self.folder, self.told, self.read = folder, {}, []

    def add(self, name, header=2.0, decoded=None, notes=(), **findings):
        """Make a file that lasts `header` seconds, or raises that; and `decoded` ones, or does that, when decoded."""
        path = str(self.folder / name)
        with open(path, "wb") as file:
            file.write(b"a video")
        decoded = header if decoded is None else decoded
        self.told[path] = SimpleNamespace(header=header, decoded=decoded, notes=notes, findings=findings)
        return path

    def probe(self, path):
        file_stamp(path)
        header = self.told[path].header
        if isinstance(header, Exception):
            raise header
        return MediaInfo(header, 16000, tuple(self.told[path].notes))

    def read_sound(self, path, n_segments, start, *, grid, findings, max_damage, pad):
        file_stamp(path)
        self.read.append(os.path.basename(path))
        told = self.told[path]
        if callable(told.decoded):
            told.decoded()
        elif isinstance(told.decoded, BaseException):
            raise told.decoded
        else:
            check_length(path, "the sound", told.decoded, n_segments, start, grid, pad=pad)
            findings.padding = max(0.0, grid.span(n_segments) + start - told.decoded) if pad else 0.0
        for name, value in told.findings.items():
            setattr(findings, name, value)
        return np.zeros((n_segments, 16000), np.float32), 16000

    def read_pictures(self, path, n_segments, frames_per_segment, image_size, start, **options):
        file_stamp(path)
        return np.zeros((1, 8, 8, 3), np.uint8), np.ones((n_segments, 1), np.float32)


@pytest.fixture
def files(tmp_path, monkeypatch):
    files = Files(tmp_path)
    monkeypatch.setattr(PROBE, files.probe)
    for name in ("read_sound", "read_pictures"):
        monkeypatch.setattr(f"ave_sklearn.extraction._recipe.{name}", getattr(files, name))
    return files


class Counting:
    """A visual network that counts its calls."""

    def __init__(self, n_features=3):
        self.n_calls, self.n_features = 0, n_features

    def __call__(self, pictures):
        self.n_calls += 1
        return np.zeros((len(pictures), self.n_features), np.float32)


def mean_colour(pictures):
    return pictures.mean(dim=(2, 3))


def mean_band(examples):
    return examples.mean(dim=(1, 2))


def small(**parameters):
    """An extractor that takes milliseconds."""
    defaults = {"visual": mean_colour, "audio": mean_band, "n_segments": 2, "image_size": 8}
    return VideoFeatureExtractor(**defaults | parameters)


def both(extractor, paths, folder):
    """Run `transform` or, with a folder, `transform_to`."""
    if folder is None:
        return extractor.transform(paths)
    return extractor.transform_to(paths, folder / "audio.npy", folder / "visual.npy")


@pytest.fixture(params=["transform", "transform_to"])
def target(request, tmp_path_factory):
    """None for `transform`, a folder for `transform_to`."""
    return None if request.param == "transform" else tmp_path_factory.mktemp("features")


BAD = ExtractionError("cannot be decoded: why.")


# ------------------------------------------------------------------ what is said of each clip
def test_the_report_has_what_was_found(files):
    a = files.add("a.mp4", 2.0, notes=["of 2 sound tracks the second is used", "of 3 video tracks the first"])
    b = files.add("b.mp4", 2.0, held=1.25, damage=0.0625, warnings=["its sound is silent", "0.06 s are damaged"])
    c = files.add("c.mp4", 4.0, warnings=["its sound is clipped"])
    extractor = small()
    with pytest.warns(UserWarning, match="2 of 3 videos are used, but:") as caught:
        extractor.transform([a, b, c])
    (warning,) = caught
    assert str(warning.message).splitlines()[1:] == [
        f"{b}: its sound is silent; 0.06 s are damaged",
        f"{c}: of 4.0 s the first 2 are used; its sound is clipped",
    ]
    report = extractor.report_
    assert report.columns.tolist() == COLUMNS
    assert report["filename"].tolist() == [a, b, c] and report["start"].tolist() == [0, 0, 0]
    assert report["error"].tolist() == ["", "", ""]
    assert report["note"].tolist() == ["of 2 sound tracks the second is used; of 3 video tracks the first", "", ""]
    assert report["held"].tolist() == [0, 1.25, 0] and report["damage"].tolist() == [0, 0.0625, 0]
    assert report["padding"].tolist() == [0, 0, 0]


def test_what_is_skipped_is_not_said_to_be_used(files):
    paths = [files.add("a.mp4"), files.add("b.mp4", 4.0, decoded=BAD)]
    extractor = small(on_error="skip")
    with pytest.warns(UserWarning, match="1 of 2 videos were skipped") as caught:
        extractor.transform(paths)
    assert len(caught) == 1 and extractor.report_["warning"].tolist() == ["", ""]


def test_a_note_is_no_warning(files):
    path = files.add("a.mp4", notes=["of 2 sound tracks the second is used"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor = small()
        extractor.transform([path])
    assert extractor.report_[["note", "warning"]].values.tolist() == [["of 2 sound tracks the second is used", ""]]


def test_findings_go_through_the_cache(files, tmp_path):
    path = files.add("a.mp4", held=2.5, damage=0.25, warnings=["its last picture is held"])
    reports = []
    for _ in range(2):
        extractor = small(memory=tmp_path / "cache")
        with pytest.warns(UserWarning, match="its last picture is held"):
            extractor.transform([path])
        reports.append(extractor.report_)
    assert files.read == ["a.mp4"]
    pd.testing.assert_frame_equal(*reports)
    assert reports[1]["held"].tolist() == [2.5]


def test_a_cache_of_another_format_is_not_read(files, tmp_path, monkeypatch):
    path = files.add("a.mp4")
    with monkeypatch.context() as patch:
        patch.setattr("ave_sklearn.extraction._recipe.RESULT_FORMAT", 1)
        small(memory=tmp_path / "cache").transform([path])
    small(memory=tmp_path / "cache").transform([path])
    assert len(files.read) == 2


def test_the_rest_of_a_video_is_named_on_its_grid(files):
    path = files.add("a.mp4", 8.0)
    extractor = small(n_segments=4, segment_seconds=1.0, hop_seconds=0.5)
    with pytest.warns(UserWarning, match="of 8.0 s the first 2.5 are used"):
        extractor.transform([path])


def test_nothing_is_left_out_of_what_is_less_than_a_hop_longer(files):
    path = files.add("a.mp4", 2.9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(small(n_segments=4, segment_seconds=1.0, hop_seconds=0.5).transform([path])) == 1
        assert len(small().transform([path])) == 1


# ------------------------------------------------------------------ short videos
def test_short_videos_are_errors_unless_said(files):
    paths = [files.add("a.mp4"), files.add("b.mp4", 1.5)]
    with pytest.raises(ExtractionError, match=r"1 of 2 videos cannot be used:\n.*b.mp4: it lasts 1.50 s; wanted 2 seg"):
        small().transform(paths)
    with pytest.warns(UserWarning, match=r"1 of 2 videos were skipped:\n.*b.mp4: it lasts 1.50 s"):
        assert len(small(on_error="skip").transform(paths)) == 1
    assert len(small().transform([files.add("c.mp4", 1.51)])) == 1


@pytest.mark.parametrize("on_error", ["raise", "skip"])
@pytest.mark.parametrize("when", ["by its header", "when decoded"])
def test_short_videos_are_skipped_whatever_happens_to_others(files, target, on_error, when):
    short = files.add("b.mp4", 1.4) if when == "by its header" else files.add("b.mp4", 2.0, decoded=1.4)
    paths = [files.add("a.mp4"), short, files.add("c.mp4")]
    extractor = small(short="skip", on_error=on_error)
    with pytest.warns(UserWarning, match=r"1 of 3 videos were skipped:\n.*b.mp4: .* lasts 1.40 s"):
        assert len(both(extractor, paths, target)) == 2
    assert [error[-16:] for error in extractor.report_["error"]] == ["", "less than 0.5 s.", ""]


def test_skipping_short_videos_does_not_skip_others(files):
    paths = [files.add("a.mp4"), files.add("b.mp4", 1.4), files.add("c.mp4", decoded=BAD)]
    extractor = small(short="skip")
    with pytest.raises(ExtractionError, match="1 of 3 videos cannot be used") as caught:
        extractor.transform(paths)
    assert "c.mp4" in str(caught.value) and "b.mp4" not in str(caught.value)
    assert (extractor.report_["error"] == "").tolist() == [True, False, False]


def test_skipping_all_short_videos_is_an_error(files):
    with pytest.raises(ExtractionError, match="2 of 2 videos cannot be used"):
        small(short="skip").transform([files.add("a.mp4", 1.0), files.add("b.mp4", 2.0, decoded=1.0)])


def test_padding_is_counted_and_said(files):
    paths = [files.add("a.mp4", 5.0), files.add("b.mp4", 3.25)]
    extractor = small(short="pad", n_segments=5)
    with pytest.warns(UserWarning, match="1 of 2 videos are used, but") as caught:
        assert len(extractor.transform(paths)) == 2
    assert len(caught) == 1
    assert "b.mp4: the last 1.75 s are padding, its last picture and silence" in str(caught[0].message)
    assert extractor.report_["padding"].tolist() == [0, 1.75]


@pytest.mark.parametrize("when", ["by its header", "when decoded"])
@pytest.mark.parametrize(("seconds", "grid"), [(0.5, {}), (0.3, {}), (0.48, {"segment_seconds": 0.96}), (0.0, {})])
def test_where_not_even_one_segment_is_there_is_nothing_to_pad(files, seconds, grid, when):
    bad = files.add("b.mp4", seconds if when == "by its header" else 2.0, decoded=seconds)
    paths = [files.add("a.mp4", 5.0), bad]
    message = rf"b.mp4: .* lasts {seconds:.2f} s; wanted 5 segments .* of which the first, for the others to be padded,"
    with pytest.raises(ExtractionError, match=message):
        small(short="pad", n_segments=5, **grid).transform(paths)
    with pytest.warns(UserWarning, match="1 of 2 videos were skipped"):
        assert len(small(short="pad", on_error="skip", n_segments=5, **grid).transform(paths)) == 1


def test_clips_of_long_videos_are_never_padded(files):
    path = files.add("a.mp4", 7.2)
    extractor = small(short="pad", n_segments=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor.transform(cut_clips([path], 3))
    assert extractor.report_["start"].tolist() == [0, 3, 4] and not extractor.report_["padding"].any()


# ------------------------------------------------------------------ errors are collected
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_all_bad_files_are_named_in_the_end(files, target, n_jobs):
    bad = {1: ExtractionError("its sound changes."), 3: BAD, 4: ValueError("a number that overflows")}
    paths = [files.add(f"{n}.mp4", decoded=bad.get(n)) for n in range(6)]
    extractor = small(n_jobs=n_jobs)
    with pytest.raises(ExtractionError) as caught:
        both(extractor, paths, target)
    assert str(caught.value).splitlines() == [
        "3 of 6 videos cannot be used:",
        f"{paths[1]}: its sound changes.",
        f"{paths[3]}: cannot be decoded: why.",
        f"{paths[4]}: cannot be decoded: a number that overflows.",
    ]
    assert sorted(files.read) == [f"{n}.mp4" for n in range(6)]
    assert (extractor.report_["error"] == "").tolist() == [True, False, True, False, False, True]
    assert target is None or not list(target.iterdir())


def test_after_an_error_no_network_works_for_nothing(files, tmp_path):
    paths = [files.add(f"{n}.mp4", decoded=BAD if n == 1 else None) for n in range(5)]
    network = Counting()
    with pytest.raises(ExtractionError, match=r"1 of 5 .*\n.*1\.mp4: cannot be decoded: why"):
        small(visual=network).transform(paths)
    assert network.n_calls == 1
    # With a cache the features are of use.
    with pytest.raises(ExtractionError, match=r"1 of 5"):
        small(memory=tmp_path / "cache").transform(paths)
    files.read.clear()
    assert len(small(memory=tmp_path / "cache").transform(paths[:1] + paths[2:])) == 4
    assert files.read == []


def test_rows_are_not_kept_after_the_first_error(files):
    """A row has 1 MB; six are there at the time of the error, and the last one until the next is."""
    held = []

    def measure():
        held.append(tracemalloc.get_traced_memory()[0])

    paths = [files.add(f"{n}.mp4", decoded={5: measure, 6: BAD, 9: measure}.get(n)) for n in range(10)]
    network = Counting(n_features=125_000)
    tracemalloc.start()
    try:
        with pytest.raises(ExtractionError, match="1 of 10"):
            small(visual=network, n_jobs=1).transform(paths)
    finally:
        tracemalloc.stop()
    assert held[0] > 4.5e6 and held[1] < 1.5e6


def test_an_error_that_is_reported_holds_nothing_that_was_read(files):
    references, left = [], []

    def fail():
        samples = np.zeros(3)
        references.append(weakref.ref(samples))
        raise OverflowError(samples)

    def look():
        gc.collect()
        left.append(references[0]())

    paths = [files.add("a.mp4"), files.add("b.mp4", decoded=fail), files.add("c.mp4", decoded=look)]
    with pytest.warns(UserWarning, match="1 of 3"):
        small(on_error="skip", n_jobs=1).transform(paths)
    assert len(left) == 1 and left[0] is None


@pytest.mark.parametrize("memory", [False, True])
@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), ImportError("no soxr")])
def test_what_is_no_fault_of_a_file_ends_the_run_at_once(files, tmp_path, target, error, memory):
    paths = [files.add(f"{n}.mp4", decoded={1: BAD, 2: error}.get(n)) for n in range(5)]
    extractor = small(on_error="skip", n_jobs=1, memory=tmp_path / "cache" if memory else None)
    with pytest.raises(type(error)):
        both(extractor, paths, target)
    assert "4.mp4" not in files.read
    assert extractor.report_["error"].tolist() == ["", "cannot be decoded: why.", "", "", ""]
    assert target is None or not list(target.iterdir())


def test_a_network_that_raises_ends_the_run_at_once(files, target):
    def raising(pictures):
        raise RecursionError("too deep")

    paths = [files.add("a.mp4"), files.add("b.mp4")]
    extractor = small(on_error="skip", visual=raising, n_jobs=1)
    with pytest.raises(RecursionError, match="too deep") as caught:
        both(extractor, paths, target)
    assert caught.value.__notes__ == [f"while extracting {paths[0]}"]
    assert "b.mp4" not in files.read and len(extractor.report_) == 2


# ------------------------------------------------------------------ one file does not end the work of others
def skips_one(files, path, message, **parameters):
    """Assert that of three videos one is skipped, for this reason."""
    paths = [files.add("a.mp4"), path, files.add("z.mp4")]
    extractor = small(on_error="skip", n_jobs=1, **parameters)
    with pytest.warns(UserWarning, match=f"1 of 3 videos were skipped:\n.*: {message}"):
        assert len(extractor.transform(paths)) == 2
    assert (extractor.report_["error"] == "").tolist() == [True, False, True]


ERRORS = [
    (OSError(5, "Input/output error"), "cannot be decoded: Input/output error"),
    (PermissionError(13, "Permission denied"), "cannot be decoded: Permission denied"),
    (FileNotFoundError(2, "No such file or directory"), "cannot be decoded: No such file"),
    (RecursionError("maximum recursion depth"), "cannot be decoded: maximum recursion depth"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "cannot be decoded: 'utf-8' codec"),
    (RuntimeWarning("overflow encountered in reduce"), "cannot be decoded: overflow encountered"),
    (AssertionError(), "cannot be decoded: AssertionError"),
    (ZeroDivisionError(), "cannot be decoded: ZeroDivisionError"),
    (np.linalg.LinAlgError("singular"), "cannot be decoded: singular"),
]


@pytest.mark.parametrize(("error", "message"), ERRORS, ids=lambda value: type(value).__name__)
def test_whatever_reading_raises_is_the_fault_of_that_file(files, error, message):
    skips_one(files, files.add("b.mp4", decoded=error), message)


def test_warnings_that_are_errors_are_those_of_one_file(files):
    def overflow():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.float32(3e38) * np.float32(10)

    skips_one(files, files.add("b.mp4", decoded=overflow), "cannot be decoded: overflow")


@pytest.mark.parametrize("step", ["when looked at", "between header and decoding"])
def test_a_file_that_vanishes_is_skipped(files, monkeypatch, step):
    path = files.add("b.mp4")
    if step == "when looked at":
        is_file = os.path.isfile

        def vanish(file):
            there = is_file(file)
            if file == path and there:
                os.unlink(file)
            return there

        monkeypatch.setattr("os.path.isfile", vanish)
        skips_one(files, path, "there is no such file")
    else:
        a = files.add("a.mp4")
        add = files.add
        monkeypatch.setattr(files, "add", lambda name: a if name == "a.mp4" else add(name))
        files.told[a].decoded = lambda: os.unlink(path)
        skips_one(files, path, "there is no such file")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied"), "cannot be read: Permission denied"),
        (OSError(116, "Stale file handle"), "cannot be read: Stale file handle"),
        (NotADirectoryError(20, "Not a directory"), "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_looked_at_is_skipped(files, monkeypatch, error, message):
    path, stat = files.add("b.mp4"), os.stat

    def fail(file, **options):
        if file == path:
            raise error
        return stat(file, **options)

    monkeypatch.setattr("os.stat", fail)
    skips_one(files, path, message)


def replace(path):
    """Put another file in the place of one, of the same size and time of change."""
    stat = os.stat(path)
    with open(f"{path}.new", "wb") as new, open(path, "rb") as old:
        new.write(old.read())
    os.utime(f"{path}.new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(f"{path}.new", path)


def append(path):
    with open(path, "a") as file:
        file.write("more")


@pytest.mark.parametrize("change", [append, replace])
@pytest.mark.parametrize("memory", [False, True])
def test_a_file_that_changes_while_it_is_read_is_skipped(files, tmp_path, change, memory):
    path = files.add("b.mp4")
    files.told[path].decoded = lambda: change(path)
    cache = tmp_path / "cache"
    skips_one(files, path, "changed while it was read", memory=cache if memory else None)
    files.told[path].decoded = 2.0
    assert len(small(memory=cache if memory else None).transform([path])) == 1
    assert files.read.count("b.mp4") == 2  # what was read of a mixture is not kept


@pytest.mark.parametrize("name", ["\udcff.mp4", "a\x00b.mp4", "n" * 300 + ".mp4"])
def test_odd_names_of_what_is_not_there_are_skipped(files, name):
    skips_one(files, os.path.join(files.folder, name), "(there is no such file|cannot be read)")


def test_names_that_are_not_utf8_are_read_and_reported(files):
    path = files.add(os.fsdecode(b"caf\xe9.mp4"), warnings=["its sound is silent"])
    extractor = small()
    with pytest.warns(UserWarning, match=r"caf\\udce9.mp4: its sound is silent"):
        extractor.transform([path])
    assert extractor.report_["filename"].tolist() == [path]


def test_the_texts_of_a_report_take_any_name_whatever_pandas_is_built_on(files):
    """The string type that pandas uses where pyarrow is installed encodes names as UTF-8, and fails."""
    extractor = small()
    extractor.transform([files.add("a.mp4")])
    for name in ("filename", "error", "warning", "note"):
        assert extractor.report_[name].dtype == "str" and extractor.report_[name].dtype.storage == "python"


def test_a_warning_that_is_an_error_leaves_written_features(files, tmp_path):
    paths = [files.add("a.mp4"), files.add("b.mp4", decoded=BAD)]
    audio, visual = tmp_path / "audio.npy", tmp_path / "visual.npy"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="1 of 2 videos were skipped"):
            small(on_error="skip").transform_to(paths, audio, visual)
    assert len(np.load(audio)) == len(np.load(visual)) == 1


def test_threads_report_each_its_own(files):
    gate = threading.Barrier(2, timeout=20)
    paths = [
        files.add("a.mp4", decoded=gate.wait, held=1.0),
        files.add("b.mp4", decoded=gate.wait, held=2.0),
    ]
    extractor = small(n_jobs=2)
    extractor.transform(paths)
    assert extractor.report_["held"].tolist() == [1.0, 2.0]


def test_the_grid_of_the_extractor_is_that_of_the_clips(files):
    grid = {"segment_seconds": 0.96, "hop_seconds": 0.32}
    path = files.add("a.mp4", 3.3)
    clips = cut_clips([path], 4, **grid)
    assert check_grid(**grid) == Grid(0.96, 0.32) and [start for _, start in clips] == [0.0, 1.28, 1.6]
    extractor = small(n_segments=4, short="pad", **grid)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the last window ends 0.22 s behind the video, which is no padding
        assert len(extractor.transform(clips)) == 3
    assert not extractor.report_["padding"].any()


# ------------------------------------------------------------------ files of several kinds
KINDS = {
    "a.mp4": {},
    "a.mkv": {"video_codec": "ffv1", "pixel_format": "bgr0", "audio_codec": "pcm_s16le"},
    "a.avi": {"audio_codec": "pcm_s16le"},
    "a.ts": {"video_codec": "mpeg2video", "audio_codec": "mp2", "fps": 25},
    "a.mpg": {"video_codec": "mpeg2video", "audio_codec": "mp2", "fps": 25},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("seconds", [0.8, 2.7, 3.4])
def test_padding_holds_the_last_picture_and_is_silent(tmp_path, name, seconds):
    levels = [40, 80, 120, 160]
    path = str(write_video(tmp_path / name, seconds, picture=grey(levels), sound=sine(440), **KINDS[name]))
    heard = []

    def hear(examples):
        heard.append(examples.numpy().mean(axis=(1, 2, 3)))
        return mean_band(examples)

    extractor = small(n_segments=5, short="pad", audio=hear, preprocessing=lambda pictures: pictures)
    with pytest.warns(UserWarning, match=r"the last \d\.\d\d s are padding"):
        X = extractor.transform([path])
    n_real = round(seconds)
    last = min(int(seconds), 3)
    shown = [levels[min(t, last)] for t in range(5)]
    np.testing.assert_allclose(X.visual[0].mean(axis=1), shown, atol=4)
    silence = np.log(0.01)  # the front end's logarithm of nothing
    assert (heard[0][:n_real] > silence + 0.05).all()
    np.testing.assert_allclose(heard[0][n_real + 1 :], silence, atol=1e-3)
    assert extractor.report_["padding"][0] == pytest.approx(5 - seconds, abs=0.05)
    whole = small(n_segments=n_real, preprocessing=lambda pictures: pictures)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(whole.transform([path]).audio[0], X.audio[0, :n_real])


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("grid", [{}, {"segment_seconds": 0.96, "hop_seconds": 0.32}, {"hop_seconds": 2.0}])
def test_header_clips_and_extractor_agree_on_the_length(tmp_path, name, grid):
    for seconds in (3.4, 3.56):
        path = str(write_video(tmp_path / name, seconds, **KINDS[name]))
        clips = cut_clips([path], 2, **grid)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(small(**grid, short="pad").transform(clips)) == len(small(**grid).transform(clips)) == len(clips)
        reach = clips[-1][1] + check_grid(**grid).span(2)
        assert reach - probe(path).duration < 0.5 * grid.get("segment_seconds", 1.0)


@pytest.mark.slow
def test_a_file_cut_off_by_a_copy_is_named_with_the_others(tmp_path):
    whole = write_video(tmp_path / "a.mkv", 3, fps=10)
    (tmp_path / "half.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    paths = [str(tmp_path / name) for name in ("a.mkv", "half.mkv")]
    with pytest.raises(ExtractionError, match=r"1 of 2 videos cannot be used:\n.*half.mkv: "):
        small(n_segments=3).transform(paths)
    with pytest.warns(UserWarning, match=r"1 of 2 videos were skipped:\n.*half.mkv: "):
        assert len(small(n_segments=3, short="skip").transform(paths)) == 1


@pytest.mark.slow
def test_the_guides_example_of_padded_videos_labels_their_ends_as_background(tmp_path, monkeypatch):
    (code,) = code_blocks(read_guide(), "python", holding="is_padding")
    paths = [str(write_video(tmp_path / f"{name}.mp4", name, fps=5)) for name in (10, 6, 7.4, 7.7, 0.3)]
    monkeypatch.chdir(tmp_path)
    rows = [f"{path},0,10,dog" for path in paths[:4]]  # the list does not know how long videos are
    (tmp_path / "events.csv").write_text("\n".join(["filename,onset,offset,event_label", *rows]))
    names = {"read_events": read_events, "to_segments": to_segments, "paths": paths}

    def extractor(weights_dir, **options):
        return small(n_segments=10, on_error="skip", **options)

    with pytest.warns(UserWarning, match="1 of 5 videos were skipped|3 of 5 videos are used"):
        exec(code, names | {"VideoFeatureExtractor": extractor}, found := {})
    y = found["y"]
    assert y.shape == (4, 10) and len(found["X"]) == 4
    assert (y == "dog").sum(axis=1).tolist() == [10, 6, 7, 8]
    assert (y[:, :6] == "dog").all() and set(y.ravel()) == {"dog", "background"}


def test_the_table_of_a_folder_has_the_padding_where_there_is_any(files, tmp_path):
    for short, columns in (("pad", ["filename", "start", "padding"]), ("skip", ["filename", "start"])):
        paths = [files.add("a.mp4"), files.add("b.mp4", 0.75), files.add("c.mp4", decoded=BAD)]
        networks = {"visual": f"{__name__}:mean_colour", "audio": f"{__name__}:mean_band"}
        extractor = small(short=short, on_error="skip", **networks)
        with pytest.warns(UserWarning, match="of 3 videos were skipped"):
            write_features(tmp_path / short, extractor, [(path, 0.0) for path in paths])
        table = pd.read_csv(tmp_path / short / "videos.csv")
        assert table.columns.tolist() == columns
        assert short == "skip" or table["padding"].tolist() == [0, 1.25]
        skipped = pd.read_csv(tmp_path / short / "skipped.csv")
        assert skipped.columns.tolist() == ["filename", "start", "error"]
        assert len(table) + len(skipped) == 3


@pytest.mark.slow
def test_the_command_line_cuts_on_the_grid_of_the_extractor(files, tmp_path):
    path = files.add("a.mp4", 3.3)
    networks = ["--visual", f"{__name__}:mean_colour", "--audio", f"{__name__}:mean_band"]
    grid = ["--n-segments", "4", "--segment-seconds", "0.96", "--hop-seconds", "0.32"]
    assert main(["extract", path, "-o", str(tmp_path / "features"), "--quiet", *networks, *grid]) == 0
    assert pd.read_csv(tmp_path / "features" / "videos.csv")["start"].tolist() == [0.0, 1.28, 1.6]
