"""Sending calls, with and without ``await``: what the generated clients stand on."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from connectors.client.core import Call, EventReader, Patience, Remembered, ServerEvent, Tries, check, read
from connectors.client.problems import NoAnswer

TIMEOUT_S = 60.0
"""A write waits some seconds for its outcome, and an upload takes time; streams have no limit."""


def _gone(error: httpx.TransportError, client: httpx.Client | httpx.AsyncClient) -> NoAnswer:
    return NoAnswer(f"no gateway answers at {client.base_url} ({error!r}); is the shop up, and the address right?")


class BaseClient:
    """Sends calls one after the other.

    ``auth``: see :mod:`connectors.client.auth`; None for what is open to everybody. ``transport``: another way to the
    gateway than the network. Every call may raise :class:`connectors.client.problems.ApiProblem` or ``NoAnswer``.
    """

    def __init__(
        self,
        base_url: str,
        auth: httpx.Auth | None = None,
        *,
        patience: Patience | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        remembered: int = 256,
    ) -> None:
        self.http = httpx.Client(base_url=base_url, auth=auth, timeout=timeout_s, transport=transport)
        self._patience = patience or Patience()
        self._remembered = Remembered(remembered)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def _json(self, call: Call, kind: Any, late: Any = None) -> Any:
        with self._answered(call, stream=False) as response:
            body = self._remembered.body(response)
            return read(late if late is not None and response.status_code == httpx.codes.ACCEPTED else kind, body)

    def _pieces(self, call: Call) -> Iterator[bytes]:
        with self._answered(call, stream=True) as response:
            yield from response.iter_bytes()

    def _lines(self, call: Call) -> Iterator[dict[str, Any]]:
        with self._answered(call, stream=True) as response:
            yield from (read(dict[str, Any], line.encode()) for line in response.iter_lines() if line)

    def _events(self, call: Call) -> Iterator[ServerEvent]:
        reader = EventReader()
        with self._answered(call, stream=True, timeout=httpx.Timeout(TIMEOUT_S, read=None)) as response:
            for line in response.iter_lines():
                yield from reader.take(line)

    @contextmanager
    def _answered(self, call: Call, *, stream: bool, **more: Any) -> Iterator[httpx.Response]:
        tries = Tries(call, self._patience)
        while True:
            request = self.http.build_request(**call.request_of(), **more)
            if not stream:
                self._remembered.ask(request)
            try:
                response = self.http.send(request, stream=stream)
            except httpx.TransportError as error:
                wait_s = tries.wait_s(None)
                if wait_s is None:
                    raise _gone(error, self.http) from error
            else:
                wait_s = None if response.is_success else tries.wait_s(response)
                if wait_s is None:
                    break
                response.close()
            time.sleep(wait_s)
        try:
            if response.is_error:
                response.read()
            check(response)
            yield response
        except httpx.TransportError as error:
            raise _gone(error, self.http) from error
        finally:
            response.close()


class BaseAsyncClient:
    """Sends calls side by side; else as :class:`BaseClient`."""

    def __init__(
        self,
        base_url: str,
        auth: httpx.Auth | None = None,
        *,
        patience: Patience | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
        remembered: int = 256,
    ) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, auth=auth, timeout=timeout_s, transport=transport)
        self._patience = patience or Patience()
        self._remembered = Remembered(remembered)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def _json(self, call: Call, kind: Any, late: Any = None) -> Any:
        async with self._answered(call, stream=False) as response:
            body = self._remembered.body(response)
            return read(late if late is not None and response.status_code == httpx.codes.ACCEPTED else kind, body)

    async def _pieces(self, call: Call) -> AsyncIterator[bytes]:
        async with self._answered(call, stream=True) as response:
            async for piece in response.aiter_bytes():
                yield piece

    async def _lines(self, call: Call) -> AsyncIterator[dict[str, Any]]:
        async with self._answered(call, stream=True) as response:
            async for line in response.aiter_lines():
                if line:
                    yield read(dict[str, Any], line.encode())

    async def _events(self, call: Call) -> AsyncIterator[ServerEvent]:
        reader = EventReader()
        async with self._answered(call, stream=True, timeout=httpx.Timeout(TIMEOUT_S, read=None)) as response:
            async for line in response.aiter_lines():
                for event in reader.take(line):
                    yield event

    @asynccontextmanager
    async def _answered(self, call: Call, *, stream: bool, **more: Any) -> AsyncIterator[httpx.Response]:
        tries = Tries(call, self._patience)
        while True:
            request = self.http.build_request(**call.request_of(), **more)
            if not stream:
                self._remembered.ask(request)
            try:
                response = await self.http.send(request, stream=stream)
            except httpx.TransportError as error:
                wait_s = tries.wait_s(None)
                if wait_s is None:
                    raise _gone(error, self.http) from error
            else:
                wait_s = None if response.is_success else tries.wait_s(response)
                if wait_s is None:
                    break
                await response.aclose()
            await asyncio.sleep(wait_s)
        try:
            if response.is_error:
                await response.aread()
            check(response)
            yield response
        except httpx.TransportError as error:
            raise _gone(error, self.http) from error
        finally:
            await response.aclose()
