"""What the stage does with each kind of trouble, and what a restart or a redelivery changes: nothing."""

from uuid import UUID, uuid4

import pytest

from connectors.bus.aggregate import Aggregate
from connectors.bus.app import App
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.stage import StageLimits, WorkerStop
from connectors.errors import Misconfigured, Transient
from schemas.core.envelope import Envelope
from schemas.core.message import Event, Message
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.inspections import BoardInspected, InspectBoard
from schemas.notifications import (
    NotificationFailed,
    NotificationSent,
    NotifyCustomer,
    OutboxEntry,
    OutboxView,
    SendDue,
)
from tests.support.driver import Driver, MemoryLog, as_fetched
from topics.inspections import INSPECTION_EVENTS
from topics.notifications import NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, NOTIFICATION_VIEWS

TICKET = "T-0001"
FAST = StageLimits(transient_budget_s=0.05, first_retry_s=0.001, longest_retry_s=0.002)
PATIENT = StageLimits(first_retry_s=0.001, longest_retry_s=0.002)


def evolve(view: OutboxView | None, event: Event) -> OutboxView:
    assert isinstance(event, NotificationSent | NotificationFailed)
    entry = OutboxEntry(notification_id=event.notification_id, template=event.template, status="sent")
    return OutboxView(ticket_id=event.ticket_id, entries=(*(view.entries if view else ()), entry))


OUTBOX = Aggregate(NOTIFICATION_VIEWS, evolve)


def wish(ticket: str = TICKET, template: str = "quote_ready") -> NotifyCustomer:
    return NotifyCustomer(ticket_id=ticket, customer_id="C-0001", template=template)


def wire(app: App) -> None:
    """A small processor that shows every outcome, by the template's name."""

    tries: dict[UUID, int] = {}

    @app.agent(NOTIFICATION_COMMANDS, emits=NOTIFICATION_EVENTS, state=OUTBOX, expects=[NotifyCustomer])
    async def tell(command: NotifyCustomer, envelope: Envelope, view: OutboxView | None) -> Outcome:
        match command.template:
            case "drop":
                return Drop("stale")
            case "reject":
                return Reject("never", "for the test")
            case "bug":
                raise ZeroDivisionError("a bug")
            case "down":
                raise Transient("the mail server is down")
            case "password":
                raise Misconfigured("the mail server refuses the password")
            case "flaky":
                tries[envelope.id] = tries.get(envelope.id, 0) + 1
                if tries[envelope.id] < 3:
                    raise Transient("not yet")
            case "stranger":
                return Emit.of(inspected())
        already = len(view.entries) if view else 0
        return Emit.of(
            NotificationSent(
                ticket_id=command.ticket_id,
                notification_id=f"{envelope.id}",
                template=command.template,
                channel="mail",
                provider_id=f"n{already}",
                sent_at=envelope.time,
            )
        )


def inspected() -> BoardInspected:
    return BoardInspected.model_validate(
        {
            "ticket_id": TICKET,
            "compared": False,
            "photos_usable": 0,
            "photos_refused": 0,
            "engine": "x",
            "inspected_at": "2026-01-01T00:00:00Z",
        }
    )


@pytest.fixture(params=[False, True], ids=["delivered once", "everything delivered twice"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return Driver(wire, "notify", limits=PATIENT, redeliver=request.param)


async def test_publishes_events_before_the_view(driver: Driver) -> None:
    await driver.pipe(wish())

    written = [record.topic for record in driver.log.records]
    assert written == [NOTIFICATION_EVENTS.name, NOTIFICATION_VIEWS.name]


async def test_derives_the_same_ids_when_a_record_is_repeated_after_a_crash() -> None:
    first, second = Driver(wire, "notify"), Driver(wire, "notify")
    cause = uuid4()

    await first.pipe(wish(), id=cause)
    await second.pipe(wish(), id=cause)

    ids = [driver.envelopes(NotificationSent)[0][0].id for driver in (first, second)]
    assert ids[0] == ids[1]
    assert ids[0] != cause


async def test_carries_correlation_and_cause(driver: Driver) -> None:
    cause = await driver.pipe(wish())

    envelope, _ = driver.envelopes(NotificationSent)[0]
    assert envelope.causation_id == cause
    assert envelope.correlation_id == TICKET
    assert envelope.subject == TICKET


async def test_drops_what_the_aggregate_has_seen_also_after_a_restart() -> None:
    driver = Driver(wire, "notify")
    cause = await driver.pipe(wish())
    driver.restart()

    await driver.pipe(wish(), id=cause)

    assert len(driver.read(NotificationSent)) == 1
    assert driver.app.counts.dropped["duplicate"] == 1


async def test_restores_the_same_state_from_the_log(driver: Driver) -> None:
    for number in range(5):
        await driver.pipe(wish(f"T-000{number % 2}"))
    before = driver.views()

    driver.restart()

    assert driver.views() == before
    assert len(before) == 2


async def test_counts_a_drop_and_goes_on(driver: Driver) -> None:
    await driver.pipe(wish(template="drop"))
    await driver.pipe(wish())

    assert driver.app.counts.dropped["stale"] >= 1
    assert len(driver.read(NotificationSent)) == 1


async def test_buries_a_rejected_record_with_the_reason(driver: Driver) -> None:
    await driver.pipe(wish(template="reject"))

    assert driver.dead()[0]["dlq_reason"] == "never"
    assert driver.dead()[0]["dlq_error"] == "for the test"
    assert driver.dead()[0]["ce_type"] == NotifyCustomer.TYPE


async def test_retries_while_a_connector_is_down_then_goes_on(driver: Driver) -> None:
    await driver.pipe(wish(template="flaky"))

    assert len(driver.read(NotificationSent)) == 1
    assert driver.app.counts.retries[NotifyCustomer.TYPE] == 2


async def test_stops_the_worker_and_buries_nothing_when_a_connector_stays_down() -> None:
    driver = Driver(wire, "notify", limits=FAST)

    with pytest.raises(WorkerStop, match="the mail server is down"):
        await driver.pipe(wish(template="down"))

    assert driver.log.records == []


async def test_stops_the_worker_and_buries_nothing_when_a_setting_is_wrong() -> None:
    driver = Driver(wire, "notify", limits=FAST)

    with pytest.raises(WorkerStop, match="refuses the password"):
        await driver.pipe(wish(template="password"))

    assert driver.log.records == []


async def test_stops_the_worker_when_one_of_many_keys_stays_down() -> None:
    driver = Driver(wire, "notify", limits=FAST)
    batch = [record_of(wish("T-0001")), record_of(wish("T-0002", "down")), record_of(wish("T-0003"))]

    with pytest.raises(WorkerStop):
        await driver.feed(*batch)

    assert driver.log.records == []


async def test_buries_a_bug_while_it_is_rare() -> None:
    driver = Driver(wire, "notify", limits=FAST)

    await driver.pipe(wish(template="bug"))
    await driver.pipe(wish())

    assert driver.dead()[0]["dlq_reason"] == "bug:ZeroDivisionError"
    assert len(driver.read(NotificationSent)) == 1


async def test_stops_the_worker_when_bugs_come_in_a_row() -> None:
    driver = Driver(wire, "notify", limits=FAST)

    for _ in range(5):
        await driver.pipe(wish(template="bug"))
    with pytest.raises(WorkerStop, match="6 records in a row failed"):
        await driver.pipe(wish(template="bug"))

    assert len(driver.dead()) == 5


async def test_calls_an_undeclared_topic_a_bug() -> None:
    driver = Driver(wire, "notify", limits=FAST)

    await driver.pipe(wish(template="stranger"))

    assert driver.dead()[0]["dlq_reason"] == "bug:TypeError"
    assert INSPECTION_EVENTS.name in driver.dead()[0]["dlq_error"]


async def test_skips_a_type_it_does_not_expect(driver: Driver) -> None:
    await driver.pipe(SendDue(ticket_id=TICKET, notification_id="n"))

    assert driver.log.records == []


def record_of(message: Message, **changes: bytes | None) -> Fetched:
    envelope = Envelope(
        id=uuid4(),
        source="/test",
        type=message.TYPE,
        subject=getattr(message, "ticket_id", ""),
        time=Driver(wire, "notify").clock.now(),
        recorded_time=Driver(wire, "notify").clock.now(),
        correlation_id=TICKET,
    )
    headers = [(name, value) for name, value in envelope.to_headers() if name not in changes]
    headers += [(name, value) for name, value in changes.items() if name.startswith("ce_") and value is not None]
    value = changes.get("value", message.to_json())
    return as_fetched(Outgoing(NOTIFICATION_COMMANDS.name, envelope.subject.encode(), value, headers))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (record_of(wish(), ce_id=None), "ce_id is missing"),
        (record_of(wish(), ce_id=b"seven"), "ce_id is not a UUID"),
        (record_of(wish(), ce_time=b"yesterday"), "ce_time is not RFC 3339"),
        (record_of(wish(), ce_time=b"2026-01-01T00:00:00"), "has no time zone"),
        (record_of(wish(), ce_type=None), "ce_type is missing"),
        (record_of(wish(), ce_type=b"noizylab.unheard.of.v1"), "is not carried by"),
        (record_of(wish(), ce_type=InspectBoard.TYPE.encode()), "is not carried by"),
        (record_of(wish(), ce_subject=b"T-other"), "differs from the record key"),
        (record_of(wish(), value=b"{"), "EOF while parsing"),
        (record_of(wish(), value=b"\xff\xfe"), "Invalid JSON"),
        (record_of(wish(), value=None), "EOF while parsing"),
        (record_of(wish(), value=b'{"ticket_id": 7}'), "ticket_id: Input should be a valid string"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_buries_what_it_cannot_read_and_names_the_fault(driver: Driver, broken: Fetched, says: str) -> None:
    await driver.feed(broken, record_of(wish()))

    letter = driver.dead()[0]
    assert letter["dlq_reason"] == "schema_invalid"
    assert says in letter["dlq_error"]
    assert letter["dlq_topic"] == NOTIFICATION_COMMANDS.name
    assert len(driver.read(NotificationSent)) == 1


def test_refuses_state_over_several_topics() -> None:
    app = App("notify", Driver(wire, "notify").app._cluster, MemoryLog())

    with pytest.raises(ValueError, match="reads one topic"):
        app.agent(NOTIFICATION_COMMANDS, NOTIFICATION_EVENTS, state=OUTBOX)
