"""``python -m ave_sklearn`` is the command line ``ave-sklearn``."""

import sys

from ave_sklearn.cli import main

if __name__ == "__main__":
    sys.exit(main())
