import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def jars() -> Path:
    """The folder with Apache Kafka's jars; without it the test is skipped."""
    folder = os.environ.get("NOIZYLAB_TEST_KAFKA_JARS")
    if not folder:
        pytest.skip("set NOIZYLAB_TEST_KAFKA_JARS to a folder with Kafka's jars; `make test-live` does")
    return Path(folder)
