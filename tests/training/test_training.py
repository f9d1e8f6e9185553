"""The course of a training: validation, early stopping, schedules, progress, interruption."""

import re
import sys
from io import StringIO

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn._training.batches import BatchIterator, VideoDataset
from ave_sklearn._training.callbacks import learning_rate_callbacks
from ave_sklearn._training.model import Recipe, TrainedNetwork, Videos
from ave_sklearn._training.spec import NetworkSpec
from ave_sklearn._training.statistics import feature_statistics
from ave_sklearn.localizers._inputs import hold_out
from ave_sklearn.nn import FullyLoss, StandardizedNetwork, WeakLoss, set_dropout_generator

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]


def quick(estimator=PSPLocalizer, **params):
    return estimator(**{"max_epochs": 6, "hidden_size": 8, "random_state": 0, **params})


# ----------------------------------------------------------------- validation
def untrained(X, supervision, max_epochs):
    """A small PSP network for the videos X, and the four classes of their labels."""
    spec = NetworkSpec(
        network="psp",
        params={"hidden_size": 8, "supervision": supervision},
        supervision=supervision,
        seed=1,
        n_audio_features=X.n_audio_features,
        n_visual_features=X.n_visual_features,
        map_size=X.map_size,
        n_segments=X.n_segments,
        n_classes=5,
        background=0,
        standardize=True,
        feature_dropout=0.4,
        precision="float32",
    )
    recipe = Recipe(
        max_epochs=max_epochs,
        batch_size=32,
        lr=0.002,
        lr_schedule="constant",
        milestones=(),
        weight_decay=0.01,
        early_stopping=20,
        verbose=0,
    )
    return TrainedNetwork.drawn(spec, recipe, torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("supervision", ["full", "weak"])
def test_the_best_epochs_weights_are_restored(videos, supervision):
    X, y = videos
    codes = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    target = codes if supervision == "full" else np.eye(5)[codes].mean(1)
    criterion = FullyLoss(10.0, 0) if supervision == "full" else WeakLoss(0.0, 0)
    train, held_out = Videos(X[:40], target[:40]), Videos(X[40:], target[40:])
    seeds = {"dropout": 2, "order": 3}
    scores = [0.1, 0.5, 0.3, 0.2, 0.4, 0.2]
    script = iter(scores)
    best, two_epochs = untrained(X, supervision, 6), untrained(X, supervision, 2)
    log = best.train(criterion, train, seeds, held_out, lambda codes: next(script))
    assert [entry["valid_score"] for entry in log.history] == scores
    assert (len(log.history), log.best_epoch, log.validation_score) == (6, 2, 0.5)
    two_epochs.train(criterion, train, seeds)
    assert_array_equal(best.probabilities(X, 32), two_epochs.probabilities(X, 32))


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_validation_score_is_the_score_of_the_validation_videos(videos, estimator):
    X, y = videos
    localizer = quick(estimator, early_stopping=20).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert localizer.validation_score_ == max(entry["valid_score"] for entry in localizer.history_)
    assert localizer.validation_score_ == pytest.approx(localizer.score(X[40:], y[40:]))
    assert localizer.validation_score_ == pytest.approx(np.mean(localizer.predict(X[40:]) == y[40:]))


@pytest.mark.slow
def test_training_stops_when_patience_is_over(videos):
    X, y = videos
    localizer = quick(early_stopping=2, max_epochs=60, lr=0.05, lr_schedule="constant").fit(X, y)
    assert localizer.n_iter_ == localizer.best_epoch_ + 2 < 60


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_validation_videos_without_early_stopping_are_scored_and_change_nothing(pooled, estimator):
    X, y = pooled
    alone = quick(estimator).fit(X[:40], y[:40])
    scored = quick(estimator).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert_array_equal(scored.predict_proba(X), alone.predict_proba(X))
    scores = [entry["valid_score"] for entry in scored.history_]
    assert scored.validation_score_ == scores[-1] == scored.score(X[40:], y[40:])
    assert scored.best_epoch_ == scored.n_iter_ == 6 and len(set(scores)) > 1
    assert alone.validation_score_ is None and "valid_score" not in alone.history_[-1]


@pytest.mark.slow
def test_best_trains_all_epochs_and_keeps_the_best(pooled):
    X, y = pooled
    val = {"X_val": X[40:], "y_val": y[40:]}
    params = {"lr": 0.05, "lr_schedule": "constant", "max_epochs": 9}
    best = quick(early_stopping="best", **params).fit(X[:40], y[:40], **val)
    patient = quick(early_stopping=9, **params).fit(X[:40], y[:40], **val)
    scores = [entry["valid_score"] for entry in best.history_]
    assert best.n_iter_ == 9 and best.best_epoch_ < 9  # the last epoch is not the best one here
    assert best.validation_score_ == scores[best.best_epoch_ - 1] == max(scores) == best.score(X[40:], y[40:])
    assert_array_equal(best.predict_proba(X), patient.predict_proba(X))


def test_best_without_validation_videos_holds_some_out(pooled):
    localizer = quick(early_stopping="best", validation_fraction=0.25).fit(*pooled)
    assert sum(localizer.net_.history[0, "batches", :, "train_batch_size"]) == 45
    assert localizer.validation_score_ == max(entry["valid_score"] for entry in localizer.history_)


def test_internal_validation_holds_out_whole_videos_of_every_category(videos):
    categories = np.array([0] * 10 + [1] * 10 + [2])  # category 2 has a single video: it stays in training
    train, held_out = hold_out(np.arange(21), categories, 0.2, seed=0)
    assert_array_equal(np.sort(np.r_[train, held_out]), np.arange(21))
    assert np.bincount(categories[held_out], minlength=3).tolist() == [2, 2, 0]


@pytest.mark.slow
def test_weak_internal_validation_never_sees_segment_labels(videos):
    X, y = videos
    shares = (y[:, :, None] == np.unique(y)).mean(1)
    from_labels = quick(WeakPSPLocalizer, early_stopping=3).fit(X, y)
    from_shares = quick(WeakPSPLocalizer, early_stopping=3, background=0).fit(X, shares)
    assert_array_equal(from_labels.predict_proba(X), from_shares.predict_proba(X))
    losses = [[entry["valid_score"] for entry in localizer.history_] for localizer in (from_labels, from_shares)]
    assert losses[0] == losses[1]


def test_without_early_stopping_all_videos_train(videos):
    localizer = quick(max_epochs=1).fit(*videos)
    assert sum(localizer.net_.history[0, "batches", :, "train_batch_size"]) == 60


# ------------------------------------------------------------------ schedules
def learning_rates(schedule, n_epochs, n_batches, milestones=(60, 120)):
    """Learning rate of every batch, from the callbacks as skorch would call them."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    (policy,) = [
        cb for name, cb in learning_rate_callbacks(schedule, 0.1, n_epochs * n_batches, milestones) if name == "lr"
    ]
    scheduler = policy.initialize().policy_(optimizer, **policy.kwargs)
    rates = []
    for step in range(n_epochs * n_batches):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if policy.step_every == "batch" or (step + 1) % n_batches == 0:
            scheduler.step()
    return np.array(rates)


def test_one_cycle_rises_to_lr_and_anneals_to_nothing():
    rates = learning_rates("one_cycle", 20, 5)
    peak = rates.argmax()
    assert rates[peak] == pytest.approx(0.1) and 20 < peak < 40
    assert (np.diff(rates[: peak + 1]) > 0).all() and (np.diff(rates[peak:]) < 0).all()
    assert rates[-1] < 1e-5


def test_released_schedule_drops_after_its_milestones():
    rates = learning_rates("released", 150, 2).reshape(150, 2)[:, 0]
    np.testing.assert_allclose(rates, [0.1] * 60 + [0.08] * 60 + [0.064] * 30)
    assert [name for name, _ in learning_rate_callbacks("released", 0.1, 10, (60, 120))] == ["lr"]
    assert [name for name, _ in learning_rate_callbacks("constant", 0.1, 10, (60, 120))] == ["clip"]


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["one_cycle", "constant", "released"])
def test_every_schedule_trains(pooled, schedule):
    history = quick(lr_schedule=schedule).fit(*pooled).history_
    assert history[-1]["train_loss"] < history[0]["train_loss"]


# ------------------------------------------------------------------- progress
@pytest.mark.slow
def test_progress_lines_show_epoch_loss_accuracy_and_time(videos, capsys):
    X, y = videos
    localizer = quick(verbose=1, early_stopping=6).fit(X, y)
    *_, shown = capsys.readouterr().err.splitlines()
    assert shown.startswith(f"epoch 6 of 6: loss {localizer.history_[-1]['train_loss']:.4f}, val acc ")
    valid_score = localizer.history_[-1]["valid_score"]
    assert re.search(rf"val acc {valid_score:.3f}, 00:\d\d elapsed, 00:00 left$", shown)
    localizer = quick(verbose=1).fit(X, y)
    *_, shown = capsys.readouterr().err.splitlines()
    loss = localizer.history_[-1]["train_loss"]
    assert re.match(rf"epoch 6 of 6: loss {loss:.4f}, 00:\d\d elapsed", shown)


@pytest.mark.slow
def test_progress_bar_shows_epoch_loss_accuracy_and_time(videos, monkeypatch):
    X, y = videos
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    localizer = quick(verbose=1, early_stopping=6).fit(X, y)
    shown = stream.getvalue().split("\r")[-1]
    assert "epoch 6/6" in shown and "<00:00]" in shown
    assert f"loss {localizer.history_[-1]['train_loss']:.4f}, val acc " in shown
    assert f"val acc {localizer.history_[-1]['valid_score']:.3f}" in shown
    quick(verbose=1).fit(X, y)
    shown = stream.getvalue().split("\r")[-1]
    assert "| loss " in shown and "val acc" not in shown


def test_silence_by_default(videos, capfd):
    quick(early_stopping=2).fit(*videos).predict(videos[0])
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


# ----------------------------------------------------------------- interruption
class InterruptedNet(nn.Module):
    """A linear layer, during whose forward pass somebody presses Ctrl-C."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, batches_before):
        super().__init__()
        self.output = nn.Linear(n_audio_features, n_classes)
        self.batches_before = batches_before

    def forward(self, audio, visual):
        if self.training:
            self.batches_before -= 1
        if self.batches_before < 0:
            raise KeyboardInterrupt
        return {"logits": self.output(audio)}


@pytest.mark.parametrize("options", [{}, {"early_stopping": 3, "verbose": 1}])
def test_ctrl_c_goes_through_and_leaves_the_earlier_fit(videos, options):
    X, y = videos
    localizer = EventLocalizer(network=InterruptedNet, max_epochs=6, random_state=0, **options)
    localizer.set_params(network_params={"batches_before": 100}).fit(X, y)
    before = localizer.predict_proba(X)
    with pytest.raises(KeyboardInterrupt):
        localizer.set_params(network_params={"batches_before": 3}).fit(X, y)
    assert_array_equal(localizer.predict_proba(X), before)


def test_nothing_of_the_training_data_stays_in_the_fitted_net(videos):
    net = quick(early_stopping=3).fit(*videos).net_
    assert net.callbacks_ == [] and not net.optimizer_.state
    assert net.iterator_train__random_state is None


# ------------------------------------------------------------------- reading
def test_features_held_on_the_device_are_those_that_are_read(videos):
    X, y = videos
    read, held = (VideoDataset(X[::2], "float32", (y[::2] == "background").astype(int)) for _ in range(2))
    held.keep_on_device(10**9)
    for rows in np.array([3, 0, 3]), np.arange(30):
        (expected, targets), (got, others) = read.batch(rows), held.batch(rows)
        pairs = zip((*expected.load(), *targets), (*got.load(), *others), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    batch, _ = held.batch(np.array([0]))
    batch.load()[0].zero_()  # they are the caller's own
    assert batch.load()[0].any()


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("map_type", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("training", [False, True])
def test_features_are_scaled_and_cast_on_their_way(videos, held, map_type, training, monkeypatch):
    monkeypatch.setattr("ave_sklearn.nn.blocking.BLOCK_SIZE", 7 * videos[0].shape[1])  # blocks of seven videos
    dataset = VideoDataset(videos[0], "float32")
    if held:
        dataset.keep_on_device(10**9)
    batch, _ = dataset.batch(np.array([5, 0, *range(20)]))
    audio, visual = batch.load()
    network = StandardizedNetwork(lambda *streams: streams, audio.shape[-1], visual.shape[-1], feature_dropout=0.4)
    network.set_statistics((audio.mean((0, 1)), 2.0), (visual.flatten(0, -2).mean(0), 3.0))
    network.train(training)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    got = batch.load(network.scalings(len(batch), batch.n_visual_axes), map_type)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    expected = network(audio, visual)
    assert [x.dtype for x in got] == [torch.float32, map_type]
    for x, y, rtol in zip(got, expected, (1e-6, 1e-6 if map_type == torch.float32 else 2**-8), strict=True):
        assert torch.allclose(x.float(), y, rtol=rtol, atol=1e-6)
        assert (x == 0).any() == training  # dropout


@pytest.mark.parametrize("maps", [False, True])
def test_statistics_are_those_of_all_segments_and_regions(videos, maps, monkeypatch):
    monkeypatch.setattr("ave_sklearn.nn.blocking.BLOCK_SIZE", 7 * videos[0].shape[1])  # blocks of seven videos
    audio, visual = videos[0].take()
    audio = 1000 + audio  # far from 0
    if not maps:
        visual = visual.mean((2, 3))
    weight = np.linspace(0.5, 2, 60)
    statistics = feature_statistics(VideoDataset(AVFeatures(audio, visual), "float32", weight=weight))
    for (mean, scale), x in zip(statistics, (audio, visual), strict=True):
        flat = x.reshape(60, -1, x.shape[-1]).astype(float)
        weights = np.broadcast_to(weight[:, None, None], flat.shape)
        expected = np.average(flat, axis=(0, 1), weights=weights)
        variance = np.average((flat - expected) ** 2, axis=(0, 1), weights=weights)
        assert_allclose(mean, expected, rtol=1e-6, atol=1e-6)
        assert_allclose(scale, np.sqrt(variance.mean()), rtol=1e-5)


@pytest.mark.parametrize("map_type", [torch.float32, torch.bfloat16])
def test_memory_of_a_batch_serves_the_next_one(videos, map_type):
    batches = BatchIterator(VideoDataset(videos[0], "float32"), 25)  # 25, 25 and 10 videos
    places = [[x.data_ptr() for x in batch.load(map_dtype=map_type)] for batch, _ in batches]
    assert places[0] == places[1] == places[2]


@pytest.mark.parametrize("part", [lambda x: x, lambda x: x[3, :2], lambda x: x.flatten().numpy()])
def test_memory_of_what_is_kept_of_a_batch_is_not_touched(videos, part):
    dataset = VideoDataset(videos[0], "float32")
    kept = [[part(x) for x in batch.load()] for batch, _ in BatchIterator(dataset, 20)]
    for batch, start in zip(kept, range(0, 60, 20), strict=True):
        for x, expected in zip(batch, videos[0].take(slice(start, start + 20)), strict=True):
            assert_array_equal(x, part(torch.from_numpy(expected)))


def test_features_that_do_not_fit_are_read_batch_by_batch(videos):
    dataset = VideoDataset(videos[0], "float32")
    dataset.keep_on_device(videos[0].nbytes - 1)
    assert dataset.on_device is None
    dataset.keep_on_device(videos[0].nbytes)
    assert dataset.on_device is not None
