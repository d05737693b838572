"""The shop round a flow: the messages a repair meets, made by their schemas, and what commands are sent to it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

import processors.orchestrator
from processors.orchestrator.bpmn import parse
from processors.orchestrator.deployment import build
from processors.orchestrator.model import Event, Node, Output, SendCommand
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Message
from schemas.devices import Device
from schemas.diagnoses import DiagnosisAbstained, FaultDiagnosed, PartLine, RankedFault, RepairPlan
from schemas.inspections import BoardInspected, BoardInspectionRefused, Box, Finding
from schemas.inventory import PartsCommitted, PartsReleased, PartsReserved, PartsShort, ReservationRefused
from schemas.notifications import NotificationDeferred, NotificationFailed, NotificationSent, NotifyCustomer
from schemas.quotes import (
    MissingPart,
    QuoteAccepted,
    QuoteBlocked,
    QuoteDeclined,
    QuoteLine,
    QuotePrepared,
    QuoteTier,
)
from schemas.tickets import TicketOpened
from tests.processors.orchestrator.flow_builder import Instance

PATH = Path(processors.orchestrator.__file__).parent / "flows" / "repair_intake.bpmn"
FLOW = parse(PATH.read_bytes())
TICKET_ID, CUSTOMER_ID = "T-10023", "C-20017"
AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PHOTO = BlobRef(bucket="photos", key="T-10023/0.jpg", sha256="a1" * 32, size_bytes=81_920, media_type="image/jpeg")
LAPTOP = Device(category="laptop", brand="Lenovo", model="X1", board_model="820-00165", lock_state="unlocked")
CHARGER = PartLine(sku="charging_ic.laptop", quantity=1)
FAULT = RankedFault(family="charging", title="Charging circuit", probability=0.8)
PLAN = RepairPlan(
    fault_family="charging",
    steps=("Replace the charging IC",),
    parts=(CHARGER,),
    labour_minutes=60,
    risk="medium",
    success_probability=0.85,
)
TIER = QuoteTier(
    name="aftermarket",
    total_cents=18_900,
    lines=(QuoteLine(label="Repair", amount_cents=18_900),),
    warranty_days=90,
    delivery_days=3,
)
HASH = "c3" * 32
OPENED = TicketOpened(
    ticket_id=TICKET_ID,
    customer_id=CUSTOMER_ID,
    state="received",
    device=LAPTOP,
    complaint="does not charge",
    language="de",
    photos=(PHOTO,),
    channel="kiosk",
    consent_version="2026-01",
    opened_at=AT,
)
DIAGNOSED = FaultDiagnosed(
    ticket_id=TICKET_ID,
    summary="The charging circuit is open.",
    faults=(FAULT,),
    confidence=0.8,
    raise_confidence="Measure PPBUS at the coil.",
    plan=PLAN,
    engine="faults-1",
    diagnosed_at=AT,
)
QUOTE = QuotePrepared(
    ticket_id=TICKET_ID,
    quote_hash=HASH,
    version=1,
    currency="EUR",
    total_cents=18_900,
    recommended="aftermarket",
    tiers=(TIER,),
    diagnostic_fee_cents=3_900,
    expected_profit_cents=6_100,
    base_price_cents=18_400,
    jitter=0.02,
    propensity=0.2,
    pricing_model="costs-1",
    valid_until=AT + timedelta(days=14),
    prepared_at=AT,
)
_TOLD: dict[str, Any] = {"ticket_id": TICKET_ID, "notification_id": "n-1", "template": "quote_ready"}
_STOCK: dict[str, Any] = {"ticket_id": TICKET_ID, "location_id": "main"}
_ANSWER: dict[str, Any] = {"ticket_id": TICKET_ID, "quote_hash": HASH, "channel": "link"}
MESSAGES: Mapping[str, Message] = {
    message.TYPE: message
    for message in (
        OPENED,
        DIAGNOSED,
        QUOTE,
        BoardInspected(
            ticket_id=TICKET_ID,
            board_model="820-00165",
            compared=True,
            findings=(
                Finding(
                    kind="burn",
                    confidence=0.9,
                    severity="high",
                    photo=0,
                    box=Box(x_px=400, y_px=310, width_px=60, height_px=44),
                    area_px=1_900,
                ),
            ),
            photos_usable=1,
            photos_refused=0,
            engine="compare-1",
            inspected_at=AT,
        ),
        BoardInspectionRefused(ticket_id=TICKET_ID, reason="blurred", detail="Hold still.", refused_at=AT),
        DiagnosisAbstained(
            ticket_id=TICKET_ID, reason="too_close", detail="Two faults fit.", engine="faults-1", abstained_at=AT
        ),
        PartsReserved(**_STOCK, lines=(CHARGER,), reserved_at=AT),
        PartsShort(**_STOCK, missing=(MissingPart(sku=CHARGER.sku, quantity=1, lead_time_days=3),), noticed_at=AT),
        PartsCommitted(**_STOCK, lines=(CHARGER,), committed_at=AT),
        PartsReleased(**_STOCK, lines=(CHARGER,), reason="quote_declined", released_at=AT),
        ReservationRefused(**_STOCK, reason="no_reservation", refused_at=AT),
        QuoteBlocked(
            ticket_id=TICKET_ID, reason="unpriced", detail="No price.", unpriced=(CHARGER.sku,), blocked_at=AT
        ),
        QuoteAccepted(
            **_ANSWER, tier="aftermarket", total_cents=18_900, currency="EUR", signed_by="A. Meyer", accepted_at=AT
        ),
        QuoteDeclined(**_ANSWER, reason="too dear", declined_at=AT),
        NotificationSent(**_TOLD, channel="mail", provider_id="<n-1@noizylab>", sent_at=AT),
        NotificationDeferred(
            **_TOLD, customer_id=CUSTOMER_ID, channel="sms", not_before=AT + timedelta(hours=9), deferred_at=AT
        ),
        NotificationFailed(**_TOLD, reason="no_contact", detail="Not in the vault.", failed_at=AT),
    )
}
HAPPY = [
    "noizylab.board.inspected.v1",
    "noizylab.fault.diagnosed.v1",
    "noizylab.parts.reserved.v1",
    "noizylab.quote.prepared.v1",
    "noizylab.notification.sent.v1",
    "noizylab.quote.accepted.v1",
    "noizylab.parts.committed.v1",
    "noizylab.notification.sent.v1",
]


def as_json(message: Message) -> dict[str, Any]:
    """The data of a message as a flow gets it."""
    data: dict[str, Any] = orjson.loads(message.to_json())
    return data


DATA: Mapping[str, dict[str, Any]] = {message_type: as_json(message) for message_type, message in MESSAGES.items()}


def answer_data(message_type: str, template: str) -> dict[str, Any]:
    """The data of an answer; one about a message to the customer names that message's template."""
    data = DATA[message_type]
    return {**data, "template": template} if "template" in data else data


def template_of(node: Node) -> str:
    """The template that a node's command asks for, if it asks for one."""
    inputs = node.command.inputs if node.command else ()
    return next((str(binding.value.evaluate({})) for binding in inputs if binding.name == "template"), "quote_ready")


def opened_with(*, photos: tuple[BlobRef, ...] = (PHOTO,), **device: object) -> TicketOpened:
    """The opened ticket with other photographs or another device."""
    return OPENED.model_copy(update={"photos": photos, "device": LAPTOP.model_copy(update=device)})


class Repair(Instance):
    """An instance of the shipped flow. Every command it sends must fit its schema."""

    def __init__(self, ticket: TicketOpened = OPENED) -> None:
        super().__init__(FLOW, TICKET_ID)
        self.sent: list[Message] = []
        self.message(OPENED.TYPE, **as_json(ticket))

    def take(self, event: Event) -> tuple[Output, ...]:
        outputs = super().take(event)
        for output in outputs:
            if isinstance(output, SendCommand):
                built = build(output.type, output.data)
                assert not isinstance(built, str), f"{output.node_id}: {built}"
                self.sent.append(built)
        return outputs

    def answer(self, *message_types: str) -> None:
        for message_type in message_types:
            self.message(message_type, **answer_data(message_type, self.asked_for()))

    def asked_for(self) -> str:
        """The template of the newest message to the customer that is not a reminder."""
        told = [message.template for message in self.sent if isinstance(message, NotifyCustomer)]
        return next((template for template in reversed(told) if template != "quote_reminder"), "quote_ready")
