"""AVT: a transformer over the regions of each segment, with the audio as its query."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_share, check_size
from ave_sklearn.nn.blocking import in_blocks
from ave_sklearn.nn.encoders import BiLSTM, encode_both
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import Positions, linear
from ave_sklearn.nn.transformer import TransformerDecoderLayer, TransformerEncoderLayer

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision


def with_neighbours(x, mask=None):
    """Join each segment with the one before and the one after it; the ends of a video are their own neighbours.

    Parameters
    ----------
    x : Tensor of shape (n, T, N, d)
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding, which is no neighbour.

    Returns
    -------
    joined : Tensor of shape (n, T, N, 3 d)
    """
    before = torch.cat([x[:, :1], x[:, :-1]], 1)
    after = torch.cat([x[:, 1:], x[:, -1:]], 1)
    if mask is not None:
        has_next = F.pad(mask[:, 1:], (0, 1))  # (n, T)
        after = torch.where(has_next[:, :, None, None], after, x)
    return torch.cat([before, x, after], -1)


class InstanceAttention(nn.Module):
    r"""Scores :math:`(W_q q + b_q) \cdot (W_k x_l + b_k) / \sqrt d` of a segment's regions, and their weighted sum.

    Called as :class:`AVGA`, with queries (n, T, d) and regions (n, T, N, d).

    Parameters
    ----------
    n_features : int
        d.
    """

    def __init__(self, n_features):
        super().__init__()
        self.query = linear(n_features, n_features, bias=True)
        self.key = linear(n_features, n_features, bias=True)

    def forward(self, query, regions):
        """Return the attended regions (n, T, d) and their weights (n, T, N), whose rows sum to 1."""
        q = self.query(query)
        asked, constant = q @ self.key.weight, q @ self.key.bias  # W_k' q and q . b_k: no keys for all regions
        score = torch.einsum("btd,btld->btl", asked, regions) + constant.unsqueeze(-1)
        attention = (score / regions.shape[-1] ** 0.5).softmax(-1)
        return torch.einsum("btl,btld->btd", attention, regions), attention


class AVTNet(nn.Module):
    r"""Audiovisual transformer with instance attention [1]_.

    With regions :math:`V_{t,l}` and a learned :math:`p_l`, and transformer layers over the regions of each segment,

    .. math::

        x_{t,l} &= \mathrm{encoder}(\mathrm{ReLU}(W [V_{t-1,l}, V_{t,l}, V_{t+1,l}] + b) + p_l), \\
        a_t' &= W_a a_t + b_a, \qquad q_t = \mathrm{decoder}(a_t', x_t), \\
        o_t &= \sum_l w_{t,l}\,x_{t,l}, \qquad
        w_t = \mathrm{softmax}_l((W_i q_t + b_i) \cdot (W_k x_{t,l} + b_k) / \sqrt d) .

    A BiLSTM over :math:`a_t' + q_t` and one over :math:`o_t` give what is classified.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`; maps must have `n_regions` regions, and pooled visual features are a map of one.
    hidden_size : int, default=256
        d, of the transformer and of the LSTMs, both directions together: even, a multiple of `n_heads`.
    n_heads : int, default=4
    feedforward_size : int, default=1024
    dropout : float, default=0.1
        Of the transformer layers.
    weighting : bool, default=False
        The weighting branch of PSP (Eq. 5); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the scores over time; weak supervision only.

    Notes
    -----
    A reconstruction: known are the attention over regions, neighbouring segments and audio, and the instance
    attention, whose weights are the map shown; widths, order and heads are not. 3,239,069 parameters at the AVE
    dataset's sizes. Of these the query and key layers of the decoder's self-attention (131,584) change nothing, for a
    segment has one audio token: they are there as in :class:`torch.nn.TransformerDecoderLayer`. All linear layers start
    by Xavier's rule, those of the attentions one by one, unlike torch's.

    References
    ----------
    .. [1] Y.-B. Lin and Y.-C. F. Wang, "Audiovisual transformer with instance attention for audio-visual event
       localization", ACCV 2020.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVTNet
    >>> network = AVTNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    fused (2, 10, 16)
    similarity (2, 10)
    attention (2, 10, 3, 3)
    >>> share = outputs["attention"].sum((2, 3))  # of all regions together
    >>> torch.allclose(share, torch.ones(2, 10))
    True
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        hidden_size: int = 256,
        n_heads: int = 4,
        feedforward_size: int = 1024,
        dropout: float = 0.1,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_size("n_heads", n_heads)
        check_size("hidden_size", hidden_size, even=True, divisor=n_heads)
        check_size("feedforward_size", feedforward_size)
        check_share("dropout", dropout)
        self.pooled = n_regions is None
        self.widest = max(hidden_size, feedforward_size)
        layer = hidden_size, n_heads, feedforward_size, dropout
        self.audio = linear(n_audio_features, hidden_size, bias=True)
        self.visual = linear(3 * n_visual_features, hidden_size, bias=True)
        self.positions = Positions(n_regions or 1, hidden_size)
        self.encoder = TransformerEncoderLayer(*layer)
        self.decoder = TransformerDecoderLayer(*layer)
        self.attention = InstanceAttention(hidden_size)
        self.audio_lstm = BiLSTM(hidden_size, hidden_size)
        self.visual_lstm = BiLSTM(hidden_size, hidden_size)
        self.head = flat_head(2 * hidden_size, n_classes, supervision, weighting=weighting, pooling=pooling)

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
            ``logits`` (n, T, C), ``fused`` (n, T, 2 d), ``similarity`` (n, T); with weak supervision
            ``video_logits`` (n, C); with maps ``attention`` (n, T, H, W).
        """
        maps = visual.unsqueeze(2) if self.pooled else visual
        a = self.audio(audio)  # (n, T, d), as all below
        x, q = in_blocks(self.look, self.video_size(maps), a, maps.flatten(2, -2), mask)  # x is (n, T, N, d)
        o, weights = self.attention(q, x)
        h_a, h_v = encode_both(self.audio_lstm, self.visual_lstm, a + q, o, mask)
        fused = torch.cat([h_a, h_v], -1)
        outputs = {"fused": fused, "similarity": F.cosine_similarity(h_v, h_a, dim=-1)}
        if not self.pooled:
            outputs["attention"] = weights.unflatten(-1, visual.shape[2:-1])
        return {**self.head(fused, mask), **outputs}

    def video_size(self, maps: Tensor) -> int:
        """Return how many numbers of a video of `maps` lie between two layers."""
        return math.prod(maps.shape[1:-1]) * self.widest

    def look(self, audio: Tensor, regions: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the encoded regions (n, T, N, d), and what the audio (n, T, d) finds among them (n, T, d)."""
        x = self.encode(regions, mask)
        return x, self.decoder(audio.unsqueeze(2), x).squeeze(2)

    def encode(self, regions: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the regions (n, T, N, d) in the light of their segment's others and of its neighbours."""
        x = self.positions(F.relu(self.visual(with_neighbours(regions, mask))))
        return self.encoder(x, x)
