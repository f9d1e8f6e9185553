"""Videos that a command is given: by name, in lists, in folders, and parts of them."""

import io
import os
import sys
from argparse import Namespace

import pytest

from ave_sklearn.cli import main
from ave_sklearn.cli.commands import build_parser
from ave_sklearn.cli.videos import find_shard, find_videos
from ave_sklearn.extraction._shards import Shard


def given(*videos, from_file=(), **options):
    """Arguments as the parser gives them."""
    options = {"recursive": False, "on_error": "raise", "shard": None, **options}
    return Namespace(videos=list(videos), from_file=list(from_file), **options)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder, with videos in folders, a hidden one, others, and links."""
    names = [
        "b.mp4",
        "a.MKV",
        "x/d.webm",
        "x/c.mov",
        "x/y/e.mp4",
        "z/f.ts",
        ".hidden.mp4",
        ".cache/h.mp4",
        "x/.y/i.mp4",
    ]
    for name in [*names, "notes.txt", "x/sound.wav", "mp4", "x/no_suffix"]:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(monkeypatch):
    """The notes that are made."""
    notes = []
    monkeypatch.setattr("ave_sklearn.cli.videos.say", lambda kind, text: notes.append(f"{kind}: {text}"))
    return notes


FOUND = ["a.MKV", "b.mp4", "x/c.mov", "x/d.webm", "x/y/e.mp4", "z/f.ts"]


# ------------------------------------------------------------------ lists
@pytest.mark.parametrize(
    "data",
    [
        b"b.mp4\nx/c.mov\n",
        b"\xef\xbb\xbfb.mp4\r\nx/c.mov\r\n",
        b"\n\n  \nb.mp4\n\t\r\n\nx/c.mov",
        b"b.mp4\rx/c.mov\r",
    ],
)
def test_a_list_has_a_path_a_line(place, data):
    (place / "list.txt").write_bytes(data)
    assert find_videos(given(from_file=["list.txt"])) == ["b.mp4", "x/c.mov"]
    assert find_videos(given("a.MKV", from_file=["list.txt"])) == ["a.MKV", "b.mp4", "x/c.mov"]


def test_paths_of_a_list_are_relative_to_the_current_folder_and_keep_odd_characters(place):
    odd = ['x/é ü,"q".mp4', "x/ two  blanks .mp4", "x/a\u2028b\x0bc.mp4", "#1.mp4"]
    for name in odd:
        (place / name).write_bytes(name.encode())
    (place / "z" / "list.txt").write_text("\n".join([*odd, str(place / "b.mp4")]), encoding="utf-8")
    assert find_videos(given(from_file=["z/list.txt"])) == [*odd, str(place / "b.mp4")]


def test_a_list_comes_from_standard_input(place, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfb.mp4\r\n\r\nnone.mp4\r\n")))
    with pytest.raises(
        FileNotFoundError, match=r"1 of 2 videos .*:\nnone.mp4 \(standard input, line 3\): no such file$"
    ):
        find_videos(given(from_file=["-"]))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xff\n")))
    with pytest.raises(ValueError, match="standard input cannot be read as a list of videos.*: line 2: 'utf-8' codec"):
        find_videos(given(from_file=["-"]))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "list.txt names no videos; wanted a path a line"),
        (b"\n \r\n", "list.txt names no videos"),
        (b"b.mp4\n\xe9.mp4\n", "list.txt cannot be read as a list of videos, UTF-8 text: line 2: 'utf-8' codec"),
        ("b.mp4\n".encode("utf-16"), "list.txt cannot be read as .*: line 1 holds a zero byte"),
        (b"b.mp4\nx\n", r"x \(list.txt, line 2\) is a folder; give the video files in it. With --recursive they are"),
        (
            b"b.mp4\n\n./b.mp4\n",
            r"./b.mp4 \(list.txt, line 3\) is given twice. It is the file b.mp4 \(list.txt, line 1\)",
        ),
    ],
)
def test_a_list_that_is_none_is_refused(place, data, message):
    (place / "list.txt").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        find_videos(given(from_file=["list.txt"]))


def test_all_missing_files_are_named_with_their_lines(place, capsys):
    lines = ["b.mp4", "", *(f"gone{number}.mp4" for number in range(14)), "z/f.ts"]
    (place / "list.txt").write_text("\n".join(lines))
    assert main(["extract", "lost.mp4", "--from-file", "list.txt", "-o", "new"]) == 1
    err = capsys.readouterr().err
    assert "15 of 17 videos cannot be used" in err
    assert "lost.mp4: no such file" in err
    assert [f"gone{number}.mp4 (list.txt, line {number + 3}): no such file" in err for number in range(14)].count(
        True
    ) == 9
    rest = ", ".join(f"gone{number}.mp4 (list.txt, line {number + 3})" for number in range(9, 14))
    assert f"... and 5 more: {rest}\n" in err
    assert not (place / "new").exists()
    with pytest.raises(FileNotFoundError, match="^2 of 2"):
        (place / "list.txt").write_text("p.mp4\nq.mp4\n")
        find_videos(given(from_file=["list.txt"]))
    assert find_videos(given(from_file=["list.txt"], on_error="skip")) == ["p.mp4", "q.mp4"]  # the extractor names them
    assert main(["extract", "--from-file", "none.txt", "-o", "new"]) == 1
    assert capsys.readouterr().err == "ave-sklearn: error: none.txt: No such file or directory\n"


# ---------------------------------------------------------------- folders
def test_folders_are_searched_for_videos_in_order(place, said):
    assert find_videos(given(".", recursive=True)) == FOUND
    assert said == ["note: .: 6 videos are taken, 4 other files are left out"]
    said.clear()
    assert find_videos(given("z", "b.mp4", "x/", recursive=True)) == ["z/f.ts", "b.mp4", *FOUND[2:5]]
    assert said == ["note: x/: 3 videos are taken, 2 other files are left out"]
    (place / "list.txt").write_text("z\na.MKV\n")
    assert find_videos(given(from_file=["list.txt"], recursive=True)) == ["z/f.ts", "a.MKV"]
    assert find_videos(given(".cache", recursive=True)) == [".cache/h.mp4"]
    assert find_videos(given(str(place), recursive=True)) == [str(place / name) for name in FOUND]


def test_links_lead_round_in_no_circle_and_to_no_file_twice(place, said):
    (place / "x" / "up").symlink_to(place, target_is_directory=True)
    (place / "x" / "self").symlink_to("self")
    (place / "z" / "link.mp4").symlink_to(place / "b.mp4")
    (place / "z" / "y").symlink_to(place / "x" / "y", target_is_directory=True)
    found = find_videos(given(".", recursive=True))
    assert [os.path.realpath(name) for name in found] == [str(place / name) for name in FOUND]
    assert said == ["note: .: 6 videos are taken, 6 other files are left out"]
    assert find_videos(given("z", recursive=True)) == ["z/f.ts", "z/link.mp4", "z/y/e.mp4"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_a_pipe_is_left_out_and_a_link_to_nowhere_is_missing(place):
    os.mkfifo(place / "z" / "pipe.mp4")
    assert find_videos(given("z", recursive=True)) == ["z/f.ts"]
    (place / "z" / "gone.mp4").symlink_to("nowhere.mp4")
    with pytest.raises(FileNotFoundError, match=r"1 of 2 videos cannot be used:\nz/gone.mp4 \(in z\): no such file"):
        find_videos(given("z", recursive=True))


def test_folders_without_videos_or_leave_are_refused(place):
    (place / "empty").mkdir()
    (place / "texts").mkdir()
    (place / "texts" / "a.txt").write_text("")
    for name, n_files in [("empty", 0), ("texts", 1)]:
        with pytest.raises(ValueError, match=f"{name} holds no videos: none of its {n_files} files ends in .mp4"):
            find_videos(given(name, recursive=True))
    with pytest.raises(
        ValueError, match=r"^x is a folder; give the video files in it. With --recursive they are found.$"
    ):
        find_videos(given("b.mp4", "x"))


def test_videos_that_several_sources_name_are_all_named(place):
    (place / "list.txt").write_text("x/y/e.mp4\nz/f.ts\n")
    with pytest.raises(ValueError) as caught:
        find_videos(given("x", "z/f.ts", from_file=["list.txt"], recursive=True))
    assert str(caught.value).splitlines() == [
        "2 videos are given twice:",
        "x/y/e.mp4 (list.txt, line 1) is given twice. It is the file x/y/e.mp4 (in x).",
        "z/f.ts (list.txt, line 2) is given twice. It is the file z/f.ts.",
    ]
    with pytest.raises(ValueError, match=r"^x/c.mov is given twice. It is the file x/c.mov \(in x\)."):
        find_videos(given("x", "x/c.mov", recursive=True))


# ------------------------------------------------------------------ parts
@pytest.mark.parametrize("of", range(1, 7))
def test_parts_follow_each_other_and_are_of_equal_length(place, of):
    parts = [find_shard(given(".", recursive=True, shard=(number, of))) for number in range(1, of + 1)]
    assert [video for videos, _ in parts for video in videos] == FOUND
    lengths = [len(videos) for videos, _ in parts]
    assert max(lengths) - min(lengths) <= 1
    digest = Shard.of_list(1, 1, FOUND).videos
    assert [shard for _, shard in parts] == [
        {"shard": number, "of": of, "n_videos": 6, "videos": digest} for number in range(1, of + 1)
    ]


def test_a_part_of_nothing_is_refused_and_says_how_many_videos_there_are(place, capsys):
    for part in ("1/7", "7/7"):
        assert main(["extract", ".", "--recursive", "-o", "new", "--shard", part, "--quiet"]) == 1
        message = f"--shard {part}: there are only 6 videos, so that some of 7 parts would be empty."
        assert capsys.readouterr().err == f"ave-sklearn: error: {message}\n"
    assert not (place / "new").exists()


def test_only_the_videos_of_the_part_must_be_there(place):
    (place / "list.txt").write_text("b.mp4\nelsewhere.mp4\n")
    assert find_videos(given(from_file=["list.txt"], shard=(1, 2))) == ["b.mp4"]
    with pytest.raises(FileNotFoundError, match=r"1 of 1 videos cannot be used:\nelsewhere.mp4 \(list.txt, line 2\)"):
        find_videos(given(from_file=["list.txt"], shard=(2, 2)))


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "2/0", "a/b", "1", "/", "1/", "/2", "1/2/3", "-1/2", "1.0/2", "1/1e3", "²/3"]
)
def test_bad_parts_are_usage_errors(capsys, text):
    with pytest.raises(SystemExit, match="^2$"):
        main(["extract", "a.mp4", "-o", "new", f"--shard={text}"])
    assert "is not of the form K/N" in capsys.readouterr().err


# ------------------------------------------------------------- the parser
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["extract", "-o", "new"], "no videos are given"),
        (["extract", "-o", "new", "--recursive"], "no videos are given"),
        (["predict", "m"], "wanted either videos or --features"),
        (["predict", "m", "a.mp4", "--features", "f"], "wanted either videos or --features"),
        (["predict", "m", "--from-file", "l", "--features", "f"], "wanted either videos or --features"),
    ],
)
def test_no_videos_or_two_kinds_are_usage_errors(capsys, argv, message):
    with pytest.raises(SystemExit, match="^2$"):
        main(argv)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["m", "-o", "x.csv", "a", "b"], ["-o", "x.csv", "m", "a", "b"], ["m", "a", "b"]])
def test_videos_may_follow_options(argv):
    args = build_parser().parse_args(["predict", *argv])
    assert (args.model, args.videos, args.features) == ("m", ["a", "b"], None)


def test_features_may_be_repeated():
    argv = ["--features", "a", "b", "--annotations", "e", "--features", "c"]
    assert build_parser().parse_args(["score", "m", *argv]).features == ["a", "b", "c"]
