"""DAM against a slow loop written from its description, its size, masks, gradients and extreme dot products."""

import numpy as np
import pytest
import torch
from helpers import (
    D_A,
    D_V,
    N_REGIONS,
    C,
    N,
    affine,
    array,
    assert_forward_pass,
    assert_own_dropout,
    assert_padded_as_alone,
    assert_rejected,
    attend_loop,
    attention_block_loop,
    avga_loop,
    cosine,
    drawn,
    n_trainable,
    parameters_without_effect,
    relu,
    sigmoid,
    videos,
)

from ave_sklearn.nn import class_probabilities, gated_cross_entropy
from ave_sklearn.nn.systems.dam import DAMNet, mean_logit

BACKGROUND = C - 1
TARGET = torch.tensor([[0, 1, BACKGROUND, BACKGROUND, 1]] * N)
# a key's bias adds the same to a query's scores of all segments, and softmax does not see it
KEY_BIASES = {f"{modality}_global.context.attention.key.bias" for modality in ("audio", "visual")}


def network(maps=True, **params):
    """In training, for dropout is off by default."""
    return drawn(DAMNet(D_A, D_V, C, N_REGIONS if maps else None, **{"hidden_size": 8, **params})).train()


def match_loop(phi_v, phi_a, f_v, f_a, divisor):
    """The probability of an event at each segment."""
    p = []
    for v, a in zip(f_v, f_a, strict=True):
        p_a, p_v = sigmoid(phi_v @ a / divisor), sigmoid(phi_a @ v / divisor)
        p.append((p_a + p_v) / 2)
    return np.array(p)


def dam_loop(net, audio, visual, scaled=True):
    """One video: audio (T, d_a), visual (T, d_v) or (T, H, W, d_v)."""
    visual, attention = attend_loop(avga_loop, net.attention, audio, visual)
    f_v = np.array([relu(affine(net.visual, v)) for v in visual])
    f_a = np.array([relu(affine(net.audio, a)) for a in audio])
    phi_v = attention_block_loop(net.visual_global.context, f_v, f_v).mean(0)
    phi_a = attention_block_loop(net.audio_global.context, f_a, f_a).mean(0)
    p = match_loop(phi_v, phi_a, f_v, f_a, np.sqrt(8) if scaled else 1)
    return {
        "event_logits": np.log(p / (1 - p)),
        "category_logits": affine(
            net.category.output, relu(affine(net.category.hidden, np.concatenate([phi_v, phi_a])))
        ),
        "fused": np.hstack([f_v, f_a]),
        "similarity": [cosine(v, a) for v, a in zip(f_v, f_a, strict=True)],
        **attention,
    }


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_described_one(maps, scaled):
    assert_forward_pass(network(maps, scaled=scaled), dam_loop, *videos(maps), scaled=scaled)


def test_parameter_count_on_the_ave_dataset():
    assert n_trainable(DAMNet(128, 512, 29, 49)) == 1_209_165


def test_event_decision_in_single_precision_is_the_mean_of_both_matches():
    x = torch.linspace(-30, 30, 121).unsqueeze(1)
    p = (torch.sigmoid(x.double()) + torch.sigmoid(x.T.double())) / 2
    torch.testing.assert_close(torch.sigmoid(mean_logit(x, x.T)).double(), p, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("x", "y", "expected", "slope"),
    [
        (1e4, 1e4, 1e4, 1.0),  # the mean is that very probability
        (1e4, -1e4, 0.0, 0.0),  # one says yes and the other no
        (1e4, 0.0, np.log(3), 2 / 3),  # p = 3/4, and p changes by sigma'(0) / 2
        (1e4, 100.0, 100 + np.log(2), 1.0),  # half of the doubts of one are left
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_extreme_matches_have_the_right_logit_and_gradients(x, y, expected, slope, sign):
    pair = torch.tensor([sign * x, sign * y], requires_grad=True)
    for logit in (mean_logit(*pair), mean_logit(*pair.flip(0))):
        assert logit.item() == pytest.approx(sign * expected)
        (gradient,) = torch.autograd.grad(logit, pair)
        assert torch.isfinite(gradient).all() and (gradient >= 0).all()
        assert gradient.sum().item() == pytest.approx(slope)


def test_extreme_features_train():
    net = network(scaled=False).float()
    outputs = net(*(1e4 * x.float() for x in videos()))
    assert outputs["event_logits"].abs().max() > 1e3
    gated_cross_entropy(outputs["event_logits"], outputs["category_logits"], TARGET, BACKGROUND).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


def test_decision_is_background_where_the_mean_match_is_at_most_a_half():
    net, (audio, visual) = network(), videos(n=8)
    predicted = class_probabilities(net(audio, visual), C, BACKGROUND).argmax(-1)
    decisions = set()
    for n in range(8):
        expected = dam_loop(net, array(audio[n]), array(visual[n]))
        for t, p in enumerate(sigmoid(expected["event_logits"])):
            decisions.add(bool(p > 0.5))
            assert predicted[n, t] == (np.argmax(expected["category_logits"]) if p > 0.5 else BACKGROUND)
    assert decisions == {True, False}


@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps):
    assert_padded_as_alone(network(maps), *videos(maps))


@pytest.mark.parametrize("maps", [True, False])
def test_every_parameter_gets_a_gradient_but_the_biases_in_front_of_a_softmax(maps):
    assert parameters_without_effect(network(maps), *videos(maps)) == KEY_BIASES


@pytest.mark.parametrize("maps", [True, False])
def test_one_video_of_one_segment(maps):
    assert_forward_pass(network(maps), dam_loop, *videos(maps, n=1, n_segments=1))


def test_maps_may_have_any_number_of_regions():
    assert_forward_pass(network(), dam_loop, *videos(n=2, n_segments=4, size=(5, 7)))


def test_dropout_works_in_training_only():
    assert_own_dropout(network(dropout=0.5), *videos(), at="fused")


def test_no_weakly_supervised_form():
    assert DAMNet.supervisions == ("full",)
    message = "DAM has no weakly supervised form; supervision is 'weak', wanted 'full'"
    assert_rejected(DAMNet, {"supervision": "weak"}, message)


@pytest.mark.parametrize(("name", "value"), [("hidden_size", 0), ("hidden_size", 2.5), ("dropout", 1.0)])
def test_bad_parameters(name, value):
    assert_rejected(DAMNet, {name: value}, f"{name} is {value!r}; wanted")
