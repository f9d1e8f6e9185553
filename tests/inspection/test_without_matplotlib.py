"""Inspection where matplotlib is missing: grids and tables work, and a display names the extra that it needs."""

import subprocess
import sys

CODE = """
import sys
import ave_sklearn.inspection
assert "matplotlib" not in sys.modules
sys.modules["matplotlib"] = None
import numpy as np
from ave_sklearn.inspection import *

results = {"params": [{"tau": 0}, {"tau": 0.1}], "mean_test_score": [0.5, 0.6], "std_test_score": [0, 0]}
print(len(ablations()), ablation_table(results).to_frame().index.tolist())
for draw in (
    lambda: EventTimelineDisplay.from_predictions(None, [["a", "b"]]),
    lambda: PropagationDisplay.from_connections(np.eye(3)),
    lambda: AttentionDisplay.from_attention(np.full((2, 3, 3), 1 / 9)),
    lambda: EmbeddingDisplay.from_embeddings({"fused": np.eye(6)[None]}, [list("aabbcc")], method="pca"),
    lambda: TauCurveDisplay.from_cv_results(results),
    lambda: HistoryDisplay(history=[{"epoch": 1, "train_loss": 1.0}]).plot(),
):
    try:
        draw()
    except ImportError as error:
        print(error)
"""


def test_grids_and_tables_work_and_displays_name_the_extra():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, *errors = done.stdout.splitlines()
    assert first == "3 ['WPSP', 'PSP']"
    assert errors == ["Displays need matplotlib: pip install ave_sklearn[plot]"] * 6
