"""Lines of text files, counted as an editor counts them."""

import numpy as np
import pytest

from ave_sklearn.datasets import read_events
from ave_sklearn.datasets._ave_files import _read_lines
from ave_sklearn.datasets._text import read_utf8, split_rows
from ave_sklearn.extraction._folders import read_extractor

HEADER = "filename,onset,offset,event_label"
NO_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"  # str.splitlines ends lines there


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (["a,0,1,dog", "b,2,1,dog"], 3),
        (["a,0,1,dog", "", "", "b,2,1,dog"], 5),
        (['"a{end}a{end}",0,1,dog', "b,2,1,dog"], 5),
        (["a,0,1,dog", 'b,2,1,"dog{end}{end}cat"', "c,0,1,cat"], 3),
        ([f"a{NO_ENDS}a,0,1,d{NO_ENDS}g", "b,2,1,dog"], 3),
    ],
)
def test_a_row_is_named_by_the_line_that_it_begins_in(tmp_path, end, mark, rows, line):
    text = end.join([mark + HEADER, *rows, ""]).replace("{end}", end)
    (tmp_path / "list.csv").write_bytes(text.encode())
    with pytest.raises(ValueError, match=rf"list.csv, line {line}: the event must end after its onset"):
        read_events(tmp_path / "list.csv")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", "\ufeff".encode()])
@pytest.mark.parametrize(("byte", "reason"), [(b"\xff", "line 3: 'utf-8' codec"), (b"\0", "line 3 holds a zero byte")])
def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path, end, mark, byte, reason):
    lines = [mark + b"a", b"b\x0bb", byte, b"c"]
    (tmp_path / "list.csv").write_bytes(end.encode().join(lines))
    with pytest.raises(ValueError, match=reason):
        read_utf8(tmp_path / "list.csv", "a list")


def test_the_separator_is_that_of_the_first_line(tmp_path):
    text = f"{HEADER.replace('event_label', ' event_label')}\x0b\na,0,1,dog\n"
    (tmp_path / "list.csv").write_text(text)
    assert read_events(tmp_path / "list.csv")["event_label"].tolist() == ["dog"]
    (tmp_path / "list.csv").write_bytes(b"\r\rfilename;onset;offset;event_label\ra;0;1;dog\ta\r")
    assert read_events(tmp_path / "list.csv")["event_label"].tolist() == ["dog\ta"]


def test_fields_that_cannot_be_told_apart_are_named_by_the_row_that_they_begin_in():
    with pytest.raises(ValueError, match="f, line 4: the fields cannot be told apart"):
        split_rows('a\n"b\nb"\n"c\nc\n', "f")
    assert split_rows('a\n\n"b\nb"\rc\r\n', "f") == [(1, ["a"]), (3, ["b\nb"]), (5, ["c"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_faults_of_json_are_named_by_their_line(tmp_path, end):
    np.save(tmp_path / "audio.npy", np.zeros(1))
    text = end.join(["{", f'"visual": "{NO_ENDS[5:]}",', '"n_segments": }'])
    (tmp_path / "extractor.json").write_bytes(text.encode())
    with pytest.raises(ValueError, match="extractor.json cannot be read .*: line 3 column 15"):
        read_extractor(tmp_path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_annotations_of_ave_have_the_lines_of_an_editor(tmp_path, end):
    (tmp_path / "a.txt").write_bytes(end.join(["\ufeffa\x0b\u2028", "", "b", ""]).encode())
    assert _read_lines(tmp_path / "a.txt", 100) == ["a\x0b\u2028", "", "b"]
