"""NumPy's bools, integers and floats as parameters: they are Python's, as a search over np.arange hands them over."""

import json

import numpy as np
import pytest
import torch
from helpers import write_video
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.metrics import EventF1Scorer
from ave_sklearn.model_selection import VideoStratifiedKFold

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer]
QUICK = {"max_epochs": 1, "batch_size": 32, "random_state": 0}

VALUES = {  # of each parameter that takes numbers or bools
    "tau": [0.25, 0, 1],
    "lam": [2.5, 0],
    "weighting": [False, True],
    "self_attention": [False, True],
    "hidden_size": [8],
    "dropout": [0.5, 0],
    "standardize": [False, True],
    "feature_dropout": [0.25, 0],
    "max_epochs": [2],
    "batch_size": [7, 200],
    "lr": [0.03125],
    "weight_decay": [0.5, 0],
    "label_smoothing": [0.25, 0],
    "early_stopping": [False, 1],
    "validation_fraction": [0.25],
    "n_audio_features": [None, 6],
    "background": ["background"],
    "random_state": [3],
    "verbose": [0, False],
}
OTHER = {"network", "network_params", "variant", "target", "lr_schedule", "classes", "precision", "device"}


def numpy_forms(value):
    """The same value as scalars of NumPy's types."""
    if isinstance(value, bool):
        return [np.bool_(value)]
    if isinstance(value, int):
        return [kind(value) for kind in (np.int8, np.uint8, np.int64, np.uint64) if value < 128 or kind != np.int8]
    if isinstance(value, float):
        return [np.float16(value), np.float32(value), np.float64(value)]
    return [np.str_(value)] if isinstance(value, str) else []


def small(estimator):
    """An estimator whose fits take milliseconds, with all that it takes for that."""
    if estimator in (PSPLocalizer, WeakPSPLocalizer):
        return estimator(hidden_size=4, **QUICK)
    return estimator(network="avel", network_params={"hidden_size": 4}, **QUICK)


def results(localizer, X):
    """Numbers of a fit, without its seconds."""
    recorded = [value for row in localizer.history_ for name, value in row.items() if name != "dur"]
    return recorded, localizer.predict_proba(X).tolist(), localizer.n_iter_, localizer.best_epoch_


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_takes_numpy_scalars(pooled, estimator, capsys):
    X, y = pooled[0][:12], pooled[1][:12]
    names = set(small(estimator).get_params())
    assert names <= VALUES.keys() | OTHER  # a new parameter needs its values here
    for name in names & VALUES.keys():
        for value in VALUES[name]:
            expected = results(small(estimator).set_params(**{name: value}).fit(X, y), X)
            for form in numpy_forms(value)[:: 1 if name in ("batch_size", "max_epochs") else 3]:
                localizer = small(estimator).set_params(**{name: form}).fit(X, y)
                assert results(localizer, X) == expected, (name, form)
                assert localizer.get_params()[name] is form  # as scikit-learn wants it


@pytest.mark.parametrize("value", [True, np.True_])
def test_early_stopping_is_no_bool_but_false(pooled, value):
    with pytest.raises(ValueError, match="early_stopping is True; wanted False, 'best' or a patience"):
        small(PSPLocalizer).set_params(early_stopping=value).fit(*pooled)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_epochs", np.float64(2)), ("batch_size", np.int64(0)), ("lr", np.float32(-1)), ("hidden_size", np.int8(3))],
)
def test_numpy_scalars_out_of_range_are_refused_by_name(pooled, name, value):
    with pytest.raises(ValueError, match=name):
        small(PSPLocalizer).set_params(**{name: value}).fit(*pooled)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["psp", "cmran", "avt", "dmrn"])
def test_parameters_of_networks_take_numpy_scalars(pooled, network):
    X, y = pooled
    params = {"hidden_size": np.int64(8), "dropout": np.float32(0.25)}
    if network == "psp":
        params |= {"tau": np.float64(0.2), "self_attention": np.False_}
    plain = {name: value.item() for name, value in params.items()}
    fits = [EventLocalizer(network=network, network_params=each, **QUICK).fit(X, y) for each in (params, plain)]
    assert results(fits[0], X) == results(fits[1], X)


class Sized(torch.nn.Module):
    """Takes Python's numbers only."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, sizes, flag):
        super().__init__()
        assert flag is False and all(type(size) is int for size in sizes["hidden"])
        self.layer = torch.nn.Linear(n_audio_features + n_visual_features, n_classes)

    def forward(self, audio, visual):
        return {"logits": self.layer(torch.cat([audio, visual], -1))}


def test_parameters_of_own_networks_are_pythons(pooled):
    params = {"sizes": {"hidden": [np.int64(3), np.uint8(4)]}, "flag": np.False_}
    localizer = EventLocalizer(network=Sized, network_params=params, lam=0, **QUICK)
    assert np.isfinite(localizer.fit(*pooled).score(*pooled))
    assert params["flag"] is np.False_


@pytest.mark.slow
def test_a_search_over_numpy_ranges(pooled):
    grid = {"max_epochs": np.arange(1, 3), "tau": np.linspace(0, 0.2, 2, dtype="f4"), "standardize": np.array([False])}
    search = GridSearchCV(small(PSPLocalizer), grid, cv=VideoStratifiedKFold(2, random_state=0), error_score="raise")
    search.fit(*pooled)
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        plain = {name: value.item() for name, value in params.items()}
        scores = GridSearchCV(small(PSPLocalizer), {k: [v] for k, v in plain.items()}, cv=search.cv).fit(*pooled)
        assert scores.best_score_ == score


# ------------------------------------------------------------------- extractor, splitter, scorer
def mean_colour(pictures):
    """A visual network: the mean of each colour, (n, 3)."""
    return pictures.mean(dim=(2, 3))


def mean_band(examples):
    """An audio network: the mean of each band, (n, 64)."""
    return examples.mean(dim=(1, 2))


def test_the_extractor_takes_numpy_scalars(tmp_path):
    path = write_video(tmp_path / "a.mkv", video_codec="ffv1", audio_codec="flac", pixel_format="bgr0")
    numbers = {"n_segments": 2, "frames_per_segment": 3, "image_size": 8, "batch_size": 200, "n_jobs": 1, "verbose": 0}
    numbers |= {"segment_seconds": 0.5, "hop_seconds": 0.75, "max_damage": 0.25}
    extractor = VideoFeatureExtractor(visual=mean_colour, audio=mean_band, memory=tmp_path / "cache")
    takes = {name for name, value in extractor.get_params().items() if isinstance(value, int | float | None)}
    assert takes - {"memory", "pca_params", "pool", "weights_dir"} == numbers.keys()
    expected = extractor.set_params(**numbers).transform([path])
    kept = json.dumps(sorted(map(str, (tmp_path / "cache").rglob("output.pkl"))))
    for name, value in numbers.items():
        for form in numpy_forms(value)[::-1]:
            again = clone(extractor).set_params(**{name: form}).transform([path])
            assert_array_equal(np.asarray(again), np.asarray(expected))
    assert json.dumps(sorted(map(str, (tmp_path / "cache").rglob("output.pkl")))) == kept  # the cache knew all of them


def test_splitters_and_scorers_take_numpy_scalars(pooled):
    X, y = pooled
    model = small(PSPLocalizer).fit(X, y)
    for shuffle, seed in ((True, 3), (False, None)):
        plain = [test.tolist() for _, test in VideoStratifiedKFold(3, shuffle=shuffle, random_state=seed).split(X, y)]
        seed = seed if seed is None else np.int64(seed)
        cv = VideoStratifiedKFold(np.uint8(3), shuffle=np.bool_(shuffle), random_state=seed)
        assert [test.tolist() for _, test in cv.split(X, y)] == plain
        assert cv.get_n_splits() == 3
    for params in ({"collar": 1.0}, {"iou": 0.25, "segment_seconds": 2.0}):
        forms = {name: np.float32(value) for name, value in params.items()}
        assert EventF1Scorer(**forms)(model, X, y) == EventF1Scorer(**params)(model, X, y)
