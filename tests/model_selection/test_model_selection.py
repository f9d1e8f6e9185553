"""Stratified folds of videos and out-of-fold probabilities."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import SegmentNB, make_videos
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from ave_sklearn import AVFeatures
from ave_sklearn.metrics import segment_accuracy_scorer
from ave_sklearn.model_selection import (
    VideoStratifiedKFold,
    _fill_empty_folds,
    cross_val_predict_proba,
    video_category,
)

quiet = pytest.mark.filterwarnings("ignore:The least:UserWarning")  # rare categories


def fold_numbers(cv, y, groups=None):
    """Return each video's fold, and check that train and test part the videos."""
    fold = np.full(len(y), -1)
    for k, (train, test) in enumerate(cv.split(np.zeros(len(y)), y, groups)):
        assert sorted([*train, *test]) == list(range(len(y)))
        assert train.tolist() == sorted(train) and test.tolist() == sorted(test)
        fold[test] = k
    assert k + 1 == cv.get_n_splits()
    assert sorted(set(fold)) == list(range(cv.get_n_splits()))  # none is empty, each video is tested
    return fold


def counts_by_fold(fold, category):
    return pd.crosstab(fold, np.asarray(category)).to_numpy()


# VideoStratifiedKFold


@pytest.mark.slow
@quiet
@given(
    st.lists(st.integers(0, 4), min_size=5, max_size=60),
    st.integers(2, 5),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_categories_and_videos_are_dealt_out_evenly(category, n_splits, shuffle, seed):
    cv = VideoStratifiedKFold(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    counts = counts_by_fold(fold_numbers(cv, category), category)
    assert np.all(np.ptp(counts, axis=0) <= 1)
    assert np.ptp(counts.sum(axis=1)) <= 1


def test_stratifies_on_the_event_and_not_on_background():
    y = np.full((40, 10), "background", dtype="U10")
    y[:20, 3] = "dog"
    y[20:, 4] = "cat"
    for cv in (VideoStratifiedKFold(4, random_state=0), VideoStratifiedKFold(4, shuffle=False)):
        labels = np.where(np.arange(40) < 20, "dog", "cat")
        assert counts_by_fold(fold_numbers(cv, y), labels).tolist() == [[5, 5]] * 4


def test_every_form_of_a_target_gives_the_same_folds():
    _, y = make_videos(labels=(0, 1, 2))
    one_hot = np.eye(3)[y]
    cv = VideoStratifiedKFold(5, random_state=3, background=0)
    expected = fold_numbers(cv, y).tolist()
    category = video_category(y, background=0)
    names = np.array(["background", "cat", "dog"])
    for form in (one_hot, one_hot.astype(int), one_hot.mean(axis=1), category, pd.DataFrame(y)):
        assert fold_numbers(cv, form).tolist() == expected
    text = VideoStratifiedKFold(5, random_state=3)
    assert fold_numbers(text, names[y]).tolist() == expected


def test_unshuffled_folds_are_those_of_scikit_learn_for_equal_classes():
    category = np.repeat(["a", "b", "c"], 10)
    expected = [test.tolist() for _, test in StratifiedKFold(5).split(category, category)]
    cv = VideoStratifiedKFold(5, shuffle=False)
    assert [test.tolist() for _, test in cv.split(None, category)] == expected


def test_random_state_alone_decides():
    category = np.repeat(["a", "b"], 30)
    first = fold_numbers(VideoStratifiedKFold(3, random_state=0), category)
    np.random.seed(1)  # noqa: NPY002
    again = fold_numbers(VideoStratifiedKFold(3, random_state=0), category)
    other = fold_numbers(VideoStratifiedKFold(3, random_state=1), category)
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize("groups", [None, np.arange(60) // 2])
def test_without_random_state_folds_vary_and_the_global_generator_is_left_alone(groups):
    category = np.repeat(["a", "b"], 30)
    cv = VideoStratifiedKFold(3)
    np.random.seed(0)  # noqa: NPY002
    expected_draw = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    first = fold_numbers(cv, category, groups)
    assert np.random.random() == expected_draw  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert fold_numbers(cv, category, groups).tolist() != first.tolist()


@pytest.mark.slow
@quiet
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=5, max_size=60),
    st.integers(2, 4),
    st.booleans(),
)
def test_no_group_is_in_two_folds(videos, n_splits, shuffle):
    category, groups = np.array(videos).T
    cv = VideoStratifiedKFold(n_splits, shuffle=shuffle, random_state=0 if shuffle else None)
    if len(np.unique(groups)) < n_splits:
        with pytest.raises(ValueError, match=f"n_splits={n_splits} must not be greater than the number of groups"):
            list(cv.split(None, category, groups))
    else:
        fold = fold_numbers(cv, category, groups)
        assert all(len(np.unique(fold[groups == g])) == 1 for g in groups)


EMPTIED = [  # n_splits, videos and category of each group, of which scikit-learn 1.9 leaves a fold empty
    (4, [1, 6, 3, 2], [0, 2, 2, 0]),
    (4, [2, 4, 1, 8], [1, 2, 1, 2]),
    (5, [1, 5, 1, 2, 7], [3, 2, 4, 1, 1]),
    (5, [1, 8, 1, 2, 3], [4, 0, 1, 0, 0]),
    (6, [10, 8, 2, 11, 3, 8], [3, 2, 2, 4, 0, 1]),
]


@quiet
@pytest.mark.filterwarnings("ignore:The least populated:UserWarning")
@pytest.mark.parametrize(("n_splits", "sizes", "categories"), EMPTIED)
def test_with_as_many_groups_as_folds_each_is_a_fold(n_splits, sizes, categories):
    groups, category = np.repeat(np.arange(n_splits), sizes), np.repeat(categories, sizes)
    for cv in [VideoStratifiedKFold(n_splits, shuffle=False)] + [VideoStratifiedKFold(n_splits, random_state=0)] * 2:
        fold = fold_numbers(cv, category, groups)
        assert sorted(np.bincount(fold)) == sorted(sizes)
        assert fold.tolist() == fold_numbers(cv, category, groups).tolist()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The least:UserWarning")
def test_no_fold_is_empty_whatever_the_groups():
    rng = np.random.default_rng(0)
    for seed in range(80):
        n_splits = int(rng.integers(2, 7))
        n_groups = n_splits + int(rng.integers(0, 4))
        sizes, pure = rng.integers(1, 12, n_groups), rng.integers(0, n_groups, n_groups)
        groups = np.repeat(np.arange(n_groups), sizes)
        category = pure[groups] if seed % 2 else rng.integers(0, 4, len(groups))
        for cv in (VideoStratifiedKFold(n_splits, random_state=seed), VideoStratifiedKFold(n_splits, shuffle=False)):
            fold = fold_numbers(cv, category, groups)
            assert all(len(np.unique(fold[groups == g])) == 1 for g in range(n_groups))


def test_an_empty_fold_gets_the_group_that_keeps_categories_even():
    # fold 0 has three groups, with (4, 1), (2, 1) and (2, 2) videos of two categories, fold 1 one group with (8, 4)
    groups = np.repeat([0, 1, 2, 3], [5, 3, 4, 12])
    codes = np.repeat([0, 1] * 4, [4, 1, 2, 1, 2, 2, 8, 4])
    fold = np.repeat([0, 0, 0, 1], [5, 3, 4, 12])

    def unevenness(moved):
        counts = counts_by_fold(np.where(groups == moved, 2, fold), codes)
        return (counts / counts.sum(0)).std(0).dot([1, 1])

    best = min(range(3), key=unevenness)
    filled = _fill_empty_folds(fold, codes, groups, 3)
    assert filled.tolist() == np.where(groups == best, 2, fold).tolist()
    assert _fill_empty_folds(filled, codes, groups, 3).tolist() == filled.tolist()


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (list("aabbccd"), r"groups must name the group of each of 8 videos; got the shape \(7,\)"),
        (np.zeros((8, 1)), r"groups must name the group of each of 8 videos; got the shape \(8, 1\)"),
        ("aabbccdd", r"groups must name .* of 8 videos; got the shape \(\)"),
        ([*"aabbccd", None], "groups must name the group of each video; got None for video 7"),
        ([*"aab", float("nan"), *"bccd"], "groups must name the group of each video; got nan for video 3"),
        (pd.Series([1, 1, 2, pd.NA, 2, 3, 3, 4], dtype="Int64"), "groups must name .*; got nan for video 3"),
        (np.array([np.nan, 1, 2, 3, 4, 5, 6, 7]), r"groups must name .*; got nan for video 0"),
        (pd.Categorical([*"aabbccd", None]), "groups must name .*; got nan for video 7"),
        (np.ma.masked_equal([0, 1, 2, 3, 4, 5, 6, 7], 2), "groups has masked values"),
        ([1, "1", 2, "2", 3, "3", 4, "4"], "groups must be all text or all numbers"),
        (list("aabbccaa"), "n_splits=4 must not be greater than the number of groups; groups has 3"),
        ([1.0] * 8, "n_splits=4 must not be greater than the number of groups; groups has 1"),
    ],
)
def test_bad_groups_are_named_before_anything_else(groups, message):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=message):
            next(VideoStratifiedKFold(4).split(None, list("aabbaabc"), groups))


def test_every_form_of_groups_gives_the_same_folds():
    category, groups = np.array(list("ab" * 12)), np.arange(24) // 4
    cv = VideoStratifiedKFold(3, random_state=0)
    expected = fold_numbers(cv, category, groups).tolist()
    names = np.array(list("uvwxyz"))[groups]
    for form in (groups.tolist(), groups + 0.5, names, names.tolist(), names.astype(object), pd.Series(names)):
        assert fold_numbers(cv, category, form).tolist() == expected
    for form in (pd.Categorical(names), pd.Series(groups, dtype="Int64"), groups.astype("datetime64[D]")):
        assert fold_numbers(cv, category, form).tolist() == expected


def test_groups_are_stratified():
    category = np.tile(np.repeat(["a", "b", "c", "d"], 5), 5)
    groups = np.repeat(np.arange(20), 5)  # each group has one category, each category five groups
    for cv in (VideoStratifiedKFold(5, random_state=0), VideoStratifiedKFold(5, shuffle=False)):
        assert np.all(counts_by_fold(fold_numbers(cv, category, groups), category) == 5)


@pytest.mark.parametrize("groups", [None, list("aabcdefghi")])
@pytest.mark.parametrize("category", [list("aaaaaaaabc"), list("aabbccddee")])
def test_rare_categories_work_and_warn_once(category, groups):
    cv = VideoStratifiedKFold(5, random_state=0)
    with pytest.warns(UserWarning, match=r"The least .* only [12] (videos|members)") as caught:
        fold_numbers(cv, category, groups)
    assert len(caught) == 1


def test_frequent_categories_do_not_warn():
    with warnings.catch_warnings(record=True, action="always") as caught:
        fold_numbers(VideoStratifiedKFold(5, random_state=0), list("aaaaabbbbb"))
        fold_numbers(VideoStratifiedKFold(5, random_state=0), list("aaaaabbbbb"), list("abcdeabcde"))
        fold_numbers(VideoStratifiedKFold(5, random_state=0, background=0), np.eye(5, dtype=int)[[0, 1] * 5])
        fold_numbers(VideoStratifiedKFold(5, random_state=0, background=None), np.eye(5, dtype=int)[[0] * 5])
    assert not caught


def test_text_background_of_number_labels_is_warned_of():
    _, y = make_videos(labels=(28, 1, 2))
    with pytest.warns(UserWarning, match="background='background' is text, but y holds numbers") as caught:
        fold_numbers(VideoStratifiedKFold(5, random_state=0), y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y must be given"),
        (list("aab"), "n_splits=4 must not be greater than the number of videos, 3"),
        (list("aabb"), r"inconsistent numbers of samples: \[3, 4\]"),
        (np.ones((3, 2, 2, 2)), "y must hold categories"),
    ],
)
def test_bad_targets_are_named(y, message):
    with pytest.raises(ValueError, match=message):
        next(VideoStratifiedKFold(4).split(np.zeros(3), y))


def test_a_plain_dict_is_named():
    category = list("aabbaabb")
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[2, 8\]"):
        next(VideoStratifiedKFold(2).split({"audio": np.zeros(8), "visual": np.zeros(8)}, category))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_splits": 1}, ValueError, "n_splits=2 or more"),
        ({"n_splits": 2.0}, ValueError, "n_splits is 2.0; wanted an integer.*Integral"),
        ({"n_splits": "2"}, ValueError, "n_splits is '2'; wanted an integer"),
        ({"n_splits": None}, ValueError, "n_splits is None; wanted an integer"),
        ({"shuffle": 1}, TypeError, "shuffle must be True or False"),
        ({"shuffle": False, "random_state": 0}, ValueError, "random_state has no effect"),
    ],
)
def test_bad_parameters_raise_at_once(options, error, message):
    with pytest.raises(error, match=message):
        VideoStratifiedKFold(**options)


@pytest.mark.parametrize("y", [list("aab"), np.array("a"), "a"])
def test_a_target_of_another_length_is_named(y):
    with pytest.raises((TypeError, ValueError), match="X and y must have a row for each video"):
        list(VideoStratifiedKFold(2).split(np.zeros((4, 2)), y))


def test_a_random_state_that_is_none():
    with pytest.raises(ValueError, match="random_state is 1.5; wanted"):
        list(VideoStratifiedKFold(2, random_state=1.5).split(None, list("aabb")))


def test_repr_copy_and_pickle():
    cv = VideoStratifiedKFold(3, random_state=5, background=28)
    assert repr(cv) == "VideoStratifiedKFold(background=28, n_splits=3, random_state=5, shuffle=True)"
    category = list("aaabbb")
    for twin in (copy.deepcopy(cv), pickle.loads(pickle.dumps(cv))):
        assert repr(twin) == repr(cv)
        assert fold_numbers(twin, category).tolist() == fold_numbers(cv, category).tolist()


def test_scikit_learn_searches_with_it():
    X, y = make_videos()
    groups = np.arange(60) // 3
    grid, cv = {"var_smoothing": [1e4, 1e-9]}, VideoStratifiedKFold(3, random_state=0)
    options = {"cv": cv, "scoring": segment_accuracy_scorer, "error_score": "raise"}
    halving = HalvingGridSearchCV(SegmentNB(), grid, min_resources=30, factor=2, **options)
    for search in (GridSearchCV(SegmentNB(), grid, **options), halving):
        assert search.fit(X, y, groups=groups).best_params_ == {"var_smoothing": 1e-9}


def test_groups_are_routed_to_it():
    X, y = make_videos()
    groups = np.arange(60) % 4
    options = {"cv": VideoStratifiedKFold(4, random_state=0), "scoring": segment_accuracy_scorer}
    expected = cross_val_score(SegmentNB(), X, y, groups=groups, **options)
    with config_context(enable_metadata_routing=True):
        routed = cross_val_score(SegmentNB(), X, y, params={"groups": groups}, **options)
        assert cross_val_score(SegmentNB(), X, y, **options).tolist() != expected.tolist()
    assert routed.tolist() == expected.tolist()


# cross_val_predict_proba


def proba_by_loop(estimator, X, y, splits, classes):
    """Fit and predict fold by fold; a class that a fold misses keeps probability 0."""
    out = np.zeros((*np.shape(y), len(classes)))
    for train, test in splits:
        model = estimator.fit(X[train], y[train])
        for column, label in enumerate(model.classes_.tolist()):
            out[test, ..., classes.index(label)] = model.predict_proba(X[test])[..., column]
    return out


@pytest.fixture(scope="module")
def videos():
    return make_videos()


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_probabilities_are_those_of_a_loop(videos, n_jobs):
    X, y = videos
    splits = list(VideoStratifiedKFold(5, random_state=0).split(X, y))
    expected = proba_by_loop(SegmentNB(), X, y, splits, ["background", "cat", "dog"])
    for cv in (None, 5, splits, VideoStratifiedKFold(5, random_state=0)):
        assert np.array_equal(cross_val_predict_proba(SegmentNB(), X, y, cv=cv, n_jobs=n_jobs), expected)


def test_columns_are_right_where_those_of_scikit_learn_are_not():
    # each of three seconds has three of the four labels, and scikit-learn calls them 0, 1 and 2
    labels = np.array(["background", "bird", "cat", "dog"])
    rng = np.random.default_rng(0)
    code = (rng.integers(1, 4, (60, 3)) + np.arange(3)) % 4
    X, y = np.eye(4)[code] + rng.normal(scale=0.1, size=(60, 3, 4)), labels[code]
    ours = cross_val_predict_proba(SegmentNB(), X, y)
    theirs = cross_val_predict(SegmentNB(), X, y, cv=5, method="predict_proba")
    assert np.mean(labels[ours.argmax(axis=-1)] == y) == 1
    assert theirs.shape == (60, 3, 3)
    assert np.mean(labels[theirs.argmax(axis=-1)] == y) < 0.8


def test_a_class_that_a_fold_misses_has_probability_zero_there(videos):
    X, y = videos
    has_dog = np.any(y == "dog", axis=1)
    splits = [
        (np.flatnonzero(has_dog), np.flatnonzero(~has_dog)),
        (np.flatnonzero(~has_dog), np.flatnonzero(has_dog)),
    ]
    proba = cross_val_predict_proba(SegmentNB(), X, y, cv=splits)
    assert np.array_equal(proba, proba_by_loop(SegmentNB(), X, y, splits, ["background", "cat", "dog"]))
    assert np.all(proba[has_dog, :, 2] == 0) and np.all(proba[~has_dog, :, 1] == 0)
    np.testing.assert_allclose(proba.sum(axis=-1), 1)


def test_flat_problems_have_two_dimensions(videos):
    X, y = videos[0][:, 0], video_category(videos[1])
    splits = list(StratifiedKFold(3).split(X, y))
    proba = cross_val_predict_proba(LogisticRegression(), X, y, cv=splits)
    assert proba.shape == (60, 3)
    assert np.array_equal(proba, cross_val_predict(LogisticRegression(), X, y, cv=splits, method="predict_proba"))


@pytest.mark.slow
def test_features_may_be_of_two_modalities(videos):
    X, y = videos
    features = AVFeatures(X[..., :1], X[..., 1:])
    for n_jobs in (None, 2):
        proba = cross_val_predict_proba(SegmentNB(), features, y, n_jobs=n_jobs)
        assert np.array_equal(proba, cross_val_predict_proba(SegmentNB(), X, y))


def test_pipelines_and_searches_are_validated_like_their_estimator(videos):
    X, y = videos
    expected = cross_val_predict_proba(SegmentNB(), X, y)
    pipeline = make_pipeline(FunctionTransformer(), SegmentNB())
    search = GridSearchCV(pipeline, {"segmentnb__var_smoothing": [1e-9]}, cv=2, scoring=segment_accuracy_scorer)
    assert np.array_equal(cross_val_predict_proba(pipeline, X, y), expected)
    assert np.array_equal(cross_val_predict_proba(search, X, y), expected)
    assert not hasattr(search, "best_estimator_")


def test_default_folds_use_the_background_of_the_estimator():
    X, y = make_videos(labels=(28, 1, 2))
    splits = list(VideoStratifiedKFold(5, random_state=0, background=28).split(X, y))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for model in (
            SegmentNB(background=28),
            make_pipeline(FunctionTransformer(), SegmentNB(background=28)),
        ):
            proba = cross_val_predict_proba(model, X, y)
            assert np.array_equal(proba, cross_val_predict_proba(model, X, y, cv=splits))


@pytest.mark.parametrize("routing", [False, True])
def test_groups_and_fit_parameters_are_passed_on(videos, routing):
    X, y = videos
    groups, weight = np.arange(60) % 4, np.random.default_rng(0).integers(1, 4, 60)
    splits = list(GroupKFold(4).split(X, y, groups))
    expected = np.zeros((60, 5, 3))
    for train, test in splits:
        expected[test] = SegmentNB().fit(X[train], y[train], weight[train]).predict_proba(X[test])
    with config_context(enable_metadata_routing=routing):
        model = SegmentNB().set_fit_request(sample_weight=True) if routing else SegmentNB()
        params = {"sample_weight": weight}
        proba = cross_val_predict_proba(model, X, y, groups=groups, cv=GroupKFold(4), params=params)
    assert np.array_equal(proba, expected)


class Proportions(BaseEstimator):
    """Predicts the mean target: what a weakly supervised estimator of (n, C) proportions looks like."""

    def fit(self, X, y):
        self.mean_, self.classes_ = np.mean(y, axis=0), np.arange(y.shape[1])
        return self

    def predict_proba(self, X):
        return np.broadcast_to(self.mean_, (len(X), 7, len(self.mean_))).astype(np.float32)


def test_targets_may_be_proportions(videos):
    X = videos[0]
    y = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    proba = cross_val_predict_proba(Proportions(), X, y, cv=KFold(2))
    assert proba.shape == (60, 7, 4) and proba.dtype == np.float32
    np.testing.assert_allclose(proba[:30], np.broadcast_to(y[30:].mean(axis=0), (30, 7, 4)), rtol=1e-6)
    assert cross_val_predict_proba(Proportions(), X, y).shape == (60, 7, 4)


def test_the_estimator_itself_is_not_fitted(videos):
    model = SegmentNB()
    cross_val_predict_proba(model, *videos)
    assert vars(model) == {"background": "background", "var_smoothing": 1e-9}


def test_bad_estimators_and_folds_are_named(videos):
    X, y = videos
    with pytest.raises(TypeError, match="estimator must have predict_proba; got FunctionTransformer"):
        cross_val_predict_proba(FunctionTransformer(), X, y)


EVEN, ODD = np.arange(0, 60, 2), np.arange(1, 60, 2)


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ([(EVEN, ODD)], "cv must test each of 60 videos just once; its 1 folds test 30 different ones, 30 in all"),
        ([(EVEN, ODD)] * 2, "cv must test each of 60 videos .* 2 folds test 30 different ones, 60 in all"),
        ([(EVEN, ODD), (ODD, EVEN), (ODD, [])], "fold 2 has 30 training and 0 test videos"),
        ([([], np.arange(60))], "fold 0 has 0 training and 60 test videos"),
        ([(EVEN, ODD), (np.arange(60), EVEN)], "fold 1 has both of video 0"),
        ([], "cv must test each of 60 videos just once; its 0 folds"),
        ([(EVEN, ODD + 2), (ODD, EVEN)], "cv must test each of 60 videos just once"),
    ],
)
def test_folds_that_leave_videos_out_or_test_on_training_videos_are_named(videos, cv, message):
    with pytest.raises(ValueError, match=message):
        cross_val_predict_proba(SegmentNB(), *videos, cv=cv)


# ----------------------------------------------------------------- at the border
@pytest.mark.parametrize("n_splits", [2, 3, 5])
@pytest.mark.parametrize("grouped", [False, True])
def test_categories_of_just_n_splits_videos_are_in_every_fold(n_splits, grouped):
    category = np.repeat(["cat", "dog", "bird"], n_splits)
    groups = np.arange(len(category)) if grouped else None
    for seed in range(5):
        cv = VideoStratifiedKFold(n_splits, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            folds = [test for _, test in cv.split(None, category, groups)]
        assert all(sorted(category[test]) == ["bird", "cat", "dog"] for test in folds)


@pytest.mark.parametrize("grouped", [False, True])
def test_categories_of_one_video_fewer_are_warned_of(grouped):
    category = np.repeat(["cat", "dog", "bird"], 2)
    groups = np.arange(len(category)) if grouped else None
    with pytest.warns(UserWarning, match="has only 2 videos, fewer than n_splits=3"):
        folds = [test for _, test in VideoStratifiedKFold(3, random_state=0).split(None, category, groups)]
    assert sorted(np.concatenate(folds)) == list(range(6)) and min(map(len, folds)) > 0


@pytest.mark.parametrize("grouped", [False, True])
def test_there_may_be_as_many_folds_as_videos_and_no_more(grouped):
    category = np.repeat(["cat"], 4)
    groups = np.arange(4) if grouped else None
    folds = [test.tolist() for _, test in VideoStratifiedKFold(4, random_state=0).split(None, category, groups)]
    assert sorted(folds) == [[0], [1], [2], [3]]
    what = "groups; groups has 4" if grouped else "videos, 4"
    with pytest.raises(ValueError, match=f"n_splits=5 must not be greater than the number of {what}"):
        list(VideoStratifiedKFold(5).split(None, category, groups))
