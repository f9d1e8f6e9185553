"""Generated cases: seeded inputs of estimators, metrics and splitters, of which one or two are unusual, and their rule.

A case either works or refuses its input by a ValueError or TypeError whose message names an unusual argument. Where it
works, its results are finite, of the right shape and what its input means. Where it refuses, an earlier fit stays as it
was. ``python tests/localizers/generated.py --count 2000`` prints the counts and the cases that break the rule;
``--seed 17`` runs one case again and lets its exception through.
"""

import argparse
import pickle
import re
import tempfile
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from copy import copy

import numpy as np
import pandas as pd
import torch
from generated_forms import (
    CHOICES,
    EITHER,
    FLATTENED,
    OWN,
    REFUSED,
    WEIGHT_FORMS,
    WORKS,
    X_FORMS,
    Y_FORMS,
    World,
    parameter_outcome,
    parameter_values,
    show,
)
from torch import nn

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.datasets import to_events
from ave_sklearn.metrics import (
    event_f1_score,
    event_report,
    segment_accuracy_score,
    segment_classification_report,
    segment_log_loss,
)
from ave_sklearn.model_selection import VideoStratifiedKFold, video_category
from ave_sklearn.nn import masked_mean

SUMS_TO_1 = 1e-5
KINDS = ("works", "names the argument", "does not name it", "other exception", "wrong result", "stray warning")
WORKING, NAMED, UNNAMED, OTHER, WRONG, WARNED = KINDS
ESTIMATORS = (PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer)
METHODS = ("predict", "predict_proba", "score", "predict_events", "embed", "attention", "propagation")
EARLIER = {}  # of each estimator and network: a fit on ordinary videos, pickled


class OwnNet(nn.Module):
    """A network of the user's own."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, hidden_size=4):
        super().__init__()
        self.audio = nn.Linear(n_audio_features, hidden_size)
        self.visual = nn.Linear(n_visual_features, hidden_size)
        self.output = nn.Linear(hidden_size, n_classes)

    def forward(self, audio, visual):
        visual = visual if visual.ndim == 3 else visual.flatten(2, -2).mean(2)
        fused = torch.tanh(self.audio(audio) + self.visual(visual))
        logits = self.output(fused)
        return {"logits": logits, "video_logits": masked_mean(logits), "fused": fused}


class NaNNet(OwnNet):
    """Another one, whose outputs are NaN."""

    def forward(self, audio, visual):
        return {name: value * np.nan for name, value in super().forward(audio, visual).items()}


class ShortNet(OwnNet):
    """Another one, which breaks the contract."""

    def forward(self, audio, visual):
        return {name: value[:-1] for name, value in super().forward(audio, visual).items()}


class WrongResultError(Exception):
    """A result that breaks the rule."""


def wanted(condition, what):
    """Raise WrongResultError unless `condition` holds."""
    if not condition:
        raise WrongResultError(what)


@contextmanager
def unexpected(where):
    """Turn any exception into a WrongResultError."""
    try:
        yield
    except WrongResultError:
        raise
    except Exception as error:
        raise WrongResultError(f"{where} {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


# ------------------------------------------------------------------- outcomes
class Outcome:
    """How a case ended: one of KINDS, and what was said."""

    def __init__(self, seed, kind, description, message=""):
        self.seed, self.kind, self.description, self.message = seed, kind, description, message

    @property
    def failed(self):
        """Whether the case breaks the rule."""
        return self.kind not in (WORKING, NAMED)

    def __str__(self):
        return f"seed {self.seed}, {self.kind}: {self.description}\n    {self.message}"


def run(seed, *, raising=False):
    """Run the case of a seed and return its Outcome; let its exception through when `raising`."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case = (EstimatorCase if rng.random() < 0.8 else FunctionCase)(seed, rng, folder)
        kind, message = attempt(case, raising)
    stray = [w for w in caught if is_stray(w)]
    if stray and kind in (WORKING, NAMED):
        kind, message = WARNED, f"{stray[0].category.__name__}: {stray[0].message} ({stray[0].filename})"
    return Outcome(seed, kind, case.description(), message)


def attempt(case, raising):
    """Run a case and return its kind and message."""
    try:
        case.run()
        wanted(REFUSED not in case.outcomes(), "it was accepted")
        return WORKING, ""
    except WrongResultError as error:
        if raising:
            raise
        return WRONG, str(error)
    except Exception as error:
        kind = kind_of(error, case.names)
        message = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if raising:
            traceback.print_exc()
        if kind == NAMED and set(case.outcomes()) <= {WORKS}:
            kind, message = WRONG, f"it was refused: {message}"
        complaint = case.damage() if kind == NAMED else None
        return (WRONG, f"{complaint}, after {message}") if complaint else (kind, message)


def kind_of(error, names):
    """Return the kind of an exception, which is to name one of `names`."""
    if isinstance(error, MemoryError) and any(map(str(error).__contains__, names)):
        return NAMED
    if not isinstance(error, ValueError | TypeError):
        return OTHER
    named = any(re.search(rf"(?<![\w]){re.escape(name)}(?!\w)", str(error)) for name in names)
    return NAMED if named else UNNAMED


def is_stray(warning):
    """Whether a warning is none of the package's own, such as one of NumPy on the way to a result."""
    return not issubclass(warning.category, UserWarning) or "/torch/" in warning.filename


# ------------------------------------------------------------------ estimators
class EstimatorCase:
    """A fit with one or two unusual arguments, and what is called after it."""

    def __init__(self, seed, rng, folder):
        self.seed, self.rng, self.notes, self.expected, self.names = seed, rng, [], [], set()
        self.estimator_class = ESTIMATORS[rng.integers(4)]
        self.weak = self.estimator_class in (WeakPSPLocalizer, WeakEventLocalizer)
        self.params = self.ordinary_params()
        gated = getattr(SYSTEMS.get(self.params.get("network")), "gated", False)
        self.world = World.drawn(rng, folder, self.weak, n_classes=int(rng.integers(3 if gated else 2, 5)))
        self.make = {"X": World.features, "y": World.text, "sample_weight": lambda w: None}
        self.changed, self.validation, self.later = {}, None, None
        for axis in self.draw_axes():
            getattr(self, f"draw_{axis}")()
        self.estimator, self.fitted = None, False

    def ordinary_params(self):
        """Draw parameters that any fit takes."""
        rng = self.rng
        params = {
            "max_epochs": int(rng.integers(1, 3)),
            "batch_size": int(rng.integers(3, 9)),
            "random_state": int(rng.integers(100)),
            "standardize": bool(rng.random() < 0.7),
            "lr_schedule": str(rng.choice(CHOICES["lr_schedule"])),
            "device": "cpu",
        }
        if self.estimator_class in (PSPLocalizer, WeakPSPLocalizer):
            variant = "released" if rng.random() < 0.2 else "paper"
            params.update(hidden_size=int(rng.choice([4, 6])), variant=variant, tau=rng.choice([0.095, 0.0, None]))
        else:
            systems = [name for name, system in SYSTEMS.items() if not self.weak or "weak" in system.supervisions]
            params["network"] = str(rng.choice([*systems, "own"]))
            heads = {"avt": {"n_heads": 2, "feedforward_size": 4}, "cmran": {"n_heads": 2, "feedforward_size": 4}}
            params["network_params"] = {"hidden_size": 4, **heads.get(params["network"], {})}
            if params["network"] == "own":
                params["network"] = OwnNet
        if self.weak:
            params["target"] = str(rng.choice(CHOICES["target"]))
        if rng.random() < 0.1:
            params["early_stopping"] = 2
        return params

    def draw_axes(self):
        """Draw what is unusual."""
        axes = ["X", "y", "sample_weight", "parameter", "validation", "later", "size"]
        shares = [0.2, 0.24, 0.12, 0.24, 0.08, 0.1, 0.02]
        count = self.rng.choice([0, 1, 2], p=[0.03, 0.5, 0.47])
        drawn = self.rng.choice(axes, count, replace=False, p=shares)
        return sorted(drawn, key=axes.index)

    def note(self, text, outcome, *names):
        """Write down what is unusual, what is expected of it, and the arguments that an error may name."""
        self.notes.append(text)
        self.expected.append(outcome)
        self.names |= set(names)

    def draw_form(self, forms, name, *names):
        """Draw a form of an argument."""
        form = forms[self.rng.integers(len(forms))]
        self.make[name] = form.make
        self.note(f"{name}: {form.name}", form.expected, name, *names)
        return form

    def draw_X(self):
        form = self.draw_form(X_FORMS + FLATTENED, "X", "audio", "visual")
        if form in FLATTENED:
            self.names.add("y")  # which has more segments than these videos

    def draw_y(self):
        self.draw_form(Y_FORMS, "y")

    def draw_sample_weight(self):
        self.draw_form(WEIGHT_FORMS, "sample_weight")

    def draw_size(self):
        """Draw few videos or one segment."""
        n, n_segments = [(1, 3), (2, 2), (1, 1), (8, 1), (3, 12)][self.rng.integers(5)]
        self.world = World.drawn(self.rng, self.world.folder, self.weak, n, n_segments, 3)
        self.note(f"{n} videos of {n_segments} segments", EITHER if n < 8 else WORKS, "X", "y")
        self.names |= {"background", "classes"}  # which so few videos may lack

    def draw_parameter(self):
        """Draw a parameter and its value."""
        names = [name for name in self.estimator_class().get_params() if name != "n_audio_features"]
        name = str(self.rng.choice(names))
        values = parameter_values(name)
        if name == "network" and self.rng.random() < 0.3:
            values = [NaNNet, ShortNet, OwnNet]
        value = values[self.rng.integers(len(values))]
        self.changed[name] = value
        parts = [name]
        if name == "network_params" and isinstance(value, dict):
            parts += [key for key in value if isinstance(key, str)]
        if name in ("background", "classes"):  # which are checked against each other
            parts += ["background", "classes"]
        if name == "validation_fraction":
            self.params["early_stopping"] = 2
        self.note(f"{name}={show(value)}", parameter_outcome(name, value), *parts)

    def draw_validation(self):
        """Draw the validation videos."""
        rng, n_val = self.rng, int(self.rng.integers(4, 9))
        kind = rng.choice(
            ["ordinary", "X_val", "y_val", "both", "alone", "no early stopping", "other layout", "unseen"]
        )
        self.params["early_stopping"] = 2
        if kind == "X_val":
            form = X_FORMS[rng.integers(len(X_FORMS))]
            self.validation = n_val, form.make, World.text
            self.note(f"X_val: {form.name}", lambda w: REFUSED if form.outcome is REFUSED else EITHER, "X_val")
            self.names |= {"audio", "visual", "n_audio_features"}
        elif kind in ("y_val", "both"):
            form = Y_FORMS[rng.integers(len(Y_FORMS))]
            self.validation = n_val, World.features, form.make
            if kind == "both":
                self.make["y"] = form.make
                self.note(f"y and y_val: {form.name}", lambda w: REFUSED if form.outcome is REFUSED else EITHER, "y")
            else:
                self.note(f"y_val: {form.name}", lambda w: REFUSED if form.outcome is REFUSED else EITHER)
            self.names.add("y_val")
        elif kind == "alone":
            pair = (World.features, lambda w: None) if rng.random() < 0.5 else (lambda w: None, World.text)
            self.validation = n_val, *pair
            self.note("X_val without y_val, or y_val without X_val", REFUSED, "X_val", "y_val")
        elif kind == "other layout":
            self.validation = n_val, lambda w: World.drawn(w.rng, w.folder, w.weak, w.n, 7).features(), World.text
            self.note("X_val of another layout", REFUSED, "X_val")
        elif kind == "unseen":
            self.validation = n_val, World.features, lambda w: spoil(w.text(), "wolf")
            self.note("y_val with a label that y lacks", REFUSED, "y_val")
        else:
            self.validation = n_val, World.features, World.text
            if kind == "no early stopping":
                self.params["early_stopping"] = False
            self.note(f"X_val, {kind}", WORKS, "X_val", "early_stopping")

    def draw_later(self):
        """Draw what is called after the fit."""
        rng = self.rng
        methods = [*METHODS, *(["predict_video_proba"] if self.weak else [])]
        kind = rng.choice(["X", "X", "y", "sample_weight", "segment_duration", "videos"])
        if kind == "X":
            method, forms = str(rng.choice(methods)), X_FORMS
        else:
            method = "score" if kind in ("y", "sample_weight") else "predict_events"
            forms = {"y": Y_FORMS, "sample_weight": WEIGHT_FORMS}.get(kind)
        if forms is None:
            values = VIDEOS if kind == "videos" else OTHERS["segment_duration"]
            value = values[rng.integers(len(values))]
            self.later = method, kind, (lambda w: value(w)) if kind == "videos" else lambda w: value
            self.note(
                f"then {method}, {kind}: {show(value) if kind != 'videos' else show(value(self.world))}", EITHER, kind
            )
            return
        form = forms[rng.integers(len(forms))]
        self.later = method, kind, form.make
        outcome = form.outcome if form.outcome is REFUSED else EITHER
        self.note(f"then {method}, {kind}: {form.name}", outcome, kind, "audio", "visual", "n_audio_features")

    def description(self):
        """Return the case in words."""
        params = ", ".join(f"{name}={show(value)}" for name, value in {**self.params, **self.changed}.items())
        unusual = "; ".join(self.notes) or "nothing unusual"
        layout = f"{self.world.n} videos of {self.world.n_segments} segments, {self.world.n_classes} classes"
        return f"{unusual}. {self.estimator_class.__name__}({params}) of {layout}"

    def outcomes(self):
        """Return what is expected of each unusual choice."""
        return [outcome(self.world) if callable(outcome) else outcome for outcome in self.expected]

    # -------------------------------------------------------------- running
    def run(self):
        """Fit and check what comes out."""
        self.estimator = self.earlier_fit()
        world = self.world
        X, y, weight = (self.make[name](world) for name in ("X", "y", "sample_weight"))
        self.names |= world.may_be_named
        options = self.validation_options(y)
        params = {**self.params, **world.params, **self.changed}
        self.estimator.set_params(**params)
        self.estimator.fit(X, y, weight, **options)
        self.fitted = True
        with unexpected("after the fit"):
            check_fit(self.estimator, X, y, world, self.changed)
        if self.later is not None:
            self.run_later(X, y)

    def validation_options(self, y):
        """Return X_val and y_val."""
        if self.validation is None:
            return {}
        n, make_X, make_y = self.validation
        other = self.world.like(n)
        return {"X_val": make_X(other), "y_val": make_y(other)}

    def run_later(self, X, y):
        """Call a method with something unusual; what it says must be right, and the fit must stay."""
        method, kind, make = self.later
        before = self.state()
        other = self.world.like(self.world.n)
        other.params = {}
        options = {"X": other.features(), **({"y": self.make["y"](other)} if method == "score" else {})}
        with unexpected(f"in {method} of ordinary videos"):
            plain = None if kind in ("y", "sample_weight") else self.call(method, options)
        if plain is None and kind not in ("y", "sample_weight"):  # this network has nothing to show
            self.expected = [EITHER]
        options[kind] = make(other)
        if kind == "X" and "n_audio_features" in other.params:
            self.estimator.set_params(n_audio_features=other.params["n_audio_features"])
        result = self.call(method, options)
        if kind == "X" and other.same_features and plain is not None:
            changed = copy(options)
            changed["X"] = other.features()
            wanted(same(result, self.call(method, changed)), f"{method} differs from that of float32 AVFeatures")
        if method == "score":
            wanted(np.isfinite(result) and 0 <= result <= 1, f"score is {result}")
        wanted(same(before, self.state()), f"{method} altered the fit")

    def call(self, method, options):
        """Call a method; what a network does not have is None."""
        try:
            return getattr(self.estimator, method)(**options)
        except ValueError as error:
            if method in ("attention", "propagation", "embed") and re.search(r"does not give|needs", str(error)):
                return None
            raise

    # --------------------------------------------------------- earlier fits
    def earlier_fit(self):
        """Return an estimator with an earlier fit, on ordinary videos."""
        key = self.estimator_class, self.params.get("network")
        if key not in EARLIER:
            world = World.drawn(np.random.default_rng(0), "", self.weak, 10, 3, 3, (3, 4), (2, 1))
            params = {**self.params, "early_stopping": False, "max_epochs": 1}
            fitted = self.estimator_class(**params).fit(world.features(), world.text())
            EARLIER[key] = pickle.dumps(fitted), fitted.predict_proba(world.features()), world
        return pickle.loads(EARLIER[key][0])

    def damage(self):
        """Return what a failed fit changed of the earlier one, or None."""
        if self.estimator is None or self.fitted:
            return None
        _, proba, world = EARLIER[self.estimator_class, self.params.get("network")]
        try:
            twin = self.earlier_fit()
            events = twin.predict_events(world.features())
            if set(vars(twin)) != set(vars(self.estimator)):
                return "a failed fit changed the fitted attributes"
            self.estimator.set_params(batch_size=4, verbose=0)
            if not np.array_equal(self.estimator.predict_proba(world.features()), proba):
                return "a failed fit changed the earlier one"
            if not same(self.estimator.predict_events(world.features()), events):
                return "parameters after the fit changed its events"
        except Exception as error:
            return f"a failed fit broke the earlier one ({type(error).__name__}: {error})"
        return None

    def state(self):
        """Return the fit's attributes but the network."""
        return {name: value for name, value in vars(self.estimator).items() if name.endswith("_") and name != "_model_"}


def spoil(y, label):
    """Return text labels with another label in the first place."""
    y = y.astype(object)
    y[(0,) * y.ndim] = label
    return y


def same(a, b):
    """Whether two results are equal to the bit."""
    if isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame):
        return a.equals(b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    a, b = np.asarray(a), np.asarray(b)
    return np.array_equal(a, b, equal_nan=a.dtype.kind == b.dtype.kind == "f")


def check_fit(estimator, X, y, world, changed):
    """Raise WrongResultError where a fit does not give what its input means."""
    classes = estimator.classes_
    wanted(classes.ndim == 1 and len(np.unique(classes)) == len(classes), f"classes_ is {classes!r}")
    known = world.classes is not None and "classes" not in changed
    wanted(
        not known or same_labels(classes.tolist(), sorted(world.classes)),
        f"classes_ is {classes!r} for {world.classes}",
    )
    proba = estimator.predict_proba(X)
    predicted = estimator.predict(X)
    one_label = proba.ndim == 2
    wanted(np.isfinite(proba).all(), "probabilities are not finite")
    n_segments = () if one_label else (estimator.n_segments_,)
    wanted(proba.shape == (world.n, *n_segments, len(classes)), f"probabilities have the shape {proba.shape}")
    wanted(world.n_segments == 1 or not one_label or not world.same_features, "one label a video of several segments")
    wanted(np.abs(proba.sum(-1, dtype=np.float64) - 1).max() < SUMS_TO_1, "probabilities do not sum to 1")
    wanted(np.array_equal(predicted, classes[proba.argmax(-1)]), "predict is not the argmax of predict_proba")
    if world.same_features:
        plain = estimator.predict_proba(world.features())
        wanted(np.array_equal(plain, proba), "X predicts otherwise than the same numbers as AVFeatures of float32")
    copied = pickle.loads(pickle.dumps(estimator))
    wanted(np.array_equal(copied.predict_proba(X), proba), "the pickled estimator predicts otherwise")
    check_history(estimator)
    check_scores(estimator, X, y, world, predicted)
    check_shown(estimator, X, proba)


def same_labels(a, b):
    """Whether two lists hold equal labels of one kind, such as whole numbers."""
    return a == b and np.asarray(a).dtype.kind == np.asarray(b).dtype.kind


def check_history(estimator):
    """Check what was recorded of the epochs."""
    losses = [row["train_loss"] for row in estimator.history_]
    wanted(len(losses) == estimator.n_iter_ and np.isfinite(losses).all(), f"the losses are {losses}")
    wanted(1 <= estimator.best_epoch_ <= estimator.n_iter_, f"best_epoch_ is {estimator.best_epoch_}")
    score = estimator.validation_score_
    wanted(score is None or 0 <= score <= 1, f"validation_score_ is {score}")
    wanted(all(np.isfinite(value).all() for value in estimator._model_.weights().values()), "weights are not finite")


def check_scores(estimator, X, y, world, predicted):
    """Check the score of all videos, and that of the first alone."""
    score = estimator.score(X, y)
    wanted(np.isfinite(score) and 0 <= score <= 1, f"score is {score}")
    if world.truth is None:
        return
    truth = np.asarray(world.truth)
    if world.same_features and truth.shape == predicted.shape:
        accuracy = float(np.mean(truth == predicted))
        wanted(abs(score - accuracy) < 1e-9, f"score is {score}, the share of right segments {accuracy}")
        first = estimator.score(world.features()[:1], take_rows(y, 1))
        accuracy = float(np.mean(truth[:1] == predicted[:1]))
        wanted(
            abs(first - accuracy) < 1e-9, f"the first video's score is {first}, its share of right segments {accuracy}"
        )


def take_rows(y, n):
    """Return the first `n` rows of a target in any form."""
    return y.iloc[:n] if hasattr(y, "iloc") else y[:n]


def check_shown(estimator, X, proba):
    """Check events and what the network shows."""
    events = estimator.predict_events(X)
    wanted(isinstance(events, pd.DataFrame) and (events["onset"] < events["offset"]).all(), "events are no events")
    wanted(
        set(events["event_label"]) <= set(estimator.classes_.tolist()), "events with labels that are not in classes_"
    )
    if hasattr(estimator, "predict_video_proba"):
        video = estimator.predict_video_proba(X)
        wanted(
            video.shape == (len(proba), len(estimator.classes_)), f"video probabilities have the shape {video.shape}"
        )
        wanted(
            np.isfinite(video).all() and np.abs(video.sum(-1) - 1).max() < SUMS_TO_1, "video probabilities are wrong"
        )


# -------------------------------------------------- metrics, splitters, events
def scores_of(w):
    """Return probabilities of the labels."""
    return w.rng.uniform(0.5, 1, w.codes.shape)


def proba_of(w):
    """Return class probabilities (n, T, C) or (n, C)."""
    proba = w.rng.dirichlet(np.ones(w.n_classes), w.codes.shape)
    return proba if w.truth is None or np.ndim(w.truth) == 2 else proba[:, 0]


def values(*these):
    """Return makers of values."""
    return [lambda w, value=value: value for value in these]


NUMBER_VALUES = parameter_values("lr")
VIDEOS = [
    *values(None, "a", 3, [], object()),
    lambda w: [f"{k}.mp4" for k in range(w.n)],
    lambda w: np.array([f"{k}.mp4" for k in range(w.n)], object),
    lambda w: ["same"] * w.n,
    lambda w: list(range(w.n)),
    lambda w: [f"{k}.mp4" for k in range(w.n + 1)],
    lambda w: [[k] for k in range(w.n)],
    lambda w: [[k] * (1 + k % 2) for k in range(w.n)],
    lambda w: [None] * w.n,
    lambda w: pd.Series([f"{k}.mp4" for k in range(w.n)], index=range(7, 7 + w.n)),
    lambda w: pd.DataFrame({"video": range(w.n)}),
    lambda w: np.ma.masked_array(np.arange(w.n), np.arange(w.n) == 1),
]
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
LABELS = values(*OWN["classes"])
OTHERS = {
    "segment_duration": [1, 1.0, 0.5, np.float32(0.96), np.int64(2), *NUMBER_VALUES],
    "collar": [None, 0, 0.5, 1, np.float32(0.2), *NUMBER_VALUES],
    "iou": [None, 0.5, 1, 1.0, 0, np.float32(0.3), *NUMBER_VALUES],
    "zero_division": [0, 1, 0.0, np.nan, *NUMBER_VALUES],
    "average": ["micro", "macro", np.str_("macro"), "weighted", "MICRO", None, 0, "", ["micro"], np.nan, True],
    "background": OWN["background"],
    "n_segments": [None, 1, 2, 3, np.int64(3), 0, -1, 2.0, "3", np.nan, [3], True, 10**30],
    "n_splits": [2, 3, np.int64(2), np.uint8(3), 10, 100, 1, 0, -1, 2.0, "2", None, True, [2], np.nan, 10**30],
    "shuffle": [True, False, np.True_, np.False_, 0, 1, None, "yes"],
    "random_state": OWN["random_state"],
}
MAKERS = {"videos": VIDEOS, "groups": GROUPS, "scores": SCORES, "y_proba": PROBA, "labels": LABELS, "classes": LABELS}
FUNCTIONS = {
    segment_accuracy_score: ("y_true", "y_pred", "sample_weight"),
    segment_classification_report: ("y_true", "y_pred", "sample_weight", "labels"),
    event_f1_score: (
        "y_true",
        "y_pred",
        *("background", "collar", "iou", "average", "segment_duration", "zero_division"),
    ),
    event_report: ("y_true", "y_pred", "background", "collar", "iou", "segment_duration", "zero_division"),
    segment_log_loss: ("y_true", "y_proba", "labels", "sample_weight"),
    video_category: ("y", "background", "classes", "n_segments"),
    to_events: ("y", "videos", "background", "segment_duration", "scores"),
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
        choices = MAKERS.get(name) or values(*OTHERS[name])
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
            wanted(isinstance(result, np.ndarray) and result.shape == (self.world.n,), f"the categories are {result!r}")
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


# ---------------------------------------------------------------------- counts
def run_all(seeds):
    """Run the cases of `seeds`; return their Outcomes."""
    return [run(seed) for seed in seeds]


def table(outcomes):
    """Return the counts of the outcomes in words."""
    counts = Counter(outcome.kind for outcome in outcomes)
    return f"{len(outcomes)} generated cases: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)


def main():
    """Print the counts and the cases that break the rule."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="number of cases")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="run this case alone, and show its exception")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.seed is not None:
        print(run(options.seed, raising=True))
        return
    outcomes = run_all(range(options.first, options.first + options.count))
    print(*(outcome for outcome in outcomes if outcome.failed), table(outcomes), sep="\n")


if __name__ == "__main__":
    main()
