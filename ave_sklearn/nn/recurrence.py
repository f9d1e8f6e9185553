"""Bidirectional LSTMs with a backward pass of their own, for training on the short sequences of many videos on a CPU.

They give what :class:`torch.nn.LSTM` does, of the same weights. A training step of that on videos of ten segments takes
1.5 to 1.8 times as long, three times as long as its matrix products; without gradients it is the faster one. What must
hold here, however odd it makes the code:

* All directions of all LSTMs take a step together: the first axis is the direction, two of each LSTM, and a backward
  one has the segments in reverse. A step is as few operations as can be, in place, for each takes longer to call than
  to compute.
* What needs no earlier step is computed for all steps at once: the products with the inputs, the slopes of the gates,
  and the gradients of weights and inputs.
* Gates are kept behind their activation, for the backward pass, with the cells, their tanh and the codes.
* Under autocast the products with inputs are in its type, and the recurrence in the weights' own: a cell adds up what
  it is given over all segments, and the products of single steps are too small to gain by it.
"""

import torch
from torch.autograd.function import once_differentiable

from ave_sklearn.nn.region_attention import add_product

WEIGHTS = 4  # of a direction: of the inputs, of the recurrence, and two biases


def bidirectional_lstms(inputs, lstms):
    r"""Encode sequences from a state of zeros, each by an LSTM of its own.

    With :math:`i, f, o` behind a sigmoid and :math:`g` behind a tanh, all four linear in :math:`(x_t, h_{t-1})`

    .. math:: c_t = f_t c_{t-1} + i_t g_t, \qquad h_t = o_t \tanh(c_t) ,

    from the first segment to the last, and by other weights from the last to the first.

    Parameters
    ----------
    inputs : sequence of k Tensors of shape (n, T, d)
        Each d may be another.
    lstms : sequence of k torch.nn.LSTM
        Of one layer and two directions, with biases, and of one hidden size h and type.

    Returns
    -------
    codes : tuple of k Tensors of shape (n, T, 2 h)
        Forwards, then backwards.
    """
    weights = [weight for lstm in lstms for direction in lstm.all_weights for weight in direction]
    kind = inputs[0].device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weights[0].dtype
    with torch.autocast(kind, enabled=False):
        return BidirectionalLSTMs.apply(dtype, *inputs, *weights)


class BidirectionalLSTMs(torch.autograd.Function):
    """:func:`bidirectional_lstms` with gradients with respect to inputs and weights."""

    @staticmethod
    def forward(ctx, dtype, *arguments):
        """Return the codes; keep what the steps gave."""
        k = len(arguments) // (1 + 2 * WEIGHTS)
        inputs, weights = arguments[:k], arguments[k:]
        directions = [weights[first : first + WEIGHTS] for first in range(0, len(weights), WEIGHTS)]
        steps, recurrent, gates = prepare(dtype, inputs, directions)
        kept = run_steps(gates, recurrent)
        ctx.input_dtypes = [x.dtype for x in inputs]
        ctx.save_for_backward(recurrent, gates, *kept, *steps, *(of_inputs for of_inputs, *_ in directions))
        return tuple(join_directions(codes) for codes in kept[0].split(2))

    @staticmethod
    @once_differentiable
    def backward(ctx, *d_codes):
        """Return the gradients."""
        recurrent, gates, codes, cells, squashed, *rest = ctx.saved_tensors
        steps, of_inputs = rest[: len(d_codes)], rest[len(d_codes) :]
        d_steps = torch.cat([by_direction(*d.chunk(2, -1)) for d in d_codes])
        d_gates = run_steps_back(d_steps, gates, recurrent, codes, cells, squashed)
        d_recurrent = torch.bmm(d_gates[:, 1:].flatten(1, 2).transpose(1, 2), codes[:, :-1].flatten(1, 2))
        d_bias = d_gates.sum((1, 2))
        d_inputs, d_of_inputs = [], []
        for k, (x, d) in enumerate(zip(steps, d_gates.split(2), strict=True)):
            d = d.flatten(1, 2).to(x.dtype)  # (2, T n, 4 h)
            d_of_inputs.extend(torch.bmm(d.transpose(1, 2), x.flatten(1, 2)).to(gates.dtype))
            d_inputs.append(None)
            if ctx.needs_input_grad[1 + k]:
                parts = (of_x @ w.to(d.dtype) for of_x, w in zip(d, of_inputs[2 * k : 2 * k + 2], strict=True))
                d_inputs[k] = sum_directions(part.view(x.shape[1:]) for part in parts).to(ctx.input_dtypes[k])
        of_weights = zip(d_of_inputs, d_recurrent, d_bias, d_bias.clone(), strict=True)  # of a direction as `WEIGHTS`
        return None, *d_inputs, *(d for direction in of_weights for d in direction)


def prepare(dtype, inputs, directions):
    """Return what the steps take: each LSTM's inputs (2, T, n, d) in `dtype`, recurrent weights (2 k, h, 4 h), gates.

    Gates (2 k, T, n, 4 h) are what inputs and biases give to them. Of `directions` each has its four weights.
    """
    steps = [by_direction(x, x) for x in (x.to(dtype) for x in inputs)]
    recurrent = torch.stack([of_codes for _, of_codes, *_ in directions]).transpose(1, 2)
    gates = recurrent.new_empty(len(directions), *steps[0].shape[1:3], recurrent.shape[2])
    by_steps = (x for both in steps for x in both)
    for out, x, (of_inputs, _, b, c) in zip(gates, by_steps, directions, strict=True):
        add_product(out.copy_(b + c).flatten(0, 1), x.flatten(0, 1), of_inputs.to(dtype).t())
    return steps, recurrent, gates


def by_direction(forwards, backwards):
    """Return what each direction steps through, (2, T, n, d), of Tensors (n, T, d): one has its own in reverse."""
    return torch.stack([forwards.transpose(0, 1), backwards.transpose(0, 1).flip(0)])


def join_directions(codes):
    """Return the codes (n, T, 2 h) of those of the steps of both directions (2, T, n, h)."""
    _, n_steps, n, size = codes.shape
    joined = codes.new_empty(n, n_steps, 2, size)
    joined[:, :, 0] = codes[0].transpose(0, 1)
    joined[:, :, 1] = codes[1].flip(0).transpose(0, 1)
    return joined.flatten(2)


def run_steps(gates, recurrent):
    """Take all steps of all directions.

    Parameters
    ----------
    gates : Tensor of shape (2 k, T, n, 4 h)
        What inputs and biases give to i, f, g and o; overwritten with these.
    recurrent : Tensor of shape (2 k, h, 4 h)

    Returns
    -------
    codes, cells, squashed : Tensors of shape (2 k, T, n, h)
        h, c and tanh(c).
    """
    size = recurrent.shape[1]
    codes, cells, squashed = gates.new_empty(3, *gates.shape[:3], size)
    i, f, g, o = (part.unbind(1) for part in gates.chunk(4, -1))
    both = gates[..., : 2 * size].unbind(1)  # i and f
    steps = gates.unbind(1), codes.unbind(1), cells.unbind(1), squashed.unbind(1)
    h = c = None
    for t, (gate, code, cell, tanh) in enumerate(zip(*steps, strict=True)):
        if h is not None:
            gate.baddbmm_(h, recurrent)
        both[t].sigmoid_()
        g[t].tanh_()
        o[t].sigmoid_()
        torch.mul(i[t], g[t], out=cell)
        if c is not None:
            cell.addcmul_(f[t], c)
        torch.mul(o[t], torch.tanh(cell, out=tanh), out=code)
        h, c = code, cell
    return codes, cells, squashed


def run_steps_back(d_codes, gates, recurrent, codes, cells, squashed):
    """Return the gradient of the gates in front of their activation, (2 k, T, n, 4 h), by that of the codes.

    The other arguments are those of :func:`run_steps`, and what it gave.
    """
    size = codes.shape[-1]
    i, f, g, o = gates.chunk(4, -1)
    d_gates = torch.addcmul(gates, gates, gates, value=-1)  # of a sigmoid s the slope is s (1 - s)
    d_i, d_f, d_g, d_o = d_gates.chunk(4, -1)
    torch.addcmul(i, i * g, g, value=-1, out=d_g)  # c = f c' + i g, and the slope of the tanh g is 1 - g^2
    d_i.mul_(g)
    d_f[:, 1:].mul_(cells[:, :-1])
    d_f[:, 0] = 0  # there is no earlier cell
    d_o.mul_(squashed)  # h = o tanh(c)
    slope = torch.addcmul(o, o * squashed, squashed, value=-1).unbind(1)  # of h by c
    of_cell = d_gates[..., : 3 * size].unflatten(-1, (3, size)).unbind(1)
    d_o, f, d_steps, d_codes = d_o.unbind(1), f.unbind(1), d_gates.unbind(1), d_codes.unbind(1)
    back, d_c, last = recurrent.transpose(1, 2), None, len(d_steps) - 1
    for t in range(last, -1, -1):
        d_h = d_codes[t] if t == last else torch.baddbmm(d_codes[t], d_steps[t + 1], back)
        d_c = d_h * slope[t] if t == last else torch.addcmul(d_c, d_h, slope[t])
        of_cell[t].mul_(d_c.unsqueeze(2))
        d_o[t].mul_(d_h)
        d_c.mul_(f[t])
    return d_gates


def sum_directions(parts):
    """Return the sum (n, T, d) of what both directions have for their steps, each (T, n, d)."""
    forwards, backwards = parts
    return (forwards + backwards.flip(0)).transpose(0, 1)
