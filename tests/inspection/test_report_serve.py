"""The server of a report: the page and its media, in ranges, for browsers of this machine, and nothing else."""

import http.client
import os
import re
import signal
import subprocess
import sys
import threading
from functools import partial
from urllib.parse import urljoin, urlsplit

import pytest

from ave_sklearn.inspection.report._media import Media, link_media
from ave_sklearn.inspection.report._serve import make_server, open_port, serve

VIDEO = bytes(range(256)) * 1000


class Served:
    """A server that runs in a thread."""

    def __init__(self, file, media):
        self.socket, self.server = open_port(0), make_server(file, media)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()

    def ask(self, path, method="GET", **headers):
        """Return the status, the headers and the body of an answer; underscores in names of headers are dashes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers={"Host": f"127.0.0.1:{self.port}", **given})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def follow(self, path="/"):
        """Return the path of the page that is shown when a browser opens `path`, and the answer."""
        status, headers, body = self.ask(path)
        if status == 307:
            path = urlsplit(urljoin(f"http://127.0.0.1{path}", headers["location"])).path
            status, headers, body = self.ask(path)
        return path, (status, headers, body)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(10)
        self.socket.close()
        assert not self.thread.is_alive()


@pytest.fixture
def served():
    """Start servers that end with the test."""
    running = []

    def start(file, media):
        running.append(Served(file, media))
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def report(tmp_path):
    """A page in a folder, and media beside it, below it and above it."""
    for name in (
        "site/report.html",
        "site/a.mp4",
        "site/media/b c.webm",
        "other/100%.mp4",
        "secret.txt",
        "other/x.mp4",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(VIDEO + name.encode())
    page = tmp_path / "site" / "report.html"
    page.write_text("<!doctype html><title>ä</title>", encoding="utf-8")
    files = {"a": tmp_path / "site/a.mp4", "b": tmp_path / "site/media/b c.webm", "c": tmp_path / "other/100%.mp4"}
    return page, {name: Media(url, None, files[name]) for name, url in urls_of(page, files).items()}


def urls_of(page, files):
    return {name: link.url for name, link in link_media(files, page, files).items()}


# -------------------------------------------------------------- what is served
def test_page_and_media_are_served_under_the_links_of_the_page(report, served):
    page, media = report
    assert {name: link.url for name, link in media.items()} == {
        "a": "./a.mp4",
        "b": "./media/b%20c.webm",
        "c": "../other/100%25.mp4",
    }
    server = served(page, media)
    place, (status, headers, body) = server.follow()
    assert (status, headers["content-type"], body) == (200, "text/html; charset=utf-8", page.read_bytes())
    for link in media.values():
        at = urlsplit(urljoin(f"http://127.0.0.1{place}", link.url)).path
        status, headers, body = server.ask(at)
        assert (status, body) == (200, link.path.read_bytes())
        assert headers["content-type"] == ("video/webm" if link.url.endswith("webm") else "video/mp4")


def test_a_page_whose_links_do_not_go_up_is_served_at_the_top(report, served):
    page, media = report
    server = served(page, {"a": media["a"], "gone": Media(None, "gone"), "far": Media(None, "far", page)})
    assert server.ask("/")[2] == server.ask("/report.html")[2] == page.read_bytes()
    assert server.ask("/a.mp4")[0] == 200


@pytest.mark.parametrize(
    "name", ["a #1?.mp4", "élan ねこ.mp4", "javascript:x.mp4", "a&b<i>'\".mp4", "favicon.ico", "%2e.mp4"]
)
def test_odd_names_are_served(tmp_path, served, name):
    page = tmp_path / "pages" / "r.html"
    page.parent.mkdir()
    page.touch()
    (tmp_path / name).write_bytes(VIDEO)
    (page.parent / name).write_bytes(VIDEO[:10])
    files = {"up": tmp_path / name, "beside": page.parent / name}
    server = served(page, {key: Media(url, None, files[key]) for key, url in urls_of(page, files).items()})
    place, _ = server.follow()
    bodies = [server.ask(urlsplit(urljoin(f"http://h{place}", url)).path)[2] for url in urls_of(page, files).values()]
    assert bodies == [VIDEO, VIDEO[:10]]


def test_nothing_else_is_served(report, served, tmp_path):
    page, media = report
    server = served(page, media)
    paths = ["/secret.txt", "/other/x.mp4", "/site", "/site/", "/other", "/site/media", "/site/../secret.txt", "//"]
    paths += [
        "/site/%2e%2e/secret.txt",
        "/site/..%2fsecret.txt",
        "/site/a.mp4/",
        "/SITE/a.mp4",
        f"/{page}",
        "/site/a.mp4%00",
    ]
    assert {path: server.ask(path)[0] for path in paths} == dict.fromkeys(paths, 404)
    assert server.ask(f"{tmp_path.as_uri()}/secret.txt")[0] == 404
    assert server.ask("/favicon.ico")[0] == 204


def test_a_file_that_goes_or_becomes_a_link_is_not_found(report, served, tmp_path):
    page, media = report
    server = served(page, media)
    assert server.ask("/site/a.mp4")[0] == 200
    media["a"].path.unlink()
    assert server.ask("/site/a.mp4")[0] == 404
    media["a"].path.symlink_to(tmp_path / "secret.txt")
    assert server.ask("/site/a.mp4")[0] == 404
    media["b"].path.unlink()
    media["b"].path.mkdir()
    assert server.ask("/site/media/b%20c.webm")[0] == 404
    assert server.ask("/site/report.html")[0] == 200


def test_a_link_that_was_linked_is_served(report, served, tmp_path):
    page, _ = report
    (page.parent / "v.mp4").symlink_to(tmp_path / "other" / "x.mp4")
    server = served(page, {"v": Media("./v.mp4", None, page.parent / "v.mp4")})
    assert server.ask("/v.mp4")[2] == (tmp_path / "other" / "x.mp4").read_bytes()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_only_reading_is_allowed(report, served, method):
    status, headers, _ = served(*report).ask("/site/report.html", method)
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_head_has_no_body(report, served):
    page, media = report
    status, headers, body = served(page, media).ask("/site/a.mp4", "HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(media["a"].path.stat().st_size))


def test_a_page_that_is_written_again_is_shown_again(report, served):
    page, media = report
    server = served(page, media)
    page.write_text("new", encoding="utf-8")
    assert server.follow()[1][2] == b"new" and server.ask("/site/report.html")[1]["cache-control"] == "no-cache"


# ------------------------------------------------------------------ ranges
@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=255990-", 255990, None), ("bytes=-5", -5, None)],
)
def test_ranges_are_answered_by_their_part(report, served, asked, begin, end):
    page, media = report
    whole = media["a"].path.read_bytes()
    status, headers, body = served(page, media).ask("/site/a.mp4", Range=asked)
    assert (status, body) == (206, whole[begin:end])
    first = begin % len(whole)
    assert headers["content-range"] == f"bytes {first}-{first + len(body) - 1}/{len(whole)}"
    assert headers["accept-ranges"] == "bytes" and int(headers["content-length"]) == len(body)


def test_a_file_that_may_not_be_read_is_forbidden(report, served, monkeypatch):
    page, media = report
    unread, access = os.fspath(media["a"].path), os.access  # by its mode root would read it
    monkeypatch.setattr(os, "access", lambda path, mode: os.fspath(path) != unread and access(path, mode))
    server = served(page, media)
    assert [server.ask("/site/a.mp4", method)[0] for method in ("GET", "HEAD")] == [403, 403]
    assert server.follow()[1][0] == 200


def test_a_range_of_another_unit_is_left_aside(report, served):
    page, media = report
    status, _, body = served(page, media).ask("/site/a.mp4", Range="items=0-5")
    assert (status, body) == (200, media["a"].path.read_bytes())


@pytest.mark.parametrize("asked", ["bytes=abc", "bytes=5-4", "bytes=", "bytes", "bytes=-" + "9" * 5000])
def test_a_range_that_is_none_is_refused(report, served, asked):
    page, media = report
    status, _, body = served(page, media).ask("/site/a.mp4", Range=asked)
    assert status == 400 and len(body) < 100


def test_a_range_behind_the_end_is_refused(report, served):
    page, media = report
    status, headers, _ = served(page, media).ask("/site/a.mp4", Range="bytes=9999999-")
    assert (status, headers["content-range"]) == (416, f"bytes */{media['a'].path.stat().st_size}")


# ---------------------------------------------------------------- security
@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[::1]", ""])
def test_other_names_of_this_machine_are_refused(report, served, host):
    server = served(*report)
    assert server.ask("/site/report.html", Host=host)[0] == 400
    assert server.ask("/site/a.mp4", Host=f"{host}:{server.port}" if host else host)[0] == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_its_own_names_are_taken(report, served, host):
    server = served(*report)
    assert server.ask("/site/report.html", Host=host)[0] == 200
    assert server.ask("/site/report.html", Host=f"{host}:{server.port}")[0] == 200


@pytest.mark.parametrize("path", ["/", "/site/report.html", "/site/a.mp4", "/none", "/favicon.ico"])
def test_every_answer_has_its_headers(report, served, path):
    _, headers, _ = served(*report).ask(path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers and "access-control-allow-origin" not in headers


def test_it_listens_on_this_machine_alone(report, served):
    assert served(*report).socket.getsockname()[0] == "127.0.0.1"


# ------------------------------------------------------------ begin and end
def test_a_port_in_use_is_named(report):
    page, media = report
    with open_port(0) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} of 127\.0\.0\.1 is in use; wanted a free one, or 0"):
            serve(page, port, media, tell=pytest.fail)


def test_nothing_stays_open(report, served):
    page, media = report
    before = None
    for _ in range(3):
        server = Served(page, media)
        server.follow()
        for _ in range(5):
            server.ask("/site/a.mp4", Range="bytes=5-")
        aborted = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        aborted.request("GET", "/site/a.mp4")
        aborted.getresponse().read(10)
        aborted.close()
        server.stop()
        here = {os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")}
        assert not {name for name in here if name.startswith(str(page.parent.parent))}
        before = before or len(os.listdir("/proc/self/fd"))
        assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.slow
def test_ctrl_c_ends_it_while_a_video_is_read(tmp_path):
    page, video = tmp_path / "r.html", tmp_path / "a.mp4"
    page.touch()
    video.write_bytes(bytes(50_000_000))
    code = (
        "import pathlib, sys; from ave_sklearn.inspection.report._serve import serve\n"
        "from ave_sklearn.inspection.report._media import Media\n"
        "try: serve(sys.argv[1], 0, {'a': Media('./a.mp4', None, pathlib.Path(sys.argv[2]))}, "
        "tell=lambda text: print(text, flush=True))\n"
        "except KeyboardInterrupt: print('ended')\n"
    )
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore Ctrl-C
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": attended}
    with subprocess.Popen([sys.executable, "-c", code, str(page), str(video)], **options) as process:
        address = process.stdout.readline().strip()
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", address)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/a.mp4")
        assert connection.getresponse().read(100) == bytes(100)  # the rest waits, as a video that is paused
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("ended\n", "")
        connection.close()


@pytest.mark.parametrize("library", ["starlette", "uvicorn"])
def test_without_its_libraries_the_extra_is_named(tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    for name in [name for name in sys.modules if name.startswith(f"{library}.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"a report needs starlette and uvicorn: pip install ave_sklearn\[rep"):
        make_server(tmp_path / "report.html", {})
