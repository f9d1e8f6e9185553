"""Hashes of what fits compute: to see that a change of the code's structure changed no bit.

``OMP_NUM_THREADS=1 python benchmarks/fit_hashes.py > before.txt``; after the change ``> after.txt``; then ``diff``.
A line a fit: sha256 of the weights, of the history and of the predictions. Weights are hashed in the order of their
definition, so that a new name changes nothing. Hashes hold on one machine with one version of each library.
``--weights none`` fits without sample weights, ``equal`` with the same one for all videos: the lines are the same.
"""

import argparse
import hashlib
from itertools import product

import numpy as np
import torch

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.datasets import make_av_events

ESTIMATORS = {
    "PSPLocalizer": (PSPLocalizer, {}),
    "WeakPSPLocalizer": (WeakPSPLocalizer, {}),
    "EventLocalizer": (EventLocalizer, {"network": "cmran"}),
    "WeakEventLocalizer": (WeakEventLocalizer, {"network": "avel"}),
}
WEIGHTS = {
    "graded": lambda n: np.linspace(0.5, 1.5, n),
    "equal": lambda n: np.full(n, 0.3),
    "none": lambda n: None,
}
COMMON = {"max_epochs": 3, "batch_size": 16, "random_state": 0, "device": "cpu"}


def make_videos(map_size):
    """Return features and labels of 60 generated videos."""
    shape = {"n_classes": 4, "n_audio_features": 12, "n_visual_features": 16, "map_size": map_size}
    return make_av_events(n_videos=60, random_state=0, **shape)


def sha256(arrays):
    """Return the first 16 digits of the sha256 of arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def hashes(localizer, X):
    """Return the hashes of a fitted localizer's weights, history and predictions."""
    weights = [value.numpy() for value in localizer.net_.module_.state_dict().values()]
    kept = ("train_loss", "valid_loss", "valid_score")
    history = [np.float64(row[name]) for row in localizer.history_ for name in kept if name in row]
    predictions = [localizer.predict_proba(X), localizer.embed(X)]
    if hasattr(localizer, "predict_video_proba"):
        predictions.append(localizer.predict_video_proba(X))
    return " ".join(map(sha256, (weights, history, predictions)))


def show(name, localizer, X, y, weight):
    """Fit, and print the line of hashes."""
    print(f"{name:60} {hashes(localizer.fit(X, y, sample_weight=weight), X)}", flush=True)


def main():
    """Print a line for each fit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", choices=WEIGHTS, default="graded", help="the sample weights of all fits")
    weight = WEIGHTS[parser.parse_args().weights](60)
    torch.set_num_threads(1)
    torch.cpu.get_capabilities = lambda: {"avx512_bf16": True}  # bfloat16 on any processor, if slowly
    videos = {"maps": make_videos((3, 3)), "pooled": make_videos(None)}
    cases = product(ESTIMATORS, videos, ("float32", "bfloat16"), (False, 2))
    for name, form, precision, patience in cases:
        estimator, params = ESTIMATORS[name]
        localizer = estimator(precision=precision, early_stopping=patience, **params, **COMMON)
        show(f"{name} {form} {precision} validation {'on' if patience else 'off'}", localizer, *videos[form], weight)
    for network, (form, data) in product(SYSTEMS, videos.items()):
        show(f"EventLocalizer {network} {form}", EventLocalizer(network=network, **COMMON), *data, weight)
        if "weak" in SYSTEMS[network].supervisions:
            show(f"WeakEventLocalizer {network} {form}", WeakEventLocalizer(network=network, **COMMON), *data, weight)


if __name__ == "__main__":
    main()
