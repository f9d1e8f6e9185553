"""Orientation of pictures, as their file says that they are to be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ave_sklearn.extraction._opening import import_av

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray


def upright(frame, image_size):
    """Scale a frame to a square, and turn or mirror it as its file says: telephones film sideways.

    Parameters
    ----------
    frame : av.VideoFrame
    image_size : int
        Height and width in pixels.

    Returns
    -------
    picture : ndarray of uint8, of shape (image_size, image_size, 3)
        RGB.
    """
    scaled = _scaled(frame, image_size, image_size)
    matrix = _display_matrix(scaled)
    return scaled.to_ndarray() if matrix is None else oriented(scaled.to_ndarray(), matrix)


def upright_within(frame: Any, size: int, aspect: float = 1.0) -> NDArray[np.uint8]:
    """Scale a frame as players show it into a square, without distorting it, and turn it as `upright` does.

    Parameters
    ----------
    frame : av.VideoFrame
    size : int
        Pixels of the longer side.
    aspect : float, default=1.0
        Width of a pixel, as the file says that it is to be shown, by its height.

    Returns
    -------
    picture : ndarray of uint8, of shape (height, width, 3)
        RGB.
    """
    width, height = frame.width * aspect, float(frame.height)
    scale = size / max(width, height)
    scaled = _scaled(frame, *(max(1, round(side * scale)) for side in (width, height)))
    matrix = _display_matrix(scaled)
    picture: NDArray[np.uint8] = scaled.to_ndarray()
    return picture if matrix is None else oriented(picture, matrix)


def _scaled(frame: Any, width: int, height: int) -> Any:
    return frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")


def _display_matrix(scaled: Any) -> NDArray[np.int32] | None:
    """Return by which matrix a frame, which is scaled already, is to be turned; None if by none."""
    # PyAV ties a frame and its side data into a cycle, which would keep a decoder's threads; a small copy has none
    matrix = _side_data(scaled.reformat(width=16, height=16, format="gray")).get("DISPLAYMATRIX")
    return None if matrix is None else np.frombuffer(matrix, np.int32)


def _side_data(frame: Any) -> Any:
    """Return what a frame has beside its pixels; what PyAV has no name for, as EXIF, makes it give up all of it."""
    try:
        return frame.side_data
    except ValueError as error:
        unknown = str(error).split()[0]  # "31 is not a valid Type"
    graph = import_av().filter.Graph()
    graph.link_nodes(
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("sidedata", f"mode=delete:type={unknown}"),
        graph.add("buffersink"),
    ).configure()
    graph.push(frame)
    return _side_data(graph.pull())


def oriented(picture: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Turn or mirror a picture by a display matrix, to the nearest of the eight ways in which a square can lie.

    Parameters
    ----------
    picture : ndarray of shape (height, width, ...)
    matrix : ndarray of int32, of shape (9,)
        a, b, u, c, d, v, x, y, w: a point (p, q), to the right and down, is shown at (a p + c q, b p + d q).
    """
    a, b, c, d = (float(matrix[number]) for number in (0, 1, 3, 4))
    if abs(b) + abs(c) > abs(a) + abs(d):
        picture = np.swapaxes(picture, 0, 1)
        a, d = c, b  # along the axes of the turned picture
    if a < 0:
        picture = picture[:, ::-1]
    return picture[::-1] if d < 0 else picture
