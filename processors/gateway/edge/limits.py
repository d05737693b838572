"""Request rates: an exact moving window for each key, each link and each address; a counter where there are many.

Where the counts lie is a setting, ``NOIZYLAB_LIMITS_URL``, as the ``limits`` library names its storages. The default,
``memory://``, counts in this process: behind N replicas a caller then has up to N times its rate. Tries of passwords
(``throttle.py``) and nonces of signed calls (``nonces.py``) lie there too.
"""

import logging
import time
from dataclasses import dataclass
from math import ceil
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from connectors.errors import Misconfigured
from processors.gateway.config import Policy
from processors.gateway.edge.problems import Problem

log = logging.getLogger(__name__)

IN_MEMORY: Final = "memory://"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a window. Field names follow draft-ietf-httpapi-ratelimit-headers."""

    quota: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Return the allowance as response headers."""
        return {
            "RateLimit-Policy": f'"minute";q={self.quota};w=60',
            "RateLimit": f'"minute";r={self.remaining};t={self.reset_s}',
        }


@dataclass(frozen=True, slots=True)
class _Counting:
    """Both ways to count, on one storage.

    ``exact`` holds the time of every request and never admits one too many. ``rough`` holds two numbers and may
    admit up to half as many again for a moment: for limits of thousands, where exact would hold thousands of times.
    """

    exact: RateLimiter
    rough: RateLimiter

    @classmethod
    def on(cls, storage: Storage) -> "_Counting":
        return cls(MovingWindowRateLimiter(storage), SlidingWindowCounterRateLimiter(storage))


class RateLimits:
    """Counts requests. Those that are refused do not count, so waiting always helps."""

    def __init__(self, policy: Policy, storage_url: str = IN_MEMORY) -> None:
        self._policy = policy
        self._counting = _Counting.on(open_storage(storage_url))
        self._spare = _Counting.on(MemoryStorage())

    async def check(self) -> None:
        """Look at the storage once, before anybody asks. One that is away may come back.

        Raises:
            Misconfigured: its client library does not work with ours; at each request it would be an error 500.
        """
        try:
            await self._counting.exact.test(RateLimitItemPerMinute(1), "check")
        except StorageError as error:
            log.warning("the storage of rates does not answer: %s", error.storage_error)
        except Exception as error:
            raise Misconfigured(
                f"NOIZYLAB_LIMITS_URL cannot be used, its client fails ({type(error).__name__}: {error}); install the "
                "version that the limits package asks for, for Redis: limits[async-redis]"
            ) from error

    async def key(self, key_id: str, per_minute: int | None = None) -> Allowance:
        """Count a request of an API key or a person; ``per_minute`` is its own limit, None the usual one.

        Raises:
            Problem: 429, with ``Retry-After``.
        """
        return await self._hit(per_minute or self._policy.requests_per_minute, "key", key_id)

    async def bulk(self, key_id: str, items: int) -> Allowance:
        """Count what one request does to many things, by their number; raises as :meth:`key` does."""
        return await self._hit(self._policy.bulk_items_per_minute, "bulk", key_id, exact=False, cost=items)

    async def page(self, ticket_id: str) -> Allowance:
        """Count a request for a customer's page of one ticket; raises as :meth:`key` does."""
        return await self._hit(self._policy.page_requests_per_minute, "page", ticket_id)

    async def address(self, token: str) -> Allowance:
        """Count a request for one signed address of a stored object; raises as :meth:`key` does.

        A player asks for a film in hundreds of ranges, and there are as many addresses as objects: counted roughly.
        """
        return await self._hit(self._policy.requests_per_minute, "address", token, exact=False)

    async def stranger(self, address: str) -> Allowance:
        """Count a request without a good key or link; raises as :meth:`key` does."""
        return await self._hit(self._policy.page_requests_per_minute, "stranger", address)

    async def _hit(self, per_minute: int, kind: str, name: str, *, exact: bool = True, cost: int = 1) -> Allowance:
        item = RateLimitItemPerMinute(per_minute)
        try:
            admitted, allowance = await _count(self._counting, item, kind, name, exact=exact, cost=cost)
        except StorageError as error:
            # A shop does not close because a counter is away; each replica then counts for itself.
            log.warning("rates are counted in this process, their storage does not answer: %s", error.storage_error)
            admitted, allowance = await _count(self._spare, item, kind, name, exact=exact, cost=cost)
        if not admitted:
            headers = allowance.headers() | {"Retry-After": str(allowance.reset_s)}
            detail = f"more than {per_minute} {_WHAT.get(kind, 'requests')} in a minute; "
            raise Problem(429, "rate_limited", f"{detail}try again in {allowance.reset_s} s", headers=headers)
        return allowance


_WHAT: Final = {"bulk": "items"}


async def _count(
    counting: _Counting, item: RateLimitItem, kind: str, name: str, *, exact: bool, cost: int
) -> tuple[bool, Allowance]:
    limiter = counting.exact if exact else counting.rough
    # The limit is part of the name: a key whose limit is changed starts a new window and keeps no old count.
    admitted = await limiter.hit(item, kind, name, cost=cost)
    stats = await limiter.get_window_stats(item, kind, name)
    reset_s = min(60, max(1, ceil(stats.reset_time - time.time())))
    return admitted, Allowance(item.amount, max(0, stats.remaining), reset_s)


def open_storage(url: str) -> Storage:
    """Return the storage behind a URL, with its errors made ``StorageError``.

    Raises:
        Misconfigured: no such storage, or its client library is not installed.
    """
    try:
        storage = storage_from_string(f"async+{url}", wrap_exceptions=True)
    except (ConfigurationError, ImportError) as error:
        raise Misconfigured(
            f"NOIZYLAB_LIMITS_URL {url.partition('://')[0]}://... cannot be used ({error}); install its client as the "
            "limits package names it, for Redis limits[async-redis], or unset it to count in memory"
        ) from error
    assert isinstance(storage, Storage)
    return storage
