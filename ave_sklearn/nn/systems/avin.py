"""AVIN: attention within and between the modalities beside a bilinear fusion of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_size
from ave_sklearn.nn.attention import MultiHeadAttention
from ave_sklearn.nn.bilinear import BilinearFusion
from ave_sklearn.nn.encoders import ENCODER_TAPS, attended_encoder
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import linear

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision


class ModalityInteraction(nn.Module):
    r"""A modality with what its segments attend to in itself and in the other modality.

    .. math:: x' = x + \mathrm{att}_1(x, x) + \mathrm{att}_2(x, y), \qquad
        \mathrm{att}(x, y) = \mathrm{softmax}(q(x)\, k(y)^\top / \sqrt d)\, u(y)

    with q, k and u linear, with biases, and of each attention's own.

    Parameters
    ----------
    size : int
        Length d of the features, kept.
    """

    def __init__(self, size):
        super().__init__()
        self.intra = MultiHeadAttention(size, project=False)
        self.inter = MultiHeadAttention(size, project=False)

    def forward(self, x, other, mask=None):
        """Return `x` of shape (n, T, d) with what it attends to; `mask` (n, T) hides invalid segments."""
        return x + self.intra(x, x, mask) + self.inter(x, other, mask)


class AVINNet(nn.Module):
    r"""AVIN [1]_: segments attend to both modalities, and a bilinear fusion joins them for the classifier.

    With :math:`h^a` and :math:`h^v` of two bidirectional LSTMs, the visual one behind :class:`AVGA`,

    .. math::

        A' &= h^a + \mathrm{att}_1(h^a, h^a) + \mathrm{att}_2(h^a, h^v) \\
        V' &= h^v + \mathrm{att}_3(h^v, h^v) + \mathrm{att}_4(h^v, h^a) \\
        g_t &= \mathrm{ReLU}(W [A'_t, V'_t, \mathrm{MFB}(h^a_t, h^v_t)] + b),

    where :math:`\mathrm{att}(x, y)` is :class:`MultiHeadAttention` of the segments of x to those of y, in one head
    and without a linear layer on its output, and MFB is :class:`BilinearFusion`. Two linear layers classify
    :math:`g_t`.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    hidden_size : int, default=256
        Length of a segment's features, both LSTM directions together: even.
    n_factors : int, default=5
        Rank of the bilinear form, see :class:`BilinearFusion`.
    dropout : float, default=0.1
        Inside the bilinear fusion.
    weighting : bool, default=False
        The weighting branch of PSP (Eq. 5); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the segments' scores over time; weak supervision only.

    Notes
    -----
    A reconstruction: the author published no code. The stages (LSTMs, bilinear fusion, interaction within and
    between modalities, aggregation) are the paper's; the form of the attentions, how the parts are joined and all
    sizes are choices made here (2,963,150 parameters at the AVE dataset's sizes, of which the keys' four biases
    have no effect, as the softmax cancels them). The attention over regions is in its published form, which matches
    sound with content.

    References
    ----------
    .. [1] J. Ramaswamy, "What makes the sound?: A dual-modality interacting network for audio-visual event
       localization", ICASSP 2020.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVINNet
    >>> network = AVINNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> network = AVINNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    2963150
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
        hidden_size: int = 256,
        n_factors: int = 5,
        dropout: float = 0.1,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_size("hidden_size", hidden_size, even=True)
        self.encoder = attended_encoder(n_audio_features, n_visual_features, n_regions, hidden_size)
        self.bilinear = BilinearFusion(hidden_size, n_factors, dropout)
        self.interaction_a = ModalityInteraction(hidden_size)
        self.interaction_v = ModalityInteraction(hidden_size)
        self.join = linear(3 * hidden_size, hidden_size, bias=True)
        self.head = flat_head(hidden_size, n_classes, supervision, weighting=weighting, pooling=pooling)

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Classify every segment.

        Parameters
        ----------
        audio : Tensor of shape (n, T, d_a)
        visual : Tensor of shape (n, T, d_v) or (n, T, H, W, d_v)
        mask : bool Tensor of shape (n, T) or None
            False on padding at the end of videos.

        Returns
        -------
        outputs : dict of Tensors
            ``logits`` (n, T, C), ``fused`` (n, T, hidden_size), ``similarity`` (n, T), the cosine of :math:`V'_t` and
            :math:`A'_t`; with weak supervision ``video_logits`` (n, C); with maps ``attention`` (n, T, H, W).
        """
        h_a, h_v, attention = self.encoder(audio, visual, mask)  # (n, T, hidden_size)
        z = self.bilinear(h_a, h_v)
        a, v = self.interaction_a(h_a, h_v, mask), self.interaction_v(h_v, h_a, mask)
        fused = F.relu(self.join(torch.cat([a, v, z], -1)))
        similarity = F.cosine_similarity(v, a, dim=-1)
        return {**self.head(fused, mask), **attention, "fused": fused, "similarity": similarity}
