"""Settings of the embedded broker. Nothing here is read from the environment."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from infra.broker.errors import NotLoopbackError

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where the broker keeps its data, where it listens, and what it refuses.

    `port` 0 takes any free port. `message_max_bytes` is the default of a topic's `max.message.bytes`.
    `tail_cache_bytes` bounds the memory spent on recent batches over all partitions.
    """

    path: Path
    host: str = "127.0.0.1"
    port: int = 9092
    request_max_bytes: int = 100 * _MIB
    fetch_max_bytes: int = 55 * _MIB
    message_max_bytes: int = 1_048_588
    tail_cache_bytes: int = 64 * _MIB
    max_connections: int = 1000
    max_requests_in_flight: int = 100
    default_partitions: int = 1
    max_partitions_per_topic: int = 1000
    session_timeout_min_ms: int = 1000
    session_timeout_max_ms: int = 1_800_000
    initial_rebalance_delay_ms: int = 0
    offset_metadata_max_bytes: int = 4096
    transaction_max_timeout_ms: int = 900_000


def require_loopback(host: str) -> None:
    """Refuse any address that another machine could reach.

    Raises:
        NotLoopbackError: the host is neither a loopback address nor `localhost`.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise NotLoopbackError(
            f"the embedded broker does not listen on {host!r}: it has no authentication and no encryption, so "
            "anyone who reaches it could read and write every event. Use 127.0.0.1, ::1 or localhost; to serve "
            "other machines, run Apache Kafka with SASL_SSL and point the workers at it."
        )
