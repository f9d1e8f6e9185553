"""What the speed benchmarks share: features, a network's matrix products alone, and how ways are measured in turn."""

import argparse
import json
import re
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _memory import PeakMemory
from _tables import print_markdown
from torch.utils._python_dispatch import TorchDispatchMode

from ave_sklearn import AVFeatures
from ave_sklearn._device import multiplies_bfloat16
from ave_sklearn.datasets import load_av_digits

N_SEGMENTS, N_CLASSES = 10, 29
SHAPES = {"maps": (128, (7, 7, 512)), "pooled": (128, (512,))}
N_VIDEOS = {"maps": 256, "pooled": 2048, "digits": 1080}
PRECISIONS = {"float32": torch.float32}
if multiplies_bfloat16(torch.device("cpu")):
    PRECISIONS["bfloat16"] = torch.bfloat16
PRODUCTS = {"mm", "addmm", "bmm", "baddbmm"}


def make_case(name, n_videos):
    """Return X and y: random features of the AVE dataset's shapes ("maps", "pooled"), or AV-Digits ("digits")."""
    if name == "digits":
        X, y = load_av_digits(subset="train", return_X_y=True)
        return X[:n_videos], y[:n_videos]
    rng = np.random.default_rng(0)
    d_a, visual = SHAPES[name]
    draw = [rng.standard_normal((n_videos, N_SEGMENTS, *shape), np.float32) for shape in ((d_a,), visual)]
    y = np.array([f"event {row % (N_CLASSES - 1)}" for row in range(n_videos)], object)[:, None].repeat(N_SEGMENTS, 1)
    y[:, N_SEGMENTS // 2 :] = "background"
    return AVFeatures(*(np.maximum(features, 0, out=features) for features in draw)), y


# ------------------------------------------------------- the matrix products alone
class ProductRecorder(TorchDispatchMode):
    """Keeps the operands' layouts of the matrix products that run under it."""

    def __init__(self):
        super().__init__()
        self.products = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run the operation, and note it if it is a product."""
        name = func.overloadpacket.__name__
        if name in PRODUCTS:
            left, right = args[-2:] if name in ("mm", "bmm") else args[1:3]
            self.products.append((layout(left), layout(right)))
        return func(*args, **(kwargs or {}))


def layout(matrix):
    """Return the shape of a matrix, or of a batch of them, and whether it is stored transposed."""
    return tuple(matrix.shape), matrix.stride(-2) == 1 and matrix.shape[-1] > 1


def products_of(work):
    """Return the operands' layouts of the matrix products in `work`, a callable, in order."""
    recorder = ProductRecorder()
    with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):
        with recorder:  # without oneDNN the LSTM's products come one by one
            work()
    return recorder.products


class Products:
    """Matrix products alone, on operands that are there already.

    Parameters
    ----------
    layouts : list of pairs
        See :func:`products_of`.
    dtype : torch.dtype
    """

    def __init__(self, layouts, dtype):
        self.products = [self.operands(*pair, dtype) for pair in layouts]

    def operands(self, left, right, dtype):
        """Return two matrices and room for their product; alike ones are the same."""
        a, b = self.matrix(*left, dtype), self.matrix(*right, dtype)
        return a, b, self.matrix((*left[0][:-1], right[0][-1]), False, dtype)

    cache = {}

    def matrix(self, shape, transposed, dtype):
        """Return a random matrix."""
        key = shape, transposed, dtype
        if key not in self.cache:
            stored = (*shape[:-2], shape[-1], shape[-2]) if transposed else shape
            drawn = torch.randn(stored).to(dtype)
            self.cache[key] = drawn.transpose(-1, -2) if transposed else drawn
        return self.cache[key]

    def run(self):
        """Multiply."""
        for a, b, out in self.products:
            torch.matmul(a, b, out=out)


# ---------------------------------------------------------------------- measuring
def interleaved(ways, repeats):
    """Return the seconds of each way, a DataFrame with a row for each round behind a first that does not count.

    Parameters
    ----------
    ways : dict of callables
        Each returns its seconds, a float, or anything else to have its call timed.
    repeats : int
    """
    seconds = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            own = way()
            seconds[name].append(own if isinstance(own, float) else time.perf_counter() - start)
    return pd.DataFrame(seconds).iloc[1:]


def ratio(seconds, way, other):
    """Return how many times the seconds of another a way takes, the median over the rounds of :func:`interleaved`.

    The speed of a machine changes from one round to the next more than within one.
    """
    return (seconds[way] / seconds[other]).median()


def memory_apart(*about):
    """Return the MB that one way needs in a fresh process of this script."""
    command = [sys.executable, sys.argv[0], "--memory", json.dumps(about)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout) / 1e6


def table_of(case, ways, about, repeats):
    """Return a row for the plain loop, and one for each precision of the estimator.

    Parameters
    ----------
    case : str
    ways : dict of callables
        "plain loop"; and of each precision what the estimator does, its steps alone, and the products.
    about : tuple
        What `once` of the script takes behind the way.
    repeats : int
    """
    seconds = interleaved(ways, repeats)
    rows = []
    for way in ("plain loop", *(f"ave_sklearn, {precision}" for precision in PRECISIONS)):
        precision = way.partition(", ")[2]
        rows.append(
            {
                "features": case,
                "way": way,
                "seconds": f"{seconds[way].median():.4f}",
                "times faster": ratio(seconds, "plain loop", way),
                "of products": ratio(seconds, way, f"products, {precision or 'float32'}"),
                "overhead %": 100 * (ratio(seconds, way, f"its steps, {precision}") - 1) if precision else "",
                "memory MB": memory_apart(way, case, *about),
            }
        )
    return pd.DataFrame(rows)


def run(doc, ways_of, once):
    """Measure and print.

    Parameters
    ----------
    doc : str
        Of the script.
    ways_of : callable
        Returns the ways for `X`, `y` and a batch size.
    once : callable
        Returns a callable whose memory is measured, for a way, a case, a number of videos and a batch size.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="+", choices=N_VIDEOS, default=list(N_VIDEOS))
    parser.add_argument("--videos", type=int, help=f"how many; {N_VIDEOS} without it")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.memory:
        job = once(*json.loads(args.memory))
        memory = PeakMemory()
        job()
        print(memory.anonymous - memory.before)
        return
    tables = []
    for case in args.cases:
        about = args.videos or N_VIDEOS[case], args.batch_size
        tables.append(table_of(case, ways_of(*make_case(case, about[0]), about[1]), about, args.repeats))
    print_measured(pd.concat(tables))


def print_measured(table, digits=2):
    """Print a table as Markdown behind a line about the machine: a table that is quoted names its processor."""
    print(machine())
    print_markdown(table, digits)


def machine():
    """Return a line about the processor, the threads and the versions."""
    cpuinfo = Path("/proc/cpuinfo").read_text()
    names = re.findall(r"model name\s+: (.+)", cpuinfo)
    flags = set(cpuinfo.split())
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "skorch", "scikit-learn", "numpy"))
    kinds = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{len(names)} x {names[0]} ({', '.join(kinds)}), {torch.get_num_threads()} threads; {versions}\n"
