"""``noizylab up`` with names: what starts, what comes back, what it leaves behind."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from infra.supervise import free_ports
from tests.connectors.bus.test_engine import until
from tests.infra.test_worker import broker_process, process, said


def _status(url: str) -> int | None:
    try:
        with urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return None


async def answers(url: str, status: int | None) -> bool:
    return await asyncio.to_thread(_status, url) == status


def edge_of(parent: int) -> int | None:
    """The process id of the HTTP server that a process runs."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            mother = int((place / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if mother == parent and b"infra.web" in words:
            return int(place.name)
    return None


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="process ids are read from /proc")
async def test_up_gateway_serves_comes_back_when_killed_and_leaves_nothing(tmp_path: Path) -> None:
    port, http = free_ports(2)
    settings = {
        "NOIZYLAB_HOME": str(tmp_path),
        "NOIZYLAB_BROKER_PORT": str(port),
        "NOIZYLAB_GATEWAY_PORT": str(http),
        "NOIZYLAB_METRICS_PORT": "0",
        "NOIZYLAB_GATEWAY_METRICS_PORT": "0",
    }
    ready, alive = f"http://127.0.0.1:{http}/readyz", f"http://127.0.0.1:{http}/healthz"
    async with (
        broker_process(tmp_path, port),
        process("infra.cli", "up", "gateway", **settings) as up,
    ):
        await said(up, "gateway at")
        assert await answers(ready, 200)
        first = edge_of(up.pid)
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: edge_of(up.pid) not in {None, first})
        await asyncio.wait_for(_until_answers(ready), 20)
        up.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(up.wait(), 20) == 0
        assert await answers(alive, None)


async def _until_answers(url: str) -> None:
    while not await answers(url, 200):
        await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_up_gateway_says_why_it_cannot_serve(tmp_path: Path) -> None:
    port, http = free_ports(2)
    settings = {
        "NOIZYLAB_HOME": str(tmp_path),
        "NOIZYLAB_BROKER_PORT": str(port),
        "NOIZYLAB_GATEWAY_PORT": str(http),
        "NOIZYLAB_METRICS_PORT": "0",
    }
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", http)
    async with (
        taken,
        broker_process(tmp_path, port),
        process("infra.cli", "up", "gateway", **settings) as up,
    ):
        assert await asyncio.wait_for(up.wait(), 30) == 1
