"""Restoring from a snapshot and what came after it gives what reading from the start gives; nothing else is trusted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.bus.admin import apply_topics
from connectors.bus.aggregate import Held
from connectors.bus.cluster import Cluster
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.records import Fetched, Outgoing
from connectors.bus.restore import LogReader, Restored, restore_views
from connectors.bus.snapshot import MARKS, Snapshot, Snapshots
from infra.broker import Broker, BrokerConfig
from schemas.notifications import OutboxView
from topics.notifications import NOTIFICATION_VIEWS

NOWHERE = Cluster("127.0.0.1:1")
KIND = [("ce_type", OutboxView.TYPE.encode())]


def view(key: str, version: int, offset: int = 0, at: int = 0) -> Fetched:
    value = Held(OutboxView(ticket_id="T-0001", entries=()), version, [uuid4()]).to_value()
    return Fetched(NOTIFICATION_VIEWS.name, 0, offset, at, key.encode(), value, KIND)


class MemoryReader(LogReader):
    """Reads a list of records instead of a broker."""

    def __init__(self, records: list[Fetched], first: int = 0) -> None:
        self.records, self.first, self.read = records, first, 0

    async def __aenter__(self) -> "MemoryReader":
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def bounds(self, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        return dict.fromkeys(tps, (self.first, max((record.offset for record in self.records), default=-1) + 1))

    async def to_end(
        self, tps: list[TopicPartition], within: Mapping[TopicPartition, tuple[int, int]] | None = None
    ) -> AsyncIterator[Fetched]:
        start = within[tps[0]][0] if within else self.first
        for record in list(self.records):
            if record.offset >= start:
                self.read += 1
                yield record


async def restore(records: list[Fetched], snapshots: Snapshots | None, first: int = 0) -> tuple[Restored, int]:
    reader = MemoryReader(records, first)
    found = await restore_views(NOWHERE, NOTIFICATION_VIEWS, [0], snapshots, reader=lambda *_: reader)
    return found[0], reader.read


KEYS = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), KEYS, st.integers(1, 6)),
        st.tuples(st.just("erase"), KEYS, st.just(0)),
        st.tuples(st.just("snapshot"), KEYS, st.just(0)),
        st.tuples(st.just("compact"), KEYS, st.integers(0, 30)),
        st.tuples(st.just("begin anew"), KEYS, st.just(0)),
        st.tuples(st.just("cut"), KEYS, st.integers(0, 30)),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_is_the_same_as_reading_from_the_start(steps: list[tuple[str, str, int]]) -> None:
    asyncio.run(_check(steps))


async def _check(steps: list[tuple[str, str, int]]) -> None:
    records: list[Fetched] = []
    offset = first = at = 0
    with TemporaryDirectory() as folder:
        snapshots = Snapshots(Path(folder), "g", at_least=1)
        for what, key, number in steps:
            at += 1
            if what == "write":
                records.append(view(key, number, offset, at))
                offset += 1
            elif what == "erase":
                records.append(Fetched(NOTIFICATION_VIEWS.name, 0, offset, at, key.encode(), None, KIND))
                offset += 1
            elif what == "compact":
                newest = {record.key: record.offset for record in records}
                records = [one for one in records if one.offset == newest[one.key] or one.offset >= number]
            elif what == "begin anew":
                records, offset, first = [], 0, 0
            elif what == "cut":
                first = min(max(first, number), offset)
                records = [one for one in records if one.offset >= first]
            else:
                await restore(records, snapshots, first)
        with_snapshot, _ = await restore(records, snapshots, first)
        from_start, _ = await restore(records, None, first)
    assert with_snapshot.held == from_start.held


async def test_reads_only_what_came_after_the_snapshot(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, "g", at_least=50)
    records = [view(f"k{n}", 1, n) for n in range(60)]
    assert (await restore(records, snapshots))[1] == 60

    again, read = await restore([*records, view("k3", 2, 60)], snapshots)

    assert (
        read == MARKS + 1
    )  # the last ones that the snapshot holds, which prove that it is of this log, and the new one
    assert (again.kept, again.read, again.held["k3"].version, len(again.held)) == (60, 1, 2, 60)


async def test_writes_none_while_there_is_little_to_read(tmp_path: Path) -> None:
    await restore([view("a", 1)], Snapshots(tmp_path, "g", at_least=2))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "magic", "foreign group", "head"])
async def test_ignores_a_snapshot_that_is_damaged_or_foreign(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    records = [view("a", 1, 0), view("b", 1, 1)]
    snapshots = Snapshots(tmp_path, "g", at_least=1)
    await restore(records, snapshots)
    path = snapshots.path(NOTIFICATION_VIEWS, 0)
    good = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": good[:-3],
            "flipped": good[:-3] + b"???",
            "magic": b"x" + good,
            "foreign group": good.replace(b'"group":"g"', b'"group":"h"'),
            "head": good.replace(b'{"group"', b"[group", 1),
        }[damage]
    )

    with caplog.at_level(logging.WARNING):
        found, _ = await restore(records, snapshots)

    assert sorted(found.held) == ["a", "b"]
    assert found.kept == 0
    assert "is ignored, the log is read from its start" in caplog.text


async def test_ignores_a_snapshot_of_a_topic_that_was_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path, "g", at_least=1)
    await restore([view("old", 5, 0), view("x", 5, 1)], snapshots)

    with caplog.at_level(logging.WARNING):
        found, _ = await restore([view("new", 1, 0), view("y", 1, 1), view("z", 1, 2)], snapshots)

    assert sorted(found.held) == ["new", "y", "z"]
    assert "are of another log" in caplog.text


def test_a_full_disk_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    Snapshots(tmp_path / "file", "g").save(NOTIFICATION_VIEWS, 0, Snapshot({0: "x"}))
    assert "could not be written" in caplog.text


async def test_restores_from_a_broker_and_its_snapshot(tmp_path: Path) -> None:
    broker = Broker(BrokerConfig(path=tmp_path / "log.sqlite3", port=0))
    await broker.start()
    cluster = Cluster(f"127.0.0.1:{broker.port}")
    await apply_topics(cluster, [NOTIFICATION_VIEWS], replicas=1)
    publisher = KafkaPublisher(cluster, client_id="test")
    await publisher.start()
    snapshots = Snapshots(tmp_path / "snapshots", "g", at_least=10)
    try:
        written = [view(f"k{n}", 1) for n in range(40)]
        records = [Outgoing(one.topic, one.key or b"", one.value, KIND, n % 2) for n, one in enumerate(written)]
        await publisher.publish(records)
        first = await restore_views(cluster, NOTIFICATION_VIEWS, [0, 1, 2], snapshots)
        await publisher.publish([Outgoing(NOTIFICATION_VIEWS.name, b"k0", view("k0", 2).value, KIND, 0)])
        second = await restore_views(cluster, NOTIFICATION_VIEWS, [0, 1, 2], snapshots)
    finally:
        await publisher.stop()
        await broker.stop()

    assert [(one.read, one.kept) for one in first.values()] == [(20, 0), (20, 0), (0, 0)]
    assert [(one.read, one.kept) for one in second.values()] == [(1, 20), (0, 20), (0, 0)]
    assert second[0].held["k0"].version == 2
    assert second[1].held == first[1].held
