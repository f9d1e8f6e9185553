"""Labels of clips and their joined segments, on any grid and with padding, against loops in hundredths of a second."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid, check_grid
from ave_sklearn.extraction._clips import clip_labels, join_clips
from ave_sklearn.extraction._prediction import event_rows

HOPS, WINDOWS = [0.25, 0.32, 0.5, 1.0, 2.0], [0.96, 1.0, 2.0]
GRIDS = [check_grid(window, hop) for window in WINDOWS for hop in HOPS]
COLUMNS = ["filename", "onset", "offset", "event_label"]


def ticks(seconds):
    """Seconds as hundredths, whole numbers in which the loops below are exact."""
    return round(100 * seconds)


def cut(name, length, n_segments, grid):
    """Rows of a table for the clips of a video of `length` ticks; of its last window less than half may be missing."""
    hop, window = ticks(grid.hop_seconds), ticks(grid.segment_seconds)
    count = 0
    while count * hop + window / 2 < length:
        count += 1
    last = max(0, count - n_segments)
    padding = max(0, (n_segments - 1) * hop + window - length) if count <= n_segments else 0
    return [(name, first * grid.hop_seconds, padding / 100) for first in [*range(0, last, n_segments), last]]


def random_case(seed, grid):
    """Two videos of random length, the second padded, with events that do not overlap and end with the video."""
    rng = np.random.default_rng(seed)
    n_segments = int(rng.integers(2, 6))
    hop, window = ticks(grid.hop_seconds), ticks(grid.segment_seconds)
    whole = (n_segments - 1) * hop + window
    lengths = {"a": whole + int(rng.integers(0, 8 * hop)), "b": int(rng.integers(window // 2 + 1, whole - window // 2))}
    rows = [row for name, length in lengths.items() for row in cut(name, length, n_segments, grid)]
    clips = pd.DataFrame(rows, columns=["filename", "start", "padding"]).sample(frac=1, random_state=seed)
    events = []
    for name, length in lengths.items():
        until = length if name == "a" else length + int(rng.integers(0, 300))  # a list may know a longer original
        times = np.sort(rng.choice(until + 1, min(8, until + 1) // 2 * 2, replace=False)) / 100
        times[-1] = until / 100
        labels = rng.choice(["dog", "cat"], len(times) // 2)
        events += [(name, *span, label) for span, label in zip(times.reshape(-1, 2), labels, strict=True)]
    return n_segments, lengths, clips, pd.DataFrame(events, columns=COLUMNS)


def covered_ticks(events, length):
    """Of which ticks of a video each of its labels has an event."""
    ticks_of = {"dog": set(), "cat": set()}
    for _, onset, offset, label in events.itertuples(index=False):
        ticks_of[label].update(tick for tick in range(ticks(onset), ticks(offset)) if tick < length)
    return ticks_of


def label_by_loop(ticks_of, segment, grid, length, min_overlap):
    """Label of one segment; None if two labels claim it."""
    begin, hop = segment * ticks(grid.hop_seconds), ticks(grid.hop_seconds)
    if begin + ticks(grid.segment_seconds) / 2 >= length:
        return "-"
    found = set()
    for label, own in ticks_of.items():
        n_covered = sum(tick in own for tick in range(begin, begin + hop))
        if n_covered and n_covered >= min_overlap * hop - 1e-9:
            found.add(label)
    return None if len(found) > 1 else (found or {"-"}).pop()


def joined_by_loop(values, clips, grid, lengths):
    """The segments of each video by their numbers; of two clips the earlier one decides."""
    joined = {name: {} for name in clips["filename"].unique()}
    order = sorted(range(len(clips)), key=lambda row: clips["start"].iloc[row])
    for row in order:
        name, first = clips["filename"].iloc[row], round(clips["start"].iloc[row] / grid.hop_seconds)
        for t in range(values.shape[1]):
            begin = (first + t) * ticks(grid.hop_seconds)
            if begin < lengths[name]:
                joined[name].setdefault(first + t, values[row, t].tolist())
    return joined


def padded_lengths(clips, lengths):
    """Lengths of videos in ticks where their clips are padded, infinite where not."""
    padded = set(clips.loc[clips["padding"] > 0, "filename"])
    return {name: length if name in padded else math.inf for name, length in lengths.items()}


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_labels_of_clips_are_those_of_a_loop(grid):
    """Whatever clips leave out at the end of a video, an event that ends with it is no error."""
    for seed, min_overlap in enumerate([0, 0.5, 0.5, 0.9]):
        n_segments, lengths, clips, events = random_case(seed, grid)
        ends = padded_lengths(clips, lengths)
        first = [round(start / grid.hop_seconds) for start in clips["start"]]
        ticks_of = {name: covered_ticks(events[events["filename"] == name], ends[name]) for name in ends}
        expected = [
            [label_by_loop(ticks_of[name], number + t, grid, ends[name], min_overlap) for t in range(n_segments)]
            for name, number in zip(clips["filename"], first, strict=True)
        ]
        options = {"grid": grid, "background": "-", "min_overlap": min_overlap}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            if any(None in row for row in expected):
                with pytest.raises(ValueError, match="has the labels"):
                    clip_labels(events, clips, n_segments, set(), **options)
            else:
                assert clip_labels(events, clips, n_segments, set(), **options).tolist() == expected


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_joined_segments_and_events_are_those_of_a_loop(grid):
    for seed in range(6):
        n_segments, lengths, clips, _ = random_case(seed, grid)
        ends = padded_lengths(clips, lengths)
        if seed % 2 and len(clips) > 2:
            clips = clips.drop(clips.query("filename == 'a'").index[0])  # a stretch may be missing
        clips = clips.reset_index(drop=True)
        proba = np.random.default_rng(seed).choice([0.25, 0.75], (len(clips), n_segments, 1))
        proba = np.concatenate([proba, 1 - proba], axis=-1)
        expected = joined_by_loop(proba, clips, grid, ends)
        found = {name: {} for name in expected}
        for name, first, joined in join_clips(proba, clips, grid):
            assert first - 1 not in found[name]  # stretches do not touch
            found[name] |= {first + t: row.tolist() for t, row in enumerate(joined)}
        assert found == expected
        events = []
        for name, segments in expected.items():
            dogs = [number for number, row in segments.items() if row[1] > row[0]]
            for number in sorted(dogs):
                if number - 1 not in dogs:
                    stop = next(k for k in range(number, number + 100) if k not in dogs)
                    offset = min(stop * grid.hop_seconds, ends[name] / 100)
                    events.append((name, number * grid.hop_seconds, offset))
        localizer = SimpleNamespace(
            predict_proba=lambda X, p=proba: p, classes_=np.array(["-", "dog"]), background_="-"
        )
        rows = event_rows(localizer, None, clips, grid).dropna()
        assert rows[["filename", "onset", "offset"]].to_numpy().tolist() == [
            [name, pytest.approx(onset, abs=1e-12), pytest.approx(offset, abs=1e-9)] for name, onset, offset in events
        ]


# ------------------------------------------------------------ what clips leave out
def clips_of(*rows, padding=None):
    clips = pd.DataFrame(rows, columns=["filename", "start"]).astype({"start": float})
    return clips if padding is None else clips.assign(padding=padding)


def events_of(*rows):
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_events_may_go_on_for_half_a_window_and_a_bit(grid):
    """Half a window is left out at the end of a video, and 0.05 s; 0.1 s more are refused."""
    end = 4 * grid.hop_seconds
    more = grid.segment_seconds / 2
    clips, event = clips_of(("a", 0)), ("a", 0.0)
    for late, is_fine in [(0.05, True), (0.1, False), (0.1 - 1e-5, True), (2.0, False)]:
        events = events_of((*event, end + more + late, "dog"))
        if is_fine:
            assert (clip_labels(events, clips, 4, set(), grid=grid) == "dog").all()
        else:
            with pytest.raises(ValueError, match=r"row 0: the event ends at .* the features of 'a' end before"):
                clip_labels(events, clips, 4, set(), grid=grid)


@pytest.mark.parametrize("grid", [Grid(0.96, 0.25), Grid(2.0, 0.32), Grid(0.96, 2.0)], ids=str)
def test_a_segment_that_is_missing_amid_a_video_is_told(grid):
    """Of the video the segments 2 and 3 are missing; windows that overlap do not stand in for them."""
    hop = grid.hop_seconds
    clips = clips_of(("a", 0.0), ("a", 4 * hop))
    for begin, end, is_lacking in [(1.0, 2.5, False), (1, 2.7, True), (3.1, 5, True), (3.5, 5, False), (0, 6, True)]:
        events = events_of(("a", begin * hop, end * hop, "dog"))
        if is_lacking:
            with pytest.raises(ValueError, match="the features of 'a' end before"):
                clip_labels(events, clips, 2, set(), grid=grid)
            with pytest.warns(UserWarning, match="1 of the events lie in clips that were skipped"):
                clip_labels(events, clips, 2, {"a"}, grid=grid)
        else:
            assert (clip_labels(events, clips, 2, set(), grid=grid) == "dog").sum() == 1


def test_an_event_that_lies_where_clips_leave_out_is_warned_of():
    events = events_of(("a", 2.6, 3.3, "dog"))  # windows of 2 s: the features stand for the time until 2.5 s
    with pytest.warns(UserWarning, match=r"1 of the events .* lost.*'dog' in 'a' from 2.6 to 3.3 s"):
        y = clip_labels(events, clips_of(("a", 0)), 5, set(), grid=Grid(2.0, 0.5))
    assert (y == "background").all()


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_times_of_any_size_do_not_overflow_where_hops_are_short():
    events = events_of(("a", 1.0, 1e308, "dog"), ("a", 1e308, 1.5e308, "cat"))
    with pytest.warns(UserWarning, match="2 of the events lie in clips that were skipped"):
        y = clip_labels(events, clips_of(("a", 0)), 4, {"a"}, grid=Grid(0.5, 0.25))
    assert (y == "background").all()
    events = events_of(("a", 0.5, 1e308, "dog"))
    with pytest.warns(UserWarning, match="1 of the events lie in clips that were skipped"):
        y = clip_labels(events, clips_of(("a", 0)), 4, {"a"}, grid=Grid(0.5, 0.25))
    assert y.tolist() == [["background", "background", "dog", "dog"]]


# ----------------------------------------------------------------------- padding
def test_padded_segments_are_background_and_events_end_with_the_video():
    """A clip of 10 s of a video of 7.4 s: half of the last second lacks more than it has."""
    clips = clips_of(("a", 0), ("b", 0), padding=[2.6, 0.0])
    events = events_of(("a", 5.0, 10.0, "dog"), ("b", 5.0, 10.0, "dog"), ("a", 7.0, 10.0, "cat"))
    y = clip_labels(events[:2], clips, 10, set())
    assert ["".join(row).replace("background", ".") for row in y] == [".....dogdog...", ".....dogdogdogdogdog"]
    with pytest.warns(UserWarning, match="1 of the events.*lost: first row 2, 'cat' in 'a' from 7 to 10 s"):
        again = clip_labels(events, clips, 10, set(), min_overlap=0.1)
    np.testing.assert_array_equal(again, y)


def test_events_behind_the_end_of_a_padded_video_are_warned_of_and_no_error():
    clips = clips_of(("a", 0), padding=[3.0])
    for onset in (8.0, 8.5, 12.0, 1e300):
        with pytest.warns(UserWarning, match="1 of the events.*lost: first row 0, 'dog' in 'a'"):
            y = clip_labels(events_of(("a", onset, 2 * onset, "dog")), clips, 10, set())
        assert (y == "background").all()
    y = clip_labels(events_of(("a", 1.0, 1e300, "dog")), clips, 10, set())
    assert (y == "dog").sum() == 6


def test_two_labels_may_claim_what_is_padding():
    clips = clips_of(("a", 0), padding=[2.7])
    events = events_of(("a", 7.0, 7.3, "dog"), ("a", 7.0, 7.3, "cat"))
    with pytest.warns(UserWarning, match="2 of the events"):
        y = clip_labels(events, clips, 10, set(), min_overlap=0.1)
    assert (y == "background").all()


def test_predicted_events_end_with_the_video():
    """An event that begins in the padding is dropped; the score is that of the segments within the video."""
    proba = np.zeros((2, 4, 2))
    proba[..., 1] = [[0.5, 0.75, 1.0, 1.0], [0.25, 0.75, 0.25, 1.0]]
    proba[..., 0] = 0.6 * (1 - proba[..., 1])
    localizer = SimpleNamespace(predict_proba=lambda X: proba, classes_=np.array(["-", "dog"]), background_="-")
    rows = event_rows(localizer, None, clips_of(("a", 0), ("b", 0), padding=[2.4, 1.0]))
    assert rows[["filename", "onset", "offset", "score"]].to_numpy().tolist() == [
        ["a", 0.0, 1.6, 0.625],
        ["b", 1.0, 2.0, 0.75],
    ]
    rows = event_rows(localizer, None, clips_of(("a", 0), ("b", 0), padding=[2.4, 1.0]), Grid(2.0, 0.5))
    assert rows[["onset", "offset"]].to_numpy().tolist() == [[0.0, 1.1], [0.5, 1.0], [1.5, 2.0]]
    proba[1, 1:] = [1.0, 0.0]
    rows = event_rows(localizer, None, clips_of(("a", 0), ("b", 0), padding=[2.4, 1.0]))
    assert rows["event_label"].isna().tolist() == [False, True]


# --------------------------------------------------------------- starts of clips
@pytest.mark.parametrize("hop", [0.1, 0.32, 1 / 3, 0.96, 1.0])
def test_starts_are_multiples_of_the_hop_however_they_were_computed(hop):
    grid = check_grid(1.0, hop)
    sums = np.cumsum([0.0] + [hop] * 10)
    for numbers in (sums, np.arange(11) * hop, np.round(np.arange(11) * hop, 7)):
        assert [grid.number_at(start) for start in numbers] == list(range(11))
    assert grid.number_at(hop / 2) is None
    assert grid.number_at(hop + 1e-5) is None
    assert grid.number_at(10**6 * hop) == 10**6


@pytest.mark.parametrize("call", ["labels", "joined"])
@pytest.mark.parametrize(("grid", "start"), [(WHOLE_SECONDS, 0.5), (Grid(1.0, 0.32), 1.0), (Grid(2.0, 0.5), 0.5001)])
def test_a_clip_that_begins_between_segments_is_refused(call, grid, start):
    clips = clips_of(("a.mp4", 0.0), ("b.mp4", start))
    message = rf"b.mp4: a clip begins at {start:g} s, which is no multiple of hop_seconds={grid.hop_seconds:g}\."
    with pytest.raises(ValueError, match=message):
        if call == "labels":
            clip_labels(events_of(), clips, 3, set(), grid=grid)
        else:
            list(join_clips(np.zeros((2, 3)), clips, grid))
