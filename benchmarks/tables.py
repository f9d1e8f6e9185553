"""Tables 1 to 4 of the paper: every row fitted on every fold, scored on its test videos, compared with PSP.

Table 5, where asked for, is PSP with one of its defaults changed at a time.

``OMP_NUM_THREADS=1 python benchmarks/tables.py --out results`` runs on AV-Digits, where each of the six speakers is
the test speaker once; ``--data PATH`` on a file or on the AVE dataset's folder (see ``_data.py``), on its own split, a
fit a seed. The epoch is chosen on the validation split. Each fit is kept as a line of ``fits.jsonl`` in ``--out``: run
the same command again to go on after an interruption; rows whose settings have changed since are fitted anew. Where the
code of a row has changed, ``"old"`` in its lines says how, and the tables mark it: delete these lines to fit it anew.
``--kept`` fits nothing, and prints the rows whose fits are all there; it needs no data, as the fits tell which they are
of. Rows of Tables 1 to 4 have the estimators' default recipe.

Prints, and writes into ``--out``: ``tables.md``, and ``tables.csv`` with a row for each fit. Differences to PSP with
the same supervision stand with 95 % intervals. On the test videos they are those of ``paired_difference``: Student's
over the test speakers of AV-Digits, and a bootstrap over the test videos of other data, each seed's predictions
together. On the validation videos they are Student's over the folds: the speakers of AV-Digits, the seeds of others.
"""

import argparse
import inspect
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from _data import AV_DIGITS, default_folds, load, scale_each, stamp
from _fits import fit_best_epoch
from _systems import TABLES
from joblib import Parallel, delayed
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

import ave_sklearn
from ave_sklearn.localizers._networks import network_class
from ave_sklearn.metrics import paired_difference
from ave_sklearn.model_selection import video_category

BACKGROUND = "background"
CAPTIONS = {
    1: "Ablations of PSP",
    2: "Pair similarity loss and weighting branch",
    3: "Threshold tau",
    4: "All systems",
    5: "PSP with one default changed",
}


# ---------------------------------------------------------------------- one fit
def fit_network(system, data, seed, recipe):
    """Return the predictions for the test videos, and what the fit was like."""
    train, validation, test = scale_each(data) if system.scale_each else data
    localizer = system.estimator(random_state=seed, **recipe)
    about = fit_best_epoch(localizer, train, validation)
    return localizer.predict(test[0]), about


def fit_majority(data):
    """Predict the most frequent label of the training segments."""
    labels, counts = np.unique(data[0][1], return_counts=True)
    return np.full(data[2][1].shape, labels[counts.argmax()])


def fit_oracle(data):
    """Predict each test video's true category at every second."""
    y = data[2][1]
    return np.repeat(np.asarray(video_category(y, background=BACKGROUND))[:, None], y.shape[1], axis=1)


def fit_logistic(data):
    """Predict single seconds by logistic regression on audio and the mean region; C chosen on the validation split."""
    (X, y), (X_val, y_val), (X_test, y_test) = ((segment_features(X), y) for X, y in data)
    models = [make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=1000)) for C in (1e-3, 1e-2, 0.1, 1)]
    best = max((model.fit(X, y.ravel()) for model in models), key=lambda model: model.score(X_val, y_val.ravel()))
    return best.predict(X_test).reshape(y_test.shape)


def segment_features(X, block=64):
    """Return the features of each segment (n * T, d_a + d_v), regions averaged; `block` videos are read at a time."""
    blocks = [X[start : start + block] for start in range(0, len(X), block)]
    visual = np.concatenate([np.asarray(x.visual) if x.map_size is None else x.visual.mean((2, 3)) for x in blocks])
    return np.concatenate([X.audio, visual], -1).reshape(-1, X.audio.shape[-1] + visual.shape[-1])


def measure(system, path, fold, recipe):
    """Fit a row on a fold, and return a record of it: what it was, and how many segments it got right in each video."""
    torch.set_num_threads(1)
    data = load(path, fold if path is None else None)
    if system.network is None:
        start = time.perf_counter()
        predicted = {"majority": fit_majority, "oracle": fit_oracle, "logistic": fit_logistic}[system.key](data)
        about = {"seconds": time.perf_counter() - start}
    else:
        predicted, about = fit_network(system, data, fold, recipe)
    return {
        "key": system.key,
        "fold": fold,
        "version": ave_sklearn.__version__,
        "settings": settings(system, stamp(path), recipe),
        "about": about,
        "n_segments": predicted.shape[1],
        "correct": (predicted == data[2][1]).sum(1).tolist(),
    }


def settings(system, data, recipe):
    """Return all that a fit depends on beside its fold and the code, a dict; `data` is the stamp of its data."""
    if system.network is None:
        return {"data": data, "baseline": system.key}
    network = network_class(system.network)
    params = {name: str(value) for name, value in system.estimator(**recipe).get_params(deep=False).items()}
    return {
        "data": data,
        "network": network.__name__,
        "scale_each": system.scale_each,
        "params": {name: value for name, value in params.items() if name != "network"},
        "defaults": {name: str(p.default) for name, p in inspect.signature(network).parameters.items()},
    }


# ------------------------------------------------------------------- all of them
def fit_id(fold, settings):
    """Return what tells a fit from the others."""
    return json.dumps([fold, settings], sort_keys=True)


def read_fits(file):
    """Return a dict of the records in `file` by :func:`fit_id`; lines that a killed run has cut off are left out."""
    records = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else []:
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        records[fit_id(record["fold"], record["settings"])] = record
    return records


def kept_data(file):
    """Return the stamp of the data that the last fit in `file` is of; that of AV-Digits where there is none."""
    records = list(read_fits(file).values())
    return records[-1]["settings"]["data"] if records else AV_DIGITS


def keep_fit(file, record):
    """Add a record to `file` as a line of its own, also where the last one was cut off."""
    text = json.dumps(record)
    whole = not file.exists() or file.read_bytes()[-1:] in (b"", b"\n")
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(f"{text}\n" if whole else f"\n{text}\n")


def run(systems, path, data, folds, recipe, file, n_jobs, may_fit=True):
    """Fit what `file` lacks, and return a dict of :class:`Fit` by (key, fold).

    The data are in `path`, and `data` is their stamp. Where it may not fit, `path` is not read, and the dict holds rows
    with all their folds alone.
    """
    jobs = [(system, fold, fit_id(fold, settings(system, data, recipe))) for fold in range(folds) for system in systems]
    if may_fit:
        kept = read_fits(file)
        missing = {name: (system, fold) for system, fold, name in jobs if name not in kept}
        fits = Parallel(n_jobs, return_as="generator_unordered")(
            delayed(measure)(system, path, fold, recipe) for system, fold in missing.values()
        )
        for record in tqdm(fits, total=len(missing), unit="fit"):
            keep_fit(file, record)
    kept = read_fits(file)
    absent = {system.key for system, _, name in jobs if name not in kept}
    if absent:
        rows = ", ".join(system.key for system in systems if system.key in absent)
        print(f"{file} lacks fits with these settings of {rows}", file=sys.stderr)
    return {(system.key, fold): result(kept[name]) for system, fold, name in jobs if system.key not in absent}


class Fit(NamedTuple):
    """A kept fit.

    Attributes
    ----------
    right : ndarray of shape (n_videos, n_segments)
        Of the test videos; how many segments are right, as 1, the others 0 behind them.
    about : dict
        Figures of the fit, see :func:`_fits.fit_best_epoch`; of a baseline the seconds alone.
    old : str
        What of the code has changed since, or "".
    """

    right: np.ndarray
    about: dict
    old: str


def result(record):
    """Return the :class:`Fit` that a record is of."""
    right = np.arange(record["n_segments"]) < np.array(record["correct"])[:, None]
    return Fit(right.astype(int), record["about"], record.get("old", ""))


# -------------------------------------------------------------------- comparison
class Difference(NamedTuple):
    """A difference of accuracies in points, and its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def seen(self):
        """Whether the interval lacks 0."""
        return self.low > 0 or self.high < 0

    def __str__(self):
        interval = "" if np.isnan(self.low) else f" [{self.low:+.1f}, {self.high:+.1f}]"
        return f"{self.mean:+.1f}{interval}"


@dataclass(frozen=True)
class Results:
    """The fits of one benchmark.

    Parameters
    ----------
    fits : dict of Fit
        By (key, fold).
    n_folds : int
    same_videos : bool
        Whether all folds have the same test videos, and differ by their seed alone.
    """

    fits: dict
    n_folds: int
    same_videos: bool

    def __contains__(self, key):
        return (key, 0) in self.fits

    def of(self, key):
        """Return the fits of a row, one a fold."""
        return [self.fits[key, fold] for fold in range(self.n_folds)]

    def accuracy(self, key):
        """Return the accuracy on the test videos of each fold."""
        return np.array([fit.right.mean(1).mean() for fit in self.of(key)])

    def figures(self, key):
        """Return a DataFrame of what is known of the fits, a row a fold."""
        return pd.DataFrame([fit.about for fit in self.of(key)])

    def old(self, key):
        """Return what of the code has changed since a row was fitted, or ""."""
        return next((fit.old for fit in self.of(key) if fit.old), "")

    def minus(self, key, other):
        """Return the :class:`Difference` of two rows on the test videos.

        Where all folds have the same videos, their predictions stand side by side, a row a video; else below each
        other, and each fold's videos, those of one speaker, are a group.
        """
        axis = 1 if self.same_videos else 0
        ours, theirs = (np.concatenate([fit.right for fit in self.of(name)], axis) for name in (key, other))
        speakers = np.repeat(range(self.n_folds), [len(fit.right) for fit in self.of(key)])
        groups = None if self.same_videos or self.n_folds == 1 else speakers
        found = paired_difference(np.ones_like(ours), ours, theirs, groups=groups, random_state=0)
        return Difference(*(100 * value for value in (found.difference, *found.interval)))

    def validation_minus(self, key, other):
        """Return the :class:`Difference` of two rows on the validation videos, with Student's interval over folds."""
        ours, theirs = (self.figures(name)["validation"] for name in (key, other))
        differences = 100 * (ours - theirs)
        mean, error = differences.mean(), differences.sem()  # of a single fold NaN
        half = stats.t.ppf(0.975, self.n_folds - 1) * error
        return Difference(mean, mean - half, mean + half)


def psp_of(system):
    """Return the key of PSP with the supervision of `system`."""
    return f"{system.supervision}-psp"


# ------------------------------------------------------------------------ report
def table_row(system, results):
    """Return a row of a table, as strings."""
    accuracy, mean = results.accuracy(system.key), results.figures(system.key).mean()
    spread = f" ± {100 * accuracy.std(ddof=1):.1f}" if len(accuracy) > 1 else ""
    key, psp, trained = system.key, psp_of(system), "validation" in mean
    return {
        "supervision": system.supervision,
        "method": system.label + (" †" if results.old(key) else ""),
        "accuracy": f"{100 * accuracy.mean():.1f}{spread}",
        "minus PSP [95 %]": str(results.minus(key, psp)),
        "validation": f"{100 * mean['validation']:.1f}" if trained else "",
        "validation minus PSP [95 %]": str(results.validation_minus(key, psp)) if trained else "",
        "epoch": f"{mean['epoch']:.0f}" if trained else "",
        "seconds": f"{mean['seconds']:.0f}",
        "parameters": f"{mean['parameters']:,.0f}" if trained else "",
        "AVE, paper": "" if system.paper is None else f"{system.paper:.1f}",
    }


def to_markdown(number, systems, results):
    """Return a table of systems as Markdown, with what its marks say."""
    rows = [table_row(system, results) for system in systems]
    lines = [f"**Table {number}.** {CAPTIONS[number]}", ""]
    lines.append("| " + " | ".join(rows[0]) + " |")
    lines.append("|" + "---|" * len(rows[0]))
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    old = dict.fromkeys(results.old(system.key) for system in systems)
    return "\n".join(lines + [line for reason in old if reason for line in ("", f"† {reason}")])


def to_tables(tables, results):
    """Return the tables of the rows that can be compared with PSP, a list of Markdown."""
    texts = []
    for number, systems in tables.items():
        systems = [system for system in systems if system.key in results and psp_of(system) in results]
        if systems:
            texts.append(to_markdown(number, systems, results))
    return texts


def psp_rows():
    """Return the rows that all others are compared with."""
    return [system for system in TABLES[1]() if system.label == "PSP"]


def fit_table(systems, results):
    """Return a DataFrame with a row for each fit."""
    rows = []
    for system in systems:
        for fold, fit in enumerate(results.of(system.key)):
            row = {"key": system.key, "supervision": system.supervision, "fold": fold, "test": fit.right.mean()}
            rows.append({**row, **fit.about})
    return pd.DataFrame(rows)


def positive(text):
    """Return the positive integer that `text` is."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def parse_arguments():
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out_help = "folder of results, holds one benchmark's; without it results, with --data NAME results_NAME"
    parser.add_argument("--out", type=Path, help=out_help)
    data_help = "an .npz file or the AVE dataset's folder; without it AV-Digits, with --kept the data of the last fit"
    parser.add_argument("--data", help=data_help)
    parser.add_argument("--tables", type=int, nargs="+", choices=TABLES, default=[1, 2, 3, 4])
    parser.add_argument("--folds", type=positive, help="test speakers (6), or seeds of other data (3)")
    parser.add_argument("--max-epochs", type=positive, help="of every row; the estimators' defaults without it")
    parser.add_argument("--only", nargs="+", metavar="KEY", help="fit these rows only, and print no table")
    parser.add_argument("--kept", action="store_true", help="fit nothing: print the rows whose fits are all in --out")
    parser.add_argument("--n-jobs", type=int, default=2)
    args = parser.parse_args()
    if args.data is not None and not Path(args.data).exists():
        parser.error(f"--data {args.data}: no such file or folder")
    if args.out is None:
        args.out = Path("results" if args.data is None else f"results_{Path(args.data).stem}")
    return args


def main():
    """Fit, print and write the tables."""
    args = parse_arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    recipe = {} if args.max_epochs is None else {"max_epochs": args.max_epochs}
    tables = {number: TABLES[number]() for number in args.tables}
    systems = {system.key: system for rows in tables.values() for system in rows}
    systems |= {system.key: system for system in psp_rows()}
    if args.only:
        unknown = set(args.only) - set(systems)
        if unknown:
            raise SystemExit(f"--only {' '.join(sorted(unknown))}: wanted some of {' '.join(systems)}")
        systems = {key: systems[key] for key in args.only}
    file = args.out / "fits.jsonl"
    try:
        data = kept_data(file) if args.kept and args.data is None else stamp(args.data)
    except FileNotFoundError as error:
        raise SystemExit(f"--data {args.data}: {error.strerror}") from None
    folds = args.folds or default_folds(data)
    fits = run(list(systems.values()), args.data, data, folds, recipe, file, args.n_jobs, not args.kept)
    if not fits:
        raise SystemExit(f"No row has all its fits in {args.out}")
    results = Results(fits, folds, same_videos=data != AV_DIGITS)
    fits = fit_table([system for system in systems.values() if system.key in results], results)
    if args.only:
        print(fits.round(3).to_string(index=False))
        return
    texts = to_tables(tables, results)
    texts.append(f"{len(fits)} fits; {fits['seconds'].sum() / 3600:.1f} hours of training, each fit on one core.")
    (args.out / "tables.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    fits.to_csv(args.out / "tables.csv", index=False)
    print("\n\n".join(texts))


if __name__ == "__main__":
    main()
