"""Retention, compaction and `kill -9`: what has to stay is there after every kill, and what is gone stays gone."""

import random
from pathlib import Path
from typing import Any

import pytest
from aiokafka.record.memory_records import MemoryRecords

from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values
from tests.infra.broker.test_process import broker_process

PRODUCE, FETCH = 0, 1
COMPACTED, TRIMMED = "compacted", "trimmed"
RETENTION_BYTES = 30_000
KEYS = [b"key-%d" % number for number in range(40)]

Record = tuple[bytes | None, bytes | None]


class Ledger:
    """What was written to a topic and acknowledged, by offset; and what reading it has shown since."""

    def __init__(self) -> None:
        self.written: dict[int, Record] = {}
        self.in_flight: list[Record] = []
        self.gone: set[int] = set()
        self.start = self.end = 0

    def acknowledged(self, base_offset: int, records: list[Record], start: int) -> None:
        """Take an answer to a produce."""
        assert base_offset >= self.end
        self.written |= {base_offset + number: one for number, one in enumerate(records)}
        self.end = base_offset + len(records)
        self.moved_to(start)

    def moved_to(self, start: int) -> None:
        """The log begins there now, as the broker says; it never begins earlier again."""
        assert start >= self.start
        self.start = start

    def read(self, found: dict[int, Record], start: int, end: int) -> None:
        """Take all that the log holds: nothing but what was written, at its offset, and nothing that was gone."""
        self.moved_to(start)
        assert end >= self.end
        # A batch that was under way at the kill is there whole or not at all.
        if end > self.end:
            assert end == self.end + len(self.in_flight)
            self.written |= {self.end + number: one for number, one in enumerate(self.in_flight)}
            self.end = end
        self.in_flight = []
        assert found == {offset: self.written[offset] for offset in found}
        assert not self.gone & set(found)
        self.gone |= set(self.written) - set(found)

    def newest(self) -> dict[bytes | None, int]:
        """Offset of each key's newest record."""
        return {key: offset for offset, (key, _) in sorted(self.written.items())}


class Life:
    """The broker from a start to a kill."""

    def __init__(self, client: WireClient, dice: random.Random, ledgers: dict[str, Ledger]) -> None:
        self._client, self._dice, self._ledgers = client, dice, ledgers

    async def write(self, batches: int) -> None:
        """Write to both topics, each batch acknowledged, and leave one unanswered."""
        for _ in range(batches):
            topic = self._dice.choice([COMPACTED, TRIMMED])
            records, values = self._batch(topic)
            answer = await self._client.call(PRODUCE, 8, **values)
            part = answer.responses[0].partition_responses[0]
            assert part.error_code == 0
            self._ledgers[topic].acknowledged(part.base_offset, records, part.log_start_offset)
        self._ledgers[COMPACTED].in_flight, values = self._batch(COMPACTED)
        self._client.send(PRODUCE, 8, values)
        await self._client.writer.drain()

    async def read(self, topic: str) -> dict[int, Record]:
        """Read the log from its start to its end."""
        found: dict[int, Record] = {}
        ledger = self._ledgers[topic]
        offset = start = ledger.start
        end = -1
        while offset != end:
            answer = await self._client.call(FETCH, 11, **fetch_values(topic, offset, max_bytes=4_000))
            part = answer.responses[0].partitions[0]
            start, end = part.log_start_offset, part.high_watermark
            if offset < start:  # Retention went on meanwhile.
                found, offset = {}, start
                continue
            assert part.error_code == 0
            records = MemoryRecords(part.records or b"")
            while (batch := records.next_batch()) is not None:
                assert batch.validate_crc()
                found |= {one.offset: (one.key, one.value) for one in batch if one.offset >= offset}
                offset = batch.next_offset
        ledger.read(found, start, end)
        return found

    def _batch(self, topic: str) -> tuple[list[Record], dict[str, Any]]:
        dice = self._dice
        size = 40 if topic == COMPACTED else 400
        records: list[Record] = [
            (dice.choice(KEYS), dice.randbytes(size).hex().encode() if dice.random() < 0.8 else None)
            for _ in range(dice.randrange(1, 6))
        ]
        made = make_batch(*(value for _, value in records), keys=[key for key, _ in records], timestamp_ms=2**41)
        return records, produce_values(topic, 0, made)


def judge(compacted: Ledger, left: dict[int, Record], trimmed: Ledger, kept: dict[int, Record]) -> None:
    """Of every key the newest record is there; only a deleted key has none. The trimmed log has no hole."""
    for key, offset in compacted.newest().items():
        there = max((one for one, (found, _) in left.items() if found == key), default=None)
        deleted = compacted.written[offset][1] is None
        assert there == offset or (deleted and there is None)
    assert list(kept) == list(range(min(kept, default=trimmed.end), trimmed.end))
    # What is kept besides the newest batch is the least that retention must leave.
    assert not trimmed.gone or sum(len(value or b"") for _, value in kept.values()) > RETENTION_BYTES / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lives", "seed"), [(3, 1), pytest.param(60, 2, marks=[pytest.mark.long, pytest.mark.timeout(300)])]
)
async def test_cleaning_that_is_killed_loses_no_newest_record_and_brings_nothing_back(
    tmp_path: Path, lives: int, seed: int
) -> None:
    dice = random.Random(seed)
    ledgers = {COMPACTED: Ledger(), TRIMMED: Ledger()}
    port = 0
    for number in range(lives + 1):
        async with broker_process(tmp_path / "bus.db", port, module="tests.infra.broker.eager") as (process, port):
            client = await WireClient.connect(port)
            if number == 0:
                settings = {"min_cleanable_dirty_ratio": "0", "delete_retention_ms": "20"}
                await create_topic(client, COMPACTED, cleanup_policy="compact", **settings)
                await create_topic(client, TRIMMED, retention_bytes=str(RETENTION_BYTES), retention_ms="-1")
            life = Life(client, dice, ledgers)
            left, kept = await life.read(COMPACTED), await life.read(TRIMMED)
            judge(ledgers[COMPACTED], left, ledgers[TRIMMED], kept)
            await life.write(dice.randrange(50, 300))
            process.kill()
            await client.close()
    # Both kinds of cleaning were at work all the time, deleted keys went altogether.
    assert len(ledgers[COMPACTED].gone) > len(ledgers[COMPACTED].written) / 2
    assert ledgers[TRIMMED].start > ledgers[TRIMMED].end / 2
    assert any(ledgers[COMPACTED].written[offset][1] is None for offset in ledgers[COMPACTED].gone)
