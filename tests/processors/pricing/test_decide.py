"""Wishes for a price and answers of customers, as the shop would take them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.pricing.decide import decide
from processors.pricing.state import evolve
from schemas.core.message import Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.quotes import (
    AcceptQuote,
    DeclineQuote,
    QuoteAccepted,
    QuoteAnswerRefused,
    QuoteBlocked,
    QuoteDeclined,
    QuoteView,
)
from schemas.tickets import MoveTicket
from tests.processors.pricing.builders import (
    BATTERY,
    LATER,
    NOW,
    POLICY,
    PRICES,
    SCREEN,
    TICKET,
    prepare,
    price_of,
    quoted,
    view,
)

QUOTE = quoted(prepare((BATTERY, 1)))
OTHER = "f" * 64
FLUX = "flux_capacitor.laptop"


def ask(command: Message, state: QuoteView | None, now: Any = NOW) -> Outcome:
    return decide(command, state, now, PRICES, POLICY)


def only(outcome: Outcome) -> Any:
    assert isinstance(outcome, Emit)
    (message,) = outcome.messages
    return message


def accept(quote_hash: str = QUOTE.quote_hash, tier: Any = "aftermarket") -> AcceptQuote:
    return AcceptQuote(ticket_id=TICKET, quote_hash=quote_hash, tier=tier, signed_by="Kim", channel="link")


def decline(quote_hash: str = QUOTE.quote_hash) -> DeclineQuote:
    return DeclineQuote(ticket_id=TICKET, quote_hash=quote_hash, reason="too dear", channel="link")


def after(state: QuoteView | None, command: Message) -> QuoteView:
    new = evolve(state, only(ask(command, state)))
    assert new is not None
    return new


def test_accepting_binds_the_answer_to_tier_total_and_hash() -> None:
    accepted = only(ask(accept(tier="original"), view(QUOTE)))
    assert isinstance(accepted, QuoteAccepted)
    original = next(tier for tier in QUOTE.tiers if tier.name == "original")
    assert (accepted.total_cents, accepted.quote_hash, accepted.currency) == (
        original.total_cents,
        QUOTE.quote_hash,
        "USD",
    )
    assert accepted.accepted_at == NOW


def test_declining_keeps_the_reason() -> None:
    declined = only(ask(decline(), view(QUOTE)))
    assert isinstance(declined, QuoteDeclined)
    assert declined.reason == "too dear"


@pytest.mark.parametrize("command", [accept(), decline()])
@pytest.mark.parametrize(
    ("state", "now", "reason"),
    [
        (None, NOW, "no_quote"),
        (view(QUOTE.model_copy(update={"quote_hash": OTHER})), NOW, "other_version"),
        (view(QUOTE), LATER, "expired"),
    ],
)
def test_answer_is_refused_when_it_does_not_fit_the_quote(
    command: Message, state: QuoteView | None, now: Any, reason: str
) -> None:
    refused = only(ask(command, state, now))
    assert isinstance(refused, QuoteAnswerRefused)
    assert (refused.reason, refused.refused_at) == (reason, now)


def test_answer_is_taken_up_to_the_last_moment() -> None:
    assert isinstance(only(ask(accept(), view(QUOTE), QUOTE.valid_until)), QuoteAccepted)
    just_late = QUOTE.valid_until + timedelta(microseconds=1)
    assert only(ask(accept(), view(QUOTE), just_late)).reason == "expired"


def test_accepting_is_refused_when_the_quote_has_no_such_tier() -> None:
    refused = only(ask(accept(tier="refurbished"), view(QUOTE)))
    assert refused.reason == "unknown_tier"
    assert "aftermarket, original" in refused.detail


def test_same_answer_again_is_dropped_even_when_the_quote_has_expired_since() -> None:
    accepted, declined = after(view(QUOTE), accept()), after(view(QUOTE), decline())
    assert ask(accept(), accepted, LATER) == Drop("duplicate")
    assert ask(decline(), declined, LATER) == Drop("duplicate")


def test_contrary_answer_is_refused() -> None:
    accepted, declined = after(view(QUOTE), accept()), after(view(QUOTE), decline())
    assert only(ask(decline(), accepted)).reason == "already_answered"
    assert only(ask(accept(tier="original"), accepted)).reason == "already_answered"
    assert only(ask(accept(), declined)).reason == "already_answered"


def test_new_version_resets_the_answer_and_refuses_the_old_hash() -> None:
    state = after(after(view(QUOTE), decline()), prepare((BATTERY, 1)))
    assert state.quote is not None
    assert (state.status, state.quote.version, state.declined) == ("prepared", 2, None)
    assert state.quote.quote_hash != QUOTE.quote_hash
    assert only(ask(accept(), state)).reason == "other_version"
    assert isinstance(only(ask(accept(state.quote.quote_hash), state)), QuoteAccepted)


def test_price_of_a_ticket_does_not_change_when_it_is_asked_again() -> None:
    again = after(view(QUOTE), prepare((BATTERY, 1))).quote
    assert again is not None
    assert (again.total_cents, again.jitter) == (QUOTE.total_cents, QUOTE.jitter)


@pytest.mark.parametrize(
    ("command", "reason", "unpriced"),
    [
        (prepare((FLUX, 1), (BATTERY, 1), ("antenna.tv", 2)), "unpriced", ("antenna.tv", FLUX)),
        (prepare((BATTERY, 1), labour_minutes=2_401), "labour_out_of_range", ()),
        (prepare(labour_minutes=0), "nothing_to_price", ()),
        (prepare((BATTERY, 1), success_probability=0.05), "success_unlikely", ()),
    ],
)
def test_quote_is_blocked_when_no_honest_price_can_be_given(
    command: Any, reason: str, unpriced: tuple[str, ...]
) -> None:
    blocked = only(ask(command, None))
    assert isinstance(blocked, QuoteBlocked)
    assert (blocked.reason, blocked.unpriced) == (reason, unpriced)
    assert all(sku in blocked.detail for sku in unpriced)


def test_quote_is_blocked_when_a_part_is_listed_without_a_cost() -> None:
    prices = PRICES | {BATTERY: price_of(BATTERY, {})}
    blocked = only(decide(prepare((BATTERY, 1), (SCREEN, 1)), None, NOW, prices, POLICY))
    assert blocked.unpriced == (BATTERY,)


def test_older_quote_can_no_longer_be_answered_when_a_later_one_was_blocked() -> None:
    blocked = after(view(QUOTE), prepare((FLUX, 1)))
    assert blocked.status == "blocked"
    assert only(ask(accept(), blocked)).reason == "no_quote"
    again = after(blocked, prepare((BATTERY, 1)))
    assert again.quote is not None
    assert again.quote.version == 2


commands = st.sampled_from(
    [
        prepare((BATTERY, 1)),
        prepare((FLUX, 1)),
        accept(),
        accept(OTHER),
        accept(tier="refurbished"),
        decline(),
        decline(OTHER),
    ]
)


@given(st.lists(st.tuples(commands, st.integers(0, 40)), max_size=12))
def test_every_command_gets_an_answer_and_a_quote_at_most_one_answer(steps: list[tuple[Message, int]]) -> None:
    state: QuoteView | None = None
    for command, days in steps:
        now = NOW + timedelta(days=days)
        outcome = ask(command, state, now)
        assert outcome == ask(command, state, now)
        if isinstance(outcome, Emit):
            state = evolve(state, only(outcome))
        else:
            assert isinstance(outcome, Drop)
        if state is not None:
            assert (state.accepted is None) or (state.declined is None)
            assert (state.status == "accepted") == (state.accepted is not None)
            assert (state.status == "declined") == (state.declined is not None)


def test_command_of_another_processor_is_rejected() -> None:
    foreign = MoveTicket(ticket_id=TICKET, to="ready", reason="x", actor="x")
    assert isinstance(ask(foreign, None), Reject)
