"""Speed of the extraction: seconds of video a second, and memory, for n_jobs and both precisions.

Writes videos of 640 x 360 pixels (H.264 or MPEG-4, 25 frames a second, noise and a moving square; AAC), extracts them
with VGG-19 and VGGish of random weights, which cost what trained ones cost, and prints a table. Each row is a process
of its own with as many threads as the row says.

    python benchmarks/extraction.py --videos 4

With ``--networks``, what a second of video costs with each visual network and 1 to 16 pictures a segment, in seconds
of one core (the time of the processor, which other work on the machine changes little):

    python benchmarks/extraction.py --videos 1 --networks
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import av
import numpy as np

from ave_sklearn.extraction import VideoFeatureExtractor
from ave_sklearn.extraction._log_mel import log_mel_examples
from ave_sklearn.extraction._pictures import read_pictures
from ave_sklearn.extraction._sound import read_sound

SECONDS, FPS, WIDTH, HEIGHT, RATE = 10, 25, 640, 360, 44100
ROWS = [  # n_jobs, threads of each, precision
    (1, 1, "float32"),
    (1, 2, "float32"),
    (2, 1, "float32"),
    (1, 2, "bfloat16"),
    (2, 1, "bfloat16"),
]
FRAMES = (1, 4, 8, 16)
AUDIO = {"vgg19": "vggish", "efficientnet-lite0": "log-mel"}  # beside each visual network


def write_video(path, rng):
    """Write a video of `SECONDS` seconds."""
    with av.open(path, "w") as container:
        pictures = container.add_stream("libx264" if "libx264" in av.codecs_available else "mpeg4", rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        for number in range(SECONDS * FPS):
            image = rng.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            image[150:210, number : number + 60] = 250
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        samples = rng.normal(scale=0.1, size=(2, SECONDS * RATE)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.rate = RATE
        container.mux(sound.encode(frame))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))


def measure(paths, n_jobs, precision, visual, frames):
    """Extract a second to load the libraries, then all; print the time, that of the processor and the peak memory."""
    extractor = VideoFeatureExtractor(
        visual=visual,
        audio=AUDIO[visual],
        frames_per_segment=int(frames),
        weights="random",
        n_jobs=int(n_jobs),
        precision=precision,
    )
    warnings.simplefilter("ignore")
    extractor.set_params(n_segments=1).transform(paths[:1])
    extractor.set_params(n_segments=SECONDS)
    start, cpu_start = time.perf_counter(), time.process_time()
    extractor.transform(paths)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    print(seconds, cpu_seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)


def run_row(folder, threads, *row):
    """Measure a row in a process of its own; return the seconds, those of the processor and the memory."""
    command = [sys.executable, __file__, "--row", folder, *map(str, row)]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return map(float, done.stdout.split())


def print_parts(path):
    """Print what a second of video costs before any network sees it, on this process's threads."""
    start = time.perf_counter()
    read_pictures(path, SECONDS, 16, 224)
    pictures = time.perf_counter()
    seconds, rate = read_sound(path, SECONDS)
    sound = time.perf_counter()
    log_mel_examples(seconds, rate)
    parts = np.diff([start, pictures, sound, time.perf_counter()]) / SECONDS
    print("a second of video: pictures {:.3f} s, sound {:.3f} s, log-mel {:.3f} s\n".format(*parts))


def print_jobs(folder, n_seconds):
    """Print the table of n_jobs, threads and precision."""
    print_parts(f"{folder}/0.mp4")
    print("| n_jobs | threads of each | precision | seconds of video a second | peak memory (MB) |")
    print("|---|---|---|---|---|")
    for n_jobs, threads, precision in ROWS:
        seconds, _, memory = run_row(folder, threads, n_jobs, precision, "vgg19", 16)
        print(f"| {n_jobs} | {threads} | {precision} | {n_seconds / seconds:.2f} | {memory:.0f} |", flush=True)


def print_networks(folder, n_seconds):
    """Print the table of networks and pictures a segment."""
    print("| visual | audio | frames_per_segment | seconds for a second of video | peak memory (MB) |")
    print("|---|---|---|---|---|")
    for visual, audio in AUDIO.items():
        for frames in FRAMES:
            _, seconds, memory = run_row(folder, 1, 1, "float32", visual, frames)
            row = f"| {visual} | {audio} | {frames} | {seconds / n_seconds:.2f} | {memory:.0f} |"
            print(row, flush=True)


def main():
    """Measure each row in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=4)
    parser.add_argument("--networks", action="store_true", help="the table of networks and pictures a segment")
    row = ("FOLDER", "N_JOBS", "PRECISION", "VISUAL", "FRAMES")
    parser.add_argument("--row", nargs=len(row), metavar=row, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        folder, *row = args.row
        return measure(sorted(map(str, Path(folder).iterdir())), *row)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.videos):
            write_video(f"{folder}/{number}.mp4", rng)
        (print_networks if args.networks else print_jobs)(folder, args.videos * SECONDS)


if __name__ == "__main__":
    main()
