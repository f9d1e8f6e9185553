"""Clock of a video file: when its pictures and its sound begin and end, whatever their time stamps do."""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ave_sklearn.extraction._opening import file_stamp, open_media
from ave_sklearn.extraction._tracks import used_streams

JUMP_BACK = 1.0  # seconds by which the stamps of a stream go back where a recording begins anew
JUMP_AHEAD = 10.0  # seconds by which those of all streams go ahead there, in MPEG streams; players take it so too
NEAR = 0.5  # seconds within which pictures and sound of a part begin, or end, together
MOST_LEAD_IN = 0.5  # seconds; what begins longer before 0 is no encoder's lead-in
LEAD_IN = 0.1  # seconds of sound before the first picture that are an encoder's lead-in, which few containers tell of
WRAP = 2**33 / 90_000  # seconds after which the stamps of MPEG streams begin at 0 again
EVEN = 0.1  # seconds up to which stamps of packs are evened out
APART = 0.5  # seconds between the places at which a stream may be entered, at least
TAIL = 1.0  # seconds before the last frames of an indexed file, from which on it is read to its end


@dataclass
class Ticker:
    """Time stamps of a stream's packets, as they follow each other.

    Attributes
    ----------
    wraps : bool
        Whether the stamps begin at 0 again after `WRAP`.
    is_even : bool
        Whether the stamps are of packs rather than of frames. Frames then follow each other evenly.
    usual : float
        Seconds of a frame whose packet does not tell; 0 if unknown.
    last, until : float or None
        When the last packet is decoded, in seconds without wraps, and when the next one is if it follows at once.
    """

    wraps: bool
    is_even: bool
    usual: float
    last: float | None = None
    until: float | None = None

    def read(self, packet, near):
        """Return when a packet is decoded, in seconds; of times that a wrap lies between, that nearest to `near`."""
        stamp = packet.pts if packet.dts is None else packet.dts
        if stamp is None:
            return None
        time = float(stamp * packet.time_base)
        return time + round((near - time) / WRAP) * WRAP if self.wraps and near is not None else time

    def take(self, packet, time):
        """Return from when until when a packet is shown or heard, decoded at `time`, which becomes the last one."""
        length = float(packet.duration * packet.time_base) if packet.duration else self.usual
        if self.is_even and self.usual and abs(length - self.usual) < 1e-3:
            length = self.usual  # that of the packet is rounded, and thousands of them add up
        if self.is_even and self.until is not None and abs(time - self.until) <= EVEN:
            time = self.until
        self.last, self.until = time, time + length
        delay = 0.0 if packet.pts is None or packet.dts is None else float((packet.pts - packet.dts) * packet.time_base)
        return time + delay, time + delay + length


@dataclass(frozen=True)
class Entry:
    """A place at which a stream may be entered.

    Attributes
    ----------
    time : float
        Seconds from the begin of the file.
    part : int
    ordinal : int
        Packets of the stream before this one.
    pos, before : int
        Byte of this packet, and of an earlier one, from which on this one is read whole; None if not known.
    last, until : float
        Of the `Ticker`, before this packet.
    """

    time: float
    part: int
    ordinal: int
    pos: int | None
    before: int | None
    last: float | None
    until: float | None


@dataclass(frozen=True)
class Seam:
    """Where a part of a stream begins: the packets before it, and its first stamp."""

    part: int
    ordinal: int
    near: float


@dataclass
class Track:
    """What is known of a stream: its end in seconds, the places to enter it, increasing in time, and its seams."""

    end: float = 0.0
    entries: list[Entry] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)

    def entry(self, time):
        """Return the last entry at `time` or before; None if there is none."""
        number = bisect_right(self.entries, time, key=lambda entry: entry.time)
        return self.entries[number - 1] if number else None


@dataclass
class Clock:
    """The clock of a file.

    Attributes
    ----------
    offsets : list of float
        Seconds to add to the stamps of each part, so that they count from the begin of the file.
    tracks : dict of int to Track
        By the index of a stream: that of the pictures and that of the sound.
    is_mpeg : bool
        Whether it is a transport or program stream, which is entered by bytes: its stamps may wrap or begin anew.
    duration : float
        Seconds until the sound ends; the last picture is held as long. Without sound, until the pictures end.
    """

    offsets: list[float]
    tracks: dict[int, Track]
    is_mpeg: bool
    duration: float


def clock_of(path):
    """Return the clock of a file's pictures and sound; that of a file that did not change is remembered.

    Raises
    ------
    ExtractionError
        If it is no file with pictures or sound.
    """
    return _clock(file_stamp(path), path)


@lru_cache(maxsize=64)
def _clock(stamp, path):
    with open_media(path) as container:
        streams = used_streams(container, path)
        if _is_indexed(container, streams):
            last = min(float(s.index_entries[-1].timestamp * s.time_base) for s in streams)
            container.seek(max(0, int((last - TAIL) * 1e6)))
            scan = _scan(container, streams)
            if len(scan.parts) == 1 and all(s.index in scan.parts[0].ends for s in streams):
                return scan.clock()
            container.seek(min(0, container.start_time or 0))
        return _scan(container, streams).clock()


def is_mpeg(container):
    """Tell whether it is a transport or a program stream."""
    return container.format.name in ("mpegts", "mpeg")


def ticker_of(container, stream):
    """Return the ticker of a stream that nothing was read of."""
    return Ticker(is_mpeg(container), container.format.name == "mpeg", frame_length(stream))


def frame_length(stream):
    """Return the seconds of a frame, 0 if not known."""
    if stream.type == "video":
        return float(1 / stream.average_rate) if stream.average_rate else 0.0
    return stream.codec_context.frame_size / stream.rate if stream.rate else 0.0


def _is_indexed(container, streams):
    """Tell whether the tables of a file list all of its frames."""
    return container.format.name.startswith("mov,") and all(s.frames and len(s.index_entries) for s in streams)


def _scan(container, streams):
    """Read a file on to its end, without decoding it."""
    scan = _Scan(container, streams)
    for packet in container.demux(streams):
        scan.add(packet)
    return scan


@dataclass
class _Part:
    """A stretch of a file in which stamps grow: where each stream begins and ends by them, and the latest."""

    latest: float
    begins: dict[int, float] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)


class _Scan:
    """What the packets of a file tell, one after the other."""

    def __init__(self, container, streams):
        self.is_mpeg = is_mpeg(container)
        self.is_indexed = _is_indexed(container, streams)
        self.begin = max(0.0, (container.start_time or 0) / 1e6)
        self.video = next((stream.index for stream in streams if stream.type == "video"), None)
        self.audio = next((stream.index for stream in streams if stream.type == "audio"), None)
        self.tickers = {stream.index: ticker_of(container, stream) for stream in streams}
        self.tracks = {stream.index: Track() for stream in streams}
        self.counts = {stream.index: 0 for stream in streams}
        self.places = {stream.index: (None, None) for stream in streams}  # bytes of the last two packets
        self.part_of = {}
        self.parts = []

    def add(self, packet):
        """Take a packet."""
        index = packet.stream_index
        if not packet.size:
            return
        ticker, ordinal = self.tickers[index], self.counts[index]
        self.counts[index] += 1
        before, place = self.places[index]
        is_first = packet.pos is not None and packet.pos != place  # of the frames that begin there
        if is_first:
            self.places[index] = place, packet.pos
            before = place
        near = ticker.last
        if near is None and self.parts:
            near = self.parts[-1].latest
        time = ticker.read(packet, near)
        if time is None:
            return
        part, time = self._part(index, packet, time)
        last, until = ticker.last, ticker.until
        begin, end = ticker.take(packet, time)
        self._grow(self.parts[part], index, time, begin, end)
        entries = self.tracks[index].entries
        is_new = not entries or entries[-1].part != part or begin - entries[-1].time >= APART
        if packet.is_keyframe and is_new and (is_first or not self.is_mpeg):
            entries.append(Entry(begin, part, ordinal, packet.pos, before, last, until))

    def _part(self, index, packet, time):
        """Return the part that a packet belongs to, and its time within it."""
        ticker, current, newest = self.tickers[index], self.part_of.get(index), len(self.parts) - 1
        if newest < 0:
            self.parts.append(_Part(time))
        elif current is not None:
            there = ticker.read(packet, self.parts[newest].latest)
            if current < newest and abs(there - self.parts[newest].latest) < abs(time - ticker.last):
                time = there  # another stream has entered it before
            elif not self._jumps(time, ticker.last, self.parts[current].latest):
                return current, time
            elif current == newest:
                self.parts.append(_Part(time))
            else:
                time = there
        ticker.last = ticker.until = None
        part = self.part_of[index] = len(self.parts) - 1
        self.tracks[index].seams.append(Seam(part, self.counts[index] - 1, time))
        return part, time

    def _jumps(self, time, last, latest):
        """Tell whether stamps go back, or go ahead of those of all streams, by more than a recording's own do."""
        return time < last - JUMP_BACK or (self.is_mpeg and time > latest + JUMP_AHEAD)

    def _grow(self, part, index, time, begin, end):
        part.latest = max(part.latest, time)
        part.begins[index] = min(begin, part.begins.get(index, begin))
        part.ends[index] = max(end, part.ends.get(index, end))

    def clock(self):
        """Return the clock: each part follows the one before it, for all streams alike."""
        offsets = []
        for number, part in enumerate(self.parts):
            if number == 0:
                offset = -self._begin(part)
            else:
                before = self.parts[number - 1]
                offset = offsets[-1] + self._edge(before.ends, max, NEAR) - self._edge(part.begins, min, NEAR)
            offsets.append(offset)
            for index, end in part.ends.items():
                self.tracks[index].end = max(self.tracks[index].end, end + offset)
        for track in self.tracks.values():
            if not self.is_mpeg and len(self.parts) == 1:
                track.entries.clear()  # the container finds times by itself
            track.entries = [replace(entry, time=entry.time + offsets[entry.part]) for entry in track.entries]
            track.entries.sort(key=lambda entry: entry.time)
        pictures, sound = (self.tracks.get(index, Track()).end for index in (self.video, self.audio))
        duration = pictures if self.audio is None else sound * (pictures > 0 or self.video is None)
        return Clock(offsets or [-self.begin], self.tracks, self.is_mpeg, duration)

    def _begin(self, part):
        """Return the stamp at which the file begins: that of its first picture, if sound does not begin well before."""
        if self.is_indexed:  # its tables tell of lead-ins
            return self.begin
        begin = self._edge(part.begins, min, LEAD_IN)
        return begin if self.is_mpeg or begin < -MOST_LEAD_IN else max(0.0, begin)

    def _edge(self, times, choose, near):
        """Return when a part begins or ends: with its pictures, or with its sound where that is far from them."""
        edge = choose(times.values())
        return times[self.video] if abs(times.get(self.video, edge + 2 * near) - edge) < near else edge
