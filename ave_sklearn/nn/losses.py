"""The objective functions of Sec. 4.5, each a value per video, and the criteria that average them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.gated import gated_cross_entropy, without_background
from ave_sklearn.nn.layers import masked_mean, shares

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def segment_cross_entropy(
    logits: Tensor, target: Tensor, *, label_smoothing: float = 0.0, mask: Tensor | None = None
) -> Tensor:
    r"""Cross-entropy of each video, mean over its segments (Eq. 7 without its factor 1/C).

    Eq. 7 also divides by the number of classes; that factor would only make the meaning of `lam` in Eq. 10
    depend on it.

    Parameters
    ----------
    logits : Tensor of shape (n, T, C)
        Scores of each class, before the softmax.
    target : int Tensor of shape (n, T)
        Class of each segment.
    label_smoothing : float, default=0.0
        Share of the target spread evenly over all classes.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)

    Examples
    --------
    A video of two segments. The first gives both classes the same probability, a loss of log 2 = 0.693; the second is
    right, a loss of 0. Their mean is the loss of the video. Where the mask calls the second one padding, the first
    counts alone.

    >>> import torch
    >>> from ave_sklearn.nn import segment_cross_entropy
    >>> logits = torch.tensor([[[0.0, 0.0], [200.0, 0.0]]])
    >>> target = torch.tensor([[1, 0]])
    >>> segment_cross_entropy(logits, target)
    tensor([0.3466])
    >>> mask = torch.tensor([[True, False]])
    >>> segment_cross_entropy(logits, target, mask=mask)
    tensor([0.6931])
    """
    loss = F.cross_entropy(logits.transpose(1, 2), target, reduction="none", label_smoothing=label_smoothing)
    return masked_mean(loss, mask)


def pair_similarity_loss(similarity: Tensor, is_event: Tensor, *, mask: Tensor | None = None) -> Tensor:
    r"""Audio-visual pair similarity loss L_avps of each video (Eq. 9, with another S than Eq. 8).

    .. math:: S = \frac{\mathrm{ReLU}(s)}{\sum_t \mathrm{ReLU}(s_t)}, \quad G = \frac{g}{\sum_t g_t}, \quad
        L = \frac1T \sum_t (S_t - G_t)^2

    with :math:`s_t` the cosine of the two modalities' features at segment t and :math:`g_t` 1 on event
    segments, else 0. A video without an event has loss 0.

    Eq. 8 has the inner product of the features in place of the cosine, divided by the sum of its absolute values over
    the segments, and keeps its signs. This form is the one of the authors' code: like G, S is then a share, which is
    never negative and sums to 1 (to 0 where no cosine is positive), and long feature vectors count no more than short
    ones.

    Parameters
    ----------
    similarity : Tensor of shape (n, T)
        Cosines s, in [-1, 1].
    is_event : bool Tensor of shape (n, T)
        True on event segments.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)

    Examples
    --------
    Four videos of two segments. Sound and picture agree where the event is, a loss of 0; in both segments; and in that
    without the event alone. The last video has no event.

    >>> import torch
    >>> from ave_sklearn.nn import pair_similarity_loss
    >>> similarity = torch.tensor([[1.0, 0], [1, 1], [0, 1], [0, 1]])
    >>> is_event = torch.tensor([[1, 0], [1, 0], [1, 0], [0, 0]]).bool()
    >>> pair_similarity_loss(similarity, is_event).tolist()
    [0.0, 0.25, 1.0, 0.0]
    """
    similarity = F.relu(similarity)
    if mask is not None:
        similarity, is_event = similarity * mask, is_event & mask
    g = is_event.to(similarity.dtype)
    error = shares(similarity, dim=1) - shares(g, dim=1)
    return masked_mean(error.square(), mask) * is_event.any(1)


def video_binary_cross_entropy(video_logits: Tensor, proportions: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    r"""Binary cross-entropy between a video's class probabilities and its target, mean over classes (Eq. 11).

    NaN among the probabilities gives NaN.

    Parameters
    ----------
    video_logits : Tensor of shape (n, C)
        Their softmax is the prediction o of Eq. 5.
    proportions : Tensor of shape (n, C)
        Share of segments of each class; rows sum to 1.
    label_smoothing : float, default=0.0
        Share of the target spread evenly over all classes.

    Returns
    -------
    loss : Tensor of shape (n,)

    Examples
    --------
    The first prediction is right, and the second says nothing, a loss of log 2. The third is right too, yet its loss is
    not 0: a video of both classes keeps the entropy of its proportions.

    >>> import torch
    >>> from ave_sklearn.nn import video_binary_cross_entropy
    >>> proportions = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    >>> video_logits = torch.tensor([[200.0, 0], [0, 0], [0, 0]])
    >>> video_binary_cross_entropy(video_logits, proportions)
    tensor([0.0000, 0.6931, 0.6931])
    """
    target = (1 - label_smoothing) * proportions + label_smoothing / proportions.shape[1]
    prediction = video_logits.softmax(-1)
    if prediction.isnan().any():  # torch has no loss of these, but a RuntimeError; on a GPU it ends the process
        return prediction.mean(-1)
    return F.binary_cross_entropy(prediction, target, reduction="none").mean(-1)


def weighted_mean(loss, weight):
    """Mean of per-video losses (n,), each times its weight (n,).

    It is divided by the number of videos, not by the batch's own weights, which would cancel in a batch of one: weights
    are relative to their mean over all training videos.
    """
    return (loss * weight).sum() / torch.ones_like(weight).sum()


def checked_extra_loss(extra, outputs, target, background, mask=None):
    """Return a network's own loss, of shape (n,) or (); raise ValueError for anything else."""
    loss = extra(outputs, target, background, **({} if mask is None else {"mask": mask}))
    if not torch.is_tensor(loss) or loss.shape not in ((), (len(target),)):
        came = tuple(loss.shape) if torch.is_tensor(loss) else loss
        raise ValueError(f"extra_loss returned {came}; wanted a tensor of shape ({len(target)},) or ().")
    return loss


class FullyLoss(nn.Module):
    """Loss of full supervision: L_ce + lam * L_avps (Eq. 10), averaged over the videos of a batch.

    L_ce is :func:`segment_cross_entropy`, or of a gated network :func:`gated_cross_entropy`, and L_avps is
    :func:`pair_similarity_loss`. The loss of n videos of weights w, with mean 1 over all
    training videos, is ``(loss * w).sum() / n``: a video's pull does not depend on its neighbours in the batch.

    Parameters
    ----------
    lam : float, default=100.0
        Weight of L_avps.
    background : int or None, default=None
        Code of the background class; None leaves L_avps out, as do ``lam=0`` and one-segment videos.
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes.
    extra : callable or None, default=None
        A network's own loss, added: ``extra(outputs, target, background)`` of shape (n,) or (), which counts once a
        video; it is given ``mask`` too where there is one.

    Examples
    --------
    The classes of both segments are right. L_avps is 0.25 where background is as similar as the event, and 0 where the
    event alone is.

    >>> import torch
    >>> from ave_sklearn.nn import FullyLoss
    >>> criterion = FullyLoss(lam=10.0, background=0)
    >>> target, weight = torch.tensor([[0, 1]]), torch.ones(1)
    >>> outputs = {"logits": torch.tensor([[[200.0, 0], [0, 200]]])}
    >>> outputs["similarity"] = torch.tensor([[1.0, 1.0]])
    >>> criterion(outputs, target, weight)
    tensor(2.5000)
    >>> outputs["similarity"] = torch.tensor([[0.0, 1.0]])
    >>> criterion(outputs, target, weight)
    tensor(0.)
    """

    def __init__(
        self,
        lam: float = 100.0,
        background: int | None = None,
        label_smoothing: float = 0.0,
        extra: Callable[..., Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.lam, self.background, self.label_smoothing, self.extra = lam, background, label_smoothing, extra

    def forward(
        self, outputs: Mapping[str, Tensor], target: Tensor, weight: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        outputs : dict of Tensors
            Of a network: ``logits`` (n, T, C), or ``event_logits`` (n, T) and ``category_logits`` (n, C - 1); and
            ``similarity`` (n, T) where the loss has the term L_avps.
        target : int Tensor of shape (n, T)
            Class of each segment.
        weight : Tensor of shape (n,)
            Of the videos, with mean 1 over all training videos.
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding.

        Returns
        -------
        loss : Tensor of shape ()

        Raises
        ------
        ValueError
            Where `extra` gives something else than a loss of shape (n,) or ().
        """
        loss = self.cross_entropy(outputs, target, label_smoothing=self.label_smoothing, mask=mask)
        if self.needs_similarity and target.shape[1] > 1:
            is_event = target != self.background
            loss = loss + self.lam * pair_similarity_loss(outputs["similarity"], is_event, mask=mask)
        if self.extra is not None:
            loss = loss + checked_extra_loss(self.extra, outputs, target, self.background, mask)
        return weighted_mean(loss, weight)

    @property
    def needs_similarity(self) -> bool:
        """Whether the loss has the term L_avps."""
        return bool(self.lam) and self.background is not None

    def cross_entropy(self, outputs: Mapping[str, Tensor], target: Tensor, **options: Any) -> Tensor:
        """Return the classification loss of each video, of shape (n,).

        `options` are ``label_smoothing`` and ``mask``; see :meth:`forward` for the others.
        """
        if "logits" in outputs:
            return segment_cross_entropy(outputs["logits"], target, **options)
        gated = outputs["event_logits"], outputs["category_logits"]
        return gated_cross_entropy(*gated, target, self.background, **options)


class WeakLoss(nn.Module):
    """Loss of weak supervision: Eq. 11 averaged over the videos of a batch, weighted as in :class:`FullyLoss`.

    Of each video it is :func:`video_binary_cross_entropy`. A network whose video prediction has no background class is
    compared with the shares of the event classes among themselves, and videos without an event do not count.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes.
    background : int or None, default=None
        Code of the background class; a network without a logit for it needs that.
    extra : callable or None, default=None
        See :class:`FullyLoss`.

    Examples
    --------
    Shares of background, dog and cat in two videos, and a gated network, which has logits of dog and cat alone. Where
    the first video is a dog's for certain, the loss is 0, for the second one has no event and does not count. Where the
    network is undecided, the first costs log 2, and the mean is half of that.

    >>> import torch
    >>> from ave_sklearn.nn import WeakLoss
    >>> criterion, weight = WeakLoss(background=0), torch.ones(2)
    >>> target = torch.tensor([[0.4, 0.6, 0.0], [1.0, 0.0, 0.0]])
    >>> right = {"video_logits": torch.tensor([[200.0, 0], [0, 200]])}
    >>> criterion(right, target, weight)
    tensor(0.)
    >>> undecided = {"video_logits": torch.zeros(2, 2)}
    >>> criterion(undecided, target, weight)
    tensor(0.3466)
    """

    def __init__(
        self, label_smoothing: float = 0.0, background: int | None = None, extra: Callable[..., Tensor] | None = None
    ) -> None:
        super().__init__()
        self.label_smoothing, self.background, self.extra = label_smoothing, background, extra

    def forward(self, outputs: Mapping[str, Tensor], target: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        outputs : dict of Tensors
            Of a network: ``video_logits`` (n, C), or (n, C - 1) without background.
        target : Tensor of shape (n, C)
            Share of segments of each class; rows sum to 1.
        weight : Tensor of shape (n,)
            Of the videos, with mean 1 over all training videos.

        Returns
        -------
        loss : Tensor of shape ()

        Raises
        ------
        ValueError
            Where `extra` gives something else than a loss of shape (n,) or ().
        """
        logits = outputs["video_logits"]
        if logits.shape[1] < target.shape[1]:
            events = without_background(target, self.background)
            wanted, counts = shares(events, dim=1), events.any(1)
        else:
            wanted, counts = target, torch.ones_like(weight)
        loss = video_binary_cross_entropy(logits, wanted, label_smoothing=self.label_smoothing) * counts
        if self.extra is not None:
            loss = loss + checked_extra_loss(self.extra, outputs, target, self.background)
        return weighted_mean(loss, weight)
