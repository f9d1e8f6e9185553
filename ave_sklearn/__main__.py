"""``python -m ave_sklearn`` is the command line ``ave-sklearn``."""

from ave_sklearn.cli import run

if __name__ == "__main__":
    run()
