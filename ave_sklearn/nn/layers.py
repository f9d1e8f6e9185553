"""Small layers that every network shares, and the drawing of initial weights.

Nothing here touches torch's global random state: weights are drawn by :func:`initialize` and dropout masks by
:class:`Dropout` from generators that are handed to them.
"""

from typing import NamedTuple

import torch
from torch import nn

BLOCK_SIZE = 2**20  # numbers that are worked on together: 4 MB of float32


def linear(n_in, n_out, bias=False, init="xavier", gain=1.0):
    """Return a linear layer with weights by the scheme `init`, "xavier" (times `gain`) or "torch".

    They are drawn from torch's global generator here, and from one's own by :func:`initialize`.
    """
    layer = nn.Linear(n_in, n_out, bias=bias)
    layer.init_scheme, layer.init_gain = init, gain
    with torch.no_grad():
        _initialize_linear(layer, None)
    return layer


class Dropout(nn.Module):
    """Dropout that draws its masks from `generator` (None: torch's global one, as :class:`torch.nn.Dropout`).

    Parameters
    ----------
    p : float in [0, 1)
        Probability of zeroing an element in training mode; the others are scaled by 1 / (1 - p).
    """

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.generator = None

    def forward(self, x):
        """Return `x` with a share `p` of its elements zeroed in training mode, else `x` itself."""
        return x if not self.training or self.p == 0 else x * self.mask(x)

    def mask(self, x):
        """Return what `x` is multiplied by in training: 0, or 1 / (1 - p)."""
        keep = x.new_empty(self.mask_shape(x)).bernoulli_(1 - self.p, generator=self.generator)
        return keep.div_(1 - self.p)

    def mask_shape(self, x):
        """Return the shape of the mask for `x`."""
        return x.shape

    def extra_repr(self):
        """Show the probability, as :class:`torch.nn.Dropout` does."""
        return f"p={self.p}"


class FeatureDropout(Dropout):
    """Dropout of features of whole videos: those that are zeroed are so in all segments and regions of a video.

    For Tensors of shape (n, T, d) and (n, T, H, W, d), whose mask has n * d elements.

    Parameters
    ----------
    p : float in [0, 1)
        See :class:`Dropout`.
    """

    def mask_shape(self, x):
        """Return the shape of the mask for `x`: 1 on all axes but the first and the last."""
        return len(x), *[1] * (x.ndim - 2), x.shape[-1]


class Standardize(nn.Module):
    """Centre and scale: (x - mean) / scale, with a mean for each feature and one scale; they start at 0 and 1.

    Parameters
    ----------
    n_features : int
        Length of the last axis.
    """

    def __init__(self, n_features):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x):
        """Return `x`, a Tensor of shape (..., n_features), centred and scaled."""
        return (x - self.mean) / self.scale


class Scaling(NamedTuple):
    """What happens to the features of a batch on their way into a network: minus `mean`, times `factor`.

    Attributes
    ----------
    mean : Tensor of shape (d,)
    factor : Tensor of shape () or (n, 1, ..., d)
        The same for all, or one for each feature of each of n videos.
    """

    mean: torch.Tensor
    factor: torch.Tensor

    def write(self, x, rows, out):
        """Scale `x`, the features of the videos `rows` of the batch, into `out`, of any type; overwrites `x`."""
        torch.mul(x.sub_(self.mean), self.factor[rows] if self.factor.ndim else self.factor, out=out)


def rows_in_block(row_size):
    """Return how many rows of `row_size` numbers are worked on together, one at the least."""
    return max(1, BLOCK_SIZE // max(1, row_size))


def blocks(n_rows, row_size):
    """Return slices of `n_rows` rows of `row_size` numbers each; a block of them stays in the cache."""
    step = rows_in_block(row_size)
    return [slice(start, start + step) for start in range(0, n_rows, step)]


class StandardizedNetwork(nn.Module):
    """Any two-stream network behind a :class:`Standardize` layer for each modality and a :class:`FeatureDropout`.

    Parameters
    ----------
    network : torch.nn.Module
        Called as ``network(audio, visual)``, with a mask in third place where there is one.
    n_audio_features, n_visual_features : int
        Lengths of the last axes of `audio` and `visual`.
    feature_dropout : float in [0, 1), default=0.0
        Share of the features that are hidden in training.
    """

    def __init__(self, network, n_audio_features, n_visual_features, feature_dropout=0.0):
        super().__init__()
        self.audio_scaling = Standardize(n_audio_features)
        self.visual_scaling = Standardize(n_visual_features)
        self.dropout = FeatureDropout(feature_dropout)
        self.network = network

    @torch.no_grad()
    def set_statistics(self, audio, visual):
        """Fill the buffers of both layers, each with its mean, an ndarray (d,), and its scale."""
        for layer, (mean, scale) in ((self.audio_scaling, audio), (self.visual_scaling, visual)):
            layer.mean.copy_(torch.as_tensor(mean))
            layer.scale.copy_(torch.as_tensor(scale))

    def forward(self, audio, visual, mask=None):
        """Return the network's outputs for the standardised features; in training, those that dropout leaves."""
        features = self.dropout(self.audio_scaling(audio)), self.dropout(self.visual_scaling(visual))
        return self.network(*features) if mask is None else self.network(*features, mask)

    @torch.no_grad()
    def scalings(self, n_videos, n_visual_axes):
        """Return what :meth:`forward` does to the features in front of the network, as a pair of :class:`Scaling`.

        Whoever reads the features of `n_videos` videos, of 3 axes and of `n_visual_axes`, can do it on the way.
        """
        hides, scalings = self.training and self.dropout.p > 0, []
        for layer, n_axes in (self.audio_scaling, 3), (self.visual_scaling, n_visual_axes):
            features = layer.mean.expand(n_videos, *[1] * (n_axes - 2), -1)
            scalings.append(Scaling(layer.mean, (self.dropout.mask(features) if hides else 1) / layer.scale))
        return scalings


def set_dropout_generator(module, generator):
    """Let every :class:`Dropout` in `module` draw from `generator`.

    Parameters
    ----------
    module : torch.nn.Module
    generator : torch.Generator or None
        On the device of the module; None is torch's global one.
    """
    for layer in module.modules():
        if isinstance(layer, Dropout):
            layer.generator = generator


@torch.no_grad()
def initialize(module, generator):
    """Draw every weight of `module` anew from `generator`, in the order of ``module.modules()``.

    Linear weights by Xavier's uniform rule [1]_ (or as :func:`linear` was told), linear biases and
    LSTM weights by torch's defaults, layer norms and standardisation as identity, positions as 0.

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
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            _initialize_linear(layer, generator)
        elif isinstance(layer, (nn.LSTM, nn.LSTMCell)):
            bound = layer.hidden_size**-0.5
            for weight in layer.parameters():
                weight.uniform_(-bound, bound, generator=generator)
        elif isinstance(layer, nn.LayerNorm):
            layer.weight.fill_(1)
            layer.bias.zero_()
        elif isinstance(layer, Standardize):
            layer.mean.zero_()
            layer.scale.fill_(1)
        elif isinstance(layer, Positions):
            layer.weight.zero_()
        elif next(layer.parameters(recurse=False), None) is not None:
            raise TypeError(f"initialize has no rule for the weights of {type(layer).__name__}.")


def _initialize_linear(layer, generator):
    bound = layer.in_features**-0.5
    if getattr(layer, "init_scheme", "xavier") == "xavier":
        nn.init.xavier_uniform_(layer.weight, gain=getattr(layer, "init_gain", 1.0), generator=generator)
    else:
        layer.weight.uniform_(-bound, bound, generator=generator)
    if layer.bias is not None:
        layer.bias.uniform_(-bound, bound, generator=generator)


class Positions(nn.Module):
    """A learned vector for each position, added to what is there; it starts at 0.

    Parameters
    ----------
    n_positions, n_features : int
        Shape of the last two axes.
    """

    def __init__(self, n_positions, n_features):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_positions, n_features))

    def forward(self, x):
        """Return `x`, a Tensor of shape (..., n_positions, n_features), with the vectors added."""
        return x + self.weight


def masked_mean(x, mask=None):
    """Mean over the segments of each video.

    Parameters
    ----------
    x : Tensor of shape (n, T, ...)
    mask : bool Tensor of shape (n, T) or None, default=None
        Segments that count; None is all.

    Returns
    -------
    mean : Tensor of shape (n, ...)
        0 for a video without a segment that counts.
    """
    if mask is None:
        return x.mean(1)
    weight = mask.reshape(*mask.shape, *[1] * (x.ndim - 2)).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1)


def masked_max(x, mask=None):
    """Maximum over the segments of each video.

    Parameters
    ----------
    x : Tensor of shape (n, T, ...)
    mask : bool Tensor of shape (n, T) or None, default=None
        Segments that count, at least one a video; None is all.

    Returns
    -------
    maximum : Tensor of shape (n, ...)
    """
    if mask is None:
        return x.amax(1)
    return x.masked_fill(~mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), -torch.inf).amax(1)
