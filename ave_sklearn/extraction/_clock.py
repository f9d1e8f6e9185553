"""Clock of a video file: when its pictures and its sound begin and end, whatever their time stamps do."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from heapq import heappop, heappush
from typing import NamedTuple

from ave_sklearn.extraction._opening import file_stamp, open_media
from ave_sklearn.extraction._tracks import used_streams

JUMP_BACK = 1.0  # seconds by which the stamps of a stream go back where a recording begins anew
MOST_DELAY = 10.0  # seconds between the decoding and the showing of a frame, at most
JUMP_AHEAD = 10.0  # seconds by which those of all streams go ahead there, in MPEG streams; players take it so too
LONGEST = 1.0  # seconds of a frame whose length nothing tells
MOST_AHEAD = 2.0  # seconds by which one stream of a file may lie before the other
NEAR = 0.5  # seconds within which pictures and sound of a part begin, or end, together
MOST_LEAD_IN = 0.5  # seconds; what begins longer before 0 is no encoder's lead-in
LEAD_IN = 0.1  # seconds of sound before the first picture that are an encoder's lead-in, which few containers tell of
WRAP_TICKS = 2**33  # of 1/90,000 s, after which the stamps of MPEG streams begin at 0 again
WRAP = WRAP_TICKS / 90_000  # seconds
EVEN = 0.1  # seconds up to which stamps of packs are evened out
N_BEFORE = 4  # packets read before the one that is wanted, after which the parser of the stream has found its step
MOST_HELD = 2**26  # bytes of a file in which packets are put in order
APART = 0.5  # seconds between the places at which a stream may be entered, at least
TAIL = 1.0  # seconds before the last frames of an indexed file, from which on it is read to its end


@dataclass
class Ticker:
    """Time stamps of a stream's packets, as they follow each other.

    Attributes
    ----------
    tick : float
        Seconds of a unit of the stamps.
    wraps : bool
        Whether the stamps begin at 0 again after `WRAP`.
    is_even : bool
        Whether the stamps are of packs rather than of frames. Frames then follow each other evenly.
    usual : float
        Seconds of a frame whose packet does not tell; 0 if unknown.
    last, until : float or None
        When the last packet is decoded, in seconds without wraps, and when the next one is if it follows at once.
    """

    tick: float
    wraps: bool
    is_even: bool
    usual: float
    last: float | None = None
    until: float | None = None

    def read(self, packet, near):
        """Return when a packet is decoded, in seconds; of times that a wrap lies between, that nearest to `near`."""
        stamp = self.stamp(packet)
        if stamp is None:
            return self.until if self.is_even else None
        time = stamp * self.tick
        return time + round((near - time) / WRAP) * WRAP if self.wraps and near is not None else time

    def stamp(self, packet):
        """Return the stamp, in ticks, by which packets are put in order; None if there is none."""
        if packet.dts is None or packet.pts is None:
            return packet.pts if packet.dts is None else packet.dts
        is_guess = abs(self.delay(packet)) * self.tick > MOST_DELAY  # FFmpeg counts on where stamps begin anew
        return packet.pts if is_guess else packet.dts

    def take(self, packet, time):
        """Return from when until when a packet is shown or heard, decoded at `time`, which becomes the last one."""
        length = packet.duration * self.tick if packet.duration else self.usual
        if not length and self.last is not None:  # WavPack in Matroska: as far as the one before lies
            length = min(max(0.0, time - self.last), LONGEST)
        if self.is_even and self.usual and abs(length - self.usual) < 1e-3:
            length = self.usual  # that of the packet is rounded, and thousands of them add up
        if self.is_even and self.until is not None and abs(time - self.until) <= EVEN:
            time = self.until
        if packet.dts is not None or self.last is None or time < self.last:  # else shown early, decoded in its turn
            self.last = time
        if self.until is not None or packet.is_keyframe or not self.is_even:  # a fragment is no begin
            self.until = time + length
        delay = (self.delay(packet) if self.stamp(packet) == packet.dts else 0) * self.tick
        return time + delay, time + delay + length

    def delay(self, packet):
        """Return how much later than it is decoded a packet is shown, in ticks; a wrap may lie between."""
        if packet.pts is None or packet.dts is None:
            return 0
        delay = packet.pts - packet.dts
        return delay - round(delay / WRAP_TICKS) * WRAP_TICKS if self.wraps else delay


class Place(NamedTuple):
    """A packet at which the reading of a stream may begin.

    Attributes
    ----------
    part : int
    ordinal : int
        Packets of the stream before this one.
    pos, size : int or None, int
        Byte of the file, None if not known, and bytes of the packet.
    before : int or None
        Byte of an earlier packet, from which on this one is read whole.
    last, until : float or None
        Of the `Ticker`, before this packet.
    """

    part: int
    ordinal: int
    pos: int | None
    size: int
    before: int | None
    last: float | None
    until: float | None


BEGIN = Place(part=0, ordinal=0, pos=None, size=0, before=None, last=None, until=None)


class Entry(NamedTuple):
    """A frame that needs no other, its time in seconds from the begin of the file, and where to read for it."""

    time: float
    place: Place


class Seam(NamedTuple):
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
    n_read : int or None
        Bytes of the file up to its last packet; None if not known.
    """

    offsets: list[float]
    tracks: dict[int, Track]
    is_mpeg: bool
    duration: float
    n_read: int | None


def clock_of(path: str) -> Clock:
    """Return the clock of a file's pictures and sound; that of a file that did not change is remembered.

    Raises
    ------
    ExtractionError
        If it is no file with pictures or sound.
    """
    return _clock(file_stamp(path), path)


@lru_cache(maxsize=64)
def _clock(stamp: tuple[str, int, int], path: str) -> Clock:
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
    return Ticker(float(stream.time_base), is_mpeg(container), container.format.name == "mpeg", frame_length(stream))


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
    stamps = map(_stamp_of, (packet for packet in container.demux(streams) if packet.size))
    for stamp in _in_order(stamps, len(streams)) if is_mpeg(container) else stamps:
        scan.add(stamp)
    return scan


class _Stamp(NamedTuple):
    """A packet without its bytes."""

    stream_index: int
    pts: int | None
    dts: int | None
    duration: int | None
    pos: int | None
    size: int
    is_keyframe: bool


def _stamp_of(packet):
    p = packet
    return _Stamp(p.stream_index, p.pts, p.dts, p.duration, p.pos, p.size, p.is_keyframe)


def _in_order(packets, n_streams):
    """Yield packets in the order in which they lie in the file.

    Pictures come out of a transport stream when the next ones begin, be that minutes later.
    """
    held, last = [], {}  # a heap, and the byte of the last packet of each stream
    for number, packet in enumerate(packets):
        pos = last[packet.stream_index] = packet.pos if packet.pos is not None else last.get(packet.stream_index, 0)
        heappush(held, (pos, number, packet))
        come = min(last.values()) if len(last) == n_streams else 0
        while held and (held[0][0] < come or pos - held[0][0] > MOST_HELD):
            yield heappop(held)[-1]
    yield from (packet for *_, packet in sorted(held))


@dataclass
class _Part:
    """A stretch of a file in which stamps grow: where each stream begins and ends by them, and the latest.

    `so_far` is where the streams of the part before had come to when this one began.
    """

    latest: float
    so_far: dict[int, float] = field(default_factory=dict)
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
        self.seen = {stream.index: deque(maxlen=N_BEFORE) for stream in streams}  # bytes of the last packets
        self.places = {}
        self.part_of = {}
        self.parts = []
        self.n_read = None

    def add(self, packet):
        """Take a packet."""
        index = packet.stream_index
        ticker, ordinal = self.tickers[index], self.counts[index]
        self.counts[index] += 1
        near = ticker.last
        if near is None and self.parts:
            near = self.parts[-1].latest
        time = ticker.read(packet, near)
        if time is None:
            return
        if packet.pos is not None and not self.is_indexed:
            self.n_read = max(self.n_read or 0, packet.pos + packet.size)
        part, time = self._part(index, packet, time)
        place = self._place(index, packet, part, ordinal)
        begin, end = ticker.take(packet, time)
        self._grow(self.parts[part], index, time, begin, end)
        entries = self.tracks[index].entries
        is_new = not entries or entries[-1].place.part != part or begin - entries[-1].time >= APART
        if packet.is_keyframe and is_new and place is not None:
            entries.append(Entry(begin, place))

    def _place(self, index, packet, part, ordinal):
        """Return the last place of a stream that can be found again: this packet, or one before of the same part."""
        ticker = self.tickers[index]
        if not self.is_mpeg:  # such files are read from their begin
            return Place(part, ordinal, None, packet.size, None, ticker.last, ticker.until)
        seen = self.seen[index]
        if packet.pos is not None and packet.pos not in seen:  # the first of the frames that begin there
            before = seen[0] if len(seen) == N_BEFORE else None
            self.places[index] = Place(part, ordinal, packet.pos, packet.size, before, ticker.last, ticker.until)
            seen.append(packet.pos)
        place = self.places.get(index)
        return None if place is None or place.part != part else place

    def _part(self, index, packet, time):
        """Return the part that a packet belongs to, and its time within it."""
        ticker, current, newest = self.tickers[index], self.part_of.get(index), len(self.parts) - 1
        if newest < 0:
            part = 0
        else:
            part, latest = newest, self.parts[newest].latest
            there = ticker.read(packet, latest)
            if current is not None and not self._jumps(time, ticker.last, self.parts[current].latest):
                if current == newest or abs(there - latest) >= abs(time - ticker.last):
                    return current, time
            time = there
            part += current == newest  # else another stream has entered the newest part before
        if part > newest:
            self.parts.append(_Part(time, dict(self.parts[-1].ends) if self.parts else {}))
        ticker.last = ticker.until = None
        self.part_of[index] = part
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
                end = self._edge(self._ends(self.parts[number - 1], part), max, NEAR)
                offset = offsets[-1] + end - self._edge(part.begins, min, NEAR)
            offsets.append(offset)
            for index, end in part.ends.items():
                self.tracks[index].end = max(self.tracks[index].end, end + offset)
        for track in self.tracks.values():
            if not self.is_mpeg and len(self.parts) == 1:
                track.entries.clear()  # the container finds times by itself
            track.entries = [Entry(entry.time + offsets[entry.place.part], entry.place) for entry in track.entries]
            track.entries.sort(key=lambda entry: entry.time)
        pictures, sound = (self.tracks.get(index, Track()).end for index in (self.video, self.audio))
        duration = pictures if self.audio is None else sound * (pictures > 0 or self.video is None)
        return Clock(offsets or [-self.begin], self.tracks, self.is_mpeg, duration, self.n_read)

    def _ends(self, before, part):
        """Return where the streams of a part end when the next begins, without those that go on in it alone."""
        return {
            index: end
            for index, end in before.ends.items()
            if index in part.begins or end < part.so_far.get(index, end) + MOST_AHEAD
        }

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
