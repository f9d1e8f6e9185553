"""Metrics against slow, obvious loops, numbers worked out by hand, and scikit-learn's tools."""

import math
import pickle
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from helpers import SegmentNB, make_videos
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ave_sklearn.metrics import (
    EventF1Scorer,
    event_f1_score,
    event_f1_scorer,
    event_report,
    segment_accuracy_score,
    segment_accuracy_scorer,
    segment_classification_report,
    segment_log_loss,
    segment_log_loss_scorer,
)

TEXT = np.array(["background", "cat", "dog"])


@st.composite
def label_pairs(draw, max_segments=8):
    shape = draw(st.integers(1, 5)), draw(st.integers(1, max_segments))
    codes = arrays(int, shape, elements=st.integers(0, 2))
    return draw(codes), draw(codes)


@st.composite
def weighted_label_pairs(draw):
    y_true, y_pred = draw(label_pairs())
    weight = draw(arrays(int, len(y_true), elements=st.integers(0, 3)).filter(lambda w: w.sum() > 0))
    return y_true, y_pred, weight


# Segments


@pytest.mark.slow
@given(weighted_label_pairs())
def test_segment_accuracy_matches_a_loop(data):
    y_true, y_pred, weight = data
    right = total = 0
    for true, pred, w in zip(y_true, y_pred, weight, strict=True):
        for a, b in zip(true, pred, strict=True):
            right, total = right + w * (a == b), total + w
    expected = pytest.approx(right / total)
    assert segment_accuracy_score(y_true, y_pred, sample_weight=weight) == expected
    assert segment_accuracy_score(TEXT[y_true], TEXT[y_pred].astype(object), sample_weight=weight) == expected


def test_segment_accuracy_worked_by_hand():
    y_true, y_pred = [["a", "a", "b"], ["b", "b", "b"]], [["a", "b", "b"], ["b", "a", "a"]]
    assert segment_accuracy_score(y_true, y_pred) == 0.5
    assert segment_accuracy_score(y_true, y_pred, sample_weight=[3, 1]) == pytest.approx(7 / 12)
    assert segment_accuracy_score(["a", "b", "c"], ["a", "b", "b"]) == pytest.approx(2 / 3)


@pytest.mark.slow
@given(weighted_label_pairs())
def test_segment_report_matches_a_loop(data):
    y_true, y_pred, weight = data
    report = segment_classification_report(y_true, y_pred, labels=[2, 0, 1], sample_weight=weight)
    w = np.repeat(weight, y_true.shape[1])
    true, pred = y_true.ravel(), y_pred.ravel()
    for label in range(3):
        tp = w[(true == label) & (pred == label)].sum()
        n_true, n_pred = w[true == label].sum(), w[pred == label].sum()
        expected = [tp / n_pred if n_pred else 0, tp / n_true if n_true else 0]
        expected += [2 * tp / (n_true + n_pred) if n_true + n_pred else 0, n_true]
        np.testing.assert_allclose(report.loc[label].to_numpy(float), expected)
    assert report.index.tolist() == [2, 0, 1, "accuracy", "macro avg"]
    np.testing.assert_allclose(
        report.loc["accuracy"].to_numpy(), [(w * (true == pred)).sum() / w.sum()] * 3 + [w.sum()]
    )
    means = report.iloc[:3][["precision", "recall", "f1"]].mean()
    np.testing.assert_allclose(report.loc["macro avg"].to_numpy(), [*means, w.sum()])


def test_segment_report_lists_what_occurs_and_a_class_called_accuracy():
    report = segment_classification_report([["b", "accuracy"]], [["b", "a"]])
    assert report.index.tolist() == ["a", "accuracy", "b", "accuracy", "macro avg"]
    assert report["support"].tolist() == [0, 1, 1, 2, 2]


def test_segment_report_of_some_labels_keeps_the_accuracy_of_all():
    report = segment_classification_report([["a", "b", "c"]], [["a", "b", "a"]], labels=["b"])
    assert report.loc["accuracy", "recall"] == pytest.approx(2 / 3)
    assert report.loc["macro avg"].tolist() == [1, 1, 1, 1]


@pytest.mark.slow
@given(weighted_label_pairs(), st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_segment_log_loss_matches_a_loop(data, seed, dtype):
    y_true, _, weight = data
    proba = np.random.default_rng(seed).dirichlet(np.ones(3), y_true.shape).astype(dtype)
    loss = total = 0
    for i, t in np.ndindex(y_true.shape):
        loss -= weight[i] * math.log(max(proba[i, t, y_true[i, t]], np.finfo(dtype).eps))
        total += weight[i]
    result = segment_log_loss(y_true, proba, labels=[0, 1, 2], sample_weight=weight)
    assert result == pytest.approx(loss / total, rel=1e-5)
    permuted = segment_log_loss(TEXT[y_true], proba[..., [2, 0, 1]], labels=TEXT[[2, 0, 1]], sample_weight=weight)
    assert permuted == pytest.approx(result)


def test_segment_log_loss_of_one_segment_videos_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    y, proba, weight = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50), rng.random(50)
    expected = log_loss(y, proba, sample_weight=weight, labels=[0, 1, 2])
    assert segment_log_loss(y, proba, labels=[0, 1, 2], sample_weight=weight) == pytest.approx(expected)


def test_segment_log_loss_is_zero_when_sure_and_finite_when_wrong():
    assert str(segment_log_loss([["a", "b"]], np.eye(2)[None], labels=["a", "b"])) == "0.0"
    wrong = segment_log_loss([["b", "a"]], np.eye(2)[None], labels=["a", "b"])
    assert wrong == pytest.approx(-math.log(np.finfo(float).eps))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weight", "message"),
    [
        (
            [["a", "b"]],
            [["a"]],
            None,
            r"y_true and y_pred must have the same shape; got \(1, 2\) and \(1, 1\)",
        ),
        (
            [["a"]],
            [[1]],
            None,
            "both be text or both be numbers; got text, such as 'a', and numbers, such as 1",
        ),
        (np.ones((1, 2, 2)), [["a", "b"]], None, r"y_true is an array of shape \(1, 2, 2\).*not one-hot"),
        ([["a", "b"]], np.eye(2)[None], None, "y_true and y_pred must both be text or both be numbers"),
        ([[0.25, 0.75]], [[0, 1]], None, "y_true must hold labels.*no proportions"),
        (
            np.zeros((0, 3), int),
            np.zeros((0, 3), int),
            None,
            r"y_true must have at least one segment.*\(0, 3\)",
        ),
        ([[1], [1]], [[1], [1]], [1], r"sample_weight must hold a number for each of 2 videos.*\(1,\)"),
        ([[1], [1]], [[1], [1]], [1, -1], "sample_weight must be finite, not negative and not all zero"),
        ([[1], [1]], [[1], [1]], [0, 0], "sample_weight must be finite, not negative and not all zero"),
        ([[1], [1]], [[1], [1]], [1, np.nan], "sample_weight must be finite, not negative and not all zero"),
        ([[1], [1]], [[1], [1]], ["a", "b"], "sample_weight must hold real numbers; got the str"),
        ([[1], [1]], [[1], [1]], [1, 2j], "sample_weight must hold real numbers.*complex128"),
        ([[1], [1]], [[1], [1]], {"a": 1}, "sample_weight must hold real numbers.*dict"),
        ([[1], [1]], [[1], [1]], [1, 10**400], "sample_weight must hold real numbers.*int too large"),
    ],
)
@pytest.mark.parametrize("metric", [segment_accuracy_score, segment_classification_report])
def test_bad_segment_labels_are_named(metric, y_true, y_pred, weight, message):
    with pytest.raises(ValueError, match=message):
        metric(y_true, y_pred, sample_weight=weight)


@pytest.mark.parametrize("scale", [1e308, 1e300, 1e-300, 5e-324])
def test_huge_and_tiny_weights_count_as_others(scale):
    y_true, y_pred, weight = [[1, 2], [1, 1], [2, 2]], [[1, 1], [1, 1], [1, 2]], np.array([1, 0, 1])
    proba = [[[0.5, 0.5], [0.25, 0.75]]] * 3
    for metric, predicted, options in [
        (segment_accuracy_score, y_pred, {}),
        (segment_log_loss, proba, {"labels": [1, 2]}),
        (segment_classification_report, y_pred, {}),
    ]:
        expected = metric(y_true, predicted, **options, sample_weight=weight)
        result = metric(y_true, predicted, **options, sample_weight=weight * scale)
        if metric is segment_classification_report:
            expected, result = expected.drop(columns="support"), result.drop(columns="support")
        np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("proba", "labels", "message"),
    [
        ([[0.5, 0.5]], ["a", "b"], r"y_proba must have the shape \(1, 2, 2\).*got \(1, 2\)"),
        ([[[0.2, 0.8, 0]] * 2], ["a", "b"], r"y_proba must have the shape \(1, 2, 2\).*got \(1, 2, 3\)"),
        ([[[1.2, -0.2]] * 2], ["a", "b"], r"y_proba must lie within \[0, 1\]"),
        ([[[np.nan, 1.0]] * 2], ["a", "b"], r"y_proba must lie within \[0, 1\]; got other values, or NaN"),
        ([[[0.5, 0.4]] * 2], ["a", "b"], "y_proba must sum to 1.*from 0.9 to 0.9"),
        ([[[0.5, 0.5]] * 2], ["a", "c"], r"labels must hold every label of y_true; missing: \['b'\]"),
        ([[[0.5, 0.5]] * 2], ["a", "a"], "labels must be a list of different labels"),
        ([[[0.5, 0.5]] * 2], [0, 1], "labels and y_true must both be text or both be numbers"),
        ([[[0.5, 0.5]] * 2], [], "labels must be a list of different labels, at least one"),
        ([[["0.5", "0.5"]] * 2], ["a", "b"], "y_proba must hold real numbers; got the str .0.5."),
        ([[[0.5, 0.5 + 0j]] * 2], ["a", "b"], "y_proba must hold real numbers; got the dtype complex128"),
        ([[[0.5, {}]] * 2], ["a", "b"], "y_proba must hold real numbers: .*dict"),
    ],
)
def test_bad_probabilities_are_named(proba, labels, message):
    with pytest.raises(ValueError, match=message):
        segment_log_loss([["a", "b"]], proba, labels=labels)


# Events


def events_by_loop(labels):
    runs, t = [], 0
    while t < len(labels):
        stop = t
        while stop < len(labels) and labels[stop] == labels[t]:
            stop += 1
        if labels[t] != 0:
            runs.append((labels[t], t, stop))
        t = stop
    return runs


def may_pair(true, pred, collar, iou):
    if true[0] != pred[0]:
        return False
    if collar is not None:
        return abs(true[1] - pred[1]) <= collar and abs(true[2] - pred[2]) <= collar
    a, b = set(range(*true[1:])), set(range(*pred[1:]))
    return len(a & b) / len(a | b) >= iou


def most_pairs(true, pred, collar, iou):
    """Try every way to pair."""
    if not true:
        return 0
    skipped = most_pairs(true[1:], pred, collar, iou)
    tried = [
        1 + most_pairs(true[1:], pred[:k] + pred[k + 1 :], collar, iou)
        for k in range(len(pred))
        if may_pair(true[0], pred[k], collar, iou)
    ]
    return max([skipped, *tried])


def counts_by_loop(y_true, y_pred, collar, iou):
    """Return {label: [n_true, n_predicted, n_matched]}."""
    counts = {}
    for row_true, row_pred in zip(y_true.tolist(), y_pred.tolist(), strict=True):
        for label in (1, 2):
            true = [run for run in events_by_loop(row_true) if run[0] == label]
            pred = [run for run in events_by_loop(row_pred) if run[0] == label]
            found = np.array([len(true), len(pred), most_pairs(true, pred, collar, iou)])
            counts[label] = counts.get(label, 0) + found
    return {label: found for label, found in counts.items() if found.any()}


criteria = st.sampled_from([(0, None), (1, None), (2, None), (None, 0.2), (None, 0.5), (None, 1.0)])


@pytest.mark.slow
@given(label_pairs(max_segments=12), criteria)
def test_event_metrics_match_trying_every_pairing(data, criterion):
    (y_true, y_pred), (collar, iou) = data, criterion
    options = {"background": 0, "collar": collar, "iou": iou}
    report = event_report(y_true, y_pred, **options)
    counts = counts_by_loop(y_true, y_pred, collar, iou)
    names = ["n_true", "n_predicted", "n_matched"]
    assert report.index.tolist() == [*counts, "micro avg", "macro avg"]
    for label, found in counts.items():
        assert report.loc[label, names].tolist() == found.tolist()
    n_true, n_pred, n_matched = np.sum([*counts.values(), [0, 0, 0]], axis=0)
    micro = 2 * n_matched / (n_true + n_pred) if n_true + n_pred else 0
    macro = np.mean([2 * m / (t + p) for t, p, m in counts.values()] or [0])
    assert event_f1_score(y_true, y_pred, **options) == pytest.approx(micro)
    assert event_f1_score(y_true, y_pred, average="macro", **options) == pytest.approx(macro)
    assert report["f1"].tolist()[-2:] == pytest.approx([micro, macro])
    assert event_f1_score(y_pred, y_true, **options) == pytest.approx(micro)


STEPS = {  # twentieths, by arithmetic that does not give the nearest float to each
    "arange": np.arange(0.05, 1.0, 0.05),
    "coarse arange": np.arange(0.1, 1.0, 0.1),
    "linspace": np.linspace(0, 1, 21)[1:],
    "cumsum": np.cumsum(np.full(20, 0.05)),
    "complement": 1 - np.arange(0.95, 0.0, -0.05),
    "float32": np.arange(0.1, 1.0, 0.1, dtype=np.float32),
    "float16": np.arange(0.1, 1.0, 0.1).astype(np.float16),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STEPS)
def test_an_exact_iou_reaches_its_threshold_however_that_was_computed(name):
    shares = [(p, q) for q in range(1, 21) for p in range(1, q + 1)]  # pairs of events with the IoU p / q, a label each
    true, pred = np.zeros((2, len(shares), 20), dtype=int)
    for label, (p, q) in enumerate(shares, 1):
        true[label - 1, :q] = pred[label - 1, :p] = label
    for threshold in STEPS[name]:
        wanted = Fraction(round(20 * float(threshold)), 20)
        report = event_report(true, pred, background=0, iou=threshold)
        expected = [int(Fraction(p, q) >= wanted) for p, q in shares]
        assert report["n_matched"].tolist()[:-2] == expected, threshold


def test_the_tolerance_of_iou_is_one_millionth():
    y_true, y_pred = row("ddd"), row("dd.")
    matched = [event_f1_score(y_true, y_pred, iou=2 / 3 + more) for more in (-1e-5, 0, 9e-7, 1.1e-6, 1e-5)]
    assert matched == [1, 1, 1, 0, 0]
    assert event_f1_score(y_true, y_true, iou=1 + 1e-9) == 1
    assert event_f1_score(row("d..."), row(".d.."), iou=1e-9) == 0  # they share nothing


@pytest.mark.slow
@pytest.mark.parametrize("duration", [0.1, np.float32(0.1), 0.3, np.float32(1 / 3), np.float16(0.1), 1e4])
@pytest.mark.parametrize("form", [float, np.float32])
def test_an_event_as_late_as_the_collar_is_found(duration, form):
    pred = np.eye(20, dtype=int)[:12]  # onset and offset are 0 to 11 segments late
    true = np.broadcast_to(pred[0], pred.shape) * np.arange(1, 13)[:, None]
    pred = pred * np.arange(1, 13)[:, None]
    options = {"background": 0, "segment_seconds": duration}
    exact = float(str(duration))
    for late in range(12):
        for collar in (late * exact, sum([exact] * late, 0.0)):
            report = event_report(true, pred, collar=form(collar), **options)
            assert report["n_matched"].tolist()[:-2] == [int(k <= late) for k in range(12)]


def test_the_tolerance_of_collars_is_a_microsecond():
    y_true, y_pred = row(".d."), row("d..")
    options = {"segment_seconds": 0.04}
    found = [event_f1_score(y_true, y_pred, collar=0.04 - less, **options) for less in (9e-7, 1.1e-6, 1e-5)]
    assert found == [1, 0, 0]


def row(text):
    """Turn "..dd" into one video's labels; a dot is background."""
    return [[{".": "background"}.get(letter, letter) for letter in text]]


@pytest.mark.parametrize(
    ("true", "pred", "options", "f1"),
    [
        (".ddd.", ".ddd.", {}, 1.0),
        (".ddd.", "..dd.", {}, 1.0),  # IoU 2/3
        (".dddd", "...dd", {}, 1.0),  # IoU 1/2, just enough
        (".dddd", "...dd", {"iou": 0.51}, 0.0),
        (".ddd.", ".ccc.", {}, 0.0),  # right time, wrong label
        (".ddd.", ".dcd.", {"iou": 0.3}, 0.5),  # one of two pieces pairs: 2 * 1 / (1 + 3)
        ("ddd..", "d.d..", {"iou": 0.3}, 2 / 3),  # both pieces would do, one may
        ("d.d.d", "ddddd", {"iou": 0.2}, 0.5),  # three true events want the same prediction
        (".dd..", "..dd.", {"collar": 1}, 1.0),
        (".dd..", "..dd.", {"collar": 0.9}, 0.0),
        (".dd..", ".dddd", {"collar": 1}, 0.0),  # the onset fits, the offset is 2 late
        (".dd..", ".dddd", {"collar": 1, "segment_seconds": 0.5}, 1.0),
        ("...d......", "d.........", {"collar": 0.3, "segment_seconds": 0.1}, 1.0),  # 3 * 0.1 > 0.3
        ("..d..d....", "d..d......", {"collar": 2}, 1.0),  # nearest first would pair one only
    ],
)
def test_event_f1_worked_by_hand(true, pred, options, f1):
    assert event_f1_score(row(true), row(pred), **options) == pytest.approx(f1)


def test_events_of_different_videos_do_not_pair():
    y_true, y_pred = row(".dd.") + row("...."), row("....") + row(".dd.")
    assert event_f1_score(y_true, y_pred) == 0.0


def test_macro_average_counts_each_label_once():
    y_true = row("dd.cc.ee") + row("dd......")
    y_pred = row("dd.cc...") + row("dd...aa.")
    # d: 2 of 2 and 2; c: 1 of 1 and 1; e: missed; a: made up
    assert event_f1_score(y_true, y_pred, average="macro") == pytest.approx((1 + 1 + 0 + 0) / 4)
    assert event_f1_score(y_true, y_pred) == pytest.approx(2 * 3 / (4 + 4))


def test_event_report_worked_by_hand():
    report = event_report(row("dd.cc.ee") + row("dd......"), row("dd.cc...") + row("dd...a.a"))
    expected = pd.DataFrame(
        {
            "precision": [0, 1, 1, 0, 0.6, 0.5],
            "recall": [0, 1, 1, 0, 0.75, 0.5],
            "f1": [0, 1, 1, 0, 2 / 3, 0.5],
            "n_true": [0, 1, 2, 1, 4, 4],
            "n_predicted": [2, 1, 2, 0, 5, 5],
            "n_matched": [0, 1, 2, 0, 3, 3],
        },
        index=pd.Index(["a", "c", "d", "e", "micro avg", "macro avg"], dtype=object, name="label"),
    )
    pd.testing.assert_frame_equal(report, expected)


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_zero_division_is_for_no_events_at_all(average):
    none, some = row("...."), row(".dd.")
    for zero_division in (0.0, 1.0, float("nan")):
        options = {"average": average, "zero_division": zero_division}
        assert event_f1_score(none, none, **options) == pytest.approx(zero_division, nan_ok=True)
        assert event_f1_score(some, none, **options) == 0.0
        assert event_f1_score(none, some, **options) == 0.0
    assert event_f1_score(none, none, average=average) == 0.0
    report = event_report(none, some, zero_division=1.0)
    assert report.loc["d", ["precision", "recall", "f1"]].tolist() == [0, 1, 0]
    assert event_report(none, none).index.tolist() == ["micro avg", "macro avg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"collar": 1, "iou": 0.5}, "collar or iou, not both; got collar=1 and iou=0.5"),
        ({"iou": 0}, "iou must be above 0 and at most 1; got 0"),
        ({"iou": 1.5}, "iou must be above 0 and at most 1; got 1.5"),
        ({"iou": float("nan")}, "iou must be above 0 and at most 1; got nan"),
        ({"collar": -1}, "collar must be a number of seconds, 0 or more; got -1"),
        ({"collar": 10**400}, "collar must be a number of seconds, 0 or more; got 1000"),
        ({"iou": 10**400}, "iou must be above 0 and at most 1; got 1000"),
        ({"zero_division": "1"}, "zero_division must be a number; got '1'"),
        ({"zero_division": np.array([1, 2])}, "zero_division must be a number; got array"),
        ({"collar": "1"}, "collar must be a number of seconds, 0 or more; got '1'"),
        ({"segment_seconds": -1}, "segment_seconds must be a positive number; got -1"),
        ({"average": "weighted"}, "average must be 'micro' or 'macro'; got 'weighted'"),
        ({"background": 0}, "background=0 is numbers, but the labels are text"),
    ],
)
def test_bad_event_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        event_f1_score(row("..dd"), row("..dd"), **options)


@pytest.mark.parametrize("metric", [event_f1_score, event_report])
def test_bad_event_labels_are_named(metric):
    with pytest.raises(ValueError, match=r"y_true must have the shape \(n_videos, n_segments\).*got \(2,\)"):
        metric(["a", "b"], ["a", "b"])
    with pytest.raises(ValueError, match=r"must have the same shape; got \(1, 4\) and \(1, 2\)"):
        metric(row("..dd"), row("dd"))
    with pytest.raises(ValueError, match="background='background' is text, but the labels are numbers"):
        metric([[0, 1]], [[0, 1]])


# Scorers

SCORERS = {
    "accuracy": segment_accuracy_scorer,
    "event_f1": event_f1_scorer,
    "log_loss": segment_log_loss_scorer,
}


def expected_scores(model, X, y, sample_weight=None):
    y_pred = model.predict(X)
    proba = model.predict_proba(X)
    return {
        "accuracy": segment_accuracy_score(y, y_pred, sample_weight=sample_weight),
        "event_f1": event_f1_score(y, y_pred),
        "log_loss": -segment_log_loss(y, proba, labels=model.classes_, sample_weight=sample_weight),
    }


@pytest.fixture(scope="module")
def videos():
    return make_videos()


@pytest.mark.parametrize("name", SCORERS)
def test_scorer_is_the_metric_of_a_fitted_estimator_however_wrapped(videos, name):
    X, y = videos
    model = SegmentNB().fit(X, y)
    grid = GridSearchCV(make_pipeline(FunctionTransformer(), SegmentNB()), {"segmentnb__var_smoothing": [1e-9]}, cv=3)
    wrapped = [
        make_pipeline(FunctionTransformer(), SegmentNB()).fit(X, y),
        grid.set_params(scoring=SCORERS[name]).fit(X, y),
    ]
    expected = expected_scores(model, X, y)
    assert 0 < expected["event_f1"] < expected["accuracy"] < 1
    for estimator in [model, *wrapped]:
        assert SCORERS[name](estimator, X, y) == pytest.approx(expected[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SCORERS)
def test_scorers_survive_pickling_and_worker_processes(videos, name):
    X, y = videos
    restored = pickle.loads(pickle.dumps(SCORERS[name]))
    serial = cross_val_score(SegmentNB(), X, y, cv=3, scoring=SCORERS[name], error_score="raise")
    parallel = cross_val_score(SegmentNB(), X, y, cv=3, scoring=restored, n_jobs=2, error_score="raise")
    assert parallel.tolist() == serial.tolist()


@pytest.mark.slow
def test_grid_search_chooses_by_each_scorer(videos):
    X, y = videos
    for scoring in SCORERS.values():
        search = GridSearchCV(SegmentNB(), {"var_smoothing": [1e4, 1e-9]}, scoring=scoring, cv=3, n_jobs=2)
        assert search.fit(X, y).best_params_ == {"var_smoothing": 1e-9}
    several = GridSearchCV(SegmentNB(), {"var_smoothing": [1e4, 1e-9]}, scoring=SCORERS, refit="event_f1", cv=3)
    scores = pd.DataFrame(several.fit(X, y).cv_results_).set_index("param_var_smoothing")
    for name in SCORERS:
        assert scores.loc[1e-9, f"mean_test_{name}"] > scores.loc[1e4, f"mean_test_{name}"]


def test_make_scorer_of_the_log_loss_would_see_the_second_segment_only():
    X, y = make_videos(labels=("background", "dog"))
    model = SegmentNB().fit(X, y)
    seen = []
    naive = make_scorer(lambda y_true, y_score: seen.append(y_score) or 0.0, response_method="predict_proba")
    naive(model, X, y)
    np.testing.assert_array_equal(seen[0], model.predict_proba(X)[:, 1])
    expected = -segment_log_loss(y, model.predict_proba(X), labels=["background", "dog"])
    assert segment_log_loss_scorer(model, X, y) == expected
    scores = cross_val_score(SegmentNB(), X, y, cv=3, scoring=segment_log_loss_scorer, error_score="raise")
    assert np.all((scores < 0) & (scores > -math.log(2)))


@pytest.mark.parametrize("scorer", [segment_accuracy_scorer, segment_log_loss_scorer])
def test_scorers_weight_videos(videos, scorer):
    X, y = videos
    model = SegmentNB().fit(X, y)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    weighted = scorer(model, X, y, sample_weight=weight)
    assert weighted == pytest.approx(scorer(model, X[repeated], y[repeated]))
    assert weighted != pytest.approx(scorer(model, X, y))


@pytest.mark.filterwarnings("ignore:The scoring event_f1:UserWarning")
def test_sample_weight_of_a_search_reaches_the_scorers_that_take_it(videos):
    X, y = videos
    weight = np.random.default_rng(0).random(len(X))
    splits = [(np.arange(30), np.arange(30, 60))]
    search = GridSearchCV(SegmentNB(), {}, cv=splits, scoring=SCORERS, refit=False, error_score="raise")
    search.fit(X, y, sample_weight=weight)
    expected = expected_scores(SegmentNB().fit(X[:30], y[:30], weight[:30]), X[30:], y[30:], weight[30:])
    for name in SCORERS:
        assert search.cv_results_[f"mean_test_{name}"][0] == pytest.approx(expected[name])


def test_sample_weight_is_routed_to_a_scorer_that_requests_it(videos):
    X, y = videos
    weight = np.random.default_rng(0).random(len(X))
    splits = [(np.arange(30), np.arange(30, 60))]
    expected = expected_scores(SegmentNB().fit(X[:30], y[:30]), X[30:], y[30:], weight[30:])
    with config_context(enable_metadata_routing=True):
        model = SegmentNB().set_fit_request(sample_weight=False)
        weighted = clone(segment_log_loss_scorer).set_score_request(sample_weight=True)
        scoring = {"log_loss": weighted, "event_f1": event_f1_scorer}
        result = cross_validate(model, X, y, cv=splits, scoring=scoring, params={"sample_weight": weight})
        alone = cross_val_score(model, X, y, cv=splits, scoring=weighted, params={"sample_weight": weight})
    assert result["test_log_loss"][0] == alone[0] == pytest.approx(expected["log_loss"])
    assert result["test_event_f1"][0] == pytest.approx(expected["event_f1"])


def test_event_f1_scorer_uses_the_background_of_the_estimator():
    X, y = make_videos(labels=(7, 1, 2))
    model = SegmentNB(background=7).fit(X, y)
    y_pred = model.predict(X)
    assert event_f1_scorer(model, X, y) == event_f1_score(y, y_pred, background=7)
    assert event_f1_scorer(model, X, y) != event_f1_score(y, y_pred, background=1)


def test_event_f1_scorer_passes_its_parameters_on(videos):
    X, y = videos
    model = SegmentNB().fit(X, y)
    options = {"collar": 1.0, "average": "macro", "segment_seconds": 0.5}
    assert EventF1Scorer(**options)(model, X, y) == event_f1_score(y, model.predict(X), **options)
    assert EventF1Scorer(**options)(model, X, y) != event_f1_scorer(model, X, y)


def test_event_f1_scorer_says_when_no_background_is_known():
    X, y = np.arange(6.0)[:, None], np.repeat([0, 1], 3)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="estimator must have.*'background'; got LogisticRegression"):
        event_f1_scorer(model, X, y)


def test_log_loss_scorer_says_when_the_model_misses_a_label(videos):
    X, y = videos
    without_dogs = ~np.any(y == "dog", axis=1)
    model = SegmentNB().fit(X[without_dogs], y[without_dogs])
    with pytest.raises(ValueError, match=r"missing: \['dog'\].*parameter classes"):
        segment_log_loss_scorer(model, X, y)
