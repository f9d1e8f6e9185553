"""CMAN: three attentions, over regions, over segments and over the two modalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_share, check_size
from ave_sklearn.nn.attention import attend
from ave_sklearn.nn.heads import flat_head
from ave_sklearn.nn.layers import Dropout, linear
from ave_sklearn.nn.transformer import AttentionBlock

if TYPE_CHECKING:
    from ave_sklearn._typing import Pooling, Supervision


class CosineAttention(nn.Module):
    r"""Where: attention over regions by the cosine of region and sound.

    .. math:: v = \sum_l \mathrm{softmax}_l(\cos(V_l W_v, a W_a))\,V_l

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        Lengths of `a` and of each region `V_l`.
    hidden_size : int
        Length of the two vectors that are compared.
    """

    def __init__(self, n_audio_features, n_visual_features, hidden_size):
        super().__init__()
        self.audio = linear(n_audio_features, hidden_size)
        self.visual = linear(n_visual_features, hidden_size)

    def forward(self, audio, regions):
        """Return the attended regions (n, T, d_v) and the weights (n, T, N), of regions (n, T, N, d_v)."""
        score = F.cosine_similarity(self.visual(regions), self.audio(audio).unsqueeze(2), dim=-1)  # (n, T, N)
        attention = score.softmax(-1)
        return torch.einsum("btl,btld->btd", attention, regions), attention


class ContextAttention(nn.Module):
    r"""When: a linear layer, and self-attention over the segments of one modality.

    .. math:: y = \mathrm{LN}(x + \mathrm{softmax}(q k^\top / \sqrt d)\,u)

    with `x` the linear layer's output and `q`, `k`, `u` linear in `x`.

    Parameters
    ----------
    n_features : int
        Length of a segment's input.
    hidden_size : int
        Length d of a segment's output.
    """

    def __init__(self, n_features, hidden_size):
        super().__init__()
        self.input = linear(n_features, hidden_size, bias=True)
        self.context = AttentionBlock(hidden_size, project=False)

    def forward(self, x, mask=None):
        """Return (n, T, d) for `x` (n, T, n_features); `mask` (n, T) hides invalid segments."""
        x = self.input(x)
        return self.context(x, x, mask)


class SentinelLSTM(nn.Module):
    r"""An LSTM over segments, forward in time, whose cell a gate opens: the sentinel, what the modality knows alone.

    .. math:: h_t, m_t = \mathrm{LSTM}(y_t, h_{t-1}, m_{t-1}), \quad
        s_t = \sigma(W_x y_t + W_h h_{t-1}) \tanh(m_t)

    Parameters
    ----------
    size : int
        Length d of input and state.
    """

    def __init__(self, size):
        super().__init__()
        self.cell = nn.LSTMCell(size, size)
        self.gate_input = linear(size, size, bias=True)
        self.gate_state = linear(size, size)

    def forward(self, y):
        """Return the states `h` and the sentinels `s` of `y`, all (n, T, d)."""
        states = [self.cell(y[:, 0])]
        for y_t in y.unbind(1)[1:]:
            states.append(self.cell(y_t, states[-1]))
        h, m = (torch.stack(steps, 1) for steps in zip(*states, strict=True))  # (n, T, d)
        before = F.pad(h[:, :-1], (0, 0, 1, 0))  # h_{t-1}, zeros at the first segment
        return h, torch.sigmoid(self.gate_input(y) + self.gate_state(before)) * torch.tanh(m)


class SentinelAttention(nn.Module):
    r"""Which: attention over the other modality's segments and the modality's own sentinel.

    .. math::

        z_{t,i} = w^\top \tanh(W_a M_i + W_g h_t), \quad \tilde z_t = w^\top \tanh(W_s s_t + W_g h_t),

        [\alpha_t; \beta_t] = \mathrm{softmax}([z_{t,1}, \dots, z_{t,T}; \tilde z_t]), \quad
        \hat h_t = \sum_i \alpha_{t,i} M_i + \beta_t s_t + h_t .

    The published form, a softmax over the :math:`z` alone whose sum counts :math:`1 - \beta_t`, is the same.

    Parameters
    ----------
    size : int
        Length d of all features.
    """

    def __init__(self, size):
        super().__init__()
        self.memory, self.sentinel, self.state = (linear(size, size) for _ in range(3))
        self.score = linear(size, 1)

    def forward(self, h, sentinel, memory, mask=None):
        """Return (n, T, d) for `h`, `sentinel` and `memory` of that shape; `mask` (n, T) hides invalid segments."""
        state = self.state(h).unsqueeze(2)  # (n, T, 1, d)
        z = self.score(torch.tanh(self.memory(memory).unsqueeze(1) + state)).squeeze(-1)  # (n, T, T)
        z_sentinel = self.score(torch.tanh(self.sentinel(sentinel).unsqueeze(2) + state)).squeeze(-1)  # (n, T, 1)
        if mask is not None:
            z = z.masked_fill(~mask.unsqueeze(1), -torch.inf)
        alpha, beta = torch.cat([z, z_sentinel], -1).softmax(-1).tensor_split([z.shape[-1]], -1)
        return alpha @ memory + beta * sentinel + h


class CMANNet(nn.Module):
    """CMAN, the cross-modal attention network [1]_: where, when and which.

    Regions are attended by their cosine with the sound (where), segments by self-attention in each modality (when),
    and each modality's LSTM attends to the other modality or keeps to its own sentinel (which). Both are
    concatenated and classified.

    Parameters
    ----------
    n_audio_features, n_visual_features, n_classes, n_regions, supervision
        See :class:`PSPNet`.
    hidden_size : int, default=256
        Length d of each modality's features.
    dropout : float, default=0.0
        On the input of both LSTMs and before each layer of the classifier; the description has none.
    weighting : bool, default=False
        PSP's weighting branch (Eq. 5 there); weak supervision only.
    pooling : {"mean", "max"}, default="mean"
        Of the scores over time; weak supervision only.

    Notes
    -----
    A reconstruction: no code of the authors was found. The three attentions follow descriptions of the paper; widths,
    biases, the form of the self-attention and the classifier are choices (2,467,741 parameters at the AVE dataset's
    sizes, of which the keys' two biases have no effect, as the softmax cancels them). The softmax over regions has
    no temperature, so no region has more than e^2 times another's weight. Pooled visual features leave out where.

    References
    ----------
    .. [1] H. Xuan et al., "Cross-modal attention network for temporal inconsistent audio-visual event
       localization", AAAI 2020.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import CMANNet
    >>> network = CMANNet(6, 5, n_classes=4, n_regions=9, hidden_size=8)
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 3, 5)
    >>> outputs = network(audio, maps)  # of two videos of 10 segments
    >>> for name, x in outputs.items():
    ...     print(name, tuple(x.shape))
    logits (2, 10, 4)
    attention (2, 10, 3, 3)
    fused (2, 10, 16)
    similarity (2, 10)
    >>> network = CMANNet(128, 512, 29, n_regions=49)  # the AVE dataset's sizes
    >>> sum(weight.numel() for weight in network.parameters())
    2467741
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        n_classes: int,
        n_regions: int | None = None,
        *,
        supervision: Supervision = "full",
        hidden_size: int = 256,
        dropout: float = 0.0,
        weighting: bool = False,
        pooling: Pooling = "mean",
    ) -> None:
        super().__init__()
        check_size("hidden_size", hidden_size)
        check_share("dropout", dropout)
        self.where = CosineAttention(n_audio_features, n_visual_features, hidden_size) if n_regions else None
        self.visual_when = ContextAttention(n_visual_features, hidden_size)
        self.audio_when = ContextAttention(n_audio_features, hidden_size)
        self.visual_lstm, self.audio_lstm = SentinelLSTM(hidden_size), SentinelLSTM(hidden_size)
        self.visual_which, self.audio_which = SentinelAttention(hidden_size), SentinelAttention(hidden_size)
        self.dropout = Dropout(dropout)
        pooled = {"weighting": weighting, "pooling": pooling}
        self.head = flat_head(2 * hidden_size, n_classes, supervision, dropout=dropout, **pooled)

    def forward(self, audio: Tensor, visual: Tensor, mask: Tensor | None = None) -> dict[str, Tensor]:
        """Return a dict: ``logits`` (n, T, C), ``fused`` (n, T, 2 d), ``similarity`` (n, T).

        With maps there is ``attention`` (n, T, H, W), with weak supervision ``video_logits`` (n, C). See
        :meth:`PSPNet.forward` for the arguments.
        """
        v, attention = attend(self.where, audio, visual)  # (n, T, d_v)
        y_v = self.dropout(self.visual_when(v, mask))  # (n, T, d)
        y_a = self.dropout(self.audio_when(audio, mask))
        h_v = self.visual_which(*self.visual_lstm(y_v), y_a, mask)
        h_a = self.audio_which(*self.audio_lstm(y_a), y_v, mask)
        fused = torch.cat([h_v, h_a], -1)  # (n, T, 2 d)
        similarity = F.cosine_similarity(h_v, h_a, dim=-1)
        return {**self.head(fused, mask), **attention, "fused": fused, "similarity": similarity}
