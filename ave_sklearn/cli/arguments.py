"""Arguments that several commands have, and the texts of their help."""

import argparse
import ast

VIDEO_HELP = "video file with pictures and sound; with --recursive also a folder"
WEIGHTS_HELP = "folder with the weights of vgg19 and vggish; the environment variable AVE_SKLEARN_WEIGHTS if not given"
ANNOTATIONS_HELP = "event list: columns filename, onset, offset (seconds), event_label"
UNLISTED_HELP = (
    "what to do about videos of the features that FILE does not name: take them as all background, with a warning, "
    "leave them out, or stop (default background)"
)
BRACKETS = {"(": ")", "[": "]", "{": "}"}
MODEL_HELP = "model file of 'ave-sklearn fit'; loading it runs code that it may hold, so trust where it comes from"


def add_videos(command):
    """Add the videos, and how they are read."""
    videos = command.add_argument("videos", nargs="+", default=[], metavar="VIDEO", help=VIDEO_HELP)
    videos.required = False  # with nargs="*" none could follow an option that follows a model
    text = "text file with a path a line, in UTF-8, relative to the current folder; - is standard input"
    command.add_argument("--from-file", metavar="LIST", action="append", default=[], help=text)
    text = "take the videos in folders that are given, and in their folders"
    command.add_argument("--recursive", action="store_true", help=text)
    command.set_defaults(usage_error=command.error)
    command.add_argument("--weights-dir", metavar="DIR", help=WEIGHTS_HELP)
    command.add_argument("--n-jobs", type=int, metavar="N", help="videos at once (default 1)")
    command.add_argument("--device", default="auto", help="such as cpu or cuda (default: cuda where there is one)")
    text = "what to do about videos that cannot be used (default raise)"
    command.add_argument("--on-error", choices=["raise", "skip"], default="raise", help=text)


def add_features(command, *, required):
    """Add folders of features."""
    text = "folders of 'ave-sklearn extract', of one recipe; may be repeated"
    options = {"nargs": "+", "action": "extend", "metavar": "DIR", "required": required, "help": text}
    command.add_argument("--features", **options)


def add_videos_or_features(command):
    """Add videos, how they are read and extracted, and in their place folders of features."""
    add_videos(command)
    add_features(command, required=False)
    command.add_argument("--cache", metavar="DIR", help="keep each video's features there for later runs")
    text = "what to do about videos that lack half of a segment or more (default: as the features of the model had it)"
    command.add_argument("--short", choices=["error", "skip", "pad"], help=text)


def check_videos_or_features(args):
    """Refuse both or neither of videos and features, as a usage error."""
    if bool(args.features) == bool(args.videos or args.from_file):
        args.usage_error("wanted either videos or --features")


def add_annotated(command):
    """Add folders of features, their event list, and how the one is told by the other."""
    add_features(command, required=True)
    command.add_argument("--annotations", metavar="FILE", required=True, help=ANNOTATIONS_HELP)
    add_labelling(command)


def add_labelling(command):
    """Add how the segments of videos get labels of an event list."""
    text = "share of a segment that an event must cover to be its label (default 0.5)"
    command.add_argument("--min-overlap", type=float, default=0.5, metavar="SHARE", help=text)
    choices = ["background", "skip", "error"]
    command.add_argument("--unlisted", choices=choices, default="background", help=UNLISTED_HELP)


def add_estimator(command):
    """Add what chooses an estimator and its parameters."""
    from ave_sklearn._systems import SYSTEMS

    command.add_argument("--weak", action="store_true", help="learn from what each video holds, not from when")
    text = f"another system than PSP: {', '.join(name for name in SYSTEMS if name != 'psp')}"
    command.add_argument("--network", metavar="NAME", help=text)
    text = "parameter of the estimator, such as --set max_epochs=100; may be repeated"
    command.add_argument("--set", metavar="NAME=VALUE", type=setting, action="append", default=[], help=text)
    command.add_argument("--random-state", type=int, metavar="N", help="seed, for the same model each time")


def setting(text):
    """Split NAME=VALUE; the value is a Python literal, infinity or else text."""
    name, value = _split_name(text, "NAME=VALUE")
    return name, literal(value)


def grid(text):
    """Split NAME=V1,V2,...; each value is read as that of `setting`, and may itself have commas within brackets."""
    name, values = _split_name(text, "NAME=VALUE,VALUE")
    values = [value.strip() for value in _split(values, text)]
    if "" in values:
        raise argparse.ArgumentTypeError(f"{text!r} has an empty value")
    found = [literal(value) for value in values]
    for number, value in enumerate(found):
        if any(_is_same(value, other) for other in found[:number]):
            raise argparse.ArgumentTypeError(f"{text!r} has the value {values[number]} twice")
    return name, found


def _is_same(value, other):
    """Whether two values are one to an estimator: 1 and 1.0 are, 1 and True are not."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _split_name(text, form):
    """Split a name from what stands behind the "="; `form` is what is wanted."""
    name, equals, rest = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form {form}")
    return name, rest


def _split(values, text):
    """Split at the commas that are neither in brackets nor in quotes."""
    parts, open_brackets, quote = [""], [], ""
    for character in values:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in BRACKETS:
            open_brackets.append(BRACKETS[character])
        elif character in BRACKETS.values() and (not open_brackets or open_brackets.pop() != character):
            raise argparse.ArgumentTypeError(f"{text!r} has a {character!r} that closes nothing")
        if character == "," and not (quote or open_brackets):
            parts.append("")
        else:
            parts[-1] += character
    if quote or open_brackets:
        raise argparse.ArgumentTypeError(f"{text!r} lacks a {quote or open_brackets[-1]!r}")
    return parts


def literal(text):
    """Return the value of a Python literal; infinity and NaN are numbers, and what is no literal is text."""
    if text.lower().lstrip("+-") in ("inf", "nan"):
        return float(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # the latter two by nested brackets
        return text


def own_options(args):
    """Return the options of the command that runs, by the names of their values; those of other arguments are ""."""
    return args.option_names[args.command.__name__.rpartition(".")[-1]]


def extraction_options(args):
    """Return what is about this run, not about its result, as parameters of the extractor."""
    options = {"n_jobs": args.n_jobs, "device": args.device, "on_error": args.on_error}
    return {**options, "weights_dir": args.weights_dir, "verbose": shows_progress(args)}


def shows_progress(args):
    """Return `verbose` of the estimators: progress is shown, or goes to the log file."""
    return int(not args.quiet or args.log_file is not None)
