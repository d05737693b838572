"""Processes of a benchmark or a live test: started, frozen, killed, and stopped by their own process id."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.errors import Transient

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 15.0


def cpu_s(pid: int) -> float | None:
    """Return the processor time a process took so far, user and system, in seconds; None where /proc is missing."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Node:
    """A process that may be killed and started again; what it prints goes to a file in ``home``."""

    name: str
    home: Path
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    lifeline: bool = False
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; whether it is ready is asked over its port, or by what it prints.

        With ``lifeline`` its standard input stays open as long as this process lives: programs of ours end with it.
        """
        # The environment is inherited; ``env`` adds to it and becomes the program, under the same process id.
        command = ["env", *(f"{name}={value}" for name, value in self.environment.items()), *self.command]
        with self.log.open("ab") as log:
            stdin = subprocess.PIPE if self.lifeline else subprocess.DEVNULL
            self.process = subprocess.Popen(command, stdin=stdin, stdout=log, stderr=log)  # noqa: S603 - our own words

    @property
    def pid(self) -> int:
        """The process id of the last start."""
        assert self.process is not None
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._gone()

    def stop(self) -> None:
        """Stop it with SIGTERM, or SIGKILL when that takes too long."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._gone()

    def signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        assert self.process is not None
        self.process.send_signal(number)

    def _gone(self) -> None:
        assert self.process is not None
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def cpu_s(self) -> float | None:
        """Return the processor time it took so far, user and system, in seconds; None where /proc is missing."""
        return cpu_s(self.pid)

    def rss_mb(self) -> float | None:
        """Return the memory it occupies, in MB (10^6 bytes); None where /proc is missing."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except OSError:
            return None
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def has_said(self, line: str) -> bool:
        """Whether a line that it printed starts with ``line``."""
        return any(one.startswith(line) for one in self.log.read_text(errors="replace").splitlines())

    @property
    def log(self) -> Path:
        """The file that holds what it prints."""
        return self.home / f"{self.name}.log"

    def await_ready(self, what: str, ready: Callable[[], bool]) -> None:
        """Return when ``ready`` says so.

        Raises:
            Transient: the process ended, or was silent for too long; the message holds its last words.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not ready():
            assert self.process is not None
            if self.process.poll() is not None:
                raise Transient(f"{what}: {self.name} ended with {self.process.returncode}; {self.said()}")
            if time.monotonic() > deadline:
                raise Transient(f"{what}: {self.name} is not ready after {READY_WITHIN_S:.0f} s; {self.said()}")
            time.sleep(0.1)

    def await_end(self) -> None:
        """Return when it has done its work.

        Raises:
            Transient: it failed; the message holds its last words.
        """
        assert self.process is not None
        if self.process.wait(READY_WITHIN_S) != 0:
            raise Transient(f"{self.name} ended with {self.process.returncode}; {self.said()}")

    def said(self) -> str:
        """Return the last lines that it printed."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(["it said:", *lines[-20:]])
