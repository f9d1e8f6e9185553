"""Orientation of pictures, as their file says that they are to be shown."""

import numpy as np

from ave_sklearn.extraction._opening import import_av


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
    scaled = frame.reformat(width=image_size, height=image_size, format="rgb24", interpolation="BILINEAR")
    # PyAV ties a frame and its side data into a cycle, which would keep a decoder's threads; a small copy has none
    matrix = _side_data(scaled.reformat(width=16, height=16, format="gray")).get("DISPLAYMATRIX")
    return scaled.to_ndarray() if matrix is None else oriented(scaled.to_ndarray(), np.frombuffer(matrix, np.int32))


def _side_data(frame):
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


def oriented(picture, matrix):
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
