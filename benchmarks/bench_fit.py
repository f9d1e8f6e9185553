"""Seconds of a training epoch: this package, a plain loop in PyTorch, and the network's matrix products alone.

``OMP_NUM_THREADS=2 python benchmarks/bench_fit.py`` measures features of the AVE dataset's shapes, maps and pooled, and
AV-Digits, each way in turn, several times, and prints medians. *Plain loop* trains the default network of PSPLocalizer,
layer by layer, on batches that are copied video by video. *Products* are its matrix products, forward and backward, on
matrices that are there already: a lower bound. *Overhead* is what an epoch takes beyond its training steps on
batches that are there already. Memory is the most anonymous memory of a process that does the one thing, beyond its
imports and the features.
"""

import numpy as np
import torch
from _plain import PlainLoop
from _speed import PRECISIONS, Products, make_case, products_of, run

from ave_sklearn import EventLocalizer, PSPLocalizer
from ave_sklearn._training.batches import BatchIterator, VideoDataset


def fit(X, y, precision, batch_size, max_epochs=2, network=None):
    """Return a fitted estimator: of the network of that name, or PSPLocalizer."""
    estimator = PSPLocalizer() if network is None else EventLocalizer(network=network)
    params = {"precision": precision, "batch_size": batch_size, "max_epochs": max_epochs, "random_state": 0}
    return estimator.set_params(**params).fit(X, y)


def outputs_of(net, features):
    """Return what the network of a fitted estimator gives for features that are there already."""
    with torch.autocast("cpu", net.autocast_dtype, enabled=net.autocast_dtype is not None):
        outputs = net.module_(*features)
    return {name: value.float() for name, value in outputs.items()}


class Steps:
    """The training steps of an epoch of the estimator, on batches that are there already."""

    def __init__(self, X, y, precision, batch_size):
        self.net = fit(X, y, precision, batch_size, max_epochs=1).net_
        codes = np.unique(y.astype(str), return_inverse=True)[1].reshape(y.shape)
        batches = BatchIterator(VideoDataset(X, "float32", codes), batch_size)
        self.batches = [(batch.load(), target) for batch, target in batches]
        self.weights = list(self.net.module_.parameters())
        self.optimizer = torch.optim.AdamW(self.weights, lr=0.002, weight_decay=0.01, fused=True)

    def run(self):
        """Take them."""
        self.net.module_.train()
        for features, target in self.batches:
            loss = self.net.get_loss(outputs_of(self.net, features), target, training=True)
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
            self.optimizer.step()


def ways_of(X, y, batch_size):
    """Return what is measured, a dict of callables; the estimator's tell their seconds themselves."""
    loop = PlainLoop(X, y, batch_size)
    ways, layouts = {"plain loop": loop.epoch}, products_of(loop.epoch)
    for precision, dtype in PRECISIONS.items():
        ways[f"ave_sklearn, {precision}"] = lambda p=precision: fit(X, y, p, batch_size).history_[-1]["dur"]
        ways[f"its steps, {precision}"] = Steps(X, y, precision, batch_size).run
        ways[f"products, {precision}"] = Products(layouts, dtype).run
    return ways


def once(way, case, n_videos, batch_size):
    """Return a callable that does one thing once, a plain epoch or a fit of one epoch."""
    X, y = make_case(case, n_videos)
    if way == "plain loop":
        return lambda: PlainLoop(X, y, batch_size).epoch()
    return lambda: fit(X, y, way.removeprefix("ave_sklearn, "), batch_size, max_epochs=1)


if __name__ == "__main__":
    run(__doc__, ways_of, once)
