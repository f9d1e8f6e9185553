"""Attention in blocks against the plain layers: values, gradients, types, and what is kept for the backward pass."""

import pytest
import torch
from torch import nn

from ave_sklearn.nn import AVGA, blocking
from ave_sklearn.nn.region_attention import RegionAttention, region_attention

M, N, D, H, K = 5, 9, 6, 8, 7
KEYS = {"alike in all regions": (M, 1, K), "one a region": (M, N, 1)}


@pytest.fixture(autouse=True)
def two_pictures_a_block(monkeypatch):
    monkeypatch.setattr(blocking, "BLOCK_SIZE", 2 * N * H)


def make(key_shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    linears = nn.Linear(D, H), nn.Linear(H, K, bias=False), nn.Linear(K, 1, bias=False)
    for layer in linears:
        layer.to(dtype)
        for name in dict(layer.named_parameters()):
            setattr(layer, name, nn.Parameter(draw(*getattr(layer, name).shape).detach()))
    return draw(M, N, D), draw(*key_shape), *linears


def plain(regions, key, visual, visual_key, score):
    attention = score(torch.tanh(visual_key(torch.relu(visual(regions))) + key)).squeeze(-1).softmax(-1)
    return torch.einsum("ml,mld->md", attention, regions), attention


def gradients(attend, arguments):
    regions, key, *linears = arguments
    wanted = [regions, key, *(weight for layer in linears for weight in layer.parameters())]
    pooled, attention = attend(*arguments)
    loss = (pooled.double() * torch.arange(D)).sum() + (attention.double() * torch.arange(N)).square().sum()
    return torch.autograd.grad(loss, wanted)


@pytest.mark.parametrize("shape", KEYS.values(), ids=KEYS)
def test_values_are_those_of_the_plain_layers(shape):
    arguments = make(shape)
    for got, expected in zip(region_attention(*arguments), plain(*arguments), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", KEYS.values(), ids=KEYS)
def test_gradients_are_those_of_the_plain_layers(shape):
    arguments = make(shape)
    for got, expected in zip(gradients(region_attention, arguments), gradients(plain, arguments), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("shape", KEYS.values(), ids=KEYS)
def test_gradients_are_those_of_finite_differences(shape):
    regions, key, visual, visual_key, score = make(shape)
    weights = visual.weight, visual.bias, visual_key.weight, score.weight
    assert torch.autograd.gradcheck(
        lambda *tensors: RegionAttention.apply(torch.float64, *tensors), (regions, key, *weights)
    )


def test_prediction_without_gradients_is_the_same():
    arguments = make((M, 1, K))
    trained = region_attention(*arguments)
    with torch.no_grad():
        predicted = region_attention(*arguments)
    assert all(torch.equal(a, b) for a, b in zip(trained, predicted, strict=True))
    assert not predicted[0].requires_grad


def test_blocks_do_not_change_the_result(monkeypatch):
    arguments = make((M, 1, K))
    in_blocks = gradients(region_attention, arguments)
    monkeypatch.setattr(blocking, "BLOCK_SIZE", 2**20)
    for got, expected in zip(in_blocks, gradients(region_attention, arguments), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_hidden_units_are_kept_once():
    layer = AVGA(D, D, hidden_size=512, attention_size=K)
    audio, regions = torch.randn(2, 3, D), torch.randn(2, 3, N, D)
    kept = {}

    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layer(audio, regions)
    hidden = 4 * 2 * 3 * N * 512
    weights = sum(4 * weight.numel() for weight in layer.parameters())
    assert hidden < sum(kept.values()) - weights < 1.3 * hidden


def test_bfloat16_products_have_gradients_of_the_weights_type():
    arguments = make((M, 1, K), torch.float32)
    expected = gradients(plain, arguments)
    with torch.autocast("cpu", torch.bfloat16):
        pooled, attention = region_attention(*arguments)
        got = gradients(region_attention, arguments)
    assert (pooled.dtype, attention.dtype) == (torch.bfloat16, torch.float32)
    for gradient, reference in zip(got, expected, strict=True):
        assert gradient.dtype == torch.float32
        assert (gradient - reference).norm() < 0.03 * reference.norm()


def test_bfloat16_prediction_is_close():
    arguments = make((M, 1, K), torch.float32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        pooled, attention = region_attention(*arguments)
    reference = plain(*arguments)
    torch.testing.assert_close(pooled.float(), reference[0], rtol=0.03, atol=0.03)
    torch.testing.assert_close(attention, reference[1], rtol=0.03, atol=0.01)
