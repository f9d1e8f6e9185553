"""Fusion of the two modalities and the classifiers on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_flag
from ave_sklearn.nn.layers import Dropout, linear, masked_max, masked_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from ave_sklearn._typing import Pooling, Supervision


class Fusion(nn.Module):
    r"""Mean of the two modalities in one space (Eq. 4).

    .. math:: f = \tfrac12 [\mathcal{N}(v^{psp} W_3^v) + \mathcal{N}(a^{psp} W_3^a)]

    One layer norm serves both modalities, as in the authors' code; Eq. 4 leaves it open.

    Parameters
    ----------
    size : int
        Length d_l of the features, kept.
    dropout : float, default=0.0
        After the projections.
    project : bool, default=True
        False leaves out W_3, as the authors' released weakly supervised network does.
    activation : callable or None, default=None
        Between projection and layer norm; the released fully supervised network has ReLU.

    Examples
    --------
    The layer norm makes both modalities count alike, though the audio is a hundred times as large.

    >>> import torch
    >>> from ave_sklearn.nn import Fusion
    >>> v = torch.tensor([[[1.0, 3.0]]])
    >>> a = torch.tensor([[[100.0, 300.0]]])
    >>> fused, v_normed, a_normed = Fusion(size=2, project=False)(v, a)
    >>> torch.allclose(v_normed, a_normed, atol=1e-5)
    True
    >>> fused.round(decimals=3).tolist()
    [[[-1.0, 1.0]]]
    """

    def __init__(
        self,
        size: int,
        dropout: float = 0.0,
        project: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.w3_v = linear(size, size) if project else nn.Identity()
        self.w3_a = linear(size, size) if project else nn.Identity()
        self.activation = activation or nn.Identity()
        self.dropout = Dropout(dropout if project else 0.0)
        self.norm = nn.LayerNorm(size, eps=1e-6)

    def forward(self, v: Tensor, a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Fuse the features of each segment.

        Parameters
        ----------
        v, a : Tensors of shape (n, T, d_l)
            Visual and audio features behind the propagation.

        Returns
        -------
        fused : Tensor of shape (n, T, d_l)
        v_normed, a_normed : Tensors of shape (n, T, d_l)
            The two of which `fused` is the mean.
        """
        v, a = (self.norm(self.dropout(self.activation(layer(x)))) for layer, x in ((self.w3_v, v), (self.w3_a, a)))
        return (v + a) / 2, v, a


class SegmentHead(nn.Module):
    """Fully connected layers on each segment: the fully supervised classifier (Sec. 4.4).

    Parameters
    ----------
    size : int
        Length of the fused features.
    n_classes : int
        Background included.
    hidden_size : int or None, default=64
        Width d_h of the hidden layer, by default that of the authors' code (the paper gives no number); None is a
        single layer.
    dropout : float, default=0.0
        Before each layer.
    activation : callable or None, default=None
        Between the layers; None is ReLU, as in the authors' code (the paper names none).
    bias : bool, default=False
        Of the layers; PSP's code has none.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import SegmentHead
    >>> head = SegmentHead(size=16, n_classes=4)
    >>> tuple(head(torch.rand(2, 10, 16))["logits"].shape)
    (2, 10, 4)
    >>> sum(weight.numel() for weight in head.parameters()) == 16 * 64 + 64 * 4
    True
    """

    def __init__(
        self,
        size: int,
        n_classes: int,
        hidden_size: int | None = 64,
        dropout: float = 0.0,
        activation: Callable[[Tensor], Tensor] | None = None,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.hidden = None if hidden_size is None else linear(size, hidden_size, bias=bias)
        self.output = linear(hidden_size or size, n_classes, bias=bias)
        self.dropout = Dropout(dropout)
        self.activation = activation or F.relu

    def forward(self, fused: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``{"logits": (n, T, C)}`` for `fused` of shape (n, T, d_l)."""
        x = self.dropout(fused)
        if self.hidden is not None:
            x = self.dropout(self.activation(self.hidden(x)))
        return {"logits": self.output(x)}


class VideoHead(nn.Module):
    r"""Segment scores pooled to a video's prediction: the weakly supervised classifier (Eq. 5).

    .. math:: \phi = \sigma(f^h W_6), \quad o = \mathrm{softmax}(\mathrm{avg}_t(f^h \phi))

    with :math:`f^h` the scores of a :class:`SegmentHead`; PSP's has no activation between its layers,
    :math:`f^h = f W_4 W_5`.

    Parameters
    ----------
    scores : SegmentHead
        Classifies each segment.
    n_classes : int
        Background included.
    weighting : bool, default=True
        False is Eq. 6: no weighting branch.
    activation : callable or None, default=None
        Before the sigmoid; the released network of PSP has ReLU.
    pooling : {"mean", "max"}, default="mean"
        Over time.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import SegmentHead, VideoHead
    >>> head = VideoHead(SegmentHead(size=16, n_classes=4), n_classes=4)
    >>> outputs = head(torch.rand(2, 10, 16))
    >>> {name: tuple(x.shape) for name, x in outputs.items()}
    {'logits': (2, 10, 4), 'video_logits': (2, 4)}
    >>> torch.allclose(outputs["video_logits"], outputs["logits"].mean(1))
    True
    """

    def __init__(
        self,
        scores: SegmentHead,
        n_classes: int,
        weighting: bool = True,
        activation: Callable[[Tensor], Tensor] | None = None,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_flag("weighting", weighting)
        check_choice("pooling", pooling, ["mean", "max"])
        self.scores = scores
        self.weighting = linear(n_classes, 1, init="torch") if weighting else None
        self.activation = activation or nn.Identity()
        self.pool = {"mean": masked_mean, "max": masked_max}[pooling]

    def forward(self, fused: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``logits`` (n, T, C), the weighted segment scores, and ``video_logits`` (n, C), their pool."""
        scores = self.scores(fused)["logits"]
        if self.weighting is not None:
            scores = scores * torch.sigmoid(self.activation(self.weighting(scores)))
        return {"logits": scores, "video_logits": self.pool(scores, mask)}


def flat_head(
    size: int,
    n_classes: int,
    supervision: Supervision,
    *,
    hidden_size: int | None = 64,
    dropout: float = 0.0,
    weighting: bool = False,
    pooling: Pooling = "mean",
) -> SegmentHead | VideoHead:
    """Return the classifier that the systems without a gate share: linear, ReLU, linear, with biases.

    Parameters
    ----------
    size, n_classes
        See :class:`SegmentHead`.
    supervision : {"full", "weak"}
        Weak supervision pools the scores (:class:`VideoHead`).
    hidden_size, dropout
        See :class:`SegmentHead`.
    weighting : bool, default=False
        The weighting branch of PSP (Eq. 5); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Over time; weak supervision only.

    Returns
    -------
    head : SegmentHead or VideoHead

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import flat_head
    >>> fused = torch.rand(2, 10, 16)
    >>> list(flat_head(16, 4, "full")(fused))
    ['logits']
    >>> outputs = flat_head(16, 4, "weak", pooling="max")(fused)
    >>> torch.equal(outputs["video_logits"], outputs["logits"].amax(1))
    True
    """
    check_choice("supervision", supervision, ["full", "weak"])
    check_choice("pooling", pooling, ["mean", "max"])  # fully supervised too, where nothing uses them
    check_flag("weighting", weighting)
    scores = SegmentHead(size, n_classes, hidden_size, dropout, bias=True)
    return scores if supervision == "full" else VideoHead(scores, n_classes, weighting, pooling=pooling)
