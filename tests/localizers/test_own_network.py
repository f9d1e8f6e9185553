"""A network of the user's own gets the whole API, and an error for each way to break the contract."""

import pickle

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from torch import nn

from ave_sklearn import EventLocalizer, WeakEventLocalizer
from ave_sklearn.model_selection import VideoStratifiedKFold
from ave_sklearn.nn import AVELNet, PSPNet, masked_mean

QUICK = {"max_epochs": 2, "batch_size": 16, "random_state": 0}


class SumNet(nn.Module):
    """Both modalities, projected and added: no attention, no time. Layers and dropout are torch's own."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, width=8):
        super().__init__()
        self.audio, self.visual = nn.Linear(n_audio_features, width), nn.Linear(n_visual_features, width)
        self.norm, self.dropout = nn.BatchNorm1d(width), nn.Dropout(0.1)
        self.output = nn.Linear(width, n_classes)

    def forward(self, audio, visual):
        visual = visual if visual.ndim == 3 else visual.flatten(2, -2).mean(2)
        fused = torch.tanh(self.dropout(self.audio(audio) + self.visual(visual)))
        fused = self.norm(fused.transpose(1, 2)).transpose(1, 2)
        logits = self.output(fused)
        return {"logits": logits, "video_logits": masked_mean(logits), "fused": fused}


class GatedSumNet(SumNet):
    """The same with the outputs of a gated network, and a loss of its own."""

    extra_weight = 0.0

    def __init__(self, *sizes, width=8):
        super().__init__(*sizes, width=width)
        self.event = nn.Linear(width, 1)

    def forward(self, audio, visual):
        outputs = super().forward(audio, visual)
        category = outputs.pop("video_logits")[:, 1:]
        event = self.event(outputs["fused"]).squeeze(-1)
        return {"event_logits": event, "category_logits": category, "video_logits": category, "fused": outputs["fused"]}

    def extra_loss(self, outputs, target, background):
        assert background == 0 and len(target) == len(outputs["fused"])
        return self.extra_weight * outputs["fused"].square().mean((1, 2))


class HeavierNet(GatedSumNet):
    extra_weight = 10.0


def changed(**outputs):
    """Return a subclass of SumNet whose forward gives `outputs`, made of the true ones, in their place."""

    class Changed(SumNet):
        def forward(self, audio, visual):
            true = super().forward(audio, visual)
            new = {name: change(true["logits"]) for name, change in outputs.items() if change is not None}
            return {**{name: value for name, value in true.items() if name not in outputs}, **new}

    return Changed


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
@pytest.mark.parametrize("network", [SumNet, GatedSumNet])
def test_another_network_gets_the_whole_api(videos, estimator, network):
    X, y = videos
    params = {"network_params": {"width": 8}, "max_epochs": 20, "batch_size": 16, "lr": 0.02, "early_stopping": 20}
    localizer = estimator(network=network, **params, random_state=0).fit(X, y)
    if network is SumNet:
        assert localizer.score(X, y) > np.mean(y == "background") + 0.1
    assert localizer.predict_proba(X).shape == (60, 10, 4) and localizer.embed(X).shape == (60, 10, 8)
    np.testing.assert_allclose(localizer.predict_proba(X).sum(-1), 1, atol=1e-5)
    assert set(localizer.predict_events(X)["event_label"]) <= set(y.ravel())
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict(X), localizer.predict(X))
    assert_array_equal(clone(localizer).fit(X, y).predict_proba(X), localizer.predict_proba(X))
    if estimator is WeakEventLocalizer:
        np.testing.assert_allclose(localizer.predict_video_proba(X).sum(-1), 1, atol=1e-5)


def test_torchs_generator_is_left_where_it_was(videos):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    localizer = EventLocalizer(network=SumNet, **QUICK).fit(*videos)
    pickle.loads(pickle.dumps(localizer)).predict(videos[0])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_a_network_of_ones_own_fits_alike_in_worker_processes(videos):
    localizer = EventLocalizer(network=SumNet, **QUICK)
    here = localizer.fit(*videos).predict_proba(videos[0])
    fits = Parallel(2)(delayed(clone(localizer).fit)(*videos) for _ in range(2))
    for fit in fits:
        np.testing.assert_allclose(fit.predict_proba(videos[0]), here, atol=1e-6)


def test_its_parameters_are_searched_as_a_list_of_dicts(videos):
    X, y = videos
    grid = {"network_params": [{"width": 4}, {"width": 6}]}
    search = GridSearchCV(EventLocalizer(network=SumNet, **QUICK), grid, cv=VideoStratifiedKFold(2)).fit(X, y)
    assert search.best_estimator_.embed(X).shape[-1] == search.best_params_["network_params"]["width"]


class PassingOn(GatedSumNet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class PassingOnSupervision(AVELNet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, hidden_size=8, **kwargs)


class PassingOnToPSP(PSPNet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, hidden_size=8, **kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("network", [PassingOn, PassingOnSupervision, PassingOnToPSP])
def test_supervision_is_passed_where_a_base_class_names_it(videos, network):
    for estimator in (EventLocalizer, WeakEventLocalizer):
        assert estimator(network=network, **QUICK).fit(*videos).predict(videos[0]).shape == (60, 10)


class OtherNames(SumNet):
    def forward(self, a, v):
        return super().forward(a, v)


@pytest.mark.parametrize("standardize", [True, False])
def test_forward_may_name_its_arguments_as_it_likes(videos, standardize):
    proba, expected = (
        EventLocalizer(network=network, standardize=standardize, **QUICK).fit(*videos).predict_proba(videos[0])
        for network in (OtherNames, SumNet)
    )
    assert_array_equal(proba, expected)


class Shuffled(SumNet):
    """Holds random numbers that are no part of its state, a state that is no tensor, and empties the user's list."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, sizes):
        super().__init__(n_audio_features, n_visual_features, n_classes, n_regions, width=sizes.pop())
        self.order = torch.randperm(n_audio_features)

    def forward(self, audio, visual):
        return super().forward(audio[..., self.order], visual)

    def get_extra_state(self):
        return {"kind": "shuffled"}

    def set_extra_state(self, state):
        assert state == {"kind": "shuffled"}


def test_what_its_constructor_draws_comes_back_from_a_file(videos):
    sizes = [8]
    localizer = EventLocalizer(network=Shuffled, network_params={"sizes": sizes}, max_epochs=2, random_state=7)
    proba = localizer.fit(*videos).predict_proba(videos[0])
    assert sizes == [8]
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict_proba(videos[0]), proba)


class Subclass(AVELNet):
    """The same network under another name."""


def test_a_subclass_of_a_network_starts_from_weights_of_the_same_size(videos):
    sizes = []
    for network in ("avel", Subclass):
        module = EventLocalizer(network=network, max_epochs=1, lr=1e-9).fit(*videos).net_.module_
        sizes.append({name: p.std().item() for name, p in module.named_parameters() if p.numel() > 1000})
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1) and len(sizes[0]) > 5


@pytest.mark.slow
def test_fits_of_ones_own_network_in_threads_are_those_in_turn(videos):
    localizers = [EventLocalizer(network=SumNet, max_epochs=2, random_state=seed) for seed in range(4)]
    in_turn = [clone(localizer).fit(*videos).predict_proba(videos[0]) for localizer in localizers]
    state = torch.get_rng_state()
    fits = Parallel(4, prefer="threads")(delayed(clone(localizer).fit)(*videos) for localizer in localizers)
    for fit, expected in zip(fits, in_turn, strict=True):
        assert_array_equal(fit.predict_proba(videos[0]), expected)
    assert torch.equal(torch.get_rng_state(), state)


class PartlyFrozen(SumNet):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.audio.requires_grad_(False)


def test_part_of_it_may_be_frozen(videos):
    one, two = (EventLocalizer(network=PartlyFrozen, **{**QUICK, "max_epochs": n}).fit(*videos) for n in (1, 2))
    before, after = (localizer.net_.module_.network.state_dict() for localizer in (one, two))
    assert torch.equal(before["audio.weight"], after["audio.weight"])
    assert not torch.equal(before["visual.weight"], after["visual.weight"])


class ColumnLoss(SumNet):
    def extra_loss(self, outputs, target, background):
        return torch.ones(len(target), 1)


class BrokenInEvaluation(SumNet):
    def forward(self, audio, visual):
        outputs = super().forward(audio, visual)
        return outputs if self.training else {**outputs, "logits": outputs["logits"] / 0}


def test_a_loss_of_its_own_has_a_value_a_video(videos):
    with pytest.raises(ValueError, match=r"extra_loss returned \(16, 1\); wanted a tensor of shape \(16,\) or \(\)"):
        EventLocalizer(network=ColumnLoss, **QUICK).fit(*videos)


def test_outputs_that_are_not_finite_in_evaluation_are_an_error(videos):
    with pytest.raises(ValueError, match="BrokenInEvaluation gives outputs that are not finite in evaluation mode"):
        EventLocalizer(network=BrokenInEvaluation, **QUICK).fit(*videos)


def test_its_own_loss_is_added(videos):
    light, heavy = (EventLocalizer(network=network, **QUICK).fit(*videos) for network in (GatedSumNet, HeavierNet))
    assert heavy.history_[0]["train_loss"] > light.history_[0]["train_loss"] + 1


# ------------------------------------------------------------ broken contracts
class Stateless(nn.Module):
    def __init__(self, *sizes):
        super().__init__()


class Frozen(SumNet):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.requires_grad_(False)


class Bare(SumNet):
    def forward(self, audio, visual):
        return super().forward(audio, visual)["logits"]


class NoSizes(nn.Module):
    def __init__(self, width=8):
        super().__init__()


class Lazy(SumNet):
    def forward(self, audio, visual):
        if not hasattr(self, "gate"):
            self.gate = nn.Linear(audio.shape[-1], 1)
        outputs = super().forward(audio, visual)
        return {**outputs, "logits": outputs["logits"] * self.gate(audio).sigmoid()}


BROKEN = {
    "an instance": (nn.Linear(2, 2), r"network is Linear\(.*; pass the class, and its parameters as network_params"),
    "a class of something else": (dict, "wanted one of .* or a torch.nn.Module class"),
    "no sizes": (NoSizes, r"NoSizes cannot be called as network\(n_audio_features, .*: too many positional arguments"),
    "no parameters": (Stateless, "network Stateless has no parameters to train"),
    "nothing to train": (Frozen, "network Frozen has no parameters to train"),
    "a tensor": (Bare, "network Bare: forward returned a Tensor; wanted a dict of tensors. See the contract"),
    "no logits": (changed(logits=None), r"forward returned \['video_logits', 'fused'\]; wanted 'logits' too"),
    "a lost axis": (
        changed(logits=lambda x: x[:, 0]),
        r"'logits' has the shape \(16, 4\); wanted \(16, 10, 4\)",
    ),
    "a class too few": (
        changed(logits=lambda x: x[..., 1:]),
        r"'logits' has the shape \(16, 10, 3\); wanted \(16, 10, 4\)",
    ),
    "categories of segments": (
        changed(logits=None, event_logits=lambda x: x[..., 0], category_logits=lambda x: x),
        r"'category_logits' has the shape \(16, 10, 4\); wanted \(16, 3\)",
    ),
    "background among the categories": (
        changed(logits=None, event_logits=lambda x: x[..., 0], category_logits=lambda x: x[:, 0]),
        r"'category_logits' has the shape \(16, 4\); wanted \(16, 3\)",
    ),
    "a list": (changed(logits=lambda x: x.tolist()), "'logits' is of the type list; wanted a tensor of floats"),
    "integers": (changed(logits=lambda x: x.long()), "'logits' is of the type torch.int64; wanted a tensor of floats"),
    "no way back to the weights": (changed(logits=torch.Tensor.detach), "The training loss depends on no weight"),
    "a layer built in forward": (Lazy, r"network Lazy: \['gate.weight', 'gate.bias'\] came into being in forward"),
    "events without categories": (
        changed(logits=None, event_logits=lambda x: x[..., 0]),
        "wanted 'category_logits' too",
    ),
    "a loss that is not finite": (
        changed(logits=lambda x: x / 0),
        "The training loss is nan in epoch 1. Try a smaller lr",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_contract_says_how(videos, case):
    network, message = BROKEN[case]
    localizer = EventLocalizer(**QUICK).fit(*videos)
    before = localizer.predict_proba(videos[0])
    with pytest.raises(ValueError, match=message):
        localizer.set_params(network=network).fit(*videos)
    assert_array_equal(localizer.predict_proba(videos[0]), before)  # the earlier fit stands


def test_a_last_batch_of_one_video_that_loses_its_axis_is_found(videos):
    squeezed = changed(logits=lambda x: x.squeeze(0))
    with pytest.raises(ValueError, match=r"'logits' has the shape \(10, 4\); wanted \(1, 10, 4\)"):
        EventLocalizer(network=squeezed, **QUICK).fit(videos[0][:17], videos[1][:17])


def test_a_video_prediction_is_wanted_for_weak_supervision_only(videos):
    network = changed(video_logits=None)
    EventLocalizer(network=network, **QUICK).fit(*videos)
    with pytest.raises(ValueError, match="wanted 'video_logits' too for weak supervision"):
        WeakEventLocalizer(network=network, **QUICK).fit(*videos)


def test_the_pair_loss_needs_the_similarity(videos):
    with pytest.raises(ValueError, match="wanted 'similarity' too for the pair similarity loss; set lam=0"):
        EventLocalizer(network=SumNet, lam=1.0, **QUICK).fit(*videos)


def test_outputs_that_a_network_does_not_give_are_named(videos):
    localizer = EventLocalizer(network=SumNet, **QUICK).fit(*videos)
    with pytest.raises(ValueError, match=r"network SumNet does not give \['gamma_va', 'gamma_av'\]; it gives"):
        localizer.propagation(videos[0])
    with pytest.raises(ValueError, match=r"network SumNet does not give \['attention'\]"):
        localizer.attention(videos[0])
