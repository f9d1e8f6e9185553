"""Small generated videos that every estimator test shares, and reports that can be sent between processes."""

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Escape names that are not UTF-8 in what a test said, so that it can be sent to the process that shows it."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
