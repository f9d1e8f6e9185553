"""Drawing of the pictures that README and the site keep: ``python docs/draw_images.py`` writes them to docs/images.

The model is that of the README's first command, fitted on AV-Digits; the videos are of a speaker that it never heard.
It takes about a minute and a half on a quiet core, and needs the extras ``digits`` and ``plot``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import numpy as np

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import load_av_digits
from ave_sklearn.inspection import EventTimelineDisplay, PropagationDisplay

IMAGES = Path(__file__).resolve().parent / "images"
WORDS = dict(enumerate("zero one two three four five six seven eight nine".split()))
VIDEO = 49  # of the test videos, one whose event begins and ends within it: its connections are drawn
TAUS = [0, 0.095, 0.11]
DPI = 115


def in_words(labels):
    """Return labels with the digits written out, so that they are not taken for the numbers of videos."""
    return np.vectorize(lambda label: WORDS[int(label)] if label.isdigit() else label)(labels)


def draw_timeline(localizer, test):
    """Draw true and predicted events of the first five test videos."""
    predicted, proba = localizer.predict(test.data), localizer.predict_proba(test.data)
    labels = [in_words(labels) for labels in (test.target, predicted)]
    display = EventTimelineDisplay.from_predictions(
        *labels, y_proba=proba, classes=in_words(localizer.classes_), n_videos=5
    )
    display.figure_.suptitle("Digits that are both heard and seen: true (T) and predicted (P)")
    return display.figure_


def draw_connections(localizer, test):
    """Draw what the segments of one video take from each other at rising thresholds."""
    options = {"video": VIDEO, "tau": TAUS, "direction": "va"}
    return PropagationDisplay.from_estimator(localizer, test.data, test.target, **options).figure_


def main():
    """Fit the model, and draw."""
    train, test = load_av_digits(subset="train"), load_av_digits(subset="test")
    localizer = PSPLocalizer(random_state=0).fit(train.data, train.target)
    for draw in (draw_timeline, draw_connections):
        path = IMAGES / f"{draw.__name__.removeprefix('draw_')}.png"
        draw(localizer, test).savefig(path, dpi=DPI)
        print(path)


if __name__ == "__main__":
    main()
