"""Work in processes of its own: seconds of CPU leave the event loop alone, and a hostile file harms only a child."""

import asyncio
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from connectors.errors import Permanent

MOST_MEMORY_BYTES = 4 << 30
"""Of addresses in a process, most of which are never used; a file that would take more is a trap."""
_TRIES = 2
T = TypeVar("T")


class WorkFailed(Permanent):
    """This work cannot be done; the same work would fail again."""


class WorkTooSlow(WorkFailed):
    """The work ran past its limit."""


class WorkCrashed(WorkFailed):
    """The process died twice over the same work."""


class Processes:
    """Runs functions in at most ``processes`` children, each with one task at a time, within ``limit_s`` seconds.

    ``prepare`` runs first in every child. Functions, what they take and what they give must be picklable.
    """

    def __init__(
        self,
        processes: int = 1,
        *,
        limit_s: float = 60.0,
        most_memory_bytes: int = MOST_MEMORY_BYTES,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._processes, self._limit_s = processes, limit_s
        self._settings = (most_memory_bytes, prepare)
        self._turn = asyncio.Semaphore(processes)
        self._pool: ProcessPoolExecutor | None = None

    async def run(self, work: Callable[..., T], *given: object, over: str, instead: str) -> T:
        """Return ``work(*given)``; a process that died is replaced, and the work tried once more.

        ``over`` says what is worked on and ``instead`` what to do where it fails: both go into the error's words.

        Raises:
            WorkCrashed: the process died twice.
            WorkTooSlow: no answer within the limit.
            Exception: what ``work`` raises.
        """
        async with self._turn:
            for _ in range(_TRIES):
                pool = self._ready()
                try:
                    async with asyncio.timeout(self._limit_s):
                        return await asyncio.get_running_loop().run_in_executor(pool, work, *given)
                except BrokenProcessPool:
                    self._discard(pool)
                except TimeoutError:
                    self._discard(pool)
                    raise WorkTooSlow(f"{over} took more than {self._limit_s:g} s; {instead}") from None
        raise WorkCrashed(f"the process died twice over {over}; {instead}")

    def close(self) -> None:
        """Stop the processes. Work under way fails."""
        if self._pool is not None:
            self._discard(self._pool)

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: the threads of the event loop and of OpenCV do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                self._processes, mp_context=context, initializer=_settle, initargs=self._settings
            )
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Kill the pool's processes; a busy one would otherwise work on to the end."""
        if self._pool is pool:
            self._pool = None
        children = list((pool._processes or {}).values())
        for child in children:
            child.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _settle(most_memory_bytes: int, prepare: Callable[[], None] | None) -> None:
    """Give way to the event loops, take no more memory than is given, and end with the parent, not with a key press."""
    os.nice(10)
    if sys.platform == "linux":  # elsewhere the limit is not kept, or refused
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most_memory_bytes, hard))
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()


def _end_with_parent() -> None:
    """Leave when the parent is gone: a killed worker must not leave children behind that hold its memory and pipes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
