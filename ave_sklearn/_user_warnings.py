"""Warnings that point at the user's own line, however deep in the package they are found."""

import contextlib
import os
import sys
import warnings
from contextvars import ContextVar

import joblib
import sklearn

# A search or a pipeline stands between the user and a fit: its frames are not the user's either.
LIBRARIES = tuple(os.path.join(os.path.dirname(file), "") for file in (__file__, sklearn.__file__, joblib.__file__))
LIBRARIES += (contextlib.__file__,)  # between a context manager of this package and the line that opens it

_NAMES = ContextVar("names", default={})  # noqa: B039  (never changed in place)
_TOLD = ContextVar("told", default=None)


def warn_user(message):
    """Warn with a UserWarning of the nearest line outside this package, scikit-learn and joblib.

    Where there is none, as in a worker process, it is the outermost line.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(LIBRARIES):
        frame, level = frame.f_back, level + 1
    message, told = rename(message, _NAMES.get()), _TOLD.get()
    if told is not None:
        told.append(message)
    warnings.warn(message, UserWarning, stacklevel=level)


@contextlib.contextmanager
def renaming(names):
    """Let warnings of this thread, while the block runs, say other texts for those that are the keys of a dict."""
    token = _NAMES.set(names)
    try:
        yield
    finally:
        _NAMES.reset(token)


@contextlib.contextmanager
def gathering():
    """Yield a list that gets what this thread is warned of while the block runs, each time, whatever is filtered."""
    told = []
    token = _TOLD.set(told)
    try:
        yield told
    finally:
        _TOLD.reset(token)


def rename(message, names):
    """Return a message with other texts for those that are the keys of a dict."""
    for text, other in names.items():
        message = message.replace(text, other)
    return message
