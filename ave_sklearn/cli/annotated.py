"""Features with the labels that event lists give their segments."""

from typing import Any, NamedTuple

from ave_sklearn.cli.terminal import say


class Folder(NamedTuple):
    """Features that are not labelled yet, or some of them.

    Attributes
    ----------
    X : AVFeatures of n_clips rows
    clips : DataFrame of n_clips rows
        Of `read_features`: of which video, ``filename``, and from which second on, ``start``, each row is.
    videos : list of str
        Names of all videos of the features, these and others.
    skipped : set of str
        Names of videos of which clips were skipped.
    """

    X: Any
    clips: Any
    videos: list
    skipped: set

    def take(self, names, *, others=False):
        """Return the rows of the videos of these names, or those of all others."""
        chosen = self.clips["filename"].isin(names).to_numpy() != others
        if chosen.all():
            return self
        return self._replace(X=self.X[chosen], clips=self.clips[chosen].reset_index(drop=True))


class Annotated(NamedTuple):
    """Features with labels.

    Attributes
    ----------
    X : AVFeatures of n_clips rows
    y : ndarray of shape (n_clips, n_segments)
    clips : DataFrame of n_clips rows
        As those of a `Folder`; ``clips["filename"]`` are the groups of a split.
    """

    X: Any
    y: Any
    clips: Any

    def take(self, rows):
        """Return some of the rows, by their numbers."""
        return Annotated(self.X[rows], self.y[rows], self.clips.iloc[rows].reset_index(drop=True))


def read_annotated(args, background, grid):
    """Return the features of folders, the labels that an event list gives their segments, and of what they are.

    Parameters
    ----------
    args : Namespace
        With the arguments of `add_annotated`.
    background : label
    grid : Grid

    Returns
    -------
    annotated : Annotated
    """
    folder = read_folder(args)
    return label(folder, read_matched(args.annotations, folder), args.annotations, args, background, grid)


def read_folder(args):
    """Return the features of the folders of the arguments as a `Folder`."""
    from ave_sklearn.extraction._folders import read_features, read_skipped

    _note_part(args)
    X, clips = read_features(*args.features)
    return Folder(X, clips, clips["filename"].unique().tolist(), read_skipped(*args.features))


def read_matched(file, folder):
    """Return the events of a list whose videos are in a folder, called as they are there; see `match_names`."""
    from ave_sklearn.datasets._event_rows import read_table
    from ave_sklearn.datasets._matching import match_names

    return match_names(read_table(file), folder.videos, file, folder.skipped)


def label(folder, events, source, args, background, grid, what="videos"):
    """Label the segments of a folder's videos by the events of a list.

    Parameters
    ----------
    folder : Folder
    events : DataFrame
        Of `read_matched`; it may have other videos too.
    source : str
        The file of the events.
    args : Namespace
        With ``min_overlap`` and ``unlisted``, what to do about videos that are not among the events.
    background : label
    grid : Grid
    what : str, default="videos"
        What messages call the folder's videos.

    Returns
    -------
    annotated : Annotated
    """
    from ave_sklearn._checks import first_few
    from ave_sklearn._user_warnings import warn_user
    from ave_sklearn.datasets._names import same_files
    from ave_sklearn.extraction._clips import clip_labels

    n_videos, unlisted = folder.clips["filename"].nunique(), _unlisted(folder, events)
    most = ", which is most of them," if 2 * len(unlisted) > n_videos else ""
    said = f"{len(unlisted)} of {n_videos} {what}{most} are not in {source}"
    if args.unlisted == "error" and unlisted or args.unlisted == "skip" and len(unlisted) == n_videos:
        raise ValueError(
            f"{said}: {first_few(unlisted)}. Add a row for each, of its name alone if it has no events, or choose "
            "another --unlisted."
        )
    folder = folder.take(unlisted, others=True) if args.unlisted == "skip" else folder
    events = events[events["filename"].isin(folder.clips["filename"])]
    skipped = set(same_files(folder.skipped, folder.videos).values())
    options = {"grid": grid, "background": background, "min_overlap": args.min_overlap}
    try:
        y = clip_labels(events, folder.clips, folder.X.n_segments, skipped, **options)
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith(f"{source}, line") else f"{source}: {error}") from error
    if unlisted and args.unlisted == "background":
        warn_user(f"{said}: taken as all {background} (see --unlisted): {first_few(unlisted)}")
    elif unlisted:
        say("note", f"{said}: left out: {first_few(unlisted)}")
    return Annotated(folder.X, y, folder.clips)


def _note_part(args):
    """Say that the only folder of features has but a part of a list of videos."""
    from ave_sklearn.extraction._folders import read_shard

    shard = read_shard(args.features[0]) if len(args.features) == 1 else None
    if shard is not None:
        say("note", f"{args.features[0]} is {shard}: the other parts are left out")


def _unlisted(folder, events):
    """Return the names of a folder's videos that are not among the events, in their order."""
    listed = set(events["filename"])
    return [video for video in folder.clips["filename"].unique().tolist() if video not in listed]
