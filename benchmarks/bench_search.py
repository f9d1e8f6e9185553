"""Memory of a search, and what its candidates could save by sharing reads.

``OMP_NUM_THREADS=1 python benchmarks/bench_search.py --folder FOLDER`` writes 500 videos of the AVE dataset's shape,
random maps (504 MB), into a temporary folder, and prints

* the most anonymous memory that all processes of ``GridSearchCV(PSPLocalizer(), 9 candidates, cv=5, n_jobs=2)`` had
  together beyond their imports, with the features memory-mapped;
* for a search over tau and lam, 12 candidates on the same folds, on memory-mapped features and on the same in memory:
  seconds, bytes read from the disk, and whether the scores are the same;
* which share of an epoch is reading, the most that candidates could save by reading together;
* what twelve candidates could save by training together if their weights were the same, the most that they could with
  weights of their own: seconds of an epoch in batches of 32 and of 384, which take twelve steps' products in one.
"""

import argparse
import os
import re
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _memory import TreePeak
from _speed import N_VIDEOS, interleaved, machine, make_case, print_measured, ratio
from joblib.externals.loky import get_reusable_executor
from sklearn.model_selection import GridSearchCV

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._training.batches import BatchIterator, VideoDataset
from ave_sklearn.model_selection import VideoStratifiedKFold

NINE = {"tau": [None, 0, 0.095], "lam": [0, 10, 100]}
TWELVE = {"tau": [None, -np.inf, 0, 0.095], "lam": [0, 10, 100]}
N_CANDIDATES = 12
TOGETHER = N_CANDIDATES * 32  # videos in a step of all candidates


def search(X, y, grid, n_splits):
    """Return a finished search of one epoch a fit."""
    folds = VideoStratifiedKFold(n_splits, random_state=0)
    localizer = PSPLocalizer(max_epochs=1, random_state=0)
    return GridSearchCV(localizer, grid, cv=folds, n_jobs=2, refit=False).fit(X, y)


def mb_from_disk():
    """Return the MB that this machine has read from its disks so far."""
    return 1024 * int(re.search(r"pgpgin (\d+)", Path("/proc/vmstat").read_text())[1]) / 1e6


def drop_from_page_cache(files):
    """Have the next reader of `files` read from the disk; nobody may have them mapped."""
    get_reusable_executor().shutdown()
    for path in files:
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def print_searches(files, y):
    """Print seconds and reads of the search over tau and lam, and the greatest difference of its scores."""
    rows, scores = [], []
    for where in "files", "memory":
        X = AVFeatures(*map(np.load, files)) if where == "memory" else AVFeatures.from_npy(*files)
        drop_from_page_cache(files)
        start, before = time.perf_counter(), mb_from_disk()
        scores.append(search(X, y, TWELVE, 2).cv_results_["mean_test_score"])
        rows.append({"features in": where, "seconds": time.perf_counter() - start, "MB read": mb_from_disk() - before})
    print_measured(pd.DataFrame(rows))
    print(f"\nfeatures: {X.nbytes / 1e6:.0f} MB; greatest difference of scores: {np.ptp(scores, axis=0).max()}\n")


def print_share_of_reading(X, y):
    """Print how much of an epoch reading is."""
    codes = (y == "background").astype(int)

    def read():
        for batch, _ in BatchIterator(VideoDataset(X, "float32", codes), 32, np.random.RandomState(0)):
            batch.load()

    seconds = interleaved({"reading": read, "epoch": lambda: epoch(X, y)}, 3)
    print(f"reading and checking: {100 * ratio(seconds, 'reading', 'epoch'):.1f} % of an epoch\n")


def print_bound_of_training_together():
    """Print the seconds of an epoch in batches of one candidate, and in batches of twelve."""
    rows = []
    for case in N_VIDEOS:
        videos = make_case(case, 2 * TOGETHER)
        ways = {size: partial(epoch, *videos, batch_size=size) for size in (TOGETHER // N_CANDIDATES, TOGETHER)}
        seconds = interleaved(ways, 5)
        row = {f"batches of {size}, s": f"{value:.3f}" for size, value in seconds.median().items()}
        rows.append({"features": case, **row, "at most times faster": ratio(seconds, *ways)})
    print_measured(pd.DataFrame(rows))


def epoch(X, y, **params):
    """Return the seconds of an epoch."""
    return PSPLocalizer(max_epochs=2, random_state=0, **params).fit(X, y).history_[-1]["dur"]


def main():
    """Write the features, search, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="where to make the temporary folder")
    parser.add_argument("--videos", type=int, default=500)
    args = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        files = Path(folder) / "audio.npy", Path(folder) / "visual.npy"
        peak = TreePeak()
        y = write(files, args.videos)
        X = AVFeatures.from_npy(*files)
        peak.bytes = 0
        search(X, y, NINE, 5)
        print(f"9 candidates, 5 folds, 2 jobs: {peak.bytes / 1e6:.0f} MB beyond {peak.imports / 1e6:.0f} of imports\n")
        print_searches(files, y)
        print_share_of_reading(X, y)
    print_bound_of_training_together()


def write(files, n_videos):
    """Write random features; return the labels."""
    X, y = make_case("maps", n_videos)
    X.to_npy(*files)
    return y


if __name__ == "__main__":
    main()
