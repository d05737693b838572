"""The judge of the analytics kills sees what is lost, what is double, and which view is wrong."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.bench.analytics_judge import PLAIN_SUMS, judge
from infra.bench.analytics_kill import is_exact
from infra.bench.warehouse_log import EVENTS_A_TICKET, tickets
from infra.bench.warehouse_stand import Stand, running_stand

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
TICKETS = 20
WRITTEN = (
    "event_id, event_type, source, subject, correlation_id, causation_id, event_ts, recorded_ts, k_topic, "
    "k_partition, k_offset, payload"
)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with running_stand(tmp_path) as running:
        for statement in PLAIN_SUMS:
            await running.warehouse.command(statement)
        made = tickets(TICKETS, 1, datetime.now(UTC))
        await running.publish([record for ticket in made for record in (*ticket.events, ticket.view)])
        await running.start_sink()
        async with asyncio.timeout(60):
            while (
                await running.count() < TICKETS * EVENTS_A_TICKET or await running.count("ticket_snapshots") < TICKETS
            ):
                await asyncio.sleep(0.05)
        yield running


async def test_sink_satisfies_the_judge_who_finds_what_is_lost_doubled_or_wrong(stand: Stand) -> None:
    rows = TICKETS * EVENTS_A_TICKET
    judged = await judge(stand.cluster, stand.warehouse)
    assert (judged.rows, judged.missing, judged.double, judged.differing) == (rows, 0, 0, [])

    one = "SELECT k_topic, k_partition, k_offset FROM events ORDER BY 1, 2, 3 LIMIT 1"
    twice = f"SELECT {WRITTEN} FROM events WHERE (k_topic, k_partition, k_offset) IN ({one})"
    await stand.warehouse.command(f"INSERT INTO events ({WRITTEN}) {twice}")
    judged = await judge(stand.cluster, stand.warehouse)
    assert (judged.missing, judged.double, judged.differing) == (0, 1, ["plain_sums"])

    await stand.warehouse.command("TRUNCATE TABLE tickets")
    await stand.warehouse.command("TRUNCATE TABLE ticket_snapshots")
    await stand.warehouse.command("DELETE FROM events WHERE event_type = 'noizylab.ticket.opened.v1'")
    judged = await judge(stand.cluster, stand.warehouse)
    assert judged.missing == TICKETS
    assert judged.differing == ["plain_sums", "tickets", "ticket_snapshots"]


def test_result_is_exact_only_when_the_control_shows_that_the_judge_can_see() -> None:
    good = {"missing": 0, "double": 0, "views_equal": True}
    seen = {"missing": 0, "double": 5, "views_equal": False}
    assert is_exact(good)
    assert is_exact({**good, "control": seen})
    assert not is_exact({**good, "control": good})
    assert not is_exact({**good, "missing": 1})
    assert not is_exact({**good, "double": 1})
    assert not is_exact({**good, "views_equal": False})
