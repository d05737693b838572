"""How often a password, a code or a link may be tried: an exact moving window for each account and each address.

Counted in this process: with N gateways behind one address a guesser has N times as many tries, still far too few for
a password of ten characters.
"""

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from processors.gateway.edge.problems import Problem

WINDOW_MINUTES = 15
ACCOUNT_TRIES = 10
ADDRESS_TRIES = 100
"""A whole shop may sit behind one address."""


class Throttle:
    """Counts tries before they are checked, so that many at once cannot slip through."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)
        self._account = RateLimitItemPerMinute(ACCOUNT_TRIES, WINDOW_MINUTES)
        self._address = RateLimitItemPerMinute(ADDRESS_TRIES, WINDOW_MINUTES)

    async def attempt(self, account: str, address: str) -> None:
        """Count one try. An account that does not exist is counted like one that does.

        Raises:
            Problem: 429.
        """
        if not await self._limiter.hit(self._address, "address", address):
            raise _too_many()
        if not await self._limiter.hit(self._account, "account", account):
            raise _too_many()

    async def succeeded(self, account: str) -> None:
        """Forget the tries of an account: it was its owner."""
        await self._limiter.clear(self._account, "account", account)


def _too_many() -> Problem:
    detail = f"too many tries; wait up to {WINDOW_MINUTES} minutes, or ask an administrator for a new link"
    return Problem(429, "too_many_tries", detail, headers={"Retry-After": str(WINDOW_MINUTES * 60)})
