"""Transformer layers: against slow loops, and against torch's own layers with the same weights."""

import numpy as np
import pytest
import torch
from helpers import (
    TOLERANCE,
    array,
    attention_block_loop,
    drawn,
    dropped,
    feed_forward_loop,
    n_trainable,
    normal,
    transformer_decoder_loop,
    transformer_encoder_loop,
)

from ave_sklearn.nn.attention import MultiHeadAttention
from ave_sklearn.nn.transformer import AttentionBlock, FeedForward, TransformerDecoderLayer, TransformerEncoderLayer

D, HEADS, WIDTH = 6, 2, 5


@pytest.mark.parametrize(
    ("layer", "sizes", "loop"),
    [
        (AttentionBlock, (D, HEADS), attention_block_loop),
        (TransformerEncoderLayer, (D, HEADS, WIDTH), transformer_encoder_loop),
        (TransformerDecoderLayer, (D, HEADS, WIDTH), transformer_decoder_loop),
    ],
)
def test_layers_with_a_memory(layer, sizes, loop):
    layer = drawn(layer(*sizes))
    x, memory = normal(2, 3, 4, D), normal(2, 3, 5, D, seed=1)
    out = array(layer(x, memory))
    for n, t in np.ndindex(2, 3):
        expected = loop(layer, array(x[n, t]), array(memory[n, t]), HEADS)
        np.testing.assert_allclose(out[n, t], expected, **TOLERANCE)


def test_feed_forward():
    layer, x = drawn(FeedForward(D, WIDTH)), normal(3, 4, D)
    out = array(layer(x))
    for n in range(3):
        np.testing.assert_allclose(out[n], feed_forward_loop(layer, array(x[n])), **TOLERANCE)


# ------------------------------------------------- torch's own layers
def copy_attention(block, attention, norm):
    ours = block.attention
    attention.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
    attention.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key.bias, ours.value.bias]))
    attention.out_proj.load_state_dict(ours.output.state_dict())
    norm.load_state_dict(block.norm.state_dict())


def copy_feed_forward(layer, torch_layer, norm):
    torch_layer.linear1.load_state_dict(layer.hidden.state_dict())
    torch_layer.linear2.load_state_dict(layer.output.state_dict())
    norm.load_state_dict(layer.norm.state_dict())


@torch.no_grad()
def torch_encoder(layer):
    theirs = torch.nn.TransformerEncoderLayer(D, HEADS, WIDTH, batch_first=True, dtype=torch.float64).eval()
    copy_attention(layer.attention, theirs.self_attn, theirs.norm1)
    copy_feed_forward(layer.feed_forward, theirs, theirs.norm2)
    return theirs


@torch.no_grad()
def torch_decoder(layer):
    theirs = torch.nn.TransformerDecoderLayer(D, HEADS, WIDTH, batch_first=True, dtype=torch.float64).eval()
    copy_attention(layer.self_attention, theirs.self_attn, theirs.norm1)
    copy_attention(layer.attention, theirs.multihead_attn, theirs.norm2)
    copy_feed_forward(layer.feed_forward, theirs, theirs.norm3)
    return theirs


MASK = torch.tensor([[True] * 4, [True, True, False, False], [True, False, False, False]])


@pytest.mark.parametrize("mask", [None, MASK])
def test_encoder_layer_is_torchs(mask):
    layer, x = drawn(TransformerEncoderLayer(D, HEADS, WIDTH)), normal(3, 4, D)
    expected = torch_encoder(layer)(x, src_key_padding_mask=None if mask is None else ~mask)
    torch.testing.assert_close(layer(x, x, mask), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("mask", [None, MASK])
def test_decoder_layer_is_torchs(mask):
    layer, x, memory = drawn(TransformerDecoderLayer(D, HEADS, WIDTH)), normal(3, 2, D), normal(3, 4, D, seed=1)
    expected = torch_decoder(layer)(x, memory, memory_key_padding_mask=None if mask is None else ~mask)
    torch.testing.assert_close(layer(x, memory, mask), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("layer", "copy"), [(TransformerEncoderLayer, torch_encoder), (TransformerDecoderLayer, torch_decoder)]
)
def test_layers_have_as_many_parameters_as_torchs(layer, copy):
    layer = drawn(layer(D, HEADS, WIDTH))
    assert n_trainable(layer) == n_trainable(copy(layer))


def test_attention_can_start_as_torchs():
    ours, theirs = MultiHeadAttention(256, 4, init="torch"), torch.nn.MultiheadAttention(256, 4)
    copies = torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]), ours.output.weight
    for weight, expected in zip(copies, (theirs.in_proj_weight, theirs.out_proj.weight), strict=True):
        assert weight.std().item() == pytest.approx(expected.std().item(), rel=0.02)
        assert weight.abs().max().item() == pytest.approx(expected.abs().max().item(), rel=1e-3)
    assert not theirs.in_proj_bias.any() and not theirs.out_proj.bias.any()
    assert not any(layer.bias.any() for layer in (ours.query, ours.key, ours.value, ours.output))


# ------------------------------------------------- dropout
@pytest.mark.parametrize("part", ["attention.attention", "attention", "feed_forward"])
def test_dropout_in_each_part_draws_from_its_generator(part):
    layer = drawn(TransformerEncoderLayer(D, HEADS, WIDTH))
    layer.get_submodule(part).dropout.p = 0.5
    x, state = normal(2, 3, D), torch.get_rng_state()
    first, again, other = (dropped(layer, x, x, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_dropout_reaches_all_parts():
    layer = TransformerDecoderLayer(D, HEADS, WIDTH, dropout=0.25)
    parts = ["self_attention.attention", "self_attention", "attention.attention", "attention", "feed_forward"]
    assert [layer.get_submodule(part).dropout.p for part in parts] == [0.25] * 5
