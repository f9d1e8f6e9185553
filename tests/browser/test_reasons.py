"""What a page says where a model has no maps: the reason that the model gives."""

import pytest
from playwright.sync_api import expect

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import write_report
from browser.driving import choose

REASONS = {
    "#propagation-note": "The model says: the model was fitted with tau=None, without propagation",
    "#attention-note": "The model says: the visual features are pooled",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    X, y = make_av_events(n_videos=12, n_classes=3, random_state=0)  # of pooled pictures
    localizer = PSPLocalizer(tau=None, max_epochs=1, hidden_size=8, random_state=0).fit(X, y)
    return write_report(localizer, X[:3], tmp_path_factory.mktemp("reasons") / "report.html", y[:3])


@pytest.mark.parametrize("note", REASONS)
def test_the_reason_of_the_model_is_said(report, visit, note):
    page = visit(report)
    choose(page, 0)
    expect(page.locator(note)).to_contain_text(REASONS[note])
