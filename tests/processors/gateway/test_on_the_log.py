"""The read model and the commands on a real log, over the Kafka protocol."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.bus.admin import apply_topics
from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, record_of
from connectors.clock.clock import SettableClock
from infra.broker import Broker, BrokerConfig
from processors.gateway.commands import Caller
from processors.gateway.config import Policy
from processors.gateway.edge.idempotency import Claim, Claims
from processors.gateway.edge.problems import Problem
from processors.gateway.edge.sealing import Answer
from processors.gateway.views import ReadModel
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from schemas.tickets import TicketMoved, TicketView
from tests.processors.gateway.world import NOW, TICKET, ticket_view
from topics.registry import ALL, topic_of
from topics.tickets import TICKET_VIEWS


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    broker = Broker(BrokerConfig(path=tmp_path / "bus.db", port=0))
    await broker.start()
    yield Cluster(f"127.0.0.1:{broker.port}")
    await broker.stop()


@pytest.fixture
async def publisher(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    opened = KafkaPublisher(cluster, client_id="test")
    await opened.start()
    yield opened
    await opened.stop()


def _record(message: Message, cause: Envelope) -> Outgoing:
    envelope = Envelope(uuid4(), "/noizylab/test", message.TYPE, TICKET, NOW, NOW, TICKET, causation_id=cause.id)
    record = record_of(message, topic_of(message.TYPE).name, envelope)
    if isinstance(message, View):
        return Outgoing(record.topic, record.key, Held(message, 1, (cause.id,)).to_value(), record.headers)
    return record


async def test_folds_what_was_in_the_log_then_follows_it(cluster: Cluster, publisher: KafkaPublisher) -> None:
    before, after = (
        Envelope(uuid4(), "/noizylab/test", "noizylab.ticket.move.v1", TICKET, NOW, NOW, TICKET) for _ in range(2)
    )
    moved = TicketMoved(
        ticket_id=TICKET, from_state="received", to_state="triage", reason="r", actor="a", version=2, moved_at=NOW
    )
    model = ReadModel()
    await model.start(cluster)
    async with asyncio.timeout(20):
        while "do not exist yet" not in (model.failure or ""):
            await asyncio.sleep(0.01)
        await apply_topics(cluster, ALL, replicas=1)
        await publisher.publish([_record(moved, before), _record(ticket_view(), before)])
        await model.wait_ready()
        assert model.ready
        assert model.view(TICKET_VIEWS, TICKET, TicketView) == ticket_view()
        assert await model.outcome_of(before.id, 0, (TicketMoved,)) is not None
        asking = asyncio.create_task(model.outcome_of(after.id, 10, (TicketMoved,)))
        settling = asyncio.create_task(model.settled(TICKET_VIEWS, TICKET, after.id, 10))
        await publisher.publish([_record(moved, after), _record(ticket_view(state="triage"), after)])
        assert await asking is not None
        assert await settling
    assert len(model.timelines.of(TICKET)) == 2
    await model.stop()
    assert not model.ready
    assert model.unreadable == 0


async def test_of_two_gateways_on_one_log_one_answers_and_the_other_repeats_it(
    cluster: Cluster, publisher: KafkaPublisher
) -> None:
    await apply_topics(cluster, ALL, replicas=1)
    clock, policy = SettableClock(NOW), Policy()
    models = [ReadModel(), ReadModel()]
    async with asyncio.timeout(30):
        for model in models:
            await model.start(cluster)
            await model.wait_ready()
        caller = Caller("api_key", "k1")
        one, other = (Claims(publisher, model, clock, policy, b"s" * 32) for model in models)
        claims = await asyncio.gather(one.claim(caller, "a"), other.claim(caller, "a"), return_exceptions=True)
        [won] = [claim for claim in claims if isinstance(claim, Claim)]
        [lost] = [claim for claim in claims if isinstance(claim, Problem)]
        assert (won.verdict.won, lost.code) == (True, "idempotency_key_in_use")
        answer = Answer(201, (("location", "/x"),), b"{}")
        await one.close(won, answer)
        repeated = await other.claim(caller, "a")
        assert repeated.verdict.sealed is not None
        assert repeated.seal.open(repeated.verdict.sealed) == answer
        assert await one.once("socket", "n1")
        assert not await other.once("socket", "n1")
        assert [model.lag for model in models] == [0, 0]
    for model in models:
        await model.stop()
