"""DMRNNet and its block: the forward pass against a slow loop, sizes, masks and gradients."""

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
    encoder_loop,
    flat_head_loop,
    n_trainable,
    normal,
    parameters_without_effect,
    residual_loop,
    videos,
)

from ave_sklearn.nn.systems.avel import AVELNet
from ave_sklearn.nn.systems.dmrn import DMRNNet, ResidualFusion

VARIANTS = ["paper", "released"]


def network(maps=True, **params):
    """In training, for dropout is off by default."""
    return drawn(DMRNNet(D_A, D_V, C, N_REGIONS if maps else None, **{"hidden_size": 8, **params})).train()


def dmrn_loop(net, audio, visual, variant="paper", n_blocks=1, **params):
    """One video, from the description; `params` are those of its head."""
    h_a, h_v, attention = encoder_loop(net.encoder, audio, visual, variant)
    fused, similarity = [], []
    for v, a in zip(h_v, h_a, strict=True):
        for _ in range(n_blocks):
            v, a = residual_loop(net.fusion, v, a)
        fused.append(0.5 * (v + a))
        similarity.append(cosine(v, a))
    head = flat_head_loop(net.head, fused, **params, hidden=False)
    return {**head, **attention, "fused": fused, "similarity": similarity}


@pytest.mark.slow
@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize(("variant", "n_blocks"), [("paper", 1), ("released", 1), ("paper", 2)])
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass(variant, n_blocks, maps, params):
    params = {"variant": variant, "n_blocks": n_blocks, **params}
    assert_forward_pass(network(maps, **params), dmrn_loop, *videos(maps), **params)


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_one_video_of_one_segment_and_maps_of_any_size(supervision):
    net = network(supervision=supervision)
    for n_segments, size in ((1, (1, 1)), (11, (4, 4))):
        inputs = videos(n=1, n_segments=n_segments, size=size)
        assert_forward_pass(net, dmrn_loop, *inputs, supervision=supervision)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize("n_blocks", [1, 3])
def test_parameter_count_on_the_ave_dataset(variant, supervision, n_blocks):
    net = DMRNNet(128, 512, 29, 49, variant=variant, supervision=supervision, n_blocks=n_blocks)
    assert n_trainable(net) == 1_571_150


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_padded_videos_get_the_outputs_that_they_have_alone(variant, params):
    assert_padded_as_alone(network(variant=variant, n_blocks=2, **params), *videos())


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_gets_a_gradient(variant, params):
    assert parameters_without_effect(network(variant=variant, **params), *videos()) == set()


def test_all_but_the_classifier_start_by_torchs_rule():
    for name, layer in network().named_modules():
        if isinstance(layer, torch.nn.Linear):
            torchs = bool((layer.weight.abs() <= layer.in_features**-0.5).all())
            assert torchs == (name != "head.output"), name
    xaviers = drawn(AVELNet(D_A, D_V, C, N_REGIONS)).encoder.attention.score
    assert xaviers.weight.abs().max() > xaviers.in_features**-0.5


def test_block_gives_each_modality_the_residual_of_the_other():
    block = ResidualFusion(4).double()
    for layer in (block.visual[2], block.audio[2]):  # nothing in common
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    v, a = normal(2, 3, 5, 4)
    new_v, new_a = block(v, a)
    torch.testing.assert_close(new_v, torch.tanh(a))
    torch.testing.assert_close(new_a, torch.tanh(v))


def test_dropout():
    assert_own_dropout(network(dropout=0.5), *videos(), at="logits")


OWN = [
    ({"variant": "original"}, "variant is 'original'; wanted 'paper' or 'released'"),
    ({"n_blocks": 0}, "n_blocks is 0; wanted a positive integer"),
]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS + OWN)
def test_bad_parameters(params, message):
    assert_rejected(DMRNNet, params, message)
