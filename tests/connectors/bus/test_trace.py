"""One repair is one trace: from the kiosk through every step, with the step before as parent, replays included."""

import subprocess
import sys
from uuid import UUID, uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from connectors.bus.app import App
from connectors.bus.records import EdgeSender, Fetched, Outgoing
from connectors.clock.clock import SettableClock
from connectors.errors import Misconfigured
from connectors.traces.opentelemetry import OpenTelemetrySpans
from infra.compose import flow_files
from processors.orchestrator.agent import wire as wire_orchestrator
from processors.orchestrator.deployment import deploy
from processors.tickets.agent import wire as wire_tickets
from processors.tickets.config import Policy as TicketPolicy
from schemas.core.envelope import Envelope
from schemas.core.trace import began, child_of, is_traceparent, parts_of, salt_of, span_of
from tests.processors.test_agents import intake
from tests.support.driver import START, Driver, MemoryLog, as_fetched
from tests.support.vault import NO_PLACE, vault_in

TICKET = "T-0001"


def tickets(app: App) -> None:
    wire_tickets(app, TicketPolicy(), vault_in(NO_PLACE))


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> OpenTelemetrySpans:
    return OpenTelemetrySpans(SimpleSpanProcessor(exporter))


async def sent_by_a_kiosk() -> Outgoing:
    log = MemoryLog()
    await EdgeSender("kiosk", log, SettableClock(START)).send(intake(TICKET), correlation_id=TICKET, id=UUID(int=7))
    return log.records[0]


async def run_on(drivers: list[Driver], first: Outgoing, steps: int) -> None:
    """Carry records from one processor to the others, as the log would."""
    waiting: list[Fetched] = [as_fetched(first)]
    for offset in range(steps):
        if not waiting:
            return
        record = waiting.pop(0)
        for driver in drivers:
            if any(topic.name == record.topic for stage in driver.stages for topic in stage.step.reads):
                known = len(driver.log.records)
                await driver.feed(record)
                waiting += [as_fetched(one, offset) for one in driver.log.records[known:]]


async def test_a_repair_is_one_trace_with_the_step_before_as_parent(
    exporter: InMemorySpanExporter, spans: OpenTelemetrySpans, tmp_path_factory: pytest.TempPathFactory
) -> None:
    flows = deploy(flow_files(tmp_path_factory.mktemp("home")))
    drivers = [
        Driver(tickets, "tickets", spans=spans),
        Driver(lambda app: wire_orchestrator(app, flows), "orchestrator", spans=spans),
    ]
    first = await sent_by_a_kiosk()
    await run_on(drivers, first, steps=12)

    finished = exporter.get_finished_spans()
    by_id = {span.context.span_id: span for span in finished if span.context is not None}
    kiosk = parts_of(Envelope.from_headers(first.headers).traceparent or "")
    assert {span.context.trace_id for span in finished if span.context is not None} == {kiosk[0]}
    chains = {tuple(path_of(span, by_id, kiosk[1])) for span in finished}
    assert any(path[:3] == ("kiosk", "tickets.ticket", "orchestrator.run") for path in named(chains)), chains
    assert any(len(path) >= 4 for path in chains), chains


def named(chains: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Chains with every step of the orchestrator under one name: a flow listens with several."""
    return {tuple("orchestrator.run" if one.startswith("orchestrator.") else one for one in path) for path in chains}


def path_of(span: ReadableSpan, by_id: dict[int, ReadableSpan], root: int) -> list[str]:
    path = [span.name]
    while span.parent is not None and span.parent.span_id != root:
        span = by_id[span.parent.span_id]
        path.append(span.name)
    return ["kiosk", *reversed(path)]


async def test_a_replay_makes_the_same_spans(exporter: InMemorySpanExporter, spans: OpenTelemetrySpans) -> None:
    first = await sent_by_a_kiosk()
    for _ in range(2):
        await run_on([Driver(tickets, "tickets", spans=spans)], first, steps=2)

    one, two = (span.context for span in exporter.get_finished_spans())
    assert one is not None
    assert two is not None
    assert one.span_id == two.span_id


async def test_a_record_without_trace_causes_records_without(
    exporter: InMemorySpanExporter, spans: OpenTelemetrySpans
) -> None:
    driver = Driver(tickets, "tickets", spans=spans)
    await driver.pipe(intake(TICKET))

    written = [dict(record.headers) for record in driver.log.records]
    assert written
    assert all("traceparent" not in headers for headers in written)
    assert exporter.get_finished_spans() == ()


async def test_carries_the_state_of_a_foreign_trace_along() -> None:
    driver = Driver(tickets, "tickets")
    record = await sent_by_a_kiosk()
    await driver.feed(
        as_fetched(Outgoing(record.topic, record.key, record.value, [*record.headers, ("tracestate", b"v=1")]))
    )

    assert [dict(one.headers).get("tracestate") for one in driver.log.records] == [b"v=1"] * len(driver.log.records)
    assert driver.log.records


def test_ids_follow_from_what_they_belong_to() -> None:
    message = uuid4()
    begun = began(TICKET, message)
    assert is_traceparent(begun)
    assert parts_of(begun)[0] == parts_of(began(TICKET, uuid4()))[0]
    span = span_of(message, salt_of("tickets.ticket"))
    assert span != span_of(message, salt_of("orchestrator.run"))
    assert parts_of(child_of(begun, span)) == (parts_of(begun)[0], span, 1)
    assert span_of(UUID(int=5), 5) == 1
    assert span_of(str(message), 7) == span_of(message, 7)
    assert not is_traceparent(begun.replace(begun[3:35], "0" * 32))
    assert not is_traceparent(begun.replace(begun[36:52], "0" * 16))


@pytest.mark.parametrize(
    "text", ["", "00-x", f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01", f"01-{'1' * 32}-{'1' * 16}-01"]
)
def test_tells_what_is_no_traceparent(text: str) -> None:
    assert not is_traceparent(text)


def test_names_what_traces_may_go_to() -> None:
    with pytest.raises(Misconfigured, match="give otlp or console"):
        OpenTelemetrySpans.named("paper")
    with pytest.raises(Misconfigured, match="install it"):
        OpenTelemetrySpans.named("otlp")


def test_costs_no_import_when_nobody_asks_for_traces() -> None:
    code = "import sys, infra.worker, infra.compose; sys.exit('opentelemetry.sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
