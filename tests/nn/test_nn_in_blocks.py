"""Blocks of videos give what all videos at once give; attention without keys and values what it gives with them."""

import pytest
import torch
from helpers import D_A, D_V, N_REGIONS, TOLERANCE, C, drawn, normal, small_params, videos, without_dropout

from ave_sklearn.nn import NETWORKS, blocking
from ave_sklearn.nn.agsca import guided_score
from ave_sklearn.nn.attention import MultiHeadAttention, attend_folded, attend_projected
from ave_sklearn.nn.blocking import in_blocks
from ave_sklearn.nn.systems.avt import InstanceAttention

SYSTEMS = [
    *[(name, supervision) for name in ("avt", "cmran", "cmbs") for supervision in ("full", "weak")],
    ("cacenet", "full"),
]


# ------------------------------------------------- blocks of videos
def test_a_function_sees_few_videos_at_a_time(monkeypatch):
    monkeypatch.setattr(blocking, "BLOCK_SIZE", 14)
    seen = []

    def function(x, y, z):
        seen.append(len(x))
        return x + 1, x * y if z is None else z

    x, y = normal(5, 2), normal(5, 1, seed=1)
    first, second = in_blocks(function, 6, x, y, None)
    assert seen == [2, 2, 1]
    assert torch.equal(first, x + 1) and torch.equal(second, x * y)
    assert torch.equal(in_blocks(torch.neg, 7, x), -x)
    assert in_blocks(torch.neg, 7, x[:0]).shape == (0, 2)


def results(net, inputs, mask):
    """Outputs, and the gradients of all parameters and of the inputs, in training mode."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    outputs = net.train()(*inputs, mask)
    net.zero_grad()
    sum((x * normal(*x.shape, seed=3)).sum() for x in outputs.values()).backward()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    return {**outputs, **gradients, "audio": inputs[0].grad, "visual": inputs[1].grad}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("maps", [True, False])
@pytest.mark.parametrize(("name", "supervision"), SYSTEMS)
def test_outputs_and_gradients_are_those_of_all_videos_at_once(monkeypatch, name, supervision, maps, masked):
    params = {**small_params(name), "supervision": supervision}
    net = without_dropout(drawn(NETWORKS[name](D_A, D_V, C, N_REGIONS if maps else None, **params)))
    if name == "cacenet":
        net.noise.std = 0.0  # drawn anew in each pass
    audio, visual = videos(maps, n=5)
    lengths = torch.tensor([audio.shape[1], 1, 2, 3, 1])
    mask = torch.arange(audio.shape[1]) < lengths[:, None] if masked else None
    whole = results(net, (audio, visual), mask)
    monkeypatch.setattr(blocking, "BLOCK_SIZE", 1)
    by_videos = results(net, (audio, visual), mask)
    assert by_videos.keys() == whole.keys()
    for key, expected in whole.items():
        torch.testing.assert_close(by_videos[key], expected, atol=1e-9, rtol=1e-10, msg=key)


# ------------------------------------------------- attention without keys and values
MASK = torch.tensor([[True] * 5, [True, True, False, False, False], [True, False, True, False, True]])


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("n_queries", [1, 3])
def test_folded_attention_is_that_with_keys_and_values(n_queries, mask):
    heads, query, memory = drawn(MultiHeadAttention(6, n_heads=2)), normal(3, n_queries, 6), normal(3, 5, 6, seed=1)
    inputs = [query.requires_grad_(), memory.requires_grad_(), *heads.parameters()][:-2]  # but those of the output
    outputs, gradients = [], []
    for function in (attend_projected, attend_folded):
        outputs.append(function(heads, query, memory, mask))
        gradients.append(torch.autograd.grad((outputs[-1] * normal(3, n_queries, 6, seed=2)).sum(), inputs))
    torch.testing.assert_close(*outputs, **TOLERANCE)
    for folded, projected in zip(*gradients, strict=True):
        torch.testing.assert_close(folded, projected, **TOLERANCE)


def test_folded_attention_drops_the_same_weights():
    heads, query, memory = (
        drawn(MultiHeadAttention(6, n_heads=2, dropout=0.5)),
        normal(3, 1, 6),
        normal(3, 5, 6, seed=1),
    )
    heads.train()
    outputs = []
    for function in (attend_projected, attend_folded):
        heads.dropout.generator = torch.Generator().manual_seed(0)
        outputs.append(function(heads, query, memory))
    torch.testing.assert_close(*outputs, **TOLERANCE)
    assert not torch.allclose(outputs[0], attend_projected(heads.eval(), query, memory))


def test_gradients_of_folded_attention():
    heads = drawn(MultiHeadAttention(4, n_heads=2))
    inputs = [x.requires_grad_() for x in (normal(2, 1, 4), normal(2, 3, 4, seed=1))]
    assert torch.autograd.gradcheck(lambda query, memory: attend_folded(heads, query, memory), inputs)


def test_few_queries_are_attended_without_keys_for_the_memory():
    heads, memory, calls = drawn(MultiHeadAttention(32, n_heads=2)), normal(1, 5, 32), []
    heads.key.register_forward_hook(lambda *args: calls.append(args))
    for n_queries, n_calls in [(2, 0), (3, 1)]:  # 8 times 2 queries of 2 heads are the 32 features
        query = normal(1, n_queries, 32, seed=1)
        torch.testing.assert_close(
            heads(query, memory), heads.output(attend_projected(heads, query, memory)), **TOLERANCE
        )
        assert len(calls) == n_calls + 1  # one of the comparison
        calls.clear()


def test_instance_attention_is_that_of_keys():
    layer, query, regions = drawn(InstanceAttention(6)), normal(2, 3, 6), normal(2, 3, 5, 6, seed=1)
    score = (layer.query(query).unsqueeze(2) * layer.key(regions)).sum(-1) / 6**0.5
    torch.testing.assert_close(layer(query, regions)[1], score.softmax(-1), **TOLERANCE)


def test_a_guide_multiplies_keys_or_their_weights():
    score, key, guide = drawn(torch.nn.Linear(4, 1)), normal(2, 3, 5, 4), normal(2, 3, 1, 4, seed=1)
    torch.testing.assert_close(guided_score(score, key, guide), score(key * guide), **TOLERANCE)
