"""What reaches the optimiser in a fit: number and rate of its steps, decay, clipped gradients."""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer

ESTIMATORS = [EventLocalizer, WeakEventLocalizer, PSPLocalizer, WeakPSPLocalizer]
N_VIDEOS, T = 10, 3


class Linear(nn.Module):
    """The smallest network, a linear layer on the audio; its own loss adds `pull` to the gradient of each weight."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, pull=0.0):
        super().__init__()
        self.output, self.pull = nn.Linear(n_audio_features, n_classes), pull

    def forward(self, audio, visual):
        logits = self.output(audio)
        return {"logits": logits, "video_logits": logits.mean(1)}

    def extra_loss(self, outputs, target, background):
        return self.pull * self.output.weight.sum()


def small(estimator, **params):
    """An estimator that trains in no time: ours on small networks, the others on a linear layer."""
    own = {"hidden_size": 4} if estimator in (PSPLocalizer, WeakPSPLocalizer) else {"network": Linear}
    return estimator(**{"random_state": 0, "batch_size": N_VIDEOS, **own, **params})


@pytest.fixture(scope="module")
def data():
    """Ten videos of three segments of noise, each with background and an event."""
    random = np.random.RandomState(0)
    X = AVFeatures(random.randn(N_VIDEOS, T, 3), random.randn(N_VIDEOS, T, 2))
    y = np.where(np.arange(T) == random.randint(T, size=(N_VIDEOS, 1)), "background", "dog")
    return X, y


@contextmanager
def steps():
    """The steps of all optimisers: the rate and decay of each, and the norm of the gradients that it took."""
    seen = []

    def record(optimizer, args, kwargs):
        (group,) = optimizer.param_groups
        gradients = [weight.grad.flatten() for weight in group["params"] if weight.grad is not None]
        seen.append(SimpleNamespace(kind=type(optimizer), norm=torch.cat(gradients).norm().item(), **options(group)))

    handle = register_optimizer_step_post_hook(record)
    try:
        yield seen
    finally:
        handle.remove()


def options(group):
    return {name: value for name, value in group.items() if name != "params"}


def rates(seen):
    return np.array([step.lr for step in seen])


# ------------------------------------------------------------------- steps
@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("batch_size", "n_batches"), [(3, 4), (5, 2), (100, 1)])
def test_every_batch_of_every_epoch_is_a_step(data, estimator, batch_size, n_batches):
    with steps() as seen:
        localizer = small(estimator, batch_size=batch_size, max_epochs=2).fit(*data)
    assert len(seen) == 2 * n_batches and localizer.n_iter_ == 2


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_optimiser_is_adamw_with_the_decay_of_the_parameter(data, estimator):
    for decay in (0.0, 0.3):
        with steps() as seen:
            small(estimator, max_epochs=1, lr_schedule="constant", weight_decay=decay).fit(*data)
        (step,) = seen
        assert step.kind is torch.optim.AdamW
        assert (step.weight_decay, step.betas, step.eps) == (decay, (0.9, 0.999), 1e-8)
        assert not (step.amsgrad or step.maximize)


# ------------------------------------------------------------------- rates
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_constant_schedule_stays_at_lr(data, estimator):
    with steps() as seen:
        small(estimator, max_epochs=5, lr=0.003, lr_schedule="constant").fit(*data)
    assert rates(seen).tolist() == [0.003] * 5


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_cycle_has_its_peak_at_lr_and_ends_with_the_last_batch(data, estimator):
    with steps() as seen:
        small(estimator, max_epochs=10, batch_size=5, lr=0.003, lr_schedule="one_cycle").fit(*data)
    found, optimizer = rates(seen), torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.003, total_steps=20)
    expected = []
    for _ in range(20):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if len(expected) < 20 else None
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert found.max() == pytest.approx(0.003, rel=0.02) and found[-1] < 1e-5 * found.max()


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "milestones"), [(EventLocalizer, (60, 120)), (WeakEventLocalizer, (80, 160))])
def test_the_released_schedule_decays_after_the_epochs_of_the_authors(data, estimator, milestones):
    with steps() as seen:
        small(estimator, max_epochs=milestones[1] + 2, lr=0.01, lr_schedule="released").fit(*data)
    n_decays = (np.arange(milestones[1] + 2)[:, None] >= milestones).sum(1)
    np.testing.assert_allclose(rates(seen), 0.01 * 0.8**n_decays, rtol=1e-9)


def test_both_estimators_of_a_supervision_have_its_milestones():
    found = [small(estimator)._make_supervision().milestones for estimator in ESTIMATORS]
    assert found == [(60, 120), (80, 160), (60, 120), (80, 160)]


# ------------------------------------------------------------------- clipping
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_large_gradients_are_clipped_to_norm_1(data, estimator, schedule):
    with steps() as seen:
        small(estimator, max_epochs=4, lr_schedule=schedule, network_params={"pull": 1000.0}).fit(*data)
    assert [step.norm for step in seen] == pytest.approx([1.0] * 4, rel=1e-4)


@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_small_gradients_are_left_alone(data, estimator):
    norms = []
    for schedule in ("constant", "released"):
        with steps() as seen:
            small(estimator, max_epochs=1, lr_schedule=schedule, network_params={"pull": 0.01}).fit(*data)
        norms.append(seen[0].norm)
    assert norms[0] == pytest.approx(norms[1], rel=1e-4) and 0.01 < norms[0] < 0.9


@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_the_released_schedule_clips_nothing(data, estimator):
    with steps() as seen:
        small(estimator, max_epochs=4, lr_schedule="released", network_params={"pull": 1000.0}).fit(*data)
    assert min(step.norm for step in seen) > 10
