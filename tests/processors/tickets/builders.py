"""Small builders of tickets, so that a test names only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from processors.tickets.config import Policy
from schemas.core.blob_ref import BlobRef
from schemas.devices import Device
from schemas.tickets import MoveEvidence, MoveTicket, SubmitIntake, TicketState, TicketView

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
POLICY = Policy()
TICKET = "T-0001-abcd"
HASH, OTHER_HASH = "a" * 64, "b" * 64


def photos(count: int) -> tuple[BlobRef, ...]:
    return tuple(
        BlobRef(bucket="photos", key=f"{TICKET}/{n}.jpg", sha256=f"{n:064x}", size_bytes=10, media_type="image/jpeg")
        for n in range(count)
    )


def intake(**changes: Any) -> SubmitIntake:
    fields: dict[str, Any] = {
        "ticket_id": TICKET,
        "customer_id": "C-0001",
        "device": Device(category="laptop", brand="Acme", model="14"),
        "complaint": "Does not switch on.",
        "photos": photos(2),
        "channel": "kiosk",
        "consent_version": "2026-01",
    }
    return SubmitIntake(**fields | changes)


def ticket(state: TicketState = "received", **changes: Any) -> TicketView:
    fields: dict[str, Any] = {
        "ticket_id": TICKET,
        "customer_id": "C-0001",
        "state": state,
        "device": Device(category="laptop", brand="Acme", model="14"),
        "complaint": "Does not switch on.",
        "photos": photos(2),
        "channel": "kiosk",
        "version": 1,
        "opened_at": NOW,
        "moved_at": NOW,
    }
    return TicketView(**fields | changes)


def move(to: TicketState, **evidence: Any) -> MoveTicket:
    return MoveTicket(ticket_id=TICKET, to=to, reason="test", actor="ann", evidence=MoveEvidence(**evidence))
