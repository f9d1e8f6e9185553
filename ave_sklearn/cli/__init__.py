# PYTHON_ARGCOMPLETE_OK
"""The command line ``ave-sklearn``."""

from ave_sklearn.cli.commands import main, run

__all__ = ["main", "run"]
