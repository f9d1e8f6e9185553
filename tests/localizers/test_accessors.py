"""What the network shows: connections at another threshold, and the features at its layers."""

import pickle
from functools import cache

import numpy as np
import pytest
import torch
from helpers import small_params
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from ave_sklearn import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer
from ave_sklearn._systems import SYSTEMS
from ave_sklearn.datasets import make_av_events
from ave_sklearn.nn import AVELNet, PSPNet, Tap, all_pair_similarity

TAUS = [-np.inf, 0, 0.06, 0.095, 0.2, 1]
LAYERS = {name: ["input", "encoded"] for name in ("avel", "dmrn", "avrb", "avin", "cmran", "cmbs", "cacenet")}
LAYERS |= {name: ["input", "encoded", "propagated"] for name in ("psp", "cpsp")}
QUICK = {"max_epochs": 1, "hidden_size": 8, "precision": "float64", "random_state": 0}
PROPAGATING = {
    "psp": (PSPLocalizer, {}),
    "psp, released": (PSPLocalizer, {"variant": "released"}),
    "weak psp": (WeakPSPLocalizer, {}),
    "weak psp, released": (WeakPSPLocalizer, {"variant": "released"}),
    "psp, all connections": (PSPLocalizer, {"tau": -np.inf, "self_attention": True}),
    "network psp": (EventLocalizer, {"network": "psp"}),
    "cpsp": (EventLocalizer, {"network": "cpsp"}),
    "cpsp, released": (EventLocalizer, {"network": "cpsp", "variant": "released"}),
    "weak cpsp": (WeakEventLocalizer, {"network": "cpsp"}),
    "weak cpsp, released": (WeakEventLocalizer, {"network": "cpsp", "variant": "released"}),
}


@pytest.fixture(scope="module")
def fitted(videos):
    """Each of the estimators above, fitted once."""
    return cache(lambda name: fit(name, *videos))


def fit(name, X, y):
    estimator, params = PROPAGATING[name]
    params = {**QUICK, **params}
    if issubclass(estimator, EventLocalizer | WeakEventLocalizer):
        own = {key: params.pop(key) for key in ("hidden_size", "variant", "tau") if key in params}
        params["network_params"] = own
    return estimator(**params).fit(X, y)


@pytest.fixture(scope="module")
def localizer(fitted):
    return fitted("psp")


def standardized(localizer, X):
    """Tensors of the features as they enter the network, by its own layers."""
    module = localizer.net_.module_
    audio, visual = (torch.from_numpy(np.array(x, dtype=np.float64)) for x in (X.audio, X.visual))
    return module.audio_scaling(audio), module.visual_scaling(visual)


def pruned_row(beta, tau, *, strict, renormalize):
    """Eq. 2 of the similarities of one segment (T,)."""
    if tau == -np.inf:
        return beta / (sum(abs(b) for b in beta) or 1.0)
    positive = [max(b, 0.0) for b in beta]
    shares = [b / sum(positive) if sum(positive) else 0.0 for b in positive]
    kept = [share if (share > tau if strict else share >= tau) else 0.0 for share in shares]
    return np.array([share / sum(kept) if renormalize and sum(kept) else share for share in kept])


def unchanged(localizer):
    """All that a fit is, in bytes."""
    return pickle.dumps(localizer)


# ------------------------------------------------------------------ propagation
@pytest.mark.parametrize("name", PROPAGATING)
def test_connections_at_any_threshold_are_those_of_the_fitted_weights(name, videos, fitted):
    X, localizer = videos[0][:5], fitted(name)
    before, psp = unchanged(localizer), localizer.net_.module_.network.psp
    audio, visual = (torch.from_numpy(x) for x in localizer.embed(X, layer="encoded"))
    with torch.no_grad():
        beta = all_pair_similarity(psp.project(psp.w1_v, visual), psp.project(psp.w1_a, audio)).numpy()
    rule = {"strict": psp.released, "renormalize": psp.renormalize}
    shares = []
    for tau in TAUS:
        gammas = localizer.propagation(X, tau=tau)
        for gamma, similarity in zip(gammas, (beta, beta.swapaxes(1, 2)), strict=True):
            expected = [[pruned_row(row, tau, **rule) for row in video] for video in similarity]
            assert_allclose(gamma, expected, atol=1e-12)
        shares.append(np.mean(gammas[0] != 0))
    assert shares == sorted(shares, reverse=True) and shares[0] > shares[-1]
    assert unchanged(localizer) == before


@pytest.mark.parametrize("name", ["psp", "psp, all connections", "cpsp, released", "weak psp, released"])
def test_the_threshold_of_the_fit_gives_the_same_bits(name, videos, fitted):
    localizer = fitted(name)
    tau = localizer.net_.module_.network.psp.tau
    assert (tau == -np.inf) == (name == "psp, all connections")
    for one, other in zip(localizer.propagation(videos[0]), localizer.propagation(videos[0], tau=tau), strict=True):
        assert_array_equal(one, other)


def test_thresholds_of_numpy(localizer, videos):
    X = videos[0][:5]
    for tau, number in ((np.float64(0.06), 0.06), (np.int64(0), 0), (np.float32(0.5), 0.5), (np.str_("fitted"), 0.095)):
        assert_array_equal(localizer.propagation(X, tau=tau)[0], localizer.propagation(X, tau=number)[0])


@pytest.mark.parametrize("tau", [None, -0.1, 1.5, np.inf, np.nan, True, "high", [0.1], np.float32(2), np.array([0.1])])
def test_a_threshold_out_of_range_is_named_before_anything_is_read(localizer, tau):
    with pytest.raises(ValueError, match=r"tau is .*; wanted 'fitted' .*, a number in \[0, 1\], or -inf"):
        localizer.propagation("no features at all", tau=tau)


@pytest.mark.parametrize("tau", ["fitted", 0.1, -np.inf])
def test_networks_without_propagation_say_so_at_any_threshold(pooled, tau):
    X, y = pooled
    with pytest.raises(ValueError, match="fitted with tau=None, without propagation"):
        PSPLocalizer(**{**QUICK, "tau": None}).fit(X, y).propagation(X, tau=tau)
    params = {"max_epochs": 1, "random_state": 0}
    with pytest.raises(ValueError, match="fitted with tau=None, without propagation"):
        EventLocalizer(network="cpsp", network_params={"tau": None}, **params).fit(X, y).propagation(X, tau=tau)
    with pytest.raises(ValueError, match=r"network 'avel' does not give \['gamma_va', 'gamma_av'\]"):
        EventLocalizer(network="avel", **params).fit(X, y).propagation(X, tau=tau)


def test_other_thresholds_leave_nothing_behind_in_threads(localizer, videos):
    X = videos[0][:9]
    before, fused = unchanged(localizer), localizer.embed(X)
    expected = {tau: localizer.propagation(X, tau=tau)[0] for tau in TAUS}
    encoded = localizer.embed(X, layer="encoded")[0]

    def look(number):
        if number % 3 == 0:
            return assert_array_equal(localizer.embed(X), fused)
        if number % 3 == 1:
            return assert_array_equal(localizer.embed(X, layer="encoded")[0], encoded)
        tau = TAUS[number % len(TAUS)]
        return assert_array_equal(localizer.propagation(X, tau=tau)[0], expected[tau])

    Parallel(3, prefer="threads")(delayed(look)(number) for number in range(12))
    assert unchanged(localizer) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in localizer.net_.module_.modules())


# ------------------------------------------------------------------ layers
@pytest.mark.parametrize("name", PROPAGATING)
def test_the_layers_of_psp_are_those_of_its_modules_called_by_hand(name, videos, fitted):
    X, localizer = videos[0][:5], fitted(name)
    network, (audio, visual) = localizer.net_.module_.network, standardized(localizer, X)
    encoder = network.encoder
    with torch.no_grad():
        a = encoder.audio_input(audio)
        v, _ = encoder.attention(a, visual.flatten(2, 3))
        v = encoder.visual_input(v)
        if encoder.audio_context is not None:
            a, v = encoder.audio_context(a), encoder.visual_context(v)
        h_a, h_v = encoder.audio_lstm(a), encoder.visual_lstm(v)
        v_psp, a_psp, _ = network.psp(h_v, h_a)
        fused = network.fusion(v_psp, a_psp)[0]
    for layer, pair in {"input": (a, v), "encoded": (h_a, h_v), "propagated": (a_psp, v_psp)}.items():
        features = localizer.embed(X, layer=layer)
        assert isinstance(features, tuple)
        for found, expected in zip(features, pair, strict=True):
            assert_allclose(found, expected.numpy(), atol=1e-12, err_msg=layer)
    assert (h_a - a_psp).abs().max() > 1e-3  # or the layers would not be told apart
    assert_allclose(localizer.embed(X), fused.numpy(), atol=1e-12)
    assert_array_equal(localizer.embed(X, layer="fused"), localizer.embed(X))


def test_pooled_features_enter_as_they_are_standardised(pooled):
    X, y = pooled
    localizer = PSPLocalizer(**QUICK).fit(X, y)
    for found, expected in zip(localizer.embed(X, layer="input"), standardized(localizer, X), strict=True):
        assert_allclose(found, expected.numpy(), atol=1e-12)


def test_features_that_are_not_standardised_enter_as_they_are(pooled):
    X, y = pooled
    localizer = PSPLocalizer(**QUICK, standardize=False, feature_dropout=0).fit(X, y)
    audio, visual = localizer.embed(X, layer="input")
    assert_allclose(audio, X.audio, atol=1e-12)
    assert_allclose(visual, X.visual, atol=1e-12)


def test_without_propagation_the_propagated_features_are_the_encoded_ones(pooled):
    X, y = pooled
    localizer = PSPLocalizer(**{**QUICK, "tau": None}).fit(X, y)
    for one, other in zip(*(localizer.embed(X, layer=layer) for layer in ("encoded", "propagated")), strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_systems_that_have_the_layers(name, pooled):
    X, y = pooled
    layers = LAYERS.get(name, [])
    params = {"network_params": small_params(name), "max_epochs": 1, "random_state": 0}
    for estimator, supervision in ((EventLocalizer, "full"), (WeakEventLocalizer, "weak")):
        if supervision not in SYSTEMS[name].supervisions:
            continue
        localizer = estimator(network=name, **params).fit(X, y)
        for layer in layers:
            for features, width in zip(localizer.embed(X, layer=layer), (6, 5), strict=True):
                assert features.shape[:2] == y.shape and features.dtype == np.float32
                assert np.isfinite(features).all()
                assert layer != "input" or features.shape[-1] == width
        for layer in {"input", "encoded", "propagated", "coded"} - set(layers):
            with pytest.raises(ValueError, match=f"layer is '{layer}'; network '{name}' has .*'fused'") as error:
                localizer.embed(X, layer=layer)
            assert all(f"'{known}'" in str(error.value).partition(" has ")[2] for known in layers)
        assert localizer.embed(X).shape[:2] == y.shape


@pytest.mark.parametrize("layer", [None, 1, ["input"], np.array(["input", "encoded"]), "Input"])
def test_what_is_no_layer_is_named_before_anything_is_read(localizer, layer):
    with pytest.raises(
        ValueError, match=r"layer is .*; network 'psp' has \['input', 'encoded', 'propagated', 'fused'\]"
    ):
        localizer.embed("no features at all", layer=layer)


@pytest.mark.parametrize("maps", [True, False])
def test_accessors_in_bfloat16(maps, videos, pooled, with_bfloat16):
    X, y = videos if maps else pooled
    localizer = PSPLocalizer(**{**QUICK, "precision": "bfloat16"}).fit(X, y)
    for layer in ("input", "encoded", "propagated"):
        for features in localizer.embed(X, layer=layer):
            assert features.dtype == np.float32 and features.shape[:2] == y.shape and np.isfinite(features).all()
    for one, other in zip(localizer.propagation(X), localizer.propagation(X, tau=0.095), strict=True):
        assert one.dtype == np.float32
        assert_array_equal(one, other)


def test_accessors_after_a_fit_on_one_label_a_segment():
    X, y = make_av_events(n_videos=30, n_segments=1, n_classes=3, n_audio_features=4, n_visual_features=4)
    table = np.hstack([X.audio[:, 0], X.visual[:, 0]])
    localizer = PSPLocalizer(**QUICK, n_audio_features=4).fit(table, y[:, 0])
    assert localizer.predict(table).shape == (30,) and localizer.embed(table).shape == (30, 1, 8)
    for layer, width in (("input", 4), ("encoded", 8), ("propagated", 8)):
        assert [f.shape for f in localizer.embed(table, layer=layer)] == [(30, 1, width)] * 2
    gamma_va, _ = localizer.propagation(table, tau=0)
    assert gamma_va.shape == (30, 1, 1) and set(np.unique(gamma_va)) <= {0.0, 1.0}


def test_a_saved_estimator_shows_the_same(localizer, videos):
    loaded = pickle.loads(pickle.dumps(localizer))
    X = videos[0]
    assert_array_equal(loaded.propagation(X, tau=0.2), localizer.propagation(X, tau=0.2))
    for one, other in zip(*(e.embed(X, layer="propagated") for e in (loaded, localizer)), strict=True):
        assert_array_equal(one, other)


# ------------------------------------------------------------------ networks of the user's
class OwnNet(nn.Module):
    """Two linear layers, with taps of every kind, and connections of its own that no parameter governs."""

    layer_taps = {
        "hidden": (Tap("hidden", item=0), Tap("hidden", item=1)),
        "input": (Tap("", argument=0), Tap("hidden", argument=1)),
    }

    class Hidden(nn.Module):
        def __init__(self, d_a, d_v):
            super().__init__()
            self.audio, self.visual = nn.Linear(d_a, 3), nn.Linear(d_v, 4)

        def forward(self, audio, visual):
            return self.audio(audio), self.visual(visual)

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__()
        self.hidden = self.Hidden(n_audio_features, n_visual_features)
        self.output, self.idle = nn.Linear(7, n_classes), nn.Identity()

    def forward(self, audio, visual):
        visual = visual if visual.ndim == 3 else visual.flatten(2, -2).mean(2)
        gamma = audio @ visual[..., :1].expand_as(audio).transpose(1, 2)
        return {"logits": self.output(torch.cat(self.hidden(audio, visual), -1)), "gamma_va": gamma, "gamma_av": gamma}


class OwnPSP(PSPNet):
    """PSP whose constructor takes whatever PSP takes."""

    def __init__(self, *sizes, **params):
        super().__init__(*sizes, hidden_size=8, **params)


class FixedPSP(PSPNet):
    """PSP without a parameter."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions):
        super().__init__(n_audio_features, n_visual_features, n_classes, n_regions, hidden_size=8)


class WithoutPSP(PSPNet):
    """PSP that has no propagation by default."""

    def __init__(self, n_audio_features, n_visual_features, n_classes, n_regions, *, tau=None):
        super().__init__(n_audio_features, n_visual_features, n_classes, n_regions, hidden_size=8, tau=tau)


class OpenAVEL(AVELNet):
    """AVEL whose constructor seems to take anything."""

    def __init__(self, *sizes, **params):
        super().__init__(*sizes, hidden_size=8, **params)


class OpenWithoutPSP(WithoutPSP):
    """The same by way of another constructor."""

    def __init__(self, *sizes, **params):
        super().__init__(*sizes, **params)


class ForgetfulPSP(OwnPSP):
    """PSP with something that no copy has."""

    offset = 0.0

    def forward(self, audio, visual, mask=None):
        if self.training:
            self.offset = 1.0
        outputs = super().forward(audio, visual, mask)
        return {**outputs, "logits": outputs["logits"] + self.offset * torch.arange(outputs["logits"].shape[-1])}


def own(network, videos):
    return EventLocalizer(network=network, max_epochs=1, precision="float64", random_state=0).fit(*videos)


def test_layers_of_a_network_of_ones_own(videos):
    X, y = videos
    localizer = own(OwnNet, videos)
    audio, visual = standardized(localizer, X)
    hidden, pooled = localizer.net_.module_.network.hidden, visual.mean((2, 3))
    with torch.no_grad():
        expected = {"input": (audio, pooled), "hidden": hidden(audio, pooled)}
    for layer, pair in expected.items():
        for found, wanted in zip(localizer.embed(X, layer=layer), pair, strict=True):
            assert_allclose(found, wanted.numpy(), atol=1e-12)
    with pytest.raises(ValueError, match=r"layer is 'encoded'; network OwnNet has \['hidden', 'input', 'fused'\]"):
        localizer.embed(X, layer="encoded")
    with pytest.raises(ValueError, match=r"network OwnNet does not give \['fused'\]"):
        localizer.embed(X)


@pytest.mark.parametrize(
    ("taps", "message"),
    [
        ((Tap("hiden"), Tap("hidden", item=1)), "'hiden' is none of its modules"),
        ((Tap("hidden"), Tap("hidden", item=1)), r"Tap\(module='hidden', .* finds \(tensor"),
        ((Tap("hidden", item=2), Tap("hidden", item=1)), "finds tuple index out of range"),
        ((Tap("hidden", argument=2), Tap("hidden", item=1)), "finds tuple index out of range"),
        ((Tap("idle"), Tap("hidden", item=1)), "finds nothing, for it was not called"),
        ((Tap("hidden", item=0), Tap("", argument=1)), r"finds a tensor \(60, 10, 3, 3, 5\) of torch.float64"),
        ((Tap("hidden", item=0), Tap("hidden.visual", argument=0), Tap("hidden")), "wanted a pair of Tap"),
        (("hidden", "hidden"), "wanted a pair of Tap"),
        (None, "wanted a pair of Tap"),
    ],
)
def test_taps_that_lead_nowhere_are_named(taps, message, videos, monkeypatch):
    localizer = own(OwnNet, videos)
    monkeypatch.setattr(OwnNet, "layer_taps", {"hidden": taps})
    with pytest.raises(ValueError, match=rf"network OwnNet: its layer_taps\['hidden'\] are wrong, .*{message}"):
        localizer.embed(videos[0], layer="hidden")


def test_thresholds_of_networks_of_ones_own(videos):
    X = videos[0][:5]
    localizer = own(OwnPSP, videos)
    assert_array_equal(localizer.propagation(X, tau=0.095), localizer.propagation(X))
    all_positive, alone = (np.mean(localizer.propagation(X, tau=tau)[0] > 0) for tau in (0, 1))
    assert all_positive > 0.2 > alone
    assert localizer.embed(X, layer="propagated")[0].shape == (5, 10, 8)
    for network in (FixedPSP, OwnNet):
        localizer = own(network, videos)
        assert localizer.propagation(X)[0].shape == (5, 10, 10)
        with pytest.raises(ValueError, match=f"network {network.__name__} takes no tau; wanted tau='fitted'.*not 0.1"):
            localizer.propagation(X, tau=0.1)
    for network in (WithoutPSP, OpenWithoutPSP):
        with pytest.raises(ValueError, match="fitted with tau=None, without propagation"):
            own(network, videos).propagation(X, tau=0.1)
    with pytest.raises(ValueError, match=r"network OpenAVEL does not give \['gamma_va', 'gamma_av'\]"):
        own(OpenAVEL, videos).propagation(X, tau=0.1)


def test_a_network_without_a_true_copy_shows_only_what_needs_none(videos):
    with pytest.warns(UserWarning, match="cannot be pickled or copied"):
        localizer = own(ForgetfulPSP, videos)
    assert localizer.propagation(videos[0])[0].shape == (60, 10, 10)
    for call in (lambda: localizer.embed(videos[0], layer="input"), lambda: localizer.propagation(videos[0], tau=0)):
        with pytest.raises(ValueError, match="This needs a copy .* ForgetfulPSP is not the same when it is built anew"):
            call()
