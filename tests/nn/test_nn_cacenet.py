"""CACENet against slow loops written from its description, its switch and its noise, contrast, masks and parameters."""

import numpy as np
import pytest
import torch
from helpers import (
    D_A,
    D_V,
    N_REGIONS,
    C,
    affine,
    array,
    assert_every_weight_is_drawn,
    assert_forward_pass,
    assert_padded_as_alone,
    assert_rejected,
    attend_loop,
    drawn,
    n_trainable,
    normal,
    parameters_without_effect,
    relu,
    sigmoid,
    videos,
    without_dropout,
)
from relation_loops import (
    BACKGROUND,
    SIZES,
    TARGET,
    adapted_loop,
    context_agsca_loop,
    context_loop,
    full_head_loop,
    single_head_loop,
    suppressed_loop,
)

from ave_sklearn.nn import (
    CACENet,
    FullyLoss,
    Noise,
    gated_cross_entropy,
    set_dropout_generator,
    suppression_loss,
    view_contrastive_loss,
)

VARIANTS = ["mended", "released"]


def network(maps=True, is_on=None, **params):
    net = drawn(CACENet(D_A, D_V, C, N_REGIONS if maps else None, **{**SIZES, **params}))
    if is_on is not None:
        net.switch.is_on.fill_(is_on)
    return net


# ------------------------------------------------- the description, step by step
def guided_loop(guidance, audio, adapted, norm, variant):
    """One video's audio features (T, d_a), guided by its adapted maps (T, H, W, d_v)."""
    scaled = variant == "mended"
    regions = [picture.reshape(-1, picture.shape[-1]) for picture in adapted]
    seen = np.array([context_loop(guidance.regions, maps, scaled, norm).mean(0) for maps in regions])
    context = context_loop(guidance.segments, audio, scaled)
    return audio + 0.3 * sigmoid(single_head_loop(guidance.attention, seen, context, scaled)) * audio


def cacenet_loop(net, audio, visual, variant="mended", is_on=True):
    """One video: audio (T, d_a), visual (T, d_v) or (T, H, W, d_v)."""
    adapted, released = adapted_loop(net, visual), variant == "released"
    v, attention = attend_loop(context_agsca_loop, net.attention, audio, adapted, 0.4, not released)
    norm = net.attention.context.norm if released else net.guidance.regions.norm
    guided = guided_loop(net.guidance, audio, adapted, norm, variant)
    related = suppressed_loop(net.relations, guided, v, "full", variant, alpha=0.1)
    fused = related[0]
    h = np.array([relu(affine(net.projection, f)) for f in fused])
    outputs = full_head_loop(net.head, related, 0.3, fused + 0.6 * h if is_on else fused)
    query = np.array([row / max(np.sqrt(row @ row), 1e-12) for row in h])
    return {**outputs, "query": query, **(attention if visual.ndim == 4 else {})}


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass_is_the_description(maps, variant, is_on):
    net = network(maps, variant=variant, is_on=is_on)
    assert_forward_pass(net, cacenet_loop, *videos(maps), variant=variant, is_on=is_on)


@pytest.mark.parametrize(("n_segments", "size"), [(1, (1, 1)), (7, (3, 2))])
def test_maps_and_videos_of_any_size(n_segments, size):
    assert_forward_pass(network(), cacenet_loop, *videos(n=1, n_segments=n_segments, size=size))


# ------------------------------------------------- the switch
def n_until_on(net):
    """How many training batches the network sees before projection and contrast join."""
    net.train()
    for n in range(100):
        if "key" in net(*videos()):
            return n
    return None


@pytest.mark.parametrize(("params", "wait"), [({}, 0), ({"wait": 3}, 3), ({"variant": "released", "wait": 2}, 2)])
def test_projection_and_contrast_join_after_so_many_training_batches(params, wait):
    assert n_until_on(network(**params)) == wait


def test_the_release_waits_for_25_epochs_of_the_ave_dataset():
    assert network(variant="released").switch.wait == 25 * (3339 // 64 + 1) and network().switch.wait == 0


def test_batches_count_in_training_alone_and_a_copy_goes_on():
    net = network(wait=2)
    before = net(*videos())["event_logits"]
    for _ in range(5):
        net(*videos())
    assert net.switch.n_batches == 0 and not net.switch.is_on
    net.train()(*videos())
    later = network(wait=2)
    later.load_state_dict(net.state_dict())
    assert n_until_on(later) == 1
    after = later.eval()(*videos())["event_logits"]  # it stays on, in evaluation too
    saved = network(wait=2)
    saved.load_state_dict(later.state_dict())
    torch.testing.assert_close(saved(*videos())["event_logits"], after, atol=0, rtol=0)
    assert not torch.allclose(after, before)


def test_the_last_batch_of_the_wait_leaves_it_off_in_evaluation():
    """The release evaluates each epoch in the state that it was trained in."""
    net = network(wait=2).train()
    net(*videos()), net(*videos())
    assert net.switch.n_batches == 2 and "key" not in net.eval()(*videos()) and not net.switch.is_on


def test_weights_drawn_anew_start_the_count_anew():
    net = network(wait=1)
    assert n_until_on(net) == 1
    assert n_until_on(drawn(net)) == 1


# ------------------------------------------------- the two views
def views(net, seed):
    set_dropout_generator(net, torch.Generator().manual_seed(seed))
    outputs = net(*videos())
    return outputs["query"], outputs["key"]


def test_the_noise_of_the_second_view_is_drawn_from_the_networks_own_generator_in_training_only():
    net, state = without_dropout(network()), torch.get_rng_state()
    (query, key), (_, again), (_, other) = (views(net, seed) for seed in (0, 0, 1))
    assert torch.equal(key, again) and not torch.allclose(key, other) and not torch.allclose(key, query)
    assert torch.equal(torch.get_rng_state(), state)
    for view in (query, key):
        torch.testing.assert_close(view.norm(dim=-1), torch.ones(3, 5, dtype=torch.float64))
    evaluated = net.eval()(*videos())
    assert "key" not in evaluated and torch.equal(evaluated["query"], query)
    quiet = without_dropout(network(noise=0))
    torch.testing.assert_close(*views(quiet, 0))


def test_noise_is_normal_and_of_its_deviation():
    layer, x = Noise(0.25), torch.ones(100_000)
    set_dropout_generator(layer, torch.Generator().manual_seed(0))
    added = layer(x) - x
    assert added.mean().abs() < 0.005 and added.std().item() == pytest.approx(0.25, rel=0.02)
    within = [(added.abs() < k * 0.25).float().mean().item() for k in (1, 2)]
    np.testing.assert_allclose(within, [0.683, 0.954], atol=0.01)
    assert layer.eval()(x) is x and "std=0.25" in repr(layer)


# ------------------------------------------------- the contrast
def contrast_loop(query, key, is_event, temperature):
    """One video, view by view; of a video of events throughout too."""
    n = len(query)
    views = [(s, query[s]) for s in range(n)] + [(s, key[s]) for s in range(n)]
    losses = []
    for i, (s, z) in enumerate(views):
        score = {j: np.exp(z @ other / temperature) for j, (_, other) in enumerate(views) if j != i}
        if is_event[s]:
            positives = [j for j in score if is_event[views[j][0]]]
        else:
            positives = [j for j in score if views[j][0] == s]
        losses.append(-np.log(np.mean([score[j] for j in positives]) / sum(score.values())))
    return np.mean(losses)


def unit(*shape, seed=0):
    return torch.nn.functional.normalize(normal(*shape, seed=seed), dim=-1)


EVENTS = torch.tensor([[0, 1, 1, 0, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]]).bool()


@pytest.mark.parametrize("temperature", [0.01, 0.5])
def test_view_contrastive_loss(temperature):
    query, key = unit(4, 5, 6), unit(4, 5, 6, seed=1)
    loss = view_contrastive_loss(query, key, EVENTS, temperature=temperature)
    with_all = view_contrastive_loss(query, key, EVENTS, temperature=temperature, all_events=True)
    for n in range(4):
        expected = contrast_loop(array(query[n]), array(key[n]), EVENTS[n].tolist(), temperature)
        assert with_all[n].item() == pytest.approx(expected, rel=1e-12)
        assert loss[n].item() == pytest.approx(0 if n == 2 else expected, rel=1e-12)
    assert with_all[2].item() == pytest.approx(np.log(9), rel=1e-12)


def test_a_video_of_events_throughout_has_no_gradient_of_the_contrast():
    query = unit(1, 5, 6).requires_grad_()
    every = torch.ones(1, 5, dtype=torch.bool)
    view_contrastive_loss(query, unit(1, 5, 6, seed=1), every, all_events=True).sum().backward()
    assert query.grad.abs().max() < 1e-12


def test_the_contrast_does_not_overflow_in_single_precision():
    """exp(100), of two equal views at the temperature 0.01, is more than float32 has."""
    view = unit(4, 5, 6).float().requires_grad_()
    loss = view_contrastive_loss(view, view, EVENTS)
    expected = view_contrastive_loss(view.double(), view.double(), EVENTS)
    torch.testing.assert_close(loss.double(), expected, atol=1e-4, rtol=1e-5)
    loss.sum().backward()
    assert view.grad.isfinite().all() and view.grad.any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_contrast_is_added_in_training(variant):
    net = network(variant=variant, is_on=True, contrast=0.7, temperature=0.3).train()
    outputs = net(*videos())
    contrast = [
        contrast_loop(array(outputs["query"][n]), array(outputs["key"][n]), (TARGET[n] != BACKGROUND).tolist(), 0.3)
        for n in range(3)
    ]
    if variant == "mended":
        contrast[2] = 0.0  # of a video of events throughout
    criterion = FullyLoss(0, BACKGROUND, extra=net.extra_loss)
    expected = loss_of_gates_and_categories(outputs, variant) + 0.7 * np.mean(contrast)
    assert criterion(outputs, TARGET, torch.ones(3)).item() == pytest.approx(expected, rel=1e-12)
    evaluated = net.eval()(*videos())
    expected = loss_of_gates_and_categories(evaluated, variant)
    assert criterion(evaluated, TARGET, torch.ones(3)).item() == pytest.approx(expected, rel=1e-12)


def loss_of_gates_and_categories(outputs, variant):
    """The loss of CMBS, mean over videos."""
    gate = outputs["gate_logits" if variant == "mended" else "gate"]
    estimators = gated_cross_entropy(outputs["event_logits"], outputs["category_logits"], TARGET, BACKGROUND)
    return (estimators + suppression_loss(gate, outputs["evidence"], TARGET, BACKGROUND)).mean().item()


# ------------------------------------------------- size, gradients, masks, parameters
@pytest.mark.parametrize(("variant", "count"), [("mended", 9_284_441), ("released", 9_283_417)])
def test_parameter_count_on_the_ave_dataset(variant, count):
    with torch.device("meta"):
        assert n_trainable(CACENet(128, 512, 29, 49, variant=variant)) == count
    assert f"{count:,}" in CACENet.__doc__


def test_every_layer_has_a_rule_for_its_initial_weights():
    assert_every_weight_is_drawn(CACENet(D_A, D_V, C, N_REGIONS, hidden_size=8), *videos())


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_get_a_gradient_but_those_that_a_softmax_cancels(variant):
    net = network(variant=variant, is_on=True)
    keys = {name for name, _ in net.named_parameters() if name.endswith("attention.key.bias")}
    assert "guidance.attention.key.bias" in keys and len(keys) == 12
    assert parameters_without_effect(net, *videos()) == keys


def test_the_projection_waits_for_the_switch():
    net = network(wait=1).train()
    FullyLoss(0, BACKGROUND, extra=net.extra_loss)(net(*videos()), TARGET, torch.ones(3)).backward()
    waiting = {name for name, weight in net.named_parameters() if weight.grad is None}
    assert waiting == {"projection.weight", "projection.bias"}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("maps", [True, False])
def test_padded_videos_get_the_outputs_that_they_have_alone(maps, variant):
    assert_padded_as_alone(network(maps, variant=variant, is_on=True), *videos(maps))


def test_no_weakly_supervised_form():
    assert CACENet.supervisions == ("full",)
    message = "CACE-Net has no weakly supervised form; supervision is 'weak', wanted 'full'"
    assert_rejected(CACENet, {"supervision": "weak"}, message)


BAD = [
    ({"variant": "paper"}, "variant is 'paper'; wanted 'mended' or 'released'"),
    ({"hidden_size": 6}, "hidden_size is 6; wanted a positive integer, a multiple of 4"),
    ({"psi": -0.1}, "psi is -0.1; wanted a number from 0 on"),
    ({"projection_weight": "x"}, "projection_weight is 'x'; wanted a number from 0 on"),
    ({"contrast": float("inf")}, "contrast is inf; wanted a number from 0 on"),
    ({"noise": -1}, "noise is -1; wanted a number from 0 on"),
    ({"temperature": 0}, "temperature is 0; wanted a positive number"),
    ({"wait": -1}, "wait is -1; wanted an integer from 0 on"),
    ({"wait": 1.5}, "wait is 1.5; wanted an integer from 0 on"),
    ({"wait": True}, "wait is True; wanted an integer from 0 on"),
]


@pytest.mark.parametrize(("params", "message"), BAD)
def test_bad_parameters(params, message):
    assert_rejected(CACENet, params, message)
