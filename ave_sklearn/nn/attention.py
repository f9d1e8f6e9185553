"""Attention over the regions of a segment's picture, and over the segments of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.layers import Dropout, linear
from ave_sklearn.nn.region_attention import region_attention

if TYPE_CHECKING:
    from ave_sklearn._typing import Init

FEW_QUERIES = 8  # so many times the numbers of a query, all heads together, are fewer than the features of an entry
ONE_OF_THREE = 0.5**0.5  # Xavier's bound of a third of a matrix (3 d, d), over that of a matrix (d, d)


class AVGA(nn.Module):
    r"""Audio-guided visual attention [1]_: look where the sound comes from.

    For a segment with audio :math:`a` and regions :math:`V_1, \dots, V_N`,

    .. math::

        z_l = w^\top \tanh(P\,\mathrm{ReLU}(U_v V_l) + Q\,\mathrm{ReLU}(U_a a)), \qquad
        v = \sum_l \mathrm{softmax}(z)_l V_l .

    Parameters
    ----------
    n_audio_features, n_visual_features : int
        Lengths of :math:`a` and of each region :math:`V_l`.
    hidden_size : int, default=512
        Width of both ReLU layers.
    attention_size : int, default=49
        Width of the tanh layer.
    n_regions : int or None, default=None
        None is the published content form: the audio term is added to the tanh units, so sound is matched with
        what is seen, and maps may have any number of regions. An int is the authors' released form: the audio
        term has one value a region, added alike to all its tanh units, which ties the layer to that many
        regions.
    init : {"xavier", "torch"}, default="xavier"
        See :func:`ave_sklearn.nn.initialize`.

    References
    ----------
    .. [1] Y. Tian et al., "Audio-visual event localization in unconstrained videos", ECCV 2018.

    Examples
    --------
    The attention of each segment sums to 1, and what is seen is the mean of the regions that it weights.

    >>> import torch
    >>> from ave_sklearn.nn import AVGA
    >>> avga = AVGA(n_audio_features=6, n_visual_features=5)
    >>> audio, regions = torch.rand(2, 10, 6), torch.rand(2, 10, 9, 5)
    >>> visual, attention = avga(audio, regions)
    >>> visual.shape, attention.shape
    (torch.Size([2, 10, 5]), torch.Size([2, 10, 9]))
    >>> torch.allclose(attention.sum(-1), torch.ones(2, 10))
    True
    >>> mean = (attention.unsqueeze(-1) * regions).sum(2)
    >>> torch.allclose(visual, mean)
    True
    """

    def __init__(
        self,
        n_audio_features: int,
        n_visual_features: int,
        hidden_size: int = 512,
        attention_size: int = 49,
        n_regions: int | None = None,
        init: Init = "xavier",
    ) -> None:
        super().__init__()
        self.transposed = n_regions is not None
        self.audio = linear(n_audio_features, hidden_size, bias=True, init=init)
        self.visual = linear(n_visual_features, hidden_size, bias=True, init=init)
        self.visual_key = linear(hidden_size, attention_size, init=init)
        self.audio_key = linear(hidden_size, n_regions if self.transposed else attention_size, init=init)
        self.score = linear(attention_size, 1, init=init)

    def forward(self, audio: Tensor, regions: Tensor) -> tuple[Tensor, Tensor]:
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
        key = self.audio_key(F.relu(self.audio(audio)))  # (n, T, k), released (n, T, N)
        key = key.flatten(0, 1).unsqueeze(2 if self.transposed else 1)
        pooled, attention = region_attention(regions.flatten(0, 1), key, self.visual, self.visual_key, self.score)
        return pooled.unflatten(0, audio.shape[:2]), attention.unflatten(0, audio.shape[:2])


def attend(attention: nn.Module | None, audio: Tensor, visual: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Reduce visual maps to one vector a segment.

    Parameters
    ----------
    attention : torch.nn.Module or None
        Called as ``attention(audio, regions)`` with regions (n, T, N, d_v), such as :class:`AVGA`; None for visual
        features that are pooled already.
    audio : Tensor of shape (n, T, d_a)
    visual : Tensor of shape (n, T, H, W, d_v), or (n, T, d_v) when `attention` is None

    Returns
    -------
    pooled : Tensor of shape (n, T, d_v)
    outputs : dict
        ``attention`` of shape (n, T, H, W), where there are maps.

    Examples
    --------
    Maps of 3 x 4 regions become one vector a segment; pooled features stay as they are.

    >>> import torch
    >>> from ave_sklearn.nn import AVGA, attend
    >>> audio, maps = torch.rand(2, 10, 6), torch.rand(2, 10, 3, 4, 5)
    >>> pooled, outputs = attend(AVGA(6, 5), audio, maps)
    >>> pooled.shape, outputs["attention"].shape
    (torch.Size([2, 10, 5]), torch.Size([2, 10, 3, 4]))
    >>> same, outputs = attend(None, audio, pooled)
    >>> same is pooled, outputs
    (True, {})
    """
    if attention is None:
        return visual, {}
    pooled, weights = attention(audio, visual.flatten(2, -2))
    return pooled, {"attention": weights.unflatten(-1, visual.shape[2:-1])}


class MultiHeadAttention(nn.Module):
    r"""Scaled dot-product attention in several heads [1]_, with biases, as :class:`torch.nn.MultiheadAttention`.

    Unlike torch's, its dropout draws from a generator of its own (:class:`ave_sklearn.nn.Dropout`).

    Parameters
    ----------
    n_features : int
        Length d of queries, memory and output.
    n_heads : int, default=1
        Divides d; each head has d / n_heads features.
    dropout : float, default=0.0
        On the attention weights.
    project : bool, default=True
        False leaves out the linear layer on the output.
    init : {"xavier", "torch"}, default="xavier"
        Initial weights: each of the four layers by Xavier's rule, with torch's default for biases, or all as
        :class:`torch.nn.MultiheadAttention` starts. That takes query, key and value for one matrix, so that by Xavier's
        rule they start smaller by the square root of 2, and has torch's default for the output's weights and 0 for all
        biases.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NIPS 2017.

    Examples
    --------
    The mask leaves one entry of the memory, so that all queries get the same, whatever they ask for.

    >>> import torch
    >>> from ave_sklearn.nn import MultiHeadAttention
    >>> attention = MultiHeadAttention(8, n_heads=2)
    >>> query, memory = torch.rand(1, 3, 8), torch.rand(1, 4, 8)
    >>> mask = torch.tensor([[True, False, False, False]])
    >>> attended = attention(query, memory, mask)
    >>> attended.shape
    torch.Size([1, 3, 8])
    >>> torch.allclose(attended, attended[:, :1], atol=1e-5)
    True
    """

    def __init__(
        self, n_features: int, n_heads: int = 1, dropout: float = 0.0, project: bool = True, init: Init = "xavier"
    ) -> None:
        super().__init__()
        as_torch = init == "torch"
        layer = {"bias": True, "gain": ONE_OF_THREE if as_torch else 1.0, "zero_bias": as_torch}
        self.query, self.key, self.value = (linear(n_features, n_features, **layer) for _ in range(3))
        output = {"bias": True, "init": init, "zero_bias": as_torch}
        self.output = linear(n_features, n_features, **output) if project else nn.Identity()
        self.n_heads, self.key_size = n_heads, n_features // n_heads
        self.dropout = Dropout(dropout)

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend from each query to the memory.

        Parameters
        ----------
        query : Tensor of shape (..., S, d)
        memory : Tensor of shape (..., M, d)
        mask : bool Tensor of shape (..., M) or None, default=None
            False on entries of the memory that do not count.

        Returns
        -------
        attended : Tensor of shape (..., S, d)
        """
        few = FEW_QUERIES * query.shape[-2] * self.n_heads <= query.shape[-1]
        attend_heads = attend_folded if few else attend_projected
        return self.output(attend_heads(self, query, memory, mask))


def attend_projected(heads, query, memory, mask=None):
    """Return what the `heads` of :class:`MultiHeadAttention` see, side by side: (..., S, d) for a memory (..., M, d).

    Head by head from views of what is projected, so that nothing is copied to bring the heads in front.
    """
    q, k, u = (
        layer(x).split(heads.key_size, -1)  # of each head (..., S or M, d / heads)
        for layer, x in ((heads.query, query), (heads.key, memory), (heads.value, memory))
    )
    score = torch.stack([q_h @ k_h.transpose(-2, -1) for q_h, k_h in zip(q, k, strict=True)], -3)
    weights = attention_weights(heads, score, mask)
    return torch.cat([weights_h @ u_h for weights_h, u_h in zip(weights.unbind(-3), u, strict=True)], -1)


def attend_folded(heads, query, memory, mask=None):
    r"""Return what :func:`attend_projected` does, without keys and values of the memory, for few queries.

    The head's keys and values are linear in the memory :math:`x_l`, so that their weights can be applied to the query
    and to what it sees:

    .. math::

        q \cdot (K x_l + b_k) &= K^\top q \cdot x_l + q \cdot b_k, \\
        \sum_l w_l (U x_l + b_u) &= U \sum_l w_l x_l + b_u \sum_l w_l ,

    where dropout lets the weights have another sum than 1.
    """
    n_heads = heads.n_heads
    key, value = (layer.weight.unflatten(0, (n_heads, -1)) for layer in (heads.key, heads.value))  # (heads, k, d)
    q = heads.query(query).unflatten(-1, (n_heads, -1)).transpose(-3, -2)  # (..., heads, S, k)
    asked = torch.einsum("...hsk,hkd->...hsd", q, key)
    constant = torch.einsum("...hsk,hk->...hs", q, heads.key.bias.unflatten(0, (n_heads, -1)))
    score = products(asked, memory.transpose(-2, -1)) + constant.unsqueeze(-1)
    weights = attention_weights(heads, score, mask)  # (..., heads, S, M)
    seen = torch.einsum("...hsd,hkd->...hsk", products(weights, memory), value)
    seen = seen + weights.sum(-1, keepdim=True) * heads.value.bias.unflatten(0, (n_heads, 1, -1))
    return seen.transpose(-3, -2).flatten(-2)


def attention_weights(heads, score, mask=None):
    """Return the weights, dropout included, for products of queries and keys (..., heads, S, M)."""
    score = score / heads.key_size**0.5
    if mask is not None:
        score = score.masked_fill(~mask[..., None, None, :], -torch.inf)
    return heads.dropout(score.softmax(-1))


def products(x, matrix):
    """Return (..., heads, S, n) for `x` (..., heads, S, m): products with one `matrix` (..., m, n) for all heads."""
    return (x.flatten(-3, -2) @ matrix).unflatten(-2, x.shape[-3:-1])


def dot_product_attention(query, key, value, mask=None, scale=None):
    """Attention in one head of queries (..., S, k) to keys (..., M, k) and values (..., M, u): (..., S, u).

    `mask` of shape (n, M) is false on entries of a memory of n videos that do not count. A `scale` of None is one over
    the root of k.
    """
    counts = None if mask is None else mask[:, None, :]
    return F.scaled_dot_product_attention(query, key, value, attn_mask=counts, scale=scale)


class SingleHeadAttention(nn.Module):
    r"""Attention in one head, with biases and sizes of its own: :math:`\mathrm{softmax}(q k^\top / \kappa)\,u`.

    Parameters
    ----------
    n_queries, n_memory : int
        Lengths of a query's and of a memory entry's features.
    key_size, value_size : int
        Lengths of :math:`q` and :math:`k`, and of :math:`u`, which are linear in these.
    scaled : bool, default=True
        :math:`\kappa` is the square root of `key_size`, else 1.

    Examples
    --------
    Each of three queries gets a weighted mean of the values of five entries. Where the entries are all alike, that is
    their value, whatever the weights.

    >>> import torch
    >>> from ave_sklearn.nn import SingleHeadAttention
    >>> attention = SingleHeadAttention(6, 4, key_size=2, value_size=7)
    >>> query, entry = torch.rand(1, 3, 6), torch.rand(1, 1, 4)
    >>> attended = attention(query, memory=entry.expand(1, 5, 4))
    >>> attended.shape
    torch.Size([1, 3, 7])
    >>> value = attention.value(entry).expand(1, 3, 7)
    >>> torch.allclose(attended, value, atol=1e-5)
    True
    """

    def __init__(self, n_queries: int, n_memory: int, key_size: int, value_size: int, *, scaled: bool = True) -> None:
        super().__init__()
        biased = {"bias": True, "init": "torch"}
        self.query = linear(n_queries, key_size, **biased)
        self.key = linear(n_memory, key_size, **biased)
        self.value = linear(n_memory, value_size, **biased)
        self.scale = None if scaled else 1.0

    def forward(self, query: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend from each query to the memory.

        Parameters
        ----------
        query : Tensor of shape (..., S, n_queries)
        memory : Tensor of shape (..., M, n_memory)
        mask : bool Tensor of shape (n, M) or None, default=None
            False on entries of a memory of shape (n, M, n_memory) that do not count.

        Returns
        -------
        attended : Tensor of shape (..., S, value_size)
        """
        return dot_product_attention(self.query(query), self.key(memory), self.value(memory), mask, self.scale)


class ContextBlock(nn.Module):
    r"""Self-attention in one head with residual and norm: :math:`\mathrm{LN}(x + \mathrm{dropout}(A(x, x)))`.

    Parameters
    ----------
    n_features : int
        Length of the last axis, kept.
    key_size : int
        See :class:`SingleHeadAttention`, which is :math:`A`.
    dropout : float
        On what the attention gives.
    scaled : bool, default=True
        See :class:`SingleHeadAttention`.
    norm : torch.nn.LayerNorm or None, default=None
        LN, that of another block; None is one of its own.

    Examples
    --------
    Every segment sees all others: another last one changes the first. Not so where the mask calls it padding.

    >>> import torch
    >>> from ave_sklearn.nn import ContextBlock
    >>> block = ContextBlock(n_features=8, key_size=2, dropout=0.1).eval()
    >>> x, last = torch.rand(1, 4, 8), torch.rand(1, 1, 8)
    >>> other = torch.cat([x[:, :3], last], 1)
    >>> torch.allclose(block(x)[:, 0], block(other)[:, 0])
    False
    >>> mask = torch.tensor([[True, True, True, False]])
    >>> first, same = block(x, mask)[:, 0], block(other, mask)[:, 0]
    >>> torch.allclose(first, same, atol=1e-5)
    True
    """

    def __init__(
        self, n_features: int, key_size: int, dropout: float, *, scaled: bool = True, norm: nn.LayerNorm | None = None
    ) -> None:
        super().__init__()
        self.attention = SingleHeadAttention(n_features, n_features, key_size, n_features, scaled=scaled)
        self.dropout = Dropout(dropout)
        self.norm = nn.LayerNorm(n_features) if norm is None else norm

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return each entry in the context of the others.

        Parameters
        ----------
        x : Tensor of shape (..., S, n_features)
        mask : bool Tensor of shape (n, S) or None, default=None
            False on entries of an `x` of shape (n, S, n_features) that do not count.

        Returns
        -------
        updated : Tensor of shape (..., S, n_features)
        """
        return self.norm(x + self.dropout(self.attention(x, x, mask)))


class SelfAttention(nn.Module):
    r"""Self-attention over the segments of one modality, for the paper's SAPSP ablation (Table 1).

    :math:`\mathrm{LN}(x + \mathrm{softmax}(q k^\top / \sqrt d)\,u)` with :math:`q`, :math:`k` and
    :math:`u` linear in :math:`x` [1]_. One head, no biases and this residual are choices: the paper says no more than
    that it has self-attention.

    Parameters
    ----------
    n_features : int
        Length d of the last axis, kept.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NIPS 2017.

    Examples
    --------
    What lies in padding, here the last segment, changes nothing in the others.

    >>> import torch
    >>> from ave_sklearn.nn import SelfAttention
    >>> attention, x = SelfAttention(8), torch.rand(1, 4, 8)
    >>> mask = torch.tensor([[True, True, True, False]])
    >>> before = attention(x, mask)[:, :3]
    >>> x[:, 3] = 100.0
    >>> torch.allclose(before, attention(x, mask)[:, :3], atol=1e-5)
    True
    """

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (linear(n_features, n_features) for _ in range(3))
        self.norm = nn.LayerNorm(n_features)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Attend from each segment to all.

        Parameters
        ----------
        x : Tensor of shape (n, T, d)
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding.

        Returns
        -------
        updated : Tensor of shape (n, T, d)
        """
        return self.norm(x + dot_product_attention(self.query(x), self.key(x), self.value(x), mask))
