"""The example with Optuna: two processes, one study, each trial once."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "tune_with_optuna.py"
pytestmark = pytest.mark.slow


def test_two_processes_share_a_study_that_can_be_gone_on_with(tmp_path, monkeypatch):
    done = subprocess.run([sys.executable, EXAMPLE, "2"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(tmp_path)
    study = optuna.load_study(study_name="psp", storage="sqlite:///study.db")
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    processes = [trial.user_attrs["process"] for trial in study.trials]
    assert [processes.count(process) for process in set(processes)] == [2, 2]
    assert len({(trial.params["lam"], trial.params["lr"]) for trial in study.trials}) == 4
    assert done.stdout.splitlines()[-1] == f"best {study.best_value} {study.best_params}"

    example = runpy.run_path(str(EXAMPLE))  # this process is a third one
    assert example["objective"](optuna.trial.FixedTrial(study.best_params)) == study.best_value
    example["work"](1)
    trials = optuna.load_study(study_name="psp", storage="sqlite:///study.db").trials
    assert (len(trials), trials[-1].user_attrs["process"]) == (5, os.getpid())
    assert np.isfinite(trials[-1].value)
