"""CMBS: cross-modal background suppression, CMRAN's relations with gates of segments and evidence of classes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_choice, check_share, check_size, check_weight
from ave_sklearn.nn.agsca import ContextAGSCA, attend_adapted
from ave_sklearn.nn.encoders import BiLSTM
from ave_sklearn.nn.gated import GatedHead, count_events, mean_logit, product_logit, suppression_loss
from ave_sklearn.nn.layers import linear, masked_max, masked_mean, masked_top_mean
from ave_sklearn.nn.relations import CrossModalRelation, Interaction, IntraModalRelation, adapter
from ave_sklearn.nn.taps import Tap

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from ave_sklearn._typing import Supervision

N_LARGEST = 4  # segments whose mean is a class's evidence


class Suppressed(NamedTuple):
    """What :class:`SuppressingRelations` gives.

    Attributes
    ----------
    fused : Tensor of shape (n, T, d)
    audio_gate, visual_gate : Tensor of shape (n, T)
        Logits that a segment holds an event, by each modality's codes.
    audio_evidence, visual_evidence : Tensor of shape (n, T, K)
        Logits of each class in a segment.
    similarity : Tensor of shape (n, T)
        Cosine of the two modalities' suppressed codes.
    """

    fused: Tensor
    audio_gate: Tensor
    visual_gate: Tensor
    audio_evidence: Tensor
    visual_evidence: Tensor
    similarity: Tensor


class SuppressingRelations(nn.Module):
    r"""Relations of CMRAN in which each modality turns down the segments that it takes for background.

    .. math::

        E^v = \mathrm{intra}(v), \quad E^a = \mathrm{intra}(a), \qquad
        Q^v = \mathrm{cross}(v, [E^a, v]), \quad Q^a = \mathrm{cross}(a, [E^v, a]), \\
        Q^v_t \leftarrow Q^v_t\,(\kappa + \alpha\,\sigma(w_a E^a_t)), \quad
        Q^a_t \leftarrow Q^a_t\,(\kappa + \alpha\,\sigma(w_v E^v_t)), \\
        f = \tfrac12 [\mathrm{inter}_1(Q^v, Q^a) + \mathrm{inter}_2(Q^a, Q^v)] .

    With full supervision a BiLSTM of each modality comes first, which gives d features of audio and 2 d visual ones,
    and :math:`\kappa = 1`.

    Parameters
    ----------
    n_audio_features, n_visual_features : int
    hidden_size : int
        Length d of all codes.
    n_categories : int
        K.
    weak : bool
        No BiLSTMs, :math:`\kappa = 1 - \alpha`, and interactions of half as many heads.
    released : bool
        The second interaction sees what the first one gave, not :math:`Q^v`. When weak, a modality's codes are gated by
        its own E, not by the other's.
    alpha : float
        Weight of the gates.
    feedforward_sizes : (int, int)
        Within each modality and across.
    n_heads, n_layers : int
        Of the relations; the layers are those within each modality.
    dropout, interaction_dropout : float
        Of the transformer layers, and on the attention weights of the interactions.
    """

    def __init__(
        self,
        n_audio_features,
        n_visual_features,
        hidden_size,
        n_categories,
        *,
        weak,
        released,
        alpha,
        feedforward_sizes,
        n_heads,
        n_layers,
        dropout,
        interaction_dropout,
    ):
        super().__init__()
        d = hidden_size
        self.audio_lstm = None if weak else BiLSTM(n_audio_features, d)
        self.visual_lstm = None if weak else BiLSTM(n_visual_features, 2 * d)
        d_a, d_v = (n_audio_features, n_visual_features) if weak else (d, 2 * d)
        intra, cross = ({"n_heads": n_heads, "feedforward_size": s, "dropout": dropout} for s in feedforward_sizes)
        self.audio_intra = IntraModalRelation(d_a, d, n_layers, **intra)
        self.visual_intra = IntraModalRelation(d_v, d, n_layers, **intra)
        self.audio_cross = CrossModalRelation(d_a, d, **cross)
        self.visual_cross = CrossModalRelation(d_v, d, **cross)
        self.audio_gate, self.visual_gate = (linear(d, 1, bias=True, init="torch") for _ in range(2))
        self.audio_evidence, self.visual_evidence = (linear(d, n_categories, bias=True, init="torch") for _ in range(2))
        self.visual_interaction, self.audio_interaction = (
            Interaction(d, n_heads // 2 if weak else n_heads, dropout, init="torch", weight_dropout=interaction_dropout)
            for _ in range(2)
        )
        self.alpha, self.kappa = alpha, 1 - alpha if weak else 1.0
        self.released, self.own_gates = released, released and weak

    def forward(self, audio, visual, mask=None):
        """Return :class:`Suppressed` for audio (n, T, d_a) and visual features (n, T, d_v)."""
        if self.audio_lstm is not None:
            audio, visual = self.audio_lstm(audio, mask), self.visual_lstm(visual, mask)
        e_v, e_a = self.visual_intra(visual, mask), self.audio_intra(audio, mask)  # (n, T, d), as all below
        q_a, q_v = self.audio_cross(audio, e_v, mask), self.visual_cross(visual, e_a, mask)
        x_a, x_v = self.audio_gate(e_a), self.visual_gate(e_v)  # (n, T, 1)
        for_a, for_v = (x_a, x_v) if self.own_gates else (x_v, x_a)
        q_a = q_a * (self.kappa + self.alpha * torch.sigmoid(for_a))
        q_v = q_v * (self.kappa + self.alpha * torch.sigmoid(for_v))
        v = self.visual_interaction(q_v, q_a, mask)
        a = self.audio_interaction(q_a, v if self.released else q_v, mask)
        return Suppressed(
            fused=(v + a) / 2,
            audio_gate=x_a.squeeze(-1),
            visual_gate=x_v.squeeze(-1),
            audio_evidence=self.audio_evidence(q_a),
            visual_evidence=self.visual_evidence(q_v),
            similarity=F.cosine_similarity(q_v, q_a, dim=-1),
        )


class FullHead(GatedHead):
    r"""Head of fully supervised CMBS: :class:`GatedHead` with the evidence of classes, and the gate for its loss.

    Parameters
    ----------
    size, n_categories : int
        See :class:`GatedHead`, which pools by the maximum.
    gamma : float
        Weight of the evidence among the category's logits.
    """

    def __init__(self, size, n_categories, gamma):
        super().__init__(size, n_categories, pooling="max", init="torch")
        self.gamma = gamma

    def forward(self, related, mask=None, event_features=None):
        """Return the outputs for :class:`Suppressed`; see :meth:`CMBSNet.forward` for the names."""
        outputs = super().forward(related.fused, mask, event_features)
        pair = related.visual_evidence, related.audio_evidence
        evidence = sum(masked_top_mean(x, N_LARGEST, mask) for x in pair) / 2
        outputs["category_logits"] = outputs["category_logits"] + self.gamma * evidence
        gates = related.audio_gate, related.visual_gate
        gate = torch.sigmoid(gates[0]) * torch.sigmoid(gates[1])
        return {**outputs, "gate": gate, "gate_logits": product_logit(*gates), "evidence": evidence}


class WeakHead(nn.Module):
    r"""Head of weakly supervised CMBS: one category vector, of the fused features and of both modalities' evidence.

    .. math::

        z_t = \gamma\,(\sigma(k^v_t) + \sigma(k^a_t)) \odot W f_t, \qquad c = \mathrm{top4mean}_t(z_t), \qquad
        g_t = \tfrac12 [\sigma(x^a_t) + \sigma(x^v_t)] .

    A video is predicted by :math:`\mathrm{avg}_t(g_t)\,c`; released by :math:`\max_t(g_t\,c)`, which for a class of
    negative c picks the smallest gate.

    Parameters
    ----------
    size : int
        Length of the fused features.
    n_categories : int
        Background is one of them.
    gamma : float
    released : bool
    """

    def __init__(self, size, n_categories, gamma, released):
        super().__init__()
        self.category = linear(size, n_categories, init="torch")
        self.gamma = gamma
        self.pool = masked_max if released else masked_mean

    def forward(self, related, mask=None):
        """Return the outputs for :class:`Suppressed`."""
        evidence = torch.sigmoid(related.visual_evidence) + torch.sigmoid(related.audio_evidence)  # (n, T, K)
        category = masked_top_mean(self.gamma * evidence * self.category(related.fused), N_LARGEST, mask)
        event = mean_logit(related.audio_gate, related.visual_gate)
        gate = torch.sigmoid(event)
        video = self.pool(gate.unsqueeze(-1) * category.unsqueeze(1), mask)
        return {"event_logits": event, "category_logits": category, "video_logits": video, "gate": gate}


class SuppressionLoss(nn.Module):
    """:func:`suppression_loss` in addition to an estimator's own (see the network contract in :mod:`ave_sklearn.nn`).

    Parameters
    ----------
    released : bool
        Take the gate, a probability, for a logit.
    """

    def __init__(self, released: bool) -> None:
        super().__init__()
        self.gate = "gate" if released else "gate_logits"

    def forward(
        self, outputs: Mapping[str, Tensor], target: Tensor, background: int, mask: Tensor | None = None
    ) -> Tensor:
        """Return the loss of each video (n,) for segment codes (n, T)."""
        return suppression_loss(outputs[self.gate], outputs["evidence"], target, background, mask=mask)


class CMBSNet(nn.Module):
    r"""Cross-modal background suppression [1]_: CMRAN's relations, with gates of segments and evidence of classes.

    An adapter, :math:`\mathrm{dropout}(\mathrm{ReLU}(W V_l + b))` at each region, and :class:`ContextAGSCA` give the
    visual feature :math:`v_t` of each segment. With full supervision a BiLSTM of each modality follows. Then, with
    transformer layers over the segments of a video,

    .. math::

        E^v &= \mathrm{intra}(v), \quad E^a = \mathrm{intra}(a), \\
        Q^v &= \mathrm{cross}(v, [E^a, v]), \quad Q^a = \mathrm{cross}(a, [E^v, a]), \\
        g^a &= \sigma(w_a E^a + b_a), \quad g^v = \sigma(w_v E^v + b_v), \\
        Q^v &\leftarrow Q^v (1 + \alpha g^a), \quad Q^a \leftarrow Q^a (1 + \alpha g^v), \\
        f &= \tfrac12 [\mathrm{inter}_1(Q^v, Q^a) + \mathrm{inter}_2(Q^a, Q^v)], \\
        \mathrm{inter}(x, y) &= \mathrm{LN}(x \odot y + \mathrm{dropout}(\mathrm{MHA}(x \odot y, [y, x]))) .

    :class:`GatedHead` on `f` pools by the maximum over time. A class's evidence, the mean of its 4 largest logits of
    :math:`Q^v` and of :math:`Q^a`, is added to the category's logits with the weight :math:`\gamma`, and
    :func:`suppression_loss` of evidence and :math:`g^a g^v` to the estimator's loss.

    With weak supervision the gates scale by :math:`1 - \alpha + \alpha g`. Their mean tells events, and the evidence
    weighs the classes: with :math:`k^v_t` and :math:`k^a_t` linear in :math:`Q^v_t` and :math:`Q^a_t`

    .. math::

        z_t &= \gamma\,(\sigma(k^v_t) + \sigma(k^a_t)) \odot W f_t, \\
        c &= \mathrm{top4mean}_t(z_t), \qquad g_t = \tfrac12 (g^a_t + g^v_t),

    background among the classes, and a video is predicted by :math:`\mathrm{avg}_t(g_t)\,c`.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`; any number of regions, and pooled visual features are a map of one region.
    variant : {"mended", "released"}, default="mended"
        "released" computes what the authors' code does, with its slips; see the notes.
    hidden_size : int, default=256
        Width d of all relations, a multiple of `n_heads`, and even. The visual LSTM has 2 d.
    n_heads : int, default=4
        Of each attention over segments; the interactions have half of them with weak supervision.
    feedforward_size : int or None, default=None
        Within each modality; None is the release's, 1024, or 2048 with weak supervision.
    cross_feedforward_size : int, default=1024
        Across the modalities.
    n_layers : int, default=2
        Within each modality.
    dropout : float, default=0.1
        Of the transformer layers.
    adapter_dropout : float or None, default=None
        Of the adapter; None is the release's, 0.2, or 0.1 with weak supervision.
    region_dropout : float, default=0.2
        On what regions get from each other.
    interaction_dropout : float, default=0.2
        On the attention weights of the interactions.
    alpha : float or None, default=None
        Weight of the gates; None is the release's, 0.1, or 0.2 with weak supervision. At most 1 with weak supervision.
    beta : float or None, default=None
        Weight of what is seen without the sound; None is the release's, 0.4, or 0.5 with weak supervision.
    gamma : float or None, default=None
        Weight of the classes' evidence; None is the release's, 0.3, or 0.5 with weak supervision.

    Notes
    -----
    Written from a description of the authors' code; their paper was not at hand. Of its parameters 9,200,473 are
    trained at the AVE dataset's sizes, 9,395,518 with weak supervision, as many as theirs that receive a gradient. With
    ``variant="released"`` the tests compare outputs, the authors' loss and its gradient norms with theirs, for weights
    and videos made from a seed: they agree to 1e-7 in float64. So do outputs with each dropout of rate p replaced by a
    factor 1 - p, which tells where it acts and how strongly.

    The default departs from the release in these, of which "released" repeats the first five:

    * The release takes the gate, which is a probability, for a logit of the loss (:func:`suppression_loss`).
    * Its second interaction sees what the first one gave in place of :math:`Q^v`, so that the modalities are not
      treated alike.
    * Regions attend to each other by dot products of 128 features that are not divided by their root.
    * Weakly supervised, a modality's codes are gated by its own :math:`g`, not by the other's.
    * Weakly supervised, a video is predicted by :math:`\max_t(g_t\,c)`, which for a class of negative c picks the
      smallest gate.
    * Weakly supervised, it calls a segment an event where :math:`\sigma(g_t) > 0.5`, which is every segment. Here it
      is where :math:`g_t > 0.5`; ``gate`` is :math:`g_t`.
    * A video without an event has the first category there, and one of two events the category of the larger number.
      Here it has none, and the more frequent one.
    * The layers within a modality start as copies of one. Here they are drawn one by one, and all weights as wide as
      theirs.

    An estimator's `label_smoothing` does not reach :func:`suppression_loss`.

    Weakly supervised, the authors train with a multi-label soft margin loss on probabilities, the videos' categories
    and 178 videos of background more; here it is Eq. 11 of PSP on them, and the targets are parameters:
    ``target="category"`` of the estimator, ``background_videos=True`` of :func:`ave_sklearn.datasets.load_ave`.
    ``similarity``, for L_avps, is this package's: the cosine of :math:`Q^v_t` and :math:`Q^a_t` behind the gates.

    References
    ----------
    .. [1] Y. Xia and Z. Zhao, "Cross-modal background suppression for audio-visual event localization", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import CMBSNet
    >>> network = CMBSNet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name in ("event_logits", "category_logits", "gate", "evidence", "fused"):
    ...     print(name, tuple(outputs[name].shape))
    event_logits (2, 10)
    category_logits (2, 3)
    gate (2, 10)
    evidence (2, 3)
    fused (2, 10, 8)
    >>> target = torch.tensor([[0] * 5 + [1] * 5, [2] * 10])
    >>> losses = network.extra_loss(outputs, target, background=0)
    >>> tuple(losses.shape)  # one number a video
    (2,)
    """

    layer_taps = {
        "input": (Tap("relations", argument=0), Tap("relations", argument=1)),  # behind it are BiLSTMs, if any
        "encoded": (Tap("relations.audio_intra"), Tap("relations.visual_intra")),
    }

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        variant: Literal["mended", "released"] = "mended",
        hidden_size: int = 256,
        n_heads: int = 4,
        feedforward_size: int | None = None,
        cross_feedforward_size: int = 1024,
        n_layers: int = 2,
        dropout: float = 0.1,
        adapter_dropout: float | None = None,
        region_dropout: float = 0.2,
        interaction_dropout: float = 0.2,
        alpha: float | None = None,
        beta: float | None = None,
        gamma: float | None = None,
    ) -> None:
        super().__init__()
        check_choice("supervision", supervision, ["full", "weak"])
        check_choice("variant", variant, ["mended", "released"])
        weak, released = supervision == "weak", variant == "released"
        check_size("n_heads", n_heads, divisor=2 if weak else 1)
        check_size("hidden_size", hidden_size, divisor=math.lcm(2, n_heads))
        feedforward_size = (2048 if weak else 1024) if feedforward_size is None else feedforward_size
        adapter_dropout = (0.1 if weak else 0.2) if adapter_dropout is None else adapter_dropout
        alpha = (0.2 if weak else 0.1) if alpha is None else alpha
        beta = (0.5 if weak else 0.4) if beta is None else beta
        gamma = (0.5 if weak else 0.3) if gamma is None else gamma
        sizes = {"feedforward_size": feedforward_size, "cross_feedforward_size": cross_feedforward_size}
        for name, value in {**sizes, "n_layers": n_layers}.items():
            check_size(name, value)
        rates = {"dropout": dropout, "adapter_dropout": adapter_dropout, "region_dropout": region_dropout}
        for name, value in {**rates, "interaction_dropout": interaction_dropout}.items():
            check_share(name, value)
        for name, value in {"alpha": alpha, "beta": beta, "gamma": gamma}.items():
            check_weight(name, value)
        if weak:
            check_share("alpha", alpha, whole=True)
        n_categories = n_classes if weak else count_events(n_classes)
        self.adapter = adapter(n_visual_features, adapter_dropout)
        self.attention = ContextAGSCA(
            n_audio_features, n_visual_features, beta=beta, dropout=region_dropout, scaled=not released
        )
        self.relations = SuppressingRelations(
            n_audio_features,
            n_visual_features,
            hidden_size,
            n_categories,
            weak=weak,
            released=released,
            alpha=alpha,
            feedforward_sizes=(feedforward_size, cross_feedforward_size),
            n_heads=n_heads,
            n_layers=n_layers,
            dropout=dropout,
            interaction_dropout=interaction_dropout,
        )
        head = partial(WeakHead, released=released) if weak else FullHead
        self.head = head(hidden_size, n_categories, gamma)
        self.extra_loss = None if weak else SuppressionLoss(released)

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
            ``video_logits`` of that shape too; ``gate`` (n, T), a probability, and with full supervision its logit
            ``gate_logits`` (n, T), and ``evidence`` (n, C - 1); ``fused`` (n, T, hidden_size), ``similarity`` (n, T);
            with maps ``attention`` (n, T, H, W).
        """
        v, attention = attend_adapted(self.attention, audio, visual, self.adapter)  # (n, T, d_v)
        related = self.relations(audio, v, mask)
        extras = {"fused": related.fused, "similarity": related.similarity}
        return {**self.head(related, mask), **attention, **extras}
