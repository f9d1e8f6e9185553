"""Page of a report, drawn and written as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ave_sklearn._files import check_parent, naming_file, temporary_beside, whole_file
from ave_sklearn._user_warnings import warn_user

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd
    from numpy.typing import ArrayLike

    from ave_sklearn._typing import Features, PathLike
    from ave_sklearn.inspection.report._arguments import ReportInput
    from ave_sklearn.inspection.report._media import Media

SUFFIXES = (".html", ".htm")


def write_report(
    model: Any,
    X: Features | list[PathLike],
    file: PathLike,
    y_true: ArrayLike | pd.DataFrame | None = None,
    videos: ArrayLike | None = None,
    *,
    clips: pd.DataFrame | None = None,
    media: Any = None,
    pictures: int = 20,
    min_overlap: float = 0.5,
    hop_seconds: float | None = None,
    segment_seconds: float | None = None,
    title: str | None = None,
) -> Path:
    """Write a page for a browser that shows each video beside what a model found in it.

    The page is one file, which loads nothing from the network: a list of the videos with their timelines, the truth
    above the prediction where there is truth, to be sorted and filtered. A chosen video shows the probabilities of
    its classes over time, what each segment takes from the other modality, where the network looks, and plays its
    media file where there is one. With truth, scores and what to read them beside are at the top, with the classes
    that are taken for each other and the worst videos.

    Parameters
    ----------
    model : fitted estimator, or pair (extractor, localizer)
        A localizer, a pipeline or search that ends in one, or what
        :func:`~ave_sklearn.extraction.predict_videos` takes.
    X : features, or list of paths
        Features in any form that the localizer takes. Or video files of any length, where the model has an extractor:
        they are cut into clips, whose features are extracted.
    file : path-like
        The page, ``.html`` or ``.htm``. An older one is replaced when the new one is whole.
    y_true : array-like of shape (n, T) or (n, T, C), DataFrame of events, or None, default=None
        The truth: labels for each row of features, one-hot or not; or events as
        :func:`~ave_sklearn.datasets.read_events` returns them. Videos that are not among the events are all
        background. Labels that the model does not know are of the truth alone, and always wrong.
    videos : array-like of shape (n,), default=None
        Names of the rows of features; "0", "1", ... if None. Video files are called by their paths.
    clips : DataFrame of n rows, default=None
        Of which video, ``filename``, and from which second on, ``start``, each row of features is, as
        :func:`~ave_sklearn.extraction.read_features` returns it. None: each row is a video, from its beginning on.
    media : folder, dict of paths by the videos' names, or None, default=None
        The files that the page plays. It links to them by relative paths: they are moved together with it. In a folder
        they are looked for by the videos' names. None is the video files themselves where `X` is those, or else none.
    pictures : int, default=20
        Of how many videos with a media file there are small pictures, the worst first, or without truth the least
        certain ones.
    min_overlap : float, default=0.5
        The share of a segment, above 0 and up to 1, that its event must cover.
    hop_seconds : float or None, default=None
        Seconds from one segment to the next; None is what the extractor of the model has, or else `segment_seconds`.
    segment_seconds : float or None, default=None
        Length of a segment's window in seconds; None is what the extractor of the model has, or else 1.
    title : str or None, default=None
        Of the page; None is "Audio-visual events".

    Returns
    -------
    file : Path
        Of the page.

    Raises
    ------
    ValueError
        If `model` is no such model, or not fitted; if features are not such as it takes; if the truth, names or clips
        do not fit the features, or a time is no finite number; if another argument is out of its range. The message
        names the argument, what came and what was wanted; nothing has been written then.
    OSError
        If the page cannot be written there; or as :func:`~ave_sklearn.extraction.predict_videos`, if videos cannot be
        read.
    ImportError
        Without the libraries of the extra ``report``.

    Warns
    -----
    UserWarning
        If videos are not among the events, or files of the events or of `media` are not among the videos.

    See Also
    --------
    EventTimelineDisplay : Timelines drawn by matplotlib.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from ave_sklearn import PSPLocalizer
    >>> from ave_sklearn.datasets import make_av_events
    >>> from ave_sklearn.inspection import write_report
    >>> X, y = make_av_events(n_videos=40, random_state=0)
    >>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X[:30], y[:30])
    >>> with TemporaryDirectory() as folder:
    ...     page = write_report(localizer, X[30:], Path(folder, "report.html"), y[30:])
    ...     print(page.name, "<html" in page.read_text(encoding="utf-8"))
    report.html True
    """
    from ave_sklearn.inspection.report._read import read_report

    path = check_report(file)
    options = {"clips": clips, "media": media, "pictures": pictures, "min_overlap": min_overlap, "title": title}
    options |= {"hop_seconds": hop_seconds, "segment_seconds": segment_seconds}
    save_report(read_report(model, X, y_true, videos, **options), path)
    return path


def check_report(file: Any, name: str = "file") -> Path:
    """Return the path of a page, if it can be written, and what draws it is installed; errors call it `name`.

    Raises
    ------
    ValueError
        If it is no path of a suffix of HTML.
    OSError
        If its folder is not there, it is a folder, or cannot be written.
    ImportError
        Without Jinja2.
    """
    from ave_sklearn.inspection.report._extra import import_jinja2

    if not isinstance(file, str | os.PathLike) or isinstance(os.fspath(file), bytes):
        raise ValueError(f"{name} is a {type(file).__name__}; wanted the path of a page, such as 'report.html'.")
    path = Path(file)
    if "\0" in os.fspath(file):
        raise ValueError(f"{name} is {os.fspath(file)!r}, with a null character; wanted the path of a page.")
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{name} is {os.fspath(file)!r}; wanted the path of a page, which ends in .html or .htm.")
    if check_parent(path).is_dir():
        raise IsADirectoryError(f"{name} is {os.fspath(file)!r}, a folder; wanted the path of a page.")
    if path.exists() and not path.is_file():
        raise ValueError(f"{name} is {os.fspath(file)!r}, no regular file; wanted the path of a page.")
    temporary = Path(temporary_beside(path))
    with naming_file(path):
        temporary.touch(exist_ok=False)
        temporary.unlink()
    import_jinja2()
    return path


def save_report(report_input: ReportInput, file: Path) -> None:
    """Draw a page and write it; an older one stays until the new one is whole."""
    page = draw_report(report_input, file)
    with whole_file(file) as temporary:
        write_page(page, temporary)


def write_page(page: str, file: Path) -> None:
    """Write the text of a page into a file; halves of characters that names may hold are escaped."""
    file.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")


def draw_report(report_input: ReportInput, file: PathLike, verbose: int = 0) -> str:
    """Return the page of a report, whose links lead from `file`; 1 shows of how many videos pictures are drawn."""
    from ave_sklearn.inspection.report._content import make_content
    from ave_sklearn.inspection.report._extra import import_pillow
    from ave_sklearn.inspection.report._media import link_media
    from ave_sklearn.inspection.report._page import render_page

    links = link_media(report_input.clips["filename"], file, report_input.media)
    check_no_media(links, file)
    if links and report_input.pictures:
        import_pillow()  # before the work
    content = make_content(report_input)
    if links:
        add_media(content, links, report_input, verbose)
    return render_page(content)


def check_no_media(links: dict[str, Media], file: PathLike) -> None:
    """Refuse a page that would take the place of a media file."""
    if not os.path.isfile(file):
        return
    for name, link in links.items():
        if link.path is not None and os.path.samefile(link.path, file):
            raise ValueError(f"{os.fspath(file)} is the media file of {name!r}; name another file for the page.")


def add_media(content: dict[str, Any], links: dict[str, Media], report_input: ReportInput, verbose: int = 0) -> None:
    """Put links to media files, of `link_media`, into a content, and small pictures of some of its videos."""
    from ave_sklearn._progress import progress
    from ave_sklearn.extraction import ExtractionError
    from ave_sklearn.inspection.report._content import middles, ranked
    from ave_sklearn.inspection.report._media import draw_thumbnails

    videos = content["videos"]
    for video in videos:
        video["media"] = {"url": links[video["name"]].url, "note": links[video["name"]].note}
    paths = {number: links[videos[number]["name"]].path for number in ranked(content)}
    there = [(number, path) for number, path in paths.items() if path is not None]
    chosen, failed = there[: report_input.pictures], []
    for number, path in progress(chosen, len(chosen), "video", verbose=verbose if chosen else 0):
        try:
            videos[number]["thumbs"] = draw_thumbnails(path, middles(videos[number], report_input.grid))
        except ExtractionError as error:
            failed.append(str(error))
    if failed:
        more = f" ({len(failed) - 1} more like that)" if len(failed) > 1 else ""
        warn_user(f"no pictures are drawn of {failed[0]}{more}")
