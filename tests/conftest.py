"""Small generated videos that every estimator test shares, and what holds for all tests."""

import pytest
import torch
from hypothesis import settings

from ave_sklearn import _device
from ave_sklearn.datasets import make_av_events

settings.register_profile("any machine", deadline=None)  # an example of a busy machine is no slower code
settings.load_profile("any machine")


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


@pytest.fixture
def with_bfloat16(monkeypatch):
    """A processor that is said to multiply bfloat16; of those that do not, some can do it slowly, and others refuse."""
    lstm = torch.nn.LSTM(2, 2, batch_first=True)
    try:
        with torch.autocast("cpu", torch.bfloat16):
            lstm(torch.zeros(1, 2, 2))
    except RuntimeError:
        pytest.skip("torch has no LSTM in bfloat16 for this processor")
    monkeypatch.setattr(_device, "multiplies_bfloat16", lambda device: True)


def pytest_runtest_setup(item):
    """Skip what is marked ``cuda`` where there is no such device."""
    if item.get_closest_marker("cuda") and not torch.cuda.is_available():
        pytest.skip("torch finds no CUDA device")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Escape names that are not UTF-8 in what a test said, so that it can be sent to the process that shows it."""
    report = yield
    report.sections = [(name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections]
    return report
