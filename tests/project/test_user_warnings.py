"""Warnings point at the line of the user's own file, however deep in the package they arise."""

import ast
import inspect
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

import ave_sklearn
from ave_sklearn import EventLocalizer, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn._user_warnings import gathering, warn_user
from ave_sklearn.datasets import to_segments
from ave_sklearn.datasets._matching import match_names
from ave_sklearn.extraction._clips import clip_labels
from ave_sklearn.extraction._report import tell
from ave_sklearn.extraction._weights import warn_random
from ave_sklearn.model_selection import VideoStratifiedKFold, cross_val_predict_proba

PACKAGE = Path(ave_sklearn.__file__).parent
COLUMNS = ["filename", "onset", "offset", "event_label"]


def quick(estimator, **params):
    return estimator(**{"max_epochs": 1, "random_state": 0, **params})


def too_high(X, y):
    quick(PSPLocalizer, tau=0.2).fit(X, y)


def without_background(X, y):
    quick(EventLocalizer, lam=10, background="none").fit(X, y)


def tags_alone(X, y):
    quick(WeakPSPLocalizer, target="category").fit(X, y)


def search(X, y):
    GridSearchCV(quick(PSPLocalizer, tau=0.2), {"lam": [0]}, cv=2).fit(X, y)


def threaded_folds(X, y):
    cross_val_predict_proba(quick(PSPLocalizer, tau=0.2), X, y, cv=2)


def rare_category(X, y):
    list(VideoStratifiedKFold(40).split(X, y))


def numbers_and_text(X, y):
    list(VideoStratifiedKFold(2).split(X, np.unique(y, return_inverse=True)[1].reshape(y.shape)))


def short_event(X, y):
    to_segments(pd.DataFrame([("a", 0.0, 0.1, "dog")], columns=COLUMNS), ["a"], n_segments=3)


def skipped_clip(X, y):
    events = pd.DataFrame([("a", 4.0, 5.0, "dog")], columns=COLUMNS)
    clip_labels(events, pd.DataFrame({"filename": ["a"], "start": [0]}), 3, {"a"})


def unknown_names(X, y):
    match_names(pd.DataFrame({"filename": ["a", "b"]}), ["a"], "events.csv")


def report(X, y):
    tell(pd.DataFrame({"filename": ["a"], "start": [0.0], "error": [""], "warning": ["it is short"]}))


def random_weights(X, y):
    warn_random(["vgg19"])


TRIGGERS = [
    too_high,
    without_background,
    tags_alone,
    search,
    threaded_folds,
    rare_category,
    numbers_and_text,
    short_event,
    skipped_clip,
    unknown_names,
    report,
    random_weights,
]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_warning_points_at_the_users_line(trigger, pooled):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trigger(*pooled)
    lines, start = inspect.getsourcelines(trigger)
    assert len(caught) > 0
    for warning in caught:
        assert warning.filename == __file__
        assert start < warning.lineno < start + len(lines)


def test_where_all_lines_are_the_packages_it_is_the_outermost(tmp_path):
    code = compile("def run(f):\n    f('x')\n", str(PACKAGE / "imagined.py"), "exec")
    namespace = {}
    exec(code, namespace)
    with pytest.warns(UserWarning, match="^x$") as caught:
        namespace["run"](warn_user)
    assert caught[0].filename == __file__


def test_the_package_warns_in_this_way_alone():
    calls = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "warn")
    ]
    assert [call.partition(":")[0] for call in calls] == ["_user_warnings.py"]


def test_warnings_are_gathered_though_they_are_not_shown_again():
    with warnings.catch_warnings(), gathering() as told:
        warnings.simplefilter("ignore")
        for _ in range(2):
            warn_user("it is short")
    with pytest.warns(UserWarning, match="after"):
        warn_user("after")
    assert told == ["it is short"] * 2
