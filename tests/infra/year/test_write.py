"""A made-up year reaches the figures of an empty home, once, and nobody else acts on it."""

from datetime import date
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.errors import Misconfigured
from infra.bench.servers import embedded_broker, prepare
from infra.settings import read_settings
from infra.supervise import free_ports
from infra.year.write import pass_by, write_year
from infra.year.year import Plan, Year
from topics.registry import EVENTS
from topics.tickets import TICKET_EVENTS, TICKET_VIEWS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
PLAN = Plan(600, 5, date(2026, 11, 2))


async def test_a_year_is_written_once_into_an_empty_home(tmp_path: Path) -> None:
    broker, http, tcp = free_ports(3)
    ports = {"BROKER": broker, "CLICKHOUSE_HTTP": http, "CLICKHOUSE_TCP": tcp}
    named = {f"NOIZYLAB_{name}_PORT": str(port) for name, port in ports.items()}
    settings = read_settings(
        {"NOIZYLAB_HOME": str(tmp_path), "NOIZYLAB_METRICS_PORT": "0", "NOIZYLAB_BROKER_METRICS_PORT": "0", **named}
    )
    said: list[str] = []
    written = await write_year(settings, PLAN, said.append)
    assert written.events > 400
    assert said[-1] == f"waiting until the figures have {written.events} events"
    with pytest.raises(Misconfigured, match="has tickets already"):
        await write_year(settings, PLAN, said.append)


async def test_other_processors_begin_behind_what_was_written(tmp_path: Path) -> None:
    with embedded_broker(tmp_path / "broker") as (_, bootstrap):
        cluster = Cluster(bootstrap)
        await prepare(cluster, (*EVENTS, TICKET_VIEWS))
        publisher = KafkaPublisher(cluster, client_id="test")
        await publisher.start()
        await publisher.publish(list(Year(PLAN).records()))
        await publisher.stop()
        await pass_by(cluster, ["orchestrator"])
        consumer = AIOKafkaConsumer(group_id="noizylab.orchestrator", bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            partitions = [TopicPartition(TICKET_EVENTS.name, number) for number in range(TICKET_EVENTS.partitions)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            assert sum(ends.values()) > 100
            assert {one: await consumer.committed(one) for one in partitions} == ends
        finally:
            await consumer.stop()
