"""Tables 1 to 4 of the paper: every row fitted on every fold, scored on its test videos, compared with PSP.

Table 5, where asked for, is PSP with one of its defaults changed at a time.

``OMP_NUM_THREADS=1 python benchmarks/tables.py --out results`` runs on AV-Digits, where each of the six speakers is
the test speaker once; ``--data PATH`` on a file or on the AVE dataset (see ``_data.py``), one fit a seed. The epoch is
chosen on the validation split. Each fit is kept as a line of ``fits.jsonl`` in ``--out``: run the same command again to
go on after an interruption; rows whose settings have changed since are fitted anew (those whose code has: delete their
lines). ``--kept`` fits nothing, and prints the rows whose fits are all there; it needs no data, as the fits tell which
they are of. Rows of Tables 1 to 4 have the estimators' default recipe.

Prints, and writes into ``--out``: ``tables.md``, and ``tables.csv`` with a row for each fit. The confidence interval of
the difference to PSP with the same supervision is that of ``paired_difference``: Student's over the test speakers of
AV-Digits, and a bootstrap over the test videos of other data, each seed's predictions together. The difference on the
validation split is given with its standard error over folds.
"""

import argparse
import inspect
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _data import AV_DIGITS, default_folds, load, scale_each, stamp
from _fits import fit_best_epoch
from _systems import TABLES
from joblib import Parallel, delayed
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


def segment_features(X):
    """Return the features of each segment (n * T, d_a + d_v), regions averaged."""
    visual = np.asarray(X.visual)
    visual = visual if visual.ndim == 3 else visual.mean((2, 3))
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
    """Fit what `file` lacks, and return a dict by (key, fold) of what :func:`result` gives.

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


def result(record):
    """Return which segments of the test videos are right, (n, T) of first 1, then 0, and the figures of the fit."""
    right = np.arange(record["n_segments"]) < np.array(record["correct"])[:, None]
    return right.astype(int), record["about"]


# ------------------------------------------------------------------------ report
def minus_psp(results, key, psp, folds, same_videos):
    """Compare a row with PSP on the test videos; return a :class:`~ave_sklearn.metrics.PairedDifference`.

    Where all fits have the same videos, their predictions stand side by side, a row a video; else below each other, and
    each fit's videos, those of one speaker, are a group.
    """
    folds = range(folds)
    axis = 1 if same_videos else 0
    ours, theirs = (np.concatenate([results[name, fold][0] for fold in folds], axis) for name in (key, psp))
    speakers = np.repeat(folds, [len(results[key, fold][0]) for fold in folds])
    groups = None if same_videos or len(folds) == 1 else speakers
    return paired_difference(np.ones_like(ours), ours, theirs, groups=groups, random_state=0)


def with_error(difference):
    """Return the mean of differences, a Series with one for each fold, and its standard error, as percentages."""
    error = f" ± {100 * difference.sem():.1f}" if len(difference) > 1 else ""
    return f"{100 * difference.mean():+.1f}{error}"


def table_row(system, results, folds, same_videos):
    """Return a row of a table, as strings."""
    accuracy = np.array([results[system.key, fold][0].mean(1).mean() for fold in range(folds)])
    psp = f"{system.supervision}-psp"
    found = minus_psp(results, system.key, psp, folds, same_videos)
    low, high = found.interval
    about, psp_about = (pd.DataFrame([results[key, fold][1] for fold in range(folds)]) for key in (system.key, psp))
    mean = about.mean()
    return {
        "supervision": system.supervision,
        "method": system.label,
        "accuracy": f"{100 * accuracy.mean():.1f}" + (f" ± {100 * accuracy.std(ddof=1):.1f}" if folds > 1 else ""),
        "minus PSP [95 %]": f"{100 * found.difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]",
        "validation": f"{100 * mean['validation']:.1f}" if "validation" in mean else "",
        "minus PSP ± SE": with_error(about["validation"] - psp_about["validation"]) if "validation" in mean else "",
        "epoch": f"{mean['epoch']:.0f}" if "epoch" in mean else "",
        "seconds": f"{mean['seconds']:.0f}",
        "parameters": f"{mean['parameters']:,.0f}" if "parameters" in mean else "",
        "AVE, paper": "" if system.paper is None else f"{system.paper:.1f}",
    }


def to_markdown(number, rows):
    """Return a table of rows, dicts of strings, as Markdown."""
    lines = [f"**Table {number}.** {CAPTIONS[number]}", ""]
    lines.append("| " + " | ".join(rows[0]) + " |")
    lines.append("|" + "---|" * len(rows[0]))
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    return "\n".join(lines)


def to_tables(tables, results, folds, same_videos):
    """Return the tables of the rows that can be compared with PSP, a list of Markdown."""
    comparable = {system.supervision for system in psp_rows() if (system.key, 0) in results}
    texts = []
    for number, systems in tables.items():
        systems = [s for s in systems if (s.key, 0) in results and s.supervision in comparable]
        if systems:
            texts.append(to_markdown(number, [table_row(system, results, folds, same_videos) for system in systems]))
    return texts


def psp_rows():
    """Return the rows that all others are compared with."""
    return [system for system in TABLES[1]() if system.label == "PSP"]


def fit_table(systems, results, folds):
    """Return a DataFrame with a row for each fit."""
    rows = []
    for system in systems:
        for fold in range(folds):
            right, about = results[system.key, fold]
            rows.append(
                {
                    "key": system.key,
                    "supervision": system.supervision,
                    "fold": fold,
                    "test": right.mean(1).mean(),
                    **about,
                }
            )
    return pd.DataFrame(rows)


def positive(text):
    """Return the positive integer that `text` is."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive integer")
    return int(text)


def parse_arguments():
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of results; holds one benchmark's")
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
    data = kept_data(file) if args.kept and args.data is None else stamp(args.data)
    folds = args.folds or default_folds(data)
    results = run(list(systems.values()), args.data, data, folds, recipe, file, args.n_jobs, not args.kept)
    if not results:
        raise SystemExit(f"No row has all its fits in {args.out}")
    complete = [system for system in systems.values() if (system.key, 0) in results]
    fits = fit_table(complete, results, folds)
    if args.only:
        print(fits.round(3).to_string(index=False))
        return
    texts = to_tables(tables, results, folds, same_videos=data != AV_DIGITS)
    texts.append(f"{len(fits)} fits; {fits['seconds'].sum() / 3600:.1f} hours of training, each fit on one core.")
    (args.out / "tables.md").write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    fits.to_csv(args.out / "tables.csv", index=False)
    print("\n\n".join(texts))


if __name__ == "__main__":
    main()
