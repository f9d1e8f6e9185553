"""Features of videos by other networks than those that a model was fitted to the features of."""

import warnings

import joblib
import numpy as np
import pytest
from helpers import write_video
from sklearn.base import clone

from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_extractor

OPTIONS = {"n_segments": 2, "image_size": 8, "frames_per_segment": 2}
CODE = "def means(pictures):\n    return pictures.mean((2, 3))\n"


@pytest.fixture
def extractor(tmp_path, monkeypatch):
    """The extractor of a folder, saved and loaded as with a model, whose visual network is code in a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "changing_means.py").write_text(CODE)
    write_video(tmp_path / "a.mp4", 2.0, 2, (32, 32))
    own = VideoFeatureExtractor(visual="changing_means:means", audio="log-mel", **OPTIONS)
    write_features("features", own, [("a.mp4", 0.0)])
    joblib.dump(read_extractor("features"), "extractor.joblib")
    return joblib.load("extractor.joblib")


def test_other_code_by_the_same_name_is_a_warning(extractor, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = extractor.transform(["a.mp4"])
        (tmp_path / "changing_means.py").write_text(CODE + "# changed\n")
        (tmp_path / "own_means.py").write_text(CODE)
        clone(extractor).transform(["a.mp4"])
        given = clone(extractor).set_params(visual="own_means:means")
        given.transform(["a.mp4"])
    with pytest.warns(UserWarning, match=r"other weights or code of visual='changing_means:means' \(digest \w+, now"):
        changed = extractor.transform(["a.mp4"])
    np.testing.assert_array_equal(changed.visual, X.visual)
    with pytest.warns(UserWarning, match="extract its features again and fit it to them"):
        extractor.transform_to(["a.mp4"], "audio.npy", "visual.npy", resume=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor.set_params(visual="own_means:means").transform(["a.mp4"])  # which the user chose


def test_other_numbers_in_the_file_of_a_pca_are_a_warning(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", 2.0, 2, (32, 32))
    pca = {"pca_eigen_vectors": np.eye(128, dtype=np.float32), "pca_means": np.zeros((128, 1), np.float32)}
    np.savez("pca.npz", **pca)
    (tmp_path / "pca_means.py").write_text(CODE)
    monkeypatch.syspath_prepend(tmp_path)
    options = {**OPTIONS, "weights": "random", "pca_params": "pca.npz"}
    with pytest.warns(UserWarning, match="random"):
        write_features("features", VideoFeatureExtractor(visual="pca_means:means", **options), [("a.mp4", 0.0)])
    extractor = read_extractor("features")
    np.savez("pca.npz", **{**pca, "pca_means": np.ones((128, 1), np.float32)})
    with pytest.warns(UserWarning) as caught:
        extractor.transform(["a.mp4"])
    assert "other weights or code of pca_params='pca.npz'" in "\n".join(str(warning.message) for warning in caught)
