"""The clients that people bring work on the embedded server unchanged: it is the engine's own listener."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse.layout import ADMIN, READER, READER_ROWS_READ, WRITER
from infra.clickhouse.server import EmbeddedClickHouse
from tests.support.clickhouse import shared_server

pytestmark = pytest.mark.timeout(120)
MILLION = 1_000_000
STREAM_MB = 64
"""What the client may grow by while a million rows of some 60 bytes pass through it."""
INSERT = """
import sys, clickhouse_connect
port, password, name = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = clickhouse_connect.get_client(host="127.0.0.1", port=port, username="noizylab_writer", password=password,
                                       database="noizylab")
for turn in range(10):
    client.insert("contract", [[name * 10_000 + turn * 200 + n, "x"] for n in range(200)], column_names=["n", "text"])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedClickHouse]:
    with shared_server() as running:
        yield running


def _options(server: EmbeddedClickHouse, user: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.http_port, "username": user, "password": server.passwords[user],
            "database": "noizylab"}  # fmt: skip


@pytest.fixture
def table(server: EmbeddedClickHouse) -> Iterator[str]:
    client = clickhouse_connect.get_client(**_options(server, ADMIN))
    client.command("CREATE TABLE contract (n UInt32, text String) ENGINE = MergeTree ORDER BY n")
    yield "contract"
    client.command("DROP TABLE contract")
    client.close()


def test_clickhouse_connect_in_its_synchronous_form(server: EmbeddedClickHouse, table: str) -> None:
    writer, reader = (clickhouse_connect.get_client(**_options(server, user)) for user in (WRITER, READER))
    writer.insert(table, [[1, "it's"], [2, "two"]], column_names=["n", "text"])
    writer.raw_insert(table, None, b'{"n":3,"text":"three"}', {"insert_deduplication_token": "a"}, fmt="JSONEachRow")
    assert reader.query(f"SELECT n FROM {table} WHERE text = {{t:String}}", {"t": "it's"}).result_rows == [(1,)]
    assert reader.query_df(f"SELECT sum(n) AS total FROM {table}")["total"].tolist() == [6]
    assert reader.query_arrow(f"SELECT text FROM {table} ORDER BY n").to_pydict()["text"] == ["it's", "two", "three"]
    with reader.query_rows_stream(f"SELECT n FROM {table} ORDER BY n") as rows:
        assert [row[0] for row in rows] == [1, 2, 3]
    for client in (writer, reader):
        client.close()


async def test_clickhouse_connect_in_its_asynchronous_form_eight_at_once(
    server: EmbeddedClickHouse, table: str
) -> None:
    client = await clickhouse_connect.get_async_client(**_options(server, WRITER), autogenerate_session_id=False)
    await asyncio.gather(*(client.insert(table, [[n, "x"]], column_names=["n", "text"]) for n in range(8)))
    found = await asyncio.gather(*(client.query(f"SELECT count() + {n} FROM {table}") for n in range(8)))
    assert [one.result_rows[0][0] for one in found] == list(range(8, 16))
    await client.close()


@pytest.mark.parametrize(
    ("user", "sql", "code"),
    [
        (ADMIN, "SELEC 1", 62),
        (ADMIN, "SELECT * FROM absent", 60),
        (ADMIN, "SELECT absent", 47),
        (READER, "CREATE TABLE t (n UInt8) ENGINE = Log", 497),
        (READER, "SELECT throwIf(1, 'no')", 395),
        (READER, f"SELECT count() FROM numbers({READER_ROWS_READ * 2}) WHERE NOT ignore(number)", 158),
    ],
)
def test_error_carries_the_engines_own_code(server: EmbeddedClickHouse, user: str, sql: str, code: int) -> None:
    client = clickhouse_connect.get_client(**_options(server, user))
    with pytest.raises(DatabaseError) as caught:
        client.command(sql)
    assert caught.value.code == code
    client.close()


def test_plain_http_as_curl_speaks_it(server: EmbeddedClickHouse, table: str) -> None:
    with httpx.Client(base_url=server.url, auth=(WRITER, server.passwords[WRITER])) as http:
        assert http.get("/ping").text == "Ok.\n"
        assert (
            http.post(f"/?query=INSERT+INTO+noizylab.{table}+FORMAT+CSV", content=b'7,"a"\n8,"b"\n').status_code == 200
        )
        answer = http.get("/", params={"query": f"SELECT sum(n) FROM noizylab.{table} WHERE n >= {{low:UInt32}}",
                                       "param_low": 8})  # fmt: skip
        assert answer.text == "8\n"
        refused = http.post("/", content=b"SELECT * FROM noizylab.absent")
        assert (refused.status_code, refused.headers["x-clickhouse-exception-code"]) == (404, "60")
    assert httpx.get(server.url, params={"query": "SELECT 1"}, auth=(READER, "guessed")).status_code in {401, 403, 516}


def test_http_as_the_data_source_of_grafana_asks(server: EmbeddedClickHouse, table: str) -> None:
    """Its headers, its ceiling on time as a setting of a user who may only read, its format (clickhouse-go, HTTP)."""
    del table
    sql = "SELECT toStartOfHour(now('UTC')) AS time, toFloat64(1) AS value FORMAT JSON"
    headers = {"X-ClickHouse-User": READER, "X-ClickHouse-Key": server.passwords[READER]}
    answer = httpx.post(
        f"{server.url}/?database=noizylab&max_execution_time=5&default_format=Native&query={quote(sql)}",
        headers=headers,
    )
    assert answer.status_code == 200, answer.text
    found = json.loads(answer.text)
    assert [column["type"] for column in found["meta"]] == ["DateTime('UTC')", "Float64"]
    assert found["data"][0]["value"] == 1
    tables = "SELECT name FROM system.tables WHERE database = 'noizylab' FORMAT TSV"
    assert "contract" in httpx.post(server.url, content=tables.encode(), headers=headers).text.split()


def test_native_port_greets_a_client_of_the_native_protocol(server: EmbeddedClickHouse) -> None:
    """Hello (packet 0): name, version, revision, database, user, password; ClickHouse docs, "Native protocol"."""

    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    password = server.passwords[READER]
    hello = (
        b"\x00" + text("contract") + b"\x01\x01" + b"\xa6\xa9\x03" + text("noizylab") + text(READER) + text(password)
    )
    with socket.create_connection(("127.0.0.1", server.tcp_port), timeout=10) as line:
        line.sendall(hello)
        answer = line.recv(4096)
    assert answer[:1] == b"\x00", answer
    assert b"ClickHouse" in answer[:20]


def test_sqlalchemy_dialect(server: EmbeddedClickHouse, table: str) -> None:
    from sqlalchemy import create_engine, inspect, text

    secret = quote(server.passwords[WRITER], safe="")
    engine = create_engine(f"clickhousedb://{WRITER}:{secret}@127.0.0.1:{server.http_port}/noizylab")
    with engine.connect() as connection:
        connection.execute(text(f"INSERT INTO {table} (n, text) VALUES (1, 'a'), (2, 'b')"))
        assert connection.execute(text(f"SELECT sum(n) FROM {table}")).scalar() == 3
    assert [column["name"] for column in inspect(engine).get_columns(table)] == ["n", "text"]


def test_clickhouse_driver_on_the_native_port(server: EmbeddedClickHouse, table: str) -> None:
    from clickhouse_driver import Client

    client = Client("127.0.0.1", server.tcp_port, "noizylab", WRITER, server.passwords[WRITER])
    assert client.execute(f"INSERT INTO {table} (n, text) VALUES", [(1, "a"), (2, "b")]) == 2
    assert client.execute(f"SELECT n, text FROM {table} ORDER BY n") == [(1, "a"), (2, "b")]
    client.disconnect()


def test_a_million_rows_pass_through_a_client_whose_memory_stays_flat(server: EmbeddedClickHouse) -> None:
    client = clickhouse_connect.get_client(**_options(server, WRITER))
    sql = f"SELECT number, repeat('x', 50) AS text FROM numbers({MILLION})"
    rows, least, most = 0, sys.maxsize, 0
    with client.query_row_block_stream(sql) as blocks:
        for block in blocks:
            rows += len(block)
            resident_mb = _resident_mb()
            least, most = min(least, resident_mb), max(most, resident_mb)
    client.close()
    assert rows == MILLION
    assert most - least < STREAM_MB


def _resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def test_four_processes_write_at_once_and_every_row_is_there(server: EmbeddedClickHouse, table: str) -> None:
    command = [sys.executable, "-c", INSERT, str(server.http_port), server.passwords[WRITER]]
    writing = [subprocess.Popen([*command, str(name)]) for name in range(4)]
    assert [process.wait(100) for process in writing] == [0] * 4
    client = clickhouse_connect.get_client(**_options(server, READER))
    assert client.query(f"SELECT count(), uniqExact(n) FROM {table}").result_rows == [(8_000, 8_000)]
    client.close()
