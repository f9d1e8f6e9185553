"""scikit-learn's own check suite, on the setting where it can hold exactly, and on the plain defaults."""

import os

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer

# Two outputs are for scikit-learn two columns of y; for a localizer they are two segments of the video.
MULTIOUTPUT = {
    "check_classifier_multioutput": "y of shape (n, 3) means 3 segments, but a row of a 2-D X is one segment"
}
DEFAULTS = {
    **MULTIOUTPUT,
    "check_sample_weight_equivalence_on_dense_data": (
        "dropout masks and batches are drawn by position, so a repeated video meets other ones than a weighted one"
    ),
}
EXACT = {"precision": "float64", "dropout": 0.0, "feature_dropout": 0.0, "batch_size": 1_000_000, "hidden_size": 32}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("SCIPY_ARRAY_API") != "1", reason="set SCIPY_ARRAY_API=1 before Python starts"),
    pytest.mark.filterwarnings("ignore"),  # the checks fit on targets without background, on purpose bad data
]


@parametrize_with_checks(
    [PSPLocalizer(**EXACT), WeakPSPLocalizer(**EXACT)],
    expected_failed_checks=lambda estimator: MULTIOUTPUT,
    xfail_strict=True,
)
def test_scikit_learn_checks_in_float64_full_batches_without_dropout(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [PSPLocalizer(), WeakPSPLocalizer(), EventLocalizer(), WeakEventLocalizer()],
    expected_failed_checks=lambda estimator: DEFAULTS,
    xfail_strict=True,
)
def test_scikit_learn_checks_on_the_defaults(estimator, check):
    check(estimator)
