"""The port's contract, on the embedded server."""

import asyncio
import base64
from typing import Any

import orjson
import pytest

from connectors.clickhouse.port import PoisonRows
from connectors.clickhouse.server import PIECE_BYTES, Connection, ServerWarehouse, classify, classify_insert
from connectors.errors import Misconfigured, Permanent, Transient
from infra.clickhouse.layout import ADMIN
from infra.clickhouse.server import EmbeddedClickHouse
from tests.support.clickhouse import connect

GOOD: dict[str, Any] = {"day": "2026-01-05", "name": "a", "n": 1, "text": "x"}


def _lines(*rows: dict[str, Any]) -> bytes:
    return b"\n".join(map(orjson.dumps, rows))


async def _sums(warehouse: ServerWarehouse) -> tuple[int, int]:
    [facts] = await warehouse.query("SELECT sum(n) AS n FROM facts")
    [totals] = await warehouse.query("SELECT sum(n) AS n FROM totals")
    return facts["n"], totals["n"]


async def test_rows_count_once_in_table_and_roll_up_when_the_token_is_repeated(warehouse: ServerWarehouse) -> None:
    for _ in range(3):
        await warehouse.insert_json_rows("facts", _lines(GOOD, GOOD), token="t/0/0/1")
    assert await _sums(warehouse) == (2, 2)
    await warehouse.insert_json_rows("facts", _lines(GOOD, GOOD), token="t/0/2/3")
    assert await _sums(warehouse) == (4, 4)


async def test_token_may_be_used_again_when_its_insert_was_refused(warehouse: ServerWarehouse) -> None:
    with pytest.raises(PoisonRows):
        await warehouse.insert_json_rows("facts", _lines(GOOD, {**GOOD, "n": 200}), token="t/0/0/1")
    await warehouse.insert_json_rows("facts", _lines(GOOD), token="t/0/0/1")
    assert await _sums(warehouse) == (1, 1)


@pytest.mark.parametrize(
    ("poison", "column"),
    [
        ({**GOOD, "n": "many"}, "n"),
        ({**GOOD, "name": "c"}, "name"),
        ({**GOOD, "n": 250}, "small"),
        ({**GOOD, "colour": "red"}, "colour"),
        ({**GOOD, "day": "the fifth"}, "day"),
    ],
)
async def test_poison_row_is_located_and_nothing_is_stored_when_one_of_many_is_bad(
    warehouse: ServerWarehouse, poison: dict[str, Any], column: str
) -> None:
    rows = [GOOD] * 10_000
    rows[6_789] = poison
    with pytest.raises(PoisonRows) as caught:
        await warehouse.insert_json_rows("facts", _lines(*rows))
    assert caught.value.row_number == 6_790
    assert caught.value.column == column
    assert "version" not in str(caught.value)
    assert await _sums(warehouse) == (0, 0)


COLUMNS = ("day", "name", "n", "text")
LINE = b"2026-01-05\ta\t1\tx"


async def test_lines_say_what_json_says(warehouse: ServerWarehouse) -> None:
    await warehouse.insert_lines(
        "facts", COLUMNS, rb"2026-01-05%a%1%tab \t line \n back \\ return \r".replace(b"%", b"\t")
    )
    [row] = await warehouse.query("SELECT text FROM facts")
    assert row["text"] == "tab \t line \n back \\ return \r"


async def test_lines_count_once_when_the_token_is_repeated(warehouse: ServerWarehouse) -> None:
    for _ in range(3):
        await warehouse.insert_lines("facts", COLUMNS, b"\n".join([LINE, LINE]), token="t/0/0/1")
    assert await _sums(warehouse) == (2, 2)


@pytest.mark.parametrize(
    ("poison", "column"),
    [
        (b"2026-01-05\ta\tmany\tx", "n"),
        (b"the fifth\ta\t1\tx", "day"),
        (b"2026-01-05\tc\t1\tx", "name"),
        (b"2026-01-05\ta\t250\tx", "small"),
        (b"2026-01-05\ta\t1", None),
    ],
)
async def test_poison_line_is_located_and_its_neighbours_are_not_told(
    warehouse: ServerWarehouse, poison: bytes, column: str | None
) -> None:
    lines = [LINE] * 10_000
    lines[6_789] = poison
    with pytest.raises(PoisonRows) as caught:
        await warehouse.insert_lines("facts", COLUMNS, b"\n".join(lines))
    assert (caught.value.row_number, caught.value.column) == (6_790, column)
    assert "Row 6789" not in caught.value.message
    assert await _sums(warehouse) == (0, 0)


@pytest.mark.parametrize("at", [0, 5_000, 29_999])
async def test_poison_line_is_located_in_a_body_of_many_pieces(warehouse: ServerWarehouse, at: int) -> None:
    lines = [LINE + b"x" * 100] * 30_000
    assert sum(map(len, lines)) > 10 * PIECE_BYTES
    lines[at] = b"2026-01-05\ta\tmany\tx"
    with pytest.raises(PoisonRows) as caught:
        await warehouse.insert_lines("facts", COLUMNS, b"\n".join(lines), token="t/0/0/30000")
    assert caught.value.row_number == at + 1
    lines[at] = LINE
    for _ in range(2):
        await warehouse.insert_lines("facts", COLUMNS, b"\n".join(lines), token="t/0/0/30000")
    assert await _sums(warehouse) == (30_000, 30_000)


async def test_nothing_is_stored_of_a_body_whose_sender_dies(
    warehouse: ServerWarehouse, server: EmbeddedClickHouse
) -> None:
    piece = b"\n".join([LINE] * 20_000) + b"\n"
    credentials = base64.b64encode(f"{ADMIN}:{server.passwords[ADMIN]}".encode()).decode()
    head = (
        f"POST /?database={warehouse._connection.database}&query=INSERT%20INTO%20facts"
        f"%20(day,name,n,text)%20FORMAT%20TabSeparated HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
    writer.write(head.encode() + f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    await writer.drain()
    writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)  # it ends when the server has done with the request
    writer.close()
    assert b"200 OK" not in answer
    assert await _sums(warehouse) == (0, 0)


async def test_insert_is_refused_when_it_spans_partitions(warehouse: ServerWarehouse) -> None:
    with pytest.raises(Permanent, match="split them by month") as caught:
        await warehouse.insert_json_rows("facts", _lines(GOOD, {**GOOD, "day": "2026-02-05"}))
    assert not isinstance(caught.value, PoisonRows)
    assert await _sums(warehouse) == (0, 0)


async def test_query_binds_parameters_on_the_server(warehouse: ServerWarehouse) -> None:
    text = "it's; DROP TABLE facts -- \\ {x:String} 💡"
    await warehouse.insert_json_rows("facts", _lines({**GOOD, "text": text}, GOOD))
    asked = "SELECT text, n FROM facts WHERE text = {text:String} AND n IN {ns:Array(UInt8)}"
    assert await warehouse.query(asked, {"text": text, "ns": [1, 2]}) == [{"text": text, "n": 1}]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT * FROM absent", Misconfigured),
        ("SELECT absent FROM facts", Misconfigured),
        ("SELEC 1", Permanent),
        ("SELECT throwIf(1, 'no')", Permanent),
        ("SELECT sleepEachRow(0.05) FROM numbers(40) SETTINGS max_execution_time = 0.2, max_block_size = 1", Transient),
    ],
)
async def test_failed_query_names_its_kind(warehouse: ServerWarehouse, sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await warehouse.query(sql)


async def test_failure_is_transient_when_nobody_listens(free_port: int) -> None:
    nobody = ServerWarehouse(Connection("127.0.0.1", free_port, "u", "p"))
    with pytest.raises(Transient, match="Cannot connect"):
        await nobody.query("SELECT 1")
    await nobody.close()


async def test_client_works_again_when_it_was_closed(server: EmbeddedClickHouse) -> None:
    warehouse = connect(server)
    assert await warehouse.query("SELECT 1 AS one") == [{"one": 1}]
    await warehouse.close()
    await warehouse.close()
    assert await warehouse.query("SELECT 1 AS one") == [{"one": 1}]
    await warehouse.close()


@pytest.mark.parametrize("code", [3, 159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999, None])
def test_weather_is_transient_for_queries_and_inserts(code: int | None) -> None:
    assert isinstance(classify(code, "x"), Transient)
    assert isinstance(classify_insert(code, "x"), Transient)


def test_read_only_is_weather_for_a_replica_and_misconfigured_for_a_user() -> None:
    assert isinstance(classify(164, "Table is in read-only mode"), Transient)
    assert isinstance(classify(164, "Cannot execute query in readonly mode."), Misconfigured)


def test_unknown_code_is_poison_for_inserts_only() -> None:
    text = "Received ClickHouse exception, server response: Code: 27. DB::Exception: bad (at row 3) (version 1.2)"
    refused = classify_insert(27, text)
    assert isinstance(refused, PoisonRows)
    assert (refused.row_number, refused.column, refused.message) == (3, None, "bad (at row 3)")
    assert not isinstance(classify(27, text), PoisonRows)


def test_password_does_not_show_when_a_connection_is_printed() -> None:
    assert "swordfish" not in repr(Connection("h", 1, "u", "swordfish"))
