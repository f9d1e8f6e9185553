"""Gated systems decide for each segment whether there is an event, and for the video which category it is.

Such a network gives, for each segment, the logit e of an event, and for the whole video a category vector c. It can
name one category a video at most.
"""

import torch
import torch.nn.functional as F
from torch import nn

from ave_sklearn.nn.layers import linear, masked_max, masked_mean

TIE = 1e-6  # relative lead of background where event and background are equally probable


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
    """

    def __init__(self, size, n_categories, *, pooling="mean", weak=False, init="xavier"):
        super().__init__()
        self.event = linear(size, 1, bias=True, init=init)
        self.category = linear(size, n_categories, bias=True, init=init)
        self.pool = {"mean": masked_mean, "max": masked_max}[pooling]
        self.weak = weak

    def forward(self, fused, mask=None):
        """Return ``event_logits`` (n, T), ``category_logits`` (n, K) and, when weak, ``video_logits`` (n, K)."""
        event = self.event(fused).squeeze(-1)
        category = self.category(self.pool(fused, mask))
        outputs = {"event_logits": event, "category_logits": category}
        if self.weak:
            evidence = torch.sigmoid(event).unsqueeze(-1) * category.unsqueeze(1)
            outputs["video_logits"] = masked_max(evidence, mask)
        return outputs


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


def gated_cross_entropy(event_logits, category_logits, target, background, *, label_smoothing=0.0, mask=None):
    """Binary cross-entropy of event or not, mean over segments, plus cross-entropy of the video's category.

    Parameters
    ----------
    event_logits : Tensor of shape (n, T)
    category_logits : Tensor of shape (n, C - 1)
        Of all classes but background.
    target : int Tensor of shape (n, T)
        Class of each segment; a video's category is its most frequent event class. A video without an event has
        no category, and its second term is 0.
    background : int
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes, of which the first term has two.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding.

    Returns
    -------
    loss : Tensor of shape (n,)
    """
    is_event = (target != background).to(event_logits.dtype)
    smooth = is_event * (1 - label_smoothing) + label_smoothing / 2
    event_loss = masked_mean(F.binary_cross_entropy_with_logits(event_logits, smooth, reduction="none"), mask)
    counts = event_counts(target, category_logits.shape[1] + 1, background, mask)
    category_loss = F.cross_entropy(
        category_logits, counts.argmax(1), reduction="none", label_smoothing=label_smoothing
    )
    return event_loss + category_loss * counts.any(1)


def gated_probabilities(event_logits, category_logits, n_classes, background):
    r"""Class probabilities whose argmax is the gated systems' decoding.

    Background has :math:`1 - \sigma(e_t)` and class k :math:`\sigma(e_t)\,q_k / \max q` with
    :math:`q = \mathrm{softmax}(c)`, divided by their sum. So the most probable class is the video's category where
    :math:`\sigma(e_t) > 0.5`, and background elsewhere. Where c has an entry for background too, background has the
    larger of its two values.

    Parameters
    ----------
    event_logits : Tensor of shape (n, T)
    category_logits : Tensor of shape (n, C - 1), or (n, C) with background
    n_classes : int
        C.
    background : int
        Code of the background class.

    Returns
    -------
    proba : Tensor of shape (n, T, C)
        Rows sum to 1.
    """
    sigma = torch.sigmoid(event_logits).unsqueeze(-1)
    share = torch.exp(category_logits - category_logits.amax(-1, keepdim=True)).unsqueeze(1)
    if category_logits.shape[1] < n_classes:
        share = with_background(share, background)
    proba = sigma * share
    no_event = torch.where(sigma > 0.5, 1 - sigma, torch.maximum(1 - sigma, sigma * (1 + TIE)))
    is_background = torch.arange(n_classes, device=proba.device) == background
    proba = torch.where(is_background, torch.maximum(proba, no_event), proba)
    return proba / proba.sum(-1, keepdim=True)


def class_probabilities(outputs, n_classes, background):
    """Return the probability of each class at each segment, of a network's outputs.

    Parameters
    ----------
    outputs : dict of Tensors
        With ``logits`` (n, T, C), whose softmax it is, or ``event_logits`` and ``category_logits``
        (:func:`gated_probabilities`).
    n_classes : int
        C.
    background : int or None
        Code of the background class; gated systems need one.

    Returns
    -------
    proba : Tensor of shape (n, T, C)
    """
    if "logits" in outputs:
        return outputs["logits"].softmax(-1)
    return gated_probabilities(outputs["event_logits"], outputs["category_logits"], n_classes, background)


def video_probabilities(video_logits, n_classes, background):
    """Return the probability of each class for a video, of a network's ``video_logits``.

    Parameters
    ----------
    video_logits : Tensor of shape (n, C), or (n, C - 1) of a gated network
    n_classes : int
        C.
    background : int or None
        Code of the background class.

    Returns
    -------
    proba : Tensor of shape (n, C)
        Background is 0 where the network has no logit for it.
    """
    proba = video_logits.softmax(-1)
    return proba if proba.shape[1] == n_classes else with_background(proba, background)
