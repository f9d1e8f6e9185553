"""Axes by name of pictures whose panels are of several kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ave_sklearn.inspection._style import given_axes, import_pyplot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from matplotlib.axes import Axes


def mosaic_axes(ax: Axes | Sequence[Axes] | None, mosaic: list[list[str]], **options: Any) -> dict[str, Axes]:
    """Return the axes of each panel by its name: those of `ax`, or those of a new figure that is made with `options`.

    Parameters
    ----------
    ax : Axes, sequence of Axes or None
        As many as there are panels, row by row.
    mosaic : list of lists of str
        Names of the panels, rows of columns; a name that stands twice is one panel over both places.

    Raises
    ------
    ValueError
        If `ax` holds another number of axes, or something else.
    """
    names = list(dict.fromkeys(name for row in mosaic for name in row))
    if ax is None:
        return import_pyplot().subplot_mosaic(mosaic, layout="constrained", **options)[1]
    return dict(zip(names, given_axes(ax, len(names), "; ".join(names)), strict=True))
