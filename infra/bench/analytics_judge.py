"""The judge of the analytics kills: the warehouse beside a recount of the log, which knows nothing of the sink."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any

import orjson

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from connectors.clickhouse.port import Warehouse
from schemas.core.envelope import Envelope
from topics.registry import EVENTS
from topics.tickets import TICKET_VIEWS

PLAIN_SUMS = (
    (
        "CREATE TABLE plain_sums (event_type LowCardinality(String), events UInt64, cents Int64) "
        "ENGINE = SummingMergeTree ORDER BY event_type SETTINGS non_replicated_deduplication_window = 10000"
    ),
    (
        "CREATE MATERIALIZED VIEW plain_sums_from_events TO plain_sums AS "
        "SELECT event_type, count() AS events, sum(amount_cents) AS cents FROM events GROUP BY event_type"
    ),
)
"""What cannot forgive a row that comes twice, beside the views of the schema, which can."""

PART_KINDS = {"noizylab.parts.reserved.v1": "reserved", "noizylab.parts.committed.v1": "used"}


@dataclass(frozen=True, slots=True)
class Judged:
    """``rows`` of the log that should be there; ``missing`` and ``double`` of them; names of what is ``differing``."""

    rows: int
    missing: int
    double: int
    differing: list[str]


@dataclass(slots=True)
class Day:
    """What one type of event left on one day: ids of events and tickets, each once, and money."""

    events: set[str] = field(default_factory=set)
    tickets: set[str] = field(default_factory=set)
    cents: int = 0


@dataclass(slots=True)
class Recount:
    """What the log says: places of events, and what each view should hold of them."""

    places: set[tuple[str, int, int]] = field(default_factory=set)
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    daily: dict[tuple[str, date, str], Day] = field(default_factory=dict)
    states: dict[str, tuple[int, str]] = field(default_factory=dict)
    parts: Counter[tuple[str, date, str]] = field(default_factory=Counter)
    snapshots: dict[str, tuple[int, str]] = field(default_factory=dict)

    def take(self, record: Fetched) -> None:
        """Count one record of the log."""
        data = orjson.loads(record.value or b"{}")
        if record.topic == TICKET_VIEWS.name:
            newest = data["version"], data["state"]["state"]
            ticket = data["state"]["ticket_id"]
            self.snapshots[ticket] = max(newest, self.snapshots.get(ticket, newest))
            return
        envelope = Envelope.from_headers(record.headers)
        day, ticket, cents = envelope.time.astimezone(UTC).date(), data["ticket_id"], data.get("total_cents", 0)
        self.places.add((record.topic, record.partition, record.offset))
        count, total = self.sums.get(envelope.type, (0, 0))
        self.sums[envelope.type] = count + 1, total + cents
        currency = data.get("currency", "")
        of_day = self.daily.setdefault((envelope.type, day, currency), Day())
        of_day.cents += cents if currency and envelope.id_text not in of_day.events else 0
        of_day.events.add(envelope.id_text)
        of_day.tickets.add(ticket)
        if envelope.type in {"noizylab.ticket.opened.v1", "noizylab.ticket.moved.v1"}:
            state = data.get("version", 0), data.get("to_state", data.get("state"))
            self.states[ticket] = max(state, self.states.get(ticket, state))
        for line in data.get("lines", ()) if envelope.type in PART_KINDS else ():
            self.parts[line["sku"], day, PART_KINDS[envelope.type]] += line["quantity"]


async def judge(cluster: Cluster, warehouse: Warehouse) -> Judged:
    """Read the whole log and the whole warehouse, and compare them."""
    recount = Recount()
    async with LogReader(cluster, "bench-judge") as reader:
        tps = await reader.partitions([topic.name for topic in (*EVENTS, TICKET_VIEWS)])
        async for record in reader.to_end(tps):
            recount.take(record)
    stored = await _places(warehouse)
    missing = len(recount.places - stored.keys()) + len(stored.keys() - recount.places)
    double = sum(count - 1 for count in stored.values())
    pairs = await _views(warehouse, recount)
    differing = [name for name, (found, said) in pairs.items() if found != said]
    return Judged(len(recount.places), missing, double, differing)


async def _places(warehouse: Warehouse) -> Counter[tuple[str, int, int]]:
    asked = "SELECT k_topic, k_partition, groupArray(k_offset) AS offsets FROM events GROUP BY ALL"
    rows = await warehouse.query(asked)
    return Counter((row["k_topic"], row["k_partition"], offset) for row in rows for offset in row["offsets"])


async def _views(warehouse: Warehouse, recount: Recount) -> dict[str, tuple[Any, Any]]:
    """Return what each view holds beside what the log says."""

    async def rows(sql: str) -> dict[Hashable, Any]:
        found = {}
        for row in await warehouse.query(sql):
            key, *rest = row.values()
            found[key] = tuple(rest)
        return found

    return {
        "plain_sums": (
            await rows("SELECT event_type, sum(events), sum(cents) FROM plain_sums GROUP BY event_type"),
            recount.sums,
        ),
        "kpi_daily": (
            await rows("SELECT (event_type, day, currency), events, tickets, amount_cents FROM v_kpi_daily"),
            {key: (len(day.events), len(day.tickets), day.cents) for key, day in recount.daily.items()},
        ),
        "tickets": (await rows("SELECT ticket_id, version, state FROM v_tickets"), recount.states),
        "parts_daily": (
            await rows("SELECT (sku, day, kind), pieces FROM v_parts_daily"),
            {key: (pieces,) for key, pieces in recount.parts.items()},
        ),
        "ticket_snapshots": (
            await rows("SELECT ticket_id, version, state FROM v_ticket_snapshots"),
            recount.snapshots,
        ),
    }
