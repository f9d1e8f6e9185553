"""AVFeatures: what it takes, what it shows, and how it travels between processes."""

import contextlib
import copy
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings
from decimal import Decimal
from pathlib import Path

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing, resample

from ave_sklearn import AVFeatures

N, T = 23, 4
AUDIO_SHAPE, VISUAL_SHAPE = (N, T, 6), (N, T, 3, 2, 5)


def numbers(shape, dtype="f4"):
    """Every element another one, so that no mix-up goes unseen."""
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.fixture(scope="module")
def audio():
    return numbers(AUDIO_SHAPE)


@pytest.fixture(scope="module")
def visual():
    return -numbers(VISUAL_SHAPE)


@pytest.fixture(params=["memory", "file", "audio in memory", "visual in memory"])
def X(request, audio, visual, tmp_path):
    """The same features in each of the places they can lie in."""
    if request.param in ("file", "visual in memory"):
        audio = save_and_map(tmp_path / "audio.npy", audio)
    if request.param in ("file", "audio in memory"):
        visual = save_and_map(tmp_path / "visual.npy", visual)
    return AVFeatures(audio, visual)


@pytest.fixture
def mapped(audio, visual, tmp_path):
    return AVFeatures(save_and_map(tmp_path / "audio.npy", audio), save_and_map(tmp_path / "visual.npy", visual))


def save_and_map(file, array, mode="r"):
    with open(file, "wb") as opened:  # by name, np.save would append ".npy"
        np.save(opened, array)
    return np.load(file, mmap_mode=mode)


def truncate(file, n_bytes):
    with open(file, "r+b") as opened:
        opened.truncate(n_bytes)


def assert_features(X, audio, visual):
    assert len(X) == X.n_videos == len(audio)
    np.testing.assert_array_equal(X.audio, audio, strict=True)
    np.testing.assert_array_equal(X.visual, visual, strict=True)


def run_python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


# What it shows


def test_properties_of_maps(X):
    assert (len(X), X.n_videos, X.n_segments) == (N, N, T)
    assert (X.n_audio_features, X.n_visual_features) == (6, 5)
    assert (X.map_size, X.n_regions) == ((3, 2), 6)
    assert X.shape == (N, T * (6 + 3 * 2 * 5)) == np.asarray(X).shape
    assert X.ndim == np.asarray(X).ndim
    assert X.dtype == np.asarray(X).dtype == np.float32
    assert X.nbytes == np.asarray(X).nbytes


def test_properties_of_pooled_features(audio):
    X = AVFeatures(audio, numbers((N, T, 5), "f8"))
    assert (X.map_size, X.n_regions, X.n_visual_features) == (None, None, 5)
    assert X.shape == (N, T * 11) == np.asarray(X).shape
    assert X.dtype == np.asarray(X).dtype == np.float64
    assert X.nbytes == N * T * (6 * 4 + 5 * 8)


def test_arrays_are_kept_as_they_are(audio, visual, tmp_path):
    in_file = save_and_map(tmp_path / "visual.npy", visual)
    X = AVFeatures(audio, in_file)
    assert X.audio is audio and X["audio"] is audio
    assert X.visual is in_file and X["visual"] is in_file


def test_slices_are_views_and_other_rows_copies(X):
    assert np.shares_memory(X[3:9].visual, X.visual)
    assert np.shares_memory(X[::-2].audio, X.audio)
    assert not np.shares_memory(X[[3, 4]].visual, X.visual)


def test_nbytes_of_a_view(X):
    assert X[5:9].nbytes == np.asarray(X[5:9]).nbytes
    assert X[[]].nbytes == 0


def test_flat_array_is_audio_then_visual_in_each_segment(X, audio, visual):
    expected = np.concatenate([audio, visual.reshape(N, T, -1)], axis=2).reshape(N, -1)
    np.testing.assert_array_equal(np.asarray(X), expected, strict=True)
    np.testing.assert_array_equal(np.asarray(X[[4, 2]]), expected[[4, 2]], strict=True)
    np.testing.assert_array_equal(np.asarray(X, dtype="f8"), expected.astype("f8"), strict=True)
    np.testing.assert_array_equal(np.array(X[:0]), expected[:0], strict=True)


def test_flat_array_without_copy_is_an_error(X):
    with pytest.raises(ValueError, match="without copying"):
        np.asarray(X, copy=False)
    assert np.array(X, copy=True).shape == X.shape


def test_flat_array_does_not_share_memory(audio, visual):
    X = AVFeatures(audio, visual)
    np.asarray(X)[:] = 7
    assert_features(X, numbers(AUDIO_SHAPE), -numbers(VISUAL_SHAPE))


@pytest.mark.parametrize(
    ("audio", "visual", "size"),
    [((2, 3, 4), (2, 3, 5), "216 bytes"), ((100, 10, 8), (100, 10, 2, 2, 3), "80.0 kB")],
)
def test_repr_in_memory(audio, visual, size):
    text = repr(AVFeatures(numbers(audio), numbers(visual)))
    assert text == (
        f"AVFeatures(n_videos={audio[0]}, n_segments={audio[1]}, audio={audio[2:]} float32, "
        f"visual={visual[2:]} float32, {size})"
    )


def test_repr_tells_large_sizes(audio):
    visual = np.broadcast_to(np.float32(0), (950, 10, 7, 7, 128))
    X = AVFeatures(np.broadcast_to(np.float32(0), (950, 10, 128)), visual)
    assert repr(X).endswith("visual=(7, 7, 128) float32, 243.2 MB)")


def test_repr_tells_what_is_mapped(mapped, audio, visual):
    assert repr(mapped).endswith("memory-mapped)") and "visual memory-mapped" not in repr(mapped)
    assert repr(AVFeatures(audio, mapped.visual)).endswith(", visual memory-mapped)")
    assert repr(AVFeatures(mapped.audio, visual)).endswith(", audio memory-mapped)")
    assert "mapped" not in repr(AVFeatures(audio, visual))


# Indexing


@pytest.mark.parametrize(
    "key",
    [
        slice(None), slice(3, 9), slice(None, None, -1), slice(20, 2, -3), slice(50, 60), slice(-4, None),
        [0], [5, 5, -1, 2], range(3, 7), np.array([3, 1], np.uint8), np.array([-1, 1], np.int8), [],
        np.arange(0), np.arange(N) % 3 == 0, (np.arange(N) % 3 == 0).tolist(), np.zeros(N, bool),
    ],
)  # fmt: skip
@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: (key, Ellipsis)], ids=["X[key]", "X[key, ...]"])
def test_rows_are_those_of_numpy(X, audio, visual, key, wrap):
    rows = np.arange(N)[key]
    assert_features(X[wrap(key)], audio[rows], visual[rows])


@pytest.mark.parametrize("key", [0, 7, -1, -N, np.int64(3), np.uint8(3)])
def test_an_integer_gives_one_video(X, audio, visual, key):
    row = int(key) % N
    assert_features(X[key], audio[row : row + 1], visual[row : row + 1])
    assert_features(X[key, ...], audio[row : row + 1], visual[row : row + 1])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (N, "row 23 is out of range for 23 videos"),
        (-N - 1, "row -24 is out of range"),
        (10**30, "out of range"),
        ([0, 99, 1], "row 99 is out of range"),
        (np.array([-24]), "row -24 is out of range"),
        (np.ones(N - 1, bool), "one entry a video, 23, got 22"),
        ([True], "one entry a video, 23, got 1"),
        (np.ones(0, bool), "one entry a video, 23, got 0"),
        (np.ones((N, T), bool), "1-D array"),
        (np.zeros((2, 2), int), "1-D array"),
        (True, "1-D array"),
        (1.0, "1-D array"),
        ([0.0, 1.0], "dtype float64"),
        (None, "1-D array"),
        ((0, 1), "rows .* only"),
        ((0, slice(None)), "rows .* only"),
        ((0, Ellipsis, 0), "rows .* only"),
        ((0,), "rows .* only"),
    ],
)
def test_other_keys_are_index_errors(X, key, message):
    with pytest.raises(IndexError, match=message):
        X[key]
    with pytest.raises(IndexError, match=message):
        X[:][key]


def test_range_of_a_view_is_checked_against_the_view(X):
    with pytest.raises(IndexError, match="row 3 is out of range for 3 videos"):
        X[5:8][3]
    with pytest.raises(IndexError, match="row 2 is out of range for 2 videos"):
        X[[5, 8]].take([2])


def test_unknown_name_is_a_key_error(X):
    with pytest.raises(KeyError, match="'audio' and 'visual', not 'text'"):
        X["text"]


def test_iteration_stops(X, audio, visual):
    videos = list(X[2:5])
    assert len(videos) == 3
    for row, video in zip((2, 3, 4), videos, strict=True):
        assert_features(video, audio[[row]], visual[[row]])


def test_an_index_array_may_be_changed_afterwards(X, audio, visual):
    key = np.array([1, 2, 3])
    view = X[key]
    key[:] = 0
    assert_features(view, audio[1:4], visual[1:4])


def test_rows_are_chosen_without_copying_features():
    X = AVFeatures(np.zeros((1000, 10, 100), "f4"), np.zeros((1000, 10, 100), "f4"))
    rows = np.random.default_rng(0).permutation(1000)
    tracemalloc.start()
    view = X[rows][::2][rows[:500] < 250]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(view) > 50
    assert peak < X.nbytes / 100


def row_keys(n):
    """Strategy of indices for `n` rows, paired with what chooses the same rows in NumPy."""
    slices = st.slices(n).map(lambda key: (key, key))
    masks = st.lists(st.booleans(), min_size=n, max_size=n).map(lambda key: (key, np.array(key, bool)))
    if not n:
        return slices | masks
    row = st.integers(-n, n - 1)
    lists = st.lists(row, max_size=2 * n).map(lambda key: (key, np.array(key, np.intp)))
    return slices | masks | lists | row.map(lambda key: (key, [key]))


@pytest.fixture(scope="module", params=["memory", "file", "mixed"])
def small(request, tmp_path_factory):
    """Features over which views are drawn at random: too small to be found by chance in a wrong place."""
    audio, visual = numbers((9, 2, 1)), -numbers((9, 2, 3))
    if request.param != "memory":
        visual = save_and_map(tmp_path_factory.mktemp("small") / "visual.npy", visual)
    if request.param == "file":
        audio = save_and_map(tmp_path_factory.mktemp("small") / "audio.npy", audio)
    return AVFeatures(audio, visual)


@pytest.mark.slow
@settings(max_examples=150)
@given(data=st.data())
def test_views_of_views_compose(small, data):
    view, rows = small, np.arange(9)
    for _ in range(data.draw(st.integers(1, 4), label="depth")):
        key, numpy_key = data.draw(row_keys(len(rows)), label="key")
        view, rows = view[key], rows[numpy_key]
        if data.draw(st.booleans(), label="pickled"):
            view = pickle.loads(pickle.dumps(view))
        assert_features(view, small.audio[rows], small.visual[rows])
        np.testing.assert_array_equal(view.take()[1], small.visual[rows], strict=True)
        np.testing.assert_array_equal(np.asarray(view), np.asarray(small)[rows], strict=True)


# Reading into arrays


@pytest.mark.parametrize("rows", [[4, 0, 4], slice(2, 5), 3, np.arange(N) < 2, []])
@pytest.mark.parametrize("dtype", [None, np.float64])
def test_take(X, audio, visual, rows, dtype):
    expected = X[rows]
    taken = X.take(rows, dtype=dtype)
    for got, want in zip(taken, (expected.audio, expected.visual), strict=True):
        np.testing.assert_array_equal(got, want.astype(dtype or "f4"), strict=True)
        assert got.flags.c_contiguous and got.flags.writeable and got.base is None


def test_take_of_all_is_a_copy(X):
    audio, visual = X.take()
    assert_features(X, audio, visual)
    assert not np.shares_memory(audio, X.audio)
    assert not np.shares_memory(visual, X.visual)


def test_take_is_relative_to_the_view(X, audio, visual):
    taken = X[10:][::-1].take([0, 2])
    np.testing.assert_array_equal(taken[0], audio[[22, 20]])
    np.testing.assert_array_equal(taken[1], visual[[22, 20]])


def test_take_fills_buffers_and_returns_the_part_it_filled(X, audio, visual):
    buffers = np.full((8, *AUDIO_SHAPE[1:]), 7.0), np.full((8, *VISUAL_SHAPE[1:]), 7.0, "f2")
    taken = X.take([5, 1, 3], out=buffers)
    for got, buffer, want in zip(taken, buffers, (audio, visual), strict=True):
        assert np.shares_memory(got, buffer)
        np.testing.assert_array_equal(got, want[[5, 1, 3]].astype(buffer.dtype), strict=True)
        assert (buffer[3:] == 7).all()


def test_take_refuses_buffers_of_another_shape(X):
    short = np.empty((2, *AUDIO_SHAPE[1:])), np.empty((2, *VISUAL_SHAPE[1:]))
    with pytest.raises(ValueError, match=r"audio buffer .* shape \(3, 4, 6\).* got \(2, 4, 6\)"):
        X.take([0, 1, 2], out=short)
    flat = np.empty((2, *AUDIO_SHAPE[1:])), np.empty((2, T, 30))
    with pytest.raises(ValueError, match=r"visual buffer .* got \(2, 4, 30\)"):
        X.take([0, 1], out=flat)


@pytest.mark.parametrize("layout", ["fortran", "swapped bytes", "every other column", "integers", "booleans"])
def test_take_of_unusual_arrays(audio, visual, layout):
    unusual = {
        "fortran": np.asfortranarray(visual),
        "swapped bytes": visual.astype(">f4"),
        "every other column": visual[..., ::2],
        "integers": visual.astype(np.int16),
        "booleans": visual > -100,
    }[layout]
    X = AVFeatures(audio, unusual)
    np.testing.assert_array_equal(X.take([3, 1])[1], unusual[[3, 1]], strict=True)
    np.testing.assert_array_equal(X.take([3, 1], "f4")[1], unusual[[3, 1]].astype("f4"), strict=True)
    np.testing.assert_array_equal(np.asarray(X[2:3])[0, 6 : 6 + 5], np.resize(unusual[2, 0], 5))


# What it takes


def test_other_array_likes_are_converted(audio, visual):
    X = AVFeatures(audio.tolist(), visual.tolist())
    assert_features(X, audio.astype("f8"), visual.astype("f8"))


def test_object_arrays_of_numbers_become_floats(visual):
    objects = np.empty((1, 1, 5), object)
    objects[0, 0] = [1, 2.5, np.float32(3), True, Decimal("0.5")]
    X = AVFeatures(objects, visual[:1, :1])
    np.testing.assert_array_equal(X.audio, [[[1, 2.5, 3, 1, 0.5]]])
    assert X.audio.dtype == np.float64


@pytest.mark.parametrize("name", ["audio", "visual"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (numbers(AUDIO_SHAPE, "c8"), "got dtype complex64"),
        (numbers(AUDIO_SHAPE).astype(str), "got dtype <U"),
        (numbers(AUDIO_SHAPE).astype(bytes), r"got dtype \|S"),
        (numbers(AUDIO_SHAPE).astype("M8[s]"), "got dtype datetime64"),
        (numbers(AUDIO_SHAPE).astype("m8[s]"), "got dtype timedelta64"),
        (np.zeros(AUDIO_SHAPE, [("a", "f4")]), "got dtype"),
        (np.full(AUDIO_SHAPE, "1.5", object), "got the str '1.5'"),
        (np.full(AUDIO_SHAPE, None, object), "got the NoneType None"),
        (np.full(AUDIO_SHAPE, 1j, object), "got the complex 1j"),
        (np.full(AUDIO_SHAPE, 10**400, object), "fit in float64"),
        (np.ma.masked_less(numbers(AUDIO_SHAPE), 5), "masked"),
        (None, "got the NoneType None"),
        ([[1.0], [1.0, 2.0]], "must be an array of real numbers"),
        (numbers((N, T)), r"got shape \(23, 4\)"),
        (numbers((N, T, 2, 3)), r"got shape \(23, 4, 2, 3\)"),
        (np.zeros((N, 0, 6)), r"at least one segment and one feature, got shape \(23, 0, 6\)"),
        (np.zeros((N, T, 0)), r"at least one segment and one feature, got shape \(23, 4, 0\)"),
    ],
)
def test_bad_arrays_are_value_errors_that_name_them(audio, visual, name, values, message):
    arrays = {"audio": audio, "visual": visual, name: values}
    with pytest.raises(ValueError, match=message) as caught:
        AVFeatures(**arrays)
    assert str(caught.value).startswith(name)


def test_maps_of_audio_and_empty_maps_are_errors(audio, visual):
    with pytest.raises(ValueError, match=r"audio must be .* got shape \(23, 4, 3, 2, 5\)"):
        AVFeatures(visual, visual)
    with pytest.raises(ValueError, match=r"visual .* got shape \(23, 4, 0, 2, 5\)"):
        AVFeatures(audio, visual[:, :, :0])


def test_audio_and_visual_must_agree(audio, visual):
    with pytest.raises(ValueError, match="same number of videos, got 22 in audio .* and 23 in visual"):
        AVFeatures(audio[1:], visual)
    with pytest.raises(ValueError, match="same number of segments, got 4 in audio .* and 3 in visual"):
        AVFeatures(audio, visual[:, 1:])


def test_no_videos_are_fine_here(audio, visual, mapped, tmp_path):
    of_files = AVFeatures(mapped.audio[:0], mapped.visual[:0])
    for X in (AVFeatures(audio[:0], visual[:0]), AVFeatures(audio, visual)[:0], of_files, mapped[:0]):
        again = pickle.loads(pickle.dumps(X))
        assert_features(again, audio[:0], visual[:0])
        assert np.asarray(again).shape == again.shape == (0, T * 36)
    truncate(tmp_path / "visual.npy", 0)
    of_files.check_files()
    assert_features(pickle.loads(pickle.dumps(of_files)), audio[:0], visual[:0])


def test_from_array_splits_columns_without_copying():
    joined = numbers((N, T, 9))
    X = AVFeatures.from_array(joined, 2)
    assert_features(X, joined[..., :2], joined[..., 2:])
    assert np.shares_memory(X.audio, joined) and np.shares_memory(X.visual, joined)
    np.testing.assert_array_equal(np.asarray(X), joined.reshape(N, -1))


def test_from_array_of_a_file_pickles_by_reference(tmp_path):
    joined = numbers((N, T, 300))
    X = AVFeatures.from_array(save_and_map(tmp_path / "joined.npy", joined), np.int64(2))
    data = pickle.dumps(X[3:])
    assert len(data) < 2048
    assert_features(pickle.loads(data), joined[3:, :, :2], joined[3:, :, 2:])


@pytest.mark.parametrize("n_audio_features", [0, 9, -1, 100, 2.0, "2", None, True])
def test_from_array_refuses_other_numbers_of_columns(n_audio_features):
    with pytest.raises(ValueError, match="n_audio_features must be an integer from 1 to 8.*9 columns") as caught:
        AVFeatures.from_array(numbers((N, T, 9)), n_audio_features)
    assert repr(n_audio_features) in str(caught.value)


def test_from_array_refuses_other_shapes_and_types():
    with pytest.raises(ValueError, match=r"X must be of shape \(n_videos, n_segments, n_features\), got .*\(4, 9\)"):
        AVFeatures.from_array(numbers((4, 9)), 2)
    with pytest.raises(ValueError, match="X must be of real numbers"):
        AVFeatures.from_array(numbers((4, 9, 2), "c8"), 1)


# Copies, pickles, hashes


def test_shallow_copy_shares_everything(X):
    again = copy.copy(X[3:])
    assert again is not X
    assert_features(again, X.audio[3:], X.visual[3:])
    assert np.shares_memory(again.audio, X.audio) and np.shares_memory(again.visual, X.visual)


@pytest.mark.parametrize("key", [slice(None), slice(3, 9), [4, 1]])
def test_deep_copy_has_the_same_features(X, key):
    again = copy.deepcopy(X[key])
    assert_features(again, X[key].audio, X[key].visual)


def test_deep_copy_shares_read_only_maps_and_copies_the_rest(audio, mapped, tmp_path):
    editable = save_and_map(tmp_path / "editable.npy", mapped.visual, mode="c")
    editable[0] = 7
    again = copy.deepcopy(AVFeatures(mapped.audio, editable))
    assert np.shares_memory(again.audio, mapped.audio)
    editable[1] = 8
    assert (again.visual[0] == 7).all() and (again.visual[1] == mapped.visual[1]).all()
    assert not np.shares_memory(copy.deepcopy(AVFeatures(audio, editable)).audio, audio)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("key", [slice(None), slice(3, 9), slice(None, None, -1), [4, 1, 4], [], [7]])
def test_pickle_round_trip(X, key, protocol):
    again = pickle.loads(pickle.dumps(X[key], protocol))
    assert_features(again, X[key].audio, X[key].visual)
    assert_features(pickle.loads(pickle.dumps(again[1:])), X[key].audio[1:], X[key].visual[1:])


@pytest.fixture
def large(tmp_path):
    """100 000 videos in two files; no pickle of them by value could be small."""
    audio = np.lib.format.open_memmap(tmp_path / "audio.npy", "w+", "f4", (100_000, 1, 2))
    visual = np.lib.format.open_memmap(tmp_path / "visual.npy", "w+", "f4", (100_000, 1, 3))
    audio[:, 0, 0] = visual[:, 0, 0] = np.arange(100_000)
    return AVFeatures(audio, visual)


def chosen_rows(kind):
    rng = np.random.default_rng(0)
    return {
        "whole": slice(None),
        "slice": slice(17, 90_000, 3),
        "progression": np.arange(99_000, 10, -7),
        "half, in order": np.sort(rng.permutation(100_000)[:50_000]),
        "half, shuffled": rng.permutation(100_000)[:50_000],
        "few, in order": np.array([3, 70_000, 99_999]),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "index_bytes"),
    [
        ("whole", 0),
        ("slice", 0),
        ("progression", 0),
        ("half, in order", 100_000 // 8),
        ("half, shuffled", 50_000 * 4),
        ("few, in order", 3 * 4),
    ],
)
def test_pickle_of_files_is_their_names_and_one_index(large, kind, index_bytes):
    rows = chosen_rows(kind)
    data = pickle.dumps(large[rows])
    assert index_bytes <= len(data) < index_bytes + 2048
    np.testing.assert_array_equal(pickle.loads(data).audio[:, 0, 0], np.arange(100_000, dtype="f4")[rows])


def test_smaller_integers_for_fewer_videos(large):
    few = AVFeatures(large.audio[:256], large.visual[:256])
    shuffled = few[np.random.default_rng(0).permutation(256)]
    assert len(pickle.dumps(shuffled)) < len(pickle.dumps(few)) + 256 + 20


def test_pickle_of_a_slice_in_memory_holds_its_rows_only(audio, visual):
    X = AVFeatures(np.repeat(audio, 50, axis=2), np.repeat(visual, 50, axis=4))
    for view in (X[4:6], X[[4, 9]]):
        assert view.nbytes < len(pickle.dumps(view)) < view.nbytes + 2048


def test_pickle_of_all_in_memory_holds_the_arrays_themselves(audio, visual):
    buffers = []
    data = pickle.dumps(AVFeatures(audio, visual)[:], 5, buffer_callback=buffers.append)
    again = pickle.loads(data, buffers=buffers)
    assert np.shares_memory(again.audio, audio) and np.shares_memory(again.visual, visual)


def test_pickle_of_mixed_features(audio, mapped):
    mixed = AVFeatures(audio, mapped.visual)
    view = mixed[np.arange(N) % 2 == 0][[5, 0, 3]]
    data = pickle.dumps(view)
    assert len(data) < 2048 + 3 * audio[0].nbytes
    again = pickle.loads(data)
    assert_features(again, audio[[10, 0, 6]], mapped.visual[[10, 0, 6]])
    assert_features(again[1:], audio[[0, 6]], mapped.visual[[0, 6]])
    assert_features(pickle.loads(pickle.dumps(again[::-1])), audio[[6, 0, 10]], mapped.visual[[6, 0, 10]])


def field_of_a_structured_file(file, visual):
    records = np.zeros(visual.shape, np.dtype([("odd", "u1"), ("visual", "f4")]))
    records["visual"] = visual
    return save_and_map(file, records)["visual"]


def behind_a_header(file, visual):
    """Start in the middle of the file's fourth page."""
    file.write_bytes(bytes(3 * 4096 + 200) + visual.tobytes())
    return np.memmap(file, "f4", "r", offset=3 * 4096 + 200, shape=visual.shape)


def far_behind_the_start(file, visual):
    padded = np.concatenate([np.zeros((4096, *visual.shape[1:]), "f4"), visual])
    return save_and_map(file, padded)[4096:]


def dumped_by_joblib(file, visual):
    joblib.dump({"before": np.zeros(1000), "visual": visual}, file)
    return joblib.load(file, mmap_mode="r")["visual"]


MAPS = {
    "plain": save_and_map,
    "offset": behind_a_header,
    "rows": lambda file, visual: save_and_map(file, np.concatenate([visual, visual]))[N:],
    "rows far away": far_behind_the_start,
    "reversed": lambda file, visual: save_and_map(file, visual[::-1])[::-1],
    "all reversed": lambda file, visual: np.flip(save_and_map(file, np.flip(visual))),
    "columns": lambda file, visual: save_and_map(file, np.repeat(visual, 2, axis=-1))[..., 1::2],
    "fortran": lambda file, visual: save_and_map(file, np.asfortranarray(visual)),
    "fortran rows": lambda file, visual: save_and_map(file, np.asfortranarray(np.repeat(visual, 2, 0)))[::2],
    "channels first": lambda file, visual: np.moveaxis(save_and_map(file, np.moveaxis(visual, -1, 2)), 2, -1),
    "plain view": lambda file, visual: np.asarray(save_and_map(file, visual)),
    "view of a view": lambda file, visual: np.asarray(save_and_map(file, visual)[::-1])[::-1],
    "as strided": lambda file, visual: np.lib.stride_tricks.as_strided(save_and_map(file, visual)),
    "broadcast": lambda file, visual: np.broadcast_to(save_and_map(file, visual[:1]), visual.shape),
    "bytes": lambda file, visual: save_and_map(file, visual).view(np.uint8).view("f4"),
    "big-endian": lambda file, visual: save_and_map(file, visual.astype(">f4")),
    "record field": field_of_a_structured_file,
    "joblib": dumped_by_joblib,
    "r+": lambda file, visual: save_and_map(file, visual, "r+"),
}  # fmt: skip


@pytest.mark.parametrize("layout", MAPS)
def test_any_part_of_a_map_is_pickled_by_reference(audio, visual, tmp_path, layout):
    audio, visual = np.repeat(audio, 20, axis=2), np.repeat(visual, 20, axis=-1)
    X = AVFeatures(save_and_map(tmp_path / "audio.npy", audio), MAPS[layout](tmp_path / "visual", visual))
    want = np.broadcast_to(visual[:1], visual.shape) if layout == "broadcast" else visual
    np.testing.assert_array_equal(X.visual, want)
    for view, rows in ((X, slice(None)), (X[[20, 3]], [20, 3])):
        data = pickle.dumps(view)
        assert len(data) < 2048
        again = pickle.loads(data)
        np.testing.assert_array_equal(again.visual, want[rows])
        assert again["visual"].dtype == X.visual.dtype
        assert len(pickle.dumps(again)) < 2048


def test_reopened_maps_are_read_only(tmp_path, audio, visual):
    editable = save_and_map(tmp_path / "visual.npy", visual, "r+")
    editable[2] = 5
    again = pickle.loads(pickle.dumps(AVFeatures(audio, editable)))
    assert (again.visual[2] == 5).all()
    assert not again.visual.flags.writeable
    assert again.take([0])[1].flags.writeable


@pytest.mark.parametrize("view", [lambda X: X, lambda X: X[2:], lambda X: AVFeatures(X.audio, np.asarray(X.visual))])
def test_copy_on_write_maps_are_not_pickled(tmp_path, audio, visual, view):
    X = AVFeatures(audio, save_and_map(tmp_path / "visual.npy", visual, "c"))
    with pytest.raises(pickle.PicklingError, match=r"visual is memory-mapped with mode 'c'.*visual\.npy.*edits"):
        pickle.dumps(view(X))


def test_an_unnamed_file_is_pickled_by_value(tmp_path, audio, visual):
    file = os.open(tmp_path, os.O_TMPFILE | os.O_RDWR) if hasattr(os, "O_TMPFILE") else pytest.skip("no O_TMPFILE")
    with os.fdopen(file, "r+b") as opened:
        opened.write(visual.tobytes())
        opened.flush()
        unnamed = np.memmap(opened, "f4", "r", shape=visual.shape)
        assert unnamed.filename is None
        X = AVFeatures(audio, unnamed)
        assert_features(pickle.loads(pickle.dumps(X)), audio, visual)
        opened.truncate(100)
        for act in (X.check_files, lambda: pickle.dumps(X)):
            with pytest.raises(ValueError, match="visual .* an unnamed file, which has 100 bytes"):
                act()


@pytest.mark.slow
def test_pickle_in_a_fresh_process(X, tmp_path):
    joblib.dump(X[[7, 2]], tmp_path / "X.joblib")
    code = "import sys, joblib, numpy; print(numpy.asarray(joblib.load(sys.argv[1]), dtype='f8').sum())"
    done = run_python(code, tmp_path / "X.joblib")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == np.asarray(X[[7, 2]], dtype="f8").sum()


def test_relative_file_names_are_made_absolute(tmp_path, monkeypatch, audio, visual):
    monkeypatch.chdir(tmp_path)
    X = AVFeatures(audio, save_and_map("visual.npy", visual))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    X.check_files()
    assert_features(pickle.loads(pickle.dumps(X)), audio, visual)


def test_joblib_hash_is_that_of_the_rows(X):
    hashed = joblib.hash(X[2:5])
    assert hashed == joblib.hash(X[[2, 3, 4]]) == joblib.hash(X[1:][1:4])
    assert hashed != joblib.hash(X[3:6])
    assert hashed != joblib.hash(X[[4, 3, 2]])


def test_joblib_hash_changes_with_the_file(mapped, tmp_path):
    before = joblib.hash(mapped)
    assert before == joblib.hash(mapped)
    os.utime(tmp_path / "visual.npy", ns=(1, 1))
    assert before != joblib.hash(mapped)


# Files that shrink or go


@pytest.mark.parametrize("name", ["audio", "visual"])
def test_a_truncated_file_is_an_error_everywhere(mapped, tmp_path, name):
    data = pickle.dumps(mapped[2:3])
    full = 128 + getattr(mapped, name).nbytes
    truncate(tmp_path / f"{name}.npy", 500)
    message = rf"{name} is memory-mapped from .*{name}\.npy, which has 500 bytes where at least {full} are wanted"
    for act in (
        mapped.check_files,
        mapped[:1].check_files,
        lambda: AVFeatures(mapped._audio.base, mapped._visual.base),
        lambda: pickle.loads(data),
        lambda: pickle.dumps(mapped),
        lambda: getattr(mapped, name),
        lambda: getattr(mapped[3:], name),
        mapped.take,
        lambda: np.asarray(mapped[[1]]),
    ):
        with pytest.raises(ValueError, match=message):
            act()


def test_a_byte_less_is_too_short_and_as_long_as_needed_is_enough(mapped, tmp_path):
    file = tmp_path / "visual.npy"
    audio, visual = mapped.audio[:20], mapped.visual[:20]
    before, needed = AVFeatures(audio, visual), 128 + visual.nbytes
    truncate(file, needed)
    with pytest.raises(ValueError, match=f"visual.npy, which had .* bytes when it was opened and has {needed} now"):
        before.check_files()
    first = AVFeatures(audio, visual)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).visual, -numbers(VISUAL_SHAPE)[:20])
    with pytest.raises(ValueError, match="Was it truncated"):
        mapped.check_files()
    truncate(file, needed - 1)
    with pytest.raises(ValueError, match=f"{needed - 1} bytes where at least {needed}"):
        first.check_files()


def test_a_missing_file_is_an_error_that_names_it(mapped, tmp_path):
    data = pickle.dumps(mapped)
    os.remove(tmp_path / "visual.npy")
    for act in (mapped.check_files, lambda: pickle.loads(data)):
        with pytest.raises(ValueError, match=r"visual .*visual\.npy.*No such file"):
            act()


def test_files_are_fine_after_all(X):
    X.check_files()


TRUNCATED = """
import pickle, sys
import numpy as np
from ave_sklearn import AVFeatures
file, act = sys.argv[1:]
visual = np.load(file, mmap_mode="r")
X = AVFeatures(np.zeros((len(visual), 1, 1)), visual)
data = pickle.dumps(X)
with open(file, "r+b") as opened:
    opened.truncate(1000)
{"map": visual.sum, "read": X.take, "check": X.check_files, "make": lambda: AVFeatures(X.audio, visual),
 "unpickle": lambda: pickle.loads(data).take()}[act]()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not truncate mapped files")
@pytest.mark.parametrize("act", ["check", "make", "unpickle", "read", "map"])
def test_checks_come_before_the_crash(tmp_path, act):
    np.save(tmp_path / "visual.npy", np.ones((100, 1, 1000)))
    done = run_python(TRUNCATED, tmp_path / "visual.npy", act)
    if act == "map":  # what the checks are for
        assert done.returncode < 0
    else:
        assert done.returncode == 1
        assert "ValueError: visual is memory-mapped" in done.stderr


# scikit-learn and joblib


@pytest.mark.parametrize("key", [[2, 0], np.array([2, 0]), np.arange(N) > 20, slice(1, 3), 5])
def test_safe_indexing(X, audio, visual, key):
    rows = np.atleast_1d(np.arange(N)[key])
    assert_features(_safe_indexing(X, key), audio[rows], visual[rows])


def test_train_test_split(X, audio, visual):
    X_train, X_test, y_train, y_test = train_test_split(X, np.arange(N), test_size=5, random_state=0)
    assert_features(X_train, audio[y_train], visual[y_train])
    assert_features(X_test, audio[y_test], visual[y_test])
    assert len(X_test) == 5


def test_resample_and_splitters(X, audio, visual):
    sample, rows = resample(X, np.arange(N), random_state=0)
    assert_features(sample, audio[rows], visual[rows])
    assert [len(test) for _, test in KFold(3).split(X)] == [8, 8, 7]


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_flat_estimators_take_it_as_it_is(tmp_path, n_jobs):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    visual = save_and_map(tmp_path / "visual.npy", rng.normal(size=(60, T, 3)) + y[:, None, None])
    X = AVFeatures(rng.normal(size=(60, T, 2)).astype("f4"), visual)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scores = cross_val_score(model, X, y, cv=4, n_jobs=n_jobs)
    np.testing.assert_array_equal(scores, cross_val_score(model, np.asarray(X), y, cv=4))
    assert scores.mean() > 0.9


def look_around(X, folder):
    """In a worker: which files the features came in, their checksum, and the bytes in joblib's folder."""
    X.check_files()
    files = [file for file in Path(folder).rglob("*") if file.is_file()]
    n_bytes = sum(file.stat().st_size for file in files)
    audio, visual = X.take([1, 0])
    return X.visual.filename, float(audio.sum() + visual.sum()), n_bytes


def share(X, folder, n_tasks=6):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        with joblib.Parallel(n_jobs=2, max_nbytes=1000, temp_folder=folder) as parallel:
            return parallel(joblib.delayed(look_around)(X, folder) for _ in range(n_tasks))


@pytest.fixture
def in_memory():
    return AVFeatures(numbers((40, 10, 64)), numbers((40, 10, 3, 3, 64)))


@pytest.mark.slow
def test_joblib_shares_one_copy_of_features_in_memory(in_memory, tmp_path):
    names, sums, n_bytes = zip(*share(in_memory, tmp_path), strict=True)
    assert len(set(names)) == 1
    assert in_memory.nbytes <= max(n_bytes) < 1.01 * in_memory.nbytes
    assert set(sums) == {float(sum(array.sum() for array in in_memory.take([1, 0])))}


@pytest.mark.slow
def test_joblib_gets_a_copy_of_a_slice_for_each_task(in_memory, tmp_path):
    """The opposite of the test before, so that it can tell."""
    names, sums, _ = zip(*share(in_memory[5:30], tmp_path), strict=True)
    assert len(set(names)) == 6
    assert set(sums) == {float(sum(array.sum() for array in in_memory.take([6, 5])))}


@pytest.mark.slow
def test_joblib_may_delete_its_files_early(in_memory, tmp_path):
    """As it does, at times before the worker looks, with the rows that a slice was pickled by."""
    with joblib.Parallel(n_jobs=2, max_nbytes=1000, temp_folder=tmp_path) as parallel:
        sums = parallel([joblib.delayed(read_without_file)(in_memory[5:30])])
    assert sums == [float(in_memory.take([5])[1].sum())]


def read_without_file(X):
    """In a worker."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(X.visual.filename)
    X.check_files()
    return float(X.take([0])[1].sum())


@pytest.mark.slow
def test_joblib_writes_nothing_of_features_in_files(in_memory, tmp_path):
    X = AVFeatures(
        save_and_map(tmp_path / "audio.npy", in_memory.audio),
        save_and_map(tmp_path / "visual.npy", in_memory.visual),
    )
    (tmp_path / "joblib").mkdir()
    for view in (X, X[3:], X[np.random.default_rng(0).permutation(40)]):
        with joblib.Parallel(n_jobs=2, max_nbytes=1000, temp_folder=tmp_path / "joblib") as parallel:
            done = parallel(joblib.delayed(count_bytes)(view, tmp_path / "joblib") for _ in range(4))
        assert set(done) == {(0, float(view.take([0])[1].sum()))}


def count_bytes(X, folder):
    n_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return n_bytes, float(X.take([0])[1].sum())


def first_half(X):
    return X[: len(X) // 2]


def itself(X):
    return X


@pytest.mark.slow
@pytest.mark.parametrize("task", [first_half, itself])
def test_what_a_worker_returns_outlives_joblib_s_files(in_memory, tmp_path, task):
    with joblib.Parallel(n_jobs=2, max_nbytes=1000, temp_folder=tmp_path) as parallel:
        returned = parallel(joblib.delayed(task)(in_memory) for _ in range(2))
    expected = task(in_memory)
    for X in returned:
        X.check_files()
        assert_features(pickle.loads(pickle.dumps(X)), expected.audio, expected.visual)


def test_an_ellipsis_is_all_videos():
    X = AVFeatures(np.zeros((3, 2, 4)), np.zeros((3, 2, 5)))
    assert len(X[...]) == len(X[..., ...]) == 3


# ------------------------------------------------------------------- videos one after the other
def test_concatenate_joins_videos_without_reading_them():
    X = AVFeatures(np.arange(24.0).reshape(4, 3, 2), np.arange(48.0).reshape(4, 3, 4))
    joined = AVFeatures.concatenate([X[2:], X, X[[1]]])
    assert joined.n_videos == 7
    np.testing.assert_array_equal(joined.audio, np.concatenate([X.audio[2:], X.audio, X.audio[[1]]]))
    np.testing.assert_array_equal(np.asarray(joined[5:]), np.asarray(X)[[3, 1]])
    X.audio[0] = -1  # nothing was copied
    np.testing.assert_array_equal(joined.audio[2], X.audio[0])
    assert len(AVFeatures.concatenate(iter([X]))) == 4


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "parts is empty"),
        (AVFeatures(np.zeros((2, 3, 1)), np.zeros((2, 3, 1))), TypeError, "parts is a single AVFeatures"),
        ([np.zeros((2, 3, 2))], TypeError, "parts holds a ndarray in place 0; wanted AVFeatures only"),
    ],
)
def test_concatenate_refuses_what_are_no_features(parts, error, message):
    with pytest.raises(error, match=message):
        AVFeatures.concatenate(parts)


@pytest.mark.parametrize(
    "join",
    [
        lambda X: np.concatenate([X, X]),
        lambda X: np.concatenate([np.zeros((2, 6)), X]),
        lambda X: np.vstack((X, X)),
        lambda X: np.stack([X]),
        lambda X: np.append(X, X, axis=0),
        lambda X: np.mean(X),
        lambda X: np.take(X, [0], axis=0),
    ],
)
def test_numpy_does_not_flatten_features_in_silence(join):
    X = AVFeatures(np.zeros((2, 3, 1)), np.zeros((2, 3, 1)))
    with pytest.raises(TypeError, match=r"does not take AVFeatures.*AVFeatures.concatenate\(\[X1, X2\]\)"):
        join(X)
    assert np.asarray(X).shape == np.shape(X) == (2, 6)
    assert np.ndim(X) == 2 and np.size(X) == 12 and np.size(X, 0) == 2
