"""paired_difference against SciPy's tests, a slow bootstrap, and the coverage that it promises."""

import dataclasses
import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ave_sklearn.metrics import event_f1_score, paired_difference, segment_accuracy_score

TEXT = np.array(["background", "cat", "dog"])


def make_pair(n_videos=60, n_segments=10, right=(0.7, 0.6), seed=0):
    """True labels 0 to 2 and two predictions that are right as often as given; wrong ones are 3."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, (n_videos, n_segments))
    return y, *(np.where(rng.random(y.shape) < share, y, 3) for share in right)


def gains(y, a, b):
    """The difference of accuracy of each video."""
    return (a == y).mean(1) - (b == y).mean(1)


# ---------------------------------------------------------------- over groups
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_over_few_groups_it_is_the_paired_t_test_of_scipy(confidence):
    y, a, b = make_pair(70)
    sizes = [3, 7, 12, 8, 20, 20]
    groups = np.repeat(["f", "e", "a", "b", "d", "c"], sizes)
    mean_a, mean_b = (
        [segment_accuracy_score(y[groups == g], p[groups == g]) for g in np.unique(groups)] for p in (a, b)
    )
    expected = stats.ttest_rel(mean_a, mean_b)
    found = paired_difference(y, a, b, groups=groups, confidence=confidence)
    assert found.difference == pytest.approx(np.mean(mean_a) - np.mean(mean_b))
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(confidence)))
    assert found.pvalue == pytest.approx(expected.pvalue)
    assert (found.method, found.n_videos, found.n_groups) == ("t over groups", 70, 6)


def test_groups_decide_the_method_from_20_on():
    y, a, b = make_pair(60)
    few, many = (paired_difference(y, a, b, groups=np.arange(60) % k, random_state=0) for k in (19, 20))
    assert (few.method, many.method) == ("t over groups", "bootstrap over groups")
    assert (few.n_groups, many.n_groups) == (19, 20)
    assert many.difference == pytest.approx(gains(y, a, b).mean())


def test_a_bootstrap_over_groups_draws_whole_groups():
    # the videos of a group gain the same: drawn alone, they would seem to be 20 times as many
    gained = np.random.default_rng(0).choice([-1, 0, 1], 25)
    y = np.ones((500, 1), int)
    a, b = (np.repeat(gained * sign >= 0, 20)[:, None].astype(int) for sign in (1, -1))
    groups = np.repeat(np.arange(25), 20)
    grouped = paired_difference(y, a, b, groups=groups, random_state=0)
    single = paired_difference(y[::20], a[::20], b[::20], random_state=0)
    videos = paired_difference(y, a, b, random_state=0)
    assert grouped.interval == single.interval and grouped.pvalue == single.pvalue
    assert np.ptp(grouped.interval) > 3 * np.ptp(videos.interval)


# ---------------------------------------------------------------- over videos
def test_the_bootstrap_is_near_that_of_scipy():
    y, a, b = make_pair(400)
    found = paired_difference(y, a, b, n_resamples=20_000, random_state=0)
    result = stats.bootstrap((gains(y, a, b),), np.mean, method="percentile", n_resamples=20_000, rng=1, batch=2000)
    assert found.difference == pytest.approx(gains(y, a, b).mean())
    width = np.ptp(result.confidence_interval)
    assert np.abs(np.subtract(found.interval, result.confidence_interval)).max() < 0.02 * width
    assert found.method == "bootstrap over videos" and found.n_groups is None


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_bootstrap_of_a_mean_is_as_wide_as_student_s_interval(confidence):
    y, a, b = make_pair(24, 50, right=(0.62, 0.6), seed=2)  # at 95 % plain percentiles are 7 % narrower
    found = paired_difference(y, a, b, confidence=confidence, n_resamples=30_000, random_state=0)
    expected = stats.ttest_1samp(gains(y, a, b), 0)
    assert np.ptp(found.interval) == pytest.approx(np.ptp(expected.confidence_interval(confidence)), rel=0.03)
    assert 0.05 < found.pvalue == pytest.approx(expected.pvalue, abs=0.01)


@pytest.mark.parametrize("n_videos", [12, 60])
def test_the_p_value_and_the_interval_agree_at_every_level(n_videos):
    for seed in range(6):
        y, a, b = make_pair(n_videos, right=(0.65, 0.6), seed=seed)
        for groups in (None, np.arange(n_videos) % 5):
            options = {"groups": groups, "n_resamples": 999, "random_state": seed}
            pvalue = paired_difference(y, a, b, **options).pvalue
            for level in (1 - pvalue * 1.001, 1 - pvalue * 0.999, 0.5, 0.8, 0.9, 0.95, 0.98):
                if 0.01 < 1 - level < 1:
                    low, high = paired_difference(y, a, b, confidence=level, **options).interval
                    assert (pvalue < 1 - level) == (low > 0 or high < 0)


def test_swapping_the_systems_turns_the_sign():
    y, a, b = make_pair()
    for groups in (None, np.arange(60) % 6):
        one, other = (paired_difference(y, *pair, groups=groups, random_state=0) for pair in ((a, b), (b, a)))
        assert one.difference == -other.difference > 0
        assert one.interval == pytest.approx([-end for end in other.interval[::-1]], abs=0.01)


def test_random_state_alone_decides():
    y, a, b = make_pair()
    np.random.seed(0)
    draw = np.random.random()
    np.random.seed(0)
    first, again, other = (paired_difference(y, a, b, random_state=seed) for seed in (0, 0, 1))
    paired_difference(y, a, b)
    assert np.random.random() == draw
    assert first == again != other


@pytest.mark.slow
@pytest.mark.parametrize("groups", [None, np.arange(60) % 6, np.arange(60) % 30, np.arange(60) % 2])
@pytest.mark.parametrize(
    ("metric", "weight"),
    [
        (segment_accuracy_score, None),
        (segment_accuracy_score, np.linspace(0.1, 1, 60)),
        (partial(segment_accuracy_score), np.linspace(0.1, 1, 60)),
        (partial(event_f1_score, background=0), None),
    ],
)
def test_equal_predictions_do_not_differ(groups, metric, weight):
    y, a, _ = make_pair()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        options = {"groups": groups, "metric": metric, "n_resamples": 30, "sample_weight": weight}
        found = paired_difference(y, a, a.astype(object), **options, confidence=0.9)
    assert (found.difference, found.interval, found.pvalue) == (0, (0, 0), 1)


def test_systems_that_differ_alike_everywhere():
    y = np.zeros((40, 4), int)
    a, b = y.copy(), np.tile([0, 0, 0, 1], (40, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = paired_difference(y, a, b, random_state=0)
        grouped = paired_difference(y, a, b, groups=np.arange(40) % 4)
    assert (found.difference, found.interval) == (0.25, (0.25, 0.25)) and 0 < found.pvalue < 0.001
    assert (grouped.difference, grouped.interval, grouped.pvalue) == (0.25, (0.25, 0.25), 0)


@pytest.mark.parametrize("n_videos", [2, 3, 5])
def test_two_videos_are_enough(n_videos):
    y, a, b = make_pair(n_videos)
    found = paired_difference(y, a, b, random_state=0)
    assert np.isfinite([found.difference, *found.interval, found.pvalue]).all()
    assert found.interval[0] <= found.difference <= found.interval[1]


# ----------------------------------------------------------- metric and weights
@pytest.mark.slow
def test_another_metric_is_computed_of_the_rows_of_each_resample():
    y, a, b = make_pair(8, right=(0.9, 0.7))
    metric, drawn = partial(event_f1_score, background=0), []

    def spy(y_true, y_pred):
        drawn.append(y_true)
        return metric(y_true, y_pred)

    found = paired_difference(y, a, b, metric=spy, n_resamples=20, confidence=0.8, random_state=0)
    assert found.difference == metric(y, a) - metric(y, b)
    assert found.difference != pytest.approx(
        np.mean([metric(y[[i]], a[[i]]) - metric(y[[i]], b[[i]]) for i in range(8)])
    )
    assert len(drawn) == 2 * 21 and {rows.shape for rows in drawn} == {y.shape}
    assert found.interval[0] < found.difference < found.interval[1]


@pytest.mark.slow
@pytest.mark.parametrize("groups", [None, np.arange(40) % 6, np.arange(40) % 25])
@pytest.mark.parametrize("weight", [None, np.random.default_rng(0).random(40)])
def test_accuracy_by_its_own_way_is_accuracy_as_any_metric(groups, weight):
    y, a, b = make_pair(40)
    options = {"groups": groups, "sample_weight": weight, "n_resamples": 1999, "random_state": 0}
    fast = paired_difference(y, a, b, **options)
    slow = paired_difference(y, a, b, metric=partial(segment_accuracy_score), **options)
    assert fast.difference == pytest.approx(slow.difference)
    tolerance = 1e-12 if groups is not None and groups.max() < 20 else 0.1 * np.ptp(slow.interval)
    assert fast.interval == pytest.approx(slow.interval, abs=tolerance)
    assert fast.pvalue == pytest.approx(slow.pvalue, abs=min(tolerance, 0.02))


@pytest.mark.parametrize("groups", [None, np.arange(60) % 6, np.arange(60) % 30])
def test_weights_are_repetitions_and_weight_zero_is_removal(groups):
    y, a, b = make_pair()
    weight = np.repeat([1.0, 0.0, 2.0], 20)
    found = paired_difference(y, a, b, groups=groups, sample_weight=weight, random_state=0)
    kept = weight > 0
    there = None if groups is None else groups[kept]
    removed = paired_difference(y[kept], a[kept], b[kept], groups=there, sample_weight=weight[kept], random_state=0)
    assert found == removed and found.n_videos == 40
    if groups is None or groups.max() > 20:
        assert found.difference == pytest.approx(np.average(gains(y, a, b), weights=weight))
    scaled = paired_difference(y, a, b, groups=groups, sample_weight=8 * weight, random_state=0)
    assert scaled.interval == pytest.approx(found.interval)


def test_every_form_of_labels_is_read():
    y, a, b = (np.minimum(labels, 2) for labels in make_pair())
    expected = paired_difference(y, a, b, random_state=0)
    forms = [
        lambda labels: labels.tolist(),
        lambda labels: labels.astype(object),
        lambda labels: labels.astype(float),
        lambda labels: pd.DataFrame(labels),
        lambda labels: np.eye(3)[labels],
        lambda labels: TEXT[labels],
    ]
    for form in forms:
        assert paired_difference(form(y), form(a), form(b), random_state=0) == expected
    flat = paired_difference(y[:, 0], a[:, 0], b[:, 0], random_state=0)
    assert flat == paired_difference(y[:, :1], a[:, :1], b[:, :1], random_state=0)


# ------------------------------------------------------------------- coverage
def simulate(n_groups, n_videos, spread, seed):
    """Labels of groups in which the systems gain differently, though nothing on the mean; groups of unequal sizes."""
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), rng.integers(0, n_groups, n_groups * (n_videos - 1))])
    gain = spread * rng.standard_normal(n_groups).clip(-2, 2)[groups, None]
    a, b = ((rng.random((len(groups), 5)) < 0.6 + sign * gain / 2).astype(int) for sign in (1, -1))
    return np.ones_like(a), a, b, groups


def binomial_bounds(n, share=0.95):
    """Between which counts 999 of 1000 experiments end where the interval covers as often as it says."""
    return stats.binom.ppf([0.0005, 0.9995], n, share)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_groups", "n_videos", "spread"),
    [(6, 10, 0.0), (6, 10, 0.15), (12, 10, 0.15), (24, 10, 0.0), (24, 10, 0.15), (50, 1, 0.0), (50, 1, 0.2)],
)
def test_a_95_percent_interval_covers_95_percent(n_groups, n_videos, spread):
    covered = 0
    for seed in range(500):
        *labels, groups = simulate(n_groups, n_videos, spread, seed)
        groups = groups if n_videos > 1 else None
        low, high = paired_difference(*labels, groups=groups, n_resamples=999, random_state=seed).interval
        covered += low <= 0 <= high
    low, high = binomial_bounds(500)
    assert low <= covered <= high


@pytest.mark.slow
def test_of_six_groups_a_percentile_bootstrap_covers_less():
    covered = 0
    for seed in range(500):
        y, a, b, groups = simulate(6, 10, 0.15, seed)
        means = pd.Series(gains(y, a, b)).groupby(groups).mean().to_numpy()
        drawn = np.random.default_rng(seed).choice(means, (999, 6)).mean(1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        covered += low <= 0 <= high
    assert covered < binomial_bounds(500)[0]


# --------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pred_a": np.zeros((4, 2), int)}, r"y_true and pred_a must have the same shape; got \(4, 3\) and \(4, 2\)"),
        ({"pred_b": np.zeros((3, 3), int)}, r"y_true and pred_b must have the same shape; got \(4, 3\) and \(3, 3\)"),
        ({"pred_b": [["a"] * 3] * 4}, "y_true and pred_b must both be text or both be numbers"),
        ({"pred_a": [[0.5] * 3] * 4}, "pred_a must hold labels, text or whole numbers"),
        ({"pred_b": [[np.nan] * 3] * 4}, "pred_b must hold labels; got NaN"),
        ({"y_true": [["a", None, "b"]] * 4}, "y_true must hold labels"),
        (dict.fromkeys(["y_true", "pred_a", "pred_b"], np.zeros((1, 3), int)), "y_true must hold at least two videos"),
        (dict.fromkeys(["y_true", "pred_a", "pred_b"], np.zeros((0, 3), int)), "y_true must have at least one segment"),
        ({"groups": [1, 1, 1, 1]}, "groups must hold at least two groups, .*; got 1"),
        ({"groups": [1, 2, 3]}, r"groups must name the group of each of 4 videos; got the shape \(3,\)"),
        ({"groups": ["a", "b", None, "b"]}, "groups must name the group of each video; got None for video 2"),
        ({"groups": [1, 1, 2, 2], "sample_weight": [1, 1, 0, 0]}, "groups must hold at least two groups"),
        ({"sample_weight": [1, 0, 0, 0]}, "y_true must hold at least two videos"),
        ({"sample_weight": [1, 1]}, "sample_weight must hold a number for each of 4 videos"),
        ({"metric": "accuracy"}, r"metric must be callable as metric\(y_true, y_pred\); got 'accuracy'"),
        ({"metric": lambda y, p: "high"}, "metric must return a finite number; got 'high'"),
        ({"metric": lambda y, p: None}, "metric must return a finite number; got None"),
        ({"metric": lambda y, p: np.ones(2)}, r"metric must return a finite number; got array\(\[1., 1.\]\)"),
        ({"metric": lambda y, p: float("nan"), "groups": [1, 1, 2, 2]}, "metric must return a finite number; got nan"),
        ({"confidence": 1}, r"confidence must be a number within \(0, 1\), such as 0.95; got 1"),
        ({"confidence": 0.0}, "confidence must be a number"),
        ({"confidence": 95}, "confidence must be a number .*; got 95"),
        ({"confidence": "0.95"}, "confidence must be a number .*; got '0.95'"),
        ({"confidence": float("nan")}, "confidence must be a number .*; got nan"),
        ({"n_resamples": 0}, "n_resamples must be a positive integer; got 0"),
        ({"n_resamples": 50}, r"n_resamples must be \d\d or more for confidence=0.95; got 50"),
        ({"random_state": "seed"}, "random_state is .seed.; wanted"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = dict.fromkeys(["y_true", "pred_a", "pred_b"], np.zeros((4, 3), int)) | change
    with pytest.raises(ValueError, match=message):
        paired_difference(**arguments)


def test_the_fewest_resamples_that_it_names_do():
    y, a, b = make_pair()
    with pytest.raises(ValueError, match="n_resamples must be") as error:
        paired_difference(y, a, b, n_resamples=10)
    enough = int(str(error.value).split()[3])
    found = paired_difference(y, a, b, n_resamples=enough)
    assert found.interval[0] < found.interval[1]
    with pytest.raises(ValueError, match="n_resamples must be"):
        paired_difference(y, a, b, n_resamples=enough - 1)


def test_the_result_is_frozen_and_pickles():
    found = paired_difference(*make_pair(), groups=np.arange(60) % 6)
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.pvalue = 0
    assert all(type(value) is float for value in (found.difference, *found.interval, found.pvalue, found.confidence))
    assert paired_difference(*make_pair(), confidence=np.float32(0.5)).confidence == 0.5
