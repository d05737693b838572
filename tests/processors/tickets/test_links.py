"""What happens between two tickets, and the end of a ticket's words."""

from datetime import timedelta
from typing import Any

import pytest

from processors.tickets.decide import decide
from processors.tickets.state import evolve
from schemas.core.outcome import Drop
from schemas.ticket_links import (
    AbsorbTicket,
    ClaimWarranty,
    EraseTicket,
    MergeTickets,
    OpenLinkedTicket,
    SplitTicket,
    TicketAbsorbed,
)
from schemas.ticket_parts import TicketFile, TicketLink, TicketNote
from schemas.ticket_records import (
    AddNote,
    AttachFile,
)
from schemas.tickets import TicketOpened, TicketView
from tests.processors.tickets.asking import BLOB, NEW, OTHER, PHONE, after, asks, guard, pay, said, two_devices
from tests.processors.tickets.builders import NOW, POLICY, TICKET, move, ticket

# --- split, merge, warranty


def test_a_split_opens_a_ticket_with_the_devices_that_go() -> None:
    view = two_devices(language="de")
    wish = asks(SplitTicket, new_ticket_id=NEW, device_numbers=(2,))
    messages = said(wish, view)
    opening = messages[1]
    assert isinstance(opening, OpenLinkedTicket)
    [opened, _] = said(opening, None)
    assert isinstance(opened, TicketOpened)
    assert (opened.ticket_id, opened.device, opened.customer_id) == (NEW, PHONE, view.customer_id)
    born = evolve(None, opened)
    assert born is not None
    assert born.links == (TicketLink(kind="split_from", ticket_id=TICKET),)
    left = after(view, wish)
    assert left.links == (TicketLink(kind="split_into", ticket_id=NEW),)
    assert [one.stage for one in left.devices] == ["waiting", "split_off"]
    assert decide(opening, born, NOW, POLICY) == Drop("duplicate")
    assert guard(wish, left) == "duplicate"


@pytest.mark.parametrize(
    ("view", "numbers", "name"),
    [
        (two_devices(), (1, 2), "last_device"),
        (two_devices(), (3,), "no_such_device"),
        (two_devices("cancelled"), (2,), "closed"),
        (two_devices(hold="legal"), (2,), "legal_hold"),
    ],
)
def test_a_split_leaves_something_and_takes_what_is_there(view: Any, numbers: Any, name: str) -> None:
    assert guard(asks(SplitTicket, new_ticket_id=NEW, device_numbers=numbers), view) == name


def merging(**changes: Any) -> MergeTickets:
    fields = {"into": OTHER, "into_workspace_id": "main", "into_customer_id": "C-0001", **changes}
    wish: MergeTickets = asks(MergeTickets, **fields)
    return wish


def test_a_merge_ends_one_ticket_and_hands_its_notes_and_files_to_the_other() -> None:
    note = asks(AddNote, note_id="n-001", kind="internal", text="Bent frame.")
    source = after(ticket("triage"), note, asks(AttachFile, file_id="f-001", kind="photo_before", blob=BLOB))
    messages = said(merging(), source)
    ended = after(source, merging())
    assert (ended.state, ended.version) == ("cancelled", source.version + 2)
    assert ended.links == (TicketLink(kind="merged_into", ticket_id=OTHER),)
    absorb = messages[2]
    assert isinstance(absorb, AbsorbTicket)
    target = ticket().model_copy(update={"ticket_id": OTHER})
    [absorbed] = said(absorb, target)
    assert isinstance(absorbed, TicketAbsorbed)
    whole = evolve(target, absorbed)
    assert whole is not None
    assert [(one.text, one.from_ticket) for one in whole.notes] == [("Bent frame.", TICKET)]
    assert [one.from_ticket for one in whole.files] == [TICKET]
    assert decide(absorb, whole, NOW, POLICY) == Drop("duplicate")
    assert guard(merging(), ended) == "duplicate"


@pytest.mark.parametrize(
    ("state", "changes", "known", "name"),
    [
        ("received", {"into_customer_id": "C-0009"}, {}, "same_customer"),
        ("received", {"into_workspace_id": "harbour", "forced": True}, {}, "same_workspace"),
        ("received", {"into": TICKET}, {}, "two_tickets"),
        ("repairing", {}, {}, "no_work_done"),
        ("collected", {}, {}, "no_work_done"),
        ("received", {}, {"hold": "legal"}, "legal_hold"),
    ],
)
def test_a_merge_is_refused_when_the_tickets_do_not_belong_together(
    state: Any, changes: Any, known: Any, name: str
) -> None:
    assert guard(merging(**changes), ticket(state, **known)) == name


def test_a_merge_of_two_customers_can_be_forced_but_money_must_be_settled() -> None:
    assert after(ticket(), merging(into_customer_id="C-0009", forced=True)).state == "cancelled"
    assert guard(merging(), after(ticket(), pay("deposit", 5))) == "no_payments"


def claim(new: str = NEW, line: str = "board", cause: Any = "part") -> ClaimWarranty:
    wish: ClaimWarranty = asks(
        ClaimWarranty, new_ticket_id=new, repair_line=line, cause=cause, complaint="It is back again."
    )
    return wish


def collected(**changes: Any) -> TicketView:
    return ticket("collected", outcome="fixed", warranty_began_at=NOW, **changes)


def test_a_claim_opens_a_linked_ticket_and_does_not_set_the_warranty_anew() -> None:
    late = NOW + timedelta(days=80)
    first = collected()
    [_, opening] = said(claim(), first, late)
    assert isinstance(opening, OpenLinkedTicket)
    second = evolve(None, said(opening, None, late)[0])
    assert second is not None
    assert second.links == (TicketLink(kind="warranty_of", ticket_id=TICKET),)
    fixed = second.model_copy(update={"state": "ready", "outcome": "fixed"})
    out = move("collected", balance_cents=0, collector_verified=True, post_condition_signed=True)
    fixed = after(fixed, out.model_copy(update={"ticket_id": NEW}), now=late)
    assert fixed.warranty_began_at == NOW
    assert guard(claim("T-0004-abcd").model_copy(update={"ticket_id": NEW}), fixed, NOW + timedelta(days=91)) == (
        "in_warranty"
    )
    again = after(after(first, claim(), now=late), claim("T-0004-abcd"), now=late)
    assert [link.kind for link in again.links] == ["warranty_claim", "warranty_claim"]


@pytest.mark.parametrize(
    ("view", "wish", "days", "name"),
    [
        (collected(), claim(), 91, "in_warranty"),
        (collected(), claim(line="battery"), 181, "in_warranty"),
        (collected(), claim(line="data_recovery"), 1, "in_warranty"),
        (collected(), claim(cause="new_damage"), 1, "covered_cause"),
        (ticket("ready"), claim(), 1, "collected"),
        (collected().model_copy(update={"outcome": "declined"}), claim(), 1, "repaired"),
    ],
)
def test_a_claim_needs_a_repair_of_its_line_within_its_time(view: Any, wish: Any, days: int, name: str) -> None:
    assert guard(wish, view, NOW + timedelta(days=days)) == name


def test_a_battery_is_covered_longer() -> None:
    assert len(said(claim(line="battery"), collected(), NOW + timedelta(days=179))) == 2


# --- erase


def test_an_erased_ticket_keeps_its_figures_and_no_words() -> None:
    note = TicketNote(note_id="n-001", kind="internal", text="x", by="ann", written_at=NOW)
    file = TicketFile(file_id="f-001", kind="document", blob=BLOB, by="ann", attached_at=NOW)
    phone = ticket("collected", device=PHONE, notes=(note,), files=(file,), quote_total_cents=900)
    erased = after(phone, asks(EraseTicket))
    assert phone.photos
    assert erased.erased_at == NOW
    assert (erased.complaint, erased.notes, erased.files, erased.photos) == ("(erased)", (), (), ())
    assert (erased.device.imei, erased.device.brand, erased.quote_total_cents) == (None, "Norden", 900)
    assert guard(asks(AddNote, note_id="n-002", kind="public", text="x"), erased) == "erased"
    assert guard(asks(EraseTicket), erased) == "already_so"
    assert guard(asks(EraseTicket), ticket("repairing")) == "ended"
