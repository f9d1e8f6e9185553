"""EventLocalizer and WeakEventLocalizer: every network behind one API, PSP's estimators among them."""

import pickle
import re

import numpy as np
import pytest
import torch
from helpers import small_params
from joblib import Parallel, delayed
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.model_selection import VideoStratifiedKFold
from ave_sklearn.nn import NETWORKS, initialize

GATED = [name for name, system in SYSTEMS.items() if system.gated]
PAIRED = tuple(name for name in NETWORKS if name != "avsdn")
CASES = [
    (name, estimator)
    for name, system in SYSTEMS.items()
    for estimator, kind in ((EventLocalizer, "full"), (WeakEventLocalizer, "weak"))
    if kind in system.supervisions
]


def quick(name, estimator=EventLocalizer, **params):
    small = {**small_params(name), **params.pop("network_params", {})}
    return estimator(**{"network": name, "network_params": small, "max_epochs": 2, "random_state": 0, **params})


# ------------------------------------------------------------- every network
@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator"), CASES)
@pytest.mark.parametrize("data", ["videos", "pooled"])
def test_every_network_has_the_whole_api(name, estimator, data, request):
    X, y = request.getfixturevalue(data)
    localizer = quick(name, estimator, early_stopping=2).fit(X, y)
    proba = localizer.predict_proba(X)
    assert proba.shape == (*y.shape, 4) and np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(-1), 1, atol=1e-5)
    assert_array_equal(localizer.predict(X), localizer.classes_[proba.argmax(-1)])
    assert localizer.score(X, y) == pytest.approx(np.mean(localizer.predict(X) == y))
    assert localizer.embed(X).shape[:2] == y.shape
    assert_array_equal(pickle.loads(pickle.dumps(localizer)).predict_proba(X), proba)
    assert_array_equal(clone(localizer).fit(X, y).predict_proba(X), proba)
    assert hasattr(localizer, "predict_video_proba") == (estimator is WeakEventLocalizer)
    if estimator is WeakEventLocalizer:
        video = localizer.predict_video_proba(X)
        assert video.shape == (len(y), 4)
        np.testing.assert_allclose(video.sum(1), 1, atol=1e-5)
    if data == "videos":
        np.testing.assert_allclose(localizer.attention(X).sum((2, 3)), 1, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("wait", [4, 24])
def test_the_switch_of_cacenet_goes_back_with_the_best_epoch_and_is_saved(pooled, wait):
    """Five batches an epoch: after a wait of 24 it is on in the fifth, behind the best one."""
    X, y = pooled
    recipe = {"max_epochs": 6, "batch_size": 8, "lr": 0.005, "early_stopping": "best"}
    localizer = quick("cacenet", network_params={"wait": wait}, **recipe)
    localizer.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    n_seen = 5 * localizer.best_epoch_
    assert n_seen < 30  # or nothing goes back
    copied = pickle.loads(pickle.dumps(localizer))
    for fitted in (localizer, copied):
        switch = fitted.net_.module_.network.switch
        assert switch.is_on == (n_seen > wait) and switch.n_batches == min(n_seen, wait + 1)
    assert_array_equal(copied.predict_proba(X), localizer.predict_proba(X))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator"), CASES)
def test_every_network_learns(name, estimator, pooled):
    X, y = pooled
    recipe = {"max_epochs": 25, "batch_size": 8, "lr": 0.005}
    localizer = quick(name, estimator, network_params={"hidden_size": 32}, **recipe).fit(X, y)
    untrained = quick(name, estimator, network_params={"hidden_size": 32}, max_epochs=1, lr=1e-9).fit(X, y)
    floor = max(np.mean(y == label) for label in np.unique(y))  # always the most frequent label
    least = floor + (0.2 if estimator is EventLocalizer else 0.0)
    assert localizer.score(X, y) > max(least, untrained.score(X, y))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "estimator"), CASES)
def test_fits_leave_torchs_generator_alone_and_depend_on_none(name, estimator, pooled):
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = quick(name, estimator).fit(*pooled).predict_proba(pooled[0])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert_array_equal(quick(name, estimator).fit(*pooled).predict_proba(pooled[0]), first)


@pytest.mark.slow
def test_fits_in_threads_are_those_in_turn(pooled):
    localizers = [quick(name, random_state=seed) for name in ("cmran", "avt") for seed in (0, 1)]
    in_turn = [clone(localizer).fit(*pooled).predict_proba(pooled[0]) for localizer in localizers]
    fits = Parallel(4, prefer="threads")(delayed(clone(localizer).fit)(*pooled) for localizer in localizers)
    for fit, expected in zip(fits, in_turn, strict=True):
        assert_array_equal(fit.predict_proba(pooled[0]), expected)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_is_drawn(name):
    with torch.device("meta"):
        module = NETWORKS[name](6, 5, 4, 9, **small_params(name))
    module = module.to_empty(device="cpu")
    for parameter in module.parameters():
        parameter.data.fill_(torch.nan)
    initialize(module, torch.Generator().manual_seed(0))
    assert [n for n, p in module.named_parameters() if not p.isfinite().all()] == []


def test_a_layer_without_a_rule_is_an_error():
    with pytest.raises(TypeError, match="no rule for the weights of Conv1d"):
        initialize(torch.nn.Conv1d(2, 2, 1), torch.Generator())


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_gated_networks_name_one_category_a_video(videos, estimator):
    X, y = videos
    for name in [name for name in GATED if (name, estimator) in CASES]:
        events = quick(name, estimator, max_epochs=4).fit(X, y).predict(X)
        assert all(len(set(video) - {"background"}) <= 1 for video in events)


# ------------------------------------------------------------------------- PSP
@pytest.mark.slow
@pytest.mark.parametrize(
    ("by_name", "general", "params"),
    [
        (PSPLocalizer, EventLocalizer, {}),
        (PSPLocalizer, EventLocalizer, {"tau": None, "self_attention": True, "dropout": 0.3}),
        (PSPLocalizer, EventLocalizer, {"tau": -np.inf, "variant": "released", "hidden_size": 32}),
        (WeakPSPLocalizer, WeakEventLocalizer, {}),
        (WeakPSPLocalizer, WeakEventLocalizer, {"tau": 0, "weighting": False, "dropout": 0.0}),
    ],
)
def test_psp_by_name_is_the_general_estimator_with_psp(videos, by_name, general, params):
    X, y = videos
    ours = by_name(**params, max_epochs=2, random_state=3).fit(X, y)
    same = general(network="psp", network_params=params or None, max_epochs=2, random_state=3).fit(X, y)
    assert_array_equal(same.predict_proba(X), ours.predict_proba(X))
    shared = set(ours.get_params()) & set(same.get_params()) - {"lam"}
    assert len(shared) >= 16
    assert {name: ours.get_params()[name] for name in shared} == {name: same.get_params()[name] for name in shared}


@pytest.mark.slow
def test_lam_is_the_networks_own_by_default(videos):
    def proba(name, **params):
        return quick(name, **params).fit(*videos).predict_proba(videos[0])

    assert_array_equal(proba("psp"), proba("psp", lam=PSPLocalizer().lam))
    assert_array_equal(proba("cpsp"), proba("cpsp", lam=10))
    assert_array_equal(proba("avel"), proba("avel", lam=0))
    assert not np.array_equal(proba("avel"), proba("avel", lam=10))


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRED)
def test_the_pair_similarity_loss_transfers(videos, name):
    params = {"max_epochs": 1, "lr": 1e-9}
    without, with_it = (quick(name, lam=lam, **params).fit(*videos).history_[0]["train_loss"] for lam in (0, 1000))
    assert with_it > without + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in GATED])
def test_the_weighting_branch_transfers(pooled, name):
    localizer = quick(name, WeakEventLocalizer, network_params={"weighting": True}).fit(*pooled)
    assert "head.weighting.weight" in dict(localizer.net_.module_.network.named_parameters())


@pytest.mark.slow
def test_table_4_is_a_grid_search(pooled):
    X, y = pooled
    grid = {"network": ["avel", "cmran", "psp"]}
    search = GridSearchCV(EventLocalizer(max_epochs=1, random_state=0), grid, cv=VideoStratifiedKFold(2)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.network == search.best_params_["network"]


@pytest.mark.slow
def test_propagation_of_the_networks_that_have_it(videos):
    X, y = videos
    for name in ("psp", "cpsp"):
        gamma_va, gamma_av = quick(name).fit(X, y).propagation(X)
        assert gamma_va.shape == gamma_av.shape == (60, 10, 10)
    with pytest.raises(ValueError, match=r"network 'avel' does not give \['gamma_va', 'gamma_av'\]"):
        quick("avel").fit(X, y).propagation(X)
    with pytest.raises(ValueError, match="fitted with tau=None, without propagation"):
        quick("cpsp", network_params={"tau": None}).fit(X, y).propagation(X)


# ------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"network": "pspp"}, rf"network is 'pspp'; wanted one of {re.escape(str([*SYSTEMS]))} or a torch"),
        ({"network": None}, "network is None; wanted one of"),
        ({"network": torch.nn.Module}, "network is <class 'torch.nn.modules.module.Module'>; wanted one of"),
        ({"network": "avel", "network_params": {"tau": 0.1}}, r"network_params holds \['tau'\]; network 'avel' takes"),
        ({"network_params": {"supervision": "weak"}}, r"network_params holds \['supervision'\]; network 'psp' takes"),
        ({"network_params": {"weighting": False}}, r"network_params holds \['weighting'\], of weak supervision only"),
        ({"network_params": [("tau", 0)]}, "network_params is .*; wanted a dict"),
        ({"network_params": {"tau": -1}}, r"tau is -1; wanted a number in \[0, 1\]"),
        ({"network_params": {"tau": float("nan")}}, "tau is nan; wanted"),
        ({"network_params": {"tau": "x"}}, "tau is 'x'; wanted"),
        ({"network_params": {"hidden_size": 7}}, "hidden_size is 7; wanted a positive even number"),
        ({"network_params": {"dropout": 1}}, "dropout is 1; wanted"),
        ({"network_params": {"self_attention": "no"}}, "self_attention is 'no'; wanted True or False"),
        ({"network": "cpsp", "network_params": {"temperature": 0}}, "temperature is 0; wanted a positive number"),
        ({"network_params": {"variant": "x"}}, "variant is 'x'; wanted 'paper' or 'released'"),
        ({"network": "avt", "network_params": {"n_heads": 3}}, "hidden_size is 256; wanted .* a multiple of 3"),
        ({"lam": "x"}, "'lam' parameter of EventLocalizer must be"),
        ({"lam": 5, "network": "avsdn"}, "network 'avsdn': forward returned .* wanted 'similarity' too"),
    ],
)
def test_bad_parameters_are_named(pooled, params, message):
    with pytest.raises(ValueError, match=message):
        EventLocalizer(**{"max_epochs": 1, **params}).fit(*pooled)


@pytest.mark.parametrize("name", ["dam", "cacenet"])
def test_systems_without_a_weak_form(pooled, name):
    with pytest.raises(ValueError, match=f"network '{name}' has no form for weak supervision"):
        WeakEventLocalizer(network=name).fit(*pooled)


@pytest.mark.filterwarnings("ignore:The background label:UserWarning")
@pytest.mark.parametrize("name", GATED)
def test_gated_networks_need_a_background_label(pooled, name):
    X, y = pooled
    y = np.where(y == "background", y[y != "background"][0], y)
    with pytest.raises(ValueError, match="the background label is not among the classes; name it by background="):
        quick(name).fit(X, y)


def test_gated_networks_learn_from_categories_when_all_classes_are_named(pooled):
    X, y = pooled
    categories = np.array([next((label for label in row if label != "background"), "background") for row in y])
    named = sorted({*categories, "background"})
    keep = categories != "background"
    with pytest.warns(UserWarning, match="No training target has any of the background label"):
        localizer = quick("cpsp", WeakEventLocalizer, classes=named).fit(X[keep], categories[keep])
    assert localizer.classes_.tolist() == named
    assert (localizer.predict_video_proba(X)[:, named.index("background")] == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", GATED)
def test_gated_networks_need_classes_of_events(pooled, name):
    X, _ = pooled
    y = np.full((60, 8), "background")
    with pytest.raises(ValueError, match="gated network needs 1 event classes beside background; .* got 1"):
        quick(name).fit(X, y)
    y[:, :4] = "event"
    quick(name).fit(X, y)
    if name == "cpsp":
        with pytest.raises(ValueError, match="gated network needs 2 event classes beside background; .* got 2"):
            quick(name, WeakEventLocalizer).fit(X, y)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [EventLocalizer, WeakEventLocalizer])
def test_batches_of_background_alone(pooled, estimator):
    X, y = pooled
    y = y.copy()
    y[20:] = "background"  # sorts first: its code is 0
    for name in NETWORKS:
        if (name, estimator) in CASES:
            assert quick(name, estimator, batch_size=3).fit(X, y).predict(X).shape == y.shape


def test_a_threshold_that_prunes_everything_is_warned_of(pooled):
    with pytest.warns(UserWarning, match="tau=0.5 prunes nearly all connections"):
        quick("cpsp", network_params={"tau": 0.5}).fit(*pooled)


def test_maps_of_another_size_are_refused_where_the_network_is_tied_to_one(videos, pooled):
    with pytest.raises(ValueError, match="X"):
        quick("avt").fit(*videos).predict(pooled[0])
