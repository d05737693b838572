"""A whole shop on real Kafka clusters, under kills: nothing lost, nothing done twice, every state replayed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from infra.bench.kafka_nodes import KafkaCluster, kafka_cluster, known_topics
from topics.registry import EVENTS

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
WITHIN_S = 240.0
UNHARMED = {"lost": 0, "duplicate_quotes": 0, "duplicate_sends": 0, "illegal_states": 0, "replay_equal": True}


class Bench:
    """``noizylab bench flow`` as a process on a cluster."""

    def __init__(self, process: "subprocess.Popen[str]", errors: Path) -> None:
        self._process = process
        self._errors = errors

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def result(self) -> dict[str, Any]:
        out, _ = self._process.communicate(timeout=WITHIN_S)
        assert self._process.returncode == 0, self.said
        found: dict[str, Any] = json.loads(out)
        return found

    @property
    def said(self) -> str:
        return self._errors.read_text()


@contextmanager
def bench(cluster: KafkaCluster, home: Path, *, repairs: int, kills: int) -> Iterator[Bench]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NOIZYLAB_")}
    environment |= {"NOIZYLAB_KAFKA": cluster.bootstrap, "NOIZYLAB_KAFKA_REPLICAS": str(len(cluster.nodes))}
    command = [sys.executable, "-m", "infra.cli", "bench", "flow"]
    errors = home / "bench.log"
    with errors.open("w") as log:
        process = subprocess.Popen(
            [*command, "--repairs", str(repairs), "--kill", str(kills), "--json"],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    try:
        yield Bench(process, errors)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)


class Events:
    """Counts what is written to the topics of events, also while a broker is away."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self._names = {topic.name: topic.partitions for topic in EVENTS}
        self._cluster = cluster
        self._count = 0

    def __enter__(self) -> "Events":
        deadline = time.monotonic() + 60
        while not known_topics(self._cluster.bootstrap) >= self._names.keys():
            assert time.monotonic() < deadline, "the shop did not create its topics"
            time.sleep(0.2)
        options = {"bootstrap.servers": self._cluster.bootstrap, "group.id": "watch", "enable.auto.commit": False}
        self._consumer = Consumer(options | {"log_level": 0})
        self._consumer.assign(
            [TopicPartition(name, n, OFFSET_BEGINNING) for name, count in self._names.items() for n in range(count)]
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def await_more(self, count: int, running: Bench) -> None:
        """Return when that many more were written."""
        wanted = self._count + count
        deadline = time.monotonic() + WITHIN_S
        while self._count < wanted:
            assert running.running, "the benchmark ended before"
            assert time.monotonic() < deadline, f"{self._count} events written, {wanted} wanted"
            self._count += sum(message.error() is None for message in self._consumer.consume(500, timeout=0.2))


def test_repairs_survive_killed_workers_on_one_broker(jars: Path, tmp_path: Path) -> None:
    with (
        kafka_cluster(jars, tmp_path) as cluster,
        bench(cluster, tmp_path, repairs=60, kills=2) as running,
    ):
        result = running.result()

    assert result["kills"] == 2
    assert result | UNHARMED == result, running.said


def test_repairs_survive_a_killed_broker_and_worker_on_three_brokers(jars: Path, tmp_path: Path) -> None:
    with (
        kafka_cluster(jars, tmp_path, nodes=3) as cluster,
        bench(cluster, tmp_path, repairs=60, kills=1) as running,
    ):
        with Events(cluster) as events:
            events.await_more(350, running)
            cluster.nodes[1].kill()
            # The shop goes on while a third of its partitions find new leaders.
            events.await_more(300, running)
            cluster.nodes[1].start()
        cluster.await_in_sync()
        result = running.result()

    assert result["kills"] == 1
    assert result | UNHARMED == result, running.said
