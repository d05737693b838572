from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.orchestrator.engine import SEEN_MESSAGES, step
from processors.orchestrator.model import (
    Cancel,
    CancelTimer,
    ClaimTask,
    CloseIncident,
    CloseTask,
    Definition,
    Ended,
    Entered,
    Ignored,
    Kept,
    Left,
    Message,
    RaiseIncident,
    RaiseTask,
    RefuseTask,
    Resolve,
    ScheduleTimer,
    SendCommand,
    Start,
    State,
    TaskClaimed,
    TaskCompleted,
    TimerFired,
)
from processors.orchestrator.tokens import MAX_TOKENS
from tests.processors.orchestrator.flow_builder import (
    END,
    MESSAGE,
    NOW,
    START,
    Instance,
    after,
    boundary,
    chain,
    every,
    flow,
    gateway,
    go,
    of,
    part,
    service,
    user,
)


def one_task(*extra: str, task: str = "", outside: str = "") -> Instance:
    return Instance(flow(START, END, task or service("x"), chain("start", "x", "end"), *extra, outside=outside))


def process_variables(inner: str) -> str:
    return f"<bpmn:extensionElements>{inner}</bpmn:extensionElements>"


# --- commands and replies


def test_sends_a_command_and_ends_when_the_reply_comes() -> None:
    inputs = '<noizy:input name="id" value="ticket_id"/><noizy:input name="n" value="1 + 1"/>'
    variable = process_variables('<noizy:variable name="ticket_id" value="business_key"/>')
    instance = Instance(flow(variable, START, END, service("x", inputs=inputs), chain("start", "x", "end")))
    assert instance.start() == (
        Entered("start", "start"),
        Left("start", "start"),
        Entered("x", "x"),
        SendCommand("t1", "x", "do.x", {"id": "T-1", "n": 2}),
    )
    assert instance.message("did.x", "t1", ok=True) == (
        Left("x", "x"),
        Entered("end", "end"),
        Left("end", "end"),
        Ended("end", "end", final=True),
    )
    assert instance.state.variables == {"ticket_id": "T-1", "x": {"ok": True}}
    assert instance.state.status == "completed"


def test_goes_on_at_once_when_a_command_expects_no_reply() -> None:
    instance = one_task(task=part("serviceTask", "x", '<noizy:command type="do.x"/>'))
    assert of(SendCommand, instance.start()) == [SendCommand("t1", "x", "do.x", {})]
    assert instance.state.status == "completed"


def test_ignores_an_answer_when_its_command_is_not_the_waiting_one() -> None:
    instance = one_task()
    instance.start()
    before = instance.state.tokens
    assert of(Ignored, instance.message("did.x", "t99"))
    assert of(Ignored, instance.message("did.y"))
    assert instance.state.tokens == before


def test_sends_a_new_key_when_a_loop_comes_back_to_a_task() -> None:
    instance = Instance(
        flow(START, END, service("x"), gateway("exclusive", "g", 'default="g-end"'), chain("start", "x", "g", "end"),
             go("g", "x", "x.again"))
    )  # fmt: skip
    instance.start()
    second = of(SendCommand, instance.message("did.x", "t1", again=True))[0]
    assert second.key != "t1"
    assert of(Ignored, instance.message("did.x", "t1", again=False))
    assert instance.waiting_at() == ["x"]
    instance.message("did.x", second.key, again=False)
    assert instance.state.status == "completed"


def test_takes_the_reply_whose_condition_holds() -> None:
    replies = (
        '<noizy:reply type="r" into="low" when="event.n &lt; 5"/><noizy:reply type="r" into="high" when="event.n > 9"/>'
    )
    instance = one_task(task=part("serviceTask", "x", f'<noizy:command type="do.x"/>{replies}'))
    instance.start()
    assert of(Ignored, instance.message("r", n=7))
    instance.message("r", n=10)
    assert instance.state.variables == {"high": {"n": 10}}


def test_parks_an_incident_when_the_condition_of_a_reply_cannot_be_evaluated() -> None:
    task = part("serviceTask", "x", '<noizy:command type="do.x"/><noizy:reply type="r" when="event.n &lt; 5"/>')
    instance = one_task(task=task)
    instance.start()
    assert "there is no 'n'" in of(RaiseIncident, instance.message("r"))[0].detail


# --- refusals and errors


REFUSING = service(
    "x", '<noizy:refusal type="refused.x" into="why" code="no"/><noizy:refusal type="broken.x" code="broken"/>'
)
ERROR = '<bpmn:error id="e" errorCode="no"/>'


def test_goes_to_the_error_boundary_with_the_code_before_the_one_for_all() -> None:
    instance = one_task(
        boundary("all", "x", "<bpmn:errorEventDefinition/>"),
        boundary("exact", "x", '<bpmn:errorEventDefinition errorRef="e"/>'),
        user("a"), user("b"), chain("all", "a", "end"), chain("exact", "b", "end"),
        task=REFUSING, outside=ERROR,
    )  # fmt: skip
    other = Instance(instance.definition)
    instance.start()
    instance.message("refused.x", "t1", reason="blurred")
    assert instance.waiting_at() == ["b"]
    assert instance.state.variables["why"] == {"reason": "blurred"}
    other.start()
    other.message("broken.x")
    assert other.waiting_at() == ["a"]


def test_parks_an_incident_when_nothing_catches_a_refusal() -> None:
    instance = one_task(task=REFUSING)
    instance.start()
    outputs = instance.message("refused.x", reason="blurred")
    assert of(RaiseIncident, outputs) == [RaiseIncident("incident2", "x", "refused: no", "blurred")]
    assert instance.state.status == "running"


def test_parks_an_incident_at_an_error_end() -> None:
    fail = part("endEvent", "fail", "", "", '<bpmn:errorEventDefinition errorRef="e"/>')
    instance = Instance(flow(START, fail, go("start", "fail"), outside=ERROR))
    instance.start()
    assert instance.incidents() == [("fail", "error end: no")]
    outputs = instance.take(Resolve("incident1", "skip"))
    assert of(Ended, outputs) == [Ended("fail", "fail", final=True)]


# --- human tasks


def test_takes_only_declared_outputs_from_a_person() -> None:
    outputs = '<noizy:output name="decision" values="yes no" required="true"/><noizy:output name="note"/>'
    instance = one_task(task=user("x", outputs, '<noizy:input name="n" value="1"/>'))
    assert of(RaiseTask, instance.start()) == [RaiseTask("t1", "x", "x", "technician", None, {"n": 1})]
    for wrong, reason in (
        ({"decision": "yes", "admin": 1}, "does not set admin"),
        ({}, "missing"),
        ({"decision": "perhaps"}, "one of yes, no"),
    ):
        refused = of(RefuseTask, instance.take(TaskCompleted("t1", "sam", wrong)))
        assert reason in refused[0].reason
    done = instance.take(TaskCompleted("t1", "sam", {"decision": "yes"}))
    assert done[0] == CloseTask("t1", "completed")
    assert instance.state.variables == {"decision": "yes"}
    assert of(Ignored, instance.take(TaskCompleted("t1", "sam", {"decision": "no"})))


def test_holds_a_claim_until_it_is_handed_back() -> None:
    instance = one_task(task=user("x"))
    instance.start()
    assert instance.take(TaskClaimed("t1", "sam")) == (ClaimTask("t1", "sam"),)
    assert instance.take(TaskClaimed("t1", "kim")) == (RefuseTask("t1", "claimed by sam"),)
    instance.take(TaskClaimed("t1", None))
    assert instance.take(TaskClaimed("t1", "kim")) == (ClaimTask("t1", "kim"),)
    assert of(Ignored, instance.take(TaskClaimed("t9", "kim")))
    assert of(Ignored, one_task().take(TaskClaimed("t1", "kim")))


# --- gateways


def test_takes_the_first_flow_that_holds_and_looks_no_further() -> None:
    instance = Instance(
        flow(START, END, user("a", '<noizy:output name="n"/>'), gateway("exclusive", "g"), user("b"), user("c"),
             chain("start", "a", "g"), go("g", "b", "n > 1"), go("g", "c", "n.broken"),
             chain("b", "end"), chain("c", "end"))
    )  # fmt: skip
    instance.start()
    instance.take(TaskCompleted("t1", "sam", {"n": 2}))
    assert instance.waiting_at() == ["b"]


@pytest.mark.parametrize(("value", "reason"), [(0, "no way out"), ("text", "expression")])
def test_parks_an_incident_when_a_gateway_cannot_choose_and_retries_with_new_values(value: object, reason: str) -> None:
    instance = Instance(
        flow(START, END, user("a", '<noizy:output name="n"/>'), gateway("exclusive", "g"), user("b"),
             chain("start", "a", "g"), go("g", "b", "n > 1"), chain("b", "end"))
    )  # fmt: skip
    instance.start()
    instance.take(TaskCompleted("t1", "sam", {"n": value}))
    assert instance.incidents() == [("g", reason)]
    assert of(Ignored, instance.take(Resolve("incident2", "skip")))
    instance.take(Resolve("incident2", "retry"))
    assert instance.incidents() == [("g", reason)]
    instance.take(Resolve("incident3", "retry", {"n": 5}))
    assert instance.waiting_at() == ["b"]


def parallel(branches: int) -> Definition:
    names = [f"b{n}" for n in range(branches)]
    tasks = [service(name, f'<noizy:assign name="total" value="(total or []) + [{name}.v]"/>') for name in names]
    return flow(
        START, END, gateway("parallel", "fork"), gateway("parallel", "join"), *tasks,
        chain("start", "fork"), *(chain("fork", name, "join") for name in names), chain("join", "end"),
    )  # fmt: skip


@given(st.permutations(range(4)))
def test_loses_no_update_at_a_join_whatever_the_order(order: list[int]) -> None:
    instance = Instance(parallel(4))
    instance.start()
    for n in order:
        assert instance.state.status == "running"
        instance.message(f"did.b{n}", v=n)
    assert instance.state.variables["total"] == list(order)
    assert instance.state.status == "completed"
    assert len(of(Ended, instance.history)) == 1
    assert instance.state.joins == {}


def test_reports_a_join_that_can_never_complete() -> None:
    instance = Instance(
        flow(START, END, gateway("exclusive", "g", 'default="g-b"'), service("a"), service("b"),
             gateway("parallel", "join"), chain("start", "g"), go("g", "a", "1 > 2"), go("g", "b"),
             chain("a", "join"), chain("b", "join", "end"))
    )  # fmt: skip
    instance.start()
    outputs = instance.message("did.b")
    assert of(RaiseIncident, outputs)[0].detail == "no token can come any more by a-join"
    instance.take(Resolve("incident2", "retry"))
    assert instance.state.status == "completed"


def test_does_not_end_while_a_join_still_holds_a_token() -> None:
    instance = Instance(
        flow(START, END, gateway("parallel", "fork"), gateway("exclusive", "g", 'default="g-end"'),
             gateway("parallel", "join"), user("x"), chain("start", "fork", "join", "x", "end"), go("fork", "g"),
             go("g", "join", "1 > 2"), go("g", "end"))
    )  # fmt: skip
    outputs = instance.start()
    assert of(Ended, outputs) == [Ended("end", "end", final=False)]
    assert instance.incidents() == [("join", "stuck join")]


def test_reports_the_first_of_two_stuck_joins_and_lets_it_feed_the_second() -> None:
    instance = Instance(
        flow(START, END, gateway("parallel", "fork"), gateway("exclusive", "g", 'default="g-end"'),
             gateway("parallel", "first"), gateway("parallel", "second"), chain("start", "fork", "second", "end"),
             chain("fork", "first", "second"), go("fork", "g"), go("g", "first", "1 > 2"), go("g", "end"))
    )  # fmt: skip
    instance.start()
    assert instance.incidents() == [("first", "stuck join")]
    instance.take(Resolve(next(iter(instance.state.tokens)), "skip"))
    assert instance.state.status == "completed"


def test_waits_at_a_join_while_another_token_can_still_come() -> None:
    instance = Instance(parallel(2))
    instance.start()
    instance.message("did.b0", v=1)
    assert instance.incidents() == []
    assert instance.state.joins == {"join": {"b0-join": 1}}


# --- timers


LATE = boundary("late", "x", after("PT2M"))


def test_interrupts_a_task_when_its_timer_fires() -> None:
    instance = one_task(LATE, user("ask"), chain("late", "ask", "end"), task=user("x"))
    assert of(ScheduleTimer, instance.start()) == [ScheduleTimer("timer2", NOW + timedelta(minutes=2), "late")]
    instance.now += timedelta(minutes=2)
    outputs = instance.take(TimerFired("timer2"))
    assert outputs[:4] == (
        CloseTask("t1", "interrupted"),
        Left("x", "x"),
        Entered("late", "late"),
        Left("late", "late"),
    )
    assert instance.waiting_at() == ["ask"]
    assert instance.take(TimerFired("timer2")) == (Ignored("timer timer2 is not running"),)


def test_asks_again_when_a_timer_fires_too_early() -> None:
    instance = one_task(LATE, chain("late", "end"))
    instance.start()
    outputs = instance.take(TimerFired("timer2"))
    assert of(ScheduleTimer, outputs) == [ScheduleTimer("timer2", NOW + timedelta(minutes=2), "late")]
    assert instance.waiting_at() == ["x"]


def test_cancels_the_timers_when_the_task_is_done() -> None:
    instance = one_task(LATE, chain("late", "end"))
    instance.start()
    assert of(CancelTimer, instance.message("did.x")) == [CancelTimer("timer2")]
    assert instance.state.timers == {}


def reminding(cycle: str) -> Instance:
    note = part("serviceTask", "note", '<noizy:command type="remind"/>')
    reminded = '<bpmn:endEvent id="reminded"/>'
    timer = boundary("tick", "x", every(cycle), interrupting=False)
    return one_task(timer, note, reminded, chain("tick", "note", "reminded"))


def test_repeats_a_cycle_as_often_as_it_says_beside_the_running_task() -> None:
    instance = reminding("R3/PT1H")
    pending = of(ScheduleTimer, instance.start())
    fired: list[str] = []
    while pending:
        timer = pending.pop(0)
        instance.now = timer.due
        fired.append(timer.timer_id)
        outputs = instance.take(TimerFired(timer.timer_id))
        pending += of(ScheduleTimer, outputs)
        assert of(SendCommand, outputs)[0].type == "remind"
        assert of(Ended, outputs) == [Ended("reminded", "reminded", final=False)]
    assert len(fired) == len(set(fired)) == 3
    assert instance.now == NOW + timedelta(hours=3)
    assert instance.waiting_at() == ["x"]


def test_counts_missed_repeats_without_a_burst_after_an_outage() -> None:
    instance = reminding("R5/PT1H")
    timer = of(ScheduleTimer, instance.start())[0]
    instance.now += timedelta(hours=3, minutes=30)
    outputs = instance.take(TimerFired(timer.timer_id))
    assert len(of(SendCommand, outputs)) == 1
    assert of(ScheduleTimer, outputs)[0].due == NOW + timedelta(hours=4)
    assert next(iter(instance.state.timers.values())).left == 2


def test_stops_adding_tokens_when_a_timer_keeps_raising_tasks() -> None:
    tick = boundary("tick", "x", every("R/PT1S"), interrupting=False)
    instance = one_task(tick, user("pile"), chain("tick", "pile", "end"))
    timer = of(ScheduleTimer, instance.start())[0]
    for _ in range(MAX_TOKENS + 5):
        instance.now += timedelta(seconds=1)
        outputs = instance.take(TimerFired(timer.timer_id))
        timer = of(ScheduleTimer, outputs)[0]
    assert of(Ignored, outputs)
    assert len(instance.state.tokens) == MAX_TOKENS


# --- messages


def waiting(when: str = "") -> Definition:
    condition = f'when="{when}"' if when else ""
    messages = f'<noizy:message type="yes" into="answer" {condition}/><noizy:message type="no" into="answer"/>'
    return flow(START, END, service("x"), part("receiveTask", "wait", messages), chain("start", "x", "wait", "end"))


def test_stores_the_type_with_what_a_message_event_caught() -> None:
    instance = Instance(waiting())
    instance.start()
    instance.message("did.x")
    instance.message("no", reason="price")
    assert instance.state.variables["answer"] == {"reason": "price", "_type": "no"}
    assert instance.state.status == "completed"


def test_keeps_the_newest_early_message_until_the_flow_waits_for_it() -> None:
    instance = Instance(waiting())
    instance.start()
    assert instance.message("yes", n=1) == (Kept("event-1", "yes"),)
    instance.message("yes", n=2)
    instance.message("did.x")
    assert instance.state.variables["answer"] == {"n": 2, "_type": "yes"}
    assert instance.state.kept == {}


def test_leaves_an_early_message_alone_when_its_condition_does_not_hold() -> None:
    instance = Instance(waiting("event.n == x.n"))
    instance.start()
    instance.message("yes", n=1)
    instance.message("did.x", n=2)
    assert instance.waiting_at() == ["wait"]
    assert of(Ignored, instance.message("yes", n=3))
    instance.message("yes", n=2)
    assert instance.state.variables["answer"]["n"] == 2


def test_leaves_by_a_message_boundary_beside_or_instead_of_the_task() -> None:
    def instance_with(interrupting: bool) -> Instance:
        caught = boundary("b", "x", MESSAGE, '<noizy:message type="stop" into="stop"/>', interrupting)
        return one_task(caught, user("ask"), chain("b", "ask", "end"))

    for interrupting, left in ((True, ["ask"]), (False, ["x", "ask"])):
        instance = instance_with(interrupting)
        assert of(Ignored, [*instance.message("stop"), Ignored("")])
        instance.start()
        instance.message("stop")
        assert instance.waiting_at() == left
        assert instance.state.variables["stop"] == {"_type": "stop"}


def test_waits_at_a_catch_event() -> None:
    catch = part("intermediateCatchEvent", "x", '<noizy:message type="came"/>', "", MESSAGE)
    instance = one_task(task=catch)
    instance.start()
    assert instance.waiting_at() == ["x"]
    instance.message("came")
    assert instance.state.status == "completed"


# --- start, end, cancel


def test_starts_by_the_message_of_a_start_event_only() -> None:
    begin = part("startEvent", "start", '<noizy:message type="opened" into="ticket"/>', "", MESSAGE)
    definition = flow(begin, END, service("x"), chain("start", "x", "end"))
    instance = Instance(definition)
    assert of(Ignored, instance.start())
    assert of(Ignored, instance.message("closed"))
    opened = Message("e", "opened", {"id": 7})
    assert of(SendCommand, instance.take(opened))
    assert instance.state.variables == {"ticket": {"id": 7}}
    assert instance.take(opened) == (Ignored("message e was here before"),)
    assert of(Ignored, instance.take(Start()))


def test_closes_everything_when_an_end_terminates_or_somebody_cancels() -> None:
    stop = part("endEvent", "stop", "", "", "<bpmn:terminateEventDefinition/>")
    definition = flow(
        START, END, stop, gateway("parallel", "fork"), service("x"), user("a"), LATE,
        chain("start", "fork", "x", "stop"), chain("fork", "a", "end"), chain("late", "end"),
    )  # fmt: skip
    ended, cancelled = Instance(definition), Instance(definition)
    ended.start()
    outputs = ended.message("did.x")
    assert of(CloseTask, outputs) == [CloseTask("t3", "ended")]
    assert of(Ended, outputs) == [Ended("stop", "stop", final=True)]
    assert ended.state.status == "terminated"
    cancelled.start()
    outputs = cancelled.take(Cancel("the customer took the device back"))
    assert of(CancelTimer, outputs) == [CancelTimer("timer2")]
    assert cancelled.state.status == "cancelled"
    assert of(Ignored, cancelled.message("did.x"))
    assert cancelled.state.tokens == {}


def test_forgets_kept_messages_when_the_instance_is_over() -> None:
    instance = Instance(waiting())
    instance.start()
    instance.message("yes", n=1)
    instance.take(Cancel("withdrawn"))
    assert instance.state.kept == {}


# --- incidents


def test_resolves_an_incident_by_retry_skip_move_or_cancel() -> None:
    broken = service("x", inputs='<noizy:input name="n" value="limit.n"/>')
    variable = process_variables('<noizy:variable name="limit" value="None"/>')

    def parked() -> Instance:
        instance = Instance(flow(variable, START, END, broken, user("a"), chain("start", "x", "a", "end")))
        instance.start()
        assert instance.incidents() == [("x", "expression")]
        return instance

    retried, skipped, moved, cancelled = parked(), parked(), parked(), parked()
    outputs = retried.take(Resolve("incident1", "retry", {"limit": {"n": 3}}))
    assert outputs[0] == CloseIncident("incident1", "retry")
    assert of(SendCommand, outputs)[0].data == {"n": 3}
    skipped.take(Resolve("incident1", "skip"))
    assert skipped.waiting_at() == ["a"]
    assert of(Ignored, moved.take(Resolve("incident1", "move", to="nowhere")))
    moved.take(Resolve("incident1", "move", to="end"))
    assert moved.state.status == "completed"
    cancelled.take(Resolve("incident1", "cancel"))
    assert cancelled.state.status == "cancelled"
    assert of(Ignored, retried.take(Resolve("incident1", "skip")))


def test_does_not_send_again_when_only_the_way_out_failed() -> None:
    instance = one_task(task=service("x", '<noizy:assign name="y" value="x.total + 1"/>'))
    instance.start()
    instance.message("did.x")
    assert instance.incidents() == [("x", "expression")]
    outputs = instance.take(Resolve("incident2", "retry", {"x": {"total": 1}}))
    assert of(SendCommand, outputs) == []
    assert instance.state.variables["y"] == 2


def test_evaluates_the_process_variables_again_when_the_start_failed() -> None:
    variables = process_variables('<noizy:variable name="a" value="None"/><noizy:variable name="b" value="a.n"/>')
    instance = Instance(flow(variables, START, END, user("x"), chain("start", "x", "end")))
    instance.start()
    assert instance.incidents() == [("start", "expression")]
    instance.take(Resolve("incident1", "skip", {"b": 1}))
    assert instance.waiting_at() == ["x"]


def test_parks_an_incident_when_a_flow_runs_in_circles() -> None:
    instance = Instance(
        flow(START, END, gateway("exclusive", "g", 'default="g-h"'), gateway("exclusive", "h"),
             chain("start", "g"), go("g", "end", "1 > 2"), go("g", "h"), go("h", "g"))
    )  # fmt: skip
    instance.start()
    assert [reason for _, reason in instance.incidents()] == ["runaway"]
    incident = next(iter(instance.state.tokens))
    instance.take(Resolve(incident, "move", to="end"))
    assert instance.state.status == "completed"


def test_parks_incidents_when_a_flow_forks_in_circles() -> None:
    instance = Instance(
        flow(START, END, gateway("parallel", "fork"), gateway("exclusive", "merge"), user("x"),
             chain("start", "merge", "fork", "merge"), chain("fork", "x", "end"))
    )  # fmt: skip
    instance.start()
    assert ("fork", "too many tokens") in instance.incidents()
    assert len(instance.state.tokens) <= MAX_TOKENS


# --- state


def test_keeps_the_state_small_when_a_loop_runs_long() -> None:
    instance = Instance(
        flow(START, END, service("x"), gateway("exclusive", "g", 'default="g-end"'), LATE, chain("late", "end"),
             chain("start", "x", "g", "end"), go("g", "x", "x.again"))
    )  # fmt: skip
    instance.start()
    sizes = set()
    for n in range(1_000):
        instance.message("did.x", again=True)
        if n >= 100:
            sizes.add(len(instance.state.dump()))
    # The ids grow by a digit; nothing else does.
    assert max(sizes) - min(sizes) <= 8
    assert max(sizes) < 1_000
    assert len(instance.state.seen) == SEEN_MESSAGES


def test_does_not_change_its_arguments_or_accept_another_definition() -> None:
    instance = one_task()
    before = State.new(instance.definition, "T-1")
    step(instance.definition, before, Start(), NOW)
    assert before == State.new(instance.definition, "T-1")
    other = one_task(task=user("x")).definition
    with pytest.raises(ValueError, match="runs on definition"):
        step(other, before, Start(), NOW)
    with pytest.raises(ValueError, match="time zone"):
        step(instance.definition, before, Start(), NOW.replace(tzinfo=None))
