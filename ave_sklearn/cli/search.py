"""The command ``search``: from features and an event list to the best of many settings."""

import math
import os
import sys
import warnings
from contextlib import contextmanager, nullcontext

from ave_sklearn.cli.annotated import read_annotated
from ave_sklearn.cli.arguments import add_annotated, add_estimator, grid
from ave_sklearn.cli.fit import check_segments, warn_of_shared_videos
from ave_sklearn.cli.models import check_names, grid_of, make_localizer, note_code, save_model
from ave_sklearn.cli.terminal import say, show
from ave_sklearn.cli.wording import in_options

HELP = "try settings of a model by cross-validation, and train the best"
EXAMPLE = (
    "ave-sklearn search --features features --annotations events.csv --grid tau=None,0,0.095 --grid lam=0,10 "
    "--n-jobs 2 --work search -o best.joblib"
)
PARAMETER = "estimator__"  # how the parameters of what KeptScores holds begin
NO_SETTINGS = {  # parameters that tell nothing by the scores
    "background": "the labels are made with one background for all fits; give it by --set background=LABEL.",
    "verbose": "it changes nothing about a fit.",
}
PROGRESS = 5  # joblib's verbosity: it prints a line now and then
PATIENCE = 10  # seconds to wait for a scheduler


def add_arguments(command):
    """Add the arguments of the command."""
    command.epilog = "With --work the same command goes on where it was stopped."
    add_annotated(command)
    text = "file for the best model, trained on all videos: best.joblib"
    command.add_argument("-o", "--output", metavar="MODEL", required=True, help=text)
    text = "values of a parameter, such as --grid tau=None,0,0.095; may be repeated, for all combinations"
    command.add_argument("--grid", metavar="NAME=VALUE,VALUE", type=grid, action="append", required=True, help=text)
    text = "parts that the videos are divided into, each of which is tested once (default 5)"
    command.add_argument("--folds", type=int, default=5, metavar="K", help=text)
    text = "accuracy: of segments; event_f1: of events, IoU 0.5; each clip by itself (default accuracy)"
    command.add_argument("--scoring", choices=["accuracy", "event_f1"], default="accuracy", help=text)
    text = "keep what is finished in that folder: the same command then fits what is missing alone"
    command.add_argument("--work", metavar="DIR", help=text)
    command.add_argument("--n-jobs", type=int, metavar="N", help="fits at once, each in a process (default 1)")
    text = "have the workers of this Dask scheduler fit, such as tcp://host:8786; all read the same folders"
    command.add_argument("--dask", metavar="ADDRESS", help=text)
    add_estimator(command)
    command.set_defaults(random_state=0)


def run(args):
    """Try all combinations, print the table of them, and save the best with the extractor of its features."""
    from ave_sklearn.cli.output import check_no_input, check_output_file
    from ave_sklearn.cli.work_folder import WorkFolder
    from ave_sklearn.extraction._folders import read_extractor

    warnings.showwarning = _each_once(warnings.showwarning)  # not once a fit; `main` sets it back
    _check_options(args)
    check_no_input(args)
    check_output_file(args.output)
    extractor, localizer = read_extractor(*args.features), make_localizer(args).set_params(verbose=0)
    check_names("--grid", (name for name, _ in args.grid), localizer)
    X, y, clips = annotated = read_annotated(args, localizer.background, grid_of(extractor))
    check_segments(extractor, X, " and ".join(args.features))
    _check_folds(args.folds, clips)
    _check_candidates(args, localizer, X, y)
    warn_of_shared_videos(clips, dict(args.grid).get("early_stopping", [localizer.early_stopping]))
    note_code(extractor)
    work = WorkFolder(args.work)
    work.claim(_describe(args, localizer, X, y, clips))
    results = _search(args, localizer, X, y, clips, work)
    best = results["params"][results["rank_test_score"].argmin()]
    show(*_table(args.grid, results, as_csv=not sys.stdout.isatty()))
    _tell(args, best, results)
    localizer.set_params(**{name.removeprefix(PARAMETER): value for name, value in best.items()})
    _save_best(extractor, localizer, annotated, args, work)


def _check_options(args):
    """Refuse options that contradict each other or are out of range."""
    names = [name for name, _ in args.grid]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"--grid {name} is given twice; give all its values at once: --grid {name}=VALUE,VALUE.")
        if name in NO_SETTINGS:
            raise ValueError(f"--grid {name}: {NO_SETTINGS[name]}")
        if name in dict(args.set):
            raise ValueError(f"--grid {name}: --set {name} is given too; give it once.")
    if args.folds < 2:
        raise ValueError(f"--folds must be 2 or more; got {args.folds}.")
    if args.n_jobs == 0:
        raise ValueError("--n-jobs must not be 0; -1 is a process for each processor.")
    if args.dask == "":
        raise ValueError("--dask is empty; wanted the address of a scheduler, such as tcp://host:8786.")
    if args.dask and args.n_jobs is not None:
        raise ValueError("--n-jobs is of this machine, but with --dask the workers fit; give one of them.")


def _check_folds(folds, clips):
    """Refuse more folds than there are videos."""
    n_videos = clips["filename"].nunique()
    if folds > n_videos:
        raise ValueError(f"--folds {folds}: there are only {n_videos} videos, and each is tested in one fold.")


def _check_candidates(args, localizer, X, y):
    """Refuse values with which no fit could begin, or none is the same twice, before any does."""
    from sklearn.base import clone
    from sklearn.model_selection import ParameterGrid

    for values in ParameterGrid(dict(args.grid)):
        candidate = clone(localizer).set_params(**values)
        try:
            candidate._check_parameters(X, y)
            if candidate.random_state is None:
                raise ValueError("random_state is None, so that each fit is another one; wanted a number.")
        except (ValueError, TypeError) as error:
            reason = in_options(str(error), args)
            raise ValueError(
                reason if reason.startswith("--grid ") else f"--grid {_named(values)}: {reason}"
            ) from error


def _named(values):
    """Write names and values in a row."""
    return " ".join(f"{name.removeprefix(PARAMETER)}={value}" for name, value in values.items())


def _describe(args, localizer, X, y, clips):
    """Return what makes this search another one than others; the grid does not, it may grow."""
    from ave_sklearn._kept_scores import digest
    from ave_sklearn.cli.work_folder import FEATURES, LABELS

    return {
        FEATURES: digest([X, clips.to_csv()], FEATURES),
        LABELS: digest(y, LABELS),
        "--weak, --network": f"{type(localizer).__name__} {args.network or ''}".strip(),
        "--set": {name: repr(value) for name, value in sorted(dict(args.set).items())},
        "--random-state": args.random_state,
        "--folds": args.folds,
        "--scoring": args.scoring,
    }


def _search(args, localizer, X, y, clips, work):
    """Fit each candidate on each fold, if its score is not kept, and return the table of `GridSearchCV`."""
    from sklearn.model_selection import GridSearchCV

    from ave_sklearn.metrics import event_f1_scorer
    from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold

    scoring = {"accuracy": None, "event_f1": event_f1_scorer}[args.scoring]
    folds = VideoStratifiedKFold(args.folds, random_state=args.random_state, background=localizer.background)
    grid = {PARAMETER + name: values for name, values in args.grid}
    n_fits = args.folds * math.prod(map(len, grid.values()))
    search = GridSearchCV(
        KeptScores(localizer, work.scores, scoring=scoring),
        grid,
        scoring=KeptScores.record if _is_parallel(args) else _Told(list(grid), n_fits),
        refit=False,
        cv=folds,
        n_jobs=args.n_jobs,
        error_score="raise",
    )
    with _workers(args, work), _naming_fits(args):
        return search.fit(X, y, groups=clips["filename"]).cv_results_


class _Told:
    """Scorer of a search in this process alone, which says what came of each fit that was done."""

    def __init__(self, names, n_fits):
        self.names, self.n_fits, self.n_done = names, n_fits, 0

    def __call__(self, estimator, X, y):
        record, params = estimator.record(X, y), estimator.get_params()
        self.n_done += 1
        if not record["looked_up"]:
            values, score = _named({name: params[name] for name in self.names}), record["score"]
            say("note", f"fit {self.n_done} of {self.n_fits}: {values}: {score:.3f}, {record['fit_seconds']:.1f} s")
        return record


def _is_parallel(args):
    """Whether fits are done by other processes."""
    return bool(args.dask) or args.n_jobs not in (None, 1)


def _each_once(show):
    """Return a stand-in for `warnings.showwarning` that shows no text twice."""
    seen = set()

    def show_new(message, *args, **kwargs):
        if str(message) not in seen:
            seen.add(str(message))
            show(message, *args, **kwargs)

    return show_new


@contextmanager
def _workers(args, work):
    """Have joblib work on the workers of a Dask scheduler, or in processes here, and print its lines of progress."""
    import joblib

    verbose = _is_parallel(args) and not args.quiet  # in one process joblib 1.6 hides the error of a fit behind another
    options = {"verbose": PROGRESS if verbose else 0}
    with _client(args, work) if args.dask else nullcontext():
        with joblib.parallel_config(**options, **({"backend": "dask"} if args.dask else {})):
            yield


@contextmanager
def _client(args, work):
    """Connect with a Dask scheduler, all of whose workers must see the work folder."""
    from ave_sklearn.model_selection import dask_client

    try:
        client = dask_client(args.dask, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise ValueError(f"--dask {args.dask}: {error}") from error
    with client:
        _check_workers(client, args, work)
        yield


def _check_workers(client, args, work):
    """Refuse a scheduler without workers, or with some that do not see the work folder."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError as error:
        start = f"'dask worker {args.dask}' starts one"
        raise ValueError(f"--dask {args.dask}: no worker came to the scheduler in {PATIENCE} s; {start}.") from error
    if sum(client.nthreads().values()) == 1 and not args.quiet:
        say("note", f"--dask {args.dask}: one worker of one thread is no cluster, so the fits are done here")
    if work.folder is not None:
        without = [worker for worker, is_there in client.run(os.path.isfile, work.file).items() if not is_there]
        if without:
            raise ValueError(f"--work {work.folder} is not to be seen by the workers {', '.join(without)}.")


@contextmanager
def _naming_fits(args):
    """Let an error say which fit failed, and how to go on."""
    kept = f"What is finished is kept in {args.work}" if args.work else ""
    try:
        yield
    except KeyboardInterrupt:
        if kept:
            say("hint", f"{kept}; the same command goes on.")
        raise
    except (ValueError, RuntimeError) as error:
        places = "".join(f"{note}: " for note in getattr(error, "__notes__", ()))
        reason = " ".join(str(error).split())
        hint = f" {kept}; the same command, or one with another --grid, goes on." if kept else ""
        raise ValueError(f"{places}{reason}{hint}") from error


def _table(grid, results, as_csv):
    """Return the lines of the table of a search: as CSV, or aligned and rounded."""
    import pandas as pd

    columns = {name: [params[PARAMETER + name] for params in results["params"]] for name, _ in grid}
    table = pd.DataFrame({name: [str(value) for value in values] for name, values in columns.items()})
    table["mean"], table["std"] = results["mean_test_score"], results["std_test_score"]
    table["rank"], table["seconds"] = results["rank_test_score"], results["mean_test_fit_seconds"]
    table = table.sort_values("rank", kind="stable")
    if as_csv:
        return table.to_csv(index=False).splitlines()
    formats = {"mean": "{:.3f}".format, "std": "{:.3f}".format, "seconds": "{:.1f}".format}
    return table.to_string(index=False, formatters=formats).splitlines()


def _tell(args, best, results):
    """Say which settings are the best, and how many fits it took."""
    looked_up = [results[f"split{fold}_test_looked_up"].sum() for fold in range(args.folds)]
    n_fits, n_kept = len(results["params"]) * args.folds, int(sum(looked_up))
    say("note", f"{n_fits} fits: {n_kept} kept from before, {n_fits - n_kept} done now")
    say("note", f"the best is {_named(best)}, {args.scoring} {results['mean_test_score'].max():.3f}")


def _save_best(extractor, localizer, annotated, args, work):
    """Train the best on all videos, if that was not done before, and save it."""
    import numpy as np

    from ave_sklearn._kept_scores import digest, fit_key
    from ave_sklearn.cli.known import part_videos

    X, y, _ = annotated
    kept = work.model(digest([fit_key(localizer, X, y), digest(extractor.get_params())]))
    if kept is None or not kept.is_file():
        videos = part_videos({"training": annotated})
        vars(localizer.fit(X, y)).update(videos)
        save_model(extractor, localizer, kept or args.output)
    if kept is not None:
        work.copy_model(kept, args.output)
    say("note", f"{args.output}: {type(localizer).__name__} of the classes {', '.join(map(str, np.unique(y)))}")
