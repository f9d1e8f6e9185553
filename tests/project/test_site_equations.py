"""Equations of the site, as MathML: lines below each other, and their numbers."""

from types import SimpleNamespace

import pytest
from documents import load_script
from docutils import nodes
from latex2mathml.converter import convert


@pytest.fixture(scope="module")
def write():
    """Return the HTML of an equation of its own."""
    module = load_script("docs/_ext/mathml.py")

    def write_block(latex):
        page = SimpleNamespace(body=[])
        with pytest.raises(nodes.SkipNode):
            module.write_block(page, nodes.math_block(latex, latex))
        return "".join(page.body)

    return write_block


@pytest.mark.parametrize("latex", [r"a &= b, \\ c &= d", r"a &= b, \\ c = d", "a = b,\n\nc = d"])
def test_lines_stand_below_each_other(write, latex):
    html = write(latex)
    assert html.count("<mtr>") == 2
    assert "&" not in html.replace("&#", "")


@pytest.mark.parametrize("latex", ["a = b", r"f = \begin{cases} 0 \\ 1 \end{cases}"])
def test_other_equations_stay_as_they_are(write, latex):
    assert convert(latex, display="block") in write(latex)


def test_a_tag_is_the_number(write):
    assert '<span class="eqno">(7)</span>' in write(r"a = b \tag{7}")
    assert convert("a = b ", display="block") in write(r"a = b \tag{7}")
    assert "eqno" not in write("a = b")
