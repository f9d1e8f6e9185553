"""CMRAN: relations within each modality, across them and between both, with a gated head."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_share, check_size
from ave_sklearn.nn.agsca import AGSCA, attend_adapted
from ave_sklearn.nn.gated import GatedHead, count_events
from ave_sklearn.nn.relations import CrossModalRelation, Interaction, IntraModalRelation, adapter
from ave_sklearn.nn.taps import encoder_taps

if TYPE_CHECKING:
    from ave_sklearn._typing import Supervision


class CMRANNet(nn.Module):
    r"""Cross-modal relation-aware network [1]_, with a gated head.

    An adapter, :math:`\mathrm{dropout}(\mathrm{ReLU}(W V_l + b))` at each region, and :class:`AGSCA` give the visual
    feature :math:`v_t` of each segment. Then, with transformer layers over the segments of a video,

    .. math::

        E^v &= \mathrm{intra}(v), \quad E^a = \mathrm{intra}(a), \\
        Q^v &= \mathrm{cross}(v, [E^a, v]), \quad Q^a = \mathrm{cross}(a, [E^v, a]), \\
        o &= \mathrm{LN}(g + \mathrm{dropout}(\mathrm{MHA}(g, [Q^a, Q^v]))), \quad g = Q^v \odot Q^a .

    :class:`GatedHead` on `o` pools by the maximum over time.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`; any number of regions, and pooled visual features are a map of one region. Weakly
        supervised, background is a category too, and the last attention has half the heads.
    hidden_size : int, default=256
        Width of all relations, a multiple of `n_heads`.
    n_heads : int, default=4
        Of each attention over segments; even with weak supervision.
    feedforward_size : int, default=2048
    n_layers : int, default=2
        Within each modality.
    dropout : float, default=0.1
        Of the transformer layers.
    adapter_dropout : float, default=0.2
        Of the adapter.

    Notes
    -----
    Written from the authors' code: 9,509,150 trainable parameters at the AVE dataset's sizes, 9,509,407 with weak
    supervision, as many as theirs that receive a gradient. The tests compare outputs, the authors'
    losses and their gradient norms with theirs, for weights and videos made from a seed: they agree to 1e-7 in float64.
    So do outputs with each dropout of rate p replaced by a factor 1 - p, which tells where it acts and how strongly.
    Weights start as wide as theirs, which is as torch's own layers do (attention as
    :class:`torch.nn.MultiheadAttention`).

    It departs from their code in these: the layers within a modality are drawn one by one, where theirs start as copies
    of one; a video without an event has no category in the loss, where theirs has the first; and ``similarity``, for
    L_avps, is this package's. Weakly supervised, the authors train with a multi-label soft margin loss on the
    probabilities of :math:`\max_t \sigma(e_t)\,c`, the videos' categories and 178 videos of background more; here it is
    Eq. 11 of PSP on them, and the targets are parameters: ``target="category"`` of the estimator,
    ``background_videos=True`` of :func:`ave_sklearn.datasets.load_ave`.

    References
    ----------
    .. [1] H. Xu et al., "Cross-modal relation-aware networks for audio-visual event localization", ACM MM 2020.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import CMRANNet
    >>> network = CMRANNet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    event_logits (2, 10)
    category_logits (2, 3)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> weak = CMRANNet(6, 5, n_classes=4, supervision="weak", hidden_size=8)
    >>> tuple(weak(audio, visual)["video_logits"].shape)  # background included
    (2, 4)
    """

    layer_taps = encoder_taps("audio_intra", "visual_intra")

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
        feedforward_size: int = 2048,
        n_layers: int = 2,
        dropout: float = 0.1,
        adapter_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        check_choice("supervision", supervision, ["full", "weak"])
        weak = supervision == "weak"
        check_size("n_heads", n_heads, divisor=2 if weak else 1)
        check_size("hidden_size", hidden_size, divisor=n_heads)
        check_size("feedforward_size", feedforward_size)
        check_size("n_layers", n_layers)
        check_share("dropout", dropout)
        check_share("adapter_dropout", adapter_dropout)
        layer = {"n_heads": n_heads, "feedforward_size": feedforward_size, "dropout": dropout}
        self.adapter = adapter(n_visual_features, adapter_dropout)
        self.attention = AGSCA(n_audio_features, n_visual_features)
        self.audio_intra = IntraModalRelation(n_audio_features, hidden_size, n_layers, **layer)
        self.visual_intra = IntraModalRelation(n_visual_features, hidden_size, n_layers, **layer)
        self.audio_cross = CrossModalRelation(n_audio_features, hidden_size, **layer)
        self.visual_cross = CrossModalRelation(n_visual_features, hidden_size, **layer)
        self.interaction = Interaction(hidden_size, n_heads // 2 if weak else n_heads, dropout, init="torch")
        n_categories = n_classes if weak else count_events(n_classes)
        self.head = GatedHead(hidden_size, n_categories, pooling="max", weak=weak, init="torch")

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Classify every video, and every segment as event or background.

        Parameters
        ----------
        audio : Tensor of shape (n, T, d_a)
        visual : Tensor of shape (n, T, d_v) or (n, T, H, W, d_v)
        mask : bool Tensor of shape (n, T) or None
            False on padding at the end of videos.

        Returns
        -------
        outputs : dict of Tensors
            ``event_logits`` (n, T); ``category_logits`` (n, C - 1), with weak supervision (n, C), and
            ``video_logits`` of that shape too; ``fused`` (n, T, hidden_size), ``similarity`` (n, T); with maps
            ``attention`` (n, T, H, W).
        """
        v, attention = attend_adapted(self.attention, audio, visual, self.adapter)  # (n, T, d_v)
        q_a = self.audio_cross(audio, self.visual_intra(v, mask), mask)  # (n, T, d), as all below
        q_v = self.visual_cross(v, self.audio_intra(audio, mask), mask)
        fused = self.interaction(q_a, q_v, mask)
        similarity = F.cosine_similarity(q_v, q_a, dim=-1)
        return {**self.head(fused, mask), **attention, "fused": fused, "similarity": similarity}
