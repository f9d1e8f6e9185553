"""
What the AVE dataset gives away
===============================

Two predictions that tell no second of a video from another, scored on AVE's test split.
``python examples/ave_baselines.py AVE_Dataset`` reads Annotations.txt and test_order.h5 of that folder, no features.
"""

import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ave_sklearn.metrics import event_f1_score, reference_predictions, segment_accuracy_score

folder = Path(sys.argv[1])
videos = pd.read_csv(folder / "Annotations.txt", sep="&", names=["category", "id", "quality", "start", "end"])
with h5py.File(folder / "test_order.h5") as file:
    videos = videos.iloc[file["order"][:]]

# %%
# An event lasts from the second `start` to the one before `end`; all others are background.
start, end, category = (videos[[name]].to_numpy() for name in ("start", "end", "category"))
seconds = np.arange(10)
y = np.where((start <= seconds) & (seconds < end), category.astype(str), "background")
is_event = y != "background"
mixed = ~is_event.all(axis=1)
print(f"{is_event.mean():.1%} of the seconds are events, {1 - mixed.mean():.1%} of the videos one event throughout.")

# %%
# The right category is known here, which a system has to find.
rows = {
    name: {
        "accuracy": segment_accuracy_score(y, y_pred),
        f"of the {mixed.sum()} other videos": segment_accuracy_score(y[mixed], y_pred[mixed]),
        "event F1": event_f1_score(y, y_pred),
        "at IoU 0.9": event_f1_score(y, y_pred, iou=0.9),
    }
    for name, y_pred in reference_predictions(y).items()
}
print((100 * pd.DataFrame(rows).T).round(1).to_string())
