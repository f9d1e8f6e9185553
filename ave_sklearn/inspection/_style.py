"""Colours and axes that all displays share; matplotlib is imported where something is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

INK = "#1a1a1a"  # of text and lines on white
QUIET = "#595959"  # of what is secondary, 7 : 1 on white
BOX = "#b30000"  # around what is an event
KEPT_COLORS = "viridis"  # of shares and weights from 0 on: it rises in lightness, so that grey shows it too
LEAST_CONTRAST = 4.5  # of text to what it stands on (WCAG 2.1, AA)
# Eight hues for classes, told apart with each of the three kinds of colour blindness (Okabe and Ito), and in an order
# in which neighbours differ in lightness, so that grey tells them apart too.
CLASS_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d")


def import_pyplot() -> ModuleType:
    """Import matplotlib's pyplot; raise ImportError that names the extra which brings it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Displays need matplotlib: pip install ave_sklearn[plot]") from error
    return plt


def axes_of(ax: Axes | None, **options: Any) -> Axes:
    """Return `ax`, or one of a new figure that is made with `options`."""
    if ax is None:
        return import_pyplot().subplots(layout="constrained", **options)[1]
    return given_axes(ax, 1)[0]


def given_axes(ax: Any, n_axes: int, what: str = "") -> list[Axes]:
    """Return the axes that a user gave, one or an array of them, as a list of `n_axes`, row by row.

    Raises
    ------
    ValueError
        If `ax` holds another number of axes, or something else; `what` says what each is for.
    """
    from matplotlib.axes import Axes

    given = np.array(ax, dtype=object).ravel().tolist()
    wrong = [type(one).__name__ for one in given if not isinstance(one, Axes)]
    if wrong or len(given) != n_axes:
        wanted = f"{n_axes} Axes of matplotlib{f' ({what})' if what else ''}"
        raise ValueError(f"ax must hold {wanted}, or be None; got {f'a {wrong[0]}' if wrong else len(given)}.")
    return given


def class_colors(labels: Sequence[Any], background: Any = None) -> dict[Any, str]:
    """Return a colour for each label but background, in the order of `labels`; of more than eight some are the same."""
    events = [label for label in labels if label != background]
    return {label: CLASS_COLORS[i % len(CLASS_COLORS)] for i, label in enumerate(events)}


def luminance(color: Any) -> float:
    """Return the relative luminance of a colour, 0 (black) to 1 (white), as WCAG 2.1 defines it."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(color))
    linear: NDArray[np.float64] = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(color: Any, other: Any) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2.1 defines it."""
    low, high = sorted((luminance(color), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def text_color(background: Any) -> str:
    """Return black or white, whichever reads better on `background`: 4.5 : 1 at the least."""
    return max(("#000000", "#ffffff"), key=lambda color: contrast(color, background))
