"""The publisher on Kafka: acks from all in-sync replicas, idempotent, and in order whatever fails on the way.

Each partition is a lane with at most one unacknowledged batch; the next goes when that one is stored. So a record is
never stored before one of the same key that was to go first, also when a broker fails in between. What piles up
while a batch is under way, from all workers of the process, goes together in the next one: batching without waiting.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
)
from aiokafka.partitioner import murmur2

from connectors.bus.cluster import Cluster, refused, unreachable
from connectors.bus.records import Outgoing
from connectors.bus.stage import WorkerStop

log = logging.getLogger(__name__)

T = TypeVar("T")

MAX_BATCH_BYTES = 131_072
FIRST_RETRY_S, LONGEST_RETRY_S = 0.05, 2.0
SESSION_ERRORS = (OutOfOrderSequenceNumber, InvalidProducerEpoch, ProducerFenced, ProducerClosed)
"""The broker and this producer do not agree on what was sent: a new producer starts a new session."""

hash_of = lru_cache(65_536)(murmur2)
"""The hash that lets every Kafka client find the same partition for a key; in Python, and so worth remembering."""


@dataclass(slots=True, eq=False)
class _Share:
    """The records of one publish call for one partition. ``stored`` of them are acknowledged."""

    records: list[Outgoing]
    done: asyncio.Future[None]
    stored: int = 0

    def acknowledge(self, count: int) -> None:
        self.stored += count
        if self.stored == len(self.records) and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class _Session:
    """A producer, and a future that is done when it will answer no more: what it then has in hand is lost."""

    producer: Any
    gone: asyncio.Future[None]

    async def answer(self, asked: Awaitable[T]) -> T:
        """Return what the producer answers. Once it is closed it may never do so: that is an error as well.

        Raises:
            KafkaError: what the producer met, ``ProducerClosed`` when it will not answer.
        """
        answer = asyncio.ensure_future(asked)
        waiting: list[asyncio.Future[Any]] = [answer, self.gone]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        # Cancelled means that the producer was closed under way: a failure, not the end of this task.
        if not answer.done() or answer.cancelled():
            answer.cancel()
            raise ProducerClosed
        return answer.result()


@dataclass(slots=True, eq=False)
class _Lane:
    """One partition and what waits for it, in order."""

    topic: str
    partition: int
    waiting: deque[_Share] = field(default_factory=deque)
    sending: asyncio.Task[None] | None = None


class KafkaPublisher:
    """One producer for a process. All its workers share it, so that their records share requests."""

    def __init__(self, cluster: Cluster, *, client_id: str, give_up_after_s: float = 60.0) -> None:
        self._cluster = cluster
        self._client_id = client_id
        self._give_up_after_s = give_up_after_s
        self._session: _Session | None = None
        self._counts: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._renewing = asyncio.Lock()
        self.batches = 0

    async def start(self) -> None:
        """Connect.

        Raises:
            Transient: no broker answers.
            Misconfigured: it refuses the login or speaks no TLS that is trusted.
        """
        try:
            self._session = await self._connect()
        except KafkaError as error:
            raise await unreachable(self._cluster, error) from error

    async def stop(self) -> None:
        """Send what is buffered, for at most three seconds, and disconnect."""
        session, self._session = self._session, None
        if session is not None:
            await self._disconnect(session)
        for lane in self._lanes.values():
            if lane.sending is not None:
                lane.sending.cancel()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Write ``records`` and wait for every acknowledgement. Those of one partition arrive in their order.

        A cancelled call takes back what is not under way yet.

        Raises:
            WorkerStop: a record can never be written, or not all could be in time.
        """
        shares: list[_Share] = []
        try:
            async with asyncio.timeout(self._give_up_after_s):
                await self._enqueue(records, shares)
                for share in shares:
                    await share.done
        except TimeoutError as error:
            left = len(records) - sum(share.stored for share in shares)
            raise WorkerStop(f"{left} records unacknowledged after {self._give_up_after_s:.0f} s") from error
        finally:
            for share in shares:
                # One that has failed beside the first failure has nobody else to tell; the others are taken back.
                if not share.done.cancel() and not share.done.cancelled():
                    share.done.exception()

    async def _enqueue(self, records: Sequence[Outgoing], shares: list[_Share]) -> None:
        loop = asyncio.get_running_loop()
        counts = {topic: await self._partitions(topic) for topic in {record.topic for record in records}}
        found: dict[tuple[str, int], _Share] = {}
        for record in records:
            if record.partition is None:
                where = (record.topic, (hash_of(record.key) & 0x7FFFFFFF) % counts[record.topic])
            else:
                where = (record.topic, record.partition)
            share = found.get(where)
            if share is None:
                share = found[where] = _Share([], loop.create_future())
            share.records.append(record)
        for (topic, partition), share in found.items():
            shares.append(share)
            lane = self._lanes.get((topic, partition))
            if lane is None:
                lane = self._lanes[topic, partition] = _Lane(topic, partition)
            lane.waiting.append(share)
            if lane.sending is None:
                lane.sending = asyncio.create_task(self._send(lane), name=f"lane-{topic}/{partition}")

    async def _partitions(self, topic: str) -> int:
        pause = FIRST_RETRY_S
        while topic not in self._counts:
            if self._session is None:
                raise WorkerStop("the producer is closed")
            try:
                self._counts[topic] = len(await self._session.answer(self._session.producer.partitions_for(topic)))
            except KafkaError as error:
                if stop := _final(self._cluster, topic, error):
                    raise stop from error
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY_S)
        return self._counts[topic]

    async def _send(self, lane: _Lane) -> None:
        """Send what waits in a lane, batch after batch, until nothing does."""
        pause = FIRST_RETRY_S
        try:
            while parts := self._next(lane):
                error = await self._store(lane, parts)
                if error is None:
                    pause = FIRST_RETRY_S
                    for share, count in parts:
                        share.acknowledge(count)
                elif stop := _final(self._cluster, lane.topic, error):
                    _fail([share for share, _ in parts], stop)
                else:
                    log.warning("%s/%d: a batch failed, sending it again: %r", lane.topic, lane.partition, error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_RETRY_S)
        except asyncio.CancelledError:
            _fail(lane.waiting, WorkerStop("the producer is closed"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _fail(lane.waiting, error)
        finally:
            lane.sending = None

    def _next(self, lane: _Lane) -> list[tuple[_Share, int]]:
        """Return the shares that still wait, each with the number of its records that are left."""
        lane.waiting = deque(share for share in lane.waiting if not share.done.done())
        return [(share, len(share.records) - share.stored) for share in lane.waiting]

    async def _store(self, lane: _Lane, parts: list[tuple[_Share, int]]) -> BaseException | None:
        """Send one batch; cut ``parts`` to what it took; None when it is stored, else what went wrong."""
        session = self._session
        if session is None:
            return WorkerStop("the producer is closed")
        batch = session.producer.create_batch()
        _fill(batch, parts)
        self.batches += 1
        try:
            # An idempotent producer repeats a batch until it is stored: who published gives up, the lane does not.
            sent = session.producer.send_batch(batch, lane.topic, partition=lane.partition)
            await session.answer(await session.answer(sent))
        except KafkaError as error:
            failure: BaseException = error
            if isinstance(failure, SESSION_ERRORS):
                await self._renew(session)
            return failure
        return None

    async def _renew(self, broken: _Session) -> None:
        async with self._renewing:
            if self._session is not broken:
                return
            log.warning("%s: the session of the producer is broken, beginning a new one", self._client_id)
            await self._disconnect(broken)
            while self._session is broken:
                try:
                    fresh = await self._connect()
                except KafkaError:
                    await asyncio.sleep(LONGEST_RETRY_S)
                else:
                    self._session = fresh

    async def _connect(self) -> _Session:
        producer = self._make_producer()
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        return _Session(producer, asyncio.get_running_loop().create_future())

    def _make_producer(self) -> Any:
        return AIOKafkaProducer(
            **self._cluster.client_options(self._client_id),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=MAX_BATCH_BYTES,
            request_timeout_ms=20_000,
        )

    async def _disconnect(self, session: _Session) -> None:
        try:
            await asyncio.wait_for(session.producer.stop(), 3)
        except (TimeoutError, KafkaError, asyncio.CancelledError):
            log.warning(
                "producer of %s did not stop in 3 s; unacknowledged records are repeated by their readers",
                self._client_id,
            )
            # Without connections it can write nothing more, whatever it still holds.
            await session.producer.client.close()
        finally:
            session.gone.set_result(None)


def _fill(batch: Any, parts: list[tuple[_Share, int]]) -> None:
    """Put records into ``batch`` until it is full, and cut ``parts`` to what it took."""
    for index, (share, count) in enumerate(parts):
        for position in range(share.stored, share.stored + count):
            record = share.records[position]
            if batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers) is None:
                parts[index:] = [(share, position - share.stored)] if position > share.stored else []
                return


def _final(cluster: Cluster, topic: str, error: BaseException) -> WorkerStop | None:
    """Return the reason to give up, for an error that no repetition mends."""
    if isinstance(error, WorkerStop):
        return error
    if forbidden := refused(cluster, error, topic):
        return WorkerStop(str(forbidden))
    if isinstance(error, MessageSizeTooLargeError):
        return WorkerStop(f"{topic} refuses a record for its size: {error}")
    if isinstance(error, SESSION_ERRORS) or not isinstance(error, KafkaError) or error.retriable:
        return None
    return WorkerStop(f"{topic} cannot be written: {type(error).__name__}: {error}")


def _fail(shares: Sequence[_Share] | deque[_Share], reason: BaseException) -> None:
    for share in shares:
        if not share.done.done():
            share.done.set_exception(reason)
