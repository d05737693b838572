"""Request rates: an exact moving window for each key, each link and each address."""

import time
from dataclasses import dataclass
from math import ceil

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from processors.gateway.config import Policy
from processors.gateway.edge.problems import Problem


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


class RateLimits:
    """Counts requests in this process. Requests that are refused do not count, so waiting always helps."""

    def __init__(self, policy: Policy) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._key = RateLimitItemPerMinute(policy.requests_per_minute)
        self._page = RateLimitItemPerMinute(policy.page_requests_per_minute)

    async def key(self, key_id: str, per_minute: int | None = None) -> Allowance:
        """Count a request of an API key or a user; ``per_minute`` is its own limit, if it has one.

        Raises:
            Problem: 429, with ``Retry-After``.
        """
        own = self._key if per_minute is None else RateLimitItemPerMinute(per_minute)
        return await self._hit(own, "key", key_id)

    async def page(self, ticket_id: str) -> Allowance:
        """Count a request for a customer's page of one ticket; raises as :meth:`key` does."""
        return await self._hit(self._page, "page", ticket_id)

    async def address(self, token: str) -> Allowance:
        """Count a request for one signed address of a stored object; raises as :meth:`key` does."""
        return await self._hit(self._key, "address", token)

    async def stranger(self, address: str) -> Allowance:
        """Count a request without a good key or link; raises as :meth:`key` does."""
        return await self._hit(self._page, "stranger", address)

    async def _hit(self, item: RateLimitItemPerMinute, kind: str, name: str) -> Allowance:
        admitted = await self._limiter.hit(item, kind, name)
        stats = await self._limiter.get_window_stats(item, kind, name)
        reset_s = min(60, max(1, ceil(stats.reset_time - time.time())))
        allowance = Allowance(item.amount, max(0, stats.remaining), reset_s)
        if not admitted:
            headers = allowance.headers() | {"Retry-After": str(reset_s)}
            detail = f"more than {item.amount} requests in a minute; try again in {reset_s} s"
            raise Problem(429, "rate_limited", detail, headers=headers)
        return allowance
