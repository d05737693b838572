"""A device over its whole life: every visit, whatever ticket it was on, and what to watch out for."""

from typing import Annotated, ClassVar, Literal
from uuid import uuid5

from pydantic import StringConstraints

from schemas.core.envelope import NAMESPACE
from schemas.core.ids import Code, TicketId, WorkspaceId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.ticket_parts import Actor
from schemas.tickets import RepairOutcome, TicketState

DeviceId = Annotated[str, StringConstraints(pattern=r"^D-[0-9a-f-]{36}$")]
FlagKind = Literal["stolen", "liquid_damage", "swollen_battery", "do_not_repair"]


def device_id(workspace_id: WorkspaceId, device: Device) -> DeviceId | None:
    """Return the id under which a shop knows a device again, or None when nothing tells it apart.

    UUIDv5 of the workspace with the IMEI, else with maker and serial number; blanks and case do not count. The
    workspace is in it, so two shops never share a device. It is a name, not a secret: an IMEI can be found by trying.
    """
    serial = "".join((device.serial or "").split()).casefold()
    if device.imei is not None:
        known = f"imei/{device.imei}"
    elif serial:
        known = f"serial/{' '.join(device.brand.split()).casefold()}/{serial}"
    else:
        return None
    return f"D-{uuid5(NAMESPACE, f'device/{workspace_id}/{known}')}"


class DeviceVisit(Value):
    """One ticket that the device was on. ``closed_at`` None: it is still here."""

    ticket_id: TicketId
    opened_at: UtcTime
    ended_as: TicketState | None = None
    outcome: RepairOutcome | None = None
    closed_at: UtcTime | None = None
    warranty_began_at: UtcTime | None = None
    fault_family: Code | None = None
    """What was wrong, as a technician found it; None also for visits that ended before this was noted here."""


class DeviceFlag(Value):
    """Something to know before the device is touched."""

    kind: FlagKind
    note: ShortText = ""
    by: Actor
    flagged_at: UtcTime


class RecordDeviceVisit(Command):
    """Note that a device is, or was, on a ticket. The ticket sends it when it opens and when it ends."""

    TYPE: ClassVar[str] = "noizylab.device.record_visit.v1"

    device_id: DeviceId
    workspace_id: WorkspaceId
    device: Device
    visit: DeviceVisit


class ForgetDeviceVisit(Command):
    """Take an erased ticket out of a device's history."""

    TYPE: ClassVar[str] = "noizylab.device.forget_visit.v1"

    device_id: DeviceId
    ticket_id: TicketId


class FlagDevice(Command):
    """Set or lift a flag on a device."""

    TYPE: ClassVar[str] = "noizylab.device.flag.v1"

    device_id: DeviceId
    kind: FlagKind
    on: bool = True
    note: ShortText = ""
    actor: Actor


class DeviceVisitRecorded(Event):
    """A device is, or was, on a ticket."""

    TYPE: ClassVar[str] = "noizylab.device.visit_recorded.v1"

    device_id: DeviceId
    workspace_id: WorkspaceId
    device: Device
    visit: DeviceVisit
    recorded_at: UtcTime


class DeviceVisitForgotten(Event):
    """An erased ticket is no longer in a device's history."""

    TYPE: ClassVar[str] = "noizylab.device.visit_forgotten.v1"

    device_id: DeviceId
    ticket_id: TicketId
    forgotten_at: UtcTime


class DeviceFlagged(Event):
    """A flag was set on a device, or lifted."""

    TYPE: ClassVar[str] = "noizylab.device.flagged.v1"

    device_id: DeviceId
    kind: FlagKind
    on: bool = True
    note: ShortText = ""
    actor: Actor
    flagged_at: UtcTime


class DeviceHistoryView(View):
    """All that a shop knows about a device, the oldest visit first."""

    TYPE: ClassVar[str] = "noizylab.device.history_view.v1"

    device_id: DeviceId
    workspace_id: WorkspaceId
    device: Device
    visits: tuple[DeviceVisit, ...] = ()
    flags: tuple[DeviceFlag, ...] = ()
