"""Small layers that every network shares.

Dropout masks and noise are drawn from generators that are handed to the layers, never from torch's global random state.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ave_sklearn.nn.initialize import initialize_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALLEST_SUM = 1e-8  # that shares are taken of
LEAST_CODE, N_CODES = -(2**15), 2**16  # of what a dropout mask is drawn from


def linear(n_in, n_out, bias=False, init="xavier", gain=1.0, zero_bias=False):
    """Return a linear layer with weights by the scheme `init`, "xavier" (times `gain`) or "torch".

    Its bias is drawn as torch's default, or with `zero_bias` starts at 0. All is drawn from torch's global generator
    here, and from one's own by :func:`initialize`.
    """
    layer = nn.Linear(n_in, n_out, bias=bias)
    layer.init_scheme, layer.init_gain, layer.zero_bias = init, gain, zero_bias
    with torch.no_grad():
        initialize_linear(layer, None)
    return layer


class RandomLayer(nn.Module):
    """A layer that draws from `generator` in training mode; None is torch's global one."""

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None


class Dropout(RandomLayer):
    """Dropout that draws its masks from `generator` (None: torch's global one, as :class:`torch.nn.Dropout`).

    Parameters
    ----------
    p : float in [0, 1)
        Probability of zeroing an element in training mode, in steps of 2**-16, up to 1 - 2**-16; the others are scaled
        by 1 / (1 - p).

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import Dropout
    >>> layer, x = Dropout(0.5), torch.ones(10, 20)
    >>> layer.generator = torch.Generator().manual_seed(0)
    >>> dropped = layer(x)
    >>> dropped.unique()
    tensor([0., 2.])
    >>> layer.generator = torch.Generator().manual_seed(0)
    >>> torch.equal(layer(x), dropped)  # the same mask again
    True
    >>> torch.equal(layer.eval()(x), x)
    True
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with a share `p` of its elements zeroed in training mode, else `x` itself."""
        return x if not self.training or self.p == 0 else x * self.mask(x)

    def mask(self, x: Tensor) -> Tensor:
        """Return what `x` is multiplied by in training: 0, or 1 / (1 - p)."""
        codes = draw_codes(self.mask_shape(x), self.generator, x.device)
        keep = torch.ge(codes, codes.new_tensor(dropped_codes(self.p) + LEAST_CODE), out=x.new_empty(codes.shape))
        return keep.mul_(self.factor)

    @property
    def factor(self) -> float:
        """What elements that are not zeroed are multiplied by in training."""
        return N_CODES / (N_CODES - dropped_codes(self.p))

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the mask for `x`."""
        return x.shape

    def extra_repr(self) -> str:
        """Show the probability, as :class:`torch.nn.Dropout` does."""
        return f"p={self.p}"


def relu_dropout(x: Tensor, dropout: Dropout) -> Tensor:
    """Return ``dropout(F.relu(x))``; in training, that is all that is kept of both for the backward pass.

    Layer by layer three Tensors of this size would be: what the ReLU gives, the mask, and what the next layer takes.
    Another layer in the place of a :class:`Dropout` is called, as one that hooks wait for is.
    """
    if not is_plain(dropout, Dropout) or not dropout.training or dropout.p == 0:
        return dropout(F.relu(x))
    return DroppedReLU.apply(x, dropout.mask(x), dropout.factor)


class DroppedReLU(torch.autograd.Function):
    """:func:`relu_dropout`, with what :meth:`Dropout.mask` gives: numbers that are 0 or `factor`."""

    @staticmethod
    def forward(ctx, x, keep, factor):
        """Return what is left of `x`; keep it."""
        ctx.factor, y = factor, F.relu(x).mul_(keep)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, d_y):
        """Return the gradient of `x`: that of what is left, times the factor."""
        (y,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(d_y, y, 0).mul_(y.new_tensor(ctx.factor)), None, None


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Tell whether a call of `module` does what its class `kind` says and nothing more: no hook, no other forward."""
    hooks = "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"
    return type(module) is kind and "forward" not in vars(module) and not any(getattr(module, name) for name in hooks)


def dropped_codes(p: float) -> int:
    """Return how many of the 65536 codes of :func:`draw_codes` stand for an element that is zeroed."""
    return min(round(p * N_CODES), N_CODES - 1)


def draw_codes(shape: Sequence[int], generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Draw numbers from -32768 to 32767, each as likely as all others: int16, four of one draw of 64 bits.

    On a CPU that takes an eighth of the time that a draw for each element takes.
    """
    n = math.prod(shape)
    drawn = torch.empty(-(-n // 4), dtype=torch.int64, device=device).random_(-(2**63), None, generator=generator)
    return drawn.view(torch.int16)[:n].view(shape)


class Noise(RandomLayer):
    """Normal noise, added in training mode and drawn from `generator` (None: torch's global one).

    Parameters
    ----------
    std : float
        Standard deviation.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import Noise
    >>> layer, x = Noise(0.1), torch.ones(10, 20)
    >>> layer.generator = torch.Generator().manual_seed(0)
    >>> torch.allclose(layer(x), x, atol=0.6), torch.equal(layer(x), x)
    (True, False)
    >>> torch.equal(layer.eval()(x), x)
    True
    """

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` with a number of its own added to each element in training mode, else `x` itself."""
        if not self.training or self.std == 0:
            return x
        return x + self.std * x.new_empty(x.shape).normal_(generator=self.generator)

    def extra_repr(self) -> str:
        """Show the standard deviation."""
        return f"std={self.std}"


def set_dropout_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Let every :class:`Dropout` and :class:`Noise` in `module` draw from `generator`.

    Parameters
    ----------
    module : torch.nn.Module
    generator : torch.Generator or None
        On the device of the module; None is torch's global one.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import Dropout, Noise, set_dropout_generator
    >>> network = torch.nn.Sequential(Dropout(0.5), Noise(0.1))
    >>> outputs = []
    >>> for _ in range(2):
    ...     set_dropout_generator(network, torch.Generator().manual_seed(0))
    ...     outputs.append(network(torch.ones(10, 20)))
    >>> torch.equal(*outputs)
    True
    """
    for layer in module.modules():
        if isinstance(layer, RandomLayer):
            layer.generator = generator


class Positions(nn.Module):
    """A learned vector for each position, added to what is there; it starts at 0.

    Parameters
    ----------
    n_positions, n_features : int
        Shape of the last two axes.

    Examples
    --------
    It adds nothing at first. Training gives each position a vector of its own, the same for all videos.

    >>> import torch
    >>> from ave_sklearn.nn import Positions
    >>> positions = Positions(n_positions=2, n_features=3)
    >>> x = torch.ones(1, 2, 3)
    >>> torch.equal(positions(x), x)
    True
    >>> with torch.no_grad():
    ...     positions.weight[1] = 5.0
    >>> positions(x).tolist()
    [[[1.0, 1.0, 1.0], [6.0, 6.0, 6.0]]]
    """

    def __init__(self, n_positions: int, n_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_positions, n_features))

    def reset(self) -> None:
        """Set all vectors to 0, in place."""
        self.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, a Tensor of shape (..., n_positions, n_features), with the vectors added."""
        return x + self.weight


def mean_over(x: Tensor, dim: int, *, keepdim: bool = False) -> Tensor:
    """Return the mean along `dim`; the backward pass divides its gradient, not one copy of that for each element."""
    return x.sum(dim, keepdim=keepdim) / x.shape[dim]


def shares(x: Tensor, dim: int) -> Tensor:
    """Return non-negative numbers `x`, divided by their sum along `dim`; zeros where that is 0."""
    return x / x.sum(dim, keepdim=True).clamp_min(SMALLEST_SUM)


def masked_mean(x: Tensor, mask: Tensor | None = None) -> Tensor:
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

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import masked_mean
    >>> x = torch.tensor([[[1.0], [3.0], [99.0]]])  # two segments, and padding
    >>> masked_mean(x, torch.tensor([[True, True, False]]))
    tensor([[2.]])
    >>> masked_mean(x[:, :2])
    tensor([[2.]])
    """
    if mask is None:
        return x.mean(1)
    weight = mask.reshape(*mask.shape, *[1] * (x.ndim - 2)).to(x.dtype)
    return (x * weight).sum(1) / weight.sum(1).clamp_min(1)


def masked_max(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Maximum over the segments of each video.

    Parameters
    ----------
    x : Tensor of shape (n, T, ...)
    mask : bool Tensor of shape (n, T) or None, default=None
        Segments that count, at least one a video; None is all.

    Returns
    -------
    maximum : Tensor of shape (n, ...)

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import masked_max
    >>> x = torch.tensor([[[1.0], [3.0], [99.0]]])  # two segments, and padding
    >>> masked_max(x, torch.tensor([[True, True, False]]))
    tensor([[3.]])
    """
    if mask is None:
        return x.amax(1)
    return x.masked_fill(~mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), -torch.inf).amax(1)


def masked_top_mean(x: Tensor, k: int, mask: Tensor | None = None) -> Tensor:
    """Mean of the largest `k` over the segments of each video, of each feature by itself.

    Parameters
    ----------
    x : Tensor of shape (n, T, d)
    k : int
        How many; all of them where fewer segments count.
    mask : bool Tensor of shape (n, T) or None, default=None
        Segments that count, at least one a video; None is all.

    Returns
    -------
    mean : Tensor of shape (n, d)

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import masked_top_mean
    >>> x = torch.tensor([[[1.0], [6.0], [2.0], [99.0]]])
    >>> mask = torch.tensor([[True, True, True, False]])  # the last is padding
    >>> masked_top_mean(x, 2, mask)
    tensor([[4.]])
    >>> masked_top_mean(x, 9, mask)  # there are three
    tensor([[3.]])
    """
    k = min(k, x.shape[1])
    if mask is None:
        return x.topk(k, 1).values.mean(1)
    largest = x.masked_fill(~mask.unsqueeze(-1), -torch.inf).topk(k, 1).values
    counts = torch.arange(k, device=x.device) < mask.sum(1, keepdim=True)
    return masked_mean(largest.masked_fill(~counts.unsqueeze(-1), 0), counts)  # -inf times 0 would be NaN
