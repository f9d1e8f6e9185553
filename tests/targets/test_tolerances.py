"""Tolerances from both sides: what is just within passes, what is just outside does not."""

import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from ave_sklearn import AVFeatures, WeakPSPLocalizer
from ave_sklearn.datasets import to_events, to_segments
from ave_sklearn.datasets._ave_labels import check_background_labels, check_label_files, class_names
from ave_sklearn.metrics import segment_log_loss
from ave_sklearn.model_selection import video_category

N, C = 8, 4


# ----------------------------------------------------------------------- sums of 1
def shares_off_by(off):
    """Proportions of eight videos of which one row sums to 1 + off."""
    shares = np.random.RandomState(0).dirichlet(np.ones(C), N)
    shares[5, np.argmax(shares[5])] += off
    return shares


def read_category(shares):
    return video_category(shares, background=0)


def read_by_fit(shares):
    X = AVFeatures(np.random.RandomState(0).randn(N, 3, 2), np.random.RandomState(1).randn(N, 3, 2))
    return WeakPSPLocalizer(hidden_size=2, max_epochs=1, background=0, random_state=0).fit(X, shares)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("read", [read_category, read_by_fit])
def test_proportions_may_sum_to_1_within_a_thousandth(read, sign):
    read(shares_off_by(sign * 0.0009))
    with pytest.raises(ValueError, match="its row 5 sums to .* where 1 is wanted"):
        read(shares_off_by(sign * 0.0011))


# ----------------------------------------------------------------------- label files
VIDEOS = pd.DataFrame({
    "category": ["cat", "dog", "cat"],
    "start": [0, 1, 2],
    "end": [2, 4, 2],
})  # fmt: skip


def label_files(folder, off):
    """Write every label file of three videos of four segments, each with one number that is off."""
    names = class_names(VIDEOS)
    is_event = np.array([[start <= t < end for t in range(4)] for start, end in VIDEOS[["start", "end"]].to_numpy()])
    category = np.searchsorted(names[:-1], VIDEOS["category"])
    one_hot = np.eye(3)
    segments = one_hot[np.where(is_event, category[:, None], 2)]
    files = {
        "labels.h5": segments,
        "prob_label.h5": segments.mean(1),
        "mil_labels.h5": one_hot[category],
        "labels_closs.h5": is_event.astype(float),
    }
    for name, values in files.items():
        values = values.copy()
        values[1].flat[0] += off
        with h5py.File(folder / name, "w") as opened:
            opened.create_dataset("avadataset", data=values)
    return list(files)


@pytest.mark.parametrize("sign", [1, -1])
def test_label_files_agree_to_a_ten_thousandth(tmp_path, sign):
    label_files(tmp_path, sign * 0.9e-4)
    assert check_label_files(tmp_path, VIDEOS, 4) == []
    names = label_files(tmp_path, sign * 1.2e-4)
    messages = check_label_files(tmp_path, VIDEOS, 4)
    assert len(messages) == len(names)
    assert all("in 1 of 3 rows" in message and "Row 1" in message for message in messages)


@pytest.mark.parametrize(("off", "n_messages"), [(0.9e-4, 0), (1.2e-4, 1)])
def test_label_files_of_background_agree_to_a_ten_thousandth(tmp_path, off, n_messages):
    values = np.tile([0.0, 0.0, 1.0], (2, 1))
    values[0, 0] += off
    with h5py.File(tmp_path / "labels_noisy.h5", "w") as opened:
        opened.create_dataset("avadataset", data=values)
    assert len(check_background_labels(tmp_path, 2, class_names(VIDEOS))) == n_messages


# ----------------------------------------------------------------------- probabilities
@pytest.mark.parametrize("off", [9e-7, 0.0])
def test_scores_of_events_may_be_above_1_by_rounding(off):
    events = to_events([["dog", "dog"]], scores=[[1.0 + off, 1.0]])
    assert events["score"].tolist() == [pytest.approx(1.0, abs=1e-6)]


@pytest.mark.parametrize("score", [1 + 2e-6, 1.0001, -1e-9])
def test_other_scores_are_no_probabilities(score):
    with pytest.raises(ValueError, match=r"scores must be probabilities within \[0, 1\]"):
        to_events([["dog", "dog"]], scores=[[score, 1.0]])


@pytest.mark.parametrize("sign", [1, -1])
def test_probabilities_may_sum_to_1_within_a_thousandth(sign):
    proba = np.full((1, 2, 2), 0.5)
    proba[0, 1, 0] += sign * 0.0009
    assert segment_log_loss([["cat", "dog"]], proba, labels=["cat", "dog"]) > 0
    proba[0, 1, 0] += sign * 0.0002
    with pytest.raises(ValueError, match="y_proba must sum to 1"):
        segment_log_loss([["cat", "dog"]], proba, labels=["cat", "dog"])


# ----------------------------------------------------------------------- times and ties
def segments_of(onset, offset, **options):
    events = pd.DataFrame({"filename": ["a"], "onset": [onset], "offset": [offset], "event_label": ["dog"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # events too short to mark a segment
        return (to_segments(events, ["a"], n_segments=3, **options) == "dog").tolist()[0]


@pytest.mark.parametrize("duration", [1.0, 0.5])
def test_an_overlap_may_lack_what_rounding_takes(duration):
    half = 1.5 * duration
    assert segments_of(duration, half - 1e-11, segment_seconds=duration) == [False, True, False]
    assert segments_of(duration, half - 1e-5, segment_seconds=duration) == [False, False, False]


def test_a_touch_is_more_than_rounding():
    assert segments_of(1.0, 2 + 1e-11, min_overlap=0) == [False, True, False]
    assert segments_of(1.0, 2 + 1e-5, min_overlap=0) == [False, True, True]


def test_an_event_may_end_half_a_segment_late_and_no_more():
    assert segments_of(2.0, 3.5 + 1e-11) == [False, False, True]
    with pytest.raises(ValueError, match="the event ends at"):
        segments_of(2.0, 3.5 + 1e-5)


@pytest.mark.parametrize(("lead", "category"), [(0.0, 1), (5e-7, 1), (2e-6, 2), (1e-4, 2)])
def test_shares_that_differ_by_less_than_a_millionth_are_tied(lead, category):
    assert video_category([[0.4, 0.3 - lead / 2, 0.3 + lead / 2]], background=0).tolist() == [category]
