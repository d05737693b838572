import asyncio
import contextlib
import io
import struct
from collections.abc import Sequence
from typing import Any

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from kio.index import load_request_schema, load_response_schema
from kio.schema.request_header.v1.header import RequestHeader as HeaderV1
from kio.schema.request_header.v2.header import RequestHeader as HeaderV2
from kio.serial import entity_reader, entity_writer

from infra.broker.wire import build


class WireClient:
    """A Kafka client reduced to frames, for what no client library would send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.correlation_id = 0

    @classmethod
    async def connect(cls, port: int) -> "WireClient":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, api_key: int, version: int, values: dict[str, Any]) -> int:
        self.correlation_id += 1
        schema: Any = load_request_schema(api_key, version)
        header_schema: Any = HeaderV2 if schema.__flexible__ else HeaderV1
        buffer = io.BytesIO()
        header = {
            "request_api_key": api_key,
            "request_api_version": version,
            "correlation_id": self.correlation_id,
            "client_id": "wire",
        }
        entity_writer(header_schema)(buffer, build(header_schema, header))
        entity_writer(schema)(buffer, build(schema, values, fill=True))
        self.send_raw(buffer.getvalue())
        return self.correlation_id

    def send_raw(self, frame: bytes) -> None:
        self.writer.write(struct.pack(">i", len(frame)) + frame)

    async def receive_raw(self) -> tuple[int, bytes]:
        """Correlation id and what follows it."""
        (size,) = struct.unpack(">i", await asyncio.wait_for(self.reader.readexactly(4), 5))
        frame = await self.reader.readexactly(size)
        return struct.unpack(">i", frame[:4])[0], frame[4:]

    async def receive(self, api_key: int, version: int) -> Any:
        _, rest = await self.receive_raw()
        schema: Any = load_response_schema(api_key, version)
        start = 1 if schema.__header_schema__.__version__ >= 1 else 0
        entity, size = entity_reader(schema)(rest, start)
        assert start + size == len(rest)
        return entity

    async def call(self, api_key: int, version: int, **values: Any) -> Any:
        self.send(api_key, version, values)
        return await self.receive(api_key, version)

    async def closed_by_broker(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


def make_batch(
    *values: bytes | None,
    keys: Sequence[bytes | None] | None = None,
    compression: int = 0,
    timestamp_ms: int = 1_000,
    producer_id: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    """A record batch as a producer sends it; record i has timestamp `timestamp_ms` + 10 i."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=compression,
        is_transactional=transactional,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        batch_size=1 << 20,
    )
    for index, value in enumerate(values):
        builder.append(
            index, timestamp=timestamp_ms + 10 * index, key=keys[index] if keys else None, value=value, headers=[]
        )
    return bytes(builder.build())


def produce_values(topic: str, partition: int, records: bytes, acks: int = -1) -> dict[str, Any]:
    return {
        "acks": acks,
        "timeout": 1000,
        "topic_data": [{"name": topic, "partition_data": [{"index": partition, "records": records}]}],
    }


def fetch_values(topic: str, offset: int, partition: int = 0, **limits: int) -> dict[str, Any]:
    return {
        "replica_id": -1,
        "max_wait": limits.get("max_wait", 0),
        "min_bytes": limits.get("min_bytes", 1),
        "max_bytes": limits.get("max_bytes", 1 << 20),
        "session_epoch": -1,
        "topics": [
            {
                "topic": topic,
                "partitions": [
                    {
                        "partition": partition,
                        "current_leader_epoch": -1,
                        "fetch_offset": offset,
                        "partition_max_bytes": limits.get("partition_max_bytes", 1 << 20),
                    }
                ],
            }
        ],
        "forgotten_topics_data": [],
    }


async def create_topic(client: WireClient, name: str, partitions: int = 1, **configs: str) -> int:
    """Error code of the creation."""
    pairs = [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]
    topic = {
        "name": name,
        "num_partitions": partitions,
        "replication_factor": 1,
        "assignments": [],
        "configs": pairs,
    }
    response = await client.call(19, 4, topics=[topic], timeout=1000)
    return int(response.topics[0].error_code)
