"""Generated fits of the estimators: what is unusual, and whether what comes out is what the input means."""

import pickle
import re
from copy import copy

import numpy as np
import pandas as pd
import torch
from generated_forms import (
    EITHER,
    FLATTENED,
    REFUSED,
    VIDEOS,
    WEIGHT_FORMS,
    WORKS,
    X_FORMS,
    Y_FORMS,
    World,
    show,
    values,
)
from generated_parameters import CHOICES, DURATIONS, parameter_outcome, parameter_values
from generated_rule import same, unexpected, wanted
from helpers import small_params
from torch import nn

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.nn import masked_mean

SUMS_TO_1 = 1e-5
ESTIMATORS = (PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer)
METHODS = ("predict", "predict_proba", "score", "predict_events", "embed", "attention", "propagation")
EARLIER = {}  # of each estimator and network: a fit on ordinary videos, pickled


class OwnNet(nn.Module):
    """A network of the user's own."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, hidden_size=4):
        super().__init__()
        if not isinstance(hidden_size, int) or not 0 < hidden_size < 1000:
            raise ValueError(f"hidden_size is {hidden_size!r}; wanted a small integer.")
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
            if params["network"] == "own":
                params.update(network=OwnNet, network_params={"hidden_size": 4})
            else:
                sizes = {"hidden_size": 4, "n_heads": 2, "feedforward_size": 4, "cross_feedforward_size": 4}
                params["network_params"] = small_params(params["network"], **sizes)
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
        kinds = [
            "ordinary",
            "X_val",
            "y_val",
            "both",
            "alone",
            "no early stopping",
            "other layout",
            "unseen",
            "weights",
        ]
        kind = rng.choice(kinds)
        self.params["early_stopping"] = 2
        if kind == "both" and self.make["y"] is not World.text:
            kind = "y_val"
        if kind == "X_val":
            form = X_FORMS[rng.integers(len(X_FORMS))]
            self.validation = n_val, form.make, self.make["y"]
            refused = form.outcome is REFUSED and "n_audio_features" not in form.name  # which is that of X
            self.note(f"X_val: {form.name}", REFUSED if refused else EITHER, "X_val", "y_val")
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
        elif kind == "weights":
            form = WEIGHT_FORMS[rng.integers(len(WEIGHT_FORMS))]
            self.validation = n_val, World.features, self.make["y"], form.make
            self.note(f"sample_weight_val: {form.name}", form.expected, "sample_weight_val", "y_val")
        else:
            self.validation = n_val, World.features, self.make["y"]
            if kind == "no early stopping":
                self.params["early_stopping"] = False
            outcome = WORKS if self.make["y"] is World.text else EITHER
            self.note(f"X_val, {kind}", outcome, "X_val", "y_val", "early_stopping")

    def draw_later(self):
        """Draw what is called after the fit."""
        rng = self.rng
        methods = [*METHODS, *(["predict_video_proba"] if self.weak else [])]
        kind = rng.choice(["X", "X", "y", "sample_weight", "segment_seconds", "hop_seconds", "videos"])
        if kind == "X":
            method, forms = str(rng.choice(methods)), X_FORMS
        else:
            method = "score" if kind in ("y", "sample_weight") else "predict_events"
            forms = {"y": Y_FORMS, "sample_weight": WEIGHT_FORMS}.get(kind)
        if forms is None:
            makers = VIDEOS if kind == "videos" else values(*DURATIONS)
            make = makers[rng.integers(len(makers))]
            self.later = method, kind, make
            self.note(f"then {method}, {kind}: {show(make(self.world))}", EITHER, kind)
            return
        form = forms[rng.integers(len(forms))]
        self.later = method, kind, form.make
        refused = form.outcome is REFUSED and "n_audio_features" not in form.name  # which the fit remembers
        self.note(
            f"then {method}, {kind}: {form.name}",
            REFUSED if refused else EITHER,
            kind,
            "audio",
            "visual",
            "n_audio_features",
        )

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
        options = self.validation_options()
        params = {**self.params, **world.params, **self.changed}
        self.estimator.set_params(**params)
        self.estimator.fit(X, y, weight, **options)
        self.fitted = True
        with unexpected("after the fit"):
            check_fit(self.estimator, X, y, world, self.changed)
        if self.later is not None:
            self.run_later(X, y)

    def validation_options(self):
        """Return X_val, y_val and their weights, as far as they are drawn."""
        if self.validation is None:
            return {}
        n, *makers = self.validation
        other = self.world.like(n)
        names = ("X_val", "y_val", "sample_weight_val")
        return {name: make(other) for name, make in zip(names, makers, strict=False)}

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
