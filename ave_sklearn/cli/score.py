"""The command ``score``: how well a model finds annotated events."""

from ave_sklearn.cli.annotated import read_annotated
from ave_sklearn.cli.arguments import MODEL_HELP, add_annotated
from ave_sklearn.cli.models import load_model
from ave_sklearn.cli.terminal import show

HELP = "compare a model's events with an event list"


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_annotated(command)


def run(args):
    """Print how well a model finds the annotated events, each segment of a video counted once."""
    import numpy as np

    from ave_sklearn.cli.output import format_report
    from ave_sklearn.extraction._clips import join_clips, pad_rows
    from ave_sklearn.extraction._folders import check_recipe, read_grid
    from ave_sklearn.metrics import event_f1_score, event_report, segment_accuracy_score, segment_classification_report

    model, grid = load_model(args.model), read_grid(*args.features)
    check_recipe(args.features, model.named_steps["extract"], args.model)
    localizer = model.named_steps["localize"]
    background = localizer.background_
    X, y, clips = read_annotated(args, background, grid)
    true, found = ([values for *_, values in join_clips(labels, clips, grid)] for labels in (y, localizer.predict(X)))
    segments = [np.concatenate(stretches)[None] for stretches in (true, found)]
    events = [pad_rows(stretches, background) for stretches in (true, found)]
    show(f"segment accuracy     {segment_accuracy_score(*segments):.3f}")
    show(f"event F1 (IoU 0.5)   {event_f1_score(*events, background=background):.3f}")
    show("", "segments", *format_report(segment_classification_report(*segments)).split("\n"))
    show("", "events", *format_report(event_report(*events, background=background)).split("\n"))
