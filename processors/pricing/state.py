"""How a quote's events add up to its state. Pure and total."""

from schemas.core.message import Event, Message
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


def keys_of(message: Message) -> tuple[str, ...]:
    """Return the ticket whose quote a message is about. An answer where there is no quote changes none."""
    match message:
        case QuoteAnswerRefused(reason="no_quote"):
            return ()
        case (
            PrepareQuote()
            | AcceptQuote()
            | DeclineQuote()
            | QuotePrepared()
            | QuoteBlocked()
            | QuoteAccepted()
            | QuoteDeclined()
            | QuoteAnswerRefused()
        ):
            return (message.ticket_id,)
        case _:
            return ()


def evolve_one(_key: str, state: QuoteView | None, event: Event) -> QuoteView:
    """Return the quote after an event that ``keys_of`` ties to it.

    Raises:
        ValueError: an answer comes before any quote; the log is not complete.
    """
    after = evolve(state, event)
    if after is None:
        raise ValueError(f"{event.TYPE} comes before any quote was prepared; read its events from the start")
    return after


def evolve(state: QuoteView | None, event: Event) -> QuoteView | None:
    """Return the quote after ``event``; None while there is none. An event that does not fit changes nothing."""
    match event:
        case QuotePrepared():
            return QuoteView(ticket_id=event.ticket_id, status="prepared", quote=event)
        case QuoteBlocked():
            # The older quote is kept for its version number; it can no longer be answered.
            quote = state.quote if state is not None else None
            return QuoteView(ticket_id=event.ticket_id, status="blocked", quote=quote, blocked=event)
        case QuoteAccepted() if _answers(state, event.quote_hash):
            assert state is not None
            return state.model_copy(update={"status": "accepted", "accepted": event})
        case QuoteDeclined() if _answers(state, event.quote_hash):
            assert state is not None
            return state.model_copy(update={"status": "declined", "declined": event})
        case _:
            return state


def _answers(state: QuoteView | None, quote_hash: str) -> bool:
    return (
        state is not None
        and state.status == "prepared"
        and state.quote is not None
        and state.quote.quote_hash == quote_hash
    )
