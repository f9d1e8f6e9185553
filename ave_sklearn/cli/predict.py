"""The command ``predict``: from videos to their events."""

import sys

from ave_sklearn.cli.arguments import (
    MODEL_HELP,
    add_videos_or_features,
    check_videos_or_features,
    extraction_options,
)
from ave_sklearn.cli.models import grid_of, load_model, note_code
from ave_sklearn.cli.videos import find_videos

HELP = "list the events of videos"
FORMATS = ("table", "csv", "json", "vtt", "srt", "audacity")
EXAMPLE = "ave-sklearn predict model.joblib new/*.mp4 --weights-dir weights -o events.csv"


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_videos_or_features(command)
    text = (
        "write the events there, '-' is standard output; for vtt, srt and audacity DIR, which is there or ends in '/', "
        "gets a file a video"
    )
    command.add_argument("-o", "--output", metavar="FILE|DIR|-", help=text)
    text = (
        "of the output; by the suffix of FILE if not given: .csv, .json, .vtt, .srt, .txt for labels of Audacity; of "
        "standard output table on a terminal, else csv"
    )
    command.add_argument("--format", choices=FORMATS, help=text)
    text = "list each segment's probability of each class in place of events; table, csv and json alone"
    command.add_argument("--probabilities", action="store_true", help=text)


def run(args):
    """Print the events of videos or write them to a file."""
    check_videos_or_features(args)
    format = _format(args)
    videos = None if args.features else find_videos(args)
    from ave_sklearn.cli.output import STANDARD, check_no_input, check_output, write_rows
    from ave_sklearn.extraction import read_features

    check_no_input(args)
    features = read_features(*args.features) if args.features else None
    check_output(args.output, format, videos or features[1]["filename"].unique().tolist())
    model = load_model(args.model)
    rows = _rows_of_videos(videos, args, model) if videos else _rows_of_features(*features, args, model)
    write_rows(rows, args.output, format)
    if args.output not in STANDARD and sys.stdout.isatty() and not args.quiet:
        write_rows(rows, "-", "table")


def _format(args):
    """Return the format of the output; formats that cannot be are usage errors, before anything slow begins."""
    from ave_sklearn.datasets._event_files import OF_ONE_VIDEO, check_format

    format = args.format
    if format is None and args.output in (None, "-"):
        format = "table" if sys.stdout.isatty() else "csv"
    elif format is None:
        try:
            format = check_format(None, args.output)
        except ValueError as error:
            args.usage_error(f"argument -o/--output: {error}")
    if args.probabilities and format in OF_ONE_VIDEO:
        args.usage_error(
            f"argument --probabilities: not allowed with the format {format}; table, csv and json have them"
        )
    return format


def _rows_of_videos(videos, args, model):
    """Return the rows of videos, predicted by a model."""
    from ave_sklearn.extraction import predict_videos

    note_code(model.named_steps["extract"])
    options = {"memory": args.cache, "short": args.short, "probabilities": args.probabilities}
    return predict_videos(model, videos, **extraction_options(args), **options)


def _rows_of_features(X, clips, args, model):
    """Return the rows of the videos of features, predicted by a model."""
    from ave_sklearn.extraction._folders import check_recipe
    from ave_sklearn.extraction._prediction import rows_of_clips

    extractor, localizer = model.named_steps["extract"], model.named_steps["localize"]
    check_recipe(args.features, extractor, args.model)
    return rows_of_clips(localizer, X, clips, grid_of(extractor), probabilities=args.probabilities)
