"""Generated cases: seeded inputs of estimators, metrics and splitters, of which one or two are unusual, and their rule.

A case either works or refuses its input by a ValueError or TypeError whose message names an unusual argument. Where it
works, its results are finite, of the right shape and what its input means. Where it refuses, an earlier fit stays as it
was. ``python tests/localizers/generated.py --count 2000`` prints the counts and the cases that break the rule;
``--seed 17`` runs one case again and lets its exception through.
"""

import argparse
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from generated_calls import FunctionCase
from generated_fits import EstimatorCase
from generated_forms import REFUSED, WORKS
from generated_rule import KINDS, NAMED, WARNED, WORKING, WRONG, Outcome, WrongResultError, is_stray, kind_of, wanted


def run(seed, *, raising=False):
    """Run the case of a seed and return its Outcome; let its exception through when `raising`."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case = (EstimatorCase if rng.random() < 0.8 else FunctionCase)(seed, rng, folder)
        kind, message = attempt(case, raising)
    stray = [w for w in caught if is_stray(w)]
    if stray and kind in (WORKING, NAMED):
        kind, message = WARNED, f"{stray[0].category.__name__}: {stray[0].message} ({stray[0].filename})"
    return Outcome(seed, kind, case.description(), message)


def attempt(case, raising):
    """Run a case and return its kind and message."""
    try:
        case.run()
        wanted(REFUSED not in case.outcomes(), "it was accepted")
        return WORKING, ""
    except WrongResultError as error:
        if raising:
            raise
        return WRONG, str(error)
    except Exception as error:
        kind = kind_of(error, case.names)
        message = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if raising:
            traceback.print_exc()
        if kind == NAMED and set(case.outcomes()) <= {WORKS}:
            kind, message = WRONG, f"it was refused: {message}"
        complaint = case.damage() if kind == NAMED else None
        return (WRONG, f"{complaint}, after {message}") if complaint else (kind, message)


def run_all(seeds):
    """Run the cases of `seeds`; return their Outcomes."""
    return [run(seed) for seed in seeds]


def table(outcomes):
    """Return the counts of the outcomes in words."""
    counts = Counter(outcome.kind for outcome in outcomes)
    return f"{len(outcomes)} generated cases: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)


def main():
    """Print the counts and the cases that break the rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="number of cases")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this case alone, and show its exception")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.seed is not None:
        print(run(options.seed, raising=True))
        return
    outcomes = run_all(range(options.first, options.first + options.count))
    print(*(outcome for outcome in outcomes if outcome.failed), table(outcomes), sep="\n")


if __name__ == "__main__":
    main()
