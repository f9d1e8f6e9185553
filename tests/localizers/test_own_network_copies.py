"""Copies of a network of the user's: what survives pickle, joblib and deepcopy, and what is said of the rest."""

import copy
import pickle
import random
import warnings

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from ave_sklearn import EventLocalizer, WeakEventLocalizer
from ave_sklearn.model_selection import VideoStratifiedKFold
from ave_sklearn.nn import AVELNet

QUICK = {"max_epochs": 2, "batch_size": 30, "random_state": 0, "lr": 0.01}


class Base(nn.Module):
    """One layer; subclasses set themselves up and change what it gets or gives."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.output = nn.Linear(n_audio_features + n_visual_features, n_classes)
        self.set_up(n_audio_features + n_visual_features)

    def set_up(self, d):
        pass

    def change(self, x):
        return x

    def forward(self, audio, visual):
        logits = self.output(self.change(torch.cat([audio, visual], -1)))
        return {"logits": logits, "video_logits": logits.mean(1)}


# ------------------------------------------------------------ what survives
class RunningMean(Base):
    persistent = False

    def set_up(self, d):
        self.register_buffer("center", torch.zeros(d), persistent=self.persistent)

    def change(self, x):
        if self.training:
            self.center.mul_(0.5).add_(0.5 * x.detach().mean((0, 1)))
        return x - 20 * self.center


class BufferSetInTraining(RunningMean):
    def set_up(self, d):
        self.register_buffer("center", None, persistent=self.persistent)

    def change(self, x):
        if self.training:
            self.center = x.detach().mean((0, 1)) + 1
        return x * self.center


class PersistentBufferSetInTraining(BufferSetInTraining):
    persistent = True


class GrowingBuffer(RunningMean):
    def set_up(self, d):
        self.register_buffer("seen", torch.zeros(0, d), persistent=self.persistent)

    def change(self, x):
        if self.training:
            self.seen = torch.cat([self.seen, x.detach()[:1, 0]])
        return x + self.seen.sum(0)


class GrowingPersistentBuffer(GrowingBuffer):
    persistent = True


class StepsCounted(Base):
    def set_up(self, d):
        self.register_buffer("n_steps", torch.tensor(0, dtype=torch.int16))
        self.register_buffer("mask", torch.zeros(d, dtype=torch.bool), persistent=False)

    def change(self, x):
        if self.training:
            self.n_steps += 1
            self.mask |= x[0, 0] > 0
        return x * self.n_steps * self.mask


class ExtraState(Base):
    kind = staticmethod(lambda t: {"now": t, "list": [np.float32(t), (t, None)]})

    def set_up(self, d):
        self.temperature, self.layer = 5.0, InnerExtraState()

    def change(self, x):
        if self.training:
            self.temperature *= 0.7
        return self.layer(x) / self.temperature

    def get_extra_state(self):
        return self.kind(self.temperature)

    def set_extra_state(self, state):
        self.temperature = state["now"]
        assert state["list"][1][1] is None


class InnerExtraState(nn.Module):
    """Extra state that is an array by itself, of a submodule."""

    def __init__(self):
        super().__init__()
        self.factor = np.ones(1)

    def forward(self, x):
        if self.training:
            self.factor = self.factor * 1.1
        return x * self.factor.item()

    def get_extra_state(self):
        return self.factor

    def set_extra_state(self, state):
        assert type(state) is np.ndarray
        self.factor = state


class TensorAsExtraState(ExtraState):
    def get_extra_state(self):
        return torch.tensor(self.temperature, dtype=torch.float64)

    def set_extra_state(self, state):
        assert torch.is_tensor(state)
        self.temperature = state.item()


class Tied(Base):
    def set_up(self, d):
        self.inward = nn.Linear(d, 5)
        self.outward = nn.Linear(5, d)
        self.outward.weight = nn.Parameter(self.inward.weight.t().detach())
        self.again = self.inward

    def change(self, x):
        return self.outward(self.again(x)) + self.inward(x).mean(-1, keepdim=True)


class DrawnIntoABuffer(Base):
    def set_up(self, d):
        self.register_buffer("order", torch.from_numpy(np.random.permutation(d)), persistent=False)
        with torch.no_grad():
            self.output.bias.copy_(torch.tensor([random.random() for _ in self.output.bias]))

    def change(self, x):
        return x[..., self.order]


class DrawnFromTorch(Base):
    def set_up(self, d):
        self.order = torch.randperm(d)

    def change(self, x):
        return x[..., self.order]


class CallsCounted(Base):
    n_calls = 0

    def change(self, x):
        self.n_calls += 1
        return x


class CallsCountedInABuffer(Base):
    def set_up(self, d):
        self.register_buffer("n_calls", torch.zeros(()))

    def change(self, x):
        self.n_calls += 1
        return x * self.n_calls


class LazyLayer(Base):
    def set_up(self, d):
        self.norm = nn.LazyBatchNorm1d(affine=False)

    def change(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


SURVIVE = [
    RunningMean,
    BufferSetInTraining,
    PersistentBufferSetInTraining,
    GrowingBuffer,
    GrowingPersistentBuffer,
    StepsCounted,
    ExtraState,
    TensorAsExtraState,
    Tied,
    DrawnIntoABuffer,
    DrawnFromTorch,
    CallsCounted,
    CallsCountedInABuffer,
    LazyLayer,
]


def copies(localizer, tmp_path):
    """Return the localizer after pickle, joblib, deepcopy and a second pickle of the first."""
    joblib.dump(localizer, tmp_path / "localizer.joblib")
    once = pickle.loads(pickle.dumps(localizer))
    return [
        once,
        joblib.load(tmp_path / "localizer.joblib"),
        copy.deepcopy(localizer),
        pickle.loads(pickle.dumps(once)),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("network", SURVIVE)
def test_state_that_torch_knows_survives(pooled, network, standardize, tmp_path):
    X, y = pooled
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        localizer = EventLocalizer(network=network, standardize=standardize, feature_dropout=0, **QUICK).fit(X, y)
    copied = copies(localizer, tmp_path)  # before predict: a call may be counted
    expected = localizer.predict_proba(X)
    for twin in copied:
        assert_array_equal(twin.predict_proba(X), expected)


class BestStepKept(RunningMean):
    """Is wrong in evaluation after the fourth step; knows the number of its steps as a buffer and as extra state."""

    def set_up(self, d):
        self.register_buffer("n_steps", torch.zeros((), dtype=torch.long), persistent=False)
        self.n = 0

    def change(self, x):
        if self.training:
            self.n_steps += 1
            self.n += 1
        return x if self.training or self.n_steps < 5 else -x

    def get_extra_state(self):
        return {"n": self.n}

    def set_extra_state(self, state):
        self.n = state["n"]


def test_the_best_epoch_has_all_of_its_state(pooled):
    X, y = pooled
    params = {**QUICK, "max_epochs": 8, "batch_size": 40, "lr": 0.2, "feature_dropout": 0, "early_stopping": 8}
    localizer = EventLocalizer(network=BestStepKept, **params).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    network = localizer.net_.module_.network
    assert 1 < localizer.best_epoch_ < 5
    assert network.n_steps == network.n == localizer.best_epoch_


class GrowingUntilTheEnd(GrowingPersistentBuffer, BestStepKept):
    """Has a larger buffer in each epoch."""

    def set_up(self, d):
        GrowingPersistentBuffer.set_up(self, d)
        BestStepKept.set_up(self, d)

    def change(self, x):
        return BestStepKept.change(self, GrowingPersistentBuffer.change(self, x))


def test_the_best_epoch_has_buffers_of_its_shape(pooled):
    X, y = pooled
    params = {**QUICK, "max_epochs": 8, "batch_size": 40, "lr": 0.2, "feature_dropout": 0, "early_stopping": 8}
    localizer = EventLocalizer(network=GrowingUntilTheEnd, **params).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert len(localizer.net_.module_.network.seen) == localizer.best_epoch_ < 8


# ------------------------------------------------------------ what does not
class Annealed(Base):
    def set_up(self, d):
        self.temperature = 5.0

    def change(self, x):
        if self.training:
            self.temperature *= 0.7
        return x / self.temperature


class DrawnFromNumPy(Base):
    def set_up(self, d):
        self.order = np.random.permutation(d)

    def change(self, x):
        return x[..., self.order]


class OneOfTwo(Base):
    """Is the same as before in half of the copies."""

    def set_up(self, d):
        self.sign = random.choice([-1.0, 1.0])

    def change(self, x):
        return x * self.sign


class DrawnFromEntropy(DrawnFromNumPy):
    def set_up(self, d):
        self.order = np.random.default_rng().permutation(d)


class RandomInEvaluation(Base):
    def change(self, x):
        return nn.functional.dropout(x, 0.3, training=True)


class RandomByNumPyInEvaluation(Base):
    def change(self, x):
        return x + np.random.normal()


class CallsCount(CallsCounted):
    def change(self, x):
        return super().change(x) / self.n_calls


class BuiltOnce(Base):
    n_built = 0

    def set_up(self, d):
        type(self).n_built += 1
        if type(self).n_built > 1:
            raise OSError("the weights' server is gone")


class BufferRegisteredInForward(Base):
    def change(self, x):
        if not hasattr(self, "late"):
            self.register_buffer("late", torch.ones(()))
        return x


class StateRefused(ExtraState):
    def set_extra_state(self, state):
        raise KeyError("nothing")


class HalfBuffer(Base):
    """NumPy does not know this type."""

    def set_up(self, d):
        self.register_buffer("kept", None)

    def change(self, x):
        self.kept = torch.ones(3, dtype=torch.bfloat16)
        return x


class ListOfThePast(Base):
    def set_up(self, d):
        self.past = []

    def change(self, x):
        if self.training:
            self.past.append(x.detach().mean())
        return x + sum(self.past)


class NamedWithNoSubmodule(AVELNet):
    """A subclass of one of the package's networks."""

    def __init__(self, *sizes):
        super().__init__(*sizes, hidden_size=8)
        self.shift = 0.0

    def forward(self, audio, visual):
        self.shift += 0.1 * self.training
        outputs = super().forward(audio, visual)
        return {**outputs, "logits": outputs["logits"] * (1 + self.shift)}


LOST = {
    Annealed: "its 'logits' differs",
    DrawnFromNumPy: "its 'logits' differs",
    OneOfTwo: "its 'logits' differs",
    DrawnFromEntropy: "its 'logits' differs",
    RandomInEvaluation: "its 'logits' differs",
    RandomByNumPyInEvaluation: "its 'logits' differs",
    CallsCount: "its 'logits' differs",
    BuiltOnce: "OSError: the weights' server is gone",
    BufferRegisteredInForward: r'RuntimeError[\s\S]*Unexpected key.*late"',
    StateRefused: "KeyError: 'nothing'",
    HalfBuffer: "TypeError.*BFloat16",
    ListOfThePast: "its 'logits' differs",
    NamedWithNoSubmodule: "its 'logits' differs",
}


@pytest.mark.slow
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("network", LOST)
def test_state_that_is_lost_is_said_at_the_fit_and_refused_later(pooled, network, standardize, tmp_path):
    X, y = pooled
    BuiltOnce.n_built = 0
    random.seed(1)
    says = (
        rf"cannot be pickled or copied: network {network.__name__} is not the same [\s\S]*{LOST[network]}[\s\S]*buffer"
    )
    with pytest.warns(UserWarning, match=says) as caught:
        localizer = EventLocalizer(network=network, standardize=standardize, **QUICK).fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    for save in (
        pickle.dumps,
        copy.deepcopy,
        copy.copy,
        lambda it: joblib.dump(it, tmp_path / "it"),
        lambda it: pickle.dumps([it]),
    ):
        with pytest.raises(ValueError, match=f"This EventLocalizer {says}"):
            save(localizer)
    assert localizer.predict(X).shape == y.shape
    assert clone(localizer).get_params() == localizer.get_params()
    BuiltOnce.n_built = 0
    pickle.loads(pickle.dumps(clone(localizer)))
    localizer.set_params(network="avel").fit(X, y)
    pickle.dumps(localizer)  # the next fit is another one


def test_a_search_over_such_a_network_works(pooled):
    search = GridSearchCV(
        WeakEventLocalizer(network=Annealed, **QUICK), {"lr": [0.01, 0.1]}, cv=VideoStratifiedKFold(2)
    )
    with pytest.warns(UserWarning, match="network Annealed is not the same"):
        search.fit(*pooled)
    assert clone(search).get_params().keys() == search.get_params().keys()
    with pytest.raises(ValueError, match="cannot be pickled"):
        pickle.dumps(search)


def test_the_comparison_moves_no_generator_and_nothing_of_the_network(pooled):
    X, y = pooled

    class Drawing(Base):
        def set_up(self, d):
            self.register_buffer("drawn", torch.tensor([np.random.normal(), random.random(), torch.rand(()).item()]))

    class Calls(CallsCounted):
        pass

    np.random.seed(3)
    random.seed(3)
    torch.manual_seed(3)
    EventLocalizer(network=Drawing, **QUICK).fit(X, y)
    drawn = np.random.normal(), random.random(), torch.rand(()).item()
    np.random.seed(3)
    random.seed(3)
    torch.manual_seed(3)
    np.random.normal(), random.random()  # those of the one network
    assert drawn == (np.random.normal(), random.random(), torch.rand(()).item())
    localizer = EventLocalizer(network=Calls, **QUICK).fit(X, y)
    assert localizer.net_.module_.network.n_calls == 5  # 2 batches, 2 epochs, and a look at the outputs


class Undeepcopiable(CallsCounted):
    def __deepcopy__(self, memo):
        raise RuntimeError("no copies")


def test_a_module_that_cannot_be_copied_is_compared_itself(pooled):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        localizer = EventLocalizer(network=Undeepcopiable, **QUICK).fit(*pooled)
    assert_array_equal(copy.deepcopy(localizer).predict_proba(pooled[0]), localizer.predict_proba(pooled[0]))


def test_networks_of_the_package_are_not_compared(pooled, monkeypatch):
    monkeypatch.setattr("ave_sklearn._training.model.first_difference", lambda *outputs: "logits")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pickle.dumps(EventLocalizer(network="avel", **QUICK).fit(*pooled))
