"""What a search on a Dask cluster sends, and what a killed worker costs.

    OMP_NUM_THREADS=1 python benchmarks/bench_dask.py

Counts the bytes that this process sends: from the client to the scheduler and from there to two workers, so that what
goes along with a task counts twice. The features are files with holes of AVE's shape, of which a fit reads one video.
Then one of two workers is killed in a search on generated videos, which is compared with one in a single process.
"""

import argparse
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import h5py
import joblib
import numpy as np
import pandas as pd
from _tables import print_markdown
from distributed import LocalCluster
from distributed.comm.tcp import TCP
from numpy.lib.format import open_memmap
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold, dask_client

N_FITS = 10


class Reader(ClassifierMixin, BaseEstimator):
    """An estimator that reads one video, and scores nothing."""

    def fit(self, X, y):
        """Read a video."""
        X.take([0])
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        """Return 1."""
        return 1.0


class Counted(PSPLocalizer):
    """A localizer that appends a line to a file at the begin and at the end of a fit."""

    def fit(self, X, y):
        """Fit, between two lines."""
        self._tell("begun", X)
        super().fit(X, y)
        self._tell("done", X)
        return self

    def _tell(self, what, X):
        with open(os.environ["FITS"], "a") as file:
            file.write(f"{what} {os.getpid()} {self.tau},{self.lam},{X.stored_rows([0, 1, 2])}\n")


def npy(folder, n_videos):
    """Return features in .npy files with holes."""
    for name, shape in (("audio", (128,)), ("visual", (7, 7, 512))):
        open_memmap(folder / f"{name}.npy", "w+", "f4", (n_videos, 10, *shape))
    return AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy")


def hdf5(folder, n_videos):
    """Return features in a chunked HDF5 file, of zeros."""
    with h5py.File(folder / "both.h5", "w") as file:
        for name, shape in (("audio", (128,)), ("visual", (7, 7, 512))):
            zeros = np.zeros((n_videos, 10, *shape), "f4")
            file.create_dataset(name, data=zeros, chunks=(1, 10, *shape), compression="gzip")
    return AVFeatures.from_hdf5(folder / "both.h5", folder / "both.h5", audio_key="audio", visual_key="visual")


def memory(folder, n_videos):
    """Return features in memory."""
    return AVFeatures(np.zeros((n_videos, 10, 128), "f4"), np.zeros((n_videos, 10, 7, 7, 512), "f4"))


def count_bytes():
    """Return a list to which each message that this process sends appends its bytes."""
    counts, write = [], TCP.write

    async def counted(self, *args, **kwargs):
        counts.append(await write(self, *args, **kwargs))
        return counts[-1]

    TCP.write = counted
    return counts


def print_bytes(cases, sent):
    """Print a table of the bytes that ten fits send, for each kind of features and number of videos."""
    rows = []
    for make, n_videos in cases:
        with tempfile.TemporaryDirectory() as folder:
            X, y = make(Path(folder), n_videos), np.arange(n_videos * 10).reshape(-1, 10) % 29
            before = sum(sent)
            cross_val_score(Reader(), X, y, cv=KFold(N_FITS))
            row = {"features in": make.__name__, "videos": n_videos, "MB of features": round(X.nbytes / 1e6)}
            rows.append(row | {"kB sent a fit": round((sum(sent) - before) / N_FITS / 1000)})
    print_markdown(pd.DataFrame(rows), digits=1)


def kill_when(n_done, file, killed):
    """Kill the worker that wrote the last line, once so many fits are done."""
    while file.read_text().count("done") < n_done:
        time.sleep(0.05)
    killed.append(int(file.read_text().splitlines()[-1].split()[1]))
    os.kill(killed[0], signal.SIGKILL)


def search(X, y, file, n_killed_at=None):
    """Return mean scores, seconds and how often each fit was begun."""
    grid = {"tau": [None, 0.0, 0.095], "lam": [0.0, 10.0]}
    estimator = Counted(hidden_size=32, max_epochs=5, random_state=0)
    search = GridSearchCV(estimator, grid, cv=VideoStratifiedKFold(2, random_state=0), refit=False, error_score="raise")
    file.write_text("")
    if n_killed_at:
        threading.Thread(target=kill_when, args=(n_killed_at, file, []), daemon=True).start()
    start = time.perf_counter()
    scores = search.fit(X, y).cv_results_["mean_test_score"]
    begun = Counter(line.split(maxsplit=2)[2] for line in file.read_text().splitlines() if line.startswith("begun"))
    return scores, time.perf_counter() - start, begun


def print_searches(folder):
    """Print a table of searches: in one process, on the workers, and with one of them killed."""
    file = Path(os.environ["FITS"])
    X, y = make_av_events(n_videos=400, random_state=0)
    X, rows, serial = X.to_npy(folder / "audio.npy", folder / "visual.npy"), [], None
    for name, n_killed_at in (("one process", None), ("two workers", None), ("two workers, one killed", 4)):
        backend = {"backend": "loky", "n_jobs": 1} if name == "one process" else {"backend": "dask"}
        with joblib.parallel_config(**backend):
            scores, seconds, begun = search(X, y, file, n_killed_at)
        serial = scores if serial is None else serial
        row = {"search": name, "seconds": round(seconds, 1), "fits": len(begun)}
        row["begun again"] = sum(begun.values()) - len(begun)
        rows.append(row | {"scores equal": "yes" if np.array_equal(scores, serial) else "no"})
    print_markdown(pd.DataFrame(rows), digits=1)


def main():
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--videos", type=int, nargs="+", default=[50, 4143, 100_000], help="of files with holes")
    args = parser.parse_args()
    sent = count_bytes()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FITS"] = str(Path(folder, "fits.txt"))
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        with cluster, dask_client(cluster), joblib.parallel_config(backend="dask"):
            print_bytes([*((npy, n_videos) for n_videos in args.videos), (hdf5, 50), (memory, 50)], sent)
            print()
            print_searches(Path(folder))


if __name__ == "__main__":
    main()
