"""Initial weights, drawn from a generator that is handed over: torch's global random state stays untouched."""

import torch
from torch import nn


@torch.no_grad()
def initialize(module: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight of `module` anew from `generator`, in the order of ``module.modules()``.

    Linear weights by Xavier's uniform rule [1]_ (or as ``linear`` was told), linear biases and
    LSTM weights by torch's defaults, layer norms as identity; a layer with a method ``reset`` starts where that says.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    generator : torch.Generator
        On the device of the module.

    Raises
    ------
    TypeError
        For a layer with weights that this function has no rule for.

    References
    ----------
    .. [1] X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import SegmentHead, initialize
    >>> first, second = SegmentHead(16, 4), SegmentHead(16, 4)
    >>> torch.equal(first.output.weight, second.output.weight)
    False
    >>> for head in (first, second):
    ...     initialize(head, torch.Generator().manual_seed(0))
    >>> torch.equal(first.output.weight, second.output.weight)
    True
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            initialize_linear(layer, generator)
        elif isinstance(layer, (nn.LSTM, nn.LSTMCell)):
            bound = layer.hidden_size**-0.5
            for weight in layer.parameters():
                weight.uniform_(-bound, bound, generator=generator)
        elif isinstance(layer, nn.LayerNorm):
            layer.weight.fill_(1)
            layer.bias.zero_()
        elif hasattr(layer, "reset"):
            layer.reset()
        elif next(layer.parameters(recurse=False), None) is not None:
            raise TypeError(f"initialize has no rule for the weights of {type(layer).__name__}.")


def initialize_linear(layer, generator):
    """Draw the weights of a linear layer, by the scheme that :func:`ave_sklearn.nn.layers.linear` gave it."""
    bound = layer.in_features**-0.5
    if getattr(layer, "init_scheme", "xavier") == "xavier":
        nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "init_gain", 1.0), generator=generator)
    else:
        layer.weight.uniform_(-bound, bound, generator=generator)
    if layer.bias is not None and getattr(layer, "zero_bias", False):
        layer.bias.zero_()
    elif layer.bias is not None:
        layer.bias.uniform_(-bound, bound, generator=generator)
