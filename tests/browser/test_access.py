"""What everybody can use: keys, names for screen readers, sizes, a phone's width, contrast in light and dark."""

import re

import pytest
from playwright.sync_api import expect
from report_contents import make_report_content

from browser.driving import choose, read_rows, row
from browser.reports import write_page

PHONE = {"width": 360, "height": 740}
CONTRAST = 4.5
MIN_TARGET = 24  # pixels
MAX_TABS = 120


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    content = make_report_content(30, n_classes=6, pictures=3)
    return write_page(tmp_path_factory.mktemp("access") / "report.html", content)


# ------------------------------------------------------------------- names
ROLES = (
    "button, a[href], input, select, textarea, summary, [tabindex], [role=slider], [role=listbox], video:not([hidden])"
)


def named_roles(page):
    """Return (role, name) of the accessibility tree, as Playwright writes it."""
    tree = page.locator("body").aria_snapshot()
    return re.findall(r'^\s*- (\w+)(?: "((?:[^"\\\\]|\\\\.)*)")?', tree, flags=re.MULTILINE)


def test_every_control_has_a_name(report, visit):
    page = visit(report)
    choose(page, 1)
    controls = {"button", "link", "searchbox", "combobox", "slider", "listbox", "option", "textbox", "checkbox"}
    found = [(role, name) for role, name in named_roles(page) if role in controls]
    assert {"button", "link", "searchbox", "combobox", "slider", "listbox"} <= {role for role, _ in found}
    assert [role for role, name in found if not name.strip()] == []


def test_what_is_looked_for_by_role_and_name_is_there(report, visit):
    page = visit(report)
    choose(page, 1)
    for role, name in [
        ("searchbox", "Search by name"),
        ("combobox", "Class"),
        ("combobox", "Disagreement"),
        ("combobox", "Sort"),
        ("slider", "Timeline"),
        ("button", "Zoom in"),
        ("button", "Zoom out"),
    ]:
        expect(page.get_by_role(role, name=name, exact=True).first).to_be_visible()


def test_regions_and_headings_have_names(report, visit):
    page = visit(report)
    choose(page, 1)
    assert page.get_by_role("heading", level=1).count() == 1
    found = [name for role, name in named_roles(page) if role in ("region", "heading")]
    assert len(found) > 4 and all(name.strip() for name in found)
    assert page.locator("html").get_attribute("lang") == "en"


def test_ids_are_unique_and_refer_to_what_is_there(report, visit):
    page = visit(report)
    choose(page, 1)
    faults = page.evaluate("""() => {
        const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
        const faults = ids.filter((id, i) => ids.indexOf(id) !== i);
        for (const name of ["for", "aria-describedby", "aria-labelledby", "aria-controls", "aria-activedescendant"])
            for (const element of document.querySelectorAll(`[${name}]`))
                for (const id of element.getAttribute(name).split(" "))
                    if (!document.getElementById(id)) faults.push(`${name}=${id}`);
        return faults;
    }""")
    assert faults == []


def test_the_number_of_videos_found_is_announced(report, visit):
    assert visit(report).locator("#count").get_attribute("aria-live") == "polite"


# ------------------------------------------------------------------- keys
FOCUSED = """() => {
    const e = document.activeElement;
    if (e === document.body) return null;
    const box = e.getBoundingClientRect();
    const style = getComputedStyle(e);
    return {
        key: e.id || `${e.tagName} ${e.textContent.slice(0, 40)} ${e.getAttribute("aria-label")}`,
        seen: box.width > 0 && box.height > 0 && style.visibility === "visible",
        ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none",
    };
}"""


def tab_through(page, key="Tab"):
    """Return what has the focus at each press of Tab, until the focus leaves the page."""
    stops = []
    for _ in range(MAX_TABS):
        page.keyboard.press(key)
        stop = page.evaluate(FOCUSED)
        if stop is None or (stops and stop["key"] == stops[0]["key"]):
            return stops
        stops.append(stop)
    pytest.fail(f"the focus does not leave the page: {[stop['key'] for stop in stops[-5:]]}")


def test_tab_reaches_all_controls_and_leaves_the_page(report, visit):
    page = visit(report)
    choose(page, 1)
    page.evaluate("document.activeElement.blur()")
    page.locator("h1").click()
    stops = tab_through(page)
    reached = {stop["key"] for stop in stops}
    wanted = {"search", "filter-class", "filter-where", "filter-disagreement", "filter-confidence", "sort", "rows"}
    assert wanted | {"timeline", "zoom-in", "zoom-all"} <= reached | disabled(page)
    assert [stop["key"] for stop in stops if not stop["seen"]] == []


def disabled(page):
    return set(page.locator("button:disabled").evaluate_all("(all) => all.map((button) => button.id)"))


def test_the_focus_is_seen_wherever_it_is(report, visit):
    page = visit(report)
    choose(page, 1)
    page.locator("h1").click()
    assert [stop["key"] for stop in tab_through(page) if not stop["ring"]] == []


def test_keys_alone_choose_a_video_and_go_through_its_seconds(report, visit):
    page = visit(report)
    stops = 0
    while page.evaluate("document.activeElement.id") != "rows":
        page.keyboard.press("Tab")
        stops += 1
        assert stops < MAX_TABS
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_have_attribute("data-video", "1")
    while page.evaluate("document.activeElement.id") != "timeline":
        page.keyboard.press("Tab")
        stops += 1
        assert stops < MAX_TABS
    page.keyboard.press("ArrowRight")
    expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "1")


# ------------------------------------------------------------------- sizes
SMALL_TARGETS = """(least) => [...document.querySelectorAll(
    "button, select, input, a[href], summary, [role=option], [role=slider]")]
    .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length)
    .map((e) => [e.id || e.getAttribute("aria-label") || e.textContent.slice(0, 40), e.getBoundingClientRect()])
    .filter(([, box]) => box.width < least - 0.01 || box.height < least - 0.01)
    .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""


@pytest.mark.parametrize("size", [{}, PHONE], ids=["wide", "phone"])
def test_targets_are_large_enough(report, visit, size):
    page = visit(report, **size)
    assert page.evaluate(SMALL_TARGETS, MIN_TARGET) == []
    choose(page, 1)
    assert page.evaluate(SMALL_TARGETS, MIN_TARGET) == []


def scrolls_sideways(page):
    return page.evaluate("document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth")


def test_a_phone_does_not_scroll_sideways(report, visit):
    page = visit(report, **PHONE)
    assert not scrolls_sideways(page)
    choose(page, 1)
    assert not scrolls_sideways(page)
    page.locator("#zoom-in").click()
    assert not scrolls_sideways(page)


def test_hostile_names_do_not_widen_a_phones_page(tmp_path, visit):
    page = visit(write_page(tmp_path / "report.html", make_report_content(17, hostile=True)), **PHONE)
    assert not scrolls_sideways(page)
    for video in read_rows(page):
        page.evaluate("(video) => document.querySelector(`#rows [data-video='${video}']`)?.click()", video)
        assert not scrolls_sideways(page)


def test_a_phone_shows_a_video_over_the_list_and_goes_back(report, visit):
    page = visit(report, **PHONE)
    expect(page.locator("#detail")).to_be_hidden()
    choose(page, 2)
    expect(page.locator("#list")).to_be_hidden()
    expect(page.locator("#detail-name")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('#detail').contains(document.activeElement)")
    page.get_by_role("button", name="To the list").click()
    expect(page.locator("#detail")).to_be_hidden()
    expect(row(page, 2)).to_be_in_viewport()
    assert page.evaluate("document.querySelector('#list').contains(document.activeElement)")


def test_a_phones_back_button_goes_to_the_list(report, visit):
    page = visit(report, **PHONE)
    choose(page, 2)
    page.go_back()
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("#detail")).to_be_hidden()


def test_a_wide_screen_shows_list_and_video_side_by_side(report, visit):
    page = visit(report)
    choose(page, 2)
    rows, detail = page.locator("#rows").bounding_box(), page.locator("#detail").bounding_box()
    assert rows["x"] + rows["width"] <= detail["x"]


# ------------------------------------------------------------------- contrast
# Colours as sRGB of 0 to 255 come from a canvas, whatever notation a style has; grounds are laid over each other.
POOR_CONTRAST = """(least) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const over = (colours) => {
        context.clearRect(0, 0, 1, 1);
        for (const colour of colours) {
            context.fillStyle = colour;
            context.fillRect(0, 0, 1, 1);
        }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (rgb) => rgb.map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const poor = [], all = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.textContent.trim() || element.closest("script, style, noscript, option, :disabled")) continue;
        if (!element.checkVisibility({visibilityProperty: true, opacityProperty: true})) continue;
        const grounds = [];
        for (let e = element; e; e = e.parentElement) grounds.unshift(getComputedStyle(e).backgroundColor);
        const canvasColour = matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "#ffffff";
        const ground = [canvasColour, ...grounds];
        const [a, b] = [luminance(over(ground)), luminance(over([...ground, getComputedStyle(element).color]))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        all.push(ratio);
        const what = `${element.tagName}.${element.className}: ${node.textContent.trim().slice(0, 40)}`;
        if (ratio < least) poor.push(`${ratio.toFixed(2)} ${what}`);
    }
    return {poor, texts: all.length};
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast(report, visit, scheme):
    page = visit(report, color_scheme=scheme)
    choose(page, 1)
    page.locator("#map-va").hover()
    found = page.evaluate(POOR_CONTRAST, CONTRAST)
    assert found["texts"] > 40
    assert found["poor"] == []


def test_dark_is_dark_and_light_is_light(report, visit):
    for scheme, dark in (("light", False), ("dark", True)):
        page = visit(report, color_scheme=scheme)
        ink = page.evaluate("getComputedStyle(document.body).color")
        brightness = sum(map(float, re.findall(r"[\d.]+", ink)[:3])) / 3
        assert (brightness > 128) is dark, ink


def test_less_motion_is_kept_where_it_is_wished(report, visit):
    page = visit(report, reduced_motion="reduce")
    choose(page, 1)
    moving = page.evaluate("""() => [...document.querySelectorAll("*")].filter((e) => {
        const style = getComputedStyle(e);
        const times = `${style.transitionDuration},${style.animationDuration}`.split(",");
        const longest = Math.max(...times.map(parseFloat));
        return longest > 0.01 || style.scrollBehavior === "smooth";
    }).map((e) => e.id || e.tagName)""")
    assert moving == []
