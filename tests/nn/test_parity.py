"""The networks beside the authors': outputs, losses, gradients and dropout, by the files in tests/data/parity."""

import re
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import without_dropout

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.localizers._released import FULL_NAMES, WEAK_NAMES, rename
from ave_sklearn.nn import (
    AVELNet,
    CACENet,
    CMBSNet,
    CMRANNet,
    DMRNNet,
    Dropout,
    FullyLoss,
    Noise,
    PSPNet,
    class_probabilities,
    gated_cross_entropy,
    pair_similarity_loss,
    suppression_loss,
    video_probabilities,
    view_contrastive_loss,
)

PARITY = Path(__file__).parents[1] / "data" / "parity"
SIZES = 128, 512, 29, 49  # of audio and visual features, classes and regions
BACKGROUND = 28


# ------------------------------------------------ weights and inputs, as the README beside the arrays defines them
def fill(shape, name, seed, gain):
    """Return an array of weights; those of layer norms lie around `gain`."""
    rng = np.random.RandomState((zlib.crc32(name.encode()) + seed) % 2**32)
    x = rng.standard_normal(shape)
    x = x / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else x * 0.1
    if len(shape) == 1 and name.endswith(".weight"):
        x = x + gain
    return x.astype(np.float32)


def authors_weights(expected, gain):
    """Return a tensor for each of the authors' parameters, float32, in their order."""
    names = (entry.split(":") for entry in expected["param_names"])
    seed = int(expected["seed"])
    return {name: torch.from_numpy(fill(tuple(map(int, shape.split(","))), name, seed, gain)) for name, shape in names}


def parity_videos(seed):
    """Return audio (3, 10, 128) and visual (3, 10, 7, 7, 512), float32."""
    rng = np.random.RandomState(seed)
    audio = abs(rng.standard_normal((3, 10, 128)))
    visual = np.maximum(rng.standard_normal((3, 10, 7, 7, 512)), 0)
    return torch.from_numpy(audio).float(), torch.from_numpy(visual).float()


# ---------------------------------------------------------------- the authors' layers, and what they are called here
ENCODER_NAMES = {
    "affine_audio": "encoder.attention.audio",
    "affine_video": "encoder.attention.visual",
    "affine_v": "encoder.attention.visual_key",
    "affine_g": "encoder.attention.audio_key",
    "affine_h": "encoder.attention.score",
    "lstm_audio": "encoder.audio_lstm.lstm",
    "lstm_video": "encoder.visual_lstm.lstm",
}
AVEL_FULL_NAMES = {**ENCODER_NAMES, "L1": "head.hidden", "L2": "head.output"}
AVEL_WEAK_NAMES = {**ENCODER_NAMES, "L1": "head.scores.hidden", "L2": "head.scores.output"}
DMRN_NAMES = {
    **ENCODER_NAMES,
    "U_v.0": "fusion.visual.0",
    "U_v.2": "fusion.visual.2",
    "U_a.0": "fusion.audio.0",
    "U_a.2": "fusion.audio.2",
    "L2": "head.output",
}


def attention_names(theirs, norm, ours):
    """Return the names of an attention over segments, its output layer and the norm behind it."""
    return {theirs: f"{ours}.attention", f"{theirs}.out_proj": f"{ours}.attention.output", norm: f"{ours}.norm"}


def layer_names(theirs, attention, ours):
    """Return the names of a transformer layer, whose attention the authors call `attention`."""
    return {
        **attention_names(f"{theirs}.{attention}", f"{theirs}.norm1", f"{ours}.attention"),
        f"{theirs}.linear1": f"{ours}.feed_forward.hidden",
        f"{theirs}.linear2": f"{ours}.feed_forward.output",
        f"{theirs}.norm2": f"{ours}.feed_forward.norm",
    }


def relation_names(ours=""):
    """Return the names of CMRAN's relations within and across the modalities, which later systems have too."""
    return {
        "audio_encoder.affine_matrix": f"{ours}audio_intra.input",
        **layer_names("audio_encoder.encoder.layers.0", "self_attn", f"{ours}audio_intra.layers.0"),
        **layer_names("audio_encoder.encoder.layers.1", "self_attn", f"{ours}audio_intra.layers.1"),
        "video_encoder.affine_matrix": f"{ours}visual_intra.input",
        **layer_names("video_encoder.encoder.layers.0", "self_attn", f"{ours}visual_intra.layers.0"),
        **layer_names("video_encoder.encoder.layers.1", "self_attn", f"{ours}visual_intra.layers.1"),
        "audio_decoder.affine_matrix": f"{ours}audio_cross.query",
        **layer_names("audio_decoder.decoder.layers.0", "multihead_attn", f"{ours}audio_cross.layer"),
        "video_decoder.affine_matrix": f"{ours}visual_cross.query",
        **layer_names("video_decoder.decoder.layers.0", "multihead_attn", f"{ours}visual_cross.layer"),
    }


def context_names(number, norm, ours):
    """Return the names of the attention of regions to each other, and of the norm behind it."""
    theirs = "spatial_channel_att"
    parts = {f"{theirs}.video_{part}{number}": f"{ours}.attention.{part}" for part in ("query", "key", "value")}
    return {**parts, **({f"{theirs}.{norm}": f"{ours}.norm"} if norm else {})}


AGSCA_NAMES = {
    "v_fc": "adapter.0",
    "spatial_channel_att.affine_audio_1": "attention.audio",
    "spatial_channel_att.affine_video_1": "attention.visual",
    "spatial_channel_att.affine_bottleneck": "attention.squeeze",
    "spatial_channel_att.affine_v_c_att": "attention.expand",
    "spatial_channel_att.affine_audio_2": "attention.audio_key",
    "spatial_channel_att.affine_video_2": "attention.visual_key",
    "spatial_channel_att.affine_v_s_att": "attention.score",
}
CMRAN_NAMES = {
    **AGSCA_NAMES,
    **relation_names(),
    **attention_names("AVInter.video_multihead", "AVInter.norm1", "interaction"),
    "localize_module.classifier": "head.event",
    "localize_module.event_classifier": "head.category",
}
SUPPRESSION_NAMES = {  # of CMBS and CACE-Net
    **AGSCA_NAMES,
    "spatial_channel_att.affine_video_ave": "attention.picture_key",
    "spatial_channel_att.affine_video_3": "attention.context_key",
    "spatial_channel_att.ave_v_att": "attention.context_score",
    **relation_names("relations."),
    "video_cas": "relations.visual_evidence",
    "audio_cas": "relations.audio_evidence",
    **attention_names("AVInter.video_multihead", "AVInter.norm1", "relations.visual_interaction"),
    **attention_names("VAInter.video_multihead", "VAInter.norm1", "relations.audio_interaction"),
}
FULL_SUPPRESSION_NAMES = {
    **SUPPRESSION_NAMES,
    "audio_visual_rnn_layer.audio_rnn": "relations.audio_lstm.lstm",
    "audio_visual_rnn_layer.visual_rnn": "relations.visual_lstm.lstm",
    "audio_gated.0": "relations.audio_gate",
    "video_gated.0": "relations.visual_gate",
    "localize_module.classifier": "head.event",
    "localize_module.event_classifier": "head.category",
}
CMBS_FULL_NAMES = {**FULL_SUPPRESSION_NAMES, **context_names("", "norm", "attention.context")}
CMBS_WEAK_NAMES = {
    **SUPPRESSION_NAMES,
    **context_names("", "norm", "attention.context"),
    "audio_gated.0": "relations.visual_gate",  # theirs have the other modality's name
    "video_gated.0": "relations.audio_gate",
    "CAS_model.classifier.0": "head.category",
}
CACENET_NAMES = {
    **FULL_SUPPRESSION_NAMES,
    **context_names("", "v_norm", "attention.context"),
    **context_names("2", None, "guidance.regions"),
    **{
        f"spatial_channel_att.audio_{part}": f"guidance.segments.attention.{part}" for part in ("query", "key", "value")
    },
    "spatial_channel_att.a_norm": "guidance.segments.norm",
    "spatial_channel_att.v_query": "guidance.attention.query",
    "spatial_channel_att.vaudio_key": "guidance.attention.key",
    "spatial_channel_att.vaudio_value": "guidance.attention.value",
    "localize_module.encoder_q.0": "projection",
}


def our_names(theirs, names):
    """Return our names for the authors' parameter: one, or three where theirs has query, key and value in one."""
    layer, parameter = theirs.rsplit(".", 1)
    if not parameter.startswith("in_proj_"):
        return [f"{names[layer]}.{parameter}"]
    return [f"{names[layer]}.{part}.{parameter.removeprefix('in_proj_')}" for part in ("query", "key", "value")]


# --------------------------------------------------------------------------------- our networks beside their files
def named_as_theirs(outputs):
    """Return a network's outputs, with those that the files name otherwise."""
    named = dict(outputs)
    for ours, theirs in (("evidence", "class_evidence"), ("query", "query_features")):
        if ours in outputs:
            named[theirs] = outputs[ours]
    if "logits" in outputs:
        named["segment_logits"] = named["segment_scores"] = outputs["logits"]
        named["segment_probabilities"] = class_probabilities(outputs, 29, BACKGROUND)
    if "video_logits" in outputs:
        named["video_probabilities"] = video_probabilities(outputs["video_logits"], 29, BACKGROUND)
    return named


def margin_loss(net, outputs, labels, video_labels):
    """Multi-label soft margin of probabilities, taken for logits: of the video with weak supervision."""
    weak = "video_logits" in outputs
    proba = named_as_theirs(outputs)["video_probabilities" if weak else "segment_probabilities"]
    return F.multilabel_soft_margin_loss(proba, F.one_hot(video_labels if weak else labels, 29))


def gated_loss(net, outputs, labels, video_labels):
    """The loss of this package's estimators with full supervision, and the network's own: the authors' too."""
    extra = getattr(net, "extra_loss", None)
    return FullyLoss(lam=0, background=BACKGROUND, extra=extra)(outputs, labels, torch.ones(3))


class Case(NamedTuple):
    """A network of ours, the names of its layers, its loss, and the layers whose outputs are in the file."""

    network: type
    params: dict
    names: dict
    loss: object
    layers: dict


FULL, WEAK = {"supervision": "full"}, {"supervision": "weak"}
RELEASED, POOLED = {**FULL, "variant": "released"}, {**WEAK, "variant": "released", "pooling": "max"}
AVEL_LAYERS = {"attended_visual": "encoder.attention"}
CMRAN_LAYERS = {"attended_visual": "attention", "visual_code": "visual_intra", "audio_code": "audio_intra"}
SUPPRESSION_LAYERS = {
    "attended_visual": "attention",
    "visual_code": "relations.visual_intra",
    "audio_code": "relations.audio_intra",
}
CASES = {
    "avel_fully": Case(AVELNet, RELEASED, AVEL_FULL_NAMES, margin_loss, AVEL_LAYERS),
    "avel_weakly": Case(AVELNet, POOLED, AVEL_WEAK_NAMES, margin_loss, AVEL_LAYERS),
    "dmrn_fully": Case(DMRNNet, RELEASED, DMRN_NAMES, margin_loss, AVEL_LAYERS),
    "cmran_fully": Case(CMRANNet, FULL, CMRAN_NAMES, gated_loss, CMRAN_LAYERS),
    "cmran_weakly": Case(CMRANNet, WEAK, CMRAN_NAMES, margin_loss, CMRAN_LAYERS),
    "cmbs_fully": Case(CMBSNet, RELEASED, CMBS_FULL_NAMES, gated_loss, SUPPRESSION_LAYERS),
    "cmbs_weakly": Case(CMBSNet, {**WEAK, "variant": "released"}, CMBS_WEAK_NAMES, margin_loss, SUPPRESSION_LAYERS),
    "cacenet_fully": Case(
        CACENet, RELEASED, CACENET_NAMES, gated_loss, {**SUPPRESSION_LAYERS, "guided_audio": "guidance"}
    ),
}
NO_OUTPUTS = ("seed", "param_names", "labels", "video_labels", "loss", "gradient_norm", "scaled_dropout_")  # prefixes
SWITCH = "_switch_"  # in front of the state of CACE-Net's switch that an array is for


def expected_outputs(name):
    """Return the arrays of a file, a dict."""
    with np.load(PARITY / f"{name}_seed1.npz") as arrays:
        return dict(arrays)


def released_network(name):
    """Return our network in float64. Each of its parameters is one of the authors', and each of theirs has a place."""
    case, weights = CASES[name], {}
    for theirs, x in authors_weights(expected_outputs(name), gain=1).items():
        ours = our_names(theirs, case.names)
        x = x.squeeze(-1) if x.ndim == 3 else x  # a convolution of one step in time is a linear layer
        weights.update(zip(ours, x.chunk(len(ours)), strict=True))
    net = case.network(*SIZES, **case.params)
    missing, unexpected = net.load_state_dict(weights, strict=False)
    own = dict(net.named_parameters())  # each once, by the first of its names
    assert set(missing) == net.state_dict().keys() - own.keys() and not unexpected
    return net.double().eval()


def turn(net, is_on):
    """Set the switch of CACE-Net; other networks have none."""
    if isinstance(net, CACENet):
        net.switch.is_on.fill_(is_on)
    return net


def with_both_views(net):
    """Return a network that computes in training mode what it does in evaluation, with the noise of the files."""
    for layer in without_dropout(net).modules():
        if isinstance(layer, Noise):
            noise = torch.from_numpy(np.random.RandomState(2).standard_normal((10, 3, 256)))  # of time first
            layer.forward = partial(torch.add, layer.std * noise.transpose(0, 1))
    return net


def run(net):
    """Return the outputs of a network for the videos in float64."""
    return net(*(x.double() for x in parity_videos(1)))


def assert_agree(outputs, expected):
    """Compare `outputs` with each array in `expected`; those on the way to the final ones are float32 there."""
    named = named_as_theirs(outputs)
    for key, theirs in expected.items():
        ours = named[key.removesuffix("_time_first")].detach()
        assert ours.dtype == torch.float64
        if key.endswith("_time_first"):
            ours = ours.transpose(0, 1).reshape(theirs.shape)
        atol = {"float64": 1e-7, "float32": 1e-6}[theirs.dtype.name]
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol, err_msg=key)


def test_the_systems_whose_outputs_are_called_equal_are_those_compared_here():
    called_equal = {name for name, system in SYSTEMS.items() if "outputs equal" in system.source}
    assert called_equal == {case.partition("_")[0] for case in CASES} | {"psp"}


# ------------------------------------------------------------------------------ AVEL, DMRN, CMRAN, CMBS, CACE-Net
@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_outputs_are_the_authors(name):
    net, expected, inner = released_network(name), expected_outputs(name), {}

    def keep(key):
        return lambda layer, args, output: inner.update({key: output[0] if isinstance(output, tuple) else output})

    for key, layer in CASES[name].layers.items():
        net.get_submodule(layer).register_forward_hook(keep(key))
    with torch.no_grad():
        outputs = run(net)
    wanted = {key: x for key, x in expected.items() if not key.startswith(NO_OUTPUTS) and SWITCH not in key}
    assert len(wanted) >= 3
    assert_agree({**outputs, **inner}, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_loss_and_its_gradients_are_the_authors(name):
    net, expected, case = with_both_views(turn(released_network(name), True)), expected_outputs(name), CASES[name]
    loss = case.loss(net, run(net), *(torch.from_numpy(expected[key]) for key in ("labels", "video_labels")))
    loss.backward()
    gradients = {ours: parameter.grad.flatten() for ours, parameter in net.named_parameters()}
    theirs = [entry.split(":")[0] for entry in expected["param_names"]]
    norms = np.array([torch.cat([gradients[ours] for ours in our_names(name, case.names)]).norm() for name in theirs])
    cancelled = np.array([re.search(r"_key2?\.bias$", name) is not None for name in theirs])  # by a softmax
    np.testing.assert_allclose(loss.item(), expected["loss"], rtol=0, atol=1e-7)
    np.testing.assert_allclose(norms[~cancelled], expected["gradient_norms"][~cancelled], rtol=1e-7, atol=0)
    assert (norms[cancelled] < 1e-15 * expected["gradient_norm"]).all()
    np.testing.assert_allclose(torch.cat([*gradients.values()]).norm(), expected["gradient_norm"], rtol=1e-7, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("is_on", [False, True])
def test_the_switch_of_cacenet_is_the_authors(is_on):
    net, expected = turn(released_network("cacenet_fully"), is_on), expected_outputs("cacenet_fully")
    ending = f"{SWITCH}{'on' if is_on else 'off'}"
    with torch.no_grad():
        assert_agree(run(net), {"event_logits_time_first": expected[f"event_logits_time_first{ending}"]})


def assert_parts(logits, expected, labels, parts, loss=gated_cross_entropy):
    """Compare both parts of a gated loss, each left alone where the other one's logits are right and certain."""
    event, category = logits
    certain_event = torch.where(labels == BACKGROUND, -1e3, 1e3).double()
    certain_category = 1e3 * F.one_hot(torch.tensor([3, 17, 27]), 28).double()
    for pair, part in zip(((event, certain_category), (certain_event, category)), parts, strict=True):
        got = loss(*pair, labels, BACKGROUND).mean()
        np.testing.assert_allclose(got, expected[part], rtol=0, atol=1e-7, err_msg=part)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cmran_fully", "cmbs_fully", "cacenet_fully"])
def test_each_part_of_the_gated_losses_is_the_authors(name):
    expected = expected_outputs(name)
    labels = torch.from_numpy(expected["labels"])
    with torch.no_grad():
        outputs = run(turn(released_network(name), True))
    assert_parts(
        (outputs["event_logits"], outputs["category_logits"]), expected, labels, ("loss_event", "loss_category")
    )
    if name != "cmran_fully":  # the authors take the gate for a logit
        pair = outputs["gate"], outputs["evidence"]
        assert_parts(pair, expected, labels, ("loss_gate", "loss_evidence"), suppression_loss)


@pytest.mark.slow
def test_the_contrast_is_the_authors():
    expected = expected_outputs("cacenet_fully")
    with torch.no_grad():
        outputs = run(with_both_views(turn(released_network("cacenet_fully"), True)))
    is_event = torch.from_numpy(expected["labels"]) != BACKGROUND
    loss = view_contrastive_loss(outputs["query"], outputs["key"], is_event, all_events=True)
    np.testing.assert_allclose(loss.mean(), expected["loss_contrastive"], rtol=0, atol=1e-7)
    assert loss[1].item() == pytest.approx(np.log(19), rel=1e-12)  # of a video that is an event throughout


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cmran_fully", "cmran_weakly", "cmbs_fully", "cmbs_weakly", "cacenet_fully"])
def test_dropout_acts_where_the_authors_does_and_as_strongly(name):
    """In training mode, with every dropout of rate p replaced by multiplication with 1 - p."""
    net, expected = turn(released_network(name), True).train(), expected_outputs(name)
    for layer in net.modules():
        if isinstance(layer, Dropout):
            layer.forward = lambda x, keep=1 - layer.p: keep * x
    with torch.no_grad():
        outputs = run(net)
    kind = "scaled_dropout_"
    wanted = {key.removeprefix(kind): values for key, values in expected.items() if key.startswith(kind)}
    assert len(wanted) >= 2
    assert_agree(outputs, wanted)


# ---------------------------------------------------------------------------------------------------------------- PSP
def psp_outputs(names, supervision, tau, expected):
    net = PSPNet(*SIZES, supervision=supervision, variant="released", tau=tau, hidden_size=256)
    net.load_state_dict(rename(authors_weights(expected, gain=0), names)[0])
    with torch.no_grad():
        return run(net.double().eval())


@pytest.mark.parametrize("tau", [0.0, 0.099, 0.2])
def test_released_fully_supervised_network(tau):
    expected = expected_outputs("released_fully")
    outputs = psp_outputs(FULL_NAMES, "full", tau, expected)
    np.testing.assert_allclose(outputs["logits"], expected[f"logits_tau{tau}"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(outputs["fused"], expected[f"fusion_tau{tau}"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(outputs["similarity"], expected[f"similarity_tau{tau}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("tau", [0.0, 0.095, 0.2])
def test_released_weakly_supervised_network(tau):
    expected = expected_outputs("released_weakly")
    outputs = psp_outputs(WEAK_NAMES, "weak", tau, expected)
    proba = outputs["video_logits"].softmax(-1)
    np.testing.assert_allclose(proba, expected[f"video_proba_tau{tau}"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(outputs["logits"], expected[f"segment_scores_tau{tau}"], rtol=0, atol=1e-6)


def test_released_pair_similarity_loss():
    expected = expected_outputs("released_fully")
    is_event = torch.from_numpy(expected["avps_target"]) > 0
    loss = pair_similarity_loss(torch.from_numpy(expected["similarity_tau0.2"]), is_event).mean()
    assert loss.item() == pytest.approx(float(expected["avps_loss"]), rel=0, abs=1e-6)


@pytest.mark.parametrize(
    ("estimator", "file", "key"),
    [
        (PSPLocalizer, "released_fully", "logits_tau0.099"),
        (WeakPSPLocalizer, "released_weakly", "segment_scores_tau0.095"),
    ],
)
def test_estimators_from_released_weights(estimator, file, key):
    expected = expected_outputs(file)
    classes = [f"event {28 - i}" for i in range(28)] + ["background"]  # not sorted: columns must move
    weights = authors_weights(expected, gain=0)
    localizer = estimator.from_released(weights, classes=classes, background="background")
    audio, visual = parity_videos(1)
    proba = localizer.predict_proba({"audio": audio.numpy(), "visual": visual.numpy()})
    released = torch.from_numpy(expected[key]).softmax(-1).numpy()
    columns = [classes.index(label) for label in localizer.classes_]
    np.testing.assert_allclose(proba, released[:, :, columns], rtol=0, atol=1e-6)
