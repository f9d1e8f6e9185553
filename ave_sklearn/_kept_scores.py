"""Scores of fits that are kept in a folder, and looked up there instead of fitting again."""

from __future__ import annotations

import inspect
import json
import os
import pickle
import sys
import time
from functools import cache
from importlib.metadata import version
from numbers import Real
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING

from joblib.hashing import NumpyHasher
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.metrics import check_scoring
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ave_sklearn._checks import plain
from ave_sklearn._files import naming_file, reading, whole_file
from ave_sklearn._sklearn import DocLinkMixin, FitHTMLMixin, HasMethods
from ave_sklearn._user_warnings import warn_user
from ave_sklearn._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from numpy.typing import ArrayLike, NDArray
    from sklearn.utils import Bunch, Tags

    from ave_sklearn._typing import Features, PathLike

NO_RESULT = ("verbose", "n_jobs")  # parameters that say how a fit is done, not what comes of it
BY_NAME = {"ave_sklearn", "sklearn", "torch", "numpy", "pandas", "scipy", *sys.stdlib_module_names} - {"__main__"}


def _has(name):
    """Let a method be there if the estimator inside has it."""
    return available_if(lambda self: hasattr(self.estimator, name))


class KeptScores(FitHTMLMixin, DocLinkMixin, MetaEstimatorMixin, BaseEstimator):
    """Estimator whose scores are kept in a folder, and looked up there instead of fitting again.

    Around a localizer it makes a search, or a cross-validation, that can be stopped at any time: the same call fits
    only what is missing. A score is looked up if all that it depends on is as it was: the estimator and its parameters,
    the videos of training and test and their targets, arguments of ``fit``, the scoring, and the versions of
    ave_sklearn, scikit-learn and torch. One folder may hold the scores of many searches.

    ``fit`` trains only if the folder has no score of this very fit. Otherwise it trains as soon as the trained
    estimator is asked for: by ``predict``, by `estimator_`, or by a score of other videos. So the refit of
    `GridSearchCV` is a real one, and a scorer that is given to the search, and not to `scoring` here, works, but keeps
    nothing.

    Parameters
    ----------
    estimator : estimator
        A localizer, or a pipeline that ends in one. It is cloned, not fitted. Each of its parameters ``random_state``
        must be given: with None a fit is not the same twice.
    folder : path-like or None
        Folder of the scores, made if it is not there; None keeps none. On several machines: one that all of them share.
    scoring : str, callable or None, default=None
        As scikit-learn has it; None is the estimator's own ``score``.

    Attributes
    ----------
    estimator_ : estimator
        The trained estimator. After a ``fit`` that was not needed it is trained when it is asked for.
    classes_ : ndarray
        Those of `estimator_`.
    n_features_in_ : int
        That of `estimator_`.

    Raises
    ------
    ValueError
        By ``fit``: if a ``random_state`` is None, or a parameter cannot be told from others, as a function without a
        name.

    Warns
    -----
    UserWarning
        If the file of a score is damaged: it is named, and the score is made again.

    Notes
    -----
    A score is a JSON file, which appears whole, so that processes on several machines may share a folder. No pickle is
    read. Features in files count by the files' names, sizes and times of change, others by their content. Classes and
    functions of your own count by their own text; what they call elsewhere does not count. The parameters ``verbose``
    and ``n_jobs`` do not count.

    A fit that fails keeps nothing. Its error has a note that says which fit it was.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from sklearn.model_selection import GridSearchCV
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.model_selection import KeptScores, VideoStratifiedKFold
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> kept = KeptScores(PSPLocalizer(max_epochs=1, random_state=0), folder=mkdtemp())
    >>> options = {"cv": VideoStratifiedKFold(2, random_state=0), "scoring": KeptScores.record, "refit": "score"}
    >>> search = GridSearchCV(kept, {"estimator__tau": [None, 0]}, **options).fit(X, y)
    >>> search.cv_results_["mean_test_looked_up"].tolist()
    [0.0, 0.0]
    >>> again = GridSearchCV(kept, {"estimator__tau": [None, 0]}, **options).fit(X, y)
    >>> again.cv_results_["mean_test_looked_up"].tolist()
    [1.0, 1.0]
    >>> bool(again.best_score_ == search.best_score_)
    True
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit"])],
        "folder": [str, os.PathLike, None],
        "scoring": [str, callable, None],
    }
    _public_module = "ave_sklearn.model_selection"

    def __init__(
        self,
        estimator: BaseEstimator,
        folder: PathLike | None,
        *,
        scoring: str | Callable[..., float] | None = None,
    ) -> None:
        self.estimator = estimator
        self.folder = folder
        self.scoring = scoring

    def fit(self, X: Features, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Train a clone of the estimator, if no score of this fit is kept.

        Parameters
        ----------
        X, y : array-like
            What the estimator's ``fit`` takes.
        **fit_params : dict
            Further arguments of its ``fit``.

        Returns
        -------
        self
        """
        self._validate_params()
        key = self._prepare(X, y, fit_params)
        is_known = key is not None and any(Path(self.folder).glob(f"{key}-*.json"))
        trained = None if is_known else self._train(X, y, fit_params)
        self._key, self._trained = key, trained
        self._postponed = (X, y, fit_params) if is_known else None
        return self

    def _prepare(self, X, y, fit_params):
        """Return the key of a fit, and make the folder; None where nothing is kept."""
        if self.folder is None:
            return None
        key = fit_key(self.estimator, X, y, fit_params)
        digest(self.scoring, "scoring")  # refused now, and not when the fit is done
        with naming_file(self.folder):
            os.makedirs(self.folder, exist_ok=True)
        return key

    def _train(self, X, y, fit_params):
        """Return a trained clone and the seconds that it took; an error says which fit it was."""
        estimator, start = clone(self.estimator), time.perf_counter()
        try:
            estimator.fit(X, y, **fit_params)
        except Exception as error:
            error.add_note(f"in the fit of {estimator!r}")
            raise
        return estimator, time.perf_counter() - start

    def _trained_now(self):
        """Return the trained estimator and its seconds, trained first if it was not needed before."""
        if self._trained is None:
            self._trained = self._train(*self._postponed)
            self._postponed = None
        return self._trained

    @property
    def estimator_(self) -> BaseEstimator:
        """The trained estimator."""
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"This {type(self).__name__} is not fitted yet.")
        return self._trained_now()[0]

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels of the trained estimator."""
        return self.estimator_.classes_

    @property
    def n_features_in_(self) -> int:
        """Number of features that the trained estimator takes."""
        return self.estimator_.n_features_in_

    def score(self, X: Features, y: ArrayLike | None = None, **score_params: Any) -> float:
        """Return the score of the fit, looked up or made and kept.

        Parameters
        ----------
        X, y : array-like
            What the scoring takes.
        **score_params : dict
            Further arguments of the scoring.

        Returns
        -------
        score : float
        """
        return self.record(X, y, **score_params)["score"]

    def record(self, X: Features, y: ArrayLike | None = None, **score_params: Any) -> dict[str, float]:
        """Return the score of the fit, and where it comes from.

        ``scoring=KeptScores.record`` gives a search all of it.

        Parameters
        ----------
        X, y : array-like
            What the scoring takes.
        **score_params : dict
            Further arguments of the scoring.

        Returns
        -------
        record : dict
            ``score``; ``fit_seconds``, how long the fit took when it was done; ``looked_up``, 1 or 0.
        """
        check_is_fitted(self)
        file = self._file(X, y, score_params)
        record = None if file is None else _read(file)
        if record is not None:
            return {**record, "looked_up": 1}
        estimator, seconds = self._trained_now()
        record = {"score": self._score(estimator, X, y, score_params), "fit_seconds": seconds}
        if file is not None:
            shown = {name: repr(value) for name, value in estimator.get_params().items()}
            _write(file, {**record, "estimator": type(estimator).__name__, "parameters": shown})
        return {**record, "looked_up": 0}

    def _file(self, X, y, score_params):
        """Return the file of a score; None where nothing is kept."""
        if self._key is None:
            return None
        test = {"X": X, "y": y, **{f"{name} of score": value for name, value in score_params.items()}}
        key = digest({**digests(test), "scoring": digest(self.scoring, "scoring")})
        return Path(self.folder, f"{self._key}-{key}.json")

    def _score(self, estimator, X, y, score_params):
        """Score a trained estimator."""
        score = check_scoring(estimator, self.scoring)(estimator, X, *(() if y is None else (y,)), **score_params)
        if not isinstance(score, Real):
            raise ValueError(f"scoring must return a number; got a {type(score).__name__}.")
        return float(score)

    @_has("predict")
    def predict(self, X: Features) -> NDArray[Any]:
        """Return what the trained estimator predicts.

        Parameters
        ----------
        X : array-like
            What its ``predict`` takes.

        Returns
        -------
        y : ndarray
        """
        check_is_fitted(self)
        return self.estimator_.predict(X)

    @_has("predict_proba")
    def predict_proba(self, X: Features) -> NDArray[Any]:
        """Return the probabilities of the trained estimator.

        Parameters
        ----------
        X : array-like
            What its ``predict_proba`` takes.

        Returns
        -------
        proba : ndarray
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def _has_attributes_at_hand(self):
        return self._trained is not None  # or it would be trained in order to show them

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_key")

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)

    def get_metadata_routing(self) -> Bunch:
        """Route metadata as the estimator asks.

        Returns
        -------
        routing : MetadataRequest or MetadataRouter
        """
        return self.estimator.get_metadata_routing()


def fit_key(estimator, X, y, fit_params=()):
    """Return a text that another fit has only if it comes to the same: the digest of all that it depends on.

    Raises
    ------
    ValueError
        If a ``random_state`` of the estimator is None, or something cannot be told from others.
    """
    params = estimator.get_params()
    unseeded = [name for name, value in params.items() if name.split("__")[-1] == "random_state" and value is None]
    if unseeded:
        raise ValueError(
            f"{unseeded[0]} is None, so that each fit is another one, and no score can be kept for it; wanted a number."
        )
    own = {name: value for name, value in params.items() if name.split("__")[-1] not in NO_RESULT}
    parts = {f"parameter {name}": _without_state(value) for name, value in own.items()}
    parts.update({f"{name} of fit": value for name, value in dict(fit_params).items()}, X=X, y=y)
    versions = [__version__, version("scikit-learn"), version("torch")]
    return digest({**digests(parts), "versions": versions, "class": digest(type(estimator), "estimator")})


def _without_state(value):
    """Return the class of an estimator, whose parameters `get_params` lists too, and any other value as plain."""
    is_estimator = hasattr(value, "get_params") and not isinstance(value, type)
    return type(value) if is_estimator else plain(value)


def digests(parts):
    """Return the digest of each value of a dict, by its name."""
    return {name: digest(value, name) for name, value in parts.items()}


def digest(value, name="value"):
    """Return a text that only equal values have.

    Raises
    ------
    ValueError
        If the value has no such text, which calls it `name`.
    """
    try:
        return _Hasher(coerce_mmap=True).hash(value)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{name} is {value!r:.200}, which cannot be told from others, so that no score can be kept for it: "
            f"{error.args[0]}. Functions and classes are told by their names, so they must be in a module."
        ) from error


class _Hasher(NumpyHasher):
    """joblib's hash of any value, to which classes and functions of the user's add their text."""

    def save_global(self, obj, name=None):
        super().save_global(obj, name)
        for part in getattr(obj, "__mro__", (obj,)):
            self._hash.update(_text(part).encode())

    dispatch = {**NumpyHasher.dispatch, **dict.fromkeys((type, FunctionType), save_global)}


@cache
def _text(thing):
    """Return the text of a class or function, empty for those of libraries that count by name or by version."""
    module = thing.__module__ or "builtins"
    if module.partition(".")[0] in BY_NAME:
        return ""
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError) as error:
        if getattr(sys.modules.get(module), "__file__", None) is None or module == "__main__":
            raise pickle.PicklingError(f"its text is not to be found ({error})") from error
        return ""  # compiled


def _write(file, record):
    """Write a record; the file appears whole."""
    with whole_file(file) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _read(file):
    """Return a kept score and its seconds; None where there is none, with a warning where it is damaged."""
    try:
        with reading(file, "a kept score", parsing=True):
            record = json.loads(file.read_text(encoding="utf-8"))
            score, seconds = record["score"], record["fit_seconds"]
            if not (type(score) is float and type(seconds) is float):
                raise ValueError(f"its score is {score!r:.100}, its fit_seconds {seconds!r:.100}; wanted numbers")
    except FileNotFoundError:
        return None
    except ValueError as error:
        warn_user(f"{error}. The score is made again.")
        return None
    return {"score": score, "fit_seconds": seconds}
