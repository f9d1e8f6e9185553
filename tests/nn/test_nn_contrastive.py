"""CPSP: its two contrastive losses against loops, and its network."""

import numpy as np
import pytest
import torch

from ave_sklearn.nn import (
    ContrastiveLoss,
    CPSPNet,
    FullyLoss,
    PSPNet,
    WeakLoss,
    initialize,
    segment_contrastive_loss,
    video_contrastive_loss,
)

N, T, D, BACKGROUND = 6, 5, 4, 2


@pytest.fixture
def fused():
    return torch.randn(N, T, D, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def cosine(x, y):
    return x @ y / np.sqrt((x @ x) * (y @ y))


def segment_loss(f, is_event, temperature):
    """Return the loss of one video, segment by segment."""
    events, rest = [t for t in range(len(f)) if is_event[t]], [t for t in range(len(f)) if not is_event[t]]
    if not events or not rest:
        return 0.0
    terms = []
    for i in events:
        p = [np.exp(cosine(f[i], f[j]) / temperature) for j in range(len(f))]
        positive = sum(p[j] for j in events)
        terms.append(-np.log(positive / (positive + np.mean([p[j] for j in rest]))))
    return np.mean(terms)


def test_segment_contrastive_loss(fused):
    is_event = np.random.RandomState(1).rand(N, T) < 0.5
    is_event[0], is_event[1] = False, True
    loss = segment_contrastive_loss(fused, torch.tensor(is_event), temperature=0.6)
    for n in range(N):
        np.testing.assert_allclose(
            loss[n].item(), segment_loss(fused[n].detach().numpy(), is_event[n], 0.6), atol=1e-12
        )
    assert loss[0] == loss[1] == 0


def test_it_has_a_gradient_that_parts_event_from_background(fused):
    is_event = torch.tensor([[True, True, False, False, True]] * N)
    before = segment_contrastive_loss(fused, is_event).sum()
    before.backward()
    assert fused.grad.norm() > 1e-3  # the released code's is 1e-10
    after = segment_contrastive_loss(fused - 0.5 * fused.grad, is_event).sum()
    assert after < before


def test_segment_contrastive_loss_at_a_low_temperature(fused):
    is_event = torch.tensor([[True, True, False, False, True], [True] * 5, [False] * 5] * 2)
    alike = fused[:, :1].float().expand(-1, T, -1)  # every cosine is 1, and exp(1 / temperature) beyond float32
    loss = segment_contrastive_loss(alike, is_event, temperature=1e-3)
    loss.sum().backward()
    assert fused.grad.isfinite().all()
    np.testing.assert_allclose(loss.detach(), [np.log(4 / 3), 0, 0] * 2, rtol=1e-3)


def test_the_losses_of_padded_videos_do_not_see_the_padding(fused):
    codes = torch.tensor([[2, 0, 0, 1, 1], [2, 1, 0, 0, 0], [1, 1, 2, 0, 2], [2, 2, 2, 0, 0], [0] * 5, [1] * 5])
    mask = torch.tensor([[True, True, True, False, False]] * N)
    criterion = ContrastiveLoss(0.01, 0.5, 0.6, 0.3, 2)
    padded = criterion({"fused": fused}, codes, BACKGROUND, mask=mask)
    cut = criterion({"fused": fused[:, :3]}, codes[:, :3], BACKGROUND)
    np.testing.assert_allclose(padded.detach(), cut.detach(), atol=1e-12)


def test_segment_contrastive_loss_of_a_padded_video(fused):
    is_event = torch.tensor([[True, True, False, True, False]] * N)
    mask = torch.tensor([[True, True, True, False, False]] * N)
    padded = segment_contrastive_loss(fused, is_event, mask=mask)
    np.testing.assert_allclose(padded.detach(), segment_contrastive_loss(fused[:, :3], is_event[:, :3]).detach())


def video_loss(f, category, has_event, margin, k):
    """Return the losses of a batch, pair by pair."""
    vectors = [np.mean([row / np.sqrt(row @ row) for row in video], axis=0) for video in f]
    losses = []
    for i in range(len(f)):
        others = [j for j in range(len(f)) if has_event[j]]
        distance = {j: np.linalg.norm(vectors[i] - vectors[j]) for j in others}
        negatives = sorted(distance[j] for j in others if category[j] != category[i])[:k]
        positives = [distance[j] for j in others if category[j] == category[i] and j != i]
        counts = has_event[i] and negatives
        losses.append(max(0, margin + max(positives, default=0) - np.mean(negatives)) if counts else 0)
    return losses


@pytest.mark.parametrize("n_negatives", [1, 2, 10])
def test_video_contrastive_loss(fused, n_negatives):
    category, has_event = [0, 0, 1, 1, 2, 0], [True, True, True, True, True, False]
    loss = video_contrastive_loss(
        fused, torch.tensor(category), torch.tensor(has_event), margin=0.7, n_negatives=n_negatives
    )
    wanted = video_loss(fused.detach().numpy(), category, has_event, 0.7, n_negatives)
    np.testing.assert_allclose(loss.detach(), wanted, atol=1e-9)
    loss.sum().backward()
    assert fused.grad.isfinite().all() and fused.grad.any()


def test_a_batch_of_one_category_has_no_video_loss(fused):
    loss = video_contrastive_loss(fused, torch.zeros(N, dtype=torch.long), torch.ones(N, dtype=torch.bool))
    assert (loss == 0).all()


def test_equal_videos_have_finite_gradients():
    fused = torch.ones(4, T, D, dtype=torch.float64).requires_grad_()
    video_contrastive_loss(fused, torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool)).sum().backward()
    assert fused.grad.isfinite().all()


def test_contrastive_loss_reads_both_kinds_of_targets(fused):
    codes = torch.tensor([[2, 0, 0, 0, 2], [2, 0, 0, 2, 2], [1, 1, 1, 2, 2], [2, 1, 1, 2, 2], [2] * 5, [0] * 5])
    category, has_event = torch.tensor([0, 0, 1, 1, 0, 0]), torch.tensor([True] * 4 + [False, True])
    criterion = ContrastiveLoss(0.01, 0.5, 0.6, 0.3, 2)
    videos = 0.5 * video_contrastive_loss(fused, category, has_event, margin=0.3, n_negatives=2)
    segments = 0.01 * segment_contrastive_loss(fused, codes != BACKGROUND, temperature=0.6)
    of_codes = criterion({"fused": fused}, codes, BACKGROUND)
    np.testing.assert_allclose(of_codes.detach(), (videos + segments).detach(), atol=1e-12)
    shares = torch.nn.functional.one_hot(codes, 3).double().mean(1)
    np.testing.assert_allclose(criterion({"fused": fused}, shares, BACKGROUND).detach(), videos.detach(), atol=1e-12)


# ------------------------------------------------------------------ the network
def network(supervision="full", **params):
    net = CPSPNet(6, 5, 4, 9, supervision=supervision, **{"hidden_size": 8, "dropout": 0.0, **params})
    initialize(net, torch.Generator().manual_seed(0))
    return net


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_parameter_count_of_the_release(supervision):
    net = CPSPNet(128, 512, 29, 49, supervision=supervision, variant="released", hidden_size=256)
    assert sum(p.numel() for p in net.parameters()) == 1_537_870


@pytest.mark.parametrize("variant", ["paper", "released"])
def test_it_is_psp_in_front_of_its_head(variant):
    cpsp = network(variant=variant).eval()
    psp = PSPNet(6, 5, 4, 9, variant=variant, hidden_size=8, dropout=0.0).eval()
    weights = {name: value for name, value in cpsp.state_dict().items() if not name.startswith("head.")}
    missing, unexpected = psp.load_state_dict(weights, strict=False)
    assert {name.split(".")[0] for name in missing} == {"head"} and not unexpected
    generator = torch.Generator().manual_seed(1)
    audio, visual = torch.randn(3, 7, 6, generator=generator), torch.randn(3, 7, 3, 3, 5, generator=generator)
    ours, theirs = cpsp(audio, visual), psp(audio, visual)
    for name in ("fused", "similarity", "gamma_va", "attention"):
        assert torch.equal(ours[name], theirs[name])


@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_every_parameter_gets_a_gradient(supervision):
    net = network(supervision, margin=5.0)
    generator = torch.Generator().manual_seed(1)
    outputs = net(torch.randn(4, 7, 6, generator=generator), torch.randn(4, 7, 3, 3, 5, generator=generator))
    target = torch.tensor([[0] * 3 + [1] * 4, [2] * 7] * 2)
    if supervision == "full":
        loss = FullyLoss(10.0, 0, extra=net.extra_loss)(outputs, target, torch.ones(4))
    else:
        shares = torch.nn.functional.one_hot(target, 4).float().mean(1)
        loss = WeakLoss(background=0, extra=net.extra_loss)(outputs, shares, torch.ones(4))
    loss.backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("bad", [{"margin": -1}, {"n_negatives": 0}, {"segment_contrast": "x"}, {"tau": 2}])
def test_bad_parameters_are_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} is "):
        network(**bad)
