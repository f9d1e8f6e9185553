"""Equations as MathML, which browsers draw by themselves: pages need no script and no network for them."""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def write_inline(translator, node):
    """Write an equation within a line."""
    translator.body.append(convert(node.astext()))
    raise SkipNode


def in_rows(equation):
    r"""Return an equation whose lines end in ``\\``, or in a blank line, in the environment that puts them in rows."""
    rows = [equation] if r"\begin" in equation else re.split(r"\\\\|\n\s*\n", equation.strip())
    if len(rows) == 1:
        return equation
    return r"\begin{split}" + r"\\".join(row if "&" in row else f"& {row}" for row in rows) + r"\end{split}"


def write_block(translator, node):
    r"""Write an equation of its own, with the number that ``\tag{7}`` gives it, as on a forge."""
    equation, _, tag = node.astext().partition(r"\tag")
    number = f'<span class="eqno">({tag.strip(" {}")})</span>' if tag else ""
    translator.body.append(f'<div class="math">{number}{convert(in_rows(equation), display="block")}</div>')
    raise SkipNode


def setup(app):
    """Register the renderer by the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
