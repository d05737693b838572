"""The repair flow under load and under kills: how fast, and whether anything is lost or done twice."""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import EdgeSender, Fetched, Outgoing
from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from connectors.errors import Transient
from connectors.vault.port import Contact
from infra.audit import replay_all
from infra.demo.complaints import COMPLAINTS
from infra.demo.intakes import built_in_intakes, sample_complaints
from infra.ports import Ports
from infra.seed import stock_the_shelf
from infra.settings import Settings, read_settings
from infra.shop import Shop, private_settings, running_shop
from processors.tickets.lifecycle import WAYS
from schemas.core.blob_ref import BlobRef
from schemas.core.envelope import NAMESPACE, Envelope, EnvelopeError
from schemas.devices import Device
from schemas.notifications import NotificationSent
from schemas.quotes import AcceptQuote, DeclineQuote, QuotePrepared
from schemas.tickets import SubmitIntake, TicketMoved, TicketMoveRefused, TicketOpened
from schemas.workflow import FlowEnded, IncidentRaised, TaskRaised
from topics.registry import EVENTS, class_of

SILENCE_S = 60.0
PIECES = 100_000
LATENCY_REPAIRS = 100
RATE_OF_TEXT, RATE_OF_PHOTOS = 5.0, 0.5
"""Repairs a second of the paced phase: a busy shop's counter, and what two cores inspect with room to spare."""

EVENTS_A_REPAIR = 13
"""Events of a text-only repair, steps of its flow not counted: kills fall between 3 % and 85 % of all of them."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``kills``: SIGKILLs of the worker process; ``broker_kills``: of the embedded broker."""

    repairs: int
    kills: int = 0
    broker_kills: int = 0
    seed: int = 1
    photos: bool = False
    rate: float | None = None
    samples: Path | None = None


@dataclass(slots=True)
class Seen:
    """What the log says, each event once by its id, in the order of its partition."""

    ids: set[UUID] = field(default_factory=set)
    submitted: dict[str, datetime] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    quotes: dict[str, list[tuple[UUID, datetime]]] = field(default_factory=lambda: defaultdict(list))
    sends: dict[tuple[str, str], set[UUID]] = field(default_factory=lambda: defaultdict(set))
    moves: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    refused_moves: Counter[str] = field(default_factory=Counter)
    with_a_person: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    repeated: int = 0
    answered: set[str] = field(default_factory=set)

    def settled(self, tickets: Iterable[str]) -> int:
        """Return how many tickets ended or wait for a person."""
        return sum(ticket in self.ended or ticket in self.with_a_person for ticket in tickets)


class FlowBench:
    """One run on a shop that is up."""

    def __init__(self, shop: Shop, plan: Plan, say: Say) -> None:
        self._shop = shop
        self._plan = plan
        self._say = say
        self._seen = Seen()
        self._changed = asyncio.Event()
        self._kills = 0
        self._random = random.Random(plan.seed)  # noqa: S311 - seeded on purpose, so that a run can be repeated

    async def run(self) -> dict[str, Any]:
        """Put the repairs through, answer the quotes, wait until all is settled, then judge by the log."""
        settings = self._shop.settings
        publisher = KafkaPublisher(settings.cluster(), client_id="noizylab-bench", give_up_after_s=300)
        await publisher.start()
        self._sender = EdgeSender("bench", publisher, SystemClock())
        following = asyncio.create_task(self._follow())
        killing = asyncio.create_task(self._kill())
        try:
            await self._warm_up()
            kills = self._plan.kills + self._plan.broker_kills
            result: dict[str, Any] = {"repairs": self._plan.repairs}
            burst = await self._phase("burst", self._plan.repairs, rate=None)
            result |= burst
            if kills:
                await killing
                await self._settle(burst["tickets"])
                result |= await self._judge(burst["tickets"])
            else:
                rate = self._plan.rate or (RATE_OF_PHOTOS if self._plan.photos else RATE_OF_TEXT)
                paced = await self._phase("paced", min(self._plan.repairs, LATENCY_REPAIRS), rate=rate)
                result["paced_at_per_s"] = rate
                result["ticket_to_quote_ms"] = _percentiles(paced["latencies_ms"])
                result["ticket_to_quote_ms_at_full_load"] = _percentiles(burst["latencies_ms"])
                result["bound"] = await self._bound(publisher)
                result |= await self._judge([*burst["tickets"], *paced["tickets"]])
            for name in ("tickets", "latencies_ms"):
                result.pop(name)
            return result
        finally:
            killing.cancel()
            following.cancel()
            await asyncio.gather(following, killing, return_exceptions=True)
            await publisher.stop()

    async def _warm_up(self) -> None:
        """The first repairs pay for imports and caches of every process; they are not measured."""
        tickets = [await self._submit(number, f"warm-{number}", None) for number in range(8)]
        await self._wait(lambda: self._seen.settled(tickets) == len(tickets))

    async def _phase(self, name: str, repairs: int, *, rate: float | None) -> dict[str, Any]:
        self._say(f"{name}: {repairs} repairs" + (f" at {rate:g}/s" if rate else ", as fast as they go"))
        photos = await self._photos() if self._plan.photos else None
        cpu_before = self._cpu_ms()
        started = time.monotonic()
        tickets: list[str] = []
        if rate is None:
            tickets = list(await asyncio.gather(*(self._submit(n, f"{name}-{n}", photos) for n in range(repairs))))
        else:
            for number in range(repairs):
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
                tickets.append(await self._submit(number, f"{name}-{number}", photos))
        await self._wait(lambda: all(self._quoted_or_settled(ticket) for ticket in tickets))
        quoted = time.monotonic() - started
        await self._wait(lambda: self._seen.settled(tickets) == len(tickets))
        settled = time.monotonic() - started
        cpu_after = self._cpu_ms()
        latencies = [
            (self._seen.quotes[ticket][0][1] - self._seen.submitted[ticket]).total_seconds() * 1000
            for ticket in tickets
            if self._seen.quotes.get(ticket)
        ]
        kills = self._plan.kills + self._plan.broker_kills  # a killed process takes its count with it
        cpu = (cpu_after - cpu_before) / repairs if cpu_before is not None and cpu_after is not None else None
        return {
            "tickets": tickets,
            "latencies_ms": latencies,
            "repairs_per_s": round(repairs / quoted, 1),
            "settled_per_s": round(repairs / settled, 1),
            "cpu_ms_per_repair": round(cpu, 1) if cpu is not None and not kills else None,
        }

    def _quoted_or_settled(self, ticket: str) -> bool:
        seen = self._seen
        return ticket in seen.quotes or ticket in seen.with_a_person or ticket in seen.ended

    async def _submit(self, number: int, name: str, photos: Sequence[BlobRef] | None) -> str:
        category, brand, text, language = self._complaint(number)
        ticket_id = f"T-{uuid5(NAMESPACE, f'bench/{self._plan.seed}/{name}')}"
        lockable = category in {"laptop", "desktop", "mobile", "tablet", "console", "other"}
        command = SubmitIntake.model_validate(
            {
                "ticket_id": ticket_id,
                "customer_id": "C-bench",
                "device": Device.model_validate(
                    {
                        "category": category,
                        "brand": brand,
                        "lock_state": "unlocked" if lockable else "not_applicable",
                        "board_model": self._board if photos else None,
                    }
                ),
                "complaint": text,
                "language": language,
                "photos": tuple(photos or ()),
                "no_photos_reason": None if photos else "remote_estimate",
                "channel": "kiosk" if photos else "phone",
                "consent_version": "2026-01",
            }
        )
        self._seen.submitted[ticket_id] = SystemClock().now()
        await self._sender.send(command, correlation_id=ticket_id, id=uuid5(NAMESPACE, f"bench/intake/{ticket_id}"))
        return ticket_id

    def _complaint(self, number: int) -> tuple[str, str, str, str | None]:
        if self._plan.samples is not None:
            if not hasattr(self, "_told"):
                self._told = sample_complaints(self._plan.samples, 1000, self._plan.seed)
            category, brand, text = self._told[number % len(self._told)]
            return category, brand, text, None
        one = COMPLAINTS[number % len(COMPLAINTS)]
        return one.category, one.brand, one.text, one.language

    async def _photos(self) -> list[BlobRef]:
        """Store one golden picture and two 4-megapixel photos of that board; every repair of the run shows them."""
        from infra.demo.boards import BOARD_NAMES, golden, to_jpeg

        self._board = BOARD_NAMES[0]
        [intake] = await asyncio.to_thread(lambda: list(built_in_intakes(1, width_px=2300)))
        async with Ports.open(self._shop.settings) as ports:
            picture = await asyncio.to_thread(lambda: to_jpeg(golden(self._board, 2300)))
            await ports.blobs.put("goldens", f"{self._board}.jpg", picture, "image/jpeg")
            return [
                await ports.blobs.put("images", f"bench/{number}.jpg", data, "image/jpeg")
                for number, data in enumerate(intake.photos)
            ]

    async def _follow(self) -> None:
        """Read every event, play the customers: three of four accept their quote."""
        cluster = self._shop.settings.cluster()
        while True:
            try:
                async with LogReader(cluster, "noizylab-bench-reader") as reader:
                    tps = await reader.partitions([topic.name for topic in EVENTS])
                    async for batch in reader.follow(tps, from_start=True):
                        for record in batch:
                            await self._take(record)
                        self._changed.set()
            except (Transient, OSError):
                await asyncio.sleep(0.5)

    async def _take(self, record: Fetched) -> None:
        try:
            envelope = Envelope.from_headers(record.headers)
        except EnvelopeError:
            return
        if envelope.type == "noizylab.flow.advanced.v1" or envelope.id in self._seen.ids:
            self._seen.repeated += envelope.id in self._seen.ids
            return
        self._seen.ids.add(envelope.id)
        event = class_of(envelope.type).model_validate_json(record.value or b"")
        seen = self._seen
        match event:
            case TicketOpened():
                seen.opened.add(event.ticket_id)
            case TicketMoved():
                seen.moves[event.ticket_id].append((event.from_state, event.to_state))
            case TicketMoveRefused():
                seen.refused_moves[f"{event.from_state}->{event.to_state}: {event.guard}"] += 1
            case NotificationSent():
                seen.sends[event.ticket_id, event.template].add(envelope.id)
            case QuotePrepared():
                seen.quotes[event.ticket_id].append((envelope.id, envelope.recorded_time))
                await self._answer(event)
            case TaskRaised() | IncidentRaised():
                seen.with_a_person.add(event.ticket_id)
            case FlowEnded():
                seen.ended.add(event.ticket_id)

    async def _answer(self, quote: QuotePrepared) -> None:
        if quote.ticket_id in self._seen.answered:
            return
        self._seen.answered.add(quote.ticket_id)
        answer_id = uuid5(NAMESPACE, f"bench/answer/{quote.ticket_id}")
        message: AcceptQuote | DeclineQuote
        if answer_id.int % 4:
            message = AcceptQuote(
                ticket_id=quote.ticket_id,
                quote_hash=quote.quote_hash,
                tier=quote.recommended,
                signed_by="Bench Customer",
                channel="link",
            )
        else:
            message = DeclineQuote(ticket_id=quote.ticket_id, quote_hash=quote.quote_hash, channel="link")
        await self._sender.send(message, correlation_id=quote.ticket_id, id=answer_id)

    async def _kill(self) -> None:
        """Kill at seeded shares of the work done, counted in events on the log."""
        plan = self._plan
        targets = ["workers"] * plan.kills + ["broker"] * plan.broker_kills
        self._random.shuffle(targets)
        points = sorted(self._random.uniform(0.03, 0.85) * plan.repairs * EVENTS_A_REPAIR for _ in targets)
        for point, target in zip(points, targets, strict=True):
            while len(self._seen.ids) < point:
                if not await self._something_happened():
                    break
            self._say(f"SIGKILL {target} at {len(self._seen.ids)} events")
            self._shop.supervisor.kill(target)
            self._kills += 1

    async def _something_happened(self) -> bool:
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), SILENCE_S)
        except TimeoutError:
            return False
        return True

    async def _wait(self, done: Callable[[], bool]) -> None:
        while not done():
            if not await self._something_happened() and not done():
                self._say(f"nothing happened for {SILENCE_S:.0f} s")
                return

    async def _settle(self, tickets: Sequence[str]) -> None:
        await self._wait(lambda: self._seen.settled(tickets) == len(tickets))

    async def _judge(self, tickets: Sequence[str]) -> dict[str, Any]:
        seen = self._seen
        # Views follow their events; a worker that is killed at the end needs a moment to write the last of them.
        await asyncio.sleep(3)
        replayed = await replay_all(self._shop.settings.cluster())
        for one in replayed:
            for line in one.different[:5]:
                self._say(f"replay differs: {one.processor} {line}")
        lost = [ticket for ticket in tickets if ticket not in seen.opened or not seen.settled([ticket])]
        for line, count in seen.refused_moves.most_common(5):
            self._say(f"refused moves: {count} x {line}")
        return {
            "kills": self._kills,
            "lost": len(lost),
            "duplicate_quotes": sum(len(quotes) - 1 for quotes in seen.quotes.values() if len(quotes) > 1),
            "duplicate_sends": sum(len(ids) - 1 for ids in seen.sends.values()) + self._mails_twice(),
            "illegal_states": sum(_illegal(moves) for moves in seen.moves.values()) + sum(seen.refused_moves.values()),
            "replay_equal": all(one.equal for one in replayed),
            "with_a_person": sum(ticket in seen.with_a_person for ticket in tickets),
            "events_written_twice": sum(one.repeated for one in replayed),
        }

    def _mails_twice(self) -> int:
        """Count mails beyond the first with the same subject line: it names the ticket and the template."""
        subjects: Counter[str] = Counter()
        for path in (self._shop.settings.home / "outbox").glob("*.eml"):
            text = path.read_text(errors="replace")
            subject = text.partition("Subject:")[2].split("\nMIME", 1)[0]
            subjects[" ".join(subject.split())] += 1
        return sum(count - 1 for count in subjects.values())

    def _cpu_ms(self) -> float | None:
        """Return the processor time of all processes of the shop so far, in milliseconds; None where it is unknown."""
        pids = [self._shop.supervisor.pid(name) for name in self._shop.supervisor.restarts()]
        try:
            return sum(_cpu_ms_of(pid) for root in pids if root for pid in (root, *_children(root)))
        except OSError:
            return None

    async def _bound(self, publisher: KafkaPublisher) -> dict[str, Any]:
        """Measure one bare hop on the same broker: write, acknowledged, read. A quote is HOPS of them away."""
        topic = "workflow.views.v1"
        times = []
        async with LogReader(self._shop.settings.cluster(), "noizylab-bench-bound") as reader:
            tps = await reader.partitions([topic])
            following = reader.follow(tps, from_start=False)
            first = asyncio.ensure_future(anext(following))
            await asyncio.sleep(0.5)
            for _ in range(50):
                started = time.monotonic()
                await publisher.publish([Outgoing(topic, b"bench-bound", None, [], 0)])
                await first
                times.append((time.monotonic() - started) * 1000)
                first = asyncio.ensure_future(anext(following))
            first.cancel()
        hop = statistics.median(times)
        return {"bare_hop_ms_p50": round(hop, 2), "hops_to_a_quote": HOPS, "least_ms": round(hop * HOPS, 1)}


HOPS = 11
"""Records in a row from a text-only intake to its quote: the intake, opened, signal, diagnose, diagnosed, signal,
reserve, reserved, signal, prepare, prepared."""


def _illegal(moves: Sequence[tuple[str, str]]) -> int:
    """Count moves that the table does not have, or that do not begin where the one before ended."""
    state = "received"
    wrong = 0
    for source, target in moves:
        wrong += source != state or (source, target) not in WAYS
        state = target
    return wrong


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "p99": round(cuts[98], 1)}


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def _cpu_ms_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def run_flow_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Start a shop of its own, run the benchmark, stop the shop."""
    home = Path(tempfile.mkdtemp(prefix="noizylab-bench-"))
    settings: Settings = private_settings(read_settings(), home, own_cluster=True)
    async with running_shop(settings, gateway=False, progress=say) as shop:
        await stock_the_shelf(settings, PIECES)
        async with Ports.open(settings) as ports:
            contact = Contact(customer_id="C-bench", name="Bench", mail="bench@customers.example", channels=("mail",))
            await ports.vault.put(contact)
        return await FlowBench(shop, plan, say).run()
