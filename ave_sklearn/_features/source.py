"""Abstract reader of rows stored outside memory."""

import math
from abc import ABC, abstractmethod

import numpy as np


class RowSource(ABC):
    """Rows that `StoredRows` can be made of instead of those of an array.

    Pickled by where its rows lie, not by what they are.

    Attributes
    ----------
    shape : tuple of int
        ``(n_rows, ...)``.
    dtype : np.dtype
    storage : str or None
        Where the rows lie, as ``repr`` tells it; None for in memory.
    """

    shape: tuple
    dtype: np.dtype
    storage: str | None

    def __len__(self):
        return self.shape[0]

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self):
        """Bytes of an element."""
        return self.dtype.itemsize

    @abstractmethod
    def copy_rows(self, rows, out, places):
        """Write rows into an array, cast to its type.

        Parameters
        ----------
        rows : int ndarray of shape (n,)
            From 0 to ``n_rows - 1``, in any order and as often as wanted.
        out : ndarray of shape (m, ...)
        places : int ndarray of shape (n,)
            Row ``rows[i]`` is written to ``out[places[i]]``.
        """

    @abstractmethod
    def check(self, name):
        """Raise a ValueError if the rows can no longer be read.

        Parameters
        ----------
        name : str
            What the error calls them, "audio" for example.
        """
