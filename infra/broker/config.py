"""Settings of the embedded broker. Nothing here is read from the environment."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from infra.broker.errors import BrokerError, NotLoopbackError

_MIB = 1024 * 1024
_WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104 - listening there is what is checked


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where the broker keeps its data, where it listens, and what it refuses.

    `port` 0 takes any free port. `message_max_bytes` is the default of a topic's `max.message.bytes`.
    `tail_cache_bytes` bounds the memory spent on recent batches over all partitions. `control_request_max_bytes` is
    the limit of every request but Produce; `connection_max_bytes` what one connection may have in work before it is
    read no further; the two totals hold over all connections. Below `free_space_floor_bytes` on the file system of
    `path` nothing is added to the file. `advertise` is the address clients are told when it is not the one listened
    on. With `tls_cert` and `tls_key` (PEM) every connection is encrypted, with `users` every client has to log in.
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
    control_request_max_bytes: int = _MIB
    connection_max_bytes: int = 64 * _MIB
    requests_total_max_bytes: int = 256 * _MIB
    answers_total_max_bytes: int = 256 * _MIB
    connections_max_idle_s: float = 600.0
    slow_reader_s: float = 60.0
    login_within_s: float = 30.0
    sweep_every_s: float = 5.0
    free_space_floor_bytes: int = 256 * _MIB
    cleanup_every_s: float = 15.0
    compaction_max_keys: int = 250_000
    max_partitions_total: int = 10_000
    advertise: tuple[str, int] | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    users: Path | None = None


def check_reach(config: BrokerConfig) -> None:
    """Refuse an address that another machine could reach, unless connections are encrypted and clients log in.

    Raises:
        NotLoopbackError: the host is no loopback address, and TLS or the users are missing.
        BrokerError: half of a TLS key pair, or a wildcard address that no client could be told.
    """
    if (config.tls_cert is None) != (config.tls_key is None):
        raise BrokerError("TLS needs both --tls-cert and --tls-key")
    if not _is_loopback(config.host) and (config.tls_cert is None or config.users is None):
        raise NotLoopbackError(
            f"the embedded broker does not listen on {config.host!r} as it is: without encryption and logins, anyone "
            "who reaches it could read and write every event. Give it --tls-cert, --tls-key and --users (`noizylab "
            "broker user add NAME` makes that file), or use 127.0.0.1, ::1 or localhost, or run Apache Kafka with "
            "SASL_SSL and point the workers at it."
        )
    if config.host in _WILDCARDS and config.advertise is None:
        raise BrokerError(f"no client can connect to {config.host}: tell them where with --advertise HOST:PORT")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
