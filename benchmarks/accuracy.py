"""Test accuracy of both localizers in both variants, several seeds, the epoch chosen on the validation split.

``OMP_NUM_THREADS=1 python benchmarks/accuracy.py`` runs on AV-Digits. ``--data PATH`` runs on a file or on the AVE
dataset (see ``_data.py``).
"""

import argparse
import itertools

import pandas as pd
from _data import load
from _fits import fit_best_epoch
from joblib import Parallel, delayed
from tqdm import tqdm

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer

LOCALIZERS = {"PSPLocalizer": PSPLocalizer, "WeakPSPLocalizer": WeakPSPLocalizer}


def measure(name, variant, seed, params, train, validation, test):
    """Fit one localizer and return its row."""
    localizer = LOCALIZERS[name](variant=variant, random_state=seed, **params)
    about = fit_best_epoch(localizer, train, validation)
    return {"localizer": name, "variant": variant, "seed": seed, "test": localizer.score(*test), **about}


def parsed(value):
    """Return a number, or a string that is none as it is."""
    try:
        return float(value) if "." in value else int(value)
    except ValueError:
        return value


def main():
    """Measure, print a table, and write every fit to a CSV where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="an .npz file or the AVE dataset's folder; AV-Digits without it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--localizers", nargs="+", choices=LOCALIZERS, default=list(LOCALIZERS))
    parser.add_argument("--variants", nargs="+", default=["paper", "released"])
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other parameters")
    parser.add_argument("--csv", help="where to write a row for each fit")
    args = parser.parse_args()
    params = {name: parsed(value) for name, value in (setting.split("=") for setting in args.set)}
    data = load(args.data)
    settings = list(itertools.product(args.localizers, args.variants, range(args.seeds)))
    jobs = (delayed(measure)(*setting, params, *data) for setting in settings)
    fits = Parallel(args.n_jobs, return_as="generator")(jobs)
    table = pd.DataFrame(tqdm(fits, total=len(settings), unit="fit"))
    if args.csv:
        table.to_csv(args.csv, index=False)
    columns = ["validation", "test", "epoch", "seconds"]
    summary = table.groupby(["localizer", "variant"], sort=False)[columns].agg(["mean", "std"])
    print(summary.round(3).to_string())


if __name__ == "__main__":
    main()
