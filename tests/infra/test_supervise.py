"""The supervisor over real child processes, each a few lines of Python."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from infra.supervise import ChildFailedError, ChildSpec, Supervisor, free_ports

STAYS = "print('ready', flush=True)\nimport time\ntime.sleep(600)"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAYS
SAYS_GOODBYE = """
import signal, sys
def leave(*_):
    with open(sys.argv[2], "a") as file:
        file.write(sys.argv[1])
    sys.exit()
signal.signal(signal.SIGTERM, leave)
print("ready", flush=True)
signal.pause()
"""
LEAVES_A_PROCESS = """
import subprocess, sys
held = open(sys.argv[1], "w")
import fcntl
fcntl.flock(held, fcntl.LOCK_EX)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(held.fileno(),))
held.close()
print("ready", flush=True)
import time
time.sleep(600)
"""
"""A lock that only the process left behind holds tells whether that one lives."""


def child(name: str, program: str, *arguments: str, **how: float) -> ChildSpec:
    return ChildSpec(name, ("-c", program, *arguments), **how)  # type: ignore[arg-type]  # limits in seconds


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    one = Supervisor(tmp_path / "logs", {"GREETING": "hello"})
    yield one
    await one.stop_all()


def lives(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def held(path: Path) -> bool:
    """Whether somebody holds the lock on a file."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def free(path: Path) -> None:
    """Return once nobody holds the lock on a file."""
    async with asyncio.timeout(10):
        while held(path):
            await asyncio.sleep(0.01)


async def test_waits_until_a_child_says_that_it_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(child("one", "import os\nprint('not yet', os.environ['GREETING'])\n" + STAYS))
    assert (tmp_path / "logs" / "one.log").read_text() == "not yet hello\nready\n"
    assert lives(supervisor.pid("one"))


async def test_waits_until_a_port_accepts_or_an_address_answers(supervisor: Supervisor) -> None:
    first, second = free_ports(2)
    serve = ("-m", "http.server", "--bind", "127.0.0.1")
    await supervisor.start(ChildSpec("port", (*serve, str(first)), port_probe=first))
    await supervisor.start(ChildSpec("http", (*serve, str(second)), http_probe=f"http://127.0.0.1:{second}/"))
    reader, writer = await asyncio.open_connection("127.0.0.1", second)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert b"200" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_starts_a_child_again_when_it_dies(supervisor: Supervisor) -> None:
    await supervisor.start(child("one", STAYS))
    before = supervisor.pid("one")
    supervisor.kill("one")
    await supervisor.wait_ready("one")
    assert supervisor.restarts() == {"one": 1}
    assert supervisor.pid("one") != before
    assert lives(supervisor.pid("one"))


async def test_starts_a_child_again_when_what_it_left_behind_holds_its_output(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    await supervisor.start(child("parent", LEAVES_A_PROCESS, str(lock)))
    assert held(lock)
    before = supervisor.pid("parent")
    supervisor.kill("parent")
    await asyncio.wait_for(supervisor.wait_ready("parent"), 10)
    assert supervisor.pid("parent") != before


async def test_leaves_no_process_of_a_child_behind_when_it_is_stopped(supervisor: Supervisor, tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    await supervisor.start(child("parent", LEAVES_A_PROCESS, str(lock)))
    await supervisor.stop("parent")
    await free(lock)


async def test_gives_the_last_words_of_a_child_that_ends_before_it_is_ready(supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match=r"(?s)one did not become ready; it said:.*ValueError: no such port"):
        await supervisor.start(child("one", "raise ValueError('no such port')"))
    assert supervisor.restarts() == {}


async def test_gives_up_on_a_child_that_never_becomes_ready(supervisor: Supervisor) -> None:
    with pytest.raises(ChildFailedError, match="it said:\nalmost"):
        await supervisor.start(child("one", STAYS.replace("ready", "almost"), ready_within_s=1.0))
    with pytest.raises(KeyError):
        supervisor.pid("one")


async def test_kills_a_child_that_does_not_listen(supervisor: Supervisor) -> None:
    await supervisor.start(child("one", DEAF, stop_within_s=0.1))
    pid = supervisor.pid("one")
    await supervisor.stop("one")
    assert not lives(pid)
    await supervisor.stop("one")


async def test_stops_the_last_started_first(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    for name in "abc":
        await supervisor.start(child(name, SAYS_GOODBYE, name, str(order)))
    await supervisor.stop_all()
    assert order.read_text() == "cba"


async def test_goes_on_logging_after_a_line_without_end(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(child("one", "print('x' * 300_000)\n" + STAYS))
    assert (tmp_path / "logs" / "one.log").stat().st_size == 300_001 + len("ready\n")


async def test_has_killed_children_wait_until_they_are_ready_again(supervisor: Supervisor) -> None:
    await supervisor.start(child("one", STAYS))
    supervisor.kill("one")
    with suppress(TimeoutError):
        await asyncio.wait_for(supervisor.wait_ready("one"), 0)
        pytest.fail("it was just killed")


def test_free_ports_are_all_different() -> None:
    assert len(set(free_ports(20))) == 20
