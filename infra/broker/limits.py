"""What keeps one client from costing the others: shared budgets, and log lines that an attack cannot multiply."""

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable

_LOG = logging.getLogger("infra.broker.connection")

_LINES_PER_MINUTE = 5
_MINUTE_S = 60.0
_MOST_PEERS = 1000


class Budget:
    """Bytes that all connections share. Who finds none left waits in line; what does not fit alone goes alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[tuple[int, Callable[[], bool]]] = deque()
        self.used_bytes = 0

    def take(self, size: int, granted: Callable[[], bool]) -> bool:
        """Take bytes now, or have `granted` called later; it answers whether they are still wanted."""
        if not self._waiting and self._fits(size):
            self.used_bytes += size
            return True
        self._waiting.append((size, granted))
        return False

    def give(self, size: int) -> None:
        """Return bytes, and grant those who wait what fits now, in their order."""
        self.used_bytes -= size
        while self._waiting and self._fits(self._waiting[0][0]):
            wanted, granted = self._waiting.popleft()
            self.used_bytes += wanted
            if not granted():
                self.used_bytes -= wanted

    def _fits(self, size: int) -> bool:
        return not self.used_bytes or self.used_bytes + size <= self._limit_bytes


class PeerLog:
    """Log lines about connections, a few a minute for each peer; the rest is counted and told with the next one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, lines_per_minute: int = _LINES_PER_MINUTE) -> None:
        self._clock = clock
        self._lines_per_minute = lines_per_minute
        self._peers: OrderedDict[str, list[float]] = OrderedDict()

    def say(self, level: int, peer: str, text: str, error: Exception | None = None) -> None:
        """Log a line that begins with the peer's address, unless it had its share of this minute."""
        now = self._clock()
        since, lines, dropped = self._peers.pop(peer, [now, 0, 0])
        if now - since >= _MINUTE_S:
            since, lines = now, 0
        if lines < self._lines_per_minute:
            more = f" ({dropped:.0f} more lines were left out)" if dropped else ""
            _LOG.log(level, "%s: %s%s", peer, text, more, exc_info=error)
            lines, dropped = lines + 1, 0
        else:
            dropped += 1
        self._peers[peer] = [since, lines, dropped]
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
