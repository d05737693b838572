"""How hard Hypothesis looks: a little on every run, a lot when asked (``HYPOTHESIS_PROFILE=thorough make test``)."""

import os

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=40, deadline=None)
settings.register_profile("thorough", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the whole shop: it waits for processes most of the time, and the small tests fill the gaps."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
