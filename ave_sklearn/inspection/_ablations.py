"""Ablations of the paper as grids for a search, and the table of its results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ave_sklearn._checks import check_positive_integer, first_few
from ave_sklearn.inspection._search import read_candidates, varied, written
from ave_sklearn.metrics import PairedDifference, paired_difference, segment_accuracy_score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal

    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._typing import RandomStateLike

TAU, LAM = 0.095, 10.0  # of the full method
TAUS = (0, 0.025, 0.075, TAU, 0.115)  # of Table 3, whose videos have SEGMENTS segments
SEGMENTS = 10


# ------------------------------------------------------------------ grids
def ablations(
    *, supervision: Literal["full", "weak"] = "full", n_segments: int = SEGMENTS
) -> dict[int, list[dict[str, Any]]]:
    r"""Return the ablations of the paper's Tables 1 to 3 as parameter grids.

    Parameters
    ----------
    supervision : {"full", "weak"}, default="full"
        For `PSPLocalizer` or for `WeakPSPLocalizer`: Table 2 is about the pair similarity loss of the one and the
        weighting branch of the other.
    n_segments : int, default=10
        T. Connections are shares of a row of T, about 1 / T each, so the paper's thresholds, which are for ten
        segments, are multiplied by 10 / T; 1 at most.

    Returns
    -------
    grids : dict
        Of the numbers 1, 2 and 3, the tables, each a list of dicts as `GridSearchCV` takes it:

        1. propagation: none (``tau=None``), of all connections ("ASP", ``tau=-inf``), of those that are not negative
           ("WPSP", ``tau=0``), with self-attention ("SAPSP"), and PSP;
        2. ``lam`` 0 and 10, or ``weighting`` False and True;
        3. five thresholds ``tau``.

    Raises
    ------
    ValueError
        If `supervision` is neither, or `n_segments` no positive integer.

    See Also
    --------
    ablation_table : Names the rows of such a search.

    Examples
    --------
    >>> from ave_sklearn.inspection import ablations
    >>> ablations()[3]
    [{'tau': [0, 0.025, 0.075, 0.095, 0.115]}]
    >>> ablations(supervision="weak")[2]
    [{'weighting': [False, True]}]
    """
    if supervision not in ("full", "weak"):
        raise ValueError(f"supervision must be 'full' or 'weak'; got {supervision!r}.")
    scale = SEGMENTS / check_positive_integer(n_segments, "n_segments")
    taus = [min(round(tau * scale, 6), 1.0) if tau else tau for tau in TAUS]
    psp = taus[TAUS.index(TAU)]
    return {
        1: [
            {"tau": [None, -np.inf, 0], "self_attention": [False]},
            {"tau": [psp], "self_attention": [True, False]},
        ],
        2: [{"lam": [0, LAM]} if supervision == "full" else {"weighting": [False, True]}],
        3: [{"tau": taus}],
    }


# ------------------------------------------------------------------ names
def row_names(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the paper's tables call each row of parameters; what the paper lacks is written ``name=value``."""
    changing = varied(params)
    others = [name for name in changing if name not in ("tau", "self_attention")]
    has_base = not others or any("tau" in row or "self_attention" in row for row in params)
    many = len(_positive(params, "tau")) > 1
    bases = [_base(row, many) if has_base else [] for row in params]
    return [", ".join(base + _parts(row, others)) for base, row in zip(bases, params, strict=True)]


def _base(row, many_taus):
    """Return the name of the kind of propagation, and self-attention where it is no part of that name."""
    name = _propagation(row.get("tau", TAU), many_taus and "tau" in row)
    if not row.get("self_attention"):
        return [name]
    return ["SAPSP"] if name == "PSP" else [name, "self-attention"]


def _propagation(tau, by_number):
    """Return the name of a threshold: one of Table 1, or its number."""
    if tau is None:
        return "w/o PSP"
    if tau == -np.inf:
        return "ASP"
    if by_number or not isinstance(tau, Real):
        return written("tau", tau)
    return "PSP" if tau else "WPSP"


def _parts(row, names):
    """Return what a row says of other parameters."""
    return [_part(name, row[name]) for name in names if name in row]


def _part(name, value):
    """Return what is said of one parameter."""
    return f"w/{'' if value else 'o'} weighting branch" if name == "weighting" else written(name, value)


def _positive(params, name):
    """Return the positive values of a parameter."""
    return {row[name] for row in params if isinstance(row.get(name), Real) and row[name] > 0}


def _full_method(params):
    """Return the row that is the full method, PSP; None where none is, or several are."""
    wanted = {name: _usual(_positive(params, name), usual) for name, usual in (("tau", TAU), ("lam", LAM))}
    wanted |= {"self_attention": False, "weighting": True}
    found = [i for i, row in enumerate(params) if all(row.get(name, value) == value for name, value in wanted.items())]
    return found[0] if len(found) == 1 else None


def _usual(values, usual):
    """Return the usual value, or the only one."""
    return next(iter(values)) if len(values) == 1 else usual


# ------------------------------------------------------------------ table
def ablation_table(
    cv_results_: Mapping[str, Any] | pd.DataFrame,
    *,
    score: str = "test_score",
    predictions: Mapping[str | int, ArrayLike] | None = None,
    y_true: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    reference: str | int | None = None,
    metric: Callable[..., float] = segment_accuracy_score,
    confidence: float = 0.95,
    random_state: RandomStateLike = None,
) -> AblationTable:
    """Name the rows of a search as the paper's Tables 1 to 3 do, and compare them with PSP.

    Rows are "w/o PSP", "ASP", "WPSP", "SAPSP" and "PSP"; with several thresholds above 0 they are "tau=0.025" and so
    on. Other parameters of the search follow: "lam=0", "w/o weighting branch", "lr=0.001". Steps of a pipeline before
    a parameter's name are left out ("estimator__tau").

    Parameters
    ----------
    cv_results_ : dict or DataFrame
        Of a fitted search, such as `GridSearchCV` over `ablations`.
    score : str, default="test_score"
        Which score: "test_f1" of a search with the scoring "f1" among several.
    predictions : dict, default=None
        Labels that rows predict, by the row's name or by its number from 0. Each is an array-like of the shape of
        `y_true`, as `cross_val_predict` returns it, or predicted for test videos.
    y_true : array-like of shape (n_videos, n_segments), default=None
        True labels of the videos of `predictions`.
    groups : array-like of shape (n_videos,), default=None
        Groups of these videos, as `paired_difference` has them: speakers, recordings.
    reference : str or int, default=None
        The row that others are compared with, by name or number. None is PSP: the row of the threshold 0.095, or of
        the only one above 0, with the pair similarity loss and the weighting branch, without self-attention.
    metric : callable, default=segment_accuracy_score
        What differs, of `paired_difference`.
    confidence : float, default=0.95
        Level of the intervals.
    random_state : int, RandomState instance or None, default=None
        Seed of the intervals' bootstrap.

    Returns
    -------
    table : AblationTable
        With `to_frame`, `to_markdown` and `to_latex`.

    Raises
    ------
    ValueError
        If `cv_results_` lacks what is asked for; for a row's name or number that is not there; if only one of
        `predictions` and `y_true` is given, or the reference has no predictions or is not known; and as
        `paired_difference`.

    See Also
    --------
    ablations : Grids of the paper's tables.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import ablation_table
    >>> from ave_sklearn.model_selection import VideoStratifiedKFold
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, hidden_size=8, random_state=0)
    >>> folds = VideoStratifiedKFold(2, random_state=0)
    >>> search = GridSearchCV(localizer, {"tau": [None, -float("inf"), 0.095]}, cv=folds, refit=False).fit(X, y)
    >>> table = ablation_table(search.cv_results_)
    >>> table.to_frame().index.tolist()
    ['w/o PSP', 'ASP', 'PSP']
    >>> print(table.to_markdown().splitlines()[0])
    | System | Test score (%), 2 folds |
    """
    rows = read_candidates(cv_results_, score)
    names = row_names(rows.params)
    found = None if reference is None else _row(reference, names, "reference")
    differences = None
    if predictions is not None or y_true is not None:
        found = _full_method(rows.params) if found is None else found
        predictions = _by_row(predictions, names, y_true, found)
        options = {"groups": groups, "metric": metric, "confidence": confidence, "random_state": random_state}
        differences = [
            paired_difference(y_true, predictions[i], predictions[found], **options)
            if i in predictions and i != found
            else None
            for i in range(len(names))
        ]
    return AblationTable(names, rows.mean, rows.std, rows.n_folds, score, found, differences)


def _row(key, names, argument):
    """Return the number of a row that is given by name or number."""
    if isinstance(key, Integral) and not isinstance(key, bool) and 0 <= key < len(names):
        return int(key)
    if isinstance(key, str) and names.count(key) == 1:
        return names.index(key)
    why = "several rows have that name: give a number" if isinstance(key, str) and key in names else "no row is that"
    raise ValueError(
        f"{argument} has {key!r}, but {why}; wanted a number from 0 to {len(names) - 1}, or one of "
        f"{first_few(names, len(names))}."
    )


def _by_row(predictions, names, y_true, reference):
    """Return predictions by the number of their row; that of the reference must be among them."""
    if predictions is None or y_true is None:
        missing = "predictions" if predictions is None else "y_true"
        raise ValueError(f"predictions and y_true belong together; {missing} is None.")
    if reference is None:
        raise ValueError(
            f"reference must say which row the others are compared with, as none, or more than one, is PSP; wanted one "
            f"of {first_few(names, len(names))}."
        )
    if not hasattr(predictions, "items"):
        raise ValueError(
            f"predictions must be a dict of labels by the row's name or number; got {type(predictions).__name__}."
        )
    found = {_row(key, names, "predictions"): labels for key, labels in predictions.items()}
    if reference not in found:
        raise ValueError(
            f"predictions must have those of the reference, {names[reference]!r}; got {list(predictions)}."
        )
    return found


@dataclass(frozen=True, eq=False)
class AblationTable:
    """Named rows of a search with their scores, as `ablation_table` returns them.

    Parameters
    ----------
    names : list of str
        What each row is called.
    mean, std : ndarrays of shape (n_rows,)
        Mean and standard deviation of the score over the folds, as `cv_results_` has them; NaN where a fit failed.
    n_folds : int
        Folds, 0 where they are not known.
    score : str
        Name of the score.
    reference : int or None
        Number of the row that others are compared with.
    differences : list of PairedDifference or None, or None
        Metric of each row minus that of the reference, None for the reference and for rows without predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from ave_sklearn.inspection import AblationTable
    >>> table = AblationTable(["w/o PSP", "PSP"], np.array([0.737, 0.778]), np.array([0.01, 0.02]), 5, "test_score")
    >>> print(table)
    | System | Test score (%), 5 folds |
    |---|---:|
    | w/o PSP | 73.7 ± 1.0 |
    | PSP | **77.8** ± 2.0 |
    """

    names: list[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    n_folds: int
    score: str
    reference: int | None = None
    differences: list[PairedDifference | None] | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as they are, of shape (n_rows, 2), or (n_rows, 6) with differences.

        Returns
        -------
        frame : DataFrame
            Indexed by the rows' names, with the columns mean and std and, with predictions, difference, low and high
            (its interval) and pvalue.
        """
        frame = pd.DataFrame({"mean": self.mean, "std": self.std}, index=pd.Index(self.names, name="system"))
        if self.differences is not None:
            numbers = [(np.nan,) * 4 if d is None else (d.difference, *d.interval, d.pvalue) for d in self.differences]
            frame[["difference", "low", "high", "pvalue"]] = np.array(numbers, dtype=np.float64)
        return frame

    def to_markdown(self, *, percent: bool = True) -> str:
        """Return the table in Markdown, the best mean in bold.

        Parameters
        ----------
        percent : bool, default=True
            Scores times 100 with one decimal; False is for scores that are no shares, with three.
        """
        head, *rows = self._cells(percent, "**{}**", "{} ± {}", "{} [{}, {}]")
        rows = [head, *([_escaped_markdown(name), *cells] for name, *cells in rows)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|---|" + "---:|" * (len(head) - 1), *lines[1:]])

    def to_latex(self, *, percent: bool = True) -> str:
        r"""Return the table in LaTeX, a ``tabular`` that needs ``\usepackage{booktabs}``, the best mean in bold.

        Parameters
        ----------
        percent : bool, default=True
            As in `to_markdown`.
        """
        head, *rows = self._cells(percent, r"\textbf{{{}}}", r"{} $\pm$ {}", "${}$ $[{}, {}]$")
        rows = [[_escaped_latex(name), *cells] for name, *cells in rows]
        head, *rows = (" & ".join(row) + r" \\" for row in ([_escaped_latex(name) for name in head], *rows))
        columns = "l" + "r" * (1 if self.differences is None else 2)
        table = [r"\toprule", head, r"\midrule", *rows, r"\bottomrule"]
        return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *table, r"\end{tabular}"])

    def __str__(self) -> str:
        return self.to_markdown()

    def _repr_html_(self) -> str:
        return self.to_frame().to_html(float_format="{:.3f}".format, na_rep="")

    def _cells(self, percent, bold, plus_minus, interval):
        """Return the rows of texts, the head first; three formats say how bold, deviation and interval are written."""
        scale, form, unit = (100, "{:.1f}", " (%)") if percent else (1, "{:.3f}", "")
        signed = form.replace(":", ":+")
        folds = f", {self.n_folds} folds" if self.n_folds > 1 else ""
        name = self.score.replace("_", " ")
        rows = [["System", f"{name[:1].upper()}{name[1:]}{unit}{folds}"]]
        for i, system in enumerate(self.names):
            rows.append([system, self._mean_cell(i, scale, form, bold, plus_minus)])
        if self.differences is not None:
            level = next((f"{100 * d.confidence:g} %" for d in self.differences if d is not None), "")
            rows[0].append(f"Difference to {self.names[self.reference]} [{level} interval]")
            for row, d in zip(rows[1:], self.differences, strict=True):
                row.append("" if d is None else self._difference_cell(d, scale, signed, interval))
        return rows

    def _mean_cell(self, i, scale, form, bold, plus_minus):
        """Return the text of a mean, with its deviation where there are folds to deviate."""
        if np.isnan(self.mean[i]):
            return "failed"
        mean = form.format(scale * self.mean[i])
        mean = bold.format(mean) if self.mean[i] == np.nanmax(self.mean) else mean
        return mean if self.n_folds == 1 else plus_minus.format(mean, form.format(scale * self.std[i]))

    @staticmethod
    def _difference_cell(d, scale, signed, interval):
        """Return the text of a difference with its interval."""
        return interval.format(*(signed.format(scale * value) for value in (d.difference, *d.interval)))


def _escaped_markdown(text):
    """Return text whose characters Markdown shows as they are."""
    return re.sub(r"([\\`*_|<\[\]])", r"\\\1", " ".join(text.split()))


def _escaped_latex(text):
    """Return text whose characters LaTeX shows as they are; tau and lam as the paper's letters."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {char: f"\\{char}" for char in "&%$#_{}"}
    text = "".join(special.get(char, char) for char in " ".join(text.split()))
    return re.sub(r"(?<!\w)lam=", r"$\\lambda$=", re.sub(r"(?<!\w)tau=", r"$\\tau$=", text))
