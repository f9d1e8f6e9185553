"""Scores of stretches of segments of different lengths."""

import numpy as np
import pytest

from ave_sklearn.metrics import event_f1_score, segment_accuracy_score
from ave_sklearn.metrics._stretches import score_stretches

KINDS = [["x", "xx", "background"], [3, 0, 2**40]]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("labels", KINDS, ids=["text", "numbers"])
def test_without_a_background_each_label_is_an_event(labels, rng):
    true, found = (rng.choice(np.array(labels), (8, 6)) for _ in range(2))
    scores = score_stretches([f"{row}.mp4" for row in range(8)], true, found, None)
    assert scores["references"] == {}
    assert scores["model"]["event_f1"] == pytest.approx(event_f1_score(true, found, background=None))
    assert scores["model"]["segment_accuracy"] == pytest.approx(segment_accuracy_score(true, found))
    assert 0 < scores["model"]["event_f1"] < 1


@pytest.mark.parametrize("labels", KINDS, ids=["text", "numbers"])
@pytest.mark.parametrize("has_background", [True, False])
def test_what_short_stretches_lack_counts_for_nothing(labels, has_background):
    a, b, c = labels
    true = [np.array([a, a, b, c, c]), np.array([b]), np.array([a, c])]
    found = [np.array([a, a, b, c, c]), np.array([a]), np.array([a, c])]
    scores = score_stretches(["1", "1", "2"], true, found, c if has_background else None)
    assert (scores["videos"], scores["segments"]) == (2, 8)
    n_right, n_events = (3, 4) if has_background else (5, 6)  # of the events all but [b] are found
    assert scores["model"] == {
        "segment_accuracy": pytest.approx(7 / 8),
        "event_f1": pytest.approx(n_right / n_events),
    }
    assert bool(scores["references"]) == has_background
