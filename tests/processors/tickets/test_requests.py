"""Wishes to change a ticket beside its moves: what is granted, what is refused, and what stays."""

from typing import Any

import pytest

from processors.tickets.decide import decide
from processors.tickets.state import evolve, keys_of
from schemas.core.message import Message
from schemas.core.outcome import Drop, Reject
from schemas.ticket_devices import AddDevice, MoveDevice, RemoveDevice
from schemas.ticket_facets import (
    MoveCustody,
    PaymentRecorded,
    ReleaseHold,
    SetHold,
    TicketRequestRefused,
)
from schemas.ticket_links import (
    EraseTicket,
)
from schemas.ticket_records import (
    AddNote,
    AmendTicket,
    AssignTicket,
    AttachFile,
    DetachFile,
    EditNote,
    FieldEdit,
    TicketAmended,
    WithdrawNote,
)
from schemas.tickets import TicketMoved, TicketView
from tests.processors.tickets.asking import BLOB, PHONE, after, asks, guard, pay, said, two_devices
from tests.processors.tickets.builders import LATER, NOW, POLICY, TICKET, intake, move, ticket

# --- all wishes


def test_rejects_a_wish_about_no_ticket() -> None:
    outcome = decide(asks(AssignTicket, technician="bob"), None, NOW, POLICY)
    assert isinstance(outcome, Reject)
    assert outcome.reason == "no_such_ticket"
    assert keys_of(asks(AssignTicket)) == (TICKET,)


def test_refuses_a_wish_that_was_made_looking_at_an_older_version() -> None:
    view = ticket(version=4)
    assert guard(asks(AssignTicket, technician="bob", expected_version=3), view) == "version_conflict"
    assert after(view, asks(AssignTicket, technician="bob", expected_version=4)).technician == "bob"


def test_tells_who_asks_again_that_nothing_is_to_be_done() -> None:
    wish = asks(AssignTicket, technician="bob", bench="b2", expected_version=1)
    view = after(ticket(), wish)
    assert guard(wish, view) == "already_so"


# --- hold


@pytest.mark.parametrize(
    ("state", "to"),
    [("received", "triage"), ("triage", "diagnosing"), ("queued", "repairing"), ("queued", "outsourced"),
     ("qc", "rework")],
)  # fmt: skip
def test_a_ticket_on_hold_goes_nowhere_where_work_is_done(state: Any, to: Any) -> None:
    held = after(ticket(state, bin="A-1"), asks(SetHold, hold="customer"))
    known = {"lock_state": "unlocked", "reason_code": "x"}
    [refused] = said(move(to, **known), held)
    assert refused.guard == "on_hold"
    released = after(held, asks(ReleaseHold))
    assert [type(message) for message in said(move(to, **known), released)] == [TicketMoved]


@pytest.mark.parametrize(
    ("state", "to", "known"),
    [("repairing", "qc", {"steps_signed": True, "part_serials_consumed": True}),
     ("quoted", "declined", {"return_election": "return"}),
     ("ready", "collected", {"balance_cents": 0, "collector_verified": True, "post_condition_signed": True})],
)  # fmt: skip
def test_a_ticket_on_hold_still_ends_what_it_owes_to_the_customer(state: Any, to: Any, known: Any) -> None:
    [moved] = said(move(to, **known), ticket(state, hold="internal"))
    assert isinstance(moved, TicketMoved)


def test_a_legal_hold_keeps_the_device_and_the_record() -> None:
    held = after(ticket("ready"), asks(SetHold, hold="legal", reason="court_order"))
    known = {"balance_cents": 0, "collector_verified": True, "post_condition_signed": True}
    assert said(move("collected", **known), held)[0].guard == "legal_hold"
    assert guard(asks(MoveCustody, custody="customer"), held) == "legal_hold"
    assert guard(asks(SetHold, hold="customer"), held) == "legal_hold"
    closed = after(ticket("collected"), asks(SetHold, hold="legal"))
    assert guard(asks(EraseTicket), closed) == "legal_hold"
    assert guard(asks(SetHold, hold="customer"), ticket("collected")) == "closed"
    assert guard(asks(SetHold, hold="none"), held) == "hold_named"


# --- payment


@pytest.mark.parametrize(
    ("bookings", "payment"),
    [
        ([("deposit", 500)], "deposit"),
        ([("deposit", 500), ("part", 100)], "part"),
        ([("deposit", 500), ("balance", 900)], "paid"),
        ([("balance", 900), ("refund", 900)], "refunded"),
        ([("balance", 900), ("refund", 200)], "part"),
    ],
)
def test_payment_follows_what_was_booked(bookings: Any, payment: str) -> None:
    view = after(ticket("approved"), *(pay(kind, cents, f"r{n}") for n, (kind, cents) in enumerate(bookings)))
    assert view.payment == payment
    assert len(view.payments) == len(bookings)


def test_a_reference_is_booked_once_and_means_one_thing() -> None:
    view = after(ticket(), pay("deposit", 500))
    assert guard(pay("deposit", 500), view) == "duplicate"
    assert guard(pay("deposit", 501), view) == "reference_taken"


def test_no_more_goes_back_than_came_in_and_in_the_same_money() -> None:
    view = after(ticket(), pay("deposit", 500))
    assert guard(pay("refund", 501, "r2"), view) == "refund_covered"
    assert guard(pay("part", 1, "r2", "CHF"), view) == "one_currency"


def test_money_may_come_after_the_end_and_a_refunded_ticket_is_not_paid_by_its_collection() -> None:
    assert isinstance(said(pay("balance", 100), ticket("collected"))[0], PaymentRecorded)
    refunded = after(ticket("ready"), pay("balance", 9), pay("refund", 9, "r2"))
    out = move("collected", balance_cents=0, collector_verified=True, post_condition_signed=True)
    assert after(refunded, out).payment == "refunded"


# --- custody


def test_a_device_that_the_customer_took_home_is_not_worked_on() -> None:
    home = after(ticket("queued"), asks(MoveCustody, custody="customer"))
    [refused] = said(move("repairing"), home)
    assert refused.guard == "device_here"
    kept = after(home, move("awaiting_parts", parts_eta_days=3))
    assert kept.custody == "customer"
    back = after(kept, asks(MoveCustody, custody="shop", location="front", bin="A-9"))
    assert (back.custody, back.location, back.bin) == ("shop", "front", "A-9")


def test_a_device_on_the_bench_stays_until_the_work_is_over() -> None:
    assert guard(asks(MoveCustody, custody="customer"), ticket("repairing")) == "off_the_bench"
    assert after(ticket("repairing"), asks(MoveCustody, custody="vendor")).custody == "vendor"


# --- amend


def test_an_amendment_says_what_was_there_before() -> None:
    edits = (FieldEdit(field="device.serial", to="S-1"), FieldEdit(field="language", to="de"))
    wish = asks(AmendTicket, changes=(*edits, FieldEdit(field="complaint", to="Does not switch on.")))
    amended = said(wish, ticket())[0]
    assert isinstance(amended, TicketAmended)
    assert [(one.field, one.before, one.after) for one in amended.changes] == [
        ("device.serial", None, "S-1"),
        ("language", None, "de"),
    ]
    view = after(ticket(), wish)
    assert (view.device.serial, view.language) == ("S-1", "de")


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (FieldEdit(field="device.imei", to="490154203237519"), "identity_ok"),
        (FieldEdit(field="device.imei", to="12"), "value_fits"),
        (FieldEdit(field="device.category", to="spaceship"), "value_fits"),
        (FieldEdit(field="complaint"), "value_fits"),
        (FieldEdit(field="pre_approved_cents", to=-1), "value_fits"),
        (FieldEdit(field="language", to="xx"), "closed"),
    ],
)
def test_an_amendment_that_does_not_fit_is_refused_as_a_whole(edit: FieldEdit, name: str) -> None:
    view = ticket("collected" if name == "closed" else "received")
    assert guard(asks(AmendTicket, changes=(FieldEdit(field="device.brand", to="X"), edit)), view) == name


def test_an_amendment_of_one_device_leaves_the_others() -> None:
    wish = asks(AmendTicket, device_number=2, changes=(FieldEdit(field="device.model", to="N8"),))
    view = after(two_devices(), wish)
    assert [one.device.model for one in view.devices] == ["14", "N8"]
    assert view.device.model == "14"


# --- notes and files


def test_a_note_keeps_what_it_said() -> None:
    view = after(
        ticket(),
        asks(AddNote, note_id="n-001", kind="internal", text="First."),
        asks(EditNote, note_id="n-001", text="Second.", actor="bob"),
        asks(WithdrawNote, note_id="n-001"),
    )
    [note] = view.notes
    assert (note.text, note.by, note.withdrawn_by) == ("Second.", "bob", "ann")
    assert [(one.text, one.by) for one in note.earlier] == [("First.", "ann")]
    assert guard(asks(EditNote, note_id="n-001", text="Third."), view) == "note_stands"
    assert guard(asks(AddNote, note_id="n-001", kind="internal", text="First."), view) == "duplicate"
    assert guard(asks(AddNote, note_id="n-001", kind="public", text="First."), view) == "note_id_free"


def test_notes_stop_before_the_view_is_too_large_for_its_topic() -> None:
    view = ticket()
    for number in range(200):
        messages = said(asks(AddNote, note_id=f"n-{number:03}", kind="internal", text="x" * 9_999), view)
        if isinstance(messages[0], TicketRequestRefused):
            break
        folded = evolve(view, messages[0])
        assert folded is not None
        view = folded
    assert messages[0].guard == "notes_full"
    assert len(view.to_json()) < 1_000_000


def test_files_come_and_go_but_a_signature_stays() -> None:
    one = asks(AttachFile, file_id="f-001", kind="photo_after", blob=BLOB)
    sign = asks(AttachFile, file_id="f-002", kind="signature", blob=BLOB)
    view = after(ticket("collected"), one, sign, asks(DetachFile, file_id="f-001"))
    assert [file.file_id for file in view.files] == ["f-002"]
    assert guard(asks(DetachFile, file_id="f-002"), view) == "evidence"


# --- several devices


def test_an_intake_with_several_devices_numbers_them() -> None:
    [opened, *_] = said(intake(more_devices=(PHONE,)), None)
    view = evolve(None, opened)
    assert view is not None
    assert [(one.number, one.stage) for one in view.devices] == [(1, "waiting"), (2, "waiting")]
    assert decide(intake(more_devices=(PHONE,)), view, LATER, POLICY) == Drop("duplicate")
    assert said(intake(), view)[0].reason == "ticket_exists"


def test_each_device_has_its_own_stage_and_the_check_waits_for_all() -> None:
    begun = asks(MoveDevice, number=1, to="repairing")
    view = after(ticket("repairing"), asks(AddDevice, number=2, device=PHONE), begun)
    view = after(view, asks(MoveDevice, number=1, to="done"), move("qc", steps_signed=True, part_serials_consumed=True))
    [refused] = said(move("ready"), view)
    assert (refused.guard, "2" in refused.detail) == ("devices_finished", True)
    view = after(view, asks(MoveDevice, number=2, to="unrepairable"), move("ready"))
    out = move("collected", balance_cents=0, collector_verified=True, post_condition_signed=True)
    assert {one.stage for one in after(view, out).devices} == {"returned"}


@pytest.mark.parametrize(
    ("view", "command", "name"),
    [
        (two_devices("queued"), asks(MoveDevice, number=1, to="repairing"), "ticket_at_work"),
        (two_devices("repairing", hold="customer"), asks(MoveDevice, number=1, to="repairing"), "on_hold"),
        (two_devices(), asks(MoveDevice, number=1, to="done"), "no_transition"),
        (two_devices(), asks(MoveDevice, number=3, to="returned"), "no_such_device"),
        (ticket(), asks(MoveDevice, number=1, to="returned"), "last_device"),
        (ticket(), asks(RemoveDevice, number=1), "last_device"),
        (two_devices(), asks(AddDevice, number=4, device=PHONE), "number_free"),
        (two_devices("collected"), asks(AddDevice, number=3, device=PHONE), "closed"),
    ],
)
def test_a_device_moves_by_its_own_rules(view: TicketView, command: Message, name: str) -> None:
    assert guard(command, view) == name


def test_the_next_device_stands_for_the_ticket_when_the_first_is_removed() -> None:
    view = after(two_devices(), asks(RemoveDevice, number=1))
    assert view.device == PHONE
    assert [one.stage for one in view.devices] == ["removed", "waiting"]
