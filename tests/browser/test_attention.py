"""Attention over the picture of the chosen segment, compared with the content."""

import numpy as np
import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import choose
from browser.reports import ONE, decode, write_page

N_SEGMENTS = 10
PLACES = [["top left", "top", "top right"], ["left", "centre", "right"], ["bottom left", "bottom", "bottom right"]]


@pytest.fixture(scope="module")
def content():
    return make_report_content(4, n_segments=N_SEGMENTS, n_classes=5, pictures=4)


@pytest.fixture
def page(content, visit, tmp_path):
    page = visit(write_page(tmp_path / "report.html", content), height=1800)
    choose(page, 1)
    return page


def go_to(page, segment):
    page.locator("#timeline").press("Home")
    for _ in range(segment):
        page.locator("#timeline").press("ArrowRight")
    expect(page.locator("#attention")).to_have_attribute("data-segment", str(segment))


def read_attention(content, video):
    """Return the attention of a video, of shape (segments, height, width)."""
    clip = content["videos"][video]["clips"][0]
    return decode(clip["attention"]).reshape(clip["segments"], *clip["map"]) / ONE


@pytest.mark.parametrize("segment", [0, 3, 8])
def test_the_region_that_is_attended_most_is_said(page, content, segment):
    shares = read_attention(content, 1)[segment]
    row, column = np.unravel_index(shares.argmax(), shares.shape)
    place = PLACES[int(3 * (row + 0.5) / shares.shape[0])][int(3 * (column + 0.5) / shares.shape[1])]
    go_to(page, segment)
    wanted = f"Second {segment}: most at the {place}: {100 * shares.max():.0f}% in one of {shares.size} regions."
    expect(page.locator("#attention-text")).to_have_text(wanted)


def test_the_picture_is_that_of_the_segment(page, content):
    pictures = content["videos"][1]["thumbs"]
    assert pictures[5] is None
    for segment in (0, 2, 9):
        go_to(page, segment)
        expect(page.locator("#attention .frame img")).to_have_attribute("src", pictures[segment])
    go_to(page, 5)
    expect(page.locator("#attention .frame img")).to_have_count(0)
    expect(page.locator("#attention-note")).to_contain_text("no picture of this second")


def test_the_colours_follow_the_shares(page, content, watch):
    watch.allow("willReadFrequently")  # the test reads the canvas, the page does not
    go_to(page, 5)  # a segment without a picture shows the map alone
    shares = read_attention(content, 1)[5]
    colours = page.locator("#attention .frame canvas").evaluate("""(canvas) => [
        ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]""")
    lightness = np.array(colours).reshape(*shares.shape, 4)[..., :3] @ [0.2126, 0.7152, 0.0722]
    assert lightness.argmax() == shares.argmax()
    steps = np.diff(lightness.ravel()[np.argsort(shares, axis=None)])
    assert steps.min() > -2 and lightness.max() - lightness.min() > 100


def test_attention_is_taken_off_the_picture(page):
    go_to(page, 0)
    expect(page.locator("#attention .frame canvas")).to_have_count(1)
    page.get_by_role("checkbox", name="Attention over the picture").uncheck()
    expect(page.locator("#attention .frame canvas")).to_have_count(0)
    go_to(page, 1)
    expect(page.locator("#attention .frame canvas")).to_have_count(0)
    page.get_by_role("checkbox", name="Attention over the picture").check()
    expect(page.locator("#attention .frame canvas")).to_have_count(1)


def test_a_click_in_the_strip_goes_to_its_segment(page):
    strip = page.locator("#attention .strip [data-segment]")
    expect(strip).to_have_count(N_SEGMENTS)
    strip.nth(7).click()
    expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "7")
    expect(strip.nth(7)).to_have_attribute("aria-current", "true")
