"""A page in long use: what choices, presses and plays leave behind, and where the focus is after them."""

import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import choose
from browser.reports import write_page

N_VIDEOS = 60
ROUND = """async () => {
    const frame = () => new Promise(requestAnimationFrame);
    for (const link of window.links) {
        location.hash = link;
        await frame();
        await frame();
        document.querySelector("#map-va .cell").focus();
        for (const key of ["ArrowRight", "End"])
            document.querySelector("#timeline").dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        await frame();
    }
    return document.querySelector("#detail").dataset.video;
}"""
COUNT_STEPS = """(() => {
    window.steps = 0;
    const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (step) {
        window.steps += 1;
        return ask.call(this, step);
    };
})()"""


@pytest.fixture
def page(tmp_path, visit):
    content = make_report_content(N_VIDEOS, pictures=5)
    page = visit(write_page(tmp_path / "report.html", content))
    links = [f"#video={video['name']}-{number}" for number, video in enumerate(content["videos"])]
    page.evaluate("(links) => { window.links = links; }", links)
    return page


def left_behind(page):
    """Return what the browser holds for a page once its rubbish is collected: listeners, elements, megabytes."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return found["JSEventListeners"], found["Nodes"], found["JSHeapUsedSize"] / 1e6


def test_hundreds_of_choices_leave_nothing_behind(page):
    assert page.evaluate(ROUND) == str(N_VIDEOS - 1)
    first = left_behind(page)
    for _ in range(4):
        page.evaluate(ROUND)
    last = left_behind(page)
    assert last[0] <= first[0] + 5 and last[1] <= first[1] + 200 and last[2] <= first[2] + 1


def test_presses_leave_no_listeners(page):
    choose(page, 1)
    page.locator("#zoom-in").click()
    boxes = [page.locator(f"#{name} canvas").bounding_box() for name in ("timeline", "overview")]

    def press_all():
        for box in boxes:
            for step in range(10):
                page.mouse.click(box["x"] + box["width"] * step / 10 + 3, box["y"] + 6)

    press_all()
    first = left_behind(page)[0]
    press_all()
    assert left_behind(page)[0] <= first


def test_pauses_do_not_multiply_the_steps_of_a_playing_video(tmp_path, visit):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "clip.webm"), "w") as container:
        stream = container.add_stream("vp8", rate=25, width=64, height=48, pix_fmt="yuv420p")
        for number in range(250):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    page = visit(write_page(tmp_path / "report.html", make_report_content(1, media="./clip.webm")))
    page.evaluate(COUNT_STEPS)
    choose(page, 0)
    page.evaluate("""async () => {
        const video = document.querySelector("#player");
        for (let i = 0; i < 8; i += 1) {
            await video.play();
            await new Promise((resolve) => setTimeout(resolve, 150));
            video.pause();
            await new Promise((resolve) => setTimeout(resolve, 30));
        }
        await video.play();
        window.steps = 0;
        window.frames = video.getVideoPlaybackQuality().totalVideoFrames;
    }""")
    page.wait_for_function(
        "() => document.querySelector('#player').getVideoPlaybackQuality().totalVideoFrames > window.frames + 20"
    )
    steps, frames = page.evaluate(
        "[window.steps, document.querySelector('#player').getVideoPlaybackQuality().totalVideoFrames - window.frames]"
    )
    assert 0 < steps <= 1.5 * frames + 2


def focused(page):
    return page.evaluate("() => document.activeElement.id || document.activeElement.tagName")


def test_a_button_that_is_used_up_hands_the_focus_to_the_timeline(page):
    choose(page, 1)
    page.locator("#zoom-in").click()
    page.locator("#zoom-all").press("Enter")
    expect(page.locator("#zoom-all")).to_be_disabled()
    assert focused(page) == "timeline"


def test_the_focus_stays_where_it_was_when_another_second_is_drawn(page):
    video = int(page.locator("#worst a").first.get_attribute("data-video"))  # one with pictures
    page.locator("#worst a").first.click()
    expect(page.locator("#detail")).to_have_attribute("data-video", str(video))
    go = "(key) => document.querySelector('#timeline').dispatchEvent(new KeyboardEvent('keydown', { key }))"
    page.locator("#attention-over").focus()
    page.evaluate(go, "ArrowRight")
    assert focused(page) == "attention-over"
    page.locator('.strip [data-segment="2"]').focus()
    page.evaluate(go, "ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.segment") == "2"


def test_a_cell_of_a_video_before_marks_nothing_in_the_next(page):
    choose(page, 1)
    page.mouse.move(1, 1)  # off the maps
    page.locator('#map-va .cell[data-row="3"][data-column="5"]').dispatch_event("pointerover")
    expect(page.locator("#tracks")).to_have_attribute("data-visual", "3")
    page.evaluate("() => { location.hash = window.links[2]; }")
    expect(page.locator("#detail")).to_have_attribute("data-video", "2")
    expect(page.locator("#tracks")).to_have_attribute("data-visual", "")
    expect(page.locator('#map-va .cell.marked[data-row="3"]')).to_have_count(0)
