"""HTML of the estimators: what it says of a fit, what it links to, and that nothing in it is run."""

import pickle
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakPSPLocalizer, _sklearn
from ave_sklearn.datasets import make_av_events
from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold

QUICK = {"max_epochs": 2, "hidden_size": 8, "random_state": 0}
VOID = {"meta", "input", "br", "link"}
EVIL = "<script>alert(1)</script>"


class Reader(HTMLParser):
    """Reads rows of tables, links and scripts, and finds tags that are not closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.rows, self.links, self.n_scripts, self.summaries = [], [], [], 0, []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.n_scripts += tag == "script"
        if tag == "a" and "sk-estimator-doc-link" in dict(attrs).get("class", ""):
            self.links.append(dict(attrs)["href"])
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.rows[-1][-1] += data
        if self.open and self.open[-1] == "summary":
            self.summaries.append(data)


def read(estimator):
    """The parsed HTML of an estimator, after checking that a mime bundle has it too."""
    html = estimator._repr_html_()
    page = Reader(html)
    assert page.open == [] and page.n_scripts == 1  # scikit-learn's own
    return page


def said(page):
    """What the summary says, by the names of its rows."""
    rows = [[cell.strip() for cell in row] for row in page.rows]
    return {row[0]: row[1] for row in rows if len(row) == 2}


def fitted(X, y, **params):
    return PSPLocalizer(**{**QUICK, **params}).fit(X, y)


@pytest.fixture(scope="module")
def localizer(videos):
    return fitted(*videos, early_stopping="best", max_epochs=4)


def test_a_fit_says_what_it_learned(localizer):
    page = read(localizer)
    assert page.summaries[-2:] == ["Fit", "Fitted attributes"] and page.summaries.count("Fit") == 1
    assert said(page) == {
        "classes": "4: 'background', 'event_0', 'event_1', 'event_2'; background is 'background'",
        "segments": "10 a video",
        "audio": "6 features a segment",
        "visual": "5 features at 3 x 3 regions of a segment",
        "epochs": f"4 trained, the weights are those of epoch {localizer.best_epoch_}",
        "validation score": f"{localizer.validation_score_:.4f}",
    }
    assert localizer._repr_mimebundle_()["text/html"].count("Fitted attributes") == 1


@pytest.mark.parametrize(
    "localizer", [PSPLocalizer(), WeakPSPLocalizer(), EventLocalizer(), EventLocalizer(network="dam")]
)
def test_what_is_not_fitted_shows_its_parameters_alone(localizer):
    page = read(localizer)
    assert "Fit" not in page.summaries and "Fitted attributes" not in page.summaries
    assert any(row[1].strip() == "max_epochs" for row in page.rows if len(row) > 2)


def test_pooled_features_without_validation(pooled):
    rows = said(read(fitted(*pooled)))
    assert rows["visual"] == "5 features a segment, pooled" and rows["segments"] == "8 a video"
    assert rows["epochs"] == "2 trained, the weights are those of epoch 2"
    assert rows["validation score"] == "none, there were no validation videos"


@pytest.mark.filterwarnings("ignore:The background label:UserWarning")
def test_many_classes_and_long_names_are_shortened():
    X, y = make_av_events(n_videos=60, n_segments=2, n_classes=12, n_audio_features=3, n_visual_features=3)
    text = said(read(fitted(X, y)))["classes"]
    assert text.startswith("12: 'background', 'event_0', ") and text.endswith(", ...; background is 'background'")
    assert text.count("event_") == 7
    numbers = np.unique(y, return_inverse=True)[1].reshape(y.shape)
    assert said(read(fitted(X, numbers, background=0)))["classes"] == "12: 0, 1, 2, 3, 4, 5, 6, 7, ...; background is 0"
    assert said(read(fitted(X, numbers)))["classes"].endswith("; none of them is background")
    text = said(read(fitted(X, np.where(y == "background", "a" * 500, "event"), background="a" * 500)))["classes"]
    assert text == f"2: '{'a' * 39}..., 'event'; background is '{'a' * 39}..."


def test_labels_are_text_and_never_tags(videos):
    X, y = videos
    y = np.where(y == "background", EVIL, np.where(y == "event_0", "a & <b>", y)).astype(object)
    localizer = fitted(X, y, background=EVIL)
    page = read(localizer)  # which counts the scripts
    assert said(page)["classes"].startswith(f"4: '{EVIL}', 'a & <b>', 'event_1', ")
    assert said(page)["classes"].endswith(f"; background is '{EVIL}'")
    assert EVIL not in localizer._repr_html_()
    assert read(make_pipeline(localizer)).n_scripts == 1


def test_weights_of_elsewhere(localizer):
    other = pickle.loads(pickle.dumps(localizer))
    other.n_iter_, other.best_epoch_, other.validation_score_ = 0, 0, None
    assert said(read(other))["epochs"] == "none trained here"


def test_it_survives_pickles_and_clones(localizer):
    assert said(read(pickle.loads(pickle.dumps(localizer)))) == said(read(localizer))
    before = pickle.dumps(localizer)
    assert said(read(clone(localizer))) == {} and pickle.dumps(localizer) == before


@pytest.mark.parametrize("name", ["batch_size", "tau", "device"])
def test_parameters_that_became_wrong_after_the_fit_do_not_break_it(name, localizer):
    other = pickle.loads(pickle.dumps(localizer)).set_params(**{name: -1})
    assert said(read(other)) == said(read(localizer))


def test_within_pipelines_and_searches(videos):
    X, y = videos
    pipeline = make_pipeline(PSPLocalizer(**QUICK))
    assert "Fit" not in read(pipeline).summaries
    assert said(read(pipeline.fit(X, y)))["segments"] == "10 a video"
    search = GridSearchCV(PSPLocalizer(**QUICK), {"tau": [0, None]}, cv=VideoStratifiedKFold(2))
    assert "Fit" not in read(search).summaries
    page = read(search.fit(X, y))
    assert page.summaries.count("Fit") == 1 and said(page)["segments"] == "10 a video"


def test_looking_at_kept_scores_trains_nothing(videos, tmp_path, monkeypatch):
    X, y = videos
    kept = KeptScores(PSPLocalizer(**QUICK), tmp_path).fit(X, y)
    kept.score(X, y)
    assert "estimator_" in {row[0].strip() for row in read(kept).rows if row}
    again = KeptScores(PSPLocalizer(**QUICK), tmp_path).fit(X, y)
    monkeypatch.setattr(PSPLocalizer, "fit", None)  # any training is an error
    assert "Fitted attributes" not in read(again).summaries
    assert again._repr_mimebundle_()["text/html"]


# ------------------------------------------------------------------ links
ESTIMATORS = {
    "ave_sklearn.PSPLocalizer": PSPLocalizer(),
    "ave_sklearn.EventLocalizer": EventLocalizer(),
    "ave_sklearn.extraction.VideoFeatureExtractor": VideoFeatureExtractor(),
    "ave_sklearn.model_selection.KeptScores": KeptScores(PSPLocalizer(), None),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_link_leads_to_the_page_of_the_class(name, monkeypatch):
    estimator = ESTIMATORS[name]
    if _sklearn.SITE is None:
        assert read(estimator).links == []
    template = _sklearn.page_template("https://site.example")
    monkeypatch.setattr(_sklearn.DocLinkMixin, "_doc_link_template", template)
    assert read(estimator).links[0] == f"https://site.example/api/{name}.html"
    module, _, own = name.rpartition(".")
    assert getattr(__import__(module, fromlist=[own]), own) is type(estimator)


def test_there_is_no_dead_link():
    assert _sklearn.page_template(None) == ""


def test_classes_of_the_users_have_no_page(monkeypatch):
    class Mine(PSPLocalizer):
        pass

    monkeypatch.setattr(_sklearn.DocLinkMixin, "_doc_link_template", "https://site.example/{name}")
    assert read(Mine()).links == []
