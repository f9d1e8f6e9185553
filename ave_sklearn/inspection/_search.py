"""Candidates of a search as its `cv_results_` has them: parameters and scores."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ave_sklearn._checks import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray


MOST_LINES = 5  # of a picture


class Candidates(NamedTuple):
    """What was tried: `params`, list of dicts, `mean` and `std` of shape (n_candidates,), over `n_folds`."""

    params: list[dict[str, Any]]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    n_folds: int


class TauCurves(NamedTuple):
    """Thresholds, rising with None and -inf first, names of lines, and scores of shape (n_lines, n_taus)."""

    taus: list[float | None]
    lines: list[str]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def read_candidates(cv_results_: Mapping[str, Any], score: str) -> Candidates:
    """Read the results of a search.

    Parameters
    ----------
    cv_results_ : dict or DataFrame
        As GridSearchCV has it, with "params", and "mean_" and "std_" of the score.
    score : str
        Which score, such as "test_score", or "test_f1" of a search with several scorings.

    Raises
    ------
    ValueError
        If there is no candidate or no such score.
    """
    names = list(cv_results_) if hasattr(cv_results_, "__getitem__") and hasattr(cv_results_, "keys") else []
    if "params" not in names:
        raise ValueError(
            f"cv_results_ must be the attribute of that name of a fitted search, with 'params'; got "
            f"{type(cv_results_).__name__}{f' with {names}' if names else ''}."
        )
    known = [name.removeprefix("mean_") for name in names if str(name).startswith("mean_")]
    if score not in known or f"std_{score}" not in names:
        raise ValueError(f"score={score!r} is not in cv_results_; it has {', '.join(map(repr, known))}.")
    params = short_names(list(cv_results_["params"]))
    if not params:
        raise ValueError("cv_results_ must hold at least one candidate; got none.")
    mean, std = (np.asarray(cv_results_[f"{what}_{score}"], dtype=np.float64) for what in ("mean", "std"))
    return Candidates(params, mean, std, sum(is_fold(name, score) for name in names))


def is_fold(name, score):
    """Whether a key of `cv_results_` is the score of one fold."""
    number = str(name).removeprefix("split").removesuffix(f"_{score}")
    return name == f"split{number}_{score}" and number.isdigit()


def short_names(params: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return dicts of parameters without the names of the steps before them ("psp__tau"), where these tell nothing."""
    names = {name for row in params for name in row}
    short = {name: name.rpartition("__")[2] for name in names}
    if len(set(short.values())) < len(names):
        short = {name: name for name in names}
    return [{short[name]: plain(value) for name, value in row.items()} for row in params]


def varied(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of the parameters that are written differently in some rows, or missing, in their order."""
    names = dict.fromkeys(name for row in params for name in row)
    values = {name: {written(name, row[name]) if name in row else None for row in params} for name in names}
    return [name for name, different in values.items() if len(different) > 1]


def written(name: str, value: Any) -> str:
    """Return ``name=value`` for a table or a legend; short numbers, names of classes and functions."""
    if isinstance(value, float):
        return f"{name}={value:g}"
    return f"{name}={getattr(value, '__name__', value)}"


# ------------------------------------------------------- scores by threshold
def tau_curves(candidates: Candidates, where: Mapping[str, Any] | None = None) -> TauCurves:
    """Return the scores by threshold, a line for each combination of other parameters.

    Parameters
    ----------
    candidates : Candidates
    where : dict or None
        Values of other parameters that are wanted.

    Raises
    ------
    ValueError
        If `where` fits no candidate, candidates have no threshold, are the same or have no score, or there are too
        many lines.
    """
    rows = _chosen(candidates.params, where or {})
    params = [candidates.params[i] for i in rows]
    lacking = next((row for row in params if "tau" not in row), None)
    if lacking is not None:
        raise ValueError(f"cv_results_ must be of a search over tau; got a candidate with the parameters {lacking}.")
    names = _line_names(params)
    lines, taus = list(dict.fromkeys(names)), sorted({as_threshold(row["tau"]) for row in params}, key=_order)
    mean, std = np.full((2, len(lines), len(taus)), np.nan)
    seen = set()
    for i, row, name in zip(rows, params, names, strict=True):
        place = lines.index(name), taus.index(as_threshold(row["tau"]))
        if place in seen:
            raise ValueError(f"cv_results_ must have each candidate once, as those of halving do not; got {row} again.")
        seen.add(place)
        mean[place], std[place] = candidates.mean[i], candidates.std[i]
    if np.isnan(mean).all():
        raise ValueError("cv_results_ must have scores; got NaN for each candidate, as when all fits fail.")
    return TauCurves(taus, lines, mean, std)


def _chosen(params, where):
    """Return the numbers of the candidates that have the values of `where`."""
    known = list(dict.fromkeys(name for row in params for name in row))
    for name in where:
        if name not in known:
            raise ValueError(f"where has {name!r}, which is no parameter of the search; it has {', '.join(known)}.")
    rows = range(len(params))
    for name, value in where.items():
        tried = {repr(params[i][name]): None for i in rows if name in params[i]}
        rows = [i for i in rows if name in params[i] and params[i][name] == value]
        if not rows:
            raise ValueError(f"where has {name}={value!r}, which no candidate has; wanted one of {', '.join(tried)}.")
    return rows


def _line_names(params):
    """Return what tells each candidate from the others but for its threshold; refuse too many."""
    others = [name for name in varied(params) if name != "tau"]
    names = [", ".join(written(name, row[name]) for name in others if name in row) for row in params]
    if len(set(names)) > MOST_LINES:
        first = {name: params[0][name] for name in others if name in params[0]}
        raise ValueError(
            f"where must choose among the values of {', '.join(others)}, as a picture has at most {MOST_LINES} lines; "
            f"got {len(set(names))}. The first would be where={first}."
        )
    return [name or "the estimator's own" for name in names] if len(set(names)) > 1 else names


def as_threshold(tau):
    """Return a threshold as None or a float."""
    if tau is None or isinstance(tau, Real) and not np.isnan(tau):
        return None if tau is None else float(tau)
    raise ValueError(f"tau must be None or numbers in cv_results_; got {tau!r}.")


def _order(tau):
    """Return what thresholds are sorted by: None first, then -inf, then numbers."""
    return (tau is not None, tau if tau is not None else 0.0)
