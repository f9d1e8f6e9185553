"""The text files that come with the datasets."""

from importlib import resources


def read_text(name):
    """Read a text file of the folder `data`."""
    return (resources.files(__package__) / "data" / name).read_text(encoding="utf-8")
