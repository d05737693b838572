"""The tickets processor without a broker: what it writes for a few commands."""

from datetime import timedelta
from uuid import UUID

from processors.tickets.agent import wire
from processors.tickets.config import Policy
from schemas.devices import Device
from schemas.tickets import MoveEvidence, MoveTicket, SubmitIntake
from tests.support.driver import Driver
from tests.support.vault import NO_PLACE, vault_in

TICKET, OTHER = "T-1001", "T-1002"


def intake(ticket_id: str) -> SubmitIntake:
    return SubmitIntake(
        ticket_id=ticket_id,
        customer_id="C-1001",
        device=Device(category="laptop", brand="Lumen", lock_state="unlocked"),
        complaint="Does not charge any more.",
        no_photos_reason="remote_estimate",
        channel="phone",
        consent_version="2026-01",
    )


def triage(ticket_id: str, fault_family: str | None = None) -> MoveTicket:
    return MoveTicket(
        ticket_id=ticket_id,
        to="triage",
        reason="intake_done",
        actor="flow",
        evidence=MoveEvidence(bin="shelf", fault_family=fault_family),
    )


async def two_tickets(fault_family: str | None = None) -> Driver:
    """Return a driver that opened two tickets and moved the first; its log holds four records of it."""
    driver = Driver(lambda app: wire(app, Policy(), vault_in(NO_PLACE)), "tickets")
    await driver.pipe(intake(TICKET), id=UUID(int=1), correlation_id=TICKET)
    driver.clock.advance(timedelta(seconds=1))
    await driver.pipe(triage(TICKET, fault_family), id=UUID(int=2), correlation_id=TICKET)
    await driver.pipe(intake(OTHER), id=UUID(int=3), correlation_id=OTHER)
    return driver
