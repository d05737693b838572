"""How events add up to a ticket."""

from typing import Any

import pytest

from processors.tickets.state import evolve, evolve_one, keys_of
from schemas.core.message import Event
from schemas.tickets import (
    IntakeRefused,
    MoveEvidence,
    TicketMoved,
    TicketMoveRefused,
    TicketOpened,
    TicketState,
    TicketView,
)
from tests.processors.tickets.builders import HASH, LATER, NOW, TICKET, intake, move, photos, ticket

OPENED = TicketOpened(
    ticket_id=TICKET,
    customer_id="C-0001",
    state="received",
    device=ticket().device,
    complaint="Does not switch on.",
    photos=photos(2),
    channel="kiosk",
    consent_version="2026-01",
    opened_at=NOW,
)
INTAKE_REFUSED = IntakeRefused(ticket_id=TICKET, reason="photos_missing", detail="x", refused_at=NOW)
MOVE_REFUSED = TicketMoveRefused(
    ticket_id=TICKET,
    from_state="received",
    to_state="ready",
    guard="no_transition",
    detail="x",
    actor="ann",
    refused_at=NOW,
)


def moved(source: TicketState, target: TicketState, version: int = 2, reason: str = "x", **known: Any) -> TicketMoved:
    return TicketMoved(
        ticket_id=TICKET,
        from_state=source,
        to_state=target,
        reason=reason,
        actor="ann",
        evidence=MoveEvidence(**known),
        version=version,
        moved_at=LATER,
    )


def after(view: TicketView, event: TicketMoved) -> TicketView:
    return evolve_one(TICKET, view, event)


def test_opened_ticket_starts_at_version_one_in_the_shop() -> None:
    view = evolve_one(TICKET, None, OPENED)
    assert (view.version, view.state, view.custody, view.opened_at) == (1, "received", "shop", NOW)
    assert view.photos == OPENED.photos


def test_refused_intake_belongs_to_no_ticket() -> None:
    assert keys_of(INTAKE_REFUSED) == ()
    assert evolve(None, INTAKE_REFUSED) is None
    for message in (intake(), move("triage"), OPENED, moved("received", "triage"), MOVE_REFUSED):
        assert keys_of(message) == (TICKET,)


@pytest.mark.parametrize("event", [OPENED, INTAKE_REFUSED, MOVE_REFUSED, moved("received", "triage", version=3)])
def test_event_that_does_not_fit_changes_nothing(event: Event) -> None:
    view = ticket("diagnosing")
    assert evolve(view, event) == view


def test_move_folded_twice_counts_once() -> None:
    once = after(ticket("received"), moved("received", "triage", bin="A-1"))
    assert evolve(once, moved("received", "triage", bin="B-2")) == once


def test_log_without_its_start_is_an_error() -> None:
    with pytest.raises(ValueError, match="before the ticket was opened"):
        evolve_one(TICKET, None, moved("received", "triage"))


@pytest.mark.parametrize(
    ("source", "target", "known", "facet", "value"),
    [
        ("quoted", "declined", {}, "outcome", "declined"),
        ("repairing", "declined", {"outcome": "unrepairable"}, "outcome", "unrepairable"),
        ("qc", "ready", {}, "outcome", "fixed"),
        ("qc", "ready", {"outcome": "partly"}, "outcome", "partly"),
        ("declined", "diagnosing", {}, "outcome", None),
        ("ready", "rework", {}, "outcome", None),
        ("ready", "collected", {"balance_cents": 0}, "payment", "paid"),
        ("ready", "collected", {"credit_terms": True}, "payment", "none"),
        ("queued", "outsourced", {}, "custody", "vendor"),
        ("outsourced", "qc", {}, "custody", "shop"),
        ("ready", "collected", {}, "custody", "customer"),
        ("ready", "disposed", {}, "custody", "vendor"),
        ("diagnosing", "quoted", {"quote_hash": HASH}, "quote_hash", HASH),
        ("diagnosing", "quoted", {"quote_hash": HASH, "quote_valid_until": LATER}, "quote_valid_until", LATER),
    ],
)
def test_facets_follow_the_move(
    source: TicketState, target: TicketState, known: dict[str, Any], facet: str, value: object
) -> None:
    view = after(
        ticket(source, outcome="declined" if source in ("declined", "ready") else None), moved(source, target, **known)
    )
    assert getattr(view, facet) == value


def test_paid_deposit_shows_as_payment() -> None:
    paid = moved("awaiting_deposit", "queued", reason="deposit_paid", deposit_required=False)
    assert after(ticket("awaiting_deposit"), paid).payment == "deposit"
    waived = moved("awaiting_deposit", "queued", reason="deposit_waived", deposit_required=False)
    assert after(ticket("awaiting_deposit"), waived).payment == "none"
