"""Which videos a fit shows to its network, in which order: the training videos, and those that are held out."""

import numpy as np
import pytest
from torch import nn

from ave_sklearn import AVFeatures, EventLocalizer, WeakEventLocalizer
from ave_sklearn._training.model import TrainedNetwork

ESTIMATORS = [EventLocalizer, WeakEventLocalizer]
N_VIDEOS, T = 24, 2
CATEGORIES = np.array(["cat", "dog", "bird"])[np.arange(N_VIDEOS) % 3]


class Watch(nn.Module):
    """A network that writes down the numbers of the videos, their only audio feature."""

    seen = None  # a list of (in training, numbers of a batch)

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.output = nn.Linear(n_audio_features, n_classes)

    def forward(self, audio, visual):
        if self.seen is not None:
            self.seen.append((self.training, audio[:, 0, 0].round().int().tolist()))
        logits = self.output(audio / 100)
        return {"logits": logits, "video_logits": logits.mean(1)}


def numbered(start, stop):
    """Videos whose audio is their number."""
    numbers = np.arange(start, stop)[:, None, None] * np.ones((1, T, 1))
    return AVFeatures(numbers, np.zeros_like(numbers))


def labels(categories=CATEGORIES):
    """Background and an event of the category in each video."""
    return np.stack([np.full(len(categories), "background"), categories], 1)


@pytest.fixture
def watch(monkeypatch):
    """Fit, and return the batches of each epoch in training and in validation."""

    def fit(estimator, max_epochs, X=None, y=None, **options):
        monkeypatch.setattr(Watch, "seen", [])
        monkeypatch.setattr(TrainedNetwork, "compare_copy", lambda *args: None)  # it would look at a batch once more
        on_fit = {name: options.pop(name) for name in ("X_val", "y_val", "sample_weight") if name in options}
        params = {"standardize": False, "feature_dropout": 0.0, "random_state": 0, "batch_size": 5, **options}
        localizer = estimator(network=Watch, max_epochs=max_epochs, **params)
        X = numbered(0, N_VIDEOS) if X is None else X
        localizer.fit(X, labels() if y is None else y, **on_fit)
        training = epochs(Watch.seen, True, localizer.n_iter_)
        n_left = np.count_nonzero(on_fit.get("sample_weight", np.ones(len(X)))) - len(set(joined(training[0])))
        return training, epochs(Watch.seen, False, localizer.n_iter_, len(on_fit.get("X_val", [])) or n_left)

    return fit


def epochs(seen, in_training, n_epochs, n_videos=None):
    """The batches in one mode, a list for every epoch, of so many videos each; what follows the last is left out."""
    batches = [numbers for training, numbers in seen if training == in_training]
    if n_videos is None:
        size = len(batches) // n_epochs
    else:
        size = np.searchsorted(np.cumsum([len(batch) for batch in batches]), n_videos) + 1 if n_videos else 0
    return [batches[size * epoch : size * (epoch + 1)] for epoch in range(n_epochs)]


def joined(batches):
    return sum(batches, [])


# -------------------------------------------------------------------- training videos
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_each_epoch_has_every_video_once_in_an_order_of_its_own(watch, estimator):
    training, _ = watch(estimator, 5)
    orders = [joined(epoch) for epoch in training]
    assert all(sorted(order) == list(range(N_VIDEOS)) for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    assert all([len(batch) for batch in epoch] == [5, 5, 5, 5, 4] for epoch in training)
    assert list(range(N_VIDEOS)) not in orders


def test_neighbours_do_not_stay_together(watch):
    training, _ = watch(EventLocalizer, 20)
    orders = np.array([joined(epoch) for epoch in training])
    assert (np.diff(orders, axis=1) == 1).mean() < 0.2  # 1 / 24 of a random order
    assert len(set(orders[:, 0])) > 5 and len(set(orders[:, -1])) > 5  # any video may be first or last


def test_the_order_is_that_of_random_state(watch):
    runs = [joined(joined(watch(EventLocalizer, 2, random_state=seed)[0])) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_videos_of_weight_0_are_not_shown(watch):
    weight = np.arange(N_VIDEOS) % 4
    training, _ = watch(EventLocalizer, 2, sample_weight=weight)
    assert all(sorted(joined(epoch)) == np.flatnonzero(weight).tolist() for epoch in training)


# ------------------------------------------------------------------ validation videos
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_validation_videos_keep_their_order_and_are_not_trained_on(watch, estimator):
    X_val, y_val = numbered(50, 62), labels(CATEGORIES[:12])
    training, validation = watch(estimator, 3, early_stopping=10, X_val=X_val, y_val=y_val)
    assert all(sorted(joined(epoch)) == list(range(N_VIDEOS)) for epoch in training)
    assert all(joined(epoch) == list(range(50, 62)) for epoch in validation)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_predictions_keep_the_order_of_the_videos(estimator):
    X = numbered(0, N_VIDEOS)
    localizer = estimator(network=Watch, max_epochs=1, batch_size=1, random_state=0).fit(X, labels())
    expected = np.concatenate([localizer.predict_proba(X[i]) for i in range(N_VIDEOS)])
    np.testing.assert_allclose(localizer.predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("fraction", "n_each"), [(0.25, 2), (0.5, 4)])
def test_each_category_gives_its_share_of_held_out_videos(watch, estimator, fraction, n_each):
    held_out = set()
    for seed in range(5):
        training, validation = watch(estimator, 1, early_stopping=10, validation_fraction=fraction, random_state=seed)
        rows = joined(joined(validation))
        assert sorted(rows + joined(joined(training))) == list(range(N_VIDEOS))
        assert [list(CATEGORIES[rows]).count(name) for name in ("bird", "cat", "dog")] == [n_each] * 3
        held_out.add(tuple(sorted(rows)))
    assert len(held_out) > 1  # drawn by random_state


def test_shares_of_categories_of_different_size(watch):
    categories = np.array(["cat"] * 16 + ["dog"] * 8)
    for seed in range(5):
        _, validation = watch(
            EventLocalizer, 1, y=labels(categories), early_stopping=10, validation_fraction=0.25, random_state=seed
        )
        rows = joined(joined(validation))
        assert [list(categories[rows]).count(name) for name in ("cat", "dog")] == [4, 2]


def test_a_category_of_one_video_is_trained_on(watch):
    categories = CATEGORIES.copy()
    categories[7] = "horse"
    for seed in range(5):
        training, _ = watch(EventLocalizer, 1, y=labels(categories), early_stopping=10, random_state=seed)
        assert 7 in joined(joined(training))


def test_only_videos_with_weight_are_held_out(watch):
    weight = (np.arange(N_VIDEOS) < 18).astype(float)
    training, validation = watch(EventLocalizer, 1, sample_weight=weight, early_stopping=10, validation_fraction=1 / 3)
    rows = joined(joined(validation))
    assert len(rows) == 6 and sorted(rows + joined(joined(training))) == list(range(18))
