"""Whatever takes a mask gives a padded video what it has alone, however loud the padding is."""

import importlib
import inspect
import pkgutil

import pytest
import torch
from helpers import drawn, normal, small_params

import ave_sklearn.nn as package
from ave_sklearn.nn import contrastive, gated, layers, losses, propagation
from ave_sklearn.nn.attention import (
    AVGA,
    ContextBlock,
    MultiHeadAttention,
    SelfAttention,
    SingleHeadAttention,
    dot_product_attention,
)
from ave_sklearn.nn.encoders import BiLSTM, Encoder
from ave_sklearn.nn.gated import GatedHead
from ave_sklearn.nn.heads import SegmentHead, VideoHead
from ave_sklearn.nn.relations import CrossModalRelation, Interaction, IntraModalRelation
from ave_sklearn.nn.standardize import StandardizedNetwork
from ave_sklearn.nn.systems.avin import ModalityInteraction
from ave_sklearn.nn.systems.avrb import SegmentAttention
from ave_sklearn.nn.systems.avt import with_neighbours
from ave_sklearn.nn.systems.cman import ContextAttention, SentinelAttention
from ave_sklearn.nn.systems.dam import GlobalFeature
from ave_sklearn.nn.transformer import AttentionBlock, TransformerDecoderLayer, TransformerEncoderLayer

N, T, D, C, K = 3, 7, 4, 5, 2  # K queries; no other axis is as long as T
LENGTHS = (3, T, 1)


# ------------------------------------------------------- inputs whose padding is loud
def features(*shape, seed=0):
    """Numbers of segments (N, T, ...), larger on the padding."""
    x = normal(N, T, *shape, seed=seed)
    return torch.where(padding().reshape(N, T, *[1] * len(shape)), 50 * x, x)


def padding():
    return torch.arange(T) >= torch.tensor(LENGTHS)[:, None]


def codes():
    """Classes of segments (N, T): class 1 on the padding, and 0, background, among the others."""
    return torch.randint(C, (N, T), generator=torch.Generator().manual_seed(0)).masked_fill(padding(), 1)


def pairs(seed=0):
    """Numbers of pairs of segments (N, T, T), larger where one of the two is padding."""
    x = normal(N, T, T, seed=seed)
    return torch.where(padding()[:, :, None] | padding()[:, None, :], 50 * x.abs(), x)


def is_event():
    return codes() != 0


def queries():
    """Not padded, of another length."""
    return normal(N, K, D, seed=5)


def of_videos(*shape):
    return normal(N, *shape, seed=6)


class Case:
    """What takes a mask, as a function of its inputs, with the inputs of each video.

    A case that compares videos is `joint`: its batch has one length. `covers` names what else its mask goes through.
    """

    def __init__(self, call, *inputs, joint=False, covers=()):
        self.call, self.inputs, self.joint, self.covers = call, inputs, joint, covers


def module(layer, *inputs, **options):
    """A layer, with weights drawn, whose last argument is the mask."""
    return Case(drawn(layer), *inputs, **options)


def of_network(name, *, maps=True, covers=(), **params):
    """A network on maps, or on pooled features."""
    net = package.NETWORKS[name](D, D + 1, C, 6 if maps else None, **{**small_params(name), **params})
    shape = (2, 3, D + 1) if maps else (D + 1,)
    return module(net, features(D), features(*shape, seed=1), covers=covers)


def own_loss(name, *views):
    """The loss of a network's own, of a gate and evidence, and of views of the segments."""
    loss = package.NETWORKS[name](D, D, C, **small_params(name)).extra_loss

    def call(gate_logits, evidence, *args):
        *segments, target, mask = args
        outputs = {"gate_logits": gate_logits, "evidence": evidence, **dict(zip(views, segments, strict=True))}
        return loss(outputs, target, 0, mask=mask)

    return Case(call, features(), of_videos(C - 1), *(features(D, seed=n).tanh() for n in range(len(views))), codes())


def function(call, **options):
    """A function with ``mask`` as a keyword."""
    return lambda *args: call(*args[:-1], **options, mask=args[-1])


def criterion(outputs):
    """FullyLoss of the outputs of these names, in which the contrastive losses are the network's own."""
    own = contrastive.ContrastiveLoss(0.5, 1.0, 0.6, 0.2, 1)

    def loss(*args):
        *values, target, mask = args
        named = dict(zip(outputs, values, strict=True))
        options = {} if mask is None else {"mask": mask}
        weight = torch.ones(len(target), dtype=torch.float64)
        return losses.FullyLoss(10.0, 0, extra=own)(named, target, weight, **options).reshape(1)

    return loss


def flat_head(weighting, pooling):
    return VideoHead(SegmentHead(D, C, 3), C, weighting, pooling=pooling)


CASES = {
    "masked_mean": Case(layers.masked_mean, features(D)),
    "masked_mean of maps": Case(layers.masked_mean, features(2, D)),
    "masked_max": Case(layers.masked_max, features(D)),
    "masked_top_mean": Case(lambda x, mask: layers.masked_top_mean(x, 4, mask), features(D)),
    "prune": Case(function(lambda beta, mask: propagation.prune(beta, 0.1, mask=mask)), pairs()),
    "prune at 0": Case(function(lambda beta, mask: propagation.prune(beta, 0.0, mask=mask)), pairs()),
    "prune nothing": Case(function(lambda beta, mask: propagation.prune(beta, -torch.inf, mask=mask)), pairs()),
    "prune, released": Case(
        function(lambda beta, mask: propagation.prune(beta, 0.1, strict=True, renormalize=False, mask=mask)), pairs()
    ),
    "PSP": module(package.PSP(D, 0.1), features(D), features(D, seed=1), covers=["PSP.connections"]),
    "PSP, released": module(package.PSP(D, 0.1, released=True), features(D), features(D, seed=1)),
    "BiLSTM": module(BiLSTM(D, 6), features(D), covers=["BiLSTM.run"]),
    "Encoder": module(Encoder(D, D, 6, attention=None), features(D), features(D, seed=1), covers=["encode_both"]),
    "Encoder with self-attention": module(
        Encoder(D, 3, 6, attention=AVGA(D, 3), self_attention=True), features(D), features(2, 2, 3, seed=1)
    ),
    "MultiHeadAttention": module(
        MultiHeadAttention(D, 2), queries(), features(D), covers=["attend_projected", "attention_weights"]
    ),
    "MultiHeadAttention of few queries": module(
        MultiHeadAttention(8 * D), normal(N, 1, 8 * D, seed=5), features(8 * D), covers=["attend_folded"]
    ),
    "dot_product_attention": Case(dot_product_attention, queries(), features(D), features(3, seed=1)),
    "SingleHeadAttention": module(SingleHeadAttention(D, D, 3, 5), queries(), features(D)),
    "ContextBlock": module(ContextBlock(D, 3, 0.0), features(D)),
    "SelfAttention": module(SelfAttention(D), features(D)),
    "AttentionBlock": module(AttentionBlock(D, 2), queries(), features(D)),
    "TransformerEncoderLayer": module(TransformerEncoderLayer(D, 2, 6), queries(), features(D)),
    "TransformerDecoderLayer": module(TransformerDecoderLayer(D, 2, 6), queries(), features(D)),
    "SegmentHead": module(SegmentHead(D, C, 3), features(D)),
    "VideoHead": module(flat_head(True, "mean"), features(D)),
    "VideoHead, max": module(flat_head(False, "max"), features(D)),
    "GatedHead": module(GatedHead(D, C - 1, weak=True), features(D)),
    "GatedHead, max": module(GatedHead(D, C - 1, pooling="max", weak=True), features(D)),
    "segment_cross_entropy": Case(function(losses.segment_cross_entropy), features(C), codes()),
    "pair_similarity_loss": Case(function(losses.pair_similarity_loss), features(), is_event()),
    "gated_cross_entropy": Case(
        function(lambda *args, mask: gated.gated_cross_entropy(*args, 0, mask=mask)),
        features(),
        of_videos(C - 1),
        codes(),
    ),
    "suppression_loss": Case(
        function(lambda *args, mask: gated.suppression_loss(*args, 0, mask=mask)), features(), of_videos(C - 1), codes()
    ),
    "event_counts": Case(function(lambda target, mask: gated.event_counts(target, C, 0, mask).double()), codes()),
    "segment_contrastive_loss": Case(function(contrastive.segment_contrastive_loss), features(D), is_event()),
    "view_contrastive_loss": Case(
        function(contrastive.view_contrastive_loss, temperature=20.0), features(D), features(D, seed=1), is_event()
    ),
    "view_contrastive_loss, of events throughout": Case(
        function(contrastive.view_contrastive_loss, temperature=20.0, all_events=True),
        features(D),
        features(D, seed=1),
        ~padding(),
    ),
    "video_contrastive_loss": Case(
        function(lambda *args, mask: contrastive.video_contrastive_loss(*args, margin=5.0, mask=mask)),
        features(D),
        torch.tensor([0, 1, 0]),
        torch.ones(N, dtype=torch.bool),
        joint=True,
    ),
    "FullyLoss": Case(
        criterion(["logits", "similarity", "fused"]),
        features(C),
        features().tanh(),
        features(D),
        codes(),
        joint=True,
        covers=["ContrastiveLoss", "checked_extra_loss"],
    ),
    "FullyLoss of a gated network": Case(
        criterion(["event_logits", "category_logits", "similarity", "fused"]),
        features(),
        of_videos(C - 1),
        features(),
        features(D),
        codes(),
        joint=True,
    ),
    "StandardizedNetwork": module(
        StandardizedNetwork(package.NETWORKS["avel"](D, D, C, hidden_size=4), D, D), features(D), features(D, seed=1)
    ),
    "ModalityInteraction": module(ModalityInteraction(D), features(D), features(D, seed=1)),
    "SegmentAttention": module(SegmentAttention(D), features(D)),
    "with_neighbours": Case(with_neighbours, features(2, D)),
    "ContextAttention": module(ContextAttention(D, 6), features(D)),
    "SentinelAttention": module(SentinelAttention(D), features(D), features(D, seed=1), features(D, seed=2)),
    "IntraModalRelation": module(IntraModalRelation(D, 6, 2, n_heads=2, feedforward_size=5), features(D)),
    "CrossModalRelation": module(
        CrossModalRelation(D, 6, n_heads=2, feedforward_size=5), features(D), features(6, seed=1), covers=["join"]
    ),
    "Interaction": module(Interaction(D, 2), features(D), features(D, seed=1)),
    "GlobalFeature": module(GlobalFeature(D), features(D)),
    "PSPTrunk": module(package.PSPTrunk(D, D, hidden_size=6), features(D), features(D, seed=1)),
    "AVELNet": of_network("avel"),
    "AVELNet, weak": of_network("avel", supervision="weak", pooling="max"),
    "DMRNNet": of_network("dmrn", supervision="weak", weighting=True),
    "AVSDNNet": of_network("avsdn", supervision="weak", covers=["AVSDNNet.summarize"]),
    "CMANNet": of_network("cman", supervision="weak"),
    "DAMNet": of_network("dam"),
    "AVRBNet": of_network("avrb", supervision="weak"),
    "AVINNet": of_network("avin", supervision="weak"),
    "AVTNet": of_network("avt", supervision="weak", covers=["AVTNet.encode", "AVTNet.look"]),
    "AVTNet, pooled": of_network("avt", maps=False),
    "CMRANNet": of_network("cmran"),
    "CMRANNet, weak": of_network("cmran", supervision="weak", maps=False),
    "CMBSNet": of_network("cmbs", covers=["SuppressingRelations", "FullHead"]),
    "CMBSNet, released": of_network("cmbs", variant="released", maps=False),
    "CMBSNet, weak": of_network("cmbs", supervision="weak", covers=["WeakHead"]),
    "CMBSNet, released and weak": of_network("cmbs", supervision="weak", variant="released"),
    "SuppressionLoss": own_loss("cmbs"),
    "CACENet": of_network("cacenet", covers=["AudioGuidance"]),
    "CACENet, released": of_network("cacenet", variant="released", wait=0, maps=False),
    "ContrastedSuppressionLoss": own_loss("cacenet", "query", "key"),
    "PSPNet": of_network("psp", self_attention=True),
    "PSPNet, weak": of_network("psp", supervision="weak"),
    "PSPNet, released and weak": of_network("psp", supervision="weak", variant="released"),
    "CPSPNet": of_network("cpsp"),
    "CPSPNet, weak": of_network("cpsp", supervision="weak"),
}


# ---------------------------------------------------------------------- comparison
def named(result):
    """The Tensors of a result by name."""
    if isinstance(result, dict):
        return result
    parts = result if isinstance(result, tuple | list) else [result]
    found = {}
    for number, part in enumerate(parts):
        found.update(part if isinstance(part, dict) else {str(number): part})
    return found


def cut(x, rows, length):
    """Of the videos `rows`, the first `length` segments along each axis of segments."""
    x = x[rows]
    for axis in range(1, x.ndim):
        if x.shape[axis] == T:
            x = x.narrow(axis, 0, length)
    return x


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_padded_videos_get_what_they_have_alone(name):
    case = CASES[name]
    lengths = [4] * N if case.joint else LENGTHS
    mask = torch.arange(T) < torch.tensor(lengths)[:, None]
    together = named(case.call(*case.inputs, mask))
    assert together
    for rows, length in [(slice(None), 4)] if case.joint else [(slice(i, i + 1), k) for i, k in enumerate(lengths)]:
        alone = named(case.call(*(cut(x, rows, length) for x in case.inputs), None))
        for key, expected in alone.items():
            got = together[key] if case.joint and len(together[key]) == 1 else cut(together[key], rows, length)
            torch.testing.assert_close(got, expected, atol=1e-10, rtol=1e-10, msg=f"{name} {key}")


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_a_mask_that_hides_nothing_changes_nothing(name):
    case = CASES[name]
    masked, free = (named(case.call(*case.inputs, mask)) for mask in (torch.ones(N, T, dtype=torch.bool), None))
    for key, expected in free.items():
        torch.testing.assert_close(masked[key], expected, atol=1e-10, rtol=1e-10, msg=f"{name} {key}")


def takers_of_masks():
    """Names of the functions, methods and modules of the package that take a mask, a class for its forward."""
    names = set()
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, found in vars(importlib.import_module(info.name)).items():
            if getattr(found, "__module__", None) != info.name:
                continue
            if inspect.isfunction(found) and "mask" in inspect.signature(found).parameters:
                names.add(name)
            for method, function in vars(found).items() if inspect.isclass(found) else ():
                if inspect.isfunction(function) and "mask" in inspect.signature(function).parameters:
                    names.add(name if method == "forward" else f"{name}.{method}")
    return names


def test_all_that_takes_a_mask_is_among_the_cases():
    covered = {name.split(",")[0].split(" ")[0] for name in CASES}
    covered |= {name for case in CASES.values() for name in case.covers}
    assert takers_of_masks() - covered == set()
