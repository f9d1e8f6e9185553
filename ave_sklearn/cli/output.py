"""Rows of predicted events, as the command line shows and writes them."""

import io
import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

from ave_sklearn._checks import printable
from ave_sklearn._files import check_parent, naming_file
from ave_sklearn.cli.arguments import own_options
from ave_sklearn.cli.rescue import rescued, rescuing
from ave_sklearn.cli.terminal import show
from ave_sklearn.cli.work_folder import SEARCH
from ave_sklearn.datasets import write_events
from ave_sklearn.datasets._event_files import check_target, means_folder, refuse_several
from ave_sklearn.extraction._folders import FILES

INPUTS = ("annotations", "validation", "model", "from_file", "videos")  # arguments that are files
STANDARD = (None, "-")  # what stands for standard output


def check_output_file(file):
    """Refuse a path that cannot be written to, before the work whose result goes there."""
    if check_parent(file).is_dir():
        raise IsADirectoryError(f"{file} is a folder; the name of a file is wanted.")
    with naming_file(file), NamedTemporaryFile(dir=Path(file).parent, prefix=f".{Path(file).name}."):
        pass


def check_no_input(args):
    """Refuse an output file that the command reads, or that belongs to a folder of its own: it would be lost."""
    if args.output in STANDARD or not os.path.isfile(args.output):
        return
    names = own_options(args)
    for name, path in _read_files(args):
        if os.path.isfile(path) and os.path.samefile(path, args.output):
            raise ValueError(f"-o {args.output}: {names[name] or name.upper()} has that file; name another one.")


def _read_files(args):
    """Yield the files that a command reads, and the names of their arguments."""
    for name in INPUTS:
        value = getattr(args, name, None) or []
        yield from ((name, path) for path in ([value] if isinstance(value, str) else value))
    for folder in getattr(args, "features", None) or []:
        yield from (("features", os.path.join(folder, file)) for file in FILES)
    if getattr(args, "work", None):
        yield "work", os.path.join(args.work, SEARCH)


def check_output(output, format, videos):
    """Refuse an output that cannot hold the events of videos, or be written, before the work whose result goes there.

    Parameters
    ----------
    output : str or None
        Name of a file or folder; "-" and None are standard output.
    format : str
        "table" or one of `write_events`.
    videos : list of str
        Their names.
    """
    if output in STANDARD:
        if format != "table":
            refuse_several(videos, format, "standard output")
    elif not check_target(output, "csv" if format == "table" else format, videos):
        check_output_file(output)
    else:
        check_output_file(os.path.join(output, "events") if os.path.isdir(output) else output.rstrip("/" + os.sep))


def write_rows(rows, output, format):
    """Write rows of events as `check_output` has them; those of a file or folder all or none.

    What cannot be written at the end is saved elsewhere, as CSV if it is no single file; see `rescuing`.
    """
    if output in STANDARD:
        with rescuing("standard output", ".csv", lambda path: _write_file(rows, path, "csv")):
            _print_rows(rows, format)
    elif means_folder(output):
        with rescuing(output, ".csv", lambda path: _write_file(rows, path, "csv")):
            write_events(rows, output, format=format)
    else:
        rescued(output, lambda path: _write_file(rows, path, format))


def _write_file(rows, file, format):
    """Write rows into a file."""
    if format == "table":
        file.write_text(format_rows(rows) + "\n", encoding="utf-8")
    else:
        write_events(rows, file, format=format)


def _print_rows(rows, format):
    """Print rows: on a terminal what it would act upon is escaped, elsewhere the bytes are those of a file."""
    if format == "table" or sys.stdout.isatty():
        text = format_rows(rows) if format == "table" else _as_text(rows, format)
        show(*text.removesuffix("\n").split("\n"))
    elif hasattr(sys.stdout, "buffer"):
        sys.stdout.flush()
        sys.stdout.buffer.write(_as_text(rows, format).encode())
        sys.stdout.buffer.flush()
    else:  # one that Python code put there
        sys.stdout.write(_as_text(rows, format))


def _as_text(rows, format):
    """Return rows as `write_events` writes them."""
    text = io.StringIO()
    write_events(rows, text, format=format)
    return text.getvalue()


def format_rows(rows):
    """Return rows of events as an aligned table, a line each below a line of titles."""
    has_event = rows["event_label"].notna()
    cells = {
        "filename": rows["filename"].map(printable),
        "onset": rows["onset"].map(_seconds).where(has_event, "-"),
        "offset": rows["offset"].map(_seconds).where(has_event, "-"),
        "event_label": rows["event_label"].map(str).map(printable).where(has_event, "(none)"),
        "score": rows["score"].map("{:.3f}".format).where(has_event, "-"),
    }
    columns = [[title, *column] for title, column in cells.items()]
    columns = [_align(column, right=column[0] in ("onset", "offset", "score")) for column in columns]
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def _seconds(time):
    """Write a time with the decimals that it has, up to six."""
    return f"{time:.6f}".rstrip("0").rstrip(".")


def format_report(report):
    """Return a DataFrame of scores, whose index are labels, as text."""
    labels = [printable(str(label)) for label in report.index]
    return report.round(3).set_axis(labels).to_string()


def _align(column, right):
    """Fill the cells of a column up to the width of the widest."""
    width = max(map(len, column))
    return [cell.rjust(width) if right else cell.ljust(width) for cell in column]
