import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from random import Random
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.orchestrator.engine import step
from processors.orchestrator.model import (
    Ended,
    Entered,
    Event,
    Ignored,
    Message,
    RaiseTask,
    ScheduleTimer,
    SendCommand,
    State,
    TaskCompleted,
    TimerFired,
)
from schemas.core.message import Message as HouseMessage
from schemas.diagnoses import DiagnoseFault
from schemas.inspections import InspectBoard
from schemas.inventory import CommitParts, ReleaseParts, ReserveParts
from schemas.notifications import NotifyCustomer
from schemas.quotes import PrepareQuote
from schemas.tickets import MoveTicket
from tests.processors.orchestrator.flow_builder import of
from tests.processors.orchestrator.random_walk import advance
from tests.processors.orchestrator.shop import (
    FLOW,
    HAPPY,
    HASH,
    LAPTOP,
    OPENED,
    PATH,
    PHOTO,
    PLAN,
    QUOTE,
    Repair,
    opened_with,
)

SHORT = "noizylab.parts.short.v1"
DECLINED = "noizylab.quote.declined.v1"
RELEASED = "noizylab.parts.released.v1"
SENT = "noizylab.notification.sent.v1"


M = TypeVar("M", bound=HouseMessage)


def sent(repair: Repair, kind: type[M]) -> list[M]:
    return [command for command in repair.sent if isinstance(command, kind)]


def moves(repair: Repair) -> list[MoveTicket]:
    return [command for command in repair.sent if isinstance(command, MoveTicket)]


def templates(repair: Repair) -> list[str]:
    return [command.template for command in repair.sent if isinstance(command, NotifyCustomer)]


def finals(repair: Repair) -> list[str]:
    return [ended.name for ended in of(Ended, repair.history) if ended.final]


def fire(repair: Repair, boundary: str) -> None:
    """Let the time of a boundary timer come."""
    timer_id, timer = next((i, t) for i, t in repair.state.timers.items() if t.node == boundary)
    repair.now = timer.due
    repair.take(TimerFired(timer_id))


def complete(repair: Repair, **outputs: object) -> None:
    """Let a person do the one open task."""
    [task_id] = repair.state.tokens
    repair.take(TaskCompleted(task_id, "sam", outputs))


def test_approves_a_repair_when_everything_goes_well() -> None:
    repair = Repair()
    repair.answer(*HAPPY)
    assert finals(repair) == ["Approved"]
    assert [move.to for move in moves(repair)] == ["triage", "diagnosing", "quoted", "approved", "queued"]
    assert {move.actor for move in moves(repair)} == {"flow"}
    assert [type(command) for command in repair.sent if not isinstance(command, MoveTicket)] == [
        InspectBoard, DiagnoseFault, ReserveParts, PrepareQuote, NotifyCustomer, CommitParts, NotifyCustomer,
    ]  # fmt: skip
    assert templates(repair) == ["quote_ready", "repair_approved"]
    assert not of(Ignored, repair.history)
    assert not of(RaiseTask, repair.history)
    assert len(repair.state.model_copy(update={"variables": {}}).dump()) < 1_000


def test_gives_each_move_the_evidence_that_its_guard_reads() -> None:
    repair = Repair()
    repair.answer(*HAPPY)
    triage, diagnosing, quoted, approved, queued = (move.evidence for move in moves(repair))
    assert triage.bin == "intake_shelf"
    assert diagnosing.lock_state == "unlocked"
    assert (quoted.quote_hash, quoted.quote_tiers, quoted.quote_total_cents) == (HASH, 1, 18_900)
    assert quoted.quote_valid_until == QUOTE.valid_until
    assert (approved.signature_quote_hash, approved.quote_valid_until) == (HASH, QUOTE.valid_until)
    assert queued.parts_reserved is True


def test_hands_the_findings_and_the_plan_on_when_they_are_known() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:4])
    [diagnose], [reserve], [price] = (sent(repair, kind) for kind in (DiagnoseFault, ReserveParts, PrepareQuote))
    assert isinstance(diagnose, DiagnoseFault)
    assert [finding.kind for finding in diagnose.findings] == ["burn"]
    assert isinstance(reserve, ReserveParts)
    assert reserve.lines == PLAN.parts
    assert isinstance(price, PrepareQuote)
    assert (price.device, price.parts, price.missing) == (LAPTOP, PLAN.parts, ())
    assert (price.labour_minutes, price.success_probability) == (60, 0.85)


@pytest.mark.parametrize("workspace_id", ["main", "hafen", "h" * 39])
def test_takes_the_parts_from_the_stock_of_the_tickets_workspace(workspace_id: str) -> None:
    approved, declined = (Repair(OPENED.model_copy(update={"workspace_id": workspace_id})) for _ in range(2))
    approved.answer(*HAPPY)
    declined.answer(*HAPPY[:5], DECLINED)
    stock = [
        one for one in (*approved.sent, *declined.sent) if isinstance(one, ReserveParts | CommitParts | ReleaseParts)
    ]
    assert [type(one) for one in stock] == [ReserveParts, CommitParts, ReserveParts, ReleaseParts]
    assert {one.location_id for one in stock} == {workspace_id}


@pytest.mark.parametrize("workspace_id", ["main", "hafen"])
def test_says_whose_ticket_is_to_be_diagnosed(workspace_id: str) -> None:
    repair = Repair(OPENED.model_copy(update={"workspace_id": workspace_id}))
    repair.answer(*HAPPY[:1])
    [diagnose] = sent(repair, DiagnoseFault)
    assert diagnose.workspace_id == workspace_id


def test_takes_the_parts_from_main_for_a_ticket_from_before_there_were_workspaces() -> None:
    repair = Repair()
    del repair.state.variables["ticket"]["workspace_id"]
    repair.answer(*HAPPY[:2])
    [reserve] = sent(repair, ReserveParts)
    assert reserve.location_id == "main"


def test_skips_the_inspection_when_there_are_no_photographs() -> None:
    repair = Repair(opened_with(photos=()))
    assert [command.type for command in of(SendCommand, repair.history)] == [
        "noizylab.ticket.move.v1",
        "noizylab.ticket.move.v1",
        "noizylab.fault.diagnose.v1",
    ]
    assert of(SendCommand, repair.history)[-1].data["findings"] == []


@pytest.mark.parametrize(
    ("category", "lock_state", "asked"),
    [
        ("laptop", "unlocked", False),
        ("laptop", "not_applicable", False),
        ("laptop", "unknown", True),
        ("mobile", "locked", True),
        ("vacuum", "unknown", False),
        ("vacuum", "locked", True),
    ],
)
def test_asks_about_the_lock_when_it_is_not_clear(category: str, lock_state: str, asked: bool) -> None:
    repair = Repair(opened_with(photos=(), category=category, lock_state=lock_state))
    assert repair.waiting_at() == (["ask_lock"] if asked else ["diagnose"])
    if asked:
        complete(repair, lock_state="unlocked")
    assert repair.waiting_at() == ["diagnose"]
    assert moves(repair)[-1].evidence.lock_state == ("unlocked" if asked else lock_state)


@pytest.mark.parametrize("last", [DECLINED, None])
def test_releases_the_parts_when_the_customer_does_not_accept(last: str | None) -> None:
    repair = Repair()
    repair.answer(*HAPPY[:5])
    if last:
        repair.answer(last)
    else:
        started = repair.now
        fire(repair, "no_decision")
        assert repair.now - started == timedelta(days=14)
    repair.answer(RELEASED, SENT)
    assert finals(repair) == ["Declined"]
    assert moves(repair)[-1].to == "declined"
    assert (moves(repair)[-1].evidence.return_election, moves(repair)[-1].evidence.outcome) == ("return", None)
    assert len(sent(repair, ReleaseParts)) == 1
    assert templates(repair) == ["quote_ready", "quote_declined"]


def test_reminds_three_times_and_goes_on_waiting() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:5])
    for _ in range(3):
        before = repair.now
        fire(repair, "remind_daily")
        assert repair.now - before == timedelta(days=1)
    assert templates(repair) == ["quote_ready", *["quote_reminder"] * 3]
    assert [timer.node for timer in repair.state.timers.values()] == ["no_decision"]
    assert repair.waiting_at() == ["wait_customer"]


@pytest.mark.parametrize(
    ("before", "refusal", "task"),
    [
        ([], "noizylab.board.inspection_refused.v1", "inspect_by_hand"),
        (HAPPY[:1], "noizylab.diagnosis.abstained.v1", "diagnose_by_hand"),
        (HAPPY[:3], "noizylab.quote.blocked.v1", "quote_by_hand"),
        (HAPPY[:4], "noizylab.notification.failed.v1", "call_quote"),
        (HAPPY[:6], "noizylab.parts.refused.v1", "commit_by_hand"),
        (HAPPY[:7], "noizylab.notification.failed.v1", "call_approved"),
        ([*HAPPY[:5], DECLINED], "noizylab.parts.refused.v1", "release_by_hand"),
        ([*HAPPY[:5], DECLINED, RELEASED], "noizylab.notification.failed.v1", "call_declined"),
    ],
)
def test_asks_a_person_when_a_processor_refuses(before: list[str], refusal: str, task: str) -> None:
    repair = Repair()
    repair.answer(*before, refusal)
    assert repair.waiting_at() == [task]
    assert not of(Ignored, repair.history)


def test_quotes_with_a_delivery_time_when_parts_are_short() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:2], SHORT)
    assert repair.waiting_at() == ["prepare_quote"]
    price = repair.sent[-1]
    assert isinstance(price, PrepareQuote)
    assert [(part.sku, part.lead_time_days) for part in price.missing] == [("charging_ic.laptop", 3)]


def test_awaits_the_parts_when_an_accepted_repair_lacks_some() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:2], SHORT, *HAPPY[3:])
    assert finals(repair) == ["Approved"]
    last = moves(repair)[-1]
    assert (last.to, last.evidence.parts_reserved) == ("awaiting_parts", False)
    assert (last.evidence.parts_eta_days, last.evidence.reason_code) == (3, "parts_to_order")


def test_prices_again_when_the_price_list_was_completed() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:3], "noizylab.quote.blocked.v1")
    complete(repair, pricing="retry")
    assert repair.waiting_at() == ["prepare_quote"]
    repair.answer("noizylab.quote.blocked.v1")
    complete(repair, pricing="retry")
    repair.answer(*HAPPY[3:])
    assert len(sent(repair, PrepareQuote)) == 3
    assert finals(repair) == ["Approved"]


def test_declines_without_a_quote_when_no_price_can_be_given() -> None:
    repair = Repair()
    repair.answer(*HAPPY[:3], "noizylab.quote.blocked.v1")
    complete(repair, pricing="decline")
    repair.answer(RELEASED, SENT)
    assert finals(repair) == ["Declined"]
    evidence = moves(repair)[-1].evidence
    assert (evidence.reason_code, evidence.outcome) == ("not_priced", "beyond_economic_repair")


AWAITING = [node.id for node in FLOW.nodes.values() if node.command and node.command.replies]


@pytest.mark.parametrize("decision", ["retry", "by_hand"])
@pytest.mark.parametrize("node_id", AWAITING)
def test_every_step_that_waits_has_a_way_back_and_a_way_by_hand(node_id: str, decision: str) -> None:
    repair = Repair()
    random = Random(node_id)
    while node_id not in repair.waiting_at():
        advance(repair, random, happy=True, towards=node_id)
    asked = len(repair.sent)
    begun = repair.now
    fire(repair, f"{node_id}_silent")
    assert repair.now - begun == timedelta(minutes=2)
    assert repair.waiting_at() == [f"{node_id}_no_answer"]
    complete(repair, decision=decision)
    [waiting] = repair.waiting_at()
    if decision == "retry":
        assert waiting == node_id
        assert repair.sent[-1] == repair.sent[asked - 1]
    else:
        assert FLOW.nodes[waiting].kind == "user"
        assert len(repair.sent) == asked


def device_of(random: Random) -> dict[str, object]:
    return {
        "category": random.choice(["laptop", "mobile", "vacuum"]),
        "lock_state": random.choice(["unlocked", "locked", "unknown", "not_applicable"]),
    }


def wander(seed: int, *, repeating: bool) -> tuple[Repair, State, list[tuple[Event, datetime]]]:
    """Whatever happens until the flow is over; with `repeating` everything happens twice, the second time in vain."""
    random = Random(seed)
    repair = Repair(opened_with(photos=random.choice([(), (PHOTO,)]), **device_of(random)))
    begun = repair.state
    taken: list[tuple[Event, datetime]] = []
    for _ in range(200):
        if repair.state.status != "running":
            break
        assert repair.state.tokens, "a running instance always waits for something"
        taken.append((advance(repair, random), repair.now))
        once = repair.state.dump()
        if repeating and isinstance(taken[-1][0], Message | TimerFired | TaskCompleted):
            repeated = repair.take(taken[-1][0])
            assert all(isinstance(output, Ignored) for output in repeated)
            assert repair.state.dump() == once
    return repair, begun, taken


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_never_gets_stuck_and_replays_identically_whatever_happens(seed: int) -> None:
    repair, begun, taken = wander(seed, repeating=True)
    state = begun
    for event, now in taken:
        state, _ = step(FLOW, State.load(state.dump()), event, now)
    assert state.dump() == repair.state.dump()
    assert repair.state.status == "completed"
    scheduled = [timer.timer_id for timer in of(ScheduleTimer, repair.history)]
    assert len(scheduled) == len(set(scheduled)), "every timer is scheduled once"
    assert finals(repair) in (["Approved"], ["Declined"])


def test_visits_every_node_when_many_repairs_happen() -> None:
    visited: set[str] = set()
    for seed in range(150):
        repair, _, _ = wander(seed, repeating=False)
        visited |= {entered.node_id for entered in of(Entered, repair.history)}
    assert visited == set(FLOW.nodes)


def test_draws_every_node_and_flow() -> None:
    root = ET.parse(PATH).getroot()
    drawn = {element.get("bpmnElement") for element in root.iter() if "bpmnElement" in element.attrib}
    flows = {flow.id for node in FLOW.nodes.values() for flow in node.outgoing}
    assert set(FLOW.nodes) | flows | {FLOW.id} == drawn
