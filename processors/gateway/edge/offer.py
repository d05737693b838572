"""What the page of a quote shows, found from the views. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from connectors.links.signer import LinkClaims
from processors.gateway.edge.texts import Texts
from schemas.diagnoses import DiagnosisView
from schemas.quotes import QuoteLine, QuotePrepared, QuoteView, TierName
from schemas.tickets import TicketView

Standing = Literal["open", "accepted", "declined", "replaced", "expired", "none"]


@dataclass(frozen=True, slots=True)
class TierCard:
    """One offer as the customer reads it; amounts and dates are ready to print."""

    name: TierName
    title: str
    price: str
    lines: tuple[tuple[str, str], ...]
    warranty: str
    ready_by: str
    recommended: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The page's content in the reader's language. ``tiers`` is empty unless the offer is open; a closed one has a
    ``heading`` and a ``note`` that say why."""

    standing: Standing
    ticket_id: str
    device: str
    complaint: str
    summary: str
    steps: tuple[str, ...]
    tiers: tuple[TierCard, ...]
    intro: str
    fee: str
    heading: str
    note: str


def offer_of(
    claims: LinkClaims,
    ticket: TicketView,
    quote: QuoteView | None,
    diagnosis: DiagnosisView | None,
    now: datetime,
    texts: Texts,
) -> Offer:
    """Return what a link shows at ``now``. Prices are shown only where they can still be accepted."""
    standing = standing_of(claims.quote_hash, quote, now)
    prepared = quote.quote if quote is not None and standing == "open" else None
    diagnosed = diagnosis.diagnosed if diagnosis is not None else None
    heading, note = _closed(standing, quote, texts)
    fee_cents = prepared.diagnostic_fee_cents if prepared is not None else 0
    return Offer(
        standing=standing,
        ticket_id=ticket.ticket_id,
        device=" ".join(filter(None, (ticket.device.brand, ticket.device.model))) or ticket.device.category,
        complaint=ticket.complaint,
        summary=diagnosed.summary if diagnosed is not None else "",
        steps=diagnosed.plan.steps if diagnosed is not None else (),
        tiers=tier_cards(prepared, texts) if prepared is not None else (),
        intro=texts.intro.format(date=texts.on(prepared.valid_until.date())) if prepared is not None else "",
        fee=texts.fee.format(fee=texts.amount(fee_cents, prepared.currency)) if prepared and fee_cents else "",
        heading=heading,
        note=note,
    )


def standing_of(quote_hash: str, quote: QuoteView | None, now: datetime) -> Standing:
    """Return where a link's quote stands. A newer quote closes an older link, whatever became of it."""
    if quote is None or quote.quote is None:
        return "none"
    if quote.quote.quote_hash != quote_hash or quote.status == "blocked":
        return "replaced"
    if quote.status == "accepted":
        return "accepted"
    if quote.status == "declined":
        return "declined"
    return "expired" if now >= quote.quote.valid_until else "open"


def tier_cards(quote: QuotePrepared, texts: Texts) -> tuple[TierCard, ...]:
    """Return the offers, the recommended one first, then by price. A single one is just the repair."""
    titles = {"refurbished": texts.refurbished, "aftermarket": texts.aftermarket, "original": texts.original}
    several = len(quote.tiers) > 1
    ordered = sorted(quote.tiers, key=lambda tier: (tier.name != quote.recommended, tier.total_cents))
    return tuple(
        TierCard(
            name=tier.name,
            title=titles[tier.name] if several else texts.repair,
            price=texts.amount(tier.total_cents, quote.currency),
            lines=tuple((_label(line), texts.amount(line.amount_cents, quote.currency)) for line in tier.lines),
            warranty=texts.days.format(count=tier.warranty_days) if tier.warranty_days else texts.no_warranty,
            ready_by=texts.on(quote.prepared_at.date() + timedelta(days=tier.delivery_days)),
            recommended=several and tier.name == quote.recommended,
        )
        for tier in ordered
    )


def _label(line: QuoteLine) -> str:
    return line.label if line.quantity == 1 else f"{line.quantity} x {line.label}"


def _closed(standing: Standing, quote: QuoteView | None, texts: Texts) -> tuple[str, str]:
    if standing == "open":
        return "", ""
    if quote is not None and standing == "accepted" and quote.accepted is not None:
        said = quote.accepted
        price, on = texts.amount(said.total_cents, said.currency), texts.on(said.accepted_at.date())
        return texts.accepted, texts.accepted_text.format(price=price, name=said.signed_by, date=on)
    if quote is not None and standing == "declined" and quote.declined is not None:
        return texts.declined, texts.declined_text.format(date=texts.on(quote.declined.declined_at.date()))
    if quote is not None and standing == "expired" and quote.quote is not None:
        return texts.expired, texts.expired_text.format(date=texts.on(quote.quote.valid_until.date()))
    if standing == "replaced":
        return texts.replaced, texts.replaced_text
    return texts.nothing, texts.nothing_text
