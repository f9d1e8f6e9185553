"""Results that cannot be written where they were to go: they are saved elsewhere, and the error says where."""

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from ave_sklearn._files import flush, whole_file


def rescued(file, write):
    """Write a result into a file, whole or not at all; if that fails, save it elsewhere.

    Parameters
    ----------
    file : path
        Where the result is wanted.
    write : callable
        Takes the path of a file to write the result into. It is called again where that fails.

    Raises
    ------
    OSError
        If the file cannot be written, on a full disk for example: it says why, and where the result lies instead, in
        the folder for temporary files, the user's home or the current folder.
    """
    with rescuing(file, Path(file).suffix, write), whole_file(file) as temporary:
        write(temporary)


@contextmanager
def rescuing(place, suffix, write):
    """Save a result elsewhere, by `write`, if the block cannot write it; an error says where, as that of `rescued`."""
    try:
        yield
    except BrokenPipeError:  # who read it has seen enough
        raise
    except OSError as error:
        saved = _save_elsewhere(suffix, write)
        where = f"the result is saved as {saved}" if saved else "and there is no other place to save the result"
        reason = (error.strerror or str(error)).removesuffix(", while writing")  # of `whole_file`
        raise OSError(error.errno, f"{reason}, while writing; {where}", os.fspath(place)) from error


def _save_elsewhere(suffix, write):
    """Return the name of a new file with the result, in the first folder that takes it; None if none does."""
    for folder in (tempfile.gettempdir(), os.path.expanduser("~"), os.curdir):
        path = None
        with suppress(OSError):
            descriptor, path = tempfile.mkstemp(suffix, "ave-sklearn-", folder)
            os.close(descriptor)
            write(Path(path))
            flush(path)
            return os.path.abspath(path)
        if path is not None:
            Path(path).unlink(missing_ok=True)
    return None
