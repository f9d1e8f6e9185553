"""Which epoch's weights are kept: the best score, of equals the lower validation loss, of these the first."""

import numpy as np
import pytest
import torch
from torch import nn

from ave_sklearn import AVFeatures, EventLocalizer

START = 0.5
FAST = {"max_epochs": 20, "early_stopping": 100, "lr": 0.05, "lr_schedule": "constant", "weight_decay": 0.0}
PLAIN = {"standardize": False, "feature_dropout": 0.0, "label_smoothing": 0.0, "random_state": 0}


class OneWeight(nn.Module):
    """A network whose only weight is how sure it is that a segment's class is the sign of its audio.

    Its predictions, and so every score, are the same in each epoch, for the weight stays positive.
    """

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(START))

    def forward(self, audio, visual):
        sign = audio[..., 0].sign()
        return {"logits": self.weight / 2 * torch.stack([-sign, sign], -1)}


def fit(n_wrong, **params):
    """Train on right labels, which makes the weight grow; validate on ten segments of which some have wrong ones."""
    audio = np.where(np.arange(10) % 2, 1.0, -1.0).reshape(5, 2, 1)
    y = np.where(audio[..., 0] > 0, "dog", "background")
    y_val = y.copy().ravel()
    y_val[:n_wrong] = np.where(y_val[:n_wrong] == "dog", "background", "dog")
    X = AVFeatures(audio, np.zeros((5, 2, 1)))
    localizer = EventLocalizer(
        network=OneWeight,
        **{**FAST, **params},
        **PLAIN,
    )
    return localizer.fit(X, y, X_val=X, y_val=y_val.reshape(y.shape))


def recorded(localizer, name):
    return [entry[name] for entry in localizer.history_]


@pytest.mark.parametrize("n_wrong", [0, 3, 5])
def test_ties_go_to_the_lower_validation_loss(n_wrong):
    localizer = fit(n_wrong)
    losses = recorded(localizer, "valid_loss")
    assert set(recorded(localizer, "valid_score")) == {1 - n_wrong / 10}
    assert localizer.best_epoch_ == 1 + np.argmin(losses)
    # all right: the surer the better; three of ten wrong: sure to log(7 / 3) at best; half of them: not sure at all
    inside = 1 < localizer.best_epoch_ < 20
    assert (localizer.best_epoch_ == 20, inside, localizer.best_epoch_ == 1) == (
        n_wrong == 0,
        n_wrong == 3,
        n_wrong == 5,
    )


@pytest.mark.parametrize("n_wrong", [0, 3, 5])
def test_the_weights_of_the_best_epoch_are_kept(n_wrong):
    localizer = fit(n_wrong)
    (weight,) = localizer.net_.module_.parameters()
    moved = 0.05 * localizer.best_epoch_  # Adam's steps are of size lr, or a little less
    assert weight.item() == pytest.approx(START + moved, abs=0.06)


def test_patience_counts_from_the_lowest_loss_of_equal_scores():
    localizer = fit(3, early_stopping=4)
    assert localizer.n_iter_ == localizer.best_epoch_ + 4 < 20


def test_of_equal_scores_and_losses_the_first_is_kept():
    localizer = fit(0, lr=1e-12, max_epochs=5)
    assert len(set(recorded(localizer, "valid_loss"))) == 1
    assert localizer.best_epoch_ == 1


class EventsGrow(nn.Module):
    """A network that learns how frequent events are, and that a negative audio is a less likely one."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(0.5))

    def forward(self, audio, visual):
        event = self.bias - (audio[..., 0] < 0).to(audio.dtype)
        return {"logits": torch.stack([torch.zeros_like(event), event], -1)}


def test_a_better_score_beats_a_lower_loss():
    """Of ten segments the only background one is lost, while the loss of the nine events falls by more."""
    y, audio = np.full((5, 2), "dog", dtype="U10"), np.ones((5, 2, 1))
    y[0, 0], audio[0, 0] = "background", -1.0
    X, quiet = (AVFeatures(a, np.zeros((5, 2, 1))) for a in (audio, np.ones((5, 2, 1))))
    localizer = EventLocalizer(network=EventsGrow, **FAST, **PLAIN).fit(quiet, y, X_val=X, y_val=y)
    scores, losses = recorded(localizer, "valid_score"), recorded(localizer, "valid_loss")
    assert scores[0] == 1.0 and scores[-1] == 0.9
    assert localizer.best_epoch_ == scores.index(0.9)  # the last of the best, which has the lowest loss of them
    assert min(losses[localizer.best_epoch_ :]) < losses[localizer.best_epoch_ - 1]
