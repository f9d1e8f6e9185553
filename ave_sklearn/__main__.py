# PYTHON_ARGCOMPLETE_OK
"""The command line ``ave-sklearn``, as ``python -m ave_sklearn``."""

from ave_sklearn.cli import run

if __name__ == "__main__":
    run()
