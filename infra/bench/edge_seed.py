"""Tickets for a benchmark, written to the log as their owner would: events first, then the view."""

import random
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from uuid import UUID, uuid5

from connectors.bus.aggregate import Held
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Outgoing, record_of
from connectors.clock.clock import SystemClock
from infra.demo.complaints import COMPLAINTS
from infra.settings import Settings
from processors.tickets.lifecycle import WAYS
from processors.tickets.state import evolve_one
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.message import Event
from schemas.devices import Device
from schemas.tickets import MoveEvidence, TicketMoved, TicketOpened, TicketState, TicketView
from topics.tickets import TICKET_EVENTS, TICKET_VIEWS

AT_ONCE = 500
"""Tickets in one acknowledged write."""
_SHARES: dict[TicketState, int] = {
    "collected": 66, "cancelled": 4, "received": 6, "triage": 2, "diagnosing": 3, "quoted": 4, "awaiting_parts": 4,
    "queued": 3, "repairing": 3, "qc": 1, "ready": 4,
}  # fmt: skip
"""Of a hundred tickets of a shop that keeps its old ones: most are over, some stand in every part of the house."""


def ticket_id_of(seed: int, number: int) -> str:
    """Return the id of a seeded ticket."""
    return f"T-{uuid5(NAMESPACE, f'bench/edge/{seed}/{number}')}"


def state_of(seed: int, number: int) -> TicketState:
    """Return the state that a seeded ticket is in."""
    drawn = random.Random(f"{seed}/state/{number}")  # noqa: S311 - a bench is to be repeatable
    return drawn.choices(list(_SHARES), list(_SHARES.values()))[0]


async def seed_tickets(settings: Settings, tickets: int, seed: int) -> int:
    """Write ``tickets`` histories; returns how many records that were."""
    publisher = KafkaPublisher(settings.cluster(), client_id="noizylab-bench-seed")
    await publisher.start()
    now, written = SystemClock().now(), 0
    numbers = iter(range(tickets))
    try:
        while batch := list(islice(numbers, AT_ONCE)):
            histories = [history(seed, number, now) for number in batch]
            for records in zip(*histories, strict=True):
                flat = [record for part in records for record in part]
                await publisher.publish(flat)
                written += len(flat)
    finally:
        await publisher.stop()
    return written


def history(seed: int, number: int, now: datetime) -> tuple[list[Outgoing], list[Outgoing]]:
    """Return the records of a ticket: its events, and its view."""
    ticket_id = ticket_id_of(seed, number)
    view: TicketView | None = None
    events, cause = [], UUID(int=0)
    for event in _events(seed, number, now):
        view = evolve_one(ticket_id, view, event)
        cause = uuid5(NAMESPACE, f"{ticket_id}/{view.version}/cause")
        events.append(record_of(event, TICKET_EVENTS.name, _envelope(event, view.version, view.moved_at, cause)))
    assert view is not None
    envelope = _envelope(view, view.version, view.moved_at, cause)
    value = Held(view, view.version, (cause,)).to_value()
    return events, [Outgoing(TICKET_VIEWS.name, ticket_id.encode(), value, envelope.to_headers())]


def _envelope(message: Event | TicketView, version: int, at: datetime, cause: UUID) -> Envelope:
    ticket_id = str(message.ticket_id)  # type: ignore[union-attr]  # every event of this file has one
    return Envelope(
        id=uuid5(NAMESPACE, f"{ticket_id}/{version}/{message.TYPE}"),
        source="/noizylab/tickets",
        type=message.TYPE,
        subject=ticket_id,
        time=at,
        recorded_time=at,
        correlation_id=ticket_id,
        causation_id=cause,
    )


def _events(seed: int, number: int, now: datetime) -> Iterator[Event]:
    drawn = random.Random(f"{seed}/{number}")  # noqa: S311 - see above
    ticket_id, told = ticket_id_of(seed, number), COMPLAINTS[drawn.randrange(len(COMPLAINTS))]
    opened_at = now - timedelta(seconds=drawn.randrange(3600, 400 * 86_400))
    yield TicketOpened(
        ticket_id=ticket_id,
        customer_id=f"C-{drawn.randrange(20_000):05}",
        state="received",
        device=Device(
            category=told.category,
            brand=told.brand,
            model=f"{told.category[:2].upper()}{drawn.randrange(300)}",
            serial=f"SN{drawn.randrange(10**9):09}",
        ),
        complaint=f"{told.text} ({drawn.choice(('since', 'after', 'before'))} {drawn.randrange(1, 400)})",
        language=told.language,
        no_photos_reason="remote_estimate",
        channel="phone",
        consent_version="2026-01",
        opened_at=opened_at,
    )
    path = _path("received", state_of(seed, number))
    moments = sorted(drawn.uniform(0, 1) for _ in path)
    for version, (source, target, moment) in enumerate(zip(("received", *path), path, moments, strict=False), start=2):
        yield TicketMoved(
            ticket_id=ticket_id,
            from_state=source,
            to_state=target,
            reason="bench",
            actor="bench",
            evidence=MoveEvidence(quote_hash="ab" * 32, quote_total_cents=drawn.randrange(3_000, 60_000))
            if target == "quoted"
            else MoveEvidence(),
            version=version,
            moved_at=opened_at + (now - opened_at) * moment,
        )


@cache
def _path(source: TicketState, target: TicketState) -> tuple[TicketState, ...]:
    """Return the states on a shortest way of the life cycle through the customer's answer, where there is one."""
    if target in ("collected", "ready", "queued", "awaiting_parts", "repairing", "qc"):
        return (*_shortest(source, "approved"), *_shortest("approved", target))
    return _shortest(source, target)


def _shortest(source: TicketState, target: TicketState) -> tuple[TicketState, ...]:
    ways: deque[tuple[TicketState, ...]] = deque([(source,)])
    seen = {source}
    while ways:
        way = ways.popleft()
        if way[-1] == target:
            return way[1:]
        for start, end in WAYS:
            if start == way[-1] and end not in seen:
                seen.add(end)
                ways.append((*way, end))
    raise ValueError(f"no way of the life cycle leads from {source} to {target}")
