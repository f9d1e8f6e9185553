"""Forms of y: fit, score, metrics and splitters read them alike, refuse them alike, and break ties alike."""

import warnings

import numpy as np
import pandas as pd
import pytest

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import to_events
from ave_sklearn.metrics import event_f1_score, segment_accuracy_score, segment_classification_report
from ave_sklearn.model_selection import VideoStratifiedKFold, video_category

N, T, C = 24, 6, 4
CODES = np.random.default_rng(0).integers(0, C, (N, T))
CODES[:4, :3], CODES[:4, 3:] = 3, 1  # ties
TEXT = np.array(["b", "a", "d", "c"])  # class 0, the background, does not sort first
FORMS = {
    "int8": CODES.astype(np.int8),
    "unsigned": CODES.astype(np.uint64),
    "whole float64": CODES.astype(float),
    "whole float32": CODES.astype(np.float32),
    "objects": CODES.astype(object),
    "objects of NumPy": np.array([[np.int64(c) for c in row] for row in CODES], object),
    "list": CODES.tolist(),
    "frame": pd.DataFrame(CODES),
    "Int64 frame": pd.DataFrame(CODES).astype("Int64"),
    "one-hot bool": np.eye(C, dtype=bool)[CODES],
    "one-hot int": np.eye(C, dtype=int)[CODES],
    "one-hot float32": np.eye(C, dtype=np.float32)[CODES],
    "Fortran order": np.asfortranarray(CODES),
    "mask without effect": np.ma.array(CODES, mask=False),
}


def features(seed=0):
    rng = np.random.default_rng(seed)
    return AVFeatures(rng.random((N, T, 3), np.float32), rng.random((N, T, 4), np.float32))


def quick(estimator, **params):
    return estimator(hidden_size=4, max_epochs=1, tau=None, random_state=0, **{"background": 0, **params})


def folds(y, X=None, background=0):
    return [test.tolist() for _, test in VideoStratifiedKFold(3, random_state=0, background=background).split(X, y)]


@pytest.fixture(scope="module")
def expected():
    """What the labels as int64 give everywhere."""
    fitted = {estimator: quick(estimator).fit(features(), CODES) for estimator in (PSPLocalizer, WeakPSPLocalizer)}
    return {
        "proba": {estimator: localizer.predict_proba(features()) for estimator, localizer in fitted.items()},
        "score": {estimator: localizer.score(features(), CODES) for estimator, localizer in fitted.items()},
        "category": video_category(CODES, background=0),
        "folds": folds(CODES),
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_fit_and_score_read_every_form_alike(form, estimator, expected):
    localizer = quick(estimator).fit(features(), FORMS[form])
    assert localizer.classes_.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(localizer.predict_proba(features()), expected["proba"][estimator])
    assert localizer.score(features(), FORMS[form]) == expected["score"][estimator]


@pytest.mark.parametrize("form", FORMS)
def test_metrics_read_every_form_alike(form):
    other = np.roll(CODES, 1, axis=0)
    assert segment_accuracy_score(FORMS[form], other) == segment_accuracy_score(CODES, other)
    assert event_f1_score(other, FORMS[form], background=0) == event_f1_score(other, CODES, background=0)
    report = segment_classification_report(FORMS[form], other)
    np.testing.assert_array_equal(report, segment_classification_report(CODES, other))
    events = to_events(FORMS[form], background=0)
    assert len(events) == len(to_events(CODES, background=0)) > 0
    np.testing.assert_array_equal(events, to_events(CODES, background=0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("X", [None, features(), [np.zeros((2, i)) for i in range(N)]])
def test_splitters_read_every_form_alike(form, X, expected):
    assert video_category(FORMS[form], background=0).tolist() == expected["category"].tolist()
    assert folds(FORMS[form], X) == expected["folds"]


@pytest.mark.parametrize("dtype", ["U", object, np.dtypes.StringDType()])
def test_text_is_read_alike(dtype, expected):
    y = TEXT[CODES].astype(dtype)
    assert video_category(y, background="b").tolist() == video_category(TEXT[CODES], background="b").tolist()
    assert segment_accuracy_score(y, TEXT[CODES]) == 1
    localizer = quick(PSPLocalizer, background="b").fit(features(), y)
    assert localizer.classes_.tolist() == ["a", "b", "c", "d"]
    assert localizer.score(features(), y) == localizer.score(features(), TEXT[CODES])


# --------------------------------------------------------------------- ties
@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2], [2, 3, 1, 0]])
def test_ties_go_to_the_class_that_sorts_first_in_every_form(order):
    tied = np.repeat([[0, 0, 3, 3, 1, 1], [2, 2, 1, 1, 0, 0]], 2, axis=0)  # class 0 is the background
    labels, columns = TEXT[tied], TEXT[order]
    one_hot = labels[:, :, None] == columns
    # a and c are as frequent in the first two videos, a and d in the others
    assert video_category(labels, background="b").tolist() == ["a"] * 4
    assert video_category(one_hot.astype(int), background="b", classes=columns).tolist() == ["a"] * 4
    assert video_category(one_hot.mean(1), background="b", classes=columns).tolist() == ["a"] * 4


def test_proportions_that_differ_by_rounding_are_tied():
    shares = np.array([[0.4, 0.1 + 0.2, 0.3], [0.4, 0.3, 0.1 + 0.2]])
    assert shares[0, 1] != shares[0, 2]
    assert video_category(shares, background=0).tolist() == [1, 1]
    assert video_category([[0.4, 0.299, 0.301]], background=0).tolist() == [2]


# -------------------------------------------------------------------- proportions
def test_whole_floats_are_proportions_where_they_cannot_be_labels():
    whole = np.eye(C)[CODES[:, 0]]  # (N, C), one class a video
    assert video_category(whole, background=0).tolist() == CODES[:, 0].tolist()
    assert folds(whole, features()) == folds(CODES[:, 0])
    localizer = quick(WeakPSPLocalizer).fit(features(), whole)
    assert localizer.classes_.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("off", [0.0009, -0.0009])
def test_one_tolerance_for_sums(off):
    shares = np.full((N, C), 0.25)
    shares[5, 0] += off
    assert video_category(shares).tolist() == np.argmax(shares, 1).tolist()
    quick(WeakPSPLocalizer).fit(features(), shares)
    shares[5, 0] += 2 * off
    for read in (video_category, lambda y: quick(WeakPSPLocalizer).fit(features(), y)):
        with pytest.raises(
            ValueError, match="read as proportions.*its row 5 sums to (1.0027|0.9973) where 1 is wanted"
        ):
            read(shares)


# ------------------------------------------------------------------- refusals
def spoiled(value, dtype=object):
    y = TEXT[CODES].astype(dtype)
    y[3, 2] = value
    return y


REFUSED = {
    "None": (spoiled(None), "must hold labels, all text or all numbers, none missing"),
    "NA": (spoiled(pd.NA), "must hold labels, all text or all numbers, none missing"),
    "NaN among text": (spoiled(np.nan), "must hold labels, all text or all numbers, none missing"),
    "a number among text": (spoiled(1), "must hold labels, all text or all numbers, none missing"),
    "NaN": (np.where(CODES == 2, np.nan, CODES), "must hold labels; got NaN or infinity"),
    "infinity": (np.where(CODES == 2, np.inf, CODES), "must hold labels; got NaN or infinity"),
    "NA in Int64": (pd.DataFrame(CODES).astype("Int64").mask(CODES == 2), "must hold labels, all text"),
    "masked": (np.ma.array(CODES, mask=CODES == 2), "has masked values"),
    "datetime": (CODES.astype("M8[D]"), "must hold labels, text or numbers; got the dtype datetime64"),
    "complex": (CODES + 0j, "must hold labels, text or numbers; got the dtype complex128"),
    "bytes": (TEXT[CODES].astype("S"), r"must hold labels, text or numbers; got the dtype \|S1"),
    "four dimensions": (np.zeros((N, T, C, 1)), r"must hold categories.*got float64 of shape \(24, 6, 4, 1\)"),
    "no one-hot": (np.zeros((N, T, C), int), r"is not one-hot along its last axis, first in row \[0, 0\]"),
    "text of three dimensions": (np.full((N, T, C), "a"), r"must hold categories.*got <U1 of shape"),
    "ragged": ([[0, 1]] * 23 + [[0]], "must be an array, with rows of one length"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_all_refuse_alike(case):
    y, message = REFUSED[case]
    readers = [
        ("y", lambda y: quick(PSPLocalizer).fit(features(), y)),
        ("y", lambda y: quick(WeakPSPLocalizer).fit(features(), y)),
        ("y", lambda y: quick(PSPLocalizer).fit(features(), CODES).score(features(), y)),
        ("y", lambda y: list(VideoStratifiedKFold(3).split(np.zeros(N), y))),
        ("y", video_category),
        ("y_true", lambda y: segment_accuracy_score(y, CODES)),
        ("y_pred", lambda y: event_f1_score(CODES, y, background=0)),
        ("y", lambda y: to_events(y, background=None)),
    ]
    for name, read in readers:
        with pytest.raises(ValueError, match=f"^{name} .*{message}"):
            read(y)


@pytest.mark.parametrize("background", [np.nan, pd.NA, pd.NaT, ["a"], ("a", "b"), np.array(["a"]), {"a": 1}])
def test_a_background_that_is_no_label(background):
    for read in (
        lambda: quick(PSPLocalizer, background=background).fit(features(), TEXT[CODES]),
        lambda: list(VideoStratifiedKFold(3, background=background).split(np.zeros(N), TEXT[CODES])),
        lambda: video_category(TEXT[CODES], background=background),
        lambda: event_f1_score(TEXT[CODES], TEXT[CODES], background=background),
        lambda: to_events(TEXT[CODES], background=background),
    ):
        with pytest.raises(ValueError, match="^background is .*; wanted one label, or None"):
            read()


def test_numbers_with_a_background_of_text_are_warned_of_in_every_form():
    for form in ("int8", "whole float64", "objects"):
        with pytest.warns(UserWarning, match="background='background' is text, but y holds numbers"):
            folds(FORMS[form], features(), background="background")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds(np.eye(C)[CODES].mean(1), features(), background="background")  # proportions have no labels
