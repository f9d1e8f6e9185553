"""
Localize spoken and written digits
==================================

The main job on real recordings: which seconds of a video hold a digit that is both heard and seen, and which one
is it? Fits :class:`ave_sklearn.PSPLocalizer` on AV-Digits, prints its segment accuracy on a speaker that it never
heard beside that of a logistic regression on single seconds, and saves a picture of predicted and true events.

Run ``python examples/localize_av_digits.py``; it takes about a minute on two cores.
"""

import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import load_av_digits
from ave_sklearn.metrics import event_f1_score, segment_accuracy_score

N_SHOWN = 12

# %%
# Videos of ten seconds: 1000 to train on, 300 of another speaker to test on.
train, test = load_av_digits(subset="train"), load_av_digits(subset="test")
print(f"train {train.data!r}\ntest  {test.data!r}, speaker {test.groups[0]}")


# %%
# The baseline sees each second alone.
def seconds(X):
    """Return the features of every second, one a row."""
    return np.asarray(X).reshape(len(X) * X.n_segments, -1)


baseline = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
baseline.fit(seconds(train.data), train.target.ravel())
single = baseline.predict(seconds(test.data)).reshape(test.target.shape)

# %%
# The localizer sees whole videos, and where in the picture to look.
start = time.perf_counter()
localizer = PSPLocalizer(random_state=0, verbose=1).fit(train.data, train.target)
print(f"fitted in {time.perf_counter() - start:.0f} s")
predicted = localizer.predict(test.data)

# %%
# Accuracy of seconds is the paper's metric; event F1 asks for whole events, found to half their extent.
print(f"{'':24}{'segment accuracy':>18}{'event F1':>10}")
for name, labels in (("logistic regression", single), ("PSPLocalizer", predicted)):
    accuracy, f1 = segment_accuracy_score(test.target, labels), event_f1_score(test.target, labels)
    print(f"{name:24}{accuracy:18.3f}{f1:10.3f}")

# %%
# The first test videos: truth above, prediction below; white is background.
fig, ax = plt.subplots(figsize=(9, 6), layout="constrained")
colors = dict(zip(train.target_names, plt.get_cmap("tab10").colors, strict=False))
for row in range(N_SHOWN):
    for labels, top in ((test.target[row], 0.05), (predicted[row], 0.48)):
        for second, label in enumerate(labels):
            if label != "background":
                ax.add_patch(plt.Rectangle((second, row + top), 1, 0.4, color=colors[label], ec="white"))
                ax.text(second + 0.5, row + top + 0.2, label, ha="center", va="center", color="white", size=8)
ax.set(xlim=(0, 10), ylim=(N_SHOWN, 0), xlabel="second", ylabel="test video", xticks=range(11))
ax.set_yticks(np.arange(N_SHOWN) + 0.5, range(N_SHOWN))
ax.set_title("Digits that are both heard and seen: true (upper bar) and predicted (lower bar)")
path = Path("av_digits_events.png")
fig.savefig(path, dpi=120)
print(f"picture of true and predicted events: {path.resolve()}")
