"""Masks of dropout: their rate, what they depend on, and from which generator they are drawn."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from ave_sklearn.nn import Dropout, FeatureDropout, layers

CPU = torch.device("cpu")
ALL_CODES = torch.arange(-(2**15), 2**15, dtype=torch.int16)
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SCRIPT = """
import sys, torch
from ave_sklearn.nn import Dropout
torch.set_num_threads(int(sys.argv[1]))
layer = Dropout(0.3)
layer.generator = torch.Generator().manual_seed(5)
print(*[layer.mask(torch.empty(300, 1001)).nonzero().sum().item() for _ in range(3)])
"""


def seeded(p, seed=0, kind=Dropout):
    layer = kind(p)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


@pytest.mark.parametrize("p", [0.0001, 0.1, 0.2, 0.4, 0.5, 0.999, 1 - 2**-17])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_share_of_codes_that_zero_is_the_rate_in_steps(monkeypatch, p, dtype):
    monkeypatch.setattr(layers, "draw_codes", lambda *args: ALL_CODES)
    mask = Dropout(p).mask(torch.empty(len(ALL_CODES), dtype=dtype))
    n_zeroed = int((mask == 0).sum())
    assert n_zeroed == min(round(p * 65536), 65535)
    kept = mask[mask > 0]
    factor = torch.tensor(65536 / (65536 - n_zeroed), dtype=torch.float64).to(dtype)
    assert mask.dtype == dtype and (kept == factor).all()


def test_all_codes_are_as_likely():
    codes = layers.draw_codes((2**22 + 1,), torch.Generator().manual_seed(1), CPU)
    assert codes.shape == (2**22 + 1,)
    counts = np.bincount(codes.numpy().astype(int) + 2**15, minlength=2**16)
    chi_square = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert abs(chi_square - 65535) < 5 * (2 * 65535) ** 0.5


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 5, 8, 512])
def test_neighbours_are_independent(lag):
    zeroed = (seeded(0.4).mask(torch.empty(2**20)) == 0).double() - 0.4
    correlation = (zeroed[lag:] * zeroed[:-lag]).mean() / 0.24
    assert abs(correlation) < 5 / 2**10


def test_every_place_is_zeroed_at_the_rate():
    layer = seeded(0.25)
    zeroed = sum((layer.mask(torch.empty(3, 7)) == 0).double() for _ in range(4000)) / 4000
    assert (zeroed - 0.25).abs().max() < 5 * (0.25 * 0.75 / 4000) ** 0.5


def test_one_seed_is_one_mask_and_the_next_is_another():
    layer, again = seeded(0.3), seeded(0.3)
    masks = [layer.mask(torch.empty(4, 5, 6)) for _ in range(3)]
    assert all(torch.equal(mask, again.mask(torch.empty(4, 5, 6))) for mask in masks)
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], seeded(0.3, seed=1).mask(torch.empty(4, 5, 6)))


def test_the_mask_is_the_same_in_each_type():
    zeroed = [seeded(0.3).mask(torch.empty(40, 50, dtype=dtype)) == 0 for dtype in DTYPES]
    assert all(torch.equal(zeroed[0], other) for other in zeroed)


def test_processes_and_threads_draw_the_same():
    command = [sys.executable, "-c", SCRIPT]
    said = [subprocess.run([*command, threads], capture_output=True, text=True, check=True).stdout for threads in "12"]
    layer = seeded(0.3, seed=5)
    here = [layer.mask(torch.empty(300, 1001)).nonzero().sum().item() for _ in range(3)]
    assert said == [" ".join(map(str, here)) + "\n"] * 2


def test_the_global_generator_is_left_alone_by_a_generator_of_its_own():
    before = torch.get_rng_state()
    seeded(0.3)(torch.ones(100))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(0)
    first = Dropout(0.3)(torch.ones(100))
    torch.manual_seed(0)
    assert torch.equal(Dropout(0.3)(torch.ones(100)), first)
    torch.set_rng_state(before)


@pytest.mark.parametrize("shape", [(0, 3), (1,), (), (5, 0, 2), (2, 3, 4)])
def test_any_shape_has_a_mask(shape):
    assert seeded(0.5).mask(torch.empty(shape)).shape == shape
    assert seeded(0.5)(torch.ones(shape)).shape == shape


def test_what_is_zeroed_has_no_gradient_and_the_rest_its_factor():
    x = torch.ones(6, 50, requires_grad=True)
    out = seeded(0.4)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())
    assert set(out.unique().tolist()) == {0.0, out.max().item()}


def test_features_of_a_video_are_zeroed_in_all_its_segments():
    layer = seeded(0.5, kind=FeatureDropout)
    mask = layer.mask(torch.empty(3, 10, 7, 7, 20))
    assert mask.shape == (3, 1, 1, 1, 20)
    assert 0 < mask.count_nonzero() < mask.numel()
