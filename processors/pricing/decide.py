"""What a quote answers to a wish for a price and to the customer. Pure and total."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from connectors.pricelist.port import PartPrice
from processors.pricing.config import Policy
from processors.pricing.quote import build_quote, offered_tiers
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.quotes import (
    AcceptQuote,
    DeclineQuote,
    PrepareQuote,
    QuoteAccepted,
    QuoteAnswerRefused,
    QuoteBlocked,
    QuoteDeclined,
    QuotePrepared,
    QuoteView,
)

RefusalReason = Literal["no_quote", "other_version", "expired", "already_answered", "unknown_tier"]


def decide(
    command: Message, state: QuoteView | None, now: datetime, prices: Mapping[str, PartPrice], policy: Policy
) -> Outcome:
    """Answer a command about the quote of one ticket. ``prices`` holds what the price list knows of the parts."""
    match command:
        case PrepareQuote():
            return _prepare(command, state, now, prices, policy)
        case AcceptQuote():
            return _accept(command, state, now)
        case DeclineQuote():
            return _decline(command, state, now)
        case _:
            return Reject("unknown_command", f"pricing does not handle {command.TYPE}")


def _prepare(
    command: PrepareQuote, state: QuoteView | None, now: datetime, prices: Mapping[str, PartPrice], policy: Policy
) -> Outcome:
    unpriced = tuple(sorted({line.sku for line in command.parts if not _is_priced(line.sku, prices)}))
    if unpriced:
        return _block(
            command,
            "unpriced",
            f"No price is known for {', '.join(unpriced)}; add it to the price list.",
            now,
            unpriced,
        )
    if command.labour_minutes > policy.longest_labour_minutes:
        return _block(
            command,
            "labour_out_of_range",
            f"{command.labour_minutes} minutes of labour are more than the {policy.longest_labour_minutes} that may be "
            "priced without a person; split the repair or price it by hand.",
            now,
        )
    if not command.parts and command.labour_minutes == 0:
        return _block(command, "nothing_to_price", "The plan has neither parts nor labour; complete the plan.", now)
    if command.success_probability < policy.least_success_probability:
        return _block(
            command,
            "success_unlikely",
            f"The chance of success is {command.success_probability:.2f}; below {policy.least_success_probability:.2f} "
            "no fair price covers the risk. Measure further, or offer a price by hand.",
            now,
        )
    offered = offered_tiers(command, prices, policy)
    version = (state.quote.version if state is not None and state.quote is not None else 0) + 1
    return Emit.of(build_quote(command, offered, prices, version, now, policy))


def _is_priced(sku: str, prices: Mapping[str, PartPrice]) -> bool:
    return sku in prices and bool(prices[sku].cost_cents)


def _block(command: PrepareQuote, reason: str, detail: str, now: datetime, unpriced: tuple[str, ...] = ()) -> Outcome:
    return Emit.of(
        QuoteBlocked(ticket_id=command.ticket_id, reason=reason, detail=detail, unpriced=unpriced, blocked_at=now)
    )


def _accept(command: AcceptQuote, state: QuoteView | None, now: datetime) -> Outcome:
    quote = _open_quote(state)
    if quote is None or state is None:
        return _refuse(command, "no_quote", "There is no quote to answer; prepare one first.", now)
    if command.quote_hash != quote.quote_hash:
        return _refuse(command, "other_version", _other_version(quote), now)
    if state.accepted is not None and state.accepted.tier == command.tier:
        return Drop("duplicate")
    if state.accepted is not None or state.declined is not None:
        return _refuse(command, "already_answered", _already(state), now)
    if now > quote.valid_until:
        return _refuse(command, "expired", _expired(quote), now)
    tier = next((tier for tier in quote.tiers if tier.name == command.tier), None)
    if tier is None:
        names = ", ".join(tier.name for tier in quote.tiers)
        return _refuse(command, "unknown_tier", f"The quote has no tier {command.tier}; choose one of {names}.", now)
    return Emit.of(
        QuoteAccepted(
            ticket_id=command.ticket_id,
            quote_hash=quote.quote_hash,
            tier=tier.name,
            total_cents=tier.total_cents,
            currency=quote.currency,
            signed_by=command.signed_by,
            channel=command.channel,
            accepted_at=now,
        )
    )


def _decline(command: DeclineQuote, state: QuoteView | None, now: datetime) -> Outcome:
    quote = _open_quote(state)
    if quote is None or state is None:
        return _refuse(command, "no_quote", "There is no quote to answer; prepare one first.", now)
    if command.quote_hash != quote.quote_hash:
        return _refuse(command, "other_version", _other_version(quote), now)
    if state.declined is not None:
        return Drop("duplicate")
    if state.accepted is not None:
        return _refuse(command, "already_answered", _already(state), now)
    if now > quote.valid_until:
        return _refuse(command, "expired", _expired(quote), now)
    return Emit.of(
        QuoteDeclined(
            ticket_id=command.ticket_id,
            quote_hash=quote.quote_hash,
            reason=command.reason,
            channel=command.channel,
            declined_at=now,
        )
    )


def _open_quote(state: QuoteView | None) -> QuotePrepared | None:
    """The quote that can be answered. A later attempt to price that was blocked takes an older quote back."""
    return state.quote if state is not None and state.status != "blocked" else None


def _other_version(quote: QuotePrepared) -> str:
    return f"The answer is for another version; version {quote.version} is the newest, show it and answer that."


def _expired(quote: QuotePrepared) -> str:
    return f"The quote was valid until {quote.valid_until:%Y-%m-%d %H:%M} UTC; prepare a new version."


def _already(state: QuoteView) -> str:
    answer = f"accepted ({state.accepted.tier})" if state.accepted is not None else "declined"
    return f"The quote is already {answer}; to change that, prepare a new version and answer it."


def _refuse(command: AcceptQuote | DeclineQuote, reason: RefusalReason, detail: str, now: datetime) -> Outcome:
    return Emit.of(QuoteAnswerRefused(ticket_id=command.ticket_id, reason=reason, detail=detail, refused_at=now))
