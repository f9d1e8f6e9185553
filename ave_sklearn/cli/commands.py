"""The command line ``ave-sklearn``: features from videos, a model from annotations, events from a model."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
import textwrap
import time
import warnings
from typing import TYPE_CHECKING

from ave_sklearn._version import __version__
from ave_sklearn.cli import extract, fit, merge, predict, report, score, search
from ave_sklearn.cli.completion import complete
from ave_sklearn.cli.terminal import LOGGER, message_of, printable, reporting, say, say_trace, show_traceback
from ave_sklearn.cli.wording import in_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

INTERRUPTED = 130
MOST_SHOWN = 500  # characters of the begin and of the end of a command line
DESCRIPTION = "Find out which seconds of a video hold an event that is both seen and heard, and which event it is."
COMMANDS = (extract, merge, fit, search, predict, score, report)  # in the order of the help


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

    Examples
    --------
    >>> from ave_sklearn.cli import main
    >>> main("score model.joblib --features none --annotations none.csv".split())
    1
    """
    parser = build_parser()
    if "_ARGCOMPLETE" in os.environ:
        complete(parser)
    args = parser.parse_args(argv)
    with reporting(args) as open_log, warnings.catch_warnings():
        warnings.showwarning = lambda message, *place, **more: say("warning", in_options(str(message), args))
        begin = time.monotonic()
        status = _status(args, open_log, sys.argv[1:] if argv is None else argv)
        say("run", f"exit code {status} after {time.monotonic() - begin:.1f} s")
    return status


def _status(args, open_log, argv):
    """Run a command and return its exit code; what goes wrong is said."""
    try:
        open_log()
        say("run", f"ave-sklearn {__version__}: {_shortened(shlex.join(argv))}")
        if args.verbose:
            say("detail", f"in the folder {os.getcwd()}, with {_versions()}")
        args.command.run(args)
    except KeyboardInterrupt:
        LOGGER.error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # who read the output has seen enough, as in "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if args.traceback or not isinstance(error, (ValueError, OSError, ImportError, MemoryError)):
            say_trace(error)
            raise
        say("error", in_options(message_of(error), args))
        return 1
    return 0


def _shortened(line):
    """Return a command line, of thousands of videos its begin and its end."""
    return line if len(line) <= 2 * MOST_SHOWN else f"{line[:MOST_SHOWN]} ... {line[-MOST_SHOWN:]}"


def _versions():
    """Return the versions of Python and of the libraries behind the commands."""
    from importlib.metadata import distributions

    wanted = {"numpy", "scikit-learn", "torch", "skorch", "pandas", "joblib", "av"}
    found = {one.name: one.version for one in distributions() if one.name in wanted}
    return ", ".join([f"Python {sys.version.split()[0]}", *(f"{name} {found[name]}" for name in sorted(found))])


def run() -> NoReturn:
    """Run the command line as a program of its own.

    A request to terminate is taken as Ctrl-C, so that temporary files are removed. The process then ends at once:
    threads that are still at work on a video would let the interpreter abort.

    Examples
    --------
    >>> import subprocess
    >>> import sys
    >>> program = [sys.executable, "-c", "from ave_sklearn.cli import run; run()"]
    >>> text = subprocess.check_output([*program, "--version"], text=True)
    >>> text.split()[0]
    'ave-sklearn'
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed, and is to be nobody else's
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
    sys.excepthook = show_traceback
    status = main()
    if status == INTERRUPTED:
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


class _Parser(argparse.ArgumentParser):
    """Parser whose errors may quote any argument."""

    def error(self, message):
        """Say what is wrong with the arguments, and exit."""
        super().error(printable(message))


def build_parser():
    """Return the parser of all arguments; each sub-command sets ``command`` to its module."""
    parser = _Parser(prog="ave-sklearn", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error came from")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    option_names = {}
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[-1]
        text = f"{module.HELP[0].upper()}{module.HELP[1:]}."
        layout = argparse.RawDescriptionHelpFormatter
        command = subparsers.add_parser(name, help=module.HELP, description=text, formatter_class=layout)
        command.set_defaults(command=module, option_names=option_names)
        _add_reporting(command)
        module.add_arguments(command)
        command.epilog = _epilog(command.epilog, module.EXAMPLE)
        option_names[name] = {
            action.dest: max(action.option_strings, key=len, default="") for action in command._actions
        }
    return parser


def _add_reporting(command):
    """Add what is said, and where."""
    how_much = command.add_mutually_exclusive_group()
    how_much.add_argument("--quiet", action="store_true", help="no progress, no notes; warnings are shown")
    text = "say more: versions, parameters, which files, seconds of each video"
    how_much.add_argument("-v", "--verbose", action="store_true", help=text)
    text = "add what is said to that file too, each line with its time; progress as lines, with --quiet too"
    command.add_argument("--log-file", metavar="FILE", help=text)


def _epilog(text, example):
    """Return what stands below the options: a text, filled up to the terminal's width, and an example."""
    width = shutil.get_terminal_size().columns - 2
    shown = f"example:\n{textwrap.indent(example, '  ')}"
    return f"{textwrap.fill(text, width)}\n\n{shown}" if text else shown
