"""Folders of features in the making: they are complete, or as they were."""

import json
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ave_sklearn._checks import first_few
from ave_sklearn._features.npy import check_output_files
from ave_sklearn._features.pairs import publish, refuse_unfinished, writing
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.extraction._folders import AUDIO, EXTRACTOR, FILES, NOT_KEPT, SHARD, SKIPPED, VIDEOS, VISUAL

SCRATCH = ".extract-"  # how the hidden folder of an extraction at work begins


def write_features(folder, extractor, clips, *, force=False, shard=None):
    """Extract the features of clips of videos into a folder, which is complete or left as it was.

    Until all are finished the new files lie in a hidden folder, ``.extract-HEX``, within it, beside the old ones: the
    disk has both. Then they take their places as one thing: while they do, and if the process is killed meanwhile, the
    pair of arrays is marked as being written, and no file of the folder is read. A hidden folder that was left by a
    process that was killed before is named in a warning and stays.

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
    shard : dict or None, default=None
        Which part of all videos these are, for ``shard.json``.

    Raises
    ------
    FileExistsError
        If the folder holds features, without `force`, or is a file.
    FileNotFoundError
        If the parent folder is not there.
    BlockingIOError
        If another process is writing into the folder.
    ValueError
        If videos cannot be used.
    """
    folder = check_output_folder(folder, force)
    is_new = not folder.exists()
    folder.mkdir(exist_ok=True)
    try:
        with writing((folder / AUDIO, folder / VISUAL)):
            check_output_folder(folder, force)  # another process may have finished in the meantime
            check_output_files([folder / name for name in FILES])
            _name_remains(folder)
            with TemporaryDirectory(dir=folder, prefix=SCRATCH) as scratch:
                extractor.transform_to(clips, Path(scratch, AUDIO), Path(scratch, VISUAL))
                _describe(Path(scratch), extractor, shard)
                _publish(Path(scratch), folder)
    except BaseException:
        if is_new:
            with suppress(OSError):  # it may hold something by now
                folder.rmdir()
        raise


def check_output_folder(folder, force):
    """Return a folder as a Path; refuse one that holds features, without `force`, or cannot be made."""
    folder = Path(folder)
    held = [name for name in FILES if (folder / name).exists()]
    if held and not force:
        try:
            refuse_unfinished((folder / AUDIO, folder / VISUAL))
        except ValueError as error:
            raise FileExistsError(f"{error} --force writes features again.") from error
        raise FileExistsError(f"{folder} already holds {', '.join(held)}; --force replaces features.")
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; a folder for features is wanted.")
    return check_parent(folder)


def check_parent(file):
    """Return a path as a Path; refuse it if the folder that it is in is not there."""
    file = Path(file)
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder {file.parent} is not there, so {file.name} cannot be made in it.")
    return file


def _describe(folder, extractor, shard):
    """Write the names of the rows, what was skipped, how to extract the same way again, and of which part they are."""
    report = extractor.report_.assign(filename=lambda rows: rows["filename"].str.replace(os.sep, "/", regex=False))
    skipped = report["error"] != ""
    used = report[~skipped]
    padding = ["padding"] if "padding" in used and (used["padding"] > 0).any() else []
    used[["filename", "start", *padding]].to_csv(folder / VIDEOS, index=False)
    if skipped.any():
        report.loc[skipped, ["filename", "start", "error"]].to_csv(folder / SKIPPED, index=False)
    params = {name: value for name, value in extractor.get_params(deep=False).items() if name not in NOT_KEPT}
    (folder / EXTRACTOR).write_text(json.dumps(params, indent=2) + "\n", encoding="utf-8")
    if shard is not None:
        (folder / SHARD).write_text(json.dumps(shard, indent=2) + "\n", encoding="utf-8")


def _name_remains(folder):
    """Warn of hidden folders that extractions left when they were killed; the caller holds the locks of the folder."""
    remains = sorted(str(left) for left in folder.glob(f"{SCRATCH}*"))
    if remains:
        warn_user(f"what extractions that were killed had done is left as it is: {first_few(remains)}")


def _publish(scratch, folder):
    """Give finished files their places in the folder, as one thing; an older file without a successor goes."""
    new = {name: scratch / name for name in FILES if (scratch / name).exists()}
    publish({folder / name: new.get(name) for name in FILES}, [folder / AUDIO, folder / VISUAL])
