"""Texts of a drawn figure: whether each can be read where it lies."""

from itertools import combinations

from matplotlib.text import Text

from ave_sklearn.inspection._style import LEAST_CONTRAST, contrast


def texts_of(figure):
    """The texts of a figure that are seen, once it was drawn; all of them stand on white or on light grey."""
    figure.canvas.draw()
    unseen = {id(label) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in labels_out_of_view(axis)}
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [text for text in texts if id(text) not in unseen]


def labels_out_of_view(axis):
    """The labels of ticks beyond the ends of an axis, which are there but not drawn."""
    low, high = sorted(axis.get_view_interval())
    out = [tick for tick in axis.get_major_ticks() + axis.get_minor_ticks() if not low <= tick.get_loc() <= high]
    return [label for tick in out for label in (tick.label1, tick.label2)]


def unreadable(figure, but=()):
    """The texts, all `but` some, with too little contrast to white, beyond the figure's edge, or one upon another."""
    left_out = {id(text) for text in but}
    texts = [text for text in texts_of(figure) if id(text) not in left_out]
    places = {id(text): text.get_window_extent() for text in texts}
    bad = [text for text in texts if contrast(text.get_color(), "white") < LEAST_CONTRAST]
    whole = figure.bbox.padded(1)
    bad += [text for text in texts if not all(whole.fully_contains(*end) for end in places[id(text)].get_points())]
    pairs = [(a, b) for a, b in combinations(texts, 2) if places[id(a)].overlaps(places[id(b)])]
    return [text.get_text() for text in bad] + [(a.get_text(), b.get_text()) for a, b in pairs]
