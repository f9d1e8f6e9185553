"""What reaches the terminal: lines, warnings and errors, with what a terminal would act upon escaped."""

import sys
import traceback


def show_warning(message, category, filename, lineno, file=None, line=None):
    """Show a warning without the place in the code; stands in for `warnings.showwarning`."""
    say("warning", message)


def say(kind, message):
    """Write one line to standard error; a message that lists something has a line for each."""
    text = str(message).strip()
    if ":\n" in text:
        text = text.replace(":\n", ": ").replace("\n", "; ")
    show(f"ave-sklearn: {kind}: {text}", file=sys.stderr)


def show_traceback(kind, error, trace):
    """Show where in the code an error came from; stands in for `sys.excepthook`."""
    show(*"".join(traceback.format_exception(error)).rstrip().split("\n"), file=sys.stderr)


def show(*lines, file=None):
    """Print lines: names and labels may hold what a terminal would act upon, or characters that it lacks."""
    file = sys.stdout if file is None else file
    for line in lines:
        encoding = getattr(file, "encoding", None) or "utf-8"
        print(printable(line).encode(encoding, "backslashreplace").decode(encoding), file=file)


def printable(text):
    """Escape what a terminal would act upon; the module behind it is imported when there is something to show."""
    from ave_sklearn import _checks

    return _checks.printable(text)


def message_of(error):
    """Return what an error says, of the system's errors without their numbers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__
