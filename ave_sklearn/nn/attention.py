"""Attention over the regions of a segment's picture, and over the segments of a video."""

import torch
import torch.nn.functional as F
from torch import nn

from ave_sklearn.nn.layers import linear


class AVGA(nn.Module):
    r"""Audio-guided visual attention [1]_: look where the sound comes from.

    For a segment with audio :math:`a` and regions :math:`V_1, \dots, V_N`,

    .. math::

        z_l = w^\top \tanh(P\,\mathrm{ReLU}(U_v V_l) + Q\,\mathrm{ReLU}(U_a a)), \qquad
        v = \sum_l \mathrm{softmax}(z)_l V_l .

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        Lengths of `a` and of each region `V_l`.
    hidden_size : int, default=512
        Width of both ReLU layers.
    attention_size : int, default=49
        Width of the tanh layer.
    n_regions : int or None, default=None
        None is the published content form: the audio term is added to the tanh units, so sound is matched with
        what is seen, and maps may have any number of regions. An int is the authors' released form: the audio
        term has one value a region, added alike to all its tanh units, which ties the layer to that many
        regions.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-visual event localization in unconstrained videos", ECCV 2018.
    """

    def __init__(self, n_audio_features, n_visual_features, hidden_size=512, attention_size=49, n_regions=None):
        super().__init__()
        self.transposed = n_regions is not None
        self.audio = linear(n_audio_features, hidden_size, bias=True)
        self.visual = linear(n_visual_features, hidden_size, bias=True)
        self.visual_key = linear(hidden_size, attention_size)
        self.audio_key = linear(hidden_size, n_regions if self.transposed else attention_size)
        self.score = linear(attention_size, 1)

    def forward(self, audio, regions):
        """Attend to the regions of each segment.

        Parameters
        ----------
        audio : Tensor of shape (n, T, n_audio_features)
        regions : Tensor of shape (n, T, N, n_visual_features)

        Returns
        -------
        visual : Tensor of shape (n, T, n_visual_features)
        attention : Tensor of shape (n, T, N)
            Rows sum to 1.
        """
        key_v = self.visual_key(F.relu(self.visual(regions)))  # (n, T, N, k)
        key_a = self.audio_key(F.relu(self.audio(audio)))  # (n, T, k), released (n, T, N)
        key_a = key_a.unsqueeze(3 if self.transposed else 2)
        attention = self.score(torch.tanh(key_v + key_a)).squeeze(-1).softmax(-1)
        return torch.einsum("btl,btld->btd", attention, regions), attention


class SelfAttention(nn.Module):
    r"""Self-attention over the segments of one modality, for the paper's SAPSP ablation (Table 1).

    :math:`\mathrm{LN}(x + \mathrm{softmax}(q k^\top / \sqrt d)\,u)` with `q`, `k`, `u` linear in `x` [1]_.

    Parameters
    ----------
    n_features : int
        Length d of the last axis, kept.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NIPS 2017.
    """

    def __init__(self, n_features):
        super().__init__()
        self.query, self.key, self.value = (linear(n_features, n_features) for _ in range(3))
        self.norm = nn.LayerNorm(n_features)

    def forward(self, x, mask=None):
        """Return the attended `x`, of the same shape (n, T, d); `mask` (n, T) hides invalid segments."""
        hidden = None if mask is None else mask[:, None, :]
        y = F.scaled_dot_product_attention(self.query(x), self.key(x), self.value(x), attn_mask=hidden)
        return self.norm(x + y)
