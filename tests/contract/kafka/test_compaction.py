"""Compaction: of every key the newest record stays, at its offset, and the newest record of the log always does."""

import asyncio

import pytest

from tests.contract.kafka.bench import Bench

WITHIN_S = 45.0
KEYS, ROUNDS = 10, 20


@pytest.mark.timeout(90)
async def test_newest_record_of_each_key_stays_at_its_offset(bench: Bench) -> None:
    topic = bench.topic(cleanup_policy="compact", segment_ms="200", min_cleanable_dirty_ratio="0.01")
    async with bench.aio_producer() as producer, asyncio.timeout(WITHIN_S):
        for number in range(KEYS * ROUNDS):
            await producer.send_and_wait(topic, b"%d" % number, key=b"key-%d" % (number % KEYS))
        newest = {b"key-%d" % n: (KEYS * (ROUNDS - 1) + n, b"%d" % (KEYS * (ROUNDS - 1) + n)) for n in range(KEYS)}
        # Neither broker compacts what is written to at this moment, so something has to come after it.
        while True:
            end = await producer.send_and_wait(topic, b"later", key=b"later")
            held = [record for record in await bench.read_to(topic, end.offset) if record.key != b"later"]
            assert {one.key: (one.offset, one.value) for one in held} == newest
            if len(held) == KEYS:
                break
            await asyncio.sleep(0.3)
    assert (await bench.read_to(topic, end.offset))[-1].offset == end.offset


async def test_record_without_a_key_is_refused(bench: Bench) -> None:
    topic = bench.topic(cleanup_policy="compact")
    [answer] = bench.send(topic, b"no key", retries=0)
    assert answer.error() is not None
