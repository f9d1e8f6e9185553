"""benchmarks/gpu.py: its tables, on the CPU and where there is a GPU, and what it does without one."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TABLES = ["Elsewhere", "One model on both", "The AVE dataset's shapes"]
SMALL = ["--systems", "psp", "dam", "--videos", "6", "--epochs", "1"]


def launch(*options):
    return subprocess.run([sys.executable, BENCHMARKS / "gpu.py", *options], capture_output=True, text=True)


def tables_of(printed):
    """The printed tables: lists of rows, dicts of texts, by title."""
    tables, (head, *parts) = {}, re.split(r"^(\S.*):\n\n(?=\|)", printed, flags=re.MULTILINE)
    for title, part in zip(parts[::2], parts[1::2], strict=True):
        names, _, *rows = (
            [cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("|")
        )
        tables[title] = [dict(zip(names, row, strict=True)) for row in rows]
    return head, tables


@pytest.mark.slow
def test_tables_on_the_cpu():
    done = launch("--device", "cpu", *SMALL)
    assert done.returncode == 0, done.stderr
    head, tables = tables_of(done.stdout)
    assert list(tables) == TABLES and torch.__version__ in head
    both = tables["One model on both"]
    assert [(row["system"], row["supervision"]) for row in both] == [("psp", "full"), ("psp", "weak"), ("dam", "full")]
    for row in both:  # the same device twice
        assert row["score"] == row["score, CPU"] and float(row["difference"]) == float(row["without TF32"]) == 0
        assert all(float(cell) > 0 for name, cell in row.items() if " s" in name)
    (elsewhere,) = tables["Elsewhere"]
    assert elsewhere == {"system": "psp", "sees a GPU": "False", "difference": "0.0e+00"}
    shapes = tables["The AVE dataset's shapes"]
    assert [row["features"] for row in shapes if row["precision"] == "float32"] == ["held", "streamed"] * 2
    assert all(float(row["epoch s"]) > 0 and row["memory MB"] == "" for row in shapes)


@pytest.mark.slow
@pytest.mark.cuda
def test_tables_on_a_gpu():
    done = launch(*SMALL)
    assert done.returncode == 0, done.stderr
    head, tables = tables_of(done.stdout)
    assert list(tables) == TABLES and torch.cuda.get_device_name() in head
    assert all(float(row["memory MB"]) > 0 for row in tables["The AVE dataset's shapes"])
    assert tables["Elsewhere"][0]["sees a GPU"] == "False"


@pytest.mark.slow
def test_rows_that_come_too_late_are_named():
    done = launch("--device", "cpu", *SMALL, "--budget-seconds", "0")
    assert done.returncode == 0, done.stderr
    left_out = done.stdout.partition("Left out, 0 seconds were over: ")[2]
    assert "One model on both (dam, full); The AVE dataset's shapes (dam, float32, held)" in left_out
    assert "|" not in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so():
    done = launch()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "device is 'cuda', but torch finds no CUDA device; wanted 'auto' or 'cpu'.\n"


def test_a_row_that_fails_does_not_lose_the_others(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rows = pytest.importorskip("_tables").Rows(budget=60)
    rows.add("A table", {"system": "one"}, lambda: {"seconds": 1 / 0})
    rows.add("A table", {"system": "two"}, lambda seconds: {"seconds": seconds}, 3)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"system": "one", "error": "ZeroDivisionError: division by zero"}
    assert second == {"system": "two", "seconds": 3} and rows.failed
    rows.print()
    _, tables = tables_of(capsys.readouterr().out)
    assert [(row["system"], row["seconds"], row["error"]) for row in tables["A table"]] == [
        ("one", "", "ZeroDivisionError: division by zero"),
        ("two", "3", ""),
    ]


@pytest.mark.slow
def test_the_exit_code_tells_of_rows_that_failed():
    done = launch("--device", "cpu", "--systems", "dam", "--videos", "0")
    _, tables = tables_of(done.stdout)
    assert done.returncode == 1 and list(tables) == TABLES
    assert all("ValueError" in row["error"] for rows in tables.values() for row in rows)
