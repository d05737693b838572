"""Doing one thing for many items: some side by side, results as they come, and no further when it cannot go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from connectors.errors import Transient

T = TypeVar("T")
Result = dict[str, Any]


async def results_of(
    items: Sequence[T],
    work: Callable[[T], Awaitable[Result]],
    *,
    failed: Callable[[T], Result],
    at_once: int,
) -> AsyncIterator[Result]:
    """Yield what ``work`` says about each item, in the order in which they are finished.

    Where it raises ``Transient`` once, what is behind the edge is away: the items not begun yet are ``failed`` without
    a try, so that the caller does not wait for every one of them.
    """
    waiting = list(reversed(items))
    at_work: dict[asyncio.Task[Result], T] = {}
    away = False
    try:
        while waiting or at_work:
            while waiting and len(at_work) < at_once and not away:
                item = waiting.pop()
                at_work[asyncio.ensure_future(work(item))] = item
            if not at_work:
                yield failed(waiting.pop())
                continue
            finished, _ = await asyncio.wait(at_work, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                item = at_work.pop(task)
                try:
                    yield task.result()
                except Transient:
                    away = True
                    yield failed(item)
    finally:
        for task in at_work:
            task.cancel()
