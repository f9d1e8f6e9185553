"""Files that are one thing, audio and visual features first of all: they appear as one, and are read as one.

Two names cannot change in one step. Hidden files beside each file NAME of a pair tell a reader what it has before it:

``.NAME.pair``
    The manifest, of a finished pair: the names of the other files, a nonce that all of them share, and the size, the
    time and a fingerprint of NAME. New audio beside old visual features is found by it, whoever put it there.
``.NAME.writing``
    Says "being written": it is there from before the first new name to after the last, lists where each new and each
    old file lies, and is left by a process that is killed in between. Reading refuses such a pair.
``.NAME.lock``
    Locked while a process writes; see `ave_sklearn._files.locked`.
``.NAME.HEX.part``, ``.NAME.HEX.old``
    A new file that has no name yet, and an old one until all new ones have theirs.

A manifest lies beside its file, since the two files may lie in different folders under any names, and may be moved: it
names the other one relative to itself. It binds these two alone. A file that was renamed, or is opened with a third
one, has none that speaks of the two, and is read as files without any are. Copies lose the time of a file, but not its
content: where the sizes are equal and the times are not, the fingerprints decide. Reading writes nothing.

The order of writing, each step flushed to the disk before the next: the new files and their manifests are finished
under temporary names; ``.NAME.writing`` appears for all; one file after the other, the old one is put aside and the new
one gets the name; ``.NAME.writing`` goes, then the old files. An exception puts everything back. A kill leaves the old
files, the new ones, or ``.NAME.writing`` and with it the way to both.
"""

import hashlib
import json
import os
import re
import stat
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from ave_sklearn._checks import first_few
from ave_sklearn._files import (
    FileState,
    flush,
    hidden_beside,
    locked,
    naming_file,
    reading,
    temporary_beside,
    whole_file,
)
from ave_sklearn._user_warnings import warn_user

PAIR, WRITING = "pair", "writing"
MANIFEST = "the manifest of a pair of files, which are read without it, but not compared"
MAX_NOTE = 100_000  # bytes of a hidden file, of which a few hundred are used
N_BLOCKS, BLOCK = 256, 16_384  # what a fingerprint looks at: all of 4 MB, and as much of larger files
CLOCK_STEP = 20_000_000  # nanoseconds: twice what the clock of files takes at most on usual systems
LEFTOVER = r"\.{name}\.[0-9a-f]{{12}}\.(part|old)"


class Manifest(NamedTuple):
    """What `.NAME.pair` says of the file NAME.

    Attributes
    ----------
    nonce : str
        The same for all files that were written as one.
    others : list of str
        Paths of the other files, relative to the folder of this one.
    size : int
        Bytes.
    modified : int
        When it was last changed, in nanoseconds; -1 where a later change could bear the same time, since the clock of
        files goes in steps.
    fingerprint : str
        See `fingerprint`.
    """

    nonce: str
    others: list
    size: int
    modified: int
    fingerprint: str

    @classmethod
    def read(cls, file):
        """Return the manifest beside a file, or None if there is none."""
        note = hidden_beside(file, PAIR)
        if os.path.lexists(note):
            with suppress(FileNotFoundError), reading(note, MANIFEST, parsing=True):
                content = _read_note(note)
                manifest = cls(*(kind(content[name]) for name, kind in cls.__annotations__.items()))
                if not all(isinstance(other, str) and b"\0" not in os.fsencode(other) for other in manifest.others):
                    raise ValueError("others is no list of paths")
                return manifest
        return None

    def names(self, file, other):
        """Whether this, the manifest of `file`, speaks of the file `other`."""
        folder = os.path.dirname(file)
        return any(os.path.realpath(_absolute(name, folder)) == other for name in self.others)

    def fits(self, file):
        """Whether a file is as it was written."""
        state = FileState.of(file)
        return state.size == self.size and (
            state.modified == self.modified or fingerprint(file, state.size) == self.fingerprint
        )


class Move(NamedTuple):
    """A file that gets a new content.

    Attributes
    ----------
    file : str
        Its name.
    new : str or None
        Name of the new file until it moves; None if the old one goes without a successor.
    old : str or None
        Name of the old file from then on, until all have moved; None if there is none.
    """

    file: str
    new: str | None
    old: str | None

    def new_place(self):
        """Return where the new file lies; None if it is lost, where a write failed and then its undoing."""
        if os.path.lexists(self.new):
            return self.new
        has_moved = self.old is None or os.path.lexists(self.old)
        return self.file if has_moved and os.path.lexists(self.file) else None

    def old_place(self):
        """Return where the old file lies."""
        return self.old if os.path.lexists(self.old) else self.file


def fingerprint(file, size):
    """Return a digest of a file's content: of blocks spread over it, its first and its last among them."""
    starts = range(0, size, BLOCK)
    if len(starts) > N_BLOCKS:
        starts = [(size - BLOCK) * number // (N_BLOCKS - 1) for number in range(N_BLOCKS)]
    digest = hashlib.sha256()
    with open(file, "rb") as stream:
        for start in starts:
            stream.seek(start)
            digest.update(stream.read(BLOCK))
    return digest.hexdigest()


# ---------------------------------------------------------------- reading
@contextmanager
def one_run(pair):
    """Let a pair of files be opened and read in the block; refuse it if the two are not of one run.

    Parameters
    ----------
    pair : pair of path-like

    Raises
    ------
    ValueError
        If they are being written, or were when their process was killed; if a manifest that speaks of both does not
        fit; if they were written anew while the block ran. The error names the files, and says how to go on.
    """
    files = [os.path.realpath(file) for file in pair]  # a manifest lies beside its file, not beside a link
    before = _manifests(files)
    yield
    after = _manifests(files)
    if after != before:
        raise ValueError(f"{_names(pair)} were written anew while they were opened; open them again.")
    _check_manifests(files, after)


def refuse_unfinished(pair):
    """Raise a ValueError if a file of a pair is being written, or was when its process was killed."""
    for file in map(os.path.realpath, pair):
        note = hidden_beside(file, WRITING)
        if os.path.lexists(note):
            with suppress(FileNotFoundError):  # it went just now: the files are whole
                raise ValueError(_tell_unfinished(file, note))


def _manifests(files):
    refuse_unfinished(files)
    return [Manifest.read(file) for file in files]


def _check_manifests(files, manifests):
    """Check each manifest that speaks of the other file."""
    notes = _names(hidden_beside(file, PAIR) for file, own in zip(files, manifests, strict=True) if own is not None)
    for (file, other), (own, its) in zip((files, files[::-1]), (manifests, manifests[::-1]), strict=True):
        if own is None or not own.names(file, other):
            continue
        if its is None or its.nonce != own.nonce:
            problem = f"{file} was not written together with this {other}, but with another of that name"
        elif not own.fits(file):
            problem = f"{file} is not as it was written together with {other}: it was replaced or changed since"
        else:
            continue
        raise ValueError(
            f"{problem}. Write both again. If you know that they are of the same videos, delete {notes}: files without "
            "a manifest are not compared."
        )


def _tell_unfinished(file, note):
    """Say that a file is being written, and where the new and the old files lie, after the note beside it."""
    with reading(note, "a note of files being written", parsing=True):
        content = _read_note(note)
        folder = os.path.dirname(note)
        moves = [Move(*(name and _absolute(name, folder) for name in names)) for names in content["files"]]
        hidden = [_absolute(name, folder) for name in content["hidden"]]
        new = [move.new_place() for move in moves if move.new]
        old = [move.old_place() for move in moves if move.old]
        old = _names(old) if content["old_is_whole"] else "of two runs"
        notes = _names(sorted({note, *filter(os.path.lexists, hidden)}))
    return (
        f"{file} is being written, or was when the process that wrote it was killed: it and the files written with it "
        f"may be of two runs. The new files: {'lost' if None in new else _names(new)}. The old ones: {old}. If "
        f"no process is writing, write them again; or give the files of one run their names, and delete {notes}."
    )


def _read_note(note):
    if not stat.S_ISREG(os.stat(note).st_mode):
        raise ValueError("it is no regular file")
    with open(note, "rb") as stream:
        content = json.loads(stream.read(MAX_NOTE))
    if not isinstance(content, dict):
        raise ValueError(f"it holds a {type(content).__name__}; wanted a dict")
    return content


def _names(files):
    return first_few(map(os.fspath, files), limit=10)


# ---------------------------------------------------------------- writing
@contextmanager
def writing(pair):
    """Let this process alone write files while the block runs, and remove what killed ones left of them.

    Of a pair that was being given its names, nothing is removed before the next one has its own: the files that lie
    about are the only whole ones.

    Parameters
    ----------
    pair : sequence of path-like
        In folders that are there.

    Raises
    ------
    BlockingIOError
        If another process is writing one of them.
    """
    with ExitStack() as stack:
        for file in sorted(pair, key=_real):  # in one order for all, or two processes could refuse each other
            stack.enter_context(locked(file))
        if not any(os.path.lexists(hidden_beside(file, WRITING)) for file in pair):
            _remove_leftovers(pair)
        yield


def publish(finished, pair):
    """Give finished files their names as one thing; after an exception the old files are as they were.

    Parameters
    ----------
    finished : dict {path-like: path-like or None}
        For each file the finished one under its temporary name, which is in the same file system. None removes a file
        that has no successor.
    pair : sequence of path-like
        The files among them that get a manifest; the caller holds their locks (`writing`).

    Raises
    ------
    OSError
        If that cannot be done, naming the file.
    """
    nonce = uuid4().hex[:12]
    manifests = {hidden_beside(file, PAIR): temporary_beside(hidden_beside(file, PAIR)) for file in pair}
    moves = [_move(file, new, nonce) for file, new in {**finished, **manifests}.items()]
    before = {note: _bytes_of(note) for note in (hidden_beside(file, WRITING) for file in pair)}
    begun = []
    try:
        _finish(finished, manifests, pair, nonce)
        for note in before:
            _write_unfinished(note, moves[: len(finished)], [*before, *manifests], not any(before.values()))
        _flush_folders(moves)
        for move in moves:
            begun.append(move)
            _make(move)
        _flush_folders(moves)
        for note in before:
            os.unlink(note)
        _flush_folders(moves)
    except BaseException:
        _undo(begun, before)
        raise
    finally:
        for new in manifests.values():
            Path(new).unlink(missing_ok=True)
    for move in moves:
        if move.old:
            with suppress(OSError):
                os.unlink(move.old)
    _remove_leftovers(finished)


def _move(file, new, nonce):
    """Return the move of a finished file to its name, or of none."""
    old = hidden_beside(file, f"{nonce}.old") if os.path.lexists(file) else None
    return Move(os.path.abspath(file), new and os.path.abspath(new), old)


def _finish(finished, manifests, pair, nonce):
    """Flush the finished files, and write the manifests under their temporary names."""
    for file, new in finished.items():
        if new:
            with naming_file(file):
                flush(new)
    for file in pair:
        with naming_file(file):
            _write_manifest(file, finished[file], manifests[hidden_beside(file, PAIR)], pair, nonce)


def _make(move):
    """Put the old file aside and give the new one its name."""
    with naming_file(move.file):
        if move.old:
            os.replace(move.file, move.old)
        if move.new:
            os.replace(move.new, move.file)


def _undo(begun, before):
    """Put the old files back, then the notes of "being written" that were there before."""
    for move in reversed(begun):
        if move.old and os.path.lexists(move.old):
            os.replace(move.old, move.file)
        elif not move.old and move.new and not os.path.lexists(move.new):
            os.unlink(move.file)
    for note, content in before.items():
        if content is None:
            Path(note).unlink(missing_ok=True)
        else:
            with whole_file(note) as temporary:
                temporary.write_bytes(content)


def _write_manifest(file, new, temporary, pair, nonce):
    """Describe a finished file as it will be read under its name."""
    own, state = _real(file), FileState.of(new)
    Path(temporary).touch()  # asks the clock of files
    modified = state.modified if FileState.of(temporary).modified - state.modified > CLOCK_STEP else -1
    others = [_relative(_real(other), os.path.dirname(own)) for other in pair if _real(other) != own]
    manifest = Manifest(nonce, others, state.size, modified, fingerprint(new, state.size))
    about = "Tells which files were written together. Without it they are read, but not compared."
    Path(temporary).write_text(json.dumps({"about": about, **manifest._asdict()}, indent=1), encoding="utf-8")
    flush(temporary)


def _write_unfinished(note, moves, hidden, old_is_whole):
    """Say beside a file that it is being written, and where the new and the old files lie."""
    folder = os.path.dirname(note)
    content = {
        "about": "Being written. If no process is writing, it was killed: reading the files says where all are.",
        "files": [[path and _relative(path, folder) for path in move] for move in moves],
        "hidden": [_relative(path, folder) for path in hidden],
        "old_is_whole": old_is_whole,  # not where a process was killed before while it gave them their names
    }
    with whole_file(note) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _remove_leftovers(files):
    """Remove, and name, what killed processes left of files; the caller holds their locks."""
    hidden = [hidden_beside(file, ending) for file in files for ending in (PAIR, WRITING)]
    by_folder = {}
    for file in (*map(os.path.abspath, files), *hidden):
        by_folder.setdefault(os.path.dirname(file), []).append(re.escape(os.path.basename(file)))
    found, removed = [], []
    for folder, names in by_folder.items():
        leftover = re.compile(LEFTOVER.format(name=f"({'|'.join(names)})"))
        with suppress(OSError):
            found += [entry.path for entry in os.scandir(folder) if leftover.fullmatch(entry.name)]
    for file in sorted(found):
        with suppress(OSError):
            os.unlink(file)
            removed.append(file)
    if removed:
        warn_user(f"removed what a process that was killed, or failed, left behind: {_names(removed)}")


def _flush_folders(moves):
    for folder in {os.path.dirname(move.file) for move in moves}:
        flush(folder)


def _bytes_of(note):
    if not os.path.isfile(note):
        return None
    with open(note, "rb") as stream:
        return stream.read(MAX_NOTE)


def _real(file):
    """Return the path of a file under which it will lie, a link in its own place not followed."""
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.join(os.path.realpath(folder), name)


def _relative(path, folder):
    """Return a path relative to a folder, so that both may be moved; absolute between two drives of Windows."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return path


def _absolute(path, folder):
    """Undo `_relative`."""
    return os.path.normpath(os.path.join(folder, path))
