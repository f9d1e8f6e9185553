"""Features and events of many videos on a Dask cluster, by bags of videos and of folders.

    OMP_NUM_THREADS=1 python examples/dask_videos.py [tcp://SCHEDULER:8786] [--folder SHARED]

Each worker writes the features of a part of the videos into a folder of its own, and then finds the events of whole
folders. Without an address it starts two processes on this machine. With one, the folder must be there under the same
path on the machines of all workers, and so must this file (`client.upload_file`).

The network for pictures is a function here, and takes no download. Put "efficientnet-lite0" or "vgg19" in its place.

Needs pip install "ave_sklearn[dask,video]"
"""

import argparse
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

import av
import dask.bag as db
import joblib
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from ave_sklearn import AVFeatures, PSPLocalizer
from ave_sklearn.extraction import VideoFeatureExtractor

N_VIDEOS, SECONDS, PER_FOLDER = 6, 4, 2
SIZE, RATE = (64, 48), 16000


# %% What the workers do
def colours(pictures):
    """Turn pictures (n, 3, height, width) into maps (n, 3, 4, 4) of their mean colours."""
    return pictures.unfold(2, 8, 8).unfold(3, 8, 8).mean((4, 5))


def make_extractor():
    """Return the extractor, which is the same everywhere."""
    return VideoFeatureExtractor(
        visual="dask_videos:colours", audio="log-mel", n_segments=SECONDS, frames_per_segment=2, image_size=32
    )


def features_of(folder):
    """Open the features of a folder."""
    return AVFeatures.from_npy(Path(folder, "audio.npy"), Path(folder, "visual.npy"))


def require_here(*files):
    """Raise an error that names machine and file where a file is missing."""
    for file in files:
        if not Path(file).exists():
            raise FileNotFoundError(f"{file} is not on the machine {socket.gethostname()}")


def extract(folder, videos):
    """Write the features of some videos into a folder, and return the folder."""
    require_here(Path(folder).parent, *videos)
    Path(folder).mkdir(exist_ok=True)
    make_extractor().transform_to(videos, Path(folder, "audio.npy"), Path(folder, "visual.npy"))
    return folder


def find_events(folder, videos, model):
    """Return the events that a saved model finds in the features of a folder."""
    require_here(folder, model)
    return joblib.load(model).predict_events(features_of(folder), videos=videos)


# %% Videos to try it with
def write_video(path, seed):
    """Write a video of a colour and a tone that change at half of its time."""
    rng = np.random.default_rng(seed)
    colour, tone = rng.integers(0, 255, (2, 3)), rng.uniform(200, 2000, 2)
    with av.open(path, "w") as container:
        pictures = container.add_stream("mpeg4", rate=2)
        pictures.width, pictures.height, pictures.pix_fmt = *SIZE, "yuv420p"
        sounds = container.add_stream("aac", rate=RATE, layout="mono")
        for number in range(SECONDS * 2):
            image = np.broadcast_to(colour[number // SECONDS].astype(np.uint8), (*SIZE[::-1], 3))
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        for second in range(SECONDS):
            sound = 0.3 * np.sin(2 * np.pi * tone[second * 2 // SECONDS] * np.arange(RATE) / RATE)
            frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), format="fltp", layout="mono")
            frame.rate = RATE
            container.mux(sounds.encode(frame))
        for stream in (pictures, sounds):
            container.mux(stream.encode(None))


# %% Bags of folders
def main(folder):
    """Extract, train on all and find events, on the cluster of the client that is open; compare with one process."""
    videos = [str(Path(folder, f"{number:02}.mp4")) for number in range(N_VIDEOS)]
    for number, video in enumerate(videos):
        write_video(video, number)
    parts = [videos[start : start + PER_FOLDER] for start in range(0, N_VIDEOS, PER_FOLDER)]
    folders = [str(Path(folder, f"features-{number}")) for number in range(len(parts))]
    tasks = db.from_sequence(zip(folders, parts, strict=True), partition_size=1)  # a worker that dies costs a folder

    X = AVFeatures.concatenate([features_of(done) for done in tasks.starmap(extract).compute()])
    serial = make_extractor().transform(videos)
    print(f"{X}\nas in one process: {all(map(np.array_equal, X.take(), serial.take()))}")

    y = np.where(np.arange(SECONDS) < SECONDS // 2, "first", "background")[None].repeat(N_VIDEOS, axis=0)
    localizer = PSPLocalizer(hidden_size=8, max_epochs=20, random_state=0).fit(X, y)
    model = str(Path(folder, "model.joblib"))
    joblib.dump(localizer, model)
    events = pd.concat(tasks.starmap(find_events, model=model).compute(), ignore_index=True)
    serial = pd.concat([find_events(*task, model) for task in zip(folders, parts, strict=True)], ignore_index=True)
    print(f"{events.round(3).to_string(index=False)}\nas in one process: {events.equals(serial)}")


if __name__ == "__main__":  # the processes of a LocalCluster import this file
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address", nargs="?")
    parser.add_argument("--folder", help="for the videos and features; default: a temporary one")
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.folder or stack.enter_context(tempfile.TemporaryDirectory())
        address = args.address or stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0")
        )
        client = stack.enter_context(Client(address))
        client.upload_file(__file__)
        main(folder)
