"""DMRN: AVEL with the two modalities fused by residual blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_size
from ave_sklearn.nn.encoders import ENCODER_TAPS
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import linear
from ave_sklearn.nn.systems.avel import avel_encoder

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision, Variant


class ResidualFusion(nn.Module):
    r"""Dual multimodal residual block [1]_: both modalities plus what they have in common.

    .. math::

        m &= \tfrac12 (U_v(v) + U_a(a)), \quad v' = \tanh(a + m), \quad a' = \tanh(v + m), \\
        U(x) &= W_2 \tanh(W_1 x + b_1) + b_2 .

    Parameters
    ----------
    size : int
        Length of both modalities' features, kept.

    Notes
    -----
    The residuals cross, as in the authors' code. The mean of :math:`v'` and :math:`a'`, and their similarity, are the
    same if they do not; so this shows only where a block follows another.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-visual event localization in unconstrained videos", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import ResidualFusion
    >>> block = ResidualFusion(8)
    >>> v, a = torch.rand(2, 10, 8), torch.rand(2, 10, 8)
    >>> new_v, new_a = block(v, a)
    >>> tuple(new_v.shape)
    (2, 10, 8)
    >>> m = new_v.atanh() - a  # what both have in common
    >>> torch.allclose(m, new_a.atanh() - v, atol=1e-4)
    True
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.visual, self.audio = (
            nn.Sequential(linear(size, size, bias=True, init="torch"), nn.Tanh(), linear(size, size, True, "torch"))
            for _ in range(2)
        )

    def forward(self, v: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """Return v' and a' for `v` and `a`, all of the same shape (..., size)."""
        common = (self.visual(v) + self.audio(a)) / 2
        return torch.tanh(a + common), torch.tanh(v + common)


class DMRNNet(nn.Module):
    r"""Dual multimodal residual network [1]_: the encoder of :class:`AVELNet`, residual blocks, one linear layer.

    .. math:: (v', a') = \mathrm{block}(h^v, h^a), \quad f_t = \tfrac12 (v'_t + a'_t), \quad s_t = W f_t + b

    with the block of :class:`ResidualFusion`.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    variant : {"paper", "released"}, default="paper"
        Form of the attention: audio matched with content, or the authors' code (see :class:`AVGA`).
    hidden_size : int, default=256
        Length of each modality's codes, both LSTM directions together: even.
    n_blocks : int, default=1
        Blocks in a row, which share their weights.
    dropout : float, default=0.0
        On the LSTMs' outputs; the authors have none.
    weighting : bool, default=False
        PSP's weighting branch (Eq. 5 of its paper); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the scores over time; weak supervision only.

    Notes
    -----
    Written from a description of the authors' code, layer by layer; the paper's attention from its equation. The
    number of trainable parameters is that of the authors' network, 1,571,150 at the AVE dataset's sizes in both
    variants. With ``variant="released"``, the tests compare outputs, the authors' loss and its gradient norms with
    theirs, for weights and videos made from a seed: they agree to 1e-7 in float64. The weak form is this package's: the
    authors' weakly supervised network is :class:`AVELNet`.

    Training departs from theirs: it starts here from random weights, and their stored network from those of A+V-att;
    here the estimators' losses are cross-entropy of the segments and Eq. 11 of PSP, and in the authors' code a
    multi-label soft margin loss on the softmax's probabilities.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-visual event localization in unconstrained videos", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import DMRNNet
    >>> network = DMRNNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> network = DMRNNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    1571150
    """

    layer_taps = ENCODER_TAPS

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        variant: Variant = "paper",
        hidden_size: int = 256,
        n_blocks: int = 1,
        dropout: float = 0.0,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_size("n_blocks", n_blocks)
        self.n_blocks = n_blocks
        shape = n_audio_features, n_visual_features, n_regions
        self.encoder = avel_encoder(*shape, variant, hidden_size, dropout, init="torch")
        self.fusion = ResidualFusion(hidden_size)
        pooled = {"weighting": weighting, "pooling": pooling}
        self.head = flat_head(hidden_size, n_classes, supervision, hidden_size=None, **pooled)

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Classify every segment.

        Parameters
        ----------
        audio : Tensor of shape (n, T, d_a)
        visual : Tensor of shape (n, T, d_v) or (n, T, H, W, d_v)
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding at the end of videos.

        Returns
        -------
        outputs : dict of Tensors
            ``logits`` (n, T, C), ``fused`` (n, T, hidden_size), ``similarity`` (n, T), the cosine of v' and a'; with
            weak supervision ``video_logits`` (n, C); with maps ``attention`` (n, T, H, W).
        """
        a, v, attention = self.encoder(audio, visual, mask)  # (n, T, hidden_size) each
        for _ in range(self.n_blocks):
            v, a = self.fusion(v, a)
        fused = (v + a) / 2  # (n, T, hidden_size)
        outputs = {"fused": fused, "similarity": F.cosine_similarity(v, a, dim=-1)}
        return {**self.head(fused, mask), **attention, **outputs}
