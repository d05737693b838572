"""One suite for every Kafka broker: the embedded one always, a real one with ``NOIZYLAB_TEST_KAFKA=host:port``."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.kafka.bench import Bench
from tests.support.brokers import embedded_broker


@contextmanager
def _embedded() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="noizylab-contract-") as home,
        embedded_broker(Path(home), cleanup_every_s=0.3) as bootstrap,
    ):
        yield bootstrap


@contextmanager
def _live() -> Iterator[str]:
    bootstrap = os.environ.get("NOIZYLAB_TEST_KAFKA")
    if not bootstrap:
        pytest.skip("set NOIZYLAB_TEST_KAFKA=host:port to run against a real Kafka; `make test-live` does")
    yield bootstrap


_BROKERS = {"embedded": _embedded, "live": _live}


@pytest.fixture(scope="module", params=["embedded", pytest.param("live", marks=pytest.mark.live)])
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    with _BROKERS[request.param]() as bootstrap:
        yield bootstrap


@pytest.fixture
def bench(broker: str) -> Iterator[Bench]:
    """Names of its own for each test; what was made under them is deleted afterwards: a real broker keeps it."""
    made = Bench(broker)
    yield made
    made.clean_up()
