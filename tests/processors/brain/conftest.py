import pytest

from processors.brain.diagnostician import Diagnostician


@pytest.fixture(scope="session")
def shipped() -> Diagnostician:
    """The engine with the artefacts that come with the program: read once, never changed."""
    return Diagnostician.shipped()
