"""Bilinear fusion of two modalities in a factorised form."""

import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn._checks import check_share, check_size
from ave_sklearn.nn.layers import Dropout, linear

SMALLEST = 1e-12  # magnitude below which the signed root stays as it is and passes no gradient


class BilinearFusion(nn.Module):
    r"""Multi-modal factorised bilinear pooling (MFB) [1]_ of audio and visual features.

    With :math:`u = U a + b_u` and :math:`w = W v + b_w`, both of length d k, :math:`\circ` the product of elements
    and :math:`\rho(x) = \mathrm{sign}(x) \sqrt{|x|}`,

    .. math:: s_i = \sum_{j=1}^{k} \mathrm{dropout}(u \circ w)_{(i-1) k + j}, \qquad
        z = \frac{\rho(s)}{\lVert \rho(s) \rVert_2} .

    Parameters
    ----------
    size : int
        Length d of both inputs and of the output.
    n_factors : int, default=5
        Rank k of the bilinear form behind each :math:`s_i`.
    dropout : float, default=0.1
        On the products, in front of the sum.

    Notes
    -----
    The slope of the root has no bound at 0. Here it is at most :math:`5 \cdot 10^5`: the magnitude under the root is
    clamped to :math:`10^{-12}`, below which, 0 included, the gradient is 0. A segment whose :math:`s` is 0 throughout
    has z = 0.

    References
    ----------
    .. [1] Z. Yu et al., "Multi-modal factorized bilinear pooling with co-attention learning for visual question
       answering", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from ave_sklearn.nn import BilinearFusion
    >>> fusion = BilinearFusion(8).eval()
    >>> fused = fusion(torch.rand(2, 10, 8), torch.rand(2, 10, 8))
    >>> tuple(fused.shape), torch.allclose(fused.norm(dim=-1), torch.ones(2, 10))
    ((2, 10, 8), True)
    """

    def __init__(self, size: int, n_factors: int = 5, dropout: float = 0.1) -> None:
        super().__init__()
        check_size("n_factors", n_factors)
        check_share("dropout", dropout)
        self.audio = linear(size, size * n_factors, bias=True)
        self.visual = linear(size, size * n_factors, bias=True)
        self.dropout = Dropout(dropout)
        self.n_factors = n_factors

    def forward(self, audio: Tensor, visual: Tensor) -> Tensor:
        """Fuse the two modalities.

        Parameters
        ----------
        audio, visual : Tensor of shape (..., d)

        Returns
        -------
        fused : Tensor of shape (..., d)
            Vectors of length 1.
        """
        product = self.dropout(self.audio(audio) * self.visual(visual))  # (..., d k)
        summed = product.unflatten(-1, (-1, self.n_factors)).sum(-1)  # (..., d)
        return F.normalize(signed_root(summed), dim=-1)


def signed_root(x):
    """Return sign(x) sqrt(|x|) of each element; its gradient is 0 where |x| is below 1e-12."""
    return x.sign() * x.abs().clamp_min(SMALLEST).sqrt()
