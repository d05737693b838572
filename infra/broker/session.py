"""How far a connection has come with its login, and what failed logins cost."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from infra.broker.scram import Exchange

_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 8.0
_FORGET_AFTER_S = 300.0
_MOST_PEERS = 1000


@dataclass(slots=True)
class Session:
    """One connection's login. `end` closes the connection once its last answer is written."""

    peer: str
    end: Callable[[], None]
    user: str | None = None
    mechanism: str | None = None
    exchange: Exchange | None = None


class Penalties:
    """How long the answer to a failed login waits: twice as long with every failure from the same address."""

    def __init__(self) -> None:
        self._peers: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def failed(self, peer: str, now_s: float) -> float:
        """Count a failure; seconds to wait before the answer."""
        count, last_s = self._peers.pop(peer, (0, now_s))
        count = 1 if now_s - last_s > _FORGET_AFTER_S else count + 1
        self._peers[peer] = (count, now_s)
        if len(self._peers) > _MOST_PEERS:
            self._peers.popitem(last=False)
        return min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(count - 1, 10))

    def succeeded(self, peer: str) -> None:
        """Forget the failures of an address."""
        self._peers.pop(peer, None)
