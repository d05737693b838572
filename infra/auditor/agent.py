"""The auditor on the log: every command, event and dead letter into a signed checkpoint."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid5

from aiokafka import TopicPartition

from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.ledger import Ledger
from connectors.bus.records import Fetched, command_record
from connectors.bus.stage import WorkerStop
from infra.auditor.chain import digest, head_hash, place_of, seal
from infra.auditor.heads import read_heads
from infra.auditor.keys import SigningKey
from schemas.audit import CheckpointHead, CheckpointSealed, CheckpointView
from schemas.core.envelope import NAMESPACE
from topics.registry import AUDITED

AUDITOR = "auditor"
GATHER_S = 2.0
"""How long a checkpoint waits for more records, at most: a rebalance waits for it, four seconds and no more."""
FULL = 400
"""So many records are sealed without waiting."""


@dataclass(slots=True)
class _Chain:
    """The newest checkpoint of a place, as of one assignment: the ledger is new with each."""

    ledger: Ledger | None
    head: CheckpointHead | None


class Auditor:
    """Seals fetched batches. The commit of a batch follows its checkpoint, so a kill seals nothing twice."""

    def __init__(self, app: App, cluster: Cluster, key: SigningKey, gather_s: float) -> None:
        self._app, self._cluster, self._key, self._gather_s = app, cluster, key, gather_s
        self._chains: dict[TopicPartition, _Chain] = {}
        self._loading = asyncio.Lock()

    async def take(self, records: Sequence[Fetched]) -> None:
        """Seal one batch of one partition and wait until its checkpoint is in the log."""
        tp = TopicPartition(records[0].topic, records[0].partition)
        chain = await self._chain(tp)
        before = chain.head
        fresh = [one for one in records if before is None or one.offset >= before.next_offset]
        if not fresh:
            return  # sealed by a worker that was killed before its commit
        if len(fresh) < FULL and self._gather_s:
            # All partitions end their wait at the same beat, so that their checkpoints share requests.
            await self._app.sleep(self._gather_s - asyncio.get_running_loop().time() % self._gather_s)
        place = place_of(*tp)
        stamps = [one.timestamp_ms for one in fresh]
        digests = {one.offset: digest(one) for one in fresh}
        checkpoint = seal(place, before, digests, (min(stamps), max(stamps)), self._app.wall_clock.now(), self._key)
        await self._write(checkpoint)
        chain.head = checkpoint.head

    async def _write(self, checkpoint: CheckpointSealed) -> None:
        """The checkpoint first, then the view of it, from which the next worker goes on."""
        now, place = checkpoint.head.sealed_at, checkpoint.place
        for message in (checkpoint, CheckpointView(place=place, head=checkpoint.head)):
            message_id = uuid5(NAMESPACE, f"{message.TYPE}/{head_hash(checkpoint.head)}")
            record = command_record(message, source=AUDITOR, now=now, correlation_id=place, message_id=message_id)
            await self._app.publish([record])

    async def _chain(self, tp: TopicPartition) -> _Chain:
        """Return where the chain of a partition stands; after an assignment, what the log says of all partitions."""
        assert self._app.engine is not None
        async with self._loading:
            ledgers = self._app.engine.ledgers()
            if tp not in ledgers:
                raise WorkerStop(f"{tp.topic}/{tp.partition} was taken away")
            known = self._chains.get(tp)
            if known is None or known.ledger is not ledgers[tp]:
                heads = await read_heads(self._cluster)
                self._chains = {one: _Chain(ledger, heads.get(place_of(*one))) for one, ledger in ledgers.items()}
            return self._chains[tp]


def wire(app: App, cluster: Cluster, key: SigningKey, *, gather_s: float = GATHER_S) -> None:
    """Seal everything but views and the seals themselves. Importing this module registers nothing."""
    auditor = Auditor(app, cluster, key, gather_s)

    @app.sink(*AUDITED)
    async def seal_records(records: Sequence[Fetched]) -> None:
        await auditor.take(records)
