"""Profile of a training epoch: where its seconds go.

``OMP_NUM_THREADS=2 python benchmarks/profile_epoch.py`` prints, for the features of ``bench_fit.py`` and each
precision, the share of each part of an epoch, as PyTorch's profiler sees it.
"""

import argparse
from unittest.mock import patch

import pandas as pd
from _speed import N_VIDEOS, PRECISIONS, machine, make_case
from _tables import print_markdown
from bench_fit import fit
from torch.profiler import ProfilerActivity, profile, record_function

from ave_sklearn._training.batches import Batch

PARTS = {
    "reading, checking, scaling": ["Batch.load"],
    "attention over regions, forward": ["RegionAttention"],
    "attention over regions, backward": ["RegionAttentionBackward"],
    "LSTMs, forward": ["aten::lstm"],
    "LSTMs, backward": ["MkldnnRnnLayerBackward0"],
    "clipping and AdamW": ["aten::linalg_vector_norm", "aten::_foreach_norm", "aten::_fused_adamw_"],
}
REST = "small layers, loss, and Python"


def profiled(X, y, precision, batch_size):
    """Return the percentage of each part."""
    read = Batch.load

    def features(batch, *args):
        with record_function("Batch.load"):
            return read(batch, *args)

    fit(X[:batch_size], y[:batch_size], precision, batch_size)
    with patch.object(Batch, "load", features), profile(activities=[ProfilerActivity.CPU]) as profiler:
        history = fit(X, y, precision, batch_size).history_
    seconds = {event.key: event.cpu_time_total / 1e6 for event in profiler.key_averages()}
    total = sum(entry["dur"] for entry in history)
    shares = {part: 100 * sum(seconds.get(name, 0) for name in names) / total for part, names in PARTS.items()}
    return {**shares, REST: 100 - sum(shares.values())}


def main():
    """Profile each case and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=N_VIDEOS, default=list(N_VIDEOS))
    parser.add_argument("--videos", type=int, help=f"how many; {N_VIDEOS} without it")
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    columns = {}
    for case in args.cases:
        X, y = make_case(case, args.videos or N_VIDEOS[case])
        for precision in PRECISIONS:
            columns[f"{case}, {precision}, %"] = profiled(X, y, precision, args.batch_size)
    print(machine())
    print_markdown(pd.DataFrame(columns).rename_axis("part").reset_index(), digits=0)


if __name__ == "__main__":
    main()
