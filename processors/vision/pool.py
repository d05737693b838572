"""Inspections in processes of their own: a picture is seconds of CPU, and a decoder may crash on a hostile file."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2

from connectors.errors import Permanent
from processors.vision.config import Policy
from processors.vision.inspect import Inspection, inspect
from processors.vision.references import Reference


class InspectionFailed(Permanent):
    """These photos cannot be inspected by this engine; the same photos would fail again."""


class InspectionTooSlow(InspectionFailed):
    """An inspection ran past its limit."""


class InspectionCrashed(InspectionFailed):
    """The inspecting process died twice over the same photos."""


class Inspector:
    """Runs inspections, at most ``processes`` at a time, each on one core and within ``limit_s``."""

    def __init__(self, processes: int = 1, *, limit_s: float = 60.0, policy: Policy | None = None) -> None:
        self._processes = processes
        self._limit_s = limit_s
        self._policy = policy or Policy()
        self._turn = asyncio.Semaphore(processes)
        self._pool: ProcessPoolExecutor | None = None

    async def inspect(self, photos: Sequence[bytes | None], golden: bytes | Sequence[Reference] | None) -> Inspection:
        """Inspect in a process; a process that died is replaced, and the inspection tried once more.

        Raises:
            InspectionCrashed: it died twice.
            InspectionTooSlow: no answer within the limit.
        """
        async with self._turn:
            for _ in range(2):
                pool = self._ready()
                try:
                    return await self._run(pool, photos, golden)
                except BrokenProcessPool:
                    self._discard(pool)
        raise InspectionCrashed("the inspecting process died twice over these photos; inspect the board by eye")

    async def _run(
        self,
        pool: ProcessPoolExecutor,
        photos: Sequence[bytes | None],
        golden: bytes | Sequence[Reference] | None,
    ) -> Inspection:
        future = asyncio.get_running_loop().run_in_executor(pool, inspect, tuple(photos), golden, self._policy)
        try:
            async with asyncio.timeout(self._limit_s):
                return await future
        except TimeoutError:
            self._discard(pool)
            size = sum(len(photo) for photo in photos if photo)
            raise InspectionTooSlow(
                f"{len(photos)} photos ({size} bytes) took more than {self._limit_s:g} s; send fewer or smaller ones"
            ) from None

    def close(self) -> None:
        """Stop the processes. Inspections under way fail."""
        if self._pool is not None:
            self._discard(self._pool)

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: OpenCV's and the event loop's threads do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, mp_context=context, initializer=_settle)
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Kill the pool's processes; a busy one would otherwise work on to the end of its picture."""
        if self._pool is pool:
            self._pool = None
        children = list((pool._processes or {}).values())
        for child in children:
            child.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """Make a child use one core, give way to the event loops, and leave the keyboard's interrupt to its parent."""
    cv2.setNumThreads(1)
    os.nice(10)
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """Leave when the parent is gone: a killed worker must not leave children behind that hold its memory and pipes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
