"""The embedded ClickHouse: the engine of the chdb-core wheel as a loopback server in a child process."""

import asyncio
import base64
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.clickhouse.layout import (
    ADMIN,
    DATABASE,
    DEFAULT_MEMORY_LIMIT_BYTES,
    StoreError,
    claim,
    engine_version,
    load_passwords,
)

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.02
PROJECT_ROOT = Path(__file__).resolve().parents[2]


class EmbeddedClickHouse:
    """A ClickHouse server of our own on 127.0.0.1, owning ``data_dir``; a port of 0 picks a free one at the start.

    ``passwords`` sets passwords by user name; the others are made at the first start and kept in
    ``data_dir/secrets.json``. One process may own a directory at a time; any number of clients may connect.
    """

    def __init__(
        self,
        data_dir: Path,
        http_port: int = 0,
        tcp_port: int = 0,
        *,
        passwords: Mapping[str, str] | None = None,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.http_port = http_port
        self.tcp_port = tcp_port
        self.passwords: dict[str, str] = {}
        self._given = dict(passwords or {})
        self._memory_limit_bytes = memory_limit_bytes
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id, None before the start and after the stop."""
        return None if self._process is None else self._process.pid

    @property
    def url(self) -> str:
        """The address of the HTTP interface."""
        return f"http://127.0.0.1:{self.http_port}"

    async def start(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start the server, wait until it answers, and make the database when it is missing.

        Raises:
            NewerDataError: a newer engine wrote the data.
            StoreError: the server is running already, or did not come up; the message holds its last words.
        """
        if self.alive:
            raise StoreError(f"the server on {self.data_dir} is running already (process {self.pid})")
        claim(self.data_dir, engine_version())
        self.passwords = load_passwords(self.data_dir, self._given)
        self.http_port = self.http_port or _free_port()
        self.tcp_port = self.tcp_port or _free_port()
        self._process = self._spawn()
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_until_ready()
        except TimeoutError:
            await self.stop()
            raise StoreError(f"no answer from {self.url} in {timeout_s:.0f} s. {self._last_words()}") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop the server; harmless when it does not run. Rows it has acknowledged are kept."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.to_thread(process.wait, timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            await asyncio.to_thread(process.wait)

    def kill(self) -> None:
        """End the server with SIGKILL and wait until it is gone: for tests and benchmarks of what a crash leaves."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "infra.clickhouse", "--data", str(self.data_dir)]
        command += ["--http-port", str(self.http_port), "--tcp-port", str(self.tcp_port)]
        command += ["--memory-limit-bytes", str(self._memory_limit_bytes)]
        with (self.data_dir / "server.log").open("wb") as log:
            # No shell, and every argument is ours.
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=PROJECT_ROOT)  # noqa: S603

    async def _wait_until_ready(self) -> None:
        while True:
            if not self.alive:
                raise StoreError(f"the server on {self.data_dir} ended at once. {self._last_words()}")
            # Only our own server knows the password, so an answer cannot come from another one on the port.
            if await self._ask("SELECT 1") == b"1\n":
                break
            await asyncio.sleep(POLL_INTERVAL_S)
        # The database must be there before any client can name it; all else is the migrations' business.
        await self._ask(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")

    async def _ask(self, sql: str) -> bytes | None:
        """Return the body of a good answer, None while there is none. A client library would cost its import."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.http_port)
        except OSError:
            return None
        try:
            credentials = base64.b64encode(f"{ADMIN}:{self.passwords[ADMIN]}".encode()).decode()
            head_lines = f"POST / HTTP/1.0\r\nAuthorization: Basic {credentials}\r\nContent-Length: {len(sql)}\r\n\r\n"
            writer.write((head_lines + sql).encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            return body if head.split(b" ")[1:2] == [b"200"] else None
        except OSError:
            return None
        finally:
            writer.close()

    def _last_words(self) -> str:
        text = (self.data_dir / "server.log").read_text(encoding="utf-8", errors="replace").strip()
        return f"It said: {text[-800:]}" if text else "It said nothing."


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
