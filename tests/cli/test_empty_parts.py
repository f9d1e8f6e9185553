"""Parts of a list of videos of which each video is skipped: they are finished, and have no features."""

import pytest
from helpers import grey, write_video

from ave_sklearn.cli import main
from ave_sklearn.extraction import read_features

NAMES = ["v0.mp4", "v1.mp4", "bad1.mp4", "bad2.mp4", "v2.mp4", "bad3.mp4"]
PARTS = ["part1", "part2", "part3"]
OPTIONS = ["--n-segments", "2", "--audio", "log-mel", "--visual", "empty_greys:means", "--image-size", "8"]
OPTIONS += ["--frames-per-segment", "2", "--quiet"]
FIT = ["--set", "max_epochs=1", "--set", "hidden_size=4", "--random-state", "0", "--quiet"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with videos half of which cannot be read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "empty_greys.py").write_text("def means(pictures):\n    return pictures.mean((2, 3))\n")
    for name in NAMES:
        if name.startswith("bad"):
            (tmp_path / name).write_text("no video")
        else:
            write_video(tmp_path / name, 2.0, 2, (32, 32), picture=grey([220, 40]))
    events = "filename,onset,offset,event_label\nv0.mp4,0,1,dog\nv1.mp4,,,\nv2.mp4,0,2,cat\n"
    (tmp_path / "events.csv").write_text(events)
    return tmp_path


def extract(output, *options, names=NAMES):
    return main(["extract", *names, "-o", output, *OPTIONS, *options])


def extract_parts():
    for number, part in enumerate(PARTS, start=1):
        assert extract(part, "--on-error", "skip", "--shard", f"{number}/3") == 0


def bytes_in(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


def test_a_part_without_a_usable_video_is_a_part_like_any_other(place, capsys):
    assert extract("whole", "--on-error", "skip") == 0
    extract_parts()
    assert sorted(bytes_in(place / "part2")) == ["extractor.json", "shard.json", "skipped.csv", "videos.csv"]
    assert "2 of 2 videos were skipped" in capsys.readouterr().err
    assert main(["merge", "part3", "part2", "part1", "-o", "merged", "--quiet"]) == 0
    assert bytes_in(place / "merged") == bytes_in(place / "whole")
    assert read_features(*PARTS)[1]["filename"].tolist() == ["v0.mp4", "v1.mp4", "v2.mp4"]
    assert main(["fit", "--features", *PARTS, "--annotations", "events.csv", "-o", "m.joblib", *FIT]) == 0
    assert main(["predict", "m.joblib", "--features", *PARTS, "--quiet"]) == 0


def test_such_a_part_alone_says_so(place, capsys):
    extract_parts()
    capsys.readouterr()
    with pytest.raises(ValueError, match="'part2': there are no features, since each video was skipped"):
        read_features("part2")
    assert main(["fit", "--features", "part2", "--annotations", "events.csv", "-o", "m.joblib", *FIT]) == 1
    assert "'part2': there are no features, since each video was skipped" in capsys.readouterr().err
    assert extract("part2", "--on-error", "skip", "--shard", "2/3") == 1
    assert "part2 already holds videos.csv, skipped.csv, extractor.json, shard.json" in capsys.readouterr().err


def test_such_a_part_takes_the_place_of_features_and_gives_it_back(place):
    assert extract("part2", "--on-error", "skip") == 0
    before = sorted(file.name for file in (place / "part2").iterdir())
    assert extract("part2", "--on-error", "skip", "--shard", "2/3", "--force") == 0
    assert sorted(file.name for file in (place / "part2").iterdir()) == sorted(bytes_in(place / "part2"))
    assert extract("part2", "--on-error", "skip", "--force") == 0
    assert sorted(file.name for file in (place / "part2").iterdir()) == before


def test_videos_that_may_not_be_skipped_are_an_error_still(place, capsys):
    assert extract("part2", "--shard", "2/3") == 1
    assert "2 of 2 videos cannot be used" in capsys.readouterr().err and not (place / "part2").exists()
    assert extract("whole", "--on-error", "skip", names=NAMES[2:4]) == 1
    assert not (place / "whole").exists()
