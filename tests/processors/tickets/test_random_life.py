"""Whatever is asked of a ticket, in whatever order: it stays legal, and asking twice changes nothing more."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from processors.tickets.agent import wire
from processors.tickets.decide import decide
from processors.tickets.devices import GONE, STAGES, devices_of
from processors.tickets.facets import received_cents
from processors.tickets.lifecycle import WAYS, targets_of
from processors.tickets.requests import REQUESTS
from processors.tickets.state import evolve
from schemas.core.blob_ref import BlobRef
from schemas.core.message import Event, Message
from schemas.core.outcome import Emit
from schemas.devices import Device
from schemas.ticket_devices import AddDevice, MoveDevice, RemoveDevice
from schemas.ticket_facets import MoveCustody, RecordPayment, SetHold
from schemas.ticket_links import AbsorbTicket, ClaimWarranty, EraseTicket, MergeTickets, SplitTicket
from schemas.ticket_parts import TicketDevice, TicketFact
from schemas.ticket_records import AddNote, AmendTicket, AssignTicket, AttachFile, DetachFile, EditNote, WithdrawNote
from schemas.tickets import TICKET_STATES, MoveTicket, TicketMoved, TicketView
from tests.processors.tickets.builders import NOW, POLICY, TICKET, intake, move, ticket
from tests.processors.tickets.test_decide import _random_evidence
from tests.support.driver import Driver
from tests.support.vault import NO_PLACE, vault_in

COMMANDS = 100_000
BLOB = BlobRef(bucket="images", key="a", sha256="0" * 64, size_bytes=1, media_type="image/jpeg")
IMEIS = (None, "490154203237518", "356938035643809")


def _some(chance: random.Random, *values: Any) -> Any:
    return chance.choice(values)


def _device(chance: random.Random) -> Device:
    return Device(category="mobile", brand="Norden", imei=chance.choice(IMEIS))


def _edits(chance: random.Random) -> list[dict[str, Any]]:
    fields = ("device.serial", "device.brand", "language", "pre_approved_cents", "device.imei", "complaint")
    values = ("S-1", "S-2", "de", 700, -1, None, "490154203237518", "12")
    return [{"field": field, "to": chance.choice(values)} for field in chance.sample(fields, 2)]


def _payment(chance: random.Random) -> dict[str, Any]:
    return {
        "reference": f"r{chance.randrange(8)}",
        "kind": _some(chance, "deposit", "part", "balance", "refund"),
        "amount_cents": _some(chance, 100, 500),
        "currency": _some(chance, "EUR", "EUR", "EUR", "CHF"),
    }


FIELDS: dict[Any, Callable[[random.Random], dict[str, Any]]] = {
    SetHold: lambda c: {"hold": _some(c, "none", "customer", "supplier", "internal", "legal")},
    RecordPayment: lambda c: {"paid": _payment(c)},
    MoveCustody: lambda c: {"custody": _some(c, "customer", "courier", "shop", "vendor"), "bin": _some(c, None, "A")},
    AmendTicket: lambda c: {"changes": _edits(c), "device_number": c.randrange(1, 4)},
    AssignTicket: lambda c: {"technician": _some(c, None, "ann", "bob"), "bench": _some(c, None, "b1")},
    AddNote: lambda c: {"note_id": f"note-{c.randrange(6)}", "kind": "public", "text": _some(c, "one", "two")},
    EditNote: lambda c: {"note_id": f"note-{c.randrange(6)}", "text": _some(c, "one", "two", "three")},
    WithdrawNote: lambda c: {"note_id": f"note-{c.randrange(6)}"},
    AttachFile: lambda c: {
        "file_id": f"file-{c.randrange(6)}",
        "kind": _some(c, "document", "signature"),
        "blob": BLOB,
    },
    DetachFile: lambda c: {"file_id": f"file-{c.randrange(6)}"},
    AddDevice: lambda c: {"number": c.randrange(2, 6), "device": _device(c)},
    RemoveDevice: lambda c: {"number": c.randrange(1, 5)},
    MoveDevice: lambda c: {"number": c.randrange(1, 5), "to": c.choice(list(STAGES))},
    SplitTicket: lambda c: {"new_ticket_id": f"T-new-{c.randrange(9)}", "device_numbers": [c.randrange(1, 5)]},
    MergeTickets: lambda c: {
        "into": f"T-into-{c.randrange(9)}",
        "into_workspace_id": _some(c, "main", "harbour"),
        "into_customer_id": _some(c, "C-0001", "C-0002"),
        "forced": _some(c, True, False),
    },
    AbsorbTicket: lambda c: {"source_id": f"T-from-{c.randrange(9)}", "source_workspace_id": "main"},
    ClaimWarranty: lambda c: {
        "new_ticket_id": f"T-new-{c.randrange(9)}",
        "repair_line": _some(c, "battery", "board"),
        "cause": _some(c, "part", "new_damage"),
        "complaint": "Again.",
    },
    EraseTicket: lambda c: {"forget_customer": _some(c, True, False)},
}


def a_command(chance: random.Random, view: TicketView) -> Message:
    if chance.random() < 0.5:
        allowed = targets_of(view.state) if chance.random() < 0.7 else TICKET_STATES
        to = chance.choice(allowed or TICKET_STATES)
        evidence = _random_evidence(chance)
        return MoveTicket(ticket_id=TICKET, to=to, reason="random", actor="ann", evidence=evidence)
    # An erasure ends everything, so it is asked for seldom.
    kinds = [kind for kind in REQUESTS if kind is not EraseTicket or chance.random() < 0.1]
    kind = chance.choice(kinds)
    fields = {"ticket_id": TICKET, "actor": "ann", **FIELDS.get(kind, lambda _: {})(chance)}
    if "reason" in kind.model_fields:
        fields["reason"] = "random"
    if chance.random() < 0.1:
        fields["expected_version"] = chance.choice((view.version, view.version + 1))
    return kind.model_validate(fields)


def changes_in(outcome: Any) -> list[Event]:
    messages = outcome.messages if isinstance(outcome, Emit) else ()
    return [message for message in messages if isinstance(message, TicketFact | TicketMoved)]


def test_a_hundred_thousand_random_commands_keep_a_ticket_legal() -> None:
    chance = random.Random(20261124)
    view, now, seen, done = ticket(), NOW, set[str](), Counter[str]()
    for number in range(COMMANDS):
        if number % 40 == 0:  # a life of its own for each 40 commands, begun somewhere in the table
            start = chance.choice(TICKET_STATES)
            several = tuple(TicketDevice(number=n, device=_device(chance)) for n in (1, 2, 3))
            known = {"pre_approved_cents": 9_000, "outcome": "fixed", "warranty_began_at": now}
            view = ticket(start, devices=_some(chance, (), several), quote_hash="a" * 64, **known)
        now += timedelta(seconds=1)
        command = a_command(chance, view)
        changes = changes_in(decide(command, view, now, POLICY))
        before = view
        for event in changes:
            after = evolve(view, event)
            assert after is not None
            assert after.version == view.version + 1, command
            view = after
        check_step(before, view, changes)
        assert changes_in(decide(command, view, now, POLICY)) == [], command
        if number % 50 == 0:
            assert TicketView.model_validate_json(view.to_json()) == view
        seen.add(view.state)
        done[command.TYPE] += bool(changes)
    assert seen == set(TICKET_STATES)
    assert set(done) == {kind.TYPE for kind in (MoveTicket, *REQUESTS)}
    assert min(done.values()) > 5, done


def check_step(before: TicketView, view: TicketView, changes: list[Event]) -> None:
    if before.state != view.state:
        assert (before.state, view.state) in WAYS
    if before.hold == "legal" and view.hold == "legal":
        assert view.state == before.state or view.state not in ("collected", "disposed", "cancelled")
        assert view.erased_at == before.erased_at
    assert received_cents(view.payments) >= 0
    numbers = [one.number for one in devices_of(view)]
    assert numbers == sorted(set(numbers))
    for one in devices_of(before):
        [later] = [other for other in devices_of(view) if other.number == one.number]
        assert one.stage not in GONE or later.stage == one.stage
    if not changes:
        assert view is before


async def test_a_redelivered_command_is_dropped_and_makes_the_same_facts() -> None:
    async def told(*, redeliver: bool) -> tuple[Driver, list[bytes]]:
        driver = Driver(lambda app: wire(app, POLICY, vault_in(NO_PLACE)), "tickets", redeliver=redeliver)
        chance = random.Random(7)
        phone = Device(category="mobile", brand="Norden", imei="490154203237518")
        await driver.pipe(intake(ticket_id=TICKET, device=phone), id=UUID(int=1))
        await driver.pipe(move("triage", bin="A-1"), id=UUID(int=2))
        for number in range(300):
            command = a_command(chance, ticket())
            if not isinstance(command, EraseTicket):
                await driver.pipe(command, id=UUID(int=number + 10))
        ids = {dict(record.headers)["ce_id"]: record.value or b"" for record in driver.log.records}
        return driver, [*ids.values()]

    once, first = await told(redeliver=False)
    twice, second = await told(redeliver=True)
    assert once.views() == twice.views()
    assert first == second
    dropped = twice.app.counts.dropped["duplicate"] - once.app.counts.dropped["duplicate"]
    assert dropped > 50
    assert twice.dead() == []
