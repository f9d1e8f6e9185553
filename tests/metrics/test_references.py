"""Predictions that tell no second from another."""

import numpy as np
import pytest

from ave_sklearn.metrics import event_f1_score, reference_predictions, segment_accuracy_score

NAMES = ["everything background", "right category, every second an event"]


def test_each_video_has_its_own_category_in_every_second():
    y = np.array([["background", "dog", "dog"], ["cat", "dog", "cat"], ["background"] * 3])
    predictions = reference_predictions(y)
    assert list(predictions) == NAMES
    assert predictions[NAMES[0]].tolist() == [["background"] * 3] * 3
    assert predictions[NAMES[1]].tolist() == [["dog"] * 3, ["cat"] * 3, ["background"] * 3]
    predictions[NAMES[1]][0, 0] = "cat"  # an array of its own
    assert predictions[NAMES[1]][0].tolist() == ["cat", "dog", "dog"]


def test_equally_frequent_labels_are_the_one_that_sorts_first():
    assert reference_predictions([["dog", "cat", "background"]])[NAMES[1]].tolist() == [["cat"] * 3]


def test_rows_of_one_video_share_the_category_of_all_its_seconds():
    y = [["cat", "background", "cat"], ["cat", "cat", "cat"], ["background"] * 3, ["dog", "dog", "background"]]
    predictions = reference_predictions(y, groups=["a", "a", "b", "a"])
    assert predictions[NAMES[1]].tolist() == [["cat"] * 3, ["cat"] * 3, ["background"] * 3, ["cat"] * 3]


def test_numbers_have_a_number_for_background():
    y = [[28, 3, 3], [28, 28, 28]]
    predictions = reference_predictions(y, background=28)
    assert predictions[NAMES[1]].tolist() == [[3, 3, 3], [28, 28, 28]]
    assert segment_accuracy_score(y, predictions[NAMES[0]]) == 4 / 6
    assert event_f1_score(y, predictions[NAMES[1]], background=28) == 1


def test_a_one_hot_array_is_read_as_the_metrics_read_it():
    y = np.array([[28, 3, 3], [3, 28, 28]]) // 27 + 1
    for name, y_pred in reference_predictions(np.eye(3)[y], background=2).items():
        np.testing.assert_array_equal(y_pred, reference_predictions(y, background=2)[name])


@pytest.mark.parametrize(
    ("y", "params", "message"),
    [
        (["dog"], {}, "must have the shape"),
        (np.zeros((0, 3), int), {"background": 0}, "at least one segment"),
        ([["dog"]], {"background": None}, "background is None; wanted the label"),
        ([[1, 2]], {}, "background='background' is text, but the labels are numbers"),
        ([["dog"], ["cat"]], {"groups": ["a"]}, "the group of each of 2 videos"),
        ([[0.5, 0.5]], {"background": 0}, "no proportions"),
    ],
)
def test_what_is_no_labels_is_named(y, params, message):
    with pytest.raises(ValueError, match=message):
        reference_predictions(y, **params)
