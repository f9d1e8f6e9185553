"""AVRB: bilinear audio-visual residual fusion and attention over segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_size
from ave_sklearn.nn.bilinear import BilinearFusion
from ave_sklearn.nn.encoders import ENCODER_TAPS, attended_encoder
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import linear

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision


class SegmentAttention(nn.Module):
    r"""Segments made stronger or weaker by a softmax over the segments of their video.

    .. math:: q = \mathrm{softmax}_t(w^\top \tanh(W f_t + b) + c), \qquad f'_t = f_t (1 + T q_t)

    T is the number of valid segments of the video, so that equal weights double each segment.

    Parameters
    ----------
    size : int
        Length d of the features, kept.
    """

    def __init__(self, size):
        super().__init__()
        self.hidden = linear(size, size, bias=True)
        self.score = linear(size, 1, bias=True)

    def forward(self, fused, mask=None):
        """Return the weighted `fused`, of the same shape (n, T, d); `mask` (n, T) gives padding the weight 1."""
        score = self.score(torch.tanh(self.hidden(fused)))  # (n, T, 1)
        if mask is None:
            return fused * (1 + fused.shape[1] * score.softmax(1))
        q = score.masked_fill(~mask.unsqueeze(-1), -torch.inf).softmax(1)
        return fused * (1 + mask.sum(1)[:, None, None] * q)


class AVRBNet(nn.Module):
    r"""AVRB [1]_: each modality takes up a bilinear fusion of both, and attention weights the segments.

    With :math:`h^a_t` and :math:`h^v_t` of two bidirectional LSTMs, the visual one behind :class:`AVGA`,

    .. math::

        z_t &= \mathrm{MFB}(h^a_t, h^v_t), \\
        f_t &= \tfrac12 [\tanh(h^a_t + R_a z_t + b_a) + \tanh(h^v_t + R_v z_t + b_v)], \\
        f'_t &= f_t (1 + T q_t),

    where MFB is :class:`BilinearFusion` and q the softmax of :math:`w^\top \tanh(W f_t + b) + c` over the T valid
    segments of the video (10 in the AVE dataset, for which the factor was 10). Two linear layers classify
    :math:`f'_t`.

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
    A reconstruction: the authors published no code. An audio-visual fusion block in bilinear form and a
    segment-wise attention block are the paper's; how :math:`z_t` is used, the form of both attentions and all
    sizes are choices made here (2,174,415 parameters at the AVE dataset's sizes, of which c has no effect, as the
    softmax cancels it). The attention over regions is in its published form, which matches sound with content. The
    paper's unsupervised training with triplets is left out.

    References
    ----------
    .. [1] J. Ramaswamy and S. Das, "See the sound, hear the pixels", WACV 2020.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVRBNet
    >>> network = AVRBNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> network = AVRBNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    2174415
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
        self.residual_a = linear(hidden_size, hidden_size, bias=True)
        self.residual_v = linear(hidden_size, hidden_size, bias=True)
        self.segment_attention = SegmentAttention(hidden_size)
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
            ``logits`` (n, T, C), ``fused`` (n, T, hidden_size), ``similarity`` (n, T), the cosine of
            :math:`h^v_t` and :math:`h^a_t`; with weak supervision ``video_logits`` (n, C); with maps ``attention``
            (n, T, H, W).
        """
        a, v, attention = self.encoder(audio, visual, mask)  # (n, T, hidden_size)
        z = self.bilinear(a, v)
        fused = (torch.tanh(a + self.residual_a(z)) + torch.tanh(v + self.residual_v(z))) / 2
        fused = self.segment_attention(fused, mask)
        similarity = F.cosine_similarity(v, a, dim=-1)
        return {**self.head(fused, mask), **attention, "fused": fused, "similarity": similarity}
