"""
What PSP keeps and cuts
=======================

Every visual segment of a video is connected with every audio segment; PSP cuts the connections that hold less than
a share `tau` of their row. This example fits one model, and shows the connections of one video for rising thresholds,
as in Figure 4 of the paper.
"""

import numpy as np

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import PropagationDisplay

# %%
# Generated videos of ten seconds, in 40 of which we look at the first whose event starts late.
X, y = make_av_events(n_videos=240, random_state=0)
X_train, y_train, X_test, y_test = X[:200], y[:200], X[200:], y[200:]
late = np.flatnonzero((y_test[:, 0] == "background") & (y_test[:, -1] != "background"))[0]
localizer = PSPLocalizer(max_epochs=12, hidden_size=64, random_state=0).fit(X_train, y_train)
print(f"Segment accuracy, with tau={localizer.tau}: {localizer.score(X_test, y_test):.3f}")

# %%
# The model's similarities are pruned at other thresholds, without training it again. With `tau=-inf` all connections
# are there, with 0 the positive ones.
print(f"{'tau':>8}{'kept':>8}")
for tau in (-np.inf, 0, 0.05, 0.095, 0.11, 0.13):
    gamma_va, _ = localizer.propagation(X_test, tau=tau)
    print(f"{tau:8.3f}{np.mean(gamma_va != 0):8.1%}")

# %%
# Row t is what visual segment t takes from the audio segments. The boxes are around segments of the event: a threshold
# is good if it cuts connections from the event to what is outside.
display = PropagationDisplay.from_estimator(
    localizer, X_test, y_test, video=late, tau=[0, 0.095, 0.11, 0.12], direction="va"
)
display.figure_.savefig("connections.png", dpi=120)
