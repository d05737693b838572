"""Work in processes of its own."""

import os
import resource
import sys
import threading

import pytest

from connectors.errors import Permanent
from connectors.processes.pool import Processes, WorkCrashed, WorkFailed, WorkTooSlow

WORDS = {"over": "3 files", "instead": "give one"}


def prepared() -> None:
    os.environ["PREPARED_FOR_WORK"] = "yes"


def asked() -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("PREPARED_FOR_WORK")


def dies() -> None:
    os._exit(1)


def waits_for_ever() -> None:
    threading.Event().wait()


def raises(text: str) -> None:
    raise ValueError(text)


def takes(size: int) -> int:
    return len(bytearray(size))


async def test_work_is_done_elsewhere_and_a_killed_process_is_replaced() -> None:
    processes = Processes(prepare=prepared)
    try:
        first, was_prepared = await processes.run(asked, **WORDS)
        assert (first != os.getpid(), was_prepared) == (True, "yes")
        assert processes._pool is not None
        [child] = processes._pool._processes.values()
        child.kill()
        child.join()
        second, was_prepared = await processes.run(asked, **WORDS)
        assert (second not in {first, os.getpid()}, was_prepared) == (True, "yes")
        with pytest.raises(ValueError, match="as it was said"):
            await processes.run(raises, "as it was said", **WORDS)
    finally:
        processes.close()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


async def test_work_that_never_ends_is_given_up_for_good_and_its_process_is_killed() -> None:
    processes = Processes(limit_s=0.2)
    try:
        with pytest.raises(WorkTooSlow, match=r"3 files took more than 0\.2 s; give one") as refused:
            await processes.run(waits_for_ever, **WORDS)
        assert isinstance(refused.value, Permanent)
        assert processes._pool is None
    finally:
        processes.close()


async def test_work_that_kills_its_process_twice_fails_and_other_work_goes_on() -> None:
    processes = Processes()
    try:
        with pytest.raises(WorkCrashed, match="the process died twice over 3 files; give one") as refused:
            await processes.run(dies, **WORDS)
        assert isinstance(refused.value, WorkFailed)
        assert await processes.run(takes, 10, **WORDS) == 10
    finally:
        processes.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a limit of addresses")
async def test_work_gets_no_more_memory_than_it_is_given() -> None:
    processes = Processes(most_memory_bytes=1 << 30)
    try:
        assert await processes.run(resource.getrlimit, resource.RLIMIT_AS, **WORDS) == (1 << 30, resource.RLIM_INFINITY)
        with pytest.raises(MemoryError):
            await processes.run(takes, 2 << 30, **WORDS)
        assert await processes.run(takes, 10, **WORDS) == 10
    finally:
        processes.close()
