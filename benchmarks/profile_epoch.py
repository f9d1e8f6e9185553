"""Profile of a training epoch: where its seconds go, and how many operators a step calls.

``OMP_NUM_THREADS=2 python benchmarks/profile_epoch.py`` prints, for the features of ``bench_fit.py`` and each
precision, the share of each part of an epoch, as PyTorch's profiler sees it; with ``--networks`` for other systems than
PSPLocalizer. A second table has the share of the matrix products in all parts, and the calls of PyTorch's operators
(``aten::``) in a training step, those that operators make of others among them: each costs some microseconds, however
small its work. The calls are the difference between two fits that differ in their number of batches, so that what a fit
does once does not count.
"""

import argparse
from itertools import product
from unittest.mock import patch

import numpy as np
import pandas as pd
from _speed import N_VIDEOS, PRECISIONS, PRODUCTS, make_case, print_measured
from bench_fit import fit
from torch.profiler import ProfilerActivity, profile, record_function

from ave_sklearn._training.batches import Batch
from ave_sklearn.nn import Dropout

# The events of each part, by their names in the profiler; one that a version of the package does not have adds nothing.
PARTS = {
    "reading, checking, scaling": ["Batch.load"],
    "dropout masks": ["Dropout.mask"],
    "attention over regions, forward": ["RegionAttention"],
    "attention over regions, backward": ["RegionAttentionBackward"],
    "LSTMs, forward": ["aten::lstm", "BidirectionalLSTMs"],
    "LSTMs, backward": ["MkldnnRnnLayerBackward0", "BidirectionalLSTMsBackward"],
    "clipping and AdamW": ["aten::linalg_vector_norm", "aten::_foreach_norm", "aten::_fused_adamw_"],
}
REST = "small layers, loss, and Python"
MULTIPLY = {f"aten::{name}{place}" for name in PRODUCTS for place in ("", "_")}
BATCHES = 1, 3  # of the two fits whose difference is that of two steps


def profiled(X, y, precision, batch_size, network=None):
    """Return the percentage of each part, and that of the matrix products."""
    fit(X[:batch_size], y[:batch_size], precision, batch_size, network=network)
    with recorded(Batch, "load"), recorded(Dropout, "mask"), profile(activities=[ProfilerActivity.CPU]) as profiler:
        history = fit(X, y, precision, batch_size, network=network).history_
    events, seconds = profiler.events(), sum(entry["dur"] for entry in history)
    products = sum(event.self_cpu_time_total for event in events if event.name in MULTIPLY)
    return shares(events, seconds), 100 * products / 1e6 / seconds


def recorded(owner, name):
    """Return a context in which the profiler sees the calls of a method."""
    method = getattr(owner, name)

    def call(*args):
        with record_function(f"{owner.__name__}.{name}"):
            return method(*args)

    return patch.object(owner, name, call)


def shares(events, seconds):
    """Return the percentage of `seconds` that the events of each part take, and the rest."""
    part_of = {name: part for part, names in PARTS.items() for name in names}
    percentages = dict.fromkeys(PARTS, 0.0)
    for event in events:
        if event.name in part_of and not any(name in part_of for name in callers(event)):
            percentages[part_of[event.name]] += 100 * event.cpu_time_total / 1e6 / seconds
    return {**percentages, REST: 100 - sum(percentages.values())}


def callers(event):
    """Return the names of the events that an event is in: what one part calls of another is its own."""
    names = []
    while (event := event.cpu_parent) is not None:
        names.append(event.name)
    return names


def calls_a_step(X, y, precision, batch_size, network=None):
    """Return how many operators a training step calls."""
    few, many = (calls_of_epoch(X, y, precision, batch_size, n_batches, network) for n_batches in BATCHES)
    return (many - few) / (BATCHES[1] - BATCHES[0])


def calls_of_epoch(X, y, precision, batch_size, n_batches, network=None):
    """Return how many operators one more epoch of `n_batches` full batches calls; videos come again if they are few.

    It is the difference between fits of two epochs and of one, as a fit goes through the videos once before its first.
    """
    rows = np.arange(n_batches * batch_size) % len(X)
    X, y = X[rows], y[rows]
    one, two = (calls(lambda n=n: fit(X, y, precision, batch_size, n, network)) for n in (1, 2))
    return two - one


def calls(work):
    """Return how many operators of PyTorch `work`, a callable, calls."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    return sum(event.name.startswith("aten::") for event in profiler.events())


def main():
    """Profile each case and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=N_VIDEOS, default=list(N_VIDEOS))
    parser.add_argument("--videos", type=int, help=f"how many; {N_VIDEOS} without it")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--networks", nargs="+", default=[None], help="names of systems; PSPLocalizer without them")
    args = parser.parse_args()
    columns, rows = {}, []
    for case in args.cases:
        X, y = make_case(case, args.videos or N_VIDEOS[case])
        for network, precision in product(args.networks, PRECISIONS):
            parts, products = profiled(X, y, precision, args.batch_size, network)
            columns[f"{network or 'psp'}, {case}, {precision}, %"] = parts
            n_calls = calls_a_step(X, y, precision, args.batch_size, network)
            row = {"network": network or "psp", "features": case, "precision": precision}
            rows.append({**row, "matrix products, %": products, "operator calls a step": n_calls})
    print_measured(pd.DataFrame(columns).rename_axis("part").reset_index(), digits=0)
    print()
    print_measured(pd.DataFrame(rows), digits=0)


if __name__ == "__main__":
    main()
