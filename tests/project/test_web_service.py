"""The web service of the examples: a real server on the loopback address, real videos."""

import io
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import joblib
import numpy as np
import pytest
from helpers import grey, write_video
from media_files import write_clock
from sklearn.pipeline import Pipeline

from ave_sklearn import PSPLocalizer
from ave_sklearn.extraction import VideoFeatureExtractor, predict_videos

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
MAX_BYTES = 400_000


def brightness(pictures):
    """Stand in for a network for pictures; the server imports this module for it."""
    return pictures.mean((2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two videos and a model that knows bright seconds from dark ones."""
    folder = tmp_path_factory.mktemp("service")
    write_video(folder / "day.mp4", seconds=5, fps=4, picture=grey([30, 220, 220, 30, 220]))
    write_video(folder / "night.mp4", seconds=2, fps=4, picture=grey([30, 30]))
    write_clock(folder / "clock.mp4", 3)
    extractor = VideoFeatureExtractor(
        visual=brightness, audio="log-mel", n_segments=2, image_size=16, frames_per_segment=2
    )
    clips = [(folder / "day.mp4", start) for start in (0.0, 2.0, 3.0)] + [(folder / "night.mp4", 0.0)]
    y = np.array([["no", "day"], ["day", "no"], ["no", "day"], ["no", "no"]])
    localizer = PSPLocalizer(hidden_size=8, max_epochs=60, lr=0.02, background="no", random_state=0)
    model = Pipeline([("extract", extractor), ("localize", localizer.fit(extractor.transform(clips), y))])
    joblib.dump(model, folder / "model.joblib")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    """Where a server listens, in a process of its own."""
    paths = [TESTS.parent, TESTS, TESTS / "project", os.environ.get("PYTHONPATH", "")]
    (folder / "temporary").mkdir()
    variables = {
        "AVE_SKLEARN_MODEL": str(folder / "model.joblib"),
        "MAX_BYTES": str(MAX_BYTES),
        "PORT": "0",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "TMPDIR": str(folder / "temporary"),
    }
    command = [sys.executable, str(TESTS.parent / "examples" / "web_service.py")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **variables}) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
                    break
            else:
                pytest.fail("the server did not start")
            yield found.group(1)
            assert process.poll() is None  # it lived through all
            assert list((folder / "temporary").glob("ave_sklearn-*")) == []
        finally:
            process.terminate()
            process.stderr.read()


def upload(address, data, name="video.mp4"):
    return httpx.post(f"{address}/events", files={"video": (name, data)}, timeout=60)


def expected(folder, path, name):
    rows = predict_videos(joblib.load(folder / "model.joblib"), [path]).dropna()
    return rows.assign(filename=name).to_dict("records")


def test_an_upload_gives_the_events_that_python_gives(folder, address):
    events = upload(address, (folder / "day.mp4").read_bytes(), "犬 day.mp4").json()
    assert events == expected(folder, folder / "day.mp4", "犬 day.mp4")
    assert [(event["onset"], event["offset"], event["event_label"]) for event in events] == [
        (1.0, 3.0, "day"),
        (4.0, 5.0, "day"),
    ]
    assert upload(address, (folder / "night.mp4").read_bytes()).json() == []
    clock = upload(address, (folder / "clock.mp4").read_bytes())
    assert clock.status_code == 200 and clock.json() == expected(folder, folder / "clock.mp4", "video.mp4")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no video at all", "1 of 1 videos cannot be used:\nvideo 0: cannot be decoded"),
        (b"", "1 of 1 videos cannot be used:\nvideo 0: is empty"),
        ("half", "1 of 1 videos cannot be used:\nvideo 0: cannot be decoded"),
    ],
)
def test_a_broken_upload_is_told_what_is_wrong_and_the_server_lives_on(folder, address, data, said):
    data = (folder / "day.mp4").read_bytes()[:2000] if data == "half" else data
    answer = upload(address, data)
    assert answer.status_code == 422 and answer.json()["detail"].startswith(said), answer.text
    assert str(folder) not in answer.text
    assert len(upload(address, (folder / "day.mp4").read_bytes()).json()) == 2


def test_what_is_no_upload_or_too_large_is_refused_before_it_is_read(address):
    assert httpx.post(f"{address}/events", data={"video": "text"}).status_code == 422
    assert httpx.post(f"{address}/events", files={"film": b"x"}).status_code == 422
    assert httpx.get(f"{address}/events").status_code == 405
    large = upload(address, io.BytesIO(bytes(MAX_BYTES)))
    assert large.status_code == 413 and f"at most {MAX_BYTES} are taken" in large.json()["detail"]
    chunks = httpx.post(f"{address}/events", content=iter([b"x" * 1000] * 5))
    assert chunks.status_code == 411
    assert httpx.get(f"{address}/health").json() == {"status": "ready"}


def test_a_length_beside_chunks_is_not_believed(address):
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = f"POST /events HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + b"f4240\r\n")  # a million bytes follow, if anybody wants them
        assert re.match(rb"HTTP/1.1 4(00|11) ", connection.recv(1000))
    assert httpx.get(f"{address}/health").json() == {"status": "ready"}


def test_several_at_once_wait_for_their_turn(folder, address):
    data, night = (folder / "day.mp4").read_bytes(), (folder / "night.mp4").read_bytes()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda data: upload(address, data), [data, night, b"bad", data]))
    assert [answer.status_code for answer in answers] == [200, 200, 422, 200]
    assert answers[0].json() == answers[3].json() == expected(folder, folder / "day.mp4", "video.mp4")
    assert json.loads(answers[1].text) == []
