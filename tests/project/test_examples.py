"""Every example runs as a user would run it, and leaves its picture; the README keeps its word."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text()
ON_GENERATED_DATA = sorted((ROOT / "examples").glob("plot_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", ON_GENERATED_DATA, ids=lambda path: path.stem)
def test_example(path, tmp_path):
    env = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, path], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 3
    (picture,) = tmp_path.glob("*.png")
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5000


@pytest.mark.slow
def test_the_readmes_example_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.3 < float(done.stdout.split()[-1]) < 1


def test_the_readmes_table_names_what_is_there():
    import ave_sklearn.nn

    rows = re.findall(r"^\| Eq.*\| `(.*?)`", (ROOT / "README.md").read_text(), flags=re.M)
    assert len(rows) >= 9
    for name in rows:
        assert hasattr(ave_sklearn.nn, name.removeprefix("nn.")), name


@pytest.mark.slow
def test_the_guides_table_of_systems_has_their_names_and_numbers_of_parameters():
    from ave_sklearn.nn import NETWORKS

    rows = re.findall(r'^\| `"(\w+)"` \|.*\| (\w+) \| ([\d,]+), ([\d,]+|none) \|$', GUIDE, flags=re.M)
    assert [row[0] for row in rows] == list(NETWORKS)
    for name, _, *stated in rows:
        for supervision, count in zip(("full", "weak"), stated, strict=True):
            if count == "none":
                assert supervision not in NETWORKS[name].supervisions
            else:
                network = NETWORKS[name](128, 512, 29, 49, supervision=supervision)
                assert f"{sum(p.numel() for p in network.parameters()):,}" == count, name


@pytest.mark.slow
def test_the_guides_network_trains_in_both_settings(videos):
    import torch

    from ave_sklearn import EventLocalizer, WeakEventLocalizer

    (code,) = re.findall(r"```python\n(class .*?)```", GUIDE, flags=re.S)
    X, y = videos
    names = {"torch": torch, "EventLocalizer": EventLocalizer, "X": X, "y": y}
    exec(code, names)  # ends in a fit
    weak = WeakEventLocalizer(network=names["MeanNet"], max_epochs=1).fit(X, y)
    assert weak.predict(X).shape == y.shape


def test_the_commands_of_the_guide_are_commands():
    from ave_sklearn.cli.commands import build_parser

    (block,) = re.findall(r"<!-- commands -->\n```sh\n(.*?)```", GUIDE, flags=re.S)
    runs = [build_parser().parse_args(shlex.split(line)[1:]).run.__name__ for line in block.splitlines()]
    assert runs == ["run_extract", "run_fit", "run_score", "run_predict"]


@pytest.mark.slow
def test_own_videos_become_events():
    path = ROOT / "examples" / "extract_own_videos.py"
    done = subprocess.run([sys.executable, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) > 0.9  # segment accuracy
