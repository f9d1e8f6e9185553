"""A grid search on a Dask cluster, with features that are sent as names of files.

    OMP_NUM_THREADS=1 python examples/dask_search.py [tcp://SCHEDULER:8786] [--folder SHARED]

Without an address it starts two processes on this machine. With one, the folder must be there under the same path on
the machines of all workers, which need the same versions of Python and packages. docs/many_machines.md says what else.

Needs pip install "ave_sklearn[dask]"
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import joblib
import pandas as pd
from distributed import LocalCluster
from sklearn.model_selection import GridSearchCV

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold, dask_client

GRID = {"tau": [None, 0.095], "lam": [0.0, 10.0]}


def main(address, folder):
    """Search on the cluster at the address, or on one of two processes, and print the table."""
    X, y = make_av_events(n_videos=200, random_state=0)
    X = X.to_npy(Path(folder, "audio.npy"), Path(folder, "visual.npy"))  # from here on X is two names of files
    localizer = PSPLocalizer(hidden_size=32, max_epochs=3, random_state=0)
    # error_score="raise": a worker that lacks a file ends the search, with an error that names machine and file
    search = GridSearchCV(localizer, GRID, cv=VideoStratifiedKFold(2, random_state=0), error_score="raise")
    with ExitStack() as stack:
        if address is None:
            options = {"threads_per_worker": 1, "dashboard_address": ":0"}  # a fit has a process of its own
            address = stack.enter_context(LocalCluster(n_workers=2, **options))
        stack.enter_context(dask_client(address))  # and no plain Client: a worker that dies costs its own fits alone
        stack.enter_context(joblib.parallel_config(backend="dask"))
        search.fit(X, y)
    table = pd.DataFrame(search.cv_results_)
    print(table[["param_tau", "param_lam", "mean_test_score", "std_test_score"]].round(3).to_string(index=False))
    print(f"best: {search.best_params_}")


if __name__ == "__main__":  # the processes of a LocalCluster import this file
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address", nargs="?")
    parser.add_argument("--folder", help="for the features; default: a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:
        main(args.address, args.folder or own)
