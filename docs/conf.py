"""The site's settings: ``sphinx-build -W docs docs/_build/html`` builds it, without a network."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))
os.environ["COLUMNS"] = "74"  # how wide the command line's help is, in whatever terminal this runs

from ave_sklearn import __version__  # noqa: E402

project = "ave_sklearn"
author = "The ave_sklearn developers"
release = version = __version__

extensions = [
    "docstrings",
    "mathml",
    "myst_parser",
    "numpydoc",
    "session",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxarg.ext",
]
exclude_patterns = ["_build", "sg_execution_times.rst", "gallery/sg_execution_times.rst"]
suppress_warnings = ["myst.domains"]  # the domain of sphinx-argparse does not answer MyST
templates_path = ["_templates"]
default_role = "literal"  # `tau` in docstrings is code
smartquotes = False  # default="xavier" stays as it is
highlight_language = "text"  # of blocks without one: commands and what they print
nitpicky = True  # a name that leads nowhere is a warning, and a warning is an error

# ------------------------------------------------- pages in Markdown
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3  # as on a forge: [text](page.md#a-heading)

# ------------------------------------------------- names of the package
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's tables have the types
autosummary_ignore_module_all = False
numpydoc_show_class_members = False  # the template of a class lists them
nitpick_ignore_regex = [("py:.*", r"(collections|dask|joblib|numpy|pandas|sklearn|skorch|torch)\..*")]  # other sites

# ------------------------------------------------- gallery
sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/\d\d_",  # numbered examples are run; other files there are scripts
    "ignore_pattern": r"^(?!\d\d_)",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
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
}
html_sidebars = {"index": [], "install": [], "command_line": []}
html_context = {"default_mode": "auto"}
