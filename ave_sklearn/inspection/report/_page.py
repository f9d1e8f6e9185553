"""The page of a report: its content, style and script in one text that needs no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from typing import TYPE_CHECKING

from ave_sklearn.inspection.report._extra import import_jinja2

if TYPE_CHECKING:
    from typing import Any

# One concern each, in the order in which they are joined. What a file does at once may use the files before it alone;
# its functions may use all, for main.js is the first to call them.
SCRIPTS = (
    "dom.js",
    "data.js",
    "bars.js",
    "summary.js",
    "list.js",
    "timeline.js",
    "probabilities.js",
    "maps.js",
    "attention.js",
    "film.js",
    "player.js",
    "detail.js",
    "main.js",
)
# Characters that are not seen or that turn the order of others: controls, marks of direction, halves of pairs.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def render_page(content: dict[str, Any]) -> str:
    """Return the page of a report as a text of HTML.

    The page loads nothing: its Content-Security-Policy allows its own script and style, by their hashes, pictures
    within the page, and media beside it.

    Parameters
    ----------
    content : dict
        What ``make_content`` makes.

    Returns
    -------
    page : str

    Raises
    ------
    ImportError
        If jinja2 is not installed.
    ValueError
        If the content holds a number that is not finite.
    """
    jinja2 = import_jinja2()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    style, script = _read("page.css"), _join_scripts()
    page: str = environment.from_string(_read("page.html.jinja")).render(
        content=content,
        policy=make_policy(script, style),
        raw={"style": style, "script": script, "data": escape_json(content)},
    )
    return page


def make_policy(script: str, style: str) -> str:
    """Return the Content-Security-Policy that allows this script and this style alone."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "media-src 'self' file:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def escape_json(content: dict[str, Any]) -> str:
    r"""Return JSON that may stand in a script element: no tag, entity or end of line of JavaScript is in it.

    Examples
    --------
    >>> from ave_sklearn.inspection.report._page import escape_json
    >>> print(escape_json({"name": "</script>"}))
    {"name":"\u003c/script\u003e"}
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))  # ASCII alone, halves of pairs too
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def shown(text: object) -> str:
    r"""Return a text in which characters that are not seen are written as their numbers.

    Examples
    --------
    >>> from ave_sklearn.inspection.report._page import shown
    >>> shown("a\u202eb\n")
    'a⟨U+202E⟩b⟨U+000A⟩'
    """
    return UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", str(text))


def _hash(text: str) -> str:
    """Return the hash of an element's text as a policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _join_scripts() -> str:
    """Return the script, in one function of its own so that it leaves no names behind."""
    parts = "\n".join(_read(name) for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}}})();\n'


def _read(name: str) -> str:
    """Return the text of a file of the page."""
    folder = resources.files("ave_sklearn.inspection.report") / "page"
    return (folder / name).read_text(encoding="utf-8")
