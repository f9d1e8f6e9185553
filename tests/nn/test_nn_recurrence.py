"""The LSTM of a training step: the same codes and gradients as torch's, of the same weights."""

import pytest
import torch
from torch import nn

from ave_sklearn.nn import BiLSTM
from ave_sklearn.nn.recurrence import bidirectional_lstm

SIZES = [(3, 10, 7, 4), (1, 1, 3, 2), (2, 1, 3, 2), (5, 2, 1, 1), (4, 30, 6, 5)]  # n, T, d, h


def made(n, n_steps, d, h, dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    lstm = nn.LSTM(d, h, batch_first=True, bidirectional=True).to(dtype)
    x = 2 * torch.randn(n, n_steps, d, dtype=dtype)
    return lstm, x.requires_grad_(), torch.randn(n, n_steps, 2 * h)


def trained(encode, lstm, x, pull):
    """Return the codes, and the gradients of their product with `pull` by the inputs and by each weight."""
    codes = encode(x, lstm)
    gradients = torch.autograd.grad((codes * pull).sum(), [x, *lstm.parameters()])
    return [codes.detach(), *gradients]


def of_torch(x, lstm):
    return lstm(x)[0]


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_codes_and_gradients_are_those_of_torch(sizes, dtype, rtol):
    lstm, x, pull = made(*sizes, dtype=dtype)
    results = [trained(encode, lstm, x, pull.to(dtype)) for encode in (bidirectional_lstm, of_torch)]
    for ours, theirs in zip(*results, strict=True):
        assert ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol)


def test_codes_are_those_of_a_slow_loop():
    lstm, x, _ = made(2, 4, 3, 2)
    codes = torch.zeros(2, 4, 4, dtype=torch.float64)
    for direction, order in (("", range(4)), ("_reverse", range(3, -1, -1))):
        w, u, b, c = (
            getattr(lstm, f"{name}_l0{direction}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        for video in range(2):
            h = cell = torch.zeros(2, dtype=torch.float64)
            for t in order:
                i, f, g, o = (w @ x[video, t] + b + u @ h + c).split(2)
                cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
                h = o.sigmoid() * cell.tanh()
                codes[video, t, 2 * bool(direction) : 2 * bool(direction) + 2] = h
    torch.testing.assert_close(bidirectional_lstm(x, lstm), codes, rtol=1e-12, atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    lstm, x, _ = made(2, 3, 3, 2)
    assert torch.autograd.gradcheck(lambda x, *weights: bidirectional_lstm(x, lstm), (x, *lstm.parameters()))


def test_saturated_gates_have_finite_gradients():
    lstm, x, pull = made(2, 5, 3, 2)
    gradients = trained(bidirectional_lstm, lstm, x.detach().mul(1e4).requires_grad_(), pull)
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_inputs_that_need_no_gradient_and_weights_that_are_held_get_none():
    lstm, x, pull = made(3, 4, 5, 2)
    lstm.weight_hh_l0.requires_grad_(False)
    (bidirectional_lstm(x.detach(), lstm) * pull).sum().backward()
    assert x.grad is None and lstm.weight_hh_l0.grad is None
    wanted = trained(of_torch, lstm.requires_grad_(), x, pull)[2:]
    for (name, weight), gradient in zip(lstm.named_parameters(), wanted, strict=True):
        assert (weight.grad is None) == (name == "weight_hh_l0")
        if weight.grad is not None:
            torch.testing.assert_close(weight.grad, gradient)


def test_each_weight_has_a_gradient_of_its_own_memory():
    lstm, x, pull = made(3, 4, 5, 2)
    (bidirectional_lstm(x, lstm) * pull).sum().backward()
    assert all(weight.grad.is_contiguous() for weight in lstm.parameters())
    lstm.bias_ih_l0.grad.zero_()  # as clipping scales them, in place
    assert lstm.bias_hh_l0.grad.any()


def test_features_that_lie_apart_in_memory_are_read_as_they_are():
    lstm, x, _ = made(3, 4, 5, 2)
    apart = x.detach().transpose(0, 1).contiguous().transpose(0, 1)
    assert torch.equal(bidirectional_lstm(apart, lstm), bidirectional_lstm(x, lstm))


def test_under_autocast_inputs_alone_are_rounded():
    lstm, x, pull = made(8, 10, 16, 8, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        codes = bidirectional_lstm(x, lstm)
    assert codes.dtype == torch.float32
    exact = bidirectional_lstm(x, lstm)
    assert 0 < (codes - exact).abs().max() < 0.05
    gradients = torch.autograd.grad((codes * pull).sum(), [x, *lstm.parameters()])
    wanted = torch.autograd.grad((exact * pull).sum(), [x, *lstm.parameters()])
    for ours, theirs in zip(gradients, wanted, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.03 * theirs.norm()


def test_the_encoder_gives_the_same_with_and_without_gradients():
    torch.manual_seed(0)
    encoder, x = BiLSTM(6, 8).double(), torch.randn(3, 10, 6, dtype=torch.float64)
    codes = encoder(x)
    assert "BidirectionalLSTM" in type(codes.grad_fn).__name__
    with torch.no_grad():
        torch.testing.assert_close(encoder(x), codes, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(encoder(x, torch.ones(3, 10, dtype=torch.bool)), codes, rtol=1e-12, atol=1e-12)
