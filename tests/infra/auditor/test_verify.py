"""Tampering with the broker's file, and what verification says of it."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from connectors.bus.cluster import Cluster
from connectors.bus.records import Fetched
from connectors.bus.restore import LogReader
from connectors.clock.clock import SystemClock
from infra.auditor.chain import digest, seal
from infra.auditor.heads import read_head_records, read_heads
from infra.auditor.keys import PublicKeys
from infra.auditor.verify import Report
from schemas.audit import CheckpointHead, CheckpointSealed
from tests.infra.auditor.sealed import (
    KEY,
    OTHER_KEY,
    PLACE,
    auditing,
    broker,
    checked,
    make,
    publishing,
    record,
    until_sealed,
)
from tests.infra.auditor.tamper import BrokerFile, Stored
from topics.audit import AUDIT_CHECKPOINTS, AUDIT_HEADS
from topics.registry import topic_named
from topics.tickets import TICKET_EVENTS

TOPIC = TICKET_EVENTS.name


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sealed") / "log.sqlite3"
    asyncio.run(make(path))
    return path


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """The broker's file, closed, to be tampered with."""
    return Path(shutil.copy(made, tmp_path / "log.sqlite3"))


@pytest.fixture
def log(path: Path) -> BrokerFile:
    return BrokerFile(path, TOPIC, 0)


async def verified(path: Path, **scope: Any) -> Report:
    async with broker(path) as cluster:
        return await checked(cluster, **scope)


def said(report: Report) -> list[tuple[str, str, int, int | None]]:
    return [(one.kind, one.topic, one.partition, one.offset) for one in report.findings]


def checkpoints(path: Path) -> list[tuple[BrokerFile, int, CheckpointSealed]]:
    """All checkpoints of the place with where they lie, in order."""
    found = []
    for partition in range(AUDIT_CHECKPOINTS.partitions):
        file = BrokerFile(path, AUDIT_CHECKPOINTS.name, partition)
        for base, records in file.batches().items():
            checkpoint = CheckpointSealed.model_validate_json(records[0].value or b"")
            if checkpoint.place == PLACE:
                found.append((file, base, checkpoint))
    return found


async def records_of_the_place(cluster: Cluster) -> list[Fetched]:
    async with LogReader(cluster, "test") as reader:
        return [one async for one in reader.to_end([TopicPartition(TOPIC, 0)])]


async def test_an_untouched_log_is_clean(path: Path) -> None:
    report = await verified(path)
    assert report.findings == []
    places = {one.place: one for one in report.places}
    assert set(places) == {PLACE, "quotes.commands.v1/0", "dlq.tickets.v1/0"}
    assert (places[PLACE].records, places[PLACE].checkpoints, places[PLACE].waiting) == (12, 4, 0)


@pytest.mark.parametrize(
    "parts", [{"value": b'{"n": 7.0}'}, {"key": b"T-8"}, {"headers": (("ce_id", b"id-70"),)}, {"timestamp_ms": 1}]
)
async def test_names_the_record_that_was_changed(path: Path, log: BrokerFile, parts: dict[str, object]) -> None:
    log.change(7, **parts)
    assert said(await verified(path)) == [("changed", TOPIC, 0, 7)]


async def test_names_the_records_of_a_deleted_batch(path: Path, log: BrokerFile) -> None:
    log.delete(3)
    assert said(await verified(path)) == [("removed", TOPIC, 0, n) for n in (3, 4, 5)]


async def test_names_what_was_cut_off_at_the_end(path: Path, log: BrokerFile) -> None:
    log.delete(9)
    assert said(await verified(path)) == [("removed", TOPIC, 0, n) for n in (9, 10, 11)]


async def test_names_a_record_that_was_put_where_another_was(path: Path, log: BrokerFile) -> None:
    batches = log.batches()
    log.write(3, batches[3][:2])
    assert said(await verified(path)) == [("removed", TOPIC, 0, 5)]
    log.write(5, [Stored(1, b"T-x", b"{}", ())])
    assert said(await verified(path)) == [("changed", TOPIC, 0, 5)]


async def test_names_both_records_that_changed_places(path: Path, log: BrokerFile) -> None:
    batches = log.batches()
    first, second = batches[0][1], batches[9][2]
    log.write(0, [batches[0][0], second, batches[0][2]])
    log.write(9, [*batches[9][:2], first])
    assert said(await verified(path)) == [("changed", TOPIC, 0, 1), ("changed", TOPIC, 0, 11)]


async def test_counts_what_is_not_sealed_yet_and_does_not_call_it_a_finding(path: Path, log: BrokerFile) -> None:
    log.write(12, [Stored(1, b"T-x", b"{}", ())] * 2)
    report = await verified(path)
    assert report.findings == []
    assert next(one for one in report.places if one.place == PLACE).waiting == 2


async def test_names_a_dropped_checkpoint_and_accuses_no_record(path: Path) -> None:
    file, base, _ = checkpoints(path)[1]
    file.delete(base)
    report = await verified(path)
    assert said(report) == [("checkpoint_missing", TOPIC, 0, None)]
    assert "number 2 " in report.findings[0].detail


async def test_misses_the_newest_checkpoint_because_its_head_is_known(path: Path) -> None:
    file, base, _ = checkpoints(path)[-1]
    file.delete(base)
    report = await verified(path)
    assert said(report) == [("checkpoint_missing", TOPIC, 0, None)]
    assert "number 4 " in report.findings[0].detail


async def test_needs_an_anchor_kept_outside_when_the_heads_were_cut_off_as_well(path: Path) -> None:
    async with broker(path) as cluster:
        kept = [raw for raw, view in await read_head_records(cluster) if view.place == PLACE]
    file, base, _ = checkpoints(path)[-1]
    file.delete(base)
    for partition in range(AUDIT_HEADS.partitions):
        heads = BrokerFile(path, AUDIT_HEADS.name, partition)
        for offset, records in heads.batches().items():
            if b'"number":4' in (records[0].value or b""):
                heads.delete(offset)
    assert said(await verified(path)) == []
    assert said(await verified(path, anchors=kept)) == [("checkpoint_missing", TOPIC, 0, None)]


async def test_names_a_checkpoint_of_another_key(path: Path, log: BrokerFile) -> None:
    log.change(7, value=b"{}")
    file, base, original = checkpoints(path)[2]
    async with broker(path) as cluster:
        records = await records_of_the_place(cluster)
        before = (await read_heads(cluster))[PLACE].model_copy(update={"number": 2})
    digests = {one.offset: digest(one) for one in records if 6 <= one.offset < 9}
    forged = seal(PLACE, before, digests, (1, 1), original.head.sealed_at, OTHER_KEY)
    file.write(base, [Stored(1, PLACE.encode(), forged.to_json(), ())])
    report = await verified(path)
    assert report.findings[0].kind == "checkpoint_forged"
    assert (report.findings[0].topic, report.findings[0].offset) == (AUDIT_CHECKPOINTS.name, base)
    assert [one[0] for one in said(report)[1:]] == ["checkpoint_missing"]
    assert OTHER_KEY.id in report.findings[0].detail


@pytest.mark.parametrize("part", ["chain_hash", "next_offset", "sealed_at", "records_hash"])
async def test_names_a_checkpoint_that_was_edited(path: Path, part: str) -> None:
    file, base, checkpoint = checkpoints(path)[0]
    data = orjson.loads(checkpoint.to_json())
    edited = {"chain_hash": "0" * 64, "records_hash": "0" * 64, "next_offset": 4, "sealed_at": "2020-01-01T00:00:00Z"}
    data["head"][part] = edited[part]
    file.write(base, [Stored(1, PLACE.encode(), orjson.dumps(data), ())])
    assert ("checkpoint_forged", "does not hold") in [
        (one.kind, one.detail[-13:]) for one in (await verified(path)).findings
    ]


async def test_names_a_checkpoint_with_another_list(path: Path) -> None:
    file, base, checkpoint = checkpoints(path)[0]
    data = orjson.loads(checkpoint.to_json()) | {"digests": "AAAA"}
    file.write(base, [Stored(1, PLACE.encode(), orjson.dumps(data), ())])
    assert said(await verified(path))[0][0] == "checkpoint_forged"


async def test_calls_what_is_no_checkpoint_forged(path: Path) -> None:
    file, base, _ = checkpoints(path)[0]
    file.write(base, [Stored(1, b"x", b"no json", ())])
    assert said(await verified(path))[0][0] == "checkpoint_forged"


async def test_accepts_a_checkpoint_that_was_written_twice(path: Path) -> None:
    file, _, checkpoint = checkpoints(path)[1]
    end = max(base + len(records) for base, records in file.batches().items())
    file.write(end, [Stored(1, PLACE.encode(), checkpoint.to_json(), ())])
    assert (await verified(path)).findings == []


async def test_accepts_a_repeat_that_ends_elsewhere_and_names_one_that_contradicts(path: Path) -> None:
    file, _, original = checkpoints(path)[1]
    first = checkpoints(path)[0][2].head
    async with broker(path) as cluster:
        records = [one for one in await records_of_the_place(cluster) if 3 <= one.offset < 5]
    digests = {one.offset: digest(one) for one in records}
    repeat = seal(PLACE, first, digests, (1, 2), original.head.sealed_at, KEY)
    end = max(base + len(found) for base, found in file.batches().items())
    file.write(end, [Stored(1, PLACE.encode(), repeat.to_json(), ())])
    assert (await verified(path)).findings == []
    false = seal(PLACE, first, digests | {4: b"\0" * 32}, (1, 2), original.head.sealed_at, KEY)
    file.write(end + 1, [Stored(1, PLACE.encode(), false.to_json(), ())])
    assert said(await verified(path)) == [("checkpoint_contradicts", TOPIC, 0, 4)]


async def test_calls_records_expired_when_their_time_is_over_and_removed_when_it_is_not(
    path: Path, log: BrokerFile
) -> None:
    log.start_at(4)
    early = await verified(path)
    assert said(early) == [("removed", TOPIC, 0, 0), ("removed", TOPIC, 0, 3)]
    keeps = topic_named(TOPIC).cleanup.retention  # type: ignore[union-attr]
    late = await verified(path, now=SystemClock().now() + keeps + timedelta(days=1))
    assert late.findings == []
    assert next(one for one in late.places if one.place == PLACE).expired_to == 4
    log.change(5, value=b"{}")
    assert said(await verified(path, now=SystemClock().now() + keeps + timedelta(days=1))) == [("changed", TOPIC, 0, 5)]


async def test_names_every_record_of_a_topic_that_was_emptied(path: Path, log: BrokerFile) -> None:
    for base in log.batches():
        log.delete(base)
    assert said(await verified(path)) == [("removed", TOPIC, 0, n) for n in range(12)]


async def test_looks_only_at_the_topics_and_times_asked_for(path: Path, log: BrokerFile) -> None:
    log.change(1, value=b"{}")
    assert said(await verified(path, topics=[topic_named("quotes.commands.v1")])) == []
    after = SystemClock().now() + timedelta(days=1)
    assert said(await verified(path, since=after)) == []
    assert said(await verified(path, until=after)) == [("changed", TOPIC, 0, 1)]


async def test_needs_the_old_key_as_well_when_the_key_was_renewed(path: Path) -> None:
    async with broker(path) as cluster, publishing(cluster) as publisher:
        await publisher.publish([record(12)])
        async with auditing(cluster, publisher, OTHER_KEY):
            await until_sealed(cluster, {PLACE: 13})
        assert "checkpoint_forged" in {one.kind for one in (await checked(cluster)).findings}
        both = PublicKeys([KEY.public_pem, OTHER_KEY.public_pem])
        assert (await checked(cluster, both)).findings == []


async def test_goes_on_where_it_stopped(path: Path) -> None:
    async with broker(path) as cluster, publishing(cluster) as publisher:
        await publisher.publish([record(n) for n in range(12, 20)])
        async with auditing(cluster, publisher):
            await until_sealed(cluster, {PLACE: 20})
        head: CheckpointHead = (await read_heads(cluster))[PLACE]
        report = await checked(cluster)
    assert head.number >= 5
    assert report.findings == []
    assert next(one for one in report.places if one.place == PLACE).waiting == 0


async def test_seals_nothing_twice_when_the_commit_was_lost(path: Path) -> None:
    before = len(checkpoints(path))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM group_offsets")
    async with broker(path) as cluster, publishing(cluster) as publisher:
        await publisher.publish([record(12)])
        async with auditing(cluster, publisher):
            await until_sealed(cluster, {PLACE: 13})
        report = await checked(cluster)
    assert report.findings == []
    assert len(checkpoints(path)) == before + 1
