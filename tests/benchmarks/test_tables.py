"""benchmarks/tables.py: its files, its figures, the AVE dataset's folder, and going on where it stopped."""

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from documents import read_document
from scipy import stats

from ave_sklearn import AVFeatures
from ave_sklearn.datasets import load_ave

pytestmark = pytest.mark.slow  # each test starts the script
ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SHORT = ["--tables", "2", "--folds", "2", "--max-epochs", "1", "--n-jobs", "2"]


@pytest.fixture(scope="module")
def results(tmp_path_factory, videos):
    """A folder with data.npz and, in out/, the results of two seeds of Table 2."""
    folder = tmp_path_factory.mktemp("tables")
    X, y = videos
    split = np.repeat([0, 1, 2], [30, 15, 15])
    np.savez(folder / "data.npz", audio=X.audio, visual=X.visual, y=y, split=split)
    run(folder)
    return folder


def launch(*options):
    return subprocess.run([sys.executable, BENCHMARKS / "tables.py", *options], capture_output=True, text=True)


def tables(folder, *options):
    return launch("--out", folder / "out", "--data", folder / "data.npz", *SHORT, *options)


def run(folder, *options):
    done = tables(folder, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(folder, out="out"):
    """The records of the fits, in the order in which they were fitted."""
    lines = (folder / out / "fits.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.endswith("}")]


def new_fits(folder, before):
    """The (key, fold) of what has been fitted since `before`, whose records are all still there."""
    after = kept(folder)
    assert after[: len(before)] == before
    return {(record["key"], record["fold"]) for record in after[len(before) :]}


def test_every_row_has_a_fit_a_seed_and_the_papers_figure(results):
    text = (results / "out" / "tables.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| full") or line.startswith("| weak")]
    assert len(lines) == 8 and all(len(line.split("|")) == 12 for line in lines)
    assert [line.split("|")[-2].strip() for line in lines] == [
        "76.6", "77.8", "69.8", "71.3", "71.6", "73.5", "66.9", "69.2",
    ]  # fmt: skip
    assert "| full | PSP, L_ce + lam L_avps |" in text and "+0.0 [+0.0, +0.0]" in text
    fits = pd.read_csv(results / "out" / "tables.csv")
    assert fits.groupby("key").size().tolist() == [2] * 8
    assert fits["test"].between(0, 1).all() and fits["parameters"].min() > 1000


def test_the_means_and_differences_are_those_of_the_kept_fits(results):
    def accuracy(key):
        """Of each seed (row) on each test video."""
        records = sorted((r for r in kept(results) if r["key"] == key), key=lambda record: record["fold"])
        return np.array([record["correct"] for record in records]) / 10

    avel, psp = accuracy("full-avel"), accuracy("full-psp")
    assert avel.shape == (2, 15)
    (line,) = [line for line in (results / "out" / "tables.md").read_text().splitlines() if "AVEL, L_ce |" in line]
    mean, spread = 100 * avel.mean(), 100 * avel.mean(1).std(ddof=1)
    assert f"| {mean:.1f} ± {spread:.1f} |" in line
    found = stats.ttest_1samp((avel - psp).mean(0), 0).confidence_interval(0.95)  # the bootstrap is over 15 videos
    difference, low, high = (float(figure) for figure in re.search(r"([+-]\S+) \[(\S+), (\S+)\]", line).groups())
    assert difference == pytest.approx(100 * (avel.mean() - psp.mean()), abs=0.051)
    assert [low, high] == pytest.approx([100 * end for end in found], abs=0.1 * (high - low))
    fits = pd.read_csv(results / "out" / "tables.csv").pivot(index="fold", columns="key", values="validation")
    assert f"| {t_interval(fits['full-avel'], fits['full-psp'])} |" in line


def t_interval(ours, theirs):
    """The mean of the folds' differences and Student's interval, as points."""
    low, high = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    return f"{100 * np.mean(ours - theirs):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


@pytest.fixture
def script(monkeypatch):
    """benchmarks/tables.py as a module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("tables")


@pytest.fixture
def printed(script, monkeypatch, capsys):
    """A function of options that returns the lines that the script prints, without a process of its own."""

    def printed(*options):
        monkeypatch.setattr(sys, "argv", ["tables.py", *map(str, options)])
        capsys.readouterr()
        script.main()
        return capsys.readouterr().out.splitlines()

    return printed


def test_without_out_the_folder_is_named_after_the_data(results, printed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(results / "out", "results_data")
    shutil.copytree(results / "out", "results")
    expected = printed("--kept", "--out", results / "out", *SHORT)
    assert printed("--kept", *SHORT) == printed("--kept", "--data", results / "data.npz", *SHORT) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results", "results_data"]


def test_a_single_fold_has_no_interval_of_the_validation_videos(results, printed, tmp_path):
    file = shutil.copy(results / "out" / "fits.jsonl", tmp_path)
    lines = printed("--kept", "--out", tmp_path, *SHORT, "--folds", "1")
    rows = [line.split("|") for line in lines if "| AVEL, L_ce |" in line]
    records = list(map(json.loads, Path(file).read_text(encoding="utf-8").splitlines()))
    scores = {record["key"]: record["about"].get("validation") for record in records if record["fold"] == 0}
    assert [row[6].strip() for row in rows] == [f"{100 * (scores['full-avel'] - scores['full-psp']):+.1f}"]


def test_rows_of_older_code_are_marked(results, printed, tmp_path):
    new = printed("--kept", "--out", results / "out", *SHORT)
    records = [{**r, "old": "AVEL was another."} if r["key"] == "weak-avel" else r for r in kept(results)]
    (tmp_path / "fits.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    old = printed("--kept", "--out", tmp_path, *SHORT)
    marked = [line.replace("weighting branch |", "weighting branch † |") for line in new if "| AVEL, w/o" in line]
    assert [line for line in old if line not in new] == [*marked, "† AVEL was another."]


def test_rows_of_changed_defaults_differ_from_psp_in_one_parameter(results):
    keys = ["full-psp", "full-psp-lam=100", "weak-psp", "weak-psp-xavier", "weak-psp-scaled"]
    run(results, "--tables", "5", "--folds", "1", "--only", *keys)
    records = {record["key"]: record["settings"] for record in kept(results)}
    settings = [{**records[key], **records[key]["params"], "params": None, "defaults": None} for key in keys]
    own = settings[:1] * 2 + settings[2:3] * 3  # PSP with the same supervision
    changed = [dict(row.items() - default.items()) for row, default in zip(settings, own, strict=True)]
    assert changed == [{}, {"lam": "100"}, {}, {"network": "XavierPSPNet"}, {"scale_each": True}]


def test_it_goes_on_where_it_stopped(results):
    before = kept(results)
    gone = [("weak-avel", 1), ("weak-psp", 0)]
    lines = [json.dumps(record) for record in before if (record["key"], record["fold"]) not in gone]
    file = results / "out" / "fits.jsonl"
    file.write_text("\n".join([*lines, json.dumps(before[0])[:500]]), encoding="utf-8")  # the last one was cut off
    first = run(results)
    after = kept(results)
    assert len(after) == len(before) and {(r["key"], r["fold"]) for r in after[len(lines) :]} == set(gone)
    by_fit = [{(r["key"], r["fold"]): r["correct"] for r in records} for records in (before, after)]
    assert by_fit[0] == by_fit[1]
    size = file.stat().st_size
    assert run(results) == first and file.stat().st_size == size


def test_kept_prints_the_rows_that_are_complete_and_names_the_others(results):
    before = kept(results)
    assert run(results, "--kept") == run(results)
    fewer = results / "fewer"
    fewer.mkdir()
    lines = [json.dumps(r) for r in before if (r["key"], r["fold"]) not in {("full-avel", 1), ("weak-psp", 0)}]
    (fewer / "fits.jsonl").write_text("\n".join(lines), encoding="utf-8")
    done = tables(results, "--kept", "--out", fewer)
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| full", "| weak"))]
    assert [row.split("|")[2].strip() for row in rows] == [
        "PSP, L_ce", "PSP, L_ce + lam L_avps", "AVEL, L_ce + lam L_avps"
    ]  # fmt: skip
    assert set(rows) < set(run(results, "--kept").splitlines())
    (lacking,) = [line for line in done.stderr.splitlines() if "lacks fits" in line]
    assert lacking.endswith("of full-avel, weak-psp")
    assert len(kept(results)) == len(before) and len((fewer / "fits.jsonl").read_text().splitlines()) == len(lines)


def test_kept_without_data_is_of_those_of_the_last_fit(results):
    expected = run(results, "--kept")
    before = kept(results)
    folder = results / "two"
    folder.mkdir()
    (folder / "fits.jsonl").write_text("\n".join(map(json.dumps, before)), encoding="utf-8")
    assert launch("--kept", "--out", folder, *SHORT).stdout == expected
    others = [{**r, "settings": {**r["settings"], "data": "other"}} for r in before if r["key"] == "full-psp"]
    (folder / "fits.jsonl").write_text("\n".join(map(json.dumps, before + others)), encoding="utf-8")
    done = launch("--kept", "--out", folder, *SHORT)
    rows = [line for line in done.stdout.splitlines() if line.startswith(("| full", "| weak"))]
    assert [row.split("|")[2].strip() for row in rows] == ["PSP, L_ce + lam L_avps"] and rows[0] in expected
    assert tables(results, "--kept", "--out", folder).stdout == expected


def test_kept_of_nothing_is_an_error(results):
    done = tables(results, "--kept", "--folds", "3")
    assert done.returncode == 1 and "No row has all its fits" in done.stderr


def test_other_settings_are_fitted_anew(results):
    before = kept(results)
    run(results, "--max-epochs", "2", "--only", "full-avel")
    assert new_fits(results, before) == {("full-avel", 0), ("full-avel", 1)}
    assert kept(results)[-1]["settings"]["params"]["max_epochs"] == "2"
    run(results, "--only", "full-avel")
    assert new_fits(results, before) == {("full-avel", 0), ("full-avel", 1)}  # those of one epoch are still there


def test_other_data_are_fitted_anew(results):
    before = kept(results)
    with np.load(results / "data.npz") as arrays:
        changed = {**arrays, "audio": arrays["audio"] + 1}
    np.savez(results / "data.npz", **changed)
    run(results, "--only", "full-psp")
    assert new_fits(results, before) == {("full-psp", 0), ("full-psp", 1)}


# ------------------------------------------------------- the AVE dataset's folder
ORDERS = {"train": np.arange(45), "val": np.arange(45, 52), "test": np.arange(52, 60)}


@pytest.fixture(scope="module")
def ave(tmp_path_factory, videos):
    """The generated videos in the layout of the AVE dataset; the first is in the test part too, under another name."""
    folder = tmp_path_factory.mktemp("ave")
    X, y = videos
    for name, values in {"audio": X.audio, "visual": X.visual}.items():
        write_hdf5(folder / f"{name}_feature.h5", "avadataset", np.float64(values))
    for name, rows in ORDERS.items():
        write_hdf5(folder / f"{name}_order.h5", "order", rows)
    lines = []
    for row, labels in enumerate(y):
        events = np.flatnonzero(labels != "background")
        lines.append(f"{labels[events[0]]}&id{row or 59}&good&{events[0]}&{events[-1] + 1}\n")
    (folder / "Annotations.txt").write_text("".join(lines), encoding="utf-8")
    return folder


def write_hdf5(file, key, values):
    with h5py.File(file, "w") as opened:
        opened[key] = values


def test_the_ave_folder_is_fitted_on_its_own_split_by_three_seeds(ave, printed, tmp_path):
    rows = ["majority", "oracle", "logistic", "full-psp"]
    command = ["--data", ave, "--out", tmp_path, "--tables", "4", "--max-epochs", "1", "--n-jobs", "1"]
    done = launch(*command, "--only", *rows)
    assert done.returncode == 0, done.stderr
    records = kept(tmp_path, ".")
    assert sorted((r["key"], r["fold"]) for r in records) == sorted((row, seed) for row in rows for seed in range(3))
    y = load_ave(ave, split="test").target
    accuracy = {row: np.mean([r["correct"] for r in records if r["key"] == row]) / 10 for row in rows}
    assert {len(record["correct"]) for record in records} == {len(y)} == {8}
    assert accuracy["oracle"] == pytest.approx((y != "background").mean())
    assert len({tuple(r["correct"]) for r in records if r["key"] == "full-psp"}) > 1  # seeds differ
    table = printed("--kept", "--out", tmp_path, "--tables", "4", "--max-epochs", "1")
    (line,) = [line for line in table if "| full | right category" in line]
    oracle, lead = 100 * accuracy["oracle"], 100 * (accuracy["oracle"] - accuracy["full-psp"])
    assert f"| {oracle:.1f} ± 0.0 | {lead:+.1f} [" in line
    file = tmp_path / "fits.jsonl"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]), encoding="utf-8")
    assert launch(*command, "--only", *rows).returncode == 0
    assert kept(tmp_path, ".")[:-1] == records[:-1] and kept(tmp_path, ".")[-1]["correct"] == records[-1]["correct"]


def test_the_ave_folder_is_loaded_without_its_leaks(ave, script):
    (X, _), *others = script.load(ave, None)
    np.testing.assert_array_equal(X.audio, load_ave(ave, split="all", drop_leaks=True).data.audio[:44])
    assert [len(X) for X, _ in others] == [7, 8]


def test_the_stamp_of_a_folder_is_that_of_the_files_that_are_read(ave, script, tmp_path):
    shutil.copytree(ave, tmp_path, dirs_exist_ok=True)
    stamps = [script.stamp.__wrapped__(tmp_path)]
    (tmp_path / "notes.txt").write_text("a note")
    stamps.append(script.stamp.__wrapped__(tmp_path))
    write_hdf5(tmp_path / "val_order.h5", "order", ORDERS["val"][::-1])
    stamps.append(script.stamp.__wrapped__(tmp_path))
    assert stamps[0] == stamps[1] != stamps[2]


def test_files_that_the_folder_lacks_are_named(ave, printed, tmp_path):
    shutil.copytree(ave, tmp_path, dirs_exist_ok=True)
    (tmp_path / "test_order.h5").unlink()
    with pytest.raises(SystemExit, match=r"--data .*: files are missing.* test_order\.h5"):
        printed("--data", tmp_path, "--out", tmp_path)


def test_segment_features_do_not_depend_on_blocks(script, ave):
    X = load_ave(ave, split="test").data
    expected = np.concatenate([X.audio, np.asarray(X.visual).mean((2, 3))], -1).reshape(80, -1)
    np.testing.assert_allclose(script.segment_features(X, block=3), expected, rtol=1e-12)
    pooled = AVFeatures(X.audio, np.asarray(X.visual)[:, :, 0, 0])
    assert script.segment_features(pooled, block=3).shape == expected.shape


@pytest.mark.parametrize("options", [["--data", "missing.npz"], ["--folds", "0"], ["--max-epochs", "-1"]])
def test_bad_options_are_named(options, tmp_path):
    done = launch("--out", tmp_path, *options)
    assert done.returncode == 2 and options[0] in done.stderr and options[1] in done.stderr


# --------------------------------------------------------- the figures in the docs
@pytest.mark.parametrize(
    ("folder", "options"),
    [
        ("av_digits", []),
        ("av_digits", ["--tables", "5", "--folds", "3"]),
        ("ave_esc10", ["--tables", "4", "5", "--folds", "2"]),
    ],
)
def test_the_docs_have_the_tables_of_the_kept_fits(folder, options, tmp_path):
    shutil.copy(BENCHMARKS / "results" / folder / "fits.jsonl", tmp_path)
    done = launch("--kept", "--out", tmp_path, *options)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(("|", "†"))]
    assert len(rows) > 10
    docs = read_document("docs/benchmarks.md").splitlines()
    assert set(rows) - set(docs) == set()


def test_the_interval_is_over_the_test_speakers(tmp_path):
    file = shutil.copy(BENCHMARKS / "results" / "av_digits" / "fits.jsonl", tmp_path)
    accuracy = {}
    for record in map(json.loads, Path(file).read_text(encoding="utf-8").splitlines()):
        accuracy[record["key"], record["fold"]] = np.mean(record["correct"]) / 10
    avel, psp = ([100 * accuracy[f"full-{key}", fold] for fold in range(6)] for key in ("avel", "psp"))
    low, high = stats.ttest_rel(avel, psp).confidence_interval(0.95)
    lines = launch("--kept", "--out", tmp_path, "--tables", "2").stdout.splitlines()
    (line,) = (line for line in lines if "| full | AVEL, L_ce |" in line)
    assert f"{np.mean(avel) - np.mean(psp):+.1f} [{low:+.1f}, {high:+.1f}]" in line
