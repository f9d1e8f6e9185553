"""Content of a report: what it says of videos is what the localizer and the metrics say."""

import base64
import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid
from ave_sklearn.cli import main
from ave_sklearn.cli.score import score_clips
from ave_sklearn.datasets import make_av_events
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._clips import join_clips
from ave_sklearn.inspection.report._content import make_content, middles, ranked
from ave_sklearn.inspection.report._read import make_input, read_report
from ave_sklearn.metrics import event_f1_score, reference_predictions, segment_accuracy_score

SMALL = {"max_epochs": 1, "hidden_size": 8, "random_state": 0}


def decoded(text, kind="<u2"):
    return np.frombuffer(base64.b64decode(text), kind)


@pytest.fixture(scope="module")
def fitted(videos):
    X, y = videos
    return PSPLocalizer(max_epochs=3, hidden_size=8, random_state=0).fit(X[:30], y[:30])


@pytest.fixture(scope="module")
def content(fitted, videos):
    X, y = videos
    return make_content(read_report(fitted, X[30:], y[30:]))


# ------------------------------------------------------------------- videos
def test_it_is_json_without_numbers_that_are_none(content):
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_each_video_has_the_labels_and_probabilities_of_the_localizer(content, fitted, videos):
    X, y = videos
    proba, labels = fitted.predict_proba(X[30:]), np.array(content["labels"])
    assert [video["name"] for video in content["videos"]] == [str(number) for number in range(30)]
    assert content["labels"][: content["n_classes"]] == fitted.classes_.tolist()
    assert labels[content["background"]] == "background"
    for row, video in enumerate(content["videos"]):
        (stretch,) = video["stretches"]
        assert stretch["first"] == 0
        assert labels[decoded(stretch["pred"])].tolist() == fitted.predict(X[30 + row : 31 + row])[0].tolist()
        assert labels[decoded(stretch["true"])].tolist() == y[30 + row].tolist()
        shares = decoded(stretch["proba"]).reshape(proba[row].shape) / 65535
        np.testing.assert_allclose(shares, proba[row], atol=0.6 / 65535, rtol=0)
        right = [pred == true for pred, true in zip(fitted.predict(X)[30 + row], y[30 + row], strict=True)]
        assert video["accuracy"] == pytest.approx(sum(right) / 10)
        assert video["confidence"] == pytest.approx(np.mean([max(segment) for segment in proba[row]]))
        assert (video["seconds"], video["media"], video["thumbs"]) == (10.0, None, None)


def test_each_clip_has_the_maps_of_the_localizer(content, fitted, videos):
    X = videos[0][30:]
    gamma_va, gamma_av, attention = *fitted.propagation(X), fitted.attention(X)
    for row, video in enumerate(content["videos"]):
        (clip,) = video["clips"]
        assert (clip["first"], clip["segments"], clip["map"]) == (0, 10, [3, 3])
        for name, gamma in (("va", gamma_va), ("av", gamma_av)):
            shares = decoded(clip[name], "<i2").reshape(10, 10) / 32767
            np.testing.assert_allclose(shares, gamma[row], atol=0.6 / 32767, rtol=0)
            assert ((shares == 0) >= (gamma[row] == 0)).all()  # what is cut stays exactly 0
        shares = decoded(clip["attention"]).reshape(10, 3, 3) / 65535
        np.testing.assert_allclose(shares, attention[row], atol=0.6 / 65535, rtol=0)


def test_connections_below_0_keep_their_sign(videos):
    X, y = videos
    localizer = PSPLocalizer(tau=-np.inf, **SMALL).fit(X, y)
    gamma_va, _ = localizer.propagation(X)
    assert gamma_va.min() < -0.01
    clips = [video["clips"][0] for video in make_content(read_report(localizer, X))["videos"]]
    shares = np.array([decoded(clip["va"], "<i2").reshape(10, 10) for clip in clips]) / 32767
    np.testing.assert_allclose(shares, gamma_va, atol=0.6 / 32767, rtol=0)


def test_a_model_without_maps_says_why(pooled, videos):
    without = [
        (PSPLocalizer(tau=None, **SMALL).fit(*videos), "propagation", "none: the model was fitted with tau=None"),
        (PSPLocalizer(**SMALL).fit(*pooled), "attention", "none: the visual features are pooled"),
        (
            EventLocalizer(network="avel", max_epochs=1).fit(*videos),
            "propagation",
            "none: this network has no propagation",
        ),
    ]
    for localizer, kind, reason in without:
        content = make_content(read_report(localizer, (pooled if kind == "attention" else videos)[0][:3]))
        assert reason in dict(content["model"]["details"])[kind]
        names = ("va", "av") if kind == "propagation" else ("attention", "map")
        assert [content["videos"][0]["clips"][0][name] for name in names] == [None, None]
        other = "attention" if kind == "propagation" else "va"
        assert content["videos"][0]["clips"][0][other] is not None


def test_the_model_is_described(content, videos):
    assert content["model"]["name"] == "PSPLocalizer"
    details = dict(content["model"]["details"])
    assert details["segments"] == "10 a video" and "0.095 or more" in details["propagation"]
    localizer = EventLocalizer(network="avel", max_epochs=1).fit(*videos)
    assert dict(make_content(read_report(localizer, videos[0][:2]))["model"]["details"])["network"] == "avel"


# ---------------------------------------------------------- videos of clips
CLIPS = pd.DataFrame(  # one with an overlap, one with a gap, and one that begins late and ends within its clip
    {
        "filename": ["long", "late", "long", "gap", "gap"],
        "start": [7.0, 1e9, 0.0, 30.0, 0.0],
        "padding": [0.0, 2.5, 0.0, 0.0, 0.0],
    }
)


def test_clips_are_joined_to_stretches(fitted, videos):
    X, y = videos[0][:5], videos[1][:5]
    content = make_content(read_report(fitted, X, y, clips=CLIPS))
    assert [video["name"] for video in content["videos"]] == ["long", "late", "gap"]
    assert [video["seconds"] for video in content["videos"]] == [17.0, 1e9 + 7.5, 40.0]
    firsts = [[stretch["first"] for stretch in video["stretches"]] for video in content["videos"]]
    assert firsts == [[0], [10**9], [0, 30]]
    assert [[clip["first"] for clip in video["clips"]] for video in content["videos"]] == [[0, 7], [10**9], [0, 30]]
    labels = np.array(content["labels"])
    pred = fitted.predict(X)
    long, late, _ = [[labels[decoded(s["pred"])].tolist() for s in video["stretches"]] for video in content["videos"]]
    assert long == [[*pred[2], *pred[0][3:]]]  # of segments that two clips share the earlier one decides
    assert late == [pred[1][:8].tolist()]  # what begins behind the end is no segment of the video
    gamma_va, _ = fitted.propagation(X)
    shares = decoded(content["videos"][0]["clips"][1]["va"], "<i2").reshape(10, 10) / 32767
    np.testing.assert_allclose(shares, gamma_va[0], atol=0.6 / 32767, rtol=0)
    assert middles(content["videos"][2], WHOLE_SECONDS)[9:12] == [9.5, 30.5, 31.5]
    assert len(json.dumps(content)) < 20_000  # nothing goes with the largest number of a segment


def test_a_hop_is_the_time_from_one_segment_to_the_next(fitted, videos):
    clips = pd.DataFrame({"filename": ["a", "a"], "start": [0.0, 5.0]})
    content = make_content(read_report(fitted, videos[0][:2], clips=clips, hop_seconds=0.5, segment_seconds=2))
    assert (content["hop"], content["segment"]) == (0.5, 2.0)
    (video,) = content["videos"]
    assert [stretch["first"] for stretch in video["stretches"]] == [0]
    assert [clip["first"] for clip in video["clips"]] == [0, 10]
    assert (video["seconds"], middles(video, Grid(2.0, 0.5))[:2]) == (10.0, [1.0, 1.5])


# ------------------------------------------------------------------- scores
def test_scores_are_those_of_the_metrics(content, fitted, videos):
    X, y = videos[0][30:], videos[1][30:]
    rows = {"this model": fitted.predict(X), **reference_predictions(y)}
    summary = content["summary"]
    assert (summary["videos"], summary["segments"]) == (30, 300)
    assert [line["name"] for line in summary["scores"]] == list(rows)
    for line in summary["scores"]:
        assert line["segment_accuracy"] == pytest.approx(segment_accuracy_score(y, rows[line["name"]]))
        assert line["event_f1"] == pytest.approx(event_f1_score(y, rows[line["name"]]))


def test_the_confusion_counts_each_segment_once(content, fitted, videos):
    X, y = videos[0][30:], videos[1][30:]
    labels = content["labels"]
    counts = np.zeros((len(labels), len(labels)), int)
    for true, pred in zip(y.ravel(), fitted.predict(X).ravel(), strict=True):
        counts[labels.index(true), labels.index(pred)] += 1
    assert content["summary"]["confusion"] == counts.tolist()


def test_the_worst_videos_are_those_with_the_fewest_right_segments(content):
    accuracies = [video["accuracy"] for video in content["videos"]]
    assert min(accuracies) < max(accuracies)
    assert content["summary"]["worst"] == np.argsort(accuracies, kind="stable")[:10].tolist()
    assert ranked(content) == np.argsort(accuracies, kind="stable").tolist()


def test_a_video_without_a_wrong_segment_is_none_of_the_worst(fitted, videos):
    X = videos[0][:4]
    y = fitted.predict(X)
    other = next(label for label in fitted.classes_ if label != y[2, 0])
    y[2, 0] = other
    assert make_content(read_report(fitted, X, y))["summary"]["worst"] == [2]


def test_without_truth_there_are_no_scores_and_the_least_certain_come_first(fitted, videos):
    content = make_content(read_report(fitted, videos[0][:6]))
    assert (content["has_truth"], content["summary"]) == (False, None)
    assert [video["accuracy"] for video in content["videos"]] == [None] * 6
    assert content["videos"][0]["stretches"][0]["true"] is None
    certain = fitted.predict_proba(videos[0][:6]).max(-1).mean(-1)
    assert ranked(content) == np.argsort(certain).tolist()


def test_scores_of_clips_are_those_of_the_command_line(fitted, videos):
    X, y = videos[0][:5], videos[1][:5]
    summary = make_content(read_report(fitted, X, y, clips=CLIPS))["summary"]
    scores = score_clips(y, fitted.predict(X), CLIPS, WHOLE_SECONDS, "background")
    assert (summary["videos"], summary["segments"]) == (scores["videos"], scores["segments"]) == (3, 45)
    lines = {line.pop("name"): line for line in summary["scores"]}
    assert lines == {"this model": scores["model"], **scores["references"]}


@pytest.mark.slow
def test_the_command_score_prints_the_same_numbers(tmp_path, capsys):
    X, y = make_av_events(n_videos=20, n_segments=4, n_audio_features=6, n_visual_features=5, random_state=0)
    names = [f"videos/{number // 2:02}.mp4" for number in range(20)]
    clips = pd.DataFrame({"filename": names, "start": [0.0, 3.0] * 10})
    (tmp_path / "features").mkdir()
    for name in ("audio", "visual"):
        np.save(tmp_path / "features" / f"{name}.npy", X[name].astype("f4"))
    clips.to_csv(tmp_path / "features" / "videos.csv", index=False)
    extractor = VideoFeatureExtractor(n_segments=4, weights="random")
    (tmp_path / "features" / "extractor.json").write_text(json.dumps({"n_segments": 4, "weights": "random"}))
    localizer = PSPLocalizer(max_epochs=2, hidden_size=8, random_state=0).fit(X, y)
    joblib.dump(Pipeline([("extract", extractor), ("localize", localizer)]), tmp_path / "model.joblib")
    rows = [(name, first, values) for name, first, values in join_clips(y, clips)]
    events = [
        (name.rpartition("/")[2], float(first + t), float(first + t + 1), label)
        for name, first, values in rows
        for t, label in enumerate(values)
        if label != "background"
    ]
    events = pd.DataFrame(events, columns=["filename", "onset", "offset", "event_label"])
    events = events[events["filename"] != "03.mp4"]
    events.to_csv(tmp_path / "events.csv", index=False)
    features = ["--features", str(tmp_path / "features"), "--annotations", str(tmp_path / "events.csv")]
    assert main(["score", str(tmp_path / "model.joblib"), *features, "--format", "json", "--quiet"]) == 0
    scores = json.loads(capsys.readouterr().out)
    model = joblib.load(tmp_path / "model.joblib")
    stored = AVFeatures.from_npy(*(tmp_path / "features" / f"{name}.npy" for name in ("audio", "visual")))
    with pytest.warns(UserWarning, match="1 of 10 videos are not in y_true: taken as all background: 'videos/03.mp4'"):
        summary = make_content(read_report(model, stored, events, clips=clips))["summary"]
    assert (summary["videos"], summary["segments"]) == (scores["videos"], scores["segments"]) == (10, 70)
    lines = {line.pop("name"): line for line in summary["scores"]}
    assert lines == {"this model": scores["model"], **scores["references"]}


# ------------------------------------------------------------------- labels
def test_labels_that_the_model_does_not_know_are_of_the_truth_alone(fitted, videos):
    X, y = videos[0][:3], videos[1][:3].astype(object)
    y[1, 4:6] = "aardvark"
    content = make_content(read_report(fitted, X, y))
    n = content["n_classes"]
    assert content["labels"] == [*fitted.classes_, "aardvark"] and n == len(fitted.classes_)
    assert (decoded(content["videos"][1]["stretches"][0]["true"])[4:6] == n).all()
    assert sum(content["summary"]["confusion"][n]) == 2
    assert all(row[n] == 0 for row in content["summary"]["confusion"])


def test_a_truth_of_endless_labels_is_refused(fitted, videos):
    y = [[f"label {row} {t}" for t in range(10)] for row in range(120)]
    with pytest.raises(ValueError, match="y_true has 1200 labels that the model does not know, such as 'label 0 0'"):
        make_content(read_report(fitted, AVFeatures.concatenate([videos[0], videos[0]]), y))


def test_numbers_are_labels_too(videos):
    X, y = videos
    classes, codes = np.unique(y, return_inverse=True)
    codes = codes.reshape(y.shape) * 10
    localizer = PSPLocalizer(background=0, **SMALL).fit(X, codes)
    content = make_content(read_report(localizer, X, codes))
    assert content["labels"] == [str(10 * code) for code in range(len(classes))]
    assert content["background"] == 0
    assert content["summary"]["scores"][1]["name"] == "everything background"


@pytest.mark.parametrize("background", [None, "silence"])
def test_a_model_without_a_background_has_no_references(videos, background):
    X, y = videos
    codes = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    localizer = PSPLocalizer(background=background, lam=0, **SMALL).fit(X, codes)
    content = make_content(read_report(localizer, X[:5], codes[:5]))
    assert content["background"] is None
    (line,) = content["summary"]["scores"]
    assert line["segment_accuracy"] == pytest.approx(segment_accuracy_score(codes[:5], localizer.predict(X[:5])))
    assert line["event_f1"] == pytest.approx(event_f1_score(codes[:5], localizer.predict(X[:5]), background=None))


# --------------------------------------------------------------- other forms
def test_other_forms_of_features_are_the_same(content, fitted, videos):
    X, y = videos[0][30:], videos[1][30:]
    for form in ({"audio": X.audio, "visual": X.visual}, AVFeatures(X.audio[::-1], X.visual[::-1])[::-1]):
        assert make_content(read_report(fitted, form, y)) == content


def test_flat_rows_are_videos_of_one_segment(videos):
    X, y = videos
    flat, labels = X.audio[:, 0], y[:, 0]
    localizer = PSPLocalizer(**SMALL).fit(flat, labels)
    content = make_content(read_report(localizer, pd.DataFrame(flat), labels))
    assert content == make_content(read_report(localizer, flat, labels))
    assert content["videos"][0]["clips"][0]["segments"] == 1
    found = [content["labels"][decoded(video["stretches"][0]["pred"])[0]] for video in content["videos"]]
    assert found == localizer.predict(flat).tolist()


def test_weak_supervision_has_a_report_too(videos):
    X, y = videos
    localizer = WeakPSPLocalizer(**SMALL).fit(X, y)
    content = make_content(read_report(localizer, X, y))
    accuracy = content["summary"]["scores"][0]["segment_accuracy"]
    assert accuracy == pytest.approx(segment_accuracy_score(y, localizer.predict(X)))


def test_what_was_read_elsewhere_is_made_a_report_of(fitted, videos):
    X, y = videos[0][:5], videos[1][:5]
    options = {"title": "Title", "source": "model.joblib", "notes": ["3 of the 5 were trained on"]}
    content = make_content(make_input(fitted, X, CLIPS, Grid(), y, **options))
    other = make_content(read_report(fitted, X, y, clips=CLIPS))
    assert (content.pop("title"), content.pop("notes")) == ("Title", ["3 of the 5 were trained on"])
    assert content["model"].pop("source") == "model.joblib"
    assert (other.pop("title"), other.pop("notes"), other["model"].pop("source")) == ("Audio-visual events", [], None)
    assert content == other


@pytest.mark.slow
def test_a_thousand_videos_are_three_megabytes():
    X, y = make_av_events(n_videos=1000, n_classes=28, map_size=(7, 7), n_visual_features=4, random_state=0)
    localizer = PSPLocalizer(**SMALL).fit(X[:100], y[:100])
    assert len(json.dumps(make_content(read_report(localizer, X, y)))) < 3.2e6
