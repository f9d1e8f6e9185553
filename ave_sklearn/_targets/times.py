"""Times in seconds: read as the decimals that were meant, and compared up to one tolerance."""

import numpy as np
import pandas as pd

TIME_TOLERANCE = 1e-6
"""By how much times (in seconds), or ratios of them, may miss a threshold and still reach it.

float64 rounds sums and quotients of times by far less; event lists seldom have more than six decimals.
"""


def as_decimal(value):
    """Return a float32 or float16 scalar as the float of its shortest decimal (0.7 for float32(0.7)); others as is."""
    if isinstance(value, np.floating) and value.dtype.itemsize < 8:
        return float(str(value))
    return value


def decimal_column(column):
    """Return a column of numbers as float64, each float32 or float16 as its shortest decimal, missing ones as NaN.

    At 3600 seconds float32 is off by 1e-4, more than any tolerance would bear; its shortest decimal is exact there.

    Parameters
    ----------
    column : Series
        Of numbers, NumPy's or pandas' own, or objects.
    """
    dtype = getattr(column.dtype, "numpy_dtype", column.dtype)
    if dtype.kind == "f" and dtype.itemsize < 8:
        text = column.to_numpy(dtype=dtype, na_value=np.nan).astype(str)
        return pd.Series(text.astype(float), index=column.index, name=column.name)
    if dtype.kind == "O":
        return column.map(as_decimal).where(column.notna(), np.nan).astype(float)
    return column.astype(float)
