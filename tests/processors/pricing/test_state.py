"""How events add up to a quote."""

import pytest

from processors.pricing.state import evolve, evolve_one, keys_of
from schemas.core.message import Event
from schemas.quotes import QuoteAccepted, QuoteAnswerRefused, QuoteBlocked, QuoteDeclined
from tests.processors.pricing.builders import BATTERY, NOW, TICKET, prepare, quoted, view

QUOTE = quoted(prepare((BATTERY, 1)))
HASH, OTHER = QUOTE.quote_hash, "f" * 64
BLOCKED = QuoteBlocked(ticket_id=TICKET, reason="unpriced", detail="x", blocked_at=NOW)


def accepted(quote_hash: str) -> QuoteAccepted:
    return QuoteAccepted(
        ticket_id=TICKET,
        quote_hash=quote_hash,
        tier="aftermarket",
        total_cents=1,
        currency="USD",
        signed_by="Kim",
        channel="link",
        accepted_at=NOW,
    )


def declined(quote_hash: str) -> QuoteDeclined:
    return QuoteDeclined(ticket_id=TICKET, quote_hash=quote_hash, channel="link", declined_at=NOW)


def refused(reason: str) -> QuoteAnswerRefused:
    return QuoteAnswerRefused.model_validate({"ticket_id": TICKET, "reason": reason, "detail": "x", "refused_at": NOW})


def test_answers_are_kept_beside_the_quote() -> None:
    assert evolve_one(TICKET, None, QUOTE) == view(QUOTE)
    yes, no = evolve(view(QUOTE), accepted(HASH)), evolve(view(QUOTE), declined(HASH))
    assert yes is not None
    assert no is not None
    assert (yes.status, yes.quote, yes.accepted) == ("accepted", QUOTE, accepted(HASH))
    assert (no.status, no.declined) == ("declined", declined(HASH))


@pytest.mark.parametrize("event", [accepted(OTHER), declined(OTHER), refused("expired")])
def test_event_that_does_not_fit_changes_nothing(event: Event) -> None:
    assert evolve(view(QUOTE), event) == view(QUOTE)


def test_second_answer_changes_nothing() -> None:
    yes = evolve(view(QUOTE), accepted(HASH))
    assert evolve(yes, declined(HASH)) == yes


def test_blocked_attempt_keeps_the_older_quote_for_its_version() -> None:
    state = evolve(view(QUOTE), BLOCKED)
    assert state is not None
    assert (state.status, state.quote, state.blocked) == ("blocked", QUOTE, BLOCKED)


def test_refused_answer_belongs_to_no_quote_when_there_is_none() -> None:
    assert keys_of(refused("no_quote")) == ()
    assert keys_of(refused("expired")) == (TICKET,)
    assert keys_of(QUOTE) == keys_of(BLOCKED) == keys_of(prepare()) == (TICKET,)
    assert evolve(None, refused("no_quote")) is None


def test_log_without_its_start_is_an_error() -> None:
    with pytest.raises(ValueError, match="before any quote"):
        evolve_one(TICKET, None, accepted(HASH))
