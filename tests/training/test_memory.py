"""What fits into how much memory: real limits on real processes, with features in memory-mapped files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ave_sklearn import PSPLocalizer
from ave_sklearn.nn import blocking

pytestmark = [
    pytest.mark.slow,  # each test fits, most of them in a process of its own
    pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's"),
]
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
LIMITED = """
import json, re, resource, sys
from pathlib import Path
import numpy as np
from ave_sklearn import AVFeatures, PSPLocalizer

audio, visual, megabytes, params = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
X = AVFeatures.from_npy(audio, visual)
y = np.tile(["background", "event"], (len(X), 5))
PSPLocalizer(max_epochs=1).fit(X[:4], y[:4])  # what torch loads when it is first used
data = int(re.search(r"VmData:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (data + megabytes * 10**6, -1))
try:
    localizer = PSPLocalizer(max_epochs=1, **params).fit(X, y)
    print(json.dumps({"file": X.nbytes, "predicted": localizer.predict(X).shape}))
except MemoryError as error:
    print(json.dumps({"error": str(error)}))
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two .npy files of 320 videos of the AVE dataset's shape, 323 MB of zeros that take no room on the disk."""
    folder = tmp_path_factory.mktemp("features")
    paths = []
    for name, shape in ("audio", (320, 10, 128)), ("visual", (320, 10, 7, 7, 512)):
        paths.append(str(folder / f"{name}.npy"))
        np.lib.format.open_memmap(paths[-1], "w+", np.float32, shape).flush()
    return paths


def run(folder, script, *arguments):
    """Run a script, which may import the benchmarks' _memory, and return what it prints as JSON."""
    (folder / "script.py").write_text(script)  # a file, for the processes that it starts
    environment = {**os.environ, "PYTHONPATH": f"{BENCHMARKS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, folder / "script.py", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)


def fit_with_limit(folder, stored, megabytes, **params):
    """Fit and predict in a process that may have so many megabytes more than torch itself takes."""
    return run(folder, LIMITED, *stored, str(megabytes), json.dumps(params))


SEARCH = """
import sys
from _memory import TreePeak
import numpy as np
from sklearn.model_selection import GridSearchCV
from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.model_selection import VideoStratifiedKFold

if __name__ == "__main__":
    peak = TreePeak()
    X = AVFeatures.from_npy(*sys.argv[1:])[:96]
    y = np.tile(["background", "event"], (len(X), 5))
    folds = VideoStratifiedKFold(2, random_state=0)
    search = GridSearchCV(PSPLocalizer(max_epochs=1), {"lam": [0, 10]}, cv=folds, n_jobs=2, refit=False).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    print(peak.bytes)
"""


def test_search_in_two_processes(stored, tmp_path):
    assert 60e6 < run(tmp_path, SEARCH, *stored) < 300e6


def test_fit_and_predict_on_files_larger_than_the_memory_allowed(stored, tmp_path):
    result = fit_with_limit(tmp_path, stored, 220)
    assert result["predicted"] == [320, 10]
    assert result["file"] > 320e6


def test_batch_that_does_not_fit(stored, tmp_path):
    error = fit_with_limit(tmp_path, stored, 220, batch_size=320)["error"]
    assert error == "batch_size is 320, too many videos at once for this memory; wanted a smaller one, such as 80."


PREDICTION = """
import json
from _memory import PeakMemory
import numpy as np
from ave_sklearn import AVFeatures, PSPLocalizer

X = AVFeatures(np.zeros((20_000, 10, 2), np.float32), np.zeros((20_000, 10, 2), np.float32))
y = np.arange(2000).reshape(200, 10) % 200
localizer = PSPLocalizer(max_epochs=1, hidden_size=8, batch_size=8, background=0, random_state=0).fit(X[:200], y)
localizer.predict_events(X[:100])
took = {}
for method in ("predict", "predict_events", "predict_proba"):
    peak = PeakMemory()
    getattr(localizer, method)(X)
    took[method] = peak.anonymous - peak.before
print(json.dumps(took))
"""


def test_predictions_keep_what_they_return_alone(tmp_path):
    took = run(tmp_path, PREDICTION)
    probabilities = 20_000 * 10 * 200 * 4
    assert took["predict"] < 0.3 * probabilities, took
    assert took["predict_events"] < 0.3 * probabilities, took
    assert 0.9 * probabilities < took["predict_proba"] < 1.3 * probabilities, took


@pytest.mark.parametrize("in_block, size", [(40, 40), (1000, 56), (3, 7)])
def test_batch_size_of_prediction_can_be_lowered_after_the_fit(videos, in_block, size, monkeypatch):
    monkeypatch.setattr(blocking, "BLOCK_SIZE", in_block * videos[0].shape[1])
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, random_state=0).fit(*videos)
    sizes = []
    localizer.net_.module_.register_forward_hook(lambda module, inputs, outputs: sizes.append(len(inputs[0])))
    localizer.set_params(batch_size=7).predict(videos[0])
    assert sizes == [min(size, 60 - start) for start in range(0, 60, size)]
