"""The timeline of the chosen video: its bars, the marker by click and by keys, and zoom in a video of an hour."""

import numpy as np
import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from ave_sklearn.inspection._style import CLASS_COLORS
from browser.driving import choose
from browser.reports import read_videos, write_page

N_CLASSES, N_SEGMENTS = 5, 10
MAX_TASK = 200  # ms


@pytest.fixture(scope="module")
def content():
    """Two videos of ten segments, and before them one of an hour with a stretch that was not extracted."""
    return make_report_content(3, n_segments=N_SEGMENTS, n_classes=N_CLASSES, hour_long=1, seed=2)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("timeline") / "report.html", content)


@pytest.fixture
def page(report, visit):
    page = visit(report)
    choose(page, 1)
    return page


@pytest.fixture
def long_page(report, visit):
    page = visit(report)
    choose(page, 0)
    return page


def plot(page):
    """Return where seconds are drawn, as left, top, width and height."""
    box = page.locator("#timeline canvas").bounding_box()
    return box["x"], box["y"], box["width"], box["height"]


def view(page):
    return page.locator("#timeline").evaluate("(e) => [Number(e.dataset.begin), Number(e.dataset.end)]")


def x_of(page, seconds):
    """Return where a time lies on the screen."""
    left, _, width, _ = plot(page)
    begin, end = view(page)
    return left + (seconds - begin) / (end - begin) * width


def click_at(page, seconds):
    _, top, _, height = plot(page)
    page.mouse.click(x_of(page, seconds), top + height / 3)


def now(page):
    return float(page.locator("#timeline").get_attribute("aria-valuenow"))


def marker_x(page):
    box = page.locator("#marker").bounding_box()
    return box["x"] + box["width"] / 2


# ------------------------------------------------------------------- bars
PIXELS = """(canvas, places) => {
    const context = canvas.getContext("2d");
    const sharp = canvas.width / canvas.clientWidth;
    return places.map(([share, y]) => [...context.getImageData(
        Math.floor(share * canvas.width), Math.floor(y * sharp), 1, 1).data].slice(0, 3));
}"""


@pytest.mark.parametrize("lane", ["true", "predicted"])
def test_the_bars_have_the_colours_of_their_classes(page, content, watch, lane):
    watch.allow("willReadFrequently")  # the test reads the canvas, the page does not
    labels = getattr(read_videos(content)[1], lane)
    y = 3 if lane == "true" else 31  # above the text of a bar
    places = [[(segment + 0.5) / N_SEGMENTS, y] for segment in range(N_SEGMENTS)]
    colours = page.locator("#timeline canvas").evaluate(PIXELS, places)
    assert len(set(labels)) > 1
    for label, colour in zip(labels, colours, strict=True):
        got = "#{:02x}{:02x}{:02x}".format(*colour)
        if label == N_CLASSES - 1:
            assert got not in CLASS_COLORS
        else:
            assert got == CLASS_COLORS[label]


# ------------------------------------------------------------------- marker
@pytest.mark.parametrize("seconds", [0.3, 4.5, 7.25, 9.9])
def test_a_click_moves_the_marker_there(page, seconds):
    click_at(page, seconds)
    page.wait_for_function(
        "(s) => Math.floor(document.querySelector('#timeline').ariaValueNow) === s", arg=int(seconds)
    )
    assert marker_x(page) == pytest.approx(x_of(page, seconds), abs=2)


def test_arrow_keys_move_by_a_segment(page):
    page.locator("#timeline").focus()
    for key, second in [
        ("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 9), ("ArrowRight", 9),
        ("ArrowLeft", 8), ("Home", 0), ("ArrowLeft", 0), ("ArrowUp", 1), ("ArrowDown", 0),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert now(page) == second
        assert marker_x(page) == pytest.approx(x_of(page, second), abs=2)


def test_the_timeline_says_what_it_stands_at(page, content):
    timeline = page.locator("#timeline")
    video = read_videos(content)[1]
    timeline.press("Home")
    for segment in range(N_SEGMENTS):
        said = timeline.get_attribute("aria-valuetext")
        for label in (video.true[segment], video.predicted[segment]):
            assert content["labels"][label] in said
        timeline.press("ArrowRight")
    assert float(timeline.get_attribute("aria-valuemin")) == 0
    assert N_SEGMENTS - 1 <= float(timeline.get_attribute("aria-valuemax")) <= N_SEGMENTS


def test_the_marker_stays_at_its_time_when_the_window_changes(page):
    click_at(page, 6.5)
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_function("() => document.querySelector('#timeline canvas').clientWidth > 0")
    place = "() => document.querySelector('#marker').getBoundingClientRect().x"
    page.wait_for_function(f"""() => {{
        const box = document.querySelector("#timeline canvas").getBoundingClientRect();
        return Math.abs(({place})() + 1 - box.x - 0.65 * box.width) < 3;
    }}""")


def test_buttons_go_from_one_wrong_stretch_to_the_next(long_page, content):
    video = read_videos(content)[0]
    wrong = video.segments[video.true != video.predicted]
    begins = [int(segment) for segment in wrong if segment - 1 not in wrong]
    assert len(begins) > 3
    long_page.locator("#timeline").press("Home")
    for begin in begins[begins[0] == 0 :][:3]:
        long_page.get_by_role("button", name="Next wrong segments").click()
        assert now(long_page) == begin
    for begin in reversed(begins[begins[0] == 0 :][:2]):
        long_page.get_by_role("button", name="Previous wrong segments").click()
        assert now(long_page) == begin
    long_page.locator("#timeline").press("End")
    long_page.locator("#timeline").press("p")
    assert now(long_page) in begins[-2:]  # the one before, where the video ends within the last


# ------------------------------------------------------------------- zoom
def test_an_hour_is_seen_whole_and_zooms_to_segments(long_page):
    page = long_page
    assert view(page) == [0, 3600]
    for _ in range(20):
        if page.locator("#zoom-in").is_disabled():
            break
        page.locator("#zoom-in").click()
    begin, end = view(page)
    assert 1 <= end - begin <= 10
    expect(page.locator("#zoom-in")).to_be_disabled()
    page.locator("#zoom-out").click()
    assert view(page)[1] - view(page)[0] == pytest.approx(2 * (end - begin))
    page.locator("#zoom-all").click()
    assert view(page) == [0, 3600]
    expect(page.locator("#zoom-out")).to_be_disabled()


def test_zoom_keeps_the_marker_where_it_is_on_the_screen(long_page):
    page = long_page
    click_at(page, 1234)
    before = marker_x(page)
    for _ in range(4):
        page.locator("#zoom-in").click()
    page.wait_for_function(
        "(x) => Math.abs(document.querySelector('#marker').getBoundingClientRect().x - x) < 4", arg=before
    )
    begin, end = view(page)
    assert end - begin == pytest.approx(3600 / 16) and begin < 1234 < end


def test_keys_zoom_as_the_buttons_do(long_page):
    page = long_page
    page.locator("#timeline").focus()
    page.keyboard.press("+")
    assert view(page)[1] - view(page)[0] == pytest.approx(1800)
    page.keyboard.press("-")
    assert view(page) == [0, 3600]
    page.keyboard.press("+")
    page.keyboard.press("0")
    assert view(page) == [0, 3600]


def test_a_wheel_zooms_about_the_pointer(long_page):
    page = long_page
    left, top, width, height = plot(page)
    page.mouse.move(left + width * 0.75, top + height / 3)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -400)
    page.wait_for_function("() => Number(document.querySelector('#timeline').dataset.begin) > 0")
    page.keyboard.up("Control")
    begin, end = view(page)
    assert begin + 0.75 * (end - begin) == pytest.approx(2700, abs=10)


def test_a_pull_moves_along_the_hour(long_page):
    page = long_page
    page.locator("#zoom-in").click()
    page.locator("#zoom-in").click()
    begin, end = view(page)
    left, top, width, height = plot(page)
    page.mouse.move(left + width * 0.8, top + height / 3)
    page.mouse.down()
    page.mouse.move(left + width * 0.6, top + height / 3, steps=4)
    page.mouse.up()
    assert view(page)[0] - begin == pytest.approx(0.2 * (end - begin), rel=0.05)
    assert view(page)[1] - view(page)[0] == pytest.approx(end - begin)


def test_a_marker_out_of_view_is_not_drawn_and_keys_bring_it_back(long_page):
    page = long_page
    click_at(page, 3000)
    for _ in range(5):
        page.locator("#zoom-in").click()
    page.locator("#timeline").press("Home")
    begin, end = view(page)
    assert begin <= now(page) <= end
    expect(page.locator("#marker")).to_be_visible()


def test_a_click_into_a_zoomed_hour_goes_to_its_second(long_page):
    page = long_page
    click_at(page, 2500)
    for _ in range(8):
        page.locator("#zoom-in").click()
    begin, end = view(page)
    target = np.floor((begin + end) / 2) + 3.5
    click_at(page, target)
    page.wait_for_function("(s) => Math.abs(document.querySelector('#timeline').ariaValueNow - s) < 1", arg=target)


def test_zoom_in_an_hour_does_not_stall(long_page, record_property):
    longest = long_page.evaluate("""async () => {
        const tasks = [];
        const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((one) => one.duration)));
        observer.observe({type: "longtask"});
        for (let i = 0; i < 30; i++) {
            document.querySelector(i % 14 < 9 ? "#zoom-in" : "#zoom-out").click();
            await new Promise(requestAnimationFrame);
            await new Promise((resolve) => setTimeout(resolve));
        }
        observer.disconnect();
        return Math.max(0, ...tasks);
    }""")
    record_property("longest_task", longest)
    assert longest < MAX_TASK


def test_what_was_not_extracted_is_said(long_page):
    page = long_page
    click_at(page, 1800)
    expect(page.locator("#timeline")).to_have_attribute("aria-valuetext", "30:00, not extracted")
