"""The publisher on Kafka: acks from all in-sync replicas, idempotent, re-sending only what is unacknowledged."""

import asyncio
import logging
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from connectors.bus.cluster import Cluster, refused, unreachable
from connectors.bus.records import Outgoing
from connectors.bus.stage import WorkerStop

log = logging.getLogger(__name__)


class KafkaPublisher:
    """One producer for a process. All its workers share it, so that their records share requests."""

    def __init__(self, cluster: Cluster, *, client_id: str, give_up_after_s: float = 60.0) -> None:
        self._cluster = cluster
        self._client_id = client_id
        self._give_up_after_s = give_up_after_s
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            Transient: no broker answers.
        """
        producer = AIOKafkaProducer(
            **self._cluster.client_options(self._client_id),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=131_072,
            max_request_size=2_097_152 + 65_536,
            request_timeout_ms=20_000,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise await unreachable(self._cluster, error) from error
        self._producer = producer

    async def stop(self) -> None:
        """Send what is buffered, for at most three seconds, and disconnect."""
        if self._producer is None:
            return
        try:
            await asyncio.wait_for(self._producer.stop(), 3)
        except (TimeoutError, KafkaError, asyncio.CancelledError):
            log.warning(
                "producer of %s did not stop in 3 s; unacknowledged records are repeated by their readers",
                self._client_id,
            )
        self._producer = None

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write ``records`` and wait for every acknowledgement.

        Raises:
            WorkerStop: a record can never be written, or none could for too long.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._give_up_after_s
        pause = 0.05
        waiting = list(records)
        while True:
            waiting = await self._try(waiting)
            if not waiting:
                return
            if loop.time() > deadline:
                raise WorkerStop(f"{len(waiting)} records unacknowledged after {self._give_up_after_s:.0f} s")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _try(self, records: Sequence[Outgoing]) -> list[Outgoing]:
        """Send once; return those that were not acknowledged, in their order."""
        if self._producer is None:
            raise WorkerStop("the producer is closed")
        sent: list[asyncio.Future[object] | BaseException] = []
        for record in records:
            try:
                sent.append(
                    await self._producer.send(
                        record.topic, record.value, record.key, record.partition, headers=record.headers
                    )
                )
            except MessageSizeTooLargeError as error:
                raise WorkerStop(f"a record for {record.topic} is larger than a request may be: {error}") from error
            except KafkaError as error:
                sent.append(error)
        results = await asyncio.gather(
            *(item for item in sent if isinstance(item, asyncio.Future)), return_exceptions=True
        )
        answered = iter(results)
        failed: list[Outgoing] = []
        for record, item in zip(records, sent, strict=True):
            result = next(answered) if isinstance(item, asyncio.Future) else item
            if isinstance(result, asyncio.CancelledError | KafkaError):
                failed.append(record)
                self._raise_if_final(record, result)
            elif isinstance(result, BaseException):
                raise result
        return failed

    def _raise_if_final(self, record: Outgoing, error: BaseException) -> None:
        if forbidden := refused(self._cluster, error, record.topic):
            raise WorkerStop(str(forbidden)) from error
        if isinstance(error, MessageSizeTooLargeError):
            raise WorkerStop(f"{record.topic} refuses a record of {len(record.value or b'')} bytes: {error}")
        if isinstance(error, KafkaError) and not error.retriable and not isinstance(error, asyncio.CancelledError):
            raise WorkerStop(f"{record.topic} refuses a record: {type(error).__name__}: {error}")
