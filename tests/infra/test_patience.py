"""A real server, and clients that are slow with the head of their request."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from infra.patience import PatientProtocol


class _Hasty(PatientProtocol):
    HEAD_S = 0.15


async def _app(scope: Any, receive: Any, send: Any) -> None:
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = uvicorn.Server(
        uvicorn.Config(_app, host="127.0.0.1", port=0, http=_Hasty, lifespan="off", log_level="error")
    )
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.005)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


GET = b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n"


@pytest.mark.parametrize("head", [b"", b"GET / HTTP/1.1\r\nHost: e"], ids=["nothing", "half"])
async def test_closes_a_connection_whose_head_does_not_come(port: int, head: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_times_each_head_of_a_connection_but_neither_bodies_nor_rest(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\na")
    await asyncio.sleep(2 * _Hasty.HEAD_S)  # a body, and then a pause, longer than a head may take
    writer.write(b"b")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(2 * _Hasty.HEAD_S)
    writer.write(GET)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.write(GET[:-2])
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
