"""Text files: those that come with the datasets, and those of strangers."""

import csv
import io
import re
from importlib import resources
from pathlib import Path

from ave_sklearn._files import reading


def read_text(name):
    """Read a text file of the folder `data`."""
    return (resources.files(__package__) / "data" / name).read_text(encoding="utf-8")


def read_utf8(file, what):
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    ValueError
        If it is no such text, or holds a zero byte: text in UTF-16 does.
    """
    with reading(file, f"{what}, UTF-8 text"):
        return decode_utf8(Path(file).read_bytes())


def decode_utf8(data):
    """Return text of bytes in UTF-8, with or without a byte order mark; a ValueError names the line."""
    if b"\0" in data:
        raise ValueError(f"line {_line_at(data, data.index(0))} holds a zero byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"line {_line_at(error.object, error.start)}: {error}") from error


def _line_at(data, position):
    """Return the number of the line that a byte lies in; lines end as `one_line_end` has it."""
    return len(re.findall(rb"\r\n|\r|\n", data[:position])) + 1


def one_line_end(text):
    r"""Return text whose lines end in \n; \r\n, \r and \n end a line, as in an editor, and nothing else does."""
    return re.sub(r"\r\n?", "\n", text)


def numbered_lines(text):
    """Return the lines of text that are not blank, with their numbers from 1 on; they end as `one_line_end` has it."""
    lines = enumerate(one_line_end(text).split("\n"), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def split_rows(text, file, separator=",", *, strip=False):
    """Split text into rows of fields.

    Parameters
    ----------
    text : str
    file : path
        What errors call it.
    separator : str, default=","
    strip : bool, default=False
        Whether blanks around fields are dropped.

    Returns
    -------
    rows : list of (int, list of str)
        The number of the line that a row begins in, and its fields; blank lines are left out.

    Raises
    ------
    ValueError
        If a quote is never closed, or a field is longer than 131,072 characters. The message names the line in which
        the row begins.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=strip, strict=True)
    rows, begin = [], 1
    try:
        for row in reader:
            rows.append((begin, [field.strip() for field in row] if strip else row))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{file}, line {begin}: the fields cannot be told apart: {error}.") from error
    return [(line, row) for line, row in rows if len(row) > 1 or any(row)]


def write_table(table, file):
    """Write a DataFrame as CSV, without its index, so that `split_rows` reads the same texts.

    Fields are quoted where they must be; all are where one holds a carriage return, which csv leaves bare before
    Python 3.13, and which ends a row then.
    """
    texts = table.select_dtypes(exclude="number").astype(str)
    has_returns = texts.map(lambda text: "\r" in text).any(axis=None)
    table.to_csv(file, index=False, quoting=csv.QUOTE_ALL if has_returns else csv.QUOTE_MINIMAL)


def by_column(names, rows, file):
    """Return the fields of rows by the names of their columns, as a dict of tuples.

    Raises
    ------
    ValueError
        If a row has more or fewer fields than there are columns.
    """
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(
                f"{file}, line {line}: a row must have {len(names)} fields, {names!r:.300}; got {row!r:.300}."
            )
    columns = zip(*(row for _, row in rows), strict=True) if rows else [()] * len(names)
    return dict(zip(names, columns, strict=True))
