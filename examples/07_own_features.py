"""
Bring your own features
=======================

Features of any network, of any width, of videos of any number of segments: a localizer takes an array of sound and an
array of pictures. This example begins with two such arrays and a table of events in seconds, makes of them what a fit
takes, keeps the features in files, and shows the errors that usual slips end in. It ends with the timelines of new
videos and a table of their events.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from ave_sklearn import AVFeatures, PSPLocalizer, WeakPSPLocalizer
from ave_sklearn.datasets import make_av_events, to_events, to_segments
from ave_sklearn.inspection import EventTimelineDisplay

# %%
# What you have
# -------------
# 200 clips of six seconds, in twelve segments of half a second. Of each segment there are 40 numbers of its sound and a
# map of its picture, 24 numbers in each of 4 times 4 regions. They are generated here, to stand for yours.
generated, labels = make_av_events(
    n_videos=200,
    n_segments=12,
    n_audio_features=40,
    n_visual_features=24,
    map_size=(4, 4),
    class_sep=5.0,  # easier than the default
    random_state=0,
)
audio, visual = np.array(generated.audio), np.array(generated.visual)
clips = [f"clip{number:03}.mp4" for number in range(200)]
print(audio.shape, visual.shape)

# %%
# And there is a table of what happens when, as people write it: a row for each event, in seconds.
# :func:`~ave_sklearn.datasets.read_events` reads it from a CSV file.
events = to_events(labels, clips, segment_seconds=0.5)
events.head()

# %%
# What a fit takes
# ----------------
# :class:`~ave_sklearn.AVFeatures` holds both arrays, and copies neither.
X = AVFeatures(audio, visual)
print(fill(str(X)))

# %%
# The events become a label for each segment: the event that covers at least half of it, or "background". Here is the
# second half of the third clip.
y = to_segments(events, clips, n_segments=12, segment_seconds=0.5)
print(*y[2, 6:])

# %%
# Connections of PSP are shares of a row of T segments, about 1 / T each. The default of ``tau`` is for ten segments;
# for twelve it is 0.95 / 12.
X_train, y_train = X[:150], y[:150]
X_new, y_new, new_clips = X[150:], y[150:], clips[150:]
settings = {
    "tau": 0.95 / 12,
    "hidden_size": 32,
    "max_epochs": 10,
    "lr": 0.01,
    "random_state": 0,
}
localizer = PSPLocalizer(**settings).fit(X_train, y_train)
print(f"accuracy of 50 new clips: {localizer.score(X_new, y_new):.3f}")

# %%
# Other forms of the features
# ---------------------------
# Pictures without regions, such as the mean of each map, are an array of three dimensions. One array of both sound and
# picture will do as well: ``n_audio_features`` says how many of the columns are sound. It is the same fit.
pooled = AVFeatures(audio, visual.mean(axis=(2, 3)))
joined = np.concatenate([pooled.audio, pooled.visual], axis=2)
of_pooled = PSPLocalizer(**settings).fit(pooled[:150], y_train)
of_joined = PSPLocalizer(**settings, n_audio_features=40)
of_joined.fit(joined[:150], y_train)
same = of_pooled.predict(pooled) == of_joined.predict(joined)
print(joined.shape, same.all())

# %%
# A table of two dimensions, an array or a DataFrame, is one segment a row. Here it has the first segment of each clip,
# and there is one label a row.
table = pd.DataFrame(joined[:, 0])
of_table = PSPLocalizer(**settings, n_audio_features=40)
of_table.fit(table[:150], y_train[:, 0])
print(table.shape, of_table.predict(table).shape)

# %%
# Other forms of the targets
# --------------------------
# Where nobody wrote down *when*, it may be known how much of each clip an event takes. The weakly supervised localizer
# learns from such shares, whose rows sum to 1, and still predicts segments. (50 clips are too few to rank the two.)
shares = pd.DataFrame(
    {label: (y == label).mean(axis=1) for label in np.unique(y)},
    index=clips,
)
weak = WeakPSPLocalizer(**settings).fit(X_train, shares[:150])
print(f"accuracy of 50 new clips: {weak.score(X_new, y_new):.3f}")
shares.head().round(2)

# %%
# Slips, and what one is told
# ---------------------------
# A number that is missing, somewhere in the features:
broken = audio.copy()
broken[17, 3, 8] = np.nan
try:
    PSPLocalizer().fit(AVFeatures(broken, visual), y)
except ValueError as error:
    print(fill(str(error)))

# %%
# Features of all clips, labels of all but one:
try:
    PSPLocalizer().fit(X, y[1:])
except ValueError as error:
    print(fill(str(error)))

# %%
# Sound and pictures that were cut into another number of segments:
try:
    AVFeatures(audio[:, :11], visual)
except ValueError as error:
    print(fill(str(error)))

# %%
# Pooled features, given to a model that was fitted on maps:
try:
    localizer.predict(pooled)
except ValueError as error:
    print(fill(str(error)))

# %%
# Features in files
# -----------------
# A pair of ``.npy`` files is read batch by batch, and may be larger than the memory.
with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps open files
    files = Path(folder, "audio.npy"), Path(folder, "visual.npy")
    X.to_npy(*files)
    stored = AVFeatures.from_npy(*files)
    same = localizer.predict(stored) == localizer.predict(X)
print(same.all())

# %%
# What it found
# -------------
# The table of the events of new clips is in seconds, and in the form of the table at the beginning.
found = localizer.predict_events(X_new, videos=new_clips, segment_seconds=0.5)
found.head().round(3)

# %%
# True (T) and predicted (P) events of some of them, along the seconds.
EventTimelineDisplay.from_estimator(
    localizer,
    X_new,
    y_new,
    videos=new_clips,
    n_videos=6,
    segment_seconds=0.5,
)
plt.show()
