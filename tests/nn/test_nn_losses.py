"""The criteria against a loop over videos and segments: every term, for flat and gated networks."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers import normal, sigmoid, softmax

from ave_sklearn.nn import FullyLoss, WeakLoss

N, C = 7, 4
SMOOTHING = [0.0, 0.1]


# ------------------------------------------------------------------- by loops
def cross_entropy_loop(logits, code, label_smoothing):
    target = (1 - label_smoothing) * np.eye(len(logits))[code] + label_smoothing / len(logits)
    return -sum(q * np.log(p) for q, p in zip(target, softmax(logits), strict=True))


def pair_loop(similarity, codes, background):
    """Eq. 8-9: events attract, and only they."""
    events = [code != background for code in codes]
    if not any(events):
        return 0.0
    shares = [max(s, 0.0) for s in similarity]
    total = sum(shares)
    wanted = [event / sum(events) for event in events]
    return np.mean([(s / (total or 1.0) - g) ** 2 for s, g in zip(shares, wanted, strict=True)])


def full_loop(outputs, codes, lam, background, label_smoothing):
    """The loss of one video; a single segment has no pair loss, nor has a target without a background class."""
    if "logits" in outputs:
        loss = np.mean(
            [cross_entropy_loop(z, k, label_smoothing) for z, k in zip(outputs["logits"], codes, strict=True)]
        )
    else:
        loss = gated_loop(outputs["event_logits"], outputs["category_logits"], codes, background, label_smoothing)
    if lam and background is not None and len(codes) > 1:
        loss = loss + lam * pair_loop(outputs["similarity"], codes, background)
    return loss


def gated_loop(event_logits, category_logits, codes, background, label_smoothing):
    """Two-class entropy of each segment, and the entropy of the video's most frequent event, if it has one."""
    loss = 0.0
    for z, code in zip(event_logits, codes, strict=True):
        target = (1 - label_smoothing) * (code != background) + label_smoothing / 2
        loss -= (target * np.log(sigmoid(z)) + (1 - target) * np.log(1 - sigmoid(z))) / len(codes)
    classes = [k for k in range(C) if k != background]
    counts = [sum(code == k for code in codes) for k in classes]
    if any(counts):
        loss += cross_entropy_loop(category_logits, int(np.argmax(counts)), label_smoothing)
    return loss


def weak_loop(video_logits, shares, background, label_smoothing):
    """Eq. 11; of a network without background, on the shares of the events among themselves, if there are any."""
    if len(video_logits) < len(shares):
        shares = np.delete(shares, background)
        if not shares.any():
            return 0.0
        shares = shares / shares.sum()
    target = (1 - label_smoothing) * shares + label_smoothing / len(shares)
    return -np.mean(
        [q * np.log(p) + (1 - q) * np.log(1 - p) for q, p in zip(target, softmax(video_logits), strict=True)]
    )


# --------------------------------------------------------------------- videos
def flat_outputs(n_segments):
    return {"logits": normal(N, n_segments, C), "similarity": normal(N, n_segments, seed=1).tanh()}


def gated_outputs(n_segments):
    outputs = {"event_logits": normal(N, n_segments), "category_logits": normal(N, C - 1, seed=2)}
    return {**outputs, "similarity": normal(N, n_segments, seed=1).tanh()}


def segment_codes(n_segments, background=0):
    """Codes (N, T) with a video of background alone, one without, and of mixtures of all classes."""
    codes = np.random.RandomState(0).randint(C, size=(N, n_segments))
    background = 0 if background is None else background
    codes[0], codes[1] = background, np.where(codes[1] == background, (background + 1) % C, codes[1])
    return codes


def one_by_one(outputs):
    """The outputs of each video, as arrays."""
    return [{name: value[i].numpy() for name, value in outputs.items()} for i in range(N)]


# ---------------------------------------------------------------------- tests
@pytest.mark.parametrize("make_outputs", [flat_outputs, gated_outputs])
@pytest.mark.parametrize("n_segments", [1, 2, 3, 6])
def test_the_full_loss_is_that_of_a_loop(make_outputs, n_segments):
    outputs = make_outputs(n_segments)
    for background, lam, label_smoothing in product([None, 0, 2], [0.0, 10.0], SMOOTHING):
        if background is None and "logits" not in outputs:
            continue  # gated networks need a background
        codes = segment_codes(n_segments, background)
        rule = lam, background, label_smoothing
        loss = FullyLoss(*rule)(outputs, torch.from_numpy(codes), torch.ones(N, dtype=torch.float64))
        videos = zip(one_by_one(outputs), codes, strict=True)
        expected = np.mean([full_loop(video, k, *rule) for video, k in videos])
        assert loss.item() == pytest.approx(expected, rel=1e-9), rule


@pytest.mark.parametrize("n_segments", [2, 6])
def test_the_pair_loss_pulls_events_together_and_background_apart(n_segments):
    codes = torch.tensor([[0] + [1] * (n_segments - 1)])
    similarity = torch.full((1, n_segments), 0.5, dtype=torch.float64, requires_grad=True)
    outputs = {"logits": torch.zeros(1, n_segments, C, dtype=torch.float64), "similarity": similarity}
    FullyLoss(10.0, 0)(outputs, codes, torch.ones(1)).backward()
    assert similarity.grad[0, 0] > 0 and (similarity.grad[0, 1:] < 0).all()  # a step of descent goes the other way


@pytest.mark.parametrize("n_columns", [C, C - 1])
@pytest.mark.parametrize("background", [0, 2])
@pytest.mark.parametrize("label_smoothing", SMOOTHING)
def test_the_weak_loss_is_that_of_a_loop(n_columns, background, label_smoothing):
    shares = np.random.RandomState(0).dirichlet(np.ones(C), N)
    shares[0] = np.eye(C)[background]  # a video without an event
    logits = normal(N, n_columns)
    loss = WeakLoss(label_smoothing, background)(
        {"video_logits": logits}, torch.from_numpy(shares), torch.ones(N, dtype=torch.float64)
    )
    expected = np.mean([weak_loop(logits[i].numpy(), shares[i], background, label_smoothing) for i in range(N)])
    assert loss.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", [(N,), ()])
def test_a_networks_own_loss_is_added(shape):
    codes, shares = (
        torch.from_numpy(segment_codes(3)),
        torch.from_numpy(np.random.RandomState(0).dirichlet(np.ones(C), N)),
    )
    outputs, weight = {**flat_outputs(3), "video_logits": normal(N, C)}, torch.ones(N, dtype=torch.float64)
    seen = []

    def own(*args):
        seen.append(args)
        return torch.full(shape, 0.75, dtype=torch.float64)

    for make, target in (FullyLoss, codes), (WeakLoss, shares):
        with_own, without = (make(background=0, extra=extra)(outputs, target, weight) for extra in (own, None))
        assert (with_own - without).item() == pytest.approx(0.75)
        assert seen[-1][1] is target and seen[-1][2] == 0
