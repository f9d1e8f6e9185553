"""ReLU and dropout as one function, and means whose gradient is not copied: the same numbers as layer by layer."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from ave_sklearn.nn import Dropout, FeatureDropout, FeedForward
from ave_sklearn.nn.layers import is_plain, mean_over, relu_dropout
from ave_sklearn.nn.relations import adapter

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def seeded(p, seed=0):
    layer = Dropout(p)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


def layer_by_layer(x, dropout):
    return dropout(F.relu(x))


def features(*shape, dtype=torch.float32):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    x.view(-1)[:3] = torch.tensor([0.0, -0.0, 1e-6])
    return x.requires_grad_()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_and_gradients_are_the_same_to_the_bit(dtype, p, training):
    x, pull = features(4, 5, 60, dtype=dtype), torch.randn(4, 5, 60).to(dtype)
    results = []
    for function in (relu_dropout, layer_by_layer):
        y = function(x, seeded(p).train(training))
        results.append((y, *torch.autograd.grad(y, x, pull)))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == dtype and torch.equal(ours, theirs)
    assert training or torch.equal(results[0][0], F.relu(x))


def test_gradients_are_those_of_finite_differences():
    x = (features(3, 7, dtype=torch.float64).detach() + 0.01).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: relu_dropout(x, seeded(0.4)), x)


@pytest.mark.parametrize("pull", [torch.ones(()).expand(4, 6), torch.ones(6, 4).t()], ids=["one for all", "transposed"])
def test_gradients_that_lie_otherwise_are_left_as_they_are(pull):
    before, x = pull.clone(), features(4, 6)
    y = relu_dropout(x, seeded(0.5))
    (gradient,) = torch.autograd.grad(y, x, pull)
    assert torch.equal(gradient, (y > 0) * 2.0) and torch.equal(pull, before)


def kept(work):
    """Return how many numbers autograd keeps in `work`, a callable, each piece of memory once."""
    pieces = {}
    with saved_tensors_hooks(lambda x: pieces.setdefault(x.data_ptr(), x), lambda x: x):
        outputs = work()  # which hold the memory that is compared by its address
    assert outputs.requires_grad
    return sum(x.numel() for x in pieces.values())


def test_what_comes_out_alone_is_kept():
    x = features(20, 30)
    assert kept(lambda: relu_dropout(x, seeded(0.2)).sum()) == 600
    assert kept(lambda: layer_by_layer(x, seeded(0.2)).sum()) == 1200  # the ReLU's outputs, and the mask


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_dropout_layer_that_a_hook_waits_for_is_called(register):
    layer, seen = seeded(0.5), []
    handle = getattr(layer, register)(lambda layer, inputs, *outputs: seen.append(inputs[0].detach()))
    x = features(4, 6)
    y = relu_dropout(x, layer)
    assert torch.equal(seen[0], F.relu(x)) and torch.equal(y, relu_dropout(x, seeded(0.5)))
    handle.remove()
    relu_dropout(x, layer)
    assert len(seen) == 1


@pytest.mark.parametrize("place", ["", "0", "1", "2"])
def test_each_layer_of_an_adapter_can_be_hooked(place):
    torch.manual_seed(0)
    layers, seen = adapter(6, 0.5), []
    layers[2].generator = torch.Generator().manual_seed(3)
    x = features(4, 6)
    wanted = layers(x)
    layers.get_submodule(place).register_forward_hook(lambda layer, inputs, output: seen.append(output))
    layers[2].generator.manual_seed(3)
    assert torch.equal(layers(x), wanted) and len(seen) == 1


@pytest.mark.parametrize("place", ["0", "1", "2"])
def test_each_layer_of_an_adapter_can_be_replaced(place):
    layers, x = adapter(6, 0.0), features(4, 6)
    linear, relu, dropout = layers
    wanted = {"0": lambda: F.relu(-x), "1": lambda: -linear(x), "2": lambda: -F.relu(linear(x))}[place]()
    layers[int(place)] = Negative()
    assert torch.equal(layers(x), wanted)


class Negative(nn.Module):
    """A layer that is no dropout."""

    def forward(self, x):
        return -x


class Halved(Dropout):
    """Dropout of another kind."""

    def forward(self, x):
        return x / 2


@pytest.mark.parametrize("layer", [Negative(), Halved(0.5), nn.Identity()])
def test_another_layer_in_the_place_of_dropout_is_called(layer):
    x = features(4, 6)
    assert torch.equal(relu_dropout(x, layer), layer(F.relu(x)))


def test_features_of_whole_videos_are_dropped_where_that_is_the_layer():
    layer, x = FeatureDropout(0.5), torch.ones(2, 10, 99)
    layer.generator = torch.Generator().manual_seed(0)
    dropped = relu_dropout(x, layer)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped)) and 0 < (dropped == 0).double().mean() < 1


def test_a_feed_forward_layer_takes_another_forward_of_its_dropout():
    layer, x = FeedForward(6, 8, dropout=0.5), features(4, 6)
    layer.dropout.forward = lambda x: x
    assert torch.equal(layer(x), layer.eval()(x))


def test_a_module_with_hooks_or_another_class_or_forward_is_not_plain():
    layer = FeedForward(6, 8)
    assert is_plain(layer, FeedForward) and not is_plain(layer, nn.Module)
    handle = layer.register_full_backward_hook(lambda *args: None)
    assert not is_plain(layer, FeedForward)
    handle.remove()
    assert is_plain(layer, FeedForward)
    layer.forward = lambda x: x
    assert not is_plain(layer, FeedForward)


@pytest.mark.parametrize("keepdim", [True, False])
def test_mean_and_its_gradient_are_those_of_torch_to_the_bit(keepdim):
    x = features(4, 7, 5)
    results = []
    for function in (mean_over, torch.mean):
        y = function(x, 1, keepdim=keepdim)
        results.append((y, *torch.autograd.grad(y.sin().sum(), x)))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))
