"""The read model: views and events of the whole log, folded in memory, and the outcomes of commands as they come in."""

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast
from uuid import UUID

import orjson
from aiokafka.errors import KafkaError

from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader, fold_view
from connectors.errors import ConnectorError, Transient
from processors.gateway.answers import Answers
from processors.gateway.config import Policy
from processors.gateway.feed import Feed
from processors.gateway.index import FOLD_AT_ONCE, TicketIndex
from processors.gateway.timeline import Timelines
from schemas.core.envelope import Envelope, EnvelopeError
from schemas.core.message import Event, View
from schemas.device_history import DeviceHistoryView
from schemas.edge import RequestAnswered, RequestClaimed
from schemas.tickets import TicketView
from topics.devices import DEVICE_VIEWS
from topics.edge import EDGE_ANSWERS
from topics.registry import EVENTS, VIEWS, class_of
from topics.tickets import TICKET_VIEWS
from topics.topic import Topic

log = logging.getLogger(__name__)

V = TypeVar("V", bound=View)
_VIEW_TOPICS = {topic.name: topic for topic in VIEWS}
_EVENT_TOPICS = {topic.name: topic for topic in EVENTS}
_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """An event that a command led to; its data is read when somebody asks for it."""

    envelope: Envelope
    data: bytes

    @property
    def event(self) -> Event:
        """Return the event itself."""
        return cast(Event, class_of(self.envelope.type).model_validate_json(self.data))


@dataclass(slots=True)
class _Waiter:
    types: frozenset[str]
    future: asyncio.Future[Outcome]


class ReadModel:
    """Folds every view and events topic from its start. :meth:`apply` alone decides what a record means."""

    def __init__(self, policy: Policy | None = None) -> None:
        limits = policy or Policy()
        self.timelines = Timelines(events_max=limits.timeline_events_max, tickets_max=limits.timelines_max)
        self.feed = Feed(held_max=limits.feed_max)
        self.answers = Answers(
            kept_for=limits.answer_kept, keys_max=limits.answers_max, sealed_max=limits.answers_max_characters
        )
        self.unreadable = 0
        self._index = TicketIndex()
        self._outcomes_max = limits.outcomes_max
        self._views: dict[str, dict[str, Held]] = {name: {} for name in _VIEW_TOPICS}
        self._touched: Counter[str] = Counter()
        self._next: dict[tuple[str, int], int] = {}
        self._outcomes: OrderedDict[UUID, list[Outcome]] = OrderedDict()
        self._waiters: dict[UUID, list[_Waiter]] = {}
        self._settling: dict[tuple[str, str], list[tuple[UUID, asyncio.Future[None]]]] = {}
        self._task: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._failure: str | None = "not started"
        self._ends: Callable[[], Mapping[tuple[str, int], int]] = dict

    # --- the log -----------------------------------------------------------------------------------------------

    def apply(self, record: Fetched) -> None:
        """Take one record. One that came before is skipped; one that cannot be read is counted and skipped."""
        position = (record.topic, record.partition)
        if record.offset < self._next.get(position, 0):
            return
        self._next[position] = record.offset + 1
        try:
            if record.topic in _VIEW_TOPICS:
                self._apply_view(_VIEW_TOPICS[record.topic], record)
            elif record.topic in _EVENT_TOPICS:
                self._apply_event(_EVENT_TOPICS[record.topic], record)
            elif record.topic == EDGE_ANSWERS.name and record.value is not None:
                kind = class_of(Envelope.from_headers(record.headers).type)
                self.answers.apply(cast(RequestClaimed | RequestAnswered, kind.model_validate_json(record.value)))
        except (EnvelopeError, ValueError, KeyError, TypeError) as error:
            self.unreadable += 1
            log.warning("%s-%d@%d is unreadable: %s", record.topic, record.partition, record.offset, error)

    def _apply_view(self, topic: Topic, record: Fetched) -> None:
        held = self._views[topic.name]
        fold_view(topic, record, held)
        if record.key is None:
            return
        key = record.key.decode()
        if topic.key == "ticket_id":
            self._touched[key] += 1
        elif topic is DEVICE_VIEWS and (history := self.view(topic, key, DeviceHistoryView)) is not None:
            # A ticket warns of what is known about its device.
            self._touched.update(visit.ticket_id for visit in history.visits)
        if topic is TICKET_VIEWS and (ticket := self.view(topic, key, TicketView)) is not None:
            self.feed.about(key, ticket.workspace_id, ticket.state)
        self._index.mark(record, key)
        waiting = self._settling.get((topic.name, key))
        if waiting and key in held:
            for cause, future in waiting:
                if held[key].has_seen(cause) and not future.done():
                    future.set_result(None)

    def _apply_event(self, topic: Topic, record: Fetched) -> None:
        envelope = Envelope.from_headers(record.headers)
        if topic.type_named(envelope.type) is None or record.value is None:
            return
        ticket_id = envelope.subject if topic.key == "ticket_id" else orjson.loads(record.value).get("ticket_id")
        if isinstance(ticket_id, str):
            entry = self.timelines.add(ticket_id, record, envelope)
            if entry is None:
                return
            self.feed.add(ticket_id, entry)
            self._touched[ticket_id] += 1
        if envelope.causation_id is not None:
            self._note(envelope.causation_id, Outcome(envelope, record.value))

    def _note(self, command_id: UUID, outcome: Outcome) -> None:
        known = self._outcomes.setdefault(command_id, [])
        known.append(outcome)
        if len(self._outcomes) > self._outcomes_max:
            self._outcomes.popitem(last=False)
        for waiter in self._waiters.get(command_id, ()):
            if outcome.envelope.type in waiter.types and not waiter.future.done():
                waiter.future.set_result(outcome)

    # --- questions ---------------------------------------------------------------------------------------------

    def view(self, topic: Topic, key: str, kind: type[V]) -> V | None:
        """Return one view; None when there is none, or it is of another kind."""
        held = self._views[topic.name].get(key)
        return held.state if held is not None and isinstance(held.state, kind) else None

    def views(self, topic: Topic, kind: type[V]) -> Iterator[V]:
        """Yield all views of a kind."""
        for held in self._views[topic.name].values():
            if isinstance(held.state, kind):
                yield held.state

    def stamp(self, ticket_id: str) -> Hashable:
        """Return a value that is another one after each record about a ticket, and when its events left memory."""
        return self._touched[ticket_id], self.timelines.holds(ticket_id)

    @property
    def tickets(self) -> TicketIndex:
        """Return the rows of all tickets, with everything that was taken so far in them."""
        self._index.fold(self)
        return self._index

    async def outcome_of(self, command_id: UUID, timeout_s: float, types: Collection[type[Event]]) -> Outcome | None:
        """Return the first event of ``types`` that the command caused, or None when none came in ``timeout_s``."""
        names = frozenset(one.TYPE for one in types)
        for outcome in self._outcomes.get(command_id, ()):
            if outcome.envelope.type in names:
                return outcome
        if timeout_s <= 0:
            return None
        waiter = _Waiter(names, asyncio.get_running_loop().create_future())
        self._waiters.setdefault(command_id, []).append(waiter)
        try:
            return await asyncio.wait_for(waiter.future, timeout_s)
        except TimeoutError:
            return None
        finally:
            _drop(self._waiters, command_id, waiter)

    async def settled(self, topic: Topic, key: str, command_id: UUID, timeout_s: float) -> bool:
        """Return True once the view has folded what the command caused, so that its sender reads its own write."""
        held = self._views[topic.name].get(key)
        if held is not None and held.has_seen(command_id):
            return True
        entry = (command_id, asyncio.get_running_loop().create_future())
        self._settling.setdefault((topic.name, key), []).append(entry)
        try:
            await asyncio.wait_for(entry[1], timeout_s)
        except TimeoutError:
            return False
        finally:
            _drop(self._settling, (topic.name, key), entry)
        return True

    # --- life --------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether everything that was in the log at the start has been folded and the log is being followed."""
        following = self._task is not None and not self._task.done()
        return following and self._failure is None and self._caught_up.is_set()

    @property
    def failure(self) -> str | None:
        """Return what keeps the model from following the log, or None."""
        return self._failure

    @property
    def lag(self) -> int:
        """Return how many records of the log, as far as the last fetches told of them, are not folded yet."""
        return sum(max(0, end - self._next.get(place, 0)) for place, end in self._ends().items())

    async def wait_ready(self) -> None:
        """Return when the model has caught up for the first time."""
        await self._caught_up.wait()

    async def start(self, cluster: Cluster, only: Collection[Topic] = ()) -> None:
        """Follow the log until :meth:`stop`, or ``only`` some of its topics; returns at once, see :attr:`ready`."""
        if self._task is not None:
            raise RuntimeError("the read model follows a log already")
        self._failure = "reading the log from its start"
        self._task = asyncio.create_task(self._run(cluster, only), name="gateway-read-model")

    async def stop(self) -> None:
        """Stop following."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        self._failure = "stopped"

    async def _run(self, cluster: Cluster, only: Collection[Topic]) -> None:
        while True:
            try:
                await self._follow(cluster, only)
            except (ConnectorError, KafkaError) as error:
                self._failure = str(error)
                log.warning("read model: %s; again in %.0f s", error, _RETRY_S)
                await asyncio.sleep(_RETRY_S)

    async def _follow(self, cluster: Cluster, only: Collection[Topic]) -> None:
        topics = {topic.name: topic for topic in only} or {
            **_VIEW_TOPICS,
            **_EVENT_TOPICS,
            EDGE_ANSWERS.name: EDGE_ANSWERS,
        }
        async with LogReader(cluster, "gateway-read-model") as reader:
            partitions = await reader.partitions(topics)
            missing = sum(topic.partitions for topic in topics.values()) - len(partitions)
            if missing > 0:
                raise Transient(f"{missing} partitions of the views and events topics do not exist yet")
            bounds = await reader.bounds(partitions)
            # After an interruption it goes on where it was.
            within = {tp: (min(max(first, self._next.get(tp, 0)), end), end) for tp, (first, end) in bounds.items()}
            async for record in reader.to_end(partitions, within):
                self.apply(record)
            while self._index.fold(self, FOLD_AT_ONCE):  # noqa: ASYNC110 - this is the work, and others get their turn
                await asyncio.sleep(0)
            self._failure = None
            self._caught_up.set()
            self._ends = lambda: reader.known_ends(partitions)
            # What was cleaned away behind the newest record is not read for a second time either.
            after = {tp: max(end, self._next.get(tp, 0)) for tp, (_, end) in within.items()}
            async for batch in reader.follow(partitions, from_start=True, after=after):
                for record in batch:
                    self.apply(record)
                self._index.fold(self)


K = TypeVar("K")
T = TypeVar("T")


def _drop(table: dict[K, list[T]], key: K, item: T) -> None:
    """Remove one entry of a list in a table, and the list with its last entry."""
    listed = table.get(key, [])
    if item in listed:
        listed.remove(item)
    if not listed:
        table.pop(key, None)
