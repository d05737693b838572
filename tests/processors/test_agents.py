"""Each processor as it is wired: one wish is one answer, however often it is delivered and whatever is restarted."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from connectors.bus.app import App
from connectors.pricelist.table import PriceTable
from infra.ports import PRICES
from processors.brain.agent import wire as wire_brain
from processors.brain.diagnostician import Diagnostician
from processors.gateway.access.policy import AccessPolicy
from processors.gateway.agent import wire as wire_gateway
from processors.inventory.agent import wire as wire_inventory
from processors.inventory.config import Policy as InventoryPolicy
from processors.pricing.agent import wire as wire_pricing
from processors.pricing.config import Policy as PricingPolicy
from processors.tickets.agent import wire as wire_tickets
from processors.tickets.config import Policy as TicketPolicy
from schemas.access import CreateUser, EndSessions, OpenSession, RotateSession
from schemas.core.message import Command
from schemas.devices import Device
from schemas.diagnoses import DiagnoseFault, PartLine
from schemas.inventory import CommitParts, ReceiveStock, ReleaseParts, ReserveParts
from schemas.quotes import DeclineQuote, PrepareQuote
from schemas.tickets import MoveEvidence, MoveTicket, SubmitIntake
from tests.support.driver import START, Driver
from tests.support.vault import NO_PLACE, vault_in

TICKET = "T-0001"
USER, RECORD = "U-" + "a" * 32, "1" * 32
LAPTOP = Device(category="laptop", brand="Lumen", lock_state="unlocked")
BATTERY = PartLine(sku="battery.laptop", quantity=1)


def tickets(app: App) -> None:
    wire_tickets(app, TicketPolicy(), vault_in(NO_PLACE))


def brain(app: App) -> None:
    wire_brain(app, Diagnostician.shipped(), vault_in(NO_PLACE))


def pricing(app: App) -> None:
    wire_pricing(app, PriceTable.load(PRICES), PricingPolicy())


def inventory(app: App) -> None:
    wire_inventory(app, InventoryPolicy())


def intake(ticket_id: str, **changes: object) -> SubmitIntake:
    data = {
        "ticket_id": ticket_id,
        "customer_id": "C-0001",
        "device": LAPTOP,
        "complaint": "The battery is empty after ten minutes.",
        "no_photos_reason": "remote_estimate",
        "channel": "phone",
        "consent_version": "1",
    }
    return SubmitIntake.model_validate(data | changes)


def stock(sku: str, quantity: int) -> ReceiveStock:
    return ReceiveStock(location_id="main", receipt_id=f"r-{sku}", sku=sku, quantity=quantity, unit_cost_cents=100)


def gateway(app: App) -> None:
    wire_gateway(app, AccessPolicy())


STORIES: dict[str, tuple[Callable[[App], None], tuple[Command, ...], tuple[str, ...]]] = {
    "tickets": (
        tickets,
        (
            intake(TICKET),
            intake("T-0002", no_photos_reason=None),
            MoveTicket(ticket_id=TICKET, to="triage", reason="seen", actor="ada", evidence=MoveEvidence(bin="shelf 1")),
            MoveTicket(ticket_id=TICKET, to="collected", reason="hurry", actor="ada"),
        ),
        ("ticket.opened", "intake.refused", "ticket.moved", "ticket.move_refused"),
    ),
    "brain": (
        brain,
        (
            DiagnoseFault(ticket_id=TICKET, device=LAPTOP, complaint="The battery is empty after ten minutes."),
            DiagnoseFault(ticket_id="T-0002", device=LAPTOP, complaint="please have a look"),
        ),
        ("fault.diagnosed", "diagnosis.abstained"),
    ),
    "pricing": (
        pricing,
        (
            PrepareQuote(
                ticket_id=TICKET,
                device=LAPTOP,
                fault_family="battery",
                parts=(BATTERY,),
                labour_minutes=30,
                success_probability=0.8,
            ),
            PrepareQuote(
                ticket_id="T-0002",
                device=LAPTOP,
                fault_family="battery",
                parts=(PartLine(sku="unobtainium.laptop", quantity=1),),
                labour_minutes=30,
                success_probability=0.8,
            ),
            DeclineQuote(ticket_id=TICKET, quote_hash="0" * 64, channel="link"),
        ),
        ("quote.prepared", "quote.blocked", "quote.answer_refused"),
    ),
    "inventory": (
        inventory,
        (
            stock("battery.laptop", 1),
            ReserveParts(location_id="main", ticket_id=TICKET, lines=(BATTERY,)),
            ReserveParts(location_id="main", ticket_id="T-0002", lines=(BATTERY,)),
            CommitParts(location_id="main", ticket_id=TICKET),
            ReleaseParts(location_id="main", ticket_id="T-0003", reason="no_need"),
        ),
        ("stock.received", "parts.reserved", "stock.low", "parts.short", "parts.committed", "parts.refused"),
    ),
    "gateway": (
        gateway,
        (
            CreateUser(access_id=USER, workspace_id="main", roles=("owner",), by="operator:cli", password_id=RECORD),
            OpenSession(access_id=USER, session_id=RECORD, password_id=RECORD, expires_at=START + timedelta(days=30)),
            RotateSession(access_id=USER, session_id=RECORD, number=0),
            RotateSession(access_id=USER, session_id=RECORD, number=2),
            EndSessions(access_id=USER, reason="logout"),
            OpenSession(access_id=USER, session_id=RECORD, password_id=RECORD, expires_at=START + timedelta(days=30)),
            CreateUser(access_id=USER, workspace_id="main", roles=("kiosk",), by="operator:cli"),
            EndSessions(access_id=f"U-{'b' * 32}", reason="logout"),
        ),
        ("user.created", "session.opened", "session.rotated", "access.refused", "session.ended"),
    ),
}


async def told(name: str, *, redeliver: bool = False, restart: bool = False) -> tuple[Driver, dict[str, str]]:
    """Run a story; returns the distinct events by id. Ids of the wishes are fixed, so runs can be compared."""
    wire, story, _ = STORIES[name]
    driver = Driver(wire, name, redeliver=redeliver)
    for number, command in enumerate(story):
        await driver.pipe(command, id=_id(number))
        if restart:
            driver.restart()
    events = {}
    for record in driver.log.records:
        headers = {header: value.decode() for header, value in record.headers}
        if ".events." in record.topic:
            events[headers["ce_id"]] = headers["ce_type"].removeprefix("noizylab.").rpartition(".v")[0]
    return driver, events


def _id(number: int) -> UUID:
    return UUID(int=number + 1)


@pytest.mark.parametrize("name", STORIES)
async def test_answers_each_wish_as_the_rules_say(name: str) -> None:
    driver, events = await told(name)

    assert tuple(dict.fromkeys(events.values())) == STORIES[name][2]
    assert driver.dead() == []


@pytest.mark.parametrize("name", STORIES)
async def test_changes_nothing_when_everything_is_delivered_twice(name: str) -> None:
    once, first = await told(name)
    twice, second = await told(name, redeliver=True)

    assert first == second
    assert once.views() == twice.views()


@pytest.mark.parametrize("name", STORIES)
async def test_changes_nothing_when_it_is_restarted_after_every_wish(name: str) -> None:
    through, first = await told(name)
    restarted, second = await told(name, restart=True)

    assert first == second
    assert through.views() == restarted.views()
