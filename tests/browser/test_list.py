"""Search, filters and orders of the list, compared with what Python reads in the content; and the choice of a video."""

import numpy as np
import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import choose, read_rows, row, selected_hash
from browser.reports import read_videos, write_page

N_VIDEOS, N_CLASSES = 40, 6
NOWHERE = ("#video=nothing-9999", "#video=", "#", "#video=%E0%A4%A", "#video=x--1", "#constructor")


@pytest.fixture(scope="module")
def content():
    """40 videos, whose names are in no order, and some of which are right in all segments."""
    content = make_report_content(N_VIDEOS, n_classes=N_CLASSES, seed=3)
    words = ["bell", "dog", "Church", "train", "violin"]
    for i, place in enumerate(np.random.default_rng(0).permutation(N_VIDEOS)):
        content["videos"][i]["name"] = f"{words[place % 5]} {100 + place}.mp4"
    return content


@pytest.fixture(scope="module")
def videos(content):
    return read_videos(content)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("list") / "report.html", content)


@pytest.fixture
def page(report, visit):
    return visit(report)


def assert_shows(page, chosen, order=None):
    """Check which videos the list has; the filter that was tested must leave some and drop some."""
    assert 0 < len(chosen) < N_VIDEOS
    expect(page.locator("#count")).to_have_text(f"{len(chosen)} of {N_VIDEOS} videos")
    assert read_rows(page) == [video.index for video in chosen]


def set_range(page, value):
    page.locator("#filter-confidence").evaluate(
        "(e, value) => { e.value = value; e.dispatchEvent(new Event('input', {bubbles: true})) }", str(value)
    )


# ------------------------------------------------------------------- filters
@pytest.mark.parametrize("text", ["dog", "CHURCH", "n 1", "mp4"])
def test_search_finds_parts_of_names_in_any_case(page, videos, text):
    page.get_by_role("searchbox", name="Search by name").fill(text)
    found = [video for video in videos if text.lower() in video.name.lower()]
    if len(found) == N_VIDEOS:
        assert read_rows(page) == list(range(N_VIDEOS))
    else:
        assert_shows(page, found)


def test_a_search_that_finds_nothing_says_so(page):
    page.locator("#search").fill("no such video")
    expect(page.locator("#count")).to_have_text(f"0 of {N_VIDEOS} videos")
    expect(page.locator("#rows [data-video]")).to_have_count(0)
    expect(page.locator("#none-found")).to_be_visible()


@pytest.mark.parametrize("where", ["either", "true", "predicted"])
def test_the_filter_by_class_looks_where_it_is_told(page, content, videos, where):
    page.locator("#filter-where").select_option(where)
    for label in range(N_CLASSES - 1):
        page.locator("#filter-class").select_option(label=content["labels"][label])
        assert_shows(page, [video for video in videos if video.has(label, where)])


def test_truth_and_prediction_differ_for_some_class(videos):
    sets = [{v.index for v in videos if v.has(0, where)} for where in ("either", "true", "predicted")]
    assert sets[0] != sets[1] != sets[2] != sets[0]


def test_the_filter_by_disagreement(page, videos):
    wrong = {"some": lambda v: v.wrong, "none": lambda v: not v.wrong, "half": lambda v: v.accuracy <= 0.5}
    for option, keeps in wrong.items():
        page.locator("#filter-disagreement").select_option(option)
        assert_shows(page, [video for video in videos if keeps(video)])
    page.locator("#filter-disagreement").select_option("all")
    expect(page.locator("#count")).to_contain_text(f"{N_VIDEOS}")
    assert len(read_rows(page)) == N_VIDEOS


def test_the_filter_by_confidence(page, videos):
    median = int(100 * np.median([video.confidence for video in videos]))
    set_range(page, median)
    assert_shows(page, [video for video in videos if video.confidence >= median / 100])


def test_filters_hold_together_and_are_taken_back_by_one_button(page, content, videos):
    page.locator("#search").fill("e")
    page.locator("#filter-class").select_option(label=content["labels"][1])
    page.locator("#filter-disagreement").select_option("some")
    assert_shows(page, [v for v in videos if "e" in v.name.lower() and v.has(1) and v.wrong])
    page.get_by_role("button", name="Show all").click()
    assert read_rows(page) == list(range(N_VIDEOS))
    assert page.locator("#search").input_value() == ""


# ------------------------------------------------------------------- orders
ORDERS = {
    "given": lambda video: video.index,
    "name": lambda video: video.name.lower(),
    "worst": lambda video: (video.accuracy, video.index),
    "best": lambda video: (-video.accuracy, video.index),
    "unsure": lambda video: video.confidence,
    "sure": lambda video: -video.confidence,
}


def test_all_orders_of_the_page_are_tested(page):
    assert page.locator("#sort option").evaluate_all("(all) => all.map((option) => option.value)") == list(ORDERS)


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_puts_the_videos_as_python_does(page, videos, order):
    if order == "given":
        page.locator("#sort").select_option("name")
    page.locator("#sort").select_option(order)
    assert read_rows(page) == [video.index for video in sorted(videos, key=ORDERS[order])]


def test_an_order_and_a_filter_hold_together(page, videos):
    page.locator("#sort").select_option("worst")
    page.locator("#search").fill("bell")
    assert_shows(page, sorted((v for v in videos if "bell" in v.name), key=ORDERS["worst"]))


def test_a_row_says_name_accuracy_and_confidence(page, videos):
    for video in videos[:5]:
        text = row(page, video.index).inner_text()
        assert video.name in text
        assert f"{100 * video.accuracy:.0f}%" in text
        assert f"{100 * video.confidence:.0f}%" in text


# ------------------------------------------------------------------- choosing
def test_a_click_chooses_a_video(page, videos):
    choose(page, 3)
    expect(page.locator("#detail-name")).to_have_text(videos[3].name)
    expect(page.locator("#rows [aria-current=true]")).to_have_count(1)
    expect(row(page, 3)).to_have_attribute("aria-current", "true")


def test_keys_choose_a_video(page):
    page.locator("#sort").select_option("name")
    rows = read_rows(page)
    page.locator("#rows").focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_have_attribute("data-video", str(rows[2]))


def test_keys_reach_the_first_and_the_last_row(page):
    page.locator("#rows").focus()
    for key, video in (("End", N_VIDEOS - 1), ("Home", 0)):
        page.keyboard.press(key)
        expect(row(page, video)).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#detail")).to_have_attribute("data-video", str(video))


def test_the_address_keeps_the_choice(page, report, visit):
    choose(page, 4)
    again = visit(report.as_uri() + selected_hash(page))
    expect(again.locator("#detail")).to_have_attribute("data-video", "4")
    expect(row(again, 4)).to_have_attribute("aria-current", "true")


def test_the_back_button_goes_to_the_video_before(page):
    choose(page, 2)
    choose(page, 5)
    page.go_back()
    expect(page.locator("#detail")).to_have_attribute("data-video", "2")
    expect(row(page, 2)).to_have_attribute("aria-current", "true")
    page.go_forward()
    expect(page.locator("#detail")).to_have_attribute("data-video", "5")


def test_an_address_of_no_video_does_no_harm(page, report, visit):
    for address in NOWHERE:
        choose(page, 2)
        page.evaluate("(hash) => { location.hash = hash }", address)
        expect(page.locator("#detail")).to_be_hidden()
    page = visit(report.as_uri() + NOWHERE[0])
    assert len(read_rows(page)) == N_VIDEOS
    choose(page, 1)


def test_a_choice_that_a_filter_drops_is_still_shown(page, videos):
    choose(page, 3)
    other = next(video for video in videos if video.name[:4] != videos[3].name[:4])
    page.locator("#search").fill(other.name)
    expect(page.locator("#rows [data-video]")).to_have_count(1)
    expect(page.locator("#detail-name")).to_have_text(videos[3].name)
