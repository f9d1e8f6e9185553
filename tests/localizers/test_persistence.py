"""Saving and loading: into a fresh process, what a file holds, and files of other versions."""

import copy
import io
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
import skops.io
import torch
from numpy.testing import assert_array_equal

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer, __version__

pytestmark = pytest.mark.slow  # nearly each test fits
ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]
LOAD = """
import sys, joblib, numpy as np
localizer = joblib.load(sys.argv[1])
X = joblib.load(sys.argv[2])
np.save(sys.argv[3], localizer.predict_proba(X))
"""


def fit(estimator, videos, **params):
    return estimator(**{"max_epochs": 2, "hidden_size": 8, "random_state": 0, **params}).fit(*videos)


@pytest.mark.parametrize("dump", [joblib.dump, lambda obj, path: path.write_bytes(pickle.dumps(obj))])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_round_trip_into_a_fresh_process(videos, estimator, dump, tmp_path):
    localizer = fit(estimator, videos, early_stopping=2)
    dump(localizer, tmp_path / "localizer")
    joblib.dump(videos[0], tmp_path / "X")
    paths = [tmp_path / name for name in ("localizer", "X", "proba.npy")]
    subprocess.run([sys.executable, "-c", LOAD, *map(str, paths)], check=True)
    assert_array_equal(np.load(paths[2]), localizer.predict_proba(videos[0]))


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"standardize": False},
        {"feature_dropout": 0},
        {"standardize": False, "feature_dropout": 0},
        {"variant": "released"},
        {"precision": "float64"},
        {"tau": None},
    ],
)
def test_copies_predict_alike_and_can_be_fitted_again(videos, params):
    X, y = videos
    localizer = fit(PSPLocalizer, videos, **params)
    loaded = pickle.loads(pickle.dumps(localizer))
    assert loaded.get_params() == localizer.get_params()
    assert loaded.history_ == localizer.history_ and loaded.n_features_in_ == localizer.n_features_in_
    for twin in (loaded, copy.deepcopy(localizer)):
        assert_array_equal(twin.predict_proba(X), localizer.predict_proba(X))
    assert_array_equal(loaded.fit(X, y).predict_proba(X), localizer.predict_proba(X))


def test_parameters_set_after_the_fit_do_not_break_the_saved_network(videos):
    localizer = fit(PSPLocalizer, videos)
    localizer.set_params(hidden_size=16, standardize=False, tau=None, variant="released")
    loaded = pickle.loads(pickle.dumps(localizer))
    assert_array_equal(loaded.predict_proba(videos[0]), localizer.predict_proba(videos[0]))


def test_an_unfitted_estimator_stays_unfitted():
    loaded = pickle.loads(pickle.dumps(PSPLocalizer(tau=0)))
    assert loaded.get_params() == PSPLocalizer(tau=0).get_params()
    assert not hasattr(loaded, "net_")


class Recorder(pickle.Unpickler):
    """Notes the packages that a pickle imports from."""

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.packages = set()

    def find_class(self, module, name):
        self.packages.add(module.split(".")[0])
        return super().find_class(module, name)


def test_a_file_holds_numpy_arrays_and_our_class_only(videos):
    localizer = fit(PSPLocalizer, videos, early_stopping=2)
    data = pickle.dumps(localizer)
    recorder = Recorder(data)
    recorder.load()
    assert recorder.packages == {"ave_sklearn", "numpy"}
    n_bytes = sum(p.numel() * p.element_size() for p in localizer.net_.module_.state_dict().values())
    assert len(data) < n_bytes + 30_000


def test_skops_needs_to_trust_our_class_only(videos):
    localizer = fit(WeakPSPLocalizer, videos)
    data = skops.io.dumps(localizer)
    assert skops.io.get_untrusted_types(data=data) == ["ave_sklearn.localizers._psp.WeakPSPLocalizer"]
    loaded = skops.io.loads(data, trusted=["ave_sklearn.localizers._psp.WeakPSPLocalizer"])
    assert_array_equal(loaded.predict_proba(videos[0]), localizer.predict_proba(videos[0]))


@pytest.mark.parametrize(("step", "age"), [(1, "a newer"), (-1, "an older")])
def test_another_format_says_so(videos, step, age):
    state = fit(PSPLocalizer, videos).__getstate__()
    state["_format_version"] += step
    message = f"saved in format {5 + step} by {age} ave_sklearn; this version reads format 5. Load it with the version"
    with pytest.raises(ValueError, match=message):
        PSPLocalizer().__setstate__(state)


def test_a_model_of_a_gpu_loads_where_there_is_none(videos, monkeypatch):
    localizer = fit(PSPLocalizer, videos)
    localizer.device = "cuda"  # as it was at the fit; the weights in the file are NumPy arrays
    data = pickle.dumps(localizer)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = pickle.loads(data)
    assert loaded.device == "cuda"
    assert {p.device.type for p in loaded.net_.module_.parameters()} == {"cpu"}
    assert loaded.predict(videos[0]).shape == videos[1].shape


def test_device_set_after_the_fit_is_that_of_the_next_fit(videos):
    localizer = fit(PSPLocalizer, videos)
    expected = localizer.predict_proba(videos[0])
    np.testing.assert_array_equal(localizer.set_params(device="meta").predict_proba(videos[0]), expected)


def test_version():
    assert __version__.split(".")[0].isdigit()
