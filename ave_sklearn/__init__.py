"""Audio-visual event localization as scikit-learn estimators.

Which seconds of a video hold an event that is both seen and heard, and which event is it? The estimators implement
"Positive Sample Propagation along the Audio-Visual Event Line" (CVPR 2021) on arrays of precomputed features.

Examples
--------
>>> from ave_sklearn import PSPLocalizer
>>> from ave_sklearn.datasets import make_av_events
>>> X, y = make_av_events(n_videos=20, random_state=0)
>>> localizer = PSPLocalizer(max_epochs=2, random_state=0).fit(X, y)
>>> localizer.predict(X).shape  # a label for each segment
(20, 10)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ave_sklearn._version import __version__

if TYPE_CHECKING:
    from ave_sklearn import datasets, extraction, inspection, localizers, metrics, model_selection, nn
    from ave_sklearn._features.container import AVFeatures
    from ave_sklearn.localizers import EventLocalizer, PSPLocalizer, WeakEventLocalizer, WeakPSPLocalizer

_SUBMODULES = ("datasets", "extraction", "inspection", "localizers", "metrics", "model_selection", "nn")
_PLACES = {
    "AVFeatures": "_features.container",
    "EventLocalizer": "localizers",
    "PSPLocalizer": "localizers",
    "WeakEventLocalizer": "localizers",
    "WeakPSPLocalizer": "localizers",
}
__all__ = [
    "AVFeatures",
    "EventLocalizer",
    "PSPLocalizer",
    "WeakEventLocalizer",
    "WeakPSPLocalizer",
    "__version__",
    "datasets",
    "extraction",
    "inspection",
    "localizers",
    "metrics",
    "model_selection",
    "nn",
]


def __getattr__(name: str) -> object:
    """Import what is asked for, so that ``ave-sklearn --help`` need not wait for torch."""
    if name in _SUBMODULES:
        return import_module(f"{__name__}.{name}")
    if name in _PLACES:
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
