"""Warnings that point at the user's own line, however deep in the package they are found."""

import contextlib
import os
import sys
import warnings

import joblib
import sklearn

# A search or a pipeline stands between the user and a fit: its frames are not the user's either.
LIBRARIES = tuple(os.path.join(os.path.dirname(file), "") for file in (__file__, sklearn.__file__, joblib.__file__))
LIBRARIES += (contextlib.__file__,)  # between a context manager of this package and the line that opens it


def warn_user(message):
    """Warn with a UserWarning of the nearest line outside this package, scikit-learn and joblib.

    Where there is none, as in a worker process, it is the outermost line.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(LIBRARIES):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
