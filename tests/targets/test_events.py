"""Events and categories against slow, obvious loops and against numbers worked out by hand."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ave_sklearn._targets.categories import video_category
from ave_sklearn._targets.events import segments_to_events

TEXT = np.array(["background", "cat", "dog"])
labels_as_codes = arrays(int, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2))


def events_by_loop(y, background, duration=1.0, scores=None):
    rows = []
    for video, labels in enumerate(y):
        t = 0
        while t < len(labels):
            stop = t
            while stop < len(labels) and labels[stop] == labels[t]:
                stop += 1
            if labels[t] != background:
                rows.append((video, t * duration, stop * duration, labels[t]))
                if scores is not None:
                    rows[-1] += (sum(scores[video][t:stop]) / (stop - t),)
            t = stop
    return rows


def rows_of(events):
    return list(events.itertuples(index=False, name=None))


@pytest.mark.slow
@given(labels_as_codes, st.sampled_from([0, None]), st.sampled_from([1.0, 0.04]))
def test_events_of_integer_labels_match_a_loop(y, background, duration):
    events = segments_to_events(y, background=background, segment_seconds=duration)
    assert rows_of(events) == events_by_loop(y, background, duration)


@pytest.mark.slow
@given(labels_as_codes, st.sampled_from(["U", object, np.dtypes.StringDType()]))
def test_events_of_text_labels_match_a_loop(codes, dtype):
    y = TEXT[codes]
    assert rows_of(segments_to_events(y.astype(dtype))) == events_by_loop(y, "background")


@pytest.mark.slow
@given(labels_as_codes, st.integers(0, 2**32 - 1))
def test_score_is_the_mean_over_the_run(y, seed):
    scores = np.random.default_rng(seed).random(y.shape)
    events = segments_to_events(y, background=0, scores=scores)
    expected = [row[-1] for row in events_by_loop(y, 0, scores=scores)]
    np.testing.assert_allclose(events["score"], expected, rtol=1e-12)


def test_events_worked_by_hand():
    y = [["dog", "dog", "background", "cat"], ["background"] * 4, ["cat", "dog", "dog", "dog"]]
    scores = [[0.5, 1.0, 0.9, 0.25], [1, 1, 1, 1], [0.75, 0.25, 0.5, 0.75]]
    events = segments_to_events(y, segment_seconds=0.5, scores=scores, videos=["a", "b", "c"])
    expected = pd.DataFrame(
        {
            "filename": ["a", "a", "c", "c"],
            "onset": [0.0, 1.5, 0.0, 0.5],
            "offset": [1.0, 2.0, 0.5, 2.0],
            "event_label": ["dog", "cat", "cat", "dog"],
            "score": [0.75, 0.25, 0.75, 0.5],
        }
    )
    pd.testing.assert_frame_equal(events, expected)


@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (3, 4)])
def test_without_events_the_columns_keep_their_dtypes(shape):
    events = segments_to_events(np.zeros(shape, int), background=0, scores=np.zeros(shape))
    assert len(events) == 0
    assert events.dtypes.astype(str).to_dict() == {
        "filename": "int64",
        "onset": "float64",
        "offset": "float64",
        "event_label": "int64",
        "score": "float64",
    }


def test_pandas_labels_and_whole_floats_are_labels():
    expected = [(0, 1.0, 2.0, 7)]
    y = pd.DataFrame({"first": [0], "second": [7]})
    for given_as in (y, y.astype(float), y.astype("Int64"), y.astype(object)):
        assert rows_of(segments_to_events(given_as, background=0)) == expected


def test_input_is_left_alone():
    y, scores = np.array([[0, 1, 1]]), np.array([[0.1, 0.2, 0.3]])
    y.flags.writeable = scores.flags.writeable = False
    assert rows_of(segments_to_events(y, background=0, scores=scores)) == [(0, 1.0, 3.0, 1, 0.25)]


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([[1, 2]], {}, "background='background' is text, but the labels are numbers, such as 1"),
        ([["a", "b"]], {"background": 0}, "background=0 is numbers, but the labels are text, such as 'a'"),
        (["a", "b"], {}, r"y must have the shape \(n_videos, n_segments\).*got \(2,\)"),
        (np.zeros((2, 3, 4)), {}, r"y is an array of shape \(2, 3, 4\).*not one-hot.*first in row \[0, 0\]"),
        ([[0.5, 0.5]], {}, "y must hold labels.*no proportions.*such as 0.5"),
        ([["a", None]], {}, "y must hold labels, all text or all numbers, none missing"),
        (np.array([["a", 1]], object), {}, "y must hold labels, all text or all numbers"),
        ([[0.0, np.nan]], {"background": 0}, "y must hold labels; got NaN"),
        ([[1j]], {}, "y must hold labels.*complex128"),
        ([["a"], ["a", "b"]], {}, "y must be an array, with rows of one length"),
        ([["a"]], {"segment_seconds": 0}, "segment_seconds must be a positive number; got 0"),
        ([["a"]], {"segment_seconds": 10**400}, "segment_seconds must be a positive number; got 1000"),
        ([["a"]], {"segment_seconds": -(10**400)}, "segment_seconds must be a positive number; got -1000"),
        ([["a"]], {"segment_seconds": np.inf}, "segment_seconds must be a positive number; got inf"),
        ([["a"]], {"segment_seconds": "1"}, "segment_seconds must be a positive number; got '1'"),
        ([["a"]], {"videos": ["v", "w"]}, r"videos must name the 1 rows of y; got the shape \(2,\)"),
        ([["a"]], {"scores": [[0.5, 0.5]]}, r"scores must hold one number.*\(1, 1\).*\(1, 2\)"),
        ([["a"]], {"scores": [[1.5]]}, r"scores must be probabilities within \[0, 1\]"),
        ([["a"]], {"scores": [[np.nan]]}, r"scores must be probabilities within \[0, 1\]"),
        ([["a"]], {"scores": [["high"]]}, "scores must hold real numbers; got the str .high."),
        ([["a"]], {"scores": [[0.5j]]}, "scores must hold real numbers; got the dtype complex128"),
        ([["a"]], {"scores": [[pd.NA]]}, "scores must hold real numbers: .*NAType"),
    ],
)
def test_bad_input_is_named(y, options, message):
    with pytest.raises(ValueError, match=message):
        segments_to_events(y, **options)


def category_by_loop(labels, background):
    counts = Counter(label for label in labels if label != background)
    return min(counts, key=lambda label: (-counts[label], label)) if counts else background


@given(labels_as_codes, st.sampled_from([0, 1, 2]))
def test_category_of_segment_labels_matches_a_loop(codes, background):
    expected = [category_by_loop(row, background) for row in codes.tolist()]
    assert video_category(codes, background=background).tolist() == expected
    assert video_category(TEXT[codes], background=TEXT[background]).tolist() == TEXT[expected].tolist()


@given(labels_as_codes, st.sampled_from([0, 1, 2]))
def test_all_forms_of_a_target_have_the_same_category(codes, background):
    one_hot = np.eye(3)[codes]
    expected = video_category(codes, background=background).tolist()
    assert video_category(one_hot, background=background).tolist() == expected
    assert video_category(one_hot.astype(int), background=background).tolist() == expected
    named = video_category(one_hot.mean(axis=1), background=TEXT[background], classes=TEXT)
    assert named.tolist() == TEXT[expected].tolist()


def test_of_proportions_with_unknown_background_the_largest_counts():
    proportions = np.array([[0.6, 0.4, 0.0], [0.2, 0.3, 0.5]])
    assert video_category(proportions).tolist() == [0, 2]
    assert video_category(proportions, background=0).tolist() == [1, 2]


def test_categories_are_returned_as_they_are():
    assert video_category(["b", "background", "a"]).tolist() == ["b", "background", "a"]
    assert video_category([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_a_01_integer_array_is_segment_labels():
    assert video_category([[1, 0, 0], [0, 0, 0]], background=0).tolist() == [1, 0]
    assert video_category([[1, 0, 0], [0, 1, 1]], background=None).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (np.zeros((0, 4), int), None, r"at least one video and one segment; got the shape \(0, 4\)"),
        (np.zeros((4, 0)), None, r"at least one video and one segment; got the shape \(4, 0\)"),
        (np.zeros((2, 2, 2, 2)), None, r"got float64 of shape \(2, 2, 2, 2\)"),
        (np.full((2, 2, 2), "a"), None, r"got <U1 of shape \(2, 2, 2\)"),
        ([[0.5, 0.5], [0.5, 0.6]], None, "read as proportions.*row 1 sums to 1.1"),
        ([[1.5, -0.5]], None, "read as proportions.*negative"),
        ([[np.nan, 1.0]], None, "y must hold labels; got NaN"),
        ([0.5, 2.0], None, "y must hold labels.*such as 0.5"),
        (np.zeros((1, 2, 3), int), None, r"one-hot form of labels, but.*first in row \[0, 0\]"),
        ([[0.5, 0.5]], ["a"], r"y has 2 columns, but there are 1 classes: \['a'\]"),
        (["a", None], None, "none missing"),
    ],
)
def test_targets_without_category_are_named(y, classes, message):
    with pytest.raises(ValueError, match=message):
        video_category(y, classes=classes)
