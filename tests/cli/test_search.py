"""The command ``search``: its table, what it keeps, what a kill costs, and what it refuses."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from documents import code_blocks, command_arguments, read_document
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.cli.arguments import grid
from ave_sklearn.cli.commands import build_parser, main
from ave_sklearn.datasets import make_av_events, to_events
from ave_sklearn.metrics import event_f1_scorer
from ave_sklearn.model_selection import VideoStratifiedKFold

NAMES = [f"videos/v{number:02}.mp4" for number in range(24)]
FAST = {"max_epochs": 1, "hidden_size": 8}
SET = [text for name, value in FAST.items() for text in ("--set", f"{name}={value}")]
TWO = ["--grid", "tau=None,0"]
FOLDS = VideoStratifiedKFold(3, random_state=0)
X, Y = make_av_events(n_videos=24, n_segments=4, n_classes=3, n_audio_features=6, n_visual_features=5, random_state=0)


@pytest.fixture
def folder(tmp_path):
    """A folder of features, `features`, and its event list, `events.csv`; all else in it is the search's."""
    (tmp_path / "features").mkdir()
    X.to_npy(tmp_path / "features" / "audio.npy", tmp_path / "features" / "visual.npy")
    pd.DataFrame({"filename": NAMES, "start": 0.0}).to_csv(tmp_path / "features" / "videos.csv", index=False)
    (tmp_path / "features" / "extractor.json").write_text(json.dumps({"n_segments": 4, "weights": "random"}))
    to_events(Y, NAMES).to_csv(tmp_path / "events.csv", index=False)
    return tmp_path


def arguments(folder, *argv):
    paths = ["--annotations", folder / "events.csv", "-o", folder / "best.joblib"]
    if "--features" not in argv:  # several would be joined
        paths += ["--features", folder / "features"]
    return ["search", *map(str, paths), "--folds", "3", *SET, *argv]


@pytest.fixture
def search(folder, capsys):
    """Run `ave-sklearn search`; return the exit status, the table, None where there is none, and the messages."""

    def search(*argv):
        status = main(arguments(folder, *argv))
        out, err = capsys.readouterr()
        table = pd.read_csv(StringIO(out), keep_default_na=False, dtype={"tau": str}) if out else None
        return status, table, [line for line in err.splitlines() if line.startswith("ave-sklearn: ")]

    return search


def error_of(result):
    status, table, messages = result
    errors = [line.removeprefix("ave-sklearn: error: ") for line in messages if "error: " in line]
    assert (status, table, len(errors)) == (1, None, 1), messages
    return errors[0]


def counts_of(messages):
    """Return how many fits there are, how many were kept and how many were done."""
    (line,) = [line for line in messages if " fits: " in line]
    return [int(number) for number in re.findall(r"\d+", line)]


def written(folder):
    return {file.name for file in folder.iterdir()} - {"features", "events.csv"}


# ------------------------------------------------------------------ results
def test_the_table_and_the_model_are_those_of_a_grid_search(search, folder):
    status, table, messages = search("--grid", "tau=None,0", "--grid", "lam=0,10")
    plain = GridSearchCV(PSPLocalizer(**FAST, random_state=0), {"tau": [None, 0], "lam": [0, 10]}, cv=FOLDS)
    results = plain.fit(X, Y, groups=NAMES).cv_results_
    assert (status, list(table)) == (0, ["tau", "lam", "mean", "std", "rank", "seconds"])
    rows = {(row.tau, row.lam): (row.mean, row.std, row.rank) for row in table.itertuples()}
    for number, params in enumerate(results["params"]):
        expected = [results[name][number] for name in ("mean_test_score", "std_test_score", "rank_test_score")]
        assert rows[str(params["tau"]), params["lam"]] == tuple(expected)
    assert table["rank"].is_monotonic_increasing and (table["seconds"] > 0).all()
    model = joblib.load(folder / "best.joblib")
    assert_array_equal(model["localize"].predict_proba(X), plain.predict_proba(X))
    assert (model["localize"].get_params(), list(model.named_steps)) == (
        plain.best_estimator_.get_params(),
        ["extract", "localize"],
    )
    assert counts_of(messages) == [12, 0, 12]
    best = " ".join(f"{name}={value}" for name, value in sorted(plain.best_params_.items()))
    assert f"ave-sklearn: note: the best is {best}, accuracy {plain.best_score_:.3f}" in messages
    assert written(folder) == {"best.joblib"}


def test_what_is_kept_is_not_fitted_again_and_the_grid_may_grow(search, folder, monkeypatch):
    work = ["--work", str(folder / "work")]
    _, first, messages = search(*TWO, *work)
    assert counts_of(messages) == [6, 0, 6]
    best = (folder / "best.joblib").read_bytes()
    (folder / "best.joblib").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(PSPLocalizer, "_fit", None)
        _, again, messages = search(*TWO, *work)
    assert counts_of(messages) == [6, 6, 0]
    pd.testing.assert_frame_equal(again, first)
    assert (folder / "best.joblib").read_bytes() == best
    _, more, messages = search("--grid", "tau=None,0,0.2", "--grid", "lam=10.0,0", *work)
    assert counts_of(messages) == [18, 6, 12]
    rows = more[more["lam"] == 10].set_index("tau").loc[first["tau"], "mean"]
    assert_array_equal(rows, first["mean"])
    assert written(folder) == {"best.joblib", "work"}


@pytest.mark.parametrize(
    ("options", "estimator", "scoring"),
    [
        (["--weak", "--scoring", "event_f1"], WeakPSPLocalizer(**FAST, random_state=0), event_f1_scorer),
        (["--random-state", "7"], PSPLocalizer(**FAST, random_state=7), None),
    ],
)
def test_other_estimators_scorings_and_seeds(search, folder, options, estimator, scoring):
    status, table, _ = search(*TWO, *options)
    folds = VideoStratifiedKFold(3, random_state=estimator.random_state)
    plain = GridSearchCV(estimator, {"tau": [None, 0]}, cv=folds, scoring=scoring, refit=False)
    scores = plain.fit(X, Y, groups=NAMES).cv_results_["mean_test_score"]
    assert (status, dict(zip(table["tau"], table["mean"], strict=True))) == (0, {"None": scores[0], "0": scores[1]})
    assert type(joblib.load(folder / "best.joblib")["localize"]) is type(estimator)


def test_networks_are_values_too(folder, capsys):
    argv = [text for text in arguments(folder, "--network", "avel") if text not in SET]
    params = "network_params={'hidden_size': 8},{'hidden_size': 4}"
    assert main([*argv, "--set", "max_epochs=1", "--grid", "network=avel,psp", "--grid", params]) == 0
    table = pd.read_csv(StringIO(capsys.readouterr().out))
    assert sorted(table["network"]) == ["avel", "avel", "psp", "psp"]
    assert set(table["network_params"]) == {"{'hidden_size': 8}", "{'hidden_size': 4}"}
    assert type(joblib.load(folder / "best.joblib")["localize"]) is EventLocalizer


def test_clips_of_a_video_are_in_one_fold(search, folder, monkeypatch):
    seen = []
    clips = pd.DataFrame({"filename": np.repeat(NAMES[:12], 2), "start": [0.0, 4.0] * 12})
    clips.to_csv(folder / "features" / "videos.csv", index=False)
    (folder / "events.csv").write_text("filename,onset,offset,event_label\n" + f"{NAMES[0]},0,3,event_0\n")
    split = VideoStratifiedKFold.split
    monkeypatch.setattr(
        VideoStratifiedKFold, "split", lambda *args, **params: seen.extend(split(*args, **params)) or iter(seen)
    )
    assert search("--grid", "tau=0", "--set", "lam=0")[0] == 0
    assert len(seen) == 3
    for train, test in seen:
        assert not set(clips["filename"][train]) & set(clips["filename"][test])


def test_a_terminal_gets_an_aligned_table_and_quiet_leaves_it(folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(arguments(folder, *TWO, "--quiet")) == 0
    out, err = capsys.readouterr()
    header, *rows = out.splitlines()
    assert header.split() == ["tau", "mean", "std", "rank", "seconds"]
    assert {len(line) for line in rows} == {len(header)}
    assert all(re.fullmatch(r" *(None|0)( +0\.\d{3}){2} +\d +\d+\.\d", row) for row in rows)
    assert err == ""


def test_a_warning_of_many_fits_is_printed_once(search):
    messages = search("--grid", "tau=0.9", "--grid", "lam=0,10")[2]
    assert len([line for line in messages if "warning: --grid tau=0.9 prunes nearly all" in line]) == 1


# ------------------------------------------------------------ what goes wrong
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs groups of processes and SIGKILL")
def test_a_killed_search_fits_only_what_is_missing(folder, search):
    options = ["--grid", "tau=None,0,0.2", "--grid", "lam=0,10", "--set", "max_epochs=5"]
    work = folder / "work"
    command = [sys.executable, "-m", "ave_sklearn", *arguments(folder, *options, "--n-jobs", "2", "--work", str(work))]
    running = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while running.poll() is None and len(list(work.glob("scores/*.json"))) < 5:
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)  # with the processes of the fits, which would go on for a while
    assert running.wait() == -signal.SIGKILL
    done = {file: file.stat().st_mtime_ns for file in work.glob("scores/*.json")}
    assert 5 <= len(done) < 18 and written(folder) == {"work"}
    status, table, messages = search(*options, "--work", str(work))
    assert (status, counts_of(messages)) == (0, [18, len(done), 18 - len(done)])
    assert len(list(work.glob("scores/*.json"))) == 18
    assert {file: file.stat().st_mtime_ns for file in done} == done
    best = joblib.load(folder / "best.joblib")["localize"]
    _, unbroken, _ = search(*options)
    pd.testing.assert_frame_equal(table.drop(columns="seconds"), unbroken.drop(columns="seconds"))
    assert_array_equal(joblib.load(folder / "best.joblib")["localize"].predict_proba(X), best.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [[], pytest.param(["--n-jobs", "2"], marks=pytest.mark.slow)])
def test_a_fit_that_fails_is_named_and_what_was_done_is_kept(search, folder, n_jobs):
    work = ["--work", str(folder / "work"), *n_jobs]
    message = error_of(search("--grid", "lr=0.01,1e30", "--set", "max_epochs=3", *work))
    assert message.startswith(
        "in the fit of PSPLocalizer(hidden_size=8, lr=1e+30, max_epochs=3, random_state=0): The tr"
    )
    hint = f" What is finished is kept in {folder / 'work'}; the same command, or one with another --grid, goes on."
    assert message.endswith(hint)
    n_kept = len(list((folder / "work").glob("scores/*.json")))
    assert counts_of(search("--grid", "lr=0.01", "--set", "max_epochs=3", *work)[2]) == [3, n_kept, 3 - n_kept]
    assert n_kept == 3 or (n_jobs and n_kept < 3)


def test_an_interrupted_search_says_how_to_go_on(search, folder, monkeypatch):
    score, calls = PSPLocalizer.score, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return score(self, *args)

    monkeypatch.setattr(PSPLocalizer, "score", interrupted)
    status, table, messages = search(*TWO, "--work", str(folder / "work"))
    assert (status, table, written(folder)) == (130, None, {"work"})
    told = f"ave-sklearn: hint: What is finished is kept in {folder / 'work'}; the same command goes on."
    assert [re.sub(r"0\.\d+, \d+\.\d s", "...", line) for line in messages] == [
        *(f"ave-sklearn: note: fit {number} of 6: tau=None: ..." for number in (1, 2, 3)),
        told,
        "ave-sklearn: interrupted",
    ]
    assert counts_of(search(*TWO, "--work", str(folder / "work"))[2]) == [6, 3, 3]


def test_a_model_that_cannot_be_put_in_its_place_is_kept(search, folder, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        status, table, messages = search(*TWO, "--work", str(folder / "work"))
    (model,) = (folder / "work").glob("model-*.joblib")
    assert (status, len(table), written(folder)) == (1, 2, {"work"})
    assert messages[-1].startswith(f"ave-sklearn: error: {folder / 'best.joblib'}: No space left on device")
    assert messages[-1].endswith(f"The model is kept as {model}")
    monkeypatch.setattr(PSPLocalizer, "_fit", None)
    assert search(*TWO, "--work", str(folder / "work"))[0] == 0
    assert (folder / "best.joblib").read_bytes() == model.read_bytes()


# ---------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--grid", "tau=0,2"], "--grid tau must be None, a float in the range"),
        (["--grid", "tau=0", "--grid", "lr=-1"], "--grid lr must be a float in the range (0.0, inf). Got -1 instead."),
        (["--grid", "tau=0,high"], "--grid tau must be None, a float in the range"),
        (["--grid", "early_stopping=False,True"], "--grid early_stopping is True; wanted False, 'best' or a patience"),
        (["--grid", "random_state=1,None"], "--grid random_state is None, so that each fit is another one; wanted a"),
        (["--grid", "background=dog,cat"], "--grid background: the labels are made with one background for all fits"),
        (["--grid", "verbose=0,1"], "--grid verbose: it changes nothing about a fit."),
        (["--grid", "classes=['a']"], "--grid classes=['a']: --annotations holds labels that are not in classes"),
        ([*TWO, "--set", "random_state=None"], "--grid tau=None: --random-state is not given, so that each fit is"),
        (["--grid", "dropout=0", "--weak", "--grid", "lam=0"], "--grid lam: WeakPSPLocalizer has the parameters back"),
        (["--grid", "speed=1"], "--grid speed: PSPLocalizer has the parameters background, "),
        (
            ["--grid", "tau=0", "--grid", "tau=1"],
            "--grid tau is given twice; give all its values at once: --grid tau=V",
        ),
        (["--grid", "max_epochs=1,2"], "--grid max_epochs: --set max_epochs is given too; give it once."),
        (["--grid", "device=nowhere"], "--grid device is 'nowhere'; wanted "),
        ([*TWO, "--set", "hidden_size=7"], "--grid tau=None: --set hidden_size is 7; wanted a positive even number"),
        ([*TWO, "--set", "speed=1"], "--set speed: PSPLocalizer has the parameters background, "),
        (
            [*TWO, "--set", "random_state=None", "--work", "work"],
            "--random-state is not given, so that each fit is another one",
        ),
        ([*TWO, "--folds", "1"], "--folds must be 2 or more; got 1."),
        ([*TWO, "--folds", "25"], "--folds 25: there are only 24 videos, and each is tested in one fold."),
        ([*TWO, "--n-jobs", "0"], "--n-jobs must not be 0; -1 is a process for each processor."),
        (
            [*TWO, "--n-jobs", "2", "--dask", "tcp://a:1"],
            "--n-jobs is of this machine, but with --dask the workers fit",
        ),
        ([*TWO, "--dask", ""], "--dask is empty; wanted the address of a scheduler"),
        ([*TWO, "--dask", "nonsense://a"], "--dask nonsense://a: "),
        ([*TWO, "--features", "none"], "none is no folder of features"),
        ([*TWO, "-o", "none/best.joblib"], "the folder none is not there, so best.joblib cannot be made in it."),
        ([*TWO, "--work", "none/work"], "none/work: No such file or directory, while writing"),
        ([*TWO, "--work", "events.csv"], "events.csv is a file; wanted a folder of its own."),
        (
            [*TWO, "--work", "features"],
            "features holds other files, such as .audio.npy.pair; wanted a folder of its own.",
        ),
    ],
)
def test_what_is_refused_before_any_fit(search, folder, monkeypatch, options, message):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(PSPLocalizer, "_fit", None)
    assert message in error_of(search(*options))
    assert not list(folder.rglob("*.joblib")) and not list(folder.glob("**/scores/*"))


@pytest.mark.parametrize(
    ("options", "other"),
    [
        (["--folds", "4"], "--folds: 3 there, 4 here"),
        (["--random-state", "1"], "--random-state: 0 there, 1 here"),
        (["--scoring", "event_f1"], "--scoring: 'accuracy' there, 'event_f1' here"),
        (["--weak"], "--weak, --network: 'PSPLocalizer' there, 'WeakPSPLocalizer' here"),
        (
            ["--set", "lr=0.1"],
            "--set: {'hidden_size': '8', 'max_epochs': '1'} there, {'hidden_size': '8', 'lr': '0.1', ",
        ),
        (["--annotations", "other.csv"], "labels of --annotations; give another folder."),
        (["--features", "other"], "--features; give another folder."),
    ],
)
def test_the_folder_of_another_search_is_refused(search, folder, monkeypatch, options, other):
    monkeypatch.chdir(folder)
    assert search("--grid", "tau=0", "--work", "work")[0] == 0
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    to_events(Y[::-1], NAMES).to_csv(folder / "other.csv", index=False)
    subprocess.run(["cp", "-r", "features", "other"], check=True)
    message = error_of(search("--grid", "tau=0", "--work", "work", *options))
    assert f"--work {folder / 'work'} is of another search, with other {other}" in message
    assert {file: file.stat().st_mtime_ns for file in before if file != folder} == {
        file: time for file, time in before.items() if file != folder
    }


@pytest.mark.slow
def test_workers_are_wanted_that_see_the_work_folder(search, folder, monkeypatch):
    """The workers are threads of this process here; for one that is elsewhere the folder is not there."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("ave_sklearn.cli.search.PATIENCE", 2)
    options = {"processes": False, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(n_workers=0, **options) as cluster:
        asked = [*TWO, "--work", str(folder / "work"), "--dask", cluster.scheduler_address]
        message = error_of(search(*asked))
        assert message.startswith(f"--dask {cluster.scheduler_address}: no worker came to the scheduler in 2 s; ")
        cluster.scale(1)
        with monkeypatch.context() as patch:
            there = os.path.isfile
            patch.setattr(os.path, "isfile", lambda file: os.path.basename(file) != "search.json" and there(file))
            message = error_of(search(*asked))
        assert message.startswith(f"--work {folder / 'work'} is not to be seen by the workers inproc://")
        assert not (folder / "work" / "scores").exists()
        _, table, messages = search(*asked)
        assert any("one worker of one thread is no cluster, so the fits are done here" in line for line in messages)
        pd.testing.assert_frame_equal(table.iloc[:, :-1], search(*TWO)[1].iloc[:, :-1])


@pytest.mark.parametrize("text", ["", "[1]", "3", "[" * 100_000])
def test_a_damaged_work_folder_is_named(search, folder, text):
    (folder / "work").mkdir()
    (folder / "work" / "search.json").write_text(text)
    message = error_of(search(*TWO, "--work", str(folder / "work")))
    assert f"{folder / 'work' / 'search.json'} cannot be read as what a search is of: " in message


def test_remains_of_a_kill_do_not_matter(search, folder):
    (folder / "work").mkdir()
    (folder / "work" / ".search.json.0123456789ab.part").write_text("{")
    assert search("--grid", "tau=0", "--work", str(folder / "work"))[0] == 0


def test_a_scheduler_that_does_not_answer_is_named(search, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("ave_sklearn.cli.search.PATIENCE", 0.2)
    assert "--dask tcp://127.0.0.1:9: " in error_of(search(*TWO, "--dask", "tcp://127.0.0.1:9"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "ave_sklearn[dask]"' in error_of(search(*TWO, "--dask", "tcp://a:1"))


# ------------------------------------------------------- what would be lost
@pytest.mark.parametrize(
    ("output", "option"),
    [("events.csv", "--annotations"), ("features/videos.csv", "--features"), ("work/search.json", "--work")],
)
@pytest.mark.parametrize("command", ["search", "fit", "predict"])
def test_an_output_does_not_replace_what_is_read(folder, monkeypatch, capsys, command, output, option):
    monkeypatch.chdir(folder)
    os.makedirs("work")
    Path("work/search.json").write_text("{}")
    before = Path(output).read_bytes()
    argv = {
        "search": ["--annotations", "events.csv", *TWO, "--work", "work"],
        "fit": ["--annotations", "events.csv", "--validation", "work/search.json"],
        "predict": ["events.csv"],
    }
    option = {"fit --work": "--validation", "predict --annotations": "MODEL"}.get(f"{command} {option}", option)
    if (command, option) != ("predict", "--work"):
        assert main([command, *argv[command], "--features", "features", "-o", output, "--quiet"]) == 1
        assert f"error: -o {output}: {option} has that file; name another one." in capsys.readouterr().err
        assert Path(output).read_bytes() == before


@pytest.mark.parametrize("values", [["--set", "early_stopping=best"], ["--grid", "early_stopping=False,2"]])
def test_early_stopping_by_clips_is_warned_of(search, folder, values):
    cut = pd.read_csv(folder / "features" / "videos.csv")
    cut["start"] = [0.0, 4.0] * (len(cut) // 2)
    cut["filename"] = cut["filename"].iloc[::2].repeat(2).tolist()
    cut.to_csv(folder / "features" / "videos.csv", index=False)
    messages = search("--grid", "tau=0", *values, "--unlisted", "skip")[2]
    told = f"warning: {values[0]} early_stopping chooses the epoch by single clips: of 12 videos with several, "
    assert any(told in line for line in messages), messages


# -------------------------------------------------------------------- --grid
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x=None,0,0.095", [None, 0, 0.095]),
        ("x=1,True,'1'", [1, True, "1"]),
        ("x=-inf, constant ,True", [-np.inf, "constant", True]),
        ("x=(0.9,0.99),(0.8,0.9)", [(0.9, 0.99), (0.8, 0.9)]),
        ("x={'a': [1,2], 'b': ','},{}", [{"a": [1, 2], "b": ","}, {}]),
        ("x='a,b',\"(,\"", ["a,b", "(,"]),
        ("x=a=b", ["a=b"]),
        ("x=''", [""]),
        ("x=1", [1]),
    ],
)
def test_values_are_separated_by_commas_outside_brackets(text, values):
    assert grid(text) == ("x", values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tau", "'tau' is not of the form NAME=VALUE,VALUE"),
        ("=1", "'=1' is not of the form"),
        ("a b=1", "'a b=1' is not of the form"),
        ("tau=", "'tau=' has an empty value"),
        ("tau=0,,1", "'tau=0,,1' has an empty value"),
        ("tau=0,", "'tau=0,' has an empty value"),
        ("tau=0,1,0", "'tau=0,1,0' has the value 0 twice"),
        ("tau=0,0.0", "'tau=0,0.0' has the value 0.0 twice"),
        ("lr=0.01,1e-2", "'lr=0.01,1e-2' has the value 1e-2 twice"),
        ("tau=(0,1", "lacks a ')'"),
        ("tau=0),1", "has a ')' that closes nothing"),
        ("tau=(0],1", "has a ']' that closes nothing"),
        ("tau='a,b", 'lacks a "\'"'),
    ],
)
def test_grids_that_are_none(capsys, text, message):
    with pytest.raises(SystemExit, match="2"):
        build_parser().parse_args(arguments(Path("x"), "--grid", text))
    assert message in capsys.readouterr().err


def test_the_guides_search_is_one():
    (code,) = code_blocks(read_document("docs/command_line.md"), "sh", holding="ave-sklearn search ")
    args = build_parser().parse_args(*command_arguments(code))
    assert dict(args.grid) == {"tau": [None, 0, 0.095], "lam": [0, 10]}
    assert (args.random_state, args.folds, args.work) == (0, 5, "search")


def test_a_grid_is_wanted(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments(Path("x")))
    assert "--grid" in capsys.readouterr().err
