"""Waiting for a warehouse that is away, without end: the caller holds on to its rows and fetches no more."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from connectors.errors import Transient
from processors.analytics.metrics import SinkCounts

log = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 0.1, 5.0
T = TypeVar("T")


async def stubbornly(call: Callable[[], Awaitable[T]], counts: SinkCounts) -> T:
    """Make a call again and again until it goes through, or fails for another reason than weather."""
    pause = FIRST_RETRY_S
    while True:
        try:
            return await call()
        except Transient as error:
            counts.retries += 1
            log.warning("the warehouse is away, trying again in %.1f s: %s", pause, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_RETRY_S)
