"""Errors in time of the readers of pictures and sound, over containers, codecs and starts of clips.

Writes files of 12 s whose pictures carry their number and whose sound is noise that is known for each second, reads
them whole and as clips of 3 s, and prints the largest errors against these clocks, in frames and milliseconds, those
below 0 too early. ``--only WORD`` chooses rows. With ``--long`` it prints what the last clip of a long file costs.

    OMP_NUM_THREADS=1 python benchmarks/media_clocks.py
    OMP_NUM_THREADS=1 python benchmarks/media_clocks.py --long
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
from _tables import print_markdown

from ave_sklearn.extraction._media import probe
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from media_files import FPS, numbers_shown, picture_errors, sound_errors, write_clock  # noqa: E402

SECONDS, CLIP, FRAMES, IMAGE = 12, 3, 16, 64
STARTS = (0.0, 1.0, 2.5, 4.04, 5.3, 7.0, 8.77, 9.0)
ALIKE = 0.5  # sound that is less like the noise is not that sound
LENGTHS = (1, 2, 5, 10, 20)  # minutes
FRAGMENTS = "frag_keyframe+empty_moov"

X264 = {"video": "libx264", "video_options": {"preset": "veryfast", "bf": "3", "b-adapt": "0"}}
OPEN = {"video": "libx264", "video_options": {"preset": "veryfast", "x264-params": "open-gop=1:bframes=3:b-adapt=0"}}
X265 = {"video": "libx265", "video_options": {"preset": "ultrafast", "x265-params": "log-level=none:bframes=3"}}
B_MPEG4 = {"video": "mpeg4", "video_options": {"bf": "2"}}
B_MPEG2 = {"video": "mpeg2video", "video_options": {"bf": "2"}}
MJPEG = {"video": "mjpeg", "pixel_format": "yuvj420p"}
FFV1 = {"video": "ffv1", "pixel_format": "yuv420p"}
VP8 = {"video": "libvpx", "video_options": {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "0"}}
ALT = {
    "video": "libvpx",
    "video_options": {"deadline": "good", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "16"},
}
VP9 = {"video": "libvpx-vp9", "video_options": {"deadline": "realtime", "cpu-used": "8"}}
AAC, AAC44, AC3, MP2 = (
    {"audio": n, "rate": r} for n, r in (("aac", 48000), ("aac", 44100), ("ac3", 48000), ("mp2", 48000))
)
MP3, OPUS, FLAC, PCM = (
    {"audio": n, "rate": r}
    for n, r in (("libmp3lame", 44100), ("libopus", 48000), ("flac", 44100), ("pcm_s16le", 44100))
)
VORBIS = {"audio": "vorbis", "rate": 44100, "layout": "stereo", "audio_options": {"strict": "-2"}}
WMA = {"audio": "wmav2", "rate": 44100, "audio_bit_rate": 64000}
NTSC = {"fps": "30000/1001"}

CASES = [  # suffix, what else is said of the container, pictures and sound
    ("mp4", "", X264, AAC44),
    ("mp4", "open GOP", OPEN, AAC),
    ("mp4", "", X265, AAC),
    ("mp4", "", B_MPEG4, MP3),
    ("mp4", "", VP9, OPUS),
    ("mp4", "29.97 a second", X264 | NTSC, AC3),
    ("mp4", "no edit list", X264 | {"options": {"use_editlist": "0"}}, AAC44),
    ("mov", "", MJPEG, PCM),
    ("mov", "", X264, AAC44),
    ("mp4", "fragments", X264 | {"options": {"movflags": FRAGMENTS}}, AAC44),
    ("mp4", "fragments, default_base_moof", X264 | {"options": {"movflags": FRAGMENTS + "+default_base_moof"}}, AAC44),
    (
        "mp4",
        "fragments, global_sidx",
        X264 | {"options": {"movflags": FRAGMENTS + "+default_base_moof+global_sidx"}},
        AAC,
    ),
    ("mp4", "fragments, dash", X264 | {"options": {"movflags": FRAGMENTS + "+default_base_moof+dash"}}, AAC),
    ("mp4", "fragments, delay_moov", X264 | {"options": {"movflags": FRAGMENTS + "+delay_moov"}}, AAC),
    ("3gp", "", {"video": "mpeg4"}, AAC44),
    ("mkv", "", X264, AAC44),
    ("mkv", "", FFV1, FLAC),
    ("mkv", "29.97 a second", B_MPEG4 | NTSC, AC3),
    ("mkv", "", X265, OPUS),
    ("mkv", "", B_MPEG2, MP2),
    ("webm", "", VP8, VORBIS),
    ("webm", "hidden frames", ALT, OPUS),
    ("webm", "", VP9, OPUS),
    ("avi", "", B_MPEG4, MP3),
    ("avi", "", MJPEG, PCM),
    ("avi", "", X264, AC3),
    ("ts", "", X264, AAC),
    ("ts", "open GOP", OPEN, MP2),
    ("ts", "", B_MPEG2, MP2),
    ("ts", "", B_MPEG4, AAC44),
    ("ts", "", X265, AC3),
    ("ts", "", X264, OPUS),
    ("m2ts", "", X264, AC3),
    ("mpg", "", B_MPEG2, MP2),
    ("mpg", "", {"video": "mpeg1video"}, MP2),
    ("mpg", "", X264, MP3),
    ("vob", "", B_MPEG2, AC3),
    ("vob", "", B_MPEG2, MP2),
    ("flv", "", {"video": "flv"}, MP3),
    ("flv", "", X264, AAC44),
    ("wmv", "", {"video": "wmv2"}, WMA),
    ("asf", "", B_MPEG4, MP3),
    ("ogv", "", VP8, VORBIS),
    ("ogv", "", VP8, OPUS),
    ("nut", "", B_MPEG4, AAC44),
    ("nut", "", FFV1, PCM),
    ("mxf", "", {"video": "mpeg2video"}, {"audio": "pcm_s16le", "rate": 48000}),
    ("wtv", "", B_MPEG2, MP2),
]


class Errors:
    """The largest errors of a read; a picture or sound that is not known again is counted."""

    def __init__(self):
        self.frames, self.picture, self.sound, self.unknown, self.silent = 0, 0.0, 0.0, 0, 0

    def add(self, path, n_segments, start, fps):
        """Read a part of a file and take the errors that are larger than before."""
        pictures, share = read_pictures(path, n_segments, FRAMES, IMAGE, start)
        numbers = numbers_shown(pictures, share, FRAMES).ravel()
        known = numbers >= 0
        frames, seconds = picture_errors(numbers[known], (start + np.arange(n_segments * FRAMES) / FRAMES)[known], fps)
        windows, rate = read_sound(path, n_segments, start)
        sound, alike = sound_errors(windows, rate, start + np.arange(n_segments), far=SECONDS)
        self.frames, self.picture = largest([self.frames, *frames]), largest([self.picture, *(1000 * seconds)])
        self.sound = largest([self.sound, *(1000 * sound[alike > ALIKE])])
        self.unknown += int((~known).sum())
        self.silent += int((alike <= ALIKE).sum())

    def cells(self):
        """Return what a row says."""
        lost = [f"{n} {what} unknown" for n, what in ((self.unknown, "pictures"), (self.silent, "sounds")) if n]
        return [int(self.frames), float(self.picture), float(self.sound), ", ".join(lost)]


def largest(values):
    """Return the value that is farthest from 0."""
    return max(values, key=abs)


def measure(path, fps):
    """Return the cells of a file: read whole, and as clips."""
    cells = []
    for reads in ([(SECONDS, 0.0)], [(CLIP, start) for start in STARTS]):
        errors = Errors()
        try:
            for n_segments, start in reads:
                errors.add(path, n_segments, start, fps)
            cells += errors.cells()
        except Exception as error:
            where = f"from {start:g} s: " if len(reads) > 1 else ""
            cells += ["", "", "", f"{where}{type(error).__name__}: {str(error).split(': ', 1)[-1]}"]
    return cells


def print_errors(words, folder):
    """Write and read each file, and print the table."""
    rows = []
    for number, (suffix, said, pictures, sound) in enumerate(CASES):
        name = f"{suffix}{', ' * bool(said)}{said}: {pictures['video']}, {sound['audio']}"
        if words and not any(word in name for word in words):
            continue
        path = f"{folder}/{number}.{suffix}"
        fps = Fraction(pictures.get("fps", FPS))
        began = time.perf_counter()
        try:
            write_clock(path, SECONDS, gop=37, **(pictures | {"fps": fps}), **sound)
        except Exception as error:
            print(f"not written, {name}: {error}", file=sys.stderr)
            continue
        cells = measure(path, fps)
        try:
            duration = float(probe(path).duration)
        except Exception:
            duration = float("nan")
        rows.append([name, duration, *cells])
        print(f"{time.perf_counter() - began:5.1f} s {name} {cells}", file=sys.stderr, flush=True)
    columns = ["container: pictures, sound", "seconds"]
    for part in ("whole", "clips"):
        columns += [f"{part}: frames", "pictures (ms)", "sound (ms)", "lost"]
    print_markdown(pd.DataFrame(rows, columns=columns, dtype=object), digits=1)


# ------------------------------------------------------------------- what a clip of a long file costs
def write_long(folder, minutes):
    """Write one film as a transport stream, as Matroska, as MP4 and as a program stream; return their paths."""
    paths = {}
    for suffix in ("ts", "mkv", "mp4", "mpg"):
        paths[suffix] = f"{folder}/{minutes}.{suffix}"
        video = {"video": "mpeg2video"} if suffix == "mpg" else {"video": "mpeg4"}
        write_clock(paths[suffix], 60 * minutes, gop=50, size=(64, 48), audio="mp2", rate=32000, **video)
    return paths


def measure_clip(results, path, start):
    """Read a clip of 3 s in a process that has read nothing, and then once more; put what both cost."""
    before, tallies = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    try:
        for _ in range(2):
            packets, frames = count_reads()
            began = time.perf_counter()
            read_pictures(path, CLIP, FRAMES, IMAGE, start)
            read_sound(path, CLIP, start)
            tallies.append([time.perf_counter() - began, packets["read"], frames["decoded"]])
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
        errors = Errors()
        errors.add(path, CLIP, start, FPS)
        cells = errors.cells()
        results.put([*tallies[0][:2], *tallies[1], peak, *cells[1:]])
    except Exception as error:
        results.put([*[""] * 8, f"{type(error).__name__}: {error}"])


def count_reads():
    """Count, from now on, the packets that are read of files and the frames that are decoded."""
    from ave_sklearn.extraction import _opening

    packets, frames = {"read": 0}, {"decoded": 0}

    class Packet:
        """A packet whose frames are counted."""

        def __init__(self, packet):
            object.__setattr__(self, "packet", packet)

        def __getattr__(self, name):
            return getattr(self.packet, name)

        def __setattr__(self, name, value):
            setattr(self.packet, name, value)

        def decode(self):
            found = self.packet.decode()
            frames["decoded"] += len(found)
            return found

    class Container:
        """A container whose packets are counted."""

        def __init__(self, container):
            self.container = container

        def __getattr__(self, name):
            return getattr(self.container, name)

        def demux(self, *args, **kwargs):
            for packet in self.container.demux(*args, **kwargs):
                packets["read"] += 1
                yield Packet(packet)

        def __enter__(self):
            self.container.__enter__()
            return self

        def __exit__(self, *error):
            return self.container.__exit__(*error)

    class Library:
        """PyAV whose containers count."""

        def __getattr__(self, name):
            return getattr(av, name)

        def open(self, *args, **kwargs):
            return Container(av.open(*args, **kwargs))

    _opening.import_av = Library
    return packets, frames


def print_long(lengths, folder):
    """Print what clips at the begin, in the middle and at the end cost, in files of so many minutes."""
    rows, fork = [], multiprocessing.get_context("fork")
    for minutes in lengths:
        for suffix, path in write_long(folder, minutes).items():
            for start in (0, 30 * minutes, 60 * minutes - CLIP):
                results = fork.SimpleQueue()
                process = fork.Process(target=measure_clip, args=(results, path, start))
                process.start()
                rows.append([minutes, suffix, start, *results.get()])
                process.join()
                print(rows[-1], file=sys.stderr, flush=True)
            Path(path).unlink()
    columns = ["minutes", "file", "clip at (s)", "first read (s)", "packets", "second read (s)", "packets"]
    columns += ["frames decoded", "memory (MB)", "pictures (ms)", "sound (ms)", "lost"]
    print_markdown(pd.DataFrame(rows, columns=columns, dtype=object))


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", metavar="WORD", help="rows whose name holds one of these")
    parser.add_argument("--long", nargs="*", type=int, metavar="MINUTES", help="costs of clips; 1 2 5 10 20 if empty")
    args = parser.parse_args()
    av.logging.set_level(av.logging.PANIC)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        if args.long is None:
            print_errors(args.only, folder)
        else:
            print_long(args.long or LENGTHS, folder)


if __name__ == "__main__":
    main()
