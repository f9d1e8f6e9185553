"""Equations of the site: those of several lines."""

from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"


@pytest.mark.parametrize("equation", [r"a &= b, \\ c &= d", r"a &= b, \\ c = d", "a = b,\n\nc = d"])
def test_lines_stand_below_each_other(equation, monkeypatch):
    pytest.importorskip("docutils")
    converter = pytest.importorskip("latex2mathml.converter")
    monkeypatch.syspath_prepend(EXTENSIONS)
    from mathml import in_rows

    drawn = converter.convert(in_rows(equation))
    assert drawn.count("<mtr>") == 2
    assert "&" not in drawn.replace("&#", "")


def test_other_equations_stay_as_they_are(monkeypatch):
    pytest.importorskip("docutils")
    pytest.importorskip("latex2mathml")
    monkeypatch.syspath_prepend(EXTENSIONS)
    from mathml import in_rows

    for equation in "a = b", "\\begin{cases} a \\\\ b \\end{cases}":
        assert in_rows(equation) == equation
