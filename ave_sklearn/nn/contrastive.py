"""Contrastive losses, each with a gradient: the two of CPSP, and that of CACE-Net."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.gated import event_counts, without_background
from ave_sklearn.nn.layers import masked_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

EPS = 1e-12


def logsumexp_where(x, counts):
    """Return the logarithm of the sum of exponentials over the last axis, of what `counts`."""
    return x.masked_fill(~counts, torch.finfo(x.dtype).min / 2).logsumexp(-1)  # in place of -inf, which has no gradient


def segment_contrastive_loss(
    fused: Tensor, is_event: Tensor, *, temperature: float = 0.6, mask: Tensor | None = None
) -> Tensor:
    r"""Event against background segments within a video: CPSP's "event-aware" loss [1]_.

    With the cosine :math:`s_{ij}` of two segments' fused features, :math:`p_{ij} = \exp(s_{ij} / \theta)`, event
    segments :math:`E` and background segments :math:`B` of the video,

    .. math:: L = -\frac{1}{|E|} \sum_{i \in E} \log
        \frac{\sum_{j \in E} p_{ij}}{\sum_{j \in E} p_{ij} + \frac{1}{|B|}\sum_{j \in B} p_{ij}} .

    The authors' code sums over the wrong axis and has no gradient.

    Parameters
    ----------
    fused : Tensor of shape (n, T, d)
        Fused features; how long a vector is does not matter.
    is_event : bool Tensor of shape (n, T)
        True on event segments.
    temperature : float, default=0.6
        :math:`\theta`.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)
        0 for a video without an event, or without background.

    References
    ----------
    .. [1] J. Zhou, D. Guo and M. Wang, "Contrastive positive sample propagation along the audio-visual event
       line", TPAMI 2022.

    Examples
    --------
    An event and a background segment. Orthogonal, they have the loss log(1 + exp(-1 / 0.6)) = 0.173; alike, log 2. The
    third video has no event.

    >>> import torch
    >>> from ave_sklearn.nn import segment_contrastive_loss
    >>> apart, alike = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]
    >>> fused = torch.tensor([apart, alike, alike])
    >>> is_event = torch.tensor([[1, 0], [1, 0], [0, 0]]).bool()
    >>> segment_contrastive_loss(fused, is_event)
    tensor([0.1730, 0.6931, 0.0000])
    """
    valid = torch.ones_like(is_event) if mask is None else mask
    event, background = is_event & valid, ~is_event & valid
    unit = F.normalize(fused, dim=-1)
    score = unit @ unit.transpose(1, 2) / temperature
    positive = logsumexp_where(score, event[:, None, :])
    negative = logsumexp_where(score, background[:, None, :])
    negative = negative - background.sum(1, keepdim=True).clamp_min(1).to(score.dtype).log()
    return masked_mean(F.softplus(negative - positive), event) * background.any(1)


def video_contrastive_loss(
    fused: Tensor,
    category: Tensor,
    has_event: Tensor,
    *,
    margin: float = 0.2,
    n_negatives: int = 3,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Videos of one category closer than videos of others: CPSP's "category-aware" loss [1]_.

    A video's vector is the time mean of its normalised fused features. For each video,

    .. math:: L = \max(0,\; m + d^+ - \bar d^-)

    with the Euclidean distance :math:`d^+` to the farthest video of its category in the batch (0 if there is
    none) and the mean :math:`\bar d^-` of those to the k nearest videos of other categories, or to all of them
    where they are fewer.

    Parameters
    ----------
    fused : Tensor of shape (n, T, d)
        Fused features; how long a vector is does not matter.
    category : int Tensor of shape (n,)
        Code of each video's category.
    has_event : bool Tensor of shape (n,)
        Videos without an event have no category and are left out.
    margin : float, default=0.2
        :math:`m`.
    n_negatives : int, default=3
        How many count, k.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)
        0 for a video without an event, or without a video of another category in the batch.

    References
    ----------
    .. [1] J. Zhou, D. Guo and M. Wang, "Contrastive positive sample propagation along the audio-visual event
       line", TPAMI 2022.

    Examples
    --------
    Three videos of one segment. The first lies where the second does, of another category, and far from the third, of
    its own: :math:`0.2 + \sqrt2 - 0`. The second has none of its own, and is far enough from the others on average.

    >>> import torch
    >>> from ave_sklearn.nn import video_contrastive_loss
    >>> fused = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]]])
    >>> category, has_event = torch.tensor([0, 1, 0]), torch.ones(3) > 0
    >>> video_contrastive_loss(fused, category, has_event)
    tensor([1.6142, 0.0000, 0.2000])
    """
    vector = masked_mean(F.normalize(fused, dim=-1), mask)
    difference = vector[:, None] - vector[None]
    distance = difference.square().sum(-1).clamp_min(EPS**2).sqrt()  # a root has no gradient at 0
    same = category[:, None] == category[None]
    counts = has_event[:, None] & has_event[None]
    farthest = (distance * (same & counts)).amax(1)
    nearest = distance.masked_fill(~(~same & counts), torch.inf).sort(1).values[:, :n_negatives]
    is_negative = nearest.isfinite()
    mean = torch.where(is_negative, nearest, 0).sum(1) / is_negative.sum(1).clamp_min(1)
    return F.relu(margin + farthest - mean) * is_negative.any(1)


def view_contrastive_loss(
    query: Tensor,
    key: Tensor,
    is_event: Tensor,
    *,
    temperature: float = 0.01,
    all_events: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Events of a video closer to each other than to its background, in two views of each segment: CACE-Net's [1]_.

    With the views of all T segments, one behind the other, as :math:`z_1, \dots, z_{2T}`,
    :math:`l_{ij} = z_i \cdot z_j / \theta`, :math:`D_i` all others than i, and as positives :math:`P_i` of an event's
    view all other views of events, of a background segment's view the other one of that segment,

    .. math:: L = -\frac{1}{2T} \sum_i \log
        \frac{\frac{1}{|P_i|} \sum_{j \in P_i} \exp l_{ij}}{\sum_{j \in D_i} \exp l_{ij}} .

    It is not :func:`segment_contrastive_loss`: it takes the mean over positives within the logarithm, not their sum,
    background segments have a term of their own, and all others than i are in the denominator, where that one has the
    mean over background segments. Either sees each video for itself. Here sums of exponentials are computed from
    their logarithms, so that a small temperature does not overflow.

    Parameters
    ----------
    query, key : Tensor of shape (n, T, d)
        The two views, of unit length.
    is_event : bool Tensor of shape (n, T)
        True on event segments.
    temperature : float, default=0.01
        :math:`\theta`.
    all_events : bool, default=False
        Keep the loss of a video whose segments are all events: log(2T - 1), whatever the views, and without a gradient.
        The authors' code has it.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)
        0 for a video without background, unless `all_events`.

    References
    ----------
    .. [1] X. He et al., "CACE-Net: Co-guidance attention and contrastive enhancement for effective audio-visual event
       localization", ACM MM 2024.

    Examples
    --------
    Both views of an event and of a background segment, apart in the first video and alike in the second. There each
    view has one positive among three others, and a loss of log 3. The third video has no background.

    >>> import torch
    >>> from ave_sklearn.nn import view_contrastive_loss
    >>> apart, alike = [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]]
    >>> view = torch.tensor([apart, alike, alike])
    >>> is_event = torch.tensor([[1, 0], [1, 0], [1, 1]]).bool()
    >>> view_contrastive_loss(view, view, is_event)
    tensor([0.0000, 1.0986, 0.0000])
    """
    n_segments = is_event.shape[1]
    valid = torch.ones_like(is_event) if mask is None else mask
    background = (~is_event & valid).any(1)
    view = torch.cat([query, key], 1)  # (n, 2 T, d)
    is_event, valid = (x.repeat(1, 2) for x in (is_event & valid, valid))
    score = view @ view.transpose(1, 2) / temperature
    segment = torch.arange(2 * n_segments, device=view.device) % n_segments
    other = ~torch.eye(2 * n_segments, dtype=torch.bool, device=view.device)
    twin = (segment[:, None] == segment) & other
    positive = torch.where(is_event[:, :, None], is_event[:, None, :] & other, twin)
    mean = logsumexp_where(score, positive) - positive.sum(-1).to(score.dtype).log()
    total = logsumexp_where(score, valid[:, None, :] & other)
    loss = masked_mean(total - mean, valid)
    return loss if all_events else loss * background


class ContrastiveLoss(nn.Module):
    """CPSP's losses in addition to an estimator's own (see the network contract in :mod:`ave_sklearn.nn`).

    Parameters
    ----------
    segment_weight : float
        Of :func:`segment_contrastive_loss`; with targets of whole videos it is left out.
    video_weight : float
        Of :func:`video_contrastive_loss`.
    temperature, margin, n_negatives
        See these functions.

    Examples
    --------
    Two videos of a background and an event segment, of two categories. Where all features are alike, each costs the
    margin 0.2 and log 2. Where events differ from background and from each other, the loss of the segments remains,
    log(1 + exp(-1 / 0.6)).

    >>> import torch
    >>> from ave_sklearn.nn import ContrastiveLoss
    >>> rule = {"temperature": 0.6, "margin": 0.2, "n_negatives": 3}
    >>> criterion = ContrastiveLoss(1.0, 1.0, **rule)
    >>> target = torch.tensor([[0, 1], [0, 2]])
    >>> criterion({"fused": torch.ones(2, 2, 3)}, target, background=0)
    tensor([0.8931, 0.8931])
    >>> criterion({"fused": torch.eye(3)[target]}, target, background=0)
    tensor([0.1730, 0.1730])
    """

    def __init__(
        self, segment_weight: float, video_weight: float, temperature: float, margin: float, n_negatives: int
    ) -> None:
        super().__init__()
        self.segment_weight, self.video_weight = segment_weight, video_weight
        self.temperature, self.margin, self.n_negatives = temperature, margin, n_negatives

    def forward(
        self, outputs: Mapping[str, Tensor], target: Tensor, background: int, mask: Tensor | None = None
    ) -> Tensor:
        """Return the loss of each video.

        Parameters
        ----------
        outputs : dict of Tensors
            Of a network: ``fused`` (n, T, d).
        target : int Tensor of shape (n, T), or float Tensor of shape (n, C)
            Class of each segment, or the share of each class in a video.
        background : int
            Code of the background class.
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding.

        Returns
        -------
        loss : Tensor of shape (n,)
        """
        fused, of_videos = outputs["fused"], target.is_floating_point()
        if of_videos:
            shares = without_background(target, background)
        else:  # a class more than occurs, so that a batch of background has a column too
            shares = event_counts(target, int(max(target.max(), background)) + 2, background, mask)
        rule = {"margin": self.margin, "n_negatives": self.n_negatives, "mask": mask}
        loss = self.video_weight * video_contrastive_loss(fused, shares.argmax(1), shares.any(1), **rule)
        if of_videos:
            return loss
        is_event = target != background
        segment = segment_contrastive_loss(fused, is_event, temperature=self.temperature, mask=mask)
        return loss + self.segment_weight * segment
