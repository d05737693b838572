import xml.etree.ElementTree as ET
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import processors.orchestrator
from processors.orchestrator.bpmn import parse
from processors.orchestrator.engine import step
from processors.orchestrator.model import (
    Definition,
    Ended,
    Event,
    Ignored,
    Message,
    MessageSpec,
    Resolve,
    ScheduleTimer,
    SendCommand,
    State,
    TaskCompleted,
    TimerFired,
)
from tests.processors.orchestrator.flow_builder import Instance, of

PATH = Path(processors.orchestrator.__file__).parent / "flows" / "repair_intake.bpmn"
FLOW = parse(PATH.read_bytes())
OPENED = "noizylab.ticket.opened.v1"
TICKET: dict[str, Any] = {"photos": ["photo-1"], "device": {"board_model": "820-00165"}, "complaint": "does not charge"}
DATA: dict[str, dict[str, Any]] = {
    "noizylab.board.inspected.v1": {"findings": [{"net": "PPBUS_G3H"}]},
    "noizylab.fault.diagnosed.v1": {"confidence": 0.9, "plan": {"parts": [{"sku": "ISL9240", "quantity": 1}]}},
    "noizylab.quote.prepared.v1": {"total": {"cents": 18_900, "currency": "CAD"}},
}
HAPPY = [
    "noizylab.board.inspected.v1",
    "noizylab.fault.diagnosed.v1",
    "noizylab.parts.reserved.v1",
    "noizylab.quote.prepared.v1",
    "noizylab.notification.sent.v1",
    "noizylab.quote.accepted.v1",
    "noizylab.parts.committed.v1",
    "noizylab.notification.sent.v1",
]


def opened(**changes: object) -> Instance:
    instance = Instance(FLOW)
    instance.message(OPENED, **{**TICKET, **changes})
    return instance


def answer(instance: Instance, message_type: str) -> None:
    instance.message(message_type, **DATA.get(message_type, {}))


def commands(instance: Instance) -> list[str]:
    return [command.type.split(".", 1)[1] for command in of(SendCommand, instance.history)]


def states_moved_to(instance: Instance) -> list[str]:
    return [c.data["to"] for c in of(SendCommand, instance.history) if c.type == "noizylab.ticket.move.v1"]


def test_approves_a_repair_when_everything_goes_well() -> None:
    instance = opened()
    for message_type in HAPPY:
        answer(instance, message_type)
    assert [ended.name for ended in of(Ended, instance.history) if ended.final] == ["Approved"]
    assert states_moved_to(instance) == ["triage", "diagnosing", "quoted", "approved", "queued"]
    assert not of(Ignored, instance.history)
    assert len(instance.state.model_copy(update={"variables": {}}).dump()) < 1_000


def test_skips_the_inspection_when_there_are_no_photographs() -> None:
    instance = opened(photos=[])
    assert commands(instance) == ["ticket.move.v1", "fault.diagnose.v1"]
    assert of(SendCommand, instance.history)[-1].data["findings"] == []


@pytest.mark.parametrize("last", ["noizylab.quote.declined.v1", "noizylab.quote.expired.v1", None])
def test_releases_the_parts_when_the_customer_does_not_accept(last: str | None) -> None:
    instance = opened()
    for message_type in HAPPY[:5]:
        answer(instance, message_type)
    if last:
        answer(instance, last)
    else:
        due = {timer.node: (timer_id, timer.due) for timer_id, timer in instance.state.timers.items()}
        timer_id, instance.now = due["no_decision"]
        instance.take(TimerFired(timer_id))
    answer(instance, "noizylab.parts.released.v1")
    answer(instance, "noizylab.notification.sent.v1")
    assert [ended.name for ended in of(Ended, instance.history) if ended.final] == ["Declined"]
    assert states_moved_to(instance)[-1] == "declined"


def test_reminds_three_times_and_goes_on_waiting() -> None:
    instance = opened()
    for message_type in HAPPY[:5]:
        answer(instance, message_type)
    for _ in range(3):
        timer_id, timer = next((i, t) for i, t in instance.state.timers.items() if t.node == "remind_daily")
        instance.now = timer.due
        instance.take(TimerFired(timer_id))
    assert [c.data["template"] for c in of(SendCommand, instance.history)[-3:]] == ["quote_reminder"] * 3
    assert [timer.node for timer in instance.state.timers.values()] == ["no_decision"]
    assert instance.waiting_at() == ["wait_customer"]


@pytest.mark.parametrize(
    ("reached", "refusal", "task"),
    [
        (0, "noizylab.board.inspection_refused.v1", "inspect_by_hand"),
        (1, "noizylab.diagnosis.abstained.v1", "diagnose_by_hand"),
        (3, "noizylab.quote.blocked.v1", "quote_by_hand"),
        (4, "noizylab.notification.failed.v1", "call_quote"),
    ],
)
def test_asks_a_person_when_a_processor_refuses(reached: int, refusal: str, task: str) -> None:
    instance = opened()
    for message_type in HAPPY[:reached]:
        answer(instance, message_type)
    answer(instance, refusal)
    assert instance.waiting_at() == [task]


def test_quotes_with_a_delivery_time_when_parts_are_short() -> None:
    instance = opened()
    for message_type in [*HAPPY[:2], "noizylab.parts.short.v1"]:
        answer(instance, message_type)
    assert instance.waiting_at() == ["prepare_quote"]
    assert instance.state.variables["shortage"] == {}


AWAITING = [node.id for node in FLOW.nodes.values() if node.command and node.command.replies]


@pytest.mark.parametrize("node_id", AWAITING)
def test_every_step_that_waits_has_a_way_back_and_a_way_by_hand(node_id: str) -> None:
    for decision in ("retry", "by_hand"):
        instance = opened()
        random = Random(node_id)
        while node_id not in instance.waiting_at():
            advance(instance, random, happy=True, towards=node_id)
        timer_id, timer = next((i, t) for i, t in instance.state.timers.items() if t.node == f"{node_id}_silent")
        assert timer.due - instance.now == timedelta(minutes=2)
        instance.now = timer.due
        instance.take(TimerFired(timer_id))
        assert instance.waiting_at() == [f"{node_id}_no_answer"]
        instance.take(TaskCompleted(next(iter(instance.state.tokens)), "mo", {"decision": decision}))
        [waiting] = instance.waiting_at()
        assert waiting == node_id if decision == "retry" else FLOW.nodes[waiting].kind == "user"


def advance(instance: Instance, random: Random, *, happy: bool = False, towards: str = "") -> Event:
    """Do one thing that can happen at this point, chosen by `random`; returns it."""
    event = choose(FLOW, instance.state, random, happy=happy, towards=towards, count=instance.count)
    instance.count += 1
    if isinstance(event, TimerFired) and event.timer_id in instance.state.timers:
        instance.now = max(instance.now, instance.state.timers[event.timer_id].due)
    instance.take(event)
    return event


def choose(definition: Definition, state: State, random: Random, *, happy: bool, towards: str, count: int) -> Event:
    token_id, token = random.choice(sorted(state.tokens.items()))
    node = definition.nodes[token.node]
    if token.incident is not None:
        return Resolve(token_id, random.choice(["retry", "skip"]), {"diagnosis": DATA["noizylab.fault.diagnosed.v1"]})
    if state.timers and not happy and random.random() < 0.3:
        return TimerFired(random.choice(sorted(state.timers)))
    if node.task is not None:
        outputs = {o.name: random.choice(o.values) if o.values else {} for o in node.task.outputs if o.required}
        return TaskCompleted(token_id, "sam", outputs)
    specs: list[MessageSpec] = [*node.messages]
    if node.command is not None:
        specs += [*node.command.replies, *(() if happy else node.command.refusals)]
    if node.id == "wait_customer" and happy:
        accepted, declined, _expired = node.messages
        specs = [declined if towards in ("release_parts", "tell_declined") else accepted]
    spec = random.choice(specs)
    data = DATA.get(spec.type, {}) if happy or random.random() < 0.8 else {}
    return Message(f"random-{count}", spec.type, data, random.choice([token_id, None]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_never_gets_stuck_and_replays_identically_whatever_happens(seed: int) -> None:
    random = Random(seed)
    instance = opened(photos=random.choice([[], ["photo-1"]]))
    begun = instance.state
    taken: list[tuple[Event, datetime]] = []
    for _ in range(200):
        if instance.state.status != "running":
            break
        assert instance.state.tokens, "a running instance always waits for something"
        taken.append((advance(instance, random), instance.now))
        once = instance.state.dump()
        if isinstance(taken[-1][0], Message | TimerFired | TaskCompleted):
            repeated = instance.take(taken[-1][0])
            assert all(isinstance(output, Ignored) for output in repeated)
            assert instance.state.dump() == once
    state = begun
    for event, now in taken:
        state, _ = step(FLOW, State.load(state.dump()), event, now)
    assert state.dump() == instance.state.dump()
    assert instance.state.status == "completed"
    scheduled = [timer.timer_id for timer in of(ScheduleTimer, instance.history)]
    assert len(scheduled) == len(set(scheduled)), "every timer is scheduled once"
    finals = [ended for ended in of(Ended, instance.history) if ended.final]
    assert [ended.name for ended in finals] in (["Approved"], ["Declined"])


def test_draws_every_node_and_flow() -> None:
    root = ET.parse(PATH).getroot()
    drawn = {element.get("bpmnElement") for element in root.iter() if "bpmnElement" in element.attrib}
    flows = {flow.id for node in FLOW.nodes.values() for flow in node.outgoing}
    assert set(FLOW.nodes) | flows | {FLOW.id} == drawn
