"""What happens between two tickets: split, merge, warranty. And the end of what a ticket knew about a person.

Two tickets may lie in two partitions, so each of these is two commands: the first ticket decides, states what
happened and sends the second its part. The ids are derived, so a repetition after a kill changes nothing.
"""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.blob_ref import BlobRef
from schemas.core.ids import Code, CustomerId, TicketId, WorkspaceId
from schemas.core.text import SealableText
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.ticket_parts import (
    ReasonedFact,
    ReasonedRequest,
    TicketFact,
    TicketFile,
    TicketLink,
    TicketNote,
    TicketRequest,
)
from schemas.tickets import Channel

WarrantyCause = Literal["part", "workmanship", "new_damage", "unknown"]


class SplitTicket(ReasonedRequest):
    """Move some devices of a ticket to a new one."""

    TYPE: ClassVar[str] = "noizylab.ticket.split.v1"

    new_ticket_id: TicketId
    device_numbers: tuple[int, ...] = Field(min_length=1, max_length=20)


class MergeTickets(ReasonedRequest):
    """End a ticket in favour of another. ``into_*`` is what the other one is; both never change in a ticket's life."""

    TYPE: ClassVar[str] = "noizylab.ticket.merge.v1"

    into: TicketId
    into_workspace_id: WorkspaceId
    into_customer_id: CustomerId
    forced: bool = False
    """Also when the customers differ; never when the workspaces do."""


class AbsorbTicket(TicketRequest):
    """Take over what a merged ticket held. Only the ticket that ended sends it."""

    TYPE: ClassVar[str] = "noizylab.ticket.absorb.v1"

    source_id: TicketId
    source_workspace_id: WorkspaceId
    notes: tuple[TicketNote, ...] = ()
    files: tuple[TicketFile, ...] = ()


class ClaimWarranty(TicketRequest):
    """A collected repair comes back. ``repair_line`` is what was repaired; the new ticket is linked to this one."""

    TYPE: ClassVar[str] = "noizylab.ticket.claim_warranty.v1"

    new_ticket_id: TicketId
    repair_line: Code
    cause: WarrantyCause
    complaint: SealableText


class OpenLinkedTicket(TicketRequest):
    """Open a ticket that came out of another. Only a ticket sends it, which has checked everything."""

    TYPE: ClassVar[str] = "noizylab.ticket.open_linked.v1"

    workspace_id: WorkspaceId
    customer_id: CustomerId
    device: Device
    more_devices: tuple[Device, ...] = ()
    complaint: SealableText
    language: str | None = None
    photos: tuple[BlobRef, ...] = ()
    channel: Channel
    pre_approved_cents: int | None = Field(default=None, ge=0)
    link: TicketLink
    warranty_began_at: UtcTime | None = None


class EraseTicket(ReasonedRequest):
    """Make what a ticket knew about a person unreadable, for good. ``forget_customer``: no other ticket needs them."""

    TYPE: ClassVar[str] = "noizylab.ticket.erase.v1"

    forget_customer: bool = False


class TicketSplit(ReasonedFact):
    """Some devices are on a ticket of their own now."""

    TYPE: ClassVar[str] = "noizylab.ticket.split_off.v1"

    new_ticket_id: TicketId
    device_numbers: tuple[int, ...] = Field(min_length=1)


class TicketMerged(ReasonedFact):
    """A ticket goes on in another. It is cancelled with the same breath."""

    TYPE: ClassVar[str] = "noizylab.ticket.merged.v1"

    into: TicketId
    forced: bool = False


class TicketAbsorbed(TicketFact):
    """A ticket took over another one's notes and files."""

    TYPE: ClassVar[str] = "noizylab.ticket.absorbed.v1"

    source_id: TicketId
    notes: tuple[TicketNote, ...] = ()
    files: tuple[TicketFile, ...] = ()


class WarrantyClaimed(TicketFact):
    """A repair came back within its warranty. ``covered_until`` is counted from the first collection."""

    TYPE: ClassVar[str] = "noizylab.ticket.warranty_claimed.v1"

    new_ticket_id: TicketId
    repair_line: Code
    cause: WarrantyCause
    covered_until: UtcTime


class TicketErased(ReasonedFact):
    """The tombstone: who had what made unreadable, why and when."""

    TYPE: ClassVar[str] = "noizylab.ticket.erased.v1"

    forget_customer: bool = False
