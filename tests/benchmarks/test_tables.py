"""benchmarks/tables.py: its files, its figures, and going on where it stopped."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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


def kept(folder):
    """The records of the fits, in the order in which they were fitted."""
    lines = (folder / "out" / "fits.jsonl").read_text(encoding="utf-8").splitlines()
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
    difference = 100 * (fits["full-avel"] - fits["full-psp"])
    assert f"| {difference.mean():+.1f} ± {abs(difference[0] - difference[1]) / 2:.1f} |" in line


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
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    docs = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
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
