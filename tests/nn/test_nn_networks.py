"""The networks: sizes, masks, and their own random numbers."""

import pytest
import torch

from ave_sklearn.nn import (
    BiLSTM,
    CPSPNet,
    Dropout,
    FeatureDropout,
    FullyLoss,
    PSPNet,
    WeakLoss,
    initialize,
    set_dropout_generator,
)

SETTINGS = [("paper", "full"), ("released", "full"), ("paper", "weak"), ("released", "weak")]


def network(variant="paper", supervision="full", d_a=6, d_v=5, n_classes=4, n_regions=9, **params):
    net = PSPNet(
        d_a,
        d_v,
        n_classes,
        n_regions,
        variant=variant,
        supervision=supervision,
        **{"hidden_size": 8, "dropout": 0.0, **params},
    )
    initialize(net, torch.Generator().manual_seed(0))
    return net


def videos(n=3, n_segments=7, d_a=6, d_v=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    audio = torch.randn(n, n_segments, d_a, generator=generator)
    return audio, torch.randn(n, n_segments, 3, 3, d_v, generator=generator)


@pytest.mark.parametrize(
    ("variant", "supervision", "count"),
    [("paper", "full", 1_712_497), ("released", "full", 1_548_657), ("released", "weak", 1_253_902)],
)
def test_parameter_counts_on_the_ave_dataset(variant, supervision, count):
    net = PSPNet(128, 512, 29, 49, variant=variant, supervision=supervision, hidden_size=256)
    assert sum(p.numel() for p in net.parameters()) == count


@pytest.mark.parametrize(("variant", "supervision"), SETTINGS)
def test_every_parameter_gets_a_gradient(variant, supervision):
    net = network(variant, supervision, self_attention=True, tau=0.0)
    outputs = net(*videos())
    target = torch.tensor([[0] * 3 + [1] * 4] * 3)
    if supervision == "full":
        loss = FullyLoss(lam=100.0, background=0)(outputs, target, torch.ones(3))
    else:
        loss = WeakLoss()(outputs, torch.tensor([[0.5, 0.5, 0, 0]] * 3), torch.ones(3))
    loss.backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(("variant", "supervision"), SETTINGS)
@pytest.mark.parametrize("self_attention", [False, True])
def test_padded_videos_get_the_outputs_that_they_have_alone(variant, supervision, self_attention):
    net = network(variant, supervision, self_attention=self_attention).eval()
    audio, visual = videos()
    lengths = [7, 4, 2]
    mask = torch.tensor([[t < length for t in range(7)] for length in lengths])
    together = net(audio, visual, mask)
    for i, length in enumerate(lengths):
        alone = net(audio[i : i + 1, :length], visual[i : i + 1, :length])
        for name, value in alone.items():
            padded = together[name][i : i + 1]
            cut = padded if name == "video_logits" else padded[:, :length]
            cut = cut[:, :, :length] if name.startswith("gamma") else cut
            torch.testing.assert_close(cut, value, atol=1e-5, rtol=1e-5)


def test_losses_do_not_see_padding():
    audio, visual = videos()
    net, loss = network().eval(), FullyLoss(lam=10.0, background=0)
    target = torch.tensor([[1, 1, 0, 0, 1, 0, 0]] * 3)
    mask = torch.tensor([[True] * 4 + [False] * 3] * 3)
    padded = loss(net(audio, visual, mask), target, torch.ones(3), mask)
    alone = loss(net(audio[:, :4], visual[:, :4]), target[:, :4], torch.ones(3))
    torch.testing.assert_close(padded, alone)


def test_lstm_of_padding_is_zero():
    mask = torch.tensor([[True, True, False], [True, True, True]])
    out = BiLSTM(4, 6)(torch.ones(2, 3, 4), mask)
    assert (out[0, 2] == 0).all() and (out[1] != 0).any()


@pytest.mark.parametrize(("variant", "supervision"), SETTINGS)
def test_pooled_visual_features_need_no_attention(variant, supervision):
    net = network(variant, supervision, n_regions=None)
    audio, visual = videos()
    outputs = net(audio, visual.mean((2, 3)))
    assert "attention" not in outputs and outputs["logits"].shape == (3, 7, 4)


def test_the_papers_network_takes_maps_of_any_size_and_videos_of_any_length():
    net = network().eval()
    for n_segments, side in ((1, 1), (12, 4)):
        audio, visual = torch.randn(2, n_segments, 6), torch.randn(2, n_segments, side, side, 5)
        assert net(audio, visual)["attention"].shape == (2, n_segments, side, side)


def test_initial_weights_come_from_the_generator_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    a, b = network(), network()
    torch.set_rng_state(before)
    initialize(a, torch.Generator().manual_seed(3))
    initialize(b, torch.Generator().manual_seed(3))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_dropout_keeps_the_mean_and_draws_from_its_generator():
    layer = Dropout(0.25)
    set_dropout_generator(layer, torch.Generator().manual_seed(0))
    x = torch.ones(100_000)
    state = torch.get_rng_state()
    out = layer(x)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(out.unique(), torch.tensor([0, 4 / 3]))
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert layer.eval()(x) is x


@pytest.mark.parametrize("network_class", [PSPNet, CPSPNet])
@pytest.mark.parametrize(("supervision", "p"), [("full", 0.0), ("weak", 0.2)])
def test_dropout_that_is_not_given_depends_on_the_supervision(network_class, supervision, p):
    def shares(**params):
        net = network_class(6, 5, 4, 9, supervision=supervision, hidden_size=8, **params)
        return {layer.p for layer in net.modules() if isinstance(layer, Dropout)}

    assert shares() == {p} and shares(dropout=0.3) == {0.3}


@pytest.mark.parametrize("shape", [(300, 4, 50), (300, 4, 3, 2, 50)])
def test_feature_dropout_leaves_out_features_of_whole_videos(shape):
    layer = FeatureDropout(0.4)
    set_dropout_generator(layer, torch.Generator().manual_seed(0))
    x = torch.rand(shape) + 1
    state = torch.get_rng_state()
    out = layer(x)
    assert torch.equal(torch.get_rng_state(), state)
    kept = (out != 0).flatten(1, -2)  # (n, T * regions, d)
    assert (kept.all(1) | ~kept.any(1)).all() and kept[:, 0].float().mean().item() == pytest.approx(0.6, abs=0.02)
    assert len(kept[:, 0].unique(dim=0)) == 300  # each video its own
    share_kept = 1 - round(0.4 * 2**16) / 2**16  # the rate goes in steps
    torch.testing.assert_close(out, torch.where(out != 0, x / share_kept, 0))
    assert not torch.equal(layer(x) != 0, out != 0)
    assert layer.eval()(x) is x
