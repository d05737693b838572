"""Topic configuration: which names Kafka knows, which values are sound, which defaults hold here.

Names and defaults: https://kafka.apache.org/documentation/#topicconfigs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kio.schema.errors import ErrorCode

from infra.broker.config import BrokerConfig
from infra.broker.errors import RequestRefusedError

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_CLEANUP_POLICIES = {"delete", "compact"}

TYPE_STRING = 2
TYPE_INT = 3
TYPE_LONG = 5
TYPE_DOUBLE = 6
TYPE_LIST = 7
TYPE_BOOLEAN = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """Type of a setting as DescribeConfigs numbers it, its default, and its smallest value."""

    type: int
    default: str
    minimum: int = 0
    only_default: bool = False


SETTINGS: Mapping[str, Setting] = {
    "cleanup.policy": Setting(TYPE_LIST, "delete"),
    "compression.type": Setting(TYPE_STRING, "producer", only_default=True),
    "delete.retention.ms": Setting(TYPE_LONG, "86400000"),
    "file.delete.delay.ms": Setting(TYPE_LONG, "60000"),
    "flush.messages": Setting(TYPE_LONG, "1", minimum=1),
    "flush.ms": Setting(TYPE_LONG, "0"),
    "index.interval.bytes": Setting(TYPE_INT, "4096"),
    "max.compaction.lag.ms": Setting(TYPE_LONG, "9223372036854775807", minimum=1),
    "max.message.bytes": Setting(TYPE_INT, "1048588", minimum=100),
    "message.timestamp.type": Setting(TYPE_STRING, "CreateTime", only_default=True),
    "min.cleanable.dirty.ratio": Setting(TYPE_DOUBLE, "0.5"),
    "min.compaction.lag.ms": Setting(TYPE_LONG, "0"),
    "min.insync.replicas": Setting(TYPE_INT, "1", minimum=1),
    "preallocate": Setting(TYPE_BOOLEAN, "false"),
    "retention.bytes": Setting(TYPE_LONG, "-1", minimum=-1),
    "retention.ms": Setting(TYPE_LONG, "604800000", minimum=-1),
    "segment.bytes": Setting(TYPE_INT, "1073741824", minimum=14),
    "segment.index.bytes": Setting(TYPE_INT, "10485760", minimum=4),
    "segment.jitter.ms": Setting(TYPE_LONG, "0"),
    "segment.ms": Setting(TYPE_LONG, "604800000", minimum=1),
    "unclean.leader.election.enable": Setting(TYPE_BOOLEAN, "false"),
}


def broker_settings(config: BrokerConfig) -> dict[str, Setting]:
    """What the broker runs with, under the names Kafka gives it; values stand in `default`."""
    numbers = {
        "num.partitions": config.default_partitions,
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "message.max.bytes": config.message_max_bytes,
        "socket.request.max.bytes": config.request_max_bytes,
        "fetch.max.bytes": config.fetch_max_bytes,
        "max.connections": config.max_connections,
        "group.initial.rebalance.delay.ms": config.initial_rebalance_delay_ms,
        "group.min.session.timeout.ms": config.session_timeout_min_ms,
        "group.max.session.timeout.ms": config.session_timeout_max_ms,
        "offset.metadata.max.bytes": config.offset_metadata_max_bytes,
        "transaction.max.timeout.ms": config.transaction_max_timeout_ms,
    }
    switches = {"auto.create.topics.enable": "false", "delete.topic.enable": "true"}
    return {name: Setting(TYPE_INT, str(value)) for name, value in numbers.items()} | {
        name: Setting(TYPE_BOOLEAN, value) for name, value in switches.items()
    }


def check_name(name: str) -> None:
    """Refuse a topic name that Kafka would refuse (INVALID_TOPIC_EXCEPTION, 17)."""
    if not _NAME.fullmatch(name) or name in {".", ".."}:
        raise RequestRefusedError(
            ErrorCode.invalid_topic_exception,
            f"topic name {name!r} is not valid: 1 to 249 of the characters a-z A-Z 0-9 . _ - and not . or ..",
        )


def check_configs(configs: Mapping[str, str | None]) -> dict[str, str]:
    """Check the explicit configuration of a topic (INVALID_CONFIG, 40); null values mean the default."""
    for name, value in configs.items():
        setting = SETTINGS.get(name)
        if setting is None:
            raise _invalid(f"unknown topic configuration {name!r}")
        if value is not None:
            _check_value(name, value, setting)
    return {name: value for name, value in configs.items() if value is not None}


def _check_value(name: str, value: str, setting: Setting) -> None:
    if setting.only_default and value != setting.default:
        raise _invalid(f"{name}={value} is not supported here, only {setting.default}")
    if name == "cleanup.policy" and not {part.strip() for part in value.split(",")} <= _CLEANUP_POLICIES:
        raise _invalid(f"cleanup.policy={value} is neither delete nor compact nor both")
    if setting.type == TYPE_BOOLEAN and value not in {"true", "false"}:
        raise _invalid(f"{name}={value} is neither true nor false")
    if setting.type in {TYPE_INT, TYPE_LONG, TYPE_DOUBLE}:
        try:
            number = float(value) if setting.type == TYPE_DOUBLE else int(value)
        except ValueError:
            raise _invalid(f"{name}={value} is not a number") from None
        if number < setting.minimum:
            raise _invalid(f"{name}={value} is below {setting.minimum}")


def _invalid(message: str) -> RequestRefusedError:
    return RequestRefusedError(ErrorCode.invalid_config, message)
