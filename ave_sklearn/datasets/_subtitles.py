"""Events of one video as subtitles, WebVTT or SubRip, and as labels of Audacity."""

import html
import unicodedata

NO_MARKUP = str.maketrans("<>{}", "‹›()")  # SubRip cannot escape what players take for tags


def format_vtt(events):
    """Return events as WebVTT: a cue each, in the order of time, its label escaped.

    Parameters
    ----------
    events : DataFrame
        With `onset` and `offset` in seconds and `event_label`.

    Returns
    -------
    text : str
    """
    cues = [
        f"\n{_clock(onset, '.')} --> {_clock(offset, '.')}\n{html.escape(label, quote=False)}\n"
        for onset, offset, label in _cues(events, 1000)
    ]
    return "".join(["WEBVTT\n", *cues])


def format_srt(events):
    """Return events as SubRip, as `format_vtt`; angle brackets and braces become others that are no markup."""
    return "\n".join(
        f"{number}\n{_clock(onset, ',')} --> {_clock(offset, ',')}\n{label.translate(NO_MARKUP)}\n"
        for number, (onset, offset, label) in enumerate(_cues(events, 1000), start=1)
    )


def format_audacity(events):
    """Return events as labels of Audacity: begin and end in seconds and the label, separated by tabs."""
    micro = 1_000_000
    times = ((divmod(onset, micro), divmod(offset, micro), label) for onset, offset, label in _cues(events, micro))
    return "".join(f"{onset[0]}.{onset[1]:06}\t{offset[0]}.{offset[1]:06}\t{label}\n" for onset, offset, label in times)


def _cues(events, per_second):
    """Yield begin and end in whole parts of a second, the end after the begin, and the label on one line."""
    for row in events.sort_values(["onset", "offset"], kind="stable").itertuples():
        onset = round(row.onset * per_second)
        yield onset, max(round(row.offset * per_second), onset + 1), _one_line(row.event_label)


def _clock(milliseconds, point):
    """Write a time as hours, of two digits or more, minutes, seconds and milliseconds."""
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{point}{milliseconds:03}"


def _one_line(label):
    """Write a label without line breaks, tabs and other control characters; one that has nothing else is "?"."""
    words = " ".join(str(label).split())
    return "".join(char for char in words if unicodedata.category(char) != "Cc") or "?"
