"""The same random_state gives the same bits, however and wherever a fit runs; global generators stay out of it."""

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer

pytestmark = pytest.mark.slow  # each test fits, most of them several times
ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer]


def fit_probabilities(estimator, X, y, random_state):
    return (
        estimator(max_epochs=3, hidden_size=8, batch_size=16, random_state=random_state, early_stopping=3)
        .fit(X, y)
        .predict_proba(X)
    )


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_bitwise_equal_serially_in_processes_and_in_threads(videos, estimator):
    seeds = [0, 1, 0, 1]
    results = {
        backend: Parallel(n_jobs=n_jobs, backend=backend)(
            delayed(fit_probabilities)(estimator, *videos, seed) for seed in seeds
        )
        for backend, n_jobs in (("sequential", 1), ("loky", 2), ("threading", 4))
    }
    for backend in ("loky", "threading"):
        for expected, found in zip(results["sequential"], results[backend], strict=True):
            assert_array_equal(found, expected, err_msg=backend)
    first, second, again, _ = results["sequential"]
    assert_array_equal(first, again)
    assert (first != second).any()


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_global_generators_are_neither_used_nor_moved(videos, estimator, random_state):
    results = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        numpy_before, torch_before = np.random.get_state(), torch.get_rng_state()
        results.append(fit_probabilities(estimator, *videos, random_state))
        assert_array_equal(np.random.get_state()[1], numpy_before[1])
        assert np.random.get_state()[2] == numpy_before[2]
        assert torch.equal(torch.get_rng_state(), torch_before)
    assert (results[0] == results[1]).all() == (random_state == 0)


def test_without_random_state_seeding_numpy_changes_nothing(videos):
    results = []
    for _ in range(2):
        np.random.seed(0)
        results.append(fit_probabilities(PSPLocalizer, *videos, None))
    assert (results[0] != results[1]).any()


def test_a_random_state_instance_moves_on_from_fit_to_fit(videos):
    generator = np.random.RandomState(0)
    first = fit_probabilities(PSPLocalizer, *videos, generator)
    assert (fit_probabilities(PSPLocalizer, *videos, generator) != first).any()
    assert_array_equal(fit_probabilities(PSPLocalizer, *videos, np.random.RandomState(0)), first)


def test_data_are_not_changed_by_a_fit(videos):
    X, y = videos
    audio, visual, labels = X.audio.copy(), X.visual.copy(), y.copy()
    fit_probabilities(PSPLocalizer, X, y, 0)
    assert_array_equal(X.audio, audio)
    assert_array_equal(X.visual, visual)
    assert_array_equal(y, labels)
