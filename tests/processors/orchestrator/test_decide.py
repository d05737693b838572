from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.orchestrator import model
from processors.orchestrator.decide import command_id, decide, due_timers
from processors.orchestrator.deployment import deploy
from processors.orchestrator.engine import step
from processors.orchestrator.state import NO_FLOW, evolve, evolve_one, keys_of
from schemas.core.envelope import NAMESPACE
from schemas.core.message import Command, Event, Message
from schemas.core.outcome import Drop, Emit, Reject
from schemas.diagnoses import DiagnoseFault
from schemas.inspections import InspectBoard
from schemas.inventory import ReserveParts
from schemas.notifications import NotifyCustomer
from schemas.quotes import PrepareQuote
from schemas.tickets import MoveTicket
from schemas.workflow import (
    CompleteTask,
    FireTimer,
    FlowAdvanced,
    FlowEnded,
    FlowView,
    IncidentRaised,
    IncidentResolved,
    ResolveIncident,
    SignalFlow,
    TaskClosed,
    TaskCompleted,
    TaskRaised,
    TaskRefused,
)
from tests.processors.orchestrator.desk import FLOWS, Desk, signal, waiting_at
from tests.processors.orchestrator.flow_builder import END, MESSAGE, chain, part, user, xml
from tests.processors.orchestrator.random_walk import choose
from tests.processors.orchestrator.shop import (
    AT,
    DATA,
    DIAGNOSED,
    FLOW,
    HAPPY,
    MESSAGES,
    OPENED,
    PATH,
    TICKET_ID,
    opened_with,
)
from topics.registry import topic_of
from topics.workflow import WORKFLOW_COMMANDS, WORKFLOW_EVENTS

BEFORE_STOCK_OF_WORKSPACES = PATH.with_name("repair_intake_2026_11.bpmn")
BEFORE_DIAGNOSES_OF_WORKSPACES = PATH.with_name("repair_intake_2026_11_24.bpmn")
ABSTAINED = "noizylab.diagnosis.abstained.v1"
INSPECTED = "noizylab.board.inspected.v1"
SENT = "noizylab.notification.sent.v1"


def asked() -> tuple[Desk, str]:
    """A flow that waits for a technician's diagnosis, and the id of that task."""
    desk = Desk().open().hear(INSPECTED, ABSTAINED)
    [task] = desk.flow.tasks
    return desk, task.task_id


def completion(task_id: str, **outputs: object) -> CompleteTask:
    return CompleteTask(ticket_id=TICKET_ID, task_id=task_id, by="sam", outputs=outputs)


def resolution(incident_id: str, action: Any, **variables: object) -> ResolveIncident:
    return ResolveIncident(ticket_id=TICKET_ID, incident_id=incident_id, action=action, by="mo", variables=variables)


def firing(view: FlowView, node: str) -> tuple[FireTimer, datetime]:
    """The command that fires the timer of a boundary event, and when it is due."""
    timer_id, timer = next((i, t) for i, t in view.state["timers"].items() if t["node"] == node)
    due = datetime.fromisoformat(timer["due"])
    return FireTimer(ticket_id=TICKET_ID, timer_id=timer_id, due=due), due


# --- the first input of a ticket


def test_starts_the_flow_when_a_ticket_is_opened() -> None:
    desk = Desk().open()
    assert desk.flow.status == "running"
    assert (desk.flow.definition, desk.flow.definition_hash) == (FLOW.id, FLOW.hash)
    assert waiting_at(desk.flow) == ["inspect"]
    assert [type(message) for message in desk.said] == [FlowAdvanced, MoveTicket, InspectBoard]
    [advanced] = desk.of(FlowAdvanced)
    assert advanced.cause == OPENED.TYPE
    assert [one.node_id for one in advanced.steps if one.kind == "entered"] == [
        "ticket_opened", "move_triage", "has_photos", "inspect",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "first",
    [
        signal(INSPECTED),
        FireTimer(ticket_id=TICKET_ID, timer_id="timer3", due=AT),
        MoveTicket(ticket_id=TICKET_ID, to="triage", reason="x", actor="sam"),
    ],
)
def test_drops_what_starts_no_flow_when_there_is_none(first: Message) -> None:
    assert decide(first, None, AT, FLOWS) == Drop("no_flow")


@pytest.mark.parametrize(
    ("act", "identity"), [(completion("t9"), "t9"), (resolution("incident9", "retry"), "incident9")]
)
def test_tells_the_person_when_the_ticket_has_no_flow(act: Message, identity: str) -> None:
    refused = TaskRefused(ticket_id=TICKET_ID, task_id=identity, reason=NO_FLOW, refused_at=AT)
    assert decide(act, None, AT, FLOWS) == Emit.of(refused)
    assert keys_of(refused) == (), "there is no state that this refusal could change"
    assert keys_of(act) == (TICKET_ID,)


def test_drops_a_second_opening_of_the_same_ticket() -> None:
    assert Desk().open().take(signal(OPENED, 2)) == Drop("ignored_by_flow")


def test_a_repair_that_began_before_stock_had_workspaces_goes_on_as_it_began() -> None:
    desk = Desk(deploy([BEFORE_STOCK_OF_WORKSPACES.read_bytes()])).open()
    desk.flows = deploy([PATH.read_bytes(), BEFORE_STOCK_OF_WORKSPACES.read_bytes()])
    desk.hear(*HAPPY[:2])
    [reserve] = desk.of(ReserveParts)
    assert reserve.location_id == "main"


def test_a_repair_that_began_before_diagnoses_had_workspaces_goes_on_as_it_began() -> None:
    desk = Desk(deploy([BEFORE_DIAGNOSES_OF_WORKSPACES.read_bytes()])).open()
    desk.flows = deploy(sorted(file.read_bytes() for file in PATH.parent.glob("*.bpmn")))
    desk.hear(*HAPPY[:2])
    [diagnose], [reserve] = desk.of(DiagnoseFault), desk.of(ReserveParts)
    assert (diagnose.workspace_id, reserve.location_id) == (None, OPENED.workspace_id)


def test_rejects_an_input_when_the_flow_of_the_ticket_is_not_deployed() -> None:
    desk = Desk().open()
    desk.flows = deploy([xml(BEGIN, END, chain("start", "end")).encode()])
    outcome = desk.take(signal(INSPECTED))
    assert isinstance(outcome, Reject)
    assert (outcome.reason, FLOW.hash[:12] in outcome.detail) == ("unknown_definition", True)


def test_rejects_a_command_that_is_no_input_of_a_flow() -> None:
    move = MoveTicket(ticket_id=TICKET_ID, to="triage", reason="x", actor="sam")
    assert isinstance(Desk().open().take(move), Reject)


# --- messages


def test_takes_a_reply_when_it_answers_the_command_of_the_waiting_step() -> None:
    desk = Desk().open()
    [inspect_id] = [known for known, command in desk.sent.items() if isinstance(command, InspectBoard)]
    [key] = desk.flow.state["tokens"]
    assert inspect_id == command_id(TICKET_ID, key)
    desk.take(signal(INSPECTED, 1, inspect_id))
    assert waiting_at(desk.flow) == ["diagnose"]
    assert desk.flow.state["variables"]["inspection"] == DATA[INSPECTED]


def test_ignores_the_answer_to_a_command_that_was_asked_again() -> None:
    desk = Desk().open()
    [old] = desk.flow.state["tokens"]
    timer, due = firing(desk.flow, "inspect_silent")
    desk.take(timer, due)
    [task] = desk.flow.tasks
    desk.take(completion(task.task_id, decision="retry"), due)
    [new] = desk.flow.state["tokens"]
    assert new != old
    desk.take(signal(INSPECTED, 1, old))
    assert waiting_at(desk.flow) == ["inspect"]
    desk.take(signal(INSPECTED, 2, new))
    assert waiting_at(desk.flow) == ["diagnose"]


def test_does_not_take_a_reminder_for_the_confirmation_that_it_waits_for() -> None:
    desk = Desk().open().hear(*HAPPY[:5])
    timer, due = firing(desk.flow, "remind_daily")
    desk.take(timer, due)
    reminder = next(i for i, c in desk.sent.items() if isinstance(c, NotifyCustomer) and c.template == "quote_reminder")
    desk.hear(*HAPPY[5:7])
    assert waiting_at(desk.flow) == ["tell_approved"]
    desk.take(signal(SENT, 90, reminder))
    assert waiting_at(desk.flow) == ["tell_approved"]
    desk.hear(SENT)
    assert desk.flow.status == "ended"


def test_takes_the_customers_answer_whatever_record_caused_it() -> None:
    desk = Desk().open().hear(*HAPPY[:5])
    desk.take(signal("noizylab.quote.accepted.v1", 1, UUID(int=7)))
    assert waiting_at(desk.flow) == ["commit_parts"]


def test_changes_nothing_when_a_signal_is_redelivered() -> None:
    desk = Desk()
    for number, message_type in enumerate([OPENED.TYPE, *HAPPY]):
        redelivered = desk.signal(message_type, number)
        desk.take(redelivered)
        assert desk.take(redelivered) == Drop("ignored_by_flow")
    assert desk.flow.status == "ended"


def test_drops_everything_after_the_end() -> None:
    desk = Desk().open().hear(*HAPPY)
    assert desk.take(signal(INSPECTED, 99)) == Drop("ignored_by_flow")
    assert desk.take(FireTimer(ticket_id=TICKET_ID, timer_id="timer1", due=AT)) == Drop("ignored_by_flow")
    desk.take(completion("t1"))
    assert desk.of(TaskRefused)[-1].reason == "the instance is completed"
    assert desk.flow.status == "ended"


# --- people


def test_completes_a_task_when_the_outputs_fit() -> None:
    desk, task_id = asked()
    assert desk.flow.status == "with_a_person"
    assert (desk.flow.tasks[0].role, desk.flow.tasks[0].node_id) == ("technician", "diagnose_by_hand")
    outcome = desk.take(completion(task_id, diagnosis=DATA[DIAGNOSED.TYPE]))
    assert isinstance(outcome, Emit)
    assert [type(message) for message in outcome.messages] == [FlowAdvanced, TaskCompleted, ReserveParts]
    assert desk.of(TaskCompleted) == [TaskCompleted(ticket_id=TICKET_ID, task_id=task_id, by="sam", completed_at=AT)]
    assert desk.of(FlowAdvanced)[-1].variables == {"diagnosis": DATA[DIAGNOSED.TYPE]}
    assert (desk.flow.status, desk.flow.tasks) == ("running", ())


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [({}, "diagnosis is missing"), ({"diagnosis": {}, "mood": "good"}, "the task does not set mood")],
)
def test_refuses_a_completion_when_the_outputs_do_not_fit(outputs: dict[str, object], reason: str) -> None:
    desk, task_id = asked()
    before = desk.flow
    outcome = desk.take(completion(task_id, **outputs))
    assert outcome == Emit.of(TaskRefused(ticket_id=TICKET_ID, task_id=task_id, reason=reason, refused_at=AT))
    assert desk.flow == before


def test_refuses_a_completion_when_the_task_is_not_open() -> None:
    desk, task_id = asked()
    done = completion(task_id, diagnosis=DATA[DIAGNOSED.TYPE])
    desk.take(done)
    desk.take(done)
    assert [refused.reason for refused in desk.of(TaskRefused)] == [f"task {task_id} is not open"]


def test_refuses_a_resolution_when_there_is_no_such_incident() -> None:
    desk, task_id = asked()
    desk.take(resolution(task_id, "retry"))
    assert [refused.reason for refused in desk.of(TaskRefused)] == [f"incident {task_id} is not open"]


# --- timers


def test_asks_a_manager_when_a_step_stays_silent() -> None:
    desk = Desk().open()
    timer, due = firing(desk.flow, "inspect_silent")
    assert due == AT + timedelta(minutes=2)
    assert due_timers(desk.flow, due - timedelta(microseconds=1)) == []
    assert due_timers(desk.flow, due) == [(timer.timer_id, due)]
    assert desk.take(timer, due - timedelta(seconds=1)) == Drop("ignored_by_flow")
    desk.take(timer, due)
    [task] = desk.of(TaskRaised)
    assert (task.node_id, task.role, desk.flow.status) == ("inspect_no_answer", "manager", "with_a_person")
    assert desk.take(timer, due) == Drop("ignored_by_flow")
    assert due_timers(desk.flow, due + timedelta(days=1)) == []


def test_has_several_timers_due_while_the_customer_thinks() -> None:
    desk = Desk().open().hear(*HAPPY[:5])
    late = due_timers(desk.flow, AT + timedelta(days=14))
    assert sorted(due - AT for _, due in late) == [timedelta(days=1), timedelta(days=14)]


def test_has_no_timer_due_when_the_flow_is_over() -> None:
    desk = Desk().open().hear(*HAPPY)
    assert due_timers(desk.flow, datetime(2099, 1, 1, tzinfo=UTC)) == []


# --- incidents


def test_parks_the_step_when_the_data_of_its_command_is_wrong() -> None:
    desk, task_id = asked()
    plan = DIAGNOSED.plan.model_dump(mode="json") | {"parts": [{"sku": "Not A Sku", "quantity": 1}]}
    desk.take(completion(task_id, diagnosis={"plan": plan}))
    [incident] = desk.of(IncidentRaised)
    assert incident.node_id == "reserve_parts"
    assert "noizylab.parts.reserve.v1: lines.0.sku: String should match pattern" in incident.detail
    assert not desk.of(ReserveParts)
    assert (desk.flow.status, desk.flow.incidents) == ("with_a_person", (incident,))
    assert not desk.flow.state.get("timers"), "no clock runs for a command that was not sent"
    desk.take(resolution(incident.incident_id, "retry", diagnosis=DATA[DIAGNOSED.TYPE]))
    assert [closed.how for closed in desk.of(IncidentResolved)] == ["retry"]
    assert len(desk.of(ReserveParts)) == 1
    assert (desk.flow.status, desk.flow.incidents) == ("running", ())


def test_skips_the_parked_step_when_a_person_says_so() -> None:
    desk, task_id = asked()
    desk.take(completion(task_id, diagnosis={}))
    [incident] = desk.flow.incidents
    assert incident.reason == "expression"
    desk.take(resolution(incident.incident_id, "skip", diagnosis=DATA[DIAGNOSED.TYPE]))
    assert waiting_at(desk.flow) == ["prepare_quote"]
    assert len(desk.of(PrepareQuote)) == 1


def test_ends_the_flow_when_a_person_cancels_at_an_incident() -> None:
    desk, task_id = asked()
    desk.take(completion(task_id, diagnosis={}))
    [incident] = desk.flow.incidents
    desk.take(resolution(incident.incident_id, "cancel"))
    [ended] = desk.of(FlowEnded)
    assert (ended.end_id, desk.flow.status, desk.flow.ended) == ("cancelled", "ended", ended)
    assert (desk.flow.tasks, desk.flow.incidents) == ((), ())


BEGIN = part("startEvent", "start", '<noizy:message type="noizylab.ticket.opened.v1" into="ticket"/>', events=MESSAGE)


def test_does_not_go_on_when_a_command_that_nobody_answers_is_wrong() -> None:
    inputs = {"ticket_id": "ticket.ticket_id", "to": "where", "reason": "'asked'", "actor": "'flow'"}
    written = "".join(f'<noizy:input name="{name}" value="{value}"/>' for name, value in inputs.items())
    move = part("serviceTask", "move", f'<noizy:command type="noizylab.ticket.move.v1">{written}</noizy:command>')
    task = user("ask", '<noizy:output name="where" required="true"/>')
    desk = Desk(deploy([xml(BEGIN, task, move, END, chain("start", "ask", "move", "end")).encode()])).open()
    desk.take(completion(desk.flow.tasks[0].task_id, where="moon"))
    [incident] = desk.flow.incidents
    assert (incident.node_id, desk.of(MoveTicket), desk.of(FlowEnded)) == ("move", [], [])
    desk.take(resolution(incident.incident_id, "retry", where="also moon"))
    [again] = desk.flow.incidents
    desk.take(resolution(again.incident_id, "retry", where="triage"))
    assert [move.to for move in desk.of(MoveTicket)] == ["triage"]
    assert desk.flow.status == "ended"


def test_closes_a_task_that_is_no_longer_needed_when_the_flow_ends_over_it() -> None:
    beside = user("beside")
    ends = part("endEvent", "stop", events="<bpmn:terminateEventDefinition/>")
    lines = [BEGIN, beside, user("ask"), END, ends, chain("start", "beside", "end"), chain("start", "ask", "stop")]
    desk = Desk(deploy([xml(*lines).encode()])).open()
    first, second = desk.flow.tasks
    desk.take(completion(second.task_id))
    assert [(closed.task_id, closed.reason) for closed in desk.of(TaskClosed)] == [(first.task_id, "ended")]
    assert (desk.flow.status, desk.flow.tasks) == ("ended", ())


# --- the fold


def test_refuses_to_fold_a_log_without_its_beginning() -> None:
    desk = Desk().open().hear(*HAPPY)
    with pytest.raises(ValueError, match="before the first step"):
        evolve_one(TICKET_ID, None, desk.of(FlowEnded)[0])


def test_an_event_of_another_owner_changes_no_flow() -> None:
    view = Desk().open().flow
    assert evolve(view, OPENED) == view
    assert keys_of(OPENED) == ()


def as_input(event: model.Event) -> Message:
    """The record of the inbox that reaches the engine as this event."""
    match event:
        case model.Message():
            return SignalFlow(
                ticket_id=TICKET_ID,
                event_id=UUID(event.event_id),
                event_type=event.type,
                in_reply_to=event.in_reply_to and command_id(TICKET_ID, event.in_reply_to),
                data=dict(event.data),
            )
        case model.TimerFired():
            return FireTimer(ticket_id=TICKET_ID, timer_id=event.timer_id, due=AT)
        case model.TaskCompleted():
            return completion(event.task_id, **event.outputs)
        case model.Resolve():
            return resolution(event.incident_id, event.action, **event.variables)
    raise AssertionError(event)


def walk(seed: int | None) -> tuple[Desk, list[FlowView], list[tuple[Message, datetime]]]:
    """A repair through `decide` and, beside it, through the engine alone; both have the same state at every step.

    `seed` None is the path on which everything goes well.
    """
    random = Random(seed or 0)
    ticket = OPENED if seed is None else opened_with(lock_state=random.choice(["unlocked", "unknown"]))
    opened_id = uuid5(NAMESPACE, f"{OPENED.TYPE}/0")
    start = model.Message(str(opened_id), OPENED.TYPE, signal(ticket).data)
    state, now = model.State.new(FLOW, TICKET_ID), AT
    event: model.Event = start
    desk, views, inputs = Desk(), [], []
    for count in range(200):
        if isinstance(event, model.TimerFired):
            now = max(now, state.timers[event.timer_id].due)
        state, outputs = step(FLOW, state, event, now)
        inputs.append((as_input(event), now))
        desk.take(*inputs[-1])
        assert desk.flow.state == state.model_dump(mode="json", exclude_defaults=True)
        assert model.State.model_validate(desk.flow.state) == state
        commands = [output for output in outputs if isinstance(output, model.SendCommand)]
        assert {command_id(TICKET_ID, command.key) for command in commands} <= set(desk.sent)
        views.append(desk.flow)
        if state.status != "running":
            return desk, views, inputs
        event = choose(FLOW, state, random, happy=seed is None, count=count)
    raise AssertionError("the repair did not end")


def expected_status(view: FlowView) -> str:
    nodes = [FLOW.nodes[token["node"]] for token in view.state.get("tokens", {}).values()]
    parked = any("incident" in token for token in view.state.get("tokens", {}).values())
    if not nodes:
        return "ended"
    return "with_a_person" if parked or any(node.kind == "user" for node in nodes) else "running"


def test_folds_to_the_engines_state_at_every_step_when_everything_goes_well() -> None:
    desk, views, _ = walk(None)
    assert [view.status for view in views] == ["running"] * 8 + ["ended"]
    assert desk.flow.ended is not None
    assert (desk.flow.ended.end_id, desk.flow.ended.name) == ("approved", "Approved")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_folds_to_the_engines_state_at_every_step_whatever_happens(seed: int) -> None:
    _, views, _ = walk(seed)
    for view in views:
        tokens = view.state.get("tokens", {})
        assert view.status == expected_status(view)
        assert {task.task_id for task in view.tasks} | {one.incident_id for one in view.incidents} == {
            i for i, t in tokens.items() if "incident" in t or FLOW.nodes[t["node"]].kind == "user"
        }


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_says_the_same_with_the_same_ids_when_the_inbox_is_replayed(seed: int) -> None:
    first, _, inputs = walk(seed)
    again = Desk()
    for command, now in inputs:
        again.take(command, now)
    assert again.said == first.said
    assert list(again.sent.items()) == list(first.sent.items())


def test_writes_only_the_variables_that_changed() -> None:
    desk, _, _ = walk(None)
    written = [sorted(advanced.variables) for advanced in desk.of(FlowAdvanced)]
    assert written == [
        ["ticket", "ticket_id"], ["inspection"], ["diagnosis"], ["reservation"], ["quote"], [], ["answer"], [], [],
    ]  # fmt: skip
    assert not any("variables" in advanced.state for advanced in desk.of(FlowAdvanced))


def test_writes_a_variable_again_when_it_changes_to_nothing_or_to_something_alike() -> None:
    task = user("ask", '<noizy:output name="found"/>')
    file = xml(BEGIN, task, '<bpmn:exclusiveGateway id="more" default="more-end"/>', END, chain("start", "ask", "more"),
               '<bpmn:sequenceFlow id="again" sourceRef="more" targetRef="ask"><bpmn:conditionExpression>'
               "found != 'enough'</bpmn:conditionExpression></bpmn:sequenceFlow>", chain("more", "end"))  # fmt: skip
    desk = Desk(deploy([file.encode()])).open()
    values: tuple[object, ...] = (1, True, 1, 1.0, None, {}, {"a": [1]}, {"a": [1, 2]}, [], "", None)
    for value in values:
        desk.take(completion(desk.flow.tasks[0].task_id, found=value))
        stored = desk.flow.state["variables"]["found"]
        assert (type(stored), stored) == (type(value), value)


# --- total

VIEWS = [None, *(view for seed in range(12) for view in walk(seed)[1])]
KEYS = [f"{prefix}{number}" for prefix in ("t", "timer", "incident") for number in range(1, 25)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.sampled_from(["diagnosis", "decision", "pricing", "lock_state", "shortage", "quote", "ticket", "other"])
VARIABLES = st.dictionaries(NAMES, JSON | st.sampled_from(["retry", "by_hand", "unlocked"]), max_size=2)
INPUTS = st.one_of(
    st.builds(
        SignalFlow,
        ticket_id=st.just(TICKET_ID),
        event_id=st.uuids(),
        event_type=st.sampled_from([*MESSAGES, "noizylab.coffee.made.v1"]),
        in_reply_to=st.none() | st.uuids() | st.sampled_from(KEYS).map(lambda key: command_id(TICKET_ID, key)),
        data=st.sampled_from([*DATA.values()]) | st.dictionaries(st.text(max_size=5), JSON, max_size=2),
    ),
    st.builds(FireTimer, ticket_id=st.just(TICKET_ID), timer_id=st.sampled_from(KEYS), due=st.just(AT)),
    st.builds(completion, st.sampled_from(KEYS)).flatmap(
        lambda done: VARIABLES.map(lambda outputs: done.model_copy(update={"outputs": outputs}))
    ),
    st.builds(resolution, st.sampled_from(KEYS), st.sampled_from(["retry", "skip", "cancel"])).flatmap(
        lambda act: VARIABLES.map(lambda variables: act.model_copy(update={"variables": variables}))
    ),
    st.just(MoveTicket(ticket_id=TICKET_ID, to="triage", reason="x", actor="sam")),
)


@settings(max_examples=250, deadline=None)
@given(INPUTS, st.sampled_from(VIEWS), st.integers(0, 20))
def test_has_one_answer_to_every_input_in_every_state(command: Message, view: FlowView | None, days: int) -> None:
    now = AT + timedelta(days=days)
    outcome = decide(command, view, now, FLOWS)
    assert outcome == decide(command, view, now, FLOWS)
    if not isinstance(outcome, Emit):
        assert isinstance(command, CompleteTask | ResolveIncident) is False, "a person is always answered"
        return
    after = view
    for message in outcome.messages:
        topic = topic_of(message.TYPE)
        assert getattr(message, "ticket_id", None) == TICKET_ID
        assert topic is not WORKFLOW_COMMANDS
        if topic is WORKFLOW_EVENTS and keys_of(message):
            assert isinstance(message, Event)
            after = evolve(after, message)
        elif topic is not WORKFLOW_EVENTS:
            assert isinstance(message, Command)
    if after is not None:
        model.State.model_validate(after.state)
        assert after.status == expected_status(after)
