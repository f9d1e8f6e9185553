"""Curves: the score against the threshold tau, and losses and scores against the epoch."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn._checks import first_few, plain
from ave_sklearn.inspection._mosaic import mosaic_axes
from ave_sklearn.inspection._search import as_threshold, read_candidates, tau_curves, written
from ave_sklearn.inspection._style import CLASS_COLORS, INK, QUIET, contrast
from ave_sklearn.inspection._wrapped import unwrap
from ave_sklearn.metrics._scorers import attribute_or_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ave_sklearn._typing import Features

LEAST_LINE_CONTRAST = 3  # of graphics to the white that they stand on (WCAG 2.1)
LINE_MARKERS = "osD^v"
LINE_STYLES = ["-", "--", "-.", ":", (0, (1, 1))]
CATEGORIES = {None: "w/o PSP", -np.inf: "all connections"}  # thresholds that are no numbers on an axis
ENTRIES = {  # of a history: panel, colour, line, marker and label
    "train_loss": ("loss", CLASS_COLORS[0], "-", "o", "training"),
    "valid_loss": ("loss", CLASS_COLORS[5], "--", "s", "validation"),
    "valid_score": ("score", CLASS_COLORS[5], "--", "s", "validation"),
}
LOG_SPAN = 100  # a loss that spans more gets a logarithmic scale


class TauCurveDisplay:
    """Score of a search against the threshold tau, with the share of connections that each threshold keeps (Table 3).

    Above, the mean score over the folds with its standard deviation, and the best one ringed; each point is a model
    that was trained with that threshold. Below, where it is known, the share of connections that are not cut.
    ``tau=None`` ("w/o PSP") and ``tau=-inf`` ("all connections") stand apart at the left.

    Parameters
    ----------
    tau : sequence of floats or None
        Thresholds, rising: None and -inf come first.
    mean, std : ndarrays of shape (n_lines, n_taus)
        Mean and deviation of the score; NaN where a combination was not tried.
    lines : list of str
        What each line is, ``"lam=10"`` for example; ``[""]`` for a single line.
    kept : ndarray of shape (n_taus,), default=None
        Share of connections kept, from 0 to 1; NaN where it is not known.
    score_name : str, default="test score"
        Label of the score's axis.
    kept_title : str, default=""
        Title of the lower panel.

    Attributes
    ----------
    axes_ : dict of Axes
        "score" and, with `kept`, "kept".
    figure_ : Figure
    positions_ : ndarray of shape (n_taus,)
        Where on the x axis each threshold stands.
    errorbars_ : list of ErrorbarContainer
        One for each line.
    best_point_ : Line2D
    best_text_ : Text
    kept_line_ : Line2D or None

    See Also
    --------
    ablations : The thresholds of Table 3 as a grid.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.model_selection import GridSearchCV
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import TauCurveDisplay
    >>> from ave_sklearn.model_selection import VideoStratifiedKFold
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, hidden_size=8, random_state=0)
    >>> folds = VideoStratifiedKFold(2, random_state=0)
    >>> search = GridSearchCV(localizer, {"tau": [None, 0, 0.095]}, cv=folds).fit(X, y)
    >>> display = TauCurveDisplay.from_estimator(search)
    >>> display.tau
    [None, 0.0, 0.095]
    """

    def __init__(
        self,
        *,
        tau: Sequence[float | None],
        mean: NDArray[np.floating[Any]],
        std: NDArray[np.floating[Any]],
        lines: list[str],
        kept: NDArray[np.floating[Any]] | None = None,
        score_name: str = "test score",
        kept_title: str = "",
    ) -> None:
        self.tau, self.mean, self.std, self.lines = tau, mean, std, lines
        self.kept, self.score_name, self.kept_title = kept, score_name, kept_title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Features | None = None,
        *,
        score: str = "test_score",
        where: Mapping[str, Any] | None = None,
        kept: Mapping[float | None, float] | None = None,
        ax: Axes | Sequence[Axes] | None = None,
    ) -> TauCurveDisplay:
        """Draw the curve of a fitted search.

        Parameters
        ----------
        estimator : GridSearchCV or another fitted search over ``tau``, or a pipeline that ends in one
        X : features, default=None
            Videos whose connections are counted: ``best_estimator_`` prunes them at each threshold, without being
            trained again. None draws no share of connections, unless `kept` has it.
        score, where, kept, ax
            As in `from_cv_results`.

        Returns
        -------
        display : TauCurveDisplay

        Raises
        ------
        ValueError
            As `from_cv_results`; if the search is not fitted; if there are both `X` and `kept`; with `X`, if the search
            has no ``best_estimator_`` with ``propagation``, or that one was fitted with ``tau=None``.
        """
        if attribute_or_none(estimator, "cv_results_") is None:
            raise ValueError(
                f"estimator must be a fitted search with cv_results_, such as GridSearchCV; got {estimator!r:.80}."
            )
        if X is not None and kept is not None:
            raise ValueError("kept must be None where X is given, from which the shares are computed; got both.")
        search, X = unwrap(estimator, X, "cv_results_")
        title = ""
        if X is not None:
            best = getattr(search, "best_estimator_", None)
            if attribute_or_none(best, "propagation") is None:
                raise ValueError(
                    "X needs a search whose best_estimator_ has the method propagation (refit=True, an estimator of "
                    f"PSP); got best_estimator_={best!r:.80}. Give kept= instead, or no X."
                )
            best, X = unwrap(best, X, "propagation")
            if best.get_params().get("tau", 0) is None:
                raise ValueError(
                    "X needs a best_estimator_ with connections, but the best of this search was fitted with tau=None, "
                    "without propagation. Give kept= of another fit, or no X."
                )
            taus = tau_curves(read_candidates(search.cv_results_, score), where).taus
            kept, title = kept_shares(best, X, taus), "Pruned at each threshold: the best model, not trained again"
        return cls.from_cv_results(search.cv_results_, score=score, where=where, kept=kept, kept_title=title, ax=ax)

    @classmethod
    def from_cv_results(
        cls,
        cv_results_: Mapping[str, Any] | pd.DataFrame,
        *,
        score: str = "test_score",
        where: Mapping[str, Any] | None = None,
        kept: Mapping[float | None, float] | None = None,
        kept_title: str = "",
        ax: Axes | Sequence[Axes] | None = None,
    ) -> TauCurveDisplay:
        """Draw the curve of the results of a search.

        Parameters
        ----------
        cv_results_ : dict or DataFrame
            Of a fitted search with the parameter ``tau``. Each combination of its other parameters is a line.
        score : str, default="test_score"
            Which score: "test_f1" of a search with the scoring "f1" among several.
        where : dict, default=None
            Values of other parameters; only candidates that have them are drawn.
        kept : dict, default=None
            Share of connections kept, from 0 to 1, by threshold.
        kept_title : str, default=""
            Title of the panel with these shares.
        ax : Axes or sequence of Axes, default=None
            One, or two with `kept`: score, share of connections. None makes a figure.

        Returns
        -------
        display : TauCurveDisplay

        Raises
        ------
        ValueError
            If `cv_results_` lacks the score or ``tau``, no candidate is left by `where`, two of them are the same, or
            there are more than five lines; for a share outside 0 to 1 in `kept`, or the wrong number of axes.
        """
        candidates = read_candidates(cv_results_, score)
        curves = tau_curves(candidates, where)
        shares = None if kept is None else _shares(kept, curves.taus)
        name = score.replace("_", " ")
        if candidates.n_folds > 1:
            name += f"\n(mean ± deviation, {candidates.n_folds} folds)"
        found = {"tau": curves.taus, "mean": curves.mean, "std": curves.std, "lines": curves.lines}
        return cls(**found, kept=shares, score_name=name, kept_title=kept_title).plot(ax=ax)

    def plot(self, *, ax: Axes | Sequence[Axes] | None = None) -> TauCurveDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            As in `from_cv_results`.

        Returns
        -------
        display : TauCurveDisplay
        """
        self.positions_, step = _positions(self.tau)
        mosaic = [["score"]] if self.kept is None else [["score"], ["kept"]]
        options = {"sharex": True, "figsize": (6.4 if len(self.lines) == 1 else 7.8, 3.4 if self.kept is None else 4.8)}
        if self.kept is not None:
            options["height_ratios"] = [1.6, 1]
        self.axes_ = mosaic_axes(ax, mosaic, **options)
        self.figure_ = self.axes_["score"].figure
        self._plot_scores(step)
        self.kept_line_ = None if self.kept is None else self._plot_kept()
        for panel in self.axes_.values():
            self._draw_thresholds(panel, step)
        _finish(self.axes_, "threshold tau")
        return self

    def _plot_scores(self, step):
        """Draw a line with error bars for each combination, the best point ringed and its score written."""
        ax, n_lines = self.axes_["score"], len(self.lines)
        shifts = (np.arange(n_lines) - (n_lines - 1) / 2) * 0.07 * step  # so that error bars lie side by side
        colors = [color for color in CLASS_COLORS if contrast(color, "white") >= LEAST_LINE_CONTRAST]
        self.errorbars_ = []
        for i, (shift, line) in enumerate(zip(shifts, self.lines, strict=True)):
            style = {"color": colors[i], "marker": LINE_MARKERS[i], "linestyle": LINE_STYLES[i], "label": line}
            x, y = self._broken(self.positions_ + shift, self.mean[i])
            error = self._broken(self.positions_, self.std[i])[1]
            self.errorbars_.append(ax.errorbar(x, y, yerr=error, markersize=5, capsize=2.5, elinewidth=0.9, **style))
        self._mark_best(ax, shifts)
        ax.set_ylabel(self.score_name, color=INK)
        if n_lines > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, labelcolor=INK, handlelength=3)

    def _broken(self, x, y):
        """Return points with gaps behind those that are no numbers, so that no line leads from them to others."""
        n = sum(tau in CATEGORIES for tau in self.tau)
        behind = np.arange(1, n + 1)
        return np.insert(x, behind, np.nan), np.insert(y, behind, np.nan)

    def _mark_best(self, ax, shifts):
        """Ring the best mean, and write it above the panel."""
        line, i = np.unravel_index(np.nanargmax(self.mean), self.mean.shape)
        x, y = self.positions_[i] + shifts[line], self.mean[line, i]
        self.best_point_ = ax.plot(x, y, "o", markersize=12, markerfacecolor="none", color=INK, linestyle="none")[0]
        name = CATEGORIES.get(self.tau[i]) or written("tau", self.tau[i])
        place = ", ".join(part for part in (name, self.lines[line]) if part)
        self.best_text_ = ax.set_title(f"Best: {y:.3f}, {place}", fontsize="medium", color=INK, loc="left")

    def _plot_kept(self):
        """Draw the share of connections kept."""
        from matplotlib.ticker import PercentFormatter

        ax = self.axes_["kept"]
        x, y = self._broken(self.positions_, self.kept)
        (line,) = ax.plot(x, y, color=INK, marker="o", markersize=4)
        ax.set(ylim=(0, 1.05), ylabel="connections kept")
        ax.yaxis.label.set_color(INK)
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.set_title(self.kept_title, fontsize="small", color=QUIET, loc="left")
        return line

    def _draw_thresholds(self, ax, step):
        """Name the thresholds on the x axis, and shade those that are no numbers."""
        from matplotlib.ticker import AutoLocator, FixedLocator, FuncFormatter

        numbers = [tau for tau in self.tau if tau not in CATEGORIES]
        names = {x: CATEGORIES[tau] for x, tau in zip(self.positions_, self.tau, strict=True) if tau in CATEGORIES}
        ticks = numbers
        if len(numbers) > 1 and min(np.diff(numbers)) < 0.35 * step:
            low, high = min(numbers), max(numbers)
            ticks = [tick for tick in AutoLocator().tick_values(low, high) if low <= tick <= high]
        ax.xaxis.set_major_locator(FixedLocator([*names, *ticks]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: names.get(x, f"{x:g}").replace("all ", "all\n")))
        if names and numbers:
            ax.axvspan(min(names) - 0.5 * step, max(names) + 0.5 * step, color="#f0f0f0", zorder=0, linewidth=0)
        ax.set_xlim(self.positions_[0] - 0.5 * step, self.positions_[-1] + 0.5 * step)


def kept_shares(estimator: Any, X: Features, taus: Iterable[float | None]) -> dict[float | None, float]:
    """Return the share of connections that are not 0 when a fitted estimator prunes at each threshold but None."""
    shares: dict[float | None, float] = {}
    for tau in taus:
        if tau is not None:
            gammas = estimator.propagation(X, tau=tau)
            shares[tau] = float(np.mean([np.mean(np.asarray(gamma) != 0) for gamma in gammas]))
    return shares


def _positions(taus):
    """Return where thresholds stand on the x axis, and the distance between those that are no numbers."""
    numbers = [tau for tau in taus if tau not in CATEGORIES] or [0.0]
    step = 0.24 * (max(numbers) - min(numbers)) or 0.1
    apart = [tau for tau in taus if tau in CATEGORIES]
    left = [min(numbers) - step * (len(apart) - i) for i in range(len(apart))]
    return np.array(left + [tau for tau in taus if tau not in CATEGORIES]), step


def _shares(kept, taus):
    """Return the share of each threshold as an array, NaN where there is none."""
    if not hasattr(kept, "items"):
        raise ValueError(f"kept must be a dict of shares by threshold; got {type(kept).__name__}.")
    shares = {as_threshold(plain(tau)): share for tau, share in kept.items()}
    wrong = [share for share in shares.values() if not (isinstance(share, Real) and 0 <= share <= 1)]
    if wrong:
        raise ValueError(f"kept must hold shares from 0 to 1; got {wrong[0]!r}.")
    if not set(shares) & set(taus):
        raise ValueError(f"kept must have thresholds of the search, {first_few(taus)}; got {first_few(shares)}.")
    return np.array([shares.get(tau, np.nan) for tau in taus])


class HistoryDisplay:
    """Loss and validation score of a fit by epoch, with the best epoch marked.

    The loss has a logarithmic scale where it spans more than two decades. Where the weights of another epoch than the
    best were kept (``early_stopping=False``), that one is marked too.

    Parameters
    ----------
    history : list of dict
        An entry for each epoch with "train_loss" and, with validation videos, "valid_loss" and "valid_score".
    kept_epoch : int, default=None
        The epoch, from 1, whose weights were kept; None marks the best one only.

    Attributes
    ----------
    axes_ : dict of Axes
        "loss" and, with validation, "score".
    figure_ : Figure
    lines_ : dict of Line2D
        By the names of the entries.
    best_epoch_ : int or None
        Of the highest validation score, and of the lowest validation loss among equals; None without validation.
    best_text_ : Text or None

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import HistoryDisplay
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, early_stopping="best", random_state=0).fit(X, y)
    >>> display = HistoryDisplay.from_estimator(localizer)
    >>> list(display.axes_), display.best_epoch_ == localizer.best_epoch_
    (['loss', 'score'], True)
    """

    def __init__(self, *, history: Sequence[Mapping[str, float]], kept_epoch: int | None = None) -> None:
        self.history, self.kept_epoch = history, kept_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | Sequence[Axes] | None = None) -> HistoryDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : fitted localizer
            With ``history_`` and ``best_epoch_``; or a pipeline or search that ends in one.
        ax : Axes or sequence of Axes, default=None
            One, or two with validation: loss, score. None makes a figure.

        Returns
        -------
        display : HistoryDisplay

        Raises
        ------
        ValueError
            If the estimator has no history, as before `fit` and with released weights, or for the wrong number of axes.
        """
        history = attribute_or_none(estimator, "history_")
        if not history:
            raise ValueError(
                f"estimator must be fitted, with a history_ of at least one epoch; got {estimator!r:.80} with "
                f"history_={history!r}."
            )
        return cls(history=history, kept_epoch=attribute_or_none(estimator, "best_epoch_")).plot(ax=ax)

    def plot(self, *, ax: Axes | Sequence[Axes] | None = None) -> HistoryDisplay:
        """Draw the history.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            As in `from_estimator`.

        Returns
        -------
        display : HistoryDisplay
        """
        curves = {name: self._values(name) for name in ENTRIES}
        curves = {name: values for name, values in curves.items() if np.isfinite(values).any()}
        mosaic = [["loss"], ["score"]] if "valid_score" in curves else [["loss"]]
        self.axes_ = mosaic_axes(ax, mosaic, sharex=True, figsize=(6.4, 0.4 + 2.2 * len(mosaic)))
        from matplotlib.ticker import MaxNLocator  # where it is missing the line above says what to install

        self.figure_ = self.axes_["loss"].figure
        self.lines_ = {name: self._plot_curve(name, values) for name, values in curves.items()}
        self._finish_loss([values for name, values in curves.items() if name.endswith("loss")])
        self.best_epoch_, self.best_text_ = None, None
        if "valid_score" in curves:
            self.best_epoch_ = _best_epoch(**curves)
            self._mark_epochs(curves["valid_score"])
        self.axes_["loss"].xaxis.set_major_locator(MaxNLocator(integer=True))
        self.axes_["loss"].set_xlim(0.5, len(self.history) + 0.5)
        _finish(self.axes_, "epoch")
        return self

    def _values(self, name):
        """Return the values of an entry, NaN where an epoch has none."""
        return np.array([entry.get(name, np.nan) for entry in self.history], dtype=np.float64)

    def _plot_curve(self, name, values):
        """Draw an entry against the epoch, with markers where they are not too many."""
        panel, color, style, marker, label = ENTRIES[name]
        options = {"color": color, "linestyle": style, "marker": marker if len(values) <= 60 else "", "markersize": 3.5}
        return self.axes_[panel].plot(np.arange(1, len(values) + 1), values, label=label, **options)[0]

    def _finish_loss(self, losses):
        """Label the panel of the loss; its scale is logarithmic where the losses span more than two decades."""
        ax = self.axes_["loss"]
        values = np.concatenate(losses) if losses else np.ones(1)
        values = values[np.isfinite(values)]
        if values.min() > 0 and values.max() > LOG_SPAN * values.min():
            ax.set_yscale("log")
        ax.set_ylabel("loss", color=INK)
        if len(losses) > 1:
            ax.legend(frameon=False, labelcolor=INK)

    def _mark_epochs(self, scores):
        """Draw a line at the best epoch in both panels, and at the kept one where its score is lower."""
        best, kept = self.best_epoch_, self.kept_epoch
        if kept and scores[kept - 1] == scores[best - 1]:
            best = self.best_epoch_ = kept
        text = f"Best epoch: {best}, score {scores[best - 1]:.3f}"
        for panel in self.axes_.values():
            panel.axvline(best, color=INK, linestyle="--", linewidth=1)
            if kept and kept != best:
                panel.axvline(kept, color=QUIET, linestyle=":", linewidth=1.5)
        ax = self.axes_["score"]
        ax.plot(best, scores[best - 1], "o", markersize=11, markerfacecolor="none", color=INK)
        if kept and kept != best:
            text += f"; kept (dotted): epoch {kept}, score {scores[kept - 1]:.3f}"
        self.best_text_ = ax.set_title(text, fontsize="medium", color=INK, loc="left")
        ax.set_ylabel("validation score", color=INK)


def _best_epoch(valid_score, valid_loss=None, **others):
    """Return the epoch, from 1, of the highest score and, among equals, of the lowest loss."""
    loss = np.zeros(len(valid_score)) if valid_loss is None else valid_loss
    epochs = np.flatnonzero(np.isfinite(valid_score))
    return int(max(epochs, key=lambda i: (valid_score[i], -loss[i]))) + 1


def _finish(axes, xlabel):
    """Name the x axis below the last panel, and leave out lines that bound nothing."""
    for ax in axes.values():
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(colors=INK)
    list(axes.values())[-1].set_xlabel(xlabel, color=INK)
