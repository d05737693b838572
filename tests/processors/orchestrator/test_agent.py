"""The orchestrator over a log in memory: events of the shop in, its inbox fed back, commands answered."""

from collections.abc import Callable, Mapping
from uuid import UUID, uuid5

import pytest

from connectors.bus.records import Fetched, record_of
from processors.orchestrator.agent import wire
from processors.orchestrator.decide import command_id, due_timers
from processors.orchestrator.deployment import STEERED
from schemas.core.envelope import NAMESPACE, Envelope
from schemas.core.message import Message
from schemas.inventory import StockLow
from schemas.notifications import NotificationSent, NotifyCustomer
from schemas.tickets import MoveTicket
from schemas.workflow import (
    CompleteTask,
    FireTimer,
    FlowAdvanced,
    FlowEnded,
    FlowView,
    ResolveIncident,
    SignalFlow,
    TaskCompleted,
    TaskRaised,
    TaskRefused,
)
from tests.processors.orchestrator.desk import FLOWS, waiting_at
from tests.processors.orchestrator.shop import CHARGER, DATA, DIAGNOSED, MESSAGES, OPENED, TICKET_ID, opened_with
from tests.support.driver import Driver, as_fetched
from topics.notifications import NOTIFICATION_COMMANDS
from topics.registry import class_of, topic_of
from topics.workflow import WORKFLOW_COMMANDS, WORKFLOW_EVENTS, WORKFLOW_VIEWS

ANSWERS: Mapping[str, str] = {
    "noizylab.board.inspect.v1": "noizylab.board.inspected.v1",
    "noizylab.fault.diagnose.v1": "noizylab.fault.diagnosed.v1",
    "noizylab.parts.reserve.v1": "noizylab.parts.reserved.v1",
    "noizylab.quote.prepare.v1": "noizylab.quote.prepared.v1",
    "noizylab.customer.notify.v1": "noizylab.notification.sent.v1",
    "noizylab.parts.commit.v1": "noizylab.parts.committed.v1",
    "noizylab.parts.release.v1": "noizylab.parts.released.v1",
}


class Shop:
    """The rest of the shop: answers the flow's commands, in order, with the command as the cause."""

    def __init__(self, *, times: int = 1, after_each: Callable[[Driver], object] = lambda _: None) -> None:
        self.driver = Driver(lambda app: wire(app, FLOWS), "orchestrator")
        self.times, self.after_each = times, after_each
        self.fed = 0
        self.answered: set[UUID] = set()

    async def feed(self, record: Fetched) -> None:
        for _ in range(self.times):
            await self.driver.feed(record)

    async def hear(self, message: Message, cause: UUID | None = None, name: str = "") -> None:
        """Hand over one message, then the inbox as far as it was written."""
        envelope = Envelope(
            id=uuid5(NAMESPACE, f"{cause}/{message.TYPE}/{name}"),
            source="/noizylab/test",
            type=message.TYPE,
            subject=str(getattr(message, topic_of(message.TYPE).key)),
            time=self.driver.clock.now(),
            recorded_time=self.driver.clock.now(),
            correlation_id=TICKET_ID,
            causation_id=cause,
        )
        await self.feed(as_fetched(record_of(message, topic_of(message.TYPE).name, envelope)))
        await self.pump()

    async def pump(self) -> None:
        while self.fed < len(inbox := self.driver.log.of(WORKFLOW_COMMANDS)):
            self.fed += 1
            await self.feed(inbox[self.fed - 1])
            self.after_each(self.driver)

    def commands(self) -> dict[UUID, str]:
        """The commands that were sent, by id, each once."""
        found = {}
        for topic in STEERED:
            for record in self.driver.log.of(topic):
                envelope = Envelope.from_headers(record.headers)
                found[envelope.id] = envelope.type
        return found

    def template_of(self, command: UUID) -> str:
        for record in self.driver.log.of(NOTIFICATION_COMMANDS):
            if Envelope.from_headers(record.headers).id == command:
                return NotifyCustomer.model_validate_json(record.value or b"").template
        raise AssertionError(f"no such command: {command}")

    async def answer_all(self) -> None:
        """Answer commands until nothing more is asked."""
        while waiting := [(i, t) for i, t in self.commands().items() if t in ANSWERS and i not in self.answered]:
            for command, command_type in waiting:
                self.answered.add(command)
                answer = MESSAGES[ANSWERS[command_type]]
                if isinstance(answer, NotificationSent):
                    answer = answer.model_copy(update={"template": self.template_of(command)})
                await self.hear(answer, command)

    async def repair(self) -> "Shop":
        """Everything goes well, from the counter to the approved repair."""
        await self.hear(OPENED)
        await self.answer_all()
        await self.hear(MESSAGES["noizylab.quote.accepted.v1"], UUID(int=1))
        await self.answer_all()
        return self

    @property
    def flow(self) -> FlowView:
        view = self.driver.views()[TICKET_ID]
        assert isinstance(view, FlowView)
        return view

    def events(self) -> set[UUID]:
        return {Envelope.from_headers(record.headers).id for record in self.driver.log.of(WORKFLOW_EVENTS)}


def completion(task_id: str, **outputs: object) -> CompleteTask:
    return CompleteTask(ticket_id=TICKET_ID, task_id=task_id, by="sam", outputs=outputs)


async def test_runs_a_repair_to_its_end_when_every_command_is_answered() -> None:
    shop = await Shop().repair()
    assert shop.flow.status == "ended"
    assert [ended.end_id for ended in shop.driver.read(FlowEnded)] == ["approved"]
    assert [move.to for move in shop.driver.read(MoveTicket)] == [
        "triage",
        "diagnosing",
        "quoted",
        "approved",
        "queued",
    ]
    assert len(shop.commands()) == 12
    assert shop.driver.dead() == []


async def test_puts_each_event_into_the_inbox_with_what_it_answers() -> None:
    shop = await Shop().repair()
    signals = shop.driver.envelopes(SignalFlow)
    assert len(signals) == len(shop.driver.read(FlowAdvanced)) == 9
    [(_, opened), (envelope, inspected)] = signals[:2]
    assert (opened.event_type, opened.in_reply_to, opened.data) == (OPENED.TYPE, None, DATA[OPENED.TYPE])
    assert shop.commands()[inspected.in_reply_to or UUID(int=0)] == "noizylab.board.inspect.v1"
    assert envelope.causation_id == inspected.event_id
    assert {one.correlation_id for one, _ in signals} == {TICKET_ID}


async def test_sends_every_command_under_the_id_of_its_step_and_with_its_cause() -> None:
    shop = await Shop().repair()
    inputs = {envelope.id for envelope, _ in shop.driver.envelopes(SignalFlow)}
    steps = {command_id(TICKET_ID, f"t{number}") for number in range(1, shop.flow.state["counter"] + 1)}
    for topic in STEERED:
        for record in shop.driver.log.of(topic):
            envelope = Envelope.from_headers(record.headers)
            assert envelope.id in steps
            assert envelope.causation_id in inputs
            assert class_of(envelope.type).model_validate_json(record.value or b"")


async def test_writes_the_same_facts_when_everything_is_delivered_twice() -> None:
    once, twice = await Shop().repair(), await Shop(times=2).repair()
    assert twice.commands() == once.commands()
    assert twice.events() == once.events()
    assert twice.flow == once.flow
    assert twice.driver.dead() == []


async def test_goes_on_where_it_was_when_it_is_restarted_after_every_input() -> None:
    steady = await Shop().repair()
    restarted = await Shop(times=2, after_each=Driver.restart).repair()
    assert restarted.commands() == steady.commands()
    assert restarted.events() == steady.events()
    assert restarted.flow == steady.flow


def crash_before_the_view(driver: Driver) -> None:
    """Lose the newest view, as when a worker dies between writing events and view; then start again."""
    lost = next((r for r in reversed(driver.log.records) if r.topic == WORKFLOW_VIEWS.name), None)
    if lost is not None:
        driver.log.records.remove(lost)
    driver.restart()


async def test_repeats_itself_when_the_worker_died_between_events_and_view() -> None:
    steady, crashed = await Shop().repair(), Shop()
    crashed.after_each = crash_before_the_view
    await crashed.hear(OPENED)
    assert crashed.driver.views() == {}, "the state is lost, the commands are written"
    crashed.after_each = lambda _: None
    crashed.fed = 0
    await crashed.pump()
    await crashed.answer_all()
    await crashed.hear(MESSAGES["noizylab.quote.accepted.v1"], UUID(int=1))
    await crashed.answer_all()
    assert crashed.commands() == steady.commands()
    assert crashed.events() == steady.events()


async def test_hears_only_what_some_flow_waits_for() -> None:
    shop = Shop()
    await shop.hear(StockLow(location_id="main", sku=CHARGER.sku, free=0, reorder_point=1, noticed_at=OPENED.opened_at))
    await shop.hear(MESSAGES["noizylab.quote.prepared.v1"])
    assert [one.event_type for one in shop.driver.read(SignalFlow)] == ["noizylab.quote.prepared.v1"]
    assert shop.driver.views() == {}
    assert shop.driver.app.counts.dropped == {"no_flow": 1}


async def test_asks_a_person_and_goes_on_when_a_timer_was_due() -> None:
    shop = Shop(times=2)
    await shop.hear(OPENED)
    [(timer_id, due)] = due_timers(shop.flow, shop.driver.clock.now().replace(year=2027))
    shop.driver.clock.advance(due - shop.driver.clock.now())
    shop.driver.restart()
    await shop.hear(FireTimer(ticket_id=TICKET_ID, timer_id=timer_id, due=due))
    [task] = shop.driver.read(TaskRaised)
    assert (task.node_id, shop.flow.status) == ("inspect_no_answer", "with_a_person")
    await shop.hear(completion(task.task_id, decision="retry"))
    assert [done.by for done in shop.driver.read(TaskCompleted)] == ["sam"]
    assert list(shop.commands().values()).count("noizylab.board.inspect.v1") == 2
    assert (waiting_at(shop.flow), shop.flow.status) == (["inspect"], "running")


async def test_answers_a_person_when_the_completion_does_not_fit() -> None:
    shop = Shop(times=2)
    await shop.hear(opened_with(photos=(), lock_state="locked"))
    [task] = shop.flow.tasks
    before = shop.flow
    await shop.hear(completion(task.task_id, lock_state="locked"))
    await shop.hear(completion("t99"), name="another")
    assert [refused.reason for refused in shop.driver.read(TaskRefused)] == [
        "lock_state must be one of unlocked, not_applicable",
        "task t99 is not open",
    ]
    assert shop.flow == before


@pytest.mark.parametrize(
    "act", [completion("t1"), ResolveIncident(ticket_id=TICKET_ID, incident_id="t1", action="retry", by="mo")]
)
async def test_answers_a_person_and_starts_later_when_the_ticket_has_no_flow_yet(act: Message) -> None:
    shop = Shop(times=2)
    await shop.hear(act)
    assert [refused.reason for refused in shop.driver.read(TaskRefused)] == ["this ticket has no flow"]
    assert shop.driver.views() == {}
    await shop.repair()
    assert shop.flow.status == "ended"
    assert shop.driver.dead() == []


async def test_parks_and_goes_on_when_a_person_wrote_what_no_command_can_carry() -> None:
    shop = Shop(times=2)
    await shop.hear(opened_with(photos=()))
    [diagnose] = [i for i, t in shop.commands().items() if t == "noizylab.fault.diagnose.v1"]
    shop.answered.add(diagnose)
    await shop.hear(MESSAGES["noizylab.diagnosis.abstained.v1"], diagnose)
    wrong = {"plan": DIAGNOSED.plan.model_dump(mode="json") | {"parts": "two screws"}}
    await shop.hear(completion(shop.flow.tasks[0].task_id, diagnosis=wrong))
    [incident] = shop.flow.incidents
    right = {"diagnosis": DATA[DIAGNOSED.TYPE]}
    await shop.hear(
        ResolveIncident(ticket_id=TICKET_ID, incident_id=incident.incident_id, action="retry", by="mo", variables=right)
    )
    assert (shop.flow.status, waiting_at(shop.flow)) == ("running", ["reserve_parts"])
    assert shop.driver.dead() == []


async def test_keeps_tickets_apart_when_their_inputs_come_in_one_batch() -> None:
    shop = Shop()
    tickets = [f"T-2000{number}" for number in range(5)]
    for ticket_id in tickets:
        await shop.driver.pipe(OPENED.model_copy(update={"ticket_id": ticket_id}))
    await shop.driver.feed(*shop.driver.log.of(WORKFLOW_COMMANDS))
    assert sorted(shop.driver.views()) == tickets
    assert len(shop.commands()) == 2 * len(tickets)
