"""Several devices on one ticket, each with a stage of its own."""

from typing import ClassVar

from pydantic import Field

from schemas.devices import Device
from schemas.ticket_parts import DeviceStage, ReasonedFact, ReasonedRequest, TicketFact, TicketRequest


class AddDevice(TicketRequest):
    """Put one more device on a ticket. ``number`` is the next free one, so that a retry is the same device."""

    TYPE: ClassVar[str] = "noizylab.ticket.add_device.v1"

    number: int = Field(ge=2, le=50)
    device: Device


class RemoveDevice(ReasonedRequest):
    """Take a device off a ticket; its number stays taken."""

    TYPE: ClassVar[str] = "noizylab.ticket.remove_device.v1"

    number: int = Field(ge=1)


class MoveDevice(ReasonedRequest):
    """Bring one device to another stage."""

    TYPE: ClassVar[str] = "noizylab.ticket.move_device.v1"

    number: int = Field(ge=1)
    to: DeviceStage


class DeviceAdded(TicketFact):
    """One more device is on the ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.device_added.v1"

    number: int = Field(ge=2)
    device: Device


class DeviceRemoved(ReasonedFact):
    """A device is no longer on the ticket."""

    TYPE: ClassVar[str] = "noizylab.ticket.device_removed.v1"

    number: int = Field(ge=1)


class DeviceMoved(ReasonedFact):
    """One device of a ticket is at another stage."""

    TYPE: ClassVar[str] = "noizylab.ticket.device_moved.v1"

    number: int = Field(ge=1)
    before: DeviceStage
    to: DeviceStage
