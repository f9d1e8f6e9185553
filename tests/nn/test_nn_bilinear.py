"""Bilinear fusion: its equation, its dropout, and its gradient at zero."""

import numpy as np
import pytest
import torch
from helpers import TOLERANCE, array, bilinear_loop, drawn, tensor

from ave_sklearn.nn import set_dropout_generator
from ave_sklearn.nn.bilinear import BilinearFusion, signed_root

N, T, D = 3, 4, 6


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def plain_fusion(size):
    """One factor, identity weights and no bias: with ones as visual features the sum is the audio itself."""
    fusion = drawn(BilinearFusion(size, n_factors=1))
    for layer in (fusion.audio, fusion.visual):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    return fusion


@pytest.mark.parametrize("n_factors", [1, 5])
def test_bilinear_form_root_and_length(rng, n_factors):
    fusion = drawn(BilinearFusion(D, n_factors))
    a, v = rng.randn(N, T, D), rng.randn(N, T, D)
    fused = array(fusion(tensor(a), tensor(v)))
    assert fused.shape == (N, T, D)
    for n in range(N):
        for t in range(T):
            np.testing.assert_allclose(fused[n, t], bilinear_loop(fusion, a[n, t], v[n, t]), **TOLERANCE)
            assert np.linalg.norm(fused[n, t]) == pytest.approx(1)


def test_dropout_is_on_the_products_in_front_of_the_sum(rng):
    fusion = drawn(BilinearFusion(D, 5, dropout=0.5)).train()
    a, v = rng.randn(D), rng.randn(D)
    set_dropout_generator(fusion, torch.Generator().manual_seed(1))
    fused = array(fusion(tensor(a), tensor(v)))
    set_dropout_generator(fusion, torch.Generator().manual_seed(1))
    keep = fusion.dropout.mask(torch.empty(D * 5, dtype=torch.float64))
    with torch.no_grad():  # dropping a product is the same as a zero row of one of its two layers
        fusion.audio.weight[keep == 0] = 0.0
        fusion.audio.bias[keep == 0] = 0.0
    np.testing.assert_allclose(fused, bilinear_loop(fusion, a, v), **TOLERANCE)
    assert 0 < keep.count_nonzero() < len(keep)


def test_gradients_are_those_of_finite_differences(rng):
    fusion = drawn(BilinearFusion(D, 5))
    inputs = tensor(rng.randn(2, D)).requires_grad_(), tensor(rng.randn(2, D)).requires_grad_()
    assert torch.autograd.gradcheck(fusion, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradient_at_exactly_zero_is_zero(dtype):
    fusion = plain_fusion(D).to(dtype)
    a, v = torch.zeros(2, T, D, dtype=dtype, requires_grad=True), torch.ones(2, T, D, dtype=dtype)
    fused = fusion(a, v)
    assert (fused == 0).all()
    fused.sum().backward()
    for gradient in (a.grad, *(p.grad for p in fusion.parameters())):
        assert (gradient == 0).all()


def test_one_zero_leaves_the_gradients_of_the_others():
    s, weight = np.array([0.0, 0.3, -0.2, 1.5]), np.array([2.0, -1.0, 0.5, 0.7])
    a = tensor(s).requires_grad_()
    (plain_fusion(4)(a, torch.ones(4, dtype=torch.float64)) * tensor(weight)).sum().backward()
    root, length = np.sign(s) * np.sqrt(abs(s)), np.sqrt(abs(s).sum())
    expected = np.zeros(4)
    for j in (1, 2, 3):  # z_i = root_i / length, and length² = Σ |s_j|
        for i in range(4):
            slope = (i == j) / (2 * np.sqrt(abs(s[j])) * length) - root[i] * np.sign(s[j]) / (2 * length**3)
            expected[j] += weight[i] * slope
    np.testing.assert_allclose(a.grad.numpy(), expected, **TOLERANCE)


def test_products_that_dropout_zeroes_give_finite_gradients(rng):
    fusion = drawn(BilinearFusion(D, n_factors=2, dropout=0.9)).train()
    set_dropout_generator(fusion, torch.Generator().manual_seed(0))
    a, v = tensor(rng.randn(20, T, D)).requires_grad_(), tensor(rng.randn(20, T, D))
    fused = fusion(a, v)
    fused.square().cumsum(-1).sum().backward()
    assert (fused == 0).all(-1).any() and ((fused == 0).any(-1) & (fused != 0).any(-1)).any()
    assert all(torch.isfinite(x).all() for x in (a.grad, *(p.grad for p in fusion.parameters())))


def test_slope_of_the_root_is_exact_and_bounded():
    x = tensor([0.0, 1e-13, -1e-13, 4.0, -4.0]).requires_grad_()
    root = signed_root(x)
    root.sum().backward()
    np.testing.assert_allclose(array(root)[[0, 3, 4]], [0, 2, -2])
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 0, 0.25, 0.25])
    small = torch.logspace(-40, 0, 401, dtype=torch.float64).requires_grad_()
    signed_root(small).sum().backward()
    assert 1e5 < small.grad.max() <= 5e5 * (1 + 1e-6)


@pytest.mark.parametrize("params", [{"n_factors": 0}, {"n_factors": 1.5}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_bad_parameters(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        BilinearFusion(D, **params)
