"""
Full against weak supervision
=============================

Labels for each second cost much time. :class:`~ave_sklearn.WeakPSPLocalizer` learns from targets of whole videos,
without knowing when, and predicts when. This example shows that it matters which targets these are, chooses an epoch
without a label of any second, and compares weak with full supervision for growing numbers of videos.
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
import pandas as pd

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import HistoryDisplay
from ave_sklearn.metrics import (
    reference_predictions,
    segment_accuracy_score,
)
from ave_sklearn.model_selection import video_category

X, y = make_av_events(n_videos=440, class_sep=5, random_state=0)
X_train, y_train = X[:240], y[:240]
X_test, y_test = X[240:], y[240:]
options = {
    "hidden_size": 32,
    "max_epochs": 12,
    "lr": 0.006,
    "random_state": 0,
}

# %%
# Two targets of a video
# ----------------------
# A *category* says which event a video holds. A *proportion* says for which share of the time each label holds: it
# tells how long the event lasts, but not when it begins.
labels = sorted(set(y_train.ravel()))
shares = {label: (y_train == label).mean(axis=1) for label in labels}
proportions = pd.DataFrame(shares)
table = proportions.assign(category=video_category(y_train))
print(table.head(4).to_string())

# %%
# The weak localizer takes proportions or categories as ``y``. It takes labels of seconds too, and pools them before
# anything else sees them, to what ``target`` says. So these two fits are the same.
weak = WeakPSPLocalizer(**options).fit(X_train[:60], proportions[:60])
same = WeakPSPLocalizer(target="proportion", **options)
same.fit(X_train[:60], y_train[:60])
print("the same:", (weak.predict(X_test) == same.predict(X_test)).all())

# %%
# Categories know no background
# -----------------------------
# If each video is of one category, nothing says that some of its seconds hold no event. ``fit`` warns of it.
from_categories = WeakPSPLocalizer(target="category", **options)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from_categories.fit(X_train, y_train)
print(textwrap.fill(str(caught[0].message), 70))

# %%
# So it calls nearly every second an event, and has about the accuracy of a prediction that does so throughout.
weak = WeakPSPLocalizer(**options).fit(X_train, proportions)
predictions = {
    "weak, proportions": weak.predict(X_test),
    "weak, categories": from_categories.predict(X_test),
    **reference_predictions(y_test),
    "truth": y_test,
}
for name, y_pred in predictions.items():
    accuracy = segment_accuracy_score(y_test, y_pred)
    share = (y_pred == "background").mean()
    print(f"{name:40} accuracy {accuracy:.3f}, background {share:.1%}")

# %%
# An epoch without labels of seconds
# ----------------------------------
# ``early_stopping="best"`` holds out some of the videos, and keeps the weights of the epoch that finds most of their
# categories. Where all of them are found the loss decides. Neither says whether the moment is found: that needs labels
# of seconds, ``fit(X, proportions, X_val=..., y_val=labels)``.
stopped = WeakPSPLocalizer(early_stopping="best", **options)
stopped.fit(X_train, proportions)
HistoryDisplay.from_estimator(stopped)
plt.show()

# %%
# Growing numbers of videos
# -------------------------
# All are scored by the labels of seconds of 200 other videos.
rows = []
for n in (60, 120, 240):
    full = PSPLocalizer(**options).fit(X_train[:n], y_train[:n])
    weak = WeakPSPLocalizer(**options).fit(X_train[:n], proportions[:n])
    rows.append([n, full.score(X_test, y_test), weak.score(X_test, y_test)])
columns = ["training videos", "full", "weak, proportions"]
table = pd.DataFrame(rows, columns=columns).set_index("training videos")
print(table.round(3))

# %%
# The dotted line is what a prediction has that is handed the right category of each video and calls every second an
# event. What lies above it has found *when* something happens. Proportions are enough for that, and categories are not;
# with the most videos, labels of seconds find more.
_, ax = plt.subplots(figsize=(8, 4), layout="constrained")
table.plot(ax=ax, style=["o-", "s--"], color=["#0072b2", "#d55e00"])
score = from_categories.score(X_test, y_test)
ax.plot(240, score, "D", color="#4d4d4d", label="weak, categories")
reference = predictions["right category, every second an event"]
accuracy = segment_accuracy_score(y_test, reference)
ax.axhline(accuracy, color="#4d4d4d", ls=":", label="right category")
ax.set(ylabel="segment accuracy", xticks=table.index)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
# sphinx_gallery_thumbnail_number = 2
