"""Grids of segments in events, labels, metrics and estimators: seconds go by the hop, whatever the windows last."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from ave_sklearn import PSPLocalizer
from ave_sklearn._targets.events import segments_to_events
from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid, check_grid
from ave_sklearn.datasets import make_av_events, to_events, to_segments
from ave_sklearn.metrics import EventF1Scorer, event_f1_score, event_report

HOPS, WINDOWS = [0.25, 0.32, 0.5, 2], [0.96, 1, 2.0]
GRIDS = [{"segment_seconds": window, "hop_seconds": hop} for window in WINDOWS for hop in HOPS]
LABELS = np.array(["background", "cat", "dog"])
COLUMNS = ["filename", "onset", "offset", "event_label"]


def random_labels(seed, n_videos=4, n_segments=9):
    return LABELS[np.random.default_rng(seed).choice(3, (n_videos, n_segments), p=[0.4, 0.3, 0.3])]


def events_by_loop(y, hop):
    rows = []
    for video, labels in enumerate(y.tolist()):
        for t, label in enumerate(labels):
            if label != "background" and (t == 0 or labels[t - 1] != label):
                stop = t
                while stop < len(labels) and labels[stop] == label:
                    stop += 1
                rows.append([video, t * hop, stop * hop, label])
    return rows


def labels_by_loop(events, video, n_segments, hop, min_overlap):
    """Labels of one video, in exact fractions; None if two claim a segment."""
    hop, y = Fraction(str(hop)), []
    for t in range(n_segments):
        shares = dict.fromkeys(LABELS[1:].tolist(), Fraction(0))
        for name, onset, offset, label in events.itertuples(index=False):  # those of one label do not overlap here
            shared = min(Fraction(str(offset)), (t + 1) * hop) - max(Fraction(str(onset)), t * hop)
            if name == video and shared > 0:
                shares[label] += shared / hop
        found = [label for label, share in shares.items() if share > 0 and share >= Fraction(str(min_overlap))]
        if len(found) > 1:
            return None
        y.append(*found or ["background"])
    return y


# ------------------------------------------------------------------ the numbers
def test_a_grid_without_a_hop_is_windows_side_by_side():
    assert check_grid() == WHOLE_SECONDS == Grid(1.0, 1.0)
    assert check_grid(0.96) == Grid(0.96, 0.96)
    assert check_grid(np.float32(0.96), np.float32(0.32)) == Grid(0.96, 0.32)
    assert check_grid(2, 1).span(10) == 11 and check_grid(0.5, 1).span(10) == 9.5


@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan, "1", [1.0], 10**400])
@pytest.mark.parametrize("name", ["segment_seconds", "hop_seconds"])
def test_numbers_that_are_no_grid_are_refused_everywhere(name, value):
    y = [["dog", "background"]]
    events = pd.DataFrame([("a", 0.0, 1.0, "dog")], columns=COLUMNS)
    for call in (
        lambda **grid: segments_to_events(y, **grid),
        lambda **grid: to_events(y, **grid),
        lambda **grid: to_segments(events, ["a"], n_segments=2, **grid),
        lambda **grid: event_f1_score(y, y, **grid),
        lambda **grid: event_report(y, y, **grid),
    ):
        with pytest.raises(ValueError, match=f"{name} must be a positive number; got "):
            call(**{name: value})
        with pytest.raises(TypeError, match="segment_duration"):
            call(segment_duration=1.0)


# ------------------------------------------------------------- events and labels
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_events_begin_and_end_at_multiples_of_the_hop(grid):
    for seed in range(3):
        y = random_labels(seed)
        events = to_events(y, **grid)
        assert events[COLUMNS].to_numpy().tolist() == events_by_loop(y, grid["hop_seconds"])
        for min_overlap in (0, 0.5, 1):
            again = to_segments(events, range(len(y)), n_segments=y.shape[1], min_overlap=min_overlap, **grid)
            assert again.tolist() == y.tolist()


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_labels_of_any_grid_are_those_of_a_loop(grid):
    """Events may last until the last window ends, and half a window longer."""
    rng, hop = np.random.default_rng(0), grid["hop_seconds"]
    for n_segments, min_overlap in [(3, 0), (7, 0.5), (7, 0.5), (6, 0.8)]:
        until = check_grid(**grid).span(n_segments) + grid["segment_seconds"] / 2
        rows = []
        for name in "ab":
            times = np.sort(rng.choice(round(100 * until) + 1, 6, replace=False)) / 100
            rows += [(name, *span, rng.choice(["cat", "dog"])) for span in times.reshape(3, 2).tolist()]
        events = pd.DataFrame(rows, columns=COLUMNS)
        expected = [labels_by_loop(events, name, n_segments, hop, min_overlap) for name in "ba"]
        options = {"n_segments": n_segments, "min_overlap": min_overlap, **grid}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # some are too short to mark a segment
            if None in expected:
                with pytest.raises(ValueError, match="has the labels 'cat' and 'dog'|has the labels 'dog' and 'cat'"):
                    to_segments(events, ["b", "a"], **options)
            else:
                assert to_segments(events, ["b", "a"], **options).tolist() == expected


@pytest.mark.parametrize(
    ("grid", "until", "said"),
    [
        ((1.0, 0.25), 3.75, r"has 10 segments of 1 s, 0.25 s apart, 3.25 s together"),
        ((0.96, 2.0), 21.0, r"has 10 segments of 0.96 s, 2 s apart, 18.96 s together"),  # segment 9 lasts until 20 s
        ((0.5, None), 5.25, r"has 10 segments of 0.5 s, 5 s together"),
    ],
)
def test_events_that_end_behind_all_windows_are_refused(grid, until, said):
    options = {"n_segments": 10, "segment_seconds": grid[0], "hop_seconds": grid[1]}
    events = pd.DataFrame([("a", 0.0, until, "dog")], columns=COLUMNS)
    assert (to_segments(events, ["a"], **options) == "dog").all()
    with pytest.raises(ValueError, match=rf"row 0: the event ends at .* but the video 'a' {said}\."):
        to_segments(events.assign(offset=until + 1e-4), ["a"], **options)


# ------------------------------------------------------------------- metrics
@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_collars_are_seconds_and_go_by_the_hop(grid):
    hop = grid["hop_seconds"]
    y_true, y_pred = [list("-dd------")], [list("---dd----")]  # two segments late
    for collar, is_found in [(2 * hop - 1e-4, 0), (2 * hop, 1), (2 * hop + 1e-4, 1)]:
        options = {"background": "-", "collar": collar, **grid}
        assert event_f1_score(y_true, y_pred, **options) == is_found
        assert event_report(y_true, y_pred, **options)["n_matched"].iloc[0] == is_found


@pytest.mark.parametrize("grid", GRIDS[::3], ids=str)
def test_iou_does_not_depend_on_the_grid(grid):
    y_true, y_pred = random_labels(0), random_labels(1)
    for iou in (0.3, 0.5, 1.0):
        assert event_f1_score(y_true, y_pred, iou=iou, **grid) == event_f1_score(y_true, y_pred, iou=iou)


class Fitted:
    """An estimator that predicts what it is given."""

    background_ = "background"

    def predict(self, X):
        return X


def test_the_scorer_and_the_localizers_take_a_grid():
    y_true, y_pred = random_labels(0), random_labels(1)
    found = {}
    for hop in (0.25, 0.5, 2.0):
        scorer = EventF1Scorer(collar=0.5, segment_seconds=2.0, hop_seconds=hop)
        found[hop] = scorer(Fitted(), y_pred, y_true)
        assert found[hop] == event_f1_score(y_true, y_pred, collar=0.5, segment_seconds=hop)
    assert len(set(found.values())) == 3
    X, y = make_av_events(n_videos=12, n_segments=4, n_classes=2, random_state=0)
    localizer = PSPLocalizer(tau=0.2, hidden_size=8, max_epochs=1, random_state=0).fit(X, y)
    events = localizer.predict_events(X, segment_seconds=0.96, hop_seconds=0.32)
    assert len(events) > 0
    whole = localizer.predict_events(X)
    pd.testing.assert_frame_equal(events, whole.assign(onset=whole["onset"] * 0.32, offset=whole["offset"] * 0.32))
    with pytest.raises(ValueError, match="hop_seconds must be a positive number; got 0"):
        localizer.predict_events(X, hop_seconds=0)
