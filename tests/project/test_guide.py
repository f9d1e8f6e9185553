"""The pages of the user guide: their code runs, and their tables name what is there."""

import ast
import re
import xml.etree.ElementTree as ElementTree
from configparser import ConfigParser

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from documents import GUIDE_PAGES, ROOT, code_blocks, read_document
from sklearn.model_selection import GridSearchCV

import ave_sklearn.inspection
import ave_sklearn.nn
from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold


def blocks(page):
    """The Python code of a page, block by block."""
    return code_blocks(read_document(page), "python")


def rows(page, heading):
    """The rows of the first table behind a heading of a page, as lists of cells."""
    _, _, text = read_document(page).partition(f"\n{heading}\n")
    table = re.search(r"(?:^\|.*\n)+", text, flags=re.M).group().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize("page", ["docs/index.md", "docs/install.md", *GUIDE_PAGES])
def test_what_a_page_imports_is_there(page):
    for code in blocks(page):
        tree = ast.parse(code)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, type_ignores=[]), page, "exec"), {})


@pytest.mark.parametrize("page", [page for page in GUIDE_PAGES if "index" not in page])
def test_a_page_of_the_guide_begins_with_what_it_is_for(page):
    title, first, *_ = read_document(page).split("\n\n")
    assert title.startswith("# ") and "This page" in " ".join(first.split())


def test_each_equation_is_there_and_has_its_function():
    tags = re.findall(r"\\tag\{(\d+)\}", read_document("docs/guide/equations.md"))
    assert tags == [str(number) for number in range(1, 12)]
    covered = set()
    for paper, _, function in rows("docs/guide/equations.md", "## From equation to function"):
        shown, name = re.fullmatch(r"\{py:\w+\}`(.*?) <(.*?)>`", function).groups()
        assert name == f"ave_sklearn.{shown}" and hasattr(ave_sklearn.nn, shown.removeprefix("nn.")), name
        first, _, last = paper.removeprefix("Eq. ").partition("-")
        covered |= set(range(int(first), int(last or first) + 1)) if paper.startswith("Eq. ") else set()
    assert covered == set(range(1, 12))


def test_each_display_has_a_row_and_a_section():
    text = read_document("docs/guide/pictures.md")
    named = set(re.findall(r"\[`(\w+)`\]\(#", text))
    displays = {name for name in ave_sklearn.inspection.__all__ if name.endswith("Display")}
    assert displays | {"ablation_table", "write_report"} == named
    for name in displays:
        assert f"~ave_sklearn.inspection.{name}`" in text, name


def test_each_extra_for_users_has_a_command():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    commands = [re.search(r"`pip install (.*?)`", row[1]).group(1) for row in rows("docs/install.md", "## By task")]
    named = {name for command in commands for name in re.findall(r"\w+", command)}
    assert named == set(config["options.extras_require"]) - {"docs", "test"}


def test_the_picture_of_shapes_is_an_svg_that_says_what_it_shows():
    svg = "{http://www.w3.org/2000/svg}"
    root = ElementTree.parse(ROOT / "docs" / "images" / "shapes.svg").getroot()
    assert root.tag == f"{svg}svg" and root.find(f"{svg}title").text and root.find(f"{svg}desc").text
    panel = root.find(f"{svg}rect")  # white behind all of it, so that a dark page shows it too
    assert panel.get("fill") == "#ffffff"
    assert f"0 0 {panel.get('width')} {panel.get('height')}" == root.get("viewBox")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["docs/index.md", "docs/install.md"])
def test_the_first_code_runs(page):
    (code,) = blocks(page)
    assert "max_epochs=10" in code
    exec(code.replace("max_epochs=10", "max_epochs=1"), {})


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tuning", "pictures", "reproducibility", "evaluation"])
def test_the_guides_code_runs_as_it_stands(name, tmp_path, monkeypatch):
    """Block by block, on small videos and fits under the names that the pages use; their own fits are small too."""
    monkeypatch.chdir(tmp_path)
    matplotlib.use("Agg")
    X, y = make_av_events(n_videos=24, n_segments=4, map_size=(2, 2), random_state=0)
    folds = VideoStratifiedKFold(2, random_state=0)
    localizer = PSPLocalizer(max_epochs=1, tau=0.2, hidden_size=8, random_state=0).fit(X, y)
    search = GridSearchCV(localizer, {"tau": [0, 0.2]}, cv=folds).fit(X, y)
    names = {"localizer": localizer, "first": localizer, "second": localizer, "search": search, "folds": folds}
    names |= {"X": X, "y": y, "X_test": X, "y_test": y, "speakers": np.arange(24) // 2}
    names |= {"frames": np.zeros((4, 8, 8, 3)), "audio": X.audio, "visual": X.visual, "labels": y}
    names |= {"new_audio": X.audio, "new_visual": X.visual, "names": [f"{number}.mp4" for number in range(24)]}
    (tmp_path / "videos").mkdir()
    for code in blocks(f"docs/guide/{name}.md"):
        small = re.sub(r"PSPLocalizer\((max_epochs=20, )?", "PSPLocalizer(max_epochs=1, hidden_size=8, ", code)
        exec(small.replace("VideoStratifiedKFold(5", "VideoStratifiedKFold(2"), names)
    plt.close("all")
