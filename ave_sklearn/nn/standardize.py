"""Standardisation of features, and dropout of features of whole videos, in front of any network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ave_sklearn.nn.layers import Dropout

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class FeatureDropout(Dropout):
    """Dropout of features of whole videos: those that are zeroed are so in all segments and regions of a video.

    For Tensors of shape (n, T, d) and (n, T, H, W, d), whose mask has n * d elements.

    Parameters
    ----------
    p : float in [0, 1)
        See :class:`Dropout`.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import FeatureDropout
    >>> layer = FeatureDropout(0.5)
    >>> layer.generator = torch.Generator().manual_seed(0)
    >>> x = layer(torch.ones(2, 10, 99))
    >>> torch.equal(x[:, 3], x[:, 0])  # the same features in all segments
    True
    >>> torch.equal(x[0], x[1])  # and others in the next video
    False
    """

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the mask for `x`: 1 on all axes but the first and the last."""
        return len(x), *[1] * (x.ndim - 2), x.shape[-1]


def resolves(dtype: torch.dtype, mean: ArrayLike, scale: float) -> bool:
    """Whether numbers of `dtype` hold features of this mean, (d,), and scale, their squares, and what is left of them.

    In float32 scales from 1e-15 to 1e15 are, and means of up to 1024 scales: less than 1e-4 of a scale is rounded off.
    """
    limits = torch.finfo(dtype)
    is_far = torch.as_tensor(mean).abs().max() > scale * 2.0**-13 / limits.eps
    return bool(limits.tiny**0.4 < scale < limits.max**0.4 and not is_far)


class WideStatistics(NamedTuple):
    """Mean and scale in float64, for features that the network's own type does not resolve.

    Attributes
    ----------
    mean : Tensor of shape (d,)
    scale : Tensor of shape ()
    """

    mean: Tensor
    scale: Tensor

    def standardize(self, x: Tensor) -> Tensor:
        """Return `x`, a Tensor of shape (..., d), centred and scaled, in float64."""
        return (x.double() - self.mean.to(x.device)) / self.scale.to(x.device)

    def write(self, x: np.ndarray, out: np.ndarray) -> None:
        """Standardise the float64 features `x` into `out`, of any type; overwrites `x`."""
        np.subtract(x, self.mean.numpy(), out=x)
        np.divide(x, self.scale.numpy(), out=out, casting="same_kind")


class Standardize(nn.Module):
    """Centre and scale: (x - mean) / scale, with a mean for each feature and one scale; they start at 0 and 1.

    Features that the type of the buffers does not resolve, see ``resolves``, are centred and scaled in float64, by
    `wide`; the buffers stay at 0 and 1. `wide` is part of the state dict where there is one, and otherwise leaves no
    trace there. It stays in float64 and on the CPU, where features are read, wherever the module goes.

    Parameters
    ----------
    n_features : int
        Length of the last axis.

    Attributes
    ----------
    wide : WideStatistics or None

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import Standardize
    >>> layer = Standardize(2)
    >>> layer.set_statistics(mean=[1.0, 2.0], scale=4.0)
    >>> layer(torch.tensor([9.0, 2.0]))
    tensor([2., 0.])
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))
        self.wide: WideStatistics | None = None

    def reset(self) -> None:
        """Start as identity."""
        self.mean.zero_()
        self.scale.fill_(1)
        self.wide = None

    @torch.no_grad()
    def set_statistics(self, mean: ArrayLike, scale: float) -> None:
        """Take a mean of shape (d,) and a scale, where the buffers' type resolves them; else keep them as `wide`."""
        self.reset()
        mean, scale = (torch.as_tensor(x, dtype=torch.float64).cpu() for x in (mean, scale))
        if resolves(self.mean.dtype, mean, scale.item()):
            self.mean.copy_(mean)
            self.scale.copy_(scale)
        else:
            self.wide = WideStatistics(mean.clone(), scale.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, a Tensor of shape (..., n_features), centred and scaled."""
        if self.wide is not None:
            x = self.wide.standardize(x).to(self.mean.dtype)
        return (x - self.mean) / self.scale

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.wide is not None:
            for name, value in self.wide._asdict().items():
                destination[f"{prefix}wide_{name}"] = value

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        wide = [state_dict.pop(f"{prefix}wide_{name}", None) for name in WideStatistics._fields]
        self.wide = None if None in wide else WideStatistics(*(value.cpu().double().clone() for value in wide))
        super()._load_from_state_dict(state_dict, prefix, *args)


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

    def write(self, x, rows, out, work):
        """Scale the features of some videos of a batch; nothing is allocated on the way.

        Not as ``x * factor + shift``, which is one step: product and sum are both rounded then, and with means of 1024
        scales 1.4 times as much is lost, close to all that ``resolves`` allows.

        Parameters
        ----------
        x : Tensor of shape (m, T, ..., d)
        rows : slice
            Which videos of the batch these are.
        out : Tensor of x's shape
            Of any type.
        work : Tensor of x's shape and type
            Overwritten where `out` is of another type; it may be `x`.
        """
        scaled = out if out.dtype == x.dtype else work
        torch.sub(x, self.mean, out=scaled).mul_(self.factor[rows] if self.factor.ndim else self.factor)
        if scaled is not out:
            out.copy_(scaled)


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

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVELNet, StandardizedNetwork
    >>> inner = AVELNet(6, 5, n_classes=4, hidden_size=8)
    >>> network = StandardizedNetwork(inner, 6, 5)
    >>> network.set_statistics(audio=([3.0] * 6, 2.0), visual=([0.0] * 5, 1.0))
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> wanted = inner((audio - 3) / 2, visual)["logits"]
    >>> torch.allclose(network(audio, visual)["logits"], wanted)
    True
    """

    def __init__(
        self, network: nn.Module, n_audio_features: int, n_visual_features: int, feature_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.audio_scaling = Standardize(n_audio_features)
        self.visual_scaling = Standardize(n_visual_features)
        self.dropout = FeatureDropout(feature_dropout)
        self.network = network

    def set_statistics(self, audio: tuple[ArrayLike, float], visual: tuple[ArrayLike, float]) -> None:
        """Hand each layer its mean, of shape (d,), and its scale."""
        self.audio_scaling.set_statistics(*audio)
        self.visual_scaling.set_statistics(*visual)

    @property
    def wide(self) -> tuple[WideStatistics | None, WideStatistics | None]:
        """What is done in float64 to the audio and to the visual features, before :meth:`scalings`."""
        return self.audio_scaling.wide, self.visual_scaling.wide

    def forward(
        self, audio: Tensor, visual: Tensor, mask: Tensor | None = None, *, standardized: bool = False
    ) -> dict[str, Tensor]:
        """Return the network's outputs for the standardised features; in training, those that dropout leaves.

        `standardized` says that both have happened already, by `wide` and :meth:`scalings`.
        """
        if not standardized:
            audio, visual = self.dropout(self.audio_scaling(audio)), self.dropout(self.visual_scaling(visual))
        return self.network(audio, visual) if mask is None else self.network(audio, visual, mask)

    @torch.no_grad()
    def scalings(self, n_videos: int, n_visual_axes: int) -> list[Scaling]:
        """Return what :meth:`forward` does to the features in front of the network, as a pair of ``Scaling``.

        Whoever reads the features of `n_videos` videos, of 3 axes and of `n_visual_axes`, can do it on the way, after
        what `wide` asks for.
        """
        hides, scalings = self.training and self.dropout.p > 0, []
        for layer, n_axes in (self.audio_scaling, 3), (self.visual_scaling, n_visual_axes):
            features = layer.mean.expand(n_videos, *[1] * (n_axes - 2), -1)
            scalings.append(Scaling(layer.mean, (self.dropout.mask(features) if hides else 1) / layer.scale))
        return scalings
