"""The vault's port. The log carries a customer's id; name and addresses are here, and can be erased.

What people write about a repair does lie on the log, sealed under a key of its owner, most often a ticket: without
the key it is noise, wherever it was copied to.

::

    Misconfigured
    └── WrongMasterKey   the vault was sealed under another master key
    Permanent
    └── VaultCorrupt     a sealed record was changed or moved to another customer
"""

from collections.abc import Collection
from datetime import time
from typing import Annotated, Protocol
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from connectors.errors import Misconfigured, Permanent
from connectors.mail.port import Address
from connectors.sms.port import PhoneNumber
from schemas.core.ids import CustomerId
from schemas.core.message import Value
from schemas.core.text import ShortText
from schemas.notifications import NotificationChannel


class WrongMasterKey(Misconfigured):
    """A record was sealed under another master key than the one at hand."""


class VaultCorrupt(Permanent):
    """A sealed record does not open with the key it names: it was damaged, changed or moved."""


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\t" in text:
        raise ValueError("line break or tab; a name is one line, it ends in mail headers")
    return text


PersonName = Annotated[ShortText, AfterValidator(_one_line)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
"""ISO 639-1."""


class QuietHours(Value):
    """When a customer is not to be disturbed, in their own wall time. ``end`` before ``start`` is overnight."""

    time_zone: str = Field(max_length=60)
    start: time
    end: time
    channels: tuple[NotificationChannel, ...] = ("sms", "push")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no IANA time zone; use a name like 'Europe/Amsterdam'") from error
        return name

    @field_validator("start", "end")
    @classmethod
    def _wall_time(cls, at: time) -> time:
        if at.tzinfo is not None:
            raise ValueError("give wall time without an offset; the zone is in time_zone")
        return at

    @model_validator(mode="after")
    def _not_empty(self) -> "QuietHours":
        if self.start == self.end:
            raise ValueError("start equals end; leave quiet hours out, or name the hours")
        return self


class Contact(Value):
    """How to reach a customer. ``channels`` are those they allow, the favourite first."""

    customer_id: CustomerId
    name: PersonName
    mail: Address | None = None
    phone: PhoneNumber | None = None
    language: Language = "en"
    channels: tuple[NotificationChannel, ...] = ("mail",)
    quiet_hours: QuietHours | None = None


class Vault(Protocol):
    """Keeps contacts. Every call may raise ``Transient`` or ``Misconfigured`` besides what it names."""

    async def put(self, contact: Contact) -> CustomerId:
        """Keep a contact, replacing an older one of the same customer.

        Raises:
            WrongMasterKey: this customer was sealed under another master key.
        """
        ...

    async def get(self, customer_id: CustomerId) -> Contact | None:
        """Return the contact; None when the customer is unknown or was erased.

        Raises:
            WrongMasterKey: the record was sealed under another master key.
            VaultCorrupt: the record does not open.
        """
        ...

    async def erase(self, customer_id: CustomerId) -> None:
        """Forget a customer for good, copies included. An unknown customer is no error."""
        ...

    async def seal_text(self, owner: str, text: str) -> str:
        """Return a text that only this vault can open, for as long as its owner is not forgotten.

        The same text of the same owner is sealed alike.

        Raises:
            WrongMasterKey: this owner's key was sealed under another master key.
        """
        ...

    async def open_text(self, text: str) -> str | None:
        """Return the words of a sealed text, a plain one as it is; None when its owner was forgotten.

        Raises:
            WrongMasterKey: this owner's key was sealed under another master key.
            VaultCorrupt: the text was changed.
        """
        ...

    async def open_texts(self, texts: Collection[str]) -> dict[str, str | None]:
        """Return the words of each, as :meth:`open_text` does; each owner's key is read once, and not kept."""
        ...

    async def forget_texts(self, owner: str) -> None:
        """Destroy an owner's key: no text of theirs can be read again, in no copy. An unknown owner is no error."""
        ...
