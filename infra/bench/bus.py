"""What an event costs on the bus: the chain A -> B -> C on our stage, on peers, and on a bare loop as the bound.

Each run has a worker process of its own with all three stages. It is warmed with events, then frozen (SIGSTOP) while
the backlog is written, and measured from its thaw to the last output: processor time of the process, user and system,
divided by events and stages. Engines take turns, so that a machine which others load treats them alike.
"""

import asyncio
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition

from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from connectors.errors import Misconfigured, Transient
from infra.bench.chain import HOPS, TOPICS, first_record, ticket
from infra.bench.nodes import Node
from infra.bench.peers import environment
from infra.bench.servers import embedded_broker, prepare
from infra.bench.stock_faust import CHANGELOG
from topics.topic import Compact, Topic

ENGINES = ("bare", "stage", "faust", "faststream", "quix")
PEERS = ("faststream", "quix")
OWN_NAMES = (
    "bench-bare-", "noizylab.bench-", "bench-stock", "bench-faststream-", "bench-quix", "changelog__bench-quix-"
)  # fmt: skip
"""How the groups of the engines begin, and the topics that some of them make for their state."""

EVENTS_A_TICKET = 8
WARM_EVENTS = 800
WITHIN_S = 240.0
LATENCY_RATE = 50.0
POLL_S = 0.02

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``broker``: a cluster to use as well; ``kafka``: start a real one as well, from its jars."""

    events: int = 10_000
    repeat: int = 3
    latency_events: int = 1000
    engines: tuple[str, ...] = ENGINES
    seed: int = 1
    broker: str | None = None
    kafka: bool = False
    peers: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: processor time of an event in a stage (None where it is unknown), and wall-clock speed."""

    cpu_us: float | None
    events_per_s: float


@dataclass(frozen=True, slots=True)
class _Target:
    """A broker to measure on. ``embedded`` ones are made anew for each run, others are emptied after it."""

    name: str
    bootstrap: str | None


async def run_bus_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure every engine on every broker, in turns.

    Raises:
        Misconfigured: an engine does not exist, the cluster of ``broker`` holds a shop, or the peers cannot be brought.
        Transient: a run did not end in time.
    """
    unknown = sorted(set(plan.engines) - set(ENGINES))
    if unknown:
        raise Misconfigured(f"there is no engine {unknown[0]!r}; choose among {', '.join(ENGINES)}")
    engines = [engine for engine in plan.engines if plan.peers or engine not in PEERS]
    left_out = [engine for engine in plan.engines if engine not in engines]
    if left_out:
        say(f"left out: {', '.join(left_out)}; --peers brings them into an environment of their own")
    python = str(environment.interpreter()) if set(engines) & set(PEERS) else None
    costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
    with ExitStack() as running:
        home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="noizylab-bench-")))
        targets = [_Target("embedded", None), *_others(plan, running, home, say)]
        for turn in range(plan.repeat):
            for target in targets:
                for engine in engines[turn % len(engines) :] + engines[: turn % len(engines)]:
                    cost = await _one(target, engine, plan, home, python)
                    costs[target.name, engine].append(cost)
                    say(f"{turn + 1}/{plan.repeat} {target.name} {engine}: {_in_words(cost)}")
        latency = {}
        if plan.latency_events > 1:
            say(f"latency: {plan.latency_events} events at {LATENCY_RATE:g}/s")
            latency = {engine: await _latency(engine, plan, home) for engine in ("stage", "bare")}
    return {
        "events": plan.events,
        "value_bytes": len(first_record(0, 0, ticket(0), SystemClock().now()).value or b""),
        "repeat": plan.repeat,
        "runs": summary(costs),
        "latency_ms": latency.get("stage"),
        "latency_bare_ms": latency.get("bare"),
        "left_out": left_out,
    }


def summary(costs: dict[tuple[str, str], list[Cost]]) -> list[dict[str, Any]]:
    """Return the medians of each broker and engine, and the ratio of its processor time to the bare loop's there."""
    medians = {
        place: Cost(
            statistics.median(known) if (known := [one.cpu_us for one in runs if one.cpu_us is not None]) else None,
            statistics.median(one.events_per_s for one in runs),
        )
        for place, runs in costs.items()
    }
    rows = []
    for (broker, engine), cost in medians.items():
        bare = medians.get((broker, "bare"))
        ratio = cost.cpu_us / bare.cpu_us if bare is not None and bare.cpu_us and cost.cpu_us else None
        rows.append(
            {
                "broker": broker,
                "engine": engine,
                "cpu_us_per_event": None if cost.cpu_us is None else round(cost.cpu_us, 1),
                "events_per_s": round(cost.events_per_s),
                "ratio": None if ratio is None else round(ratio, 2),
            }
        )
    return rows


async def _one(target: _Target, engine: str, plan: Plan, home: Path, python: str | None) -> Cost:
    folder = Path(tempfile.mkdtemp(prefix=f"{engine}-", dir=home))
    with ExitStack() as running:
        bootstrap = target.bootstrap or running.enter_context(embedded_broker(folder / "broker"))[1]
        cluster = Cluster(bootstrap)
        await prepare(cluster, _topics(engine))
        if target.bootstrap is not None:
            running.callback(_empty, bootstrap)
        node = Node(engine, folder, _command(engine, bootstrap, folder, python), lifeline=True)
        running.callback(node.stop)
        cost = await _cost(cluster, node, plan)
    shutil.rmtree(folder, ignore_errors=True)
    return cost


async def _cost(cluster: Cluster, node: Node, plan: Plan) -> Cost:
    async with _loading(cluster) as publisher, _sink(cluster) as count:
        await _load(publisher, plan.seed, range(WARM_EVENTS))
        node.start()
        await _until(count, WARM_EVENTS, node)
        node.signal(signal.SIGSTOP)
        await _load(publisher, plan.seed, range(WARM_EVENTS, WARM_EVENTS + plan.events))
        cpu_before, started = node.cpu_s(), time.monotonic()
        node.signal(signal.SIGCONT)
        await _until(count, WARM_EVENTS + plan.events, node)
        elapsed_s, cpu_after = time.monotonic() - started, node.cpu_s()
    cpu_us = None
    if cpu_before is not None and cpu_after is not None:
        cpu_us = (cpu_after - cpu_before) * 1e6 / plan.events / (len(HOPS) - 1)
    return Cost(cpu_us, plan.events / elapsed_s)


async def _latency(engine: str, plan: Plan, home: Path) -> dict[str, float]:
    """Return percentiles of the time from before an input is sent until a reader has the output of C, in ms."""
    folder = Path(tempfile.mkdtemp(prefix="latency-", dir=home))
    with embedded_broker(folder / "broker") as (_, bootstrap):
        cluster = Cluster(bootstrap)
        await prepare(cluster, _topics(engine))
        node = Node(engine, folder, _command(engine, bootstrap, folder, None), lifeline=True)
        try:
            async with _loading(cluster) as publisher, _sink(cluster) as count:
                node.start()
                await _load(publisher, plan.seed, range(WARM_EVENTS))
                await _until(count, WARM_EVENTS, node)
                times = await asyncio.wait_for(_paced(cluster, publisher, plan), WITHIN_S)
        finally:
            node.stop()
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50": round(cuts[49], 1), "p99": round(cuts[98], 1)}


async def _paced(cluster: Cluster, publisher: KafkaPublisher, plan: Plan) -> list[float]:
    """Every event has a ticket of its own, so that its output can be told by its key."""
    sent: dict[bytes | None, float] = {}
    times: list[float] = []
    async with LogReader(cluster, "bench-latency") as reader:
        following = reader.follow(await reader.partitions([HOPS[-1].name]), from_start=False)

        async def arrive() -> None:
            async for batch in following:
                now = time.monotonic()
                times.extend((now - sent.pop(record.key)) * 1000 for record in batch if record.key in sent)
                if len(times) == plan.latency_events:
                    return

        arriving = asyncio.create_task(arrive())
        started = time.monotonic() + 1
        for number in range(plan.latency_events):
            await asyncio.sleep(max(0.0, started + number / LATENCY_RATE - time.monotonic()))
            record = first_record(plan.seed, number, f"T-paced-{number:06d}", SystemClock().now())
            sent[record.key] = time.monotonic()
            await publisher.publish([record])
        await arriving
    return times


def _topics(engine: str) -> tuple[Topic, ...]:
    if engine != "faust":
        return TOPICS
    changelog = Topic(name=CHANGELOG, owner="bench", summary="Faust's table.", carries=(), key="", cleanup=Compact())
    return (*TOPICS, changelog)


def _command(engine: str, bootstrap: str, folder: Path, python: str | None) -> list[str]:
    names = [hop.name for hop in HOPS]
    programs = environment.HERE
    match engine:
        case "faust":
            return [sys.executable, "-m", "infra.bench.stock_faust", bootstrap, "--datadir", str(folder)]
        case "faststream" if python is not None:
            return [python, str(programs / "faststream_chain.py"), bootstrap, *names]
        case "quix" if python is not None:
            return [python, str(programs / "quix_chain.py"), bootstrap, str(folder), *names]
    return [sys.executable, "-m", "infra.bench.worker", engine, "--bootstrap", bootstrap]


def _empty(bootstrap: str) -> None:
    """Delete what a run wrote; called only where the topics were not there before."""
    from infra.bench.kafka_nodes import empty

    names = [topic.name for topic in _topics("faust")]
    empty(bootstrap, topics=names, prefixes=OWN_NAMES)


def _others(plan: Plan, running: ExitStack, home: Path, say: Say) -> Sequence[_Target]:
    found = [_Target(plan.broker, plan.broker)] if plan.broker else []
    if plan.kafka:
        from infra.bench.fetch import kafka_jars
        from infra.bench.kafka_nodes import kafka_cluster

        jars = kafka_jars()
        say("Apache Kafka starts")
        found.append(_Target("kafka", running.enter_context(kafka_cluster(jars, home)).bootstrap))
    return found


@asynccontextmanager
async def _loading(cluster: Cluster) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(cluster, client_id="bench-load")
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


@asynccontextmanager
async def _sink(cluster: Cluster) -> AsyncIterator[Callable[[], Any]]:
    """Yield a coroutine function that counts the records of the last topic."""
    async with LogReader(cluster, "bench-sink") as reader:
        tps: list[TopicPartition] = await reader.partitions([HOPS[-1].name])

        async def count() -> int:
            return sum((await reader.end_offsets(tps)).values())

        yield count


async def _load(publisher: KafkaPublisher, seed: int, numbers: range) -> None:
    now = SystemClock().now()
    keys = max(1, len(numbers) // EVENTS_A_TICKET)
    for chunk in (numbers[start : start + 1000] for start in range(0, len(numbers), 1000)):
        names = (ticket(numbers.start + (number - numbers.start) % keys) for number in chunk)
        await publisher.publish(
            [first_record(seed, number, name, now) for number, name in zip(chunk, names, strict=True)]
        )


async def _until(count: Callable[[], Any], wanted: int, node: Node) -> None:
    deadline = time.monotonic() + WITHIN_S
    while await count() < wanted:
        if not node.running:
            raise Transient(f"the worker {node.name} ended; {node.said()}")
        if time.monotonic() > deadline:
            raise Transient(f"{node.name}: {wanted} events were not done in {WITHIN_S:.0f} s; {node.said()}")
        await asyncio.sleep(POLL_S)


def _in_words(cost: Cost) -> str:
    cpu = "processor time unknown" if cost.cpu_us is None else f"{cost.cpu_us:.1f} us per event and stage"
    return f"{cpu}, {cost.events_per_s:.0f} events/s"
