"""The command ``report``: a page for a browser, with what a model finds in videos."""

import argparse
import os
from contextlib import ExitStack, closing
from dataclasses import replace

from ave_sklearn.cli.annotated import Folder, label, read_folder, read_matched
from ave_sklearn.cli.arguments import (
    ANNOTATIONS_HELP,
    MODEL_HELP,
    add_labelling,
    add_videos_or_features,
    check_videos_or_features,
    extraction_options,
    shows_progress,
)
from ave_sklearn.cli.models import grid_of, load_model, note_code
from ave_sklearn.cli.terminal import say, show
from ave_sklearn.cli.videos import find_videos

HELP = "write a page for a browser that shows what a model finds in videos"
EXAMPLE = (
    "ave-sklearn report model.joblib --features features --annotations events.csv --media videos -o report.html\n"
    "ave-sklearn report model.joblib new/*.mp4 -o report.html --serve 8000"
)
SUFFIXES = (".html", ".htm")
MOST_PORT = 65535


def add_arguments(command):
    """Add the arguments of the command."""
    command.add_argument("model", help=MODEL_HELP)
    add_videos_or_features(command)
    command.add_argument("--annotations", metavar="FILE", help=f"what is true: {ANNOTATIONS_HELP}")
    add_labelling(command)
    text = "show the videos alone that 'fit --holdout' held out of the model"
    command.add_argument("--heldout", action="store_true", help=text)
    text = "write the page there, a file that ends in .html"
    command.add_argument("-o", "--output", metavar="FILE", type=page, required=True, help=text)
    text = (
        "folder with the media files that the page plays; it links to them, by paths from the page (default: the "
        "videos; of features those that are there by their names)"
    )
    command.add_argument("--media", metavar="DIR", help=text)
    text = "draw small pictures of so many videos, the worst first (default 20)"
    command.add_argument("--pictures", type=count, metavar="N", default=20, help=text)
    command.add_argument("--title", metavar="TEXT", help="title of the page")
    text = (
        "show the page at http://127.0.0.1:PORT/ until Ctrl-C, for browsers that do not play media beside a file; 0 is "
        "any free port"
    )
    command.add_argument("--serve", type=port, metavar="PORT", help=text)


def page(text):
    """Return the name of a page, for the parser of arguments."""
    if os.path.splitext(text)[1].lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} is not the name of a page, which ends in .html or .htm")
    return text


def count(text):
    """Read a whole number of 0 or more, for the parser of arguments."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def port(text):
    """Read the number of a port, for the parser of arguments."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= MOST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not the number of a port, from 0 to {MOST_PORT}")
    return int(text)


def run(args):
    """Write a page with what a model finds in videos, and show it where that is wanted."""
    check_videos_or_features(args)
    videos = None if args.features else find_videos(args)
    with ExitStack() as stack:
        listening = _prepare(args, stack)
        model = _load(args.model)
        report_input = (_of_videos if videos else _of_features)(args, model, videos)
        _write(args, report_input)
        if listening is not None:
            _serve(args, report_input, listening)


def _load(file):
    """Return the model of a file, whose localizer is one of the package's."""
    from ave_sklearn._files import reading
    from ave_sklearn.inspection.report._read import read_model

    model = load_model(file)
    with reading(file, "the model of a report"):
        read_model(model)
    return model


def _prepare(args, stack):
    """Check, before the work, what can be checked; return what listens at the port that is to be served, or None."""
    from ave_sklearn.cli.output import check_no_input
    from ave_sklearn.inspection.report._arguments import check_media, check_min_overlap, check_title
    from ave_sklearn.inspection.report._extra import import_pillow, import_servers
    from ave_sklearn.inspection.report._write import check_report

    check_no_input(args)
    check_report(args.output, "-o")
    if args.annotations == "":  # of a variable that is not set
        raise ValueError("--annotations is ''; wanted the file of an event list.")
    check_min_overlap(args.min_overlap)
    check_title(args.title)
    check_media(args.media)
    if args.pictures:
        import_pillow()
    if args.serve is None:
        return None
    from ave_sklearn.inspection.report._serve import open_port

    import_servers()
    return stack.enter_context(closing(open_port(args.serve)))


# ------------------------------------------------------------------- input
def _of_features(args, model, _):
    """Return what the report on the videos of features is made of."""
    from ave_sklearn._user_warnings import gathering
    from ave_sklearn.extraction._folders import check_recipe

    folder = read_folder(args)
    with gathering() as told:
        check_recipe(args.features, model.named_steps["extract"], args.model)
    media = _media_of_features(args, folder.clips["filename"].unique().tolist())
    if args.heldout:
        folder = _held_out(args, model, folder)
    events = read_matched(args.annotations, folder) if args.annotations else None
    return _report_input(args, model, folder, events, media, told)


def _of_videos(args, model, videos):
    """Return what the report on videos is made of; their features are extracted."""
    import pandas as pd

    from ave_sklearn.extraction._prediction import extract_clips, own_extractor
    from ave_sklearn.extraction._report import cut_for

    given = Folder(None, pd.DataFrame({"filename": videos}), videos, set())
    events = read_matched(args.annotations, given) if args.annotations else None
    extractor = model.named_steps["extract"]
    note_code(extractor, "report")
    own = own_extractor(extractor, {"memory": args.cache, "short": args.short, **extraction_options(args)})
    X, clips, is_used = extract_clips(own, cut_for(own, videos))
    folder = Folder(X, clips, clips["filename"].unique().tolist(), set(own.report_["filename"][~is_used]))
    used = set(folder.videos)
    lost = [video for video in videos if video not in used]
    notes = [f"{len(lost)} of the {len(videos)} videos could not be used: {', '.join(lost)}"] if lost else []
    if args.heldout:
        folder = _held_out(args, model, folder)
    media = {name: name for name in folder.clips["filename"]} if args.media is None else args.media
    return _report_input(args, model, folder, events, media, notes)


def _held_out(args, model, folder):
    """Return the part of a folder that was held out of the model."""
    from ave_sklearn.cli.known import take_held_out

    return take_held_out(model.named_steps["localize"], args.model, folder)


def _media_of_features(args, names):
    """Return where the media files of features are: in the folder that is given, or where their names say.

    Names of a stranger's features could be those of any file; of these videos alone are linked.
    """
    from ave_sklearn.datasets._names import VIDEO_SUFFIXES

    if args.media is not None:
        return args.media
    is_video = {name: os.path.splitext(name)[1][1:].lower() in VIDEO_SUFFIXES for name in names}
    media = {name: name for name in names if is_video[name]}
    if any(map(os.path.isfile, media)):
        return media
    say("note", "no video of the features is there by its name, and so the page plays none; --media DIR says where")
    return None


def _report_input(args, model, folder, events, media, notes=()):
    """Return what a report is made of."""
    from ave_sklearn._user_warnings import gathering
    from ave_sklearn.cli.known import warn_of_known
    from ave_sklearn.inspection.report._read import make_input

    localizer, y = model.named_steps["localize"], None
    grid = grid_of(model.named_steps["extract"])
    X, clips = folder.X, folder.clips
    if events is not None:
        what = "held-out videos" if args.heldout else "videos"
        with gathering() as told:
            X, y, clips = label(folder, events, args.annotations, args, localizer.background_, grid, what)
        notes = [*notes, *told, *_left_out(folder, clips, args)]
    if isinstance(media, dict):
        names = set(clips["filename"])
        media = {name: path for name, path in media.items() if name in names}
    options = {"media": media, "pictures": args.pictures, "title": args.title, "source": args.model}
    report_input = make_input(localizer, X, clips, grid, y, **options)
    so = "so that what is found in them is no test" if events is None else "so that the scores are no test"
    told = warn_of_known(localizer, args.model, X, clips, args, so, "shows")
    held_out = [f"These videos were held out: {args.model} was not trained on them."] if args.heldout else []
    return replace(report_input, notes=(*notes, *held_out, *told))


def _left_out(folder, clips, args):
    """Say how many videos of a folder are not among labelled clips: with ``--unlisted skip`` some are left out."""
    n_videos, n_shown = folder.clips["filename"].nunique(), clips["filename"].nunique()
    if n_shown == n_videos:
        return []
    return [f"{n_videos - n_shown} of {n_videos} videos are not in {args.annotations}, and are left out"]


def _links(args, report_input):
    """Return the links of the page to media files."""
    from ave_sklearn.inspection.report._media import link_media

    return link_media(report_input.clips["filename"].unique().tolist(), args.output, report_input.media)


# ------------------------------------------------------------------ output
def _write(args, report_input):
    """Write the page, and say what it holds."""
    from ave_sklearn.cli.rescue import rescued
    from ave_sklearn.inspection.report._write import draw_report, write_page

    page = draw_report(report_input, args.output, shows_progress(args))
    rescued(args.output, lambda path: write_page(page, path))
    if not args.quiet:
        n_videos = report_input.clips["filename"].nunique()
        then = "; open it in a browser" if args.serve is None else ""
        megabytes = os.path.getsize(args.output) / 1e6
        show(f"{args.output}: {n_videos} video{'' if n_videos == 1 else 's'}, {megabytes:.1f} MB{then}")


def _serve(args, report_input, listening):
    """Show the page to browsers of this machine, until Ctrl-C."""
    from ave_sklearn.inspection.report._serve import serve

    links = _links(args, report_input)
    serve(args.output, listening, links, lambda address: show(f"{address} shows it; Ctrl-C ends"))
