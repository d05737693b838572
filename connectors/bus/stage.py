"""The stage: one step of a processor over a fetched batch. Written once; it owns everything dangerous.

For each record: read headers, skip other types, decode, drop what its aggregate has seen, call the handler. Keys run
side by side, records of one key in order. Then the events of the whole batch are published and awaited, then the
views, and only then is the batch finished: a view in the log implies its events, a commit implies both.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pydantic

from connectors.bus.aggregate import Aggregate, Held, StateOf, aggregate_keys, fold
from connectors.bus.letter import explained, letter
from connectors.bus.records import Fetched, Outgoing, Publisher
from connectors.clock.clock import Clock
from connectors.errors import Misconfigured, Transient
from connectors.traces.port import Span, Spans
from schemas.core.envelope import Envelope, EnvelopeError, caused_headers, derived_text
from schemas.core.message import Event, Message, View
from schemas.core.outcome import Drop, Emit, Outcome, Reject
from schemas.core.time import rfc3339
from schemas.core.trace import child_of, is_traceparent, parts_of, salt_of, span_of
from topics.registry import topic_of
from topics.topic import Topic

Handler = Callable[..., Awaitable[Outcome]]


class WorkerStop(Exception):
    """The worker must end with its offsets uncommitted; a restart repeats the work. The message says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a processor reads, what it may write, and the handler between. ``expects`` None means all types."""

    name: str
    reads: tuple[Topic, ...]
    emits: tuple[Topic, ...]
    handler: Callable[..., Awaitable[Any]]
    state: StateOf | None = None
    expects: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class StageLimits:
    """When to give up. Times in seconds."""

    keys_side_by_side: int = 64
    transient_budget_s: float = 60.0
    first_retry_s: float = 0.05
    longest_retry_s: float = 5.0
    bugs_in_a_row: int = 5
    bug_ratio: float = 0.01


@dataclass(slots=True)
class Counts:
    """What a stage did; names and labels are those of the metrics endpoint."""

    records_in: Counter[str] = field(default_factory=Counter)
    records_out: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class PartitionState:
    """The aggregates of one partition. Views are written to the partition number their commands came from.

    ``finished`` counts records whatever became of them: while it moves, the partition is not stuck.
    """

    partition: int | None = None
    held: dict[str, Held] = field(default_factory=dict)
    bugs_in_a_row: int = 0
    bugs: int = 0
    handled: int = 0
    finished: int = 0
    views_written: int = 0


class _StateMap(Mapping[str, View]):
    """Read-only states of a partition, as of now in the batch."""

    def __init__(self, working: Mapping[str, Held], base: Mapping[str, Held]) -> None:
        self._working, self._base = working, base

    def __getitem__(self, key: str) -> View:
        return (self._working.get(key) or self._base[key]).state

    def __iter__(self) -> Any:
        return iter({**self._base, **self._working})

    def __len__(self) -> int:
        return len({**self._base, **self._working})


@dataclass(frozen=True, slots=True)
class _Route:
    """Where messages of a class go. ``folds``: they change the step's own state."""

    topic: str
    key: str
    folds: bool


@dataclass(slots=True)
class _Batch:
    """What a batch will change, kept apart until it is published."""

    states: PartitionState
    working: dict[str, Held] = field(default_factory=dict)
    events: list[Outgoing] = field(default_factory=list)
    touched: dict[str, tuple[Envelope, str | None]] = field(default_factory=dict)
    dead: list[Outgoing] = field(default_factory=list)

    def held(self, key: str) -> Held | None:
        return self.working.get(key) or self.states.held.get(key)


class Stage:
    """Runs the batches of one step. One instance serves all partitions of the step."""

    def __init__(
        self,
        processor: str,
        step: Step,
        publisher: Publisher,
        clock: Clock,
        *,
        counts: Counts | None = None,
        limits: StageLimits | None = None,
        spans: Spans | None = None,
    ) -> None:
        self.step = step
        self.counts = counts or Counts()
        self._processor = processor
        self._source = f"/noizylab/{processor}"
        self._spans = spans
        self._salt = salt_of(step.name)
        self._publisher = publisher
        self._clock = clock
        self._limits = limits or StageLimits()
        self._validators = {
            message.TYPE.encode(): message.__pydantic_validator__
            for topic in step.reads
            for message in topic.carries
            if step.expects is None or message.TYPE in step.expects
        }
        self._known = {topic.name: {message.TYPE.encode() for message in topic.carries} for topic in step.reads}
        self._emits = {topic.name for topic in step.emits}
        self._routes: dict[type[Message], _Route] = {}

    async def run(self, records: Sequence[Fetched], states: PartitionState) -> None:
        """Handle a batch of one partition; returns when all of it is in the log.

        Raises:
            WorkerStop: see the class.
            Transient: the bus itself failed; nothing is finished, the caller repeats the batch.
        """
        batch = _Batch(states)
        chains: dict[bytes | None, list[tuple[Fetched, Envelope, Message]]] = {}
        for record in records:
            parsed = self._parse(record, batch)
            if parsed is None:
                states.finished += 1
            else:
                chains.setdefault(record.key, []).append((record, *parsed))
        if chains:
            await self._side_by_side(deque(chains.values()), batch)
        await self._publish(batch)

    def _parse(self, record: Fetched, batch: _Batch) -> tuple[Envelope, Message] | None:
        attributes = dict(record.headers)
        wanted = attributes.get("ce_type")
        validator = self._validators.get(wanted) if wanted else None
        if wanted is not None and validator is None:
            if wanted not in self._known.get(record.topic, ()):
                self._bury(batch, record, "schema_invalid", f"type {wanted[:80]!r} is not carried by {record.topic}")
            return None
        try:
            envelope = Envelope.from_attributes(attributes)
            assert validator is not None
            message: Message = validator.validate_json(record.value or b"")
        except EnvelopeError as error:
            self._bury(batch, record, "schema_invalid", str(error))
        except pydantic.ValidationError as error:
            self._bury(batch, record, "schema_invalid", explained(error))
        else:
            self.counts.records_in[envelope.type] += 1
            if record.key != envelope.subject.encode():
                self._bury(batch, record, "schema_invalid", "ce_subject differs from the record key")
                return None
            return envelope, message
        return None

    async def _side_by_side(self, waiting: deque[list[tuple[Fetched, Envelope, Message]]], batch: _Batch) -> None:
        """Work through the chains of a batch, many at a time, with no more tasks than handlers that wait.

        A handler that does not wait costs no task of its own: a helper is begun only when all others wait.
        """
        loop = asyncio.get_running_loop()
        helpers = self._limits.keys_side_by_side - 1

        async def work() -> None:
            try:
                while waiting:
                    await self._chain(waiting.popleft(), batch)
            except BaseException:
                # A failing key must not leave its neighbours running into a batch that is given up.
                waiting.clear()
                raise

        def help_out() -> None:
            nonlocal helpers
            if waiting and helpers > 0:
                helpers -= 1
                group.create_task(work())
                loop.call_soon(help_out)

        try:
            async with asyncio.TaskGroup() as group:
                loop.call_soon(help_out)
                await work()
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed

    async def _chain(self, chain: list[tuple[Fetched, Envelope, Message]], batch: _Batch) -> None:
        for record, envelope, message in chain:
            started = self._clock.now() if self._spans is not None else None
            outcome = await self._handle(record, envelope, message, batch)
            if isinstance(outcome, Emit):
                self._take(outcome, envelope, batch)
            elif isinstance(outcome, Drop):
                self.counts.dropped[outcome.reason] += 1
            elif isinstance(outcome, Reject):
                self._bury(batch, record, outcome.reason, outcome.detail)
            batch.states.finished += 1
            if self._spans is not None and started is not None:
                self._trace(self._spans, record, envelope, outcome, started)

    async def _handle(self, record: Fetched, envelope: Envelope, message: Message, batch: _Batch) -> Outcome | None:
        """Call the handler once per try. None: a bug, already in the dead letters."""
        arguments: tuple[Any, ...] = (message, envelope)
        declared = self.step.state
        if declared is not None:
            for key in aggregate_keys(declared, message, envelope.subject):
                if (held := batch.held(key)) is not None and held.has_seen(envelope.id_text):
                    return Drop("duplicate")
            if isinstance(declared, Aggregate):
                held = batch.held(envelope.subject)
                arguments = (message, envelope, held.state if held else None)
            else:
                arguments = (message, envelope, _StateMap(batch.working, batch.states.held))
        try:
            try:
                outcome: Outcome = await self.step.handler(*arguments)
            except Transient as error:
                outcome = await self._with_patience(arguments, envelope.type, error)
            if isinstance(outcome, Emit):
                for emitted in outcome.messages:
                    if type(emitted) not in self._routes:
                        self._find_route(type(emitted))
        except (Transient, WorkerStop, asyncio.CancelledError):
            raise
        except Misconfigured as error:
            # A wrong password is no fault of the record: it waits in the log until somebody mends the setting.
            raise WorkerStop(f"{self.step.name}: {error}") from error
        except Exception as error:  # noqa: BLE001 - the one place where a bug in a handler becomes a dead letter
            self._bug(batch, record, error)
            return None
        batch.states.bugs_in_a_row = 0
        batch.states.handled += 1
        return outcome

    def _find_route(self, kind: type[Message]) -> None:
        """Hold a handler to what it declared: a message for another topic is a bug, not a surprise downstream."""
        topic = topic_of(kind.TYPE)
        if topic.name not in self._emits:
            raise TypeError(f"{self.step.name} emits {kind.TYPE} but does not declare {topic.name}")
        self._routes[kind] = _Route(topic.name, topic.key, self.step.state is not None and issubclass(kind, Event))

    async def _with_patience(self, arguments: tuple[Any, ...], message_type: str, error: Transient) -> Outcome:
        """Call the handler again after ``error``, with growing, jittered pauses inside a budget."""
        limits, now = self._limits, asyncio.get_running_loop().time
        pause, deadline = limits.first_retry_s, now() + limits.transient_budget_s
        while True:
            self.counts.retries[message_type] += 1
            if now() + pause > deadline:
                raise WorkerStop(
                    f"{self.step.name}: still failing after {limits.transient_budget_s:.0f} s: {error}"
                ) from error
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, limits.longest_retry_s)
            try:
                outcome: Outcome = await self.step.handler(*arguments)
            except Transient as another:
                error = another
            else:
                return outcome

    def _bug(self, batch: _Batch, record: Fetched, error: Exception) -> None:
        states, limits = batch.states, self._limits
        states.bugs += 1
        states.bugs_in_a_row += 1
        states.handled += 1
        rare = states.bugs <= max(limits.bugs_in_a_row, limits.bug_ratio * states.handled)
        if states.bugs_in_a_row > limits.bugs_in_a_row or not rare:
            raise WorkerStop(
                f"{self.step.name}: {states.bugs_in_a_row} records in a row failed "
                f"({states.bugs} of {states.handled}), last: {type(error).__name__}: {error}"
            ) from error
        self._bury(batch, record, f"bug:{type(error).__name__}", str(error))

    def _take(self, outcome: Emit, envelope: Envelope, batch: _Batch) -> None:
        now = self._now()
        traceparent = self._carried(envelope)
        for ordinal, message in enumerate(outcome.messages):
            route = self._routes[type(message)]
            fixed = outcome.ids[ordinal] if ordinal < len(outcome.ids) else None
            kind, subject = message.TYPE, str(getattr(message, route.key))
            message_id = str(fixed) if fixed else derived_text(envelope.id_text, self._processor, kind, ordinal)
            key = subject.encode()
            headers = caused_headers(self._source, kind, message_id, key, now, envelope, traceparent)
            batch.events.append(Outgoing(route.topic, key, message.to_json(), headers))
            self.counts.records_out[kind] += 1
            if route.folds:
                assert isinstance(message, Event)
                self._fold(message, subject, envelope, traceparent, batch)

    def _now(self) -> bytes:
        return rfc3339(self._clock.now()).encode()

    def _carried(self, envelope: Envelope) -> str | None:
        """Return the trace context for what a record causes; none of its own when the record has none."""
        if envelope.traceparent is None or not is_traceparent(envelope.traceparent):
            return None
        return child_of(envelope.traceparent, span_of(envelope.id_text, self._salt))

    def _fold(self, event: Event, subject: str, cause: Envelope, traceparent: str | None, batch: _Batch) -> None:
        declared = self.step.state
        assert declared is not None
        for key in aggregate_keys(declared, event, subject):
            batch.working[key] = fold(declared, key, batch.held(key), event, cause.id_text)
            batch.touched[key] = cause, traceparent

    def _trace(
        self, spans: Spans, record: Fetched, envelope: Envelope, outcome: Outcome | None, started: datetime
    ) -> None:
        if envelope.traceparent is None or not is_traceparent(envelope.traceparent):
            return
        trace_id, parent_id, flags = parts_of(envelope.traceparent)
        failure = outcome.reason if isinstance(outcome, Reject) else "bug" if outcome is None else None
        attributes = {
            "messaging.system": "kafka",
            "messaging.destination.name": record.topic,
            "messaging.message.id": str(envelope.id),
            "noizylab.type": envelope.type,
            "noizylab.subject": envelope.subject,
            "noizylab.outcome": type(outcome).__name__.lower(),
        }
        span_id = span_of(envelope.id_text, self._salt)
        spans.took(
            Span(self.step.name, trace_id, span_id, parent_id, flags, started, self._clock.now(), attributes, failure)
        )

    async def _publish(self, batch: _Batch) -> None:
        if batch.dead:
            await self._publisher.publish(batch.dead)
        if batch.events:
            await self._publisher.publish(batch.events)
        if batch.working:
            now = self._now()
            views = [self._view(key, held, batch, now) for key, held in batch.working.items()]
            await self._publisher.publish(views)
            batch.states.held.update(batch.working)
            batch.states.views_written += len(views)

    def _view(self, key: str, held: Held, batch: _Batch, now: bytes) -> Outgoing:
        assert self.step.state is not None
        cause, traceparent = batch.touched[key]
        view_type = held.state.TYPE
        message_id = derived_text(cause.id_text, self._processor, view_type, held.version)
        subject = key.encode()
        headers = caused_headers(self._source, view_type, message_id, subject, now, cause, traceparent)
        return Outgoing(self.step.state.view.name, subject, held.to_value(), headers, batch.states.partition)

    def _bury(self, batch: _Batch, record: Fetched, reason: str, detail: str) -> None:
        self.counts.dead_letters[reason] += 1
        batch.dead.append(letter(self._processor, self.step.name, record, reason, detail, self._clock.now()))
