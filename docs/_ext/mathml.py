"""Equations as MathML, which browsers draw by themselves: pages need no script and no network for them."""

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def write_inline(translator, node):
    """Write an equation within a line."""
    translator.body.append(convert(node.astext()))
    raise SkipNode


def lined_up(equation):
    """Return LaTeX of several lines, which have `&` where they are lined up, as one system."""
    is_bare = r"\\" in equation and r"\begin" not in equation
    return rf"\begin{{split}}{equation}\end{{split}}" if is_bare else equation


def write_block(translator, node):
    """Write an equation of its own, with its number where it has one."""
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    translator.body.append(f'<div class="math">{number}{convert(lined_up(node.astext()), display="block")}</div>')
    raise SkipNode


def setup(app):
    """Register the renderer by the name that ``html_math_renderer`` takes."""
    app.add_html_math_renderer("mathml", inline_renderers=(write_inline, None), block_renderers=(write_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
