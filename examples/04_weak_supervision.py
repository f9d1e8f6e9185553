"""
Localize from video-level targets
=================================

:class:`ave_sklearn.WeakPSPLocalizer` learns from the share of each class in a video, without knowing when, and
predicts when. This example compares it with full supervision for growing numbers of training videos.
"""

import matplotlib.pyplot as plt
import pandas as pd

from ave_sklearn import PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events

X, y = make_av_events(n_videos=500, random_state=0)
X_test, y_test = X[400:], y[400:]

# %%
# The weak localizer pools the segment labels to proportions before anything else sees them.
rows = []
for n_videos in (50, 100, 200, 400):
    for localizer in (PSPLocalizer(), WeakPSPLocalizer()):
        localizer.set_params(max_epochs=12, hidden_size=64, random_state=0).fit(X[:n_videos], y[:n_videos])
        rows.append((n_videos, type(localizer).__name__, localizer.score(X_test, y_test)))
table = pd.DataFrame(rows, columns=["training videos", "localizer", "segment accuracy"])
table = table.pivot(index="training videos", columns="localizer", values="segment accuracy")
print(table.round(3))

# %%
ax = table.plot(marker="o", logx=True, ylabel="segment accuracy", figsize=(6, 4))
ax.axhline((y_test == "background").mean(), color="gray", ls=":", label="all background")
ax.legend()
plt.savefig("weak_supervision.png", dpi=120, bbox_inches="tight")
