import asyncio
import contextlib
import random
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from kio.schema.errors import ErrorCode

from connectors.bus.cluster import Cluster
from connectors.bus.restore import LogReader
from connectors.errors import Transient
from infra.broker import Broker, BrokerConfig, BrokerError
from infra.broker.__main__ import main
from infra.broker.repair import repair
from tests.infra.broker.support import WireClient, create_topic, fetch_values, make_batch, produce_values

RECORDS = 240


@contextlib.asynccontextmanager
async def _serving(path: Path) -> AsyncIterator[WireClient]:
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    try:
        yield client
    finally:
        await client.close()
        await broker.stop()


async def _fill(path: Path, crashed: Path | None = None) -> None:
    """Write the records; `crashed` becomes a copy of the file and its write-ahead log as a crash would leave them."""
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "t")
    await create_topic(client, "other", partitions=2)
    for number in range(RECORDS):
        batch = make_batch(b"%d:" % number + b"x" * (number * 37 % 1900), timestamp_ms=number)
        await client.call(0, 8, **produce_values("t", 0, batch))
    await client.call(0, 8, **produce_values("other", 1, make_batch(b"y" * 50_000)))
    await client.close()
    if crashed is not None:
        shutil.copyfile(path, crashed)
        shutil.copyfile(f"{path}-wal", f"{crashed}-wal")
    await broker.stop()


async def _read(path: Path) -> tuple[dict[int, int], int]:
    """Offset -> number of each record that a broker on the file serves, and the end of the log."""
    async with _serving(path) as client:
        found: dict[int, int] = {}
        offset, end = 0, 0
        while True:
            answer = await client.call(1, 11, **fetch_values("t", offset))
            part = answer.responses[0].partitions[0]
            end = part.high_watermark
            if part.error_code or not part.records:
                break
            for base, value in _values(part.records):
                found[base] = int(value.split(b":")[0])
                offset = base + 1
    return found, end


def _values(records: bytes) -> list[tuple[int, bytes]]:
    from aiokafka.record.memory_records import MemoryRecords

    memory = MemoryRecords(records)
    found = []
    while (batch := memory.next_batch()) is not None:
        assert batch.validate_crc()
        found += [(one.offset, one.value) for one in batch]
    return found


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("pristine") / "bus.db"
    asyncio.run(_fill(path))
    return path.read_bytes()


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("crashed")
    asyncio.run(_fill(place / "bus.db", place / "crashed.db"))
    return place / "crashed.db"


def _spoil(data: bytes, seed: int) -> bytes:
    """Turn one to thirty bytes over, somewhere; sometimes a whole stretch is gone, or the end."""
    dice = random.Random(seed)
    broken = bytearray(data)
    kind = seed % 5
    if kind == 0:
        broken[dice.randrange(100)] ^= 1 << dice.randrange(8)
    elif kind == 1:
        for _ in range(dice.randint(1, 30)):
            broken[dice.randrange(len(broken))] ^= dice.randint(1, 255)
    elif kind == 2:
        start = dice.randrange(len(broken) // 8192) * 8192
        broken[start : start + 8192] = dice.randbytes(8192)
    elif kind == 3:
        start = dice.randrange(len(broken) // 8192) * 8192
        for _ in range(5):
            broken[start + dice.randrange(60)] ^= dice.randint(1, 255)
    else:
        del broken[dice.randrange(8192, len(broken)) :]
    return bytes(broken)


@pytest.mark.parametrize("seed", range(40))
async def test_a_broken_file_is_refused_or_serves_what_was_written_and_repair_saves_the_rest(
    pristine: bytes, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(_spoil(pristine, seed))
    refused = ""
    try:
        found, _ = await _read(path)
        assert all(offset == number for offset, number in found.items())
    except BrokerError as error:
        refused = str(error)
    assert not refused or any(word in refused for word in ("repair --path", "another program", "schema"))
    report = repair(path)
    found, end = await _read(path)
    assert all(offset == number for offset, number in found.items())
    # One page holds a few batches: what one place breaks is little, and it is all named.
    lost = {offset for first, last in report.lost.get("t-0", []) for offset in range(first, last + 1)}
    if "t" in {key.rsplit("-", 1)[0] for key in report.lost} or len(found) == RECORDS:
        assert set(found) | lost >= set(range(end))
    if seed % 5 != 4 and "topics" not in report.unreadable_tables and "partitions" not in report.unreadable_tables:
        assert len(found) >= RECORDS - 60
    assert path.with_name("bus.db.damaged-1").exists()


@pytest.mark.parametrize("seed", range(12))
async def test_a_write_ahead_log_broken_in_the_middle_is_named_refused_and_repaired(
    crashed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int
) -> None:
    path, wal = tmp_path / "bus.db", tmp_path / "bus.db-wal"
    shutil.copyfile(crashed, path)
    data = bytearray(Path(f"{crashed}-wal").read_bytes())
    assert len(data) > 100_000
    data[random.Random(seed).randrange(100, len(data) * 3 // 4)] ^= 255
    wal.write_bytes(data)
    assert main(["check", "--path", str(path)]) == 1
    assert "its write-ahead log is broken before its end" in capsys.readouterr().out
    for _ in range(2):
        with pytest.raises(BrokerError, match=r"write-ahead log is broken before its end.*repair --path"):
            await Broker(BrokerConfig(path=path, port=0)).start()
        assert wal.read_bytes() == data
    report = repair(path)
    found, end = await _read(path)
    assert all(offset == number for offset, number in found.items())
    assert len(found) >= RECORDS - 6
    lost = sum(last - first + 1 for first, last in report.lost.get("t-0", []))
    assert len(found) + lost == end


@pytest.mark.parametrize("seed", range(6))
async def test_a_torn_end_of_the_write_ahead_log_is_what_a_crash_leaves(
    crashed: Path, tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "bus.db"
    shutil.copyfile(crashed, path)
    data = Path(f"{crashed}-wal").read_bytes()
    cut = random.Random(seed).randrange(len(data) // 2, len(data)) if seed else len(data)
    Path(f"{path}-wal").write_bytes(data[:cut])
    assert main(["check", "--path", str(path)]) == 0
    found, end = await _read(path)
    assert found == {number: number for number in range(end)}
    assert end == RECORDS or cut < len(data)


async def test_a_sound_file_comes_out_of_repair_as_it_went_in(pristine: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(pristine)
    assert list(repair(path).lines())[-1] == "no offset is missing"
    found, end = await _read(path)
    assert found == {number: number for number in range(RECORDS)}
    assert end == RECORDS
    assert path.with_name("bus.db.damaged-1").read_bytes() == pristine


async def test_a_batch_with_a_wrong_checksum_is_never_served_and_named_by_check_and_repair(
    pristine: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bus.db"
    place = pristine.index(b"100:" + b"x" * 50)
    path.write_bytes(pristine[: place + 20] + b"?" + pristine[place + 21 :])
    found, end = await _read(path)
    assert sorted(found) == list(range(100))
    assert end == RECORDS
    assert main(["check", "--path", str(path)]) == 1
    assert "t-0: the batch at offset 100 does not match its checksum" in capsys.readouterr().out
    assert main(["--path", str(path), "--verify"]) == 1
    capsys.readouterr()
    assert main(["repair", "--path", str(path)]) == 0
    assert "lost: t-0 offsets 100 to 100 (1)" in capsys.readouterr().out
    assert main(["check", "--path", str(path)]) == 0
    async with _serving(path) as client:
        answer = await client.call(1, 11, **fetch_values("t", 100))
        assert _values(answer.responses[0].partitions[0].records)[0][0] == 101


async def test_who_asks_for_a_broken_batch_gets_the_error_when_his_wait_is_over(
    pristine: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(pristine.replace(b"100:x", b"100:?"))
    async with _serving(path) as client:
        for wait_ms in (0, 300):
            began = time.monotonic()
            answer = await client.call(1, 11, **fetch_values("t", 100, max_wait=wait_ms))
            assert answer.responses[0].partitions[0].error_code is ErrorCode.kafka_storage_error
            # Time is the subject: an error at once would be asked for again at once, without end.
            assert (time.monotonic() - began) * 1000 >= wait_ms


async def test_who_reads_the_log_to_its_end_is_told_where_a_batch_is_broken(
    pristine: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(pristine.replace(b"100:x", b"100:?"))
    monkeypatch.setattr("connectors.bus.restore.STALLED_AFTER_S", 0.5)
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    async with LogReader(Cluster(f"127.0.0.1:{broker.port}"), "test") as reader:
        with pytest.raises(Transient, match=r"t/0 at 100; .*`noizylab broker check`"):
            _ = [one async for one in reader.to_end(await reader.partitions(["t"]))]
    await broker.stop()


async def test_a_broken_page_is_found_at_the_start_after_a_crash(pristine: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(pristine)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO meta VALUES ('in_use', '1')")
    broken = bytearray(path.read_bytes())
    leaf = broken.index(b"120:x") // 8192 * 8192
    broken[leaf : leaf + 8192] = bytes(8192)
    path.write_bytes(broken)
    with pytest.raises(BrokerError, match=r"damaged.*python -m infra\.broker repair --path"):
        await Broker(BrokerConfig(path=path, port=0)).start()
    report = repair(path)
    found, _ = await _read(path)
    assert RECORDS - 20 <= len(found) < RECORDS
    assert sum(last - first + 1 for first, last in report.lost["t-0"]) == RECORDS - len(found)


async def test_lost_offsets_at_the_end_are_never_given_again(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    broker = Broker(BrokerConfig(path=path, port=0))
    await broker.start()
    client = await WireClient.connect(broker.port)
    await create_topic(client, "t")
    producer = await client.call(22, 0, transactional_id=None)
    for sequence in range(3):
        batch = make_batch(b"0:", producer_id=producer.producer_id, epoch=0, sequence=sequence)
        await client.call(0, 8, **produce_values("t", 0, batch))
    await client.close()
    await broker.stop()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM batches WHERE last_offset = 2")
    assert repair(path).lost == {"t-0": [(2, 2)]}
    _, end = await _read(path)
    assert end == 3


def test_repair_of_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="there is no"):
        repair(tmp_path / "none.db")
