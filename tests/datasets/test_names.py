"""Names of files: which are the same, which nearly are, and which are honestly others."""

import random
import string
import time
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from ave_sklearn.datasets import to_segments
from ave_sklearn.datasets._names import difference, equal_names, match_files, near_names, normal_name

ANNOTATIONS = Path(__file__).parents[3] / "shared" / "ave" / "Annotations.txt"
CAFE, CAFE_NFD = "caf\u00e9.mp4", "cafe\u0301.mp4"
LETTERS = string.ascii_letters + string.digits


def codes(n, length=11, seed=0):
    """Names as YouTube makes them."""
    draw = random.Random(seed)
    return ["".join(draw.choices(LETTERS + "-_", k=length)) for _ in range(n)]


def events(*names):
    return pd.DataFrame(
        [(name, 0.0, 1.0, "dog") for name in names], columns="filename onset offset event_label".split()
    )


# ------------------------------------------------------------------ equal
@pytest.mark.parametrize(
    ("name", "video"),
    [
        (CAFE, CAFE_NFD),
        (CAFE_NFD, CAFE),
        ("./b/x.mp4", "b/x.mp4"),
        ("b/x.mp4", "././b/x.mp4"),
        ("b//x.mp4", "b/x.mp4"),
        ("b/./x.mp4", "b/x.mp4"),
        ("c/../b/x.mp4", "b/x.mp4"),
        ("b\\x.mp4", "b/x.mp4"),
        (".\\b\\\\x.mp4", "b/x.mp4"),
        ("//b/x.mp4", "/b/x.mp4"),
        (" x.mp4", "x.mp4"),
        ("x.mp4", "\tx.mp4\u00a0"),
        ("b/x.mp4", "b/ x.mp4"),
        (f"./b\\ {CAFE}", f"b//{CAFE_NFD} "),
    ],
)
def test_names_equal_but_for_how_they_are_written(name, video):
    assert equal_names([name], ["other.mp4", video]) == {name: video}
    assert to_segments(events(name), ["other.mp4", video], n_segments=1).tolist() == [["background"], ["dog"]]
    assert match_files([name], [video], "list") == ({name: video}, [])


@pytest.mark.parametrize("other", ["X.mp4", "x.MP4", "x", "b/x.mp4", "/x.mp4", "x .mp4", "../x.mp4", "x.mp4/y"])
def test_other_names_are_not_equal(other):
    assert equal_names([other], ["x.mp4"]) == {}


def test_an_exact_name_goes_before_one_written_otherwise():
    names = [CAFE, CAFE_NFD, "x.mp4", " x.mp4"]
    assert equal_names(names, names[::-1]) == {name: name for name in names}


def test_one_video_may_be_named_in_several_ways():
    assert equal_names(["./x.mp4", "x.mp4", "x.mp4 "], ["x.mp4"]) == dict.fromkeys(
        ["./x.mp4", "x.mp4", "x.mp4 "], "x.mp4"
    )


@pytest.mark.parametrize(
    ("names", "videos"),
    [([CAFE], [CAFE, CAFE_NFD]), (["./x.mp4"], ["x.mp4", " x.mp4"]), (["x.mp4"], ["x.mp4", "./x.mp4"])],
)
def test_a_name_that_could_be_two_videos_names_both(names, videos):
    with pytest.raises(ValueError, match="could be each of the videos") as caught:
        equal_names(names, videos)
    assert all(ascii(name) in str(caught.value) for name in names + videos)
    with pytest.raises(ValueError, match="could be each of the videos"):
        to_segments(events(*names), videos, n_segments=1)


def test_names_that_are_no_text_are_compared_as_they_are():
    assert equal_names([1, "1", ("a", 2)], [("a", 2), 1.0]) == {1: 1.0, ("a", 2): ("a", 2)}
    assert to_segments(events(3), [7, 3], n_segments=1).tolist() == [["background"], ["dog"]]


@pytest.mark.parametrize("name", ["", ".", "/", "..", " / ", "\\", "a/..", "\ud800.mp4"])
def test_odd_names_have_a_normal_form(name):
    assert normal_name(normal_name(name)) == normal_name(name)
    assert unicodedata.is_normalized("NFC", normal_name(name))


# ------------------------------------------------------------- base names
@pytest.mark.parametrize(
    ("names", "videos", "same"),
    [
        (["b/1.mp4", "2.mp4"], ["b/1.mp4", "b/2.mp4"], {"b/1.mp4": "b/1.mp4", "2.mp4": "b/2.mp4"}),
        (["b/1.mp4", "b/2.mp4"], ["1.mp4", "b/2.mp4"], {"b/1.mp4": "1.mp4", "b/2.mp4": "b/2.mp4"}),
        (["./1.mp4", "b/2.mp4"], ["1.mp4", "2.mp4"], {"./1.mp4": "1.mp4", "b/2.mp4": "2.mp4"}),
        (["1.mp4", "b/2.mp4"], ["1.mp4", "/data/b/2.mp4"], {"1.mp4": "1.mp4", "b/2.mp4": "/data/b/2.mp4"}),
        ([CAFE, "1.mp4"], [f"b/{CAFE_NFD}", "1.mp4"], {CAFE: f"b/{CAFE_NFD}", "1.mp4": "1.mp4"}),
        (["x.mp4", "1.mp4"], ["b/ x.mp4", "1.mp4"], {"x.mp4": "b/ x.mp4", "1.mp4": "1.mp4"}),
        (["C:\\d\\1.mp4", "2.mp4"], ["v/1.mp4", "v/2.mp4"], {"C:\\d\\1.mp4": "v/1.mp4", "2.mp4": "v/2.mp4"}),
        (["./1.mp4", "1.mp4"], ["b/1.mp4"], {"./1.mp4": "b/1.mp4", "1.mp4": "b/1.mp4"}),
        (["a/1.mp4", "1.mp4"], ["a/1.mp4", "b/1.mp4"], {"a/1.mp4": "a/1.mp4", "1.mp4": "b/1.mp4"}),
    ],
)
def test_base_names_match_what_is_left(names, videos, same):
    assert match_files(names, videos, "list") == (same, [])


def test_files_in_other_folders_match_if_no_other_has_their_name():
    same, moved = match_files(["a/1.mp4", "b/2.mp4"], ["a/1.mp4", "c/2.mp4"], "list")
    assert same == {"a/1.mp4": "a/1.mp4", "b/2.mp4": "c/2.mp4"}
    assert moved == [("b/2.mp4", "c/2.mp4")]


def test_numbered_files_in_other_folders_are_others():
    names = [f"{folder}/{i:03d}.mp4" for folder in ("cam1", "cam3", "cam4") for i in range(5)]
    videos = [f"{folder}/{i:03d}.mp4" for folder in ("cam1", "cam2") for i in range(5)]
    assert match_files(names, videos, "list") == ({name: name for name in names[:5]}, [])


@pytest.mark.parametrize(
    ("names", "videos"),
    [
        (["3.mp4", "1.mp4"], ["3.mp4", "a/1.mp4", "b/1.mp4"]),
        (["3.mp4", "x/1.mp4", "y/1.mp4"], ["3.mp4", "1.mp4"]),
        (["x/1.mp4", "1.mp4"], ["a/1.mp4"]),
    ],
)
def test_base_names_that_are_not_unique_are_refused(names, videos):
    with pytest.raises(ValueError, match="are not unique then: .*1.mp4' there, .*1.mp4' here"):
        match_files(names, videos, "list")


def test_a_name_of_a_skipped_video_is_no_other_video():
    assert match_files(["b/2.mp4", "1.mp4"], ["b/2.mp4", "c/1.mp4"], "list")[0]["1.mp4"] == "c/1.mp4"
    with pytest.raises(ValueError, match="are not unique then: '1.mp4' there, 'c/1.mp4', 'a/1.mp4' here"):
        match_files(["b/2.mp4", "1.mp4"], ["b/2.mp4", "c/1.mp4"], "list", ["a/1.mp4"])
    assert match_files(["b/2.mp4", "a/1.mp4"], ["b/2.mp4", "c/1.mp4"], "list", ["./a/1.mp4"])[0] == {
        "b/2.mp4": "b/2.mp4"
    }
    assert match_files(["a/1.mp4"], ["1.mp4"], "list", ["a/1.mp4"])[0] == {"a/1.mp4": "1.mp4"}  # videos.csv was edited
    both = {CAFE: CAFE, CAFE_NFD: CAFE_NFD}
    assert match_files([*both], [*both], "list", [CAFE, f"./{CAFE}"])[0] == both


# ------------------------------------------------------------- near names
NEAR = [
    ("x.MP4", "x.mp4"),
    ("X.mp4", "x.mp4"),
    ("B/x.mp4", "b/x.mp4"),
    ("x", "x.mp4"),
    ("x.mkv", "x.mp4"),
    ("x.wav", "b/x.mp4"),
    ("x.mp4.mp4", "x.mp4"),
    ("x..mp4", "x.mp4"),
    ("my%20clip.mp4", "my clip.mp4"),
    ("caf%C3%A9.mp4", CAFE),
    ("my  clip.mp4", "my clip.mp4"),
    ("my\u00a0clip.mp4", "my clip.mp4"),
    ("my_clip.mp4", "my-clip.mp4"),
    ("myclip.mp4", "my clip.mp4"),
    ("my clip - 01.mp4", "my_clip_01.mp4"),
    ("cafe.mp4", CAFE),
    ("caf\u00c3\u00a9.mp4", CAFE),
    ("caf\u251c\u2310.mp4", CAFE),
    ("\u0430bc.mp4", "abc.mp4"),
    ("\uff41bc.mp4", "abc.mp4"),
    ("clip\u201301.mp4", "clip-01.mp4"),
    ("a\u200bb.mp4", "ab.mp4"),
    ("\ufeffab.mp4", "ab.mp4"),
    ("clip_1.mp4", "clip_001.mp4"),
    ("1.mp4", "001.mp4"),
    ("0yT5ccD.mp4", "OyT5ccD.mp4"),
    ("kitchenl.mp4", "kitchen1.mp4"),
    ("kitchn_2.mp4", "kitchen_2.mp4"),
    ("kitschen_2.mp4", "kitchen_2.mp4"),
    ("kitthen_2.mp4", "kitchen_2.mp4"),
    ("holidya.mp4", "holiday.mp4"),
    ("recirdung.mp4", "recording.mp4"),
    ("RUhOCu3LNXM.mp4", "RUhOCu4LNXM.mp4"),
    ("8b8jHZX4g0Y.mp4", "8b8jHX4Zg0Y.mp4"),
]
OTHERS = [
    ("001.mp4", "002.mp4"),
    ("001.mp4", "0011.mp4"),
    ("lecture1.mp4", "lecture2.mp4"),
    ("lecture1.mp4", "lecture10.mp4"),
    ("GX010023.MP4", "GX010024.MP4"),
    ("show_S01E02.mp4", "show_S01E03.mp4"),
    ("MyShowS01E02.mp4", "MyShowS01E03.mp4"),
    ("Cam1Take2Run3.mp4", "Cam1Take2Run4.mp4"),
    ("clip_1080p60fps.mp4", "clip_1080p30fps.mp4"),
    ("2023-01-05.mp4", "2023-01-06.mp4"),
    ("1_12.mp4", "11_2.mp4"),
    ("1.5.mp4", "15.mp4"),
    ("angle_-5.mp4", "angle_5.mp4"),
    ("cat.mp4", "car.mp4"),
    ("take_a.mp4", "take_b.mp4"),
    ("sessionA.mp4", "sessionB.mp4"),
    ("part_ii.mp4", "part_iii.mp4"),
    ("left.mp4", "right.mp4"),
    ("male.mp4", "female.mp4"),
    ("indoor.mp4", "outdoor.mp4"),
    ("increasing.mp4", "decreasing.mp4"),
    ("guitar.mp4", "guitars.mp4"),
    ("cam1/001.MP4", "cam2/001.mp4"),
    ("\u304b.mp4", "\u304c.mp4"),  # a mark makes another letter in Japanese, and in Russian
    ("\u043c\u043e\u0439.mp4", "\u043c\u043e\u0438.mp4"),
]


@pytest.mark.parametrize(("name", "video"), NEAR)
def test_a_near_name_is_an_error_that_shows_both(name, video):
    with pytest.raises(ValueError, match="the two nearly are the same: from character") as caught:
        match_files(["other.mp4", name], ["other.mp4", video], "list")
    assert ascii(name) in str(caught.value)
    assert ascii(video) in str(caught.value)
    with pytest.raises(ValueError, match="events: .* nearly are the same"):
        to_segments(events("other.mp4", name), ["other.mp4", video], n_segments=1, unknown="ignore")


@pytest.mark.parametrize(("name", "video"), OTHERS)
def test_another_file_is_not_near(name, video):
    assert near_names([name, "other.mp4"], [video, "other.mp4"], {"other.mp4": "other.mp4"}) == []
    assert near_names([video], [name], {}) == []
    assert to_segments(events(name), [video], n_segments=1, unknown="ignore").tolist() == [["background"]]


@pytest.mark.parametrize(("name", "video"), NEAR)
def test_a_video_that_is_named_has_no_near_names(name, video):
    assert match_files([video, name], [video], "list")[0] == {video: video} | (
        {name: video} if normal_name(name) == normal_name(video) else {}
    )


@pytest.mark.parametrize(
    ("name", "video", "there", "here"),
    [
        ("x.MP4", "x.mp4", "from character 3 of 'x.MP4' and 'x.mp4' on, 'MP'", "'mp'"),
        ("x", "b/x.mp4", "from character 2 of 'x' and 'x.mp4' on, nothing", "'.mp4'"),
        ("cafe.mp4", CAFE_NFD, r"from character 4 of 'cafe.mp4' and 'caf\xe9.mp4' on, 'e'", r"'\xe9'"),
        ("x.mp4", "b/x.mp4", "from character 1 of 'x.mp4' and 'b/x.mp4' on, nothing", "'b/'"),
        ("a\u200bb", "ab", r"from character 2 of 'a\u200bb' and 'ab' on, '\u200b'", "nothing"),
    ],
)
def test_a_difference_is_visible(name, video, there, here):
    assert difference(name, video) == f"{there} stands there and {here} here"


def test_without_any_equal_name_folders_do_not_count():
    assert near_names(["/d/1.MP4"], ["v/1.mp4"], {}) == []
    assert near_names(["/d/1.MP4"], ["v/1.mp4"], {}, any_folder=True) == [("/d/1.MP4", "v/1.mp4")]
    with pytest.raises(ValueError, match=r"'/d/2.MP4' is no video, and 'v/2.mp4' has no events.*\(1 more like that\)"):
        match_files(["/d/1.mp4", "/d/2.MP4", "/d/3.MP4"], ["v/1.mp4", "v/2.mp4", "v/3.mp4"], "list")


def test_what_tells_files_apart_elsewhere_is_no_spelling():
    numbers = [f"{zeros}{i}.mp4" for i in range(1, 6) for zeros in ("", "0")]
    assert near_names([*numbers, "6.mp4"], ["06.mp4"], {name: name for name in numbers}) == []
    assert near_names(["6.mp4"], ["06.mp4"], {}) == [("6.mp4", "06.mp4")]
    short = codes(3000, 4), codes(3000, 4, seed=1)
    assert any(len({name.lower() for name in listed}) < len(set(listed)) for listed in short)
    assert near_names(*short, equal_names(*short)) == []


def test_words_that_have_more_such_neighbours_are_files_of_their_own():
    assert near_names(["walking.mp4"], ["welking.mp4"], {}) == [("walking.mp4", "welking.mp4")]
    assert near_names(["walking.mp4", "wolking.mp4"], ["welking.mp4"], {"wolking.mp4": "wolking.mp4"}) == []
    assert near_names(["walking.mp4"], ["welking.mp4", "wolking.mp4"], {}) == []


def test_codes_are_not_near_by_accident():
    names = codes(3000)
    assert near_names(names[:2000], names[1500:], {name: name for name in names[1500:2000]}) == []


@pytest.mark.skipif(not ANNOTATIONS.is_file(), reason="the annotations of AVE are not there")
def test_names_of_ave_are_not_near_by_accident():
    names = sorted({line.split("&")[1] for line in ANNOTATIONS.read_text().splitlines()})
    assert len(names) == 4097
    assert match_files(names[:2500], names[1500:], "list") == ({name: name for name in names[1500:2500]}, [])
    wrong = {
        i: "".join((names[i][:5], "x" if names[i][5] not in "xX" else "k", names[i][6:])) for i in range(0, 200, 2)
    }
    listed = [wrong.get(i, name) for i, name in enumerate(names)]
    found = near_names(listed, names, equal_names(listed, names))
    assert len(found) > 0.8 * len(wrong)
    assert set(found) <= {(name, names[i]) for i, name in wrong.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["{:05d}.mp4", "recording_{:05d}.mp4", "id{}/video.mp4", "codes"])
def test_ten_thousand_names_take_seconds(kind):
    names = codes(20_000) if kind == "codes" else [kind.format(i) for i in range(20_000)]
    begin = time.process_time()
    assert match_files(names[:10_001], names[10_000:], "list")[0] == {names[10_000]: names[10_000]}
    assert time.process_time() - begin < 20  # 3 s on a machine at rest


# --------------------------------------------------------- of the user's y
def test_unknown_names_are_told_with_the_nearest():
    with pytest.raises(
        ValueError, match=r"'B.mp4' is nearest to 'b.mp4': from character 1 .*'B' stands there and 'b' here"
    ):
        to_segments(events("z", "B.mp4"), ["a.mp4", "b.mp4"], n_segments=1)
    with pytest.raises(ValueError, match=r"'lecture1' is nearest to 'lecture2': from character 8"):
        to_segments(events("lecture1"), ["abc", "lecture2"], n_segments=1)
    with pytest.raises(ValueError, match=r"videos has 'abc'. unknown='ignore' drops them."):
        to_segments(events("lecture1"), ["abc"], n_segments=1)


def test_names_without_folders_are_not_dropped_in_silence():
    with pytest.raises(ValueError, match=r"'x.mp4' is no video, and 'b/x.mp4' has no events"):
        to_segments(events("x.mp4"), ["b/x.mp4"], n_segments=1, unknown="ignore")
    quiet = pd.DataFrame({"filename": ["b/x.mp4"], "onset": None, "offset": None, "event_label": None})
    listed = pd.concat([events("x.mp4"), quiet.astype(events("x").dtypes)])
    y = to_segments(listed, ["b/x.mp4"], n_segments=1, unknown="ignore")
    assert y.tolist() == [["background"]]
