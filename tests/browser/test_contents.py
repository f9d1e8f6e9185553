"""Reports of all kinds: each opens without an error, and shows each of its videos."""

import numpy as np
import pytest
from playwright.sync_api import expect
from report_contents import encode, make_report_content

from browser.driving import choose, read_rows
from browser.reports import moved, with_strange_truth, write_page


def without_background():
    content = make_report_content(4, n_classes=4)
    return content | {"background": None}


def half_seconds():
    content = make_report_content(4) | {"hop": 0.5, "segment": 1.0}
    for video in content["videos"]:
        video["seconds"] *= 0.5
    return content


def some_maps():
    """Make a report in which single clips lack what the others have."""
    content = make_report_content(4)
    for key, video in zip(("va", "av", "attention", "clips"), content["videos"], strict=True):
        if key == "clips":
            video["clips"] = []
        else:
            video["clips"][0][key] = None
    return content


def overlapping_clips():
    content = make_report_content(3)
    for video in content["videos"]:
        video["clips"].append(video["clips"][0] | {"first": 4})
        video["stretches"].append(video["stretches"][0] | {"first": 14})
        video["seconds"] = 24.0
    return content


def negative_maps():
    content = make_report_content(2)
    weights = np.tile([-0.4, 0.4], 50)
    for video in content["videos"]:
        video["clips"][0]["va"] = encode(weights, 32767)
    return content


KINDS = {
    "with all there is": lambda: make_report_content(6, pictures=3),
    "without truth": lambda: make_report_content(4, truth=False),
    "without maps": lambda: make_report_content(4, maps=False),
    "without attention": lambda: make_report_content(4, attention=False),
    "without maps and attention": lambda: make_report_content(4, maps=False, attention=False),
    "with maps of some clips": some_maps,
    "with weights below 0": negative_maps,
    "without background": without_background,
    "with a label that the model does not know": lambda: with_strange_truth(make_report_content(4), "Thunder"),
    "one video": lambda: make_report_content(1),
    "one segment": lambda: make_report_content(3, n_segments=1),
    "one class and background": lambda: make_report_content(3, n_classes=2),
    "of an hour": lambda: make_report_content(2, hour_long=1, n_classes=5),
    "of half seconds": half_seconds,
    "that begins late": lambda: moved(make_report_content(3), 1_000_000_000),
    "with overlapping clips and a gap": overlapping_clips,
    "with pictures": lambda: make_report_content(3, pictures=3),
    "two videos of one name": lambda: (
        make_report_content(2)
        | {"videos": [video | {"name": "one name"} for video in make_report_content(2)["videos"]]}
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_shows_each_of_its_videos(kind, tmp_path, visit):
    content = KINDS[kind]()
    page = visit(write_page(tmp_path / "report.html", content))
    assert read_rows(page) == list(range(len(content["videos"])))
    for i, video in enumerate(content["videos"]):
        choose(page, i)
        expect(page.locator("#detail-name")).to_have_text(video["name"])
        page.locator("#timeline").press("End")
        page.locator("#timeline").press("Home")
        expect(page.locator("#marker")).to_be_visible()
    assert page.evaluate("document.body.innerText").count("NaN") == 0
    assert "undefined" not in page.evaluate("document.body.innerText")


def test_a_report_of_no_video_opens(tmp_path, visit):
    content = make_report_content(1, truth=False) | {"videos": []}
    page = visit(write_page(tmp_path / "report.html", content))
    assert read_rows(page) == []


def test_what_the_network_lacks_is_said(tmp_path, visit):
    page = visit(write_page(tmp_path / "report.html", make_report_content(2, maps=False, attention=False)))
    choose(page, 0)
    for note, part in (("#propagation-note", "#map-va"), ("#attention-note", "#attention")):
        expect(page.locator(note)).to_be_visible()
        expect(page.locator(f"{part} *:visible")).to_have_count(0)


def test_pictures_are_those_of_the_content(tmp_path, visit):
    content = make_report_content(3, pictures=3)
    page = visit(write_page(tmp_path / "report.html", content))
    choose(page, 1)
    held = {picture for picture in content["videos"][1]["thumbs"] if picture}
    shown = page.locator("#detail img").evaluate_all("(all) => all.map((image) => image.src)")
    assert shown and set(shown) <= held
    page.wait_for_function(
        "() => [...document.querySelectorAll('#detail img')].every((one) => one.naturalWidth === 160)"
    )
