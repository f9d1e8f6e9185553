"""
Save, load and serve
====================

A fitted model is saved, loaded in another process, where it gives the same numbers to the bit, and put behind a web
service, to which a video is sent and which answers with its events. On the way: what such a file holds, which files to
trust, and what changes the last digits.

Needs ``pip install "ave_sklearn[efficientnet,plot,video]" skops fastapi python-multipart httpx``.
"""

import io
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import av
import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import skops.io
import torch
from fastapi import FastAPI, UploadFile
from sklearn.pipeline import make_pipeline

from ave_sklearn import PSPLocalizer
from ave_sklearn.datasets import make_av_events
from ave_sklearn.extraction import VideoFeatureExtractor, predict_videos
from ave_sklearn.inspection import EventTimelineDisplay

with warnings.catch_warnings(action="ignore"):  # its next version has another name
    from fastapi.testclient import TestClient

# %%
# A model
# -------
#
# Generated features stand for those of videos.
X, y = make_av_events(n_videos=120, random_state=0)
localizer = PSPLocalizer(max_epochs=8, hidden_size=32, random_state=0)
localizer.fit(X[:100], y[:100])
expected = localizer.predict_proba(X[100:])
print(f"segment accuracy: {localizer.score(X[100:], y[100:]):.3f}")

# %%
# Saving
# ------
#
# Two formats. A file of joblib is a pickle, and loading one runs the code that it may hold: load only what you trust.
# A file of skops runs nothing, and names the classes that it wants to make.
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
joblib.dump(localizer, folder / "model.joblib")
skops.io.dump(localizer, folder / "model.skops")
wanted = skops.io.get_untrusted_types(file=folder / "model.skops")
print("to be trusted:", wanted)

# %%
# What the file holds
# -------------------
#
# A file of skops is a zip archive of arrays and of one description. There are the parameters, the weights as NumPy
# arrays, and the history; nothing of PyTorch. So a model that was trained on a GPU loads where there is none.
with zipfile.ZipFile(folder / "model.skops") as archive:
    arrays = [name for name in archive.namelist() if name.endswith(".npy")]
    description = archive.read("schema.json").decode()
print(f"{len(arrays)} arrays, {(folder / 'model.skops').stat().st_size / 1e3:.0f} kB")
print("a description that names torch:", '"torch' in description)

# %%
# Another process
# ---------------
#
# It loads the file, predicts, and writes what it found.
X[100:].to_npy(folder / "audio.npy", folder / "visual.npy")
program = """
import joblib, numpy as np
from ave_sklearn import AVFeatures
X = AVFeatures.from_npy("audio.npy", "visual.npy")
np.save("found.npy", joblib.load("model.joblib").predict_proba(X))
"""
subprocess.run([sys.executable, "-c", program], cwd=folder, check=True)
found = {"joblib, another process": np.load(folder / "found.npy")}

# %%
# A file of skops is loaded here, and one of joblib is given another size of batch, and a GPU where there is one.
trusted = ["ave_sklearn.localizers._psp.PSPLocalizer"]
model = skops.io.load(folder / "model.skops", trusted=trusted)
found["skops"] = model.predict_proba(X[100:])
device = "cuda" if torch.cuda.is_available() else "cpu"
model = joblib.load(folder / "model.joblib").set_params(batch_size=1, device=device)
found[f"joblib, single videos on {device}"] = model.predict_proba(X[100:])

# %%
# Bits are the same where batches, threads and device are. Where they are not, or on another processor, the last digits
# of a number of 32 bits may change.
table = pd.DataFrame({
    name: {
        "same bits": np.array_equal(proba, expected),
        "greatest difference": np.abs(proba - expected).max(),
        "same labels": np.array_equal(proba.argmax(-1), expected.argmax(-1)),
    }
    for name, proba in found.items()
}).T  # fmt: skip
print(table.to_string())

# %%
# A model of videos
# -----------------
#
# What is served takes video files. Its pipeline begins with an extractor, as that of ``ave-sklearn fit`` does. Here it
# learns from four small videos, in some seconds of which the sun shines and a bird sings.


def write_video(file, is_day, rng):
    """Write a video of a second for each entry of `is_day`; in true ones it is bright and sings."""
    with av.open(file, "w", format="mp4") as container:
        pictures = container.add_stream("mpeg4", rate=1)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sounds = container.add_stream("aac", rate=16000, layout="mono")
        for day in is_day:
            image = rng.integers(180 * day, 180 * day + 60, (64, 64, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(pictures.encode(frame))
            sound = rng.normal(scale=0.01, size=(1, 16000)) + 0.3 * day * np.sin(np.arange(16000))
            frame = av.AudioFrame.from_ndarray(sound.astype("f4"), format="fltp", layout="mono")
            frame.rate = 16000
            container.mux(sounds.encode(frame))
        for stream in (pictures, sounds):
            container.mux(stream.encode(None))


rng = np.random.default_rng(0)
is_day = np.array([[0, 1, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 1, 1, 0]])
paths = [folder / f"{number}.mp4" for number in range(4)]
for path, days in zip(paths, is_day, strict=True):
    write_video(path, days, rng)
extractor = VideoFeatureExtractor(
    visual="efficientnet-lite0", audio="log-mel", n_segments=5, frames_per_segment=1, image_size=64
)
labels = np.where(is_day, "birdsong", "background")
localizer = PSPLocalizer(hidden_size=16, max_epochs=40, random_state=0)
localizer.fit(extractor.transform(paths), labels)
joblib.dump(make_pipeline(extractor, localizer), folder / "videos.joblib")
model = joblib.load(folder / "videos.joblib")

# %%
# :func:`~ave_sklearn.extraction.predict_videos` takes paths, and open files, such as an upload is.
upload = io.BytesIO()
write_video(upload, [0, 0, 1, 1, 0, 0, 0, 1, 1, 0], rng)
upload.seek(0)
print(predict_videos(model, [upload]).round(2).to_string(index=False))

# %%
# A web service
# -------------
#
# The core of one: an upload goes in, its events come out as JSON. :doc:`/scripts` has all of it, with limits on what is
# sent, a queue, and errors that say what is wrong with a video.
app = FastAPI()


@app.post("/events")
def find_events(video: UploadFile):
    """Return the events of an upload."""
    rows = predict_videos(model, [video.file]).dropna(subset="event_label")
    return rows.assign(filename=video.filename).to_dict("records")


# %%
# A client of the tests asks it here, without a network. Another program would send the same with
# ``curl -F video=@garden.mp4 http://127.0.0.1:8000/events``.
upload.seek(0)
answer = TestClient(app).post("/events", files={"video": ("garden.mp4", upload)})
events = pd.DataFrame(answer.json())
print(answer.status_code, answer.headers["content-type"])
print(events.round(2).to_string(index=False))

# %%
# What was sent back, drawn.
display = EventTimelineDisplay.from_events(None, events, seconds=10)
plt.show()
temporary.cleanup()
