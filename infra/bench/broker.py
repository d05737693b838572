"""How fast the embedded broker is beside a real Apache Kafka, on this machine, in the same run, by the same client.

The client is librdkafka: acks=all, not idempotent, linger 5 ms, no compression, four partitions. Produce counts from
the first record to the last acknowledgement, consume from the first record to the last. The brokers take turns,
both warmed up; medians are reported. The embedded broker flushes to disk before it acknowledges (SQLite WAL with
``synchronous=FULL``); Apache Kafka, as it comes, leaves that to the operating system.
"""

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.bus.admin import apply_topics
from connectors.bus.cluster import Cluster
from connectors.errors import Misconfigured, Transient
from infra.bench.servers import accepts, broker_node, embedded_broker
from topics.registry import ALL
from topics.topic import PARTITIONS, Topic

try:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
except ImportError as error:
    raise Misconfigured("this benchmark needs the development packages: run `make setup`") from error

SIZES = (100, 1000)
LINGER_MS = 5
STARTS = 5
IDLE_S = 2.0
WITHIN_S = 120.0
MAX_QUEUED = 100_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. ``megabytes`` of values in each turn; ``kafka``: compare with a real one where Java is there."""

    megabytes: int = 50
    repeat: int = 3
    kafka: bool = True


async def run_broker_bench(plan: Plan, say: Say) -> dict[str, Any]:
    """Measure start, idle memory, produce and consume.

    Raises:
        Transient: a broker did not take or give all records in time.
    """
    with ExitStack() as running:
        home = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="noizylab-bench-")))
        starts = [_start_s(home / f"start-{number}") for number in range(STARTS)]
        say(f"embedded broker: {statistics.median(starts):.2f} s to its first answer")
        node, bootstrap = running.enter_context(embedded_broker(home / "embedded"))
        await apply_topics(Cluster(bootstrap), ALL, replicas=1)
        time.sleep(IDLE_S)  # noqa: ASYNC251 - nothing else runs; what start and topics took is to settle
        idle_mb = node.rss_mb()
        places, why_not = {"ours": bootstrap}, None
        if plan.kafka:
            found = _kafka(running, home, say)
            places |= {"kafka": found[0]} if found[0] else {}
            why_not = found[1]
        rates = await _measure(places, plan, say)
        loaded_mb = node.rss_mb()
    return {
        "client": f"librdkafka, acks=all, idempotence off, linger {LINGER_MS} ms, {PARTITIONS} partitions",
        "megabytes": plan.megabytes,
        "repeat": plan.repeat,
        "runs": rows(rates, why_not or (None if plan.kafka else "not asked for")),
        "start_s": round(statistics.median(starts), 3),
        "idle_mb": None if idle_mb is None else round(idle_mb, 1),
        "loaded_mb": None if loaded_mb is None else round(loaded_mb, 1),
    }


Rates = dict[tuple[str, int, str], list[float]]
"""Records a second of every turn, by operation, size of the value in bytes, and broker."""


def rows(rates: Rates, why_not: str | None) -> list[dict[str, Any]]:
    """Return the medians, and the ratio of ours to Kafka's; without Kafka the reason."""
    found = []
    for operation, size in dict.fromkeys((operation, size) for operation, size, _ in rates):
        ours = statistics.median(rates[operation, size, "ours"])
        kafka = statistics.median(known) if (known := rates.get((operation, size, "kafka"))) else None
        row: dict[str, Any] = {"op": operation, "size": size, "ours_per_s": round(ours)}
        row["kafka_per_s"] = None if kafka is None else round(kafka)
        row["ratio_to_kafka"] = None if kafka is None else round(ours / kafka, 2)
        found.append(row if kafka is not None else row | {"reason": why_not})
    return found


async def _measure(places: dict[str, str], plan: Plan, say: Say) -> Rates:
    rates: Rates = defaultdict(list)
    for turn in range(-1, plan.repeat):  # the first turn warms up
        for size in SIZES:
            count = plan.megabytes * 1_000_000 // size
            for name in sorted(places, reverse=turn % 2 == 1):
                topic = Topic(f"bench-{size}-{turn + 1}", "bench", "Values to measure with.", carries=(), key="")
                await apply_topics(Cluster(places[name]), [topic], replicas=1)
                produced = count / _produce_s(places[name], topic.name, size, count)
                consumed = count / _consume_s(places[name], topic.name, count)
                say(f"{turn + 1}/{plan.repeat} {name} {size} B: {produced:,.0f}/s in, {consumed:,.0f}/s out")
                if turn >= 0:
                    rates["produce", size, name].append(produced)
                    rates["consume", size, name].append(consumed)
    return rates


def _produce_s(bootstrap: str, topic: str, size: int, count: int) -> float:
    producer = Producer(
        {"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": False, "linger.ms": LINGER_MS}
        | {"queue.buffering.max.messages": 2 * MAX_QUEUED, "log_level": 0}
    )
    failures: list[object] = []

    def delivered(error: object, _: object) -> None:
        if error is not None:
            failures.append(error)

    value = bytes(range(256)) * (size // 256 + 1)
    value = value[:size]
    started = time.monotonic()
    for _ in range(count):
        producer.produce(topic, value, on_delivery=delivered)
        if len(producer) >= MAX_QUEUED:
            producer.poll(0.01)
        else:
            producer.poll(0)
    left = producer.flush(WITHIN_S)
    elapsed_s = time.monotonic() - started
    if left or failures:
        raise Transient(f"{bootstrap} did not take all records: {left} are left, {failures[:1]} {len(failures)} failed")
    return elapsed_s


def _consume_s(bootstrap: str, topic: str, count: int) -> float:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
        # To connect and to find out who leads costs the client half a second, whatever the broker.
        got = len(consumer.consume(1, timeout=WITHIN_S))
        started = time.monotonic()
        while got < count:
            got += sum(one.error() is None for one in consumer.consume(min(10_000, count - got), timeout=1))
            if time.monotonic() - started > WITHIN_S:
                raise Transient(f"{bootstrap} gave {got} of {count} records in {WITHIN_S:.0f} s")
        return time.monotonic() - started
    finally:
        consumer.close()


def _start_s(home: Path) -> float:
    """Return the time from the start of the process until the port accepts."""
    node, port = broker_node(home)
    started = time.monotonic()
    node.start()
    try:
        while not accepts(port):
            if not node.running or time.monotonic() - started > WITHIN_S:
                raise Transient(f"the embedded broker did not start; {node.said()}")
            time.sleep(0.002)
        return time.monotonic() - started
    finally:
        node.stop()


def _kafka(running: ExitStack, home: Path, say: Say) -> tuple[str | None, str | None]:
    """Return the address of a real Kafka, or why there is none."""
    from infra.bench.fetch import Missing, kafka_jars
    from infra.bench.kafka_nodes import kafka_cluster

    try:
        jars = kafka_jars()
    except Missing as missing:
        say(f"no Apache Kafka to compare with: {missing}")
        return None, str(missing)
    say("Apache Kafka starts")
    return running.enter_context(kafka_cluster(jars, home)).bootstrap, None
