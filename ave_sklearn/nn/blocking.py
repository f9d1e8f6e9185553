"""Blocks of rows that are worked on together, so small that they stay in the processor's cache."""

BLOCK_SIZE = 2**20  # numbers that are worked on together: 4 MB of float32


def rows_in_block(row_size):
    """Return how many rows of `row_size` numbers are worked on together, one at the least."""
    return max(1, BLOCK_SIZE // max(1, row_size))


def row_slices(n_rows, row_size):
    """Return slices of `n_rows` rows of `row_size` numbers each; a block of them stays in the cache."""
    step = rows_in_block(row_size)
    return [slice(start, start + step) for start in range(0, n_rows, step)]
