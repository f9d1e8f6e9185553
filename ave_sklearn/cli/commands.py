"""The command line ``ave-sklearn``: features from videos, a model from annotations, events from a model."""

from __future__ import annotations

import argparse
import ast
import os
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from ave_sklearn._systems import SYSTEMS
from ave_sklearn._version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

INTERRUPTED = 130
DESCRIPTION = "Find out which seconds of a video hold an event that is both seen and heard, and which event it is."
WEIGHTS_HELP = "folder with the weights of vgg19 and vggish; the environment variable AVE_SKLEARN_WEIGHTS if not given"
VISUAL_HELP = (
    "network for pictures: vgg19, efficientnet-lite0, which needs no folder of weights and is faster, or MODULE:NAME, "
    "a callable that is imported (default vgg19)"
)
AUDIO_HELP = (
    "network for sound: vggish, log-mel, which needs no weights, or MODULE:NAME, a callable that is imported "
    "(default vggish)"
)
ANNOTATIONS_HELP = "event list: columns filename, onset, offset (seconds), event_label"
MODEL_HELP = "model file of 'ave-sklearn fit'; loading it runs code that it may hold, so trust where it comes from"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, default=None
        The arguments after the program's name; those of the process if None.

    Returns
    -------
    status : int
        0; 1 after an error, which goes to standard error as one line; 130 after Ctrl-C. Usage errors exit with 2.
    """
    args = build_parser().parse_args(argv)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            args.run(args)
            sys.stdout.flush()
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # who read the output has seen enough, as in "| head"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (ValueError, OSError, ImportError, MemoryError) as error:
            if args.traceback:
                raise
            _say("error", _message_of(error))
            return 1
    return 0


def run() -> NoReturn:
    """Run the command line as a program of its own.

    A request to terminate is taken as Ctrl-C, so that temporary files are removed. The process then ends at once:
    threads that are still at work on a video would let the interpreter abort.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.excepthook = _show_traceback
    status = main()
    if status == INTERRUPTED:
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


# -------------------------------------------------------------- arguments
class _Parser(argparse.ArgumentParser):
    """Parser whose errors may quote any argument."""

    def error(self, message):
        super().error(_printable(message))


def build_parser():
    """Return the parser of all arguments; each sub-command sets ``run`` to its function."""
    parser = _Parser(prog="ave-sklearn", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error came from")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_extract(commands)
    _add_fit(commands)
    _add_predict(commands)
    _add_score(commands)
    return parser


def _add_command(commands, run, text):
    """Add the sub-command of a function, with the option that all have."""
    name = run.__name__.removeprefix("run_")
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("--quiet", action="store_true", help="no progress bar, no notes; warnings are shown")
    return command


def _add_extract(commands):
    command = _add_command(commands, run_extract, "turn videos into a folder of audio and visual features")
    command.epilog = "Videos longer than N segments are cut into clips of N segments, the last of which may overlap."
    _add_videos(command)
    command.add_argument("-o", "--output", metavar="DIR", required=True, help="folder for the features")
    command.add_argument("--force", action="store_true", help="replace the features that DIR holds")
    command.add_argument("--visual", metavar="NAME", default="vgg19", help=VISUAL_HELP)
    command.add_argument("--audio", metavar="NAME", default="vggish", help=AUDIO_HELP)
    command.add_argument("--n-segments", type=int, default=10, metavar="N", help="segments of a clip (default 10)")
    text = "length of the window of a segment, in seconds (default 1)"
    command.add_argument("--segment-seconds", type=float, default=1.0, metavar="S", help=text)
    text = "from the begin of one window to the next, in seconds (default: the length of a window)"
    command.add_argument("--hop-seconds", type=float, metavar="S", help=text)
    text = "pictures of a segment; fewer make it faster (default 16)"
    command.add_argument("--frames-per-segment", type=int, default=16, metavar="N", help=text)
    text = "height and width that pictures are scaled to, in pixels (default 224)"
    command.add_argument("--image-size", type=int, default=224, metavar="N", help=text)
    text = "of the pictures (default auto: what the weights want)"
    command.add_argument("--preprocessing", choices=["auto", "imagenet", "caffe", "centred"], default="auto", help=text)
    text = "mean: average visual features over the regions of a picture"
    command.add_argument("--pool", choices=["mean"], help=text)
    text = "what to do about videos that lack half of a segment or more; pad: hold the last picture (default error)"
    command.add_argument("--short", choices=["error", "skip", "pad"], default="error", help=text)
    text = "seconds of a clip that may be damaged (default 0.5)"
    command.add_argument("--max-damage", type=float, default=0.5, metavar="S", help=text)
    command.add_argument("--weights", choices=["pretrained", "random"], default="pretrained", help="random: for tests")
    text = "of the networks' arithmetic; bfloat16 is faster on processors that multiply it (default float32)"
    command.add_argument("--precision", choices=["float32", "bfloat16"], default="float32", help=text)
    command.add_argument("--pca-params", metavar="FILE", help="PCA for VGGish, as AudioSet's features have it")
    command.add_argument("--cache", metavar="DIR", help="keep each video's features there for later runs")


def _add_fit(commands):
    command = _add_command(commands, run_fit, "train a model on a folder of features and an event list")
    _add_annotated(command)
    command.add_argument("-o", "--output", metavar="MODEL", required=True, help="file for the model: model.joblib")
    command.add_argument("--weak", action="store_true", help="learn from what each video holds, not from when")
    text = f"another system than PSP: {', '.join(name for name in SYSTEMS if name != 'psp')}"
    command.add_argument("--network", metavar="NAME", help=text)
    text = "parameter of the estimator, such as --set max_epochs=100; may be repeated"
    command.add_argument("--set", metavar="NAME=VALUE", type=_setting, action="append", default=[], help=text)
    command.add_argument("--random-state", type=int, metavar="N", help="seed, for the same model each time")


def _add_predict(commands):
    command = _add_command(commands, run_predict, "list the events of videos")
    command.add_argument("model", help=MODEL_HELP)
    _add_videos(command)
    text = "write the events there: .csv or .json"
    command.add_argument("-o", "--output", metavar="FILE", type=_event_file, help=text)


def _add_score(commands):
    command = _add_command(commands, run_score, "compare a model's events with an event list")
    command.add_argument("model", help=MODEL_HELP)
    _add_annotated(command)


def _add_videos(command):
    command.add_argument("videos", nargs="+", metavar="VIDEO", help="video file with pictures and sound")
    command.add_argument("--weights-dir", metavar="DIR", help=WEIGHTS_HELP)
    command.add_argument("--n-jobs", type=int, metavar="N", help="videos at once (default 1)")
    command.add_argument("--device", default="auto", help="such as cpu or cuda (default: cuda where there is one)")
    text = "what to do about videos that cannot be used (default raise)"
    command.add_argument("--on-error", choices=["raise", "skip"], default="raise", help=text)


def _add_annotated(command):
    command.add_argument("--features", metavar="DIR", required=True, help="folder of 'ave-sklearn extract'")
    command.add_argument("--annotations", metavar="FILE", required=True, help=ANNOTATIONS_HELP)
    text = "share of a segment that an event must cover to be its label (default 0.5)"
    command.add_argument("--min-overlap", type=float, default=0.5, metavar="SHARE", help=text)


def _setting(text):
    """Split NAME=VALUE; the value is a Python literal, infinity or else text."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    if value.lower().lstrip("+-") in ("inf", "nan"):
        return name, float(value)
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # the latter two by nested brackets
        return name, value


def _event_file(text):
    """Check the suffix of a file for events."""
    if not text.lower().endswith((".csv", ".json")):
        raise argparse.ArgumentTypeError(f"{text!r} must end in .csv or .json")
    return text


# --------------------------------------------------------------- commands
def run_extract(args):
    """Write the features of videos into a folder."""
    _check_videos(args.videos)
    from ave_sklearn.cli.folder import check_output_folder, read_features, write_features

    check_output_folder(args.output, args.force)
    from ave_sklearn.extraction import VideoFeatureExtractor
    from ave_sklearn.extraction._presets import resolve_preprocessing

    extractor = VideoFeatureExtractor(
        visual=args.visual,
        audio=args.audio,
        n_segments=args.n_segments,
        segment_seconds=args.segment_seconds,
        hop_seconds=args.hop_seconds,
        frames_per_segment=args.frames_per_segment,
        image_size=args.image_size,
        preprocessing=resolve_preprocessing(args.preprocessing, args.visual),  # so that extractor.json says which
        pool=args.pool,
        short=args.short,
        max_damage=args.max_damage,
        precision=args.precision,
        pca_params=args.pca_params and os.path.abspath(args.pca_params),
        weights=args.weights,
        memory=args.cache,
        **_extraction_options(args),
    )
    clips = _cut(args.videos, extractor.fit(args.videos))
    write_features(args.output, extractor, clips, force=args.force)
    if not args.quiet:
        _show(f"{args.output}: {read_features(args.output)[0]}")


def run_fit(args):
    """Train a model and save it with the extractor of its features, as one pipeline."""
    import joblib
    from sklearn.pipeline import Pipeline

    from ave_sklearn._files import whole_file
    from ave_sklearn.cli.folder import check_output_file, read_extractor

    check_output_file(args.output)
    extractor, localizer = read_extractor(args.features), _localizer(args)
    _note_code(extractor, args)
    X, y, _ = _annotated(args, localizer.background, _grid_of(extractor))
    if extractor.n_segments != X.n_segments:
        raise ValueError(
            f"{args.features}: the arrays have {X.n_segments} segments, but extractor.json n_segments="
            f"{extractor.n_segments}."
        )
    localizer.fit(X, y).set_params(verbose=0)
    with whole_file(args.output) as file:
        joblib.dump(Pipeline([("extract", extractor), ("localize", localizer)]), file)
    if not args.quiet:
        _show(f"{args.output}: {type(localizer).__name__} of the classes {', '.join(map(str, localizer.classes_))}")


def run_predict(args):
    """Print the events of videos and write them to a file."""
    _check_videos(args.videos)
    from ave_sklearn.cli.folder import check_output_file
    from ave_sklearn.cli.output import event_rows, format_rows, write_rows

    if args.output:
        check_output_file(args.output)
    model = _load_model(args.model)
    extractor = model.named_steps["extract"].set_params(**_extraction_options(args))
    _note_code(extractor, args)
    X = extractor.transform(_cut(args.videos, extractor))
    rows = event_rows(model.named_steps["localize"], X, extractor.report_.query("error == ''"), _grid_of(extractor))
    if not (args.quiet and args.output):
        _show(*format_rows(rows).split("\n"))
    if args.output:
        write_rows(rows, args.output)


def run_score(args):
    """Print how well a model finds the annotated events, each segment of a video counted once."""
    import numpy as np

    from ave_sklearn.cli.folder import read_grid
    from ave_sklearn.cli.output import format_report
    from ave_sklearn.extraction._clips import join_clips, pad_rows
    from ave_sklearn.metrics import event_f1_score, event_report, segment_accuracy_score, segment_classification_report

    model, grid = _load_model(args.model), read_grid(args.features)
    _check_grids(grid, _grid_of(model.named_steps["extract"]), args.features, args.model)
    localizer = model.named_steps["localize"]
    background = localizer.background_
    X, y, clips = _annotated(args, background, grid)
    true, found = ([values for *_, values in join_clips(labels, clips, grid)] for labels in (y, localizer.predict(X)))
    segments = [np.concatenate(stretches)[None] for stretches in (true, found)]
    events = [pad_rows(stretches, background) for stretches in (true, found)]
    _show(f"segment accuracy     {segment_accuracy_score(*segments):.3f}")
    _show(f"event F1 (IoU 0.5)   {event_f1_score(*events, background=background):.3f}")
    _show("", "segments", *format_report(segment_classification_report(*segments)).split("\n"))
    _show("", "events", *format_report(event_report(*events, background=background)).split("\n"))


# ------------------------------------------------------------------ parts
def _check_videos(videos):
    """Refuse folders, names that are no text and videos that are given twice, before anything slow begins.

    A link, or another form of a name that the file system takes for the same, is the file again.
    """
    seen = {}
    for video in videos:
        try:
            video.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{video!r} is not a name in UTF-8; rename the file.") from error
        if os.path.isdir(video):
            raise ValueError(f"{video} is a folder; give the video files in it.")
        identity = _identity(video)
        if identity in seen:
            other = "" if seen[identity] == video else f" It is the file {seen[identity]}."
            raise ValueError(f"{video} is given twice.{other}")
        seen[identity] = video


def _identity(path):
    """Return what two names of one file have in common; of a file that is not there its full name."""
    try:
        state = os.stat(path)
    except OSError:
        return os.path.abspath(path)
    return state.st_dev, state.st_ino


def _cut(videos, extractor):
    """Cut videos into clips on the grid of an extractor."""
    from ave_sklearn.extraction import cut_clips

    grid = {"segment_seconds": extractor.segment_seconds, "hop_seconds": extractor.hop_seconds}
    return cut_clips(videos, extractor.n_segments, **grid)


def _extraction_options(args):
    """Return what is about this run, not about its result."""
    options = {"n_jobs": args.n_jobs, "device": args.device, "on_error": args.on_error}
    return {**options, "weights_dir": args.weights_dir, "verbose": int(not args.quiet)}


def _note_code(extractor, args):
    """Say which code an extractor imports when it is at work, beside the package's own."""
    from ave_sklearn.extraction._presets import is_reference

    for name in ("visual", "audio"):
        given = getattr(extractor, name, None)
        if is_reference(given) and not args.quiet:
            _say("note", f"{name}={given!r}: 'ave-sklearn predict' imports and runs that code")


def _localizer(args):
    """Return an estimator with the parameters of --set."""
    from ave_sklearn.localizers import EventLocalizer, WeakEventLocalizer
    from ave_sklearn.localizers._psp import PSPLocalizer, WeakPSPLocalizer

    if args.network is None:
        localizer = WeakPSPLocalizer() if args.weak else PSPLocalizer()
    else:
        localizer = (WeakEventLocalizer if args.weak else EventLocalizer)(network=args.network)
    localizer.set_params(verbose=int(not args.quiet))
    known, given = localizer.get_params(), dict(args.set)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"--set {unknown[0]}: {type(localizer).__name__} has the parameters {', '.join(known)}.")
    if args.random_state is not None:
        given = {"random_state": args.random_state, **given}
    return localizer.set_params(**given)


def _grid_of(extractor):
    """Return the grid of an extractor's features."""
    from ave_sklearn._targets.grid import check_grid

    return check_grid(extractor.segment_seconds, extractor.hop_seconds)


def _check_grids(grid, wanted, features, model):
    """Refuse features on another grid than that of a model's extractor."""
    if grid != wanted:
        raise ValueError(
            f"{features}: the features are of segments of {grid.segment_seconds:g} s, {grid.hop_seconds:g} s apart, "
            f"but those that {model} takes are of {wanted.segment_seconds:g} s, {wanted.hop_seconds:g} s apart."
        )


def _annotated(args, background, grid):
    """Return the features of a folder, the labels that an event list gives their segments, and of what they are."""
    from ave_sklearn.cli.folder import match_names, read_features, read_skipped
    from ave_sklearn.datasets import read_events
    from ave_sklearn.datasets._names import same_files
    from ave_sklearn.extraction._clips import clip_labels

    X, clips = read_features(args.features)
    videos = clips["filename"].unique().tolist()
    skipped = read_skipped(args.features)
    events = match_names(read_events(args.annotations), videos, args.annotations, skipped)
    n_quiet = len(set(videos) - set(events["filename"]))
    if n_quiet and not args.quiet:
        _say("note", f"{n_quiet} of {len(videos)} videos are not in {args.annotations}: taken as all {background}")
    options = {"grid": grid, "background": background, "min_overlap": args.min_overlap}
    try:
        y = clip_labels(events, clips, X.n_segments, set(same_files(skipped, videos).values()), **options)
    except ValueError as error:
        raise ValueError(f"{args.annotations}: {error}") from error
    return X, y, clips


def _load_model(file):
    """Load a pipeline that `run_fit` saved; the message of each error names the file."""
    import joblib
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    from ave_sklearn._files import reading

    try:
        with reading(file, "a model", parsing=True):  # an unpickler may raise anything about a file that is no pickle
            model = joblib.load(file)
            steps = dict(model.steps) if isinstance(model, Pipeline) else {}
    except ImportError as error:  # a damaged name of a class looks the same
        raise ValueError(f"{file} cannot be read as a model: {error}") from error
    if not (hasattr(steps.get("extract"), "transform") and hasattr(steps.get("localize"), "predict_events")):
        raise ValueError(f"{file} holds a {type(model).__name__}, not a model of 'ave-sklearn fit'.")
    with reading(file, "a fitted model"):
        check_is_fitted(steps["localize"])
    return model


def _message_of(error):
    """Return what an error says, of the system's errors without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


# --------------------------------------------------- what reaches the terminal
def _show_warning(message, category, filename, lineno, file=None, line=None):
    """Show a warning without the place in the code; stands in for `warnings.showwarning`."""
    _say("warning", message)


def _say(kind, message):
    """Write one line to standard error; a message that lists something has a line for each."""
    text = str(message).strip()
    if ":\n" in text:
        text = text.replace(":\n", ": ").replace("\n", "; ")
    _show(f"ave-sklearn: {kind}: {text}", file=sys.stderr)


def _show_traceback(kind, error, trace):
    """Show where in the code an error came from; stands in for `sys.excepthook`."""
    _show(*"".join(traceback.format_exception(error)).rstrip().split("\n"), file=sys.stderr)


def _show(*lines, file=None):
    """Print lines: names and labels may hold what a terminal would act upon, or characters that it lacks."""
    file = sys.stdout if file is None else file
    for line in lines:
        encoding = getattr(file, "encoding", None) or "utf-8"
        print(_printable(line).encode(encoding, "backslashreplace").decode(encoding), file=file)


def _printable(text):
    """Escape what a terminal would act upon; the module behind it is imported when there is something to show."""
    from ave_sklearn._checks import printable

    return printable(text)
