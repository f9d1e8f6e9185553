"""The way of a newcomer: from videos and a list of events by the command line to a report that plays in a browser."""

import json
import re
import signal
import subprocess
import sys
from functools import partial

import pytest
from clock_models import make_model
from playwright.sync_api import expect

from browser.driving import choose, read_rows

NAMES = [f"v{number}.mp4" for number in range(4)]
SECONDS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos, their events, features and a model."""
    folder = tmp_path_factory.mktemp("newcomer")
    make_model(folder, NAMES, SECONDS, n_segments=2, video="libx264", rate=48000)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Where the command shows its report."""
    command = [sys.executable, "-m", "ave_sklearn", "report", "model.joblib"]
    given = ["--features", "features", "--annotations", "events.csv", "-o", "report.html", "--serve", "0"]
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore Ctrl-C
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": attended}
    with subprocess.Popen([*command, *given], cwd=folder, **pipes) as process:
        try:
            lines = [process.stdout.readline(), process.stdout.readline()]
            found = re.search(r"http://127\.0\.0\.1:\d+/", lines[1])
            assert found, lines
            yield found.group()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def play(page):
    choose(page, 2)
    page.locator("#player").evaluate("(v) => v.play()")
    page.wait_for_function("() => document.querySelector('#player').currentTime > 0.5")
    assert page.locator("#player").evaluate("(v) => v.videoWidth") == 128
    assert page.locator("#player").evaluate("(v) => v.webkitAudioDecodedByteCount") > 0


def test_the_served_report_plays_its_videos(address, visit):
    page = visit(address)
    assert read_rows(page) == list(range(len(NAMES)))
    play(page)
    expect(page.locator("#scores")).to_contain_text("everything background")
    expect(page.locator("#notes")).to_contain_text("trained on")


def test_the_file_plays_them_too(address, folder, visit):
    play(visit(folder / "report.html"))


def test_pictures_are_drawn_of_the_videos(address, visit):
    page = visit(address)
    choose(page, 1)
    page.wait_for_function("() => document.querySelectorAll('#film img').length >= 2")
    content = json.loads(page.locator("#content").text_content())
    assert all(len(video["thumbs"]) == SECONDS and all(video["thumbs"]) for video in content["videos"])
