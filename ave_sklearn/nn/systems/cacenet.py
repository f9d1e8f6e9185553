"""CACE-Net: CMBS with audio guided by vision too, and a contrast of events and background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_count, check_full_only, check_weight
from ave_sklearn.nn.agsca import attend_adapted, region_context, video_size
from ave_sklearn.nn.attention import ContextBlock, SingleHeadAttention
from ave_sklearn.nn.blocking import in_blocks
from ave_sklearn.nn.contrastive import view_contrastive_loss
from ave_sklearn.nn.layers import Noise, linear, mean_over
from ave_sklearn.nn.systems.cmbs import CMBSNet, SuppressionLoss

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

RELEASED_WAIT = 25 * 53  # batches: 25 epochs of the AVE dataset's training videos, 64 at a time


class AudioGuidance(nn.Module):
    r"""Audio features amplified by what is seen, over the segments of a video.

    .. math::

        R_t = \mathrm{mean}_l\,\mathrm{context}(V_t)_l, \qquad B = \mathrm{context}(a), \qquad
        a_t \leftarrow a_t\,(1 + \psi\,\sigma(A(R, B)_t))

    with :class:`ContextBlock` over the regions of a segment and over the segments, and :class:`SingleHeadAttention` A.

    Parameters
    ----------
    n_audio_features, n_visual_features : int
    psi : float
    dropout : float
        Of both contexts.
    scaled : bool
        See :class:`SingleHeadAttention`; of all three attentions.
    norm : torch.nn.LayerNorm or None
        Of the regions' context; see :class:`ContextBlock`.
    """

    def __init__(self, n_audio_features, n_visual_features, *, psi, dropout, scaled, norm):
        super().__init__()
        d_a = n_audio_features
        self.regions = region_context(n_visual_features, dropout, scaled=scaled, norm=norm)
        self.segments = ContextBlock(d_a, d_a, dropout, scaled=scaled)
        self.attention = SingleHeadAttention(n_visual_features, d_a, d_a, d_a, scaled=scaled)
        self.psi = psi

    def forward(self, audio, visual, mask=None):
        """Return the guided audio features (n, T, d_a); visual ones are (n, T, ..., d_v), with or without a map."""
        regions = visual.reshape(*visual.shape[:2], -1, visual.shape[-1])  # (n, T, N, d_v)
        seen = in_blocks(lambda block: mean_over(self.regions(block), 2), video_size(regions), regions)
        context = self.segments(audio, mask)
        return audio * (1 + self.psi * torch.sigmoid(self.attention(seen, context, mask)))


class Switch(nn.Module):
    """A switch that goes on for good with a training batch, and that a saved network remembers.

    Parameters
    ----------
    wait : int
        How many training batches it is off.
    """

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait
        self.register_buffer("n_batches", torch.zeros((), dtype=torch.int64))
        self.register_buffer("is_on", torch.full((), wait == 0))

    def reset(self) -> None:
        """Start anew."""
        self.n_batches.zero_()
        self.is_on.fill_(self.wait == 0)

    def forward(self) -> bool:
        """Tell whether it is on for this batch, which counts in training mode."""
        if self.training and not self.is_on:
            self.is_on.copy_(self.n_batches >= self.wait)
            self.n_batches.add_(1)
        return bool(self.is_on)


class ContrastedSuppressionLoss(SuppressionLoss):
    """CMBS's loss and :func:`view_contrastive_loss`, in addition to an estimator's own.

    Parameters
    ----------
    released : bool
        See :class:`SuppressionLoss`; and videos without background count (`all_events`).
    contrast : float
        Weight of the contrast, which only outputs with ``key`` have.
    temperature : float
        Of the contrast.
    """

    def __init__(self, released: bool, contrast: float, temperature: float) -> None:
        super().__init__(released)
        self.released, self.contrast, self.temperature = released, contrast, temperature

    def forward(
        self, outputs: Mapping[str, Tensor], target: Tensor, background: int, mask: Tensor | None = None
    ) -> Tensor:
        """Return the loss of each video (n,) for segment codes (n, T)."""
        loss = super().forward(outputs, target, background, mask)
        if "key" not in outputs:
            return loss
        views, is_event = (outputs["query"], outputs["key"]), target != background
        rule = {"temperature": self.temperature, "all_events": self.released, "mask": mask}
        return loss + self.contrast * view_contrastive_loss(*views, is_event, **rule)


class CACENet(CMBSNet):
    r"""CACE-Net [1]_: fully supervised :class:`CMBSNet` with co-guided attention and a contrast of events.

    Vision guides the audio as audio guides vision. With :math:`V_{t,l}` the adapted regions, :math:`\mathrm{context}`
    a self-attention with residual and norm (over the regions of a segment, over the segments of a video) and A an
    attention of the segments,

    .. math::

        R_t = \mathrm{mean}_l\,\mathrm{context}(V_t)_l, \qquad
        a_t \leftarrow a_t\,(1 + \psi\,\sigma(A(R, \mathrm{context}(a))_t)) .

    The attention over regions is guided by the audio as it came. :class:`CMBSNet` goes on from there to the fused
    features f. A projection :math:`h_t = \mathrm{ReLU}(W f_t + b)` is added for the event logits, which are linear in
    :math:`f_t + \lambda h_t`, and is contrasted (:func:`view_contrastive_loss`) with that of a second view,
    :math:`f_t` with normal noise.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions
        See :class:`CMBSNet`.
    supervision : {"full"}, default="full"
        CACE-Net has no weakly supervised form.
    variant, hidden_size, n_heads
        See :class:`CMBSNet`; the guidance has one head.
    feedforward_size : int, default=1024
        Within each modality.
    cross_feedforward_size : int, default=512
        Across the modalities.
    n_layers, dropout
        See :class:`CMBSNet`.
    adapter_dropout : float, default=0.2
        Of the adapter.
    region_dropout, interaction_dropout
        See :class:`CMBSNet`; `region_dropout` is that of all contexts.
    alpha : float, default=0.1
        Weight of the gates.
    beta : float, default=0.4
        Weight of what is seen without the sound.
    gamma : float, default=0.3
        Weight of the classes' evidence.
    psi : float, default=0.3
        Weight of vision's guidance; 0 is without.
    projection_weight : float, default=0.6
        :math:`\lambda`.
    contrast : float, default=1.0
        Weight of the contrast.
    temperature : float, default=0.01
        Of the contrast.
    noise : float, default=0.1
        Standard deviation of the second view's noise.
    wait : int or None, default=None
        Training batches until projection and contrast join. None is 0, and with ``variant="released"`` 1,325, which
        are the authors' 25 epochs of the AVE dataset. In a training of no more batches they never do.

    Notes
    -----
    Written from a description of the authors' code; their paper was not at hand. 9,284,441 parameters are trained at
    the AVE dataset's sizes. With ``variant="released"``, which has one norm less, these are 9,283,417, as many as
    theirs that receive a gradient with the contrast on, and the tests compare outputs, the authors' loss and its
    gradient norms with theirs, for weights and videos made from a seed: they agree to 1e-7 in float64. So do outputs
    with each dropout of rate p replaced by a factor 1 - p, which tells where it acts and how strongly.

    The default departs from the release in what :class:`CMBSNet` says, and in these, which "released" repeats:

    * In the release projection and contrast join in the 26th of 200 epochs, all at once and with a projection that is
      not trained. Here they are there from the start. A network that waits counts its training batches, and is saved
      and loaded with them.
    * A video whose segments are all events adds log(2T - 1) to the release's contrast, whatever the views. Here it adds
      nothing. Either has no gradient of it, and both are means over all videos.
    * The second context of the regions has the norm of the first one. Here each has its own.
    * All attention within these contexts, and A, is by dot products that are not divided by the root of their length.

    In both variants the noise is drawn in training alone, from the network's own generator, so that evaluation has no
    contrast. The authors' code draws it in evaluation too, from the global one.

    References
    ----------
    .. [1] X. He et al., "CACE-Net: Co-guidance attention and contrastive enhancement for effective audio-visual event
       localization", ACM MM 2024.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import CACENet
    >>> network = CACENet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name in ("event_logits", "category_logits", "query", "key"):
    ...     print(name, tuple(outputs[name].shape))
    event_logits (2, 10)
    category_logits (2, 3)
    query (2, 10, 8)
    key (2, 10, 8)
    >>> "key" in network.eval()(audio, visual)  # the noisy view is for training
    False
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
        variant: Literal["mended", "released"] = "mended",
        hidden_size: int = 256,
        n_heads: int = 4,
        feedforward_size: int = 1024,
        cross_feedforward_size: int = 512,
        n_layers: int = 2,
        dropout: float = 0.1,
        adapter_dropout: float = 0.2,
        region_dropout: float = 0.2,
        interaction_dropout: float = 0.2,
        alpha: float = 0.1,
        beta: float = 0.4,
        gamma: float = 0.3,
        psi: float = 0.3,
        projection_weight: float = 0.6,
        contrast: float = 1.0,
        temperature: float = 0.01,
        noise: float = 0.1,
        wait: int | None = None,
    ) -> None:
        check_full_only("CACE-Net", supervision)
        super().__init__(
            n_audio_features,
            n_visual_features,
            n_classes,
            n_regions,
            variant=variant,
            hidden_size=hidden_size,
            n_heads=n_heads,
            feedforward_size=feedforward_size,
            cross_feedforward_size=cross_feedforward_size,
            n_layers=n_layers,
            dropout=dropout,
            adapter_dropout=adapter_dropout,
            region_dropout=region_dropout,
            interaction_dropout=interaction_dropout,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
        )
        weights = {"psi": psi, "projection_weight": projection_weight, "contrast": contrast, "noise": noise}
        for name, value in weights.items():
            check_weight(name, value)
        check_weight("temperature", temperature, positive=True)
        released = variant == "released"
        wait = (RELEASED_WAIT if released else 0) if wait is None else wait
        check_count("wait", wait)
        self.guidance = AudioGuidance(
            n_audio_features,
            n_visual_features,
            psi=psi,
            dropout=region_dropout,
            scaled=not released,
            norm=self.attention.context.norm if released else None,
        )
        self.projection = linear(hidden_size, hidden_size, bias=True, init="torch")
        self.noise = Noise(noise)
        self.switch = Switch(wait)
        self.extra_loss = ContrastedSuppressionLoss(released, contrast, temperature)
        self.projection_weight = projection_weight

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return a dict of what :class:`CMBSNet` has, and the views ``query`` and ``key`` (n, T, hidden_size).

        ``key``, the view with noise, is there in training alone, and when the contrast has joined. See
        :meth:`CMBSNet.forward` for the arguments.
        """
        adapted = in_blocks(self.adapter, video_size(visual), visual) if visual.ndim > 3 else self.adapter(visual)
        v, attention = attend_adapted(self.attention, audio, adapted)  # (n, T, d_v)
        related = self.relations(self.guidance(audio, adapted, mask), v, mask)
        fused, is_on = related.fused, self.switch()
        projected = self.project(fused)
        event_features = fused + self.projection_weight * projected if is_on else fused
        outputs = {"fused": fused, "similarity": related.similarity, "query": F.normalize(projected, dim=-1)}
        if self.training and is_on:
            outputs["key"] = F.normalize(self.project(self.noise(fused)), dim=-1)
        return {**self.head(related, mask, event_features), **attention, **outputs}

    def project(self, fused: Tensor) -> Tensor:
        """Return the projection (n, T, hidden_size) of fused features of this shape."""
        return F.relu(self.projection(fused))
