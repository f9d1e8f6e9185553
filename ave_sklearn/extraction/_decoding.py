"""Decoding of a stream from a given time on."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import chain, islice
from typing import TYPE_CHECKING

from ave_sklearn._targets.times import TIME_TOLERANCE
from ave_sklearn.extraction._clock import BEGIN, frame_length, ticker_of
from ave_sklearn.extraction._opening import import_av

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ave_sklearn.extraction._clock import Clock

LEAD = 1.0  # seconds before the start of a clip from which decoding begins, so that decoders are under way
GAP = 0.01  # seconds between pictures that are none
STEPS_BACK = (0, 1, 4, 16, 64)  # seconds to go back further where a jump landed too late


def decode(
    container: Any, stream: Any, clock: Clock, start: float, lost: list[Any]
) -> Iterator[tuple[float | None, float | None, Any]]:
    """Yield the frames of a stream from `start` seconds on, or from somewhat earlier.

    Parameters
    ----------
    container : av.container.InputContainer
        Just opened.
    stream : av.stream.Stream
        Of pictures or of sound.
    clock : Clock
        Of the file.
    start : float
        Seconds from the begin of the file.
    lost : list
        Where to note what cannot be decoded: seconds from and until.

    Yields
    ------
    time, until : float or None
        Seconds from the begin of the file.
    frame : av.frame.Frame
    """
    track = clock.tracks[stream.index]
    for back in STEPS_BACK:
        target = start - LEAD - back
        if target <= 0 or track.entries and track.entry(target) is None:
            break
        frames = _frames(_packets(container, stream, clock, target), stream, clock, lost, latest=start)
        first = next(frames, (None,))
        if first[0] is not None and first[0] <= start + TIME_TOLERANCE:
            yield from chain([first], frames)
            return
        lost.clear()
    is_moved = start > LEAD
    # where no picture is marked as a key frame there is nothing to wait for; sound never waits
    for waits in (True, False) if stream.type == "video" else (True,):
        lost.clear()
        if is_moved:  # else it is at its begin, where a jump could miss the first frame
            _rewind(container, clock)
        frames = _frames(_packets(container, stream, clock, None), stream, clock, lost, waits=waits)
        first = next(frames, None)
        if first is not None:
            yield from chain([first], frames)
            return
        is_moved = True


def _frames(packets, stream, clock, lost, latest=None, waits=True):
    """Yield when each frame is shown or heard, from and until, and the frame.

    Parameters
    ----------
    packets : iterator
        Of `_packets`.
    latest : float or None
        After a jump, the seconds by which the first frame must begin. The packets before may be fragments then.
    waits : bool
        Whether pictures before the first key frame are left out: some decoders make up what such pictures refer to.
    """
    error, output = import_av().FFmpegError, _Output(stream, clock, lost)
    waits = is_waiting = waits and stream.type == "video"
    for packet, time, until in packets:
        if is_waiting and packet.size:
            if latest is not None and time is not None and time > latest + TIME_TOLERANCE:
                return
            if not packet.is_keyframe:
                output.expect(time, is_left_out=True)
                continue
            is_waiting = False
        output.expect(time)
        try:
            frames = packet.decode()
        except error:
            if time is not None and (latest is None or time >= latest):
                output.lose(time, until)
            if waits and output.end is None:
                is_waiting = True
                stream.codec_context.flush_buffers()  # what follows refers to what is lost
            continue
        output.take_in(time)
        for frame in frames:
            latest = None
            yield *output.place(frame), frame


class _Output:
    """When the frames that come out of a decoder are shown or heard, and which pictures do not come out.

    Attributes
    ----------
    end : float or None
        When the last frame ends, in seconds from the begin of the file.
    """

    def __init__(self, stream, clock, lost):
        self.origin, self.lost, self.usual = clock.offsets[0], lost, frame_length(stream)
        self.is_video = stream.type == "video"
        self.is_by_turns, self.turns = _shows_by_turns(stream), []
        self.has_gaps = not clock.is_mpeg  # streams that are cut anywhere may lack what their first pictures refer to
        self.first = self.end = None

    def expect(self, time, *, is_left_out=False):
        """Note that the frame of a packet is due at `time`; the first one says where the pictures are to begin."""
        if self.first is None and (self.has_gaps or not is_left_out):
            self.first = time

    def take_in(self, time):
        """Note that a packet, decoded at `time`, is in the decoder."""
        if self.is_by_turns and time is not None:
            heappush(self.turns, time)

    def lose(self, time, until):
        """Note that a packet cannot be decoded; pictures that refer to it do not come out either, or later."""
        self.lost.append((time, until))
        self.has_gaps = True

    def place(self, frame):
        """Return when a frame is shown or heard, from and until; what has no stamp follows at once."""
        begin = self.end if frame.time is None else frame.time + self.origin
        begin = heappop(self.turns) if self.turns else begin
        if begin is None:
            return None, None
        since = self.first if self.end is None else self.end
        if self.is_video and self.has_gaps and since is not None and begin > since + GAP:
            self.lost.append((since, begin))
        self.has_gaps = self.has_gaps and bool(self.lost)
        self.end = begin + (float(frame.duration * frame.time_base) if frame.duration else self.usual)
        if frame.is_corrupt:
            self.lost.append((begin, self.end))
        return begin, self.end


def _shows_by_turns(stream):
    """Tell whether a file stamps pictures with the order of decoding alone, and that is another one: H.264 in AVI.

    The pictures come out in the order in which they are shown; each takes the earliest stamp that is left.
    """
    codec = stream.codec_context
    return stream.container.format.name == "avi" and codec.name in ("h264", "hevc") and bool(codec.has_b_frames)


def _packets(container, stream, clock, target):
    """Return the packets of a stream from `target` seconds on, or from somewhat earlier; for None from where it is.

    Returns
    -------
    packets : iterator
        Of `_run_on`.
    """
    track, ticker = clock.tracks[stream.index], ticker_of(container, stream)
    entry = None if target is None else track.entry(target)
    if entry is not None:
        packets = _from_place(container, stream, clock, entry.place)
        return _run_on(packets, clock, track, ticker, entry.place)
    if target is not None:
        container.seek(int((target - clock.offsets[0]) * 1e6))
    return _run_on(container.demux(stream), clock, track, ticker, BEGIN)


def _run_on(packets, clock, track, ticker, place):
    """Yield packets whose stamps run on where those of the file begin anew or wrap.

    Parameters
    ----------
    packets : iterator of av.Packet
        The first one lies at `place`.
    clock : Clock
    track : Track
    ticker : Ticker
    place : Place

    Yields
    ------
    packet : av.Packet
    time, until : float or None
        Seconds from the begin of the file.
    """
    ordinal, part, near = place.ordinal, place.part, place.last
    ticker.last, ticker.until = place.last, place.until
    seams = {seam.ordinal: seam for seam in track.seams}
    for packet in packets:
        if not packet.size:
            yield packet, None, None
            continue
        if ordinal in seams:
            part, near = seams[ordinal].part, seams[ordinal].near
            ticker.last = ticker.until = None
        ordinal += 1
        time = ticker.read(packet, near)
        if time is None:
            yield packet, None, None
            continue
        begin, end = ticker.take(packet, time)
        near, offset = ticker.last, clock.offsets[part]
        _move(packet, ticker, begin + offset - clock.offsets[0])
        yield packet, begin + offset, end + offset


def _move(packet, ticker, time):
    """Move the stamps of a packet, if it has any, so that it is shown or heard at `time`, in seconds."""
    stamp = ticker.stamp(packet)
    if stamp is None:
        return
    delay = ticker.delay(packet) if stamp == packet.dts else 0
    moved = round(time / ticker.tick) - delay
    if moved != stamp or ticker.wraps:
        packet.dts, packet.pts = moved, moved + delay


def _from_place(container, stream, clock, place):
    """Return the packets from a place on; none if it is not found again."""
    if not clock.is_mpeg or place.before is None:
        _rewind(container, clock)
        return islice(container.demux(stream), place.ordinal, None)
    container.seek(place.before, unsupported_byte_offset=True)
    packets = container.demux(stream)
    for packet in packets:
        if packet.pos is not None and packet.pos >= place.pos:
            return chain([packet], packets) if (packet.pos, packet.size) == (place.pos, place.size) else iter(())
    return iter(())


def _rewind(container, clock):
    """Go to the begin of a file."""
    if clock.is_mpeg:
        container.seek(0, unsupported_byte_offset=True)
    else:
        container.seek(min(0, container.start_time or 0))
