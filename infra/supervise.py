"""The supervisor: child processes that are started in order, restarted when they die, and stopped by their own pid."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

PIPE_CLOSES_WITHIN_S = 2.0
READY = "ready"
"""What a child prints on its standard output, alone at the start of a line, when it can do its work."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """A program: ``arguments`` follow the interpreter. It is ready when it prints a line that starts with READY, or,
    with ``http_probe``, when that address answers 200, or, with ``port_probe``, when that port accepts."""

    name: str
    arguments: tuple[str, ...]
    http_probe: str | None = None
    port_probe: int | None = None
    ready_within_s: float = 60.0
    stop_within_s: float = 10.0


@dataclass(slots=True)
class _Running:
    spec: ChildSpec
    process: asyncio.subprocess.Process | None = None
    watcher: asyncio.Task[None] | None = None
    probe: asyncio.Task[None] | None = None
    logger: asyncio.Task[None] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0


class ChildFailedError(RuntimeError):
    """A child could not be started. The message holds the end of what it printed."""


class Supervisor:
    """Keeps a set of children running. Their output goes to one log file each in ``log_dir``."""

    def __init__(self, log_dir: Path, environment: Mapping[str, str]) -> None:
        self._log_dir = log_dir
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._children: dict[str, _Running] = {}
        self._stopping = False

    async def start(self, spec: ChildSpec) -> None:
        """Start a child and wait until it is ready.

        Raises:
            ChildFailedError: it ended or stayed silent.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        running = self._children[spec.name] = _Running(spec)
        await self._spawn(running)
        assert running.process is not None
        ended = asyncio.create_task(_exit(running.process))
        ready = asyncio.create_task(running.ready.wait())
        try:
            await asyncio.wait({ended, ready}, timeout=spec.ready_within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ended, ready):
                task.cancel()
        if not running.ready.is_set():
            await self.stop(spec.name)
            raise ChildFailedError(f"{spec.name} did not become ready; it said:\n{self._tail(spec.name)}")
        running.watcher = asyncio.create_task(self._watch(running), name=f"watch-{spec.name}")

    async def stop(self, name: str) -> None:
        """Stop one child: SIGTERM, its ``stop_within_s``, SIGKILL; then whatever it leaves behind."""
        running = self._children.pop(name, None)
        if running is None:
            return
        tasks = [task for task in (running.watcher, running.probe) if task is not None]
        for task in tasks:
            task.cancel()
        # A restart that is under way must be over before the process to end is known.
        await asyncio.gather(*tasks, return_exceptions=True)
        await _end(running)

    async def stop_all(self) -> None:
        """Stop all children, the last started first."""
        self._stopping = True
        for name in reversed(list(self._children)):
            await self.stop(name)

    def kill(self, name: str) -> None:
        """Kill a child with SIGKILL; the supervisor starts it again."""
        running = self._children[name]
        if running.process is not None and running.process.returncode is None:
            running.process.kill()
            running.ready.clear()

    async def wait_ready(self, name: str) -> None:
        """Wait until a child, restarted perhaps, is ready."""
        await self._children[name].ready.wait()

    def pid(self, name: str) -> int | None:
        """Return the process id of a child."""
        process = self._children[name].process
        return process.pid if process is not None else None

    def restarts(self) -> dict[str, int]:
        """Return how often each child was started again."""
        return {name: running.restarts for name, running in self._children.items()}

    async def _spawn(self, running: _Running) -> None:
        running.ready.clear()
        running.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *running.spec.arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment,
            # Ctrl-C reaches the supervisor alone, which then stops the children in order. It also makes the child
            # the head of a process group, by which those that it leaves behind are found.
            start_new_session=True,
        )
        running.logger = asyncio.create_task(self._log(running, running.process), name=f"log-{running.spec.name}")
        if running.spec.http_probe or running.spec.port_probe:
            running.probe = asyncio.create_task(_probe(running))

    async def _log(self, running: _Running, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with (self._log_dir / f"{running.spec.name}.log").open("ab", buffering=0) as file:
            rest = b""
            while chunk := await process.stdout.read(65_536):
                file.write(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                rest = rest[: len(READY)]
                if any(line.startswith(READY.encode()) for line in lines) and process is running.process:
                    running.ready.set()

    async def _watch(self, running: _Running) -> None:
        pause = 0.1
        while not self._stopping:
            assert running.process is not None
            started = asyncio.get_running_loop().time()
            code = await _exit(running.process)
            if self._stopping:
                return
            running.ready.clear()
            _sweep(running.process)
            if asyncio.get_running_loop().time() - started > 30:
                pause = 0.1
            log.warning("%s ended with %s, starting it again in %.1f s", running.spec.name, code, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10.0)
            running.restarts += 1
            await self._spawn(running)

    def _tail(self, name: str) -> str:
        path = self._log_dir / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-15:]) if path.exists() else "(nothing)"


async def _probe(running: _Running) -> None:
    while running.process is not None and running.process.returncode is None:
        try:
            if await _answers(running.spec):
                running.ready.set()
                return
        except (OSError, EOFError):
            pass
        await asyncio.sleep(0.05)


async def _answers(spec: ChildSpec) -> bool:
    target = urlsplit(spec.http_probe) if spec.http_probe else None
    port = target.port if target else spec.port_probe
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if target is None:
            return True
        writer.write(f"GET {target.path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        await writer.drain()
        status = await asyncio.wait_for(reader.readline(), 2)
        return b" 200" in status
    except TimeoutError:
        return False
    finally:
        writer.close()


async def _exit(process: asyncio.subprocess.Process) -> int:
    """Return the exit status once the process has ended.

    ``Process.wait`` will not do: before Python 3.12 it also waits until nobody holds the output pipe any more, and a
    process that a killed child leaves behind holds it for ever.
    """
    while process.returncode is None:  # noqa: ASYNC110 - there is no event for it, see above
        await asyncio.sleep(0.05)
    return process.returncode


def _sweep(process: asyncio.subprocess.Process) -> None:
    """Kill what a child that has ended left behind: a pool's processes do not notice that their parent was killed."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _end(running: _Running) -> None:
    process = running.process
    if process is None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(_exit(process), running.spec.stop_within_s)
    except TimeoutError:
        process.kill()
        await _exit(process)
    _sweep(process)
    if process.stdin is not None:
        process.stdin.close()
    if running.logger is not None:
        await asyncio.wait({running.logger}, timeout=PIPE_CLOSES_WITHIN_S)


def free_ports(count: int) -> Sequence[int]:
    """Return ports on the loopback interface that nobody listens on at this moment."""
    import socket

    sockets = []
    for _ in range(count):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        one.bind(("127.0.0.1", 0))
        sockets.append(one)
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
