"""The command ``fit``: from features and an event list to a model."""

from ave_sklearn.cli.annotated import read_annotated
from ave_sklearn.cli.arguments import add_annotated, add_estimator
from ave_sklearn.cli.models import grid_of, make_localizer, note_code, save_model
from ave_sklearn.cli.terminal import show

HELP = "train a model on a folder of features and an event list"


def add_arguments(command):
    """Add the arguments of the command."""
    add_annotated(command)
    command.add_argument("-o", "--output", metavar="MODEL", required=True, help="file for the model: model.joblib")
    add_estimator(command)


def run(args):
    """Train a model and save it with the extractor of its features, as one pipeline."""
    from ave_sklearn.cli.output import check_output_file
    from ave_sklearn.extraction._folders import read_extractor

    check_output_file(args.output)
    extractor, localizer = read_extractor(*args.features), make_localizer(args)
    note_code(extractor, args)
    X, y, _ = read_annotated(args, localizer.background, grid_of(extractor))
    if extractor.n_segments != X.n_segments:
        raise ValueError(
            f"{' and '.join(args.features)}: the arrays have {X.n_segments} segments, but extractor.json n_segments="
            f"{extractor.n_segments}."
        )
    localizer.fit(X, y).set_params(verbose=0)
    save_model(extractor, localizer, args.output)
    if not args.quiet:
        show(f"{args.output}: {type(localizer).__name__} of the classes {', '.join(map(str, localizer.classes_))}")
