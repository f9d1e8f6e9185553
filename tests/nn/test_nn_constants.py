"""Numbers that no equation shows: the size of initial weights, and what keeps divisions from 0."""

import numpy as np
import pytest
import torch
from helpers import array, normal
from torch import nn

from ave_sklearn.nn import (
    NETWORKS,
    AttentionBlock,
    FeedForward,
    Fusion,
    Positions,
    SelfAttention,
    Standardize,
    StandardizedNetwork,
    initialize,
    pair_similarity_loss,
    prune,
)

SIDES = ("audio", "visual")


def relations(before=""):
    """The layers of CMRAN's relations that start as torch's: those in front of attention, feed-forward layers."""
    return [
        *[f"{before}{side}_{part}" for side in SIDES for part in ("intra.input", "cross.query")],
        *[f"{before}{side}_intra.layers.{n}.feed_forward" for side in SIDES for n in range(2)],
        *[f"{before}{side}_cross.layer.feed_forward" for side in SIDES],
    ]


def attentions(interactions, before=""):
    """The attentions over segments of CMRAN's relations."""
    return [
        *[f"{before}{side}_intra.layers.{n}.attention.attention" for side in SIDES for n in range(2)],
        *[f"{before}{side}_cross.layer.attention.attention" for side in SIDES],
        *[f"{before}{interaction}.attention" for interaction in interactions],
    ]


SUPPRESSING = attentions(["audio_interaction", "visual_interaction"], "relations.")
ATTENTIONS = {"cmran": attentions(["interaction"]), "cmbs": SUPPRESSING, "cacenet": SUPPRESSING}
OUTPUTS = {name: [f"{place}.output" for place in places] for name, places in ATTENTIONS.items()}
SUPPRESSION = [
    *["adapter", "attention", "head", *relations("relations."), *OUTPUTS["cmbs"]],
    *[f"relations.{side}_{part}" for side in SIDES for part in ("gate", "evidence")],
]
# Layers whose weights are from torch's interval; all others follow Xavier's rule. A name stands for all that it begins.
TORCH = {
    "psp": ["encoder.audio_input", "encoder.visual_input", "head.weighting"],
    "cpsp": ["encoder.audio_input", "encoder.visual_input"],
    "avel": ["head.weighting"],
    "dmrn": ["encoder", "fusion", "head.weighting"],
    "avsdn": ["fusion", "head.weighting"],
    "cmran": ["adapter", "attention", "head", *relations(), *OUTPUTS["cmran"]],
    "cmbs": SUPPRESSION,
    "cacenet": [*SUPPRESSION, "guidance", "projection"],
    **dict.fromkeys(["avin", "avrb", "avt", "cman", "dam"], ["head.weighting"]),
}
GAIN = {"psp.w2_v": 0.1, "psp.w2_a": 0.1}  # of the paper's form: training starts from each segment's own features
# torch's attention has query, key and value in one matrix, of 3 d rows, and starts with biases of 0
THIRDS = {
    name: [f"{at}.{part}" for at in ATTENTIONS[name] for part in ("query", "key", "value")] for name in ATTENTIONS
}
ZERO_BIAS = {name: THIRDS[name] + OUTPUTS[name] for name in ATTENTIONS}

CASES = [
    *[
        ("psp", {"variant": variant, "supervision": kind})
        for variant in ("paper", "released")
        for kind in ("full", "weak")
    ],
    ("psp", {"self_attention": True}),
    *[("cpsp", {"variant": variant}) for variant in ("paper", "released")],
    *[
        (name, {"supervision": "weak", "weighting": True})
        for name in ("avel", "dmrn", "avsdn", "avin", "avrb", "avt", "cman")
    ],
    ("cmran", {"feedforward_size": 24}),
    ("cmran", {"feedforward_size": 24, "supervision": "weak"}),
    ("cmbs", {"feedforward_size": 24}),
    ("cmbs", {"feedforward_size": 24, "supervision": "weak"}),
    ("cacenet", {"feedforward_size": 24}),
    ("cacenet", {"feedforward_size": 24, "variant": "released"}),
    ("dam", {}),
]


def network(name, params):
    """A network whose weights, undrawn at first, are drawn from a generator."""
    net = NETWORKS[name](20, 24, 9, 6, hidden_size=16, **params)
    for weight in net.parameters():
        nn.init.constant_(weight, torch.nan)
    initialize(net, torch.Generator().manual_seed(0))
    return net


def assert_uniform(weight, bound):
    """Between -bound and bound, up to close to both."""
    assert weight.abs().max() <= bound
    n = weight.numel()
    if n >= 100:  # the largest of n comes within 12 / n of the bound but once in e^12 draws
        assert weight.max() > bound * (1 - 24 / n) and weight.min() < -bound * (1 - 24 / n)


# ------------------------------------------------------------------ initial weights
def test_every_network_is_among_the_cases():
    assert {name for name, _ in CASES} == set(NETWORKS) == set(TORCH)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_initial_weights_have_the_size_of_their_scheme(name, params):
    gains = {**dict.fromkeys(THIRDS.get(name, []), 0.5**0.5), **({} if params.get("variant") == "released" else GAIN)}
    for place, layer in network(name, params).named_modules():
        if isinstance(layer, nn.Linear):
            of_torch = layer.in_features**-0.5
            xavier = gains.get(place, 1.0) * (6 / (layer.in_features + layer.out_features)) ** 0.5
            assert_uniform(layer.weight, of_torch if place.startswith(tuple(TORCH[name])) else xavier)
            if layer.bias is not None:
                assert_uniform(layer.bias, 0 if place in ZERO_BIAS.get(name, []) else of_torch)
        elif isinstance(layer, nn.LSTM | nn.LSTMCell):
            for weight in layer.parameters():
                assert_uniform(weight, layer.hidden_size**-0.5)
        elif isinstance(layer, nn.LayerNorm):
            assert (layer.weight == 1).all() and (layer.bias == 0).all()
        elif isinstance(layer, Positions):
            assert (layer.weight == 0).all()


def test_standardisation_starts_as_identity():
    layer = StandardizedNetwork(nn.Linear(2, 2), 3, 4)
    layer.set_statistics((np.ones(3), 2.0), (np.ones(4), 2.0))
    initialize(layer, torch.Generator().manual_seed(0))
    for scaling in (layer.audio_scaling, layer.visual_scaling):
        assert isinstance(scaling, Standardize)
        assert (scaling.mean == 0).all() and scaling.scale == 1


# ------------------------------------------------------------------- layer norms
def norm_loop(x, eps):
    """Layer norm of rows with weight 1 and bias 0."""
    return np.array([(row - row.mean()) / np.sqrt(row.var() + eps) for row in x])


def small(*shape, seed=0):
    """Numbers whose variance is of the size of eps."""
    return 2e-3 * normal(*shape, seed=seed)


def zeroed(layer):
    """The layer in float64, with nothing in its branch: what is left is the norm of its input."""
    for part in layer.double().modules():
        if isinstance(part, nn.Linear):
            for weight in part.parameters():
                nn.init.zeros_(weight)
    return layer


@pytest.mark.parametrize(
    "layer", [SelfAttention(6), AttentionBlock(6), FeedForward(6, 4)], ids=lambda layer: type(layer).__name__
)
def test_norms_behind_residuals_have_the_eps_of_torch(layer):
    x = small(1, 5, 6)
    memory = [x] if isinstance(layer, AttentionBlock) else []
    got = zeroed(layer)(x, *memory)
    np.testing.assert_allclose(array(got)[0], norm_loop(x[0].numpy(), 1e-5), rtol=1e-9)


@pytest.mark.parametrize("project", [True, False])
def test_the_fusions_norm_has_the_eps_of_the_authors(project):
    fusion, v, a = Fusion(6, project=project).double(), small(5, 6), small(5, 6, seed=1)
    if project:
        for layer in (fusion.w3_v, fusion.w3_a):
            nn.init.eye_(layer.weight)
    fused, v_normed, a_normed = fusion(v, a)
    expected = norm_loop(v.numpy(), 1e-6), norm_loop(a.numpy(), 1e-6)
    np.testing.assert_allclose(array(v_normed), expected[0], rtol=1e-9)
    np.testing.assert_allclose(array(a_normed), expected[1], rtol=1e-9)
    np.testing.assert_allclose(array(fused), (expected[0] + expected[1]) / 2, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_every_norm_of_a_network_has_one_of_the_two(name, params):
    norms = {
        place: layer.eps for place, layer in network(name, params).named_modules() if isinstance(layer, nn.LayerNorm)
    }
    of_fusion = "fusion.norm"
    assert norms.pop(of_fusion, 1e-6) == 1e-6
    assert set(norms.values()) <= {1e-5}


# ---------------------------------------------------------------- shares of what is small
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_connections_do_not_depend_on_the_scale_of_similarities(scale):
    beta = normal(2, 5, 5)
    for tau in (-np.inf, 0.0, 0.15):
        torch.testing.assert_close(prune(scale * beta, tau), prune(beta, tau), atol=1e-9, rtol=0)


@pytest.mark.parametrize("scale", [1e-6, 1e-3])
def test_the_pair_loss_does_not_depend_on_the_scale_of_similarities(scale):
    similarity, is_event = normal(4, 6), normal(4, 6, seed=1) > 0
    got = pair_similarity_loss(scale * similarity, is_event)
    torch.testing.assert_close(got, pair_similarity_loss(similarity, is_event), atol=1e-9, rtol=0)
