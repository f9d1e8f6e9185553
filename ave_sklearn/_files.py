"""Files that may be damaged or change: errors that name them, their state, files that appear whole, and locks."""

import errno
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple
from uuid import uuid4

MACHINE_FAULTS = (FileNotFoundError, PermissionError, MemoryError, ImportError)
LOCK_PATIENCE = 0.5  # seconds that a writer waits for another: one that is about to end is no reason to give up
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}  # what file systems without locks answer


class FileState(NamedTuple):
    """What tells one state of a file from another: the file itself, its size and when it was last changed.

    `device` and `inode` are None in a state that was pickled: they are not the same on another machine.
    """

    device: int | None
    inode: int | None
    size: int
    modified: int  # nanoseconds

    @classmethod
    def of(cls, file):
        """Return the state of a file, given by its path or by an open descriptor; OSError if it is gone."""
        stat = os.stat(file)
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def change(self, now, *, may_be_written=False):
        """Tell what has changed since this state, the end of "FILE, which ...", or None where nothing has.

        Parameters
        ----------
        now : FileState
        may_be_written : bool, default=False
            Whether a new time of change is no change.
        """
        if self.inode is not None and (self.device, self.inode) != (now.device, now.inode):
            return "was replaced by another file after it was opened"
        if self.size != now.size:
            return f"had {self.size} bytes when it was opened and has {now.size} now"
        if self.modified != now.modified and not may_be_written:
            return "was written to, or touched, after it was opened"
        return None

    def anywhere(self):
        """Return this state without the place of the file, to be pickled."""
        return self._replace(device=None, inode=None)

    @property
    def is_from_elsewhere(self):
        """Whether it came by a pickle, so that it may be that of another machine's file."""
        return self.inode is None


@contextmanager
def naming_machine(file, state):
    """Let an error about a file that another process had opened name this machine, which may not have it.

    Parameters
    ----------
    file : path-like
    state : FileState
        Of the file, when it was opened.

    Raises
    ------
    ValueError
        In place of one about the file, and of a FileNotFoundError or a PermissionError.
    """
    try:
        yield
    except (FileNotFoundError, PermissionError, ValueError) as error:
        if not state.is_from_elsewhere:
            raise
        file, host = os.fsdecode(file), gethostname()
        where = f"This is the machine {host}" if os.path.exists(file) else f"{file} is not on the machine {host}"
        raise ValueError(
            f"{error} {where}; the files of features must be there under the same path, of the same size and time of "
            "change."
        ) from error


@contextmanager
def reading(file, what, *, parsing=False):
    """Turn whatever a damaged file makes a reader raise into a ValueError that names the file and the cause.

    What the machine is to blame for passes as it is: a file that is missing or may not be read, a disk that fails,
    memory that is full. So does a ValueError that names the file already.

    Parameters
    ----------
    file : path-like
        As the user named it.
    what : str
        What is wanted of it, "an .npy file" for example.
    parsing : bool, default=False
        Whether text of bounded length is parsed. A parser raises MemoryError where brackets are too deep: then that is
        the file's fault.

    Raises
    ------
    ValueError
        "FILE cannot be read as WHAT: CAUSE".
    """
    try:
        yield
    except Exception as error:
        if _is_of_the_machine(error) and not (parsing and isinstance(error, MemoryError)):
            raise
        if isinstance(error, ValueError) and os.fsdecode(file) in str(error):
            raise
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{os.fsdecode(file)} cannot be read as {what}: {reason}") from error


def require_regular(file, what):
    """Raise a ValueError for a folder, a pipe or a device: opening them fails in odd ways, or waits for ever.

    Parameters
    ----------
    file : path-like
    what : str
        What is wanted, "an .npy file" for example.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that name.
    ValueError
        If it is no regular file.
    """
    mode = os.stat(file).st_mode
    if not S_ISREG(mode):
        kind = "a folder" if S_ISDIR(mode) else "no regular file"
        raise ValueError(f"{os.fsdecode(file)} is {kind}, not {what}.")


def check_parent(file):
    """Return a path as a Path; refuse it if the folder that it is in is not there."""
    file = Path(file)
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder {file.parent} is not there, so {file.name} cannot be made in it.")
    return file


def _is_of_the_machine(error):
    """Tell faults of the machine from those of a file; libraries raise OSError without a number for the latter."""
    if isinstance(error, MACHINE_FAULTS):
        return True
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.EAGAIN)  # EAGAIN: locked


def temporary_beside(file):
    """Return a name, not taken yet, for a file in the making, in the folder that it goes to."""
    return hidden_beside(file, f"{uuid4().hex[:12]}.part")


def hidden_beside(file, ending):
    """Return the name of a hidden file about another one, in the same folder: ``.NAME.ENDING``."""
    folder, name = os.path.split(os.path.abspath(file))
    return os.path.join(folder, f".{name}.{ending}")


def flush(path):
    """Let a file's content, or a folder's names, outlast a loss of power; Windows knows no such thing of folders."""
    if os.path.isdir(path):
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
    else:
        with open(path, "rb+") as stream:
            os.fsync(stream.fileno())


@contextmanager
def naming_file(file):
    """Let an OSError say which file, as the user named it, could not be written."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror or error}, while writing", os.fspath(file)) from error


@contextmanager
def whole_file(file):
    """Yield the path of a temporary file, which gets the name `file` if the block ends without an error."""
    temporary = Path(temporary_beside(file))
    try:
        with naming_file(file):
            yield temporary
            flush(temporary)
            os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(file):
    """Keep other processes from writing a file while the block runs.

    The lock is one of the operating system's, on the hidden file ``.NAME.lock`` beside: a process that dies holds it no
    longer, though its hidden file stays until the next writer. It is removed while the lock is still held; who opened
    it before that looks, once he has the lock, whether the file still has its name (filelock does). Where the file
    system has no locks the block runs without.

    Parameters
    ----------
    file : path-like
        In a folder that is there; it need not be there itself.

    Raises
    ------
    BlockingIOError
        If another process, or another thread, is writing the file; it names it.
    OSError
        If the hidden file cannot be made; it names the file.
    """
    from filelock import FileLock, Timeout, UnixFileLock  # here, since what only reads needs no lock

    lock = FileLock(hidden_beside(file, "lock"), timeout=LOCK_PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        message = "another process is writing it; wait for that one, or write elsewhere"
        raise BlockingIOError(errno.EWOULDBLOCK, message, os.fspath(file)) from None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            reason = f"{error.strerror or error}, while making {lock.lock_file}"
            raise OSError(error.errno, reason, os.fspath(file)) from error
    try:
        yield
    finally:
        if isinstance(lock, UnixFileLock) and lock.is_locked:  # others remove the file themselves
            with suppress(OSError):
                os.unlink(lock.lock_file)
        lock.release()
