"""The command ``fit``: from features and an event list to a model."""

import argparse

from ave_sklearn.cli.arguments import add_annotated, add_estimator
from ave_sklearn.cli.models import grid_of, make_localizer, note_code, save_model
from ave_sklearn.cli.terminal import show

HELP = "train a model on a folder of features and an event list"
EXAMPLE = "ave-sklearn fit --features features --annotations events.csv --holdout 0.2 -o model.joblib"
HOLDOUT_HELP = (
    "hold out this share of the videos, of each category, drawn by --random-state, for 'ave-sklearn score --heldout'"
)
VALIDATION_HELP = (
    "videos that choose the epoch, and are not trained on: a file with a name a line, or an event list, which has "
    "their events then in place of --annotations"
)


def add_arguments(command):
    """Add the arguments of the command."""
    add_annotated(command)
    command.add_argument("-o", "--output", metavar="MODEL", required=True, help="file for the model: model.joblib")
    command.add_argument("--holdout", metavar="SHARE", type=_share, help=HOLDOUT_HELP)
    command.add_argument("--validation", metavar="LIST", help=VALIDATION_HELP)
    add_estimator(command)


def _share(text):
    """Return a number between 0 and 1."""
    try:
        share = float(text)
    except ValueError:
        share = None
    if share is None or not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share of the videos; wanted a number between 0 and 1")
    return share


def run(args):
    """Train a model and save it with the extractor of its features, as one pipeline."""
    from ave_sklearn.cli.known import part_videos
    from ave_sklearn.cli.output import check_no_input, check_output_file
    from ave_sklearn.cli.parts import read_parts
    from ave_sklearn.extraction._folders import read_extractor

    check_no_input(args)
    check_output_file(args.output)
    extractor, localizer = read_extractor(*args.features), make_localizer(args)
    if args.validation is not None and "early_stopping" not in dict(args.set):
        localizer.set_params(early_stopping="best")
    note_code(extractor)
    parts = read_parts(args, localizer, grid_of(extractor))
    X, y, _ = parts["training"]
    check_segments(extractor, X, " and ".join(args.features))
    chosen = parts.get("validation")
    if chosen is None:
        warn_of_shared_videos(parts["training"].clips, [localizer.early_stopping])
    validation = {} if chosen is None else {"X_val": chosen.X, "y_val": chosen.y}
    kept = part_videos(parts)  # before the fit, which nothing that fails afterwards may lose
    localizer.fit(X, y, **validation).set_params(verbose=0)
    vars(localizer).update(kept)
    save_model(extractor, localizer, args.output)
    if not args.quiet:
        show(f"{args.output}: {type(localizer).__name__} of the classes {', '.join(map(str, localizer.classes_))}")


def warn_of_shared_videos(clips, early_stopping):
    """Warn of a stop by clips whose videos are trained on; `early_stopping` are the values of the fits."""
    from ave_sklearn._user_warnings import warn_user

    n_cut = clips.groupby("filename").size().gt(1).sum()
    if n_cut and any(value is not False for value in early_stopping):
        warn_user(
            f"early_stopping chooses the epoch by single clips: of {n_cut} videos with several, some may be trained on "
            "and others choose; 'ave-sklearn fit --validation LIST' takes whole videos"
        )


def check_segments(extractor, X, features):
    """Refuse features of which the extractor that comes with them would make others."""
    if extractor.n_segments != X.n_segments:
        raise ValueError(
            f"{features}: the arrays have {X.n_segments} segments, but extractor.json n_segments="
            f"{extractor.n_segments}."
        )
