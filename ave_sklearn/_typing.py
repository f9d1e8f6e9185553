"""Types that public signatures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from ave_sklearn._features.container import AVFeatures

Features: TypeAlias = "AVFeatures | ArrayLike | Mapping[str, ArrayLike]"
Floats: TypeAlias = "NDArray[np.floating[Any]]"
Label: TypeAlias = "str | int | float | np.generic"
PathLike: TypeAlias = "str | os.PathLike[str]"
RandomStateLike: TypeAlias = "int | np.random.RandomState | None"
Rows: TypeAlias = "int | np.integer[Any] | slice | Sequence[int] | NDArray[Any]"

Init: TypeAlias = Literal["xavier", "torch"]
Pooling: TypeAlias = Literal["mean", "max"]
Supervision: TypeAlias = Literal["full", "weak"]
Variant: TypeAlias = Literal["paper", "released"]
