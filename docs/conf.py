"""The site's settings: ``sphinx-build -W docs docs/_build/html`` builds it, without a network."""

import re
import sys
from collections import namedtuple
from inspect import ismodule, unwrap
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))

from sphinx.ext import autosummary  # noqa: E402
from sphinx.pycode import ModuleAnalyzer  # noqa: E402

import ave_sklearn  # noqa: E402

project = "ave_sklearn"
author = "The ave_sklearn developers"
release = version = ave_sklearn.__version__

extensions = [
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxarg.ext",
]
exclude_patterns = ["_build", "**/sg_execution_times.rst"]
suppress_warnings = ["myst.domains"]  # the domain of sphinx-argparse does not answer MyST
templates_path = ["_templates"]
nitpicky = True  # a name that leads nowhere is a warning, and a warning is an error

# ------------------------------------------------- pages in Markdown
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3  # as on a forge: [text](page.md#a-heading)

# ------------------------------------------------- names of the package
toc_object_entries_show_parents = "hide"
autosummary.WELL_KNOWN_ABBREVIATIONS += ("Eq.", "Fig.", "Sec.")  # no sentence ends there
autodoc_typehints = "none"  # numpydoc's tables have the types
autosummary_generate = True
autosummary_ignore_module_all = False
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_class_members_toctree = False
nitpick_ignore_regex = [("py:.*", r"(collections|dask|joblib|numpy|pandas|sklearn|skorch|torch)\..*")]  # other sites


FIELD = type(namedtuple("Field", "x").x)  # "Alias for field number 0"; the parameters say what it is


def skip_members_of_others(app, kind, name, thing, skip, options):
    """Leave out what a class inherits from another library, as the hundred methods of a torch module."""
    function = unwrap(getattr(thing, "fget", thing) or thing) if callable(thing) or hasattr(thing, "fget") else thing
    home = getattr(function, "__module__", None)
    foreign = home is not None and not home.startswith("ave_sklearn")
    return True if foreign or isinstance(thing, FIELD) or vars(tuple).get(name, app) is thing else None


def find_docstring(app, what, name, thing, options, lines):
    """Give a constant what is written below its assignment, in whichever module of the package that is."""
    if what != "data":
        return
    modules = [module for module in sorted(sys.modules) if module.split(".")[0] == "ave_sklearn"]
    texts = [ModuleAnalyzer.for_module(module).find_attr_docs() for module in modules]
    key = "", name.rpartition(".")[2]
    lines[:] = next((text[key] for text in texts if key in text), lines)


def keep_initials(app, what, name, thing, options, lines):
    """Keep the initial that a reference begins with: "Y. Tian" would be number 25 of a list."""
    lines[:] = [re.sub(r"^(\.\. \[[^]]+\] )(?=[A-Z]\. )", r"\1\\", line) for line in lines]


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


# ------------------------------------------------- gallery
sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/\d\d_",  # numbered examples are run; other files there are scripts
    "ignore_pattern": r"^(?!\d\d_)",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "min_reported_time": 0,
    "abort_on_example_error": False,
    "only_warn_on_example_error": False,
    "reference_url": {"ave_sklearn": None},
    "doc_module": ("ave_sklearn",),
    "backreferences_dir": "gallery/backreferences",
    "inspect_global_variables": False,
}
copybutton_exclude = ".linenos, .gp, .go"  # the code of a session alone is copied

# ------------------------------------------------- looks
html_theme = "pydata_sphinx_theme"
html_title = "ave_sklearn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "install": []}
html_context = {"default_mode": "auto"}


def setup(app):
    """Connect what Sphinx asks while it reads docstrings."""
    app.connect("autodoc-skip-member", skip_members_of_others)
    app.connect("autodoc-process-docstring", find_docstring, priority=400)  # in front of numpydoc
    app.connect("autodoc-process-docstring", keep_initials, priority=600)  # behind it
    app.connect("autodoc-process-docstring", link_names, priority=600)
