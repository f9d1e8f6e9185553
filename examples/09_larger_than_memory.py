"""
Features larger than memory
===========================

Visual maps take room: those of AVE's 4143 videos are 7.7 GB. From files they are fitted, predicted and cross-validated
a batch at a time, and the models are the same to the bit. Here 60 MB stand for 60 GB, and the memory of each step is
measured.

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
# What :meth:`~ave_sklearn.AVFeatures.from_npy` opens
# looks the same, and lies in the files.
temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Windows keeps open files
folder = Path(temporary.name)
size = {"map_size": (7, 7), "n_visual_features": 256}
generated, y = make_av_events(n_videos=120, **size, random_state=0)
generated.to_npy(folder / "audio.npy", folder / "visual.npy", dtype="float32")
X_npy = AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy")
print(X_npy)

# %%
# HDF5 files serve as well. One that lies in one piece is mapped too; this one is compressed, and is read by blocks.
# (Generated numbers do not become shorter by it.)
for name in ("audio", "visual"):
    with h5py.File(folder / f"{name}.h5", "w") as file:
        chunks = (4, *X_npy[name].shape[1:])
        file.create_dataset("features", data=X_npy[name], chunks=chunks, compression="lzf")
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
# ``tracemalloc`` counts the memory of NumPy's arrays and of Python, and no mapped pages, which the system takes back
# where it needs room. The numbers of PyTorch are not counted; they are those of one batch.
localizer = PSPLocalizer(max_epochs=2, batch_size=16, hidden_size=32, random_state=0)
localizer.fit(X_npy[:8], y[:8])  # a first fit imports what others have
folds = VideoStratifiedKFold(3, random_state=0)
rows, found = {}, {}


def measure(name, work, files):
    """Note how much memory and time a piece of work takes, and what it returns."""
    tracemalloc.start()
    start = time.perf_counter()
    found[name] = work()
    seconds = time.perf_counter() - start
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = sum(Path(folder, file).stat().st_size for file in files)
    rows[name] = {"files, MB": size / 1e6, "memory, MB": most / 1e6, "seconds": seconds}


def fit_predict(X):
    """Return the probabilities of a model, for the videos that it was fitted on."""
    return localizer.fit(X, y).predict_proba(X)


npy, hdf5 = ["audio.npy", "visual.npy"], ["audio.h5", "visual.h5"]
measure("fit, read into memory", lambda: fit_predict(AVFeatures(*X_npy.take())), npy)
measure("fit, .npy", lambda: fit_predict(X_npy), npy)
measure("fit, compressed HDF5", lambda: fit_predict(X_hdf5), hdf5)
measure("three folds, .npy", lambda: cross_val_score(localizer, X_npy, y, cv=folds), npy)
table = pd.DataFrame(rows).T
print(table.round(1))

# %%
# The models are the same.
in_memory, from_npy, from_hdf5, scores = found.values()
same = np.array_equal(in_memory, from_npy) and np.array_equal(in_memory, from_hdf5)
print("same probabilities:", same)

# %%
# A fit from files takes the memory of a few batches, however long the files are; so do three fits on folds. What is
# compressed is decompressed again in each epoch: where there is room on the disk,
# :meth:`~ave_sklearn.AVFeatures.to_npy` copies it once.
bars = table[["memory, MB", "files, MB"]].iloc[::-1]
ax = bars.plot.barh(figsize=(8, 3), color=["#0072b2", "#b5b5b5"], xlabel="MB")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
ax.figure.set_layout_engine("constrained")
plt.show()
temporary.cleanup()
