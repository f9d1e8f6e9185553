"""Every example runs as a user would run it, and shows something; the README keeps its word."""

import ast
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
from documents import ROOT, code_blocks, command_arguments, read_document, read_guide
from sklearn.metrics import roc_auc_score

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.cli.commands import build_parser
from ave_sklearn.datasets import make_av_events

GUIDE = read_guide()
README = read_document("README.md")
AVE_FILES = ROOT.parent / "shared" / "ave"  # the dataset's own annotations and splits, no part of the project
GALLERY = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_an_example_of_the_gallery_ends_in_a_figure_or_a_table(path, tmp_path):
    modules = os.pathsep.join(map(str, (ROOT, ROOT / "tests" / "project")))
    env = {**os.environ, "MPLBACKEND": "module://shown_figures", "PYTHONPATH": modules}
    done = subprocess.run([sys.executable, path], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "shown: a figure" in done.stdout  # of which the gallery has its thumbnail
    last = done.stdout.splitlines()[-1]
    assert last.startswith("shown: a figure") or re.search(r"\d", last), last
    assert list(tmp_path.iterdir()) == []  # files of an example are temporary
    if path.stem == "10_videos_to_events":
        assert float(re.search(r"^segment accuracy .*: (.*)$", done.stdout, flags=re.M)[1]) > 0.9


def test_the_gallery_is_numbered_and_each_example_has_a_title():
    assert [int(path.stem[:2]) for path in GALLERY] == list(range(1, len(GALLERY) + 1))
    for path in GALLERY:
        title, line, blank, *text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()
        assert line == "=" * len(title) and blank == "" and text, path


@pytest.mark.slow
def test_the_readmes_example_runs(tmp_path):
    (code,) = code_blocks(README, "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0.3 < float(done.stdout.split()[-1]) < 1


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
    from ave_sklearn import WeakEventLocalizer

    (code,) = code_blocks(GUIDE, "python", holding="class MeanNet")
    X, y = videos
    names = {"X": X, "y": y}
    exec(code, names)  # ends in a fit
    weak = WeakEventLocalizer(network=names["MeanNet"], max_epochs=1).fit(X, y)
    assert weak.predict(X).shape == y.shape


def baselines(folder):
    """What examples/ave_baselines.py prints for the files in `folder`."""
    path = ROOT / "examples" / "ave_baselines.py"
    done = subprocess.run([sys.executable, path, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_baselines_of_a_dataset_of_four_videos(tmp_path):
    """Worked out by hand: of the three test videos one is an event throughout, and the others in 8 and 4 seconds."""
    rows = ["dog&a&good&0&10", "cat&b&good&0&10", "dog&c&good&2&10", "cat&d&good&3&7"]
    (tmp_path / "Annotations.txt").write_text("\n".join(rows) + "\n")
    with h5py.File(tmp_path / "test_order.h5", "w") as file:
        file["order"] = np.array([3, 0, 2])
    summary, columns, *lines = baselines(tmp_path).splitlines()
    assert summary == "73.3% of the seconds are events, 33.3% of the videos one event throughout."
    assert "of the 2 other videos" in columns
    assert [re.split(r"  +", line) for line in lines] == [
        ["everything background", "26.7", "40.0", "0.0", "0.0"],
        ["right category, every second an event", "73.3", "60.0", "66.7", "33.3"],
    ]


@pytest.mark.slow
@pytest.mark.skipif(not AVE_FILES.is_dir(), reason=f"no released files in {AVE_FILES}")
def test_the_guides_baselines_are_what_the_example_prints():
    (block,) = code_blocks(GUIDE, "", mark="baselines")
    assert block == baselines(AVE_FILES)


def test_the_readme_and_the_guide_state_the_same_baselines():
    (block,) = code_blocks(GUIDE, "", mark="baselines")
    (section,) = re.findall(r"## How to read an accuracy\n(.*?)\n## ", README, flags=re.S)
    assert set(re.findall(r"\d\d\.\d", section)) - set(re.findall(r"\d\d\.\d", block)) == {"77.8"}  # PSP's, Table 4


def test_the_guides_look_at_more_than_one_number(videos, capsys):
    X, y = videos
    (code,) = code_blocks(GUIDE, "python", holding="mixed = ")
    localizer = PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
    exec(code, {"localizer": localizer, "X_test": X, "y_test": y})
    printed = [float(word) for word in capsys.readouterr().out.split()]
    assert len(printed) == 3 and all(0 <= value <= 1 for value in printed)


@pytest.mark.slow
def test_the_guides_scorer_of_seconds_ranks_events_first():
    X, y = make_av_events(n_videos=150, random_state=0)
    (code,) = code_blocks(GUIDE, "python", holding="score = 1 - proba")
    new = slice(100, None)
    names = {"audio": X.audio[:100], "visual": X.visual[:100], "labels": y[:100]}
    exec(code, {**names, "new_audio": X.audio[new], "new_visual": X.visual[new]}, found := {})
    score, is_event = found["score"], y[new] != "background"
    assert score.shape == is_event.shape and score.min() >= 0 and score.max() <= 1
    assert roc_auc_score(is_event.ravel(), score.ravel()) > 0.7
    assert all(is_event.ravel()[row] for row in found["first"])


def test_the_guide_states_the_defaults_that_depart_from_the_paper():
    text = " ".join(GUIDE.split())
    full, weak = (estimator().get_params() for estimator in (PSPLocalizer, WeakPSPLocalizer))
    for statement in (
        f"label smoothing of {full['label_smoothing']} in the targets",
        f"`lam` is {full['lam']:.0f}, where the paper has 100",
        f"`dropout` is {weak['dropout']} with weak supervision and {full['dropout']:.0f} with full supervision",
        f"{full['max_epochs']} epochs in batches of {full['batch_size']} videos",
    ):
        assert statement in text, statement
    assert {full[name] == weak[name] for name in ("label_smoothing", "max_epochs", "batch_size")} == {True}


def test_the_first_commands_of_the_command_line_are_commands():
    (block,) = code_blocks(read_document("docs/command_line.md"), "sh", mark="commands")
    runs = [build_parser().parse_args(arguments).command.__name__ for arguments in command_arguments(block)]
    assert [name.rpartition(".")[-1] for name in runs] == ["extract", "fit", "score", "predict"]


@pytest.mark.parametrize("name", ["README.md", "docs/command_line.md", "docs/many_machines.md"])
def test_the_commands_of_the_documents_parse(name):
    commands = command_arguments("".join(code_blocks(read_document(name), "sh")))
    assert len(commands) >= 3
    for arguments in commands:
        build_parser().parse_args(arguments)
