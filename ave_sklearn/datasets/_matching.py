"""Event lists of features: their files called as the videos of the features are."""

from ave_sklearn._checks import first_few
from ave_sklearn._user_warnings import warn_user
from ave_sklearn.datasets._names import match_files, nearest


def match_names(events, videos, source, skipped=(), limit=3):
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
    limit : int, default=3
        How many of the names that are not among the videos are shown.

    Returns
    -------
    events : DataFrame
        Those of `videos`. Warnings count the names that are not among them, and those whose folders differ.

    Raises
    ------
    ValueError
        If no name is among them, a name could be several videos, or one nearly is that of a video without events.
    """
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
            f"{len(lost)} of the {len(names)} file names in {source} are not among the features: "
            f"{first_few(lost, limit)}"
        )
    if moved:
        warn_user(
            f"{len(moved)} of the {len(names)} file names in {source} are those of features in other folders, and are "
            f"taken for them: {moved[0][0]!r} for {moved[0][1]!r}"
        )
    return events.assign(filename=events["filename"].map(same)).dropna(subset="filename")
