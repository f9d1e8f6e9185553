"""Names of files in an event list and of videos: which are the same, and which nearly are.

A name that matches no video leaves that video without its events: all background, in silence. So names are compared
in three ways. *Equal* names are the same after `normal_name`. *Base names*, without folders, match what is left of
both lists. *Near* names match nothing, and are an error: they differ in a way that tells no two files apart.

What may differ between near names must not be what the names of two honest files differ by:

* Spelling: letters of another case or script, accents, percent-encoding, text decoded wrongly, invisible characters,
  the suffix of a media file, blanks for underscores; then lost separators and zeros before a number; then 0 for O, 1
  for l. Numbers themselves never differ, and what divides two of them stays. Such a difference counts unless
  more names differ so within the lists: there it tells files apart, as it does in short codes.
* Slips of the pen: one or two letters within words of five and more. First letters stay, as ends of words do where
  nothing else differs: "left1", "cat", "session_b", "guitars" and "indoor" are other files than "left2", "car",
  "session_a", "guitar" and "outdoor". Within codes of mixed letters and digits, such as YouTube's, any character may
  differ but for those of numbers. The two names must be alone with it: if either list has further names so near,
  files differ by this.
"""

import difflib
import heapq
import itertools
import os
import posixpath
import re
import unicodedata
from collections import Counter
from typing import NamedTuple
from urllib.parse import unquote

LONGEST = 255  # characters of a name that is looked at for near ones; file systems allow no more
LONGEST_SLIP = 100  # of a longer one, the texts that a slip may leave are too many
VIDEO_SUFFIXES = frozenset(
    "3g2 3gp asf avi dv f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv qt ts vob webm wmv".split()
)
SUFFIXES = VIDEO_SUFFIXES.union("aac ac3 aif aiff flac m4a mp3 oga ogg opus wav wma".split())
ALIKE = str.maketrans(  # what looks like a Latin letter or a sign of ASCII, after NFKD and casefold
    "асԁеһіјӏкмнорԛѕтувԝхαβεικνορτυχøłđı‐‑‒–—―−⁃‘’ʼ′`“”″",
    "acdehijlkmhopqstybwxabeikvoptuxoldi" + "-" * 8 + "'" * 5 + '"' * 3,
)
DIGITS_ALIKE = str.maketrans("oli", "011")
CODE = re.compile(r"[A-Za-z0-9_-]{8,64}")
CHANGES = re.compile(r"[a-z](?=[A-Z0-9])|[0-9](?=[A-Za-z])")  # few in words with numbers, many in codes


def normal_name(name):
    r"""Return how a name is compared: in NFC, with plain slashes, without ``.`` and blanks at the ends of its parts.

    Examples
    --------
    >>> from ave_sklearn.datasets._names import normal_name
    >>> normal_name(" ./b//cafe\u0301.mp4") == normal_name("b\\caf\u00e9.mp4") == "b/caf\u00e9.mp4"
    True
    """
    if not isinstance(name, str):
        return name
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", name))
    path = posixpath.normpath("/".join(part.strip() for part in parts))
    return path[1:] if path.startswith("//") else path


def equal_names(names, videos):
    """Return which video each name equals, exactly or after `normal_name`, as a dict; names of none are left out.

    Raises
    ------
    ValueError
        If a name could be several videos: they are the same after `normal_name`, and not each is named exactly.
    """
    by_name, listed, same = _grouped(videos, normal_name), set(names), {}
    for name in names:
        meant = by_name.get(normal_name(name), [])
        if len(meant) > 1 and not (name in meant and listed.issuperset(meant)):
            raise ValueError(
                f"{ascii(name)} could be each of the videos {_shown(meant)}: their names are one but for slashes, "
                "blanks and Unicode's forms of a letter. Rename one of them, or list each exactly as it is named, "
                "one without events in a row of its name alone."
            )
        if meant:
            same[name] = name if name in meant else meant[0]
    return same


def match_files(names, videos, source, others=()):
    """Return which video each name of an event list means, as a dict; names of none are left out.

    Base names match what is left where they are unique: each to each if no name is equal to one with its folders;
    else where one of the two has no folder or ends with the other, or no other name has that base.

    Parameters
    ----------
    names, videos : list of str
        Each once.
    source : str
        What messages call the event list.
    others : collection of str
        Files which the list may name rightly, but that are not among the videos.

    Returns
    -------
    same : dict of str to str
    moved : list of (str, str)
        Names and videos that were matched in spite of different folders, while other names have theirs.

    Raises
    ------
    ValueError
        If a name could be several videos; or if others are matched, and a video would have no events only because a
        name nearly is its own.
    """
    known = {*same_files(others, videos), *map(normal_name, videos)}
    files = [*videos, *(name for name in sorted(others) if name not in known and normal_name(name) not in known)]
    same = equal_names(names, files)
    any_folder = not same
    found, moved = _match_base_names(names, files, same, source, any_folder)
    same.update(found)
    if same:
        refuse_near(names, videos, same, source, any_folder=any_folder)
    is_video = set(videos)
    return {name: file for name, file in same.items() if file in is_video}, moved


def same_files(others, videos):
    """Return which video a name of the same run of work means: equal, or the video's lost its folder since."""
    by_name, videos = _grouped(videos, normal_name), set(videos)
    same = {}
    for name in others:
        meant = by_name.get(normal_name(name)) or by_name.get(_base(normal_name(name)), [])
        if name in videos or len(meant) == 1:
            same[name] = name if name in videos else meant[0]
    return same


def _match_base_names(names, videos, same, source, any_folder):
    """Return the video that each name means which is left by its base name, and the pairs of different folders."""
    taken = set(same.values())
    left = _grouped([name for name in names if name not in same], normal_name)
    free = _grouped([video for video in videos if video not in taken], lambda video: _base(normal_name(video)))
    counts = Counter(_base(name) for name in {*map(normal_name, names)}) + Counter(map(_base, map(normal_name, videos)))
    found, moved = {}, []
    for base, own in _grouped(left, _base).items():
        theirs = free.get(base, [])
        if len(own) == len(theirs) == 1:
            is_part = _is_end(own[0], normal_name(theirs[0]))
            is_only = counts[base] == 2 and _spelled(own[0]).folder != _spelled(theirs[0]).folder  # else they are near
            if any_folder or is_part or is_only:
                found.update(dict.fromkeys(left[own[0]], theirs[0]))
                moved += [] if any_folder or is_part else [(left[own[0]][0], theirs[0])]
        elif theirs and (any_folder or base in own or base in map(normal_name, theirs)):
            raise ValueError(
                f"the file names in {source} match those of the features without their folders only, and are not "
                f"unique then: {_shown(own)} there, {_shown(theirs)} here. Name them as the features do."
            )
    return found, moved


def _is_end(name, other):
    """Whether one path ends with the other."""
    return f"/{name}".endswith(f"/{other}") or f"/{other}".endswith(f"/{name}")


def _base(name):
    """Return a normal name without its folders."""
    return name.rpartition("/")[2] if isinstance(name, str) else name


def _grouped(values, key):
    """Return the values of each key, as a dict of lists."""
    groups = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return groups


# ------------------------------------------------------------- near names
def refuse_near(names, videos, same, source, *, any_folder=False):
    """Refuse videos that are matched by no name, though one that is left nearly is theirs.

    Parameters
    ----------
    names, videos : list of str
    same : dict of str to str
        The names that are matched, and their videos.
    source : str
        What messages call the list of names.
    any_folder : bool, default=False
        Whether folders are left out of the comparison; if not, one of the names must have none, or both the same.
    """
    pairs = near_names(names, videos, same, any_folder)
    if pairs:
        more = f" ({len(pairs) - 1} more like that)" if len(pairs) > 1 else ""
        raise ValueError(
            f"{source}: {ascii(pairs[0][0])} is no video, and {ascii(pairs[0][1])} has no events, but the two nearly "
            f"are the same: {difference(*pairs[0])}{more}. Correct the name; if it is another file, add a row "
            "with the name of the video alone, which says that it has no events."
        )


class _Spelled(NamedTuple):
    """A name in small Latin letters, as far as it looks like them."""

    folder: str
    base: str  # without folder and suffixes of media
    is_code: bool  # letters and digits are mixed as in YouTube's ids


def near_names(names, videos, same, any_folder=False):
    """Return the pairs of a name and a video, both left by `same`, that differ only as two files would not."""
    taken = set(same.values())
    own, theirs = (_spelled_texts(listed) for listed in (names, videos))
    left = {name: text for name, text in own.items() if name not in same}
    free = {video: text for video, text in theirs.items() if video not in taken}
    if not left or not free:
        return []
    own, theirs = ({normal_name(name): text for name, text in texts.items()}.values() for texts in (own, theirs))
    for form in (_spelling, _loose_spelling, _look):
        pairs = list(_pairs(left, free, lambda text, form=form: [form(text)], any_folder))
        if pairs and sum(_n_repeated(texts, form) for texts in (own, theirs)) <= len(pairs):
            return pairs
    pairs = [pair for pair in _pairs(left, free, _slips, any_folder) if _is_slip(left[pair[0]], free[pair[1]])]
    if not pairs:
        return []
    crowds = _crowded([left[name] for name, _ in pairs], own), _crowded([free[video] for _, video in pairs], theirs)
    return [(name, video) for name, video in pairs if left[name] not in crowds[0] and free[video] not in crowds[1]]


def _pairs(names, videos, forms, any_folder):
    """Yield each name with the first video that has one of its forms, and its folder, or where one has no folder."""
    wanted = {form for text in names.values() for form in forms(text)}
    by_folder = {None: {}}  # None: in any folder
    for video, text in videos.items():
        in_folder = by_folder.setdefault(text.folder, {})
        for form in wanted.intersection(forms(text)):
            in_folder.setdefault(form, video)
            by_folder[None].setdefault(form, video)
    for name, text in names.items():
        folders = [None] if any_folder or not text.folder else [text.folder, ""]
        for by_form in (by_folder[folder] for folder in folders if folder in by_folder):
            form = next((form for form in forms(text) if form in by_form), None)
            if form is not None:
                yield name, by_form[form]
                break


def _n_repeated(texts, form):
    """Return how many of the names of a list have the form and folder of an earlier one."""
    return len(texts) - len({(text.folder, form(text)) for text in texts})


def _crowded(texts, listed):
    """Return those of some names that a slip could make another name of their own list."""
    wanted = {form for text in texts for form in _slips(text)}
    counts = Counter(form for text in _once(listed) for form in set(_slips(text)) & wanted)
    return {text for text in texts if any(counts[form] > 1 for form in _slips(text))}


def _once(texts):
    """Return one name of each spelling of the base."""
    return {_spelling(text): text for text in texts}.values()


def _spelled_texts(names):
    """Return the names of a list that may be near others, as a dict of them and how they are spelled at the least."""
    return {name: _spelled(name) for name in names if isinstance(name, str) and len(name) <= LONGEST}


def _spelled(name):
    """Return how a name is spelled at the least."""
    stem = _base(normal_name(name)).partition(".")[0]
    is_mixed = len(CHANGES.findall(stem)) >= 3 and re.search("[a-z][A-Z]", stem) is not None
    folder, _, base = normal_name(_plain_letters(name)).rpartition("/")
    return _Spelled(folder, _without_suffixes(base), is_mixed and CODE.fullmatch(stem) is not None)


def _plain_letters(name):
    """Return a name in small Latin letters as far as it looks like them, without what is not seen."""
    name = unquote(name)
    if name.isascii():
        return name.lower().translate(ALIKE)
    name = unicodedata.normalize("NFKD", _decoded_again(name)).casefold().translate(ALIKE)
    name = re.sub("(?<=[a-z])[\u0300-\u036f]+", "", name)  # of other scripts, marks make other letters
    return "".join(c for c in name if unicodedata.category(c) != "Cf")


def _decoded_again(name):
    """Return text in UTF-8 that was read in an older encoding as it was meant; other text as it is."""
    for encoding in ("cp1252", "latin-1", "cp437"):
        try:
            return name.encode(encoding).decode()
        except UnicodeError:
            pass
    return name


def _without_suffixes(base):
    """Return a base name without the suffixes of media, of which it may have several."""
    base = base.rstrip(". ")
    stem, dot, suffix = base.rpartition(".")
    while dot and stem and suffix.strip() in SUFFIXES:
        base = stem.rstrip(". ")
        stem, dot, suffix = base.rpartition(".")
    return base


def _spelling(text):
    """Return a base name with underscores for blanks, dashes and dots."""
    return re.sub(r"\s+|[-+.]", "_", text.base)


def _loose_spelling(text):
    """Return `_spelling` without separators, but for those between digits, and without zeros before numbers."""
    signed = text._replace(base=re.sub(r"(?:^|(?<=[\s_=]))-(?=\d)", "minus", text.base))
    base = re.sub(r"_+", "_", _spelling(signed)).strip("_")
    base = re.sub(r"(?<!\d)_|_(?!\d)", "", base)
    return re.sub(r"(?<!\d)0+(?=\d)", "", base)


def _look(text):
    """Return `_spelling` with digits for the letters that look like them."""
    return _spelling(text).translate(DIGITS_ALIKE)


def _slips(text):
    """Yield what is left of a name without one or two of the characters that a slip may change; nothing if none may.

    Two names that differ by at most two such characters have one of these texts in common.
    """
    base = _spelling(text)
    free = _free_in_code(base) if text.is_code else _free_in_words(base)
    if len(free) == 0 or len(base) > LONGEST_SLIP:
        return
    yield base
    for lost in free:
        yield base[:lost] + base[lost + 1 :]
    if 8 <= len(free) <= 16:  # two letters make another word of a short one; of a long one it is slow
        for lost, other in itertools.combinations(free, 2):
            yield base[:lost] + base[lost + 1 : other] + base[other + 1 :]


def _free_in_code(base):
    """Return the positions of all characters of a code, but for those of numbers in it."""
    numbers = {i for number in re.finditer(r"\d{2,}|\d$", base) for i in range(*number.span())}
    return [i for i in range(len(base)) if i not in numbers]


def _free_in_words(base):
    """Return the positions of letters in words of five and more, but for the first of each."""
    return [i for word in re.finditer(r"[^\W\d_]{5,}", base) for i in range(word.start() + 1, word.end())]


def _is_slip(text, other):
    """Whether base names differ by at most two characters, and not by one at the end of a word alone."""
    bases = _spelling(text), _spelling(other)
    blocks = [b for b in difflib.SequenceMatcher(None, *bases, autojunk=False).get_opcodes() if b[0] != "equal"]
    if sum(max(stop - start, end - begin) for _, start, stop, begin, end in blocks) > 2 or not blocks:
        return False
    stops = blocks[0][2], blocks[0][4]
    ends_word = any(not base[stop : stop + 1].isalpha() for base, stop in zip(bases, stops, strict=True))
    return len(blocks) > 1 or not ends_word or (text.is_code and other.is_code)


# ---------------------------------------------------------------- messages
def difference(name, video):
    """Say where two names differ, characters beyond ASCII escaped."""
    name, video = normal_name(name), normal_name(video)
    if _base(name) != _base(video) and _spelled(name).folder != _spelled(video).folder:
        name, video = _base(name), _base(video)
    begin = len(os.path.commonprefix([name, video]))
    rest = [text[begin:] for text in (name, video)]
    n_end = len(os.path.commonprefix([text[::-1] for text in rest]))
    there, here = (ascii(text[: len(text) - n_end]) if len(text) > n_end else "nothing" for text in rest)
    return f"from character {begin + 1} of {ascii(name)} and {ascii(video)} on, {there} stands there and {here} here"


def nearest(names, videos, *, any_folder=False):
    """Say which of the videos a name is nearest to, and where they differ; nothing if none is near."""
    pairs = near_names(names, videos, {}, any_folder)
    if not pairs:
        texts = [video for video in videos if isinstance(video, str) and len(video) <= LONGEST]
        for name in [name for name in names if isinstance(name, str) and len(name) <= LONGEST][:1]:
            likely = heapq.nlargest(100, texts, key=lambda video, name=name: _n_shared(name, video))  # difflib is slow
            pairs = [(name, video) for video in difflib.get_close_matches(name, likely, 1)]
    return "".join(
        f" {ascii(name)} is nearest to {ascii(video)}: {difference(name, video)}." for name, video in pairs[:1]
    )


def _n_shared(name, other):
    """Return how many characters two texts share at their begin and at their end."""
    return len(os.path.commonprefix([name, other])) + len(os.path.commonprefix([name[::-1], other[::-1]]))


def _shown(names):
    """Write the first names of several, with what is beyond ASCII escaped."""
    return ", ".join(map(ascii, names[:3])) + (", ..." if len(names) > 3 else "")
