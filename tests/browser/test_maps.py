"""Propagation maps, attention and probabilities: what they say, compared with the content, and how they are linked."""

import numpy as np
import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import choose
from browser.reports import read_map, read_videos, write_page

N_SEGMENTS, N_CLASSES = 10, 12
VIDEO = 1
SIDES = {"va": ("visual", "audio"), "av": ("audio", "visual")}


@pytest.fixture(scope="module")
def content():
    return make_report_content(3, n_segments=N_SEGMENTS, n_classes=N_CLASSES)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("maps") / "report.html", content)


@pytest.fixture
def page(report, visit):
    page = visit(report, height=1600)
    choose(page, VIDEO)
    return page


def cell(page, direction, row, column):
    return page.locator(f'#map-{direction} .cell[data-row="{row}"][data-column="{column}"]')


def sentence(direction, row, column, value):
    """Return what is said of a cell."""
    taker, giver = SIDES[direction]
    much = f"{value:.2f}" if value else "nothing"
    return f"{taker} second {row} takes {much} from {giver} second {column}".capitalize()


def assert_linked(page, direction, row, column):
    """Check that the two segments of a cell are marked in the timeline, at their places."""
    canvas = page.locator("#timeline canvas").bounding_box()
    for kind, segment in zip(SIDES[direction], (row, column), strict=True):
        expect(page.locator("#tracks")).to_have_attribute(f"data-{kind}", str(segment))
        mark = page.locator(f'#links .{kind}[data-segment="{segment}"]')
        expect(mark).to_be_visible()
        middle = mark.bounding_box()["x"] + mark.bounding_box()["width"] / 2
        assert middle == pytest.approx(canvas["x"] + (segment + 0.5) / N_SEGMENTS * canvas["width"], abs=3)


# ------------------------------------------------------------------- propagation
@pytest.mark.parametrize("direction", SIDES)
def test_a_pointer_on_a_cell_marks_its_segments_and_says_its_value(page, content, direction):
    weights = read_map(content["videos"][VIDEO]["clips"][0], direction)
    picked = [np.unravel_index(weights.argmax(), weights.shape), np.argwhere(weights == 0)[0], (7, 2)]
    for row, column in picked:
        cell(page, direction, row, column).hover()
        expect(page.locator("#map-text")).to_contain_text(sentence(direction, row, column, weights[row, column]))
        assert_linked(page, direction, row, column)
    page.locator("#detail-name").hover()
    expect(page.locator("#tracks")).to_have_attribute("data-visual", "")
    expect(page.locator("#links .visual")).to_have_count(0)


@pytest.mark.parametrize("direction", SIDES)
def test_arrow_keys_do_on_cells_what_the_pointer_does(page, content, direction):
    weights = read_map(content["videos"][VIDEO]["clips"][0], direction)
    cell(page, direction, 0, 0).focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    expect(cell(page, direction, 2, 2)).to_be_focused()
    expect(page.locator("#map-text")).to_contain_text(sentence(direction, 2, 2, weights[2, 2]))
    assert_linked(page, direction, 2, 2)


@pytest.mark.parametrize("direction", SIDES)
def test_each_cell_says_its_value_to_screen_readers(page, content, direction):
    weights = read_map(content["videos"][VIDEO]["clips"][0], direction)
    said = page.locator(f"#map-{direction} .cell").evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    wanted = [sentence(direction, *place, value) for place, value in np.ndenumerate(weights)]
    assert [text.capitalize() for text in said] == wanted


def test_a_click_on_a_cell_goes_to_its_segment(page):
    cell(page, "va", 6, 1).click()
    expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "6")


def test_the_text_of_the_map_is_announced(page):
    assert page.locator("#map-text").evaluate("(e) => e.role || e.ariaLive") in ("status", "polite")


def test_an_hour_shows_the_map_of_the_clip_that_the_marker_is_in(tmp_path, visit):
    content = make_report_content(1, hour_long=1, n_classes=4)
    page = visit(write_page(tmp_path / "report.html", content), height=1600)
    choose(page, 0)
    page.locator("#timeline").press("End")
    clip = content["videos"][0]["clips"][-1]
    weights = read_map(clip, "va")
    row, column = np.unravel_index(weights.argmax(), weights.shape)
    cell(page, "va", row, column).hover()
    first = clip["first"]
    wanted = f"Visual second {first + row} takes {weights.max():.2f} from audio second {first + column}"
    expect(page.locator("#map-text")).to_contain_text(wanted)
    expect(page.locator("#tracks")).to_have_attribute("data-audio", str(first + column))


def test_a_map_of_many_segments_is_read_as_well(tmp_path, visit):
    n = 60
    content = make_report_content(1, n_segments=n, n_classes=4)
    page = visit(write_page(tmp_path / "report.html", content), height=1600)
    choose(page, 0)
    weights = read_map(content["videos"][0]["clips"][0], "va")
    canvas = page.locator("#map-va canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    row, column = 41, 17
    page.mouse.move(box["x"] + (column + 0.5) / n * box["width"], box["y"] + (row + 0.5) / n * box["height"])
    expect(page.locator("#map-text")).to_contain_text(sentence("va", row, column, weights[row, column]))
    expect(page.locator("#tracks")).to_have_attribute("data-visual", str(row))
    canvas.focus()
    canvas.press("ArrowLeft")
    expect(page.locator("#map-text")).to_contain_text(sentence("va", row, column - 1, weights[row, column - 1]))


def test_seconds_are_said_where_segments_are_shorter(tmp_path, visit):
    content = make_report_content(1, n_classes=4) | {"hop": 0.25, "segment": 0.5}
    content["videos"][0]["seconds"] = 2.5
    page = visit(write_page(tmp_path / "report.html", content), height=1600)
    choose(page, 0)
    cell(page, "va", 3, 5).hover()
    expect(page.locator("#map-text")).to_contain_text("Visual second 0.75 takes")
    expect(page.locator("#map-text")).to_contain_text("from audio second 1.25")


# ------------------------------------------------------------------- probabilities
def test_the_probabilities_are_those_of_the_chosen_segment(page, content):
    proba = read_videos(content)[VIDEO].proba
    for segment in (0, 4, 9):
        page.locator("#timeline").press("Home")
        for _ in range(segment):
            page.locator("#timeline").press("ArrowRight")
        shown = page.locator("#probabilities [data-label]").evaluate_all(
            "(all) => all.map((one) => [Number(one.dataset.label), one.querySelector('.number').textContent])"
        )
        assert len(shown) >= 3
        for label, text in shown:
            assert text == f"{proba[segment, label]:.2f}"


def test_the_classes_that_are_predicted_and_background_have_charts(page, content):
    video = read_videos(content)[VIDEO]
    shown = page.locator("#probabilities [data-label]").evaluate_all(
        "(all) => all.map((one) => Number(one.dataset.label))"
    )
    assert len(set(video.predicted)) <= 6
    assert set(video.predicted) | {N_CLASSES - 1} <= set(shown)
    assert shown[-1] == N_CLASSES - 1


def test_a_table_says_the_probabilities_to_screen_readers(page, content):
    video = read_videos(content)[VIDEO]
    page.locator("#probabilities-table summary").click()
    table = page.locator("#probabilities-table table")
    heads = table.locator("thead th").all_inner_texts()
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(N_SEGMENTS)
    for segment, line in enumerate(rows.all()):
        cells = dict(zip(heads, line.locator("th, td").all_inner_texts(), strict=True))
        assert cells["predicted"] == content["labels"][video.predicted[segment]]
        assert cells["true"] == content["labels"][video.true[segment]]
        for label, name in enumerate(content["labels"]):
            if name in heads:
                assert cells[name] == f"{video.proba[segment, label]:.2f}"
