"""A report that `write_report` makes of a model that was trained: what the page says is what the model predicts."""

import numpy as np
import pytest
from playwright.sync_api import expect

from ave_sklearn import PSPLocalizer
from ave_sklearn.inspection import write_report
from browser.driving import choose, read_rows


@pytest.fixture(scope="module")
def model(videos):
    X, y = videos
    return PSPLocalizer(hidden_size=8, max_epochs=15, lr=0.01, random_state=0).fit(X[:40], y[:40])


@pytest.fixture(scope="module")
def report(model, videos, tmp_path_factory):
    X, y = videos
    path = tmp_path_factory.mktemp("real") / "report.html"
    write_report(model, X[40:], path, y[40:], [f"video {i}.mp4" for i in range(20)])
    return path


def test_the_page_says_what_the_model_predicts(model, videos, report, visit):
    X, y = videos
    page = visit(report, height=1600)
    predicted = model.predict(X[40:])
    expect(page.locator("#scores tbody tr").first).to_contain_text(f"{np.mean(predicted == y[40:]):.3f}")
    assert read_rows(page) == list(range(20))
    for video in (0, 11):
        choose(page, video)
        page.locator("#timeline").press("Home")
        for segment in range(10):
            said = page.locator("#timeline").get_attribute("aria-valuetext")
            assert str(predicted[video, segment]) in said and str(y[40 + video, segment]) in said
            page.locator("#timeline").press("ArrowRight")


def test_the_worst_video_has_the_least_accuracy(model, videos, report, visit):
    X, y = videos
    page = visit(report)
    accuracies = (model.predict(X[40:]) == y[40:]).mean(1)
    page.locator("#sort").select_option("worst")
    assert accuracies[read_rows(page)[0]] == accuracies.min()
    page.locator("#worst").get_by_role("link").first.click()
    expect(page.locator("#detail")).to_have_attribute("data-video", str(int(np.argmin(accuracies))))


def test_maps_of_the_model_are_those_of_the_page(model, videos, report, visit):
    X, _ = videos
    page = visit(report, height=1600)
    choose(page, 3)
    maps = model.propagation(X[43:44])
    cells = page.locator("#map-va .cell").evaluate_all("(all) => all.map((one) => one.ariaLabel)")
    weights = np.asarray(maps[0])[0].ravel()
    assert len(cells) == weights.size
    for text, weight in zip(cells, weights, strict=True):
        if weight == 0 or weight >= 0.01:
            assert ("nothing" if weight == 0 else f"takes {weight:.2f} from") in text
