"""Docstrings on their way to the reference: which members are shown, and what numpydoc and Sphinx leave to us."""

import re
import sys
from collections import namedtuple
from functools import cache
from inspect import ismodule, unwrap

from sphinx.ext import autosummary
from sphinx.pycode import ModuleAnalyzer

import ave_sklearn

FIELD = type(namedtuple("Field", "x").x)  # "Alias for field number 0"; the parameters say what it is


def skip_members_of_others(app, kind, name, thing, skip, options):
    """Leave out what a class inherits from another library, as the hundred methods of a torch module."""
    function = unwrap(getattr(thing, "fget", thing) or thing) if callable(thing) or hasattr(thing, "fget") else thing
    home = getattr(function, "__module__", None)
    foreign = home is not None and not home.startswith("ave_sklearn")
    return True if foreign or isinstance(thing, FIELD) or vars(tuple).get(name, app) is thing else None


def find_docstring(app, what, name, thing, options, lines):
    """Give a constant its docstring."""
    if what == "data":
        lines[:] = written_below(name.rpartition(".")[2]) or lines


def written_below(name):
    """Return the lines below the assignment of a constant, in whichever module of the package it is."""
    modules = [module for module in sorted(sys.modules) if module.split(".")[0] == "ave_sklearn"]
    texts = (ModuleAnalyzer.for_module(module).find_attr_docs() for module in modules)
    return next((text["", name] for text in texts if ("", name) in text), [])


def keep_initials(app, what, name, thing, options, lines):
    """Escape a single letter that a text begins with: "Y. Tian" would be number 25 of a list, and "C." an empty one."""
    lines[:] = [re.sub(r"^(\s*(?:\.\. \[\S+\] )?[A-Za-z])\.(?= |$)", r"\1\\.", line) for line in lines]


@cache
def public_names():
    """Return the full names of what single backticks may name in docstrings, by the short ones."""
    modules = [getattr(ave_sklearn, name) for name in ave_sklearn.__all__ if ismodule(getattr(ave_sklearn, name))]
    full = {name: f"{module.__name__}.{name}" for module in modules for name in module.__all__}
    return full | {name: f"ave_sklearn.{name}" for name in ave_sklearn.__all__ if name in full}


def link_names(app, what, name, thing, options, lines):
    """Lead from a public name within single backticks to its page."""
    full = public_names()
    names = rf"(?<![`:=\w])`({'|'.join(full)})`(?![`_])"
    lines[:] = [re.sub(names, lambda found: f":py:obj:`~{full[found[1]]}`", line) for line in lines]


class Summaries(autosummary.Autosummary):
    """Tables of names, whose summaries leave out "[1]": the work that it stands for is on the page of the name."""

    def get_items(self, names):
        """Return name, signature, summary and full name of each."""
        return [(name, sig, re.sub(r" \[\S+\]_", "", text), full) for name, sig, text, full in super().get_items(names)]


def setup(app):
    """Connect what Sphinx asks while it reads docstrings."""
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("autosummary", Summaries, override=True)
    autosummary.WELL_KNOWN_ABBREVIATIONS += ("Eq.", "Fig.", "Sec.")  # no sentence ends there
    app.connect("autodoc-skip-member", skip_members_of_others)
    app.connect("autodoc-process-docstring", find_docstring, priority=400)  # in front of numpydoc, which has 500
    app.connect("autodoc-process-docstring", keep_initials, priority=600)
    app.connect("autodoc-process-docstring", link_names, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
