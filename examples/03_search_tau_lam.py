"""
Search over tau and lam
=======================

How many connections should PSP cut, and how much should its similarity loss weigh? A grid search answers with scores of
folds. This example makes one that can be stopped at any time, draws its curve, looks at what the spread over folds
says, and shows two traps of scikit-learn's defaults.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import TauCurveDisplay
from ave_sklearn.metrics import segment_accuracy_score
from ave_sklearn.model_selection import (
    KeptScores,
    VideoStratifiedKFold,
    video_category,
)

# %%
# The search
# ----------
# ``tau`` is the least share of its row that a connection needs to be kept; 0 cuts the negative ones alone. ``lam`` is
# the weight of the loss that pulls the two modalities together in events. The folds have about the same share of every
# category, and each candidate gets the same ones.
X, y = make_av_events(n_videos=210, class_sep=4, random_state=0)
X_train, y_train = X[:150], y[:150]
X_test, y_test = X[150:], y[150:]
localizer = PSPLocalizer(
    hidden_size=32,
    max_epochs=8,
    lr=0.006,
    random_state=0,
)
grid = {
    "estimator__tau": [0, 0.08, 0.095, 0.11],
    "estimator__lam": [0, 10],
}
folds = VideoStratifiedKFold(3, random_state=0)

# %%
# :class:`~ave_sklearn.model_selection.KeptScores` keeps the score of each fit in a folder. So a search that was stopped
# goes on where it was, and a second one of the same kind looks everything up: ``looked_up`` is the share of its fits
# that were not needed. Only the best candidate is trained again, on all of ``X_train``.
with tempfile.TemporaryDirectory() as folder:
    kept = KeptScores(localizer, folder)
    for run in ("first", "second"):
        search = GridSearchCV(
            kept,
            grid,
            cv=folds,
            scoring=KeptScores.record,
            refit="score",
        )
        search.fit(X_train, y_train)
        looked_up = search.cv_results_["mean_test_looked_up"].mean()
        print(f"{run} run, looked up: {looked_up:.0%}")

# %%
# The curve
# ---------
# Above are the scores of models that were trained with each threshold. Below is the share of connections that the best
# model keeps, if it is pruned at each of them. No threshold stands out: the bars are longer than any difference.
TauCurveDisplay.from_estimator(search, X_test)
plt.show()

# %%
# What the spread over folds says
# -------------------------------
# The bars are the deviation over three folds: how much a score depends on which videos are tested. Some folds are
# harder, for all candidates alike. So compare candidates within each fold. A row is a candidate, and the columns have
# its score less that of the best one.
results = search.cv_results_
splits = [results[f"split{i}_test_score"] for i in range(3)]
scores = pd.DataFrame(splits, index=["fold 0", "fold 1", "fold 2"]).T
below = scores - scores.iloc[search.best_index_]
below["mean"] = below.mean(axis=1)
below["tau"] = results["param_estimator__tau"]
below["lam"] = results["param_estimator__lam"]
below = below.sort_values("mean", ascending=False)
print(below.set_index(["tau", "lam"]).round(3))

# %%
# Where the signs differ between folds, or a difference is as small as what another ``random_state`` would change, the
# search has not told the two apart. Three folds cannot say more: they share most of their training videos, so their
# deviation is no interval of confidence. And the mean of the best is the highest of eight, which is too high by luck.
# What it is worth is said by videos that no fold has seen; it was trained on all 150 videos for that, not on 100 as in
# the folds.
best = search.best_estimator_.estimator_  # the localizer in KeptScores
print(f"best: {search.best_params_}")
print(f"mean over folds: {search.best_score_:.3f}")
print(f"on test videos: {best.score(X_test, y_test):.3f}")

# %%
# Trap: cv=5
# ----------
# For labels of segments, scikit-learn takes ``cv=5`` as five folds without shuffling. Datasets often come sorted by
# category. Then a fold may hold most videos of one. Here the first and the last do, and the models that are tested on
# them have seen few of these: the first model fails.
order = np.argsort(video_category(y_train), kind="stable")
X_sorted, y_sorted = X_train[order], y_train[order]
tried = {"cv=5": 5, "stratified": VideoStratifiedKFold(5, random_state=0)}
for name, cv in tried.items():
    scores = cross_val_score(localizer, X_sorted, y_sorted, cv=cv)
    print(f"{scores.mean():.3f}, by fold {scores.round(2)}, {name}")

# %%
# Trap: scoring="accuracy"
# ------------------------
# It takes labels (n_videos, n_segments) for n_segments problems in one, and refuses. In a search this is a warning and
# a score of NaN. Leave ``scoring`` out: the score of a localizer is the accuracy of segments.
y_pred = best.predict(X_test)
try:
    accuracy_score(y_test, y_pred)
except ValueError as error:
    print("accuracy_score:", error)
accuracy = segment_accuracy_score(y_test, y_pred)
print(f"segment_accuracy_score: {accuracy:.3f}")
