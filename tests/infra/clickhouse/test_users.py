"""What each user of the embedded server may do."""

from collections.abc import AsyncIterator

import pytest

from connectors.clickhouse.server import Connection, ServerWarehouse
from connectors.errors import Misconfigured, Permanent, Transient
from infra.clickhouse.layout import READER, READER_RESULT_ROWS, READER_TIME_LIMIT_S, WRITER
from infra.clickhouse.server import EmbeddedClickHouse
from processors.analytics.parts import PARTS_SQL
from tests.support.clickhouse import connect


@pytest.fixture
async def table(server: EmbeddedClickHouse) -> AsyncIterator[str]:
    admin = connect(server)
    await admin.command("CREATE TABLE guarded (n UInt32) ENGINE = MergeTree ORDER BY n")
    yield "guarded"
    await admin.command("DROP TABLE guarded")
    await admin.close()


@pytest.fixture
async def reader(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    warehouse = connect(server, READER)
    yield warehouse
    await warehouse.close()


@pytest.fixture
async def writer(server: EmbeddedClickHouse) -> AsyncIterator[ServerWarehouse]:
    warehouse = connect(server, WRITER)
    yield warehouse
    await warehouse.close()


async def test_reader_reads_and_cannot_write(table: str, reader: ServerWarehouse, writer: ServerWarehouse) -> None:
    await writer.insert_json_rows(table, b'{"n":1}')
    assert await reader.query(f"SELECT n FROM {table}") == [{"n": 1}]
    for statement in (f"INSERT INTO {table} VALUES (2)", f"DROP TABLE {table}", "CREATE TABLE t (n Int8) ENGINE = Log"):
        with pytest.raises(Misconfigured, match=r"privileges|readonly"):
            await reader.command(statement)
    with pytest.raises(Misconfigured):
        await reader.insert_json_rows(table, b'{"n":2}')
    assert await reader.query(f"SELECT n FROM {table}") == [{"n": 1}]


@pytest.mark.parametrize("sql", ["SELECT * FROM file('/etc/passwd', 'LineAsString')",
                                 "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')"])  # fmt: skip
async def test_reader_cannot_leave_the_database(reader: ServerWarehouse, sql: str) -> None:
    with pytest.raises(Misconfigured, match="privileges"):
        await reader.query(sql)


async def test_writer_inserts_and_cannot_change_the_schema(table: str, writer: ServerWarehouse) -> None:
    with pytest.raises(Misconfigured, match="privileges"):
        await writer.command(f"DROP TABLE {table}")


async def test_writer_sees_how_many_parts_its_tables_have(table: str, writer: ServerWarehouse) -> None:
    await writer.insert_json_rows(table, b'{"n":1}')
    assert await writer.query(PARTS_SQL) == [{"parts": 1}]


async def test_reader_may_lower_its_time_limit_and_not_raise_it(reader: ServerWarehouse) -> None:
    asked = "SELECT getSetting('max_execution_time') AS limit"
    assert await reader.query(asked) == [{"limit": READER_TIME_LIMIT_S}]
    assert await reader.query(asked, settings={"max_execution_time": 3}) == [{"limit": 3}]
    with pytest.raises(Misconfigured, match="shouldn't be greater than"):
        await reader.query(asked, settings={"max_execution_time": READER_TIME_LIMIT_S + 1})
    with pytest.raises(Misconfigured, match="readonly"):
        await reader.query(asked, settings={"max_memory_usage": 1})


async def test_budget_is_enforced_when_a_query_is_too_long_wide_or_hungry(reader: ServerWarehouse) -> None:
    with pytest.raises(Transient, match=r"TIMEOUT_EXCEEDED|Timeout exceeded"):
        await reader.query("SELECT sleepEachRow(0.05) FROM numbers(40)",
                           settings={"max_execution_time": 1})  # fmt: skip
    with pytest.raises(Permanent, match="Limit for result exceeded"):
        await reader.query(f"SELECT number FROM numbers({READER_RESULT_ROWS * 2})")
    with pytest.raises(Transient, match=r"[Mm]emory limit"):
        await reader.query("SELECT uniqExact(number) FROM numbers(100000000)")


async def test_engine_user_can_reach_no_data_when_used_from_outside(server: EmbeddedClickHouse, table: str) -> None:
    outsider = ServerWarehouse(Connection("127.0.0.1", server.http_port, "default", ""))
    try:
        for sql in (f"SELECT n FROM {table}", "SELECT * FROM system.users"):
            with pytest.raises(Misconfigured, match="privileges"):
                await outsider.query(sql)
    finally:
        await outsider.close()


async def test_wrong_password_is_a_misconfiguration(server: EmbeddedClickHouse) -> None:
    stranger = ServerWarehouse(Connection("127.0.0.1", server.http_port, WRITER, "guessed"))
    try:
        with pytest.raises(Misconfigured, match="Authentication failed"):
            await stranger.query("SELECT 1")
    finally:
        await stranger.close()
