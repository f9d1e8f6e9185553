"""AVTNet against a slow loop written from its description, its size, masks and parameters."""

import numpy as np
import pytest
import torch
from helpers import (
    BAD_PARAMETERS,
    D_A,
    D_V,
    HEADS,
    N_REGIONS,
    C,
    affine,
    array,
    assert_every_weight_is_drawn,
    assert_forward_pass,
    assert_padded_as_alone,
    assert_rejected,
    bilstm_loop,
    cosine,
    drawn,
    flat_head_loop,
    n_trainable,
    parameters_without_effect,
    relu,
    softmax,
    transformer_decoder_loop,
    transformer_encoder_loop,
    videos,
    weighted_sum,
)

from ave_sklearn.nn.systems.avt import AVTNet, with_neighbours

SIZES = {"hidden_size": 8, "n_heads": 2, "feedforward_size": 6}


def network(maps=True, **params):
    """Two heads of four features."""
    return drawn(AVTNet(D_A, D_V, C, N_REGIONS if maps else None, **SIZES, **params))


# ------------------------------------------------- the description, step by step
def patches_loop(net, regions, t):
    """Steps 1 and 2: the encoded regions of segment `t` of one video's `regions` (T, N, d_v)."""
    last = len(regions) - 1
    x = []
    for place in range(regions.shape[1]):
        three = np.concatenate([regions[max(t - 1, 0), place], regions[t, place], regions[min(t + 1, last), place]])
        x.append(relu(affine(net.visual, three)) + array(net.positions.weight[place]))
    return transformer_encoder_loop(net.encoder, np.array(x), np.array(x), n_heads=2)


def segment_loop(net, audio, regions, t):
    """Steps 1 to 4: what goes into the audio and the visual LSTM at segment `t`, and the map."""
    x = patches_loop(net, regions, t)
    token = affine(net.audio, audio[t])
    q = transformer_decoder_loop(net.decoder, token[None], x, n_heads=2)[0]
    asked = affine(net.attention.query, q)
    weights = softmax([asked @ affine(net.attention.key, row) / np.sqrt(8) for row in x])
    return token + q, weighted_sum(weights, x), weights


def avt_loop(net, audio, visual, **params):
    """One video; `params` are those of its head."""
    regions = visual.reshape(len(visual), -1, D_V)
    steps = [segment_loop(net, audio, regions, t) for t in range(len(audio))]
    a, v, weights = (np.array(step) for step in zip(*steps, strict=True))
    h_a, h_v = bilstm_loop(net.audio_lstm, a)[0], bilstm_loop(net.visual_lstm, v)[0]
    fused = np.hstack([h_a, h_v])
    similarity = [cosine(*pair) for pair in zip(h_v, h_a, strict=True)]
    attention = {"attention": weights.reshape(visual.shape[:3])} if visual.ndim == 4 else {}
    return {**flat_head_loop(net.head, fused, **params), **attention, "fused": fused, "similarity": similarity}


@pytest.mark.slow
@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_description(maps, params):
    assert_forward_pass(network(maps, **params), avt_loop, *videos(maps), **params)


def test_the_ends_of_a_video_are_their_own_neighbours():
    x = torch.arange(4.0).reshape(1, 4, 1, 1)
    assert with_neighbours(x).squeeze().tolist() == [[0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 3]]
    mask = torch.tensor([[True, True, False, False]])
    assert with_neighbours(x, mask).squeeze()[:2].tolist() == [[0, 0, 1], [0, 1, 1]]


# ------------------------------------------------- size, gradients, masks, parameters
def test_parameter_count_on_the_ave_dataset():
    with torch.device("meta"):
        assert n_trainable(AVTNet(128, 512, 29, 49)) == 3_239_069


def test_every_layer_has_a_rule_for_its_initial_weights():
    net = AVTNet(D_A, D_V, C, N_REGIONS, hidden_size=8)
    assert_every_weight_is_drawn(net, *videos())
    assert (net.positions.weight == 0).all()


@pytest.mark.parametrize("params", HEADS)
def test_parameters_get_a_gradient_but_those_that_a_softmax_cancels(params):
    net = network(**params)
    alone = ("decoder.self_attention.attention.query.", "decoder.self_attention.attention.key.")  # one audio token
    no_effect = {name for name, _ in net.named_parameters() if name.endswith("key.bias") or name.startswith(alone)}
    assert parameters_without_effect(net, *videos()) == no_effect


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, params):
    assert_padded_as_alone(network(maps, **params), *videos(maps))


OWN = [
    ({"hidden_size": 10, "n_heads": 4}, "hidden_size is 10; wanted a positive even number, .*, a multiple of 4"),
    ({"n_heads": 0}, "n_heads is 0; wanted a positive integer"),
    ({"feedforward_size": 1.5}, "feedforward_size is 1.5; wanted a positive integer"),
]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS + OWN)
def test_bad_parameters(params, message):
    assert_rejected(AVTNet, params, message)
