"""The LSTM of a training step: the same codes and gradients as torch's, of the same weights."""

import pytest
import torch
from torch import nn

from ave_sklearn.nn import BiLSTM, Encoder
from ave_sklearn.nn.encoders import encode_both
from ave_sklearn.nn.recurrence import bidirectional_lstms

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


def bidirectional_lstm(x, lstm):
    return bidirectional_lstms([x], [lstm])[0]


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
    assert "BidirectionalLSTMs" in type(codes.grad_fn).__name__
    with torch.no_grad():
        torch.testing.assert_close(encoder(x), codes, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(encoder(x, torch.ones(3, 10, dtype=torch.bool)), codes, rtol=1e-12, atol=1e-12)


def two_modalities(sizes=(6, 5), n=3, n_steps=7, h=4):
    torch.manual_seed(0)
    lstms = [nn.LSTM(d, h, batch_first=True, bidirectional=True).double() for d in sizes]
    inputs = [torch.randn(n, n_steps, d, dtype=torch.float64, requires_grad=True) for d in sizes]
    pulls = [torch.randn(n, n_steps, 2 * h, dtype=torch.float64) for _ in sizes]
    return lstms, inputs, pulls


@pytest.mark.parametrize("sizes", [(6, 5), (3, 3), (1, 9, 4)])
def test_several_take_their_steps_together_as_each_does_alone(sizes):
    lstms, inputs, pulls = two_modalities(sizes)
    tensors = [*inputs, *(weight for lstm in lstms for weight in lstm.parameters())]
    together = bidirectional_lstms(inputs, lstms)
    alone = [of_torch(x, lstm) for x, lstm in zip(inputs, lstms, strict=True)]
    for ours, theirs in zip(together, alone, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(codes, tensors, pulls) for codes in (together, alone)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_one_of_two_that_needs_no_gradient_gets_none():
    lstms, (x, y), _ = two_modalities()
    codes, _ = bidirectional_lstms([x.detach(), y], lstms)  # nothing goes back from the other's codes
    codes.sum().backward()
    assert not y.grad.any()
    assert all(weight.grad.any() for weight in lstms[0].parameters())
    assert not any(weight.grad.any() for weight in lstms[1].parameters())


def encoder_of():
    torch.manual_seed(0)
    return Encoder(6, 5, hidden_size=8, attention=None).double()


def test_both_modalities_of_an_encoder_share_their_steps_and_are_as_they_would_be_alone():
    encoder = encoder_of()
    audio, visual = (torch.randn(3, 10, d, dtype=torch.float64) for d in (6, 5))
    a, v, _ = encoder(audio, visual)
    assert a.grad_fn is v.grad_fn  # one function gave both
    torch.testing.assert_close(a, encoder.audio_lstm(audio), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(v, encoder.visual_lstm(visual), rtol=1e-12, atol=1e-12)


HOOKS = ["register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook"]


@pytest.mark.parametrize("register", [*HOOKS, "register_full_backward_pre_hook"])
@pytest.mark.parametrize("name", ["audio_lstm", "visual_lstm", "visual_lstm.lstm"])
def test_a_module_that_a_hook_waits_for_is_called(register, name):
    encoder, seen = encoder_of(), []
    inputs = [torch.randn(3, 10, d, dtype=torch.float64, requires_grad=True) for d in (6, 5)]
    wanted = encoder(*inputs)[:2]
    handle = getattr(encoder.get_submodule(name), register)(lambda *args: seen.append(name))
    for _ in range(2):
        outputs = encoder(*inputs)[:2]
        torch.autograd.backward(outputs, [torch.ones_like(x) for x in outputs])
        assert seen == [name]
        torch.testing.assert_close(outputs, wanted, rtol=1e-12, atol=1e-12)
        handle.remove()  # the second time it sees no more


def test_an_encoder_of_the_users_is_called():
    class Doubled(BiLSTM):
        def forward(self, x, mask=None):
            return 2 * super().forward(x, mask)

    encoder = encoder_of()
    inputs = [torch.randn(3, 10, d, dtype=torch.float64) for d in (6, 5)]
    a, v, _ = encoder(*inputs)
    doubled = Doubled(6, 8).double()
    doubled.load_state_dict(encoder.audio_lstm.state_dict())
    encoder.audio_lstm = doubled
    torch.testing.assert_close(encoder(*inputs)[:2], (2 * a, v), rtol=1e-12, atol=1e-12)


def test_a_forward_of_the_users_is_called():
    encoder = encoder_of()
    inputs = [torch.randn(3, 10, d, dtype=torch.float64) for d in (6, 5)]
    a, v, _ = encoder(*inputs)
    run = encoder.visual_lstm.lstm.forward
    encoder.visual_lstm.lstm.forward = lambda *args: (2 * run(*args)[0], None)
    torch.testing.assert_close(encoder(*inputs)[:2], (a, 2 * v), rtol=1e-12, atol=1e-12)


def test_encoders_of_two_sizes_take_their_steps_apart():
    a_lstm, v_lstm = BiLSTM(6, 8), BiLSTM(5, 12)
    a, v = encode_both(a_lstm, v_lstm, torch.randn(3, 10, 6), torch.randn(3, 10, 5))
    assert a.shape == (3, 10, 8) and v.shape == (3, 10, 12)
    assert a.grad_fn is not v.grad_fn
