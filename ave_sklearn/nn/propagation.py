"""Positive sample propagation: Eq. 1-3 of the paper as functions, and the module that joins them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ave_sklearn.nn.layers import SMALLEST_SUM, Dropout, linear, shares

PROPAGATED_GAIN = 0.1  # W_2's start over Xavier's, not in the paper: training starts from each segment's own features


def all_pair_similarity(v: Tensor, a: Tensor) -> Tensor:
    r"""Similarity of every visual with every audio segment (Eq. 1): :math:`\beta^{va} = v a^\top / \sqrt{d_l}`.

    Parameters
    ----------
    v, a : Tensors of shape (n, T, d)
        The projected features :math:`v^{lstm} W_1^v` and :math:`a^{lstm} W_1^a`. Their length d is d_h in the paper,
        which leaves that open; here it is d_l, so that Eq. 1 divides by its root.

    Returns
    -------
    beta_va : Tensor of shape (n, T, T)
        Rows are visual segments, columns audio segments; its transpose is :math:`\beta^{av}`.

    Examples
    --------
    Rows are two visual segments, columns two audio segments. With d = 4, products are divided by 2.

    >>> import torch
    >>> from ave_sklearn.nn import all_pair_similarity
    >>> v = torch.tensor([[[2.0, 0, 0, 0], [0, 2, 0, 0]]])
    >>> a = torch.tensor([[[1.0, 0, 0, 0], [3, 1, 0, 0]]])
    >>> all_pair_similarity(v, a).tolist()
    [[[1.0, 3.0], [0.0, 1.0]]]
    """
    return v @ a.transpose(1, 2) / v.shape[-1] ** 0.5


def prune(
    beta: Tensor, tau: float, *, strict: bool = False, renormalize: bool = True, mask: Tensor | None = None
) -> Tensor:
    r"""Cut negative and weak connections (Eq. 2 and the text around it).

    ReLU, division of each row by its sum, :math:`\gamma = \beta\,\mathbb{I}(\beta \geq \tau)`, division of each
    row by its sum again. A row that loses all its connections becomes zero, as in the authors' code.

    Parameters
    ----------
    beta : Tensor of shape (n, T, T)
        Similarities of Eq. 1.
    tau : float
        Least share of its row that a connection needs to be kept. ``-inf`` keeps all connections ("ASP"): no
        ReLU, rows divided by the sum of their absolute values. 0 cuts the negative ones only ("WPSP").
    strict : bool, default=False
        Keep ``> tau`` (the authors' released code) in place of ``>= tau`` (the paper).
    renormalize : bool, default=True
        False leaves out the second division, as the authors' weakly supervised code does.
    mask : bool Tensor of shape (n, T) or None, default=None
        False on padding: such segments neither give nor take.

    Returns
    -------
    gamma : Tensor of shape (n, T, T)

    Examples
    --------
    The first row has shares 9/13, 3/13 and 1/13. The last one is less than `tau` and cut, and the others are divided by
    their sum. The third row has no positive similarity, so that this segment takes nothing. With ``tau=0`` negative
    connections alone are cut.

    >>> import torch
    >>> from ave_sklearn.nn import prune
    >>> beta = torch.tensor([[[9.0, 3, 1], [2, 2, -4], [-1, -2, -3]]])
    >>> prune(beta, tau=0.095)
    tensor([[[0.7500, 0.2500, 0.0000],
             [0.5000, 0.5000, 0.0000],
             [0.0000, 0.0000, 0.0000]]])
    >>> prune(beta, tau=0.0)[0, 0]
    tensor([0.6923, 0.2308, 0.0769])
    """
    if mask is not None:
        beta = beta * (mask[:, :, None] & mask[:, None, :])
    if tau == -torch.inf:
        return F.normalize(beta, p=1, dim=-1, eps=SMALLEST_SUM)
    share = shares(F.relu(beta), dim=-1)
    kept = share * (share > tau if strict else share >= tau)
    return shares(kept, dim=-1) if renormalize else kept


def propagate(gamma: Tensor, source: Tensor, target: Tensor) -> Tensor:
    r"""Aggregate `source` along the kept connections and add it to `target` (Eq. 3).

    Parameters
    ----------
    gamma : Tensor of shape (n, T, T)
        :math:`\gamma^{av}` for the audio features, :math:`\gamma^{va}` for the visual ones.
    source : Tensor of shape (n, T, d)
        The other modality, projected: :math:`v^{lstm} W_2^v` or :math:`a^{lstm} W_2^a`.
    target : Tensor of shape (n, T, d)
        :math:`a^{lstm}` or :math:`v^{lstm}`.

    Returns
    -------
    updated : Tensor of shape (n, T, d)
        :math:`a^{psp}` or :math:`v^{psp}`.

    Examples
    --------
    The first segment has no connection and stays as it is. The second takes half of each source.

    >>> import torch
    >>> from ave_sklearn.nn import propagate
    >>> gamma = torch.tensor([[[0.0, 0.0], [0.5, 0.5]]])
    >>> source = torch.tensor([[[4.0], [2.0]]])
    >>> target = torch.tensor([[[10.0], [20.0]]])
    >>> propagate(gamma, source, target).tolist()
    [[[10.0], [23.0]]]
    """
    return gamma @ source + target


class PSP(nn.Module):
    """Positive sample propagation between the two modalities (Sec. 4.3).

    Parameters
    ----------
    size : int
        Length d_l of the encoded features, kept.
    tau : float or None
        See :func:`prune`; None is no propagation at all, ablation "w/o PSP" of Table 1.
    dropout : float, default=0.0
        After each of the four projections.
    released : bool, default=False
        The authors' code: ReLU after each projection, strict threshold.
    renormalize : bool, default=True
        See :func:`prune`.

    Examples
    --------
    With projections that change nothing, the first audio segment has the shares 0.8 and 0.2 of the visual segments, and
    the second 0 and 1. The share 0.2 is cut, so that each audio segment takes from the visual one of its own second.

    >>> import torch
    >>> from ave_sklearn.nn import PSP
    >>> psp = PSP(size=2, tau=0.3)
    >>> for weight in psp.parameters():
    ...     _ = torch.nn.init.eye_(weight)
    >>> v = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]])
    >>> a = torch.tensor([[[4.0, 1.0], [0.0, 1.0]]])
    >>> v_psp, a_psp, gammas = psp(v, a)
    >>> gammas["gamma_av"].tolist()
    [[[1.0, 0.0], [0.0, 1.0]]]
    >>> a_psp.tolist()
    [[[6.0, 1.0], [0.0, 3.0]]]
    """

    def __init__(
        self, size: int, tau: float | None, dropout: float = 0.0, released: bool = False, renormalize: bool = True
    ) -> None:
        super().__init__()
        self.tau, self.released, self.renormalize = tau, released, renormalize
        gain = 1.0 if released else PROPAGATED_GAIN
        if tau is not None:
            self.w1_v, self.w1_a = linear(size, size), linear(size, size)
            self.w2_v, self.w2_a = linear(size, size, gain=gain), linear(size, size, gain=gain)
        self.dropout = Dropout(dropout)

    def project(self, layer: nn.Module, x: Tensor) -> Tensor:
        """Return `x` of shape (n, T, d_l) behind one of the four projections, `layer`, of the same shape."""
        y = layer(x)
        return self.dropout(F.relu(y) if self.released else y)

    def connections(self, v: Tensor, a: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the connections that are left between the two modalities.

        Parameters
        ----------
        v, a : Tensors of shape (n, T, d_l)
            Encoded features, visual and audio.
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding.

        Returns
        -------
        gamma_va, gamma_av : Tensors of shape (n, T, T)
            In row t and column s, the share that visual segment t takes from audio segment s, or audio segment t from
            visual segment s.
        """
        beta = all_pair_similarity(self.project(self.w1_v, v), self.project(self.w1_a, a))
        both = torch.cat([beta, beta.transpose(1, 2)])  # beta_va and beta_av, pruned together
        masks = None if mask is None else torch.cat([mask, mask])
        return prune(both, self.tau, strict=self.released, renormalize=self.renormalize, mask=masks).chunk(2)

    def forward(self, v: Tensor, a: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """Let each modality take from the segments of the other that it is connected to.

        Parameters
        ----------
        v, a : Tensors of shape (n, T, d_l)
            Encoded features, visual and audio.
        mask : bool Tensor of shape (n, T) or None, default=None
            False on padding.

        Returns
        -------
        v_psp, a_psp : Tensors of shape (n, T, d_l)
        gammas : dict of Tensors
            ``gamma_va`` and ``gamma_av`` (n, T, T), see :meth:`connections`; empty where `tau` is None.
        """
        if self.tau is None:
            return v, a, {}
        gamma_va, gamma_av = self.connections(v, a, mask)
        v_psp = propagate(gamma_va, self.project(self.w2_a, a), v)
        a_psp = propagate(gamma_av, self.project(self.w2_v, v), a)
        return v_psp, a_psp, {"gamma_va": gamma_va, "gamma_av": gamma_av}
