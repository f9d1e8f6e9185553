"""Checks of whether folders of features can be joined: each is given once, and their rows go together."""

import os
import posixpath


def check_folders_once(folders):
    """Refuse a folder that is given twice, be it by another name."""
    seen = {}
    for folder in folders:
        place = os.path.realpath(folder)
        if place in seen:
            other = "" if os.fspath(seen[place]) == os.fspath(folder) else f" It is the folder {seen[place]}."
            raise ValueError(f"{folder} is given twice.{other}")
        seen[place] = folder


def check_shapes(folders, parts):
    """Refuse arrays whose rows differ in shape."""
    for folder, part in zip(folders[1:], parts[1:], strict=True):
        for name in ("audio", "visual"):
            wanted, found = (getattr(X, name).shape[1:] for X in (parts[0], part))
            if found != wanted:
                raise ValueError(
                    f"{folders[0]} and {folder} cannot be joined: the {name} features of a clip are of shape {wanted} "
                    f"in {folders[0]} and {found} in {folder}."
                )


def check_clips_once(folders, tables):
    """Refuse a clip that is in two folders."""
    seen = {}
    for folder, clips in zip(folders, tables, strict=True):
        keys = list(zip(clips["filename"].map(posixpath.normpath), clips["start"], strict=True))
        again = [key for key in keys if key in seen]
        if again:
            (name, start), other = again[0], seen[again[0]]
            raise ValueError(
                f"{other} and {folder} have {len(again)} clips in common, first that of {name!r} from {start:g} s."
            )
        seen.update(dict.fromkeys(keys, folder))
