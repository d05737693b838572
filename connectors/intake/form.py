"""The intake form as JSON. Unknown fields are refused: a misspelt optional field would be lost without a word."""

from pydantic import BaseModel, ConfigDict, Field

from connectors.mail.port import Address
from connectors.sms.port import PhoneNumber
from connectors.vault.port import Language, PersonName, QuietHours
from schemas.core.text import LongText, ShortText
from schemas.devices import Device
from schemas.tickets import Channel

_STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


class DeviceForm(Device):
    """The device; ``category`` is the only field everybody knows."""

    model_config = _STRICT


class QuietHoursForm(QuietHours):
    """When the customer is not to be disturbed; times as ``22:00``."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CustomerForm(BaseModel):
    """Who hands the device in. It goes to the vault; the log sees an id."""

    model_config = _STRICT

    name: PersonName = Field(min_length=1)
    mail: Address | None = None
    phone: PhoneNumber | None = None
    language: Language | None = None
    quiet_hours: QuietHoursForm | None = None


class IntakeForm(BaseModel):
    """A filled form. ``language`` is that of the complaint, ISO 639-1; None lets the diagnosis find it out."""

    model_config = _STRICT

    device: DeviceForm
    complaint: LongText
    language: Language | None = None
    customer: CustomerForm
    channel: Channel
    consent_version: ShortText = Field(min_length=1)
    pre_approved_cents: int | None = Field(default=None, ge=0, description="Repair up to this price without asking.")
