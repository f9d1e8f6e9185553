"""Weights of videos: what they do to the loss, and that they reach every number of a fit."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn.localizers._inputs import hold_out
from ave_sklearn.nn import FullyLoss, WeakLoss, pair_similarity_loss, segment_cross_entropy, video_binary_cross_entropy

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]
WEIGHT = np.array([0.0, 0.5, 3.0, 1.0, 8.0, 0.25, 2.0])


def quick(estimator=PSPLocalizer, **params):
    return estimator(**{"max_epochs": 3, "hidden_size": 8, "batch_size": 16, "random_state": 0, **params})


def history(localizer):
    """What a fit recorded, without its seconds."""
    return [{name: value for name, value in row.items() if name != "dur"} for row in localizer.history_]


def assert_same_fit(one, other, X):
    assert history(one) == history(other)
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


# ------------------------------------------------------------------- the loss of a batch
def outputs(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, 4, 3, dtype=torch.float64, generator=generator)
    similarity = torch.rand(n, 4, dtype=torch.float64, generator=generator)
    return {"logits": logits, "video_logits": logits.mean(1), "similarity": similarity}


def per_video(outputs, target, background=0, extra=None):
    """The loss of each video by itself, full and weak."""
    full = segment_cross_entropy(outputs["logits"], target)
    full = full + 2.0 * pair_similarity_loss(outputs["similarity"], target != background)
    return full if extra is None else full + extra


@pytest.mark.parametrize("scalar", [False, True])
def test_the_fully_supervised_loss_is_the_sum_over_videos_by_their_number(scalar):
    n, target = len(WEIGHT), torch.arange(28).reshape(7, 4) % 3
    extra = torch.tensor(0.7) if scalar else torch.arange(7.0, dtype=torch.float64)
    criterion = FullyLoss(2.0, 0, 0.0, lambda outputs, target, background: extra)
    loss = criterion(outputs(n), target, torch.from_numpy(WEIGHT))
    expected = sum(w * one for w, one in zip(WEIGHT, per_video(outputs(n), target, extra=extra), strict=True)) / n
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_the_weakly_supervised_loss_is_the_sum_over_videos_by_their_number():
    n, target = len(WEIGHT), torch.eye(3, dtype=torch.float64)[torch.arange(7) % 3]
    loss = WeakLoss(0.1)(outputs(n), target, torch.from_numpy(WEIGHT))
    each = video_binary_cross_entropy(outputs(n)["video_logits"], target, label_smoothing=0.1)
    assert loss.item() == pytest.approx((each.numpy() * WEIGHT).sum() / n, rel=1e-12)


def test_what_a_video_adds_does_not_depend_on_its_batch():
    target, weight, criterion = torch.arange(28).reshape(7, 4) % 3, torch.from_numpy(WEIGHT), FullyLoss(2.0, 0)
    whole = {name: value.requires_grad_() for name, value in outputs(7).items()}
    (len(WEIGHT) * criterion(whole, target, weight)).backward()
    for cuts in ([0, 1, 2, 3, 4, 5, 6, 7], [0, 3, 6, 7], [0, 5, 7]):
        parts = {name: value.requires_grad_() for name, value in outputs(7).items()}
        for start, stop in zip(cuts, cuts[1:], strict=False):
            rows = slice(start, stop)
            batch = {name: value[rows] for name, value in parts.items()}
            ((stop - start) * criterion(batch, target[rows], weight[rows])).backward()
        for name in ("logits", "similarity"):
            assert_allclose(parts[name].grad, whole[name].grad, rtol=1e-12)


# ------------------------------------------------------------------- fits
class Prior(nn.Module):
    """Nothing but a bias for each class, whose best value is the log of the classes' weights."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(n_classes))

    def forward(self, audio, visual):
        logits = self.bias.expand(*audio.shape[:2], -1)
        return {"logits": logits, "video_logits": logits.mean(1)}


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_weights_count_the_same_in_batches_of_any_size(estimator, batch_size):
    X = AVFeatures(np.ones((8, 2, 1), "f4"), np.ones((8, 2, 1), "f4"))
    y = np.repeat(np.where(np.arange(8) % 2, "dog", "background")[:, None], 2, 1)
    weight = np.where(y[:, 0] == "dog", 12.0, 0.5)
    plain = {"standardize": False, "feature_dropout": 0, "label_smoothing": 0, "weight_decay": 0, "random_state": 0}
    localizer = estimator(network=Prior, max_epochs=50, lr=0.2, batch_size=batch_size, **plain)
    proba = localizer.fit(X, y, sample_weight=weight).predict_proba(X)[0, 0]
    assert proba[1] == pytest.approx(24 / 25, abs=0.03)
    assert localizer.fit(X, y).predict_proba(X)[0, 0, 1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("early_stopping", [False, "best"])
def test_equal_weights_are_none_to_the_bit(pooled, estimator, early_stopping):
    X, y = pooled
    params = {"early_stopping": early_stopping, "batch_size": 23, "max_epochs": 2}
    localizer, unweighted = quick(estimator, **params), quick(estimator, **params).fit(X, y)
    for weight in (np.full(60, 0.3), np.full(60, 1e300), np.full(60, 5e-324), [2] * 60, np.full(60, 4, np.uint8), 0.7):
        assert_same_fit(localizer.fit(X, y, sample_weight=weight), unweighted, X)
    weight = pd.Series(np.full(60, 3.0), index=range(100, 160))
    assert_same_fit(localizer.fit(X, y, sample_weight=weight), unweighted, X)


@pytest.mark.slow
def test_only_ratios_of_weights_count(pooled):
    X, y = pooled
    weight = np.linspace(0, 2, 60) ** 2
    fits = [quick(early_stopping="best").fit(X, y, sample_weight=weight * scale) for scale in (1, 2.0**900, 2.0**-900)]
    for scaled in fits[1:]:
        assert_same_fit(scaled, fits[0], X)


def test_a_weight_that_vanishes_beside_the_others_is_0(pooled):
    X, y = pooled
    weight = np.where(np.arange(60) < 45, 1e300, 1e-300)
    assert_same_fit(quick().fit(X, y, sample_weight=weight), quick().fit(X[:45], y[:45]), X)


@pytest.mark.slow
def test_batches_without_weight_leave_the_loss_to_the_others(pooled):
    X, y = pooled
    light = {"batch_size": 1, "max_epochs": 1, "lr_schedule": "constant", "lr": 1e-9, "feature_dropout": 0}
    weight = np.where(np.arange(60) == 30, 1.0, 1e-4)
    localizer = quick(**light).fit(X, y, sample_weight=weight)  # which stays as it was drawn
    expected = weighted_loss(localizer, X, y, weight, lam=10.0)
    assert localizer.history_[0]["train_loss"] == pytest.approx(expected, rel=1e-4)
    assert weighted_loss(localizer, X, y, np.ones(60), lam=10.0) != pytest.approx(expected, rel=1e-2)


# ------------------------------------------------------------------- validation
def weighted_loss(localizer, X, y, weight, lam):
    """The loss of a fitted PSPLocalizer, by hand."""
    codes = torch.from_numpy(np.searchsorted(localizer.classes_, y))
    model = localizer._model_
    logits, similarity = map(torch.from_numpy, model.outputs(X, 16, "logits", "similarity"))
    loss = segment_cross_entropy(logits, codes, label_smoothing=localizer.label_smoothing)
    loss = loss + lam * pair_similarity_loss(similarity, codes != model.spec.background)
    return np.average(loss.numpy(), weights=weight)


def test_the_held_out_part_is_scored_by_its_weights(pooled):
    X, y = pooled
    weight = np.where(np.arange(60) % 2, 1.0, 1e-6)
    localizer = quick(early_stopping="best", validation_fraction=0.4, max_epochs=5).fit(X, y, sample_weight=weight)
    rows = np.arange(60)
    categories = [next((label for label in row if label != "background"), "background") for row in y]
    codes = np.unique(categories, return_inverse=True)[1]
    _, held_out = hold_out(rows, codes, 0.4, localizer._draw_seeds()["split"])
    right = (localizer.predict(X[held_out]) == y[held_out]).mean(1)
    assert right.mean() != pytest.approx(right[held_out % 2 == 1].mean(), abs=1e-3)
    assert localizer.validation_score_ == pytest.approx(np.average(right, weights=weight[held_out]), abs=1e-9)
    best = localizer.history_[localizer.best_epoch_ - 1]
    expected = weighted_loss(localizer, X[held_out], y[held_out], weight[held_out], lam=10.0)
    assert best["valid_loss"] == pytest.approx(expected, rel=1e-5)
    assert best["valid_score"] == localizer.validation_score_ == max(row["valid_score"] for row in localizer.history_)


def test_weights_of_validation_videos(pooled):
    X, y = pooled
    weight = np.linspace(0, 3, 20)
    val = {"X_val": X[40:], "y_val": y[40:], "sample_weight_val": weight}
    localizer = quick(early_stopping="best").fit(X[:40], y[:40], **val)
    right = (localizer.predict(X[40:]) == y[40:]).mean(1)
    assert localizer.validation_score_ == pytest.approx(np.average(right, weights=weight), abs=1e-9)
    best = localizer.history_[localizer.best_epoch_ - 1]
    expected = weighted_loss(localizer, X[40:], y[40:], weight, lam=10.0)
    assert best["valid_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_validation_video_of_weight_0_is_not_there(pooled, estimator):
    X, y = pooled
    broken = X[40:].audio.copy()
    broken[:6] = np.nan
    weight = np.where(np.arange(20) < 6, 0, 2.5)
    val = {"X_val": AVFeatures(broken, X[40:].visual), "y_val": y[40:], "sample_weight_val": weight}
    weighted = quick(estimator, early_stopping="best").fit(X[:40], y[:40], **val)
    assert_same_fit(
        weighted, quick(estimator, early_stopping="best").fit(X[:40], y[:40], X_val=X[46:], y_val=y[46:]), X
    )


# ------------------------------------------------------------------- errors
BAD = [
    (np.ones(59), "must hold a number for each of 60 videos; got the shape"),
    (np.ones((60, 1)), "must hold a number for each of 60 videos; got the shape"),
    (-np.ones(60), "must be finite, not negative and not all zero"),
    (np.zeros(60), "must be finite, not negative and not all zero"),
    (np.r_[np.nan, np.ones(59)], "must be finite, not negative and not all zero"),
    (np.r_[np.inf, np.ones(59)], "must be finite, not negative and not all zero"),
    (["heavy"] * 60, "must hold real numbers; got the str 'heavy'"),
    ([None] * 60, "must be finite, not negative and not all zero"),
    (pd.Series([pd.NA] * 60, dtype="Float64"), "must be finite, not negative and not all zero"),
    (pd.Series([pd.NA] * 60), "must hold real numbers: "),
    (np.ones(60, complex), "must hold real numbers; got the dtype complex128"),
    (np.ma.array(np.ones(60), mask=np.arange(60) < 2), "has masked values"),
    ([np.ma.array(1.0, mask=True), *[1.0] * 59], "has masked values"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("weight", "message"), BAD, ids=range(len(BAD)))
def test_weights_that_are_none_are_refused_by_name(pooled, weight, message):
    X, y = pooled
    localizer = quick(max_epochs=1, early_stopping=1)
    with pytest.raises(ValueError, match=f"^sample_weight {message}"):
        localizer.fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match=f"^sample_weight_val {message}"):
        localizer.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    with pytest.raises(ValueError, match=f"^sample_weight {message}"):
        localizer.fit(X, y).score(X, y, sample_weight=weight)
