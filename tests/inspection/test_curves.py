"""Curves of the score against tau and of losses against the epoch, read from what was drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from readable import unreadable
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV, ParameterGrid

from ave_sklearn import PSPLocalizer
from ave_sklearn.inspection import HistoryDisplay, TauCurveDisplay, ablations
from ave_sklearn.inspection._search import MOST_LINES
from ave_sklearn.inspection._style import contrast

ALL = {"tau": [0.095, None, 0, -np.inf, 0.025]}
RISING = [None, -np.inf, 0.0, 0.025, 0.095]


def results_of(grid):
    """What a search over `grid` would have in cv_results_: scores that differ, the best for tau=0.025."""
    params = list(ParameterGrid(grid))
    means = np.array([0.6 + 0.01 * i + (row.get("tau") == 0.025) * 0.2 for i, row in enumerate(params)])
    folds = {f"split{i}_test_score": means for i in range(4)}
    return {"params": params, "mean_test_score": means, "std_test_score": means / 20, **folds}


def points_of(errorbar):
    """The points of a line that are no gaps, and their deviations."""
    x, y = errorbar.lines[0].get_data()
    ends = np.array([segment[:, 1] for segment in errorbar.lines[2][0].get_segments() if len(segment)])
    return x[~np.isnan(y)], y[~np.isnan(y)], (ends[:, 1] - ends[:, 0]) / 2


def tick_names(ax):
    ax.figure.canvas.draw()
    return [" ".join(tick.get_text().split()) for tick in ax.get_xticklabels()]


# -------------------------------------------------------------- tau: score
def test_scores_stand_at_their_thresholds():
    results = results_of(ALL)
    display = TauCurveDisplay.from_cv_results(results)
    assert display.tau == RISING
    x, y, error = points_of(display.errorbars_[0])
    order = [[row["tau"] for row in results["params"]].index(tau) for tau in RISING]
    np.testing.assert_allclose(y, results["mean_test_score"][order])
    np.testing.assert_allclose(error, results["std_test_score"][order])
    np.testing.assert_allclose(x[2:], [0, 0.025, 0.095])
    assert x[0] < x[1] < 0
    assert tick_names(display.axes_["score"]) == ["w/o PSP", "all connections", "0", "0.025", "0.095"]


def test_no_line_leads_to_thresholds_that_are_no_numbers():
    y = TauCurveDisplay.from_cv_results(results_of(ALL)).errorbars_[0].lines[0].get_ydata()
    assert np.isnan(y).tolist() == [False, True, False, True, False, False, False]
    y = TauCurveDisplay.from_cv_results(results_of({"tau": [0, 0.1]})).errorbars_[0].lines[0].get_ydata()
    assert not np.isnan(y).any()


def test_the_best_is_ringed_and_written():
    display = TauCurveDisplay.from_cv_results(results_of({**ALL, "lam": [0, 10]}))
    assert display.best_text_.get_text() == "Best: 0.890, tau=0.025, lam=10"
    x, y = display.best_point_.get_data()
    assert y == pytest.approx(0.89)
    np.testing.assert_allclose(x, 0.025, atol=0.003)
    none = TauCurveDisplay.from_cv_results(results_of({"tau": [-np.inf, None]}))
    assert none.best_text_.get_text() == "Best: 0.610, w/o PSP"


def test_other_parameters_are_lines_that_differ_in_more_than_colour():
    display = TauCurveDisplay.from_cv_results(results_of({**ALL, "lam": [0, 10, 100.0], "lr": [0.1]}))
    legend = display.axes_["score"].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["lam=0", "lam=10", "lam=100"] == display.lines
    lines = [errorbar.lines[0] for errorbar in display.errorbars_]
    looks = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines]
    assert [len(set(look)) for look in zip(*looks, strict=True)] == [3, 3, 3]
    assert all(contrast(line.get_color(), "white") >= 3 for line in lines)
    shifts = [line.get_xdata()[-1] for line in lines]
    assert len(set(shifts)) == 3
    assert unreadable(display.figure_) == []
    assert TauCurveDisplay.from_cv_results(results_of(ALL)).axes_["score"].get_legend() is None


def test_as_many_lines_as_are_allowed_have_looks_of_their_own():
    display = TauCurveDisplay.from_cv_results(results_of({"tau": [0, 0.1], "lam": list(range(MOST_LINES))}))
    lines = [errorbar.lines[0] for errorbar in display.errorbars_]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == MOST_LINES
    assert unreadable(display.figure_) == []


def test_candidates_that_leave_a_parameter_out_are_a_line():
    display = TauCurveDisplay.from_cv_results(results_of([{"tau": [0, 0.1]}, {"tau": [0.1], "lam": [0]}]))
    assert display.lines == ["the estimator's own", "lam=0"]
    assert TauCurveDisplay.from_cv_results(results_of(ablations()[1])).lines == [
        "self_attention=False",
        "self_attention=True",
    ]


def test_where_chooses_among_lines():
    grid = {"estimator__tau": [0, 0.1], "estimator__lr": [0.1, 0.2, 0.3], "estimator__lam": [0, 10]}
    with pytest.raises(
        ValueError, match=r"where must .* values of lam, lr, .* at most 5 lines; got 6\..*where=\{'lam': 0"
    ):
        TauCurveDisplay.from_cv_results(results_of(grid))
    display = TauCurveDisplay.from_cv_results(results_of(grid), where={"lr": np.float64(0.2)})
    assert display.lines == ["lam=0", "lam=10"]
    assert TauCurveDisplay.from_cv_results(results_of(grid), where={"lr": 0.2, "lam": 10}).lines == [""]


def test_thresholds_that_lie_close_have_ticks_at_round_numbers():
    display = TauCurveDisplay.from_cv_results(results_of({"tau": [None, *np.linspace(0, 0.15, 31)]}))
    names = tick_names(display.axes_["score"])
    assert names[0] == "w/o PSP"
    assert 3 < len(names) < 12
    assert unreadable(display.figure_) == []


def test_texts_of_the_thresholds_of_table_3_can_be_read():
    taus = [None, -np.inf, *ablations()[3][0]["tau"]]
    for grid in ({"tau": taus}, {"tau": taus, "lam": [0, 10]}):
        assert unreadable(TauCurveDisplay.from_cv_results(results_of(grid), kept=KEPT).figure_) == []


# --------------------------------------------------------------- tau: kept
KEPT = {-np.inf: 1.0, 0: 0.5, 0.025: 0.4, 0.095: 0.1}


def test_shares_are_drawn_below_on_axes_of_their_own():
    display = TauCurveDisplay.from_cv_results(results_of(ALL), kept=KEPT)
    score, kept = display.axes_["score"], display.axes_["kept"]
    assert score.get_position().y0 > kept.get_position().y1
    assert score.get_xlim() == kept.get_xlim()
    x, y = display.kept_line_.get_data()
    assert y[~np.isnan(y)].tolist() == [1, 0.5, 0.4, 0.1]
    np.testing.assert_allclose(x[~np.isnan(y)], display.positions_[1:])
    assert np.isnan(display.kept[0])
    assert tick_names(kept)[:2] == ["w/o PSP", "all connections"]
    assert unreadable(display.figure_) == []


class Pruning(BaseEstimator):
    """A stand-in whose connections are shares of 1/4, 2/4, 3/4 and so on of their rows."""

    def __init__(self, tau=0.095):
        self.tau = tau

    def fit(self, X, y):
        return self

    def score(self, X, y):
        return 0.5

    def propagation(self, X, *, tau="fitted"):
        gamma = np.linspace(-0.5, 1, 4)[None, :, None] + np.zeros((len(X), 4, 4))
        kept = np.where(gamma > max(tau, -1), gamma, 0)
        return kept, kept


def test_shares_are_those_of_the_best_model():
    search = GridSearchCV(Pruning(), {"tau": [0.5, None, -np.inf, 0]}, cv=2).fit(np.zeros((4, 1)), np.zeros(4))
    display = TauCurveDisplay.from_estimator(search, np.zeros((3, 1)))
    np.testing.assert_allclose(display.kept, [np.nan, 0.75, 0.5, 0.25])  # of four, one is 0 by itself
    assert "not trained again" in display.axes_["kept"].get_title(loc="left")
    assert "kept" not in TauCurveDisplay.from_estimator(search).axes_


def test_shares_of_a_localizer(pooled):
    X, y = pooled
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0)
    search = GridSearchCV(localizer, {"tau": [0, 0.1]}, cv=2).fit(X, y)
    display = TauCurveDisplay.from_estimator(search, X[:20])
    gammas = search.best_estimator_.propagation(X[:20], tau=0.1)
    assert display.kept[1] == pytest.approx(np.mean([np.mean(gamma != 0) for gamma in gammas]))
    assert display.kept[0] >= display.kept[1]


def test_a_best_model_without_connections_is_named(pooled):
    X, y = pooled
    search = GridSearchCV(PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0), {"tau": [None]}, cv=2).fit(X, y)
    with pytest.raises(ValueError, match="the best of this search was fitted with tau=None.* Give kept="):
        TauCurveDisplay.from_estimator(search, X)
    assert "kept" not in TauCurveDisplay.from_estimator(search).axes_


# -------------------------------------------------------------- tau: errors
@pytest.mark.parametrize(
    ("grid", "options", "message"),
    [
        ({"lam": [0, 1]}, {}, "cv_results_ must be of a search over tau; got a candidate .*'lam': 0"),
        ({"tau": ["high"]}, {}, "tau must be None or numbers in cv_results_; got 'high'"),
        ([{"tau": [0]}, {"tau": [0.0]}], {}, "cv_results_ must have each candidate once"),
        (ALL, {"where": {"lr": 1}}, "where has 'lr', which is no parameter of the search; it has tau"),
        (
            {**ALL, "lam": [0, 10]},
            {"where": {"lam": 5}},
            "where has lam=5, which no candidate has; wanted one of 0, 10",
        ),
        (ALL, {"kept": {0: 1.5}}, "kept must hold shares from 0 to 1; got 1.5"),
        (ALL, {"kept": {0.5: 1}}, "kept must have thresholds of the search, None, -inf, 0.0, ...; got 0.5"),
        (ALL, {"kept": [1]}, "kept must be a dict of shares by threshold; got list"),
        (ALL, {"score": "accuracy"}, "score='accuracy' is not in cv_results_; it has 'test_score'"),
    ],
)
def test_wrong_arguments_of_a_curve_are_named(grid, options, message):
    with pytest.raises(ValueError, match=message):
        TauCurveDisplay.from_cv_results(results_of(grid), **options)


def test_failed_fits_are_gaps_and_none_but_them_an_error():
    results = results_of(ALL)
    results["mean_test_score"][0] = np.nan  # of 0.095
    assert len(points_of(TauCurveDisplay.from_cv_results(results).errorbars_[0])[0]) == 4
    results["mean_test_score"][:] = np.nan
    with pytest.raises(ValueError, match="cv_results_ must have scores; got NaN"):
        TauCurveDisplay.from_cv_results(results)


def test_a_search_that_cannot_give_shares_is_named():
    with pytest.raises(ValueError, match=r"estimator must be a fitted search .*got Pruning\(\)"):
        TauCurveDisplay.from_estimator(Pruning())
    search = GridSearchCV(Pruning(), {"tau": [0]}, cv=2, refit=False).fit(np.zeros((4, 1)), np.zeros(4))
    with pytest.raises(ValueError, match="X needs a search whose best_estimator_ .* best_estimator_=None"):
        TauCurveDisplay.from_estimator(search, [[0]])
    with pytest.raises(ValueError, match="kept must be None where X is given"):
        TauCurveDisplay.from_estimator(search, [[0]], kept=KEPT)


def test_a_figure_of_the_caller_is_used():
    figure, axes = plt.subplots(2)
    display = TauCurveDisplay.from_cv_results(results_of(ALL), kept=KEPT, ax=axes)
    assert display.figure_ is figure
    assert [display.axes_["score"], display.axes_["kept"]] == axes.tolist()
    with pytest.raises(ValueError, match=r"ax must hold 2 Axes of matplotlib \(score; kept\), or be None; got 1"):
        TauCurveDisplay.from_cv_results(results_of(ALL), kept=KEPT, ax=axes[0])
    with pytest.raises(ValueError, match=r"ax must hold 1 Axes of matplotlib \(score\).*; got 2"):
        TauCurveDisplay.from_cv_results(results_of(ALL), ax=axes)
    with pytest.raises(ValueError, match="ax must hold 1 Axes .*; got a Figure"):
        TauCurveDisplay.from_cv_results(results_of(ALL), ax=figure)


# ----------------------------------------------------------------- history
def history_of(scores, losses=None):
    """A history with validation whose training loss halves each epoch."""
    losses = [1.0] * len(scores) if losses is None else losses
    return [
        {"train_loss": 0.5**i, "valid_loss": loss, "valid_score": score, "dur": 1.0}
        for i, (score, loss) in enumerate(zip(scores, losses, strict=True))
    ]


def marked_epochs(ax):
    """Where vertical lines over the whole panel stand."""
    return [
        line.get_xdata()[0] for line in ax.lines if list(line.get_ydata()) == [0, 1] and len(set(line.get_xdata())) == 1
    ]


def test_losses_and_scores_are_drawn_by_epoch():
    display = HistoryDisplay(history=history_of([0.2, 0.5, 0.4]), kept_epoch=2).plot()
    assert list(display.axes_) == ["loss", "score"]
    assert display.axes_["loss"].get_position().y0 > display.axes_["score"].get_position().y1
    data = {name: line.get_xydata().tolist() for name, line in display.lines_.items()}
    assert data == {
        "train_loss": [[1, 1], [2, 0.5], [3, 0.25]],
        "valid_loss": [[1, 1], [2, 1], [3, 1]],
        "valid_score": [[1, 0.2], [2, 0.5], [3, 0.4]],
    }
    assert [text.get_text() for text in display.axes_["loss"].get_legend().get_texts()] == ["training", "validation"]
    assert unreadable(display.figure_) == []
    assert len({line.get_linestyle() for line in display.axes_["loss"].lines[:2]}) == 2  # grey tells them apart


def test_the_best_epoch_is_marked_and_its_score_written():
    display = HistoryDisplay(history=history_of([0.2, 0.5, 0.4]), kept_epoch=2).plot()
    assert display.best_epoch_ == 2
    assert display.best_text_.get_text() == "Best epoch: 2, score 0.500"
    assert [marked_epochs(ax) for ax in display.axes_.values()] == [[2], [2]]


def test_the_kept_epoch_is_marked_where_it_is_another():
    display = HistoryDisplay(history=history_of([0.2, 0.5, 0.4]), kept_epoch=3).plot()
    assert display.best_text_.get_text() == "Best epoch: 2, score 0.500; kept (dotted): epoch 3, score 0.400"
    assert [marked_epochs(ax) for ax in display.axes_.values()] == [[2, 3], [2, 3]]


def test_equal_scores_are_told_apart_by_the_loss_or_by_what_was_kept():
    history = history_of([0.5, 0.5, 0.5], [2.0, 1.0, 1.5])
    assert HistoryDisplay(history=history).plot().best_epoch_ == 2
    assert HistoryDisplay(history=history, kept_epoch=3).plot().best_epoch_ == 3


def test_without_validation_there_is_one_panel_and_no_best():
    display = HistoryDisplay(
        history=[{"train_loss": 2.0, "dur": 1}, {"train_loss": 1.0, "dur": 1}], kept_epoch=2
    ).plot()
    assert list(display.axes_) == ["loss"]
    assert display.best_epoch_ is None and display.best_text_ is None
    assert display.axes_["loss"].get_legend() is None


@pytest.mark.parametrize(("last", "scale"), [(0.02, "linear"), (0.009, "log"), (0.0, "linear"), (-1.0, "linear")])
def test_the_scale_of_the_loss_is_logarithmic_beyond_two_decades(last, scale):
    display = HistoryDisplay(history=[{"train_loss": 1.0}, {"train_loss": last}]).plot()
    assert display.axes_["loss"].get_yscale() == scale


def test_history_of_a_localizer(pooled):
    X, y = pooled
    localizer = PSPLocalizer(max_epochs=3, hidden_size=8, early_stopping="best", random_state=0).fit(X, y)
    display = HistoryDisplay.from_estimator(localizer)
    assert display.best_epoch_ == localizer.best_epoch_
    assert f"{localizer.validation_score_:.3f}" in display.best_text_.get_text()
    np.testing.assert_allclose(display.lines_["train_loss"].get_ydata(), [e["train_loss"] for e in localizer.history_])
    figure, axes = plt.subplots(1, 2)
    assert HistoryDisplay.from_estimator(localizer, ax=axes).figure_ is figure


def test_an_estimator_without_history_is_named():
    with pytest.raises(ValueError, match=r"estimator must be fitted, with a history_ .*got PSPLocalizer\(\)"):
        HistoryDisplay.from_estimator(PSPLocalizer())
