"""Extraction of 60 clips by the command line, killed at random moments and continued.

    python tests/extraction/resumed.py --kills 10 --n-jobs 2

The bytes of all files of the folder are compared with those of a run without a break.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from helpers import grey, write_video

from ave_sklearn.cli.commands import main as command
from ave_sklearn.extraction._folder_writing import journal_of

FILES = ("audio.npy", "visual.npy", "videos.csv", "extractor.json")
NETWORKS = "def colours(pictures):\n    return pictures.mean((2, 3))\n\n\ndef bands(x):\n    return x.mean((1, 2))\n"


def make_videos(folder, n_videos):
    """Write videos of three clips each, and the networks."""
    for number in range(n_videos):
        levels = [(37 * number + 50 * second) % 255 for second in range(6)]
        write_video(folder / f"v{number:02}.mp4", 6.0, 2, (32, 32), tone=200.0 + 40 * number, picture=grey(levels))
    (folder / "tiny_networks.py").write_text(NETWORKS)
    sys.path.insert(0, str(folder))


def extract(folder, output, n_jobs):
    """Run the command line."""
    options = {"n-segments": 2, "visual": "tiny_networks:colours", "audio": "tiny_networks:bands", "image-size": 8}
    options |= {"frames-per-segment": 2, "n-jobs": n_jobs}
    argv = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return command(["extract", *sorted(map(str, folder.glob("v*.mp4"))), "-o", str(output), "--quiet", *argv])


def child(work, seconds=None):
    """Work in a process of its own, which is killed after so many seconds; return whether it came to its end."""
    process = os.fork()
    if process == 0:
        status = 1
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")
            status = work()
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1] == 0


def n_done(output):
    """Return how many clips the journal of a folder has."""
    journal = journal_of(output)
    journal.read()
    return len(journal._done)


def show(n_videos=20, n_kills=10, n_jobs=1, seed=0):
    """Print what was done after each kill; return whether all bytes are equal in the end."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_videos(folder, n_videos)
        start = time.perf_counter()
        assert child(lambda: extract(folder, folder / "whole", n_jobs))
        length = time.perf_counter() - start
        print(f"without a break: {3 * n_videos} clips in {length:.1f} s, n_jobs={n_jobs}")
        for kill in range(n_kills):
            seconds = 0.3 + rng.uniform(0, 2 * length / n_kills)  # until the files are read
            ended = child(lambda: extract(folder, folder / "stopped", n_jobs), seconds)
            if (folder / "stopped" / "videos.csv").exists():
                print(f"kill {kill + 1}: {'after' if ended else 'at'} the end")
                break
            print(f"kill {kill + 1} after {seconds:.2f} s: {n_done(folder / 'stopped')} clips are done")
        else:
            assert child(lambda: extract(folder, folder / "stopped", n_jobs))
        same = [(folder / "whole" / file).read_bytes() == (folder / "stopped" / file).read_bytes() for file in FILES]
        listed = [sorted(file.name for file in (folder / kind).iterdir()) for kind in ("whole", "stopped")]
        print(f"bytes equal: {dict(zip(FILES, same, strict=True))}; the same files: {listed[0] == listed[1]}")
        return all(same) and listed[0] == listed[1]


def main():
    """Run it; the exit status is 1 if bytes differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for option, default in (("--videos", 20), ("--kills", 10), ("--n-jobs", 1), ("--seed", 0)):
        parser.add_argument(option, type=int, default=default)
    args = parser.parse_args()
    return not show(args.videos, args.kills, args.n_jobs, args.seed)


if __name__ == "__main__":
    sys.exit(main())
