"""Where dropout acts in every network: a table of places, and a rate that reaches all of them.

Dropout is replaced by a pattern, the same in each call. The outputs must be those of the network without dropout whose
layers at the places of the table are given, or give, their features times this pattern.
"""

import pytest
import torch
from helpers import D_A, D_V, N_REGIONS, C, drawn, small_params, videos

from ave_sklearn.nn import NETWORKS, Dropout

P = 0.3
LSTMS = ["encoder.audio_lstm", "encoder.visual_lstm"]
PROPAGATION = ["psp.w1_v", "psp.w1_a", "psp.w2_v", "psp.w2_a"]
W3 = ["fusion.w3_v", "fusion.w3_a"]


def classifier(head):
    """In front of both layers of a classifier."""
    return [f"> {head}.hidden", f"> {head}.output"]


def attention(block):
    """On the attention weights, as if on the memory's values, and on what the attention gives."""
    return [f"{block}.attention.value, segments", f"{block}.attention"]


def transformer(layer):
    """On attention, and behind both layers of the feed-forward part."""
    return [*attention(f"{layer}.attention"), f"{layer}.feed_forward.hidden", f"{layer}.feed_forward.output"]


CMRAN = [
    "adapter.0",  # of a rate of its own
    *[place for side in ("audio", "visual") for n in range(2) for place in transformer(f"{side}_intra.layers.{n}")],
    *[place for side in ("audio", "visual") for place in transformer(f"{side}_cross.layer")],
    *attention("interaction"),
]
SUPPRESSION = [  # of CMBS and CACE-Net, at rates of its own in front of the relations and within the interactions
    "adapter.0",
    "attention.context.attention",
    *[
        place
        for part in ("audio_intra.layers.0", "audio_intra.layers.1", "visual_intra.layers.0", "visual_intra.layers.1")
        for place in transformer(f"relations.{part}")
    ],
    *[place for side in ("audio", "visual") for place in transformer(f"relations.{side}_cross.layer")],
    *[place for side in ("audio", "visual") for place in attention(f"relations.{side}_interaction")],
]
GUIDANCE = ["guidance.regions.attention", "guidance.segments.attention"]
AVT = [*transformer("encoder"), *transformer("decoder"), *attention("decoder.self_attention")]

PLACES = {  # a layer whose output is dropped; with ">" one whose input is
    ("psp", "paper", "full"): [*LSTMS, *PROPAGATION, *W3, *classifier("head")],
    ("psp", "paper", "weak"): [*LSTMS, *PROPAGATION, *W3, *classifier("head.scores")],
    ("psp", "released", "full"): [*PROPAGATION, *W3],
    ("psp", "released", "weak"): PROPAGATION,
    ("cpsp", "paper", "full"): [*LSTMS, *PROPAGATION, *W3],
    ("cpsp", "paper", "weak"): [*LSTMS, *PROPAGATION, *W3],
    ("cpsp", "released", "full"): [*PROPAGATION, *W3],
    ("cpsp", "released", "weak"): [*PROPAGATION, *W3],
    ("avel", "paper", "full"): LSTMS,
    ("avel", "released", "weak"): LSTMS,
    ("dmrn", "paper", "weak"): LSTMS,
    ("dmrn", "released", "full"): LSTMS,
    ("avsdn", None, "full"): ["decoder.lstm"],
    ("avsdn", None, "weak"): ["decoder.lstm"],
    ("avin", None, "full"): ["bilinear.audio"],
    ("avin", None, "weak"): ["bilinear.audio"],
    ("avrb", None, "full"): ["bilinear.audio"],
    ("avrb", None, "weak"): ["bilinear.audio"],
    ("avt", None, "full"): AVT,
    ("avt", None, "weak"): AVT,
    ("cman", None, "full"): ["visual_when", "audio_when", *classifier("head")],
    ("cman", None, "weak"): ["visual_when", "audio_when", *classifier("head.scores")],
    ("cmran", None, "full"): CMRAN,
    ("cmran", None, "weak"): CMRAN,
    ("cmbs", "mended", "full"): SUPPRESSION,
    ("cmbs", "mended", "weak"): SUPPRESSION,
    ("cmbs", "released", "full"): SUPPRESSION,
    ("cmbs", "released", "weak"): SUPPRESSION,
    ("cacenet", "mended", "full"): [*SUPPRESSION, *GUIDANCE],
    ("cacenet", "released", "full"): [*SUPPRESSION, *GUIDANCE],
    ("dam", None, "full"): ["visual", "audio", *classifier("category")],
}
each_case = pytest.mark.parametrize("case", PLACES, ids=lambda case: "-".join(map(str, case)))


def network(name, variant, supervision, dropout=P):
    params = {**small_params(name), "dropout": dropout, "supervision": supervision}
    if variant is not None:
        params["variant"] = variant
    return drawn(NETWORKS[name](D_A, D_V, C, N_REGIONS, **params))


OWN_RATES = {  # of dropout layers whose names end so, which have a parameter of their own
    "adapter.2": 0.2,
    "attention.context.dropout": 0.2,
    "guidance.regions.dropout": 0.2,
    "guidance.segments.dropout": 0.2,
    "_interaction.attention.dropout": 0.2,
}


def rates(name, variant, supervision, dropout=P):
    """The rates of the dropout layers that drop anything, by name, without those that have a parameter of their own."""
    layers = network(name, variant, supervision, dropout).named_modules()
    found = {place: layer.p for place, layer in layers if isinstance(layer, Dropout) and layer.p}
    own = {**OWN_RATES, "adapter.2": 0.1} if (name, supervision) == ("cmbs", "weak") else OWN_RATES
    for place in [place for place in found if place.endswith(tuple(own))]:
        (wanted,) = (rate for ending, rate in own.items() if place.endswith(ending))
        assert found.pop(place) == wanted
    return found


def times_pattern(x, axis=-1):
    """`x`, or the first of a tuple, times a pattern along an axis that no other scaling could stand for."""
    if isinstance(x, tuple):
        return times_pattern(x[0], axis), *x[1:]
    pattern = 1 + 0.5 * torch.cos(torch.arange(x.shape[axis], dtype=x.dtype))
    return x * pattern.reshape(-1, *[1] * (-1 - axis))


def drop_in_layers(net):
    """Let each dropout layer that would drop anything multiply by the pattern."""
    for layer in net.modules():
        if isinstance(layer, Dropout) and layer.p > 0:
            layer.register_forward_hook(lambda layer, inputs, output: times_pattern(*inputs))


def drop_at_places(net, places):
    """Let the layers at these places take or give their features times the pattern; return the hooks' handles."""
    return [drop_at(net, place) for place in places]


def drop_at(net, place):
    """Let the layer at one place do so."""
    if place.startswith("> "):
        return net.get_submodule(place[2:]).register_forward_pre_hook(
            lambda layer, inputs: (times_pattern(inputs[0]), *inputs[1:])
        )
    name, _, of_segments = place.partition(", ")
    axis = -2 if of_segments else -1
    return net.get_submodule(name).register_forward_hook(lambda layer, inputs, output: times_pattern(output, axis))


def test_every_network_is_in_the_table():
    assert {name for name, _, _ in PLACES} == set(NETWORKS)


@pytest.mark.slow
@each_case
def test_dropout_acts_at_its_places_and_at_no_other(case):
    by_layers, by_places = network(*case), network(*case)
    drop_in_layers(by_layers)
    drop_at_places(by_places, PLACES[case])
    with torch.no_grad():
        outputs, expected = by_layers(*videos()), by_places(*videos())
        plain = network(*case)(*videos())
    assert outputs.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(outputs[name], value, atol=1e-12, rtol=0, msg=name)
    assert not torch.allclose(outputs["fused"], plain["fused"], atol=1e-6)


@pytest.mark.slow
@each_case
def test_every_place_counts(case):
    """Each place of the table can be seen: the outputs are others without it."""
    net, results = network(*case), []
    for left_out in [None, *PLACES[case]]:
        handles = drop_at_places(net, [place for place in PLACES[case] if place != left_out])
        with torch.no_grad():
            results.append(torch.cat([value.flatten() for _, value in sorted(net(*videos()).items())]))
        for handle in handles:
            handle.remove()
    with_all, *with_one_less = results
    assert all((other - with_all).abs().max() > 1e-9 for other in with_one_less)


@each_case
def test_the_rate_is_that_of_the_parameter_in_every_dropout_layer(case):
    assert set(rates(*case).values()) == {P}
    assert rates(*case, dropout=0.0) == {}
