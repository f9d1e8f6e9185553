"""Features on their way from where they are stored into a batch: numbers, checks, and what is left untouched."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._training.batches import BatchIterator, VideoDataset, watch_zeros
from ave_sklearn.nn import StandardizedNetwork

N, T, D_AUDIO = 9, 4, 6
POOLED, MAPS = (2**13,), (3, 3, 2**10)  # of a segment: rows of both are large
SMALL = (5,)
ROWS = np.array([5, 0, 0, 8, 2])


def features(shape, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    audio, visual = rng.normal(3, 2, (N, T, D_AUDIO)), rng.normal(-5, 40, (N, T, *shape))
    return audio.astype("float32"), visual.astype(dtype)


def network_of(X, dropout=0.0):
    """Return a network that only standardises, by statistics that differ from feature to feature."""
    network = StandardizedNetwork(torch.nn.Identity(), X.n_audio_features, X.n_visual_features, dropout)
    mean = np.linspace(-6, 2, X.n_visual_features)
    network.set_statistics((np.linspace(2, 4, X.n_audio_features), 1.9), (mean, 35.0))
    return network.train(dropout > 0)


def loaded(X, rows=ROWS, network=None, map_dtype=None, dtype="float32"):
    batch, _ = VideoDataset(X, dtype).batch(np.asarray(rows))
    network = network or network_of(X)
    return batch.load(network.scalings(len(batch), batch.n_visual_axes), map_dtype)


def slowly(X, rows=ROWS):
    """Standardise the rows of `X` in float64, one by one."""
    layers = network_of(X).audio_scaling, network_of(X).visual_scaling
    for stream, layer in zip((X.audio, X.visual), layers, strict=True):
        mean, scale = layer.mean.double().numpy(), layer.scale.double().item()
        yield np.stack([(np.asarray(stream[row], np.float64) - mean) / scale for row in rows])


def in_memory(audio, visual, folder):
    return AVFeatures(audio, visual)


def as_view(audio, visual, folder):
    X = AVFeatures(*(np.concatenate([x[:2], x[::-1]]) for x in (audio, visual)))
    return X[2:][::-1]


def as_read_only(audio, visual, folder):
    for x in (audio, visual):
        x.flags.writeable = False
    return AVFeatures(audio, visual)


def as_reversed(audio, visual, folder):
    return AVFeatures(audio[::-1].copy()[::-1], visual[::-1].copy()[::-1])


def with_gaps(audio, visual, folder):
    return AVFeatures(audio, np.repeat(visual, 2, -1)[..., ::2])


def in_fortran_order(audio, visual, folder):
    return AVFeatures(np.asfortranarray(audio), np.asfortranarray(visual))


def of_other_bytes(audio, visual, folder):
    return AVFeatures(audio, visual.astype(visual.dtype.newbyteorder()))


def unaligned(audio, visual, folder):
    raw = np.empty(visual.nbytes + 1, np.uint8)[1:].view(visual.dtype).reshape(visual.shape)
    raw[...] = visual
    return AVFeatures(audio, raw)


def in_files(audio, visual, folder):
    AVFeatures(audio, visual).to_npy(folder / "a.npy", folder / "v.npy")
    return AVFeatures.from_npy(folder / "a.npy", folder / "v.npy")


def half_in_a_file(audio, visual, folder):
    return AVFeatures(in_files(audio, visual, folder).audio, visual)


def joined(audio, visual, folder):
    return AVFeatures.concatenate([AVFeatures(audio, visual)[:4], AVFeatures(audio, visual)[4:]])


def in_hdf5(audio, visual, folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "f.h5", "w") as file:
        for name, x in (("a", audio), ("v", visual)):
            file.create_dataset(name, data=x, chunks=(2, *x.shape[1:]), compression="gzip")
    return AVFeatures.from_hdf5(folder / "f.h5", folder / "f.h5", audio_key="a", visual_key="v")


FORMS = [
    in_memory, as_view, as_read_only, as_reversed, with_gaps, in_fortran_order, of_other_bytes, unaligned, in_files,
    half_in_a_file, joined, in_hdf5,
]  # fmt: skip


# ------------------------------------------------------------------- numbers
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [SMALL, POOLED, MAPS])
@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "int16"])
def test_every_form_gives_what_a_slow_computation_gives(form, shape, dtype, tmp_path):
    X = form(*features(shape, dtype), tmp_path)
    for got, expected in zip(loaded(X), slowly(X), strict=True):
        assert got.dtype == torch.float32
        assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("map_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_every_form_gives_the_same_bits(form, map_dtype, dropout, tmp_path):
    X, plain = form(*features(MAPS), tmp_path), AVFeatures(*features(MAPS))
    got, expected = [], []
    for streams, into in (X, got), (plain, expected):
        network = network_of(streams, dropout)
        network.dropout.generator = torch.Generator().manual_seed(3)
        into += loaded(streams, network=network, map_dtype=map_dtype)
    assert got[1].dtype == map_dtype
    assert all(map(torch.equal, got, expected))
    assert (got[1] == 0).any(dim=(1, 2, 3)).any() == (dropout > 0)


@pytest.mark.parametrize("form", [in_memory, in_files, joined])
def test_bfloat16_is_the_rounding_of_the_float32_result(form, tmp_path):
    X = form(*features(MAPS), tmp_path)
    assert torch.equal(loaded(X, map_dtype=torch.bfloat16)[1], loaded(X)[1].bfloat16())


@pytest.mark.parametrize("form", [in_memory, in_files])
def test_networks_of_float64(form, tmp_path):
    X = form(*features(MAPS, "float64"), tmp_path)
    network = network_of(X).double()
    for got, expected in zip(loaded(X, network=network, dtype="float64"), slowly(X), strict=True):
        assert got.dtype == torch.float64
        assert_allclose(got, expected, rtol=1e-6, atol=1e-6)  # the statistics went through float32


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("map_dtype", [torch.float32, torch.bfloat16])
def test_features_without_scaling_are_those_of_X(form, map_dtype, tmp_path):
    X = form(*features(MAPS), tmp_path)
    batch, _ = VideoDataset(X, "float32").batch(ROWS)
    for got, stored, dtype in zip(
        batch.load(map_dtype=map_dtype), X.take(ROWS, dtype="float32"), (torch.float32, map_dtype), strict=True
    ):
        assert torch.equal(got, torch.from_numpy(stored).to(dtype))


def test_means_of_1024_scales_lose_less_than_is_promised():
    audio, visual = features(MAPS)
    rng = np.random.default_rng(1)
    exact = 1023.5 + rng.standard_normal(visual.shape)
    mean = exact.mean((0, 1, 2, 3))
    X = AVFeatures(audio, exact.astype("float32"))
    network = network_of(X)
    network.set_statistics((np.zeros(D_AUDIO), 1.0), (mean, 1.0))
    assert network.wide == (None, None)  # float32 resolves them
    assert_allclose(loaded(X, network=network)[1], (exact - mean)[ROWS], rtol=0, atol=1e-4)


@pytest.mark.parametrize("map_dtype", [torch.float32, torch.bfloat16])
def test_batches_do_not_share_what_they_hold(map_dtype):
    X = AVFeatures(*features(MAPS))
    network, dataset = network_of(X), VideoDataset(X, "float32")
    kept = [batch.load(network.scalings(len(batch), 5), map_dtype) for batch, _ in BatchIterator(dataset, 4)]
    for streams, start in zip(kept, (0, 4, 8), strict=True):
        expected = loaded(X, range(start, min(start + 4, N)), map_dtype=map_dtype)
        assert all(map(torch.equal, streams, expected))


# ------------------------------------------------------------------- checks
PLACES = [(0, 0, 0, 0, 0), (3, 2, 1, 0, 77), (8, 3, 2, 2, 2**10 - 1)]


@pytest.mark.parametrize("form", [in_memory, as_read_only, with_gaps, in_files, joined])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("value", "told"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
@pytest.mark.parametrize("dropout", [0.0, 0.9])  # what is hidden is checked as well
def test_what_is_not_finite_is_found_wherever_it_is(form, place, value, told, dropout, tmp_path):
    audio, visual = features(MAPS)
    visual[place] = value
    X = form(audio, visual, tmp_path)
    video, segment, *_ = place
    with pytest.raises(ValueError, match=rf"Input X\.visual contains {told}.* in segment {segment} of video {video};"):
        loaded(X, [*range(N)][::-1], network_of(X, dropout))


def test_infinities_that_cancel_are_found():
    audio, visual = features(MAPS)
    visual[4, 1, 0, 0, :2] = np.inf, -np.inf
    with pytest.raises(ValueError, match=r"X\.visual contains infinity.* in segment 1 of video 4;"):
        loaded(AVFeatures(audio, visual), [4])


def test_errors_of_a_view_name_both_rows():
    audio, visual = features(MAPS)
    visual[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"segment 2 of video 1 \(row 7 of the array that it lies in\);"):
        loaded(AVFeatures(audio, visual)[6:], [0, 1])


@pytest.mark.parametrize("form", [in_memory, in_files, joined])
@pytest.mark.parametrize("value", [np.finfo("f4").max, -np.finfo("f4").max, -0.0, 1e-45])
def test_finite_numbers_whose_sum_overflows_or_vanishes_pass(form, value, tmp_path):
    audio, visual = features(MAPS)
    visual[2] = value
    X = form(audio, visual, tmp_path)
    batch, _ = VideoDataset(X, "float32").batch(np.array([2]))
    assert_array_equal(batch.load()[1], visual[[2]])


@pytest.mark.parametrize("form", [in_memory, with_gaps])
def test_numbers_that_the_type_does_not_hold_are_errors(form, tmp_path):
    audio, visual = features(MAPS, "float64")
    visual[3, 1, 0, 0, 0] = 1e39
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ValueError, match=r"infinity or a value too large for float32, first in segment 1 of video 3"
        ):
            loaded(form(audio, visual, tmp_path), [0, 3])


@pytest.mark.parametrize("form", [in_memory, as_read_only, in_files, joined])
def test_videos_that_are_zero_are_told_once(form, tmp_path):
    audio, visual = features(MAPS)
    visual[[1, 6]] = 0
    visual[2, 0] = 0  # in its first segment only
    audio[8] = 0
    dataset = VideoDataset(form(audio, visual, tmp_path), "float32")
    watch_zeros([dataset])
    for batch, _ in BatchIterator(dataset, 4):
        batch.load()
    with pytest.warns(UserWarning, match=r"X\.audio is all zero in 1 of 9 videos, rows 8\..* rows 1, 6\."):
        dataset.report_zeros()


# ------------------------------------------------------------------- the user's arrays
@pytest.mark.parametrize("shape", [SMALL, POOLED, MAPS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_arrays_of_the_user_are_as_they_were(shape, dtype):
    audio, visual = features(shape, dtype)
    before = audio.copy(), visual.copy()
    y = np.where(np.arange(N * T).reshape(N, T) % 3 == 0, "dog", "background")
    for X in AVFeatures(audio, visual), AVFeatures(audio, visual)[::-1]:
        localizer = PSPLocalizer(hidden_size=4, max_epochs=2, batch_size=4).fit(X, y, X_val=X, y_val=y)
        localizer.predict(X), localizer.predict_proba(X)
        assert_array_equal(audio, before[0])
        assert_array_equal(visual, before[1])


@pytest.mark.parametrize("map_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scaled", [False, True])
def test_what_is_done_to_a_batch_does_not_reach_the_arrays(map_dtype, scaled):
    audio, visual = features(MAPS)
    before = audio.copy(), visual.copy()
    X = AVFeatures(audio, visual)
    batch, _ = VideoDataset(X, "float32").batch(ROWS)
    streams = batch.load(network_of(X).scalings(len(ROWS), 5) if scaled else (None, None), map_dtype)
    for stream in streams:
        stream.fill_(7)
    assert_array_equal(audio, before[0])
    assert_array_equal(visual, before[1])


READ_ONLY = """
import warnings
warnings.simplefilter("error")
import numpy as np
from ave_sklearn import AVFeatures, PSPLocalizer

rng = np.random.default_rng(0)
streams = [rng.standard_normal((8, 4, 3), dtype="f4"), rng.standard_normal((8, 4, 3, 3, 1024), dtype="f4")]
y = np.where(np.arange(32).reshape(8, 4) % 3 == 0, "dog", "background")
probabilities = []
for writeable in (False, True):
    for x in streams:
        x.flags.writeable = writeable
    X = AVFeatures(*streams)
    probabilities.append(PSPLocalizer(hidden_size=4, max_epochs=2, random_state=0).fit(X, y).predict_proba(X))
assert (probabilities[0] == probabilities[1]).all()
"""


def test_read_only_arrays_are_read_without_a_warning():
    """In a process of its own: PyTorch tells of them only once."""
    ended = subprocess.run([sys.executable, "-c", READ_ONLY], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
