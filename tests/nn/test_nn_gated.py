"""Gated systems: their head, loss and decoding, against loops."""

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax, softmax

from ave_sklearn.nn import (
    FullyLoss,
    GatedHead,
    WeakLoss,
    class_probabilities,
    gated_cross_entropy,
    gated_probabilities,
    video_probabilities,
)

N, T, C, BACKGROUND = 5, 6, 4, 1


@pytest.fixture
def outputs():
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    return {"event_logits": torch.randn(N, T, **draw), "category_logits": torch.randn(N, C - 1, **draw)}


def published_decoding(event_logit, category_logits, codes):
    """Return the category's code where sigma exceeds one half, else background."""
    category = codes[max(range(len(codes)), key=lambda k: category_logits[k])]
    return category if expit(event_logit) > 0.5 else BACKGROUND


@pytest.mark.parametrize("codes", [[0, 2, 3], [0, 1, 2, 3]])
def test_argmax_of_the_probabilities_is_the_published_decoding(codes):
    rng = np.random.RandomState(0)
    event = rng.randn(400, T) * rng.choice([1e-4, 1, 30], (400, 1))
    event[:20] = 0  # exactly one half is no event
    category = rng.randn(400, len(codes)) * rng.choice([0.1, 3, 40], (400, 1))
    for dtype in (torch.float32, torch.float64):
        e, c = torch.tensor(event, dtype=dtype), torch.tensor(category, dtype=dtype)
        proba = gated_probabilities(e, c, C, BACKGROUND).numpy()
        np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-6)
        assert np.isfinite(proba).all() and (proba >= 0).all()
        for n in range(400):
            for t in range(T):
                wanted = published_decoding(e[n, t].item(), c[n].tolist(), codes)
                assert proba[n, t].argmax() == wanted


def test_probabilities_are_the_stated_formula(outputs):
    proba = class_probabilities(outputs, C, BACKGROUND).numpy()
    for n in range(N):
        q = softmax(outputs["category_logits"][n].numpy())
        for t in range(T):
            sigma = expit(outputs["event_logits"][n, t].item())
            row = np.insert(sigma * q / q.max(), BACKGROUND, 1 - sigma)
            np.testing.assert_allclose(proba[n, t], row / row.sum(), rtol=1e-9)


def test_logits_of_a_flat_network_become_their_softmax():
    logits = torch.randn(N, T, C, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(class_probabilities({"logits": logits}, C, None), softmax(logits.numpy(), -1), atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_gated_cross_entropy(outputs, smoothing):
    target = np.random.RandomState(1).randint(C, size=(N, T))
    target[0] = BACKGROUND  # a video without an event has no category
    target[1] = [2, 2, 2, 0, 0, BACKGROUND]  # and one of two events has the longer one's
    event, category = outputs["event_logits"], outputs["category_logits"]
    loss = gated_cross_entropy(event, category, torch.tensor(target), BACKGROUND, label_smoothing=smoothing)
    events = [k for k in range(C) if k != BACKGROUND]
    for n in range(N):
        wanted = 0
        for t in range(T):
            y = (target[n, t] != BACKGROUND) * (1 - smoothing) + smoothing / 2
            p = expit(event[n, t].item())
            wanted -= (y * np.log(p) + (1 - y) * np.log(1 - p)) / T
        counts = [(target[n] == k).sum() for k in events]
        if max(counts) > 0:
            log_q = log_softmax(category[n].numpy())
            wanted -= (1 - smoothing) * log_q[int(np.argmax(counts))] + smoothing * log_q.mean()
        np.testing.assert_allclose(loss[n].item(), wanted, rtol=1e-9)


def test_gated_cross_entropy_of_a_padded_video_is_that_of_its_segments(outputs):
    target = torch.tensor(np.random.RandomState(1).randint(C, size=(N, T)))
    event, category = outputs["event_logits"], outputs["category_logits"]
    mask = torch.arange(T) < torch.tensor([6, 5, 3, 2, 1])[:, None]
    loss = gated_cross_entropy(event, category, target, BACKGROUND, mask=mask)
    for n, length in enumerate(mask.sum(1)):
        part = slice(n, n + 1), slice(length)
        alone = gated_cross_entropy(event[part], category[n : n + 1], target[part], BACKGROUND)
        np.testing.assert_allclose(loss[n].item(), alone.item(), rtol=1e-12)


def test_the_full_loss_of_a_gated_network_adds_the_pair_similarity(outputs):
    similarity = torch.rand(N, T, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    target = torch.tensor(np.random.RandomState(1).randint(C, size=(N, T)))
    without, with_it = (
        FullyLoss(lam, BACKGROUND)({**outputs, "similarity": similarity}, target, torch.ones(N)) for lam in (0, 10)
    )
    own = gated_cross_entropy(outputs["event_logits"], outputs["category_logits"], target, BACKGROUND).mean()
    np.testing.assert_allclose(without.item(), own.item(), rtol=1e-12)
    assert with_it > without + 0.01


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_gated_head(pooling):
    head = GatedHead(3, C - 1, pooling=pooling, weak=True).double()
    fused = torch.randn(N, T, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    out = {name: value.detach().numpy() for name, value in head(fused).items()}
    weight, bias = head.category.weight.detach().numpy(), head.category.bias.detach().numpy()
    for n in range(N):
        pooled = np.array([getattr(np, pooling)([fused[n, t, i].item() for t in range(T)]) for i in range(3)])
        np.testing.assert_allclose(out["category_logits"][n], weight @ pooled + bias, atol=1e-12)
        gates = [expit(out["event_logits"][n, t]) for t in range(T)]
        for k in range(C - 1):
            evidence = max(gate * out["category_logits"][n, k] for gate in gates)
            np.testing.assert_allclose(out["video_logits"][n, k], evidence, atol=1e-12)


def test_weak_loss_without_a_background_logit_compares_event_shares():
    logits = torch.randn(3, C - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    shares = torch.tensor([[0.3, 0.4, 0.3, 0.0], [0.0, 0.5, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    loss = WeakLoss(background=BACKGROUND)({"video_logits": logits}, shares, torch.tensor([1.0, 3.0, 1.0]))
    total = 0
    for n, (weight, wanted) in enumerate([(1, [0.5, 0.5, 0.0]), (3, [0.0, 0.0, 1.0])]):
        p = softmax(logits[n].numpy())
        y = np.array(wanted)
        total += weight * -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    np.testing.assert_allclose(loss.item(), total / 3, rtol=1e-9)  # the video without an event adds nothing


def test_video_probabilities_without_a_background_logit():
    logits = torch.randn(N, C - 1, generator=torch.Generator().manual_seed(0))
    proba = video_probabilities(logits, C, BACKGROUND).numpy()
    np.testing.assert_allclose(proba[:, [0, 2, 3]], softmax(logits.numpy(), -1), atol=1e-6)
    assert (proba[:, BACKGROUND] == 0).all()
