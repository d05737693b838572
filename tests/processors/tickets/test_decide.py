"""Intakes and moves, as the shop would answer them."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.tickets.decide import decide
from processors.tickets.imei import imei_fault
from processors.tickets.lifecycle import INITIAL_STATES, WAYS, targets_of
from processors.tickets.state import evolve
from schemas.core.check_digits import luhn_check_digit
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.device_history import RecordDeviceVisit
from schemas.devices import Device
from schemas.quotes import DeclineQuote
from schemas.tickets import (
    TERMINAL_STATES,
    TICKET_STATES,
    IntakeRefused,
    MoveEvidence,
    MoveTicket,
    TicketMoved,
    TicketMoveRefused,
    TicketOpened,
    TicketState,
)
from tests.processors.tickets.builders import HASH, LATER, NOW, OTHER_HASH, POLICY, TICKET, intake, move, photos, ticket


def only(outcome: Outcome) -> Any:
    assert isinstance(outcome, Emit)
    assert len(outcome.messages) == 1
    return outcome.messages[0]


def test_opens_a_ticket_when_photos_and_consent_are_there() -> None:
    opened = only(decide(intake(pre_approved_cents=5_000, language="da"), None, NOW, POLICY))
    assert isinstance(opened, TicketOpened)
    assert (opened.state, opened.opened_at, opened.pre_approved_cents) == ("received", NOW, 5_000)
    assert opened.language == "da"


def test_opens_a_ticket_without_photos_when_a_reason_is_given() -> None:
    opened = only(decide(intake(photos=(), no_photos_reason="device_sealed"), None, NOW, POLICY))
    assert opened.no_photos_reason == "device_sealed"


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        ({"photos": photos(1)}, "photos_missing", "1 of 2"),
        ({"photos": ()}, "photos_missing", "0 of 2"),
        ({"consent_version": "  "}, "consent_missing", "consent"),
        ({"consent_version": "", "photos": ()}, "consent_missing", "consent"),
        ({"device": Device(category="mobile", imei="490154203237519")}, "imei_invalid", "ask for 8"),
        ({"device": Device(category="mobile", imei="0" * 15)}, "imei_invalid", "blank phones"),
    ],
)
def test_refuses_an_intake_and_says_how_to_mend_it_when_something_is_missing(
    changes: dict[str, Any], reason: str, told: str
) -> None:
    refused = only(decide(intake(**changes), None, NOW, POLICY))
    assert isinstance(refused, IntakeRefused)
    assert refused.reason == reason
    assert told in refused.detail
    assert refused.workspace_id == "main"


def test_a_refused_intake_says_whose_it_was() -> None:
    refused = only(decide(intake(workspace_id="hafen", photos=()), None, NOW, POLICY))
    assert isinstance(refused, IntakeRefused)
    assert refused.workspace_id == "hafen"


def test_takes_a_phone_when_its_imei_has_the_right_check_digit() -> None:
    phone = Device(category="mobile", imei="490154203237518")
    outcome = decide(intake(device=phone), None, NOW, POLICY)
    assert isinstance(outcome, Emit)
    assert [type(message) for message in outcome.messages] == [TicketOpened, RecordDeviceVisit]


def test_drops_an_intake_when_it_is_sent_again() -> None:
    opened = evolve(None, only(decide(intake(), None, NOW, POLICY)))
    assert decide(intake(), opened, LATER, POLICY) == Drop("duplicate")


def test_refuses_an_intake_when_the_ticket_was_opened_with_other_content() -> None:
    opened = evolve(None, only(decide(intake(), None, NOW, POLICY)))
    refused = only(decide(intake(complaint="Something else."), opened, LATER, POLICY))
    assert refused.reason == "ticket_exists"


def test_rejects_a_move_when_there_is_no_such_ticket() -> None:
    outcome = decide(move("triage", bin="A-1"), None, NOW, POLICY)
    assert isinstance(outcome, Reject)
    assert outcome.reason == "no_such_ticket"
    assert TICKET in outcome.detail


def test_rejects_a_command_of_another_processor() -> None:
    foreign = DeclineQuote(ticket_id=TICKET, quote_hash=HASH, channel="link")
    assert isinstance(decide(foreign, ticket(), NOW, POLICY), Reject)


@pytest.mark.parametrize("state", TICKET_STATES)
def test_drops_a_move_to_the_state_the_ticket_is_in(state: Any) -> None:
    assert decide(move(state), ticket(state, quote_hash=HASH), NOW, POLICY) == Drop("already_there")


def test_moves_a_quoted_ticket_to_its_changed_quote() -> None:
    quoted = ticket("quoted", quote_hash=HASH, quote_valid_until=NOW)
    again = move("quoted", quote_hash=OTHER_HASH, quote_tiers=2, quote_valid_until=LATER, quote_total_cents=700)
    after = evolve(quoted, only(decide(again, quoted, NOW, POLICY)))
    assert after is not None
    assert (after.state, after.quote_hash, after.quote_total_cents) == ("quoted", OTHER_HASH, 700)
    refused = only(decide(move("approved", signature_quote_hash=HASH), after, NOW, POLICY))
    assert refused.guard == "quote_signed"


def test_refusal_names_the_guard_and_leaves_the_ticket_where_it_is() -> None:
    before = ticket("received")
    refused = only(decide(move("triage"), before, NOW, POLICY))
    assert isinstance(refused, TicketMoveRefused)
    assert (refused.from_state, refused.to_state, refused.guard) == ("received", "triage", "bin_assigned")
    assert evolve(before, refused) == before


def test_repair_runs_from_intake_to_collection_along_the_flow() -> None:
    now_known: list[MoveTicket] = [
        move("triage", bin="A-12"),
        move("diagnosing", lock_state="unlocked"),
        move("quoted", quote_tiers=3, quote_hash=HASH, quote_total_cents=20_095, quote_valid_until=LATER),
        move("approved", signature_quote_hash=HASH),
        move("awaiting_parts", parts_reserved=False, parts_eta_days=4),
        move("queued", parts_reserved=True),
        move("repairing", repaired_by="ann"),
        move("qc", steps_signed=True, part_serials_consumed=True),
        move("rework", reason_code="screw_missing"),
        move("qc", steps_signed=True, part_serials_consumed=True),
        move("ready"),
        move("collected", balance_cents=0, collector_verified=True, post_condition_signed=True),
    ]
    state = evolve(None, only(decide(intake(), None, NOW, POLICY)))
    for command in now_known:
        state = evolve(state, only(decide(command, state, NOW, POLICY)))
        assert state is not None
        assert state.state == command.to
    assert state is not None
    assert (state.version, state.outcome, state.payment, state.custody) == (13, "fixed", "paid", "customer")
    assert state.bin == "A-12"


def test_hundred_thousand_random_commands_never_leave_the_table() -> None:
    """Plain random, not Hypothesis: this is about volume. Evidence is drawn so that guards often hold."""
    chance = random.Random(20260302)
    evidence = [_random_evidence(chance) for _ in range(400)]
    commands = {to: [_command(to, known) for known in evidence] for to in TICKET_STATES}
    starts = [ticket(state, pre_approved_cents=9_000) for state in INITIAL_STATES]
    state = starts[0]
    seen: set[str] = set()
    moves = refusals = 0
    for _ in range(100_000):
        if state.state in TERMINAL_STATES:
            state = chance.choice(starts)
        # Half of the wishes name a state that the table allows, so that tickets get far.
        allowed = targets_of(state.state) if chance.random() < 0.5 else TICKET_STATES
        command = chance.choice(commands[chance.choice(allowed)])
        outcome = decide(command, state, NOW, POLICY)
        if isinstance(outcome, Drop):
            continue
        event = only(outcome)
        after = evolve(state, event)
        assert after is not None
        if isinstance(event, TicketMoved):
            moves += 1
            assert (state.state, event.to_state) in WAYS
            assert (event.from_state, after.state) == (state.state, event.to_state)
            assert after.version == event.version == state.version + 1
        else:
            refusals += 1
            assert after is state
        state = after
        seen.add(state.state)
    assert seen == set(TICKET_STATES)
    assert moves > 5_000
    assert refusals > 5_000


def _command(to: TicketState, known: MoveEvidence) -> MoveTicket:
    return MoveTicket(ticket_id=TICKET, to=to, reason="random", actor="ann", evidence=known)


def _random_evidence(chance: random.Random) -> MoveEvidence:
    def maybe(*values: Any) -> Any:
        return chance.choice((None, *values))

    return MoveEvidence(
        bin=maybe("A-1", "B-2"),
        lock_state=maybe("unlocked", "locked", "unknown", "not_applicable"),
        on_stolen_list=maybe(False, True),
        quote_hash=maybe(HASH, OTHER_HASH),
        quote_total_cents=maybe(1_000, 50_000),
        quote_valid_until=maybe(LATER, LATER),
        quote_tiers=maybe(0, 3),
        signature_quote_hash=maybe(HASH, OTHER_HASH),
        deposit_required=maybe(True, False),
        parts_reserved=maybe(True, False),
        parts_eta_days=maybe(3),
        steps_signed=maybe(True),
        part_serials_consumed=maybe(True),
        value_cents=maybe(100, 90_000),
        repaired_by=maybe("ann"),
        checked_by=maybe("ann", "bob"),
        reason_code=maybe("duplicate_ticket", "board_corroded"),
        reassembled=maybe(True, False),
        balance_cents=maybe(0, 100),
        credit_terms=maybe(True),
        collector_verified=maybe(True),
        post_condition_signed=maybe(True),
        abandonment_case=maybe("AB-1"),
        return_election=maybe("return", "dispose"),
        outcome=maybe("unrepairable", "no_fault_found", "fixed"),
    )


def test_luhn_check_digit_is_that_of_the_published_example() -> None:
    assert luhn_check_digit("7992739871") == 3
    assert imei_fault("490154203237518") is None


@given(st.text("0123456789", min_size=14, max_size=14), st.integers(0, 14), st.integers(1, 9))
def test_imei_is_refused_when_any_single_digit_is_wrong(stem: str, position: int, shift: int) -> None:
    right = stem + str(luhn_check_digit(stem))
    wrong = right[:position] + str((int(right[position]) + shift) % 10) + right[position + 1 :]
    assert imei_fault(wrong) is not None
    assert imei_fault(right) is None or len(set(right)) == 1


@pytest.mark.parametrize("text", ["", "12345", "49015420323751x", "٤٩٠١٥٤٢٠٣٢٣٧٥١٨"])
def test_imei_is_refused_when_it_is_not_fifteen_digits(text: str) -> None:
    assert imei_fault(text) is not None
