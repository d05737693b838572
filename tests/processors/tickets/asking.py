"""Asking a ticket for changes, and what it says."""

from typing import Any

from processors.tickets.decide import decide
from processors.tickets.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Event, Message
from schemas.core.outcome import Emit
from schemas.devices import Device
from schemas.ticket_facets import (
    RecordPayment,
    TicketRequestRefused,
)
from schemas.ticket_parts import PaymentRecord, TicketDevice
from schemas.tickets import TicketView
from tests.processors.tickets.builders import NOW, POLICY, TICKET, ticket

OTHER, NEW = "T-0002-abcd", "T-0003-abcd"
PHONE = Device(category="mobile", brand="Norden", imei="490154203237518")
BLOB = BlobRef(bucket="images", key="a", sha256="0" * 64, size_bytes=1, media_type="image/jpeg")


def asks(kind: Any, /, **fields: Any) -> Any:
    given = {"ticket_id": TICKET, "actor": "ann", **fields}
    if "reason" in kind.model_fields:
        given.setdefault("reason", "test")
    return kind(**given)


def said(command: Message, view: TicketView | None, now: Any = NOW) -> list[Message]:
    outcome = decide(command, view, now, POLICY)
    assert isinstance(outcome, Emit), outcome
    return list(outcome.messages)


def after(view: TicketView, *commands: Message, now: Any = NOW) -> TicketView:
    """Return the ticket after commands that are all granted."""
    for command in commands:
        version = view.version
        for message in said(command, view, now):
            assert not isinstance(message, TicketRequestRefused), message.detail
            if isinstance(message, Event):
                folded = evolve(view, message)
                assert folded is not None
                view = folded
        assert view.version > version
    return view


def guard(command: Message, view: TicketView, now: Any = NOW) -> str:
    [refused] = said(command, view, now)
    assert isinstance(refused, TicketRequestRefused)
    assert evolve(view, refused) == view
    assert refused.detail.endswith(".")
    return refused.guard


def pay(kind: str, amount_cents: int, reference: str = "till-1", currency: str = "EUR") -> RecordPayment:
    paid = {"kind": kind, "amount_cents": amount_cents, "reference": reference, "currency": currency}
    return asks(RecordPayment, paid=PaymentRecord.model_validate(paid))


def two_devices(state: Any = "received", **changes: Any) -> TicketView:
    first = ticket().device
    devices = (TicketDevice(number=1, device=first), TicketDevice(number=2, device=PHONE))
    return ticket(state, devices=devices, **changes)
