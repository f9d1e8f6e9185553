"""Table of predicted events, as the command line shows and writes it."""

import json
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pandas as pd

from ave_sklearn._checks import printable
from ave_sklearn._files import naming_file, whole_file
from ave_sklearn._targets.events import code_events
from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn.extraction._clips import join_clips, video_ends
from ave_sklearn.extraction._folder_writing import check_parent


def check_output_file(file):
    """Refuse a path that cannot be written to, before the work whose result goes there."""
    if check_parent(file).is_dir():
        raise IsADirectoryError(f"{file} is a folder; the name of a file is wanted.")
    with naming_file(file), NamedTemporaryFile(dir=Path(file).parent, prefix=f".{Path(file).name}."):
        pass


def event_rows(localizer, X, clips, grid=WHOLE_SECONDS):
    """List the events of videos that may be cut into clips.

    Parameters
    ----------
    localizer : fitted estimator
    X : AVFeatures
    clips : DataFrame of len(X) rows
        Columns ``filename``, ``start`` (seconds, a multiple of the hop) and, where clips are padded, ``padding``. Of
        segments that two clips share the earlier clip decides. Events end with their video.
    grid : Grid

    Returns
    -------
    rows : DataFrame
        Columns ``filename``, ``onset``, ``offset`` (seconds from the begin of the file), ``event_label`` and
        ``score``, in the order of the files and then of time; a file without events has one row, in which all but the
        name is missing.
    """
    proba = localizer.predict_proba(X)
    stretches = join_clips(proba, clips, grid)
    events = pd.concat([_stretch_events(localizer, *stretch, grid.hop_seconds) for stretch in stretches])
    ends = video_ends(clips, proba.shape[1], grid)
    events["offset"] = np.minimum(events["offset"], ends[events["filename"]].to_numpy())
    return pd.DataFrame({"filename": clips["filename"].unique()}).merge(events, on="filename", how="left")


def _stretch_events(localizer, name, first, proba, hop):
    """Return the events of successive segments of a video, the first of which has the number `first`."""
    codes, scores = proba.argmax(-1)[None], proba.max(-1)[None]
    events = code_events(codes, scores, localizer.classes_, localizer.background_, videos=[name])
    return events.assign(onset=(events["onset"] + first) * hop, offset=(events["offset"] + first) * hop)


def write_rows(rows, file):
    """Write the rows of `event_rows` as JSON if the file's suffix is .json, else as CSV; all of them or none.

    Names and labels are written as they are, those too that a spreadsheet would run as formulas.
    """
    with whole_file(file) as temporary:
        if file.lower().endswith(".json"):
            records = rows.astype(object).where(rows.notna(), None).to_dict("records")
            temporary.write_text(json.dumps(records, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        else:
            rows.to_csv(temporary, index=False)


def format_rows(rows):
    """Return the rows of `event_rows` as an aligned table, a line each below a line of titles."""
    has_event = rows["event_label"].notna()
    cells = {
        "filename": rows["filename"].map(printable),
        "onset": rows["onset"].map("{:g}".format).where(has_event, "-"),
        "offset": rows["offset"].map("{:g}".format).where(has_event, "-"),
        "event_label": rows["event_label"].map(str).map(printable).where(has_event, "(none)"),
        "score": rows["score"].map("{:.3f}".format).where(has_event, "-"),
    }
    columns = [[title, *column] for title, column in cells.items()]
    columns = [_align(column, right=column[0] in ("onset", "offset", "score")) for column in columns]
    return "\n".join("  ".join(line).rstrip() for line in zip(*columns, strict=True))


def format_report(report):
    """Return a DataFrame of scores, whose index are labels, as text."""
    labels = [printable(str(label)) for label in report.index]
    return report.round(3).set_axis(labels).to_string()


def _align(column, right):
    """Fill the cells of a column up to the width of the widest."""
    width = max(map(len, column))
    return [cell.rjust(width) if right else cell.ljust(width) for cell in column]
