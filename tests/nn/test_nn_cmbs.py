"""ContextAGSCA and CMBSNet against slow loops written from their description, size, masks, losses and parameters."""

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
    assert_own_dropout,
    assert_padded_as_alone,
    assert_rejected,
    attend_loop,
    drawn,
    n_trainable,
    normal,
    parameters_without_effect,
    sigmoid,
    videos,
)
from relation_loops import (
    BACKGROUND,
    SIZES,
    TARGET,
    adapted_loop,
    context_agsca_loop,
    full_head_loop,
    suppressed_loop,
    top_mean_loop,
)

from ave_sklearn.nn import (
    ContextAGSCA,
    FullyLoss,
    class_probabilities,
    gated_cross_entropy,
    initialize,
    masked_top_mean,
    suppression_loss,
)
from ave_sklearn.nn.gated import product_logit
from ave_sklearn.nn.systems.cmbs import CMBSNet

FORMS = [(kind, variant) for kind in ("full", "weak") for variant in ("mended", "released")]
each_form = pytest.mark.parametrize(("supervision", "variant"), FORMS)


def network(maps=True, **params):
    return drawn(CMBSNet(D_A, D_V, C, N_REGIONS if maps else None, **{**SIZES, **params}))


# ------------------------------------------------- the description, step by step
def cmbs_loop(net, audio, visual, supervision="full", variant="mended"):
    """One video: audio (T, d_a), visual (T, d_v) or (T, H, W, d_v)."""
    weak = supervision == "weak"
    rule = 0.5 if weak else 0.4, variant == "mended"  # beta, and whether dot products of regions are scaled
    v, attention = attend_loop(context_agsca_loop, net.attention, audio, adapted_loop(net, visual), *rule)
    related = suppressed_loop(net.relations, audio, v, supervision, variant, alpha=0.2 if weak else 0.1)
    head = weak_head_loop(net.head, related, variant) if weak else full_head_loop(net.head, related, gamma=0.3)
    return {**head, **(attention if visual.ndim == 4 else {})}


def weak_head_loop(head, related, variant):
    """The outputs of a weakly supervised network for one video."""
    fused, x_a, x_v, k_a, k_v, similarity = related
    gate = (sigmoid(x_a) + sigmoid(x_v)) / 2
    evidence = [
        0.5 * sigmoid(v) * affine(head.category, f) + 0.5 * sigmoid(a) * affine(head.category, f)
        for v, a, f in zip(k_v, k_a, fused, strict=True)
    ]
    category = top_mean_loop(np.array(evidence))
    products = np.array([g * category for g in gate])
    return {
        "event_logits": np.log(gate / (1 - gate)),
        "category_logits": category,
        "video_logits": products.max(0) if variant == "released" else products.mean(0),
        "gate": gate,
        "fused": fused,
        "similarity": similarity,
    }


@torch.no_grad()
@pytest.mark.parametrize("scaled", [True, False])
def test_context_agsca(scaled):
    layer = drawn(ContextAGSCA(D_A, D_V, beta=0.7, dropout=0.0, scaled=scaled, attention_size=4))
    audio, visual = videos()
    regions = visual.flatten(2, 3)
    pooled, attention = layer(audio, regions)
    for n, t in np.ndindex(audio.shape[:2]):
        expected, alpha = context_agsca_loop(layer, array(audio[n, t]), array(regions[n, t]), 0.7, scaled)
        np.testing.assert_allclose(pooled[n, t], expected, **TOLERANCE)
        np.testing.assert_allclose(attention[n, t], alpha, **TOLERANCE)


@pytest.mark.slow
@each_form
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_description(maps, supervision, variant):
    net = network(maps, supervision=supervision, variant=variant)
    assert_forward_pass(net, cmbs_loop, *videos(maps), supervision=supervision, variant=variant)


@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize(("n_segments", "size"), [(1, (1, 1)), (3, (2, 1)), (7, (3, 2))])
def test_maps_and_videos_of_any_size(n_segments, size, supervision):
    inputs = videos(n=1, n_segments=n_segments, size=size)
    assert_forward_pass(network(supervision=supervision), cmbs_loop, *inputs, supervision=supervision)


@pytest.mark.parametrize("n_segments", [1, 3, 4, 9])
def test_the_mean_of_the_largest_of_each_feature(n_segments):
    x = normal(3, n_segments, 5)
    for k in (1, 4):
        for n in range(3):
            np.testing.assert_allclose(masked_top_mean(x, k)[n], top_mean_loop(array(x[n]), k), **TOLERANCE)


# ------------------------------------------------- the gates
def test_the_logit_of_a_product_in_single_precision():
    x = torch.linspace(-30, 30, 121).unsqueeze(1)
    p = torch.sigmoid(x.double()) * torch.sigmoid(x.T.double())
    torch.testing.assert_close(torch.sigmoid(product_logit(x, x.T)).double(), p, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "expected", "slope"),
    [
        (1e4, 1e4, 1e4, 1.0),  # the doubts of both: one of them is as good as none
        (1e4, -1e4, -1e4, 1.0),  # one says no
        (-1e4, -1e4, -2e4, 2.0),
        (1e4, 0.0, 0.0, 1.0),  # the other one's alone
    ],
)
def test_extreme_gates_have_the_right_logit_and_gradients(x, y, expected, slope):
    pair = torch.tensor([x, y], requires_grad=True)
    for logit in (product_logit(*pair), product_logit(*pair.flip(0))):
        assert logit.item() == pytest.approx(expected, rel=1e-4)
        (gradient,) = torch.autograd.grad(logit, pair)
        assert torch.isfinite(gradient).all() and (gradient >= 0).all()
        assert gradient.sum().item() == pytest.approx(slope)


@pytest.mark.parametrize("variant", ["mended", "released"])
def test_weakly_supervised_segments_are_events_where_the_gate_is_more_than_a_half(variant):
    net = network(supervision="weak", variant=variant)
    for gate in (net.relations.audio_gate, net.relations.visual_gate):  # so that half of the segments are open
        found = []
        handle = gate.register_forward_hook(lambda layer, inputs, output, found=found: found.append(output))
        net(*videos(n=8))
        handle.remove()
        gate.bias.data -= found[0].median()
    outputs = net(*videos(n=8))
    gate = outputs["gate"]
    predicted = class_probabilities(outputs, C, BACKGROUND).argmax(-1)
    category = outputs["category_logits"].argmax(-1, keepdim=True)
    assert {True, False} == set((gate > 0.5).flatten().tolist())
    assert torch.equal(predicted, torch.where(gate > 0.5, category, BACKGROUND))
    assert (torch.sigmoid(gate) > 0.5).all()  # the authors' decision: all segments are events


# ------------------------------------------------- the losses
def suppression_loop(gate, evidence, target):
    """One video, by the gate's probability: segments' entropy, and that of the category if there is one."""
    segments = [-np.log(p if k != BACKGROUND else 1 - p) for p, k in zip(gate, target, strict=True)]
    events = [k for k in target if k != BACKGROUND]
    if not events:
        return np.mean(segments)
    category = max(sorted(set(events)), key=events.count)
    return np.mean(segments) + np.log(np.sum(np.exp(evidence))) - evidence[category]


def test_suppression_loss():
    outputs = network()(*videos())
    loss = suppression_loss(outputs["gate_logits"], outputs["evidence"], TARGET, BACKGROUND)
    for n in range(3):
        expected = suppression_loop(array(outputs["gate"][n]), array(outputs["evidence"][n]), TARGET[n].tolist())
        assert loss[n].item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("variant", ["mended", "released"])
def test_the_loss_of_gate_and_evidence_is_added_to_the_estimators(variant):
    net = network(variant=variant)
    outputs = net(*videos())
    gate = "gate_logits" if variant == "mended" else "gate"
    own = suppression_loss(outputs[gate], outputs["evidence"], TARGET, BACKGROUND)
    plain = gated_cross_entropy(outputs["event_logits"], outputs["category_logits"], TARGET, BACKGROUND)
    total = FullyLoss(0, BACKGROUND, extra=net.extra_loss)(outputs, TARGET, torch.ones(3))
    torch.testing.assert_close(total, (own + plain).mean())
    assert network(supervision="weak", variant=variant).extra_loss is None


def test_a_probability_for_a_logit_costs_background_a_bit_where_the_gate_is_closed():
    """What the release does, and the default does not."""
    background = torch.full((1, 5), BACKGROUND)
    evidence = torch.zeros(1, C - 1, dtype=torch.float64)
    closed = torch.full((1, 5), -30.0, dtype=torch.float64)
    as_logit = suppression_loss(torch.sigmoid(closed), evidence, background, BACKGROUND).item()
    assert as_logit == pytest.approx(np.log(2)) and suppression_loss(closed, evidence, background, BACKGROUND) < 1e-12


# ------------------------------------------------- size, start, gradients, masks, parameters
@each_form
def test_parameter_count_on_the_ave_dataset(supervision, variant):
    with torch.device("meta"):
        net = CMBSNet(128, 512, 29, 49, supervision=supervision, variant=variant)
    assert n_trainable(net) == {"full": 9_200_473, "weak": 9_395_518}[supervision]


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_every_layer_has_a_rule_for_its_initial_weights(supervision):
    assert_every_weight_is_drawn(CMBSNet(D_A, D_V, C, N_REGIONS, hidden_size=8, supervision=supervision), *videos())


def test_layers_within_a_modality_are_drawn_one_by_one():
    net = CMBSNet(D_A, D_V, C, N_REGIONS, **SIZES)
    initialize(net, torch.Generator().manual_seed(0))
    first, second = (dict(layer.named_parameters()) for layer in net.relations.audio_intra.layers)
    assert first.keys() == second.keys()
    drawn_weights = [name for name, weight in first.items() if weight.any() and not (weight == 1).all()]
    assert len(drawn_weights) >= 6 and not any(torch.equal(first[name], second[name]) for name in drawn_weights)


@each_form
def test_parameters_get_a_gradient_but_those_that_a_softmax_cancels(supervision, variant):
    net, (audio, visual) = network(supervision=supervision, variant=variant), videos()
    keys = {name for name, _ in net.named_parameters() if name.endswith("attention.key.bias")}
    assert len(keys) == 9
    assert parameters_without_effect(net, audio, 5 * visual) == keys  # so large that each tanh bends


@each_form
@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, supervision, variant):
    assert_padded_as_alone(network(maps, supervision=supervision, variant=variant), *videos(maps))


def test_dropout_works_in_training_only():
    assert_own_dropout(network(), *videos(), at="fused")


BAD = [
    ({"supervision": "none"}, "supervision is 'none'; wanted 'full' or 'weak'"),
    ({"variant": "paper"}, "variant is 'paper'; wanted 'mended' or 'released'"),
    ({"variant": np.array(["mended", "paper"])}, r"variant is array\(.*\); wanted 'mended' or 'released'"),
    ({"hidden_size": 6}, "hidden_size is 6; wanted a positive integer, a multiple of 4"),
    ({"hidden_size": 9, "n_heads": 3}, "hidden_size is 9; wanted a positive integer, a multiple of 6"),
    ({"n_heads": 1, "supervision": "weak"}, "n_heads is 1; wanted a positive integer, a multiple of 2"),
    ({"feedforward_size": 0}, "^feedforward_size is 0; wanted a positive integer"),
    ({"cross_feedforward_size": 1.5}, "^cross_feedforward_size is 1.5; wanted a positive integer"),
    ({"n_layers": 0}, "n_layers is 0; wanted a positive integer"),
    ({"dropout": -0.1}, "^dropout is -0.1; wanted a number in"),
    ({"adapter_dropout": 1.0}, "adapter_dropout is 1.0; wanted a number in"),
    ({"region_dropout": "x"}, "region_dropout is 'x'; wanted a number in"),
    ({"interaction_dropout": 2}, "interaction_dropout is 2; wanted a number in"),
    ({"alpha": -1}, "alpha is -1; wanted a number from 0 on"),
    ({"alpha": 1.5, "supervision": "weak"}, r"alpha is 1.5; wanted a number in \[0, 1\]"),
    ({"beta": float("nan")}, "beta is nan; wanted a number from 0 on"),
    ({"gamma": True}, "gamma is True; wanted a number from 0 on"),
]


@pytest.mark.parametrize(("params", "message"), BAD)
def test_bad_parameters(params, message):
    assert_rejected(CMBSNet, params, message)
