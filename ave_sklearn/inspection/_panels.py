"""Panels of one figure: their axes, and the key of what is drawn around events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn.inspection._style import BOX, INK, given_axes, import_pyplot

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.legend import Legend
    from numpy.typing import NDArray

LEAST_SIZE = 4.5, 3.2  # of a figure in inches, so that it holds its caption and key


def panels_of(ax: Any, n_rows: int, n_columns: int, n_panels: int, size: tuple[float, float]) -> NDArray[Any]:
    """Return the axes of `n_panels` panels, an object array (n_panels,), row by row.

    Parameters
    ----------
    ax : Axes, array of Axes, or None
        None for those of a new figure, a grid of `n_rows` times `n_columns` whose last ones are left empty.
    size : tuple of float
        Width and height of that figure in inches.

    Raises
    ------
    ValueError
        If `ax` holds another number of Axes, or something else.
    """
    if ax is None:
        size = tuple(np.maximum(size, LEAST_SIZE))
        _, grid = import_pyplot().subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
        for empty in grid.ravel()[n_panels:]:
            empty.remove()
        grid[0, 0].figure.get_layout_engine().set(w_pad=0.06, h_pad=0.1)
        return grid.ravel()[:n_panels]
    return np.array(given_axes(ax, n_panels, "one for each panel"), dtype=object)


def add_key(axes: NDArray[Any], handles: list[Any], *, own_figure: bool, side: str = "lower") -> Legend | None:
    """Explain what is drawn around cells and panels; nothing where there are no handles.

    Parameters
    ----------
    axes : ndarray of Axes
    handles : list of Artist
        With labels.
    own_figure : bool
        Whether the key goes beside all panels of the figure; else it goes below the first of the axes.
    side : {"lower", "upper"}, default="lower"
        Of the figure.
    """
    if not handles:
        return None
    style: dict[str, Any] = {"handles": handles, "frameon": False, "labelcolor": INK, "fontsize": "small"}
    if own_figure:
        figure = axes[0].figure
        n_columns = len(handles) if figure.get_figwidth() > 6 else 1
        return figure.legend(loc=f"outside {side} center", ncols=n_columns, **style)
    return axes[0].legend(loc="upper left", bbox_to_anchor=(0, -0.2), borderaxespad=0, **style)


def frame_key(text: str) -> Any:
    """Return the handle of a key for what frames an event."""
    from matplotlib.patches import Patch

    return Patch(facecolor="none", edgecolor=BOX, linewidth=2, label=text)


def halo(width: float, color: str = "white") -> list[Any]:
    """Return path effects that draw a line with another colour around it, so that it is seen on any cell."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=width, foreground=color)]
