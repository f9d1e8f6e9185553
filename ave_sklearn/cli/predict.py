"""The command ``predict``: from videos to their events."""

import argparse

from ave_sklearn.cli.arguments import MODEL_HELP, add_features, add_videos, extraction_options
from ave_sklearn.cli.models import grid_of, load_model, note_code
from ave_sklearn.cli.terminal import show
from ave_sklearn.cli.videos import cut, find_videos

HELP = "list the events of videos"


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_videos(command)
    add_features(command, required=False)
    command.add_argument("--cache", metavar="DIR", help="keep each video's features there for later runs")
    text = "what to do about videos that lack half of a segment or more (default: as the features of the model had it)"
    command.add_argument("--short", choices=["error", "skip", "pad"], help=text)
    text = "write the events there: .csv or .json"
    command.add_argument("-o", "--output", metavar="FILE", type=_event_file, help=text)


def _event_file(text):
    """Check the suffix of a file for events."""
    if not text.lower().endswith((".csv", ".json")):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .csv or .json")
    return text


def run(args):
    """Print the events of videos and write them to a file."""
    if bool(args.features) == bool(args.videos or args.from_file):
        args.usage_error("wanted either videos or --features")
    videos = None if args.features else find_videos(args)
    from ave_sklearn.cli.output import check_output_file, event_rows, format_rows, write_rows

    if args.output:
        check_output_file(args.output)
    model = load_model(args.model)
    extractor = model.named_steps["extract"]
    X, clips = _read(args, extractor) if args.features else _extract(videos, args, extractor)
    rows = event_rows(model.named_steps["localize"], X, clips, grid_of(extractor))
    if not (args.quiet and args.output):
        show(*format_rows(rows).split("\n"))
    if args.output:
        write_rows(rows, args.output)


def _read(args, extractor):
    """Return the features of folders, and of which clips they are."""
    from ave_sklearn.extraction._folders import check_recipe, read_features

    check_recipe(args.features, extractor, args.model)
    return read_features(*args.features)


def _extract(videos, args, extractor):
    """Return the features of videos, and of which clips they are."""
    extractor.set_params(**extraction_options(args))
    if args.cache is not None:
        extractor.set_params(memory=args.cache)
    if args.short is not None:
        extractor.set_params(short=args.short)
    note_code(extractor, args)
    X = extractor.transform(cut(videos, extractor))
    return X, extractor.report_.query("error == ''")
