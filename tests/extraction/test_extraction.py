import pickle
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from helpers import grey, sine, write_video
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.extraction import ExtractionError, VideoFeatureExtractor, cut_clips, log_mel_spectrogram
from ave_sklearn.extraction._hash import hash_callable


def mean_colour(pictures):
    """A visual network: the mean of each colour, (n, 3)."""
    return pictures.mean(dim=(2, 3))


def quarters(pictures):
    """A visual network with maps: the mean of each colour in each quarter, (n, 3, 2, 2)."""
    return torch.nn.functional.adaptive_avg_pool2d(pictures, 2)


def mean_band(examples):
    """An audio network: the mean of each band, as NumPy gives it, (n, 64)."""
    return examples.numpy().mean(axis=(1, 2))


SEEN = []


def counted(pictures):
    """A preprocessing that leaves a trace of each picture."""
    SEEN.extend(pictures)
    return pictures


class Counted:
    """A callable that counts the pictures that it has seen."""

    def __init__(self):
        self.n_seen = 0

    def __call__(self, pictures):
        self.n_seen += len(pictures)
        return pictures.mean(dim=(2, 3))


def small(**parameters):
    """An extractor that takes milliseconds."""
    defaults = {"visual": mean_colour, "audio": mean_band, "n_segments": 2, "preprocessing": lambda x: x}
    return VideoFeatureExtractor(**defaults | {"image_size": 8} | parameters)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Good videos a, b and c, and some that are not."""
    folder = tmp_path_factory.mktemp("videos")
    for number, name in enumerate("abc"):
        picture, sound = grey([60 + 60 * number, 30]), sine(300 * (number + 1))
        write_video(folder / f"{name}.mp4", fps=5 + number, picture=picture, sound=sound)
    write_video(folder / "silent.mp4", with_audio=False)
    write_video(folder / "short.mp4", seconds=0.4)
    whole = write_video(folder / "whole.mkv", seconds=2, fps=10)
    (folder / "half.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    (folder / "empty.mp4").touch()
    return folder


def paths_of(folder, names):
    return [str(folder / name) for name in names.split()]


# ------------------------------------------------------------------ features
def test_features_are_those_of_the_networks_averaged_over_each_second(folder):
    X = small().transform(paths_of(folder, "a.mp4 b.mp4"))
    assert isinstance(X, AVFeatures) and X.audio.shape == (2, 2, 64) and X.visual.shape == (2, 2, 3)
    assert X.audio.dtype == X.visual.dtype == np.float32
    np.testing.assert_allclose(X.visual.mean(axis=2), [[60, 30], [120, 30]], atol=4)


def test_each_second_is_the_mean_of_its_sixteen_pictures(tmp_path):
    levels = np.array([10, 60, 110, 160, 210])
    path = write_video(tmp_path / "a.mkv", 1.0, 5, picture=lambda t, size: np.full((*size, 3), levels[int(5 * t + 0.5)]
                       .astype(np.uint8)), size=(32, 32), video_codec="ffv1", pixel_format="bgr0",
                       audio_codec="pcm_s16le")  # fmt: skip
    X = small(n_segments=1, visual=lambda pictures: pictures.mean(dim=(2, 3)) ** 2).transform([path])
    shown = [max(number for number in range(5) if number / 5 <= i / 16) for i in range(16)]
    np.testing.assert_allclose(X.visual[0, 0], np.mean(levels[shown] ** 2.0), rtol=1e-6)


def test_maps_have_the_channels_last(folder):
    def number_maps(pictures):
        return torch.arange(3 * 4 * 5.0).reshape(1, 3, 4, 5).expand(len(pictures), 3, 4, 5)

    X = small(visual=number_maps).transform(paths_of(folder, "a.mp4"))
    assert X.visual.shape == (1, 2, 4, 5, 3)
    np.testing.assert_array_equal(X.visual[0, 1], np.arange(60.0).reshape(3, 4, 5).transpose(1, 2, 0))


def test_audio_networks_get_one_log_mel_example_a_second(folder):
    seen = []

    def spy(examples):
        seen.append(examples.numpy().copy())
        return examples.mean(dim=(1, 2))

    path = str(write_video(folder / "tone.mkv", rate=16000, audio_codec="pcm_f32le", tone=700))
    small(audio=spy).transform([path])
    (examples,) = seen
    assert examples.shape == (2, 1, 96, 64) and examples.dtype == np.float32
    second = sine(700)(np.arange(16000, 32000) / 16000)
    np.testing.assert_allclose(examples[1, 0], log_mel_spectrogram(second)[:96], atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_batches_change_nothing_and_each_picture_is_seen_once(folder, batch_size):
    seen = Counted()
    X = small(visual=seen, batch_size=batch_size).transform(paths_of(folder, "a.mp4"))
    assert seen.n_seen == 10  # 2 s of 5 pictures, shown 3 or 4 times each
    np.testing.assert_allclose(X.visual, small().transform(paths_of(folder, "a.mp4")).visual, rtol=1e-6)


class Dropped(torch.nn.Module):
    """A visual network that differs in training."""

    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 1)

    def forward(self, pictures):
        assert not torch.is_grad_enabled()
        return torch.nn.functional.dropout(mean_colour(pictures), 0.5, self.training)

    def describe(self, pictures):
        return self(pictures)


@pytest.mark.parametrize("method", [None, "describe"])
def test_modules_are_used_in_evaluation_mode_and_left_as_they_are(folder, method):
    module = Dropped()
    X = small(visual=getattr(module, method) if method else module).transform(paths_of(folder, "a.mp4"))
    np.testing.assert_allclose(X.visual[0].mean(axis=1), [60, 30], atol=4)
    assert module.training and module.convolution.weight.requires_grad
    assert module.convolution.weight.is_contiguous()


@pytest.mark.slow
def test_vgg19_and_vggish_of_random_weights(folder):
    extractor = VideoFeatureExtractor(n_segments=2, frames_per_segment=2, weights="random", image_size=64)
    with pytest.warns(UserWarning, match="vgg19 and vggish come from networks that were never trained"):
        X = extractor.transform(paths_of(folder, "a.mp4"))
    assert X.audio.shape == (1, 2, 128) and X.visual.shape == (1, 2, 2, 2, 512)
    assert X.audio.min() >= 0 and X.visual.min() >= 0 and X.visual.std() > 0.01
    with pytest.warns(UserWarning):
        low = clone(extractor).set_params(precision="bfloat16").transform(paths_of(folder, "a.mp4"))
    assert low.visual.dtype == np.float32
    assert not np.array_equal(low.visual, X.visual)
    np.testing.assert_allclose(low.visual, X.visual, atol=0.05 * X.visual.max())


@pytest.mark.slow
def test_pca_params_quantize_the_embeddings(folder, tmp_path):
    np.savez(tmp_path / "pca.npz", pca_eigen_vectors=np.eye(128), pca_means=np.zeros(128))
    extractor = VideoFeatureExtractor(n_segments=2, visual=mean_colour, weights="random")
    with pytest.warns(UserWarning, match="of vggish come"):
        plain = extractor.transform(paths_of(folder, "a.mp4"))
        quantized = extractor.set_params(pca_params=tmp_path / "pca.npz").transform(paths_of(folder, "a.mp4"))
    np.testing.assert_array_equal(quantized.audio, np.round((plain.audio.clip(-2, 2) + 2) * 63.75))


# ------------------------------------------------------------------ a transformer
def test_it_is_a_scikit_learn_transformer():
    extractor = VideoFeatureExtractor(n_segments=4)
    assert clone(extractor).get_params() == extractor.get_params()
    assert extractor.set_params(audio=mean_band).fit(["a.mp4"]) is extractor
    assert pickle.loads(pickle.dumps(extractor)).n_segments == 4


@pytest.mark.slow
def test_in_a_pipeline_and_a_search(folder):
    X = paths_of(folder, "a.mp4 b.mp4 c.mp4 a.mp4 b.mp4 c.mp4")
    y = np.array([["dog", "background"], ["cat", "background"]] * 3)
    pipeline = make_pipeline(small(preprocessing="imagenet"), PSPLocalizer(max_epochs=2, random_state=0, tau=None))
    search = GridSearchCV(pipeline, {"psplocalizer__lam": [0, 10]}, cv=2, error_score="raise").fit(np.array(X), y)
    assert search.predict(X[:2]).shape == (2, 2)
    assert 0 <= search.score(X, y) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [2, -1])
def test_videos_side_by_side_give_the_same(folder, n_jobs):
    paths = paths_of(folder, "a.mp4 b.mp4 c.mp4 a.mp4")
    one, many = small().transform(paths), small(n_jobs=n_jobs, visual=quarters).transform(paths)
    np.testing.assert_array_equal(one.audio, many.audio)
    np.testing.assert_allclose(one.visual, many.visual.mean(axis=(2, 3)), rtol=1e-5)


def test_threads_share_the_networks_whatever_the_backend(folder):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert len(small(n_jobs=2).transform(paths_of(folder, "a.mp4 b.mp4"))) == 2


def test_verbose_shows_the_progress(folder, capsys):
    small().transform(paths_of(folder, "a.mp4"))
    assert capsys.readouterr().err == ""
    small(verbose=1).transform(paths_of(folder, "a.mp4 b.mp4"))
    assert "clip 2 of 2: " in capsys.readouterr().err


# ------------------------------------------------------------------ to files
def test_transform_to_files_gives_the_same_memory_mapped(folder, tmp_path):
    paths = paths_of(folder, "a.mp4 silent.mp4 b.mp4")
    extractor = small(on_error="skip", visual=quarters)
    with pytest.warns(UserWarning, match="1 of 3 videos were skipped"):
        written = extractor.transform_to(paths, tmp_path / "audio.npy", tmp_path / "visual.npy")
        read = extractor.transform(paths)
    assert "memory-mapped" in repr(written)
    np.testing.assert_array_equal(np.load(tmp_path / "audio.npy"), read.audio)
    np.testing.assert_array_equal(np.load(tmp_path / "visual.npy"), read.visual)
    assert written.visual.shape == (2, 2, 2, 2, 3)


def test_paths_may_come_from_a_generator(folder, tmp_path):
    paths = paths_of(folder, "a.mp4 b.mp4")
    assert len(small().transform(iter(paths))) == 2
    assert len(small().transform_to(iter(paths), tmp_path / "audio.npy", tmp_path / "visual.npy")) == 2


def test_a_missing_folder_is_found_before_the_work(folder, tmp_path):
    seen = Counted()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        small(visual=seen).transform_to(paths_of(folder, "a.mp4"), tmp_path / "nowhere" / "a.npy", tmp_path / "v.npy")
    assert seen.n_seen == 0


def test_an_error_in_the_middle_leaves_no_files(folder, tmp_path):
    (tmp_path / "audio.npy").write_text("an older file")
    with pytest.raises(ExtractionError, match="half.mkv"):
        small().transform_to(paths_of(folder, "a.mp4 half.mkv"), tmp_path / "audio.npy", tmp_path / "visual.npy")
    assert [file.name for file in tmp_path.iterdir()] == ["audio.npy"]
    assert (tmp_path / "audio.npy").read_text() == "an older file"


# ------------------------------------------------------------------ the cache
@pytest.mark.slow
def test_the_cache_saves_the_work_until_something_changes(folder, tmp_path):
    path = write_video(tmp_path / "a.mp4", picture=grey([100]))
    cache = tmp_path / "cache"

    def n_seen(**parameters):
        X = small(preprocessing=counted, memory=cache, **parameters).transform([path])
        return len(SEEN), X

    SEEN.clear()
    assert n_seen()[0] == 10
    (count, again), plain = n_seen(), small().transform([path])
    assert count == 10
    np.testing.assert_array_equal(again.visual, plain.visual)
    assert n_seen(batch_size=3, n_jobs=2, verbose=1, on_error="skip")[0] == 10  # nothing that features depend on
    assert n_seen(image_size=16)[0] == 20
    write_video(path, picture=grey([200]))
    count, changed = n_seen()
    assert count == 30
    np.testing.assert_allclose(changed.visual, 200, atol=4)


@pytest.mark.parametrize("memory", ["path", "text", "Memory"])
def test_forms_of_a_cache(folder, tmp_path, memory):
    memory = {"path": tmp_path, "text": str(tmp_path), "Memory": joblib.Memory(tmp_path, verbose=0)}[memory]
    small(memory=memory).transform(paths_of(folder, "a.mp4"))
    assert any(tmp_path.rglob("output.pkl"))


def test_networks_are_told_apart_by_weights_and_by_source():
    first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    same = torch.nn.Linear(3, 2)
    same.load_state_dict(first.state_dict())
    assert hash_callable(first) == hash_callable(same) != hash_callable(second)
    assert hash_callable(first) != hash_callable(torch.nn.Sequential(first))
    assert hash_callable(first.forward) != hash_callable(second.forward)

    def enclose(network, power=1):
        return lambda pictures: network(pictures) ** power

    assert hash_callable(enclose(first)) == hash_callable(enclose(same)) != hash_callable(enclose(second))
    assert hash_callable(enclose(first)) != hash_callable(enclose(first, power=2))
    assert hash_callable(mean_colour) != hash_callable(mean_band)


class Power(torch.nn.Module):
    """A module without weights."""

    def __init__(self, power):
        super().__init__()
        self.power = power

    def forward(self, pictures):
        return mean_colour(pictures) ** self.power


def test_modules_are_told_apart_by_settings_and_by_class():
    def cousin():
        class Power(torch.nn.Module):
            power = 1

            def forward(self, pictures):
                return mean_colour(pictures)

        return Power()

    assert hash_callable(Power(1)) == hash_callable(Power(1).train()) == hash_callable(Power(1).eval())
    assert len({hash_callable(Power(1)), hash_callable(Power(2)), hash_callable(cousin())}) == 3


def test_functions_are_told_apart_by_keyword_defaults():
    def scale(by):
        def scaled(pictures, *, by=by):
            return mean_colour(pictures) * by

        return scaled

    assert hash_callable(scale(1)) == hash_callable(scale(1)) != hash_callable(scale(2))


def test_a_function_that_encloses_itself_is_refused():
    def endless(pictures):
        return endless(pictures)

    with pytest.raises(ValueError, match="memory needs to tell networks apart"):
        hash_callable(endless)


def test_a_network_that_cannot_be_told_from_others_cannot_be_cached(folder, tmp_path):
    class Local:
        def __call__(self, pictures):
            return mean_colour(pictures)

    extractor = small(visual=Local())
    assert len(extractor.transform(paths_of(folder, "a.mp4"))) == 1
    with pytest.raises(ValueError, match="memory needs to tell networks apart.*Local"):
        extractor.set_params(memory=tmp_path).transform(paths_of(folder, "a.mp4"))


def test_failures_are_not_cached(folder, tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes((folder / "half.mkv").read_bytes())
    with pytest.raises(ExtractionError, match="a.mkv"):
        small(memory=tmp_path).transform([path])
    path.write_bytes((folder / "whole.mkv").read_bytes())
    assert len(small(memory=tmp_path).transform([path])) == 1


# ------------------------------------------------------------------ videos that cannot be used
BAD = {"silent.mp4": "has no sound", "short.mp4": "lasts 0.4", "empty.mp4": "is empty", "none.mp4": "no such file"}


def test_all_that_headers_tell_is_raised_at_once_and_before_any_work(folder):
    seen = Counted()
    with pytest.raises(ExtractionError, match="4 of 5 videos cannot be used") as caught:
        small(visual=seen).transform(paths_of(folder, " ".join(["a.mp4", *BAD])))
    lines = str(caught.value).splitlines()[1:]
    for line, (name, reason) in zip(lines, BAD.items(), strict=True):
        assert line.startswith(f"{folder / name}: ") and reason in line
    assert seen.n_seen == 0


def test_skipping_does_the_others_and_reports(folder):
    paths = paths_of(folder, "a.mp4 silent.mp4 half.mkv b.mp4 empty.mp4 none.mp4")
    extractor = small(on_error="skip", n_jobs=2)
    with pytest.warns(UserWarning, match="4 of 6 videos were skipped:\n.*silent.mp4: has no sound"):
        X = extractor.transform(paths)
    np.testing.assert_array_equal(X.visual, small().transform([paths[0], paths[3]]).visual)
    report = extractor.report_
    assert report["filename"].tolist() == paths
    assert (report["error"] == "").tolist() == [True, False, False, True, False, False]
    assert "cannot be decoded" in report["error"][2] or "lasts" in report["error"][2]


def test_a_video_that_vanishes_meanwhile_is_skipped(folder, tmp_path):
    paths = [write_video(tmp_path / f"{name}.mp4") for name in "abc"]

    def remove_b(pictures):
        paths[1].unlink(missing_ok=True)
        return mean_colour(pictures)

    extractor = small(on_error="skip", visual=remove_b)
    with pytest.warns(UserWarning, match="1 of 3 videos were skipped:\n.*b.mp4: there is no such file"):
        assert len(extractor.transform(paths)) == 2
    assert extractor.report_["error"].tolist() == ["", "there is no such file.", ""]


@pytest.mark.parametrize("names", ["silent.mp4 empty.mp4", "half.mkv"])
def test_skipping_all_is_an_error(folder, names):
    with pytest.raises(ExtractionError, match="videos can"):
        small(on_error="skip").transform(paths_of(folder, names))


@pytest.mark.slow
def test_what_is_left_out_and_what_cannot_be_heard_is_said(folder, tmp_path):
    long = write_video(tmp_path / "long.mp4", seconds=4, rate=8000)
    extractor = small()
    with pytest.warns(UserWarning, match="1 of 2 videos are used, but:\n.*long.mp4: of 4.0 s the first 2 are used; "):
        extractor.transform([folder / "a.mp4", long])
    assert extractor.report_["warning"].tolist() == [
        "",
        "of 4.0 s the first 2 are used; sound of 8000 Hz has nothing above 4000 Hz",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small(n_segments=4).transform([write_video(tmp_path / "right.mp4", seconds=4.3)])


# ------------------------------------------------------------------ bad parameters
@pytest.mark.parametrize(
    ("X", "message"),
    [
        ("a.mp4", r"got the one path 'a.mp4': pass \[path\]"),
        ([], "got an empty list"),
        ([3], "got 3"),
        (pd.DataFrame({"path": ["a.mp4"]}), r"got a DataFrame: pass one of its columns, \['path'\]"),
        (np.zeros((2, 2)), r"got array\(\[0., 0.\]\)"),
        ([("a.mp4", -1)], r"got \('a.mp4', -1\)"),
        ([("a.mp4", "1")], r"pairs \(path, start\); got \('a.mp4', '1'\)"),
        ([("a.mp4", 1.0), ("a.mp4", float("nan"))], r"got \('a.mp4', nan\)"),
    ],
)
def test_X_must_be_a_list_of_paths(X, message):
    for method in (small().fit, small().transform):
        with pytest.raises(ValueError, match=message):
            method(X)


@pytest.mark.parametrize(
    "parameters",
    [
        {"visual": "vgg16"},
        {"audio": 3},
        {"n_segments": 0},
        {"n_segments": 2.5},
        {"frames_per_segment": 0},
        {"image_size": -1},
        {"preprocessing": "keras"},
        {"weights": None},
        {"weights_dir": 1},
        {"precision": "float16"},
        {"memory": 3},
        {"on_error": "ignore"},
        {"batch_size": 0},
    ],
)
def test_parameters_out_of_range_are_named(folder, parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter of VideoFeatureExtractor"):
        small(**parameters).transform(paths_of(folder, "a.mp4"))


@pytest.mark.parametrize("package", ["av", "soxr"])
def test_missing_packages_are_found_first(folder, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    seen = Counted()
    with pytest.raises(ImportError, match=r'pip install "ave_sklearn\[video\]"'):
        small(visual=seen).transform(paths_of(folder, "a.mp4"))
    assert seen.n_seen == 0


def test_pca_is_for_vggish(folder):
    with pytest.raises(ValueError, match="pca_params is for audio='vggish'"):
        small(pca_params="pca.npz").transform(paths_of(folder, "a.mp4"))


def test_missing_weights_are_found_first(folder, tmp_path):
    seen = Counted()
    with pytest.raises(FileNotFoundError, match="weights_dir .* has no file vggish-"):
        small(visual=seen, audio="vggish", weights_dir=tmp_path).transform(paths_of(folder, "a.mp4"))
    assert seen.n_seen == 0


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        ({"visual": lambda x: x.mean()}, r"visual must be a network .* returned an array of shape \(\)"),
        ({"visual": lambda x: x[:1].mean(dim=(2, 3))}, r"for n=8 it returned an array of shape \(1, 3\)"),
        ({"audio": lambda x: x}, r"audio must be a network .* shape \(n, d\); .* \(2, 1, 96, 64\)"),
        ({"audio": lambda x: x.mean(dim=(1, 2)) * np.nan}, "audio returned features that are not finite"),
    ],
)
def test_networks_that_return_no_features_are_named(folder, networks, message):
    with pytest.raises(ValueError, match=message):
        small(**networks).transform(paths_of(folder, "a.mp4"))


# ------------------------------------------------------------------ clips of longer videos
@pytest.fixture(scope="module")
def long_video(tmp_path_factory):
    """Seven seconds, each of another brightness."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    return str(write_video(path, seconds=7, fps=5, picture=grey(range(20, 230, 30))))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "n_segments", "starts"),
    [(7, 2, [0, 2, 4, 5]), (7, 7, [0]), (7, 3, [0, 3, 4]), (7, 1, range(7)), (7, 10, [0]), (6.6, 3, [0, 3, 4]),
     (6.4, 3, [0, 3])],
)  # fmt: skip
def test_clips_cover_a_video(tmp_path, seconds, n_segments, starts):
    path = str(write_video(tmp_path / "a.mp4", seconds=seconds, fps=5))
    assert cut_clips([path], n_segments) == [(path, float(start)) for start in starts]


@pytest.mark.slow
def test_clips_have_the_features_of_their_seconds(long_video):
    clips = cut_clips([long_video], 2)
    extractor = small()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is left out
        X = extractor.transform(clips)
    levels = np.arange(20, 230, 30)
    np.testing.assert_allclose(X.visual.mean(axis=2), [levels[int(start) :][:2] for _, start in clips], atol=4)
    assert extractor.report_["start"].tolist() == [0, 2, 4, 5]
    as_lists = extractor.transform([list(clip) for clip in clips])  # what JSON makes of pairs
    np.testing.assert_array_equal(as_lists.visual, X.visual)
    whole = small(n_segments=7).transform([long_video])
    np.testing.assert_allclose(X.audio[[0, 1, 2]].reshape(6, -1), whole.audio[0, :6], atol=0.05)


def test_clips_are_cached_each_for_itself(long_video, tmp_path):
    extractor = small(memory=tmp_path)
    first, second = (extractor.transform([(long_video, start)]) for start in (1.0, 3.0))
    assert len(list(tmp_path.rglob("output.pkl"))) == 2
    assert first.visual.mean() < second.visual.mean() - 50


def test_clips_of_videos_that_cannot_be_used_are_left_to_the_extractor(folder):
    names = "empty.mp4 none.mp4 short.mp4 silent.mp4"
    assert cut_clips(paths_of(folder, names), 2) == [(path, 0.0) for path in paths_of(folder, names)]


def test_skipped_clips_are_named_with_their_start(long_video):
    extractor = small(on_error="skip")
    with pytest.warns(UserWarning, match=r"1 of 3 clips were skipped:\n.*long.mp4 from 6 s: it lasts"):
        extractor.transform([(long_video, 0), (long_video, 4), (long_video, 6)])


def test_the_report_of_a_failure_is_that_of_the_failure(folder):
    extractor = small()
    extractor.transform(paths_of(folder, "a.mp4"))
    with pytest.raises(ExtractionError):
        extractor.transform(paths_of(folder, "b.mp4 silent.mp4"))
    assert extractor.report_["error"].tolist() == ["", "has no sound; wanted a video with pictures and sound."]


def test_errors_of_a_network_name_the_video(folder):
    with pytest.raises(ValueError, match="not finite") as caught:
        small(audio=lambda x: x.mean(dim=(1, 2)) * np.nan).transform(paths_of(folder, "b.mp4"))
    assert caught.value.__notes__ == [f"while extracting {folder / 'b.mp4'}"]


def test_a_module_that_cannot_be_copied_is_named(folder):
    class Stubborn(Dropped):
        def __deepcopy__(self, memo):
            raise RuntimeError("no copies")

    with pytest.raises(ValueError, match="visual is a Stubborn that cannot be copied .* no copies"):
        small(visual=Stubborn()).transform(paths_of(folder, "a.mp4"))


def test_a_clip_past_the_end_is_an_error(long_video):
    with pytest.raises(ExtractionError, match=r"it lasts 7\.\d+ s; wanted 2 segments .* from 6 s on"):
        small().transform([(long_video, 6)])


@pytest.mark.parametrize("n_segments", [0, 2.5, None, True])
def test_clips_are_of_a_positive_number_of_seconds(long_video, n_segments):
    with pytest.raises(ValueError, match="n_segments must be a positive integer"):
        cut_clips([long_video], n_segments)
