"""Every example of every command through every decision, and every example event through every fold.

The outcomes are kept in ``snapshots/``. A change of an outcome is a change of the rules of the shop: read the
difference, then renew the file with ``NOIZYLAB_UPDATE_SNAPSHOTS=1``.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from connectors.pricelist.table import PriceTable
from connectors.vault.port import Contact, QuietHours
from infra.compose import FLOWS
from infra.gen.wiring import wirings
from infra.ports import PRICES
from processors.analytics.rows import Record, Row, event_row
from processors.brain.decide import decide as brain
from processors.brain.diagnostician import Diagnostician
from processors.brain.state import evolve as evolve_diagnosis
from processors.gateway.access.decide import decide as access
from processors.gateway.access.policy import AccessPolicy
from processors.gateway.access.state import evolve_one as evolve_access
from processors.inventory.config import Policy as InventoryPolicy
from processors.inventory.decide import decide as inventory
from processors.inventory.keys import keys_of, reservation_key, stock_key
from processors.inventory.state import evolve_one as evolve_stock
from processors.notify.config import Policy as NotifyPolicy
from processors.notify.decide import Desk, Send, addressee, plan, sent
from processors.notify.state import evolve as evolve_outbox
from processors.notify.templates import Templates
from processors.orchestrator.decide import decide as orchestrator
from processors.orchestrator.deployment import deploy
from processors.orchestrator.state import evolve as evolve_flow
from processors.pricing.config import Policy as PricingPolicy
from processors.pricing.decide import decide as pricing
from processors.pricing.state import evolve as evolve_quote
from processors.qc.config import Policy as QcPolicy
from processors.qc.decide import Desk as QcDesk
from processors.qc.decide import decide as qc
from processors.qc.sheets import SHIPPED as SHEETS
from processors.qc.sheets import Sheets
from processors.qc.state import evolve as evolve_check
from processors.schematics.decide import Analysed, Found, NoAnswer, Refused
from processors.schematics.decide import decide as schematics
from processors.schematics.state import evolve as evolve_design
from processors.schematics.summary import Summary
from processors.tickets.conditions.decide import decide as conditions
from processors.tickets.conditions.state import evolve as evolve_condition
from processors.tickets.config import Policy as TicketPolicy
from processors.tickets.decide import decide as tickets
from processors.tickets.device_history import decide_device, evolve_device
from processors.tickets.passcodes.decide import PasscodePolicy
from processors.tickets.passcodes.decide import decide as passcodes
from processors.tickets.passcodes.state import evolve as evolve_passcode
from processors.tickets.sla.decide import decide as clocks
from processors.tickets.sla.policy import SHIPPED, SlaPolicy
from processors.tickets.sla.state import evolve as evolve_clocks
from processors.tickets.state import evolve as evolve_ticket
from processors.vision.decide import decide as vision
from processors.vision.inspect import Inspection, PhotoResult, inspect
from processors.vision.labels import SeenCode
from processors.vision.state import evolve as evolve_inspection
from processors.webhooks.config import Policy as WebhookPolicy
from processors.webhooks.decide import decide as webhooks
from processors.webhooks.state import evolve as evolve_webhook
from schemas.access import AccessRefused
from schemas.core.envelope import Envelope
from schemas.core.message import Message, View
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.inspections import BoardInspected, InspectBoard
from schemas.inventory import ReservationView, StockView
from schemas.quotes import PrepareQuote
from schemas.schematics import AnalyseDesign, DesignAnalysed, DesignAnswered, RemoveDesign
from schemas.workflow import FlowView
from tests.schemas.examples import examples_of, stem
from topics.access import ACCESS_EVENTS
from topics.registry import ALL, COMMANDS, EVENTS, VIEWS
from topics.topic import Topic

SNAPSHOTS = Path(__file__).parent / "snapshots"
NOW = datetime(2026, 3, 2, 14, 12, 30, tzinfo=UTC)
CAUSE = UUID("018f6b8f-20c4-7d19-b6a2-53e07f91d8bc")
SEALED = "nzs1.T-018f6b2e-7c40-7b1d-9d2a-5e0c8a4f1b37.c2VhbGVk"
Cases = Iterator[tuple[str, Outcome]]


DOMAINS = {
    "tickets": "tickets",
    "devices": "tickets",
    "clocks": "tickets",
    "conditions": "tickets",
    "passcodes": "tickets",
}
"""The domains of a processor that keeps several, with their owner; every other processor has one."""


def owned(topics: tuple[Topic, ...], domain: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the message of each example in a processor's own topics of one kind and domain."""
    for topic in topics:
        if topic.owner == domain if domain not in DOMAINS else topic.name.startswith(f"{domain}."):
            for kind in topic.carries:
                yield from ((f"{stem(kind)}/{name}", example) for name, example in examples_of(kind).items())


def against_each_view(processor: str, decide: Callable[[Any, Any], Outcome]) -> Cases:
    views = [("nothing", None), *owned(VIEWS, processor)]
    for name, command in owned(COMMANDS, processor):
        for state, view in views:
            yield f"{name} on {state}", decide(command, view)


def ticket_cases() -> Cases:
    return against_each_view("tickets", lambda command, view: tickets(command, view, NOW, TicketPolicy()))


def device_cases() -> Cases:
    return against_each_view("devices", lambda command, view: decide_device(command, view, NOW))


def clock_cases() -> Cases:
    policy = SlaPolicy.load(SHIPPED)
    return against_each_view("clocks", lambda command, view: clocks(command, view, policy))


def condition_cases() -> Cases:
    return against_each_view("conditions", lambda command, view: conditions(command, view, NOW))


def passcode_cases() -> Cases:
    return against_each_view("passcodes", lambda command, view: passcodes(command, view, NOW, PasscodePolicy()))


def pricing_cases() -> Cases:
    table = PriceTable.load(PRICES)

    def decide(command: Message, view: Any) -> Outcome:
        wanted = {line.sku for line in command.parts} if isinstance(command, PrepareQuote) else set()
        return pricing(command, view, NOW, asyncio.run(table.lookup(wanted)), PricingPolicy(currency="EUR"))

    return against_each_view("pricing", decide)


def inventory_cases() -> Cases:
    shelves: dict[str, Mapping[str, View]] = {"nothing": {}}
    for name in ("full", "committed", "minimal", "short"):
        views = [examples_of(kind).get(name) for kind in (StockView, ReservationView)]
        shelves[name] = {key_of(view): view for view in views if view is not None}
    for name, command in owned(COMMANDS, "inventory"):
        for shelf, known in shelves.items():
            yield f"{name} on {shelf}", inventory(command, known, NOW, InventoryPolicy())


def key_of(view: Any) -> str:
    if isinstance(view, StockView):
        return stock_key(view.location_id, view.sku)
    return reservation_key(view.location_id, view.ticket_id)


def brain_cases() -> Cases:
    engine = Diagnostician.shipped()
    for name, command in owned(COMMANDS, "brain"):
        yield name, brain(command, engine.offline(command), NOW)


def vision_cases() -> Cases:
    shown = examples_of(BoardInspected)["full"]
    assert isinstance(shown, BoardInspected)
    label = SeenCode("imei", "code_128", "IMEI: 490154203237518", "490154203237518", (12, 30, 400, 90))
    for name, command in owned(COMMANDS, "vision"):
        assert isinstance(command, InspectBoard)
        unreadable = inspect([None] * len(command.photos), None)
        compared = PhotoResult(
            (),
            {"sharp": 0.7},
            compared=True,
            findings=shown.findings,
            annotated=b"jpeg",
            condition=next(iter(shown.condition), None),
            codes=(label,),
        )
        one_good = Inspection((compared, *unreadable.photos[1:]))
        yield f"{name} on photos that cannot be read", vision(command, unreadable, (), NOW)
        yield f"{name} on one good photo", vision(command, one_good, shown.pictures, NOW, {label.text: SEALED})


def notify_cases() -> Cases:
    desk = Desk(
        NotifyPolicy(shop_phone="+4930123456"),
        Templates.load(),
        frozenset({"mail", "sms"}),
        lambda ticket_id, quote_hash: f"https://shop.example/a/{ticket_id}/{quote_hash}",
    )
    night = QuietHours(time_zone="UTC", start=time(12), end=time(16))
    contacts = {"awake": {}, "resting": {"channels": ("sms",), "quiet_hours": night}, "unreachable": {"channels": ()}}
    views: list[tuple[str, Any]] = [("nothing", None), *owned(VIEWS, "notify")]
    for name, command in owned(COMMANDS, "notify"):
        for state, view in views:
            customer = addressee(command, view)
            for mood, settings in contacts.items():
                contact = Contact(
                    customer_id=customer or "C-0000",
                    name="Erika",
                    mail="erika@example.org",
                    phone="+4915112345678",
                    language="de",
                    **settings,
                )
                planned = plan(command, CAUSE, contact, view, NOW.replace(day=4), desk)
                outcome = sent(planned, "provider-1", NOW) if isinstance(planned, Send) else planned
                yield f"{name} on {state}, customer {mood}", outcome


def orchestrator_cases() -> Cases:
    flows = deploy([path.read_bytes() for path in sorted(FLOWS.glob("*.bpmn"))])
    flow = flows.definitions[0]

    def decide(command: Message, view: Any) -> Outcome:
        # An example was made by an older drawing of the flow: it is held against the one that is shipped.
        state = view and {**view.state, "definition": flow.hash}
        current = view and view.model_copy(update={"definition_hash": flow.hash, "definition": flow.id, "state": state})
        return orchestrator(command, current, NOW, flows)

    return against_each_view("orchestrator", decide)


def webhook_cases() -> Cases:
    return against_each_view("webhooks", lambda command, view: webhooks(command, CAUSE, view, NOW, WebhookPolicy()))


def qc_cases() -> Cases:
    desk = QcDesk(Sheets.load(SHEETS), QcPolicy(), b"example")
    return against_each_view("qc", lambda command, view: qc(command, CAUSE, view, NOW, desk))


def schematics_cases() -> Cases:
    """Each command with each thing that can be found for it: the examples of our own events, as they were found."""
    analysed, answers = examples_of(DesignAnalysed)["full"], examples_of(DesignAnswered)
    assert isinstance(analysed, DesignAnalysed)
    told = {name: getattr(analysed, name) for name in Summary.__dataclass_fields__}
    for_files: dict[str, Found] = {
        "read": Analysed(Summary(**told), analysed.index),
        "cut off": Refused("unreadable", "psu.kicad_sch:7: it is cut off, fetch it again", "psu.kicad_sch", 7),
    }
    for_questions: dict[str, Found] = {
        "nothing like it": NoAnswer("there is no part U99; alike are U9"),
        **{kind: found for kind in ("part", "net", "path", "rails", "buses")
           if (found := next(filter(None, (getattr(one, kind) for one in answers.values())), None))},
    }  # fmt: skip
    for name, command in owned(COMMANDS, "schematics"):
        if isinstance(command, RemoveDesign):
            yield name, schematics(command, None, NOW)
            continue
        for what, found in (for_files if isinstance(command, AnalyseDesign) else for_questions).items():
            yield f"{name} on {what}", schematics(command, found, NOW)


def gateway_cases() -> Cases:
    """Each command on each state of what it can be about, at an hour when the examples' links are still good."""
    views = [("nothing", None), *owned(VIEWS, "gateway")]
    for name, command in owned(COMMANDS, "gateway"):
        for state, view in views:
            if view is None or view.access_id[0] == command.access_id[0]:
                yield f"{name} on {state}", access(command, view, NOW, AccessPolicy())


CASES: dict[str, Callable[[], Cases]] = {
    "tickets": ticket_cases,
    "devices": device_cases,
    "clocks": clock_cases,
    "conditions": condition_cases,
    "passcodes": passcode_cases,
    "vision": vision_cases,
    "brain": brain_cases,
    "inventory": inventory_cases,
    "pricing": pricing_cases,
    "notify": notify_cases,
    "orchestrator": orchestrator_cases,
    "webhooks": webhook_cases,
    "gateway": gateway_cases,
    "qc": qc_cases,
    "schematics": schematics_cases,
}


def written(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON. The hash of the flow's file is left out: a moved shape changes no decision."""
    match outcome:
        case Drop():
            return {"drop": outcome.reason}
        case Reject():
            return {"reject": outcome.reason, "detail": outcome.detail}
        case Emit():
            ids = dict(zip(range(len(outcome.ids)), outcome.ids, strict=True))
            return {
                "emit": [
                    {"type": message.TYPE, **({"id": str(ids[n])} if ids.get(n) else {}), "data": plain(message)}
                    for n, message in enumerate(outcome.messages)
                ]
            }


def plain(message: Message) -> Any:
    """Return a message's data, fractions to six digits: the last ones differ between processors of computers."""
    data = json.loads(message.to_json(), parse_float=lambda text: round(float(text), 6))
    if "definition_hash" in data:
        data["definition_hash"] = data["state"]["definition"] = "the flow's"
    return data


@pytest.mark.parametrize("processor", CASES)
def test_decides_every_example_as_before(processor: str) -> None:
    cases = list(CASES[processor]())
    outcomes = {name: written(outcome) for name, outcome in cases}
    assert len(outcomes) == len(cases)

    path = SNAPSHOTS / f"{processor}.json"
    if os.environ.get("NOIZYLAB_UPDATE_SNAPSHOTS") == "1":
        lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in outcomes.items())
        path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    kept = json.loads(path.read_bytes())

    assert set(outcomes) == set(kept)
    for name, outcome in outcomes.items():
        assert outcome == kept[name], f"{name}: read the difference, then renew with NOIZYLAB_UPDATE_SNAPSHOTS=1"


def test_has_cases_for_every_processor_that_reads_commands() -> None:
    readers = {wiring.processor for wiring in wirings() if set(wiring.reads) & set(COMMANDS)}

    assert {DOMAINS.get(domain, domain) for domain in CASES} == readers
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(CASES)


def test_writes_only_what_it_may_whatever_it_decides() -> None:
    carried = {message.TYPE: topic for topic in ALL for message in topic.carries}
    may_write = {wiring.processor: {topic.name for topic in wiring.writes} for wiring in wirings()}

    for domain, cases in CASES.items():
        for name, outcome in cases():
            if isinstance(outcome, Emit):
                written_to = {carried[message.TYPE].name for message in outcome.messages}
                assert written_to <= may_write[DOMAINS.get(domain, domain)], name


FOLDS: dict[str, Callable[[Any, Any], Any]] = {
    "tickets": evolve_ticket,
    "devices": evolve_device,
    "clocks": evolve_clocks,
    "conditions": evolve_condition,
    "passcodes": evolve_passcode,
    "vision": evolve_inspection,
    "brain": evolve_diagnosis,
    "pricing": evolve_quote,
    "notify": evolve_outbox,
    "webhooks": evolve_webhook,
    "qc": evolve_check,
    "schematics": evolve_design,
}


@pytest.mark.parametrize("processor", FOLDS)
def test_folds_every_example_event_into_every_example_view(processor: str) -> None:
    kinds = tuple({type(view) for _, view in owned(VIEWS, processor)})
    for _, event in owned(EVENTS, processor):
        for _, view in owned(VIEWS, processor):
            after = FOLDS[processor](view, event)
            assert isinstance(after, kinds)
            assert type(after).model_validate_json(after.to_json()) == after


def test_folds_every_example_event_of_a_flow_into_every_example_flow() -> None:
    for _, event in owned(EVENTS, "orchestrator"):
        for _, view in owned(VIEWS, "orchestrator"):
            assert isinstance(view, FlowView)
            after = evolve_flow(view, event)
            assert FlowView.model_validate_json(after.to_json()) == after


def test_folds_every_example_event_of_the_stock_into_the_views_that_it_names() -> None:
    for _, event in owned(EVENTS, "inventory"):
        for key in keys_of(event):
            after = evolve_stock(key, None, event)
            assert key_of(after) == key


def test_folds_every_example_event_about_access_into_every_view_that_it_can_be_about() -> None:
    for _, event in owned(EVENTS, "gateway"):
        for _, view in owned(VIEWS, "gateway"):
            if type(event) not in ACCESS_EVENTS.carries or isinstance(event, AccessRefused):
                continue
            if view.access_id[0] == event.access_id[0]:
                after = evolve_access(view.access_id, view, event)
                assert type(after) is type(view)
                assert type(after).model_validate_json(after.to_json()) == after


@pytest.mark.parametrize("topic", EVENTS, ids=lambda topic: topic.name)
def test_makes_a_row_for_analytics_of_every_example_event(topic: Topic) -> None:
    for kind in topic.carries:
        for name, event in examples_of(kind).items():
            envelope = Envelope(CAUSE, f"/noizylab/{topic.owner}", kind.TYPE, "T-018f6b2e", NOW, NOW, "T-018f6b2e")
            row = event_row(Record(topic.name, 0, 7, tuple(envelope.to_headers()), event.to_json()))
            assert isinstance(row, Row), name
            assert row.month == 202603
