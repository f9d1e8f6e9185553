"""Every parameter of every estimator: two values of it train two networks, or the same one where that is promised."""

import inspect

import numpy as np
import pytest
import torch
from torch import nn

from ave_sklearn import AVFeatures, EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer

ESTIMATORS = [PSPLocalizer, WeakPSPLocalizer, EventLocalizer, WeakEventLocalizer]
N_VIDEOS, T = 12, 4
LABELS = ["background", "cat", "dog"]

VALUES = {  # values of which each trains another network than the others
    "tau": [None, -np.inf, 0.0, 0.3],
    "lam": [0.0, 10.0, 100.0],
    "variant": ["paper", "released"],
    "self_attention": [False, True],
    "hidden_size": [4, 6],
    "dropout": [0.0, 0.5],
    "weighting": [True, False],
    "target": ["proportion", "category"],
    "network": ["psp", "avel", "avrb"],
    "network_params": [None, {"tau": 0.0}, {"hidden_size": 4}],
    "standardize": [True, False],
    "feature_dropout": [0.0, 0.4],
    "max_epochs": [1, 2],
    "batch_size": [3, 5, 100],
    "lr": [0.002, 0.004],
    "lr_schedule": ["one_cycle", "constant"],
    "weight_decay": [0.0, 0.5],
    "label_smoothing": [0.0, 0.1, 0.3],
    "early_stopping": [False, 5],
    "validation_fraction": [0.25, 0.5],
    "n_audio_features": [1, 2],
    "classes": [LABELS, [*LABELS, "zebra"]],
    "precision": ["float32", "float64"],  # and "bfloat16" where the hardware multiplies it
    "random_state": [0, 1, 2],
}
SAME = {"verbose": [0, 1], "device": ["cpu", torch.device("cpu")]}  # values that all train the same network
ELSEWHERE = {"background"}  # what it changes depends on the loss, see below
ALONGSIDE = {"validation_fraction": {"early_stopping": 5}}  # what a parameter needs to have any effect


@pytest.fixture(scope="module")
def data():
    """Twelve videos of four segments of noise, each with background, and one event of two segments."""
    random = np.random.RandomState(0)
    X = AVFeatures(3 * random.randn(N_VIDEOS, T, 2) + 1, random.randn(N_VIDEOS, T, 3))
    y = np.full((N_VIDEOS, T), "background")
    y[np.arange(N_VIDEOS), 1] = y[np.arange(N_VIDEOS), 2] = np.resize(["cat", "dog"], N_VIDEOS)
    return X, y


def quick(estimator, **params):
    small = {} if "network" in params or "network" in estimator._get_param_names() else {"hidden_size": 4}
    common = {"max_epochs": 2, "batch_size": 6, "random_state": 0, "device": "cpu"}
    return estimator(**{**common, **small, **params})


def trained(estimator, X, y, **params):
    """What training gave: losses and weights."""
    localizer = quick(estimator, **params).fit(X, y)
    losses = [entry[name] for entry in localizer.history_ for name in ("train_loss", "valid_loss") if name in entry]
    weights = {name: value.numpy() for name, value in localizer.net_.module_.state_dict().items()}
    return losses, weights


def is_same(one, other):
    (losses, weights), (other_losses, other_weights) = one, other
    return (
        losses == other_losses
        and weights.keys() == other_weights.keys()
        and all(np.array_equal(value, other_weights[name]) for name, value in weights.items())
    )


def cases(values):
    """Estimators with those of their parameters that are in a table."""
    return [
        pytest.param(estimator, name, id=f"{estimator.__name__}-{name}")
        for estimator in ESTIMATORS
        for name in estimator._get_param_names()
        if name in values
    ]


# -------------------------------------------------------------------------- by rule
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_in_a_table(estimator):
    assert set(inspect.signature(estimator).parameters) <= {*VALUES, *SAME, *ELSEWHERE}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No training target has any:UserWarning")  # target="category"
@pytest.mark.parametrize(("estimator", "name"), cases(VALUES))
def test_each_value_trains_another_network(data, estimator, name):
    X, y = data
    if name == "n_audio_features":
        X = np.concatenate([X.audio, X.visual], axis=2)
    others = ALONGSIDE.get(name, {})
    results = [trained(estimator, X, y, **others, **{name: value}) for value in VALUES[name]]
    for i, result in enumerate(results):
        assert np.isfinite(result[0]).all()
        same = [VALUES[name][j] for j in range(i) if is_same(result, results[j])]
        assert same == [], f"{VALUES[name][i]} trains the same network"


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "name"), cases(SAME))
def test_each_value_trains_the_same_network(data, estimator, name):
    one, other = (trained(estimator, *data, **{name: value}) for value in SAME[name])
    assert is_same(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_same_parameters_train_the_same_network(data, estimator):
    assert is_same(trained(estimator, *data), trained(estimator, *data))


# ------------------------------------------------------------------- what they promise
def first_loss(estimator, data, **params):
    """The loss of all videos at the initial weights."""
    still = {"max_epochs": 1, "batch_size": 100, "feature_dropout": 0.0, "precision": "float64"}
    still |= {} if "network" in params else {"dropout": 0.0} if "dropout" in estimator._get_param_names() else {}
    return quick(estimator, **still, **params).fit(*data).history_[0]["train_loss"]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_label_smoothing_spreads_its_share_of_the_target(data, estimator):
    """The loss is linear in the target, and so in the share."""
    network = {"network": "avel"} if "network" in estimator._get_param_names() else {}
    none, some, more = (first_loss(estimator, data, label_smoothing=share, **network) for share in (0.0, 0.1, 0.3))
    assert abs(some - none) > 1e-4
    assert more - none == pytest.approx(3 * (some - none), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [PSPLocalizer, EventLocalizer])
@pytest.mark.parametrize("n_segments", [1, 2, 4])
def test_lam_weighs_a_loss_of_more_than_one_segment(data, estimator, n_segments):
    X, y = data
    part = AVFeatures(X.audio[:, :n_segments], X.visual[:, :n_segments]), y[:, :n_segments]
    none, some, more = (first_loss(estimator, part, lam=lam) for lam in (0.0, 10.0, 30.0))
    assert (some - none > 1e-3) == (n_segments > 1)
    assert more - none == pytest.approx(3 * (some - none), rel=1e-6, abs=1e-12)


@pytest.mark.slow
def test_auto_lam_is_that_of_the_network(data):
    for network, lam in (("psp", 10.0), ("cpsp", 10.0), ("avel", 0.0), ("avrb", 0.0)):
        losses = [first_loss(EventLocalizer, data, network=network, lam=value) for value in ("auto", lam, lam + 1)]
        assert losses[0] == losses[1] != losses[2]


class WithoutSimilarity(nn.Module):
    """A linear layer on the audio, which gives no similarity."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.output = nn.Linear(n_audio_features, n_classes)

    def forward(self, audio, visual):
        return {"logits": self.output(audio)}


@pytest.mark.parametrize("n_segments", [1, 2, 3])
def test_a_pair_loss_without_similarity_is_an_error_of_more_than_one_segment(data, n_segments):
    X, y = data
    part = AVFeatures(X.audio[:, :n_segments], X.visual[:, :n_segments]), y[:, :n_segments]
    localizer = quick(EventLocalizer, network=WithoutSimilarity, lam=1.0, classes=LABELS)
    if n_segments == 1:
        localizer.fit(*part)
        return
    with pytest.raises(ValueError, match="wanted 'similarity' too for the pair similarity loss; set lam=0"):
        localizer.fit(*part)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_background_is_what_no_event_is_listed_of(data, estimator):
    X, y = data
    for background in ("background", "cat"):
        localizer = quick(estimator, background=background).fit(X, y)
        assert background not in set(localizer.predict_events(X)["event_label"])
        listed = (localizer.predict_events(X).eval("offset - onset")).sum()
        assert listed == (localizer.predict(X) != background).sum()


@pytest.mark.parametrize("estimator", [PSPLocalizer, EventLocalizer])
def test_background_is_what_the_pair_loss_pushes_apart(data, estimator):
    losses = {label: first_loss(estimator, data, lam=100.0, background=label) for label in LABELS}
    assert len(set(losses.values())) == len(LABELS)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("float64", torch.float64)])
def test_precision_is_the_type_of_weights_and_probabilities(data, estimator, precision, dtype):
    localizer = quick(estimator, precision=precision).fit(*data)
    assert {weight.dtype for weight in localizer.net_.module_.parameters()} == {dtype}
    assert localizer.predict_proba(data[0]).dtype == precision


@pytest.mark.parametrize("estimator", [PSPLocalizer, WeakPSPLocalizer])
def test_dropout_is_the_rate_of_the_networks_layers(data, estimator):
    net = quick(estimator, dropout=0.35, feature_dropout=0.15).fit(*data).net_.module_
    assert net.dropout.p == 0.15
    assert {layer.p for layer in net.network.modules() if hasattr(layer, "p")} == {0.35}
