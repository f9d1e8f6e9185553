"""AVEL: audio-guided attention, an LSTM for each modality, and both side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_share, check_size
from ave_sklearn.nn.encoders import ENCODER_TAPS, attended_encoder
from ave_sklearn.nn.heads import flat_head

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision, Variant


def avel_encoder(d_a, d_v, n_regions, variant, hidden_size, dropout, init="xavier"):
    """Return the attention and the two BiLSTMs of AVEL and DMRN, after checking what describes them."""
    check_choice("variant", variant, ["paper", "released"])
    check_size("hidden_size", hidden_size, even=True)
    check_share("dropout", dropout)
    form = {"transposed": variant == "released", "init": init}
    return attended_encoder(d_a, d_v, n_regions, hidden_size, dropout=dropout, **form)


class AVELNet(nn.Module):
    r"""Audio-visual event localization network [1]_: A+V-att, the modalities fused by concatenation.

    With :math:`v_t` the regions pooled by :class:`AVGA`,

    .. math::

        h^a &= \mathrm{BiLSTM}(a), \quad h^v = \mathrm{BiLSTM}(v), \\
        f_t &= \mathrm{ReLU}([h^a_t; h^v_t]), \quad s_t = W_2\,\mathrm{ReLU}(W_1 f_t + b_1) + b_2 .

    With weak supervision the scores :math:`s_t` are pooled over time.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    variant : {"paper", "released"}, default="paper"
        Form of the attention: audio matched with content, or the authors' code (see :class:`AVGA`).
    hidden_size : int, default=256
        Length of each modality's codes, both LSTM directions together: even.
    dropout : float, default=0.0
        On the LSTMs' outputs; the authors have none.
    weighting : bool, default=False
        PSP's weighting branch (Eq. 5 of its paper); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the scores over time, "mean" in the paper and "max" in the authors' code; weak supervision only.

    Notes
    -----
    Written from a description of the authors' code, layer by layer; the paper's attention from its equation. The
    number of trainable parameters is that of the authors' networks, 1,335,246 at the AVE dataset's sizes in both
    variants and with both kinds of supervision. With ``variant="released"``, and ``pooling="max"`` for weak
    supervision, the tests compare outputs, the authors' loss and its gradient norms with theirs, for weights and videos
    made from a seed: they agree to 1e-7 in float64.

    Training departs from theirs: here the estimators' losses are cross-entropy of the segments and Eq. 11 of PSP. The
    authors' code has a multi-label soft margin loss on the softmax's probabilities with both, and the paper
    says cross-entropy. With weak supervision it takes the videos' categories and 178 videos of background more, which
    are parameters here: ``target="category"`` of the estimator, ``background_videos=True`` of
    :func:`ave_sklearn.datasets.load_ave`. ``similarity`` is this package's: PSP's paper adds L_avps to AVEL (Table 2)
    and does not say of which features.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-visual event localization in unconstrained videos", ECCV 2018.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import AVELNet
    >>> network = AVELNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 16)
    similarity (2, 10)
    >>> network = AVELNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    1335246
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
        dropout: float = 0.0,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        self.encoder = avel_encoder(n_audio_features, n_visual_features, n_regions, variant, hidden_size, dropout)
        self.head = flat_head(2 * hidden_size, n_classes, supervision, weighting=weighting, pooling=pooling)

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
            ``logits`` (n, T, C), ``fused`` (n, T, 2 * hidden_size), ``similarity`` (n, T), the cosine of the two
            modalities' codes; with weak supervision ``video_logits`` (n, C); with maps ``attention`` (n, T, H, W).
        """
        a, v, attention = self.encoder(audio, visual, mask)  # (n, T, hidden_size) each
        fused = F.relu(torch.cat([a, v], -1))  # (n, T, 2 * hidden_size)
        outputs = {"fused": fused, "similarity": F.cosine_similarity(v, a, dim=-1)}
        return {**self.head(fused, mask), **attention, **outputs}
