"""Journal of an extraction at work: what is done lies in files that outlive the process, and is gone on with.

Beside the rows, an ``.npy`` file in the making for each of the two arrays, lies a text file with a JSON object a line:

* the first line: the format, and the parameters and digests of networks that the rows depend on;
* ``video``: what the stamps of a file told, so that it need not be read through again;
* ``rows``: the shapes and types of the two rows of a clip, before the first clip;
* ``clip``: one that is done, with the size and the time of change of its file, the number of its rows, what was found
  when it was read, and a checksum of all that and of the rows; or one that cannot be used, and why;
* ``publishes``: all is done, and the files are about to get their names.

Each line has a digest of its own, ``check``: one that was changed counts as one that is not there.

The system gets the bytes of a clip's rows before it gets the line. A process that is killed loses the clips that it
was at, no more: half a line is cut off, and rows without a line are written over. Nothing waits for the disk, which may
take longer than a clip. After a loss of power some lines may be there without their rows: so the checksum of every row
is compared before it is used, and what does not fit is done again.

A row lies where it will lie in the end, as far as that is known, in whatever order clips are finished. So the finished
files are mostly these, under further names (hard links), and a kill between two names loses nothing.
"""

import hashlib
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from ave_sklearn._features.npy import NpyRows, NpyWriter, check_disk_space
from ave_sklearn._features.pairs import publish
from ave_sklearn._files import hidden_beside, naming_file, reading, temporary_beside
from ave_sklearn.extraction._media import Findings, MediaInfo, remember
from ave_sklearn.extraction._opening import ExtractionError, file_stamp
from ave_sklearn.extraction._recipe import RESULT_FORMAT

FORMAT = f"1.{RESULT_FORMAT}"  # of the journal, and of what `extract` returns
WHAT = "the journal of an unfinished extraction"
DONE = "are done"  # what a note of an error about clips says


@dataclass(frozen=True)
class Wording:
    """How messages speak to whoever extracts.

    Attributes
    ----------
    go_on, restart : str
        What goes on with the work, and what begins anew.
    parameter : callable (name, value) -> str
        Writes a parameter and its value, after "with" or "has".
    """

    go_on: str
    restart: str
    parameter: object


IN_PYTHON = Wording("transform_to(..., resume=True) goes on", "resume=False", "{}={!r}".format)


@dataclass(frozen=True)
class Done:
    """A clip whose rows are there: the state of its file, the number of its rows, what was found, the checksum."""

    stamp: tuple
    row: int
    findings: Findings
    checksum: str = ""


class Journal:
    """Journal of an extraction, and the rows of which it tells.

    Who uses it holds the locks of the files that it is about.

    Parameters
    ----------
    file : path-like
        The journal.
    rows : pair of path-like
        The files in the making, audio and visual, in the file systems of the finished ones.
    wording : Wording, default=IN_PYTHON
    note : callable (str), default=None
        Is told how many clips are taken over.

    Attributes
    ----------
    recipe : dict or None
        What the rows depend on, from :meth:`begin` on.
    publishes : dict or None
        What :meth:`mark` noted last.
    n_missing : int or None
        Clips to come, for whose rows there must be room when the first is added.
    """

    def __init__(self, file, rows, wording=IN_PYTHON, note=None):
        self.file, self.files = os.fspath(file), tuple(map(os.fspath, rows))
        self.wording, self.note = wording, note or (lambda text: None)
        self.recipe, self._stream = None, None
        self._forget()

    @classmethod
    def beside(cls, audio, visual):
        """Return the journal of two files, hidden beside them."""
        return cls(hidden_beside(audio, "journal"), [hidden_beside(file, "rows") for file in (audio, visual)])

    def _forget(self):
        self.publishes, self.n_missing, self._end, self._rows, self._n_found = None, None, 0, None, 0
        self._done, self._taken, self._videos = {}, set(), {}

    # ------------------------------------------------------------ what is there
    def read(self):
        """Take over what the journal says; nothing is changed, and no row is looked at.

        A line that cannot be read, or was changed, counts as one that is not there: its clip is done again.

        Returns
        -------
        recipe : dict or None
            What the rows depend on; None if there is no journal, or no whole line of it.

        Raises
        ------
        ValueError
            If the first line is damaged, changed or of another version; the error names the file and the way out.
        """
        self._forget()
        with suppress(FileNotFoundError), open(self.file, "rb") as stream:
            lines = stream.read().split(b"\n")[:-1]
            if lines:
                recipe = self._read_head(lines[0])
                for line in lines[1:]:
                    with suppress(ValueError), reading(self.file, WHAT, parsing=True):
                        self._take(_unchanged(_parse(line)))
                self._end, self._n_found = sum(len(line) + 1 for line in lines), len(self._done)
                return recipe
        return None

    def _read_head(self, line):
        try:
            with reading(self.file, WHAT, parsing=True):
                head = _parse(line)
                if head["format"] != FORMAT:
                    raise ValueError(f"its format is {head['format']!r:.100}, and that of this version {FORMAT!r}")
                if not all(isinstance(head[name], dict) for name in ("parameters", "networks")):
                    raise ValueError("its parameters and networks must be names and values")
                _unchanged(head)
                return {name: head[name] for name in ("parameters", "networks")}
        except ValueError as error:
            raise ValueError(f"{error}. {self.wording.restart} begins anew.") from error

    def _take(self, content):
        """Take over what one line says."""
        kind = next(iter(content), None)
        if kind == "rows":
            self._set_rows(content["rows"])
        elif kind == "publishes":
            self.publishes = content
        elif kind == "video":
            path, size, modified = content["video"]
            duration, rate, *texts = content["info"]
            notes, warnings = (tuple(map(str, text)) for text in texts)
            self._videos[path, size, modified] = MediaInfo(float(duration), int(rate), notes, warnings)
        elif "row" in content:
            key, done = _as_done(content)
            self._done[key] = done

    def _set_rows(self, layout):
        files = zip(self.files, layout, strict=True)
        self._rows = [NpyRows(file, map(int, shape), dtype) for file, (shape, dtype) in files]

    def recall_videos(self):
        """Let `probe` not read the files that the journal knows, as long as they do not change."""
        for stamp, info in self._videos.items():
            remember(stamp, info)

    def count(self, clips):
        """Return how many of the clips are done."""
        return sum(_key(clip) in self._done for clip in clips)

    def find(self, clip):
        """Return what is `Done` of a clip, or None."""
        return self._done.get(_key(clip))

    # ------------------------------------------------------------ going on
    def begin(self, recipe, clips):
        """Go on with what is there, if it is of the same recipe.

        Parameters
        ----------
        recipe : dict
            ``parameters`` by their names and ``networks``, a digest each, in values of JSON.
        clips : list of (str, float)
            Rows of other clips may be written over.

        Raises
        ------
        ValueError
            If the rows depend on something else; nothing was changed then.
        """
        recipe = json.loads(json.dumps(recipe))  # as it is read again
        begun = self.read()
        if begun is not None and (changes := self._differences(begun, recipe)):
            raise ValueError(
                f"{self.file}: the extraction that is unfinished was begun with {'; '.join(changes)}. Go on as it was "
                f"begun, or begin anew ({self.wording.restart}), which drops what is done: {len(self._done)} clips."
            )
        self.recall_videos()
        keys = set(map(_key, clips)) & set(self._done)
        self._done = {key: self._done[key] for key in keys if self._is_whole(key, self._done[key])}
        self._taken = {done.row for done in self._done.values()}
        self.recipe = recipe

    def _differences(self, begun, now):
        """Say in what two recipes differ; of networks by other names the names alone."""
        write, changes = self.wording.parameter, []
        for name, was, value in _pairs(begun["parameters"], now["parameters"]):
            changes.append(f"{write(name, was)}, and this one has {write(name, value)}")
        if not changes:
            for name, was, digest in _pairs(begun["networks"], now["networks"]):
                changes.append(f"other weights or code of {name} (digest {was}, now {digest})")
        return changes

    def _is_whole(self, key, done):
        """Tell whether the file of a clip is as it was, and the rows of the clip too."""
        with suppress(ExtractionError, FileNotFoundError):
            if file_stamp(key[0]) == done.stamp and self._rows is not None:
                return _checksum(key, done, [rows.read(done.row) for rows in self._rows]) == done.checksum
        return False

    def add_video(self, stamp, info):
        """Note what one state of a file holds, unless it is noted."""
        if stamp not in self._videos:
            self._videos[stamp] = info
            self._write({"video": stamp, "info": [info.duration, info.sample_rate, info.notes, info.warnings]})

    def add_error(self, clip, error):
        """Note that a clip cannot be used; it is tried again when the work is gone on with."""
        self._write({"clip": _key(clip), "error": error.reason})

    def add(self, clip, stamp, features, findings, place):
        """Keep the rows of a clip.

        Parameters
        ----------
        clip : (str, float)
        stamp : tuple
            Of its file, before it was read.
        features : pair of ndarrays
        findings : Findings
        place : int
            The number that its rows should have; they get another if it is taken.
        """
        if self.n_missing is not None:
            check_disk_space({f: self.n_missing * row.nbytes for f, row in zip(self.files, features, strict=True)})
            self.n_missing = None
        if self._rows is None:
            layout = [(row.shape, row.dtype.str) for row in features]
            self._set_rows(layout)
            self._write({"rows": layout})
        number = place if place not in self._taken else max(self._taken) + 1
        for rows, row in zip(self._rows, features, strict=True):
            rows.write(number, row)
        key, done = _key(clip), Done(stamp, number, findings)
        done = replace(done, checksum=_checksum(key, done, [row.tobytes() for row in features]))
        self._write(_as_content(key, done))
        self._done[key] = done
        self._taken.add(number)

    def mark(self, clips, replaces):
        """Note that the files of these clips are about to get their names, and whether they replace others."""
        self._write({"publishes": digest_clips(clips), "replaces": replaces})

    def _write(self, content):
        """Write one line, behind the last whole one, and give it to the system."""
        with naming_file(self.file):
            if self._stream is None:
                self._stream = open(self.file, "r+b" if os.path.exists(self.file) else "w+b")
                self._stream.truncate(self._end)
                self._stream.seek(self._end)
                if not self._end:
                    self._stream.write(line_of({"format": FORMAT, **self.recipe}))
            self._stream.write(line_of(content))
            self._stream.flush()
            self._end = self._stream.tell()

    @contextmanager
    def telling(self, clips):
        """Close the files when the block ends, and let an exception say how much is done and how to go on.

        Where nothing is, nothing is left.
        """
        try:
            yield
        except BaseException as error:
            if self.recipe is not None and (n_done := self.count(clips)):
                words = self.wording
                error.add_note(f"{n_done} of {len(clips)} clips {DONE}: {words.go_on}, {words.restart} begins anew.")
            elif self.recipe is not None and not self._n_found:
                self.discard()
            raise
        finally:
            self.close()

    # ------------------------------------------------------------ the end
    def publish(self, numbers, audio, visual):
        """Give rows the names of two ``.npy`` files, as one thing; the journal and its rows stay.

        Parameters
        ----------
        numbers : list of int
            Of the rows, in the order of the finished files.
        audio, visual : path-like
        """
        self.close()
        finished = {}
        try:
            for rows, file in zip(self._rows, (audio, visual), strict=True):
                finished[file] = temporary_beside(file)
                if not (numbers == list(range(len(numbers))) and _link(rows, len(numbers), finished[file])):
                    finished[file] = _copy(rows, numbers, file)
            publish(finished, [audio, visual])
        finally:
            for temporary in finished.values():
                with suppress(FileNotFoundError):
                    os.unlink(temporary)

    def close(self):
        """Close the files; what could not be written has raised its error before."""
        with suppress(OSError):
            if self._stream is not None:
                self._stream.close()
        self._stream = None
        for rows in self._rows or ():
            rows.close()

    def discard(self):
        """Remove the journal, then its rows."""
        self.close()
        self._forget()
        for file in (self.file, *self.files):
            with suppress(FileNotFoundError):
                os.unlink(file)


def _pairs(first, second):
    """Yield the names whose values differ, and both values, None where one has no such name."""
    for name in {**first, **second}:
        if first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)


def digest_clips(clips):
    """Return a digest of a list of clips."""
    return _digest([_key(clip) for clip in clips])


def _key(clip):
    """Return what a journal calls a clip, wherever it is gone on with."""
    path, start = clip
    return os.path.abspath(path), float(start)


def _as_content(key, done):
    """Write a clip that is done in values of JSON."""
    _, size, modified = done.stamp
    findings = {name: float(value) if name != "warnings" else value for name, value in asdict(done.findings).items()}
    content = {"clip": key, "size": size, "modified": modified, "row": done.row, **findings}
    return content | {"checksum": done.checksum}


def _as_done(content):
    """Undo `_as_content`."""
    path, start = content["clip"]
    numbers = [float(content[name]) for name in ("held", "padding", "damage")]
    findings = Findings(*numbers, list(map(str, content["warnings"])))
    stamp = path, content["size"], content["modified"]
    if not (isinstance(path, str) and isinstance(content["row"], int) and content["row"] >= 0):
        raise ValueError("it names no clip, or no row")
    return (path, float(start)), Done(stamp, content["row"], findings, content["checksum"])


def _checksum(key, done, rows):
    """Return a digest of what the journal says of a clip, and of its rows."""
    digest = hashlib.blake2b(json.dumps(_as_content(key, replace(done, checksum=""))).encode(), digest_size=16)
    for row in rows:
        digest.update(row)
    return digest.hexdigest()


def _parse(line):
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError(f"a line holds a {type(content).__name__}; wanted names and values")
    return content


def line_of(content):
    """Write names and values as a line, with the digest by which `_unchanged` knows it."""
    return json.dumps(content | {"check": _digest(content)}).encode() + b"\n"


def _unchanged(content):
    """Return what a line says; a ValueError if it is not as `line_of` wrote it."""
    said = {name: value for name, value in content.items() if name != "check"}
    if content.get("check") != _digest(said):
        raise ValueError("a line was changed")
    return said


def _digest(content):
    """Return a digest of a value of JSON."""
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()


def _link(rows, n_rows, file):
    """Give rows a second name, as a finished file; False where the file system has no such names."""
    rows.finish(n_rows)
    try:
        os.link(rows.file, file)
    except OSError:
        return False
    return True


def _copy(rows, numbers, file):
    """Copy rows to a finished file under a temporary name, which is returned."""
    check_disk_space({file: len(numbers) * rows.row_size})
    writer = NpyWriter(file, rows.row_shape, rows.dtype)
    try:
        for number in numbers:
            writer.append(rows.take(number)[None])
        writer.finish()
    except BaseException:
        writer.discard()
        raise
    return writer.temporary
