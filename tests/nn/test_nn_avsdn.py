"""AVSDNNet: its forward pass against a slow loop, sizes, masks and gradients."""

import numpy as np
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
    attend_loop,
    avga_loop,
    bilstm_loop,
    drawn,
    dropped,
    flat_head_loop,
    n_trainable,
    parameters_without_effect,
    relu,
    residual_loop,
    videos,
)

from ave_sklearn.nn.systems.avsdn import AVSDNNet


def network(maps=True, **params):
    """In training, for dropout is off by default."""
    return drawn(AVSDNNet(D_A, D_V, C, N_REGIONS if maps else None, **{"hidden_size": 8, **params})).train()


def fuse_loop(block, v, a):
    """States (2, h) of one video, one direction after the other."""
    fused = []
    for direction in range(2):
        new_v, new_a = residual_loop(block, relu(v[direction]), relu(a[direction]))
        fused.append(0.5 * (new_v + new_a))
    return np.array(fused)


def reduce_loop(net, audio, visual, attention):
    """Maps (T, H, W, d_v) to (T, d_v), and the outputs that this adds."""
    if visual.ndim == 4 and attention == "mean":
        return np.array([picture.reshape(-1, D_V).mean(0) for picture in visual]), {}
    return attend_loop(avga_loop, net.attention, audio, visual)


def avsdn_loop(net, audio, visual, attention, **params):
    """One video, from the description; `params` are those of its head."""
    visual, outputs = reduce_loop(net, audio, visual, attention)
    _, h_a, c_a = bilstm_loop(net.audio_lstm, audio)
    _, h_v, c_v = bilstm_loop(net.visual_lstm, visual)
    start = fuse_loop(net.fusion, h_v, h_a), fuse_loop(net.fusion, c_v, c_a)
    fused = relu(bilstm_loop(net.decoder, np.hstack([audio, visual]), start)[0])
    return {**flat_head_loop(net.head, fused, **params), **outputs, "fused": fused}


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("attention", ["avga", "mean"])
@pytest.mark.parametrize("maps", [True, False])
def test_forward_pass(attention, maps, params):
    net = network(maps, attention=attention, **params)
    assert_forward_pass(net, avsdn_loop, *videos(maps), attention=attention, **params)


@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize("attention", ["avga", "mean"])
def test_one_video_of_one_segment_and_maps_of_any_size(attention, supervision):
    params = {"attention": attention, "supervision": supervision}
    net = network(**params)
    for n_segments, size in ((1, (1, 1)), (11, (4, 4))):
        assert_forward_pass(net, avsdn_loop, *videos(n=1, n_segments=n_segments, size=size), **params)


@pytest.mark.parametrize("supervision", ["full", "weak"])
@pytest.mark.parametrize(("attention", "count"), [("avga", 2_173_390), ("mean", 2_173_390 - 378_929)])
def test_parameter_count_on_the_ave_dataset(attention, count, supervision):
    assert n_trainable(AVSDNNet(128, 512, 29, 49, attention=attention, supervision=supervision)) == count


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("attention", ["avga", "mean"])
def test_padded_videos_get_the_outputs_that_they_have_alone(attention, params):
    assert_padded_as_alone(network(attention=attention, **params), *videos())


def test_padded_pooled_videos_get_the_outputs_that_they_have_alone():
    assert_padded_as_alone(network(False, supervision="weak"), *videos(False))


@pytest.mark.parametrize("params", HEADS)
@pytest.mark.parametrize("attention", ["avga", "mean"])
def test_every_parameter_gets_a_gradient(attention, params):
    assert parameters_without_effect(network(attention=attention, **params), *videos()) == set()


def test_decoder_hears_of_the_last_segment_at_the_first_through_the_encoders_only():
    """Without the states a forward LSTM would not know what comes; with them it does."""
    net, (audio, visual) = network(False), videos(False)
    changed = audio.clone()
    changed[:, -1] += 1
    for name, parameter in net.decoder.lstm.named_parameters():
        if name.endswith("_reverse"):
            torch.nn.init.zeros_(parameter)
    first, second = (net(x, visual)["fused"][:, 0, :4] for x in (audio, changed))
    assert (first != second).any(1).all()


def test_dropout_is_on_the_decoders_outputs():
    net = network(dropout=0.5)
    kept, whole = dropped(net, *videos(), seed=0)["fused"], net.eval()(*videos())["fused"]
    assert 0 < (kept > 0).sum() < (whole > 0).sum()
    torch.testing.assert_close(kept[kept > 0], 2 * whole[kept > 0])
    assert_own_dropout(net, *videos(), at="fused")


OWN = [({"attention": "gap"}, "attention is 'gap'; wanted 'avga' or 'mean'")]


@pytest.mark.parametrize(("params", "message"), BAD_PARAMETERS + OWN)
def test_bad_parameters(params, message):
    assert_rejected(AVSDNNet, params, message)
