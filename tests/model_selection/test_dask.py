"""Searches on a Dask cluster of two processes: equal to serial ones, few bytes sent, and a worker may die."""

import importlib
import os
import pickle
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import h5py
import joblib
import numpy as np
import pytest
from distributed import LocalCluster
from distributed.comm.tcp import TCP
from numpy.lib.format import open_memmap
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.model_selection import VideoStratifiedKFold, dask_client

pytestmark = pytest.mark.slow
CV = VideoStratifiedKFold(2, random_state=0)
TINY = {"hidden_size": 8, "max_epochs": 1, "random_state": 0}


class SlowPSP(PSPLocalizer):
    """A localizer that appends a line to the file that FITS names, when a fit begins and when it has ended."""

    def fit(self, X, y):
        self._tell("begun", X)
        super().fit(X, y)
        time.sleep(0.2)
        self._tell("done", X)
        return self

    def _tell(self, what, X):
        with open(os.environ["FITS"], "a") as file:
            file.write(f"{what} {os.getpid()} {self.lam}-{X.stored_rows(slice(60)).tolist()}\n".replace(", ", "-"))


class Reader(ClassifierMixin, BaseEstimator):
    """An estimator that reads one video."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        X.take([0])
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture(scope="module")
def fits(tmp_path_factory):
    file = tmp_path_factory.mktemp("fits") / "fits.txt"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FITS", str(file))  # for the workers too
        yield file


@pytest.fixture(scope="module")
def client(fits):
    options = {"processes": True, "memory_limit": "4GiB", "dashboard_address": ":0"}
    with LocalCluster(n_workers=2, threads_per_worker=1, **options) as cluster, dask_client(cluster) as client:
        yield client


@pytest.fixture
def on_dask(client):
    client.wait_for_workers(2)
    with joblib.parallel_config(backend="dask", client=client):
        yield


@pytest.fixture(scope="module")
def in_files(tmp_path_factory):
    """Videos enough for rows of folds of more than 1 kB, which joblib would leave with one worker."""
    folder = tmp_path_factory.mktemp("features")
    X, y = make_av_events(n_videos=400, n_segments=4, n_audio_features=4, n_visual_features=3, random_state=0)
    return X.to_npy(folder / "audio.npy", folder / "visual.npy"), y


def lines(file):
    return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def assert_same_weights(first, second):
    first, second = (pickle.loads(pickle.dumps(model)).net_.module_.state_dict() for model in (first, second))
    assert first.keys() == second.keys() and first
    for name, value in first.items():
        np.testing.assert_array_equal(value.numpy(), second[name].numpy(), err_msg=name)


def test_scores_and_weights_are_those_of_one_process(on_dask, in_files):
    X, y = in_files
    with joblib.parallel_config(backend="loky", n_jobs=1):
        serial = GridSearchCV(PSPLocalizer(**TINY), {"lam": [0.0, 10.0]}, cv=CV).fit(X, y)
        models = cross_validate(PSPLocalizer(**TINY), X, y, cv=CV, return_estimator=True)["estimator"]
        scores = cross_val_score(PSPLocalizer(**TINY), X, y, cv=CV)
    found = GridSearchCV(PSPLocalizer(**TINY), {"lam": [0.0, 10.0]}, cv=CV).fit(X, y)
    for split in range(2):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(found.cv_results_[name], serial.cv_results_[name])
    assert_same_weights(found.best_estimator_, serial.best_estimator_)
    np.testing.assert_array_equal(cross_val_score(PSPLocalizer(**TINY), X, y, cv=CV), scores)
    again = cross_validate(PSPLocalizer(**TINY), X, y, cv=CV, return_estimator=True)["estimator"]
    for own, other in zip(again, models, strict=True):  # fitted by the workers
        assert_same_weights(own, other)


# What is sent


def of_npy(folder):
    open_memmap(folder / "audio.npy", "w+", "f4", (100, 10, 128))
    open_memmap(folder / "visual.npy", "w+", "f4", (100, 10, 7, 7, 256))
    return AVFeatures.from_npy(folder / "audio.npy", folder / "visual.npy")


def of_hdf5(folder):
    with h5py.File(folder / "both.h5", "w") as file:
        file.create_dataset("audio", (100, 10, 128), "f4", chunks=(10, 10, 128), data=np.zeros((100, 10, 128), "f4"))
        file.create_dataset("visual", data=np.zeros((100, 10, 7, 7, 256), "f4"), compression="gzip", chunks=True)
    return AVFeatures.from_hdf5(folder / "both.h5", folder / "both.h5", audio_key="audio", visual_key="visual")


def in_memory(folder):
    return AVFeatures(np.zeros((100, 10, 128), "f4"), np.zeros((100, 10, 7, 7, 256), "f4"))


@pytest.fixture
def sent(monkeypatch):
    """Bytes of each message that this process sends, that of the client and of the scheduler."""
    counts, write = [], TCP.write

    async def counted(self, *args, **kwargs):
        counts.append(await write(self, *args, **kwargs))
        return counts[-1]

    monkeypatch.setattr(TCP, "write", counted)
    return counts


@pytest.mark.parametrize("make, most", [(of_npy, 400_000), (of_hdf5, 400_000), (in_memory, 250_000_000)])
def test_features_in_files_are_sent_as_names_and_those_in_memory_once_a_worker(tmp_path, on_dask, sent, make, most):
    X, y = make(tmp_path), np.arange(1000).reshape(100, 10) % 3
    assert X.nbytes > 50_000_000
    cross_val_score(Reader(), X, y, cv=[(np.arange(50), np.arange(50, 100))] * 10, scoring=constant_score)
    assert 0 < sum(sent) < most


def constant_score(estimator, X, y):
    return 1.0


# What may go wrong


def test_a_killed_worker_costs_its_own_fits(on_dask, in_files, fits):
    X, y = in_files
    grid, folds = {"lam": [10.0]}, VideoStratifiedKFold(8, random_state=0)  # rows of each fit that no other fit has
    with joblib.parallel_config(backend="loky", n_jobs=1):
        serial = GridSearchCV(SlowPSP(**TINY), grid, cv=folds, refit=False).fit(X, y)
    fits.unlink()
    killed = []

    def kill():
        while sum(what == "done" for what, *_ in lines(fits)) < 3:
            time.sleep(0.02)
        killed.append(int(lines(fits)[-1][1]))
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = GridSearchCV(SlowPSP(**TINY), grid, cv=folds, refit=False, error_score="raise").fit(X, y)
    killer.join()
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"])
    begun = Counter(fit for what, _, fit in lines(fits) if what == "begun")
    repeated = {fit for fit, count in begun.items() if count > 1}
    assert len(begun) == 8 and sum(begun.values()) <= 10
    assert repeated <= {fit for _, process, fit in lines(fits) if int(process) == killed[0]}


def test_a_worker_that_lacks_a_file_says_so(client, tmp_path):
    X = AVFeatures(np.ones((4, 2, 3)), np.ones((4, 2, 3))).to_npy(tmp_path / "audio.npy", tmp_path / "visual.npy")
    data = pickle.dumps(X)
    assert client.submit(len, X, pure=False).result() == 4
    os.rename(tmp_path / "visual.npy", tmp_path / "moved.npy")
    for task in (client.submit(read, as_by_the_scheduler(data), pure=False), client.submit(pickle.loads, data)):
        with pytest.raises(ValueError) as caught:
            task.result()
        message = str(caught.value)
        assert f"{tmp_path / 'visual.npy'} is not on the machine {socket.gethostname()}; the files of" in message


def as_by_the_scheduler(data):
    """Unpickle features whose files are not here, as on the machine of a scheduler."""
    import asyncio

    async def load():
        return pickle.loads(data)

    return asyncio.run(load())


def read(X):
    return X.take()


# The examples


@pytest.fixture
def example(monkeypatch):
    """Import an example, whose processes import it too."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "examples")
    yield importlib.import_module
    for name in ("dask_search", "dask_videos"):
        sys.modules.pop(name, None)


def test_bags_of_videos_and_folders_give_what_one_process_gives(client, tmp_path, example, capsys):
    module = example("dask_videos")
    client.upload_file(module.__file__)
    module.main(str(tmp_path))
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "as in one process" in line] == ["as in one process: True"] * 2
    assert (
        printed[0].startswith(f"AVFeatures(n_videos={module.N_VIDEOS}") and len(list(tmp_path.glob("f*-*/*.npy"))) == 6
    )


@pytest.mark.parametrize("missing", ["00.mp4", "model.joblib"])
def test_a_worker_without_a_video_or_a_model_says_so(client, tmp_path, example, missing):
    module = example("dask_videos")
    client.upload_file(module.__file__)
    file = str(tmp_path / missing)
    task = (
        (module.extract, str(tmp_path / "f"), [file])
        if missing == "00.mp4"
        else (module.find_events, str(tmp_path), [], file)
    )
    with pytest.raises(FileNotFoundError, match=f"{re.escape(file)} is not on the machine {socket.gethostname()}"):
        client.submit(*task).result()


def test_the_search_of_the_examples(client, tmp_path, example, capsys):
    example("dask_search").main(client.scheduler_info()["address"], tmp_path)
    *table, best = capsys.readouterr().out.splitlines()
    assert len(table) == 5 and best.startswith("best: {'lam': ")


def test_a_client_of_its_own_sends_and_gathers_as_any_other(client):
    future = client.scatter([1, 2, 3])
    assert [item.result() for item in future] == [1, 2, 3]
    assert client.gather(client.map(abs, [-1, -2])) == [1, 2]
    assert Path(client.submit(os.getcwd).result()).is_dir()
