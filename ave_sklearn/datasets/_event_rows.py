"""Rows of an event list: read from text, checked, with the row named in every error."""

import math
import numbers

import numpy as np
import pandas as pd

from ave_sklearn._checks import as_float
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal, decimal_column
from ave_sklearn.datasets._text import by_column, one_line_end, read_utf8, split_rows

REQUIRED = ["filename", "onset", "offset", "event_label"]
COLUMNS = [*REQUIRED, "score"]
LINE = ", line"  # with which the name of an index of lines ends
OLD_NAMES = {"video": "filename", "probability": "score"}


def read_table(file):
    """Return the checked events of a file as a DataFrame; see `read_events`.

    Its index has the lines of the file, and the file's name, for `name_row`.
    """
    text = read_utf8(file, "an event list")
    rows = split_rows(text, file, _separator(text), strip=True)
    if not rows:
        raise ValueError(f"{file} is empty; an event list begins with a line of column names, {REQUIRED}.")
    (header_line, header), *rows = rows
    names = _check_columns(header, f"{file}, line {header_line}")
    fields = by_column(names, rows, file)
    events = pd.DataFrame({name: _parse(name, fields[name]) for name in COLUMNS if name in fields})
    events.index = pd.Index([line for line, _ in rows], dtype=int, name=f"{file}{LINE}")
    return _check_events(events, lambda position: name_row(events.index, position))


def check_frame(events, name="events"):
    """Return the events of a DataFrame as `read_table` returns those of a file, with the index that they had."""
    if not isinstance(events, pd.DataFrame):
        raise ValueError(f"{name} must be a DataFrame with the columns {REQUIRED}; got {type(events).__name__}.")
    names, head = _check_columns(events.columns.tolist(), name), f"{name}, row"
    return _check_events(events.set_axis(names, axis=1), lambda position: name_row(events.index, position, head))


def name_row(index, position, head="events, row"):
    """Say which row of events is meant: by its line in the file where `read_table` read them, else by the index."""
    return f"{_head(index, head)} {index[[position]].tolist()[0]!r}"


def name_rows(index):
    """Say which rows of events are meant, as `name_row`."""
    return f"{_head(index, 'events, row')}s {index.tolist()}"


def _head(index, head):
    return index.name if isinstance(index.name, str) and index.name.endswith(LINE) else head


def _separator(text):
    """Return what separates the names in the first line that is not blank."""
    header = one_line_end(text).lstrip("\n").partition("\n")[0]
    return next((separator for separator in "\t;" if separator in header.strip()), ",")


def _parse(name, column):
    """Turn the text of one column into a Series; numbers that cannot be read stay text for the check."""
    if name == "filename":
        return pd.Series(column, dtype="str")
    if name == "event_label":
        return pd.Series([text or None for text in column], dtype="str")
    values = [_number(text) for text in column]
    return pd.Series(values, dtype=None if values else float)


def _number(text):
    """Read a number; nothing is NaN, and what is no number stays text."""
    if not text:
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return text
    return text if math.isnan(value) or "_" in text else value


def _check_columns(columns, where):
    """Return the names of the columns, the new ones for the old; each known, once, and none missing."""
    names = [OLD_NAMES.get(name, name) if isinstance(name, str) else name for name in columns]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    if missing or unknown or len(set(names)) < len(names):
        got = f"got {list(columns)!r:.300}"
        if missing == REQUIRED and not {str(name).lower() for name in names} & set(REQUIRED):
            got = f"there is no header, but {list(columns)!r:.300}"
        raise ValueError(f"{where}: the columns must be {REQUIRED}, each once, and 'score' if wanted; {got}.")
    return names


def _check_events(events, where):
    """Return events whose times are float64, none below 0; each row is an event or a file without one.

    `where` names the row at a position for the error message.
    """
    events = events.assign(event_label=events["event_label"].mask(events["event_label"] == ""))
    names = events["filename"]
    _refuse([not pd.api.types.is_hashable(name) for name in names], where, "filename must be a name", names)
    _refuse(names.isna() | (names == ""), where, "filename is missing")
    for name in events.columns.drop(["filename", "event_label"]):
        events[name] = _check_numbers(events[name], where)
    _refuse(events["onset"] < -TIME_TOLERANCE, where, "onset must be 0 or more", events["onset"])
    events = events.assign(onset=events["onset"].clip(lower=0))
    onset, offset = events["onset"], events["offset"]
    some = events[["onset", "offset", "event_label"]].notna().any(axis=1)
    for name in ("onset", "offset", "event_label"):
        _refuse(some & events[name].isna(), where, f"{name} is missing; leave out all of {REQUIRED[1:]} or none")
    times = events[["onset", "offset"]].to_numpy().tolist()
    _refuse(onset >= offset, where, "the event must end after its onset", times)
    return events


def _check_numbers(column, where):
    """Return a column of numbers as float64, missing ones as NaN."""
    if column.dtype.kind in "iuf":
        values = decimal_column(column)
    else:
        bad = [not isinstance(value, numbers.Real) or isinstance(value, bool) for value in column]
        _refuse(np.array(bad, dtype=bool) & column.notna(), where, f"{column.name} must be a number", column)
        cells = zip(column, column.isna(), strict=True)
        decimals = [np.nan if is_missing else as_float(as_decimal(value)) for value, is_missing in cells]
        values = pd.Series(decimals, index=column.index, name=column.name, dtype=float)
    _refuse(np.isinf(values), where, f"{column.name} must be finite", values)
    return values


def _refuse(bad, where, rule, got=None):
    """Raise ValueError about the first row that is marked bad, if there is one."""
    positions = np.flatnonzero(bad)
    if len(positions):
        value = "" if got is None else f"; got {list(got)[positions[0]]!r:.300}"
        raise ValueError(f"{where(positions[0])}: {rule}{value}.")
