"""Several folders of features: read as one, compared, and merged."""

import json
import os
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest

from ave_sklearn._targets.grid import WHOLE_SECONDS, Grid
from ave_sklearn.extraction import VideoFeatureExtractor, merge_features, read_features
from ave_sklearn.extraction._folders import check_recipe, read_extractor, read_grid, read_shard, read_skipped
from ave_sklearn.extraction._shards import Shard

VIDEOS = [f"{letter}.mp4" for letter in "abcdefg"]
PARAMS = {"n_segments": 3, "visual": "efficientnet-lite0", "audio": "log-mel", "preprocessing": "centred"}
NETWORKS = {"visual": "11", "audio": "22"}


def write_folder(folder, names, *, starts=None, params=PARAMS, shard=None, skipped=(), widths=(4, 5), **columns):
    """A folder of clips of three segments, whose features tell their video."""
    folder.mkdir()
    levels = [VIDEOS.index(os.path.basename(name)) for name in names]
    for file, width in zip(("audio.npy", "visual.npy"), widths, strict=True):
        np.save(folder / file, np.ones((1, 3, width), "f4") * np.array(levels, "f4")[:, None, None])
    table = pd.DataFrame({"filename": names, "start": starts or [0.0] * len(names), **columns})
    table.to_csv(folder / "videos.csv", index=False)
    if params is not None:
        (folder / "extractor.json").write_text(json.dumps(params, indent=2) + "\n")
    if shard:
        content = Shard.of_list(*shard, VIDEOS)._asdict()
        (folder / "shard.json").write_text(json.dumps(content))
    if skipped:
        rows = pd.DataFrame({"filename": skipped, "start": 0.0, "error": 'no "sound", none'})
        rows.to_csv(folder / "skipped.csv", index=False)
    return folder


@pytest.fixture
def shards(tmp_path):
    """Three parts of seven videos, the last of which could not be used, and the whole that one run would have made."""
    columns = {"padding": [0.0, 0.25]}
    a = write_folder(tmp_path / "p1", VIDEOS[:3], shard=(1, 3))
    b = write_folder(tmp_path / "p2", VIDEOS[3:5], shard=(2, 3), **columns)
    c = write_folder(tmp_path / "p3", VIDEOS[5:6], shard=(3, 3), skipped=VIDEOS[6:])
    write_folder(tmp_path / "whole", VIDEOS[:6], padding=[0.0, 0, 0, 0, 0.25, 0], skipped=VIDEOS[6:])
    return [a, b, c]


def read_files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


# ----------------------------------------------------------------- as one
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_parts_are_read_in_the_order_of_their_list(shards, order):
    X, clips = read_features(*(shards[number] for number in order))
    assert clips["filename"].tolist() == VIDEOS[:6]
    assert clips["padding"].tolist() == [0, 0, 0, 0, 0.25, 0]
    np.testing.assert_array_equal(X.audio, np.ones((6, 3, 4)) * np.arange(6)[:, None, None])
    assert X.visual.shape == (6, 3, 5)
    assert read_skipped(*shards) == {"g.mp4"}
    assert read_grid(*shards) == WHOLE_SECONDS
    assert read_extractor(*shards).get_params() == VideoFeatureExtractor(**PARAMS).get_params()


def test_folders_that_are_no_parts_keep_their_places_and_nothing_is_read_into_memory(tmp_path):
    b = write_folder(tmp_path / "b", ["b.mp4", "c.mp4"], params={**PARAMS, "hop_seconds": 1.0})
    a = write_folder(tmp_path / "a", ["a.mp4", "x/c.mp4", "c.mp4"], starts=[0.0, 0, 3])
    X, clips = read_features(str(b), a)
    assert clips.to_numpy().tolist() == [["b.mp4", 0], ["c.mp4", 0], ["a.mp4", 0], ["x/c.mp4", 0], ["c.mp4", 3]]
    assert "memory-mapped" in repr(X)
    assert len(joblib.hash(X)) and X[[4, 0]].audio[:, 0, 0].tolist() == [2, 1]


def test_one_part_alone_is_read_but_two_of_three_are_not(shards):
    assert read_features(shards[1])[1]["filename"].tolist() == VIDEOS[3:5]
    assert read_shard(shards[1])[:3] == (2, 3, 7)
    for read in (read_features, read_extractor, read_grid, lambda *folders: merge_features(folders, "none")):
        with pytest.raises(ValueError, match="lack 1 of 3 parts, shard 2/3: there are those of '.*p1', '.*p3'"):
            read(shards[0], shards[2])


def test_parts_that_overlap_are_named(shards, tmp_path):
    again = shutil.copytree(shards[0], tmp_path / "again")
    with pytest.raises(ValueError, match="p1 and .*again are the same part: each is shard 1/3 of 7 videos"):
        read_features(*shards, again)
    with pytest.raises(ValueError, match="p1 is given twice.$"):
        read_features(shards[0], shards[0])
    (tmp_path / "link").symlink_to(shards[0])
    with pytest.raises(ValueError, match="link is given twice. It is the folder .*p1."):
        read_features(shards[0], tmp_path / "link")
    other = write_folder(tmp_path / "other", VIDEOS[4:], shard=(2, 2))
    with pytest.raises(ValueError, match="p1 is shard 1/3 of 7 videos, .*other is shard 2/2 of 7 videos, of the same"):
        read_features(shards[0], other)
    (shards[1] / "shard.json").write_text(json.dumps(Shard.of_list(2, 3, [*VIDEOS[:6], "h"])._asdict()))
    with pytest.raises(ValueError, match="p1 and .*p2 are no parts of one whole: .* of another list"):
        read_features(*shards)
    for shard in shards:
        (shard / "shard.json").unlink()
    whole = tmp_path / "whole"
    with pytest.raises(ValueError, match="p1 and .*whole have 6 clips in common, first that of 'a.mp4' from 0 s"):
        read_features(*shards, whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ("[1]", r"wanted shard \(int\), of \(int\), n_videos \(int\), videos \(str\); got \[1\]"),
        ('{"shard": true, "of": 2, "n_videos": 3, "videos": ""}', "wanted shard"),
        ('{"shard": 1.0, "of": 2, "n_videos": 3, "videos": ""}', "wanted shard"),
        ('{"shard": 0, "of": 2, "n_videos": 3, "videos": ""}', "there is no part 0 of 2 of 3 videos"),
        ('{"shard": 3, "of": 2, "n_videos": 3, "videos": ""}', "there is no part 3 of 2 of 3 videos"),
        ('{"shard": 1, "of": 2, "n_videos": 1, "videos": ""}', "there is no part 1 of 2 of 1 videos"),
        ("[" * 100_000, "recursion|nested"),
        (" " * 1_000_001, "is larger than 1000000 bytes"),
    ],
)
def test_a_shard_json_that_is_none_is_refused_by_name(shards, text, message):
    (shards[2] / "shard.json").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        read_features(*shards)
    assert str(caught.value).startswith(str(shards[2] / "shard.json"))


def test_nothing_and_what_is_no_folder_is_refused(tmp_path, shards):
    with pytest.raises(ValueError, match="no folder of features is given"):
        read_features()
    with pytest.raises(FileNotFoundError, match="none is no folder of features: audio.npy is missing"):
        read_features(shards[0], tmp_path / "none")
    (shards[1] / "videos.csv").unlink()
    (shards[1] / "shard.json").unlink()
    with pytest.raises(FileNotFoundError, match="p2 is no folder of features: videos.csv is missing"):
        merge_features(shards, tmp_path / "new")
    with pytest.raises(TypeError, match="folders is the one path 'x'; wanted a list"):
        merge_features("x", tmp_path / "new")


# ---------------------------------------------------------------- recipes
DIFFERENCES = [
    ({"n_segments": 4}, "n_segments is 3 in A and 4 in B"),
    ({"frames_per_segment": 4}, "frames_per_segment is 16 in A and 4 in B"),
    (
        {"frames_per_segment": 4, "pool": "mean"},
        "frames_per_segment is 16 in A and 4 in B; pool is None in A and 'mean'",
    ),
    ({"hop_seconds": 0.5}, "hop_seconds is 1.0 in A and 0.5 in B"),
    (
        {"visual": "m:net", "preprocessing": "auto"},
        "preprocessing is 'centred' in A and 'imagenet' in B; visual is",
    ),
    ({"short": "pad"}, "short is 'error' in A and 'pad' in B"),
    ({"max_damage": 2}, "max_damage is 0.5 in A and 2 in B"),
    ({"networks": {"visual": "33"}}, "the digest of the weights or the code of visual is '11' in A and '33' in B"),
]
SAME = [
    {"hop_seconds": 1},
    {"segment_seconds": 1.0, "preprocessing": "auto", "networks": {}},
    {"networks": {"audio": "22"}},
    {"weights": "random"},  # which no network takes
    {"image_size": 224},
]


@pytest.mark.parametrize(("change", "message"), DIFFERENCES)
def test_folders_of_different_recipes_are_refused_with_all_differences(tmp_path, change, message):
    a = write_folder(tmp_path / "a", ["a.mp4"], params={**PARAMS, "networks": NETWORKS})
    b = write_folder(tmp_path / "b", ["b.mp4"], params={**PARAMS, "networks": NETWORKS, **change})
    message = message.replace("A", str(a)).replace("B", str(b))
    for read in (read_features, read_extractor, read_grid, lambda *folders: merge_features(folders, tmp_path / "new")):
        with pytest.raises(ValueError, match="are of different recipes: ") as caught:
            read(a, b)
        assert str(caught.value).startswith(f"{a} and {b} are of different recipes: {message}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("change", SAME)
def test_what_comes_to_the_same_is_one_recipe(tmp_path, change):
    a = write_folder(tmp_path / "a", ["a.mp4"], params={**PARAMS, "networks": NETWORKS})
    b = write_folder(tmp_path / "b", ["b.mp4"], params={**PARAMS, **change})
    assert read_features(a, b)[0].n_videos == 2
    check_recipe([a, b], read_extractor(b), "model")
    check_recipe([b, a], read_extractor(a), "model")


def test_weights_count_where_a_network_takes_them(tmp_path):
    a = write_folder(tmp_path / "a", ["a.mp4"], params={"n_segments": 3})
    b = write_folder(tmp_path / "b", ["b.mp4"], params={"n_segments": 3, "weights": "random"})
    with pytest.raises(ValueError, match="weights is 'pretrained' in .* and 'random' in "):
        read_features(a, b)


def test_a_pca_may_lie_elsewhere_on_another_machine(tmp_path):
    params, (one, other) = {"n_segments": 3}, (tmp_path / "1.npz", tmp_path / "2.npz")
    a = write_folder(tmp_path / "a", ["a.mp4"], params={**params, "pca_params": "/there/pca.npz"})
    b = write_folder(tmp_path / "b", ["b.mp4"], params={**params, "pca_params": "C:\\data\\pca.npz"})
    read_features(a, b)
    for folder, pca in ((a, one), (b, other)):
        (folder / "extractor.json").write_text(json.dumps({**params, "pca_params": str(pca)}))
    with pytest.raises(ValueError, match="pca_params is '.*1.npz' in .* and '.*2.npz' in "):
        read_features(a, b)
    one.write_bytes(b"1"), other.write_bytes(b"1")
    read_features(a, b)
    other.write_bytes(b"2")
    with pytest.raises(ValueError, match="pca_params is "):
        read_features(a, b)
    (b / "extractor.json").write_text(json.dumps(params))
    with pytest.raises(ValueError, match="pca_params is '.*1.npz' in .* and None in "):
        read_features(a, b)


def test_folders_without_a_recipe_are_joined_with_each_other_alone(tmp_path):
    a, b = (write_folder(tmp_path / name, [f"{name}.mp4"], params=None) for name in "ab")
    c = write_folder(tmp_path / "c", ["c.mp4"])
    assert read_features(a, b)[0].n_videos == 2
    assert read_grid(a, b) == WHOLE_SECONDS
    with pytest.raises(ValueError, match="a has no extractor.json to compare with that of .*c: how was it extracted"):
        read_features(a, c)
    with pytest.raises(ValueError, match="b has no extractor.json to compare with that of .*c"):
        read_features(c, b)
    with pytest.warns(UserWarning, match="a has no extractor.json: whether its features are such as model takes"):
        check_recipe([a, b], VideoFeatureExtractor(visual="vgg19"), "model")


@pytest.mark.parametrize(("name", "widths"), [("audio", (3, 5)), ("visual", (4, 6))])
def test_features_of_different_shapes_are_refused(tmp_path, name, widths):
    a, b = write_folder(tmp_path / "a", ["a.mp4"]), write_folder(tmp_path / "b", ["b.mp4"], widths=widths)
    message = (
        rf"a and .*b cannot be joined: the {name} features of a clip are of shape \(3, \d\) in .*a and \(3, \d\) in"
    )
    with pytest.raises(ValueError, match=message):
        read_features(a, b)


def test_digests_are_kept_with_the_extractor_and_survive_a_pickle(tmp_path):
    folder = write_folder(tmp_path / "a", ["a.mp4"], params={**PARAMS, "networks": NETWORKS})
    joblib.dump(read_extractor(folder), tmp_path / "extractor.joblib")
    extractor = joblib.load(tmp_path / "extractor.joblib")
    assert extractor.networks_ == NETWORKS
    check_recipe([folder], extractor, "model")
    extractor.networks_ = {"audio": "33"}
    with pytest.raises(ValueError, match="the code of audio is '22' in .*a and '33' in model"):
        check_recipe([folder], extractor, "model")
    for wrong in ("x", {"sound": "1"}, {"audio": 1}, {"audio": "1" * 1001}):
        (folder / "extractor.json").write_text(json.dumps({**PARAMS, "networks": wrong}))
        with pytest.raises(ValueError, match="extractor.json cannot be read .*: networks is .*; wanted the digests"):
            read_extractor(folder)


@pytest.mark.parametrize(("change", "message"), DIFFERENCES)
def test_a_models_recipe_is_compared_but_for_which_clips_are_used(tmp_path, change, message):
    folder = write_folder(tmp_path / "a", ["a.mp4"], params={**PARAMS, "networks": NETWORKS})
    other = write_folder(tmp_path / "b", ["b.mp4"], params={**PARAMS, "networks": NETWORKS, **change})
    extractor = read_extractor(other)
    if set(change) <= {"short", "max_damage"}:
        check_recipe([folder], extractor, "m.joblib")
        return
    if "hop_seconds" in change:
        message = "the features are of segments of 1 s, 1 s apart, but those that B takes are of 1 s, 0.5 s apart."
    with pytest.raises(ValueError, match="^.*a: ") as caught:
        check_recipe([folder], extractor, "m.joblib")
    assert message.replace("A", str(folder)).replace("B", "m.joblib") in str(caught.value)


def test_networks_that_are_no_text_are_not_compared_and_older_models_have_the_defaults(tmp_path):
    folder = write_folder(tmp_path / "a", ["a.mp4"])
    check_recipe([folder], VideoFeatureExtractor(**{**PARAMS, "visual": len}), "model")
    older = VideoFeatureExtractor(**PARAMS)
    state = {name: value for name, value in vars(older).items() if name not in ("short", "max_damage", "precision")}
    loaded = VideoFeatureExtractor.__new__(VideoFeatureExtractor)
    loaded.__setstate__(state)
    check_recipe([folder], loaded, "model")
    assert (loaded.short, loaded.precision) == ("error", "float32")


# ----------------------------------------------------------------- merged
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_merged_parts_have_the_bytes_of_one_run(shards, tmp_path, order):
    X = merge_features([shards[number] for number in order], tmp_path / "new")
    assert read_files(tmp_path / "new") == read_files(tmp_path / "whole")
    assert X.n_videos == 6
    names = {file.name for file in (tmp_path / "new").iterdir()} - set(read_files(tmp_path / "whole"))
    assert names == {".audio.npy.pair", ".visual.npy.pair"}


def test_the_text_of_tables_is_kept_and_grids_of_fractions_too(tmp_path):
    params = {**PARAMS, "hop_seconds": 0.1}
    a = write_folder(tmp_path / "a", ["a.mp4"] * 2, starts=[0.0, 0.3], params=params)
    b = write_folder(tmp_path / "b", ["b.mp4", "x/c.mp4"], starts=[0.7, 0.0], params=params, note=["x", "y"])
    (a / "videos.csv").write_text((a / "videos.csv").read_text().replace("a.mp4", '"a,b ""c"".mp4"'))
    merge_features([a, b], tmp_path / "new")
    text = 'filename,start\n"a,b ""c"".mp4",0.0\n"a,b ""c"".mp4",0.3\nb.mp4,0.7\nx/c.mp4,0.0\n'
    assert (tmp_path / "new" / "videos.csv").read_text() == text
    assert not (tmp_path / "new" / "skipped.csv").exists()
    assert read_grid(tmp_path / "new") == Grid(1.0, 0.1)
    assert read_features(tmp_path / "new")[1].equals(read_features(a, b)[1])


def test_rows_are_copied_in_blocks(shards, tmp_path, monkeypatch):
    monkeypatch.setattr("ave_sklearn._features.files.BLOCK_BYTES", 2 * 3 * 4 * 4)
    sizes = []
    append = "ave_sklearn._features.npy.NpyWriter.append"
    from ave_sklearn._features.npy import NpyWriter

    original = NpyWriter.append
    monkeypatch.setattr(append, lambda self, rows: (sizes.append(len(rows)), original(self, rows))[1])
    merge_features(shards, tmp_path / "new")
    assert max(sizes) == 2
    assert read_files(tmp_path / "new") == read_files(tmp_path / "whole")


@pytest.mark.parametrize("force", [False, True])
def test_a_merge_that_fails_leaves_what_was_there(shards, tmp_path, monkeypatch, force):
    output = tmp_path / "new"
    if force:
        write_folder(output, ["a.mp4"])
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def full(needed):
        raise OSError(28, "no room")

    monkeypatch.setattr("ave_sklearn._features.files.check_disk_space", full)
    with pytest.raises(OSError, match="no room"):
        merge_features(shards, output, force=force)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert output.exists() == force


def test_what_a_killed_merge_left_is_removed(shards, tmp_path):
    left = tmp_path / "new" / ".merge-x"
    left.mkdir(parents=True)
    (left / "audio.npy").write_bytes(b"half")
    merge_features(shards, tmp_path / "new")
    assert not left.exists()
    assert read_files(tmp_path / "new") == read_files(tmp_path / "whole")


def test_where_a_merge_may_go(shards, tmp_path):
    whole = tmp_path / "whole"
    with pytest.raises(FileExistsError, match="whole already holds audio.npy, .*; --force replaces features"):
        merge_features(shards, whole)
    with pytest.raises(ValueError, match="p1 is one of the folders to merge; wanted another one"):
        merge_features(shards, shards[0], force=True)
    with pytest.raises(FileNotFoundError, match="the folder .*none is not there"):
        merge_features(shards, tmp_path / "none" / "new")
    (whole / "shard.json").write_text("{}")
    merge_features(shards, whole, force=True)
    assert not (whole / "shard.json").exists()
    with pytest.raises(ValueError, match="lack 2 of 3 parts, shard 2/3, 3/3"):
        merge_features(shards[:1], tmp_path / "new")
