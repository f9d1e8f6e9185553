"""The command ``score``: how well a model finds annotated events."""

import json

from ave_sklearn.cli.annotated import label, read_folder, read_matched
from ave_sklearn.cli.arguments import MODEL_HELP, add_annotated
from ave_sklearn.cli.models import load_model
from ave_sklearn.cli.terminal import show

HELP = "compare a model's events with an event list"
EXAMPLE = "ave-sklearn score model.joblib --features features --annotations events.csv"


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_annotated(command)
    text = "score the videos alone that 'fit --holdout' held out of the model"
    command.add_argument("--heldout", action="store_true", help=text)
    command.add_argument("--format", choices=["text", "json"], default="text", help="of the scores (default text)")


def run(args):
    """Print how well a model finds the annotated events, each segment of a video counted once."""
    from ave_sklearn.cli.known import take_held_out, warn_of_known
    from ave_sklearn.extraction._folders import check_recipe, read_grid

    model, grid = load_model(args.model), read_grid(*args.features)
    check_recipe(args.features, model.named_steps["extract"], args.model)
    localizer = model.named_steps["localize"]
    folder = read_folder(args)
    if args.heldout:
        folder = take_held_out(localizer, args.model, folder)
    events, background = read_matched(args.annotations, folder), localizer.background_
    what = "held-out videos" if args.heldout else "videos"
    X, y, clips = label(folder, events, args.annotations, args, background, grid, what)
    y_pred = localizer.predict(X)
    warn_of_known(localizer, args.model, X, clips, args)
    scores = score_clips(y, y_pred, clips, grid, background)
    show(*(_text if args.format == "text" else _json)(scores).split("\n"))


def score_clips(y_true, y_pred, clips, grid, background):
    """Return the scores of videos that may be cut into clips, and of what to read them beside.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_clips, n_segments)
    clips : DataFrame of n_clips rows
        Of `read_features`.
    grid : Grid
    background : label

    Returns
    -------
    scores : dict
        ``videos`` and ``segments`` (how many), ``model`` and ``references`` (measures, and such a dict for each
        reference), ``segment_report`` and ``event_report`` (DataFrames).
    """
    from ave_sklearn.extraction._clips import join_clips
    from ave_sklearn.metrics import event_report, segment_classification_report
    from ave_sklearn.metrics._stretches import joined_stretches, score_stretches

    names, _, true = zip(*join_clips(y_true, clips, grid), strict=True)
    found = [values for *_, values in join_clips(y_pred, clips, grid)]
    segments, events = joined_stretches(true, found, background)
    return {
        **score_stretches(names, true, found, background),
        "segment_report": segment_classification_report(*segments),
        "event_report": event_report(*events, background=background),
    }


def _text(scores):
    """Return scores as text."""
    from ave_sklearn.cli.output import format_report

    model, width = scores["model"], max(map(len, scores["references"]))
    lines = [
        f"segment accuracy     {model['segment_accuracy']:.3f}",
        f"event F1 (IoU 0.5)   {model['event_f1']:.3f}",
        "",
        f"{'references':{width}}  accuracy  event F1",
    ]
    for name, measures in scores["references"].items():
        lines.append(f"{name:{width}}  {measures['segment_accuracy']:8.3f}  {measures['event_f1']:8.3f}")
    reports = [("segments", scores["segment_report"]), ("events", scores["event_report"])]
    return "\n".join([*lines, *(f"\n{title}\n{format_report(report)}" for title, report in reports)])


def _json(scores):
    """Return scores as JSON; missing numbers are null."""
    reports = {
        name: json.loads(scores[name].reset_index().to_json(orient="records", double_precision=15))
        for name in ("segment_report", "event_report")
    }
    return json.dumps({**scores, **reports}, indent=2)
