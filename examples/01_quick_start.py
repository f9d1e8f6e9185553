"""
Quick start
===========

Which seconds of a video hold something that is both heard and seen, and what is it? This is the shortest full way:
features go in, a localizer is fitted, a table of events comes out, a picture shows them, and a table says how to read
the score. It takes a few seconds, on generated videos.
"""

import matplotlib.pyplot as plt
import pandas as pd

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import EventTimelineDisplay
from ave_sklearn.metrics import (
    event_f1_score,
    reference_predictions,
    segment_accuracy_score,
)

# %%
# Features in
# -----------
# A video is cut into segments of a second. ``X`` holds the audio and the visual features of each segment, an
# :class:`~ave_sklearn.AVFeatures`, and ``y`` holds its label. Where something is heard *or* seen alone, the label is
# "background", as it is where nothing happens at all.
X, y = make_av_events(n_videos=300, class_sep=5, random_state=0)
print(len(X), "videos of", X.n_segments, "segments")
print(X.audio.shape, X.visual.shape, y.shape)
print(y[1])

# %%
# Fit
# ---
# A localizer is a scikit-learn estimator. The first 240 videos are to learn from, the others are new to it.
X_train, y_train = X[:240], y[:240]
X_test, y_test = X[240:], y[240:]
localizer = PSPLocalizer(
    hidden_size=64,
    max_epochs=30,
    lr=0.004,
    random_state=0,
)
localizer.fit(X_train, y_train)

# %%
# Events out
# ----------
# ``predict`` has a label for each second. ``predict_events`` joins equal ones to events: when each begins and ends, in
# seconds, and how probable its label is there on average.
events = localizer.predict_events(X_test)
print(events.head(8).round(2).to_string(index=False))

# %%
# Look at them
# ------------
# T is true, P is predicted, and a dark mark below P shows the seconds where they differ. The grey curve is the
# probability of the likeliest event.
EventTimelineDisplay.from_estimator(
    localizer,
    X_test,
    y_test,
    n_videos=6,
    show_proba=True,
)
plt.show()

# %%
# How to read the score
# ---------------------
# ``localizer.score(X_test, y_test)`` is the share of seconds with the right label. Alone it says little, because two
# predictions that tell no second of a video from another score too. The first calls everything background. The second
# is handed the right category of each video, and calls every second an event.
#
# So look at more than one number. The second column has only those videos that hold background too, where it matters
# *when* something happens. The third asks for whole events, found nearly to the second: 90 % of the time that the true
# and the predicted event cover together has to be common to both.
mixed = (y_test == "background").any(axis=1)
predictions = {
    "PSPLocalizer": localizer.predict(X_test),
    **reference_predictions(y_test),
}
scores = {
    name: [
        segment_accuracy_score(y_test, y_pred),
        segment_accuracy_score(y_test[mixed], y_pred[mixed]),
        event_f1_score(y_test, y_pred, iou=0.9),
    ]
    for name, y_pred in predictions.items()
}
columns = ["accuracy", "with background", "event F1"]
table = pd.DataFrame.from_dict(scores, orient="index", columns=columns)
print(table.round(3).to_string())

# %%
# Go on with :doc:`features of your own <07_own_features>`, with :doc:`video files <10_videos_to_events>`, or with
# :doc:`what happens inside <02_psp_in_pictures>`.
