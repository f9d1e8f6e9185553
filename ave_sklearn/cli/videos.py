"""Videos of a command: which files they are, and the clips that they are cut into."""

import os


def find_videos(args):
    """Return the videos that a command is given, checked."""
    if not args.videos:
        args.usage_error("no videos are given: VIDEO or --from-file LIST is wanted")
    check_videos(args.videos)
    return args.videos


def check_videos(videos):
    """Refuse folders, names that are no text and videos that are given twice, before anything slow begins.

    A link, or another form of a name that the file system takes for the same, is the file again.
    """
    seen = {}
    for video in videos:
        try:
            video.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{video!r} is not a name in UTF-8; rename the file.") from error
        if os.path.isdir(video):
            raise ValueError(f"{video} is a folder; give the video files in it.")
        identity = _identity(video)
        if identity in seen:
            other = "" if seen[identity] == video else f" It is the file {seen[identity]}."
            raise ValueError(f"{video} is given twice.{other}")
        seen[identity] = video


def _identity(path):
    """Return what two names of one file have in common; of a file that is not there its full name."""
    try:
        state = os.stat(path)
    except OSError:
        return os.path.abspath(path)
    return state.st_dev, state.st_ino


def cut(videos, extractor):
    """Cut videos into clips on the grid of an extractor."""
    from ave_sklearn.extraction import cut_clips

    grid = {"segment_seconds": extractor.segment_seconds, "hop_seconds": extractor.hop_seconds}
    return cut_clips(videos, extractor.n_segments, **grid)
