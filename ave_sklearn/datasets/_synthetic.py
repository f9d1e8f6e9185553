"""Generated audio-visual events.

`make_av_events` first draws a *scene*, which says what the videos show: which object is heard and which is
seen in each segment, whether it gives a sign of itself, and where. Labels and features are made of the scene.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, overload

import numpy as np
from sklearn.utils import Bunch

from ave_sklearn._features.container import AVFeatures
from ave_sklearn._random import own_generator

if TYPE_CHECKING:
    from typing import Literal

    from numpy.typing import NDArray

    from ave_sklearn._typing import RandomStateLike

__all__ = ["make_av_events"]

BACKGROUND = "background"
N_EXTRAS = 3  # objects that belong to no class: enough for a full cast even with a single event class
P_MOVE = 0.3  # the objects change their regions, each second


@overload
def make_av_events(
    n_videos: int = 200,
    n_segments: int = 10,
    *,
    n_classes: int = 5,
    n_audio_features: int = 16,
    n_visual_features: int = 16,
    map_size: tuple[int, int] | None = None,
    class_sep: float = 3.0,
    whole_fraction: float = 0.3,
    unpaired_fraction: float = 0.8,
    missing_fraction: float = 0.3,
    return_scene: Literal[False] = False,
    random_state: RandomStateLike = None,
) -> tuple[AVFeatures, NDArray[np.str_]]: ...
@overload
def make_av_events(
    n_videos: int = 200,
    n_segments: int = 10,
    *,
    n_classes: int = 5,
    n_audio_features: int = 16,
    n_visual_features: int = 16,
    map_size: tuple[int, int] | None = None,
    class_sep: float = 3.0,
    whole_fraction: float = 0.3,
    unpaired_fraction: float = 0.8,
    missing_fraction: float = 0.3,
    return_scene: Literal[True],
    random_state: RandomStateLike = None,
) -> tuple[AVFeatures, NDArray[np.str_], Bunch]: ...
def make_av_events(
    n_videos: int = 200,
    n_segments: int = 10,
    *,
    n_classes: int = 5,
    n_audio_features: int = 16,
    n_visual_features: int = 16,
    map_size: tuple[int, int] | None = None,
    class_sep: float = 3.0,
    whole_fraction: float = 0.3,
    unpaired_fraction: float = 0.8,
    missing_fraction: float = 0.3,
    return_scene: bool = False,
    random_state: RandomStateLike = None,
) -> tuple[AVFeatures, NDArray[np.str_]] | tuple[AVFeatures, NDArray[np.str_], Bunch]:
    r"""Generate videos with audio-visual events to localize.

    Each video is about one object, whose class is one of the events. A segment is labelled with that class
    if the object is both heard and seen, and "background" otherwise. With :math:`h_t` and :math:`s_t` the
    objects that are heard and seen in segment t, the features are

    .. math::
        a_t = u_t \, p_{h_t} + \varepsilon_t, \qquad v_t = w_t \, q_{s_t} + \eta_t

    where p and q are random prototypes of length `class_sep`, one of each modality for each object;
    :math:`u_t, w_t \in \{0, 1\}` are 0 in a fraction `missing_fraction` of the segments; and the noise is
    standard normal. So the task needs

    * both modalities: outside its event the object may be heard while another one is seen, or be seen while
      another one is heard;
    * other segments than the current one: an object may give no sign in a segment, a pause in the sound or
      something in front of the picture, and the noise hides much of what it gives.

    With `map_size` the objects are seen in single regions of a map of noise: the one that counts, and a
    distractor, never heard, that stays through the video.

    Parameters
    ----------
    n_videos : int, default=200
        Number of videos. The classes are balanced over them.
    n_segments : int, default=10
        Number of segments of each video, one second each.
    n_classes : int, default=5
        Number of classes, the background included.
    n_audio_features : int, default=16
        Number of audio features of a segment.
    n_visual_features : int, default=16
        Number of visual features of a segment, or of each region of its map.
    map_size : tuple of int (height, width), default=None
        The regions of the visual maps. None gives pooled visual features. A map of one region has no place
        for a distractor.
    class_sep : float, default=3.0
        Length of the prototypes, in standard deviations of a feature's noise. Larger is easier.
    whole_fraction : float, default=0.3
        Fraction of videos whose event spans all segments. The others' have 2 to ``n_segments - 1`` segments
        (of 2 segments 1, of 1 segment none).
    unpaired_fraction : float, default=0.8
        Probability that the background before an event, or after it, holds the object in one modality: half
        of the time the sound, half of the time the picture. Otherwise it holds it in neither, which is
        easier.
    missing_fraction : float, default=0.3
        Probability that the object that is heard gives no sign of itself in a segment, and that the one that
        is seen gives none. Larger makes the other segments more important.
    return_scene : bool, default=False
        If True, also return what the videos show.
    random_state : int, RandomState instance or None, default=None
        Draws the videos. Pass an int for the same videos at each call.

    Returns
    -------
    X : AVFeatures
        ``audio`` of shape (n_videos, n_segments, n_audio_features) and ``visual`` of shape (n_videos,
        n_segments, n_visual_features) or (n_videos, n_segments, height, width, n_visual_features), both
        float32.
    y : ndarray of str, of shape (n_videos, n_segments)
        "event_0", "event_1"... and "background".
    scene : :class:`~sklearn.utils.Bunch`
        What the videos show; only if ``return_scene`` is True. Arrays of shape (n_videos, n_segments):

        heard, seen, distractor : ndarray of int
            The object that is heard, the one that is seen, and the distractor in the map. Object k below
            ``n_classes - 1`` is of class "event_k", the other three are of no class.
        audible, visible : ndarray of bool
            Whether the objects that are heard and seen give a sign of themselves.
        region, distractor_region : ndarray of int
            Where the objects are in the map: row * width + column. Without a distractor, -1.

    Raises
    ------
    ValueError
        If a number is not of its type or out of its range: the message names it.

    See Also
    --------
    load_av_digits : A benchmark of the same kind made of real speech and handwriting.

    Notes
    -----
    The prototypes are drawn anew for each `random_state`: split one generated set to train and to test.

    Examples
    --------
    >>> from ave_sklearn.datasets import make_av_events
    >>> X, y = make_av_events(n_videos=100, n_segments=5, map_size=(3, 3), random_state=0)
    >>> X.audio.shape, X.visual.shape
    ((100, 5, 16), (100, 5, 3, 3, 16))
    >>> for labels in y[:4]:
    ...     print(*labels)
    event_1 event_1 event_1 event_1 event_1
    background event_3 event_3 event_3 event_3
    event_0 event_0 event_0 event_0 event_0
    background event_3 event_3 event_3 background
    """
    _check_integers(1, n_videos=n_videos, n_segments=n_segments)
    _check_integers(1, n_audio_features=n_audio_features, n_visual_features=n_visual_features)
    _check_integers(2, n_classes=n_classes)
    _check_reals(np.inf, class_sep=class_sep)
    _check_reals(1, whole_fraction=whole_fraction, unpaired_fraction=unpaired_fraction)
    _check_reals(1, missing_fraction=missing_fraction)
    map_shape = _check_map_size(map_size)

    rng = own_generator(random_state)
    shape, n_events, n_regions = (n_videos, n_segments), n_classes - 1, math.prod(map_shape)
    scene = Bunch(
        **_draw_objects(rng, shape, n_events, whole_fraction, unpaired_fraction),
        **_draw_signs(rng, shape, missing_fraction),
        **_draw_regions(rng, shape, n_regions),
    )
    sounds = _draw_prototypes(rng, n_events + N_EXTRAS, n_audio_features, class_sep)
    pictures = _draw_prototypes(rng, n_events + N_EXTRAS, n_visual_features, class_sep)
    visual = _render_visual(rng, scene, pictures, n_regions)
    X = AVFeatures(_render_audio(rng, scene, sounds), visual.reshape(*shape, *map_shape, n_visual_features))
    y = _label(scene, n_events)
    return (X, y, scene) if return_scene else (X, y)


def _check_integers(low, **values):
    """Check that the named values are integers of at least `low`."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < low:
            raise ValueError(f"{name} must be an integer of at least {low}, got {value!r}.")


def _check_reals(high, **values):
    """Check that the named values are finite numbers from 0 to `high`."""
    for name, value in values.items():
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= high or not np.isfinite(value):
            wanted = "a finite number of at least 0" if high == np.inf else f"a number from 0 to {high}"
            raise ValueError(f"{name} must be {wanted}, got {value!r}.")


def _check_map_size(map_size):
    """Return the map's shape: (height, width), or () for pooled features."""
    if map_size is None:
        return ()
    is_pair = isinstance(map_size, tuple | list) and len(map_size) == 2
    if not is_pair or not all(isinstance(side, Integral) and side >= 1 for side in map_size):
        raise ValueError(f"map_size must be None or (height, width), integers of at least 1, got {map_size!r}.")
    return tuple(map_size)


# What the videos show


def _draw_objects(rng, shape, n_events, whole_fraction, unpaired_fraction):
    """Draw which object is heard and which are seen in each segment."""
    main, heard_instead, seen_instead, distractor = _draw_cast(rng, shape[0], n_events)
    is_heard, is_seen = _draw_presence(rng, _draw_phases(rng, shape, whole_fraction), unpaired_fraction)
    return {
        "heard": np.where(is_heard, main, heard_instead),
        "seen": np.where(is_seen, main, seen_instead),
        "distractor": np.broadcast_to(distractor, shape),
    }


def _draw_cast(rng, n_videos, n_events):
    """Draw four different objects for each video, of shape (4, n_videos, 1). The first is of a class."""
    category = rng.permutation(np.arange(n_videos) % n_events)
    ranks = rng.random((n_videos, n_events + N_EXTRAS))
    ranks[np.arange(n_videos), category] = -1  # comes first
    return np.argsort(ranks, axis=1).T[:4, :, np.newaxis]


def _draw_phases(rng, shape, whole_fraction):
    """Draw when the events take place: 0 before, 1 in and 2 after the event, an array of shape `shape`."""
    n_videos, n_segments = shape
    length = rng.integers(min(2, n_segments - 1), max(2, n_segments), size=(n_videos, 1))
    length[rng.random(n_videos) < whole_fraction] = n_segments
    onset = rng.integers(n_segments - length + 1)
    segments = np.arange(n_segments)
    return (segments >= onset).astype(int) + (segments >= onset + length)


def _draw_presence(rng, phases, unpaired_fraction):
    """Draw when each video's main object is heard and when it is seen: two masks of the shape of `phases`."""
    p = [unpaired_fraction / 2, unpaired_fraction / 2, 1 - unpaired_fraction]
    backgrounds = rng.choice(["heard", "seen", "neither"], p=p, size=(len(phases), 2))
    before, after = backgrounds[:, :1], backgrounds[:, 1:]
    kinds = np.select([phases == 0, phases == 1], [before, "event"], after)
    return np.isin(kinds, ["event", "heard"]), np.isin(kinds, ["event", "seen"])


def _draw_signs(rng, shape, missing_fraction):
    """Draw in which segments the objects give a sign of themselves."""
    audible, visible = rng.random((2, *shape)) >= missing_fraction
    return {"audible": audible, "visible": visible}


def _draw_regions(rng, shape, n_regions):
    """Draw where the seen object and the distractor are; -1 if the map has no room for the latter."""
    moves = rng.random(shape) < P_MOVE
    last_move = np.maximum.accumulate(np.where(moves, np.arange(shape[1]), 0), axis=1)
    region = np.take_along_axis(rng.integers(n_regions, size=shape), last_move, axis=1)
    if n_regions == 1:
        return {"region": region, "distractor_region": np.full(shape, -1)}
    distance = np.take_along_axis(rng.integers(1, n_regions, size=shape), last_move, axis=1)
    return {"region": region, "distractor_region": (region + distance) % n_regions}


def _label(scene, n_events):
    """Label each segment with what is both heard and seen."""
    names = np.array([f"event_{k}" for k in range(n_events)] + [BACKGROUND])
    return names[np.where(scene.heard == scene.seen, scene.heard, n_events)]


# The features


def _draw_prototypes(rng, n_objects, n_features, length):
    """Draw vectors of random directions and one length, of shape (n_objects, n_features)."""
    directions = rng.standard_normal((n_objects, n_features), dtype=np.float32)
    return length * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _render_audio(rng, scene, prototypes):
    r"""Render :math:`a_t = u_t p_{h_t} + \varepsilon_t`, of shape (n_videos, n_segments, n_features)."""
    signs = scene.audible[..., np.newaxis] * prototypes[scene.heard]
    return signs + rng.standard_normal(signs.shape, dtype=np.float32)


def _render_visual(rng, scene, prototypes, n_regions):
    r"""Render :math:`v_t = w_t q_{s_t} + \eta_t` as maps (n_videos, n_segments, n_regions, n_features)."""
    n_videos, n_segments = scene.seen.shape
    maps = rng.standard_normal((n_videos, n_segments, n_regions, prototypes.shape[1]), dtype=np.float32)
    video, segment = np.ogrid[:n_videos, :n_segments]
    maps[video, segment, scene.region] += scene.visible[..., np.newaxis] * prototypes[scene.seen]
    if n_regions > 1:
        maps[video, segment, scene.distractor_region] += prototypes[scene.distractor]
    return maps
