"""What is said: lines for the terminal and the log file, with what a terminal would act upon escaped."""

import logging
import os
import re
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager, nullcontext, suppress

from ave_sklearn._files import naming_file
from ave_sklearn.cli.arguments import own_options

LEVELS = {
    "detail": logging.DEBUG,  # with --verbose
    "run": logging.INFO,  # for the log file; on the terminal with --verbose
    "note": logging.INFO,
    "hint": logging.WARNING,  # how to go on after an error, with --quiet too
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "traceback": logging.CRITICAL,  # for the log file alone
}
MOST_LINES = 10  # of what a message lists
LOGGER = logging.getLogger("ave_sklearn")


def say(kind, message):
    """Say something on standard error and in the log file.

    Parameters
    ----------
    kind : {"detail", "run", "note", "hint", "warning", "error"}
    message : object
        Its text is one line. A text that lists something, a head that ends with ":" and lines, has a line for each;
        the first ten are said, and all are in the log file.
    """
    LOGGER.log(LEVELS[kind], "%s", message, extra={"kind": kind})


def say_trace(error):
    """Write into the log file where in the code an error came from."""
    say("traceback", "".join(traceback.format_exception(error)))


@contextmanager
def reporting(args):
    """Take what is said, and the warnings of other loggers, to standard error while the block runs.

    Yields
    ------
    open_log : callable
        Opens the file of ``--log-file``, if there is one, and takes everything there too.
    """
    with ExitStack() as stack:
        stack.callback(LOGGER.setLevel, LOGGER.level)
        LOGGER.setLevel(logging.DEBUG if args.verbose else logging.INFO)
        _attach(_Terminal(args.quiet, args.verbose), stack)
        if args.quiet and args.log_file:  # progress is for the file alone
            from ave_sklearn._progress import without_bars

            stack.enter_context(without_bars())
        yield lambda: args.log_file and _attach(_open_log(args), stack)


def _attach(handler, stack):
    root = logging.getLogger()
    root.addHandler(handler)
    stack.callback(handler.close)
    stack.callback(root.removeHandler, handler)


def _open_log(args):
    """Return the handler that writes into the log file; refuse a file that the command reads or writes, or no log."""
    file = os.path.realpath(args.log_file)
    for name, value in vars(args).items():
        paths = [path for path in (value if isinstance(value, list) else [value]) if isinstance(path, str)]
        if name != "log_file" and file in map(os.path.realpath, paths):
            other = own_options(args).get(name) or name.upper()
            raise ValueError(f"--log-file {args.log_file}: that file is also {other}; name another one.")
    try:
        if os.path.isfile(file) and not _is_log(file):
            raise ValueError(f"--log-file {args.log_file}: that file is there and is no log; name another one.")
        return _LogFile(args.log_file, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"--log-file {args.log_file}") from error


@contextmanager
def going_on():
    """Let the work go on where standard error lies on a full disk; who closed a pipe has seen enough."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError:
        pass


def _is_log(file):
    """Tell whether a file is empty or begins with a time, as log files do; nothing is added to others."""
    with open(file, "rb") as stream:
        return re.match(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d |\Z", stream.read(20)) is not None


class _Terminal(logging.Handler):
    """Standard error; a bar that is there is taken away for a moment."""

    def __init__(self, quiet, verbose):
        super().__init__(logging.WARNING if quiet else logging.NOTSET)
        self.verbose = verbose

    def emit(self, record):
        """Show a record, unless it is for the log file alone."""
        kind = getattr(record, "kind", None)
        if kind == "traceback" or (kind == "run" and not self.verbose) or getattr(record, "behind_bar", False):
            return
        lines = [line if line.startswith(" ") else f"ave-sklearn: {line}" for line in _lines(record)]
        tqdm = sys.modules.get("tqdm")
        with tqdm.tqdm.external_write_mode(sys.stderr) if tqdm else nullcontext(), going_on():
            show(*lines, file=sys.stderr)


class _LogFile(logging.FileHandler):
    """The log file; a line begins with date and time."""

    def format(self, record):
        """Return the lines of a record."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        return "\n".join(printable(f"{stamp} {line}") for line in _lines(record, most=None))

    def handleError(self, record):  # noqa: N802
        """Give the file up, on a full disk for example: the work goes on."""
        self.setLevel(logging.CRITICAL + 1)
        say("warning", f"--log-file {message_of(sys.exc_info()[1])}: the log ends there")

    def close(self):
        """Close the file, which may be lost."""
        with suppress(OSError):
            super().close()


def _lines(record, most=MOST_LINES):
    """Return the lines of a record; those of a list are indented, and at most so many."""
    text, kind = record.getMessage().strip(), getattr(record, "kind", None)
    if record.name.partition(".")[0] != LOGGER.name:
        text, kind = f"{record.name}: {text}", record.levelname.lower()
    if kind in ("detail", "run"):  # the parameters of an estimator have line ends
        return [" ".join(text.split())]
    head, *items = text.split("\n") if ":\n" in text else [text]
    items = [item.rstrip() if kind == "traceback" else item.strip() for item in items if item.strip()]
    if most is not None and len(items) > most and kind != "traceback" and not items[most].startswith("... and "):
        items[most:] = [f"... and {len(items) - most} more"]
    return [f"{kind}: {head}" if kind else head, *(f"  {item}" for item in items)]


def show_traceback(kind, error, trace):
    """Show where in the code an error came from; stands in for `sys.excepthook`."""
    show(*"".join(traceback.format_exception(error)).rstrip().split("\n"), file=sys.stderr)


def show(*lines, file=None):
    """Print lines: names and labels may hold what a terminal would act upon, or characters that it lacks."""
    file = sys.stdout if file is None else file
    encoding = getattr(file, "encoding", None) or "utf-8"
    with naming_file("standard error" if file is sys.stderr else "standard output"):
        for line in lines:
            print(printable(line).encode(encoding, "backslashreplace").decode(encoding), file=file)
        file.flush()


def printable(text):
    """Escape what a terminal would act upon; the module behind it is imported when there is something to show."""
    from ave_sklearn import _checks

    return _checks.printable(text)


def message_of(error):
    """Return what an error says, of the system's errors without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
