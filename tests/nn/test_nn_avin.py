"""AVIN: its forward pass against a slow loop, its size, its masks and its gradients."""

import numpy as np
import pytest
from helpers import (
    BAD_PARAMETERS,
    D_A,
    D_V,
    HEADS,
    N_REGIONS,
    C,
    affine,
    assert_forward_pass,
    assert_padded_as_alone,
    assert_rejected,
    attention_loop,
    bilinear_loop,
    cosine,
    drawn,
    encoder_loop,
    flat_head_loop,
    n_trainable,
    parameters_without_effect,
    relu,
    videos,
)

from ave_sklearn.nn.systems.avin import AVINNet

KEY_BIASES = {f"interaction_{modality}.{part}.key.bias" for modality in "av" for part in ("intra", "inter")}


def network(maps=True, **params):
    """Two factors, for a loop over them."""
    sizes = {"hidden_size": 8, "n_factors": 2, **params}
    return drawn(AVINNet(D_A, D_V, C, N_REGIONS if maps else None, **sizes))


def interaction_loop(layer, x, other):
    """One video: a modality with what it attends to in itself and in the other."""
    intra, inter = (
        attention_loop(layer.intra, x, x, project=False),
        attention_loop(layer.inter, x, other, project=False),
    )
    return x + intra + inter


def avin_loop(net, audio, visual, **params):
    """One video; `params` are those of its head."""
    h_a, h_v, attention = encoder_loop(net.encoder, audio, visual)
    a, v = interaction_loop(net.interaction_a, h_a, h_v), interaction_loop(net.interaction_v, h_v, h_a)
    fused, similarity = [], []
    for t in range(len(audio)):
        z = bilinear_loop(net.bilinear, h_a[t], h_v[t])
        fused.append(relu(affine(net.join, np.concatenate([a[t], v[t], z]))))
        similarity.append(cosine(v[t], a[t]))
    return {**flat_head_loop(net.head, fused, **params), **attention, "fused": fused, "similarity": similarity}


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("params", HEADS)
def test_forward_pass(maps, params):
    assert_forward_pass(network(maps, **params), avin_loop, *videos(maps), **params)


def test_parameter_count_on_the_ave_dataset():
    assert n_trainable(AVINNet(128, 512, 29, 49)) == 2_963_150


@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize("params", HEADS)
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, params):
    assert_padded_as_alone(network(maps, **params), *videos(maps))


@pytest.mark.parametrize("params", HEADS)
def test_every_parameter_gets_a_gradient_but_the_biases_in_front_of_a_softmax(params):
    assert parameters_without_effect(network(**params), *videos()) == KEY_BIASES


@pytest.mark.parametrize("maps", [True, False])
def test_one_segment_of_one_video(maps):
    net = network(maps, supervision="weak")
    assert_forward_pass(net, avin_loop, *videos(maps, n=1, n_segments=1), supervision="weak")


OWN = [({"n_factors": 0}, "n_factors is 0; wanted a positive integer")]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS + OWN)
def test_bad_parameters(params, message):
    assert_rejected(AVINNet, params, message)
