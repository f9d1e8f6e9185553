"""Blocks of rows that are worked on together, so small that they stay in the processor's cache."""

from itertools import repeat

import torch

BLOCK_SIZE = 2**20  # numbers that are worked on together: 4 MB of float32


def rows_in_block(row_size):
    """Return how many rows of `row_size` numbers are worked on together, one at the least."""
    return max(1, BLOCK_SIZE // max(1, row_size))


def row_slices(n_rows, row_size):
    """Return slices of `n_rows` rows of `row_size` numbers each; a block of them stays in the cache."""
    step = rows_in_block(row_size)
    return [slice(start, start + step) for start in range(0, n_rows, step)]


def in_blocks(function, video_size, *tensors):
    """Return what `function` makes of Tensors whose first axis is that of videos, block of videos by block.

    What lies between the layers of a block stays in the cache, in pieces of memory so small that they are found again;
    autograd goes back block by block too. A GPU takes all videos as one block.

    Parameters
    ----------
    function : callable
        Takes the Tensors, and returns a Tensor or a tuple of them with the same first axis. What it gives for a video
        must not depend on the others.
    video_size : int
        How many numbers of a video lie between two layers.
    *tensors : Tensor of shape (n, ...) or None
    """
    n_videos, step = len(tensors[0]), rows_in_block(video_size)
    if tensors[0].device.type != "cpu" or n_videos <= step:
        return function(*tensors)
    # split, not slices: of each slice autograd would make a gradient as large as the whole
    pieces = [repeat(None) if x is None else x.split(step) for x in tensors]
    results = [function(*block) for block in zip(*pieces, strict=False)]
    return torch.cat(results) if torch.is_tensor(results[0]) else tuple(map(torch.cat, zip(*results, strict=True)))
