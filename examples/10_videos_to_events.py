"""
From video files to events
==========================

A folder of video files and a list of their events are where most work begins. Here both are made on the spot: small
videos, each with a shape that is seen and a sound that is heard, which come together for a while. Features are made by
networks that need no download, a model is trained, and it lists the events of new videos, of any length. The
command line then finds the same events.

Needs ``pip install "ave_sklearn[efficientnet,plot,video]"``.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import to_segments
from ave_sklearn.extraction import VideoFeatureExtractor, predict_videos
from ave_sklearn.inspection import EventTimelineDisplay

FPS, WIDTH, HEIGHT, RATE = 2, 160, 120, 16000
EVENTS = ["alarm", "engine", "wind"]

# %%
# Videos to try it with
# ---------------------
#
# An alarm is a disc and a beep, an engine a grille and a hum, wind a wave and a rustle. ``None`` is noise alone.


def draw_shape(event, rng):
    """Draw a picture of noise with the event's shape in it."""
    image = rng.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH] - np.array([60, rng.integers(40, 120)])[:, None, None]
    shapes = {
        "alarm": x**2 + y**2 < 30**2,
        "engine": (abs(x) < 30) & (abs(y) < 20) & (x // 8 % 2 == 0),
        "wind": abs(y - 12 * np.sin(x / 6)) < 6,
    }
    if event:
        image[shapes[event]] = rng.integers(180, 255, 3)
    return image


def make_sound(event, rng):
    """Make a second of the event's sound, with noise."""
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
        for number in range(len(seen) * FPS):
            frame = av.VideoFrame.from_ndarray(draw_shape(seen[number // FPS], rng), format="rgb24")
            container.mux(pictures.encode(frame))
        for event in heard:
            frame = av.AudioFrame.from_ndarray(make_sound(event, rng)[None], format="fltp", layout="mono")
            frame.rate = RATE
            container.mux(sounds.encode(frame))
        for stream in (pictures, sounds):
            container.mux(stream.encode(None))


# %%
# Outside of its event a video has one of the two: the shape before the event and the sound after it, or the other way
# round. So neither pictures nor sound suffice. The event list is a table with a row an event.
rng = np.random.default_rng(0)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
(folder / "videos").mkdir()
second, rows = np.arange(10), []
for number in range(27):
    name, event = f"{number:02}.mp4", EVENTS[number % 3]
    onset, offset = np.sort(rng.choice(11, 2, replace=False))
    inside = (onset <= second) & (second < offset)
    first = (second < onset) == (number % 2 == 0)
    seen, heard = np.where(inside | first, event, None), np.where(inside | ~first, event, None)
    write_video(folder / "videos" / name, seen, heard, rng)
    rows.append((name, float(onset), float(offset), event))
events = pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])
events.to_csv(folder / "events.csv", index=False)
print(events.head().to_string(index=False))

# %%
# Features
# --------
#
# Pictures go through EfficientNet-Lite0, whose weights come with the package, and sound becomes the mean and deviation
# of 64 mel bands. AVE's features are of 16 pictures a second, each of 224 x 224 pixels; one small picture suffices for
# shapes that stand still, and is faster, and so is the mean of its map. Any other callable can take a name's place.
extractor = VideoFeatureExtractor(
    visual="efficientnet-lite0",
    audio="log-mel",
    frames_per_segment=1,
    image_size=96,
    pool="mean",
)
paths = [folder / "videos" / name for name in events["filename"]]
start = time.perf_counter()
X = extractor.transform(paths)
print(X)
print(f"{10 * len(paths) / (time.perf_counter() - start):.0f} seconds of video a second")

# %%
# A model
# -------
#
# The event list becomes a label for each second, and the localizer learns from both. Nine videos are kept for a test.
y = to_segments(events, [path.name for path in paths], n_segments=10)
localizer = PSPLocalizer(max_epochs=20, random_state=0).fit(X[:18], y[:18])
print(f"segment accuracy on nine new videos: {localizer.score(X[18:], y[18:]):.3f}")

# %%
# True events (T) above predicted ones (P). A dark mark shows where they differ.
names = [path.name for path in paths[18:]]
display = EventTimelineDisplay.from_estimator(localizer, X[18:], y[18:], videos=names, n_videos=None)
plt.show()

# %%
# Events of a long video
# ----------------------
#
# This one lasts 24 seconds and has two events. It is cut into clips, and its events are put together again. ``score``
# is the mean probability of an event.
seen = ["engine"] * 12 + ["wind"] * 12
heard = [None] * 4 + ["engine"] * 8 + ["wind"] * 6 + [None] * 6
rows = [("long.mp4", 4, 12, "engine"), ("long.mp4", 12, 18, "wind")]
true = pd.DataFrame(rows, columns=events.columns)
write_video(folder / "long.mp4", seen, heard, rng)
model = Pipeline([("extract", extractor), ("localize", localizer)])
found = predict_videos(model, [folder / "long.mp4"])
found["filename"] = "long.mp4"
print(found.round(2).to_string(index=False))

# %%
# Its pictures, one every two seconds, above its events.
with av.open(folder / "long.mp4") as container:
    frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
edge = np.full((HEIGHT, 8, 3), 255, dtype=np.uint8)
pictures = [np.hstack([picture, edge]) for picture in frames[FPS :: 2 * FPS]]
figure, (film, ax) = plt.subplots(2, height_ratios=[2, 1], figsize=(9, 3), layout="constrained")
film.imshow(np.hstack(pictures), extent=(0, 24, 0, 1), aspect="auto")
film.set_axis_off()
display = EventTimelineDisplay.from_events(true, found, classes=EVENTS, seconds=24, ax=ax)
plt.show()

# %%
# The same on the command line
# ----------------------------
#
# Two commands make such a model of the folder and the event list; :doc:`/command_line` shows what they print.
#
# .. code-block:: sh
#
#    ave-sklearn extract videos --recursive -o features \
#        --visual efficientnet-lite0 --audio log-mel \
#        --frames-per-segment 1 --image-size 96 --pool mean
#    ave-sklearn fit --features features --annotations events.csv \
#        --set max_epochs=20 --random-state 0 -o model.joblib
#
# Here the model from above is saved as they save theirs, and the third command finds the same events with it.
joblib.dump(model, folder / "model.joblib")
line = "ave-sklearn predict model.joblib long.mp4 --format table"
command = [sys.executable, "-m", "ave_sklearn", *line.split()[1:]]
done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
print(f"$ {line}\n{done.stdout}", end="")
temporary.cleanup()

# sphinx_gallery_thumbnail_number = 2
