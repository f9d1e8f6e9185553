"""The command ``report``: pages of real small videos, what they say beside ``predict`` and ``score``, and bad input."""

import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from io import StringIO
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from clock_models import make_model
from report_contents import content_of
from sklearn.base import BaseEstimator

from ave_sklearn.cli.commands import main
from ave_sklearn.datasets import read_events
from ave_sklearn.extraction import read_features
from ave_sklearn.inspection import write_report
from ave_sklearn.inspection.report._serve import open_port

N_SEGMENTS, SECONDS, NAMES = 2, 4, [f"v{number}.mp4" for number in range(6)]  # two clips a video


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six videos, their events, features and a model of which two were held out, in the folder of the session."""
    folder = tmp_path_factory.mktemp("report")
    make_model(folder, NAMES, SECONDS, n_segments=N_SEGMENTS, extracted=["--pool", "mean"], fitted=["--holdout", "0.3"])
    return folder


@pytest.fixture
def here(made, monkeypatch):
    """That folder as the current one; pages in it are removed afterwards."""
    monkeypatch.chdir(made)
    yield made
    for file in [*made.glob("*.html"), *made.glob("*.htm")]:
        file.unlink()


WITH_TRUTH = ["report", "model.joblib", "--features", "features", "--annotations", "events.csv"]


def array_of(text, kind="<u2"):
    return np.frombuffer(base64.b64decode(text), kind)


def proba_of(content):
    """Probabilities of all segments of all videos, (n, n_classes)."""
    stretches = [stretch for video in content["videos"] for stretch in video["stretches"]]
    rows = np.concatenate([array_of(stretch["proba"]) for stretch in stretches])
    return rows.reshape(-1, content["n_classes"]) / 65535


def without(content, *names):
    return {name: value for name, value in content.items() if name not in names}


# ---------------------------------------------------------------- whole way
@pytest.mark.slow
def test_a_page_says_what_predict_and_score_say(here, capsys):
    assert main([*WITH_TRUTH, "-o", "report.html"]) == 0
    out, err = capsys.readouterr()
    content = content_of("report.html")
    size = os.path.getsize("report.html") / 1e6
    assert out == f"report.html: 6 videos, {size:.1f} MB; open it in a browser\n"
    known = (
        "4 of the 6 videos were trained on, so that the scores are no test; --heldout shows those that were held out"
    )
    assert f"ave-sklearn: warning: {known}: " in err and [note[: len(known)] for note in content["notes"]] == [known]

    assert main(["predict", "model.joblib", "--features", "features", "--probabilities", "--format", "csv"]) == 0
    table = pd.read_csv(StringIO(capsys.readouterr().out))
    assert [video["name"] for video in content["videos"]] == table["filename"].unique().tolist()
    labels = content["labels"][: content["n_classes"]]
    assert table["event_label"].tolist() == labels * (len(table) // len(labels))
    np.testing.assert_allclose(proba_of(content).ravel(), table["score"], atol=1e-5)
    predicted = [array_of(stretch["pred"]) for video in content["videos"] for stretch in video["stretches"]]
    best = table["score"].to_numpy().reshape(-1, len(labels)).argmax(-1)
    assert np.concatenate(predicted).tolist() == best.tolist() and len(best) == len(NAMES) * SECONDS

    assert main(["score", *WITH_TRUTH[1:], "--format", "json"]) == 0
    scores, summary = json.loads(capsys.readouterr().out), content["summary"]
    rows = {row["name"]: without(row, "name") for row in summary["scores"]}
    assert (summary["videos"], summary["segments"]) == (scores["videos"], scores["segments"]) == (6, 24)
    assert list(rows.values()) == [pytest.approx(scores["model"]), *map(pytest.approx, scores["references"].values())]


@pytest.mark.slow
def test_videos_and_their_features_give_the_same_page(here, capsys):
    assert main([*WITH_TRUTH, "-o", "report.html", "--quiet"]) == 0
    videos = [f"videos/{name}" for name in NAMES]
    options = ["--annotations", "events.csv", "-o", "again.html", "--quiet"]
    assert main(["report", "model.joblib", *videos, *options]) == 0
    first, second = content_of("report.html"), content_of("again.html")
    assert without(first, "videos") == without(second, "videos")
    np.testing.assert_allclose(proba_of(first), proba_of(second), atol=1e-4)
    for one, other in zip(first["videos"], second["videos"], strict=True):
        assert without(one, "stretches", "clips", "confidence") == without(other, "stretches", "clips", "confidence")
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_python_writes_the_same_page(here):
    assert main([*WITH_TRUTH, "-o", "report.html", "--pictures", "2", "--title", "Ours", "--quiet"]) == 0
    X, clips = read_features("features")
    options = {"clips": clips, "media": {name: name for name in clips["filename"]}, "pictures": 2, "title": "Ours"}
    events = read_events("events.csv")
    events["filename"] = "videos/" + events["filename"]
    write_report(joblib.load("model.joblib").named_steps["localize"], X, "python.html", events, **options)
    command, python = content_of("report.html"), content_of("python.html")
    assert command["model"].pop("source") == "model.joblib" and python["model"].pop("source") is None
    assert without(command, "notes") == without(python, "notes")
    assert command["title"] == "Ours" and sum(video["thumbs"] is not None for video in command["videos"]) == 2


@pytest.mark.slow
def test_without_truth_nothing_is_scored(here, capsys):
    assert main(["report", "model.joblib", "videos/v0.mp4", "-o", "report.htm", "--pictures", "0", "--quiet"]) == 0
    content = content_of("report.htm")
    assert (content["has_truth"], content["summary"], len(content["videos"])) == (False, None, 1)
    assert content["videos"][0]["thumbs"] is None and content["videos"][0]["media"]["url"] == "./videos/v0.mp4"
    known = "1 of the 1 videos were trained on, so that what is found in them is no test"
    is_known = "videos/v0.mp4" in joblib.load("model.joblib").named_steps["localize"].training_videos_
    assert [note.startswith(known) for note in content["notes"]] == [True] * is_known
    assert (known in capsys.readouterr().err) == is_known


@pytest.mark.slow
def test_held_out_videos_alone_are_shown(here, capsys):
    assert main([*WITH_TRUTH, "-o", "report.html", "--heldout", "--quiet"]) == 0
    content = content_of("report.html")
    held_out = joblib.load("model.joblib").named_steps["localize"].held_out_videos_
    assert [video["name"] for video in content["videos"]] == list(held_out) and len(held_out) == 2
    assert content["notes"] == ["These videos were held out: model.joblib was not trained on them."]
    assert content["summary"]["videos"] == 2
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_media_are_linked_where_they_lie(here, tmp_path, capsys):
    (here / "pages").mkdir(exist_ok=True)
    page = "pages/report.html"
    assert main([*WITH_TRUTH, "-o", page, "--pictures", "0", "--quiet"]) == 0
    assert [video["media"]["url"] for video in content_of(page)["videos"]] == [f"../videos/{name}" for name in NAMES]
    (tmp_path / "other").mkdir()
    os.link(here / "videos" / "v1.mp4", tmp_path / "other" / "v1.mp4")
    assert main([*WITH_TRUTH, "-o", page, "--media", str(tmp_path / "other"), "--quiet"]) == 0
    media = [video["media"] for video in content_of(page)["videos"]]
    assert [one["url"] is None for one in media] == [True, False, True, True, True, True]
    assert media[0]["note"] == f"The media file is not there; looked for at {tmp_path / 'other' / 'v0.mp4'}."
    assert sum(video["thumbs"] is not None for video in content_of(page)["videos"]) == 1
    Path(page).unlink()


@pytest.mark.slow
def test_features_whose_videos_are_elsewhere_have_a_page_without_media(here, tmp_path, capsys, monkeypatch):
    paths = ["--features", str(here / "features"), "-o", str(tmp_path / "report.html")]
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(here / "model.joblib"), *paths]) == 0
    assert "note: no video of the features is there by its name" in capsys.readouterr().err
    assert all(video["media"] is None for video in content_of("report.html")["videos"])


@pytest.mark.slow
def test_videos_that_cannot_be_used_are_said_on_the_page(here, capsys):
    (here / "videos" / "text.mp4").write_text("no video")
    videos = ["videos/v0.mp4", "videos/text.mp4"]
    try:
        assert main(["report", "model.joblib", *videos, "-o", "report.html", "--on-error", "skip", "--quiet"]) == 0
    finally:
        (here / "videos" / "text.mp4").unlink()
    content = content_of("report.html")
    assert [video["name"] for video in content["videos"]] == videos[:1]
    assert content["notes"][0] == "1 of the 2 videos could not be used: videos/text.mp4"


# ------------------------------------------------------------------ serving
@pytest.mark.slow
def test_a_page_is_served_until_ctrl_c(here):
    (here / "pages").mkdir(exist_ok=True)
    options = ["-o", "pages/report.html", "--serve", "0", "--pictures", "1"]
    command = [sys.executable, "-m", "ave_sklearn", *WITH_TRUTH, *options]
    attended = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore Ctrl-C
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "preexec_fn": attended}
    with subprocess.Popen(command, **pipes) as process:
        written, served = process.stdout.readline(), process.stdout.readline()
        assert re.fullmatch(r"pages/report\.html: 6 videos, \d\.\d MB\n", written)
        port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/ shows it; Ctrl-C ends\n", served)[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        page = answer.getheader("location")
        answer.read()
        connection.request("GET", page)
        assert connection.getresponse().read() == Path("pages/report.html").read_bytes()
        connection.request("GET", page.replace("pages/report.html", "videos/v3.mp4"), headers={"Range": "bytes=5-9"})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (206, Path("videos/v3.mp4").read_bytes()[5:10])
        connection.close()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == "" and err.endswith("ave-sklearn: interrupted\n") and "Traceback" not in err
    Path("pages/report.html").unlink()


# ---------------------------------------------------------------- bad input
def error_of(argv, capsys):
    """The exit code of a command, and what standard error says."""
    try:
        status = main(argv)
    except SystemExit as error:
        status = error.code
    out, err = capsys.readouterr()
    assert out == ""
    return status, err


FEATURES = ["--features", "features"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["events.csv", *FEATURES, "-o", "r.html"], 1, "events.csv is no model of 'ave-sklearn fit': it is"),
        (["none.joblib", *FEATURES, "-o", "r.html"], 1, "none.joblib: No such file or directory"),
        (["model.joblib", "--features", "videos", "-o", "r.html"], 1, "videos is no folder of features"),
        (["model.joblib", "none.mp4", "-o", "r.html"], 1, "none.mp4"),
        (["model.joblib", "-o", "r.html"], 2, "wanted either videos or --features"),
        (["model.joblib", "videos/v0.mp4", *FEATURES, "-o", "r.html"], 2, "wanted either videos or --features"),
        (["model.joblib", *FEATURES], 2, "the following arguments are required: -o/--output"),
        (["model.joblib", *FEATURES, "-o", "r.txt"], 2, "argument -o/--output: 'r.txt' is not the name of a page"),
        (["model.joblib", *FEATURES, "-o", "none/r.html"], 1, "the folder none is not there, so r.html cannot be made"),
        (["model.joblib", *FEATURES, "-o", "-"], 2, "'-' is not the name of a page, which ends in .html or .htm"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--pictures", "-1"], 2, "--pictures: '-1' is not a whole number"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--pictures", "1.5"], 2, "'1.5' is not a whole number of 0"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--serve", "65536"], 2, "'65536' is not the number of a port"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--serve", "-1"], 2, "'-1' is not the number of a port"),
        (
            ["model.joblib", *FEATURES, "-o", "r.html", "--media", "none"],
            1,
            "--media is 'none', which is not there; wanted a folder",
        ),
        (
            ["model.joblib", *FEATURES, "-o", "r.html", "--media", "events.csv"],
            1,
            "--media is 'events.csv', which is no folder",
        ),
        (["model.joblib", *FEATURES, "-o", "r.html", "--title", " "], 1, "--title"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--annotations", "none.csv"], 1, "none.csv: No such file"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--annotations", ""], 1, "--annotations is ''; wanted the file"),
        (["model.joblib", *FEATURES, "-o", "r.html", "--min-overlap", "2"], 1, "--min-overlap is 2"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_written(here, capsys, argv, status, said):
    files = sorted(here.rglob("*"))
    found, err = error_of(["report", *argv], capsys)
    assert (found, said in err) == (status, True), err
    assert status == 2 or re.fullmatch(r"ave-sklearn: error: .*\n(  .*\n)*", err), err
    assert sorted(here.rglob("*")) == files


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pipes that have names")
def test_a_pipe_is_no_page(here, capsys):
    os.mkfifo(here / "pipe.html")
    status, err = error_of(["report", "model.joblib", *FEATURES, "-o", "pipe.html"], capsys)
    assert (status, err) == (
        1,
        "ave-sklearn: error: -o is 'pipe.html', no regular file; wanted the path of a page.\n",
    )
    assert (here / "pipe.html").is_fifo()


class Other(BaseEstimator):
    """A localizer of somebody else's."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_events(self, X):
        raise NotImplementedError


@pytest.mark.slow
def test_a_localizer_of_somebody_else_is_refused(here, tmp_path, capsys):
    model = joblib.load("model.joblib")
    model.steps[-1] = ("localize", Other().fit(None, ["a"]))
    joblib.dump(model, tmp_path / "other.joblib")
    status, err = error_of(["report", str(tmp_path / "other.joblib"), *FEATURES, "-o", "r.html"], capsys)
    assert status == 1 and err.count("\n") == 1
    assert f"{tmp_path / 'other.joblib'} cannot be read as the model of a report: " in err and "Other" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("unlisted", "said"),
    [
        ("background", "5 of 6 videos, which is most of them, are not in {}: taken as all background"),
        ("skip", "5 of 6 videos are not in {}, and are left out"),
    ],
)
def test_videos_without_truth_are_said_on_the_page(here, tmp_path, unlisted, said):
    (tmp_path / "one.csv").write_text("filename,onset,offset,event_label\nv0.mp4,0,1,dog\n")
    argv = [*WITH_TRUTH[:-1], str(tmp_path / "one.csv"), "--unlisted", unlisted, "-o", "r.html"]
    assert main([*argv, "--quiet"]) == 0
    assert content_of("r.html")["notes"][0].startswith(said.format(tmp_path / "one.csv"))


@pytest.mark.slow
def test_features_of_unknown_recipe_are_said_on_the_page(here, tmp_path):
    for file in (here / "features").iterdir():
        if file.name != "extractor.json":
            os.link(file, tmp_path / file.name)
    assert main(["report", "model.joblib", "--features", str(tmp_path), "-o", "r.html", "--quiet"]) == 0
    assert f"{tmp_path} has no extractor.json" in content_of("r.html")["notes"][0]


@pytest.mark.slow
def test_an_event_list_of_other_videos_is_named(here, tmp_path, capsys):
    (tmp_path / "other.csv").write_text("filename,onset,offset,event_label\nx.mp4,0,1,dog\n")
    for what in (["videos/v0.mp4"], FEATURES):
        argv = ["report", "model.joblib", *what, "--annotations", str(tmp_path / "other.csv"), "-o", "r.html"]
        status, err = error_of(argv, capsys)
        assert status == 1 and f"none of the 1 file names in {tmp_path / 'other.csv'} is among the" in err
        assert not Path("r.html").exists()


@pytest.mark.slow
def test_features_of_another_recipe_are_refused(here, tmp_path, capsys):
    params = json.loads((here / "features" / "extractor.json").read_text())
    for file in (here / "features").iterdir():
        os.link(file, tmp_path / file.name)
    (tmp_path / "extractor.json").unlink()
    (tmp_path / "extractor.json").write_text(json.dumps({**params, "image_size": 32}))
    status, err = error_of(["report", "model.joblib", "--features", str(tmp_path), "-o", "r.html"], capsys)
    assert status == 1 and "image_size" in err.replace("-", "_") and err.count("\n") == 1
    assert not Path("r.html").exists()


@pytest.mark.slow
def test_features_of_another_width_are_refused(here, tmp_path, capsys):
    for file in (here / "features").iterdir():
        if file.name in ("videos.csv", "extractor.json", "visual.npy"):
            os.link(file, tmp_path / file.name)
    audio = np.load(here / "features" / "audio.npy")
    np.save(tmp_path / "audio.npy", audio[..., :-1])
    status, err = error_of(["report", "model.joblib", "--features", str(tmp_path), "-o", "r.html"], capsys)
    assert status == 1 and str(audio.shape[-1]) in err and err.count("\n") == 1, err
    assert not Path("r.html").exists()


@pytest.mark.slow
def test_a_port_in_use_is_found_before_the_work(here, capsys, monkeypatch):
    monkeypatch.setattr("ave_sklearn.cli.report.load_model", lambda file: pytest.fail("the work began"))
    with open_port(0) as other:
        number = other.getsockname()[1]
        argv = ["report", "model.joblib", *FEATURES, "-o", "r.html", "--serve", str(number)]
        status, err = error_of(argv, capsys)
    assert (status, Path("r.html").exists()) == (1, False)
    assert err == (
        f"ave-sklearn: error: port {number} of 127.0.0.1 is in use; wanted a free one, or 0 for any that is free\n"
    )


@pytest.mark.slow
def test_a_page_is_never_written_over_what_is_read(here, tmp_path, capsys):
    os.link(here / "events.csv", here / "events.html")
    before = (here / "events.html").read_bytes()
    status, err = error_of([*WITH_TRUTH[:-1], "events.html", "-o", "events.html"], capsys)
    assert (status, "-o events.html: --annotations has that file" in err) == (1, True)
    assert (here / "events.html").read_bytes() == before
    os.link(here / "videos" / "v0.mp4", here / "v0.html")
    before = (here / "v0.html").read_bytes()
    status, err = error_of(["report", "model.joblib", *FEATURES, "-o", "v0.html"], capsys)
    assert (status, "v0.html is the media file of 'videos/v0.mp4'" in err) == (1, True)
    assert (here / "v0.html").read_bytes() == before


@pytest.mark.slow
def test_an_older_page_is_there_until_the_new_one_is_whole(here, capsys, monkeypatch):
    Path("r.html").write_text("old")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    assert error_of([*WITH_TRUTH, "-o", "r.html", "--quiet"], capsys)[0] == 130
    assert Path("r.html").read_text() == "old"
    assert not [file.name for file in here.iterdir() if file.name.startswith(".")]


@pytest.mark.slow
def test_nothing_was_held_out_of_a_model_of_all_videos(here, tmp_path, capsys):
    model = joblib.load("model.joblib")
    model.named_steps["localize"].held_out_videos_ = {}
    joblib.dump(model, tmp_path / "all.joblib")
    status, err = error_of(["report", str(tmp_path / "all.joblib"), *FEATURES, "-o", "r.html", "--heldout"], capsys)
    assert (status, "no videos were held out of" in err) == (1, True)
