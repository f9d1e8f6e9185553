"""Videos that a model knows: which were trained on, chose its epoch or were held out, and whether they come again."""

import hashlib
from collections import Counter

from ave_sklearn._checks import first_few
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.cli.terminal import say
from ave_sklearn.datasets._names import normal_name

KINDS = {"training": "were trained on", "validation": "were for validation in its fit", "held_out": "were held out"}
AT_ONCE = 256  # rows of audio features that are read together


def part_videos(parts):
    """Return what a localizer keeps of the parts of its videos, empty where there are none, by attribute.

    Parameters
    ----------
    parts : dict of str to Annotated
        Of `read_parts`.

    Returns
    -------
    attributes : dict of str to dict
        ``training_videos_``, ``validation_videos_`` and ``held_out_videos_``: what `video_digests` returns.
    """
    return {
        f"{kind}_videos_": video_digests(parts[kind].X, parts[kind].clips) if kind in parts else {} for kind in KINDS
    }


def kept_videos(localizer, kind):
    """Return an attribute of `part_videos`; None for a model of which that is not known."""
    return getattr(localizer, f"{kind}_videos_", None)


def video_digests(X, clips):
    """Return what tells videos apart whatever they are called.

    Parameters
    ----------
    X : AVFeatures of n_clips rows
    clips : DataFrame of n_clips rows
        Columns ``filename`` and ``start``.

    Returns
    -------
    digests : dict of str to str
        By name, in the order of the clips: 16 hexadecimal digits of the SHA-256 of the audio features, in float32, of
        the video's first clip.
    """
    first = clips.reset_index(drop=True).sort_values("start", kind="stable").drop_duplicates("filename").sort_index()
    rows, digests = first.index.to_numpy(), []
    for begin in range(0, len(rows), AT_ONCE):
        audio = X[rows[begin : begin + AT_ONCE]].audio.astype("<f4")
        digests += [hashlib.sha256(row.tobytes()).hexdigest()[:16] for row in audio]
    return dict(zip(first["filename"].tolist(), digests, strict=True))


def find_known(videos, known, others=()):
    """Return which videos are known: they have the name of a known one, or its digest.

    A digest that several known videos have, such as that of silence, tells none of them.

    Parameters
    ----------
    videos, known : dict of str to str
        Of `video_digests`.
    others : collection of str, default=()
        Names of videos that are not among the known ones, but whose names may be one with theirs but for Unicode's
        forms of a letter.

    Returns
    -------
    found : dict of str to str
        The names of the videos and those by which they are known.
    """
    counts = Counter(known.values())
    by_name = {normal_name(name): name for name in known}
    by_digest = {digest: name for name, digest in known.items() if counts[digest] == 1}
    found = {}
    for name, digest in videos.items():
        named = name if name in known else None if name in others else by_name.get(normal_name(name))
        if named or digest in by_digest:
            found[name] = named or by_digest[digest]
    return found


def warn_of_known(localizer, file, X, clips, args, so="so that the scores are no test", takes="scores"):
    """Warn of videos that the fit of a model has seen.

    Parameters
    ----------
    localizer : fitted localizer
    file : str
        Of the model.
    X : AVFeatures of n_clips rows
    clips : DataFrame of n_clips rows
    args : Namespace
        With ``heldout``.
    so, takes : str
        What follows from it, and what ``--heldout`` does with held-out videos.

    Returns
    -------
    told : list of str
        What was said.
    """
    if kept_videos(localizer, "training") is None:
        told = f"{file} does not say which videos it was trained on"
        say("note", told)
        return [told]
    videos, held_out = video_digests(X, clips), kept_videos(localizer, "held_out") or {}
    advice = f"; --heldout {takes} those that were held out" if held_out and not args.heldout else ""
    told = []
    for kind in ("training", "validation"):
        found = find_known(videos, kept_videos(localizer, kind) or {}, held_out)
        if found:
            renamed = [f" ({name!r} as {other!r})" for name, other in found.items() if name != other][:1]
            told.append(
                f"{len(found)} of the {len(videos)} videos {KINDS[kind]}, {so}{advice}: "
                f"{first_few(found)}{''.join(renamed)}"
            )
            warn_user(told[-1])
    return told


def take_held_out(localizer, file, folder):
    """Return the part of a `Folder` that was held out of a model, whose file is `file`.

    Raises
    ------
    ValueError
        If nothing was held out, or none of it is in the folder.

    Warns
    -----
    UserWarning
        Of held-out videos that are not in the folder, and of those whose features are others there.
    """
    known = kept_videos(localizer, "held_out")
    if not known:
        raise ValueError(f"no videos were held out of {file}; 'ave-sklearn fit --holdout 0.2' holds out a fifth.")
    videos = video_digests(folder.X, folder.clips)
    found = _find_held_out(localizer, videos, known)
    present = set(found.values())
    if not found:
        raise ValueError(
            f"none of the {len(known)} videos that were held out of {file} is among the {len(videos)} of the features: "
            f"wanted {first_few(known)}; the features have {first_few(videos)}."
        )
    missing = [name for name in known if name not in present]
    if missing:
        shown = first_few(missing)
        warn_user(f"{len(missing)} of the {len(known)} held-out videos are not among the features: {shown}")
    changed = [name for name, other in found.items() if videos[name] != known[other]]
    if changed:
        warn_user(
            f"{len(changed)} of the {len(found)} held-out videos have other audio features than at the fit: "
            f"{first_few(changed)}. They are other files of these names, or were extracted in another way."
        )
    return folder.take(list(found))


def _find_held_out(localizer, videos, known):
    """Return which videos were held out, as `find_known` does; copies of one that is there by its name are not."""
    seen = {name for kind in ("training", "validation") for name in kept_videos(localizer, kind) or {}}
    new = {name: digest for name, digest in videos.items() if name not in seen}
    found = find_known(new, known)
    named = {other for name, other in found.items() if normal_name(name) == normal_name(other)}
    return {
        name: other for name, other in found.items() if other not in named or normal_name(name) == normal_name(other)
    }
