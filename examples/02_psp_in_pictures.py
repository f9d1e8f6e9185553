"""
PSP in ten pictures
===================

How positive sample propagation finds an event, followed through one video from what enters to what comes out. Each
section is one picture of one step, with the equation of the paper that it belongs to and the function that computes it.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import ConfusionMatrixDisplay

from ave_sklearn import PSPLocalizer, nn
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import (
    AttentionDisplay,
    EmbeddingDisplay,
    EventTimelineDisplay,
    PropagationDisplay,
)

# %%
# Generated videos of ten seconds, with visual maps of 3 x 3 regions. The ``scene`` says what they show, which a network
# has to find. Of the 50 videos that the localizer does not learn from we follow one, whose object is seen all the time
# and heard for five seconds.
X, y, scene = make_av_events(
    n_videos=300,
    map_size=(3, 3),
    class_sep=6,
    return_scene=True,
    random_state=0,
)
localizer = PSPLocalizer(
    hidden_size=32,
    max_epochs=15,
    lr=0.006,
    device="cpu",
    random_state=0,
)
localizer.fit(X[:250], y[:250])
X_test, y_test = X[250:], y[250:]
video = 10
row = 250 + video  # of the scene
seconds = range(10)

# %%
# 1. Segments
# -----------
# A video is cut into segments, here of a second. An event is what is heard *and* seen: the coloured cells. An object
# may give no sign of itself for a second, a pause in the sound or something in front of the picture.
others = ["other_1", "other_2", "other_3"]
names = np.array([*localizer.classes_[1:], *others])
heard = np.where(scene.audible[row], names[scene.heard[row]], "(pause)")
seen = np.where(scene.visible[row], names[scene.seen[row]], "(hidden)")
is_event = y_test[video] != "background"

fig, ax = plt.subplots(figsize=(9, 1.7), layout="constrained")
ax.axis("off")
table = ax.table(
    [heard, seen, y_test[video]],
    rowLabels=["heard", "seen", "label"],
    colLabels=[f"{t} s" for t in seconds],
    cellColours=[np.where(is_event, "#ffe2b0", "white")] * 3,
    cellLoc="center",
    bbox=(0.07, 0, 0.93, 1),
)
table.auto_set_font_size(False)
table.set_fontsize(8.5)
plt.show()

# %%
# 2. Features
# -----------
# What the localizer gets is numbers: 16 audio features of each segment, and 16 visual features of each of its nine
# regions. The noise hides most of what they hold.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
style = {"cmap": "PuOr", "vmin": -5, "vmax": 5, "interpolation": "nearest"}
style["aspect"] = "auto"
axes[0].imshow(X_test.audio[video].T, **style)
axes[0].set_title("audio: 16 numbers a segment")
image = axes[1].imshow(X_test.visual[video].reshape(10, -1).T, **style)
axes[1].set_title("visual: 9 x 16 numbers a segment")
for ax in axes:
    ax.set(xlabel="segment", xticks=seconds, yticks=[])
fig.colorbar(image, ax=axes, label="value")
plt.show()

# %%
# 3. Attention over regions
# -------------------------
# The sound says where to look: each region gets a share of the attention, and the segment's visual features become the
# mean over its regions, weighted by these shares. The circles mark where the object is that counts, if it is visible.
# While something else is heard, the attention is spread nearly evenly.
display = AttentionDisplay.from_estimator(
    localizer,
    X_test,
    y_test,
    video=video,
)
circle = {"s": 150, "facecolor": "none", "edgecolor": "white"}
for t in np.flatnonzero(scene.visible[row]):
    y_region, x_region = divmod(scene.region[row, t], 3)
    display.axes_[t].scatter(x_region + 0.5, y_region + 0.5, **circle)
plt.show()

# %%
# 4. Similarity (Eq. 1)
# ---------------------
# Two LSTMs read the segments of each modality in their order. Then every visual segment is compared with every audio
# segment by :func:`~ave_sklearn.nn.all_pair_similarity`, after a learned projection of each. A similarity may be
# negative.
encoded = localizer.embed(X_test, layer="encoded")
audio, visual = (torch.from_numpy(features) for features in encoded)
psp = localizer.net_.module_.network.psp
with torch.no_grad():
    beta = nn.all_pair_similarity(psp.w1_v(visual), psp.w1_a(audio))

fig, ax = plt.subplots(figsize=(5, 4), layout="constrained")
largest = beta[video].abs().max()
image = ax.imshow(beta[video], cmap="PuOr", vmin=-largest, vmax=largest)
ax.set(xlabel="audio segment", ylabel="visual segment")
ax.set(xticks=seconds, yticks=seconds)
fig.colorbar(image, label=r"similarity $\beta^{va}$")
plt.show()

# %%
# 5. Pruning one matrix (Eq. 2)
# -----------------------------
# :func:`~ave_sklearn.nn.prune` cuts negative similarities, makes each row sum to 1, and cuts the shares below tau. This
# is one matrix at three thresholds; nothing is trained again. The box is around the segments of the event. Sounds
# outside of it are cut by their sign already, and rising thresholds cut weak connections within it too, so that a row
# leans on fewer segments. Rows outside of it take from the event all the same: pruning alone does not find the moment.
taus = [0, 0.095, 0.2]
gamma_va = [nn.prune(beta[[video]], tau)[0] for tau in taus]
PropagationDisplay.from_connections(
    gamma_va,
    tau=taus,
    labels=y_test[video],
)
plt.show()

# %%
# ``propagation`` of a fitted localizer has the same, in both directions.
same = localizer.propagation(X_test, tau=0.2)[0][video]
print("the same:", np.allclose(same, gamma_va[-1]))

# %%
# 6. Propagation (Eq. 3)
# ----------------------
# Each segment keeps its own features and adds what it takes along the connections that are left:
# :func:`~ave_sklearn.nn.propagate`. Here it is a visual segment of the event in which the object is hidden. It takes
# from the sound of other segments; bars are blue if these belong to the event.
hidden = np.flatnonzero(is_event & (seen == "(hidden)"))[0]
with torch.no_grad():
    gamma = nn.prune(beta, localizer.tau)
    propagated = nn.propagate(gamma, psp.w2_a(audio), visual)
own, result = visual[video, hidden], propagated[video, hidden]

fig, axes = plt.subplots(2, figsize=(8, 4.2), layout="constrained")
top, bottom = axes
colors = np.where(is_event, "#0072b2", "#bdbdbd")
top.bar(seconds, gamma[video, hidden], color=colors)
top.set(title=f"What visual segment {hidden} takes", ylabel="share")
top.set(xlabel="from audio segment", xticks=seconds)
style = {"aspect": "auto", "cmap": "PuOr", "vmin": -0.6, "vmax": 0.6}
image = bottom.imshow(torch.stack([own, result - own, result]), **style)
rows = ["own features", "+ what it takes", "= features behind PSP"]
bottom.set(yticks=range(3), yticklabels=rows, xlabel="feature")
fig.colorbar(image, ax=bottom, label="value")
plt.show()

# %%
# 7. Fused features (Eq. 4)
# -------------------------
# Audio and visual features become one vector a segment. A point is a segment of one of the test videos, placed by PCA.
# From left to right the events come apart, and background lies between them.
EmbeddingDisplay.from_estimator(
    localizer,
    X_test,
    y_test,
    layers=["input", "propagated", "fused"],
    method="pca",
    random_state=0,
)
plt.show()

# %%
# 8. Probabilities
# ----------------
# A classifier gives each segment a probability of each class. The dots are the true labels.
proba = localizer.predict_proba(X_test)[video]
true = np.searchsorted(localizer.classes_, y_test[video])

fig, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
image = ax.imshow(proba.T, aspect="auto", vmin=0, vmax=1)
ax.scatter(seconds, true, s=80, color="white", edgecolor="black")
ax.set(yticks=range(5), yticklabels=localizer.classes_)
ax.set(xlabel="segment", xticks=seconds)
fig.colorbar(image, label="probability")
plt.show()

# %%
# 9. Events
# ---------
# The likeliest class is the label of a segment, and equal labels side by side are an event. T is true, P is predicted.
# The first timeline is the video that we followed, the others are its neighbours.
shown = np.arange(video, video + 5)
EventTimelineDisplay.from_estimator(
    localizer,
    X_test[shown],
    y_test[shown],
    videos=shown,
    show_proba=True,
)
plt.show()

# %%
# 10. What it got wrong
# ---------------------
# A row has the segments of one true label in all test videos, and says which labels they got. Nearly all mistakes are
# between events and background, not between one event and another: what is hard is when, not what.
predicted = localizer.predict(X_test)
_, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ConfusionMatrixDisplay.from_predictions(
    y_test.ravel(),
    predicted.ravel(),
    normalize="true",
    values_format=".2f",
    cmap="Blues",
    ax=ax,
)
plt.show()

# %%
wrong = predicted != y_test
is_when = (predicted == "background") | (y_test == "background")
print(f"wrong segments: {wrong.mean():.1%}")
print(f"of them event against background: {is_when[wrong].mean():.1%}")
# sphinx_gallery_thumbnail_number = 4
