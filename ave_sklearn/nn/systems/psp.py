"""The paper's two networks, as its equations say and as its authors released them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_flag, check_share, check_size
from ave_sklearn.nn.attention import AVGA
from ave_sklearn.nn.encoders import ENCODER_TAPS, Encoder, attended_encoder
from ave_sklearn.nn.heads import Fusion, SegmentHead, VideoHead
from ave_sklearn.nn.layers import linear
from ave_sklearn.nn.propagation import PSP
from ave_sklearn.nn.taps import Tap

if TYPE_CHECKING:
    from ave_sklearn._typing import Supervision, Variant

DROPOUT = {"full": 0.0, "weak": 0.2}  # what dropout=None is
RELEASED_WIDTH = 128  # of each modality in front of its LSTM in the released networks


def released_bottleneck(n_in):
    """Return the two linear layers, without an activation between them, of the authors' fully supervised code."""
    inner, outer = linear(n_in, 256, init="torch"), linear(256, RELEASED_WIDTH, init="torch")
    return nn.Sequential(inner, outer)


def released_encoder(d_a, d_v, n_regions, hidden_size, self_attention, weak):
    """Return the authors' encoder, with its layers in front of the LSTMs, linear on linear."""
    visual_input = linear(d_v, RELEASED_WIDTH, bias=True, init="torch") if weak else released_bottleneck(d_v)
    audio_input = None if weak else released_bottleneck(d_a)
    d_a = d_a if weak else RELEASED_WIDTH
    return Encoder(
        d_a,
        RELEASED_WIDTH,
        hidden_size,
        attention=AVGA(d_a, d_v, n_regions=n_regions) if n_regions else None,
        audio_input=audio_input,
        visual_input=visual_input,
        self_attention=self_attention,
    )


class PSPTrunk(nn.Module):
    """Encoder, positive sample propagation and fusion: the network in front of its classifier (Fig. 2).

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        d_a and d_v.
    n_regions : int or None, default=None
        N = H * W of visual maps; None for pooled visual features, which need no attention.
    variant, tau, hidden_size
        See :class:`PSPNet`.
    dropout : float, default=0.0
        In the linear layers and, with ``variant="paper"``, behind the LSTMs.
    self_attention : bool, default=False
        See :class:`PSPNet`.
    weak_release : bool, default=False
        The release's weakly supervised network, which differs from its fully supervised one; of
        ``variant="released"`` only.

    Examples
    --------
    Two videos of ten segments, with visual maps of 3 x 3 regions:

    >>> import torch
    >>> from ave_sklearn.nn import PSPTrunk
    >>> trunk = PSPTrunk(6, 5, n_regions=9, hidden_size=8)
    >>> outputs = trunk(torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5))
    >>> for name, output in outputs.items():
    ...     print(name, tuple(output.shape))
    gamma_va (2, 10, 10)
    gamma_av (2, 10, 10)
    attention (2, 10, 3, 3)
    fused (2, 10, 8)
    similarity (2, 10)
    """

    layer_taps = {**ENCODER_TAPS, "propagated": (Tap("psp", item=1), Tap("psp", item=0))}

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_regions: int | None = None,
        *,
        variant: Variant = "paper",
        tau: float | None = 0.095,
        hidden_size: int = 128,
        dropout: float = 0.0,
        self_attention: bool = False,
        weak_release: bool = False,
    ) -> None:
        super().__init__()
        check_choice("variant", variant, ["paper", "released"])
        check_tau(tau)
        check_size("hidden_size", hidden_size, even=True)
        check_share("dropout", dropout)
        check_flag("self_attention", self_attention)
        self.released = variant == "released"
        weak = self.released and weak_release
        shape = n_audio_features, n_visual_features, n_regions, hidden_size
        if self.released:
            self.encoder = released_encoder(*shape, self_attention, weak)
        else:  # Sec. 4.2: raw features to attention and LSTMs
            self.encoder = attended_encoder(*shape, self_attention=self_attention, dropout=dropout)
        self.psp = PSP(hidden_size, tau, dropout, self.released, renormalize=not weak)
        activation = F.relu if self.released and not weak else None
        self.fusion = Fusion(hidden_size, dropout, project=not weak, activation=activation)

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Encode, propagate and fuse.

        Parameters
        ----------
        audio : Tensor of shape (n, T, d_a)
        visual : Tensor of shape (n, T, d_v) or (n, T, H, W, d_v)
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding at the end of videos.

        Returns
        -------
        outputs : dict of Tensors
            ``fused`` (n, T, d_l), ``similarity`` (n, T), the cosine that L_avps takes; with propagation ``gamma_va``
            and ``gamma_av`` (n, T, T); with maps ``attention`` (n, T, H, W).
        """
        a, v, attention = self.encoder(audio, visual, mask)
        v, a, gamma = self.psp(v, a, mask)
        fused, v_normed, a_normed = self.fusion(v, a)
        pair = (v_normed, a_normed) if self.released else (v, a)
        return {**gamma, **attention, "fused": fused, "similarity": F.cosine_similarity(*pair, dim=-1)}


def choose_dropout(dropout, supervision):
    """Return `dropout`, or where it is None what it is with this supervision."""
    check_choice("supervision", supervision, list(DROPOUT))
    return DROPOUT[supervision] if dropout is None else dropout


def check_tau(tau):
    """Raise ValueError unless `tau` is None, -inf or in [0, 1]."""
    if tau is not None and tau != -math.inf:
        check_share("tau", tau, whole=True)


class PSPNet(PSPTrunk):
    """The paper's network (Fig. 2): encoder, positive sample propagation, fusion, classifier.

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        d_a and d_v.
    n_classes : int
        C, background included.
    n_regions : int or None, default=None
        N = H * W of visual maps; None for pooled visual features, which need no attention.
    supervision : {"full", "weak"}, default="full"
    variant : {"paper", "released"}, default="paper"
        The equations, or the authors' code layer by layer.
    tau : float or None, default=0.095
        See :func:`ave_sklearn.nn.prune`; None is no propagation ("w/o PSP", Table 1).
    hidden_size : int, default=128
        d_l, both LSTM directions together; the authors' code has 256, the paper gives no number.
    dropout : float or None, default=None
        None is 0, or 0.2 with weak supervision.
    self_attention : bool, default=False
        Self-attention over the segments of each modality before its LSTM (SAPSP, Table 1).
    weighting : bool, default=True
        The weighting branch of Eq. 5; weak supervision only.

    Notes
    -----
    Checked against the released code: with ``variant="released"``, for weights and videos made from a seed, the outputs
    are the same to 1e-6 (1,548,657 and, weakly supervised, 1,253,902 parameters at the AVE dataset's sizes and
    ``hidden_size=256``).

    With ``variant="paper"`` these are choices, for the paper is silent on them: d_h of Eq. 1 is d_l; the classifier's
    d_h is 64, as in the authors' code; linear layers have no bias, but for the attention's; one layer norm serves both
    modalities; ReLU lies between the two layers of the fully supervised classifier, and nothing between those of the
    weakly supervised one, as Eq. 5 has it; dropout lies behind the LSTMs too; W_2 starts at a tenth of Xavier's size.

    References
    ----------
    .. [1] J. Zhou et al., "Positive sample propagation along the audio-visual event line", CVPR 2021.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import PSPNet
    >>> network = PSPNet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    gamma_va (2, 10, 10)
    gamma_av (2, 10, 10)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> sizes = 128, 512, 29, 49  # those of the AVE dataset
    >>> released = PSPNet(*sizes, variant="released", hidden_size=256)
    >>> sum(weight.numel() for weight in released.parameters())
    1548657
    """

    pair_loss_weight = 10.0  # lam, where an estimator leaves it to the network

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        variant: Variant = "paper",
        tau: float | None = 0.095,
        hidden_size: int = 128,
        dropout: float | None = None,
        self_attention: bool = False,
        weighting: bool = True,
    ) -> None:
        weak, dropout = supervision == "weak", choose_dropout(dropout, supervision)
        super().__init__(
            n_audio_features,
            n_visual_features,
            n_regions,
            variant=variant,
            tau=tau,
            hidden_size=hidden_size,
            dropout=dropout,
            self_attention=self_attention,
            weak_release=weak,
        )
        # W_4 and W_5 of the paper's weak classifier have no activation between them
        activation = nn.Identity() if weak and not self.released else None
        scores = SegmentHead(hidden_size, n_classes, dropout=0.0 if self.released else dropout, activation=activation)
        gate = F.relu if self.released else None
        self.head = VideoHead(scores, n_classes, weighting, gate) if weak else scores

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
            ``logits`` (n, T, C), ``fused`` (n, T, d_l), ``similarity`` (n, T), the cosine that L_avps takes;
            with weak supervision ``video_logits`` (n, C); with propagation ``gamma_va`` and ``gamma_av``
            (n, T, T); with maps ``attention`` (n, T, H, W).
        """
        outputs = super().forward(audio, visual, mask)
        return {**self.head(outputs["fused"], mask), **outputs}
