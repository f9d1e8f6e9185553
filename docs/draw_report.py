"""Drawing of the two screenshots of a report: ``python docs/draw_report.py`` writes them to docs/images.

The model is that of the README's first command, fitted on AV-Digits; the report is on videos of a speaker that it never
heard. Their pictures are real handwriting, as the model sees it, and are written as little video files, which the page
plays. They are silent: of the speech AV-Digits has features alone.
It takes about two minutes on a quiet core, and needs the extras ``digits`` and ``report``, Playwright and a Chromium.
"""

import os
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import load_av_digits
from ave_sklearn.inspection import write_report

IMAGES = Path(__file__).resolve().parent / "images"
N_VIDEOS = 60  # the first ones of the test speaker
VIDEO, SECOND = 50, 4.5  # the video that is chosen, and the time at which it is stopped
DATE = "2026-11-28"  # said to be that of the page, so that the pictures do not change from day to day
COLOURS = 256  # of the pictures
SIZE, FPS = (480, 270), 4  # of the videos
VIEWS = {"report": (1280, 1010), "report_detail": (1280, 1900)}


def draw_scene(cells):
    """Draw the 3 x 3 cells of a second, of shape (3, 3, 64): ink on paper, each in its third of the picture."""
    width, height = SIZE[0] // 3, SIZE[1] // 3
    side = min(width, height) - 10
    scene = Image.new("L", SIZE, 244)
    for row in range(3):
        for column in range(3):
            ink = np.round(244 - 214 * cells[row, column].reshape(8, 8)).astype(np.uint8)
            place = column * width + (width - side) // 2, row * height + (height - side) // 2
            scene.paste(Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC), place)
    return np.asarray(scene.convert("RGB"))


def write_video(path, visual):
    """Write a video of the scenes of its seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"threads": "1"})
        (stream.width, stream.height), stream.pix_fmt = SIZE, "yuv420p"
        for cells in visual:
            scene = av.VideoFrame.from_ndarray(draw_scene(cells), format="rgb24")
            for _ in range(FPS):
                container.mux(stream.encode(scene))
        container.mux(stream.encode(None))


def write_page(localizer, test, folder):
    """Write the videos of a report and the page, and return its path."""
    names = [f"jackson_{number:03}.mp4" for number in range(N_VIDEOS)]
    for name, visual in zip(names, test.data.visual, strict=False):
        write_video(folder / name, visual)
    X, y = test.data[:N_VIDEOS], test.target[:N_VIDEOS]
    title = "AV-Digits: a speaker that was never heard"
    options = {"videos": names, "media": folder, "pictures": N_VIDEOS, "title": title}
    page = write_report(localizer, X, folder / "report.html", y, **options)
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r"written on \d{4}-\d\d-\d\d", f"written on {DATE}", text), encoding="utf-8")
    return page


def take_pictures(page, images):
    """Take both pictures of a page in a browser, and return their paths."""
    options = {"executable_path": os.environ.get("CHROMIUM") or shutil.which("chromium")}
    if getattr(os, "geteuid", lambda: 1)() == 0:
        options["args"] = ["--no-sandbox"]  # Chromium refuses to start its sandbox as root
    paths = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        tab = browser.new_page(color_scheme="light", reduced_motion="reduce")
        for name, (width, height) in VIEWS.items():
            tab.set_viewport_size({"width": width, "height": height})
            tab.goto(page.as_uri())
            tab.wait_for_selector('html[data-ready="true"]')
            if name == "report_detail":
                choose(tab)
            paths.append(images / f"{name}.png")
            tab.screenshot(path=paths[-1])
        browser.close()
    for path in paths:
        shrink(path)
    return paths


def choose(tab):
    """Choose the video, and go to the second by a click on its timeline."""
    tab.evaluate("hash => { location.hash = hash; }", f"#video=jackson_{VIDEO:03}.mp4-{VIDEO}")
    player, plot = tab.locator("#player"), tab.locator("#timeline canvas")
    expect(player).to_have_js_property("readyState", 4)
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * SECOND / 10, "y": box["height"] / 4})
    expect(tab.locator("#timeline")).to_have_attribute("data-segment", str(int(SECOND)))
    expect(player).to_have_js_property("seeking", False)
    tab.mouse.move(0, 0)
    tab.evaluate("() => { document.activeElement.blur(); document.getElementById('workspace').scrollIntoView(); }")
    tab.wait_for_timeout(1000)  # the charts are chosen anew after a moment, and the frame is drawn


def shrink(path):
    """Write a picture anew with a palette, which is what a page needs."""
    with Image.open(path) as picture:
        colours = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)


def main():
    """Fit the model, write a report, and take its pictures."""
    train, test = load_av_digits(subset="train"), load_av_digits(subset="test")
    localizer = PSPLocalizer(random_state=0).fit(train.data, train.target)
    with TemporaryDirectory() as folder:
        for path in take_pictures(write_page(localizer, test, Path(folder)), IMAGES):
            print(path)


if __name__ == "__main__":
    main()
