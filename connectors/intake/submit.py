"""From a filled form and photo bytes to a ``SubmitIntake`` on the log: the edge and the kiosk take this one way.

::

    ConnectorError
    └── Permanent
        └── IntakeInvalid   a photo, or their number, that cannot be taken; names the field and what to do
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid5

from connectors.blobs.content import put_content
from connectors.blobs.port import BlobStore
from connectors.clock.clock import new_id
from connectors.errors import Permanent
from connectors.images.decode import ImageRefused, decode
from connectors.images.strip import BareImage, strip
from connectors.intake.form import CustomerForm, IntakeForm
from connectors.vault.port import Contact, Vault
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import NAMESPACE
from schemas.core.ids import DEFAULT_WORKSPACE, WorkspaceId
from schemas.core.message import Message
from schemas.devices import Device
from schemas.notifications import NotificationChannel
from schemas.tickets import SubmitIntake

BUCKET = "images"


class IntakeInvalid(Permanent):
    """An intake that cannot be taken as it is. ``field`` is ``photos`` or one of them, counted from 0."""

    def __init__(self, field: str, code: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}")
        self.field = field
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """How many photos, and how large one may be."""

    photos_min: int = 2
    photos_max: int = 12
    photo_max_bytes: int = 15_000_000


class Send(Protocol):
    """Writes a command to its topic; ``App.tell`` is one."""

    async def __call__(self, message: Message, *, correlation_id: str, id: UUID) -> UUID:  # noqa: A002 - the CloudEvents name of it
        """Return once the log has acknowledged the command."""
        ...


class TakenIn(Protocol):
    """What a retry is compared with; a ``TicketView`` has it."""

    @property
    def device(self) -> Device: ...  # noqa: D102 - the fields of the view
    @property
    def complaint(self) -> str: ...  # noqa: D102 - a protocol's members, named by what they are
    @property
    def photos(self) -> tuple[BlobRef, ...]: ...  # noqa: D102 - a protocol's members, named by what they are


def new_ticket_id() -> str:
    """Return a fresh ticket id; ids sort by the time they were minted (UUIDv7)."""
    return f"T-{new_id()}"


def repeated_ticket_id(producer: str, idempotency_key: str) -> str:
    """Return the ticket id that a producer gets for its own key each time it asks (UUIDv5)."""
    return f"T-{uuid5(NAMESPACE, f'ticket/{producer}/{idempotency_key}')}"


def intake_command_id(ticket_id: str) -> UUID:
    """Return the id of a ticket's intake command: one ticket is taken in once, however often that is tried."""
    return uuid5(NAMESPACE, f"intake/{ticket_id}")


async def clean_photos(photos: Sequence[bytes], limits: IntakeLimits) -> tuple[BareImage, ...]:
    """Free every photo of its metadata and prove that it decodes, one after the other in a thread.

    Raises:
        IntakeInvalid: too few or too many, too large, or one that is no readable picture.
    """
    if not limits.photos_min <= len(photos) <= limits.photos_max:
        wanted = f"{limits.photos_min} to {limits.photos_max}"
        raise IntakeInvalid("photos", "photo_count", f"{len(photos)} photos sent, {wanted} are needed")
    cleaned = []
    for position, data in enumerate(photos):
        where = f"photos.{position}"
        if len(data) > limits.photo_max_bytes:
            most = f"{limits.photo_max_bytes / 1e6:g} MB"
            raise IntakeInvalid(where, "photo_too_large", f"{len(data) / 1e6:.1f} MB; a photo may have {most}")
        try:
            cleaned.append(await asyncio.to_thread(_bare, data))
        except ImageRefused as error:
            raise IntakeInvalid(where, error.code, error.detail) from error
    return tuple(cleaned)


async def submit(
    form: IntakeForm,
    photos: Sequence[BareImage],
    *,
    ticket_id: str,
    blobs: BlobStore,
    vault: Vault,
    send: Send,
    workspace_id: WorkspaceId = DEFAULT_WORKSPACE,
) -> tuple[SubmitIntake, UUID]:
    """Store photos and contact, seal the complaint, then write the command; return it with its id.

    Photos are named after their content and the contact after the ticket, so after a failure half-way the same call
    with the same ``ticket_id`` completes it and leaves nothing behind.

    Raises:
        Transient, Misconfigured: a store or the log is away.
    """
    refs = [await put_content(blobs, BUCKET, photo.data, photo.media_type) for photo in photos]
    customer_id = await vault.put(_contact(form.customer, ticket_id))
    command = SubmitIntake(
        ticket_id=ticket_id,
        workspace_id=workspace_id,
        customer_id=customer_id,
        device=Device.model_validate(form.device.model_dump()),
        complaint=await vault.seal_text(ticket_id, form.complaint),
        language=form.language,
        photos=tuple(refs),
        channel=form.channel,
        consent_version=form.consent_version,
        pre_approved_cents=form.pre_approved_cents,
    )
    command_id = intake_command_id(ticket_id)
    await send(command, correlation_id=ticket_id, id=command_id)
    return command, command_id


async def withdraw(command: SubmitIntake, *, vault: Vault) -> None:
    """Forget the contact of an intake that was refused and has no ticket: nobody will ever need it.

    Its photos may be another ticket's as well, so they stay until the sweep finds that nothing refers to them.
    """
    await vault.forget_texts(command.ticket_id)
    await vault.erase(command.customer_id)


def same_intake(form: IntakeForm, photos: Sequence[BareImage], *, taken: TakenIn) -> bool:
    """Whether a form and its photos are those of a ticket that exists: a retry, and not another intake.

    ``taken`` comes with its complaint opened.
    """
    digests = [hashlib.sha256(photo.data).hexdigest() for photo in photos]
    return (
        taken.complaint == form.complaint
        and taken.device == Device.model_validate(form.device.model_dump())
        and [ref.sha256 for ref in taken.photos] == digests
    )


def _bare(data: bytes) -> BareImage:
    """Take the file apart, then decode what is left: a photo that only looks like one is refused here, not later."""
    bare = strip(data)
    decode(bare.data)
    return bare


def _contact(customer: CustomerForm, ticket_id: str) -> Contact:
    channels: list[NotificationChannel] = []
    if customer.mail is not None:
        channels.append("mail")
    if customer.phone is not None:
        channels.append("sms")
    return Contact(
        customer_id=f"C-{uuid5(NAMESPACE, f'customer/{ticket_id}')}",
        name=customer.name,
        mail=customer.mail,
        phone=customer.phone,
        language=customer.language or "en",
        channels=tuple(channels) or ("in_app",),
        quiet_hours=customer.quiet_hours,
    )
