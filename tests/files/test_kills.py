"""A process that is killed while it writes features loses neither the old nor the new ones; see kills.py."""

import os

import numpy as np
import pytest

if not hasattr(os, "fork"):
    pytest.skip("needs fork and SIGKILL", allow_module_level=True)

import kills

N_CASES = int(os.environ.get("KILL_CASES", 24))
N_QUICK = 4
NUMBERS = np.random.default_rng(0).permutation(max(540, N_CASES))[:N_CASES].tolist()


@pytest.fixture(scope="module")
def lengths():
    """How long each writer takes, measured once."""
    return {}


@pytest.mark.parametrize(
    "number", [*NUMBERS[:N_QUICK], *(pytest.param(number, marks=pytest.mark.slow) for number in NUMBERS[N_QUICK:])]
)
def test_a_killed_writer(number, lengths):
    outcome = kills.one_case(number, lengths)[-1]
    assert outcome.partition(":")[0] not in kills.FAILURES, outcome
