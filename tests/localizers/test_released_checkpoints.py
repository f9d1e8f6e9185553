"""The authors' checkpoints: state dicts and whole-module pickles, read without running what is in them."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.localizers._released import FULL_NAMES, WEAK_NAMES, read_weights
from ave_sklearn.nn import PSPNet

CLASSES = [f"event {i:02d}" for i in range(28)] + ["zzz background"]  # sorted, so columns stay in place
CASES = [(PSPLocalizer, "full", FULL_NAMES), (WeakPSPLocalizer, "weak", WEAK_NAMES)]


def checkpoint(supervision, names):
    """Random weights of the released network under the authors' names, with some that they never use."""
    torch.manual_seed(0)
    ours = PSPNet(128, 512, 29, 49, supervision=supervision, variant="released", hidden_size=256).state_dict()
    back = {value: key for key, value in names.items()}
    theirs = {"L3.weight": torch.zeros(64, 256)}
    for name, value in ours.items():
        prefix = next(prefix for prefix in back if name.startswith(prefix + "."))
        theirs[back[prefix] + name.removeprefix(prefix)] = value
    return theirs


def whole_module(state_dict, module_name, monkeypatch):
    """A module of a class ``psp_net`` in a module of that name, as the authors saved theirs."""
    module = types.ModuleType(module_name)
    monkeypatch.setitem(sys.modules, module_name, module)
    module.psp_net = type("psp_net", (nn.Module,), {"__module__": module_name})
    net = module.psp_net()
    for name, value in state_dict.items():
        parent = net
        for part in name.split(".")[:-1]:
            if part not in parent._modules:
                parent.add_module(part, nn.Sequential())
            parent = parent._modules[part]
        parent.register_parameter(name.split(".")[-1], nn.Parameter(value))
    return net


@pytest.fixture(scope="module")
def X():
    rng = np.random.RandomState(0)
    audio, visual = abs(rng.randn(2, 10, 128)), np.maximum(rng.randn(2, 10, 7, 7, 512), 0)
    return AVFeatures(audio.astype(np.float32), visual.astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "supervision", "names"), CASES)
@pytest.mark.parametrize("zip_file", [True, False])
def test_whole_module_pickles_and_state_dicts_give_the_same_model(
    estimator, supervision, names, zip_file, X, tmp_path, monkeypatch
):
    weights = checkpoint(supervision, names)
    expected = estimator.from_released(weights, classes=CLASSES, background=CLASSES[-1])
    module_name = f"{'fully' if supervision == 'full' else 'weakly'}_model"
    with monkeypatch.context() as context:
        net = whole_module(weights, module_name, context)
        torch.save(net, tmp_path / "whole.pt", _use_new_zipfile_serialization=zip_file)
    torch.save(weights, tmp_path / "state.pt", _use_new_zipfile_serialization=zip_file)
    assert module_name not in sys.modules
    for file in ("whole.pt", "state.pt"):
        loaded = estimator.from_released(tmp_path / file, classes=CLASSES, background=CLASSES[-1])
        assert_array_equal(loaded.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize(("estimator", "supervision", "names"), CASES)
def test_a_released_estimator_is_fitted_and_can_be_saved(estimator, supervision, names, X):
    localizer = estimator.from_released(checkpoint(supervision, names), classes=CLASSES, background=CLASSES[-1])
    assert localizer.tau == (0.099 if supervision == "full" else 0.095)
    assert localizer.variant == "released" and localizer.n_segments_ == 10
    assert localizer.n_features_in_ == 128 + 49 * 512
    loaded = pickle.loads(pickle.dumps(localizer))
    assert_array_equal(loaded.predict(X), localizer.predict(X))
    assert localizer.attention(X).shape == (2, 10, 7, 7) and len(localizer.propagation(X)) == 2


def test_released_weights_without_propagation(X):
    weights = checkpoint("full", FULL_NAMES)
    options = {"classes": CLASSES, "background": CLASSES[-1]}
    cut, without = (PSPLocalizer.from_released(weights, tau=tau, **options) for tau in (1.0, None))
    np.testing.assert_allclose(cut.predict_proba(X), without.predict_proba(X), atol=1e-6)  # tau = 1 cuts all
    with pytest.raises(ValueError, match="tau.*'high'"):
        PSPLocalizer.from_released(weights, tau="high", **options)


class Malicious:
    def __reduce__(self):
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("zip_file", [True, False])
def test_code_in_a_file_is_refused_and_not_run(zip_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"L1.weight": Malicious()}, tmp_path / "bad.pt", _use_new_zipfile_serialization=zip_file)
    with pytest.raises(ValueError, match=r"(posix|nt|os).system has no place"):
        read_weights(tmp_path / "bad.pt", FULL_NAMES)
    assert not (tmp_path / "pwned").exists()


def test_missing_weights_and_wrong_classes_are_named():
    weights = checkpoint("full", FULL_NAMES)
    with pytest.raises(ValueError, match=r"classes is \['a', 'b', 'c'\].*wanted 29 labels"):
        PSPLocalizer.from_released(weights, classes=["a", "b", "c"], background="c")
    with pytest.raises(ValueError, match="background 'none'.*the background label among them"):
        PSPLocalizer.from_released(weights, classes=CLASSES, background="none")
    without = {name: value for name, value in weights.items() if not name.startswith("fa.")}
    with pytest.raises(ValueError, match=r"lacks the weights \['fa.0', 'fa.1'\]"):
        PSPLocalizer.from_released(without, classes=CLASSES, background=CLASSES[-1])
