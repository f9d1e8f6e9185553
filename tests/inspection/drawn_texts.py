"""Texts of a figure: whether each can be read where it lies."""

from ave_sklearn.inspection._style import LEAST_CONTRAST, contrast


def unreadable(figure, texts, with_ticks_of):
    """What is wrong with texts on white: too little contrast, beyond the edge of the figure, one upon another.

    `with_ticks_of` are axes of numbers, whose tick labels are looked at too.
    """
    figure.canvas.draw()
    texts = [text for text in texts if text.get_text()] + [text for axis in with_ticks_of for text in tick_labels(axis)]
    places = [text.get_window_extent() for text in texts]
    faint = [text.get_text() for text in texts if contrast(text.get_color(), "white") < LEAST_CONTRAST]
    beyond = [text.get_text() for text, place in zip(texts, places, strict=True) if not within(figure.bbox, place)]
    upon = [
        (texts[i].get_text(), texts[j].get_text())
        for i in range(len(texts))
        for j in range(i)
        if places[i].overlaps(places[j])
    ]
    return faint + beyond + upon


def tick_labels(axis):
    """The labels of the ticks that lie within the view of an axis, once it was drawn."""
    low, high = sorted(axis.get_view_interval())
    labels = zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)
    return [label for place, label in labels if low <= place <= high]


def within(whole, part):
    return all(whole.contains(x, y) for x in (part.x0, part.x1) for y in (part.y0, part.y1))
