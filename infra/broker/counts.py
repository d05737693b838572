"""What a broker did, counted where it happens and read by the metrics endpoint: plain numbers, no locks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.metrics import Histogram

COMMIT_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
PRODUCE, FETCH = 0, 1
UNKNOWN_API = -1
"""Stands for every key the broker does not speak: clients must not make up labels."""


@dataclass(slots=True)
class BrokerCounts:
    """``requests`` by API key, ``errors`` by API key and Kafka's error code, ``closed`` connections by reason."""

    requests: Counter[int] = field(default_factory=Counter)
    errors: Counter[tuple[int, int]] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    bytes_out: int = 0

    def failed(self, api_key: int, codes: Sequence[int]) -> None:
        """Count the codes that are errors."""
        for code in codes:
            if code:
                self.errors[api_key, code] += 1


@dataclass(slots=True)
class CommitCounts:
    """What the writer thread did. ``commit_s``: from the first statement of a transaction until it is on disk."""

    commit_s: Histogram = field(default_factory=lambda: Histogram(COMMIT_BUCKETS_S))
    writes: int = 0
    failed: int = 0


def error_codes(values: Mapping[str, Any]) -> list[int]:
    """Return every error code of an answer: Kafka names them alike on all levels."""
    found = []
    for name, value in values.items():
        if name == "error_code":
            found.append(int(value))
        elif isinstance(value, list | tuple):
            for item in value:
                if isinstance(item, Mapping):
                    found += error_codes(item)
    return found
