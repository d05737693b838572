"""uvicorn's HTTP protocol with an end to its patience: a request's head must be there within a time.

uvicorn itself bounds how long a connection may idle after an answer, but not how long a first head may take, so
connections that send a header a minute would be held for ever. Bodies are timed at the edge (``BodyLimit``).
"""

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """Closes a connection whose request head takes longer than ``HEAD_S``."""

    HEAD_S: ClassVar[float] = 10.0

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take a piece. Its first byte begins a head, unless it belongs to a body."""
        if self.conn.their_state is h11.IDLE and self._head is None:
            self._await_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.HEAD_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _give_up(self) -> None:
        self._head = None
        self.transport.close()
