"""An embedded Kafka broker: the wire protocol over one SQLite file, for this machine, or with TLS and logins for more.

Clients of Apache Kafka work on it unchanged. What it promises: a produce is acknowledged only when it is on disk.
"""

import infra.broker.lean  # noqa: F401 - before anything loads kio

# isort: split
from infra.broker.config import BrokerConfig
from infra.broker.errors import (
    BrokerError,
    BrokerFileInUseError,
    DamagedFileError,
    NotLoopbackError,
    StorageFailedError,
)
from infra.broker.server import Broker

__all__ = [
    "Broker",
    "BrokerConfig",
    "BrokerError",
    "BrokerFileInUseError",
    "DamagedFileError",
    "NotLoopbackError",
    "StorageFailedError",
]
