"""Settings of a localizer chosen by Optuna, in two processes that share one study.

A grid tries all combinations; Optuna draws each trial from what the trials before have shown, so that more parameters
can be tried at once. The study lies in a SQLite file, `study.db`: run the script again, and it goes on with the trials
that it has. SQLite is for the processes of one machine; several machines share a study on a server of PostgreSQL or
MySQL, by another `STORAGE`.

    python examples/tune_with_optuna.py [TRIALS]

Needs Optuna: pip install optuna
"""

import os
import sys
from multiprocessing import get_context

import numpy as np
import optuna
from sklearn.model_selection import cross_val_score

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold

STORAGE, NAME = "sqlite:///study.db", "psp"
N_PROCESSES = 2
X, y = make_av_events(n_videos=80, n_classes=4, n_audio_features=16, n_visual_features=16, random_state=0)


def objective(trial):
    """Return the mean segment accuracy of the settings that a trial proposes."""
    localizer = PSPLocalizer(
        tau=trial.suggest_categorical("tau", [None, 0.0, 0.05, 0.095]),
        lam=trial.suggest_float("lam", 0.1, 100, log=True),
        lr=trial.suggest_float("lr", 3e-4, 3e-2, log=True),
        hidden_size=16,
        max_epochs=5,
        random_state=0,
    )
    trial.set_user_attr("process", os.getpid())
    folds = VideoStratifiedKFold(3, random_state=0)  # the same for each trial, so that trials can be compared
    return np.mean(cross_val_score(localizer, X, y, cv=folds, error_score="raise"))


def work(n_trials):
    """Add trials to the study; each process does this."""
    # No seed: two processes of one seed would propose the same. Trials that another process has begun count as bad
    # until they are finished (the constant liar), so that their neighbourhood is left to it.
    sampler = optuna.samplers.TPESampler(constant_liar=True)
    study = optuna.load_study(study_name=NAME, storage=STORAGE, sampler=sampler)
    study.optimize(objective, n_trials=n_trials, catch=ValueError)  # a training that diverges is a failed trial


def main(n_trials):
    """Make the study, or go on with it, and print its best trials."""
    study = optuna.create_study(study_name=NAME, storage=STORAGE, direction="maximize", load_if_exists=True)
    processes = [get_context("spawn").Process(target=work, args=(n_trials,)) for _ in range(N_PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit("A process failed; the trials that it finished are in the study.")
    table = study.trials_dataframe(attrs=("number", "value", "params", "user_attrs", "state"))
    print(table.sort_values("value", ascending=False).head(5).round(4).to_string(index=False))
    print("best", study.best_value, study.best_params)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
