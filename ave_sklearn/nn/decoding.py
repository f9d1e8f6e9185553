"""Class probabilities of each segment and of each video, read off what a network gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ave_sklearn.nn.gated import with_background

if TYPE_CHECKING:
    from collections.abc import Mapping

TIE = 1e-6  # relative lead of background where event and background are equally probable


def gated_probabilities(event_logits: Tensor, category_logits: Tensor, n_classes: int, background: int) -> Tensor:
    r"""Class probabilities whose argmax is the gated systems' decoding.

    Background has :math:`1 - \sigma(e_t)` and class k :math:`\sigma(e_t)\,q_k / \max q` with
    :math:`q = \mathrm{softmax}(c)`, divided by their sum. So the most probable class is the video's category where
    :math:`\sigma(e_t) > 0.5`, and background elsewhere. Where c has an entry for background too, background has the
    larger of its two values.

    Parameters
    ----------
    event_logits : Tensor of shape (n, T)
        e, positive where there is an event.
    category_logits : Tensor of shape (n, C - 1), or (n, C) with background
        c, one vector a video.
    n_classes : int
        Number C of classes, background included.
    background : int
        Code of the background class.

    Returns
    -------
    proba : Tensor of shape (n, T, C)
        Rows sum to 1.

    Examples
    --------
    Two segments, which have an event with the probabilities 0.75 and 0.25; class 0 of 3 is background. The first has
    the video's category, class 2, as the most probable class, and the second has background.

    >>> import torch
    >>> from ave_sklearn.nn import gated_probabilities
    >>> event_logits = torch.tensor([[0.75, 0.25]]).logit()
    >>> category_logits = torch.tensor([[1.0, 2.0]]).log()
    >>> gated_probabilities(event_logits, category_logits, 3, 0)
    tensor([[[0.1818, 0.2727, 0.5455],
             [0.6667, 0.1111, 0.2222]]])
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


def class_probabilities(outputs: Mapping[str, Tensor], n_classes: int, background: int | None) -> Tensor:
    """Return the probability of each class at each segment, of a network's outputs.

    Parameters
    ----------
    outputs : dict of Tensors
        With ``logits`` (n, T, C), whose softmax it is, or ``event_logits`` and ``category_logits``
        (:func:`gated_probabilities`).
    n_classes : int
        Number C of classes, background included.
    background : int or None
        Code of the background class; gated systems need one.

    Returns
    -------
    proba : Tensor of shape (n, T, C)
        Rows sum to 1.

    Examples
    --------
    A network that classifies segments, and a gated one, which has an event of class 2 in the second segment:

    >>> import torch
    >>> from ave_sklearn.nn import class_probabilities
    >>> outputs = {"logits": torch.tensor([[[1.0, 3.0]]]).log()}
    >>> class_probabilities(outputs, n_classes=2, background=0)
    tensor([[[0.2500, 0.7500]]])
    >>> gated = {"event_logits": torch.tensor([[-2.0, 2.0]])}
    >>> gated["category_logits"] = torch.tensor([[0.0, 1.0]])
    >>> class_probabilities(gated, n_classes=3, background=0).argmax(-1)
    tensor([[0, 2]])
    """
    if "logits" in outputs:
        return outputs["logits"].softmax(-1)
    return gated_probabilities(outputs["event_logits"], outputs["category_logits"], n_classes, background)


def video_probabilities(video_logits: Tensor, n_classes: int, background: int | None) -> Tensor:
    """Return the probability of each class for a video, of a network's ``video_logits``.

    Parameters
    ----------
    video_logits : Tensor of shape (n, C), or (n, C - 1) of a gated network
    n_classes : int
        Number C of classes, background included.
    background : int or None
        Code of the background class.

    Returns
    -------
    proba : Tensor of shape (n, C)
        Rows sum to 1. Background is 0 where the network has no logit for it.

    Examples
    --------
    A network with a logit for background, and a gated one without:

    >>> import torch
    >>> from ave_sklearn.nn import video_probabilities
    >>> flat = torch.tensor([[2.0, 1.0, 1.0]]).log()
    >>> video_probabilities(flat, n_classes=3, background=0)
    tensor([[0.5000, 0.2500, 0.2500]])
    >>> gated = torch.tensor([[1.0, 3.0]]).log()
    >>> video_probabilities(gated, n_classes=3, background=0)
    tensor([[0.0000, 0.2500, 0.7500]])
    """
    proba = video_logits.softmax(-1)
    return proba if proba.shape[1] == n_classes else with_background(proba, background)
