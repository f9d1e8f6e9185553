"""Honest testing by the command line: videos that are held out, that choose the epoch, or that no list names."""

import json
import unicodedata
import warnings
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer
from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn.cli.annotated import Folder, read_annotated, read_folder
from ave_sklearn.cli.commands import build_parser, main
from ave_sklearn.cli.known import find_known, take_held_out, video_digests, warn_of_known
from ave_sklearn.cli.parts import read_validation
from ave_sklearn.cli.score import score_clips
from ave_sklearn.extraction._folders import read_features, read_grid
from ave_sklearn.model_selection import split_videos

HEADER = "filename,onset,offset,event_label\n"
FAST = ["--set", "max_epochs=1", "--set", "hidden_size=4"]
T, N = 3, 20
LABELS = [["dog", "dog", "background"], ["background", "cat", "cat"]]
NAMES = [f"videos/{number:02}.mp4" for number in range(N)]


def write_folder(folder, names, seeds=None, starts=None):
    """Write a folder of features: of each name those that its seed gives."""
    folder.mkdir()
    seeds = range(len(names)) if seeds is None else seeds
    audio = np.array([np.random.default_rng(seed).normal(size=(T, 4)) for seed in seeds], "f4")
    np.save(folder / "audio.npy", audio)
    np.save(folder / "visual.npy", audio[..., :2])
    starts = [0.0] * len(names) if starts is None else starts
    pd.DataFrame({"filename": names, "start": starts}).to_csv(folder / "videos.csv", index=False)
    (folder / "extractor.json").write_text(json.dumps({"n_segments": T, "weights": "random"}))


def rows_of(name, labels, start=0):
    """Rows of an event list."""
    rows = [f"{name},{start + t},{start + t + 1},{label}\n" for t, label in enumerate(labels) if label != "background"]
    return "".join(rows) or f"{name},,,\n"


@pytest.fixture
def folder(tmp_path):
    """Twenty videos, of dogs and cats by turns, and their event list."""
    write_folder(tmp_path / "features", NAMES)
    lines = [rows_of(name, LABELS[number % 2]) for number, name in enumerate(NAMES)]
    (tmp_path / "events.csv").write_text(HEADER + "".join(lines))
    return tmp_path


@pytest.fixture
def run(folder, capsys):
    """Run a command on the folder; return its status and what it wrote to standard output and error."""

    def run(command, *argv, features="features", annotations="events.csv"):
        model = folder / "model.joblib"
        head = [command, "-o", str(model), *FAST] if command == "fit" else [command, str(model)]
        paths = ["--features", str(folder / features), "--annotations", str(folder / annotations)]
        status = main([*head, *paths, *argv])
        return status, *capsys.readouterr()

    return run


def localizer_of(folder):
    return joblib.load(folder / "model.joblib")["localize"]


# ------------------------------------------------------------------ hold-out
def test_held_out_videos_are_recorded_and_no_other_part_of_the_fit_sees_them(folder, run):
    status, out, err = run("fit", "--holdout", "0.2", "--random-state", "3")
    assert status == 0
    assert "ave-sklearn: note: 4 of 20 videos are held out\n" in err
    model = joblib.load(folder / "model.joblib")
    assert isinstance(model, Pipeline)
    localizer = model["localize"]
    X, clips = read_features(folder / "features")
    y = np.array([LABELS[number % 2] for number in range(N)])
    train, test = split_videos(y, NAMES, test_size=0.2, random_state=3)
    assert list(localizer.held_out_videos_) == [NAMES[row] for row in test]
    assert list(localizer.training_videos_) == [NAMES[row] for row in train]
    assert localizer.validation_videos_ == {}
    assert {**localizer.training_videos_, **localizer.held_out_videos_} == video_digests(X, clips)
    same = PSPLocalizer(max_epochs=1, hidden_size=4, random_state=3).fit(X[train], y[train])
    np.testing.assert_array_equal(localizer.predict_proba(X), same.predict_proba(X))


def test_without_a_hold_out_all_videos_are_recorded_as_trained_on(folder, run):
    assert run("fit", "--weak", "--quiet") == (0, "", "")
    localizer = localizer_of(folder)
    assert list(localizer.training_videos_) == NAMES
    assert localizer.held_out_videos_ == localizer.validation_videos_ == {}
    status, out, err = run("score", "--heldout")
    assert status == 1
    assert f"no videos were held out of {folder / 'model.joblib'}; 'ave-sklearn fit --holdout 0.2'" in err


def test_quiet_leaves_the_notes_to_the_log_file(folder, run):
    log = folder / "log.txt"
    assert run("fit", "--holdout", "0.2", "--quiet", "--log-file", str(log)) == (0, "", "")
    assert " note: 4 of 20 videos are held out\n" in log.read_text()


@pytest.mark.slow
def test_without_a_seed_the_draw_differs_but_is_recorded(folder, run):
    drawn = set()
    for _ in range(4):
        assert run("fit", "--holdout", "0.3", "--quiet")[0] == 0
        drawn.add(tuple(localizer_of(folder).held_out_videos_))
    assert len(drawn) > 1 and all(len(names) == 6 for names in drawn)


def test_what_is_recorded_is_kept_by_files_and_dropped_by_clones_and_refits(folder, run):
    assert run("fit", "--holdout", "0.2", "--quiet")[0] == 0
    localizer = localizer_of(folder)
    kept = {name: value for name, value in vars(localizer).items() if name.endswith("_videos_")}
    assert len(kept) == 3
    place = "ave_sklearn.localizers._psp.PSPLocalizer"
    loaded = skops.io.loads(skops.io.dumps(localizer), trusted=[place])
    assert {name: getattr(loaded, name) for name in kept} == kept
    assert not any(hasattr(clone(localizer), name) for name in kept)
    X, _ = read_features(folder / "features")
    loaded.fit(X, np.array([LABELS[number % 2] for number in range(N)]))
    assert not any(hasattr(loaded, name) for name in kept)


def test_clips_of_a_video_stay_together(tmp_path, capsys):
    """Eight videos of three clips, whose second clip alone tells dogs from cats."""
    names = np.repeat([f"{number}.mp4" for number in range(8)], 3).tolist()
    write_folder(tmp_path / "features", names, starts=[0.0, 3.0, 6.0] * 8)
    events = [rows_of(f"{number}.mp4", LABELS[number % 2], start=3) for number in range(8)]
    (tmp_path / "events.csv").write_text(HEADER + "".join(events))
    paths = ["--features", str(tmp_path / "features"), "--annotations", str(tmp_path / "events.csv")]
    model = str(tmp_path / "model.joblib")
    assert main(["fit", *paths, *FAST, "-o", model, "--holdout", "0.25"]) == 0
    assert "note: 2 of 8 videos are held out\n" in capsys.readouterr().err
    held_out = [int(name[0]) % 2 for name in joblib.load(model)["localize"].held_out_videos_]
    assert sorted(held_out) == [0, 1]
    assert main(["score", model, *paths, "--heldout", "--format", "json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert (scores["videos"], scores["segments"]) == (2, 18)
    beside = scores["references"]
    assert beside["everything background"]["segment_accuracy"] == 14 / 18
    assert beside["right category, every second an event"]["segment_accuracy"] == 4 / 18


@pytest.mark.parametrize("share", ["0", "1", "1.5", "-0.2", "nan", "20%"])
def test_a_share_out_of_range_is_wrong_usage(run, share, capsys):
    with pytest.raises(SystemExit) as exit:
        run("fit", f"--holdout={share}")
    assert exit.value.code == 2
    assert f"--holdout: '{share}' is no share of the videos; wanted a number between 0 and 1" in capsys.readouterr().err


def test_too_few_videos_to_hold_out_any_leave_no_model(folder, run):
    write_folder(folder / "few", NAMES[:2])
    status, _, err = run("fit", "--holdout", "0.5", "--quiet", features="few")
    assert status == 1
    assert "error: --holdout 0.5: too few videos to hold out a share of 0.5 by category: 2 in all" in err
    assert not (folder / "model.joblib").exists()


# --------------------------------------------------------------------- score
def test_score_says_what_was_trained_on_and_scores_what_was_held_out(folder, run):
    assert run("fit", "--holdout", "0.2", "--random-state", "0", "--quiet")[0] == 0
    status, _, err = run("score", "--quiet")
    assert status == 0
    assert err.startswith("ave-sklearn: warning: 16 of the 20 videos were trained on, so that the scores are no test")
    assert "--heldout scores those that were held out: 'videos/" in err
    status, out, err = run("score", "--heldout")
    assert (status, err) == (0, "")
    localizer = localizer_of(folder)
    X, _ = read_features(folder / "features")
    rows = [NAMES.index(name) for name in localizer.held_out_videos_]
    accuracy = np.mean(localizer.predict(X[rows]) == np.array([LABELS[row % 2] for row in rows]))
    lines = out.splitlines()
    assert lines[0] == f"segment accuracy     {accuracy:.3f}"
    assert lines[1].startswith("event F1 (IoU 0.5)   ")
    assert lines[3:6] == [
        "references                             accuracy  event F1",
        "everything background                     0.333     0.000",
        "right category, every second an event     0.667     1.000",
    ]


def test_renamed_copies_of_training_videos_are_found_and_other_videos_of_their_names_are_not(folder, run):
    assert run("fit", "--quiet")[0] == 0
    names = ["copy.mp4", "other/01.mp4", "new.mp4"]
    write_folder(folder / "more", names, seeds=[5, 100, 101])
    (folder / "more.csv").write_text(HEADER + "".join(rows_of(name, LABELS[0]) for name in names))
    status, _, err = run("score", "--quiet", features="more", annotations="more.csv")
    assert status == 0
    assert err == (
        "ave-sklearn: warning: 1 of the 3 videos were trained on, so that the scores are no test: 'copy.mp4' "
        "('copy.mp4' as 'videos/05.mp4')\n"
    )


def test_other_forms_of_a_name_are_the_name(folder, run):
    name = "caf\u00e9.mp4"
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    write_folder(folder / "nfc", [forms[0], *NAMES[1:]])
    (folder / "nfc.csv").write_text((folder / "events.csv").read_text().replace(NAMES[0], forms[1]))
    assert run("fit", "--quiet", features="nfc", annotations="nfc.csv")[0] == 0
    write_folder(folder / "nfd", [forms[1], "new.mp4"], seeds=[200, 201])
    (folder / "nfd.csv").write_text(HEADER + rows_of(forms[0], LABELS[0]) + rows_of("new.mp4", LABELS[1]))
    assert "warning: 1 of the 2 videos were trained on" in run("score", features="nfd", annotations="nfd.csv")[2]


def test_a_digest_that_several_videos_share_tells_none_and_names_go_before_digests():
    known = {"a": "1", "b": "1", "c": "2", "\u00e9": "3"}
    assert find_known({"d": "1", "e": "2", "b": "9"}, known) == {"e": "c", "b": "b"}
    assert find_known({"e\u0301": "9"}, known) == {"e\u0301": "\u00e9"}
    assert find_known({"e\u0301": "9"}, known, others=["e\u0301"]) == {}


def test_the_digest_is_of_the_first_clip_and_of_its_sound_alone():
    rng = np.random.default_rng(0)
    audio, visual = rng.normal(size=(600, T, 4)), rng.normal(size=(600, T, 2))
    clips = pd.DataFrame({"filename": np.repeat(np.arange(300).astype(str), 2), "start": [3.0, 0.0] * 300})
    digests = video_digests(AVFeatures(audio, visual), clips)
    assert len(set(digests.values())) == 300 and {len(digest) for digest in digests.values()} == {16}
    assert video_digests(AVFeatures(audio.astype("f4"), -visual), clips) == digests
    assert video_digests(AVFeatures(audio[1::2], visual[1::2]), clips[1::2]) == digests


def test_a_model_that_keeps_no_videos_is_scored_with_a_note(folder, run):
    assert run("fit", "--quiet")[0] == 0
    model = joblib.load(folder / "model.joblib")
    for kind in ("training", "validation", "held_out"):
        delattr(model["localize"], f"{kind}_videos_")
    joblib.dump(model, folder / "model.joblib")
    status, out, err = run("score")
    assert (status, err) == (
        0,
        f"ave-sklearn: note: {folder / 'model.joblib'} does not say which videos it was trained on\n",
    )
    assert run("score", "--quiet") == (0, out, "")
    assert run("score", "--heldout")[0] == 1


def test_held_out_videos_that_are_gone_or_others_are_told(folder, run):
    assert run("fit", "--holdout", "0.2", "--quiet")[0] == 0
    held_out = list(localizer_of(folder).held_out_videos_)
    numbers = [NAMES.index(name) for name in held_out]
    write_folder(folder / "less", [held_out[0], "renamed.mp4", held_out[2], "copy.mp4"], [*numbers[:2], 99, numbers[0]])
    rows = "".join(rows_of(name, LABELS[0]) for name in (held_out[0], "renamed.mp4", held_out[2], "copy.mp4"))
    (folder / "less.csv").write_text(HEADER + rows)
    status, out, err = run("score", "--heldout", "--format", "json", features="less", annotations="less.csv")
    assert status == 0
    assert json.loads(out)["videos"] == 3
    assert err.splitlines()[0].endswith(f"1 of the 4 held-out videos are not among the features: {held_out[3]!r}")
    assert f"1 of the 3 held-out videos have other audio features than at the fit: {held_out[2]!r}." in err
    write_folder(folder / "none", ["a.mp4"], [77])
    status, _, err = run("score", "--heldout", features="none")
    assert status == 1
    assert "none of the 4 videos that were held out of" in err


@pytest.mark.slow
def test_a_copy_of_a_training_video_among_those_held_out_is_told(folder, run):
    write_folder(folder / "copies", NAMES, seeds=[number // 10 for number in range(N)])  # more copies than are held out
    write_folder(folder / "pairs", NAMES, seeds=[*range(N - 2), 0, 1])
    assert run("fit", "--holdout", "0.2", "--quiet", features="copies")[0] == 0
    assert run("score", "--heldout", "--quiet", features="copies")[2] == ""  # digests of several videos tell none
    for seed in range(20):
        assert run("fit", "--holdout", "0.2", "--random-state", str(seed), "--quiet", features="pairs")[0] == 0
        held_out = set(localizer_of(folder).held_out_videos_)
        apart = [copy for copy in (18, 19) if len(held_out & {NAMES[copy], NAMES[copy - 18]}) == 1]
        if apart:
            break
    told = run("score", "--heldout", "--quiet", features="pairs")[2]
    assert f"{len(apart)} of the 4 videos were trained on, so that the scores are no test: " in told


def test_a_file_whose_name_differs_by_its_form_alone_is_another_file():
    forms = [unicodedata.normalize(form, "caf\u00e9.mp4") for form in ("NFC", "NFD")]
    audio = np.random.default_rng(0).normal(size=(2, T, 4))
    folder = Folder(AVFeatures(audio, audio), pd.DataFrame({"filename": forms, "start": 0.0}), forms, set())
    digests = video_digests(folder.X, folder.clips)
    localizer = SimpleNamespace(training_videos_={forms[0]: digests[forms[0]]}, held_out_videos_={forms[1]: "0"})
    with pytest.warns(UserWarning, match="1 of the 1 held-out videos have other audio features"):
        taken = take_held_out(localizer, "model", folder)
    assert taken.clips["filename"].tolist() == [forms[1]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_known(localizer, "model", taken.X, taken.clips, SimpleNamespace(quiet=True, heldout=True))


def test_references_know_one_category_of_a_video_whose_clips_have_gaps():
    clips = pd.DataFrame({"filename": ["a", "a", "b"], "start": [0.0, 6.0, 0.0]})
    y = np.array([["cat", "cat", "cat"], ["dog", "background", "background"], ["dog", "dog", "background"]])
    scores = score_clips(y, y, clips, WHOLE_SECONDS, "background")
    assert (scores["videos"], scores["segments"]) == (2, 9)
    assert scores["model"] == {"segment_accuracy": 1, "event_f1": 1}
    assert list(scores["references"].values()) == [
        {"segment_accuracy": pytest.approx(3 / 9), "event_f1": 0},
        {"segment_accuracy": pytest.approx(5 / 9), "event_f1": pytest.approx(2 * 2 / 6)},
    ]


# ---------------------------------------------------------------- validation
def test_a_list_of_names_chooses_the_epoch(folder, run):
    names = [NAMES[0], f"./{NAMES[1]}", "03.mp4"]
    (folder / "list.txt").write_text("\ufeff" + "\r\n".join([*names, "", "gone.mp4", "lost.mp4"]), encoding="utf-8")
    status, _, err = run(
        "fit", "--validation", str(folder / "list.txt"), "--random-state", "1", "--set", "max_epochs=2"
    )
    assert status == 0
    assert "2 of the 5 file names in" in err and "'gone.mp4', 'lost.mp4'" in err
    assert "note: 3 of 20 videos are for validation\n" in err
    localizer = localizer_of(folder)
    assert localizer.early_stopping == "best"
    chosen = [0, 1, 3]
    assert list(localizer.validation_videos_) == [NAMES[row] for row in chosen]
    assert list(localizer.training_videos_) == [name for row, name in enumerate(NAMES) if row not in chosen]
    X, _ = read_features(folder / "features")
    y = np.array([LABELS[number % 2] for number in range(N)])
    rest = np.setdiff1d(np.arange(N), chosen)
    same = PSPLocalizer(max_epochs=2, hidden_size=4, random_state=1, early_stopping="best")
    same.fit(X[rest], y[rest], X_val=X[chosen], y_val=y[chosen])
    assert localizer.validation_score_ == same.validation_score_
    np.testing.assert_array_equal(localizer.predict_proba(X), same.predict_proba(X))
    err = run("score", "--quiet")[2]
    assert "17 of the 20 videos were trained on" in err and "3 of the 20 videos were for validation in its fit" in err


@pytest.mark.parametrize("title", ["filename", "video"])
def test_an_event_list_has_the_labels_of_its_videos(folder, run, title):
    lines = (folder / "events.csv").read_text().splitlines(keepends=True)
    (folder / "rest.csv").write_text("".join(line for line in lines if NAMES[0] not in line and NAMES[1] not in line))
    (folder / "list.csv").write_text(HEADER.replace("filename", title) + f"{NAMES[0]},0,3,cat\n{NAMES[1]},,,\n")
    arguments = ["--validation", str(folder / "list.csv"), "--holdout", "0.2", "--unlisted", "error"]
    status, _, err = run("fit", *arguments, "--set", "early_stopping=False", annotations="rest.csv")
    assert status == 0
    assert "note: 2 of 20 videos are for validation\n" in err and "note: 4 of 20 videos are held out\n" in err
    localizer = localizer_of(folder)
    assert localizer.early_stopping is False
    assert list(localizer.validation_videos_) == NAMES[:2]
    assert not set(localizer.held_out_videos_) & set(NAMES[:2])
    assert len(localizer.training_videos_) == 14
    X, _ = read_features(folder / "features")
    y_val = [["cat"] * 3, ["background"] * 3]
    assert localizer.validation_score_ == pytest.approx(np.mean(localizer.predict(X[:2]) == y_val), abs=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["avel", "cpsp"])
def test_weak_models_and_other_systems_have_the_same_parts(folder, run, network):
    (folder / "list.txt").write_text("\n".join(NAMES[:2]))
    argv = ["--weak", "--network", network, "--holdout", "0.2", "--validation", str(folder / "list.txt")]
    model = ["--set", "max_epochs=1", "--set", "network_params={'hidden_size': 4}", "-o", str(folder / "model.joblib")]
    paths = ["--features", str(folder / "features"), "--annotations", str(folder / "events.csv"), "--quiet"]
    assert main(["fit", *model, *paths, *argv]) == 0
    localizer = localizer_of(folder)
    assert not isinstance(localizer, EventLocalizer) and localizer.early_stopping == "best"
    assert [len(getattr(localizer, f"{kind}_videos_")) for kind in ("training", "validation", "held_out")] == [14, 2, 4]
    assert run("score", "--heldout", "--quiet")[2] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "list.txt names no video; wanted a name a line, or an event list."),
        ("filename\n\n", "list.txt names no video"),
        (HEADER, "list.txt names no video"),
        ("a.mp4\nb.mp4\n", "none of the 2 file names in "),
        ("\n".join(NAMES), "names all 20 videos of the features; none is left to train on"),
        (HEADER + f"{NAMES[0]},0,1\n", "list.txt, line 2: a row must have 4 fields"),
        ("filename,start\n" + f"{NAMES[0]},0\n", "list.txt, line 1: the columns must be"),
        (HEADER + f"{NAMES[0]},0,9,dog\n", "list.txt, line 2: the event ends at 9 s"),
        (HEADER + f"{NAMES[0]},0,1,bird\n", "list.txt: the validation videos have labels that no training video has"),
        ("a\0b", "list.txt cannot be read as a list of videos, UTF-8 text: line 1 holds a zero byte"),
    ],
)
def test_a_list_that_cannot_choose_is_named(folder, run, text, message):
    (folder / "list.txt").write_text(text)
    status, _, err = run("fit", "--validation", str(folder / "list.txt"), "--quiet")
    assert status == 1
    assert message in err and err.count("\n") == 1
    assert not (folder / "model.joblib").exists()


def test_names_of_a_list_are_lines_with_or_without_a_title(folder):
    args = build_parser().parse_args(["score", "m", "--features", str(folder / "features"), "--annotations", "e"])
    opened, file = read_folder(args), folder / "list.txt"
    for text in (
        f"{NAMES[0]}\n{NAMES[1]}",
        f"filename\n{NAMES[0]}\n{NAMES[1]}\n{NAMES[0]}\n",
        f"\n {NAMES[0]} \r{NAMES[1]}",
    ):
        file.write_text(text)
        names, events = read_validation(str(file), opened)
        assert (names, events) == (NAMES[:2], None)


# ------------------------------------------------------------------ unlisted
@pytest.fixture
def unlisted(folder):
    """The event list without three of the videos; a fourth is named without an event."""
    lines = (folder / "events.csv").read_text().splitlines(keepends=True)
    kept = "".join(line for line in lines if not any(name in line for name in NAMES[:4]))
    (folder / "events.csv").write_text(kept + f"{NAMES[3]},,,\n")
    return f"3 of 20 videos are not in {folder / 'events.csv'}"


def test_unlisted_videos_are_background_with_a_warning(folder, run, unlisted):
    warning = f"ave-sklearn: warning: {unlisted}: taken as all background (see --unlisted): 'videos/00.mp4'"
    assert run("fit", "--quiet")[2].startswith(warning)
    assert list(localizer_of(folder).training_videos_) == NAMES
    assert warning in run("score", "--quiet")[2]


def test_unlisted_videos_are_left_out(folder, run, unlisted):
    err = run("fit", "--unlisted", "skip")[2]
    assert f"note: {unlisted}: left out: 'videos/00.mp4', 'videos/01.mp4', 'videos/02.mp4'\n" in err
    assert list(localizer_of(folder).training_videos_) == NAMES[3:]
    status, out, _ = run("score", "--unlisted", "skip", "--format", "json", "--quiet")
    assert json.loads(out)["videos"] == 17
    args = ["--features", str(folder / "features"), "--annotations", str(folder / "events.csv"), "--unlisted", "skip"]
    args = build_parser().parse_args(["score", "m", *args, "--quiet"])
    X, y, clips = read_annotated(args, "background", read_grid(folder / "features"))
    assert clips["filename"].tolist() == NAMES[3:]
    np.testing.assert_array_equal(X.audio, np.load(folder / "features" / "audio.npy")[3:])
    assert y[0].tolist() == ["background"] * 3 and y[1].tolist() == LABELS[0]


def test_unlisted_videos_are_refused(folder, run, unlisted):
    for command in ("fit", "score"):
        if command == "score":
            assert run("fit", "--quiet")[0] == 0
        status, _, err = run(command, "--unlisted", "error", "--quiet")
        assert status == 1
        assert err.startswith(f"ave-sklearn: error: {unlisted}: 'videos/00.mp4', 'videos/01.mp4', 'videos/02.mp4'. Add")


def test_most_videos_missing_is_said(folder, run):
    (folder / "events.csv").write_text(HEADER + "".join(rows_of(name, LABELS[0]) for name in NAMES[:9]))
    assert "warning: 11 of 20 videos, which is most of them, are not in" in run("fit", "--quiet")[2]


def test_unlisted_videos_count_within_what_is_scored(folder, run):
    """A list of the held-out videos alone is all that --heldout needs; a list of the others alone is nothing."""
    assert run("fit", "--holdout", "0.2", "--quiet")[0] == 0
    lines = (folder / "events.csv").read_text().splitlines(keepends=True)
    held_out = localizer_of(folder).held_out_videos_
    (folder / "test.csv").write_text(
        "".join(line for line in lines if line == HEADER or line.split(",")[0] in held_out)
    )
    (folder / "rest.csv").write_text("".join(line for line in lines if line.split(",")[0] not in held_out))
    assert run("score", "--heldout", "--unlisted", "error", annotations="test.csv")[::2] == (0, "")
    status, _, err = run("score", "--heldout", "--unlisted", "skip", annotations="rest.csv")
    assert status == 1
    assert "4 of 4 held-out videos, which is most of them, are not in" in err


def test_skipped_videos_of_the_folder_are_no_unlisted_ones(folder, run):
    (folder / "features" / "skipped.csv").write_text("filename,start,error\nvideos/bad.mp4,0,is bad\n")
    assert run("fit", "--unlisted", "error", "--quiet") == (0, "", "")
