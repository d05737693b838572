"""Worker processes: they end in time whatever the broker does, never write once replaced, and tell how they are."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from time import monotonic
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.bus.admin import apply_topics
from connectors.bus.app import App
from connectors.bus.cluster import Cluster
from connectors.bus.metrics import METRICS
from connectors.bus.publisher import KafkaPublisher
from connectors.bus.restore import LogReader
from infra.probe import probe
from infra.supervise import free_ports
from tests.connectors.bus.test_engine import make_app, submit, until, working
from topics.notifications import NOTIFICATION_EVENTS
from topics.registry import ALL


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A Python process of the house, ended by its own pid."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            running.send_signal(signal.SIGCONT)
            running.kill()
        await running.wait()


async def said(running: asyncio.subprocess.Process, what: str) -> str:
    """Wait for a line of a process that begins with ``what``."""
    assert running.stdout is not None
    while line := (await running.stdout.readline()).decode():
        if line.startswith(what):
            return line
    raise AssertionError(f"the process ended without saying {what!r}")


@asynccontextmanager
async def broker_process(path: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    async with process("infra.broker", "--path", str(path / "log.sqlite3"), "--port", str(port)) as broker:
        await said(broker, "listening")
        await apply_topics(Cluster(f"127.0.0.1:{port}"), ALL, replicas=1)
        yield broker


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [signal.SIGSTOP, signal.SIGKILL], ids=["frozen", "killed"])
async def test_ends_within_ten_seconds_of_sigterm_while_the_broker_is_gone(
    tmp_path: Path, trouble: signal.Signals
) -> None:
    port, metrics = free_ports(2)
    settings = {"NOIZYLAB_HOME": str(tmp_path), "NOIZYLAB_BROKER_PORT": str(port)}
    async with broker_process(tmp_path, port) as broker:
        workers = ("infra.cli", "serve", "workers", "tickets", "pricing", "--instance", "a")
        async with process(*workers, **settings, NOIZYLAB_METRICS_PORT=str(metrics)) as worker:
            await said(worker, "ready")
            broker.send_signal(trouble)
            worker.send_signal(signal.SIGTERM)
            began = monotonic()
            status = await asyncio.wait_for(worker.wait(), 15)
            assert monotonic() - began < 9.5
            assert status in {0, 70}
            sys.stderr.write(f"{trouble} {monotonic() - began:.2f} {status}\n")


@pytest.mark.slow
async def test_a_frozen_worker_does_not_write_once_it_was_replaced(tmp_path: Path) -> None:
    [port] = free_ports(1)
    cluster = Cluster(f"127.0.0.1:{port}")
    async with broker_process(tmp_path, port):
        publisher = KafkaPublisher(cluster, client_id="test")
        await publisher.start()
        gated = "tests.support.gated_worker", cluster.bootstrap
        async with process(*gated, str(tmp_path / "frozen")) as frozen:
            await submit(publisher, 1)
            await said(frozen, "handling")
            frozen.send_signal(signal.SIGSTOP)
            async with process(*gated, str(tmp_path)) as other:
                await asyncio.wait_for(said(other, "handling"), 30)
                (tmp_path / "frozen").touch()
                frozen.send_signal(signal.SIGCONT)
                reason = await asyncio.wait_for(said(frozen, "stopped"), 30)
                assert await asyncio.wait_for(frozen.wait(), 15) == 1
        await publisher.stop()
        assert "partitions" in reason
        async with LogReader(cluster, "test") as reader:
            tps = await reader.partitions([NOTIFICATION_EVENTS.name])
            writers = [json.loads(record.value or b"")["provider_id"] async for record in reader.to_end(tps)]
    assert writers == [tmp_path.name]


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


async def test_answers_metrics_and_health(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    app = make_app(shop_log, publisher, [])
    with probe([app], 0) as port:
        await submit(publisher, 20)
        async with working(app):
            assert app.engine is not None
            await until(lambda: sum(one.committed for one in app.engine.ledgers().values()) == 20)  # type: ignore[union-attr]
            status, text = await asyncio.to_thread(get, port, "/metrics")
            healthy = await asyncio.to_thread(get, port, "/healthz")
            app.engine.beat_s -= 100
            blocked = await asyncio.to_thread(get, port, "/healthz")
            nothing = await asyncio.to_thread(get, port, "/")

    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert status == 200
    assert set(families) == {metric.name for metric in METRICS}
    read = families["noizylab_records_in"].samples
    assert [(one.labels["processor"], one.value) for one in read] == [("notify", 20.0)]
    counted = {one.name: one.value for one in families["noizylab_commit_seconds"].samples if "le" not in one.labels}
    assert counted["noizylab_commit_seconds_count"] >= 1
    assert families["noizylab_assigned_partitions"].samples[0].value == 4
    assert healthy == (200, '{"status": "ok", "reasons": []}')
    assert blocked[0] == 503
    assert "event loop has been blocked for" in blocked[1]
    assert nothing[0] == 404


async def test_says_why_a_worker_ends(shop_log: Cluster, publisher: KafkaPublisher) -> None:
    app: App = make_app(shop_log, publisher, [])
    with probe([app], 0) as port:
        async with working(app):
            assert app.engine is not None
            await app.engine._crash(RuntimeError("for the test"))
            status, health = await asyncio.to_thread(get, port, "/healthz")
            _, text = await asyncio.to_thread(get, port, "/metrics")

    assert status == 503
    assert "notify: for the test" in health
    assert 'noizylab_worker_crashed{processor="notify",reason="RuntimeError"} 1.0' in text


def test_does_without_metrics_when_the_port_is_taken_or_off(caplog: pytest.LogCaptureFixture) -> None:
    with probe([], 0) as port, probe([], port) as second, probe([], None) as off:
        assert (second, off) == (None, None)
    assert "set NOIZYLAB_METRICS_PORT" in caplog.text
