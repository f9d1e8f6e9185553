"""Damaged files: what reading them may end in, with the command that repeats each case that ends otherwise.

``DAMAGED_FILES=2000`` in the environment runs as many; ``pytest -s`` shows the counts; `damaged` has the rule.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("resource", reason="limits of memory and time, and processes that are forked")
pytest.importorskip("h5py")
pytest.importorskip("av")
pytest.importorskip("skops")
import damaged  # noqa: E402
from damaged_bytes import ARCHIVE, BYTES, WHOLE, number, truncate  # noqa: E402
from damaged_rule import (  # noqa: E402
    CHANGED,
    EITHER,
    KILLED,
    LATE,
    MEMORY,
    NAMED,
    OTHER,
    OTHERS,
    REFUSED,
    RIGHT,
    SAME,
    STRAY,
    UNNAMED,
    WRONG,
    Outcome,
    judge_error,
    judge_result,
)

COUNT = int(os.environ.get("DAMAGED_FILES", 180))
SCRIPT = Path(__file__).with_name("damaged.py")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """The outcomes of all cases, run by a process that has one thread and can be forked; their counts are printed."""
    file = tmp_path_factory.mktemp("outcomes") / "outcomes.json"
    command = [sys.executable, SCRIPT, "--count", str(COUNT), "--json", file]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert file.is_file(), done.stderr
    print(f"\n{done.stdout[done.stdout.rfind('right numbers') - 10 :]}")
    found = [Outcome(**json.loads(line)) for line in file.read_text().splitlines()]
    assert len(found) == COUNT and done.returncode == any(outcome.failed for outcome in found)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", damaged.NAMES)
def test_damaged_files_are_refused_by_name_or_read_rightly(outcomes, name):
    cases = [outcome for outcome in outcomes if outcome.file_kind == name]
    failed = [f"{outcome}\n    {damaged.repeat_command(outcome)}" for outcome in cases if outcome.failed]
    assert cases and not failed, "\n".join([f"{len(failed)} of {len(cases)} cases break the rule:", *failed])


# ------------------------------------------------------- the generator itself
@pytest.mark.parametrize("damage", dict.fromkeys(BYTES))
def test_damaged_bytes_are_their_seed_and_not_what_they_were(damage):
    data = np.random.default_rng(0).bytes(4000) + b"12, 345"
    changed = 0
    for seed in range(20):
        first, note = damage(np.random.default_rng(seed), data)
        assert (first, note) == damage(np.random.default_rng(seed), data)
        changed += first != data
        assert isinstance(damage(np.random.default_rng(seed), b"7")[0], bytes)
    assert changed > 10


def test_files_are_cut_at_any_byte():
    sizes = {len(truncate(np.random.default_rng(seed), bytes(8))[0]) for seed in range(100)}
    assert sizes == set(range(8))


def test_numbers_are_written_where_small_numbers_are():
    data = bytes(100) + (6).to_bytes(8, "little") + bytes(100)
    hits = [number(np.random.default_rng(seed), data)[0][100:108] != data[100:108] for seed in range(60)]
    assert sum(hits) > 20


@pytest.mark.parametrize("damage", WHOLE)
def test_something_else_lies_under_the_name(damage, tmp_path):
    file = tmp_path / "file.npy"
    file.write_bytes(b"good")
    note, allowed = damage(np.random.default_rng(0), file)
    assert note and allowed == REFUSED
    assert not file.is_file() or file.read_bytes() != b"good"


@pytest.mark.parametrize("damage", ARCHIVE)
def test_members_of_archives_are_damaged(damage, tmp_path):
    file, differs = tmp_path / "file.npz", False
    for seed in range(5):
        np.savez(file, a=np.zeros(3), b=np.ones(3))
        before = file.read_bytes()
        damage(np.random.default_rng(seed), file)
        differs = differs or file.read_bytes() != before
        assert zipfile.is_zipfile(file)
    assert differs


@pytest.mark.parametrize(
    ("error", "allowed", "kind"),
    [
        (ValueError("/x/a.npy cannot be read"), EITHER, NAMED),
        (ValueError("cannot be read"), EITHER, UNNAMED),
        (ValueError("/x/a.npy cannot be read"), SAME, WRONG),
        (FileNotFoundError(errno.ENOENT, "No such file", "/x/a.npy"), EITHER, NAMED),
        (OSError(errno.EIO, "Input/output error", "/x/a.npy"), EITHER, OTHER),
        (KeyError("a.npy"), EITHER, OTHER),
        (RuntimeError("a.npy"), EITHER, OTHER),
        (MemoryError("a.npy"), EITHER, MEMORY),
        (ValueError("a.npy: Unable to allocate 9 GiB"), EITHER, MEMORY),
        (ValueError("Input X.audio contains NaN, first in segment 0"), EITHER, NAMED),
        (ValueError("network 'psp' gives outputs that are not finite"), EITHER, NAMED),
        (ValueError("network 'psp' gives outputs that are not finite"), REFUSED, UNNAMED),
    ],
)
def test_an_error_is_judged(error, allowed, kind):
    assert judge_error(error, ["a.npy"], allowed)[0] == kind


def test_memory_that_ran_out_is_seen_through_another_error():
    error = ValueError("a.npy cannot be read")
    error.__cause__ = MemoryError()
    assert judge_error(error, ["a.npy"], EITHER)[0] == MEMORY


def test_brackets_that_are_too_deep_are_no_lack_of_memory():
    with pytest.raises((MemoryError, SyntaxError, RecursionError)) as caught:
        compile("(" * 4000, "file", "eval")
    error = ValueError("a.npy cannot be read")
    error.__cause__ = caught.value
    assert judge_error(error, ["a.npy"], EITHER)[0] == NAMED


@pytest.mark.parametrize(
    ("result", "allowed", "kind"),
    [
        ([1.0, 2.0], EITHER, RIGHT),
        ([1.0, 2.0], REFUSED, WRONG),
        ([1.0, 3.0], EITHER, OTHERS),
        ([1.0, 3.0], SAME, WRONG),
        ([1.0, np.nan], EITHER, WRONG),
        ([1.0, np.inf], EITHER, WRONG),
    ],
)
def test_a_result_is_judged(result, allowed, kind):
    assert judge_result({"a": np.array(result)}, {"a": np.array([1.0, 2.0])}, allowed)[0] == kind


# ------------------------------------------------------- in a process of its own
class Liar:
    """A kind of file whose reading does what it should not."""

    def __init__(self, act):
        self.act = act

    def read(self, folder, variant, rng):
        self.act(folder)
        return {"a": np.ones(2)}


def leave_open(folder):
    Liar.opened = open(folder / "file", "w")


def change_torch(folder):
    torch._utils._rebuild_tensor_v2.__defaults__ = None
    torch._utils._rebuild_tensor_v2 = None


def refuse_and_change(folder):
    change_torch(folder)
    raise ValueError("file.npy cannot be read")


def refuse(folder):
    raise ValueError("file.npy cannot be read")


def run_for_ever(folder):
    while True:
        pass


ACTS = {
    "right": (lambda folder: None, RIGHT),
    "refused": (refuse, NAMED),
    "open": (leave_open, CHANGED),
    "changed": (change_torch, CHANGED),
    "refused and changed": (refuse_and_change, CHANGED),
    "warned": (lambda folder: warnings.warn("from NumPy", RuntimeWarning, stacklevel=1), STRAY),
    "printed": (lambda folder: os.write(2, b"HDF5-DIAG"), STRAY),
    "grown": (lambda folder: np.ones(damaged.MAX_MEMORY // 6), MEMORY),
    "code": (lambda folder: (folder / "pwned").touch(), WRONG),
    "killed": (lambda folder: os.kill(os.getpid(), signal.SIGKILL), KILLED),
    "ended": (lambda folder: os._exit(0), KILLED),
    "for ever": (run_for_ever, LATE),
    "declared": (lambda folder: np.zeros(2**33), MEMORY),
}


@pytest.mark.parametrize("name", ACTS)
def test_what_a_case_leaves_behind_is_seen(name, tmp_path, monkeypatch):
    act, kind = ACTS[name]
    if kind == LATE:  # the others may have to collect the garbage of a long run of tests
        monkeypatch.setattr(damaged, "MAX_SECONDS", 0.3)
    case = tmp_path / "case"
    case.mkdir()
    damaged.make_goods_of_all(tmp_path)
    good = {"a": np.ones(2)}

    def call():
        return damaged.attempt(Liar(act), case, "", None, good, EITHER, ["file.npy"], False)

    began = time.monotonic()
    assert damaged.in_a_process(call)[0] == kind
    assert time.monotonic() - began < 60


def test_a_case_is_its_seed(tmp_path):
    goods = damaged.Goods(tmp_path)
    damaged.make_goods_of_all(tmp_path)
    seeds = [7, 16, 25]  # event lists, which are made soonest
    first, second = ([damaged.run(seed, goods) for seed in seeds] for _ in range(2))
    assert [outcome[:5] for outcome in first] == [outcome[:5] for outcome in second]
    assert {outcome.file_kind for outcome in first} == {"events"}
    assert f"seed 7, {first[0].kind}" in str(first[0])
    assert "3 " in damaged.table(first).splitlines()[-1] or damaged.table(first).endswith(" 3")
