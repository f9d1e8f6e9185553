"""Small generated videos that every estimator test shares."""

import pytest

from ave_sklearn.datasets import make_av_events


@pytest.fixture(scope="session")
def videos():
    """60 videos of 10 segments with 3 x 3 maps, and their segment labels."""
    return make_av_events(
        n_videos=60, n_classes=4, n_audio_features=6, n_visual_features=5, map_size=(3, 3), random_state=0
    )


@pytest.fixture(scope="session")
def pooled():
    """60 videos of 8 segments with pooled visual features."""
    return make_av_events(
        n_videos=60, n_segments=8, n_classes=4, n_audio_features=6, n_visual_features=5, random_state=1
    )
