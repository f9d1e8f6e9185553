"""Names, labels, titles and notes that try to run: nothing of them does, and they are shown harmlessly."""

import json

import pytest
from playwright.sync_api import expect
from report_contents import HOSTILE, make_report_content

from ave_sklearn.inspection.report._page import shown
from browser.driving import choose, read_rows, row
from browser.reports import write_page

N_VIDEOS = len(HOSTILE)
ELSEWHERE = (
    "javascript:globalThis.broken=1",
    "http://127.0.0.2:9/x.mp4",
    "//127.0.0.2:9/x.mp4",
    "data:text/html,x",
)


@pytest.fixture(scope="module")
def content():
    return make_report_content(N_VIDEOS, hostile=True)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("hostile") / "report.html", content)


def assert_nothing_ran(page, content):
    """Check the flag, and that the page has no other elements than a report has."""
    assert page.evaluate("typeof globalThis.broken") == "undefined"
    assert page.locator("script").count() == 2
    assert page.locator("style").count() == 1
    assert page.locator("[onerror], [onmouseover], [onclick], img[src=x], iframe, object, embed").count() == 0
    assert page.locator('[href^="javascript:"], [src^="javascript:"]').count() == 0


def test_nothing_of_a_hostile_content_runs(report, content, visit):
    page = visit(report)
    assert read_rows(page) == list(range(N_VIDEOS))
    for i in range(N_VIDEOS):
        choose(page, i)
        page.locator("#detail-name").hover()
        page.locator("#timeline").press("ArrowRight")
        if page.locator("#map-va").is_visible():
            page.locator("#map-va").hover()
        page.locator("#marker").wait_for()
    for select in ("#filter-class", "#filter-where", "#filter-disagreement", "#sort"):
        for i in range(page.locator(f"{select} option").count()):
            page.locator(select).select_option(index=i)
    page.locator("#confusion").hover()
    assert_nothing_ran(page, content)


def test_a_hostile_name_is_shown_as_text(report, content, visit):
    page = visit(report)
    for i, video in enumerate(content["videos"]):
        name = shown(video["name"])
        choose(page, i)
        text = page.locator("#detail-name").text_content()
        assert text == name if len(name) < 300 else text[:200] == name[:200]
        assert row(page, i).text_content().count(name[:40])
    text = page.evaluate("document.body.innerText + document.title")
    assert not set(text) & set("\u202e\u2066\u200b\x00\x1b\u2028\u2029\ufffd")


def test_no_name_moves_what_stands_beside_it(report, visit):
    page = visit(report)
    heights = page.locator("#rows [data-video]").evaluate_all("(rows) => rows.map((row) => row.offsetHeight)")
    assert len(set(heights)) == 1
    box = page.locator("#rows").bounding_box()
    for i in range(3):
        place = row(page, i).bounding_box()
        assert place["x"] >= box["x"] - 1 and place["x"] + place["width"] <= box["x"] + box["width"] + 1


def test_the_page_holds_the_content_unchanged(report, content, visit):
    assert json.loads(visit(report).locator("#content").text_content()) == content


def test_a_hostile_name_is_found_by_its_address_and_by_search(report, content, visit):
    page = visit(report)
    for i in (0, 9, 12):
        choose(page, i)
        again = visit(page.evaluate("location.href"))
        expect(again.locator("#detail")).to_have_attribute("data-video", str(i))
    page.locator("#search").fill("</SCRIPT><script>")
    expect(page.locator("#rows [data-video]")).to_have_count(1)
    assert_nothing_ran(page, content)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_media_from_elsewhere_are_not_asked_for(url, tmp_path, visit, watch):
    content = make_report_content(2, media=url)
    page = visit(write_page(tmp_path / "report.html", content))
    watch.allow("Content Security Policy")  # a page that asks is stopped by it
    choose(page, 1)
    expect(page.locator("#media-note")).to_be_visible()
    assert_nothing_ran(page, content)


def test_words_of_the_language_are_names_like_others(tmp_path, visit):
    words = ["__proto__", "constructor", "hasOwnProperty", "toString", "null", "undefined", "NaN"]
    content = make_report_content(len(words), n_classes=len(words) + 1)
    content["labels"][: len(words)] = words
    for video, name in zip(content["videos"], words, strict=True):
        video["name"] = name
    page = visit(write_page(tmp_path / "report.html", content))
    for i, name in enumerate(words):
        choose(page, i)
        expect(page.locator("#detail-name")).to_have_text(name)
        page.locator("#filter-class").select_option(label=name)
        page.locator("#filter-class").select_option(index=0)
