"""The log told for people: each event of a repair as one line."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from processors.gateway.summaries import summarize
from schemas.core.envelope import Envelope, EnvelopeError
from topics.registry import EVENTS, VIEWS

_RANK = {topic.name: number for number, topic in enumerate(EVENTS)}
QUIET = {"noizylab.flow.advanced.v1"}
"""Events that tell a person nothing that another event does not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of a ticket."""

    id: UUID
    type: str
    ticket_id: str
    at: datetime
    rank: int
    writer: str
    summary: str

    @property
    def order(self) -> tuple[datetime, int]:
        """Events of one cause share their time: the order of the topics then tells what came first."""
        return self.at, self.rank

    def line(self, *, with_ticket: bool = True) -> str:
        """Return the event as a line of a timeline; times are local."""
        ticket = f"{short(self.ticket_id):<9}" if with_ticket else ""
        return f"{self.at.astimezone():%H:%M:%S.%f}"[:-3] + f"  {ticket}{self.writer:<13}{self.summary}"


@dataclass(frozen=True, slots=True)
class TicketStory:
    """A ticket's views in words, and its events."""

    facts: dict[str, str]
    lines: list[str]


def short(ticket_id: str) -> str:
    """Return the last characters of a ticket id: enough to tell the tickets of a day apart."""
    return f"T-{ticket_id[-6:]}"


def is_ticket(ticket_id: str, wanted: str) -> bool:
    """Whether ``wanted`` names the ticket: its whole id, or the short form that timelines show."""
    return wanted in (ticket_id, short(ticket_id))


def entry_of(record: Fetched) -> Entry | None:
    """Return the event of a record; None for what is no event of a ticket."""
    try:
        envelope = Envelope.from_headers(record.headers)
        data = orjson.loads(record.value or b"")
    except (EnvelopeError, orjson.JSONDecodeError):
        return None
    ticket_id = data.get("ticket_id") if isinstance(data, dict) else None
    if not isinstance(ticket_id, str):
        return None
    writer = envelope.source.rpartition("/")[2]
    summary = summarize(envelope.type, data)
    return Entry(
        envelope.id, envelope.type, ticket_id, envelope.time, _RANK.get(record.topic, len(_RANK)), writer, summary
    )


async def follow_events(cluster: Cluster, *, from_start: bool) -> AsyncIterator[Entry]:
    """Yield the events of all tickets for ever, each once."""
    seen: set[UUID] = set()
    async with LogReader(cluster, "noizylab-watch") as reader:
        tps = await reader.partitions([topic.name for topic in EVENTS])
        async for batch in reader.follow(tps, from_start=from_start):
            entries = [entry for record in batch if (entry := entry_of(record)) is not None]
            for entry in sorted(entries, key=lambda one: one.order):
                if entry.id not in seen and entry.type not in QUIET:
                    seen.add(entry.id)
                    yield entry


async def read_ticket(cluster: Cluster, ticket_id: str) -> TicketStory | None:
    """Return the story of one ticket up to now; None when the log does not know it."""
    entries: dict[UUID, Entry] = {}
    async with LogReader(cluster, "noizylab-ticket") as reader:
        tps = await reader.partitions([topic.name for topic in EVENTS])
        async for record in reader.to_end(tps):
            entry = entry_of(record)
            if entry is not None and is_ticket(entry.ticket_id, ticket_id) and entry.type not in QUIET:
                entries.setdefault(entry.id, entry)
    if not entries:
        return None
    facts = {"ticket": next(iter(entries.values())).ticket_id}
    async with LogReader(cluster, "noizylab-ticket") as reader:
        async for record in reader.to_end(await reader.partitions([topic.name for topic in VIEWS])):
            if record.key == facts["ticket"].encode() and record.value is not None:
                facts |= _facts(record)
    ordered = sorted(entries.values(), key=lambda one: one.order)
    return TicketStory(facts, [entry.line(with_ticket=False) for entry in ordered])


def _facts(record: Fetched) -> dict[str, str]:
    state = orjson.loads(record.value or b"{}").get("state", {})
    name = record.topic.split(".")[0]
    if name == "tickets":
        return {"state": state["state"], "device": f"{state['device']['brand']} {state['device']['category']}".strip()}
    if name == "workflow":
        return {"flow": state["status"], "open tasks": ", ".join(task["name"] for task in state["tasks"]) or "none"}
    return {name.rstrip("s"): state["status"]} if "status" in state else {}
