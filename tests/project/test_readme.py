"""README's links and pictures, and the scripts that draw the pictures."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from documents import ROOT, load_script, read_document
from PIL import Image

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events

README = read_document("README.md")
DRAWN = ["docs/images/timeline.png", "docs/images/connections.png"]
SCREENSHOT = "docs/images/report.png"


def test_every_link_of_the_readme_leads_to_a_file():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 15
    gone = [link for link in links if "://" not in link and not (ROOT / link.split("#")[0]).exists()]
    assert not gone


@pytest.mark.parametrize("name", [*DRAWN, SCREENSHOT])
def test_the_pictures_are_there_and_small_enough_for_a_page(name):
    assert f"]({name})" in README
    with Image.open(ROOT / name) as picture:
        assert 1000 <= picture.width <= 1400
    assert (ROOT / name).stat().st_size <= 150_000


@pytest.mark.slow
def test_the_script_draws_pictures_of_these_sizes():
    script = load_script("docs/draw_images.py")
    X, y = make_av_events(n_videos=60, random_state=0)
    digits = {label: str(i) for i, label in enumerate(np.unique(y)) if label != "background"}
    y = np.vectorize(lambda label: digits.get(label, label))(y)

    localizer = PSPLocalizer(max_epochs=1, random_state=0).fit(X, y)
    for name in DRAWN:
        draw = getattr(script, f"draw_{(ROOT / name).stem}")
        figure = draw(localizer, SimpleNamespace(data=X, target=y))
        with Image.open(ROOT / name) as picture:
            assert picture.width == pytest.approx(figure.get_figwidth() * script.DPI, abs=1)
