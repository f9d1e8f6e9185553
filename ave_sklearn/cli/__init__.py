# PYTHON_ARGCOMPLETE_OK
"""The command line ``ave-sklearn``.

Examples
--------
>>> from ave_sklearn.cli import main
>>> try:
...     main(["--help"])
... except SystemExit as end:
...     print(end.code)  # doctest: +ELLIPSIS
usage: ave-sklearn ...
0
"""

from ave_sklearn.cli.commands import main, run

__all__ = ["main", "run"]
