"""Time and peak memory of load_ave and one epoch, against reading the whole file into memory first.

``OMP_NUM_THREADS=1 python benchmarks/load_ave.py --videos 1000`` writes random features in the layout of the AVE
release (7 x 7 x 512 maps of 10 seconds, as float64 and as float32), measures each way in a process of its own and
prints a Markdown table. 1000 videos take 2 GB of disk and, read whole, of memory; the release has 4143. Anonymous
memory is what cannot be dropped and read again; the other peak counts the mapped pages of the file too. Linux only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from _memory import PeakMemory
from _tables import print_markdown

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.datasets import load_ave

SHAPES = {"audio": (10, 128), "visual": (10, 7, 7, 512)}
BLOCK = 50  # videos written at a time


def write_release(folder, n_videos, dtype):
    """Write random features, annotations and splits of 80, 10 and 10 % of the videos."""
    rng = np.random.default_rng(0)
    for name, shape in SHAPES.items():
        with h5py.File(folder / f"{name}_feature.h5", "w") as file:
            features = file.create_dataset("avadataset", (n_videos, *shape), dtype)
            for start in range(0, n_videos, BLOCK):
                stop = min(n_videos, start + BLOCK)
                features[start:stop] = rng.random((stop - start, *shape), np.float32)
    lines = [f"event {row % 28}&id{row}&good&{row % 5}&{row % 5 + 5}" for row in range(n_videos)]
    (folder / "Annotations.txt").write_text("\n".join(lines))
    parts = np.split(rng.permutation(n_videos), [n_videos * 8 // 10, n_videos * 9 // 10])
    for split, rows in zip(("train", "val", "test"), parts, strict=True):
        with h5py.File(folder / f"{split}_order.h5", "w") as file:
            file["order"] = rows


def load(folder, way):
    """Return (X, y) of the training split."""
    X, y = load_ave(folder, return_X_y=True)
    if way == "load_ave":
        return X, y
    arrays = []
    for name in SHAPES:
        with h5py.File(folder / f"{name}_feature.h5") as file:
            arrays.append(file["avadataset"][:])
    with h5py.File(folder / "train_order.h5") as file:
        return AVFeatures(*arrays)[file["order"][:]], y


def measure(folder, way):
    """Load and fit in this process; print the seconds and bytes as JSON."""
    memory, start = PeakMemory(), time.perf_counter()
    X, y = load(folder, way)
    loaded = time.perf_counter()
    PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
    seconds = {"load s": loaded - start, "epoch s": time.perf_counter() - loaded}
    peaks = {"imports MB": memory.before, "peak anonymous MB": memory.anonymous, "peak MB": memory.total}
    print(json.dumps(seconds | {name: n_bytes / 1e6 for name, n_bytes in peaks.items()}))


def measure_apart(folder, way):
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", way]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    """Write the files, measure each way, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where to make the temporary folder")
    parser.add_argument("--measure", choices=["load_ave", "h5py [:]"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args.folder, args.measure)
        return
    rows = []
    for dtype in ("float64", "float32"):
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            write_release(Path(folder), args.videos, dtype)
            size = os.path.getsize(Path(folder) / "visual_feature.h5") / 1e6
            for way in ("load_ave", "h5py [:]"):
                rows.append({"numbers": dtype, "file MB": size, "read with": way, **measure_apart(folder, way)})
    print_markdown(pd.DataFrame(rows))


if __name__ == "__main__":
    main()
