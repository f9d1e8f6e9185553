"""benchmarks/tables.py: its files, its figures, and going on where it stopped."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def results(tmp_path_factory, videos):
    """A folder with data.npz and, in out/, the results of two seeds of Table 2."""
    folder = tmp_path_factory.mktemp("tables")
    X, y = videos
    split = np.repeat([0, 1, 2], [30, 15, 15])
    np.savez(folder / "data.npz", audio=X.audio, visual=X.visual, y=y, split=split)
    run(folder)
    return folder


def run(folder, *options):
    command = [sys.executable, BENCHMARKS / "tables.py", "--out", folder / "out", "--data", folder / "data.npz"]
    options = ["--tables", "2", "--folds", "2", "--max-epochs", "1", "--n-jobs", "2", *options]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stamps(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.npz")}


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
    def correct(key):
        return np.array([np.load(results / "out" / f"{key}.{seed}.npz")["correct"] for seed in range(2)])

    avel, psp = correct("full-avel"), correct("full-psp")
    assert avel.shape == (2, 15, 10)
    (line,) = [line for line in (results / "out" / "tables.md").read_text().splitlines() if "AVEL, L_ce |" in line]
    mean, spread = 100 * avel.mean(), 100 * avel.mean((1, 2)).std(ddof=1)
    assert f"| {mean:.1f} ± {spread:.1f} |" in line
    assert f"| {100 * (avel.mean() - psp.mean()):+.1f} [" in line
    fits = pd.read_csv(results / "out" / "tables.csv").pivot(index="fold", columns="key", values="validation")
    difference = 100 * (fits["full-avel"] - fits["full-psp"])
    assert f"| {difference.mean():+.1f} ± {abs(difference[0] - difference[1]) / 2:.1f} |" in line


def test_rows_of_changed_defaults_differ_from_psp_in_one_setting(results):
    keys = ["full-psp", "full-psp-lam=100", "weak-psp", "weak-psp-xavier", "weak-psp-scaled"]
    run(results, "--tables", "5", "--folds", "1", "--only", *keys)
    params = [json.loads(str(np.load(results / "out" / f"{key}.0.npz")["settings"]))[2] for key in keys]
    own = params[:1] * 2 + params[2:3] * 3  # PSP in the same setting
    changed = [dict(row.items() - default.items()) for row, default in zip(params, own, strict=True)]
    assert changed == [{}, {"lam": "100"}, {}, {"network": "XavierPSPNet"}, {"scale_each": "True"}]


def test_it_goes_on_where_it_stopped(results):
    before = stamps(results)
    (results / "out" / "weak-avel.1.npz").unlink()
    (results / "out" / "weak-psp.0.npz").write_bytes(b"PK cut off")
    (results / "out" / "full-avel.0.123.part").write_bytes(b"cut off")
    first = run(results)
    after = stamps(results)
    assert {name for name in after if after[name] != before[name]} == {"weak-avel.1.npz", "weak-psp.0.npz"}
    assert run(results) == first and stamps(results) == after


def test_other_settings_are_fitted_anew(results):
    before = stamps(results)
    run(results, "--max-epochs", "2", "--only", "full-avel")
    after = stamps(results)
    assert {name for name in after if after[name] != before[name]} == {"full-avel.0.npz", "full-avel.1.npz"}
    with np.load(results / "out" / "full-avel.0.npz") as result:
        assert json.loads(str(result["settings"]))[2]["max_epochs"] == "2"


def test_other_data_are_fitted_anew(results):
    before = stamps(results)
    with np.load(results / "data.npz") as arrays:
        changed = {**arrays, "audio": arrays["audio"] + 1}
    np.savez(results / "data.npz", **changed)
    run(results, "--only", "full-psp")
    after = stamps(results)
    assert {name for name in after if after[name] != before[name]} == {"full-psp.0.npz", "full-psp.1.npz"}


@pytest.mark.parametrize("options", [["--data", "missing.npz"], ["--folds", "0"], ["--max-epochs", "-1"]])
def test_bad_options_are_named(options, tmp_path):
    command = [sys.executable, BENCHMARKS / "tables.py", "--out", tmp_path, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and options[0] in done.stderr and options[1] in done.stderr
