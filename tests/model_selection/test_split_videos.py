"""One split of videos: by category, by group, reproducible, and never empty."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ave_sklearn._stratified import stratified_split
from ave_sklearn.model_selection import split_videos, video_category

Y = np.repeat([["background", "dog"], ["cat", "cat"], ["background", "background"]], [20, 10, 10], axis=0)


def parts(y, *args, **params):
    """Training and test rows, which must part all rows."""
    train, test = split_videos(y, *args, **params)
    assert sorted([*train, *test]) == list(range(len(y)))
    assert train.tolist() == sorted(train) and test.tolist() == sorted(test)
    assert len(train) and len(test)
    return train, test


def test_every_category_is_held_out_by_its_share():
    _, test = parts(Y, random_state=0)
    counts = pd.Series(video_category(Y)[test]).value_counts().to_dict()
    assert counts == {"dog": 4, "cat": 2, "background": 2}


@pytest.mark.parametrize(
    "y",
    [
        np.where(Y == "background", 0, np.where(Y == "dog", 1, 2)),
        pd.DataFrame({"background": [0.5, 0.0, 1.0], "cat": [0, 1.0, 0], "dog": [0.5, 0, 0]}).iloc[
            np.repeat([0, 1, 2], [20, 10, 10])
        ],
        video_category(Y).tolist(),
    ],
    ids=["numbers", "proportions", "categories"],
)
def test_other_forms_of_y_are_split_alike(y):
    background = 0 if isinstance(y, np.ndarray) else "background"
    _, test = parts(y, random_state=3, background=background)
    counts = pd.Series(video_category(Y)[test]).value_counts().to_dict()
    assert counts == {"dog": 4, "cat": 2, "background": 2}


def test_the_draw_is_the_callers_own():
    state = np.random.get_state()[1].copy()
    first = parts(Y, random_state=1)[1]
    np.testing.assert_array_equal(parts(Y, random_state=1)[1], first)
    np.testing.assert_array_equal(parts(Y, random_state=np.random.RandomState(1))[1], first)
    assert len({tuple(parts(Y)[1]) for _ in range(10)}) > 1
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_a_group_is_on_one_side_and_stratified_by_all_of_its_rows():
    """Each group has one row of a cat and two of a dog, but the last four, of which the cat rows have more seconds."""
    y = np.array([["cat", "background"], ["dog", "background"], ["dog", "background"]] * 8)
    y[12:, 1] = np.where(y[12:, 0] == "cat", "cat", "background")
    y[12::3] = "cat"
    y[13::3] = "background"
    groups = np.repeat([f"v{number}" for number in range(8)], 3)
    for seed in range(10):
        train, test = parts(y, groups, test_size=0.5, random_state=seed)
        assert not set(groups[train]) & set(groups[test])
        held_out = [int(name[1:]) for name in set(groups[test])]
        assert sum(number < 4 for number in held_out) == sum(number >= 4 for number in held_out) == 2


def test_groups_are_split_by_their_names_whatever_the_order_of_the_rows():
    groups = np.array([f"v{number // 2:02}" for number in range(40)])
    order = np.random.default_rng(0).permutation(40)
    one = set(groups[parts(Y, groups, random_state=5)[1]])
    assert one == set(groups[order][parts(Y[order], groups[order], random_state=5)[1]])


def test_a_category_with_one_video_stays_in_training():
    y = ["dog"] * 6 + ["cat"]
    for seed in range(20):
        assert 6 in parts(y, test_size=0.5, random_state=seed)[0]
        kept, held_out = stratified_split(np.array([4, 4, 2, 4, 4]), 0.5, seed, "")
        assert 2 in kept and sorted([*kept, *held_out]) == list(range(5))


@pytest.mark.parametrize("test_size", [1e-9, 0.05, np.float32(0.1)])
def test_a_small_share_leaves_one_video_of_each_category(test_size):
    train, test = parts(["dog", "dog", "cat", "cat"], test_size=test_size, random_state=0)
    assert len(train) == len(test) == 2
    assert len({*test} & {0, 1}) == 1


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_any_split_has_both_sides_or_says_that_the_videos_are_too_few(category, test_size, seed):
    try:
        train, test = split_videos(category, test_size=test_size, random_state=seed, background=None)
    except ValueError as error:
        assert "too few videos to hold out a share" in str(error)
        return
    assert len(train) and len(test) and sorted([*train, *test]) == list(range(len(category)))
    counts = np.bincount(category, minlength=4)
    held = np.bincount(np.array(category)[test], minlength=4)
    assert np.all(held[counts == 1] == 0)
    assert held.sum() == max(round(test_size * len(category)), (counts > 1).sum(), 1)
    shared = counts[counts > 1]
    np.testing.assert_allclose(held[counts > 1], held.sum() * shared / shared.sum(), atol=1)


@pytest.mark.parametrize("test_size", [0, 1, 1.0, -0.1, 20, np.nan, np.inf, True, "0.2", None])
def test_a_share_out_of_range_is_named(test_size):
    with pytest.raises(ValueError, match="test_size is .*; wanted a share of the videos, a number between 0 and 1"):
        split_videos(Y, test_size=test_size)


@pytest.mark.parametrize("y", [["dog"], ["dog", "cat", "bird"]])
def test_too_few_videos_are_named(y):
    with pytest.raises(
        ValueError, match=f"^too few videos to hold out a share of 0.2 .*: {len(y)} in all, .*, 0 of which"
    ):
        split_videos(y)


def test_rows_of_one_group_are_one_video():
    with pytest.raises(ValueError, match=": 1 in all, of 1 categories, 0 of which"):
        split_videos(Y, ["a"] * len(Y))


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        ([], None, "at least one video"),
        ([["dog", None]], None, "none missing"),
        (["dog", "dog"], ["a", None], "got None for video 1"),
        (["dog", "dog"], ["a"], "the group of each of 2 videos"),
    ],
)
def test_bad_targets_and_groups_are_named(y, groups, message):
    with pytest.raises(ValueError, match=message):
        split_videos(y, groups)


def test_text_background_of_numbers_is_warned_of():
    with pytest.warns(UserWarning, match="background='background' is text, but y holds numbers"):
        split_videos([[0, 1], [0, 1], [0, 0], [0, 0]], test_size=0.5)
