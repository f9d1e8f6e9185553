"""AVRB: its forward pass against a slow loop, its size, its masks and its gradients."""

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
    T,
    affine,
    assert_forward_pass,
    assert_padded_as_alone,
    assert_rejected,
    bilinear_loop,
    cosine,
    drawn,
    encoder_loop,
    flat_head_loop,
    n_trainable,
    normal,
    parameters_without_effect,
    softmax,
    videos,
)

from ave_sklearn.nn.systems.avrb import AVRBNet, SegmentAttention


def network(maps=True, **params):
    """Two factors, for a loop over them."""
    sizes = {"hidden_size": 8, "n_factors": 2, **params}
    return drawn(AVRBNet(D_A, D_V, C, N_REGIONS if maps else None, **sizes))


def avrb_loop(net, audio, visual, **params):
    """One video; `params` are those of its head."""
    h_a, h_v, attention = encoder_loop(net.encoder, audio, visual)
    fused, score, similarity = [], [], []
    for a, v in zip(h_a, h_v, strict=True):
        z = bilinear_loop(net.bilinear, a, v)
        f = 0.5 * (np.tanh(a + affine(net.residual_a, z)) + np.tanh(v + affine(net.residual_v, z)))
        block = net.segment_attention
        score.append(affine(block.score, np.tanh(affine(block.hidden, f))).item())
        fused.append(f)
        similarity.append(cosine(v, a))
    fused = [f * (1 + len(audio) * q_t) for f, q_t in zip(fused, softmax(score), strict=True)]
    return {**flat_head_loop(net.head, fused, **params), **attention, "fused": fused, "similarity": similarity}


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("params", HEADS)
def test_forward_pass(maps, params):
    assert_forward_pass(network(maps, **params), avrb_loop, *videos(maps), **params)


def test_equal_scores_double_each_segment_and_padding_stays():
    block, fused = drawn(SegmentAttention(6)), normal(2, T, 6)
    torch.nn.init.zeros_(block.score.weight)
    mask = torch.arange(T) < torch.tensor([[T], [2]])
    torch.testing.assert_close(block(fused), 2 * fused)
    torch.testing.assert_close(block(fused, mask), torch.where(mask[..., None], 2, 1) * fused)


def test_parameter_count_on_the_ave_dataset():
    assert n_trainable(AVRBNet(128, 512, 29, 49)) == 2_174_415


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("params", HEADS)
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, params):
    assert_padded_as_alone(network(maps, **params), *videos(maps))


@pytest.mark.parametrize("params", HEADS)
def test_every_parameter_gets_a_gradient_but_the_bias_in_front_of_a_softmax(params):
    assert parameters_without_effect(network(**params), *videos()) == {"segment_attention.score.bias"}


@pytest.mark.parametrize("maps", [True, False])
def test_one_segment_of_one_video(maps):
    net = network(maps, supervision="weak")
    assert_forward_pass(net, avrb_loop, *videos(maps, n=1, n_segments=1), supervision="weak")


OWN = [({"n_factors": 0}, "n_factors is 0; wanted a positive integer")]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS + OWN)
def test_bad_parameters(params, message):
    assert_rejected(AVRBNet, params, message)
