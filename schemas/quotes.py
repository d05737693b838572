"""Quotes: tiers, validity and the hash that a customer's answer is bound to. Money is integer minor units."""

from typing import ClassVar, Literal

from pydantic import Field

from schemas.core.ids import Code, Currency, Sha256, Sku, TicketId
from schemas.core.message import Command, Event, Value, View
from schemas.core.text import ShortText
from schemas.core.time import UtcTime
from schemas.devices import Device
from schemas.diagnoses import PartLine

TierName = Literal["refurbished", "aftermarket", "original"]


class MissingPart(Value):
    """A part that is not on the shelf. ``lead_time_days`` is None when no supplier is known."""

    sku: Sku
    quantity: int = Field(ge=1)
    lead_time_days: int | None = Field(default=None, ge=0)


class PrepareQuote(Command):
    """Price a planned repair."""

    TYPE: ClassVar[str] = "noizylab.quote.prepare.v1"

    ticket_id: TicketId
    device: Device
    fault_family: Code
    parts: tuple[PartLine, ...] = ()
    missing: tuple[MissingPart, ...] = ()
    labour_minutes: int = Field(ge=0, le=6000)
    success_probability: float = Field(ge=0, le=1)


class QuoteLine(Value):
    """One line of a tier, as the customer reads it."""

    label: str
    sku: Sku | None = None
    quantity: int = Field(default=1, ge=1)
    amount_cents: int = Field(ge=0)


class QuoteTier(Value):
    """One offer: the sum of its lines is its total."""

    name: TierName
    total_cents: int = Field(ge=0)
    lines: tuple[QuoteLine, ...]
    warranty_days: int = Field(ge=0)
    delivery_days: int = Field(ge=0)


class QuotePrepared(Event):
    """A quote the customer can answer. Base price, jitter, propensity and the tiers shown are logged from the first
    quote on, because price response cannot be learned from prices that were set without a record of chance."""

    TYPE: ClassVar[str] = "noizylab.quote.prepared.v1"

    ticket_id: TicketId
    quote_hash: Sha256
    version: int = Field(ge=1)
    currency: Currency
    total_cents: int = Field(ge=0, description="Total of the recommended tier.")
    recommended: TierName
    tiers: tuple[QuoteTier, ...] = Field(min_length=1)
    diagnostic_fee_cents: int = Field(ge=0)
    expected_profit_cents: int
    base_price_cents: int = Field(ge=0)
    jitter: float
    propensity: float = Field(gt=0, le=1)
    pricing_model: str
    valid_until: UtcTime
    prepared_at: UtcTime


class QuoteBlocked(Event):
    """No honest price can be given; a person must."""

    TYPE: ClassVar[str] = "noizylab.quote.blocked.v1"

    ticket_id: TicketId
    reason: Code
    detail: str
    unpriced: tuple[Sku, ...] = ()
    blocked_at: UtcTime


class AcceptQuote(Command):
    """The customer (or staff for them) accepts one tier of the quote with this hash."""

    TYPE: ClassVar[str] = "noizylab.quote.accept.v1"

    ticket_id: TicketId
    quote_hash: Sha256
    tier: TierName
    signed_by: ShortText
    channel: Literal["link", "counter", "phone"]


class DeclineQuote(Command):
    """The customer declines the quote with this hash."""

    TYPE: ClassVar[str] = "noizylab.quote.decline.v1"

    ticket_id: TicketId
    quote_hash: Sha256
    reason: ShortText = ""
    channel: Literal["link", "counter", "phone"]


class QuoteAccepted(Event):
    """The customer said yes; the hash binds the answer to what was shown."""

    TYPE: ClassVar[str] = "noizylab.quote.accepted.v1"

    ticket_id: TicketId
    quote_hash: Sha256
    tier: TierName
    total_cents: int = Field(ge=0)
    currency: Currency
    signed_by: ShortText
    channel: Literal["link", "counter", "phone"]
    accepted_at: UtcTime


class QuoteDeclined(Event):
    """The customer said no."""

    TYPE: ClassVar[str] = "noizylab.quote.declined.v1"

    ticket_id: TicketId
    quote_hash: Sha256
    reason: ShortText = ""
    channel: Literal["link", "counter", "phone"]
    declined_at: UtcTime


class QuoteAnswerRefused(Event):
    """An answer that does not fit: other hash, expired, already answered, or no quote."""

    TYPE: ClassVar[str] = "noizylab.quote.answer_refused.v1"

    ticket_id: TicketId
    reason: Literal["no_quote", "other_version", "expired", "already_answered", "unknown_tier"]
    detail: str
    refused_at: UtcTime


class QuoteView(View):
    """The newest quote of a ticket and its answer."""

    TYPE: ClassVar[str] = "noizylab.quote.view.v1"

    ticket_id: TicketId
    status: Literal["prepared", "blocked", "accepted", "declined"]
    quote: QuotePrepared | None = None
    blocked: QuoteBlocked | None = None
    accepted: QuoteAccepted | None = None
    declined: QuoteDeclined | None = None
