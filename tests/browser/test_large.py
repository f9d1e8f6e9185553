"""A report of 1,000 videos of ten seconds: its size, its first paint, and scrolling."""

import pytest
from report_contents import make_report_content

from browser.driving import choose, read_rows
from browser.reports import write_page

N_VIDEOS = 1000
MAX_BYTES = 20_000_000
MAX_FIRST_PAINT = 2000  # ms
MAX_ROWS = 60
MAX_TASK = 200  # ms; one that is longer is felt

# Scrolls through the list in a second and a half, and notes the longest frame and the longest task.
SCROLL = """async (parts) => {
    const box = document.querySelector("#rows");
    const tasks = [];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((task) => task.duration)));
    observer.observe({type: "longtask"});
    const frames = [];
    let rows = 0, empty = 0;
    let before = await new Promise(requestAnimationFrame);
    for (let part = 0; part <= parts; part++) {
        box.scrollTop = (box.scrollHeight - box.clientHeight) * part / parts;
        const now = await new Promise(requestAnimationFrame);
        frames.push(now - before);
        before = now;
        await new Promise((resolve) => setTimeout(resolve));
        const drawn = box.querySelectorAll("[data-video]");
        rows = Math.max(rows, drawn.length);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    frames.sort((a, b) => a - b);
    return {
        rows,
        longest: Math.max(0, ...tasks),
        median: frames[frames.length >> 1],
        last: Math.max(...[...box.querySelectorAll("[data-video]")].map((row) => Number(row.dataset.video))),
    };
}"""


@pytest.fixture(scope="module")
def content():
    return make_report_content(N_VIDEOS, pictures=20)


@pytest.fixture(scope="module")
def report(content, tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("large") / "report.html", content)


def best_of(n, measure):
    """Return the least of several measurements: what else the machine does only adds to them."""
    return min(measure() for _ in range(n))


def test_its_size_is_within_its_limit(report, record_property):
    record_property("bytes", report.stat().st_size)
    assert report.stat().st_size < MAX_BYTES


def test_its_first_paint_and_its_rows_are_within_their_limit(report, visit, record_property):
    def first_paint():
        page = visit(report)
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
        assert page.locator("#rows [data-video]").count() > 5
        return page.evaluate("""Math.max(
            performance.getEntriesByName("first-contentful-paint")[0].startTime,
            performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd)""")

    time = best_of(3, first_paint)
    record_property("first_paint", time)
    assert time < MAX_FIRST_PAINT


def test_scrolling_draws_few_rows_and_does_not_stall(report, visit, record_property):
    page = visit(report)
    runs = [page.evaluate(SCROLL, 90) for _ in range(3)]
    record_property("scrolling", runs)
    assert max(run["rows"] for run in runs) < MAX_ROWS
    assert min(run["longest"] for run in runs) < MAX_TASK
    assert min(run["median"] for run in runs) < 50


def test_all_videos_are_reached_by_scrolling(report, visit):
    assert read_rows(visit(report)) == list(range(N_VIDEOS))


def test_each_place_of_the_list_has_rows_without_gaps(report, visit):
    page = visit(report)
    for share in (0, 0.31, 0.77, 1):
        page.locator("#rows").evaluate("(box, share) => { box.scrollTop = box.scrollHeight * share }", share)
        page.wait_for_function("""() => {
            const box = document.querySelector("#rows").getBoundingClientRect();
            const rows = [...document.querySelectorAll("#rows [data-video]")].map((row) => row.getBoundingClientRect());
            rows.sort((a, b) => a.top - b.top);
            return rows[0].top <= box.top + 40 && rows.at(-1).bottom >= box.bottom - 40
                && rows.every((row, i) => i === 0 || row.top - rows[i - 1].bottom < 20);
        }""")


def test_search_in_all_of_them_is_quick(report, visit, content):
    page = visit(report)
    name = content["videos"][777]["name"]
    page.locator("#search").fill(name)
    page.wait_for_function("() => document.querySelectorAll('#rows [data-video]').length === 1")
    assert read_rows(page) == [777]
    choose(page, 777)
