"""Fusion of the two modalities and the classifiers on top of it."""

import torch
import torch.nn.functional as F
from torch import nn

from ave_sklearn.nn.layers import Dropout, linear, masked_mean


class Fusion(nn.Module):
    r"""Mean of the two modalities in one space (Eq. 4).

    .. math:: f = \tfrac12 [\mathcal{N}(v^{psp} W_3^v) + \mathcal{N}(a^{psp} W_3^a)]

    One layer norm serves both modalities.

    Parameters
    ----------
    size : int
        Length d_l of the features, kept.
    dropout : float, default=0.0
        After the projections.
    project : bool, default=True
        False leaves out W_3, as the authors' released weakly supervised network does.
    activation : callable or None, default=None
        Between projection and layer norm; the released fully supervised network has ReLU.
    """

    def __init__(self, size, dropout=0.0, project=True, activation=None):
        super().__init__()
        self.w3_v = linear(size, size) if project else nn.Identity()
        self.w3_a = linear(size, size) if project else nn.Identity()
        self.activation = activation or nn.Identity()
        self.dropout = Dropout(dropout if project else 0.0)
        self.norm = nn.LayerNorm(size, eps=1e-6)

    def forward(self, v, a):
        """Return the fused features (n, T, d_l), and both normalised summands."""
        v, a = (self.norm(self.dropout(self.activation(layer(x)))) for layer, x in ((self.w3_v, v), (self.w3_a, a)))
        return (v + a) / 2, v, a


class SegmentHead(nn.Module):
    """Two fully connected layers on each segment: the fully supervised classifier (Sec. 4.4).

    Parameters
    ----------
    size : int
        Length of the fused features.
    n_classes : int
        Background included.
    hidden_size : int, default=64
        Width d_h of the hidden layer.
    dropout : float, default=0.0
        Before each of the two layers.
    activation : callable or None, default=None
        Between the layers; None is ReLU.
    """

    def __init__(self, size, n_classes, hidden_size=64, dropout=0.0, activation=None):
        super().__init__()
        self.hidden = linear(size, hidden_size)
        self.output = linear(hidden_size, n_classes)
        self.dropout = Dropout(dropout)
        self.activation = activation or F.relu

    def forward(self, fused, mask=None):
        """Return ``{"logits": (n, T, C)}`` for `fused` of shape (n, T, d_l)."""
        hidden = self.activation(self.hidden(self.dropout(fused)))
        return {"logits": self.output(self.dropout(hidden))}


class VideoHead(nn.Module):
    r"""Segment scores weighted and averaged to a video's prediction: the weakly supervised classifier (Eq. 5).

    .. math:: f^h = f W_4 W_5, \quad \phi = \sigma(f^h W_6), \quad o = \mathrm{softmax}(\mathrm{avg}_t(f^h \phi))

    Parameters
    ----------
    size, n_classes : int
        See :class:`SegmentHead`.
    hidden_size : int, default=64
    dropout : float, default=0.0
    weighting : bool, default=True
        False is Eq. 6: no weighting branch.
    released : bool, default=False
        The authors' code: ReLU between W_4 and W_5 and before the sigmoid.
    """

    def __init__(self, size, n_classes, hidden_size=64, dropout=0.0, weighting=True, released=False):
        super().__init__()
        self.activation = F.relu if released else nn.Identity()
        self.scores = SegmentHead(size, n_classes, hidden_size, dropout, self.activation)
        self.weighting = linear(n_classes, 1, init="torch") if weighting else None

    def forward(self, fused, mask=None):
        """Return ``logits`` (n, T, C), the weighted segment scores, and ``video_logits`` (n, C), their mean."""
        scores = self.scores(fused)["logits"]
        if self.weighting is not None:
            scores = scores * torch.sigmoid(self.activation(self.weighting(scores)))
        return {"logits": scores, "video_logits": masked_mean(scores, mask)}
