"""load_ave: miniature files in the released layout, every option, every error; and the released annotations."""

import pickle
import sys
import time
import tracemalloc
import warnings
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, cross_val_score

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn._features import files as feature_files
from ave_sklearn.datasets import load_ave
from ave_sklearn.datasets._ave_files import read_annotations, read_orders
from ave_sklearn.datasets._ave_labels import check_background_labels, check_label_files, class_names, segment_labels

REAL_FILES = Path(__file__).parents[3] / "shared" / "ave"
needs_real_files = pytest.mark.skipif(not REAL_FILES.is_dir(), reason=f"no released files in {REAL_FILES}")

T = 4
ANNOTATIONS = [  # not sorted by name: the order of appearance is Train, Bark, Cat
    ("Train", "id00", "good", 0, 4),
    ("Bark", "id01", "good", 1, 3),
    ("Train", "id02", "good", 0, 0),  # no event second
    ("Cat", "id03", "good", 3, 4),
    ("Bark", "id04", "good", 0, 2),
    ("Cat", "id01", "good", 1, 3),  # row 1 under another category
    ("Cat", "id06", "good", 2, 4),
    ("Bark", "id00", "good", 0, 4),  # row 0 under another category
    ("Train", "id08", "fair", 0, 1),
    ("Cat", "id09", "good", 0, 4),
]
ORDERS = {"train": [4, 0, 2, 1, 9, 3], "val": [6, 5], "test": [8, 7]}  # rows 1 and 0 are leaks
HEADER = "Category&VideoID&Quality&StartTime&EndTime\n"
NAMES = ["Train", "Bark", "Cat", "background"]
AUDIO = np.arange(10 * T * 3).reshape(10, T, 3) / 7
VISUAL = -np.arange(10 * T * 2 * 3 * 5).reshape(10, T, 2, 3, 5) / 7
LABELS = np.array([
    [category if start <= second < end else "background" for second in range(T)]
    for category, _, _, start, end in ANNOTATIONS
])  # fmt: skip


def write(file, values, key="avadataset", **arguments):
    with h5py.File(file, "w") as opened:
        opened.create_dataset(key, data=values, **arguments)


def write_annotations(folder, rows=ANNOTATIONS, header=""):
    text = header + "".join("&".join(map(str, row)) + "\n" for row in rows)
    (folder / "Annotations.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Ten videos in the released layout, two of them leaks."""
    write(tmp_path / "audio_feature.h5", AUDIO)
    write(tmp_path / "visual_feature.h5", VISUAL)
    write_annotations(tmp_path)
    for split, rows in ORDERS.items():
        write(tmp_path / f"{split}_order.h5", np.array(rows), "order")
    return tmp_path


@pytest.fixture
def noisy(folder):
    """Three background clips beside them, as float32 numbers."""
    write(folder / "audio_feature_noisy.h5", AUDIO[:3].astype("f4") + 100)
    write(folder / "visual_feature_noisy.h5", VISUAL[:3].astype("f4") - 100)
    return folder


def load(folder, **options):
    """Load without the warning about leaks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Of the videos of the training split")
        return load_ave(folder, **options)


def one_hot(labels):
    return (np.asarray(labels)[..., np.newaxis] == NAMES).astype("f4")


# What it returns


@pytest.mark.parametrize(
    ("split", "rows"),
    [("train", ORDERS["train"]), ("validation", [6, 5]), ("val", [6, 5]), ("test", [8, 7]), ("all", list(range(10)))],
)
def test_splits(folder, split, rows):
    ave = load(folder, split=split)
    np.testing.assert_array_equal(ave.data.audio, AUDIO[rows], strict=True)
    np.testing.assert_array_equal(ave.data.visual, VISUAL[rows], strict=True)
    np.testing.assert_array_equal(ave.target, LABELS[rows], strict=True)
    assert list(ave.groups) == [ANNOTATIONS[row][1] for row in rows]
    assert list(ave.frame.columns) == ["category", "video_id", "quality", "start", "end", "split"]
    assert list(ave.frame.drop(columns="split").itertuples(index=False, name=None)) == [ANNOTATIONS[r] for r in rows]
    where = {row: name for name, order in ORDERS.items() for row in order}
    assert list(ave.frame["split"]) == [{"val": "validation"}.get(where[row], where[row]) for row in rows]
    assert list(ave.frame.index) == list(range(len(rows)))


def test_bunch(folder):
    ave = load(str(folder))
    assert set(ave) == {"data", "target", "X", "y", "frame", "groups", "target_names", "background", "DESCR"}
    assert ave.X is ave.data and ave.y is ave.target
    assert list(ave.target_names) == NAMES and ave.target_names.dtype.kind == "U"
    assert ave.background == "background"
    assert ave.target.dtype.kind == ave.groups.dtype.kind == "U"
    assert ave.DESCR.startswith("AVE: audio-visual events") and "YapengTian/AVE-ECCV18" in ave.DESCR


def test_features_stay_in_their_files(folder):
    X = load(folder).data
    assert repr(X).endswith("memory-mapped)")
    assert len(pickle.dumps(X)) < 1200


def write_sparse(file, shape):
    """Write a dataset of nothing but holes, which takes no room on the disk."""
    with h5py.File(file, "w") as opened:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(opened.id, b"avadataset", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple(shape), plist)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems may fill the holes with zeros, all 8 GB")
def test_features_of_the_released_size_are_not_read(tmp_path):
    write_sparse(tmp_path / "audio_feature.h5", (4143, 10, 128))
    write_sparse(tmp_path / "visual_feature.h5", (4143, 10, 7, 7, 512))
    write_annotations(tmp_path, [("Bark", f"id{row}", "good", 0, 5) for row in range(4143)])
    for split, rows in zip(ORDERS, np.split(np.random.default_rng(0).permutation(4143), [3339, 3741]), strict=True):
        write(tmp_path / f"{split}_order.h5", rows, "order")
    tracemalloc.start()
    start = time.perf_counter()
    X = load_ave(tmp_path).data
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert X.nbytes > 6_000_000_000 and repr(X).endswith("6.7 GB, memory-mapped)")
    assert seconds < 5 and peak < 50_000_000
    assert len(pickle.dumps(X)) < 10_000
    assert not X.take([0, 1500])[1].any()


def test_compressed_files_are_read(folder):
    write(folder / "visual_feature.h5", VISUAL, chunks=(3, *VISUAL.shape[1:]), compression="gzip")
    X = load(folder).data
    assert repr(X).endswith("visual in HDF5)")
    np.testing.assert_array_equal(X.visual, VISUAL[ORDERS["train"]])


def test_return_X_y(folder):
    X, y = load(folder, return_X_y=True)
    assert isinstance(X, AVFeatures)
    np.testing.assert_array_equal(y, LABELS[ORDERS["train"]], strict=True)
    X, y = load(folder, return_X_y=True, as_frame=True)
    assert isinstance(y, pd.DataFrame)


def test_as_frame(folder):
    ave = load(folder, split="val", as_frame=True)
    assert ave.y is ave.target
    assert list(ave.target.index) == ["id06", "id01"] and ave.target.index.name == "video_id"
    assert list(ave.target.columns) == [0, 1, 2, 3]
    np.testing.assert_array_equal(ave.target.to_numpy(dtype=str), LABELS[[6, 5]])


@pytest.mark.parametrize("block_bytes", [1, 10**9])
@pytest.mark.parametrize("split", ["train", "all"])
def test_mean(folder, monkeypatch, block_bytes, split):
    monkeypatch.setattr(feature_files, "BLOCK_BYTES", block_bytes)
    rows = ORDERS["train"] if split == "train" else slice(None)
    X = load(folder, split=split, visual="mean").data
    assert "mapped" not in repr(X) and X.map_size is None
    np.testing.assert_array_equal(X.audio, AUDIO[rows].astype("f4"), strict=True)
    np.testing.assert_allclose(X.visual, VISUAL[rows].mean(axis=(2, 3)), rtol=1e-6)
    assert X.visual.dtype == np.float32


def test_mean_reads_the_rows_asked_for_only(folder, monkeypatch):
    taken = []
    take = AVFeatures.take
    monkeypatch.setattr(AVFeatures, "take", lambda self, rows: taken.append(self[rows].visual) or take(self, rows))
    load(folder, split="test", visual="mean")
    np.testing.assert_array_equal(np.concatenate(taken), VISUAL[ORDERS["test"]])


def test_float32_files(folder):
    write(folder / "visual_feature.h5", VISUAL.astype("f4"))
    np.testing.assert_array_equal(load(folder).data.visual, VISUAL.astype("f4")[ORDERS["train"]], strict=True)


def test_localizers_take_it(folder):
    ave = load(folder, split="all", as_frame=True)
    localizer = PSPLocalizer(max_epochs=1, hidden_size=8, tau=0, random_state=0)
    scores = cross_val_score(localizer.set_params(classes=NAMES), ave.X, ave.y, groups=ave.groups, cv=GroupKFold(2))
    assert np.isfinite(scores).all()
    assert set(localizer.fit(ave.X, ave.y).classes_) == set(NAMES)


# Leaks


def test_leaks_are_warned_about(folder):
    message = r"1 are in the test split and 1 are in the validation split too \(2 rows.*drop_leaks=True"
    for split in ("train", "all"):
        with pytest.warns(UserWarning, match=message) as caught:
            load_ave(folder, split=split)
        assert [warning.filename for warning in caught] == [__file__]


def test_leaks_are_dropped_from_training(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ave, everything = load_ave(folder, drop_leaks=True), load_ave(folder, split="all", drop_leaks=True)
        assert len(load_ave(folder, split="val", drop_leaks=True).data) == 2
        assert len(load_ave(folder, split="test")["data"]) == 2
    rows = [4, 2, 9, 3]
    np.testing.assert_array_equal(ave.data.audio, AUDIO[rows])
    np.testing.assert_array_equal(ave.target, LABELS[rows])
    assert list(ave.target_names) == NAMES
    np.testing.assert_array_equal(everything.data.audio, AUDIO[2:])
    assert not set(everything.groups[everything.frame["split"] == "train"]) & {"id00", "id01"}


def test_no_warning_without_leaks(folder):
    rows = [(category, f"id{row}", *rest) for row, (category, _, *rest) in enumerate(ANNOTATIONS)]
    write_annotations(folder, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_ave(folder).data) == len(load_ave(folder, drop_leaks=True).data) == 6


def test_videos_of_no_split_are_told(folder):
    write(folder / "val_order.h5", np.array([6]), "order")
    ave = load(folder, split="all")
    assert ave.frame["split"][5] == "" and (ave.frame["split"] != "").sum() == 9


# Background clips


@pytest.mark.parametrize("visual", ["map", "mean"])
@pytest.mark.parametrize(("split", "rows"), [("train", [4, 2, 9, 3]), ("all", list(range(2, 10)))])
def test_background_videos(noisy, split, rows, visual):
    ave = load_ave(noisy, split=split, background_videos=True, drop_leaks=True, visual=visual)
    maps = np.concatenate([VISUAL[rows], VISUAL[:3].astype("f4") - 100])
    wanted = {"map": maps, "mean": maps.mean(axis=(2, 3)).astype("f4")}[visual]
    np.testing.assert_allclose(ave.data.visual, wanted, rtol=1e-6)
    assert ave.data.visual.dtype == wanted.dtype
    assert ("memory-mapped" in repr(ave.data)) == (visual == "map")
    np.testing.assert_allclose(ave.data.audio, np.concatenate([AUDIO[rows], AUDIO[:3].astype("f4") + 100]), rtol=1e-6)
    assert (ave.target[-3:] == "background").all() and ave.target.shape == (len(rows) + 3, T)
    clips = ave.frame.iloc[-3:]
    assert list(clips["video_id"]) == list(ave.groups[-3:]) == ["noisy_000", "noisy_001", "noisy_002"]
    assert set(clips.drop(columns="video_id").itertuples(index=False, name=None)) == {("background", "", 0, 0, "train")}
    assert list(ave.target_names) == NAMES
    assert list(ave.frame.index) == list(range(len(rows) + 3)) and ave.frame["start"].dtype == int


def test_background_videos_are_pickled_by_name(noisy):
    X = load(noisy, background_videos=True).data
    data = pickle.dumps(X[[0, 8]])
    assert len(data) < 3000
    np.testing.assert_array_equal(pickle.loads(data).audio, X.audio[[0, 8]])


@pytest.mark.parametrize("split", ["val", "validation", "test"])
def test_background_videos_are_for_training(noisy, split):
    with pytest.raises(ValueError, match="background_videos are training videos: .*'train' or 'all', got"):
        load_ave(noisy, split=split, background_videos=True)


@pytest.mark.parametrize("axis", [1, 2, 4])
def test_background_videos_must_be_alike(noisy, axis):
    write(noisy / "visual_feature_noisy.h5", np.delete(VISUAL[:3], 0, axis))
    if axis == 1:
        write(noisy / "audio_feature_noisy.h5", AUDIO[:3, 1:])
    with pytest.raises(ValueError, match=r"visual_feature_noisy\.h5 of .* must be of the same .*\(4, 3, \(2, 3\), 5\)"):
        load(noisy, background_videos=True)


# Label files


LABEL_FILES = {
    "labels.h5": one_hot(LABELS),
    "right_labels.h5": one_hot(LABELS),
    "right_label.h5": one_hot(LABELS),
    "prob_label.h5": one_hot(LABELS).mean(axis=1),
    "mil_labels.h5": one_hot([row[0] for row in ANNOTATIONS]),
    "labels_closs.h5": (LABELS != "background").astype("f4"),
}


def test_label_files_that_agree(noisy):
    for name, values in LABEL_FILES.items():
        write(noisy / name, values)
    write(noisy / "labels_noisy.h5", one_hot(["background"] * 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ave = load_ave(noisy, background_videos=True, drop_leaks=True)
    assert (ave.target[-3:] == "background").all()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("labels.h5", "Row 1: it has Bark x 4, wanted background x 1, Bark x 2, background x 1. Row 5: "),
        ("right_label.h5", "Row 1: it has Bark x 4, wanted background x 1, Bark x 2, background x 1. Row 5: "),
        ("prob_label.h5", r"Row 1: it has Bark, wanted Bark \(0.5\) \+ background \(0.5\). Row 5: it has Cat, "),
        ("mil_labels.h5", r"Row 1: it has Bark \+ background, wanted Bark. Row 5: "),
        ("labels_closs.h5", r"Row 1: it has second 1 \+ second 2 \+ second 3, wanted second 1 \+ second 2. Row 5: "),
    ],
)
def test_label_files_that_disagree(folder, name, told):
    values = LABEL_FILES[name].copy()
    for row in (1, 5, 6, 9):
        category = one_hot(ANNOTATIONS[row][0])
        values[row] = category
        if name == "mil_labels.h5":
            values[row, -1] = 1
    if name == "labels_closs.h5":
        values = LABEL_FILES[name].copy()
        values[[1, 5], 3] = 1
        values[6] = values[9] = np.nan
    write(folder / name, values)
    n_wrong = 3 if name in ("labels.h5", "right_label.h5", "prob_label.h5") else 4  # row 9 is one event
    with pytest.warns(UserWarning, match=rf"{name} disagrees .* in {n_wrong} of 10 rows. {told}") as caught:
        ave = load_ave(folder, split="test")
    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message).count("Row ") == 3
    np.testing.assert_array_equal(ave.target, LABELS[ORDERS["test"]])


def test_labels_of_background_clips_that_disagree(noisy):
    write(noisy / "labels_noisy.h5", one_hot(["background", "Bark", "background"]))
    with pytest.warns(UserWarning, match="labels_noisy.h5 .* in 1 of 3 rows. Row 1: it has Bark, wanted background."):
        load(noisy, background_videos=True)
    load_ave(noisy, drop_leaks=True)


@pytest.mark.parametrize("name", LABEL_FILES)
def test_label_files_of_another_shape(folder, name):
    write(folder / name, LABEL_FILES[name][1:])
    with pytest.raises(ValueError, match=rf"{name} must be of shape \(10, .* got \(9, .*works without it"):
        load_ave(folder)


def test_label_files_with_another_key(folder):
    write(folder / "labels.h5", LABEL_FILES["labels.h5"], "labels")
    with pytest.raises(ValueError, match=r"labels\.h5 has no dataset 'avadataset'. Its datasets: 'labels'"):
        load_ave(folder)


# Annotations


@pytest.mark.parametrize("header", ["", HEADER, "\ufeff", "\ufeffcategory&videoid&QUALITY&StartTime & EndTime\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_headers_and_line_ends(folder, header, newline):
    write_annotations(folder, header=header)
    file = folder / "Annotations.txt"
    file.write_bytes(file.read_text(encoding="utf-8").rstrip().replace("\n", newline).encode())
    np.testing.assert_array_equal(load(folder, split="all").target, LABELS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Bark&id01&good&1", "line 2: wanted category&video_id&quality&start&end, got 4 fields"),
        ("Bark&id01&good&1&2&3", "line 2: .* got 6 fields"),
        ("", "line 2: .* got 1 fields in ''"),
        ("Bark&id01&good&3&1", "line 2: wanted start <= end <= 4 seconds, got 'Bark&id01&good&3&1'"),
        ("Bark&id01&good&1&5", "line 2: wanted start <= end <= 4 seconds"),
        ("Bark&id01&good&-1&2", "line 2: start and end must be whole numbers of at least 0"),
        ("Bark&id01&good&0.5&2", "line 2: start and end must be whole numbers"),
        ("Bark&id01&good&one&2", "line 2: start and end must be whole numbers"),
        ("Bark&id01&good&&2", "line 2: start and end must be whole numbers"),
        ("Bark&id01&good&\u00b2&3", "line 2: start and end must be whole numbers"),
        ("Bark&&good&1&2", "line 2: the video_id is missing in 'Bark&&good&1&2'"),
        (" &id01&good&1&2", "line 2: the category is missing"),
        ("background&id01&good&1&2", "line 2: no category may be called 'background'"),
    ],
)
@pytest.mark.parametrize("header", ["", HEADER], ids=["", "header"])
def test_bad_lines(folder, line, message, header):
    rows = [ANNOTATIONS[0], (line,), *ANNOTATIONS[2:]]
    write_annotations(folder, rows, header)
    with pytest.raises(
        ValueError, match=rf"Annotations\.txt, {message.replace('line 2', 'line 3') if header else message}"
    ):
        load_ave(folder)


@pytest.mark.parametrize(
    "header", ["Category&VideoID&Quality&EndTime&StartTime\n", "Category&VideoID&Quality&StartTime\n", "a&b&c&d&e\n"]
)
def test_unknown_columns(folder, header):
    write_annotations(folder, header=header)
    with pytest.raises(ValueError, match=r"Annotations\.txt, line 1: the columns must be Category&VideoID&.*, got"):
        load_ave(folder)


@pytest.mark.parametrize("rows", [ANNOTATIONS[1:], [*ANNOTATIONS, ANNOTATIONS[0]]])
def test_as_many_lines_as_videos(folder, rows):
    write_annotations(folder, rows)
    with pytest.raises(
        ValueError, match=rf"Annotations\.txt must have a line for each of the 10 videos.* got {len(rows)}"
    ):
        load_ave(folder)


def test_annotations_that_are_no_text(folder):
    (folder / "Annotations.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"Annotations\.txt must be a text file in UTF-8"):
        load_ave(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Train\0&id&good&0&4\n", "line 1: names must be free of control characters"),
        ("Train&id&good&0&4\n".encode("utf-16-le"), "line 1: the columns must be"),
        ("Train&id&good&0&4\n".encode("utf-16"), "must be a text file in UTF-8"),
        ("Zug f\u00fcr&id&good&0&4\n".encode("latin-1"), "must be a text file in UTF-8"),
        (b"Train&id&good&0&4\n" + b"Train&\x1b[2J&good&0&4\n", "line 2: names must be free of control characters"),
        (b"Train&id&good&0&" + b"4" * 500 + b"\n", "line 1: start and end must be whole numbers"),
        (
            b"Train&id&good&0&4\n" + b"T" * 2000 + b"&id&good&0&4\n",
            "line 2: a line has 1000 characters at most",
        ),
        (b"T" * 1_011_000, "has 1011000 bytes, where so many annotations take 1010000 at most"),
        (b"\n" * 9000, "line 1: wanted category&video_id"),
    ],
    ids=range(9),
)
def test_annotations_of_other_encodings_and_sizes(folder, content, message):
    (folder / "Annotations.txt").write_bytes(content)
    with pytest.raises(ValueError, match=rf"Annotations\.txt,? {message}"):
        load_ave(folder)


def test_a_large_file_of_annotations_is_not_read(folder):
    with open(folder / "Annotations.txt", "wb") as opened:
        opened.truncate(10**12)  # of nothing
    with pytest.raises(ValueError, match=r"Annotations\.txt has 1000000000000 bytes"):
        load_ave(folder)


def test_an_empty_file(folder):
    (folder / "Annotations.txt").write_text("")
    with pytest.raises(ValueError, match=r"Annotations\.txt, line 1: wanted category&video_id"):
        load_ave(folder)


# Other files and arguments


@pytest.mark.parametrize(
    ("rows", "key", "message"),
    [
        (np.array([4, 10]), "order", "row 10 is not one of the 10 videos"),
        (np.array([-1, 4]), "order", "row -1 is not one of the 10 videos"),
        (np.array([4, 1, 4, 2]), "order", "row 4 is there 2 times"),
        (np.array([4, 6]), "order", r"row 6 is also in .*_order\.h5"),
        (np.array([4.0, 1.0]), "order", "row numbers .* dtype float64"),
        (np.array([[4, 1]]), "order", r"row numbers .* shape \(1, 2\)"),
        (np.array([4, 1]), "avadataset", "has no dataset 'order'. Its datasets: 'avadataset'"),
    ],
)
def test_bad_orders(folder, rows, key, message):
    write(folder / "train_order.h5", rows, key)
    with pytest.raises(ValueError, match=message) as caught:
        load_ave(folder)
    assert "_order.h5" in str(caught.value) and str(folder) in str(caught.value)


@pytest.mark.parametrize("name", ["train_order.h5", "labels.h5", "labels_closs.h5"])
def test_orders_and_labels_of_another_size_are_not_read(folder, name):
    """Here of 8 GB, which take no room on the disk."""
    key = "order" if "order" in name else "avadataset"
    with h5py.File(folder / name, "w") as opened:
        early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        early.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        h5py.h5d.create(opened.id, key.encode(), h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((10**9,)), early)
    with pytest.raises(ValueError, match=rf"{name} (has 1000000000 row numbers|must be of shape)"):
        load_ave(folder)


def test_orders_and_labels_that_were_never_written(folder):
    for name, key in (("mil_labels.h5", "avadataset"), ("train_order.h5", "order")):
        with h5py.File(folder / name, "w") as opened:
            opened.create_dataset(key, (6,), "i8")
        with pytest.raises(ValueError, match=rf"{name} has rows that were never written, .*: rows 0 to 5 of 6"):
            load_ave(folder)


@pytest.mark.parametrize(
    ("name", "values", "key", "message"),
    [
        ("audio_feature.h5", AUDIO[1:], "avadataset", "same number of videos, got 9 in audio"),
        ("audio_feature.h5", AUDIO, "audio", r"audio_feature\.h5 has no dataset 'avadataset'"),
        ("audio_feature.h5", AUDIO.astype("c8"), "avadataset", r"audio_feature\.h5 must be of real numbers"),
        ("visual_feature.h5", VISUAL[:, 1:], "avadataset", "same number of segments"),
        ("visual_feature.h5", VISUAL[..., 0], "avadataset", r"visual_feature\.h5: visual must be of shape"),
        ("visual_feature.h5", AUDIO, "avadataset", r"visual_feature\.h5 must hold visual maps .* got pooled"),
    ],
)
@pytest.mark.parametrize("visual", ["map", "mean"])
def test_bad_features(folder, name, values, key, message, visual):
    write(folder / name, values, key)
    with pytest.raises(ValueError, match=message) as caught:
        load_ave(folder, visual=visual)
    assert str(folder / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("audio_feature.h5", "audio_feature.h5 from https://drive.google.com/file/d/1F6"),
        ("visual_feature.h5", r"visual_feature.h5 from https://drive.google.com/file/d/1hQ.* \(7.7 GB\)"),
        ("Annotations.txt", "Annotations.txt from https://github.com/YapengTian/AVE-ECCV18/tree/master/data"),
        ("val_order.h5", "val_order.h5 from https://github.com/YapengTian/AVE-ECCV18"),
        ("audio_feature_noisy.h5", "audio_feature_noisy.h5 from https://github.com/YapengTian/AVE-ECCV18"),
        ("visual_feature_noisy.h5", "visual_feature_noisy.h5 from https://drive.google.com/file/d/1I3"),
    ],
)
def test_a_missing_file_tells_where_to_get_it(noisy, name, where):
    (noisy / name).unlink()
    with pytest.raises(FileNotFoundError, match=where) as caught:
        load_ave(noisy, background_videos=True)
    assert caught.value.filename == str(noisy)
    if "noisy" in name:
        load(noisy)


def test_all_missing_files_are_told_at_once(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="audio_feature.h5 from .*visual_feature.h5 .*Annotations.txt .*test_order.h5"
    ):
        load_ave(tmp_path)


def test_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_home must be the folder.*nowhere"):
        load_ave(tmp_path / "nowhere")


@pytest.mark.parametrize("split", ["training", "", None, 0, ["train"]])
def test_unknown_splits(folder, split):
    with pytest.raises(ValueError, match=r"split must be one of \['train', 'validation', 'test', 'val', 'all'\], got"):
        load_ave(folder, split=split)


@pytest.mark.parametrize("visual", ["maps", None, 1, ["map"]])
def test_unknown_visual(folder, visual):
    with pytest.raises(ValueError, match="visual must be 'map' or 'mean', got"):
        load_ave(folder, visual=visual)


# A whole release: a miniature, and the AVE dataset's own annotations, splits and label files. These are not part of the
# package, so tests named [AVE] may skip; the twin of each is the same test named [miniature], which always runs.


class Release(NamedTuple):
    """Files in the released layout, and what is known of them."""

    folder: Path
    n_videos: int
    n_segments: int
    n_classes: int
    n_clips: int
    without_event: list  # rows
    splits: dict  # sizes
    leaks: tuple  # video IDs of the training split in the test and in the validation split, and their training rows
    n_ids: int
    n_repeated: int  # IDs of more than one row


MINIATURE = {
    **{"n_videos": 10, "n_segments": T, "n_classes": 4, "n_clips": 3, "without_event": [2]},
    **{"splits": {"train": 6, "validation": 2, "test": 2}, "leaks": (1, 1, 2), "n_ids": 8, "n_repeated": 2},
}
AVE = {
    **{"n_videos": 4143, "n_segments": 10, "n_classes": 29, "n_clips": 178, "without_event": [26]},
    **{
        "splits": {"train": 3339, "validation": 402, "test": 402},
        "leaks": (8, 10, 19),
        "n_ids": 4097,
        "n_repeated": 45,
    },
}


def write_miniature(folder):
    """Write the files that are in REAL_FILES for ten videos and three clips."""
    write_annotations(folder)
    for split, rows in ORDERS.items():
        write(folder / f"{split}_order.h5", np.array(rows), "order")
    for name in ("labels_closs.h5", "mil_labels.h5"):
        write(folder / name, LABEL_FILES[name])
    write(folder / "audio_feature_noisy.h5", AUDIO[:3] + 100)
    write(folder / "labels_noisy.h5", one_hot(["background"] * 3))


@pytest.fixture(params=["miniature", pytest.param("AVE", marks=needs_real_files)])
def release(request, tmp_path):
    """A release whose features are only their row number."""
    if request.param == "miniature":
        write_miniature(tmp_path)
        release = Release(tmp_path, **MINIATURE)
    else:
        for file in REAL_FILES.iterdir():
            (tmp_path / file.name).symlink_to(file)
        release = Release(tmp_path, **AVE)
    rows = np.arange(float(release.n_videos))[:, None, None] * np.ones((release.n_segments, 1))
    write(tmp_path / "audio_feature.h5", rows)
    write(tmp_path / "visual_feature.h5", rows[..., None, None])
    write(tmp_path / "visual_feature_noisy.h5", np.zeros((release.n_clips, release.n_segments, 1, 1, 1)))
    return release


def test_labels_of_the_annotations_are_those_of_the_label_files(release):
    videos = read_annotations(release.folder / "Annotations.txt", release.n_videos, release.n_segments)
    names, labels = class_names(videos), segment_labels(videos, release.n_segments)
    with h5py.File(release.folder / "labels_closs.h5") as closs, h5py.File(release.folder / "mil_labels.h5") as mil:
        np.testing.assert_array_equal(labels != "background", closs["avadataset"][:] == 1)
        categories = names[mil["avadataset"][:].argmax(axis=1)]
    np.testing.assert_array_equal(videos["category"], categories)
    assert len(names) == release.n_classes and names[-1] == "background"
    assert list(np.flatnonzero((labels == "background").all(axis=1))) == release.without_event
    assert check_label_files(release.folder, videos, release.n_segments) == []
    assert check_background_labels(release.folder, release.n_clips, names) == []


@pytest.mark.slow
def test_splits_of_a_release_and_their_leaks(release):
    in_test, in_validation, n_rows = release.leaks
    message = rf"{in_test} are in the test split and {in_validation} are in the validation split too \({n_rows} rows"
    with pytest.warns(UserWarning, match=message) as caught:
        ave = load_ave(release.folder)
    assert len(caught) == 1
    assert len(ave.data) == release.splits["train"]
    assert len(load_ave(release.folder, drop_leaks=True).data) == release.splits["train"] - n_rows
    orders = read_orders(release.folder, release.n_videos)
    assert {split: len(rows) for split, rows in orders.items()} == release.splits
    np.testing.assert_array_equal(ave.data.audio[:, 0, 0], orders["train"])
    np.testing.assert_array_equal(load_ave(release.folder, split="test").data.audio[:, 3, 0], orders["test"])


def test_every_video_of_a_release(release):
    frame = load(release.folder, split="all").frame
    assert (frame["split"] != "").all() and frame["video_id"].nunique() == release.n_ids
    rows = frame.groupby("video_id")
    assert (rows.size() > 1).sum() == release.n_repeated
    assert (rows["category"].nunique() == rows.size()).all() and (rows[["start", "end"]].nunique() == 1).all(axis=None)


def test_background_clips_of_a_release(release):
    with h5py.File(release.folder / "audio_feature_noisy.h5") as file:
        clips = file["avadataset"][:]
    write(release.folder / "audio_feature.h5", np.zeros((release.n_videos, *clips.shape[1:])))
    ave = load_ave(release.folder, background_videos=True, drop_leaks=True)
    n_videos = release.splits["train"] - release.leaks[-1]
    assert len(ave.data) == len(ave.target) == n_videos + release.n_clips
    np.testing.assert_array_equal(ave.data[n_videos:].audio, clips)
