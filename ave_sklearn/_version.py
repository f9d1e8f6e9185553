"""The version of the package."""

__version__ = "0.1.0.dev0"
"""The version of the package, as pip knows it.

Examples
--------
>>> import ave_sklearn
>>> major, minor = map(int, ave_sklearn.__version__.split(".")[:2])
>>> (major, minor) >= (0, 1)
True
"""
