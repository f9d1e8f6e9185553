"""Folders of features in the making: they are complete, or as they were."""

import json
import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from ave_sklearn._checks import MOST_LINES, first_few, first_lines
from ave_sklearn._features.npy import check_output_files
from ave_sklearn._features.pairs import PAIR, publish, refuse_unfinished, writing
from ave_sklearn._files import check_parent, hidden_beside, whole_file
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._text import write_table
from ave_sklearn.extraction._folders import (
    AUDIO,
    DIGESTED,
    EXTRACTOR,
    FILES,
    NETWORKS,
    SHARD,
    SKIPPED,
    UNFINISHED,
    VIDEOS,
    VISUAL,
)
from ave_sklearn.extraction._journal import DONE, Journal, Wording, digest_clips
from ave_sklearn.extraction._opening import ExtractionError
from ave_sklearn.extraction._report import NothingUsableError, tell
from ave_sklearn.extraction._same_recipe import NOT_KEPT

REMAINS = ".extract-"  # how the hidden folder of an earlier version's extraction begins
JOURNAL, ROWS, ERRORS = "journal.jsonl", ("audio.rows", "visual.rows"), "errors.csv"
SUCCEEDED = ".unfinished.old"  # the hidden folder once all files have their names
DESCRIBED = ["filename", "start", "error"]  # columns about clips that cannot be used


def write_features(folder, extractor, clips, *, force=False, restart=False, shard=None, note=None):
    """Extract the features of clips of videos into a folder, or go on with that where it was stopped.

    Until all are finished the new files lie in a hidden folder, ``.unfinished``, within it, beside the old ones: the
    disk has both. What is done outlives an exception and a kill, and the next call goes on with it. In the end all
    files take their places as one thing, ``videos.csv`` last: while they do, and if the process is killed meanwhile,
    the pair of arrays is marked as being written, and no file of the folder is read. Hidden folders that earlier
    versions left are named in a warning and stay.

    Once written, the two arrays are kept together by their manifests; the rows of ``videos.csv`` are counted, no more.
    That one is made to be read and edited, to name the videos otherwise for example.

    Parameters
    ----------
    folder : path
        Made if it is not there; its parent must be.
    extractor : VideoFeatureExtractor
    clips : list of (str, float)
        Paths and starts in seconds.
    force : bool, default=False
        Whether features that the folder holds may be replaced.
    restart : bool, default=False
        Whether to drop what an earlier call has done but did not finish.
    shard : dict or None, default=None
        Which part of all videos these are, for ``shard.json``. A part may have no usable video, where videos may be
        skipped: its folder has no arrays then.
    note : callable (str), default=None
        Is told how many clips are taken over.

    Raises
    ------
    FileExistsError
        If the folder holds features, without `force`, or is a file.
    FileNotFoundError
        If the parent folder is not there.
    BlockingIOError
        If another process is writing into the folder.
    ValueError
        If videos cannot be used; if unfinished work in the folder was begun with other parameters or networks. An
        exception after which there is something to go on with has a note that says so.
    """
    folder = check_output_folder(folder, force, restart)
    with being_written(folder):
        _write(folder, extractor, clips, force, restart, shard, note)
    tell(extractor.report_, kept=folder / SKIPPED)  # now, since the files are to be there where warnings are errors


@contextmanager
def being_written(folder):
    """Make a folder, if it is not there, and hold the locks of its arrays while the block runs.

    A new one that an exception leaves empty is removed.
    """
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        with writing((folder / AUDIO, folder / VISUAL)):
            yield
    except BaseException:
        if is_new:
            with suppress(OSError):  # it may hold something by now
                folder.rmdir()
        raise


def _write(folder, extractor, clips, force, restart, shard, note):
    """Extract into a folder of which this process has the locks."""
    work = folder / UNFINISHED
    for remains in (folder / SUCCEEDED, *([work] if restart else [])):
        shutil.rmtree(remains, ignore_errors=True)
    journal = journal_of(folder, note)
    journal.read()
    is_own = (journal.publishes or {}) == {"publishes": digest_clips(clips), "replaces": False}
    replaces = not is_own and bool(_held(folder))
    if replaces and not force:  # another process may have finished in the meantime
        _refuse(folder)
    check_output_files([folder / name for name in FILES])
    _name_remains(folder)
    work.mkdir(exist_ok=True)
    (work / ERRORS).unlink(missing_ok=True)
    try:
        with journal.telling(clips):
            _extract(work, extractor, clips, journal, shard)
            if journal.recipe is not None:
                journal.mark(clips, replaces)
            publish_files(work, folder)
    except BaseException:
        if not any((work / name).exists() for name in (JOURNAL, ERRORS)):
            shutil.rmtree(work, ignore_errors=True)
        raise
    os.replace(work, folder / SUCCEEDED)  # in one step, so that no half of it is ever gone on with
    shutil.rmtree(folder / SUCCEEDED, ignore_errors=True)


def _extract(work, extractor, clips, journal, shard):
    """Make all files of a folder in the hidden folder; an error that lists many clips names the file that has all.

    A part of a list of which each video is skipped has no arrays: its rows would be of unknown shapes.
    """
    try:
        extractor._transform_to(clips, work / AUDIO, work / VISUAL, journal)
    except ExtractionError as error:
        if shard is not None and isinstance(error, NothingUsableError):
            _describe(work, extractor, journal, shard)
            return
        first, *lines = str(error).split("\n")
        if len(lines) <= MOST_LINES:
            raise
        report = _with_slashes(extractor.report_)
        with whole_file(work / ERRORS) as temporary:
            write_table(report.loc[report["error"] != "", DESCRIBED], temporary)
        raise ExtractionError("\n".join([first, *first_lines(lines, work / ERRORS)])) from error
    _describe(work, extractor, journal, shard)


def journal_of(folder, note=None):
    """Return the journal of a folder's unfinished extraction."""
    work = Path(folder, UNFINISHED)
    return Journal(work / JOURNAL, [work / name for name in ROWS], AS_COMMAND, note)


def recall_videos(folder):
    """Let the videos that a folder's unfinished extraction knows not be read again before it is gone on with."""
    journal = journal_of(folder)
    with suppress(ValueError):  # which is raised again when it is gone on with
        journal.read()
    journal.recall_videos()


def notes_of(error):
    """Return what an exception of `write_features` says about clips that are done."""
    return [note for note in getattr(error, "__notes__", []) if DONE in note]


def _as_option(name, value):
    option = f"--{name.replace('_', '-')}"
    return f"no {option}" if value is None else f"{option} {value}"


AS_COMMAND = Wording("the same command goes on", "--restart", _as_option)


def check_output_folder(folder, force, restart=False):
    """Return a folder as a Path; refuse one that holds features, without `force`, or cannot be made.

    Features that were getting their names when that was stopped, in a folder without others, are gone on with.
    """
    folder = Path(folder)
    if _held(folder) and not force:
        journal = journal_of(folder)
        journal.read()
        if restart or journal.publishes is None:
            _refuse(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; a folder for features is wanted.")
    return check_parent(folder)


def _held(folder):
    return [name for name in FILES if (folder / name).exists()]


def _refuse(folder):
    """Raise the error about a folder that holds features."""
    try:
        refuse_unfinished((folder / AUDIO, folder / VISUAL))
    except ValueError as error:
        raise FileExistsError(f"{error} --force writes features again.") from error
    raise FileExistsError(f"{folder} already holds {', '.join(_held(folder))}; --force replaces features.")


def _describe(folder, extractor, journal, shard):
    """Write the names of the rows, what was skipped, how to extract the same way again, and of which part they are."""
    report = _with_slashes(extractor.report_)
    skipped = report["error"] != ""
    used = report[~skipped]
    padding = ["padding"] if "padding" in used and (used["padding"] > 0).any() else []
    write_table(used[["filename", "start", *padding]], folder / VIDEOS)
    (folder / SKIPPED).unlink(missing_ok=True)
    if skipped.any():
        write_table(report.loc[skipped, DESCRIBED], folder / SKIPPED)
    params = {name: value for name, value in extractor.get_params(deep=False).items() if name not in NOT_KEPT}
    if journal.recipe is not None:
        digests = journal.recipe["networks"]
        params[NETWORKS] = {name: digests[name] for name in DIGESTED if name in digests}
    (folder / EXTRACTOR).write_text(json.dumps(params, indent=2) + "\n", encoding="utf-8")
    (folder / SHARD).unlink(missing_ok=True)
    if shard is not None:
        (folder / SHARD).write_text(json.dumps(shard, indent=2) + "\n", encoding="utf-8")


def _with_slashes(report):
    return report.assign(filename=report["filename"].str.replace(os.sep, "/", regex=False))


def _name_remains(folder):
    """Warn of hidden folders that earlier versions left when they were killed; the caller holds the folder's locks."""
    remains = sorted(str(left) for left in folder.glob(f"{REMAINS}*"))
    if remains:
        warn_user(f"what extractions that were killed had done is left as it is: {first_few(remains)}")


def publish_files(work, folder):
    """Give finished files their places in the folder, as one thing; an older file without a successor goes."""
    new = {name: work / name for name in FILES if (work / name).exists()}
    names = sorted(FILES, key=VIDEOS.__eq__)  # which says that the folder is complete, last
    arrays = [folder / AUDIO, folder / VISUAL]
    moves = {folder / name: new.get(name) for name in names}
    if AUDIO in new:
        publish(moves, arrays)
    else:
        publish({hidden_beside(file, PAIR): None for file in arrays} | moves, [])
