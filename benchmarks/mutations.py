"""Deliberate faults in a copy of the package: each must make a test fail, or the tests have a hole.

``OMP_NUM_THREADS=1 SCIPY_ARRAY_API=1 python benchmarks/mutations.py`` runs all of ``_faults.py`` in 10 to 15 minutes on
one core. Words behind it choose the faults whose kind, name or file holds one of them, ``--list`` names them, and
``--tests`` runs other tests.

For each fault the table has the test that fails first, or SURVIVED where all pass. The tests run on an unchanged copy
before, where they must pass. The exit status is 1 if a fault survives or its text is not found exactly once. A new
fault comes with another of its kind: a test that sees one alone is likely to be written for that one.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _faults import FAULTS

ROOT = Path(__file__).parents[1]
FOLDERS, FILES = ("ave_sklearn", "tests"), ("pyproject.toml", "setup.cfg")
SECONDS = 600  # that the tests of one fault may take


class DoesNotApply(ValueError):
    """The text to replace is not there, or more than once."""


def apply(fault, package):
    """Put the fault into the copy `package`; return the file and its text from before."""
    file = package / fault.file
    before = file.read_text(encoding="utf-8")
    if before.count(fault.old) != 1:
        raise DoesNotApply(f"DOES NOT APPLY: {fault.old!r} is {before.count(fault.old)} times in {fault.file}")
    file.write_text(before.replace(fault.old, fault.new), encoding="utf-8")
    return file, before


def first_failure(copy, tests):
    """Return the first of `tests` that fails in the folder `copy`, or None; raise RuntimeError if they do not run."""
    # no bytecode: a fault of the same length within a second of the last one would not be noticed
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=SECONDS)
    if run.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if failed is None:
        raise RuntimeError(f"pytest ended with {run.returncode}:\n{run.stdout[-3000:]}{run.stderr[-1000:]}")
    return failed[1]


def result(fault, copy, tests):
    """Return what the table says of a fault, and whether it was noticed."""
    try:
        file, before = apply(fault, copy / "ave_sklearn")
    except DoesNotApply as error:
        return str(error), False
    try:
        killer = first_failure(copy, tests)
    except subprocess.TimeoutExpired:
        return f"TIMED OUT after {SECONDS} s", False
    finally:
        file.write_text(before, encoding="utf-8")
    return killer or "SURVIVED", killer is not None


def chosen(words):
    """Return pairs of a kind and a fault, those that one of the words, if there are any, is found in."""
    pairs = [(kind, fault) for kind, faults in FAULTS.items() for fault in faults]
    return [
        (kind, fault)
        for kind, fault in pairs
        if not words or any(word.lower() in f"{kind} {fault.name} {fault.file}".lower() for word in words)
    ]


def copy_project(folder):
    """Copy what the tests need, without bytecode."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)


def paths(tests):
    """Return the arguments of pytest for the tests of faults."""
    return [f"tests/{test}" for test in tests]


def parse():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="run the faults whose kind, name or file holds one of these")
    parser.add_argument("--list", action="store_true", help="name the faults and run none")
    parser.add_argument("--tests", nargs="+", metavar="PATH", help="in tests/, in place of those of the faults")
    return parser.parse_args()


def main():
    """Run the chosen faults and print a line of the table for each; return the exit status."""
    options = parse()
    pairs = chosen(options.words)
    if options.list:
        print("\n".join(f"{kind}: {fault.name}" for kind, fault in pairs))
        return 0
    wanted = {fault: paths(options.tests or fault.tests.split()) for _, fault in pairs}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_project(copy)
        failure = first_failure(copy, sorted(set(sum(wanted.values(), []))))
        if failure:
            raise SystemExit(f"{failure} fails without any fault.")
        print("| Kind | Fault | First test that fails |\n| --- | --- | --- |", flush=True)
        noticed = []
        for kind, fault in pairs:
            text, is_noticed = result(fault, copy, wanted[fault])
            noticed.append(is_noticed)
            print(f"| {kind} | {fault.name} | {text} |", flush=True)
    print(f"\n{sum(noticed)} of {len(noticed)} faults were noticed.")
    return 0 if all(noticed) else 1


if __name__ == "__main__":
    sys.exit(main())
