"""The command line ``ave-sklearn``: features from videos, a model from annotations, events from a model."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from typing import TYPE_CHECKING

from ave_sklearn._version import __version__
from ave_sklearn.cli import extract, fit, merge, predict, score, search
from ave_sklearn.cli.terminal import message_of, printable, say, show_traceback, show_warning

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

INTERRUPTED = 130
DESCRIPTION = "Find out which seconds of a video hold an event that is both seen and heard, and which event it is."
COMMANDS = (extract, merge, fit, search, predict, score)  # in the order of the help


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
        warnings.showwarning = show_warning
        try:
            args.command.run(args)
            sys.stdout.flush()
        except KeyboardInterrupt:
            return INTERRUPTED
        except BrokenPipeError:  # who read the output has seen enough, as in "| head"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except (ValueError, OSError, ImportError, MemoryError) as error:
            if args.traceback:
                raise
            say("error", message_of(error))
            return 1
    return 0


def run() -> NoReturn:
    """Run the command line as a program of its own.

    A request to terminate is taken as Ctrl-C, so that temporary files are removed. The process then ends at once:
    threads that are still at work on a video would let the interpreter abort.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.excepthook = show_traceback
    status = main()
    if status == INTERRUPTED:
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


class _Parser(argparse.ArgumentParser):
    """Parser whose errors may quote any argument."""

    def error(self, message):
        super().error(printable(message))


def build_parser():
    """Return the parser of all arguments; each sub-command sets ``command`` to its module."""
    parser = _Parser(prog="ave-sklearn", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error came from")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        name = module.__name__.rpartition(".")[-1]
        command = subparsers.add_parser(
            name, help=module.HELP, description=f"{module.HELP[0].upper()}{module.HELP[1:]}."
        )
        command.set_defaults(command=module)
        command.add_argument("--quiet", action="store_true", help="no progress bar, no notes; warnings are shown")
        module.add_arguments(command)
    return parser
