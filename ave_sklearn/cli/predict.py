"""The command ``predict``: from videos to their events."""

import argparse

from ave_sklearn.cli.arguments import MODEL_HELP, add_videos, extraction_options
from ave_sklearn.cli.models import grid_of, load_model, note_code
from ave_sklearn.cli.terminal import show
from ave_sklearn.cli.videos import check_videos, cut

HELP = "list the events of videos"


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_videos(command)
    text = "write the events there: .csv or .json"
    command.add_argument("-o", "--output", metavar="FILE", type=_event_file, help=text)


def _event_file(text):
    """Check the suffix of a file for events."""
    if not text.lower().endswith((".csv", ".json")):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .csv or .json")
    return text


def run(args):
    """Print the events of videos and write them to a file."""
    check_videos(args.videos)
    from ave_sklearn.cli.output import check_output_file, event_rows, format_rows, write_rows

    if args.output:
        check_output_file(args.output)
    model = load_model(args.model)
    extractor = model.named_steps["extract"].set_params(**extraction_options(args))
    note_code(extractor, args)
    X = extractor.transform(cut(args.videos, extractor))
    rows = event_rows(model.named_steps["localize"], X, extractor.report_.query("error == ''"), grid_of(extractor))
    if not (args.quiet and args.output):
        show(*format_rows(rows).split("\n"))
    if args.output:
        write_rows(rows, args.output)
