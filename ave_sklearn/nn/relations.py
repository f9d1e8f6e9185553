"""Relations among the segments of a video, within a modality, across both and between them: blocks of CMRAN."""

import torch
from torch import Tensor, nn

from ave_sklearn.nn.layers import Dropout, is_plain, linear, relu_dropout
from ave_sklearn.nn.transformer import AttentionBlock, TransformerEncoderLayer


def adapter(n_features, dropout):
    """Return the layers in front of the attention over regions: linear, ReLU, dropout."""
    return Adapter(linear(n_features, n_features, bias=True, init="torch"), nn.ReLU(), Dropout(dropout))


class Adapter(nn.Sequential):
    """Linear layer, ReLU and dropout. The last two are one function, unless a hook waits for one of them."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the adapted `x`, of the same shape (..., d)."""
        layer, relu, dropout = self
        return relu_dropout(layer(x), dropout) if is_plain(relu, nn.ReLU) else super().forward(x)


def join(first, second, mask=None):
    """Return two sequences (n, T, d) one behind the other, (n, 2 T, d), and the mask of both or None."""
    return torch.cat([first, second], 1), None if mask is None else torch.cat([mask, mask], 1)


class IntraModalRelation(nn.Module):
    """A modality's segments see each other: a linear layer, then `n_layers` transformer layers."""

    def __init__(self, n_features, hidden_size, n_layers, **params):
        super().__init__()
        self.input = linear(n_features, hidden_size, bias=True, init="torch")
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(hidden_size, init="torch", **params) for _ in range(n_layers)
        )

    def forward(self, x, mask=None):
        """Encode `x` of shape (n, T, n_features) to (n, T, hidden_size)."""
        x = self.input(x)
        for layer in self.layers:
            x = layer(x, x, mask)
        return x


class CrossModalRelation(nn.Module):
    """A modality's segments see the other's and each other: a linear layer, then a transformer layer."""

    def __init__(self, n_features, hidden_size, **params):
        super().__init__()
        self.query = linear(n_features, hidden_size, bias=True, init="torch")
        self.layer = TransformerEncoderLayer(hidden_size, init="torch", **params)

    def forward(self, x, other, mask=None):
        """Return (n, T, hidden_size) of `x` (n, T, n_features) and the other's codes (n, T, hidden_size)."""
        query = self.query(x)
        return self.layer(query, *join(other, query, mask))


class Interaction(AttentionBlock):
    """What both modalities have in common sees either: :class:`AttentionBlock` of their product on both."""

    # A block itself rather than one that holds it: saved models have the names of the block's weights.

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return (n, T, d) for the codes `x` and `y` of both modalities, of this shape."""
        return super().forward(x * y, *join(x, y, mask))
