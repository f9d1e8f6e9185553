"""Media files to damage: videos of several containers, and sound alone."""

import struct
import sys
import warnings
from pathlib import Path

import numpy as np
from damaged_rule import EITHER, WrongResultError

sys.path.insert(0, str(Path(__file__).parents[1]))
from helpers import has_encoder, write_video  # noqa: E402

from ave_sklearn.extraction import VideoFeatureExtractor, cut_clips  # noqa: E402
from ave_sklearn.extraction._sound import read_sound  # noqa: E402

N_SEGMENTS = 2
RATES = (0, -1, 1, 7, 2**15, 192_000, 768_001, 5 * 10**8, 2 * 10**9, 2**31 - 1, 2**31, 2**32 - 1)
SIZES = (0, 1, 3, 16, 33, 4096, 16_384, 2**15, 2**16 - 1, 2**31, 2**32 - 1)


def mean_of_pictures(pictures):
    """Stand in for VGG-19: two features of each picture."""
    return pictures.mean((2, 3))[:, :2]


def mean_of_sound(examples):
    """Stand in for VGGish: a feature of each second."""
    return examples.mean((2, 3))


class MediaFiles:
    """Videos and sounds, read by `VideoFeatureExtractor`."""

    name = "media"
    variants = ("mp4", "mp4", "mkv", "mkv", "avi", "wav")

    def make(self, folder, variant):
        """Write a file of 2.2 seconds, and a good one for `on_error="skip"`."""
        options = {"seconds": 2.2, "size": (32, 32), "rate": 16000}
        if variant == "wav":
            options["with_video"] = False
        if variant != "mp4":
            options["audio_codec"] = "pcm_s16le"
        elif has_encoder("libx264"):
            options["video_codec"] = "libx264"
        write_video(folder / f"video.{variant}", **options)
        if variant != "wav":
            (folder / f"good.{variant}").write_bytes((folder / f"video.{variant}").read_bytes())

    def targets(self, folder):
        """Return the files that may be damaged."""
        return list(folder.glob("video.*"))

    def read(self, folder, variant, rng):
        """Extract the features; in half of the cases beside a good file, with `on_error="skip"`."""
        file = folder / f"video.{variant}"
        if variant == "wav":
            seconds, rate = read_sound(str(file), N_SEGMENTS)
            return {"seconds": seconds, "rate": rate}
        skip = rng is not None and bool(rng.integers(2))
        extractor = VideoFeatureExtractor(
            visual=mean_of_pictures,
            audio=mean_of_sound,
            n_segments=N_SEGMENTS,
            image_size=8,
            frames_per_segment=2,
            on_error="skip" if skip else "raise",
            device="cpu",
        )
        if not skip:
            return features_of(extractor, cut_clips([file], N_SEGMENTS))
        good = folder / f"good.{variant}"
        clips = [(str(good), 0.0), *cut_clips([file], N_SEGMENTS)[:3]]
        found = features_of(extractor, clips)
        alone = features_of(extractor, clips[:1])
        if not all(np.array_equal(found[name][:1], alone[name]) for name in found):
            raise WrongResultError("the good video beside it has other features")
        if len(found["audio"]) == 1:
            raise ValueError(extractor_says(extractor, clips))
        return {name: value[1:2] for name, value in found.items()}

    def damages(self, file):
        """Return the damage that only such a file can come to."""
        own = {".mkv": (mkv_number, mkv_number), ".mp4": (mp4_box, mp4_box), ".wav": (wav_field,)}
        return own.get(file.suffix, (small_numbers,))


def features_of(extractor, clips):
    """Return what the extractor makes of the first three clips."""
    X = extractor.transform(clips[:3])
    return {"audio": X.audio[:2], "visual": X.visual[:2]}


def extractor_says(extractor, clips):
    """Return the error of a video that was skipped."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        extractor.transform(clips)
    return "; ".join(str(warning.message) for warning in caught)


def mkv_number(rng, file):
    """A number in the header of a Matroska file is another."""
    data = file.read_bytes()
    marks = {
        "rate": b"\xb5\x88",
        "channels": b"\x9f\x81",
        "width": b"\xb0\x81",
        "height": b"\xba\x81",
        "scale": b"\x2a\xd7\xb1\x83",
    }
    marks |= {"duration": b"\x44\x89\x88", "bits": b"\x62\x64\x81", "default": b"\x23\xe3\x83\x84"}
    found = [name for name, mark in marks.items() if mark in data]
    name = found[rng.integers(len(found))]
    at = data.index(marks[name]) + len(marks[name])
    if name in ("rate", "duration"):
        value = float(rng.choice([*RATES, np.nan, np.inf, -np.inf, 1e308, 0.1]))
        raw = struct.pack(">d", value)
    else:
        width = marks[name][-1] & 0x7F
        value = SIZES[rng.integers(len(SIZES))] % 256**width
        raw = value.to_bytes(width, "big")
    file.write_bytes(data[:at] + raw + data[at + len(raw) :])
    return f"{name} is {value}", EITHER


def mp4_box(rng, file):
    """A field of one of the boxes of an MP4 file is another, or its size is."""
    data = file.read_bytes()
    names = [
        b"mvhd",
        b"mdhd",
        b"tkhd",
        b"stsz",
        b"stts",
        b"stsc",
        b"stco",
        b"ctts",
        b"elst",
        b"mp4a",
        b"avc1",
        b"mp4v",
        b"esds",
    ]
    places = [(name, at) for name in names for at in find_all(data, name)]
    name, at = places[rng.integers(len(places))]
    if rng.random() < 0.2:
        place, what = at - 4, "size"
    else:
        size = int.from_bytes(data[at - 4 : at], "big")
        place = at + 4 + 2 * int(rng.integers(max(1, min(size - 8, 60) // 2)))
        what = f"byte {place - at}"
    value, width = int((RATES + SIZES)[rng.integers(len(RATES + SIZES))]), int(rng.choice([2, 4]))
    raw = (value % 256**width).to_bytes(width, "big")
    file.write_bytes(data[:place] + raw + data[place + width :])
    return f"{name.decode()} {what} is {value} ({width} bytes)", EITHER


def find_all(data, part):
    """Return all places of a part."""
    found, at = [], data.find(part)
    while at >= 0:
        found.append(at)
        at = data.find(part, at + 1)
    return found


def wav_field(rng, file):
    """A field of the header of a .wav file is another."""
    fields = {"size": (4, 4), "format": (20, 2), "channels": (22, 2), "rate": (24, 4), "bytes a second": (28, 4)}
    fields |= {"block": (32, 2), "bits": (34, 2), "length of fmt": (16, 4)}
    name = list(fields)[rng.integers(len(fields))]
    (at, width), data = fields[name], file.read_bytes()
    value = RATES[rng.integers(len(RATES))]
    file.write_bytes(data[:at] + (value % 256**width).to_bytes(width, "little") + data[at + width :])
    return f"{name} is {value}", EITHER


def small_numbers(rng, file):
    """A number of 4 bytes in the header is another."""
    data = file.read_bytes()
    at = 4 * int(rng.integers(2, 200))
    value = (RATES + SIZES)[rng.integers(len(RATES + SIZES))]
    file.write_bytes(data[:at] + (value % 2**32).to_bytes(4, "little") + data[at + 4 :])
    return f"{value} at {at}", EITHER
