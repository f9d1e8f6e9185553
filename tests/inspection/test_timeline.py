"""Timelines of events, read from the artists that were drawn."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import to_events
from ave_sklearn.inspection import EventTimelineDisplay
from ave_sklearn.inspection._style import CLASS_COLORS, INK, LEAST_CONTRAST, contrast
from tests.helpers import SegmentNB, make_videos

B = "background"
TRUE = [[B, "dog", "dog", "dog", B], ["cat", "cat", "cat", "cat", "cat"], [B] * 5]
PRED = [[B, B, "dog", "dog", "cat"], ["cat", "cat", "dog", "dog", "cat"], [B] * 5]
MANY = [f"class {i:02d}" for i in range(28)]


@pytest.fixture(scope="module")
def fitted(pooled):
    X, y = pooled
    return PSPLocalizer(max_epochs=2, hidden_size=8, random_state=0).fit(X, y)


def spans(bars):
    """Onset and offset of each bar."""
    return [(round(bar.get_x(), 9), round(bar.get_x() + bar.get_width(), 9)) for bar in bars]


def rows(bars, display):
    """The tick label beside which each bar stands."""
    ticks = {round(tick, 6): label.get_text() for tick, label in zip(*tick_labels(display), strict=True)}
    return [ticks[round(bar.get_y() + bar.get_height() / 2, 6)] for bar in bars]


def tick_labels(display):
    return display.ax_.get_yticks(), display.ax_.get_yticklabels()


def colors(bars):
    return [to_hex(bar.get_facecolor()) for bar in bars]


def texts(display):
    return [text.get_text() for text in display.texts_]


def legend(display):
    return [] if display.legend_ is None else [text.get_text() for text in display.legend_.get_texts()]


# -------------------------------------------------------------------- what is drawn
def test_a_run_is_one_bar_in_the_row_of_its_video():
    display = EventTimelineDisplay.from_predictions(TRUE, PRED, videos=["a.mp4", Path("b.mp4"), "c.mp4"])
    assert [label.get_text() for label in tick_labels(display)[1]] == [
        "a.mp4  T",
        "P",
        "b.mp4  T",
        "P",
        "c.mp4  T",
        "P",
    ]
    assert spans(display.true_bars_) == [(1, 4), (0, 5)]
    assert rows(display.true_bars_, display) == ["a.mp4  T", "b.mp4  T"]
    assert spans(display.predicted_bars_) == [(2, 4), (4, 5), (0, 2), (2, 4), (4, 5)]
    assert rows(display.predicted_bars_, display) == ["P"] * 5
    assert texts(display) == ["dog", "cat", "dog", "cat", "cat", "dog", "cat"]
    tops = [bar.get_y() for bar in (*display.true_bars_, *display.predicted_bars_[:1], *display.predicted_bars_[2:3])]
    assert tops[0] < tops[2] < tops[1] < tops[3]  # the first video's T and P, then the second's
    assert display.ax_.get_ylim()[0] > display.ax_.get_ylim()[1]  # the first video is above


def test_background_is_empty():
    display = EventTimelineDisplay.from_predictions([[B] * 4], [[B] * 4])
    assert len(display.ax_.patches) == 0 and display.texts_ == [] and display.legend_ is None


def test_a_class_has_one_color_in_all_rows():
    display = EventTimelineDisplay.from_predictions(TRUE, PRED)
    cat, dog = CLASS_COLORS[:2]
    assert colors(display.true_bars_) == [dog, cat]
    assert colors(display.predicted_bars_) == [dog, cat, cat, dog, cat]


def test_classes_fix_the_colors():
    classes = [B, "cow", "dog"]
    first = EventTimelineDisplay.from_predictions(TRUE, PRED, classes=classes)
    second = EventTimelineDisplay.from_predictions(None, [["dog", "cow"]], classes=np.array(classes))
    assert first.classes == ["cow", "dog", "cat"]  # the one that is not named comes last
    assert colors(first.true_bars_) == [CLASS_COLORS[1], CLASS_COLORS[2]]
    assert colors(second.predicted_bars_) == [CLASS_COLORS[1], CLASS_COLORS[0]]


def test_colors_do_not_depend_on_the_videos_that_are_drawn():
    display = EventTimelineDisplay.from_predictions([["dog"], ["cat"]], [["dog"], ["ape"]], n_videos=1)
    assert colors(display.true_bars_) == [CLASS_COLORS[2]]


def test_marks_show_where_truth_and_prediction_differ():
    display = EventTimelineDisplay.from_predictions(TRUE, PRED)
    assert spans(display.marks_) == [(1, 2), (4, 5), (2, 4)]
    assert set(colors(display.marks_)) == {INK}
    tops = [bar.get_y() for bar in display.marks_]
    below = [display.predicted_bars_[i].get_y() + display.predicted_bars_[i].get_height() for i in (0, 0, 2)]
    assert all(0 < top - bottom < 0.1 for top, bottom in zip(tops, below, strict=True))
    assert "true and predicted differ" in legend(display)


def test_marks_agree_with_the_segments(pooled):
    _, y = pooled
    pred = np.roll(y, 1, axis=1)
    display = EventTimelineDisplay.from_predictions(y, pred, n_videos=10)
    assert sum(bar.get_width() for bar in display.marks_) == np.sum(y[:10] != pred[:10]) > 0


def test_without_truth_there_are_predicted_rows_alone():
    display = EventTimelineDisplay.from_predictions(None, PRED, videos=["a", "b", "c"])
    assert [label.get_text() for label in tick_labels(display)[1]] == ["a  P", "b  P", "c  P"]
    assert display.true_bars_ is None and display.marks_ is None
    assert spans(display.predicted_bars_)[:2] == [(2, 4), (4, 5)]


@pytest.mark.parametrize(("grid", "hop"), [({"hop_seconds": 0.5}, 0.5), ({"segment_seconds": 0.96}, 0.96)])
def test_seconds(grid, hop):
    display = EventTimelineDisplay.from_predictions(TRUE, PRED, **grid)
    assert spans(display.true_bars_) == [(hop, 4 * hop), (0, 5 * hop)]
    assert spans(display.marks_)[0] == (hop, 2 * hop)
    assert display.ax_.get_xlabel() == "seconds" and display.seconds == 5 * hop
    low, high = display.ax_.get_xlim()
    assert low < 0 and 5 * hop < high < 5.1 * hop


def test_number_labels_and_one_video():
    display = EventTimelineDisplay.from_predictions([28, 3, 3], np.array([28, 28, 3]), background=28)
    assert spans(display.true_bars_) == [(1, 3)] and spans(display.predicted_bars_) == [(2, 3)]
    assert texts(display) == ["3", "3"]
    assert [label.get_text() for label in tick_labels(display)[1]] == ["video 0  T", "P"]


def test_no_background():
    display = EventTimelineDisplay.from_predictions(TRUE, PRED, background=None)
    assert len(display.true_bars_) == 5 and B in display.classes


def test_the_first_videos_are_drawn_and_the_others_counted():
    display = EventTimelineDisplay.from_predictions(TRUE * 4, PRED * 4)
    assert len(display.videos) == 8 and display.ax_.get_ylabel() == "the first 8 of 12 videos"
    display = EventTimelineDisplay.from_predictions(TRUE * 4, PRED * 4, n_videos=None)
    assert len(display.videos) == 12 and display.ax_.get_ylabel() == ""


def test_probability_of_the_likeliest_event():
    proba = np.array([[[0.7, 0.1, 0.2], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]])
    display = EventTimelineDisplay.from_predictions(
        [[B, "cat", "dog"]], [[B, "cat", "dog"]], y_proba=proba, classes=[B, "cat", "dog"], hop_seconds=2
    )
    (curve,) = display.curves_
    values, edges, baseline = curve.get_data()
    assert edges.tolist() == [0, 2, 4, 6]
    height = display.predicted_bars_[0].get_height()
    assert np.allclose((baseline - values) / (baseline - values)[2], np.array([0.2, 0.5, 0.8]) / 0.8)
    assert 0 < (baseline - values)[2] < height and baseline - height > 0
    assert values.min() >= display.predicted_bars_[0].get_y() + height  # below P
    assert legend(display) == ["probability of the likeliest event, 0 to 1"]


# -------------------------------------------------------------------- text
def test_a_label_without_room_goes_into_the_legend():
    long, short = "Male speech, man speaking", "Bus"
    y = [[long, short, B, B, long, long, long, long, long, long]]
    display = EventTimelineDisplay.from_predictions(y, y)
    assert texts(display) == [short, long] * 2 and list(display.ax_.texts) == display.texts_
    assert legend(display) == [long]
    (handle,) = display.legend_.get_patches()
    assert to_hex(handle.get_facecolor()) == colors(display.true_bars_)[0]


def test_texts_stand_within_their_bars():
    rng = np.random.default_rng(0)
    names = np.array([B, "dog", "Fixed-wing aircraft, airplane", "Race car, auto racing"])
    y = names[rng.integers(4, size=(6, 10))]
    display = EventTimelineDisplay.from_predictions(y, y[:, ::-1])
    display.figure_.canvas.draw()
    bars = [*display.true_bars_, *display.predicted_bars_]
    boxes = [bar.get_window_extent() for bar in bars]
    assert 0 < len(display.texts_) < len(bars)
    for text in display.texts_:
        box = text.get_window_extent()
        assert any(b.x0 <= box.x0 and box.x1 <= b.x1 and b.y0 <= box.y0 and box.y1 <= b.y1 for b in boxes)


def test_no_text_in_rows_too_low_for_it():
    _, ax = plt.subplots(figsize=(6, 1))
    display = EventTimelineDisplay.from_predictions(TRUE * 3, PRED * 3, n_videos=None, ax=ax)
    assert display.texts_ == [] and legend(display)[:2] == ["cat", "dog"]


def test_labels_and_names_are_written_as_they_are():
    y = [["_a$b_{$", "_a$b_{$", "$x$"]]
    display = EventTimelineDisplay.from_predictions(y, y, videos=["a$b_{$.mp4"])
    display.figure_.canvas.draw()
    assert texts(display) == ["_a$b_{$", "$x$"] * 2
    _, ax = plt.subplots(figsize=(6, 1))
    display = EventTimelineDisplay.from_predictions(y * 9, y * 9, n_videos=None, ax=ax)
    display.figure_.canvas.draw()
    assert legend(display) == ["$x$", "_a$b_{$"]


def test_a_long_name_keeps_its_end():
    display = EventTimelineDisplay.from_predictions(None, [["dog"]], videos=["/data/" + 30 * "x" + "/end.mp4"])
    (label,) = tick_labels(display)[1]
    assert label.get_text().startswith("\u2026") and label.get_text().endswith("/end.mp4  P")


def every_text(display):
    """Each text of the picture, and the colors of what it stands on."""
    display.figure_.canvas.draw()
    bars = {(bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2): bar for bar in display.true_bars_}
    bars |= {(b.get_x() + b.get_width() / 2, b.get_y() + b.get_height() / 2): b for b in display.predicted_bars_}
    for text in display.texts_:
        yield text, bars[text.get_position()].get_facecolor()
        yield text, text.get_bbox_patch().get_facecolor()
    ax, ground = display.ax_, display.figure_.get_facecolor()
    for text in (*ax.get_yticklabels(), *ax.get_xticklabels(), ax.xaxis.label, ax.yaxis.label):
        yield text, ground
    for text in display.legend_.get_texts():
        yield text, ground


def test_contrast_of_every_text():
    y = np.array(MANY).reshape(-1, 7)
    proba = np.full((*y.shape, 28), 1 / 28)
    display = EventTimelineDisplay.from_predictions(y, y[:, ::-1], y_proba=proba, classes=MANY)
    found = [(text.get_text(), contrast(text.get_color(), ground)) for text, ground in every_text(display)]
    assert {text for text, _ in found} >= {*MANY, "P", "seconds", "true and predicted differ"}
    assert [pair for pair in found if pair[1] < LEAST_CONTRAST] == []


def test_more_than_eight_classes_are_told_apart():
    display = EventTimelineDisplay.from_predictions(None, [MANY], hop_seconds=1)
    looks = {(to_hex(bar.get_facecolor()), bar.get_hatch()) for bar in display.predicted_bars_}
    assert len(looks) == 28 and len({color for color, _ in looks}) == 8
    named = dict(zip(legend(display), display.legend_.get_patches(), strict=True))
    for label, bar in zip(MANY, display.predicted_bars_, strict=True):
        handle = named[label]
        assert (handle.get_facecolor(), handle.get_hatch()) == (bar.get_facecolor(), bar.get_hatch())


# -------------------------------------------------------------------- of an estimator
def test_of_an_estimator(fitted, pooled):
    X, y = pooled
    names = [f"{i}.mp4" for i in range(60)]
    display = EventTimelineDisplay.from_estimator(
        fitted, X, y, videos=names, n_videos=3, show_proba=True, hop_seconds=0.5
    )
    events = fitted.predict_events(X[:3], videos=names[:3], hop_seconds=0.5)
    columns = ["filename", "onset", "offset", "event_label"]
    pd.testing.assert_frame_equal(display.predicted_events, events[columns], check_dtype=False)
    pd.testing.assert_frame_equal(display.true_events, to_events(y[:3], names[:3], hop_seconds=0.5), check_dtype=False)
    assert spans(display.predicted_bars_) == list(zip(events["onset"], events["offset"], strict=True))
    is_event = fitted.classes_ != B
    assert np.allclose(display.probabilities, fitted.predict_proba(X[:3])[:, :, is_event].max(2))
    assert len(display.curves_) == 3 and display.ax_.get_ylabel() == "the first 3 of 60 videos"
    assert display.classes == [label for label in fitted.classes_ if label != B]


def test_predicts_the_videos_that_it_draws(fitted, pooled):
    class Counting(SegmentNB):
        def predict(self, X):
            self.n_predicted_ = len(X)
            return super().predict(X)

    X, y = pooled
    nb = Counting().fit(X, y)
    EventTimelineDisplay.from_estimator(nb, X, y, n_videos=2)
    assert nb.n_predicted_ == 2


def test_forms_of_x_and_y(fitted, pooled):
    X, y = pooled
    wanted = EventTimelineDisplay.from_estimator(fitted, X[:4], y[:4])
    one_hot = (y[:4, :, None] == fitted.classes_).astype(int)
    for features, target in (
        ({"audio": X.audio[:4], "visual": X.visual[:4]}, y[:4].tolist()),
        (X[:4], one_hot),
        (X[:4], pd.DataFrame(y[:4])),
    ):
        display = EventTimelineDisplay.from_estimator(fitted, features, target)
        pd.testing.assert_frame_equal(display.true_events, wanted.true_events)
        pd.testing.assert_frame_equal(display.predicted_events, wanted.predicted_events)


def test_one_video_and_no_truth(fitted, pooled):
    X, y = pooled
    display = EventTimelineDisplay.from_estimator(fitted, X[:1], y[0], videos="a.mp4")
    assert set(display.true_events["filename"]) == {"a.mp4"} and display.videos == ["a.mp4"]
    assert EventTimelineDisplay.from_estimator(fitted, X[:1]).true_events is None


def test_one_label_a_video():
    X, y = np.random.default_rng(0).normal(size=(20, 4)), np.array([0, 1] * 10)
    localizer = PSPLocalizer(background=0, max_epochs=1, hidden_size=8, tau=0, random_state=0).fit(X, y)
    display = EventTimelineDisplay.from_estimator(localizer, pd.DataFrame(X), y, n_videos=4, show_proba=True)
    assert display.seconds == 1 and display.probabilities.shape == (4, 1)
    assert display.true_events["filename"].tolist() == [1, 3]
    assert spans(display.true_bars_) == [(0, 1), (0, 1)]


def test_a_background_that_is_no_class_marks_nothing(pooled):
    X, _ = pooled
    y = np.tile([1, 2], (60, 4))
    with pytest.warns(UserWarning, match="background"):
        localizer = PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0).fit(X, y)
    display = EventTimelineDisplay.from_estimator(localizer, X, y, n_videos=1)
    assert len(display.true_bars_) == 8


def test_searches_and_other_classifiers():
    X, y = make_videos()
    search = GridSearchCV(SegmentNB(), {"var_smoothing": [1e-9, 1e-6]}, scoring=lambda nb, X, y: 0.0, cv=2).fit(X, y)
    display = EventTimelineDisplay.from_estimator(search, X, y, n_videos=2, show_proba=True)
    pd.testing.assert_frame_equal(display.predicted_events, to_events(search.predict(X[:2])))


def test_weak_supervision(pooled):
    X, y = pooled
    localizer = WeakPSPLocalizer(max_epochs=1, hidden_size=8, random_state=0).fit(X, y)
    display = EventTimelineDisplay.from_estimator(localizer, X, y, n_videos=2)
    pd.testing.assert_frame_equal(display.true_events, to_events(y[:2]))


# -------------------------------------------------------------------- of tables of events
def test_of_tables_of_events():
    true = pd.DataFrame(
        {
            "filename": ["a", "b", "c"],
            "onset": [0.25, 1, None],
            "offset": [2.5, 3, None],
            "event_label": ["x", "y", None],
        }
    )
    pred = pd.DataFrame({"filename": [Path("a"), "d"], "onset": [0.25, 4], "offset": [2, 6], "event_label": ["x", "y"]})
    display = EventTimelineDisplay.from_events(true, pred.assign(score=0.5))
    assert display.videos == ["a", "b", "c", "d"] and display.seconds == 6
    assert spans(display.true_bars_) == [(0.25, 2.5), (1, 3)] and spans(display.predicted_bars_) == [(0.25, 2), (4, 6)]
    assert spans(display.marks_) == [(2, 2.5), (1, 3), (4, 6)]
    chosen = EventTimelineDisplay.from_events(true, pred, videos=["b", "e"], seconds=10)
    assert chosen.videos == ["b", "e"] and spans(chosen.true_bars_) == [(1, 3)] and len(chosen.predicted_bars_) == 0
    assert chosen.classes == display.classes and chosen.seconds == 10


def test_tables_draw_what_their_labels_draw():
    of_labels = EventTimelineDisplay.from_predictions(TRUE, PRED)
    of_tables = EventTimelineDisplay.from_events(to_events(TRUE), to_events(PRED), videos=[0, 1, 2])
    for bars in ("true_bars_", "predicted_bars_", "marks_"):
        assert spans(getattr(of_labels, bars)) == spans(getattr(of_tables, bars))
        assert colors(getattr(of_labels, bars)) == colors(getattr(of_tables, bars))


# -------------------------------------------------------------------- axes
def test_draws_into_given_axes_and_again():
    figure, (left, right) = plt.subplots(1, 2)
    display = EventTimelineDisplay.from_predictions(TRUE, PRED, ax=left)
    assert display.ax_ is left and display.figure_ is figure
    assert display.plot(ax=right) is display and display.ax_ is right
    assert len(right.patches) == len(left.patches) == 10
    assert plt.get_fignums() == [figure.number]


def test_draws_into_a_subfigure():
    part = plt.figure().subfigures(1, 2)[0]
    display = EventTimelineDisplay.from_predictions(TRUE, PRED, ax=part.subplots())
    assert display.figure_ is part and len(display.true_bars_) == 2


def test_the_constructor_stores_what_it_gets():
    display = EventTimelineDisplay.from_predictions(TRUE, PRED)
    given = {name: value for name, value in vars(display).items() if not name.endswith("_")}
    assert vars(EventTimelineDisplay(**given)) == given


# -------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"y_pred": [["dog"]]}, r"y_true and y_pred must have the same shape; got \(3, 5\) and \(1, 1\)"),
        ({"y_pred": np.zeros((3, 5), int)}, "y_true and y_pred must both be text or both be numbers"),
        ({"y_true": np.full((3, 5), 0.2)}, "y_true must hold labels.*no proportions"),
        ({"y_true": None, "y_pred": np.empty((0, 5), int)}, r"y_pred must have at least one segment.*\(0, 5\)"),
        ({"background": 28}, "background=28 is numbers, but the labels are text"),
        ({"videos": ["a", "b"]}, r"videos must be the names of 3 videos; got the shape \(2,\)"),
        ({"videos": ["a", "b", "a"]}, "videos must name each video once; got 'a' again"),
        ({"n_videos": 0}, "n_videos must be a positive integer; got 0"),
        ({"hop_seconds": 0}, "hop_seconds must be a positive number; got 0"),
        ({"classes": [1, 2]}, "classes are numbers.*the labels are text"),
        ({"classes": [["dog"]]}, r"classes must be a list of labels; got the shape \(1, 1\)"),
        ({"y_proba": np.zeros((3, 5, 3))}, "y_proba needs classes"),
        ({"y_proba": np.zeros((3, 5, 2)), "classes": [B, "cat", "dog"]}, r"y_proba.*\(3, 5, 3\); got \(3, 5, 2\)"),
        ({"y_proba": np.full((3, 5, 1), 2), "classes": ["cat"]}, r"y_proba must hold probabilities within \[0, 1\]"),
    ],
)
def test_errors_of_predictions(options, message):
    with pytest.raises(ValueError, match=message):
        EventTimelineDisplay.from_predictions(**{"y_true": TRUE, "y_pred": PRED, **options})
    assert plt.get_fignums() == []


def test_errors_of_an_estimator(fitted, pooled):
    X, y = pooled
    draw = EventTimelineDisplay.from_estimator
    with pytest.raises(NotFittedError):
        draw(PSPLocalizer(), X, y)
    for target, message in (
        (np.full((60, 4), 0.25), "y must hold labels.*no proportions"),
        (y[:, 0], r"y has the shape \(60,\); wanted labels \(n_videos, 8\)"),
        (y[:, :5], r"y has the shape \(60, 5\); wanted labels \(n_videos, 8\)"),
        (y[:59], r"y has labels of 59 videos, shape \(59, 8\); wanted those of the 60 of X"),
        (np.zeros((60, 8), int), "y holds labels that are not in classes"),
    ):
        with pytest.raises(ValueError, match=message):
            draw(fitted, X, target)
    with pytest.raises(ValueError, match=r"videos must be the names of 60 videos; got the shape \(2,\)"):
        draw(fitted, X, y, videos=["a", "b"])
    with pytest.raises(ValueError, match="n_videos must be a positive integer; got 2.5"):
        draw(fitted, X, y, n_videos=2.5)
    assert plt.get_fignums() == []


def test_show_proba_needs_probabilities():
    class Labels(BaseEstimator):
        def fit(self, X, y):
            self.classes_, self.background_ = np.unique(y), B
            return self

        def predict(self, X):
            return np.array([[B, "dog"]])

    labels = Labels().fit(None, [B, "dog"])
    EventTimelineDisplay.from_estimator(labels, np.zeros((1, 2, 1)))
    with pytest.raises(ValueError, match=r"show_proba=True needs an estimator with predict_proba; got Labels\(\)"):
        EventTimelineDisplay.from_estimator(labels, np.zeros((1, 2, 1)), show_proba=True)


@pytest.mark.parametrize(
    ("true", "pred", "options", "message"),
    [
        ([["a"]], to_events(PRED), {}, "true_events must be a DataFrame"),
        (to_events(TRUE), to_events(PRED).drop(columns="onset"), {}, "predicted_events: the columns must be"),
        (to_events(TRUE), to_events(PRED).assign(offset=0), {}, "predicted_events, row 0: the event must end"),
        (to_events(TRUE), to_events(PRED, ["a", "b", "c"]), {}, r"no video in common.*0, 1 in the former.*'a', 'b'"),
        (to_events(TRUE), to_events([[1, 2]], background=None), {}, "event_label must be all text or all numbers"),
        (to_events(TRUE), to_events(PRED), {"seconds": -1}, "seconds must be a positive number; got -1"),
        (None, to_events([[B]]), {}, "There is no video to draw.*videos is None"),
        (None, to_events(PRED), {"videos": []}, r"videos must be a list of names; got the shape \(0,\)"),
        (to_events(TRUE), to_events(PRED), {"videos": [1, 1]}, "videos must name each video once; got 1 again"),
    ],
)
def test_errors_of_tables(true, pred, options, message):
    with pytest.raises(ValueError, match=message):
        EventTimelineDisplay.from_events(true, pred, **options)


def test_what_is_no_axes_is_refused():
    with pytest.raises(ValueError, match="ax must hold 1 Axes of matplotlib, or be None; got a Figure"):
        EventTimelineDisplay.from_predictions(None, [["dog", "background"]], ax=plt.figure())
