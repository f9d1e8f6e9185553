"""Parts of a list of videos whose features lie in folders of their own: what each says of itself, and their order."""

import hashlib
import os
from typing import NamedTuple

from ave_sklearn._checks import first_few

MOST_PARTS = 10  # that a message names


class Shard(NamedTuple):
    """Which part of a list of videos a folder has, as its ``shard.json`` says.

    Attributes
    ----------
    shard : int
        Number of the part, from 1 on.
    of : int
        How many parts there are.
    n_videos : int
        Videos of the whole list.
    videos : str
        Digest of their names, in order.
    """

    shard: int
    of: int
    n_videos: int
    videos: str

    @classmethod
    def of_list(cls, number, of, names):
        """Return part `number` of `of` of the videos of these names."""
        digest = hashlib.sha256("\0".join(name.replace(os.sep, "/") for name in names).encode())
        return cls(number, of, len(names), digest.hexdigest())

    @classmethod
    def parse(cls, content):
        """Return what JSON says; a ValueError where it says no part of a list."""
        values = [content.get(name) if isinstance(content, dict) else None for name in cls._fields]
        kinds = cls.__annotations__.values()
        if any(type(value) is not kind for value, kind in zip(values, kinds, strict=True)):
            wanted = ", ".join(f"{name} ({kind.__name__})" for name, kind in cls.__annotations__.items())
            raise ValueError(f"wanted {wanted}; got {content!r:.200}")
        shard = cls(*values)
        if not 1 <= shard.shard <= shard.of <= shard.n_videos:
            raise ValueError(f"there is no part {shard.shard} of {shard.of} of {shard.n_videos} videos")
        return shard

    def __str__(self):
        return f"shard {self.shard}/{self.of} of {self.n_videos} videos"


def in_order(shards, *, all_parts):
    """Return folders in the order of their parts; those that are no parts keep their places.

    Parameters
    ----------
    shards : dict {folder: Shard or None}
    all_parts : bool
        Whether a part may not be used without the others even where it is the only folder.

    Returns
    -------
    folders : list

    Raises
    ------
    ValueError
        If two are the same part, or parts of other lists or of another number of parts; if a part is missing.
    """
    parts = {folder: shard for folder, shard in shards.items() if shard is not None}
    if parts and (all_parts or len(shards) > 1):
        _check_parts(parts)
    ordered = iter(sorted(parts, key=parts.get))
    return [next(ordered) if folder in parts else folder for folder in shards]


def _check_parts(parts):
    """Check that folders are all parts of one list, each once."""
    (first, one), *others = parts.items()
    seen = {one.shard: first}
    for folder, shard in others:
        if shard[1:] != one[1:]:
            lists = "of the same list" if shard.videos == one.videos else "of another list"
            raise ValueError(
                f"{first} and {folder} are no parts of one whole: {first} is {one}, {folder} is {shard}, {lists}. "
                "Merge those of each whole first."
            )
        if shard.shard in seen:
            raise ValueError(f"{seen[shard.shard]} and {folder} are the same part: each is {shard}.")
        seen[shard.shard] = folder
    lacking = [f"{number}/{one.of}" for number in range(1, one.of + 1) if number not in seen]
    if lacking:
        more = f" and {len(lacking) - MOST_PARTS} more" if len(lacking) > MOST_PARTS else ""
        raise ValueError(
            f"the features lack {len(lacking)} of {one.of} parts, shard {', '.join(lacking[:MOST_PARTS])}{more}: there "
            f"are those of {first_few(map(str, parts))}. A folder whose shard.json is deleted is taken as a whole."
        )
