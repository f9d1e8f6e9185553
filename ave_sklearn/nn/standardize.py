"""Standardisation of features, and dropout of features of whole videos, in front of any network."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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
    """

    def mask_shape(self, x: Tensor) -> tuple[int, ...]:
        """Return the shape of the mask for `x`: 1 on all axes but the first and the last."""
        return len(x), *[1] * (x.ndim - 2), x.shape[-1]


class Standardize(nn.Module):
    """Centre and scale: (x - mean) / scale, with a mean for each feature and one scale; they start at 0 and 1.

    Parameters
    ----------
    n_features : int
        Length of the last axis.
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))

    def reset(self) -> None:
        """Start as identity."""
        self.mean.zero_()
        self.scale.fill_(1)

    def forward(self, x: Tensor) -> Tensor:
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

    def __init__(
        self, network: nn.Module, n_audio_features: int, n_visual_features: int, feature_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.audio_scaling = Standardize(n_audio_features)
        self.visual_scaling = Standardize(n_visual_features)
        self.dropout = FeatureDropout(feature_dropout)
        self.network = network

    @torch.no_grad()
    def set_statistics(self, audio: tuple[ArrayLike, float], visual: tuple[ArrayLike, float]) -> None:
        """Fill the buffers of both layers, each with its mean, an ndarray (d,), and its scale."""
        for layer, (mean, scale) in ((self.audio_scaling, audio), (self.visual_scaling, visual)):
            layer.mean.copy_(torch.as_tensor(mean))
            layer.scale.copy_(torch.as_tensor(scale))

    def forward(
        self, audio: Tensor, visual: Tensor, mask: Tensor | None = None, *, standardized: bool = False
    ) -> dict[str, Tensor]:
        """Return the network's outputs for the standardised features; in training, those that dropout leaves.

        `standardized` says that both have happened already, by :meth:`scalings`.
        """
        if not standardized:
            audio, visual = self.dropout(self.audio_scaling(audio)), self.dropout(self.visual_scaling(visual))
        return self.network(audio, visual) if mask is None else self.network(audio, visual, mask)

    @torch.no_grad()
    def scalings(self, n_videos: int, n_visual_axes: int) -> list[Scaling]:
        """Return what :meth:`forward` does to the features in front of the network, as a pair of :class:`Scaling`.

        Whoever reads the features of `n_videos` videos, of 3 axes and of `n_visual_axes`, can do it on the way.
        """
        hides, scalings = self.training and self.dropout.p > 0, []
        for layer, n_axes in (self.audio_scaling, 3), (self.visual_scaling, n_visual_axes):
            features = layer.mean.expand(n_videos, *[1] * (n_axes - 2), -1)
            scalings.append(Scaling(layer.mean, (self.dropout.mask(features) if hides else 1) / layer.scale))
        return scalings
