"""GridSearchCV over tau and lam on the training speakers of AV-Digits; no speaker is in two folds.

``OMP_NUM_THREADS=1 python benchmarks/search_tau_lam.py`` takes about ten minutes on two cores.
"""

import time

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import load_av_digits
from ave_sklearn.model_selection import VideoStratifiedKFold

GRID = {"tau": [None, -np.inf, 0, 0.095], "lam": [0, 10, 100]}


def main():
    """Search, and print the mean segment accuracy of each candidate."""
    train = load_av_digits(subset="train")
    folds = VideoStratifiedKFold(2, random_state=0)
    search = GridSearchCV(PSPLocalizer(random_state=0), GRID, cv=folds, n_jobs=2, refit=False, verbose=1)
    start = time.perf_counter()
    search.fit(train.data, train.target, groups=train.groups)
    results = pd.DataFrame(search.cv_results_)
    results["tau"] = results["param_tau"].map(str)
    table = results.pivot(index="tau", columns="param_lam", values="mean_test_score")
    print(table.loc[[str(tau) for tau in GRID["tau"]]].rename_axis(columns="lam").round(3).to_string())
    print(f"best: {search.best_params_}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
