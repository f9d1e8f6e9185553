"""DAM: dual attention matching, of one modality's segments with the other modality's whole video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_full_only, check_share, check_size
from ave_sklearn.nn.attention import AVGA, attend
from ave_sklearn.nn.gated import count_events, mean_logit
from ave_sklearn.nn.heads import SegmentHead
from ave_sklearn.nn.layers import Dropout, linear, masked_mean
from ave_sklearn.nn.transformer import AttentionBlock

if TYPE_CHECKING:
    from typing import Literal


class GlobalFeature(nn.Module):
    r"""One vector for a video: self-attention over its segments, then their mean.

    .. math:: \phi(F) = \mathrm{avg}_t\,\mathrm{LN}(F + \mathrm{softmax}(Q K^\top / \sqrt d)\,U)

    with `Q`, `K` and, in two steps, `U` linear in `F`.

    Parameters
    ----------
    size : int
        Length d of the features, kept.
    """

    def __init__(self, size):
        super().__init__()
        self.context = AttentionBlock(size)

    def forward(self, x, mask=None):
        """Return (n, d) for `x` (n, T, d); `mask` (n, T) hides invalid segments."""
        return masked_mean(self.context(x, x, mask), mask)


class DAMNet(nn.Module):
    r"""DAM, dual attention matching [1]_: segments of one modality against the whole of the other.

    With :math:`f^v_t` and :math:`f^a_t` a segment's features, of length d, and :math:`\phi` the global feature of a
    modality (:math:`\kappa = \sqrt d`, or 1 if not `scaled`),

    .. math:: p_t = \tfrac12 [\sigma(\phi(f^v) \cdot f^a_t / \kappa) + \sigma(\phi(f^a) \cdot f^v_t / \kappa)]

    is the probability of an event. The category of the video is classified from :math:`[\phi(f^v); \phi(f^a)]`.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions
        See :class:`PSPNet`.
    supervision : {"full"}, default="full"
        DAM has no weakly supervised form.
    hidden_size : int, default=256
        Length d of each modality's features, and width of the category classifier's hidden layer.
    dropout : float, default=0.0
        On both modalities' segment features and before each layer of the category classifier; the description has
        none.
    scaled : bool, default=True
        Divide the dot products by the square root of `hidden_size`.

    Notes
    -----
    A reconstruction: no code of the authors was found. The description gives the division of the dot products as a
    remedy for unstable training; it is the default here. Widths are choices, and so is an output projection in the
    self-attention, which with one head adds no function that it could not have without (1,209,165 parameters at the
    AVE dataset's sizes, of which the keys' two biases have no effect, as the softmax cancels them). The published
    loss weighs the category's cross-entropy and the mean binary cross-entropy of `p` by 0.5 each; the estimators
    take their sum. :class:`AVGA` is in its published form, which matches sound with content.

    References
    ----------
    .. [1] Y. Wu et al., "Dual attention matching for audio-visual event localization", ICCV 2019.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import DAMNet
    >>> network = DAMNet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    event_logits (2, 10)
    category_logits (2, 3)
    fused (2, 10, 16)
    similarity (2, 10)
    >>> network = DAMNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    1209165
    """

    supervisions = ("full",)

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Literal["full"] = "full",
        hidden_size: int = 256,
        dropout: float = 0.0,
        scaled: bool = True,
    ) -> None:
        super().__init__()
        check_full_only("DAM", supervision)
        check_size("hidden_size", hidden_size)
        check_share("dropout", dropout)
        self.attention = AVGA(n_audio_features, n_visual_features) if n_regions else None
        self.visual = linear(n_visual_features, hidden_size, bias=True)
        self.audio = linear(n_audio_features, hidden_size, bias=True)
        self.visual_global, self.audio_global = GlobalFeature(hidden_size), GlobalFeature(hidden_size)
        self.category = SegmentHead(2 * hidden_size, count_events(n_classes), hidden_size, dropout, bias=True)
        self.dropout = Dropout(dropout)
        self.divisor = hidden_size**0.5 if scaled else 1.0

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return a dict: ``event_logits`` (n, T), ``category_logits`` (n, C - 1), ``fused`` (n, T, 2 d).

        ``fused`` is both modalities' segment features, concatenated, and ``similarity`` (n, T) their cosine. With
        maps there is ``attention`` (n, T, H, W). See :meth:`PSPNet.forward` for the arguments.
        """
        v, attention = attend(self.attention, audio, visual)  # (n, T, d_v)
        f_v = self.dropout(F.relu(self.visual(v)))  # (n, T, d)
        f_a = self.dropout(F.relu(self.audio(audio)))
        phi_v, phi_a = self.visual_global(f_v, mask), self.audio_global(f_a, mask)  # (n, d)
        category = self.category(torch.cat([phi_v, phi_a], -1))["logits"]
        return {
            "event_logits": mean_logit(self.match(phi_v, f_a), self.match(phi_a, f_v)),
            "category_logits": category,
            "fused": torch.cat([f_v, f_a], -1),
            "similarity": F.cosine_similarity(f_v, f_a, dim=-1),
            **attention,
        }

    def match(self, phi: Tensor, f: Tensor) -> Tensor:
        """Return the dot products (n, T) of a modality's global feature (n, d) with the other's segments (n, T, d)."""
        return torch.einsum("bd,btd->bt", phi, f) / self.divisor
