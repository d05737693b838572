"""Files read in a process of its own: a large board is seconds of CPU, and a file may be made to do harm."""

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from connectors.errors import Permanent
from processors.schematics.summary import Summary, analyse

MOST_MEMORY_BYTES = 4 << 30
"""Of addresses, most of which are never used. The largest board that was tried needs 0.3 GB; a file may be a trap."""


class AnalysisFailed(Permanent):
    """These files cannot be analysed by this engine; the same files would fail again."""


class AnalysisTooSlow(AnalysisFailed):
    """An analysis ran past its limit."""


class AnalysisCrashed(AnalysisFailed):
    """The reading process died twice over the same files."""


class Analyst:
    """Reads the files of one project after the other, each within ``limit_s``."""

    def __init__(self, limit_s: float = 60.0) -> None:
        self._limit_s = limit_s
        self._turn = asyncio.Semaphore(1)
        self._pool: ProcessPoolExecutor | None = None

    async def analyse(self, files: Mapping[str, bytes]) -> tuple[Summary, bytes]:
        """Read in a process; one that died is replaced, and the files are tried once more.

        Raises:
            DesignError: the files cannot be read as one design.
            AnalysisCrashed: the process died twice.
            AnalysisTooSlow: no answer within the limit.
        """
        async with self._turn:
            for _ in range(2):
                pool = self._ready()
                try:
                    async with asyncio.timeout(self._limit_s):
                        return await asyncio.get_running_loop().run_in_executor(pool, analyse, dict(files))
                except BrokenProcessPool:
                    self._discard(pool)
                except TimeoutError:
                    self._discard(pool)
                    size = sum(map(len, files.values()))
                    raise AnalysisTooSlow(
                        f"{len(files)} files ({size} bytes) took more than {self._limit_s:g} s; give the board alone"
                    ) from None
        raise AnalysisCrashed("the reading process died twice over these files; leave out what is no design file")

    def close(self) -> None:
        """Stop the process. An analysis under way fails."""
        if self._pool is not None:
            self._discard(self._pool)

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            # Spawned, not forked: the event loop's threads do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_settle)
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Kill the process; a busy one would otherwise read on to the end of its file."""
        if self._pool is pool:
            self._pool = None
        children = list((pool._processes or {}).values())
        for child in children:
            child.kill()
        pool.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """Give way to the event loops, take no more memory than is given, and end with the parent, not with a key press."""
    os.nice(10)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, hard))
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _end_with_parent() -> None:
    """Leave when the parent is gone: a killed worker must not leave a child behind that holds its memory and pipes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
