"""The page of a report without a browser: what may run in it, what it loads, what its data can do, and its size."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib import resources

import numpy as np
import pytest
from report_contents import HOSTILE, make_report_content

from ave_sklearn.inspection._style import CLASS_COLORS, LEAST_CONTRAST, contrast
from ave_sklearn.inspection.report import _page
from ave_sklearn.inspection.report._page import escape_json, render_page, shown

FOLDER = resources.files("ave_sklearn.inspection.report") / "page"
IDS = {
    "search", "filter-class", "filter-where", "filter-disagreement", "filter-confidence", "sort", "count", "rows",
    "detail", "detail-name", "timeline", "marker", "zoom-in", "zoom-out", "zoom-all", "player", "media-note",
    "probabilities", "map-va", "map-av", "map-text", "attention", "scores", "confusion", "worst", "notes", "back",
}  # fmt: skip


class Elements(HTMLParser):
    """Reads a page: its elements with attributes, and the text in scripts, styles and the rest."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self._open = [], {}, []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append("data" if dict(attrs).get("id") == "content" else tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() not in (tag, "data"):
            pass

    def handle_data(self, data):
        kind = self._open[-1] if self._open and self._open[-1] in ("script", "style", "data", "title") else "shown"
        self.texts[kind] = self.texts.get(kind, "") + data

    @property
    def ids(self):
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def policy(self):
        (policy,) = (a["content"] for _, a in self.elements if a.get("http-equiv") == "Content-Security-Policy")
        return dict(part.split(" ", 1) for part in policy.split("; "))


def read_style():
    """Return the colours of the style sheet, light and dark."""
    blocks = re.findall(r":root \{(.*?)\}", (FOLDER / "page.css").read_text(encoding="utf-8"), re.DOTALL)
    colors = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks[:2]]
    return {"light": colors[0], "dark": colors[1]}


# ------------------------------------------------------------------ policy
@pytest.mark.parametrize("hostile", [False, True])
def test_the_policy_allows_the_script_and_the_style_that_are_there_and_no_others(hostile):
    page = Elements(render_page(make_report_content(3, hostile=hostile)))
    for kind, directive in [("script", "script-src"), ("style", "style-src")]:
        digest = base64.b64encode(hashlib.sha256(page.texts[kind].encode()).digest()).decode()
        assert page.policy[directive] == f"'sha256-{digest}'"
    assert page.policy["default-src"] == "'none'"
    assert page.policy["img-src"] == "data:"
    assert page.policy["media-src"] == "'self' file:"
    assert page.policy["base-uri"] == page.policy["form-action"] == "'none'"


def test_the_policy_comes_before_what_it_governs():
    tags = [
        tag if "http-equiv" not in a else "policy" for tag, a in Elements(render_page(make_report_content(1))).elements
    ]
    assert tags.index("policy") < min(tags.index("style"), tags.index("script"))


@pytest.mark.parametrize("hostile", [False, True])
def test_no_element_has_a_style_or_a_handler_or_an_address_to_load_from(hostile):
    for tag, attributes in Elements(render_page(make_report_content(3, hostile=hostile))).elements:
        for name in attributes:
            assert name != "style" and not name.startswith("on"), (tag, name)
            assert name not in ("src", "href", "srcset", "action", "formaction", "poster", "background"), (tag, name)


def test_style_and_script_load_nothing_and_make_no_code_of_texts():
    page = Elements(render_page(make_report_content(1)))
    assert not re.search(r"url\(|@import|https?:", page.texts["style"])
    never = (
        r"https?:|\bfetch\b|XMLHttpRequest|WebSocket|EventSource|sendBeacon|\bimport\b|\beval\b|\bFunction\(|innerHTML"
    )
    assert not re.search(never + r"|outerHTML|insertAdjacentHTML|document\.write|localStorage", page.texts["script"])


# ------------------------------------------------------------------ hostile
def test_hostile_texts_add_no_element():
    plain, hostile = make_report_content(17, 10, 20), make_report_content(17, 10, 20, hostile=True)
    plain["notes"] = ["a note"] * len(HOSTILE)
    tags = [[(tag, sorted(a)) for tag, a in Elements(render_page(content)).elements] for content in (plain, hostile)]
    assert tags[0] == tags[1]


def test_hostile_texts_reach_the_page_as_they_are():
    content = make_report_content(17, 10, 20, hostile=True)
    assert json.loads(Elements(render_page(content)).texts["data"]) == content


def test_hostile_title_and_notes_are_shown_as_texts():
    page = Elements(render_page(make_report_content(1, hostile=True)))
    assert page.texts["title"] == HOSTILE[0]
    for text in HOSTILE:
        assert shown(text)[:500] in page.texts["shown"]


def test_a_page_can_be_written_as_utf_8_whatever_its_names_hold():
    content = make_report_content(1)
    content["title"] = content["videos"][0]["name"] = "a\udcff\x00b"
    content["notes"] = ["\ud800"]
    assert "⟨U+DCFF⟩⟨U+0000⟩b" in render_page(content).encode("utf-8").decode("utf-8")


@pytest.mark.parametrize("text", [*HOSTILE, "\u2028\u2029", "<!--", "&lt;"])
def test_json_in_the_page_holds_no_sign_of_html_and_is_read_back(text):
    escaped = escape_json({"a": text})
    assert not re.search("[<>&\u2028\u2029]", escaped)
    assert json.loads(escaped) == {"a": text}


def test_numbers_that_json_does_not_have_are_refused():
    content = make_report_content(1)
    content["videos"][0]["confidence"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        render_page(content)


def test_script_and_python_agree_which_characters_are_not_seen():
    script = (FOLDER / "dom.js").read_text(encoding="utf-8")
    in_script = re.compile(re.search(r"UNSEEN = /(\[.*?\])\|\\p\{Cs\}/", script)[1])
    for number in range(0x10000):
        character = chr(number)
        expected = bool(in_script.fullmatch(character)) or 0xD800 <= number <= 0xDFFF
        assert bool(_page.UNSEEN.fullmatch(character)) == expected, hex(number)
    assert shown("‮") == "⟨U+202E⟩" and shown("é שלום") == "é שלום"


# ------------------------------------------------------------------ parts
def test_each_file_of_the_script_is_joined_once():
    files = sorted(path.name for path in FOLDER.iterdir() if path.name.endswith(".js"))
    assert sorted(_page.SCRIPTS) == files and len(set(_page.SCRIPTS)) == len(files)
    script = Elements(render_page(make_report_content(1))).texts["script"]
    for name in files:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert text in script and "</script" not in text and len(text.splitlines()) <= 350


def test_the_parts_that_others_build_on_are_there_once():
    ids = Elements(render_page(make_report_content(5))).ids
    assert set(ids) >= IDS
    assert len(ids) == len(set(ids))


def test_without_truth_no_part_speaks_of_it():
    page = Elements(render_page(make_report_content(3, truth=False)))
    assert not {"scores", "confusion", "worst", "filter-where", "filter-disagreement"} & set(page.ids)
    assert "No true labels were given" in page.texts["shown"]
    assert "--annotations" in page.texts["shown"]  # what to do about it
    assert "No true labels were given" not in Elements(render_page(make_report_content(3))).texts["shown"]


def test_each_field_has_a_name():
    page = render_page(make_report_content(3))
    for tag, attributes in Elements(page).elements:
        if tag in ("input", "select"):
            assert re.search(rf'<label[^>]*>(?:(?!</label>).)*id="{attributes["id"]}"', page, re.DOTALL), attributes


def test_a_thousand_videos_with_pictures_of_twenty_are_under_twenty_megabytes():
    content = make_report_content(1000, pictures=20)
    size = len(render_page(content).encode())
    assert size < 20e6
    assert (
        len(content["videos"][0]["clips"]) == 1
        and sum(video["thumbs"] is not None for video in content["videos"]) == 20
    )


def test_a_clip_that_begins_late_takes_no_room():
    content = make_report_content(1)
    late = make_report_content(1)
    late["videos"][0]["stretches"][0]["first"] = late["videos"][0]["clips"][0]["first"] = 10**9
    late["videos"][0]["seconds"] = 1e9 + 10
    assert len(render_page(late)) < len(render_page(content)) + 100


# ------------------------------------------------------------------ colours
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_and_graphics_stand_out_from_what_they_are_on(scheme):
    colors = read_style()[scheme]
    for ground in ("page", "surface", "chosen", "hover"):
        for text in ("ink", "quiet", "accent"):
            assert contrast(colors[text], colors[ground]) >= LEAST_CONTRAST, (text, ground)
    assert contrast(colors["ink"], colors["empty"]) >= LEAST_CONTRAST  # labels beside their bars
    for text in ("accent", "below"):  # tags of linked segments
        assert contrast(colors["surface"], colors[text]) >= LEAST_CONTRAST, text
    for line in ("edge", "grid", "mark", "field", "map", "below", "warn"):
        assert contrast(colors[line], colors["surface"]) >= 3, line


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_the_deepest_cells_of_the_confusion_can_be_read(scheme):
    colors = read_style()[scheme]
    shares = re.findall(r"--deepest: (\d+)%", (FOLDER / "page.css").read_text(encoding="utf-8"))
    share = int(shares[scheme == "dark"]) / 100
    for name in ("map", "below"):
        deep, ground = (np.array([int(colors[key][i : i + 2], 16) for i in (1, 3, 5)]) for key in (name, "surface"))
        mixed = share * deep + (1 - share) * ground
        assert contrast(tuple(mixed / 255), colors["ink"]) >= LEAST_CONTRAST, name


def test_classes_have_the_colours_of_the_displays():
    found = re.search(r"const HUES = \[(.*?)\];", (FOLDER / "bars.js").read_text(encoding="utf-8"))[1]
    assert tuple(re.findall(r'"(#\w+)"', found)) == CLASS_COLORS
