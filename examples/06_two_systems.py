"""
Two systems compared, with an interval
======================================

Is PSP better than AVEL on your videos, or is it that these videos happen to suit it? This example trains both by one
rule on generated recordings that are cut into clips, reads their accuracy beside event F1 and beside two predictions
that find no moment at all, and gives the difference with its interval, over recordings. Then it looks at the same
clips through both, and at the classes that each of them takes for others.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay

from ave_sklearn import AVFeatures, EventLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.inspection import EventTimelineDisplay
from ave_sklearn.metrics import (
    event_f1_score,
    paired_difference,
    reference_predictions,
    segment_accuracy_score,
)
from ave_sklearn.model_selection import split_videos

# %%
# Recordings of 30 seconds, each cut into three clips of ten. The clips of a recording are about the same object, so
# they are alike: the recording is their *group*.
recordings, labels = make_av_events(
    n_videos=160,
    n_segments=30,
    random_state=0,
)
audio = recordings.audio.reshape(480, 10, -1)
visual = recordings.visual.reshape(480, 10, -1)
X = AVFeatures(audio, visual)
y = labels.reshape(480, 10)
groups = np.repeat(np.arange(160), 3)

# %%
# No recording is on both sides of the split.
train, test = split_videos(y, groups, test_size=0.4, random_state=0)
y_test, groups_test = y[test], groups[test]

# %%
# Both systems get the same training, and features of the same length within. The pair similarity loss comes with PSP,
# and not with AVEL: that is what ``lam="auto"``, the default, means.
predictions = {}
for network in ("psp", "avel"):
    localizer = EventLocalizer(
        network=network,
        network_params={"hidden_size": 64},
        max_epochs=12,
        random_state=0,
    )
    localizer.fit(X[train], y[train])
    predictions[network] = localizer.predict(X[test])

# %%
# More than one number
# --------------------
# An accuracy says little alone. Beside those of the two systems stand those of two predictions that tell no second of
# a clip from another; the second of these is told the category of each recording, which a system has to find. Mixed
# clips hold an event and background too: an accuracy there that is above both references is of a system that finds
# moments. Event F1 counts whole events, found to a half of their extent, or to nine tenths.
references = reference_predictions(y_test, groups=groups_test)
is_event = y_test != "background"
mixed = is_event.any(axis=1) & ~is_event.all(axis=1)
rows = {}
for name, y_pred in (predictions | references).items():
    rows[name] = {
        "accuracy": segment_accuracy_score(y_test, y_pred),
        "of mixed clips": segment_accuracy_score(
            y_test[mixed],
            y_pred[mixed],
        ),
        "event F1": event_f1_score(y_test, y_pred),
        "at IoU 0.9": event_f1_score(y_test, y_pred, iou=0.9),
    }
pd.DataFrame(rows).T.round(3)

# %%
# The difference, and its interval
# --------------------------------
# :func:`~ave_sklearn.metrics.paired_difference` draws recordings anew, with all of their clips: had there been other
# recordings, how large might the difference be? Without ``groups`` it draws clips, as if each were a recording of its
# own. Any metric will do, such as event F1, which takes longer, and so gets fewer resamples here.
both = y_test, predictions["psp"], predictions["avel"]
by_recording = paired_difference(
    *both,
    groups=groups_test,
    random_state=0,
)
by_clip = paired_difference(*both, random_state=0)
of_events = paired_difference(
    *both,
    groups=groups_test,
    metric=event_f1_score,
    n_resamples=199,
    random_state=0,
)
table = pd.DataFrame(
    [by_recording, by_clip, of_events],
    index=["accuracy", "accuracy", "event F1"],
)
table[["difference", "interval", "pvalue", "method"]].round(3)

# %%
# Where an interval holds 0, these recordings do not say which system is better. And where it does not, the sentence is
# about these two fits: how either would have turned out with another seed is not in the interval.
#
# The same clips through both systems
# -----------------------------------
# Four mixed clips of which the two say different things. The upper row of each (T) is true, the lower one (P) is
# predicted, and a dark mark shows where they differ. With ``classes`` a class has the same colour in both panels.
differ = (predictions["psp"] != predictions["avel"]).any(axis=1)
clips = np.flatnonzero(mixed & differ)[:4]
names = [f"clip {number}" for number in test[clips]]
fig, axes = plt.subplots(2, 1, figsize=(7.5, 7), layout="constrained")
for ax, (network, y_pred) in zip(axes, predictions.items(), strict=True):
    EventTimelineDisplay.from_predictions(
        y_test[clips],
        y_pred[clips],
        classes=np.unique(y),
        videos=names,
        ax=ax,
    )
    ax.set_title(network.upper(), loc="right")
plt.show()

# %%
# Which classes are taken for which, over all seconds: a row is a true class, and sums to 1. Most of what either system
# gets wrong is between an event and background, which is about time, and not between events. (Colours end at 2, so
# that black numbers can be read on all of them.)
style = {
    "cmap": "Blues",
    "im_kw": {"vmax": 2},
    "text_kw": {"color": "black"},
    "values_format": ".2f",
    "colorbar": False,
    "xticks_rotation": 45,
}
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4.5), layout="constrained")
for ax, (network, y_pred) in zip(axes, predictions.items(), strict=True):
    ConfusionMatrixDisplay.from_predictions(
        y_test.ravel(),
        y_pred.ravel(),
        normalize="true",
        ax=ax,
        **style,
    )
    ax.set_title(network.upper())
plt.show()
