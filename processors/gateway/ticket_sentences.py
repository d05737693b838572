"""A sentence for each change of a ticket or a device, for timelines. Pure and total. Words of people are not in them:
they are sealed, and a sentence is kept in places that cannot open them."""

from processors.gateway.sentences import Sentences
from processors.gateway.wording import listed, money, plural, words
from schemas.device_history import DeviceFlagged, DeviceVisitForgotten, DeviceVisitRecorded
from schemas.ticket_devices import DeviceAdded, DeviceMoved, DeviceRemoved
from schemas.ticket_facets import CustodyMoved, HoldReleased, HoldSet, PaymentRecorded, TicketRequestRefused
from schemas.ticket_links import TicketAbsorbed, TicketErased, TicketMerged, TicketSplit, WarrantyClaimed
from schemas.ticket_records import (
    FileAttached,
    FileDetached,
    NoteAdded,
    NoteEdited,
    NoteWithdrawn,
    TicketAmended,
    TicketAssigned,
)

SENTENCES = Sentences()
_says = SENTENCES.of


@_says(TicketRequestRefused)
def _refused(event: TicketRequestRefused) -> str:
    asked = words(event.asked.removeprefix("noizylab.ticket.").rpartition(".v")[0])
    return f"Did not do what {event.actor} asked ({asked}): {event.detail}"


@_says(HoldSet)
def _held(event: HoldSet) -> str:
    return f"{event.actor} put the ticket on hold ({words(event.hold)}: {words(event.reason)})."


@_says(HoldReleased)
def _released(event: HoldReleased) -> str:
    return f"{event.actor} released the hold ({words(event.before)}: {words(event.reason)})."


@_says(PaymentRecorded)
def _paid(event: PaymentRecorded) -> str:
    amount = money(event.paid.amount_cents, event.paid.currency)
    if event.paid.kind == "refund":
        return f"{amount} went back to the customer ({event.paid.reference})."
    return f"{amount} came in as {words(event.paid.kind)} ({event.paid.reference})."


@_says(CustodyMoved)
def _custody(event: CustodyMoved) -> str:
    place = ", ".join(filter(None, (event.location, event.bin and f"bin {event.bin}")))
    return f"The device is with the {event.custody} now{f' ({place})' if place else ''}: {words(event.reason)}."


@_says(TicketAmended)
def _amended(event: TicketAmended) -> str:
    fields = listed([words(change.field) for change in event.changes])
    return f"{event.actor} corrected {fields} ({words(event.reason)})."


@_says(TicketAssigned)
def _assigned(event: TicketAssigned) -> str:
    to = " at ".join(filter(None, (event.technician, event.bench)))
    return f"{event.actor} gave the ticket to {to}." if to else f"{event.actor} took the ticket back from everybody."


@_says(NoteAdded)
def _note(event: NoteAdded) -> str:
    return f"{event.actor} wrote a note for {'the customer' if event.kind == 'public' else 'the shop'}."


@_says(NoteEdited)
def _edited(event: NoteEdited) -> str:
    return f"{event.actor} changed a note; what it said is kept."


@_says(NoteWithdrawn)
def _withdrawn(event: NoteWithdrawn) -> str:
    return f"{event.actor} withdrew a note ({words(event.reason)})."


@_says(FileAttached)
def _attached(event: FileAttached) -> str:
    return f"{event.actor} attached a file ({words(event.kind)})."


@_says(FileDetached)
def _detached(event: FileDetached) -> str:
    return f"{event.actor} detached a file ({words(event.reason)})."


@_says(DeviceAdded)
def _device_added(event: DeviceAdded) -> str:
    named = " ".join(filter(None, (event.device.brand, event.device.model))) or words(event.device.category)
    return f"{event.actor} added device {event.number}: {named}."


@_says(DeviceRemoved)
def _device_removed(event: DeviceRemoved) -> str:
    return f"{event.actor} removed device {event.number} ({words(event.reason)})."


@_says(DeviceMoved)
def _device_moved(event: DeviceMoved) -> str:
    return f"Device {event.number} went from {words(event.before)} to {words(event.to)} ({words(event.reason)})."


@_says(TicketSplit)
def _split(event: TicketSplit) -> str:
    return f"{plural(len(event.device_numbers), 'device')} went to the new ticket {event.new_ticket_id}."


@_says(TicketMerged)
def _merged(event: TicketMerged) -> str:
    return f"{event.actor} merged this ticket into {event.into} ({words(event.reason)})."


@_says(TicketAbsorbed)
def _absorbed(event: TicketAbsorbed) -> str:
    held = f"{plural(len(event.notes), 'note')} and {plural(len(event.files), 'file')}"
    return f"Took over {held} of {event.source_id}."


@_says(WarrantyClaimed)
def _claimed(event: WarrantyClaimed) -> str:
    line, until = words(event.repair_line), f"{event.covered_until:%Y-%m-%d}"
    return f"Came back under warranty ({line}, covered until {until}) as {event.new_ticket_id}."


@_says(TicketErased)
def _erased(event: TicketErased) -> str:
    return f"{event.actor} had the ticket's personal data erased ({words(event.reason)})."


@_says(DeviceVisitRecorded)
def _visit(event: DeviceVisitRecorded) -> str:
    if event.visit.ended_as is None:
        return "Noted in the device's history that it is here."
    return f"Noted in the device's history how the visit ended ({words(event.visit.outcome or event.visit.ended_as)})."


@_says(DeviceVisitForgotten)
def _forgotten(event: DeviceVisitForgotten) -> str:
    return "Took the ticket out of the device's history."


@_says(DeviceFlagged)
def _flagged(event: DeviceFlagged) -> str:
    note = f": {event.note.rstrip('.')}" if event.note else ""
    return f"{event.actor} {'flagged' if event.on else 'cleared'} the device ({words(event.kind)}){note}."
