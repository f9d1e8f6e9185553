"""AGSCA and CMRANNet against slow loops written from their description, size, masks and parameters."""

import numpy as np
import pytest
import torch
from helpers import (
    D_A,
    D_V,
    N_REGIONS,
    TOLERANCE,
    C,
    affine,
    array,
    assert_every_weight_is_drawn,
    assert_forward_pass,
    assert_padded_as_alone,
    assert_rejected,
    attend_loop,
    cosine,
    drawn,
    n_trainable,
    parameters_without_effect,
    sigmoid,
    videos,
)
from relation_loops import adapted_loop, agsca_loop, cross_loop, interaction_loop, intra_loop

from ave_sklearn.nn import MultiHeadAttention, initialize
from ave_sklearn.nn.agsca import AGSCA
from ave_sklearn.nn.systems.cmran import CMRANNet

SIZES = {"hidden_size": 8, "n_heads": 4, "feedforward_size": 6}


def network(maps=True, **params):
    """Four heads of two features."""
    return drawn(CMRANNet(D_A, D_V, C, N_REGIONS if maps else None, **SIZES, **params))


# ------------------------------------------------- the description, step by step
def cmran_loop(net, audio, visual, supervision="full"):
    """One video: audio (T, d_a), visual (T, d_v) or (T, H, W, d_v)."""
    v, attention = attend_loop(agsca_loop, net.attention, audio, adapted_loop(net, visual))
    q_a = cross_loop(net.audio_cross, audio, intra_loop(net.visual_intra, v))
    q_v = cross_loop(net.visual_cross, v, intra_loop(net.audio_intra, audio))
    n_heads = 4 if supervision == "full" else 2
    fused = interaction_loop(net.interaction, q_a, q_v, n_heads)
    event = np.array([affine(net.head.event, f)[0] for f in fused])
    category = affine(net.head.category, fused.max(0))
    outputs = {"event_logits": event, "category_logits": category, "fused": fused}
    if supervision == "weak":
        outputs["video_logits"] = np.max([sigmoid(e) * category for e in event], axis=0)
    similarity = [cosine(*pair) for pair in zip(q_v, q_a, strict=True)]
    return {**outputs, **(attention if visual.ndim == 4 else {}), "similarity": similarity}


@torch.no_grad()
def test_agsca():
    layer, (audio, visual) = drawn(AGSCA(D_A, D_V, 7, 4)), videos()
    regions = visual.flatten(2, 3)
    pooled, attention = layer(audio, regions)
    for n, t in np.ndindex(audio.shape[:2]):
        expected, alpha = agsca_loop(layer, array(audio[n, t]), array(regions[n, t]))
        np.testing.assert_allclose(pooled[n, t], expected, **TOLERANCE)
        np.testing.assert_allclose(attention[n, t], alpha, **TOLERANCE)


@torch.no_grad()
def test_agsca_gives_no_region_more_than_e_squared_times_anothers_weight():
    layer, (audio, visual) = drawn(AGSCA(D_A, D_V, 7, 4)), videos(n=5, n_segments=9)
    _, attention = layer(audio, 100 * visual.flatten(2, 3))
    ratio = (attention.amax(-1) / attention.amin(-1)).max().item()
    assert np.exp(1) < ratio <= np.exp(2) + 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_description(maps, supervision):
    net = network(maps, supervision=supervision)
    assert_forward_pass(net, cmran_loop, *videos(maps), supervision=supervision)


def test_weak_supervision_halves_the_heads_of_the_interaction_and_makes_background_a_category():
    full, weak = network(), network(supervision="weak")
    assert full.interaction.attention.n_heads == 4 and weak.interaction.attention.n_heads == 2
    assert weak.audio_cross.layer.attention.attention.n_heads == 4
    assert full(*videos())["category_logits"].shape == (3, C - 1)
    assert weak(*videos())["category_logits"].shape == weak(*videos())["video_logits"].shape == (3, C)


# ------------------------------------------------- the start, which is the authors'
def assert_uniform(parameter, bound):
    """Drawn evenly from -bound to bound, as far as so many numbers tell."""
    n = parameter.numel()
    assert bound * (1 - 12 / n) <= parameter.abs().max() <= bound  # the largest of n is less but once in e^12 draws
    if n > 1000:
        assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=3 / n**0.5)


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_a_fresh_network_starts_as_the_authors(supervision):
    """Theirs are torch's own layers. Its attention takes query, key and value for one matrix, and has biases of 0."""
    net = CMRANNet(128, 512, 29, 49, supervision=supervision)
    initialize(net, torch.Generator().manual_seed(0))
    attentions = [layer for layer in net.modules() if isinstance(layer, MultiHeadAttention)]
    within = {layer for attention in attentions for layer in attention.children()}
    others = [layer for layer in net.modules() if isinstance(layer, torch.nn.Linear) and layer not in within]
    assert (len(attentions), len(others)) == (7, 26)
    for layer in attentions:
        for part in (layer.query, layer.key, layer.value):
            assert_uniform(part.weight, (6 / (256 + 3 * 256)) ** 0.5)
        assert_uniform(layer.output.weight, 1 / 16)
        assert not any(part.bias.any() for part in (layer.query, layer.key, layer.value, layer.output))
    for layer in others:
        assert_uniform(layer.weight, layer.in_features**-0.5)
        assert_uniform(layer.bias, layer.in_features**-0.5)


# ------------------------------------------------- size, gradients, masks, parameters
@pytest.mark.parametrize(("supervision", "count"), [("full", 9_509_150), ("weak", 9_509_407)])
def test_parameter_count_on_the_ave_dataset(supervision, count):
    with torch.device("meta"):
        assert n_trainable(CMRANNet(128, 512, 29, 49, supervision=supervision)) == count


def test_parameter_count_of_agsca_on_the_ave_dataset():
    assert n_trainable(AGSCA(128, 512)) == 756_225


def test_every_layer_has_a_rule_for_its_initial_weights():
    assert_every_weight_is_drawn(CMRANNet(D_A, D_V, C, N_REGIONS, hidden_size=8), *videos())


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_parameters_get_a_gradient_but_those_that_a_softmax_cancels(supervision):
    net = network(supervision=supervision)
    no_effect = {name for name, _ in net.named_parameters() if name.endswith("attention.key.bias")}
    assert parameters_without_effect(net, *videos()) == no_effect


@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, supervision):
    assert_padded_as_alone(network(maps, supervision=supervision), *videos(maps))


def test_maps_of_any_size():
    net = network()
    for n_segments, size in ((1, (1, 1)), (7, (4, 2))):
        assert_forward_pass(net, cmran_loop, *videos(n=1, n_segments=n_segments, size=size))


BAD = [
    ({"supervision": "none"}, "supervision is 'none'; wanted 'full' or 'weak'"),
    ({"hidden_size": 6}, "hidden_size is 6; wanted a positive integer, a multiple of 4"),
    ({"hidden_size": 0}, "hidden_size is 0; wanted a positive integer, a multiple of 4"),
    ({"n_heads": 0}, "n_heads is 0; wanted a positive integer"),
    ({"n_heads": 1, "supervision": "weak"}, "n_heads is 1; wanted a positive integer, a multiple of 2"),
    ({"feedforward_size": 0}, "feedforward_size is 0; wanted a positive integer"),
    ({"n_layers": 0}, "n_layers is 0; wanted a positive integer"),
    ({"dropout": -0.1}, "^dropout is -0.1; wanted a number in"),
    ({"adapter_dropout": 1.0}, "adapter_dropout is 1.0; wanted a number in"),
]


@pytest.mark.parametrize(("params", "message"), BAD)
def test_bad_parameters(params, message):
    assert_rejected(CMRANNet, params, message)
