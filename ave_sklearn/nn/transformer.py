"""Transformer layers with the norm behind each residual ("post-norm"), as torch's own by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from ave_sklearn.nn.attention import MultiHeadAttention
from ave_sklearn.nn.layers import Dropout, linear, relu_dropout

if TYPE_CHECKING:
    from ave_sklearn._typing import Init


class AttentionBlock(nn.Module):
    r"""Attention with residual and norm, :math:`\mathrm{LN}(x + \mathrm{dropout}(\mathrm{MHA}(x, m, m)))` [1]_.

    Parameters
    ----------
    n_features : int
        Length d of queries, memory and output.
    n_heads : int, default=1
        Divides d.
    dropout : float, default=0.0
        On the attention weights and on what they give.
    project : bool, default=True
        See :class:`MultiHeadAttention`.
    init : {"xavier", "torch"}, default="xavier"
        See :class:`MultiHeadAttention`.
    weight_dropout : float or None, default=None
        On the attention weights, where it is another rate.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NIPS 2017.

    Examples
    --------
    Three queries attend to a memory of five entries, of which the mask hides the last two.

    >>> import torch
    >>> from ave_sklearn.nn import AttentionBlock
    >>> block, x = AttentionBlock(8, n_heads=2), torch.rand(1, 3, 8)
    >>> memory = torch.rand(1, 5, 8)
    >>> mask = torch.tensor([[True, True, True, False, False]])
    >>> updated, same = block(x, memory, mask), block(x, memory[:, :3])
    >>> updated.shape, torch.allclose(updated, same, atol=1e-5)
    (torch.Size([1, 3, 8]), True)
    """

    def __init__(
        self,
        n_features: int,
        n_heads: int = 1,
        dropout: float = 0.0,
        project: bool = True,
        init: Init = "xavier",
        weight_dropout: float | None = None,
    ) -> None:
        super().__init__()
        weight_dropout = dropout if weight_dropout is None else weight_dropout
        self.attention = MultiHeadAttention(n_features, n_heads, weight_dropout, project, init)
        self.norm = nn.LayerNorm(n_features)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Update a sequence.

        Parameters
        ----------
        x : Tensor of shape (..., S, d)
        memory : Tensor of shape (..., M, d)
            `x` itself for self-attention.
        mask : bool Tensor of shape (..., M) or None, default=None
            False on entries of the memory that do not count.

        Returns
        -------
        updated : Tensor of shape (..., S, d)
        """
        return self.norm(x + self.dropout(self.attention(x, memory, mask)))


class FeedForward(nn.Module):
    r"""Two linear layers with residual and norm: :math:`\mathrm{LN}(x + \mathrm{ReLU}(x W_1 + b_1) W_2 + b_2)`.

    Parameters
    ----------
    n_features : int
        Length d of the last axis, kept.
    hidden_size : int
        Width between the layers.
    dropout : float, default=0.0
        Behind each layer.
    init : {"xavier", "torch"}, default="xavier"
        See :func:`ave_sklearn.nn.initialize`.

    Examples
    --------
    Each segment is updated by itself; none sees another.

    >>> import torch
    >>> from ave_sklearn.nn import FeedForward
    >>> layer = FeedForward(n_features=8, hidden_size=16)
    >>> x = torch.rand(2, 10, 8)
    >>> layer(x).shape
    torch.Size([2, 10, 8])
    >>> torch.allclose(layer(x)[:, 3:], layer(x[:, 3:]), atol=1e-5)
    True
    """

    def __init__(self, n_features: int, hidden_size: int, dropout: float = 0.0, init: Init = "xavier") -> None:
        super().__init__()
        self.hidden = linear(n_features, hidden_size, bias=True, init=init)
        self.output = linear(hidden_size, n_features, bias=True, init=init)
        self.norm = nn.LayerNorm(n_features)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Return the updated `x`, of the same shape (..., d)."""
        hidden = relu_dropout(self.hidden(x), self.dropout)
        return self.norm(x + self.dropout(self.output(hidden)))


class TransformerEncoderLayer(nn.Module):
    """Attention to a memory, then a feed-forward layer.

    With the sequence itself as memory it is :class:`torch.nn.TransformerEncoderLayer`.

    Parameters
    ----------
    n_features : int
        Length d of the last axis, kept.
    n_heads : int
        Divides d.
    feedforward_size : int
        Width of the feed-forward layer.
    dropout : float, default=0.0
        On the attention weights, and behind attention and both feed-forward layers.
    init : {"xavier", "torch"}, default="xavier"
        Of attention (:class:`MultiHeadAttention`) and of the feed-forward layer.

    Examples
    --------
    Ten segments attend to each other, or to the five of another sequence. The layer has the weights of torch's.

    >>> import torch
    >>> from ave_sklearn.nn import TransformerEncoderLayer
    >>> layer = TransformerEncoderLayer(8, n_heads=2, feedforward_size=16)
    >>> x, memory = torch.rand(2, 10, 8), torch.rand(2, 5, 8)
    >>> layer(x, x).shape, layer(x, memory).shape
    (torch.Size([2, 10, 8]), torch.Size([2, 10, 8]))
    >>> theirs = torch.nn.TransformerEncoderLayer(8, 2, 16)
    >>> sum(p.numel() for p in layer.parameters())
    600
    >>> sum(p.numel() for p in theirs.parameters())
    600
    """

    def __init__(
        self, n_features: int, n_heads: int, feedforward_size: int, dropout: float = 0.0, init: Init = "xavier"
    ) -> None:
        super().__init__()
        self.attention = AttentionBlock(n_features, n_heads, dropout, init=init)
        self.feed_forward = FeedForward(n_features, feedforward_size, dropout, init)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Update a sequence.

        Parameters
        ----------
        x : Tensor of shape (..., S, d)
        memory : Tensor of shape (..., M, d)
            `x` itself for self-attention.
        mask : bool Tensor of shape (..., M) or None, default=None
            False on entries of the memory that do not count.

        Returns
        -------
        updated : Tensor of shape (..., S, d)
        """
        return self.feed_forward(self.attention(x, memory, mask))


class TransformerDecoderLayer(TransformerEncoderLayer):
    """Self-attention, then attention to a memory and a feed-forward layer: :class:`torch.nn.TransformerDecoderLayer`.

    Parameters
    ----------
    n_features, n_heads, feedforward_size, dropout, init
        See :class:`TransformerEncoderLayer`.

    Examples
    --------
    Ten segments attend to each other, then to twelve entries of a memory, of which the mask hides the last four.

    >>> import torch
    >>> from ave_sklearn.nn import TransformerDecoderLayer
    >>> layer, x = TransformerDecoderLayer(8, 2, 16), torch.rand(2, 10, 8)
    >>> memory = torch.rand(2, 12, 8)
    >>> mask = (torch.arange(12) < 8).expand(2, 12)
    >>> updated, same = layer(x, memory, mask), layer(x, memory[:, :8])
    >>> updated.shape, torch.allclose(updated, same, atol=1e-5)
    (torch.Size([2, 10, 8]), True)
    """

    def __init__(
        self, n_features: int, n_heads: int, feedforward_size: int, dropout: float = 0.0, init: Init = "xavier"
    ) -> None:
        super().__init__(n_features, n_heads, feedforward_size, dropout, init)
        self.self_attention = AttentionBlock(n_features, n_heads, dropout, init=init)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None = None) -> Tensor:
        """Update a sequence.

        Parameters
        ----------
        x : Tensor of shape (..., S, d)
        memory : Tensor of shape (..., M, d)
        mask : bool Tensor of shape (..., M) or None, default=None
            False on entries of the memory that do not count. All of `x` counts.

        Returns
        -------
        updated : Tensor of shape (..., S, d)
        """
        return super().forward(self.self_attention(x, x), memory, mask)
