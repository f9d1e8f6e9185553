"""Videos with sound beside a report: they play in step with the timeline, from a file and from the serving address."""

import os
import sys
import threading

import numpy as np
import pytest
from media_files import FPS, read_numbers, write_clock
from playwright.sync_api import expect
from report_contents import make_report_content

from ave_sklearn.inspection.report._media import link_media
from ave_sklearn.inspection.report._serve import make_server, open_port
from browser.driving import choose
from browser.reports import write_page

SECONDS = 6
PLAYED = {"webm": dict(video="libvpx", audio="libopus"), "mp4": dict(video="libx264", audio="aac")}
ODD_NAME, NOT_UTF8 = "Übung #1 50% ?a=b&c 'd'.webm", "caf\udce9.webm"
FILES = ["clip.webm", "clip.mp4", ODD_NAME, NOT_UTF8, "old.avi", "damaged.mp4", "missing.mp4", "silent.webm"]
WEBM, MP4, ODD, BYTES, OLD, DAMAGED, MISSING, SILENT = range(len(FILES))
WORDS = {OLD: "play", DAMAGED: "", MISSING: "not there"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report and its media: what plays, what no browser plays, what is damaged, and what is not there."""
    folder = tmp_path_factory.mktemp("media")
    for i in (WEBM, MP4, ODD):
        write_clock(folder / FILES[i], SECONDS, rate=48000, **PLAYED[FILES[i].rpartition(".")[2]])
    if sys.platform == "linux":  # other systems have no such names
        os.link(folder / FILES[WEBM], folder / NOT_UTF8)
    write_clock(folder / FILES[SILENT], SECONDS, audio_seconds=0, video="libvpx")
    write_clock(folder / FILES[OLD], SECONDS, rate=48000, video="mpeg2video", audio="mp2")
    (folder / FILES[DAMAGED]).write_bytes(b"no video at all" * 1000)
    return folder


@pytest.fixture(scope="module")
def links(folder):
    """Links to the media, by name; one was there when the report was written, and is not any more."""
    gone = folder / FILES[MISSING]
    gone.write_bytes((folder / FILES[MP4]).read_bytes())
    links = link_media(FILES, folder / "report.html", folder)
    gone.unlink()
    return links


@pytest.fixture(scope="module")
def report(folder, links):
    content = make_report_content(len(FILES), n_segments=SECONDS, n_classes=5)
    for video, name in zip(content["videos"], FILES, strict=True):
        video["name"] = name
        video["media"] = {"url": links[name].url, "note": links[name].note}
    return write_page(folder / "report.html", content)


@pytest.fixture(scope="module")
def address(report, links):
    """Where the report is served, at a port that is free."""
    server, listening = make_server(report, links), open_port(0)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join(timeout=20)
    listening.close()
    assert not thread.is_alive()


@pytest.fixture(params=["file", "served"])
def page(request, visit, report):
    return visit(report if request.param == "file" else request.getfixturevalue("address"))


def state(page):
    return page.locator("#player").evaluate("""(v) => ({
        time: v.currentTime, width: v.videoWidth, sound: v.webkitAudioDecodedByteCount, paused: v.paused,
    })""")


def play_until(page, seconds):
    """Play until a time, and stop."""
    page.locator("#player").evaluate("(v) => v.play()")
    page.wait_for_function("(s) => document.querySelector('#player').currentTime >= s", arg=seconds)
    page.locator("#player").evaluate("(v) => v.pause()")


def assert_marked(page):
    """Check that the marker stands where the video does, within a frame, of 4 pixels, and its own width."""
    page.wait_for_function(
        """(seconds) => {
            const canvas = document.querySelector("#timeline canvas").getBoundingClientRect();
            const marker = document.querySelector("#marker").getBoundingClientRect();
            const wanted = canvas.x + document.querySelector("#player").currentTime / seconds * canvas.width;
            return Math.abs(marker.x + marker.width / 2 - wanted) < 6;
        }""",
        arg=SECONDS,
    )


def click_timeline(page, seconds):
    box = page.locator("#timeline canvas").bounding_box()
    page.mouse.click(box["x"] + seconds / SECONDS * box["width"], box["y"] + 10)


def wait_for_time(page, seconds, within=0.2):
    page.wait_for_function(
        """([seconds, within]) => {
            const video = document.querySelector("#player");
            return !video.seeking && Math.abs(video.currentTime - seconds) <= within;
        }""",
        arg=[seconds, within],
    )


# ------------------------------------------------------------------- playing
@pytest.mark.parametrize("video", [WEBM, MP4, ODD, BYTES], ids=["webm", "mp4", "odd name", "not UTF-8"])
def test_a_video_with_sound_plays_and_the_marker_moves_with_it(page, video):
    if video == BYTES and sys.platform != "linux":
        pytest.skip("this system has no such names")
    choose(page, video)
    expect(page.locator("#player")).to_be_visible()
    play_until(page, 0.7)
    before = page.locator("#marker").bounding_box()["x"]
    assert_marked(page)
    play_until(page, 1.4)
    after = state(page)
    assert_marked(page)
    assert after["width"] == 128 and after["sound"] > 1000
    assert page.locator("#marker").bounding_box()["x"] > before + 10
    said = float(page.locator("#timeline").get_attribute("aria-valuenow"))
    assert said == pytest.approx(state(page)["time"], abs=0.1)


def test_a_video_without_sound_plays(page):
    choose(page, SILENT)
    play_until(page, 0.5)
    assert state(page)["width"] == 128 and state(page)["sound"] == 0


@pytest.mark.parametrize("video", [WEBM, MP4], ids=["webm", "mp4"])
def test_a_click_on_the_timeline_seeks(page, video):
    choose(page, video)
    for seconds in (4.3, 1.2):
        click_timeline(page, seconds)
        wait_for_time(page, seconds)
        assert_marked(page)


def test_arrow_keys_on_the_timeline_seek(page):
    choose(page, WEBM)
    page.locator("#timeline").press("Home")
    for second in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        wait_for_time(page, second, within=0.05)
    page.keyboard.press("End")
    wait_for_time(page, SECONDS - 1, within=0.05)


def test_the_picture_is_that_of_the_time_that_was_clicked(visit, address):
    page = visit(address)
    choose(page, WEBM)
    for seconds in (4.5, 2.5):
        click_timeline(page, seconds)
        wait_for_time(page, seconds)
        page.wait_for_function("() => document.querySelector('#player').readyState >= 2")
        size, pixels = page.locator("#player").evaluate("""(video) => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
            const context = canvas.getContext("2d");
            context.drawImage(video, 0, 0);
            return [[canvas.height, canvas.width],
                [...context.getImageData(0, 0, canvas.width, canvas.height).data]];
        }""")
        picture = np.array(pixels, np.uint8).reshape(1, *size, 4)[..., :3]
        assert read_numbers(picture)[0] / FPS == pytest.approx(
            page.locator("#player").evaluate("(v) => v.currentTime"), abs=0.1
        )


def test_seeking_while_it_plays_goes_on_playing_there(page):
    choose(page, MP4)
    page.locator("#player").evaluate("(v) => v.play()")
    click_timeline(page, 3.5)
    page.wait_for_function("() => document.querySelector('#player').currentTime > 3.9")
    assert not state(page)["paused"]


def test_the_space_bar_on_the_timeline_plays_and_stops(page):
    choose(page, WEBM)
    page.locator("#timeline").press(" ")
    page.wait_for_function("() => document.querySelector('#player').currentTime > 0.3")
    page.locator("#timeline").press(" ")
    page.wait_for_function("() => document.querySelector('#player').paused")


def test_another_video_ends_the_one_that_plays(page):
    choose(page, WEBM)
    page.locator("#player").evaluate("(v) => v.play()")
    page.wait_for_function("() => document.querySelector('#player').currentTime > 0.2")
    choose(page, MP4)
    page.wait_for_function("""() => {
        const videos = [...document.querySelectorAll("video")];
        return videos.every((video) => video.paused) && videos.some((video) => video.currentSrc.endsWith("clip.mp4"));
    }""")
    assert state(page)["time"] == 0


def test_attention_is_laid_over_the_frames(page):
    choose(page, WEBM)
    page.wait_for_function("() => document.querySelector('#player').videoWidth > 0")
    over = page.locator("#player-attention canvas")
    expect(over).to_have_count(0)
    page.get_by_role("checkbox", name="Attention over the video").check()
    expect(over).to_be_visible()
    video, shown = page.locator("#player").bounding_box(), page.locator("#player-attention").bounding_box()
    assert shown["width"] / shown["height"] == pytest.approx(128 / 96, rel=0.02)  # as the frames, without bars
    assert shown["x"] + shown["width"] / 2 == pytest.approx(video["x"] + video["width"] / 2, abs=2)
    page.get_by_role("checkbox", name="Attention over the video").uncheck()
    expect(over).to_have_count(0)


def test_served_media_come_in_ranges(visit, address):
    answers = []
    page = visit("about:blank")
    page.on("response", lambda response: answers.append((response.url, response.status)))
    page.goto(address)
    choose(page, WEBM)
    play_until(page, 0.3)
    assert {status for url, status in answers if url.endswith("clip.webm")} == {206}


# ------------------------------------------------------------------- what does not play
@pytest.mark.parametrize("video", [OLD, DAMAGED, MISSING], ids=["old", "damaged", "missing"])
def test_what_does_not_play_is_said_and_the_rest_works(page, watch, video):
    watch.allow("Failed to load resource")  # by the browser itself, of the file that is not there
    choose(page, video)
    note = page.locator("#media-note")
    expect(note).to_be_visible()
    assert WORDS[video] in note.inner_text() and len(note.inner_text()) > 20
    click_timeline(page, 3.5)
    page.wait_for_function("() => Math.floor(document.querySelector('#timeline').ariaValueNow) === 3")
    page.locator("#timeline").press("ArrowRight")
    expect(page.locator("#timeline")).to_have_attribute("aria-valuenow", "4")
    choose(page, WEBM)
    play_until(page, 0.3)
    expect(note).to_be_hidden()


def test_without_media_there_is_no_player(tmp_path, visit):
    page = visit(write_page(tmp_path / "report.html", make_report_content(2)))
    choose(page, 1)
    expect(page.locator("#player")).to_be_hidden()
    expect(page.locator("#media-note")).to_contain_text("No media was given")


def test_a_video_without_a_file_says_why(tmp_path, visit):
    content = make_report_content(2)
    content["videos"][0]["media"] = {"url": None, "note": "The media file is not there; looked for at <b>x</b>."}
    page = visit(write_page(tmp_path / "report.html", content))
    choose(page, 0)
    expect(page.locator("#media-note")).to_contain_text("looked for at <b>x</b>.")
    expect(page.locator("#player")).to_be_hidden()


def test_media_of_another_folder_play_where_they_are(folder, tmp_path, visit):
    (tmp_path / "a report").mkdir()
    report = tmp_path / "a report" / "report.html"
    link = link_media(["clip"], report, {"clip": folder / FILES[WEBM]})["clip"]
    content = make_report_content(1, n_segments=SECONDS)
    content["videos"][0]["media"] = {"url": link.url, "note": link.note}
    assert link.url.startswith("../")
    page = visit(write_page(report, content))
    choose(page, 0)
    play_until(page, 0.3)
    assert state(page)["width"] == 128
