"""Heads and losses of gated systems: an event or none for each segment, one category for the whole video.

Such a network gives, for each segment, the logit e of an event, and for the whole video a category vector c. It can
name one category a video at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.layers import linear, masked_max, masked_mean

if TYPE_CHECKING:
    from ave_sklearn._typing import Init, Pooling


class GatedHead(nn.Module):
    r"""An event logit a segment and a category vector a video.

    .. math:: e_t = w^\top f_t + b, \qquad c = W\,\mathrm{pool}_t(f_t) + b_c

    With weak supervision a video is predicted by :math:`\max_t \sigma(e_t)\,c`.

    Parameters
    ----------
    size : int
        Length of the fused features.
    n_categories : int
        Length of c.
    pooling : {"mean", "max"}, default="mean"
        Of the fused features over time.
    weak : bool, default=False
        Give ``video_logits`` too.
    init : {"xavier", "torch"}, default="xavier"
        See :func:`ave_sklearn.nn.initialize`.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import GatedHead
    >>> outputs = GatedHead(size=16, n_categories=3)(torch.randn(2, 10, 16))
    >>> {name: tuple(x.shape) for name, x in outputs.items()}
    {'event_logits': (2, 10), 'category_logits': (2, 3)}
    >>> category = 1 + outputs["category_logits"].argmax(1, keepdim=True)
    >>> labels = torch.where(outputs["event_logits"] > 0, category, 0).tolist()
    >>> all(len(set(video) - {0}) <= 1 for video in labels)  # 0 is background
    True
    """

    def __init__(
        self, size: int, n_categories: int, *, pooling: Pooling = "mean", weak: bool = False, init: Init = "xavier"
    ) -> None:
        super().__init__()
        self.event = linear(size, 1, bias=True, init=init)
        self.category = linear(size, n_categories, bias=True, init=init)
        self.pool = {"mean": masked_mean, "max": masked_max}[pooling]
        self.weak = weak

    def forward(
        self, fused: Tensor, mask: Tensor | None = None, event_features: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return ``event_logits`` (n, T), ``category_logits`` (n, K) and, when weak, ``video_logits`` (n, K).

        `event_features` (n, T, size) are those that tell events, where they are not `fused`.
        """
        event = self.event(fused if event_features is None else event_features).squeeze(-1)
        category = self.category(self.pool(fused, mask))
        outputs = {"event_logits": event, "category_logits": category}
        if self.weak:
            evidence = torch.sigmoid(event).unsqueeze(-1) * category.unsqueeze(1)
            outputs["video_logits"] = masked_max(evidence, mask)
        return outputs


def mean_logit(x, y):
    """Return the logit of the mean of two probabilities, given their logits `x` and `y`; finite where those are."""
    yes = torch.logaddexp(F.logsigmoid(x), F.logsigmoid(y))
    no = torch.logaddexp(F.logsigmoid(-x), F.logsigmoid(-y))
    return yes - no


def product_logit(x, y):
    """Return the logit of the product of two probabilities, given their logits `x` and `y`; finite where those are."""
    yes = F.logsigmoid(x) + F.logsigmoid(y)
    no = torch.logaddexp(F.logsigmoid(-x), F.logsigmoid(x) + F.logsigmoid(-y))
    return yes - no


def count_events(n_classes, at_least=1):
    """Return the number of event classes of `n_classes`; raise ValueError if they are fewer than a network needs."""
    if n_classes - 1 < at_least:
        raise ValueError(
            f"A gated network needs {at_least} event classes beside background; wanted {at_least + 1} classes or "
            f"more, got {n_classes}."
        )
    return n_classes - 1


def without_background(x, background):
    """Return `x` of shape (..., C) without the column `background`, (..., C - 1)."""
    return torch.cat([x[..., :background], x[..., background + 1 :]], -1)


def with_background(x, background):
    """Return `x` of shape (..., C - 1) with a column of zeros at `background`, (..., C)."""
    return torch.cat([x[..., :background], torch.zeros_like(x[..., :1]), x[..., background:]], -1)


def event_counts(target, n_classes, background, mask=None):
    """Return how often each class but background (n, C - 1) is among the segment codes `target` (n, T)."""
    target = target if mask is None else target.masked_fill(~mask, background)
    return without_background(F.one_hot(target, n_classes).sum(1), background)


def gated_cross_entropy(
    event_logits: Tensor,
    category_logits: Tensor,
    target: Tensor,
    background: int,
    *,
    label_smoothing: float = 0.0,
    mask: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of event or not, mean over segments, plus cross-entropy of the video's category.

    Parameters
    ----------
    event_logits : Tensor of shape (n, T)
        Positive where there is an event.
    category_logits : Tensor of shape (n, C - 1)
        Of all classes but background.
    target : int Tensor of shape (n, T)
        Class of each segment; a video's category is its most frequent event class. A video without an event has
        no category, and its second term is 0.
    background : int
        Code of the background class.
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes, of which the first term has two.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)

    Examples
    --------
    Three videos of two segments; class 0 is background. The first is right. The second says nothing: log 2 for the
    events and log 2 for the category. The third has no event, so that its category does not count.

    >>> import torch
    >>> from ave_sklearn.nn import gated_cross_entropy
    >>> event_logits = torch.tensor([[-200.0, 200], [0, 0], [-200, -200]])
    >>> category_logits = torch.tensor([[0.0, 200], [0, 0], [0, 200]])
    >>> target = torch.tensor([[0, 2], [0, 2], [0, 0]])
    >>> gated_cross_entropy(event_logits, category_logits, target, 0)
    tensor([0.0000, 1.3863, 0.0000])
    """
    is_event = (target != background).to(event_logits.dtype)
    smooth = is_event * (1 - label_smoothing) + label_smoothing / 2
    event_loss = masked_mean(F.binary_cross_entropy_with_logits(event_logits, smooth, reduction="none"), mask)
    counts = event_counts(target, category_logits.shape[1] + 1, background, mask)
    category_loss = F.cross_entropy(
        category_logits, counts.argmax(1), reduction="none", label_smoothing=label_smoothing
    )
    return event_loss + category_loss * counts.any(1)


def suppression_loss(
    gate_logits: Tensor, evidence: Tensor, target: Tensor, background: int, *, mask: Tensor | None = None
) -> Tensor:
    r"""Losses of what suppresses background in CMBS [1]_: of the segments' gate, and of the classes' evidence.

    .. math:: L = \mathrm{avg}_t\,\mathrm{BCE}(\sigma(z_t), y_t) + \mathrm{CE}(s, k)

    with :math:`y_t` 1 on event segments, else 0, and k the video's category, as in :func:`gated_cross_entropy`. The
    authors' code takes the gate itself, a probability, for the logit :math:`z_t`. So its sigmoid is never below 0.5
    nor above 0.731, and no gate makes the first term less than 0.693 on background.

    Parameters
    ----------
    gate_logits : Tensor of shape (n, T)
        Logits of the gate, z.
    evidence : Tensor of shape (n, C - 1)
        s, of all classes but background.
    target : int Tensor of shape (n, T)
        Class of each segment.
    background : int
        Code of the background class.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)

    References
    ----------
    .. [1] Y. Xia and Z. Zhao, "Cross-modal background suppression for audio-visual event localization", CVPR 2022.

    Examples
    --------
    A video of background alone. Logits of a closed gate make the loss 0. A gate of 0 itself, taken for a logit as in
    the authors' code, still costs log 2.

    >>> import torch
    >>> from ave_sklearn.nn import suppression_loss
    >>> evidence, target = torch.zeros(1, 2), torch.tensor([[0, 0, 0]])
    >>> logits, gate = torch.full((1, 3), -200.0), torch.zeros(1, 3)
    >>> suppression_loss(logits, evidence, target, background=0)
    tensor([0.])
    >>> suppression_loss(gate, evidence, target, background=0)
    tensor([0.6931])
    """
    return gated_cross_entropy(gate_logits, evidence, target, background, mask=mask)
