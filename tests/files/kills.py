"""Seeded kills of the writers of features: what is read after a process was killed while it wrote over older ones.

    python tests/files/kills.py --count 500

Each case forks a process that writes, and is killed by SIGKILL: before or after a seeded call to the operating system,
at a seeded line of the package, or after a seeded time. Then this process reads. It may get the old features, all of
them, or the new ones, or an error that names the files, if the old or the new ones lie about whole, and where it says.
In the end they are written once more, without a kill, which must succeed and leave nothing behind.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

import ave_sklearn
from ave_sklearn import AVFeatures
from ave_sklearn.extraction._folder_writing import write_features
from ave_sklearn.extraction._folders import read_features

WRITERS = ("one folder", "two folders", "features")
OLDER = ("none", "np.save", "same writer")
MOMENTS = ("call", "line", "time")
CALLS = ("replace", "rename", "unlink", "remove", "fsync", "rmdir", "mkdir")
FILES = ("pairs.py", "npy.py", "files.py", "_files.py", "_folder_writing.py", "_folders.py")
SHAPE = (6, 5, 700)
FAILURES = ("MIXED", "LOST", "UNTRUE", "OTHER", "STUCK", "LEFT")
LISTS = re.compile(r"The new files: (.*?)\. The old ones: (.*?)\. If no process")


class Extractor(BaseEstimator):
    """Stands in for the extractor of the command line; all features are the number of the run."""

    def __init__(self, run=0):
        self.run = run

    def _transform_to(self, X, audio, visual, journal):
        self.report_ = pd.DataFrame(X, columns=["filename", "start"]).assign(error="", warning="")
        if self.run % 2:  # every other run skips a video
            self.report_.loc[len(self.report_)] = ["bad.mp4", 0.0, "is bad", ""]
        features_of(self.run).to_npy(audio, visual)


def features_of(run):
    return AVFeatures(np.full(SHAPE, run, "f4"), np.full(SHAPE, run, "f4"))


def files_of(writer, folder):
    """Where the two arrays of a writer lie."""
    folders = ("a", "b") if writer == "two folders" else ("x", "x")
    return tuple(Path(folder, name, file) for name, file in zip(folders, ("audio.npy", "visual.npy"), strict=True))


def write(writer, folder, run):
    if writer == "features":
        clips = [(f"{run}.mp4", float(row)) for row in range(SHAPE[0])]
        write_features(folder / "x", Extractor(run), clips, force=True)
    else:
        features_of(run).to_npy(*files_of(writer, folder))


def read(writer, folder):
    """Return the runs that the features of a folder come from."""
    if writer == "features":
        features, clips = read_features(folder / "x")
        runs = {int(name.partition(".")[0]) for name in clips["filename"]}
    else:
        features, runs = AVFeatures.from_npy(*files_of(writer, folder)), set()
    return {*runs, *np.unique(features.audio).tolist(), *np.unique(features.visual).tolist()}


def prepare(writer, older, folder):
    """Make a folder with features of run 1, or without any."""
    for file in files_of(writer, folder):
        file.parent.mkdir(exist_ok=True, parents=True)
    if older != "none":
        write(writer, folder, 1)
    if older == "np.save":
        for file in folder.rglob(".*.pair"):
            file.unlink()


# ---------------------------------------------------------------- killing
def count_down(moment, n, after):
    """Let this process be killed at the n-th call or line; return a list that counts them."""
    counted = [0]

    def tick():
        counted[0] += 1
        if counted[0] == n:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(function):
        def call(*args, **kwargs):
            if not after:
                tick()
            result = function(*args, **kwargs)
            if after:
                tick()
            return result

        return call

    def trace(frame, event, arg):
        if os.path.basename(frame.f_code.co_filename) not in FILES:
            return None
        if event == "line":
            tick()
        return trace

    if moment == "call":
        for name in CALLS:
            setattr(os, name, wrapped(getattr(os, name)))
    if moment == "line":
        sys.settrace(trace)
    return counted


def in_a_child(work):
    """Fork a process that works and ends; return its id."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            warnings.simplefilter("ignore")
            work()
            status = 0
        finally:
            os._exit(status)
    return child


def measure(writer, older, moment):
    """Return how many calls or lines, or seconds, a whole write takes."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(writer, older, Path(folder))
        reader, pipe = os.pipe()

        def work():
            counted, start = count_down(moment, -1, False), time.perf_counter()
            write(writer, Path(folder), 2)
            os.write(pipe, str(time.perf_counter() - start if moment == "time" else counted[0]).encode())

        os.waitpid(in_a_child(work), 0)
        os.close(pipe)
        with os.fdopen(reader) as stream:
            return float(stream.read())


def kill_once(writer, folder, run, moment, length, rng):
    """Write in a process that is killed before it ends, mostly."""
    if moment == "time":
        child = in_a_child(lambda: write(writer, folder, run))
        time.sleep(rng.uniform(0, 1.2 * length))
        os.kill(child, signal.SIGKILL)
    else:
        n, after = rng.integers(1, length + 1), rng.random() < 0.5

        def work():
            count_down(moment, n, after)
            write(writer, folder, run)

        child = in_a_child(work)
    os.waitpid(child, 0)


# ---------------------------------------------------------------- judging
def run_of(file):
    """Return the run that an array comes from; None if the file holds no whole one."""
    try:
        runs = np.unique(np.load(file))
    except (ValueError, EOFError):
        return None
    return runs.item() if len(runs) == 1 else None


def whole_runs(writer, folder):
    """Return the runs of which both arrays lie about whole, under whatever names."""
    found = []
    for file in files_of(writer, folder):
        held = [file, *file.parent.glob(f".{file.name}.*.*"), file.parent / ".unfinished" / file.name]
        found.append({run_of(file) for file in held if file.is_file()})
    return set.intersection(*found) - {None}


def is_true(message, runs):
    """Whether the files lie where an error says: the new ones are of one run, the old ones of one before it."""
    named = LISTS.search(message)
    if named is None:
        return False
    new, old = (re.findall("'(.*?)'", text) for text in named.groups())
    new, old = ({run_of(file) for file in files if ".npy" in file} for files in (new, old))
    return len(new) == 1 and len(old) <= 1 and new | old <= set(runs) and max(old, default=0) < max(new)


def judge(writer, folder, older, runs):
    """Say what reading gets after a kill; `runs` are those that may be there, the newest last."""
    try:
        got = read(writer, folder)
    except FileNotFoundError as error:
        if older == "none" and not any(file.exists() for file in files_of(writer, folder)):
            return "nothing, as before"
        return f"LOST: {error}" if not whole_runs(writer, folder) & set(runs) else f"OTHER: {error}"
    except ValueError as error:
        if not whole_runs(writer, folder) & set(runs):
            return f"LOST: {error}"
        return "refused" if is_true(str(error), runs) else f"UNTRUE: {runs} {error}"
    except Exception as error:
        return f"OTHER: {type(error).__name__}: {error}"
    if len(got) > 1:
        return f"MIXED: runs {sorted(got)}"
    return "old whole" if got == {1} else "new whole"


def finish(writer, folder):
    """Write once more, without a kill; return "" or what is wrong then."""
    try:
        write(writer, folder, 9)
        got = read(writer, folder)
    except Exception as error:
        return f"STUCK: {type(error).__name__}: {error}"
    left = {file.name for file in folder.rglob("*") if file.is_file()}
    left -= {"audio.npy", "visual.npy", ".audio.npy.pair", ".visual.npy.pair"}
    left -= {"videos.csv", "skipped.csv", "extractor.json"} if writer == "features" else set()
    return f"LEFT: {sorted(left)}" if left else "" if got == {9} else f"STUCK: runs {got}"


def one_case(number, lengths, seed=0):
    """Run the case of a number; return (writer, moment, outcome)."""
    rng = np.random.default_rng([seed, number])
    writer, older, moment = WRITERS[number % 3], OLDER[number // 3 % 3], MOMENTS[number // 9 % 3]
    n_kills = 1 + (number // 27) % 2
    if (writer, older, moment) not in lengths:
        lengths[writer, older, moment] = measure(writer, older, moment)
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            prepare(writer, older, folder)
            for run in range(2, 2 + n_kills):
                kill_once(writer, folder, run, moment, lengths[writer, older, moment], rng)
            outcome = judge(writer, folder, older, [*([1] if older != "none" else []), *range(2, 2 + n_kills)])
            if outcome.partition(":")[0] not in FAILURES:
                outcome = finish(writer, folder) or outcome
            return writer, moment, outcome
    finally:
        shutil.rmtree(folder)


def run(count, seed=0):
    """Yield number, writer, moment and outcome of each case."""
    lengths = {}
    for number in range(count):
        yield number, *one_case(number, lengths, seed)


def main():
    """Print the counts; the exit status is 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    counts, n_failed = Counter(), 0
    for number, writer, moment, outcome in run(args.count, args.seed):
        kind = outcome.partition(":")[0]
        counts[writer, kind] += 1
        if kind in FAILURES:
            n_failed += 1
            print(f"case {number} ({writer}, killed at a {moment}): {outcome[:300]}", flush=True)
    print(pd.Series(counts).unstack(fill_value=0).to_string())
    print(f"{args.count} kills of {os.path.dirname(ave_sklearn.__file__)}, {n_failed} failed")
    return bool(n_failed)


if __name__ == "__main__":
    sys.exit(main())
