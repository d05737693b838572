"""Kafka's own command line tools on the embedded broker: what an operator types works as on Apache Kafka."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.brokers import embedded_broker

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
WITHIN_S = 40
# A tool lives for a second: a small heap and the quick compiler alone halve that.
JAVA = (
    "java",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-Xmx128m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
)


class Tools:
    """The tools by the names of their classes, each run as a process on one broker."""

    def __init__(self, jars: str, bootstrap: str) -> None:
        self._command = (*JAVA, "-cp", f"{jars}/*")
        self.bootstrap = bootstrap

    def run(self, tool: str, *arguments: str, given: str = "", bootstrap: bool = True) -> list[str]:
        """The lines it says; one that fails is an error with its last words."""
        server = ("--bootstrap-server", self.bootstrap) if bootstrap else ()
        command = [*self._command, f"org.apache.kafka.tools.{tool}", *server, *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def topics(self, *arguments: str) -> list[str]:
        """kafka-topics."""
        return self.run("TopicCommand", *arguments)

    def groups(self, *arguments: str) -> list[str]:
        """kafka-consumer-groups; rows of a table, without its heading."""
        return self.run("consumer.group.ConsumerGroupCommand", *arguments)

    def offsets(self, *arguments: str) -> list[str]:
        """kafka-get-offsets."""
        return self.run("GetOffsetShell", *arguments)

    def produce(self, topic: str, *lines: str) -> None:
        """kafka-console-producer."""
        self.run("ConsoleProducer", "--topic", topic, given="".join(f"{line}\n" for line in lines))

    def consume(self, topic: str, group: str, count: int, *arguments: str) -> list[str]:
        """kafka-console-consumer."""
        found = self.run(
            *("consumer.ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning"),
            *("--max-messages", str(count), "--timeout-ms", "20000", *arguments),
        )
        return [line for line in found if not line.startswith("The consumer rebalance protocol")]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tools]:
    jars = os.environ.get("NOIZYLAB_TEST_KAFKA_TOOLS")
    if not jars:
        pytest.skip("set NOIZYLAB_TEST_KAFKA_TOOLS to a folder with the jars of Kafka's tools; `make test-live` does")
    with embedded_broker(tmp_path_factory.mktemp("java")) as bootstrap:
        yield Tools(jars, bootstrap)


def test_java_client_copies_exactly_once_while_it_aborts_now_and_then(tools: Tools) -> None:
    for topic in ("source", "target"):
        tools.topics("--create", "--topic", topic, "--partitions", "1")
    lines = [f"line {number}" for number in range(500)]
    tools.produce("source", *lines)
    tools.run(
        *("TransactionalMessageCopier", "--broker-list", tools.bootstrap, "--transactional-id", "copier"),
        *(
            "--input-topic",
            "source",
            "--input-partition",
            "0",
            "--output-topic",
            "target",
            "--consumer-group",
            "copier",
        ),
        *("--transaction-size", "20", "--max-messages", "500", "--enable-random-aborts", "--use-group-metadata"),
        bootstrap=False,
    )
    assert tools.consume("target", "check", 500, "--isolation-level", "read_committed") == lines
    assert tools.offsets("--topic", "target") != ["target:0:500"], "the markers' offsets are missing"


def cells(rows: list[str], *columns: int) -> list[list[str]]:
    """Some columns of a table's rows, headings and blank lines left out."""
    split = [row.split() for row in rows if row.strip() and not row.startswith(("GROUP", "TOPIC", "Consumer group"))]
    return [[row[column] for column in columns] for row in split]


def test_topic_is_made_described_grown_and_deleted(tools: Tools) -> None:
    created = tools.topics(
        *("--create", "--topic", "drawers", "--partitions", "2", "--replication-factor", "1"),
        *("--config", "retention.ms=60000"),
    )
    assert created == ["Created topic drawers."]
    assert "drawers" in tools.topics("--list")
    tools.topics("--alter", "--topic", "drawers", "--partitions", "3")
    described = tools.topics("--describe", "--topic", "drawers")
    assert described[0].split("\t") == [
        "Topic: drawers", "PartitionCount: 3", "ReplicationFactor: 1", "Configs: retention.ms=60000",
    ]  # fmt: skip
    assert len(described) == 4
    tools.topics("--delete", "--topic", "drawers")
    assert "drawers" not in tools.topics("--list")


def test_records_and_offsets_of_a_group_are_seen_and_moved(tools: Tools, tmp_path: Path) -> None:
    tools.topics("--create", "--topic", "parts", "--partitions", "1")
    tools.produce("parts", "coil", "fuse", "diode")
    assert tools.consume("parts", "bench", 3, "--isolation-level", "read_committed") == ["coil", "fuse", "diode"]
    assert tools.offsets("--topic", "parts") == ["parts:0:3"]
    assert tools.offsets("--topic", "parts", "--time", "0") == ["parts:0:0"]
    assert tools.offsets("--topic", "parts", "--time", "max-timestamp")[0].startswith("parts:0:")

    assert ["bench", "Empty"] in cells(tools.groups("--list", "--state"), 0, 1)
    assert cells(tools.groups("--describe", "--group", "bench"), 0, 1, 2, 3, 4, 5) == [
        ["bench", "parts", "0", "3", "3", "0"]
    ]
    moved = tools.groups("--reset-offsets", "--group", "bench", "--topic", "parts", "--to-offset", "1", "--execute")
    assert cells(moved, 0, 1, 2, 3) == [["bench", "parts", "0", "1"]]
    assert tools.consume("parts", "bench", 2) == ["fuse", "diode"]

    wanted = tmp_path / "delete.json"
    wanted.write_text(json.dumps({"partitions": [{"topic": "parts", "partition": 0, "offset": 2}], "version": 1}))
    assert "partition: parts-0\tlow_watermark: 2" in tools.run(
        "DeleteRecordsCommand", "--offset-json-file", str(wanted)
    )
    assert "('bench')" in tools.groups("--delete", "--group", "bench")[-1]
    assert "bench" not in tools.groups("--list")
