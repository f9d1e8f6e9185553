"""AVELNet: its forward pass against a slow loop, sizes, masks and gradients."""

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
    assert_forward_pass,
    assert_own_dropout,
    assert_padded_as_alone,
    assert_rejected,
    cosine,
    drawn,
    dropped,
    encoder_loop,
    flat_head_loop,
    n_trainable,
    parameters_without_effect,
    relu,
    videos,
)

from ave_sklearn.nn.systems.avel import AVELNet

VARIANTS = ["paper", "released"]


def network(maps=True, **params):
    """In training, for dropout is off by default."""
    return drawn(AVELNet(D_A, D_V, C, N_REGIONS if maps else None, **{"hidden_size": 8, **params})).train()


def avel_loop(net, audio, visual, variant="paper", **params):
    """One video, from the description; `params` are those of its head."""
    h_a, h_v, attention = encoder_loop(net.encoder, audio, visual, variant)
    fused = np.array([relu(np.concatenate([a, v])) for a, v in zip(h_a, h_v, strict=True)])
    similarity = [cosine(a, v) for a, v in zip(h_a, h_v, strict=True)]
    return {**flat_head_loop(net.head, fused, **params), **attention, "fused": fused, "similarity": similarity}


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass(variant, maps, params):
    net = network(maps, variant=variant, **params)
    assert_forward_pass(net, avel_loop, *videos(maps), variant=variant, **params)


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_one_video_of_one_segment_and_maps_of_any_size(supervision):
    net = network(supervision=supervision)
    for n_segments, size in ((1, (1, 1)), (11, (4, 4))):
        inputs = videos(n=1, n_segments=n_segments, size=size)
        assert_forward_pass(net, avel_loop, *inputs, supervision=supervision)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_parameter_count_on_the_ave_dataset(variant, supervision):
    assert n_trainable(AVELNet(128, 512, 29, 49, variant=variant, supervision=supervision)) == 1_335_246


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_padded_videos_get_the_outputs_that_they_have_alone(variant, params):
    assert_padded_as_alone(network(variant=variant, **params), *videos())


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_gets_a_gradient(variant, params):
    assert parameters_without_effect(network(variant=variant, **params), *videos()) == set()


def test_dropout_is_on_the_lstms_outputs():
    net = network(dropout=0.5, hidden_size=64)
    kept, whole = dropped(net, *videos(), seed=0)["fused"], net.eval()(*videos())["fused"]
    positive = whole > 0
    torch.testing.assert_close(kept[kept > 0], 2 * whole[kept > 0])
    assert (kept[positive] > 0).double().mean().item() == pytest.approx(0.5, abs=0.1)
    assert_own_dropout(net, *videos(), at="fused")


BAD_VARIANT = ({"variant": "original"}, "variant is 'original'; wanted 'paper' or 'released'")


@pytest.mark.parametrize(("params", "message"), [*BAD_PARAMETERS, BAD_VARIANT])
def test_bad_parameters(params, message):
    assert_rejected(AVELNet, params, message)
