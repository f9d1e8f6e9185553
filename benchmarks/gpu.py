"""A GPU against the CPU: probabilities, scores, seconds and memory of each system.

``OMP_NUM_THREADS=8 python benchmarks/gpu.py`` needs a CUDA device, and minutes of it: after ``--budget-seconds`` no row
is begun, and the rows that are left out are named. It prints each row when it is done, and three tables at the end.

* *One model on both.* Each system is trained on generated videos with maps, saved, and loaded onto the CPU. Both
  predict the same videos: *difference* is the largest of their probabilities. By PyTorch's default, LSTMs multiply in
  TF32 on newer GPUs; *without TF32* is the difference when they do not. The scores are of a fit on each device with one
  seed. Their dropout masks differ, since each device has a generator of its own.
* *The AVE dataset's shapes.* Random features, held on the device or streamed batch by batch: the fastest epoch, and the
  most memory that was allocated on the device.
* *Elsewhere.* A process that sees no GPU loads a model and predicts.

A row that fails has the error in it, and the exit code is 1.
"""

import argparse
import copy
import gc
import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from unittest.mock import patch

import joblib
import numpy as np
import torch
from _speed import machine, make_case
from _systems import ESTIMATORS
from _tables import Rows

from ave_sklearn._device import multiplies_bfloat16, resolve_device
from ave_sklearn._systems import SYSTEMS
from ave_sklearn._training import model
from ave_sklearn.datasets import make_av_events

N_SCORED = 400  # videos to train on for a score, and as many to score
EPOCHS_TIMED = 3  # the first has the start of CUDA's libraries in it
ELSEWHERE = """
import sys, joblib, numpy as np, torch
localizer, X, expected = joblib.load(sys.argv[1])
print(torch.cuda.is_available(), np.abs(localizer.predict_proba(X) - expected).max())
"""


def fit(name, X, y, device, epochs, supervision="full", precision="float32"):
    """Return a fitted estimator."""
    params = {"network": name, "max_epochs": epochs, "precision": precision, "device": device, "random_state": 0}
    return ESTIMATORS[supervision](**params).fit(X, y)


def epoch_seconds(localizer):
    """Return the seconds of the fastest epoch."""
    return min(epoch["dur"] for epoch in localizer.history_)


def timed_prediction(localizer, X):
    """Return the probabilities, and the seconds of a second prediction."""
    proba, start = localizer.predict_proba(X), time.perf_counter()
    localizer.predict_proba(X)
    return proba, time.perf_counter() - start


@contextmanager
def without_tf32():
    """Let cuDNN's LSTMs multiply float32 as float32."""
    rnn = torch.backends.cudnn.rnn
    before, rnn.fp32_precision = rnn.fp32_precision, "ieee"
    try:
        yield
    finally:
        rnn.fp32_precision = before


def on_cpu(localizer):
    """Return a fitted estimator as it comes out of a file, its network on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        joblib.dump(localizer, Path(folder) / "model.joblib")
        loaded = joblib.load(Path(folder) / "model.joblib")
    loaded._forms_ = replace(loaded._forms_, device="cpu")  # where a copy is built
    return copy.deepcopy(loaded)


def compare(name, supervision, n_videos, device, epochs):
    """Return a row: one model on both devices, and a fit on each."""
    X, y = make_av_events(2 * n_videos, map_size=(7, 7), n_visual_features=64, random_state=0)
    train, test = (X[:n_videos], y[:n_videos]), (X[n_videos:], y[n_videos:])
    fits = {place: fit(name, *train, place, epochs, supervision) for place in (device, "cpu")}
    here, there = timed_prediction(fits[device], test[0]), timed_prediction(on_cpu(fits[device]), test[0])
    with without_tf32():
        exact = fits[device].predict_proba(test[0])
    return {
        "difference": f"{np.abs(here[0] - there[0]).max():.1e}",
        "without TF32": f"{np.abs(exact - there[0]).max():.1e}",
        "score": f"{fits[device].score(*test):.3f}",
        "score, CPU": f"{fits['cpu'].score(*test):.3f}",
        "epoch s": f"{epoch_seconds(fits[device]):.3f}",
        "epoch s, CPU": f"{epoch_seconds(fits['cpu']):.3f}",
        "predict s": f"{here[1]:.3f}",
        "predict s, CPU": f"{there[1]:.3f}",
    }


case = cache(make_case)


def time_epochs(name, n_videos, device, epochs, precision, held):
    """Return a row: seconds of an epoch, and memory, with features held on the device or streamed."""
    X, y = case("maps", n_videos)
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with patch.object(model, "bytes_for_features", lambda _: math.inf if held else 0):
        localizer = fit(name, X, y, device, min(epochs, EPOCHS_TIMED), precision=precision)
    memory = f"{torch.cuda.max_memory_allocated(device) / 1e6:.0f}" if device.type == "cuda" else ""
    return {"epoch s": f"{epoch_seconds(localizer):.3f}", "memory MB": memory}


def load_elsewhere(name, n_videos, device):
    """Return a row: a model of this device in a process that sees no GPU."""
    X, y = make_av_events(n_videos, map_size=(7, 7), random_state=0)
    localizer = fit(name, X, y, device, 1)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.joblib"
        joblib.dump((localizer, X, localizer.predict_proba(X)), file)
        command, environment = [sys.executable, "-c", ELSEWHERE, file], {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    sees_gpu, difference = done.stdout.split()
    return {"sees a GPU": sees_gpu, "difference": f"{float(difference):.1e}"}


def measure(rows, args, device):
    """Measure all rows, system by system, so that a short budget has all tables of the first ones."""
    n_scored = min(args.videos, N_SCORED)
    precisions = ["float32", "bfloat16"] if multiplies_bfloat16(device) else ["float32"]
    rows.add("Elsewhere", {"system": args.systems[0]}, load_elsewhere, args.systems[0], n_scored, device)
    for name in args.systems:
        for supervision in SYSTEMS[name].supervisions:
            about = {"system": name, "supervision": supervision}
            rows.add("One model on both", about, compare, name, supervision, n_scored, device, args.epochs)
        for precision, held in product(precisions, (True, False)):
            about = {"system": name, "precision": precision, "features": "held" if held else "streamed"}
            job = name, args.videos, device, args.epochs, precision, held
            rows.add("The AVE dataset's shapes", about, time_epochs, *job)


def gpu():
    """Return a line about the GPU."""
    versions = f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return f"{torch.cuda.get_device_name()}; {versions}; LSTMs in {torch.backends.cudnn.rnn.fp32_precision}"


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=sorted(SYSTEMS, key="psp".__ne__))
    parser.add_argument("--videos", type=int, default=3339, help=f"of the AVE dataset's shapes; {N_SCORED} are scored")
    parser.add_argument("--epochs", type=int, default=10, help=f"for a score; at most {EPOCHS_TIMED} are timed")
    parser.add_argument("--budget-seconds", type=float, default=600)
    args = parser.parse_args()
    try:
        device = resolve_device(args.device)
    except ValueError as error:
        parser.exit(2, f"{error}\n")
    print(machine() if device.type == "cpu" else f"{machine()}{gpu()}\n")
    rows = Rows(args.budget_seconds)
    measure(rows, args, device)
    rows.print()
    return int(rows.failed)


if __name__ == "__main__":
    sys.exit(main())
