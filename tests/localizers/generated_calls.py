"""Generated calls of metrics, the splitter and `to_events`: what is unusual, and whether the result can be right."""

import re
from copy import copy

import numpy as np
import pandas as pd
import torch
from generated_forms import EITHER, REFUSED, VIDEOS, WEIGHT_FORMS, Y_FORMS, World, show, values
from generated_parameters import DURATIONS, NUMBERS, own_values
from generated_rule import wanted

from ave_sklearn.datasets import to_events
from ave_sklearn.metrics import (
    event_f1_score,
    event_report,
    segment_accuracy_score,
    segment_classification_report,
    segment_log_loss,
)
from ave_sklearn.model_selection import VideoStratifiedKFold, video_category


def scores_of(w):
    """Return probabilities of the labels."""
    return w.rng.uniform(0.5, 1, w.codes.shape)


def proba_of(w):
    """Return class probabilities (n, T, C) or (n, C)."""
    proba = w.rng.dirichlet(np.ones(w.n_classes), w.codes.shape)
    return proba if w.truth is None or np.ndim(w.truth) == 2 else proba[:, 0]


GROUPS = [
    *values(None, "a", 3, [], object()),
    lambda w: np.arange(w.n) // 2,
    lambda w: np.arange(w.n),
    lambda w: np.arange(w.n) % 3,
    lambda w: np.zeros(w.n, int),
    lambda w: [f"g{k % 4}" for k in range(w.n)],
    lambda w: np.arange(w.n + 1),
    lambda w: np.arange(w.n)[:, None],
    lambda w: [None, *range(w.n - 1)],
    lambda w: np.where(np.arange(w.n) == 1, np.nan, 0.0),
    lambda w: pd.Series(np.arange(w.n) // 2, dtype="Int64"),
    lambda w: pd.Series([pd.NA, *range(w.n - 1)], dtype="Int64"),
    lambda w: np.ma.masked_array(np.arange(w.n) // 2, np.arange(w.n) == 1),
    lambda w: [f"g{k}" if k % 2 else k for k in range(w.n)],
]
SCORES = [
    *values(None, 0.5, "high", []),
    scores_of,
    lambda w: scores_of(w).tolist(),
    lambda w: scores_of(w).astype(np.float16),
    lambda w: scores_of(w)[:-1],
    lambda w: scores_of(w) + 1,
    lambda w: -scores_of(w),
    lambda w: np.full(w.codes.shape, np.nan),
    lambda w: np.full(w.codes.shape, "a"),
    lambda w: scores_of(w).astype(complex),
    lambda w: np.full(w.codes.shape, None),
    lambda w: [list(range(1 + k % 2)) for k in range(w.n)],
    lambda w: pd.DataFrame(scores_of(w)),
    lambda w: (
        pd.DataFrame(scores_of(w)).astype("Float64").mask(np.arange(w.n * w.codes.shape[1]).reshape(w.n, -1) == 1)
    ),
    lambda w: np.ma.masked_array(scores_of(w), np.arange(w.codes.size).reshape(w.codes.shape) == 1),
]
PROBA = [
    proba_of,
    lambda w: proba_of(w).astype(np.float32),
    lambda w: proba_of(w).astype(np.float16),
    lambda w: proba_of(w).tolist(),
    lambda w: proba_of(w).astype(object),
    lambda w: torch.tensor(proba_of(w)),
    lambda w: proba_of(w) * 2,
    lambda w: -proba_of(w),
    lambda w: proba_of(w) * np.nan,
    lambda w: proba_of(w)[..., :-1],
    lambda w: proba_of(w)[:-1],
    lambda w: proba_of(w).astype(str),
    lambda w: np.full(proba_of(w).shape, "a"),
    lambda w: proba_of(w).astype(complex),
    lambda w: np.full(proba_of(w).shape, None),
    lambda w: np.ma.masked_array(p := proba_of(w), np.arange(p.size).reshape(p.shape) == 1),
    *values(None, 0.5, "a", [], object()),
]
OTHERS = {
    "segment_seconds": DURATIONS,
    "hop_seconds": [None, *DURATIONS],
    "collar": [None, 0, 0.5, 1, np.float32(0.2), *NUMBERS],
    "iou": [None, 0.5, 1, 1.0, 0, np.float32(0.3), *NUMBERS],
    "zero_division": [0, 1, 0.0, np.nan, *NUMBERS],
    "average": ["micro", "macro", np.str_("macro"), "weighted", "MICRO", None, 0, "", ["micro"], np.nan, True],
    "n_segments": [None, 1, 2, 3, np.int64(3), 0, -1, 2.0, "3", np.nan, [3], True, 10**30],
    "n_splits": [2, 3, np.int64(2), np.uint8(3), 10, 100, 1, 0, -1, 2.0, "2", None, True, [2], np.nan, 10**30],
    "shuffle": [True, False, np.True_, np.False_, 0, 1, None, "yes"],
}
MAKERS = {"videos": VIDEOS, "groups": GROUPS, "scores": SCORES, "y_proba": PROBA}
FUNCTIONS = {
    segment_accuracy_score: ("y_true", "y_pred", "sample_weight"),
    segment_classification_report: ("y_true", "y_pred", "sample_weight", "labels"),
    event_f1_score: (
        "y_true",
        "y_pred",
        *("background", "collar", "iou", "average", "segment_seconds", "hop_seconds", "zero_division"),
    ),
    event_report: (
        "y_true",
        "y_pred",
        "background",
        "collar",
        "iou",
        "segment_seconds",
        "hop_seconds",
        "zero_division",
    ),
    segment_log_loss: ("y_true", "y_proba", "labels", "sample_weight"),
    video_category: ("y", "background", "classes", "n_segments"),
    to_events: ("y", "videos", "background", "segment_seconds", "hop_seconds", "scores"),
    VideoStratifiedKFold: ("y", "groups", "n_splits", "shuffle", "random_state", "background"),
}
MISSING = re.compile(r"masked|NaN|None|NA\b|NaT|missing|among (text|numbers|integers)|complex|raw bytes")


class FunctionCase:
    """A call of a metric, a splitter or `to_events` with one or two unusual arguments."""

    def __init__(self, seed, rng, folder):
        self.seed, self.rng, self.notes, self.expected, self.names = seed, rng, [], [], set()
        self.function = list(FUNCTIONS)[rng.integers(len(FUNCTIONS))]
        self.takes = FUNCTIONS[self.function]
        self.world = World.drawn(rng, folder, rng.random() < 0.5)
        self.makers, self.predicted = {}, None
        count = min(int(rng.integers(1, 3)), len(self.takes))
        drawn = rng.choice(self.takes, count, replace=False, p=self.shares())
        for name in sorted(drawn, key=self.takes.index):
            self.draw(str(name))

    def shares(self):
        """Return how often each argument is drawn: targets more often."""
        share = np.array([3 if name in ("y", "y_true", "y_pred") else 1 for name in self.takes], float)
        return share / share.sum()

    def draw(self, name):
        """Draw an argument."""
        self.names.add(name)
        if name in ("y", "y_true", "y_pred", "sample_weight"):
            forms = WEIGHT_FORMS if name == "sample_weight" else Y_FORMS
            form = forms[self.rng.integers(len(forms))]
            bad = MISSING.search(form.name) and "nothing masked" not in form.name and form.outcome is REFUSED
            self.expected.append(REFUSED if bad or name == "sample_weight" and form.outcome is REFUSED else EITHER)
            self.notes.append(f"{name}: {form.name}")
            self.makers[name] = form.make
            if name == "y_true":
                self.names |= {"labels"}  # which are to hold the true labels
                if "y_pred" in self.takes and self.rng.random() < 0.5:
                    self.makers["y_pred"] = form.make
                    self.notes[-1] = f"y_true and y_pred: {form.name}"
                    self.names.add("y_pred")
            return
        choices = MAKERS.get(name) or values(*OTHERS.get(name, own_values("classes" if name == "labels" else name)))
        self.makers[name] = choices[self.rng.integers(len(choices))]
        self.notes.append(f"{name}={show(self.makers[name](copy(self.world)))}")
        self.expected.append(EITHER)

    def description(self):
        """Return the case in words."""
        return f"{'; '.join(self.notes)}. {self.function.__name__} of {self.world.n} videos"

    def outcomes(self):
        """Return what is expected of each unusual choice."""
        return self.expected

    def damage(self):
        """Return None: nothing was fitted."""
        return None

    def arguments(self):
        """Return the arguments of the call."""
        world, made = self.world, {}
        target = "y_true" if "y_true" in self.takes else "y"
        made[target] = self.makers.get(target, World.text)(world)
        self.names |= world.may_be_named
        if "y_pred" in self.takes:
            other = copy(world)
            other.codes, other.params = world.codes[self.rng.permutation(world.n)], {}
            made["y_pred"] = self.makers.get("y_pred", World.text)(other)
            self.predicted = other.truth
        if self.function is segment_log_loss:
            made["labels"] = world.names() if world.classes is None else world.classes
            world.n_classes = len(made["labels"])
            made["y_proba"] = proba_of(world)
        if self.function is VideoStratifiedKFold:
            made["n_splits"] = 2
        made.update({name: value for name, value in world.params.items() if name in self.takes})
        others = [name for name in self.makers if name not in (target, "y_pred")]
        return {**made, **{name: self.makers[name](world) for name in others}}

    def run(self):
        """Call the function and check its result."""
        made = self.arguments()
        if self.function is VideoStratifiedKFold:
            y, groups = made.pop("y"), made.pop("groups", None)
            check_folds(list(VideoStratifiedKFold(**made).split(None, y, groups)), self.world.n, groups)
            return
        result = self.function(**made)
        free = "zero_division" in made  # which is the result where there are no events
        if isinstance(result, float):
            most = np.inf if self.function is segment_log_loss else 1
            wanted(free or 0 <= result <= most and np.isfinite(result), f"the result is {result}")
        elif isinstance(result, pd.DataFrame):
            wanted(free or np.isfinite(result.select_dtypes("number").to_numpy()).all(), "the table is not finite")
        else:
            wanted(isinstance(result, np.ndarray) and result.ndim == 1, f"the categories are {result!r}")
        truth, predicted = self.world.truth, self.predicted
        labelled = truth is not None and predicted is not None
        if self.function is segment_accuracy_score and labelled and "sample_weight" not in made:
            share = np.mean([a == b for a, b in zip(np.ravel(truth), np.ravel(predicted), strict=True)])
            wanted(abs(result - share) < 1e-9, f"the accuracy is {result}, the share of equal labels {share}")


def check_folds(folds, n, groups):
    """Check that each video is tested once, that no fold is empty and no group in two folds."""
    tests = np.concatenate([test for _, test in folds])
    wanted(all(len(train) and len(test) for train, test in folds), "a fold is empty")
    wanted(sorted(tests.tolist()) == list(range(len(tests))), "a video is tested twice or never")
    if groups is not None and not isinstance(groups, np.ma.MaskedArray):
        names = np.asarray(groups, object)
        for train, test in folds:
            wanted(not {str(g) for g in names[train]} & {str(g) for g in names[test]}, "a group is in two folds")
