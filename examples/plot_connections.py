"""
What PSP keeps and cuts
=======================

Every visual segment of a video is connected with every audio segment; PSP cuts the connections that hold less than
a share `tau` of their row. This example shows the connections of one video for rising thresholds.
"""

import matplotlib.pyplot as plt
import numpy as np

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events

# %%
# Generated videos of ten seconds, in 40 of which we look at the first whose event starts late.
X, y = make_av_events(n_videos=240, random_state=0)
X_train, y_train, X_test, y_test = X[:200], y[:200], X[200:], y[200:]
late = np.flatnonzero((y_test[:, 0] == "background") & (y_test[:, -1] != "background"))[0]

# %%
# One model for each threshold: all connections, the positive ones, and two stricter choices.
thresholds = [-np.inf, 0, 0.095, 0.13]
fig, axes = plt.subplots(1, len(thresholds), figsize=(13, 3.6), layout="constrained", sharey=True)
print(f"{'tau':>8}{'kept':>8}{'accuracy':>10}")
for ax, tau in zip(axes, thresholds, strict=True):
    localizer = PSPLocalizer(tau=tau, max_epochs=12, hidden_size=64, random_state=0).fit(X_train, y_train)
    gamma_va, _ = localizer.propagation(X_test)
    print(f"{tau:8.3f}{np.mean(gamma_va != 0):8.1%}{localizer.score(X_test, y_test):10.3f}")
    image = ax.imshow(gamma_va[late], vmin=-0.3, vmax=0.3, cmap="RdBu_r")
    ax.set(title=f"tau = {tau}", xlabel="audio segment")
axes[0].set_ylabel("visual segment")
event = np.flatnonzero(y_test[late] != "background")
fig.suptitle(f"Connections of a video whose event is in segments {event[0]} to {event[-1]}")
fig.colorbar(image, ax=axes, label="share of the row")
fig.savefig("connections.png", dpi=120)
