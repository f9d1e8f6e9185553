"""
Full against weak supervision
=============================

Labels for each second cost much time. :class:`~ave_sklearn.WeakPSPLocalizer` learns from targets of whole videos,
without knowing when, and predicts when. This example shows that it matters which targets these are, chooses an epoch
without a label of any second, and compares weak with full supervision for growing numbers of videos.
"""

import warnings

import matplotlib.pyplot as plt
import pandas as pd

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import HistoryDisplay
from ave_sklearn.metrics import reference_predictions, segment_accuracy_score
from ave_sklearn.model_selection import video_category

X, y = make_av_events(n_videos=440, class_sep=5, random_state=0)
X_train, y_train, X_test, y_test = X[:240], y[:240], X[240:], y[240:]
options = {"hidden_size": 32, "max_epochs": 12, "lr": 0.006, "random_state": 0}

# %%
# Two targets of a video
# ----------------------
# A *category* says which event a video holds. A *proportion* says for which share of the time each label holds: it
# tells how long the event lasts, but not when it begins.
labels = sorted(set(y_train.ravel()))
proportions = pd.DataFrame({label: (y_train == label).mean(axis=1) for label in labels})
print(proportions.assign(category=video_category(y_train)).head(4).to_string())

# %%
# The weak localizer takes proportions or categories as ``y``. It takes labels of seconds too, and pools them before
# anything else sees them, to what ``target`` says. So these two fits are the same.
weak = WeakPSPLocalizer(**options).fit(X_train[:60], proportions[:60])
same = WeakPSPLocalizer(target="proportion", **options).fit(X_train[:60], y_train[:60])
print("the same:", (weak.predict(X_test) == same.predict(X_test)).all())

# %%
# Categories know no background
# -----------------------------
# If each video is of one category, nothing says that some of its seconds hold no event. ``fit`` warns of it.
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from_categories = WeakPSPLocalizer(target="category", **options).fit(X_train, y_train)
print(caught[0].message)
weak = WeakPSPLocalizer(**options).fit(X_train, proportions)
for name, localizer in {"proportions": weak, "categories": from_categories}.items():
    y_pred = localizer.predict(X_test)
    accuracy, share = segment_accuracy_score(y_test, y_pred), (y_pred == "background").mean()
    print(f"trained on {name}: accuracy {accuracy:.3f}, background in {share:.1%} of the seconds")
print(f"background in truth: {(y_test == 'background').mean():.1%}")

# %%
# An epoch without labels of seconds
# ----------------------------------
# ``early_stopping="best"`` holds out some of the videos, and keeps the weights of the epoch that finds most of their
# categories. Where all of them are found the loss decides. Neither says whether the moment is found: that needs labels
# of seconds, ``fit(X, proportions, X_val=..., y_val=labels)``.
stopped = WeakPSPLocalizer(early_stopping="best", **options).fit(X_train, proportions)
HistoryDisplay.from_estimator(stopped)
plt.show()

# %%
# Growing numbers of videos
# -------------------------
# All are scored by the labels of seconds of 200 other videos.
rows = []
for n_videos in (30, 60, 120, 240):
    full = PSPLocalizer(**options).fit(X_train[:n_videos], y_train[:n_videos])
    weak = WeakPSPLocalizer(**options).fit(X_train[:n_videos], proportions[:n_videos])
    scores = {"full": full.score(X_test, y_test), "weak, proportions": weak.score(X_test, y_test)}
    rows.append({"training videos": n_videos, **scores})
table = pd.DataFrame(rows).set_index("training videos")
print(table.round(3))

# %%
# The dotted line is what a prediction has that is handed the right category of each video and calls every second an
# event. What lies above it has found *when* something happens.
ax = table.plot(style=["o-", "s--"], color=["#0072b2", "#d55e00"], logx=True, figsize=(7, 4))
ax.plot(240, from_categories.score(X_test, y_test), "D", color="#4d4d4d", label="weak, categories")
reference = reference_predictions(y_test)["right category, every second an event"]
ax.axhline(segment_accuracy_score(y_test, reference), color="#4d4d4d", linestyle=":", label="right category throughout")
ax.set(ylabel="segment accuracy", xticks=table.index, xticklabels=table.index)
ax.minorticks_off()
ax.legend(loc="upper left")
plt.show()
# sphinx_gallery_thumbnail_number = 2
