"""CMAN against a slow loop written from its description, its size, masks and gradients."""

import numpy as np
import pytest
import torch
from helpers import (
    D_A,
    D_V,
    HEADS,
    N_REGIONS,
    C,
    affine,
    assert_forward_pass,
    assert_own_dropout,
    assert_padded_as_alone,
    assert_rejected,
    attend_loop,
    attention_block_loop,
    cosine,
    drawn,
    flat_head_loop,
    lstm_loop,
    n_trainable,
    normal,
    parameters_without_effect,
    sigmoid,
    softmax,
    videos,
    weighted_sum,
)

from ave_sklearn.nn.systems.cman import CMANNet

# a key's bias adds the same to a query's scores of all segments, and softmax does not see it
KEY_BIASES = {f"{modality}_when.context.attention.key.bias" for modality in ("audio", "visual")}


def network(maps=True, **params):
    """In training, for dropout is off by default."""
    return drawn(CMANNet(D_A, D_V, C, N_REGIONS if maps else None, **{"hidden_size": 8, **params})).train()


def where_loop(layer, a, regions):
    """One segment: audio (d_a,), regions (N, d_v)."""
    w = softmax([cosine(affine(layer.visual, region), affine(layer.audio, a)) for region in regions])
    return weighted_sum(w, regions), w


def when_loop(layer, x):
    """One video of one modality: (T, n_features)."""
    x = np.array([affine(layer.input, x_t) for x_t in x])
    return attention_block_loop(layer.context, x, x, project=False)


def sentinel_loop(layer, y):
    """States and sentinels of one video of one modality."""
    states, cells = lstm_loop(layer.cell, y)
    sentinels, before = [], np.zeros(len(y[0]))
    for y_t, h, m in zip(y, states, cells, strict=True):
        sentinels.append(sigmoid(affine(layer.gate_input, y_t) + affine(layer.gate_state, before)) * np.tanh(m))
        before = h
    return states, sentinels


def which_loop(layer, states, sentinels, memory):
    """One video of one modality: softmax over the other's segments, then the share of the sentinel."""
    out = []
    for h, s in zip(states, sentinels, strict=True):
        query = affine(layer.state, h)
        z = [affine(layer.score, np.tanh(affine(layer.memory, m_i) + query)).item() for m_i in memory]
        z_sentinel = affine(layer.score, np.tanh(affine(layer.sentinel, s) + query)).item()
        beta = softmax([*z, z_sentinel])[-1]
        out.append(beta * s + (1 - beta) * weighted_sum(softmax(z), memory) + h)
    return out


def cman_loop(net, audio, visual, **params):
    """One video: audio (T, d_a), visual (T, d_v) or (T, H, W, d_v); `params` are those of its head."""
    visual, attention = attend_loop(where_loop, net.where, audio, visual)
    y_v, y_a = when_loop(net.visual_when, visual), when_loop(net.audio_when, audio)
    h_v = which_loop(net.visual_which, *sentinel_loop(net.visual_lstm, y_v), y_a)
    h_a = which_loop(net.audio_which, *sentinel_loop(net.audio_lstm, y_a), y_v)
    fused = [np.concatenate(pair) for pair in zip(h_v, h_a, strict=True)]
    similarity = [cosine(v, a) for v, a in zip(h_v, h_a, strict=True)]
    return {**flat_head_loop(net.head, fused, **params), **attention, "fused": fused, "similarity": similarity}


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_described_one(maps, params):
    assert_forward_pass(network(maps, **params), cman_loop, *videos(maps), **params)


@pytest.mark.parametrize(
    ("params", "count"), [({}, 2_467_741), ({"supervision": "weak", "weighting": True}, 2_467_770)]
)
def test_parameter_count_on_the_ave_dataset(params, count):
    assert n_trainable(CMANNet(128, 512, 29, 49, **params)) == count


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, params):
    assert_padded_as_alone(network(maps, **params), *videos(maps))


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("maps", [True, False])
def test_every_parameter_gets_a_gradient_but_the_biases_in_front_of_a_softmax(maps, params):
    assert parameters_without_effect(network(maps, **params), *videos(maps)) == KEY_BIASES


def test_the_recurrence_goes_forward_in_time():
    layer, y = network().audio_lstm, normal(1, 5, 8)
    changed = y.clone()
    changed[:, 3] += 1
    for before, after in zip(layer(y), layer(changed), strict=True):
        torch.testing.assert_close(after[:, :3], before[:, :3], atol=0, rtol=0)
        assert ((after - before)[:, 3:].abs().amax(-1) > 1e-3).all()


def test_silence_and_dark_regions_give_even_attention_and_finite_gradients():
    net, (audio, visual) = network(), videos()
    audio[0], visual[1, :, 0] = 0, 0
    outputs = net(audio.requires_grad_(), visual)
    torch.testing.assert_close(outputs["attention"][0], torch.full((5, 2, 3), 1 / 6, dtype=torch.float64))
    outputs["logits"].square().sum().backward()
    assert torch.isfinite(audio.grad).all()
    assert all(torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("maps", [True, False])
def test_one_video_of_one_segment(maps):
    net = network(maps, supervision="weak")
    assert_forward_pass(net, cman_loop, *videos(maps, n=1, n_segments=1), supervision="weak")


def test_maps_may_have_any_number_of_regions():
    assert_forward_pass(network(), cman_loop, *videos(n=2, n_segments=4, size=(5, 7)))


def test_dropout_works_in_training_only():
    assert_own_dropout(network(dropout=0.5), *videos(), at="fused")


@pytest.mark.parametrize(
    ("name", "value"),
    [("hidden_size", 0), ("hidden_size", 2.5), ("dropout", 1.0), ("pooling", "sum"), ("supervision", "some")],
)
def test_bad_parameters(name, value):
    assert_rejected(CMANNet, {name: value}, f"{name} is {value!r}; wanted")
