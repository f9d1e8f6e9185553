"""Audio-visual event localization as scikit-learn estimators.

Which seconds of a video hold an event that is both seen and heard, and which event is it? The estimators implement
"Positive Sample Propagation along the Audio-Visual Event Line" (CVPR 2021) on arrays of precomputed features.
"""

from ave_sklearn._features import AVFeatures
from ave_sklearn._version import __version__
from ave_sklearn.psp import PSPLocalizer, WeakPSPLocalizer

__all__ = ["AVFeatures", "PSPLocalizer", "WeakPSPLocalizer", "__version__"]
