"""An embedded Kafka broker: the wire protocol over one SQLite file, for loopback only.

Clients of Apache Kafka work on it unchanged. What it promises: a produce is acknowledged only when it is on disk.
"""

from infra.broker import lean  # noqa: F401 - first: it is about how kio is imported
from infra.broker.config import BrokerConfig
from infra.broker.errors import BrokerError, BrokerFileInUseError, NotLoopbackError, StorageFailedError
from infra.broker.server import Broker

__all__ = [
    "Broker",
    "BrokerConfig",
    "BrokerError",
    "BrokerFileInUseError",
    "NotLoopbackError",
    "StorageFailedError",
]
