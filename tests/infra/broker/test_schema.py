"""A file of an older version is brought up to date with what stands in it; a newer one is refused."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from infra.broker import Broker, BrokerConfig, BrokerError, schema
from infra.broker.store import Store, batch_key
from tests.infra.broker.support import WireClient, fetch_values, make_batch

FETCH, OFFSET_FETCH, INIT_PRODUCER_ID = 1, 9, 22


def write_version_1(path: Path) -> None:
    """A file as the first version of the broker left it: a topic, a batch, a producer id given, a commit."""
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.executescript(f"{schema._STEPS[1]} PRAGMA user_version = 1;")
        file.execute("INSERT INTO meta VALUES ('cluster_id', 'old-cluster'), ('next_producer_id', '8')")
        file.execute("INSERT INTO topics VALUES (1, 't')")
        file.execute("INSERT INTO partitions (partition_id, topic_id, partition_index) VALUES (1, 1, 0)")
        data = make_batch(b"kept")
        file.execute("INSERT INTO batches VALUES (?, 0, 1000, ?, ?)", (batch_key(1, 0), len(data), data))
        file.execute("INSERT INTO group_offsets VALUES ('g', 1, 1, -1, NULL, 0)")
        file.commit()


async def test_old_file_opens_with_its_records_and_knows_transactions_when_it_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    write_version_1(path)
    for _ in range(2):  # The second start finds the newest version.
        broker = Broker(BrokerConfig(path=path, port=0))
        await broker.start()
        client = await WireClient.connect(broker.port)
        part = (await client.call(FETCH, 11, **fetch_values("t", 0))).responses[0].partitions[0]
        assert (part.records, part.high_watermark) == (make_batch(b"kept"), 1)
        offsets = await client.call(OFFSET_FETCH, 5, group_id="g", topics=None)
        assert offsets.topics[0].partitions[0].committed_offset == 1
        given = await client.call(INIT_PRODUCER_ID, 1, transactional_id="x", transaction_timeout=1000)
        assert given.producer_id == 8
        await client.close()
        await broker.stop()
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (schema.VERSION,)


def test_upgraded_and_new_file_have_the_same_tables(tmp_path: Path) -> None:
    write_version_1(tmp_path / "old.db")
    tables = []
    for name in ("old.db", "new.db"):
        store = Store.open(tmp_path / name)
        tables.append(sorted(store.reader.execute("SELECT name, sql FROM sqlite_master").fetchall()))
        store.close()
    assert tables[0] == tables[1]


def test_file_of_a_newer_program_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    write_version_1(path)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(BrokerError, match="upgrade it"):
        Store.open(path)
    assert path.read_bytes() == before
