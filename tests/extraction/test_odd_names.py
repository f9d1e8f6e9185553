"""Folders of features of videos whose names hold what a table may not hold bare."""

import pytest
from helpers import write_video

from ave_sklearn.extraction import VideoFeatureExtractor, merge_features, read_features
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_skipped
from ave_sklearn.extraction._shards import Shard

NAMES = ["carriage\rreturn.mp4", 'quo"te, comma.mp4', "line\nbreak.mp4"]
FILES = ["videos.csv", "skipped.csv"]


@pytest.mark.parametrize("with_return", [True, False])
def test_names_of_videos_are_read_as_they_were_written(tmp_path, monkeypatch, with_return):
    monkeypatch.chdir(tmp_path)
    names = NAMES if with_return else NAMES[1:]
    for name in names:
        write_video(tmp_path / name, 2.0, 2, (32, 32))
    (tmp_path / "odd_means.py").write_text("def means(pictures):\n    return pictures.mean((2, 3))\n")
    monkeypatch.syspath_prepend(tmp_path)
    options = {"n_segments": 2, "image_size": 8, "frames_per_segment": 2, "on_error": "skip"}
    extractor = VideoFeatureExtractor(visual="odd_means:means", audio="log-mel", **options)
    clips = [(name, 0.0) for name in [*names, "not\rthere.mp4"]]
    with pytest.warns(UserWarning, match="1 of"):
        write_features("whole", extractor, clips)
    assert read_features("whole")[1]["filename"].tolist() == names
    assert read_skipped("whole") == {"not\rthere.mp4"}
    with pytest.warns(UserWarning, match="1 of"):
        for number, part in ((1, clips[:1]), (2, clips[1:])):
            shard = Shard.of_list(number, 2, [name for name, _ in clips])._asdict()
            write_features(f"part{number}", extractor, part, shard=shard)
    merge_features(["part2", "part1"], "merged")
    for name in FILES:
        assert (tmp_path / "merged" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
