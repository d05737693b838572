"""How often a password, a code or a link may be tried: an exact moving window for each account and each address.

Counted where rates are, ``NOIZYLAB_LIMITS_URL``. By default, and while that storage is away, each process counts alone:
with N gateways behind one address a guesser then has N times as many tries, still far too few for a password of ten
characters.
"""

import logging

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

from processors.gateway.edge.limits import IN_MEMORY, open_storage
from processors.gateway.edge.problems import Problem

log = logging.getLogger(__name__)

WINDOW_MINUTES = 15
ACCOUNT_TRIES = 10
ADDRESS_TRIES = 100
"""A whole shop may sit behind one address."""


class Throttle:
    """Counts tries before they are checked, so that many at once cannot slip through."""

    def __init__(self, storage_url: str = IN_MEMORY) -> None:
        self._limiter = MovingWindowRateLimiter(open_storage(storage_url))
        self._spare = MovingWindowRateLimiter(MemoryStorage())
        self._account = RateLimitItemPerMinute(ACCOUNT_TRIES, WINDOW_MINUTES)
        self._address = RateLimitItemPerMinute(ADDRESS_TRIES, WINDOW_MINUTES)

    async def attempt(self, account: str, address: str) -> None:
        """Count one try. An account that does not exist is counted like one that does.

        Raises:
            Problem: 429.
        """
        if not await self._hit(self._address, "address", address):
            raise _too_many()
        if not await self._hit(self._account, "account", account):
            raise _too_many()

    async def succeeded(self, account: str) -> None:
        """Forget the tries of an account: it was its owner."""
        for limiter in (self._spare, self._limiter):
            try:
                await limiter.clear(self._account, "tries", "account", account)
            except StorageError as error:
                log.warning("tries of an account are not forgotten before their time: %s", error.storage_error)

    async def _hit(self, item: RateLimitItem, kind: str, name: str) -> bool:
        try:
            return await self._limiter.hit(item, "tries", kind, name)
        except StorageError as error:
            log.warning("tries are counted in this process, their storage does not answer: %s", error.storage_error)
            return await self._spare.hit(item, "tries", kind, name)


def _too_many() -> Problem:
    detail = f"too many tries; wait up to {WINDOW_MINUTES} minutes, or ask an administrator for a new link"
    return Problem(429, "too_many_tries", detail, headers={"Retry-After": str(WINDOW_MINUTES * 60)})
