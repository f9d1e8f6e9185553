"""AVSDN: a sequence-to-sequence network, whose decoder starts from the fused summary of both modalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_share, check_size
from ave_sklearn.nn.attention import AVGA, attend
from ave_sklearn.nn.encoders import BiLSTM
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import Dropout
from ave_sklearn.nn.systems.dmrn import ResidualFusion

if TYPE_CHECKING:
    from typing import Literal

    from ave_sklearn._typing import Pooling, Supervision


class AVSDNNet(nn.Module):
    r"""Audio-visual sequence-to-sequence dual network [1]_: two encoders, fused states, a decoder over segments.

    With :math:`v_t` the pooled regions, and :math:`(h^a, c^a)`, :math:`(h^v, c^v)` the states in which the BiLSTMs of
    a and of v end, each of both directions,

    .. math::

        h_0 &= \mathrm{fuse}(\mathrm{ReLU}(h^v), \mathrm{ReLU}(h^a)), \\
        c_0 &= \mathrm{fuse}(\mathrm{ReLU}(c^v), \mathrm{ReLU}(c^a)), \\
        f &= \mathrm{ReLU}(\mathrm{BiLSTM}([a; v]; h_0, c_0)), \\
        s_t &= W_2\,\mathrm{ReLU}(W_1 f_t + b_1) + b_2 ,

    where fuse is the mean of what one :class:`ResidualFusion` returns, the same for h and c.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    attention : {"avga", "mean"}, default="avga"
        Reduction of maps to one vector a segment: audio-guided attention, or the mean over regions.
    hidden_size : int, default=256
        Length of each BiLSTM's codes, both directions together: even.
    dropout : float, default=0.0
        On the decoder's outputs.
    weighting : bool, default=False
        PSP's weighting branch (Eq. 5 of its paper); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the scores over time; weak supervision only.

    Notes
    -----
    A reconstruction: no code of the authors is known. The trunk is written from a description of the re-implementation
    in CPSP's code, which adds the attention and lets the LSTMs run in both directions; ``attention="mean"`` is nearer
    to the paper, which has no attention. The attention is :class:`AVGA` in its published form, which matches sound with
    content; the re-implementation has the released one. The classifier is that of :class:`AVELNet`, since CPSP's is its
    own gated one. It has 2,173,390 trainable parameters at the AVE dataset's sizes (1,794,461 with
    ``attention="mean"``), which is no check against the paper.

    The estimators' losses are cross-entropy of the segments and Eq. 11 of PSP.

    References
    ----------
    .. [1] Y.-B. Lin, Y.-J. Li and Y.-C. F. Wang, "Dual-modality seq2seq network for audio-visual event
       localization", ICASSP 2019.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVSDNNet
    >>> network = AVSDNNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 8)
    >>> network = AVSDNNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    2173390
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        attention: Literal["avga", "mean"] = "avga",
        hidden_size: int = 256,
        dropout: float = 0.0,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_choice("attention", attention, ["avga", "mean"])
        check_size("hidden_size", hidden_size, even=True)
        check_share("dropout", dropout)
        self.average = bool(n_regions) and attention == "mean"
        self.attention = AVGA(n_audio_features, n_visual_features) if n_regions and not self.average else None
        self.audio_lstm = BiLSTM(n_audio_features, hidden_size)
        self.visual_lstm = BiLSTM(n_visual_features, hidden_size)
        self.fusion = ResidualFusion(hidden_size // 2)
        self.decoder = BiLSTM(n_audio_features + n_visual_features, hidden_size)
        self.dropout = Dropout(dropout)
        self.head = flat_head(hidden_size, n_classes, supervision, weighting=weighting, pooling=pooling)

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
            ``logits`` (n, T, C), ``fused`` (n, T, hidden_size); with weak supervision ``video_logits`` (n, C); with
            ``attention="avga"`` and maps ``attention`` (n, T, H, W).
        """
        v, attention = self.pool_regions(audio, visual)  # (n, T, d_v)
        state = self.summarize(audio, v, mask)  # h and c, each (2, n, hidden_size / 2)
        codes, _ = self.decoder.run(torch.cat([audio, v], -1), mask, state)  # (n, T, hidden_size)
        fused = self.dropout(F.relu(codes))
        return {**self.head(fused, mask), **attention, "fused": fused}

    def pool_regions(self, audio: Tensor, visual: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return visual features (n, T, d_v) and the dict of :func:`attend`, empty without attention."""
        if self.average:
            return visual.flatten(2, -2).mean(2), {}
        return attend(self.attention, audio, visual)

    def summarize(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the state (h, c) that the decoder starts from: both encoders' final states, fused."""
        final_a, final_v = self.audio_lstm.run(audio, mask)[1], self.visual_lstm.run(visual, mask)[1]
        fused = [self.fusion(F.relu(v), F.relu(a)) for v, a in zip(final_v, final_a, strict=True)]  # of h, then of c
        return tuple((v + a) / 2 for v, a in fused)
