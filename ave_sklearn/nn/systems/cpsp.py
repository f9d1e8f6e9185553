"""CPSP: positive sample propagation with a gated head and two contrastive losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from ave_sklearn.nn._checks import check_size, check_weight
from ave_sklearn.nn.contrastive import ContrastiveLoss
from ave_sklearn.nn.gated import GatedHead, count_events
from ave_sklearn.nn.systems.psp import PSPTrunk, choose_dropout

if TYPE_CHECKING:
    from ave_sklearn._typing import Supervision, Variant


class CPSPNet(PSPTrunk):
    """Contrastive positive sample propagation [1]_: PSP's network with a gated head.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    variant : {"paper", "released"}, default="paper"
        PSP as its equations say, or as the authors' code has it, fully supervised in both settings.
    tau, hidden_size, dropout, self_attention
        See :class:`PSPNet`. The release has ``tau=0.099`` (fully supervised), ``hidden_size=256``, ``dropout=0.1``.
    segment_contrast : float, default=0.01
        Weight of :func:`segment_contrastive_loss`; full supervision only.
    video_contrast : float, default=1.0
        Weight of :func:`video_contrastive_loss`.
    temperature : float, default=0.6
        Of the segments' loss.
    margin : float or None, default=None
        Of the videos' loss; None is the release's, 0.2, or 0.6 with weak supervision.
    n_negatives : int or None, default=None
        Of the videos' loss; None is the release's, 3, or 4 with weak supervision.

    Notes
    -----
    Written from the authors' code (1,537,870 trainable parameters with ``variant="released", hidden_size=256`` at
    the AVE dataset's sizes). Its outputs have not been compared with theirs as a whole; the layers that it shares with
    :class:`PSPNet` have.

    It departs where that code has bugs: the segments' loss has a gradient here, and a batch with fewer than k negatives
    has the mean of those there are. Weakly supervised, the release trains with a multi-label loss on probabilities and
    the videos' categories; here it is Eq. 11 of PSP, on the event classes alone, and ``target="category"`` is a
    parameter of the estimator.

    It departs in these too:

    * The gated head's weights start by Xavier's rule, the release's by torch's default: at its sizes they start 2.4
      (event) and 2.3 times (category) as wide here.
    * Every loss is a mean over all videos of a batch. A video without an event has no category and no similar pair, so
      that its loss of the category, of L_avps and of both contrasts is 0, and it is no negative of another. The release
      gives it the first category, has a loss of its similarities, and takes the mean of the segments' contrast over the
      videos with an event alone.

    References
    ----------
    .. [1] J. Zhou, D. Guo and M. Wang, "Contrastive positive sample propagation along the audio-visual event
       line", TPAMI 2022.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import CPSPNet
    >>> network = CPSPNet(6, 5, n_classes=4, hidden_size=8)
    >>> audio, visual = torch.rand(2, 10, 6), torch.rand(2, 10, 5)
    >>> outputs = network(audio, visual)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    event_logits (2, 10)
    category_logits (2, 3)
    gamma_va (2, 10, 10)
    gamma_av (2, 10, 10)
    fused (2, 10, 8)
    similarity (2, 10)
    >>> target = torch.tensor([[0] * 5 + [1] * 5, [2] * 10])
    >>> losses = network.extra_loss(outputs, target, background=0)
    >>> tuple(losses.shape)  # one number a video
    (2,)
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
        segment_contrast: float = 0.01,
        video_contrast: float = 1.0,
        temperature: float = 0.6,
        margin: float | None = None,
        n_negatives: int | None = None,
    ) -> None:
        super().__init__(
            n_audio_features,
            n_visual_features,
            n_regions,
            variant=variant,
            tau=tau,
            hidden_size=hidden_size,
            dropout=choose_dropout(dropout, supervision),
            self_attention=self_attention,
        )
        weak = supervision == "weak"
        margin = (0.6 if weak else 0.2) if margin is None else margin
        n_negatives = (4 if weak else 3) if n_negatives is None else n_negatives
        weights = {"segment_contrast": segment_contrast, "video_contrast": video_contrast, "margin": margin}
        for name, value in weights.items():
            check_weight(name, value)
        check_weight("temperature", temperature, positive=True)
        check_size("n_negatives", n_negatives)
        self.head = GatedHead(hidden_size, count_events(n_classes, 2 if weak else 1), weak=weak)
        self.extra_loss = ContrastiveLoss(segment_contrast, video_contrast, temperature, margin, n_negatives)

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return a dict: ``event_logits`` (n, T), ``category_logits`` (n, C - 1), and what :class:`PSPNet` has.

        See :meth:`PSPNet.forward` for the arguments; with weak supervision there is ``video_logits`` (n, C - 1).
        """
        outputs = super().forward(audio, visual, mask)
        return {**self.head(outputs["fused"], mask), **outputs}
