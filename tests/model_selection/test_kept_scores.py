"""Scores in a folder: what is looked up, what is not, and what a search makes of it."""

import importlib
import json
import linecache
import sys
from functools import partial

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer
from ave_sklearn.metrics import EventF1Scorer, event_f1_scorer, segment_accuracy_score
from ave_sklearn.metrics._scorers import find_attribute, fitted_background
from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold

CV = VideoStratifiedKFold(2, random_state=0)
TRAIN, TEST = np.arange(40), np.arange(40, 60)
N_FITS = []


class Counted(ClassifierMixin, BaseEstimator):
    """Calls everything one label, and counts its fits in `N_FITS`."""

    def __init__(self, label="background", extra=None, random_state=0, verbose=0):
        self.label, self.extra, self.random_state, self.verbose = label, extra, random_state, verbose

    def fit(self, X, y, sample_weight=None):
        N_FITS.append(1)
        if self.label == "none":
            raise ValueError("this one fails")
        self.classes_, self.background_ = np.unique(y), "background"
        return self

    def predict(self, X):
        return np.full((len(X), X.n_segments), self.label, dtype=object)

    def score(self, X, y):
        return segment_accuracy_score(y, self.predict(X))


class OtherClass(Counted):
    """The same by another name."""


@pytest.fixture
def fits():
    N_FITS.clear()
    return N_FITS


@pytest.fixture
def score_of(pooled, tmp_path):
    """Fit on the first 40 videos and score the others, in the folder "kept"; arguments replace the usual ones."""
    X, y = pooled

    def score_of(estimator=None, X=X, y=y, train=TRAIN, test=TEST, scoring=None, **fit_params):
        kept = KeptScores(Counted() if estimator is None else estimator, tmp_path / "kept", scoring=scoring)
        return kept.fit(X[train], y[train], **fit_params).score(X[test], y[test])

    return score_of


def quick(**params):
    return PSPLocalizer(**{"max_epochs": 1, "hidden_size": 8, "random_state": 0, **params})


# --------------------------------------------------------- looked up or not
def test_what_was_scored_is_not_fitted_again(score_of, fits, tmp_path, pooled):
    first = score_of()
    assert (len(fits), score_of(), score_of(Counted(verbose=3)), len(fits)) == (1, first, first, 1)
    (file,) = (tmp_path / "kept").iterdir()
    record = json.loads(file.read_text())
    assert record["score"] == first == np.mean(pooled[1][40:] == "background")
    assert (record["estimator"], record["parameters"]["label"]) == ("Counted", "'background'")


def first_row_of(y, label):
    y = y.copy()
    y[0] = label
    return y


@pytest.mark.parametrize(
    "change",
    [
        lambda X, y: {"estimator": Counted(label="event_0")},
        lambda X, y: {"estimator": Counted(random_state=1)},
        lambda X, y: {"estimator": make_pipeline(Counted())},
        lambda X, y: {"estimator": OtherClass()},
        lambda X, y: {"X": AVFeatures(X.audio + (np.arange(60) == 50)[:, None, None], X.visual)},  # a test video
        lambda X, y: {"train": np.arange(39)},
        lambda X, y: {"train": np.arange(40)[::-1]},
        lambda X, y: {"test": np.arange(41, 60)},
        lambda X, y: {"X": AVFeatures(X.audio + 1, X.visual)},
        lambda X, y: {"y": first_row_of(y, "event_1")},
        lambda X, y: {"y": y[:, ::-1]},
        lambda X, y: {"scoring": event_f1_scorer},
        lambda X, y: {"sample_weight": np.ones(40)},
    ],
)
def test_whatever_matters_is_another_fit(score_of, fits, pooled, change):
    score_of()
    n_fits = len(fits)
    for _ in range(2):  # and is kept beside the first
        score_of(**change(*pooled))
    score_of()
    assert len(fits) == n_fits + 1


def test_scorers_with_other_parameters_are_other_scorers(score_of, fits):
    assert score_of(scoring=EventF1Scorer(iou=0.1)) >= score_of(scoring=EventF1Scorer(iou=0.9))
    score_of(scoring=EventF1Scorer(iou=0.9))
    assert len(fits) == 2


def test_an_array_in_a_file_counts_as_one_in_memory(score_of, fits, pooled, tmp_path):
    weight = np.linspace(1, 2, 40)
    np.save(tmp_path / "weight.npy", weight)
    score_of(sample_weight=weight)
    score_of(sample_weight=np.load(tmp_path / "weight.npy", mmap_mode="r"))
    assert len(fits) == 1


@pytest.mark.parametrize("package", ["scikit-learn", "torch"])
def test_another_version_is_another_fit(score_of, fits, monkeypatch, package):
    score_of()
    monkeypatch.setattr("ave_sklearn._kept_scores.version", lambda name: "0" if name == package else "1")
    score_of()
    assert len(fits) == 2


def test_features_in_files_count_by_their_files(score_of, fits, pooled, tmp_path, monkeypatch):
    X, _ = pooled
    files = tmp_path / "audio.npy", tmp_path / "visual.npy"
    X.to_npy(*files)
    monkeypatch.setattr(AVFeatures, "take", None)  # nothing is read
    monkeypatch.setattr("ave_sklearn._features.memmap.MappedRows.copy_rows", None)
    first = score_of(X=AVFeatures.from_npy(*files))
    assert (score_of(X=AVFeatures.from_npy(*files)), len(fits)) == (first, 1)
    monkeypatch.undo()
    AVFeatures(X.audio + 1, X.visual).to_npy(*files)
    score_of(X=AVFeatures.from_npy(*files))
    assert len(fits) == 2


def test_joined_features_are_looked_up_too(score_of, fits, pooled, tmp_path):
    X, _ = pooled
    files = tmp_path / "audio.npy", tmp_path / "visual.npy"
    X[:30].to_npy(*files)
    for _ in range(2):
        score_of(X=AVFeatures.concatenate([AVFeatures.from_npy(*files), X[30:]]))
    assert len(fits) == 1


NETWORK = "import torch\nclass Net(torch.nn.Module):\n    size = {}\ndef twice(x):\n    return {} * x\n"


@pytest.mark.parametrize("used", [lambda m: m.Net, lambda m: m.twice, lambda m: [partial(m.twice, 2)]])
def test_a_class_or_function_counts_by_its_text(score_of, fits, tmp_path, monkeypatch, used):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for number in (2, 2, 3):
        (tmp_path / "own_code.py").write_text(NETWORK.format(number, number))
        linecache.checkcache()
        sys.modules.pop("own_code", None)
        score_of(Counted(extra=used(importlib.import_module("own_code"))))
    assert len(fits) == 2


def test_what_is_defined_in_the_script_counts_by_its_text_too(score_of, monkeypatch):
    monkeypatch.setitem(vars(sys.modules["__main__"]), "typed", typed := type("typed", (), {"__module__": "__main__"}))
    with pytest.raises(ValueError, match="parameter extra is <class '__main__.typed'>.*its text is not to be found"):
        score_of(Counted(extra=typed))


# -------------------------------------------------------------- what cannot be kept
def test_without_a_seed_each_fit_is_another(score_of, fits):
    with pytest.raises(ValueError, match="random_state is None, so that each fit is another one"):
        score_of(Counted(random_state=None))
    with pytest.raises(ValueError, match="counted__random_state is None"):
        score_of(make_pipeline(Counted(random_state=None)))
    assert not fits


def test_what_cannot_be_told_from_others_is_named(score_of, fits):
    with pytest.raises(ValueError, match="parameter label is <function .*<lambda>.*cannot be told from others"):
        score_of(Counted(label=lambda: 3))
    with pytest.raises(ValueError, match="scoring is <function .*<lambda>"):
        score_of(scoring=lambda *args: 1.0)
    assert not fits


def test_a_failed_fit_keeps_nothing_and_says_which_it_was(score_of, fits, tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="this one fails") as caught:
            score_of(Counted(label="none", extra=3))
        assert caught.value.__notes__ == ["in the fit of Counted(extra=3, label='none')"]
    assert (len(fits), list((tmp_path / "kept").iterdir())) == (2, [])


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"score": "a", "fit_seconds": 1.0}', '{"score": 1.0}', "[" * 100_000]
)
def test_a_damaged_file_is_named_and_made_again(score_of, fits, tmp_path, text):
    score = score_of()
    (file,) = (tmp_path / "kept").iterdir()
    good = json.loads(file.read_text())
    file.write_text(text)
    with pytest.warns(UserWarning, match=f"{file.name} cannot be read as a kept score: .* made again"):
        assert score_of() == score
    assert json.loads(file.read_text())["score"] == good["score"]
    assert (score_of(), len(fits)) == (score, 2)


def test_a_folder_that_cannot_be_made_is_named_before_the_fit(pooled, fits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        KeptScores(Counted(), tmp_path / "file").fit(*pooled)
    with pytest.raises(ValueError, match="The 'folder' parameter of KeptScores must be"):
        KeptScores(Counted(), 3).fit(*pooled)
    with pytest.raises(ValueError, match="scoring must return a number; got a str"):
        KeptScores(Counted(), tmp_path, scoring=text_score).fit(*pooled).score(*pooled)
    assert len(fits) == 1


def text_score(estimator, X, y):
    return "1"


# ------------------------------------------------------------- scikit-learn
def test_a_fit_that_was_not_needed_is_done_when_it_is_asked_for(pooled, fits, tmp_path):
    X, y = pooled
    KeptScores(Counted(), tmp_path).fit(X, y).score(X, y)
    kept = KeptScores(Counted(label="event_0"), tmp_path)
    assert not hasattr(kept, "estimator_")
    kept.fit(X, y).score(X, y)
    again = clone(kept).fit(X, y)
    assert (again.record(X, y)["looked_up"], len(fits)) == (1, 2)
    assert (again.predict(X) == "event_0").all()
    assert again.record(X[:9], y[:9]).keys() == {"score", "fit_seconds", "looked_up"}
    assert (len(fits), fitted_background(again), type(again.estimator_)) == (3, "background", Counted)
    assert find_attribute(again, "classes_").tolist() == np.unique(y).tolist()
    assert not hasattr(again, "predict_proba")
    assert len(fits) == 3


def test_without_a_folder_nothing_is_kept(pooled, fits):
    X, y = pooled
    for _ in range(2):
        assert KeptScores(Counted(random_state=None), None).fit(X, y).record(X, y)["looked_up"] == 0
    assert len(fits) == 2


def test_a_search_fits_what_is_missing_and_refits(pooled, fits, tmp_path):
    X, y = pooled
    options = {"cv": CV, "scoring": KeptScores.record, "refit": "score", "error_score": "raise"}
    kept, grid = KeptScores(Counted(), tmp_path), {"estimator__label": ["background", "event_0"]}
    search = GridSearchCV(kept, grid, **options).fit(X, y)
    plain = GridSearchCV(Counted(), {"label": ["background", "event_0"]}, cv=CV).fit(X, y)
    assert_array_equal(search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert type(search.best_estimator_.estimator_) is Counted
    fits.clear()
    grid["estimator__label"].append("event_1")
    search = GridSearchCV(kept, grid, **options).fit(X, y)
    assert search.cv_results_["mean_test_looked_up"].tolist() == [1, 1, 0]
    assert len(fits) == 2 + 1  # the refit
    fits.clear()
    assert len(cross_val_score(kept, X, y, cv=CV)) == 2
    assert not fits


def test_scikit_learns_checks(tmp_path):
    """All that it has for classifiers; the folder fills with the scores of its checks."""
    check_estimator(KeptScores(LogisticRegression(random_state=0), tmp_path), on_skip=None)
    assert list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_fill_a_folder_and_look_up_in_it(pooled, tmp_path):
    X, y = pooled
    grid = {"estimator__tau": [None, 0], "estimator__lam": [0, 10]}
    options = {"cv": CV, "scoring": KeptScores.record, "refit": "score", "error_score": "raise"}
    for features in (X, in_files(X, tmp_path)):
        search = GridSearchCV(KeptScores(quick(), tmp_path / "kept"), grid, n_jobs=2, **options).fit(features, y)
        again = GridSearchCV(KeptScores(quick(), tmp_path / "kept"), grid, **options).fit(features, y)
        assert search.cv_results_["mean_test_looked_up"].tolist() == [0] * 4
        assert again.cv_results_["mean_test_looked_up"].tolist() == [1] * 4
        plain = GridSearchCV(quick(), {"tau": [None, 0], "lam": [0, 10]}, cv=CV).fit(X, y)
        for name in ("split0_test_score", "split1_test_score", "rank_test_score"):
            assert_array_equal(again.cv_results_[name], plain.cv_results_[name])
            assert_array_equal(search.cv_results_[name], plain.cv_results_[name])
        assert_array_equal(search.best_estimator_.predict_proba(X), plain.predict_proba(X))
    assert len(list((tmp_path / "kept").glob("*.json"))) == 16


def in_files(X, folder):
    X.to_npy(folder / "audio.npy", folder / "visual.npy")
    return AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy")


@pytest.mark.slow
def test_workers_of_dask_fill_a_folder(pooled, tmp_path):
    distributed = pytest.importorskip("distributed")
    X, y = in_files(pooled[0], tmp_path), pooled[1]
    kept, options = KeptScores(quick(), tmp_path / "kept"), {"cv": CV, "scoring": KeptScores.record, "refit": False}
    grid = {"estimator__tau": [None, 0]}
    cluster = partial(distributed.LocalCluster, n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster() as two, distributed.Client(two), parallel_config(backend="dask"):
        results = [GridSearchCV(kept, grid, **options).fit(X, y).cv_results_ for _ in range(2)]
    assert [result["mean_test_looked_up"].tolist() for result in results] == [[0, 0], [1, 1]]
    serial = GridSearchCV(quick(), {"tau": [None, 0]}, cv=CV).fit(X, y)
    for result in results:
        assert_array_equal(result["mean_test_score"], serial.cv_results_["mean_test_score"])


@pytest.mark.slow
def test_a_pipeline_and_a_network_by_name(pooled, tmp_path):
    X, y = pooled
    flat, labels = X.audio[:, 0].astype(float), y[:, 0]
    for estimator, data in (
        (make_pipeline(StandardScaler(), quick()), (flat, labels)),
        (EventLocalizer(network="avel", max_epochs=1, random_state=0), (X, y)),
    ):
        scores = [cross_val_score(KeptScores(estimator, tmp_path), *data, cv=CV) for _ in range(2)]
        assert_array_equal(scores[0], scores[1])
        assert_array_equal(scores[0], cross_val_score(estimator, *data, cv=CV))
    assert len(list(tmp_path.glob("*.json"))) == 4
