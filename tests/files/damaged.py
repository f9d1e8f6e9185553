"""Damaged files: seeded damage to good files of nine kinds, read each in a process of its own, and what came of it.

A case either gives the right numbers, or, where bytes of the numbers themselves are damaged, finite ones; or it refuses
its file by a ValueError (FileNotFoundError, PermissionError, IsADirectoryError) that names it. It takes at most 256 MB
of memory beyond what the process has and 20 seconds of the processor, leaves no file open, shows no warning of a
library's, and afterwards the process reads good files as before.

``python tests/files/damaged.py --count 2000`` prints the counts, and for each case that breaks the rule the command
that runs it again; with a ``--count`` of 1 its exception is shown. ``--kinds npy,hdf5`` keeps to these kinds.
"""

import argparse
import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from damaged_bytes import ARCHIVE, copy_folder, damage_bytes, damage_whole
from damaged_features import HDF5Files, NpyPairs
from damaged_media import MediaFiles
from damaged_rule import (
    CHANGED,
    EITHER,
    KILLED,
    KINDS,
    LATE,
    MEMORY,
    NAMED,
    PASSING,
    STRAY,
    WRONG,
    Outcome,
    is_stray,
    judge_error,
    judge_result,
    place_of,
    same,
)
from damaged_texts import EventLists, FeatureFolders
from damaged_weights import NetworkWeights, PCAParameters, ReleasedCheckpoints, SavedModels

from ave_sklearn import AVFeatures
from ave_sklearn.cli import commands

FILE_KINDS = (
    NpyPairs,
    HDF5Files,
    PCAParameters,
    ReleasedCheckpoints,
    NetworkWeights,
    SavedModels,
    FeatureFolders,
    EventLists,
    MediaFiles,
)
NAMES = tuple(kind.name for kind in FILE_KINDS)
MAX_MEMORY = 256_000_000  # bytes that reading a file may take
MAX_ADDRESSES = 900_000_000  # bytes that it may ask for; threads and maps ask for more than they take
MAX_SECONDS = 20  # of the processor
MAX_WAIT = 180  # seconds, on a machine that does other work too
TOO_LATE = {signal.SIGVTALRM, signal.SIGALRM, signal.SIGXCPU}


class Goods:
    """The good files of all kinds and variants, and what reading them gives; made when they are first wanted."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.made = {}

    def of(self, number, variant):
        """Return the kind, the folder of its good files, and the result of reading them."""
        if (number, variant) not in self.made:
            kind = FILE_KINDS[number]()
            folder = self.folder / f"{kind.name}-{kind.variants.index(variant)}"
            folder.mkdir()
            kind.make(folder, variant)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.made[number, variant] = kind, folder, read_good(kind, folder, variant)
        return self.made[number, variant]


def read_good(kind, folder, variant):
    """Read a copy of good files, at the place where the damaged ones will be."""
    case = folder.parent / "case"
    shutil.copytree(folder, case)
    try:
        return kind.read(case, variant, None)
    finally:
        shutil.rmtree(case)


def numbers_of_kinds(seeds, names):
    """Return those of the seeds whose case is of one of the kinds of these names."""
    return [seed for seed in seeds if NAMES[seed % len(NAMES)] in names]


def run(seed, goods, *, keep=None, raising=False):
    """Run the case of a seed in a process of its own, and return its Outcome.

    Parameters
    ----------
    seed : int
    goods : Goods
    keep : path or None
        Folder that gets the damaged files.
    raising : bool, default=False
        Whether an exception is shown.
    """
    rng = np.random.default_rng(seed)
    number = seed % len(FILE_KINDS)
    variant = FILE_KINDS[number].variants[rng.integers(len(FILE_KINDS[number].variants))]
    kind, source, good = goods.of(number, variant)
    case = goods.folder / "case"
    file, damage, allowed = damaged_copy(rng, kind, source, case)
    about = f"{variant!r}, {file.name}: {damage}"
    if keep is not None:
        shutil.copytree(case, Path(keep, f"{seed}"), symlinks=True)
    try:
        names = [name.name for name in case.iterdir()] + [file.name]
        said = in_a_process(lambda: attempt(kind, case, variant, rng, good, allowed, names, raising))
        return Outcome(seed, said[0], kind.name, about, *said[1:])
    finally:
        shutil.rmtree(case, ignore_errors=True)
        shutil.rmtree(goods.folder / "elsewhere", ignore_errors=True)


def damaged_copy(rng, kind, source, case):
    """Copy good files and damage one of them; returns the file, how it was damaged, and what that may end in."""
    files = copy_folder(source, case)
    files = kind.targets(case) if hasattr(kind, "targets") else files
    file = sorted(files)[rng.integers(len(files))]
    own, choices = kind.damages(file), [damage_bytes] * 3 + [damage_whole]
    if own:
        choices += [own[rng.integers(len(own))]] * 5
    if zipfile.is_zipfile(file):
        choices += [ARCHIVE[rng.integers(len(ARCHIVE))]] * 2
    if file.suffix == ".skops":  # which skops opens: only what is in it is ours
        choices = own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        damage, allowed = choices[rng.integers(len(choices))](rng, file)
    if file.name in getattr(kind, "optional", ()):
        allowed = EITHER
    return file, damage, allowed


# ------------------------------------------------------- in the process of a case
def in_a_process(call):
    """Return what a call returns in a process of its own, or how that process ended; the call returns texts."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.close(ours)
            said = call()
            with os.fdopen(theirs, "w") as pipe:
                json.dump(said, pipe)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return LATE if os.WTERMSIG(status) in TOO_LATE else KILLED, f"the process ended by {name}", name
    return json.loads(said) if said else (KILLED, f"the process ended with {os.waitstatus_to_exitcode(status)}", "exit")


def attempt(kind, case, variant, rng, good, allowed, names, raising):
    """Read the files of a case; returns the kind of the outcome, a message, the exception's type and its place."""
    limit()
    os.chdir(case)
    before, opened = memory("VmRSS"), open_files()
    caught, shown = [], []
    commands.show_warning = lambda message, category, filename, *_: caught.append((message, category, filename))
    with warnings.catch_warnings(record=True) as recorded, quiet_output(case.parent / "output", raising) as output:
        warnings.simplefilter("always")
        said = outcome_of(kind, case, variant, rng, good, allowed, names, raising)
        shown = output()
    stray = [str(w.message) for w in recorded if is_stray(w)]
    stray += [str(message) for message, category, _ in caught if not issubclass(category, UserWarning)]
    return afterwards(said, stray, shown, memory("VmHWM") - before, opened, case)


def outcome_of(kind, case, variant, rng, good, allowed, names, raising):
    """Read the files and judge what comes of it."""
    try:
        result = kind.read(case, variant, rng)
    except Exception as error:
        if raising:
            traceback.print_exc()
        if isinstance(error, ValueError) and "skops" in variant and allowed != "same":
            return NAMED, str(error)[:300], type(error).__name__, place_of(error)  # skops opened the file, not we
        return *judge_error(error, names, allowed), type(error).__name__, place_of(error)
    return *judge_result(result, good, allowed), "", ""


def afterwards(said, stray, shown, grown, opened, case):
    """Return what is said of a case, or what it left behind, which is worse."""
    try:
        complaint = works_as_before(case.parent)
    except Exception as error:
        complaint = f"{type(error).__name__}: {error}"
    if Path("pwned").exists():
        return WRONG, "code in the file was run", "code", ""
    if complaint:
        return CHANGED, f"{complaint[:200]}; {said[1]}", "changed", ""
    if said[0] not in PASSING:
        return said
    if grown > MAX_MEMORY:
        return MEMORY, f"{grown / 1e6:.0f} MB were taken; {said[1]}", "memory", ""
    if stray or shown:
        return STRAY, f"{(stray + [shown])[0][:200]!r}; {said[1]}", "warning", ""
    if open_files() > opened and (gc.collect(), open_files())[1] > opened:
        return CHANGED, f"{open_files() - opened} files are left open; {said[1]}", "open files", ""
    return said


def limit():
    """Bound the memory and the time of this process."""
    signal.alarm(MAX_WAIT)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_SECONDS)
    most = memory("VmSize") + MAX_ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def memory(name):
    """Return what the system says of this process's memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def open_files():
    """Return how many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


@contextlib.contextmanager
def quiet_output(file, raising):
    """Send what libraries write to standard output and error into a file; yields a function that returns it."""
    if raising:
        yield lambda: ""
        return
    target = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    kept = [os.dup(number) for number in (1, 2)]
    for number in (1, 2):
        os.dup2(target, number)

    def text():
        """What was written."""
        sys.stdout.flush()
        sys.stderr.flush()
        return file.read_text(errors="replace")

    try:
        yield text
    finally:
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
        os.close(target)


def make_goods_of_all(folder):
    """Write the good files that each case reads at its end."""
    torch.save({"a": torch.arange(3.0)}, folder / "good.pt")
    torch.save({"a": torch.arange(3.0)}, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    AVFeatures(np.ones((2, 1, 3)), np.ones((2, 1, 2))).to_npy(folder / "good_a.npy", folder / "good_v.npy")


def works_as_before(folder):
    """Read good files; returns what has changed, or nothing."""
    for name in ("good.pt", "legacy.pt"):
        if not torch.equal(torch.load(folder / name, weights_only=True)["a"], torch.arange(3.0)):
            return f"{name} is read as something else"
    X = AVFeatures.from_npy(folder / "good_a.npy", folder / "good_v.npy")
    if not same(X.audio, np.ones((2, 1, 3))):
        return "a good .npy file is read as something else"
    if np.geterr() != {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}:
        return f"NumPy's errors are {np.geterr()}"
    return ""


# ------------------------------------------------------- all of them
def run_all(seeds, *, keep=None, raising=False, tell=None):
    """Run the cases of the seeds; returns their Outcomes."""
    torch.set_num_threads(1)  # a process with more threads cannot be forked
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="damaged-") as folder:
        goods = Goods(folder)
        make_goods_of_all(goods.folder)
        for seed in seeds:
            outcomes.append(run(seed, goods, keep=keep, raising=raising))
            if tell and outcomes[-1].failed:
                tell(outcomes[-1])
    return outcomes


def table(outcomes):
    """Return the counts by kind of file and outcome as lines of text."""
    counts = Counter((outcome.file_kind, outcome.kind) for outcome in outcomes)
    kinds = [kind for kind in KINDS if kind in PASSING or any(outcome.kind == kind for outcome in outcomes)]
    lines = [("", *kinds, "all")]
    for name in NAMES:
        row = [counts[name, kind] for kind in kinds]
        if sum(row):
            lines.append((name, *row, sum(row)))
    lines.append(("all", *(sum(counts[name, kind] for name in NAMES) for kind in kinds), len(outcomes)))
    widths = [max(map(len, map(str, column))) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(_cell, line, widths)) for line in lines)


def _cell(value, width):
    """Align a text left and a number right."""
    return value.ljust(width) if isinstance(value, str) else f"{value:>{width}}"


def repeat_command(outcome):
    """Return the command that runs a case again."""
    return f"python tests/files/damaged.py --count 1 --seed {outcome.seed}"


def main():
    """Print the cases that break the rule, how to repeat them, and the counts; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="number of cases; with 1 its exception is shown")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--kinds", default=",".join(NAMES), help=f"of {','.join(NAMES)}, separated by commas")
    parser.add_argument("--keep", metavar="DIR", help="leave the damaged files there")
    parser.add_argument("--json", metavar="FILE", help="write the outcomes there, a line each")
    options = parser.parse_args()
    names = options.kinds.split(",")
    if not set(names) <= set(NAMES):
        parser.error(f"--kinds must be of {','.join(NAMES)}")
    stop = options.seed + options.count * len(NAMES)
    seeds = [seed for seed in range(options.seed, stop) if NAMES[seed % len(NAMES)] in names][: options.count]
    if options.count == 1:
        seeds = [options.seed]

    def tell(outcome):
        print(outcome, repeat_command(outcome), sep="\n    ", flush=True)

    outcomes = run_all(seeds, keep=options.keep, raising=options.count == 1, tell=tell)
    if options.json:
        lines = [json.dumps(outcome._asdict()) for outcome in outcomes]
        Path(options.json).write_text("\n".join(lines) + "\n")
    if options.count == 1 and not outcomes[0].failed:
        print(outcomes[0])
    print(table(outcomes))
    return int(any(outcome.failed for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
