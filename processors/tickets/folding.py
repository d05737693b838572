"""What each change of a ticket leaves on it. Pure and total; ``state.py`` has checked that the change fits."""

from typing import Any

from processors.tickets.devices import GONE, devices_of
from processors.tickets.records import OF_THE_DEVICE, amended
from schemas.devices import Device
from schemas.ticket_devices import DeviceAdded, DeviceMoved, DeviceRemoved
from schemas.ticket_facets import CustodyMoved, HoldReleased, HoldSet, PaymentRecorded
from schemas.ticket_links import TicketAbsorbed, TicketErased, TicketMerged, TicketSplit, WarrantyClaimed
from schemas.ticket_parts import (
    DeviceStage,
    LinkKind,
    TextVersion,
    TicketDevice,
    TicketFact,
    TicketFile,
    TicketLink,
    TicketNote,
)
from schemas.ticket_records import (
    FileAttached,
    FileDetached,
    NoteAdded,
    NoteEdited,
    NoteWithdrawn,
    TicketAmended,
    TicketAssigned,
)
from schemas.tickets import TicketView

ERASED_TEXT = "(erased)"
Changes = dict[str, Any]


def changes_of(ticket: TicketView, event: TicketFact) -> Changes:
    """Return the fields of the ticket that an event changes, with their new values."""
    match event:
        case HoldSet():
            return {"hold": event.hold}
        case HoldReleased():
            return {"hold": "none"}
        case PaymentRecorded():
            return {"payments": (*ticket.payments, event.paid), "payment": event.payment}
        case CustodyMoved():
            return {"custody": event.custody, "location": event.location, "bin": event.bin}
        case TicketAmended():
            return _amended(ticket, event)
        case TicketAssigned():
            return {"technician": event.technician, "bench": event.bench}
        case NoteAdded() | NoteEdited() | NoteWithdrawn():
            return {"notes": _notes(ticket.notes, event)}
        case FileAttached() | FileDetached():
            return {"files": _files(ticket.files, event)}
        case DeviceAdded() | DeviceRemoved() | DeviceMoved():
            return _devices(ticket, event)
        case TicketErased():
            return _erased(ticket, event)
        case _:
            return _linked(ticket, event)


def _amended(ticket: TicketView, event: TicketAmended) -> Changes:
    before = next((one.device for one in devices_of(ticket) if one.number == event.device_number), ticket.device)
    changes, device = amended(ticket, before, {change.field: change.after for change in event.changes})
    if not any(change.field.startswith(OF_THE_DEVICE) for change in event.changes):
        return changes
    if not ticket.devices:
        return {**changes, "device": device}
    return {**changes, **_with_devices(_replaced(ticket, event.device_number, device=device), ticket)}


def _notes(notes: tuple[TicketNote, ...], event: NoteAdded | NoteEdited | NoteWithdrawn) -> tuple[TicketNote, ...]:
    if isinstance(event, NoteAdded):
        fields = {"note_id": event.note_id, "kind": event.kind, "text": event.text}
        return (*notes, TicketNote(**fields, by=event.actor, written_at=event.happened_at))
    return tuple(_note(note, event) if note.note_id == event.note_id else note for note in notes)


def _note(note: TicketNote, event: NoteEdited | NoteWithdrawn) -> TicketNote:
    if isinstance(event, NoteWithdrawn):
        return note.model_copy(update={"withdrawn_by": event.actor, "withdrawn_at": event.happened_at})
    earlier = (*note.earlier, TextVersion(text=note.text, by=note.by, written_at=note.written_at))
    said = {"text": event.text, "by": event.actor, "written_at": event.happened_at}
    return note.model_copy(update={**said, "earlier": earlier})


def _files(files: tuple[TicketFile, ...], event: FileAttached | FileDetached) -> tuple[TicketFile, ...]:
    if isinstance(event, FileDetached):
        return tuple(file for file in files if file.file_id != event.file_id)
    attached = TicketFile(
        file_id=event.file_id,
        kind=event.kind,
        blob=event.blob,
        caption=event.caption,
        by=event.actor,
        attached_at=event.happened_at,
    )
    return (*files, attached)


def _devices(ticket: TicketView, event: DeviceAdded | DeviceRemoved | DeviceMoved) -> Changes:
    match event:
        case DeviceAdded():
            devices = (*devices_of(ticket), TicketDevice(number=event.number, device=event.device))
        case DeviceRemoved():
            devices = _replaced(ticket, event.number, stage="removed")
        case DeviceMoved():
            devices = _replaced(ticket, event.number, stage=event.to)
    return _with_devices(devices, ticket)


def _replaced(
    ticket: TicketView, number: int, *, stage: DeviceStage | None = None, device: Device | None = None
) -> tuple[TicketDevice, ...]:
    changes = {name: value for name, value in (("stage", stage), ("device", device)) if value is not None}
    return tuple(one.model_copy(update=changes) if one.number == number else one for one in devices_of(ticket))


def _with_devices(devices: tuple[TicketDevice, ...], ticket: TicketView) -> Changes:
    """The first device that is still there stands for the ticket where only one is looked at."""
    first = next((one.device for one in devices if one.stage not in GONE), ticket.device)
    return {"devices": devices, "device": first}


def _linked(ticket: TicketView, event: TicketFact) -> Changes:
    def link(kind: LinkKind, ticket_id: str) -> Changes:
        return {"links": (*ticket.links, TicketLink(kind=kind, ticket_id=ticket_id))}

    match event:
        case TicketSplit():
            devices = devices_of(ticket)
            for number in event.device_numbers:
                split = {"stage": "split_off"}
                devices = tuple(one.model_copy(update=split) if one.number == number else one for one in devices)
            return {**link("split_into", event.new_ticket_id), **_with_devices(devices, ticket)}
        case TicketMerged():
            return link("merged_into", event.into)
        case TicketAbsorbed():
            taken = {"notes": (*ticket.notes, *event.notes), "files": (*ticket.files, *event.files)}
            return {**link("merged_from", event.source_id), **taken}
        case WarrantyClaimed():
            return link("warranty_claim", event.new_ticket_id)
        case _:
            return {}


def _erased(ticket: TicketView, event: TicketErased) -> Changes:
    """Nothing is left that names, describes or identifies a person; figures and dates stay for the books."""

    def plain(device: Device) -> Device:
        return device.model_copy(update={"serial": None, "imei": None})

    return {
        "complaint": ERASED_TEXT,
        "photos": (),
        "notes": (),
        "files": (),
        "device": plain(ticket.device),
        "devices": tuple(one.model_copy(update={"device": plain(one.device)}) for one in ticket.devices),
        "erased_at": event.happened_at,
    }
