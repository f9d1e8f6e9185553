"""A report written: every form of model, features and truth, and what is refused before anything is written."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import grey, write_video
from report_contents import content_of
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import ave_sklearn._files
from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor
from ave_sklearn.inspection import write_report
from ave_sklearn.inspection.report._read import read_report
from ave_sklearn.model_selection import VideoStratifiedKFold

SMALL = {"max_epochs": 1, "hidden_size": 8, "random_state": 0}
COLUMNS = ["filename", "onset", "offset", "event_label"]


def events(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.fixture(scope="module")
def fitted(videos):
    X, y = videos
    return PSPLocalizer(**SMALL).fit(X[:30], y[:30])


@pytest.fixture
def file(tmp_path):
    return tmp_path / "report.html"


# -------------------------------------------------------------------- pages
@pytest.mark.parametrize("as_given", [str, Path])
def test_the_page_is_written_and_named(fitted, videos, file, as_given):
    X, y = videos
    written = write_report(fitted, X[30:], as_given(file), y[30:], title="<b>Title</b>")
    assert written == file and [path.name for path in file.parent.iterdir()] == ["report.html"]
    content = content_of(file)
    assert content["title"] == "<b>Title</b>" and "<b>Title</b>" not in file.read_text(encoding="utf-8")
    assert (len(content["videos"]), content["summary"]["videos"]) == (30, 30)


def test_an_older_page_is_replaced(fitted, videos, file):
    for n in (3, 5):
        write_report(fitted, videos[0][:n], file)
        assert len(content_of(file)["videos"]) == n


def test_an_interrupted_write_leaves_the_older_page(fitted, videos, file, monkeypatch):
    write_report(fitted, videos[0][:3], file)
    older = file.read_bytes()

    def interrupt(path):
        assert len(Path(path).read_bytes()) > len(older)  # the new page is written, and has no name yet
        raise KeyboardInterrupt

    monkeypatch.setattr(ave_sklearn._files, "flush", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_report(fitted, videos[0][:9], file)
    assert file.read_bytes() == older
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]


def test_names_of_files_that_are_no_text_are_written(fitted, videos, file):
    write_report(fitted, videos[0][:2], file, videos=["a\udcff.mp4", "</script>\u2028"])
    assert [video["name"] for video in content_of(file)["videos"]] == ["a\udcff.mp4", "</script>\u2028"]


# ------------------------------------------------------------------- models
def test_a_search_and_a_pipeline_are_reports_of_the_localizer_within(fitted, videos, file):
    X, y = videos
    search = GridSearchCV(PSPLocalizer(**SMALL), {"tau": [0.0]}, cv=VideoStratifiedKFold(2)).fit(X, y)
    halved = FunctionTransformer(lambda X: AVFeatures(X.audio / 2, X.visual))
    pipeline = make_pipeline(halved, PSPLocalizer(**SMALL)).fit(X, y)
    for model in (search, pipeline):
        content = content_of(write_report(model, X[:9], file, y[:9]))
        accuracy = np.mean(model.predict(X[:9]) == y[:9])
        assert content["summary"]["scores"][0]["segment_accuracy"] == pytest.approx(accuracy)


def test_a_search_that_is_not_fitted_is_refused_though_it_holds_a_localizer_that_is(fitted, videos, file):
    with pytest.raises(ValueError, match="this GridSearchCV is not fitted"):
        write_report(GridSearchCV(fitted, {"tau": [0.0]}), videos[0], file)
    assert not file.exists()


def test_features_are_taken_by_a_pair_and_its_times_with_them(fitted, videos, file):
    extractor = VideoFeatureExtractor(n_segments=10, segment_seconds=2.0, hop_seconds=0.5)
    for model in ((extractor, fitted), make_pipeline(extractor, fitted)):
        content = content_of(write_report(model, videos[0][:3], file, hop_seconds=0.5))
        assert (content["hop"], content["segment"], len(content["videos"])) == (0.5, 2.0, 3)
        with pytest.raises(ValueError, match="hop_seconds is 2.0, but the extractor of the model has 0.5"):
            write_report(model, videos[0][:3], file, hop_seconds=2.0)
    other = VideoFeatureExtractor(n_segments=4)
    with pytest.raises(ValueError, match="gives 4 segments a clip, but the localizer was fitted to 10"):
        write_report((other, fitted), ["a.mp4"], file)


# -------------------------------------------------------------------- truth
def test_events_are_the_labels_of_their_segments(fitted, videos, file):
    label = next(label for label in fitted.classes_ if label != "background")
    truth = events(
        ("videos/a.mp4", 1.0, 3.0, label), (Path("b.mp4"), 2.4, 4.6, "other"), ("c.mp4", np.nan, np.nan, None)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = [Path("videos/a.mp4"), "b.mp4", "c.mp4"]
        content = content_of(write_report(fitted, videos[0][:3], file, truth, names, min_overlap=0.7))
    labels, report = content["labels"], read_report(fitted, videos[0][:3], truth, names, min_overlap=0.7)
    background = ["background"] * 10
    assert report.y.tolist() == [
        [background[0], label, label, *background[3:]],
        [*background[:3], "other", *background[4:]],
        background,
    ]
    assert labels[-1] == "other" and len(labels) == content["n_classes"] + 1
    assert [video["name"] for video in content["videos"]] == ["videos/a.mp4", "b.mp4", "c.mp4"]


def test_videos_and_files_that_lack_each_other_are_told(fitted, videos, file):
    truth = events(("0", 1.0, 3.0, "event_0"), ("elsewhere", 1.0, 3.0, "event_0"))
    with pytest.warns(UserWarning) as told:
        write_report(fitted, videos[0][:3], file, truth)
    said = sorted(str(warning.message) for warning in told)
    assert said == [
        "1 of the 2 file names in y_true are not among the features: 'elsewhere'",
        "2 of 3 videos are not in y_true: taken as all background: '1', '2'",
    ]
    assert {warning.filename for warning in told} == {__file__}


def test_what_is_warned_of_the_truth_stands_on_the_page(fitted, videos, file):
    truth = events(("0", 1.0, 3.0, "event_0"))
    for _ in range(2):  # a warning that was shown once is not shown again
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = content_of(write_report(fitted, videos[0][:3], file, truth))
        assert content["notes"] == ["2 of 3 videos are not in y_true: taken as all background: '1', '2'"]
    assert content_of(write_report(fitted, videos[0][:1], file, truth))["notes"] == []


def test_labels_are_read_as_score_reads_them(fitted, videos):
    X, y = videos[0][:5], videos[1][:5]
    one_hot = (y[..., None] == fitted.classes_).astype(int)
    for form in (y, y.tolist(), pd.DataFrame(y), one_hot):
        np.testing.assert_array_equal(read_report(fitted, X, form).y, y)


def test_events_of_clips_are_counted_from_the_beginning_of_the_video(fitted, videos):
    clips = pd.DataFrame({"filename": ["a", "a"], "start": [0.0, 10.0]})
    report = read_report(fitted, videos[0][:2], events(("a", 9.0, 11.0, "event_0")), clips=clips)
    assert [np.flatnonzero(row == "event_0").tolist() for row in report.y] == [[9], [0]]


def test_numbers_may_be_labels_of_events(videos):
    X, y = videos
    codes = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    localizer = PSPLocalizer(background=0, **SMALL).fit(X, codes)
    report = read_report(localizer, X[:1], events(("0", 1.0, 3.0, 2)))
    assert report.y.tolist() == [[0, 2, 2, *[0] * 7]]
    with pytest.raises(ValueError, match="y_true: event_label is text, such as 'dog'; the model's classes are numbers"):
        read_report(localizer, X[:1], events(("0", 1.0, 3.0, "dog")))


# ------------------------------------------------------------------- videos
def brightness(pictures):
    """Stand in for a network for pictures."""
    return pictures.mean((2, 3))


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A folder of two videos, and an extractor with a localizer of their bright seconds."""
    folder = tmp_path_factory.mktemp("day")
    write_video(folder / "long.mp4", seconds=5, fps=4, picture=grey([30, 220, 220, 30, 220]))
    write_video(folder / "short.mp4", seconds=2, fps=4, picture=grey([30, 220]))
    extractor = VideoFeatureExtractor(
        visual=brightness, audio="log-mel", n_segments=2, image_size=16, frames_per_segment=2
    )
    X = extractor.transform([(folder / "long.mp4", start) for start in (0, 1, 2, 3)])
    y = [["dark", "day"], ["day", "day"], ["day", "dark"], ["dark", "day"]]
    localizer = PSPLocalizer(background="dark", max_epochs=60, hidden_size=8, tau=0, random_state=0).fit(X, y)
    return folder, extractor, localizer


@pytest.mark.slow
def test_videos_are_extracted_and_played(day):
    folder, extractor, localizer = day
    names = [folder / "long.mp4", str(folder / "short.mp4")]
    truth = events(("long.mp4", 1.0, 3.0, "day"), ("long.mp4", 4.0, 5.0, "day"), ("short.mp4", 1.0, 2.0, "day"))
    page = write_report((extractor, localizer), names, folder / "report.html", truth, pictures=1)
    content = content_of(page)
    long, short = content["videos"]
    assert [video["name"] for video in content["videos"]] == list(map(str, names))
    assert [clip["first"] for clip in long["clips"]] == [0, 2, 3]
    assert (long["seconds"], len(long["stretches"]), short["seconds"]) == (5.0, 1, 2.0)
    assert [video["media"]["url"] for video in content["videos"]] == ["./long.mp4", "./short.mp4"]
    pictures = [video["thumbs"] for video in content["videos"]]
    assert sum(thumbs is not None for thumbs in pictures) == 1
    (drawn,) = (thumbs for thumbs in pictures if thumbs is not None)
    assert all(url.startswith("data:image/jpeg;base64,") for url in drawn)
    assert content["summary"]["segments"] == 7
    report = read_report((extractor, localizer), names, truth)
    assert report.y.tolist() == [["dark", "day"], ["day", "dark"], ["dark", "day"], ["dark", "day"]]
    (page.parent / "report.html").unlink()


@pytest.mark.slow
def test_videos_that_are_skipped_take_their_labels_with_them(day, tmp_path):
    folder, extractor, localizer = day
    names = [folder / "gone.mp4", folder / "short.mp4"]
    with pytest.raises(ExtractionError, match="gone.mp4"):
        write_report((extractor, localizer), names, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []
    skipping = VideoFeatureExtractor(**{**extractor.get_params(), "on_error": "skip"})
    with pytest.warns(UserWarning, match="gone.mp4"):
        report = read_report((skipping, localizer), names, [["dark", "dark"], ["day", "dark"]])
    assert report.y.tolist() == [["day", "dark"]] and report.clips["filename"].tolist() == [str(names[1])]
    with pytest.raises(ValueError, match="y_true has labels of 3 videos"):
        read_report((extractor, localizer), names, [["dark", "dark"]] * 3)


def test_files_that_are_no_video_beside_are_said_in_their_place(fitted, videos, tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "1.mp4").write_text("no video")
    for media in (tmp_path / "media", {"0": tmp_path / "0.mp4", "1": tmp_path / "media" / "1.mp4"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = content_of(write_report(fitted, videos[0][:2], tmp_path / "report.html", media=media))
        assert [bool(video["media"]["note"]) for video in content["videos"]] == [True, True]
        assert content["videos"][0]["media"]["url"] is None


# ---------------------------------------------------------------- bad input
BAD = [
    ({"model": LogisticRegression()}, ValueError, "model must be .* got an object of type LogisticRegression"),
    ({"model": "model.joblib"}, ValueError, "got the text 'model.joblib': load it with joblib.load"),
    ({"model": PSPLocalizer()}, ValueError, "model must be .* this PSPLocalizer is not fitted"),
    ({"model": make_pipeline(PSPLocalizer())}, ValueError, "this PSPLocalizer is not fitted"),
    ({"model": PSPLocalizer}, ValueError, "model must be .* got the class PSPLocalizer"),
    ({"model": (1, 2, 3)}, ValueError, "model must be .* got 3 parts"),
    ({"X": ["a.mp4", "b.mp4"]}, ValueError, "X is a list of video files, but model has no extractor"),
    ({"X": ["a.mp4", 3]}, ValueError, "X must be features, or a list of video files; got one that holds 3 too"),
    ({"X": None}, ValueError, "X is None; wanted features, or a list of video files"),
    ({"X": []}, ValueError, r"X is \[\]; wanted features, or a list of video files"),
    ({"X": "a.mp4"}, ValueError, r"X is the one path 'a.mp4'; .* pass \[X\]"),
    ({"X": {"audio": np.zeros((4, 10, 6))}}, ValueError, "wanted 'audio' and 'visual'"),
    (
        {"X": AVFeatures(np.zeros((4, 10, 7), "f4"), np.zeros((4, 10, 3, 3, 5), "f4"))},
        ValueError,
        "X has 7 audio features, but PSPLocalizer is expecting 6",
    ),
    (
        {"X": AVFeatures(np.full((4, 10, 6), np.nan, "f4"), np.zeros((4, 10, 3, 3, 5), "f4"))},
        ValueError,
        "X has values that are not finite|NaN",
    ),
    ({"y_true": [["background"] * 10] * 3}, ValueError, "y_true has labels of 3 videos"),
    ({"y_true": [["background"] * 9] * 4}, ValueError, r"y_true has the shape \(4, 9\)"),
    ({"y_true": ["event_0"] * 4}, ValueError, r"y_true has the shape \(4,\)"),
    ({"y_true": np.full((4, 5), 0.2)}, ValueError, r"y_true must hold labels, .*\(no proportions\)"),
    ({"y_true": np.ones((4, 10), int)}, ValueError, "y_true holds labels that are not in classes"),
    ({"y_true": [[2**70] * 10] * 4}, ValueError, "y_true holds labels that cannot be compared"),
    ({"y_true": "events.csv"}, ValueError, "y_true is the text 'events.csv'; .*read_events"),
    ({"y_true": events(("0", 1.0, np.nan, "event_0"))}, ValueError, "y_true, row 0: offset is missing"),
    ({"y_true": events(("0", 1.0, np.inf, "event_0"))}, ValueError, "y_true, row 0: offset must be finite; got inf"),
    ({"y_true": events(("0", 3.0, 1.0, "event_0"))}, ValueError, "y_true, row 0: the event must end after"),
    (
        {"y_true": events(("0", 1.0, 30.0, "event_0"))},
        ValueError,
        "y_true: .* the event ends at 30 s, but the features",
    ),
    ({"y_true": events(("0", 1.0, 3.0, "background"))}, ValueError, "y_true: .*background='background'"),
    ({"y_true": events(("dog.mp4", 1.0, 3.0, "event_0"))}, ValueError, "none of the 1 file names in y_true"),
    ({"y_true": events()}, ValueError, "y_true has no row"),
    ({"y_true": events(("0", 1, 3, "event_0")).drop(columns="offset")}, ValueError, "y_true: the columns must be"),
    ({"videos": ["a", "b"]}, ValueError, "videos has 2 names; wanted one for each of the 4 videos of X"),
    ({"videos": ["a", "b", "a", "c"]}, ValueError, "videos must name each video once; got 'a' again"),
    ({"videos": ["a", "b", None, "c"]}, ValueError, "videos holds None; wanted the name of a video"),
    ({"videos": "abcd"}, ValueError, "videos is 'abcd'; wanted a list of names"),
    ({"clips": [1, 2, 3, 4]}, ValueError, "clips is a list; wanted a DataFrame of 4 rows"),
    ({"clips": pd.DataFrame({"filename": list("abcd")})}, ValueError, "clips has the columns 'filename'; wanted"),
    ({"clips": pd.DataFrame({"filename": ["a"], "start": 0})}, ValueError, "clips has 1 rows; wanted"),
    ({"clips": pd.DataFrame({"filename": list("abcd"), "start": 0.5})}, ValueError, "row 0: 'a' begins at 0.5 s, no m"),
    ({"clips": pd.DataFrame({"filename": list("abca"), "start": 0})}, ValueError, "the clip of 'a' from 0 s twice"),
    (
        {"clips": pd.DataFrame({"filename": list("abcd"), "start": -1})},
        ValueError,
        "clips, row 0: start is -1; wanted seconds from 0",
    ),
    (
        {"clips": pd.DataFrame({"filename": list("abcd"), "start": 10**400})},
        ValueError,
        "clips: start must hold seconds",
    ),
    ({"clips": pd.DataFrame({"filename": list("abcd"), "start": np.inf})}, ValueError, "row 0: start is inf"),
    ({"clips": pd.DataFrame({"filename": list("abcd"), "start": "x"})}, ValueError, "clips: start must hold seconds"),
    (
        {"clips": pd.DataFrame({"filename": list("abcd"), "start": 0, "padding": [0, 0, 10, 0]})},
        ValueError,
        "clips, row 2: padding is 10 s; wanted less than the 10 of a clip",
    ),
    (
        {"clips": pd.DataFrame({"filename": list("abcd"), "start": 0}), "videos": list("abcd")},
        ValueError,
        "videos and clips are given",
    ),
    ({"media": 3}, ValueError, "media is a int; wanted a folder, a dict"),
    ({"media": {"0": 3}}, ValueError, "media has for '0' a int; wanted the path of its file"),
    ({"media": {"dog": "dog.mp4"}}, ValueError, "media has 1 names that are not among the 4 videos: 'dog'"),
    ({"media": __file__}, NotADirectoryError, "media is .*, which is no folder"),
    ({"media": "nowhere"}, FileNotFoundError, "media is 'nowhere', which is not there"),
    ({"pictures": -1}, ValueError, "pictures is -1; wanted a whole number of 0 or more"),
    ({"pictures": True}, ValueError, "pictures is True; wanted a whole number"),
    ({"pictures": 2.5}, ValueError, "pictures is 2.5; wanted a whole number"),
    ({"min_overlap": 0}, ValueError, "min_overlap is 0; wanted a number above 0"),
    ({"min_overlap": 1.1}, ValueError, "min_overlap is 1.1; wanted a number above 0, and 1 at the most"),
    ({"min_overlap": "half"}, ValueError, "min_overlap is 'half'; wanted a number"),
    ({"title": 3}, ValueError, "title is 3; wanted text"),
    ({"title": " "}, ValueError, "title is ' '; wanted text"),
    ({"hop_seconds": 0}, ValueError, "hop_seconds must be a positive number; got 0"),
    ({"hop_seconds": 1e-6}, ValueError, "hop_seconds must be 0.001 or more; got 1e-06"),
    ({"segment_seconds": "1"}, ValueError, "segment_seconds must be a positive number; got '1'"),
    ({"hop_seconds": 1e308}, ValueError, r"hop_seconds must be 10000000000 or less; got 1e\+308"),
    ({"segment_seconds": 1e300}, ValueError, r"segment_seconds must be 10000000000 or less; got 1e\+300"),
    ({"X": {1, 2}}, ValueError, "X is a set; wanted features, or a list of video files"),
    ({"X": object()}, ValueError, "X is a object; wanted features, or a list of video files"),
    ({"X": 5}, ValueError, "X: Expected 2D array, got scalar array instead: array=5.0. Reshape"),
    ({"X": np.array([])}, ValueError, "X: Expected 2D array, got 1D array instead"),
    ({"videos": set("abcd")}, ValueError, "videos is {.*; wanted a list of names, one for each of the 4 videos of X"),
    *[
        (
            {"clips": pd.DataFrame({"filename": list("abcd"), "start": start})},
            ValueError,
            f"clips: start must hold seconds, numbers of 0 or more; got the dtype {start.dtype}".replace("[", r"\["),
        )
        for start in (
            pd.to_timedelta(pd.Series([0, 10, 0, 0]), "s"),  # of which NumPy makes nanoseconds
            pd.to_datetime(pd.Series([0, 10, 0, 0]), unit="s"),
            pd.Series([1j] * 4),
            pd.Series([True] * 4),
        )
    ],
    ({"X": ["a.mp4"], "videos": ["a"]}, ValueError, "videos is given, but X is a list of video files"),
    ({"X": ["a.mp4"], "clips": pd.DataFrame()}, ValueError, "clips is given, but X is a list of video files"),
    ({"media": "x" * 5000}, FileNotFoundError, "media is 'x{10,300}, which is not there; wanted a folder"),
]


@pytest.mark.parametrize("changes, kind, message", BAD)
def test_bad_input_is_refused_and_nothing_is_written(fitted, videos, tmp_path, changes, kind, message):
    arguments = {"model": fitted, "X": videos[0][:4], "file": tmp_path / "report.html", **changes}
    with warnings.catch_warnings(), pytest.raises(kind, match=message) as error:
        warnings.simplefilter("ignore")
        write_report(**arguments)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, kind, message",
    [
        ("report.pdf", ValueError, "file is '.*report.pdf'; wanted the path of a page, which ends in .html or .htm"),
        ("report", ValueError, "which ends in .html or .htm"),
        ("nowhere/report.html", FileNotFoundError, "the folder .*nowhere is not there"),
        ("folder.html", IsADirectoryError, "folder.html', a folder; wanted the path of a page"),
        ("/proc/report.html", OSError, "while writing: '/proc/report.html'"),
    ],
)
def test_a_page_that_cannot_be_written_is_refused_before_the_work(tmp_path, name, kind, message):
    (tmp_path / "folder.html").mkdir()
    if name.startswith("/proc") and not Path("/proc").is_dir():
        pytest.skip("there is no folder that nobody writes to")
    with pytest.raises(kind, match=message):
        write_report("not even a model", None, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


@pytest.mark.parametrize("given", [None, 3, b"report.html", "report\0.html"])
def test_what_is_no_path_is_refused(given):
    with pytest.raises(ValueError, match="file is .*; wanted the path of a page"):
        write_report("not even a model", None, given)


def test_a_truth_of_events_needs_a_background(videos, file):
    X, y = videos
    codes = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    for background, labels in (("background", codes), (None, y)):
        localizer = PSPLocalizer(background=background, lam=0, **SMALL).fit(X, labels)
        with pytest.raises(ValueError, match="y_true is a list of events, .* but the model has none"):
            write_report(localizer, X, file, events(("0", 1.0, 3.0, 1)))
    assert not file.exists()


def test_targets_of_weak_supervision_are_no_truth(videos, file):
    X, y = videos
    localizer = WeakPSPLocalizer(**SMALL).fit(X, y)
    proportions = (y[..., None] == localizer.classes_).mean(1)
    for weak in (proportions, y[:, 0]):
        with pytest.raises(ValueError, match="y_true"):
            write_report(localizer, X, file, weak)
    assert not file.exists()


def test_some_media_of_other_videos_are_told(fitted, videos, file):
    with pytest.warns(UserWarning, match="media has 1 names that are not among the 2 videos: 'dog'"):
        write_report(fitted, videos[0][:2], file, media={"0": "0.mp4", "dog": "dog.mp4"})


def test_a_page_never_takes_the_place_of_a_media_file(fitted, videos, file):
    file.write_text("a film")
    with pytest.raises(ValueError, match="report.html is the media file of '1'; name another file for the page"):
        write_report(fitted, videos[0][:2], file, media={"1": file})
    assert file.read_text() == "a film" and [path.name for path in file.parent.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_without_pillow_the_extra_is_named_before_the_extraction(day, file, monkeypatch):
    _, extractor, localizer = day
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"thumbnails of a report need Pillow: pip install ave_sklearn\[report\]"):
        write_report((extractor, localizer), ["gone.mp4"], file)
    with pytest.raises(ExtractionError, match="gone.mp4"):
        write_report((extractor, localizer), ["gone.mp4"], file, pictures=0)
    assert list(file.parent.iterdir()) == []


def test_without_jinja2_the_extra_is_named_before_the_work(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r"a report needs jinja2: pip install ave_sklearn\[report\]"):
        write_report("not even a model", None, file)
    assert list(file.parent.iterdir()) == []
