"""
Features larger than memory
===========================

Visual maps take room: those of AVE's 4143 videos are 7.7 GB, as numbers of 32 bits. Features in files are fitted,
predicted and cross-validated from where they lie, a batch at a time, and the models are the same to the bit. Here 60 MB
stand for 60 GB, and each step's memory is measured.

Needs ``pip install "ave_sklearn[hdf5,plot]"``.
"""

import pickle
import tempfile
import time
import tracemalloc
from pathlib import Path

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_score

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold

# %%
# Features in files
# -----------------
#
# Generated videos with visual maps of 7 x 7 regions, as VGG-19 makes them, are written into a pair of ``.npy`` files.
# What comes back looks the same, and lies in the files.
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
generated, y = make_av_events(n_videos=120, map_size=(7, 7), n_visual_features=256, random_state=0)
X_npy = generated.to_npy(folder / "audio.npy", folder / "visual.npy", dtype="float32")
print(X_npy)

# %%
# HDF5 files serve as well. One that lies in one piece is mapped too; this one is compressed, and is read by blocks.
X_npy = AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy")
for name in ("audio", "visual"):
    with h5py.File(folder / f"{name}.h5", "w") as file:
        values = X_npy[name]
        file.create_dataset("features", data=values, chunks=(4, *values.shape[1:]), compression="lzf")
X_hdf5 = AVFeatures.from_hdf5(folder / "audio.h5", folder / "visual.h5")
print(X_hdf5)

# %%
# A view is a list of rows, and reads nothing. So are the folds of a cross-validation, and what a worker is sent.
view = X_npy[40:80]
print(view)
print(f"{len(pickle.dumps(view))} bytes are sent to a worker")

# %%
# What it takes
# -------------
#
# `tracemalloc` counts the memory of NumPy's arrays and of Python, and none of the mapped pages, which the system takes
# back where it needs room. The numbers of PyTorch are not counted; they are those of one batch.
localizer = PSPLocalizer(max_epochs=2, batch_size=16, hidden_size=32, random_state=0)
localizer.fit(X_npy[:8], y[:8])  # the first fit of a process imports what the others have
folds = VideoStratifiedKFold(3, random_state=0)
rows, found = {}, {}


def measure(name, work, files):
    """Note how much memory and time a piece of work takes, and what it returns."""
    tracemalloc.start()
    start = time.perf_counter()
    found[name] = work()
    seconds, memory = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    size = sum(Path(folder, file).stat().st_size for file in files)
    rows[name] = {"files, MB": size / 1e6, "memory, MB": memory / 1e6, "seconds": seconds}


npy, hdf5 = ["audio.npy", "visual.npy"], ["audio.h5", "visual.h5"]
measure("fit, read into memory", lambda: localizer.fit(AVFeatures(*X_npy.take()), y).predict_proba(X_npy), npy)
measure("fit, .npy", lambda: localizer.fit(X_npy, y).predict_proba(X_npy), npy)
measure("fit, compressed HDF5", lambda: localizer.fit(X_hdf5, y).predict_proba(X_hdf5), hdf5)
measure("three folds, .npy", lambda: cross_val_score(localizer, X_npy, y, cv=folds), npy)
table = pd.DataFrame(rows).T
print(table.round(1))

# %%
# The models are the same.
first, *others = (found[name] for name in list(rows)[:3])
print("same probabilities:", all(np.array_equal(first, other) for other in others))
print("accuracy of each fold:", found["three folds, .npy"].round(3))

# %%
# A fit from files takes the memory of a few batches, however long the files are; so do three fits on folds. What is
# compressed is decompressed again in each epoch: where there is room on the disk, `to_npy` copies it once.
ax = table[["files, MB", "memory, MB"]].iloc[::-1].plot.barh(figsize=(8, 3), color=["#b5b5b5", "#0072b2"])
ax.set_xlabel("MB")
ax.figure.tight_layout()
plt.show()
temporary.cleanup()
