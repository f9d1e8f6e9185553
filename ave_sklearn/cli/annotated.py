"""Features with the labels that an event list gives their segments."""

from ave_sklearn.cli.terminal import say


def read_annotated(args, background, grid):
    """Return the features of folders, the labels that an event list gives their segments, and of what they are."""
    from ave_sklearn.datasets import read_events
    from ave_sklearn.datasets._names import same_files
    from ave_sklearn.extraction._clips import clip_labels
    from ave_sklearn.extraction._folders import read_features, read_skipped

    _note_part(args)
    X, clips = read_features(*args.features)
    videos = clips["filename"].unique().tolist()
    skipped = read_skipped(*args.features)
    events = match_names(read_events(args.annotations), videos, args.annotations, skipped)
    n_quiet = len(set(videos) - set(events["filename"]))
    if n_quiet and not args.quiet:
        say("note", f"{n_quiet} of {len(videos)} videos are not in {args.annotations}: taken as all {background}")
    options = {"grid": grid, "background": background, "min_overlap": args.min_overlap}
    try:
        y = clip_labels(events, clips, X.n_segments, set(same_files(skipped, videos).values()), **options)
    except ValueError as error:
        raise ValueError(f"{args.annotations}: {error}") from error
    return X, y, clips


def _note_part(args):
    """Say that the only folder of features has but a part of a list of videos."""
    from ave_sklearn.extraction._folders import read_shard

    shard = read_shard(args.features[0]) if len(args.features) == 1 else None
    if shard is not None and not args.quiet:
        say("note", f"{args.features[0]} is {shard}: the other parts are left out")


def match_names(events, videos, source, skipped=()):
    """Rename the files of an event list as the videos are named, and drop the events of others.

    Parameters
    ----------
    events : DataFrame
        With the column ``filename``.
    videos : list of str
        Names of the videos.
    source : str
        What messages call the event list.
    skipped : set of str, default=()
        Names of videos of which clips were skipped; the list may hold them, whether or not others of their clips are
        among the features.

    Returns
    -------
    events : DataFrame
        Those of `videos`. Warnings count the names that are not among them, and those whose folders differ.

    Raises
    ------
    ValueError
        If no name is among them, a name could be several videos, or one nearly is that of a video without events.
    """
    from ave_sklearn._checks import first_few
    from ave_sklearn._user_warnings import warn_user
    from ave_sklearn.datasets._names import match_files, nearest

    names = events["filename"].unique().tolist()
    same, moved = match_files(names, videos, source, skipped)
    if not same:
        raise ValueError(
            f"none of the {len(names)} file names in {source} is among the {len(videos)} videos of the features, with "
            f"or without folders: {source} has {first_few(names)}, the features have {first_few(videos)}."
            f"{nearest(names, videos, any_folder=True)}"
        )
    lost = [name for name in names if name not in same]
    if lost:
        warn_user(
            f"{len(lost)} of the {len(names)} file names in {source} are not among the features: {first_few(lost)}"
        )
    if moved:
        warn_user(
            f"{len(moved)} of the {len(names)} file names in {source} are those of features in other folders, and are "
            f"taken for them: {moved[0][0]!r} for {moved[0][1]!r}"
        )
    return events.assign(filename=events["filename"].map(same)).dropna(subset="filename")
