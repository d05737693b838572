"""How often a password, a code or a link may be tried: an exact moving window for each account and each address.

Counted where ``NOIZYLAB_LIMITS_URL`` says. By default that is this process: with N gateways behind one address a
guesser has N times as many tries, still far too few for a password of ten characters.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from processors.gateway.edge.limits import IN_MEMORY, open_storage
from processors.gateway.edge.problems import Problem

log = logging.getLogger(__name__)

T = TypeVar("T")

WINDOW_MINUTES = 15
ACCOUNT_TRIES = 10
ADDRESS_TRIES = 100
"""A whole shop may sit behind one address."""
_ACCOUNT: Final = RateLimitItemPerMinute(ACCOUNT_TRIES, WINDOW_MINUTES)
_ADDRESS: Final = RateLimitItemPerMinute(ADDRESS_TRIES, WINDOW_MINUTES)


class Throttle:
    """Counts tries before they are checked, so that many at once cannot slip through."""

    def __init__(self, storage_url: str = IN_MEMORY) -> None:
        self._limiter = MovingWindowRateLimiter(open_storage(storage_url))
        self._spare = MovingWindowRateLimiter(MemoryStorage())

    async def attempt(self, account: str, address: str) -> None:
        """Count one try. An account that does not exist is counted like one that does.

        Raises:
            Problem: 429.
        """
        if not await self._hit(_ADDRESS, "login-address", address):
            raise _too_many()
        if not await self._hit(_ACCOUNT, "login-account", account):
            raise _too_many()

    async def succeeded(self, account: str) -> None:
        """Forget the tries of an account: it was its owner."""
        await self._count(lambda limiter: limiter.clear(_ACCOUNT, "login-account", account))

    async def _hit(self, item: RateLimitItem, kind: str, name: str) -> bool:
        return await self._count(lambda limiter: limiter.hit(item, kind, name))

    async def _count(self, do: Callable[[MovingWindowRateLimiter], Awaitable[T]]) -> T:
        try:
            return await do(self._limiter)
        except StorageError as error:
            # Nobody is locked out because a counter is away; each replica then counts for itself.
            log.warning("tries are counted in this process, their storage does not answer: %s", error.storage_error)
            return await do(self._spare)


def _too_many() -> Problem:
    detail = f"too many tries; wait up to {WINDOW_MINUTES} minutes, or ask an administrator for a new link"
    return Problem(429, "too_many_tries", detail, headers={"Retry-After": str(WINDOW_MINUTES * 60)})
