"""Event lists: files read strictly, and segments labelled as a slow, obvious loop labels them."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ave_sklearn._targets.events import segments_to_events
from ave_sklearn.datasets import read_events, to_events, to_segments

HEADER = "filename,onset,offset,event_label\n"
LABELS = np.array(["background", "cat", "dog"])
label_codes = arrays(int, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 2))


def event_table(*rows):
    return pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])


@pytest.fixture
def read(tmp_path):
    """Read text as an event list."""

    def read(text, encoding="utf-8"):
        file = tmp_path / "list.csv"
        file.write_bytes(text.encode(encoding))
        return read_events(file)

    return read


# ------------------------------------------------------------------ reading
@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_separators_line_ends_and_byte_order_marks_are_found(read, separator, end, encoding):
    lines = [["filename", "onset", "offset", "event_label"], ["é.mp4", "0.5", "2", "dog barks"]]
    events = read(end.join(separator.join(line) for line in lines) + end, encoding)
    pd.testing.assert_frame_equal(events, event_table(("é.mp4", 0.5, 2.0, "dog barks")), check_column_type=False)


def test_names_and_labels_stay_text_and_numbers_are_exact(read):
    events = read(HEADER + "001,0.1,0.30000000000000004,28\nNA,1e-1,3,null\nnan,0,1,NA\n")
    assert events["filename"].tolist() == ["001", "NA", "nan"]
    assert events["event_label"].tolist() == ["28", "null", "NA"]
    assert events["onset"].tolist() == [0.1, 0.1, 0.0]
    assert events["offset"].tolist() == [0.1 + 0.2, 3.0, 1.0]
    assert events.dtypes.astype(str).tolist() == ["str", "float64", "float64", "str"]


def test_columns_in_any_order_quotes_blanks_and_blank_lines(read):
    events = read('\n event_label , offset,video, onset\n\n"a, b", 2 , "c ""d"".mp4",1\n  \n')
    assert events.columns.tolist() == ["filename", "onset", "offset", "event_label"]
    assert events.iloc[0].tolist() == ['c "d".mp4', 1.0, 2.0, "a, b"]


@pytest.mark.parametrize("name", ["score", "probability"])
def test_scores_are_kept(read, name):
    events = read(f"filename,onset,{name},offset,event_label\na,0,0.25,1,dog\nb,,,,\n")
    assert events.columns.tolist() == ["filename", "onset", "offset", "event_label", "score"]
    assert events["score"].tolist()[0] == 0.25
    assert np.isnan(events["score"][1])


def test_a_table_with_the_older_names_is_labelled_too():
    events = pd.DataFrame(
        [("a", 0.0, 1.0, "dog", 0.5)], columns=["video", "onset", "offset", "event_label", "probability"]
    )
    assert to_segments(events, ["a"], n_segments=2).tolist() == [["dog", "background"]]
    assert events.columns[0] == "video"


def test_a_name_alone_is_a_file_without_events(read):
    events = read(HEADER + "quiet.mp4,,,\na,0,1,dog\n")
    assert events["filename"].tolist() == ["quiet.mp4", "a"]
    assert events.loc[0, ["onset", "offset", "event_label"]].isna().all()
    only_quiet = read(HEADER + "quiet.mp4,,,\n")
    assert only_quiet.dtypes.astype(str).tolist() == ["str", "float64", "float64", "str"]


def test_a_header_alone_is_a_list_without_events(read):
    events = read(HEADER.strip())
    assert len(events) == 0
    assert events.dtypes.astype(str).tolist() == ["str", "float64", "float64", "str"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"list\.csv is empty; an event list begins with a line of column names"),
        ("\n \n", r"list\.csv is empty"),
        ("a.mp4,0,1,dog\n", r"line 1: the columns must be \['filename', .*there is no header, but \['a.mp4', '0'"),
        ("\nfilename,onset,event_label\n", r"line 2: the columns must be .*got \['filename', 'onset', 'event_label'\]"),
        (
            "filename,onset,offset,event_label,volume\n",
            "line 1: the columns must be .*and 'score' if wanted; got .*volume",
        ),
        ("filename,video,onset,offset,event_label\n", "line 1: the columns must be .*each once.*'video'"),
        ("filename,onset,offset,event_label,score,probability\n", "line 1: .*each once.*'score', 'probability'"),
        ("filename onset offset event_label\n", "line 1: .*there is no header, but"),
        (HEADER + "a,0,1\n", r"line 2: a row must have 4 fields.*got \['a', '0', '1'\]"),
        (HEADER + "a,0,1,dog,\n", "line 2: a row must have 4 fields"),
        (HEADER + "a,0,1,dog\n\n,0,1,dog\n", "line 4: filename is missing"),
        (HEADER + ",,,\n", "line 2: filename is missing"),
        (HEADER + "a,zero,1,dog\n", "line 2: onset must be a number; got 'zero'"),
        (HEADER + "a,0,1_0,dog\n", "line 2: offset must be a number; got '1_0'"),
        (HEADER + "a,nan,1,dog\n", "line 2: onset must be a number; got 'nan'"),
        (HEADER + "a,0,inf,dog\n", "line 2: offset must be finite; got inf"),
        ("filename;onset;offset;event_label\na;0,5;1;dog\n", "line 2: onset must be a number; got '0,5'"),
        (HEADER + "a,-0.5,1,dog\n", "line 2: onset must be 0 or more; got -0.5"),
        (HEADER + "a,,1,dog\n", "line 2: onset is missing; leave out all of .* or none"),
        (HEADER + "a,0,,dog\n", "line 2: offset is missing"),
        (HEADER + "a,0,1,\n", "line 2: event_label is missing"),
        (HEADER + "a,,,dog\n", "line 2: onset is missing"),
        (HEADER + "a,0,1,dog\nb,2,1.5,dog\n", r"line 3: the event must end after its onset; got \[2.0, 1.5\]"),
        (HEADER + "a,2,2,dog\n", r"line 2: the event must end after its onset; got \[2.0, 2.0\]"),
        ("filename,onset,offset,event_label,score\na,0,1,dog,high\n", "line 2: score must be a number; got 'high'"),
        (HEADER + '"a,0,1,dog\n', "line 2: the fields cannot be told apart"),
        (HEADER + '"a\nb",0,1,dog\nc,1,0,dog\n', "line 4: the event must end"),
    ],
)
def test_bad_lists_are_refused_with_their_line(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "features.npy"
    np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"features\.npy cannot be read as an event list, UTF-8 text"):
        read_events(file)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="none.csv"):
        read_events(tmp_path / "none.csv")


# ------------------------------------------------------------- to segments
def segments_by_loop(events, videos, n_segments, duration, min_overlap):
    """Label the segments one by one; None if one has two labels."""
    y = [["background"] * n_segments for _ in videos]
    for row, video in enumerate(videos):
        for segment in range(n_segments):
            found = set()
            for label in ("cat", "dog"):
                own = [e for e in events.itertuples() if e.filename == video and e.event_label == label]
                ticks = range(round(10 * segment * duration), round(10 * (segment + 1) * duration))
                covered = [any(e.onset < (tick + 0.5) / 10 < e.offset for e in own) for tick in ticks]
                share = sum(covered) / len(covered)
                if share > 1e-9 and share >= min_overlap - 1e-9:
                    found.add(label)
            if len(found) > 1:
                return None
            y[row][segment] = (found or {"background"}).pop()
    return y


ticks = st.integers(0, 40)  # tenths of a second: sums and differences of them are not exact
rows = st.lists(st.tuples(st.sampled_from("abc"), ticks, ticks, st.sampled_from(["cat", "dog"])), max_size=8)


@pytest.mark.slow
@given(rows, st.sampled_from([0, 0.1, 0.3, 0.5, 1]), st.sampled_from([1.0, 0.3]))
def test_segments_match_a_loop(rows, min_overlap, duration):
    events = event_table(*[(name, min(s, e) / 10, max(s, e) / 10, label) for name, s, e, label in rows if s != e])
    n_segments, videos = int(4 / duration) + 1, ["c", "a", "b"]
    expected = segments_by_loop(events, videos, n_segments, duration, min_overlap)
    options = {"n_segments": n_segments, "segment_seconds": duration, "min_overlap": min_overlap}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        if expected is None:
            with pytest.raises(ValueError, match="has the labels"):
                to_segments(events, videos, **options)
        else:
            assert to_segments(events, videos, **options).tolist() == expected


@pytest.mark.parametrize(
    ("min_overlap", "expected"),
    [(0, "-ddd-"), (0.3, "-ddd-"), (0.31, "-dd--"), (0.6, "-dd--"), (0.61, "--d--"), (1, "--d--")],
)
def test_min_overlap_worked_by_hand(min_overlap, expected):
    events = event_table(("a", 1.4, 3.3, "d"))
    y = to_segments(events, ["a"], n_segments=5, min_overlap=min_overlap, background="-")
    assert "".join(y[0]) == expected


@pytest.mark.filterwarnings("ignore:.*are lost:UserWarning")
def test_rounding_neither_loses_nor_gains_a_segment():
    events = event_table(("a", 0.1 + 0.2, 0.8, "d"), ("b", 0.0, 3 * 0.1, "d"))  # 0.30000000000000004 twice
    for min_overlap, expected in [(0.5, ["d", "-"]), (0.3, ["d", "d"])]:
        y = to_segments(events, ["a", "b"], n_segments=1, min_overlap=min_overlap, background="-")
        assert y[:, 0].tolist() == expected
    options = {"n_segments": 2, "segment_seconds": 0.3, "min_overlap": 0, "background": "-"}
    assert to_segments(events[1:], ["b"], **options).tolist() == [["d", "-"]]


TIME_FORMS = {
    "float32": lambda times: times.astype(np.float32),
    "Float32": lambda times: times.astype("Float32"),
    "float32 scalars": lambda times: pd.Series([*map(np.float32, times)], dtype=object),
    "rounded sums": lambda times: (times + 0.1) + 0.2 - 0.3,
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*are lost:UserWarning")
@pytest.mark.parametrize("form", TIME_FORMS)
@pytest.mark.parametrize("begin", [0, 7, 3600, 100_000])
def test_times_in_any_form_label_what_their_decimals_label(form, begin):
    spans = [(s, e) for s in range(10) for e in range(s + 1, 11)]  # tenths of a second after `begin`
    spans = spans[1::6] if begin > 1000 else spans  # the last second of a long video is looked at
    names = [f"{s}-{e}" for s, e in spans]
    events = event_table(*[(n, begin + s / 10, begin + e / 10, "d") for n, (s, e) in zip(names, spans, strict=True)])
    events = events.assign(**{name: TIME_FORMS[form](events[name]) for name in ("onset", "offset")})
    for tenths in range(0, 11, 5 if begin > 10_000 else 1):
        min_overlap = np.arange(0, 1.05, 0.1)[tenths]
        y = to_segments(events, names, n_segments=begin + 1, min_overlap=min_overlap, background="-")
        assert y[:, -1].tolist() == ["d" if e - s >= max(tenths, 1) else "-" for s, e in spans]
        assert np.all(y[:, :-1] == "-")


@pytest.mark.filterwarnings("ignore:.*are lost:UserWarning")
@pytest.mark.parametrize("kind", [np.float32, np.float16, float])
def test_options_in_any_precision_are_their_decimals(kind):
    events = event_table(*[(str(k), 0.0, k / 10, "d") for k in range(1, 10)])
    for tenths in range(1, 10):
        y = to_segments(events, events["filename"], n_segments=1, min_overlap=kind(tenths / 10), background="-")
        assert y[:, 0].tolist() == ["d" if k >= tenths else "-" for k in range(1, 10)]
    options = {"n_segments": 10, "segment_seconds": kind(0.1), "min_overlap": 1, "background": "-"}
    assert (to_segments(events, events["filename"], **options) == "d").sum(axis=1).tolist() == list(range(1, 10))
    codes = np.eye(10, dtype=int)
    assert to_events(codes, background=0, segment_seconds=kind(0.1))["onset"].tolist() == [k * 0.1 for k in range(10)]


@pytest.mark.filterwarnings("ignore:.*are lost:UserWarning")
@pytest.mark.parametrize("begin", [0, 100_000])
def test_the_tolerance_of_times_is_a_microsecond(begin):
    short = (8e-7, 1.2e-6, 1e-5)
    events = event_table(*[(str(less), begin, begin + 0.5 - less, "d") for less in short])
    y = to_segments(events, events["filename"], n_segments=begin + 1, background="-")
    assert y[:, -1].tolist() == ["d", "-", "-"]
    longer = event_table(*[(str(more), begin, begin + 1 + more, "d") for more in (8e-7, 1.2e-6)])
    y = to_segments(longer, longer["filename"], n_segments=begin + 2, min_overlap=0, background="-")
    assert y[:, -2:].tolist() == [["d", "-"], ["d", "d"]]


def test_times_that_rounding_took_below_zero_or_over_the_end_are_kept(read):
    events = read(HEADER + f"a,{0.3 - 3 * 0.1!r},1,dog\n")
    assert 0.3 - 3 * 0.1 < 0 and events["onset"].tolist() == [0]
    events = event_table(("a", 0.3 - 3 * 0.1, 4.5 + 1e-9, "dog"))
    assert to_segments(events, ["a"], n_segments=4).tolist() == [["dog"] * 4]
    with pytest.raises(ValueError, match=r"line 2: onset must be 0 or more; got -1e-05"):
        read(HEADER + "a,-0.00001,1,dog\n")


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float64", "Float64", "Int64", object])
def test_missing_times_of_any_dtype_say_that_a_file_has_no_event(dtype):
    events = event_table(("a", np.nan, np.nan, None), ("b", 0, 1, "dog"))
    events[["onset", "offset"]] = events[["onset", "offset"]].astype(dtype)
    assert to_segments(events, ["a", "b"], n_segments=1).tolist() == [["background"], ["dog"]]


def test_events_of_one_label_add_up():
    events = event_table(("a", 0.0, 0.25, "dog"), ("a", 0.5, 0.75, "dog"))
    assert to_segments(events, ["a"], n_segments=1).tolist() == [["dog"]]


def test_what_events_of_one_label_share_counts_once():
    events = event_table(("a", 0.0, 0.4, "dog"), ("a", 0.2, 0.4, "dog"), ("a", 1.0, 1.6, "dog"), ("a", 1.1, 1.2, "dog"))
    with pytest.warns(UserWarning, match="2 of the events cover less"):
        assert to_segments(events, ["a"], n_segments=2).tolist() == [["background", "dog"]]


def test_videos_may_be_paths():
    events = event_table(("v/a.mp4", 0.0, 1.0, "dog"))
    assert to_segments(events, [Path("v/a.mp4")], n_segments=1).tolist() == [["dog"]]


@pytest.mark.parametrize("videos", [["a", "b"], np.array(["a", "b"]), pd.Series(["a", "b"], index=[7, 7])])
def test_videos_without_events_are_background(videos):
    events = event_table(("b", np.nan, np.nan, None))
    y = to_segments(events, videos, n_segments=3)
    assert y.tolist() == [["background"] * 3] * 2
    assert y.dtype.kind == "U"
    assert to_segments(events[:0], videos, n_segments=3).tolist() == y.tolist()


def test_no_videos_give_no_rows():
    assert to_segments(event_table(), [], n_segments=3).shape == (0, 3)


def test_integer_labels_stay_integers():
    events = event_table(("a", 1, 2, 3))
    y = to_segments(events, ["a"], n_segments=3, background=28)
    assert y.tolist() == [[28, 3, 28]]


def test_predicted_events_are_accepted_and_left_alone():
    y = np.array([["dog", "dog", "cat"], ["background", "cat", "cat"]])
    events = segments_to_events(y, videos=["a", "b"], scores=np.full(y.shape, 0.5))
    before = events.copy()
    np.testing.assert_array_equal(to_segments(events, ["a", "b"], n_segments=3), y)
    pd.testing.assert_frame_equal(events, before)


def test_up_to_half_a_segment_beyond_the_end_is_cut():
    assert to_segments(event_table(("a", 2, 4.5, "dog")), ["a"], n_segments=4).tolist()[0][2:] == ["dog", "dog"]
    with pytest.raises(ValueError, match=r"row 0: the event ends at 4.51 s, but the video 'a' has 4 segments of 1 s"):
        to_segments(event_table(("a", 2, 4.51, "dog")), ["a"], n_segments=4)


def test_events_too_short_for_a_segment_are_counted_in_one_warning():
    events = event_table(("a", 0, 1, "dog"), ("a", 1.2, 1.5, "cat"), ("b", 2.1, 2.3, "dog"), ("b", 4.1, 4.4, "dog"))
    message = "^3 of the events cover less than 0.5 .*first row 1, 'cat' in 'a' from 1.2 to 1.5 s"
    with pytest.warns(UserWarning, match=message) as record:
        y = to_segments(events, ["a", "b"], n_segments=4)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert y.tolist() == [["dog"] + ["background"] * 3, ["background"] * 4]


def test_no_warning_when_each_event_helps_to_mark_a_segment(recwarn):
    to_segments(event_table(("a", 0, 0.3, "dog"), ("a", 0.6, 0.9, "dog")), ["a"], n_segments=2)
    assert not recwarn.list


def test_unknown_names_can_be_dropped():
    events = event_table(("z", 0, 99, "bird"), ("a", 0, 1, "dog"))
    y = to_segments(events, ["a"], n_segments=2, unknown="ignore")
    assert y.tolist() == [["dog", "background"]]


ONE = event_table(("a", 0, 1, "dog"))
TWO = event_table(("a", 0, 2, "dog"), ("b", 0, 1, "dog"), ("a", 1.5, 3, "cat"), ("a", 1.25, 1.5, "cat"))


@pytest.mark.parametrize(
    ("events", "options", "message"),
    [
        ([("a", 0, 1, "dog")], {}, "events must be a DataFrame with the columns .*got list"),
        (ONE.rename(columns={"onset": "start"}), {}, r"events: the columns must be .*'start'"),
        (ONE.assign(filename=""), {}, "events, row 0: filename is missing"),
        (ONE.assign(onset="0"), {}, "events, row 0: onset must be a number; got '0'"),
        (ONE.assign(onset=True), {}, "events, row 0: onset must be a number; got True"),
        (
            ONE.assign(offset=0).set_axis(["x"]),
            {},
            r"events, row 'x': the event must end after its onset; got \[0.0, 0.0\]",
        ),
        (ONE.assign(onset=-1), {}, "events, row 0: onset must be 0 or more; got -1.0"),
        (ONE.assign(event_label=""), {}, "events, row 0: event_label is missing"),
        (ONE.assign(event_label=3), {}, "background='background' is text, but the labels are numbers, such as 3"),
        (ONE, {"background": "dog"}, "events, row 0: background='dog' must be the label of segments without"),
        (ONE, {"background": None}, "background=None must be the label of segments without"),
        (ONE.assign(filename="z"), {}, "1 file names that are not among the 2 videos: 'z'; videos has 'a', 'b'"),
        (event_table(("z", np.nan, np.nan, None)), {}, "1 file names that are not among the 2 videos: 'z'"),
        (TWO, {"n_segments": 4}, r"rows \[0, 2, 3\]: the segment from 1 to 2 s of 'a' has the labels 'dog' and 'cat'"),
        (ONE, {"n_segments": 0}, "n_segments must be a positive integer; got 0"),
        (ONE, {"n_segments": 2.0}, "n_segments must be a positive integer; got 2.0"),
        (ONE, {"segment_seconds": 0}, "segment_seconds must be a positive number; got 0"),
        (ONE, {"min_overlap": 1.1}, r"min_overlap must be a number within \[0, 1\]; got 1.1"),
        (ONE, {"unknown": "drop"}, "unknown must be 'raise' or 'ignore'; got 'drop'"),
        (ONE, {"videos": ["a", "b", "a"]}, "videos must name each video once; got 'a' again"),
        (ONE, {"videos": "a"}, r"videos must be a list of names; got the shape \(\)"),
    ],
)
def test_bad_events_and_options_are_named(events, options, message):
    options = {"videos": ["a", "b"], "n_segments": 2, **options}
    with pytest.raises(ValueError, match=message):
        to_segments(events, **options)


# ------------------------------------------------------------ there and back
@pytest.mark.slow
@given(label_codes, st.sampled_from([1.0, 0.04, 0.3]), st.sampled_from([0, 0.5, 1]))
def test_segments_to_events_and_back(codes, duration, min_overlap):
    y, videos = LABELS[codes], [f"{number}.mp4" for number in range(len(codes))]
    events = to_events(y, videos, segment_seconds=duration)
    options = {"n_segments": y.shape[1], "segment_seconds": duration, "min_overlap": min_overlap}
    np.testing.assert_array_equal(to_segments(events, videos, **options), y)


@pytest.mark.slow
@given(st.lists(st.integers(0, 12), unique=True, min_size=2, max_size=6).map(sorted), st.booleans())
def test_events_on_borders_to_segments_and_back(borders, gaps):
    spans = list(zip(borders, borders[1:], strict=False))[:: 2 if gaps else 1]
    events = event_table(*[("a", float(s), float(e), "cat" if i % 2 else "dog") for i, (s, e) in enumerate(spans)])
    y = to_segments(events, ["a"], n_segments=12)
    pd.testing.assert_frame_equal(to_events(y, ["a"]), events)


def test_to_events_is_read_again_from_a_file(tmp_path):
    y = LABELS[[[0, 1, 1], [2, 0, 2]]]
    events = to_events(y, ["a", "b"], scores=[[0.9, 0.25, 0.75], [1.0, 0.5, 0.125]])
    assert events.columns.tolist() == ["filename", "onset", "offset", "event_label", "score"]
    assert events["score"].tolist() == [0.5, 1.0, 0.125]
    events.to_csv(tmp_path / "events.csv", index=False)
    pd.testing.assert_frame_equal(read_events(tmp_path / "events.csv"), events, check_dtype=False)


def test_rows_without_names_are_numbered():
    events = to_events(LABELS[[[0, 1], [2, 2]]])
    assert events["filename"].tolist() == [0, 1]
    assert to_segments(events, [0, 1], n_segments=2).tolist() == [["background", "cat"], ["dog", "dog"]]
