"""How fit reads its arguments, and that what comes after it is read the same way."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.metrics import event_f1_scorer
from ave_sklearn.model_selection import VideoStratifiedKFold, video_category

T = 4
X, TEXT = make_av_events(
    n_videos=24, n_segments=T, n_classes=4, n_audio_features=3, n_visual_features=2, random_state=0
)
CLASSES = np.unique(TEXT)  # background and three events: as many as segments
CODES = np.searchsorted(CLASSES, TEXT)
SHARES = (TEXT[:, :, None] == CLASSES).mean(1)
FLAT = np.asarray(X)


def quick(estimator, **params):
    return estimator(**{"hidden_size": 4, "tau": None, "max_epochs": 1, "random_state": 0, **params})


def same(one, other, features=X):
    return bool((one.predict_proba(features) == other.predict_proba(features)).all())


# ------------------------------------------------------------------- a 2-D X
def test_n_audio_features_divides_a_2d_array():
    flat, y = FLAT[:, :5], TEXT[:, 0]
    divided = quick(PSPLocalizer, n_audio_features=3).fit(flat, y)
    streams = quick(PSPLocalizer).fit(AVFeatures(flat[:, None, :3], flat[:, None, 3:]), y)
    assert_array_equal(divided.predict_proba(flat), streams.predict_proba(flat))
    frame = pd.DataFrame(flat, columns=list("abcde"))
    assert_array_equal(
        divided.predict_proba(flat), quick(PSPLocalizer, n_audio_features=3).fit(frame, y).predict_proba(frame)
    )
    whole = quick(PSPLocalizer).fit(flat, y)
    assert whole._model_.spec.n_audio_features == whole._model_.spec.n_visual_features == 5
    assert divided._model_.spec.n_audio_features == 3 and divided._model_.spec.n_visual_features == 2


@pytest.mark.parametrize("n_audio_features", [5, 6])
def test_n_audio_features_leaves_some_columns_of_a_2d_array_to_the_visual_features(n_audio_features):
    with pytest.raises(ValueError, match="n_audio_features must be an integer from 1 to 4"):
        quick(PSPLocalizer, n_audio_features=n_audio_features).fit(FLAT[:, :5], TEXT[:, 0])


@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_flattened_features_with_a_label_for_each_segment_are_an_error(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match=r"y has the shape \(24, 4\); wanted"):
            quick(estimator).fit(FLAT, TEXT)


FLATTENING = {
    "bagging": lambda localizer: BaggingClassifier(localizer, n_estimators=1, random_state=0),
    "scaler": lambda localizer: make_pipeline(StandardScaler(), localizer),
}


@pytest.mark.parametrize("tool", FLATTENING)
@pytest.mark.parametrize("estimator", [WeakPSPLocalizer, WeakEventLocalizer])
@pytest.mark.parametrize("target", [video_category(TEXT), CODES[:, 0]], ids=["text", "numbers"])
def test_weak_supervision_says_how_it_reads_what_a_tool_flattened(tool, estimator, target):
    params = {"network_params": {"hidden_size": 4}} if estimator is WeakEventLocalizer else {"hidden_size": 4}
    localizer = estimator(max_epochs=1, random_state=0, **params)
    with pytest.warns(UserWarning, match=r"X of shape \(24, 20\) was read as 24 videos of one segment") as caught:
        FLATTENING[tool](localizer).fit(X, target)
    assert sum("was read as" in str(warning.message) for warning in caught) == 1


def test_weak_supervision_of_divided_columns_or_features_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(WeakPSPLocalizer, n_audio_features=3).fit(FLAT[:, :5], TEXT[:, 0])
        quick(WeakPSPLocalizer).fit(AVFeatures(X.audio[:, :1], X.audio[:, :1]), TEXT[:, 0])
        quick(WeakPSPLocalizer).fit({"audio": X.audio[:, :1], "visual": X.visual[:, :1]}, TEXT[:, 0])
        localizer = quick(WeakPSPLocalizer, background=0).fit(X, SHARES)
    assert localizer.n_segments_ == T


def test_a_joined_array_is_divided_as_in_the_fit():
    joined = np.concatenate([X.audio, X.visual], -1)
    localizer = quick(PSPLocalizer).fit(X, TEXT)
    assert_array_equal(localizer.predict_proba(joined), localizer.predict_proba(X))
    assert_array_equal(localizer.set_params(n_audio_features=2).predict_proba(joined), localizer.predict_proba(X))


# ------------------------------------------------------------------- masks
MASKED = np.ma.array(FLAT, mask=FLAT > 1)


@pytest.mark.parametrize(
    "masked",
    [
        MASKED,
        list(MASKED),
        np.ma.array(np.asarray(X).reshape(24, T, 5), mask=True),
        {"audio": X.audio, "visual": MASKED},
    ],
    ids=["2-D", "list of rows", "3-D", "dict"],
)
def test_masked_features_are_refused(masked):
    with pytest.raises(ValueError, match="(X|visual) has masked values"):
        quick(PSPLocalizer, n_audio_features=3).fit(masked, TEXT)
    good = quick(PSPLocalizer, n_audio_features=3).fit(X, TEXT)
    with pytest.raises(ValueError, match="(X|visual) has masked values"):
        good.predict(masked)


def test_rows_of_masked_features_are_refused():
    audio = list(np.ma.array(X.audio, mask=X.audio > 1))
    with pytest.raises(ValueError, match="audio has masked values"):
        AVFeatures(audio, X.visual)


def test_numbers_among_text_are_refused_in_lists_too():
    mixed = TEXT.tolist()
    mixed[3][1] = 2
    with pytest.raises(ValueError, match="y must hold labels, all text or all numbers"):
        quick(PSPLocalizer).fit(X, mixed)
    assert same(quick(PSPLocalizer).fit(X, TEXT.tolist()), quick(PSPLocalizer).fit(X, TEXT))


def test_rows_of_masked_labels_are_refused():
    rows = list(np.ma.array(CODES, mask=CODES == 2))
    with pytest.raises(ValueError, match="y has masked values"):
        quick(PSPLocalizer, background=0).fit(X, rows)
    with pytest.raises(ValueError, match="y has masked values"):
        quick(PSPLocalizer, background=0).fit(X, [[np.ma.masked, *row[1:]] for row in CODES.tolist()])


# ------------------------------------------------------------------- zeros and ones after a fit
@pytest.fixture(scope="module")
def weak():
    return {
        "labels": quick(WeakPSPLocalizer, background=0).fit(X, CODES),
        "one-hot": quick(WeakPSPLocalizer, background=0).fit(X, np.eye(4, dtype=int)[CODES]),
        "proportions": quick(WeakPSPLocalizer, background=0).fit(X, SHARES),
        "categories": quick(WeakPSPLocalizer, background=0, classes=[0, 1, 2, 3]).fit(X, CODES.max(1)),
    }


def by_hand(localizer, labels):
    return float((localizer.predict(X[: len(labels)]) == labels).mean())


@pytest.mark.parametrize("form", ["labels", "one-hot"])
@pytest.mark.parametrize("dtype", [int, float, bool, object])
def test_labels_of_two_classes_are_scored_after_a_fit_on_labels(weak, form, dtype):
    two = np.eye(4, dtype=int)[[0, 1, 1, 3, 2]]
    assert weak[form].score(X[:5], two.astype(dtype)) == by_hand(weak[form], two)


def test_proportions_of_whole_events_are_scored_after_a_fit_on_proportions(weak):
    whole = np.eye(4)[[0, 1, 1, 3, 2]]
    localizer = weak["proportions"]
    categories = video_category(localizer.predict(X[:5]), background=0)
    expected = float((categories == [0, 1, 1, 3, 2]).mean())
    assert localizer.score(X[:5], whole) == localizer.score(X[:5], whole.astype(int)) == expected
    with pytest.raises(ValueError, match="y has the shape .* read as proportions"):
        localizer.score(X[:2], np.array([[0, 1, 1, 0], [0, 0, 1, 1]]))


def test_what_is_not_ambiguous_has_any_form_after_any_fit(weak):
    for localizer in weak.values():
        assert localizer.score(X, CODES) == by_hand(localizer, CODES)
        assert 0 <= localizer.score(X, SHARES) <= 1
    with pytest.raises(ValueError, match="could hold segment labels or one-hot video categories"):
        weak["categories"].score(X[:5], np.eye(4, dtype=int)[[0, 1, 1, 3, 2]])


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.deepcopy])
def test_the_form_is_kept_in_a_saved_model(weak, again):
    two = np.eye(4, dtype=int)[[0, 1, 1, 3, 2]]
    assert again(weak["labels"]).score(X[:5], two) == by_hand(weak["labels"], two)
    assert again(weak["proportions"]).score(X[:5], two) == weak["proportions"].score(X[:5], two)


def test_validation_targets_have_the_form_of_the_fit():
    two, categories = np.eye(4, dtype=int)[[0, 1, 1, 3, 2]], np.array([0, 1, 1, 3, 2])
    localizer = quick(WeakPSPLocalizer, background=0).fit(X, CODES, X_val=X[:5], y_val=two)
    assert localizer.validation_score_ == by_hand(localizer, two)
    localizer = quick(WeakPSPLocalizer, background=0).fit(X, SHARES, X_val=X[:5], y_val=two)
    by_category = quick(WeakPSPLocalizer, background=0).fit(X, SHARES, X_val=X[:5], y_val=categories)
    assert localizer.validation_score_ == by_category.validation_score_
    assert localizer.history_[0]["valid_loss"] == by_category.history_[0]["valid_loss"]


def test_a_fold_of_two_classes_does_not_fail_a_cross_validation():
    y = np.array([[0, 1, 1, 0]] * 12 + [[0, 2, 2, 0], [3, 3, 0, 0], [2, 0, 0, 2], [0, 0, 3, 0]] * 3)
    folds = [(np.arange(12, 24), np.arange(12)), (np.arange(24), np.arange(12, 24))]
    localizer = quick(WeakPSPLocalizer, background=0, classes=[0, 1, 2, 3])
    assert np.isfinite(cross_val_score(localizer, X, y, cv=folds, error_score="raise")).all()


def test_fit_names_the_classes_that_tell_labels_from_categories():
    y = (CODES > 0).astype(int)
    with pytest.raises(ValueError, match=r"Pass segment labels as text, with classes=\[0, 1\] or in one-hot form"):
        quick(WeakPSPLocalizer, background=0).fit(X, y)
    localizer = quick(WeakPSPLocalizer, background=0, classes=[0, 1]).fit(X, y)
    assert localizer.score(X[:3], np.zeros((3, T), int)) == by_hand(localizer, np.zeros((3, T), int))


# ------------------------------------------------------------------- names of columns
SHUFFLED = [2, 0, 3, 1]


def test_named_columns_of_proportions_are_read_by_their_names():
    frame = pd.DataFrame(SHARES, columns=CLASSES)
    expected = quick(WeakPSPLocalizer, classes=CLASSES).fit(X, SHARES)
    for classes in (CLASSES, CLASSES[SHUFFLED], None):
        for columns in (CLASSES, CLASSES[SHUFFLED]):
            localizer = quick(WeakPSPLocalizer, classes=classes).fit(X, frame[columns])
            assert_array_equal(localizer.classes_, CLASSES)
            assert same(localizer, expected)
            assert localizer.score(X, frame[CLASSES[::-1]]) == expected.score(X, SHARES)


def test_named_columns_may_be_numbers():
    frame = pd.DataFrame(SHARES, columns=[7, 5, 28, 6])
    localizer = quick(WeakPSPLocalizer, background=28).fit(X, frame)
    assert localizer.classes_.tolist() == [5, 6, 7, 28]
    assert same(localizer, quick(WeakPSPLocalizer, background=28, classes=[7, 5, 28, 6]).fit(X, SHARES))


def test_default_columns_are_no_names():
    frame = pd.DataFrame(SHARES)
    localizer = quick(WeakPSPLocalizer, classes=CLASSES[SHUFFLED]).fit(X, frame)
    assert same(localizer, quick(WeakPSPLocalizer, classes=CLASSES[SHUFFLED]).fit(X, SHARES))


def test_a_class_without_a_column_has_no_share():
    some = SHARES.copy()
    some[:, 0] += some[:, 3]
    some[:, 3] = 0
    frame = pd.DataFrame(some, columns=CLASSES)
    short = quick(WeakPSPLocalizer, classes=CLASSES).fit(X, frame[CLASSES[[1, 0, 2]]])
    assert same(short, quick(WeakPSPLocalizer, classes=CLASSES).fit(X, some))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["background", "event_0", "event_1", "cat"],
            r"y has the columns \['cat'\], which are no classes; classes are",
        ),
        (["background", "event_0", "event_1", "event_1"], "the columns of y holds a label more than once"),
        (["background", "event_0", "event_1", 3], "the columns of y must hold labels"),
    ],
)
def test_columns_that_name_no_classes_are_refused(columns, message):
    frame = pd.DataFrame(SHARES, columns=columns)
    with pytest.raises(ValueError, match=message):
        quick(WeakPSPLocalizer, classes=CLASSES).fit(X, frame)
    with pytest.raises(ValueError, match=message.replace("y", "y_val", 1) if message[0] == "y" else "columns of y_val"):
        quick(WeakPSPLocalizer, classes=CLASSES).fit(X, SHARES, X_val=X, y_val=frame)


def test_whole_shares_of_named_classes_are_no_labels():
    whole = pd.DataFrame(np.eye(4, dtype=int)[CODES.max(1)], columns=CLASSES)
    for classes in (CLASSES, None):
        localizer = quick(WeakPSPLocalizer, classes=classes).fit(X, whole[CLASSES[SHUFFLED]])
        assert same(localizer, quick(WeakPSPLocalizer, classes=CLASSES).fit(X, CLASSES[CODES.max(1)]))


def test_splitters_and_categories_read_the_names():
    frame = pd.DataFrame(SHARES, columns=CLASSES)[CLASSES[SHUFFLED]]
    assert video_category(frame).tolist() == video_category(TEXT).tolist()
    folds = [[test.tolist() for _, test in VideoStratifiedKFold(3, random_state=0).split(X, y)] for y in (frame, TEXT)]
    assert folds[0] == folds[1]


@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_segments_of_a_frame_in_another_order_are_refused(estimator):
    with pytest.raises(ValueError, match=r"y has the columns \[1, 0, 2, 3\]; wanted the segments in their order"):
        quick(estimator).fit(X, pd.DataFrame(TEXT)[[1, 0, 2, 3]])
    frame = pd.DataFrame(TEXT)[[0, 1, 2, 3]]
    assert same(quick(estimator).fit(X, frame), quick(estimator).fit(X, TEXT))
    renamed = pd.DataFrame(TEXT, columns=["t3", "t1", "t2", "t0"])
    assert same(quick(estimator).fit(X, renamed), quick(estimator).fit(X, TEXT))


# ------------------------------------------------------------------- parameters that change after a fit
CHANGES = {
    "background": "event_1",
    "classes": ["event_2", "event_1", "background", "event_0"],
    "n_audio_features": 2,
    "standardize": False,
    "feature_dropout": 0.9,
    "precision": "float64",
    "label_smoothing": 0.9,
    "early_stopping": 3,
    "random_state": 1,
    "lr": 5.0,
    "tau": 0.5,
    "hidden_size": 64,
    "self_attention": True,
    "variant": "released",
    "lam": 0.0,
    "weighting": False,
    "target": "category",
}


def what_it_says(localizer):
    """All that a fitted localizer gives for videos and targets."""
    one_hot = np.eye(4, dtype=int)[CODES][..., SHUFFLED]
    said = [localizer.predict_proba(X), localizer.predict(X), localizer.embed(X), localizer.score(X, TEXT)]
    said += [localizer.predict_events(X).to_numpy(), event_f1_scorer(localizer, X, TEXT), localizer.score(X, one_hot)]
    if isinstance(localizer, WeakPSPLocalizer | WeakEventLocalizer):
        said += [localizer.predict_video_proba(X), localizer.score(X, SHARES[:, SHUFFLED])]
    return said


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_parameters_set_after_a_fit_change_nothing(estimator):
    localizer = quick(estimator, classes=CLASSES[SHUFFLED], max_epochs=4).fit(X, TEXT)
    before = what_it_says(localizer)
    for name, value in CHANGES.items():
        if name in localizer.get_params():
            changed = copy.deepcopy(localizer).set_params(**{name: value})
            for one, other in zip(what_it_says(changed), before, strict=True):
                assert_array_equal(one, other, err_msg=name)
            for one, other in zip(what_it_says(pickle.loads(pickle.dumps(changed))), before, strict=True):
                assert_array_equal(one, other, err_msg=name)
    assert localizer.background_ == "background"


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer])
def test_nonsense_set_after_a_fit_waits_for_the_next_one(estimator):
    size = {"network_params": {"hidden_size": 4}} if "Event" in estimator.__name__ else {"hidden_size": 4}
    localizer = estimator(classes=CLASSES[SHUFFLED], max_epochs=1, random_state=0, **size).fit(X, TEXT)
    before = what_it_says(localizer)
    names = localizer.get_params().keys() - {"batch_size", "verbose"}
    localizer.set_params(**dict.fromkeys(names, "nonsense"))
    for changed in (localizer, pickle.loads(pickle.dumps(localizer)), copy.deepcopy(localizer)):
        for one, other in zip(what_it_says(changed), before, strict=True):
            assert_array_equal(one, other)
    with pytest.raises((ValueError, TypeError), match="nonsense"):
        localizer.fit(X, TEXT)


def test_batch_size_and_verbose_may_change_after_a_fit():
    localizer = quick(PSPLocalizer).fit(X, TEXT)
    before = localizer.predict_proba(X)
    after = localizer.set_params(batch_size=np.uint8(200), verbose=np.int8(1)).predict_proba(X)
    np.testing.assert_allclose(after, before, rtol=1e-5)
    with pytest.raises(ValueError, match="batch_size must be a positive integer; got 0"):
        localizer.set_params(batch_size=0).predict(X)


def test_a_background_that_is_no_class_is_remembered_too():
    y = np.where(TEXT == "background", "event_0", TEXT)
    localizer = quick(PSPLocalizer, lam=0).fit(X, y)
    events = localizer.predict_events(X)
    assert localizer.background_ == "background"
    assert events.equals(localizer.set_params(background=events["event_label"][0]).predict_events(X))
