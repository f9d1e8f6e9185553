"""Attention over the regions of many pictures, block by block, with a backward pass of its own.

What :class:`ave_sklearn.nn.AVGA` computes, for 490 regions of 512 features a video of the AVE dataset, is most of the
work of the networks that attend to regions. What must hold here, however odd it makes the code:

* A block of pictures goes through all layers before the next one does, so that what lies between the layers stays in
  the cache. Layer by layer, it would go through memory a dozen times.
* For the backward pass only the hidden units after the ReLU, the tanh units and the attention are kept. Autograd would
  keep each step's input, several times as much.
* They are kept in blocks too: many equal pieces of memory are found again after a step, where a large one is not.
* Under autocast the products with weights, and the sum over regions, are in its type. Softmax, tanh and the sums of
  gradients over blocks are in the weights' own type: in bfloat16 they would lose what they add.
* A GPU takes all pictures as one block: it has no cache to stay in, and small products leave it idle.
"""

import torch
from torch.autograd.function import once_differentiable

from ave_sklearn.nn.blocking import row_slices


def region_attention(regions, key, visual, visual_key, score):
    r"""Attend to the regions of each picture, guided by `key`.

    With the weights :math:`U, b` of `visual`, :math:`P` of `visual_key` and :math:`w` of `score`, for a picture of
    regions :math:`V_l`

    .. math::

        z_l = w^\top \tanh(P\,\mathrm{ReLU}(U V_l + b) + k_l), \qquad
        v = \sum_l \alpha_l V_l, \quad \alpha = \mathrm{softmax}(z) .

    Under autocast the three products with weights and the sum over regions have its type, the rest float32.

    Parameters
    ----------
    regions : Tensor of shape (m, N, d)
        N regions of each of m pictures.
    key : Tensor of shape (m, 1, k) or (m, N, 1)
        What is added to the tanh units: the same for all regions, or one value a region.
    visual, visual_key, score : torch.nn.Linear
        d to h, with bias; h to k; k to 1.

    Returns
    -------
    pooled : Tensor of shape (m, d)
    attention : Tensor of shape (m, N)
    """
    kind = regions.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else visual.weight.dtype
    arguments = regions, key.to(visual.weight.dtype), visual.weight, visual.bias, visual_key.weight, score.weight
    with torch.autocast(kind, enabled=False):
        if torch.is_grad_enabled():
            return RegionAttention.apply(dtype, *arguments)
        return attend_in_blocks(dtype, *arguments)


def attend_in_blocks(dtype, regions, key, u, b, p, w, kept=None):
    """Return pooled features (m, d) and attention (m, N).

    `kept`, a list, gets the hidden units (m' N, h) and the tanh units (m', N, k) of each block of m' pictures.
    """
    pooled, attention = [], []
    u, b, p = u.to(dtype).t().contiguous(), b.to(dtype), p.to(dtype)  # stored so that bfloat16 multiplies faster
    for block in picture_blocks(regions, u.shape[1]):
        x = regions[block].to(dtype)
        h = torch.addmm(b, x.flatten(0, 1), u).relu_()
        t = (h @ p.t()).to(key.dtype).view(*x.shape[:2], -1).add_(key[block]).tanh_()
        attention.append((t @ w[0]).softmax(-1))
        pooled.append(torch.bmm(attention[-1].unsqueeze(1).to(dtype), x).squeeze(1))
        if kept is not None:
            kept += h, t
    return torch.cat(pooled), torch.cat(attention)


def picture_blocks(regions, hidden_size):
    """Return the slices of the first axis of `regions` that are worked on one after the other; a GPU takes all."""
    n_pictures, n_regions = regions.shape[:2]
    return row_slices(n_pictures, n_regions * hidden_size) if regions.device.type == "cpu" else [slice(None)]


class RegionAttention(torch.autograd.Function):
    """:func:`attend_in_blocks` with gradients with respect to all Tensors."""

    @staticmethod
    def forward(ctx, dtype, regions, key, u, b, p, w):
        """Return pooled features and attention; keep the hidden and the tanh units."""
        ctx.dtype, kept = dtype, []
        pooled, attention = attend_in_blocks(dtype, regions, key, u, b, p, w, kept)
        ctx.save_for_backward(regions, key, u, b, p, w, attention, *kept)
        return pooled, attention

    @staticmethod
    @once_differentiable
    def backward(ctx, d_pooled, d_attention):
        """Return the gradients; those of weights are summed over blocks in the weights' own type."""
        regions, key, u, b, p, w, attention, *kept = ctx.saved_tensors
        d_regions = torch.empty_like(regions) if ctx.needs_input_grad[1] else None
        d_key, d_u, d_b, d_p, d_w = map(torch.zeros_like, (key, u, b, p, w))
        u, p, d_pooled = u.to(ctx.dtype), p.to(ctx.dtype), d_pooled.to(ctx.dtype)
        d_hidden = torch.empty_like(kept[0])  # memory for one block after the other
        for block, h, t in zip(picture_blocks(regions, len(u)), kept[::2], kept[1::2], strict=True):
            x, alpha = regions[block].to(ctx.dtype), attention[block]  # (m, N, d), (m, N)
            # v = sum alpha x: the gradient of alpha, through v and through the attention that is returned
            d_alpha = torch.bmm(d_pooled[block].unsqueeze(1), x.transpose(1, 2)).squeeze(1) + d_attention[block]
            # alpha = softmax(score): the gradient less its mean under alpha
            d_score = alpha * (d_alpha - (alpha * d_alpha).sum(1, keepdim=True))
            # score = t w
            d_w += d_score.flatten() @ t.flatten(0, 1)
            # t = tanh(h P' + k), whose slope is 1 - t^2: the gradient of what is in the brackets
            d_t = (1 - t * t) * d_score.unsqueeze(2) * w[0]
            # k is the same for all regions, or for all tanh units: the sum over them
            d_key[block] = d_t.sum(1 if key.shape[1] == 1 else 2, keepdim=True)
            d_t = d_t.flatten(0, 1).to(ctx.dtype)  # (m N, k)
            add_product(d_p, d_t.t(), h)
            d_h = torch.mm(d_t, p, out=d_hidden[: len(d_t)])  # (m N, h)
            # h = ReLU(x U' + b): 0 where h is, in place
            torch.ops.aten.threshold_backward.grad_input(d_h, h, 0, grad_input=d_h)
            d_b += d_h.sum(0)
            add_product(d_u, d_h.t(), x.flatten(0, 1))
            if d_regions is not None:  # through the hidden units, and through the sum that v is
                d_regions[block] = (d_h @ u).view_as(x) + alpha.unsqueeze(2) * d_pooled[block].unsqueeze(1)
        return None, d_regions, d_key, d_u, d_b, d_p, d_w


def add_product(total, a, b):
    """Add ``a @ b`` to `total` in place; the product of lower-precision matrices has their type."""
    if total.dtype == a.dtype:
        total.addmm_(a, b)
    else:
        total += a @ b
