"""Properties of the table itself, and a sentence for each rule of the shop."""

from collections.abc import Callable
from typing import Any

import pytest

from processors.tickets.diagram import diagram, table
from processors.tickets.guards import Situation
from processors.tickets.lifecycle import (
    CLOCKS,
    INITIAL_STATES,
    STATES,
    TRANSITIONS,
    WAYS,
    refusal_of,
    targets_of,
)
from schemas.devices import Device
from schemas.tickets import TERMINAL_STATES, TICKET_STATES, MoveEvidence, TicketState
from tests.processors.tickets.builders import HASH, LATER, NOW, OTHER_HASH, POLICY, ticket

QUOTE = {"quote_tiers": 3, "quote_hash": HASH, "quote_valid_until": LATER}
HOPELESS = {"outcome": "unrepairable", "reason_code": "board_corroded"}

# from, to, what the ticket is like, what is known, the guard that refuses (None: the move is allowed)
RULES: list[tuple[TicketState, TicketState, dict[str, Any], dict[str, Any], str | None]] = [
    ("draft", "booked", {}, {}, None),
    ("booked", "received", {}, {}, None),
    ("booked", "received", {"photos": ()}, {}, "photos_taken"),
    ("booked", "received", {"photos": ()}, {"reason_code": "device_sealed"}, None),
    ("draft", "received", {}, {"on_stolen_list": True}, "not_stolen"),
    ("received", "triage", {}, {}, "bin_assigned"),
    ("received", "triage", {}, {"bin": "  "}, "bin_assigned"),
    ("received", "triage", {}, {"bin": "A-12"}, None),
    ("received", "triage", {"bin": "A-12"}, {}, None),
    ("received", "diagnosing", {"bin": "A-12"}, {"lock_state": "unlocked"}, "no_transition"),
    ("triage", "diagnosing", {}, {}, "lock_open"),
    ("triage", "diagnosing", {}, {"lock_state": "locked"}, "lock_open"),
    ("triage", "diagnosing", {}, {"lock_state": "unlocked"}, None),
    ("triage", "blocked_lock", {}, {"lock_state": "locked"}, None),
    ("triage", "blocked_lock", {}, {"lock_state": "not_applicable"}, "lock_closed"),
    ("blocked_lock", "diagnosing", {}, {"lock_state": "unlocked"}, None),
    ("diagnosing", "quoted", {}, QUOTE, None),
    ("diagnosing", "quoted", {}, QUOTE | {"quote_tiers": 0}, "quote_ready"),
    ("diagnosing", "quoted", {}, QUOTE | {"quote_valid_until": None}, "quote_ready"),
    ("diagnosing", "queued", {"pre_approved_cents": 9_000}, {"quote_total_cents": 9_000}, None),
    ("diagnosing", "queued", {"pre_approved_cents": 9_000}, {"quote_total_cents": 9_001}, "within_cap"),
    ("diagnosing", "queued", {}, {"quote_total_cents": 1}, "within_cap"),
    (
        "diagnosing",
        "queued",
        {"pre_approved_cents": 9_000},
        {"quote_total_cents": 1, "parts_reserved": False},
        "parts_not_missing",
    ),
    ("diagnosing", "awaiting_parts", {"pre_approved_cents": 9}, {"quote_total_cents": 9, "parts_eta_days": 2}, None),
    ("quoted", "approved", {"quote_hash": HASH, "quote_valid_until": LATER}, {"signature_quote_hash": HASH}, None),
    ("quoted", "approved", {"quote_hash": HASH, "quote_valid_until": LATER}, {}, "quote_signed"),
    ("quoted", "approved", {"quote_hash": HASH}, {"signature_quote_hash": OTHER_HASH}, "quote_signed"),
    ("quoted", "declined", {}, {}, "return_elected"),
    ("quoted", "declined", {}, {"return_election": "return"}, None),
    ("quoted", "declined", {}, HOPELESS, None),
    ("approved", "quoted", {"quote_hash": OTHER_HASH}, QUOTE, None),
    ("repairing", "quoted", {"quote_hash": OTHER_HASH}, QUOTE, None),
    ("approved", "quoted", {"quote_hash": HASH}, QUOTE, "quote_changed"),
    ("approved", "awaiting_deposit", {}, {"deposit_required": True}, None),
    ("approved", "awaiting_deposit", {}, {}, "deposit_due"),
    ("approved", "queued", {}, {"parts_reserved": True}, None),
    ("approved", "queued", {}, {"parts_reserved": True, "deposit_required": True}, "no_deposit_due"),
    ("approved", "queued", {}, {"parts_reserved": False}, "parts_reserved"),
    ("approved", "awaiting_parts", {}, {"parts_reserved": False, "parts_eta_days": 4}, None),
    ("approved", "awaiting_parts", {}, {"parts_reserved": False}, "parts_eta"),
    ("approved", "awaiting_parts", {}, {"parts_reserved": False, "reason_code": "no_supplier"}, None),
    ("approved", "awaiting_parts", {}, {"parts_reserved": True, "parts_eta_days": 4}, "parts_eta"),
    ("awaiting_deposit", "queued", {}, {"parts_reserved": True}, "deposit_settled"),
    ("awaiting_deposit", "queued", {}, {"parts_reserved": True, "deposit_required": False}, None),
    ("awaiting_parts", "queued", {}, {"parts_reserved": True}, None),
    ("queued", "repairing", {}, {}, None),
    ("repairing", "qc", {}, {"steps_signed": True}, "serials_consumed"),
    ("repairing", "qc", {}, {"steps_signed": True, "part_serials_consumed": True}, None),
    ("repairing", "ready", {}, {"steps_signed": True}, "given_up"),
    ("qc", "ready", {"quote_total_cents": 30_000}, {}, None),
    ("qc", "ready", {}, {"value_cents": 30_001}, "second_person"),
    ("qc", "ready", {}, {"value_cents": 30_001, "repaired_by": "ann", "checked_by": "ann"}, "second_person"),
    ("qc", "ready", {}, {"value_cents": 30_001, "repaired_by": "ann", "checked_by": "bob"}, None),
    ("qc", "rework", {}, {}, "cause_named"),
    ("qc", "rework", {}, {"reason_code": "screw_missing"}, None),
    ("ready", "rework", {}, {"reason_code": "fault_still_there"}, None),
    ("rework", "qc", {}, {"steps_signed": True, "part_serials_consumed": True}, None),
    ("repairing", "declined", {}, HOPELESS, None),
    ("repairing", "declined", {}, {"outcome": "unrepairable"}, "given_up"),
    ("repairing", "ready", {}, HOPELESS, "reassembly_noted"),
    ("repairing", "ready", {}, HOPELESS | {"reassembled": False}, None),
    ("diagnosing", "ready", {}, {"outcome": "no_fault_found", "reassembled": True}, None),
    ("declined", "ready", {}, {"reassembled": True}, None),
    ("declined", "ready", {}, {}, "reassembled"),
    ("declined", "disposed", {}, {"return_election": "return"}, "disposal_elected"),
    ("declined", "disposed", {}, {"return_election": "dispose"}, None),
    ("booked", "cancelled", {}, {}, None),
    ("triage", "cancelled", {}, {}, "handed_back"),
    ("triage", "cancelled", {}, {"collector_verified": True}, None),
    ("triage", "cancelled", {}, {"reason_code": "duplicate_ticket"}, None),
    ("repairing", "cancelled", {}, {"collector_verified": True}, "no_transition"),
    ("ready", "collected", {}, {"balance_cents": 0, "collector_verified": True}, "post_condition_signed"),
    ("ready", "collected", {}, {"balance_cents": 1, "collector_verified": True}, "balance_settled"),
    ("ready", "collected", {}, {"balance_cents": -1, "collector_verified": True}, "balance_settled"),
    (
        "ready",
        "collected",
        {},
        {"balance_cents": 500, "credit_terms": True, "collector_verified": True, "post_condition_signed": True},
        None,
    ),
    ("ready", "disposed", {}, {"abandonment_case": "AB-7"}, None),
    ("ready", "disposed", {}, {}, "abandonment_finished"),
    ("collected", "received", {}, {}, "no_transition"),
]


@pytest.mark.parametrize(("source", "target", "like", "known", "guard"), RULES)
def test_guards_answer_as_the_shop_would(
    source: TicketState, target: TicketState, like: dict[str, Any], known: dict[str, Any], guard: str | None
) -> None:
    refusal = refusal_of(Situation(ticket(source, **like), MoveEvidence(**known), NOW, POLICY), target)
    assert (refusal.guard if refusal else None) == guard
    assert refusal is None or refusal.detail.endswith(".")


def test_table_describes_exactly_the_states_of_the_schema() -> None:
    assert set(STATES) == set(TICKET_STATES)
    assert {name for name, state in STATES.items() if state.terminal} == set(TERMINAL_STATES)


def test_clock_runs_in_every_state_with_the_device_in_the_shop() -> None:
    idle = {name for name, state in STATES.items() if not state.clocks}
    assert idle == {"draft", "booked", *TERMINAL_STATES}
    assert {clock for state in STATES.values() for clock in state.clocks} == set(CLOCKS)


def test_no_state_is_a_dead_end_and_terminal_states_are_final() -> None:
    for name, state in STATES.items():
        assert bool(targets_of(name)) is not state.terminal


def test_every_state_is_reachable_from_the_intake_or_a_booking() -> None:
    assert _reached(set(INITIAL_STATES), lambda state: set(targets_of(state))) == set(TICKET_STATES)
    assert _reached({"received"}, lambda state: set(targets_of(state))) == set(TICKET_STATES) - {"draft", "booked"}


@pytest.mark.parametrize("terminal", TERMINAL_STATES)
def test_every_terminal_state_is_reachable_from_every_other(terminal: TicketState) -> None:
    back = _reached({terminal}, lambda state: {source for source, target in WAYS if target == state})
    assert back - {terminal} == {name for name, state in STATES.items() if not state.terminal}


def test_same_ends_with_the_same_guards_are_declared_once() -> None:
    assert len(TRANSITIONS) == len(set(TRANSITIONS))


def test_guard_names_are_unique_and_say_what_they_need() -> None:
    named = {guard.name: guard for way in TRANSITIONS for guard in way.guards}
    assert all(guard is named[guard.name] and guard.needs for way in TRANSITIONS for guard in way.guards)


def test_device_without_activation_locks_is_diagnosed_when_its_lock_was_never_checked() -> None:
    cleaner = ticket("triage", device=Device(category="vacuum"))
    assert refusal_of(Situation(cleaner, MoveEvidence(), NOW, POLICY), "diagnosing") is None


def test_lock_found_at_intake_counts_when_the_move_says_nothing() -> None:
    phone = ticket("triage", device=Device(category="mobile", lock_state="unlocked"))
    assert refusal_of(Situation(phone, MoveEvidence(), NOW, POLICY), "diagnosing") is None
    found_locked = MoveEvidence(lock_state="locked")
    assert refusal_of(Situation(phone, found_locked, NOW, POLICY), "diagnosing") is not None


def test_approval_is_refused_when_the_quote_expired() -> None:
    quoted = ticket("quoted", quote_hash=HASH, quote_valid_until=NOW)
    signed = MoveEvidence(signature_quote_hash=HASH)
    assert refusal_of(Situation(quoted, signed, NOW, POLICY), "approved") is None
    refusal = refusal_of(Situation(quoted, signed, LATER, POLICY), "approved")
    assert refusal is not None
    assert refusal.guard == "quote_valid"


def test_refusal_lists_the_ways_out_when_there_is_none_to_the_target() -> None:
    refusal = refusal_of(Situation(ticket("received"), MoveEvidence(), NOW, POLICY), "collected")
    assert refusal is not None
    assert "triage, declined, ready, cancelled" in refusal.detail


def test_diagram_and_tables_name_every_state_way_and_guard() -> None:
    drawn, told = diagram(), table()
    for source, target in WAYS:
        assert f"    {source} --> {target}" in drawn
    for way in TRANSITIONS:
        assert all(guard.name in drawn and guard.name in told for guard in way.guards)
    assert drawn.count("--> [*]") == len(TERMINAL_STATES)
    assert all(f"| {name}" in told for name in STATES)


def _reached(start: set[TicketState], following: Callable[[TicketState], set[TicketState]]) -> set[TicketState]:
    seen, open_states = set(start), list(start)
    while open_states:
        for state in following(open_states.pop()) - seen:
            seen.add(state)
            open_states.append(state)
    return seen
