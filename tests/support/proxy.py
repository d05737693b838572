"""A TCP proxy before a broker: it delays, swallows and cuts what goes through, and counts the bytes.

The broker tells its clients its own port; the proxy writes its own into those answers, so that nobody goes round it.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


class Proxy:
    """``open`` cleared holds every answer back; an answer that ``loses`` picks is lost, with its connection.

    ``answered_bytes``: what the clients got so far.
    """

    def __init__(self, target_port: int) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.answered_bytes = 0
        self.lost = 0
        self.loses: Callable[[], bool] = lambda: False
        self.port = 0
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Drop every connection, with whatever is under way in it."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection through."""
        try:
            upstream, to_broker = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, to_broker}
        self._writers |= pair
        directions = [
            asyncio.create_task(self._requests(reader, to_broker)),
            asyncio.create_task(self._answers(upstream, writer)),
        ]
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        for one in directions:
            one.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
        for one_writer in pair:
            one_writer.transport.abort()
        self._writers -= pair

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = struct.pack(">i", self._target_port), struct.pack(">i", self.port)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                answer = await reader.readexactly(int.from_bytes(size))
                await self.open.wait()
                if self.loses():
                    self.lost += 1
                    return
                if len(answer) < 65_536:  # where a port is told, the answer is short
                    answer = answer.replace(theirs, ours)
                self.answered_bytes += len(answer)
                writer.write(size + answer)
                await writer.drain()


@asynccontextmanager
async def proxied(target_port: int) -> AsyncIterator[Proxy]:
    """Run a proxy before the broker at ``target_port``."""
    proxy = Proxy(target_port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.open.set()
        proxy.cut()
