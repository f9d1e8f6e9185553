"""Equations of the site: those of several lines become a system that is lined up, as LaTeX would draw it."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

nodes = pytest.importorskip("docutils.nodes")
latex2mathml = pytest.importorskip("latex2mathml.converter")
MATHML = Path(__file__).parents[2] / "docs" / "_ext" / "mathml.py"


def write_block(latex):
    """Return the HTML of an equation of its own."""
    spec = importlib.util.spec_from_file_location("mathml", MATHML)
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    page = SimpleNamespace(body=[])
    with pytest.raises(nodes.SkipNode):
        module.write_block(page, nodes.math_block(latex, latex))
    return "".join(page.body)


def test_lines_of_an_equation_are_lined_up():
    html = write_block(r"a &= b, \\ c &= d")
    assert html.count("<mtr>") == 2
    assert "&<" not in html


@pytest.mark.parametrize("latex", [r"a = b", r"f = \begin{cases} 0 \\ 1 \end{cases}"])
def test_other_equations_stay_as_they_are(latex):
    assert latex2mathml.convert(latex, display="block") in write_block(latex)
