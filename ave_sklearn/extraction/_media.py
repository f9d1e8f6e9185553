"""Length of a video file, and what reading it finds."""

import math
import threading
from dataclasses import dataclass, field

from ave_sklearn._targets.grid import WHOLE_SECONDS
from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn.extraction._clock import clock_of
from ave_sklearn.extraction._opening import ExtractionError, file_stamp, open_media
from ave_sklearn.extraction._tracks import audio_stream, track_notes, video_stream

END_TOLERANCE = 0.5  # share of a window at the end of a video: windows that lack less of themselves are used
MOST_UNREAD = 0.2  # share of a file that may lie behind its last packet without a word: indexes do
MAX_DURATION = 30 * 24 * 3600.0  # seconds
MOST_KNOWN = 100_000  # files that are remembered, some 500 bytes each


class TooShort(ExtractionError):
    """A video ends before the last segment that is wanted of it."""


@dataclass(frozen=True)
class MediaInfo:
    """What is known of a video file before it is decoded.

    Attributes
    ----------
    duration : float
        Seconds until the sound ends; the last picture is held as long.
    sample_rate : int
        Samples of sound a second.
    notes : tuple of str
        What is worth knowing, such as which of several tracks is used.
    warnings : tuple of str
        What the user should know.
    """

    duration: float
    sample_rate: int
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Findings:
    """What reading a clip found.

    Attributes
    ----------
    held : float
        Seconds of the clip for which the last picture is held, because the pictures end before the sound.
    padding : float
        Seconds that were added behind the end of the video.
    damage : float
        Seconds that could not be decoded and were skipped, of pictures or of sound, whichever is more.
    warnings : list of str
        What the user should know, without the name of the file.
    """

    held: float = 0.0
    padding: float = 0.0
    damage: float = 0.0
    warnings: list[str] = field(default_factory=list)


_known, _lock = {}, threading.Lock()  # MediaInfo by the stamp of a file


def remember(stamp, info):
    """Take over what is known of one state of a file, a `file_stamp`, so that `probe` need not read it."""
    with _lock:
        while len(_known) >= MOST_KNOWN:
            del _known[next(iter(_known))]
        _known[stamp] = info


def probe(path):
    """Return what a video file holds and how long it lasts; a file is read once, and again when it has changed.

    Parameters
    ----------
    path : str

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    ExtractionError
        Of `_probe`; such a file is read each time.
    """
    stamp = file_stamp(path)
    info = _known.get(stamp)
    if info is None:
        remember(stamp, info := _probe(path))
    return info


def _probe(path):
    """Read what a video file holds and how long it lasts, without decoding it.

    Parameters
    ----------
    path : str

    Returns
    -------
    info : MediaInfo

    Raises
    ------
    ExtractionError
        If it is no video, has no pictures or no sound, or declares more of them than any camera makes.
    """
    with open_media(path) as container:
        video_stream(container, path)
        audio = audio_stream(container, path)
        clock, size = clock_of(path), container.size
        if clock.duration > MAX_DURATION:
            raise ExtractionError(f"declares {clock.duration:.0f} s; wanted at most {MAX_DURATION:.0f} s.", path)
        warnings = ()
        if clock.n_read is not None and size - clock.n_read > MOST_UNREAD * size:  # as of joined files, often
            warnings = (f"FFmpeg reads {clock.n_read} of its {size} bytes",)
        return MediaInfo(clock.duration, int(audio.rate), track_notes(container, path), warnings)


def count_windows(seconds, grid):
    """Return how many windows of a grid that many seconds of a video fill; the last may lack less than half of itself.

    What `cut_clips` cuts, what the extractor takes and which segments of a padded clip are real all go by it.
    """
    missing = END_TOLERANCE * grid.segment_seconds
    return max(0, math.ceil((seconds - missing) / grid.hop_seconds - TIME_TOLERANCE))


def check_length(path, what, duration, n_segments, start=0.0, grid=WHOLE_SECONDS, *, pad=False):
    """Raise `TooShort` if half of the last of `n_segments` windows from `start` on is missing, or more.

    With `pad` the first window decides: without it there is nothing to be filled up.
    """
    n_wanted = 1 if pad else n_segments
    if count_windows(duration - start, grid) < n_wanted:
        after = f" from {start:g} s on" if start else ""
        hop = f", {grid.hop_seconds:g} s apart" if grid.hop_seconds != grid.segment_seconds else ""
        last = "the first, for the others to be padded," if pad else "the last"
        raise TooShort(
            f"{what} lasts {duration:.2f} s; wanted {n_segments} segments of {grid.segment_seconds:g} s{hop} "
            f"(n_segments={n_segments}){after}, of which {last} may lack less than "
            f"{END_TOLERANCE * grid.segment_seconds:g} s.",
            path,
        )


def note_damage(path, what, lost, start, stop, max_damage, findings):
    """Note how much of a clip cannot be decoded, or raise an ExtractionError if that is too much.

    Parameters
    ----------
    path, what : str
    lost : list of (float, float)
        Seconds from and until.
    start, stop : float
        Of the clip.
    max_damage : float
        Seconds.
    findings : Findings
    """
    damage, covered = 0.0, start
    for begin, end in sorted(lost):
        begin, end = max(begin, covered), min(end, stop)
        if end > begin:
            damage, covered = damage + end - begin, end
    if damage > max_damage + TIME_TOLERANCE:
        raise ExtractionError(
            f"{damage:.2f} s of its {what}, between {start:g} and {stop:g} s, cannot be decoded; wanted at most "
            f"max_damage={max_damage:g} s.",
            path,
        )
    if damage > TIME_TOLERANCE:
        findings.damage = max(findings.damage, damage)
        findings.warnings.append(f"{damage:.2f} s of its {what} cannot be decoded and are left out")
