"""Grid of segments: how long each is, and how far from one to the next."""

from dataclasses import dataclass

from ave_sklearn._checks import check_positive
from ave_sklearn._targets.times import TIME_TOLERANCE, as_decimal

LEAST_HOP = 0.001  # seconds, so that segments of 30 days can be numbered, and told apart by times in float64


@dataclass(frozen=True)
class Grid:
    """The segments of a video or clip, in time.

    Segment t stands for the time from ``t * hop_seconds`` to ``(t + 1) * hop_seconds`` in events and labels. Its
    features are of the window that begins there too and lasts `segment_seconds`.

    Attributes
    ----------
    segment_seconds : float
        Length of a window in seconds.
    hop_seconds : float
        From the begin of one window to that of the next, in seconds.
    """

    segment_seconds: float = 1.0
    hop_seconds: float = 1.0

    def span(self, n_segments):
        """Return the seconds from the begin of the first of `n_segments` windows to the end of the last."""
        return (n_segments - 1) * self.hop_seconds + self.segment_seconds

    def number_at(self, start):
        """Return the number of the segment that begins at `start` seconds; None if none begins there."""
        number = round(start / self.hop_seconds)
        return number if abs(number * self.hop_seconds - start) <= TIME_TOLERANCE else None


WHOLE_SECONDS = Grid()


def check_grid(segment_seconds=1.0, hop_seconds=None):
    """Return the grid of two numbers; a hop of None is the length of a segment.

    Raises
    ------
    ValueError
        If one of them is no positive number.
    """
    segment_seconds = check_positive(as_decimal(segment_seconds), "segment_seconds")
    if hop_seconds is None:
        return Grid(segment_seconds, segment_seconds)
    return Grid(segment_seconds, check_positive(as_decimal(hop_seconds), "hop_seconds"))
