"""Seconds and memory of an epoch and of a prediction against the numbers of videos, segments and regions.

``OMP_NUM_THREADS=2 python benchmarks/bench_scaling.py --folder FOLDER`` fits one epoch and predicts once, each time in
a process of its own, on memory-mapped files of zeros in a temporary folder; the files have holes, and take no room on
the disk. Where one number grows the others are those of the AVE dataset, and 256 videos. Seconds are for 1000 videos,
after the pass over the features for their statistics, which is printed apart. Memory is the most anonymous memory of
the process beyond its imports, what PyTorch imports for a first fit among them.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _memory import PeakMemory
from _speed import print_measured
from tqdm import tqdm

from ave_sklearn import AVFeatures, PSPLocalizer

SIZES = {"n_videos": 256, "n_segments": 10, "n_regions": 49}
SERIES = {
    "n_videos, maps": ("n_videos", [1000, 10_000, 100_000], {}),
    "n_videos, pooled": ("n_videos", [1000, 10_000, 100_000], {"n_regions": 0}),
    "n_segments": ("n_segments", [5, 10, 30, 60, 120], {"n_videos": 64}),
    "n_regions": ("n_regions", [1, 4, 9, 49, 100, 196], {}),
}
D_A, D_V, N_CLASSES = 128, 512, 29


def write_zeros(path, shape):
    """Write a .npy file of zeros that is one hole."""
    np.lib.format.open_memmap(path, "w+", np.float32, shape).flush()
    return path


def make(folder, n_videos, n_segments, n_regions):
    """Return features in files, and labels."""
    side = int(n_regions**0.5)
    shapes = {"audio": (D_A,), "visual": (side, side, D_V) if n_regions else (D_V,)}
    files = [write_zeros(Path(folder) / f"{k}.npy", (n_videos, n_segments, *shape)) for k, shape in shapes.items()]
    event = 1 + np.arange(n_videos) % (N_CLASSES - 1)
    y = np.where(np.arange(n_segments) < n_segments // 2, 0, event[:, None])  # background, then the event
    return AVFeatures.from_npy(*files), y


def measure(folder, sizes, job):
    """Fit one epoch or predict in this process; print what it took, as JSON."""
    X, y = make(folder, **sizes)
    localizer = PSPLocalizer(max_epochs=1, tau=0.95 / sizes["n_segments"], background=0, random_state=0)
    localizer.fit(X[:2], y[:2]).predict(X[:2])  # what PyTorch imports for its first of each
    videos = (X, y) if job == "fit" else (X,)
    memory, start = PeakMemory(), time.perf_counter()
    getattr(localizer, job)(*videos)
    seconds, megabytes = time.perf_counter() - start, (memory.anonymous - memory.before) / 1e6
    parts = {"predict": seconds}
    if job == "fit":
        epoch = localizer.history_[0]["dur"]
        parts = {"epoch": epoch, "statistics": seconds - epoch}
    per_1000 = {f"{part} s / 1000": 1000 * value / len(X) for part, value in parts.items()}
    print(json.dumps({**per_1000, f"memory of {job} MB": megabytes}))


def measure_apart(sizes, folder):
    """Measure a fit and a prediction, each in a fresh process."""
    took = {}
    for job in ("fit", "predict"):
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            command = [sys.executable, __file__, "--folder", temporary, "--apart", json.dumps([sizes, job])]
            took |= json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return took


def main():
    """Measure each size and print a table for each series."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="where to make the temporary folders")
    parser.add_argument("--series", nargs="+", choices=SERIES, default=list(SERIES))
    parser.add_argument("--apart", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.apart:
        measure(args.folder, *json.loads(args.apart))
        return
    for series in args.series:
        name, values, others = SERIES[series]
        rows = [
            {name: v, **measure_apart({**SIZES, **others, name: v}, args.folder)} for v in tqdm(values, desc=series)
        ]
        print_measured(pd.DataFrame(rows))
        print()


if __name__ == "__main__":
    main()
