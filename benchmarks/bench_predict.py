"""Seconds of a prediction: this package, a plain loop in PyTorch, and the network's matrix products alone.

``OMP_NUM_THREADS=2 python benchmarks/bench_predict.py`` prints the table of ``bench_fit.py`` for `predict_proba` of a
fitted PSPLocalizer.
"""

import torch
from _plain import PlainLoop
from _speed import PRECISIONS, Products, make_case, products_of, run
from bench_fit import fit, outputs_of

from ave_sklearn._training.batches import BatchIterator, VideoDataset


def ways_of(X, y, batch_size):
    """Return what is measured, a dict of callables."""
    loop = PlainLoop(X, y, batch_size)
    ways, layouts = {"plain loop": loop.predict}, products_of(loop.predict)
    for precision, dtype in PRECISIONS.items():
        localizer = fit(X[:batch_size], y[:batch_size], precision, batch_size, max_epochs=1)
        batches = [batch.load() for batch, _ in BatchIterator(VideoDataset(X, "float32"), batch_size)]
        ways[f"ave_sklearn, {precision}"] = lambda localizer=localizer: localizer.predict_proba(X)
        ways[f"its steps, {precision}"] = lambda net=localizer.net_, batches=batches: evaluate(net, batches)
        ways[f"products, {precision}"] = Products(layouts, dtype).run
    return ways


def evaluate(net, batches):
    """Run the network on batches that are there already."""
    with torch.no_grad():
        for features in batches:
            outputs_of(net, features)


def once(way, case, n_videos, batch_size):
    """Return a callable that does one thing once: a prediction."""
    X, y = make_case(case, n_videos)
    if way == "plain loop":
        return PlainLoop(X, y, batch_size).predict
    localizer = fit(X[:batch_size], y[:batch_size], way.removeprefix("ave_sklearn, "), batch_size, max_epochs=1)
    return lambda: localizer.predict_proba(X)


if __name__ == "__main__":
    torch.manual_seed(0)
    run(__doc__, ways_of, once)
