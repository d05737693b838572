"""Sound requests of every API and version the broker speaks, from which the fuzzer bends its inputs."""

import io
import random
import struct
import uuid
from dataclasses import fields
from typing import Any, get_args

from crc32c import crc32c
from kio.index import load_request_schema
from kio.schema.request_header.v1.header import RequestHeader as HeaderV1
from kio.schema.request_header.v2.header import RequestHeader as HeaderV2
from kio.serial import entity_writer

from infra.broker.handlers import APIS
from infra.broker.wire import build

_SAMPLES_PER_VERSION = 12
_PRODUCE, _FETCH, _CREATE_TOPICS = 0, 1, 19
_BATCH = struct.Struct(">qiibIhiqqqhii")


def frame(body: bytes) -> bytes:
    """A request with its length before it."""
    return struct.pack(">i", len(body)) + body


def sound_batch(value: bytes, dice: random.Random) -> bytes:
    """A record batch with one record, which a broker has to store."""
    record = b"\x00\x00\x00" + b"\x02k" + bytes([len(value) * 2]) + value + b"\x00"
    records = bytes([len(record) * 2]) + record
    now_ms = dice.randrange(2**41)
    head = _BATCH.pack(0, 49 + len(records), 0, 2, 0, 0, 0, now_ms, now_ms, -1, -1, -1, 1)
    return head[:17] + crc32c(head[21:] + records).to_bytes(4, "big") + head[21:] + records


class Corpus:
    """Requests made once, picked at random."""

    def __init__(self, dice: random.Random, topic: str) -> None:
        self._dice = dice
        self._topic = topic
        self._frames = [
            self._encode(api_key, version, self._values(load_request_schema(api_key, version)))
            for api_key, api in APIS.items()
            for version in range(api.min_version, api.max_version + 1)
            for _ in range(_SAMPLES_PER_VERSION)
        ]

    def pick(self) -> bytes:
        """Any request, without its length."""
        return self._dice.choice(self._frames)

    def create(self) -> bytes:
        """A request that creates the topic."""
        topic = {
            "name": self._topic, "num_partitions": 2, "replication_factor": 1, "assignments": [], "configs": [],
        }  # fmt: skip
        return self._encode(_CREATE_TOPICS, 4, {"topics": [topic], "timeout": 1000, "validate_only": False})

    def produce(self, value: bytes) -> bytes:
        """A request that stores one record."""
        part = {"index": 0, "records": sound_batch(value, self._dice)}
        topic = {"name": self._topic, "partition_data": [part]}
        return self._encode(_PRODUCE, 8, {"acks": -1, "timeout": 1000, "topic_data": [topic]})

    def fetch(self, offset: int) -> bytes:
        """A request for one record."""
        part = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20, "current_leader_epoch": -1}
        topic = {"topic": self._topic, "partitions": [part]}
        limits = {"max_wait": 0, "min_bytes": 1, "max_bytes": 1 << 20, "session_epoch": -1, "replica_id": -1}
        return self._encode(_FETCH, 11, {**limits, "topics": [topic], "forgotten_topics_data": []})

    def _encode(self, api_key: int, version: int, values: dict[str, Any]) -> bytes:
        schema: Any = load_request_schema(api_key, version)
        header: Any = HeaderV2 if schema.__flexible__ else HeaderV1
        buffer = io.BytesIO()
        head = {"request_api_key": api_key, "request_api_version": version, "correlation_id": 7, "client_id": "f"}
        entity_writer(header)(buffer, build(header, head))
        entity_writer(schema)(buffer, build(schema, values, fill=True))
        return buffer.getvalue()

    def _values(self, schema: Any) -> dict[str, Any]:
        return {entry.name: self._value(entry.name, entry) for entry in fields(schema) if "tag" not in entry.metadata}

    def _value(self, name: str, entry: Any) -> Any:
        nested = next((part for part in _parts(entry.type) if hasattr(part, "__flexible__")), None)
        if nested is not None:
            return [self._values(nested) for _ in range(self._dice.choice((0, 1, 1, 2)))]
        one = self._plain(name, entry.metadata.get("kafka_type", ""))
        return [one] if "tuple[" in str(entry.type) else one

    def _plain(self, name: str, kafka_type: str) -> Any:
        dice = self._dice
        if kafka_type == "records":
            return sound_batch(dice.randbytes(dice.randrange(20)), dice)
        if kafka_type.startswith("timedelta"):
            return dice.choice((0, 1, 1000, 30_000))
        if kafka_type == "uuid":
            return uuid.UUID(int=dice.getrandbits(128))
        if "topic" in name and kafka_type == "string":
            return self._topic
        texts = (self._topic, "g", "", "cleanup.policy", "range", "SCRAM-SHA-256", "x" * 40)
        values: dict[str, Any] = {
            "string": dice.choice(texts), "bytes": dice.randbytes(dice.randrange(30)), "bool": dice.random() < 0.5,
            "float64": dice.random(), "error_code": 0,
        }  # fmt: skip
        return values.get(kafka_type, dice.choice((-1, 0, 0, 1, 2, 100)))


def _parts(annotation: Any) -> list[Any]:
    return [annotation, *(found for part in get_args(annotation) for found in _parts(part))]
